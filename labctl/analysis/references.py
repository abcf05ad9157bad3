"""Reference sets: what others reported, beside which a measured device is shown.

Energies, endurance and multilevel storage of published devices come with labctl as data, each row
with its citation, where the number was seen (`grade`) and what is doubtful about it (`doubt`). They
are for comparison at a glance: the rows differ in what was counted, and many come from abstracts.
"""

from __future__ import annotations

import csv
import importlib.resources
from collections.abc import Mapping
from functools import cache
from typing import TypeVar

import msgspec

from labctl.results import Column, Metric, Panel, Table, Trace

__all__ = [
    "BIOLOGY", "GRADES", "ReportedEndurance", "ReportedEnergy", "ReportedLevels",
    "draw_endurance", "draw_energies", "draw_levels", "endurance_reference", "energy_reference",
    "energy_table", "multilevel_reference",
]  # fmt: skip

BIOLOGY = 1e-14  #: J for each event of a biological synapse: the usual round number

#: where a number was seen
GRADES = {
    "figure": "read from a figure of the review",
    "source table": "in a table of the review",
    "source text": "in the text of the review",
    "abstract": "in the abstract of the paper",
    "secondary note": "in a note about the paper, not in the paper itself",
    "not found": "the paper is cited for it, but no number was found",
}

Row = TypeVar("Row", "ReportedEnergy", "ReportedEndurance", "ReportedLevels")


class ReportedEnergy(msgspec.Struct, frozen=True):
    """An energy as published."""

    device: str
    family: str
    kind: str  #: device, neuron, projection, circuit simulation or biology
    energy_low: float | None  #: J
    energy_high: float | None  #: J; differs from `energy_low` where a range is given
    per_area: float | None  #: J/um^2, where no absolute energy is given
    relation: str  #: ``=``, ``~`` approximate, ``<`` an upper bound, nothing without a number
    amplitude: str
    width: float | None  #: of the pulse, s
    basis: str  #: what it was counted for
    citation: str
    doi: str
    grade: str
    doubt: str


class ReportedEndurance(msgspec.Struct, frozen=True):
    """An endurance as published."""

    device: str
    family: str
    cycles: float | None
    relation: str  #: ``=``, ``>`` a lower bound, nothing without a number
    thickness: str
    voltage: str
    programming: str  #: energy or power of programming, as printed
    year: int
    citation: str
    doi: str
    grade: str
    doubt: str


class ReportedLevels(msgspec.Struct, frozen=True):
    """Number of conductance states and dynamic range as published."""

    device: str
    states: int
    dynamic_range: float  #: Gmax/Gmin
    relation: str  #: of the dynamic range: ``=`` or ``~``
    voltage: str
    citation: str
    doi: str
    grade: str
    doubt: str


@cache
def _rows(name: str, kind: type[Row]) -> tuple[Row, ...]:
    """Read a shipped set; an empty cell of a number is None."""
    file = importlib.resources.files("labctl") / "analysis" / "data" / f"{name}.csv"
    lines = [
        line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    ]
    text = {field.name for field in msgspec.structs.fields(kind) if field.type is str}
    return tuple(
        msgspec.convert(
            {key: cell if cell or key in text else None for key, cell in row.items()},
            kind,
            strict=False,
        )
        for row in csv.DictReader(lines)
    )


def energy_reference() -> tuple[ReportedEnergy, ...]:
    """Return the reported energies, from 5 nJ to 4.28 aJ, biology among them."""
    return _rows("energy", ReportedEnergy)


def endurance_reference() -> tuple[ReportedEndurance, ...]:
    """Return the reported endurances, from 60 to 1e10 cycles."""
    return _rows("endurance", ReportedEndurance)


def multilevel_reference() -> tuple[ReportedLevels, ...]:
    """Return the reported numbers of states, from 3 to 300."""
    return _rows("multilevel", ReportedLevels)


def energy_table(measured: Mapping[str, Metric] | None = None) -> Table:
    """Return measured and reported energies in falling order, with citation and doubt.

    Parameters
    ----------
    measured
        Energies by the name to show; a bound is marked so.
    """
    mine = [
        (metric.value, name, "this device", "<" if metric.bound else "=", "", "", "", "")
        for name, metric in (measured or {}).items()
    ]
    others = [
        (_middle(row), row.device, row.kind, row.relation, row.basis, _cited(row), row.grade,
         row.doubt)
        for row in energy_reference()
        if row.energy_low is not None
    ]  # fmt: skip
    columns = list(zip(*sorted([*mine, *others], key=lambda row: -row[0]), strict=True))
    names = ("energy", "device", "kind", "relation", "counted for", "source", "seen in", "doubt")
    return Table(
        "Energy of an event, measured and reported",
        tuple(
            Column(name, "J" if name == "energy" else "", tuple(data))
            for name, data in zip(names, columns, strict=True)
        ),
    )


def _middle(row: ReportedEnergy) -> float:
    low, high = row.energy_low or 0.0, row.energy_high or 0.0
    return float((low * high) ** 0.5)


def _cited(row: ReportedEnergy) -> str:
    return "; ".join(part for part in (row.citation, row.doi and f"doi:{row.doi}") if part)


def draw_energies(measured: Mapping[str, Metric] | None = None) -> Panel:
    """Return the energies of the reference set by rank, biology's line, and the measured ones.

    Parameters
    ----------
    measured
        Energies by the name to show.
    """
    known = [row for row in energy_reference() if row.energy_low is not None]
    ranked = sorted((row for row in known if row.kind != "biology"), key=_middle)
    groups = {
        "reported devices": ("device",),
        "reported neurons": ("neuron",),
        "projected or simulated": ("projection", "circuit simulation"),
    }
    traces = []
    for label, kinds in groups.items():
        points = [(rank, _middle(row)) for rank, row in enumerate(ranked, 1) if row.kind in kinds]
        traces.append(_points(points, label))
    end = float(len(ranked))
    traces.append(Trace((0.5, end + 0.5), (BIOLOGY, BIOLOGY), "biology, about 10 fJ", "line"))
    traces += _mine(measured or {}, [_middle(row) for row in ranked])
    return Panel(
        "Energy of an event against reported devices", "rank among the reported", "1", "energy",
        "J", tuple(traces), y_log=True,
    )  # fmt: skip


def draw_endurance(measured: Mapping[str, Metric] | None = None) -> Panel:
    """Return the endurances of the reference set by rank, and the measured ones."""
    ranked = sorted(row.cycles for row in endurance_reference() if row.cycles is not None)
    points = list(enumerate(ranked, 1))
    traces = (_points(points, "reported devices"), *_mine(measured or {}, ranked))
    return Panel(
        "Endurance against reported devices", "rank among the reported", "1", "cycles", "1",
        traces, y_log=True,
    )  # fmt: skip


def draw_levels(measured: Mapping[str, tuple[float, float]] | None = None) -> Panel:
    """Return states against dynamic range, reported and measured.

    Parameters
    ----------
    measured
        Dynamic range and number of states by the name to show.
    """
    points = [(row.dynamic_range, float(row.states)) for row in multilevel_reference()]
    traces = [_points(points, "reported devices")]
    traces += [_points([pair], name) for name, pair in (measured or {}).items()]
    return Panel(
        "Multilevel storage against reported devices", "dynamic range Gmax/Gmin", "1",
        "states", "1", tuple(traces), x_log=True, y_log=True,
    )  # fmt: skip


def _points(pairs: list[tuple[float, float]] | list[tuple[int, float]], label: str) -> Trace:
    return Trace(tuple(float(x) for x, _ in pairs), tuple(float(y) for _, y in pairs), label)


def _mine(measured: Mapping[str, Metric], ranked: list[float]) -> list[Trace]:
    """Place measured values at the rank that they would take; a bound says so in its label."""
    return [
        Trace(
            (sum(other < metric.value for other in ranked) + 0.5,),
            (metric.value,),
            f"{name} (upper bound)" if metric.bound else name,
        )
        for name, metric in measured.items()
    ]
