"""Responses of pulse trains: pooled over repeats, with trends, energies and panels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from labctl.protocol import Measured
from labctl.readings import Readings
from labctl.results import Fit, Metric, Panel, Results, Table, Trace
from protocols.comparison import energy_panels, energy_tables, over_biology
from protocols.pooling import Pooled, fit_exponents, pool, smallest_rise
from protocols.responses import energy_metrics, table
from protocols.train_trials import Trial, compliance_remark, trials

if TYPE_CHECKING:
    from protocols.pulse_train import Condition, PulseTrain

__all__ = ["results"]

Array = NDArray[np.float64]

_FACTORS = {"amplitude": "V", "width": "s", "interval": "s", "number": "1"}
_SLOPE, _RISE = "relative-slope-of-response", "smallest-rise-between-neighbours"


@dataclass(frozen=True, slots=True)
class _Response:
    """One number of every trial."""

    name: str
    said: str
    unit: str
    definition: str
    values: Array
    pooled: Pooled


def results(asked: PulseTrain, record: Measured, said: tuple[str, ...], branch: str) -> Results:
    """Return everything that the trains tell.

    Parameters
    ----------
    asked
        The protocol.
    record
        What was measured.
    said
        Notes on trials, baseline and limits.
    branch
        Whose colour the usual train has.
    """
    found = list(trials(record, asked.terminal, whole=asked.whole_pulse))
    conditions = [_condition(asked, trial) for trial in found]
    responses = _responses(found, conditions)
    usual = asked.usual()
    inside = [t.pulses for t, c in zip(found, conditions, strict=True) if c == usual]
    energies = energy_metrics({"": Readings([row for part in inside for row in part])})
    fits = {
        one.name: _fitted(asked, conditions, one.values) for one in responses if len(conditions)
    }
    metrics = {
        **_at_usual(responses, usual),
        **_trends(asked, responses, fits),
        **_states(asked, responses, usual),
        **energies,
    }
    if "energy" in energies:
        metrics["energy_over_biology"] = over_biology(energies["energy"])
    return Results(
        metrics, fits,
        (*_tables(found, conditions, responses), *energy_tables(_named(energies))),
        (*asked.preview(), *_panels(asked, found, conditions, responses, fits, branch),
         *energy_panels(_named(energies))),
        (*said, *_remarks(found, conditions, fits)),
    )  # fmt: skip


def _condition(asked: PulseTrain, trial: Trial) -> Condition:
    label: Mapping[str, Any] = trial.label
    usual = asked.usual()
    return usual._replace(**{name: label[name] for name in usual._fields})


def _responses(found: Sequence[Trial], conditions: Sequence[Condition]) -> list[_Response]:
    """Return what every train gave: current in its last pulse, conductance after it and later."""
    kinds = (
        ("peak", "current in the last pulse", "A", "current-in-last-pulse",
         [abs(trial.current[-1]) for trial in found]),
        ("after", "conductance just after", "S", "read-conductance",
         [_read(trial, 0) for trial in found]),
        ("final", "conductance after the rest", "S", "read-conductance",
         [_read(trial, 1) for trial in found]),
    )  # fmt: skip
    return [
        _Response(name, said, unit, definition, np.array(values, float), pool(conditions, values))
        for name, said, unit, definition, values in kinds
    ]


def _read(trial: Trial, at: int) -> float:
    return float(trial.g[at]) if at < len(trial.g) else np.nan


def _at_usual(responses: Sequence[_Response], usual: Condition) -> dict[str, Metric]:
    found = {}
    for one in responses:
        if usual in one.pooled.keys:
            value, sigma = one.pooled.at(usual)
            if np.isfinite(value):
                found[one.name] = Metric(value, sigma, one.unit, one.definition)
    return found


def _fitted(asked: PulseTrain, conditions: Sequence[Condition], values: Array) -> Fit:
    """Fit the exponents to the trains of the usual polarity."""
    sign = np.sign(asked.amplitude)
    same = np.array([np.sign(c.amplitude) == sign for c in conditions])
    places = {
        name: np.abs([getattr(c, name) for c in conditions])[same] for name in _FACTORS
    }  # fmt: skip
    return fit_exponents(places, values[same])


def _series(asked: PulseTrain, one: _Response, factor: str) -> Pooled:
    """Return the response against one property, the others as usual or averaged over."""
    usual, sign = asked.usual(), np.sign(asked.amplitude)
    kept = [
        (k, c)
        for k, c in enumerate(one.pooled.keys)
        if np.sign(c.amplitude) == sign
        and (asked.design == "factorial" or c._replace(**{factor: getattr(usual, factor)}) == usual)
    ]
    values = [one.pooled.mean[k] for k, _ in kept]
    found = pool([abs(getattr(c, factor)) for _, c in kept], values)
    squares = pool(
        [abs(getattr(c, factor)) for _, c in kept], [one.pooled.sigma[k] ** 2 for k, _ in kept]
    )
    with np.errstate(all="ignore"):
        sigma = np.sqrt(squares.mean / squares.count)
    return Pooled(found.keys, found.mean, sigma, found.count, one.pooled.dof)


def _trends(
    asked: PulseTrain, responses: Sequence[_Response], fits: Mapping[str, Fit]
) -> dict[str, Metric]:
    metrics: dict[str, Metric] = {}
    for one in responses:
        values = fits[one.name].values if one.name in fits else {}
        for factor in asked.series():
            slope = values.get(f"p_{factor}")
            if slope is not None and slope.sigma is not None:
                name = f"slope_{one.name}_{factor}"
                metrics[name] = Metric(slope.value, slope.sigma, "1", _SLOPE)
            # what is said to rise is the response against the rate, from long intervals to short
            turned = factor == "interval"
            rise = smallest_rise(_series(asked, one, factor), _RISE, backwards=turned)
            if rise is not None:
                metrics[f"rise_{one.name}_{'rate' if turned else factor}"] = rise
    return metrics


def _states(
    asked: PulseTrain, responses: Sequence[_Response], usual: Condition
) -> dict[str, Metric]:
    """Return the state that each amplitude sets, and how far it relaxes until the last read."""
    after, final = (next((r for r in responses if r.name == n), None) for n in ("after", "final"))
    metrics: dict[str, Metric] = {}
    if after is None or final is None:
        return metrics
    for k, amplitude in enumerate(asked.amplitudes, 1):
        condition = usual._replace(amplitude=amplitude)
        if condition not in after.pooled.keys:
            continue
        state, u_state = after.pooled.at(condition)
        last, u_last = final.pooled.at(condition)
        if np.isfinite(state):
            metrics[f"state_{k}"] = Metric(state, u_state, "S", "read-conductance")
        if np.isfinite(state) and np.isfinite(last) and state > 0:
            change = last / state - 1
            sigma = None
            if u_state is not None and u_last is not None:
                sigma = float(np.hypot(u_last, u_state * last / state) / state)
            metrics[f"relaxed_{k}"] = Metric(change, sigma, "1", "relative-change-after-train")
    return metrics


def _named(energies: dict[str, Metric]) -> dict[str, Metric]:
    return {"pulse of the usual train": energies["energy"]} if "energy" in energies else {}


def _tables(
    found: Sequence[Trial], conditions: Sequence[Condition], responses: Sequence[_Response]
) -> Iterator[Table]:
    keys: tuple[Condition, ...] = responses[0].pooled.keys if found else ()
    columns: list[tuple[str, str, Any]] = [
        (name, unit, np.array([getattr(c, name) for c in keys], float))
        for name, unit in _FACTORS.items()
    ]
    for one in responses:
        columns += [(one.said, one.unit, one.pooled.mean), (f"u({one.name})", one.unit,
                                                            one.pooled.sigma)]  # fmt: skip
    energies = [
        _energy([t for t, c in zip(found, conditions, strict=True) if c == key]) for key in keys
    ]
    columns += [
        ("energy of a pulse", "J", [e.value if e else np.nan for e in energies]),
        ("u(energy)", "J", [np.nan if e is None or e.sigma is None else e.sigma for e in energies]),
        ("energy is a bound", "", [bool(e and e.bound) for e in energies]),
    ]
    yield table("Response to each train", columns)
    if found:
        yield table(
            "Every train",
            (
                *((name, unit, np.array([getattr(c, name) for c in conditions], float))
                  for name, unit in _FACTORS.items()),
                ("baseline", "S", np.array([trial.before for trial in found])),
                ("returned", "", [trial.returned for trial in found]),
                *((one.said, one.unit, one.values) for one in responses),
                ("first read after", "s",
                 [float(t.delay[0]) if len(t.delay) else np.nan for t in found]),
            ),
        )  # fmt: skip


def _energy(found: Sequence[Trial]) -> Metric | None:
    rows = Readings([row for trial in found for row in trial.pulses])
    return energy_metrics({"": rows}).get("energy")


def _panels(
    asked: PulseTrain,
    found: Sequence[Trial],
    conditions: Sequence[Condition],
    responses: Sequence[_Response],
    fits: Mapping[str, Fit],
    branch: str,
) -> Iterator[Panel]:
    if not found:
        return
    yield _every_pulse(asked, found, conditions, branch)
    for factor in asked.series():
        for group in (("peak",), ("after", "final")):
            traces: list[Trace] = []
            chosen = [one for one in responses if one.name in group]
            for one in chosen:
                traces += _drawn(asked, one, factor, fits[one.name], branch)
            if traces:
                label = "current" if group == ("peak",) else "conductance"
                title = f"{label.capitalize()} against {factor}"
                yield Panel(
                    title, factor, _FACTORS[factor], label, chosen[0].unit, tuple(traces),
                    x_log=factor != "amplitude",
                )  # fmt: skip


def _drawn(
    asked: PulseTrain, one: _Response, factor: str, fit: Fit, branch: str
) -> Iterator[Trace]:
    pooled = _series(asked, one, factor)
    good = np.isfinite(pooled.mean)
    x, y = np.array(pooled.keys, float)[good], pooled.mean[good]
    if not len(x):
        return
    bars = pooled.sigma[good] if pooled.bars else np.zeros(0)
    side = branch if one.name != "final" else ""
    yield Trace(_tuple(x), _tuple(y), one.said, "points", _tuple(bars), side)
    power = fit.values.get(f"p_{factor}")
    if power is not None and len(x) > 1:
        dense = np.geomspace(x.min(), x.max(), 60)
        line = np.exp(np.mean(np.log(y)) + power.value * (np.log(dense) - np.mean(np.log(x))))
        yield Trace(_tuple(dense), _tuple(line), f"power {power}", "line", branch=side)


def _every_pulse(
    asked: PulseTrain, found: Sequence[Trial], conditions: Sequence[Condition], branch: str
) -> Panel:
    """Show the current pulse by pulse in the usual train and in the strongest and weakest ones."""
    usual = asked.usual()
    shown = {f"{v:g} V": usual._replace(amplitude=v) for v in asked.amplitudes[:5]}
    shown = shown or {"usual train": usual}
    traces = []
    for name, condition in shown.items():
        rows = [t.current for t, c in zip(found, conditions, strict=True) if c == condition]
        if rows:
            mean = np.mean(rows, axis=0)
            good = np.isfinite(mean)
            number = np.arange(1.0, len(mean) + 1)
            side = branch if condition == usual else ""
            traces.append(Trace(_tuple(number[good]), _tuple(mean[good]), name, branch=side))
    return Panel("Current in each pulse", "pulse number", "1", "EPSC", "A", tuple(traces))


def _tuple(x: Array) -> tuple[float, ...]:
    return tuple(float(value) for value in x)


def _remarks(
    found: Sequence[Trial], conditions: Sequence[Condition], fits: Mapping[str, Fit]
) -> Iterator[str]:
    if not found:
        return
    yield from compliance_remark(Readings([row for trial in found for row in trial.pulses]))
    repeats = min(conditions.count(c) for c in set(conditions))
    if repeats < 2:
        yield "a condition was measured once: its error is not known; repeats of 2 or more give it"
    delays = [float(t.delay[0]) for t in found if len(t.delay)]
    if delays:
        yield f"the conductance just after was read {1e3 * float(np.median(delays)):.3g} ms after"
    if any(c.amplitude * conditions[0].amplitude < 0 for c in conditions):
        yield "slopes and rises are those of the usual polarity alone"
    for name, fit in fits.items():
        if fit.note:
            yield f"trend of {name}: {fit.note}"
