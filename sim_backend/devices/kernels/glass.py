"""Drift of phase-change cells at rest, compiled; see `sim_backend.devices.pcm`."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["exponents", "relax"]

Array = NDArray[np.float64]


@njit(cache=True)
def exponents(
    g: Array, drawn: Array, scale: Array, law: Array, share: float, least: float
) -> Array:
    """Return the drift exponents of cells.

    Parameters
    ----------
    g, drawn, scale
        Crystalline share, normal number of the last write and factor of each cell, (devices,).
    law
        Slope, offset, least and greatest value of the mean, the same of the spread, and the share
        left at 0 K in HRS and in LRS, shape (10,).
    share
        (T / 300 K)^2.
    least
        Share below which g does not count in a logarithm.
    """
    found = np.empty(g.shape[0])
    for d in range(g.shape[0]):
        at = max(g[d], least)
        log = math.log(at)
        mean = min(max(law[0] * log + law[1], law[2]), law[3])
        width = min(max(law[4] * log + law[5], law[6]), law[7])
        cold = law[8] + (law[9] - law[8]) * at
        found[d] = max(scale[d] * (mean + width * drawn[d]), 0.0) * (cold + (1.0 - cold) * share)
    return found


@njit(cache=True)
def relax(t: Array, drift: Array, nu: Array, duration: float, begins: float) -> Array:
    """Let glass relax; returns the mean over the time of what drift leaves of a conductance.

    Parameters
    ----------
    t, drift
        Time since the last write, s, and logarithm of what it has cost; changed in place.
    nu
        Exponents.
    duration, begins
        Of the rest, and the time from which drift is described, s.
    """
    found = np.empty(t.shape[0])
    for d in range(t.shape[0]):
        ratio = duration / (t[d] + begins)
        passed, power = math.log1p(ratio), 1.0 - nu[d]
        mean = math.expm1(power * passed) / (power * ratio) if ratio > 1e-9 else 1.0
        found[d] = math.exp(-drift[d]) * mean
        drift[d] += nu[d] * passed
        t[d] += duration
    return found
