"""Pooled numbers: the mean of repeats, with what their scatter and the instrument leave unsure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.decays import fit_decays
from labctl.results import Metric, Trace

__all__ = [
    "Uncertain", "differences", "geometric_of", "known", "mean_of", "metric_of", "points", "pooled",
    "pooled_times",
]  # fmt: skip

Array = NDArray[np.float64]
#: a value and its standard uncertainty; not a number where it was not found
Uncertain = tuple[float, float]


def pooled(values: ArrayLike, u_common: float = 0.0) -> tuple[float, float | None]:
    """Return the mean of the finite values and its standard uncertainty.

    Parameters
    ----------
    values
        Repeats of one quantity; those that are not finite are left out.
    u_common
        Standard uncertainty that all of them share, by the instrument's specification: it does not
        shrink with their number.

    Returns
    -------
    mean, sigma
        Not a number, and None, without a finite value; None too where nothing is known of the
        uncertainty (a single value, an instrument without a specification).
    """
    good = np.ravel(np.asarray(values, float))
    good = good[np.isfinite(good)]
    if not len(good):
        return math.nan, None
    scatter = float(np.std(good, ddof=1)) / math.sqrt(len(good)) if len(good) > 1 else 0.0
    sigma = math.hypot(scatter, u_common if math.isfinite(u_common) else 0.0)
    return float(np.mean(good)), sigma or None


def metric_of(
    values: ArrayLike, unit: str, definition: str, u_common: float = 0.0
) -> Metric | None:
    """Return the pooled mean as a figure of merit; None without a value.

    Parameters
    ----------
    values, u_common
        As for `pooled`.
    unit, definition
        Of the figure.
    """
    mean, sigma = pooled(values, u_common)
    return Metric(mean, sigma, unit, definition) if math.isfinite(mean) else None


def mean_of(rows: Sequence[Uncertain], unit: str, definition: str) -> Metric | None:
    """Return the mean of what was found in each repeat; None where it was in none.

    Parameters
    ----------
    rows
        Values with the uncertainties of what is alike in all repeats, such as the distance of
        levels or the gain of a meter: these do not shrink with their number.
    unit, definition
        Of the figure.
    """
    found = np.array([row for row in rows if np.all(np.isfinite(row))], float).reshape(-1, 2)
    common = float(np.mean(found[:, 1])) if len(found) else 0.0
    return metric_of(found[:, 0], unit, definition, common)


def geometric_of(rows: Sequence[Uncertain], unit: str, definition: str) -> Metric | None:
    """Return the geometric mean of positive values, as `mean_of` does the plain one."""
    logs = [(math.log(x), u / x) for x, u in rows if x > 0]
    found = mean_of(logs, unit, definition)
    if found is None:
        return None
    value, sigma = math.exp(found.value), found.sigma
    return Metric(value, None if sigma is None else value * sigma, unit, definition)


def known(metrics: Mapping[str, Metric | None]) -> dict[str, Metric]:
    """Return the figures that there are."""
    return {name: metric for name, metric in metrics.items() if metric is not None}


def points(
    x: ArrayLike,
    y: ArrayLike,
    label: str = "",
    kind: str = "points",
    *,
    u: ArrayLike | None = None,
    branch: str = "",
) -> Trace:
    """Return what is finite of a course as a trace; a lost reading is no point.

    Parameters
    ----------
    x, y, u
        Places, values and their standard uncertainties; error bars are drawn where one is known.
    label, kind, branch
        As of `labctl.results.Trace`.
    """
    places, values = (np.ravel(np.asarray(part, float)) for part in (x, y))
    good = np.isfinite(places) & np.isfinite(values)
    bars: tuple[float, ...] = ()
    if u is not None:
        spread = np.nan_to_num(np.ravel(np.asarray(u, float))[good])
        bars = tuple(spread.tolist()) if np.any(spread > 0) else ()
    return Trace(
        tuple(places[good].tolist()), tuple(values[good].tolist()), label, kind, bars, branch
    )  # fmt: skip


def differences(g: Array, u_g: Array) -> tuple[Array, float]:
    """Return the changes of successive readings and the uncertainty that they share.

    Two readings on one range share gain and offset: the offset cancels in their difference, and the
    gain is as uncertain for the difference as, relatively, for the readings.

    Parameters
    ----------
    g, u_g
        Conductances and their standard uncertainties by the specification, S.

    Returns
    -------
    changes, u_common
        One fewer than the readings, and the standard uncertainty of their mean from the gain.
    """
    changes = np.diff(g)
    with np.errstate(all="ignore"):
        gain = np.abs(u_g / g)
    known = gain[np.isfinite(gain)]
    seen = changes[np.isfinite(changes)]
    if not len(known) or not len(seen):
        return changes, 0.0
    return changes, float(np.min(known) * abs(np.mean(seen)))


def pooled_times(t: Array, y: Array) -> Metric | None:
    """Return the decay time as the mean of those of several courses, each fitted by itself.

    Noise of a device is correlated within a course (1/f), so the interval of a single fit, which
    takes its residuals for independent, is too narrow; the scatter of repeats is not.

    Parameters
    ----------
    t
        Times, s, shape (points,) or (courses, points).
    y
        Courses, shape (courses, points).

    Returns
    -------
    Metric or None
        Time of a single exponential above a constant, s, with the standard error from the scatter
        of the courses; None where none of them determines it.
    """
    courses = fit_decays(t, y, model="single_decay", baseline="free")
    sure = courses.identifiable & (courses["tau1"] > 0)
    return metric_of(courses["tau1"][sure], "s", "decay-time-of-repeats")
