"""The legend of a plot and the title above one, painted by hand.

pyqtgraph's own are made of labels whose teardown is not safe when a plot goes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPen

from gui import look
from gui.styles import FLAGGED, POINTS, Style

__all__ = ["Entry", "Legend", "Title"]

_SAMPLE, _PAD, _MOST = 26, 6, 16  # width of a sample, room around, entries
_TITLE = 20  # height of a title, pixels


class Entry(NamedTuple):
    """One line of a legend."""

    text: str
    style: Style
    kind: str  #: of the trace


class Legend(pg.GraphicsWidget):  # type: ignore[misc] # pyqtgraph comes without types
    """What the traces of a plot are."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: tuple[Entry, ...] = ()
        self._more = 0
        self.setZValue(100)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What is listed."""
        return self._entries

    def enter(self, entries: list[Entry]) -> None:
        """List traces; of very many the first ones, and how many more there are."""
        self._entries, self._more = tuple(entries[:_MOST]), max(0, len(entries) - _MOST)
        metrics = QFontMetricsF(look.font(-1))
        wide = max((metrics.horizontalAdvance(text) for text in self._texts()), default=0.0)
        self.resize(wide + _SAMPLE + 3 * _PAD, metrics.height() * len(self._texts()) + 2 * _PAD)
        self.update()

    def _texts(self) -> list[str]:
        more = [f"and {self._more} more"] if self._more else []
        return [entry.text for entry in self._entries] + more

    def paint(self, painter: QPainter, *_: object) -> None:
        """Paint samples and texts."""
        c = look.colours()
        paper = QColor(c.paper)
        paper.setAlpha(205)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(look.font(-1))
        high = QFontMetricsF(look.font(-1)).height()
        painter.fillRect(self.rect(), paper)
        for row, text in enumerate(self._texts()):
            line = QRectF(_PAD, _PAD + row * high, self.rect().width() - 2 * _PAD, high)
            painter.setPen(QColor(c.ink))
            side = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(line.adjusted(_SAMPLE + _PAD, 0, 0, 0), side, text)
            if row < len(self._entries):
                _draw_sample(painter, QRectF(line.left(), line.top(), _SAMPLE, high), self, row)


def _draw_sample(painter: QPainter, area: QRectF, legend: Legend, row: int) -> None:
    _, style, kind = legend.entries[row]
    middle = area.center()
    if kind not in POINTS:
        pen = QPen(QColor(style.colour), 2)
        if style.dashes:
            pen.setDashPattern(list(style.dashes))
        painter.setPen(pen)
        painter.drawLine(QPointF(area.left(), middle.y()), QPointF(area.right(), middle.y()))
        return
    shape: Any = pg.graphicsItems.ScatterPlotItem.Symbols[style.marker]
    size = 10 if kind == FLAGGED else 7
    painter.save()
    painter.translate(middle)
    painter.scale(size, size)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(style.colour))
    if kind == FLAGGED:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(style.colour), 1.5 / size))
    painter.drawPath(QPainterPath(shape))
    painter.restore()


class Title(pg.GraphicsWidget):  # type: ignore[misc] # pyqtgraph comes without types
    """A line of text above a group; without text it takes no room."""

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self.say("")

    def say(self, text: str) -> None:
        """Show a text."""
        self._text = text
        self.setFixedHeight(_TITLE if text else 0)
        self.update()

    def paint(self, painter: QPainter, *_: object) -> None:
        """Paint the text."""
        painter.setFont(look.font())
        painter.setPen(QColor(look.colours().ink))
        side = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(self.rect(), side, self._text)
