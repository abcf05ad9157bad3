"""Trains in a row: their rates are kept across epochs, and the changes are the device's own."""

from __future__ import annotations

import numpy as np
import pytest

from labctl.benchfile import define_bench
from labctl.errors import BadInput
from labctl.readings import Readings
from labctl.rehearsal import Rehearsed, rehearse
from labctl.workbench import Bench
from protocols.history import History
from tests.protocols.closed_loops import (
    assert_alike,
    bench_content,
    cut,
    whole_and_resumed,
    with_noise,
)

SHORT = {"counts": (10, 8, 3, 8)}
FOUR = [f"change_epoch_{k}" for k in (1, 2, 3, 4)]


def own_changes(protocol, content, start):
    """Return the changes of a fresh device that begins at a conductance, S."""
    fresh = {**content, "simulation": {**content["simulation"]}}
    fresh["simulation"]["device"] = {**content["simulation"]["device"], "conductance": start}
    with Bench(define_bench({"name": "fresh", **fresh}, "test"), fresh) as bench:
        rows = bench.play(protocol.series(), protocol.compliance)
    g = np.array([row.i / row.v for row in rows if row.role == "read"])
    ends = np.cumsum([count for _, count in protocol.epochs]) - 1
    last = np.array([start, *g[ends]])
    return last[1:] / last[:-1] - 1


@pytest.fixture(scope="module")
def quiet():
    record = rehearse(History(repeats=1, measure="both"), bench_content("direct-ftj"))
    return record, record.analyse()


def test_the_changes_are_the_devices_own_and_those_of_s4_8(quiet):
    record, results = quiet
    found = np.array([results.metrics[name].value for name in FOUR])
    truth = own_changes(record.protocol, bench_content("direct-ftj"), 200e-6)
    assert found == pytest.approx(truth, rel=0.02, abs=2e-4)
    assert found[0] > 1
    assert found[1] < -0.05
    assert abs(found[2]) < 0.02
    assert found[3] > 0.005
    adaptation = results.metrics["adaptation"]
    assert adaptation.value == pytest.approx(found[3] - found[1])


def test_in_the_pulses_the_signs_are_the_same_and_the_energy_is_known(quiet):
    metrics = quiet[1].metrics
    signs = [np.sign(metrics[f"{name}_in_pulse"].value) for name in FOUR]
    assert signs == [1, -1, -1, 1]
    assert metrics["change_epoch_1_in_pulse"].definition == "epoch-change-in-pulse"
    # 1 V and 100 us at some milliamperes
    assert 1e-7 < metrics["energy"].value < 1e-6


def test_the_first_pulse_of_an_epoch_comes_one_of_its_periods_after_the_last_of_the_one_before():
    protocol = History(rates=(20.0, 1.0, 4.0), counts=(3, 2, 2), measure="both")
    starts = [s * 1e-12 for s, part in protocol.series().flatten() if part.role == "pulse"]
    assert np.diff(starts) == pytest.approx([0.05, 0.05, 1, 1, 0.25, 0.25])


def test_between_pulses_there_is_only_the_read():
    t, levels = History(rates=(5.0, 1.0), counts=(2,), width=1e-3).series().sample(1e-4)
    level = levels["top"]
    assert np.sum(level > 0.5) == 4 * 10
    assert np.sum((level > 0) & (level < 0.5)) == 4 * 50  # 5 ms at 0.1 V
    assert t[-1] == pytest.approx(0.2 + 1 + 1 + 6.2e-3, abs=2e-4)


def test_what_is_beyond_the_compliance_is_told():
    protocol = History(counts=(10, 2, 2, 2), compliance=1e-3, measure="both", repeats=1)
    notes = rehearse(protocol, bench_content("direct-ftj")).analyse().notes
    assert any("held by the compliance" in note for note in notes)


def test_on_a_bench_with_noise_the_repeats_say_how_sure_it_is():
    protocol = History(**SHORT, repeats=3)
    found = rehearse(protocol, bench_content("sim-ftj"), seed=4).analyse()
    truth = rehearse(History(**SHORT, repeats=1), bench_content("direct-ftj")).analyse()
    for name in FOUR:
        metric = found.metrics[name]
        assert 0 < metric.sigma < 0.2
        # another device and its cycles: alike within a few percent, or a fifth of a large change
        expected = truth.metrics[name].value
        assert metric.value == pytest.approx(expected, rel=0.2, abs=0.03)
    assert found.metrics["change_epoch_2"].value < 0
    assert "energy" not in found.metrics
    assert any("were not measured" in note for note in found.notes)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"amplitude": "0 V"}, "no pulse"),
        ({"counts": "3, 4"}, "one count for each rate"),
        ({"rates": "500 Hz, 1 Hz", "counts": "2"}, "at most"),
        ({"rates": "0 Hz, 1 Hz", "counts": "2"}, "rate of 0 Hz"),
        ({"width": "0 s"}, "greater than 0"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(values, said):
    with pytest.raises(BadInput, match=said) as error:
        History.from_values(values, "test")
    assert "\n" not in str(error.value)


def test_unfinished_and_empty_records_say_so():
    record = rehearse(History(**SHORT, repeats=2), bench_content("direct-ftj"))
    empty = cut(record, 0).analyse()
    assert not empty.metrics
    assert any("none of 2" in note for note in empty.notes)
    one = next(k for k, s in enumerate(record.steps) if s.label["part"] == "series") + 1
    part = cut(record, one).analyse()
    assert part.metrics["change_epoch_1"].value > 0
    assert any(note.startswith("1 of 2 series") for note in part.notes)


def test_a_series_broken_off_does_not_count():
    record = rehearse(History(**SHORT, repeats=1), bench_content("direct-ftj"))
    series = next(s for s in record.steps if s.label["part"] == "series")
    rows = Readings(record.readings.rows[: series.last - 2])
    broken = Rehearsed(record.protocol, record.steps, rows)
    assert "change_epoch_1" not in broken.analyse().metrics


def test_a_resumed_run_is_the_same_run(tmp_path):
    settings = {"counts": "4, 3, 2, 3", "repeats": 2}
    assert_alike(*whole_and_resumed("history", "direct-ftj", tmp_path, 4, **settings))


def covered(seed: int) -> bool:
    """Whether the change of the second epoch is covered, with every cycle another."""
    start = float(np.random.default_rng(seed).uniform(150e-6, 400e-6))
    content = bench_content("direct-ftj", conductance=start)
    protocol = History(**SHORT, repeats=8, seed=seed)
    metric = (
        rehearse(protocol, with_noise(content, cycle=True), seed=seed)
        .analyse()
        .metrics["change_epoch_2"]
    )
    truth = own_changes(protocol, content, start)[1]
    return abs(metric.value - truth) <= 2.36 * metric.sigma  # Student, 7 degrees of freedom


def test_the_change_of_an_epoch_is_covered():
    assert sum(covered(seed) for seed in range(3)) >= 2


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_change_of_an_epoch_is_covered_as_often_as_its_interval_says():
    hits = sum(covered(seed) for seed in range(200))
    assert hits >= 200 * 0.95 - 3 * np.sqrt(200 * 0.95 * 0.05)
