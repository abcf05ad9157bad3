"""Relaxation: laws of decay fitted to data, with intervals that tell what the data can say.

`fit_decay` fits one of `MODELS` by weighted least squares and gives every parameter a standard
error, a 95 % interval from its profile likelihood, and the verdict whether the data determine it at
all. Two exponentials of similar time constant are the classical case in which a fit looks perfect
and its parameters mean nothing (Lanczos, Applied Analysis, 1956, p. 272); then the profile is open
and the fit says so.

The laws are in `labctl.analysis.laws`, their line shapes as plain functions of time in
`labctl.analysis.lineshapes`. Many curves at once are for `labctl.analysis.decays`, curves that
share parameters for `labctl.analysis.joint`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis import intervals, separable
from labctl.analysis.axis import Axis
from labctl.analysis.laws import LAWS, Bounds, Law, find_law
from labctl.analysis.minimum import (
    Minimum,
    Stakes,
    akaike,
    explore,
    join,
    open_sides,
    real_covariance,
    stuck,
    values,
)
from labctl.analysis.quantiles import rise_99
from labctl.analysis.question import SLOWLY, Baseline, Question, ask, linear, residuals
from labctl.analysis.residuals import runs_test
from labctl.analysis.robust import trust
from labctl.analysis.sample import Sample, clean
from labctl.analysis.slow_noise import Spread, criterion, spread
from labctl.errors import BadInput
from labctl.results import Fit

__all__ = ["MODELS", "Baseline", "curve", "fit_decay"]

Array = NDArray[np.float64]

#: names of the models that `fit_decay` knows, simplest first in each family
MODELS = tuple(LAWS)


def curve(fit: Fit, t: ArrayLike, baseline: float | None = None) -> Array:
    """Return a decay fit's curve at other times.

    Parameters
    ----------
    fit
        What `fit_decay` returned, with values.
    t
        Times, in the unit of the fit. Where the law has no value (a power law at t = 0) the curve
        is not a finite number.
    baseline
        Replaces a baseline that was fixed; a free one is taken from the fit.

    Raises
    ------
    BadInput
        The fit has no values.
    """
    if not fit.values:
        raise BadInput(f"the curve of a fit without values was asked for: {fit.note}")
    found: Mapping[str, float] = {name: one.value for name, one in fit.values.items()}
    level = fit.fixed.get("baseline", 0.0) if baseline is None else baseline
    law, times = find_law(fit.model), np.asarray(t, float)
    total = np.full(np.shape(t), found.get("baseline", level))
    with np.errstate(all="ignore"):
        columns = law.basis(times, found, fit.fixed.get("t0", 1.0))
        for name, column in zip(law.linear, columns, strict=True):
            total = total + found[name] * column
    return total


def fit_decay(
    t: ArrayLike,
    y: ArrayLike,
    sigma: ArrayLike | None = None,
    model: str = "double_decay",
    baseline: Baseline = "none",
    unit_t: str = "s",
    unit_y: str = "1",
    *,
    absolute: bool = True,
    t0: float = 1.0,
    bounds: Bounds | None = None,
    robust: bool = False,
    start: Fit | None = None,
    slow: ArrayLike | None = None,
) -> Fit:
    """Fit a law of decay by weighted least squares.

    Parameters
    ----------
    t, y
        In any order, repeats welcome; times at which the law has no value are left out.
    sigma
        Standard uncertainty of each value; without it errors come from the scatter.
    model, baseline
        One of `MODELS`; ``"none"``, ``"free"``, or a fixed value (a logarithm has its own, `a`).
    unit_t, unit_y
        Units of the values returned.
    absolute
        Take `sigma` as it is, not as weights. Beyond the 99.9 % point of chi2 errors are scaled up.
    t0
        Reference time of ``power_decay`` and ``log_decay``.
    bounds
        Least and largest value allowed, by name; None is no bound. Profiles are open at a bound.
    robust
        Expect outliers (`labctl.analysis.robust`); `sigma` then only sets relative weights.
    start
        An earlier fit of the same model: the search begins there and nowhere else.
    slow
        What 1/f noise is in proportion to (the conductance), one number or one for each point: for
        errors and AICc that allow for it (`labctl.analysis.slow_noise`). No bounds, not `robust`.

    Returns
    -------
    Fit
        An open side of a profile leaves `low` or `high` (and `sigma`) empty: not identifiable.
        Data that cannot be fitted give a fit without values; `note` says why.

    Raises
    ------
    BadInput
        The model, the baseline, t0 or a bound cannot be used, or the arrays differ in length.
    """
    _check_alone(slow, bounds, robust)
    asked = ask(model, baseline, (unit_t, unit_y), sigma is not None, absolute, t0, bounds, robust)
    with np.errstate(all="ignore"):
        sample, note = clean(t, y, sigma, asked.level, asked.law.begin, slow)
        if refusal := asked.refuse(sample):
            return asked.empty(sample, join(note, refusal))
        return _tried(asked, sample, note, _place(asked, sample, start))


def _tried(asked: Question, sample: Sample, note: str, start: Array | None) -> Fit:
    try:
        return _fit(asked, sample, note, start)
    except (np.linalg.LinAlgError, ArithmeticError, ValueError):
        return asked.empty(sample, join(note, "no minimum was found in these data"))


def _check_alone(slow: ArrayLike | None, bounds: Bounds | None, robust: bool) -> None:
    if slow is not None and (bounds or robust):
        raise BadInput(
            "slow noise was given with bounds or with robust=True; it is allowed with neither, so "
            "leave one of them out"
        )


def _place(asked: Question, sample: Sample, start: Fit | None) -> Array | None:
    """Return an earlier fit's nonlinear parameters as the search counts them."""
    if start is None or start.model != asked.law.name or not start.values:
        return None
    return np.array(
        [
            parameter.reduced(start.values[parameter.name].value, sample.unit_t)
            for parameter in asked.law.nonlinear
        ]
    )


def _fit(asked: Question, sample: Sample, note: str, start: Array | None) -> Fit:
    if asked.robust:
        return _robust_fit(asked, sample, note)
    problem, data, stakes = asked.problem(sample)
    slow = None if sample.slow is None else functools.partial(_spread, asked, sample)
    found, ends = explore(problem, stakes, start, slow)
    if found.excess:
        reduced = f"reduced chi2 {found.chi2 / stakes.dof:.3g}"
        note = join(note, f"the residuals exceed the stated sigma ({reduced}): errors scaled up")
    chi2 = found.chi2
    return _report(
        asked,
        sample,
        found,
        ends,
        join(note, open_sides(asked.names, ends) or _superfluous(asked, sample, data.axis, found)),
        chi2 / stakes.dof if asked.weighted and chi2 < math.inf else None,
        _aicc(asked, sample, found),
    )


def _report(
    asked: Question,
    sample: Sample,
    found: Minimum,
    ends: tuple[intervals.Profile, ...],
    note: str,
    chi2_reduced: float | None,
    aicc: float | None,
) -> Fit:
    """Put a fit's numbers together."""
    quantities = asked.quantities(sample)
    cov = intervals.covariance(found.problem, found.best, stuck(found, asked.curve_bounds(sample)))
    cov = found.covariance(cov)
    return Fit(
        model=asked.law.name,
        definition=asked.definition(found.scaled) + (SLOWLY if found.slow is not None else ""),
        values=values(quantities, found, ends, cov),
        covariance=real_covariance(quantities, found, cov),
        chi2_reduced=chi2_reduced,
        aicc=aicc,
        identifiable="not identifiable" not in note,
        points=len(sample.t),
        note=note,
        runs=runs_test(residuals(asked, sample, found.best.theta, found.best.c)),
        fixed=asked.fixed,
    )


def _aicc(asked: Question, sample: Sample, found: Minimum) -> float | None:
    """Return Akaike's criterion, of correlated readings where noise is slow."""
    if sample.slow is not None and np.any(sample.slow > 0):
        slopes, left = _linear(asked, sample, found.best)
        return criterion(sample.t, slopes, left, sample.slow * sample.w)
    stakes = found.stakes
    return akaike(found.chi2, stakes.points, stakes.parameters, asked.stated)


def _spread(asked: Question, sample: Sample, best: separable.Point) -> Spread | None:
    """Return the covariance at a minimum with slow noise."""
    assert sample.slow is not None
    slopes, left = _linear(asked, sample, best)
    if not np.all(np.isfinite(slopes)):
        return None
    return spread(sample.t, slopes, left, sample.slow * sample.w)


def _linear(asked: Question, sample: Sample, best: separable.Point) -> tuple[Array, Array]:
    """Return the weighted derivatives of the curve by all parameters, and the residuals."""
    count = len(best.theta)
    return linear(
        lambda at: residuals(asked, sample, at[:count], at[count:]),
        np.concatenate((best.theta, best.c)),
    )


def _superfluous(asked: Question, sample: Sample, axis: Axis, found: Minimum) -> str:
    """Say that a simpler curve would do, or nothing.

    Where one exponential fewer would, the parameters of the last one describe noise, even if their
    profiles happen to close; so do those of a stretched exponential, or of a power law above a free
    baseline, where there is no decay. The law has to lower chi2 by the 99 % point for the
    parameters that the simpler curve lacks. A power law without a baseline and a logarithm say
    something even of a constant: that they are flat.
    """
    law, y = asked.law, found.problem.y
    fewer = law.exponentials - 1
    if law.counts_from_t0 and not asked.free:
        return ""
    if fewer > 0:
        simpler = separable.one_curve(
            asked.model(_with_exponentials(fewer), axis, sample, None), y, fewer + asked.free
        )
        s = separable.best_of(simpler, found.level * 1e-6).s
    else:
        w = axis.weigh(np.full((len(axis.t), 1), float(asked.free)))[:, 0]
        s = float(y @ y - (w @ y) ** 2 / max(float(w @ w), 1e-300))
    lost = 2 if law.exponentials else 1 + len(law.nonlinear)
    if s - found.best.s >= rise_99(lost, found.dof) * found.variance:
        return ""
    other = f"{fewer} exponential" if fewer > 0 else "no decay"
    return f"not identifiable: {other}{'s' if fewer > 1 else ''} would describe the data as well"


def _with_exponentials(count: int) -> Law:
    return next(law for law in LAWS.values() if law.exponentials == count)


def _robust_fit(asked: Question, sample: Sample, note: str) -> Fit:
    """Fit with Tukey's biweight: least squares with weights that the residuals themselves set."""

    def refit(weights: Array) -> Array:
        trial = _reweighted(sample, weights)
        problem, _, stakes = asked.problem(trial)
        best = separable.best_of(problem, stakes.least)
        return residuals(asked, sample, best.theta, best.c)

    least = 1e-15 * float(np.max(np.abs(sample.y * sample.w)))
    found = trust(refit, len(sample.t), len(asked.names), least)
    trusted = _reweighted(sample, found.weights)
    problem, data, stakes = asked.problem(trusted)
    stakes = Stakes(
        stakes.points, stakes.parameters, False, stakes.unit_s, data.lost, stakes.least,
        max(found.variance, stakes.least / stakes.points),
    )  # fmt: skip
    minimum, ends = explore(problem, stakes)
    if found.doubted:
        note = join(note, f"{found.doubted} points have lost more than half their weight")
    opened = open_sides(asked.names, ends) or _superfluous(asked, trusted, data.axis, minimum)
    return _report(asked, sample, minimum, ends, join(note, opened), None, None)


def _reweighted(sample: Sample, weights: Array) -> Sample:
    w = sample.w * np.sqrt(weights)
    return Sample(sample.t, sample.y, w, sample.unit_t, sample.unit_y, sample.unit_s)
