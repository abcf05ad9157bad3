"""Tiles in a plot: a value over two variables as a map of colours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter, QPen

from gui.look import colours
from gui.shading import Shading, shading_of
from labctl.results import Panel, Trace

if TYPE_CHECKING:
    from gui.curves import Shown

__all__ = ["Tiles", "shade_text", "shading_of_panel", "written"]

Array = NDArray[np.float64]

_MOST_WRITTEN = 80
_DARK = 0.5  # lightness below which writing is white


def shading_of_panel(panel: Panel) -> Shading | None:
    """Return what the colours of a panel mean; None where it has no tiles."""
    values = [v for trace in panel.traces if trace.kind == "tiles" for v in trace.shade]
    return shading_of(values, panel.shade_label, panel.shade_unit, panel.signed)


def shade_text(trace: Trace, place: int, shading: Shading | None) -> str:
    """Return the value of one tile as the crosshair tells it."""
    if place >= len(trace.shade) or shading is None:
        return trace.label
    return " ".join(part for part in (trace.label, shading.text(trace.shade[place])) if part)


def written(trace: Trace, shown: Shown, shading: Shading) -> Iterator[Any]:
    """Yield the value of every tile as text in its middle, where there are few enough."""
    if len(shown.x) > _MOST_WRITTEN:
        return
    for x, y, value in _known(trace, shown):
        ink = "#FFFFFF" if shading.colour(value).lightnessF() < _DARK else "#1C1D1F"
        text = pg.TextItem(f"{value * shading.scale.factor:.3g}", color=ink, anchor=(0.5, 0.5))
        text.setPos(x, y)
        yield text


class Tiles(pg.GraphicsObject):  # type: ignore[misc] # pyqtgraph comes without types
    """A square at each place, coloured by its value.

    Parameters
    ----------
    trace
        Of the kind ``tiles``.
    shown
        Its places in the coordinates of the axes.
    shading
        Which colour a value has.
    """

    def __init__(self, trace: Trace, shown: Shown, shading: Shading) -> None:
        super().__init__()
        self.half = half_of(shown)
        across, down = self.half
        self._tiles = [
            (QRectF(x - across, y - down, 2 * across, 2 * down), shading.colour(value))
            for x, y, value in _known(trace, shown)
        ]
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


def half_of(shown: Shown) -> tuple[float, float]:
    """Return half the width and half the height of a tile."""
    return _spacing(shown.x) / 2, _spacing(shown.y) / 2


def _spacing(values: Array) -> float:
    """Return the usual distance of neighbours; one where there is only one place."""
    places = np.unique(values)
    return float(np.median(np.diff(places))) if len(places) > 1 else 1.0


def _known(trace: Trace, shown: Shown) -> Iterator[tuple[float, float, float]]:
    """Yield place and value of each tile that has one."""
    shade = np.asarray(trace.shade, float)
    for x, y, place in zip(shown.x.tolist(), shown.y.tolist(), shown.places.tolist(), strict=True):
        if place < len(shade) and np.isfinite(shade[place]):
            yield x, y, float(shade[place])
