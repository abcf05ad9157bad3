"""Growth of volatile filaments, compiled; see `sim_backend.devices.cbram`."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["grow"]

Array = NDArray[np.float64]

_SMALL = 1e-3


@njit(cache=True)
def _beyond_linear(p: float) -> float:
    """Return p - (1 - exp(-p)), sharp for small p too."""
    if p < _SMALL:
        return p * p * (0.5 - p * (1.0 / 6.0 - p * (1.0 / 24.0 - p / 120.0)))
    return p + math.expm1(-p)


@njit(cache=True)
def grow(
    rows: Array, delays: Array, paces: Array, eta: float, nodes: Array, weights: Array
) -> Array:
    """Let filaments wait and grow; returns the mean of y + (1 - y) x.

    Parameters
    ----------
    rows
        x, y, h and theta, shape (4, devices); changed in place.
    delays
        Nucleation that the piece would add, shape (devices,); 0 for a filament without a delay.
    paces
        Growth in units of its time that the whole piece would give, shape (devices,).
    eta
        Rate of what stays.
    nodes, weights
        Gauss points on 0 to 1.
    """
    whole = np.empty(rows.shape[1])
    for d in range(rows.shape[1]):
        x, y, h, theta = rows[0, d], rows[1, d], rows[2, d], rows[3, d]
        growing = 1.0
        if delays[d] > 0.0:
            waited = min(max(theta * (1.0 - x) - h, 0.0) / delays[d], 1.0)
            rows[2, d] = h + waited * delays[d]
            growing -= waited
        passed, free, loose = growing * paces[d], 1.0 - x, 1.0 - y
        gone = math.exp(-passed)
        slowed = 1.0
        if eta > 0.0:
            slowed = 0.0
            for k in range(nodes.shape[0]):
                z = gone + (1.0 - gone) * nodes[k]
                slowed += weights[k] * math.exp(eta * (math.log(z) + free * (1.0 - z)))
        lost = -math.expm1(-passed) / passed if passed > 1e-12 else 1.0
        part = free * loose * lost * slowed
        whole[d] = 1.0 - growing * part - (1.0 - growing) * free * loose
        rows[0, d] = x - free * math.expm1(-passed)
        rows[1, d] = y - loose * math.expm1(-eta * (x * passed + free * _beyond_linear(passed)))
    return whole
