"""Curves of weight change against rate, one for each history: thresholds, fits, panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from labctl.analysis.bcm import bcm_curve, bcm_threshold, compete_bcm
from labctl.analysis.competition import Competition
from labctl.analysis.curve_panels import line_of, points_of
from labctl.analysis.curves import evaluate
from labctl.analysis.plasticity import Change, changes_by
from labctl.analysis.rate_threshold import crossing, threshold_shift
from labctl.results import Fit, Metric, Panel, Table, Trace
from protocols.responses import table

__all__ = ["RateCurve", "curve_panels", "curve_table", "shift_of"]

Array = NDArray[np.float64]

_LINE = 150
_OFF = 2.0  # of the standard uncertainty of a mean: a fit that is further off is another curve
_MUCH = 3.0
_SMALL = 0.02  # of the range of the changes, where they do not scatter


@dataclass(frozen=True)
class RateCurve:
    """The changes at several rates under one history, a trial each."""

    name: str  #: in words, "after 2 Hz"
    suffix: str  #: of its metrics and fits, "_after_2Hz"
    asked: Array  #: rate asked for, Hz: equal ones are repeats
    rate: Array  #: achieved, Hz
    change: Array
    u: Array  #: standard uncertainty of each change by the specification

    @cached_property
    def means(self) -> tuple[Array, list[Change]]:
        """Mean achieved rate and mean change at every rate asked for, rising."""
        by = changes_by(self.asked.tolist(), self.change, self.u)
        return np.array([np.mean(self.rate[self.asked == x]) for x in by]), list(by.values())

    @cached_property
    def fits(self) -> Competition:
        """Every shape with a threshold, fitted to every trial with equal weights."""
        good = np.isfinite(self.change) & np.isfinite(self.rate)
        return compete_bcm(self.rate[good], self.change[good])

    @cached_property
    def followed(self) -> bool:
        """Whether the preferred shape follows the means, within what they are sure of."""
        best = self.fits.fits.get(self.fits.best)
        if best is None or not best.values:
            return False
        rates, changes = self.means
        y = np.array([c.value for c in changes])
        spread = np.array([c.sigma or 0.0 for c in changes])
        left = y - evaluate(bcm_curve(self.fits.best, self.rate), best, rates)
        good = np.isfinite(left)
        off = float(np.sqrt(np.mean(left[good] ** 2)))
        sure = float(np.sqrt(np.mean(spread[good] ** 2)))
        return off <= max(_OFF * sure, _SMALL * float(np.ptp(y[good])))

    def metrics(self) -> dict[str, Metric]:
        """Return ``threshold``, and where a shape follows ``threshold_fit`` and ``dip``."""
        rates, changes = self.means
        found = {"threshold": crossing(rates, changes)}
        best = self.fits.fits.get(self.fits.best)
        # a curve that falls through zero has no threshold in the sense of the definition, and a
        # shape that the means do not have says nothing about it
        if best is not None and self.followed and found["threshold"] is not None:
            found["threshold_fit"] = bcm_threshold(self.fits)[0]
            if "dip" in best.values and best.dip.sigma is not None:
                found["dip"] = Metric(best.dip.value, best.dip.sigma, "1", "bcm-dip")
        return {f"{k}{self.suffix}": m for k, m in found.items() if m is not None}

    def named_fits(self) -> dict[str, Fit]:
        """Return the fits by shape and suffix."""
        return {f"{shape}{self.suffix}": fit for shape, fit in self.fits.fits.items()}

    def notes(self) -> tuple[str, ...]:
        """Say which shape is preferred, and what hangs on it."""
        if not len(self.asked):
            return ()
        _, warning = bcm_threshold(self.fits)
        said = [f"{self.name}: {self.fits.verdict}"]
        if warning and warning != self.fits.verdict:
            said.append(f"{self.name}: {warning}")
        if self.fits.best and not self.followed:
            said.append(
                f"{self.name}: no shape follows the means, so none is drawn; the threshold is from "
                "the rates beside it alone"
            )
        if "threshold" + self.suffix not in self.metrics():
            said.append(f"{self.name}: the mean change does not pass zero upwards: no threshold")
        return tuple(said)


def shift_of(
    metrics: dict[str, Metric], first: RateCurve, last: RateCurve, before: tuple[float, float]
) -> Metric | None:
    """Return how far the threshold slides between two prior rates.

    Parameters
    ----------
    metrics
        Those of the curves.
    first, last
        The two curves.
    before
        Their prior rates, Hz.
    """
    pair = [metrics.get(f"threshold{curve.suffix}") for curve in (first, last)]
    if pair[0] is None or pair[1] is None:
        return None
    one, two = ((m.value, m.sigma) for m in pair if m is not None)
    return threshold_shift(one, two, before)


def curve_table(curves: Sequence[RateCurve], title: str, history: str) -> Table:
    """Return the means of all curves, one row for each history and rate."""
    nan = float("nan")
    rows = [
        (curve.name, rate, change)
        for curve in curves
        for rate, change in zip(*curve.means, strict=True)
    ]
    return table(
        title,
        (
            (history, "", [name for name, _, _ in rows]),
            ("rate", "Hz", [float(rate) for _, rate, _ in rows]),
            ("change", "1", [c.value for _, _, c in rows]),
            ("u(change)", "1", [nan if c.sigma is None else c.sigma for _, _, c in rows]),
            ("repeats", "1", [float(c.repeats) for _, _, c in rows]),
        ),
    )


def curve_panels(
    curves: Sequence[RateCurve], title: str, x_label: str, enlarged: str = ""
) -> tuple[Panel, ...]:
    """Return the curves with their preferred fits, and with a title a second panel of the dips.

    Parameters
    ----------
    curves
        One for each history.
    title, x_label
        Of the first panel.
    enlarged
        Title of the second, which shows the depression where the potentiation is much larger.
    """
    shown = [curve for curve in curves if np.any(np.isfinite(curve.change))]
    if not shown:
        return ()
    traces = [part for curve in shown for part in _traces(curve)]
    rates = np.concatenate([curve.means[0] for curve in shown])
    zero = line_of([float(np.min(rates)), float(np.max(rates))], [0.0, 0.0], "no change")
    panel = Panel(title, x_label, "Hz", "change", "1", (*traces, zero), x_log=True)
    heights = [y for trace in traces for y in trace.y]
    depth = -min(heights)
    if not enlarged or not 0 < depth < max(heights) / _MUCH:
        return (panel,)
    part = tuple(below for trace in traces if (below := _below(trace, depth)).x)
    return (panel, msgspec.structs.replace(panel, title=enlarged, traces=(*part, zero)))


def _traces(curve: RateCurve) -> tuple[Trace, ...]:
    rates, changes = curve.means
    bars = [c.sigma or 0.0 for c in changes]
    data = points_of(rates, [c.value for c in changes], bars, curve.name)
    best = curve.fits.fits.get(curve.fits.best)
    if best is None or not curve.followed:
        return (data,)
    x = np.geomspace(float(np.min(rates)), float(np.max(rates)), _LINE)
    y = evaluate(bcm_curve(curve.fits.best, curve.rate), best, x)
    return (data, line_of(x, y, f"{curve.name}, fit"))


def _below(trace: Trace, most: float) -> Trace:
    kept = [k for k, y in enumerate(trace.y) if y <= most]
    x, y, bars = (tuple(v[k] for k in kept) if v else () for v in (trace.x, trace.y, trace.y_error))
    return msgspec.structs.replace(trace, x=x, y=y, y_error=bars)
