"""Rate-dependent plasticity on virtual benches: the device's own turning rate must come out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from labctl.analysis.definitions import DEFINITIONS
from labctl.analysis.definitions_trains import DEFINITIONS_TRAINS
from labctl.analysis.quantiles import student_95
from labctl.benchfile import define_bench
from labctl.rehearsal import rehearse
from labctl.workbench import Bench
from protocols.srdp import Srdp
from protocols.srdp_results import crossing
from tests.protocols.closed_loops import (
    assert_alike,
    bench_content,
    cut,
    whole_and_resumed,
    with_noise,
)

KNOWN = {*DEFINITIONS, *(entry.id for entry in DEFINITIONS_TRAINS)}
ASKED = Srdp(
    rates=(0.5, 2.0, 4.0, 6.0, 10.0), prior_number=10, prior_rate=20.0, number=5, repeats=1,
    baseline=300e-6, within=0.003, compliance=20e-3,
)  # fmt: skip


def own_change(protocol: Srdp, rate: float) -> float:
    """Return the change of the current in a fresh device at the baseline, nothing else done."""
    content = bench_content("direct-ftj", conductance="300 uS")
    with Bench(define_bench(content, "test"), content) as bench:
        rows = bench.play(protocol.trains(rate), 20e-3)
    current = [row.i for row in rows if row.role == "pulse"]
    return current[-1] / current[protocol.reference_pulse] - 1


def own_crossing(protocol: Srdp) -> float:
    """Return where the device's own changes cross zero, by the definition of the metric."""
    rates = np.array(sorted(protocol.rates))
    change = np.array([own_change(protocol, rate) for rate in rates])
    return crossing(rates, change, np.zeros(len(rates))).value


@pytest.fixture(scope="module")
def quiet():
    done = rehearse(ASKED, bench_content("direct-ftj", conductance="300 uS"))
    return done, done.analyse()


@pytest.fixture(scope="module")
def noisy():
    protocol = ASKED.model_copy(update={"repeats": 3, "within": 0.02})
    done = rehearse(protocol, bench_content("sim-ftj", conductance="300 uS"), seed=1)
    return done, done.analyse()


def test_changes_are_those_of_a_fresh_device_at_the_baseline(quiet):
    # mistake: no return to the baseline between the rates
    _, results = quiet
    columns = results.tables[0].columns
    for rate, change in zip(columns[0].data, columns[2].data, strict=True):
        assert change == pytest.approx(own_change(ASKED, rate), abs=0.01)


def test_the_turning_rate_is_the_devices_own(quiet, noisy):
    truth = own_crossing(ASKED)
    assert quiet[1].metrics["crossing"].value == pytest.approx(truth, rel=0.02)
    found = noisy[1].metrics["crossing"]
    assert abs(found.value - truth) <= 3 * found.sigma + 0.02 * truth
    assert found.definition == "rate-of-zero-crossing"


def test_the_turning_rate_slides_with_the_prior_activity(quiet):
    slower = ASKED.model_copy(update={"prior_rate": 2.0})
    done = rehearse(slower, bench_content("direct-ftj", conductance="300 uS")).analyse()
    assert done.metrics["crossing"].value < quiet[1].metrics["crossing"].value


def test_a_resting_device_shows_size_and_no_threshold():
    # S2.5
    protocol = Srdp(rates=(0.5, 5.0, 20.0), number=4, repeats=1, compliance=20e-3)
    results = rehearse(protocol, bench_content("direct-ftj")).analyse()
    assert results.metrics["span"].value > 0
    assert results.metrics["rise_ratio"].value > 0
    assert results.metrics["lasting_span"].value > 0
    assert "crossing" not in results.metrics
    assert "threshold" not in results.metrics
    assert any("the sign does not" in note for note in results.notes)


def test_numbers_have_definitions_and_errors(noisy):
    _, results = noisy
    for name, metric in results.metrics.items():
        assert metric.definition in KNOWN, name
        assert metric.sigma, name


def test_rates_are_those_achieved(noisy):
    _, results = noisy
    asked, achieved = (np.array(column.data) for column in results.tables[0].columns[:2])
    assert achieved == pytest.approx(asked, rel=1e-4)
    assert not np.array_equal(asked, achieved)


def test_between_pulses_the_level_is_zero():
    t, levels = ASKED.trains(10.0).sample(100e-6)
    high = np.abs(levels["top"]) > 0
    assert high.sum() == 15
    starts = t[high]
    assert np.diff(starts)[:9] == pytest.approx(0.05)
    assert np.diff(starts)[9:] == pytest.approx(0.1)


def test_order_is_random_and_the_seed_fixes_it(noisy):
    done, _ = noisy
    rates = [step.label["rate"] for step, _ in done.where(part="train")]
    assert sorted(rates) == sorted(ASKED.rates * 3)
    assert rates != sorted(rates)
    again = rehearse(done.protocol, bench_content("sim-ftj", conductance="300 uS"), seed=1)
    assert [step.what for step in again.steps] == [step.what for step in done.steps]


def test_a_crossing_lies_straight_between_two_rates():
    rates = np.array([1.0, 10.0])
    found = crossing(rates, np.array([-1.0, 1.0]), np.array([0.1, 0.1]))
    assert found.value == pytest.approx(math.sqrt(10))
    moved = crossing(rates, np.array([-1.0, 1.1]), np.zeros(2))
    slope = (moved.value - found.value) / 0.1
    assert found.sigma == pytest.approx(abs(slope) * math.sqrt(2) * 0.1, rel=0.1)
    assert crossing(rates, np.array([1.0, 2.0]), np.zeros(2)) is None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"amplitude": 0.0}, "an amplitude of 0 V is no pulse"),
        ({"rates": "1 Hz, 20 kHz"}, "allow at most 9091 Hz"),
        ({"rates": (0.0, 1.0)}, "give positive rates"),
        ({"final_after": "1 ms"}, "a rest of 0.001 s was asked for"),
        ({"number": 1}, "greater than 1"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(values, said):
    with pytest.raises(ValidationError, match=said):
        Srdp(**values)


def test_unfinished_and_empty_records_give_what_they_have(quiet):
    done, _ = quiet
    empty = cut(done, 0).analyse()
    assert not empty.metrics
    assert any("none of 5" in note for note in empty.notes)
    first = next(step.index for step, _ in done.where(part="reads"))
    one = cut(done, first + 1).analyse()
    assert "change_low" in one.metrics
    assert "span" not in one.metrics


def test_a_limit_ends_it_and_is_told():
    protocol = ASKED.model_copy(update={"longest_time": 60.0})
    notes = rehearse(protocol, bench_content("direct-ftj", conductance="300 uS")).analyse().notes
    assert any("limit of 60 s" in note for note in notes)


def test_a_resumed_run_is_the_same_as_a_whole_one(tmp_path):
    whole, resumed = whole_and_resumed(
        "srdp", "direct-ftj", tmp_path, 9, rates="2 Hz, 10 Hz", number=3, repeats=1,
        compliance=20e-3,
    )  # fmt: skip
    assert_alike(whole, resumed)


def covered(draws: int, seed: int) -> float:
    """Return how often the interval of the turning rate holds that of hidden prior activities."""
    random = np.random.default_rng(seed)
    hits = []
    for k in range(draws):
        protocol = ASKED.model_copy(
            update={
                "prior_rate": random.uniform(8.0, 20.0),
                "prior_number": int(random.integers(6, 12)),
                "rates": (1.0, 2.0, 3.5, 5.0, 7.0, 10.0), "repeats": 3, "seed": k, "within": 0.005,
            }
        )  # fmt: skip
        content = with_noise(bench_content("direct-ftj", conductance="300 uS"), cycle=True)
        metrics = rehearse(protocol, content, seed=k).analyse().metrics
        truth = own_crossing(protocol)
        found = metrics["crossing"]
        hits.append(abs(found.value - truth) <= student_95(12) * found.sigma)
    return float(np.mean(hits))


def test_hidden_turning_rates_are_covered():
    assert covered(2, 1) >= 0.5


@pytest.mark.long
@pytest.mark.timeout(900)
def test_many_hidden_turning_rates_are_covered_as_often_as_said():
    share = covered(200, 2)
    assert abs(share - 0.95) <= 4 * math.sqrt(0.95 * 0.05 / 200)
