"""The minima of many curves: searched from one start or more, with errors and criteria."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import many
from labctl.analysis.batch import Curves
from labctl.analysis.quantiles import excess_limit, student_95
from labctl.analysis.question import Question
from labctl.analysis.scans import scan
from labctl.analysis.separable import FLUCTUATION
from labctl.kernels import kernels

__all__ = ["Minima", "descend", "minima"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_ROUNDING = 1e-13
_EXACT = 1e-5  # share of the variance that a search may leave unfound
_KERNELS = "labctl.analysis.kernels.decays"
# Curves from which the compiled search pays: before it is loaded (which takes a second, and the
# very first time, to compile it, twenty), and after.
_COMPILED_FROM = {False: 2000, True: 50}


def engine(curves: int) -> ModuleType:
    """Return the compiled search where it pays, else the plain one."""
    least = _COMPILED_FROM[_KERNELS in sys.modules]
    fast = kernels(_KERNELS) if curves >= least else None
    return fast or many


def descend(
    curves: Curves,
    turn: Array,
    shift: Array,
    limits: tuple[Array, Array],
    gap: float,
    start: Array,
    tolerance: Array,
    plan: ModuleType,
) -> tuple[Array, Array, Array]:
    """Search each curve's minimum over theta = turn phi + shift; return theta, c and s."""
    phi = np.ascontiguousarray(start, float).copy()
    t, x, w, y = (np.ascontiguousarray(a) for a in (curves.t, curves.x, curves.w, curves.y))
    c, s = plan.minimise(
        curves.law, curves.linear, t, x, w, y, curves.flat, np.ascontiguousarray(turn, float),
        np.ascontiguousarray(shift, float), np.ascontiguousarray(limits[0], float),
        np.ascontiguousarray(limits[1], float), gap, phi, np.ascontiguousarray(tolerance, float),
    )  # fmt: skip
    return shift + phi @ turn.T, c, s


@dataclass(frozen=True, slots=True)
class Minima:
    """Many curves at their best, in reduced units; see `labctl.analysis.minimum.Minimum`."""

    theta: Array
    c: Array
    s: Array
    covariance: Array  #: for unit weights
    points: Array
    dof: Array
    chi2: Array
    variance: Array
    scaled: Mask
    excess: Mask
    plan: ModuleType  #: what did the search

    def rows(self, where: Mask) -> Minima:
        """Return some of the curves."""
        return Minima(
            self.theta[where], self.c[where], self.s[where], self.covariance[where],
            self.points[where], self.dof[where], self.chi2[where], self.variance[where],
            self.scaled[where], self.excess[where], self.plan,
        )  # fmt: skip

    @property
    def quantile(self) -> Array:
        """Half-widths of 95 % intervals in standard errors."""
        return by_dof(np.where(self.scaled, self.dof, np.inf), student_95)

    @property
    def level(self) -> Array:
        """Rise of the sum of squares at the end of a 95 % interval."""
        return self.variance * self.quantile**2

    def aicc(self, stated: bool) -> Array:
        """Return Akaike's criterion as `labctl.analysis.minimum.akaike` does, NaN where none is."""
        free = self.points - self.dof + (0 if stated else 1)
        left = self.points - free - 1
        known = (left >= 1) & (self.chi2 > 0) & np.isfinite(self.chi2)
        chi2 = np.where(known, self.chi2, 1.0)
        deviance = chi2 if stated else self.points * np.log(chi2 / self.points)
        score = deviance + 2 * free + 2 * free * (free + 1) / np.where(known, left, 1.0)
        return np.where(known, score, np.nan)


def by_dof(dof: Array, quantile: Callable[[float], float]) -> Array:
    """Return a quantile for each number of degrees of freedom."""
    each, which = np.unique(dof, return_inverse=True)
    values: Array = np.array([quantile(x) for x in each.tolist()])[which]
    return values


def minima(asked: Question, curves: Curves) -> Minima:
    """Return the lowest minimum of each curve."""
    plan = engine(len(curves.y))
    dof = (curves.points - len(asked.names)).astype(float)
    theta, c, s = lowest(curves, dof, asked.stated, plan)
    least = _ROUNDING**2 * np.sum(curves.y**2, axis=1)
    chi2 = np.maximum(s, least) / curves.unit_s
    limits = by_dof(dof, lambda dof: excess_limit(round(dof)))
    excess = ~(chi2 / dof <= limits) if asked.stated else np.zeros(len(s), bool)
    scaled = excess if asked.stated else np.ones(len(s), bool)
    variance = np.where(scaled, np.maximum(s, least) / dof, curves.unit_s)
    axes = [np.ascontiguousarray(a) for a in (curves.t, curves.x, curves.w)]
    covariance = plan.errors(
        curves.law, curves.linear, *axes, curves.flat,
        np.ascontiguousarray(theta), np.ascontiguousarray(c),
    )  # fmt: skip
    return Minima(
        theta,
        c,
        s,
        covariance,
        curves.points.astype(float),
        dof,
        chi2,
        variance,
        scaled,
        excess,
        plan,
    )


def lowest(
    curves: Curves, dof: Array, stated: bool, plan: ModuleType
) -> tuple[Array, Array, Array]:
    """Search from the best place on the grid, and from others where that may gain something."""
    nonlinear = curves.low.shape[1]
    turn, shift = np.eye(nonlinear), np.zeros_like(curves.low)
    limits = curves.low, curves.high
    if not nonlinear:
        nothing = np.empty((len(curves.y), 0))
        return descend(curves, turn, shift, limits, 0.0, nothing, np.zeros(len(nothing)), plan)
    starts = scan(curves, compiled=plan is not many)
    least = _ROUNDING**2 * np.sum(curves.y**2, axis=1)
    variance = curves.unit_s if stated else np.maximum(starts.floor, least) / dof
    tolerance = np.maximum(_EXACT * variance, least)
    theta, c, s = descend(
        curves, turn, shift, limits, curves.gap, starts.places[:, 0], tolerance, plan
    )
    for k in range(1, starts.places.shape[1]):
        again = np.isfinite(starts.sums[:, k]) & (starts.sums[:, k] - s < FLUCTUATION * variance)
        if not np.any(again):
            break
        other = descend(
            curves.rows(again), turn, shift[again], (limits[0][again], limits[1][again]),
            curves.gap, starts.places[again, k], tolerance[again], plan,
        )  # fmt: skip
        better = other[2] < s[again]
        where = np.flatnonzero(again)[better]
        theta[where], c[where], s[where] = (part[better] for part in other)
    return theta, c, s
