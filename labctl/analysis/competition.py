"""Competition of models: which of several curves the data prefer, and by how much."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.decay import curve, fit_decay
from labctl.analysis.laws import find_law
from labctl.analysis.question import Baseline
from labctl.results import Fit, Panel, Trace

__all__ = ["Axes", "Competition", "compete", "draw_decay", "judge"]

Array = NDArray[np.float64]

_CURVE_POINTS = 200
_NEARLY_SURE = 0.9995
_UNLIKELY = 1e-3  # so few changes of sign by chance


class Competition(msgspec.Struct, frozen=True):
    """Fits of several models to the same data."""

    fits: dict[str, Fit]
    best: str  #: name of the model with the lowest AICc; empty when none could be fitted
    weights: dict[str, float]  #: Akaike weights: shares of belief among the models compared
    verdict: str  #: the same in one sentence


def compete(
    t: ArrayLike,
    y: ArrayLike,
    sigma: ArrayLike | None = None,
    models: Sequence[str] = ("single_decay", "double_decay"),
    baseline: Baseline = "none",
    unit_t: str = "s",
    unit_y: str = "1",
    *,
    absolute: bool = True,
    t0: float = 1.0,
    slow: ArrayLike | None = None,
) -> Competition:
    """Fit each model and compare them.

    Parameters
    ----------
    t, y, sigma, baseline, unit_t, unit_y, absolute, t0, slow
        As for `labctl.analysis.decay.fit_decay`.
    models
        Names of the models, simplest first; `labctl.analysis.decay.MODELS` are all of them. Points
        at times at which one of them has no value are left out for all, because only fits of the
        same data can be compared; the verdict says so.

    Returns
    -------
    Competition
        The fits by model name, and the verdict of `judge`.

    Raises
    ------
    BadInput
        A model or the baseline is unknown, or the arrays differ in length.
    """
    times = np.ravel(np.asarray(t, float))
    early = times < max((find_law(model).begin for model in models), default=-math.inf)
    if np.any(early):
        t, y, sigma = times[~early], _kept(y, early), None if sigma is None else _kept(sigma, early)
        slow = slow if slow is None or np.ndim(slow) == 0 else _kept(slow, early)
    found = judge(
        {
            model: fit_decay(
                t, y, sigma, model, baseline, unit_t, unit_y, absolute=absolute, t0=t0, slow=slow
            )
            for model in models
        }
    )
    if not np.any(early):
        return found
    left = f"{np.sum(early)} of {len(times)} points are at times at which a model has no value"
    return msgspec.structs.replace(found, verdict=f"{found.verdict}; {left}: left out for all")


def _kept(values: ArrayLike, early: NDArray[np.bool_]) -> Array:
    """Leave out what comes too early; an array of another length is for the fit to refuse."""
    array = np.ravel(np.asarray(values, float))
    return array[~early] if len(array) == len(early) else array


def judge(fits: dict[str, Fit]) -> Competition:
    """Compare fits to the same data, by any name, by Akaike's criterion.

    The weight of a model is exp(-d/2), d its distance from the lowest AICc, divided by their sum
    (Burnham and Anderson, doi:10.1177/0049124104268644).
    """
    scores = {name: fit.aicc for name, fit in fits.items() if fit.aicc is not None}
    if not scores:
        return Competition(fits, "", {}, "no model could be compared: too few usable points")
    lowest = min(scores.values())
    shares = {name: math.exp(max(-700.0, (lowest - score) / 2)) for name, score in scores.items()}
    weights = {name: share / sum(shares.values()) for name, share in shares.items()}
    best = max(weights, key=lambda name: weights[name])
    said = _verdict(best, scores, weights[best])
    if not fits[best].identifiable:
        said += ", but not all its parameters are identifiable"
    return Competition(fits, best, weights, said + _of_residuals(fits[best]))


def _of_residuals(fit: Fit) -> str:
    """Say that residuals do not change sign as often as independent ones would, or nothing."""
    if fit.runs is None or fit.runs >= _UNLIKELY:
        return ""
    known = "interval-with-slow-noise" in fit.definition
    counted = "allow for 1/f noise, not for another law" if known else "take them for independent"
    return (
        "; its residuals hang together (slow noise, or more than this law), and the intervals "
        f"{counted}"
    )


def _verdict(best: str, scores: dict[str, float], weight: float) -> str:
    rivals = [
        f"{_plain(name)} {score - scores[best]:+.1f}"
        for name, score in scores.items()
        if name != best
    ]
    if not rivals:
        return f"the {_plain(best)} was compared with nothing"
    share = f"{weight:.3f}" if weight < _NEARLY_SURE else "above 0.999"
    return f"the {_plain(best)} is preferred (weight {share}; AICc of the {', '.join(rivals)})"


def _plain(name: str) -> str:
    return name.replace("_", " ")


class Axes(msgspec.Struct, frozen=True):
    """How a decay is to be labelled."""

    title: str
    y_label: str
    y_unit: str = "1"
    x_label: str = "time"
    x_unit: str = "s"
    x_log: bool = True
    branch: str = ""  #: ``potentiation`` or ``depression``


def draw_decay(
    t: ArrayLike,
    y: ArrayLike,
    sigma: ArrayLike | None,
    competition: Competition,
    axes: Axes,
    baseline: float | None = None,
) -> tuple[Panel, ...]:
    """Return data with every fitted curve, and below it the residuals of the best fit.

    Parameters
    ----------
    t, y, sigma
        What was fitted; `sigma` becomes the error bars.
    competition
        Its fits.
    axes
        Titles and units.
    baseline
        Replaces a baseline that was fixed.

    Returns
    -------
    tuple of Panel
        One panel, and a second with residuals when there is a fit.
    """
    times, values, bars = _finite(t, y, sigma)
    data = Trace(_tuple(times), _tuple(values), "", "points", bars, axes.branch)
    usable = times[(times > 0) | (not axes.x_log)]
    fits = {name: fit for name, fit in competition.fits.items() if fit.values}
    if not fits or len(usable) < 2:
        return (_panel(axes, (data,)),)
    spaced = np.geomspace if axes.x_log else np.linspace
    dense = spaced(float(np.min(usable)), float(np.max(usable)), _CURVE_POINTS)
    best = competition.best if competition.best in fits else next(iter(fits))
    lines = tuple(
        Trace(_tuple(dense), _tuple(curve(fits[name], dense, baseline)), _plain(name), "line")
        for name in sorted(fits, key=lambda name: name != best)  # the first line is solid
    )
    left = values - curve(fits[best], times, baseline)
    residuals = Trace(data.x, _tuple(left), "", "points", bars, axes.branch)
    below = msgspec.structs.replace(
        _panel(axes, (residuals,)),
        title=f"{axes.title}: residuals of the {_plain(best)}",
        y_label="residual",
        residuals_of=axes.title,
    )
    return (_panel(axes, (data, *lines)), below)


def _finite(
    t: ArrayLike, y: ArrayLike, sigma: ArrayLike | None
) -> tuple[Array, Array, tuple[float, ...]]:
    """Leave out points that cannot be drawn."""
    times, values = np.ravel(np.asarray(t, float)), np.ravel(np.asarray(y, float))
    good = np.isfinite(times) & np.isfinite(values)
    if sigma is None:
        return times[good], values[good], ()
    bars = np.nan_to_num(np.ravel(np.asarray(sigma, float))[good], posinf=0.0)
    return times[good], values[good], _tuple(bars)


def _tuple(x: Array) -> tuple[float, ...]:
    return tuple(float(value) for value in x)


def _panel(axes: Axes, traces: tuple[Trace, ...]) -> Panel:
    return Panel(
        axes.title, axes.x_label, axes.x_unit, axes.y_label, axes.y_unit, traces, x_log=axes.x_log
    )
