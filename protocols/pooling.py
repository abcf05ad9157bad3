"""Pooling of repeats: means with standard errors, and trends against what was varied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.curves import Curve, Parameter
from labctl.analysis.nonlinear import fit_curve
from labctl.analysis.straight import combination
from labctl.results import Fit, Metric

__all__ = ["Pooled", "fit_exponents", "pool", "smallest_rise"]

Array = NDArray[np.float64]

_FLOOR = 0.1  # of the largest mean: the scatter of what is near zero is not relative


@dataclass(frozen=True, slots=True)
class Pooled:
    """Means over the repeats of each condition, in the order of the conditions.

    Attributes
    ----------
    keys
        The conditions.
    mean
        Mean of each; not a number where nothing is usable.
    sigma
        Its standard error, from a relative scatter pooled over all conditions; not a number where
        nothing was repeated.
    count
        Usable values of each.
    dof
        Degrees of freedom of the pooled scatter.
    """

    keys: tuple[Any, ...]
    mean: Array
    sigma: Array
    count: Array
    dof: int

    @property
    def bars(self) -> tuple[float, ...]:
        """Error bars, or nothing where they are not known."""
        return tuple(self.sigma.tolist()) if np.all(np.isfinite(self.sigma)) else ()

    def at(self, key: Any) -> tuple[float, float | None]:
        """Return mean and standard error of a condition; None for an error that is not known."""
        k = self.keys.index(key)
        sigma = float(self.sigma[k])
        return float(self.mean[k]), sigma if np.isfinite(sigma) else None


def pool(keys: Sequence[Any], values: ArrayLike) -> Pooled:
    """Pool repeats by condition.

    What scatters is taken as a share of the mean (a tenth of the largest mean where one is near
    zero), so the scatter of all conditions gives one share with many degrees of freedom.

    Parameters
    ----------
    keys
        Condition of each value; they can be sorted.
    values
        Those that are not finite are left out.
    """
    y = np.ravel(np.asarray(values, float))
    order = tuple(sorted(set(keys)))
    place = {key: k for k, key in enumerate(order)}
    group = np.array([place[key] for key in keys], np.intp)
    good = np.isfinite(y)
    size = len(order)
    count = np.bincount(group[good], minlength=size).astype(float)
    with np.errstate(all="ignore"):
        mean = np.bincount(group[good], y[good], minlength=size) / count
    largest = float(np.nanmax(np.abs(mean), initial=0.0)) if np.any(good) else 0.0
    scale = np.maximum(np.abs(mean), _FLOOR * largest or 1.0)
    left = (y[good] - mean[group[good]]) / scale[group[good]]
    dof = int(np.sum(good)) - int(np.sum(count > 0))
    sigma = np.full(size, np.nan)
    if dof > 0:
        with np.errstate(all="ignore"):
            sigma = scale * np.sqrt(float(np.sum(left**2)) / dof) / np.sqrt(count)
    return Pooled(order, mean, sigma, count, dof)


def smallest_rise(found: Pooled, definition: str, *, backwards: bool = False) -> Metric | None:
    """Return the smallest relative change from one condition to the next.

    Parameters
    ----------
    found
        The response against one quantity.
    definition
        Id of the metric.
    backwards
        Go from the largest value of the quantity to the smallest.

    Returns
    -------
    Metric or None
        ``(y[k + 1] - y[k])/|y[k]|``, the least over k in that order, with its error; None
        below two usable conditions.
    """
    here = np.isfinite(found.mean)
    turn = -1 if backwards else 1
    y, u = found.mean[here][::turn], found.sigma[here][::turn]
    if len(y) < 2 or np.any(y == 0):
        return None
    rises = np.diff(y) / np.abs(y[:-1])
    k = int(np.argmin(rises))
    sigma = float(np.hypot(u[k + 1], u[k] * y[k + 1] / y[k]) / abs(y[k]))
    return Metric(float(rises[k]), sigma if np.isfinite(sigma) else None, "1", definition)


def fit_exponents(places: Mapping[str, ArrayLike], response: ArrayLike) -> Fit:
    """Fit a product of powers: the relative slope against each quantity, all at once.

    ``ln y = ln y0 + sum p_k ln(x_k/m_k)``, m_k the geometric mean of x_k. Intervals stand on the
    scatter about that plane, so a trend that bends makes them wide.

    Parameters
    ----------
    places
        Positive values of each quantity for every response; those that do not vary are left out.
    response
        Positive; what is not is left out.
    """
    y = np.ravel(np.asarray(response, float))
    columns = {name: np.ravel(np.asarray(x, float)) for name, x in places.items()}
    good = np.isfinite(y) & (y > 0)
    for x in columns.values():
        good &= np.isfinite(x) & (x > 0)
    varied = {name: x[good] for name, x in columns.items() if len(set(x[good].tolist())) > 1}
    formula = "ln y = ln y0 + sum p_k ln(x_k/m_k), m_k the geometric mean of x_k"
    if not varied:
        note = "nothing was varied among the usable responses"
        return Fit("power_law", formula, note=note, points=int(good.sum()))
    logs = {name: np.log(x) for name, x in varied.items()}
    means = {name: float(np.mean(x)) for name, x in logs.items()}
    at = np.array([logs[name] - means[name] for name in varied])
    curve = Curve(
        "power_law", formula,
        (Parameter("ln_y0"), *(Parameter(f"p_{name}") for name in varied)),
        _plane, _plane_start, derivative="complex", null="constant", subject="trend",
        fixed=tuple((f"m_{name}", float(np.exp(mean))) for name, mean in means.items()),
    )  # fmt: skip
    return fit_curve(curve, at, np.log(y[good]))


def _plane(x: Array, height: Any, *slopes: Any) -> Any:
    """Return a plane over places of shape (k, n)."""
    total = height
    for row, slope in zip(np.atleast_2d(x), slopes, strict=True):
        total = total + slope * row
    return total


def _plane_start(x: Array, y: Array, w: Array) -> list[Array]:
    columns = np.vstack([np.ones(len(y)), np.atleast_2d(x)]).T
    return [combination(columns * w[:, None], y * w)]
