"""Fluctuations of many devices, compiled; see `sim_backend.devices.parts.fluctuation`."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim_backend.devices.kernels.random import absorb, normal, uniform

__all__ = ["flicker", "kept_octave_sums", "octave_sums", "shares"]

Array = NDArray[np.float64]
Words = NDArray[np.uint64]

_ZERO, _ONE = np.uint64(0), np.uint64(1)


@njit(cache=True)
def _three(word: np.uint64, cell: float) -> tuple[float, float, float]:
    """Look up the normal numbers round a cell."""
    first = np.uint64(cell)
    return (
        normal(absorb(word, first)),
        normal(absorb(word, first + _ONE)),
        normal(absorb(word, first + _ONE + _ONE)),
    )


@njit(cache=True)
def _inside(n: tuple[float, float, float], w: float) -> float:
    return (1.0 - w) * (n[1] - n[0]) + w * (n[2] - n[1])


@njit(cache=True)
def flicker(words: Words, periods: Array, age: float) -> float:
    """Return the sum over octaves of the 1/f noise of one device at an age.

    Parameters
    ----------
    words, periods
        As for `octave_sums`, shape (octaves,).
    age
        s.
    """
    total = 0.0
    for k in range(len(periods)):
        start = age / periods[k] + uniform(words[k])
        cell = math.floor(start)
        total += _inside(_three(words[k], cell), start - cell)
    return total


@njit(cache=True)
def octave_sums(words: Words, periods: Array, age: Array, duration: Array) -> Array:
    """Return sums over octaves of the mean of 1/f noise, each of unit variance at a point.

    Parameters
    ----------
    words
        Of (device, kind, process, octave), shape (devices, octaves).
    periods
        Of the lattices, s, shape (octaves,).
    age, duration
        Begin and length of the aperture, s, shape (devices,).
    """
    total = np.zeros(len(age))
    for d in range(len(age)):
        for k in range(len(periods)):
            word = words[d, k]
            start = age[d] / periods[k] + uniform(word)
            length = duration[d] / periods[k]
            cell = math.floor(start)
            share = start - cell
            passed = math.floor(share + length)
            first = _three(word, cell)
            if passed == 0.0:
                total[d] += _inside(first, share + length / 2.0)
                continue
            last = _three(word, cell + passed)
            rest = share + length - passed
            area = (1.0 - share) * _inside(first, (1.0 + share) / 2.0)
            area += (last[0] + last[1] - first[1] - first[2]) / 2.0
            total[d] += (area + rest * _inside(last, rest / 2.0)) / length
    return total


@njit(cache=True)
def kept_octave_sums(
    words: Words,
    phases: Array,
    cells: Array,
    normals: Array,
    periods: Array,
    age: Array,
    duration: Array,
) -> Array:
    """Return what `octave_sums` does, with the numbers of the cells seen last at hand.

    Parameters
    ----------
    words
        Of (device, kind, process, octave), shape (devices, octaves).
    phases
        Where the lattices begin, in cells, shape (devices, octaves).
    cells, normals
        The cells seen last and the three normal numbers round each, shapes (devices, octaves) and
        (devices, octaves, 3); changed in place.
    periods, age, duration
        As for `octave_sums`.
    """
    total = np.zeros(len(age))
    for d in range(len(age)):
        for k in range(len(periods)):
            start = age[d] / periods[k] + phases[d, k]
            length = duration[d] / periods[k]
            cell = math.floor(start)
            first = (normals[d, k, 0], normals[d, k, 1], normals[d, k, 2])
            if cell != cells[d, k]:
                first = _three(words[d, k], cell)
            share = start - cell
            passed = math.floor(share + length)
            last = first
            if passed == 0.0:
                total[d] += _inside(first, share + length / 2.0)
            else:
                last = _three(words[d, k], cell + passed)
                rest = share + length - passed
                area = (1.0 - share) * _inside(first, (1.0 + share) / 2.0)
                area += (last[0] + last[1] - first[1] - first[2]) / 2.0
                total[d] += (area + rest * _inside(last, rest / 2.0)) / length
            if cell + passed != cells[d, k]:
                cells[d, k] = cell + passed
                normals[d, k, 0], normals[d, k, 1], normals[d, k, 2] = last
    return total


@njit(cache=True)
def _draw_before(word: np.uint64, place: float, counts: Array) -> float:
    """Return what was drawn at the last refresh before a place."""
    cell = math.floor(place)
    until = place - cell
    while True:
        inner = absorb(word, np.uint64(cell))
        count = np.searchsorted(counts, uniform(inner))
        which, latest = -1, -1.0
        for k in range(count):
            at = uniform(absorb(absorb(inner, np.uint64(k)), _ZERO))
            if latest < at <= until:
                which, latest = k, at
        if which >= 0:
            return uniform(absorb(absorb(inner, np.uint64(which)), _ONE))
        cell, until = cell - 1, 1.0


@njit(cache=True)
def _in_order(inner: np.uint64, counts: Array) -> tuple[Array, Array]:
    """Return places within a cell and draws of its refreshes, in order."""
    count = np.searchsorted(counts, uniform(inner))
    at, draws = np.empty(count), np.empty(count)
    for k in range(count):
        refresh = absorb(inner, np.uint64(k))
        at[k], draws[k] = uniform(absorb(refresh, _ZERO)), uniform(absorb(refresh, _ONE))
    order = np.argsort(at)
    return at[order], draws[order]


@njit(cache=True)
def shares(words: Words, first: Array, length: Array, up: Array, counts: Array) -> Array:
    """Return the shares of stretches of a lattice that telegraphs spend in state 1.

    Parameters
    ----------
    words
        Of (device, kind, process), shape (devices,).
    first, length
        Begin and length of the stretch, in cells; a length of 0 gives the state.
    up
        Stationary probability of state 1.
    counts
        Probability of at most k refreshes in a cell.
    """
    found = np.empty(len(first))
    for d in range(len(first)):
        high = _draw_before(words[d], first[d], counts) < up[d]
        last, now, total = first[d] + length[d], first[d], 0.0
        for cell in range(math.floor(first[d]), math.floor(last) + 1):
            if length[d] == 0.0:
                break
            at, draws = _in_order(absorb(words[d], np.uint64(cell)), counts)
            for k in range(len(at)):
                place = cell + at[k]
                if first[d] < place <= last:
                    total += (place - now) * high
                    now, high = place, draws[k] < up[d]
        found[d] = (total + (last - now) * high) / length[d] if length[d] > 0.0 else 1.0 * high
    return found
