"""From what a Series 2400 answers to rows with achieved values and their uncertainty.

What is achieved, and how it is known:

- t: the instrument's timestamps, counted on through the runs; middle of the aperture. They come in
  ticks of about a millisecond, so all readings of one pass through a list are used together: they
  are equally far apart
- width: the steps the level lasted, times the length of a step. That follows from the timestamps of
  the whole pass, within what their ticks leave open; where they leave it open, it is the typical
  time of a cycle (user's manual, appendix A)
- v: the programmed level; where the source was limiting, the voltage measured along with the
  current, and not a number in steps too short for measuring both
- i: mean of the readings inside the window
- of a terminal that is driven by a current it is the other way round: v is the mean of the
  readings, and i the programmed level; what was measured where that is something else
- flags: `Flag.COMPLIANCE` where compliance or measurement range held the source;
  `Flag.OVERRANGE` where the meter overflowed (what it read is not a number then);
  `Flag.UNSETTLED` where, by the specified settling times, more of the step may have been left than
  the accuracy of the reading
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import fmean

from instruments.keithley2400_limits import SETTLED_AT
from instruments.keithley2400_lines import Reading
from instruments.keithley2400_program import Program
from instruments.keithley2400_schedule import Mark, Run
from labctl.readings import Flag, Row

__all__ = ["first_level", "rows_of", "step_of"]

_OVERFLOW = 1 << 0  # bits of the status word (user's manual, pages 18-50 and 18-51)
_LIMITING = 1 << 3 | 1 << 16  # real compliance; compliance of the measurement range
_NO_NUMBER = 9e37  # the instrument sends 9.9e37 or more where the meter overflowed


def step_of(run: Run, told: Sequence[float], tick: float) -> float:
    """Return the length of a step of one pass, s, as far as the timestamps tell.

    Parameters
    ----------
    run
        What was run.
    told
        When the readings of the pass were taken, s.
    tick
        Length of a tick of the instrument's clock, s.
    """
    if len(told) < 2:
        return run.cycle.period
    measured = (told[-1] - told[0]) / (len(told) - 1)
    open_ = tick / (len(told) - 1)
    return min(max(run.cycle.period, measured - open_), measured + open_)


def first_level(run: Run, told: Sequence[float], tick: float) -> float:
    """Return when the first level of a pass began, s on the clock of the timestamps."""
    step = step_of(run, told, tick)
    begun = fmean(t - k * step for k, t in enumerate(told))
    return begun if run.width else begun - run.cycle.offset + step


def rows_of(
    program: Program, run: Run, readings: Sequence[Reading], zero: float, tick: float
) -> Iterator[Row]:
    """Yield the rows of a run, in order.

    Parameters
    ----------
    program, run
        What was played.
    readings
        All that the run gave, with their timestamps in s.
    zero
        Time of the instrument at which its timestamps were zero, s since the driver connected.
    tick
        Length of a tick of its clock, s.
    """
    size = len(run.points)
    for arm in range(run.arms):
        one = readings[arm * size : (arm + 1) * size]
        told = [reading.t for reading in one]
        step = step_of(run, told, tick)
        begun = zero + fmean(t - k * step for k, t in enumerate(told))
        for mark in run.marks:
            yield _row(program, run, mark, [one[k] for k in mark.readings], begun, step)


def _row(
    program: Program, run: Run, mark: Mark, taken: Sequence[Reading], begun: float, step: float
) -> Row:
    cycle, volts, flags = run.cycle, program.quantity == "v", Flag(0)
    sensed = fmean(one.i if volts else one.v for one in taken)
    level, u_level, doubts = _sourced(program, run, mark, taken)
    if any(one.status & _OVERFLOW for one in taken) or abs(sensed) > _NO_NUMBER / len(taken):
        sensed, flags = math.nan, flags | Flag.OVERRANGE
    flags |= doubts
    bound = program.meter.bound(sensed, cycle.nplc)
    # the first reading of a level decides: later ones had more time
    waited = cycle.offset + cycle.skip + (mark.readings[0] - mark.point) * step
    if abs(sensed) * math.exp(-waited / _slowest(program, sensed)) > bound:
        flags |= Flag.UNSETTLED
    known, got = (level, u_level), (sensed, bound / math.sqrt(3.0))
    (v, u_v), (i, u_i) = (known, got) if volts else (got, known)
    # in pulse mode the timestamp is that of the pulse (check), and the reading comes at its end
    late = run.width - cycle.aperture if run.width else 0.0
    return Row(
        t=round(begun + fmean(mark.readings) * step + late + cycle.skip + cycle.aperture / 2, 7),
        terminal=program.terminal,
        role=mark.role,
        v_set=mark.v if volts else math.nan,
        v=v,
        i=i,
        width=run.width or mark.count * step,
        u_v=u_v,
        u_i=u_i,
        flags=int(flags),
    )


def _sourced(
    program: Program, run: Run, mark: Mark, taken: Sequence[Reading]
) -> tuple[float, float, Flag]:
    """Return what was sourced with its uncertainty: the level, or what was measured instead."""
    volts, cycle, level = program.quantity == "v", run.cycle, mark.v
    meter = program.v_meter if volts else program.i_meter
    measured = fmean(one.v if volts else one.i for one in taken) if cycle.volts else math.nan
    if any(one.status & _LIMITING for one in taken):
        return measured, meter.uncertainty(measured, cycle.nplc), Flag.COMPLIANCE
    bound = program.source.bound(level) + meter.bound(measured, cycle.nplc)
    if volts or not abs(measured - level) > bound:
        return level, program.source.uncertainty(level), Flag(0)
    # a current that falls short, or is not there yet, is never told as the level
    return measured, meter.uncertainty(measured, cycle.nplc), Flag.UNSETTLED


def _slowest(program: Program, sensed: float) -> float:
    """Return the time constant with which source and meter come to what was sensed, s."""
    slowest = max(program.source.time_constant, program.meter.time_constant)
    if program.quantity == "v" or math.isnan(sensed):
        return slowest
    return slowest * max(1.0, abs(sensed) / SETTLED_AT)
