"""What source-meters that speak SCPI have in common: being asked, found on, and made safe."""

from __future__ import annotations

import contextlib
import logging
import re
from typing import Any, ClassVar

from pyvisa.errors import VisaIOError

from instruments.errors import link_faults, queue_fault, unexpected
from instruments.secured import Secured
from labctl.errors import InstrumentFault

__all__ = ["ScpiSource"]

log = logging.getLogger(__name__)

_MOST_STALE = 50  # answers that may be left of what was broken off


class ScpiSource(Secured):
    """Put before a driver of pymeasure; the driver gives `drain`.

    Attributes
    ----------
    settings
        What a snapshot holds, each asked as it stands with a question mark.
    zero
        The line that brings every level to zero, sent with the output off.
    zeroed
        What is asked whether it did.
    """

    settings: ClassVar[tuple[str, ...]]
    zero: ClassVar[str]
    zeroed: ClassVar[tuple[str, ...]] = (":SOUR:VOLT?",)

    ask: Any
    read: Any
    write: Any
    found: str  #: what was on when the driver connected, as a sentence
    _idn: str

    def number(self, query: str) -> float:
        """Ask for one number.

        Raises
        ------
        InstrumentFault
            The answer is not a number.
        """
        answer = self.ask(query)
        try:
            return float(answer)
        except ValueError:
            raise unexpected(self.name, answer, f"a number to {query}") from None

    def snapshot(self) -> dict[str, str]:
        """Return every setting worth keeping, as the instrument reports it.

        Raises
        ------
        InstrumentFault
            Nobody answers.
        """
        kept = {"idn": self._idn, "found": self.found} if self.found else {"idn": self._idn}
        with link_faults(self.name, "reading its settings"):
            line = ";".join(f"{setting}?" for setting in self.settings)
            answers = self.ask(line).strip().split(";")
        if len(answers) != len(self.settings):
            raise unexpected(self.name, ";".join(answers), f"{len(self.settings)} settings")
        return kept | dict(zip(self.settings, answers, strict=True))

    def make_safe(self) -> None:
        """Abort, bring every level to zero and the output off, and see that it is so.

        Raises
        ------
        InstrumentFault
            Something could not be made safe, or the error queue had entries that nobody has seen;
            the message says which.
        """
        doing = "switching off; the output may still be on, so switch it off at the front panel"
        with link_faults(self.name, doing):
            self._synchronise()
            self.write(":OUTP OFF")
            self.write(self.zero)
            unsafe = [query for query in (":OUTP?", *self.zeroed) if self.number(query)]
        if unsafe:
            raise InstrumentFault(
                f"{self.name}: the output is still on or not at zero ({', '.join(unsafe)}); "
                "switch it off at the front panel"
            )
        if entries := self.drain():
            raise queue_fault(self.name, entries, "switching off")

    def _spoken_model(self) -> str:
        match = re.search(r"MODEL\s+([^,\s]+)", self._idn, re.IGNORECASE)
        return match[1].upper() if match else ""

    def _note_remains(self, *, leave: bool) -> None:
        """Remember what an earlier user left: errors nobody has read, an output that is on."""
        found = []
        if self.number(":OUTP?"):
            volts = self.ask(":SOUR:FUNC?").strip() == "VOLT"
            level = self.number(":SOUR:VOLT?" if volts else ":SOUR:CURR?")
            became = "left on" if leave else "switched off"
            found.append(
                f"found the output on at {level:g} {'V' if volts else 'A'}; it was {became}"
            )
        if entries := self.drain():
            found.append(f"found unread errors: {', '.join(entries)}")
        if found:
            self.found = f"{self.name}: {'; '.join(found)}"
            log.warning(self.found)

    def _synchronise(self) -> None:
        """Break off whatever runs and throw away what it has answered."""
        self._break_off(aborting=True)
        self.write("*IDN?")
        for _ in range(_MOST_STALE):
            if self.read().strip() == self._idn:
                return
        raise InstrumentFault(
            f"{self.name}: it does not answer to what it is asked; the output may still be on, so "
            "switch it off at the front panel"
        )

    def _break_off(self, *, aborting: bool) -> None:
        # a socket has no device clear; the abort acts there as everywhere
        if self.adapter.connection.resource_class != "SOCKET":
            with contextlib.suppress(VisaIOError, NotImplementedError):
                self.adapter.connection.clear()
        if aborting:
            self.write(":ABOR")
