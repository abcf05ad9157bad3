"""A pair of axes with what is drawn in it; see `gui.canvas` for several of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal

from gui import look
from gui.axes import Quantity, UnitAxis
from gui.colour_bar import ColourBar
from gui.curves import Curve
from gui.grid_lines import GridLines
from gui.legend import Entry, Legend
from gui.styles import POINTS, styles
from gui.tiles import shading_of_panel
from labctl.results import Panel

__all__ = ["Box", "Overlaid", "PlotAxes"]

_BESIDE = 76  # width of the axis on the left, pixels
_ASTRAY = 0.25  # of the data's span, that lines may lie beyond it and still be in view
_INSET = 6  # of a legend, pixels


class Overlaid(NamedTuple):
    """Panels of another run, drawn over those shown, where the titles are the same."""

    name: str
    panels: tuple[Panel, ...]


class Box(pg.ViewBox):  # type: ignore[misc] # pyqtgraph comes without types
    """A view: the wheel zooms at the pointer, dragging pans, a double click fits."""

    clicked = Signal(object)
    fitted = Signal()
    menu_wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__(enableMenu=False, defaultPadding=0.0)
        self.disableAutoRange()

    def mouseClickEvent(self, ev: Any) -> None:  # noqa: N802 - pyqtgraph's name
        """Tell a click, a double click and the other button apart."""
        if ev.button() == Qt.MouseButton.RightButton:
            self.menu_wanted.emit(ev.screenPos().toPoint())
        elif ev.double():
            self.fitted.emit()
        else:
            self.clicked.emit(ev.scenePos())
        ev.accept()

    def mouseDragEvent(self, ev: Any, axis: Any = None) -> None:  # noqa: N802 - pyqtgraph's name
        """Pan with the left or middle button."""
        if ev.button() == Qt.MouseButton.RightButton:
            ev.ignore()
            return
        super().mouseDragEvent(ev, axis)


class PlotAxes:
    """One pair of axes with its curves.

    Parameters
    ----------
    panel
        What is drawn at first.
    """

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.box = Box()
        self.x_axis, self.y_axis = UnitAxis("bottom"), UnitAxis("left")
        for axis in (self.x_axis, self.y_axis):
            axis.linkToView(self.box)
        self.grid = GridLines(self.box, (self.x_axis, self.y_axis))
        self.y_axis.setWidth(_BESIDE)
        self.zero = pg.InfiniteLine(0.0, angle=0)
        self.curves: list[Curve] = []
        self.bar = ColourBar()
        self.legend = Legend()
        self.legend.setParentItem(self.box)

    def set(self, panel: Panel, overlays: Sequence[Overlaid], x_log: bool, y_log: bool) -> None:
        """Show a panel, and what of other runs has its title."""
        self.panel = panel
        c = look.colours()
        self.x_axis.count(Quantity(panel.x_label, panel.x_unit, x_log))
        self.y_axis.count(Quantity(panel.y_label, panel.y_unit, y_log))
        layers = [(panel.traces, styles(panel.traces, c), "")]
        for k, overlay in enumerate(overlays):
            same = [p for p in overlay.panels if p.title == panel.title]
            traces = tuple(t for p in same for t in p.traces if t.kind == "points") or tuple(
                t for p in same for t in p.traces
            )
            layers.append((traces, styles(traces, c, first=k + 1), overlay.name))
        self._renew(sum(len(traces) for traces, _, _ in layers))
        shading = shading_of_panel(panel)
        self.bar.setValue(shading)
        free, entries = iter(self.curves), []
        for traces, chosen, name in layers:
            for trace, style in zip(traces, chosen, strict=True):
                next(free).set(trace, style, x_log, y_log, shading)
                label = ": ".join(part for part in (name, trace.label) if part)
                if label and trace.kind != "tiles":
                    entries.append(Entry(label, style, trace.kind))
        self.legend.enter([] if panel.residuals_of else entries)
        self.restyle()

    def place_legend(self) -> None:
        """Put the legend into the corner with the fewest points; where there is room for it."""
        room, size = self.box.size(), self.legend.size()
        wide, high = size.width() + 2 * _INSET, size.height() + 2 * _INSET
        fits = wide < 0.7 * room.width() and high < 0.7 * room.height()
        self.legend.setVisible(fits and bool(self.legend.entries))
        if not (fits and self.legend.entries):
            return
        (left, right), (low, high_y) = self.box.viewRange()
        x, y = [], []
        for curve in self.curves:
            x.append((curve.shown.x - left) / (right - left) * room.width())
            y.append((high_y - curve.shown.y) / (high_y - low) * room.height())
        xs, ys = np.concatenate(x), np.concatenate(y)
        counts = {}
        for at_right in (True, False):
            for at_bottom in (False, True):
                beside = (xs > room.width() - wide) if at_right else (xs < wide)
                level = (ys > room.height() - high) if at_bottom else (ys < high)
                counts[at_right, at_bottom] = int(np.sum(beside & level))
        at_right, at_bottom = min(counts, key=lambda corner: counts[corner])
        self.legend.setPos(
            room.width() - size.width() - _INSET if at_right else _INSET,
            room.height() - size.height() - _INSET if at_bottom else _INSET,
        )

    def _renew(self, count: int) -> None:
        while len(self.curves) > count:
            self.curves.pop().clear()
        while len(self.curves) < count:
            self.curves.append(Curve(self.box))

    def restyle(self) -> None:
        """Take the colours that hold."""
        c = look.colours()
        for axis in (self.x_axis, self.y_axis):
            axis.restyle()
        self.grid.update()
        if self.panel.residuals_of:
            self.zero.setPen(pg.mkPen(c.faded, width=1))
            self.box.addItem(self.zero, ignoreBounds=True)

    def bounds(self) -> tuple[float, float, float, float] | None:
        """Return the ends of all curves in x and in y; None when there is nothing."""
        known = [(c, ends) for c in self.curves if (ends := c.bounds()) is not None]
        if not known:
            return None
        left, right, _, _ = zip(*(ends for _, ends in known), strict=True)
        data = [ends for curve, ends in known if curve.trace.kind in POINTS]
        lines = [ends for curve, ends in known if curve.trace.kind not in POINTS]
        low, high = (f(f(ends[2:]) for ends in data or lines) for f in (min, max))
        if data:  # a fit that goes astray does not take the data out of sight
            room = _ASTRAY * ((high - low) or abs(high) or 1.0)
            low = min([low, *(max(ends[2], low - room) for ends in lines)])
            high = max([high, *(min(ends[3], high + room) for ends in lines)])
        return min(left), max(right), low, high
