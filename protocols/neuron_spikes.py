"""Spikes of a neuron from the current through its load: rates, recoveries, energies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.curves import Curve, Parameter, evaluate
from labctl.analysis.energy import floored
from labctl.analysis.nonlinear import fit_curve
from labctl.analysis.statistics import draw_histogram, proportion, summarise
from labctl.protocol import Measured
from labctl.readings import Readings
from labctl.results import Fit, Metric, Panel, Table, Trace
from protocols.responses import table, usable

__all__ = ["Found", "Watched", "analyse_neuron", "watch"]

Array = NDArray[np.float64]
Places = NDArray[np.intp]

_RISEN = 0.1  # of the swing: the node has begun to rise again
_LEAST_SPIKES = 3  # for an interval with a scatter
_SHOWN = 600  # windows of a trace that is drawn
_NONE_95 = 3.0  # expected spikes of a rate that shows none with a probability of 5 %


@dataclass(frozen=True, slots=True)
class Watched:
    """One input as it was watched."""

    source: float  #: achieved level, V
    t: Array  #: middle of each window, s
    node: Array  #: V
    i: Array  #: A
    u_i: Array  #: A
    width: float  #: of a window, s
    spikes: Places  #: first window in which the node is down
    risen: float  #: voltage of the node at which it has begun to rise again, V
    recoveries: Array  #: s, one for each spike that is followed by a rise
    levels: Array  #: largest voltage of the node before each spike, V

    @property
    def intervals(self) -> Array:
        """Time from spike to spike, s."""
        return np.diff(self.t[self.spikes])

    @property
    def charging(self) -> tuple[float, float]:
        """Mean time from the end of a recovery to the next spike and its uncertainty, s."""
        times = self.intervals - self.recoveries[: len(self.intervals)]
        scatter = float(np.std(times, ddof=1)) / math.sqrt(len(times)) if len(times) > 1 else 0.0
        # a spike and a rise are placed to a window each
        return float(np.mean(times)), math.hypot(scatter, self.width / math.sqrt(6 * len(times)))

    @property
    def rate(self) -> tuple[float, float]:
        """Spikes per second and standard uncertainty; from the intervals where there are some."""
        intervals = self.intervals
        if len(intervals) + 1 < _LEAST_SPIKES:
            watched = len(self.t) * self.width
            return len(self.spikes) / watched, math.sqrt(max(len(self.spikes), 1)) / watched
        mean = float(np.mean(intervals))
        return 1 / mean, self.u_interval / mean**2

    @property
    def u_interval(self) -> float:
        """Standard uncertainty of the mean interval, from scatter and the length of a window."""
        intervals = self.intervals
        scatter = float(np.std(intervals, ddof=1))
        return math.hypot(scatter / math.sqrt(len(intervals)), self.width / len(intervals))

    @property
    def energy(self) -> tuple[float, float] | None:
        """Energy of node and switch from spike to spike and its uncertainty, J."""
        if len(self.spikes) < _LEAST_SPIKES:
            return None
        joules = self._per_period(self.node * self.i)
        # the node is the source less current times load: an error of the current counts in both
        slope = self._per_period((2 * self.node - self.source) * self.u_i)
        scatter = float(np.std(joules, ddof=1)) / math.sqrt(len(joules))
        return float(np.mean(joules)), math.hypot(scatter, abs(float(np.mean(slope))))

    def _per_period(self, power: Array) -> Array:
        """Return the integral of a power over each time from spike to spike."""
        sums: Array = np.add.reduceat(power * self.width, self.spikes)[:-1]
        return sums


def watch(readings: Readings, load: float, swing: float) -> Watched | None:
    """Return one input; None where fewer than 20 windows have a value.

    Parameters
    ----------
    readings
        Currents in consecutive windows at one level.
    load
        Resistor between source and node, Ohm.
    swing
        Share of the node's swing above which it is up; below half of that it is down.
    """
    rows = readings.where(role="pulse")
    if len(rows) < 20 or not np.all(usable(rows)):
        return None
    source, width = float(np.median(rows.v)), float(np.median(rows.width))
    node = source - rows.i * load
    spikes = _falls(node, swing)
    floor = float(np.quantile(node, 0.01))
    risen = floor + _RISEN * (float(np.max(node)) - floor)
    recoveries = _recoveries(node, spikes, risen) * width
    starts = [0, *spikes.tolist()][: len(spikes)]
    levels = [float(np.max(node[a:b])) for a, b in zip(starts, spikes, strict=True)]
    return Watched(
        source, rows.t, node, rows.i, rows.u_i, width, spikes, risen, recoveries, np.array(levels)
    )


def _falls(node: Array, swing: float) -> Places:
    """Return the windows in which the node is down after having been up.

    Two levels instead of one, so that noise about a level is no spike. Only what falls counts: a
    node that is charged once and stays is silent.
    """
    bottom, top = float(np.min(node)), float(np.max(node))
    high, low = (bottom + share * (top - bottom) for share in (swing, swing / 2))
    side = np.where(node > high, 1, np.where(node < low, -1, 0))
    known = np.flatnonzero(side)
    turns = np.flatnonzero((side[known][1:] < 0) & (side[known][:-1] > 0)) + 1
    return known[turns]


def _recoveries(node: Array, spikes: Places, risen: float) -> Array:
    """Return how many windows each spike is followed by before the node rises again."""
    found = []
    for k in spikes.tolist():
        down = np.flatnonzero(node[k:] < risen)
        if not len(down):
            continue
        up = np.flatnonzero(node[k + down[0] :] > risen)
        if len(up):
            found.append(float(down[0] + up[0]))
    return np.array(found)


@dataclass(frozen=True, slots=True)
class Found:
    """What the results are made of."""

    metrics: dict[str, Metric]
    fits: dict[str, Fit]
    tables: tuple[Table, ...]
    panels: tuple[Panel, ...]
    notes: tuple[str, ...]


def analyse_neuron(record: Measured, load: float, swing: float, within: float) -> Found:
    """Return figures of merit, fit, tables and panels of a record, finished or not."""
    inputs, lost = [], 0
    for _, readings in record.where(part="input"):
        one = watch(readings, load, swing)
        if one is None:
            lost += 1
        else:
            inputs.append(one)
    if not inputs:
        return Found({}, {}, (), (), ("no input was watched to its end",))
    inputs.sort(key=lambda one: one.source)
    firing = [one for one in inputs if len(one.spikes) >= _LEAST_SPIKES]
    fits = {"leaky_integrate_fire": _fit(firing)} if firing else {}
    recoveries = np.concatenate([one.recoveries for one in inputs])
    metrics = _thresholds(inputs) | _recovered(recoveries, within) | _per_spike(firing)
    panels = (*_trace(firing), _rates(inputs), *_charging(firing, fits), *_histogram(recoveries))
    return Found(metrics, fits, (_table(inputs),), panels, _notes(inputs, firing, lost))


def _thresholds(inputs: Sequence[Watched]) -> dict[str, Metric]:
    fires = [one.source for one in inputs if len(one.spikes)]
    silent = [one.source for one in inputs if not len(one.spikes)]
    metrics = {}
    below = [v for v in silent if fires and v < min(fires)]
    if below:
        low, high = max(below), min(fires)
        sigma = (high - low) / math.sqrt(12)
        metrics["threshold_input"] = Metric((low + high) / 2, sigma, "V", "firing-threshold-input")
    last = inputs[-1]
    rate, u = last.rate
    if len(last.spikes):
        metrics["rate_largest"] = Metric(rate, u, "Hz", "firing-rate")
    else:
        bound = _NONE_95 / (len(last.t) * last.width)
        metrics["rate_largest"] = Metric(bound, None, "Hz", "firing-rate", bound=True)
    return metrics


def _recovered(recoveries: Array, within: float) -> dict[str, Metric]:
    if not len(recoveries):
        return {}
    median = summarise(recoveries, "s").median
    share = proportion(int(np.sum(recoveries < within)), len(recoveries))
    return {
        "recovery": Metric(median.value, median.sigma, "s", "neuron-recovery-median"),
        "recovered_in_time": Metric(
            share.value, share.metric.sigma, "1", "share-of-recoveries-in-time"
        ),
    }


def _per_spike(firing: Sequence[Watched]) -> dict[str, Metric]:
    """Return energies at the smallest and the largest input that fire, and the firing level."""
    if not firing:
        return {}
    found = {}
    for name, one in (("energy", firing[0]), ("energy_largest", firing[-1])):
        if one.energy is not None:
            found[name] = floored(*one.energy, "energy-of-a-spike")
    levels = np.concatenate([one.levels for one in firing])
    scatter = float(np.std(levels, ddof=1)) / math.sqrt(len(levels))
    level = Metric(float(np.mean(levels)), scatter, "V", "neuron-firing-level")
    return found | {"firing_level": level}


def _lif(lowest: float) -> Curve:
    """Return the time in which a leaky node is charged to the threshold and fires.

    Parameters
    ----------
    lowest
        Smallest input that fires, V: the threshold is below.
    """

    def shape(x: Array, tau: Any, threshold: Any, delay: Any) -> Any:
        source, risen = x
        return delay + tau * np.log((source - risen) / (source - threshold))

    def starts(x: Array, y: Array, w: Array) -> list[Array]:
        least = float(np.min(y))
        span = max(float(np.max(y)) - least, 1e-3 * least)
        return [
            np.array([span / 2, share * lowest, rest * least])
            for share in (0.8, 0.95, 0.99)
            for rest in (0.2, 0.7)
        ]

    parameters = (
        Parameter("tau", "s", log=True),
        Parameter("threshold", "V", low=0.0, high=lowest * (1 - 1e-9)),
        Parameter("delay", "s", low=0.0),
    )
    formula = "time to fire = delay + tau ln((V - V_risen)/(V - threshold))"
    return Curve(
        "leaky_integrate_fire", formula, parameters, shape, starts, derivative="central",
    )  # fmt: skip


def _fit(firing: Sequence[Watched]) -> Fit:
    times = [one.charging for one in firing]
    x = np.array([(one.source, one.risen) for one in firing]).T
    y, u = (np.array(column) for column in zip(*times, strict=True))
    return fit_curve(_lif(float(np.min(x[0]))), x, y, u)


def _table(inputs: Sequence[Watched]) -> Table:
    rates = [one.rate for one in inputs]
    energies = [one.energy or (math.nan, math.nan) for one in inputs]
    return table(
        "Inputs",
        (
            ("input", "V", [one.source for one in inputs]),
            ("spikes", "1", [float(len(one.spikes)) for one in inputs]),
            ("rate", "Hz", [rate for rate, _ in rates]),
            ("u(rate)", "Hz", [u for _, u in rates]),
            ("energy of a spike", "J", [energy for energy, _ in energies]),
            ("u(energy)", "J", [u for _, u in energies]),
        ),
    )


def _trace(firing: Sequence[Watched]) -> tuple[Panel, ...]:
    if not firing:
        return ()
    one = firing[len(firing) // 2]
    t = (one.t - one.t[0])[:_SHOWN]
    line = Trace(tuple(t.tolist()), tuple(one.node[:_SHOWN].tolist()), kind="line")
    title = f"Voltage of the node at an input of {one.source:.3g} V"
    return (Panel(title, "time", "s", "node", "V", (line,)),)


def _rates(inputs: Sequence[Watched]) -> Panel:
    x, rates = tuple(one.source for one in inputs), [one.rate for one in inputs]
    bars = tuple(u for _, u in rates)
    traces = [Trace(x, tuple(rate for rate, _ in rates), "measured", y_error=bars)]
    return Panel("Rate against input", "input", "V", "rate", "Hz", tuple(traces))


def _charging(firing: Sequence[Watched], fits: dict[str, Fit]) -> tuple[Panel, ...]:
    """Return the time to fire against the input, with the fit."""
    if not firing:
        return ()
    x, times = np.array([one.source for one in firing]), [one.charging for one in firing]
    bars = tuple(u for _, u in times)
    points = tuple(x.tolist()), tuple(time for time, _ in times)
    traces = [Trace(*points, "measured", y_error=bars)]
    fit = fits["leaky_integrate_fire"]
    if fit.values:
        fine = np.linspace(x[0], x[-1], 200)
        risen = np.interp(fine, x, [one.risen for one in firing])
        line = evaluate(_lif(float(x[0])), fit, np.array([fine, risen]))
        traces.append(
            Trace(tuple(fine.tolist()), tuple(line.tolist()), "leaky integrate and fire", "line")
        )
    title = "Time from recovery to firing"
    return (Panel(title, "input", "V", "time to fire", "s", tuple(traces)),)


def _histogram(recoveries: Array) -> tuple[Panel, ...]:
    return (draw_histogram(recoveries, "recovery time", "s"),) if len(recoveries) > 1 else ()


def _notes(inputs: Sequence[Watched], firing: Sequence[Watched], lost: int) -> tuple[str, ...]:
    spikes = sum(len(one.spikes) for one in inputs)
    said = [f"{spikes} spikes at {len(inputs)} inputs, order randomised"]
    if not firing:
        said.append("no input gives three spikes; raise the inputs or watch longer")
    if lost:
        said.append(f"{lost} inputs with missing or over-range windows were left out")
    return tuple(said)
