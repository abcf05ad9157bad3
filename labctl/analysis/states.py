"""Resolvable states: how many levels of conductance a read tells apart.

The definition decides the number, so it is always stated: levels whose bands of k sigma do not
overlap; levels that a read confuses with a stated probability at most; or the range over the mean
step with its scatter. Branches are counted apart.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.formula import Definition
from labctl.analysis.statistics import deviation_interval
from labctl.errors import BadInput
from labctl.results import Metric

__all__ = ["DEFINITIONS_STATES", "States", "resolvable_states", "states_over_range"]

Array = NDArray[np.float64]

NON_OVERLAP = "states-non-overlap-k-sigma"
READ_ERROR = "states-at-read-error"
RANGE_OVER_STEP = "states-range-over-step"

DEFINITIONS_STATES = (
    Definition(
        NON_OVERLAP,
        "largest number of levels with mean_j + k sigma_j <= mean_(j+1) - k sigma_(j+1)",
        "Means and standard deviations are those of repeated reads, or of the cycles, at each "
        "pulse number of one branch; k is stated with the number. Levels that overlap are left "
        "out so that most remain.",
        code="labctl.analysis.states.resolvable_states",
        quantity="resolvable states",
    ),
    Definition(
        READ_ERROR,
        "as states-non-overlap-k-sigma with k = z(1 - p)",
        "p is the largest probability that a read, with a threshold between two neighbouring "
        "levels, takes one for the other; z is the normal quantile. p = 0.00135 is k = 3.",
        code="labctl.analysis.states.resolvable_states",
        quantity="resolvable states",
    ),
    Definition(
        RANGE_OVER_STEP,
        "N = (Gmax - Gmin)/(mean |dG| + 2 sigma(dG))",
        "dG are the steps by one pulse in one branch: the number of steps of two sigma size that "
        "fit in the range. It needs no repeats and is coarser than the other definitions.",
        code="labctl.analysis.states.states_over_range",
        quantity="resolvable states",
    ),
)


class States(msgspec.Struct, frozen=True):
    """Number of resolvable states of one branch."""

    branch: str
    count: int
    low: int  #: with every sigma at the upper end of its 95 % interval
    high: int  #: with every sigma at the lower end
    levels: tuple[float, ...]  #: means of the states counted, S, rising
    k: float
    definition: str
    note: str = ""

    @property
    def metric(self) -> Metric:
        """The number as a figure of merit, by its definition."""
        return Metric(float(self.count), None, "1", self.definition)


def resolvable_states(
    g: ArrayLike,
    level: ArrayLike,
    branch: ArrayLike | None = None,
    *,
    k: float | None = None,
    error: float | None = None,
) -> dict[str, States]:
    """Count the levels that a read tells apart, for each branch.

    Parameters
    ----------
    g
        Conductances, S, in any order; those that are not finite are left out.
    level
        What should be one level: the pulse number, or the target programmed.
    branch
        Name of the branch of each value; None is a single one.
    k, error
        One of them: half-width of a band in standard deviations, or the largest probability that a
        read takes one level for its neighbour.

    Raises
    ------
    BadInput
        Neither or both of `k` and `error`, one out of range, columns of different length, or a
        branch without a level that was read twice.
    """
    width, definition = _width(k, error)
    values, labels = np.ravel(np.asarray(g, float)), np.ravel(np.asarray(level))
    names = np.full(len(values), "") if branch is None else np.ravel(np.asarray(branch))
    if not len(values) == len(labels) == len(names):
        raise BadInput(
            f"{len(values)} conductances, {len(labels)} levels and {len(names)} branches; their "
            "numbers must be equal"
        )
    return {
        str(name): _count(
            str(name), values[names == name], labels[names == name], width, definition
        )
        for name in np.unique(names)
    }


def _width(k: float | None, error: float | None) -> tuple[float, str]:
    from scipy.special import ndtri

    if (k is None) == (error is None):
        raise BadInput("state how states are told apart: k in standard deviations, or read error")
    if k is not None:
        if not (math.isfinite(k) and k > 0):
            raise BadInput(f"k = {k:g} was asked for; it must be positive")
        return k, NON_OVERLAP
    wrong = math.nan if error is None else error
    if not 0 < wrong < 0.5:
        raise BadInput(f"a read error of {wrong:g} was asked for; it must lie between 0 and 0.5")
    return -float(ndtri(wrong)), READ_ERROR


def _count(branch: str, g: Array, label: NDArray[np.generic], k: float, definition: str) -> States:
    good = np.isfinite(g)
    groups = [g[good & (label == name)] for name in np.unique(label)]
    usable = [group for group in groups if len(group) > 1]
    if not usable:
        raise BadInput(
            f'no level of the branch "{branch}" was read twice; without repeats there is no '
            "scatter to tell states apart by"
        )
    means = np.array([np.mean(group) for group in usable])
    sigmas = np.array([np.std(group, ddof=1) for group in usable])
    ends = [deviation_interval(1.0, len(group) - 1) for group in usable]
    low, high = (np.array([end[side] for end in ends]) for side in (0, 1))
    chosen = [_apart(means, k * sigmas * factor) for factor in (np.ones(len(low)), high, low)]
    single = len(groups) - len(usable)
    parts = [
        f"{single} levels with fewer than two reads left out" if single else "",
        f"{int(np.sum(~good))} values not finite left out" if not np.all(good) else "",
        "some levels do not scatter at all: the meter does not resolve it"
        if np.any(sigmas == 0)
        else "",
    ]
    return States(
        branch, len(chosen[0]), len(chosen[1]), len(chosen[2]),
        tuple(sorted(means[chosen[0]].tolist())), k, definition,
        "; ".join(part for part in parts if part),
    )  # fmt: skip


def _apart(means: Array, half: Array) -> list[int]:
    """Return the largest set of bands that do not overlap: take the one that ends first."""
    chosen: list[int] = []
    reached = -math.inf
    for at in np.argsort(means + half, kind="stable").tolist():
        if means[at] - half[at] >= reached and (not chosen or means[at] > means[chosen[-1]]):
            chosen.append(at)
            reached = float(means[at] + half[at])
    return chosen


def states_over_range(g: ArrayLike) -> Metric:
    """Return the range of one branch over its mean step with two sigma of its scatter.

    Parameters
    ----------
    g
        Conductance after each pulse of one branch, S, in order; a row for each cycle.

    Raises
    ------
    BadInput
        Fewer than three pulses, a value that is not finite, or no change at all.
    """
    curves = np.atleast_2d(np.asarray(g, float))
    if curves.shape[1] < 3 or not np.all(np.isfinite(curves)):
        raise BadInput(
            f"curves of {curves.shape[1]} pulses; states need at least three, all of them finite"
        )
    steps = np.diff(curves, axis=1)
    mean = np.mean(curves, axis=0)
    size = float(np.mean(np.abs(steps))) + 2 * float(np.std(steps, ddof=1))
    if size <= 0:
        raise BadInput("the conductance does not change; there is one state and no step")
    return Metric(float(np.ptp(mean)) / size, None, "1", RANGE_OVER_STEP)
