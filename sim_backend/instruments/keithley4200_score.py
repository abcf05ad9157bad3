"""What a pulse card is to play: blocks of straight stretches, repeated, with measure windows.

Standard pulses and Segment Arb sequences both become a list of `Block`. Times are whole numbers of
the card's 10 ns grid. The channels of a card share its clock, so a stretch is straight on all of
them; where their segments do not coincide they are cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from sim_backend.instruments.keithley4200_specification import GRID

__all__ = ["SPOT", "WAVEFORM", "Block", "Lane", "Stretch", "Window", "grid", "join"]

SPOT, WAVEFORM = 1, 2  #: kinds of measurement

#: source levels at the ends of a stretch, V; None: the output relay is open
Ends = tuple[float, float] | None


class Stretch(NamedTuple):
    """Straight lines on all channels."""

    ticks: int
    levels: Mapping[int, Ends]  #: by channel


class Window(NamedTuple):
    """Where a channel is measured; ticks after the start of a turn."""

    channel: int
    start: int
    stop: int
    kind: int  #: `SPOT` or `WAVEFORM`
    averaged: bool  #: over the turns of the block
    place: int  #: of the window among those of its channel in a turn


class Block(NamedTuple):
    """Stretches that are played `loops` times."""

    loops: int
    ticks: int  #: duration of a turn
    stretches: tuple[Stretch, ...]
    windows: tuple[Window, ...]  #: by the time they end


class Lane(NamedTuple):
    """What one channel does in a turn."""

    pieces: Sequence[tuple[int, Ends]]  #: ticks and levels
    windows: Sequence[Window]


def grid(seconds: float) -> int:
    """Return a time as a whole number of ticks."""
    return round(seconds / GRID)


def join(lanes: Mapping[int, Lane], loops: int) -> Block:
    """Make a block of what the channels do at the same time; the shorter ones hold their end.

    Parameters
    ----------
    lanes
        By channel.
    loops
        How often.
    """
    windows = sorted((w for lane in lanes.values() for w in lane.windows), key=_by_end)
    total = max(sum(ticks for ticks, _ in lane.pieces) for lane in lanes.values())
    if len(lanes) == 1:
        ((channel, lane),) = lanes.items()
        stretches = [Stretch(ticks, {channel: ends}) for ticks, ends in lane.pieces]
        return Block(loops, total, tuple(stretches), tuple(windows))
    bends = {channel: _bends(lane, total) for channel, lane in lanes.items()}
    edges = sorted({at for course in bends.values() for at, _, _ in course} | {total})
    places = dict.fromkeys(bends, 0)
    cut: list[Stretch] = []
    for start, stop in pairwise(edges):
        levels: dict[int, Ends] = {}
        for channel, course in bends.items():
            while places[channel] + 1 < len(course) and course[places[channel] + 1][0] <= start:
                places[channel] += 1
            levels[channel] = _part(course[places[channel]], start, stop)
        cut.append(Stretch(stop - start, levels))
    return Block(loops, total, tuple(cut), tuple(windows))


def _by_end(window: Window) -> tuple[int, int]:
    return window.stop, window.channel


_Bend = tuple[int, int, Ends]  # start, ticks, levels


def _bends(lane: Lane, total: int) -> list[_Bend]:
    at, course = 0, []
    for ticks, ends in lane.pieces:
        course.append((at, ticks, ends))
        at += ticks
    if at < total:
        last = course[-1][2]
        course.append((at, total - at, None if last is None else (last[1], last[1])))
    return course


def _part(bend: _Bend, start: int, stop: int) -> Ends:
    at, ticks, ends = bend
    if ends is None or ends[0] == ends[1]:
        return ends
    slope = (ends[1] - ends[0]) / ticks
    return ends[0] + slope * (start - at), ends[0] + slope * (stop - at)
