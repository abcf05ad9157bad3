"""From what a 2450 answers to rows with achieved values and their uncertainty.

What is achieved, and how it is known:

- t: the instrument's timestamps; middle of the current's aperture
- width: from the timestamps of the level's first reading and of the reading after the level, less
  the user delays between each of them and the source's move before it. In pulse mode nothing is
  read after a pulse: there it is the sum of the delays and the sample in it, which the instrument
  counts by the same clock
- v: measured along with the current where the level leaves time for it; else the programmed level,
  which is not a number where the source was limiting. Of a terminal that is driven by a current it
  is the other way round: v is always measured, and i where there is time, else it is programmed
- flags: `Flag.COMPLIANCE` from the source status; `Flag.OVERRANGE` where the meter overflowed (what
  it read is not a number then); `Flag.UNSETTLED` where, by the specified settling times, more of
  the step may have been left than the accuracy of the reading
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from instruments.keithley2450_limits import BLOCK, SETTLED_AT
from instruments.keithley2450_lines import Reading
from instruments.keithley2450_program import Program
from instruments.keithley2450_schedule import Mark, Step
from labctl.readings import Flag, Row

__all__ = ["HOT", "Decoder"]

#: bits of the source status [2461-901-01 Rev. A, page 8-31]
READ_BACK, HOT, LIMITED = 8, 16, 32
_NO_NUMBER = 9e37  # the instrument sends 9.9e37 or more where the meter overflowed


class _Taken(NamedTuple):
    """A reading whose level is not over yet."""

    step: Step
    reading: Reading


class Decoder:
    """Turns the readings of a run into rows, as they come.

    Parameters
    ----------
    program
        What is played.
    zero
        When the first reading began, s since the driver connected.
    """

    def __init__(self, program: Program, zero: float) -> None:
        self._program, self._zero = program, zero
        self._place = 0 if program.pulsed else -1  # of the next reading; the first one is at zero
        self._open: list[_Taken] = []  # readings of the level that is not over
        self._level = (-1, -1)  # its repetition and number

    def rows(self, readings: Sequence[Reading]) -> list[Row]:
        """Return the rows of the levels that ended with the next readings."""
        take = self._pulses if self._program.pulsed else self._steps
        return [row for reading in readings for row in take(reading)]

    def _pulses(self, reading: Reading) -> Iterator[Row]:
        step = self._program.steps[self._place % len(self._program.steps)]
        self._place += 1
        if step.mark is not None:
            late = step.aperture / 2
            yield self._row(step, step.mark, reading, reading.t + late, step.length)

    def _steps(self, reading: Reading) -> Iterator[Row]:
        steps, place = self._program.steps, self._place
        self._place += 1
        if place < 0:
            return
        repetition, number = divmod(place, len(steps))
        # the last reading of a run is at zero, and one block after the source's move
        step = steps[number] if repetition < self._program.repeats else None
        level = (repetition, -1 if step is None else step.level)
        if level != self._level:
            yield from self._closed(reading.t - (BLOCK if step is None else step.offset))
            self._open, self._level = [], level
        if step is not None:
            self._open.append(_Taken(step, reading))

    def _closed(self, end: float) -> Iterator[Row]:
        """Yield the rows of the level that ended at a time."""
        if not self._open:
            return
        first, began = self._open[0]
        width = end - (began.t - first.offset)
        for step, reading in self._open:
            if step.mark is not None:
                yield self._row(step, step.mark, reading, reading.t + step.middle, width)

    def _row(self, step: Step, mark: Mark, reading: Reading, t: float, width: float) -> Row:
        program = self._program
        volts = program.quantity == "v"
        sourced_by, nplc = program.source, step.aperture * program.line_frequency
        sensed, flags = _shown(reading.sensed), Flag(0)
        if math.isnan(sensed):
            flags |= Flag.OVERRANGE
        sourced, u_sourced = step.v, sourced_by.uncertainty(step.v)
        if reading.status & LIMITED:
            sourced, flags = math.nan, flags | Flag.COMPLIANCE
        if reading.status & READ_BACK and not math.isnan(_shown(reading.sourced)):
            meter = program.v_meter if volts else program.i_meter
            sourced, u_sourced = reading.sourced, meter.uncertainty(reading.sourced, nplc)
        bound = program.meter.bound(sensed, nplc)
        if abs(sensed) * math.exp(-mark.waited / self._slowest(sensed)) > bound:
            flags |= Flag.UNSETTLED
        got, known = (sourced, u_sourced), (sensed, bound / math.sqrt(3.0))
        (v, u_v), (i, u_i) = (got, known) if volts else (known, got)
        return Row(
            t=round(self._zero + t, 9),
            terminal=program.terminal,
            role=mark.role,
            v_set=step.v if volts else math.nan,
            v=v,
            i=i,
            width=round(width, 9),
            u_v=u_v,
            u_i=u_i,
            flags=int(flags),
        )

    def _slowest(self, sensed: float) -> float:
        """Return the time constant with which source and meter come to what was sensed, s."""
        program = self._program
        slowest = max(program.source.time_constant, program.meter.time_constant)
        if program.quantity == "v" or math.isnan(sensed):
            return slowest
        return slowest * max(1.0, abs(sensed) / SETTLED_AT)


def _shown(reading: float) -> float:
    """Return a reading; not a number where the meter has overflowed."""
    return reading if abs(reading) <= _NO_NUMBER else math.nan
