"""Organic electrochemical transistor: Bernards-Malliaras, paired pulses, and the mathematics."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from docs.figures import oect_response
from sim_backend.devices import Stream, family

ROOM = 300.0


def fresh(preset: str = "pedot-pthf", devices: int = 1, **changes: Any) -> Any:
    model = family("oect").load(preset, changes)
    return model, model.fresh(devices, Stream(1), spread=False)


def test_response_relaxation_and_facilitation() -> None:
    """10.1038/s41467-021-22680-5, Fig. 2: 2.104 ms in, 2.824 ms out, pulses of 1 ms."""
    found = oect_response.measure()
    assert found["response_time"] == pytest.approx(2.104e-3, rel=2e-3)
    assert found["relaxation_time"] == pytest.approx(2.824e-3, rel=2e-3)
    assert found["index_tau"] == pytest.approx(2.824e-3, rel=2e-2)
    assert found["index_1_ms"] > 0.4
    assert abs(found["index_30_ms"]) < 0.005
    assert np.all(np.diff(found["index"]) < 0)
    assert found["on_off"] > 100
    assert found["transconductance"] == pytest.approx(1e-3 * 0.1 / 0.8, rel=1e-3)
    assert np.all(np.diff(np.abs(found["drain"])) < 0)  # a positive gate empties the channel


def test_paired_pulses_without_a_slow_share() -> None:
    """A2 / A1 - 1 = exp(-w / t_in) exp(-dt / t_out), exactly, in the linear channel."""
    width, interval = 1e-3, 3e-3
    model, state = fresh(slow=0.0, drain_share=0.0)
    falls = []
    for _ in range(2):
        model.advance(state, {"gate": 0.3}, width, ROOM, None)
        falls.append(state.row("v1")[0])
        model.advance(state, {}, interval, ROOM, None)
    expected = math.exp(-width / 2.104e-3) * math.exp(-interval / 2.824e-3)
    assert falls[1] / falls[0] - 1 == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("vc", "drain"), [(0.2, -0.1), (0.3, -0.4), (0.5, -0.6), (0.1, 0.05)])
def test_the_published_characteristic(vc: float, drain: float) -> None:
    """10.1002/adfm.200601239: linear above VG - Vp, saturated below."""
    model, state = fresh(off=0.0, leak=0.0, most=10.0)
    state.row("v1")[:] = state.row("v2")[:] = vc
    g0, vp = model.parameters.g0, model.parameters.pinch
    if drain > vc - vp:
        expected = g0 * (1 - (vc - drain / 2) / vp) * drain
    else:
        expected = -g0 * (vc - vp) ** 2 / (2 * vp)
    current = model.current(state, {"drain": drain, "gate": vc})
    assert current[0, 0] == pytest.approx(expected, rel=1e-9)


def test_an_accumulation_channel_is_empty_at_rest() -> None:
    model, state = fresh(pinch="-0.2 V", span="0.5 V", off="1 nS")
    assert model.conductance(state)[0] == pytest.approx(1e-9)
    model.advance(state, {"gate": -0.5}, 10.0, ROOM, None)
    assert model.conductance(state)[0] == pytest.approx(1e-3 * 0.3 / 0.5, rel=1e-3)


@pytest.mark.parametrize("duration", [1e-4, 2e-3, 0.1])
@pytest.mark.parametrize(
    ("start", "line"), [(0.0, (0.0, 0.4)), (0.4, (0.0, 0.4)), (0.3, (0.5, -0.2))]
)
def test_straight_lines_are_exact(start: float, line: tuple[float, float], duration: float) -> None:
    model, state = fresh()
    state.row("v1")[:] = state.row("v2")[:] = start
    taus = (2.104e-3, 0.2)
    ratio = model.parameters.asymmetry

    def rate(t: float, v: Any) -> Any:
        target = line[0] + (line[1] - line[0]) * t / duration
        return [(target - x) / (tau * (1.0 if target > x else ratio))
                for x, tau in zip(v, taus, strict=True)]  # fmt: skip

    exact = solve_ivp(rate, (0.0, duration), [start, start], rtol=1e-10, atol=1e-13,
                      max_step=duration / 200)  # fmt: skip
    model.advance(state, {"gate": line}, duration, ROOM, None)
    found = [state.row("v1")[0], state.row("v2")[0]]
    np.testing.assert_allclose(found, exact.y[:, -1], rtol=1e-6, atol=1e-9)


def test_charge_on_a_sweep_is_the_integral_of_the_current() -> None:
    model, state = fresh(energy=0.0)
    ramp, duration, parts = (0.0, 1.0), 20e-3, 400
    whole = model.advance(state, {"gate": ramp, "drain": -0.1}, duration, ROOM, None)
    model, state = fresh(energy=0.0)
    total = np.zeros(3)
    for k in range(parts):
        piece = tuple(ramp[0] + (ramp[1] - ramp[0]) * (k + j) / parts for j in (0, 1))
        total += model.advance(state, {"gate": piece, "drain": -0.1}, duration / parts, ROOM, None)[
            :, 0
        ]
    np.testing.assert_allclose(whole[:, 0], total, rtol=1e-3)


def test_gate_charge_fills_the_channel_and_comes_back() -> None:
    model, state = fresh(leak=0.0)
    filled = model.advance(state, {"gate": 0.4}, 100.0, ROOM, None)
    assert filled[2, 0] == pytest.approx(0.4 * 10e-9, rel=1e-6)
    assert filled[0, 0] == pytest.approx(-filled[2, 0] / 2)  # half of it leaves through the drain
    emptied = model.advance(state, {}, 100.0, ROOM, None)
    assert emptied[2, 0] == pytest.approx(-filled[2, 0], rel=1e-6)


def test_times_are_activated_and_vary() -> None:
    shares = []
    for temperature in (290.0, 310.0):
        model, state = fresh(slow=0.0)
        model.advance(state, {"gate": 0.4}, 1e-3, temperature, None)
        shares.append(-math.log(1 - state.row("v1")[0] / 0.4))
    energy = math.log(shares[1] / shares[0]) * 8.617333262e-5 / (1 / 290.0 - 1 / 310.0)
    assert energy == pytest.approx(0.15, rel=1e-6)
    model, state = fresh(devices=3000, cycle_sigma=0.05)
    model.advance(state, {"gate": 0.4}, 1e-3, ROOM, Stream(3))
    assert np.log(state.row("pace")).std() == pytest.approx(0.05, rel=0.06)


def test_the_small_device_is_fast_and_cheap() -> None:
    """39 F/cm3 (10.1126/sciadv.1400251) on 10 um x 10 um x 130 nm: 0.507 nF."""
    model, state = fresh("pedot-pss")
    assert model.parameters.capacitance == pytest.approx(39e6 * 10e-6 * 10e-6 * 130e-9, rel=1e-3)
    charge = model.advance(state, {"gate": 0.1}, 1e-3, ROOM, None)[2, 0]
    assert charge * 0.1 < 10e-12  # S1.6: pJ
