"""Tabs by title, and a menu whose entries have keys and buttons: parts of `gui.panels`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QTabBar, QToolButton, QWidget

from gui import look

__all__ = ["MenuEntry", "TitleTabs", "fill_menu"]


class MenuEntry(NamedTuple):
    """Something that can be done."""

    icon: str
    text: str
    key: str
    do: Callable[[], None]
    button: bool = False  #: also as a button
    short: str = ""  #: text of a button without icon


class TitleTabs(QTabBar):
    """A tab for each title; one too many are scrolled."""

    chosen = Signal(str)  #: by the user

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._titles: list[str] = []
        self.setDrawBase(False)
        self.setExpanding(False)
        self.setUsesScrollButtons(True)
        self.setElideMode(Qt.TextElideMode.ElideNone)
        self.currentChanged.connect(self._changed)

    def fill(self, titles: list[str], current: str) -> None:
        """Show these titles, one of them as the current one."""
        self.blockSignals(True)
        if titles != self._titles:
            self._titles = list(titles)
            while self.count():
                self.removeTab(0)
            for title in titles:
                self.addTab(title)
        if current in titles:
            self.setCurrentIndex(titles.index(current))
        self.blockSignals(False)

    def _changed(self, at: int) -> None:
        if 0 <= at < len(self._titles):
            self.chosen.emit(self._titles[at])


def fill_menu(
    widget: QWidget, menu: QMenu, entries: Sequence[MenuEntry | None]
) -> list[QToolButton]:
    """Put entries into a menu, their keys into a widget; return the buttons.

    Parameters
    ----------
    widget
        In which the keys work.
    menu
        Is filled.
    entries
        None is a line between two groups.
    """
    buttons = []
    for entry in entries:
        if entry is None:
            menu.addSeparator()
            continue
        action = QAction(look.icon(entry.icon), entry.text, widget)
        action.setIconText(entry.short or entry.text)
        action.setShortcut(QKeySequence(entry.key))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setToolTip(f"{entry.text} ({entry.key})" if entry.key else entry.text)
        action.triggered.connect(_calling(entry.do))
        widget.addAction(action)
        menu.addAction(action)
        if entry.button:
            button = QToolButton(widget)
            button.setDefaultAction(action)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            buttons.append(button)
    return buttons


def _calling(do: Callable[[], None]) -> Callable[..., None]:
    """Leave out what a signal brings along."""
    return lambda *_: do()
