"""Activation: the same levels at several temperatures, and the energies that follow.

At each level ln(I), ln(I/T^2) and ln(I/V) are straight lines in 1/kT where a barrier or traps
limit the current. Their slopes are energies that the field lowers; extrapolated to no field they
are the barrier (thermionic emission, Richardson's T^2) and the depth of the traps (Poole-Frenkel).
Neither needs an area or a prefactor.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.arrhenius import BOLTZMANN_EV
from labctl.analysis.curve_panels import line_of, points_of
from labctl.analysis.quantiles import student_95
from labctl.readings import Readings
from labctl.results import Fit, Panel, Table, Value
from protocols.responses import table

__all__ = ["Activation", "activation_of"]

Array = NDArray[np.float64]

_FEWEST_TEMPERATURES = 3
_FEWEST_LEVELS = 4
_PASSES = 3  # of the correction for the current against the field
_THERMAL = 4.0  # kT/q: levels below it are left out of the extrapolation
_ROUNDING = 1e-9  # of ln I: scatter that is none


class Activation(NamedTuple):
    """Energies from currents at several temperatures."""

    fits: dict[str, Fit]  #: ``activation``, ``richardson``, ``traps``; each with ``E`` in eV
    table: Table
    panels: tuple[Panel, ...]
    note: str


class _Line(NamedTuple):
    slope: float
    u_slope: float
    height: float
    u_height: float
    rms: float


def _straight(x: Array, y: Array, w: Array | None = None) -> _Line:
    """Fit a line by least squares; uncertainties from the scatter, at least that of rounding."""
    weight = np.ones(len(x)) if w is None else w**2
    weight = weight / np.sum(weight)
    middle, level = float(np.sum(weight * x)), float(np.sum(weight * y))
    spread = float(np.sum(weight * (x - middle) ** 2))
    slope = float(np.sum(weight * (x - middle) * (y - level))) / spread
    left = y - level - slope * (x - middle)
    dof = max(len(x) - 2, 1)
    variance = float(np.sum(weight * left**2)) * len(x) / dof + _ROUNDING**2
    scale = float(np.sum(weight**2 * (x - middle) ** 2)) / spread**2
    mean = float(np.sum(weight**2))
    return _Line(
        slope, math.sqrt(variance * scale), level - slope * middle,
        math.sqrt(variance * (mean + middle**2 * scale)), math.sqrt(variance),
    )  # fmt: skip


def activation_of(sweeps: list[tuple[float, Readings]]) -> Activation | None:
    """Return the energies of currents at several temperatures; None with fewer than three.

    Parameters
    ----------
    sweeps
        For each temperature, K, the readings of one polarity. Only levels that every temperature
        has count; their values are the achieved ones, averaged over the temperatures.
    """
    common = _common(sweeps)
    if common is None:
        return None
    kelvin, v, i, u = common
    inverse = 1 / (BOLTZMANN_EV * kelvin)
    plain = _lines(inverse, i, u)
    emission = _lines(inverse, i / kelvin[:, None] ** 2, u)
    middle = int(np.argmin(np.abs(v - np.median(v))))
    free = v > _THERMAL * BOLTZMANN_EV * float(np.max(kelvin))
    for _ in range(_PASSES):
        forward = i / _forward(_to_no_field("richardson", v[free], emission, free), kelvin, v)
        emission = _lines(inverse, forward / kelvin[:, None] ** 2, u)
    fits = {
        "activation": _at_level(plain[middle], float(v[middle]), len(kelvin)),
        "richardson": _to_no_field("richardson", v[free], emission, free),
        "traps": _to_no_field("traps", v[free], plain, free),
    }
    return Activation(
        fits, _table(v, plain, emission), _panels(v, plain, emission, fits, (inverse, i)),
        f"{len(kelvin)} temperatures from {min(kelvin):g} to {max(kelvin):g} K, {len(v)} levels",
    )  # fmt: skip


def _lines(x: Array, i: Array, u: Array) -> list[_Line]:
    """Return the line of ln i against x at each level.

    The relative uncertainty of the meter adds to that of the scatter: readings on one range are
    wrong together, which no scatter shows.
    """
    off = x - np.mean(x)
    spec = np.sqrt(np.sum((off[:, None] * u) ** 2, axis=0)) / np.sum(off**2)
    found = [_straight(x, np.log(column)) for column in i.T]
    return [
        line._replace(u_slope=math.hypot(line.u_slope, float(more)))
        for line, more in zip(found, spec, strict=True)
    ]


def _common(
    sweeps: list[tuple[float, Readings]],
) -> tuple[Array, Array, Array, Array] | None:
    """Return temperatures, the levels that all have, and currents (temperatures, levels).

    The last are the relative uncertainties of the currents by the meter's specification.
    """
    tables = {
        kelvin: {round(abs(row.v_set), 9): row for row in rows if row.i * row.v > 0}
        for kelvin, rows in sweeps
    }
    if len(tables) < _FEWEST_TEMPERATURES:
        return None
    shared = sorted(set.intersection(*(set(one) for one in tables.values())))
    if len(shared) < _FEWEST_LEVELS:
        return None
    found = [[one[level] for level in shared] for one in tables.values()]
    achieved = np.mean([[abs(row.v) for row in rows] for rows in found], axis=0)
    i = np.array([[abs(row.i) for row in rows] for rows in found])
    u = np.array([[row.u_i / abs(row.i) for row in rows] for rows in found])
    return np.array(list(tables)), achieved, i, u


def _at_level(line: _Line, level: float, points: int) -> Fit:
    value = _value(-line.slope, line.u_slope, points - 2)
    return Fit(
        "activation", f"ln(I) = c - E/kT at {level:g} V", {"E": value}, identifiable=True,
        points=points, fixed={"level": level},
    )  # fmt: skip


def _value(energy: float, sigma: float, dof: int) -> Value:
    half = student_95(max(dof, 1)) * sigma
    return Value(energy, sigma, energy - half, energy + half, "eV")


def _forward(barrier: Fit, kelvin: Array, v: Array) -> Array:
    """Return the share of the current that goes over the barrier forwards, less what comes back.

    A barrier that is lowered by V/n has a current exp(V/nkT) - 1: the share is 1 - exp(-V/nkT).
    """
    lowering = barrier.values["b"].value if barrier.fixed.get("m") == 1.0 else 0.0
    if not lowering > 0:
        return np.ones((len(kelvin), len(v)))
    share: Array = -np.expm1(-lowering * v / (BOLTZMANN_EV * kelvin[:, None]))
    return share


def _to_no_field(name: str, v: Array, every: list[_Line], free: NDArray[np.bool_]) -> Fit:
    """Extrapolate the energies to no field, in V or in its root, whichever is straighter."""
    lines = list(itertools.compress(every, free))
    formula = {
        "richardson": "ln(I/T^2) = c - E(V)/kT, E(V) = E - b V^m, m = 1/2 or 1",
        "traps": "ln(I/V) = c - E(V)/kT, E(V) = E - b V^m, m = 1/2 or 1",
    }[name]
    if len(v) < _FEWEST_LEVELS:
        note = f"{len(v)} levels above four times kT/q; {_FEWEST_LEVELS} are needed"
        return Fit(name, formula, points=len(v), note=note)
    energies = np.array([-line.slope for line in lines])
    sigma = np.array([line.u_slope for line in lines])
    found = {m: _straight(v**m, energies, 1 / sigma) for m in (0.5, 1.0)}
    best = min(found, key=lambda m: found[m].rms)
    line = found[best]
    # the temperatures are the same at all levels: their scatter does not average out over levels
    value = _value(line.height, math.hypot(line.u_height, float(np.median(sigma))), len(v) - 2)
    lowering = Value(-line.slope, line.u_slope, unit="eV/V" if best == 1 else "eV/V^0.5")
    return Fit(
        name, formula, {"E": value, "b": lowering}, identifiable=True, points=len(v),
        fixed={"m": best},
    )  # fmt: skip


def _table(v: Array, plain: list[_Line], emission: list[_Line]) -> Table:
    return table(
        "Energies by level",
        [
            ("level", "V", v),
            ("E from ln I", "eV", [-line.slope for line in plain]),
            ("u(E from ln I)", "eV", [line.u_slope for line in plain]),
            ("E from ln(I/T^2)", "eV", [-line.slope for line in emission]),
            ("u(E from ln(I/T^2))", "eV", [line.u_slope for line in emission]),
        ],
    )


def _panels(
    v: Array,
    plain: list[_Line],
    emission: list[_Line],
    fits: dict[str, Fit],
    data: tuple[Array, Array],
) -> tuple[Panel, ...]:
    inverse, i = data
    chosen = sorted({0, len(v) // 2, len(v) - 1})
    ends = np.array([inverse.min(), inverse.max()])
    arrhenius = [
        *(points_of(inverse, i[:, k], label=f"{v[k]:g} V") for k in chosen),
        *(line_of(ends, np.exp(plain[k].height + plain[k].slope * ends), "") for k in chosen),
    ]
    traces = [
        points_of(v, [-line.slope for line in emission], [line.u_slope for line in emission],
                  "with Richardson's T^2"),
        points_of(v, [-line.slope for line in plain], [line.u_slope for line in plain],
                  "without it"),
    ]  # fmt: skip
    for name, label in (("richardson", "barrier"), ("traps", "traps")):
        fit = fits[name]
        if fit.values:
            dense = np.linspace(0, float(v.max()), 100)
            energy = fit.values["E"].value - fit.values["b"].value * dense ** fit.fixed["m"]
            traces.append(line_of(dense, energy, label))
    return (
        Panel("Current against 1/kT", "1/kT", "1/eV", "|current|", "A", tuple(arrhenius),
              y_log=True),
        Panel("Energy against level", "level", "V", "energy", "eV", tuple(traces)),
    )  # fmt: skip
