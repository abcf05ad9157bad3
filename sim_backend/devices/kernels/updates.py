"""Trains of pulses on many devices: one lasting weight with soft bounds, two volatile exponentials.

Devices are taken in blocks that stay in the cache, and within a block the pulses run outside and
the devices inside, so that the innermost loop is straight arithmetic on neighbouring numbers. Where
a turn is one pulse, four turns are done at a time, which reads and writes the devices once.

A weight whose noise takes it past a limit stops there. The part of its mean that lies beyond,
past (y + ln(1 - y)) with y the share of the way to the goal that lies beyond, is a power series for
short pulses: no branch and no logarithm, which would keep the loop from being vectorised. Its four
terms give the charge to 1e-7. Where turns are done four at a time it is a fraction instead, right
where a weight comes from far away, from its limit and from a place between: the charge of a pulse
that goes 5 % of the way is good to 1e-7, and that of a train, where errors of both signs meet, to
1e-8. The weights themselves are exact.

Those four at a time are done in the precision of the table that numbers are taken from. In single
precision twice as many fit in an instruction. The way to a limit is then rounded once a pulse by
less than 1e-7 of itself, either way, and so is the share of it that is left: a train's weights and
charge are good to some 1e-6, where the table stands for a variation of some per cent.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim_backend.devices.kernels.normals import SCRATCH, absorb_device, fill
from sim_backend.devices.kernels.random import absorb, mix

__all__ = ["train", "volatile"]

Array = NDArray[np.float64]
Floats = NDArray[Any]  # of the precision of the table
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]
Words = NDArray[np.uint64]
Four = tuple[Floats, Floats, Floats, Floats]
#: first word of the stream, number of the first device and of the last event, relative variation
Draws = tuple[np.uint64, int, int, float]

# devices taken at a time, exact numbers made beside them or not: all stays in the second cache
_BLOCK, _LARGE_BLOCK = 1024, 4096
#: a product and a sum may be rounded once instead of twice, and nothing else
_FUSED = {"contract"}
_GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)
_LABEL = np.uint64(0)  # last part of the key of a step
_TINY = 1e-300
_NEVER_ZERO = 1e-30  # four of them multiplied are still a number
_WITHIN = 0.6  # share of a pulse beyond the limit at which the fraction is right
_ADDED = 64  # pulses whose sums are added up before they go to what holds all
_LONG = 1e-9  # of the way to the bound: less is lost in rounding where four pulses are done at once
_RARE = 4.5  # standard deviations: no number of the table is beyond, one exact number in 1e5 is


@njit(cache=True)
def _place(start: np.uint64, first: int, event: int, size: int) -> np.int64:
    """Return where in a table, whose size is a power of two, the number of a device is."""
    word = mix(absorb(absorb(start, np.uint64(event)), _LABEL) + _GOLDEN)
    return np.int64((word + np.uint64(first)) & np.uint64(size - 1))


@njit(cache=True)
def _room(draws: Draws, events: int, size: int, table: Floats) -> tuple[Floats, Words, Array]:
    """Return where numbers of events are put, the devices' words, and scratch to make them."""
    made = size if table.shape[0] == 0 and draws[3] > 0.0 else 0
    words = np.empty(made, np.uint64)
    absorb_device(draws[0], draws[1], words)
    noise = np.zeros((events, size), table.dtype)
    return noise, words, np.empty((SCRATCH, made))


@njit(cache=True)
def _numbers(
    draws: Draws, event: int, table: Floats, words: Words, scratch: Array, noise: Floats
) -> Floats:
    """Return the normal numbers of an event for neighbouring devices; `noise` may be filled."""
    start, first = draws[0], draws[1]
    if table.shape[0] == 0:
        fill(words, event, _LABEL, scratch, noise)
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
def _four_pulses(
    u: Floats, sums: Floats, kept: Floats, curve: Floats, xi: Four, least: Floats
) -> None:
    """Give every device of a block four short pulses, in the units of `_alone_trains`.

    `least` holds a number that is hardly more than zero: where a way stops, so that no share of
    two ways is 0/0.
    """
    first, second, third, fourth = xi
    begun, beyond, excess, tiny = sums[0], sums[1], sums[2], least[0]
    for d in range(u.shape[0]):
        left, r, x0 = kept[d], curve[d], u[d]
        on = left * x0 - first[d]
        x1 = on if on > tiny else tiny  # noqa: FURB136 - max() is not vectorised
        e0 = x1 - on
        on = left * x1 - second[d]
        x2 = on if on > tiny else tiny  # noqa: FURB136
        e1 = x2 - on
        on = left * x2 - third[d]
        x3 = on if on > tiny else tiny  # noqa: FURB136
        e2 = x3 - on
        on = left * x3 - fourth[d]
        x4 = on if on > tiny else tiny  # noqa: FURB136
        e3 = x4 - on
        early = e0 * e0 / (e0 + r * x0) + e1 * e1 / (e1 + r * x1)
        late = e2 * e2 / (e2 + r * x2) + e3 * e3 / (e3 + r * x3)
        begun[d] += (x0 + x1) + (x2 + x3)
        beyond[d] += (e0 + e1) + (e2 + e3)
        excess[d] += early + late
        u[d] = x4


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


@njit(cache=True, error_model="numpy")
def _past(y: float) -> float:
    """Return -ln(1 - y) / y - 1 for small y."""
    tail = 1.0 / 5.0 + y * (1.0 / 6.0 + y / 7.0)
    return y * (1.0 / 2.0 + y * (1.0 / 3.0 + y * (1.0 / 4.0 + y * tail)))


@njit(cache=True, error_model="numpy")
def _least(bounds: Array, kind: int, sigma: float) -> float:
    """Return the normal number below which a pulse may take a weight to its other limit."""
    ways = np.abs(bounds[kind] - bounds[1 - kind]) / (sigma * np.abs(bounds[kind]))
    return -float(ways.min())


@njit(cache=True, error_model="numpy")
def _apart(bounds: Array, kind: int, moved: Array, sigma: float) -> bool:
    """Whether short pulses keep weights from their other limit, or nearly always do."""
    if not (sigma > 0.0 and moved.min() > _LONG and np.abs(bounds[kind]).min() > 0.0):
        return False
    return _least(bounds, kind, sigma) < -_RARE


@njit(cache=True)
def _add_up(sums: Floats, totals: Array) -> None:
    """Add sums to totals and begin new ones."""
    for k in range(sums.shape[0]):
        for d in range(sums.shape[1]):
            totals[k, d] += sums[k, d]
            sums[k, d] = 0


@njit(cache=True)
def _fours(
    u: Floats, kept: Floats, curve: Floats, least: float, count: int, draws: Draws, table: Floats
) -> tuple[int, Array]:
    """Give fours of pulses until `count` are done or a number is below `least`.

    Returns how many are done, and the sums over them of u, of e and of e e / (e + r u), shape
    (3, devices).
    """
    event, size, done = draws[2], u.shape[0], 0
    noise, words, scratch = _room(draws, 4, size, table)
    sums, totals = np.zeros((3, size), table.dtype), np.zeros((3, size))
    tiny = np.full(1, _NEVER_ZERO, table.dtype)
    while done + 4 <= count:
        xi = (
            _numbers(draws, event + done + 1, table, words, scratch, noise[0]),
            _numbers(draws, event + done + 2, table, words, scratch, noise[1]),
            _numbers(draws, event + done + 3, table, words, scratch, noise[2]),
            _numbers(draws, event + done + 4, table, words, scratch, noise[3]),
        )
        if table.shape[0] == 0 and noise.min() < least:
            break
        _four_pulses(u, sums, kept, curve, xi, tiny)
        done += 4
        if done % _ADDED == 0:
            _add_up(sums, totals)
    _add_up(sums, totals)
    return done, totals


@njit(cache=True, error_model="numpy")
def _alone_trains(
    rows: Array, bounds: Array, kind: int, moved: Array, kept: Array, mean: Array, charge: Array,
    count: int, draws: Draws, table: Floats,
) -> int:  # fmt: skip
    """Do turns of one short pulse four at a time; returns how many are done.

    A weight is written as its way to its limit, u, in units of the spread of a pulse: each pulse is
    then u <- |k u - xi|+, what lies beyond is e = |xi - k u|+, and the mean of the way, added up,
    needs the sums of u, of e and of e e / (e + r u) only. Noise that would take a weight to its
    other limit stops the way; the turns from there are for `_turns`.
    """
    sigma, size, sign = draws[3], rows.shape[1], 1.0 if kind == 1 else -1.0
    goal = bounds[kind]
    unit, share = np.empty(size), np.empty(size)
    u = np.empty(size, table.dtype)
    left, curve = np.empty(size, table.dtype), np.empty(size, table.dtype)
    for d in range(size):
        gone = moved[d] * mean[d]
        unit[d], share[d] = gone * sigma * abs(goal[d]), _past(gone)
        ratio = share[d] / _past(gone * _WITHIN)
        u[d] = sign * (goal[d] - rows[0, d]) / unit[d]
        left[d], curve[d] = kept[d], kept[d] * (ratio - 1.0) * (_WITHIN / (1.0 - _WITHIN))
    before, least = u.copy(), _least(bounds, kind, sigma)
    done, totals = _fours(u, left, curve, least, count, draws, table)
    for d in range(size):
        begun, beyond, excess = totals[0, d], totals[1, d], totals[2, d]
        drawn = beyond - (begun - before[d] + u[d]) + left[d] * begun
        way = mean[d] * begun - (1.0 - mean[d]) / (moved[d] * mean[d]) * drawn
        way += share[d] / moved[d] * excess
        rows[0, d] = goal[d] - sign * unit[d] * u[d]
        rows[1 + kind, d] += done * charge[0] + charge[1] * (done * goal[d] - sign * unit[d] * way)
    return done


@njit(cache=True)
def _turns(
    rows: Array, bounds: Array, kinds: Whole, begins: Whole, short: Flags, kept: Array, mean: Array,
    charge: Array, count: int, draws: Draws, table: Floats,
) -> None:  # fmt: skip
    """Do turns piece by piece."""
    event, sigma = draws[2], draws[3]
    noise, words, scratch = _room(draws, 1, rows.shape[1], table)
    xi = noise[0]
    for _ in range(count):
        for p in range(kinds.shape[0]):
            k = kinds[p]
            if k < 0:
                continue
            if begins[p] and sigma > 0:
                event += 1
                xi = _numbers(draws, event, table, words, scratch, noise[0])
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
    event: int,
    first: int,
    start: np.uint64,
    sigma: float,
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
    kinds
        For each piece: row of `bounds` it goes to; -1 for a rest.
    begins
        For each piece: 1 where an excursion begins.
    moved
        Shape (pieces, devices): integral of the rate at which the bound is approached.
    kept, mean
        Of the same shape: share of the way that is left at the end, and the mean of that share.
    short
        For each piece: whether it takes no device more than 6 % of its way.
    charge
        Shape (pieces, 2): charge of a weight of 0, and for each unit of weight, C.
    count, event
        Turns, and number of the last excursion before them.
    first, start, sigma
        Number of the first device, first word of the stream, relative variation of the bounds.
    table
        Of normal numbers, in single or in double precision; an empty one, of double precision,
        looks every number up.
    """
    alone = _alone(kinds, begins, short)
    block = _LARGE_BLOCK if table.shape[0] > 0 else _BLOCK
    for low in range(0, rows.shape[1], block):
        part = slice(low, min(low + block, rows.shape[1]))
        # copies, because neighbouring numbers known to be so are what makes the loops fast
        own, limits = rows[:, part].copy(), bounds[:, part].copy()
        left, share = kept[:, part].copy(), mean[:, part].copy()
        draws, done = (start, first + low, event, sigma), 0
        if alone >= 0 and _apart(limits, kinds[alone], moved[alone, part], sigma):
            p = alone
            own_moved = moved[p, part].copy()
            done = _alone_trains(
                own, limits, kinds[p], own_moved, left[p], share[p], charge[p], count, draws, table
            )
        draws = start, first + low, event + done, sigma
        turns = count - done
        if turns:
            _turns(own, limits, kinds, begins, short, left, share, charge, turns, draws, table)
        rows[:, part] = own
