"""A sum of squares where double precision ends: residuals in the longest float of the machine.

Where a curve passes its data to a few ten-trillionths of their size, residuals taken in double
precision are rounding as much as data, and so would be the errors that are scaled by them. There
the last steps of the descent are taken with the parameters and the residuals in `numpy.longdouble`.
It has 64 bits on x86 under Linux and macOS; where it is no longer than a double nothing changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.curves import jacobian
from labctl.analysis.descent import Place
from labctl.analysis.squares import LeastSquares

__all__ = ["least_sum"]

Long = NDArray[np.longdouble]

_NEAR = 1e-11  # residuals, as a share of the data, below which rounding counts
_STEPS = 3


def least_sum(problem: LeastSquares, best: Place) -> float:
    """Return the least sum of squares near a minimum that was found in double precision.

    Data given as `numpy.longdouble` are used with all their digits. Where the residuals are large
    enough, or the curve cannot be had in extended precision, it is the sum at the minimum.
    """
    if best.s > problem.floor(_NEAR) or np.finfo(np.longdouble).nmant <= np.finfo(float).nmant:
        return best.s
    try:
        found = _refined(problem, problem.space.values(best.u))
    except (TypeError, ValueError, ArithmeticError, np.linalg.LinAlgError):
        return best.s
    return min(found, best.s) if np.isfinite(found) else best.s


def _refined(problem: LeastSquares, values: NDArray[np.float64]) -> float:
    points, curve = problem.points, problem.curve
    slopes = jacobian(curve, points.x, values) * points.w[:, None]
    size = np.sqrt(np.sum(slopes**2, axis=0))
    place: Long = values.astype(np.longdouble)
    sums = []
    for _ in range(_STEPS):
        r = _residual(problem, place)
        sums.append(float(np.sum((r / points.unit_y) ** 2)))
        rest = float(np.max(np.abs(r)))
        if not rest > 0:
            break
        step = np.linalg.lstsq(slopes / size, np.asarray(r / rest, float), rcond=None)[0]
        place = place - rest * (step / size).astype(np.longdouble)
    return min(sums)


def _residual(problem: LeastSquares, place: Long) -> Long:
    points = problem.points
    x, y = (np.asarray(each, np.longdouble) for each in points.given)
    found: Any = problem.curve.shape(x, *place)
    return np.asarray((found - y) * points.w, np.longdouble)
