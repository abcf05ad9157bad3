"""BCM curves: weight change against rate, with the threshold at which its sign turns.

Bienenstock, Cooper and Munro (doi:10.1523/JNEUROSCI.02-01-00032.1982) let a synapse weaken below a
rate theta and strengthen above; theta slides with the history. A device's curve need not have
their shape, so the threshold is a parameter of several, and the data choose. Where the depression
first deepens with the rate and then gives way (enhanced depression, Wang et al.,
doi:10.1038/s41467-020-15158-3) the curve has a dip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.competition import Competition
from labctl.analysis.curves import Curve, Derived, Parameter
from labctl.analysis.formula import Definition
from labctl.analysis.nonlinear import compete_curves, fit_curve
from labctl.analysis.straight import combination
from labctl.errors import BadInput
from labctl.results import Fit, Metric

__all__ = ["BCM", "DEFINITIONS_BCM", "bcm_curve", "bcm_threshold", "compete_bcm", "fit_bcm"]

Array = NDArray[np.float64]

_GRID = 201

DEFINITIONS_BCM = (
    Definition(
        "bcm-threshold",
        "theta: change(theta) = 0, falling below and rising above",
        "The rate at which the weight change turns from depression to potentiation, a parameter of "
        "the curve that the data prefer by AICc; its interval is that curve's profile.",
        unit="Hz",
        doi="10.1523/JNEUROSCI.02-01-00032.1982",
        source="Bienenstock, Cooper and Munro, J. Neurosci. 1982, 2, 32",
        code="labctl.analysis.bcm.bcm_threshold",
        quantity="BCM threshold",
    ),
    Definition(
        "bcm-dip",
        "min change(rate) over the rates measured",
        "The deepest depression of the fitted curve within the rates measured.",
        doi="10.1038/s41467-020-15158-3",
        source="enhanced depression effect: Wang et al., Nat. Commun. 2020, 11, 1510",
        code="labctl.analysis.bcm.fit_bcm",
        quantity="enhanced depression",
    ),
)

Shape = Callable[..., Any]

_SHAPES: dict[str, tuple[str, tuple[str, ...], Shape]] = {
    "bcm_quadratic": (
        "c rate (rate - theta)", ("c",), lambda x, theta, c: c * x * (x - theta),
    ),
    "bcm_saturating": (
        "c rate (rate - theta)/(1 + (rate/s)^2)", ("c", "s"),
        lambda x, theta, c, s: c * x * (x - theta) / (1 + (x / s) ** 2),
    ),
    "log_line": ("a u, u = ln(rate/theta)", ("a",), lambda x, theta, a: a * np.log(x / theta)),
    "log_parabola": (
        "a u + b u^2, u = ln(rate/theta)", ("a", "b"),
        lambda x, theta, a, b: (a + b * np.log(x / theta)) * np.log(x / theta),
    ),
    "log_cubic": (
        "a u + b u^2 + d u^3, u = ln(rate/theta)", ("a", "b", "d"),
        lambda x, theta, a, b, d: (a + (b + d * np.log(x / theta)) * np.log(x / theta))
        * np.log(x / theta),
    ),
}  # fmt: skip

#: shapes that `fit_bcm` knows
BCM = tuple(_SHAPES)


def bcm_curve(shape: str, rates: ArrayLike, unit: str = "1") -> Curve:
    """Return a shape as a curve for data at these rates.

    Raises
    ------
    BadInput
        The shape is unknown.
    """
    if shape not in _SHAPES:
        raise BadInput(f'the BCM shape "{shape}" is unknown; allowed are {", ".join(BCM)}')
    formula, names, function = _SHAPES[shape]
    usable = np.ravel(np.asarray(rates, float))
    usable = usable[np.isfinite(usable) & (usable > 0)]
    first, last = (float(usable.min()), float(usable.max())) if len(usable) else (1.0, 2.0)
    units = {"c": f"{unit}/Hz^2" if unit != "1" else "1/Hz^2", "s": "Hz"}
    with np.errstate(all="ignore"):  # rates at the end of the range of numbers
        grid = np.geomspace(first, last, _GRID)
    derived = (Derived("dip", unit, lambda p: _least(function(grid, *p))),)
    return Curve(
        shape,
        f"change = {formula}",
        (
            Parameter("theta", "Hz", 1e-3 * first, 1e3 * last, log=True),
            *(Parameter(n, units.get(n, unit), log=n == "s") for n in names),
        ),
        function,
        _starter(function, names, last),
        derived if shape != "log_line" else (),
        derivative="complex",
        null="constant",
        subject="threshold",
    )


def _least(y: Array) -> float:
    """Return the minimum of a smooth curve on a grid, with a parabola through its lowest points."""
    k = int(np.argmin(y))
    if k in (0, len(y) - 1):
        return float(y[k])
    before, here, after = (float(v) for v in y[k - 1 : k + 2])
    bend = before - 2 * here + after
    return here - (after - before) ** 2 / (8 * bend) if bend > 0 else here


def _starter(function: Shape, names: tuple[str, ...], last: float) -> Any:
    def starts(x: Array, y: Array, w: Array) -> list[Array]:
        order = np.argsort(x)
        theta = _crossing(x[order], y[order]) or float(np.exp(np.mean(np.log(x))))
        found = []
        for s in (last, last / 5):
            guess = [s if name == "s" else 0.0 for name in names]
            linear = [k for k, name in enumerate(names) if name != "s"]
            columns = []
            for k in linear:
                one = list(guess)
                one[k] = 1.0
                columns.append(function(x, theta, *one) * w)
            best = combination(np.array(columns).T, y * w)
            for k, value in zip(linear, best, strict=True):
                guess[k] = float(value)
            found.append(np.array([theta, *guess]))
            if "s" not in names:
                break
        return found

    return starts


def _crossing(x: Array, y: Array) -> float:
    """Return where the data turn from negative to positive, or 0."""
    turns = np.flatnonzero((y[:-1] < 0) & (y[1:] >= 0))
    if not len(turns):
        return 0.0
    k = int(turns[len(turns) // 2])
    share = -y[k] / (y[k + 1] - y[k])
    return float(np.exp(np.log(x[k]) + share * np.log(x[k + 1] / x[k])))


def _usable(
    rate: ArrayLike, change: ArrayLike, sigma: ArrayLike | None
) -> tuple[Array, Array, Array | None, str, str]:
    """Return what can be fitted, a remark, and why not, or nothing.

    Raises
    ------
    BadInput
        The arrays differ in length.
    """
    x, y = np.ravel(np.asarray(rate, float)), np.ravel(np.asarray(change, float))
    spread = None if sigma is None else np.ravel(np.asarray(sigma, float))
    if len(x) != len(y) or (spread is not None and len(spread) != len(x)):
        raise BadInput(f"{len(x)} rates and {len(y)} changes were given; their numbers must agree")
    good = ~(x <= 0)
    remark = f"{int(np.sum(~good))} points without a positive rate left out" * bool(np.any(~good))
    x, y, spread = x[good], y[good], None if spread is None else spread[good]
    finite = np.isfinite(x) & np.isfinite(y)
    refusal = ""
    if not np.any(y[finite] < 0) or not np.any(y[finite] > 0):
        refusal = "the change does not turn its sign within the rates measured: no threshold"
    return x, y, spread, remark, refusal


def fit_bcm(
    rate: ArrayLike,
    change: ArrayLike,
    sigma: ArrayLike | None = None,
    shape: str = "bcm_quadratic",
    unit: str = "1",
    *,
    absolute: bool = True,
) -> Fit:
    """Fit a shape with a threshold.

    Parameters
    ----------
    rate
        Hz, positive.
    change
        Weight change at each rate.
    sigma, absolute
        As for `labctl.analysis.nonlinear.fit_curve`.
    shape
        One of `BCM`.
    unit
        Of the change.

    Returns
    -------
    Fit
        ``theta``, the parameters of the shape, and ``dip``, the least value of the curve within
        the rates measured. Changes of one sign give a fit without values.

    Raises
    ------
    BadInput
        The shape is unknown, or the arrays differ in length.
    """
    curve = bcm_curve(shape, rate, unit)
    x, y, spread, remark, refusal = _usable(rate, change, sigma)
    if refusal:
        return Fit(shape, curve.formula, points=len(x), note=refusal)
    return fit_curve(curve, x, y, spread, absolute=absolute, remark=remark)


def compete_bcm(
    rate: ArrayLike,
    change: ArrayLike,
    sigma: ArrayLike | None = None,
    shapes: Sequence[str] = BCM,
    unit: str = "1",
    *,
    absolute: bool = True,
) -> Competition:
    """Fit several shapes and compare them.

    Raises
    ------
    BadInput
        A shape is unknown, or the arrays differ in length.
    """
    curves = {shape: bcm_curve(shape, rate, unit) for shape in shapes}
    x, y, spread, remark, refusal = _usable(rate, change, sigma)
    if refusal:
        fits = {
            name: Fit(name, c.formula, points=len(x), note=refusal) for name, c in curves.items()
        }
        return Competition(fits, "", {}, refusal)
    return compete_curves(curves, x, y, spread, absolute=absolute, remark=remark)


def bcm_threshold(competition: Competition) -> tuple[Metric | None, str]:
    """Return the threshold by the preferred shape, and what the others say of it.

    Returns
    -------
    Metric or None
        None when there is no preferred shape, or its threshold is not identifiable.
    str
        A warning when a shape that is nearly as likely (Akaike weight above 0.05) puts the
        threshold outside the interval, or nothing.
    """
    if not competition.best:
        return None, competition.verdict
    theta = competition.fits[competition.best].values["theta"]
    if theta.sigma is None or theta.low is None or theta.high is None:
        return None, competition.fits[competition.best].note
    metric = Metric(theta.value, theta.sigma, "Hz", "bcm-threshold")
    others = {
        name: fit.values["theta"].value
        for name, fit in competition.fits.items()
        if competition.weights.get(name, 0) > 0.05 and "theta" in fit.values
    }
    off = [
        f"{n.replace('_', ' ')} {v:.3g} Hz"
        for n, v in others.items()
        if not theta.low <= v <= theta.high
    ]
    said = f"the threshold depends on the shape assumed: {', '.join(off)}" if off else ""
    return metric, said
