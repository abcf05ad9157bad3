"""Pictures in text: a waveform to scale in a terminal, drawn with Braille dots."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from labctl.results import Panel, Trace
from labctl.units import show

__all__ = ["picture"]

_WIDTH, _HEIGHT = 60, 4  # characters; a character is two dots wide and four high
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BLANK = 0x2800

Span = tuple[float, float]


def picture(panel: Panel, width: int = _WIDTH, height: int = _HEIGHT) -> list[str]:
    """Return the lines of a panel as text, each trace above a time axis of its own length.

    Parameters
    ----------
    panel
        With lines, as `labctl.protocol.Protocol.preview` gives them; other traces are left out.
    width, height
        Of one trace, characters.

    Returns
    -------
    list of str
        Title, then for each trace its rows with the highest and the lowest level beside them, and
        at last the span of the abscissa. A pulse narrower than a column is a line of its height.
    """
    lines = [trace for trace in panel.traces if trace.kind != "points" and len(trace.x) > 1]
    if not lines:
        return []
    told = [panel.title]
    for trace in lines:
        told += _drawn(trace, panel.y_unit, width, height)
    end = max(trace.x[-1] for trace in lines)
    start = min(trace.x[0] for trace in lines)
    left, right = show(start, panel.x_unit), show(end, panel.x_unit)
    told.append(f"{'':10}{left}{right:>{max(1, width - len(left))}}")
    return told


def _drawn(trace: Trace, unit: str, width: int, height: int) -> list[str]:
    low, high = min(0.0, *trace.y), max(0.0, *trace.y)
    spans = _spans(trace.x, trace.y, 2 * width)
    scale = (4 * height - 1) / (high - low) if high > low else 0.0
    cells = [[_BLANK] * width for _ in range(height)]
    for column, (bottom, top) in enumerate(spans):
        for dot in range(round((bottom - low) * scale), round((top - low) * scale) + 1):
            row, part = divmod(4 * height - 1 - dot, 4)
            cells[row][column // 2] |= _DOTS[column % 2][part]
    beside = ["" for _ in range(height)]
    beside[0], beside[-1] = show(high, unit), show(low, unit)
    if trace.label and height > 2:
        beside[1] = trace.label[:9]
    return [
        f"{text:>9.9} {''.join(map(chr, row))}".rstrip()
        for text, row in zip(beside, cells, strict=True)
    ]


def _spans(x: Sequence[float], y: Sequence[float], columns: int) -> list[Span]:
    """Return the lowest and highest level inside each of equal columns of the abscissa."""
    start, length = x[0], x[-1] - x[0]
    if length <= 0:
        return [(min(y), max(y))] * columns
    found: list[Span | None] = [None] * columns
    for (x0, y0), (x1, y1) in itertools.pairwise(zip(x, y, strict=True)):
        a, b = (x0 - start) / length * columns, (x1 - start) / length * columns
        first, last = min(int(a), columns - 1), min(int(b), columns - 1)
        if b > a and b == int(b) and last > first:
            last = min(int(b) - 1, columns - 1)  # it ends where the next column begins
        for column in range(first, last + 1):
            ends = _inside((a, y0), (b, y1), column)
            known = found[column]
            found[column] = _joined(known, ends) if known else ends
    return [span or (0.0, 0.0) for span in found]


def _inside(one: Span, other: Span, column: int) -> Span:
    """Return the lowest and highest level of a straight line inside a column."""
    (a, ya), (b, yb) = one, other
    if b <= a:
        return min(ya, yb), max(ya, yb)
    slope = (yb - ya) / (b - a)
    left, right = max(a, column), min(b, column + 1)
    at = (ya + slope * (left - a), ya + slope * (right - a))
    return min(at), max(at)


def _joined(one: Span, other: Span) -> Span:
    return min(one[0], other[0]), max(one[1], other[1])
