"""Many curves made fit for fitting: finite, scaled, with the limits of the search for each.

Nothing is sorted and no point is moved: a point that cannot be used keeps its place with weight
zero, so curves on a common time axis stay on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.exponentials import APART, search_range
from labctl.analysis.many import EXPONENTIALS, LOGARITHM, POWER, STRETCHED
from labctl.analysis.powerlaw import exponent_range
from labctl.analysis.question import Question
from labctl.analysis.sample import Reach
from labctl.analysis.stretched import search_box
from labctl.errors import BadInput

__all__ = ["Curves", "gather", "groups"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_CODES = {"stretched_decay": STRETCHED, "power_decay": POWER, "log_decay": LOGARITHM}


@dataclass(frozen=True, slots=True)
class Curves:
    """Weighted curves in units of their own size; see `labctl.analysis.sample.Sample`."""

    numbers: NDArray[np.intp]  #: which of the curves given these are
    t: Array  #: shape (curves or 1, points), in units of `unit_t`
    x: Array  #: logarithms of the times the law counts from
    w: Array  #: shape (curves or 1, points); zero for a point that is not used
    y: Array  #: shape (curves, points), weighted
    points: NDArray[np.intp]  #: usable points of each curve
    unit_t: Array
    unit_y: Array
    unit_s: Array
    low: Array  #: limits of the nonlinear parameters, shape (curves, nonlinear)
    high: Array
    law: int  #: code of the law
    flat: int  #: 1 with a free baseline
    linear: int  #: linear parameters, the baseline among them

    @property
    def gap(self) -> float:
        """Least distance of two time constants."""
        return APART if self.law == EXPONENTIALS else 0.0

    def rows(self, where: Mask) -> Curves:
        """Return some of the curves."""
        t, x, w = (a if len(a) == 1 else a[where] for a in (self.t, self.x, self.w))
        return Curves(
            self.numbers[where], t, x, w, self.y[where], self.points[where], self.unit_t[where],
            self.unit_y[where], self.unit_s[where], self.low[where], self.high[where], self.law,
            self.flat, self.linear,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Raw:
    """What was given, as arrays of two dimensions."""

    t: Array  #: (curves or 1, points)
    y: Array  #: (curves, points), less a fixed baseline
    sigma: Array  #: (curves or 1, points)
    good: Mask  #: (curves, points)
    points: NDArray[np.intp]  #: usable ones, (curves,)
    least: Array  #: usable value of each curve
    most: Array
    notes: list[str]  #: why a curve cannot be fitted, or what was left out of it
    fittable: Mask  #: (curves,)


def gather(asked: Question, t: ArrayLike, y: ArrayLike, sigma: ArrayLike | None) -> Raw:
    """Bring what was given into one shape and find what cannot be used.

    Raises
    ------
    BadInput
        The shapes do not fit together.
    """
    values = np.atleast_2d(np.asarray(y, float))
    if asked.level:
        values = values - asked.level
    times = np.atleast_2d(np.asarray(t, float))
    spread = np.ones((1, values.shape[1])) if sigma is None else np.asarray(sigma, float)
    if spread.ndim < 2:
        spread = np.broadcast_to(spread, (1, values.shape[1])) if spread.size == 1 else spread[None]
    elif spread.ndim == 2 and spread.shape[1] == 1:
        spread = np.repeat(spread, values.shape[1], axis=1)
    for name, array in (("times", times), ("uncertainties", spread)):
        if array.ndim != 2 or array.shape not in (values.shape, (1, values.shape[1])):
            raise BadInput(
                f"{name} of shape {array.shape} were given for curves of shape {values.shape}; "
                "one row for all, or one for each curve, is needed"
            )
    finite = np.isfinite(times) & np.isfinite(values)
    known = finite & np.isfinite(spread) & (spread > 0)
    good = known & (times >= asked.law.begin)
    notes = [""] * len(good)
    if not np.all(good):
        _leave_out(notes, ~finite, finite & ~known, known & ~good)
    points = np.count_nonzero(good, axis=1)
    fittable, extremes = np.ones(len(values), bool), _extremes(values, good)
    raw = Raw(times, values, np.array(spread), good, points, *extremes, notes, fittable)
    _refuse(asked, raw)
    return raw


def _leave_out(notes: list[str], not_finite: Mask, no_sigma: Mask, too_early: Mask) -> None:
    """Say of each curve what was left out of it."""
    words = (
        "not finite",
        "without a positive finite sigma",
        "at times at which the law has no value",
    )
    counts = np.stack([np.sum(mask, axis=1) for mask in (not_finite, no_sigma, too_early)], axis=1)
    for k in np.flatnonzero(np.any(counts, axis=1)).tolist():
        said = [f"{n} {word}" for n, word in zip(counts[k].tolist(), words, strict=True) if n]
        notes[k] = f"left out of {not_finite.shape[1]} points: {', '.join(said)}"


def _extremes(y: Array, good: Mask) -> tuple[Array, Array]:
    """Return the least and the largest usable value of each curve."""
    if not y.size or not np.all(good):
        low = np.min(np.where(good, y, np.inf), axis=1, initial=np.inf)
        return low, np.max(np.where(good, y, -np.inf), axis=1, initial=-np.inf)
    return np.min(y, axis=1), np.max(y, axis=1)


def _refuse(asked: Question, raw: Raw) -> None:
    """Mark the curves that cannot be fitted and say why, as `Question.refuse` does."""
    needed, name = len(asked.names) + 1, asked.law.name
    points = raw.points
    axes = raw.good[:1] if len(raw.t) == 1 and np.all(raw.good) else raw.good
    ordered = np.sort(np.where(axes, raw.t, np.nan), axis=1)
    distinct = np.sum(np.diff(ordered, axis=1) > 0, axis=1) + (points > 0)
    low, high = raw.least, raw.most
    constant = high - low <= 1e-12 * np.maximum(np.abs(low), np.abs(high))
    for k in np.flatnonzero((points < needed) | (distinct < needed - 1) | constant).tolist():
        why = "the data are constant; there is no decay to fit"
        if points[k] < needed:
            why = f"{points[k]} usable points; {name} needs at least {needed}"
        elif distinct[k] < needed - 1:
            why = f"{distinct[k]} different times; {name} needs at least {needed - 1}"
        raw.notes[k] = "; ".join(part for part in (raw.notes[k], why) if part)
        raw.fittable[k] = False


def groups(asked: Question, raw: Raw) -> list[Curves]:
    """Return the curves that can be fitted: those on one axis with equal weights, and the rest."""
    alike = np.all(raw.good, axis=1)
    if len(raw.t) > 1:
        alike &= np.all(raw.t == raw.t[:1], axis=1)
    if len(raw.sigma) > 1:
        shape = raw.sigma / np.min(raw.sigma, axis=1, keepdims=True)
        alike &= np.all(np.abs(shape - shape[:1]) <= 1e-12 * shape[:1], axis=1)
    chosen = [alike & raw.fittable, ~alike & raw.fittable]
    return [
        _scaled(asked, raw, np.flatnonzero(where), common)
        for where, common in zip(chosen, (True, False), strict=True)
        if np.any(where)
    ]


def _scaled(asked: Question, raw: Raw, numbers: NDArray[np.intp], common: bool) -> Curves:
    """Scale some of the curves and find the limits of their search."""
    t, sigma = (a if len(a) == 1 else a[numbers] for a in (raw.t, raw.sigma))
    good, y = raw.good[numbers], raw.y
    unit_y = np.maximum(raw.most, -raw.least)[numbers]
    unit_y = np.where(unit_y > 0, unit_y, 1.0)
    if len(numbers) < len(y):
        y = y[numbers]
    y = y / unit_y[:, None]
    if common:
        t, sigma_shape = t[:1], sigma[:1]
        least = np.min(sigma, axis=1)
    else:
        t, sigma_shape = np.broadcast_to(t, good.shape), np.broadcast_to(sigma, good.shape)
        least = np.min(np.where(good, sigma, np.inf), axis=1)
        y[~good] = 0.0
    used = good[: len(t)]
    spread = np.where(used, sigma_shape, np.inf)
    w = np.min(spread, axis=1, keepdims=True) / spread
    first_good = np.take_along_axis(t, np.argmax(used, axis=1)[:, None], axis=1)
    t = np.where(used, t, first_good)
    unit_t = np.max(np.abs(t), axis=1)
    unit_t = np.where(unit_t > 0, unit_t, 1.0)
    scaled = t / unit_t[:, None]
    law = _CODES.get(asked.law.name, EXPONENTIALS)
    since = asked.t0 / unit_t[:, None] if asked.law.counts_from_t0 else np.ones((len(t), 1))
    x = np.log(np.maximum(scaled, 1e-300)) - np.log(since)
    low, high = _limits(asked, scaled, x, used, law)
    every = np.ones((len(numbers), 1))
    return Curves(
        numbers, scaled, x, w, y if np.all(w == 1) else y * w, raw.points[numbers],
        unit_t * every[:, 0], unit_y, (least / unit_y) ** 2, low * every, high * every, law,
        int(asked.free), len(asked.names) - len(asked.law.nonlinear),
    )  # fmt: skip


def _limits(asked: Question, t: Array, x: Array, used: Mask, law: int) -> tuple[Array, Array]:
    """Return the least and the largest nonlinear parameters searched, one row for each axis."""
    if law == LOGARITHM:
        return np.empty((len(t), 0)), np.empty((len(t), 0))
    if law == POWER:
        low, high = exponent_range(x, asked.free)
        return low[:, None], high[:, None]
    ordered = np.sort(np.where(used, t, np.nan), axis=1)
    gaps = np.diff(ordered, axis=1)
    gap = np.min(np.where(gaps > 0, gaps, np.inf), axis=1)
    reach = Reach(ordered[:, 0], gap, np.nanmax(ordered, axis=1) - ordered[:, 0])
    if law == STRETCHED:
        return search_box(reach)
    low, high = search_range(reach)
    steps = APART * np.arange(asked.law.exponentials)
    return low[:, None] + steps, high[:, None] - steps[::-1]
