"""The threshold switch: events at their moments, spikes, recovery, temperature, life."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docs.figures import threshold_switch_neuron
from labctl.errors import BadInput
from sim_backend.devices import Stream, family, threshold_switch
from sim_backend.devices.threshold_switch_circuit import Curve

ROOM = 300.0
PATHS = pytest.mark.parametrize("path", ["numba", "numpy"])


def neuron(preset: str = "vo2", **changes: Any) -> Any:
    model = family("threshold-switch").load(preset, changes)
    return model, model.fresh(1, Stream(0), spread=False)


def test_the_period_is_that_of_the_circuit() -> None:
    model, state = neuron()
    p = model.parameters
    model.advance(state, {"top": 5.0}, 1e-3, ROOM, None)
    period = 0.0
    for resistance, start, stop, wait in (
        (p.off, p.hold, p.threshold, p.delay), (p.on, p.threshold, p.hold, p.recovery),
    ):  # fmt: skip
        end = 5.0 * resistance / (resistance + p.load)
        tau = p.capacitance * resistance * p.load / (resistance + p.load)
        # during delay and recovery the node goes on, and has to come back
        period += tau * math.log((end - start) / (end - stop)) + wait
    assert state.row("spikes")[0] * period == pytest.approx(1e-3, rel=0.02)


def simulated(model: Any, source: Any, duration: float, step: float) -> tuple[int, float]:
    """Return spikes and node voltage by brute force: tiny steps of the differential equation."""
    p = model.parameters
    v, phase, until, spikes, now = 0.0, 0, 0.0, 0, 0.0
    while now < duration:
        resistance = p.on if phase >= 2 else p.off
        end = source(now) * resistance / (resistance + p.load)
        tau = p.capacitance * resistance * p.load / (resistance + p.load)
        v = end + (v - end) * math.exp(-step / tau)
        now += step
        if phase == 0 and v >= p.threshold:
            phase, until = 1, now + p.delay
        elif phase == 1 and now >= until:
            phase, spikes = 2, spikes + 1
        elif phase == 2 and v < p.hold:
            phase, until = 3, now + p.recovery
        elif phase == 3 and now >= until:
            phase = 0
    return spikes, v


@pytest.mark.parametrize(("first", "last"), [(4.0, 4.0), (0.0, 6.0), (6.0, 2.0)])
def test_events_are_those_of_tiny_steps(first: float, last: float) -> None:
    model, state = neuron(delay="20 ns", recovery="30 ns")
    duration = 20e-6
    model.advance(state, {"top": (first, last)}, duration, ROOM, None)
    spikes, _ = simulated(model, lambda t: first + (last - first) * t / duration, duration, 5e-10)
    assert abs(state.row("spikes")[0] - spikes) <= 1
    assert spikes > 2


@settings(max_examples=60)
@given(
    level=st.floats(-2, 2), slope=st.floats(-2, 2), excess=st.floats(-3, 3), goal=st.floats(0.1, 2),
    upward=st.booleans(),
)  # fmt: skip
def test_a_crossing_is_the_first_one(
    level: float, slope: float, excess: float, goal: float, upward: bool
) -> None:
    curve = Curve(level, slope, excess, 0.7)
    found = curve.crosses(goal, upward, 5.0)
    times = np.linspace(0, 5.0, 20001)
    values = curve.level + curve.slope * times + curve.excess * np.exp(-times / curve.tau)
    beyond = values > goal + 1e-9 if upward else values < goal - 1e-9
    if math.isinf(found):
        assert not beyond.any()
    else:
        assert not beyond[times < found - 1e-3].any()
        assert found == 0 or curve.at(found) == pytest.approx(goal, abs=1e-9)


def test_below_the_threshold_it_only_charges() -> None:
    model, state = neuron("ag-feox")
    charge = model.advance(state, {"top": 0.5}, 10.0, ROOM, Stream(1))[0, 0]
    assert state.row("spikes")[0] == 0
    share = 100 / 101
    assert state.row("v")[0] == pytest.approx(0.5 * share)
    leaked = 0.5 / 101e9 * 10.0
    assert charge == pytest.approx(0.5 * share * 54e-15 + leaked, rel=1e-3)


def test_it_fires_at_either_polarity() -> None:
    spikes = []
    for sign in (1, -1):
        model, state = neuron()
        model.advance(state, {"top": sign * 5.0}, 1e-4, ROOM, None)
        spikes.append(state.row("spikes")[0])
    assert spikes[0] == spikes[1] > 10


def test_spikes_that_repeat_are_counted_as_if_played() -> None:
    model, long = neuron()
    charge = model.advance(long, {"top": 5.0}, 1e-3, ROOM, None)[0, 0]
    _, short = neuron()
    total = sum(
        model.advance(short, {"top": 5.0}, 1e-3 / 700, ROOM, None)[0, 0] for _ in range(700)
    )
    assert long.row("spikes")[0] == short.row("spikes")[0]
    assert charge == pytest.approx(total, rel=1e-9)
    assert long.row("v")[0] == pytest.approx(short.row("v")[0], rel=1e-6)
    model.advance(long, {"top": 5.0}, 3.156e8, ROOM, None)  # ten years of firing
    assert long.row("spikes")[0] == pytest.approx(3.156e8 * short.row("spikes")[0] / 1e-3, rel=0.01)


def test_spikes_that_differ_keep_their_rate_when_they_are_many() -> None:
    model, few = neuron("nbo2")
    model.advance(few, {"top": 2.0}, 1e-3, ROOM, Stream(3))
    _, many = neuron("nbo2")
    model.advance(many, {"top": 2.0}, 1.0, ROOM, Stream(3))
    assert many.row("spikes")[0] / 1.0 == pytest.approx(few.row("spikes")[0] / 1e-3, rel=0.01)


def test_recovery_times_are_log_normal() -> None:
    model, state = neuron("ag-feox")
    draw = model._draw(0.61, 0, Stream(4), None)
    times = np.array([draw(k)[2] for k in range(4000)])
    assert np.median(times) == pytest.approx(0.3e-3, rel=0.05)
    assert np.log(times).std() == pytest.approx(0.6, rel=0.05)
    assert (times < 1e-3).mean() == pytest.approx(0.977, abs=0.01)
    assert state.row("tries")[0] == 0


def test_a_warm_switch_fires_faster() -> None:
    rates = []
    for temperature in (284.0, 295.0, 306.0):
        model, state = neuron(load="3.6 kOhm")
        model.advance(state, {"top": 5.0}, 1e-3, temperature, None)
        rates.append(state.row("spikes")[0])
    assert rates == sorted(rates)
    assert rates[-1] > 1.2 * rates[0]


@pytest.mark.parametrize(("low", "stuck"), [(1.0, "on"), (0.0, "off")])
def test_a_worn_switch_is_stuck(low: float, stuck: str) -> None:
    model, state = neuron(life_cycles=50, stuck_low=low)
    for _ in range(10):
        model.advance(state, {"top": 5.0}, 1e-5, ROOM, None)
    fired = state.row("spikes")[0]
    model.advance(state, {"top": 5.0}, 1e-3, ROOM, None)
    assert state.row("spikes")[0] == fired >= 50
    resistance = getattr(model.parameters, stuck)
    expected = 5.0 * resistance / (resistance + model.parameters.load)
    assert state.row("v")[0] == pytest.approx(expected, rel=1e-3)


def test_integrate_fire_recover() -> None:
    """S2.12: rate against input, recovery mostly within 1 ms, about 10 fJ."""
    found = threshold_switch_neuron.measure(steps=3000)
    assert found["silent_below"]
    assert found["rates"] == sorted(found["rates"])
    assert 0 < found["rate_low"] < found["rate_high"]
    assert found["recovered_in_1_ms"] > 0.9
    assert 0.1e-3 < found["recovery_median"] < 0.6e-3
    assert 5e-15 < found["energy"] < 20e-15
    assert found["vo2_error"] < 0.15
    assert threshold_switch_neuron.draw(found).axes


def test_a_switch_that_would_not_turn_off_is_refused() -> None:
    with pytest.raises(BadInput, match="hold must be below the threshold"):
        family("threshold-switch").load("vo2", {"hold": "2 V"})


PIECES = [({"top": 2.0}, 3e-5), ({"top": (2.0, -2.0)}, 4e-5), ({}, 1e-6), ({"top": -3.0}, 2e-5)]


@pytest.mark.parametrize("preset", ["nbo2", "vo2", "ag-feox"])
@pytest.mark.parametrize("table", [True, False])
@pytest.mark.parametrize("chance", [True, False])
def test_compiled_and_plain_neurons_are_the_same(
    preset: str, table: bool, chance: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = family("threshold-switch").load(preset, {"life_cycles": 40.0})
    found = []
    for path, worth in (("numba", 1), ("numpy", 1)):
        monkeypatch.setenv("LABCTL_KERNELS", path)
        monkeypatch.setattr(threshold_switch, "_WORTH", worth)
        state = model.fresh(7, Stream(1), spread=True)
        state.noise = Stream(5) if chance else None
        stream = Stream(4, table=table) if chance else None
        charges = [model.advance(state, *piece, ROOM, stream) for piece in PIECES]
        found.append((np.array(charges), state.values.copy()))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-9, atol=1e-22)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-9, atol=1e-18)


@PATHS
@pytest.mark.parametrize("duration", [1e-4, 1e-3])
def test_a_train_of_spikes_is_the_same_train_however_it_is_cut(
    path: str, duration: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABCTL_KERNELS", path)
    monkeypatch.setattr(threshold_switch, "_WORTH", 1)
    model = family("threshold-switch").load("nbo2")
    rows = []
    for parts in (1, 2, 11):
        state = model.fresh(3, Stream(0), spread=True)
        for _ in range(parts):
            model.advance(state, {"top": 2.0}, duration / parts, ROOM, Stream(3))
        rows.append(np.array([state.row(name) for name in ("spikes", "tries", "phase", "v")]))
    assert rows[0][0].min() > 100
    for other in rows[1:]:
        np.testing.assert_allclose(other, rows[0], rtol=1e-6)


def test_spikes_counted_and_spikes_played_are_one_distribution() -> None:
    """Beyond 4000 spikes a piece is counted, with the mean period of the first 4000.

    That is known to the spread of a period over the root of 4000. So the counts of one long piece
    and of many short ones, which are played, have the same mean, and differ by 1e-3 of themselves
    (standard deviation).
    """
    model, devices, duration = family("threshold-switch").load("nbo2"), 64, 8e-3
    counts = []
    for parts in (1, 12):
        state = model.fresh(devices, Stream(0), spread=False)
        for _ in range(parts):
            model.advance(state, {"top": 2.0}, duration / parts, ROOM, Stream(3))
        counts.append(state.row("spikes").copy())
    counted, played = counts
    assert played.min() / 12 < 4000 < played.min()
    apart = counted / played - 1.0
    assert np.abs(apart).max() < 4e-3
    assert abs(apart.mean()) < 4 * apart.std() / math.sqrt(devices) + 1e-5
    assert apart.std() < 1e-3
    assert np.median(played) == pytest.approx(np.median(counted), rel=1e-3)


@PATHS
def test_a_life_ends_at_its_spike(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However time is cut, and though spikes are counted."""
    monkeypatch.setenv("LABCTL_KERNELS", path)
    monkeypatch.setattr(threshold_switch, "_WORTH", 1)
    for chance in (None, Stream(2)):
        charges = []
        for parts in (1, 3):
            changes = {"life_cycles": 6000.0, "life_shape": 50.0, "stuck_low": 0.0}
            model = family("threshold-switch").load("nbo2", changes)
            state = model.fresh(2, Stream(0), spread=False)
            total = sum(
                model.advance(state, {"top": 2.0}, 9e-3 / parts, ROOM, chance)[0]
                for _ in range(parts)
            )
            charges.append(total)
            assert state.row("spikes") == pytest.approx([6000.0] * 2)
        np.testing.assert_allclose(charges[0], charges[1], rtol=1e-3)


def test_tries_that_are_kept_at_hand_are_the_ones_looked_up() -> None:
    """Lines that follow each other use what was drawn before, whoever asks in between."""
    model = family("threshold-switch").load()
    kept, fresh = (model.fresh(2, Stream(1), spread=True) for _ in range(2))
    draw = np.random.default_rng(3)
    for _ in range(40):
        level, duration = {"top": float(draw.uniform(0.0, 6.0))}, 10 ** float(draw.uniform(-5, -2))
        temperature = float(draw.choice([300.0, 320.0]))
        fresh.ready.clear()
        here = level, duration, temperature, Stream(2)
        moved = [model.advance(one, *here) for one in (kept, fresh)]
        np.testing.assert_array_equal(*moved)
    np.testing.assert_array_equal(kept.values, fresh.values)
    assert kept.row("spikes").sum() > 20
