"""The lattices of 1/f noise: what one octave of it has in a cell, and the cells looked at last.

See `sim_backend.devices.parts.fluctuation` for the process. Devices are looked at again and again
at ages that grow little by little, so most octaves are in the cell in which they were, and the next
look begins in the cell in which the last one ended: the normal numbers there are kept. What is kept
saves time and changes nothing, for they are functions of the cell.
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from labctl.kernels import Recurring
from sim_backend.devices.stream import Array, Stream, Words, absorbed, normals_at, uniforms_at

__all__ = ["FLICKER", "Lattice", "lattice_of", "octave_means", "octave_words"]

FLICKER = 0x1F  # in the keys, so that processes do not share numbers
_THREE = np.arange(3)
_KERNELS = "sim_backend.devices.kernels.parts"
_MANY = 2000  # octaves of devices for which compiled code is loaded
_OFTEN = 2000  # looks at fewer after which it is loaded all the same
_FEW_KEPT, _MOST_KEPT = 5_000, 250_000  # octaves of devices whose numbers are kept
_SMALL_KEPT, _LARGE_KEPT = 64, 4  # how many of them


class Lattice:
    """The octaves of some devices, and the cells in which they were seen last.

    Parameters
    ----------
    words
        Of (device, kind, process, octave), shape (devices, octaves).
    """

    __slots__ = ("_compiled", "cells", "normals", "phases", "words")

    def __init__(self, words: Words) -> None:
        self._compiled = Recurring(_KERNELS, 0 if words.size >= _MANY else _OFTEN)
        self.words = words
        self.phases = uniforms_at(words)  #: where the lattices begin, in cells
        self.cells = np.full(words.shape, -1.0)  #: the cells kept
        self.normals = np.zeros((*words.shape, 3))  #: the normal numbers round them

    def sums(self, periods: Array, age: Array, duration: Array) -> Array:
        """Return the sums over octaves of the means of 1/f noise, of unit variance at a point.

        Parameters
        ----------
        periods
            Of the lattices, s, shape (octaves,).
        age, duration
            Begin and length of the aperture, s, shape (devices,).
        """
        fast = self._compiled.kernels()
        if fast is not None:
            kept = self.words, self.phases, self.cells, self.normals
            found: Array = fast.kept_octave_sums(*kept, periods, age, duration)
            return found
        start = age[:, np.newaxis] / periods + self.phases
        length = duration[:, np.newaxis] / periods
        cell = np.floor(start)
        share = start - cell
        passed = np.floor(share + length)
        stale, left = cell != self.cells, passed > 0
        # the numbers of the cells in which the stretches begin and end, looked up in one go
        begin, end = int(stale.sum()), bool(left.any())
        arrived = np.zeros((0, 3))
        if begin or end:
            words = np.concatenate([self.words[stale], self.words[left]])
            seen = _round(words, np.concatenate([cell[stale], cell[left] + passed[left]]))
            self.normals[stale], arrived = seen[:begin], seen[begin:]
        means = _inside(self.normals, share + length / 2)
        if end:
            ways = self.normals[left], arrived, share[left], length[left], passed[left]
            means[left] = _over_cells(*ways)
            self.normals[left] = arrived
            cell += passed
        self.cells = cell
        total: Array = np.sum(means, axis=-1)
        return total


def lattice_of(noise: Stream, numbers: NDArray[np.int64], count: int, process: int) -> Lattice:
    """Return the lattice of devices, the one of the last look if it is still kept.

    Parameters
    ----------
    noise
        `State.noise`.
    numbers
        Numbers of the devices, shape (devices,).
    count
        Octaves.
    process
        As for `sim_backend.devices.parts.fluctuation.one_over_f`.
    """
    size = numbers.size * count
    if size > _MOST_KEPT:
        return Lattice(octave_words(noise, numbers, count, process))
    # what is kept is written to: every thread has its own
    key = numbers.tobytes(), count, process, threading.get_ident()
    kept = noise.kept
    found: Lattice | None = kept.get(key)
    if found is None:
        most = _SMALL_KEPT if size <= _FEW_KEPT else _LARGE_KEPT
        while len(kept) >= most:
            kept.pop(next(iter(kept)), None)
        found = kept[key] = Lattice(octave_words(noise, numbers, count, process))
    return found


def octave_words(noise: Stream, numbers: NDArray[np.int64], count: int, process: int) -> Words:
    """Return the words of (device, kind, process, octave), shape (..., octaves).

    Parameters
    ----------
    noise, numbers, count, process
        As for `lattice_of`; numbers of any shape.
    """
    return noise.words(numbers[..., np.newaxis], FLICKER, process, np.arange(count))


def octave_means(words: Words, start: Array, length: Array) -> Array:
    """Return the means of octaves over stretches of their lattices, of unit variance at a point.

    Parameters
    ----------
    words
        Of (device, kind, process, octave).
    start, length
        Of the stretches, in cells; they broadcast with the words.
    """
    cell = np.floor(start)
    share = start - cell
    passed = np.floor(share + length)
    first = _round(words, cell)
    within = _inside(first, share + length / 2)
    if not passed.any():
        return within
    last = _round(words, cell + passed)
    crossed = _over_cells(first, last, share, np.where(passed > 0, length, 1.0), passed)
    return np.where(passed > 0, crossed, within)


def _over_cells(first: Array, last: Array, share: Array, length: Array, passed: Array) -> Array:
    """Return the means of stretches that leave their first cell.

    Part of the first cell, whole cells by the spline itself, part of the last cell.
    """
    rest = share + length - passed
    total = (
        (1.0 - share) * _inside(first, (1.0 + share) / 2)
        + (last[..., 0] + last[..., 1] - first[..., 1] - first[..., 2]) / 2
        + rest * _inside(last, rest / 2)
    )
    mean: Array = total / length
    return mean


def _round(words: Words, cell: Array) -> Array:
    """Return the three normal numbers of cells, in a last axis."""
    return normals_at(absorbed(words[..., np.newaxis], cell[..., np.newaxis] + _THREE))


def _inside(normals: Array, w: Array) -> Array:
    """Return an octave inside a cell: the slope of the quadratic B-spline, linear in w."""
    before, middle, after = normals[..., 0], normals[..., 1], normals[..., 2]
    slope: Array = (1.0 - w) * (middle - before) + w * (after - middle)
    return slope
