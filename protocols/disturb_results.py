"""What disturb records say: pulses to disturb with censoring, changes, acceleration by voltage."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.curve_panels import line_of
from labctl.analysis.curves import Curve, Derived, Parameter, evaluate
from labctl.analysis.nonlinear import fit_curve
from labctl.analysis.straight import straight_line
from labctl.protocol import Measured
from labctl.readings import Readings
from labctl.results import Fit, Metric, Panel, Table, Trace
from protocols.analysed import Analysed
from protocols.crossings import crossing
from protocols.reads import last_by
from protocols.responses import energy_metrics, table

__all__ = ["Stress", "analyse_disturb", "net_change"]

Array = NDArray[np.float64]

_COLOURS = 4  # that tell traces apart


class Stress(NamedTuple):
    """A state under one kind of small pulse."""

    number: int  #: from 1; 0 for a control
    state: float  #: level of the pulses that wrote it, V
    level: float  #: of the small pulses, V
    name: str


def net_change(seen: Mapping[int, float], control: Mapping[int, float], count: int) -> float:
    """Return the relative change of G after a number of pulses, beyond that of the control.

    ``(G(n)/G(0)) / (Gc(n)/Gc(0)) - 1``; without the control's reading at that count its change is
    taken as none. Not a number where a reading of the state itself is lost.
    """
    own = seen.get(count, math.nan) / seen.get(0, math.nan) if seen.get(0) else math.nan
    other = control.get(count, math.nan) / control.get(0, math.nan) if control.get(0) else math.nan
    return own / (other if math.isfinite(other) and other > 0 else 1.0) - 1.0


@dataclass(frozen=True, slots=True)
class _Course:
    """One stress as it was seen."""

    stress: Stress
    count: Array  #: pulses at each look after the first
    ratio: Array  #: G/G(0)
    net: Array  #: change beyond the control
    first: float  #: G(0), S
    u: float  #: standard uncertainty of the last net change


def _courses(record: Measured, stresses: Sequence[Stress]) -> list[_Course]:
    trials: dict[object, list[tuple[dict[str, Any], Readings]]] = {}
    for step, readings in record.where(part="look"):
        trials.setdefault(step.label["trial"], []).append((step.label, readings))
    reads = {trial: (steps[0][0], last_by(steps, "count")) for trial, steps in trials.items()}
    controls = {
        label["state"]: {int(n): g for n, (g, _, _) in found.items()}
        for label, found in reads.values()
        if not label["number"]
    }
    by_number = {stress.number: stress for stress in stresses}
    found = []
    for label, looks in reads.values():
        stress = by_number.get(int(label["number"] or 0))
        if stress is None or 0.0 not in looks or len(looks) < 2:
            continue
        seen = {int(n): g for n, (g, _, _) in looks.items()}
        counts = sorted(n for n in seen if n)
        control = controls.get(label["state"], {})
        last = looks[float(counts[-1])]
        u = math.hypot(looks[0.0][2] / looks[0.0][0], last[2] / last[0])
        found.append(
            _Course(
                stress,
                np.array(counts, float),
                np.array([seen[n] / seen[0] for n in counts]),
                np.array([net_change(seen, control, n) for n in counts]),
                seen[0],
                u,
            )
        )
    return sorted(found, key=lambda course: course.stress.number)


def analyse_disturb(
    record: Measured,
    stresses: Sequence[Stress],
    counted: str,
    tolerance: float,
    use: float,
) -> Analysed:
    """Return what a record says.

    Parameters
    ----------
    record
        Finished or not.
    stresses
        Of the protocol.
    counted
        ``reads`` or ``pulses``.
    tolerance
        Relative change of G that counts as disturbed.
    use
        Level at which the number is wanted, V.
    """
    courses = _courses(record, stresses)
    metrics: dict[str, Metric] = {}
    for course in courses:
        metrics |= _numbers(course, counted, tolerance)
    fits, drawn = _acceleration(courses, metrics, counted, use)
    for name, fit in fits.items():
        scale = fit.values.get("s")
        if scale is not None and scale.sigma is not None:
            state = name.rpartition("_")[2]
            metrics[f"volts_per_decade_{state}"] = Metric(
                scale.value, scale.sigma, "V", "disturb-volts-per-decade"
            )
    metrics |= energy_metrics(
        {
            "write": Readings(
                [
                    row
                    for _, readings in record.where(part="write")
                    for row in readings.where(role="pulse")
                ]
            )
        }
    )
    tables = (_table(courses, metrics, counted), _looks(courses)) if courses else ()
    panels = _panels(courses, counted, tolerance)
    notes = _notes(courses, metrics, counted, tolerance, record)
    return Analysed(metrics, fits, tables, (*panels, *drawn), tuple(notes))


def _numbers(course: _Course, counted: str, tolerance: float) -> dict[str, Metric]:
    number = course.stress.number
    change = Metric(float(course.net[-1]), course.u or None, "1", "disturb-change")
    found = {f"change_{number}": change}
    size = np.abs(course.net)
    if not (size >= tolerance).any():
        survived = Metric(float(course.count[-1]), None, "1", "disturb-survived")
        return {**found, f"survived_{number}": survived}
    if size[0] >= tolerance:  # at the first look already
        count = Metric(float(course.count[0]), None, "1", "disturb-count", bound=True)
    else:
        value, sigma = crossing(course.count, size, tolerance)
        count = Metric(value, sigma, "1", "disturb-count")
    return {**found, f"{counted}_to_disturb_{number}": count}


def _law(use: float) -> Curve:
    def starts(v: Array, y: Array, w: Array) -> list[Array]:
        slope, height = straight_line(v, y, w)
        return [np.array([height, -1 / slope if slope else 1.0])]

    return Curve(
        "acceleration", "lg N = a - |V|/s", (Parameter("a", "1"), Parameter("s", "V")),
        lambda v, a, s: a - v / s, starts,
        (Derived("at_use", "1", lambda p: 10.0 ** min(float(p[0] - use / p[1]), 300.0), log=True),),
        fixed=(("use", use),),
    )  # fmt: skip


def _acceleration(
    courses: Sequence[_Course], metrics: Mapping[str, Metric], counted: str, use: float
) -> tuple[dict[str, Fit], list[Panel]]:
    """Fit the number of pulses against their level, for each state and sign with three levels."""
    fits, traces = {}, []
    sides = dict.fromkeys((c.stress.state, c.stress.level > 0) for c in courses)
    for k, (state, up) in enumerate(sides, 1):
        rows = [
            (abs(course.stress.level), found.value, found.sigma or 0.0)
            for course in courses
            if (course.stress.state, course.stress.level > 0) == (state, up)
            and (found := metrics.get(f"{counted}_to_disturb_{course.stress.number}")) is not None
            and not found.bound
        ]
        if not rows:
            continue
        v, n, u = np.array(rows).T
        branch = "potentiation" if up else "depression"
        name = f"written by {state:+g} V, {'positive' if up else 'negative'} {counted}"
        traces.append(
            Trace(tuple(v.tolist()), tuple(n.tolist()), name, "points", tuple(u.tolist()), branch)
        )
        if len(np.unique(v)) > 2:
            fit = fit_curve(_law(use), v, np.log10(n))
            fits[f"acceleration_{k}"] = fit
            if fit.values:
                dense = np.linspace(min(use, float(v.min())), float(v.max()), 60)
                line = 10.0 ** evaluate(_law(use), fit, dense)
                traces.append(line_of(dense, line, "lg N = a - |V|/s", branch))
    if not traces:
        return fits, []
    title = f"{counted[:1].upper()}{counted[1:]} to disturb against their level"
    panel = Panel(title, "size of the level", "V", f"{counted} to disturb", "1", tuple(traces),
                  y_log=True)  # fmt: skip
    return fits, [panel]


def _table(courses: Sequence[_Course], metrics: Mapping[str, Metric], counted: str) -> Table:
    found = [metrics.get(f"{counted}_to_disturb_{c.stress.number}") for c in courses]
    return table(
        "States under stress",
        [
            ("stress", "", [c.stress.name for c in courses]),
            ("written by", "V", [c.stress.state for c in courses]),
            ("level", "V", [c.stress.level for c in courses]),
            ("G before", "S", [c.first for c in courses]),
            (f"{counted} to disturb", "1", [math.nan if m is None else m.value for m in found]),
            ("u", "1", [math.nan if m is None or m.sigma is None else m.sigma for m in found]),
            ("censored", "", [m is None for m in found]),
            (f"{counted} applied", "1", [float(c.count[-1]) for c in courses]),
            ("change", "1", [float(c.net[-1]) for c in courses]),
        ],
    )


def _looks(courses: Sequence[_Course]) -> Table:
    rows = [
        (float(c.stress.number), n, g, d)
        for c in courses
        for n, g, d in zip(c.count.tolist(), c.ratio.tolist(), c.net.tolist(), strict=True)
    ]
    number, count, ratio, net = zip(*rows, strict=True)
    return table(
        "Looks",
        [("stress", "1", number), ("pulses", "1", count), ("G/G(0)", "1", ratio),
         ("change beyond the control", "1", net)],
    )  # fmt: skip


def _panels(courses: Sequence[_Course], counted: str, tolerance: float) -> list[Panel]:
    """Return the changes, a panel for each state and as many stresses as there are colours."""
    panels = []
    for state in dict.fromkeys(course.stress.state for course in courses):
        own = [course for course in courses if course.stress.state == state]
        for k in range(0, len(own), _COLOURS):
            more = f" ({k // _COLOURS + 1})" if len(own) > _COLOURS else ""
            title = f"Written by {state:+g} V: change beyond the control{more}"
            panels.append(_changes(title, own[k : k + _COLOURS], counted, tolerance))
    return panels


def _changes(title: str, courses: Sequence[_Course], counted: str, tolerance: float) -> Panel:
    traces = []
    for course in courses:
        good = np.isfinite(course.net)
        traces.append(
            Trace(
                tuple(course.count[good].tolist()), tuple(course.net[good].tolist()),
                f"{course.stress.number}: {course.stress.name}",
            )
        )  # fmt: skip
    ends = (1.0, max(float(course.count[-1]) for course in courses))
    for side in (1, -1):
        level = (side * tolerance,) * 2
        traces.append(Trace(ends, level, "tolerance" if side > 0 else "", "line"))
    return Panel(title, counted, "1", "change of G", "1", tuple(traces), x_log=True)


def _notes(
    courses: Sequence[_Course],
    metrics: Mapping[str, Metric],
    counted: str,
    tolerance: float,
    record: Measured,
) -> list[str]:
    if not courses:
        return ["no state was looked at twice"]
    said = [f"disturbed: G changed by {tolerance:g} beyond the control"]
    if not any(step.label.get("number") == 0 for step, _ in record.where(part="look")):
        said[0] = f"disturbed: G changed by {tolerance:g}; no control tells what time alone does"
    for course in courses:
        found = metrics.get(f"{counted}_to_disturb_{course.stress.number}")
        start = f"{course.stress.number}, {course.stress.name}:"
        if found is None:
            said.append(f"{start} not disturbed by {course.count[-1]:g} {counted} (censored)")
        elif found.bound:
            said.append(f"{start} disturbed at the first look already, by {found.value:g}")
    return said
