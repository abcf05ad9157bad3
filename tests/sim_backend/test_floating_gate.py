"""Floating gate and charge trap: injection, retention, channel, noise, and the mathematics."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from docs.figures import floating_gate_retention, floating_gate_updates
from sim_backend.devices import Stream, family

ROOM = 300.0
READ = {"drain": 0.1}


def fresh(preset: str = "mos2", devices: int = 1, **changes: Any) -> Any:
    model = family("floating-gate").load(preset, changes)
    return model, model.fresh(devices, Stream(1), spread=False)


def current(model: Any, state: Any) -> Any:
    return model.current(state, READ)[0]


def test_updates() -> None:
    found = floating_gate_updates.measure()
    scale = 0.25
    assert found["log_slope"] == pytest.approx(scale * math.log(10), rel=0.01)
    assert found["step_slope"] == pytest.approx(1.0, abs=0.01)
    assert 1e-7 < found["on"] < 3e-6
    assert found["off"] < 1e-12
    assert found["states"] >= 4
    assert 1e-15 < found["energy"] < 1e-11  # S1.7: fJ to pJ
    assert np.all(np.diff(found["potentiation"]) > 0)
    assert np.all(np.diff(found["depression"]) < 0)


def test_retention_and_its_extrapolation() -> None:
    found = floating_gate_retention.measure()
    assert found["energy"] == pytest.approx(1.0, abs=0.01)
    assert found["temperature_10_years"] == pytest.approx(54.8, abs=0.5)
    assert found["log_slope"] == pytest.approx(0.05 * math.log(10), rel=0.02)
    assert 0.6 < found["kept_10_years"] < 0.75


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("start", [-0.6, 0.0, 0.5])
def test_injection_is_the_logarithmic_law(side: int, start: float) -> None:
    """x(w) = s ln(exp(x0 / s) + w / t(V))."""
    scale, amplitude, width = 0.25, 7.0, 3e-6
    model, state = fresh()
    state.row("x")[:] = start
    model.advance(state, {"gate": side * amplitude}, width, ROOM, None)
    time = 1e-6 * math.exp((8.0 - amplitude) / scale)
    expected = side * scale * math.log(math.exp(side * start / scale) + width / time)
    assert state.row("x")[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("line", [(0.0, 8.0), (8.0, 0.0), (-7.5, 7.5)])
def test_ramps_are_exact(line: tuple[float, float]) -> None:
    duration, scale = 1e-4, 0.25
    model, state = fresh(loss_time="1e9 y")

    def rate(t: float, x: Any) -> list[float]:
        v = line[0] + (line[1] - line[0]) * t / duration
        if abs(v) <= 3.0:
            return [0.0]
        side = math.copysign(1.0, v)
        return [side * scale / 1e-6 * math.exp((abs(v) - 8.0 - side * x[0]) / scale)]

    exact = solve_ivp(rate, (0, duration), [0.0], rtol=1e-10, atol=1e-12, method="LSODA",
                      max_step=duration / 500)  # fmt: skip
    model.advance(state, {"gate": line}, duration, ROOM, None)
    assert state.row("x")[0] == pytest.approx(exact.y[0, -1], rel=1e-5)


def test_the_window_holds_and_closes() -> None:
    model, state = fresh()
    model.advance(state, {"gate": 9.0}, 1.0, ROOM, None)
    assert state.row("x")[0] == 1.4
    model.advance(state, {"gate": -9.0}, 1.0, ROOM, None)
    assert state.row("x")[0] == -1.0
    state.row("positive")[:] = state.row("negative")[:] = 1e7
    model.advance(state, {"gate": 9.0}, 1.0, ROOM, None)
    assert state.row("x")[0] == pytest.approx(1.4 * 100**-0.1, rel=1e-5)


def test_loss_agrees_with_its_equation() -> None:
    model, state = fresh(shift="1 V")
    rate = model._loss(state)[0] * 1.0
    duration = 3e11

    def loss(log_t: float, x: Any) -> list[float]:
        return [-2.0 * rate * math.sinh(x[0] / 0.05) * math.exp(log_t)]

    exact = solve_ivp(loss, (0.0, math.log(duration)), [1.0], rtol=1e-9, atol=1e-12, method="LSODA")
    model.advance(state, {}, duration, ROOM, None)
    assert state.row("x")[0] == pytest.approx(exact.y[0, -1], rel=1e-4)
    negative = fresh(shift="-1 V")
    negative[0].advance(negative[1], {}, duration, ROOM, None)
    assert negative[1].row("x")[0] == pytest.approx(-state.row("x")[0])


def test_half_is_lost_when_the_preset_says() -> None:
    model, state = fresh(shift="1 V")
    model.advance(state, {}, 10 * 31557600.0, 327.95, None)
    assert state.row("x")[0] == pytest.approx(0.5, rel=1e-9)


def test_the_channel_is_a_transistor() -> None:
    model, state = fresh(off=0.0)
    model.advance(state, {}, 1e-9, ROOM, None)

    def at(gate: float, drain: float) -> float:
        return float(model.current(state, {"gate": gate, "drain": drain})[0, 0])

    decade = 1.0 / math.log10(at(-1.5, 0.1) / at(-1.6, 0.1)) * 0.1
    assert decade == pytest.approx(0.077, rel=1e-2)  # V, at 300 K
    n, k, over = 1.294, 10e-6, 2.0
    linear = k * 0.1 * (over - n * 0.1 / 2)
    assert at(over - 0.7, 0.1) == pytest.approx(linear, rel=5e-3)
    saturated = k * over**2 / (2 * n)
    assert at(over - 0.7, 5.0) == pytest.approx(saturated, rel=5e-3)
    model.advance(state, {}, 1e-9, 2 * ROOM, None)  # the slope grows with the temperature
    hot = 0.1 / math.log10(at(-1.5, 0.1) / at(-1.6, 0.1))
    assert hot == pytest.approx(2 * 0.077, rel=2e-2)


def test_reading_does_not_write() -> None:
    model, state = fresh()
    for gate in (-2.0, 2.0):  # the tuning voltage of the source
        before = state.row("x")[0]
        model.advance(state, {"gate": gate, **READ}, 1.0, ROOM, None)
        assert state.row("x")[0] == before == 0.0
    assert state.tally().pulses == 0


def test_programming_charge_is_that_of_capacitor_and_store() -> None:
    model, state = fresh(leak=0.0)
    into = model.advance(state, {"gate": 8.0}, 5e-6, ROOM, None)[2, 0]
    assert into == pytest.approx(10e-15 * (8.0 + state.row("x")[0]), rel=1e-9)


# -- SONOS, 40 nm: the published spread, noise and drift -------------------------------------------


def sonos(amperes: float, devices: int = 1) -> Any:
    """Return devices that carry a current at 0.1 V."""
    model, state = fresh("sonos-40nm", devices)
    state.row("temperature")[:] = 298.0

    def off(x: float) -> float:
        state.row("x")[:] = x
        return float(current(model, state)[0]) - amperes

    state.row("x")[:] = brentq(off, -0.5, 0.6)
    return model, state


@pytest.mark.parametrize("nanoampere", [5.0, 20.0, 100.0, 400.0, 1600.0])
def test_spread_after_writing_and_read_noise(nanoampere: float) -> None:
    """Agrawal et al., IEDM 2022: A (1 - exp(-I / B)), 19.89/176.3 nA and 12.58/215.4 nA."""
    model, state = sonos(nanoampere * 1e-9, 4000)
    p, x = model.parameters, state.row("x").copy()
    state.row("x")[:] = x + p.program_scale * p.cycle_sigma * Stream(2).normals(np.arange(4000))
    spread = current(model, state).std() * 1e9
    assert spread == pytest.approx(19.89 * (1 - math.exp(-nanoampere / 176.3)), rel=0.15)
    state.row("x")[:], state.noise = x, Stream(4)
    state.row("age")[:] = 1.0
    noise = current(model, state).std() * 1e9
    assert noise == pytest.approx(12.58 * (1 - math.exp(-nanoampere / 215.4)), rel=0.2)


def test_spread_of_a_write_is_the_scale_times_sigma() -> None:
    model, state = fresh("sonos-40nm", 3000)
    model.advance(state, {"gate": 9.0}, 20e-3, ROOM, Stream(3))
    p = model.parameters
    assert state.row("x").std() == pytest.approx(p.program_scale * p.cycle_sigma, rel=0.06)


@pytest.mark.parametrize(
    ("nanoampere", "drift"), [(1600.0, -40.7), (500.0, -4.35), (100.0, 4.12), (50.0, 3.55)]
)
def test_drift_of_five_days(nanoampere: float, drift: float) -> None:
    model, state = sonos(nanoampere * 1e-9)
    model.advance(state, {}, 5 * 86400.0, 298.0, None)
    found = float(current(model, state)[0]) * 1e9 - nanoampere
    assert found == pytest.approx(drift, rel=0.12)
