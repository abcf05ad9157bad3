"""Tiles in a plot: a value over two variables as a map of colours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter, QPen

from gui.look import DIVERGING, SEQUENTIAL, colour_at, colours
from labctl.results import Trace
from labctl.units import show

if TYPE_CHECKING:
    from gui.curves import Shown

__all__ = ["Tiles", "shade_text", "written"]

Array = NDArray[np.float64]

_MOST_WRITTEN = 80
_DARK = 0.5  # lightness below which writing is white


def shade_text(trace: Trace, place: int) -> str:
    """Return the value of one tile as the crosshair tells it."""
    if place >= len(trace.shade):
        return trace.label
    return " ".join(part for part in (trace.label, show(trace.shade[place], "1", 4)) if part)


def written(trace: Trace, shown: Shown) -> Iterator[Any]:
    """Yield the value of every tile as text in its middle, where there are few enough."""
    if len(shown.x) > _MOST_WRITTEN:
        return
    shade = np.asarray(trace.shade, float)
    places = shown.places[shown.places < len(shade)]
    known = np.isfinite(shade[places])
    x, y, places = shown.x[: len(places)][known], shown.y[: len(places)][known], places[known]
    tiles = _coloured(x, y, shade[places], (1.0, 1.0))
    for (_, colour), place, px, py in zip(tiles, places, x, y, strict=True):
        ink = "#FFFFFF" if colour.lightnessF() < _DARK else "#1C1D1F"
        text = pg.TextItem(f"{trace.shade[int(place)]:.3g}", color=ink, anchor=(0.5, 0.5))
        text.setPos(float(px), float(py))
        yield text


class Tiles(pg.GraphicsObject):  # type: ignore[misc] # pyqtgraph comes without types
    """A square at each place, coloured by its value; values of both signs meet in the middle.

    Parameters
    ----------
    trace
        Of the kind ``tiles``.
    shown
        Its places in the coordinates of the axes.
    """

    def __init__(self, trace: Trace, shown: Shown) -> None:
        super().__init__()
        shade = np.asarray(trace.shade, float)
        shade = shade[shown.places[shown.places < len(shade)]]
        self.half = (_spacing(shown.x) / 2, _spacing(shown.y) / 2)
        self._tiles = _coloured(shown.x, shown.y, shade, self.half)
        self._bounds = QRectF()
        for rectangle, _ in self._tiles:
            self._bounds = self._bounds.united(rectangle)

    def boundingRect(self) -> QRectF:  # noqa: N802 - Qt's name
        """Return what the tiles cover."""
        return self._bounds

    def paint(self, painter: QPainter, *_: object) -> None:
        """Paint the tiles, with a seam between them."""
        seam = QPen(QColor(colours().paper), 0)
        seam.setCosmetic(True)
        painter.setPen(seam)
        for rectangle, colour in self._tiles:
            painter.setBrush(colour)
            painter.drawRect(rectangle)


def _spacing(values: Array) -> float:
    """Return the usual distance of neighbours; one where there is only one place."""
    places = np.unique(values)
    return float(np.median(np.diff(places))) if len(places) > 1 else 1.0


def _coloured(
    x: Array, y: Array, shade: Array, half: tuple[float, float]
) -> list[tuple[QRectF, QColor]]:
    known = shade[np.isfinite(shade)]
    if not len(known):
        return []
    low, high = float(np.min(known)), float(np.max(known))
    signed = low < 0 < high
    if signed:
        low, high = -max(-low, high), max(-low, high)
    span = (high - low) or 1.0
    stations = DIVERGING if signed else SEQUENTIAL
    return [
        (
            QRectF(px - half[0], py - half[1], 2 * half[0], 2 * half[1]),
            colour_at((value - low) / span, stations),
        )
        for px, py, value in zip(x.tolist(), y.tolist(), shade.tolist(), strict=False)
        if np.isfinite(value)
    ]
