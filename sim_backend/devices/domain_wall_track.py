"""A domain wall in a notched track: it waits at a notch by chance and flies to the next.

A current I along the track pushes the wall. Below the critical current it does not move, and a wall
between two notches falls into the nearer one. Above it, a wall at a notch leaves at the rate::

    I < Id:  exp(-Delta(T) (1 - I / Id)^n) / tau0         I > Id:  1 / tau0 + (I / Id - 1) / taup

(`sim_backend.devices.mtj_junction.rate`) and a wall between notches moves at the velocity
v = vd (I - Ic) / (Id - Ic). It leaves when the rate, added up over time, has used up a number drawn
from an exponential distribution, looked up by (device, departures so far): however time is cut, it
leaves at the same moment. Without random numbers that number is 1, its mean.

At a constant current every moment is known in closed form; there are at most as many as notches.
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.kernels import kernels
from sim_backend.devices.model import Array, Stream
from sim_backend.devices.mtj_junction import Rates, rate
from sim_backend.devices.mtj_refresh import Whole

__all__ = ["Track", "Wall", "push", "waits"]

_DRAWS = 0xD3  # in the keys
_KERNEL = "sim_backend.devices.kernels.wall"
_MANY = 128  # walls from which compiled code pays


class Wall(NamedTuple):
    """State of the walls, each of shape (devices,): views, changed in place."""

    place: Array  #: in units of the distance between notches, from 0
    flying: Array  #: 1 between notches, 0 at one
    left: Array  #: of the number that the rate has to use up
    departures: Array  #: so far


class Track(NamedTuple):
    """What a current does in a track; arrays of shape (devices,)."""

    notches: int
    critical: Array  #: current below which nothing moves, A
    depinning: Array  #: current that takes the barrier of the middle notch away, A
    taper: float  #: relative rise of the depinning current from the first to the last notch
    velocity: float  #: at the depinning current, notches per s
    rates: Rates  #: of leaving; `critical` in it is not used


def waits(stream: Stream | None, number: Whole, departures: Array) -> Array:
    """Return what the rate has to use up until the next departure."""
    if stream is None:
        return np.ones(departures.shape)
    draws: Array = -np.log(stream.uniforms(number, _DRAWS, departures.astype(np.int64)))
    return draws


def push(
    wall: Wall, track: Track, current: Array, duration: Array, stream: Stream | None, number: Whole
) -> Array:
    """Take walls through a constant current, in place.

    Parameters
    ----------
    wall, track
        Of all devices.
    current
        Along the track, A; positive towards the last notch. Shape (devices,).
    duration
        s, shape (devices,).
    stream, number
        Where the draws are, None for none, and the numbers of the devices.

    Returns
    -------
    ndarray
        Integral of the place over the duration, s.
    """
    fast = kernels(_KERNEL) if current.size >= _MANY else None
    if fast is not None:
        return _push_all(fast, wall, track, current, duration, stream, number)
    size, way = abs(current), np.sign(current)
    driven = size > track.critical
    _settle(wall, ~driven & (duration > 0))
    time, moment = np.where(driven, duration, 0.0), np.zeros_like(size)
    speed = track.velocity * (size - track.critical) / (track.depinning - track.critical)
    ahead = np.where(way > 0, track.notches - 1.0, 0.0)
    for _ in range(2 * track.notches + 2):
        waiting = (time > 0) & (wall.flying < 0.5) & (wall.place != ahead)
        if waiting.any():
            _wait(wall, track, size, waiting, time, moment, stream, number)
        moving = (time > 0) & (wall.flying > 0.5)
        if moving.any():
            _fly(wall, speed, way, moving, time, moment)
        if not (waiting | moving).any():
            break
    rest = np.where(driven, time, duration)
    total: Array = moment + rest * wall.place
    return total


def _push_all(
    fast: ModuleType, wall: Wall, track: Track, current: Array, duration: Array,
    stream: Stream | None, number: Whole,
) -> Array:  # fmt: skip
    """Do the same compiled, wall by wall."""
    of = np.vstack([track.critical, track.depinning, track.rates.stability])
    law = float(track.rates.attempt), float(track.rates.precession), float(track.rates.exponent)
    start = np.uint64(0 if stream is None else stream.start)
    total: Array = fast.push(
        *wall, of, float(track.notches), float(track.taper), float(track.velocity), law, current,
        duration, number, start, stream is not None,
    )  # fmt: skip
    return total


def _settle(wall: Wall, where: NDArray[np.bool_]) -> None:
    """Let walls fall into the nearer notch."""
    loose = where & (wall.flying > 0.5)
    wall.place[loose] = np.rint(wall.place[loose])
    wall.flying[loose] = 0.0


def _wait(
    wall: Wall,
    track: Track,
    size: Array,
    waiting: NDArray[np.bool_],
    time: Array,
    moment: Array,
    stream: Stream | None,
    number: Whole,
) -> None:
    """Let walls at a notch wait until they leave or the time is over."""
    k = np.flatnonzero(waiting)
    middle = wall.place[k] / (track.notches - 1.0) - 0.5
    rates = track.rates._replace(stability=track.rates.stability[k])
    each = rate(size[k] / (track.depinning[k] * (1.0 + track.taper * middle)), rates)
    until = wall.left[k] / each
    leaves = until <= time[k]
    spent = np.where(leaves, until, time[k])
    moment[k] += spent * wall.place[k]
    wall.left[k] = np.where(leaves, 0.0, wall.left[k] - each * spent)
    time[k] -= spent
    gone = k[leaves]
    wall.flying[gone] = 1.0
    wall.departures[gone] += 1.0
    wall.left[gone] = waits(stream, number[gone], wall.departures[gone])


def _fly(
    wall: Wall, speed: Array, way: Array, moving: NDArray[np.bool_], time: Array, moment: Array
) -> None:
    """Let walls between notches fly until they arrive or the time is over."""
    k = np.flatnonzero(moving)
    start = wall.place[k]
    goal = np.where(way[k] > 0, np.floor(start) + 1.0, np.ceil(start) - 1.0)
    until = abs(goal - start) / speed[k]
    arrives = until <= time[k]
    spent = np.where(arrives, until, time[k])
    wall.place[k] = np.where(arrives, goal, start + way[k] * speed[k] * spent)
    wall.flying[k] = np.where(arrives, 0.0, 1.0)
    moment[k] += spent * (start + wall.place[k]) / 2.0
    time[k] -= spent
