"""From what was at an input to the codes that an oscilloscope has of it.

The amplifier and the resistor before it lag behind, the gain and the zero are off by as much as is
specified at most, noise is added, and eight bits are left; what is beyond the converter is clipped.
In high resolution the mean of the points that are left out takes the noise down and the bits up to
twelve; an average does the same over triggers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sim_backend.instruments.keysightdsox_capture import Record
from sim_backend.instruments.keysightdsox_settings import CODES, DIVISIONS, Channel, Model

__all__ = ["Errors", "Grid", "Sampler", "draw_errors"]

Array = npt.NDArray[np.float64]

_MIDDLE, _LOW, _HIGH = 128, 1, 255
_OFFSET_DIVISIONS, _OFFSET_VOLTS = 0.1, 2e-3  # by which the zero may be off (5992-1965EN)
_TOLERANCE = 1e-2  # of 50 Ohm
_LIMIT = 20e6  # Hz, of the bandwidth limit
_FINER = 16  # codes of twelve bits in one of eight
_LAGS = 0.05  # of an interval: a faster input follows at once


class Errors(NamedTuple):
    """By how much of what is allowed an input is off, from -1 to 1."""

    gain: float
    zero: float
    resistance: float


class Grid(NamedTuple):
    """Where the points of a transfer are."""

    first: float  #: s after the trigger
    interval: float  #: s
    points: int

    @property
    def times(self) -> Array:
        """Shape (points,), s after the trigger."""
        return self.first + self.interval * np.arange(self.points, dtype=np.float64)


def draw_errors(seed: str, *, ideal: bool) -> tuple[Errors, ...]:
    """Return the errors of four inputs: the same for the same instrument."""
    if ideal:
        return (Errors(0.0, 0.0, 0.0),) * 4
    draw = np.random.default_rng(list(seed.encode()))
    return tuple(Errors(*draw.uniform(-1.0, 1.0, 3).tolist()) for _ in range(4))


@dataclass(frozen=True, slots=True)
class Sampler:
    """An input of an oscilloscope.

    Parameters
    ----------
    model
        Of the oscilloscope.
    channel
        Its settings.
    errors
        By how much it is off.
    lag
        With which the circuit before it follows, s.
    ideal
        Without errors and noise; eight bits it has all the same.
    """

    model: Model
    channel: Channel
    errors: Errors
    lag: float
    ideal: bool

    @property
    def step(self) -> float:
        """Voltage of a code, V."""
        return self.channel.range / CODES

    def codes(self, seen: Sequence[Array], grid: Grid, acquired: str, seed: str) -> Array:
        """Return codes of points, whole ones or, of means, sixteenths; shape (points,).

        Parameters
        ----------
        seen
            What was at the input in each of the records, V, shape (points,).
        grid
            Where they are.
        acquired
            ``NORM``, ``AVER`` or ``HRES``.
        seed
            Of the noise.
        """
        volts = np.mean([self._amplified(v) for v in seen], axis=0)
        if not self.ideal:
            noise = np.random.default_rng(list(seed.encode()))
            averaged = len(seen) * (self._merged(grid) if acquired == "HRES" else 1.0)
            volts = volts + noise.normal(0.0, self._rms() / math.sqrt(averaged), grid.points)
        codes = (volts - self.channel.offset) / self.step + _MIDDLE
        finer = 1 if acquired == "NORM" else _FINER
        clipped: Array = np.clip(np.round(codes * finer) / finer, _LOW, _HIGH)
        return clipped

    def at(self, record: Record, number: int, grid: Grid) -> Array:
        """Return what comes to the converter, shape (points,), V; 3 and 4 are not wired."""
        if number > 2:
            return np.zeros(grid.points)
        volts: Array = record.volts[number - 1]
        if self._lag < _LAGS * grid.interval:
            straight: Array = np.interp(grid.times, record.times, volts)
            return straight
        return _lagging(grid.times, record.times, volts, self._lag)

    @property
    def _lag(self) -> float:
        """Time constant of the circuit and the amplifier, s."""
        bandwidth = self.model.bandwidth
        if self.channel.limited:
            bandwidth = min(bandwidth, _LIMIT)
        return self.lag + 1.0 / (2.0 * math.pi * bandwidth)

    def _amplified(self, volts: Array) -> Array:
        """Return what the converter gets."""
        volts = volts * self.channel.probe
        if self.channel.coupling == "AC":
            volts = volts - volts.mean()
        if self.channel.inverted:
            volts = -volts
        scale = self.channel.scale
        specified = max(scale, self.model.magnified)
        share = next(g for least, g in reversed(self.model.gain) if scale >= least * (1 - 1e-9))
        gain = 1.0 + self.errors.gain * 2.0 * share * specified / scale
        if self.channel.impedance == "FIFT":
            gain *= 1.0 + self.errors.resistance * _TOLERANCE
        zero = self.errors.zero * (_OFFSET_DIVISIONS * specified + _OFFSET_VOLTS)
        middle = self.channel.offset
        return middle + (volts - middle) * gain + (0.0 if self.ideal else zero)

    def _merged(self, grid: Grid) -> float:
        return max(1.0, grid.interval * self.model.rate)

    def _rms(self) -> float:
        floor, share = self.model.noise
        return math.hypot(floor, share * self.channel.range / DIVISIONS)


def _lagging(when: Array, times: Array, volts: Array, lag: float) -> Array:
    """Return what comes of straight lines through one pole, shape of `when`.

    On a line of a slope it is behind by the slope times the lag, and what it was behind at the
    beginning besides dies away.
    """
    keep = np.append(np.diff(times) > 0, True)
    times, volts = times[keep], volts[keep]
    if len(times) < 2:
        return np.full(when.shape, volts[0])
    lengths, slopes = np.diff(times), np.diff(volts) / np.diff(times)
    over = np.empty(len(slopes))  # above where the line alone would have it, at its beginning
    value = volts[0]
    faded = np.exp(-lengths / lag)
    for k, (first, slope) in enumerate(zip(volts, slopes, strict=False)):
        over[k] = value - first + slope * lag
        value = volts[k + 1] - slope * lag + over[k] * faded[k]
    at = np.clip(np.searchsorted(times, when, side="right") - 1, 0, len(slopes) - 1)
    since = np.clip(when - times[at], 0.0, None)
    through: Array = volts[at] + slopes[at] * (since - lag) + over[at] * np.exp(-since / lag)
    return through
