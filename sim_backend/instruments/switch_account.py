"""Errors, status registers and common commands of a switching mainframe.

Source: Models 707B and 708B Switching Matrix Reference Manual, 707B-901-01, appendix "Status
model"; IEEE Std 488.2-1992. Registers that belong to scans, LAN and digital I/O are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim_backend.instruments.keithley2600_checks import whole
from sim_backend.instruments.keithley2600_errors import NO_SEVERITY, RECOVERABLE, text_of
from sim_backend.wire.status import (
    ERROR_AVAILABLE,
    MEASUREMENT_SUMMARY,
    MESSAGE_AVAILABLE,
    OPERATION_COMPLETE,
    OPERATION_SUMMARY,
    POWER_ON,
    QUESTIONABLE_SUMMARY,
    STANDARD_SUMMARY,
    Entry,
    ErrorQueue,
    Register,
    StandardEvents,
    StatusByte,
    standard_bit,
)
from sim_backend.wire.tsp import Node, Refusal

__all__ = ["Account"]

_QUEUE = 100  # rows of the error queue
_BYTE = {"MSB": 1, "SSB": 2, "EAV": 4, "QSB": 8, "MAV": 16, "ESB": 32, "MSS": 64, "OSB": 128}
_STANDARD = {"OPC": 1, "QYE": 4, "DDE": 8, "EXE": 16, "CME": 32, "URQ": 64, "PON": 128}
_SUMMARIES = (
    ("measurement", MEASUREMENT_SUMMARY),
    ("operation", OPERATION_SUMMARY),
    ("questionable", QUESTIONABLE_SUMMARY),
)


class Account:
    """What a mainframe tells of itself.

    Parameters
    ----------
    identity
        The answer to ``*IDN?``.
    reset
        Brings it to its defaults.
    waiting
        Number of replies that are ready.
    """

    def __init__(
        self, identity: str, reset: Callable[[], None], waiting: Callable[[], int]
    ) -> None:
        self._identity, self._reset, self._waiting = identity, reset, waiting
        self.byte = StatusByte(self._live)
        self.standard = StandardEvents(_STANDARD, self.byte, STANDARD_SUMMARY)
        self.standard.event = POWER_ON
        self._groups = {name: Register({}, self.byte, bit) for name, bit in _SUMMARIES}
        self.errors = ErrorQueue(_entry(0, severity=NO_SEVERITY), _entry(-350), _QUEUE, self._noted)

    def report(self, code: int, text: str = "") -> None:
        """Append an error to the queue; without a text, the one that belongs to the code."""
        self.errors.add(_entry(code, text))

    def complete(self) -> None:
        """Latch "operation complete": nothing here is overlapped."""
        self.standard.raise_event(OPERATION_COMPLETE)

    def clear(self) -> None:
        """Forget errors and events (``*CLS``)."""
        self.errors.clear()
        for register in (self.standard, *self._groups.values()):
            register.clear()

    def _noted(self, entry: Entry) -> None:
        if bit := standard_bit(entry.code):
            self.standard.raise_event(bit)

    def _live(self) -> int:
        available = MESSAGE_AVAILABLE if self._waiting() else 0
        return available | (ERROR_AVAILABLE if len(self.errors) else 0)

    def commands(self) -> dict[str, Callable[[str], str | None]]:
        """Return the common commands: header to what is done with the parameter."""
        return {
            "*IDN?": lambda _: self._identity,
            "*RST": lambda _: self._reset(),
            "*CLS": lambda _: self.clear(),
            "*ESE": lambda value: _enable(self.standard, _mask(value)),
            "*ESE?": lambda _: str(self.standard.enable),
            "*ESR?": lambda _: str(self.standard.read_event()),
            "*OPC": lambda _: self.complete(),
            "*SRE": lambda value: self._request(_mask(value)),
            "*SRE?": lambda _: str(self.byte.request_enable),
            "*STB?": lambda _: str(self.byte.condition),
            "*TST?": lambda _: "0",
        }

    def _request(self, value: Any) -> None:
        self.byte.request_enable = whole(0, 255)(value)

    def _reset_masks(self) -> None:
        self.byte.request_enable = 0
        for register in (self.standard, *self._groups.values()):
            register.reset()

    def node(self) -> Node:
        """Describe ``status``."""
        registers = {"standard": self.standard, **self._groups}
        nodes = {name: _register_node(name, register) for name, register in registers.items()}
        return Node(
            "status",
            getters={
                "condition": lambda: self.byte.condition,
                "request_enable": lambda: self.byte.request_enable,
            },
            setters={"request_enable": self._request},
            calls={"reset": self._reset_masks},
            objects={**_BYTE, **nodes},
        )


def _register_node(name: str, register: Register) -> Node:
    def put(field: str) -> Callable[[Any], None]:
        return lambda value: setattr(register, field, whole(0, 65535)(value))

    return Node(
        f"status.{name}",
        getters={
            "condition": lambda: register.condition,
            "event": register.read_event,
            "enable": lambda: register.enable,
            "ntr": lambda: register.ntr,
            "ptr": lambda: register.ptr,
        },
        setters={
            "enable": lambda value: _enable(register, value),
            "ntr": put("ntr"),
            "ptr": put("ptr"),
        },
        objects=dict(register.bits),
    )


def _enable(register: Register, value: Any) -> None:
    register.enable = whole(0, 65535)(value)
    register.summarise()


def _mask(value: str) -> int:
    if not value:
        raise Refusal(-109)
    return whole(0, 255)(value)


def _entry(code: int, text: str = "", severity: int = RECOVERABLE) -> Entry:
    return Entry(code, text or text_of(code), severity, 1)
