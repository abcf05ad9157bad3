"""Conduction: current against voltage of a device in a given state.

Each law is a function ``law(v, ...)`` of the voltage and the device's numbers, in SI units, element
by element on arrays. Laws of a symmetric device are odd in the voltage; all are finite at any
voltage (exponents are cut at 300) and exactly zero at zero. A law is a read kernel: take the scale
(conductance, area) from the state and the rest from the parameters.

`mean_over_ramp` gives the mean current over a straight line of the voltage, which times the
duration is the charge.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from sim_backend.devices.model import Array

__all__ = [
    "brinkman", "fowler_nordheim", "mean_over_ramp", "ohmic", "poole_frenkel", "schottky",
    "simmons", "sinh", "sinh_mean", "space_charge", "trapezoid",
]  # fmt: skip

_Q = 1.602176634e-19  # C, exact (SI)
_K = 1.380649e-23  # J/K, exact (SI)
_H = 6.62607015e-34  # J s, exact (SI)
_HBAR = _H / (2.0 * math.pi)
_MASS = 9.1093837139e-31  # kg (CODATA 2022)
_EPSILON = 8.8541878188e-12  # F/m (CODATA 2022)
_RICHARDSON = 4.0 * math.pi * _Q * _MASS * _K**2 / _H**3  # A/m2/K2

_LARGEST = 300.0  # exponent
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)


def _exp(x: ArrayLike) -> Array:
    return np.exp(np.clip(np.asarray(x, np.float64), -2 * _LARGEST, _LARGEST))


def _f(x: ArrayLike) -> Array:
    return np.asarray(x, np.float64)


def ohmic(v: ArrayLike, g: ArrayLike) -> Array:
    """Return G V, A.

    Parameters
    ----------
    v
        V.
    g
        Conductance, S.
    """
    return np.multiply(_f(v), _f(g))


def sinh(v: float | ArrayLike, g: ArrayLike, scale: float | ArrayLike) -> Array:
    """Return G V0 sinh(V / V0), A: hopping, or tunnelling between grains.

    Parameters
    ----------
    v
        V.
    g
        Conductance at zero voltage, S.
    scale
        V0, V.
    """
    if isinstance(v, float) and isinstance(scale, float):  # a voltage that all devices see
        return _f(g) * (scale * math.sinh(min(max(v / scale, -_LARGEST), _LARGEST)))
    width = _f(scale)
    return _f(g) * width * np.sinh(np.clip(_f(v) / width, -_LARGEST, _LARGEST))


def sinh_mean(
    first: float | ArrayLike, last: float | ArrayLike, g: ArrayLike, scale: float | ArrayLike
) -> Array:
    """Return the mean of `sinh` over a straight line of the voltage, in closed form, A.

    G V0 sinh(M) sinh(D) / D with M = (V1 + V2) / 2 V0 and D = (V2 - V1) / 2 V0.

    Parameters
    ----------
    first, last
        Voltages at the ends, V.
    g, scale
        As for `sinh`.
    """
    if isinstance(first, float) and first == last:
        return sinh(first, g, scale)
    if isinstance(first, float) and isinstance(last, float) and isinstance(scale, float):
        return _f(g) * _sinh_share(first, last, scale)  # a line that all devices see
    width = _f(scale)
    middle = np.clip((_f(first) + _f(last)) / (2 * width), -_LARGEST, _LARGEST)
    half = np.clip((_f(last) - _f(first)) / (2 * width), -_LARGEST, _LARGEST)
    share = np.where(half != 0, np.sinh(half) / np.where(half != 0, half, 1.0), 1.0)
    return _f(g) * width * np.sinh(middle) * share


def _sinh_share(first: float, last: float, scale: float) -> float:
    """Return the mean of V0 sinh(V / V0) over a line."""
    middle = min(max((first + last) / (2 * scale), -_LARGEST), _LARGEST)
    half = min(max((last - first) / (2 * scale), -_LARGEST), _LARGEST)
    return scale * math.sinh(middle) * (math.sinh(half) / half if half else 1.0)


def poole_frenkel(
    v: ArrayLike,
    g: ArrayLike,
    thickness: ArrayLike,
    permittivity: ArrayLike,
    temperature: ArrayLike,
) -> Array:
    """Return G V exp(sqrt(q^3 E / (pi eps)) / k T), A: emission from traps helped by the field.

    Frenkel, Phys. Rev. 54, 647 (1938), 10.1103/PhysRev.54.647.

    Parameters
    ----------
    v, g
        V, and conductance at zero voltage and this temperature (with its exp(-q phi / k T)), S.
    thickness, permittivity, temperature
        Over which the field E = |V| / d falls, m; relative, at high frequency; K.
    """
    field = np.abs(_f(v)) / _f(thickness)
    lowering = np.sqrt(_Q**3 * field / (math.pi * _EPSILON * _f(permittivity)))
    return _f(g) * _f(v) * _exp(lowering / (_K * _f(temperature)))


def schottky(
    v: ArrayLike,
    area: ArrayLike,
    barrier: ArrayLike,
    thickness: ArrayLike,
    permittivity: ArrayLike,
    temperature: ArrayLike,
    mass: ArrayLike = 1.0,
) -> Array:
    """Return thermionic emission over a barrier that the field lowers, A.

    A A* T^2 exp(-(q phi - sqrt(q^3 E / (4 pi eps))) / k T) (1 - exp(-q |V| / k T)): the last factor
    is what comes back from the other, equal electrode, and makes it zero at zero. Simmons, Phys.
    Rev. Lett. 15, 967 (1965), 10.1103/PhysRevLett.15.967, has the field-lowered barrier.

    Parameters
    ----------
    v, area, barrier
        V, m2, and phi, eV.
    thickness, permittivity, temperature
        As for `poole_frenkel`.
    mass
        Effective mass in the Richardson constant, in electron masses.
    """
    warm = _K * _f(temperature)
    size = np.abs(_f(v))
    lowering = np.sqrt(_Q**3 * size / _f(thickness) / (4 * math.pi * _EPSILON * _f(permittivity)))
    emitted = _f(area) * _RICHARDSON * _f(mass) * _f(temperature) ** 2
    back = -np.expm1(-_Q * size / warm)
    return np.sign(_f(v)) * emitted * _exp((lowering - _Q * _f(barrier)) / warm) * back


def brinkman(
    v: ArrayLike,
    g: ArrayLike,
    barrier: ArrayLike,
    asymmetry: ArrayLike,
    thickness: ArrayLike,
    mass: ArrayLike = 1.0,
) -> Array:
    """Return direct tunnelling through a trapezoidal barrier at low voltage, A.

    dI/dV = G (1 - A0 dphi / (16 phi^1.5) V + 9 A0^2 / (128 phi) V^2), with A0 = 4 d sqrt(2 m) /
    (3 hbar): Brinkman, Dynes and Rowell, J. Appl. Phys. 41, 1915 (1970), 10.1063/1.1659141. Good to
    about 10 % for a barrier thicker than 1 nm with dphi below phi, while |V| is well below phi;
    beyond, it only goes on as a cubic. Not odd: an asymmetric barrier rectifies.

    Parameters
    ----------
    v, g
        V, and dI/dV at zero, S.
    barrier, asymmetry
        Mean height phi, and difference of the heights at the two electrodes dphi, eV.
    thickness, mass
        m, and effective mass in electron masses.
    """
    height, x = _f(barrier), _f(v)
    a0 = 4.0 * _f(thickness) * np.sqrt(2.0 * _MASS * _f(mass) * _Q) / (3.0 * _HBAR)  # 1/sqrt(V)
    linear = a0 * _f(asymmetry) / (32.0 * height**1.5)
    cubic = 3.0 * a0**2 / (128.0 * height)
    return _f(g) * x * (1.0 - linear * x + cubic * x * x)


def simmons(
    v: ArrayLike,
    area: ArrayLike,
    barrier: ArrayLike,
    thickness: ArrayLike,
    mass: ArrayLike = 1.0,
) -> Array:
    """Return tunnelling through a rectangular barrier, direct and (above it) field emission, A.

    I = A q^2 / (2 pi h s^2) u exp(-B s sqrt(u)) (1 - (1 + V/u) exp(-B d (sqrt(u + V) - sqrt(u))))
    with B = 4 pi sqrt(2 m q) / h, u = phi - V/2 and s = d up to V = phi: Simmons, J. Appl. Phys.
    34, 1793 (1963), 10.1063/1.1702682. Above, u = phi/2 and s = d phi/V, as he has it with his
    factor beta taken as 1, and the last factor stays as it is at V = phi, so that the two branches
    meet; the exponent there is 6 % more than that of `fowler_nordheim`. The barrier must be opaque,
    B d sqrt(phi) above 3.

    Parameters
    ----------
    v, area, barrier, thickness, mass
        V, m2, height phi in eV, d in m, and effective mass in electron masses.
    """
    height, size = _f(barrier), np.abs(_f(v))
    inner, s = np.minimum(size, height), _f(thickness) / np.maximum(size / height, 1.0)
    u = height - inner / 2.0
    slope = 4.0 * math.pi * np.sqrt(2.0 * _MASS * _f(mass) * _Q) / _H  # 1/m/sqrt(V)
    # what comes back, as a share: that at V = phi above phi, where the electrons it would need
    # lie below the band of the other electrode
    less = slope * _f(thickness) * inner / (np.sqrt(u + inner) + np.sqrt(u))
    net = -np.expm1(np.log1p(inner / u) - less)
    scale = _f(area) * _Q**2 / (2.0 * math.pi * _H * s**2)
    current: Array = np.sign(_f(v)) * scale * u * _exp(-slope * s * np.sqrt(u)) * net
    return current


def trapezoid(
    v: ArrayLike,
    area: ArrayLike,
    left: ArrayLike,
    right: ArrayLike,
    thickness: ArrayLike,
    mass: ArrayLike = 1.0,
) -> Array:
    """Return direct tunnelling through a trapezoidal barrier (WKB), A: a ferroelectric junction.

    Gruverman et al., Nano Lett. 9, 3539 (2009), 10.1021/nl901754t. With a = phi1 + V/2, b = phi2 -
    V/2, r = sqrt(a) + sqrt(b) and k = 4 d sqrt(2 m q) / (3 hbar) their formula is

    I = A 4 q m / (9 pi^2 hbar^3) (r/k)^2 exp(-k (a + sqrt(a b) + b) / r) sinh(3 k V / (4 r)),

    which has no singularity where the barrier is rectangular. For |V| below both heights; where
    one side of the barrier is down to a hundredth of its height it tilts no further.

    Parameters
    ----------
    v, area, left, right, thickness, mass
        V, m2, heights phi1 and phi2 in eV, d in m, and effective mass in electron masses.
    """
    x, one, two = _f(v), _f(left), _f(right)
    tilt = np.clip(x / 2, -0.99 * one, 0.99 * two)
    a, b = one + tilt, two - tilt
    root = np.sqrt(a) + np.sqrt(b)
    k = 4.0 * _f(thickness) * np.sqrt(2.0 * _MASS * _f(mass) * _Q) / (3.0 * _HBAR)  # 1/sqrt(V)
    scale = _f(area) * 4.0 * _Q * _MASS * _f(mass) * _Q**2 / (9.0 * math.pi**2 * _HBAR**3)
    falls = _exp(-k * (a + np.sqrt(a * b) + b) / root)
    drop = np.sinh(np.clip(0.75 * k * x / root, -_LARGEST, _LARGEST))
    current: Array = scale * (root / k) ** 2 * falls * drop
    return current


def fowler_nordheim(
    v: ArrayLike,
    area: ArrayLike,
    barrier: ArrayLike,
    thickness: ArrayLike,
    mass: ArrayLike = 1.0,
) -> Array:
    """Return field emission through a triangular barrier, A.

    A q^3 / (8 pi h phi m) E^2 exp(-8 pi sqrt(2 m) phi^1.5 / (3 q h E)): Fowler and Nordheim, Proc.
    R. Soc. A 119, 173 (1928), 10.1098/rspa.1928.0091, with the masses as Lenzlinger and Snow, J.
    Appl. Phys. 40, 278 (1969), 10.1063/1.1657043.

    Parameters
    ----------
    v, area, barrier, thickness, mass
        V, m2, phi in eV, thickness over which the field E = |V| / d falls in m, and effective mass
        in electron masses.
    """
    height = _Q * _f(barrier)
    field = np.maximum(np.abs(_f(v)) / _f(thickness), 1e-30)
    scale = _Q**3 / (8.0 * math.pi * _H * height * _f(mass))
    steep = 8.0 * math.pi * np.sqrt(2.0 * _MASS * _f(mass)) * height**1.5 / (3.0 * _Q * _H)
    return np.sign(_f(v)) * _f(area) * scale * np.square(field) * _exp(-steep / field)


def space_charge(
    v: ArrayLike,
    g: ArrayLike,
    area: ArrayLike,
    mobility: ArrayLike,
    permittivity: ArrayLike,
    thickness: ArrayLike,
) -> Array:
    """Return an ohmic and a space-charge limited current together, A.

    G V + 9/8 eps mu A V |V| / d^3: Mott and Gurney, Electronic Processes in Ionic Crystals (1940);
    Rose, Phys. Rev. 97, 1538 (1955), 10.1103/PhysRev.97.1538, for shallow traps, which lower the
    mobility.

    Parameters
    ----------
    v, g, area
        V, ohmic conductance in S (0 for the space charge alone), m2.
    mobility, permittivity, thickness
        mu times the share of carriers that are free, m2/V/s; relative; d, m.
    """
    x = _f(v)
    scale = 1.125 * _EPSILON * _f(permittivity) * _f(mobility) * _f(area) / _f(thickness) ** 3
    current: Array = _f(g) * x + scale * x * np.abs(x)
    return current


def mean_over_ramp(
    law: Callable[[Array], Array], first: ArrayLike, last: ArrayLike, panels: int = 2
) -> Array:
    """Return the mean current over a straight line of the voltage, A.

    Twelve Gauss points on each panel; a line through zero is cut there, since laws with |V| or
    sqrt(|V|) are not smooth there. Exact to rounding for polynomials up to the 23rd order; 1e-9 for
    an exponential over 20 of its scales in a panel; 1e-6 for laws with sqrt(|V|).

    Parameters
    ----------
    law
        Current at given voltages; it is given arrays with one axis more, in front.
    first, last
        Voltages at the ends, V.
    panels
        On each side of zero, or of the middle.

    Examples
    --------
    >>> float(mean_over_ramp(lambda v: v**3, 0.0, 2.0))
    2.0
    """
    a, b = np.broadcast_arrays(_f(first), _f(last))
    span = b - a
    # share of the line at which it is cut: at zero, or in the middle
    with np.errstate(divide="ignore", invalid="ignore"):
        cut = np.where(a * b < 0, -a / span, 0.5)
    nodes = ((np.arange(panels)[:, np.newaxis] + (_NODES + 1) / 2) / panels).ravel()
    column = nodes.reshape(-1, *(1,) * a.ndim)
    shares = np.concatenate([cut * column, cut + (1.0 - cut) * column])
    parts = np.split(law(a + span * shares), 2 * panels)
    means = [np.tensordot(_WEIGHTS / 2, values, axes=1) / panels for values in parts]
    before, after = sum(means[:panels]), sum(means[panels:])
    mean: Array = cut * before + (1.0 - cut) * after
    return mean
