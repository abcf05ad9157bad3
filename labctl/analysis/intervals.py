"""Profiles of the sum of squares: intervals that need no parabola, and whether there are any.

The same search as for the minimum, with one parameter held at one value after another, gives the
profile of the sum of squares; where it has risen by the level is the end of the interval, and where
it never does the data set no bound (Raue et al., doi:10.1093/bioinformatics/btp358).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.separable import Hold, Point, Problem, minimise

__all__ = ["LowerFound", "Profile", "covariance", "inverse_gram", "profile"]

Array = NDArray[np.float64]

_MOST_PROFILE_POINTS = 24
_ON_THE_LEVEL = 5e-3  # share of an interval's half-width left to chance
_STRAIGHT = 0.15  # between heights this close the profile is a straight line, to the same share
_ASTRAY = 0.15
_AGAIN = 3  # other starts tried then
_OVERSHOOT = 1.05  # a bracket is found sooner from just outside


@dataclass(frozen=True, slots=True)
class Profile:
    """Where the profile of one parameter crosses the level; None where it stays below."""

    low: float | None
    high: float | None


class LowerFound(Exception):
    """A profile ran into a lower sum of squares than the supposed best, at `point`."""

    def __init__(self, point: Point) -> None:
        self.point = point


def covariance(problem: Problem, best: Point, stuck: tuple[int, ...] = ()) -> Array | None:
    """Return the covariance for unit weights, ``theta`` first then ``c``; None when singular.

    Parameters
    ----------
    problem, best
        What was minimised, and where.
    stuck
        Nonlinear parameters that sit at a bound. They and linear parameters at their bounds have
        rows and columns of zeros: the others' errors hold for those values.
    """
    count = len(best.theta)
    total = count + sum(block.count for block in problem.blocks)
    jacobian = np.zeros((len(problem.y), total))
    free = [k for k in range(count) if k not in stuck]
    row, column = 0, count
    for block, piece in zip(problem.blocks, best.pieces, strict=True):
        rows = slice(row, row + len(block.y))
        slopes = block.family.slopes(piece.theta, piece.c)
        jacobian[rows, :count] = slopes if block.turn is None else slopes @ block.turn
        jacobian[rows, column : column + block.count] = block.family.columns(piece.theta)
        free += [column + k for k in piece.free]
        row, column = row + len(block.y), column + block.count
    inverse = inverse_gram(jacobian if len(free) == total else jacobian[:, free])
    if inverse is None or len(free) == total:
        return inverse
    result = np.zeros((total, total))
    result[np.ix_(free, free)] = inverse
    return result


def inverse_gram(jacobian: Array) -> Array | None:
    """Return the inverse of jacobian' jacobian; None where it is singular."""
    scale = np.sqrt(np.sum(jacobian**2, axis=0))
    if not np.all(np.isfinite(scale)) or np.any(scale == 0):
        return None
    triangle = np.linalg.qr(jacobian / scale, mode="r")
    if np.min(np.abs(np.diag(triangle))) < 1e-13:
        return None
    inverse = np.linalg.inv(triangle)
    result: Array = (inverse @ inverse.T) / np.outer(scale, scale)
    return result if bool(np.all(np.isfinite(result))) else None


def profile(
    problem: Problem, best: Point, level: float | Array, sigmas: Array
) -> tuple[Profile, ...]:
    """Follow the profile of every parameter up to a rise of the sum of squares.

    Parameters
    ----------
    problem
        Curves and data.
    best
        The minimum.
    level
        Rise of the sum of squares that ends an interval: 3.84 times the variance for 95 %; one for
        all parameters or one for each.
    sigmas
        First guess of each half-width.

    Returns
    -------
    tuple of Profile
        One for each parameter.

    Raises
    ------
    LowerFound
        A profile ran into a lower minimum than `best`.
    numpy.linalg.LinAlgError
        The columns are not independent somewhere on the way.
    """
    drifts = _drifts(problem, best)
    levels = np.broadcast_to(level, sigmas.shape).tolist()
    ends = [
        [_end(problem, best, levels[k], Way(k, side, drifts[k] * side), width) for side in (-1, 1)]
        for k, width in enumerate(sigmas.tolist())
    ]
    return tuple(Profile(low, high) for low, high in ends)


class Way(NamedTuple):
    """One side of one profile."""

    parameter: int
    side: int
    drift: Array  #: of the nonlinear parameters with the distance, as far as a parabola says


def _drifts(problem: Problem, best: Point) -> Array:
    """Return how the nonlinear parameters follow each parameter at first, one row for each."""
    count = len(best.theta)
    cov = covariance(problem, best)
    if cov is None:
        return np.zeros((count + len(best.c), count))
    variances = np.diag(cov)
    drifts: Array = cov[:, :count] / np.where(variances > 0, variances, np.inf)[:, None]
    return drifts


def _end(problem: Problem, best: Point, level: float, way: Way, sigma: float) -> float | None:
    """Return where one side of a profile crosses the level.

    With d the distance from the best value, sqrt(rise / level) is nearly a straight line in d from
    zero, so a few secant steps find where it is one.
    """
    parameter, side = way.parameter, way.side
    origin = float(np.concatenate((best.theta, best.c))[parameter])
    farthest = abs(problem.limit(parameter, len(best.theta), side) - origin)
    inner, outer = (0.0, 0.0), None
    distance, expected, theta = min(sigma, farthest), 1.0, best.theta
    for _ in range(_MOST_PROFILE_POINTS):
        hold = Hold(parameter, origin + side * distance)
        ahead = theta + way.drift * (distance - inner[0])
        point, height = _height(problem, best, level, ahead, hold, expected)
        pinned = problem.space.pinned(point.theta, parameter)
        if abs(height - 1) < _ON_THE_LEVEL:
            return None if pinned else hold.value
        if height < 1:
            if pinned or distance >= farthest:
                return None
            inner, theta = (distance, height), point.theta
        else:
            outer = (distance, height)
        distance = _next_distance(inner, outer, farthest)
        if outer is not None and outer[1] - inner[1] < _STRAIGHT:
            return origin + side * distance
        expected = inner[1] * distance / inner[0] if inner[0] > 0 else height
    return None if outer is None else origin + side * outer[0]


def _height(
    problem: Problem,
    best: Point,
    level: float,
    theta: Array,
    hold: Hold,
    expected: float,
) -> tuple[Point, float]:
    """Return the minimum with one parameter held, and its rise as a share of the level's distance.

    A rise much above what the points before it promise is a search that went astray into another
    valley, so it is done again from the most promising place of all.
    """
    point = minimise(problem, theta, hold, level * 1e-4)
    if point.s - best.s > level * (expected + _ASTRAY) ** 2:
        starts = problem.space.starts(problem.y, hold)[:_AGAIN]
        again = (minimise(problem, start.theta, hold, level * 1e-4) for start in starts)
        point = min((point, *again), key=lambda p: p.s)
    rise = (point.s - best.s) / level
    if rise < -1e-3:
        raise LowerFound(point)
    return point, math.sqrt(max(rise, 0.0))


def _next_distance(
    inner: tuple[float, float], outer: tuple[float, float] | None, farthest: float
) -> float:
    if outer is None:
        factor = _OVERSHOOT / inner[1] if inner[1] > 0 else 4.0
        return min(farthest, inner[0] * min(max(factor, _OVERSHOOT), 4.0))
    share = (1 - inner[1]) / (outer[1] - inner[1])
    return inner[0] + (outer[0] - inner[0]) * min(max(share, 0.02), 0.98)
