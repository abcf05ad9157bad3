"""Robust weights: points far from the curve lose their say, and the errors know it.

The estimate is Tukey's biweight with 95 % efficiency for normal noise (Beaton and Tukey,
doi:10.1080/00401706.1974.10489171), found by repeated weighted least squares from Huber's estimate,
whose loss is convex. The scale is the median absolute residual. The covariance is Huber's for an
M-estimator (Robust Statistics, 1981, doi:10.1002/0471725250, section 7.6).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Trust", "trust"]

Array = NDArray[np.float64]

_HUBER, _TUKEY = 1.345, 4.685  # 95 % efficiency each
_NORMAL = 1.482602218505602  # standard deviations in a median absolute deviation
_MOST_ROUNDS = 40
_SETTLED = 1e-7  # change of every weight


@dataclass(frozen=True, slots=True)
class Trust:
    """What robust fitting makes of the points."""

    weights: Array  #: factor of each point's weight, 0 to 1
    variance: float  #: of a point of weight 1, for the covariance of the reweighted problem
    doubted: int  #: points with less than half their weight


def trust(refit: Callable[[Array], Array], points: int, parameters: int, least: float) -> Trust:
    """Return robust weights.

    Parameters
    ----------
    refit
        Fits with factors of the weights and returns the residuals, divided by their stated or
        relative sigma.
    points, parameters
        Numbers of each.
    least
        Residual that means rounding only.

    Returns
    -------
    Trust
        The weights at which the fit reproduces them.
    """
    weights = np.ones(points)
    residuals = refit(weights)
    for weigh in (_huber, _tukey):
        for _ in range(_MOST_ROUNDS):
            u = residuals / _scale(residuals, parameters, least)
            before, weights = weights, weigh(u)
            if np.max(np.abs(weights - before)) < _SETTLED:
                break
            residuals = refit(weights)
    scale = _scale(residuals, parameters, least)
    u = residuals / scale
    return Trust(_tukey(u), _variance(u, parameters) * scale**2, int(np.sum(_tukey(u) < 0.5)))


def _scale(residuals: Array, parameters: int, least: float) -> float:
    """Return the standard deviation of the bulk, with the degrees of freedom of the fit."""
    points = len(residuals)
    inflation = math.sqrt(points / max(points - parameters, 1))
    return max(float(np.median(np.abs(residuals))) * _NORMAL * inflation, least, 1e-300)


def _huber(u: Array) -> Array:
    return _HUBER / np.maximum(np.abs(u), _HUBER)


def _tukey(u: Array) -> Array:
    inside: Array = np.maximum(1 - (u / _TUKEY) ** 2, 0.0)
    return inside**2


def _variance(u: Array, parameters: int) -> float:
    """Return the variance that makes the reweighted covariance Huber's, in squared scales.

    The covariance is K^2 s^2 <psi^2> / <psi'>^2 (X'X)^-1; in the reweighted problem X'X has become
    about <w> X'X.
    """
    points, inside = len(u), np.abs(u) < _TUKEY
    x = (u / _TUKEY) ** 2
    psi, w = u * _tukey(u), _tukey(u)
    slope = np.where(inside, (1 - x) * (1 - 5 * x), 0.0)
    mean = float(np.mean(slope))
    if mean <= 0:
        return math.inf
    correction = 1 + parameters / points * float(np.var(slope)) / mean**2
    spread = float(np.sum(psi**2)) / max(points - parameters, 1)
    return correction**2 * spread / mean**2 * float(np.mean(w))
