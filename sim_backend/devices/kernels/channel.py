"""Compiled channels of transistors: what `sim_backend.devices.fefet.channel_current` says."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["mean_current"]

Array = NDArray[np.float64]

_FAR = 40.0  # exponent beyond which 1 is rounding


@njit(cache=True, error_model="numpy")
def _soft(x: float) -> float:
    """Return ln(1 + exp(x))."""
    return x + math.exp(-x) if x > _FAR else math.log1p(math.exp(x))


@njit(cache=True, error_model="numpy")
def mean_current(
    levels: Array, weights: Array, shares: Array, before: Array, after: Array, gain: Array,
    slope: float, thermal: float,
) -> Array:  # fmt: skip
    """Return the weighted currents from drain to source of the EKV model, A.

    Parameters
    ----------
    levels
        Voltages of drain, source and gate at each point, V, shape (3, points).
    weights, shares
        Of the points, and how far along the line they are, shape (points,).
    before, after
        Threshold voltages at the two ends of the line, V, shape (devices,).
    gain
        beta, A/V2, shape (devices,).
    slope, thermal
        Slope factor n, and k T / q, V.
    """
    found = np.zeros(gain.shape[0])
    width = 2.0 * thermal
    for d in range(gain.shape[0]):
        total = 0.0
        for k in range(weights.shape[0]):
            threshold = before[d] + (after[d] - before[d]) * shares[k]
            pinch = (levels[2, k] - threshold) / slope
            forward = _soft((pinch - levels[1, k]) / width)
            backward = _soft((pinch - levels[0, k]) / width)
            total += weights[k] * ((forward - backward) * (forward + backward))
        found[d] = 2.0 * slope * gain[d] * thermal**2 * total
    return found
