"""Trains of gate pulses on many electrochemical memories; see `sim_backend.devices.ecram`.

The turns run outside and the devices inside; random numbers are looked up by (device, event, label)
as the plain path does.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim_backend.devices.kernels.random import absorb, normal

__all__ = ["train"]

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

_VOLATILE, _LASTING = np.uint64(0), np.uint64(1)


@njit(cache=True)
def _factors(
    rows: Array, event: int, first: int, start: np.uint64, spike_sigma: float, write_sigma: float
) -> None:
    """Draw the factors of an event that begins, for every device."""
    for d in range(rows.shape[1]):
        word = absorb(absorb(start, np.uint64(first + d)), np.uint64(event))
        if spike_sigma > 0.0:
            rows[2, d] = max(1.0 + spike_sigma * normal(absorb(word, _VOLATILE)), 0.0)
        if write_sigma > 0.0:
            rows[3, d] = 1.0 + write_sigma * normal(absorb(word, _LASTING))


@njit(cache=True)
def _solve(rows: Array, rates: Array, ceiling: float, duration: float, maps: Array) -> None:
    """Write a piece as r -> a r + b and w -> c w + d, for the factors of the event that lasts."""
    for k in range(rows.shape[1]):
        drive = rates[0, k] * rows[2, k]
        pace = rates[2, k] * rows[3, k]
        fall = drive + rates[1, k]
        maps[0, k] = math.exp(-fall * duration)
        maps[1, k] = ceiling * drive / fall * (1.0 - maps[0, k])
        turns = (pace * rates[3, k] + rates[4, k]) * duration
        share = -math.expm1(-turns) / turns if abs(turns) > 1e-12 else 1.0
        maps[2, k] = math.exp(-turns)
        maps[3, k] = pace * duration * share


@njit(cache=True)
def _move(rows: Array, maps: Array, bounds: Array) -> None:
    """Take every device through one piece."""
    for k in range(rows.shape[1]):
        rows[1, k] = maps[0, k] * rows[1, k] + maps[1, k]
        w = maps[2, k] * rows[0, k] + maps[3, k]
        rows[0, k] = min(max(w, bounds[0, k]), bounds[1, k])


@njit(cache=True)
def train(
    rows: Array,
    rates: Array,
    ceilings: Array,
    durations: Array,
    begins: Whole,
    bounds: Array,
    count: int,
    event: int,
    first: int,
    start: np.uint64,
    spike_sigma: float,
    write_sigma: float,
) -> None:
    """Take devices through `count` turns of constant levels.

    Parameters
    ----------
    rows
        Shape (4, devices): w, r and the factors of the last event on r and on w. Changed in place.
    rates
        Shape (pieces, 5, devices): drive and relaxation of r, pace, slope and fading of w.
    ceilings, durations
        For each piece: where r is driven, Ohm, and its length, s.
    begins
        For each piece: 1 where an event begins.
    bounds
        Shape (2, devices): least and largest w.
    count, event
        Turns, and number of the last event before them.
    first, start
        Number of the first device, first word of the stream.
    spike_sigma, write_sigma
        Of the two factors; 0 where there is no variation.
    """
    pieces, varied = rates.shape[0], spike_sigma > 0.0 or write_sigma > 0.0
    maps = np.empty((pieces, 4, rows.shape[1]))
    driven = np.zeros(pieces, np.bool_)
    for p in range(pieces):
        driven[p] = rates[p, 0].any() or rates[p, 2].any()
        _solve(rows, rates[p], ceilings[p], durations[p], maps[p])
    for _ in range(count):
        for p in range(pieces):
            if begins[p]:
                event += 1
                _factors(rows, event, first, start, spike_sigma, write_sigma)
            if varied and driven[p]:
                _solve(rows, rates[p], ceilings[p], durations[p], maps[p])
            _move(rows, maps[p], bounds)
