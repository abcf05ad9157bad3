"""Junctions that are drawn anew at the moments of a Poisson process: how they pass through time.

`sim_backend.devices.mtj_junction` says why a junction is such a thing. On its clock the moments are
a Poisson process of rate 1, looked up cell by cell of length 1 by (device, junction, cell): how
many there are, where, and what is drawn there. A reading of the clock is a cell and a place in it,
from 0 to 1, so that it is as sharp after ten years as at the beginning.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from labctl.kernels import kernels
from sim_backend.devices.model import Array, Stream
from sim_backend.devices.mtj_junction import Switching
from sim_backend.devices.stream import Words, absorbed, uniforms_at

__all__ = ["CELLS", "Whole", "advance_clock", "last_draw", "pass_through", "words_of"]

#: whole numbers, of devices and junctions
Whole = NDArray[np.int64]

#: cells after which the numbers come round again
CELLS = 2.0**52

_KERNELS = "sim_backend.devices.kernels.refresh"
_WORTH = 2000  # junctions for which compiled code is loaded
_REFRESH = 0xD1  # in the keys
_MANY = 48.0  # refreshes beyond which the share of time is the expected one
#: probability of at most k refreshes in a cell of length 1 (Poisson); 1 to rounding at the end
_COUNTS = np.cumsum([math.exp(-1.0) / math.factorial(k) for k in range(18)])


def words_of(stream: Stream, number: Whole, junctions: int) -> Words:
    """Return what the keys of junctions begin with, shape (junctions, devices)."""
    return stream.words(number, _REFRESH, np.arange(junctions)[:, np.newaxis])


def advance_clock(cell: Array, clock: Array, passed: Array) -> None:
    """Move readings of the clock on, in place."""
    total = clock + passed
    whole = np.floor(total)
    cell[:] = np.mod(cell + whole, CELLS)
    clock[:] = total - whole


def _in_cell(words: Words, cell: Array) -> tuple[Array, Array]:
    """Return places in cells (infinite beyond their count) and draws of their refreshes."""
    inner = absorbed(words, np.mod(cell, CELLS))
    count = np.searchsorted(_COUNTS, uniforms_at(inner))
    k = np.arange(max(1, int(count.max(initial=1))))[:, np.newaxis]
    refresh = absorbed(inner, k)
    at = np.where(k < count, uniforms_at(absorbed(refresh, 0)), -np.inf)
    return at, uniforms_at(absorbed(refresh, 1))


def last_draw(words: Words, cell: Array, start: Array, clock: Array) -> tuple[Array, Array]:
    """Return how long ago the last refresh was, and what was drawn there.

    Parameters
    ----------
    words
        From `words_of`, shape (n,).
    cell, start
        Reading of the clock at the beginning, which is excluded.
    clock
        How far it goes; the end is included.

    Returns
    -------
    tuple of ndarray
        On the clock, NaN where there was no refresh; and a number between 0 and 1.
    """
    ago, draw = np.full(clock.shape, np.nan), np.full(clock.shape, np.nan)
    left, back = np.flatnonzero(clock > 0), 0.0
    passed = np.floor(start + clock)
    until, last = start + clock - passed, np.mod(cell + passed, CELLS)
    while len(left):
        at, drawn = _in_cell(words[left], last[left] - back)
        begins = np.where(back >= passed[left], start[left], -1.0)
        ends = until[left] if back == 0.0 else 1.0
        at = np.where((at > begins) & (at <= ends), at, -np.inf)
        which, columns = at.argmax(axis=0), np.arange(len(left))
        latest = at[which, columns]
        there = np.isfinite(latest)
        ago[left[there]] = until[left[there]] + (back - latest[there])
        draw[left[there]] = drawn[which, columns][there]
        back += 1.0
        left = left[~there & (back <= passed[left])]
    return ago, draw


def pass_through(
    words: Words, cell: Array, start: Array, up: Array, passed: Switching
) -> tuple[Array, Array]:
    """Take junctions through a line of the voltage.

    Parameters
    ----------
    words, cell, start
        As for `last_draw`.
    up
        1 where a junction is parallel at the beginning, else 0.
    passed
        What the line does to each. Beyond 48 refreshes the share of time is the one expected.

    Returns
    -------
    tuple of ndarray
        Share of the line that each spends parallel, and whether it is so at the end.
    """
    fast = kernels(_KERNELS) if up.size >= _WORTH else None
    if fast is not None:
        share, after = fast.pass_through(
            words, cell, start, up, passed.clock, passed.share, _COUNTS, _MANY
        )
        return share, after
    spent, after = up.copy(), up.copy()
    n = np.flatnonzero((passed.clock > 0) & (passed.clock <= _MANY))
    some = Switching(passed.clock[n], passed.share[n])
    spent[n], after[n] = _walked(words[n], cell[n], start[n], up[n], some)
    n = np.flatnonzero(passed.clock > _MANY)
    drawn = last_draw(words[n], cell[n], start[n], passed.clock[n])[1]
    known = ~np.isnan(drawn)
    n, goal = n[known], passed.share[n[known]]
    spent[n] = goal + (up[n] - goal) * -np.expm1(-passed.clock[n]) / passed.clock[n]
    after[n] = drawn[known] < goal
    return spent, after


def _walked(
    words: Words, cell: Array, start: Array, up: Array, passed: Switching
) -> tuple[Array, Array]:
    """Walk from refresh to refresh, all junctions at once."""
    since, state, total = start.copy(), up.copy(), np.zeros(len(up))
    end, on, columns = start + passed.clock, 0.0, np.arange(len(up))
    while (on <= end).any():
        places, draws = _in_cell(words, cell + on)
        for order in np.argsort(places, axis=0):
            at, draw = on + places[order, columns], draws[order, columns]
            inside = (at > start) & (at <= end)
            total += np.where(inside, state, 0.0) * np.where(inside, at - since, 0.0)
            since, state = np.where(inside, at, since), np.where(inside, draw < passed.share, state)
        on += 1.0
    return (total + state * (end - since)) / passed.clock, state
