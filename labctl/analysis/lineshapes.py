"""Line shapes: plain functions of time with named parameters, the formula in the docstring."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "double_decay", "exponential", "log_decay", "power_decay", "single_decay", "stretched_decay",
    "triple_decay",
]  # fmt: skip

Array = NDArray[np.float64]


def exponential(t: ArrayLike, amplitude: float = 1.0, tau: float = 1.0) -> Array:
    """Return ``amplitude exp(-t / tau)``.

    Parameters
    ----------
    t
        Time, s.
    amplitude
        Value at t = 0, in the unit of the data.
    tau
        Time constant, s.
    """
    return amplitude * np.exp(-np.asarray(t, dtype=float) / tau)


def single_decay(t: ArrayLike, c1: float = 1.0, tau1: float = 1.0, baseline: float = 0.0) -> Array:
    """Return ``c1 exp(-t / tau1) + baseline``."""
    return exponential(t, c1, tau1) + baseline


def double_decay(
    t: ArrayLike,
    c1: float = 1.0,
    tau1: float = 1.0,
    c2: float = 1.0,
    tau2: float = 10.0,
    baseline: float = 0.0,
) -> Array:
    """Return ``c1 exp(-t / tau1) + c2 exp(-t / tau2) + baseline``.

    The form used for paired-pulse facilitation by Zucker and Regehr
    (doi:10.1146/annurev.physiol.64.092501.114547) and since then for artificial synapses.
    """
    return exponential(t, c1, tau1) + exponential(t, c2, tau2) + baseline


def triple_decay(
    t: ArrayLike,
    c1: float = 1.0,
    tau1: float = 1.0,
    c2: float = 1.0,
    tau2: float = 10.0,
    c3: float = 1.0,
    tau3: float = 100.0,
    baseline: float = 0.0,
) -> Array:
    """Return ``c1 exp(-t / tau1) + c2 exp(-t / tau2) + c3 exp(-t / tau3) + baseline``."""
    return double_decay(t, c1, tau1, c2, tau2, baseline) + exponential(t, c3, tau3)


def stretched_decay(
    t: ArrayLike, c: float = 1.0, tau: float = 1.0, beta: float = 0.5, baseline: float = 0.0
) -> Array:
    """Return ``c exp(-(t / tau)^beta) + baseline``, for times that are not negative.

    Kohlrausch's law (doi:10.1002/andp.18541670103): beta is 1 for a single time constant and the
    smaller the more of them there are; the mean time constant is ``tau / beta Gamma(1 / beta)``.
    """
    return c * np.exp(-((np.asarray(t, dtype=float) / tau) ** beta)) + baseline


def power_decay(
    t: ArrayLike, c: float = 1.0, nu: float = 0.1, t0: float = 1.0, baseline: float = 0.0
) -> Array:
    """Return ``c (t / t0)^-nu + baseline``, for positive times; `c` is the value at t0."""
    return c * (np.asarray(t, dtype=float) / t0) ** -nu + baseline


def log_decay(t: ArrayLike, a: float = 1.0, b: float = 0.1, t0: float = 1.0) -> Array:
    """Return ``a - b ln(t / t0)``, for positive times; `a` is the value at t0."""
    return a - b * np.log(np.asarray(t, dtype=float) / t0)
