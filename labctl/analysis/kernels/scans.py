"""Compiled: the sums of squares of a grid of curves, for the starts of many searches.

Two matrix products with a sum of squares between them; without a library of linear algebra, whose
threads cost more than they bring at this size.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from labctl.analysis.kernels.decay_curves import dot

__all__ = ["project"]

Array = NDArray[np.float64]


@njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc"})
def project(y: Array, tail: Array, basis: Array, maps: Array) -> tuple[Array, Array]:
    """Return the sums of squares of every combination of columns, and those of the whole basis.

    Parameters
    ----------
    y
        Weighted data, shape (curves, points).
    tail
        Directions that every combination has, orthonormal, shape (0 or 1, points).
    basis
        Orthonormal basis of the columns beside them, shape (rank, points).
    maps
        In it, an orthonormal basis of each combination, shape (linear, rank, combinations).
    """
    curves = len(y)
    linear, rank, combinations = maps.shape
    s, floor = np.empty((curves, combinations)), np.empty(curves)
    along = np.empty(combinations)
    inside = np.empty(rank)
    for j in range(curves):
        square = dot(y[j], y[j])
        for k in range(tail.shape[0]):
            square -= dot(tail[k], y[j]) ** 2
        floor[j] = square
        for k in range(rank):
            inside[k] = dot(basis[k], y[j])
            floor[j] -= inside[k] ** 2
        s[j] = square
        for a in range(linear):
            combine(maps[a], inside, along)
            for i in range(combinations):
                s[j, i] -= along[i] * along[i]
    return s, floor


@njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc"})
def combine(maps: Array, inside: Array, along: Array) -> None:
    """Write the projections on one direction of every combination."""
    along[:] = 0.0
    for k in range(inside.size):
        for i in range(along.size):
            along[i] += maps[k, i] * inside[k]
