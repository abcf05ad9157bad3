"""One trace in a plot: points with bars, a line or steps, thinned to what the screen can show."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from gui.decimation import Pyramid, band, thin
from gui.shading import Shading
from gui.styles import FLAGGED, POINTS, Style
from gui.tiles import Tiles, half_of, shade_text, written
from labctl.results import Trace

__all__ = ["Curve", "Point", "Shown", "shown"]

Array = NDArray[np.float64]

_FEW = 4000  # points up to here are drawn one by one
_MOST = 8000  # points of a curve that runs to and fro
_OVERLAP = 4  # px, of what is around a text without ink
_FLOOR = 0.1  # a bar that reaches zero ends at this part of the value on a logarithmic axis


class Shown(NamedTuple):
    """What of a trace has a place on the axes, in their coordinates."""

    x: Array
    y: Array
    bars: tuple[Array, Array] | None  #: lengths below and above
    places: NDArray[np.intp]  #: of the points in the trace


class Point(NamedTuple):
    """One point of a trace, in SI."""

    x: float
    y: float
    error: float | None
    label: str
    data: bool  #: a point that was measured, not one of a line


def shown(trace: Trace, x_log: bool, y_log: bool) -> Shown:
    """Leave out what is not finite or has no place on a logarithmic axis, and take logarithms."""
    count = min(len(trace.x), len(trace.y))
    x, y = (np.asarray(part, np.float64)[:count] for part in (trace.x, trace.y))
    good = np.isfinite(x) & np.isfinite(y) & ((x > 0) | (not x_log)) & ((y > 0) | (not y_log))
    places = np.flatnonzero(good)
    x, y = x[good], y[good]
    bars = None
    if len(trace.y_error) == count and count:
        error = np.nan_to_num(np.asarray(trace.y_error, np.float64)[good], posinf=0.0)
        if y_log:
            low = np.maximum(y - error, _FLOOR * y)
            bars = (np.log10(y) - np.log10(low), np.log10(y + error) - np.log10(y))
        else:
            bars = (error, error)
    return Shown(np.log10(x) if x_log else x, np.log10(y) if y_log else y, bars, places)


class _Band(pg.GraphicsObject):  # type: ignore[misc] # pyqtgraph comes without types
    """What a line through very many points covers, a bar for every column of pixels."""

    def __init__(self, colour: str) -> None:
        super().__init__()
        self._colour = QColor(colour)
        self._bars: list[QRectF] = []

    def set(self, left: Array, low: Array, high: Array, wide: float, pixel: float) -> None:
        """Take bars this wide, each at least a pixel high."""
        tall = np.maximum(high - low, pixel)
        parts = zip(left.tolist(), low.tolist(), tall.tolist(), strict=True)
        self._bars = [QRectF(x, y, wide, height) for x, y, height in parts]
        self.update()

    def boundingRect(self) -> QRectF:  # noqa: N802 - Qt's name
        """Return all of the view."""
        return QRectF(self.viewRect())

    def viewRangeChanged(self) -> None:  # noqa: N802 - pyqtgraph's name
        """Follow the view."""
        self.prepareGeometryChange()

    def paint(self, painter: QPainter, *_: object) -> None:
        """Paint the bars."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._colour)
        painter.drawRects(self._bars)


class Curve:
    """A trace drawn into one view.

    Parameters
    ----------
    box
        The view box it is added to.
    """

    def __init__(self, box: Any) -> None:
        self._box = box
        self._items: list[Any] = []
        self._pyramid: Pyramid | None = None
        self._line: Any = None
        self._band: Any = None
        self._drawn: tuple[Array, Array] = (np.zeros(0), np.zeros(0))
        self.trace = Trace((), ())
        self._shading: Shading | None = None
        self.shown = shown(self.trace, False, False)

    def set(
        self, trace: Trace, style: Style, x_log: bool, y_log: bool, shading: Shading | None = None
    ) -> None:
        """Show another trace, or the same one in another style; tiles need a shading."""
        self.clear()
        self._shading = shading
        self.trace, self.shown = trace, shown(trace, x_log, y_log)
        if trace.kind == "tiles":
            if shading is not None:
                self._add(Tiles(trace, self.shown, shading))
                for text in written(trace, self.shown, shading):
                    self._add(text)
        elif len(self.shown.x) > _FEW or trace.kind not in POINTS:
            self._draw_line(trace, style)
        else:
            self._draw_points(trace, style)

    def clear(self) -> None:
        """Take it out of the view."""
        for item in self._items:
            self._box.removeItem(item)
        self._items, self._pyramid, self._line, self._band = [], None, None, None

    def refresh(self, start: float, stop: float, columns: int) -> None:
        """Choose anew what is drawn, for this range of the abscissa."""
        if self.trace.kind == "tiles":
            wide = 2 * half_of(self.shown)[0] * columns / ((stop - start) or 1.0)
            texts = [item for item in self._items if isinstance(item, pg.TextItem)]
            fits = all(text.boundingRect().width() <= wide + _OVERLAP for text in texts)
            for text in texts:
                text.setVisible(fits)
        if self._pyramid is None:
            return
        x, y = self._drawn = self._pyramid.view(start, stop, columns)
        crowded = len(x) > 1 and self._pyramid.count(start, stop) > len(x)
        self._line.setVisible(not crowded)
        self._band.setVisible(crowded)
        if crowded:
            pixel = abs(self._box.viewPixelSize()[1])
            bars = band(x, y, start, stop, columns)
            self._band.set(*bars, (stop - start) / columns, pixel)
        else:
            self._line.setData(x, y)

    def bounds(self) -> tuple[float, float, float, float] | None:
        """Return the ends in x and in y, bars included; None when there is nothing."""
        x, y, bars, _ = self.shown
        if not len(x):
            return None
        if self.trace.kind == "tiles":
            half = half_of(self.shown)
            return (
                float(x.min()) - half[0], float(x.max()) + half[0],
                float(y.min()) - half[1], float(y.max()) + half[1],
            )  # fmt: skip
        low, high = (y, y) if bars is None else (y - bars[0], y + bars[1])
        return float(x.min()), float(x.max()), float(low.min()), float(high.max())

    def nearest(self, x: float, y: float, unit: tuple[float, float]) -> tuple[float, Point] | None:
        """Return the closest point and its distance.

        Parameters
        ----------
        x, y
            Place in the coordinates of the axes.
        unit
            Length of a pixel along both.
        """
        xs, ys = self.shown.x, self.shown.y
        if self._pyramid is not None:
            xs, ys = self._drawn
        if not len(xs):
            return None
        distance = np.hypot((xs - x) / unit[0], (ys - y) / unit[1])
        at = int(np.argmin(distance))
        return float(distance[at]), self._point(at, float(xs[at]), float(ys[at]))

    def _point(self, at: int, x: float, y: float) -> Point:
        trace, data = self.trace, self.trace.kind in POINTS or self.trace.kind == "tiles"
        if self._pyramid is not None:
            at = int(np.searchsorted(self.shown.x, x))
        place = int(self.shown.places[min(at, len(self.shown.places) - 1)])
        errors = trace.y_error
        error = float(errors[place]) if len(errors) == len(trace.x) and len(errors) else None
        label = shade_text(trace, place, self._shading) if trace.kind == "tiles" else trace.label
        return Point(float(trace.x[place]), float(trace.y[place]), error, label, data)

    def _draw_line(self, trace: Trace, style: Style) -> None:
        pen = pg.mkPen(style.colour, width=1 if trace.kind in POINTS else 2)
        if style.dashes:
            pen.setDashPattern(list(style.dashes))
        x, y = self.shown.x, self.shown.y
        few = len(x) <= _FEW
        self._line = pg.PlotCurveItem(pen=pen, antialias=few)
        self._line.setSegmentedLineMode("on" if not style.dashes and not few else "auto")
        self._add(self._line)
        crowd = trace.kind in POINTS
        if crowd and len(x) and np.any(np.diff(x) < 0):
            order = np.argsort(x, kind="stable")
            x, y = x[order], y[order]
            self.shown = Shown(x, y, None, self.shown.places[order])
        if trace.kind == "steps":
            x, y = np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]
        if len(x) > _FEW and not np.any(np.diff(x) < 0):
            self._pyramid = Pyramid(x, y)
            self._band = _Band(style.colour)
            self._add(self._band)
        self._line.setData(*thin(x, y, _MOST))

    def _draw_points(self, trace: Trace, style: Style) -> None:
        x, y, bars, _ = self.shown
        if bars is not None and np.any(bars[1] > 0):
            self._add(
                pg.ErrorBarItem(
                    x=x, y=y, bottom=bars[0], top=bars[1], beam=0.0,
                    pen=pg.mkPen(style.colour, width=1.2),
                )
            )  # fmt: skip
        ring = trace.kind == FLAGGED
        self._add(
            pg.ScatterPlotItem(
                x=x, y=y, symbol=style.marker, size=11 if ring else 7 if len(x) < 1000 else 4,
                pen=pg.mkPen(style.colour, width=1.5) if ring else None,
                brush=QColor(Qt.GlobalColor.transparent) if ring else pg.mkBrush(style.colour),
                antialias=True,
            )
        )  # fmt: skip

    def _add(self, item: Any) -> None:
        self._items.append(item)
        self._box.addItem(item, ignoreBounds=True)
