"""The look: colours, fonts, spacing and icons, one set for the whole window.

Dark and light follow the system and can be forced. Colours of data are those of `labctl.plot`
(Okabe and Ito's, told apart by colour-blind people too), so that a figure in the window and the
one in a paper are the same. Nothing is kept here: which of the two palettes holds is read from the
application's palette, and a widget that paints by hand does so again when its palette changes.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from gui.icons import icon
from labctl.plot import CATEGORICAL, DEPRESSION, POTENTIATION

__all__ = [
    "CATEGORICAL", "DARK", "DEPRESSION", "DIVERGING", "GRID", "LIGHT", "POTENTIATION",
    "SEQUENTIAL", "SIMULATED", "Colours", "Scheme", "apply", "colour_at", "colours", "font",
    "icon", "is_dark",
]  # fmt: skip

Scheme = Literal["system", "light", "dark"]

GRID = 8  #: spacing and margins are whole or half multiples of it, device-independent pixels
SIMULATED = "#E69F00"  #: the band of a virtual bench; text on it is black

_POINTS = 10.0  # size of type; captions one less, headings one more


class Colours(msgspec.Struct, frozen=True):
    """One palette, as ``#rrggbb``."""

    ground: str  #: behind everything
    paper: str  #: plots and fields
    raised: str  #: buttons, chosen rows
    line: str  #: what divides, where space does not do
    ink: str  #: text, axes and the best fit
    faded: str  #: captions, ticks and rival fits; contrast with ground above 4.5
    grid: str  #: lines behind data
    accent: str  #: focus, links, choice
    danger: str  #: Abort and what failed
    warning: str  #: what is to be looked at
    good: str  #: done, identifiable


LIGHT = Colours(
    ground="#F6F6F4", paper="#FFFFFF", raised="#E9E9E6", line="#D4D4D0", ink="#1C1D1F",
    faded="#5F6368", grid="#ECECEA", accent="#0067B0", danger="#C62828", warning="#945300",
    good="#00734F",
)  # fmt: skip
DARK = Colours(
    ground="#1B1D20", paper="#121416", raised="#2B2E33", line="#3A3E44", ink="#ECEDEE",
    faded="#A3A8AF", grid="#22262A", accent="#62B4F0", danger="#FF6B60", warning="#F0B429",
    good="#3CCB98",
)  # fmt: skip

# the maps that `labctl.tiles` prints with, a few stations of each: cividis
# (doi:10.1371/journal.pone.0199239) and ColorBrewer's red and blue (doi:10.1559/152304003100010929)
#: from small to large
SEQUENTIAL = (
    "#00224E", "#1A386F", "#434E6C", "#61656F", "#7D7C78", "#9B9476", "#BCAE6C", "#DEC958",
    "#FEE838",
)  # fmt: skip
#: from negative over nothing to positive
DIVERGING = (
    "#053061", "#2065AB", "#4393C3", "#90C4DD", "#D1E5F0", "#F7F6F6", "#FDDBC7", "#F3A481",
    "#D6604D", "#B1182B", "#67001F",
)  # fmt: skip


def apply(app: QApplication, scheme: Scheme = "system") -> None:
    """Give an application the palette, style and font of labctl.

    Parameters
    ----------
    app
        Its widgets change at once.
    scheme
        ``system`` follows the desktop, also when that changes later.
    """
    app.setStyle("Fusion")
    app.setFont(font())
    hints = QGuiApplication.styleHints()
    if not app.property("labctl-follows"):
        hints.colorSchemeChanged.connect(lambda _: _colour(app))
        app.setProperty("labctl-follows", True)
    app.setProperty("labctl-scheme", scheme)
    _colour(app)


def _colour(app: QApplication) -> None:
    scheme = app.property("labctl-scheme")
    system = QGuiApplication.styleHints().colorScheme()
    dark = scheme == "dark" or (scheme == "system" and system == Qt.ColorScheme.Dark)
    chosen = DARK if dark else LIGHT
    app.setPalette(_palette(chosen))
    app.setStyleSheet(_sheet(chosen))


def _palette(c: Colours) -> QPalette:
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    made = QPalette()
    roles = {
        role.Window: c.ground, role.Base: c.paper, role.AlternateBase: c.ground,
        role.Button: c.raised, role.WindowText: c.ink, role.Text: c.ink, role.ButtonText: c.ink,
        role.BrightText: c.danger, role.ToolTipBase: c.raised, role.ToolTipText: c.ink,
        role.PlaceholderText: c.faded, role.Link: c.accent, role.Highlight: c.accent,
        role.HighlightedText: c.paper, role.Mid: c.line, role.Light: c.raised,
        role.Midlight: c.raised, role.Dark: c.line, role.Shadow: c.line, role.Accent: c.accent,
    }  # fmt: skip
    for which, colour in roles.items():
        made.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(group.Disabled, which, QColor(c.faded))
    return made


def _sheet(c: Colours) -> str:
    """Return what a palette cannot say; by class and by the property ``kind`` of a widget."""
    return f"""
    QToolTip {{ border: 1px solid {c.line}; padding: 4px; }}
    QLabel[kind="caption"] {{ color: {c.faded}; }}
    QLabel[kind="heading"] {{ font-weight: 600; }}
    QLabel[kind="good"] {{ color: {c.good}; }}
    QLabel[kind="warning"] {{ color: {c.warning}; }}
    QLabel[kind="danger"] {{ color: {c.danger}; }}
    QLabel[kind="simulated"] {{ background: {SIMULATED}; color: #000000; font-weight: 600;
        padding: 1px 6px; }}
    QLineEdit, QPlainTextEdit, QTextEdit {{ border: 1px solid {c.line}; border-radius: 4px;
        padding: 4px 6px; background: {c.paper}; selection-background-color: {c.accent}; }}
    QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus {{ border-color: {c.accent}; }}
    QTextBrowser, QTextBrowser:focus {{ border: none; background: transparent; }}
    QListView, QTreeView, QTableView, QScrollArea {{ border: none; background: transparent; }}
    QTreeView::item:selected {{ background: {c.raised}; color: {c.ink};
        border-left: 3px solid {c.accent}; }}
    QToolButton {{ border: none; border-radius: 4px; padding: 4px; }}
    QToolButton:hover, QToolButton:checked {{ background: {c.raised}; }}
    QToolButton:focus {{ border: 1px solid {c.accent}; }}
    QCheckBox::indicator {{ width: 12px; height: 12px; border: 1px solid {c.faded};
        border-radius: 3px; background: {c.paper}; }}
    QCheckBox::indicator:checked {{ background: {c.accent}; border-color: {c.accent}; }}
    QScrollBar {{ background: transparent; border: none; margin: 0; }}
    QScrollBar:vertical {{ width: 8px; }}
    QScrollBar:horizontal {{ height: 8px; }}
    QScrollBar::handle {{ background: {c.line}; border-radius: 4px; min-width: 24px;
        min-height: 24px; }}
    QScrollBar::handle:hover {{ background: {c.faded}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    QSplitter::handle {{ background: transparent; }}
    """


def is_dark() -> bool:
    """Return whether the dark palette holds."""
    return QGuiApplication.palette().color(QPalette.ColorRole.Window).lightness() < 128


def colours() -> Colours:
    """Return the palette that holds."""
    return DARK if is_dark() else LIGHT


def font(change: float = 0.0) -> QFont:
    """Return the font of the window: the system's, its digits all of one width.

    Parameters
    ----------
    change
        Points more than plain text has: 1 for a heading, -1 for a caption.
    """
    made = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    made.setPointSizeF(_POINTS + change)
    made.setFeature(QFont.Tag("tnum"), 1)
    return made


def colour_at(part: float, stations: tuple[str, ...] = SEQUENTIAL) -> QColor:
    """Return the colour of a number between 0 and 1 on a map.

    Parameters
    ----------
    part
        Place on the map; beyond its ends the end's colour.
    stations
        `SEQUENTIAL` or `DIVERGING`.
    """
    table = _table(stations)
    at = min(max(part, 0.0), 1.0) * (len(stations) - 1)
    places = np.arange(len(stations))
    red, green, blue = (round(float(np.interp(at, places, table[:, k]))) for k in range(3))
    return QColor(red, green, blue)


@cache
def _table(stations: tuple[str, ...]) -> NDArray[np.float64]:
    return np.array([[int(c[k : k + 2], 16) for k in (1, 3, 5)] for c in stations], float)
