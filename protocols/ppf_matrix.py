"""Matrix of paired pulses: the index and its times over the amplitude and width of the pulses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from labctl.analysis.competition import compete
from labctl.analysis.paired_pulses import IN_PULSE, PairedPulseIndex, index_metric
from labctl.results import Fit, Metric, Panel, Results, Table, Trace
from protocols.ppf_groups import Cell, Groups
from protocols.responses import energy_metrics, table
from protocols.train_trials import compliance_remark

__all__ = ["matrix_results"]

_DOUBLE = "double_decay"


@dataclass(frozen=True, slots=True)
class _Place:
    """What was found at one place of the matrix."""

    groups: Groups
    index: PairedPulseIndex
    fits: Mapping[str, Fit]


def matrix_results(cells: Mapping[Cell, Groups], branch: str) -> Results:
    """Return index, energy and relaxation times at every place of a matrix.

    Parameters
    ----------
    cells
        Groups of pulses at each place.
    branch
        Whose colour they have.
    """
    places = {cell: _place(groups) for cell, groups in cells.items()}
    metrics: dict[str, Metric] = {}
    for cell, place in places.items():
        found = index_metric(place.index)
        if found is not None:
            metrics[f"index{cell.suffix}"] = found
        metrics |= {
            f"{name}{cell.suffix}": metric
            for name, metric in energy_metrics({"": place.groups.pulses}).items()
        }
    fits = {
        f"{model}{cell.suffix}": fit
        for cell, place in places.items()
        for model, fit in place.fits.items()
    }
    notes = tuple(
        f"{cell.amplitude:g} V, {_short(cell)}: {said}"
        for cell, groups in cells.items()
        for said in compliance_remark(groups.pulses)
    )
    return Results(metrics, fits, (_table(places, metrics),), tuple(_panels(places, branch)), notes)


def _place(groups: Groups) -> _Place:
    index = groups.index(IN_PULSE)
    found = compete(index.interval, index.index, index.sigma or None, absolute=index.absolute)
    return _Place(groups, index, found.fits)


def _table(places: Mapping[Cell, _Place], metrics: Mapping[str, Metric]) -> Table:
    """Return a row for each place; times only where the data determine them."""
    columns: dict[tuple[str, str], list[float]] = {
        (name, unit): []
        for name, unit in (
            ("amplitude", "V"), ("width", "s"), ("index", "1"), ("u(index)", "1"), ("energy", "J"),
            ("u(energy)", "J"), ("tau1", "s"), ("u(tau1)", "s"), ("tau2", "s"), ("u(tau2)", "s"),
        )
    }  # fmt: skip
    for cell, place in places.items():
        row = [cell.amplitude, cell.width]
        for name in ("index", "energy"):
            row += _numbers(metrics.get(f"{name}{cell.suffix}"))
        fit = place.fits[_DOUBLE]
        for name in ("tau1", "tau2"):
            value = fit.values.get(name) if fit.identifiable else None
            row += (
                [np.nan, np.nan] if value is None else [value.value, value.sigma or np.nan]
            )  # fmt: skip
        for column, number in zip(columns.values(), row, strict=True):
            column.append(number)
    title = "Index at the shortest interval, energy and times at each place"
    return table(title, [(name, unit, data) for (name, unit), data in columns.items()])


def _numbers(metric: Metric | None) -> list[float]:
    if metric is None:
        return [np.nan, np.nan]
    return [metric.value, np.nan if metric.sigma is None else metric.sigma]


def _panels(places: Mapping[Cell, _Place], branch: str) -> Iterator[Panel]:
    curves = tuple(
        Trace(place.index.interval, place.index.index, f"{cell.amplitude:g} V, {_short(cell)}",
              "points", place.index.bars)
        for cell, place in places.items()
        if place.index.index
    )  # fmt: skip
    if not curves:
        return
    yield Panel(
        "Index at each place", "interval", "s", "index", "1", curves, x_log=True
    )  # fmt: skip
    by_width: dict[str, list[tuple[float, float, float]]] = {}
    for cell, place in places.items():
        if place.index.index:
            bar = place.index.bars[0] if place.index.bars else 0.0
            by_width.setdefault(_short(cell), []).append(
                (cell.amplitude, place.index.index[0], bar)
            )
    side = branch if len(by_width) == 1 else ""
    traces = []
    for name, points in by_width.items():
        x, y, bars = zip(*sorted(points), strict=True)
        traces.append(Trace(x, y, name, "points", bars if any(bars) else (), side))
    title = "Index at the shortest interval"
    yield Panel(title, "amplitude", "V", "index", "1", tuple(traces))


def _short(cell: Cell) -> str:
    return f"{cell.width * 1e6:g} us"
