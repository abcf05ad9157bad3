"""A 2450, 2460 or 2461 as a whole: who it is, what went wrong, and how it is made safe.

pymeasure's `Keithley2450` speaks the SCPI of the 2400 alone, which these instruments understand
only when they are set to emulate one; configuration lists, trigger models and microsecond
timestamps exist in the native command set alone. So this holds pymeasure's connection and its
`Instrument`, and has the few properties of its driver that are of use by hand, in the native
language: levels, limits, ranges, readings and a buffer of any length.
"""

from __future__ import annotations

import contextlib
import logging
import re
from typing import Any

from pymeasure.instruments import Instrument, SCPIMixin
from pyvisa.errors import VisaIOError

from instruments.errors import link_faults, queue_fault, unexpected, wrong_model
from instruments.keithley2450_limits import Model
from instruments.keithley2450_lines import parse_error
from instruments.secured import Secured
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


def _control(command: str, meaning: str) -> Any:
    """Return a property for a number that the instrument itself validates."""
    return Instrument.control(
        f"{command}?", f"{command} %.9g", f"Control {meaning}.", check_set_errors=True
    )


class Mainframe(Secured, SCPIMixin, Instrument):  # type: ignore[misc]
    """The instrument behind a connection; values in SI.

    Setting a value that the instrument refuses raises `InstrumentFault` with the entries of its
    error queue.

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

    source_voltage = _control(":SOUR:VOLT", "the voltage sourced, V")
    source_voltage_range = _control(":SOUR:VOLT:RANG", "the range of the voltage source, V")
    source_current = _control(":SOUR:CURR", "the current sourced, A")
    source_current_range = _control(":SOUR:CURR:RANG", "the range of the current source, A")
    compliance_current = _control(":SOUR:VOLT:ILIM", "the current compliance, A")
    compliance_voltage = _control(":SOUR:CURR:VLIM", "the voltage compliance, V")
    current_range = _control(":SENS:CURR:RANG", "the range of the ammeter, A")
    current_nplc = _control(":SENS:CURR:NPLC", "the aperture of the ammeter, line cycles")
    voltage_range = _control(":SENS:VOLT:RANG", "the range of the voltmeter, V")
    trigger_count = _control(":SENS:COUN", "how many readings are taken at a time")
    buffer_points = Instrument.control(
        ":TRAC:POIN?", ":TRAC:POIN %d", "Control how many readings the buffer takes.",
        cast=int, check_set_errors=True,
    )  # fmt: skip

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
        if not re.search(r"MODEL\s+24\d\d", self._idn, re.IGNORECASE):
            return
        try:
            language = self.ask("*LANG?").strip()
        except (VisaIOError, OSError):
            if self._spoken_model() == self.model.name:
                raise InstrumentFault(
                    f"{self.name}: no answer came in time while asking for its command set; check "
                    "the connection and the instrument's system settings"
                ) from None
            return  # a Series 2400 knows no such question
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

    # -- work by hand --------------------------------------------------------------------------

    @property
    def source_enabled(self) -> bool:
        """Whether the output is on."""
        return bool(self.number(":OUTP?"))

    def enable_source(self) -> None:
        """Switch the output on."""
        self.write(":OUTP ON")
        self.check_errors()

    def disable_source(self) -> None:
        """Switch the output off."""
        self.write(":OUTP OFF")
        self.check_errors()

    @property
    def current(self) -> float:
        """Take one reading of the current, A."""
        self.write(":SENS:FUNC 'CURR'")
        return self.number(":READ?")

    def config_buffer(self, points: int = 64, delay: float = 0.0) -> None:
        """Let the default buffer take a number of readings, each after a delay in s.

        Raises
        ------
        InstrumentFault
            The instrument refuses.
        """
        self.write(f':TRAC:CLE;:TRAC:POIN {max(points, 10)};:TRAC:FILL:MODE ONCE,"defbuffer1"')
        self.write(f':TRIG:LOAD "SimpleLoop",{points},{delay:.9g}')
        self.check_errors()

    def start_buffer(self) -> None:
        """Start taking readings."""
        self.write(":INIT")
        self.check_errors()

    def wait_for_buffer(self) -> None:
        """Wait until all readings are taken; the connection's timeout is the longest wait."""
        with link_faults(self.name, "waiting for its buffer to fill"):
            self.ask("*OPC?")

    @property
    def buffer_data(self) -> list[float]:
        """Every reading in the default buffer."""
        count = int(self.number(":TRAC:ACT?"))
        if not count:
            return []
        answer = self.ask(f':TRAC:DATA? 1,{count},"defbuffer1",READ')
        return [float(text) for text in answer.split(",")]

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
