"""Devices that meet at a node: Kirchhoff's law, charge, and a device that switches in a pulse."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import labctl
from labctl.benchfile import define_bench, read_bench
from labctl.errors import BadInput
from labctl.waveform import Segment, Window, rest, segment, ticks
from labctl.workbench import Bench
from sim_backend.devices import Stream, family
from sim_backend.devices.star import Joint, StarDevice
from sim_backend.simulation import read_simulation
from sim_backend.state import kept, restored

ROOM = 300.0


def circuit(name="rram", preset="gate", devices=3, load=4e3, **changes):
    """Return a circuit and its state, without spread."""
    model = StarDevice(family(name).load(preset, changes), Joint(devices=devices, load=load))
    return model, model.fresh(1, Stream(0), spread=False)


volts = st.floats(-2.0, 2.0).map(lambda v: round(v, 3))


@given(volts, volts, volts, st.floats(10.0, 1e7))
@settings(max_examples=25)
def test_resistors_divide_as_a_resistor_network(a, b, end, load):
    model, state = circuit("resistor", "10k", devices=2, load=load)
    levels = {"a": a, "b": b, "load": end}
    g, g_load = 1e-4, 1 / load
    v = (g * (a + b) + g_load * end) / (2 * g + g_load)
    expected = np.array([g * (a - v), g * (b - v), g_load * (end - v)])
    into = model.current(state, levels)[:, 0]
    np.testing.assert_allclose(into, expected, rtol=1e-9, atol=1e-15)
    charge = model.advance(state, levels, 1e-3, ROOM, None)[:, 0]
    np.testing.assert_allclose(charge, expected * 1e-3, rtol=1e-9, atol=1e-18)


@given(st.lists(volts, min_size=4, max_size=4), st.floats(1e-9, 1e-5))
@settings(max_examples=8)
def test_no_charge_is_lost_whatever_switches(levels, duration):
    model, state = circuit()
    model.devices_of(state)[0].row("r")[:] = 6e3
    named = dict(zip(model.terminals, levels, strict=True))
    charge = model.advance(state, named, duration, ROOM, None)
    assert abs(charge.sum()) <= 1e-12 * np.abs(charge).max()
    into = model.current(state, named)
    assert abs(into.sum()) <= 1e-11 * (np.abs(into).max() + 1e-30)


def test_a_set_behind_a_load_is_that_of_its_differential_equation():
    # dR/dt = -S(V) (R - Ron)^2 with V = U R / (R + R_load) for a nearly ohmic cell
    model, state = circuit(devices=2, iv_scale=100.0)
    source, load, duration = 1.25, 4e3, 1e-6
    model.devices_of(state)[1].row("r")[:] = 50e3

    def slope(_, r):
        other, own = 1 / 50e3, 1 / r
        node = source * own / (own + other + 1 / load)
        speed = 7.4e-12 * np.expm1((source - node) / 0.03)
        return -speed * (r - 5e3) ** 2

    truth = solve_ivp(slope, (0, duration), [50e3], method="LSODA", rtol=1e-10, atol=1e-3)
    charge = model.advance(state, {"a": source}, duration, ROOM, None)
    found = model.model.resistance(model.devices_of(state)[0])[0]
    assert found == pytest.approx(truth.y[0, -1], rel=2e-3)
    own = 1 / truth.y[0]
    node = source * own / (own + 1 / 50e3 + 1 / load)
    passed = np.trapezoid((source - node) * own, truth.t)
    assert charge[0, 0] == pytest.approx(passed, rel=5e-3)


def test_a_pulse_cut_in_pieces_is_nearly_the_same_pulse():
    ends = []
    for parts in (1, 7):
        model, state = circuit()
        for _ in range(parts):
            model.advance(state, {"a": 1.25, "b": 1.05}, 1e-6 / parts, ROOM, None)
        ends.append([float(model.model.resistance(one)[0]) for one in model.devices_of(state)])
    np.testing.assert_allclose(ends[0], ends[1], rtol=2e-3)


def test_a_state_can_be_copied_back_and_kept_on_file():
    model, state = circuit()
    saved = state.values.copy()
    model.advance(state, {"a": 1.9}, 1e-6, ROOM, None)
    changed = state.values.copy()
    assert model.devices_of(state)[0].row("r")[0] < 6e3
    state.values[:] = saved
    assert model.devices_of(state)[0].row("r")[0] == 50e3
    state.values[:] = changed
    account = model.describe()
    entry = kept(
        state, family=account["family"], preset=account["preset"], time=1.0, seed=0, sessions=1
    )
    again = restored(entry)
    np.testing.assert_array_equal(again.values, changed)
    levels = {"a": 0.1, "b": 0.1}
    np.testing.assert_array_equal(model.current(again, levels), model.current(state, levels))


def test_devices_differ_and_are_the_same_again():
    model = StarDevice(family("rram").load("gate", {}), Joint(devices=3))
    first, again, other = (model.fresh(1, Stream(seed), spread=True) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.parameters, again.parameters)
    assert not np.array_equal(first.parameters, other.parameters)
    own = [one.parameters[0, 0] for one in model.devices_of(first)]
    assert len(set(own)) == 3


def test_rest_costs_nothing_and_moves_nothing():
    model, state = circuit()
    before = [float(model.model.resistance(one)[0]) for one in model.devices_of(state)]
    charge = model.repeat(state, [({}, 1.0)], 10**9, ROOM, None)
    assert not charge.any()
    assert [float(model.model.resistance(one)[0]) for one in model.devices_of(state)] == before


def test_the_tally_counts_all_devices():
    model, state = circuit()
    for level in (1.5, 0.0, -1.5, 0.0):
        model.advance(state, {"a": level}, 1e-6, ROOM, None)
    tally = state.tally()
    assert tally.positive >= 1
    assert tally.negative >= 1
    assert tally.peak == pytest.approx(1.5, rel=0.1)


def test_the_conductance_is_that_between_a_terminal_and_ground():
    model, state = circuit()
    small = model.current(state, {"a": 1e-3})[0, 0] / 1e-3
    assert model.conductance(state)[0] == pytest.approx(small, rel=1e-4)


def test_a_direct_bench_measures_every_terminal():
    with labctl.bench("direct-logic") as bench:
        window = tuple(Window(name, 0, ticks(1e-3), "read") for name in ("a", "b", "c", "load"))
        wave: Segment = segment(1e-3, {"a": 0.1}, windows=window, role="read")
        rows = bench.play(rest(1e-3) + wave, 1e-3)
        currents = {row.terminal: row.i for row in rows}
    v = 0.1 / 50e3 / (3 / 50e3 + 1 / 4e3)
    assert currents["a"] == pytest.approx((0.1 - v) / 50e3, rel=1e-3)
    assert currents["load"] == pytest.approx(-v / 4e3, rel=1e-3)
    assert sum(currents.values()) == pytest.approx(0.0, abs=1e-15)


def test_two_channels_of_a_source_meter_pulse_two_devices():
    definition, content = read_bench("sim-logic")
    window = Window("a", ticks(20e-6), ticks(90e-6), "pulse")
    wave = segment(1e-4, {"a": 0.15, "b": 0.15}, windows=(window,), role="pulse") + rest(1e-3)
    with Bench(definition, content, seed=1) as bench:
        (row,) = bench.play(wave, 1e-3)
        account = bench.laboratory.describe()
    # two equal devices in parallel before the load
    assert row.i == pytest.approx(0.15 / (50e3 + 8e3), rel=0.35)
    assert account["device"]["node"] == {"devices": 2, "load": 4e3, "switch": False}


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({"devices": 1}, "greater than or equal to 2"),
        ({"devices": 2, "load": "0 Ohm"}, "greater than 0"),
        ({"resistor": 1}, "unknown"),
    ],
)
def test_a_wrong_section_is_refused_in_one_sentence(node, words):
    content = {"name": "x", "simulation": {"device": {"family": "rram"}, "node": node}}
    with pytest.raises(BadInput, match=words) as caught:
        read_simulation(content)
    assert "\n" not in str(caught.value)


def test_only_devices_of_two_terminals_meet():
    content = read_bench("direct-logic")[1]
    content = {**content, "simulation": {**content["simulation"], "device": {"family": "ecram"}}}
    with (
        pytest.raises(BadInput, match="two terminals"),
        Bench(define_bench({**content, "name": "x"}, "x"), content),
    ):
        pass


def test_a_node_floats_while_its_switch_is_open():
    model = StarDevice(family("resistor").load("10k", {}), Joint(devices=2, load=1e3, switch=True))
    state = model.fresh(1, Stream(0), spread=False)
    floating = model.current(state, {"a": 1.0})[:, 0]
    np.testing.assert_allclose(floating, [5e-5, -5e-5, 0.0, 0.0], atol=1e-17)
    joined = model.advance(state, {"a": 1.0, "select": 1.0}, 1.0, ROOM, None)[:, 0]
    v = 1e-4 / (2e-4 + 1e-3)
    np.testing.assert_allclose(joined, [1e-4 * (1 - v), -1e-4 * v, -1e-3 * v, 0.0], rtol=1e-9)
    alone = model.advance(state, {"load": 1.0}, 1.0, ROOM, None)[:, 0]
    np.testing.assert_allclose(alone, 0.0, atol=1e-17)


def test_the_voltages_of_the_terminals_bound_the_node():
    model, state = circuit()
    for levels in itertools.product((-1.0, 0.0, 0.7), repeat=4):
        v = model._node(model.devices_of(state), levels, 1 / 4e3)
        assert min(levels) <= v <= max(levels)
        assert math.isfinite(v)
