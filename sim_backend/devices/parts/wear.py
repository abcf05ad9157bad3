"""Wear: what cycles, stress and forming do to a device for good.

Everything here is a function of counts and sums (cycles done, damage done, highest voltage seen)
and of numbers that each device was given when it was made, so a billion identical cycles are one
step: add the count, add the damage of one turn times the count.

`Wear` holds the parameters under the names that families use, `Life` those of the end of a life
alone; a family's parameters may inherit one of them.
A parameter of 0 turns its part off.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from labctl.units import Ratio, Second, Volt
from sim_backend.devices.family import Conditions
from sim_backend.devices.model import Array, Stream

__all__ = [
    "Life", "Wear", "closing", "damage", "endurance", "formed", "forming_voltage", "life", "onset",
    "standing", "sticks_low", "turns_left", "worn",
]  # fmt: skip

_LIFE, _SIDE, _DAMAGE, _FORMING = 0xE1, 0xE2, 0xE3, 0xE4  # in the keys
_LARGEST = 690.0  # exponent

Flags = NDArray[np.bool_]


class Life(Conditions):
    """How long devices live; for ever unless given."""

    life_cycles: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="cycles after which 63 % of the devices are stuck; 0 for never"
    )
    life_shape: Annotated[Ratio, Gt(0)] = Field(
        1.0, description="Weibull shape of the number of cycles"
    )
    stuck_low: Annotated[Ratio, Ge(0), Le(1)] = Field(
        0.5, description="share of the stuck devices that are stuck at low resistance"
    )


class Wear(Life):
    """How devices wear out; all off unless given."""

    closing_cycles: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="cycles after which the window closes; 0 for never"
    )
    closing_high: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="decades by which HRS falls per decade of cycles"
    )
    closing_low: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="decades by which LRS rises per decade of cycles"
    )
    breakdown_time: Annotated[Second, Ge(0)] = Field(
        0.0, description="time to breakdown of 63 % at the breakdown voltage; 0 for never"
    )
    breakdown_voltage: Annotated[Volt, Ge(0)] = Field(
        0.0, description="voltage at which the time to breakdown is given"
    )
    breakdown_scale: Annotated[Volt, Gt(0)] = Field(
        0.1, description="voltage that makes breakdown e times earlier"
    )
    breakdown_shape: Annotated[Ratio, Gt(0)] = Field(
        1.0, description="Weibull shape of the time to breakdown"
    )
    forming_scale: Annotated[Volt, Ge(0)] = Field(
        0.0, description="voltage that forms 63 % of the devices; 0 for none needed"
    )
    forming_shape: Annotated[Ratio, Gt(0)] = Field(
        10.0, description="Weibull shape of the forming voltage"
    )


def _weibull(
    stream: Stream | None, numbers: ArrayLike, scale: ArrayLike, shape: ArrayLike, label: int
) -> Array:
    """Draw from P(x) = 1 - exp(-(x / scale)^shape); the scale itself without a stream."""
    nominal = np.broadcast_to(np.asarray(scale, np.float64), np.shape(numbers)).copy()
    if stream is None:
        return nominal
    spread = -np.log(stream.uniforms(numbers, label))
    return np.multiply(nominal, spread ** (1.0 / np.asarray(shape, np.float64)))


def life(stream: Stream | None, numbers: ArrayLike, scale: ArrayLike, shape: ArrayLike) -> Array:
    """Draw how many cycles each device lives (Weibull).

    Parameters
    ----------
    stream
        That of `DeviceModel.fresh`, so that a device keeps its life; None gives the scale.
    numbers
        Numbers of the devices.
    scale
        Cycles after which 63 % have failed; 0 for never, which gives infinity.
    shape
        Weibull shape: 1 for failures at random, more for wear-out.
    """
    cycles = np.asarray(scale, np.float64)
    return _weibull(stream, numbers, np.where(cycles > 0, cycles, np.inf), shape, _LIFE)


def sticks_low(stream: Stream | None, numbers: ArrayLike, share: ArrayLike) -> Flags:
    """Draw which devices will be stuck at low resistance when their life is over.

    Parameters
    ----------
    stream, numbers
        As for `life`.
    share
        Probability; without a stream those above one half.
    """
    probability = np.broadcast_to(np.asarray(share, np.float64), np.shape(numbers))
    if stream is None:
        return np.asarray(probability > 0.5)
    return np.asarray(stream.uniforms(numbers, _SIDE) < probability)


def worn(
    g: ArrayLike, cycles: ArrayLike, lives: ArrayLike, low: ArrayLike, on: ArrayLike, off: ArrayLike
) -> Array:
    """Return conductances, those of devices past their life stuck.

    Parameters
    ----------
    g
        As they would be, S.
    cycles, lives
        Done so far, and what `life` drew.
    low
        What `sticks_low` drew.
    on, off
        Conductance of a device stuck at low and at high resistance, S.
    """
    dead = np.asarray(cycles, np.float64) >= np.asarray(lives, np.float64)
    stuck = np.where(low, np.asarray(on, np.float64), np.asarray(off, np.float64))
    return np.where(dead, stuck, np.asarray(g, np.float64))


def onset(
    p0: ArrayLike,
    p1: ArrayLike,
    p2: ArrayLike,
    size: ArrayLike,
    temperature: ArrayLike,
    reference: ArrayLike = 298.0,
) -> Array:
    """Return after how many cycles (or seconds, at rest) a metal-oxide cell begins to fail.

    p0 exp(p1 size + p2 min(T0 / T, 1)): Lammie, Rahimi Azghadi and Ielmini, Semicond. Sci. Technol.
    36, 065003 (2021), 10.1088/1361-6641/abf29d.

    Parameters
    ----------
    p0, p1, p2, size
        Constants of the stack, p1 in 1/nm, and size of the cell, nm.
    temperature, reference
        T and T0, K.
    """
    cold = np.asarray(reference, np.float64) / np.asarray(temperature, np.float64)
    warmth = np.asarray(p2, np.float64) * np.minimum(cold, 1.0)
    exponent = np.clip(np.multiply(p1, size) + warmth, -_LARGEST, _LARGEST)
    return np.asarray(p0, np.float64) * np.exp(exponent)


def closing(cycles: ArrayLike, start: ArrayLike, exponent: ArrayLike) -> Array:
    """Return the factor on a resistance whose window closes: (cycles / start)^exponent.

    Lammie et al. (see `onset`), gradual mode: a straight line in the logarithms after the onset, 1
    before.

    Parameters
    ----------
    cycles
        Done so far.
    start
        Onset; 0 for never.
    exponent
        Negative for HRS, positive for LRS.
    """
    begin = np.asarray(start, np.float64)
    ratio = np.asarray(cycles, np.float64) / np.where(begin > 0, begin, np.inf)
    return np.power(np.maximum(ratio, 1.0), np.asarray(exponent, np.float64))


def damage(
    first: ArrayLike,
    last: ArrayLike,
    duration: ArrayLike,
    time: ArrayLike,
    voltage: ArrayLike,
    scale: ArrayLike,
) -> Array:
    """Return the share of a dielectric's life that a straight line of the voltage takes.

    A constant voltage V breaks 63 % of the devices after::

        t(V) = time exp(voltage / scale) / (2 sinh(|V| / scale))

    That is the exponential law of field acceleration, time exp(-(|V| - voltage) / scale) (McPherson
    and Mogul, J. Appl. Phys. 84, 1513, 1998, 10.1063/1.368217), for |V| above `scale`: the field
    lowers the barrier that a bond crosses when it breaks. It raises that of the way back by as
    much, and what counts is the difference of the two rates (Eyring, J. Chem. Phys. 4, 283, 1936,
    10.1063/1.1749836). Without a field they are equal and nothing wears, however long it lasts.
    Shares add up, so the damage is the integral of dt / t(V), in closed form.

    Parameters
    ----------
    first, last, duration
        Voltages at the ends, V, and length, s.
    time
        To breakdown at `voltage` (some times `scale`), s; 0 for never, which gives no damage.
    voltage, scale
        V.
    """
    whole = np.asarray(time, np.float64)
    rate = np.divide(duration, np.where(whole > 0, whole, np.inf))
    a, b = np.asarray(first, np.float64), np.asarray(last, np.float64)
    return np.multiply(rate, _mean_rate(a, b, np.asarray(voltage, np.float64), scale))


def _mean_rate(a: Array, b: Array, voltage: Array, scale: ArrayLike) -> Array:
    """Return the mean of 2 exp(-voltage / scale) sinh(|V| / scale) over a straight line."""
    width, zero = np.asarray(scale, np.float64), np.zeros(())
    up, down = np.abs(a), np.abs(b)
    if not np.any(a * b < 0):
        return _mean_net(up, down, voltage, width)
    # of a line through zero, each side takes its share of the time
    split = up / np.maximum(up + down, 1e-300)
    parts = split * _mean_net(up, zero, voltage, width)
    parts = parts + (1.0 - split) * _mean_net(down, zero, voltage, width)
    return np.where(a * b < 0, parts, _mean_net(up, down, voltage, width))


def _mean_net(a: Array, b: Array, voltage: Array, scale: Array) -> Array:
    """Return the mean of exp((x - voltage) / scale) - exp((-x - voltage) / scale), x from a to b.

    Of the first term alone it is exp(largest) (1 - exp(-span)) / span; the way back takes away
    exp(-(a + b) / scale) of that.
    """
    top = np.clip((np.maximum(a, b) - voltage) / scale, -_LARGEST, _LARGEST)
    span = np.abs(a - b) / scale
    share = np.where(span > 0, -np.expm1(-span) / np.where(span > 0, span, 1.0), 1.0)
    mean: Array = np.exp(top) * share * -np.expm1(-(a + b) / scale)
    return mean


def endurance(stream: Stream | None, numbers: ArrayLike, shape: ArrayLike) -> Array:
    """Draw the damage that each device stands before it breaks down (Weibull, scale 1).

    Parameters
    ----------
    stream, numbers
        As for `life`.
    shape
        Weibull shape of the time to breakdown at constant voltage.
    """
    return _weibull(stream, numbers, 1.0, shape, _DAMAGE)


def standing(done: ArrayLike, each: ArrayLike, limit: ArrayLike) -> Array:
    """Return the share of a stretch that passes before a device breaks down, 1 where it stands.

    Parameters
    ----------
    done
        Damage at the beginning.
    each
        What the stretch adds, evenly over its time.
    limit
        At which the device breaks down.

    Examples
    --------
    >>> standing([0.0, 0.5, 2.0], 1.0, 1.0).tolist()
    [1.0, 0.5, 0.0]
    """
    before, added = np.asarray(done, np.float64), np.asarray(each, np.float64)
    left = np.maximum(np.asarray(limit, np.float64) - before, 0.0)
    breaks = np.where(added > 0, left < added, left <= 0)
    return np.where(breaks, left / np.where(added > 0, added, 1.0), 1.0)


def turns_left(done: ArrayLike, each: ArrayLike, limit: ArrayLike) -> Array:
    """Return how many more identical turns can be done before a limit is reached.

    Parameters
    ----------
    done
        Cycles or damage so far.
    each
        What one turn adds; 0 for nothing.
    limit
        At which the device fails.

    Returns
    -------
    ndarray
        Whole turns after which it has not failed yet; infinite where it never will.
    """
    left = np.maximum(np.asarray(limit, np.float64) - np.asarray(done, np.float64), 0.0)
    step = np.asarray(each, np.float64)
    turns = np.ceil(left / np.where(step > 0, step, 1.0)) - 1.0
    return np.where(step > 0, np.maximum(turns, 0.0), np.where(left > 0, np.inf, 0.0))


def forming_voltage(
    stream: Stream | None, numbers: ArrayLike, scale: ArrayLike, shape: ArrayLike
) -> Array:
    """Draw the voltage that forms each device (Weibull, as of a weakest link).

    Parameters
    ----------
    stream, numbers
        As for `life`.
    scale
        Voltage that forms 63 % of the devices, V; 0 where none is needed.
    shape
        Weibull shape.
    """
    return _weibull(stream, numbers, scale, shape, _FORMING)


def formed(peak: ArrayLike, voltage: ArrayLike) -> Flags:
    """Return which devices have been formed by the highest voltage they have seen.

    Parameters
    ----------
    peak
        Largest voltage so far, V.
    voltage
        What `forming_voltage` drew.
    """
    return np.asarray(np.asarray(peak, np.float64) >= np.asarray(voltage, np.float64))
