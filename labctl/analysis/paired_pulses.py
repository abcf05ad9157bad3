"""Paired pulses: the facilitation or depression of a second response, against the interval.

The index of a pair is a ratio of two readings on the same range a moment apart, so what the
instrument's specification allows for (gain, mostly) is common to both and cancels. The statistical
uncertainty is therefore taken from the repeats, never from the specification.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.errors import BadInput
from labctl.results import Column, Metric, Table

__all__ = [
    "IN_PULSE", "READ", "PairedPulseIndex", "index_metric", "index_table", "paired_pulse_index",
]  # fmt: skip

Array = NDArray[np.float64]

#: ids in `labctl.analysis.definitions.DEFINITIONS`
IN_PULSE: Final = "ppf-index-in-pulse-current"
READ: Final = "ppf-index-read-conductance"

_ENOUGH_DOF = 10  # a scatter from fewer repeats is no uncertainty to compare a model with
_NO_SCATTER = 1e-12  # of the response: rounding, not noise
_LARGEST = 1e100  # ratio of two responses; above, the first was nothing
_SAME_INTERVAL = 0.01  # achieved intervals this close, as a ratio, are repeats of one another


class PairedPulseIndex(msgspec.Struct, frozen=True):
    """The index against the interval, pooled over the repeats; one entry for each interval.

    Attributes
    ----------
    definition
        Id of the definition of the index.
    interval
        Mean achieved interval, s.
    index
        Mean index of the repeats.
    sigma
        Standard error of the index, or only in proportion to it; a fit weights by 1/sigma^2.
    repeats
        Number of pairs.
    measured
        `sigma` is the scatter of the repeats; otherwise its size means nothing.
    absolute
        There are enough repeats to compare a model with `sigma`; otherwise a fit has to take the
        size of its errors from its residuals (argument `absolute` of
        `labctl.analysis.decay.fit_decay`).
    note
        How `sigma` was found, and what was left out.
    """

    definition: str
    interval: tuple[float, ...] = ()
    index: tuple[float, ...] = ()
    sigma: tuple[float, ...] = ()
    repeats: tuple[int, ...] = ()
    measured: bool = False
    absolute: bool = False
    note: str = ""

    @property
    def bars(self) -> tuple[float, ...]:
        """Standard errors to show; empty when they are not known."""
        return self.sigma if self.measured else ()


def paired_pulse_index(
    first: ArrayLike,
    second: ArrayLike,
    interval: ArrayLike,
    definition: Literal["ppf-index-in-pulse-current", "ppf-index-read-conductance"],
    *,
    u_first: ArrayLike | None = None,
    u_second: ArrayLike | None = None,
    asked: ArrayLike | None = None,
) -> PairedPulseIndex:
    """Pool the index of many pairs by interval.

    Both definitions are ``second / first - 1``. What scatters is the response itself, so the
    scatter is pooled as a share of the ratio ``second / first`` over all intervals (30 intervals of
    5 repeats: 120 degrees of freedom), and the standard error at one interval is that share times
    its ratio, divided by the root of its number of repeats.

    Parameters
    ----------
    first, second
        Response to the first and the second pulse of each pair: current in the pulse, A, or
        conductance read after it, S.
    interval
        Achieved interval of each pair, s.
    definition
        `IN_PULSE` or `READ`.
    u_first, u_second
        Standard uncertainties by the instrument's specification. They are used for relative weights
        only, and only when no interval was repeated.
    asked
        Interval asked for, s; pairs with the same one are repeats. Without it, pairs are repeats
        when their achieved intervals agree within 1 %.

    Returns
    -------
    PairedPulseIndex
        In the order of the interval. Pairs that are not finite or whose first response is zero are
        left out, and `note` says how many.

    Raises
    ------
    BadInput
        The definition is not one of the two, or the arrays differ in length.
    """
    if definition not in (IN_PULSE, READ):
        raise BadInput(f'the index "{definition}" is unknown; allowed are {IN_PULSE} and {READ}')
    with np.errstate(all="ignore"):
        pairs = _pairs(first, second, interval, u_first, u_second, asked)
        ratio = pairs[1] / pairs[0]
        spread = np.hypot(pairs[4] / pairs[0], pairs[3] * ratio / pairs[0])
        good = np.all(np.isfinite(pairs[[0, 1, 2, 5]]), axis=0) & (np.abs(ratio) < _LARGEST)
        left_out = _left_out(good)
        if not np.any(good):
            return PairedPulseIndex(definition, note=left_out or "no pair was given")
        return _pooled(
            definition, ratio[good], spread[good], pairs[2, good], pairs[5, good], left_out
        )


def _pairs(
    first: ArrayLike,
    second: ArrayLike,
    interval: ArrayLike,
    u_first: ArrayLike | None,
    u_second: ArrayLike | None,
    asked: ArrayLike | None,
) -> Array:
    """Return one row for each argument, columns are pairs."""
    given = [np.ravel(np.asarray(x, float)) for x in (first, second, interval)]
    unknown = np.full(len(given[0]), np.nan)
    given += [unknown if u is None else np.ravel(np.asarray(u, float)) for u in (u_first, u_second)]
    given.append(given[2] if asked is None else np.ravel(np.asarray(asked, float)))
    lengths = {len(x) for x in given}
    if len(lengths) > 1:
        raise BadInput(
            f"the responses, intervals and uncertainties of the pairs have {sorted(lengths)} "
            "entries; their numbers must be equal"
        )
    pairs = np.array(given)
    if asked is None:
        pairs[5] = _clustered(pairs[2])
    return pairs


def _clustered(interval: Array) -> Array:
    """Give intervals that agree within 1 % the value of the shortest of them."""
    result = interval.copy()
    order = np.argsort(interval)
    label = np.nan
    for k in order:
        if not interval[k] <= label * (1 + _SAME_INTERVAL):
            label = interval[k]
        result[k] = label
    return result


def _left_out(good: NDArray[np.bool_]) -> str:
    missing = int(np.sum(~good))
    if not missing:
        return ""
    return f"left out of {len(good)} pairs: {missing} without two finite responses"


def _pooled(
    definition: str, ratio: Array, spread: Array, interval: Array, asked: Array, left_out: str
) -> PairedPulseIndex:
    _, group, repeats = np.unique(asked, return_inverse=True, return_counts=True)
    mean = np.bincount(group, ratio) / repeats
    when = np.bincount(group, interval) / repeats
    size = np.maximum(np.abs(mean), 0.1 * float(np.max(np.abs(mean))) or 1.0)
    residual = (ratio - mean[group]) / size[group]
    dof = len(ratio) - len(repeats)
    scatter = float(np.sqrt(np.sum(residual**2) / dof)) if dof else 0.0
    measured = scatter > _NO_SCATTER
    if measured:
        share = np.full(len(mean), scatter)
        note = f"sigma from the scatter of the repeats ({dof} degrees of freedom)"
    else:
        share, note = _without_scatter(spread / size[group], group, repeats)
    sigma = size * share / np.sqrt(repeats)
    order = np.argsort(when)
    return PairedPulseIndex(
        definition,
        tuple(when[order].tolist()),
        tuple((mean - 1)[order].tolist()),
        tuple(sigma[order].tolist()),
        tuple(repeats[order].tolist()),
        measured,
        measured and dof >= _ENOUGH_DOF,
        "; ".join(part for part in (note, left_out) if part),
    )


def _without_scatter(
    known: Array, group: NDArray[np.intp], repeats: NDArray[np.intp]
) -> tuple[Array, str]:
    """Return relative weights where the repeats do not scatter, or there are none."""
    if np.all(np.isfinite(known)) and np.all(known > 0):
        share: Array = np.bincount(group, known) / repeats
        return share, "no scatter of repeats: relative weights from the specification"
    return np.ones(len(repeats)), "no scatter of repeats: relative weights from their number"


def index_metric(pooled: PairedPulseIndex) -> Metric | None:
    """Return the index at the shortest interval; None when there is no pair."""
    if not pooled.index:
        return None
    sigma = pooled.sigma[0] if pooled.measured else None
    return Metric(pooled.index[0], sigma, "1", pooled.definition)


def index_table(pooled: PairedPulseIndex, title: str) -> Table:
    """Return interval, index, standard error and repeats as a table."""
    bars = pooled.bars or (None,) * len(pooled.index)
    return Table(
        title,
        (
            Column("interval", "s", pooled.interval),
            Column("index", "1", pooled.index),
            Column("standard error", "1", bars),
            Column("repeats", "1", tuple(float(n) for n in pooled.repeats)),
        ),
    )
