"""Least squares of a curve: residuals and slopes as they are searched, and numbers held.

A number derived from the parameters is held by one more residual, K (number - value). The place
found so lies on the number's profile exactly, at the value it really has there, whatever K is; K
only decides how near that is to the value asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.curves import Curve, Parameter, jacobian
from labctl.analysis.descent import Effort, Place, Squares, descend
from labctl.analysis.profiles import Held
from labctl.analysis.space import Space
from labctl.analysis.straight import combination
from labctl.errors import BadInput

__all__ = ["LeastSquares", "Points"]

Array = NDArray[np.float64]

_PROFILE_STEPS = 60
_STIFF = 100.0  # a derived number is held to a ten-thousandth of its standard error
_STEP = 1e-5  # share of a sensitivity in a difference of a derived number


@dataclass(frozen=True, slots=True)
class Points:
    """Usable data, in units of their own size, so that no square overflows."""

    x: Array  #: shape (n,) or (k, n)
    y: Array  #: in units of `unit_y`
    w: Array  #: square roots of the weights, the largest is 1
    unit_y: float
    unit_s: float  #: a weighted sum of squares of 1 sigma, in the units of `y` and `w`
    given: tuple[NDArray[np.floating], NDArray[np.floating]]  #: x and y as they were given

    @classmethod
    def usable(cls, x: ArrayLike, y: ArrayLike, sigma: ArrayLike | None) -> tuple[Points, str]:
        """Drop what cannot be used, and say so.

        Raises
        ------
        BadInput
            The arrays differ in length.
        """
        places, values = np.asarray(x, float), np.ravel(np.asarray(y, float))
        places = np.ravel(places) if places.ndim < 2 else places
        spread = np.ones(len(values)) if sigma is None else np.ravel(np.asarray(sigma, float))
        if not places.shape[-1] == len(values) == len(spread):
            raise BadInput(
                f"{places.shape[-1]} places, {len(values)} values and {len(spread)} uncertainties "
                "were given for a fit; their numbers must be equal"
            )
        finite = np.all(np.isfinite(np.atleast_2d(places)), axis=0) & np.isfinite(values)
        good = finite & np.isfinite(spread) & (spread > 0)
        given = _digits(x, places)[..., good], _digits(y, values)[good]
        y_good, spread = values[good], spread[good]
        unit = (float(np.max(np.abs(y_good))) if len(y_good) else 0.0) or 1.0
        least = float(np.min(spread)) if len(spread) else 1.0
        unit_s = float((np.float64(least) / unit) ** 2)
        points = cls(places[..., good], y_good / unit, least / spread, unit, unit_s, given)
        return points, _dropped(len(values), int(np.sum(~finite)), int(np.sum(finite & ~good)))

    def null(self, name: str) -> Array:
        """Return the weighted columns of what the data could be instead of a curve."""
        x = np.atleast_2d(self.x)[0]
        columns = {"zero": [], "constant": [np.ones(len(x))], "line": [np.ones(len(x)), x]}[name]
        return np.array([column * self.w for column in columns]).reshape(len(columns), len(x)).T

    def remainder(self, columns: Array) -> float:
        """Return the sum of squares that is left beside some weighted columns."""
        target = self.y * self.w
        if columns.shape[1]:
            target = target - columns @ combination(columns, target)
        return float(target @ target)


def _digits(given: ArrayLike, plain: Array) -> NDArray[np.floating]:
    """Return values with all the digits they were given with."""
    long = isinstance(given, np.ndarray) and given.dtype == np.longdouble
    return np.asarray(given).reshape(plain.shape) if long else plain


def _dropped(total: int, not_finite: int, no_sigma: int) -> str:
    parts = []
    if not_finite:
        parts.append(f"{not_finite} not finite")
    if no_sigma:
        parts.append(f"{no_sigma} without a positive finite sigma")
    return f"left out of {total} points: {', '.join(parts)}" if parts else ""


@dataclass(frozen=True, slots=True)
class LeastSquares:
    """The sum of squares of a curve over points; `at` prepares it for profiles."""

    curve: Curve
    points: Points
    starts: list[Array] = field(default_factory=list)
    best: Place | None = None
    level: float = 1.0
    widths: tuple[float, ...] = ()
    moves: Array | None = None  #: small moves of the parameters at the minimum
    space: Space = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "space", Space(self.curve.parameters, self.curve.derived, tuple(self.starts))
        )

    @property
    def low(self) -> Array:
        """Lower bounds of the parameters as searched."""
        return self.space.low

    @property
    def high(self) -> Array:
        """Upper bounds of the parameters as searched."""
        return self.space.high

    def residual(self, u: Array) -> Array:
        """Return (curve - data) sqrt(weight), in units of the data."""
        found = self.curve.shape(self.points.x, *self.space.values(u))
        return np.asarray((found / self.points.unit_y - self.points.y) * self.points.w, float)

    def slopes(self, u: Array) -> Array:
        """Return the derivatives of `residual`."""
        values = self.space.values(u)
        slopes = jacobian(self.curve, self.points.x, values)
        scale = np.where(self.space.log, values, self.space.unit)
        return np.asarray(slopes * (scale / self.points.unit_y) * self.points.w[:, None], float)

    def signed(self, start: Array) -> tuple[LeastSquares, Array] | None:
        """Return the same problem with every parameter searched by the logarithm of its size.

        Its sign stays that of the start, which is given in the new search; None where a parameter
        starts at zero. Narrow bent valleys are often straight there.
        """
        values = self.space.values(start)
        if np.any(values == 0):
            return None
        signs, shape = np.sign(values), self.curve.shape

        def turned(x: Array, *sizes: Array) -> Array:
            return np.asarray(shape(x, *(s * v for s, v in zip(signs, sizes, strict=True))))

        parameters = tuple(Parameter(p.name, log=True) for p in self.curve.parameters)
        curve = replace(self.curve, parameters=parameters, shape=turned, slopes=None, derived=())
        return LeastSquares(curve, self.points), np.log(np.abs(values))

    def floor(self, rounding: float) -> float:
        """Return the least sum of squares that means anything."""
        target = self.points.y * self.points.w
        return rounding**2 * float(target @ target)

    def _alone(self, u: Array) -> Array:
        """Return how far each parameter can move by itself, at the level."""
        size = np.sqrt(np.sum(self.slopes(u) ** 2, axis=0))
        return np.asarray(math.sqrt(self.level) / np.where(size > 0, size, 1e-300))

    def steps(self, u: Array) -> Array:
        """Return moves of the parameters small against what the data notice."""
        if self.moves is not None:
            return self.moves
        least = 1e-7 * np.where(self.space.log, 1.0, np.abs(u))
        return np.clip(_STEP * self._alone(u), np.maximum(least, 1e-300), 1e3 * least + 1e-290)

    def covariance(self, u: Array) -> Array | None:
        """Return the covariance of all numbers as searched, for unit weights; None when singular.

        A parameter that the data do not notice at all has nan.
        """
        slopes = self.slopes(u)
        scale = np.sqrt(np.sum(slopes**2, axis=0))
        noticed = scale > 0
        if not np.all(np.isfinite(scale)) or not np.any(noticed):
            return None
        triangle = np.linalg.qr(slopes[:, noticed] / scale[noticed], mode="r")
        if np.min(np.abs(np.diag(triangle))) < 1e-13:
            return None
        inverse = np.linalg.inv(triangle)
        searched = np.full((len(u), len(u)), np.nan)
        inside = np.ix_(noticed, noticed)
        searched[inside] = (inverse @ inverse.T) / np.outer(scale[noticed], scale[noticed])
        return self.space.spread(u, searched, self.steps(u))

    def at(self, best: Place, level: float) -> LeastSquares:
        """Return the problem made ready for profiles from its minimum."""
        ready = replace(self, best=best, level=level)
        ready = replace(ready, moves=ready.steps(best.u))
        full = ready.covariance(best.u)
        scaled = None if full is None else level * full
        widths = self.space.widths(best.u, scaled, ready._alone(best.u), ready.steps(best.u))
        return replace(ready, widths=widths)

    def reach(self, number: int) -> tuple[float, float]:
        """Return how far a number is followed."""
        assert self.best is not None
        return self.space.reach(number, self.best.u, self.widths[number])

    def hold(self, number: int, value: float, near: Array, tolerance: float) -> Held | None:
        """Return the best place with the number held near a value."""
        free = self.space.all_free
        problem: Squares = self
        start = near.copy()
        if number < len(near):
            free[number], start[number] = False, value
        else:
            stiff = _STIFF * math.sqrt(self.level) / max(self.widths[number], 1e-300)
            problem = _Leashed(self, number, value, stiff)
        try:
            found = descend(problem, start, free, Effort(tolerance, steps=_PROFILE_STEPS))
        except (ArithmeticError, ValueError, np.linalg.LinAlgError):
            return None
        if number < len(near):
            return Held(found, value)
        r = self.residual(found.u)
        at, s = self.space.number(number, found.u), float(r @ r)
        return Held(Place(found.u, s), at) if math.isfinite(at) and math.isfinite(s) else None

    def anew(self, number: int, value: float, tolerance: float) -> list[Held]:
        """Return the best places with the number held, from the minimum and from every start."""
        assert self.best is not None
        starts = [self.best.u, *(self.space.inner(start) for start in self.starts)]
        found = [self.hold(number, value, start, tolerance) for start in starts]
        return [one for one in found if one is not None]


@dataclass(frozen=True, slots=True)
class _Leashed:
    """The sum of squares with a derived number held near a value."""

    problem: LeastSquares
    number: int
    value: float
    stiff: float

    @property
    def low(self) -> Array:
        return self.problem.low

    @property
    def high(self) -> Array:
        return self.problem.high

    def residual(self, u: Array) -> Array:
        """Return the residuals and one more."""
        off = self.stiff * (self.problem.space.number(self.number, u) - self.value)
        return np.append(self.problem.residual(u), off)

    def slopes(self, u: Array) -> Array:
        """Return their derivatives."""
        row = self.problem.space.slope(self.number, u, self.problem.steps(u))
        return np.vstack((self.problem.slopes(u), self.stiff * row))
