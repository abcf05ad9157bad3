"""Noise of a reading: thermal and shot noise in an aperture, and what a 1/f noise adds up to.

White noise has no memory worth keeping: every reading draws it anew, with the standard deviation
that its aperture leaves. (The virtual instruments add it themselves.) What does have a memory, 1/f
and telegraph noise, is in `sim_backend.devices.parts.fluctuation`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from sim_backend.devices.model import Array

__all__ = [
    "PCM_READ_TIME", "pcm_read_sigma", "pcm_share", "per_decade", "read_sigma", "shot_density",
    "thermal_density", "white_density",
]  # fmt: skip

BOLTZMANN = 1.380649e-23  # J/K, exact (SI)
CHARGE = 1.602176634e-19  # C, exact (SI)

#: duration of a read in the statistics of phase-change memory below, s
PCM_READ_TIME = 250e-9

_SMALL = 1e-4  # q V / 2 k T below which the series of x coth x is exact


def thermal_density(g: ArrayLike, temperature: ArrayLike) -> Array:
    """Return the spectral density of the thermal noise current, 4 k T G, A2/Hz (one-sided).

    Nyquist, Phys. Rev. 32, 110 (1928), 10.1103/PhysRev.32.110.
    """
    warm = 4.0 * BOLTZMANN * np.asarray(temperature, np.float64)
    return np.multiply(warm, np.asarray(g, np.float64))


def shot_density(i: ArrayLike) -> Array:
    """Return the spectral density of full shot noise, 2 q |I|, A2/Hz (one-sided)."""
    return 2.0 * CHARGE * np.abs(np.asarray(i, np.float64))


def white_density(g: ArrayLike, v: ArrayLike, temperature: ArrayLike) -> Array:
    """Return the density of thermal and shot noise together, 2 q I coth(q V / 2 k T), A2/Hz.

    It is 4 k T G without a voltage and 2 q I at a large one: Blanter and Buettiker, Phys. Rep. 336
    (2000), 10.1016/S0370-1573(99)00123-4, for a tunnel junction. A conductor in which electrons
    scatter often has less shot noise than that.

    Parameters
    ----------
    g
        I / V, S.
    v
        Voltage across the device, V.
    temperature
        K.
    """
    warm = np.asarray(temperature, np.float64)
    x = np.abs(CHARGE * np.asarray(v, np.float64) / (2.0 * BOLTZMANN * warm))
    large = np.maximum(x, _SMALL)
    share = np.where(x > _SMALL, large / np.tanh(large), 1.0 + x * x / 3.0)
    return np.multiply(thermal_density(g, temperature), share)


def read_sigma(g: ArrayLike, v: ArrayLike, aperture: ArrayLike, temperature: ArrayLike) -> Array:
    """Return the standard deviation of a mean current over an aperture by white noise, A.

    An aperture t has the noise bandwidth 1 / (2 t).

    Parameters
    ----------
    g, v, temperature
        As for `white_density`.
    aperture
        s, above 0.

    Examples
    --------
    >>> f"{float(read_sigma(1e-4, 0.0, 1e-3, 300.0)):.3g} A"
    '2.88e-11 A'
    """
    bandwidth = 0.5 / np.asarray(aperture, np.float64)
    return np.sqrt(np.multiply(white_density(g, v, temperature), bandwidth))


def per_decade(k: ArrayLike) -> Array:
    """Return the standard deviation per decade of frequency of a noise S(f) = K / f: sqrt(K ln 10).

    Parameters
    ----------
    k
        One-sided S(f) times f, in units of the fluctuating quantity squared.
    """
    return np.sqrt(np.multiply(math.log(10.0), np.asarray(k, np.float64)))


def pcm_share(g: ArrayLike) -> Array:
    """Return the amplitude q_s of 1/f noise of phase-change memory relative to its conductance.

    q_s = min(0.0088 / (G/Gmax)^0.65, 0.2): Nandakumar et al., ICECS (2019),
    10.1109/ICECS46596.2019.8964852, for the array of Joshi et al., Nat. Commun. 11, 2473 (2020),
    10.1038/s41467-020-16108-9. The noise of `one_over_f` with ``per_decade(q_s ** 2)`` has the
    variance of `pcm_read_sigma`.

    Parameters
    ----------
    g
        G / Gmax.
    """
    relative = np.maximum(np.asarray(g, np.float64), 1e-9)
    return np.minimum(0.0088 / relative**0.65, 0.2)


def pcm_read_sigma(g: ArrayLike, t: ArrayLike, read: ArrayLike = PCM_READ_TIME) -> Array:
    """Return the standard deviation of a read of phase-change memory, in units of Gmax.

    G q_s sqrt(ln((t + t_r) / (2 t_r))); source as for `pcm_share`.

    Parameters
    ----------
    g
        G / Gmax.
    t
        Since programming, s; at least the duration of a read.
    read
        Duration of a read t_r, s.
    """
    duration = np.asarray(read, np.float64)
    span = (np.maximum(np.asarray(t, np.float64), duration) + duration) / (2.0 * duration)
    return np.asarray(g, np.float64) * pcm_share(g) * np.sqrt(np.log(span))
