"""Separable least squares: ``y = columns(theta) @ c`` with few nonlinear `theta` and linear `c`.

For each `theta` the best `c` is a linear problem and is solved inside, so the search runs over one
or two numbers only (variable projection: Golub and Pereyra, doi:10.1137/0710036; Kaufman,
doi:10.1007/BF01932995). The same search with one parameter held gives the profile of the
sum of squares, from which come intervals that need no parabola, and the verdict whether the data
set a bound at all (Raue et al., doi:10.1093/bioinformatics/btp358).

Parameters are numbered ``theta`` first, then ``c``. All arrays are weighted already.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Hold", "LowerFound", "Model", "Point", "Profile", "best_of", "covariance", "minimise",
    "profile",
]  # fmt: skip

Array = NDArray[np.float64]

_MOST_STEPS = 60
_LARGEST_STEP = 1.5  # of a nonlinear parameter; these are logarithms
_MOST_PROFILE_POINTS = 24
_ON_THE_LEVEL = 5e-3  # share of an interval's half-width left to chance
_STRAIGHT = 0.15  # between heights this close the profile is a straight line, to the same share
_ASTRAY = 0.15
_OVERSHOOT = 1.05  # a bracket is found sooner from just outside


class Model(Protocol):
    """What a family of curves has to offer to be fitted; all arrays carry the weights."""

    def columns(self, theta: Array) -> Array:
        """Return the basis functions, shape (points, linear parameters)."""

    def slopes(self, theta: Array, c: Array) -> Array:
        """Return d(columns @ c)/d(theta), shape (points, nonlinear parameters)."""

    def curvature(self, theta: Array, c: Array, residual: Array) -> tuple[Array, Array]:
        """Return the second derivatives of columns @ c, summed over the points with the residual.

        By theta twice, shape (nonlinear, nonlinear), and by theta and c, (nonlinear, linear).
        """

    def clip(self, theta: Array, held: int | None) -> Array:
        """Return the nearest allowed `theta`; the one numbered `held` must not move."""

    def starts(self, y: Array, hold: Hold | None) -> list[Array]:
        """Return places from which a search is worth while, the most promising first."""

    def pinned(self, theta: Array, parameter: int) -> bool:
        """Tell whether the search limits, not the data, decide this parameter at `theta`."""

    def limit(self, parameter: int, side: int) -> float:
        """Return how far the profile of a parameter is followed; `side` is -1 or 1."""


class Hold(NamedTuple):
    """A parameter that is kept at a value."""

    parameter: int
    value: float


class Point(NamedTuple):
    """A place in parameter space with its best linear parameters."""

    theta: Array
    c: Array
    residual: Array
    basis: Array  #: orthonormal basis of the free columns
    triangle: Array  #: free columns = basis @ triangle
    s: float  #: weighted sum of squared residuals


@dataclass(frozen=True, slots=True)
class Profile:
    """Where the profile of one parameter crosses the level; None where it stays below."""

    low: float | None
    high: float | None


class LowerFound(Exception):
    """A profile ran into a lower sum of squares than the supposed best, at `point`."""

    def __init__(self, point: Point) -> None:
        self.point = point


def evaluate(model: Model, y: Array, theta: Array, hold: Hold | None = None) -> Point:
    """Solve the linear problem at `theta`.

    Parameters
    ----------
    model, y
        The family of curves and the data, both weighted.
    theta
        Nonlinear parameters.
    hold
        A linear parameter that keeps its value; a nonlinear one is taken from `theta`.
    """
    columns = model.columns(theta)
    at = -1 if hold is None else hold.parameter - len(theta)
    if hold is None or at < 0:
        free, target = columns, y
    else:
        free, target = np.delete(columns, at, axis=1), y - hold.value * columns[:, at]
    basis, triangle = np.linalg.qr(free)
    projected = basis.T @ target
    c = np.linalg.solve(triangle, projected)
    residual = target - basis @ projected
    if hold is not None and at >= 0:
        c = np.insert(c, at, hold.value)
    s = float(residual @ residual)
    return Point(theta, c, residual, basis, triangle, s if math.isfinite(s) else math.inf)


def minimise(model: Model, y: Array, theta: Array, hold: Hold | None, tolerance: float) -> Point:
    """Search the least sum of squares from a start by damped Newton steps.

    Parameters
    ----------
    model, y
        The family of curves and the data, both weighted.
    theta
        Start.
    hold
        A parameter that keeps its value.
    tolerance
        Stop when a step promises to lower the sum of squares by less than this.

    Raises
    ------
    numpy.linalg.LinAlgError
        The columns are not independent at the start.
    """
    held = hold.parameter if hold is not None and hold.parameter < len(theta) else None
    theta = np.array(theta, dtype=float)
    if hold is not None and held is not None:
        theta[held] = hold.value
    here = evaluate(model, y, model.clip(theta, held), hold)
    damping = 0.0
    for _ in range(_MOST_STEPS if len(theta) > (held is not None) else 0):
        slope = _slope(model, here, hold, held)
        move, promise = _move(model, here, slope, held, damping)
        if promise <= max(tolerance, 1e-16 * here.s) or damping > 1e8:
            break
        trial = evaluate(model, y, here.theta + move, hold)
        if trial.s < here.s:
            here, damping = trial, damping / 10 if damping > 1e-3 else 0.0
        else:
            damping = max(damping * 10, 1e-2)
    return here


class _Slope(NamedTuple):
    """Local shape of half the sum of squares over the free nonlinear parameters."""

    free: list[int]
    gradient: Array  #: downhill
    newton: Array  #: the Hessian, which may be indefinite
    kaufman: Array  #: the Hessian for vanishing residuals, which is not


def _slope(model: Model, here: Point, hold: Hold | None, held: int | None) -> _Slope:
    """Return gradient and Hessian after the linear parameters are eliminated.

    With D the slopes, Q R the free columns and r the residual: downhill is D'r, the Hessian
    D'D - r.f'' - M M' with M = D'Q - (r.columns') R^-1. Kaufman's leaves out both residual terms.
    """
    slopes = model.slopes(here.theta, here.c)
    bend, cross = model.curvature(here.theta, here.c, here.residual)
    if hold is not None and held is None:
        cross = np.delete(cross, hold.parameter - len(here.theta), axis=1)
    along = slopes.T @ here.basis
    gram = slopes.T @ slopes
    turned = along - np.linalg.solve(here.triangle.T, cross.T).T
    newton, kaufman = gram - bend - turned @ turned.T, gram - along @ along.T
    gradient = slopes.T @ here.residual
    free = [k for k in range(len(here.theta)) if k != held]
    if held is not None:
        inside = np.ix_(free, free)
        gradient, newton, kaufman = gradient[free], newton[inside], kaufman[inside]
    return _Slope(free, gradient, newton, kaufman)


def _move(
    model: Model, here: Point, slope: _Slope, held: int | None, damping: float
) -> tuple[Array, float]:
    """Return an allowed move and the decrease of the sum of squares that it promises.

    The length is Newton's along what the limits leave of the step (all of it: 1), or along what
    they leave of the steepest descent.
    """
    hessian, step = _newton_step(slope, damping)
    steepest = slope.gradient / (float(np.trace(slope.kaufman)) + 1e-300)
    for direction in (step, steepest):
        whole = np.zeros(len(here.theta))
        whole[slope.free] = direction * min(1.0, _longest(direction))
        allowed = model.clip(here.theta + whole, held) - here.theta
        along = allowed[slope.free]
        descent, bend = float(along @ slope.gradient), float(along @ hessian @ along)
        if descent <= 0:
            continue
        length = min(descent / bend, _longest(along)) if bend > 0 else _longest(along)
        return model.clip(here.theta + allowed * length, held) - here.theta, descent * length
    return np.zeros(len(here.theta)), 0.0


def _longest(direction: Array) -> float:
    """Return how many times a direction may be gone in one step."""
    return _LARGEST_STEP / (float(np.max(np.abs(direction))) + 1e-300)


def _newton_step(slope: _Slope, damping: float) -> tuple[Array, Array]:
    """Return the Hessian used and the step; Kaufman's where Newton's is not positive."""
    size = np.diag(slope.kaufman)
    for hessian, least in ((slope.newton, 0.0), (slope.kaufman, 1e-9)):
        damped = hessian + np.diag((damping + least) * size + 1e-300)
        try:
            np.linalg.cholesky(damped)
            return damped, np.asarray(np.linalg.solve(damped, slope.gradient), float)
        except np.linalg.LinAlgError:
            continue
    return np.diag(size + 1e-300), slope.gradient / (size + 1e-300)


def best_of(model: Model, y: Array, tolerance: float) -> Point:
    """Return the lowest of the minima reached from the model's starts."""
    found = (minimise(model, y, start, None, tolerance) for start in model.starts(y, None))
    return min(found, key=lambda point: point.s)


def covariance(model: Model, best: Point) -> Array | None:
    """Return the covariance for unit weights, ``theta`` first then ``c``; None when singular."""
    jacobian = np.hstack((model.slopes(best.theta, best.c), model.columns(best.theta)))
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
    model: Model, y: Array, best: Point, level: float, sigmas: Array
) -> tuple[Profile, ...]:
    """Follow the profile of every parameter up to a rise of the sum of squares.

    Parameters
    ----------
    model, y
        The family of curves and the data, both weighted.
    best
        The minimum.
    level
        Rise of the sum of squares that ends an interval: 3.84 times the variance for 95 %.
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
    ends = [
        [_end(model, y, best, level, k, side, float(sigmas[k])) for side in (-1, 1)]
        for k in range(len(best.theta) + len(best.c))
    ]
    return tuple(Profile(low, high) for low, high in ends)


def _end(
    model: Model, y: Array, best: Point, level: float, parameter: int, side: int, sigma: float
) -> float | None:
    """Return where one side of a profile crosses the level.

    With d the distance from the best value, sqrt(rise / level) is nearly a straight line in d from
    zero, so a few secant steps find where it is one.
    """
    origin = float(np.concatenate((best.theta, best.c))[parameter])
    farthest = abs(model.limit(parameter, side) - origin)
    inner, outer = (0.0, 0.0), None
    distance, expected, theta = min(sigma, farthest), 1.0, best.theta
    for _ in range(_MOST_PROFILE_POINTS):
        hold = Hold(parameter, origin + side * distance)
        point, height = _height(model, y, best, level, theta, hold, expected)
        pinned = model.pinned(point.theta, parameter)
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
    model: Model,
    y: Array,
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
    point = minimise(model, y, theta, hold, level * 1e-4)
    if point.s - best.s > level * (expected + _ASTRAY) ** 2:
        again = (minimise(model, y, start, hold, level * 1e-4) for start in model.starts(y, hold))
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
