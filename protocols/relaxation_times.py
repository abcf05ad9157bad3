"""One time for a decay, whichever law describes it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from labctl.results import Fit, Metric

__all__ = ["mean_time"]

Array = NDArray[np.float64]


def mean_time(fit: Fit) -> Metric | None:
    """Return the mean relaxation time of a fitted law; None for a power law, which has none.

    It is the area under the decay over its height: ``tau``, ``(c1 tau1 + c2 tau2)/(c1 + c2)`` or
    ``tau Gamma(1/beta)/beta``; the uncertainty comes from the covariance.
    """
    names = list(fit.values)
    if not fit.covariance or not any(name.startswith("tau") for name in names):
        return None
    p = np.array([value.value for value in fit.values.values()])
    cov = np.array(fit.covariance)

    def mean(values: Array) -> float:
        at = dict(zip(names, values.tolist(), strict=True))
        if "beta" in at:
            return at["tau"] * math.gamma(1 / at["beta"]) / at["beta"] if at["beta"] > 0.02 else 0.0
        parts = [(at[f"c{k}"], at[f"tau{k}"]) for k in (1, 2, 3) if f"tau{k}" in at]
        total = sum(c for c, _ in parts)
        return sum(c * tau for c, tau in parts) / total if total else math.nan

    value = mean(p)
    steps = 1e-5 * np.where(p != 0, np.abs(p), 1.0)
    slope = np.array(
        [
            (mean(p + unit * step) - mean(p - unit * step)) / (2 * step)
            for unit, step in zip(np.eye(len(p)), steps, strict=True)
        ]
    )
    variance = float(slope @ cov @ slope)
    if not (math.isfinite(value) and value > 0 and variance >= 0 and fit.identifiable):
        return None
    return Metric(value, math.sqrt(variance), "s", "relaxation-mean-time")
