"""From the data of a B1500A to rows with achieved values and their uncertainty.

What is achieved, and how it is known:

- t: the time stamps of the instrument, in ticks of 0.1 ms, which it takes when a measurement begins
- width: of pulses, staircases and samples as they were set, whole ticks of the instrument's clock;
  of a level that is timed by commands, the difference of the time stamps of its two edges
- v: the programmed level; where the source was limiting, the voltage measured before the current in
  a level timed by commands, and not a number in the other modes, which measure the current alone
- i: mean of the samples inside the window
- flags: by the status letter, C and V and X; `Flag.UNSETTLED` where, by the specified settling
  times, more of the step may have been left than the accuracy of the reading
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import NamedTuple

from instruments.b1500_lines import Datum
from instruments.b1500_program import Program
from instruments.b1500_schedule import Run
from instruments.levels import Level, Span
from labctl.readings import Flag, Row

__all__ = ["Taken", "first_level", "level_rows", "run_rows", "takings"]

_NO_NUMBER = 9e99


class Taken(NamedTuple):
    """One measurement: when it began, and what it gave."""

    t: float  #: on the instrument's timer, s
    datum: Datum


def takings(data: Sequence[Datum]) -> list[Taken]:
    """Return time stamps and values in pairs.

    Raises
    ------
    ValueError
        They are not in pairs.
    """
    if len(data) % 2 or any(stamp.kind != "T" for stamp in data[::2]):
        raise ValueError("values without a time stamp")
    return [Taken(stamp.value, value) for stamp, value in zip(data[::2], data[1::2], strict=True)]


def first_level(run: Run, taken: Sequence[Taken], aperture: float) -> float:
    """Return when the first level of a run began, on the instrument's timer, s."""
    level = run.levels[0]
    if run.kind == "pulses":
        return taken[0].t - (level.length - aperture)
    return taken[0].t - (level.spans[0].start if run.kind == "staircase" else 0.0)


def run_rows(
    program: Program, run: Run, taken: Sequence[Taken], aperture: float, frequency: float
) -> Iterator[Row]:
    """Yield the rows of a run that a trigger began; t is on the instrument's timer.

    Parameters
    ----------
    program, run
        What was played.
    taken
        All that it gave.
    aperture
        Of a measurement, s.
    frequency
        Of the mains, Hz.

    Raises
    ------
    ValueError
        There are more or fewer values than were asked for.
    """
    expected = run.count if run.kind == "sampling" else len(run.levels)
    if len(taken) != expected:
        raise ValueError(f"{len(taken)} values instead of {expected}")
    nplc = aperture * frequency
    if run.kind == "sampling":
        (level,) = run.levels
        for span in level.spans:
            inside = _inside(span, run.period, aperture, len(taken))
            waited = inside[0] * run.period
            yield _row(program, level, span, [taken[k] for k in inside], aperture, nplc, waited)
        return
    for level, one in zip(run.levels, taken, strict=True):
        for span in level.spans:
            waited = level.length - aperture if run.kind == "pulses" else span.start
            yield _row(program, level, span, [one], aperture, nplc, waited)


def _inside(span: Span, interval: float, aperture: float, count: int) -> list[int]:
    """Return which samples lie in a window; the nearest one where none does wholly."""
    found = [
        k for k in range(count)
        if k * interval >= span.start - 1e-9 and k * interval + aperture <= span.stop + 1e-9
    ]  # fmt: skip
    middle = (span.start + span.stop - aperture) / 2
    return found or [min(range(count), key=lambda k: abs(k * interval - middle))]


def level_rows(
    program: Program, level: Level, edges: tuple[float, float],
    volts: Datum | None, taken: Sequence[Taken], apertures: Sequence[float], frequency: float,
) -> Iterator[Row]:  # fmt: skip
    """Yield the rows of a level that was timed by commands; t is on the instrument's timer.

    Parameters
    ----------
    program, level
        What was played.
    edges
        Time stamps of its beginning and its end, s.
    volts
        The voltage, where it was measured.
    taken
        The currents.
    apertures
        Of those, s.
    frequency
        Of the mains, Hz.
    """
    began, ended = edges
    for span, one, aperture in zip(level.spans, taken, apertures, strict=True):
        nplc, waited = aperture * frequency, one.t - began
        row = _row(program, level, span, [one], aperture, nplc, waited)._replace(
            width=round(ended - began, 7)
        )
        if row.flags & Flag.COMPLIANCE and volts is not None:
            u_v = program.v_meter.uncertainty(volts.value, nplc)
            row = row._replace(v=volts.value, u_v=u_v)
        yield row


def _row(
    program: Program, level: Level, span: Span, taken: Sequence[Taken],
    aperture: float, nplc: float, waited: float,
) -> Row:  # fmt: skip
    meter, flags = program.i_meter, Flag(0)
    i, v, u_v = (
        fmean(one.datum.value for one in taken),
        level.v,
        program.source.uncertainty(level.v),
    )
    status = {one.datum.status for one in taken}
    if "V" in status or abs(i) > _NO_NUMBER:
        i, flags = math.nan, flags | Flag.OVERRANGE
    if "C" in status:
        v, u_v, flags = math.nan, math.nan, flags | Flag.COMPLIANCE
    if "X" in status:
        flags |= Flag.UNSETTLED
    bound = meter.bound(i, nplc) if not math.isnan(i) else math.nan
    slowest = max(program.source.time_constant, meter.time_constant)
    if abs(i) * math.exp(-waited / slowest) > bound:
        flags |= Flag.UNSETTLED
    return Row(
        t=fmean(one.t for one in taken) + aperture / 2,
        terminal=program.terminal,
        role=span.role,
        v_set=level.v,
        v=v,
        i=i,
        width=level.length,
        u_v=u_v,
        u_i=bound / math.sqrt(3.0),
        flags=int(flags),
    )
