"""A waveform being played on a device with no instrument in between.

Segments are passed one at a time: the fixture finds every moment at which a bound is reached.
Turns of a loop in which nothing is measured are passed together as far as the device model knows a
shorter way (`DeviceModel.repeat`). Before that, and again wherever the doubled number of turns
ends, one turn is looked at: if a current passes its bound in it, turns are played one at a time. So
are those of a waveform that drives a terminal by a current, since the model's way is for voltages,
and those that come through a contact's resistance, behind which the device sees less of a level.

A stop is heard between turns also where they are passed together; these have then not been.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from labctl.readings import Flag, Row
from labctl.waveform import Chain, Loop, Node, Segment, Window, seconds
from sim_backend.clock import Clock
from sim_backend.devices.model import Piece, Stopped
from sim_backend.drive import Drive
from sim_backend.fixture import Fixture
from sim_backend.turns import Kept, bounded, pass_turns

__all__ = ["Performance", "parts"]

_FEWEST = 4  # turns that are worth passing together
_AHEAD = 0.1  # s of the wall clock that a paced laboratory may be ahead of


def parts(waveform: Node, start: int = 0) -> Iterator[tuple[int, Segment | Loop]]:
    """Yield (start in ticks, segment or loop without a reading) in time order, one at a time."""
    match waveform:
        case Segment():
            yield start, waveform
        case Chain():
            for part in waveform.parts:
                yield from parts(part, start)
                start += part.ticks
        case Loop() if waveform.count >= _FEWEST and not waveform.body.summary().readings:
            yield start, waveform
        case Loop():
            period = waveform.body.ticks
            for turn in range(waveform.count):
                yield from parts(waveform.body, start + turn * period)
        case _:
            for begin, piece in waveform.flatten():
                yield start + begin, piece


class _Event(NamedTuple):
    """An edge of a measurement window; sorted by time, then in the order they were met."""

    tick: int
    order: int
    window: Window
    closes: int  #: tick at which an opening window closes; 0 for a closing one
    v_set: float
    width: float


class _Mark(NamedTuple):
    """Sums of a drive at the opening of a window."""

    time: float
    charge: float
    flux: float
    limited: float


class Performance:
    """One waveform being played: the windows that are open or still to open.

    Parameters
    ----------
    fixture, clock
        Where the device is, and its time.
    drives
        By terminal of the waveform.
    compliance
        Largest current of any terminal, A.
    origin
        Time from which readings count, s.
    limits
        Largest voltage of each terminal that is driven by a current, V.
    """

    def __init__(
        self,
        fixture: Fixture,
        clock: Clock,
        drives: Mapping[str, Drive],
        compliance: float,
        origin: float,
        limits: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self._fixture, self._clock, self._drives = fixture, clock, drives
        self._compliance, self._origin, self._limits = compliance, origin, limits
        self._begin = clock.now_s
        self._edges: list[_Event] = []
        self._open: dict[tuple[str, int, int], _Mark] = {}
        self._order = itertools.count()

    def perform(self, start: int, piece: Segment) -> list[Row]:
        """Play one segment; returns the readings whose windows close within it."""
        end = start + piece.length
        self._drive(start, piece)
        for window in piece.windows:
            self._expect(start, piece, window)
        rows = []
        while self._edges and self._edges[0].tick <= end:
            row = self._meet(heapq.heappop(self._edges))
            if row is not None:
                rows.append(row)
        self._advance(end)
        return rows

    def repeat(self, start: int, loop: Loop, stop: Callable[[], bool]) -> None:
        """Play a loop in which nothing is measured; returns early when asked to stop."""
        # the voltages of such turns are not known before they are played
        if self._limits or any(drive.resistance for drive in self._drives.values()):
            turns = itertools.takewhile(lambda _: not stop(), range(loop.count))
            for turn in turns:
                self._turn(start + turn * loop.body.ticks, loop)
            return
        state, pieces = self._fixture.state, self._pieces(loop)
        state.stop = stop
        try:
            done, together = 0, 1
            while done < loop.count and not stop():
                together = min(together, loop.count - done, self._at_most(loop))
                begins, ends = (start + (done + n) * loop.body.ticks for n in (0, together))
                if not bounded(self._fixture, pieces):
                    self._turn(begins, loop)
                    done, together = done + 1, 1
                elif self._passed(pieces, together, ends):
                    done, together = done + together, together * 2
                elif not stop():  # a bound was reached on the way: go on in smaller numbers
                    together //= 2
        finally:
            state.stop = None

    def _at_most(self, loop: Loop) -> int:
        """Return how many turns may be passed together: any number, where time is not paced."""
        if not self._clock.pace:
            return loop.count
        return max(1, int(_AHEAD * self._clock.pace / seconds(loop.body.ticks)))

    def _passed(self, pieces: list[Piece], together: int, end: int) -> bool:
        """Pass turns together, up to `end`; False, with none passed, for a bound or a stop."""
        before = Kept.of(self._fixture)
        try:
            pass_turns(self._fixture, pieces, together, self._time(end))
        except Stopped:
            before.restore()
            return False
        if together > 1 and not bounded(self._fixture, pieces):
            before.restore()
            return False
        self._clock.advance_to(self._time(end))
        return True

    def _turn(self, start: int, loop: Loop) -> None:
        for begin, piece in loop.body.flatten():
            self.perform(start + begin, piece)

    def _pieces(self, loop: Loop) -> list[Piece]:
        """Return a turn as the device model sees it; every drive follows it without a bound."""
        pieces: list[Piece] = []
        for _, piece in loop.body.flatten():
            levels = {
                drive.terminal: _level(piece.levels.get(terminal, (0.0, 0.0)))
                for terminal, drive in self._drives.items()
            }
            pieces.append((levels, seconds(piece.length)))
        for drive in self._drives.values():
            drive.follow("v", ((self._clock.now_s, 0.0),), self._compliance)
        return pieces

    def _drive(self, start: int, piece: Segment) -> None:
        begins, ends = self._time(start), self._time(start + piece.length)
        for terminal, drive in self._drives.items():
            first, last = piece.levels.get(terminal, (0.0, 0.0))
            path = ((begins, first), (ends, last)) if first != last else ((begins, last),)
            if terminal in self._limits:
                drive.follow("i", path, self._limits[terminal])
            else:
                drive.follow("v", path, self._compliance)

    def _time(self, tick: int) -> float:
        return self._begin + seconds(tick)

    def _advance(self, tick: int) -> None:
        self._clock.advance_to(self._time(tick))
        self._fixture.sync()

    def _expect(self, start: int, piece: Segment, window: Window) -> None:
        first, last = piece.levels.get(window.terminal, (0.0, 0.0))
        middle = (window.start + window.stop) / 2 / piece.length
        level = first + (last - first) * min(1.0, middle)
        opening = _Event(
            start + window.start,
            next(self._order),
            window,
            start + window.stop,
            math.nan if window.terminal in self._limits else level,
            seconds(piece.length),
        )
        heapq.heappush(self._edges, opening)

    def _meet(self, edge: _Event) -> Row | None:
        """Open or close a window."""
        self._advance(edge.tick)
        drive = self._drives[edge.window.terminal]
        if edge.closes:
            mark = _Mark(self._clock.now_s, drive.charge, drive.flux, drive.limited)
            closing = edge._replace(tick=edge.closes, closes=0)
            self._open[edge.window.terminal, edge.order, edge.closes] = mark
            heapq.heappush(self._edges, closing)
            return None
        mark = self._open.pop((edge.window.terminal, edge.order, edge.tick))
        return self._reading(edge, drive, mark)

    def _reading(self, edge: _Event, drive: Drive, mark: _Mark) -> Row:
        now = self._clock.now_s
        duration = now - mark.time
        limited = drive.limited > mark.limited
        return Row(
            t=(mark.time + now) / 2 - self._origin,
            terminal=edge.window.terminal,
            role=edge.window.role,
            v_set=edge.v_set,
            v=(drive.flux - mark.flux) / duration,
            i=(drive.charge - mark.charge) / duration,
            width=edge.width,
            u_v=0.0,
            u_i=0.0,
            flags=int(Flag.COMPLIANCE) if limited else 0,
        )


def _level(level: tuple[float, float]) -> float | tuple[float, float]:
    return level if level[0] != level[1] else level[0]
