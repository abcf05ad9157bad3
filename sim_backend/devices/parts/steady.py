"""Tally of a two-terminal element, and many equal turns of one that soon settles.

For elements without random numbers in time (resistor, capacitor, diode): once a turn ends where it
began, all further ones are the same, and their charges are a product.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim_backend.devices.model import TALLY, Array, DeviceModel, Piece, State, excursions

__all__ = ["count", "repeat_steadily"]

_PEAK = TALLY.index("peak")
_SIDE = TALLY.index("side")
_SUMS = [k for k, name in enumerate(TALLY) if name not in ("side", "peak")]
_AGREES = 1e-14  # relative change of a state that is rounding


def count(
    state: State, first: float, last: float, threshold: float, charge: Array, throughput: Array
) -> None:
    """Keep the tally over a straight line of the voltage, which all devices see.

    Parameters
    ----------
    state
        Changed in place.
    first, last
        Voltage across the devices at the ends, V.
    threshold
        Above which an excursion is counted, V.
    charge, throughput
        Integrals of the current and of its magnitude, C, shape (devices,).
    """
    side = float(state.values[_SIDE, 0])
    positive, negative, side = excursions(side, first, last, threshold)
    state.row("positive")[:] += positive
    state.row("negative")[:] += negative
    state.values[_SIDE] = side
    state.row("charge")[:] += charge
    state.row("throughput")[:] += throughput
    np.maximum(state.values[_PEAK], max(abs(first), abs(last)), out=state.values[_PEAK])


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
    for done in range(1, count + 1):
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
