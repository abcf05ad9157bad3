"""Data made fit for fitting: finite, sorted, of order one, with what was left out said in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.errors import BadInput

__all__ = ["Sample", "clean"]

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


def clean(
    t: ArrayLike, y: ArrayLike, sigma: ArrayLike | None, baseline: float
) -> tuple[Sample, str]:
    """Drop what cannot be used, sort and scale.

    Parameters
    ----------
    t, y, sigma
        Times, values and their standard uncertainties (None: all alike), one-dimensional.
    baseline
        Subtracted from `y`.

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
    finite = np.isfinite(times) & np.isfinite(values)
    good = finite & np.isfinite(spread) & (spread > 0)
    order = np.argsort(times[good], kind="stable")
    sample = _scaled(times[good][order], values[good][order], spread[good][order])
    return sample, _dropped(len(times), int(np.sum(~finite)), int(np.sum(finite & ~good)))


def _scaled(t: Array, y: Array, spread: Array) -> Sample:
    unit_t, unit_y = _size(t), _size(y)
    least = float(np.min(spread)) if len(spread) else 1.0
    unit_s = float((np.float64(least) / unit_y) ** 2)
    return Sample(t / unit_t, y / unit_y, least / spread, unit_t, unit_y, unit_s)


def _size(x: Array) -> float:
    return (float(np.max(np.abs(x))) if len(x) else 0.0) or 1.0


def _dropped(total: int, not_finite: int, no_sigma: int) -> str:
    parts = []
    if not_finite:
        parts.append(f"{not_finite} not finite")
    if no_sigma:
        parts.append(f"{no_sigma} without a positive finite sigma")
    return f"left out of {total} points: {', '.join(parts)}" if parts else ""
