"""Trains of pulses on an array of `sim_backend.devices.rram_array`, all at once.

Where every piece of a turn is a constant level above the threshold or zero, a pulse on a cell is a
handful of multiplications whose factors are the same in every turn. They are worked out once here
and played by the compiled kernel, or by numpy where there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.kernels import kernels
from sim_backend.devices.model import Array, Piece, State, Stream, ends
from sim_backend.devices.parts.retention import retention_times
from sim_backend.devices.parts.updates import soft_bound, soft_bound_mean
from sim_backend.devices.stream import normal_table, single_table

if TYPE_CHECKING:
    from sim_backend.devices.rram_array import ArrayCell

__all__ = ["play"]

_KERNELS = "sim_backend.devices.kernels.updates"
_FADES = 1e-12  # retention times of a train up to which nothing is lost in it
_TINY = 1e-300
_WORTH = 2000  # device-pulses from which a train is worth setting up
_SHORT = 0.06  # of the way to the bound: up to there the kernel's series gives the charge to 1e-7
#: spread of a pulse, as a share of the way to its goal, from which single precision follows it: a
#: whole way is then no more than some thousand spreads
_COARSE = 1e-3

Whole = NDArray[np.int64]


class _Turn(NamedTuple):
    """One turn, ready to be played; `kernels.updates` says what the arrays are."""

    kinds: Whole
    begins: Whole
    moved: Array
    kept: Array
    mean: Array
    short: NDArray[np.bool_]
    volatile: Array
    charge: Array


def play(
    model: ArrayCell,
    state: State,
    pieces: Sequence[Piece],
    count: int,
    temperature: float,
    stream: Stream | None,
) -> Array | None:
    """Play a train; returns the charges, or None where this way is not open or not worth while."""
    flickers = state.noise is not None and model.parameters.noise_sigma > 0
    if model.parameters.gamma or flickers or count * len(pieces) * state.devices < _WORTH:
        return None
    if not _alike(model, state, pieces):
        return None
    if not _above_floor(model, state, pieces):
        return None
    rest = sum(duration for levels, duration in pieces if _line((levels, duration))[0] == 0.0)
    if retention_times(model.parameters, rest * count, temperature) > _FADES:
        return None
    model.renew(state)
    turn = _turn(model, state, pieces, temperature)
    w = state.names.index("w")
    rows = np.vstack([state.values[w], np.zeros((2, state.devices))])
    _play(model, state, turn, rows, count, stream)
    for name, factors in zip(
        ("v1", "v2"), (turn.volatile[:, :4], turn.volatile[:, 4:]), strict=True
    ):
        v = state.row(name)
        a, b, *parts = _volatile(turn, factors, count)
        rows[1] += parts[0] * v + parts[1]
        rows[2] += parts[2] * v + parts[3]
        v[:] = a * v + b
    state.values[w] = rows[0]
    _book(state, pieces, turn, rows, count)
    state.row("temperature")[:] = temperature
    if turn.kinds[-1] >= 0 and _line(pieces[-1])[0] == 0.0:
        state.row("faded")[:] = retention_times(model.parameters, pieces[-1][1], temperature)
    model.draw_step(state, stream)
    model.draw_write(state, stream)
    total = rows[1] + rows[2]
    return np.stack([total, -total])


def _volatile(turn: _Turn, factors: Array, count: int) -> list[float]:
    """Follow one volatile weight, the same for all devices; see `kernels.updates.volatile`."""
    fast = kernels(_KERNELS)
    if fast is not None:
        follow = fast.volatile
        found: list[float] = follow(
            turn.kinds, np.ascontiguousarray(factors), turn.charge[:, 1].copy(), count
        ).tolist()
        return found
    a, b, parts = 1.0, 0.0, [0.0] * 4
    steps = list(
        zip(turn.kinds.tolist(), factors.tolist(), turn.charge[:, 1].tolist(), strict=True)
    )
    for _ in range(count):
        for kind, (left, goal, mean, after), unit in steps:
            if kind >= 0:
                parts[2 * kind] += unit * mean * a
                parts[2 * kind + 1] += unit * (goal + (b - goal) * mean)
                a, b = a * left, goal + (b - goal) * left
            a, b = a * after, b * after
    return [a, b, *parts]


def _alike(model: ArrayCell, state: State, pieces: Sequence[Piece]) -> bool:
    """Whether every piece is constant, above the threshold or zero, and every turn is alike."""
    lines = [_line(piece) for piece in pieces]
    if any(first != last or 0 < abs(first) <= model.threshold for first, last in lines):
        return False
    apart = lines[0][0] == 0.0 or (lines[-1][0] == 0.0 and state.row("side")[0] == 0)
    return apart and all(duration > 0 for _, duration in pieces)


def _above_floor(model: ArrayCell, state: State, pieces: Sequence[Piece]) -> bool:
    """Whether no cell can get to the least conductance, where it is no longer linear."""
    p, falls = model.parameters, any(_line(piece)[0] < 0 for piece in pieces)
    least = float(model.bounds(state)[0].min())
    for name, depth in (("v1", p.m1), ("v2", p.m2)):
        least += min(float(state.row(name).min()), -depth if falls else 0.0)
    return least >= model.floor


def _line(piece: Piece) -> tuple[float, float]:
    top, bottom = (ends(piece[0].get(name, 0.0)) for name in ("top", "bottom"))
    return top[0] - bottom[0], top[1] - bottom[1]


def _turn(model: ArrayCell, state: State, pieces: Sequence[Piece], temperature: float) -> _Turn:
    """Work out what every piece does to every cell; a rest is part of the pulse before it."""
    kinds: list[int] = []
    volatile: list[Array] = []
    begins, moves, charge = [], [], []
    nothing, side = np.ones(state.devices), 0
    for piece in pieces:
        voltage, duration = _line(piece)[0], piece[1]
        before, side = side, int(np.sign(voltage))
        rate = model.rate(voltage, voltage) if side else 0.0
        one, two = model.volatile(rate, side, duration, temperature)
        if not side and kinds:
            volatile[-1][[3, 7]] *= one[0], two[0]
            continue
        left = (1.0, 1.0) if side else (one[0], two[0])
        moved = model.approach(state, side) * (rate * duration) if side else nothing
        kinds.append({1: 1, -1: 0, 0: -1}[side])
        begins.append(int(side not in (0, before)))
        moves.append(moved)
        volatile.append(np.array([*one, left[0], *two, left[1]]))
        charge.append(np.array(model.scale) * (voltage * duration))
    moved = np.array(moves)
    gone = -np.expm1(-moved)
    mean = np.where(moved > _TINY, gone / np.maximum(moved, _TINY), 1.0)
    short = moved.max(axis=1) <= _SHORT
    parts = kinds, begins, moved, 1.0 - gone, mean, short, volatile, charge
    return _Turn(*map(np.array, parts))


def _book(state: State, pieces: Sequence[Piece], turn: _Turn, rows: Array, count: int) -> None:
    """Add a train to the tally and to what every state keeps."""
    levels = [_line(piece)[0] for piece in pieces]
    begun = turn.kinds[turn.begins > 0].tolist()
    for name, kind in (("positive", 1), ("negative", 0)):
        if kind in begun:
            state.row(name)[:] += count * begun.count(kind)
    state.row("events")[:] += count * len(begun)
    state.row("side")[:] = np.sign(levels[-1])
    state.row("charge")[:] += rows[1] + rows[2]
    state.row("throughput")[:] += rows[2] - rows[1]
    np.maximum(state.row("peak"), max(map(abs, levels)), out=state.row("peak"))
    state.row("age")[:] += count * sum(duration for _, duration in pieces)
    state.row("control")[:] = levels[-1]


def _play(
    model: ArrayCell, state: State, turn: _Turn, rows: Array, count: int, stream: Stream | None
) -> None:
    """Move the rows (w, charge out of and into the top) through a train."""
    sigma = model.parameters.cycle_sigma if stream is not None else 0.0
    bounds, event = model.bounds(state), int(state.row("events")[0])
    if sigma == 0.0:
        _play_alike(turn, bounds, rows, count)
        return
    fast = kernels(_KERNELS)
    if fast is not None:
        table = _table(turn, sigma, stream)
        start = np.uint64(0 if stream is None else stream.start)
        draws = start, state.first, event, float(sigma)
        fast.train(rows, bounds, *turn[:6], turn.charge, count, draws, table)
        return
    numbers, aims = state.numbers, list(bounds)
    for _ in range(count):
        for k, kind in enumerate(turn.kinds.tolist()):
            if turn.begins[k]:
                event += 1
                if stream is not None:
                    aims[kind] = bounds[kind] * (1.0 + sigma * stream.normals(numbers, event, 0))
            _pulse(turn, k, aims[kind], bounds, rows)


def _table(turn: _Turn, sigma: float, stream: Stream | None) -> NDArray[np.floating[Any]]:
    """Return the table of normal numbers that a train takes; an empty one where it takes none."""
    if stream is None or not stream.table:
        return np.zeros(0)
    pulses = turn.moved[turn.kinds >= 0]
    return single_table() if pulses.min() * sigma > _COARSE else normal_table()


def _play_alike(turn: _Turn, bounds: Array, rows: Array, count: int) -> None:
    """Move the rows through turns without variation, which are all the same: w <- a w + b.

    No weight passes its limit then, so the turns add up as a geometric series.
    """
    a, b, moved = np.ones(rows.shape[1]), np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
    parts = []
    for kind, way, charge in zip(turn.kinds.tolist(), turn.moved, turn.charge, strict=True):
        if kind >= 0:
            gone, moved = -np.expm1(-way), moved + way
            mean = np.where(way > 0.0, gone / np.maximum(way, _TINY), 1.0)
            # of the weight before the turn, and of 1: what the mean of this piece is made of
            parts.append((kind, charge, a * mean, bounds[kind] + (b - bounds[kind]) * mean))
            a, b = a * (1.0 - gone), b + (bounds[kind] - b) * gone
    there = moved * count > _TINY
    turned, whole = -np.expm1(-moved), -np.expm1(-moved * count)
    goal = np.where(there, b / np.where(there, turned, 1.0), rows[0])
    begun = count * goal + (rows[0] - goal) * np.where(
        there, whole / np.where(there, turned, 1.0), count
    )
    for kind, charge, of_weight, plain in parts:
        rows[1 + kind] += charge[0] * count + charge[1] * (of_weight * begun + plain * count)
    rows[0] = goal + (rows[0] - goal) * np.exp(-moved * count)


def _pulse(turn: _Turn, k: int, aim: Array, bounds: Array, rows: Array) -> None:
    """Do in numpy what the kernel does with one piece."""
    if turn.kinds[k] < 0:
        return
    w, charge = rows[0], rows[1 + turn.kinds[k]]
    moved = turn.moved[k]
    mean = soft_bound_mean(w, aim, moved, bounds[0], bounds[1])
    charge += turn.charge[k, 0] + turn.charge[k, 1] * mean
    w[:] = np.clip(soft_bound(w, aim, moved), bounds[0], bounds[1])
