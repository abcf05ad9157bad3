"""C2C and D2D: the draws, and sigmas calibrated to the spread of a conductance."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import BadInput
from sim_backend.devices.model import (
    TALLY,
    Array,
    Levels,
    Piece,
    State,
    Stream,
    ends,
    repeat_plainly,
    spread,
)
from sim_backend.devices.parts.variation import (
    Calibration,
    Cycle,
    calibrate_cycle,
    calibrate_device,
    cycle_factor,
    drawn,
)

NUMBERS = np.arange(40_000)


@pytest.mark.parametrize("sigma", [0.02, 0.3])
def test_normal_factors(sigma: float) -> None:
    factors = cycle_factor(Stream(1), NUMBERS, 3, sigma)
    assert factors.mean() == pytest.approx(1.0, abs=5 * sigma / 200)
    assert factors.std() == pytest.approx(sigma, rel=0.02)


def test_a_factor_never_turns_an_event_round() -> None:
    factors = cycle_factor(Stream(1), NUMBERS, 3, 1.0)
    assert factors.min() == 0.0
    assert factors.mean() == pytest.approx(1.0833, abs=0.02)  # Phi(1) + phi(1)


def test_lognormal_factors() -> None:
    logs = np.log(cycle_factor(Stream(1), NUMBERS, 3, 0.7, "lognormal"))
    assert logs.mean() == pytest.approx(0.0, abs=0.02)
    assert logs.std() == pytest.approx(0.7, rel=0.02)


@given(first=st.integers(0, 10**9), event=st.integers(0, 10**15))
def test_a_device_meets_its_own_factors(first: int, event: int) -> None:
    among = cycle_factor(Stream(2), first + np.arange(5), event, 0.1)
    alone = cycle_factor(Stream(2), first + 4, event, 0.1)
    assert among[4] == alone
    assert cycle_factor(Stream(2), first + 4, event, 0.1, label=1) != alone


def test_factors_of_events_and_devices_are_independent() -> None:
    events = np.arange(20_000)
    one, two = (cycle_factor(Stream(1), device, events, 0.1) for device in (0, 1))
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.03
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.03


def test_without_a_stream_nothing_varies() -> None:
    assert cycle_factor(None, [0, 1], 0, 0.5).tolist() == [1.0, 1.0]
    assert drawn([2.0, 3.0], 0.5, 2, None).tolist() == [[2.0, 2.0], [3.0, 3.0]]


def test_each_parameter_has_its_own_spread() -> None:
    rows = drawn([2.0, 3.0, 5.0], [0.1, 0.0, 0.2], 40_000, Stream(1), kind=["lognormal", "normal",
                                                                        "normal"])  # fmt: skip
    assert np.log(rows[0] / 2.0).std() == pytest.approx(0.1, rel=0.02)
    assert np.all(rows[1] == 3.0)
    assert (rows[2] / 5.0).std() == pytest.approx(0.2, rel=0.02)
    assert np.median(rows, axis=1) == pytest.approx([2.0, 3.0, 5.0], rel=0.01)
    assert abs(np.corrcoef(rows[0], rows[2])[0, 1]) < 0.02


def test_draws_are_cut_and_keep_their_sign() -> None:
    rows = drawn([1.0, 1.0], [2.0, 0.8], 400_000, Stream(1), kind=["lognormal", "normal"])
    assert np.log(rows[0]).max() == pytest.approx(8.0)
    assert rows[1].min() == 0.05


def test_drawn_is_the_same_for_parts_of_an_array() -> None:
    whole = drawn([2.0, 3.0], 0.1, 400, Stream(1))
    np.testing.assert_array_equal(drawn([2.0, 3.0], 0.1, 3, Stream(1), 100), whole[:, 100:103])
    np.testing.assert_array_equal(drawn([2.0, 3.0], 0.1, [7, 5], Stream(1)), whole[:, [7, 5]])
    np.testing.assert_array_equal(whole, spread([2.0, 3.0], 0.1, 400, Stream(1)))


def test_numbers_that_do_not_match_are_refused() -> None:
    with pytest.raises(BadInput, match="3 parameters were given with 2 sigmas"):
        drawn([1.0, 2.0, 3.0], [0.1, 0.2], 1, Stream(1))


class Counter:
    """A device whose conductance is its scale times the last factor: spread in, spread out."""

    terminals = ("top", "bottom")
    threshold = 0.3

    def __init__(self, cycle: float, device: float) -> None:
        self.cycle, self.device = cycle, device

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        rows = drawn([1e-3], self.device, devices, stream if spread else None, first)
        values = np.zeros((len(TALLY) + 2, devices))
        values[-1] = 1.0
        return State((*TALLY, "event", "g"), values, rows, first)

    def advance(
        self, state: State, levels: Levels, duration: float, temperature: float,
        stream: Stream | None,
    ) -> Array:  # fmt: skip
        if ends(levels.get("top", 0.0))[1] > self.threshold:
            state.row("event")[:] += 1
            numbers = state.first + np.arange(state.devices)
            state.row("g")[:] = cycle_factor(stream, numbers, state.row("event"), self.cycle)
        return np.zeros((2, state.devices))

    def repeat(
        self, state: State, pieces: Sequence[Piece], count: int, temperature: float,
        stream: Stream | None,
    ) -> Array:  # fmt: skip
        return repeat_plainly(self, state, pieces, count, temperature, stream)

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        return np.zeros((2, state.devices))

    def conductance(self, state: State) -> Array:
        found: Array = state.parameters[0] * state.row("g")
        return found

    def describe(self) -> dict[str, Any]:
        return {}


CYCLE = Cycle((({"top": 1.0}, 1e-4), ({}, 1e-2)), looks=(0, 1), turns=20, settling=2)


def found_again(calibration: Calibration, target: float) -> None:
    assert calibration.reached == pytest.approx(target, rel=2e-3)
    assert calibration.statistic


def test_calibration_to_cycles_gives_the_spread_asked_for() -> None:
    calibration = calibrate_cycle(lambda s: Counter(s, 0.0), CYCLE, 0.0121, devices=50)
    found_again(calibration, 0.0121)
    # here the spread of the conductance is that of the factor, known to 1 / sqrt(2 x 50 x 20)
    assert calibration.sigma == pytest.approx(0.0121, rel=4 / 45)
    again = calibrate_cycle(lambda s: Counter(s, 0.0), CYCLE, 0.0121, devices=50)
    assert again == calibration


def test_calibration_to_devices_gives_the_spread_asked_for() -> None:
    calibration = calibrate_device(lambda s: Counter(0.0, s), CYCLE, 0.5, devices=2000)
    found_again(calibration, 0.5)
    # log-normal: sd / mean = sqrt(exp(sigma^2) - 1)
    assert calibration.sigma == pytest.approx(np.sqrt(np.log1p(0.25)), rel=4 / 63)


def test_what_cannot_be_reached_is_refused() -> None:
    with pytest.raises(BadInput, match="a relative spread of 5 was asked for"):
        calibrate_cycle(lambda s: Counter(s, 0.0), CYCLE, 5.0, devices=5, highest=1.0)
