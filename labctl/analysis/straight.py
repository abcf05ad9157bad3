"""Straight lines and sums of columns, to begin a search with; any data are borne."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["combination", "straight_line"]

Array = NDArray[np.float64]


def straight_line(x: ArrayLike, y: ArrayLike, w: ArrayLike | None = None) -> tuple[float, float]:
    """Return slope and height at zero of the line through points, by weighted least squares.

    Parameters
    ----------
    x, y
        Places and data, shape (n,).
    w
        Square roots of the weights, shape (n,); equal ones without it.

    Returns
    -------
    slope, height
        A level line where the places do not differ; nan where the data are not finite.
    """
    places, data = np.asarray(x, float), np.asarray(y, float)
    weight = np.ones(places.shape) if w is None else np.asarray(w, float) ** 2
    with np.errstate(all="ignore"):
        weight = weight / np.sum(weight)
        middle, level = float(np.sum(weight * places)), float(np.sum(weight * data))
        off = places - middle
        size = float(np.max(np.abs(off), initial=0.0))
        if not size > 0:
            return 0.0, level
        off = off / size
        slope = float(np.sum(weight * off * (data - level)) / np.sum(weight * off**2)) / size
        return slope, float(np.float64(level) - np.float64(slope) * middle)


def combination(columns: Array, target: Array) -> Array:
    """Return the sum of columns, shape (n, k), that comes nearest to a target, as k amplitudes.

    They are zero where anything is not finite, about which the library of linear algebra would
    complain on the screen.
    """
    if not (np.all(np.isfinite(columns)) and np.all(np.isfinite(target))):
        return np.zeros(columns.shape[1])
    return np.asarray(np.linalg.lstsq(columns, target, rcond=None)[0], float)
