"""Where the searches of many curves begin: the least sums of squares on a grid of curves.

On a common time axis all columns of the grid are turned into a basis of a few dozen vectors; the
data are projected on it once, by one matrix product, and every combination of columns is a small
matrix there. What even the whole basis leaves of the data tells how much any curve could gain.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.batch import Curves
from labctl.analysis.many import EXPONENTIALS, POWER, STRETCHED, raw_columns
from labctl.analysis.starts import DEAD
from labctl.analysis.stretched import start_box

__all__ = ["Starts", "scan"]

Array = NDArray[np.float64]
Whole = NDArray[np.intp]

_EXPONENTIALS = {1: 32, 2: 24, 3: 16}  # time constants tried, by number of exponentials
_TAUS, _BETAS = 28, 9  # of a stretched exponential
_POWERS = 40
_NEARBY = 1.5  # logarithms of time constants closer than this lead to the same minimum
_PLACES = 4
_MARGIN = 30.0  # times that what nothing explains
_CHUNK = 512
_RIDGE = 1e-11
_RANK = 1e-11  # least singular value, as a share of the largest, of a direction that counts


@dataclass(frozen=True, slots=True)
class Starts:
    """Where to begin, and what is to be gained."""

    places: Array  #: the best places on the grid, shape (curves, places, nonlinear)
    sums: Array  #: sums of squares there, infinite where there is no such place
    floor: Array  #: sum of squares that no curve of the grid, nor any sum of them, falls below


@dataclass(frozen=True, slots=True)
class _Grid:
    """Places to try, as shares of the way from `low` to `high`."""

    shares: Array  #: of each column's parameters, shape (columns, own parameters)
    chosen: Whole  #: columns of each combination
    places: Array  #: of each combination, shape (combinations, nonlinear)
    low: Array  #: shape (curves, own parameters)
    high: Array

    def far(self, law: int) -> NDArray[np.bool_]:
        """Tell which places are far from which, as the first curve has it."""
        span = (self.high - self.low)[0]
        near = span / 8 if law == POWER else _NEARBY
        away: NDArray[np.bool_] = np.any(
            np.abs(self.places[:, None] - self.places) * span > near, axis=2
        )
        return away


def _grid(curves: Curves) -> _Grid:
    if curves.law == EXPONENTIALS:
        count = curves.low.shape[1]
        shares = np.linspace(0, 1, _EXPONENTIALS[count])[:, None]
        chosen = np.array(list(itertools.combinations(range(len(shares)), count)))
        return _Grid(shares, chosen, shares[chosen, 0], curves.low[:, :1], curves.high[:, -1:])
    low, high = curves.low, curves.high
    counts: tuple[int, ...] = (_POWERS,)
    if curves.law == STRETCHED:
        (low, high), counts = start_box(low, high), (_TAUS, _BETAS)
    sides = [np.linspace(0, 1, n) for n in counts]
    shares = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, len(sides))
    return _Grid(shares, np.arange(len(shares))[:, None], shares, low, high)


def scan(curves: Curves) -> Starts:
    """Return where the search of each curve begins."""
    grid = _grid(curves)
    far = grid.far(curves.law)
    chunks = [slice(at, at + _CHUNK) for at in range(0, len(curves.y), _CHUNK)]
    with np.errstate(all="ignore"):
        if len(curves.t) == 1:
            bases = _common(curves, grid)
            sums = (_project(curves.y[chunk], *bases) for chunk in chunks)
        else:
            sums = (_each(curves, grid, chunk) for chunk in chunks)
        found = [
            _best(grid, far, chunk, s, floor)
            for chunk, (s, floor) in zip(chunks, sums, strict=True)
        ]
    return Starts(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _columns(curves: Curves, grid: _Grid, rows: slice) -> Array:
    """Return weighted columns of the grid and the baseline, shape (axes, columns, points)."""
    low, high = (end[rows][: len(curves.t)] for end in (grid.low, grid.high))
    t, x, w = (a if len(a) == 1 else a[rows] for a in (curves.t, curves.x, curves.w))
    places = low[:, None] + (high - low)[:, None] * grid.shares
    each = [
        raw_columns(curves.law, t[k : k + 1], x[k : k + 1], places[k])[0][:, 0]
        for k in range(len(t))
    ]
    columns = np.stack(each)
    if curves.flat:
        columns = np.concatenate((columns, np.ones((len(t), 1, t.shape[1]))), axis=1)
    weighted: Array = columns * w[:, None, :]
    return weighted


def _combinations(curves: Curves, grid: _Grid) -> Whole:
    """Return the columns of each combination, the baseline's among them."""
    if not curves.flat:
        return grid.chosen
    tail = np.full((len(grid.chosen), 1), len(grid.shares))
    return np.hstack((grid.chosen, tail))


def _common(curves: Curves, grid: _Grid) -> tuple[Array, Array, Array]:
    """Return the baseline's direction, a basis of all columns beside it, and one of each choice."""
    columns = _columns(curves, grid, slice(None, 1))[0]
    sizes = np.linalg.norm(columns, axis=1)
    columns = columns / np.where(sizes > DEAD, sizes, np.inf)[:, None]
    tail = columns[len(grid.shares) :]
    columns, sizes = columns[: len(grid.shares)], sizes[: len(grid.shares)]
    columns = columns - (columns @ tail.T) @ tail
    left, values, right = np.linalg.svd(columns.T, full_matrices=False)
    kept = values > _RANK * values[0]
    reduced = (values[kept, None] * right[kept])[:, grid.chosen]
    maps, _ = np.linalg.qr(np.moveaxis(reduced, 0, 1))
    maps[np.any(sizes[grid.chosen] <= DEAD, axis=1)] = 0.0
    return tail, left[:, kept], maps


def _project(y: Array, tail: Array, basis: Array, maps: Array) -> tuple[Array, Array]:
    """Return the sums of squares of every combination, and those of the whole basis."""
    inside = y @ basis
    square = np.sum(y**2, axis=1) - np.sum((y @ tail.T) ** 2, axis=1)
    combinations, rank, linear = maps.shape
    along = inside @ np.moveaxis(maps, 1, 0).reshape(rank, -1)
    pairs = along.reshape(-1, combinations, linear)
    s = square[:, None] - np.einsum("ncl,ncl->nc", pairs, pairs)
    return s, square - np.sum(inside**2, axis=1)


def _each(curves: Curves, grid: _Grid, rows: slice) -> tuple[Array, Array]:
    """Return the same for curves each on an axis of its own, by normal equations."""
    columns, y = _columns(curves, grid, rows), curves.y[rows]
    sizes = np.linalg.norm(columns, axis=2, keepdims=True)
    columns = columns / np.where(sizes > DEAD, sizes, np.inf)
    gram = columns @ columns.swapaxes(1, 2)
    moment = (columns @ y[:, :, None])[:, :, 0]
    chosen = _combinations(curves, grid)
    s = np.sum(y**2, axis=1)[:, None] - _explained(gram, moment, chosen)
    values, vectors = np.linalg.eigh(gram)
    kept = values > _RANK * values[:, -1:]
    along = (vectors.swapaxes(1, 2) @ moment[:, :, None])[:, :, 0]
    gained = np.sum(np.where(kept, along**2 / np.where(kept, values, 1.0), 0.0), axis=1)
    return s, np.sum(y**2, axis=1) - gained


def _explained(gram: Array, moment: Array, chosen: Whole) -> Array:
    """Return what combinations of unit columns explain, eliminating one column after another."""
    g = [[gram[:, a, b] for b in chosen.T] for a in chosen.T]
    m = [moment[:, a] for a in chosen.T]
    total = np.zeros_like(m[0])
    for k in range(len(m)):
        size = np.maximum(g[k][k], _RIDGE)
        total = total + m[k] ** 2 / size
        for i in range(k + 1, len(m)):
            share = g[i][k] / size
            m[i] = m[i] - share * m[k]
            for j in range(k + 1, i + 1):
                g[i][j] = g[i][j] - share * g[j][k]
    return total


def _best(
    grid: _Grid, far: NDArray[np.bool_], rows: slice, s: Array, floor: Array
) -> tuple[Array, Array, Array]:
    """Return the best places that are far from each other.

    All but the first are only looked for where they could lead to something lower.
    """
    low, high = grid.low[rows], grid.high[rows]
    places = np.zeros((len(s), _PLACES, grid.places.shape[1]))
    sums = np.full((len(s), _PLACES), np.inf)
    worth = floor + _MARGIN * np.abs(floor)
    active = np.arange(len(s))
    for k in range(_PLACES):
        at = np.argmin(s, axis=1)
        sums[active, k] = s[np.arange(len(s)), at]
        places[active, k] = low[active] + (high - low)[active] * grid.places[at]
        open_still = (sums[active, k] < worth[active]) | (k == 0)
        active, s, at = active[open_still], s[open_still], at[open_still]
        if not len(active):
            break
        s = np.where(far[at], s, np.inf)
    return places, sums, floor
