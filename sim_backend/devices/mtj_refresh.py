"""Junctions that are drawn anew at the moments of a Poisson process: how they pass through time.

`sim_backend.devices.mtj_junction` says why a junction is such a thing. On its clock the moments are
a Poisson process of rate 1, looked up cell by cell of length 1 by (device, junction, cell): how
many there are, where, and what is drawn there. A reading of the clock is a cell and a place in it,
from 0 to 1, so that it is as sharp after ten years as at the beginning.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.kernels import Recurring, kernels
from sim_backend.devices.model import Array, State, Stream
from sim_backend.devices.mtj_junction import Switching
from sim_backend.devices.stream import Words, absorbed, uniforms_at

__all__ = [
    "CELLS", "Whole", "advance_clock", "compiled", "last_draw", "pass_along", "pass_through",
    "words_of",
]  # fmt: skip

#: whole numbers, of devices and junctions
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: cells after which the numbers come round again
CELLS = 2.0**52

_KERNELS = "sim_backend.devices.kernels.refresh"
_WORTH = 2000  # junctions for which compiled code is loaded
_OFTEN = 1000  # passages of fewer after which it is loaded all the same
_AT_ONCE = 2000  # lines of junctions of which all refreshes are found at once
_REFRESH = 0xD1  # in the keys
_MANY = 48.0  # refreshes beyond which the share of time is the expected one
#: probability of at most k refreshes in a cell of length 1 (Poisson); 1 to rounding at the end
_COUNTS = np.cumsum([math.exp(-1.0) / math.factorial(k) for k in range(18)])


def words_of(stream: Stream, number: Whole, junctions: int) -> Words:
    """Return what the keys of junctions begin with, shape (junctions, devices)."""
    return stream.words(number, _REFRESH, np.arange(junctions)[:, np.newaxis])


def compiled(state: State) -> ModuleType | None:
    """Return compiled code for passages of these devices, once they have had many."""
    often: Recurring = state.ready.setdefault("compiled", Recurring(_KERNELS, _OFTEN))
    return often.kernels()


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


class Passage(NamedTuple):
    """What lines of the voltage do to junctions, whatever these are at the beginning."""

    known: Flags  #: there was a refresh, so that the state at the end is known
    after: Array  #: the state at the end then, 1 for parallel
    spent: Array  #: share of the line that is spent parallel after the first refresh
    before: Array  #: share of the line that is spent in the state of the beginning


def pass_through(
    words: Words,
    cell: Array,
    start: Array,
    up: Array,
    passed: Switching,
    fast: ModuleType | None = None,
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
    fast
        From `compiled`; for many junctions the compiled code is taken anyhow.

    Returns
    -------
    tuple of ndarray
        Share of the line that each spends parallel, and whether it is so at the end.
    """
    way = passages(words, cell, start, passed, fast)
    return way.spent + way.before * up, np.where(way.known, way.after, up)


def pass_along(
    words: Words,
    cell: Array,
    start: Array,
    up: Array,
    passed: Switching,
    fast: ModuleType | None = None,
) -> tuple[Array, Array]:
    """Take junctions through lines of the voltage, one after another.

    Parameters
    ----------
    words, cell, start, up, fast
        As for `pass_through`, shape (n,).
    passed
        What the lines do to each, shape (lines, n).

    Returns
    -------
    tuple of ndarray
        Share of every line that each spends parallel, (lines, n), and whether it is so at the end.
    """
    if fast is not None:
        spent, after = fast.along(words, cell, start, up, *passed, _COUNTS, _MANY)
        return spent, after
    behind = start + np.cumsum(passed.clock, axis=0) - passed.clock
    whole = np.floor(behind)
    cells, shape = np.mod(cell + whole, CELLS), passed.clock.shape
    line = Switching(passed.clock.ravel(), passed.share.ravel())
    every = np.broadcast_to(words, shape).ravel()
    way = passages(every, cells.ravel(), (behind - whole).ravel(), line)
    known, after, spent, before = (part.reshape(shape) for part in way)
    # after every line a junction is what the last refresh made of it
    latest = np.maximum.accumulate(np.where(known, np.arange(shape[0])[:, np.newaxis], -1), axis=0)
    drawn = np.take_along_axis(after, np.maximum(latest, 0), axis=0)
    states = np.concatenate([up[np.newaxis], np.where(latest >= 0, drawn, up)])
    return spent + before * states[:-1], states[-1]


def passages(
    words: Words, cell: Array, start: Array, passed: Switching, fast: ModuleType | None = None
) -> Passage:
    """Return what lines do to junctions; all of shape (n,), as for `pass_through`."""
    fast = fast or (kernels(_KERNELS) if words.size >= _WORTH else None)
    if fast is not None:
        return Passage(
            *fast.passages(words, cell, start, passed.clock, passed.share, _COUNTS, _MANY)
        )
    size = words.size
    way = Passage(np.zeros(size, np.bool_), np.zeros(size), np.zeros(size), np.ones(size))
    some = np.flatnonzero((passed.clock > 0) & (passed.clock <= _MANY))
    for n in np.array_split(some, max(1, math.ceil(len(some) / _AT_ONCE))):
        _walk(way, n, words[n], (cell[n], start[n]), Switching(passed.clock[n], passed.share[n]))
    n = np.flatnonzero(passed.clock > _MANY)
    drawn = last_draw(words[n], cell[n], start[n], passed.clock[n])[1]
    there = ~np.isnan(drawn)
    n, goal = n[there], passed.share[n[there]]
    way.before[n] = -np.expm1(-passed.clock[n]) / passed.clock[n]
    way.spent[n] = goal * (1.0 - way.before[n])
    way.known[n], way.after[n] = True, drawn[there] < goal
    return way


def _walk(
    way: Passage, n: Whole, words: Words, reading: tuple[Array, Array], passed: Switching
) -> None:
    """Find all refreshes on lines with some, and enter what they do to the junctions `n`."""
    (cell, start), end = reading, reading[1] + passed.clock
    cells = np.floor(end).astype(np.int64) + 1
    line = np.repeat(np.arange(len(n)), cells)
    on = np.arange(len(line)) - np.repeat(np.cumsum(cells) - cells, cells)
    places, draws = _in_cell(words[line], cell[line] + on)
    at = on + places
    inside = (at > start[line]) & (at <= end[line])
    line = np.broadcast_to(line, at.shape)[inside]
    order = np.lexsort((at[inside], line))
    line, at, draws = line[order], at[inside][order], draws[inside][order]
    state = (draws < passed.share[line]).astype(np.float64)
    opens, closes = (
        np.flatnonzero(np.diff(line, prepend=-1)),
        np.flatnonzero(np.diff(line, append=-1)),
    )
    until = np.append(at[1:], 0.0)[: len(at)]
    until[closes] = end[line[closes]]
    spent = np.bincount(line, state * (until - at), len(n)) / passed.clock
    there = line[opens]
    way.spent[n] = spent
    way.before[n[there]] = (at[opens] - start[there]) / passed.clock[there]
    way.known[n[there]], way.after[n[there]] = True, state[closes]
