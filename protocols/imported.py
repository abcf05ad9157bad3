"""Imported: what is shown of data that another program measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from labctl.errors import BadInput
from labctl.protocol import Measured, Protocol, Reference
from labctl.readings import Readings
from labctl.results import Metric, Panel, Results, Trace
from labctl.steps import StepRecord, Steps

__all__ = ["Imported"]

Array = NDArray[np.float64]

_MOST_TRACES = 12
_MOST_POINTS = 20_000  # of a panel; what is beyond is thinned


class Imported(Protocol):
    """Data of another program, as ``labctl import`` made them a record.

    It shows what any such data allow: current against level, current and conductance over time. It
    cannot be run; whoever wants the same measurement chooses the protocol of it.
    """

    title: ClassVar[str] = "Imported data"
    summary: ClassVar[str] = "Data that another program measured; made by labctl import."
    purpose: ClassVar[str] = "devices"
    reference: ClassVar[Reference] = Reference("")
    runnable: ClassVar[bool] = False

    kind: Literal["imported"] = "imported"
    file: Annotated[str, Field(description="Name of the file the data come from.")] = ""
    format: Annotated[str, Field(description="Format in which it was read.")] = ""

    def steps(self) -> Steps:
        """Refuse: there is nothing to be run.

        Raises
        ------
        BadInput
            Always.
        """
        yield from ()
        raise BadInput(
            "the protocol imported cannot be run, as it only shows what another program measured; "
            "choose the protocol of that measurement, such as iv-sweep or retention"
        )

    def analyse(self, record: Measured) -> Results:
        """Show the readings and count them; nothing is known of how they were made."""
        own = [(step, record.of(step)) for step in record.steps]
        rows = Readings([row for _, readings in own for row in readings])
        shown = rows.where(role="read")
        reads = len(shown) > 0
        g = _conductances(shown if reads else rows)
        count = int(np.isfinite(rows.i).sum())
        return Results(
            metrics=_metrics(count, g),
            panels=tuple(_panels(own, reads)) if count else (),
            notes=tuple(_notes(rows, reads, g)),
        )


def _conductances(readings: Readings) -> Array:
    g = readings.g
    return g[np.isfinite(g) & (g > 0)]


def _metrics(count: int, g: Array) -> dict[str, Metric]:
    found = {"readings": Metric(float(count), definition="readings-of-imported")}
    if len(g):
        low, high = float(g.min()), float(g.max())
        found["g_min"] = Metric(low, unit="S", definition="smallest-conductance-of-imported")
        found["g_max"] = Metric(high, unit="S", definition="largest-conductance-of-imported")
        found["g_range"] = Metric(high / low, definition="conductance-range-of-imported")
    return found


def _notes(rows: Readings, reads: bool, g: Array) -> Iterator[str]:
    if not len(rows):
        yield "the record holds no reading"
        return
    yield "the data were measured by another program; what it assumed is not known to labctl"
    if not np.isfinite(rows.u_i).any():
        yield "no uncertainty is given: the file states none for its readings"
    if not np.isfinite(rows.t).any():
        yield "the file states no times: readings are numbered in the order of the file"
    if not reads:
        yield "the file tells no reads apart: conductances are those of all readings"
    if not len(g):
        yield "no conductance is given: no reading has a current along a level other than zero"
    if len(rows) > _MOST_POINTS:
        yield f"panels show every n-th reading, so that none has more than {_MOST_POINTS}"


def _panels(own: Sequence[tuple[StepRecord, Readings]], reads: bool) -> Iterator[Panel]:
    groups = list(_groups(own))
    timed = any(np.isfinite(readings.t).any() for _, readings, _ in groups)
    x_label, x_unit = ("time", "s") if timed else ("reading", "1")
    curves = [(name, r.v, r.i) for name, r, _ in groups]
    yield Panel("Current against level", "level", "V", "current", "A", _traces(curves))
    over = [(name, r.t if timed else numbers, r) for name, r, numbers in groups]
    currents = [(name, x, r.i) for name, x, r in over]
    yield Panel("Current", x_label, x_unit, "current", "A", _traces(currents))
    kept = [(name, x, np.where(_wanted(r, reads), r.g, np.nan)) for name, x, r in over]
    yield Panel("Conductance", x_label, x_unit, "conductance", "S", _traces(kept))


def _groups(
    own: Sequence[tuple[StepRecord, Readings]],
) -> Iterator[tuple[str, Readings, Array]]:
    """Yield name, readings and their numbers, of each step or of all where they are many."""
    named = [(_name(step), readings) for step, readings in own if len(readings)]
    if len(named) > _MOST_TRACES:
        named = [("", Readings([row for _, readings in named for row in readings]))]
    first = 1
    for name, readings in named:
        yield name, readings, np.arange(first, first + len(readings), dtype=float)
        first += len(readings)


def _name(step: StepRecord) -> str:
    label = step.label
    words = [str(label[key]) for key in ("device", "tag") if label.get(key)]
    words += [f"{key} {label[key]}" for key in ("cycle", "sweep", "step") if label.get(key)]
    return " ".join(words)


def _wanted(readings: Readings, reads: bool) -> NDArray[np.bool_]:
    return np.array([not reads or row.role == "read" for row in readings], bool)


def _traces(curves: Sequence[tuple[str, Array, Array]]) -> tuple[Trace, ...]:
    total = sum(len(x) for _, x, _ in curves)
    every = max(1, -(-total // _MOST_POINTS))
    found = []
    for name, x, y in curves:
        good = np.isfinite(x) & np.isfinite(y)
        if good.any():
            xs, ys = x[good][::every], y[good][::every]
            found.append(Trace(tuple(xs.tolist()), tuple(ys.tolist()), name))
    return tuple(found)
