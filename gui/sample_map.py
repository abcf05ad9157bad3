"""The map of a sample: sites as squares, coloured by status or a figure of merit, to be chosen."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QToolTip, QWidget

from gui.look import GRID, colours
from gui.sample import Cell, Layout

__all__ = ["SampleMap"]

_DRAG = 6  # px from which a movement is a lasso


class SampleMap(QWidget):
    """Sites to look at and to choose. The value is the tuple of names that are chosen.

    A click chooses one; with Shift or Ctrl it is added or taken out; dragging draws a lasso round
    several; the arrow keys walk.

    Parameters
    ----------
    parent
        As for every widget.
    """

    valueChanged = Signal(object)  # noqa: N815 - tuple of names

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = Layout()
        self._colour: dict[str, QColor] = {}
        self._told: dict[str, str] = {}
        self._value: tuple[str, ...] = ()
        self._lasso: list[QPointF] = []
        self.setMinimumHeight(88)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("map of the sample")

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a comfortable size."""
        return QSize(200, 200)

    def setLayoutOfSites(self, layout: Layout) -> None:  # noqa: N802 - Qt's manner
        """Show these sites."""
        self._layout = layout
        names = {cell.name for cell in layout.cells}
        self._value = tuple(name for name in self._value if name in names)
        self.update()

    def setColours(  # noqa: N802 - Qt's manner
        self, colour: Mapping[str, QColor], told: Mapping[str, str]
    ) -> None:
        """Colour sites by name, and say what a tip tells of each."""
        self._colour, self._told = dict(colour), dict(told)
        self.update()

    def value(self) -> tuple[str, ...]:
        """Return the names that are chosen, in the order they are measured."""
        return self._value

    def setValue(self, names: tuple[str, ...]) -> None:  # noqa: N802 - Qt's manner
        """Choose these sites."""
        if names != self._value:
            self._value = names
            self.update()

    def place_of(self, name: str) -> QRectF:
        """Return where a site is drawn; an empty rectangle where it is not on the map."""
        found = next((cell for cell in self._layout.cells if cell.name == name), None)
        return QRectF() if found is None else self._rectangle(found)

    # -- geometry ---------------------------------------------------------------------------------

    def _frame(self) -> tuple[float, float, float]:
        """Return the side of a die in px and the corner of the first."""
        inside = self.rect().adjusted(GRID, GRID // 2, -GRID, -GRID // 2)
        columns, rows = max(self._layout.columns, 1), max(self._layout.rows, 1)
        side = max(min(inside.width() / columns, inside.height() / rows, 72.0), 1.0)
        left = inside.left() + (inside.width() - side * columns) / 2
        return side, left, float(inside.top())

    def _rectangle(self, cell: Cell) -> QRectF:
        side, left, top = self._frame()
        size = max(cell.side * side - 1, 1.0)
        return QRectF(left + cell.x * side, top + cell.y * side, size, size)

    def _at(self, point: QPointF) -> str:
        for cell in self._layout.cells:
            if self._rectangle(cell).adjusted(-0.5, -0.5, 0.5, 0.5).contains(point):
                return cell.name
        return ""

    # -- events -----------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw dies, sites, the choice and the lasso."""
        palette = colours()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side, left, top = self._frame()
        painter.setPen(QPen(QColor(palette.faded), 0.5))
        for column, row in self._layout.dies:
            x, y = left + (column - 1) * side, top + (row - 1) * side
            painter.drawRect(QRectF(x, y, side - 1, side - 1))
        chosen = set(self._value)
        for cell in self._layout.cells:
            where = self._rectangle(cell)
            painter.fillRect(where, self._colour.get(cell.name, QColor(palette.line)))
            if cell.name in chosen:
                painter.setPen(QPen(QColor(palette.ink), 2))
                painter.drawRect(where.adjusted(1, 1, -1, -1))
        if len(self._lasso) > 1:
            painter.setPen(QPen(QColor(palette.accent), 1, Qt.PenStyle.DashLine))
            painter.drawPolygon(QPolygonF(self._lasso))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Begin a click or a lasso."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._lasso = [event.position()]

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Go on with the lasso."""
        if self._lasso:
            self._lasso.append(event.position())
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Choose what was clicked, or what lies in the lasso."""
        lasso, self._lasso = self._lasso, []
        if not lasso or event.button() != Qt.MouseButton.LeftButton:
            return
        keys = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier
        more = bool(event.modifiers() & keys)
        far = max((point - lasso[0]).manhattanLength() for point in (*lasso, event.position()))
        if far < _DRAG:
            name = self._at(event.position())
            self._choose((name,) if name else (), more=more)
        else:
            loop = QPolygonF([*lasso, event.position()])
            rule = Qt.FillRule.OddEvenFill
            inside = (
                cell.name
                for cell in self._layout.cells
                if loop.containsPoint(self._rectangle(cell).center(), rule)
            )
            self._choose(tuple(inside), more=more)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Walk with the arrows; Ctrl+A chooses all."""
        ways = {
            Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1),
        }  # fmt: skip
        ctrl = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_A and ctrl:
            self._choose(tuple(cell.name for cell in self._layout.cells), more=False)
        elif key in ways:
            self._walk(*ways[key])
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Tell of the site under the cursor."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            name = self._at(QPointF(event.pos()))
            text = self._told.get(name, f"{name}: not measured" if name else "")
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def _walk(self, across: int, down: int) -> None:
        cells = self._layout.cells
        now = next((cell for cell in cells if cell.name == next(iter(self._value), "")), None)
        if now is None:
            self._choose(tuple(cell.name for cell in cells[:1]), more=False)
            return
        ahead = [
            (abs(cell.x - now.x) + abs(cell.y - now.y) + 4 * abs(off), cell.name)
            for cell in cells
            if (along := (cell.x - now.x) * across + (cell.y - now.y) * down) > 0
            and (off := (cell.x - now.x) * down + (cell.y - now.y) * across) is not None
            and abs(off) <= along
        ]
        if ahead:
            self._choose((min(ahead)[1],), more=False)

    def _choose(self, names: tuple[str, ...], *, more: bool) -> None:
        if more:
            kept = tuple(name for name in self._value if name not in names)
            added = tuple(name for name in names if name not in self._value)
            names = kept + added if len(names) == 1 else tuple(dict.fromkeys(self._value + names))
        if names != self._value:
            self._value = names
            self.update()
            self.valueChanged.emit(names)
