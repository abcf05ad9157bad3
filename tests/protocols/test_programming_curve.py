"""Programming curves: SET and RESET current, energies, and what a voltage limit does to them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from labctl.benchfile import read_bench
from labctl.errors import BadInput
from labctl.planner import plan
from labctl.readings import Flag, Readings, Row
from labctl.rehearsal import Rehearsed, rehearse
from labctl.steps import Play, StepRecord
from protocols.programming_curve import ProgrammingCurve
from protocols.programming_curve_results import Curve, Pulse
from tests.protocols.closed_loops import bench_content, cut, with_noise

FEW = {"currents": tuple(k * 1e-5 for k in range(2, 19)), "repeats": 2}
BENCH = bench_content("direct-pcm")
#: heater and voltages of the preset: melting from 104.6 uA, the threshold at 69.2 uA
MELTING, THRESHOLD = 1.36 / 13e3, 0.9 / 13e3


@pytest.fixture(scope="module")
def curve() -> Rehearsed:
    return rehearse(ProgrammingCurve(**FEW), BENCH)


def test_the_curve_falls_where_the_cell_crystallises_and_rises_where_it_melts(curve):
    found = curve.analyse().metrics
    assert found["reset_current"].value == pytest.approx(MELTING, abs=5e-6)
    assert found["set_current"].value == pytest.approx(THRESHOLD, abs=5e-6)
    assert found["reset_current"].sigma == pytest.approx(1e-5 / math.sqrt(12), rel=1e-6)
    window = found["reset_current"].value - found["set_current"].value
    assert found["set_window"].value == pytest.approx(window)
    ratio = found["highest_resistance"].value / found["lowest_resistance"].value
    assert found["dynamic_range"].value == pytest.approx(ratio)
    assert ratio > 50


def test_energies_are_those_of_the_weakest_pulses_that_do_the_work(curve):
    """The heater of 13 kOhm for 1 us: 90 uA for the SET, and 110 uA for the RESET."""
    found = curve.analyse().metrics
    assert found["energy_set"].value == pytest.approx(9e-5**2 * 13e3 * 1e-6, rel=1e-6)
    assert found["energy_reset"].value == pytest.approx(11e-5**2 * 13e3 * 1e-6, rel=1e-6)


def test_in_each_pulse_current_and_voltage_are_measured(curve):
    (pulses,) = curve.analyse().tables
    column = {c.name: np.array(c.data, float) for c in pulses.columns}
    assert column["current"] == pytest.approx(column["current asked"])
    hot = column["current"] > THRESHOLD
    assert column["voltage"][hot] == pytest.approx(13e3 * column["current"][hot])
    assert column["voltage"][~hot] == pytest.approx(0.9, rel=1e-4)
    assert np.all(column["resistance before"] > 1e6)  # melted before every pulse


def test_pulses_that_accumulate_crystallise_further():
    each = rehearse(ProgrammingCurve(**FEW), BENCH).analyse().metrics
    found = rehearse(ProgrammingCurve(initialise="once", **FEW), BENCH).analyse().metrics
    assert found["lowest_resistance"].value < 0.8 * each["lowest_resistance"].value
    assert found["set_current"].value < each["set_current"].value


def test_from_the_low_resistance_there_is_a_reset_and_no_set():
    """Never initialised: the cell begins crystalline."""
    asked = ProgrammingCurve(initialise="never", **{**FEW, "repeats": 1})
    results = rehearse(asked, bench_content("direct-pcm", crystalline=1.0)).analyse()
    assert "set_current" not in results.metrics
    assert results.metrics["reset_current"].value > MELTING
    assert any("show no SET" in note for note in results.notes)


def test_a_read_by_a_current_sees_the_same_and_never_passes_the_read_voltage(curve):
    asked = ProgrammingCurve(read_by="current", **FEW)
    record = rehearse(asked, BENCH)
    reads = record.readings.where(role="read")
    assert np.all(np.abs(reads.v) < 0.1 * (1 + 1e-6))
    assert np.all(np.isnan(record.readings.v_set))  # nothing but currents
    limited = (reads.flags & int(Flag.COMPLIANCE)) > 0
    assert limited.any()
    assert not limited.all()
    found, before = record.analyse().metrics, curve.analyse().metrics
    for name in ("set_current", "reset_current"):
        assert found[name].value == pytest.approx(before[name].value, rel=2e-2)


def test_pulses_that_met_the_voltage_limit_stand_at_the_current_that_flowed():
    asked = ProgrammingCurve(voltage_limit=1.3, **FEW)
    results = rehearse(asked, BENCH).analyse()
    (pulses,) = results.tables
    column = {c.name: c.data for c in pulses.columns}
    assert max(column["current"]) == pytest.approx(1.3 / 13e3)
    assert any("voltage limit of 1.3 V" in note for note in results.notes)
    assert sum(column["at the voltage limit"]) == 2 * 9  # 100 uA asks for just 1.3 V
    assert "reset_current" not in results.metrics


def test_pulses_that_are_too_short_to_be_measured_can_be_left_unmeasured(curve):
    record = rehearse(ProgrammingCurve(measured=False, **FEW), BENCH)
    results = record.analyse()
    assert not len(record.readings.where(role="pulse"))
    assert any("were not measured" in note for note in results.notes)
    assert results.metrics["reset_current"].value == pytest.approx(MELTING, abs=5e-6)
    assert "energy_reset" not in results.metrics


def test_cells_that_vary_from_cycle_to_cycle_give_an_uncertainty_that_holds_it():
    noisy = with_noise(BENCH, cycle=True)
    found = rehearse(ProgrammingCurve(**{**FEW, "repeats": 6}), noisy, seed=4).analyse().metrics
    assert found["lowest_resistance"].sigma > 0.01 * found["lowest_resistance"].value
    assert found["set_current"].sigma > 1e-5 / math.sqrt(12)
    assert abs(found["reset_current"].value - MELTING) < 3 * found["reset_current"].sigma


def _made(resistances, u=0.0, u_i=0.0) -> Curve:
    pulses = []
    for k, r in enumerate(resistances):
        row = Row(0.0, "top", "pulse", math.nan, 1.0, 1e-5 * (k + 1), 1e-6, 0.0, u_i, 0)
        pulses.append(Pulse(1, row.i, Readings([row]), False, (math.nan, math.nan), (r, u * r)))
    return Curve(tuple(pulses), 2.0)


def test_half_of_the_change_is_of_the_logarithm():
    """1 MOhm to 10 kOhm and back: half-way is 100 kOhm."""
    found = _made([1e6, 1e6, 1e4, 1e4, 1e6])
    assert found.set[0] == pytest.approx(2.5e-5)
    assert found.reset[0] == pytest.approx(4.5e-5)
    assert found.reset[1] == pytest.approx(1e-5 / math.sqrt(12))
    assert _made([1e6, 1e4, 1e6], u_i=1e-5).reset[1] == pytest.approx(
        1e-5 * math.hypot(1, 12**-0.5)
    )


@pytest.mark.parametrize("change", [([1e4, 1.5e4], 0.0), ([1e4, 3e4], 0.4)])
def test_a_change_too_small_or_too_uncertain_is_none(change):
    assert math.isnan(_made(*change).reset[0])
    assert math.isfinite(_made([1e4, 3e4]).reset[0])


def test_a_pulse_whose_read_was_lost_is_left_out_and_an_unfinished_record_is_analysed(curve):
    rows = list(curve.readings.rows)
    at = next(s.first for s in curve.steps if s.label.get("part") == "after")
    rows[at] = rows[at]._replace(i=math.nan, v=math.nan, flags=int(Flag.LOST))
    torn = Rehearsed(curve.protocol, curve.steps, Readings(rows)).analyse()
    assert any("1 reads showed no resistance" in note for note in torn.notes)
    for steps in (0, 1, 3, 40):
        assert cut(curve, steps).analyse().notes


def test_a_limited_pulse_whose_current_was_not_measured_is_no_point_of_the_curve():
    """Some source-meters cannot tell the current while they limit the voltage."""
    record = rehearse(ProgrammingCurve(voltage_limit=1.3, **{**FEW, "repeats": 1}), BENCH)
    rows = [r._replace(i=math.nan) if r.role == "pulse" and r.flags else r for r in record.readings]
    results = Rehearsed(record.protocol, record.steps, Readings(rows)).analyse()
    assert any("of 9 of these it was not measured" in note for note in results.notes)
    (panel,) = (p for p in results.panels if p.title == "Programming curve")
    assert max(panel.traces[0].x) < 1.3 / 13e3
    assert sum(results.tables[0].columns[6].data) == 9


def test_every_pulse_is_a_current_on_one_range_and_the_plan_says_so():
    asked = ProgrammingCurve(**FEW)
    made = plan(asked, read_bench("direct-pcm")[0])
    assert made.violations == ()
    assert made.current == {"top": pytest.approx(18e-5)}
    assert made.voltage_limits == {"top": 3.0}
    assert made.peak == {"top": 0.1}
    (panel,) = asked.preview()
    assert (panel.y_label, panel.y_unit) == ("current", "A")
    assert max(panel.traces[0].y) == pytest.approx(18e-5)


def test_a_bench_that_sources_only_voltages_refuses_it_before_anything_is_sent():
    made = plan(ProgrammingCurve(**FEW), read_bench("sim-33500")[0])
    assert any("a current on top was asked for" in str(one) for one in made.violations)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"currents": "30 uA, 20 uA, 40 uA"}, "must be positive and rise"),
        ({"currents": "10 uA, 20 uA"}, "at least 3"),
        ({"compliance": "100 uA"}, "raise the compliance or lower the current"),
        ({"least": 1.0}, "greater than 1"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(values, words):
    with pytest.raises(BadInput, match=words) as caught:
        ProgrammingCurve.from_values(values, "test")
    assert "\n" not in str(caught.value)


def test_its_limits_end_it():
    asked = ProgrammingCurve(most_pulses=5, **FEW)
    record = rehearse(asked, BENCH)
    played = [s for s in record.steps if isinstance(s, StepRecord) and isinstance(s.what, Play)]
    assert sum(s.what.waveform.summary().pulses for s in played) == 5
    assert any("limit of 5 pulses" in note for note in record.analyse().notes)
