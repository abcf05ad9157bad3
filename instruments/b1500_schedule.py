"""From levels in time to what a B1500A can time by itself, and what separates it.

What the instrument times to 0.1 ms by itself, as one measurement:

- ``pulses``: equal pulses at equal distances, a pulsed sweep with one step for each; a single short
  one is a pulsed spot measurement
- ``staircase``: levels that follow each other, equally long and equally far apart
- ``sampling``: one level that is measured several times

Everything else is ``levels``: each is forced, paused on and measured by commands, whose time stamps
tell how long it lasted, and which must be 20 ms long or longer. Between two of these runs the host
needs 0.1 s at zero. Nothing here talks to an instrument.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from instruments.b1500_limits import (
    APERTURES,
    HOST_GAP,
    LONGEST_DELAY,
    LONGEST_PERIOD,
    LONGEST_STEP,
    MOST_PULSES,
    MOST_SAMPLES,
    MOST_STEPS,
    SHORTEST_LEVEL,
    TICK,
    WIDTHS,
    least_period,
)
from instruments.levels import Level, Span

__all__ = ["Change", "Kind", "Run", "lay"]

Kind = Literal["pulses", "staircase", "sampling", "levels"]

_SAME = 1e-6  # s or V
_SLACK = 0.05 * HOST_GAP  # what a rest may lack before a run
_STAIRS = 3  # levels from which on they are a staircase
_MARGIN = 0.2e-3  # s of a step that is not measured
_TRIES = 40  # numbers of samples that are tried


@dataclass(frozen=True, slots=True)
class Change:
    """A duration that cannot be had, and what there is instead, s."""

    what: Literal["pulse", "level", "rest"]
    asked: float
    got: float


@dataclass(frozen=True, slots=True)
class Run:
    """What is played between two visits of the host."""

    kind: Kind
    levels: tuple[Level, ...]
    period: float = 0.0  #: of pulses or samples, s
    count: int = 0  #: of samples
    late: float = 0.0  #: by how much it is later than was asked for, s

    @property
    def start(self) -> float:
        """Of the first level, s after the start of the waveform."""
        return self.levels[0].start + self.late

    @property
    def stop(self) -> float:
        """End of the last level, s after the start of the waveform."""
        return self.levels[-1].stop + self.late


def lay(levels: Sequence[Level]) -> tuple[tuple[Run, ...], list[Change]]:
    """Lay levels out as runs, and say what becomes something else.

    Parameters
    ----------
    levels
        In order of time.
    """
    changes: list[Change] = []
    fitted = list(_fit(levels, changes))
    runs = _joined([_run(block) for block in _blocks(fitted)])
    commanded = [level.length for run in runs if run.kind == "levels" for level in run.levels]
    if commanded and min(commanded) < SHORTEST_LEVEL - _SAME:
        changes.append(Change("level", min(commanded), SHORTEST_LEVEL))
    return tuple(_apart(runs, changes)), changes


def _fit(levels: Sequence[Level], changes: list[Change]) -> Iterator[Level]:
    """Yield levels of whole ticks that are long enough for a pulse; rests stay what they are."""
    late = 0.0
    for level in levels:
        length = round(max(round(level.length / TICK) * TICK, WIDTHS[0]), 7)
        if abs(length - level.length) <= _SAME:
            yield replace(level, start=level.start + late)
            continue
        changes.append(Change("pulse", level.length, length))
        scale = length / level.length
        spans = tuple(Span(s.start * scale, s.stop * scale, s.role) for s in level.spans)
        yield Level(level.start + late, length, level.v, spans)
        late += length - level.length


def _blocks(levels: Sequence[Level]) -> Iterator[tuple[Level, ...]]:
    """Cut levels where there is a rest between two of them."""
    block: list[Level] = []
    for level in levels:
        if block and level.start - block[-1].stop > _SAME:
            yield tuple(block)
            block = []
        block.append(level)
    if block:
        yield tuple(block)


def _run(block: tuple[Level, ...]) -> Run:
    if len(block) == 1:
        return _single(block[0])
    return Run("staircase" if _is_staircase(block) else "levels", block)


def _single(level: Level) -> Run:
    if len(level.spans) > 1:
        sampled = _sampled(level)
        if sampled is not None:
            return sampled
    if len(level.spans) <= 1 and level.length <= WIDTHS[1]:
        return Run("pulses", (level,), least_period(level.length))
    return Run("levels", (level,))


def _sampled(level: Level) -> Run | None:
    """Return a level as samples, some of them in each of its windows."""
    most = min(min(span.length for span in level.spans) / 2, 65.535)
    first = max(1, math.ceil(level.length / most - 1e-9))
    for count in range(first, first + _TRIES):
        interval = level.length / count
        grid = 1e-3 if interval >= 2e-3 else 1e-5
        interval = round(round(interval / grid) * grid, 6)
        if interval < 1e-4 or count > MOST_SAMPLES:
            return None
        if abs(interval * count - level.length) <= 1e-3 * level.length:
            return Run("sampling", (level,), interval, count)
    return None


def _is_staircase(block: Sequence[Level]) -> bool:
    first, step = block[0], block[1].v - block[0].v
    if not _STAIRS <= len(block) <= MOST_STEPS:
        return False
    if any(abs(b.v - a.v - step) > _SAME for a, b in pairwise(block)):
        return False
    if any(abs(level.length - first.length) > _SAME for level in block):
        return False
    if any(level.spans != first.spans or len(level.spans) != 1 for level in block):
        return False
    (span,) = first.spans
    after = first.length - span.start
    return span.start <= LONGEST_DELAY and APERTURES[0] + _MARGIN < after <= LONGEST_STEP


def _joined(runs: Sequence[Run]) -> list[Run]:
    """Make one run of equal pulses at equal distances; a long pulse alone is a level."""
    done: list[Run] = []
    for run in runs:
        last = done[-1] if done else None
        if last is not None and _continues(last, run):
            period = round(run.start - last.levels[-1].start, 7)
            done[-1] = replace(last, levels=(*last.levels, run.levels[0]), period=period)
        else:
            done.append(run)
    return [_settled(run) for run in done]


def _settled(run: Run) -> Run:
    if run.kind == "pulses" and len(run.levels) == 1 and run.levels[0].length >= SHORTEST_LEVEL:
        return Run("levels", run.levels)
    return run


def _continues(last: Run, run: Run) -> bool:
    """Whether a pulse goes on with the train before it."""
    if last.kind != "pulses" or run.kind != "pulses" or len(last.levels) >= MOST_PULSES:
        return False
    before, level = last.levels[-1], run.levels[0]
    period = level.start - before.start
    if abs(level.v - before.v) > _SAME or abs(level.length - before.length) > _SAME:
        return False
    if not least_period(level.length) - _SAME <= period <= LONGEST_PERIOD + _SAME:
        return False
    if abs(period - round(period / TICK) * TICK) > _SAME:
        return False
    return len(last.levels) == 1 or abs(period - last.period) <= _SAME


def _apart(runs: Sequence[Run], changes: list[Change]) -> Iterator[Run]:
    """Put runs so far apart that the host can begin each of them."""
    late, end = 0.0, -math.inf
    for run in runs:
        gap = run.start + late - end
        if gap < HOST_GAP - _SLACK:
            changes.append(Change("rest", max(gap, 0.0), HOST_GAP))
            late += HOST_GAP - gap
        put = replace(run, late=late)
        end = put.stop
        yield put
