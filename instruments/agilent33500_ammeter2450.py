"""A 2450, 2460 or 2461 that reads for a generator: a trigger model waits for edges.

The generator's second output leads to a digital line. Four blocks of a trigger model wait for an
edge, take a reading and wait again; readings can be fetched while it runs. A reading takes the
voltage first, where there is time for it, and then the current.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from instruments.agilent33500_program import Program
from instruments.agilent33500_readers import Reader
from instruments.agilent33500_reads import Raw, Wiring, differing
from instruments.errors import link_faults, queue_fault, unexpected
from instruments.keithley2450_limits import AUTO_ZERO_NPLC, MODELS
from instruments.keithley2450_lines import BUFFER, READINGS, parse_readings
from instruments.keithley2450_mainframe import Mainframe
from instruments.keithley2450_readings import HOT, LIMITED, READ_BACK
from labctl.errors import InstrumentFault

__all__ = ["Ammeter2450"]

_BASE = (
    ":FORM:DATA ASC;:FORM:ASC:PREC 12;:OUTP:SMOD NORM;:SOUR:FUNC VOLT;:SOUR:VOLT 0;"
    ":SOUR:VOLT:DEL 0;:SOUR:VOLT:RANG:AUTO OFF;:SENS:FUNC 'CURR';:SENS:COUN 1"
)
_SMALLEST_BUFFER = 10  # readings
_AT_ONCE = 1000  # readings fetched in one message
_READ_BACK = f':SOUR:VOLT:ILIM?;:SENS:CURR:RANG?;:SENS:CURR:NPLC?;:TRAC:POIN? "{BUFFER}";:OUTP?'


class Ammeter2450(Mainframe):
    """A 2450 at the device's other end; meets `instruments.agilent33500_reads.Reads`.

    Parameters
    ----------
    adapter
        An open connection.
    label
        Name in the bench file.
    reader
        What the instrument is specified to do.
    wiring
        How it is reached.
    """

    def __init__(self, adapter: Any, label: str, reader: Reader, wiring: Wiring) -> None:
        super().__init__(adapter, label, wiring.address, MODELS[reader.name])
        self._wiring = wiring
        self.place = f"its digital line {wiring.line}"

    def prepare(self) -> float:
        """Return its power line frequency, Hz.

        Raises
        ------
        InstrumentFault
            Nobody answers.
        """
        with link_faults(self.name, "reading its line frequency"):
            frequency = self.number(":SYST:LFR?")
        self.check_errors()
        return frequency

    def watch(self, program: Program) -> None:
        """Hold zero volts within the compliance, and read at every edge that comes.

        Raises
        ------
        InstrumentFault
            It refuses a setting; its output is off then.
        """
        count = len(program.readings) * program.repeats
        size = max(count, _SMALLEST_BUFFER)
        with link_faults(self.name, "setting it up"):
            self.write("*RST")
            for line in (_BASE, *self._lines(program, size), *self._model(count)):
                self.write(line)
            answer = self.ask(_READ_BACK)
        if entries := self.drain():
            raise queue_fault(self.name, entries, "setting it up")
        asked = {
            "a compliance of %g A": program.compliance,
            "a current range of %g A": program.i_meter.full_scale,
            "%g PLC": program.nplc,
            "a buffer of %g readings": size,
            "output %g": 0,
        }
        try:
            wrong = differing(asked, answer)
        except ValueError:
            raise unexpected(self.name, answer, "settings") from None
        if wrong:
            raise InstrumentFault(f"{self.name}: {wrong}; nothing was switched on")
        with link_faults(self.name, "switching on"):
            self.write(":OUTP ON;:INIT" if count else ":OUTP ON")

    def _lines(self, program: Program, size: int) -> Iterator[str]:
        """Yield what a burst needs, the limit lowered before the ranges change."""
        terminals = "REAR" if self._wiring.channel == "rear" else "FRON"
        yield f":ROUT:TERM {terminals};:SENS:CURR:RANG:AUTO ON;:SOUR:VOLT:RANG {program.v_range:g}"
        yield (
            f":SOUR:VOLT:ILIM {program.compliance:.9g};"
            f":SENS:CURR:RANG {program.i_meter.full_scale:.9g};:SENS:CURR:AZER OFF"
        )
        yield f":SENS:CURR:NPLC {AUTO_ZERO_NPLC:g};:SENS:AZER:ONCE"
        yield f":SENS:CURR:NPLC {program.nplc:.9g};:SOUR:VOLT:READ:BACK {int(program.volts)}"
        yield f':TRAC:MAKE "{BUFFER}",{size};:TRAC:FILL:MODE ONCE,"{BUFFER}"'

    def _model(self, count: int) -> Iterator[str]:
        """Yield the trigger model: wait for an edge, read, and again."""
        line = self._wiring.line
        if not count:
            return
        yield (
            f":DIG:LINE{line}:MODE TRIG,IN;:TRIG:DIG{line}:IN:EDGE RIS;:TRIG:DIG{line}:IN:CLE;"
            ':TRIG:LOAD "Empty"'
        )
        yield (
            f':TRIG:BLOC:BUFF:CLE 1,"{BUFFER}";:TRIG:BLOC:WAIT 2,DIG{line};'
            f':TRIG:BLOC:MEAS 3,"{BUFFER}",1;:TRIG:BLOC:BRAN:COUN 4,{count},2'
        )

    def waiting(self) -> bool:
        """Return whether it would hear an edge now: it does once `watch` has returned."""
        return True

    def taken(self, *, over: bool) -> int:
        """Return how many readings there are."""
        with link_faults(self.name, "waiting for readings"):
            return round(self.number(f':TRAC:ACT? "{BUFFER}"'))

    def fetch(self, first: int, last: int) -> list[Raw]:
        """Return some of the readings, counted from 1.

        Raises
        ------
        InstrumentFault
            The answer is not what was asked for, or the instrument is too hot.
        """
        rows: list[Raw] = []
        for start in range(first, last + 1, _AT_ONCE):
            rows += self._block(start, min(start + _AT_ONCE - 1, last))
        return rows

    def _block(self, first: int, last: int) -> list[Raw]:
        with link_faults(self.name, "fetching readings"):
            answer = self.ask(READINGS % (first, last))
        try:
            readings = parse_readings(answer)
        except ValueError:
            readings = []
        if len(readings) != last - first + 1:
            raise unexpected(self.name, answer, f"{last - first + 1} readings")
        if any(one.status & HOT for one in readings):
            raise InstrumentFault(
                f"{self.name}: it is too hot; let it cool down and give it air before the next run"
            )
        return [
            Raw(
                one.sensed,
                one.sourced if one.status & READ_BACK else math.nan,
                bool(one.status & LIMITED),
                one.t,
            )
            for one in readings
        ]

    def release(self) -> None:
        """Switch the output off after a burst.

        Raises
        ------
        InstrumentFault
            It reported an error.
        """
        with link_faults(self.name, "switching off"):
            self.write(":ABOR;:OUTP OFF")
        self.check_errors()

    def isolate(self) -> None:
        """Switch off by opening the relay, so that nothing flows whatever the generator does.

        Raises
        ------
        InstrumentFault
            It cannot be reached, or stays on.
        """
        with link_faults(self.name, "opening its output relay"):
            self._synchronise()
            self.write(":OUTP:SMOD HIMP;:OUTP OFF")
            if self.number(":OUTP?"):
                raise InstrumentFault(f"{self.name}: the output still reports to be on")
