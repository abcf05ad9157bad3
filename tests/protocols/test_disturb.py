"""Read disturb and half-select on virtual devices: counts agree with fresh devices, or none."""

from __future__ import annotations

import copy
import math
import random
from typing import Any

import numpy as np
import pytest

from labctl import engine
from labctl.benchfile import define_bench, read_bench
from labctl.control import Control
from labctl.errors import Aborted
from labctl.planner import plan
from labctl.readings import Flag, Readings
from labctl.rehearsal import Rehearsed, rehearse
from labctl.results import Metric
from labctl.waveform import read, rest
from labctl.workbench import Bench
from protocols.crossings import crossing
from protocols.disturb_results import Stress, _acceleration, _Course, net_change
from protocols.half_select import HalfSelect
from protocols.read_disturb import ReadDisturb
from protocols.reads import log_marks


def device(name: str, noise: dict[str, bool] | None = None, **values: Any) -> dict[str, Any]:
    """Return a bench with other parameters of the device."""
    content = copy.deepcopy(read_bench(name)[1])
    content["simulation"]["device"].update(values)
    quiet = {"instrument": False, "cycle": False, "device": False, "read": False}
    content["simulation"]["noise"] = quiet | (noise or {})
    return content


READS = ReadDisturb(
    states=(1.0,), levels=(0.1, 0.7, 0.8, 0.9, 1.0), compliance=0.01, per_decade=6, most=300
)


@pytest.fixture(scope="module")
def junction() -> Rehearsed:
    return rehearse(READS, device("direct-ftj"))


@pytest.fixture(scope="module")
def found(junction):
    return junction.analyse()


def changes(level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return looks and changes of G of a fresh device that is read, or rests, for as long."""
    content, look = device("direct-ftj"), read(0.1, 10e-3)
    marks, done = np.array(log_marks(100, READS.per_decade)), 0
    one = READS.small(Stress(1, 1.0, level, ""))
    found = []
    with Bench(define_bench({"name": "x", **content}, "x"), content) as bench:
        bench.play(READS.written(1.0) + rest(50.0), 0.01)
        before = bench.play(READS.written(1.0) + rest(20.0) + look, 0.01)[-1]
        for mark in marks:
            after = bench.play(one * int(mark - done) + rest(READS.pause) + look, 0.01)[-1]
            done = int(mark)
            found.append(after.i / before.i)
    return marks.astype(float), np.array(found)


@pytest.mark.parametrize("level", [0.7, 0.8, 0.9])
def test_the_count_is_that_of_a_fresh_device(level):
    asked = READS.model_copy(update={"levels": (level,), "settle": 30.0})
    metric = rehearse(asked, device("direct-ftj")).analyse().metrics["reads_to_disturb_1"]
    marks, alone = changes(0.0)
    truth, _ = crossing(marks, np.abs(changes(level)[1] / alone - 1), READS.tolerance)
    # the junction remembers what was done before, which writing it afresh does not quite undo
    assert metric.value == pytest.approx(truth, rel=0.3)


def test_low_reads_disturb_nothing_and_are_censored(found):
    # below 0.3 V the junction only relaxes, with and without reads
    assert found.metrics["survived_1"].value == 300
    assert abs(found.metrics["change_1"].value) < 0.1
    assert any("censored" in note for note in found.notes)


def test_higher_levels_disturb_sooner(found):
    counts = [found.metrics[f"reads_to_disturb_{k}"].value for k in (2, 3, 4, 5)]
    assert counts == sorted(counts, reverse=True)
    assert any("against their level" in panel.title for panel in found.panels)


def test_an_exponential_law_gives_the_count_at_the_voltage_of_use():
    levels = (0.4, 0.5, 0.6, 0.7)
    courses = [
        _Course(Stress(k, 1.0, v, ""), np.ones(1), np.ones(1), np.zeros(1), 1e-4, 0.0)
        for k, v in enumerate(levels, 1)
    ]
    scatter = (1.02, 0.99, 0.98, 1.01)
    metrics = {
        f"reads_to_disturb_{k}": Metric(f * 10 ** (6 - v / 0.2), 1.0)
        for k, (v, f) in enumerate(zip(levels, scatter, strict=True), 1)
    }
    fits, _ = _acceleration(courses, metrics, "reads", 0.1)
    fit = fits["acceleration_1"]
    assert fit.s.low < 0.2 < fit.s.high
    assert fit.at_use.low < 10**5.5 < fit.at_use.high


def test_the_control_takes_out_what_time_alone_does():
    seen, control = {0: 2.0, 10: 1.0}, {0: 4.0, 10: 2.0}
    assert net_change(seen, control, 10) == 0
    assert net_change(seen, {}, 10) == -0.5
    assert math.isnan(net_change({0: 1.0}, control, 10))


def test_every_state_is_written_afresh_in_random_order(junction):
    labels = [step.label for step, _ in junction.where(part="write")]
    assert labels[0]["number"] == 0  # the control first
    order = [label["number"] for label in labels][1:]
    assert sorted(order) == [1, 2, 3, 4, 5]
    assert order != sorted(order)


def test_a_billion_reads_are_a_loop():
    asked = ReadDisturb(states=(1.5,), levels=(0.1,), most="1e9", loop="1e9")
    content = device("direct-rram")
    made = plan(asked, define_bench({"name": "x", **content}, "x"))
    assert made.steps < 200
    assert made.pulses == 1e9 + 2 * 10
    assert made.readings < 100


def test_half_select_of_a_cell_with_a_threshold():
    # SET begins at 1 V: V/2 of 1.5 V does nothing, V/2 of 2.4 V does at once, V/3 nothing
    gentle = HalfSelect(
        states=(1.5, -1.5), pulses=1, set_amplitude=1.5, reset_amplitude=-1.5, most=100
    )
    found = rehearse(gentle, device("direct-rram")).analyse()
    assert sorted(n for n in found.metrics if n.startswith("survived")) == [
        f"survived_{k}" for k in range(1, 9)
    ]
    rough = gentle.model_copy(update={"set_amplitude": 2.4, "states": (-1.5,), "most": 30})
    found = rehearse(rough, device("direct-rram")).analyse()
    names = {name for name in found.metrics if "to_disturb" in name}
    assert names == {"pulses_to_disturb_1"}
    assert found.metrics["pulses_to_disturb_1"].bound  # at the first look already
    assert "V/2 of SET" in found.tables[0].columns[0].data[0]


def hidden(draw: random.Random, seed: int) -> tuple[bool, bool]:
    """Tell whether a count from noisy reads is within its interval of that of quiet ones."""
    start = draw.uniform(150e-6, 400e-6)
    asked = ReadDisturb(
        states=(1.0,), levels=(draw.uniform(0.6, 0.8),), compliance=0.01, per_decade=6, most=300
    )
    quiet = rehearse(asked, device("direct-ftj", conductance=start))
    truth = quiet.analyse().metrics["reads_to_disturb_1"]
    rows = [
        row._replace(i=row.i * (1 + 0.003 * draw.gauss(0, 1))) if row.role == "read" else row
        for row in quiet.readings
    ]
    found = Rehearsed(asked, quiet.steps, Readings(rows)).analyse().metrics
    count = found.get("reads_to_disturb_1")
    if count is None or count.sigma is None or truth.sigma is None:
        return False, False
    return True, abs(count.value - truth.value) < 1.96 * count.sigma


def test_hidden_counts_are_covered():
    draw = random.Random(2)
    results = [hidden(draw, seed) for seed in range(3)]
    assert sum(inside for known, inside in results if known) >= 2


@pytest.mark.long
@pytest.mark.timeout(600)
def test_hidden_counts_are_covered_as_often_as_the_interval_says():
    draw = random.Random(5)
    results = [inside for known, inside in (hidden(draw, seed) for seed in range(200)) if known]
    assert len(results) > 150
    assert np.mean(results) > 0.95 - 3 * math.sqrt(0.95 * 0.05 / len(results))


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [(ReadDisturb, {"levels": "0 V"}, "disturbs nothing"),
     (ReadDisturb, {"states": "0 V"}, "no state"),
     (HalfSelect, {"set_amplitude": "0 V"}, "0 V was asked for"),
     (HalfSelect, {"fractions": "0.5, 1.5"}, "shares up to 1"),
     (HalfSelect, {"rate": "1 MHz"}, "lower the rate")],
)  # fmt: skip
def test_what_cannot_be_is_refused(kind, values, said):
    with pytest.raises(ValueError, match=said):
        kind(**values)


def test_the_plan_foresees_all_pulses():
    content = device("direct-ftj")
    made = plan(HalfSelect(most=10_000), define_bench({"name": "x", **content}, "x"))
    assert made.pulses == 8 * 10_000 + 10 * 10
    assert made.nominal


def test_empty_unfinished_and_lost(junction):
    assert READS.analyse(Rehearsed(READS, (), Readings())).notes == (
        "no state was looked at twice",
    )
    for count in (1, 3, 40):
        steps = junction.steps[:count]
        rows = Readings(junction.readings.rows[: steps[-1].last])
        assert READS.analyse(Rehearsed(READS, steps, rows)).panels
    rows = [row._replace(i=math.nan, flags=int(Flag.LOST)) for row in junction.readings]
    found = READS.analyse(Rehearsed(READS, junction.steps, Readings(rows)))
    assert found.notes == ("no state was looked at twice",)
    rows = [
        row._replace(flags=int(Flag.OVERRANGE)) if k % 9 == 8 else row
        for k, row in enumerate(junction.readings)
    ]
    found = READS.analyse(Rehearsed(READS, junction.steps, Readings(rows)))
    assert any(name.startswith("change") for name in found.metrics)


def test_a_crossing_of_a_power_of_the_number_is_exact():
    n = np.geomspace(1, 1e4, 13)
    where, u = crossing(n, 1e-3 * n**0.6, 0.1)
    assert where == pytest.approx(100 ** (1 / 0.6), rel=1e-9)
    assert 0 < u < 0.1 * where
    assert math.isnan(crossing(n, np.zeros(13), 0.1)[0])


def test_a_resumed_run_is_one_that_was_not_broken_off(tmp_path):
    asked = HalfSelect(most=100, compliance=0.01, fractions=(0.5,), states=(1.0,))
    whole = engine.run(asked, "direct-ftj", engine.Options(tmp_path / "whole", seed=3))
    control = Control()

    def progress(done, plan, now):
        if done == 25:
            control.say("abort", "test")

    options = engine.Options(tmp_path / "part", seed=3, progress=progress)
    with pytest.raises(Aborted):
        engine.run(asked, "direct-ftj", options, control)
    (folder,) = [path.parent for path in (tmp_path / "part").rglob("run.json")]
    again = engine.resume(folder)
    assert [step.what for step in again.steps] == [step.what for step in whole.steps]
    for column in ("t", "v", "i", "width"):
        assert getattr(again.readings, column) == pytest.approx(
            getattr(whole.readings, column), rel=1e-11
        )
