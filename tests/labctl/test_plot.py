"""Figures, looked at through their axes, lines and files."""

import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from labctl import plot
from labctl.errors import BadInput
from labctl.results import Panel, Trace

X = tuple(np.geomspace(0.01, 3, 20).tolist())
Y = tuple(np.linspace(0.5, 0, 20).tolist())
DATA = Trace(X, Y, y_error=(0.01,) * 20, branch="potentiation")
FIT = Trace(X, Y, "double decay", "line")
INDEX = Panel("Index", "interval", "s", "PPF index", "1", (DATA, FIT), x_log=True)
LEFT = Panel("Residuals", "interval", "s", "residual", "1", (DATA,), residuals_of="Index")
WAVE = Panel("Waveform", "time", "s", "level", "V", (Trace((0, 1e-4), (0, 1.0), kind="steps"),))


def lines(axes: Axes) -> list[Line2D]:
    return [line for line in axes.get_lines() if len(np.atleast_1d(line.get_xdata())) > 2]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


class TestScale:
    @pytest.mark.parametrize(
        ("values", "unit", "log", "factor", "shown"),
        [
            ([1e-4, 2e-3], "s", False, 1e3, "ms"),
            ([0.01, 3.0], "s", True, 1e3, "ms"),
            ([0.0, 1e-3], "A", False, 1e3, "mA"),
            ([-5e-6, 1e-9], "A", False, 1e6, "µA"),
            ([999.9], "Ohm", False, 1.0, "Ω"),
            ([1e3], "Ohm", False, 1e-3, "kΩ"),
            ([5e-8], "J", False, 1e9, "nJ"),
            ([1e-30], "J", False, 1e18, "aJ"),
            ([0.02], "1", False, 1.0, ""),
            ([20.0], "%", False, 1.0, "%"),
            ([], "V", False, 1.0, "V"),
            ([0.0, float("nan"), float("inf")], "V", False, 1.0, "V"),
        ],
    )
    def test_the_prefix_suits_the_data(
        self, values: list[float], unit: str, log: bool, factor: float, shown: str
    ) -> None:
        found = plot.scale_for(values, unit, log)
        assert found.factor == pytest.approx(factor)
        assert found.unit == shown

    @pytest.mark.parametrize("exponent", range(-15, 9))
    def test_shown_numbers_lie_between_one_and_a_thousand(self, exponent: int) -> None:
        for mantissa in (1.0, 3.3, 9.99):
            size = mantissa * 10.0**exponent
            assert 0.999 < size * plot.scale_for([size], "A").factor < 1000


class TestGroups:
    def test_residuals_stand_below_their_panel(self) -> None:
        assert plot.groups([WAVE, INDEX, LEFT]) == [(WAVE,), (INDEX, LEFT)]

    def test_residuals_of_nothing_stand_alone(self) -> None:
        assert plot.groups([LEFT]) == [(LEFT,)]


class TestDraw:
    def test_axes_are_labelled_with_scaled_units(self) -> None:
        top, below = plot.draw([INDEX, LEFT], False).axes
        assert top.get_ylabel() == "PPF index"
        assert top.get_xscale() == below.get_xscale() == "log"
        assert below.get_xlabel() == "interval (ms)"
        assert top.get_xlabel() == ""
        data = lines(top)[0]
        assert data.get_xdata() == pytest.approx(1e3 * np.array(X))
        assert data.get_ydata() == pytest.approx(np.array(Y))

    def test_data_are_points_with_bars_and_fits_are_lines(self) -> None:
        (axes,) = plot.draw([INDEX], False).axes
        data, fit = lines(axes)
        assert (data.get_marker(), data.get_linestyle()) == ("o", "None")
        assert (fit.get_marker(), fit.get_linestyle()) == ("None", "-")
        assert len(axes.containers) == 1
        bars = axes.collections[0].get_segments()  # type: ignore[attr-defined]
        assert bars[0][:, 1] == pytest.approx([0.49, 0.51])
        legend = axes.get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == ["double decay"]

    def test_both_branches_keep_their_colours_and_others_are_four(self) -> None:
        traces = [
            Trace(X, Y, branch="depression"),
            Trace(X, Y, branch="potentiation"),
            *(Trace(X, Y, str(k)) for k in range(5)),
        ]
        panel = Panel("All", "x", "s", "y", "A", tuple(traces))
        colours = [
            to_hex(line.get_color()).upper() for line in lines(plot.draw([panel], False).axes[0])
        ]
        assert colours[:2] == [plot.DEPRESSION, plot.POTENTIATION]
        assert colours[2:6] == list(plot.CATEGORICAL)
        assert len(set(colours)) == 6

    def test_residual_axes_are_small_share_the_abscissa_and_show_zero(self) -> None:
        figure = plot.draw([INDEX, LEFT], False)
        figure.canvas.draw()
        top, below = figure.axes
        assert below.get_position().height < 0.5 * top.get_position().height
        assert below.get_position().y1 <= top.get_position().y0
        assert top.get_xlim() == below.get_xlim()
        assert any(np.all(np.asarray(line.get_ydata()) == 0) for line in below.get_lines())

    def test_every_simulated_figure_is_marked(self) -> None:
        for panels in ([INDEX, LEFT], [WAVE], []):
            assert texts(plot.draw(panels, True)) == ["SIMULATED"]
            assert texts(plot.draw(panels, False)) == []

    def test_many_groups_stand_in_two_columns(self) -> None:
        figure = plot.draw([WAVE, INDEX, LEFT, Panel("Other", "t", "s", "i", "A", ())], False)
        figure.canvas.draw()
        assert len({round(axes.get_position().x0, 1) for axes in figure.axes}) == 2

    def test_what_has_no_place_on_a_logarithmic_axis_is_left_out(self) -> None:
        trace = Trace((-1.0, 0.0, 1.0, 10.0, 100.0, float("nan")), (1.0, 2.0, 3.0, -4.0, 5.0, 6.0))
        panel = Panel("Log", "x", "s", "y", "A", (trace,), x_log=True, y_log=True)
        figure = plot.draw([panel], False)
        figure.canvas.draw()
        (line,) = [line for line in figure.axes[0].get_lines() if line.get_marker() == "o"]
        assert list(np.asarray(line.get_xdata())) == [1.0, 100.0]

    @pytest.mark.parametrize(("third", "whole"), [(3.0, True), (2.5, False)])
    def test_what_counts_has_whole_numbers_on_its_axis(self, third: float, whole: bool) -> None:
        trace = Trace((1.0, 2.0, third), (1.0, 2.0, 3.0))
        figure = plot.draw([Panel("Cycles", "cycle", "1", "y", "A", (trace,))], False)
        figure.canvas.draw()
        assert all(x == round(x) for x in figure.axes[0].get_xticks()) is whole

    @pytest.mark.parametrize("x_log", [False, True])
    def test_empty_and_odd_traces_are_drawn_without_complaint(self, x_log: bool) -> None:
        traces = (
            Trace((), ()),
            Trace((0.0,), (0.0,), "one $point$ of 5 $", y_error=(0.0,)),
            Trace((1.0, 2.0), (float("nan"),) * 2, "_nothing", "line"),
        )
        panel = Panel("Cost: 3 $ or 4 $ \\frac", "x", "s", "y_{", "A", traces, x_log=x_log)
        assert plot.render([panel], True, "svg").startswith(b"<?xml")

    def test_pyplot_is_not_used(self) -> None:
        plot.draw([INDEX], False)
        assert (
            "matplotlib.pyplot" not in sys.modules
            or not sys.modules["matplotlib.pyplot"].get_fignums()
        )


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "magic"), [("a.svg", b"<?xml"), ("a.PNG", b"\x89PNG"), ("a.pdf", b"%PDF")]
    )
    def test_the_suffix_is_the_format(self, tmp_path: Path, name: str, magic: bytes) -> None:
        path = tmp_path / name
        plot.save([WAVE], path, True)
        assert path.read_bytes().startswith(magic)

    @pytest.mark.parametrize("form", plot.FORMATS)
    def test_the_same_panels_give_the_same_bytes(self, form: str) -> None:
        assert plot.render([WAVE], True, form) == plot.render([WAVE], True, form)

    def test_another_suffix_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match='"jpg" was asked for; allowed are svg, png, pdf'):
            plot.save([INDEX], tmp_path / "a.jpg", False)

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="cannot be written: No such file"):
            plot.save([WAVE], tmp_path / "none" / "a.png", False)

    def test_very_many_points_do_not_make_a_huge_svg(self) -> None:
        x = np.linspace(0, 1, 200_000)
        y = np.sin(50 * x)
        panel = Panel("Trace", "t", "s", "i", "A", (Trace(tuple(x), tuple(y), "long", "line"),))
        assert len(plot.render([panel], False, "svg")) < 400_000
