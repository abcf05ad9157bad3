"""From levels in time to the runs of a Series 2400: lists of equal steps, and what separates them.

A list has one step for all its levels: every cycle of the trigger model sources a level, waits,
measures, and goes on. So durations become whole numbers of steps, and the step is chosen so that
they do so best. For example 1 ms at 1 V, 2 ms of rest and 4 ms at 0.1 V, at 50 Hz, become a step of
0.96 ms and the list {0, 1, 0, 0, 0.1, 0.1, 0.1, 0.1, 0}; it begins and ends at zero, so that the
first level starts from a source that has settled, and the last one ends by itself.

What a list of 2500 points cannot hold is cut at its longer rests: equal parts at equal distances
are repeated by the arm timer, others are started one by one by the host. Nothing here talks to an
instrument.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from instruments.keithley2400_limits import (
    CONFIGURE,
    CONVERT,
    DELAY_STEP,
    HOST_GAP,
    LATENCY,
    LEAST_NPLC,
    MOST_DELAY,
    MOST_NPLC,
    NPLC_STEP,
    OVERHEAD,
    OVERHEAD_CURRENT,
    POINTS,
    TIMER,
)
from instruments.levels import Level, Span
from labctl.waveform import Role

__all__ = ["Change", "Cycle", "Mark", "Run", "groups_of", "lay", "merged"]

_TOLERANCE = 0.05  # a duration further from what was asked for is a change to be accepted
_USUAL_STEP = 30e-3  # steps are no longer than this, s, while a list holds the waveform
_BOTH = 2e-3  # from this step on voltage and current are measured, s
_ENOUGH = 0.05  # line cycles: an aperture worth giving up a longer one for, to know the voltage
_FIXED = LATENCY + CONFIGURE + CONVERT  # of a cycle, s
_GOOD = 0.01  # durations this close are not traded for a shorter aperture
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Change:
    """A duration that cannot be had, and what there is instead, s."""

    what: str  #: ``level`` or ``rest``
    asked: float
    got: float


@dataclass(frozen=True, slots=True)
class Cycle:
    """One source-delay-measure cycle; see the figure in `keithley2400_limits`."""

    nplc: float
    aperture: float  #: of one conversion, s
    volts: bool  #: both are measured: the voltage after the current
    delay: float  #: from the level to the reading, s
    hold: float  #: before the level, s
    period: float  #: from level to level, s
    skip: float = 0.0  #: from its reading's beginning to the conversion that counts, s

    @property
    def offset(self) -> float:
        """From the level to the beginning of its reading, s."""
        return CONFIGURE + self.delay


@dataclass(frozen=True, slots=True)
class Mark:
    """What is kept of one pass through a list: readings of one window."""

    readings: tuple[int, ...]  #: their points in the list
    point: int  #: where the level begins
    count: int  #: points it lasts
    v: float  #: V or A
    role: Role


@dataclass(frozen=True, slots=True)
class Run:
    """What the instrument does by itself between two visits of the host."""

    start: float  #: of the first level, s after the start of the waveform
    points: tuple[float, ...]  #: the list, V or A
    cycle: Cycle
    marks: tuple[Mark, ...]
    arms: int = 1  #: how often the list is played
    timer: float = 0.0  #: from one time to the next, s
    width: float = 0.0  #: of the pulses, s; 0 for a list of steady levels
    off: float = 0.0  #: between pulses beyond the shortest time, s
    error: float = 0.0  #: largest distance of a duration from what was asked for, s
    over: float = 0.0  #: how much later it ends than was asked for, s

    @property
    def lead(self) -> float:
        """From the start of the run to its first level, s."""
        if self.width:
            return 0.0
        return self.cycle.hold + LATENCY + self.cycle.period

    @property
    def stop(self) -> float:
        """End of the last level, s after the start of the waveform."""
        last = self.timer * (self.arms - 1) + self.start
        if self.width:
            return last + (len(self.points) - 1) * self.cycle.period + self.width
        return last + (len(self.points) - 2) * self.cycle.period

    @property
    def duration(self) -> float:
        """How long it takes, s."""
        return self.timer * (self.arms - 1) + len(self.points) * self.cycle.period


def groups_of(levels: Sequence[Level], gap: float = HOST_GAP) -> Iterator[tuple[Level, ...]]:
    """Cut levels where the rest between two of them is long enough for the host."""
    group = [levels[0]]
    for before, level in pairwise(levels):
        if level.start - before.stop >= gap - _SLACK:
            yield tuple(group)
            group = []
        group.append(level)
    yield tuple(group)


def lay(
    levels: Sequence[Level], frequency: float, *, amperes: bool = False
) -> tuple[Run, list[Change]] | None:
    """Lay levels on the steps of one list.

    Parameters
    ----------
    levels
        In order of time.
    frequency
        Of the mains, Hz.
    amperes
        A current is sourced: it is the voltage whose reading has its place.

    Returns
    -------
    tuple or None
        The run with the durations that became something else, each once; None where no list is
        long enough.
    """
    durations = Counter(_rounded(level.length) for level in levels)
    durations.update(
        _rounded(b.start - a.stop) for a, b in pairwise(levels) if b.start - a.stop > _SLACK
    )
    cycle = _best(levels, durations, frequency, amperes)
    if cycle is None:
        return None
    run = _run(levels, cycle)
    if len(run.points) > POINTS:
        return None
    error = max(abs(_steps(d, cycle.period) * cycle.period - d) for d in durations)
    over = round(run.stop - levels[-1].stop, 9)
    return replace(run, error=error, over=over), _changes(levels, durations, cycle)


def _rounded(duration: float) -> float:
    return round(duration, 9)


def _best(
    levels: Sequence[Level], durations: Counter[float], frequency: float, amperes: bool
) -> Cycle | None:
    """Return the cycle on whose steps the durations fit best; among equals the longest one."""
    total = levels[-1].stop - levels[0].start
    most = max(_USUAL_STEP, 4 * total / POINTS)
    fitting = []
    for target in _targets(min(durations), most):
        cycle = _cycle(target, levels, frequency, amperes)
        points = sum(count * _steps(d, cycle.period) for d, count in durations.items())
        if points <= POINTS - 2:
            cost = max(abs(_steps(d, cycle.period) * cycle.period / d - 1) for d in durations)
            fitting.append((cost, cycle))
    if not fitting:
        return None
    best = min(cost for cost, _ in fitting)
    return max((c for cost, c in fitting if cost <= max(best, _GOOD)), key=lambda c: c.period)


def _targets(shortest: float, most: float) -> Iterator[float]:
    """Yield steps worth trying: parts of the shortest duration, and their neighbours."""
    first = max(1, math.ceil(shortest / most))
    for parts in range(first, first + 40):
        for step in (-1, 0, 1):
            yield max(shortest / parts + step * DELAY_STEP, DELAY_STEP)
        if shortest / parts < 2 * TIMER:
            return


def _steps(duration: float, period: float) -> int:
    return max(1, round(duration / period))


def _cycle(target: float, levels: Sequence[Level], frequency: float, amperes: bool) -> Cycle:
    """Return the cycle nearest to a step, with the longest aperture that the windows leave."""
    aperture, volts = _aperture(target, levels, frequency, amperes)
    nplc = _nplc(aperture * frequency)
    aperture = nplc / frequency
    skip = aperture if amperes and volts else 0.0
    shortest = _FIXED + _overhead(amperes)[volts] + (2 if volts else 1) * aperture
    spare = max(0, round((target - shortest) / DELAY_STEP))
    spare = min(spare, 2 * math.floor(MOST_DELAY / DELAY_STEP))
    period = shortest + spare * DELAY_STEP
    early = _early(levels, period, aperture, skip, spare)
    late = spare - early
    return Cycle(nplc, aperture, volts, early * DELAY_STEP, late * DELAY_STEP, period, skip)


def _overhead(amperes: bool) -> dict[bool, float]:
    """Return what the firmware takes after the apertures, s, by whether both are measured."""
    more = OVERHEAD_CURRENT if amperes else 0.0
    return {both: overhead + more for both, overhead in OVERHEAD.items()}


def _aperture(
    target: float, levels: Sequence[Level], frequency: float, amperes: bool
) -> tuple[float, bool]:
    """Return the aperture that a step leaves, s, and whether both quantities are measured.

    Where a level is a single step, what follows the reading must fit between the middle of its
    window and its end. What is sourced, and not known of a limited source, is measured unless that
    would cost whole line cycles of the other one or its place in the window.
    """
    overhead = _overhead(amperes)
    spans = [span.stop - span.start for level in levels for span in level.spans]
    if not spans:
        return 0.0, False
    alone = min([*spans, target - _FIXED - overhead[False]])
    both = min(alone, (target - _FIXED - overhead[True]) / 2)
    middles = [
        (span.start + span.stop) / 2
        for level in levels
        for span in level.spans
        if _steps(level.length, target) == 1
    ]
    left = target - max(middles, default=-math.inf)
    after = {volts: CONVERT + overhead[volts] + LATENCY for volts in (False, True)}
    if left > after[False] + LEAST_NPLC / frequency:  # the reading can be where it is wanted
        alone = min(alone, 2 * (left - after[False]))
        both = min(both, (left - after[True]) / (0.5 if amperes else 1.5))
    if amperes:  # the current comes first, so that it is the second conversion that has its place
        both = min(both, (min(middles, default=math.inf) - CONFIGURE) / 1.5)
    enough = both * frequency >= _ENOUGH or left <= after[False]
    return (both, True) if target >= _BOTH and alone * frequency < 1 and enough else (alone, False)


def _nplc(cycles: float) -> float:
    """Return the longest aperture that can be set; whole line cycles where it holds one."""
    if cycles >= 1:
        return min(math.floor(cycles + 1e-6), MOST_NPLC)
    return max(math.floor(cycles / NPLC_STEP + 1e-6), 1) * LEAST_NPLC


def _early(levels: Sequence[Level], period: float, aperture: float, skip: float, spare: int) -> int:
    """Return how much of the spare time goes before the reading, in steps of the delay.

    The window of the shortest level decides; in longer ones there are several readings to choose
    from.
    """
    measured = [level for level in levels if level.spans]
    if not measured:
        return 0
    level = min(measured, key=lambda one: one.length)
    span = level.spans[0]
    scale = _steps(level.length, period) * period / level.length
    middle = (span.start + span.stop) / 2 * scale % period
    wanted = math.floor((middle - aperture / 2 - skip - CONFIGURE) / DELAY_STEP)
    most = math.floor(MOST_DELAY / DELAY_STEP)
    return min(max(wanted, spare - most, 0), spare, most)


def _run(levels: Sequence[Level], cycle: Cycle) -> Run:
    points: list[float] = [0.0]
    marks: list[Mark] = []
    origin, end = levels[0].start, levels[0].start
    for level in levels:
        if level.start - end > _SLACK:
            drift = (len(points) - 1) * cycle.period - (end - origin)
            points += [0.0] * _rest(level.start - end, drift, cycle.period)
        count = _steps(level.length, cycle.period)
        marks += [_mark(level, span, len(points), count, cycle) for span in level.spans]
        points += [level.v] * count
        end = level.stop
    return Run(origin, (*points, 0.0), cycle, tuple(marks))


def _rest(length: float, drift: float, period: float) -> int:
    """Return the steps of a rest: as near to its length as to its place in time.

    Within the tolerance of its length a rest takes up what the levels before it were too long.
    """
    nearest = _steps(length, period)
    room = max(_TOLERANCE * length, abs(nearest * period - length))
    wanted = max(1, round((length - drift) / period))
    least = max(1, math.ceil((length - room) / period - 1e-6))
    most = math.floor((length + room) / period + 1e-6)
    return min(max(wanted, least), max(most, least))


def _mark(level: Level, span: Span, first: int, count: int, cycle: Cycle) -> Mark:
    scale = count * cycle.period / level.length
    start, stop = span.start * scale, span.stop * scale
    begins = [k * cycle.period + cycle.offset + cycle.skip for k in range(count)]
    inside = [
        k for k, begin in enumerate(begins)
        if begin >= start - DELAY_STEP / 2 and begin + cycle.aperture <= stop + DELAY_STEP / 2
    ]  # fmt: skip
    if not inside:
        middle = (start + stop - cycle.aperture) / 2
        inside = [min(range(count), key=lambda k: abs(begins[k] - middle))]
    return Mark(tuple(first + k for k in inside), first, count, level.v, span.role)


def _changes(levels: Sequence[Level], durations: Counter[float], cycle: Cycle) -> list[Change]:
    lengths = {_rounded(level.length) for level in levels}
    found = []
    for asked in sorted(durations):
        got = _steps(asked, cycle.period) * cycle.period
        if abs(got / asked - 1) > _TOLERANCE:
            found.append(Change("level" if asked in lengths else "rest", asked, got))
    return found


def merged(runs: Sequence[Run]) -> list[Run]:
    """Let the arm timer repeat equal runs that follow each other at equal distances."""
    done: list[Run] = []
    for run in runs:
        last = done[-1] if done else None
        again = None if last is None else _repeated(last, run)
        if again is None:
            done.append(run)
        else:
            done[-1] = again
    return done


def _repeated(last: Run, run: Run) -> Run | None:
    """Return the last run with one more pass for this one, if that is the same thing."""
    distance = run.start - last.start - last.timer * (last.arms - 1)
    timer = last.timer if last.arms > 1 else round(distance / TIMER) * TIMER
    if abs(distance - timer) > TIMER / 2 or (last.arms + 1) * len(run.points) > POINTS:
        return None
    if timer < len(run.points) * run.cycle.period + LATENCY:
        return None
    if replace(last, start=run.start, arms=1, timer=0.0) != run:
        return None
    return replace(last, arms=last.arms + 1, timer=timer)
