"""Trains of pulses on many devices: one lasting weight with soft bounds, two volatile exponentials.

Devices are taken in blocks that stay in the cache, and within a block the pulses run outside and
the devices inside, so that the innermost loop is straight arithmetic on neighbouring numbers. Where
a turn is one pulse, four turns are done at a time, which reads and writes the devices once.

A weight whose noise takes it past a limit stops there. The part of its mean that lies beyond,
past (y + ln(1 - y)) with y the share of the way to the goal that lies beyond, is a power series for
short pulses: no branch and no logarithm, which would keep the loop from being vectorised. Its four
terms give the charge to 1e-7; the weights themselves are exact.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim_backend.devices.kernels.random import absorb, mix, normal

__all__ = ["train", "volatile"]

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]
#: first word of the stream, number of the first device and of the last event, relative variation
Draws = tuple[np.uint64, int, int, float]

_BLOCK = 1024  # devices taken at a time: what they need stays in the second cache
#: a product and a sum may be rounded once instead of twice, and nothing else
_FUSED = {"contract"}
_GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)
_LABEL = np.uint64(0)  # last part of the key of a step
_SHORT = 0.06  # of the way to the bound: up to there the charge is good to 1e-7
_TINY = 1e-300
_NEVER_ZERO = 1e-30  # four of them multiplied are still a number


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
def _four_short_pulses(
    w: Array, q: Array, goal: Array, least: Array, most: Array, kept: Array, mean: Array,
    charge: Array, sigma: float, xi: tuple[Array, Array, Array, Array],
) -> None:  # fmt: skip
    """Give every device of a block four such pulses."""
    base, unit = 4.0 * charge[0], charge[1]
    first, second, third, fourth = xi
    for d in range(w.shape[0]):
        to, step, low, high, left = goal[d], goal[d] * sigma, least[d], most[d], kept[d]
        aim = to + step * first[d]
        off = w[d] - aim
        goals, offs = aim, off
        end = aim + off * left
        x = _kept_between(end, low, high)
        e0 = end - x
        d0 = aim - x + _NEVER_ZERO
        aim = to + step * second[d]
        off = x - aim
        goals, offs = goals + aim, offs + off
        end = aim + off * left
        x = _kept_between(end, low, high)
        e1 = end - x
        d1 = aim - x + _NEVER_ZERO
        aim = to + step * third[d]
        off = x - aim
        goals, offs = goals + aim, offs + off
        end = aim + off * left
        x = _kept_between(end, low, high)
        e2 = end - x
        d2 = aim - x + _NEVER_ZERO
        aim = to + step * fourth[d]
        off = x - aim
        goals, offs = goals + aim, offs + off
        end = aim + off * left
        x = _kept_between(end, low, high)
        e3 = end - x
        d3 = aim - x + _NEVER_ZERO
        # one division for four: it costs more than all else
        pair, other = d0 * d1, d2 * d3
        inverse = 1.0 / (pair * other)
        one, two = inverse * other, inverse * pair
        excess = _excess(e0, one * d1) + _excess(e1, one * d0)
        excess += _excess(e2, two * d3) + _excess(e3, two * d2)
        q[d] += base + unit * (goals + mean[d] * (offs - excess / (1.0 - left)))
        w[d] = x


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
def _fours(
    rows: Array, bounds: Array, kind: int, kept: Array, mean: Array, charge: Array, count: int,
    draws: Draws, table: Array,
) -> int:  # fmt: skip
    """Do turns of one short pulse four at a time; returns how many are done."""
    start, first, event, sigma = draws
    noise, done = np.zeros((4, rows.shape[1])), 0
    xi = noise[0], noise[1], noise[2], noise[3]
    while done + 4 <= count:
        if sigma > 0:
            begun = event + done
            xi = (
                _numbers(start, first, begun + 1, table, noise[0]),
                _numbers(start, first, begun + 2, table, noise[1]),
                _numbers(start, first, begun + 3, table, noise[2]),
                _numbers(start, first, begun + 4, table, noise[3]),
            )
        _four_short_pulses(
            rows[0], rows[1 + kind], bounds[kind], bounds[0], bounds[1], kept, mean, charge, sigma,
            xi,
        )  # fmt: skip
        done += 4
    return done


@njit(cache=True)
def _turns(
    rows: Array, bounds: Array, kinds: Whole, begins: Whole, short: Flags, kept: Array, mean: Array,
    charge: Array, count: int, draws: Draws, table: Array,
) -> None:  # fmt: skip
    """Do turns piece by piece."""
    start, first, event, sigma = draws
    noise = np.zeros(rows.shape[1])
    xi = noise
    for _ in range(count):
        for p in range(kinds.shape[0]):
            k = kinds[p]
            if k < 0:
                continue
            if begins[p] and sigma > 0:
                event += 1
                xi = _numbers(start, first, event, table, noise)
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
    moved
        Shape (pieces, devices): integral of the rate at which the bound is approached.
    charge
        Shape (pieces, 2): charge of a weight of 0, and for each unit of weight, C.
    count, event
        Turns, and number of the last excursion before them.
    first, start, sigma
        Number of the first device, first word of the stream, relative variation of the bounds.
    table
        Of normal numbers; an empty one looks every number up.
    """
    kept = np.exp(-moved)
    mean = np.where(moved > 0.0, -np.expm1(-moved) / np.maximum(moved, _TINY), 1.0)
    short = np.array([moved[p].max() <= _SHORT for p in range(kinds.shape[0])])
    alone = _alone(kinds, begins, short)
    for low in range(0, rows.shape[1], _BLOCK):
        part = slice(low, min(low + _BLOCK, rows.shape[1]))
        # copies, because neighbouring numbers known to be so are what makes the loops fast
        own, limits = rows[:, part].copy(), bounds[:, part].copy()
        left, share = kept[:, part].copy(), mean[:, part].copy()
        draws = start, first + low, event, sigma
        done = 0
        if alone >= 0:
            p = alone
            done = _fours(own, limits, kinds[p], left[p], share[p], charge[p], count, draws, table)
        draws = start, first + low, event + done, sigma
        _turns(own, limits, kinds, begins, short, left, share, charge, count - done, draws, table)
        rows[:, part] = own
