"""From a waveform to Segment Arb sequences with loops.

A pulse card plays straight segments that join: every one starts where the one before it stops. A
level that changes at once becomes a transition of the card's fastest edge (20 ns on the 10 V range)
at the beginning of the new level. All transitions are late by half an edge in the same way, so that
widths and intervals at half maximum are those of the waveform::

    waveform    ____|^^^^^^^^|_______      1 V for 1 us, then zero
    segments    ____/^^^^^^^^^_______      20 ns to 1 V, 980 ns at 1 V, 20 ns to zero, ...

What a loop repeats is one sequence; a body that contains loops itself is written out as entries of
the list of sequences. Times are whole ticks of 10 ns.

A level with one window is measured as a spot mean; one with equal windows that follow each other,
as a captured waveform, a sample for each window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from instruments.keithley4200_limits import GRID, LONGEST, MOST_ENTRIES, MOST_SEGMENTS, Source
from instruments.pieces import Findings
from labctl.units import show
from labctl.waveform import Chain, Loop, Node, Overlay, Segment, Window, seconds

__all__ = ["Entry", "Layout", "Reading", "Straight", "lay_out"]

Levels = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading that a segment gives; ticks of 10 ns after the segment's start."""

    terminal: str
    start: int
    stop: int
    role: str
    v_set: float  #: V
    width: int  #: of the level
    settled: int  #: since the level began


@dataclass(frozen=True, slots=True)
class Straight:
    """One segment; levels in V by terminal, at its start and at its stop."""

    ticks: int
    levels: tuple[tuple[str, float, float], ...]
    readings: tuple[Reading, ...] = ()

    def measured(self, terminal: str) -> tuple[Reading, ...]:
        """Return the readings on a terminal: none, a spot mean, or samples of a waveform."""
        return tuple(reading for reading in self.readings if reading.terminal == terminal)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the list of sequences."""

    loops: int
    segments: tuple[Straight, ...]

    @property
    def ticks(self) -> int:
        """Duration of all its loops."""
        return self.loops * sum(segment.ticks for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Layout:
    """A waveform as entries, in the order in which they are played."""

    entries: tuple[Entry, ...]

    @property
    def ticks(self) -> int:
        """Duration."""
        return sum(entry.ticks for entry in self.entries)


class _TooLong(Exception):
    """The waveform does not fit."""


def lay_out(waveform: Node, terminals: tuple[str, ...], source: Source, found: Findings) -> Layout:
    """Lay a waveform out for a pulse card.

    Parameters
    ----------
    waveform
        What to play; it begins and ends at zero.
    terminals
        Those that the card drives.
    source
        Its source range.
    found
        What stands against it is added; then the layout is of no use.
    """
    drawing = _Drawing(terminals, source, found)
    zero = dict.fromkeys(terminals, 0.0)
    try:
        entries, end = drawing.draw(waveform, zero)
    except _TooLong:
        found.add(
            "segments",
            f"a waveform of more than {MOST_SEGMENTS} different segments, or of more than "
            f"{MOST_ENTRIES} parts with loops",
            f"at most {MOST_SEGMENTS} segments and {MOST_ENTRIES} parts in one step",
            "repeat one body with * n, or play the waveform in several steps",
        )
        return Layout(())
    if end != zero:
        entries = [*entries, Entry(1, (drawing.ramp(source.edge, end, zero),))]
    entries.append(Entry(1, (drawing.ramp(source.shortest, zero, zero),)))
    return Layout(tuple(_joined(entries)))


class _Drawing:
    def __init__(self, terminals: tuple[str, ...], source: Source, found: Findings) -> None:
        self.terminals, self.source, self.found = terminals, source, found

    def draw(self, node: Node, before: Levels) -> tuple[list[Entry], Levels]:
        """Return the entries of a node, and the levels at its end."""
        match node:
            case Segment():
                return self._segment(node, before)
            case Chain():
                return self._chain(node.parts, before)
            case Loop():
                return self._loop(node, before)
            case Overlay():
                return self._chain(_cut(node), before)
        raise TypeError(type(node).__name__)

    def _chain(self, parts: tuple[Node, ...], before: Levels) -> tuple[list[Entry], Levels]:
        entries: list[Entry] = []
        for part in parts:
            more, before = self.draw(part, before)
            entries += more
            if len(entries) > 8 * MOST_SEGMENTS:
                raise _TooLong
        return entries, before

    def _loop(self, loop: Loop, before: Levels) -> tuple[list[Entry], Levels]:
        first, after = self.draw(loop.body, before)
        first = _joined(first)
        if after == before:
            return self._repeated(first, loop.count), after
        again, after = self.draw(loop.body, after)  # from the second turn on it begins elsewhere
        return [*first, *self._repeated(_joined(again), loop.count - 1)], after

    def _repeated(self, entries: list[Entry], count: int) -> list[Entry]:
        if count == 0:
            return []
        if len(entries) == 1:
            return [Entry(entries[0].loops * count, entries[0].segments)]
        if len(entries) * count > MOST_ENTRIES:
            raise _TooLong
        return entries * count

    def ramp(self, ticks: int, before: Levels, after: Levels) -> Straight:
        """Return a straight line on all terminals."""
        return Straight(ticks, tuple((name, before[name], after[name]) for name in self.terminals))

    def _segment(self, segment: Segment, before: Levels) -> tuple[list[Entry], Levels]:
        total = round(segment.length / GRID)
        begin = {name: segment.levels.get(name, (0.0, 0.0))[0] for name in self.terminals}
        end = {name: segment.levels.get(name, (0.0, 0.0))[1] for name in self.terminals}
        edge = self.source.edge if begin != before else 0
        self._check(segment, total, edge, any(before.values()) or any(begin.values()))
        drawn = [self.ramp(edge, before, begin)] if edge else []
        readings = self._readings(segment, total, edge)
        left = total - edge
        if left <= LONGEST:
            straight = self.ramp(left, begin, end)
            return [Entry(1, (*drawn, Straight(left, straight.levels, readings)))], end
        return self._long(drawn, left, (begin, end), readings), end

    def _check(self, segment: Segment, total: int, edge: int, driven: bool) -> None:
        shortest = self.source.width if edge else self.source.shortest
        if total < shortest or (edge and total - edge < self.source.shortest):
            what = "level width" if driven else "segment"
            self.found.add(
                what,
                show(seconds(segment.length), "s"),
                f"at least {show(shortest * 10e-9, 's')}",
                "make it longer",
            )

    def _readings(self, segment: Segment, total: int, edge: int) -> tuple[Reading, ...]:
        readings = [self._reading(segment, window, total, edge) for window in segment.windows]
        for terminal in {reading.terminal for reading in readings}:
            if not _even([r for r in readings if r.terminal == terminal]):
                self.found.add(
                    "readings in a level",
                    "several readings on one terminal that do not follow each other evenly",
                    "one for each level and terminal, or a waveform that is captured: equal ones "
                    "without gaps, after the edge and in whole 10 ns",
                    "measure once in each level, or over such windows",
                )
        return tuple(readings)

    def _reading(self, segment: Segment, window: Window, total: int, edge: int) -> Reading:
        start, stop = max(round(window.start / GRID), edge), round(window.stop / GRID)
        if stop > total or stop - start < 2:
            self.found.add(
                "aperture",
                f"{show(seconds(window.stop - window.start), 's')} of a level",
                "at least 20 ns, inside the level and after its edge",
                "measure over a longer part of the level",
            )
        begin, end = segment.levels.get(window.terminal, (0.0, 0.0))
        middle = min(1.0, (window.start + window.stop) / 2 / segment.length)
        level = begin + (end - begin) * middle
        return Reading(window.terminal, start - edge, stop - edge, window.role, level, total, start)

    def _long(
        self,
        drawn: list[Straight],
        left: int,
        levels: tuple[Levels, Levels],
        readings: tuple[Reading, ...],
    ) -> list[Entry]:
        """Return a segment longer than one can be: a loop where it is constant."""
        begin, end = levels
        steady = begin == end and not readings
        whole, rest = divmod(left, LONGEST)
        if steady and whole > 2:
            if rest < self.source.shortest:
                whole, rest = whole - 1, rest + LONGEST
            lead = self._cuts(rest, begin, end, left)
            block = Entry(whole, (self.ramp(LONGEST, begin, end),))
            return [Entry(1, (*drawn, *lead)), block]
        pieces = self._cuts(left, begin, end, left)
        return [Entry(1, (*drawn, *self._with(pieces, readings)))]

    def _cuts(self, left: int, begin: Levels, end: Levels, total: int) -> list[Straight]:
        count = -(-left // LONGEST)
        edges = [left * k // count for k in range(count + 1)]
        at = [
            {name: begin[name] + (end[name] - begin[name]) * (edge / total) for name in begin}
            for edge in edges
        ]
        return [
            self.ramp(stop - start, first, last)
            for start, stop, first, last in zip(edges, edges[1:], at, at[1:], strict=False)
        ]

    def _with(self, pieces: list[Straight], readings: tuple[Reading, ...]) -> Iterator[Straight]:
        at = 0
        for piece in pieces:
            here = [r for r in readings if at <= r.start and r.stop <= at + piece.ticks]
            moved = tuple(
                Reading(r.terminal, r.start - at, r.stop - at, r.role, r.v_set, r.width, r.settled)
                for r in here
            )
            readings = tuple(r for r in readings if r not in here)
            yield Straight(piece.ticks, piece.levels, moved)
            at += piece.ticks
        if readings:
            self.found.add(
                "aperture",
                "a reading across the end of a segment of 1 s",
                "at most 1 s",
                "measure over a shorter part of the level",
            )


def _even(readings: list[Reading]) -> bool:
    """Whether readings of one terminal are one, or equal ones that follow each other."""
    lengths = {reading.stop - reading.start for reading in readings}
    seams = pairwise(readings)
    return len(lengths) == 1 and all(one.stop == other.start for one, other in seams)


def _cut(overlay: Overlay) -> tuple[Node, ...]:
    """Return the common segments of an overlay, as far as they can fit."""
    cut: list[Node] = []
    for _, segment in overlay.flatten():
        cut.append(segment)
        if len(cut) > MOST_SEGMENTS:
            raise _TooLong
    return tuple(cut)


def _joined(entries: list[Entry]) -> list[Entry]:
    """Make one entry of neighbours that are played once."""
    joined: list[Entry] = []
    run: list[Straight] = []
    for entry in entries:
        if entry.loops == 1:
            run += entry.segments
            continue
        if run:
            joined.append(Entry(1, tuple(run)))
            run = []
        joined.append(entry)
    return [*joined, Entry(1, tuple(run))] if run else joined
