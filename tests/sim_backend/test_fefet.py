"""The ferroelectric transistor: channel, gradual updates, retention."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs.figures import fefet_updates
from sim_backend.devices import Stream, family
from sim_backend.devices.fefet import channel_current

ROOM = 300.0
THERMAL = 1.380649e-23 / 1.602176634e-19 * ROOM


def test_the_channel_is_ekv_in_its_two_limits() -> None:
    """Exponential below the threshold, a square above it in saturation; symmetric."""
    n, beta = 1.5, np.array(1e-4)
    vth = np.array(0.5)
    below = [float(channel_current(0.5, 0.0, vg, vth, beta, n, ROOM)) for vg in (0.0, 0.1)]
    assert below[1] / below[0] == pytest.approx(math.exp(0.1 / (n * THERMAL)), rel=6e-3)
    far = float(channel_current(5.0, 0.0, 2.5, vth, beta, n, ROOM))
    assert far == pytest.approx(1e-4 / (2 * n) * 2.0**2, rel=0.01)
    triode = float(channel_current(1e-3, 0.0, 2.5, vth, beta, n, ROOM))
    assert triode == pytest.approx(1e-4 * 2.0 * 1e-3, rel=0.01)


@given(vd=st.floats(-2, 2), vs=st.floats(-2, 2), vg=st.floats(-3, 3))
def test_drain_and_source_are_alike(vd: float, vs: float, vg: float) -> None:
    forth = channel_current(vd, vs, vg, np.array(0.3), np.array(1e-4), 1.4, ROOM)
    back = channel_current(vs, vd, vg, np.array(0.3), np.array(1e-4), 1.4, ROOM)
    assert float(forth) == -float(back)
    assert float(forth) * (vd - vs) >= 0


def test_updates_range_energy_and_retention() -> None:
    found = fefet_updates.measure()
    assert found["range"] == pytest.approx(45, rel=0.05)  # Jerry et al., 10.1109/IEDM.2017.8268338
    assert found["levels"] == 32
    assert np.all(np.diff(found["rising"]) > 0)
    assert np.all(np.diff(found["falling"]) < 0)
    assert found["linearity_up"] > 0.97 > found["linearity_up_identical"]
    assert found["linearity_down"] > 0.97 > found["linearity_down_identical"]
    assert 1e-15 < found["energy"] < 1e-12  # fJ to pJ (S1.4)
    assert 3 < found["kept_ten_years"] < 45  # the window closes, and is still there
    assert np.all(np.diff(found["kept_up"]) <= 0)
    assert np.all(np.diff(found["kept_down"]) >= 0)
    assert fefet_updates.draw(found).axes


def test_states_fade_faster_when_hot() -> None:
    left = {}
    for temperature in (300.0, 358.0):
        model = family("fefet").load("hzo", {"state": 1.0})
        state = model.fresh(1, Stream(0), spread=False)
        model.advance(state, {}, 1e5, temperature, None)
        left[temperature] = model.conductance(state)[0]
    fresh = model.conductance(model.fresh(1, Stream(0), spread=False))[0]
    assert left[358.0] < left[300.0] < fresh


def test_a_read_does_not_disturb() -> None:
    model = family("fefet").load("hzo", {"state": 0.2})
    state = model.fresh(1, Stream(0), spread=False)
    before = model.film.domains(state).up.copy()
    model.advance(state, {"drain": 0.1, "gate": 0.9}, 1e6, ROOM, None)
    assert model.film.domains(state).up.tolist() == before.tolist()


def test_the_charge_of_a_read_on_a_ramp_is_its_integral() -> None:
    model = family("fefet").load("hzo", {"state": 0.0})
    whole, fine = (model.fresh(1, Stream(0), spread=False) for _ in range(2))
    charge = model.advance(whole, {"drain": (0.0, 0.3), "gate": (-0.9, 0.9)}, 1e-3, ROOM, None)
    steps = 4000
    total = 0.0
    for k in range(steps):
        share = (k + 0.5) / steps
        levels = {"drain": 0.3 * share, "gate": -0.9 + 1.8 * share}
        total += model.current(fine, levels)[0, 0] * 1e-3 / steps
    stored = charge[2, 0] / 2  # half of what went in at the gate came out at the drain
    assert charge[0, 0] + stored == pytest.approx(total, rel=1e-5)


def test_cycling_closes_the_window() -> None:
    model = family("fefet").load("hzo")
    state = model.fresh(1, Stream(0), spread=False)
    turn = [({"gate": 4.5}, 1e-6), ({}, 1e-6), ({"gate": -4.5}, 1e-6), ({}, 1e-6)]
    windows = []
    for count in (1, 10**4, 10**6, 10**8):
        model.repeat(state, turn, count, ROOM, None)
        low = model.conductance(state)[0]
        model.advance(state, {"gate": 4.5}, 1e-6, ROOM, None)
        model.advance(state, {}, 1e-6, ROOM, None)
        windows.append(model.conductance(state)[0] / low)
    assert windows == sorted(windows, reverse=True)
    assert windows[-1] < 0.6 * windows[0]
