"""Spike pairs: the window is the device's own, spikes overlap, every pair begins alike."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import labctl
from labctl.analysis.stdp import fit_stdp
from labctl.benchfile import define_bench
from labctl.errors import BadInput
from labctl.rehearsal import rehearse
from labctl.steps import Play
from labctl.waveform import pulse, read, rest
from labctl.workbench import Bench
from protocols.spikes import read_points, shape_of
from protocols.stdp import Stdp
from protocols.stdp_window import Windowed
from tests.protocols.closed_loops import (
    assert_alike,
    bench_content,
    cut,
    whole_and_resumed,
    with_noise,
)

DELAYS = (-160e-3, -80e-3, -40e-3, -20e-3, -10e-3, 10e-3, 20e-3, 40e-3, 80e-3, 160e-3)
OVERLAP = {
    "shape": "biphasic", "amplitude": 1.5, "width": 50e-3, "repeats": 1,
    "delays": (-120e-3, -80e-3, -50e-3, -20e-3, 20e-3, 50e-3, 80e-3, 120e-3),
}  # fmt: skip


def own_window(protocol, content):
    """Return the change of a fresh device at each dt: no waiting, no writing back, no order."""
    look = read(protocol.read, protocol.read_width)
    found = []
    for dt in protocol.delays:
        waveform = look + rest(1e-3) + protocol.pair(dt) + rest(protocol.pause) + look
        with Bench(define_bench({"name": "fresh", **content}, "test"), content) as bench:
            rows = bench.play(waveform, 0.1)
        g = [row.i / row.v for row in rows if row.role == "read"]
        found.append(g[1] / g[0] - 1)
    return np.array(found)


@functools.cache
def quiet():
    """Return a noise-free run and its results."""
    record = rehearse(Stdp(delays=DELAYS, repeats=1, within=0.002), bench_content("direct-ftj"))
    return record, record.analyse()


def test_the_window_is_the_devices_own():
    record, results = quiet()
    truth = own_window(record.protocol, bench_content("direct-ftj"))
    table = results.tables[0]
    assert np.array(table.columns[0].data) == pytest.approx(DELAYS, abs=1e-9)
    # a baseline within 0.2 % leaves as much of the change open, before and after
    assert np.array(table.columns[1].data) == pytest.approx(truth, abs=0.004)
    own = fit_stdp(DELAYS, truth)
    for name in ("A_plus", "tau_plus", "A_minus", "tau_minus"):
        value = results.fits["hebbian"].values[name]
        assert value.low <= own.values[name].value <= value.high, name
        assert results.metrics[name].value == value.value
    assert results.metrics["returned"].value == 1


def test_the_sign_of_the_spikes_turns_the_window_round():
    record = rehearse(
        Stdp(delays=DELAYS, amplitude=1.0, repeats=1), bench_content("direct-ftj")
    ).analyse()
    assert record.metrics["potentiation_at"].value < 0 < record.metrics["depression_at"].value
    assert "anti-hebbian" in " ".join(record.notes)


@functools.cache
def overlapping(post):
    record = rehearse(Stdp(**OVERLAP, post=post), bench_content("direct-rram-slow"))
    return record, record.analyse()


def test_spikes_that_overlap_give_s2_4():
    record, results = overlapping("bottom")
    truth = own_window(record.protocol, bench_content("direct-rram-slow"))
    change = np.array(results.tables[0].columns[1].data)
    assert change == pytest.approx(truth, abs=0.015)
    dt = np.array(record.protocol.delays)
    inside = np.abs(dt) < 100e-3
    assert np.all(np.sign(change[inside]) == np.sign(dt[inside]))
    assert np.abs(change[~inside]) == pytest.approx(0, abs=1e-6)  # they meet no more
    assert results.metrics["potentiation_at"].value == pytest.approx(50e-3)
    assert results.metrics["depression_at"].value == pytest.approx(-50e-3)
    # the shape of this window is no exponential, and that is said instead of a time constant
    assert "tau_plus" not in results.metrics
    assert any("no kind of window follows" in note for note in results.notes)


def test_two_terminals_and_their_difference_are_the_same_to_the_device():
    two, one = (overlapping(post)[1].tables[0].columns[1].data for post in ("bottom", ""))
    assert np.array(two) == pytest.approx(np.array(one), abs=0.01)


def test_both_terminals_are_driven_at_the_same_time():
    pair = Stdp(**OVERLAP, post="bottom").pair(50e-3)
    t, levels = pair.sample(1e-3)
    both = (levels["top"] != 0) & (levels["bottom"] != 0)
    assert both.sum() == 50
    across = levels["top"] - levels["bottom"]
    assert across.max() == 3.0
    assert across[t >= 50e-3 - 1e-9][0] == 3.0
    _, single = Stdp(**OVERLAP).pair(50e-3).sample(1e-3)
    assert np.array_equal(single["top"], across)


@given(
    st.sampled_from(["biphasic", "square", "triangular", "exponential"]),
    st.floats(-2, 2).filter(lambda x: abs(x) > 0.01),
    st.floats(1e-4, 0.1),
    st.booleans(),
)
def test_a_spike_is_as_long_as_asked_and_no_higher(shape, amplitude, width, stairs):
    lines = shape_of(shape, amplitude, width, stairs=stairs)
    whole = {"biphasic": 2.0, "square": 1.0}.get(shape, 1.1) * width
    assert sum(length for length, _, _ in lines) == pytest.approx(whole)
    levels = [level for _, *ends in lines for level in ends]
    assert max(map(abs, levels)) <= abs(amplitude) * (1 + 1e-12)
    if stairs:
        assert all(a == b for _, a, b in lines)


@pytest.mark.parametrize("dt", [-30e-3, 0.0, 20e-3])
def test_a_pair_lasts_as_long_as_its_spikes_with_gaps_or_without(dt):
    plain = Stdp(**{**OVERLAP, "delays": (dt, 50e-3)})
    parted = plain.model_copy(update={"gap": 200e-6})
    assert plain.pair(dt).duration == pytest.approx(0.1 + abs(dt))
    assert parted.pair(dt).ticks == plain.pair(dt).ticks
    assert plain.pair(dt).summary().pulses <= 2


def test_a_spike_comes_from_a_file_and_stays_in_the_record(tmp_path):
    path = tmp_path / "spike.csv"
    path.write_text("t (s),v (V)\n0,0\n1e-4,-1\n# back\n2e-4,0.5\n2e-4,0\n3e-4,0\n", "utf-8")
    protocol = Stdp(shape="file", spike=str(path), delays=(-1e-3, 1e-3))
    assert protocol.spike == ((0, 0), (1e-4, -1), (2e-4, 0.5), (2e-4, 0), (3e-4, 0))
    path.unlink()
    again = Stdp.from_values(protocol.model_dump(mode="json"), "record")
    assert again == protocol
    assert again.pair(1e-3).summary().peak["top"] == 1
    with pytest.raises(BadInput, match="cannot be read"):
        read_points(path)


def test_a_resumed_run_is_the_same_run(tmp_path):
    settings = {"delays": "-20 ms, -10 ms, 10 ms, 20 ms", "repeats": 1}
    assert_alike(*whole_and_resumed("stdp", "direct-ftj", tmp_path, 17, **settings))


@pytest.fixture(scope="module")
def noisy():
    return rehearse(Stdp(delays=DELAYS, repeats=1), bench_content("sim-ftj"), seed=5)


def test_the_same_seed_gives_the_same_steps_and_another_does_not():
    content = bench_content("direct-ftj")
    few = {"delays": (-40e-3, -20e-3, -10e-3, 10e-3, 20e-3, 40e-3), "repeats": 1}
    one, again, other = (rehearse(Stdp(**few, seed=seed), content) for seed in (3, 3, 4))
    assert [s.what for s in again.steps] == [s.what for s in one.steps]
    order = [[s.label["dt"] for s, _ in run.where(part="pair")] for run in (one, other)]
    assert order[0] != order[1]


def test_pairs_come_in_random_order_from_a_verified_baseline(noisy):
    steps = [step for step, _ in noisy.where(part="pair")]
    asked = [step.label["dt"] for step in steps]
    assert sorted(asked) == sorted(DELAYS)
    assert asked != sorted(asked)
    assert all(step.label["returned"] for step in steps)
    before = np.array([readings.g[-1] for _, readings in noisy.where(part="before")])
    # the same 30 ms read, a moment after the one that decided
    assert np.all(np.abs(before / before[0] - 1) <= 0.02)


def test_every_number_says_its_definition_and_uncertainty(noisy):
    m = noisy.analyse().metrics
    assert m["potentiation"].definition == "stdp-extreme"
    assert 0.15 < m["potentiation"].value < 0.45
    assert 0 < m["potentiation"].sigma < 0.05
    assert m["tau_plus"].unit == "s"
    assert 20e-3 < m["tau_plus"].value < 90e-3
    # two pulses of 1 V, 100 us and about 0.3 mA
    assert 30e-9 < m["energy_pre_first"].value < 120e-9
    assert 0 < m["energy_pre_first"].sigma < m["energy_pre_first"].value


def test_the_dt_achieved_is_fitted_not_the_one_asked_for():
    # 10.0004 ms are no whole microseconds: the grid of instruments makes 10 ms of them
    protocol = Stdp(delays=(-20e-3, 10.0004e-3), repeats=1)
    record = rehearse(protocol, bench_content("direct-ftj"))
    for step, readings in record.where(part="pair"):
        played = readings.where(role="pulse").t
        assert played[1] - played[0] == pytest.approx(abs(round(step.label["dt"], 6)), abs=1e-9)
    found = Windowed.of(record, ("top", ""))
    assert sorted(found.asked) == [-20e-3, 10.0004e-3]
    assert sorted(found.dt) == pytest.approx([-20e-3, 10e-3], abs=1e-9)
    assert record.analyse().metrics["potentiation_at"].value == pytest.approx(10e-3, abs=1e-9)


def test_overlapping_spikes_have_their_dt_from_the_right_pieces():
    record, _ = overlapping("")
    found = Windowed.of(record, ("top", ""))
    assert found.dt == pytest.approx(found.asked, abs=1e-9)


def test_a_program_of_one_channel_between_does_not_shift_the_readings_of_the_other():
    protocol = Stdp(
        shape="biphasic", amplitude=1.5, width=2e-3, post="bottom", gap=200e-6,
        delays=(-1e-3, 1e-3),
    )  # fmt: skip
    content = bench_content("sim-rram-slow")
    times = []
    with Bench(define_bench({"name": "two", **content}, "test"), content) as bench:
        for _ in range(3):
            rows = bench.play(protocol.pair(1e-3), 1e-3)
            bottom = np.array([row.t for row in rows if row.terminal == "bottom"])
            times.append(bottom - bottom[0])
            bench.play((pulse(0.5, 1e-3) + rest(1e-3)) * 2, 1e-3)
    assert len(times[0]) == 5
    assert times[1] == pytest.approx(times[0], abs=2e-6)
    assert times[2] == pytest.approx(times[0], abs=2e-6)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"amplitude": "0 V"}, "no spike"),
        ({"shape": "file"}, "without a file"),
        ({"spike": [[0, 0], [1e-3, 1]]}, "set shape"),
        ({"post": "top"}, "both spikes on the terminal"),
        ({"shape": "triangular", "gap": "10 us", "post": "bottom"}, "a gap of"),
        ({"shape": "file", "spike": "nowhere.csv"}, "cannot be read"),
        ({"delays": "5 ms"}, "at least 2"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(values, said):
    with pytest.raises(BadInput, match=said) as error:
        Stdp.from_values(values, "test")
    assert "\n" not in str(error.value)


def test_unfinished_and_empty_records_say_so():
    record, _ = quiet()
    empty = cut(record, 0).analyse()
    assert not empty.metrics
    assert any("none of 10" in note for note in empty.notes)
    part = cut(record, len(record.steps) // 2).analyse()
    assert 0 < len(part.tables[1].columns[0].data) < 10
    assert "potentiation" in part.metrics


def test_it_ends_at_its_limit_and_says_so():
    record = rehearse(Stdp(delays=DELAYS, repeats=1, most_pulses=9), bench_content("direct-ftj"))
    pulses = sum(s.what.waveform.summary().pulses for s in record.steps if isinstance(s.what, Play))
    assert pulses <= 9
    assert any("limit of 9 pulses" in note for note in record.analyse().notes)


def coverage(seed: int) -> bool:
    """Whether the window of a device with cycle-to-cycle variation is covered by the interval."""
    rng = np.random.default_rng(seed)
    g = float(rng.uniform(150e-6, 400e-6))
    content = bench_content("direct-ftj", conductance=g)
    protocol = Stdp(delays=DELAYS, repeats=2, within=0.003, seed=seed)
    fit = rehearse(protocol, with_noise(content, cycle=True), seed=seed).analyse().fits["hebbian"]
    truth = fit_stdp(DELAYS, own_window(protocol, content)).values["tau_plus"].value
    value = fit.values["tau_plus"]
    return value.low is not None and value.high is not None and value.low <= truth <= value.high


def test_the_time_constant_is_covered():
    assert sum(coverage(seed) for seed in range(3)) >= 2


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_time_constant_is_covered_as_often_as_its_interval_says():
    hits = sum(coverage(seed) for seed in range(200))
    assert hits >= 200 * 0.95 - 3 * np.sqrt(200 * 0.95 * 0.05)


def test_the_run_can_be_started_by_its_name(tmp_path):
    run = labctl.run(
        "stdp", bench="direct-ftj", out=tmp_path, repeats=1, delays="-20 ms, 20 ms", within="1 %"
    )
    assert run.metrics["potentiation"].value > 0 > run.metrics["depression"].value
