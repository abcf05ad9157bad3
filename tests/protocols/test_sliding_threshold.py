"""Prior and posterior trains: the threshold is the device's own, and slides as it does."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from labctl.analysis.plasticity import Change
from labctl.analysis.rate_threshold import crossing
from labctl.benchfile import define_bench
from labctl.errors import BadInput
from labctl.rehearsal import rehearse
from labctl.units import log_spaced
from labctl.workbench import Bench
from protocols.sliding_threshold import SlidingThreshold
from tests.protocols.closed_loops import (
    assert_alike,
    bench_content,
    cut,
    whole_and_resumed,
    with_noise,
)

NEAR = {2.0: log_spaced(0.8, 3.0, 5), 20.0: log_spaced(3.0, 9.0, 5)}


def own_change(protocol, content, prior, rate):
    """Return the change of a fresh device."""
    with Bench(define_bench({"name": "fresh", **content}, "test"), content) as bench:
        rows = bench.play(protocol.trains(prior, rate), 0.1)
    g = [row.i / row.v for row in rows if row.role == "read"]
    return g[-1] / g[protocol.prior_count - 1] - 1


def own_threshold(protocol, content, prior):
    """Return the rate at which the change of a fresh device is zero, by bisection, Hz."""
    low, high = min(NEAR[prior]), max(NEAR[prior])
    for _ in range(12):
        middle = (low * high) ** 0.5
        below = own_change(protocol, content, prior, middle) < 0
        low, high = (middle, high) if below else (low, middle)
    return (low * high) ** 0.5


@functools.cache
def quiet():
    """Return a noise-free run and its results."""
    record = rehearse(SlidingThreshold(repeats=1), bench_content("direct-ftj"))
    return record, record.analyse()


def test_the_thresholds_are_the_devices_own_and_slide_as_in_s4_9():
    record, results = quiet()
    for prior in (2.0, 20.0):
        theta = results.metrics[f"threshold_after_{prior:g}Hz"]
        truth = own_threshold(record.protocol, bench_content("direct-ftj"), prior)
        # what was done to reach the baseline moves the threshold a little
        assert theta.value == pytest.approx(truth, rel=0.03)
        assert theta.definition == "threshold-crossing"
    low, high = (results.metrics[f"threshold_after_{p}Hz"] for p in (2, 20))
    assert 0.2 < low.value < high.value < 10
    shift = results.metrics["shift"]
    assert shift.value == pytest.approx(np.log(high.value / low.value) / np.log(10))


def test_changes_stand_at_the_rate_achieved():
    record, results = quiet()
    rates = np.array(results.tables[0].columns[1].data, float)
    assert rates == pytest.approx([*record.protocol.rates] * 2, rel=1e-6)


def test_depression_at_low_rates_and_potentiation_at_high_ones():
    table = quiet()[1].tables[0]
    change = np.array(table.columns[2].data, float).reshape(2, -1)
    assert np.all(change[:, 0] < 0)
    assert np.all(change[:, -1] > 0)


def test_what_the_shapes_say_is_told_apart_from_what_needs_no_shape():
    metrics = quiet()[1].metrics
    assert metrics["threshold_fit_after_2Hz"].definition == "bcm-threshold"
    assert "log_cubic_after_20Hz" in quiet()[1].fits


@pytest.mark.parametrize("theta", [0.7, 2.0, 6.3])
def test_the_crossing_of_a_smooth_curve_is_found_with_its_error(theta):
    rates = np.array(log_spaced(0.2, 10.0, 9))
    curve = np.sinh(np.log(rates / theta))
    found = crossing(rates, [Change(float(y), 0.01, 3, True) for y in curve])
    assert found.value == pytest.approx(theta, rel=0.01)
    assert abs(found.value - theta) < 3 * found.sigma
    # slope one in ln(rate): 0.01 of the change is at most 1 % of the rate, and not far below it
    assert 0.004 * theta < found.sigma < 0.05 * theta


def test_the_crossing_has_an_interval_that_covers_it():
    rng = np.random.default_rng(1)
    rates = np.array(log_spaced(0.2, 10.0, 9))
    hits = 0
    for _ in range(300):
        y = np.sinh(np.log(rates / 2.0)) + 0.05 * rng.normal(size=9)
        found = crossing(rates, [Change(float(v), 0.05, 3, True) for v in y])
        hits += abs(found.value - 2.0) <= 1.96 * found.sigma
    assert hits >= 0.91 * 300


def test_there_is_no_threshold_where_nothing_turns():
    rates = "1 Hz, 2 Hz, 4 Hz"
    protocol = SlidingThreshold(priors="2 Hz", rates="8 Hz, 10 Hz, 12 Hz", repeats=1)
    results = rehearse(protocol, bench_content("direct-ftj")).analyse()
    assert "threshold_after_2Hz" not in results.metrics
    assert any("no threshold" in note for note in results.notes)
    assert crossing([1, 2], [Change(1.0), Change(2.0)]) is None
    assert SlidingThreshold(rates=rates).rates == (1, 2, 4)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"amplitude": "0 V"}, "no pulse"),
        ({"rates": "1 Hz"}, "at least 2"),
        ({"priors": "300 Hz"}, "at most"),
        ({"count": 0}, "greater than 0"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(values, said):
    with pytest.raises(BadInput, match=said) as error:
        SlidingThreshold.from_values(values, "test")
    assert "\n" not in str(error.value)


def test_unfinished_and_empty_records_say_so():
    record, _ = quiet()
    empty = cut(record, 0).analyse()
    assert not empty.metrics
    assert any("none of 24" in note for note in empty.notes)
    half = cut(record, len(record.steps) // 2).analyse()
    assert 0 < len(half.tables[0].columns[0].data) < 24


def test_order_is_random_and_every_trial_begins_on_the_baseline():
    record, _ = quiet()
    steps = [step for step, _ in record.where(part="trains")]
    asked = [(step.label["prior"], step.label["rate"]) for step in steps]
    assert asked != sorted(asked)
    assert len(set(asked)) == 24
    assert all(step.label["returned"] for step in steps)


def test_a_resumed_run_is_the_same_run(tmp_path):
    settings = {"rates": "1 Hz, 8 Hz", "repeats": 1}
    assert_alike(*whole_and_resumed("sliding-threshold", "direct-ftj", tmp_path, 5, **settings))


def covered(seed: int) -> bool:
    """Whether the threshold after 20 Hz is covered, with every cycle another."""
    start = float(np.random.default_rng(seed).uniform(180e-6, 260e-6))
    content = bench_content("direct-ftj", conductance=start)
    protocol = SlidingThreshold(priors=(20.0,), rates=NEAR[20.0], repeats=6, seed=seed)
    found = rehearse(protocol, with_noise(content, cycle=True), seed=seed).analyse()
    theta = found.metrics["threshold_after_20Hz"]
    # Student, 5 degrees of freedom at each rate
    return abs(theta.value - own_threshold(protocol, content, 20.0)) <= 2.57 * theta.sigma


def test_the_threshold_is_covered():
    assert sum(covered(seed) for seed in range(3)) >= 2


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_threshold_is_covered_as_often_as_its_interval_says():
    hits = sum(covered(seed) for seed in range(200))
    assert hits >= 200 * 0.95 - 3 * np.sqrt(200 * 0.95 * 0.05)
