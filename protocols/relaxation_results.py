"""What relaxation records say: decays, laws in competition, and the effect of the reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.competition import Axes, Competition, compete, draw_decay
from labctl.analysis.decay import curve
from labctl.protocol import Measured
from labctl.readings import Readings
from labctl.results import Fit, Metric, Panel, Table, Trace
from labctl.units import show
from protocols.analysed import Analysed
from protocols.relaxation_times import mean_time
from protocols.responses import conductances, energy_metrics, table, u_conductances

if TYPE_CHECKING:
    from protocols.relaxation import Condition

__all__ = ["LAWS", "Decay", "analyse_relaxation"]

Array = NDArray[np.float64]

#: the laws that compete
LAWS = ("single_decay", "double_decay", "stretched_decay", "power_decay")
_LEFT = 0.175  # of a pulse, from the middle of its window to its end
_MOST_PANELS = 8


@dataclass(frozen=True, slots=True)
class Decay:
    """One decay: what followed one train.

    Attributes
    ----------
    condition, control
        Number of the kind of train; whether only the last read was made.
    before
        Conductance at the beginning, S; not a number where it is not known.
    returned
        Whether that was on the baseline.
    t, g, u
        Time since the end of the train, s, conductance and its standard uncertainty, S.
    pulses
        Readings in the pulses.
    """

    condition: int
    control: bool
    before: float
    returned: bool
    t: Array
    g: Array
    u: Array
    pulses: Readings


def _decays(record: Measured, terminal: str) -> list[Decay]:
    late = {step.label.get("trial"): readings for step, readings in record.where(part="late")}
    found = []
    for step, readings in record.where(part="train"):
        pulses = readings.where(role="pulse", terminal=terminal)
        if not len(pulses):
            continue
        after = late.get(step.label.get("trial"), Readings())
        reads = Readings([*readings.where(role="read"), *after.where(role="read")])
        before = step.label.get("baseline")
        end = pulses[-1].t + _LEFT * pulses[-1].width
        found.append(
            Decay(
                int(step.label.get("condition") or 0),
                bool(step.label.get("control")),
                math.nan if before is None else float(before),
                bool(step.label.get("returned")),
                reads.t - end,
                conductances(reads),
                u_conductances(reads),
                pulses,
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class _State:
    """All decays of one condition together: means over the repeats at each read."""

    number: int
    condition: Condition
    before: float  #: S
    t: Array
    y: Array  #: G, S, or ln(G/S)
    sigma: Array | None  #: relative weights
    stated: bool  #: they are the instrument's specification
    ends: Array  #: (first, last, before) of every repeat, in y
    control: float  #: last read of the control, in y; not a number without one
    fits: Competition

    @property
    def branch(self) -> str:
        return "depression" if self.condition.amplitude < 0 else "potentiation"

    @property
    def name(self) -> str:
        c = self.condition
        return f"{self.number}: {c.pulses} x {c.amplitude:+g} V, {show(c.width, 's')}"


def _state(
    number: int, condition: Condition, decays: Sequence[Decay], logarithm: bool
) -> _State | None:
    own = [d for d in decays if d.condition == number]
    read = [d for d in own if not d.control and len(d.t) > 1]
    if not read:
        return None
    count = min(len(d.t) for d in read)
    g = np.array([d.g[:count] for d in read])
    with np.errstate(all="ignore"):
        y = np.log(g) if logarithm else g
        u = np.array([d.u[:count] / (d.g[:count] if logarithm else 1.0) for d in read])
        before = np.array([math.log(d.before) if logarithm else d.before for d in read])
        # a control that did not begin on the baseline says nothing of the reads
        alone = [float(d.g[-1]) for d in own if d.control and len(d.g) and d.returned]
    good = np.isfinite(y).any(axis=0)
    if not good.any():
        return None
    t = np.mean([d.t[:count] for d in read], axis=0)[good]
    mean, weights = np.nanmean(y[:, good], axis=0), np.nanmean(u[:, good], axis=0)
    stated = np.all(np.isfinite(weights) & (weights > 0))
    # without a specification the scatter is taken as the same share of every value
    sigma = weights if stated else None if logarithm else np.abs(mean)
    fits = compete(
        t, mean, sigma, LAWS, "free", "s", "1" if logarithm else "S", absolute=False,
        slow=1.0 if logarithm else mean,
    )  # fmt: skip
    control = np.log(alone[0]) if alone and logarithm else alone[0] if alone else math.nan
    ends = np.column_stack((y[:, good][:, 0], y[:, good][:, -1], before))
    start = float(np.nanmean([d.before for d in read])) if np.isfinite(before).any() else math.nan
    return _State(
        number, condition, start, t, mean, sigma, bool(stated), ends, float(control), fits
    )


def analyse_relaxation(
    record: Measured, conditions: Sequence[Condition], terminal: str, logarithm: bool
) -> Analysed:
    """Return what a record says.

    Parameters
    ----------
    record
        Finished or not.
    conditions
        Kinds of trains, numbered from 1.
    terminal
        That was driven.
    logarithm
        Whether ln G is fitted instead of G.
    """
    decays = _decays(record, terminal)
    found = [_state(n, c, decays, logarithm) for n, c in enumerate(conditions, 1)]
    states = [state for state in found if state is not None]
    metrics: dict[str, Metric] = {}
    fits: dict[str, Fit] = {}
    for state in states:
        metrics |= _numbers(state, logarithm)
        fits |= {f"{law}_{state.number}": fit for law, fit in state.fits.fits.items()}
    metrics |= _disturb(states, logarithm)
    metrics |= energy_metrics(
        {
            side: Readings([row for d in decays for row in d.pulses if (row.v_set < 0) == negative])
            for side, negative in (("potentiation", False), ("depression", True))
        }
    )
    if decays:
        share = float(np.mean([d.returned for d in decays]))
        metrics["returned"] = Metric(share, None, "1", "share-of-pairs-on-baseline")
    return Analysed(
        metrics,
        fits,
        (_table(states, metrics), _points(states, logarithm)) if states else (),
        tuple(_panels(states, metrics, logarithm)),
        tuple(_notes(decays, states, metrics)),
    )


def _numbers(state: _State, logarithm: bool) -> dict[str, Metric]:
    n = state.number
    first = float(np.nanmean(state.ends[:, 0]))
    early, end = _noise(state)
    start = math.exp(first) if logarithm else first
    sigma = _pooled(state.ends[:, 0], early) * (start if logarithm else 1.0)
    found = {f"start_{n}": Metric(start, sigma or None, "S", "read-conductance")}
    with np.errstate(all="ignore"):
        change = state.ends[:, 0] - state.ends[:, 2]
        kept = (state.ends[:, 1] - state.ends[:, 2]) / change
    kept = kept[np.isfinite(kept)]
    if len(kept):
        size = float(np.nanmean(np.abs(change)))
        sigma = _pooled(kept, math.hypot(early, end) / size if size else 0.0)
        which = "log-conductance" if logarithm else "conductance"
        found[f"retained_{n}"] = Metric(
            float(np.mean(kept)), sigma or None, "1", f"relaxation-retained-{which}"
        )
    best = state.fits.fits.get(state.fits.best)
    tau = None if best is None else mean_time(best)
    if tau is not None:
        found[f"tau_{n}"] = tau
    return found


def _noise(state: _State) -> tuple[float, float]:
    """Return the scatter of the first and of the last read about the preferred law, in y's unit."""
    best = state.fits.fits.get(state.fits.best)
    if best is None or not best.values:
        return 0.0, 0.0
    weights = state.sigma if state.sigma is not None else np.ones(len(state.y))
    left = (state.y - curve(best, state.t)) / weights
    left, known = left[np.isfinite(left)], weights[np.isfinite(left)]
    if not len(left):
        return 0.0, 0.0
    scatter = math.sqrt(float(np.sum(left**2)) / max(len(left) - len(best.values), 1))
    if state.stated:  # what a law misses is not noise: that is within the specification
        scatter = min(scatter, 1.0)
    return scatter * float(known[0]), scatter * float(known[-1])


def _pooled(values: Array, noise: float) -> float:
    """Return the standard uncertainty of a mean: from its scatter, or from the noise of one."""
    seen = values[np.isfinite(values)]
    if len(seen) > 1:
        return max(float(np.std(seen, ddof=1)), noise) / math.sqrt(len(seen))
    return noise


def _effects(states: Sequence[_State], logarithm: bool) -> Array:
    """Return by how much the reads changed the last value, relative; one entry a condition."""
    found = []
    for state in states:
        end = float(np.nanmean(state.ends[:, 1]))
        found.append(end - state.control if logarithm else end / state.control - 1)
    return np.array(found)


def _disturb(states: Sequence[_State], logarithm: bool) -> dict[str, Metric]:
    effects = _effects(states, logarithm)
    effects = effects[np.isfinite(effects)]
    if not len(effects):
        return {}
    sigma = float(np.std(effects, ddof=1)) / math.sqrt(len(effects)) if len(effects) > 1 else None
    return {"read_disturb": Metric(float(np.mean(effects)), sigma, "1", "relaxation-read-disturb")}


def _columns(states: Sequence[_State], metrics: dict[str, Metric], name: str) -> list[float]:
    found = [metrics.get(f"{name}_{state.number}") for state in states]
    return [math.nan if metric is None else metric.value for metric in found]


def _table(states: Sequence[_State], metrics: dict[str, Metric]) -> Table:
    return table(
        "Decays by condition",
        [
            ("condition", "1", [float(s.number) for s in states]),
            ("amplitude", "V", [s.condition.amplitude for s in states]),
            ("width", "s", [s.condition.width for s in states]),
            ("pulses", "1", [float(s.condition.pulses) for s in states]),
            ("before", "S", [s.before for s in states]),
            ("first read", "S", _columns(states, metrics, "start")),
            ("retained", "1", _columns(states, metrics, "retained")),
            ("mean time", "s", _columns(states, metrics, "tau")),
            ("preferred law", "", [s.fits.best.replace("_", " ") for s in states]),
        ],
    )


def _points(states: Sequence[_State], logarithm: bool) -> Table:
    name, unit = ("ln(G/S)", "1") if logarithm else ("conductance", "S")
    rows = [
        (float(s.number), t, y)
        for s in states
        for t, y in zip(s.t.tolist(), s.y.tolist(), strict=True)
    ]
    number, t, y = zip(*rows, strict=True)
    return table("Mean decays", [("condition", "1", number), ("time", "s", t), (name, unit, y)])


def _panels(states: Sequence[_State], metrics: dict[str, Metric], logarithm: bool) -> list[Panel]:
    if not states:
        return []
    traces = []
    for state in states:
        g = np.exp(state.y) if logarithm else state.y
        traces.append(
            Trace(tuple(state.t.tolist()), tuple(g.tolist()), state.name, branch=state.branch)
        )
    before = [state.before for state in states if math.isfinite(state.before)]
    if before:
        ends = (float(states[0].t[0]), float(states[0].t[-1]))
        traces.append(Trace(ends, (float(np.mean(before)),) * 2, "before the trains", "line"))
    panels = [
        Panel("Relaxation of the states", "time after the train", "s", "conductance", "S",
              tuple(traces), x_log=True, y_log=True)
    ]  # fmt: skip
    label, unit = ("ln(G/S)", "1") if logarithm else ("conductance", "S")
    for state in states[:_MOST_PANELS]:
        axes = Axes(state.name, label, unit, "time after the train", branch=state.branch)
        bars = state.sigma if state.stated else None
        panels += draw_decay(state.t, state.y, bars, state.fits, axes)
    return panels + _trends(states, metrics)


def _trends(states: Sequence[_State], metrics: dict[str, Metric]) -> list[Panel]:
    """Return the mean time against each property of the trains that was varied."""
    panels = []
    for name, unit in (("amplitude", "V"), ("width", "s"), ("pulses", "1")):
        if len({getattr(state.condition, name) for state in states}) < 2:
            continue
        traces = []
        for branch in ("potentiation", "depression"):
            rows = [
                (abs(getattr(s.condition, name)), metrics[f"tau_{s.number}"])
                for s in states
                if s.branch == branch and f"tau_{s.number}" in metrics
            ]
            if rows:
                x, found = zip(*rows, strict=True)
                bars = tuple(m.sigma or 0.0 for m in found)
                traces.append(
                    Trace(x, tuple(m.value for m in found), branch, "points", bars, branch)
                )
        if traces:
            shown = f"size of the {name}" if name == "amplitude" else name
            panels.append(
                Panel(f"Mean relaxation time against {name}", shown, unit, "mean time", "s",
                      tuple(traces))
            )  # fmt: skip
    return panels


def _notes(
    decays: Sequence[Decay], states: Sequence[_State], metrics: dict[str, Metric]
) -> list[str]:
    if not states:
        return ["no decay was read"]
    said = [f"{len(decays)} trains, order randomised"]
    away = sum(not decay.returned for decay in decays)
    if away:
        said.append(f"{away} of them began away from the baseline by more than the tolerance")
    said += [f"{state.name}: {state.fits.verdict}" for state in states]
    effect = metrics.get("read_disturb")
    if effect is not None:
        said.append(
            f"against trains with the last read alone, the reads changed the last value by {effect}"
        )
    return said
