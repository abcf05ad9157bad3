"""Delays before switching, log-normally distributed, from the share of pulses that switch.

A pulse of width w switches when the delay drawn for it is shorter, so the share of switched pulses
against the width is the distribution of the delay. Filaments of silver have a log-normal one, whose
median falls e-fold for a voltage V0.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from labctl.analysis.curves import Derived, Parameter
from labctl.analysis.likelihood import Likelihood, fit_likelihood
from labctl.analysis.straight import combination
from labctl.results import Fit

__all__ = ["Counts", "delay_share", "fit_delays"]

Array = NDArray[np.float64]

_FORMULA = "P = Phi((ln(w/t50) + (|V| - V_ref)/V0)/s)"
_FEWEST_MIXED = 3
_LEAST_EXPECTED = 1.0  # switched or not, for a place to count in Pearson's chi2


class Counts(NamedTuple):
    """Pulses that switched, by condition; all of shape (conditions,)."""

    v: Array  #: magnitude, V
    width: Array  #: s
    switched: Array
    pulses: Array


def delay_share(v: Array, width: Array, fit: Fit) -> Array:
    """Return the fitted share of pulses that switch."""
    from scipy.special import ndtr

    t50, scale, spread = (fit.values[name].value for name in ("t50", "V0", "s"))
    z = (np.log(width / t50) + (np.abs(v) - fit.fixed["V_ref"]) / scale) / spread
    return np.asarray(ndtr(z), float)


def fit_delays(counts: Counts) -> Fit:
    """Fit the median delay, its voltage and its spread, by the likelihood of the counts.

    Parameters
    ----------
    counts
        At two or more voltages, some switched and some not.

    Returns
    -------
    Fit
        ``t50``, the median delay in s at `V_ref` (the mean voltage); ``V0``, the voltage that
        shortens it e-fold; ``s``, the standard deviation of ln(delay); ``decade`` = V0 ln 10.
        With one width only V0/s and one voltage are in the data, and the fit is not identifiable.
    """
    refusal = _refuse(counts)
    if refusal:
        return Fit("lognormal_delay", _FORMULA, points=len(counts.v), note=refusal)
    ref = float(np.mean(counts.v))
    found = fit_likelihood(_model(counts, ref), _starts(counts, ref), len(counts.v))
    return msgspec.structs.replace(found, fixed={"V_ref": ref})


def _refuse(counts: Counts) -> str:
    share = counts.switched / np.maximum(counts.pulses, 1)
    if len(np.unique(np.round(counts.v, 9))) < 2:
        return "one voltage only; the delay's dependence on it needs two or more"
    if len(np.unique(np.round(np.log(counts.width), 6))) < 2:
        return "one width only; the spread of the delay and its voltage need two or more"
    if not np.any(share > 0) or not np.any(share < 1):
        return f"{'none' if not np.any(share > 0) else 'all'} of the pulses switched"
    mixed = int(np.sum((share > 0) & (share < 1)))
    if mixed < _FEWEST_MIXED:
        return (
            f"{mixed} conditions with some pulses switched and some not; the spread of the delay "
            f"needs {_FEWEST_MIXED}, so choose voltages and widths closer to each other"
        )
    return ""


def _model(counts: Counts, ref: float) -> Likelihood:
    def place(t50: Any, scale: Any, spread: Any) -> Any:
        return (np.log(counts.width / t50) + (counts.v - ref) / scale) / spread

    def terms(t50: Any, scale: Any, spread: Any) -> Any:
        from scipy.special import log_ndtr

        z = place(t50, scale, spread)
        missed = counts.pulses - counts.switched
        return counts.switched * log_ndtr(z) + missed * log_ndtr(-z)

    def misfit(p: Array) -> tuple[float, int]:
        from scipy.special import ndtr

        share = ndtr(np.real(place(p[0], p[1], p[2])))
        expected = counts.pulses * share
        counted = np.minimum(expected, counts.pulses - expected) >= _LEAST_EXPECTED
        dof = int(np.sum(counted)) - 3
        if dof < 1:
            return 0.0, 0
        variance = (expected * (1 - share))[counted]
        return float(np.sum((counts.switched - expected)[counted] ** 2 / variance)), dof

    return Likelihood(
        "lognormal_delay",
        f"{_FORMULA}, V_ref = {ref:.4g} V",
        (
            Parameter("t50", "s", log=True),
            Parameter("V0", "V", log=True),
            Parameter("s", "1", log=True),
        ),
        terms,
        (Derived("decade", "V", lambda p: float(p[1]) * math.log(10), alone="V0"),),
        misfit,
    )


def _starts(counts: Counts, ref: float) -> list[Array]:
    """Return a place from a plane through the probits, weighted by what they tell."""
    from scipy.special import ndtri

    share = (counts.switched + 0.5) / (counts.pulses + 1)
    z = np.asarray(ndtri(share), float)
    weight = np.sqrt(counts.pulses * share * (1 - share))
    columns = np.column_stack((np.log(counts.width), counts.v - ref, np.ones(len(z))))
    by_time, by_volt, height = combination(columns * weight[:, None], z * weight)
    spread = 1 / max(float(by_time), 1e-2)
    scale = 1 / max(float(by_volt) * spread, 1e-3)
    t50 = math.exp(min(max(-float(height) * spread, -60.0), 60.0))
    return [np.array([t50, scale, spread]), np.array([t50, scale, 1.0])]
