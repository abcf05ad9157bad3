"""Triplets and matrices of paired pulses; pairs alone are in test_ppf."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from labctl.analysis.decay import fit_decay
from labctl.analysis.definitions import DEFINITIONS
from labctl.analysis.definitions_trains import DEFINITIONS_TRAINS
from labctl.benchfile import define_bench
from labctl.rehearsal import rehearse
from labctl.results import Fit
from labctl.workbench import Bench
from protocols.ppf import PairedPulse
from protocols.ppf_groups import Cell
from tests.protocols.closed_loops import bench_content, cut, with_noise

INTERVALS = (10e-3, 40e-3, 150e-3, 600e-3)
TRIPLETS = PairedPulse(pulses=3, intervals=INTERVALS, repeats=1, within=0.003, compliance=5e-3)
MATRIX = PairedPulse(
    amplitudes=(0.7, 0.9), widths=(100e-6, 200e-6), intervals=INTERVALS, repeats=1, within=0.003,
    compliance=5e-3,
)  # fmt: skip


@pytest.fixture(scope="module")
def triplets():
    done = rehearse(TRIPLETS, bench_content("direct-ftj"))
    return done, done.analyse()


@pytest.fixture(scope="module")
def matrix():
    done = rehearse(MATRIX, bench_content("direct-ftj"))
    return done, done.analyse()


def own_currents(
    protocol: PairedPulse, interval: float, cell: Cell | None = None, content: dict | None = None
) -> list[float]:
    """Return the currents in the pulses of a group on a fresh device."""
    content = content or bench_content("direct-ftj")
    with Bench(define_bench(content, "test"), content) as bench:
        rows = bench.play(protocol.pair(interval, cell), 5e-3)
    return [row.i for row in rows if row.role == "pulse"]


def test_the_index_of_the_third_pulse_is_the_devices_own(triplets):
    _, results = triplets
    for table, pulse in zip((results.tables[0], results.tables[2]), (1, 2), strict=True):
        for interval, index in zip(table.columns[0].data, table.columns[1].data, strict=True):
            own = own_currents(TRIPLETS, interval)
            assert index == pytest.approx(own[pulse] / own[0] - 1, abs=0.01)
    assert results.metrics["index_third"].value > results.metrics["index"].value > 0
    assert results.metrics["index_third"].definition == "triplet-index-in-pulse-current"
    known = {*DEFINITIONS, *(entry.id for entry in DEFINITIONS_TRAINS)}
    assert {metric.definition for metric in results.metrics.values()} <= known


def test_both_intervals_of_a_triplet_are_equal_and_at_zero():
    t, levels = TRIPLETS.pair(0.04).sample(100e-6)
    high = np.abs(levels["top"]) > 0.5
    assert np.diff(t[high]) == pytest.approx([0.04 + 100e-6] * 2)


def test_every_place_of_a_matrix_has_its_own_index_and_energy(matrix):
    _, results = matrix
    for cell in MATRIX.cells():
        own = own_currents(MATRIX, INTERVALS[0], cell)
        index = results.metrics[f"index{cell.suffix}"]
        assert index.value == pytest.approx(own[1] / own[0] - 1, abs=0.01)
        assert results.metrics[f"energy{cell.suffix}"].value > 0
    small, large = MATRIX.cells()[0], MATRIX.cells()[-1]
    assert (results.metrics[f"energy{large.suffix}"].value
            > 2 * results.metrics[f"energy{small.suffix}"].value)  # fmt: skip
    table = results.tables[-1]
    assert len(table.columns[0].data) == 4


def test_places_are_mixed_at_random_and_labelled(matrix):
    done, _ = matrix
    asked = [(s.label["amplitude"], s.label["width"], s.label["interval"])
             for s, _ in done.where(part="pair")]  # fmt: skip
    assert len(asked) == len(set(asked)) == 16
    assert asked != sorted(asked)


def test_a_pair_alone_is_labelled_as_ever():
    done = rehearse(PairedPulse(intervals=(0.1,), repeats=1), bench_content("direct-ftj"))
    (step, _), *_ = done.where(part="pair")
    assert set(step.label) == {"part", "interval", "baseline", "returned"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"amplitudes": (-1.0, 1.0)}, "facilitation and depression are two runs"),
        ({"amplitudes": (0.0,)}, "an amplitude of 0 V is no pulse"),
        ({"widths": (0.0,)}, "give positive widths"),
        ({"pulses": 4}, "Input should be 2 or 3"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(values, said):
    with pytest.raises(ValidationError, match=said):
        PairedPulse(**values)


def test_unfinished_and_empty_records_give_what_they_have(triplets, matrix):
    for done, _ in (triplets, matrix):
        empty = cut(done, 0).analyse()
        assert not empty.metrics
        assert any("is complete" in note for note in empty.notes)
        half = cut(done, len(done.steps) // 2).analyse()
        assert half.metrics


def test_a_limit_ends_it_and_is_told():
    protocol = PairedPulse(intervals=INTERVALS, repeats=5, most_pulses=9)
    notes = rehearse(protocol, bench_content("direct-ftj")).analyse().notes
    assert any("limit of 9 pulses" in note for note in notes)


def test_pulses_that_met_the_compliance_are_told():
    protocol = PairedPulse(
        amplitudes=(0.5, 1.2), intervals=(0.01,), repeats=1, compliance=0.2e-3, restore="wait"
    )
    notes = rehearse(protocol, bench_content("sim-ftj")).analyse().notes
    told = [note for note in notes if "the compliance held" in note]
    assert len(told) == 1
    assert told[0].startswith("1.2 V, 100 us")


def covered(draws: int, seed: int, flicker: float = 0.0) -> tuple[float, float]:
    """Return how often closed intervals of both times hold the truth, and how many are open.

    Junctions are drawn at random. The truth is the same law fitted, with the same weights, to what
    a junction without variation shows when every pair begins at the baseline. The law has an
    offset: a pair leaves a lasting part, and times of a law without one depend on the weights.
    With `flicker` the junctions have 1/f noise instead of variation.
    """
    random = np.random.default_rng(seed)
    hits, opened = [], 0
    for k in range(draws):
        fast, slow = f"{random.uniform(40, 80):.4g} ms", f"{random.uniform(200, 350):.4g} ms"
        content = bench_content("direct-ftj", t1=fast, t2p=slow)
        count, repeats = (8, 3) if flicker else (10, 4)  # slow noise takes long to draw
        protocol = PairedPulse(
            intervals=f"10 ms .. 1.5 s, {count} log", repeats=repeats, within=0.005,
            compliance=5e-3, seed=k,
        )  # fmt: skip
        truth = own_decay(protocol, content).values
        noisy = with_noise(content, cycle=not flicker, read=bool(flicker))
        noisy["simulation"]["device"] |= {"flicker": flicker}
        fit = rehearse(protocol, noisy, seed=k).analyse().fits["double_decay_offset"]
        for name in ("tau1", "tau2"):
            value = fit.values[name]
            if value.low is None or value.high is None:
                opened += 1
            else:
                hits.append(value.low <= truth[name].value <= value.high)
    return float(np.mean(hits)), opened / (2 * draws)


def own_decay(protocol: PairedPulse, content: dict) -> Fit:
    """Return the decay, with an offset, of the index on a fresh device for each interval."""
    own = [own_currents(protocol, interval, None, content) for interval in protocol.intervals]
    ratio = np.array([pair[1] / pair[0] for pair in own])
    return fit_decay(
        protocol.intervals, ratio - 1, ratio, "double_decay", "free", absolute=False
    )  # fmt: skip


def test_hidden_times_of_pairs_are_covered():
    share, opened = covered(2, 1)
    assert share >= 0.5
    assert opened <= 0.5


@pytest.mark.long
@pytest.mark.timeout(900)
def test_many_hidden_times_of_pairs_are_covered_as_often_as_said():
    # both times of a draw belong together, so the tolerance is that of the draws
    share, opened = covered(200, 2)
    assert abs(share - 0.95) <= 3 * math.sqrt(0.95 * 0.05 / 200)
    assert opened <= 0.1


def test_hidden_times_of_pairs_are_covered_although_the_noise_is_slow():
    share, _ = covered(1, 3, flicker=1e-3)
    assert share >= 0.5  # of its two times


@pytest.mark.long
@pytest.mark.timeout(900)
def test_many_hidden_times_of_pairs_are_covered_although_the_noise_is_slow():
    # pairs come in random order, so what is shared by neighbours is not shared by intervals
    share, opened = covered(200, 4, flicker=1e-3)
    assert abs(share - 0.95) <= 3 * math.sqrt(0.95 * 0.05 / 200)
    assert opened <= 0.1
