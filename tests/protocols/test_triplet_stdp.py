"""Triplets: both delays are kept, the curves are the device's own, the threshold moves with G0."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from labctl.analysis.plasticity import Change
from labctl.analysis.rate_threshold import deepening, power_of, threshold_shift
from labctl.benchfile import define_bench
from labctl.errors import BadInput
from labctl.rehearsal import rehearse
from labctl.results import Metric
from labctl.waveform import read, rest
from labctl.workbench import Bench
from protocols.triplet_curves import Triplets
from protocols.triplet_stdp import TripletStdp
from tests.protocols.closed_loops import (
    assert_alike,
    bench_content,
    cut,
    whole_and_resumed,
    with_noise,
)

ONE = {"order": "pre-post-pre", "first": (150e-3,), "repeats": 1}
NEAR = (60e-3, 90e-3, 130e-3, 190e-3, 280e-3)


def own_change(protocol, content, order, first, second):
    """Return the change of a fresh device by a triplet."""
    look = read(protocol.read, protocol.read_width)
    waveform = (
        look + rest(1e-3) + protocol.triplet(order, first, second) + rest(protocol.pause) + look
    )
    with Bench(define_bench({"name": "fresh", **content}, "test"), content) as bench:
        rows = [row for row in bench.play(waveform, 0.1) if row.role == "read"]
    g = [row.i / row.v for row in rows]
    return g[1] / g[0] - 1


def own_threshold(protocol, content):
    """Return the rate at which the change of a fresh device is zero, by bisection, Hz."""
    short, long = 50e-3, 0.4
    for _ in range(9):
        middle = (short * long) ** 0.5
        rises = own_change(protocol, content, "pre-post-pre", 150e-3, middle) > 0
        short, long = (middle, long) if rises else (short, middle)
    return 1 / (150e-3 + (short * long) ** 0.5)


@functools.cache
def quiet():
    """Return a noise-free run from three conductances, and its results."""
    protocol = TripletStdp(
        **ONE,
        second=(60e-3, 90e-3, 130e-3, 190e-3, 450e-3, 4.85),
        states=(100e-6, 200e-6, 500e-6),
        within=0.003,
    )
    record = rehearse(protocol, bench_content("direct-ftj"))
    return record, record.analyse()


def test_the_thresholds_are_the_devices_own_and_rise_with_the_conductance():
    record, results = quiet()
    found = []
    for g in (100e-6, 200e-6, 500e-6):
        content = bench_content("direct-ftj", conductance=g)
        theta = results.metrics[f"threshold_from_{g * 1e6:g}uS"]
        assert theta.value == pytest.approx(own_threshold(record.protocol, content), rel=0.03)
        found.append(theta.value)
    assert found == sorted(found)
    power = results.metrics["threshold_power"]
    assert power.value == pytest.approx(np.log(found[2] / found[0]) / np.log(5), rel=0.1)
    for g in (100, 200, 500):
        assert results.metrics[f"deepening_from_{g}uS"].value > 1  # enhanced depression


def test_the_landscape_is_the_devices_own_in_both_orders():
    protocol = TripletStdp(
        first=(20e-3, 150e-3), second=(20e-3, 100e-3, 1.0), repeats=1, within=0.003
    )
    results = rehearse(protocol, bench_content("direct-ftj")).analyse()
    order, _, dt1, dt2, change, _ = (column.data for column in results.tables[0].columns)
    assert len(order) == 12
    for which, a, b, value in zip(order, dt1, dt2, change, strict=True):
        # t_post - t_pre: the spike after comes after the first and before the second one before
        assert (a > 0 > b) == (which == "pre-post-pre")
        truth = own_change(protocol, bench_content("direct-ftj"), which, abs(a), abs(b))
        assert value == pytest.approx(truth, abs=0.01)


def test_spikes_come_at_both_delays_and_each_neuron_on_its_terminal():
    protocol = TripletStdp(post="bottom")
    waveform = protocol.triplet("pre-post-pre", 50e-3, 20e-3)
    t, levels = waveform.sample(50e-6)
    top, bottom = (t[np.flatnonzero(levels[name] > 0.5)] for name in ("top", "bottom"))
    assert top[[0, -1]] == pytest.approx([0, 70.05e-3])
    assert bottom[0] == pytest.approx(50e-3)
    single = TripletStdp().triplet("post-pre-post", 50e-3, 20e-3).sample(50e-6)[1]["top"]
    assert single.min() == -1
    assert single.max() == 1
    assert single[0] == -1


def test_two_terminals_are_the_same_to_the_device():
    changes = []
    for post in ("", "bottom"):
        protocol = TripletStdp(**ONE, second=(50e-3, 0.5), post=post)
        record = rehearse(protocol, bench_content("direct-ftj"))
        found = Triplets.of(record, protocol.orders, protocol.first, (), bool(post))
        changes.append(sorted((row.second, row.change) for row in found.rows))
        for row in found.rows:
            assert row.delays == pytest.approx((row.first, row.second), abs=1e-9)
    assert np.array(changes[0]) == pytest.approx(np.array(changes[1]), abs=0.01)


def test_on_a_bench_with_noise_every_number_has_its_uncertainty():
    protocol = TripletStdp(**{**ONE, "repeats": 2}, second=NEAR[1:4], within=0.02, pause=3.0)
    results = rehearse(protocol, bench_content("sim-ftj"), seed=1).analyse()
    theta = results.metrics["threshold"]
    assert 2 < theta.value < 5.5
    assert 0 < theta.sigma < 1
    assert results.metrics["energy_pre"].value > results.metrics["energy_post"].value > 0
    assert results.metrics["returned"].value == 1


def test_small_functions_say_what_they_should():
    falls = [Change(-0.1, 0.01), Change(-0.2, 0.01), Change(0.3, 0.01)]
    assert deepening(falls).value == pytest.approx(2.0)
    assert deepening([Change(0.1), Change(-0.2)]) is None
    assert deepening([Change(-0.2), Change(0.1)]).value == 1.0
    power = power_of([1, 10, 100], [Metric(2.0 * x**0.5, 0.01) for x in (1, 10, 100)])
    assert power.value == pytest.approx(0.5)
    assert power_of([1, 1], [Metric(1.0), Metric(2.0)]) is None
    assert threshold_shift((1.0, 0.1), (10.0, 1.0), (2.0, 20.0)).value == pytest.approx(1.0)
    assert threshold_shift((1.0, 0.1), (-1.0, 1.0), (2.0, 20.0)) is None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"amplitude": "0 V"}, "no spike"),
        ({"second": "50 us"}, "longer than a spike"),
        ({"post": "top"}, "both neurons on the terminal"),
        ({"states": "-1 uS"}, "must be positive"),
        ({"order": "pre-pre-post"}, "order"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(values, said):
    with pytest.raises(BadInput, match=said) as error:
        TripletStdp.from_values(values, "test")
    assert "\n" not in str(error.value)


def test_unfinished_and_empty_records_say_so():
    record, _ = quiet()
    empty = cut(record, 0).analyse()
    assert not empty.metrics
    assert any("none of 18" in note for note in empty.notes)
    part = cut(record, len(record.steps) // 4).analyse()
    assert 0 < len(part.tables[0].columns[0].data) < 18
    assert "threshold_power" not in part.metrics


def test_a_resumed_run_is_the_same_run(tmp_path):
    settings = {**ONE, "second": (50e-3, 0.5)}
    assert_alike(*whole_and_resumed("triplet-stdp", "direct-ftj", tmp_path, 7, **settings))


def covered(seed: int) -> bool:
    """Whether the threshold is covered, with every cycle another."""
    start = float(np.random.default_rng(seed).uniform(150e-6, 300e-6))
    content = bench_content("direct-ftj", conductance=start)
    protocol = TripletStdp(**{**ONE, "repeats": 4}, second=NEAR, seed=seed, within=0.003)
    found = rehearse(protocol, with_noise(content, cycle=True), seed=seed).analyse()
    theta = found.metrics["threshold"]
    # Student, 3 degrees of freedom at each delay
    return abs(theta.value - own_threshold(protocol, content)) <= 3.18 * theta.sigma


def test_the_threshold_is_covered():
    assert sum(covered(seed) for seed in range(3)) >= 2


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_threshold_is_covered_as_often_as_its_interval_says():
    hits = sum(covered(seed) for seed in range(200))
    assert hits >= 200 * 0.95 - 3 * np.sqrt(200 * 0.95 * 0.05)
