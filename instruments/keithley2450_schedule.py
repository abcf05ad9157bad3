"""Waveforms as steps of a trigger model, and as pulses of the 2461.

A step is one index of a source and of a measure configuration list: a level, a delay, a reading, a
delay. Every step is read, rests too: the reading of the step after a level tells when the level
ended. A pulse of 1 V and 1 ms, a rest of 2 ms and a read of 0.1 V and 4 ms at 50 Hz are::

    level        1 V      0 V       0.1 V
    length       1 ms     2 ms      4 ms
    delay 1      0        0         1.4 ms     a reading is centred in its window, or as late as
    aperture     0.21 ms  0.2 ms    1 ms       the recall of the next step leaves it
    delay 2      ...      ...       ...

On a 2461 levels may be pulses instead: the instrument goes to the pulse level and back by blocks
that take no time, and a single sample of the digitizer, up to 1 ms long, is taken in between. So
pulses may be shorter than a step; the rest before each is part of its step.

Nothing here talks to an instrument. Times are in s.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from instruments.keithley2450_limits import (
    BLOCK,
    CONVERT,
    HEAD,
    LEAST_NPLC,
    MOST_NPLC,
    RESOLUTION,
    SETTING,
    TAIL,
    Pulsing,
    least_step,
)
from labctl.waveform import Role

__all__ = ["Change", "Level", "Mark", "Span", "Step", "lay_pulses", "lay_steps"]

_SLACK = 1e-9
_NPLC_STEP = 0.001  # of an aperture below a line cycle [C]


class Span(NamedTuple):
    """A measurement window, after the start of its level."""

    start: float
    stop: float
    role: Role


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a body with its place in time and its windows; a rest has neither."""

    start: float
    length: float
    v: float
    spans: tuple[Span, ...] = ()

    @property
    def stop(self) -> float:
        """Its end."""
        return self.start + self.length


class Change(NamedTuple):
    """A duration that cannot be had, and what there is instead."""

    what: str  #: ``level``, ``rest`` or ``window``
    asked: float
    got: float


class Mark(NamedTuple):
    """What is kept of a step's reading."""

    role: Role
    waited: float  #: from the level's beginning to the aperture


@dataclass(frozen=True, slots=True)
class Step:
    """One index of the configuration lists."""

    level: int  #: which level of the body it belongs to
    v: float
    length: float
    before: float  #: user delay 1: to the reading, or the rest before a pulse
    after: float  #: user delay 2: after the reading, or in a pulse before it
    aperture: float
    back: bool = False  #: the voltage is measured before the current
    mark: Mark | None = None
    late: float = 0.0  #: user delay 3: in a pulse after the reading
    rest: float = 0.0  #: user delay 4: after a pulse

    @property
    def offset(self) -> float:
        """From the source's move to the timestamp of the reading."""
        return HEAD + self.before

    @property
    def middle(self) -> float:
        """From the timestamp to the middle of the current's aperture."""
        return CONVERT + self.aperture / 2 + (CONVERT + self.aperture if self.back else 0.0)


# -- steps -----------------------------------------------------------------------------------------


def lay_steps(
    levels: Sequence[Level], period: float, frequency: float
) -> tuple[list[Step], list[Change]]:
    """Return the steps of a body, and the durations that became longer.

    Parameters
    ----------
    levels
        In order of time; what lies between them is a rest.
    period
        Of the body.
    frequency
        Of the mains, Hz.
    """
    steps: list[Step] = []
    changes: list[Change] = []
    least = least_step(frequency)
    for number, level in enumerate(_filled(levels, period)):
        for part in _parts(level):
            if part.length < least - _SLACK:
                what = "level" if level.v or level.spans else "rest"
                changes.append(Change(what, part.length, _up(least)))
                part = _stretched(part, _up(least))
            span = part.spans[0] if part.spans else None
            if span and span.stop - span.start < LEAST_NPLC / frequency * (1 - 1e-9):
                changes.append(Change("window", span.stop - span.start, LEAST_NPLC / frequency))
            steps.append(_step(number, level, part, frequency))
    return steps, changes


def _filled(levels: Iterable[Level], period: float) -> Iterator[Level]:
    """Yield levels and the rests between them."""
    now = 0.0
    for level in levels:
        if level.start - now > _SLACK:
            yield Level(now, level.start - now, 0.0)
        yield level
        now = level.stop
    if period - now > _SLACK:
        yield Level(now, period - now, 0.0)


def _parts(level: Level) -> Iterator[Level]:
    """Cut a level between its windows, so that each part has one."""
    spans = sorted(level.spans)
    cuts = [(a.stop + b.start) / 2 for a, b in pairwise(spans)]
    bounds = [0.0, *cuts, level.length]
    if not spans:
        yield level
        return
    for span, (begin, end) in zip(spans, pairwise(bounds), strict=True):
        moved = Span(span.start - begin, span.stop - begin, span.role)
        yield Level(level.start + begin, end - begin, level.v, (moved,))


def _stretched(part: Level, length: float) -> Level:
    scale = length / part.length
    spans = tuple(Span(a * scale, b * scale, role) for a, b, role in part.spans)
    return replace(part, length=length, spans=spans)


def _step(number: int, level: Level, part: Level, frequency: float) -> Step:
    """Place the reading of a step as near to its window as the recalls on both sides allow."""
    room = part.length - HEAD - TAIL
    if not part.spans:
        aperture = LEAST_NPLC / frequency
        after = max(0.0, room - CONVERT - aperture)
        # no user delay is longer than half of the longest step
        early = _down(after / 2) if after > 1.0 else 0.0
        return Step(number, part.v, part.length, early, _down(after - early), aperture)
    (span,) = part.spans
    aperture, back = _aperture(span, room, frequency)
    taken = (2 if back else 1) * (CONVERT + aperture)
    middle = (span.start + span.stop) / 2
    before = _down(min(max(0.0, middle + aperture / 2 - taken - HEAD), max(0.0, room - taken)))
    waited = part.start - level.start + HEAD + before + taken - aperture
    return Step(
        number, part.v, part.length, before, _down(max(0.0, room - taken - before)), aperture,
        back, Mark(span.role, waited),
    )  # fmt: skip


def _aperture(span: Span, room: float, frequency: float) -> tuple[float, bool]:
    """Return the longest aperture that window and step leave, and whether v is measured as well.

    To know the voltage, which a limited source does not hold, the aperture may become a third as
    long, unless that would cost whole line cycles; the current stays in the middle of its window.
    """
    alone = _whole(min(span.stop - span.start, room - CONVERT), frequency)
    middle, least = (span.start + span.stop) / 2 - HEAD, LEAST_NPLC / frequency
    both = room / 2 - CONVERT
    if middle + least / 2 <= room:  # else the reading is before its window anyway
        both = min(both, (middle - 2 * CONVERT) / 1.5)
    if alone <= both + _SLACK:
        return alone, True
    if alone * frequency < 1 and both >= max(least, alone / 3):
        return _whole(both, frequency), True
    return alone, False


def _whole(aperture: float, frequency: float) -> float:
    """Return the longest aperture that can be set; whole line cycles where it holds one."""
    cycles = aperture * frequency
    if cycles >= 1:
        return min(math.floor(cycles + 1e-6), MOST_NPLC) / frequency
    nplc = math.floor(cycles / _NPLC_STEP + 1e-6) * _NPLC_STEP
    return max(nplc, LEAST_NPLC) / frequency


def _down(duration: float) -> float:
    """Return a duration on the grid of delays."""
    return round(round(duration / RESOLUTION) * RESOLUTION, 9)


def _up(duration: float) -> float:
    return round(math.ceil(duration / 1e-5 - 1e-6) * 1e-5, 9)


# -- pulses ----------------------------------------------------------------------------------------


def lay_pulses(
    levels: Sequence[Level], period: float, pulsing: Pulsing, *, again: bool
) -> tuple[list[Step], list[Change]] | None:
    """Return levels as pulses with the rest before each; None where they cannot be.

    Parameters
    ----------
    levels
        In order of time.
    period
        Of the body.
    pulsing
        What the model can do.
    again
        The body is repeated.
    """
    if any(len(level.spans) > 1 or not level.v for level in levels):
        return None
    steps: list[Step] = []
    changes: list[Change] = []
    # what recalling the first pulse takes of the rest at the end of the body before it
    borrowed = max(0.0, pulsing.gap - levels[0].start)
    left = period - levels[-1].stop
    if again and left < borrowed - _SLACK:
        changes.append(Change("rest", left + levels[0].start, pulsing.gap))
    now = levels[0].start - max(levels[0].start, pulsing.gap)
    for number, level in enumerate(levels):
        gap = _no_less("rest", level.start - now, pulsing.gap, changes)
        width = _no_less("level", level.length, pulsing.shortest, changes)
        rest = max(0.0, left - borrowed) if again and number == len(levels) - 1 else 0.0
        steps.append(_pulse(number, level, gap, width, rest, pulsing))
        now = level.stop
    return steps, changes


def _no_less(what: str, asked: float, least: float, changes: list[Change]) -> float:
    if asked >= least - _SLACK:
        return asked
    changes.append(Change(what, asked, least))
    return least


def _pulse(
    number: int, level: Level, gap: float, width: float, rest: float, pulsing: Pulsing
) -> Step:
    """Place the sample of a pulse in the middle of its window."""
    shortest, longest = pulsing.aperture
    scale = width / level.length
    span = level.spans[0] if level.spans else Span(0.0, shortest, "pulse")
    start, stop = span.start * scale, span.stop * scale
    aperture = min(max(stop - start, shortest), longest, width - 5 * BLOCK)
    aperture = round(math.floor(aperture / pulsing.grid + 1e-6) * pulsing.grid, 9)
    # on the way to the reading are two blocks, and two more to the pulse's end
    early = _down(min(max((start + stop - aperture) / 2 - 2 * BLOCK, 0.0),
                      width - aperture - 4 * BLOCK))  # fmt: skip
    late = _down(width - aperture - early - 4 * BLOCK)
    before = _down(max(0.0, gap - SETTING - 6 * BLOCK))
    mark = Mark(level.spans[0].role, early + 2 * BLOCK) if level.spans else None
    return Step(
        number, level.v, width, before, early, aperture, True, mark, max(late, 0.0), _down(rest)
    )
