"""What the window wants to know of run folders; called in the working process, so no Qt here.

Tails stay open from call to call, so that a look at a running run costs what was added to it.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from gui.decimation import Pyramid
from gui.styles import FLAGGED
from labctl.errors import BadInput
from labctl.journal import RESULTS, Header, Note
from labctl.readings import Flag
from labctl.results import Panel, Results, Trace
from labctl.tail import Columns, Tail

__all__ = ["READINGS_TITLE", "VOLTAGES_TITLE", "Glance", "analyse", "close", "glance", "results_of"]

READINGS_TITLE = "Readings as they came"
VOLTAGES_TITLE = "Voltages at the currents that were asked for"

Array = NDArray[np.float64]

_NONE = np.zeros(0)
_COLUMNS = 700  # of the plot of readings
_MOST_FLAGGED = 400
_MOST_NOTES = 20
_LONGEST = 0.2  # s that one look may take up what was added


class Glance(NamedTuple):
    """A run at one moment."""

    header: Header
    title: str  #: of the protocol, for people
    steps: int  #: done
    rows: int
    now: float  #: time of the bench at the last reading, s
    readings: Panel | None
    voltages: Panel | None  #: the same of terminals driven by a current
    notes: tuple[Note, ...]
    flagged: dict[str, int]  #: number of readings with each flag
    more: bool  #: there is more to be read at once
    gone: bool  #: the folder has vanished


class _Watched:
    """A tail, and the readings thinned as they come."""

    def __init__(self, folder: str) -> None:
        self.tail = Tail(folder)
        self.began = self.tail.header.started
        self.taken = 0
        self.traces: dict[str, Pyramid] = {}
        self.voltages: dict[str, Pyramid] = {}
        self.flagged: dict[Flag, list[tuple[float, float]]] = {}
        self.counts: dict[str, int] = {}

    def look(self) -> bool:
        until, more = time.monotonic() + _LONGEST, False
        while time.monotonic() < until and (more := self.tail.poll()):
            pass
        readings = self.tail.readings
        if len(readings) < self.taken:  # another run is in the folder now
            self.taken, self.traces, self.voltages = 0, {}, {}
            self.flagged, self.counts = {}, {}
        new = readings[self.taken :]
        self.taken = len(readings)
        if len(new):
            self._take(new)
        return more

    def _take(self, new: Columns) -> None:
        good = np.isfinite(new.t) & np.isfinite(new.i)
        roles, terminals = new.words("role"), new.words("terminal")
        # imported readings may have no level that was asked for either
        driven = list(self.tail.header.plan.get("current", ()))
        forced = np.isin(terminals, driven) & np.isnan(new.v_set) & np.isfinite(new.v)
        for terminal in np.unique(terminals):
            for role in np.unique(roles):
                mine = good & (roles == role) & (terminals == terminal)
                if np.any(mine):
                    pyramid = self.traces.setdefault(f"{role} on {terminal}", Pyramid())
                    pyramid.append(new.t[mine], new.i[mine])
                if np.any(asked := mine & forced):
                    pyramid = self.voltages.setdefault(f"{role} on {terminal}", Pyramid())
                    pyramid.append(new.t[asked], new.v[asked])
        for flag in Flag:
            raised = (new.flags & flag) != 0
            if count := int(np.sum(raised)):
                self.counts[flag_name(flag)] = self.counts.get(flag_name(flag), 0) + count
                points = self.flagged.setdefault(flag, [])
                shown = np.flatnonzero(raised & good)[-_MOST_FLAGGED:]
                points += zip(new.t[shown].tolist(), new.i[shown].tolist(), strict=True)
                del points[:-_MOST_FLAGGED]

    def panel(self, span: tuple[float, float] | None) -> Panel | None:
        if not self.traces:
            return None
        traces = _traces(self.traces, span)
        for flag, points in self.flagged.items():
            if points:
                times, currents = zip(*points, strict=True)
                traces.append(Trace(times, currents, flag_name(flag), FLAGGED))
        return Panel(READINGS_TITLE, "time", "s", "current", "A", tuple(traces))

    def panel_of_voltages(self, span: tuple[float, float] | None) -> Panel | None:
        if not self.voltages:
            return None
        traces = tuple(_traces(self.voltages, span))
        return Panel(VOLTAGES_TITLE, "time", "s", "voltage", "V", traces)


def _traces(pyramids: dict[str, Pyramid], span: tuple[float, float] | None) -> list[Trace]:
    thinned = {name: _thinned(pyramid, span) for name, pyramid in pyramids.items()}
    return [Trace(tuple(x.tolist()), tuple(y.tolist()), name) for name, (x, y) in thinned.items()]


def _thinned(pyramid: Pyramid, span: tuple[float, float] | None) -> tuple[Array, Array]:
    """Return readings as they are to be drawn, finely within a span."""
    first, last = float(pyramid.x[0]), float(pyramid.x[-1])
    if span is None:
        return pyramid.view(first, last, _COLUMNS)
    low, high = span
    parts = []
    for start, stop, columns in (
        (first, low, _COLUMNS // 4), (low, high, _COLUMNS), (high, last, _COLUMNS // 4),
    ):  # fmt: skip
        x, y = pyramid.view(start, stop, columns) if start < stop else (_NONE, _NONE)
        inside = (x >= start) & (x < stop) if stop < last else x >= start
        parts.append((x[inside], y[inside]))
    xs, ys = zip(*parts, strict=True)
    return np.concatenate(xs), np.concatenate(ys)


def flag_name(flag: Flag) -> str:
    """Return a flag in words."""
    return {
        Flag.COMPLIANCE: "in compliance",
        Flag.OVERRANGE: "over range",
        Flag.LOST: "lost",
        Flag.CONTACT: "contact check failed",
        Flag.UNSETTLED: "not settled",
    }[flag]


_watched: dict[str, _Watched] = {}


def glance(folder: str, span: tuple[float, float] | None = None) -> Glance:
    """Look at a run, from where the last look at it ended.

    Parameters
    ----------
    folder
        Of the run.
    span
        Time within which the readings are wanted finely, s; None for all of them alike.

    Raises
    ------
    BadInput
        It is not a run folder.
    """
    watched = _watched.get(folder)
    if watched is None:
        watched = _watched[folder] = _Watched(folder)
    try:
        more = watched.look()
    except BadInput:
        _watched.pop(folder)
        raise
    tail = watched.tail
    now = max((float(p.x[-1]) for p in watched.traces.values()), default=0.0)
    return Glance(
        tail.header, _title(tail), len(tail.steps), watched.taken, now, watched.panel(span),
        watched.panel_of_voltages(span), tail.notes[-_MOST_NOTES:], dict(watched.counts), more,
        tail.gone,
    )  # fmt: skip


def _title(tail: Tail) -> str:
    try:
        return tail.protocol.title
    except BadInput:
        return str(tail.header.protocol.get("kind", "run"))


def close(folder: str) -> None:
    """Forget a run."""
    _watched.pop(folder, None)


def analyse(folder: str) -> Results:
    """Return the results of a run: the stored ones once it has ended, else those so far.

    Raises
    ------
    BadInput
        It is not a run folder, or its protocol is not installed here.
    """
    watched = _watched.get(folder)
    tail = watched.tail if watched is not None else _read(folder)
    stored = _stored(tail)
    return stored if stored is not None else tail.analyse()


def results_of(folder: str) -> tuple[Header, str, Results]:
    """Return header, title and results of a run that is not watched, for comparing."""
    tail = _read(folder)
    stored = _stored(tail)
    return tail.header, _title(tail), stored if stored is not None else tail.analyse()


def _read(folder: str) -> Tail:
    tail = Tail(folder)
    while tail.poll():
        pass
    return tail


def _stored(tail: Tail) -> Results | None:
    if tail.header.status == "running":
        return None
    try:
        return msgspec.json.decode((tail.folder / RESULTS).read_bytes(), type=Results)
    except (OSError, msgspec.MsgspecError):
        return None
