"""Panels of fitted curves: data, every curve, and the residuals of the preferred one."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.competition import Axes
from labctl.analysis.curves import Curve, evaluate
from labctl.results import Fit, Panel, Trace

__all__ = ["draw_curves", "line_of", "points_of"]

Array = NDArray[np.float64]

_CURVE_POINTS = 200


def points_of(
    x: ArrayLike, y: ArrayLike, sigma: ArrayLike | None = None, label: str = "", branch: str = ""
) -> Trace:
    """Return the points that can be drawn, with their error bars."""
    places, values = np.ravel(np.asarray(x, float)), np.ravel(np.asarray(y, float))
    good = np.isfinite(places) & np.isfinite(values)
    bars: tuple[float, ...] = ()
    if sigma is not None:
        bars = _tuple(np.nan_to_num(np.ravel(np.asarray(sigma, float))[good], posinf=0.0))
    return Trace(_tuple(places[good]), _tuple(values[good]), label, "points", bars, branch)


def line_of(x: ArrayLike, y: ArrayLike, label: str, branch: str = "") -> Trace:
    """Return a line through the points that are finite."""
    places, values = np.ravel(np.asarray(x, float)), np.ravel(np.asarray(y, float))
    good = np.isfinite(places) & np.isfinite(values)
    return Trace(_tuple(places[good]), _tuple(values[good]), label, "line", (), branch)


def draw_curves(
    axes: Axes,
    x: ArrayLike,
    y: ArrayLike,
    sigma: ArrayLike | None,
    curves: Mapping[str, Curve],
    fits: Mapping[str, Fit],
    best: str = "",
) -> tuple[Panel, ...]:
    """Return data with every fitted curve, and below it the residuals of the preferred fit.

    Parameters
    ----------
    axes
        Titles and units.
    x, y, sigma
        What was fitted.
    curves, fits
        By name.
    best
        Name of the preferred fit, drawn first.
    """
    data = points_of(x, y, sigma, branch=axes.branch)
    usable = {name: fit for name, fit in fits.items() if fit.values}
    places = np.array(data.x)
    shown = places[(places > 0) | (not axes.x_log)]
    if not usable or len(shown) < 2:
        return (_panel(axes, (data,)),)
    best = best if best in usable else next(iter(usable))
    spaced = np.geomspace if axes.x_log else np.linspace
    dense = np.asarray(spaced(float(shown.min()), float(shown.max()), _CURVE_POINTS))
    names = sorted(usable, key=lambda name: name != best)  # the first line is solid
    with np.errstate(all="ignore"):
        lines = [line_of(dense, evaluate(curves[n], fits[n], dense), _plain(n)) for n in names]
        left = np.array(data.y) - evaluate(curves[best], fits[best], places)
    residuals = msgspec.structs.replace(data, y=_tuple(np.nan_to_num(left)))
    below = msgspec.structs.replace(
        _panel(axes, (residuals,)),
        title=f"{axes.title}: residuals of the {_plain(best)}",
        y_label="residual",
        residuals_of=axes.title,
    )
    return (_panel(axes, (data, *lines)), below)


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _tuple(x: Array) -> tuple[float, ...]:
    return tuple(float(value) for value in x)


def _panel(axes: Axes, traces: tuple[Trace, ...]) -> Panel:
    return Panel(
        axes.title, axes.x_label, axes.x_unit, axes.y_label, axes.y_unit, traces, x_log=axes.x_log
    )
