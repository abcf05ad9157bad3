"""Retention: what has been written is lost at rest, sooner when it is warm.

A lasting variable is kept as it was written, and how much of it is left follows from the time at
rest since then, counted in retention times: with tau(T) by Arrhenius' law that time is the integral
of dt / tau, and exp(-faded) of the way from where it goes is left. The next write begins with what
is seen. So a rest cut in two is the same rest, at changing temperature too, and ten years are one
step.

An exponential loss with one activation energy is the simplest law that the extrapolation of bakes
rests on (Lammie, Rahimi Azghadi and Ielmini, 10.1088/1361-6641/abf29d; in the hourglass model of
oxide cells, 10.1016/j.mee.2017.04.032, its energy is that of switching).
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt
from pydantic import Field

from labctl.units import Kelvin, Second, Unit
from sim_backend.devices.family import Conditions
from sim_backend.devices.model import Array
from sim_backend.devices.parts.relaxation import activation

__all__ = ["Retention", "left", "retention_times"]

ElectronVolt = Annotated[float, Unit("eV")]

_MANY = 256  # devices from which it is worth looking whether all have rested as long


class Retention(Conditions):
    """How long what is written lasts; for ever unless given."""

    retention: Annotated[Second, Ge(0)] = Field(
        0.0, description="time in which what is written is lost at rest; 0 for never"
    )
    retention_energy: Annotated[ElectronVolt, Ge(0)] = Field(
        0.0, description="activation energy of that time"
    )
    retention_temperature: Annotated[Kelvin, Gt(0)] = Field(
        300.0, description="temperature at which that time is given"
    )


def retention_times(p: Retention, duration: float, temperature: float) -> float:
    """Return how many retention times a rest is.

    Parameters
    ----------
    p
        Parameters of a family, which inherits `Retention`.
    duration, temperature
        Of the rest, s and K.

    Examples
    --------
    >>> retention_times(Retention(retention=10.0), 5.0, 300.0)
    0.5
    """
    if p.retention <= 0:
        return 0.0
    slower = activation(p.retention_energy, temperature, p.retention_temperature)
    return duration / (p.retention * slower)


def left(written: Array, goal: Array | float, faded: Array) -> Array:
    """Return what is left of a variable.

    Parameters
    ----------
    written
        As written.
    goal
        Where it goes.
    faded
        Time at rest since then, in retention times; shape (devices,).
    """
    if not np.any(faded):
        return np.array(written, np.float64)
    rested: Array | float = faded
    if faded.ndim == 1 and faded.size >= _MANY and np.all(faded == faded[0]):
        rested = float(faded[0])
    return np.asarray(goal + (written - goal) * np.exp(-rested))
