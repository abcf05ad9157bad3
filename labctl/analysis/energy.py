"""Energy of a pulse, from what was measured in it, with uncertainty and a floor."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.errors import BadInput
from labctl.results import Metric

__all__ = ["DEFINITION", "energy_per_pulse", "floored", "pulse_energies"]

Array = NDArray[np.float64]

#: id in `labctl.analysis.definitions.DEFINITIONS`
DEFINITION = "energy-level-current-width"

_Z_95 = 1.6448536269514722  # one-sided 95 % quantile of the normal distribution


def pulse_energies(
    v: ArrayLike,
    i: ArrayLike,
    width: ArrayLike,
    u_v: ArrayLike,
    u_i: ArrayLike,
    u_width: ArrayLike = 0.0,
) -> tuple[Array, Array]:
    """Return the energy of every pulse and its standard uncertainty.

    ``E = v i w`` and ``u(E)^2 = (i w u_v)^2 + (v w u_i)^2 + (v i u_w)^2``.

    Parameters
    ----------
    v, i
        Level, V, and current, A, measured in the pulse.
    width
        Achieved width, s.
    u_v, u_i, u_width
        Their standard uncertainties; one number stands for all pulses.

    Returns
    -------
    energy, uncertainty
        J, one entry for each pulse.

    Raises
    ------
    BadInput
        The arrays differ in length.
    """
    given = [np.asarray(x, float) for x in (v, i, width, u_v, u_i, u_width)]
    try:
        level, current, duration, d_v, d_i, d_w = np.broadcast_arrays(*map(np.ravel, given))
    except ValueError:
        lengths = sorted({x.size for x in given})
        raise BadInput(
            f"levels, currents, widths and uncertainties of pulses have {lengths} entries; "
            "their numbers must be equal"
        ) from None
    with np.errstate(all="ignore"):
        energy = level * current * duration
        parts = (current * duration * d_v, level * duration * d_i, level * current * d_w)
        return energy, np.sqrt(sum(part**2 for part in parts))


def energy_per_pulse(
    v: ArrayLike,
    i: ArrayLike,
    width: ArrayLike,
    u_v: ArrayLike,
    u_i: ArrayLike,
    u_width: ArrayLike = 0.0,
) -> Metric | None:
    """Return the mean energy of the pulses.

    The uncertainty by the specification does not shrink with the number of pulses, since all of
    them were measured on the same range with the same gain and offset; the scatter does:
    ``u^2 = mean(u(E))^2 + s^2/n``.

    Parameters
    ----------
    v, i, width, u_v, u_i, u_width
        As for `pulse_energies`. Pulses with a value that is not finite are left out.

    Returns
    -------
    Metric or None
        Below the floor (an uncertainty as large as the value) the upper 95 % bound
        ``max(E, 0) + 1.645 u``, marked as a bound and without sigma. None without a usable
        pulse.

    Raises
    ------
    BadInput
        The arrays differ in length.
    """
    energy, u = pulse_energies(v, i, width, u_v, u_i, u_width)
    good = np.isfinite(energy) & np.isfinite(u)
    energy, u = energy[good], u[good]
    if not len(energy):
        return None
    with np.errstate(all="ignore"):
        mean = float(np.mean(energy))
        scatter = float(np.std(energy, ddof=1)) if len(energy) > 1 else 0.0
        sigma = math.hypot(float(np.mean(u)), scatter / math.sqrt(len(energy)))
    if not math.isfinite(mean + _Z_95 * sigma):
        return None
    return floored(mean, sigma, DEFINITION)


def floored(energy: float, sigma: float, definition: str, unit: str = "J") -> Metric:
    """Return an energy, or its upper 95 % bound where the uncertainty is as large as the value.

    Parameters
    ----------
    energy, sigma
        Value and standard uncertainty.
    definition
        Id in `labctl.analysis.definitions.DEFINITIONS`.
    unit
        Of both.
    """
    if sigma >= energy:
        return Metric(max(energy, 0.0) + _Z_95 * sigma, None, unit, definition, bound=True)
    return Metric(energy, sigma, unit, definition)
