"""Excitation and inhibition: what each does alone, together, and where they are balanced."""

from __future__ import annotations

import functools
import math

import msgspec
import numpy as np
import pytest
from pydantic import ValidationError

from labctl.analysis.quantiles import student_95
from labctl.benchfile import define_bench, read_bench
from labctl.readings import Flag, Readings
from labctl.rehearsal import Rehearsed, rehearse
from labctl.results import Results
from labctl.workbench import Bench
from protocols.e_i_synergy import EiSynergy, Trial
from protocols.e_i_synergy_results import balance
from tests.protocols.closed_loops import (
    assert_alike,
    bench_content,
    whole_and_resumed,
    with_noise,
)

ASKED = {
    "delays": "10 ms, 100 ms", "inhibitions": "-0.5 V .. -0.9 V, 3 lin", "repeats": 1,
    "within": 0.002, "baseline": 200e-6,
}  # fmt: skip


@functools.cache
def truth(trial: Trial, **device: str) -> float:
    """Return the postsynaptic current of a fresh device at its baseline, A."""
    content = bench_content("direct-ftj", conductance="200 uS", **device)
    with Bench(define_bench({"name": "truth", **content}, "test"), content) as bench:
        rows = bench.play(EiSynergy(**ASKED).waveform(trial), 1e-3)
    reads = [row for row in rows if row.role == "read"]
    return 0.1 * (reads[1].i / reads[1].v - reads[0].i / reads[0].v)


@pytest.fixture(scope="module")
def whole():
    return rehearse(EiSynergy(**ASKED), bench_content("direct-ftj"))


def test_each_alone_and_both_are_the_devices_own(whole):
    metrics = whole.analyse().metrics
    assert metrics["returned"].value == 1.0
    for name, trial in (
        ("epsc", Trial("E", 0.0, 0.01)), ("ipsc", Trial("I", -1.0, 0.01)),
        ("sum_EI", Trial("EI", -1.0, 0.01)), ("sum_IE", Trial("IE", -1.0, 0.01)),
    ):  # fmt: skip
        # the baseline is met within 0.2 %, 40 nA of a read current of 20 uA
        assert metrics[name].value == pytest.approx(truth(trial), abs=150e-9), name
    assert metrics["epsc"].value > 0 > metrics["ipsc"].value
    alone = [truth(Trial("E", 0.0, 0.01)), truth(Trial("I", -1.0, 0.01))]
    off = (truth(Trial("EI", -1.0, 0.01)) - sum(alone)) / (alone[0] - alone[1])
    assert metrics["deviation_EI"].value == pytest.approx(off, abs=0.02)


def test_the_balance_is_where_a_fresh_device_changes_its_sign(whole):
    found = whole.analyse().metrics["balance"]
    # the bisection has come down to 10 mV, and the current jumps between
    assert found.sigma == pytest.approx(10e-3 / np.sqrt(12), rel=0.6)
    weaker, stronger = round(found.value + 10e-3, 4), round(found.value - 10e-3, 4)
    assert truth(Trial("EI", weaker, 0.01)) > 0 > truth(Trial("EI", stronger, 0.01))


def test_the_balance_of_straight_lines_is_exact():
    x, y = np.array([0.0, -0.2, -0.4]), np.array([4.0, 1.0, -3.0])
    found = balance(x, y, np.array([0.0, 0.4, 0.4]))
    assert found.value == pytest.approx(-0.25)
    noise = np.hypot(0.75 * 0.4, 0.25 * 0.4) / 4
    assert found.sigma == pytest.approx(0.2 * np.hypot(noise, np.sqrt(1 / 12)))
    assert balance(x, np.abs(y), np.zeros(3)) is None
    assert balance(x, np.array([np.nan, 1.0, 2.0]), np.zeros(3)) is None


def test_on_instruments_with_noise_the_signs_stand():
    content = with_noise(bench_content("sim-ftj"), device=False)
    metrics = rehearse(EiSynergy(**{**ASKED, "within": 0.02}), content, seed=4).analyse().metrics
    # one trial of each: the read noise of 0.1 % of 20 uA in both reads, and the cycle's own
    assert metrics["epsc"].value > 1e-6
    assert metrics["ipsc"].value < 0 < metrics["sum_IE"].value
    msgspec.json.encode(metrics)
    assert metrics["energy_excite"].sigma > 0


def test_every_trial_begins_at_the_baseline_in_random_order(whole):
    # a known mistake: no reset between trials
    trials = [step for step in whole.steps if step.label.get("part") == "trial"]
    for step in trials:
        g = whole.of(step).g[0]
        assert g == pytest.approx(200e-6, rel=0.0025)
    order = [EiSynergy(**ASKED, seed=seed).trials() for seed in (1, 1, 2)]
    assert order[0] == order[1] != order[2]
    assert sorted(order[0]) == sorted(order[2])


def test_a_baseline_that_is_not_met_is_said():
    asked = EiSynergy(**{**ASKED, "baseline": None}, restore="wait", longest_wait=1.0)
    found = rehearse(asked, bench_content("direct-ftj")).analyse()
    assert found.metrics["returned"].value < 1
    assert any("away from the baseline" in note for note in found.notes)


def test_it_ends_at_its_limit_and_says_so():
    asked = EiSynergy(**ASKED, most_pulses=12)
    rehearsed = rehearse(asked, bench_content("direct-ftj"))
    assert sum(step.what.waveform.summary().pulses for step in rehearsed.steps) <= 12
    assert any("limit of 12 pulses" in note for note in rehearsed.analyse().notes)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"inhibit": 1.0}, "the other sign"),
        ({"inhibitions": (-0.5, -0.2)}, "from weak to strong"),
        ({"after": (1e-3, 1.1e-3)}, "give longer times"),
        ({"delays": (1e-6,)}, "give longer times"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(wrong, sentence):
    with pytest.raises(ValidationError) as caught:
        EiSynergy(**wrong)
    assert sentence in str(caught.value)


def test_an_unfinished_record_gives_what_it_has(whole):
    assert Rehearsed(whole.protocol, (), whole.readings).analyse().notes[0] == (
        "no trial is complete"
    )
    for count in (3, 12, 25):
        part = Rehearsed(whole.protocol, whole.steps[:count], whole.readings).analyse()
        assert all(metric.definition for metric in part.metrics.values())


def test_a_resumed_run_is_the_same_run(tmp_path):
    settings = {**ASKED, "delays": "10 ms", "inhibitions": "-0.2 V, -0.4 V"}
    whole, resumed = whole_and_resumed("e-i-synergy", "direct-ftj", tmp_path, 7, **settings)
    assert_alike(whole, resumed)


def test_the_defaults_are_feasible_on_instruments():
    definition, _ = read_bench("sim-ftj")
    asked = EiSynergy()
    for trial in asked.trials():
        play = next(EiSynergy(restore="wait").steps())
        assert not definition.check(play.__class__(asked.waveform(trial), asked.compliance))


@pytest.mark.parametrize("every", [7, 1])
def test_lost_readings_are_left_out(whole, every):
    rows = [
        row._replace(i=math.nan, flags=int(Flag.LOST)) if k % every == 0 else row
        for k, row in enumerate(whole.readings)
    ]
    found = Rehearsed(whole.protocol, whole.steps, Readings(rows)).analyse()
    # whatever is left can be stored and read again
    msgspec.json.decode(msgspec.json.encode(found), type=Results)
    assert found.notes


DRAWN = {
    "delays": "10 ms", "inhibitions": "-0.2 V, -0.35 V", "resolution": 0.2, "repeats": 4,
    "within": 0.004, "baseline": 200e-6,
}  # fmt: skip


def covered(draws: int, seed: int) -> tuple[float, float]:
    """Return how often currents, and deviations from their sum, have the truth in their interval.

    Junctions with hidden relaxation times vary from trial to trial; the truth is what a fresh one
    without variation shows.
    """
    random = np.random.default_rng(seed)
    currents, deviations = [], []
    for k in range(draws):
        times = {"t1": f"{random.uniform(40, 80):.4g} ms",
                 "t2p": f"{random.uniform(200, 350):.4g} ms"}  # fmt: skip
        noisy = with_noise(bench_content("direct-ftj", conductance="200 uS", **times), cycle=True)
        metrics = rehearse(EiSynergy(**DRAWN, seed=k), noisy, seed=k).analyse().metrics
        own = {"epsc": truth(Trial("E", 0.0, 0.01), **times),
               "ipsc": truth(Trial("I", -1.0, 0.01), **times)}  # fmt: skip
        whole, size = own["epsc"] + own["ipsc"], own["epsc"] - own["ipsc"]
        for order in ("EI", "IE"):
            own[f"sum_{order}"] = truth(Trial(order, -1.0, 0.01), **times)
            own[f"deviation_{order}"] = (own[f"sum_{order}"] - whole) / size
        for name, value in own.items():
            hit = abs(metrics[name].value - value) <= student_95(3) * metrics[name].sigma
            (deviations if name.startswith("deviation") else currents).append(hit)
    return float(np.mean(currents)), float(np.mean(deviations))


def test_currents_of_hidden_junctions_are_in_their_intervals():
    assert min(covered(2, 1)) >= 0.5


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_currents_of_many_hidden_junctions_are_covered_as_often_as_said():
    currents, deviations = covered(200, 2)
    # both currents and both sums of a draw count as one draw, to be on the safe side
    assert abs(currents - 0.95) <= 3 * math.sqrt(0.95 * 0.05 / 200)
    # of three means, whose errors have more degrees of freedom than Student's factor here
    assert deviations >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 200)
