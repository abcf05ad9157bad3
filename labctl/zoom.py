"""What of a waveform is to be drawn in a stretch of time, on any scale from hours to nanoseconds.

A lane is one terminal. Where few corners lie in the stretch a lane gives them exactly; where there
are more than can be told apart it gives the lowest and the highest level of every column of pixels.
Repetitions are never written out: over a whole turn of a loop the extremes are those of its body,
so a train of 1e9 pulses is looked at as quickly as one pulse.

Time is counted in whole ticks from the waveform's beginning, and what is returned is counted from
the beginning of the stretch: a nanosecond is a nanosecond also after a month.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.errors import BadInput
from labctl.timing import seconds
from labctl.waveform import Chain, Loop, Node, Overlay, Segment, Window

__all__ = ["Lane", "Mark", "Zoom"]

Array = NDArray[np.float64]
Ends = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Mark:
    """A measurement window, s after the beginning of the stretch."""

    start: float
    stop: float
    role: str


@dataclass(frozen=True, slots=True)
class Lane:
    """What of one terminal is to be drawn.

    An exact lane is a polyline through (t, low); a step is two points at one time. Otherwise
    ``t`` are the left edges of columns, and everything in a column lies between `low` and `high`.
    """

    exact: bool
    t: Array  #: s after the beginning of the stretch
    low: Array  #: V, or A where the terminal is driven by a current
    high: Array  #: the same unit; the same as `low` where exact
    marks: tuple[Mark, ...] = ()  #: measurement windows, where exact


@dataclass(frozen=True, slots=True)
class _Line:
    """A straight line."""

    ticks: int
    ends: Ends
    windows: tuple[Window, ...] = ()

    @property
    def extremes(self) -> Ends:
        return min(self.ends), max(self.ends)

    def within(self, a: int, b: int) -> Ends:
        one, two = self.level(a), self.level(b)
        return (one, two) if one < two else (two, one)

    def level(self, at: int) -> float:
        first, last = self.ends
        return first if first == last else first + (last - first) * (at / self.ticks)

    def pieces(self, a: int, b: int, offset: int) -> Iterator[tuple[int, _Line]]:
        yield offset, self


@dataclass(frozen=True, slots=True)
class _Turns:
    """A body again and again."""

    body: _Part
    count: int

    @property
    def ticks(self) -> int:
        return self.body.ticks * self.count

    @property
    def extremes(self) -> Ends:
        return self.body.extremes

    def within(self, a: int, b: int) -> Ends:
        period = self.body.ticks
        first, last = a // period, (b - 1) // period
        if last - first > 1:
            return self.body.extremes
        if first == last:
            return _within(self.body, a - first * period, b - first * period)
        head = _within(self.body, a - first * period, period)
        return _union(head, _within(self.body, 0, b - last * period))

    def pieces(self, a: int, b: int, offset: int) -> Iterator[tuple[int, _Line]]:
        period = self.body.ticks
        for turn in range(a // period, (b - 1) // period + 1):
            start = turn * period
            yield from self.body.pieces(max(a - start, 0), min(b - start, period), offset + start)


@dataclass(frozen=True, slots=True)
class _Row:
    """Parts one after another."""

    parts: tuple[_Part, ...]
    starts: list[int]  #: ticks, one more than parts
    lows: Array  #: of each part
    highs: Array
    extremes: Ends

    @property
    def ticks(self) -> int:
        return self.starts[-1]

    def within(self, a: int, b: int) -> Ends:
        first, last = bisect_right(self.starts, a) - 1, bisect_right(self.starts, b - 1) - 1
        if first == last:
            return self._in(first, a, b)
        ends = _union(self._in(first, a, b), self._in(last, a, b))
        if last - first > 1:
            low, high = self.lows[first + 1 : last].min(), self.highs[first + 1 : last].max()
            ends = _union(ends, (float(low), float(high)))
        return ends

    def _in(self, at: int, a: int, b: int) -> Ends:
        part, start = self.parts[at], self.starts[at]
        return _within(part, max(a - start, 0), min(b - start, part.ticks))

    def pieces(self, a: int, b: int, offset: int) -> Iterator[tuple[int, _Line]]:
        for at in range(bisect_right(self.starts, a) - 1, len(self.parts)):
            start, part = self.starts[at], self.parts[at]
            if start >= b:
                return
            yield from part.pieces(max(a - start, 0), min(b - start, part.ticks), offset + start)


_Part = _Line | _Turns | _Row


def _within(part: _Part, a: int, b: int) -> Ends:
    """Return the extremes between two ticks, the second one left out."""
    return part.extremes if a <= 0 and b >= part.ticks else part.within(a, b)


def _union(one: Ends, two: Ends) -> Ends:
    return min(one[0], two[0]), max(one[1], two[1])


class Zoom:
    """A waveform that can be looked at on any scale.

    Parameters
    ----------
    waveform
        What is to be looked at.

    Examples
    --------
    >>> from labctl.waveform import pulse, train
    >>> zoom = Zoom(train(pulse(1.0, 1e-6), 1e-3, 10**9))
    >>> lane = zoom.view(0, zoom.ticks, columns=3)["top"]
    >>> lane.exact, lane.high.tolist()
    (False, [1.0, 1.0, 1.0])
    >>> lane = zoom.view(10**15, 10**15 + 2 * 10**6, columns=3)["top"]
    >>> lane.exact, lane.t.tolist(), lane.low.tolist()
    (True, [0.0, 1e-06, 1e-06, 2e-06], [1.0, 1.0, 0.0, 0.0])
    """

    def __init__(self, waveform: Node) -> None:
        self.ticks = waveform.ticks
        self._lanes = {
            name: _Lanes(name).made(waveform, self.ticks) for name in sorted(waveform.terminals)
        }

    @property
    def terminals(self) -> tuple[str, ...]:
        """Names of the terminals, sorted."""
        return tuple(self._lanes)

    @property
    def duration(self) -> float:
        """Duration, s."""
        return seconds(self.ticks)

    def extremes(self, terminal: str) -> tuple[float, float]:
        """Return the lowest and the highest level of a terminal, V."""
        return self._lanes[terminal].extremes

    def view(self, start: int, stop: int, columns: int) -> dict[str, Lane]:
        """Return what is to be drawn.

        Parameters
        ----------
        start, stop
            Ticks from the waveform's beginning; what lies outside the waveform is left out.
        columns
            Pixels across.

        Returns
        -------
        dict
            A lane for every terminal: its corners, if there are no more of them than columns, or
            the extremes of each column.

        Raises
        ------
        BadInput
            No column, or a stretch that ends before it begins.
        """
        if columns < 1 or stop <= start:
            raise BadInput(
                f"a view of {columns} columns from tick {start} to {stop} was asked for; it needs "
                "a column and a stretch that ends after it begins"
            )
        return {name: _lane(part, start, stop, columns) for name, part in self._lanes.items()}


def _lane(part: _Part, start: int, stop: int, columns: int) -> Lane:
    first, last = max(start, 0), min(stop, part.ticks)
    if first >= last:
        return Lane(True, np.zeros(0), np.zeros(0), np.zeros(0))
    pieces = list(itertools.islice(part.pieces(first, last, 0), columns + 1))
    if len(pieces) <= columns:
        return _exact(pieces, first, last, start)
    width, count = stop - start, min(columns, stop - start)
    edges = [start + width * k // count for k in range(count + 1)]
    inside = [
        (a, max(a, first), min(b, last))
        for a, b in itertools.pairwise(edges)
        if max(a, first) < min(b, last)
    ]
    ends = np.array([_within(part, a, b) for _, a, b in inside])
    t = np.array([seconds(a - start) for a, _, _ in inside])
    return Lane(False, t, ends[:, 0], ends[:, 1])


def _exact(pieces: list[tuple[int, _Line]], first: int, last: int, start: int) -> Lane:
    t: list[float] = []
    v: list[float] = []
    marks = []
    for offset, line in pieces:
        a, b = max(offset, first), min(offset + line.ticks, last)
        t += [seconds(a - start), seconds(b - start)]
        v += [line.level(a - offset), line.level(b - offset)]
        for window in line.windows:
            begin, end = offset + window.start, offset + window.stop
            if end > first and begin < last:
                marks.append(Mark(seconds(begin - start), seconds(end - start), window.role))
    levels = np.array(v)
    return Lane(True, np.array(t), levels, levels, tuple(marks))


class _Lanes:
    """Takes one terminal out of a waveform; equal parts become one object."""

    def __init__(self, terminal: str) -> None:
        self._terminal = terminal
        self._lines: dict[object, _Line] = {}
        self._others: dict[object, _Part] = {}

    def made(self, node: Node, ticks: int) -> _Part:
        """Return the lane, at zero from the node's end on up to this many ticks."""
        made = self._made(node)
        if made.ticks < ticks:
            made = self._row([made, self._line(ticks - made.ticks, (0.0, 0.0), ())])
        return made

    def _made(self, node: Node) -> _Part:
        name = self._terminal
        match node:
            case Segment():
                windows = tuple(w for w in node.windows if w.terminal == name)
                return self._line(node.length, node.levels.get(name, (0.0, 0.0)), windows)
            case Loop():
                return self._turns(self._made(node.body), node.count)
            case Overlay():
                mine = next((part for part in node.parts if name in part.terminals), None)
                if mine is None:
                    return self._line(node.ticks, (0.0, 0.0), ())
                return self.made(mine, node.ticks)
            case Chain():
                return self._row([self._made(part) for part in node.parts])

    def _line(self, ticks: int, ends: Ends, windows: tuple[Window, ...]) -> _Line:
        key = (ticks, ends, tuple((w.start, w.stop, w.role) for w in windows))
        return self._lines.setdefault(key, _Line(ticks, ends, windows))

    def _turns(self, body: _Part, count: int) -> _Part:
        if isinstance(body, _Line) and body.ends[0] == body.ends[1] and not body.windows:
            return self._line(body.ticks * count, body.ends, ())
        key = (id(body), count)
        return self._others.setdefault(key, _Turns(body, count))

    def _row(self, parts: list[_Part]) -> _Part:
        """Join parts; flat neighbours at one level become one."""
        joined: list[_Part] = []
        for part in parts:
            if joined and _continues(joined[-1], part):
                flat = joined.pop()
                assert isinstance(flat, _Line)
                part = self._line(flat.ticks + part.ticks, flat.ends, ())
            joined.append(part)
        if len(joined) == 1:
            return joined[0]
        key = tuple(map(id, joined))
        if key not in self._others:
            self._others[key] = _joined(joined)
        return self._others[key]


def _continues(one: _Part, two: _Part) -> bool:
    return (
        isinstance(one, _Line)
        and isinstance(two, _Line)
        and one.ends == two.ends
        and one.ends[0] == one.ends[1]
        and not (one.windows or two.windows)
    )


def _joined(parts: list[_Part]) -> _Row:
    starts = [0, *itertools.accumulate(part.ticks for part in parts)]
    ends = np.array([part.extremes for part in parts])
    whole = (float(ends[:, 0].min()), float(ends[:, 1].max()))
    return _Row(tuple(parts), starts, ends[:, 0], ends[:, 1], whole)
