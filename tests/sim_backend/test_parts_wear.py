"""Wear: lives, closing windows, breakdown, forming; and what half a voltage does."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_backend.devices.model import Stream
from sim_backend.devices.parts.relaxation import decay
from sim_backend.devices.parts.wear import (
    Wear,
    closing,
    damage,
    endurance,
    formed,
    forming_voltage,
    life,
    onset,
    sticks_low,
    turns_left,
    worn,
)

NUMBERS = np.arange(40_000)
STREAM = Stream(9)


def test_nothing_wears_unless_asked() -> None:
    wear = Wear()
    assert np.all(np.isinf(life(STREAM, NUMBERS[:9], wear.life_cycles, wear.life_shape)))
    assert np.all(closing(np.array([0.0, 1e12]), wear.closing_cycles, -wear.closing_high) == 1.0)
    share = damage(3.0, 3.0, 1e9, wear.breakdown_time, wear.breakdown_voltage, wear.breakdown_scale)
    assert share == 0.0
    assert formed(0.0, forming_voltage(STREAM, NUMBERS[:9], wear.forming_scale, 10.0)).all()


@pytest.mark.parametrize("shape", [0.7, 1.0, 3.0, 13.9])
def test_lives_are_weibull(shape: float) -> None:
    lives = np.sort(life(STREAM, NUMBERS, 1e6, shape))
    exact = 1 - np.exp(-((lives / 1e6) ** shape))
    share = (np.arange(len(lives)) + 0.5) / len(lives)
    assert np.abs(exact - share).max() < 1.95 / math.sqrt(len(lives))  # Kolmogorov, 0.1 %
    assert life(None, [1, 2], 1e6, shape).tolist() == [1e6, 1e6]


def test_a_device_has_one_life_and_its_own() -> None:
    among = life(STREAM, NUMBERS[:50], 1e6, 2.0)
    assert life(STREAM, 33, 1e6, 2.0) == among[33]
    assert len(np.unique(among)) == 50
    voltage = forming_voltage(STREAM, NUMBERS[:2000], 1.0, 1.0)
    other = endurance(STREAM, NUMBERS[:2000], 1.0)
    assert abs(np.corrcoef(np.log(voltage), np.log(other))[0, 1]) < 0.1


def test_devices_past_their_life_are_stuck() -> None:
    low = sticks_low(STREAM, NUMBERS, 0.3)
    assert low.mean() == pytest.approx(0.3, abs=0.012)
    g = worn(np.full(4, 5e-5), [9, 10, 11, 0], 10.0, [True, True, False, True], 1e-3, 1e-6)
    assert g.tolist() == [5e-5, 1e-3, 1e-6, 5e-5]
    assert sticks_low(None, [0, 1], [0.2, 0.8]).tolist() == [False, True]


def test_the_window_closes_as_a_power() -> None:
    factor = closing(np.array([0.0, 1e4, 1e5, 1e6]), 1e4, -0.5)
    np.testing.assert_allclose(factor, [1.0, 1.0, 10**-0.5, 0.1], rtol=1e-12)


def test_the_onset_falls_with_the_temperature() -> None:
    begin = onset(2.0, 0.1, 30.0, 10.0, np.array([200.0, 298.0, 398.0]))
    assert begin[0] == begin[1] == pytest.approx(2.0 * math.exp(31.0))
    assert begin[2] == pytest.approx(2.0 * math.exp(1.0 + 30.0 * 298.0 / 398.0))


BREAK = {"time": 10.0, "voltage": 3.0, "scale": 0.25}
volts = st.floats(-5.0, 5.0)


def test_a_constant_voltage_breaks_after_its_time() -> None:
    assert damage(3.0, 3.0, 10.0, **BREAK) == pytest.approx(1.0)
    assert damage(-3.25, -3.25, 10.0, **BREAK) == pytest.approx(math.e)


@given(first=volts, last=volts, share=st.floats(0.0, 1.0))
def test_damage_adds_up(first: float, last: float, share: float) -> None:
    middle = first + share * (last - first)
    parts = damage(first, middle, share, **BREAK) + damage(middle, last, 1 - share, **BREAK)
    np.testing.assert_allclose(parts, damage(first, last, 1.0, **BREAK), rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize(("first", "last"), [(0.0, 4.0), (-4.0, 2.0), (1.0, 1.0001), (-2.0, 2.0)])
def test_damage_of_a_ramp_is_the_integral(first: float, last: float) -> None:
    v = first + (last - first) * (np.arange(100_000) + 0.5) / 100_000
    exact = float((2.0 * np.sinh(np.abs(v) / 0.25)).mean()) * math.exp(-3.0 / 0.25) / 10.0
    assert damage(first, last, 1.0, **BREAK) == pytest.approx(exact, rel=1e-8)


def test_without_a_voltage_nothing_wears_in_ten_years() -> None:
    assert damage(0.0, 0.0, 3.156e8, **BREAK) == 0.0
    weak = damage(1e-6, 1e-6, 1.0, **BREAK)  # the difference of two rates: proportional to V
    assert weak == pytest.approx(2e-6 / 0.25 * math.exp(-3.0 / 0.25) / 10.0, rel=1e-9)
    strong = damage(2.0, 2.0, 1.0, **BREAK)  # the law of field acceleration alone
    assert strong == pytest.approx(math.exp(-1.0 / 0.25) / 10.0, rel=2e-7)


def test_times_to_breakdown_are_weibull_with_the_scale_of_the_voltage() -> None:
    limit = endurance(STREAM, NUMBERS, 2.0)
    for volt, scale in ((3.0, 10.0), (3.5, 10.0 * math.exp(-2.0))):
        times = limit / damage(volt, volt, 1.0, **BREAK)
        assert np.quantile(times, 1 - math.exp(-1)) == pytest.approx(scale, rel=0.02)
        failed = (times < scale / 2).mean()
        assert failed == pytest.approx(1 - math.exp(-0.25), abs=0.01)


@given(
    done=st.floats(0.0, 20.0),
    each=st.floats(1e-3, 5.0),
    limit=st.floats(0.1, 20.0),
)
def test_turns_left_are_those_that_can_be_counted(done: float, each: float, limit: float) -> None:
    turns = int(turns_left(done, each, limit))
    counted = 0
    while done + (counted + 1) * each < limit - 1e-9:
        counted += 1
    assert abs(turns - counted) <= (1 if abs((limit - done) / each % 1) < 1e-6 else 0) or (
        abs((limit - done) / each - round((limit - done) / each)) < 1e-6
    )


def test_turns_without_harm_never_end() -> None:
    assert turns_left([0.0, 2.0], 0.0, 1.0).tolist() == [math.inf, 0.0]
    assert turns_left(0.0, 1e-9, 1.0) == pytest.approx(1e9, rel=1e-6)


def test_forming_voltages() -> None:
    """RADAR 1T1R array, 8292 cells: 3.155 +- .251 V goes with k = 13.9 and 3.28 V."""
    voltages = forming_voltage(STREAM, NUMBERS, 3.28, 13.9)
    assert voltages.mean() == pytest.approx(3.155, rel=0.005)
    assert voltages.std() == pytest.approx(0.277, rel=0.03)
    assert formed(3.28, voltages).mean() == pytest.approx(1 - math.exp(-1), abs=0.01)


@pytest.mark.parametrize("pulses", [1, 10, 1000])
def test_half_the_voltage_disturbs_as_the_closed_form_says(pulses: int) -> None:
    """A law with an exponential threshold: dx/dt = (1 - x) / tau(V), tau = t0 exp(-|V| / V0)."""
    scale, width, full = 0.1, 1e-6, 2.0
    tau = 1e-6 * math.exp(full / scale)  # a full pulse then takes x to 1 - 1/e

    def lasting(volt: float) -> float:
        return tau * math.exp(-volt / scale)

    assert decay(0.0, width, lasting(full), to=1.0) == pytest.approx(1 - math.exp(-1))
    x = np.zeros(1)
    for _ in range(pulses):
        x = decay(x, width, lasting(full / 2), to=1.0)
    # exp(V / 2 V0) = 22026 half-selects write as much as one selection
    expected = -math.expm1(-pulses / math.exp(full / 2 / scale))
    assert x[0] == pytest.approx(expected, rel=1e-10)
    thirds = decay(0.0, pulses * width, lasting(full / 3), to=1.0)
    assert thirds == pytest.approx(-math.expm1(-pulses * math.exp(-2 / 3 * full / scale)), rel=1e-9)
