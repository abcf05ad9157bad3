"""What stands around a device: a resistance in series, a capacitance in parallel.

A line, an electrode or an access transistor takes part of the voltage; what is left for the device
follows from its own current. A capacitance takes a charge at every change of the voltage.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from sim_backend.devices.model import Array

__all__ = ["behind_series", "stored"]

_MOST_STEPS = 200


def behind_series(law: Callable[[Array], Array], v: ArrayLike, resistance: ArrayLike) -> Array:
    """Return the voltage across devices with a resistance in series.

    Solves v_d + R I(v_d) = v by Chandrupatla's method (inverse quadratic interpolation inside a
    bracket, bisection where that is not safe; Adv. Eng. Softw. 28, 145, 1997,
    10.1016/S0965-9978(96)00051-8), all devices at once, to rounding.

    Parameters
    ----------
    law
        Current of all devices, A, at given voltages; it has the sign of the voltage and grows with
        it. It is given arrays of the shape of the result.
    v
        Voltage across device and resistance, V.
    resistance
        In series, Ohm, from 0.

    Returns
    -------
    ndarray
        Voltages across the devices, V.

    Examples
    --------
    >>> float(behind_series(lambda v: v / 100.0, 2.0, 300.0))
    0.5
    """
    whole, series = np.broadcast_arrays(
        np.asarray(v, np.float64), np.asarray(resistance, np.float64)
    )

    def excess(x: Array) -> Array:
        found: Array = x + series * law(x) - whole
        return found

    return _root(excess, whole.copy(), np.zeros(whole.shape))


def _root(of: Callable[[Array], Array], a: Array, b: Array) -> Array:
    """Return where functions pass zero between a and b, element by element."""
    fa, fb = of(a), of(b)
    c, fc = b, fb
    share = np.full(a.shape, 0.5)
    for _ in range(_MOST_STEPS):
        x = a + share * (b - a)
        fx = of(x)
        same = np.sign(fx) == np.sign(fa)
        c, fc = np.where(same, a, b), np.where(same, fa, fb)
        b, fb = np.where(same, b, a), np.where(same, fb, fa)
        a, fa = x, fx
        best = np.where(np.abs(fa) < np.abs(fb), a, b)
        width, reach = np.abs(b - a), 2e-16 * np.abs(best) + 1e-300
        if np.all((width <= 2 * reach) | (fa == 0) | (fb == 0)):
            break
        share = _next_share((a, fa), (b, fb), (c, fc), reach / np.maximum(width, 1e-300))
    return best


def _next_share(
    a: tuple[Array, Array], b: tuple[Array, Array], c: tuple[Array, Array], least: Array
) -> Array:
    """Return where between a and b to look next: interpolated where that is safe, else halfway."""
    (xa, fa), (xb, fb), (xc, fc) = a, b, c
    with np.errstate(all="ignore"):
        xi, phi = (xa - xb) / (xc - xb), (fa - fb) / (fc - fb)
        safe = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
        inverse = fa / (fb - fa) * fc / (fb - fc)
        inverse = inverse + (xc - xa) / (xb - xa) * fa / (fc - fa) * fb / (fc - fb)
    share = np.where(safe & np.isfinite(inverse), inverse, 0.5)
    least = np.minimum(least, 0.5)
    return np.clip(share, least, 1.0 - least)


def stored(capacitance: ArrayLike, before: ArrayLike, after: ArrayLike) -> Array:
    """Return the charge that a parallel capacitance takes when the voltage changes, C.

    Parameters
    ----------
    capacitance
        F.
    before, after
        Voltages, V; a step takes it at once.
    """
    change = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    return np.multiply(np.asarray(capacitance, np.float64), change)
