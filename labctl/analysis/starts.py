"""Where a search begins: sums of squares for a whole grid of curves, from products made once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.separable import Hold, Start

__all__ = ["DEAD", "held_column", "least_sums", "promising"]

Array = NDArray[np.float64]

DEAD = 1e-100  #: size of a column that has vanished before the first point
_RIDGE = 1e-11  # keeps columns apart that are the same to rounding


def least_sums(
    columns: Array, y: Array, chosen: NDArray[np.intp], hold: tuple[int, float] | None
) -> Array:
    """Return the least sums of squares, up to rounding, of y against combinations of columns.

    Parameters
    ----------
    columns, y
        Weighted, shape (points, columns) and (points,).
    chosen
        Shape (combinations, columns in each): their numbers.
    hold
        Which of the columns in each combination has a fixed coefficient, and that coefficient.
    """
    sizes = np.linalg.norm(columns, axis=0)
    sizes = np.where(sizes > DEAD, sizes, np.inf)
    columns = columns / sizes
    gram, moment = columns.T @ columns, columns.T @ y
    if hold is None:
        target, square = moment[chosen], np.full(len(chosen), float(y @ y))
    else:
        at, value = hold
        fixed, chosen = chosen[:, at], np.delete(chosen, at, axis=1)
        v = (value * np.where(np.isfinite(sizes), sizes, 0.0)[fixed])[:, None]
        target = moment[chosen] - v * gram[chosen, fixed[:, None]]
        square = (v * v - 2 * v * moment[fixed][:, None])[:, 0]
    normal = gram[chosen[:, :, None], chosen[:, None, :]] + _RIDGE * np.eye(chosen.shape[1])
    solved = np.linalg.solve(normal, target[..., None])[..., 0]
    sums: Array = square - np.sum(target * solved, axis=1)
    return sums


def promising(places: Array, s: Array, apart: float, most: int) -> list[Start]:
    """Return the places of lowest sums that are farther apart than `apart` in some parameter."""
    starts: list[Start] = []
    while len(starts) < most and len(places):
        at = int(np.argmin(s))
        starts.append(Start(places[at], float(s[at])))
        elsewhere = np.max(np.abs(places - places[at]), axis=1) > apart
        places, s = places[elsewhere], s[elsewhere]
    return starts


def held_column(hold: Hold | None, nonlinear: int) -> tuple[int, float] | None:
    """Return a held linear parameter by the number of its column."""
    if hold is None or hold.parameter < nonlinear:
        return None
    return hold.parameter - nonlinear, hold.value
