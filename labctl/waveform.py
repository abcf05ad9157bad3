"""Waveforms: level against time on named terminals, as segments with loops.

A waveform is a frozen value built from four nodes. A `Segment` is a straight line on every
terminal; a `Chain` plays its parts one after another (``a + b``); a `Loop` repeats its body
(``a * n``) without ever writing the repetition out; an `Overlay` plays its parts together on
different terminals (``a | b``). So a train of 1e9 pulses is a few hundred bytes, and everything
that has to be known before it is played (`Summary`) comes in closed form from its structure.

Time is counted in whole ticks of one picosecond, so that durations add exactly and a width is never
changed by rounding; the functions take and give seconds. Levels are volts; amperes on a terminal
that a step drives by a current; W/m2 on an optical one. Between waveforms, and on a terminal that a
segment does not name, the level is zero.
"""

from __future__ import annotations

from collections.abc import Mapping

from labctl.errors import BadInput
from labctl.nodes import (
    LONGEST_SEGMENT,
    Chain,
    Loop,
    Node,
    Overlay,
    Role,
    Segment,
    Waveform,
    Window,
)
from labctl.summary import Summary
from labctl.timing import TICKS_PER_SECOND, seconds, ticks

__all__ = [
    "LONGEST_SEGMENT", "TICKS_PER_SECOND", "Chain", "Loop", "Node", "Overlay", "Role", "Segment",
    "Summary", "Waveform", "Window", "pulse", "read", "rest", "sampled", "seconds", "segment",
    "ticks", "train",
]  # fmt: skip

_TURN = 1_000_000 * TICKS_PER_SECOND  # of a rest that does not fit in one segment


def segment(
    duration: float,
    levels: Mapping[str, float | tuple[float, float]],
    *,
    windows: tuple[Window, ...] = (),
    role: Role = "rest",
) -> Segment:
    """Return one straight line per terminal.

    Parameters
    ----------
    duration
        Length, s.
    levels
        For each terminal a constant level or (start, stop), V.
    windows
        Where to measure.
    role
        What the segment is for; a ``pulse`` is counted as one.

    Raises
    ------
    BadInput
        No duration, or a level that is not finite.
    """
    ends = {
        name: (float(level[0]), float(level[1]))
        if isinstance(level, tuple)
        else (float(level), float(level))
        for name, level in levels.items()
    }
    return Segment(ticks(duration), ends, windows, role)


def rest(duration: float) -> Node:
    """Return zero volts on every terminal for a time in s.

    A rest longer than a segment can be (`LONGEST_SEGMENT`) is a loop of shorter ones.

    Raises
    ------
    BadInput
        No duration.
    """
    return _idle(ticks(duration))


def _idle(length: int) -> Node:
    if length <= LONGEST_SEGMENT:
        return Segment(length)
    turns, left = divmod(length, _TURN)
    whole = Segment(_TURN) * turns
    return whole + Segment(left) if left else whole


def pulse(
    amplitude: float,
    width: float,
    *,
    terminal: str = "top",
    edge: float = 0.0,
    measured: bool = True,
) -> Node:
    """Return one pulse from zero and back.

    Parameters
    ----------
    amplitude
        Level of the top, V.
    width
        Full width at half maximum, s: with edges the top lasts ``width - edge``.
    terminal
        The terminal driven.
    edge
        Duration of each edge, s; zero is a step.
    measured
        Measure the last quarter of the top (70 to 95 % of it), where the source has settled.

    Raises
    ------
    BadInput
        The width is not positive or the edges leave no top.
    """
    if width <= 0 or edge < 0 or edge >= width:
        raise BadInput(
            f"a pulse of {width:g} s with edges of {edge:g} s was asked for; "
            "the width must be positive and longer than an edge"
        )
    top = ticks(width) - ticks(edge)
    windows = (_window(terminal, top, 0.70, 0.95, "pulse"),) if measured else ()
    flat = Segment(top, {terminal: (float(amplitude),) * 2}, windows, "pulse")
    if edge == 0:
        return flat
    up = Segment(ticks(edge), {terminal: (0.0, float(amplitude))})
    down = Segment(ticks(edge), {terminal: (float(amplitude), 0.0)})
    return Chain((up, flat, down))


def read(level: float, duration: float, *, terminal: str = "top") -> Segment:
    """Return a read: a low level, measured over 20 to 95 % of its duration.

    Parameters
    ----------
    level
        Read voltage, V.
    duration
        Length, s.
    terminal
        The terminal driven and measured.
    """
    length = ticks(duration)
    window = _window(terminal, length, 0.20, 0.95, "read")
    return Segment(length, {terminal: (float(level),) * 2}, (window,), "read")


def sampled(
    level: float,
    duration: float,
    spacing: float,
    *,
    terminal: str = "top",
    begin: float = 0.0,
    role: Role = "pulse",
) -> Segment:
    """Return a level whose course is captured: windows that follow each other without a gap.

    Parameters
    ----------
    level
        V.
    duration
        Length, s.
    spacing
        Of the windows, s; as many as fit between `begin` and the end of the level.
    terminal
        The terminal driven and measured.
    begin
        Of the first window, s after the level's start: after the edge of a source that has one.
    role
        What the segment is for.

    Raises
    ------
    BadInput
        Not one window fits.

    Examples
    --------
    >>> [w.start // 10**6 for w in sampled(1.0, 4e-6, 1e-6, begin=1e-6).windows]
    [1, 2, 3]
    """
    length, step, first = ticks(duration), ticks(spacing), ticks(begin)
    count = (length - first) // step if step > 0 and first >= 0 else 0
    if count < 1:
        raise BadInput(
            f"windows every {spacing:g} s from {begin:g} s on were asked for in a level of "
            f"{duration:g} s; at least one has to fit"
        )
    edges = range(first, first + count * step, step)
    windows = tuple(Window(terminal, at, at + step, role) for at in edges)
    return Segment(length, {terminal: (float(level),) * 2}, windows, role)


def _window(terminal: str, length: int, start: float, stop: float, role: Role) -> Window:
    return Window(terminal, round(length * start), round(length * stop), role)


def train(one: Node, period: float, count: int) -> Node:
    """Return `count` pulses, one every `period` s; the last one too is followed by its gap.

    Raises
    ------
    BadInput
        The period is shorter than the pulse.
    """
    gap = ticks(period) - one.ticks
    if gap < 0:
        raise BadInput(
            f"a period of {period:g} s was asked for with a pulse of {one.duration:g} s; "
            "the period must be at least the pulse's duration"
        )
    return (one + _idle(gap) if gap else one) * count
