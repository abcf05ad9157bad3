"""From a waveform to the points of a generator's memory, and the record of its oscilloscope.

A body is played as one arbitrary waveform, repeated in a burst, as for a source-meter. Output 2
rises just before it; there the oscilloscope's record begins. Every reading is the mean of what a
record has in its window::

    output 1   ____|^^^^^^^^^^^^^|_______________|^^^^^^^^^^^^^|____
    output 2   __|^|_________________________|^|___________________
    record   |zero|...............|        |..................|
    reading               |mean|                        |mean|

What is before the first trigger is at zero volts and says where the zero of each channel is. The
record is one of the whole burst where its points are close enough to each other. Else it is made of
segments: windows that are near each other share one, and output 2 rises before each.

Nothing here talks to an instrument.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from instruments.agilent33500_checks import check_shape
from instruments.agilent33500_grid import Grid, Straight
from instruments.agilent33500_limits import RESISTANCE, Generator
from instruments.agilent33500_program import Burst, Points, lay_out, runs_of, whole, width_of
from instruments.agilent33500_records import FEWEST, Records, Sight, note_depth, records_of
from instruments.keysightdsox_limits import Input
from instruments.pieces import Body, Compiled, Findings, fold
from instruments.ranges import Range, range_for
from labctl.capability import Limits
from labctl.steps import Play
from labctl.units import show
from labctl.waveform import TICKS_PER_SECOND, seconds

__all__ = ["Viewed", "Watch", "compile_watch"]

_MOST_READINGS = 100_000  # windows are worked out by the computer
_HEADROOM = 1.1  # of a level on the screen of channel 1: a generator is accurate to 2 %
_UP = 1e-6  # s that a trigger stays up


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch(Burst):
    """All that is played once, and seen by an oscilloscope."""

    sights: tuple[Sight, ...]  #: of one repetition
    marks: tuple[int, ...]  #: points at which the trigger rises
    long: int  #: points for which it stays up
    segmented: bool  #: a record for each mark of each repetition; else one for all of them
    before: float  #: what is recorded before a trigger, s
    after: float  #: and after it, s
    points_wanted: int  #: of a transfer
    apart: float  #: the longest time from point to point to be expected, s
    v_meter: Range
    i_meter: Range

    @property
    def taken(self) -> int:
        """How many readings come of a repetition."""
        return len(self.sights)

    @property
    def calm(self) -> float:
        """How long the oscilloscope has to see zero volts before it begins, s."""
        return self.before

    @property
    def period(self) -> float:
        """From one repetition to the next, s."""
        return self.points * self.grid

    def triggers(self) -> Points:
        """Return the trigger track of one repetition: 1 where it is high, shape (points,)."""
        track = np.zeros(self.points)
        for mark in self.marks:
            track[mark : mark + self.long] = 1.0
        return track

    def late(self, mark: int) -> float:
        """Return how long after the first mark of a repetition another is, s."""
        return (self.marks[mark] - self.marks[0]) * self.grid


@dataclass(frozen=True, slots=True)
class Viewed:
    """The instruments that a watch is made for."""

    generator: Generator
    input: Input
    series: float  #: resistance in series with the device besides the output's own, Ohm
    channels: Mapping[str, str]  #: device terminal -> output of the generator

    @property
    def reader(self) -> str:
        """Model of the oscilloscope."""
        return self.input.scope.name

    @property
    def behind(self) -> float:
        """Between what channel 1 sees and the device, and between that and ground, Ohm."""
        return self.series + self.input.ohms

    @property
    def resistance(self) -> float:
        """In series with the device, Ohm: nothing else bounds its current."""
        return RESISTANCE + self.behind

    @property
    def limits(self) -> Limits:
        """What both can do together."""
        level, scope = self.generator.level.full_scale, self.input.scope
        return Limits(
            model=self.generator.name,
            max_v=level,
            max_i=level / self.resistance,
            min_width=self.generator.width,
            min_gap=self.generator.width,
            min_aperture=max(FEWEST / scope.rate, self.generator.grid),
            resolution=self.generator.grid,
            max_points=self.generator.points,
            max_readings=_MOST_READINGS,
            ramps=True,
            source=f"{self.generator.source}; read by a {scope.name}: {scope.source}",
        )


def compile_watch(play: Play, unit: Viewed) -> Compiled[Watch]:
    """Make the program of a step, and say what stands against it.

    Parameters
    ----------
    play
        Waveform, compliance and current ranges.
    unit
        The generator and its oscilloscope.
    """
    found = Findings(unit.generator.name)
    check_shape(play, unit, found)
    ranges = None if found.violations else _check_currents(play, unit, found)
    if ranges is None:
        return Compiled(None, found.violations)
    body = whole(fold(play.waveform))
    if body.node is None:
        return Compiled(_rest_alone(play, body, ranges), found.violations)
    laid = lay_out(body, next(iter(unit.channels), "top"), unit.generator, found)
    if laid is None:
        return Compiled(None, found.violations)
    program = _watch(play, unit, body, *laid, ranges, found)
    serious = any(not violation.instead for violation in found.violations)
    return Compiled(None if serious else program, found.violations)


# -- currents --------------------------------------------------------------------------------------


def _check_currents(play: Play, unit: Viewed, found: Findings) -> tuple[Range, Range] | None:
    """Return the ranges of voltage and current, or note why there are none."""
    peak = max(play.waveform.summary().peak.values(), default=0.0)
    unheld = peak / unit.resistance
    if not play.compliance > 0:
        remedy = "give the largest current to be expected"
        found.add("compliance", show(play.compliance, "A"), "more than 0 A", remedy)
        return None
    if unheld > play.compliance * (1 + 1e-9):
        _note_unheld(play, unit, peak, unheld, found)
    terminal = next(iter(unit.channels), "top")
    largest = min(play.compliance, unheld) if unheld else play.compliance
    asked = play.ranges.get(terminal, largest)
    amperes, name = unit.input.amperes(), unit.reader
    # what flows at most is seen, whatever more is allowed
    i_meter = range_for(amperes, min(asked, amperes[-1].full_scale))
    if asked < unit.input.bit:
        found.add(
            "current range",
            show(asked, "A"),
            f"at least {show(unit.input.bit, 'A')}, one step of the eight bits of a {name} on its "
            f"smallest scale across {unit.input.ohms:g} Ohm",
            "take a larger resistor beside channel 2 and name it as shunt, or read with a "
            "source-meter",
        )
        return None
    v_meter = range_for(unit.input.scope.volts(), peak * _HEADROOM)
    return None if v_meter is None or i_meter is None else (v_meter, i_meter)


def _note_unheld(play: Play, unit: Viewed, peak: float, unheld: float, found: Findings) -> None:
    wanted = peak / play.compliance - unit.resistance + unit.series
    digit = 10.0 ** math.floor(math.log10(wanted) - 1)
    wanted = math.ceil(wanted / digit) * digit  # two digits that are enough
    found.add(
        "compliance",
        show(play.compliance, "A"),
        f"{show(unheld, 'A')} or more at {show(peak, 'V')}: an oscilloscope limits no current, and "
        f"{unit.resistance:g} Ohm alone bound it",
        f"put a resistor in series with the sample and name it in the bench file as series "
        f"({show(wanted, 'Ohm')} would do), or give the compliance that it allows",
        f"up to {show(unheld, 'A')} instead of {show(play.compliance, 'A')}, with readings beyond "
        "that flagged",
        unheld,
    )


# -- the program -----------------------------------------------------------------------------------


def _rest_alone(play: Play, body: Body, ranges: tuple[Range, Range]) -> Watch:
    return Watch(
        runs=(), grid=1.0, rounding=0.0, repeats=0, lead=seconds(body.lead),
        trail=seconds(body.trail), peak=0.0, compliance=play.compliance, sights=(), marks=(),
        long=1, segmented=False, before=0.0, after=0.0, points_wanted=0, apart=0.0,
        v_meter=ranges[0], i_meter=ranges[1],
    )  # fmt: skip


def _watch(
    play: Play,
    unit: Viewed,
    body: Body,
    stretches: Sequence[Straight],
    grid: Grid,
    ranges: tuple[Range, Range],
    found: Findings,
) -> Watch | None:
    step = grid.step / TICKS_PER_SECOND
    runs = runs_of(stretches, grid, body, unit.generator.fewest)
    points = sum(run.points for run in runs)
    sights = list(_sights(stretches, grid))
    records: Records | None = Records()
    if sights:
        records = records_of(sights, step, points, body.repeats, unit.input.scope)
        if records is None:
            note_depth(sights, step * points, body.repeats, unit.input.scope, found)
            return None
    assert records is not None
    memory = records.memory
    return Watch(
        runs=runs, grid=step, rounding=0.0 if grid.exact else step / 2, repeats=body.repeats,
        lead=seconds(body.lead), trail=seconds(body.trail),
        peak=max(play.waveform.summary().peak.values(), default=0.0), compliance=play.compliance,
        sights=records.sights, marks=records.marks, long=_long(records.marks, points, step),
        segmented=records.segmented, before=memory.before, after=memory.after,
        points_wanted=memory.points, apart=memory.apart, v_meter=ranges[0], i_meter=ranges[1],
    )  # fmt: skip


def _long(marks: Sequence[int], points: int, step: float) -> int:
    """Return for how many points a trigger is up: a microsecond where there is room for it."""
    room = min(late - early for early, late in pairwise((*marks, points)))
    return max(1, min(room // 2, round(_UP / step)))


def _sights(stretches: Sequence[Straight], grid: Grid) -> Iterator[Sight]:
    """Yield the readings of a body, times from its first point.

    Windows move with their levels, where these are rounded.
    """
    for k, stretch in enumerate(stretches):
        begun = grid.at(stretch.start) * grid.step
        for a, b, role in stretch.windows:
            first, last = stretch.levels
            level = first + (last - first) * ((a + b) / 2 - stretch.start) / stretch.length
            start, stop = (begun + (t - stretch.start) for t in (a, b))
            yield Sight(
                start / TICKS_PER_SECOND, stop / TICKS_PER_SECOND, 0, role, level,
                width_of(stretches, k, grid), seconds(a - stretch.start),
            )  # fmt: skip
