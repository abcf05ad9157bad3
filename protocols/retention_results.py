"""What retention records say: drift, laws of fading, lives, and activation energies."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.competition import Axes
from labctl.analysis.retention import (
    draw_retention,
)
from labctl.protocol import Measured
from labctl.readings import Readings
from labctl.results import Fit, Metric, Panel, Table, Trace
from protocols.analysed import Analysed
from protocols.responses import energy_metrics, table
from protocols.retention_states import Asked, Judged, judge, states
from protocols.retention_warm import activation, energies

__all__ = ["analyse_retention"]

Array = NDArray[np.float64]

_LEFT = 0.175  # of a pulse, from the middle of its window to its end
_MOST_PANELS = 6
_STILL = 1e-9  # relative change that is rounding, and no fading
_NOTHING = 1e-6  # of the first reading
_REFERENCE = "temperature"  # temperature of the time constants of a joint fit, in `Fit.fixed`


def analyse_retention(record: Measured, asked: Asked) -> Analysed:
    """Return what a record says."""
    judged = [judge(fading, asked) for fading in states(record, asked.terminal)]
    metrics: dict[str, Metric] = {}
    fits: dict[str, Fit] = {}
    for one in judged:
        metrics |= _numbers(one)
        fits[f"drift_{one.fading.key}"] = one.drift
        laws = one.laws.competition.fits
        fits |= {f"{law}_{one.fading.key}": fit for law, fit in laws.items()}
    panels = list(_panels(judged, asked))
    for state in sorted({one.fading.state for one in judged}):
        own = [one for one in judged if one.fading.state == state]
        found, drawn = activation(state, own, asked)
        fits |= found
        metrics |= energies(state, found)
        panels += drawn
    metrics |= energy_metrics(
        {
            side: Readings(
                [
                    row
                    for _, readings in record.where(part="write")
                    for row in readings.where(role="pulse")
                    if (row.v_set < 0) == negative
                ]
            )
            for side, negative in (("potentiation", False), ("depression", True))
        }
    )
    tables = (_table(judged, metrics, asked), _points(judged)) if judged else ()
    return Analysed(metrics, fits, tables, tuple(panels), tuple(_notes(judged, fits, asked)))


def _numbers(one: Judged) -> dict[str, Metric]:
    fading, key = one.fading, one.fading.key
    u = fading.u if fading.sigma() is not None else np.zeros(len(fading.u))
    kept = float(fading.g[-1] / fading.g[0])
    # gain and offset are common to both reads where they are on one range: an upper estimate
    u_kept = kept * math.hypot(u[0] / fading.g[0], u[-1] / fading.g[-1])
    found = {
        f"g_{key}": Metric(float(fading.g[0]), float(u[0]) or None, "S", "read-conductance"),
        f"kept_{key}": Metric(kept, u_kept or None, "1", "retention-kept"),
    }
    nu = one.drift.values.get("nu")
    if nu is not None and nu.sigma is not None:
        found[f"nu_{key}"] = Metric(nu.value, nu.sigma, "1", "drift-exponent")
    if one.end is not None:
        found[f"at_horizon_{key}"] = one.end
    if math.isfinite(one.life):
        found[f"life_{key}"] = Metric(one.life, one.u_life, "s", "retention-life")
    else:
        found[f"survived_{key}"] = Metric(float(fading.t[-1]), None, "s", "retention-survived")
    return found


def _table(judged: Sequence[Judged], metrics: dict[str, Metric], asked: Asked) -> Table:
    def column(name: str, sigma: bool = False) -> list[float]:
        found = [metrics.get(f"{name}_{one.fading.key}") for one in judged]
        values = [None if m is None else m.sigma if sigma else m.value for m in found]
        return [math.nan if value is None else value for value in values]

    return table(
        "States",
        [
            ("state", "1", [float(one.fading.state) for one in judged]),
            ("amplitude", "V", [asked.amplitudes[one.fading.state - 1] for one in judged]),
            ("temperature", "K", [one.fading.kelvin or math.nan for one in judged]),
            ("first read", "S", column("g")),
            ("nu", "1", column("nu")),
            ("u(nu)", "1", column("nu", sigma=True)),
            ("kept", "1", column("kept")),
            ("at the horizon", "S", column("at_horizon")),
            ("life", "s", column("life")),
            ("preferred law", "", [one.laws.competition.best for one in judged]),
        ],
    )


def _points(judged: Sequence[Judged]) -> Table:
    rows = [
        (float(one.fading.state), one.fading.kelvin or math.nan, *point)
        for one in judged
        for point in zip(
            one.fading.t.tolist(), one.fading.g.tolist(), one.fading.u.tolist(), strict=True
        )
    ]
    columns = list(zip(*rows, strict=True))
    names = (("state", "1"), ("temperature", "K"), ("time", "s"), ("conductance", "S"), ("u", "S"))
    return table("Reads", [(n, u, c) for (n, u), c in zip(names, columns, strict=True)])


def _panels(judged: Sequence[Judged], asked: Asked) -> list[Panel]:
    if not judged:
        return []
    traces = []
    for one in judged:
        level = asked.amplitudes[one.fading.state - 1]
        where = "" if one.fading.kelvin is None else f", {one.fading.kelvin:g} K"
        traces.append(
            Trace(
                tuple(one.fading.t.tolist()), tuple(one.fading.g.tolist()),
                f"state {one.fading.state} ({level:+g} V){where}",
                branch="depression" if level < 0 else "potentiation",
            )
        )  # fmt: skip
    if len({one.fading.kelvin for one in judged}) > 1:  # colours tell temperatures apart then
        traces = [Trace(trace.x, trace.y, trace.label) for trace in traces]
    panels = [
        Panel("States against time", "time since the last pulse", "s", "conductance", "S",
              tuple(traces), x_log=True, y_log=True)
    ]  # fmt: skip
    for one in [one for one in judged if not one.missed][:_MOST_PANELS]:
        level = asked.amplitudes[one.fading.state - 1]
        branch = "depression" if level < 0 else "potentiation"
        title = f"State {one.fading.key.replace('_', ', ')}: laws carried on to the horizon"
        axes = Axes(title, "conductance", "S", "time since the last pulse", branch=branch)
        panels.append(
            draw_retention(one.fading.t, one.fading.g, one.fading.sigma(), one.laws, axes)
        )
    return panels


def _notes(judged: Sequence[Judged], fits: dict[str, Fit], asked: Asked) -> list[str]:
    if not judged:
        return ["no state was read twice"]
    said = [line for one in judged for line in _said(one, asked.loss)]
    for name, fit in fits.items():
        if name.startswith(("arrhenius", "decays")) and fit.note:
            said.append(f"{name.replace('_', ' of state ')}: {fit.note}")
    return said


def _said(one: Judged, loss: float) -> list[str]:
    """Say what the numbers of one state stand on."""
    said = [one.laws.competition.verdict, *([one.laws.note] if one.laws.note else [])]
    if one.missed:
        said.append("no law describes the reads; none is carried on")
    elif one.end is None:
        said.append("by the preferred law nothing is left at the horizon")
    if not math.isfinite(one.life):
        last = float(one.fading.t[-1])
        said.append(f"not changed by {loss:g} within {last:.3g} s: its life is longer (censored)")
    key = one.fading.key.replace("_", " at ")
    return [f"state {key}: {line}" for line in said]
