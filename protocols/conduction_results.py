"""What currents at several levels and temperatures say about the mechanism."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from labctl.analysis.conduction import Conduction as Mechanisms
from labctl.analysis.conduction import conduction_by_range, fit_conduction
from labctl.analysis.conduction_laws import LAWS, conduction_curve
from labctl.analysis.conduction_sanity import check_conduction
from labctl.analysis.curve_panels import line_of, points_of
from labctl.analysis.curves import evaluate
from labctl.analysis.film import Film
from labctl.analysis.sweeps import Polarity, Sweep, sweep
from labctl.protocol import Measured
from labctl.readings import Flag, Readings, Row
from labctl.results import Fit, Metric, Panel, Results, Table
from labctl.steps import StepRecord
from protocols.activation import Activation, activation_of
from protocols.responses import energy_metrics, table, usable
from protocols.state_read import last_read

__all__ = ["KNOWN_LAWS", "Curve", "Question", "analysed"]

Array = NDArray[np.float64]

#: laws that may compete
KNOWN_LAWS: tuple[str, ...] = tuple(LAWS)

_RESOLVED = 10.0  # standard uncertainties a current must have to count
_FEWEST = 6  # currents in a curve
#: fit, metric, definition, and the laws that make it what its name says; none: any
_ENERGIES: tuple[tuple[str, str, str, frozenset[str]], ...] = (
    ("activation", "activation", "activation-energy-at-level", frozenset()),
    ("richardson", "barrier_richardson", "barrier-richardson-zero-field",
     frozenset({"schottky", "diode"})),
    ("traps", "trap_depth", "trap-depth-poole-frenkel", frozenset({"poole_frenkel"})),
)  # fmt: skip


class Question(NamedTuple):
    """What is asked of the currents."""

    film: Film
    laws: Sequence[str]
    ranges: int
    barrier_above: float  #: V
    compliance: float  #: A
    undisturbed: float  #: largest relative change of the state over a sweep


@dataclass(frozen=True)
class Curve:
    """One sweep: all levels of one polarity in one state at one temperature."""

    temperature: float | None  #: K; None as the bench stood
    cycle: int
    state: int
    side: int
    rows: Readings  #: usable ones, rising magnitude
    lost: int  #: not resolved by the meter, at the compliance, or unusable
    change: float  #: relative, of the state read, over the sweep

    def data(self, question: Question, above: float = 0.0) -> Sweep:
        """Return what can be fitted, from a level up."""
        polarity: Polarity = "+" if self.side > 0 else "-"
        window = (above, math.inf) if above > 0 else None
        return sweep(self.rows.v, self.rows.i, None, window, polarity, question.compliance)

    def film(self, question: Question) -> Film:
        """Return the film at the temperature of the sweep."""
        if self.temperature is None:
            return question.film
        return msgspec.structs.replace(question.film, temperature=self.temperature)


@dataclass
class _Found:
    """Results as they are put together."""

    metrics: dict[str, Metric] = field(default_factory=dict)
    fits: dict[str, Fit] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    panels: list[Panel] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def curves_of(record: Measured) -> list[Curve]:
    """Collect the sweeps of a record; a group read again on a larger range counts once."""
    groups: dict[tuple[float | None, int, int, int], dict[int, Readings]] = {}
    for step, readings in record.where(part="levels"):
        label = step.label
        key = (_kelvin(step), int(label["cycle"] or 0), int(label["state"] or 0),
               int(label["side"] or 0))  # fmt: skip
        groups.setdefault(key, {})[int(label["group"] or 0)] = readings
    return [_curve(record, key, found) for key, found in groups.items()]


def _kelvin(step: StepRecord) -> float | None:
    value = step.label.get("temperature")
    return None if value is None else float(value)


def _curve(
    record: Measured, key: tuple[float | None, int, int, int], found: dict[int, Readings]
) -> Curve:
    temperature, cycle, state, side = key
    kept: list[Row] = []
    total = 0
    for number in sorted(found):
        readings = found[number]
        good = usable(readings) & (np.abs(readings.i) > _RESOLVED * readings.u_i)
        good &= (readings.flags & int(Flag.COMPLIANCE)) == 0
        kept += [row for row, ok in zip(readings, good, strict=True) if ok]
        total += len(readings)
    asked: dict[str, float | int | str] = {"part": "state", "cycle": cycle, "state": state}
    if temperature is not None:
        asked["temperature"] = temperature
    reads = [last_read(record.where(**asked, when=when)) for when in ("before", "after")]
    ends = [float(one.g[0]) if len(one) else math.nan for one in reads]
    change = ends[1] / ends[0] - 1 if ends[0] > 0 else math.nan
    return Curve(temperature, cycle, state, side, Readings(kept), total - len(kept), change)


def analysed(record: Measured, question: Question) -> Results:
    """Return the results of all sweeps of a record."""
    found = _Found()
    curves = curves_of(record)
    if not curves:
        return Results(notes=("no level was measured",))
    found.metrics |= energy_metrics(_preparing(record))
    states = sorted({curve.state for curve in curves})
    for state in states:
        _of_state(found, [c for c in curves if c.state == state], question, len(states) > 1)
    found.panels.insert(0, _currents(curves))
    found.tables.append(_all_currents(curves))
    _say_conditions(found, curves, question)
    return Results(
        found.metrics, found.fits, tuple(found.tables), tuple(found.panels), tuple(found.notes)
    )


def _preparing(record: Measured) -> dict[str, Readings]:
    rows: dict[str, list[Row]] = {}
    for step, readings in record.where(part="prepare"):
        name = "prepare" if step.label["state"] == 1 else f"prepare_{step.label['state']}"
        rows.setdefault(name, []).extend(readings)
    return {name: Readings(found) for name, found in rows.items()}


def _of_state(found: _Found, curves: list[Curve], question: Question, several: bool) -> None:
    """Add what the sweeps of one state say."""
    state = curves[0].state
    suffix = "" if state == 1 else f"_{state}"
    named = f" of state {state}" if several else ""
    first = curves[0]
    if len(first.rows) < _FEWEST:
        found.notes.append(f"{len(first.rows)} currents{named} are resolved; {_FEWEST} are needed")
        return
    found.notes += _mechanism(found, first, question, state, suffix)
    _barriers(found, curves, question, suffix, named)
    alike = [c for c in curves if (c.cycle, c.side) == (first.cycle, first.side)]
    by_temperature = activation_of(
        [(c.temperature, c.rows) for c in alike if c.temperature is not None]
    )
    if by_temperature is not None:
        _energies(found, by_temperature, suffix, named)


def _mechanism(
    found: _Found, curve: Curve, question: Question, state: int, suffix: str
) -> Iterator[str]:
    """Add the laws by range of one sweep; yield what is to be said."""
    film = curve.film(question)
    data = curve.data(question)
    mechanisms = conduction_by_range(data, question.laws, film, question.ranges)
    named = f"state {state}"
    laws = []
    for number, part in enumerate(mechanisms.ranges, 1):
        fit = part.competition.fits[part.law]
        found.fits[f"state{state}_range{number}_{part.law}"] = fit
        check = check_conduction(fit, film)
        if check.columns[0].data:
            found.tables.append(
                msgspec.structs.replace(check, title=f"{named}, range {number}: {check.title}")
            )
        laws.append(f"{part.law.replace('_', ' ')} from {part.low:.3g} to {part.high:.3g} V")
    for number, (low, high) in enumerate(itertools.pairwise(mechanisms.ranges), 1):
        name = f"onset{suffix}" if number == 1 else f"onset{suffix}_range{number + 1}"
        found.metrics[name] = Metric(
            (low.high + high.low) / 2, (high.low - low.high) / math.sqrt(12), "V",
            "onset-between-ranges",
        )  # fmt: skip
    found.tables.append(
        msgspec.structs.replace(mechanisms.table, title=f"{named}: {mechanisms.table.title}")
    )
    found.panels.append(_fitted(curve, mechanisms, question, named))
    if laws:
        yield f"{named}, by AICc: {', then '.join(laws)}"
    if mechanisms.note:
        yield f"{named}: {mechanisms.note}"


def _barriers(
    found: _Found, curves: list[Curve], question: Question, suffix: str, named: str
) -> None:
    """Add the thermionic barrier of each cycle at the first temperature."""
    if question.film.area is None:
        return
    rows: list[tuple[float, Fit]] = []
    for curve in curves:
        if curve.temperature != curves[0].temperature or curve.side != curves[0].side:
            continue
        data = curve.data(question, question.barrier_above)
        if len(data.v) >= _FEWEST:
            fit = fit_conduction(data, "schottky", curve.film(question))
            if "barrier" in fit.values:
                rows.append((float(curve.cycle), fit))
    if not rows:
        return
    values = [fit.values["barrier"] for _, fit in rows]
    definition = "barrier-thermionic-intercept"
    found.metrics[f"barrier{suffix}"] = Metric(values[0].value, values[0].sigma, "eV", definition)
    found.fits[f"barrier{suffix}"] = rows[0][1]
    if len(rows) > 1:
        rise = values[-1].value - values[0].value
        sigma = math.hypot(values[0].sigma or 0.0, values[-1].sigma or 0.0)
        found.metrics[f"barrier_rise{suffix}"] = Metric(rise, sigma or None, "eV", definition)
        cycles = [cycle for cycle, _ in rows]
        bars = [value.sigma or 0.0 for value in values]
        drawn = points_of(cycles, [value.value for value in values], bars)
        found.panels.append(
            Panel(f"Barrier by cycle{named}", "cycle", "1", "barrier", "eV", (drawn,))
        )


def _energies(found: _Found, by: Activation, suffix: str, named: str) -> None:
    """Add what the temperatures say."""
    state = suffix.lstrip("_") or "1"
    preferred = {fit.model for name, fit in found.fits.items() if name.startswith(f"state{state}_")}
    for name, title, definition, laws in _ENERGIES:
        fit = by.fits[name]
        found.fits[f"{name}{suffix}"] = fit
        # an energy means what its name says only where its law carries the current
        if "E" in fit.values and (not laws or laws & preferred):
            value = fit.values["E"]
            found.metrics[f"{title}{suffix}"] = Metric(value.value, value.sigma, "eV", definition)
    found.tables.append(msgspec.structs.replace(by.table, title=f"{by.table.title}{named}"))
    found.panels += [
        msgspec.structs.replace(panel, title=f"{panel.title}{named}") for panel in by.panels
    ]
    found.notes.append(f"{by.note}{named}")


def _currents(curves: list[Curve]) -> Panel:
    traces = []
    for curve in curves:
        said = [f"state {curve.state}"] if max(c.state for c in curves) > 1 else []
        said += [f"{curve.temperature:g} K"] if curve.temperature is not None else []
        said += [f"cycle {curve.cycle}"] if max(c.cycle for c in curves) > 1 else []
        traces.append(
            points_of(curve.rows.v, np.abs(curve.rows.i), curve.rows.u_i, ", ".join(said))
        )
    return Panel("Current", "voltage", "V", "|current|", "A", tuple(traces), y_log=True)


def _fitted(curve: Curve, mechanisms: Mechanisms, question: Question, named: str) -> Panel:
    film, rows = curve.film(question), curve.rows
    traces = [points_of(np.abs(rows.v), np.abs(rows.i), rows.u_i)]
    for part in mechanisms.ranges:
        fit = part.competition.fits[part.law]
        if not fit.values:
            continue
        curve_ = conduction_curve(fit.model, film, fit.fixed.get("V_ref", 1.0))
        dense = np.geomspace(max(part.low, 1e-6), part.high, 100)
        traces.append(
            line_of(dense, np.abs(evaluate(curve_, fit, dense)), part.law.replace("_", " "))
        )
    return Panel(
        f"Laws by range, {named}", "|voltage|", "V", "|current|", "A", tuple(traces),
        x_log=True, y_log=True,
    )  # fmt: skip


def _all_currents(curves: list[Curve]) -> Table:
    columns: dict[str, tuple[str, list[float]]] = {
        "temperature": ("K", []), "cycle": ("1", []), "state": ("1", []), "level": ("V", []),
        "current": ("A", []), "u(current)": ("A", []),
    }  # fmt: skip
    for curve in curves:
        rows = curve.rows
        kelvin = math.nan if curve.temperature is None else curve.temperature
        count = len(rows)
        for name, values in (
            ("temperature", [kelvin] * count),
            ("cycle", [float(curve.cycle)] * count),
            ("state", [float(curve.state)] * count),
            ("level", rows.v.tolist()),
            ("current", rows.i.tolist()),
            ("u(current)", rows.u_i.tolist()),
        ):
            columns[name][1].extend(values)
    return table("Currents", [(name, unit, data) for name, (unit, data) in columns.items()])


def _say_conditions(found: _Found, curves: list[Curve], question: Question) -> None:
    """Add how far the sweeps moved the state, and what was not resolved."""
    changes = [abs(curve.change) for curve in curves if math.isfinite(curve.change)]
    if changes:
        worst = max(changes)
        found.metrics["disturbed"] = Metric(worst, None, "1", "change-of-state-over-sweep")
        if worst > question.undisturbed:
            moved = sum(change > question.undisturbed for change in changes)
            found.notes.append(
                f"the state changed by more than {question.undisturbed:g} over {moved} of "
                f"{len(curves)} sweeps, by up to {worst:.2g}: lower the highest level or the width"
            )
    lost = sum(curve.lost for curve in curves)
    if lost:
        found.notes.append(
            f"{lost} currents were below {_RESOLVED:g} times their uncertainty, at the compliance "
            "or unusable, and left out"
        )
    if question.film.area is None:
        found.notes.append("without the area of the electrode no barrier follows from an intercept")
