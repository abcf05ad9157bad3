"""Panels in the window: what `labctl.plot` draws on paper, to be zoomed, read off and compared.

The wheel zooms at the pointer, dragging pans, a double click shows everything again. The crosshair
says what is under it with unit and uncertainty, a click copies that. Several groups of panels have
a tab each, or stand side by side.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from PySide6.QtCore import QEvent, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from gui import look
from gui.panel_parts import MenuEntry, TitleTabs, fill_menu
from labctl.plot import groups
from labctl.report import typeset
from labctl.results import Panel
from labctl.units import show, show_uncertain

if TYPE_CHECKING:
    from gui.canvas import Canvas, Hit

__all__ = ["PanelPlot", "first_shown", "hit_text"]

_EMPTY = "Nothing to show yet"
_SAID = 1500  # ms that "copied" stands

Group = tuple[Panel, ...]


class PanelPlot(QWidget):
    """Panels of a protocol, of a run or of several runs.

    Keys: X and Y make an axis logarithmic, Home shows everything, A shows all groups, P pins what
    is shown so that it stays behind what comes, Ctrl+C copies the value under the crosshair,
    Ctrl+Shift+E exports.
    """

    valueChanged = Signal(object)  #: tuple of Panel  # noqa: N815 - as Qt's widgets have it
    chosenChanged = Signal(str)  #: title of the group shown  # noqa: N815
    copied = Signal(str)  #: the text that is in the clipboard now
    rangeChosen = Signal(float, float)  #: dragged, SI  # noqa: N815 - as Qt's widgets have it
    rangeShown = Signal(object)  #: ends that were zoomed to, SI; None for all  # noqa: N815
    exportWanted = Signal(str)  #: ``svg``, ``pdf``, ``png``, ``csv`` or ``image``  # noqa: N815

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value: tuple[Panel, ...] = ()
        self._overlays: dict[str, tuple[Panel, ...]] = {}
        self._title, self._all = "", False  # what the user has chosen
        self._shown = ""
        self._simulated = False
        self._canvas: Canvas | None = None
        self._hit: Hit | None = None
        self._build()
        self._actions()
        self._show()

    def value(self) -> tuple[Panel, ...]:
        """Return the panels."""
        return self._value

    def setValue(self, value: tuple[Panel, ...]) -> None:  # noqa: N802 - as Qt's widgets have it
        """Show panels; the group and the range that the user chose stay while they are there."""
        self._value = tuple(value)
        self._show()
        self.valueChanged.emit(self._value)

    def chosen(self) -> str:
        """Return the title of the group that is shown."""
        return self._shown

    def shown(self) -> tuple[Panel, ...]:
        """Return the panels of the group that is shown, or all that stand side by side."""
        if self._all:
            return self._value
        found = [group for group in groups(self._value) if group[0].title == self._shown]
        return found[0] if found else ()

    def choose(self, title: str) -> None:
        """Show the group of this title; nothing happens where there is none."""
        self._title, self._all = title, False
        self._show()

    def setSimulated(self, simulated: bool) -> None:  # noqa: N802 - as Qt's widgets have it
        """Mark the panels as made from a virtual bench."""
        self._simulated = simulated
        self._mark.setVisible(simulated and bool(self._value))

    def simulated(self) -> bool:
        """Return whether they are marked so."""
        return self._simulated

    def setMessage(self, text: str) -> None:  # noqa: N802 - as Qt's widgets have it
        """Say what to do, where there are no panels."""
        self._message.setText(text)

    def overlays(self) -> dict[str, tuple[Panel, ...]]:
        """Return what is drawn over the panels, by name."""
        return dict(self._overlays)

    def setOverlay(self, name: str, panels: tuple[Panel, ...]) -> None:  # noqa: N802
        """Draw panels of another run over those shown; without panels they go."""
        if panels:
            self._overlays[name] = tuple(panels)
        else:
            self._overlays.pop(name, None)
        self._show()

    def clearOverlays(self) -> None:  # noqa: N802 - as Qt's widgets have it
        """Show the panels alone."""
        self._overlays.clear()
        self._show()

    def pin(self) -> None:
        """Keep what is shown behind what will be."""
        if self._value:
            number = 1 + sum(name.startswith("pinned") for name in self._overlays)
            self.setOverlay(f"pinned {number}", self._value)

    def fit(self) -> None:
        """Show all data."""
        if self._canvas is not None:
            self._canvas.fit()
        self.rangeShown.emit(None)

    def setRange(self, low: float, high: float) -> None:  # noqa: N802 - as Qt's widgets have it
        """Show a range of the abscissa between two lines that can be dragged."""
        if self._canvas is not None:
            self._canvas.set_range(low, high)

    def setLog(self, axis: str, log: bool | None) -> None:  # noqa: N802 - as Qt's widgets have it
        """Make the axis ``x`` or ``y`` logarithmic or linear; None is as the panel asks."""
        if self._canvas is not None:
            self._canvas.set_log(axis, log)
            self._show()

    def copy(self) -> None:
        """Copy the value under the crosshair."""
        if self._hit is not None:
            self._copy(self._hit)

    def _build(self) -> None:
        self._tabs = TitleTabs(self)
        self._tabs.chosen.connect(self.choose)
        self._mark = QLabel("SIMULATED", self)
        self._mark.setProperty("kind", "simulated")
        self._said = QLabel(self)
        self._said.setProperty("kind", "caption")
        self._said.setTextFormat(Qt.TextFormat.PlainText)
        self._message = QLabel(_EMPTY, self)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._message.setWordWrap(True)
        self._message.setProperty("kind", "caption")
        self._head = QHBoxLayout()
        self._head.setSpacing(2)
        self._head.addWidget(self._tabs, 1)
        self._head.addWidget(self._mark)
        foot = QHBoxLayout()
        foot.setContentsMargins(look.GRID, 0, look.GRID, 2)
        foot.setSpacing(2)
        foot.addWidget(self._said, 1)
        self._foot = foot
        self._stack = QStackedLayout()
        self._stack.addWidget(self._message)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(self._head)
        layout.addLayout(self._stack, 1)
        layout.addLayout(foot)
        self._after = QTimer(self)
        self._after.setSingleShot(True)
        self._after.setInterval(_SAID)
        self._after.timeout.connect(self._say)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(240, 160)

    def _actions(self) -> None:
        self._menu = QMenu(self)
        entries = (
            MenuEntry("fit-to-page-outline", "Show everything", "Home", self.fit, True),
            MenuEntry("", "Logarithmic x", "X", partial(self._toggle_log, "x"), True, "log x"),
            MenuEntry("", "Logarithmic y", "Y", partial(self._toggle_log, "y"), True, "log y"),
            MenuEntry("view-grid-outline", "All side by side", "A", self._toggle_all, True),
            None,
            MenuEntry("pin-outline", "Pin what is shown", "P", self.pin, True),
            MenuEntry("pin-off-outline", "Remove overlays", "Shift+P", self.clearOverlays),
            None,
            MenuEntry("content-copy", "Copy value", "Ctrl+C", self.copy),
            MenuEntry("image-outline", "Copy image", "Ctrl+Alt+C", self._wanting("image")),
            None,
            MenuEntry(
                "export-variant", "Export as PDF …", "Ctrl+Shift+E", self._wanting("pdf"), True
            ),
            MenuEntry("", "Export as SVG …", "", self._wanting("svg")),
            MenuEntry("", "Export as PNG …", "", self._wanting("png")),
            MenuEntry("", "Export data as CSV …", "", self._wanting("csv")),
        )
        self._tools = fill_menu(self, self._menu, entries)
        for tool in self._tools:
            self._foot.addWidget(tool)

    def _wanting(self, form: str) -> Callable[[], None]:
        return lambda: self.exportWanted.emit(form)

    def _toggle_log(self, axis: str) -> None:
        if self._canvas is not None:
            self.setLog(axis, not self._canvas.is_log(axis))

    def _toggle_all(self) -> None:
        self._all = not self._all
        self._show()

    def _show(self) -> None:
        found = [group for group in groups(self._value) if any(len(t.x) for t in group[0].traces)]
        if not found:
            self._stack.setCurrentWidget(self._message)
            self._tabs.fill([], "")
            self._mark.hide()
            self._show_tools(False)
            self._say()
            return
        titles = [group[0].title for group in found]
        title = self._title if self._title in titles else first_shown(found)
        self._tabs.fill(titles, title)
        chosen = found if self._all else [found[titles.index(title)]]
        canvas = self._drawing()
        canvas.set(chosen, [_overlaid(name, panels) for name, panels in self._overlays.items()])
        self._stack.setCurrentWidget(canvas)
        self._mark.setVisible(self._simulated)
        self._show_tools(True)
        if self._shown != title:
            self._shown = title
            self.chosenChanged.emit(title)

    def _show_tools(self, shown: bool) -> None:
        for tool in self._tools:
            tool.setVisible(shown)

    def _drawing(self) -> Canvas:
        """Return the canvas, made when something is first drawn: pyqtgraph takes its time."""
        if self._canvas is None:
            module = importlib.import_module("gui.canvas")
            canvas = cast("Canvas", module.Canvas(self))
            canvas.hovered.connect(self._hovered)
            canvas.clicked.connect(self._copy)
            canvas.range_chosen.connect(self.rangeChosen)
            canvas.range_shown.connect(self.rangeShown)
            canvas.menu_wanted.connect(self._open_menu)
            self._stack.addWidget(canvas)
            self._canvas = canvas
        return self._canvas

    def _hovered(self, hit: Hit | None) -> None:
        self._hit = hit
        if not self._after.isActive():
            self._say()

    def _say(self) -> None:
        self._said.setText(hit_text(self._hit) if self._hit is not None else "")

    def _copy(self, hit: Hit) -> None:
        text = hit_text(hit)
        QGuiApplication.clipboard().setText(text)
        self._said.setText(f"copied: {text}")
        self._after.start()
        self.copied.emit(text)

    def _open_menu(self, at: QPoint) -> None:
        self._menu.popup(at)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Follow a change from light to dark."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._canvas is not None:
            self._canvas.restyle()
            self._show()


def first_shown(found: list[Group]) -> str:
    """Return the title of the group that matters most.

    The first with a fit, else the first with data.
    """
    fitted = [group for group in found if len(group) > 1]
    data = [g for g in found if any(t.kind in ("points", "tiles") for p in g for t in p.traces)]
    return (fitted or data or found)[0][0].title


def hit_text(hit: Hit) -> str:
    """Return a place in a panel in words, each number with its unit.

    A point has its uncertainty, and the name of its trace.
    """
    panel, point = hit.panel, hit.point
    x = show(point.x, panel.x_unit, 4)
    y = show_uncertain(point.y, point.error, panel.y_unit)
    if point.error is None:
        y = show(point.y, panel.y_unit, 4)
    name = f"{point.label}: " if hit.snapped and point.label else ""
    return typeset(f"{name}{panel.x_label} {x}, {panel.y_label} {y}")


def _overlaid(name: str, panels: tuple[Panel, ...]) -> Any:
    return importlib.import_module("gui.canvas").Overlaid(name, panels)
