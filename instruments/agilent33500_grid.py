"""The points of a generator's memory that a waveform needs: how far apart, and where they begin.

The time from point to point (the grid) is the longest that has every change of a level on it and
the triggers well inside their windows. Where that takes more points than there are, the grid is a
whole part of the shortest level: then that level is exact, and others are off by up to half the
grid.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from instruments.agilent33500_limits import Generator
from instruments.pieces import Body, Findings
from labctl.units import show
from labctl.waveform import TICKS_PER_SECOND, Node, Role, seconds, ticks

__all__ = ["Grid", "Straight", "grid_for", "note_memory", "stretches_of"]

_IN_WINDOW = 5  # parts of a window, of which the grid is at most one
_IN_RAMP = 8  # points of a ramp, at least
_ROUNDED = 0.01  # share of its length by which a level may be off
_PARTS = (20, 100)  # of the shortest level, that are tried before the finest grid there is


class Straight(NamedTuple):
    """A stretch of the waveform; ticks."""

    start: int
    stop: int
    levels: tuple[float, float]
    windows: tuple[tuple[int, int, Role], ...]  #: from the beginning of the body

    @property
    def length(self) -> int:
        """Duration, ticks."""
        return self.stop - self.start


class Grid(NamedTuple):
    """Where the points are."""

    step: float  #: ticks
    shift: int  #: points at zero before the body
    exact: bool = True  #: whether every change of a level is on it

    def at(self, tick: float) -> int:
        """Return the number of the point at a time after the beginning of the body."""
        return self.shift + round(tick / self.step)


def stretches_of(node: Node, terminal: str) -> Iterator[Straight]:
    """Yield the straight lines of a body; neighbours at one level are one."""
    last: Straight | None = None
    for start, segment in node.flatten():
        levels = segment.levels.get(terminal, (0.0, 0.0))
        windows = tuple((start + w.start, start + w.stop, w.role) for w in segment.windows)
        if last is not None and levels == last.levels and levels[0] == levels[1]:
            last = Straight(last.start, start + segment.length, levels, last.windows + windows)
            continue
        if last is not None:
            yield last
        last = Straight(start, start + segment.length, levels, windows)
    if last is not None:
        yield last


def grid_for(
    stretches: Sequence[Straight], body: Body, generator: Generator, found: Findings
) -> Grid | None:
    """Return the grid of a body, or note why there is none."""
    period = stretches[-1].stop
    finest = ticks(generator.grid)
    coarsest = min(_coarsest(stretches, period), period / generator.fewest)
    common = math.gcd(*(stretch.stop for stretch in stretches))
    step: float = common / max(1, math.ceil(common / coarsest))
    most = generator.points - 3  # two points come before the body and one after it
    if step >= finest and period / step <= most:
        return Grid(step, _shift(stretches, body, step))
    shortest = min((s.length for s in stretches if any(s.levels)), default=period)
    finer = min(shortest * most // period, shortest // finest)
    least = math.ceil(shortest / coarsest)
    if finer < max(least, 1):
        note_memory(generator, period, found)
        return None
    grids = []
    for parts in sorted({min(max(n, least), finer) for n in (*_PARTS, finer)}):
        step = shortest / parts
        grids.append(Grid(step, _shift(stretches, body, step), exact=False))
        if _rounded(stretches, grids[-1]) is None:
            return grids[-1]
    _note_rounding(stretches, grids[-1], found)
    return None


def _coarsest(stretches: Sequence[Straight], period: int) -> float:
    """Return the longest grid that triggers and ramps allow, ticks."""
    windows = [(b - a) / _IN_WINDOW for s in stretches for a, b, _ in s.windows]
    ramps = [s.length / _IN_RAMP for s in stretches if s.levels[0] != s.levels[1]]
    return min([float(period), *windows, *ramps])


def _shift(stretches: Sequence[Straight], body: Body, step: float) -> int:
    """Return how many points at zero come before the body: part of its own rest if it repeats."""
    if body.repeats == 1:
        return 2
    return max(1, min(2, round(stretches[-1].length / step) - 1))


def _rounded(stretches: Sequence[Straight], grid: Grid) -> Straight | None:
    """Return the first stretch that the grid makes too long or too short; None without one."""
    for stretch in stretches:
        length = (grid.at(stretch.stop) - grid.at(stretch.start)) * grid.step
        if abs(length - stretch.length) > _ROUNDED * stretch.length:
            return stretch
    return None


def _note_rounding(stretches: Sequence[Straight], grid: Grid, found: Findings) -> None:
    stretch = _rounded(stretches, grid)
    assert stretch is not None
    found.add(
        "timing",
        f"a stretch of {show(seconds(stretch.length), 's')} in a waveform of "
        f"{show(seconds(stretches[-1].stop), 's')}",
        f"multiples of {show(grid.step / TICKS_PER_SECOND, 's')} to within 1 %",
        "choose times with a common divisor, or play the waveform in several steps",
    )


def note_memory(generator: Generator, period: int, found: Findings) -> None:
    """Note that a waveform of a duration in ticks takes more points than there are."""
    most = generator.points
    found.add(
        "memory",
        f"a waveform of {show(seconds(period), 's')} without a common body whose shortest level or "
        "window takes a finer grid",
        f"{most} points, {show(seconds(period) / most, 's')} apart",
        "lengthen the shortest level, shorten the rests inside, or play it in several steps",
    )
