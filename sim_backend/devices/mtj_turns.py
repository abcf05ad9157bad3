"""Many equal turns of tunnel junctions: what a turn does, and what is left of all of them.

Without spread from cycle to cycle every turn moves the clock of a junction by the same amount. The
state after any number of turns is what the last refresh in them drew, and the share to which it was
drawn is that of the line in which it lies, the same in every turn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim_backend.devices.model import Array, Piece, ends
from sim_backend.devices.mtj_junction import Rates, Switching, panels, switching
from sim_backend.devices.mtj_refresh import last_draw
from sim_backend.devices.stream import Words

__all__ = ["clock_of", "fluxes", "found", "lines_of"]


def _line(piece: Piece) -> tuple[float, float, float]:
    top, bottom = (ends(piece[0].get(name, 0.0)) for name in ("top", "bottom"))
    return top[0] - bottom[0], top[1] - bottom[1], piece[1]


def lines_of(pieces: Sequence[Piece], rates: Rates) -> list[Switching]:
    """Return what every line of a turn does to the junctions.

    Parameters
    ----------
    pieces
        One turn.
    rates
        Of all devices, the same in every turn.
    """
    lines = [line for piece in pieces if piece[1] > 0 for line in panels(*_line(piece))]
    return [switching(*line, rates) for line in lines]


def clock_of(turn: Sequence[Switching]) -> Array:
    """Return how far a turn moves the clock of each device."""
    clock: Array = np.sum([passed.clock for passed in turn], axis=0)
    return clock


def fluxes(pieces: Sequence[Piece]) -> tuple[float, float]:
    """Return the integrals of the voltage and of its magnitude over a turn, V s."""
    lines = [line for piece in pieces if piece[1] > 0 for line in panels(*_line(piece))]
    parts = [(first + last) / 2 * length for first, last, length in lines]
    return sum(parts), sum(map(abs, parts))


def found(
    words: Words, cell: Array, clock: Array, up: Array, turn: Sequence[Switching], turns: int
) -> Array:
    """Return which junctions are parallel after turns.

    Parameters
    ----------
    words
        From `sim_backend.devices.mtj_refresh.words_of`, raveled.
    cell, clock
        Readings of the clocks at the beginning, shape (devices,).
    up
        Which junctions are parallel then, shape (junctions, devices).
    turn, turns
        What the lines of a turn do, and how many turns.
    """

    def flat(row: Array) -> Array:
        return np.broadcast_to(row, up.shape).ravel()

    one = flat(clock_of(turn))
    ago, draw = last_draw(words, flat(cell), flat(clock), turns * one)
    known = ~np.isnan(ago)
    inside = one - np.mod(np.where(known, ago, 0.0), np.maximum(one, 1e-300))
    share, until = flat(turn[0].share).copy(), np.zeros(up.size)
    for passed in turn:
        share = np.where(inside > until, flat(passed.share), share)
        until = until + flat(passed.clock)
    after = np.where(known, draw < share, up.ravel() > 0.5)
    return after.reshape(up.shape).astype(np.float64)
