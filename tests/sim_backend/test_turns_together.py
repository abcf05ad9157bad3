"""Loops without a reading on the direct bench: the same numbers everywhere, and soon stopped."""

import itertools
import time
from typing import Any

import numpy as np
import pytest

from labctl.kernels import kernels
from labctl.waveform import Loop, pulse, rest
from sim_backend.clock import Clock
from sim_backend.devices import Stream, families, family
from sim_backend.devices.model import Stopped
from sim_backend.devices.rram import ResistiveCell
from sim_backend.drive import NEVER, Drive
from sim_backend.fixture import Fixture
from sim_backend.performance import Performance

PRESETS = [f"{name} {preset}" for name in families() for preset in family(name).names()]
CYCLE = (
    pulse(1.5, 1e-7, measured=False)
    + rest(1e-6)
    + pulse(-1.5, 1e-7, measured=False)
    + rest(1e-6)
)  # fmt: skip
PERIOD = 2.2e-6


class SlowCell(ResistiveCell):
    """A cell on a machine that is slow now and then."""

    calls = 0

    def repeat(self, *train: Any) -> np.ndarray:
        self.calls += 1
        time.sleep(0.06 if self.calls % 3 == 2 else 0.0)
        return super().repeat(*train)


def cell(kind: type[ResistiveCell] = ResistiveCell) -> ResistiveCell:
    made = family("rram").load()
    assert isinstance(made, ResistiveCell)
    return kind(made.parameters, made.initial, made.describe())


def stand(model: Any, clock: Clock | None = None) -> tuple[Fixture, Drive]:
    clock = clock or Clock()
    fixture = Fixture(model, model.fresh(1, Stream(1), spread=False), Stream(2), clock)
    return fixture, fixture.connect("top")


def perform(fixture: Fixture, drive: Drive, count: int, stop: Any = lambda: False) -> None:
    loop = CYCLE * count
    assert isinstance(loop, Loop)
    play = Performance(fixture, fixture.clock, {"top": drive}, NEVER, 0.0)
    play.repeat(0, loop, stop)


def sums(fixture: Fixture, drive: Drive) -> tuple[float, ...]:
    tally = fixture.state.tally()
    return drive.charge, drive.flux, tally.charge, tally.throughput, tally.positive, fixture.time


def test_how_fast_the_machine_is_does_not_change_a_charge() -> None:
    fast, slow = stand(cell()), stand(cell(SlowCell))
    perform(*fast, 5000)
    perform(*slow, 5000)
    assert sums(*slow) == sums(*fast)
    np.testing.assert_array_equal(slow[0].state.values, fast[0].state.values)


def test_cut_elsewhere_the_state_is_the_same_and_the_charge_nearly() -> None:
    whole, parts = stand(cell()), stand(cell())
    perform(*whole, 5000)
    for count in (700, 4300):
        perform(*parts, count)
    assert sums(*parts)[0] == pytest.approx(sums(*whole)[0], rel=0.05)
    assert sums(*parts)[0] != sums(*whole)[0]  # why the cuts must not depend on the machine
    assert parts[0].state.row("r")[0] == pytest.approx(whole[0].state.row("r")[0], rel=1e-12)


@pytest.mark.parametrize("which", PRESETS)
def test_every_family_hears_a_stop_in_a_long_train(which: str) -> None:
    name, preset = which.split()
    model = family(name).load(preset)
    state = model.fresh(1, Stream(1), spread=False)
    state.noise, state.stop = Stream(3), lambda: True
    high = max(1.0, 1.2 * model.threshold)
    turn = [({model.terminals[0]: high}, 1e-6), ({model.terminals[0]: -high}, 1e-6), ({}, 1e-5)]
    with pytest.raises(Stopped):
        model.repeat(state, turn, 10**6, 300.0, Stream(2))


@pytest.mark.parametrize(
    ("name", "preset", "count"),
    [("ftj", "", 100_000), ("ecram", "", 1_000_000), ("rram-array", "volatile", 100_000)],
)
def test_compiled_trains_are_the_same_with_and_without_somebody_to_stop_them(
    name: str, preset: str, count: int
) -> None:
    if kernels("sim_backend.devices.kernels.ecram") is None:
        pytest.skip("there is no compiled code here")
    model = family(name).load(preset)
    terminal = "gate" if "gate" in model.terminals else "top"
    turn = [({terminal: 1.5}, 1e-7), ({}, 1e-9)]
    alone, heard = (model.fresh(1, Stream(1), spread=False) for _ in range(2))
    asked = itertools.count()
    heard.stop = lambda: next(asked) < 0
    charges = [model.repeat(one, turn, count, 300.0, Stream(2)) for one in (alone, heard)]
    np.testing.assert_array_equal(*charges)
    np.testing.assert_array_equal(alone.values, heard.values)
    assert next(asked) > 1


def test_a_train_that_is_played_turn_by_turn_is_stopped_at_once_between_turns() -> None:
    fixture, drive = stand(family("rram-array").load())  # remembers every turn
    asked = itertools.count()
    perform(fixture, drive, 10**9, lambda: next(asked) > 300)
    assert next(asked) < 310  # nobody played on
    tally = fixture.state.tally()
    assert fixture.time == fixture.clock.now_s == pytest.approx(tally.positive * PERIOD)
    assert tally.positive == tally.negative > 0
    perform(fixture, drive, 100)  # and it goes on from there
    assert fixture.state.tally().positive == tally.positive + 100
    assert fixture.state.stop is None
