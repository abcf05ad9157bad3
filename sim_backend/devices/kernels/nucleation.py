"""Compiled switching of ferroelectric domains: what `sim_backend.devices.hzo_switching` says."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["gamma_share", "switch"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_TINY = 1e-300
_NODE = 0.774596669241483377  # of the three-point Gauss rule


@njit(cache=True)
def gamma_share(a: float, x: float) -> float:
    """Return the regularised upper incomplete gamma function Q(a, x), a > 0, x >= 0.

    The series below x = a + 1 and the continued fraction above it (modified Lentz): Abramowitz and
    Stegun 6.5.29 and 6.5.31.
    """
    if x <= 0.0:
        return 1.0
    scale = math.exp(-x + a * math.log(x) - math.lgamma(a))
    if x < a + 1.0:
        term = 1.0 / a
        total, n = term, a
        while abs(term) > 1e-17 * abs(total):
            n += 1.0
            term *= x / n
            total += term
        return 1.0 - total * scale
    b = x + 1.0 - a
    c, d = 1.0 / _TINY, 1.0 / b
    h = d
    for k in range(1, 200):
        step = -k * (k - a)
        b += 2.0
        d = step * d + b
        d = 1.0 / (d if abs(d) > _TINY else _TINY)
        c = b + step / c
        c = c if abs(c) > _TINY else _TINY
        h *= d * c
        if abs(d * c - 1.0) < 1e-16:
            break
    return scale * h


@njit(cache=True)
def _primitive(field: float, activation: float, alpha: float, whole: float) -> float:
    """Return the integral of exp(-(activation / E)^alpha) from 0 to a field; whole = Gamma(a)."""
    x = (activation / field) ** alpha if field > 0.0 else math.inf
    if x > 700.0:
        return 0.0
    return field * math.exp(-x) - activation * whole * gamma_share(1.0 - 1.0 / alpha, x)


@njit(cache=True)
def _mean(low: float, high: float, activation: float, alpha: float, cut: float) -> float:
    """Return the mean of exp(-(activation / E)^alpha) over a line of E, none below the cut."""
    if high <= cut:
        return 0.0
    if high == low:
        return math.exp(-((activation / high) ** alpha))
    if high - low <= 1e-3 * high:
        total = 0.0
        for node, weight in ((-_NODE, 5.0), (0.0, 8.0), (_NODE, 5.0)):
            field = (low + high) / 2 + (high - low) / 2 * node
            if field > cut:
                total += weight * math.exp(-((activation / field) ** alpha))
        return total / 18.0
    whole = math.gamma(1.0 - 1.0 / alpha)
    start = max(low, cut)
    upper = _primitive(high, activation, alpha, whole)
    return (upper - _primitive(start, activation, alpha, whole)) / (high - low)


@njit(cache=True)
def switch(
    up: Array,
    rising: Array,
    falling: Array,
    left: Array,
    activation: Array,
    first: Array,
    last: Array,
    turns: Array,
    alpha: float,
    beta: float,
    reach: float,
    single: bool,
) -> Flags:
    """Take all domains of all devices through one line of the field; see the plain version.

    Parameters
    ----------
    up, rising, falling, left
        State of the domains, shape (domains, devices); changed in place.
    activation
        Activation fields, same shape.
    first, last
        Field at the ends of the line, of one sign in each device, shape (devices,).
    turns
        Duration over the shortest switching time, shape (devices,).
    alpha, beta, reach
        The law.
    single
        Whether each domain flips as a whole.

    Returns
    -------
    ndarray
        Which domains flipped as a whole and need a new draw.
    """
    flipped = np.zeros(up.shape, np.bool_)
    for n in range(up.shape[0]):
        for k in range(up.shape[1]):
            ends = abs(first[k]), abs(last[k])
            positive = first[k] + last[k] > 0.0
            mean = _mean(min(ends), max(ends), activation[n, k], alpha, reach * activation[n, k])
            if mean == 0.0:
                continue
            flipped[n, k] = _step(
                up, rising, falling, left, n, k, mean * turns[k], positive, beta, single
            )
    return flipped


@njit(cache=True)
def _step(
    up: Array,
    rising: Array,
    falling: Array,
    left: Array,
    n: int,
    k: int,
    gain: float,
    positive: bool,
    beta: float,
    single: bool,
) -> bool:
    """Let one domain nucleate; returns whether it flipped as a whole."""
    before = rising[n, k] if positive else falling[n, k]
    after = before + gain
    hazard = after**beta - before**beta
    waiting = 1.0 - up[n, k] if positive else up[n, k]
    if single:
        if waiting < 0.5:
            return False
        left[n, k] -= hazard
        if left[n, k] <= 0.0:
            up[n, k] = 1.0 if positive else 0.0
            rising[n, k] = 0.0
            falling[n, k] = 0.0
            return True
        if positive:
            rising[n, k] = after
        else:
            falling[n, k] = after
        return False
    moved = waiting * -math.expm1(-hazard)
    settled = 1.0 - waiting
    share = settled / (settled + moved) if settled + moved > 0.0 else 0.0
    if positive:
        up[n, k] = min(1.0, up[n, k] + moved)
        rising[n, k] = after
        falling[n, k] *= share
    else:
        up[n, k] = max(0.0, up[n, k] - moved)
        falling[n, k] = after
        rising[n, k] *= share
    return False
