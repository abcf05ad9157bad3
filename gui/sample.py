"""A sample as a map needs it: which sites there are, and what the runs say of each.

Sites are named by whoever measures. Names of three numbers, ``column,row,site``, are those of a
wafer; two numbers are a cell of a crossbar or a die, ``column,row``; anything else is a device of
its own. Nothing here knows a window.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from labctl import catalogue
from labctl.benchfile import Definition
from labctl.errors import BadInput
from labctl.journal import RESULTS, RUN
from labctl.record import read_header
from labctl.results import Metric

__all__ = [
    "Cell",
    "Layout",
    "SiteRun",
    "latest",
    "layout_of",
    "metrics_of",
    "runs_of",
    "usual_site",
]


class Cell(msgspec.Struct, frozen=True):
    """Where a site is drawn: a square whose side is 1 where a die's side is 1."""

    name: str
    x: float
    y: float
    side: float


class Layout(msgspec.Struct, frozen=True):
    """All sites of a sample, with the frames of their dies."""

    cells: tuple[Cell, ...] = ()
    dies: tuple[tuple[int, int], ...] = ()  #: column, row, counted from 1; none where there is none
    columns: int = 1
    rows: int = 1
    round: bool = False


class SiteRun(msgspec.Struct, frozen=True):
    """One run on a site, with its figures of merit."""

    folder: str
    site: str
    bench: str
    kind: str
    status: str
    started: float
    metrics: dict[str, Metric] = {}


class _Metrics(msgspec.Struct):
    metrics: dict[str, Metric] = {}


def layout_of(definition: Definition | None, measured: Iterable[str] = ()) -> Layout:
    """Return where the sites of a bench's sample are.

    Parameters
    ----------
    definition
        The bench; a virtual wafer says how large it is.
    measured
        Names of sites that runs have; they count where the bench does not say.
    """
    wafer = _wafer(definition)
    if wafer is not None:
        columns, rows = wafer.get("dies", (1, 1))
        sites, is_round = int(wafer.get("sites", 1)), bool(wafer.get("round", False))
        return _grid(int(columns), int(rows), sites, is_round)
    names = list(dict.fromkeys(name for name in measured if name))
    numbers = [_numbers(name) for name in names]
    if names and all(len(found) == 3 for found in numbers):
        columns, rows, sites = (max(found[k] for found in numbers) for k in range(3))
        return _grid(columns, rows, sites, False)
    if names and all(len(found) == 2 for found in numbers):
        columns, rows = (max(found[k] for found in numbers) for k in range(2))
        cells = [
            Cell(f"{c},{r}", c - 1, r - 1, 1.0)
            for r in range(1, rows + 1)
            for c in range(1, columns + 1)
        ]
        return Layout(tuple(cells), (), columns, rows)
    return _listed(names)


def usual_site(definition: Definition | None) -> str:
    """Return the site that a virtual wafer takes where none is named; empty for any other sample.

    It is the first site of the die in the middle, so that it can be shown before it is measured.
    """
    wafer = _wafer(definition)
    if wafer is None:
        return ""
    columns, rows = wafer.get("dies", (1, 1))
    return f"{(int(columns) + 1) // 2},{(int(rows) + 1) // 2},1"


def _wafer(definition: Definition | None) -> Mapping[str, Any] | None:
    simulation = definition.simulation if definition is not None else None
    found = (simulation or {}).get("wafer")
    return found if isinstance(found, Mapping) else None


def _numbers(name: str) -> list[int]:
    parts = name.split(",")
    return [int(part) for part in parts] if all(part.isdigit() for part in parts) else []


def _listed(names: list[str]) -> Layout:
    columns = max(1, math.ceil(math.sqrt(len(names))))
    cells = [Cell(name, k % columns, k // columns, 1.0) for k, name in enumerate(names)]
    return Layout(tuple(cells), (), columns, max(1, math.ceil(len(names) / columns)))


def _grid(columns: int, rows: int, sites: int, is_round: bool) -> Layout:
    """Return a wafer of dies, each with its sites in a square."""
    across = max(1, math.ceil(math.sqrt(sites)))
    side = 0.88 / across
    cells, dies = [], []
    for row in range(1, rows + 1):
        for column in range(1, columns + 1):
            x, y = (2 * column - 1) / columns - 1, (2 * row - 1) / rows - 1
            if is_round and math.hypot(x, y) > 1:
                continue
            dies.append((column, row))
            for site in range(1, sites + 1):
                down, right = divmod(site - 1, across)
                left, top = column - 1 + 0.06 + right * side, row - 1 + 0.06 + down * side
                cells.append(Cell(f"{column},{row},{site}", left, top, side))
    return Layout(tuple(cells), tuple(dies), columns, rows, is_round)


def runs_of(root: Path, bench: str = "") -> tuple[SiteRun, ...]:
    """Return the runs on one bench's sample, oldest first; those that cannot be read are left out.

    Parameters
    ----------
    root
        Where the run folders are.
    bench
        Name of the bench; empty for all.
    """
    found = []
    for folder in catalogue.run_folders(root):
        try:
            stamp = (folder / RUN).stat().st_mtime_ns
            results = folder / RESULTS
            run = _read(folder, stamp, results.stat().st_mtime_ns if results.exists() else 0)
        except (BadInput, OSError, msgspec.MsgspecError):
            continue  # the browser of runs says what is wrong with it
        if not bench or run.bench == bench:
            found.append(run)
    return tuple(sorted(found, key=lambda run: run.started))


@functools.lru_cache(maxsize=20_000)
def _read(folder: Path, _run: int, results: int) -> SiteRun:
    header = read_header(folder)
    metrics = {}
    if results:
        metrics = msgspec.json.decode((folder / RESULTS).read_bytes(), type=_Metrics).metrics
    return SiteRun(
        str(folder), header.site, header.bench_name, str(header.protocol.get("kind")),
        header.status, header.started, metrics,
    )  # fmt: skip


def latest(runs: Iterable[SiteRun], metric: str = "") -> dict[str, SiteRun]:
    """Return for each site its latest run, or the latest that has a figure of merit.

    Parameters
    ----------
    runs
        Oldest first.
    metric
        ``kind.name`` of a figure of merit; empty for any run.
    """
    kind, _, name = metric.partition(".")
    return {
        run.site: run for run in runs if not metric or (run.kind == kind and name in run.metrics)
    }


def metrics_of(runs: Iterable[SiteRun]) -> tuple[str, ...]:
    """Return the figures of merit that any of the runs has, as ``kind.name``."""
    found = {f"{run.kind}.{name}" for run in runs for name in run.metrics}
    return tuple(sorted(found))
