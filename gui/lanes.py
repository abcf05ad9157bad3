"""The painting of waveform lanes: levels, measurement windows, a time axis on any scale."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from gui import look
from labctl.plot import scale_for
from labctl.report import typeset
from labctl.timing import seconds
from labctl.units import show
from labctl.zoom import Lane, Zoom

__all__ = ["Span", "Tick", "colour_of", "draw_axis", "draw_lane", "draw_overview", "time_ticks"]

_TICKS = 6  # on the axis, about
_FAR = 100_000  # times the step of the ticks: beyond, ticks count from a base
_PAD = 0.12  # of a lane, above and below


class Span(NamedTuple):
    """What of the time is in view, ticks."""

    start: int
    stop: int

    @property
    def width(self) -> int:
        """Its length, ticks."""
        return self.stop - self.start

    def x(self, at: int, area: QRectF) -> float:
        """Return where a time is."""
        return area.left() + area.width() * ((at - self.start) / self.width)

    def at(self, x: float, area: QRectF) -> int:
        """Return the time at a place."""
        return self.start + round(self.width * ((x - area.left()) / max(area.width(), 1.0)))


class Tick(NamedTuple):
    """A place on the time axis."""

    at: int  #: ticks
    text: str


def time_ticks(span: Span) -> tuple[list[Tick], str]:
    """Return ticks of a time axis, and what they count from where that is far away.

    Examples
    --------
    >>> ticks, base = time_ticks(Span(0, 10**10))
    >>> [tick.text for tick in ticks], base
    (['0', '2', '4', '6', '8', '10 ms'], '')
    >>> ticks, base = time_ticks(Span(10**15, 10**15 + 10**4))
    >>> [tick.text for tick in ticks], base
    (['+0', '+2', '+4', '+6', '+8', '+10 ns'], '1000 s')
    """
    raw = max(span.width / _TICKS, 1.0)
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * (1 - 1e-9))
    first = -(-span.start // step)
    places = [k * step for k in range(first, span.stop // step + 1)]
    base, said = 0, ""
    if places and abs(places[0]) > _FAR * step:
        base, sign = places[0], "+"
        said = f"{seconds(base):.12g} s"
    else:
        sign = ""
    ends = [seconds(at - base) for at in places]
    scale = scale_for(ends, "s")
    texts = [f"{sign}{end * scale.factor:.10g}" for end in ends]
    if texts:
        texts[-1] += f" {scale.unit}"
    return [Tick(at, text) for at, text in zip(places, texts, strict=True)], said


def colour_of(number: int) -> QColor:
    """Return the colour of a lane by its number."""
    return QColor(look.CATEGORICAL[number % len(look.CATEGORICAL)])


def draw_lane(
    painter: QPainter, area: QRectF, lane: Lane, ends: tuple[float, float], colour: QColor,
    width: float,
) -> None:  # fmt: skip
    """Paint one terminal.

    Parameters
    ----------
    painter, area
        Where; the whole width is the time in view.
    lane
        What.
    ends
        Lowest and highest level of the lane's axis, V or A.
    colour
        Of the line.
    width
        Length of the time in view, s.
    """
    low, high = ends
    inner = area.adjusted(0, area.height() * _PAD, 0, -area.height() * _PAD)

    def y(v: float) -> float:
        return inner.bottom() - inner.height() * ((v - low) / (high - low))

    zero = QPen(QColor(look.colours().line), 1)
    painter.setPen(zero)
    painter.drawLine(QPointF(area.left(), y(0.0)), QPointF(area.right(), y(0.0)))
    if not len(lane.t):
        return
    xs = area.left() + area.width() * (lane.t / width)
    if lane.exact:
        _draw_marks(painter, area, lane, colour, width)
        points = [QPointF(a, y(v)) for a, v in zip(xs.tolist(), lane.low.tolist(), strict=True)]
        shade = QColor(colour)
        shade.setAlphaF(0.16)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(shade)
        closed = [QPointF(points[0].x(), y(0.0)), *points, QPointF(points[-1].x(), y(0.0))]
        painter.drawPolygon(QPolygonF(closed))
        painter.setPen(QPen(colour, 1.6))
        painter.drawPolyline(QPolygonF(points))
        return
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    right = np.append(xs[1:], area.right() if len(xs) < 2 else 2 * xs[-1] - xs[-2])
    # neighbouring columns overlap, so that a step between two of them is seen
    tops = np.maximum(lane.high, np.append(lane.low[1:], lane.low[-1])).tolist()
    bottoms = np.minimum(lane.low, np.append(lane.high[1:], lane.high[-1])).tolist()
    for a, b, top, bottom in zip(xs.tolist(), right.tolist(), tops, bottoms, strict=True):
        above = y(top)
        painter.drawRect(QRectF(a, above - 0.7, max(b - a, 1.0), max(y(bottom) - above, 0) + 1.4))


def _draw_marks(painter: QPainter, area: QRectF, lane: Lane, colour: QColor, width: float) -> None:
    """Shade the measurement windows."""
    shade = QColor(look.colours().accent)
    shade.setAlphaF(0.22)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(shade)
    for mark in lane.marks:
        left = area.left() + area.width() * (mark.start / width)
        right = area.left() + area.width() * (mark.stop / width)
        painter.drawRect(QRectF(left, area.top(), max(right - left, 1.0), area.height()))


def draw_axis(painter: QPainter, area: QRectF, span: Span) -> None:
    """Paint the time axis; `area` is below the lanes."""
    c = look.colours()
    ticks, base = time_ticks(span)
    painter.setFont(look.font(-1))
    for tick in ticks:
        x = span.x(tick.at, area)
        painter.setPen(QPen(QColor(c.line), 1))
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.top() + 4))
        painter.setPen(QColor(c.faded))
        box = QRectF(x - 60, area.top() + 4, 120, area.height() - 4)
        box.moveLeft(min(max(box.left(), area.left() - 50), area.right() - 90))
        painter.drawText(box, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, tick.text)
    if base:
        painter.setPen(QColor(c.faded))
        left = QRectF(0, area.top() + 4, area.left() - 8, area.height() - 4)
        painter.drawText(left, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop, base)


def draw_scale(
    painter: QPainter, area: QRectF, name: str, ends: tuple[float, float], colour: QColor,
    unit: str = "V",
) -> None:  # fmt: skip
    """Paint a lane's name left of it, and its lowest and highest level where there is room.

    Parameters
    ----------
    painter, area
        Where.
    name
        Of the lane.
    ends
        Lowest and highest level of its axis.
    colour
        Of its line.
    unit
        Of its levels.
    """
    c = look.colours()
    flags = Qt.AlignmentFlag.AlignRight
    painter.setFont(look.font(-1))
    painter.setPen(QColor(c.faded))
    inner = area.adjusted(0, area.height() * _PAD - 8, -6, -area.height() * _PAD + 8)
    low, high = ends
    room = area.height() > 3 * painter.fontMetrics().height()
    if high > 0 and room:
        painter.drawText(inner, flags | Qt.AlignmentFlag.AlignTop, typeset(show(high, unit)))
    if low < 0 and room:
        painter.drawText(inner, flags | Qt.AlignmentFlag.AlignBottom, typeset(show(low, unit)))
    painter.setPen(colour)
    middle = flags | Qt.AlignmentFlag.AlignVCenter
    painter.drawText(area.adjusted(0, 0, -6, 0), middle, name)


def draw_overview(painter: QPainter, area: QRectF, zoom: Zoom, span: Span) -> None:
    """Paint the whole course as one low strip, with the part in view marked."""
    c = look.colours()
    whole = Span(0, zoom.ticks)
    columns = max(1, int(area.width()))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(c.raised))
    left, right = whole.x(span.start, area), whole.x(span.stop, area)
    painter.drawRect(QRectF(left, area.top(), max(right - left, 3.0), area.height()))
    lanes = zoom.view(0, zoom.ticks, columns)
    for number, (name, lane) in enumerate(lanes.items()):
        colour = colour_of(number)
        draw_lane(painter, area, lane, axis_ends(zoom, name), colour, zoom.duration)
    painter.setPen(QPen(QColor(c.accent), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(QRectF(left, area.top(), max(right - left, 3.0), area.height()))


def axis_ends(zoom: Zoom, terminal: str) -> tuple[float, float]:
    """Return the ends of a lane's axis: its levels and zero."""
    low, high = zoom.extremes(terminal)
    low, high = min(low, 0.0), max(high, 0.0)
    return (low, high) if low < high else (0.0, 1.0)
