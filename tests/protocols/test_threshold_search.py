"""Threshold search: it finds the amplitude at which the device itself begins to change."""

from __future__ import annotations

import numpy as np
import pytest

from labctl.benchfile import define_bench
from labctl.errors import BadInput
from labctl.readings import Readings
from labctl.rehearsal import Rehearsed, rehearse
from labctl.waveform import pulse, rest
from labctl.workbench import Bench
from protocols.threshold_search import ThresholdSearch
from tests.protocols.closed_loops import (
    assert_alike,
    bench_content,
    cut,
    true_conductance,
    whole_and_resumed,
)

QUIET = bench_content("direct-ftj", conductance=200e-6)


def own_change(amplitude, width, settle, conductance):
    """Return what one ideal pulse does to a fresh device at its baseline; no instrument looks."""
    content = {**bench_content("direct-ftj", conductance=conductance), "name": "fresh"}
    with Bench(define_bench(content, "test"), content) as bench:
        before = true_conductance(bench, 0.1)
        # the read that follows the rest is 30 ms long and measured over 20 to 95 % of it
        bench.play(pulse(amplitude, width, measured=False) + rest(settle + 17e-3), 1.0)
        return true_conductance(bench, 0.1) / before - 1


def own_threshold(sign, change, width, settle, conductance):
    """Return the amplitude at which a fresh device changes by so much, by halving."""
    low, high = 0.05, 2.5
    for _ in range(16):
        middle = (low + high) / 2
        did = abs(own_change(sign * middle, width, settle, conductance)) >= change
        low, high = (low, middle) if did else (middle, high)
    return sign * (low + high) / 2


@pytest.fixture(scope="module")
def quiet():
    return rehearse(ThresholdSearch(repeats=2), QUIET)


def test_both_thresholds_are_those_of_the_device(quiet):
    metrics = quiet.analyse().metrics
    for polarity, sign in (("positive", 1), ("negative", -1)):
        found = metrics[f"threshold_{polarity}"]
        truth = own_threshold(sign, 0.05, 100e-6, 10e-3, 200e-6)
        assert abs(found.value - truth) <= 1.96 * found.sigma
        # above 0.3 V, from which the junction is excited at all, and below its pulses of 1 V
        assert 0.5 < sign * found.value < 0.9
    assert metrics["returned"].value == 1


def covered(seed):
    """Whether both intervals hold the threshold of a random device, width and baseline."""
    rng = np.random.default_rng(seed)
    width, g = float(rng.uniform(50e-6, 400e-6)), float(rng.uniform(150e-6, 600e-6))
    truth = float(rng.uniform(0.15, 0.7))
    protocol = ThresholdSearch(width=width, baseline=g, repeats=2, seed=seed)
    # without creep a junction begins to change with a step at its threshold
    content = bench_content("direct-ftj", conductance=g, threshold=truth, creep=0.0)
    metrics = rehearse(protocol, content, seed=seed).analyse().metrics
    return [
        abs(metrics[f"threshold_{polarity}"].value - sign * truth)
        <= 1.96 * metrics[f"threshold_{polarity}"].sigma
        for polarity, sign in (("positive", 1), ("negative", -1))
    ]


def test_random_thresholds_are_covered():
    assert np.all([covered(seed) for seed in range(2)])


@pytest.mark.long
@pytest.mark.timeout(540)
def test_random_thresholds_are_covered_as_often_as_said():
    share = np.mean([covered(seed) for seed in range(200)])
    assert share >= 0.95 - 2.6 * np.sqrt(0.95 * 0.05 / 200)


def test_every_pulse_meets_a_device_at_its_baseline(quiet):
    # a known mistake: what weak pulses add up to must not count
    before = [readings.g[-1] for _, readings in quiet.where(part="before") if len(readings)]
    assert len(before) > 20
    assert np.ptp(before) / np.mean(before) < 0.02


def test_an_instrument_finds_the_same(quiet):
    results = rehearse(ThresholdSearch(repeats=1), bench_content("sim-ftj"), seed=1).analyse()
    for name in ("threshold_positive", "threshold_negative"):
        truth = quiet.analyse().metrics[name].value
        # the device has its own spread of a few percent here
        assert results.metrics[name].value == pytest.approx(truth, rel=0.1)


def test_a_device_that_does_not_change_has_no_threshold():
    protocol = ThresholdSearch(strongest=0.25, repeats=1)
    results = rehearse(protocol, QUIET).analyse()
    assert "threshold_positive" not in results.metrics
    assert any("2 of 2 searches met no pulse" in note for note in results.notes)


def test_the_limit_ends_it_and_the_note_says_so():
    results = rehearse(ThresholdSearch(most_pulses=5), QUIET).analyse()
    assert any("limit of 5 pulses" in note for note in results.notes)


def test_the_same_seed_gives_the_same_steps(quiet):
    assert rehearse(quiet.protocol, QUIET).steps == quiet.steps


def test_an_unfinished_record_and_an_empty_one_are_analysed(quiet):
    for steps in (1, 3, 8, len(quiet.steps) // 2):
        assert cut(quiet, steps).analyse().notes
    empty = Rehearsed(quiet.protocol, (), Readings()).analyse()
    assert empty.metrics == {}
    assert "no pulse" in empty.notes[0]


def test_lost_reads_are_no_changes(quiet):
    rows = [row._replace(i=float("nan"), flags=4) for row in quiet.readings]
    results = Rehearsed(quiet.protocol, quiet.steps, Readings(rows)).analyse()
    assert not any(name.startswith("threshold") for name in results.metrics)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"weakest": 2.0, "strongest": 1.0}, "must be below the strongest"),
        ({"change": 0.01}, "more than twice the tolerance"),
        ({"resolution": 0.0}, "greater than 0"),
        ({"polarity": "up"}, "both"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(values, words):
    with pytest.raises(BadInput, match=words) as caught:
        ThresholdSearch.from_values(values, "test")
    assert "\n" not in str(caught.value)


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    parameters = {"repeats": 1, "polarity": "positive", "strongest": 1.0}
    assert_alike(*whole_and_resumed("threshold-search", "direct-ftj", tmp_path, 11, **parameters))
