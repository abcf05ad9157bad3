"""How a state drifts with the number of cycles: not at all, from the first cycle, or from an onset.

The gradual closing of a window is a straight line in the logarithms after some number of cycles
(Lammie et al., 2021, doi:10.1088/1361-6641/abf29d), so three laws compete by AICc.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.competition import Competition, judge
from labctl.analysis.curves import Curve, Parameter
from labctl.analysis.nonlinear import compete_curves, fit_curve
from labctl.analysis.straight import straight_line
from labctl.results import Metric

__all__ = ["DRIFTS", "binned", "compete_drift", "drift_metric"]

Array = NDArray[np.float64]

_BINS = 8  # of a decade
_ROUNDING = 1e-9  # decades
_LN10 = math.log(10.0)


def binned(cycle: Array, resistance: Array) -> tuple[Array, Array, Array]:
    """Return means of lg R over cycles that are neighbours on a logarithmic scale.

    Parameters
    ----------
    cycle, resistance
        One entry for each cycle read; what is not positive or not finite is left out.

    Returns
    -------
    cycle, lg_r, count
        Geometric mean of the cycle numbers, mean of lg(R/Ohm), and how many cycles they stand for.
    """
    good = (cycle > 0) & np.isfinite(resistance) & (resistance > 0)
    lg_n, lg_r = np.log10(cycle[good]), np.log10(resistance[good])
    if not len(lg_n):
        return np.zeros(0), np.zeros(0), np.zeros(0)
    _, where = np.unique(np.floor(lg_n * _BINS), return_inverse=True)
    count = np.bincount(where).astype(float)
    means = [np.bincount(where, weights=values) / count for values in (lg_n, lg_r)]
    return 10.0 ** means[0], means[1], count


def _steady() -> Curve:
    def starts(n: Array, y: Array, w: Array) -> list[Array]:
        return [np.array([float(np.average(y, weights=w**2))])]

    return Curve(
        "steady", "lg(R/Ohm) = a", (Parameter("a", "1"),), lambda n, a: a + 0.0 * n, starts,
        slopes=lambda n, a: np.ones((len(n), 1)),
    )  # fmt: skip


def _power() -> Curve:
    def starts(n: Array, y: Array, w: Array) -> list[Array]:
        slope, height = straight_line(np.log10(n), y, w)
        return [np.array([height, slope])]

    return Curve(
        "power", "lg(R/Ohm) = a + b lg(N)", (Parameter("a", "1"), Parameter("b", "1")),
        lambda n, a, b: a + b * np.log10(n), starts,
        slopes=lambda n, a, b: np.column_stack((np.ones(len(n)), np.log10(n))),
    )  # fmt: skip


def _onset() -> Curve:
    def shape(n: Array, a: Any, b: Any, n0: Any) -> Any:
        return a + b * np.maximum(np.log10(n / n0), 0.0)

    def slopes(n: Array, a: Any, b: Any, n0: Any) -> Array:
        past = np.maximum(np.log10(n / n0), 0.0)
        return np.column_stack((np.ones(len(n)), past, np.where(past > 0, -b / (n0 * _LN10), 0.0)))

    def starts(n: Array, y: Array, w: Array) -> list[Array]:
        found = []
        for corner in np.quantile(n, (0.15, 0.3, 0.45, 0.6, 0.75, 0.9)):
            slope, height = straight_line(np.maximum(np.log10(n / corner), 0.0), y, w)
            found.append(np.array([height, slope, float(corner)]))
        return found

    return Curve(
        "onset", "lg(R/Ohm) = a + b max(0, lg(N/N0))",
        (Parameter("a", "1"), Parameter("b", "1"), Parameter("N0", "1", log=True)),
        shape, starts, slopes=slopes,
    )  # fmt: skip


#: the laws, by name
DRIFTS: dict[str, Curve] = {"steady": _steady(), "power": _power(), "onset": _onset()}


def compete_drift(cycle: Array, resistance: Array) -> Competition:
    """Fit the three laws to a state's resistance against the number of cycles.

    Parameters
    ----------
    cycle, resistance
        One entry for each cycle read, Ohm; means over neighbours are fitted, each weighted by how
        many cycles it stands for, and the errors come from their scatter.
    """
    n, y, count = binned(cycle, resistance)
    if len(y) and np.ptp(y) < _ROUNDING:  # the last digits of a noise-free device are no drift
        return judge({"steady": fit_curve(DRIFTS["steady"], n, y)})
    return compete_curves(DRIFTS, n, y, 1 / np.sqrt(count), absolute=False)


def drift_metric(found: Competition) -> Metric | None:
    """Return the drift in decades a decade; None where the preferred law has none, or no error."""
    best = found.fits.get(found.best)
    slope = None if best is None else best.values.get("b")
    if slope is None or slope.sigma is None:
        return None
    return Metric(slope.value, slope.sigma, "1", "endurance-drift")
