"""Slow noise in fits of any curve: their errors and intervals made wide enough for it.

`labctl.analysis.decay.fit_decay` knows slow noise itself; here the same covariance
(`labctl.analysis.slow_noise`) is laid on a fit of `labctl.analysis.nonlinear` that is there.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.curves import Curve, Derived, Parameter, evaluate, jacobian
from labctl.analysis.quantiles import student_95
from labctl.analysis.slow_noise import criterion, spread
from labctl.results import Fit, Value

__all__ = ["with_slow_noise"]

Array = NDArray[np.float64]

_STEP = 1e-6  # relative, of a difference


def with_slow_noise(
    curve: Curve,
    fit: Fit,
    t: ArrayLike,
    y: ArrayLike,
    sigma: ArrayLike | None,
    slow: ArrayLike,
) -> Fit:
    """Return a fit with errors that count the correlation which 1/f noise gives to readings.

    Parameters
    ----------
    curve, fit
        What was fitted, with errors from the scatter of the residuals.
    t, y, sigma
        Times, data and relative weights, as they were fitted.
    slow
        What the noise is in proportion to, in the unit of `y`; one number or one for each point.

    Returns
    -------
    Fit
        Intervals are those of the profile, widened about the value in the ratio of the standard
        errors; none becomes narrower. AICc counts the correlation. The fit itself where it has no
        values, or where no noise is in proportion to anything.
    """
    if not fit.values:
        return fit
    values = np.array([fit.values[name].value for name in curve.names])
    data = _linear(curve, fit, values, (t, y, sigma, slow))
    if data is None:
        return fit
    fit = msgspec.structs.replace(fit, aicc=criterion(*data))
    found = spread(*data) if fit.covariance and np.all(np.isfinite(data[1])) else None
    if found is None:
        return fit
    rows = _rows(curve, values)
    before = np.asarray(fit.covariance, float)
    after = rows @ found.covariance @ rows.T
    with np.errstate(all="ignore"):
        wider = np.sqrt(np.maximum(np.diag(after) / np.diag(before), 1.0))
    wider = np.where(np.isfinite(wider), wider, 1.0)
    most = np.full(len(curve.derived), float(np.max(found.quantile)))
    quantile = np.append(found.quantile, most) / student_95(fit.points - len(values))
    root = wider * np.sqrt(np.diag(before) / np.maximum(np.diag(after), 1e-300))
    return msgspec.structs.replace(
        fit,
        values=_widened(curve, fit, wider, wider * np.maximum(quantile, 1.0)),
        covariance=tuple(map(tuple, (after * np.outer(root, root)).tolist())),
        definition=f"{fit.definition}, with slow noise (interval-with-slow-noise)",
    )


def _linear(
    curve: Curve,
    fit: Fit,
    values: Array,
    data: tuple[ArrayLike, ArrayLike, ArrayLike | None, ArrayLike],
) -> tuple[Array, Array, Array, Array] | None:
    """Return times, weighted slopes and residuals, and the size of the noise, in time order."""
    times, y = (np.ravel(np.asarray(part, float)) for part in data[:2])
    weight = 1 / np.asarray(data[2], float) if data[2] is not None else np.ones(len(y))
    size = np.broadcast_to(np.asarray(data[3], float), times.shape)
    good = np.isfinite(times) & np.isfinite(y) & np.isfinite(weight) & np.isfinite(size)
    order = np.flatnonzero(good)[np.argsort(times[good], kind="stable")]
    t, w = times[order], np.broadcast_to(weight, times.shape)[order]
    if len(t) < 2 or np.ptp(t) <= 0 or not np.any(size[order]):
        return None
    left = (y[order] - evaluate(curve, fit, t)) * w
    return t, jacobian(curve, t, values) * w[:, None], left, np.abs(size[order]) * w


def _rows(curve: Curve, values: Array) -> Array:
    """Return the derivatives of all numbers, parameters first, by the parameters."""
    rows = np.zeros((len(values) + len(curve.derived), len(values)))
    rows[: len(values)] = np.eye(len(values))
    for k, value in enumerate(values.tolist()):
        step = np.zeros(len(values))
        step[k] = _STEP * (abs(value) or 1.0)
        for n, number in enumerate(curve.derived, len(values)):
            rows[n, k] = (number.of(values + step) - number.of(values - step)) / (2 * step[k])
    return rows


def _widened(curve: Curve, fit: Fit, errors: Array, ends: Array) -> dict[str, Value]:
    values = dict(fit.values)
    numbers: list[Parameter | Derived] = [*curve.parameters, *curve.derived]
    for k, number in enumerate(numbers):
        one = fit.values[number.name]
        low, high = (
            None if end is None else _moved(one.value, end, float(ends[k]), log=number.log)
            for end in (one.low, one.high)
        )
        sigma = None if one.sigma is None else one.sigma * float(errors[k])
        values[number.name] = Value(one.value, sigma, low, high, one.unit)
    return values


def _moved(value: float, end: float, factor: float, *, log: bool) -> float:
    """Return an end farther from the value, by the logarithm where the search went by it."""
    if log and value > 0 and end > 0:
        return value * math.exp(min(factor * math.log(end / value), 700.0))
    return value + factor * (end - value)
