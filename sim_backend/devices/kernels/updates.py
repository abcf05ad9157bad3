"""Trains of pulses on many devices: one lasting weight with soft bounds, two volatile exponentials.

Devices are taken in blocks that stay in the first cache, and within a block the pulses run outside
and the devices inside, so that the innermost loop is straight arithmetic on neighbouring numbers.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim_backend.devices.kernels.random import absorb, mix, normal

__all__ = ["train"]

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

_BLOCK = 4096  # devices taken at a time
_GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)
_LABEL = np.uint64(0)  # last part of the key of a step


@njit(cache=True)
def _look_up(start: np.uint64, first: int, event: int, out: Array) -> None:
    """Look up the normal numbers of (device, event, label) for neighbouring devices."""
    for d in range(out.shape[0]):
        word = absorb(absorb(start, np.uint64(first + d)), np.uint64(event))
        out[d] = normal(absorb(word, _LABEL))


@njit(cache=True)
def _place(start: np.uint64, first: int, event: int, size: int) -> np.int64:
    """Return where in a table, whose size is a power of two, the number of a device is."""
    word = mix(absorb(absorb(start, np.uint64(event)), _LABEL) + _GOLDEN)
    return np.int64((word + np.uint64(first)) & np.uint64(size - 1))


@njit(cache=True)
def _numbers(start: np.uint64, first: int, event: int, table: Array, noise: Array) -> Array:
    """Return the normal numbers of an event for neighbouring devices; `noise` may be filled."""
    if table.shape[0] == 0:
        _look_up(start, first, event, noise)
        return noise
    size, place = noise.shape[0], _place(start, first, event, table.shape[0])
    before = min(size, table.shape[0] - place)
    if before == size:
        return table[place : place + size]
    noise[:before] = table[place:]
    noise[before:] = table[: size - before]
    return noise


@njit(cache=True)
def _pulse(
    w: Array,
    q: Array,
    goal: Array,
    least: Array,
    most: Array,
    kept: Array,
    mean: Array,
    charge: Array,
    sigma: float,
    xi: Array,
) -> None:
    """Give every device of a block a pulse."""
    base, unit = charge[0], charge[1]
    for d in range(w.shape[0]):
        aim = goal[d] + goal[d] * sigma * xi[d]
        off = w[d] - aim
        q[d] += base + unit * (aim + off * mean[d])
        end = aim + off * kept[d]
        end = least[d] if end < least[d] else end  # noqa: FURB136 - max() is not vectorised
        w[d] = most[d] if end > most[d] else end  # noqa: FURB136


@njit(cache=True)
def volatile(kinds: Whole, factors: Array, unit: Array, count: int) -> Array:
    """Follow v = a v0 + b of one volatile weight through a train; it is the same for all devices.

    Parameters
    ----------
    kinds
        As for `train`.
    factors
        Shape (pieces, 4): share of the distance that is left at the end, where it goes, the mean of
        that share, and what is left after the rest that follows.
    unit
        Charge for each unit of weight, C, shape (pieces,).
    count
        Turns.

    Returns
    -------
    ndarray
        a, b; then of the charge under negative and under positive voltage the part for each unit of
        v0 and the part without: shape (6,).
    """
    a, b = 1.0, 0.0
    found = np.zeros(6)
    for _ in range(count):
        for p in range(kinds.shape[0]):
            left, goal, mean, after = factors[p]
            if kinds[p] >= 0:
                found[2 + 2 * kinds[p]] += unit[p] * mean * a
                found[3 + 2 * kinds[p]] += unit[p] * (goal + (b - goal) * mean)
                a, b = a * left, goal + (b - goal) * left
            a, b = a * after, b * after
    found[0], found[1] = a, b
    return found


@njit(cache=True)
def train(
    rows: Array,
    bounds: Array,
    kinds: Whole,
    begins: Whole,
    kept: Array,
    mean: Array,
    charge: Array,
    count: int,
    event: int,
    first: int,
    start: np.uint64,
    sigma: float,
    table: Array,
) -> None:
    """Take the lasting weights through `count` turns of constant levels and rests.

    Parameters
    ----------
    rows
        Shape (3, devices): w and the charge under negative and under positive voltage so far, C,
        without the part of the volatile weights. Changed in place.
    bounds
        Shape (2, devices): least and greatest w, where a negative and a positive voltage go to.
    kinds
        For each piece: row of `bounds` it goes to; -1 for a rest.
    begins
        For each piece: 1 where an excursion begins.
    kept, mean
        Shape (pieces, devices): share of the distance that is left at the end, and its mean.
    charge
        Shape (pieces, 2): charge of a weight of 0, and for each unit of weight, C.
    count, event
        Turns, and number of the last excursion before them.
    first, start, sigma
        Number of the first device, first word of the stream, relative variation of the bounds.
    table
        Of normal numbers; an empty one looks every number up.
    """
    noise = np.zeros(_BLOCK)
    for low in range(0, rows.shape[1], _BLOCK):
        part = slice(low, min(low + _BLOCK, rows.shape[1]))
        least, most, xi = bounds[0, part], bounds[1, part], noise[: part.stop - low]
        begun = event
        for _ in range(count):
            for p in range(kinds.shape[0]):
                if kinds[p] < 0:
                    continue
                if begins[p] and sigma > 0:
                    begun += 1
                    xi = _numbers(start, first + low, begun, table, noise[: part.stop - low])
                _pulse(
                    rows[0, part], rows[1 + kinds[p], part], bounds[kinds[p], part], least, most,
                    kept[p, part], mean[p, part], charge[p], sigma, xi,
                )  # fmt: skip
