"""Trains of pulses on many devices: one lasting weight with soft bounds, two volatile exponentials.

Devices are taken in blocks that stay in the cache, and within a block the pulses run outside and
the devices inside, so that the innermost loop is straight arithmetic on neighbouring numbers. Where
a turn is one short pulse, four turns are done at a time (`sim_backend.devices.kernels.fours`).

A weight whose noise takes it past a limit stops there. The part of its mean that lies beyond,
past (y + ln(1 - y)) with y the share of the way to the goal that lies beyond, is a power series for
short pulses: no branch and no logarithm, which would keep the loop from being vectorised. Its four
terms give the charge to 1e-7; `fours` says what it is there. The weights themselves are exact.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim_backend.devices.kernels.draws import Draws, Floats, numbers, room
from sim_backend.devices.kernels.fours import alone_trains, apart

__all__ = ["train", "volatile"]

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]

# devices taken at a time, exact numbers made beside them or not: all stays in the second cache
_BLOCK, _LARGE_BLOCK = 1024, 4096
#: a product and a sum may be rounded once instead of twice, and nothing else
_FUSED = {"contract"}
_NEVER_ZERO = 1e-30  # added to what is divided by


@njit(cache=True, error_model="numpy", fastmath=_FUSED)
def _excess(beyond: float, inverse: float) -> float:
    """Return what the mean of a short pulse has too much for stopping at a limit, times moved.

    `beyond` is how far it would have gone on, `inverse` 1 over the way from the limit to the goal.
    """
    y = beyond * inverse
    return beyond * y * (0.5 + y * (1.0 / 3.0 + y * (0.25 + y * 0.2)))


@njit(cache=True, error_model="numpy", fastmath=_FUSED)
def _kept_between(x: float, least: float, most: float) -> float:
    x = least if x < least else x  # noqa: FURB136 - max() is not vectorised
    return most if x > most else x  # noqa: FURB136


@njit(cache=True, error_model="numpy", fastmath=_FUSED)
def _short_pulse(
    w: Array, q: Array, goal: Array, least: Array, most: Array, kept: Array, mean: Array,
    charge: Array, sigma: float, xi: Array,
) -> None:  # fmt: skip
    """Give every device of a block a pulse that goes a few per cent of the way."""
    base, unit = charge[0], charge[1]
    for d in range(w.shape[0]):
        aim = goal[d] + goal[d] * sigma * xi[d]
        off = w[d] - aim
        end = aim + off * kept[d]
        w[d] = _kept_between(end, least[d], most[d])
        beyond = end - w[d]
        inverse = 1.0 / (aim - w[d] + _NEVER_ZERO)
        past = _excess(beyond, inverse) / (1.0 - kept[d])
        q[d] += base + unit * (aim + mean[d] * (off - past))


@njit(cache=True, error_model="numpy", fastmath=_FUSED)
def _long_pulse(
    w: Array, q: Array, goal: Array, least: Array, most: Array, kept: Array, mean: Array,
    charge: Array, sigma: float, xi: Array,
) -> None:  # fmt: skip
    """Give every device of a block a pulse of any length."""
    base, unit = charge[0], charge[1]
    for d in range(w.shape[0]):
        aim = goal[d] + goal[d] * sigma * xi[d]
        off = w[d] - aim
        end, middle = aim + off * kept[d], aim + off * mean[d]
        x = _kept_between(end, least[d], most[d])
        if end != x:
            y, moved = (end - x) / (aim - x), (1.0 - kept[d]) / mean[d]
            late = math.log(-off / (aim - x)) - moved if y > 0.5 else math.log1p(-y)
            middle += (aim - x) * (y + late) / moved
        q[d] += base + unit * middle
        w[d] = x


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
def _alone(kinds: Whole, begins: Whole, short: Flags) -> int:
    """Return the piece that is the only pulse of a turn, short and an excursion; -1 for none."""
    found = -1
    for p in range(kinds.shape[0]):
        if kinds[p] >= 0:
            if found >= 0 or not short[p] or not begins[p]:
                return -1
            found = p
    return found


@njit(cache=True)
def _turns(
    rows: Array, bounds: Array, kinds: Whole, begins: Whole, short: Flags, kept: Array, mean: Array,
    charge: Array, count: int, draws: Draws, table: Floats,
) -> None:  # fmt: skip
    """Do turns piece by piece."""
    event, sigma = draws[2], draws[3]
    noise, words, scratch = room(draws, 1, rows.shape[1], table)
    xi = noise[0]
    for _ in range(count):
        for p in range(kinds.shape[0]):
            k = kinds[p]
            if k < 0:
                continue
            if begins[p] and sigma > 0:
                event += 1
                xi = numbers(draws, event, table, words, scratch, noise[0])
            pulse = rows[0], rows[1 + k], bounds[k], bounds[0], bounds[1], kept[p], mean[p]
            if short[p]:
                _short_pulse(*pulse, charge[p], sigma, xi)
            else:
                _long_pulse(*pulse, charge[p], sigma, xi)


@njit(cache=True)
def train(
    rows: Array,
    bounds: Array,
    kinds: Whole,
    begins: Whole,
    moved: Array,
    kept: Array,
    mean: Array,
    short: Flags,
    charge: Array,
    count: int,
    draws: Draws,
    table: Floats,
) -> None:
    """Take the lasting weights through `count` turns of constant levels and rests.

    Parameters
    ----------
    rows
        Shape (3, devices): w and the charge under negative and under positive voltage so far, C,
        without the part of the volatile weights. Changed in place.
    bounds
        Shape (2, devices): least and greatest w, where a negative and a positive voltage go to.
    kinds, begins, short
        For each piece: row of `bounds` it goes to, or -1 for a rest; 1 where an excursion begins;
        whether it takes no device more than 6 % of its way.
    moved, kept, mean
        Shape (pieces, devices): integral of the rate at which the bound is approached; share of
        the way that is left at the end; the mean of that share.
    charge
        Shape (pieces, 2): charge of a weight of 0, and for each unit of weight, C.
    count
        Turns.
    draws
        First word of the stream, number of the first device, number of the last excursion before
        the turns, relative variation of the bounds.
    table
        Of normal numbers, in single or in double precision; an empty one, of double precision,
        looks every number up.
    """
    start, first, event, sigma = draws
    alone = _alone(kinds, begins, short)
    block = _LARGE_BLOCK if table.shape[0] > 0 else _BLOCK
    for low in range(0, rows.shape[1], block):
        part = slice(low, min(low + block, rows.shape[1]))
        # copies, because neighbouring numbers known to be so are what makes the loops fast
        own, limits = rows[:, part].copy(), bounds[:, part].copy()
        left, share = kept[:, part].copy(), mean[:, part].copy()
        begun, done = (start, first + low, event, sigma), 0
        if alone >= 0 and apart(limits, kinds[alone], moved[alone, part], sigma):
            p = alone
            own_moved = moved[p, part].copy()
            done = alone_trains(
                own, limits, kinds[p], own_moved, left[p], share[p], charge[p], count, begun, table
            )
        begun, turns = (start, first + low, event + done, sigma), count - done
        if turns:
            _turns(own, limits, kinds, begins, short, left, share, charge, turns, begun, table)
        rows[:, part] = own
