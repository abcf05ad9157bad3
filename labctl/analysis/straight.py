"""Straight lines through data, to begin a search with; never a wrong number for bad data."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["straight_line"]

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
