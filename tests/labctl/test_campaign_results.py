"""What a campaign says of its sites: Weibull's law with censored devices, and maps."""

from __future__ import annotations

import numpy as np
import pytest

from labctl import campaign_map
from labctl.analysis.uniformity import Device
from labctl.campaign_life import weibull_of
from labctl.campaign_map import SiteFigures, look_up, map_panel
from labctl.results import Metric, Results


def devices(values, definition, unit, name, censored=None):
    """Return one device for each value; those that are censored have survived so long."""
    made = []
    for k, value in enumerate(values):
        metric = Metric(float(value), None, unit, definition)
        metrics = {name: metric}
        if censored is not None and censored[1][k]:
            metrics = {censored[0]: Metric(float(value), None, unit, censored[2])}
        made.append(Device(f"{k},1,1", [Results(metrics)]))
    return made


def test_lives_that_were_not_over_count_as_censored():
    random = np.random.default_rng(3)
    life = 100 * random.weibull(2.0, 200)
    end = 80.0
    alive = life > end
    seen = np.minimum(life, end)
    found = weibull_of(
        devices(
            seen, "retention-life", "s", "life_1_300K",
            ("survived_1_300K", alive, "retention-survived"),
        )
    )  # fmt: skip
    fit = found.fits["weibull_life_1_300K"]
    assert fit.points == 200
    assert f"{alive.sum()} had not failed" in fit.note
    assert abs(fit.eta.value - 100) < 3 * fit.eta.sigma
    slope = found.metrics["weibull_shape_life_1_300K"]
    assert (slope.definition, slope.unit) == ("weibull-shape", "1")
    assert abs(slope.value - 2) < 3 * slope.sigma
    assert found.metrics["b10_life_1_300K"].unit == "s"
    (panel,) = found.panels
    assert panel.title == "Weibull plot of life_1_300K"
    assert len(panel.traces[0].x) == (~alive).sum()
    # left out, the survivors would make every life too short
    without = weibull_of(devices(seen[~alive], "retention-life", "s", "life_1_300K"))
    assert without.fits["weibull_life_1_300K"].eta.value < 100 - 5 * fit.eta.sigma


def test_voltages_of_either_sign_are_sizes_but_not_of_both():
    volts = 1.2 * np.random.default_rng(5).weibull(9.0, 40)
    down = weibull_of(devices(-volts, "switching-voltage-half-change", "V", "v_reset"))
    up = weibull_of(devices(volts, "switching-voltage-half-change", "V", "v_reset"))
    assert down.fits == up.fits
    assert abs(up.fits["weibull_v_reset"].eta.value - 1.2) < 0.1
    assert "b10_v_reset" not in up.metrics
    mixed = weibull_of(devices([1.0, -1.1, 1.2], "forming-voltage-ramp", "V", "forming_voltage"))
    assert mixed.notes == ("forming_voltage has both signs: no Weibull statistics of it",)


def test_what_is_no_life_and_what_has_hardly_failed_has_no_law():
    values = [1.0, 2.0, 3.0, 4.0]
    assert weibull_of(devices(values, "read-conductance", "S", "baseline")) == Results()
    named = weibull_of(devices(values, "retention-life", "s", "life_1"), ["index"])
    assert named == Results()
    alive = [False, True, True, True]
    few = weibull_of(
        devices(
            values, "endurance-cycles-to-failure", "1", "cycles_to_failure",
            ("cycles_survived", alive, "endurance-cycles-survived"),
        )
    )  # fmt: skip
    assert few.fits == {}
    assert few.notes == ("cycles_to_failure: 1 of 4 devices failed, too few for a law",)


def test_a_voltage_below_the_first_level_is_an_interval():
    values = 2 + 0.1 * np.arange(8)
    made = devices(values, "forming-voltage-ramp", "V", "forming_voltage")
    first = Metric(1.5, None, "V", "forming-voltage-ramp", bound=True)
    made.append(Device("9,1,1", [Results({"forming_voltage": first})]))
    fit = weibull_of(made).fits["weibull_forming_voltage"]
    assert "1 are known to an interval" in fit.note


SITES = [
    SiteFigures("1,1,1", 300.0, "done", {"ppf-1.index": (0.1, "1"), "ppf-2.index": (0.2, "1")}),
    SiteFigures(
        "2,1,1", 300.0, "done", {"ppf-1.index": (None, "1"), "ppf-1.fit.tau1": (2e-3, "s")}
    ),
    SiteFigures("1,2,1", 300.0, "no contact"),
]


def test_a_figure_is_found_with_its_stage_or_without():
    assert look_up(SITES[0].figures, "ppf-1.index") == (0.1, "1")
    assert look_up(SITES[0].figures, "index") == (0.2, "1")
    assert look_up(SITES[1].figures, "fit.tau1") == (2e-3, "s")
    assert look_up(SITES[1].figures, "energy") is None


def test_the_map_has_tiles_where_the_figure_is_known():
    panel = map_panel(SITES, "ppf-1.index")
    (trace,) = panel.traces
    assert (trace.x, trace.y, trace.shade) == ((1.0,), (1.0,), (0.1,))
    assert map_panel(SITES, "fit.tau1").shade_unit == "s"


@pytest.mark.parametrize("columns", [3, 20])
def test_a_map_as_text_has_a_cell_for_each_die(columns):
    parts = [
        campaign_map.Part(f"{x},{y},{site}", None, "", "done" if y == 1 else "waiting")
        for y in (1, 2) for x in range(1, columns + 1) for site in (1, 2)
    ]  # fmt: skip
    values = {part.site: 0.25 * k for k, part in enumerate(parts) if part.status == "done"}
    first, second, *foot = campaign_map._grid(parts, values)
    row, *cells = first.split()
    assert row == "1"
    assert second.split() == ["2", *["."] * columns]
    if columns == 3:  # the mean of both devices of the die
        assert [float(cell) for cell in cells] == [0.125, 0.625, 1.12]
        assert foot[0].split() == ["1", "2", "3"]
    else:
        assert cells[0] == "0"
        assert cells[-1] == "9"
        assert not foot
