"""A 2450, 2460 or 2461 as a whole: who it is, what went wrong, and how it is made safe.

pymeasure's driver, with its buffer written anew in the native command set (`keithley2450_hand`),
and with what it lacks: `check_errors` raises what it finds instead of logging it; `shutdown` (and
so ``with``) is immediate instead of a ramp that sleeps; an exception inside ``with`` is never
hidden by one from a dead link. Another command set than the native one, SCPI, is refused:
configuration lists, trigger models and microsecond timestamps exist in that alone.
"""

from __future__ import annotations

import contextlib
import logging
import re
from typing import Any

from pyvisa.errors import VisaIOError

from instruments.errors import link_faults, queue_fault, unexpected, wrong_model
from instruments.keithley2450_hand import HandDriver
from instruments.keithley2450_limits import Model
from instruments.keithley2450_lines import parse_error
from labctl.capability import Identity
from labctl.errors import InstrumentFault

__all__ = ["Mainframe"]

log = logging.getLogger(__name__)

#: what a snapshot holds, each asked as it stands with a question mark
_SETTINGS = (
    ":ROUT:TERM", ":SYST:LFR", ":OUTP", ":OUTP:SMOD", ":OUTP:INT:TRIP", ":SOUR:FUNC", ":SOUR:VOLT",
    ":SOUR:VOLT:RANG", ":SOUR:VOLT:RANG:AUTO", ":SOUR:VOLT:ILIM", ":SOUR:VOLT:PROT",
    ":SOUR:VOLT:DEL", ":SOUR:VOLT:DEL:AUTO", ":SOUR:VOLT:READ:BACK", ":SOUR:VOLT:HIGH:CAP",
    ":SOUR:CURR", ":SOUR:CURR:RANG", ":SOUR:CURR:VLIM", ":SENS:FUNC", ":SENS:CURR:RANG",
    ":SENS:CURR:RANG:AUTO", ":SENS:CURR:NPLC", ":SENS:CURR:AZER", ":SENS:CURR:RSEN",
    ":SENS:CURR:AVER", ":SENS:VOLT:RANG", ":FORM:DATA", ":FORM:ASC:PREC", "*LANG",
)  # fmt: skip
_LANGUAGE = "SCPI"
_MOST_STALE = 50  # answers that may be left of what was broken off
_MOST_ERRORS = 1000  # entries that are read from the error queue at once
_DIGITS = 12  # of every number that is sent: a microsecond in eleven days


class Mainframe(HandDriver):
    """The instrument behind a connection, with the properties of pymeasure's driver; values in SI.

    Parameters
    ----------
    adapter
        An open connection.
    label
        Name in the bench file.
    address
        VISA address.
    model
        What the instrument is specified to do.
    """

    def __init__(self, adapter: Any, label: str, address: str, model: Model) -> None:
        self._idn = ""
        super().__init__(adapter, f"{label} ({address})")
        self.label, self.model = label, model
        self.found = ""  #: what was on when the driver connected, as a sentence

    # -- connecting ----------------------------------------------------------------------------

    def start(self, *, leave: bool = False, looking: bool = False) -> None:
        """Ask who answers and in which language, and report what is left of earlier use.

        Parameters
        ----------
        leave
            Leave an output that is on as it is, until the first step; else switch it off.
        looking
            Only look; nothing is set.

        Raises
        ------
        InstrumentFault
            Nobody answers, or another model does, or in another language.
        """
        with link_faults(self.name, "asking who it is"):
            if not looking:
                self._break_off(aborting=not leave)
            self._idn = self.ask("*IDN?").strip()
        self._check_language()
        if self._spoken_model() != self.model.name:
            raise wrong_model(self.name, self.model.name, self._idn)
        if looking:
            return
        with link_faults(self.name, "clearing it"):
            self._note_remains(leave=leave)
            if not leave:
                self.write("*RST")
            self.write(f":FORM:DATA ASC;:FORM:ASC:PREC {_DIGITS}")

    def _check_language(self) -> None:
        """Refuse another command set than the native one; an emulated 2400 calls itself so."""
        if self._spoken_model() == self.model.name:
            with link_faults(self.name, "asking for its command set"):
                language = self.ask("*LANG?").strip()
        elif re.search(r"MODEL\s+24\d\d", self._idn, re.IGNORECASE):
            try:
                language = self.ask("*LANG?").strip()
            except (VisaIOError, OSError):
                return  # a Series 2400 knows no such question
        else:
            return
        if language.upper() != _LANGUAGE:
            raise InstrumentFault(
                f'{self.name}: its command set is "{language}" and not {_LANGUAGE}; send '
                f'"*LANG {_LANGUAGE}" or choose {_LANGUAGE} in its system settings, and switch it '
                "off and on again"
            )

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

    # -- asking --------------------------------------------------------------------------------

    def identify(self) -> Identity:
        """Ask who it is; the instrument does not tell when it was calibrated.

        Raises
        ------
        InstrumentFault
            Nobody answers, or another model does.
        """
        with link_faults(self.name, "asking who it is"):
            self._idn = self.ask("*IDN?").strip()
        model = self._spoken_model()
        if model != self.model.name:
            raise wrong_model(self.name, self.model.name, self._idn)
        parts = [part.strip() for part in self._idn.split(",")]
        serial, firmware = (*parts[2:4], "", "")[:2]
        return Identity(self.label, self._idn, model, serial, firmware)

    def snapshot(self) -> dict[str, str]:
        """Return every setting worth keeping, as the instrument reports it.

        Raises
        ------
        InstrumentFault
            Nobody answers.
        """
        kept = {"idn": self._idn, "found": self.found} if self.found else {"idn": self._idn}
        with link_faults(self.name, "reading its settings"):
            answers = self.ask(";".join(f"{setting}?" for setting in _SETTINGS)).strip().split(";")
        if len(answers) != len(_SETTINGS):
            raise unexpected(self.name, ";".join(answers), f"{len(_SETTINGS)} settings")
        return kept | dict(zip(_SETTINGS, answers, strict=True))

    def drain(self) -> list[str]:
        """Empty the error queue and return its entries."""
        entries: list[str] = []
        with link_faults(self.name, "reading its error queue"):
            if not self.number(":SYST:ERR:COUN?"):
                return entries
            while len(entries) < _MOST_ERRORS:
                answer = self.ask(":SYST:ERR?")
                try:
                    entry = parse_error(answer)
                except ValueError:
                    raise unexpected(self.name, answer, "the error queue") from None
                if not entry:
                    break
                entries.append(entry)
        return entries

    # -- safety --------------------------------------------------------------------------------

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
            self.write(":SOUR:VOLT 0;:SOUR:CURR 0")
            unsafe = [query for query in (":OUTP?", ":SOUR:VOLT?") if self.number(query)]
        if unsafe:
            raise InstrumentFault(
                f"{self.name}: the output is still on or not at zero ({', '.join(unsafe)}); "
                "switch it off at the front panel"
            )
        if entries := self.drain():
            raise queue_fault(self.name, entries, "switching off")

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
