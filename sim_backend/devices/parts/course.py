"""Any number of equal turns at once, where turns forget how they began.

`fast_forward` rests on two properties, which the caller vouches for:

* Whatever a turn draws at random is looked up by the number of its events, so that a turn far ahead
  can be played without those before it.
* The lasting variables keep their order: of two states that differ in them, the lower one stays the
  lower one. (Solutions of an equation of first order do not cross.)

So the last turns are played twice, from the lowest and from the highest state there is. The true
state lies between the two, and where both end in the same it is known to rounding. When they do
not, more turns are played; when all of them would be, they are played one after another. (Rows that
are neither lasting nor counted begin as they are now in one trial, and as they were before the
first turn in the other: what a turn does not make anew is noticed.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sim_backend.devices.model import (
    TALLY,
    Array,
    DeviceModel,
    Piece,
    State,
    Stream,
    repeat_plainly,
)

__all__ = ["Range", "fast_forward"]

_CHARGE, _THROUGHPUT = TALLY.index("charge"), TALLY.index("throughput")
_FEW = 6  # turns that are simply played
_FIRST_TRIAL, _GROWTH = 2, 4  # turns of the first trial, and how many more in the next
_AGREES = 1e-13  # relative difference that counts as rounding


@dataclass(frozen=True, slots=True)
class Range:
    """What `fast_forward` must know about a family's rows.

    Parameters
    ----------
    lowest, highest
        Least and greatest value of every lasting row, by name.
    counters
        Rows to which every turn adds the same.
    """

    lowest: Mapping[str, ArrayLike]
    highest: Mapping[str, ArrayLike]
    counters: tuple[str, ...] = ("positive", "negative", "events", "age")


def fast_forward(
    model: DeviceModel,
    state: State,
    pieces: Sequence[Piece],
    count: int,
    temperature: float,
    stream: Stream | None,
    known: Range,
) -> Array:
    """Take devices through equal turns, playing the first and the last ones only where that is all.

    Parameters
    ----------
    model, state, pieces, count, temperature, stream
        As for `DeviceModel.repeat`.
    known
        The range of the lasting rows; see the module's first lines for what it vouches for.

    Returns
    -------
    ndarray
        Charge into each terminal, C. For turns that were not played it is the mean of the last
        ones; so are charge and throughput in the tally.
    """
    origin = state.values.copy()
    total = repeat_plainly(model, state, pieces, min(count, 1), temperature, stream)
    left = count - min(count, 1)
    if left <= _FEW:
        return total + repeat_plainly(model, state, pieces, left, temperature, stream)
    rows = [state.names.index(name) for name in known.counters]
    before = state.values[rows].copy()
    total += repeat_plainly(model, state, pieces, 1, temperature, stream)
    left, gain = left - 1, state.values[rows] - before
    trial = _FIRST_TRIAL
    while trial < left:
        turns, start = (left - trial, trial), (origin, gain)
        found = _trial(model, state, pieces, turns, temperature, stream, known, start)
        if found is not None:
            total += found
            return total
        trial *= _GROWTH
    return total + repeat_plainly(model, state, pieces, left, temperature, stream)


def _trial(
    model: DeviceModel,
    state: State,
    pieces: Sequence[Piece],
    turns: tuple[int, int],
    temperature: float,
    stream: Stream | None,
    known: Range,
    start: tuple[Array, Array],
) -> Array | None:
    """Skip some turns and play some; returns the charges, or None when the end is not known."""
    skipped, played = turns
    origin, gain = start
    rows = [state.names.index(name) for name in known.counters]
    counted = [*rows, _CHARGE, _THROUGHPUT]
    found, charges = [], []
    for extremes, begin in ((known.lowest, state.values), (known.highest, origin)):
        values = begin.copy()
        values[counted] = state.values[counted]
        values[rows] += skipped * gain
        for name, value in extremes.items():
            values[state.names.index(name)] = value
        copy = State(state.names, values, state.parameters, state.first, state.noise, state.ready)
        charges.append(repeat_plainly(model, copy, pieces, played, temperature, stream))
        found.append(copy.values)
    low, high = found
    apart = np.where(low == high, 0.0, high) - np.where(low == high, 0.0, low)  # inf is inf
    apart[[_CHARGE, _THROUGHPUT]] = 0.0
    if not np.all(np.abs(apart) <= _AGREES * np.maximum(np.abs(low), np.abs(high))):
        return None
    middle = low + apart / 2
    middle[[_CHARGE, _THROUGHPUT]] = (low + high)[[_CHARGE, _THROUGHPUT]] / 2
    for row in (_CHARGE, _THROUGHPUT):
        before = state.values[row]
        middle[row] = before + (middle[row] - before) * ((skipped + played) / played)
    state.values[:] = middle
    mean: Array = (charges[0] + charges[1]) / 2
    return mean * ((skipped + played) / played)
