"""What the readings of a three-terminal synapse say: steps, decay, updates, curves, energies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.competition import Axes, Competition, compete, draw_decay, judge
from labctl.analysis.energy import floored, pulse_energies
from labctl.analysis.updates import Branches, branches, draw_updates, fit_updates, update_metrics
from labctl.protocol import Measured
from labctl.readings import Readings
from labctl.results import Fit, Metric, Panel, Results, Table
from protocols.pooled import differences, known, metric_of, points, pooled, pooled_times
from protocols.responses import conductances, energy_metrics, table, u_conductances, usable
from protocols.three_terminal_curves import curve_results

__all__ = ["GAP", "Asked", "three_terminal_results"]

Array = NDArray[np.float64]

GAP = 200e-6  #: at zero volts after every level, s
_LAWS = ("single_decay", "double_decay", "stretched_decay")
_RESOLVED = 3.0  # standard uncertainties that a change must have to be called one
_LEAST = 1e-5  # of a conductance: what changes by less has not changed
_MIDDLE = 0.575  # of a read, from its beginning to the middle of its window


_UNCHANGED = Competition({}, "", {}, "the spikes made no change that is resolved")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the analysis must know of the protocol."""

    gate: str
    drain: str
    spikes: int  #: in a train
    decays: int  #: reads after it
    writes: int  #: before each pair of reads
    groups: int  #: pairs of reads in each direction
    decay_of: Literal["resistance", "conductance"]


def three_terminal_results(record: Measured, asked: Asked) -> Results:
    """Return everything that a record, finished or not, says.

    Parameters
    ----------
    record
        Steps labelled ``spikes``, ``energy``, ``prepare``, ``updates``, ``transfer``, ``output``.
    asked
        Terminals and counts.
    """
    parts = (
        _spikes(record, asked),
        _updates(record, asked),
        curve_results(record, asked.gate, asked.drain),
        _energies(record, asked),
    )
    notes = tuple(note for part in parts for note in part.notes)
    return Results(
        {name: metric for part in parts for name, metric in part.metrics.items()},
        {name: fit for part in parts for name, fit in part.fits.items()},
        tuple(one for part in parts for one in part.tables),
        tuple(one for part in parts for one in part.panels),
        notes or ("nothing is complete yet",),
    )


# spikes -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Trains:
    """Complete trains; rows are trains, columns reads: one before, one a spike, the decay."""

    t: Array  #: since the end of the last spike, s
    g: Array  #: S
    u: Array  #: S
    since: Array  #: since the first read, s

    @classmethod
    def of(cls, record: Measured, asked: Asked) -> _Trains:
        wanted = 1 + asked.spikes + asked.decays
        rows: list[tuple[Array, Array, Array, Array]] = []
        for _, readings in record.where(part="spikes"):
            reads = readings.where(role="read", terminal=asked.drain)
            if len(reads) != wanted:
                continue
            end = reads.t[asked.spikes] - GAP - _MIDDLE * reads.width[asked.spikes]
            rows.append((reads.t - end, conductances(reads), u_conductances(reads),
                         reads.t - reads.t[0]))  # fmt: skip
        columns = [np.array([row[k] for row in rows]).reshape(-1, wanted) for k in range(4)]
        return cls(*columns)


def _spikes(record: Measured, asked: Asked) -> Results:
    trains = _Trains.of(record, asked)
    if not len(trains.g):
        return Results()
    with np.errstate(all="ignore"):
        r = 1.0 / trains.g
    left = _left(trains.g, asked.spikes)
    metrics = _steps(trains, r) | left
    fits, decay = _decay(trains, r, asked) if left else (_UNCHANGED, ())
    if left:
        metrics |= known({"tau": pooled_times(*_volatile(trains, r, asked))})
    return Results(
        metrics,
        {f"decay_{name}": fit for name, fit in fits.fits.items()},
        (
            table(
                "Conductance in the trains of spikes",
                (
                    ("train", "1", np.repeat(np.arange(len(r)), r.shape[1]).astype(float)),
                    ("time", "s", trains.since.ravel()),
                    ("conductance", "S", trains.g.ravel()),
                    ("u(conductance)", "S", trains.u.ravel()),
                ),
            ),
        ),
        (_stairs(trains, r, asked), *decay),
        (
            f"{len(r)} trains of {asked.spikes} spikes",
            f"decay of the {asked.decay_of} after spikes: {fits.verdict}",
            *_verified(trains.g),
        ),
    )


def _verified(g: Array) -> tuple[str, ...]:
    """Say by how much the conductance before later trains is off that before the first."""
    if len(g) < 2:
        return ()
    with np.errstate(all="ignore"):
        off = np.abs(g[1:, 0] / g[0, 0] - 1)
    worst = float(np.nanmax(off)) if np.any(np.isfinite(off)) else np.nan
    return (f"before the trains the conductance was the same within {100 * worst:.2g} %",)


def _steps(trains: _Trains, r: Array) -> dict[str, Metric]:
    """Return what the first spike of a train does to resistance and conductance."""
    found: dict[str, Metric | None] = {}
    changes, units = (r[:, 0] - r[:, 1], trains.g[:, 1] - trains.g[:, 0]), ("Ohm", "S")
    gain = float(np.nanmin(trains.u / trains.g)) if np.any(np.isfinite(trains.g)) else 0.0
    for name, unit, change in zip(("step_resistance", "step"), units, changes, strict=True):
        common = gain * abs(float(np.nanmean(change))) if np.any(np.isfinite(change)) else 0.0
        definition = "volatile-step-resistance" if unit == "Ohm" else "conductance-step"
        found[name] = metric_of(change, unit, definition, common)
    return known(found)


def _left(g: Array, spikes: int) -> dict[str, Metric]:
    """Return the share of the change at the last spike that is left at the end of the decay."""
    before, last, end = g[:, 0], g[:, spikes], g[:, -1]
    change, sigma = pooled(last - before)
    rested, _ = pooled(before)
    if not abs(change) > max(_RESOLVED * (sigma or 0.0), _LEAST * abs(rested)):
        return {}
    with np.errstate(all="ignore"):
        share = (end - before) / (last - before)
    return known({"lasting_spikes": metric_of(share, "1", "lasting-share")})


def _decay(trains: _Trains, r: Array, asked: Asked) -> tuple[Competition, tuple[Panel, ...]]:
    """Fit what the spikes have left, the mean of the trains, against the time since the last one.

    With an offset beside it as well: what lasts, and the error of the read before.
    """
    resistance = asked.decay_of == "resistance"
    unit = "Ohm" if resistance else "S"
    # spikes of several trains differ in size, which the mean over trains keeps out of the shape
    t, y = (part.mean(axis=0) for part in _volatile(trains, r, asked))
    plain = compete(t, y, models=_LAWS, unit_y=unit, slow=1.0).fits
    offset = compete(t, y, models=_LAWS, baseline="free", unit_y=unit, slow=1.0).fits
    fits = judge(plain | {f"{name}_offset": fit for name, fit in offset.items()})
    name = "fall of the resistance" if resistance else "change of the conductance"
    axes = Axes("Decay after a train of spikes", name, unit, "time since the last spike")
    return fits, draw_decay(t, y, None, fits, axes)


def _volatile(trains: _Trains, r: Array, asked: Asked) -> tuple[Array, Array]:
    """Return time since the last spike and what is left of its change, a row for each train."""
    seen = r[:, :1] - r if asked.decay_of == "resistance" else trains.g - trains.g[:, :1]
    return trains.t[:, 1 + asked.spikes :], seen[:, 1 + asked.spikes :]


def _stairs(trains: _Trains, r: Array, asked: Asked) -> Panel:
    shown = r if asked.decay_of == "resistance" else trains.g
    unit = "Ohm" if asked.decay_of == "resistance" else "S"
    traces = tuple(
        points(t, y, f"train {k + 1}")
        for k, (t, y) in enumerate(zip(trains.since, shown, strict=True))
    )
    return Panel("Trains of spikes and their decay", "time", "s",
                 f"channel {asked.decay_of}", unit, traces)  # fmt: skip


# updates ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Course:
    """One direction of one cycle."""

    branch: str  #: ``write`` or ``erase``
    later: Array  #: S, one entry more than there are groups: before the first and after each
    u_later: Array
    at_once: Array  #: S, after each group


def _courses(record: Measured, asked: Asked) -> Iterator[_Course]:
    """Yield the complete courses; each begins where the one before ended."""
    start: tuple[float, float] | None = None
    for step in record.steps:
        part = step.label.get("part")
        if part not in ("prepare", "updates"):
            continue
        reads = record.of(step).where(role="read", terminal=asked.drain)
        g, u = conductances(reads), u_conductances(reads)
        if part == "updates" and len(g) == 2 * asked.groups and start is not None:
            later = np.concatenate(([start[0]], g[1::2]))
            yield _Course(str(step.label["branch"]), later,
                          np.concatenate(([start[1]], u[1::2])), g[0::2])  # fmt: skip
        start = (float(g[-1]), float(u[-1])) if len(g) else None


def _updates(record: Measured, asked: Asked) -> Results:
    courses = list(_courses(record, asked))
    if not courses:
        return Results()
    metrics: dict[str, Metric] = {}
    for branch in ("write", "erase"):
        metrics |= _moved([one for one in courses if one.branch == branch], branch, asked.writes)
    data, fits = _both_branches(courses, asked.writes), dict[str, Fit]()
    if data is not None:
        fits["neurosim"] = fit_updates(data)
        metrics |= update_metrics(data, fits["neurosim"])
    return Results(
        metrics,
        fits,
        (_update_table(courses, asked.writes),),
        (*_update_panels(data, fits), _two_reads(courses, asked.writes)),
        (f"{len(courses)} directions of {asked.groups} groups of {asked.writes} gate pulses",),
    )


def _moved(courses: list[_Course], branch: str, writes: int) -> dict[str, Metric]:
    """Return the lasting change by one pulse and the share that lasts of what is seen at once."""
    if not courses:
        return {}
    parts = [differences(one.later, one.u_later) for one in courses]
    changes = np.concatenate([changes for changes, _ in parts]) / writes
    common = max(common for _, common in parts) / writes
    before = np.concatenate([one.later[:-1] for one in courses])
    once = np.concatenate([one.at_once for one in courses]) - before
    with np.errstate(all="ignore"):
        share = changes * writes / once
    resolved = np.abs(once) > _LEAST * np.abs(before)
    return known(
        {
            f"dg_{branch}": metric_of(changes, "S", "conductance-step", common),
            f"lasting_{branch}": metric_of(share[resolved], "1", "lasting-share"),
        }
    )


def _rises(courses: list[_Course], branch: str) -> float:
    return sum(float(one.later[-1] - one.later[0]) for one in courses if one.branch == branch)


def _both_branches(courses: list[_Course], writes: int) -> Branches | None:
    """Return both branches; which of them potentiates is what the device says."""
    up = "write" if _rises(courses, "write") > _rises(courses, "erase") else "erase"
    sides = [[one for one in courses if (one.branch == up) is rising] for rising in (True, False)]
    if not all(sides):
        return None
    # cycles begin at different conductances, so their mean course is what is judged
    g = [np.mean([one.later for one in side], axis=0) for side in sides]
    n = [writes * np.arange(len(one)) for one in g]
    return branches(g[0], g[1], pulses=(n[0], n[1]))


def _update_panels(data: Branches | None, fits: dict[str, Fit]) -> tuple[Panel, ...]:
    if data is None:
        return ()
    axes = Axes("Lasting change by gate pulses", "conductance", "S", "gate pulse", "1", False)
    return (draw_updates(data, fits, axes),)


def _two_reads(courses: list[_Course], writes: int) -> Panel:
    """Return the first cycle with both reads of each group: at once and later."""
    traces, start = [], 0
    for one in courses[:2]:
        n = start + writes * np.arange(len(one.later))
        rising = one.later[-1] > one.later[0]
        branch = "potentiation" if rising else "depression"
        for x, y, name in ((n, one.later, "later"), (n[1:], one.at_once, "at once")):
            kind = "points" if name == "later" else "line"
            traces.append(points(x, y, f"{one.branch}, {name}", kind, branch=branch))
        start = int(n[-1])
    return Panel("Read at once and after the rest", "gate pulse", "1", "conductance", "S",
                 tuple(traces))  # fmt: skip


def _update_table(courses: list[_Course], writes: int) -> Table:
    n = [writes * np.arange(1, len(one.later)) for one in courses]
    return table(
        "Updates by gate pulses",
        (
            ("direction", "", [one.branch for one in courses for _ in one.at_once]),
            ("pulses", "1", np.concatenate(n).astype(float)),
            ("at once", "S", np.concatenate([one.at_once for one in courses])),
            ("later", "S", np.concatenate([one.later[1:] for one in courses])),
            ("u(later)", "S", np.concatenate([one.u_later[1:] for one in courses])),
        ),
    )


# energies ---------------------------------------------------------------------------------------


def _energies(record: Measured, asked: Asked) -> Results:
    classes: dict[str, Readings] = {}
    for name in ("spike", "write", "erase"):
        rows = [row for _, readings in record.where(part="energy", **{"class": name})
                for row in readings]  # fmt: skip
        if rows:
            classes[name] = Readings(rows)
    metrics: dict[str, Metric] = {}
    for name, readings in classes.items():
        sides = {side: readings.where(role="pulse", terminal=terminal)
                 for side, terminal in (("gate", asked.gate), ("drain", asked.drain))}  # fmt: skip
        metrics |= energy_metrics({f"{name}_{side}": rows for side, rows in sides.items()})
        total = _total(sides["gate"], sides["drain"])
        if total is not None:
            metrics[f"energy_{name}_total"] = total
    return Results(metrics)


def _total(gate: Readings, drain: Readings) -> Metric | None:
    """Return what a pulse takes from both sources together."""
    count = min(len(gate), len(drain))
    gate, drain = gate[:count], drain[:count]
    sides = [pulse_energies(rows.v, rows.i, rows.width, rows.u_v, rows.u_i)
             for rows in (gate, drain)]  # fmt: skip
    good = usable(gate) & usable(drain)
    if not np.any(good):
        return None
    common = float(np.hypot(np.mean(sides[0][1][good]), np.mean(sides[1][1][good])))
    mean, sigma = pooled((sides[0][0] + sides[1][0])[good], common)
    return floored(mean, sigma or 0.0, "energy-three-terminal")
