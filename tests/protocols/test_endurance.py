"""Endurance on virtual cells: life, drift and scatter that are known must come back."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest

from labctl import engine
from labctl.analysis.life import fit_life
from labctl.benchfile import define_bench, read_bench
from labctl.control import Control
from labctl.errors import Aborted
from labctl.planner import plan
from labctl.readings import Flag, Readings
from labctl.rehearsal import Rehearsed, rehearse
from protocols.endurance import Endurance
from protocols.endurance_rule import Rule, Watch
from protocols.reads import log_marks


def cell(noise: bool = False, spread: bool = False, **device: Any) -> dict[str, Any]:
    """Return the bench of an HfOx cell with other parameters."""
    content = copy.deepcopy(read_bench("direct-rram")[1])
    content["simulation"]["device"].update(device)
    content["simulation"]["noise"] = {
        "instrument": False, "cycle": noise, "device": spread, "read": False,
    }  # fmt: skip
    return content


@pytest.fixture(scope="module")
def billion() -> Rehearsed:
    asked = Endurance(cycles="1e9", loop="1e9", per_decade=3, burst=1, confirm=1)
    return rehearse(asked, cell())


def test_the_drift_of_both_states_comes_back_after_a_billion_cycles(billion):
    found = billion.analyse()
    # the preset: the window closes from 1e7 cycles on, LRS by 0.05, HRS by -0.3 decades a decade
    for state, slope in (("lrs", 0.05), ("hrs", -0.3)):
        fit = found.fits[f"{state}_onset"]
        assert fit.identifiable
        assert fit.b.value == pytest.approx(slope, rel=1e-4)
        assert fit.N0.value == pytest.approx(1e7, rel=1e-3)
        assert found.metrics[f"drift_{state}"].value == fit.b.value
    assert found.metrics["r_lrs"].value == pytest.approx(4980, rel=0.02)
    assert found.metrics["cycles_survived"].value == 1e9
    assert "cycles_to_failure" not in found.metrics
    assert any("right-censored" in note for note in found.notes)
    assert any("Lanza" in note for note in found.notes)  # that not every cycle was read


def test_a_billion_cycles_are_a_loop_and_few_steps(billion):
    assert len(billion.steps) < 400
    assert len(billion.readings) < 400


def test_energy_is_level_times_current_times_width(billion):
    found = billion.analyse()
    _, rows = next(billion.where(part="set"))
    width = 100e-6
    assert rows.width[0] == pytest.approx(width)
    assert 0 < found.metrics["energy_set"].value <= 1.5 * 2e-3 * width


@pytest.mark.parametrize(("low", "stuck", "first"), [(1.0, 1.0, 57), (0.0, -1.0, 58)])
def test_a_life_is_known_to_the_cycle_where_every_cycle_is_read(low, stuck, first):
    # the life ends with the RESET of cycle 57: that leaves a cell that sticks in HRS where it was
    content = cell(life_cycles=57.0, closing_cycles=0.0, stuck_low=low)
    run = rehearse(Endurance(cycles=200, reads="every", block=20), content)
    found = run.analyse()
    assert found.metrics["cycles_to_failure"].value == first
    assert found.metrics["cycles_to_failure"].sigma is None
    assert found.metrics["stuck"].value == stuck
    assert sum(step.label["part"] == "cycles" for step in run.steps) == 3  # stopped in block 3


def test_a_life_between_two_marks_is_known_to_an_interval():
    content = cell(life_cycles=3000.0, closing_cycles=0.0)
    found = rehearse(Endurance(cycles=100_000, burst=3), content).analyse()
    life = {column.name: column.data for column in found.tables[0].columns}
    assert life["alive at"][0] < 3000 <= life["failed by"][0]
    assert life["censored"] == (False,)
    metric = found.metrics["cycles_to_failure"]
    assert abs(metric.value - 3000) < math.sqrt(3) * metric.sigma * 1.01


def test_a_window_that_closes_between_the_states_is_not_called_stuck():
    content = cell(closing_cycles=10.0, closing_high=0.5, closing_low=0.5)
    found = rehearse(Endurance(cycles=1000, burst=3), content).analyse()
    assert found.metrics["stuck"].value == 0
    # 17.67 (N / 10)^-1 is 2 at N = 88
    life = {column.name: column.data for column in found.tables[0].columns}
    assert life["alive at"][0] < 89 <= life["failed by"][0] + 1


def scatter(seed: int, count: int) -> dict[str, Any]:
    asked = Endurance(cycles=count, reads="every", beyond=True)
    return rehearse(asked, cell(noise=True), seed=seed).analyse().metrics


def test_the_scatter_from_cycle_to_cycle_comes_back():
    for seed in range(3):
        found = scatter(seed, 60)
        for state, truth in (("lrs", 0.13), ("hrs", 0.765)):
            metric = found[f"c2c_{state}"]
            assert abs(metric.value - truth) < 4 * metric.sigma


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_scatter_is_covered_as_often_as_its_interval_says():
    inside = {"lrs": 0, "hrs": 0}
    for seed in range(200):
        found = scatter(seed, 60)
        for state, truth in (("lrs", 0.13), ("hrs", 0.765)):
            metric = found[f"c2c_{state}"]
            inside[state] += abs(metric.value - truth) < 1.96 * metric.sigma
    # 95 % of 200, three binomial standard deviations; the interval is that of large numbers
    assert all(190 - 12 <= count <= 200 for count in inside.values()), inside


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_lives_of_many_devices_give_their_distribution():
    low, until = [], []
    for seed in range(200):
        content = cell(spread=True, life_cycles=1000.0, life_shape=2.0, closing_cycles=0.0,
                       reset_device_sigma=0.0)  # fmt: skip
        found = rehearse(
            Endurance(cycles=4000, burst=1, confirm=1, per_decade=8), content, seed=seed
        )
        life = {c.name: c.data[0] for c in found.analyse().tables[0].columns if c.data}
        low.append(life.get("alive at", 0.0))
        until.append(life.get("failed by"))
    censored = [value is None for value in until]
    fit = fit_life(low, censored, [math.nan if v is None else v for v in until], unit="1")
    assert fit.values["eta"].low < 1000 < fit.values["eta"].high
    assert fit.values["beta"].low < 2 < fit.values["beta"].high


# -- the rule -------------------------------------------------------------------------------------


def test_a_single_bad_cycle_is_no_failure():
    watch = Watch(Rule(2.0, 3))
    for n, window in enumerate((5, 1, 1, 5, 1, 1, 1, 5), 1):
        watch.see(n, window * 1e-5, 1e-5)
    assert watch.failed
    assert (watch.before, watch.first) == (4, 5)


def test_a_lost_reading_says_nothing():
    watch = Watch(Rule(2.0, 2))
    for n, lrs in enumerate((5e-5, 1e-5, math.nan, 1e-5), 1):
        watch.see(n, lrs, 1e-5)
    assert (watch.failed, watch.first) == (True, 2)


def test_a_device_that_never_had_a_window_is_given_up():
    watch = Watch(Rule(2.0, 3))
    for n in range(1, 4):
        watch.see(n, 1.1e-5, 1e-5)
    assert watch.dead
    assert not watch.failed


@pytest.mark.parametrize(
    ("changed", "lrs", "hrs", "by"),
    [({"most_lrs": 1e4}, 5e-5, 1e-6, "LRS"), ({"least_hrs": 1e6}, 5e-5, 2e-6, "HRS"),
     ({}, 0.0, -1e-9, "window"), ({}, 1e-4, -1e-9, "")],
)  # fmt: skip
def test_what_a_cycle_breaks(changed, lrs, hrs, by):
    assert Rule(2.0, 3, **changed).broken(lrs, hrs) == by


def test_marks_are_even_in_the_logarithm_and_end_at_the_last_cycle():
    marks = log_marks(500, 3)
    assert marks[:4] == [1, 2, 5, 10]
    assert marks[-1] == 500


# -- plans, records, refusals ---------------------------------------------------------------------


def test_the_plan_foresees_all_cycles():
    content = cell()
    definition = define_bench({"name": "x", **content}, "x")
    made = plan(Endurance(cycles=10_000), definition)
    assert made.pulses == 20_000
    assert made.nominal


@pytest.mark.parametrize(
    ("values", "said"),
    [({"set_amplitude": 0.0}, "no pulse"), ({"burst": 2}, "confirm may be at most burst"),
     ({"cycles": 0}, "greater than 0"), ({"least_window": 1.0}, "greater than 1"),
     ({"cycles": "some"}, "not a quantity")],
)  # fmt: skip
def test_what_cannot_be_is_refused(values, said):
    with pytest.raises(ValueError, match=said):
        Endurance(**values)


def test_an_empty_and_an_unfinished_record_have_results():
    asked = Endurance(cycles=50, burst=3)
    assert asked.analyse(Rehearsed(asked, (), Readings())).notes == (
        "no cycle was read in both states",
    )
    whole = rehearse(asked, cell())
    for count in (1, 3, 5, 20):
        steps = whole.steps[:count]
        part = Rehearsed(asked, steps, Readings(whole.readings.rows[: steps[-1].last]))
        assert part.analyse().panels


def test_lost_and_overrange_readings_are_told_not_believed():
    asked = Endurance(cycles=20, reads="every", block=20)
    whole = rehearse(asked, cell())
    rows = [
        row._replace(i=math.nan, flags=int(Flag.LOST)) if k == 4 else
        row._replace(i=9.9e37, flags=int(Flag.OVERRANGE)) if k == 9 else row
        for k, row in enumerate(whole.readings)
    ]  # fmt: skip
    found = Rehearsed(asked, whole.steps, Readings(rows)).analyse()
    assert any("2 of the cycles read" in note for note in found.notes)
    assert found.metrics["r_lrs"].value == pytest.approx(4947, rel=1e-3)


class After(Control):
    """A control that aborts after some questions."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.left = count

    def between_steps(self) -> None:
        self.left -= 1
        if self.left < 0:
            self.say("abort", "a pause of some days")
        super().between_steps()


def test_a_resumed_run_is_one_that_was_not_broken_off(tmp_path):
    asked = Endurance(cycles=200, burst=3)
    whole = engine.run(asked, "direct-rram", engine.Options(tmp_path / "whole", seed=3))
    with pytest.raises(Aborted):
        engine.run(asked, "direct-rram", engine.Options(tmp_path / "part", seed=3), After(30))
    (folder,) = [path.parent for path in (tmp_path / "part").rglob("run.json")]
    again = engine.resume(folder, "repeat")
    assert again.header.status == "done"
    assert [step.what for step in again.steps] == [step.what for step in whole.steps]
    # the sum of charge from which a current is taken begins anew: the last digit may differ
    for column in ("t", "v", "i", "width"):
        assert getattr(again.readings, column) == pytest.approx(
            getattr(whole.readings, column), rel=1e-12
        )
    assert set(again.results.metrics) == set(whole.results.metrics)


def test_the_same_parameters_give_the_same_steps_and_full_reads_the_pulses_too():
    asked = Endurance(cycles=12, reads="full", block=6, terminal="top")
    first, second = (rehearse(asked, cell()) for _ in range(2))
    assert first.steps == second.steps
    assert len(first.readings) == 12 * 4
    assert np.all(first.readings.where(role="pulse").v_set[0::2] == 1.5)
    found = first.analyse()
    assert {"energy_set", "energy_reset"} <= set(found.metrics)
