"""A 2450, 2460 or 2461 as a whole: who it is, what went wrong, and how it is made safe.

pymeasure's driver, with its buffer written anew in the native command set (`keithley2450_hand`),
and with what it lacks: `check_errors` raises what it finds instead of logging it; `shutdown` (and
so ``with``) is immediate instead of a ramp that sleeps; an exception inside ``with`` is never
hidden by one from a dead link. Another command set than the native one, SCPI, is refused:
configuration lists, trigger models and microsecond timestamps exist in that alone.
"""

from __future__ import annotations

import re
from typing import Any

from pyvisa.errors import VisaIOError

from instruments.errors import link_faults, unexpected, wrong_model
from instruments.keithley2450_hand import HandDriver
from instruments.keithley2450_limits import Model
from instruments.keithley2450_lines import DIGITS, parse_error
from labctl.capability import Identity
from labctl.errors import InstrumentFault

__all__ = ["Mainframe"]

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
_MOST_ERRORS = 1000  # entries that are read from the error queue at once


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

    settings = _SETTINGS
    zero = ":SOUR:VOLT 0;:SOUR:CURR 0"
    zeroed = (":SOUR:VOLT?", ":SOUR:CURR?")

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
            self.write(f":FORM:DATA ASC;:FORM:ASC:PREC {DIGITS}")

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
