"""Arrhenius: rates or lives against temperature, the activation energy, and life in use.

ln(rate) is a straight line in 1/T of slope -Ea/k (Arrhenius, doi:10.1515/zpch-1889-0416); the fit
is made in ln(rate), where a relative uncertainty is an absolute one. The line is anchored at the
middle of the temperatures, so that its height and its slope are independent.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.competition import Axes
from labctl.analysis.curve_panels import line_of, points_of
from labctl.analysis.curves import Curve, Derived, Parameter, band, evaluate
from labctl.analysis.formula import Definition
from labctl.analysis.nonlinear import fit_curve
from labctl.analysis.quantiles import student_95
from labctl.analysis.straight import straight_line
from labctl.analysis.verdict import join
from labctl.errors import BadInput
from labctl.results import Fit, Panel

__all__ = [
    "BOLTZMANN_EV",
    "DEFINITIONS_ARRHENIUS",
    "arrhenius_curve",
    "draw_arrhenius",
    "fit_arrhenius",
]

Array = NDArray[np.float64]
Quantity = Literal["rate", "life"]

BOLTZMANN_EV = 8.617333262e-5  #: eV/K, exact to its digits since 2019
_CURVE_POINTS = 100

DEFINITIONS_ARRHENIUS = (
    Definition(
        "activation-energy",
        "rate = rate_0 exp(-Ea/(k T))",
        "From the slope of ln(rate) against 1/T; a life is the inverse of a rate. One process over "
        "the whole range of temperatures is assumed: `Fit.runs` and chi2 tell of a bend.",
        unit="eV",
        doi="10.1515/zpch-1889-0416",
        source="Arrhenius, Z. phys. Chem. 1889, 4, 226; JEDEC JEP122 for its use in lifetimes",
        code="labctl.analysis.arrhenius.fit_arrhenius",
        quantity="activation energy",
    ),
)


def arrhenius_curve(
    middle: float, use: float | None = None, quantity: Quantity = "rate", unit: str = "1/s"
) -> Curve:
    """Return ln(rate) or ln(life) against temperature as a curve; see `fit_arrhenius`.

    Parameters
    ----------
    middle
        Temperature at which the line is anchored, K.
    use
        Temperature at which the number is wanted, K.
    quantity, unit
        As for `fit_arrhenius`.
    """
    sign = -1.0 if quantity == "rate" else 1.0

    def shape(t: Array, here: Any, energy: Any) -> Any:
        return np.log(here) + sign * energy / BOLTZMANN_EV * (1 / t - 1 / middle)

    def slopes(t: Array, here: Any, energy: Any) -> Array:
        return np.column_stack(
            (np.full(len(t), 1 / here), sign / BOLTZMANN_EV * (1 / t - 1 / middle))
        )

    def starts(t: Array, y: Array, w: Array) -> list[Array]:
        slope, height = straight_line(1 / t - 1 / middle, y, w)
        return [np.array([math.exp(min(max(height, -600.0), 600.0)), sign * slope * BOLTZMANN_EV])]

    def at(inverse: float) -> Any:
        def of(p: Array) -> float:
            rise = sign * float(p[1]) / BOLTZMANN_EV * (inverse - 1 / middle)
            return float(p[0]) * math.exp(min(max(rise, -690.0), 690.0))

        return of

    derived = [Derived(f"{quantity}_infinite", unit, at(0.0), log=True)]
    if use is not None:
        derived.append(Derived(f"{quantity}_use", unit, at(1 / use), log=True))
    name = f"{quantity}_middle"
    return Curve(
        "arrhenius",
        f"ln({quantity}) = ln({name}) {'-' if sign < 0 else '+'} Ea/k (1/T - 1/{middle:.6g} K)",
        (Parameter(name, unit, log=True), Parameter("Ea", "eV")),
        shape,
        starts,
        tuple(derived),
        slopes=slopes,
        fixed=(("T_middle", middle), *((("T_use", use),) if use is not None else ())),
    )


def _middle(temperature: ArrayLike) -> float:
    kelvin = np.ravel(np.asarray(temperature, float))
    usable = kelvin[np.isfinite(kelvin) & (kelvin > 0)]
    with np.errstate(all="ignore"):  # of temperatures next to nothing
        middle = float(1 / np.mean(1 / usable)) if len(usable) else 300.0
    return middle if middle > 0 else 300.0


def fit_arrhenius(
    temperature: ArrayLike,
    value: ArrayLike,
    sigma: ArrayLike | None = None,
    use: float | None = None,
    quantity: Quantity = "rate",
    unit: str = "",
    *,
    absolute: bool = True,
) -> Fit:
    """Fit an activation energy.

    Parameters
    ----------
    temperature
        K.
    value
        Rate or life (a time constant, a time to failure) at each temperature, positive.
    sigma
        Its standard uncertainty. Without it all values have the same relative one, from the
        scatter.
    use
        Temperature of use, K: the rate or the life there is wanted too.
    quantity
        ``rate`` or ``life``.
    unit
        Of the value; 1/s or s if not given.
    absolute
        As for `labctl.analysis.nonlinear.fit_curve`.

    Returns
    -------
    Fit
        ``Ea``; the rate or life in the middle of the temperatures, at infinite temperature, and in
        use, with intervals. The note says how far the use lies outside the data.

    Raises
    ------
    BadInput
        The quantity is unknown, the temperature of use is not positive, or the arrays differ in
        length.
    """
    if quantity not in ("rate", "life"):
        raise BadInput(f'the quantity {quantity!r} is not allowed: "rate" or "life"')
    if use is not None and not 0 < use < math.inf:
        raise BadInput(f"a temperature of use of {use:g} K was asked for; it must be positive")
    curve = arrhenius_curve(
        _middle(temperature), use, quantity, unit or ("1/s" if quantity == "rate" else "s")
    )
    kelvin, values = (np.ravel(np.asarray(a, float)) for a in (temperature, value))
    impossible = int(np.sum(kelvin <= 0) + np.sum(values <= 0))
    if impossible:
        note = f"{impossible} temperatures or values are not positive: they have no logarithm"
        return Fit("arrhenius", curve.formula, points=len(values), note=note)
    spread = None if sigma is None else np.ravel(np.asarray(sigma, float))
    with np.errstate(all="ignore"):  # of numbers at the ends of their range
        if spread is not None and len(spread) == len(values):
            spread = spread / values
        remark = _reach(kelvin[np.isfinite(kelvin)], use)
        return fit_curve(curve, kelvin, np.log(values), spread, absolute=absolute, remark=remark)


def _reach(kelvin: Array, use: float | None) -> str:
    """Say how far the use lies outside the temperatures measured, or nothing."""
    if use is None or not len(kelvin):
        return ""
    inverse = 1 / kelvin
    span = float(np.ptp(inverse))
    beyond = max(1 / use - float(inverse.max()), float(inverse.min()) - 1 / use)
    if beyond <= 0:
        return ""
    much = f"{beyond / span:.2g} times the span measured" if span > 0 else "outside one temperature"
    return join(f"{use:g} K is an extrapolation in 1/T by {much}, by one process assumed")


def draw_arrhenius(
    temperature: ArrayLike, value: ArrayLike, sigma: ArrayLike | None, fit: Fit, axes: Axes
) -> Panel:
    """Return ln(value) against 1000 K/T, the fitted line, and its 95 % band out to the use."""
    kelvin, values = (np.ravel(np.asarray(a, float)) for a in (temperature, value))
    with np.errstate(all="ignore"):
        spread = None if sigma is None else np.ravel(np.asarray(sigma, float)) / values
        traces = [points_of(1000 / kelvin, np.log(values), spread)]
    if fit.values and fit.covariance:
        quantity: Quantity = "rate" if "rate_middle" in fit.values else "life"
        curve = arrhenius_curve(fit.fixed["T_middle"], None, quantity)
        ends = np.array(
            traces[0].x + ((1000 / fit.fixed["T_use"],) if "T_use" in fit.fixed else ())
        )
        dense = np.linspace(float(ends.min()), float(ends.max()), _CURVE_POINTS)
        line, half = evaluate(curve, fit, 1000 / dense), band(curve, fit, 1000 / dense)
        scaled = "scaled" in fit.definition
        half = half * student_95(max(fit.points - 2, 1) if scaled else math.inf)
        traces += [
            line_of(dense, line, "fit"),
            line_of(dense, line - half, "95 % band"),
            line_of(dense, line + half, "95 % band"),
        ]
    return Panel(axes.title, "1000 K/T", "1", f"ln({axes.y_label})", "1", tuple(traces))
