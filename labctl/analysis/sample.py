"""Data made fit for fitting: finite, sorted, of order one, with what was left out said in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.errors import BadInput

__all__ = ["Reach", "Sample", "clean", "reach"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """Points in time order, in units of their own size, so that no square overflows."""

    t: Array  #: times, in units of `unit_t`
    y: Array  #: values, in units of `unit_y`
    w: Array  #: square roots of the weights, the largest is 1
    unit_t: float
    unit_y: float
    unit_s: float  #: a weighted sum of squares of 1 sigma, in the units of `y` and `w`
    slow: Array | None = None  #: what slow noise is in proportion to, in units of `unit_y`


class Reach(NamedTuple):
    """What a set of times lets be seen of a decay."""

    first: float | Array  #: earliest time; arrays where there are many sets
    gap: float | Array  #: smallest distance of two different times
    span: float | Array  #: latest time less the earliest


def reach(t: Array) -> Reach:
    """Return what times in rising order, at least two of them different, let be seen."""
    gaps = np.diff(t)
    return Reach(float(t[0]), float(np.min(gaps[gaps > 0])), float(t[-1] - t[0]))


def clean(
    t: ArrayLike,
    y: ArrayLike,
    sigma: ArrayLike | None,
    baseline: float,
    begin: float = -math.inf,
    slow: ArrayLike | None = None,
) -> tuple[Sample, str]:
    """Drop what cannot be used, sort and scale.

    Parameters
    ----------
    t, y, sigma
        Times, values and their standard uncertainties (None: all alike), one-dimensional.
    baseline
        Subtracted from `y`.
    begin
        Earliest time at which the law that is to be fitted has a value.
    slow
        What slow noise is in proportion to, in the unit of `y`: one number or one for each point.

    Returns
    -------
    Sample
        The usable points; it may be empty.
    str
        What was dropped, or nothing.

    Raises
    ------
    BadInput
        The arrays differ in length.
    """
    times, values = np.ravel(np.asarray(t, float)), np.ravel(np.asarray(y, float)) - baseline
    spread = np.ones(len(values)) if sigma is None else np.ravel(np.asarray(sigma, float))
    if not len(times) == len(values) == len(spread):
        raise BadInput(
            f"{len(times)} times, {len(values)} values and {len(spread)} uncertainties were given "
            "for a fit; their numbers must be equal"
        )
    noise = None if slow is None else np.broadcast_to(np.asarray(slow, float), times.shape)
    finite = np.isfinite(times) & np.isfinite(values)
    known = finite & np.isfinite(spread) & (spread > 0)
    good = known & (times >= begin)
    if not np.all(good):
        times, values, spread = times[good], values[good], spread[good]
        noise = None if noise is None else noise[good]
    if np.any(times[1:] < times[:-1]):
        order = np.argsort(times, kind="stable")
        times, values, spread = times[order], values[order], spread[order]
        noise = None if noise is None else noise[order]
    counts = [int(np.sum(x)) for x in (~finite, finite & ~known, known & ~good)]
    return _scaled(times, values, spread, noise), _dropped(len(good), *counts)


def _scaled(t: Array, y: Array, spread: Array, slow: Array | None) -> Sample:
    unit_t, unit_y = _size(t), _size(y)
    least = float(np.min(spread)) if len(spread) else 1.0
    unit_s = float((np.float64(least) / unit_y) ** 2)
    noise = None if slow is None else np.nan_to_num(np.abs(slow)) / unit_y
    return Sample(t / unit_t, y / unit_y, least / spread, unit_t, unit_y, unit_s, noise)


def _size(x: Array) -> float:
    return (float(np.max(np.abs(x))) if len(x) else 0.0) or 1.0


def _dropped(total: int, not_finite: int, no_sigma: int, too_early: int) -> str:
    parts = []
    if not_finite:
        parts.append(f"{not_finite} not finite")
    if no_sigma:
        parts.append(f"{no_sigma} without a positive finite sigma")
    if too_early:
        parts.append(f"{too_early} at times at which the law has no value")
    return f"left out of {total} points: {', '.join(parts)}" if parts else ""
