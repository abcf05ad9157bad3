"""Errors, status registers and common commands of a SCPI instrument.

Source: IEEE Std 488.2-1992, 10 and 11; SCPI-1999, volume 2, 20 (STATus) and 21.8 (SYSTem:ERRor).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sim_backend.instruments.scpi_interface import Wait
from sim_backend.wire.parameters import Boolean, Whole
from sim_backend.wire.scpi import Command
from sim_backend.wire.status import (
    ERROR_AVAILABLE,
    MESSAGE_AVAILABLE,
    OPERATION_COMPLETE,
    STANDARD_SUMMARY,
    Entry,
    ErrorQueue,
    Register,
    StandardEvents,
    StatusByte,
    standard_bit,
)

__all__ = ["TEXTS", "Account", "register_commands", "switch"]

#: messages of the standard errors, SCPI-1999 volume 2, 21.8.8 to 21.8.12
TEXTS: Mapping[int, str] = {
    0: "No error",
    -100: "Command error",
    -101: "Invalid character",
    -102: "Syntax error",
    -103: "Invalid separator",
    -104: "Data type error",
    -105: "GET not allowed",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -110: "Command header error",
    -111: "Header separator error",
    -112: "Program mnemonic too long",
    -113: "Undefined header",
    -114: "Header suffix out of range",
    -120: "Numeric data error",
    -121: "Invalid character in number",
    -123: "Exponent too large",
    -124: "Too many digits in number",
    -128: "Numeric data not allowed",
    -131: "Invalid suffix",
    -140: "Character data error",
    -141: "Invalid character data",
    -144: "Character data too long",
    -148: "Character data not allowed",
    -150: "String data error",
    -151: "Invalid string data",
    -154: "String too long",
    -158: "String data not allowed",
    -160: "Block data error",
    -161: "Invalid block data",
    -168: "Block data not allowed",
    -170: "Expression error",
    -171: "Invalid expression",
    -178: "Expression data not allowed",
    -200: "Execution error",
    -201: "Invalid while in local",
    -202: "Settings lost due to rtl",
    -210: "Trigger error",
    -211: "Trigger ignored",
    -212: "Arm ignored",
    -213: "Init ignored",
    -214: "Trigger deadlock",
    -215: "Arm deadlock",
    -220: "Parameter error",
    -221: "Settings conflict",
    -222: "Parameter data out of range",
    -223: "Too much data",
    -224: "Illegal parameter value",
    -225: "Out of memory",
    -230: "Data corrupt or stale",
    -241: "Hardware missing",
    -260: "Expression Error",
    -281: "Cannot create program",
    -282: "Illegal program name",
    -284: "Program currently running",
    -285: "Program syntax error",
    -286: "Program runtime error",
    -330: "Self-test failed",
    -350: "Queue overflow",
    -410: "Query INTERRUPTED",
    -420: "Query UNTERMINATED",
    -430: "Query DEADLOCKED",
    -440: "Query UNTERMINATED after indefinite response",
}
_BYTE = Whole(0, 255, names=())
_WORD = Whole(0, 65535, names=())


class Account:
    """What the instrument tells of itself: identity, error queue, status registers.

    Parameters
    ----------
    identity
        Returns the answer to ``*IDN?``.
    texts
        Messages of the instrument's own errors; the standard ones are known.
    reset
        Brings the instrument to its defaults.
    idle
        Whether nothing overlapped is going on.
    waiting
        Number of replies that are ready.
    capacity
        Rows of the error queue.
    """

    def __init__(
        self,
        identity: Callable[[], str],
        texts: Mapping[int, str],
        reset: Callable[[], None],
        idle: Callable[[], bool],
        waiting: Callable[[], int],
        capacity: int = 10,
    ) -> None:
        self._identity, self._reset, self._idle = identity, reset, idle
        self._texts = {**TEXTS, **texts}
        self._waiting = waiting
        self._complete_when_idle = False
        self.errors = ErrorQueue(self.entry(0), self.entry(-350), capacity, self._noted)
        self.byte = StatusByte(self._live)
        self.standard = StandardEvents(
            {"OPC": 1, "QYE": 4, "DDE": 8, "EXE": 16, "CME": 32, "URQ": 64, "PON": 128},
            self.byte,
            STANDARD_SUMMARY,
        )
        self.registers: list[Register] = []  #: the instrument's own, for ``*CLS``

    def entry(self, code: int, text: str = "") -> Entry:
        """Return a row of the queue; a positive code may be a message and not an error."""
        return Entry(code, text or self._texts.get(code, "Unknown error"), 0, 0)

    def report(self, code: int, _: str = "") -> None:
        """Append an error to the queue."""
        self.errors.add(self.entry(code))

    def _noted(self, entry: Entry) -> None:
        bit = standard_bit(entry.code)
        if bit:
            self.standard.raise_event(bit)

    def _live(self) -> int:
        return (MESSAGE_AVAILABLE if self._waiting() else 0) | (
            ERROR_AVAILABLE if len(self.errors) else 0
        )

    def settle(self) -> None:
        """Note that something overlapped may have ended."""
        if self._complete_when_idle and self._idle():
            self._complete_when_idle = False
            self.standard.raise_event(OPERATION_COMPLETE)

    def clear(self) -> None:
        """Forget errors and events (``*CLS``)."""
        self.errors.clear()
        self.standard.clear()
        for register in self.registers:
            register.clear()
        self._complete_when_idle = False

    def commands(self) -> list[Command]:
        """Return the common commands and those of the error queue."""
        return [
            Command("*IDN", query=self._identity),
            Command("*RST", self._begin_anew),
            Command("*CLS", self.clear),
            Command("*ESE", self._enable, lambda: str(self.standard.enable), (_BYTE,)),
            Command("*ESR", query=lambda: str(self.standard.read_event())),
            Command("*OPC", self._complete, lambda: Wait(self._idle, lambda: "1")),
            Command("*WAI", lambda: Wait(self._idle)),
            Command("*SRE", self._request, lambda: str(self.byte.request_enable), (_BYTE,)),
            Command("*STB", query=lambda: str(self.byte.condition)),
            Command("*TST", query=lambda: "0"),
            Command(":SYSTem:ERRor[:NEXT]", query=self.next_error),
            Command(":SYSTem:ERRor:ALL", query=self._all_errors),
            Command(":SYSTem:ERRor:COUNt", query=lambda: str(len(self.errors))),
            Command(":SYSTem:ERRor:CODE[:NEXT]", query=lambda: str(self.errors.next().code)),
            Command(":SYSTem:ERRor:CODE:ALL", query=self._all_codes),
            Command(":SYSTem:CLEar", self.errors.clear),
        ]

    def next_error(self) -> str:
        """Take the oldest error, as ``-113,"Undefined header"``."""
        entry = self.errors.next()
        return f'{entry.code},"{entry.message}"'

    def _all_errors(self) -> str:
        return ",".join([self.next_error() for _ in range(max(1, len(self.errors)))])

    def _all_codes(self) -> str:
        return ",".join(str(self.errors.next().code) for _ in range(max(1, len(self.errors))))

    def _begin_anew(self) -> None:
        self._complete_when_idle = False
        self._reset()

    def _complete(self) -> None:
        if self._idle():
            self.standard.raise_event(OPERATION_COMPLETE)
        else:
            self._complete_when_idle = True

    def _enable(self, mask: int) -> None:
        self.standard.enable = mask
        self.standard.summarise()

    def _request(self, mask: int) -> None:
        self.byte.request_enable = mask


def register_commands(header: str, register: Register) -> list[Command]:
    """Return the commands of one register set, ``:STATus:OPERation`` and the like.

    Parameters
    ----------
    header
        Without what follows it.
    register
        Registers with transition filters; an instrument without those leaves them out of its table.
    """

    def enable(mask: int) -> None:
        register.enable = mask
        register.summarise()

    return [
        Command(f"{header}[:EVENt]", query=lambda: str(register.read_event())),
        Command(f"{header}:ENABle", enable, lambda: str(register.enable), (_WORD,)),
        Command(f"{header}:CONDition", query=lambda: str(register.condition)),
    ]


def switch(header: str, put: Callable[[bool], None], look: Callable[[], bool]) -> Command:
    """Return a command that switches something, and tells it as ``1`` or ``0``."""
    return Command(header, put, lambda: str(int(look())), (Boolean(),))
