"""Trains of one short pulse, four turns at a time, which reads and writes the devices once.

The part of a pulse's mean that lies beyond a limit is a fraction here, right where a weight comes
from far away, from its limit and from a place between: the charge of a pulse that goes 5 % of the
way is good to 1e-7, and that of a train, where errors of both signs meet, to 1e-8. The weights
themselves are exact.

All is done in the precision of the table that numbers are taken from. In single precision twice as
many fit in an instruction. The way to a limit is then rounded once a pulse by less than 1e-7 of
itself, either way, and so is the share of it that is left: a train's weights and charge are good to
some 1e-6, where the table stands for a variation of some per cent.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim_backend.devices.kernels.draws import Draws, Floats, numbers, room

__all__ = ["alone_trains", "apart"]

Array = NDArray[np.float64]
Four = tuple[Floats, Floats, Floats, Floats]

#: a product and a sum may be rounded once instead of twice, and nothing else
_FUSED = {"contract"}
_NEVER_ZERO = 1e-30  # where a way stops: its square may be nothing, itself not
_WITHIN = 0.6  # share of a pulse beyond the limit at which the fraction is right
_ADDED = 64  # pulses whose sums are added up before they go to what holds all
_LONG = 1e-9  # of the way to the bound: less is lost in rounding here
_RARE = 4.5  # standard deviations: no number of the table is beyond, one exact number in 1e5 is


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
def apart(bounds: Array, kind: int, moved: Array, sigma: float) -> bool:
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
    noise, words, scratch = room(draws, 4, size, table)
    sums, totals = np.zeros((3, size), table.dtype), np.zeros((3, size))
    tiny = np.full(1, _NEVER_ZERO, table.dtype)
    while done + 4 <= count:
        xi = (
            numbers(draws, event + done + 1, table, words, scratch, noise[0]),
            numbers(draws, event + done + 2, table, words, scratch, noise[1]),
            numbers(draws, event + done + 3, table, words, scratch, noise[2]),
            numbers(draws, event + done + 4, table, words, scratch, noise[3]),
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
def alone_trains(
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
