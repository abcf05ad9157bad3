"""Magnetic tunnel junctions: switching rates, magnetoresistance, and the moments of switching.

A junction is parallel (P, low resistance) or antiparallel (AP). Between the two it is a Markov
chain with rates that the voltage sets. With x = V / Vc for the way that the voltage favours and
x = -V / Vc for the way back::

    x < 1:  rate = exp(-Delta(T) (1 - x)^n) / tau0                thermal (Neel, Brown)
    x > 1:  rate = 1 / tau0 + (x - 1) / taup                      the torque exceeds the damping

with Delta(T) = Delta Tref / T. The two branches join without a step (Liu and Ohsawa, IEICE Trans.
Electron. E104-C, 121, 2021, 10.1587/transele.2020ECP5011, lay a spline there). The
magnetoresistance falls with the voltage, G_AP = G_P / (1 + TMR0 / (1 + V^2 / Vh^2)).

The moments of switching
------------------------
Such a chain is the same as one that at the moments of a Poisson process of the rate r1 + r0 forgets
everything and is drawn anew, parallel with the probability r1 / (r1 + r0) (uniformisation; both
have the same generator). On the clock u = integral of (r1 + r0) dt this is a Poisson process of
rate 1, the same whatever the voltage did: cell by cell it is looked up by (junction, cell). The
state after any time is therefore the draw of the last such moment, found by walking back from the
end, and the state before it if there was none. A pulse cut in two is the same pulse, and ten years
of a junction that flips every nanosecond cost as much as a pulse. `sim_backend.devices.mtj_refresh`
does this.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np

from sim_backend.devices.model import Array

__all__ = [
    "Rates", "Switching", "antiparallel_mean", "geometric", "panels", "rate", "series", "stretches",
    "switching", "switching_of",
]  # fmt: skip

_STEP = 0.01  # V: a ramp is cut at multiples of it
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(3)
_LARGEST = 690.0  # exponent


class Rates(NamedTuple):
    """What sets the rates of junctions; arrays of shape (devices,)."""

    stability: Array  #: Delta at the temperature at hand
    critical: Array  #: Vc, V
    attempt: float  #: tau0, s
    precession: float  #: taup, s
    exponent: float  #: n


class Switching(NamedTuple):
    """What a straight line of the voltage does to a junction, shape (devices,)."""

    clock: Array  #: integral of r1 + r0
    share: Array  #: r1 / (r1 + r0), over the line


def rate(x: Array, rates: Rates) -> Array:
    """Return the rate of switching the way that x favours, 1/s."""
    barrier = rates.stability * np.maximum(1.0 - x, 0.0) ** rates.exponent
    thermal = np.exp(-np.minimum(barrier, _LARGEST)) / rates.attempt
    rate_: Array = thermal + np.maximum(x - 1.0, 0.0) / rates.precession
    return rate_


def switching(first: float, last: float, duration: float, rates: Rates) -> Switching:
    """Return clock and share of a line, exact for a constant level, else by three Gauss points."""
    if first != last:
        line = np.array([first]), np.array([last]), np.array([duration])
        clock, share = switching_of(*line, rates)
        return Switching(clock[0], share[0])
    x = first / rates.critical
    up, down = rate(x, rates), rate(-x, rates)
    return Switching((up + down) * duration, up / (up + down))


def switching_of(first: Array, last: Array, duration: Array, rates: Rates) -> Switching:
    """Return clocks and shares of slanted lines, each of shape (lines, devices).

    Parameters
    ----------
    first, last, duration
        Of the lines, V and s, shape (lines,).
    rates
        Of the devices.
    """
    middle, half = ((last + first) / 2)[:, np.newaxis], ((last - first) / 2)[:, np.newaxis]
    x = (middle + half * _NODES)[..., np.newaxis] / rates.critical
    weights = (_WEIGHTS / 2)[:, np.newaxis]
    up = (weights * rate(x, rates)).sum(axis=1)
    down = (weights * rate(-x, rates)).sum(axis=1)
    return Switching((up + down) * duration[:, np.newaxis], up / (up + down))


def panels(first: float, last: float, duration: float) -> list[tuple[float, float, float]]:
    """Cut a line at whole multiples of 10 mV (of more, for lines beyond 2 V).

    Over one of these the exponent of a rate changes by less than one, and three Gauss points have
    an error below 1e-7 (1e-3 in the one where a critical voltage lies).

    Examples
    --------
    >>> [(round(a, 3), round(b, 3)) for a, b, _ in panels(0.0, 0.025, 1.0)]
    [(0.0, 0.01), (0.01, 0.02), (0.02, 0.025)]
    """
    if first == last:
        return [(first, last, duration)]
    low, high = sorted((first, last))
    step = _STEP * max(1.0, 2.0 ** math.ceil(math.log2((high - low) / 2.0)))
    inner = [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    points = sorted({low, high, *(v for v in inner if low < v < high)}, reverse=first > last)
    slope = duration / (last - first)
    return [(a, b, (b - a) * slope) for a, b in itertools.pairwise(points)]


def antiparallel_mean(
    first: float | Array, last: float | Array, ratio: Array, half: float
) -> Array:
    """Return the mean of G_AP V / G_P over a line of the voltage, in closed form, V.

    Parameters
    ----------
    first, last
        Ends, V; of several lines, which broadcast with the ratio, when all are slanted.
    ratio
        TMR0.
    half
        Vh, at which the magnetoresistance has halved, V.
    """
    if isinstance(first, float) and first == last:
        weakened = ratio / (1.0 + (first / half) ** 2)
        return np.asarray(first / (1.0 + weakened))
    wide = (1.0 + ratio) * half**2
    # V (Vh^2 + V^2) / ((1 + TMR0) Vh^2 + V^2) = V - TMR0 Vh^2 V / (..)
    square = (first + last) / 2
    change = np.log1p((last**2 - first**2) / (wide + first**2))
    mean: Array = square - ratio * half**2 / 2 * change / (last - first)
    return mean


def stretches(
    lines: list[tuple[float, float, float]], threshold: float
) -> list[list[tuple[float, float, float]]]:
    """Group consecutive lines by what they are of an excursion: below the threshold, or which side.

    Examples
    --------
    >>> [len(group) for group in stretches(panels(-0.02, 0.03, 1.0), 0.015)]
    [1, 2, 2]
    """

    def side(line: tuple[float, float, float]) -> float:
        far = max(line[:2], key=abs)
        return math.copysign(1.0, far) if abs(far) > threshold else 0.0

    return [list(group) for _, group in itertools.groupby(lines, side)]


def geometric(clock: Array, turns: int) -> Array:
    """Return 1 + b + b^2 + ... of so many terms, b = exp(-clock)."""
    small = np.maximum(clock, 1e-300)
    total = np.expm1(-turns * small) / np.expm1(-small)
    return np.where(clock > 0, total, float(turns))


def series(clock: Array, turns: int) -> Array:
    """Return the sum over so many terms k = 0, 1, ... of `geometric` of k terms."""
    small = np.maximum(clock, 1e-300)
    exact = (turns - geometric(clock, turns)) / -np.expm1(-small)
    return np.where(turns * clock > 1e-4, exact, turns * (turns - 1) / 2.0)
