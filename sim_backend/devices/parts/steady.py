"""Many equal turns of an element that soon settles.

For elements without random numbers in time (resistor, capacitor, diode): once a turn ends where it
began, all further ones are the same, and their charges are a product.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim_backend.devices.model import TALLY, Array, DeviceModel, Piece, State, turns_of

__all__ = ["repeat_steadily"]

_PEAK = TALLY.index("peak")
_SIDE = TALLY.index("side")
_SUMS = [k for k, name in enumerate(TALLY) if name not in ("side", "peak")]
_AGREES = 1e-14  # relative change of a state that is rounding


def repeat_steadily(
    model: DeviceModel, state: State, pieces: Sequence[Piece], count: int, temperature: float
) -> Array:
    """Take devices through the same pieces `count` times; the steady turns are one product.

    Turns are played until one ends in the state in which it began, to rounding.

    Parameters
    ----------
    model, state, pieces, count, temperature
        As for `DeviceModel.repeat`; nothing in the model is random in time.

    Returns
    -------
    ndarray
        Charge into each terminal over all turns, C, shape (terminals, devices).
    """
    total = np.zeros((len(model.terminals), state.devices))
    for done, _ in enumerate(turns_of(state, count), 1):
        before = state.values.copy()
        turn = np.zeros_like(total)
        for levels, duration in pieces:
            turn += model.advance(state, levels, duration, temperature, None)
        total += turn
        if _is_where_it_was(before, state.values):
            left = count - done
            state.values[_SUMS] += left * (state.values[_SUMS] - before[_SUMS])
            return total + left * turn
    return total


def _is_where_it_was(before: Array, after: Array) -> bool:
    rows = [_SIDE, _PEAK, *range(len(TALLY), len(after))]
    close = np.abs(after[rows] - before[rows]) <= _AGREES * np.abs(after[rows])
    return bool(np.all(close))
