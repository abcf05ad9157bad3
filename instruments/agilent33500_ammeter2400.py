"""A Series 2400 that reads for a generator: its trigger link hears the edges.

The generator's second output leads to an input line of the trigger link. A reading takes the
current, and the voltage after it where there is time; the buffer keeps both. Out of idle the
instrument answers nothing but a device clear (2400S-900-01 Rev. K, section 11), so its readings are
fetched when the burst is over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from instruments.agilent33500_program import Program
from instruments.agilent33500_readers import Reader
from instruments.agilent33500_reads import Raw, Wiring, differing
from instruments.errors import link_faults, queue_fault, unexpected
from instruments.keithley2400_limits import MODELS
from instruments.keithley2400_lines import parse_readings
from instruments.keithley2400_mainframe import Mainframe
from labctl.errors import InstrumentFault

__all__ = ["Ammeter2400"]

#: settings that hold for every burst; what is not here is as after a reset
_BASE = (
    ":SYST:BEEP:STAT OFF;:SYST:TIME:RES:AUTO OFF;:SYST:AZER OFF;:OUTP:SMOD NORM;"
    ":SENS:FUNC:CONC ON;:SENS:RES:MODE MAN;:SENS:AVER OFF;:SOUR:FUNC VOLT;:SOUR:VOLT:MODE FIX;"
    ":SOUR:VOLT 0;:SOUR:CLE:AUTO OFF;:SOUR:DEL 0;:TRIG:DEL 0;:TRAC:TST:FORM ABS"
)
_LOW = 1.05e-4  # A: a compliance that every source range allows
_LIMITED = 1 << 3 | 1 << 16  # real compliance; that of the range (pages 18-50 and 18-51)
_READ_BACK = (
    ":SENS:CURR:PROT?;:SENS:CURR:RANG?;:SENS:CURR:NPLC?;:TRIG:COUN?;:TRAC:POIN?;:OUTP?"
)  # fmt: skip


class Ammeter2400(Mainframe):
    """A Series 2400 at the device's other end; meets `instruments.agilent33500_reads.Reads`.

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
        self._volts = False  # whether the readings of the last burst have a voltage
        self.place = f"line {wiring.line} of its trigger link"

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
        self._volts = program.volts
        with link_faults(self.name, "setting it up"):
            self.write("*RST")
            self.reset_data_format()
            for line in (_BASE, *self._lines(program, count)):
                self.write(line)
            answer = self.ask(_READ_BACK)
        if entries := self.drain():
            raise queue_fault(self.name, entries, "setting it up")
        asked = {
            "a compliance of %g A": program.compliance,
            "a current range of %g A": program.i_meter.full_scale * 1.05,
            "%g PLC": program.nplc,
            "%g triggers": max(count, 1),
            "a buffer of %g readings": max(count, 1),
            "output %g": 0,
        }
        try:
            wrong = differing(asked, answer)
        except ValueError:
            raise unexpected(self.name, answer, "settings") from None
        if wrong:
            raise InstrumentFault(f"{self.name}: {wrong}; nothing was switched on")
        with link_faults(self.name, "switching on"):
            # the first reading after a change takes longer, so that one is taken before the edges
            self.write(":OUTP ON")
            self.ask(":READ?")
            if count:
                edge = f":TRIG:ILIN {self._wiring.line};:TRIG:INP SOUR;:TRIG:DIR ACC"
                self.write(f":TRIG:COUN {count};{edge}")
                self.write(":TRIG:SOUR TLIN;:TRIG:CLE;:TRAC:FEED:CONT NEXT;:INIT")

    def _lines(self, program: Program, count: int) -> Iterator[str]:
        """Yield what a burst needs, the compliance lowered before the ranges change."""
        terminals = "REAR" if self._wiring.channel == "rear" else "FRON"
        functions = "'VOLT','CURR'" if program.volts else "'CURR'"
        yield f":ROUT:TERM {terminals};:SENS:FUNC:OFF:ALL;:SENS:FUNC {functions}"
        yield (
            f":SENS:CURR:RANG:AUTO ON;:SENS:CURR:PROT {min(_LOW, program.compliance):.9g};"
            f":SOUR:VOLT:RANG {program.v_range:.9g};:SENS:CURR:PROT {program.compliance:.9g};"
            f":SENS:CURR:RANG {program.i_meter.full_scale:.9g}"
        )
        yield f":SENS:CURR:NPLC {program.nplc:.9g};:SYST:AZER ONCE"
        yield (
            ":TRAC:FEED:CONT NEV;:TRAC:CLE;:TRAC:FEED SENS;"
            f":TRAC:POIN {max(count, 1)};:ARM:COUN 1;:TRIG:COUN {max(count, 1)}"
        )

    def waiting(self) -> bool:
        """Return whether it would hear an edge now: it does once `watch` has returned."""
        return True

    def taken(self, *, over: bool) -> int:
        """Return how many readings there are; none until the burst is over."""
        if not over:
            return 0
        with link_faults(self.name, "waiting for readings"):
            self.write(":ABOR")  # where an edge did not come it would wait for ever
            return round(self.number(":TRAC:POIN:ACT?"))

    def fetch(self, first: int, last: int) -> list[Raw]:
        """Return some of the readings, counted from 1.

        Raises
        ------
        InstrumentFault
            The answer is not what was asked for.
        """
        with link_faults(self.name, "fetching readings"):
            answer = self.ask(":TRAC:DATA?")
        try:
            readings = parse_readings(answer)
        except ValueError:
            readings = []
        if len(readings) < last:
            raise unexpected(self.name, answer, f"{last} readings")
        return [
            Raw(one.i, one.v if self._volts else math.nan, bool(one.status & _LIMITED), one.t)
            for one in readings[first - 1 : last]
        ]

    def release(self) -> None:
        """Switch the output off after a burst.

        Raises
        ------
        InstrumentFault
            It reported an error.
        """
        with link_faults(self.name, "switching off"):
            self.write(":OUTP OFF")
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
