"""Maximum likelihood: fits to data that are not values with a Gaussian error.

Lifetimes of which some were not waited for, and counts of switched pulses, have likelihoods of
their own. `fit_likelihood` finds the maximum of any of them by Newton steps, with slopes from
complex steps, and gives intervals by the profile: minus twice the log-likelihood rises by 3.84 at
the ends (Wilks, doi:10.1214/aoms/1177732360). Conventions are those of
`labctl.analysis.nonlinear.fit_curve`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.curves import Derived, Parameter
from labctl.analysis.descent import Place
from labctl.analysis.profiles import Ends, Held, LowerFound, follow
from labctl.analysis.quantiles import excess_limit, student_95
from labctl.analysis.space import Space
from labctl.analysis.verdict import in_rows, join, open_sides, values_of
from labctl.results import Fit

__all__ = ["Likelihood", "fit_likelihood"]

Array = NDArray[np.float64]

_MOST_STEPS = 200
_MOST_DESCENTS = 4
_HALVINGS = 50
_TINY_STEP = 1e-30  # of a complex step
_STEP = 1e-5  # of a difference of slopes
_STIFF = 100.0  # a derived number is held to a ten-thousandth of its standard error
_ROUNDING = 1e-13  # share of the deviance that means nothing


@dataclass(frozen=True, slots=True)
class Likelihood:
    """A model with a likelihood.

    Attributes
    ----------
    model, formula, parameters, derived
        As in `labctl.analysis.curves.Curve`.
    terms
        ``terms(*parameters)`` gives the log-likelihood of every observation; analytic, and
        parameters of shape (p, 1) broadcast.
    spread
        ``spread(parameters)`` gives Pearson's chi2 and its degrees of freedom, where the data can
        contradict the assumed scatter.
    """

    model: str
    formula: str
    parameters: tuple[Parameter, ...]
    terms: Callable[..., Any]
    derived: tuple[Derived, ...] = ()
    spread: Callable[[Array], tuple[float, int]] | None = None


def fit_likelihood(
    model: Likelihood, starts: Sequence[Array], points: int, remark: str = ""
) -> Fit:
    """Fit a model by maximum likelihood.

    Parameters
    ----------
    model
        What is fitted, data included.
    starts
        Places to search from.
    points
        Number of observations.
    remark
        Something to be said in the note.

    Returns
    -------
    Fit
        As of `labctl.analysis.nonlinear.fit_curve`. `aicc` is that of the likelihood, so it
        compares models of the same data only.
    """
    with np.errstate(all="ignore"):
        try:
            return _fit(model, [np.asarray(start, float) for start in starts], points, remark)
        except (np.linalg.LinAlgError, ArithmeticError, ValueError):
            note = join(remark, "no maximum of the likelihood was found in these data")
            return Fit(model.model, _definition(model), points=points, note=note)


def _definition(model: Likelihood) -> str:
    return f"{model.formula}; maximum likelihood, intervals from its profile"


def _fit(model: Likelihood, starts: list[Array], points: int, note: str) -> Fit:
    problem = _Deviance(model, Space(model.parameters, model.derived, tuple(starts)), starts)
    best = problem.best_of([problem.space.inner(start) for start in starts])
    best, scale, ends = _followed(problem, best)
    chi2, dof = problem.spread(best)
    if scale > 1:
        note = join(note, f"the counts scatter more than chance (chi2/n {scale:.3g}): scaled up")
    covariance = problem.covariance(best.u, scale)
    scales = problem.space.scales(best.u)
    values = values_of(problem.space.spans(best.u, ends), covariance, scales)
    opened, other = open_sides(values, [p.name for p in model.parameters])
    return Fit(
        model=model.model,
        definition=_definition(model),
        values=values,
        covariance=in_rows(covariance, scales),
        chi2_reduced=chi2 / dof if dof > 0 else None,
        aicc=_aicc(best.s, len(model.parameters), points),
        identifiable=not opened,
        points=points,
        note=join(note, opened, other),
    )


def _followed(problem: _Deviance, best: Place) -> tuple[Place, float, tuple[Ends, ...]]:
    """Return the maximum, the scale of the scatter, and the profiles."""
    scale = 1.0
    for _ in range(_MOST_DESCENTS):
        chi2, dof = problem.spread(best)
        excess = dof > 0 and chi2 / dof > excess_limit(dof)
        scale = chi2 / dof if excess else 1.0
        level = scale * student_95(dof if excess else math.inf) ** 2
        try:
            return best, scale, _profiles(problem.at(best, level), best, level)
        except LowerFound as lower:
            best = problem.best_of([lower.place.u])
    return best, scale, (Ends(None, None),) * len(problem.space.numbers)


def _profiles(problem: _Deviance, best: Place, level: float) -> tuple[Ends, ...]:
    ends: list[Ends] = []
    for k, width in zip(problem.space.numbers, problem.widths, strict=True):
        source, origin = problem.space.follows(k), problem.space.number(k, best.u)
        known = source < k
        ends.append(ends[source] if known else follow(problem, k, best, origin, level, width))
    return tuple(ends)


def _aicc(deviance: float, free: int, points: int) -> float | None:
    if points - free - 1 < 1 or not math.isfinite(deviance):
        return None
    return deviance + 2 * free + 2 * free * (free + 1) / (points - free - 1)


@dataclass(frozen=True, slots=True)
class _Leash:
    """A derived number, held near a value."""

    number: int
    value: float
    stiff: float


@dataclass(frozen=True, slots=True)
class _Deviance:
    """Minus twice the log-likelihood, to be made least."""

    model: Likelihood
    space: Space
    starts: list[Array]
    best: Place | None = None
    level: float = 1.0
    widths: tuple[float, ...] = field(default=())

    def value(self, u: Array) -> float:
        found = -2 * float(np.sum(self.model.terms(*self.space.values(u))))
        return found if math.isfinite(found) else math.inf

    def slope(self, u: Array) -> Array:
        """Return the derivatives by the parameters as searched."""
        count = len(u)
        steps = _TINY_STEP * np.where(u == 0, 1.0, np.abs(u))
        moved = np.repeat(u[:, None].astype(complex), count, axis=1)
        moved[np.arange(count), np.arange(count)] += 1j * steps
        log = self.space.log[:, None]
        values = np.where(log, np.exp(np.where(log, moved, 0.0)), moved * self.space.unit[:, None])
        terms = self.model.terms(*(row[:, None] for row in values))
        return np.asarray(-2 * np.sum(np.imag(terms), axis=1) / steps, float)

    def bend(self, u: Array) -> Array:
        """Return the second derivatives."""
        rows = []
        for k in range(len(u)):
            step = np.zeros(len(u))
            step[k] = _STEP * (1.0 if self.space.log[k] else abs(u[k]) or 1.0)
            rows.append((self.slope(u + step) - self.slope(u - step)) / (2 * step[k]))
        found = np.array(rows)
        return np.asarray((found + found.T) / 2)

    def spread(self, best: Place) -> tuple[float, int]:
        """Return Pearson's chi2 and its degrees of freedom, or zeros."""
        if self.model.spread is None:
            return 0.0, 0
        return self.model.spread(self.space.values(best.u))

    def best_of(self, starts: list[Array]) -> Place:
        """Return the lowest place reached.

        Raises
        ------
        ArithmeticError
            No start was useful.
        """
        free = self.space.all_free
        found = [self._descend(start, free, 0.0, None) for start in starts]
        best = min(found, key=lambda place: place.s)
        if not math.isfinite(best.s):
            raise ArithmeticError("no start was useful")
        return best

    def _steps(self, u: Array) -> Array:
        return 1e-6 * np.where(self.space.log, 1.0, np.where(u == 0, 1.0, np.abs(u)))

    def _descend(
        self, start: Array, free: NDArray[np.bool_], tolerance: float, leash: _Leash | None
    ) -> Place:
        u = np.clip(start, self.space.low, self.space.high)
        here = self._total(u, leash)
        for _ in range(_MOST_STEPS if math.isfinite(here) else 0):
            slope, bend = self._shape(u, leash)
            moving = free & ~((u <= self.space.low) & (slope > 0))
            moving &= ~((u >= self.space.high) & (slope < 0))
            step = _newton(slope, bend, moving)
            promise = -float(slope @ step) / 2
            if not promise > max(tolerance, _ROUNDING * (abs(here) + 1)):
                break
            moved = self._shorter(u, step, here, leash)
            if moved is None:
                break
            u, here = moved
        return Place(u, here)

    def _shorter(
        self, u: Array, step: Array, here: float, leash: _Leash | None
    ) -> tuple[Array, float] | None:
        """Return the first lower place on the way back from a step."""
        for halving in range(_HALVINGS):
            trial = np.clip(u + step * 0.5**halving, self.space.low, self.space.high)
            value = self._total(trial, leash)
            if value < here:
                return trial, value
        return None

    def _total(self, u: Array, leash: _Leash | None) -> float:
        value = self.value(u)
        if leash is not None:
            value += (leash.stiff * (self.space.number(leash.number, u) - leash.value)) ** 2
        return value if math.isfinite(value) else math.inf

    def _shape(self, u: Array, leash: _Leash | None) -> tuple[Array, Array]:
        slope, bend = self.slope(u), self.bend(u)
        if leash is None:
            return slope, bend
        row = leash.stiff * self.space.slope(leash.number, u, self._steps(u))
        off = leash.stiff * (self.space.number(leash.number, u) - leash.value)
        return slope + 2 * off * row, bend + 2 * np.outer(row, row)

    def covariance(self, u: Array, scale: float) -> Array | None:
        """Return the covariance of all numbers as searched; None when singular."""
        bend = self.bend(u) / 2
        size = np.sqrt(np.maximum(np.diag(bend), 0.0))
        if not np.all(np.isfinite(bend)) or np.any(size == 0):
            return None
        try:
            lower = np.linalg.cholesky(bend / np.outer(size, size))
        except np.linalg.LinAlgError:
            return None
        if np.min(np.diag(lower)) < 1e-7:
            return None
        inverse = np.linalg.inv(lower)
        searched = scale * (inverse.T @ inverse) / np.outer(size, size)
        return self.space.spread(u, searched, self._steps(u))

    def at(self, best: Place, level: float) -> _Deviance:
        """Return the problem made ready for profiles from its best place."""
        full = self.covariance(best.u, level)
        size = np.sqrt(np.maximum(np.diag(self.bend(best.u)) / 2, 0.0))
        alone = math.sqrt(level) / np.where(size > 0, size, 1e-3)
        widths = self.space.widths(best.u, full, alone, self._steps(best.u))
        return _Deviance(self.model, self.space, self.starts, best, level, widths)

    def reach(self, number: int) -> tuple[float, float]:
        """Return how far a number is followed."""
        assert self.best is not None
        return self.space.reach(number, self.best.u, self.widths[number])

    def hold(self, number: int, value: float, near: Array, tolerance: float) -> Held | None:
        """Return the best place with the number held near a value."""
        free, start = self.space.all_free, near.copy()
        leash = None
        if number < len(near):
            free[number], start[number] = False, value
        else:
            stiff = _STIFF * math.sqrt(self.level) / max(self.widths[number], 1e-300)
            leash = _Leash(number, value, stiff)
        found = self._descend(start, free, tolerance, leash)
        if not math.isfinite(found.s):
            return None
        at = value if leash is None else self.space.number(number, found.u)
        return Held(Place(found.u, self.value(found.u)), at) if math.isfinite(at) else None

    def anew(self, number: int, value: float, tolerance: float) -> list[Held]:
        """Return the best places with the number held, from the best place and every start."""
        assert self.best is not None
        starts = [self.best.u, *(self.space.inner(start) for start in self.starts)]
        found = [self.hold(number, value, start, tolerance) for start in starts]
        return [one for one in found if one is not None]


def _newton(slope: Array, bend: Array, moving: NDArray[np.bool_]) -> Array:
    """Return a step downhill: Newton's, with the curvature made positive where it is not."""
    step = np.zeros(len(slope))
    if not np.any(moving):
        return step
    inside = bend[np.ix_(moving, moving)]
    if not np.all(np.isfinite(inside)):
        raise ArithmeticError("the likelihood has no second derivative here")
    curvatures, directions = np.linalg.eigh(inside)
    least = 1e-10 * float(np.max(np.abs(curvatures))) + 1e-300
    curvatures = np.maximum(np.abs(curvatures), least)
    step[moving] = -directions @ ((directions.T @ slope[moving]) / curvatures)
    return step
