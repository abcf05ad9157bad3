"""Which windows of a waveform are in which record of an oscilloscope.

One record of the whole burst is simplest. Its points are as far apart as its length and the memory
make them; where too few would lie in a window, the memory is parted into segments, and windows that
are near each other share one. The longest gaps part them first::

    windows    | |  | |                    | |  | |
    segments  |.......|                   |.......|
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from instruments.keysightdsox_limits import INTERVALS, Scope
from instruments.pieces import Findings
from labctl.units import show
from labctl.waveform import Role

__all__ = ["FEWEST", "Memory", "Records", "Sight", "note_depth", "records_of"]

#: points of a record in a window, at least
FEWEST = 8
_ENOUGH = 64  # that are fetched of a window, where there are as many
_BEFORE = 1 / 20  # of a record is before the trigger
_LONGEST_BEFORE = 10e-3  # s of that, where it has enough points
_BEFORE_POINTS = 20
_FIRST = 1  # point at which the trigger rises: before the body, or as it begins
_TRIALS = 8  # ways to part windows into segments
_TRANSFERS = tuple(m * 10**e for e in range(3, 7) for m in (1, 2, 5))  # points of a transfer


class Sight(NamedTuple):
    """One reading of a body."""

    start: float  #: of its window, s after the trigger of its segment
    stop: float
    segment: int  #: of the repetition
    role: Role
    v_set: float  #: V
    width: float  #: of the level, s
    age: float  #: of the level when the window begins, s


class Memory(NamedTuple):
    """How the memory of an oscilloscope is used."""

    before: float = 0.0
    after: float = 0.0
    points: int = 0  #: of a transfer
    apart: float = 0.0  #: s


class Records(NamedTuple):
    """Which windows are in which record."""

    sights: tuple[Sight, ...] = ()
    marks: tuple[int, ...] = (_FIRST,)
    memory: Memory = Memory()
    segmented: bool = False


def records_of(
    sights: Sequence[Sight], step: float, points: int, repeats: int, scope: Scope
) -> Records | None:
    """Return how records are taken: one of everything, or segments; None if neither does.

    Parameters
    ----------
    sights
        Readings of a repetition, times from its first point.
    step
        From point to point of the generator, s.
    points
        Of a repetition.
    repeats
        How many there are.
    scope
        Whose memory it is.
    """
    window = _shortest(sights)
    last = sights[-1].stop - _FIRST * step + (repeats - 1) * points * step
    one = _record(last, scope.memory, window, scope)
    if one.apart * FEWEST <= window:
        return Records(_told((sights,), (_FIRST,), step), (_FIRST,), one)
    for gap in (math.inf, *_gaps(sights)):
        clusters = list(_clusters(sights, gap))
        count = len(clusters) * repeats
        if not 1 < count <= scope.segments:
            continue
        marks = (_FIRST, *(max(_FIRST, int(c[0].start / step) - 1) for c in clusters[1:]))
        each = _record(
            max(c[-1].stop - mark * step for c, mark in zip(clusters, marks, strict=True)),
            scope.memory // count, window, scope,
        )  # fmt: skip
        between = [late - early for early, late in pairwise((*marks, points + _FIRST))]
        free = min(between[: None if repeats > 1 else -1]) * step - each.before - each.after
        if each.apart * FEWEST <= window and free >= scope.rearm:
            return Records(_told(clusters, marks, step), marks, each, segmented=True)
    return None


def _shortest(sights: Sequence[Sight]) -> float:
    return min(sight.stop - sight.start for sight in sights)


def _gaps(sights: Sequence[Sight]) -> list[float]:
    """Return some lengths of what is between two windows, the longest first, each a little less."""
    found = {float(f"{late.start - early.stop:.2g}") for early, late in pairwise(sights)}
    return [0.9 * gap for gap in sorted(found, reverse=True)[:_TRIALS]]


def _clusters(sights: Sequence[Sight], gap: float) -> Iterator[Sequence[Sight]]:
    """Yield windows that are no farther apart than a gap, s."""
    begin = 0
    for k, (early, late) in enumerate(pairwise(sights), 1):
        if late.start - early.stop > gap:
            yield sights[begin:k]
            begin = k
    yield sights[begin:]


def _told(
    clusters: Sequence[Sequence[Sight]], marks: Sequence[int], step: float
) -> tuple[Sight, ...]:
    """Return readings with times after the trigger of their record."""
    return tuple(
        s._replace(start=s.start - mark * step, stop=s.stop - mark * step, segment=number)
        for number, (cluster, mark) in enumerate(zip(clusters, marks, strict=True))
        for s in cluster
    )


def _record(last: float, memory: int, window: float, scope: Scope) -> Memory:
    """Return a record that ends with a window, and how close its points are at worst."""
    finest = 1.0 / scope.rate
    apart = max(finest, INTERVALS * last * (1 + _BEFORE) / memory)
    before = min(last * _BEFORE, max(_LONGEST_BEFORE, _BEFORE_POINTS * apart))
    after = last + 2 * apart
    wanted = (before + after) / max(apart, min(window / _ENOUGH, before / _BEFORE_POINTS))
    points = next((n for n in _TRANSFERS if n >= wanted), _TRANSFERS[-1])
    if (before + after) / finest > points:  # every so many of its points are fetched
        apart = max(apart, 2 * (before + after) / points)
    return Memory(before, after, points, apart)


def note_depth(
    sights: Sequence[Sight], period: float, repeats: int, scope: Scope, found: Findings
) -> None:
    """Note that no way of using the memory has enough points in every window.

    Parameters
    ----------
    sights, repeats, scope
        As for `records_of`.
    period
        From one repetition to the next, s.
    found
        Takes it.
    """
    window = _shortest(sights)
    whole_time = sights[-1].stop + (repeats - 1) * period
    one = _record(whole_time, scope.memory, window, scope)
    found.add(
        "memory depth",
        f"{len(sights) * repeats} windows of {show(window, 's')} or more within "
        f"{show(whole_time, 's')}",
        f"{FEWEST} points in each: {scope.memory} points of a {scope.name} would be up to "
        f"{show(one.apart, 's')} apart, and its {scope.segments} segments, "
        f"{show(scope.rearm, 's')} after each other, do not hold them either",
        "lengthen the windows, measure fewer levels, or play it in several steps",
    )
