"""Descent: the least sum of squares from a start, with bounds and with one number held.

Damped Gauss-Newton steps (Levenberg, doi:10.1090/qam/10666; Marquardt, doi:10.1137/0111030) solved
by QR in columns scaled as in MINPACK (More, doi:10.1007/BFb0067700), with the damping steered by
the gain (Nielsen, IMM-REP-1999-05). A bound that is reached holds its parameter until the descent
leads away from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Effort", "Place", "Squares", "descend", "descend_any"]

Array = NDArray[np.float64]

_MOST_DAMPING = 1e40


class Place(NamedTuple):
    """A place in parameter space."""

    u: Array  #: parameters as they are searched
    s: float  #: what is to be least there


class Effort(NamedTuple):
    """How far a descent is taken."""

    tolerance: float = 0.0  #: stop when a step promises to lower the sum of squares by less
    share: float = 1e-24  #: or by less than this share of it
    steps: int = 400  #: at most
    damping: float = 1e-3  #: to begin with; large is cautious


class Squares(Protocol):
    """A sum of squares to be made least."""

    @property
    def low(self) -> Array:
        """Return the lower bounds."""

    @property
    def high(self) -> Array:
        """Return the upper bounds."""

    def residual(self, u: Array) -> Array:
        """Return the weighted residuals."""

    def slopes(self, u: Array) -> Array:
        """Return their derivatives, shape (residuals, parameters)."""


@dataclass(frozen=True, slots=True)
class _Pace:
    """How far the next step goes, and the size of each parameter."""

    damping: float
    growth: float
    size: Array

    def slower(self) -> _Pace:
        return replace(self, damping=self.damping * self.growth, growth=2 * self.growth)

    def faster(self, gain: float) -> _Pace:
        factor = max(1 / 3, 1 - (2 * min(gain, 1.0) - 1) ** 3)
        return replace(self, damping=max(self.damping * factor, 1e-15), growth=2.0)


def descend(
    problem: Squares,
    start: Array,
    free: NDArray[np.bool_],
    effort: Effort,
) -> Place:
    """Search the least sum of squares from a start.

    Parameters
    ----------
    problem
        What is to be made least.
    start
        Parameters to start from; those outside the bounds are moved to them.
    free
        Which parameters may move.
    effort
        When to stop.

    Raises
    ------
    ArithmeticError
        The residuals are not finite at the start.
    """
    u = np.clip(start, problem.low, problem.high)
    r = problem.residual(u)
    s = float(r @ r)
    if not math.isfinite(s):
        raise ArithmeticError("the curve is not finite where the search starts")
    pace, slopes = _Pace(effort.damping, 2.0, np.zeros(len(u))), problem.slopes(u)
    if not np.all(np.isfinite(slopes)):
        raise ArithmeticError("the curve has no finite slope where the search starts")
    for _ in range(effort.steps):
        pace = replace(pace, size=np.maximum(pace.size, np.sqrt(np.sum(slopes**2, axis=0))))
        step, promise = _step(problem, u, r, slopes, free, pace)
        if promise <= max(effort.tolerance, effort.share * s) or pace.damping > _MOST_DAMPING:
            break
        trial = problem.residual(u + step)
        lower = float(trial @ trial)
        if not lower < s:
            if np.all(np.abs(step) <= 1e-16 * np.abs(u)):
                break
            pace = pace.slower()
            continue
        pace = pace.faster((s - lower) / promise)
        u, r, s = np.clip(u + step, problem.low, problem.high), trial, lower
        slopes = problem.slopes(u)
        if not np.all(np.isfinite(slopes)):
            break
    return Place(u, s)


def _step(
    problem: Squares, u: Array, r: Array, slopes: Array, free: NDArray[np.bool_], pace: _Pace
) -> tuple[Array, float]:
    """Return an allowed step and the decrease of the sum of squares that it promises."""
    step = np.zeros(len(u))
    size = np.where(pace.size > 0, pace.size, 1.0)
    moving = free & ~_stopped(problem, u, slopes.T @ r)
    for _ in range(len(u)):
        if not np.any(moving):
            return np.zeros(len(u)), 0.0
        columns = slopes[:, moving]
        basis, triangle = np.linalg.qr(columns)
        damped = np.vstack((triangle, np.diag(math.sqrt(pace.damping) * size[moving])))
        if not np.all(np.isfinite(damped)):
            return np.zeros(len(u)), 0.0
        target = np.concatenate((-(basis.T @ r), np.zeros(len(damped) - len(triangle))))
        step[:] = 0.0
        step[moving] = np.linalg.lstsq(damped, target, rcond=None)[0]
        allowed = np.clip(u + step, problem.low, problem.high) - u
        blocked = moving & (allowed == 0) & (step != 0)
        if not np.any(blocked):
            break
        moving = moving & ~blocked
    moved = slopes @ allowed
    return allowed, float(-2 * (r @ moved) - moved @ moved)


def _stopped(problem: Squares, u: Array, uphill: Array) -> NDArray[np.bool_]:
    """Tell which parameters stand at a bound and are pushed against it."""
    below = (u <= problem.low) & (uphill > 0)
    above = (u >= problem.high) & (uphill < 0)
    return below | above


def descend_any(
    problem: Squares, starts: list[Array], free: NDArray[np.bool_], *efforts: Effort
) -> Place | None:
    """Return the lowest place reached from several starts; None where all were useless."""
    best: Place | None = None
    for start, effort in product(starts, efforts):
        try:
            found = descend(problem, start, free, effort)
        except (ArithmeticError, ValueError, np.linalg.LinAlgError):
            continue
        if best is None or found.s < best.s:
            best = found
    return best
