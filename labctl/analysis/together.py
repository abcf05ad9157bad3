"""The joint fit itself: blocks that share nonlinear parameters, fitted and reported as one."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import intervals, separable
from labctl.analysis.axis import Axis, condense
from labctl.analysis.laws import LAWS, Law
from labctl.analysis.minimum import (
    ROUNDING,
    Minimum,
    Quantity,
    Stakes,
    akaike,
    explore,
    join,
    open_sides,
    real_covariance,
    values,
)
from labctl.analysis.quantiles import rise_99
from labctl.analysis.question import linear, residuals
from labctl.analysis.residuals import runs_test
from labctl.analysis.sample import Sample, reach
from labctl.analysis.separable import Block, Problem
from labctl.analysis.shared import Plan, Together
from labctl.analysis.slow_noise import Spread, criterion, spread
from labctl.results import Fit

__all__ = ["fit_samples"]

Array = NDArray[np.float64]


def fit_samples(plan: Plan, samples: Sequence[Sample], labels: Sequence[str], note: str) -> Fit:
    """Fit curves that share parameters.

    Parameters
    ----------
    plan
        What they share.
    samples, labels
        The curves, and what marks their own parameters.
    note
        What was left out of them.

    Raises
    ------
    numpy.linalg.LinAlgError, ArithmeticError
        No minimum was found.
    """
    alike = _alike(samples)
    problem, lost = _problem(plan, plan.asked.law, alike)
    quantities = _quantities(plan, alike[0], labels)
    points = sum(len(sample.t) for sample in alike)
    least = ROUNDING**2 * (float(problem.y @ problem.y) + lost)
    stated = plan.asked.stated
    stakes = Stakes(points, len(quantities), stated, alike[0].unit_s, lost, least)
    slow = functools.partial(_spread, plan, alike, problem) if _slow(alike) is not None else None
    found, ends = explore(problem, stakes, None, slow)
    if found.excess:
        reduced = f"reduced chi2 {found.chi2 / stakes.dof:.3g}"
        note = join(note, f"the residuals exceed the stated sigma ({reduced}): errors scaled up")
    opened = open_sides([one.name for one in quantities], ends) or _superfluous(plan, alike, found)
    cov = found.covariance(intervals.covariance(problem, found.best))
    weighted = plan.asked.weighted and found.chi2 < math.inf
    return Fit(
        model=plan.asked.law.name,
        definition=plan.definition(found.scaled, len(alike), slow=found.slow is not None),
        values=values(quantities, found, ends, cov),
        covariance=real_covariance(quantities, found, cov),
        chi2_reduced=found.chi2 / stakes.dof if weighted else None,
        aicc=_aicc(plan, alike, found),
        identifiable=not opened,
        points=points,
        note=join(note, opened),
        runs=runs_test(_residuals(plan, alike, found)),
        fixed=plan.fixed,
    )


def _alike(samples: Sequence[Sample]) -> list[Sample]:
    """Return all curves in the same units and with weights on one scale."""
    unit_t = max(sample.unit_t for sample in samples)
    unit_y = max(sample.unit_y for sample in samples)
    least = [math.sqrt(sample.unit_s) * sample.unit_y for sample in samples]
    unit_s = (min(least) / unit_y) ** 2
    return [
        Sample(
            sample.t * (sample.unit_t / unit_t),
            sample.y * (sample.unit_y / unit_y),
            sample.w * (min(least) / own),
            unit_t,
            unit_y,
            unit_s,
            None if sample.slow is None else sample.slow * (sample.unit_y / unit_y),
        )
        for sample, own in zip(samples, least, strict=True)
    ]


def _problem(plan: Plan, law: Law, samples: Sequence[Sample]) -> tuple[Problem, float]:
    """Return what is to be minimised, and the sum of squares that no curve can lower."""
    asked = plan.asked
    free = law.has_baseline(asked.baseline == "free")
    seen = reach(np.sort(np.concatenate([sample.t for sample in samples])))
    t0 = asked.t0 / samples[0].unit_t
    data = [condense(sample.t, sample.y, sample.w) for sample in samples]
    count = len(law.linear) + free
    blocks = tuple(
        Block(law.model(one.axis, seen, t0, free), one.y, count, plan.turn(law, k))
        for k, one in enumerate(data)
    )
    every = Axis(np.concatenate([one.axis.t for one in data]), np.empty(0))
    space = Together(law.model(every, seen, t0, free), plan, law, blocks)
    return Problem(space, blocks), sum(one.lost for one in data)


def _quantities(plan: Plan, sample: Sample, labels: Sequence[str]) -> list[Quantity]:
    """Return all parameters as they are reported, the shared ones first."""
    linear = plan.asked.names[len(plan.asked.law.nonlinear) :]
    return plan.quantities(sample.unit_t) + [
        Quantity(f"{name}_{label}", plan.asked.unit_y, sample.unit_y)
        for label in labels
        for name in linear
    ]


def _residuals(plan: Plan, samples: Sequence[Sample], found: Minimum) -> Array:
    """Return what the curves leave of every point, curve after curve, weighted."""
    pairs = zip(samples, found.best.pieces, strict=True)
    parts = [residuals(plan.asked, sample, piece.theta, piece.c) for sample, piece in pairs]
    return np.concatenate(parts)


def _slow(samples: Sequence[Sample]) -> Array | None:
    """Return what slow noise is in proportion to, weighted, curve after curve; None without."""
    parts = [sample.slow * sample.w for sample in samples if sample.slow is not None]
    return np.concatenate(parts) if parts and any(np.any(part > 0) for part in parts) else None


def _rows(
    plan: Plan, samples: Sequence[Sample], problem: Problem, best: separable.Point
) -> tuple[Array, Array, Array, Array]:
    """Return times, weighted derivatives, residuals, and the numbers of their curves."""
    count = len(best.theta)
    ends = np.cumsum([len(piece.c) for piece in best.pieces])[:-1]

    def left(at: Array) -> Array:
        own = np.split(at[count:], ends)
        pairs = zip(samples, problem.blocks, own, strict=True)
        return np.concatenate(
            [residuals(plan.asked, one, block.theta(at[:count]), c) for one, block, c in pairs]
        )

    slopes, now = linear(left, np.concatenate((best.theta, best.c)))
    t = np.concatenate([sample.t for sample in samples])
    return t, slopes, now, np.repeat(np.arange(len(samples)), [len(one.t) for one in samples])


def _spread(
    plan: Plan, samples: Sequence[Sample], problem: Problem, best: separable.Point
) -> Spread | None:
    """Return the covariance at a minimum with slow noise, which no two curves share."""
    t, slopes, left, record = _rows(plan, samples, problem, best)
    size = _slow(samples)
    if size is None or not np.all(np.isfinite(slopes)):
        return None
    return spread(t, slopes, left, size, record)


def _aicc(plan: Plan, samples: Sequence[Sample], found: Minimum) -> float | None:
    """Return Akaike's criterion, of correlated readings where noise is slow."""
    size = _slow(samples)
    if size is not None:
        t, slopes, left, record = _rows(plan, samples, found.problem, found.best)
        return criterion(t, slopes, left, size, record)
    stakes = found.stakes
    return akaike(found.chi2, stakes.points, stakes.parameters, stakes.stated)


def _superfluous(plan: Plan, samples: Sequence[Sample], found: Minimum) -> str:
    """Say that one exponential fewer, or no decay, would do for all curves, or nothing."""
    law = plan.asked.law
    fewer = law.exponentials - 1
    if law.counts_from_t0 and not plan.asked.free:
        return ""
    lost = len(samples) + (2 if plan.inverse else 1) * (1 if law.exponentials else 2)
    if fewer > 0:
        simpler = next(one for one in LAWS.values() if one.exponentials == fewer)
        problem, _ = _problem(
            replace(plan, asked=replace(plan.asked, law=simpler)), simpler, samples
        )
        s = separable.best_of(problem, found.level * 1e-6).s
    else:
        s = sum(_flat(sample, plan.asked.free) for sample in samples) - found.stakes.lost
    if s - found.best.s >= rise_99(lost, found.dof) * found.variance:
        return ""
    other = f"{fewer} exponential{'s' if fewer > 1 else ''}" if fewer > 0 else "no decay"
    return f"not identifiable: {other} would describe the data as well"


def _flat(sample: Sample, free: bool) -> float:
    """Return the sum of squares of a constant, or of nothing."""
    y, w = sample.y * sample.w, sample.w if free else np.zeros(len(sample.w))
    return float(y @ y - (w @ y) ** 2 / max(float(w @ w), 1e-300))
