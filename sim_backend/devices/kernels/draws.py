"""Normal numbers of events for neighbouring devices: looked up by key, or taken from a table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim_backend.devices.kernels.normals import SCRATCH, absorb_device, fill
from sim_backend.devices.kernels.random import absorb, mix

__all__ = ["Draws", "Floats", "numbers", "room"]

Array = NDArray[np.float64]
Floats = NDArray[Any]  # of the precision of the table
Words = NDArray[np.uint64]
#: first word of the stream, number of the first device and of the last event, relative variation
Draws = tuple[np.uint64, int, int, float]

_GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)
_LABEL = np.uint64(0)  # last part of the key of a step


@njit(cache=True)
def _place(start: np.uint64, first: int, event: int, size: int) -> np.int64:
    """Return where in a table, whose size is a power of two, the number of a device is."""
    word = mix(absorb(absorb(start, np.uint64(event)), _LABEL) + _GOLDEN)
    return np.int64((word + np.uint64(first)) & np.uint64(size - 1))


@njit(cache=True)
def room(draws: Draws, events: int, size: int, table: Floats) -> tuple[Floats, Words, Array]:
    """Return where numbers of events are put, the devices' words, and scratch to make them."""
    made = size if table.shape[0] == 0 and draws[3] > 0.0 else 0
    words = np.empty(made, np.uint64)
    absorb_device(draws[0], draws[1], words)
    noise = np.zeros((events, size), table.dtype)
    return noise, words, np.empty((SCRATCH, made))


@njit(cache=True)
def numbers(
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
