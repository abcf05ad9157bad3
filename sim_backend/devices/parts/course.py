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
from dataclasses import dataclass, replace
from typing import NamedTuple

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

_SUMS = [TALLY.index("charge"), TALLY.index("throughput")]
_FEW = 6  # turns that are simply played
_FIRST_TRIAL, _GROWTH = 2, 4  # turns of the first trial, and how many more in the next
_SAMPLE = 16  # turns played on each side of those left out, where turns differ by chance
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
        ones; so are charge and throughput in the tally. Where turns differ by chance, sixteen more
        are played before and after those left out, and the mean is that of both: of a relative
        spread of the charge of a turn, a fifth is left in that of a long train.
    """
    origin = state.values.copy()
    total = repeat_plainly(model, state, pieces, min(count, 1), temperature, stream)
    left = count - min(count, 1)
    differ = stream is not None or state.noise is not None
    more, trial = _SAMPLE if differ else 0, _FIRST_TRIAL
    if left <= _FEW + 2 * more:
        return total + repeat_plainly(model, state, pieces, left, temperature, stream)
    rows, before = [state.names.index(name) for name in known.counters], state.values.copy()
    total += repeat_plainly(model, state, pieces, 1, temperature, stream)
    gain = state.values[rows] - before[rows]
    # what is particular to the first turns is not to be counted for all of them
    total += repeat_plainly(model, state, pieces, more // 2, temperature, stream)
    sums = state.values[_SUMS]
    early = repeat_plainly(model, state, pieces, more - more // 2, temperature, stream)
    first = _Mean(early, state.values[_SUMS] - sums, max(more - more // 2, 1))
    total, left = total + early, left - 1 - more
    while trial + more < left:
        turns, start = (left - trial - more, trial), (origin, gain)
        sums = state.values[_SUMS]
        found = _trial(model, state, pieces, turns, temperature, stream, known, start)
        if found is not None:
            late = found + repeat_plainly(model, state, pieces, more, temperature, stream)
            last = _Mean(late, state.values[_SUMS] - sums, trial + more)
            mean = _between(first, last) if differ else last
            state.values[_SUMS] += mean.sums * turns[0] / mean.turns
            return total + late + mean.charges * turns[0] / mean.turns
        trial *= _GROWTH
    return total + repeat_plainly(model, state, pieces, left, temperature, stream)


class _Mean(NamedTuple):
    """What some turns have moved."""

    charges: Array  #: into each terminal, C
    sums: Array  #: in the tally, C
    turns: float


def _between(first: _Mean, last: _Mean) -> _Mean:
    """Return what a turn between some turns and others moves."""
    charges, sums = (
        a / first.turns + b / last.turns for a, b in zip(first[:2], last[:2], strict=True)
    )
    return _Mean(charges, sums, 2.0)


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
    """Skip some turns and play some; returns their charge, or None when the end is not known."""
    skipped, played = turns
    origin, gain = start
    rows = [state.names.index(name) for name in known.counters]
    counted = [*rows, *_SUMS]
    found, charges = [], []
    for extremes, begin in ((known.lowest, state.values), (known.highest, origin)):
        values = begin.copy()
        values[counted] = state.values[counted]
        values[rows] += skipped * gain
        for name, value in extremes.items():
            values[state.names.index(name)] = value
        copy = replace(state, values=values)
        charges.append(repeat_plainly(model, copy, pieces, played, temperature, stream))
        found.append(copy.values)
    low, high = found
    apart = np.where(low == high, 0.0, high) - np.where(low == high, 0.0, low)  # inf is inf
    apart[_SUMS] = 0.0
    if not np.all(np.abs(apart) <= _AGREES * np.maximum(np.abs(low), np.abs(high))):
        return None
    middle = low + apart / 2
    middle[_SUMS] = (low + high)[_SUMS] / 2
    state.values[:] = middle
    mean: Array = (charges[0] + charges[1]) / 2
    return mean
