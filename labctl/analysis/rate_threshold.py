"""Thresholds of measured curves of change against rate, without assuming the shape of the whole.

`labctl.analysis.bcm` fits shapes with a threshold to whole curves; a device's curve need not have
any of them. Here the threshold comes from the rates beside it alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.plasticity import Change
from labctl.results import Metric

__all__ = ["crossing", "deepening", "power_of", "threshold_shift"]

Array = NDArray[np.float64]

_HALVINGS = 50
_STEP = 1e-4  # of ln(rate), for a slope


def crossing(rates: ArrayLike, changes: Sequence[Change]) -> Metric | None:
    """Return the last rate at which the mean change passes zero upwards.

    Between the two rates beside it the curve is the cubic, in ln(rate), through these and their
    outer neighbours. Its uncertainty is that of the four means, and what the cubic and the straight
    line between the two differ by, as half the width of a uniform distribution.

    Parameters
    ----------
    rates
        Hz, rising.
    changes
        At each of them.

    Returns
    -------
    Metric or None
        None where it does not pass zero within the rates.
    """
    known = [(r, c) for r, c in zip(np.ravel(rates), changes, strict=True) if np.isfinite(c.value)]
    x = np.log([float(r) for r, _ in known])
    y = np.array([c.value for _, c in known])
    turns = np.flatnonzero((y[:-1] < 0) & (y[1:] >= 0))
    if not len(turns):
        return None
    k = int(turns[-1])
    beside = slice(max(k - 1, 0), k + 3)
    ends = (float(x[k]), float(x[k + 1]))
    u = _root(x[beside], y[beside], ends)
    straight = _root(x[k : k + 2], y[k : k + 2], ends)
    theta = math.exp(u)
    spreads = [c.sigma for _, c in known[beside]]
    if any(sigma is None for sigma in spreads):
        return Metric(theta, None, "Hz", "threshold-crossing")
    # a mean that is off by d moves the root by -d w / slope, w its weight in the cubic there
    slope = _height(x[beside], y[beside], u + _STEP) - _height(x[beside], y[beside], u - _STEP)
    weights = [_height(x[beside], one, u) for one in np.eye(len(spreads))]
    parts = [
        2 * _STEP * weight * sigma / slope
        for weight, sigma in zip(weights, spreads, strict=True)
        if sigma is not None
    ]
    sigma = theta * math.hypot(*parts, (u - straight) / math.sqrt(3.0))
    return Metric(theta, sigma, "Hz", "threshold-crossing")


def _height(x: Array, y: Array, at: float) -> float:
    """Return the polynomial through all points at a place, in Lagrange's form."""
    total = 0.0
    for j, value in enumerate(y):
        others = np.delete(x, j)
        total += float(value * np.prod((at - others) / (x[j] - others)))
    return total


def _root(x: Array, y: Array, ends: tuple[float, float]) -> float:
    """Return where the polynomial through all points is zero between two of them."""
    low, high = ends
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _height(x, y, middle) < 0 else (low, middle)
    return (low + high) / 2


def threshold_shift(
    first: tuple[float, float | None],
    second: tuple[float, float | None],
    rates: tuple[float, float],
) -> Metric | None:
    """Return how far a threshold slides with the rate before: ``ln(theta2/theta1)/ln(r2/r1)``.

    Parameters
    ----------
    first, second
        Threshold after each rate, Hz, with its standard uncertainty.
    rates
        The two rates before, Hz.

    Returns
    -------
    Metric or None
        None where a number is not positive or the rates are equal.
    """
    (one, u_one), (two, u_two) = first, second
    if not (one > 0 and two > 0 and min(rates) > 0 and rates[0] != rates[1]):
        return None
    span = math.log(rates[1] / rates[0])
    known = u_one is not None and u_two is not None
    sigma = math.hypot((u_one or 0.0) / one, (u_two or 0.0) / two) / abs(span) if known else None
    return Metric(math.log(two / one) / span, sigma, "1", "threshold-shift")


def deepening(changes: Sequence[Change]) -> Metric | None:
    """Return the deepest mean change over that at the lowest rate: above 1 it first falls further.

    Parameters
    ----------
    changes
        At rising rates.

    Returns
    -------
    Metric or None
        None where the lowest rate does not depress.
    """
    known = [change for change in changes if math.isfinite(change.value)]
    if len(known) < 2 or not known[0].value < 0:
        return None
    first, deepest = known[0], min(known, key=lambda change: change.value)
    ratio = deepest.value / first.value
    if deepest is first:
        return Metric(1.0, None, "1", "depression-deepening")
    sigma = None
    if first.sigma is not None and deepest.sigma is not None:
        sigma = math.hypot(deepest.sigma, ratio * first.sigma) / abs(first.value)
    return Metric(ratio, sigma, "1", "depression-deepening")


def power_of(x: ArrayLike, y: Sequence[Metric]) -> Metric | None:
    """Return the exponent n of y = c x^n, by a straight line through the logarithms.

    Parameters
    ----------
    x
        Positive.
    y
        At each of them; weighted with its standard uncertainty where all are known, else equally.

    Returns
    -------
    Metric or None
        None for fewer than two different places. The uncertainty is that of the weights, or of the
        scatter around the line.
    """
    places, values = np.ravel(np.asarray(x, float)), np.array([m.value for m in y], float)
    if len(places) < 2 or np.any(places <= 0) or np.any(values <= 0) or np.ptp(places) == 0:
        return None
    spreads = np.array([np.nan if m.sigma is None else m.sigma for m in y], float) / values
    weighted = bool(np.all(np.isfinite(spreads)) and np.all(spreads > 0))
    w = 1.0 / spreads**2 if weighted else np.ones(len(values))
    u, v = np.log(places), np.log(values)
    centre = np.sum(w * u) / np.sum(w)
    square = float(np.sum(w * (u - centre) ** 2))
    slope = float(np.sum(w * (u - centre) * v)) / square
    if weighted:
        return Metric(slope, math.sqrt(1.0 / square), "1", "threshold-power")
    left = v - np.mean(v) - slope * (u - centre)
    free = len(values) - 2
    sigma = math.sqrt(float(np.sum(left**2)) / free / square) if free else None
    return Metric(slope, sigma, "1", "threshold-power")
