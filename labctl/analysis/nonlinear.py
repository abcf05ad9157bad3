"""Nonlinear fits: any curve by weighted least squares, with intervals that tell what data can say.

`fit_curve` fits a `labctl.analysis.curves.Curve` and gives every parameter a standard error and a
95 % interval from its profile, and the verdict whether the data determine it at all, by the same
rules as `labctl.analysis.decay.fit_decay`. Numbers derived from the parameters get intervals of
their own. On the 27 nonlinear problems of NIST's Statistical Reference Datasets, from both starts,
it is held to six digits of the parameters and four of their standard deviations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.competition import Competition, judge
from labctl.analysis.curves import Curve, settled
from labctl.analysis.descent import Effort, Place, descend, descend_any
from labctl.analysis.extended import least_sum
from labctl.analysis.profiles import Ends, LowerFound, follow
from labctl.analysis.quantiles import excess_limit, student_95
from labctl.analysis.residuals import runs_test
from labctl.analysis.slow_curves import with_slow_noise
from labctl.analysis.squares import LeastSquares, Points
from labctl.analysis.verdict import in_rows, join, open_sides, values_of
from labctl.errors import BadInput
from labctl.results import Fit

__all__ = ["CONTENDER", "compete_curves", "fit_curve", "rough_fit"]

Array = NDArray[np.float64]

#: a curve whose AICc is higher than the lowest by this has a weight below one in a thousand
CONTENDER = 14.0

_MOST_DESCENTS = 4  # profiles may run into lower minima so often
_CAUTIOUS = 1e3  # damping to begin with, from a start that may be far away
_FIRST_STEPS = 120
_NEARLY = 1e-10  # share of the sum of squares at which the best of several starts is clear
_NARROW = 0.1  # an interval is no narrower than this share of what the covariance says
_ROUNDING = 4e-16  # least residual that means anything, as a share of the data


def fit_curve(
    curve: Curve,
    x: ArrayLike,
    y: ArrayLike,
    sigma: ArrayLike | None = None,
    *,
    starts: Sequence[ArrayLike] = (),
    absolute: bool = True,
    intervals: bool = True,
    remark: str = "",
) -> Fit:
    """Fit a curve by weighted least squares.

    Parameters
    ----------
    curve
        What is fitted.
    x, y
        Places, shape (n,) or (k, n), and data, in any order; repeats are welcome.
    sigma
        Standard uncertainty of each value. Without it all have the same weight and errors come from
        the scatter of the residuals.
    starts
        Places to search from, instead of the curve's own.
    absolute
        Take `sigma` as it is; False takes it as relative weights, and errors come from the scatter
        of the residuals. When the residuals are larger than a stated `sigma` explains (beyond the
        99.9 % point of chi2), errors are scaled up all the same and `Fit.note` says so.
    intervals
        Follow the profiles; False leaves standard errors alone, and `Fit.identifiable` false.
    remark
        Something to be said in the note.

    Returns
    -------
    Fit
        Values of the parameters, then of the numbers derived. An open side of a profile leaves
        `low` or `high` (and `sigma`) empty and makes the fit not identifiable. Data that cannot be
        fitted give a fit without values; `note` says why.

    Raises
    ------
    BadInput
        The arrays differ in length, or there is nothing to start from.
    """
    asked = _Question(curve, sigma is not None, absolute, intervals, bool(starts))
    with np.errstate(all="ignore"):
        points, note = Points.usable(x, y, sigma)
        note = join(remark, note)
        refusal = asked.refuse(points)
        if refusal:
            return asked.empty(points, join(note, refusal))
        try:
            return _fit(asked, points, _starts(curve, points, starts), note)
        except (np.linalg.LinAlgError, ArithmeticError, ValueError):
            return asked.empty(points, join(note, "no minimum was found in these data"))


def compete_curves(
    curves: Mapping[str, Curve],
    x: ArrayLike,
    y: ArrayLike,
    sigma: ArrayLike | None = None,
    *,
    absolute: bool = True,
    remark: str = "",
    slow: ArrayLike | None = None,
) -> Competition:
    """Fit several curves to the same data and compare them.

    Profiles are followed only for curves whose AICc comes within `CONTENDER` of the lowest; the
    others say so in their note. With `slow`, errors and AICc allow for 1/f noise in proportion to
    it (`labctl.analysis.slow_curves.with_slow_noise`); `absolute` should then be false.

    Returns
    -------
    Competition
        The fits by name, and the verdict of `labctl.analysis.competition.judge`.

    Raises
    ------
    BadInput
        The arrays differ in length.
    """

    def fitted(curve: Curve, *, intervals: bool) -> Fit:
        found = fit_curve(
            curve, x, y, sigma, absolute=absolute, intervals=intervals, remark=remark
        )  # fmt: skip
        return found if slow is None else with_slow_noise(curve, found, x, y, sigma, slow)

    fits = {name: fitted(curve, intervals=False) for name, curve in curves.items()}
    scores = [fit.aicc for fit in fits.values() if fit.aicc is not None]
    limit = min(scores, default=0.0) + CONTENDER
    for name, fit in fits.items():
        if fit.values and (fit.aicc is None or fit.aicc <= limit):
            fits[name] = fitted(curves[name], intervals=True)
    return judge(fits)


def rough_fit(
    curve: Curve, x: ArrayLike, y: ArrayLike, sigma: ArrayLike | None = None
) -> tuple[Array, float]:
    """Return only the best parameters and the weighted sum of squares, (y - f)^2 / sigma^2.

    For choosing among many candidates; parameters are empty and the sum infinite where there is
    none.
    """
    with np.errstate(all="ignore"):
        points, _ = Points.usable(x, y, sigma)
        if len(points.y) < len(curve.parameters):
            return np.zeros(0), math.inf
        try:
            starts = _starts(curve, points, ())
            problem = LeastSquares(curve, points, starts)
            best = _best(problem, starts, exactly=False)
        except (np.linalg.LinAlgError, ArithmeticError, ValueError, BadInput):
            return np.zeros(0), math.inf
        return problem.space.values(best.u), best.s / points.unit_s


def _starts(curve: Curve, points: Points, given: Sequence[ArrayLike]) -> list[Array]:
    if given:
        return [np.asarray(start, float) for start in given]
    if curve.starts is None:
        raise BadInput(f"{curve.model} does not know where to start; give at least one start")
    return [
        np.asarray(s, float) for s in curve.starts(points.x, points.y * points.unit_y, points.w)
    ]


@dataclass(frozen=True, slots=True)
class _Question:
    """What was asked of the fit."""

    curve: Curve
    weighted: bool
    absolute: bool
    intervals: bool
    given: bool  #: the caller gave the starts

    def refuse(self, points: Points) -> str:
        """Say why the data cannot be fitted, or nothing."""
        needed, model = len(self.curve.parameters) + 1, self.curve.model
        if len(points.y) < needed:
            return f"{len(points.y)} usable points; {model} needs at least {needed}"
        distinct = np.unique(np.atleast_2d(points.x), axis=1).shape[1]
        if distinct < needed - 1:
            return f"{distinct} different places; {model} needs at least {needed - 1}"
        if self.curve.null and np.ptp(points.y) <= 1e-12 * np.max(np.abs(points.y)):
            return f"the data are constant; there is no {self.curve.subject} to fit"
        return ""

    def definition(self, scaled: bool) -> str:
        weights = "weighted by 1/sigma^2" if self.weighted else "equal weights"
        errors = "scaled by the reduced chi2" if scaled else "from the stated sigma"
        return f"{self.curve.formula}; least squares, {weights}; errors {errors}"

    def empty(self, points: Points, note: str) -> Fit:
        scaled = not (self.weighted and self.absolute)
        return Fit(self.curve.model, self.definition(scaled), points=len(points.y), note=note)


@dataclass(frozen=True, slots=True)
class _Minimum:
    """The best place, and how large one standard deviation is there."""

    best: Place
    chi2: float
    dof: int
    variance: float  #: of a point of weight 1, in reduced units
    scaled: bool  #: the variance comes from the residuals
    excess: bool  #: although sigma was stated

    @property
    def quantile(self) -> float:
        return student_95(self.dof if self.scaled else math.inf)

    @property
    def level(self) -> float:
        return self.variance * self.quantile**2


def _fit(asked: _Question, points: Points, starts: list[Array], note: str) -> Fit:
    curve = _settled(asked.curve, points, starts)
    problem = LeastSquares(curve, points, starts)
    best = _best_from_afar(problem, starts) if asked.given else _best(problem, starts)
    found, ends = _minimum(asked, problem, best)
    if found.excess:
        reduced = f"reduced chi2 {found.chi2 / found.dof:.3g}"
        note = join(note, f"the residuals exceed the stated sigma ({reduced}): errors scaled up")
    unscaled = problem.covariance(found.best.u)
    covariance = None if unscaled is None else found.variance * unscaled
    scales = problem.space.scales(found.best.u)
    values = values_of(problem.space.spans(found.best.u, ends), covariance, scales)
    opened, other = "intervals were not followed", ""
    if asked.intervals:
        opened, other = open_sides(values, asked.curve.names)
    opened = opened or _superfluous(asked, points, found)
    return Fit(
        model=asked.curve.model,
        definition=asked.definition(found.scaled),
        values=values,
        covariance=in_rows(covariance, scales),
        chi2_reduced=found.chi2 / found.dof if asked.weighted and found.chi2 < math.inf else None,
        aicc=_aicc(asked, found, len(points.y)),
        identifiable=not opened,
        points=len(points.y),
        note=join(note, opened, other),
        runs=runs_test(_in_order(problem, found.best)),
        fixed=dict(asked.curve.fixed),
    )


def _in_order(problem: LeastSquares, best: Place) -> Array:
    """Return the residuals in the order of the places, the last row first."""
    order = np.lexsort(np.atleast_2d(problem.points.x))
    return problem.residual(best.u)[order]


def _settled(curve: Curve, points: Points, starts: list[Array]) -> Curve:
    for start in starts:
        if np.all(np.isfinite(curve.shape(points.x, *start))):
            return settled(curve, points.x, start)
    return curve


def _best(problem: LeastSquares, starts: list[Array], exactly: bool = True) -> Place:
    """Return the lowest minimum reached; `exactly` to the last digit.

    Raises
    ------
    ArithmeticError
        There is none.
    """
    inner = [problem.space.inner(start) for start in starts]
    floor, free = problem.floor(_ROUNDING), problem.space.all_free
    best = descend_any(problem, inner, free, Effort(floor, _NEARLY, steps=_FIRST_STEPS))
    if best is None:
        raise ArithmeticError("no start was useful")
    return descend(problem, best.u, free, Effort(floor)) if exactly else best


def _best_from_afar(problem: LeastSquares, starts: list[Array]) -> Place:
    """Return the lowest minimum reached from starts that may be far away.

    Besides the usual descent there is a cautious one, and one along the logarithms of the
    parameters.
    """
    floor, free = problem.floor(_ROUNDING), problem.space.all_free
    inner = [problem.space.inner(start) for start in starts]
    near: list[Array] = []
    for start in inner:
        turned = problem.signed(start)
        found = turned and descend_any(turned[0], [turned[1]], free, Effort(floor))
        if turned and found:
            sizes = turned[0].space.values(found.u)
            near.append(problem.space.inner(np.copysign(sizes, problem.space.values(start))))
    places = (
        descend_any(problem, inner, free, Effort(floor), Effort(floor, damping=_CAUTIOUS)),
        descend_any(problem, near, free, Effort(floor)),
    )
    useful = [place for place in places if place is not None]
    if not useful:
        raise ArithmeticError("no start was useful")
    return min(useful, key=lambda place: place.s)


def _minimum(
    asked: _Question, problem: LeastSquares, best: Place
) -> tuple[_Minimum, tuple[Ends, ...]]:
    """Return the lowest minimum, and the profiles that start there."""
    unknown = (Ends(None, None),) * len(problem.space.numbers)
    for _ in range(_MOST_DESCENTS):
        found = _weighed(asked, problem, best)
        if not asked.intervals:
            return found, unknown
        try:
            return found, _profiles(problem, found)
        except LowerFound as lower:
            effort = Effort(problem.floor(_ROUNDING))
            best = descend(problem, lower.place.u, problem.space.all_free, effort)
    return found, unknown


def _profiles(problem: LeastSquares, found: _Minimum) -> tuple[Ends, ...]:
    ready, best = problem.at(found.best, found.level), found.best
    ends: list[Ends] = []
    for k, width in zip(ready.space.numbers, ready.widths, strict=True):
        source = ready.space.follows(k)
        if source < k:
            ends.append(ends[source])
            continue
        end = follow(ready, k, best, ready.space.number(k, best.u), found.level, width)
        ends.append(Ends(None, None) if _too_narrow(end, width) else end)
    return tuple(ends)


def _too_narrow(end: Ends, width: float) -> bool:
    """Tell whether an interval cannot be: rounding, not the data, closed the profile."""
    return end.low is not None and end.high is not None and end.high - end.low < _NARROW * width


def _weighed(asked: _Question, problem: LeastSquares, best: Place) -> _Minimum:
    """Compare the residuals with the stated uncertainties."""
    points = problem.points
    dof = len(points.y) - len(asked.curve.parameters)
    s = max(least_sum(problem, best), problem.floor(_ROUNDING))
    chi2 = float(np.float64(s) / points.unit_s)
    stated = asked.weighted and asked.absolute
    excess = stated and not chi2 / dof <= excess_limit(dof)
    scaled = excess or not stated
    return _Minimum(best, chi2, dof, s / dof if scaled else points.unit_s, scaled, excess)


def _superfluous(asked: _Question, points: Points, found: _Minimum) -> str:
    """Say that something simpler would do, or nothing.

    Where it would, the parameters describe noise, even if their profiles happen to close; the curve
    has to lower chi2 by the 99 % point for its additional parameters.
    """
    if not asked.curve.null:
        return ""
    columns = points.null(asked.curve.null)
    more = len(asked.curve.parameters) - columns.shape[1]
    dof = found.dof if found.scaled else math.inf
    drop = points.remainder(columns) - found.best.s
    if drop >= _rise_99(more, dof) * found.variance:
        return ""
    words = {"zero": "no", "constant": "no", "line": "a straight line and no"}[asked.curve.null]
    return f"not identifiable: {words} {asked.curve.subject} would describe the data as well"


def _rise_99(parameters: int, dof: float) -> float:
    """Return the rise of chi2, in variances, that useless parameters reach once in a hundred."""
    from scipy.special import chdtri, fdtri

    if math.isinf(dof):
        return float(chdtri(parameters, 0.01))
    return parameters * float(fdtri(parameters, dof, 0.99))


def _aicc(asked: _Question, found: _Minimum, points: int) -> float | None:
    """Return Akaike's criterion with the correction for few points.

    -2 ln L is chi2 where sigma is stated, n ln(chi2/n) where only weights are, and then the
    variance counts as a parameter (Hurvich and Tsai, doi:10.1093/biomet/76.2.297).
    """
    stated = asked.weighted and asked.absolute
    free = len(asked.curve.parameters) + (0 if stated else 1)
    if points - free - 1 < 1 or not 0 < found.chi2 < math.inf:
        return None
    deviance = found.chi2 if stated else points * math.log(found.chi2 / points)
    return deviance + 2 * free + 2 * free * (free + 1) / (points - free - 1)
