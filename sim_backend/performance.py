"""A waveform being played on a device with no instrument in between.

Segments are passed one at a time: the fixture finds every moment at which a bound is reached.
Turns of a loop in which nothing is measured are passed together as far as the device model knows a
shorter way (`DeviceModel.repeat`). Before that, and again wherever the doubled number of turns
ends, one turn is looked at: if a current passes its bound in it, turns are played one at a time.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from labctl.readings import Flag, Row
from labctl.waveform import Chain, Loop, Node, Segment, Window, seconds
from sim_backend.clock import Clock
from sim_backend.devices.model import Piece
from sim_backend.drive import Drive
from sim_backend.fixture import Fixture
from sim_backend.turns import bounded, pass_turns

__all__ = ["Performance", "parts"]

_FEWEST = 4  # turns that are worth passing together
_SLOW = 0.05  # s of the wall clock; a number of turns that takes longer is not doubled


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
    """

    def __init__(
        self,
        fixture: Fixture,
        clock: Clock,
        drives: Mapping[str, Drive],
        compliance: float,
        origin: float,
    ) -> None:
        self._fixture, self._clock, self._drives = fixture, clock, drives
        self._compliance, self._origin = compliance, origin
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
        pieces = self._pieces(loop)
        done, together = 0, 1
        while done < loop.count and not stop():
            together = min(together, loop.count - done)
            begins, ends = (start + (done + n) * loop.body.ticks for n in (0, together))
            before = self._fixture.state.values.copy()
            began = time.perf_counter()
            if not bounded(self._fixture, pieces):
                self._turn(begins, loop)
                done, together = done + 1, 1
                continue
            charges = [(drive.charge, drive.flux) for drive in self._fixture.drives]
            pass_turns(self._fixture, pieces, together, self._time(ends))
            if together > 1 and not bounded(self._fixture, pieces):
                # somewhere on the way a bound was reached: go back and go on in smaller numbers
                self._fixture.state.values[:] = before
                self._fixture.time = self._time(begins)
                for drive, (charge, flux) in zip(self._fixture.drives, charges, strict=True):
                    drive.charge, drive.flux = charge, flux
                together //= 2
                continue
            self._clock.advance_to(self._time(ends))
            done += together
            together *= 2 if time.perf_counter() - began < _SLOW else 1

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
            drive.follow("v", path, self._compliance)

    def _time(self, tick: int) -> float:
        return self._begin + seconds(tick)

    def _advance(self, tick: int) -> None:
        self._clock.advance_to(self._time(tick))
        self._fixture.sync()

    def _expect(self, start: int, piece: Segment, window: Window) -> None:
        first, last = piece.levels.get(window.terminal, (0.0, 0.0))
        middle = (window.start + window.stop) / 2 / piece.length
        opening = _Event(
            start + window.start,
            next(self._order),
            window,
            start + window.stop,
            first + (last - first) * min(1.0, middle),
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
