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
from labctl.kernels import kernels

__all__ = ["Starts", "project", "scan"]

Array = NDArray[np.float64]
Whole = NDArray[np.intp]

_EXPONENTIALS = {1: 32, 2: 24, 3: 16}  # time constants tried, by number of exponentials
_TAUS, _BETAS = 22, 7  # of a stretched exponential
_POWERS = 40
_NEARBY = 1.5  # logarithms of time constants closer than this lead to the same minimum
_PLACES = 4
_MARGIN = 30.0  # times that what nothing explains
_CHUNK = 512
_RIDGE = 1e-11
_RANK = 1e-6  # what is left of a column, as a share of it, and leads no search elsewhere


@dataclass(frozen=True, slots=True)
class Starts:
    """Where to begin, and what is to be gained."""

    places: Array  #: the best places on the grid, shape (curves, places, nonlinear)
    sums: Array  #: sums of squares there, infinite where there is no such place
    floor: Array  #: sum of squares that no curve of the grid, nor any sum of them, falls below


@dataclass(frozen=True, slots=True)
class _Grid:
    """Places to try, as shares of the way from `low` to `high`."""

    counts: tuple[int, ...]  #: places along each parameter
    at: Whole  #: of each combination along each parameter, shape (combinations, nonlinear)
    shares: Array  #: of each column's parameters, shape (columns, own parameters)
    chosen: Whole  #: columns of each combination
    places: Array  #: of each combination, shape (combinations, nonlinear)
    low: Array  #: shape (curves, own parameters)
    high: Array

    def neighbours(self) -> tuple[Whole, Whole]:
        """Return the combinations around each: one place up, and down, along every two parameters.

        Both of shape (combinations, nonlinear, nonlinear), the diagonal for one parameter alone; -1
        where there is none.
        """
        size = self.at.shape[1]
        number = np.full(tuple(n + 2 for n in self.counts), -1)
        number[tuple(self.at.T + 1)] = np.arange(len(self.at))
        moves = np.maximum(np.eye(size, dtype=int)[:, None], np.eye(size, dtype=int))
        middle = self.at[:, None, None] + 1
        up, down = (number[tuple(np.moveaxis(middle + way * moves, -1, 0))] for way in (1, -1))
        return up, down

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
        low, high = curves.low[:, :1], curves.high[:, -1:]
        sides = (len(shares),) * count
        return _Grid(sides, chosen, shares, chosen, shares[chosen, 0], low, high)
    low, high = curves.low, curves.high
    counts: tuple[int, ...] = (_POWERS,)
    if curves.law == STRETCHED:
        (low, high), counts = start_box(low, high), (_TAUS, _BETAS)
    axes = [np.linspace(0, 1, n) for n in counts]
    shares = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    at = np.stack(np.unravel_index(np.arange(len(shares)), counts), axis=-1)
    return _Grid(counts, at, shares, np.arange(len(shares))[:, None], shares, low, high)


def scan(curves: Curves, *, compiled: bool = False) -> Starts:
    """Return where the search of each curve begins."""
    fast = kernels("labctl.analysis.kernels.scans") if compiled else None
    grid = _grid(curves)
    far, around = grid.far(curves.law), grid.neighbours()
    chunks = [slice(at, at + _CHUNK) for at in range(0, len(curves.y), _CHUNK)]
    with np.errstate(all="ignore"):
        if len(curves.t) == 1:
            bases = _common(curves, grid)
            find = fast.project if fast else project
            sums = (find(curves.y[chunk], *bases) for chunk in chunks)
        else:
            sums = (_each(curves, grid, chunk) for chunk in chunks)
        found = [
            _best(grid, far, around, chunk, s, floor)
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
    inside = np.einsum("cp,kp->ck", columns, tail)
    columns = columns - np.einsum("ck,kp->cp", inside, tail)
    basis = _span(columns)
    reduced = np.einsum("kp,cp->ck", basis, columns)
    alive = np.all(sizes[grid.chosen] > DEAD, axis=1)
    return tail, basis, _directions(reduced[grid.chosen.T], alive)


def _directions(columns: Array, alive: NDArray[np.bool_]) -> Array:
    """Return orthonormal directions, shape (linear, rank, combinations), of combined columns.

    `columns` has shape (linear, combinations, rank); combinations that are not alive get zeros.
    """
    found: list[Array] = []
    for column in columns:
        rest = column
        for _ in range(2):  # twice is enough
            for other in found:
                rest = rest - np.einsum("cr,cr->c", other, rest)[:, None] * other
        size = np.sqrt(np.einsum("cr,cr->c", rest, rest))[:, None]
        found.append(np.where(alive[:, None] & (size > _RANK), rest / (size + DEAD), 0.0))
    return np.ascontiguousarray(np.stack(found).transpose(0, 2, 1))


def _span(columns: Array) -> Array:
    """Return an orthonormal basis of all columns, one a row: the farthest column comes next.

    Sums go without the library of linear algebra, whose threads cost more than they bring here.
    """
    rest, basis = columns.copy(), np.empty((0, columns.shape[1]))
    while len(basis) < min(columns.shape):
        sizes = np.einsum("cp,cp->c", rest, rest)
        far = int(np.argmax(sizes))
        if not sizes[far] > _RANK**2:
            break
        inside = np.einsum("kp,p->k", basis, rest[far])
        direction = rest[far] - np.einsum("k,kp->p", inside, basis)
        direction = direction / np.sqrt(np.sum(direction**2))
        basis = np.concatenate((basis, direction[None]))
        rest -= np.einsum("cp,p->c", rest, direction)[:, None] * direction
    return basis


def project(y: Array, tail: Array, basis: Array, maps: Array) -> tuple[Array, Array]:
    """Return the sums of squares of every combination, and those of the whole basis.

    Shapes are those of the compiled twin, `labctl.analysis.kernels.scans.project`.
    """
    inside = y @ basis.T
    square = np.sum(y**2, axis=1) - np.sum((y @ tail.T) ** 2, axis=1)
    explained = sum((inside @ direction) ** 2 for direction in maps)
    return square[:, None] - explained, square - np.sum(inside**2, axis=1)


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
    grid: _Grid, far: NDArray[np.bool_], around: tuple[Whole, ...], rows: slice, s: Array,
    floor: Array,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Return the best places that are far from each other.

    All but the first are only looked for where they could lead to something lower. The first is
    where a parabola through the sums around the best place has its minimum.
    """
    low, high = grid.low[rows], grid.high[rows]
    places = np.zeros((len(s), _PLACES, grid.places.shape[1]))
    sums = np.full((len(s), _PLACES), np.inf)
    worth = floor + _MARGIN * np.abs(floor)
    active = np.arange(len(s))
    for k in range(_PLACES):
        at = np.argmin(s, axis=1)
        sums[active, k] = s[np.arange(len(s)), at]
        shares = grid.places[at]
        if k == 0:
            shares = shares + _between(s, at, around) / (np.array(grid.counts) - 1)
        places[active, k] = low[active] + (high - low)[active] * shares
        open_still = (sums[active, k] < worth[active]) | (k == 0)
        active, s, at = active[open_still], s[open_still], at[open_still]
        if not len(active):
            break
        s = np.where(far[at], s, np.inf)
    return places, sums, floor


def _between(s: Array, at: Whole, around: tuple[Whole, ...]) -> Array:
    """Return how far the minimum is from the best place, in places, at most one; 0 if unknown."""
    up, down = (each[at] for each in around)
    rows, straight = np.arange(len(s))[:, None, None], np.arange(up.shape[1])
    least = s[rows, at[:, None, None]]
    both = s[rows, up] + s[rows, down] - 2 * least
    alone = both[:, straight, straight]
    slope = (s[rows, up] - s[rows, down])[:, straight, straight] / 2
    bend = (both - alone[:, :, None] - alone[:, None]) / 2
    bend[:, straight, straight] = alone
    inside = np.all((up >= 0) & (down >= 0), axis=(1, 2)) & (np.linalg.eigvalsh(bend)[:, 0] > 0)
    bend[~inside] = np.eye(len(straight))
    move = -np.linalg.solve(bend, slope[:, :, None])[:, :, 0]
    most = np.max(np.abs(move), axis=1, keepdims=True)
    return np.where(inside[:, None], move / np.maximum(most, 1.0), 0.0)
