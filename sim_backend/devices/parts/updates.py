"""How a weight moves under identical pulses, as rate equations with closed forms.

Pulse models (soft bounds, exponential step) are usually written as an increment for each pulse.
Here they are rates: one reference pulse gives that increment, a pulse cut in two is the same pulse,
and one of another width or amplitude is the same equation for another time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sim_backend.devices.model import Array

__all__ = ["exponential_step", "mean_exponential", "soft_bound"]

_LARGEST = 700.0  # exponent that can be taken


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
