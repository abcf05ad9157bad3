"""Bootstrap intervals, for statistics that have no formula: bias-corrected and accelerated (BCa).

Deterministic: the same data and seed give the same interval. After Efron,
doi:10.1080/01621459.1987.10478410.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.errors import BadInput
from labctl.results import Value

__all__ = ["bootstrap"]

Array = NDArray[np.float64]

_FEWEST = 6  # with fewer, resamples repeat each other and no 95 % interval means anything


def bootstrap(
    sample: ArrayLike,
    statistic: Callable[[Array], float],
    *,
    groups: ArrayLike | None = None,
    draws: int = 2000,
    seed: int = 0,
    unit: str = "1",
) -> Value:
    """Return a statistic with its 95 % BCa interval.

    Parameters
    ----------
    sample
        One entry, or one row, for each independent observation.
    statistic
        From a sample of the same kind to a number.
    groups
        Observations of one group (cycles of one device) are drawn together: the groups are what is
        independent. One label for each observation.
    draws, seed
        Number of resamples, and what fixes them.
    unit
        Of the statistic.

    Returns
    -------
    Value
        Its sigma is the standard deviation of the resamples. Fewer than six independent
        observations, or resamples that are all alike, give no interval.

    Raises
    ------
    BadInput
        There is no observation, or the groups do not match them.
    """
    data = np.asarray(sample, float)
    if data.ndim == 0 or not len(data):
        raise BadInput("the bootstrap of an empty sample was asked for; give one observation")
    members = _members(len(data), groups)
    value = float(statistic(data))
    if len(members) < _FEWEST:
        return Value(value, unit=unit)
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, len(members), (draws, len(members)))
    drawn = np.array([statistic(data[_gather(members, row)]) for row in chosen], float)
    drawn = np.sort(drawn[np.isfinite(drawn)])
    if len(drawn) < draws // 2 or not math.isfinite(value) or drawn[0] == drawn[-1]:
        return Value(value, unit=unit)
    left_out = [
        statistic(data[_gather(members, np.delete(np.arange(len(members)), k))])
        for k in range(len(members))
    ]
    low, high = _ends(value, drawn, np.array(left_out, float))
    return Value(value, float(np.std(drawn, ddof=1)), low, high, unit)


def _members(count: int, groups: ArrayLike | None) -> list[NDArray[np.intp]]:
    if groups is None:
        return [np.array([k]) for k in range(count)]
    labels = np.ravel(np.asarray(groups))
    if len(labels) != count:
        raise BadInput(f"{len(labels)} group labels for {count} observations; give one for each")
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


def _gather(members: list[NDArray[np.intp]], chosen: NDArray[np.integer]) -> NDArray[np.intp]:
    return np.concatenate([members[k] for k in chosen])


def _ends(value: float, drawn: Array, left_out: Array) -> tuple[float, float]:
    """Return the quantiles of the resamples that bias and acceleration ask for."""
    from scipy.special import ndtr, ndtri

    below = (np.sum(drawn < value) + 0.5 * np.sum(drawn == value)) / len(drawn)
    bias = float(ndtri(np.clip(below, 0.5 / len(drawn), 1 - 0.5 / len(drawn))))
    apart = float(np.mean(left_out)) - left_out
    size = float(np.sum(apart**2)) ** 1.5
    acceleration = float(np.sum(apart**3)) / (6 * size) if size > 0 else 0.0
    ends = []
    for z in (-1.959963984540054, 1.959963984540054):
        shifted = bias + (bias + z) / max(1 - acceleration * (bias + z), 1e-6)
        ends.append(float(np.quantile(drawn, float(ndtr(shifted)))))
    return ends[0], ends[1]
