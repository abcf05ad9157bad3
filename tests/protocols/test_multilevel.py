"""Multilevel storage: states are counted by what was read after the hold."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from scipy.stats import norm

from labctl.errors import BadInput
from labctl.readings import Readings
from labctl.rehearsal import Rehearsed, rehearse
from protocols.multilevel import Multilevel
from tests.protocols.closed_loops import (
    assert_alike,
    bench_content,
    cut,
    rehearse_with,
    true_conductance,
    whole_and_resumed,
    with_noise,
)

QUIET = bench_content("direct-ftj")
FEW = {"levels": 4, "repeats": 3, "method": "bisection", "rewrites": 1}


@pytest.fixture(scope="module")
def quiet():
    held = []

    def look(bench, step):
        if step.label.get("part") == "hold":
            held.append((step.label["attempt"], step.label["target"], true_conductance(bench, 0.1)))

    record = rehearse_with(Multilevel(**FEW), QUIET, look)
    last = {number: (target, g) for number, target, g in held}
    return record, np.array(list(last.values()))


def test_the_states_are_those_that_the_device_holds(quiet):
    record, own = quiet
    metrics = record.analyse().metrics
    means = [own[own[:, 0] == t, 1].mean() for t in np.unique(own[:, 0])]
    spreads = [own[own[:, 0] == t, 1].std(ddof=1) for t in np.unique(own[:, 0])]
    k = -norm.ppf(1.35e-3)
    apart = np.diff(means) > k * (np.array(spreads[1:]) + np.array(spreads[:-1]))
    assert metrics["states"].value == 1 + apart.sum() == 4
    assert metrics["bits"].value == pytest.approx(2)
    ratio = metrics["dynamic_range"]
    assert abs(ratio.value - means[-1] / means[0]) < max(1.96 * ratio.sigma, 1e-3 * ratio.value)


def recovered(seed: int, reference: int = 20) -> tuple[bool, bool]:
    """Write random levels a few times and many times: do the few say what the many are?

    The truth of a draw is the same device's own, written so often that its scatter is small.
    """
    draw = random.Random(seed)
    lowest = draw.uniform(150e-6, 300e-6)
    asked = Multilevel(
        lowest=lowest, highest=lowest * draw.uniform(1.05, 1.6), levels=3, hold=1.0, rewrites=1,
        within=draw.uniform(0.005, 0.03), kept_within=0.1, method="bisection", repeats=6, seed=seed,
    )  # fmt: skip
    noisy = with_noise(QUIET, cycle=True)
    few = rehearse(asked, noisy, seed=seed).analyse().metrics
    many = asked.model_copy(update={"repeats": reference})
    true = rehearse(many, noisy, seed=1000 + seed).analyse().metrics
    ratios = [metrics["dynamic_range"] for metrics in (few, true)]
    within = 1.96 * math.hypot(*(one.sigma for one in ratios))
    states = [metrics["states"] for metrics in (few, true)]
    room = 1.96 * math.hypot(*(one.sigma or 0.0 for one in states))
    return (
        abs(ratios[0].value - ratios[1].value) <= within,
        abs(states[0].value - states[1].value) <= room,
    )


def test_random_levels_are_recovered():
    assert sum(recovered(seed, 10)[0] for seed in range(3)) >= 2


@pytest.mark.long
@pytest.mark.timeout(900)
def test_random_levels_are_recovered_as_often_as_said():
    found = np.mean([recovered(seed) for seed in range(200)], axis=0)
    # a count is a whole number: its interval holds the truth at least as often as it says
    assert np.all(found >= 0.95 - 4 * math.sqrt(0.95 * 0.05 / 200)), found


def test_more_levels_than_a_sloppy_writer_keeps_apart_are_not_states():
    # levels 3 % apart, written to 5 %: the scatter joins them
    protocol = Multilevel(
        lowest=200e-6, highest=240e-6, levels=7, within=0.05, kept_within=0.1, repeats=4, hold=1.0
    )
    record = rehearse(protocol, bench_content("sim-ftj"), seed=1)
    results = record.analyse()
    assert results.metrics["states"].value < 7
    assert results.metrics["states"].sigma > 0
    assert results.metrics["bits"].value < math.log2(7)
    relaxed = protocol.model_copy(update={"read_error": 0.3})
    assert relaxed.analyse(record).metrics["states"].value > results.metrics["states"].value


def test_levels_come_in_random_order_and_each_as_often_as_asked(quiet):
    record, _ = quiet
    order = {s.label["attempt"]: s.label["target"] for s in record.steps}
    asked = list(order.values())
    assert asked != sorted(asked)
    assert sorted(asked) == sorted(record.protocol.targets * 3)


def test_range_counts_both_branches(quiet):
    # a known mistake: a level is reached from above as well as from below
    record, _ = quiet
    signs = {np.sign(step.label["amplitude"]) for step, _ in record.where(part="write")}
    assert signs == {-1, 1}


@pytest.mark.parametrize(("spacing", "middle"), [("log", 316.2e-6), ("lin", 550e-6)])
def test_levels_are_spaced_as_asked(spacing, middle):
    protocol = Multilevel(levels=3, spacing=spacing)
    assert protocol.targets[1] == pytest.approx(middle, rel=1e-4)
    assert protocol.targets[::2] == (1e-4, 1e-3)


def test_an_unfinished_record_and_an_empty_one_are_analysed(quiet):
    record, _ = quiet
    for steps in (1, 2, 40, len(record.steps) // 2):
        assert cut(record, steps).analyse().notes
    empty = Rehearsed(record.protocol, (), Readings()).analyse()
    assert empty.metrics == {}
    assert "no read" in empty.notes[0]


def test_the_limit_ends_it_and_the_note_says_so():
    results = rehearse(Multilevel(longest_time=30.0, **FEW), QUIET).analyse()
    assert any("limit of 30 s" in note for note in results.notes)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lowest": "1 mS", "highest": "1 uS"}, "lowest must be below the highest"),
        ({"levels": 1}, "greater than or equal to 2"),
        ({"repeats": 1}, "greater than or equal to 2"),
        ({"read_error": 0.7}, "less than 0.5"),
        ({"weakest": 3.0}, "weakest must be below the strongest"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(values, words):
    with pytest.raises(BadInput, match=words) as caught:
        Multilevel.from_values(values, "test")
    assert "\n" not in str(caught.value)


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    parameters = {**FEW, "levels": 2, "repeats": 2}
    assert_alike(*whole_and_resumed("multilevel", "direct-ftj", tmp_path, 9, **parameters))
