"""Drift: the slow power law of phase-change memory, R = R0 (t/t0)^nu.

nu says how much the resistance gains a decade of time; R0 is the resistance at the time t0, which
has to be stated with it (Pirovano et al., IEEE TED 2004, 51, 714; used so for R in
doi:10.1038/s44335-024-00008-y).
"""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.curves import Curve, Parameter, evaluate
from labctl.analysis.formula import Definition
from labctl.analysis.nonlinear import fit_curve
from labctl.analysis.straight import straight_line
from labctl.errors import BadInput
from labctl.results import Column, Fit, Table

__all__ = ["DEFINITIONS_DRIFT", "DriftByState", "drift_by_state", "drift_curve", "fit_drift"]

Array = NDArray[np.float64]
Quantity = Literal["R", "G"]

DEFINITIONS_DRIFT = (
    Definition(
        "drift-exponent",
        "R = R0 (t/t0)^nu, G = G0 (t/t0)^-nu",
        "t is the time since programming and t0 a stated time, at which R = R0; nu does not depend "
        "on t0.",
        doi="10.1038/s44335-024-00008-y",
        source="Pirovano et al., IEEE TED 2004, 51, 714; the DOI is that of a recent use for R",
        code="labctl.analysis.drift.fit_drift",
        quantity="drift exponent",
    ),
)


def drift_curve(t0: float = 1.0, quantity: Quantity = "R", unit: str = "Ohm") -> Curve:
    """Return the power law as a curve; `fit_drift` tells its arguments.

    Raises
    ------
    BadInput
        The quantity or t0 is not allowed.
    """
    if quantity not in ("R", "G"):
        raise BadInput(f'the quantity {quantity!r} is not allowed: "R" or "G"')
    if not 0 < t0 < math.inf:
        raise BadInput(f"t0 = {t0:g} s was asked for; it must be positive and finite")
    sign, name = (1, "R0") if quantity == "R" else (-1, "G0")

    def shape(t: Array, start: Any, nu: Any) -> Any:
        return start * np.exp(sign * nu * np.log(t / t0))

    def slopes(t: Array, start: Any, nu: Any) -> Array:
        decades = np.log(t / t0)
        here = np.exp(sign * nu * decades)
        return np.column_stack((here, start * here * sign * decades))

    def starts(t: Array, y: Array, w: Array) -> list[Array]:
        up = y > 0
        if np.sum(up) < 2 or np.ptp(t[up]) == 0:
            return [np.array([float(np.max(np.abs(y))), 0.0])]
        slope, height = straight_line(np.log(t[up] / t0), np.log(y[up]))
        return [np.array([math.exp(height), sign * slope])]

    power = "nu" if quantity == "R" else "-nu"
    return Curve(
        "drift", f"{quantity} = {name} (t/t0)^{power}, t0 = {t0:g} s",
        (Parameter(name, unit, log=True), Parameter("nu", "1")), shape, starts, slopes=slopes,
        fixed=(("t0", t0),),
    )  # fmt: skip


def fit_drift(
    t: ArrayLike,
    y: ArrayLike,
    sigma: ArrayLike | None = None,
    t0: float = 1.0,
    quantity: Quantity = "R",
    *,
    absolute: bool = True,
) -> Fit:
    """Fit the drift of one state.

    Parameters
    ----------
    t
        Time since programming, s, positive.
    y
        Resistance, Ohm, or conductance, S.
    sigma, absolute
        As for `labctl.analysis.nonlinear.fit_curve`. Without `sigma` the scatter is taken as the
        same share of every value, and its size comes from the residuals.
    t0
        The time to which `R0` belongs, s. In the middle of the data it makes R0 and nu independent.
    quantity
        ``R`` or ``G``, which says in which sense nu is positive.

    Returns
    -------
    Fit
        ``R0`` or ``G0``, and ``nu``.

    Raises
    ------
    BadInput
        The quantity or t0 is not allowed, or the arrays differ in length.
    """
    curve = drift_curve(t0, quantity, "Ohm" if quantity == "R" else "S")
    times, values = np.ravel(np.asarray(t, float)), np.ravel(np.asarray(y, float))
    late = int(np.sum(times <= 0))
    times = np.where(times > 0, times, np.nan)
    remark = f"{late} readings at or before time 0" if late else ""
    negative = int(np.sum(values <= 0))
    if negative:
        note = f"{negative} values are not positive; a power law of them means nothing"
        return Fit("drift", curve.formula, points=len(values), note=note)
    if sigma is not None:
        return fit_curve(curve, times, values, sigma, absolute=absolute, remark=remark)
    first = fit_curve(curve, times, values, values, absolute=False, intervals=False)
    scale = values if not first.values else np.where(times > 0, evaluate(curve, first, times), 1.0)
    found = fit_curve(curve, times, values, scale, absolute=False, remark=remark)
    definition = found.definition.replace("weighted by 1/sigma^2", "weighted by 1/(fitted y)^2")
    return msgspec.structs.replace(found, definition=definition, chi2_reduced=None)


class DriftByState(msgspec.Struct, frozen=True):
    """Drift of several states.

    Attributes
    ----------
    fits
        By state, in the order of the states.
    table
        State, nu with its interval, R0 or G0.
    mean
        Mean exponent, weighted by 1/sigma^2; None without two states.
    sigma
        Its standard error, as if all states had the same exponent.
    same
        Probability of exponents as different as these if all states drifted alike (chi2); None
        without two states.
    """

    fits: dict[str, Fit]
    table: Table
    mean: float | None = None
    sigma: float | None = None
    same: float | None = None


def drift_by_state(
    t: ArrayLike,
    y: ArrayLike,
    state: ArrayLike,
    sigma: ArrayLike | None = None,
    t0: float = 1.0,
    quantity: Quantity = "R",
) -> DriftByState:
    """Fit the drift of every state, and test whether they drift alike.

    Parameters
    ----------
    t, y, sigma, t0, quantity
        As for `fit_drift`.
    state
        Name or number of the state of each reading.

    Raises
    ------
    BadInput
        The quantity or t0 is not allowed, or the arrays differ in length.
    """
    times, values = np.ravel(np.asarray(t, float)), np.ravel(np.asarray(y, float))
    names = np.ravel(np.asarray(state))
    spread = None if sigma is None else np.ravel(np.asarray(sigma, float))
    if (
        len(
            {len(times), len(values), len(names)} | ({len(spread)} if spread is not None else set())
        )
        > 1
    ):
        raise BadInput(
            f"{len(times)} times, {len(values)} values and {len(names)} states were given; their "
            "numbers must be equal"
        )
    fits = {}
    for name in np.unique(names):
        here = names == name
        part = None if spread is None else spread[here]
        fits[str(name)] = fit_drift(times[here], values[here], part, t0, quantity)
    return _together(fits, f"{quantity}0")


def _together(fits: dict[str, Fit], start: str) -> DriftByState:
    nus = [fit.values.get("nu") for fit in fits.values()]
    firsts = [fit.values.get(start) for fit in fits.values()]
    table = Table(
        "drift by state",
        (
            Column("state", "", tuple(fits)),
            Column("nu", "1", tuple(None if v is None else v.value for v in nus)),
            Column("nu, standard error", "1", tuple(None if v is None else v.sigma for v in nus)),
            Column("nu, low", "1", tuple(None if v is None else v.low for v in nus)),
            Column("nu, high", "1", tuple(None if v is None else v.high for v in nus)),
            Column(
                start, "Ohm" if start == "R0" else "S",
                tuple(None if v is None else v.value for v in firsts),
            ),
        ),
    )  # fmt: skip
    known = [(v.value, v.sigma) for v in nus if v is not None and v.sigma]
    if len(known) < 2:
        return DriftByState(fits, table)
    from scipy.special import chdtrc

    nu, s = np.array(known).T
    mean = float(np.sum(nu / s**2) / np.sum(1 / s**2))
    chi2 = float(np.sum(((nu - mean) / s) ** 2))
    return DriftByState(
        fits, table, mean, float(np.sum(1 / s**2) ** -0.5), float(chdtrc(len(nu) - 1, chi2))
    )
