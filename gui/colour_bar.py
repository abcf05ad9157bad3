"""The colour bar beside tiles in a plot."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter

from gui import look
from gui.shading import Shading, paint_bar

__all__ = ["ColourBar"]

_WIDE, _BEFORE, _AFTER = 12, 10, 8  # px: the colours, before them, before the title


class ColourBar(pg.GraphicsWidget):  # type: ignore[misc] # pyqtgraph comes without types
    """An upright bar with numbers and title; without shading it takes no room."""

    def __init__(self) -> None:
        super().__init__()
        self._value: Shading | None = None
        self.setValue(None)

    def value(self) -> Shading | None:
        """Return what is shown."""
        return self._value

    def setValue(self, shading: Shading | None) -> None:  # noqa: N802 - as Qt's widgets have it
        """Show a shading; None takes the bar away."""
        self._value = shading
        self.setFixedWidth(self._needed())
        self.update()

    def _needed(self) -> float:
        if self._value is None:
            return 0.0
        metrics = QFontMetricsF(look.font(-1))
        numbers = max(
            (metrics.horizontalAdvance(text) for _, text in self._value.ticks()), default=0
        )
        title = metrics.height() if self._value.title else 0.0
        return _BEFORE + _WIDE + 8 + numbers + _AFTER + title

    def paint(self, painter: QPainter, *_: object) -> None:
        """Paint it."""
        if self._value is None:
            return
        area = self.rect()
        bar = QRectF(area.left() + _BEFORE, area.top() + 8, _WIDE, max(area.height() - 16, 1.0))
        paint_bar(painter, bar, self._value, upright=True)
        high = QFontMetricsF(look.font(-1)).height()
        painter.setFont(look.font(-0.5))
        painter.setPen(QColor(look.colours().ink))
        painter.save()
        painter.translate(area.right() - high, area.bottom())
        painter.rotate(-90)
        line = QRectF(0, 0, area.height(), high)
        painter.drawText(line, Qt.AlignmentFlag.AlignCenter, self._value.title)
        painter.restore()
