"""Decimation: a few thousand of many million samples, so chosen that no peak is lost.

Blocks of samples are represented by their smallest and their largest one, at their true places, so
what is drawn is a subset of the data. The extremes of larger and larger blocks are kept, so a view
costs the same however long the record is.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Pyramid", "band", "thin"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Number = TypeVar("Number", np.float64, np.int64)

_BLOCK = 16  # samples of the smallest block


class Pyramid:
    """Samples in rising order of x that can be looked at in any range and grow at their end.

    Parameters
    ----------
    x, y
        Samples; x must not fall, both must be finite.

    Examples
    --------
    >>> pyramid = Pyramid(range(1000), [0.0] * 500 + [1.0] + [0.0] * 499)
    >>> x, y = pyramid.view(0, 999, columns=20)
    >>> len(x) < 100, float(x[y.argmax()])
    (True, 500.0)
    """

    def __init__(self, x: ArrayLike = (), y: ArrayLike = ()) -> None:
        self._x = np.ascontiguousarray(x, np.float64)
        self._y = np.ascontiguousarray(y, np.float64)
        self._count = len(self._x)
        self._levels: list[tuple[Index, Index]] = []  #: places of least and largest, by block
        self._filled: list[int] = []  #: blocks of each level
        self._raise(0)

    def __len__(self) -> int:
        return self._count

    @property
    def x(self) -> Array:
        """Every x."""
        return self._x[: self._count]

    @property
    def y(self) -> Array:
        """Every y."""
        return self._y[: self._count]

    def append(self, x: ArrayLike, y: ArrayLike) -> None:
        """Add samples behind the last; the cost is that of the new ones."""
        new_x, new_y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        before, after = self._count, self._count + len(new_x)
        self._x, self._y = _roomy(self._x, after), _roomy(self._y, after)
        self._x[before:after], self._y[before:after] = new_x, new_y
        self._count = after
        self._raise(before)

    def count(self, start: float, stop: float) -> int:
        """Return how many samples are in a range."""
        first, last = np.searchsorted(self.x, (start, stop))
        return int(last - first)

    def view(self, start: float, stop: float, columns: int) -> tuple[Array, Array]:
        """Return what is to be drawn of a range.

        Parameters
        ----------
        start, stop
            Ends of the range; the neighbours just outside are included, for lines that leave it.
        columns
            Pixels across.

        Returns
        -------
        x, y
            All samples of the range if they are few, else about two to the column.
        """
        x, y = self.x, self.y
        first = max(0, int(np.searchsorted(x, start, "left")) - 1)
        last = min(self._count, int(np.searchsorted(x, stop, "right")) + 1)
        level, block = 0, _BLOCK
        while (last - first) / block > columns and level + 1 < len(self._levels):
            level, block = level + 1, block * 2
        if not self._levels or last - first <= 2 * columns:
            return x[first:last], y[first:last]
        low, high = self._levels[level]
        begin, end = -(-first // block), min(last // block, self._filled[level])
        places = np.concatenate(
            [
                np.arange(first, min(begin * block, last)),
                np.sort(np.stack([low[begin:end], high[begin:end]], axis=1), axis=1).ravel(),
                np.arange(max(end * block, first), last),
            ]
        )
        return x[places], y[places]

    def _raise(self, before: int) -> None:
        """Bring the levels up to the samples; blocks that were whole before stay."""
        whole, level = self._count // _BLOCK, 0
        while whole:
            if level == len(self._levels):
                self._levels.append((np.zeros(0, np.int64), np.zeros(0, np.int64)))
                self._filled.append(0)
            done = self._filled[level]
            if whole > done:
                low, high = self._levels[level]
                low, high = _roomy(low, whole), _roomy(high, whole)
                low[done:whole], high[done:whole] = self._extremes(level, done, whole)
                self._levels[level], self._filled[level] = (low, high), whole
            level, whole = level + 1, whole // 2

    def _extremes(self, level: int, done: int, whole: int) -> tuple[Index, Index]:
        y = self._y
        if level == 0:
            blocks = y[done * _BLOCK : whole * _BLOCK].reshape(-1, _BLOCK)
            offset = np.arange(done, whole) * _BLOCK
            return np.argmin(blocks, axis=1) + offset, np.argmax(blocks, axis=1) + offset
        low, high = (part[2 * done : 2 * whole].reshape(-1, 2) for part in self._levels[level - 1])
        rows = np.arange(whole - done)
        return low[rows, np.argmin(y[low], axis=1)], high[rows, np.argmax(y[high], axis=1)]


def _roomy(array: NDArray[Number], needed: int) -> NDArray[Number]:
    """Return the array with room for more, at least doubled when it has to grow."""
    if needed <= len(array):
        return array
    grown = np.zeros(max(needed, 2 * len(array)), array.dtype)
    grown[: len(array)] = array
    return grown


def band(x: Array, y: Array, start: float, stop: float, columns: int) -> tuple[Array, Array, Array]:
    """Return what a line through very many points covers: from where to where in every column.

    Parameters
    ----------
    x, y
        Points; x must not fall.
    start, stop, columns
        Ends of the range, and pixels across; columns without a point are left out.

    Returns
    -------
    left, low, high
        Left edges of the columns, and the ends of what is covered; neighbours touch.
    """
    if not len(x) or not stop > start:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    at = np.clip(np.floor((x - start) / (stop - start) * columns), -1, columns)
    first = np.concatenate([[0], np.flatnonzero(np.diff(at)) + 1])
    low, high = np.minimum.reduceat(y, first), np.maximum.reduceat(y, first)
    left = start + at[first] * ((stop - start) / columns)
    after_low, after_high = np.append(low[1:], low[-1]), np.append(high[1:], high[-1])
    return left, np.minimum(low, after_high), np.maximum(high, after_low)


def thin(x: Array, y: Array, most: int) -> tuple[Array, Array]:
    """Return at most `most` points of a curve that runs to and fro, in order, extremes kept.

    Parameters
    ----------
    x, y
        Points in the order in which they are joined.
    most
        At least 8.
    """
    size = -(-4 * len(x) // max(most, 8))
    if size <= 4:
        return x, y
    whole = len(x) // size
    cut = whole * size
    rows = np.arange(whole)[:, None] * size
    blocks = [part[:cut].reshape(whole, size) for part in (x, y)]
    chosen = [find(block, axis=1) for block in blocks for find in (np.argmin, np.argmax)]
    places = np.sort(np.stack(chosen, axis=1) + rows, axis=1).ravel()
    places = np.concatenate([places, np.arange(cut, len(x))])
    return x[places], y[places]
