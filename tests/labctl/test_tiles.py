"""Maps of colours: a value over two variables."""

from __future__ import annotations

import numpy as np

from labctl.plot import draw, render
from labctl.results import Panel, Trace
from labctl.tiles import grid

MAP = Trace(
    (1.0, 2.0, 1.0, 2.0, 2.0), (1.0, 1.0, 2.0, 2.0, 2.0), "", "tiles",
    shade=(1e-4, -2e-4, float("nan"), 3e-4, 1e-4),
)  # fmt: skip


def panel(**changes):
    return Panel(
        "Map", "column", "1", "row", "1", (MAP,), shade_label="G", shade_unit="S", **changes
    )


def test_a_grid_has_a_hole_where_nothing_is_known_and_the_mean_of_two():
    x, y, values = grid(MAP)
    assert x.tolist() == [1, 2]
    assert y.tolist() == [1, 2]
    np.testing.assert_allclose(values, [[1e-4, -2e-4], [np.nan, 2e-4]])


def test_the_map_is_drawn_with_a_bar_in_the_unit_that_suits():
    figure = draw([panel()], simulated=False)
    axes, bar = figure.axes
    (mesh,) = axes.collections
    np.testing.assert_allclose(np.ma.filled(mesh.get_array(), np.nan), [[100, -200], [np.nan, 200]])
    assert bar.get_ylabel() == "G (µS)"
    assert sorted(text.get_text() for text in axes.texts) == ["-200", "100", "200"]
    assert axes.get_legend() is None


def test_rows_of_a_wafer_are_seen_from_above():
    up, down = (draw([panel(downwards=falling)], simulated=False) for falling in (False, True))
    assert not up.axes[0].yaxis_inverted()
    assert down.axes[0].yaxis_inverted()


def test_zero_is_the_middle_of_a_signed_map():
    figure = draw([panel(signed=True)], simulated=False)
    (mesh,) = figure.axes[0].collections
    assert mesh.get_clim() == (-200.0, 200.0)


def test_a_map_without_a_value_is_an_empty_pair_of_axes():
    empty = Trace((1.0,), (1.0,), "", "tiles", shade=(float("nan"),))
    bare = Panel("Map", "x", "1", "y", "1", (empty,))
    assert render([bare], True, "svg").startswith(b"<?xml")
