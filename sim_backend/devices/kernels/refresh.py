"""Junctions drawn anew at the moments of a Poisson process, compiled.

The same calculation as that of `sim_backend.devices.mtj_refresh`, junction by junction.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim_backend.devices.kernels.random import absorb, uniform

__all__ = ["pass_through"]

Array = NDArray[np.float64]
Words = NDArray[np.uint64]

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_CELLS = 2.0**52


@njit(cache=True)
def _inner(word: np.uint64, cell: float) -> np.uint64:
    return absorb(word, np.uint64(cell % _CELLS))


@njit(cache=True)
def _count(inner: np.uint64, counts: Array) -> int:
    """Return how many refreshes a cell has."""
    x, k = uniform(inner), 0
    while k < counts.shape[0] and counts[k] < x:
        k += 1
    return k


@njit(cache=True)
def _fill(inner: np.uint64, count: int, places: Array, draws: Array) -> None:
    """Put the refreshes of a cell in order."""
    for k in range(count):
        refresh = absorb(inner, np.uint64(k))
        at, j = uniform(absorb(refresh, _ZERO)), k
        while j > 0 and places[j - 1] > at:
            places[j], draws[j] = places[j - 1], draws[j - 1]
            j -= 1
        places[j], draws[j] = at, uniform(absorb(refresh, _ONE))


@njit(cache=True)
def _last(word: np.uint64, cell: float, start: float, clock: float, counts: Array) -> float:
    """Return what was drawn at the last refresh of a stretch, negative for none."""
    passed = np.floor(start + clock)  # as a float: it may be beyond whole numbers
    until, back, last = start + clock - passed, 0.0, (cell + passed) % _CELLS
    while back <= passed:
        inner = _inner(word, last - back)
        begins, draw = (start if back >= passed else -1.0), -1.0
        for k in range(_count(inner, counts)):
            refresh = absorb(inner, np.uint64(k))
            at = uniform(absorb(refresh, _ZERO))
            if begins < at <= until:
                begins, draw = at, uniform(absorb(refresh, _ONE))
        if draw >= 0.0:
            return draw
        back, until = back + 1.0, 1.0
    return -1.0


@njit(cache=True)
def pass_through(
    words: Words,
    cell: Array,
    start: Array,
    up: Array,
    clock: Array,
    share: Array,
    counts: Array,
    many: float,
) -> tuple[Array, Array]:
    """Return the share of a line spent parallel, and the state at its end.

    Parameters
    ----------
    words, cell, start, up, clock, share
        As for `sim_backend.devices.mtj_refresh.pass_through`, shape (n,).
    counts
        Probability of at most k refreshes in a cell.
    many
        Refreshes beyond which the share of time is the expected one.
    """
    spent, after = up.copy(), up.copy()
    places, draws = np.empty(counts.shape[0] + 1), np.empty(counts.shape[0] + 1)
    for n in range(up.shape[0]):
        if clock[n] <= 0.0:
            continue
        if clock[n] > many:
            draw = _last(words[n], cell[n], start[n], clock[n], counts)
            if draw >= 0.0:
                lost = -math.expm1(-clock[n]) / clock[n]
                spent[n] = share[n] + (up[n] - share[n]) * lost
                after[n] = 1.0 if draw < share[n] else 0.0
            continue
        end, since, state, total = start[n] + clock[n], start[n], up[n], 0.0
        for on in range(math.floor(end) + 1):
            inner = _inner(words[n], cell[n] + on)
            count = _count(inner, counts)
            _fill(inner, count, places, draws)
            for k in range(count):
                at = on + places[k]
                if start[n] < at <= end:
                    total += state * (at - since)
                    since, state = at, (1.0 if draws[k] < share[n] else 0.0)
        spent[n], after[n] = (total + state * (end - since)) / clock[n], state
    return spent, after
