"""The status registers of a Series 2600B.

Source: Series 2600B Reference Manual, 2600BS-901-01, appendix "Status model" and section 7,
``status.*``. The registers of TSP-Link nodes, of digital I/O and of the LAN are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sim_backend.instruments.keithley2600_checks import whole
from sim_backend.wire.status import (
    MEASUREMENT_SUMMARY,
    OPERATION_COMPLETE,
    OPERATION_SUMMARY,
    POWER_ON,
    QUESTIONABLE_SUMMARY,
    STANDARD_SUMMARY,
    Register,
    StandardEvents,
    StatusByte,
    standard_bit,
)
from sim_backend.wire.tsp import Node

__all__ = ["StatusModel"]

_STANDARD = {"OPC": 1, "QYE": 4, "DDE": 8, "EXE": 16, "CME": 32, "URQ": 64, "PON": 128}
_BYTE = {"MSB": 1, "SSB": 2, "EAV": 4, "QSB": 8, "MAV": 16, "ESB": 32, "MSS": 64, "OSB": 128}
_MEASUREMENT = {
    "VLMT": 1, "ILMT": 2, "ROF": 128, "BAV": 256, "OE": 2048, "INST": 8192,
    "VOLTAGE_LIMIT": 1, "CURRENT_LIMIT": 2, "READING_OVERFLOW": 128, "BUFFER_AVAILABLE": 256,
    "OUTPUT_ENABLE": 2048, "INSTRUMENT_SUMMARY": 8192,
}  # fmt: skip
_OPERATION = {
    "CAL": 1, "SWE": 8, "MEAS": 16, "TRGOVR": 1024, "REM": 2048, "USER": 4096, "INST": 8192,
    "PROG": 16384, "CALIBRATING": 1, "SWEEPING": 8, "MEASURING": 16, "TRIGGER_OVERRUN": 1024,
    "REMOTE_SUMMARY": 2048, "INSTRUMENT_SUMMARY": 8192, "PROGRAM_RUNNING": 16384,
}  # fmt: skip
_QUESTIONABLE = {
    "CAL": 256, "UO": 512, "OTEMP": 4096, "INST": 8192, "CALIBRATION": 256,
    "UNSTABLE_OUTPUT": 512, "OVER_TEMPERATURE": 4096, "INSTRUMENT_SUMMARY": 8192,
}  # fmt: skip
#: registers with one bit a channel: name, register above, its bit
_BY_CHANNEL = (
    ("sweeping", "operation", _OPERATION["SWE"]),
    ("measuring", "operation", _OPERATION["MEAS"]),
    ("voltage_limit", "measurement", _MEASUREMENT["VLMT"]),
    ("current_limit", "measurement", _MEASUREMENT["ILMT"]),
    ("reading_overflow", "measurement", _MEASUREMENT["ROF"]),
    ("buffer_available", "measurement", _MEASUREMENT["BAV"]),
    ("trigger_overrun", "operation", _OPERATION["TRGOVR"]),
)
_TIMER_SUMMARY = {"TRGTMR": 2048, "TRIGGER_TIMER": 2048}
#: event detector -> its bit in status.operation.instrument.smuX.trigger_overrun
_DETECTOR = {"arm": 2, "source": 4, "measure": 8, "endpulse": 16}
_OVERRUN = {"ARM": 2, "SRC": 4, "MEAS": 8, "ENDP": 16}


class StatusModel:
    """All registers, and what the instrument tells them.

    Parameters
    ----------
    letters
        Of the channels.
    live
        Bits of the status byte that follow the queues.
    """

    def __init__(self, letters: Iterable[str], live: Callable[[], int]) -> None:
        self.byte = StatusByte(live)
        self.standard = StandardEvents(_STANDARD, self.byte, STANDARD_SUMMARY)
        self.groups = {
            "measurement": Register(_MEASUREMENT, self.byte, MEASUREMENT_SUMMARY),
            "operation": Register(_OPERATION, self.byte, OPERATION_SUMMARY),
            "questionable": Register(_QUESTIONABLE, self.byte, QUESTIONABLE_SUMMARY),
        }
        self._bit = {letter: 2 << k for k, letter in enumerate(letters)}
        bits = {f"SMU{letter.upper()}": bit for letter, bit in self._bit.items()}
        self.overruns = {letter: Register(_OVERRUN) for letter in self._bit}
        self.timer_overruns = Register({f"TIMER{k}": 1 << k for k in range(1, 9)})
        # the register above shows what the channels do now, not what they did (see `note`)
        self.channels = {
            name: Register(bits | _TIMER_SUMMARY if name == "trigger_overrun" else bits)
            for name, _, _ in _BY_CHANNEL
        }
        self.standard.event = POWER_ON

    def note(self, letter: str, activity: str, active: bool) -> None:
        """Record what a channel is doing in its register and in the one above."""
        register = self.channels[activity]
        register.set(self._bit[letter], active)
        _, group, bit = next(row for row in _BY_CHANNEL if row[0] == activity)
        self.groups[group].set(bit, bool(register.condition))

    def note_overrun(self, letter: str, detector: str) -> None:
        """Latch that an event detector of a channel lost an event."""
        self.overruns[letter].pulse(_DETECTOR[detector])
        self.channels["trigger_overrun"].pulse(self._bit[letter])
        self.groups["operation"].pulse(_OPERATION["TRGOVR"])

    def note_timer_overrun(self, number: int) -> None:
        """Latch that a trigger timer was triggered during a delay."""
        self.timer_overruns.pulse(1 << number)
        self.channels["trigger_overrun"].pulse(_TIMER_SUMMARY["TRGTMR"])
        self.groups["operation"].pulse(_OPERATION["TRGOVR"])

    def error(self, code: int) -> None:
        """Latch the standard event that goes with an error."""
        bit = standard_bit(code)
        if bit:
            self.standard.raise_event(bit)

    def complete(self) -> None:
        """Latch that all operations are complete (``*OPC``)."""
        self.standard.raise_event(OPERATION_COMPLETE)

    def clear(self) -> None:
        """Forget every latched event (``*CLS``)."""
        for register in (self.standard, *self._below()):
            register.clear()

    def reset(self) -> None:
        """Return every mask to its default (status.reset)."""
        self.byte.request_enable = 0
        for register in (self.standard, *self._below()):
            register.reset()

    def _below(self) -> list[Register]:
        registers = [*self.groups.values(), *self.channels.values(), *self.overruns.values()]
        return [*registers, self.timer_overruns]

    def node(self, refresh: Callable[[], None]) -> Node:
        """Describe ``status``; `refresh` is called before conditions are read."""
        above = {
            name: _register_node(f"status.{name}", register, refresh)
            for name, register in self.groups.items()
        }
        for name, group, _ in _BY_CHANNEL:
            above[group].objects[name] = _register_node(
                f"status.{group}.{name}", self.channels[name], refresh
            )
        above["operation"].objects["instrument"] = self._instrument_node(refresh)
        return Node(
            "status",
            getters={
                "condition": lambda: self.byte.condition,
                "request_enable": lambda: self.byte.request_enable,
                "request_event": lambda: self.byte.condition & self.byte.request_enable,
            },
            setters={
                "request_enable": lambda value: setattr(
                    self.byte, "request_enable", whole(0, 255)(value)
                )
            },
            calls={"reset": self.reset},
            objects={**_BYTE, **above, "standard": self._standard_node()},
        )

    def _instrument_node(self, refresh: Callable[[], None]) -> Node:
        name = "status.operation.instrument"
        objects: dict[Any, Any] = {}
        for letter, register in self.overruns.items():
            smu = f"{name}.smu{letter}"
            overrun = _register_node(f"{smu}.trigger_overrun", register, refresh)
            objects[f"smu{letter}"] = Node(smu, objects={"trigger_overrun": overrun})
        timer = f"{name}.trigger_timer"
        overrun = _register_node(f"{timer}.trigger_overrun", self.timer_overruns, refresh)
        objects["trigger_timer"] = Node(timer, objects={"trigger_overrun": overrun})
        return Node(name, objects=objects)

    def _standard_node(self) -> Node:
        node = _register_node("status.standard", self.standard, lambda: None)
        node.getters["condition"] = lambda: self.standard.event
        return node


def _register_node(name: str, register: Register, refresh: Callable[[], None]) -> Node:
    mask = whole(0, 65535)

    def condition() -> int:
        refresh()
        return register.condition

    def enable(value: Any) -> None:
        register.enable = mask(value)
        register.summarise()

    return Node(
        name,
        getters={
            "condition": condition,
            "event": register.read_event,
            "enable": lambda: register.enable,
            "ntr": lambda: register.ntr,
            "ptr": lambda: register.ptr,
        },
        setters={
            "enable": enable,
            "ntr": lambda value: setattr(register, "ntr", mask(value)),
            "ptr": lambda value: setattr(register, "ptr", mask(value)),
        },
        objects=dict(register.bits),
    )
