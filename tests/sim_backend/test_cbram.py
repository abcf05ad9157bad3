"""Volatile filaments: delay, growth, relaxation, what stays; and what is published."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docs.figures import cbram_consolidation, cbram_epsc, cbram_pairs, cbram_switching
from sim_backend.devices import State, Stream, family
from sim_backend.devices.model import DeviceModel, repeat_plainly

ROOM = 300.0
PRESETS = ("ag-sio2", "ag-tio2", "c-hfo2-ag")
LASTING = ("y",)


def rows(state: State) -> np.ndarray:
    """Return what a device remembers; sums of charge are compared on their own."""
    kept = [k for k, n in enumerate(state.names) if n not in ("charge", "throughput")]
    return np.nan_to_num(state.values[kept], posinf=0.0)


def fresh(preset: str, devices: int = 1, **changes: float | str) -> tuple[DeviceModel, State]:
    model = family("cbram").load(preset, changes)
    return model, model.fresh(devices, Stream(1), spread=devices > 1)


@settings(max_examples=40, deadline=None)
@given(
    preset=st.sampled_from(PRESETS),
    levels=st.lists(st.sampled_from([0.0, 0.1, 0.26, 0.6, 1.0, 2.0, -0.1, -0.8, -1.5]), max_size=4),
    power=st.floats(-8, 0),
    at=st.floats(0.01, 0.99),
)
def test_a_piece_cut_in_two_is_the_same_piece(
    preset: str, levels: list[float], power: float, at: float
) -> None:
    model, whole = fresh(preset, 3)
    _, parts = fresh(preset, 3)
    duration = 10.0**power
    for level in levels:
        charge = model.advance(whole, {"top": level}, duration, ROOM, Stream(2))
        split = sum(
            model.advance(parts, {"top": level}, length, ROOM, Stream(2))
            for length in (duration * at, duration - duration * at)
        )
        np.testing.assert_allclose(charge, split, rtol=2e-3, atol=1e-25)
    np.testing.assert_allclose(rows(whole), rows(parts), rtol=1e-9, atol=1e-12)
    for name in ("x", "y"):
        assert ((whole.row(name) >= 0) & (whole.row(name) <= 1)).all()


@given(preset=st.sampled_from(PRESETS), power=st.floats(-9, 9), kelvin=st.floats(200, 400))
def test_zero_volts_change_nothing_that_lasts(preset: str, power: float, kelvin: float) -> None:
    model, state = fresh(preset, 1, kept=0.3)
    model.advance(state, {"top": 0.8}, 1e-2, ROOM, None)
    before = [state.row(name).copy() for name in LASTING]
    assert not model.advance(state, {}, 10.0**power, kelvin, None).any()
    for name, value in zip(LASTING, before, strict=True):
        assert (state.row(name) == value).all()
    p = model.parameters
    assert p.g_off * 0.999 <= model.conductance(state)[0] <= p.g_on


def test_the_charge_of_growth_is_the_integral_of_the_current() -> None:
    model, whole = fresh("ag-tio2")
    _, parts = fresh("ag-tio2")
    charge = model.advance(whole, {"top": 1.2}, 20e-3, ROOM, None)[0, 0]
    total = 0.0
    for _ in range(400):
        before = model.current(parts, {"top": 1.2})[0, 0]
        model.advance(parts, {"top": 1.2}, 5e-5, ROOM, None)
        total += (before + model.current(parts, {"top": 1.2})[0, 0]) / 2 * 5e-5
    assert charge == pytest.approx(total, rel=1e-5)
    assert model.advance(whole, {"top": -0.9}, 5e-2, ROOM, None)[0, 0] < 0
    np.testing.assert_allclose(whole.row("x")[0], math.exp(-5e-2 / 50e-3 * math.exp(0.5)) *
                               parts.row("x")[0], rtol=1e-9)  # fmt: skip


def test_a_read_of_a_relaxing_filament_sees_its_mean() -> None:
    model, state = fresh("ag-tio2")
    model.advance(state, {"top": 0.6}, 5e-3, ROOM, None)
    copy = State(state.names, state.values.copy(), state.parameters, ready=state.ready)
    charge = model.advance(state, {"top": 0.1}, 2.0, ROOM, None)[0, 0]
    times, total = np.concatenate([[0.0], np.geomspace(1e-6, 2.0, 3000)]), 0.0
    for length in np.diff(times):
        before = model.current(copy, {"top": 0.1})[0, 0]
        model.advance(copy, {}, length, ROOM, None)
        total += (before + model.current(copy, {"top": 0.1})[0, 0]) / 2 * length
    assert charge == pytest.approx(total, rel=1e-3)


def test_ramps_cross_threshold_and_hold() -> None:
    """A diffusive device in a sweep of 1 V/s: on at its threshold, off below its hold voltage."""
    model, state = fresh("ag-sio2")
    voltages = np.concatenate([np.arange(0, 1.5, 0.01), np.arange(1.5, -0.001, -0.01)])
    current = []
    for a, b in itertools.pairwise(voltages):
        model.advance(state, {"top": (float(a), float(b))}, 0.01, ROOM, None)
        current.append(float(model.current(state, {"top": float(b)})[0, 0]))
    g = np.array(current) / np.maximum(voltages[1:], 1e-9)
    on = voltages[1:][np.argmax(g > 1e-6)]
    assert on == pytest.approx(0.89, abs=0.03)
    back = len(voltages) // 2
    held = voltages[1:][back:][g[back:] > 5e-5]
    assert held.min() == pytest.approx(0.23, abs=0.06)
    model.advance(state, {}, 1.0, ROOM, None)
    assert model.conductance(state)[0] == pytest.approx(1e-10, rel=0.01)  # volatile


def test_relaxation_is_stretched_and_activated() -> None:
    model, state = fresh("ag-tio2")
    model.advance(state, {"top": 0.6}, 1e-3, ROOM, None)
    first = model.conductance(state)[0] - 1e-9
    tau = 60e-3 * math.exp(0.5 * state.row("x")[0])
    values = state.values.copy()
    model.advance(state, {}, 0.1, ROOM, None)
    y, x0 = state.row("y")[0], values[state.names.index("x"), 0]
    left = (model.conductance(state)[0] - 1e-9) / 194e-9
    assert left == pytest.approx(y + (1 - y) * x0 * math.exp(-((0.1 / tau) ** 0.7)), rel=1e-9)
    state.values[:] = values
    pace = math.exp(0.3 / 8.617333262e-5 * (1 / 320 - 1 / 300))
    model.advance(state, {}, 0.1 * pace, 320.0, None)
    assert (model.conductance(state)[0] - 1e-9) / 194e-9 == pytest.approx(left, rel=1e-9)
    assert first > left * 194e-9


def test_alone_and_among_others_and_in_turns() -> None:
    pieces = [({"top": 0.8}, 1e-3), ({}, 5e-3), ({"top": -0.6}, 1e-3), ({}, 5e-3)]
    for preset in PRESETS:
        model, among = fresh(preset, 5)
        alone = model.fresh(1, Stream(1), spread=True, first=3)
        apart = model.fresh(5, Stream(1), spread=True)
        model.repeat(among, pieces, 30, ROOM, Stream(5))
        model.repeat(alone, pieces, 30, ROOM, Stream(5))
        repeat_plainly(model, apart, pieces, 30, ROOM, Stream(5))
        np.testing.assert_allclose(rows(alone)[:, 0], rows(among)[:, 3], rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(rows(apart), rows(among), rtol=1e-11, atol=1e-14)


def test_a_life_ends_as_a_short() -> None:
    model, state = fresh("ag-sio2", 200, life_cycles=10.0)
    model.repeat(state, [({"top": 1.0}, 1e-1), ({}, 1.0)], 200, ROOM, Stream(3))
    on = model.conductance(state) > 5e-5
    assert 0.8 < on.mean() < 1.0  # 90 % of them


# -- what is published ----------------------------------------------------------------------------


def test_retention_grows_with_the_number_of_pulses() -> None:
    """S2.1: N = 10, 30, 60, 90, 120."""
    found = cbram_consolidation.measure()
    assert found["rises"]
    assert found["retained_10"] < 0.15
    assert found["retained_120"] > 0.5


def test_facilitation_is_gone_beyond_half_a_second() -> None:
    """S2.2."""
    index = {t: cbram_pairs.index(t) for t in (10e-3, 30e-3, 100e-3, 0.5, 1.0)}
    assert index[10e-3] > index[30e-3] > index[100e-3] > 0.2
    assert index[0.5] < 0.02
    assert index[1.0] < 0.01


def test_the_current_after_a_pulse_is_a_stretched_exponential() -> None:
    """S2.3, and the energy of a spike."""
    found = cbram_epsc.measure()
    assert found["beta"] == pytest.approx(0.7, abs=0.01)
    assert found["tau_ms"] == pytest.approx(60 * math.exp(0.5 * 0.095), rel=0.01)
    assert found["energy_pJ"] == pytest.approx(3.76, rel=0.02)


def test_switching_is_an_error_function_of_the_voltage() -> None:
    """C/HfO2/Ag: medians at two widths on many devices at once, and a burst of trials."""
    model = family("cbram").load("c-hfo2-ag")
    for width, median in ((50e-9, 2.31), (5e-3, 0.59)):
        for step, share in ((0.0, 0.5), (0.1494, 0.8413), (-0.1494, 0.1587)):
            state = model.fresh(4000, Stream(1), spread=False)
            model.advance(state, {"top": median + step}, width, ROOM, Stream(2))
            switched = state.row("x") > 0  # growth has begun
            assert switched.mean() == pytest.approx(share, abs=0.025)
    state = model.fresh(4000, Stream(1), spread=False)
    never = np.ones(4000, bool)
    for _ in range(10):  # at 50 Hz, each with a probability of 5 %
        model.advance(state, {"top": 0.59 - 1.645 * 0.1494}, 5e-3, ROOM, Stream(2))
        never &= ~(state.row("x") > 0)
        model.advance(state, {}, 15e-3, ROOM, Stream(2))
        state.row("x")[:] = 0.0  # count first switches only
    assert 1 - never.mean() == pytest.approx(1 - 0.95**10, abs=0.03)


def test_retention_follows_the_compliance() -> None:
    """The filament that a limit leaves at the threshold: x = limit / (threshold Gon)."""
    model = family("cbram").load("c-hfo2-ag")
    for limit, expected in ((17e-6, 28e-3), (70e-6, 1.39)):
        state = model.fresh(4000, Stream(1), spread=False)
        model.advance(state, {"top": 1e-9 + 0.2}, 1e-12, ROOM, Stream(2))  # an excursion
        state.row("x")[:] = limit / (0.2 * 500e-6)
        half = model._time(state) * math.log(2) ** (1 / 3)
        assert np.median(half) == pytest.approx(expected, rel=0.08)
        assert np.log(half).std() == pytest.approx(0.82, rel=0.05)


@pytest.mark.long
def test_switching_and_retention_as_measured() -> None:
    found = cbram_switching.measure()
    assert found["median_50_ns_V"] == pytest.approx(2.31, abs=0.06)
    assert found["median_5_ms_V"] == pytest.approx(0.59, abs=0.06)
    assert found["slope_V_per_decade"] == pytest.approx(0.344, abs=0.02)
    assert found["retention_17_uA_s"] == pytest.approx(28e-3, rel=0.5)
    assert found["retention_70_uA_s"] == pytest.approx(1.39, rel=0.5)
    assert found["ln_sigma"] == pytest.approx(0.82, rel=0.25)
