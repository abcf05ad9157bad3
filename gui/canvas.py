"""The drawing of panels with pyqtgraph; `gui.panels` shows it and says what it can do.

A group is a panel with the residuals that belong below it. While a run goes on the same group is
set again and again: items are renewed, the range that the user has chosen stays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtWidgets import QWidget

from gui import look
from gui.axes import UnitAxis
from gui.curves import Point
from gui.legend import Title
from gui.plot_axes import Overlaid, PlotAxes
from labctl.results import Panel

__all__ = ["Canvas", "GroupPlot", "Hit", "Overlaid"]

_MARGIN = 0.05  # of the range, beside the data
_POINT = 8  # pixels
_NEAR = 24  # pixels, within which a point is meant
_SHORT = 150  # pixels: in a row that is lower the residuals leave their room to the panel
_ROOMS = ((100,), (75, 25), (64, 18, 18))  # heights of a panel and its residuals

Group = tuple[Panel, ...]


class Hit(NamedTuple):
    """Where the pointer is."""

    panel: Panel
    point: Point  #: the nearest point, or the place itself without label
    snapped: bool


class GroupPlot(pg.GraphicsLayout):  # type: ignore[misc] # pyqtgraph comes without types
    """A panel, and below it on the same abscissa its residuals."""

    clicked = Signal(object)
    menu_wanted = Signal(object)
    range_shown = Signal(object)  #: ends of the abscissa the user has zoomed to, SI; None for all

    def __init__(self) -> None:
        super().__init__()
        self.setContentsMargins(0, 0, 0, 0)
        self.layout.setContentsMargins(4, 4, 4, 4)
        self.layout.setSpacing(0)
        self.axes: list[PlotAxes] = []
        self.auto = True  #: the range follows the data, until the user zooms
        self.x_log: bool | None = None  #: None: as the panel asks
        self.y_log: bool | None = None
        self._titles: tuple[str, ...] = ()

    def set(self, group: Group, overlays: Sequence[Overlaid] = (), titled: bool = False) -> None:
        """Show a group; the range stays where the user has chosen one for this group.

        Parameters
        ----------
        group, overlays
            What is drawn.
        titled
            Write the title above: there is more than one group to be told apart.
        """
        titles = tuple(panel.title for panel in group)
        if titles != self._titles:
            if titles[:1] != self._titles[:1]:
                self.auto, self.x_log, self.y_log = True, None, None
            chosen = None if self.auto or not self.axes else self.axes[0].box.viewRange()
            self._build(group)
            self._titles = titles
            if chosen is not None:  # only the residuals came or went
                self.axes[0].box.setRange(xRange=chosen[0], yRange=chosen[1], padding=0)
        for axes, panel in zip(self.axes, group, strict=True):
            x_log, y_log = self._logs(group, panel)
            axes.set(panel, overlays, x_log, y_log)
        self._title.say(group[0].title if titled else "")
        if self.auto:
            self.fit()
        else:
            self._refresh()

    def _logs(self, group: Group, panel: Panel) -> tuple[bool, bool]:
        head = group[0]
        x_log = head.x_log if self.x_log is None else self.x_log
        y_log = panel.y_log if self.y_log is None or panel is not head else self.y_log
        x_log = x_log and any(x > 0 for p in group for t in p.traces for x in _some(t.x))
        return x_log, y_log and any(y > 0 for t in panel.traces for y in _some(t.y))

    def _build(self, group: Group) -> None:
        self.clear()
        self.axes = [PlotAxes(panel) for panel in group]
        self._title = Title()
        self.addItem(self._title, row=0, col=1)
        rooms = _ROOMS[min(len(group), len(_ROOMS)) - 1]
        for row, axes in enumerate(self.axes):
            at = 2 * row + 1
            self.addItem(axes.y_axis, row=at, col=0)
            self.addItem(axes.box, row=at, col=1)
            self.addItem(axes.x_axis, row=at + 1, col=1)
            self.addItem(axes.bar, row=at, col=2)
            self.layout.setRowStretchFactor(at, rooms[min(row, len(rooms) - 1)])
            if row:
                axes.box.setXLink(self.axes[0].box)
            axes.box.sigRangeChangedManually.connect(self._zoomed)
            axes.box.fitted.connect(self._show_all)
            axes.box.clicked.connect(self._clicked)
            axes.box.menu_wanted.connect(self.menu_wanted)
            # above residuals nothing is written: they have the same abscissa
            axes.x_axis.name(row == len(self.axes) - 1)
        self.axes[0].box.sigXRangeChanged.connect(self._refresh)
        self.axes[0].box.sigResized.connect(self._resized)

    def fit(self) -> None:
        """Show all that there is, and go on doing so."""
        self.auto = True
        found = [axes.bounds() for axes in self.axes]
        known = [bounds for bounds in found if bounds is not None]
        if not known:
            return
        left, right = min(b[0] for b in known), max(b[1] for b in known)
        self.axes[0].box.setXRange(*_wider(left, right, self.axes[0].box.width()), padding=0)
        for axes, bounds in zip(self.axes, found, strict=True):
            if bounds is not None:
                axes.box.setYRange(*_wider(*bounds[2:], axes.box.height()), padding=0)
        self._refresh()

    def _show_all(self) -> None:
        self.fit()
        self.range_shown.emit(None)

    def restyle(self) -> None:
        """Take the colours that hold."""
        for axes in self.axes:
            axes.restyle()

    def _zoomed(self, *_: object) -> None:
        self.auto = False
        ends = self.axes[0].box.viewRange()[0]
        log = self.axes[0].x_axis.quantity.log
        self.range_shown.emit(tuple(10.0**end if log else end for end in ends))

    def _resized(self, *_: object) -> None:
        if self.auto:
            self.fit()
        else:
            self._refresh()

    def _refresh(self, *_: object) -> None:
        for axes in self.axes:
            (start, stop), _y = axes.box.viewRange()
            columns = max(100, int(axes.box.width()))
            for curve in axes.curves:
                curve.refresh(start, stop, columns)
            axes.place_legend()

    def hit_at(self, scene: QPointF) -> tuple[PlotAxes, QPointF, Hit] | None:
        """Return what is under a place of the scene."""
        for axes in self.axes:
            if not axes.box.sceneBoundingRect().contains(scene):
                continue
            at = axes.box.mapSceneToView(scene)
            unit = axes.box.viewPixelSize()
            near = [n for c in axes.curves if (n := c.nearest(at.x(), at.y(), unit)) is not None]
            # a measured point close by is meant rather than a line that passes closer
            near = [(d if p.data else d + _NEAR / 3, p) for d, p in near]
            best = min(near, key=lambda n: n[0], default=None)
            if best is not None and best[0] <= _NEAR:
                return axes, at, Hit(axes.panel, best[1], True)
            x = 10 ** at.x() if axes.x_axis.quantity.log else at.x()
            y = 10 ** at.y() if axes.y_axis.quantity.log else at.y()
            return axes, at, Hit(axes.panel, Point(x, y, None, "", False), False)
        return None

    def _clicked(self, scene: QPointF) -> None:
        found = self.hit_at(scene)
        if found is not None:
            self.clicked.emit(found[2])


def _some(values: Sequence[float]) -> Sequence[float]:
    """Return enough of the values to find a positive one; of many, the ends will do."""
    return values if len(values) <= 5000 else (*values[:2500], *values[-2500:])


def _wider(low: float, high: float, pixels: float) -> tuple[float, float]:
    """Leave a margin, at least a point's size of a view this many pixels long."""
    span = (high - low) or abs(low) or 1.0
    margin = span * max(_MARGIN, _POINT / max(pixels - 2 * _POINT, _POINT))
    return low - margin, high + margin


class Canvas(pg.GraphicsLayoutWidget):  # type: ignore[misc] # pyqtgraph comes without types
    """One or several groups, and the crosshair over them."""

    hovered = Signal(object)
    clicked = Signal(object)
    menu_wanted = Signal(object)
    range_chosen = Signal(float, float)  #: SI, of the abscissa of the first group
    range_shown = Signal(object)  #: as of `GroupPlot`

    def __init__(self, parent: QWidget | None = None) -> None:
        self.groups: list[GroupPlot] = []  # a first resize comes while the parent is made
        self._given: tuple[tuple[Group, ...], tuple[Overlaid, ...]] = ((), ())
        self._short = False
        super().__init__(parent)
        self.ci.layout.setContentsMargins(0, 0, 0, 0)
        self.ci.layout.setSpacing(4)
        self.setFrameShape(self.Shape.NoFrame)
        self._cross: tuple[Any, Any] | None = None
        self._cross_in: Any = None
        self._region: Any = None
        self.scene().sigMouseMoved.connect(self._moved)
        self.restyle()

    def set(self, groups: Sequence[Group], overlays: Sequence[Overlaid] = ()) -> None:
        """Show these groups, in two columns when there are more than one."""
        self._given = (tuple(groups), tuple(overlays))
        self._short = self._is_short()
        if len(groups) != len(self.groups):
            self._arrange(len(groups))
        if self._region is not None and self._region.scene() is None:
            self._region = None  # it went with the axes it was in
        for plot, group in zip(self.groups, groups, strict=True):
            plot.set(group[:1] if self._short else group, overlays, titled=len(groups) > 1)

    def _is_short(self) -> bool:
        rows = (len(self._given[0]) + 1) // 2
        return rows > 0 and self.height() < rows * _SHORT

    def resizeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Give residuals their room, or take it, with the height."""
        super().resizeEvent(event)
        if self.groups and self._is_short() != self._short:
            self.set(*self._given)

    def _arrange(self, count: int) -> None:
        self.leave()
        self.ci.clear()
        self.groups = [GroupPlot() for _ in range(count)]
        for k, plot in enumerate(self.groups):
            self.addItem(plot, row=k // 2, col=k % 2)
            plot.clicked.connect(self.clicked)
            plot.menu_wanted.connect(self.menu_wanted)
            plot.range_shown.connect(self.range_shown)

    def restyle(self) -> None:
        """Take the colours that hold."""
        self.setBackground(look.colours().paper)
        for plot in self.groups:
            plot.restyle()

    def fit(self) -> None:
        """Show all data."""
        for plot in self.groups:
            plot.fit()

    def is_log(self, axis: str) -> bool:
        """Return whether the axis ``x`` or ``y`` of the first group is logarithmic."""
        if not self.groups or not self.groups[0].axes:
            return False
        return bool(getattr(self.groups[0].axes[0], f"{axis}_axis").quantity.log)

    def set_log(self, axis: str, log: bool | None) -> None:
        """Take the axis ``x`` or ``y`` logarithmically when panels are set; None as they ask."""
        for plot in self.groups:
            setattr(plot, f"{axis}_log", log)
            plot.auto = True

    def set_range(self, low: float, high: float) -> None:
        """Show two lines that can be dragged, with what is between them marked."""
        if not self.groups or not self.groups[0].axes:
            return
        axes = self.groups[0].axes[0]
        if self._region is None or self._region.getViewBox() is not axes.box:
            pen = pg.mkPen(look.colours().accent, width=2)
            self._region = pg.LinearRegionItem(
                brush=pg.mkBrush(98, 180, 240, 30), pen=pen, hoverPen=pg.mkPen(pen, width=4)
            )
            self._region.sigRegionChangeFinished.connect(self._range_dragged)
            axes.box.addItem(self._region, ignoreBounds=True)
        self._region.blockSignals(True)
        self._region.setRegion([_placed(end, axes.x_axis) for end in (low, high)])
        self._region.blockSignals(False)

    def _range_dragged(self) -> None:
        log = self.groups[0].axes[0].x_axis.quantity.log
        low, high = (10.0**end if log else end for end in self._region.getRegion())
        self.range_chosen.emit(low, high)

    def _moved(self, scene: QPointF) -> None:
        for plot in self.groups:
            found = plot.hit_at(scene)
            if found is not None:
                axes, at, hit = found
                self._show_cross(axes, at, hit)
                self.hovered.emit(hit)
                return
        self.leave()

    def _show_cross(self, axes: PlotAxes, at: QPointF, hit: Hit) -> None:
        if self._cross_in is not axes.box:
            self.leave()
            pen = pg.mkPen(look.colours().faded, width=1, style=Qt.PenStyle.DotLine)
            self._cross = (pg.InfiniteLine(angle=90, pen=pen), pg.InfiniteLine(angle=0, pen=pen))
            self._cross_in = axes.box
            for line in self._cross:
                axes.box.addItem(line, ignoreBounds=True)
        assert self._cross is not None
        x, y = at.x(), at.y()
        if hit.snapped:
            x, y = _placed(hit.point.x, axes.x_axis), _placed(hit.point.y, axes.y_axis)
        self._cross[0].setPos(x)
        self._cross[1].setPos(y)

    def leave(self) -> None:
        """Take the crosshair away."""
        if self._cross is not None:
            for line in self._cross:
                self._cross_in.removeItem(line)
            self.hovered.emit(None)
        self._cross = self._cross_in = None

    def leaveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Take the crosshair away with the pointer."""
        super().leaveEvent(event)
        self.leave()


def _placed(value: float, axis: UnitAxis) -> float:
    if not axis.quantity.log:
        return value
    return math.log10(value) if value > 0 else 0.0
