"""Periodic waveforms as drives: straight lines for ever, worked out when they are looked at.

A `Wave` is one period of a shape, repeated; it may come in bursts. A `WaveDrive` imposes it on a
terminal without a path that would have to be written out. What has more bends than a laboratory can
follow (see `BUSIEST`) while it goes on without an end is represented by its mean.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass

from sim_backend.drive import NEVER, Drive

__all__ = ["BUSIEST", "EDGE", "Shape", "Wave", "WaveDrive", "ramp", "rectangle", "sine", "steps"]

#: bends a second that are followed when there is no end to them
BUSIEST = 1e6
EDGE = 8.4e-9  # s: fastest edge of a generator's output
_FAR = 1e300  # s: later than anything
_ROUNDING = 16  # units in the last place of a time that two times may differ by
_SINE = 64  # straight pieces of a period: within 0.12 % of the amplitude

#: one period: bends (share of the period, level), levels from -1 to 1
Shape = tuple[tuple[float, float], ...]


def sine() -> Shape:
    """Return a sine."""
    return tuple((k / _SINE, math.sin(2 * math.pi * k / _SINE)) for k in range(_SINE + 1))


def rectangle(high: float, rise: float, fall: float) -> Shape:
    """Return a pulse: up at the beginning, down after a share `high` (half height to half height).

    Parameters
    ----------
    high, rise, fall
        Shares of the period: width, leading edge, trailing edge.
    """
    down = high + rise / 2 - fall / 2
    return ((0.0, -1.0), (rise, 1.0), (max(rise, down), 1.0), (down + fall, -1.0), (1.0, -1.0))


def ramp(symmetry: float) -> Shape:
    """Return a ramp that rises during a share of the period."""
    if symmetry <= 0:
        return ((0.0, 1.0), (1.0, -1.0))
    if symmetry >= 1:
        return ((0.0, -1.0), (1.0, 1.0))
    return ((0.0, -1.0), (symmetry, 1.0), (1.0, -1.0))


def steps(values: Sequence[float], edge: float) -> Shape:
    """Return points held for equal times, joined by edges of a share of the period."""
    held = 1.0 / len(values)
    edge = min(edge, held / 4)
    bends = [(0.0, values[0])]
    for k, value in enumerate(values[1:], 1):
        if value != bends[-1][1]:
            bends += [(k * held, bends[-1][1]), (k * held + edge, value)]
    return (*bends, (1.0, bends[-1][1]))


@dataclass(frozen=True, slots=True)
class Wave:
    """A shape in time, V (or W/m2)."""

    shape: Shape
    period: float  #: s
    start: float  #: when the first period begins, s
    scale: float  #: of the shape
    offset: float
    cycles: float = math.inf  #: of one burst
    every: float = math.inf  #: from burst to burst, s; infinite for one burst

    @property
    def idle(self) -> float:
        """Level before, between and after bursts: where a period begins."""
        return self.offset + self.scale * self.shape[0][1]

    @property
    def mean(self) -> float:
        """Mean over a period."""
        area = sum(
            (b[0] - a[0]) * (a[1] + b[1]) / 2
            for a, b in zip(self.shape, self.shape[1:], strict=False)
        )
        return self.offset + self.scale * area

    @property
    def busy(self) -> bool:
        """Whether it is represented by its mean."""
        endless = math.isinf(self.cycles) or not math.isinf(self.every)
        return endless and (len(self.shape) - 1) / self.period > BUSIEST

    @property
    def ends(self) -> float:
        """When the last burst is over, s."""
        if math.isinf(self.every):
            return self.start + self.cycles * self.period
        return math.inf

    def level(self, when: float) -> float:
        """Return the level at a time."""
        _, into = self._burst(when)
        if into < 0 or self._over(when, into):
            return self.idle
        if self.busy:
            return self.mean
        return self.offset + self.scale * _at(self.shape, into % self.period / self.period)

    def next_change(self, now: float) -> float:
        """Return the time of the first bend after `now`."""
        if now < self.start:
            return self.start
        begin, into = self._burst(now)
        length = self.cycles * self.period
        again = begin + self.every
        if self._over(now, into):
            return again
        if self.busy:
            return min(begin + length, again)
        cycle = math.floor(into / self.period)
        share = into / self.period - cycle
        # a bend that is not later than now by more than rounding is this one
        least = share + _ROUNDING * math.ulp(now) / self.period
        k = bisect.bisect_right(self.shape, (least, math.inf))
        if k < len(self.shape):
            bend = begin + (cycle + self.shape[k][0]) * self.period
        else:
            bend = begin + (cycle + 1 + self.shape[1][0]) * self.period
        bend = max(bend, math.nextafter(now, NEVER))
        return min(bend, max(begin + length, math.nextafter(now, NEVER)), again)

    def _over(self, when: float, into: float) -> bool:
        """Whether a burst is over, up to rounding."""
        return into >= self.cycles * self.period - _ROUNDING * math.ulp(when)

    def _burst(self, when: float) -> tuple[float, float]:
        """Return when the present burst began, and the time since, s."""
        into = when - self.start
        if into < 0 or math.isinf(self.every):
            return self.start, into
        number = math.floor((into + _ROUNDING * math.ulp(when)) / self.every)
        begin = self.start + number * self.every
        return begin, max(0.0, when - begin)


def _at(shape: Shape, share: float) -> float:
    """Return a shape's level between two bends."""
    k = min(max(bisect.bisect_right(shape, (share, math.inf)), 1), len(shape) - 1)
    (a, first), (b, last) = shape[k - 1], shape[k]
    return last if b <= a else first + (last - first) * min(1.0, max(0.0, (share - a) / (b - a)))


class WaveDrive(Drive):
    """A drive that follows a wave where it has one, else its path.

    Parameters
    ----------
    own
        Resistance of the source, Ohm; leads and contacts come on top.
    """

    __slots__ = ("outside", "own", "wave")

    def __init__(self, own: float = 0.0) -> None:
        self.own, self.outside = own, 0.0
        self.wave: Wave | None = None
        super().__init__("")

    @property
    def resistance(self) -> float:
        """Between source and terminal, Ohm."""
        return self.own + self.outside

    @resistance.setter
    def resistance(self, outside: float) -> None:
        self.outside = outside

    def play(self, wave: Wave, now: float) -> None:
        """Follow a wave from now on."""
        self.follow("v", ((now, wave.level(now)),), NEVER)
        self.wave = wave
        if not self.resistance:
            self.acts_at = _FAR  # for those who pass many turns at once: this is no plain level

    def hold(self, level: float, now: float) -> None:
        """Stay at a level from now on."""
        self.wave = None
        self.follow("v", ((now, level),), NEVER)

    def let_go(self, now: float) -> None:
        """Carry no current from now on."""
        self.wave = None
        self.follow("open", ((now, 0.0),), NEVER)

    def level(self, when: float) -> float:
        """Return the level at a time."""
        return super().level(when) if self.wave is None else self.wave.level(when)

    def next_change(self, now: float) -> float:
        """Return the time of the first bend or regime change after `now`, s."""
        if self.wave is None:
            return super().next_change(now)
        return min(self.acts_at, self.wave.next_change(now))
