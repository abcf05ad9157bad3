"""Junctions drawn anew at the moments of a Poisson process, compiled.

The same calculation as that of `sim_backend.devices.mtj_refresh`, junction by junction.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim_backend.devices.kernels.random import absorb, uniform

__all__ = ["along", "passages"]

Array = NDArray[np.float64]
Words = NDArray[np.uint64]
Flags = NDArray[np.bool_]

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
def _walk(
    word: np.uint64,
    reading: tuple[float, float],
    clock: float,
    share: float,
    counts: Array,
    places: Array,
    draws: Array,
) -> tuple[bool, float, float, float]:
    """Walk from refresh to refresh of one line; `places` and `draws` are room to work in."""
    cell, start = reading
    end, since, state, total = start + clock, start, 0.0, 0.0
    known, before = False, 1.0
    for on in range(math.floor(end) + 1):
        inner = _inner(word, cell + on)
        count = _count(inner, counts)
        _fill(inner, count, places, draws)
        for k in range(count):
            at = on + places[k]
            if start < at <= end:
                if not known:
                    known, before = True, (at - start) / clock
                total += state * (at - since)
                since, state = at, (1.0 if draws[k] < share else 0.0)
    return known, state, (total + state * (end - since)) / clock, before


@njit(cache=True)
def passages(
    words: Words,
    cell: Array,
    start: Array,
    clock: Array,
    share: Array,
    counts: Array,
    many: float,
) -> tuple[Flags, Array, Array, Array]:
    """Return what lines of the voltage do to junctions, as `Passage` has it.

    Parameters
    ----------
    words, cell, start, clock, share
        As for `sim_backend.devices.mtj_refresh.passages`, shape (n,).
    counts
        Probability of at most k refreshes in a cell.
    many
        Refreshes beyond which the share of time is the expected one.
    """
    size = words.shape[0]
    known, after = np.zeros(size, np.bool_), np.zeros(size)
    spent, before = np.zeros(size), np.ones(size)
    places, draws = np.empty(counts.shape[0] + 1), np.empty(counts.shape[0] + 1)
    for n in range(size):
        if clock[n] <= 0.0:
            continue
        if clock[n] > many:
            draw = _last(words[n], cell[n], start[n], clock[n], counts)
            if draw >= 0.0:
                before[n] = -math.expm1(-clock[n]) / clock[n]
                spent[n] = share[n] * (1.0 - before[n])
                known[n], after[n] = True, (1.0 if draw < share[n] else 0.0)
            continue
        found = _walk(words[n], (cell[n], start[n]), clock[n], share[n], counts, places, draws)
        known[n], after[n], spent[n], before[n] = found
    return known, after, spent, before


@njit(cache=True)
def along(
    words: Words,
    cell: Array,
    start: Array,
    up: Array,
    clock: Array,
    share: Array,
    counts: Array,
    many: float,
) -> tuple[Array, Array]:
    """Take junctions through lines of the voltage, one after another.

    Parameters
    ----------
    words
        As for `sim_backend.devices.mtj_refresh.passages`, shape (n,).
    cell, start, up
        Reading of the clock at the beginning, and 1 where a junction is parallel then, shape (n,).
    clock, share
        What the lines do to each, shape (lines, n).
    counts, many
        As for `passages`.

    Returns
    -------
    tuple of ndarray
        Share of every line that each spends parallel, (lines, n), and whether it is so at the end.
    """
    spent, state, passed = np.empty(clock.shape), up.copy(), np.zeros(words.shape[0])
    for k in range(clock.shape[0]):
        behind = start + passed
        whole = np.floor(behind)
        way = passages(
            words, (cell + whole) % _CELLS, behind - whole, clock[k], share[k], counts, many
        )
        for n in range(words.shape[0]):
            spent[k, n] = way[2][n] + way[3][n] * state[n]
            if way[0][n]:
                state[n] = way[1][n]
        passed += clock[k]
    return spent, state
