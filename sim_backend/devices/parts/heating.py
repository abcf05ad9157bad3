"""Joule heating: the temperature of a device that carries a current.

C_th dT/dt = P - (T - T0) / R_th, so that under constant power the rise goes as a single exponential
to R_th P. The thermal time constant of a filament is of the order of a nanosecond, so most families
take the steady rise; `warmed` is for those that cannot.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sim_backend.devices.model import Array
from sim_backend.devices.parts.relaxation import decay, decay_integral

__all__ = ["heated", "mean_rise", "warmed"]


def heated(v: ArrayLike, i: ArrayLike, resistance: ArrayLike, ambient: ArrayLike) -> Array:
    """Return the steady temperature under a current, T0 + R_th |V I|, K.

    Parameters
    ----------
    v, i
        Voltage across the device, V, and current, A.
    resistance
        Thermal, K/W.
    ambient
        T0, K.
    """
    power = np.abs(np.asarray(v, np.float64) * np.asarray(i, np.float64))
    return np.asarray(ambient, np.float64) + np.multiply(resistance, power)


def warmed(
    rise: ArrayLike, power: ArrayLike, duration: ArrayLike, resistance: ArrayLike, tau: ArrayLike
) -> Array:
    """Return the rise of the temperature after a time under constant power, K.

    Parameters
    ----------
    rise
        Above the ambient temperature at the start, K.
    power
        W; 0 for cooling.
    duration
        s.
    resistance
        Thermal, K/W.
    tau
        Thermal time constant R_th C_th, s.
    """
    return decay(rise, duration, tau, to=np.multiply(resistance, power))


def mean_rise(
    rise: ArrayLike, power: ArrayLike, duration: ArrayLike, resistance: ArrayLike, tau: ArrayLike
) -> Array:
    """Return the mean rise of the temperature over a time under constant power, K.

    Parameters
    ----------
    rise, power, duration, resistance, tau
        As for `warmed`; the duration is above 0.
    """
    total = decay_integral(rise, duration, tau, to=np.multiply(resistance, power))
    return np.divide(total, duration)
