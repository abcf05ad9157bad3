"""Priming, then a train: the changes are those of a device with this history, and no other."""

from __future__ import annotations

import numpy as np
import pytest

from labctl.benchfile import define_bench
from labctl.errors import BadInput
from labctl.rehearsal import rehearse
from labctl.waveform import read, rest
from labctl.workbench import Bench
from protocols.metaplasticity import Metaplasticity
from tests.protocols.closed_loops import (
    assert_alike,
    bench_content,
    cut,
    whole_and_resumed,
    with_noise,
)

START = 300e-6


def own_change(protocol, content, branch, priming):
    """Return the change of a fresh device by a train after a priming."""
    amplitude = protocol.potentiation if branch == "ltp" else protocol.depression
    look = read(protocol.read, protocol.read_width)
    waveform = (
        protocol.train(priming, protocol.priming_count) + rest(protocol.pause) + look
        + protocol.train(amplitude, protocol.count) + rest(protocol.after) + look
    )  # fmt: skip
    with Bench(define_bench({"name": "fresh", **content}, "test"), content) as bench:
        rows = [row for row in bench.play(waveform, 0.1) if row.role == "read"]
    g = [row.i / row.v for row in rows]
    return g[1] / g[0] - 1


@pytest.fixture(scope="module")
def quiet():
    protocol = Metaplasticity(repeats=1, baseline=START, within=0.003)
    record = rehearse(protocol, bench_content("direct-ftj"))
    return record, record.analyse()


def test_the_changes_are_the_devices_own_and_the_signs_those_of_s4_11(quiet):
    record, results = quiet
    content = bench_content("direct-ftj", conductance=START)
    for branch in ("ltp", "ltd"):
        for name, level in (("none", 0.0), ("positive", 1.0), ("negative", -1.0)):
            truth = own_change(record.protocol, content, branch, level)
            found = results.metrics[f"{branch}_after_{name}"].value
            assert found == pytest.approx(truth, rel=0.03, abs=0.01), (branch, name)
    m = {name: metric.value for name, metric in results.metrics.items()}
    assert m["ltp_after_negative"] > m["ltp_after_none"] > m["ltp_after_positive"] > 0
    assert 0 > m["ltd_after_negative"] > m["ltd_after_none"] > m["ltd_after_positive"]
    effect = m["ltp_after_positive"] - m["ltp_after_none"]
    assert m["ltp_effect_positive"] == pytest.approx(effect)


def test_without_priming_as_long_a_time_passes():
    protocol = Metaplasticity()
    assert protocol.train(0.0, 10).duration == pytest.approx(protocol.train(1.0, 10).duration)
    assert protocol.train(0.0, 10).summary().pulses == 0
    assert protocol.train(-1.0, 10).summary().pulses == 10


def test_every_class_of_pulses_has_its_energy(quiet):
    metrics = quiet[1].metrics
    # 100 us at 1 V or 1.5 V and some hundred microamperes
    for name in ("energy_potentiation", "energy_depression"):
        assert 1e-8 < metrics[name].value < 1e-6
        assert metrics[name].sigma > 0


def test_on_a_bench_with_noise_the_effects_are_beyond_doubt():
    results = rehearse(Metaplasticity(repeats=2), bench_content("sim-ftj"), seed=2).analyse()
    for name, sign in (("ltp_effect_positive", -1), ("ltp_effect_negative", 1)):
        metric = results.metrics[name]
        assert metric.value * sign > 3 * metric.sigma > 0
    assert results.metrics["ltp_after_none"].definition == "weight-change"
    assert any("beyond two standard uncertainties" in note for note in results.notes)


def test_two_levels_of_one_sign_are_told_apart():
    protocol = Metaplasticity(primings="0 V, 0.8 V, 1 V", repeats=1)
    metrics = rehearse(protocol, bench_content("direct-ftj")).analyse().metrics
    assert metrics["ltp_effect_positive_1000mV"].value < metrics["ltp_effect_positive_800mV"].value


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"primings": "1 V, 1 V"}, "each level once"),
        ({"depression": "1 V"}, "less than 0"),
        ({"potentiation": "-1 V"}, "greater than 0"),
        ({"width": "200 ms"}, "below the period"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(values, said):
    with pytest.raises(BadInput, match=said) as error:
        Metaplasticity.from_values(values, "test")
    assert "\n" not in str(error.value)


def test_unfinished_and_empty_records_say_so(quiet):
    record, _ = quiet
    empty = cut(record, 0).analyse()
    assert not empty.metrics
    assert any("none of 6" in note for note in empty.notes)
    half = cut(record, len(record.steps) // 2).analyse()
    assert 0 < len([name for name in half.metrics if "_after_" in name]) < 6


def test_order_is_random_and_fixed_by_the_seed():
    orders = []
    for seed in (0, 0, 1):
        record = rehearse(Metaplasticity(repeats=1, seed=seed), bench_content("direct-ftj"))
        labels = [step.label for step, _ in record.where(part="train")]
        orders.append([(label["branch"], label["priming"]) for label in labels])
        assert all(label["returned"] for label in labels)
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != sorted(orders[0])


def test_a_resumed_run_is_the_same_run(tmp_path):
    settings = {"primings": "0 V, -1 V", "repeats": 1}
    assert_alike(*whole_and_resumed("metaplasticity", "direct-ftj", tmp_path, 9, **settings))


def covered(seed: int) -> bool:
    """Whether the change by LTP after no priming is covered, with every cycle another."""
    start = float(np.random.default_rng(seed).uniform(150e-6, 400e-6))
    content = bench_content("direct-ftj", conductance=start)
    protocol = Metaplasticity(primings=(0.0, 1.0), repeats=5, seed=seed, within=0.003)
    found = rehearse(protocol, with_noise(content, cycle=True), seed=seed).analyse()
    metric = found.metrics["ltp_after_positive"]
    truth = own_change(protocol, content, "ltp", 1.0)
    return abs(metric.value - truth) <= 2.78 * metric.sigma  # Student, 4 degrees of freedom


def test_the_change_is_covered():
    assert sum(covered(seed) for seed in range(3)) >= 2


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_change_is_covered_as_often_as_its_interval_says():
    hits = sum(covered(seed) for seed in range(200))
    assert hits >= 200 * 0.95 - 3 * np.sqrt(200 * 0.95 * 0.05)
