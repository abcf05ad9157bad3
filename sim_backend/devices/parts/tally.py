"""The tally of a device: what was really done to it, in the first rows of every state."""

from __future__ import annotations

import numpy as np

from sim_backend.devices.model import TALLY, Array, State, excursions

__all__ = ["book", "count"]

_PEAK = TALLY.index("peak")
_SIDE = TALLY.index("side")


def count(state: State, first: float, last: float, threshold: float) -> int:
    """Count what begins on a straight line of the voltage, which all devices see.

    Parameters
    ----------
    state
        Changed in place.
    first, last
        Voltage across the devices, or at their control, at the ends, V.
    threshold
        Above which an excursion is counted, V.

    Returns
    -------
    int
        Excursions begun, of either polarity.
    """
    rows = state.values
    positive, negative, side = excursions(float(rows[_SIDE, 0]), first, last, threshold)
    if positive or negative:
        state.row("positive")[:] += positive
        state.row("negative")[:] += negative
    rows[_SIDE] = side
    np.maximum(rows[_PEAK], max(abs(first), abs(last)), out=rows[_PEAK])
    return positive + negative


def book(state: State, charge: Array, throughput: Array | None = None) -> None:
    """Add the charge into the first terminal, and the integral of the current's magnitude.

    Parameters
    ----------
    state
        Changed in place.
    charge
        C, shape (devices,).
    throughput
        C; without it the magnitude of the charge, for a current that keeps its sign.
    """
    state.row("charge")[:] += charge
    state.row("throughput")[:] += np.abs(charge) if throughput is None else throughput
