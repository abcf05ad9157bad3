"""Cycling a device a thousand million times: turns that repeat each other are counted, not played.

A turn is a list of pieces played again and again. After some turns the state of a device whose
parameters do not vary from turn to turn comes back to itself, but for rows that only count (age,
cycles, damage). From then on the rest of the turns is added to these rows at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sim_backend.devices.model import Array, DeviceModel, Piece, State, Stream, repeat_plainly

__all__ = ["Cycled", "repeat_ends", "repeat_settled", "repeat_varied"]

_SETTLING = 400  # turns after which it is given up to wait for the same state again
_JUMP = 4  # of the turns so far, so many times fewer are then added at once
_AFTER = 4  # turns that are played at least after that
_SAME = 1e-13  # relative
_POINTS = 257  # of a mean over turns
_PLAYED = 64  # turns at either end of a long repetition that varies


@dataclass(frozen=True, slots=True)
class Cycled:
    """What settled turns do to a device.

    Parameters
    ----------
    counters
        Rows that grow by the same amount in every turn; charge and throughput are not among them.
    stored
        Charge into each terminal that the state stands for, C, shape (terminals, devices): what a
        turn moves beyond a change of it has leaked.
    weight
        What the throughput of a turn is proportional to, by the row ``cycles``.
    """

    counters: tuple[str, ...]
    stored: Callable[[State], Array]
    weight: Callable[[Array], Array]


def repeat_settled(
    model: DeviceModel,
    state: State,
    pieces: Sequence[Piece],
    count: int,
    temperature: float,
    stream: Stream | None,
    cycled: Cycled,
) -> Array:
    """Take devices through the same pieces `count` times; returns as `DeviceModel.repeat` does.

    Where a turn brings the state back, the rest is counted. Where it still creeps after many turns
    (pulses that switch a thousandth of a domain each), what a turn changes is a little less every
    time, by a constant factor for each variable: the sum of these changes over some turns is added
    at once, a few turns are played, and so on over more and more.

    Parameters
    ----------
    model, state, pieces, count, temperature, stream
        As for `DeviceModel.repeat`; the stream must be one that makes every turn the same.
    cycled
        What is known of the family.

    Returns
    -------
    ndarray
        Charge into each terminal over all turns, C. It and all rows are those of single turns to
        1e-9 where turns bring the state back. Where it creeps they are to 1e-3, the row ``cycles``
        to 5e-3. The throughput, of which the mean over the turns is taken at some of them, is
        known to some per cent.
    """
    rows = [state.names.index(name) for name in cycled.counters]
    counted = {*rows, state.names.index("charge"), state.names.index("throughput")}
    others = [k for k in range(len(state.names)) if k not in counted]
    total = np.zeros((len(model.terminals), state.devices))
    seen = [(state.values.copy(), total.copy())]
    left, since = count, 0
    while left:
        stored = cycled.stored(state)
        charge = repeat_plainly(model, state, pieces, 1, temperature, stream)
        total, left, since = total + charge, left - 1, since + 1
        seen = [*seen[-2:], (state.values.copy(), total)]
        if left and _same(seen[-2][0][others], state.values[others]):
            leaked = charge - (cycled.stored(state) - stored)
            return total + _skip(state, seen[-2][0], rows, leaked, left, cycled)
        turns = min((count - left) // _JUMP, left - _AFTER)
        if count - left >= _SETTLING and since >= _AFTER and turns > 0:
            state.values[:] = _extrapolated([values for values, _ in seen], turns)
            total = _extrapolated([charges for _, charges in seen], turns)
            left -= turns
            seen, since = [(state.values.copy(), total)], 0
    return total


def _extrapolated(three: Sequence[Array], turns: int) -> Array:
    """Return what changes by less and less, by a constant factor, after more turns."""
    before, last, now = three
    first, second = last - before, now - last
    factor = np.clip(second / np.where(first != 0, first, np.inf), 0.0, 1.0)
    near = factor > 1.0 - 1e-9
    shares = np.where(near, 0.0, factor)
    total = shares * (1.0 - shares**turns) / (1.0 - shares)
    extrapolated: Array = now + second * np.where(near, float(turns), total)
    return extrapolated


def _same(before: Array, after: Array) -> bool:
    scale = np.maximum(abs(before), abs(after))
    return bool((abs(after - before) <= _SAME * np.maximum(scale, 1e-3)).all())


def _skip(
    state: State, before: Array, rows: list[int], leaked: Array, left: int, cycled: Cycled
) -> Array:
    """Add what `left` more turns add to the rows that count; returns their charge."""
    stored, start = cycled.stored(state), state.row("cycles").copy()
    throughput = state.names.index("throughput")
    step = start - before[state.names.index("cycles")]
    turn = state.values[throughput] - before[throughput]
    state.values[rows] += left * (state.values[rows] - before[rows])
    charge: Array = left * leaked + (cycled.stored(state) - stored)
    state.row("charge")[:] += charge[0]
    share = _mean(cycled.weight, start, step, left) / cycled.weight(start)
    state.values[throughput] += left * turn * share
    return charge


def _mean(weight: Callable[[Array], Array], start: Array, step: Array, left: int) -> Array:
    """Return the mean of a weight over the turns to come, by trapezoids in their logarithm."""
    turns = np.geomspace(1.0, left + 1.0, _POINTS) - 1.0
    values = np.array([weight(start + step * turn) for turn in turns])
    widths = np.diff(turns)[:, np.newaxis]
    mean: Array = (widths * (values[1:] + values[:-1]) / 2).sum(axis=0) / left
    return mean


def repeat_varied(
    model: DeviceModel,
    state: State,
    pieces: Sequence[Piece],
    count: int,
    temperature: float,
    stream: Stream | None,
    cycled: Cycled,
) -> Array:
    """Take devices through the same pieces `count` times where each turn differs by chance.

    Up to a few hundred turns are played one by one. Of more, the first and the last 64 are; what
    those between add to the rows that count is taken from the first ones. The last ones meet the
    random numbers of their own turns, so the state is the one that turns of which each forgets
    those long before it give.

    Parameters
    ----------
    model, state, pieces, count, temperature, stream, cycled
        As for `repeat_settled`.
    """
    if count <= 4 * _PLAYED:
        return repeat_plainly(model, state, pieces, count, temperature, stream)
    total = repeat_plainly(model, state, pieces, _PLAYED // 2, temperature, stream)
    before, stored = state.values.copy(), cycled.stored(state)
    charge = repeat_plainly(model, state, pieces, _PLAYED // 2, temperature, stream)
    rows = [state.names.index(name) for name in cycled.counters]
    left = count - 2 * _PLAYED
    # counts of excursions are whole; half of the played turns are one step of the counting
    mean = before + (state.values - before) / (_PLAYED // 2)
    leaked = (charge - (cycled.stored(state) - stored)) / (_PLAYED // 2)
    one_before = state.values - (mean - before)
    total += charge + _skip(state, one_before, rows, leaked, left, cycled)
    for name in ("positive", "negative", "excursion"):
        row = state.row(name)
        np.rint(row, out=row)
    return total + repeat_plainly(model, state, pieces, _PLAYED, temperature, stream)


def repeat_ends(
    model: DeviceModel,
    state: State,
    pieces: Sequence[Piece],
    count: int,
    temperature: float,
    stream: Stream | None,
    whole: Sequence[str],
    summed: Sequence[str],
) -> Array:
    """Take devices through the same pieces `count` times; of many, only both ends are played.

    Up to 256 turns are played one by one. Of more, the first and the last 64 are: what those
    between count is taken from the first ones, everything else is where these left it. That is the
    state of all turns when a turn forgets those long before it, and right on average otherwise.

    Parameters
    ----------
    model, state, pieces, count, temperature, stream
        As for `DeviceModel.repeat`.
    whole
        Rows that count something whole.
    summed
        Rows that add something up, besides charge and throughput.
    """
    if count <= 4 * _PLAYED:
        return repeat_plainly(model, state, pieces, count, temperature, stream)
    half = _PLAYED // 2
    total = repeat_plainly(model, state, pieces, half, temperature, stream)
    before = state.values.copy()
    moved = repeat_plainly(model, state, pieces, half, temperature, stream)
    share = (count - 2 * _PLAYED) / half
    for name in (*whole, *summed, "charge", "throughput"):
        grown = share * (state.row(name) - before[state.names.index(name)])
        state.row(name)[:] += np.rint(grown) if name in whole else grown
    total += moved * (1.0 + share)
    return total + repeat_plainly(model, state, pieces, _PLAYED, temperature, stream)
