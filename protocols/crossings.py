"""Crossings: where a quantity that was looked at now and then passed a level."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.quantiles import student_95

__all__ = ["crossing"]

Array = NDArray[np.float64]

_Z_95 = 1.959963984540054


def crossing(x: Array, size: Array, level: float) -> tuple[float, float]:
    """Return where a size that begins small first reaches a level, and the standard uncertainty.

    It is interpolated in the logarithms of both between the looks on both sides, since most losses
    begin as a power of time or number; the uncertainty is what the scatter about a smooth curve
    there leaves (widened by Student's factor, so that 1.96 of it hold 95 %), at least a tenth of
    the looks' distance over the root of 12.

    Parameters
    ----------
    x
        Places of the looks, positive and rising.
    size
        At each look; what is not finite is left out.
    level
        To be reached.

    Returns
    -------
    x, u
        Not a number where it is never reached, or at the first look already.
    """
    good = np.isfinite(size)
    x, size = x[good], size[good]
    beyond = np.nonzero(size >= level)[0]
    if not len(beyond) or beyond[0] == 0:
        return math.nan, math.nan
    k = int(beyond[0])
    step = math.log(float(x[k] / x[k - 1]))
    if size[k - 1] > 0:
        slope = math.log(float(size[k] / size[k - 1])) / step
        log = math.log(float(x[k - 1])) + math.log(level / float(size[k - 1])) / slope
    else:
        log = math.log(float(x[k - 1])) + step * level / float(size[k])
    sigma = 0.1 * step / math.sqrt(12)
    near = slice(max(k - 3, 0), k + 3)
    there, y = np.log(x[near]), size[near]
    if (spare := len(there) - 3) > 0:
        curve = _smooth(there, y)
        # the reading that all sizes are divided by is as rough, and the roughness is little known
        rough = math.sqrt(2.0 * float(np.sum((y - curve) ** 2)) / spare) * student_95(spare) / _Z_95
        sigma = max(sigma, min(rough * step / float(size[k] - size[k - 1]), step))
    return math.exp(log), math.exp(log) * sigma


def _smooth(x: Array, y: Array) -> Array:
    """Return a parabola through sizes, or through their logarithms where all are positive."""
    if np.all(y > 0):
        return np.asarray(np.exp(np.polyval(np.polyfit(x, np.log(y), 2, w=y), x)))
    return np.asarray(np.polyval(np.polyfit(x, y, 2), x))
