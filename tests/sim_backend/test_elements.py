"""Elements for checking an instrument: capacitor, diode, open and short circuit."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import labctl
from labctl.waveform import read, rest
from sim_backend.devices import Stream, family
from sim_backend.devices.diode import junction_current, wright_omega
from sim_backend.devices.family import GRADES
from sim_backend.devices.model import DeviceModel, State, repeat_plainly

EVERY = [
    (name, preset)
    for name in ("capacitor", "diode", "open", "short")
    for preset in family(name).names()
]
KT = 1.380649e-23 * 300.15 / 1.602176634e-19
volts = st.floats(-3.0, 3.0)


def made(name: str, preset: str = "", **changes: object) -> tuple[DeviceModel, State]:
    model = family(name).load(preset, changes)
    return model, model.fresh(1, Stream(0), spread=False)


def charge(model: DeviceModel, state: State, level: object, duration: float) -> float:
    return float(model.advance(state, {"top": level}, duration, 300.15, None)[0, 0])  # type: ignore[dict-item]


@pytest.mark.parametrize(("name", "preset"), EVERY)
def test_every_element_meets_the_contract(name: str, preset: str) -> None:
    account = family(name).describe(preset)
    for parameter, entry in account["parameters"].items():
        assert entry["grade"] in GRADES, parameter
        assert entry["source"], parameter
        assert entry["source"] != "set in the bench file", parameter
    model, state = made(name, preset)
    total = model.advance(state, {"top": (0.0, 1.0), "bottom": 0.2}, 1e-3, 300.0, None)
    assert total[0] == -total[1]
    before = state.values.copy()
    assert not model.advance(state, {"top": 2.0}, 0.0, 300.0, None).any()
    assert np.array_equal(before, state.values)
    assert state.tally().positive == 1
    assert state.tally().peak == 0.8


@pytest.mark.parametrize(("name", "preset"), EVERY)
@given(first=volts, last=volts, share=st.floats(0.01, 0.99))
def test_a_line_may_be_cut_anywhere(
    name: str, preset: str, first: float, last: float, share: float
) -> None:
    (model, whole), (_, parts) = made(name, preset), made(name, preset)
    once = charge(model, whole, (first, last), 1e-4)
    middle = first + share * (last - first)
    twice = charge(model, parts, (first, middle), share * 1e-4)
    twice += charge(model, parts, (middle, last), (1 - share) * 1e-4)
    # the charge that a capacitance took and gave back is lost to rounding as a whole
    held = {"capacitor": 1e-9, "diode": 4e-12, "open": 1e-13, "short": 0.0}[name]
    size = whole.tally().throughput + abs(once) + held * (abs(first) + abs(last)) + 1e-22
    assert twice == pytest.approx(once, rel=1e-9, abs=1e-11 * size)
    np.testing.assert_allclose(whole.values[6:], parts.values[6:], rtol=1e-10, atol=1e-12)
    assert whole.tally().charge == pytest.approx(parts.tally().charge, rel=1e-9, abs=1e-11 * size)


@pytest.mark.parametrize(("name", "preset"), EVERY)
def test_a_billion_turns_are_as_good_as_a_few(name: str, preset: str) -> None:
    pieces = [({"top": 1.0}, 3e-4), ({"top": (1.0, -0.5)}, 1e-4), ({}, 2e-4)]
    (model, quick), (_, slow) = made(name, preset), made(name, preset)
    short = model.repeat(quick, pieces, 60, 300.0, None)
    plain = repeat_plainly(model, slow, pieces, 60, 300.0, None)
    np.testing.assert_allclose(short, plain, rtol=1e-9, atol=1e-22)
    np.testing.assert_allclose(quick.values, slow.values, rtol=1e-9, atol=1e-22)
    before = quick.tally().positive
    model.repeat(quick, pieces, 10**9, 300.0, None)
    assert quick.tally().positive == before + 10**9


# -- capacitor ------------------------------------------------------------------------------------


def test_an_ideal_capacitor_takes_its_charge_at_once() -> None:
    model, state = made("capacitor", "1n")
    into = [charge(model, state, level, 1e-6) for level in (1.0, 1.0, (1.0, 3.0), 0.0)]
    assert into == pytest.approx([1e-9, 0.0, 2e-9, -3e-9])
    assert model.current(state, {"top": 5.0}).tolist() == [[0.0], [0.0]]


def test_a_capacitor_charges_through_its_resistance() -> None:
    model, state = made("capacitor", "lossy")
    leak = 1 / (1 + 1e5 * 1e-10)
    tau = 1e5 * 1e-9 * leak
    into = charge(model, state, 1.0, tau)
    u = leak * -math.expm1(-1.0)
    assert state.row("u")[0] == pytest.approx(u, rel=1e-12)
    assert into == pytest.approx(1e-9 * u + 1e-10 * leak * tau * math.exp(-1.0), rel=1e-12)
    assert model.current(state, {"top": 1.0})[0, 0] == pytest.approx((1.0 - u) / 1e5)
    charge(model, state, 1.0, 3.2e8)  # ten years
    assert state.row("u")[0] == pytest.approx(leak, rel=1e-15)
    assert model.current(state, {"top": 1.0})[0, 0] == pytest.approx(1e-10 * leak, rel=1e-4)
    assert model.conductance(state)[0] == pytest.approx(1e-10 * leak)


def test_a_ramp_through_a_resistance_lags_by_its_time_constant() -> None:
    model, state = made("capacitor", "lossy", leakage=0.0)
    into = charge(model, state, (0.0, 10.0), 10e-3)  # 1000 V/s for 100 time constants
    assert state.row("u")[0] == pytest.approx(10.0 - 1000.0 * 1e-4, rel=1e-12)
    assert into == pytest.approx(1e-9 * 9.9, rel=1e-12)
    assert model.current(state, {"top": 10.0})[0, 0] == pytest.approx(1e-9 * 1000.0, rel=1e-9)


def test_a_capacitor_may_begin_charged() -> None:
    model, state = made("capacitor", "lossy", voltage="2 V")
    assert model.current(state, {})[0, 0] == pytest.approx(-2.0 / 1e5)
    assert charge(model, state, 0.0, 1.0) == pytest.approx(-2e-9 / (1 + 1e-5), rel=1e-9)


def test_capacitances_spread() -> None:
    model = family("capacitor").load("1n", {"device_sigma": 0.05})
    state = model.fresh(4000, Stream(3), spread=True)
    assert np.log(state.parameters[0] / 1e-9).std() == pytest.approx(0.05, rel=0.05)
    into = model.advance(state, {"top": 2.0}, 1e-3, 300.0, None)
    np.testing.assert_allclose(into[0], 2.0 * state.parameters[0], rtol=1e-12)


# -- diode ----------------------------------------------------------------------------------------


@given(
    v=st.floats(-30.0, 30.0),
    saturation=st.floats(-16, -3).map(lambda x: 10**x),
    resistance=st.just(0.0) | st.floats(-3, 7).map(lambda x: 10**x),
)
def test_a_junction_alone_is_the_one_among_others(
    v: float, saturation: float, resistance: float
) -> None:
    alone = junction_current(v, np.array([saturation]), np.array([0.03]), np.array([resistance]))
    among = junction_current(
        np.array([v, v]), np.array([saturation, 1e-9]), np.array([0.03] * 2),
        np.array([resistance] * 2),
    )  # fmt: skip
    assert alone.shape == (1,)
    assert alone[0] == pytest.approx(among[0], rel=1e-11, abs=1e-25)


@given(y=st.floats(-600.0, 1e6))
def test_wright_omega_solves_its_equation(y: float) -> None:
    w = float(wright_omega(y))
    assert w + math.log(w) == pytest.approx(y, rel=1e-14, abs=1e-14)


@given(v=st.floats(-50.0, 100.0), resistance=st.sampled_from([0.0, 1e-9, 0.5, 1e4, 1e12]))
def test_a_junction_solves_shockleys_equation(v: float, resistance: float) -> None:
    i = float(junction_current(v, 1e-12, KT, resistance))
    inner = v - i * resistance
    exact = 1e-12 * math.expm1(min(inner / KT, 300.0))
    # inner is known to the rounding of v, which the exponential turns into this much current
    slope = (exact + 1e-12) / KT
    allowed = 1e-13 * abs(exact) + slope * 1e-15 * (abs(v) + abs(i * resistance)) / (
        1.0 + slope * resistance
    )
    assert i == pytest.approx(exact, rel=0, abs=max(allowed, slope * 1e-15 * abs(v)) + 1e-30)


def test_an_ideal_diode_has_sixty_millivolts_a_decade() -> None:
    model, state = made("diode", "ideal")
    currents = model.current(state, {"top": 0.5})[0, 0], model.current(state, {"top": 0.6})[0, 0]
    assert 0.1 / math.log10(currents[1] / currents[0]) == pytest.approx(0.05956, rel=1e-3)
    assert model.current(state, {"top": -2.0})[0, 0] == pytest.approx(-1e-12)
    assert model.current(state, {"bottom": 2.0})[1, 0] == pytest.approx(1e-12)
    assert model.current(state, {})[0, 0] == 0.0
    assert model.conductance(state)[0] == pytest.approx(1e-12 / KT)


def test_the_1n914_carries_its_data_sheet_current() -> None:
    """10 mA at no more than 1 V, as every data sheet of the type says."""
    model, state = made("diode", "1n914")
    assert model.current(state, {"top": 1.0})[0, 0] > 10e-3
    assert 1e-3 < model.current(state, {"top": 0.65})[0, 0] < 10e-3


@pytest.mark.parametrize("preset", ["ideal", "1n914"])
@pytest.mark.parametrize(("first", "last"), [(-1.0, 0.8), (0.6, 0.61), (0.8, 0.0), (0.5, 0.5)])
def test_the_charge_of_a_ramp_is_the_integral(preset: str, first: float, last: float) -> None:
    model, state = made("diode", preset, capacitance=0.0, shunt="1 nS")
    found = charge(model, state, (first, last), 2.0)
    v = first + (last - first) * (np.arange(400_000) + 0.5) / 400_000
    junction = (state.parameters[0, 0], model.parameters.ideality * KT, state.parameters[1, 0])  # type: ignore[attr-defined]
    currents = junction_current(v, *junction) + 1e-9 * v
    assert found == pytest.approx(2.0 * float(currents.mean()), rel=1e-7)
    tally = state.tally()
    assert tally.charge == found
    assert tally.throughput == pytest.approx(2.0 * float(np.abs(currents).mean()), rel=1e-7)


def test_the_saturation_current_follows_the_temperature() -> None:
    model, state = made("diode", "ideal")
    currents = []
    for temperature in (300.15, 320.15):
        model.advance(state, {"top": -1.0}, 1e-3, temperature, None)
        currents.append(-model.current(state, {"top": -1.0})[0, 0])
    ratio = 320.15 / 300.15
    expected = ratio**3 * math.exp((ratio - 1) * 1.11 / (KT * ratio))
    assert currents[1] / currents[0] == pytest.approx(expected, rel=1e-9)


def test_the_capacitance_of_a_diode_charges() -> None:
    model, state = made("diode", "1n914", saturation="1e-30 A")
    assert charge(model, state, 0.25, 1e-9) == pytest.approx(1e-12, rel=1e-6)
    assert charge(model, state, 0.25, 1e-9) == pytest.approx(0.0, abs=1e-20)


# -- open and short -------------------------------------------------------------------------------


def test_open_and_short_are_resistors() -> None:
    model, state = made("open")
    assert model.current(state, {"top": 10.0})[0, 0] == pytest.approx(1e-12)
    assert charge(model, state, 10.0, 1.0) == pytest.approx(1e-12 + 1e-12)
    model, state = made("short", resistance="250 mOhm")
    assert model.conductance(state)[0] == 4.0


@pytest.mark.parametrize(("element", "volt", "ampere"), [
    ("resistor", 0.5, 50e-6), ("capacitor", 0.5, 50e-12), ("diode", 0.5, 155e-6),
    ("open", 0.5, 50e-15), ("short", 0.05, 0.05),
])  # fmt: skip
def test_an_instrument_is_checked_on_an_element(element: str, volt: float, ampere: float) -> None:
    """On its two benches: without an instrument to the digit, with one to its uncertainty."""
    limit = 20e-3 if ampere < 1e-3 else 0.1
    waveform = (read(volt, 20e-3) + rest(1e-3)) * 3
    with labctl.bench(f"direct-{element}", seed=1) as bench:
        exact = bench.play(waveform, limit)[-1]
    assert exact.i == pytest.approx(ampere, rel=0.01)
    with labctl.bench(f"sim-{element}", seed=1) as bench:
        shown = bench.play(waveform, limit)[-1]
    assert shown.v == pytest.approx(volt, rel=0.01, abs=1e-3)
    # a fixed range of the limit, the offset of the source, and the wires of the probes
    assert shown.i == pytest.approx(exact.i, rel=0.03, abs=5e-4 * limit)
