"""The layout of the window: three columns of docks round the middle, all of which can be moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QDockWidget, QSizePolicy, QToolButton, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from gui.window import Window

__all__ = ["divide", "lay_out", "share", "widen"]

_LEFT = Qt.DockWidgetArea.LeftDockWidgetArea
_RIGHT = Qt.DockWidgetArea.RightDockWidgetArea
_BELOW = Qt.DockWidgetArea.BottomDockWidgetArea
_ACROSS, _DOWN = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
_NARROW = 1200  # px, a window below which the columns at the sides are slim
_BARS = """
QScrollBar:vertical { width: 10px; background: transparent; }
QScrollBar:horizontal { height: 10px; background: transparent; }
QScrollBar::handle { background: palette(mid); border-radius: 3px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 24px; } QScrollBar::handle:horizontal { min-width: 24px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
"""


def lay_out(window: Window) -> None:
    """Put the parts of a window in their places."""
    window.setWindowTitle("labctl")
    window.setStyleSheet(_BARS)
    window.setDockNestingEnabled(True)
    window.setCentralWidget(window.centre)
    top = QWidget(window)
    column = QVBoxLayout(top)
    column.setContentsMargins(0, 0, 0, 0)
    column.addWidget(window.bar)
    window.setMenuWidget(top)
    window.statusBar().addPermanentWidget(window.queue_bar, 1)
    window.statusBar().setSizeGripEnabled(False)
    window.setCorner(Qt.Corner.BottomLeftCorner, _LEFT)
    window.setCorner(Qt.Corner.BottomRightCorner, _RIGHT)
    _add_docks(window)
    for part, least in (
        (window.sample, 110), (window.protocols, 110), (window.results, 80), (window.runs, 110),
        (window.queue_panel, 96), (window.console, 80), (window.bench_view, 110),
        (window.sheet, 110),
    ):  # fmt: skip
        part.setMinimumSize(160, least)
    for choice in window.runs.findChildren(QComboBox):  # three in a row, in a narrow column
        choice.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    laid = window.layout()
    if laid is not None:  # what was hidden must not hold the window wide any more
        laid.invalidate()
        laid.activate()
    window.resize(1280, 800)


def _add_docks(window: Window) -> None:
    sample = _dock(window, "Sample", window.sample, _LEFT)
    _dock(window, "Protocols", window.protocols, _LEFT)
    bench = _dock(window, "Bench", window.bench_view, _LEFT)
    window.tabifyDockWidget(sample, bench)
    sample.raise_()
    results = _dock(window, "Results", window.results, _RIGHT)
    sheet = _dock(window, "Lab sheet", window.sheet, _RIGHT)
    window.splitDockWidget(results, sheet, _ACROSS)
    runs = _dock(window, "Runs", window.runs, _RIGHT)
    window.splitDockWidget(results, runs, _DOWN)  # the sheet keeps its full height beside them
    queue = _dock(window, "Queue", window.queue_panel, _BELOW)
    console = _dock(window, "Console", window.console, _BELOW)
    window.tabifyDockWidget(queue, console)
    for dock in (sheet, queue, console):
        dock.hide()


def _dock(window: Window, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
    made = QDockWidget(title, window)
    made.setObjectName(title.lower())  # under which its place is remembered
    made.setWidget(widget)
    window.addDockWidget(area, made)
    window.docks[title] = made
    return made


def divide(window: Window) -> None:
    """Give the columns their widths where nothing is remembered; the middle has the most."""
    docks, narrow = window.docks, window.width() < _NARROW
    left, right = [docks["Sample"], docks["Protocols"]], [docks["Results"], docks["Runs"]]
    wide = window.width()
    beside = (
        (176, 236) if narrow else (min(max(240, wide // 8), 400), min(max(280, wide // 7), 460))
    )
    window.resizeDocks(left, [beside[0]] * 2, _ACROSS)
    window.resizeDocks(right, [beside[1]] * 2, _ACROSS)
    window.resizeDocks(right, [60, 40], _DOWN)
    share(window)
    if narrow:  # icons say it where there is no room for words
        for button in window.runs.findChildren(QToolButton):
            button.setToolTip(button.toolTip() or button.text())
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)


def widen(window: Window, title: str) -> None:
    """Give a dock that has just been opened a width that can be read in."""
    if title == "Lab sheet":
        least = 240 if window.width() < _NARROW else 360
        dock = window.docks[title]
        if dock.width() < least:
            window.resizeDocks([dock], [least], _ACROSS)


def share(window: Window) -> None:
    """Give the sample the more room where it has a map."""
    left = [window.docks["Sample"], window.docks["Protocols"]]
    window.resizeDocks(left, [52, 48] if window.sample.has_map else [22, 78], _DOWN)
