"""Compiled junctions of diodes: what `sim_backend.devices.diode.junction_current` says."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["junction_current"]

Array = NDArray[np.float64]

_LARGEST = 300.0  # exponent of a junction without a resistance
_LEAST = -700.0
_STEPS = 6  # at most
_SAME = 1e-9  # a Newton step of which the next is below rounding


@njit(cache=True, error_model="numpy")
def _omega(x: float) -> float:
    """Return the w that solves w + ln w = x."""
    log = math.log(x - math.log(x)) if x > 1.5 else x - math.log1p(math.exp(x)) / 2.0
    for _ in range(_STEPS):
        w = math.exp(log)
        step = (w + log - x) / (w + 1.0)
        log -= step
        if abs(step) < _SAME:
            break
    return math.exp(log)


@njit(cache=True, error_model="numpy")
def junction_current(v: Array, saturation: Array, thermal: Array, resistance: Array) -> Array:
    """Return the currents of junctions with a resistance in series, A.

    Parameters
    ----------
    v
        Voltage across both, V, shape (voltages, devices).
    saturation, thermal, resistance
        As for the plain version, shape (devices,).
    """
    found = np.empty(v.shape)
    for d in range(v.shape[1]):
        i0, width, series = saturation[d], thermal[d], resistance[d]
        reduced = i0 * series / width
        for k in range(v.shape[0]):
            x = v[k, d]
            if not reduced > 0.0:
                found[k, d] = i0 * math.expm1(min(x / width, _LARGEST))
                continue
            y = max(x / width + reduced + math.log(reduced), _LEAST)
            i = width / series * _omega(y) - i0
            # one step more on the equation itself, which is exact near zero
            inner = min((x - i * series) / width, _LARGEST)
            slope = 1.0 + i0 * math.exp(inner) * series / width
            found[k, d] = i - (i - i0 * math.expm1(inner)) / slope
    return found
