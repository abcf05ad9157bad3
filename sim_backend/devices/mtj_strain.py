"""How much of its life a straight line of the voltage takes from a device, remembered.

`sim_backend.devices.parts.wear.damage` for one line of a single device or of all alike. Pulses
repeat, so what was calculated once is looked up.
"""

from __future__ import annotations

from functools import lru_cache

from sim_backend.devices.model import Array
from sim_backend.devices.parts.wear import Wear, damage

__all__ = ["strain", "strains"]


def strain(wear: Wear, first: float, last: float, duration: float) -> float:
    """Return the damage of a straight line of the voltage, 0 where nothing ever breaks down.

    Parameters
    ----------
    wear
        Parameters of the family.
    first, last
        Voltages at its ends, V.
    duration
        s.
    """
    if wear.breakdown_time <= 0:
        return 0.0
    rate = _rate(first, last, wear.breakdown_time, wear.breakdown_voltage, wear.breakdown_scale)
    return rate * duration


def strains(wear: Wear, first: Array, last: Array, duration: Array) -> Array:
    """Return the damage of each of several lines, as `strain` has it."""
    law = wear.breakdown_time, wear.breakdown_voltage, wear.breakdown_scale
    return damage(first, last, duration, *law)


@lru_cache(maxsize=4096)
def _rate(first: float, last: float, time: float, voltage: float, scale: float) -> float:
    return float(damage(first, last, 1.0, time, voltage, scale))
