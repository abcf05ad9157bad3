"""Updates: fits of potentiation and depression by identical pulses, and their figures of merit.

Both branches are fitted together, since they share their end states: a Gmin and Gmax taken from the
potentiation alone is a common mistake. The laws are in `labctl.analysis.update_curves`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.competition import Axes, Competition
from labctl.analysis.curve_panels import line_of, points_of
from labctl.analysis.curves import Curve, evaluate
from labctl.analysis.formula import Definition
from labctl.analysis.nonlinear import compete_curves, fit_curve
from labctl.analysis.update_curves import update_curve
from labctl.errors import BadInput
from labctl.results import Fit, Metric, Panel, Trace

__all__ = [
    "DEFINITIONS_UPDATES", "Branches", "branches", "compete_updates", "draw_updates",
    "fit_updates", "update_metrics",
]  # fmt: skip

Array = NDArray[np.float64]

_COMPARED = ("linear", "neurosim", "alpha", "exponential_step", "linear_step")
_CURVE_POINTS = 100

DEFINITIONS_UPDATES = (
    Definition(
        "neurosim-nonlinearity-label",
        "NL = max(f(x) - x)/(0.07 sqrt(2)), f(x) = (1 - exp(-k x))/(1 - exp(-k)), k = N/A",
        "A is that of G = B (1 - exp(-n/A)) + Gmin, fitted to both branches with common Gmin and "
        "Gmax; N is the number of pulses of the branch. The formula reproduces the tables of label "
        "against A/N that NeuroSim distributes (0.01 to 9). Positive: the first pulses change G "
        "most, in either branch; NeuroSim's input files give depression a negative sign.",
        doi="10.1109/TCAD.2018.2789723",
        source="Chen, Peng and Yu, IEEE TCAD 2018, 37, 3067; table of MLP+NeuroSim V3.0",
        code="labctl.analysis.updates.update_metrics",
        quantity="non-linearity",
    ),
    Definition(
        "alpha-nonlinearity",
        "G = ((Gmax^alpha - Gmin^alpha) w + Gmin^alpha)^(1/alpha)",
        "w is the internal state, from 0 to 1, that every pulse moves by 1/N; alpha is 1 for a "
        "linear device, and each branch has its own.",
        doi="10.1109/LED.2015.2418342",
        source="Jang et al., IEEE EDL 2015, 36, 457",
        code="labctl.analysis.updates.fit_updates",
        quantity="non-linearity",
    ),
    Definition(
        "dynamic-range-both-branches",
        "Gmax/Gmin",
        "The end states common to potentiation and depression, from a fit to both branches; not "
        "the extremes of one branch, which noise widens.",
        code="labctl.analysis.updates.update_metrics",
        quantity="dynamic range",
    ),
    Definition(
        "update-asymmetry",
        "mean |Gp(x) - Gd(1 - x)|/(Gmax - Gmin)",
        "Mean distance between the potentiation and the depression run backwards, x = n/N, over "
        "the states measured, as a share of the range: 0 where depression retraces potentiation. "
        "Calculated from the readings, so noise adds to it.",
        code="labctl.analysis.updates.update_metrics",
        quantity="asymmetry",
    ),
    Definition(
        "linearity-deviation",
        "max |G(n) - G(0) - (G(N) - G(0)) n/N|/|G(N) - G(0)|",
        "Largest distance of the readings of a branch from the straight line between its first and "
        "last, as a share of their difference. Noise adds to it.",
        code="labctl.analysis.updates.update_metrics",
        quantity="deviation from linearity",
    ),
)


@dataclass(frozen=True, slots=True)
class Branches:
    """Readings of conductance along both branches.

    Attributes
    ----------
    pulses
        Number of pulses of the branch before each reading; 0 before the first.
    branch
        1 for potentiation, -1 for depression.
    g
        Conductance.
    sigma
        Its standard uncertainty, or None.
    """

    pulses: Array
    branch: Array
    g: Array
    sigma: Array | None = None

    def side(self, side: int) -> tuple[Array, Array]:
        """Return the pulses and readings of one branch, in order, that are finite."""
        here = (self.branch == side) & np.isfinite(self.g) & np.isfinite(self.pulses)
        order = np.argsort(self.pulses[here], kind="stable")
        return self.pulses[here][order], self.g[here][order]


def branches(
    potentiation: ArrayLike = (),
    depression: ArrayLike = (),
    sigma: tuple[ArrayLike, ArrayLike] | None = None,
    pulses: tuple[ArrayLike, ArrayLike] | None = None,
) -> Branches:
    """Return readings of both branches; a branch may be missing.

    Parameters
    ----------
    potentiation, depression
        Conductance before the first pulse of the branch and after each, S.
    sigma
        Standard uncertainties of both.
    pulses
        Pulses before each reading of both, where not every pulse was followed by one; then the same
        number may come several times.

    Raises
    ------
    BadInput
        The arrays differ in length.
    """
    both = [np.ravel(np.asarray(g, float)) for g in (potentiation, depression)]
    if pulses is None:
        counted = [np.arange(len(g), dtype=float) for g in both]
    else:
        counted = [np.ravel(np.asarray(n, float)) for n in pulses]
    spread = [np.ravel(np.asarray(s, float)) for s in sigma] if sigma is not None else both
    if any(not len(g) == len(n) == len(s) for g, n, s in zip(both, counted, spread, strict=True)):
        raise BadInput(
            f"{len(both[0])} and {len(both[1])} conductances were given, with "
            f"{len(counted[0])} and {len(counted[1])} pulse counts and {len(spread[0])} and "
            f"{len(spread[1])} uncertainties; in each branch their numbers must be equal"
        )
    return Branches(
        np.concatenate(counted),
        np.concatenate((np.ones(len(both[0])), -np.ones(len(both[1])))),
        np.concatenate(both),
        None if sigma is None else np.concatenate(spread),
    )


def _curve(law: str, data: Branches, unit: str) -> Curve:
    return update_curve(law, data.pulses, data.branch, data.g, unit)


def _refusal(data: Branches) -> str:
    for side, name in ((1, "potentiation"), (-1, "depression")):
        n, _ = data.side(side)
        if len(n) and np.min(n) < 0:
            return f"the {name} has negative numbers of pulses"
        if len(n) and np.max(n) <= 0:
            return f"the {name} has no reading after a pulse"
    return ""


def fit_updates(
    data: Branches, law: str = "neurosim", unit: str = "S", *, absolute: bool = True
) -> Fit:
    """Fit a law to both branches together.

    Parameters
    ----------
    data
        What `branches` returned.
    law
        One of `labctl.analysis.update_curves.UPDATES`.
    unit
        Of the conductances.
    absolute
        As for `labctl.analysis.nonlinear.fit_curve`.

    Returns
    -------
    Fit
        The parameters of the law by branch, ``..._ltp`` and ``..._ltd``; ``neurosim`` adds the
        labels.

    Raises
    ------
    BadInput
        The law is unknown.
    """
    curve = _curve(law, data, unit)
    refusal = _refusal(data)
    if refusal:
        return Fit(law, curve.formula, points=len(data.g), note=refusal)
    if law == "alpha" and not np.any(data.g > 0):
        note = "no conductance is positive; the alpha model needs that"
        return Fit(law, curve.formula, points=len(data.g), note=note)
    at = np.array([data.pulses, data.branch])
    return fit_curve(curve, at, data.g, data.sigma, absolute=absolute)


def compete_updates(
    data: Branches, laws: Sequence[str] = _COMPARED, unit: str = "S", *, absolute: bool = True
) -> Competition:
    """Fit several laws and compare them.

    ``soft_bounds`` is ``linear_step`` in other words, so comparing them says nothing.

    Raises
    ------
    BadInput
        A law is unknown.
    """
    curves = {law: _curve(law, data, unit) for law in laws}
    refusal = _refusal(data)
    if refusal:
        fits = {law: Fit(law, curve.formula, note=refusal) for law, curve in curves.items()}
        return Competition(fits, "", {}, refusal)
    if not np.any(data.g > 0):
        curves.pop("alpha", None)
    at = np.array([data.pulses, data.branch])
    return compete_curves(curves, at, data.g, data.sigma, absolute=absolute)


@np.errstate(all="ignore")
def update_metrics(data: Branches, fit: Fit) -> dict[str, Metric]:
    """Return the figures of merit of an update; `fit` is the ``neurosim`` one.

    Returns
    -------
    dict
        ``label_ltp``, ``label_ltd`` where they are identifiable, ``dynamic_range``, and from the
        readings ``asymmetry``, ``deviation_ltp`` and ``deviation_ltd``; those that the data do not
        give are missing.
    """
    metrics = {
        name: Metric(value.value, value.sigma, "1", "neurosim-nonlinearity-label")
        for name, value in fit.values.items()
        if name.startswith("label_") and value.sigma is not None
    }
    ratio = _dynamic_range(fit)
    if ratio is not None:
        metrics["dynamic_range"] = ratio
    for side, name in ((1, "deviation_ltp"), (-1, "deviation_ltd")):
        found = _deviation(*data.side(side))
        if found is not None:
            metrics[name] = Metric(found, None, "1", "linearity-deviation")
    unlike = _asymmetry(data)
    if unlike is not None:
        metrics["asymmetry"] = Metric(unlike, None, "1", "update-asymmetry")
    return metrics


def _dynamic_range(fit: Fit) -> Metric | None:
    """Return Gmax/Gmin with its uncertainty; None where Gmin may be zero."""
    if not {"Gmin", "Gmax"} <= set(fit.values) or not fit.covariance:
        return None
    low, high = fit.values["Gmin"].value, fit.values["Gmax"].value
    spread = fit.values["Gmin"].sigma
    if spread is None or low <= 3 * spread:
        return None
    names = list(fit.values)
    a, b = names.index("Gmin"), names.index("Gmax")
    rows, slopes = np.array(fit.covariance), np.zeros(len(names))
    slopes[a], slopes[b] = -high / low**2, 1 / low
    sigma = math.sqrt(max(float(slopes @ rows @ slopes), 0.0))
    return Metric(high / low, sigma, "1", "dynamic-range-both-branches")


def _deviation(n: Array, g: Array) -> float | None:
    if len(n) < 3 or g[-1] == g[0] or n[-1] == n[0]:
        return None
    line = g[0] + (g[-1] - g[0]) * (n - n[0]) / (n[-1] - n[0])
    found = float(np.max(np.abs(g - line)) / abs(g[-1] - g[0]))
    return found if math.isfinite(found) else None


def _asymmetry(data: Branches) -> float | None:
    (up_n, up), (down_n, down) = data.side(1), data.side(-1)
    if len(up) < 2 or len(down) < 2:
        return None
    span = float(max(np.max(up), np.max(down)) - min(np.min(up), np.min(down)))
    if not span > 0 or np.max(up_n) <= 0 or np.max(down_n) <= 0:
        return None
    forward, back = up_n / np.max(up_n), (1 - down_n / np.max(down_n))[::-1]
    gaps = np.interp(forward, back, down[::-1]) - up
    found = float(np.mean(np.abs(gaps)) / span)
    return found if math.isfinite(found) else None


def draw_updates(data: Branches, fits: dict[str, Fit], axes: Axes, unit: str = "S") -> Panel:
    """Return both branches with every fitted law, depression drawn after potentiation."""
    counts = data.side(1)[0]
    shift = float(np.max(counts)) if len(counts) else 0.0
    traces: list[Trace] = []
    for side, name in ((1, "potentiation"), (-1, "depression")):
        n, g = data.side(side)
        if not len(n):
            continue
        moved = n if side > 0 else n + shift
        traces.append(points_of(moved, g, branch=name))
        dense = np.linspace(0, float(np.max(n)), _CURVE_POINTS)
        for law, fit in fits.items():
            if fit.values:
                at = np.array([dense, np.full(len(dense), float(side))])
                line = evaluate(_curve(law, data, unit), fit, at)
                x = dense if side > 0 else dense + shift
                traces.append(line_of(x, line, law.replace("_", " "), name))
    return Panel(
        axes.title, axes.x_label, axes.x_unit, axes.y_label, axes.y_unit, tuple(traces),
        x_log=axes.x_log,
    )  # fmt: skip
