"""Status registers and queue of a Series 2400.

Source: 2400 Series SourceMeter User's Manual, section 15, table 18-8, pages 18-101 to 18-103,
appendix B (numbers and texts of the messages).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from sim_backend.instruments.keithley2400_settings import written
from sim_backend.instruments.scpi_account import Account
from sim_backend.wire.parameters import Raw, ScpiError, Whole
from sim_backend.wire.scpi import Command
from sim_backend.wire.status import (
    MEASUREMENT_SUMMARY,
    OPERATION_SUMMARY,
    QUESTIONABLE_SUMMARY,
    Register,
)

__all__ = ["TEXTS", "Status"]

#: messages of the instrument's own errors and events
TEXTS: Mapping[int, str] = MappingProxyType({
    100: "Limit 1 failed", 101: "Low limit 2 failed", 102: "High limit 2 failed",
    103: "Low limit 3 failed", 104: "High limit 3 failed", 105: "Active limit tests passed",
    106: "Reading available", 107: "Reading overflow", 108: "Buffer available",
    109: "Buffer full", 110: "Limit 4 failed", 111: "OUTPUT enable asserted",
    112: "Temperature limit exceeded", 113: "Voltage limit exceeded",
    114: "Source in compliance",
    200: "Operation complete",
    300: "Device calibrating", 303: "Device sweeping", 305: "Waiting in trigger layer",
    306: "Waiting in arm layer", 310: "Entering idle layer",
    408: "Questionable Calibration", 414: "Command Warning",
    500: "Date of calibration not set", 501: "Next date of calibration not set",
    502: "Calibration data invalid", 503: "DAC calibration overflow",
    504: "DAC calibration underflow", 505: "Source offset data invalid",
    506: "Source gain data invalid", 507: "Measurement offset data invalid",
    508: "Measurement gain data invalid", 509: "Not permitted with cal locked",
    510: "Not permitted with cal un-locked",
    601: "Reading buffer data lost", 602: "GPIB address lost", 603: "Power-on state lost",
    604: "DC calibration data lost", 605: "Calibration dates lost",
    606: "GPIB communication language lost",
    700: "Invalid system communication", 701: "ASCII only with RS-232",
    800: "Illegal with storage active", 801: "Insufficient vector data",
    802: "OUTPUT blocked by output enable", 803: "Not permitted with OUTPUT off",
    804: "Expression list full", 805: "Undefined expression exists",
    806: "Expression not found", 807: "Definition not allowed",
    808: "Expression cannot be deleted", 809: "Source memory location revised",
    810: "OUTPUT blocked by Over Temp", 811: "Not an operator or number",
    812: "Mismatched parenthesis", 813: "Not a number of data handle",
    814: "Mismatched brackets", 815: "Too many parenthesis",
    816: "Entire expression not parsed", 817: "Unknown token",
    818: "Error parsing mantissa", 819: "Error parsing exponent", 820: "Error parsing value",
    821: "Invalid data handle index", 822: "Too small for sense range",
    823: "Invalid with source read-back on", 824: "Cannot exceed compliance range",
    825: "Invalid with auto-ohms on", 826: "Attempt to exceed power limit",
    827: "Invalid with ohms guard on", 828: "Invalid on 1 amp range",
    829: "Invalid on 1kV range", 830: "Invalid with INF ARM:COUNT",
    831: "Invalid in Pulse Mode", 900: "Internal System Error",
})  # fmt: skip

#: measurement register, bit by name
MEASUREMENT = {
    "L1": 1, "LL2": 2, "HL2": 4, "LL3": 8, "HL3": 16, "LP": 32, "RAV": 64, "ROF": 128,
    "BAV": 256, "BFL": 512, "CC": 1024, "INT": 2048, "OT": 4096, "OVP": 8192, "COMP": 16384,
}  # fmt: skip
OPERATION = {"CAL": 1, "SWEEP": 8, "TRIG": 32, "ARM": 64, "IDLE": 1024}
QUESTIONABLE = {"CAL": 256, "WARN": 16384}
_LIMIT_BITS = sum(MEASUREMENT[name] for name in ("L1", "LL2", "HL2", "LL3", "HL3", "LP", "CC"))
_LOWEST, _HIGHEST = -440, 900
_RANGE = re.compile(r"([+-]?\d+)(?:\s*:\s*([+-]?\d+))?$")


class Status:
    """The instrument's own registers, above those of IEEE 488.2.

    Parameters
    ----------
    account
        Error queue, status byte and standard events.
    live
        Brings conditions that follow the hardware up to date before they are read.
    form
        Returns how registers are written: ``FORMat:SREGister``.
    """

    def __init__(self, account: Account, live: Callable[[], None], form: Callable[[], str]) -> None:
        self._account, self._live, self._form = account, live, form
        self.measurement = Register(MEASUREMENT, account.byte, MEASUREMENT_SUMMARY)
        self.questionable = Register(QUESTIONABLE, account.byte, QUESTIONABLE_SUMMARY)
        self.operation = Register(OPERATION, account.byte, OPERATION_SUMMARY)
        account.registers += [self.measurement, self.questionable, self.operation]
        self.operation.set(OPERATION["IDLE"], True)
        self.measurement.set(MEASUREMENT["INT"], True)
        for register in account.registers:
            register.clear()
        self.queued: set[int] = set()
        self.enable_usual()

    # -- conditions --------------------------------------------------------------------------

    def set(self, name: str, on: bool) -> None:
        """Set or clear a condition of the measurement register."""
        bit = MEASUREMENT[name]
        if bool(self.measurement.condition & bit) != on:
            self.measurement.set(bit, on)
            if on:
                self._message(100 + bit.bit_length() - 1)

    def pulse(self, bit: int) -> None:
        """Let a measurement event happen."""
        self.measurement.pulse(bit)
        if self._eager:
            self._message(100 + bit.bit_length() - 1)

    def operate(self, name: str, on: bool) -> None:
        """Set or clear a condition of the operation register."""
        bit = OPERATION[name]
        if bool(self.operation.condition & bit) != on:
            self.operation.set(bit, on)
            if on and self._eager:
                self._message(300 + bit.bit_length() - 1)

    def limits(self, event: int) -> None:
        """Show what the limit tests said of the last reading: one bit, or none."""
        self.measurement.set(_LIMIT_BITS & ~event, False)
        if event:
            self.measurement.set(event, True)
            self._message(100 + event.bit_length() - 1)

    def _message(self, code: int) -> None:
        """Put a status message into the queue, when it is enabled there."""
        if code in self.queued:
            self._account.report(code)

    # -- queue -------------------------------------------------------------------------------

    def enable_usual(self) -> None:
        """Enable every error and no status message, as after switching on."""
        self.queued = {*range(_LOWEST, 0), *(code for code in TEXTS if code >= 500)}
        self._eager = False

    def report(self, code: int, text: str = "") -> None:
        """Append an error to the queue, unless it is disabled there."""
        if code in self.queued or code not in range(_LOWEST, _HIGHEST + 1):
            self._account.report(code, text)

    def enable_only(self, text: str) -> None:
        """Let the messages of a list into the queue, and no others."""
        self.queued = _codes(text)
        self._note_eager()

    def disable(self, text: str) -> None:
        """Keep the messages of a list out of the queue."""
        self.queued -= _codes(text)
        self._note_eager()

    def _note_eager(self) -> None:
        self._eager = any(100 <= code < 500 for code in self.queued)

    def disabled(self) -> str:
        """Answer which messages are kept out."""
        return _listed(set(range(_LOWEST, _HIGHEST + 1)) - self.queued)

    def preset(self) -> None:
        """Clear the enable masks (``STATus:PRESet``)."""
        for register in self._account.registers:
            register.enable = 0
            register.summarise()

    # -- commands ----------------------------------------------------------------------------

    def commands(self) -> list[Command]:
        """Return the table of ``STATus``."""
        account = self._account
        table = [
            Command(":STATus:PRESet", self.preset),
            Command(":STATus:QUEue[:NEXT]", query=account.next_error),
            Command(":STATus:QUEue:ENABle", self.enable_only, lambda: _listed(self.queued),
                    (Raw(),)),
            Command(":STATus:QUEue:DISable", self.disable, self.disabled, (Raw(),)),
            Command(":STATus:QUEue:CLEar", account.errors.clear),
        ]  # fmt: skip
        for name, register in (
            ("MEASurement", self.measurement),
            ("QUEStionable", self.questionable),
            ("OPERation", self.operation),
        ):
            table += self._register(f":STATus:{name}", register)
        return table

    def _register(self, header: str, register: Register) -> list[Command]:
        def event() -> str:
            self._live()
            return written(register.read_event(), self._form())

        def condition() -> str:
            self._live()
            return written(register.condition, self._form())

        def enable(mask: int) -> None:
            register.enable = mask
            register.summarise()

        mask = (Whole(0, 65535, names=()),)
        return [
            Command(f"{header}[:EVENt]", query=event),
            Command(f"{header}:CONDition", query=condition),
            Command(f"{header}:ENABle", enable,
                    lambda: written(register.enable, self._form()), mask),
        ]  # fmt: skip


def _codes(text: str) -> set[int]:
    """Read a list of numbers and ranges of them: ``(-110:-222, -220)``.

    Raises
    ------
    ScpiError
        It is not written so, or a number is outside those of messages.
    """
    stripped = text.strip()
    if not (stripped.startswith("(") and stripped.endswith(")")):
        raise ScpiError(-104, text)
    found: set[int] = set()
    for part in filter(None, (piece.strip() for piece in stripped[1:-1].split(","))):
        match = _RANGE.match(part)
        if match is None or len(part) > 16:
            raise ScpiError(-104, text)
        ends = sorted((int(match[1]), int(match[2] or match[1])))
        if ends[0] < _LOWEST or ends[1] > _HIGHEST:
            raise ScpiError(-222, text)
        found.update(range(ends[0], ends[1] + 1))
    return found


def _listed(codes: set[int]) -> str:
    """Write numbers as ranges."""
    parts: list[list[int]] = []
    for code in sorted(codes):
        if parts and code == parts[-1][1] + 1:
            parts[-1][1] = code
        else:
            parts.append([code, code])
    return "(" + ",".join(f"{a:+d}:{b:+d}" if a != b else f"{a:+d}" for a, b in parts) + ")"
