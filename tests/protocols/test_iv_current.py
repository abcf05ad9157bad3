"""Current-controlled loops: where the voltage turns round, and how steeply it falls."""

from __future__ import annotations

import math

import numpy as np
import pytest

from labctl import catalogue
from labctl.benchfile import read_bench
from labctl.errors import BadInput
from labctl.planner import plan
from labctl.readings import Flag, Readings
from labctl.rehearsal import Rehearsed, rehearse
from protocols.iv_current import IvCurrent
from protocols.iv_current_results import turn_of
from tests.protocols.closed_loops import bench_content, cut, with_noise

BENCH = bench_content("direct-snap-back")
FEW = {"points": 25, "dwell": 2e-6, "pause": 1e-4, "cycles": 2, "path": "butterfly"}
LOAD, OFF, ON = 2e3, 20e3, 5e3
THRESHOLD, HOLD = 1.0 / OFF, 0.2 / ON  # currents
STEP = 4e-6


@pytest.fixture(scope="module")
def loops() -> Rehearsed:
    return rehearse(IvCurrent(**FEW), BENCH)


@pytest.mark.parametrize("side", ["", "_negative"])
def test_threshold_and_hold_are_those_of_the_switch(loops, side):
    """The load's voltage is in them: it stands in series."""
    found = loops.analyse().metrics
    for name, i, r in (("threshold", THRESHOLD, OFF), ("hold", HOLD, ON)):
        current, voltage = found[f"{name}_current{side}"], found[f"{name}_voltage{side}"]
        assert abs(current.value - i) <= STEP * (1 + 1e-9)
        assert current.sigma == pytest.approx(2 * STEP / math.sqrt(12), rel=1e-3)
        assert voltage.value == pytest.approx(current.value * (LOAD + r), rel=5e-3)
        assert abs(voltage.value - i * (LOAD + r)) < 3 * voltage.sigma


def test_the_steepest_fall_is_the_snap_back_between_two_levels(loops):
    found = loops.analyse().metrics
    k = found["threshold_current"].value
    snap = (k + STEP) * (LOAD + ON) - k * (LOAD + OFF)
    assert found["negative_resistance"].value == pytest.approx(snap / STEP, rel=2e-2)
    assert found["negative_resistance"].value < 0


def test_a_swept_voltage_jumps_over_what_a_forced_current_shows(loops):
    """Between 50 uA and the load line of the switch that is on there are readings of one only."""
    v, i = loops.readings.v, loops.readings.i
    inside = (i > THRESHOLD) & (i < 90e-6) & (v > 0)
    assert inside.any()
    assert np.all(v[inside] < 0.7)
    swept = rehearse(_iv_sweep(), BENCH).readings.where(role="rest")
    assert not np.any((swept.i > 1.05 * THRESHOLD) & (swept.i < 100e-6) & (swept.v > 1.05))


def _iv_sweep():
    return catalogue.protocol_from("iv-sweep", {
        "path": "positive", "form": "staircase", "positive": 1.3, "points": 26, "dwell": 2e-6,
        "cycles": 1, "read": 0.01, "read_width": 1e-4, "compliance_positive": 1e-3,
        "compliance_negative": 1e-3, "pause": 1e-4,
    })  # fmt: skip


def test_every_form_sees_the_same(loops):
    before = loops.analyse().metrics["threshold_current"].value
    for form in ("pulsed", "linear"):
        asked = IvCurrent(**{**FEW, "form": form, "path": "positive", "cycles": 1, "gap": 1e-6})
        found = rehearse(asked, BENCH).analyse().metrics
        assert found["threshold_current"].value == pytest.approx(before, abs=STEP)
        if form == "linear":  # an open circuit in between lets the switch go
            assert found["hold_current"].value == pytest.approx(HOLD, abs=1.5 * STEP)


def test_levels_of_equal_ratios_find_a_threshold_decades_above_the_first():
    asked = IvCurrent(**{**FEW, "spacing": "log", "lowest": 1e-7, "path": "positive"})
    assert asked.levels[1] == 1e-7
    assert asked.levels[-1] == 1e-4
    results = rehearse(asked, BENCH).analyse()
    assert abs(results.metrics["threshold_current"].value - THRESHOLD) < 15e-6
    assert results.panels[1].y_log


def test_the_voltage_limit_is_met_and_told():
    """0.8 V is below the threshold: nothing snaps back, and the current is the one that flows."""
    asked = IvCurrent(**{**FEW, "voltage_limit": 0.8, "path": "positive"})
    record = rehearse(asked, BENCH)
    assert np.max(record.readings.i) == pytest.approx(0.8 / (LOAD + OFF), rel=1e-3)
    assert np.max(record.readings.v) == pytest.approx(0.8, rel=1e-6)
    assert (record.readings.flags & int(Flag.COMPLIANCE)).any()
    results = record.analyse()
    assert not results.metrics
    assert any("voltage limit of 0.8 V" in note for note in results.notes)
    assert any("show no threshold" in note for note in results.notes)


def test_thresholds_that_vary_give_a_spread_and_steady_ones_a_bound(loops):
    steady = loops.analyse().metrics
    assert steady["threshold_voltage_sd"].bound
    noisy = rehearse(
        IvCurrent(**{**FEW, "path": "positive", "cycles": 4}),
        with_noise(bench_content("direct-snap-back", cycle_sigma=0.08), cycle=True),
        seed=3,
    ).analyse().metrics  # fmt: skip
    assert not noisy["threshold_voltage_sd"].bound
    assert noisy["threshold_voltage"].sigma > noisy["threshold_voltage_sd"].value / math.sqrt(4.001)


def test_a_smooth_curve_turns_at_its_extremes():
    """V = 1 - (I - 1)^2 to I = 2, and up again: from 1 to 2 it falls by all it had."""
    i = np.linspace(0.0, 2.0, 81)
    v = np.where(i < 2, 1 - (i - 1) ** 2, 0.0) + 1.0
    none = np.zeros_like(i)
    found = turn_of(v, i, none, none, 0.05)
    assert found.voltage[0] == pytest.approx(2.0)
    assert found.current == (pytest.approx(1.0), pytest.approx(0.05 / math.sqrt(12)))
    assert found.resistance[0] == pytest.approx(-2.0, rel=2e-2)
    rising = turn_of(i, i, none, none, 0.05)
    assert math.isnan(rising.voltage[0])


@pytest.mark.parametrize(("least", "u", "seen"), [(0.05, 0.0, True), (0.2, 0.0, False),
                                                  (0.05, 0.1, False)])  # fmt: skip
def test_a_fall_too_small_or_too_uncertain_is_none(least, u, seen):
    v, i = np.array([0.5, 1.0, 0.9, 1.1]), np.arange(1.0, 5.0)
    found = turn_of(v, i, np.full(4, u), np.zeros(4), least)
    assert math.isfinite(found.voltage[0]) == seen


def test_an_unfinished_record_is_analysed_and_torn_halves_are_left_out(loops):
    for steps in (0, 1, 3):
        assert cut(loops, steps).analyse().notes
    torn = Rehearsed(loops.protocol, loops.steps, Readings(loops.readings.rows[:-3])).analyse()
    assert any("1 half sweeps are not complete" in note for note in torn.notes)


def test_the_plan_names_amperes_and_the_preview_too():
    made = plan(IvCurrent(), read_bench("direct-snap-back")[0])
    assert made.violations == ()
    assert (made.peak, made.voltage_limits) == ({}, {"top": 3.0})
    assert made.current == {"top": pytest.approx(1e-4)}
    (panel,) = IvCurrent().preview()
    assert (panel.y_label, panel.y_unit) == ("current", "A")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"peak": "2 mA"}, "raise the compliance or lower the peak"),
        ({"spacing": "log", "lowest": "1 mA"}, "must be below the peak"),
        ({"least": 1.5}, "less than 1"),
        ({"points": 2}, "greater than or equal to 4"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(values, words):
    with pytest.raises(BadInput, match=words) as caught:
        IvCurrent.from_values(values, "test")
    assert "\n" not in str(caught.value)
