"""Compiled motion of many domain walls: what `sim_backend.devices.domain_wall_track.push` says."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim_backend.devices.kernels.random import absorb, uniform

__all__ = ["push"]

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
#: place, whether flying, what is left of the number to be used up, departures so far
Wall = tuple[float, float, float, float]

_LARGEST = 700.0  # exponent that can be taken
_DRAWS = np.uint64(0xD3)


@njit(cache=True, error_model="numpy")
def _rate(x: float, stability: float, attempt: float, precession: float, exponent: float) -> float:
    """Return the rate of leaving at a share x of the depinning current, 1/s."""
    barrier = stability * max(1.0 - x, 0.0) ** exponent
    return math.exp(-min(barrier, _LARGEST)) / attempt + max(x - 1.0, 0.0) / precession


@njit(cache=True)
def _wait(word: np.uint64, departures: float, drawn: bool) -> float:
    """Return what the rate has to use up until the next departure."""
    return -math.log(uniform(absorb(word, np.uint64(departures)))) if drawn else 1.0


@njit(cache=True, error_model="numpy")
def _pushed(
    wall: Wall, track: tuple[float, float, float, float], law: tuple[float, float, float],
    way: float, size: float, speed: float, time: float, word: np.uint64, drawn: bool,
) -> tuple[Wall, float]:  # fmt: skip
    """Take one wall through a current above the critical one; also the integral of its place."""
    place, flying, left, departures = wall
    notches, depinning, taper, stability = track
    moment, ahead = 0.0, notches - 1.0 if way > 0 else 0.0
    for _ in range(2 * int(notches) + 2):
        if not time > 0.0 or (flying < 0.5 and place == ahead):
            break
        if flying < 0.5:
            share = place / (notches - 1.0) - 0.5
            each = _rate(size / (depinning * (1.0 + taper * share)), stability, *law)
            until = left / each
            spent = min(until, time)
            moment += spent * place
            if until <= time:
                flying, departures = 1.0, departures + 1.0
                left = _wait(word, departures, drawn)
            else:
                left -= each * spent
            time -= spent
        else:
            goal = math.floor(place) + 1.0 if way > 0 else math.ceil(place) - 1.0
            until = abs(goal - place) / speed
            spent, start = min(until, time), place
            if until <= time:
                place, flying = goal, 0.0
            else:
                place = start + way * speed * spent
            moment += spent * (start + place) / 2.0
            time -= spent
    return (place, flying, left, departures), moment + time * place


@njit(cache=True, error_model="numpy")
def push(
    place: Array, flying: Array, left: Array, departures: Array, track: Array, notches: float,
    taper: float, velocity: float, law: tuple[float, float, float], current: Array,
    duration: Array, numbers: Whole, start: np.uint64, drawn: bool,
) -> Array:  # fmt: skip
    """Take walls through a constant current, in place; returns the integral of the place, s.

    Parameters
    ----------
    place, flying, left, departures
        State of the walls, shape (devices,); changed in place.
    track
        Critical current and depinning current, A, and stability, shape (3, devices).
    notches, taper, velocity
        As in `sim_backend.devices.domain_wall_track.Track`.
    law
        Attempt time, s, precession time, s, and exponent of the barrier.
    current, duration
        A and s, shape (devices,).
    numbers, start, drawn
        Numbers of the devices, first word of the stream, and whether waits are drawn at all.
    """
    total = np.zeros(place.shape[0])
    for d in range(place.shape[0]):
        size, way = abs(current[d]), 1.0 if current[d] > 0 else -1.0
        critical, depinning = track[0, d], track[1, d]
        if not size > critical:
            if flying[d] > 0.5 and duration[d] > 0:
                place[d], flying[d] = np.rint(place[d]), 0.0
            total[d] = duration[d] * place[d]
            continue
        speed = velocity * (size - critical) / (depinning - critical)
        word = absorb(absorb(start, np.uint64(numbers[d])), _DRAWS)
        wall = place[d], flying[d], left[d], departures[d]
        of = notches, depinning, taper, track[2, d]
        wall, total[d] = _pushed(wall, of, law, way, size, speed, duration[d], word, drawn)
        place[d], flying[d], left[d], departures[d] = wall
    return total
