"""Closure: whether the data determine the parameters of many curves.

A single fit follows each profile to its ends. Here it is enough to know that there are ends, and
for that the sum of squares at the limits of the search suffices: where a parameter is taken all
the way and the sum has not risen by the level of a 95 % interval, the profile is open. Where the
standard errors are small against the way to every limit, not even that is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.batch import Curves
from labctl.analysis.exponentials import APART
from labctl.analysis.many import EXPONENTIALS, LOGARITHM, STRETCHED
from labctl.analysis.multitude import Minima, by_dof, descend, lowest
from labctl.analysis.quantiles import rise_99

__all__ = ["Verdict", "judge_curves"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_SAFE = 0.25  # interval, as a share of the way to a limit, within which a profile surely closes
_CLEAR = 10.0  # standard errors that an amplitude is from zero, for the same
_TOLERANCE = 1e-4  # share of the level that a search may leave unfound


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the data leave open."""

    open: Mask  #: parameters whose profile is open on some side, shape (curves, parameters)
    simpler: Mask  #: a simpler curve would do, shape (curves,)
    other: str  #: which one

    @property
    def identifiable(self) -> Mask:
        """Curves all of whose parameters the data determine."""
        found: Mask = ~np.any(self.open, axis=1) & ~self.simpler
        return found

    def why(self, curve: int, names: tuple[str, ...]) -> str:
        """Return what is the matter with one curve."""
        found = [name for name, one in zip(names, self.open[curve].tolist(), strict=True) if one]
        if found:
            return f"not identifiable: the profile of {', of '.join(found)} is open"
        return f"not identifiable: {self.other} would describe the data as well"


def judge_curves(curves: Curves, found: Minima) -> Verdict:
    """Tell which parameters the data determine, curve by curve."""
    nonlinear = found.theta.shape[1]
    fewer = nonlinear - 1 if curves.law == EXPONENTIALS else 0
    other = f"{fewer} exponential{'s' if fewer > 1 else ''}" if fewer else "no decay"
    opened = np.zeros((len(found.s), nonlinear + curves.linear), bool)
    verdict = Verdict(opened, np.zeros(len(found.s), bool), other)
    doubt = _doubtful(curves, found)
    if curves.law == LOGARITHM or not np.any(doubt):
        return verdict
    part, some = curves.rows(doubt), found.rows(doubt)
    opened[doubt] = _exponentials(part, some) if curves.law == EXPONENTIALS else _shape(part, some)
    if curves.law in (EXPONENTIALS, STRETCHED) or curves.flat:
        lost = 2 if curves.law == EXPONENTIALS else 1 + nonlinear
        limit = (
            by_dof(np.where(some.scaled, some.dof, np.inf), lambda dof: rise_99(lost, dof))
            * some.variance
        )
        verdict.simpler[doubt] = ~(_simpler(part, some, fewer) - some.s >= limit)
    return verdict


def _doubtful(curves: Curves, found: Minima) -> Mask:
    """Tell where the errors are not small against the way to the limits."""
    theta, nonlinear = found.theta, found.theta.shape[1]
    cov = found.covariance * found.level[:, None, None]
    width = np.sqrt(np.einsum("nii->ni", cov))
    room = np.minimum(theta - curves.low, curves.high - theta)
    safe = np.all(width[:, :nonlinear] < _SAFE * room, axis=1)
    if curves.law == EXPONENTIALS:
        for k in range(nonlinear - 1):
            spread = cov[:, k, k] + cov[:, k + 1, k + 1] - 2 * cov[:, k, k + 1]
            safe &= np.sqrt(spread) < _SAFE * (theta[:, k + 1] - theta[:, k])
    count = curves.linear - curves.flat
    sizes = width[:, nonlinear : nonlinear + count] / found.quantile[:, None]
    doubtful: Mask = ~(safe & np.all(np.abs(found.c[:, :count]) > _CLEAR * sizes, axis=1))
    return doubtful


def _exponentials(curves: Curves, found: Minima) -> Mask:
    """Take every time constant to its limits, and every two neighbours to each other."""
    count = found.theta.shape[1]
    opened = np.zeros((len(found.s), count + curves.linear), bool)
    unseen = curves.t[:, 0] != 0  # the earliest time of curves in order
    for k in range(count):
        below, above = (_held(curves, found, k, end[:, k]) for end in (curves.low, curves.high))
        opened[:, k] = below | above
        if k == 0:
            opened[:, count] |= below & unseen
        if k == count - 1 and curves.flat:
            opened[:, count + k] |= above
            opened[:, -1] |= above
        if k < count - 1:
            merged = _merged(curves, found, k)
            opened[:, count + k] |= merged
            opened[:, count + k + 1] |= merged
    return opened


def _shape(curves: Curves, found: Minima) -> Mask:
    """Take the parameters of a law with one amplitude to their limits; it is open with them."""
    count = found.theta.shape[1]
    opened = np.zeros((len(found.s), count + curves.linear), bool)
    for k in range(count):
        opened[:, k] = _held(curves, found, k, curves.low[:, k])
        opened[:, k] |= _held(curves, found, k, curves.high[:, k])
    opened[:, count:] = np.any(opened[:, :count], axis=1)[:, None]
    return opened


def _held(curves: Curves, found: Minima, k: int, value: Array) -> Mask:
    """Tell where a parameter can be held at a value without the sum of squares rising much."""
    count = found.theta.shape[1]
    others = [j for j in range(count) if j != k]
    turn = np.eye(count)[:, others]
    shift = np.zeros_like(found.theta)
    shift[:, k] = value
    low, high = curves.low[:, others].copy(), curves.high[:, others].copy()
    if curves.law == EXPONENTIALS:
        for at, j in enumerate(others):
            if j < k:
                high[:, at] = np.minimum(high[:, at], value - APART * (k - j))
            else:
                low[:, at] = np.maximum(low[:, at], value + APART * (j - k))
        low, high = np.minimum(low, high), np.maximum(low, high)
    near = found.theta[:, others]
    halfway = (near + found.theta[:, k : k + 1]) / 2
    starts = [near, halfway] if curves.law == EXPONENTIALS else [near]
    starts += [low + share * (high - low) for share in (0.25, 0.5, 0.75)] if others else []
    return _low(curves, found, turn, shift, (low, high), curves.gap, starts)


def _merged(curves: Curves, found: Minima, k: int) -> Mask:
    """Tell where two neighbouring time constants can be one without the sum rising much."""
    count = found.theta.shape[1]
    kept = [j for j in range(count) if j != k + 1]
    turn = np.eye(count)[:, kept]
    turn[k + 1, k] = 1.0
    shift = np.zeros_like(found.theta)
    shift[:, k + 1] = APART
    low, high = curves.low[:, kept], curves.high[:, kept].copy()
    high[:, k] = curves.high[:, k + 1] - APART
    start = found.theta[:, kept].copy()
    start[:, k] = (found.theta[:, k] + found.theta[:, k + 1] - APART) / 2
    starts = [start, found.theta[:, kept]]
    return _low(curves, found, turn, shift, (low, high), 2 * APART, starts)


def _low(
    curves: Curves,
    found: Minima,
    turn: Array,
    shift: Array,
    limits: tuple[Array, Array],
    gap: float,
    starts: list[Array],
) -> Mask:
    """Tell where a search with less freedom ends less than a level above the minimum."""
    least = np.full(len(found.s), np.inf)
    for start in starts:
        s = descend(curves, turn, shift, limits, gap, start, _TOLERANCE * found.level, found.plan)[
            2
        ]
        least = np.minimum(least, s)
    low: Mask = least - found.s < found.level
    return low


def _simpler(curves: Curves, found: Minima, fewer: int) -> Array:
    """Return the sums of squares of one exponential fewer, or of no decay at all."""
    if not fewer:
        square: Array = np.sum(curves.y**2, axis=1)
        if not curves.flat:
            return square
        w = np.broadcast_to(curves.w, curves.y.shape)
        level: Array = np.sum(w * curves.y, axis=1) ** 2 / np.sum(w**2, axis=1)
        square -= level
        return square
    less = replace(
        curves, low=curves.low[:, :-1], high=curves.high[:, 1:], linear=curves.linear - 1
    )
    return lowest(less, found.dof, not bool(np.all(found.scaled)), found.plan)[2]
