"""Panels are drawn as on paper, can be zoomed, read off, copied and compared."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from gui import look
from gui.axes import log_ticks
from gui.canvas import Canvas
from gui.decimation import Pyramid, band, thin
from gui.panels import PanelPlot, first_shown
from gui.styles import styles
from labctl import plot as paper
from labctl.plot import Scale, groups
from labctl.results import Panel, Trace
from tests.gui.references import lost

X = tuple(np.geomspace(0.01, 3.0, 12).tolist())
Y = tuple((0.3 * np.exp(-np.array(X) / 0.2)).tolist())
FIT = Panel(
    "Facilitation", "interval", "s", "index", "1",
    (
        Trace(X, Y, "", "points", (0.01,) * 12, "potentiation"),
        Trace(X, Y, "single decay", "line"),
        Trace(X, Y, "double decay", "line"),
    ),
    x_log=True,
)  # fmt: skip
RESIDUALS = Panel(
    "Facilitation: residuals", "interval", "s", "residual", "1",
    (Trace(X, (0.001,) * 12, "", "points", (0.01,) * 12, "potentiation"),),
    x_log=True, residuals_of="Facilitation",
)  # fmt: skip
OTHER = Panel("Currents", "time", "s", "current", "A", (Trace((0.0, 1.0), (1e-6, 2e-6), "read"),))
PANELS = (OTHER, FIT, RESIDUALS)

Shown = Callable[..., PanelPlot]


@pytest.fixture
def show(qapp: QApplication):
    made: list[PanelPlot] = []

    def make(panels: tuple[Panel, ...] = PANELS, width: int = 700, height: int = 420) -> PanelPlot:
        plot = PanelPlot()
        plot.resize(width, height)
        plot.setValue(panels)
        plot.show()
        qapp.processEvents()
        made.append(plot)
        return plot

    yield make
    for plot in made:
        plot.close()
        plot.deleteLater()


def canvas(plot: PanelPlot) -> Canvas:
    found = plot.findChild(Canvas)
    assert found is not None
    return found


def top(plot: PanelPlot):
    return canvas(plot).groups[0].axes[0]


def scene_of(plot: PanelPlot, x: float, y: float) -> QPointF:
    return top(plot).box.mapViewToScene(QPointF(x, y))


def test_the_group_with_a_fit_is_shown_first_with_its_residuals_below(show: Shown) -> None:
    plot = show()
    assert plot.value() == PANELS
    assert plot.chosen() == first_shown(groups(PANELS)) == "Facilitation"
    assert [axes.panel for axes in canvas(plot).groups[0].axes] == [FIT, RESIDUALS]
    above, below = canvas(plot).groups[0].axes
    assert above.box.viewRange()[0] == pytest.approx(below.box.viewRange()[0])


def test_where_there_is_no_height_the_residuals_leave_their_room(show: Shown, qtbot) -> None:
    plot = show(height=150)
    assert [axes.panel for axes in canvas(plot).groups[0].axes] == [FIT]
    plot.resize(700, 420)
    shown = canvas(plot).groups[0]
    qtbot.waitUntil(lambda: len(shown.axes) == 2)
    top(plot).box.setXRange(-1.0, 0.0, padding=0)
    shown.auto = False  # as after a zoom by hand: the range is the user's
    plot.resize(700, 150)
    qtbot.waitUntil(lambda: len(shown.axes) == 1)
    assert top(plot).box.viewRange()[0] == pytest.approx([-1.0, 0.0])


def test_every_point_bar_and_line_is_in_view(show: Shown) -> None:
    (left, right), (low, high) = top(show()).box.viewRange()
    assert left < np.log10(0.01)
    assert right > np.log10(3.0)
    assert low < min(Y) - 0.01
    assert high > max(Y) + 0.01


@pytest.mark.parametrize("first", [FIT.traces, OTHER.traces, FIT.traces[1:]])
def test_colours_are_those_on_paper(first: tuple[Trace, ...]) -> None:
    theirs = paper._looks(first, any(trace.kind == "points" for trace in first))
    ours = styles(first, look.LIGHT)
    swap = {paper._INK: look.LIGHT.ink, paper._FADED: look.LIGHT.faded}
    assert [one.colour for one in ours] == [swap.get(c.colour, c.colour) for c in theirs]


def test_the_axis_says_what_is_in_view_with_a_prefix_that_fits(show: Shown) -> None:
    plot = show()
    axis = top(plot).x_axis
    assert axis.labelText == "interval (ms)"
    top(plot).box.setXRange(0.0, 0.3, padding=0)
    assert axis.labelText == "interval (s)"
    plot.choose("Currents")
    assert top(plot).y_axis.labelText == "current (µA)"
    top(plot).box.setYRange(1.2345e-6, 1.23451e-6, padding=0)
    assert top(plot).y_axis.labelText == "current (pA)"
    assert top(plot).y_axis.since == "+ 1.2345 µA"
    spacing, values = top(plot).y_axis.tickValues(1.2345e-6, 1.23451e-6, 200)[0]
    texts = top(plot).y_axis.tickStrings(values, 1, spacing)
    assert len(set(texts)) == len(values) > 1
    assert max(map(len, texts)) < 5


def test_a_wide_logarithmic_axis_has_a_prefix_at_every_tick() -> None:
    major, _ = log_ticks(-9.0, 3.0, "s", Scale(1.0, ""))
    assert [tick.text for tick in major] == ["10 ns", "1 µs", "100 µs", "10 ms", "1 s", "100 s"]
    narrow, minor = log_ticks(np.log10(2.0), np.log10(2.5), "s", Scale(1.0, "s"))
    assert [tick.text for tick in narrow] == ["2.0", "2.1", "2.2", "2.3", "2.4", "2.5"]
    assert not minor


def test_the_wheel_zooms_at_the_pointer_and_a_double_click_shows_all(show: Shown, qtbot) -> None:
    plot = show()
    box = top(plot).box
    before = box.viewRange()
    box.scaleBy((0.5, 0.5), center=(-1.0, 0.1))
    box.sigRangeChangedManually.emit((True, True))
    zoomed = box.viewRange()
    assert zoomed[0][1] - zoomed[0][0] == pytest.approx((before[0][1] - before[0][0]) / 2)
    plot.setValue((OTHER, FIT, RESIDUALS))  # as a live run does: the range stays
    assert box.viewRange() == zoomed
    box.fitted.emit()
    assert box.viewRange()[0] == pytest.approx(before[0])


def test_the_crosshair_says_value_and_uncertainty_and_a_click_copies(show: Shown) -> None:
    plot = show()
    copied: list[str] = []
    plot.copied.connect(copied.append)
    place = scene_of(plot, np.log10(X[4]) + 0.004, Y[4])
    canvas(plot)._moved(place)
    canvas(plot).groups[0]._clicked(place)
    assert copied == ["interval 79.57 ms, index 0.202 ± 0.010"]
    assert QGuiApplication.clipboard().text() == copied[0]
    canvas(plot)._moved(QPointF(-50, -50))
    assert plot._hit is None


def test_keys_make_axes_logarithmic_and_back(show: Shown, qtbot) -> None:
    plot = show()
    plot.activateWindow()
    plot.setFocus()
    qtbot.keyClick(plot, Qt.Key.Key_Y)
    assert top(plot).y_axis.quantity.log
    qtbot.keyClick(plot, Qt.Key.Key_X)
    assert not top(plot).x_axis.quantity.log
    qtbot.keyClick(plot, Qt.Key.Key_Y)
    assert not top(plot).y_axis.quantity.log
    qtbot.keyClick(plot, Qt.Key.Key_A)
    assert len(canvas(plot).groups) == 2
    assert plot.shown() == PANELS


def test_another_run_is_drawn_over_the_same_panels(show: Shown) -> None:
    plot = show()
    plot.setOverlay("D4", (FIT,))
    curves = top(plot).curves
    assert len(curves) == len(FIT.traces) + 1  # of another run its data, not its fits
    assert curves[-1].trace == FIT.traces[0]
    assert set(plot.overlays()) == {"D4"}
    plot.pin()
    assert set(plot.overlays()) == {"D4", "pinned 1"}
    plot.clearOverlays()
    assert len(top(plot).curves) == len(FIT.traces)


def test_nothing_is_an_invitation_and_what_cannot_be_drawn_is_left_out(show: Shown) -> None:
    plot = show(())
    assert plot.findChild(Canvas) is None
    odd = Trace((0.0, 1.0, 2.0, float("nan")), (1.0, -1.0, 2.0, 3.0), "odd", "points", (0.1,) * 4)
    plot.setValue((Panel("odd", "x", "s", "y", "V", (odd,), x_log=True, y_log=True),))
    assert top(plot).curves[0].shown.x.tolist() == [pytest.approx(np.log10(2.0))]
    plot.setValue(())
    assert plot.chosen() == "odd"


def test_dragging_the_range_gives_si(show: Shown) -> None:
    plot = show()
    chosen: list[tuple[float, float]] = []
    plot.rangeChosen.connect(lambda low, high: chosen.append((low, high)))
    plot.setRange(0.02, 0.5)
    canvas(plot)._region.setRegion((-1.0, 0.0))
    assert chosen[-1] == (pytest.approx(0.1), pytest.approx(1.0))


def test_millions_of_points_keep_their_peak_and_few_are_drawn(show: Shown) -> None:
    x = np.arange(2_000_000) * 5e-6
    y = np.zeros_like(x)
    y[1_530_864] = 1.0
    trace = Trace(x, y, "many", "line")  # type: ignore[arg-type]
    plot = show((Panel("many", "t", "s", "i", "A", (trace,)),))
    drawn_x, drawn_y = top(plot).curves[0]._drawn
    assert len(drawn_x) < 3_000
    assert drawn_y.max() == 1.0
    assert drawn_x[np.argmax(drawn_y)] == x[1_530_864]
    top(plot).box.setXRange(7.652, 7.657, padding=0)
    drawn_x, drawn_y = top(plot).curves[0]._line.getData()
    assert len(drawn_x) == pytest.approx(1003, abs=2)  # all there are
    assert drawn_y.max() == 1.0


@pytest.mark.parametrize("count", [0, 5, 16, 100, 5000, 100_003])
def test_a_pyramid_that_grew_is_one_that_was_built(count: int) -> None:
    rng = np.random.default_rng(count)
    x, y = np.sort(rng.random(count)), rng.normal(size=count)
    built, grown = Pyramid(x, y), Pyramid()
    for first in range(0, count, 777):
        grown.append(x[first : first + 777], y[first : first + 777])
    for start, stop in ((0.0, 1.0), (0.2, 0.3), (0.9, 2.0)):
        one, two = (pyramid.view(start, stop, 50) for pyramid in (built, grown))
        assert np.array_equal(one, two)
        inside = (x >= start) & (x <= stop)
        if np.any(inside):
            assert one[1].max() >= y[inside].max()
            assert one[1].min() <= y[inside].min()
        assert np.all(np.diff(one[0]) >= 0)
        assert np.isin(one[1], y).all()


def test_a_curve_that_runs_to_and_fro_keeps_its_extremes() -> None:
    angle = np.linspace(0, 40 * np.pi, 100_000)
    x, y = np.cos(angle), np.sin(angle)
    thin_x, thin_y = thin(x, y, 2000)
    assert len(thin_x) <= 2100
    assert thin_x.min() == x.min()
    assert thin_y.max() == y.max()


def test_a_change_to_dark_repaints_it(show: Shown, qapp: QApplication) -> None:
    plot = show()

    def ground() -> int:
        return plot.grab().toImage().pixelColor(QPoint(plot.width() // 2, 60)).lightness()

    assert ground() > 200
    look.apply(qapp, "dark")
    qapp.processEvents()
    assert ground() < 60
    assert look.is_dark()
    look.apply(qapp, "light")


def test_icons_are_painted(qapp: QApplication) -> None:
    image = look.icon("magnify").pixmap(24, 24).toImage()
    shades = {image.pixelColor(x, y).alpha() for x in range(24) for y in range(24)}
    assert max(shades) > 200
    assert look.icon("no such icon").isNull()


def test_maps_of_colour_run_from_dark_to_light() -> None:
    lightness = [look.colour_at(part / 20).lightnessF() for part in range(21)]
    assert lightness[0] < 0.3
    assert lightness[-1] > 0.5
    middle = look.colour_at(0.5, look.DIVERGING)
    assert middle.saturationF() < 0.1
    assert Path(look.__file__).exists()


def test_repainting_loses_no_reference_to_none(show: Shown) -> None:
    """A binding of Qt did so at every repaint, until the interpreter aborted."""
    plot = show(width=300, height=200)
    plot.grab()
    assert lost(plot.grab, 150) <= 20


def test_plots_come_and_go_without_a_trace(qapp: QApplication) -> None:
    """Teardown in any order: first what Qt deletes, then what Python collects."""
    for _ in range(4):
        plot = PanelPlot()
        plot.setValue(PANELS)
        plot.show()
        qapp.processEvents()
        canvas(plot)._moved(scene_of(plot, -1.0, 0.1))
        plot.choose("Currents")
        plot.close()
        plot.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        del plot
        gc.collect()
        qapp.processEvents()


def test_a_fit_that_goes_astray_leaves_the_data_in_sight(show: Shown) -> None:
    wild = Trace((0.01, 0.1, 3.0), (0.0, 1e5, 0.0), "double decay", "line")
    plot = show((Panel("f", "t", "s", "index", "1", (FIT.traces[0], wild), x_log=True),))
    low, high = top(plot).box.viewRange()[1]
    assert low < min(Y)
    assert max(Y) < high < 2 * max(Y)


def test_a_group_without_a_point_is_not_offered(show: Shown) -> None:
    empty = Panel("later", "t", "s", "y", "V", (Trace((), ()),))
    plot = show((empty,))
    assert plot.chosen() == ""
    plot.setValue((empty, OTHER))
    assert plot.chosen() == "Currents"


def test_a_band_covers_all_points_and_its_columns_touch() -> None:
    x = np.linspace(0.0, 1.0, 10_001)
    y = np.sin(40 * x)
    left, low, high = band(x, y, 0.2, 0.7, 100)
    for at, start in enumerate(left):
        inside = (x >= start + 1e-9) & (x < start + 0.005 - 1e-9) & (x >= 0.2) & (x < 0.7)
        if np.any(inside):
            assert low[at] <= y[inside].min()
            assert high[at] >= y[inside].max()
    assert np.all(high[:-1] >= low[1:])
    assert np.all(low[:-1] <= high[1:])
    assert band(x[:0], y[:0], 0.0, 1.0, 10)[0].size == 0


def test_a_map_of_tiles_is_drawn_with_its_values(qtbot):
    from gui.curves import shown
    from gui.tiles import Tiles, shade_text, shading_of_panel, written

    trace = Trace((1.0, 2.0, 1.0), (1.0, 1.0, 2.0), "", "tiles", shade=(0.5, -1.5, float("nan")))
    places = shown(trace, False, False)
    panel = Panel("map", "column", "1", "row", "1", (trace,), shade_label="change", signed=True)
    shading = shading_of_panel(panel)
    assert shading is not None
    assert (shading.low, shading.high, shading.title) == (-1.5, 1.5, "change")
    tiles = Tiles(trace, places, shading)
    assert tiles.half == (0.5, 0.5)
    assert tiles.boundingRect().width() == 2.0  # no square where nothing is known
    assert tiles.boundingRect().height() == 1.0
    assert [text.toPlainText() for text in written(trace, places, shading)] == ["0.5", "-1.5"]
    assert shade_text(trace, 1, shading) == "-1.5"


def test_a_colour_bar_says_what_the_colours_are(qtbot):
    shade = (1.0e-4, 1.2e-4, 1.5e-4)
    trace = Trace((1.0, 2.0, 3.0), (1.0, 1.0, 1.0), "", "tiles", shade=shade)
    panel = Panel("map", "column", "1", "row", "1", (trace,), shade_label="G", shade_unit="S")
    plot = PanelPlot()
    qtbot.addWidget(plot)
    plot.resize(600, 300)
    plot.setValue((panel,))
    plot.show()
    axes = plot._drawing().groups[0].axes[0]
    assert axes.bar.value().title == "G (µS)"
    assert [text for _, text in axes.bar.value().ticks()] == [
        "100",
        "110",
        "120",
        "130",
        "140",
        "150",
    ]
    assert axes.bar.width() > 30
    line = Trace((1.0, 2.0), (1.0, 2.0), "", "line")
    plot.setValue((Panel("line", "t", "s", "i", "A", (line,)),))
    axes = plot._drawing().groups[0].axes[0]
    assert (axes.bar.value(), axes.bar.width()) == (None, 0.0)
