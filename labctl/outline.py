"""Outlines: a waveform as the corners of its lines, to draw it to scale before it is sent."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from labctl.results import Panel, Trace
from labctl.timing import seconds
from labctl.waveform import Node

__all__ = ["corners", "waveform_panel"]

_MOST_SEGMENTS = 4000  # beyond, a picture shows the beginning and says so

Line = tuple[tuple[float, ...], tuple[float, ...]]


def corners(waveform: Node, terminal: str, most: int = _MOST_SEGMENTS) -> Line:
    """Return times in s and levels of the corners on one terminal, from zero and back.

    Parameters
    ----------
    waveform
        What is played.
    terminal
        Whose level.
    most
        Segments walked; a longer waveform ends there, at its level.
    """
    times, levels = [0.0], [0.0]
    complete = True
    for k, (start, part) in enumerate(itertools.islice(waveform.flatten(), most + 1)):
        if k == most:
            complete = False
            break
        first, last = part.levels.get(terminal, (0.0, 0.0))
        times += [seconds(start), seconds(start + part.length)]
        levels += [first, last]
    if complete:
        times, levels = [*times, times[-1]], [*levels, 0.0]
    return tuple(times), tuple(levels)


def waveform_panel(
    title: str,
    waveform: Node,
    terminals: Sequence[str] = (),
    *,
    branch: str = "",
    label: str = "level",
    unit: str = "V",
    most: int = _MOST_SEGMENTS,
) -> Panel:
    """Return a waveform to scale, a line for each terminal.

    Parameters
    ----------
    title
        Says which part of the protocol it is.
    waveform
        What is played.
    terminals
        Those shown, in this order; empty for all that it drives.
    branch
        ``potentiation`` or ``depression`` for a single terminal; colours tell several apart.
    label, unit
        Of the ordinate: ``irradiance`` and ``W/m2`` for light, ``current`` and ``A`` for a terminal
        that is driven by one.
    most
        Segments shown.
    """
    names = tuple(terminals) or tuple(sorted(waveform.terminals))
    single = len(names) < 2
    traces = tuple(
        Trace(*corners(waveform, name, most), "" if single else name, "line",
              branch=branch if single else "")
        for name in names
    )  # fmt: skip
    return Panel(title, "time", "s", label, unit, traces)
