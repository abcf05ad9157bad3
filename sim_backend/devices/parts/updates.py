"""How a weight moves under identical pulses, as rate equations with closed forms.

Pulse models (soft bounds, exponential step) are usually written as an increment for each pulse.
Here they are rates: one reference pulse gives that increment, a pulse cut in two is the same pulse,
and one of another width or amplitude is the same equation for another time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from sim_backend.devices.model import Array

__all__ = [
    "exponential_step", "exponential_step_mean", "mean_exponential", "soft_bound",
    "soft_bound_mean",
]  # fmt: skip

_LARGEST = 700.0  # exponent that can be taken
_SHORT = 0.01  # of a time constant, for which Simpson's rule is good to 1e-12
_MOST_PANELS = 48
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_NODES, _WEIGHTS = (_NODES + 1.0) / 2.0, _WEIGHTS / 2.0  # on 0 to 1


def soft_bound(w: ArrayLike, bound: ArrayLike, moved: ArrayLike) -> Array:
    """Return a weight that goes towards a bound: dw/dm = bound - w.

    Parameters
    ----------
    w, bound
        Weight and where it goes.
    moved
        Integral of the rate over the time; 1 - exp(-moved) of the way is covered.
    """
    target = np.asarray(bound, np.float64)
    return target + (np.asarray(w, np.float64) - target) * np.exp(-np.asarray(moved, np.float64))


def soft_bound_mean(w: Array, bound: Array, moved: Array, least: Array, most: Array) -> Array:
    """Return the mean of a weight on its way towards a bound, kept between two limits.

    Parameters
    ----------
    w, bound, moved
        As for `soft_bound`; the bound may be outside the limits, where the weight then stops.
    least, most
        Limits.
    """
    target, passed = np.asarray(bound, np.float64), np.asarray(moved, np.float64)
    there = np.where(passed > 0, passed, 1.0)
    lost = np.where(passed > 0, -np.expm1(-there) / there, 1.0)
    end = soft_bound(w, target, passed)
    limit = np.clip(end, least, most)
    mean: Array = target + (w - target) * lost
    beyond = end != limit
    if beyond.any():
        # beyond the limit it would have gone on by itself: that part is taken back
        past = np.where(beyond, target - limit, 1.0)
        y = np.where(beyond, (end - limit) / past, 0.0)
        far = y > 0.5
        near = np.log1p(-np.where(far, 0.0, y))
        # the same logarithm of what is left of the way to the target, for what is nearly nothing
        late = np.log(np.where(far, (target - w) / past, 1.0)) - passed
        mean += np.where(beyond, past * (y + np.where(far, late, near)) / there, 0.0)
    return mean


def exponential_step(q: ArrayLike, moved: ArrayLike, b: ArrayLike, k: ArrayLike) -> Array:
    """Return a weight whose step depends exponentially on it: dq/dm = max(0, 1 - b exp(k q)).

    With u = exp(-k q) this is du/dm = -k (u - b), which is solved exactly. It is the exponential
    step of AIHWKit (Rasch et al., 10.1109/AICAS51828.2021.9458494) as a rate.

    Parameters
    ----------
    q
        Weight, counted positive in the direction of the pulse.
    moved
        Integral of the rate over the time; negative moves back.
    b, k
        Of the equation; `k` not zero.
    """
    slope, base = np.asarray(k, np.float64), np.asarray(b, np.float64)
    start = np.asarray(q, np.float64)
    u = np.exp(-slope * start)
    exponent = np.minimum(-slope * np.asarray(moved, np.float64), _LARGEST)
    # away from u the change is (u - b) (exp(..) - 1), which loses nothing for a small pulse
    change = (1.0 - base / u) * np.expm1(exponent)
    after = start - np.log1p(np.maximum(change, -1.0 + 1e-15)) / slope
    return np.where(u > base, after, start)


def exponential_step_mean(
    q: Array, moved: Array, b: ArrayLike, k: ArrayLike, least: Array, most: Array
) -> Array:
    """Return the mean of a weight under exponential steps, kept between two limits.

    Parameters
    ----------
    q, moved, b, k
        As for `exponential_step`.
    least, most
        Limits at which the weight stops; it begins between them.

    Returns
    -------
    ndarray
        To 1e-9 of its range, by Gauss points on the way until it stops.
    """
    slope, base = np.asarray(k, np.float64), np.asarray(b, np.float64)
    until = moved * _share_before(q, moved, base, slope, np.where(moved < 0, least, most))
    stopped = np.clip(exponential_step(q, until, base, slope), least, most)
    if np.all(np.abs(slope * until) <= _SHORT):
        middle = exponential_step(q, until / 2, base, slope)
        total = until * (q + 4.0 * middle + stopped) / 6.0
    elif np.all(base <= 0):
        total = _area_by_weight(q, stopped, base, slope)
    else:
        total = _area_by_time(q, until, base, slope)
    moves = moved != 0
    mean = (total + (moved - until) * stopped) / np.where(moves, moved, 1.0)
    return np.where(moves, mean, q)


def _points(size: Array) -> Iterator[tuple[Array, Array]]:
    """Yield shares of a way and their weights: eight Gauss points on each unit of its size."""
    panels = np.clip(np.ceil(size), 1, _MOST_PANELS)
    for panel in range(int(panels.max())):
        there = panel < panels
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            yield np.minimum((panel + node) / panels, 1.0), np.where(there, weight / panels, 0.0)


def _area_by_weight(q: Array, end: Array, base: Array, slope: Array) -> Array:
    """Return the integral of q dm as one of q dq / (1 - b exp(k q)), smooth for b <= 0."""
    total, way = np.zeros(np.shape(q)), end - q
    for share, weight in _points(np.abs(slope * way) / 2.0):
        at = q + share * way
        total += weight * way * at / (1.0 - base * np.exp(slope * at))
    return total


def _area_by_time(q: Array, until: Array, base: Array, slope: Array) -> Array:
    """Return the integral of q dm point by point, for a weight that comes to rest (b > 0)."""
    total = np.zeros(np.shape(q))
    for share, weight in _points(np.abs(slope * until)):
        total += until * weight * exponential_step(q, share * until, base, slope)
    return total


def _share_before(q: Array, moved: Array, base: Array, slope: Array, limit: Array) -> Array:
    """Return the share of a move after which a weight is at a limit, 1 where it is not."""
    start, goal = np.exp(-slope * q) - base, np.exp(-slope * limit) - base
    ratio = goal / np.where(start > 0, start, 1.0)
    whole = -np.log(np.where(ratio > 0, ratio, 1.0)) / slope
    met = (start > 0) & (ratio > 0) & (np.abs(whole) < np.abs(moved))
    return np.where(met, whole / np.where(met, moved, 1.0), 1.0)


def mean_exponential(first: float, last: float) -> float:
    """Return the mean of exp(x) over a straight line of x.

    Examples
    --------
    >>> mean_exponential(0.0, 0.0)
    1.0
    """
    change = last - first
    start = float(np.exp(first))
    return start * float(np.expm1(change)) / change if change else start
