"""Lines behind the data where the axes have their numbers.

pyqtgraph's own are translucent and drawn one by one, which takes longer than 1e7 points do.
"""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QLineF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from gui import look

__all__ = ["GridLines"]


class GridLines(pg.GraphicsWidget):  # type: ignore[misc] # pyqtgraph comes without types
    """The grid of one pair of axes; a child of their view.

    Parameters
    ----------
    box
        The view.
    axes
        Abscissa and ordinate.
    """

    def __init__(self, box: Any, axes: tuple[Any, Any]) -> None:
        super().__init__()
        self._box, self._axes = box, axes
        self.setParentItem(box)
        self.setZValue(-100)
        box.sigRangeChanged.connect(self._follow)
        box.sigResized.connect(self._follow)

    def _follow(self, *_: object) -> None:
        self.setGeometry(0, 0, self._box.width(), self._box.height())
        self.update()

    def lines(self) -> list[QLineF]:
        """Return the lines, in pixels of the view."""
        wide, high = self.rect().width(), self.rect().height()
        if wide <= 0 or high <= 0:
            return []
        (left, right), (low, top) = self._box.viewRange()
        found = []
        for at in _places(self._axes[0], left, right, wide):
            x = float(round((at - left) / (right - left) * wide)) + 0.5
            found.append(QLineF(x, 0.0, x, high))
        for at in _places(self._axes[1], low, top, high):
            y = float(round((top - at) / (top - low) * high)) + 0.5
            found.append(QLineF(0.0, y, wide, y))
        return found

    def paint(self, painter: QPainter, *_: object) -> None:
        """Paint the lines."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(QPen(QColor(look.colours().grid), 0))
        painter.drawLines(self.lines())
        x_axis, y_axis = self._axes
        if x_axis.since or y_axis.since:
            self._say_bases(painter, x_axis.since, y_axis.since)

    def _say_bases(self, painter: QPainter, below: str, beside: str) -> None:
        """Write what is to be added to the numbers: of the ordinate on top, else at the right."""
        painter.setPen(QColor(look.colours().faded))
        painter.setFont(look.font(-1))
        area = self.rect().adjusted(4, 1, -4, -1)
        side = Qt.AlignmentFlag
        painter.drawText(area, side.AlignLeft | side.AlignTop, beside)
        painter.drawText(area, side.AlignRight | side.AlignBottom, below)


def _places(axis: Any, low: float, high: float, length: float) -> list[float]:
    """Return where numbers stand; on a logarithmic axis also the places between decades."""
    levels = axis.tickValues(low, high, length) if high > low else []
    chosen = levels[: 2 if axis.quantity.log else 1]
    return [at for _, places in chosen for at in places if low < at < high]
