"""ECRAM: the short-term numbers of its source, the linear step of the lasting part, the maths."""

from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from docs.figures import ecram_lasting, ecram_spikes
from sim_backend.devices import Stream, family

SPIKE, ROOM = ({"gate": 1.0}, 1e-6), 300.0
KELVIN = 8.617333262e-5  # eV/K


def fresh(preset: str = "currie", devices: int = 1, **changes: Any) -> Any:
    model = family("ecram").load(preset, changes)
    return model, model.fresh(devices, Stream(1), spread=False)


def resistance(model: Any, state: Any) -> float:
    return float(1.0 / model.conductance(state)[0])


def test_the_published_step_and_what_follows_from_the_assumptions() -> None:
    """S3.1, S3.5, S3.6: 1.5 kOhm and 2 pJ per spike; index and gain by arithmetic."""
    found = ecram_spikes.measure()
    assert found["step"] == pytest.approx(1500.0, rel=1e-3)
    assert found["tau"] == pytest.approx(0.1, rel=2e-3)
    assert found["energy"] == pytest.approx(2e-12, rel=5e-3)
    assert found["energy"] == pytest.approx(found["energy_gate"] + found["energy_drain"])
    for name, value in (
        ("index_10_ms", 0.028), ("index_50_ms", 0.019), ("index_100_ms", 0.011),
        ("index_200_ms", 0.004),
    ):  # fmt: skip
        assert found[name] == pytest.approx(value, abs=6e-4)
    for rate, gain in ((10, 1.017), (20, 1.045), (50, 1.124), (100, 1.24)):
        assert found[f"gain_{rate}_hz"] == pytest.approx(gain, abs=1e-3)
    assert np.all(np.diff(found["gain"]) >= 0)  # a high-pass filter of rates
    assert np.all(np.diff(found["index"]) < 0)


def test_short_and_long_term_are_both_there_and_apart() -> None:
    """S3.7."""
    found = ecram_lasting.measure()
    assert found["spikes_at_once"] > 0.2
    assert found["spikes_after"] < 1e-3 * found["spikes_at_once"]
    assert found["writes_at_once"] > 10 * found["writes_after"] > 0.1
    assert found["ratio"] == pytest.approx(4.85, abs=0.05)
    assert found["levels"] == pytest.approx(1000, rel=0.02)
    curve = np.array(found["curve"])
    up, down = curve[: len(curve) // 2], curve[len(curve) // 2 :]
    assert np.all(np.diff(up) > 0)
    assert np.all(np.diff(down) < 0)
    # potentiation is nearly linear, depression bends: gamma 0.12 against 0.51
    assert abs(up[len(up) // 2] - up[[0, -1]].mean()) < 0.05 * np.ptp(up)
    assert abs(down[len(down) // 2] - down[[0, -1]].mean()) > 0.1 * np.ptp(down)


def test_a_spike_adds_less_the_more_there_is() -> None:
    model, state = fresh(up=0.0, down=0.0)
    for _ in range(20):
        before = 50e3 - resistance(model, state)
        model.advance(state, *SPIKE, ROOM, None)
        added = 50e3 - resistance(model, state) - before
        assert added == pytest.approx(1500.0 * (1.0 - before / 30e3), abs=0.5)


def test_residual_of_a_long_train() -> None:
    """r* = dR e / (1 - (1 - dR / rmax) e), e = exp(-1 / (f tau))."""
    for rate in (10.0, 100.0):
        model, state = fresh(up=0.0, down=0.0)
        pieces = [SPIKE, ({}, 1.0 / rate - 1e-6)]
        model.repeat(state, pieces, 200, ROOM, None)
        e = np.exp(-1.0 / (rate * 0.1))
        expected = 1500.0 * e / (1.0 - (1.0 - 1500.0 / 30e3) * e)
        assert 50e3 - resistance(model, state) == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize(
    ("preset", "amplitude", "width", "up", "low", "high", "gamma_up", "gamma_down"),
    [
        ("li-tang", 2.0, 5e-9, 0.002, -0.8276, 1.1724, 0.1153, 0.5085),
        ("mo-kim", 4.0, 10e-9, 2.8214e-4, -0.8286, 1.1714, 0.4152, 0.7342),
    ],
)
def test_a_reference_write_is_the_linear_step(
    preset: str, amplitude: float, width: float, up: float, low: float, high: float,
    gamma_up: float, gamma_down: float,
) -> None:  # fmt: skip
    for w in (low + 0.1, 0.0, 0.7):
        model, state = fresh(preset)
        for sign, bound, gamma in ((1, high, gamma_up), (-1, low, gamma_down)):
            state.row("w")[:] = w
            model.advance(state, {"gate": sign * amplitude}, width, ROOM, None)
            step = sign * up * (1.0 - gamma * w / bound)
            assert state.row("w")[0] - w == pytest.approx(step, rel=1e-9)


def test_steps_vary_as_stated() -> None:
    """From cycle to cycle: 30 % of the step (Li), 200 % (metal oxide), where many go back."""
    for preset, level, width, sigma in (("li-tang", 2.0, 5e-9, 0.3), ("mo-kim", 4.0, 1e-8, 2.0)):
        model, state = fresh(preset, 4000)
        state.row("w")[:] = 0.0
        model.advance(state, {"gate": level}, width, ROOM, Stream(5))
        steps = state.row("w") / model.parameters.up
        assert steps.mean() == pytest.approx(1.0, abs=4 * sigma / np.sqrt(4000))
        assert steps.std() == pytest.approx(sigma, rel=0.05)
        assert (np.mean(steps < 0) > 0.2) == (sigma > 1)


def test_devices_vary_as_stated() -> None:
    model = family("ecram").load("li-tang")
    state = model.fresh(3000, Stream(2), spread=True)
    own = dict(zip(model.varied, state.parameters, strict=True))
    assert np.log(own["up"]).std() == pytest.approx(0.1, rel=0.05)
    assert np.log(own["weight_max"]).std() == pytest.approx(0.05, rel=0.05)
    assert np.all(model.conductance(state) > 0)
    other = family("ecram").load("li-tang").fresh(10, Stream(2), spread=True, first=20)
    np.testing.assert_allclose(other.parameters, state.parameters[:, 20:30], rtol=1e-14)


@pytest.mark.parametrize("duration", [1e-6, 1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("line", [(0.0, 1.5), (1.2, -0.8)])
def test_ramps_agree_with_the_equations(line: tuple[float, float], duration: float) -> None:
    model, state = fresh(energy_volatile=0.0, step="200 Ohm", spike_width="100 us")
    p = model.parameters
    u = -np.log1p(-p.step / p.ceiling)

    def rate(t: float, r: list[float]) -> list[float]:
        v = line[0] + (line[1] - line[0]) * t / duration
        x = np.sinh(abs(v) / p.spike_scale) / np.sinh(p.spike_amplitude / p.spike_scale)
        return [u * x / p.spike_width * (np.sign(v) * p.ceiling - r[0]) - r[0] / p.tau]

    exact = solve_ivp(rate, (0.0, duration), [0.0], rtol=1e-9, atol=1e-6, method="LSODA").y[0, -1]
    model.advance(state, {"gate": line}, duration, ROOM, None)
    assert state.row("r")[0] == pytest.approx(exact, abs=1e-3 * p.ceiling)


def test_the_decay_is_activated() -> None:
    left = []
    for temperature in (290.0, 310.0):
        model, state = fresh()
        model.advance(state, *SPIKE, ROOM, None)
        start = state.row("r")[0]
        model.advance(state, {}, 0.1, temperature, None)
        left.append(-np.log(state.row("r")[0] / start))
    energy = np.log(left[1] / left[0]) * KELVIN / (1 / 290.0 - 1 / 310.0)
    assert energy == pytest.approx(0.3, rel=1e-6)


def test_lasting_part_fades_only_if_told() -> None:
    model, state = fresh(retention="1000 s", energy_lasting=0.0)
    w = state.row("w")[0]
    model.advance(state, {}, 500.0, ROOM, None)
    assert state.row("w")[0] == pytest.approx(w * np.exp(-0.5), rel=1e-9)


def test_gate_charge_is_capacitor_ions_and_leak() -> None:
    model, state = fresh(leak="1 nS")
    p = model.parameters
    into = model.advance(state, *SPIKE, ROOM, None)[2, 0]
    assert into == pytest.approx(p.capacitance + p.ions + 1e-9 * 1e-6, rel=1e-9)
    back = model.advance(state, {}, 1e-6, ROOM, None)[2, 0]
    assert back == pytest.approx(-p.capacitance, rel=1e-9)
    sloped = model.advance(state, {"gate": (0.0, 1.0)}, 1e-6, ROOM, None)[2, 0]
    mean = (np.cosh(1 / p.spike_scale) - 1) * p.spike_scale / np.sinh(1 / p.spike_scale)
    assert sloped == pytest.approx(p.capacitance + p.ions * mean + 0.5e-15, rel=1e-6)


@pytest.mark.parametrize(("low", "stuck"), [(1.0, "gmax"), (0.0, "gmin")])
def test_a_device_past_its_life_is_stuck(low: float, stuck: str) -> None:
    model, state = fresh(life_cycles=50.0, life_shape=20.0, stuck_low=low)
    assert model.conductance(model.fresh(1, Stream(1), spread=True))[0] > 0
    model.repeat(state, [SPIKE, ({}, 1e-3)], 99, ROOM, None)
    alive = model.conductance(state)[0]
    assert alive != pytest.approx(getattr(model.parameters, stuck), rel=1e-6)
    model.repeat(state, [SPIKE, ({}, 1e-3)], 10, ROOM, None)
    assert model.conductance(state)[0] == pytest.approx(getattr(model.parameters, stuck))
    never, state = fresh()
    never.repeat(state, [SPIKE, ({}, 1e-3)], 10**6, ROOM, None)
    assert never.conductance(state)[0] != pytest.approx(getattr(never.parameters, stuck))
