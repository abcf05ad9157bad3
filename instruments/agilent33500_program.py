"""From a waveform to the points of a generator's memory, and the triggers of its source-meter.

A body is played as one arbitrary waveform, repeated in a burst. Output 1 has the levels; output 2,
on the same clock, rises where a reading of the source-meter is to begin::

    output 1   ____|^^^^^^^^^^^^^|_______________|^^^^^^^^^^^^^|____
    output 2   ____________|^|____________________________|^|______
    reading                |aperture|                     |aperture|

How far apart the points are is said in `agilent33500_grid`. A burst begins and ends at zero volts,
because what a generator does between two bursts is the first point.

Nothing here talks to an instrument.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from instruments.agilent33500_checks import Unit, check_waveform, chosen_range
from instruments.agilent33500_grid import Grid, Straight, grid_for, note_memory, stretches_of
from instruments.agilent33500_limits import Generator
from instruments.pieces import Body, Compiled, Findings, fold
from instruments.ranges import Range
from labctl.steps import Play
from labctl.units import show
from labctl.waveform import TICKS_PER_SECOND, Loop, Node, Role, Segment, seconds

__all__ = [
    "Burst", "Points", "Program", "Reading", "Run", "compile_play", "lay_out", "runs_of", "whole",
    "width_of",
]  # fmt: skip

Points = npt.NDArray[np.float64]


class Run(NamedTuple):
    """Points in a row: a level, or a ramp from one to another."""

    points: int
    start: float  #: V
    stop: float  #: V


class Reading(NamedTuple):
    """One reading of a body."""

    at: int  #: point at which its trigger rises
    role: Role
    v_set: float  #: V
    width: float  #: of the level, s
    age: float  #: of the level when the aperture begins, s


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """What a generator plays once, whoever reads."""

    runs: tuple[Run, ...]  #: of one repetition
    grid: float  #: from point to point, s
    rounding: float  #: by which a change of a level may be off, s
    repeats: int
    lead: float  #: rest before the burst, s
    trail: float  #: rest after it, s
    peak: float  #: largest magnitude of a level, V
    compliance: float  #: A

    @property
    def points(self) -> int:
        """How many points a repetition has."""
        return sum(run.points for run in self.runs)

    @property
    def duration(self) -> float:
        """Of the burst, s."""
        return self.points * self.grid * self.repeats

    @property
    def calm(self) -> float:
        """How long its reader has to see zero volts before it begins, s."""
        return 0.0

    @property
    def taken(self) -> int:
        """How many readings come of a repetition."""
        raise NotImplementedError

    def levels(self) -> Points:
        """Return the levels of one repetition as shares of the peak, shape (points,)."""
        parts = [
            run.start + (run.stop - run.start) * (np.arange(run.points) + 0.5) / run.points
            for run in self.runs
        ]
        levels: Points = np.concatenate(parts)
        return levels / self.peak if self.peak else levels

    def triggers(self) -> Points:
        """Return the trigger track of one repetition: 1 where it is high, shape (points,)."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Program(Burst):
    """All that is played once, and read by a source-meter."""

    readings: tuple[Reading, ...]  #: of one repetition
    nplc: float
    aperture: float  #: s
    volts: bool  #: whether the voltage that a limited level is left with is read as well
    early: float  #: from the edge of a trigger to the middle of the aperture, s
    falling: bool  #: whether an edge that falls is a trigger
    i_meter: Range
    v_range: float  #: of the source-meter, V

    @property
    def taken(self) -> int:
        """How many readings come of a repetition."""
        return len(self.readings)

    def triggers(self) -> Points:
        """Return the trigger track of one repetition: 1 where it is high, shape (points,)."""
        track = np.zeros(self.points)
        long = max(1, math.ceil(self.aperture / 2 / self.grid))
        for reading in self.readings:
            track[reading.at : reading.at + long] = 1.0
        return 1.0 - track if self.falling else track


def compile_play(play: Play, unit: Unit) -> Compiled[Program]:
    """Make the program of a step, and say what stands against it.

    Parameters
    ----------
    play
        Waveform, compliance and current ranges.
    unit
        The generator and its source-meter.
    """
    found = Findings(unit.generator.name)
    check_waveform(play, unit, found)
    if any(not violation.instead for violation in found.violations):
        return Compiled(None, found.violations)
    body = whole(fold(play.waveform))
    if body.node is None:
        return Compiled(_rest_alone(play, unit, body), found.violations)
    laid = lay_out(body, next(iter(unit.channels), "top"), unit.generator, found)
    if laid is None:
        return Compiled(None, found.violations)
    program = _program(play, unit, body, *laid, found)
    serious = any(not violation.instead for violation in found.violations)
    return Compiled(None if serious else program, found.violations)


def whole(body: Body) -> Body:
    """Return a body that can be repeated as it is: one that ends in a rest; else all of them."""
    if body.node is None or body.repeats == 1 or _rests_at_end(body.node):
        return body
    return Body(body.lead, Loop(body.node, body.repeats), 1, body.trail)


def _rests_at_end(node: Node) -> bool:
    while not isinstance(node, Segment):
        # an overlay drives two terminals, which this generator does not
        node = node.body if isinstance(node, Loop) else node.parts[-1]
    return not any(a or b for a, b in node.levels.values())


def lay_out(
    body: Body, terminal: str, generator: Generator, found: Findings
) -> tuple[list[Straight], Grid] | None:
    """Return the straight lines of a body and the points that they are on; None where it has none.

    Parameters
    ----------
    body
        What is played, not a rest alone.
    terminal
        That is driven.
    generator
        Whose memory it goes into.
    found
        Takes what is in the way.
    """
    assert body.node is not None
    if body.node.summary().segments > generator.points:
        note_memory(generator, body.node.ticks, found)
        return None
    stretches = list(stretches_of(body.node, terminal))
    grid = grid_for(stretches, body, generator, found)
    return None if grid is None else (stretches, grid)


def _rest_alone(play: Play, unit: Unit, body: Body) -> Program:
    i_meter = chosen_range(play, unit)
    assert i_meter is not None, "larger currents were refused before"
    return Program(
        runs=(),
        grid=1.0,
        rounding=0.0,
        repeats=0,
        lead=seconds(body.lead),
        trail=seconds(body.trail),
        peak=0.0,
        compliance=play.compliance,
        readings=(),
        nplc=unit.meter.nplc[0],
        aperture=0.0,
        volts=False,
        early=0.0,
        falling=unit.meter.falling,
        i_meter=i_meter,
        v_range=unit.v_range(0.0),
    )


# -- the program -----------------------------------------------------------------------------------


def _program(
    play: Play,
    unit: Unit,
    body: Body,
    stretches: Sequence[Straight],
    grid: Grid,
    found: Findings,
) -> Program:
    step = grid.step / TICKS_PER_SECOND
    nplc, volts = _aperture(stretches, grid, unit, body, found)
    aperture = nplc / unit.line_frequency
    lead = unit.meter.lead(aperture, volts=volts)
    readings = tuple(_readings(stretches, grid, aperture, lead))
    if readings and readings[0].at < 1:
        asked = "a reading that begins with the waveform"
        found.add("reading delay", asked, "one point later or more", "start the window later")
    peak = play.waveform.summary().peak.values()
    highest = max(peak, default=0.0)
    i_meter = chosen_range(play, unit)
    assert i_meter is not None, "larger currents were refused before"
    return Program(
        runs=runs_of(stretches, grid, body, unit.generator.fewest),
        grid=step,
        rounding=0.0 if grid.exact else step / 2,
        repeats=body.repeats,
        lead=seconds(body.lead),
        trail=seconds(body.trail),
        peak=highest,
        readings=readings,
        nplc=nplc,
        aperture=aperture,
        volts=volts,
        early=lead + aperture / 2,
        falling=unit.meter.falling,
        compliance=play.compliance,
        i_meter=i_meter,
        v_range=unit.v_range(highest),
    )


def runs_of(stretches: Sequence[Straight], grid: Grid, body: Body, fewest: int) -> tuple[Run, ...]:
    """Return the points of one repetition, with zero volts before the body and after it.

    Parameters
    ----------
    stretches, grid, body
        As laid out.
    fewest
        Points that the generator takes.
    """
    runs = [Run(grid.shift, 0.0, 0.0)]
    for stretch in stretches:
        count = grid.at(stretch.stop) - grid.at(stretch.start)
        if count:
            runs.append(Run(count, *stretch.levels))
    if body.repeats > 1:  # what came before the body is not there after it
        last = runs.pop()
        runs.append(last._replace(points=last.points - grid.shift))
    else:
        total = sum(run.points for run in runs)
        runs.append(Run(max(1, fewest - total), 0.0, 0.0))
    return tuple(run for run in runs if run.points > 0)


def _aperture(
    stretches: Sequence[Straight], grid: Grid, unit: Unit, body: Body, found: Findings
) -> tuple[float, bool]:
    """Return the longest aperture in PLC that fits every window and between any two readings.

    And whether the voltage can be read as well.
    """
    meter = unit.meter
    least, most, step = meter.nplc
    windows = [window for stretch in stretches for window in stretch.windows]
    if not windows:
        return least, False
    centres = [(a + b) / 2 for a, b, _ in windows]
    between = [late - early for early, late in pairwise(centres)]
    if body.repeats > 1:
        between.append(stretches[-1].stop - centres[-1] + centres[0])
    room = min(b - a - grid.step for a, b, _ in windows) / TICKS_PER_SECOND
    apart = min(between, default=math.inf) / TICKS_PER_SECOND
    for volts in (True, False):
        longest = meter.longest(room, apart, volts=volts) * unit.line_frequency
        steps = math.floor(min(longest, most) / step + 1e-6)
        if steps * step >= least * (1 - 1e-9):
            return round(steps * step, 9), volts
    shortest = meter.span(least / unit.line_frequency, volts=False)
    found.add(
        "reading rate",
        "readings that follow each other too closely",
        f"{show(shortest, 's')} from one to the next",
        "leave more time between the readings, or measure only some of the levels",
    )
    return least, False


def _readings(
    stretches: Sequence[Straight], grid: Grid, aperture: float, lead: float
) -> Iterator[Reading]:
    early = (aperture / 2 + lead) * TICKS_PER_SECOND
    for k, stretch in enumerate(stretches):
        for a, b, role in stretch.windows:
            at = grid.at((a + b) / 2 - early)
            begun = (at - grid.at(stretch.start)) * grid.step / TICKS_PER_SECOND + lead
            first, last = stretch.levels
            middle = ((a + b) / 2 - stretch.start) / stretch.length
            level = first + (last - first) * middle
            yield Reading(at, role, level, width_of(stretches, k, grid), begun)


def width_of(stretches: Sequence[Straight], k: int, grid: Grid) -> float:
    """Return the achieved length of a level, with half of each edge beside it, s."""
    points = float(grid.at(stretches[k].stop) - grid.at(stretches[k].start))
    for beside in (k - 1, k + 1):
        if 0 <= beside < len(stretches):
            edge = stretches[beside]
            if edge.levels[0] != edge.levels[1] and not edge.windows:
                points += (grid.at(edge.stop) - grid.at(edge.start)) / 2
    return points * grid.step / TICKS_PER_SECOND
