"""Runs as a list: what each was, what came out, and what people noted; no Qt here.

Notes and tags are kept in ``notes.json`` of the run folder, beside the record and never in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from labctl import catalogue
from labctl.errors import BadInput
from labctl.journal import RESULTS, RUN
from labctl.record import read_header
from labctl.remarks import NOTES, Remarks, read_remarks
from labctl.report import metric_text, symbol, value_text
from labctl.results import Fit, Metric

__all__ = ["Listed", "Wanted", "choose", "scan", "values_of"]

_MOST = 5000  # runs in a list


class Listed(msgspec.Struct, frozen=True):
    """One run of a list."""

    folder: str
    kind: str
    title: str
    device: str
    bench: str
    simulated: bool
    status: str  #: of the run, or ``unreadable``
    started: float  #: seconds since 1970 UTC
    headline: str  #: what came out, in a few words
    metrics: tuple[str, ...] = ()  #: name and value of each figure of merit
    remarks: Remarks = Remarks()
    operator: str = ""

    @property
    def text(self) -> str:
        """Everything that a search looks at, in small letters."""
        parts = (
            self.folder, self.kind, self.title, self.device, self.bench, self.status,
            self.headline, self.operator, self.remarks.note, *self.remarks.tags, *self.metrics,
            "simulated" if self.simulated else "",
        )  # fmt: skip
        return " ".join(parts).lower()


class Wanted(NamedTuple):
    """Which runs are to be listed; nothing stands for all."""

    words: str = ""  #: all of them must occur, in any order
    kind: str = ""
    device: str = ""
    status: str = ""


class _Brief(msgspec.Struct, frozen=True):
    """Of results.json what a list needs."""

    metrics: dict[str, Metric] = {}
    fits: dict[str, Fit] = {}


_known: dict[str, tuple[tuple[float, ...], Listed]] = {}


def scan(root: str) -> tuple[Listed, ...]:
    """Return the runs below a folder, newest first; only what changed is read again."""
    found = []
    for folder in catalogue.run_folders(Path(root)):
        found.append(_listed(folder))
        if len(found) == _MOST:
            break
    return tuple(found)


def _listed(folder: Path) -> Listed:
    stamp = tuple(_changed(folder / name) for name in (RUN, RESULTS, NOTES))
    key = str(folder)
    known = _known.get(key)
    if known is None or known[0] != stamp:
        known = _known[key] = (stamp, _read(folder))
    return known[1]


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _read(folder: Path) -> Listed:
    remarks = read_remarks(folder)
    try:
        header = read_header(folder)
    except BadInput as error:
        return Listed(
            str(folder), "", folder.name, "", "", False, "unreadable", _changed(folder / RUN),
            str(error), (), remarks,
        )  # fmt: skip
    kind = str(header.protocol.get("kind", ""))
    brief = _brief(folder)
    metrics = tuple(f"{name} {metric_text(metric)}" for name, metric in brief.metrics.items())
    return Listed(
        str(folder), kind, _title(kind), header.site, header.bench_name, header.simulated,
        header.status, header.started, headline(brief.metrics, brief.fits) or header.message,
        metrics, remarks, header.operator,
    )  # fmt: skip


def _brief(folder: Path) -> _Brief:
    try:
        return msgspec.json.decode((folder / RESULTS).read_bytes(), type=_Brief)
    except (OSError, msgspec.MsgspecError):
        return _Brief()


def _title(kind: str) -> str:
    try:
        return str(catalogue.load("protocol", kind).title)
    except BadInput:
        return kind


def headline(metrics: dict[str, Metric], fits: dict[str, Fit]) -> str:
    """Return the two numbers that a run is remembered by: of the best fit, else of the metrics."""
    usable = [fit for fit in fits.values() if fit.identifiable and fit.aicc is not None]
    parts = [f"{name} {metric_text(metric)}" for name, metric in list(metrics.items())[:1]]
    if usable:
        best = min(usable, key=lambda fit: fit.aicc or 0.0)
        name, value = next(iter(best.values.items()))
        parts.append(f"{symbol(name)} {value_text(value)}")
    return ", ".join(parts)


def choose(runs: Iterable[Listed], wanted: Wanted) -> tuple[Listed, ...]:
    """Return the runs that are wanted, in their order.

    Examples
    --------
    >>> run = Listed("a", "ppf", "Paired pulses", "D3", "sim-ftj", True, "done", 0.0, "tau1 69 ms")
    >>> len(choose([run], Wanted("d3 tau1"))), len(choose([run], Wanted("d4")))
    (1, 0)
    """
    words = wanted.words.lower().split()
    return tuple(
        run
        for run in runs
        if all(word in run.text for word in words)
        and wanted.kind in ("", run.kind)
        and wanted.device in ("", run.device)
        and wanted.status in ("", run.status)
    )


def values_of(runs: Sequence[Listed], field: str) -> list[str]:
    """Return what occurs in a field, sorted."""
    return sorted({str(getattr(run, field)) for run in runs} - {""})
