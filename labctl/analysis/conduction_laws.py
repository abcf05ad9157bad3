"""Conduction laws: current against voltage, with the physics that their parameters imply.

Formulas follow the review of Chiu (doi:10.1155/2014/578168) unless said otherwise. Every law is
odd in the voltage but `brinkman` and `diode`. Where a law is an exponential, its height is a
current `I_ref` at a stated voltage `V_ref` inside the data, which keeps parameters independent.

==================  ==================================================================  ===========
ohmic               I = G V
mott_gurney         I = b V^2, b = 9 eps mu A/(8 d^3) (Lampert, 10.1103/PhysRev.103.1648)
trap_filled         I = I_ref (V/V_ref)^m: traps that fill over a range of energies
poole_frenkel       I = I_ref (V/V_ref) exp(beta (V^0.5 - V_ref^0.5)), (beta k T)^2 = q^3/(pi eps d)
                    (Frenkel, 10.1103/PhysRev.54.647)
schottky            I = I_ref exp(beta (V^0.5 - V_ref^0.5)), (beta k T)^2 = q^3/(4 pi eps d)
diode               I = Is (exp(q V/(n k T)) - 1), Is = A A* T^2 exp(-phi/(kT))
simmons             rectangular barrier, V < 2 phi (Simmons, 10.1063/1.1702682)
tunnel_low          I = G0 (V + gamma V^3): the same at low voltage, for any barrier
brinkman            I = G0 (V - a V^2/2 + b V^3/3): trapezoidal barrier (Brinkman et al.,
                    10.1063/1.1659141)
fowler_nordheim     I = I_ref (V/V_ref)^2 exp(-B (1/V - 1/V_ref)), with
                    B = 8 pi (2 m)^0.5 phi^1.5 d/(3 q h) (10.1098/rspa.1928.0091)
sinh                I = I0 sinh(V/V0), V0 = 2 k T d/(q a): hopping over a distance a
==================  ==================================================================  ===========
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.curves import Curve, Derived, Parameter
from labctl.analysis.film import (
    BRINKMAN,
    EPS0,
    FOWLER,
    FOWLER_A,
    RICHARDSON,
    SIMMONS,
    TUNNEL,
    Film,
    Q,
)
from labctl.analysis.straight import combination, straight_line
from labctl.errors import BadInput

__all__ = ["LAWS", "conduction_curve"]

Array = NDArray[np.float64]

Law = Callable[[Film, float], Curve]


def _odd(shape: Callable[..., Any]) -> Callable[..., Any]:
    """Return the law for either sign of the voltage."""
    return lambda v, *p: np.sign(v) * shape(np.abs(v), *p)


def _line(x: Array, y: Array, w: Array) -> tuple[float, float]:
    """Return slope and height of a straight line through linearised data that are finite."""
    good = np.isfinite(x) & np.isfinite(y) & (w > 0)
    if np.sum(good) < 2 or np.ptp(x[good]) == 0:
        return 0.0, float(np.median(y[good])) if np.any(good) else 0.0
    return straight_line(x[good], y[good])


def _logs(v: Array, i: Array, power: float) -> Array:
    """Return ln(|I|/|V|^power)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(np.abs(i)) - power * np.log(np.abs(v))


def _size(height: float) -> float:
    return math.exp(min(max(height, -600.0), 600.0))


def _curve(
    law: str,
    formula: str,
    parameters: tuple[Parameter, ...],
    shape: Callable[..., Any],
    starts: Callable[[Array, Array, Array], list[Array]],
    derived: tuple[Derived, ...] = (),
    fixed: tuple[tuple[str, float], ...] = (),
) -> Curve:
    return Curve(
        law, f"I = {formula}", parameters, shape, starts, derived, derivative="complex", fixed=fixed
    )


def _ohmic(film: Film, ref: float) -> Curve:
    return _curve(
        "ohmic", "G V", (Parameter("G", "S", log=True),), lambda v, g: g * v,
        lambda v, i, w: [np.array([abs(float(np.median(i / v))) or 1e-30])],
    )  # fmt: skip


def _mott_gurney(film: Film, ref: float) -> Curve:
    d, area, eps = film.thickness, film.area, film.permittivity
    derived: tuple[Derived, ...] = ()
    if d is not None and area is not None and eps is not None:
        scale = 8 * d**3 / (9 * eps * EPS0 * area)
        derived = (Derived("mobility", "m2/(V s)", lambda p: scale * float(p[0]), alone="b"),)
    return _curve(
        "mott_gurney", "b V^2", (Parameter("b", "A/V2", log=True),), _odd(lambda v, b: b * v**2),
        lambda v, i, w: [np.array([abs(float(np.median(i / v**2))) or 1e-30])], derived,
    )  # fmt: skip


def _trap_filled(film: Film, ref: float) -> Curve:
    def starts(v: Array, i: Array, w: Array) -> list[Array]:
        slope, height = _line(np.log(np.abs(v) / ref), _logs(v, i, 0), w)
        return [np.array([_size(height), slope])]

    return _curve(
        "trap_filled", f"I_ref (V/V_ref)^m, V_ref = {ref:.4g} V",
        (Parameter("I_ref", "A", log=True), Parameter("m", "1")),
        _odd(lambda v, i, m: i * np.exp(m * np.log(v / ref))), starts, fixed=(("V_ref", ref),),
    )  # fmt: skip


def _root(law: str, power: float, charges: float, film: Film, ref: float) -> Curve:
    """Return a law with a barrier lowered as the root of the field."""
    root = math.sqrt(ref)

    def starts(v: Array, i: Array, w: Array) -> list[Array]:
        slope, height = _line(np.sqrt(np.abs(v)) - root, _logs(v, i, power), w)
        return [np.array([_size(height) * ref**power, max(slope, 1e-3 / root)])]

    derived = []
    if film.thickness is not None:
        scale = Q / (charges * math.pi * EPS0 * film.thickness * film.kt**2)
        derived.append(
            Derived("permittivity", "1", lambda p: scale / float(p[1]) ** 2, alone="beta")
        )  # fmt: skip
    if film.area is not None and law == "schottky":
        most = math.log(film.area * film.mass * RICHARDSON * film.temperature**2)
        derived.append(
            Derived(
                "barrier", "V",
                lambda p: film.kt * (most - math.log(float(p[0])) + float(p[1]) * root),
            )
        )  # fmt: skip
    factor = " (V/V_ref)" if power else ""
    return _curve(
        law, f"I_ref{factor} exp(beta (V^0.5 - V_ref^0.5)), V_ref = {ref:.4g} V",
        (Parameter("I_ref", "A", log=True), Parameter("beta", "1/V^0.5", log=True)),
        _odd(lambda v, i, b: i * (v / ref) ** power * np.exp(b * (np.sqrt(v) - root))),
        starts, tuple(derived), (("V_ref", ref),),
    )  # fmt: skip


def _poole_frenkel(film: Film, ref: float) -> Curve:
    return _root("poole_frenkel", 1.0, 1.0, film, ref)


def _schottky(film: Film, ref: float) -> Curve:
    return _root("schottky", 0.0, 4.0, film, ref)


def _diode(film: Film, ref: float) -> Curve:
    kt = film.kt

    def starts(v: Array, i: Array, w: Array) -> list[Array]:
        forward = (v > 2 * kt) & (i > 0)
        slope, height = _line(v[forward], _logs(v[forward], i[forward], 0), w[forward])
        n = min(max(1 / (slope * kt) if slope > 0 else 50.0, 0.3), 200.0)
        return [np.array([_size(height), n]), np.array([_size(height), 2 * n])]

    derived: tuple[Derived, ...] = ()
    if film.area is not None:
        most = math.log(film.area * film.mass * RICHARDSON * film.temperature**2)
        derived = (
            Derived("barrier", "V", lambda p: kt * (most - math.log(float(p[0]))), alone="Is"),
        )  # fmt: skip
    return _curve(
        "diode", f"Is (exp(V/(n kT/q)) - 1), T = {film.temperature:g} K",
        (Parameter("Is", "A", log=True), Parameter("n", "1", 0.05, 1e4, log=True)),
        lambda v, i, n: i * np.expm1(v / (n * kt)), starts, derived,
    )  # fmt: skip


def _simmons(film: Film, ref: float) -> Curve:
    decay = TUNNEL * math.sqrt(film.mass)

    def density(v: Any, phi: Any, d: Any) -> Any:
        low, high = phi - v / 2, phi + v / 2
        flow = low * np.exp(-decay * d * np.sqrt(low)) - high * np.exp(-decay * d * np.sqrt(high))
        return SIMMONS / d**2 * flow

    def shape(v: Any, phi: Any, d: Any, *area: Any) -> Any:
        return density(v, phi, d) * (area[0] if area else film.area)

    def starts(v: Array, i: Array, w: Array) -> list[Array]:
        least = float(np.max(np.abs(v))) / 2
        thick = (film.thickness,) if film.thickness is not None else (0.8e-9, 1.5e-9, 3e-9)
        found = []
        for d in thick:
            for phi in (0.3, 1.0, 3.0):
                phi = max(phi, 1.3 * least)
                unit = np.sign(v) * density(np.abs(v), phi, d)
                area = abs(float(np.median(i / unit)))
                guess = np.array([phi, d, area] if film.area is None else [phi, d])
                shown = _odd(shape)(v, *guess)
                found.append((float(np.sum((w * (shown - i)) ** 2)), guess))
        found = [one for one in found if math.isfinite(one[0])] or found
        return [guess for _, guess in sorted(found, key=lambda one: one[0])[:3]]

    area = () if film.area is not None else (Parameter("area", "m2", log=True),)
    return _curve(
        "simmons",
        "A q^2/(2 pi h d^2) [(phi - V/2) exp(-k d (phi - V/2)^0.5) "
        "- (phi + V/2) exp(-k d (phi + V/2)^0.5)], k = 4 pi (2 m q)^0.5/h",
        (Parameter("phi", "V", 1e-3, 50.0, log=True), Parameter("d", "m", log=True), *area),
        _odd(shape), starts,
    )  # fmt: skip


def _tunnel_low(film: Film, ref: float) -> Curve:
    derived: tuple[Derived, ...] = ()
    if film.thickness is not None:
        a = TUNNEL * math.sqrt(film.mass) * film.thickness
        derived = (Derived("phi", "V", lambda p: _barrier_of(float(p[1]), a), alone="gamma"),)

    def starts(v: Array, i: Array, w: Array) -> list[Array]:
        g, cubic = combination(np.column_stack((v, v**3)) * w[:, None], i * w)
        g = float(g) if g > 0 else abs(float(np.median(i / v))) or 1e-30
        return [np.array([g, max(float(cubic) / g, 1e-3 / float(np.max(np.abs(v))) ** 2)])]

    return _curve(
        "tunnel_low", "G0 (V + gamma V^3)",
        (Parameter("G0", "S", log=True), Parameter("gamma", "1/V2", log=True)),
        lambda v, g, c: g * (v + c * v**3), starts, derived,
    )  # fmt: skip


def _barrier_of(gamma: float, a: float) -> float:
    """Return the barrier whose curvature is `gamma`: the third derivative of Simmons's flow.

    With F = phi exp(-a phi^0.5), gamma = F'''/(24 F'), which falls with phi once a phi^0.5 > 4.
    """

    def bend(phi: float) -> float:
        s = a * math.sqrt(phi)
        return a**2 / (96 * phi) * (s**2 - 3 * s - 3) / (s * (s - 2))

    low, high = (4.0 / a) ** 2, 1e3
    if not bend(low) > gamma:
        return math.nan
    for _ in range(200):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if bend(middle) > gamma else (low, middle)
    return math.sqrt(low * high)


def _brinkman(film: Film, ref: float) -> Curve:
    derived: tuple[Derived, ...] = ()
    if film.thickness is not None:
        a0 = BRINKMAN * math.sqrt(film.mass) * film.thickness

        def phi(p: Array) -> float:
            return 9 * a0**2 / (128 * float(p[2]))

        derived = (
            Derived("phi", "V", phi, alone="b"),
            Derived("delta_phi", "V", lambda p: 16 * phi(p) ** 1.5 * float(p[1]) / a0),
        )

    def starts(v: Array, i: Array, w: Array) -> list[Array]:
        columns = np.column_stack((v, -(v**2) / 2, v**3 / 3))
        g, one, two = combination(columns * w[:, None], i * w)
        g = float(g) if g > 0 else abs(float(np.median(i / v))) or 1e-30
        return [np.array([g, float(one) / g, max(float(two) / g, 1e-3)])]

    return _curve(
        "brinkman", "G0 (V - a V^2/2 + b V^3/3)",
        (Parameter("G0", "S", log=True), Parameter("a", "1/V"), Parameter("b", "1/V2", log=True)),
        lambda v, g, a, b: g * (v - a * v**2 / 2 + b * v**3 / 3), starts, derived,
    )  # fmt: skip


def _fowler_nordheim(film: Film, ref: float) -> Curve:
    def starts(v: Array, i: Array, w: Array) -> list[Array]:
        slope, height = _line(1 / np.abs(v) - 1 / ref, _logs(v, i, 2), w)
        return [np.array([_size(height) * ref**2, max(-slope, 1e-3 * ref)])]

    derived: tuple[Derived, ...] = ()
    if film.thickness is not None:
        d = film.thickness
        unit = FOWLER * math.sqrt(film.mass) * d

        def phi(p: Array) -> float:
            return math.pow(float(p[1]) / unit, 2 / 3)

        def area(p: Array) -> float:
            prefactor = float(p[0]) / ref**2 * math.exp(min(float(p[1]) / ref, 600.0))
            return prefactor * phi(p) * film.mass * d**2 / FOWLER_A

        derived = (Derived("phi", "V", phi, alone="B"), Derived("area", "m2", area, log=True))
    return _curve(
        "fowler_nordheim", f"I_ref (V/V_ref)^2 exp(-B (1/V - 1/V_ref)), V_ref = {ref:.4g} V",
        (Parameter("I_ref", "A", log=True), Parameter("B", "V", log=True)),
        _odd(lambda v, i, b: i * (v / ref) ** 2 * np.exp(-b * (1 / v - 1 / ref))),
        starts, derived, (("V_ref", ref),),
    )  # fmt: skip


def _sinh(film: Film, ref: float) -> Curve:
    def starts(v: Array, i: Array, w: Array) -> list[Array]:
        found = []
        for turns in (0.7, 2.5, 8.0):
            scale = float(np.max(np.abs(v))) / turns
            unit = np.sinh(v / scale)
            size = abs(float(np.sum(w**2 * i * unit) / np.sum(w**2 * unit**2)))
            found.append(np.array([size or 1e-30, scale]))
        return found

    derived: tuple[Derived, ...] = ()
    if film.thickness is not None:
        reach = 2 * film.thickness * film.kt
        derived = (Derived("hop", "m", lambda p: reach / float(p[1]), alone="V0"),)
    return _curve(
        "sinh", "I0 sinh(V/V0)",
        (Parameter("I0", "A", log=True), Parameter("V0", "V", log=True)),
        lambda v, i, s: i * np.sinh(v / s), starts, derived,
    )  # fmt: skip


#: laws that `conduction_curve` knows
LAWS: dict[str, Law] = {
    "ohmic": _ohmic, "mott_gurney": _mott_gurney, "trap_filled": _trap_filled,
    "poole_frenkel": _poole_frenkel, "schottky": _schottky, "diode": _diode, "simmons": _simmons,
    "tunnel_low": _tunnel_low, "brinkman": _brinkman, "fowler_nordheim": _fowler_nordheim,
    "sinh": _sinh,
}  # fmt: skip


def conduction_curve(law: str, film: Film | None = None, ref: float = 1.0) -> Curve:
    """Return a law as a curve over the voltage.

    Parameters
    ----------
    law
        One of `LAWS`.
    film
        What is known of the film.
    ref
        Voltage to which `I_ref` belongs, V.

    Raises
    ------
    BadInput
        The law is unknown, or the film impossible.
    """
    if law not in LAWS:
        raise BadInput(f'the conduction law "{law}" is unknown; allowed are {", ".join(LAWS)}')
    known = film or Film()
    known.check()
    if not 0 < ref < math.inf:
        raise BadInput(f"a reference voltage of {ref:g} V was asked for; it must be positive")
    return LAWS[law](known, ref)
