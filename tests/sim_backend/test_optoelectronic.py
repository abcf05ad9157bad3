"""Optoelectronic synapse: light potentiates, voltage erases, and the mathematics."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import labctl
from docs.figures import optoelectronic_light, optoelectronic_modes
from labctl.waveform import pulse, read, rest
from sim_backend.devices import Stream, family

ROOM = 300.0
LIGHT = {"light 365 nm": 10.0}


def fresh(preset: str = "mxene-vp", devices: int = 1, **changes: Any) -> Any:
    model = family("optoelectronic").load(preset, changes)
    return model, model.fresh(devices, Stream(1), spread=False)


def test_light() -> None:
    """S2.11 and Ma et al. (2024): 135 to 112 %, 2.4 % left after 100 s."""
    found = optoelectronic_light.measure()
    assert found["ppf_100_ms"] == pytest.approx(1.35, abs=0.005)
    assert found["ppf_10_s"] == pytest.approx(1.12, abs=0.005)
    assert found["left_100_s"] == pytest.approx(0.024, abs=5e-4)
    assert np.all(np.diff(found["ppf"]) < 0)
    assert found["selectivity"] > 100
    assert np.all(np.diff(found["change"]) < 0)  # from 280 to 600 nm
    assert found["dose_slope"] == pytest.approx(1.0, abs=0.01)
    assert found["dose_saturation"] < 0.9
    assert found["kept_100"] > 5 * found["kept_1"]  # short-term to long-term
    assert found["energy_optical"] == pytest.approx(1e-9)


def test_light_and_voltage() -> None:
    found = optoelectronic_modes.measure()
    assert found["potentiation"] > 0.5
    assert found["depression"] < -0.5
    assert abs(found["positive"]) < 1e-9
    assert 5 < found["range"] < 1500  # S2.6
    assert found["LL"] > 1.1 > 0.9 > found["VL"] > found["LV"] > found["VV"]
    assert np.all(np.diff(found["lit"]) > 0)
    assert np.all(np.diff(found["erased"]) <= 0)


def test_filling_saturates_as_one_exponential() -> None:
    """n <- nsat - (nsat - n) exp(-rate w), with the decay in both."""
    model, state = fresh()
    state.row("f")[:] = 0.2
    model.advance(state, {"light 300 nm": 40.0}, 3.0, ROOM, None)
    fill = 0.005 * 0.97 * 40.0
    rate = fill + 1 / 0.8
    expected = fill / rate - (fill / rate - 0.2) * math.exp(-rate * 3.0)
    assert state.row("f")[0] == pytest.approx(expected, rel=1e-12)


def test_wavelengths_are_a_table_with_straight_lines() -> None:
    model, _ = fresh()
    for wavelength, expected in (
        (250e-9, 1.0), (200e-9, 1.0), (325e-9, (0.97 + 0.8) / 2), (600e-9, 0.005),
        (650e-9, 5e-4),
    ):  # fmt: skip
        assert model.relative_response(wavelength) == pytest.approx(expected)
    _, two = fresh()
    _, one = fresh()
    model.advance(two, {"light 250 nm": 3.0, "light 450 nm": 10.0}, 1.0, ROOM, None)
    model.advance(one, {"light 250 nm": 5.0}, 1.0, ROOM, None)
    np.testing.assert_allclose(two.values, one.values, rtol=1e-12)  # light adds up


def test_darkness_is_a_double_exponential_for_beta_1() -> None:
    model, state = fresh(beta=1.0, keep=0.0)
    model.advance(state, LIGHT, 1.0, ROOM, None)
    f, n, dark = state.row("f")[0], state.row("n0")[0], model.parameters.dark
    for _ in range(3):
        model.advance(state, {}, 4.0, ROOM, None)
    expected = (
        dark + model.parameters.g_fast * f * math.exp(-12 / 0.8)
        + model.parameters.g_slow * n * math.exp(-12 / 20.0)
    )  # fmt: skip
    assert model.conductance(state)[0] == pytest.approx(expected, rel=1e-9)


def test_darkness_is_a_stretched_exponential_otherwise() -> None:
    model, state = fresh(keep=0.0, g_fast=0.0, beta=0.6)
    # a flash so short that every slow trap has the same filling
    model.advance(state, {"light 250 nm": 1e6}, 1e-6, ROOM, None)
    start = model.conductance(state)[0] - model.parameters.dark
    done = 0.0
    for t in (0.5, 2.0, 10.0, 20.0, 60.0):
        model.advance(state, {}, t - done, ROOM, None)
        done = t
        left = (model.conductance(state)[0] - model.parameters.dark) / start
        assert left == pytest.approx(math.exp(-((t / 20.0) ** 0.6)), abs=0.025)


def test_one_polarity_erases_with_the_stated_time() -> None:
    model, state = fresh()
    model.advance(state, {"light 250 nm": 1e3}, 10.0, ROOM, None)
    filled = state.row("p")[0]
    model.advance(state, {"top": 2.0}, 1e-2, ROOM, None)
    assert state.row("p")[0] == filled
    model.advance(state, {"top": -2.0}, 1e-2, ROOM, None)
    assert state.row("p")[0] == pytest.approx(filled / math.e)
    model.advance(state, {"top": -1.75}, 1e-2, ROOM, None)
    assert state.row("p")[0] == pytest.approx(filled / math.e * math.exp(-math.exp(-1)))
    model.advance(state, {"top": -0.1}, 1e3, ROOM, None)  # a read of either sign does nothing
    assert state.row("p")[0] == pytest.approx(filled / math.e * math.exp(-math.exp(-1)))


@pytest.mark.parametrize("duration", [0.01, 1.0, 100.0])
def test_ramps_of_the_light(duration: float) -> None:
    model, state = fresh(beta=1.0)

    def rate(t: float, y: Any) -> list[float]:
        fill = 0.005 * 200.0 * t / duration
        return [
            fill * (1 - y[0]) - y[0] / 0.8, fill * (1 - y[1]) - y[1] / 20.0,
            0.1 * fill * (1 - y[2]),
        ]  # fmt: skip

    exact = solve_ivp(rate, (0, duration), [0.0] * 3, rtol=1e-9, atol=1e-12).y[:, -1]
    model.advance(state, {"light 250 nm": (0.0, 200.0)}, duration, ROOM, None)
    found = [state.row(name)[0] for name in ("f", "n0", "p")]
    np.testing.assert_allclose(found, exact, atol=2e-3)


@pytest.mark.parametrize("duration", [1e-3, 0.1, 10.0])
def test_ramps_of_the_voltage(duration: float) -> None:
    model, state = fresh(beta=1.0)
    model.advance(state, {"light 250 nm": 1e3}, 5.0, ROOM, None)
    start = [state.row(name)[0] for name in ("f", "n0", "p")]

    def rate(t: float, y: Any) -> list[float]:
        v = 2.2 * t / duration
        empty = math.exp((v - 2.0) / 0.25) / 1e-2 if v > 0.5 else 0.0
        return [-y[0] * (1 / 0.8 + empty), -y[1] * (1 / 20.0 + empty), -y[2] * empty]

    exact = solve_ivp(rate, (0, duration), start, rtol=1e-9, atol=1e-12, method="LSODA").y[:, -1]
    model.advance(state, {"top": (0.0, -2.2)}, duration, ROOM, None)
    found = [state.row(name)[0] for name in ("f", "n0", "p")]
    np.testing.assert_allclose(found, exact, atol=2e-3)


def test_charge_is_the_integral_of_the_current_in_the_light() -> None:
    model, state = fresh()
    levels = {"top": 0.1, **LIGHT}
    whole = model.advance(state, levels, 5.0, ROOM, None)[0, 0]
    model, state = fresh()
    total = 0.0
    for _ in range(500):
        model.advance(state, levels, 0.005, ROOM, None)
        total += float(model.current(state, levels)[0, 0]) * 0.01
        model.advance(state, levels, 0.005, ROOM, None)
    assert whole == pytest.approx(total, rel=1e-5)
    lit, dark = (model.current(state, x)[0, 0] for x in (levels, {"top": 0.1}))
    assert lit > dark  # prompt photoconductance


def test_each_flash_varies_and_events_are_counted() -> None:
    model, state = fresh(devices=3000, cycle_sigma=0.05)
    model.advance(state, LIGHT, 1.0, ROOM, Stream(2))
    pace = state.row("pace").copy()
    assert pace.std() == pytest.approx(0.05, rel=0.06)
    model.advance(state, LIGHT, 1.0, ROOM, Stream(2))  # the same flash goes on
    np.testing.assert_array_equal(state.row("pace"), pace)
    model.advance(state, {}, 1.0, ROOM, Stream(2))
    model.advance(state, LIGHT, 1.0, ROOM, Stream(2))
    assert np.all(state.row("pace") != pace)
    assert state.row("events").tolist() == [2.0] * 3000


def test_the_decay_is_activated() -> None:
    left = []
    for temperature in (290.0, 310.0):
        model, state = fresh()
        state.row("f")[:] = 1.0
        model.advance(state, {}, 0.5, temperature, None)
        left.append(-math.log(state.row("f")[0]))
    energy = math.log(left[1] / left[0]) * 8.617333262e-5 / (1 / 290.0 - 1 / 310.0)
    assert energy == pytest.approx(0.3, rel=1e-6)


def test_ninety_levels_by_light() -> None:
    """Lin et al. (2020), 10.1039/d0ra08777g: 90 levels by violet light, erased electrically."""
    model, state = fresh("oxide")
    levels = [model.conductance(state)[0]]
    for _ in range(90):
        model.advance(state, {"light 405 nm": 10.0}, 1.0, ROOM, None)
        model.advance(state, {}, 1.0, ROOM, None)
        levels.append(model.conductance(state)[0])
    steps = np.diff(levels)
    assert np.all(steps > 5e-3 * np.max(steps))
    assert levels[-1] / levels[0] > 10
    model.advance(state, {"top": -2.0}, 0.2, ROOM, None)
    assert model.conductance(state)[0] < 1.1 * levels[0]


def test_a_diode_on_the_second_channel_lights_the_device() -> None:
    with labctl.bench("sim-optoelectronic", seed=1) as bench:
        look = read(0.5, 20e-3)
        lit = look + rest(1e-3) + pulse(3.0, 2.0, terminal="led", measured=False)
        rows = bench.play(lit + rest(1e-3) + look, 20e-3, top=1e-6)
    assert rows[1].i > 1.2 * rows[0].i
