"""Spikes: waveforms of neurons, and pairs of them that really overlap on the two ends of a device.

A spike is a list of straight lines. A pair plays the presynaptic spike on one terminal and the
postsynaptic one on the other, dt = t_post - t_pre apart (from onset to onset), so that the device
sees their difference; where only one terminal can be driven, the difference itself is played on it,
which is the same to a device that knows no ground.
"""

from __future__ import annotations

import csv
import functools
import itertools
import math
import operator
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from labctl.errors import BadInput
from labctl.timing import seconds, ticks
from labctl.waveform import Node, Segment, Window, rest, segment

__all__ = ["Line", "Lines", "Shape", "pair", "read_points", "shape_of", "spikes"]

Shape = Literal["biphasic", "square", "triangular", "exponential", "file"]
Line = tuple[float, float, float]  #: duration, s; level at its beginning and at its end, V
Lines = tuple[Line, ...]

_FINE, _COARSE = 1e-8, 1e-6  # s: the grids of pulse cards and of source-meters
_SLOW = 100e-6  # s: spikes this long are put on the coarse grid
_FLAT = (0.70, 0.95)  # of a constant level: where a source has settled
_SLOPED = (0.25, 0.75)  # of a line: around its middle, so that the mean is the line's


def shape_of(
    shape: Literal["biphasic", "square", "triangular", "exponential"],
    amplitude: float,
    width: float,
    *,
    head: float = 0.1,
    decay: float = 0.25,
    pieces: int = 12,
    stairs: bool = False,
) -> Lines:
    """Return a spike.

    Parameters
    ----------
    shape
        ``square``: one level. ``biphasic``: the level negated, then the level, each for the width.
        ``triangular`` and ``exponential``: a short head at the level negated, then a tail that
        begins at the level and falls, straight to zero or exponentially (after
        Zamarreño-Ramos et al., doi:10.3389/fnins.2011.00026).
    amplitude, width
        Level, V, and duration of the positive part, s.
    head
        Width of the head as a share of the width.
    decay
        Time constant of the exponential tail as a share of the width, at which it is cut.
    pieces
        Straight lines that an exponential is made of.
    stairs
        Constant levels in place of slopes, each the mean of the piece it replaces.
    """
    before = (head * width, -amplitude, -amplitude)
    if shape == "square":
        return ((width, amplitude, amplitude),)
    if shape == "biphasic":
        return ((width, -amplitude, -amplitude), (width, amplitude, amplitude))
    count = pieces if stairs or shape == "exponential" else 1
    shares = [k / count for k in range(count + 1)]
    heights = [
        1.0 - share if shape == "triangular" else math.exp(-share / decay) for share in shares
    ]
    levels = [amplitude * height for height in heights]
    tail = [(width / count, a, b) for a, b in itertools.pairwise(levels)]
    return (before, *(_flattened(tail) if stairs else tail))


def _flattened(lines: list[Line]) -> list[Line]:
    return [(length, (a + b) / 2, (a + b) / 2) for length, a, b in lines]


def read_points(path: str | Path) -> tuple[tuple[float, float], ...]:
    """Read a spike from a CSV file: time in s and level in V in its first two columns.

    Lines whose first column is no number (headers, comments) are passed over.

    Raises
    ------
    BadInput
        The file cannot be read, or does not hold at least two points in rising time.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            found = [point for row in csv.reader(file) if (point := _point(row)) is not None]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f'the spike "{path}" cannot be read: {error}; give a CSV file') from None
    if len(found) < 2 or any(b[0] < a[0] for a, b in itertools.pairwise(found)):
        raise BadInput(
            f'the spike "{path}" has {len(found)} points in two columns; at least two are needed, '
            "time in s and level in V, and time must not go back"
        )
    return tuple(found)


def _point(row: list[str]) -> tuple[float, float] | None:
    try:
        point = (float(row[0]), float(row[1]))
    except (ValueError, IndexError):
        return None
    return point if all(map(math.isfinite, point)) else None


def spikes(
    points: tuple[tuple[float, float], ...], *, pieces: int = 12, stairs: bool = False
) -> Lines:
    """Return the spike through points; two at the same time are a step.

    Parameters
    ----------
    points
        Time, s, and level, V.
    pieces, stairs
        Whether, and into how many constant levels, every slope is cut.
    """
    lines: list[Line] = []
    for (start, a), (stop, b) in itertools.pairwise(points):
        if stop == start:
            continue
        count = pieces if stairs and a != b else 1
        cut = [a + (b - a) * k / count for k in range(count + 1)]
        length = (stop - start) / count
        part = [(length, u, v) for u, v in itertools.pairwise(cut)]
        lines += _flattened(part) if stairs else part
    return tuple(lines)


def pair(
    pre: Lines, post: Lines, dt: float, terminals: tuple[str, str], gap: float = 0.0
) -> tuple[Node, tuple[float, float]]:
    """Return a pair of spikes, measured in every straight piece.

    Parameters
    ----------
    pre, post
        The spikes.
    dt
        Onset of the postsynaptic spike less that of the presynaptic one, s.
    terminals
        Of both; an empty second one plays pre - post on the first.
    gap
        Zero volts on both terminals at the end of every constant piece, s, for instruments that
        go back to zero between two levels. The pieces are shortened by it.

    Returns
    -------
    waveform
        Times are rounded to 1 us (10 ns for spikes below 100 us), the grids of instruments.
    onsets
        When the presynaptic and the postsynaptic spike begin, s.

    Raises
    ------
    BadInput
        A gap was asked for with sloping levels, or is longer than a piece.
    """
    grid = _COARSE if min(sum(x[0] for x in lines) for lines in (pre, post)) >= _SLOW else _FINE
    before, after = _on(max(-dt, 0.0), grid), _on(max(dt, 0.0), grid)
    both = _play(pre, "pre", before, grid) | _play(post, "post", after, grid)
    onsets = {ticks(x) if x else 0 for x in (before, after)}
    parts = [
        part
        for start, piece in both.flatten()
        for part in _piece(piece, terminals, gap, begins=start in onsets)
    ]
    return functools.reduce(operator.add, parts), (before, after)


def _on(time: float, grid: float) -> float:
    return round(time / grid) * grid


def _play(lines: Lines, name: str, delay: float, grid: float) -> Node:
    """Return a spike after its delay on a terminal of its own; its corners are on the grid."""
    parts: list[Node] = [rest(delay)] if delay else []
    end, now = 0.0, 0.0
    for length, a, b in lines:
        end += length
        stop = _on(end, grid)
        if stop > now:
            parts.append(segment(stop - now, {name: (a, b)}))
            now = stop
    return functools.reduce(operator.add, parts)


def _piece(piece: Segment, terminals: tuple[str, str], gap: float, begins: bool) -> Iterator[Node]:
    levels = _levels(piece, terminals)
    if not any(a or b for a, b in levels.values()):
        # nothing on the device, or the two spikes cancel: they are played all the same
        yield Segment(piece.length)
        return
    flat = all(a == b for a, b in levels.values())
    length = piece.length - ticks(gap) if gap else piece.length
    if length <= 0 or (gap and not flat):
        raise BadInput(
            f"a gap of {gap:g} s was asked for in a piece of {seconds(piece.length):g} s; it must "
            "be shorter than every piece of a pair, and these constant: take stairs or other dt"
        )
    share = _FLAT if flat else _SLOPED
    begin, end = (round(length * s) for s in share)
    yield Segment(
        length,
        levels,
        tuple(Window(name, begin, end, "pulse") for name in levels),
        "pulse" if begins else "rest",
    )
    if gap:
        yield Segment(ticks(gap))


def _levels(piece: Segment, terminals: tuple[str, str]) -> dict[str, tuple[float, float]]:
    pre, post = (piece.levels.get(name, (0.0, 0.0)) for name in ("pre", "post"))
    if terminals[1]:
        return {terminals[0]: pre, terminals[1]: post}
    return {terminals[0]: (pre[0] - post[0], pre[1] - post[1])}
