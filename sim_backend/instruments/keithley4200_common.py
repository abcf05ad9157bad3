"""What belongs to the whole 4200A: identity, status byte, errors, buffer (KXCI, any page)."""

from __future__ import annotations

from collections.abc import Callable

from sim_backend.instruments.keithley4200_errors import LastError
from sim_backend.wire.kxci import Command, Whole

__all__ = ["SystemCommands"]

DATA_READY, SYNTAX_ERROR, BUSY, REQUEST = 1, 2, 16, 64  #: bits of the status byte [M 9-54]


class SystemCommands:
    """Identity, status byte and last error.

    Parameters
    ----------
    errors
        The last error.
    idn, options
        What ``*IDN?`` and ``*OPT?`` answer.
    reset
        Called by ``*RST``.
    busy
        Whether a test is going on.
    """

    def __init__(
        self,
        errors: LastError,
        idn: str,
        options: str,
        reset: Callable[[], None],
        busy: Callable[[], bool],
    ) -> None:
        self._errors, self._idn, self._options = errors, idn, options
        self._reset, self._busy = reset, busy
        self.data_ready = self.syntax_error = self.request = False
        self.emulation = (0, 0)  #: 4200A mode, not kept

    def sent(self) -> None:
        """Note that data are on their way."""

    def poll(self) -> int:
        """Return the status byte; data ready and syntax error are told once."""
        busy = self._busy()
        byte = DATA_READY * (self.data_ready and not busy) | SYNTAX_ERROR * self.syntax_error
        byte |= BUSY * busy
        if self.request and byte & DATA_READY:
            byte |= REQUEST
        self.data_ready = self.data_ready and busy
        self.syntax_error = False
        return byte

    def commands(self) -> list[Command]:
        """Return the table."""
        major = self._idn.split(",")
        return [
            Command("*IDN?", lambda: self._idn),
            Command("*OPT?", lambda: self._options),
            Command("*RST", self._reset),
            Command("ID", lambda: f"{major[1]} {major[3]}"),
            Command("SP", lambda: str(self.poll())),
            Command("BC", self._clear),
            Command("DR", self._enable, (Whole("request", 0, 1),)),
            Command("EM", self._emulate, (Whole("mode", 0, 1), Whole("kept", 0, 1))),
            Command(":ERROR:LAST:GET", lambda: str(self._errors)),
            Command(":ERROR:LAST:CLEAR", self._errors.clear),
        ]

    def _clear(self) -> None:
        self.data_ready = False

    def _enable(self, state: int) -> None:
        self.request = bool(state)

    def _emulate(self, mode: int, kept: int) -> None:
        self.emulation = (mode, kept)
