"""Icons of one set (Material Design Icons), painted as letters in the colour that holds.

The font comes with the package qtawesome, which is not imported: its import costs as much as the
whole first window. An icon is painted afresh at any size and in the palette of the moment, so a
change from light to dark needs no new icons.
"""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontDatabase, QIcon, QIconEngine, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QApplication

__all__ = ["icon", "names"]


def icon(name: str, colour: str = "") -> QIcon:
    """Return an icon by its name in the set.

    Parameters
    ----------
    name
        As in ``magnify``. A name that the set does not have gives an empty icon.
    colour
        As ``#rrggbb``; else that of text, in either palette.
    """
    glyph = names().get(name)
    if glyph is None or not _family():
        return QIcon()
    return QIcon(_Glyph(glyph, colour))


class _Glyph(QIconEngine):
    """One letter of the font."""

    def __init__(self, glyph: str, colour: str) -> None:
        super().__init__()
        self._glyph, self._colour = glyph, colour

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        palette = QApplication.palette()
        group = QPalette.ColorGroup.Active
        if mode == QIcon.Mode.Disabled:
            group = QPalette.ColorGroup.Disabled
        ink = palette.color(group, QPalette.ColorRole.ButtonText)
        painter.save()
        font = QFont(_family())
        font.setPixelSize(max(1, round(rect.height() * 0.92)))
        painter.setFont(font)
        faded = mode == QIcon.Mode.Disabled
        painter.setPen(self._colour if self._colour and not faded else ink)
        painter.drawText(QRectF(rect), Qt.AlignmentFlag.AlignCenter, self._glyph)
        painter.restore()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        made = QPixmap(size)
        made.fill(Qt.GlobalColor.transparent)
        painter = QPainter(made)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return made

    def clone(self) -> QIconEngine:
        return _Glyph(self._glyph, self._colour)


@cache
def names() -> dict[str, str]:
    """Return the letter of every icon by name; nothing where qtawesome is not installed."""
    table = _file("materialdesignicons6-*charmap*.json")
    if table is None:
        return {}
    return {key: chr(int(code, 16)) for key, code in json.loads(table.read_text("utf-8")).items()}


@cache
def _family() -> str:
    """Return the font's family, loaded into the application once."""
    font = _file("materialdesignicons6-*.ttf")
    number = QFontDatabase.addApplicationFont(str(font)) if font is not None else -1
    return next(iter(QFontDatabase.applicationFontFamilies(number)), "") if number >= 0 else ""


def _file(pattern: str) -> Path | None:
    spec = importlib.util.find_spec("qtawesome")
    places = spec.submodule_search_locations if spec is not None else None
    found = sorted((Path(next(iter(places))) / "fonts").glob(pattern)) if places else []
    return found[0] if found else None
