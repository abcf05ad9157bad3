"""Gaps on their way at a constant voltage, compiled; see `sim_backend.devices.rram_gap_travel`."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["move"]

Array = NDArray[np.float64]

_NEWTON = 40
_AGREES = 4e-16


@njit(cache=True)
def _value(at: Array, coefficients: Array, panel: int, x: float) -> float:
    a, b, c, d = coefficients[:, panel]
    value: float = at[panel] + x * (a + x * (b + x * (c + x * d)))
    return value


@njit(cache=True)
def _panel(marks: Array, value: float) -> int:
    last = marks.shape[0] - 2
    panel: int = min(max(np.searchsorted(marks, value, side="right") - 1, 0), last)
    return panel


@njit(cache=True)
def _share(rates: Array, panel: int, wanted: float) -> float:
    """Return the share of a panel at which a travel time is reached (Newton in a bracket)."""
    a, b, c, d = rates[:, panel]
    low, high = 0.0, 1.0
    x: float = min(max(wanted / max(a + b + c + d, 1e-300), 0.0), 1.0)
    for _ in range(_NEWTON):
        excess = x * (a + x * (b + x * (c + x * d))) - wanted
        low = x if excess <= 0.0 else low
        high = x if excess >= 0.0 else high
        slope = a + x * (2.0 * b + x * (3.0 * c + x * 4.0 * d))
        step = x - excess / slope if slope > 0.0 else x
        new = step if low < step < high else (low + high) / 2.0
        if abs(new - x) <= _AGREES:
            break
        x = new
    return x


@njit(cache=True)
def move(
    g: Array,
    durations: Array,
    edges: Array,
    times: Array,
    charges: Array,
    rates: Array,
    flows: Array,
    sense: float,
    scale: float,
    decay_length: float,
) -> tuple[Array, Array]:
    """Return gaps after a time, m, and the charges that have flowed, C.

    Parameters
    ----------
    g, durations
        As for `sim_backend.devices.rram_gap_travel.Travel.move`, shape (devices,).
    edges, times, charges, rates, flows
        Of the table.
    sense
        1 where the gap grows, -1 where it closes.
    scale, decay_length
        The current is scale exp(-g / decay_length), A and m.
    """
    after, passed = g.copy(), np.empty(g.shape[0])
    for k in range(g.shape[0]):
        if edges.shape[0] < 2 or g[k] > edges[-1]:  # the field is too low to move it
            passed[k] = scale * math.exp(-g[k] / decay_length) * durations[k]
            continue
        panel = _panel(edges, g[k])
        share = (g[k] - edges[panel]) / (edges[panel + 1] - edges[panel])
        begin = _value(times, rates, panel, share)
        end = min(max(begin + sense * durations[k], 0.0), times[-1])
        to = _panel(times, end)
        reached = _share(rates, to, end - times[to])
        after[k] = edges[to] + reached * (edges[to + 1] - edges[to])
        flowed = _value(charges, flows, to, reached) - _value(charges, flows, panel, share)
        waited = max(durations[k] - abs(end - begin), 0.0)
        passed[k] = sense * flowed + waited * scale * math.exp(-after[k] / decay_length)
    return after, passed
