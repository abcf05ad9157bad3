"""The status registers of a Series 2600B.

Source: Series 2600B Reference Manual, 2600BS-901-01, appendix "Status model" and section 7,
``status.*``. There is one node on the TSP-Link: its registers and those of digital I/O, LAN and
blenders are there, and stay as they are.
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
    SYSTEM_SUMMARY,
    Register,
    StandardEvents,
    StatusByte,
    standard_bit,
)
from sim_backend.wire.tsp import Node

__all__ = ["INTERLOCK", "StatusModel"]

#: status.measurement: interlock of the 200 V models, output enable of the others
INTERLOCK = 2048
_STANDARD = {"OPC": 1, "QYE": 4, "DDE": 8, "EXE": 16, "CME": 32, "URQ": 64, "PON": 128}
_STANDARD |= {
    "OPERATION_COMPLETE": 1, "QUERY_ERROR": 4, "DEVICE_DEPENDENT_ERROR": 8, "EXECUTION_ERROR": 16,
    "COMMAND_ERROR": 32, "USER_REQUEST": 64, "POWER_ON": 128,
}  # fmt: skip
_BYTE = {"MSB": 1, "SSB": 2, "EAV": 4, "QSB": 8, "MAV": 16, "ESB": 32, "MSS": 64, "OSB": 128}
_BYTE |= {
    "MEASUREMENT_SUMMARY_BIT": 1, "SYSTEM_SUMMARY_BIT": 2, "ERROR_AVAILABLE": 4,
    "QUESTIONABLE_SUMMARY_BIT": 8, "MESSAGE_AVAILABLE": 16, "EVENT_SUMMARY_BIT": 32,
    "MASTER_SUMMARY_STATUS": 64, "OPERATION_SUMMARY_BIT": 128,
}  # fmt: skip
_MEASUREMENT = {
    "VLMT": 1, "ILMT": 2, "ROF": 128, "BAV": 256, "OE": 2048, "INST": 8192,
    "VOLTAGE_LIMIT": 1, "CURRENT_LIMIT": 2, "READING_OVERFLOW": 128, "BUFFER_AVAILABLE": 256,
    "OUTPUT_ENABLE": 2048, "INTERLOCK": 2048, "INT": 2048, "INSTRUMENT_SUMMARY": 8192,
}  # fmt: skip
_PROTECTION = {"PROT": 8, "PROTECTION": 8}  # of status.measurement, on a 2601B-PULSE
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
    ("calibrating", "operation", _OPERATION["CAL"]),
    ("calibration", "questionable", _QUESTIONABLE["CAL"]),
    ("unstable_output", "questionable", _QUESTIONABLE["UO"]),
    ("over_temperature", "questionable", _QUESTIONABLE["OTEMP"]),
)
_PLACE = {name: (group, bit) for name, group, bit in _BY_CHANNEL}
_INSTRUMENT = 8192  # summary of the channels' own registers in each group
#: bits of status.GROUP.instrument.smuX: those of the group that speak of a channel
_UNIT = {
    "measurement": ("VLMT", "ILMT", "ROF", "BAV", "VOLTAGE_LIMIT", "CURRENT_LIMIT",
                    "READING_OVERFLOW", "BUFFER_AVAILABLE"),
    "operation": ("CAL", "SWE", "MEAS", "TRGOVR", "CALIBRATING", "SWEEPING", "MEASURING",
                  "TRIGGER_OVERRUN"),
    "questionable": ("CAL", "UO", "OTEMP", "CALIBRATION", "UNSTABLE_OUTPUT", "OVER_TEMPERATURE"),
}  # fmt: skip
_LAST = 56  # nodes before those of status.system5
_USER = {f"BIT{k}": 1 << k for k in range(15)}
_REMOTE = {"CAV": 2, "COMMAND_AVAILABLE": 2, "PRMPT": 2048, "PROMPTS_ENABLED": 2048}
#: status.systemN: 14 nodes each, and in bit 0 the summary of the register after it
_NODES = tuple(
    {f"NODE{first + k}": 1 << k for k in range(1, min(14, 64 - first) + 1)}
    | ({} if first == _LAST else {"EXT": 1, "EXTENSION_BIT": 1})
    for first in range(0, 64, 14)
)
#: trigger objects with registers of their own: name, bit in operation.instrument, bits of their
#: overruns
_OBJECTS: tuple[tuple[str, int, str, int], ...] = (
    ("trigger_blender", 1024, "BLND", 6),
    ("trigger_timer", 2048, "TMR", 8),
    ("digio", 4096, "LINE", 14),
    ("tsplink", 8192, "LINE", 3),
    ("lan", 16384, "LAN", 8),
)
_OBJECT = {"TRGOVR": 1024, "TRIGGER_OVERRUN": 1024}
_LAN = {"CON": 1, "CONNECTION": 1, "CONF": 2, "CONFIGURING": 2}
_BITS = whole(0, 255)
#: status.operation.trigger_overrun: what is not a channel
_TIMER_SUMMARY = {
    "TRGBLND": 1024, "TRIGGER_BLENDER": 1024, "TRGTMR": 2048, "TRIGGER_TIMER": 2048,
    "DIGIO": 4096, "DIGITAL_IO": 4096, "TSPLINK": 8192, "LAN": 16384,
}  # fmt: skip
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
        self.node_enable = 0
        self.standard = StandardEvents(_STANDARD, self.byte, STANDARD_SUMMARY)
        self.groups = {
            "measurement": Register(_MEASUREMENT, self.byte, MEASUREMENT_SUMMARY),
            "operation": Register(_OPERATION, self.byte, OPERATION_SUMMARY),
            "questionable": Register(_QUESTIONABLE, self.byte, QUESTIONABLE_SUMMARY),
        }
        self._bit = {letter: 2 << k for k, letter in enumerate(letters)}
        bits = {f"SMU{letter.upper()}": bit for letter, bit in self._bit.items()}
        self.overruns = {letter: Register(_OVERRUN) for letter in self._bit}
        # the register above shows what the channels do now, not what they did (see `note`)
        self.channels = {
            name: Register(bits | _TIMER_SUMMARY if name == "trigger_overrun" else bits)
            for name, _, _ in _BY_CHANNEL
        }
        self.standard.event = POWER_ON
        self.instruments = {
            name: Register(
                bits | _TIMER_SUMMARY if name == "operation" else bits, group, _INSTRUMENT
            )
            for name, group in self.groups.items()
        }
        self.units = {
            (name, letter): Register(
                {bit: group.bits[bit] for bit in _UNIT[name]}, self.instruments[name], own
            )
            for name, group in self.groups.items()
            for letter, own in self._bit.items()
        }
        self.user = Register(_USER, self.groups["operation"], _OPERATION["USER"])
        self.remote = Register(_REMOTE, self.groups["operation"], _OPERATION["REM"])
        self.systems = [Register(bits) for bits in _NODES]
        self.system = self.systems[0] = Register(_NODES[0], self.byte, SYSTEM_SUMMARY)
        self.protection = Register(bits)  # of a pulser
        self.objects = {
            name: Register(
                _OBJECT | (_LAN if name == "lan" else {}), self.instruments["operation"], bit
            )
            for name, bit, _, _ in _OBJECTS
        }
        self.object_overruns = {
            name: Register(
                {f"{what}{k}": 1 << k for k in range(1, count + 1)},
                self.objects[name],
                _OBJECT["TRGOVR"],
            )
            for name, _, what, count in _OBJECTS
        }

    def note(self, letter: str, activity: str, active: bool) -> None:
        """Record what a channel is doing in its register and in the one above."""
        register = self.channels[activity]
        register.set(self._bit[letter], active)
        group, bit = _PLACE[activity]
        self.groups[group].set(bit, bool(register.condition))
        self.units[group, letter].set(bit, active)

    def note_protection(self, letter: str, tripped: bool) -> None:
        """Record whether the protection of a pulser is tripped."""
        self.protection.set(self._bit[letter], tripped)
        self.groups["measurement"].set(_PROTECTION["PROT"], bool(self.protection.condition))

    def show(self, group: str, bit: int, on: bool) -> None:
        """Set or clear a condition of a group that no channel has a part in."""
        self.groups[group].set(bit, on)

    def note_overrun(self, letter: str, detector: str) -> None:
        """Latch that an event detector of a channel lost an event."""
        self.overruns[letter].pulse(_DETECTOR[detector])
        self.channels["trigger_overrun"].pulse(self._bit[letter])
        self.groups["operation"].pulse(_OPERATION["TRGOVR"])

    def note_timer_overrun(self, number: int) -> None:
        """Latch that a trigger timer was triggered during a delay."""
        self.object_overruns["trigger_timer"].pulse(1 << number)
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
        more = [*self.instruments.values(), *self.units.values(), *self.objects.values()]
        overruns = self.object_overruns.values()
        return [
            *registers,
            *more,
            *overruns,
            self.user,
            self.remote,
            self.protection,
            *self.systems,
        ]

    def node(self, refresh: Callable[[], None], *, pulser: bool) -> Node:
        """Describe ``status``; `refresh` is called before conditions are read."""
        if pulser:
            self.groups["measurement"].extend(_PROTECTION)
        above = {
            name: _register_node(f"status.{name}", register, refresh)
            for name, register in self.groups.items()
        }
        for name, group, _ in _BY_CHANNEL:
            above[group].objects[name] = _register_node(
                f"status.{group}.{name}", self.channels[name], refresh
            )
        for name in self.groups:
            above[name].objects["instrument"] = self._instrument_node(name, refresh)
        if pulser:
            name = "status.measurement.protection"
            above["measurement"].objects["protection"] = _register_node(
                name, self.protection, refresh
            )
        operation = above["operation"].objects
        operation["user"] = self._user_node(refresh)
        operation["remote"] = _register_node("status.operation.remote", self.remote, refresh)
        systems = {
            f"system{k or ''}": _register_node(f"status.system{k or ''}", register, refresh)
            for k, register in zip((0, 2, 3, 4, 5), self.systems, strict=True)
        }
        return Node(
            "status",
            getters={
                "condition": lambda: self.byte.condition,
                "request_enable": lambda: self.byte.request_enable,
                "request_event": lambda: self.byte.condition & self.byte.request_enable,
                "node_enable": lambda: self.node_enable,
                "node_event": lambda: self.byte.condition & self.node_enable,
            },
            setters={
                "request_enable": lambda value: setattr(self.byte, "request_enable", _BITS(value)),
                "node_enable": lambda value: setattr(self, "node_enable", _BITS(value)),
            },
            calls={"reset": self.reset},
            objects={**_BYTE, **above, "standard": self._standard_node(), **systems},
        )

    def _user_node(self, refresh: Callable[[], None]) -> Node:
        """Describe the register whose conditions a script sets itself."""
        node = _register_node("status.operation.user", self.user, refresh)

        def set_condition(value: Any) -> None:
            given = whole(0, 32767)(value)
            for bit in self.user.bits.values():
                self.user.set(bit, bool(given & bit))

        node.setters["condition"] = set_condition
        return node

    def _instrument_node(self, group: str, refresh: Callable[[], None]) -> Node:
        name = f"status.{group}.instrument"
        node = _register_node(name, self.instruments[group], refresh)
        for letter in self._bit:
            smu = f"{name}.smu{letter}"
            node.objects[f"smu{letter}"] = _register_node(smu, self.units[group, letter], refresh)
        if group == "operation":
            self._add_overruns(name, node, refresh)
        return node

    def _add_overruns(self, name: str, node: Node, refresh: Callable[[], None]) -> None:
        for letter, register in self.overruns.items():
            smu = f"{name}.smu{letter}.trigger_overrun"
            objects = node.objects[f"smu{letter}"].objects
            objects["trigger_overrun"] = _register_node(smu, register, refresh)
        for key, register in self.objects.items():
            below = self.object_overruns[key]
            part = _register_node(f"{name}.{key}", register, refresh)
            part.objects["trigger_overrun"] = _register_node(
                f"{name}.{key}.trigger_overrun", below, refresh
            )
            node.objects[key] = part

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
