"""Retention: how a state fades, and what is left of it after ten years.

The laws of the field are fitted to the same readings and carried on to a horizon. What an
extrapolation is worth depends on the law more than on the noise, so it is given for each law, with
the law's weight, never as one number without the others. The number at the horizon has an interval
by its profile; the band on the way is that of the covariance, once for the curve and once for a
single further reading.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.competition import Axes, Competition
from labctl.analysis.curve_panels import line_of, points_of
from labctl.analysis.curves import Curve, Derived, Parameter, band, evaluate
from labctl.analysis.formula import Definition
from labctl.analysis.nonlinear import compete_curves
from labctl.analysis.quantiles import student_95
from labctl.analysis.straight import straight_line
from labctl.errors import BadInput
from labctl.results import Column, Fit, Metric, Panel, Table

__all__ = [
    "DEFINITIONS_RETENTION", "RETENTIONS", "TEN_YEARS", "Retention", "draw_retention",
    "fit_retention", "retention_curve",
]  # fmt: skip

Array = NDArray[np.float64]

TEN_YEARS = 10 * 365.25 * 86400.0  #: s
_NOTHING = 600.0  # exp(-600) is nothing, and still a number
_LIKELY = 0.05  # weight from which a law is asked for its extrapolation
_CURVE_POINTS = 120

#: laws that `fit_retention` knows
RETENTIONS = ("log_linear", "power", "stretched")

DEFINITIONS_RETENTION = (
    Definition(
        "retention-at-horizon",
        "y(t) of the fitted law at t = horizon",
        "Extrapolation of the law that the readings prefer by AICc; the interval is that law's "
        "profile and says nothing of other laws, whose values stand in the table beside it.",
        source="laws: y0 - m lg(t/t0); y0 (t/t0)^-n; y0 exp(-(t/tau)^beta) (Kohlrausch, "
        "doi:10.1002/andp.18541670103)",
        code="labctl.analysis.retention.fit_retention",
        quantity="extrapolated retention",
    ),
)


class Retention(msgspec.Struct, frozen=True):
    """Laws of fading and what they say of the horizon.

    Attributes
    ----------
    competition
        Fits by law; each has ``at_horizon``.
    metric
        The value at the horizon by the preferred law; None when it is not identifiable.
    table
        One row a law: weight, value at the horizon, its standard error by the covariance, its
        interval by the profile, and the interval for a single reading then.
    note
        How far the horizon lies beyond the readings, and whether likely laws disagree there.
    """

    competition: Competition
    metric: Metric | None
    table: Table
    note: str


def retention_curve(
    law: str, horizon: float = TEN_YEARS, t0: float = 1.0, unit: str = "S"
) -> Curve:
    """Return a law as a curve over time.

    Parameters
    ----------
    law
        One of `RETENTIONS`.
    horizon
        Time at which the value is wanted, s.
    t0
        The time to which `y0` of the logarithmic and the power law belongs, s.
    unit
        Of the values.

    Raises
    ------
    BadInput
        The law is unknown, or a time is not positive.
    """
    if law not in RETENTIONS:
        raise BadInput(f'the retention law "{law}" is unknown; allowed are {", ".join(RETENTIONS)}')
    if not (0 < horizon < math.inf and 0 < t0 < math.inf):
        raise BadInput(
            f"a horizon of {horizon:g} s and t0 = {t0:g} s were asked for; both positive"
        )
    curve = {"log_linear": _log_linear, "power": _power, "stretched": _stretched}[law](t0, unit)
    at = np.array([horizon])

    def left(p: Array) -> float:
        return float(curve.shape(at, *p)[0])

    derived = (Derived("at_horizon", unit, left, log=law == "stretched"),)
    fixed = (("horizon", horizon), *((("t0", t0),) if law != "stretched" else ()))
    return Curve(
        curve.model, curve.formula, curve.parameters, curve.shape, curve.starts, derived,
        derivative="complex", fixed=fixed,
    )  # fmt: skip


def _log_linear(t0: float, unit: str) -> Curve:
    def starts(t: Array, y: Array, w: Array) -> list[Array]:
        slope, height = straight_line(np.log10(t / t0), y, w)
        return [np.array([height, -slope])]

    return Curve(
        "log_linear", f"y = y0 - m lg(t/t0), t0 = {t0:g} s",
        (Parameter("y0", unit), Parameter("m", unit)),
        lambda t, y0, m: y0 - m * np.log10(t / t0), starts,
    )  # fmt: skip


def _power(t0: float, unit: str) -> Curve:
    def starts(t: Array, y: Array, w: Array) -> list[Array]:
        sign = 1.0 if np.sum(y * w) >= 0 else -1.0
        size = np.maximum(sign * y, 1e-6 * float(np.max(np.abs(y))) + 1e-300)
        slope, height = straight_line(np.log(t / t0), np.log(size))
        return [np.array([sign * math.exp(height), -slope])]

    return Curve(
        "power", f"y = y0 (t/t0)^-n, t0 = {t0:g} s",
        (Parameter("y0", unit), Parameter("n", "1")),
        lambda t, y0, n: y0 * np.exp(-n * np.log(t / t0)), starts,
    )  # fmt: skip


def _stretched(t0: float, unit: str) -> Curve:
    def shape(t: Array, y0: Any, tau: Any, beta: Any) -> Any:
        gone = np.exp(beta * (np.log(t) - np.log(tau)))
        return y0 * np.exp(-np.where(np.real(gone) > _NOTHING, _NOTHING, gone))

    def starts(t: Array, y: Array, w: Array) -> list[Array]:
        order = np.argsort(t)
        first, last = float(y[order[0]]), float(y[order[-1]])
        gone = min(max(1 - last / first, 1e-3), 0.99) if first else 0.5
        end = float(t[order[-1]])
        return [
            np.array([first * (1 + gone * early), end * (-math.log1p(-gone)) ** (-1 / beta), beta])
            for beta, early in ((0.3, 0.3), (0.6, 0.1), (1.0, 0.0))
        ]

    return Curve(
        "stretched", "y = y0 exp(-(t/tau)^beta)",
        (
            Parameter("y0", unit), Parameter("tau", "s", log=True),
            Parameter("beta", "1", 0.01, 5.0, log=True),
        ),
        shape, starts,
    )  # fmt: skip


def fit_retention(
    t: ArrayLike,
    y: ArrayLike,
    sigma: ArrayLike | None = None,
    horizon: float = TEN_YEARS,
    laws: Sequence[str] = RETENTIONS,
    t0: float = 1.0,
    unit: str = "S",
    *,
    absolute: bool = True,
    slow: ArrayLike | None = None,
) -> Retention:
    """Fit the laws of fading and carry them on to a horizon.

    Parameters
    ----------
    t
        Time since writing, s, positive.
    y
        Conductance (or any other measure of the state).
    sigma, absolute
        As for `labctl.analysis.nonlinear.fit_curve`.
    horizon
        s; ten years if not given.
    laws
        Some of `RETENTIONS`.
    t0
        As for `retention_curve`.
    unit
        Of `y`.
    slow
        What 1/f noise is in proportion to (`labctl.analysis.slow_curves`), with errors from the
        scatter alone; None takes all readings for independent.

    Raises
    ------
    BadInput
        A law is unknown, a time is not positive, or the arrays differ in length.
    """
    curves = {law: retention_curve(law, horizon, t0, unit) for law in laws}
    times = np.ravel(np.asarray(t, float))
    early = int(np.sum(times <= 0))
    remark = f"{early} readings at or before time 0" if early else ""
    times = np.where(times > 0, times, np.nan)
    found = compete_curves(
        curves, times, y, sigma, absolute=absolute, remark=remark, slow=slow
    )  # fmt: skip
    values = np.ravel(np.asarray(y, float))
    best = found.fits.get(found.best)
    metric = None
    if best is not None and best.values["at_horizon"].sigma is not None:
        end = best.values["at_horizon"]
        metric = Metric(end.value, end.sigma, unit, "retention-at-horizon")
    table = _table(curves, found, times, values, sigma, unit)
    return Retention(found, metric, table, _note(found, times, horizon))


def _note(found: Competition, times: Array, horizon: float) -> str:
    usable = times[np.isfinite(times)]
    if not found.best or not len(usable):
        return found.verdict
    far = math.log10(horizon / float(usable.max()))
    said = f"the horizon is {far:.1f} decades beyond the last reading" if far > 0 else ""
    best = found.fits[found.best].values["at_horizon"]
    likely = [name for name, weight in found.weights.items() if weight > _LIKELY]
    if best.low is not None and best.high is not None:
        off = [
            name
            for name in likely
            if not best.low <= found.fits[name].values["at_horizon"].value <= best.high
        ]
        if off:
            laws = ", ".join(name.replace("_", " ") for name in off)
            said += f"{'; ' if said else ''}as likely laws disagree there: {laws}"
    return said


def _table(
    curves: dict[str, Curve],
    found: Competition,
    times: Array,
    values: Array,
    sigma: ArrayLike | None,
    unit: str,
) -> Table:
    rows: list[tuple[float | str | None, ...]] = []
    for law, fit in found.fits.items():
        end = fit.values.get("at_horizon")
        single = _single(curves[law], fit, times, values, sigma)
        weight = found.weights.get(law)
        if end is None:
            rows.append((law, weight, None, None, None, None, None, None))
        else:
            by_covariance = _by_covariance(fit)
            rows.append((law, weight, end.value, by_covariance, end.low, end.high, *single))
    names = (
        "law", "weight", "at the horizon", "standard error", "low", "high",
        "one reading, low", "one reading, high",
    )  # fmt: skip
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    units = ("", "1") + (unit,) * 6
    return Table(
        "retention",
        tuple(Column(n, u, tuple(c)) for n, u, c in zip(names, units, columns, strict=True)),
    )


def _by_covariance(fit: Fit) -> float | None:
    if not fit.covariance:
        return None
    k = list(fit.values).index("at_horizon")
    return math.sqrt(max(fit.covariance[k][k], 0.0))


def _single(
    curve: Curve, fit: Fit, times: Array, values: Array, sigma: ArrayLike | None
) -> tuple[float | None, float | None]:
    """Return the interval of a single reading at the horizon."""
    end = fit.values.get("at_horizon")
    if end is None or end.low is None or end.high is None:
        return None, None
    scatter = _scatter(curve, fit, times, values, sigma)
    half = scatter * (student_95(max(fit.points - len(curve.parameters), 1)))
    return (
        end.value - math.hypot(end.value - end.low, half),
        end.value + math.hypot(end.high - end.value, half),
    )


def _scatter(curve: Curve, fit: Fit, times: Array, values: Array, sigma: ArrayLike | None) -> float:
    """Return the standard deviation of one reading: stated (late ones count), or from residuals."""
    good = np.isfinite(times) & np.isfinite(values)
    left = values[good] - evaluate(curve, fit, times[good])
    dof = max(int(np.sum(good)) - len(curve.parameters), 1)
    found = math.sqrt(float(np.sum(left**2)) / dof)
    if sigma is None:
        return found
    stated = np.ravel(np.asarray(sigma, float))[good]
    stated = stated[np.isfinite(stated) & (stated > 0)]
    return max(found, float(np.median(stated))) if len(stated) else found


def draw_retention(
    t: ArrayLike, y: ArrayLike, sigma: ArrayLike | None, found: Retention, axes: Axes
) -> Panel:
    """Return readings, every law out to the horizon, and the 95 % band of the preferred one."""
    traces = [points_of(t, y, sigma, branch=axes.branch)]
    usable = {name: fit for name, fit in found.competition.fits.items() if fit.values}
    times = np.array(traces[0].x)
    times = times[times > 0]
    names = sorted(usable, key=lambda name: name != found.competition.best)
    for name in names if len(times) else []:
        fit = usable[name]
        curve = retention_curve(name, fit.fixed["horizon"], fit.fixed.get("t0", 1.0))
        dense = np.geomspace(
            float(times.min()), max(fit.fixed["horizon"], float(times.max())), _CURVE_POINTS
        )
        line = evaluate(curve, fit, dense)
        traces.append(line_of(dense, line, name.replace("_", " ")))
        if name == names[0] and fit.covariance:
            scaled = "scaled" in fit.definition
            dof = max(fit.points - len(curve.parameters), 1) if scaled else math.inf
            half = band(curve, fit, dense) * student_95(dof)
            traces += [line_of(dense, line + side * half, "95 % band") for side in (-1, 1)]
    return Panel(
        axes.title, axes.x_label, axes.x_unit, axes.y_label, axes.y_unit, tuple(traces), x_log=True
    )
