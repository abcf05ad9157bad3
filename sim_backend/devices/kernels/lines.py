"""The conjugate gradients of `sim_backend.crossbar`, word and bit lines without a transpose."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["eliminate", "gradients", "solve"]

Array = NDArray[np.float64]

_SIDE = 8  # chains side by side


@njit(cache=True)
def solve(wire: float, pivot: Array, current: Array) -> Array:
    """Do what `sim_backend.lines.Lines.solve` does."""
    v = current.copy()
    _down_columns(wire, pivot, v)
    return v


@njit(cache=True)
def eliminate(wire: float, load: Array) -> None:
    """Turn loads into reciprocal pivots, in place, as `sim_backend.lines.factorise` does."""
    positions, lines = load.shape
    for k in range(1, positions):
        for j in range(lines):
            before = load[k - 1, j]
            load[k, j] += wire * before / (wire + before)
            load[k - 1, j] = 1 / (wire + before)
    for j in range(lines):
        load[positions - 1, j] = 1 / load[positions - 1, j]


@njit(cache=True)
def _along_rows(wire: float, pivot: Array, v: Array) -> None:
    """Solve one chain in every row, in place.

    Each step of a chain waits for the one before, so several chains go side by side.
    """
    rows, columns = v.shape
    whole = rows - rows % _SIDE
    for i in range(0, whole, _SIDE):
        _chains(wire, pivot[i : i + _SIDE], v[i : i + _SIDE])
    for i in range(whole, rows):
        for j in range(1, columns):
            v[i, j] += wire * pivot[i, j - 1] * v[i, j - 1]
        v[i, columns - 1] *= pivot[i, columns - 1]
        for j in range(columns - 2, -1, -1):
            v[i, j] = v[i, j] * pivot[i, j] + wire * pivot[i, j] * v[i, j + 1]


@njit(cache=True)
def _chains(wire: float, pivot: Array, v: Array) -> None:
    """Solve exactly `_SIDE` chains."""
    last = v.shape[1] - 1
    for j in range(1, last + 1):
        for k in range(_SIDE):
            v[k, j] += wire * pivot[k, j - 1] * v[k, j - 1]
    for k in range(_SIDE):
        v[k, last] *= pivot[k, last]
    for j in range(last - 1, -1, -1):
        for k in range(_SIDE):
            v[k, j] = v[k, j] * pivot[k, j] + wire * pivot[k, j] * v[k, j + 1]


@njit(cache=True)
def _down_columns(wire: float, pivot: Array, v: Array) -> None:
    """Solve one chain in every column, in place."""
    rows, columns = v.shape
    for i in range(1, rows):
        for j in range(columns):
            v[i, j] += wire * pivot[i - 1, j] * v[i - 1, j]
    for j in range(columns):
        v[rows - 1, j] *= pivot[rows - 1, j]
    for i in range(rows - 2, -1, -1):
        for j in range(columns):
            v[i, j] = (v[i, j] + wire * v[i + 1, j]) * pivot[i, j]


@njit(cache=True)
def _dot(a: Array, b: Array) -> float:
    total = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            total += a[i, j] * b[i, j]
    return total


@njit(cache=True)
def _walk(b: Array, residual: Array, p: Array, ap: Array, step: float) -> float:
    """Go one step; returns the largest change."""
    most = 0.0
    for i in range(b.shape[0]):
        for j in range(b.shape[1]):
            change = step * p[i, j]
            b[i, j] += change
            residual[i, j] -= step * ap[i, j]
            most = max(most, abs(change))
    return most


@njit(cache=True)
def _apply(g: Array, wire: float, pivot: Array, p: Array, bp: Array, work: Array) -> None:
    """Put the matrix times p into `work`."""
    for i in range(g.shape[0]):
        for j in range(g.shape[1]):
            work[i, j] = g[i, j] * p[i, j]
    _along_rows(wire, pivot, work)
    for i in range(g.shape[0]):
        for j in range(g.shape[1]):
            work[i, j] = bp[i, j] - g[i, j] * work[i, j]


@njit(cache=True)
def _turn(p: Array, bp: Array, z: Array, residual: Array, share: float) -> None:
    """Turn to the next direction."""
    for i in range(p.shape[0]):
        for j in range(p.shape[1]):
            p[i, j] = z[i, j] + share * p[i, j]
            bp[i, j] = residual[i, j] + share * bp[i, j]


@njit(cache=True)
def gradients(
    g: Array,
    wires: tuple[float, float],
    pivots: tuple[Array, Array],
    into_words: Array,
    into_bits: Array,
    tolerance: float,
    most: int,
) -> tuple[Array, int]:
    """Do what `sim_backend.crossbar._gradients` does; all arrays (rows, columns).

    Returns
    -------
    bit nodes, count
        The count is `most` when it did not settle.
    """
    word, work = into_words.copy(), np.empty_like(g)
    _along_rows(wires[0], pivots[0], word)
    residual = into_bits + g * word
    b = np.zeros_like(g)
    z = residual.copy()
    _down_columns(wires[1], pivots[1], z)
    p, bp = z.copy(), residual.copy()
    now = _dot(residual, z)
    if now <= 0:  # every line is at zero
        return b, 0
    for count in range(1, most):
        _apply(g, wires[0], pivots[0], p, bp, work)
        step = now / _dot(p, work)
        if _walk(b, residual, p, work, step) <= tolerance:
            return b, count
        z[:] = residual
        _down_columns(wires[1], pivots[1], z)
        before, now = now, _dot(residual, z)
        if now <= 0:
            return b, count
        _turn(p, bp, z, residual, now / before)
    return b, most
