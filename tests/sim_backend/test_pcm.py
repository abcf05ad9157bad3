"""Phase-change memory: crystallisation, melting, drift; and what is published."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docs.figures import pcm_drift, pcm_levels
from sim_backend.devices import State, Stream, family
from sim_backend.devices.model import DeviceModel, repeat_plainly

ROOM = 300.0
SET, RESET, WIDTH = 1.2, 1.9, 50e-9


def fresh(devices: int = 1, preset: str = "gst", **changes: float) -> tuple[DeviceModel, State]:
    model = family("pcm").load(preset, changes)
    return model, model.fresh(devices, Stream(1), spread=devices > 1)


def rows(state: State) -> np.ndarray:
    kept = [k for k, n in enumerate(state.names) if n not in ("charge", "throughput")]
    return state.values[kept]


def test_partial_set_is_that_of_the_source() -> None:
    """AIHWKit 1.1.0's PCMPresetDevice without noise, from w = 0.01: w of a range of 2."""
    model, state = fresh(crystalline=0.005)
    found = []
    for _ in range(5):
        model.advance(state, {"top": SET}, WIDTH, ROOM, None)
        model.advance(state, {}, 1e-6, ROOM, None)
        found.append(2 * float(state.row("g")[0]))
    # the source jumps by its slope at the start, a rate slows down on the way
    stepwise = [0.28562567, 0.4289819, 0.53217125, 0.61417079, 0.68282509]
    assert np.all(np.array(found) < stepwise)
    assert found == pytest.approx(stepwise, rel=0.30)
    small = family("pcm").load("gst", {"crystalline": 0.005, "width": 50e-6})
    one = small.fresh(1, Stream(0), spread=False)
    small.advance(one, {"top": SET}, WIDTH, ROOM, None)
    slope = 0.01 * (1 + 27.235 * math.exp(-2.5 * 0.01)) / 1000
    assert 2 * one.row("g")[0] - 0.01 == pytest.approx(slope, rel=1e-2)


def test_temperature_decides_between_set_and_reset() -> None:
    model, state = fresh(crystalline=0.5)
    ambient = np.array([ROOM])
    assert model.heated(1.2, ambient)[0] == pytest.approx(750, abs=2)
    assert model.heated(1.36, ambient)[0] == pytest.approx(877)
    model.advance(state, {"top": 1.36 * 1.2}, 1e-7, ROOM, None)  # melts half
    half = state.row("g")[0]
    assert 0.4 < half < 0.52
    model.advance(state, {"top": RESET}, 1e-7, ROOM, None)
    assert state.row("g")[0] < 1e-6
    model.advance(state, {"top": (RESET, 0.0)}, 1e-9, ROOM, None)  # quenched
    assert state.row("g")[0] < 0.02
    model.advance(state, {"top": (RESET, 0.0)}, 1e-5, ROOM, None)  # cooled slowly: crystallised
    assert state.row("g")[0] > 0.5
    model.advance(state, {"top": -RESET}, 1e-7, ROOM, None)  # unipolar
    assert state.row("g")[0] < 1e-6


def test_cold_cells_need_more_to_melt() -> None:
    model, state = fresh(crystalline=1.0)
    model.advance(state, {"top": 1.4}, 1e-6, 77.0, None)
    assert state.row("g")[0] == 1.0
    model.advance(state, {"top": 1.4}, 1e-6, ROOM, None)
    assert state.row("g")[0] < 1.0


@settings(max_examples=40, deadline=None)
@given(
    levels=st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0, 1.2, 1.5, 1.9, -1.2, -1.9]), max_size=4),
    power=st.floats(-9, 3),
    at=st.floats(0.01, 0.99),
)
def test_a_piece_cut_in_two_is_the_same_piece(levels: list[float], power: float, at: float) -> None:
    model, whole = fresh(3)
    _, parts = fresh(3)
    duration = 10.0**power
    for level in levels:
        charge = model.advance(whole, {"top": level}, duration, ROOM, Stream(2))
        split = sum(
            model.advance(parts, {"top": level}, length, ROOM, Stream(2))
            for length in (duration * at, duration - duration * at)
        )
        np.testing.assert_allclose(charge, split, rtol=1e-7, atol=1e-25)
    np.testing.assert_allclose(rows(whole), rows(parts), rtol=1e-9, atol=1e-12)
    assert ((whole.row("g") >= 0) & (whole.row("g") <= 1)).all()


@given(power=st.floats(-9, 9), kelvin=st.floats(5, 400), share=st.floats(0, 1))
def test_zero_volts_change_nothing_that_lasts(power: float, kelvin: float, share: float) -> None:
    model, state = fresh(crystalline=share)
    assert not model.advance(state, {}, 10.0**power, kelvin, None).any()
    assert state.row("g")[0] == share
    least, most = 25e-6 / 200, 25e-6 * (20 / 1e-3) ** 0.2
    later = (10.0**power / 20) ** -0.2
    assert 0.5 * least * min(1.0, later) <= model.conductance(state)[0] <= most


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_drift_is_a_power_law_from_the_reference_time(share: float) -> None:
    model, state = fresh(crystalline=share)
    nu = float(model.exponent(state)[0])
    expected = min(max(-0.0155 * math.log(max(share, 1e-4)) + 0.0244, 0.049), 0.1)
    assert nu == pytest.approx(expected)
    whole = 25e-6 * (share + (1 - share) / 200)
    done = 0.0
    for t in (1e-3, 1.0, 19.999, 86400.0, 3.156e8):  # to ten years
        model.advance(state, {}, t - done, ROOM, None)
        done = t
        factor = ((t + 1e-3) / 20) ** -nu
        assert model.conductance(state)[0] == pytest.approx(whole * factor, rel=1e-9)


def test_exponents_are_drawn_at_every_write() -> None:
    model = family("pcm").load("gst", {"crystalline": 0.05})
    state = model.fresh(4000, Stream(1), spread=False)
    model.advance(state, {"top": 0.95}, 1e-12, ROOM, Stream(2))  # an event that changes nothing
    nu = model.exponent(state)
    assert nu.mean() == pytest.approx(-0.0155 * math.log(0.05) + 0.0244, rel=0.02)
    assert nu.std() == pytest.approx(-0.0125 * math.log(0.05) - 0.0059, rel=0.05)
    model.advance(state, {}, 1.0, ROOM, None)
    model.advance(state, {"top": 0.95}, 1e-12, ROOM, Stream(2))
    assert abs(np.corrcoef(nu, model.exponent(state))[0, 1]) < 0.06
    error = model.conductance(state) * (20 / 1e-3) ** -model.exponent(state) / 25e-6 - 0.05475
    assert error.std() == pytest.approx(0.0105392 + 0.0786 * 0.05 - 0.046924 * 0.0025, rel=0.06)


def test_read_noise_has_the_published_amplitude() -> None:
    model, state = fresh(crystalline=0.3)
    state.noise = Stream(9)
    model.advance(state, {}, 20.0, ROOM, None)
    looks = []
    for _ in range(1500):
        model.advance(state, {}, 1e-3, ROOM, None)
        looks.append(model.conductance(state)[0])
    share = 0.0088 / (0.3 + 0.7 / 200) ** 0.65
    # looks last no time: of the noise from 1 MHz down, those of 1.5 s see some 6.5 decades
    assert np.std(looks) / np.mean(looks) == pytest.approx(share * math.sqrt(6.5 * 2.303), rel=0.3)
    assert model.conductance(state)[0] == looks[-1]  # a look changes nothing


def test_alone_and_among_others_and_in_turns() -> None:
    pieces = [({"top": RESET}, WIDTH), ({}, 1e-6), *[({"top": SET}, WIDTH), ({}, 1e-3)] * 2]
    model, among = fresh(5)
    alone = model.fresh(1, Stream(1), spread=True, first=3)
    apart = model.fresh(5, Stream(1), spread=True)
    for state in (among, alone):
        model.repeat(state, pieces, 40, ROOM, Stream(5))
    repeat_plainly(model, apart, pieces, 40, ROOM, Stream(5))
    np.testing.assert_allclose(rows(alone)[:, 0], rows(among)[:, 3], rtol=1e-11)
    np.testing.assert_allclose(rows(apart), rows(among), rtol=1e-11)
    model.repeat(among, pieces, 10**9, ROOM, Stream(5))  # past the end of their lives
    assert among.tally(0).positive == 3 * (10**9 + 40)
    assert among.row("life").max() < 2 * 10**10
    dead = (among.row("positive") / 2) >= among.row("life")
    # voids leave an open cell, segregation one that no longer melts
    np.testing.assert_array_equal(model._seen(among)[dead], among.row("low")[dead])
    many = model.fresh(400, Stream(1), spread=True).row("low")
    assert many.mean() == pytest.approx(0.5, abs=0.1)


def test_above_the_threshold_the_heater_carries_the_current() -> None:
    model, state = fresh(crystalline=0.0)
    assert model.current(state, {"top": 1.2})[0, 0] == pytest.approx(1.2 / 13e3)
    assert model.current(state, {"top": 0.2})[0, 0] > 0.2 * model.conductance(state)[0]
    charge = model.advance(state, {"top": SET}, WIDTH, ROOM, None)[0, 0]
    assert charge == pytest.approx(SET * WIDTH / 13e3)


# -- what is published ----------------------------------------------------------------------------


def test_drift_exponents_against_state_and_temperature() -> None:
    """S2.13: 28 nm ePCM at 300, 77 and 12 K."""
    found = pcm_drift.measure()
    assert found["nu_300_high"] == pytest.approx(0.09, rel=0.01)
    assert found["nu_300_low"] == pytest.approx(0.03, rel=0.01)
    assert found["nu_77_high"] == pytest.approx(0.044, rel=0.02)
    assert found["nu_12_high"] == pytest.approx(0.041, rel=0.02)
    assert found["nu_12_low"] == pytest.approx(0.0005, abs=1e-4)
    assert all(found[f"error_{t}_high"] < 1e-4 for t in (300, 77, 12))


def test_five_levels_and_their_energies() -> None:
    """S2.6 and S1.3: GST, 5 levels over 13; pulses of some ten pJ."""
    written = pcm_levels.levels("gst-13", 6)
    assert pcm_levels.told_apart(written) == 5
    assert np.median(written[-1]) / np.median(written[0]) == pytest.approx(13, rel=0.15)


@pytest.mark.long
def test_levels_as_measured() -> None:
    """S2.6: 8 levels over 200."""
    found = pcm_levels.measure()
    assert found["levels_gst"] == 8
    assert found["range_gst"] == pytest.approx(200, rel=0.15)
    assert found["levels_gst-13"] == 5
    assert 5 < found["energy_set_pJ"] < found["energy_reset_pJ"] < 60
