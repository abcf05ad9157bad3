"""The fixture: lazy time, paths, charge and flux, and sources in compliance."""

import itertools
import math
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import BadInput
from sim_backend.clock import Clock
from sim_backend.compliance import REGULATION
from sim_backend.devices import Stream, family
from sim_backend.devices.model import DeviceModel, State
from sim_backend.fixture import Fixture
from sim_backend.tripping import HIDDEN

INF = math.inf


def over(name: str, **changes: object) -> tuple[Fixture, Clock]:
    model, clock = family(name).load("", changes), Clock()
    return Fixture(model, model.fresh(1, Stream(0), spread=False), None, clock), clock


def test_each_terminal_is_taken_once() -> None:
    fixture, _ = over("resistor")
    fixture.connect("top")
    with pytest.raises(BadInput, match='"top" of the device; free are bottom'):
        fixture.connect("top")
    with pytest.raises(BadInput, match='"gate" of the device; free are bottom'):
        fixture.connect("gate")


def test_sums_are_integrals_of_the_path() -> None:
    fixture, clock = over("resistor", conductance=1e-3)
    drive = fixture.connect("top")
    drive.follow("v", ((0.0, 0.0), (1.0, 2.0), (3.0, 1.0)), INF)
    clock.advance(10.0)
    fixture.sync()
    flux = 1.0 + 3.0 + 7.0
    assert drive.flux == pytest.approx(flux)
    assert drive.charge == pytest.approx(1e-3 * flux)
    assert drive.v == 1.0
    assert fixture.state.tally().charge == pytest.approx(1e-3 * flux)


def test_looking_more_often_changes_nothing() -> None:
    ends = []
    for looks in (1, 7):
        fixture, clock = over("ftj", conductance=2e-4)
        drive = fixture.connect("top")
        drive.follow("v", ((0.0, 0.0), (5e-6, 1.0), (1e-4, 1.0), (1.05e-4, 0.0)), INF)
        for _ in range(looks):
            clock.advance(1e-3 / looks)
            fixture.sync()
        ends.append((drive.charge, float(fixture.model.conductance(fixture.state)[0])))
    assert ends[0] == pytest.approx(ends[1], rel=1e-4)


def test_two_terminals_share_the_voltage() -> None:
    fixture, clock = over("resistor", conductance=1e-3)
    top, bottom = fixture.connect("top"), fixture.connect("bottom")
    top.follow("v", ((0.0, 2.0),), INF)
    bottom.follow("v", ((0.0, 0.5),), INF)
    clock.advance(1.0)
    assert fixture.current(top) == pytest.approx(1.5e-3)
    assert fixture.current(bottom) == pytest.approx(-1.5e-3)
    assert (top.charge, bottom.charge) == pytest.approx((1.5e-3, -1.5e-3))


def test_compliance_reduces_the_voltage() -> None:
    fixture, clock = over("resistor", conductance=1e-3)
    drive = fixture.connect("top")
    drive.follow("v", ((0.0, -2.0),), 5e-4)
    clock.advance(1.0)
    fixture.sync()
    assert drive.limiting
    assert drive.v == pytest.approx(-0.5)
    assert (drive.charge, drive.flux, drive.limited) == pytest.approx((-5e-4, -0.5, 1.0))


@given(bound=st.floats(1e-5, 3e-3), slope=st.floats(-20, 20).filter(lambda x: abs(x) > 0.1))
def test_a_ramp_is_clamped_where_it_passes_the_bound(bound: float, slope: float) -> None:
    fixture, clock = over("resistor", conductance=1e-3)
    drive = fixture.connect("top")
    drive.follow("v", ((0.0, 0.0), (1.0, slope), (2.0, 0.0)), bound)
    clock.advance(2.0)
    fixture.sync()
    level = bound / 1e-3
    meets = min(1.0, level / abs(slope))
    flux = meets * level + 2 * (1 - meets) * level if meets < 1 else abs(slope)
    assert abs(drive.flux) == pytest.approx(flux, rel=2 * REGULATION)
    assert drive.limited == pytest.approx(2 * (1 - meets), abs=4 * REGULATION)
    assert not drive.limiting


def test_a_limit_takes_its_time_to_act() -> None:
    fixture, clock = over("resistor", conductance=1e-3)
    drive = fixture.connect("top")
    drive.response = 1e-5
    drive.follow("v", ((0.0, 2.0),), 5e-4)
    clock.advance(1e-4)
    fixture.sync()
    assert drive.charge == pytest.approx(1e-5 * 2e-3 + 9e-5 * 5e-4)
    assert drive.limited == pytest.approx(9e-5)


def test_compliance_on_a_device_that_changes() -> None:
    """A junction under 1.5 V grows until its current would pass the bound, then is held there."""
    fixture, clock = over("ftj", conductance=2e-4)
    drive = fixture.connect("top")
    drive.follow("v", ((0.0, 1.5),), 5e-4)
    charge, currents = 0.0, []
    for _ in range(200):
        clock.advance(1e-6)
        fixture.sync()
        currents.append((drive.charge - charge) / 1e-6)
        charge = drive.charge
    assert drive.limiting
    assert max(currents) <= 5e-4 * (1 + 2 * REGULATION)
    held = np.array(currents[-50:])
    assert held == pytest.approx(np.full(50, 5e-4), rel=2 * REGULATION)
    assert drive.v < 1.5
    assert fixture.state.tally().positive == 1  # looking for the moment did not count twice
    free, free_clock = over("ftj", conductance=2e-4)
    unbound = free.connect("top")
    unbound.follow("v", ((0.0, 1.5),), INF)
    free_clock.advance(2e-4)
    free.sync()
    assert free.model.conductance(free.state)[0] > fixture.model.conductance(fixture.state)[0]


def test_a_limit_that_holds_a_device_at_its_own_threshold_comes_to_an_end() -> None:
    """1 V on a junction that 200 uA pushes back to 0.3 V, where it stops growing: for 10 s."""
    fixture, clock = over("ftj", conductance=5e-4)
    drive = fixture.connect("top")
    drive.follow("v", ((0.0, 1.0),), 2e-4)
    clock.advance(10.0)
    fixture.sync()
    assert drive.limiting
    assert 0.2 < drive.v < 0.35
    assert drive.charge / 10 == pytest.approx(2e-4, rel=0.02)


def test_compliance_left_by_a_device_that_falls() -> None:
    """A junction under -1.8 V begins in compliance and leaves it as its conductance falls."""
    fixture, clock = over("ftj", conductance=5e-4)
    drive = fixture.connect("top")
    drive.follow("v", ((0.0, -1.8),), 2e-3)
    fixture.clock.advance(1e-6)
    fixture.sync()
    assert drive.limiting
    clock.advance(5e-4)
    fixture.sync()
    assert not drive.limiting
    assert drive.v == -1.8
    assert 0 < drive.limited < 5e-4


def test_a_current_source() -> None:
    fixture, clock = over("resistor", conductance=1e-3)
    drive = fixture.connect("top")
    drive.follow("i", ((0.0, 0.0), (1.0, 2e-3), (2.0, 2e-3)), 10.0)
    clock.advance(2.0)
    fixture.sync()
    assert not drive.limiting
    assert drive.v == pytest.approx(2.0)
    assert drive.charge == pytest.approx(3e-3, rel=REGULATION)
    drive.follow("i", ((2.0, 2e-3),), 0.7)
    clock.advance(1.0)
    fixture.sync()
    assert drive.limiting
    assert drive.v == pytest.approx(0.7)


def test_an_open_terminal_floats_to_the_other() -> None:
    fixture, clock = over("ftj", conductance=2e-4)
    top, bottom = fixture.connect("top"), fixture.connect("bottom")
    bottom.follow("v", ((0.0, 1.0),), INF)
    top.follow("open", ((0.0, 0.0),), INF)
    clock.advance(1e-3)
    fixture.sync()
    assert top.v == pytest.approx(1.0)
    assert abs(bottom.charge) < 1e-15
    assert fixture.state.tally().pulses == 0


def test_a_current_into_nothing_meets_its_voltage_limit() -> None:
    fixture, clock = over("resistor", conductance=0.0)
    drive = fixture.connect("top")
    drive.follow("i", ((0.0, -1e-3),), 21.0)
    clock.advance(1e-3)
    fixture.sync()
    assert drive.v == -21.0
    assert drive.limiting


def test_two_sources_in_compliance_settle() -> None:
    fixture, clock = over("resistor", conductance=1e-3)
    top, bottom = fixture.connect("top"), fixture.connect("bottom")
    top.follow("v", ((0.0, 3.0),), 1e-3)
    bottom.follow("v", ((0.0, -3.0),), 2e-3)
    clock.advance(1e-2)
    fixture.sync()
    assert fixture.current(top) == pytest.approx(1e-3, rel=REGULATION)
    assert top.limiting


def test_conductance_is_seen_from_the_terminal() -> None:
    fixture, clock = over("resistor", conductance=1e-3)
    drive = fixture.connect("bottom")
    drive.follow("v", ((0.0, 0.4),), INF)
    clock.advance(1e-6)
    assert fixture.conductance(drive) == pytest.approx(1e-3)


def behind(name: str, resistance: float, **changes: object) -> tuple[Fixture, Clock]:
    model, clock = family(name).load("", changes), Clock()
    state = model.fresh(1, Stream(0), spread=False)
    return Fixture(model, state, None, clock, resistances={"top": resistance}), clock


def test_behind_a_resistance_the_device_sees_less() -> None:
    fixture, clock = behind("resistor", 1e3, conductance=1e-3)
    drive = fixture.connect("top")
    drive.follow("v", ((0.0, 0.0), (1.0, 2.0), (3.0, 2.0)), INF)
    clock.advance(3.0)
    fixture.sync()
    assert drive.flux == pytest.approx(5.0, rel=1e-3)
    assert drive.charge == pytest.approx(2.5e-3, rel=1e-3)
    assert drive.v == pytest.approx(2.0)
    assert fixture.state.tally().peak == pytest.approx(1.0)
    assert not drive.limiting


def test_behind_a_resistance_the_bound_still_holds() -> None:
    fixture, clock = behind("resistor", 1e3, conductance=1e-3)
    drive = fixture.connect("top")
    drive.follow("v", ((0.0, 0.0), (1.0, 2.0), (2.0, 2.0)), 6e-4)
    clock.advance(2.0)
    fixture.sync()
    assert fixture.current(drive) == pytest.approx(6e-4)
    assert drive.limiting
    assert drive.v == pytest.approx(1.2)
    # the piece in which the bound takes control counts whole
    assert drive.limited == pytest.approx(1.4, abs=0.05)
    drive.follow("v", ((2.0, 0.5),), 6e-4)
    clock.advance(1.0)
    fixture.sync()
    assert not drive.limiting
    assert fixture.current(drive) == pytest.approx(2.5e-4)


def test_a_current_source_shows_its_voltage_before_the_resistance() -> None:
    fixture, clock = behind("resistor", 1e3, conductance=1e-3)
    drive = fixture.connect("top")
    drive.follow("i", ((0.0, 1e-3),), 5.0)
    clock.advance(1.0)
    fixture.sync()
    assert drive.v == pytest.approx(2.0)
    assert not drive.limiting
    drive.follow("i", ((1.0, 1e-2),), 5.0)
    clock.advance(1.0)
    fixture.sync()
    assert drive.v == pytest.approx(5.0)
    assert drive.limiting
    assert drive.charge == pytest.approx(3.5e-3)


def test_a_changing_device_behind_a_resistance_divides_the_voltage_at_every_moment() -> None:
    """Against plain small steps: a junction that is written through its contact."""
    resistance, width = 2e3, 1e-3
    fixture, clock = behind("ftj", resistance, conductance=4e-4)
    drive = fixture.connect("top")
    drive.follow("v", ((0.0, 1.5),), INF)
    clock.advance(width)
    fixture.sync()
    model = family("ftj").load("", {"conductance": 4e-4})
    state = model.fresh(1, Stream(0), spread=False)
    charge, steps = 0.0, 4000
    for _ in range(steps):
        v = 1.5
        for _ in range(60):
            v = (v + 1.5 - resistance * float(model.current(state, {"top": v})[0, 0])) / 2
        charge += float(model.advance(state, {"top": v}, width / steps, 300.0, None)[0, 0])
    assert drive.charge == pytest.approx(charge, rel=5e-3)
    reached = float(fixture.model.conductance(fixture.state)[0])
    assert reached == pytest.approx(float(model.conductance(state)[0]), rel=5e-3)
    assert drive.flux == pytest.approx(1.5 * width, rel=2e-3)


# devices that change fast while they are held ----------------------------------------------------


class Counting:
    """A model that counts how often it was asked to move."""

    def __init__(self, model: DeviceModel) -> None:
        self.model, self.moves = model, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.model, name)

    def advance(self, *arguments: Any) -> np.ndarray:
        self.moves += 1
        moved: np.ndarray = self.model.advance(*arguments)
        return moved


def driven(
    name: str, preset: str, seed: int = 0, *, noise: bool = False
) -> tuple[Fixture, Clock, Counting]:
    """Return one device with its own numbers, cycle-to-cycle variation and maybe its noise."""
    model, clock = Counting(family(name).load(preset, {})), Clock()
    state = model.model.fresh(1, Stream(seed), spread=True)
    state.noise = Stream(seed + 1) if noise else None
    return Fixture(cast(DeviceModel, model), state, Stream(seed + 2), clock), clock, model


def held_by_hand(
    model: DeviceModel, state: State, stream: Stream, level: float, bound: float, times: np.ndarray
) -> tuple[float, float, list[float]]:
    """Return charge, flux and the last currents of a pulse in tiny pieces of constant voltage."""
    charge = flux = 0.0
    seen: list[float] = []
    for start, end in itertools.pairwise(times.tolist()):
        voltage = level
        if float(model.current(state, {"top": level})[0, 0]) > bound:
            low, high = 0.0, level
            for _ in range(26):
                middle = (low + high) / 2
                over_ = float(model.current(state, {"top": middle})[0, 0]) > bound
                low, high = (low, middle) if over_ else (middle, high)
            voltage = low
        moved = float(model.advance(state, {"top": voltage}, end - start, 300.0, stream)[0, 0])
        charge, flux = charge + moved, flux + voltage * (end - start)
        seen = [*seen[-9:], moved / (end - start)]
    return charge, flux, seen


@pytest.mark.parametrize(
    ("name", "preset", "level", "bound", "width", "most"),
    [
        ("mtj", "weight-32", 1.0, 1e-3, 1e-2, 500),
        ("cbram", "ag-sio2", 1.5, 1e-5, 1e-2, 160),
        ("cbram", "c-hfo2-ag", 1.0, 1e-5, 1e-2, 200),
        ("rram", "hfox", 1.5, 1e-4, 1e-2, 160),
        ("ftj", "bto-nsto", 1.5, 5e-4, 1e-3, 80),
    ],
)
def test_a_device_that_switches_into_its_limit_takes_few_moves(
    name: str, preset: str, level: float, bound: float, width: float, most: int
) -> None:
    """However fast it switches, and although its current fluctuates: the mean is the bound."""
    fixture, clock, model = driven(name, preset, noise=True)
    drive = fixture.connect("top")
    drive.follow("v", ((0.0, level),), bound)
    clock.advance(width)
    fixture.sync()
    assert drive.limiting
    assert model.moves < most
    assert abs(drive.charge) <= bound * width * (1 + 1e-6)
    marks = drive.charge, drive.flux
    clock.advance(width)
    fixture.sync()
    assert (drive.charge - marks[0]) / width == pytest.approx(bound, rel=1e-9)
    assert 0 < (drive.flux - marks[1]) / width < level
    assert fixture.current(drive) == pytest.approx(bound, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "preset", "level", "bound", "width", "since"),
    [
        ("cbram", "ag-sio2", 1.0, 1e-5, 1e-2, 0.0),
        ("rram", "hfox", 1.5, 1e-4, 1e-4, 0.0),
        ("ftj", "bto-nsto", 1.5, 5e-4, 1e-3, 0.0),
    ],
)
def test_held_devices_do_what_tiny_pieces_do(
    name: str, preset: str, level: float, bound: float, width: float, since: float
) -> None:
    fixture, clock, _ = driven(name, preset)
    drive = fixture.connect("top")
    drive.follow("v", ((0.0, level),), bound)
    clock.advance(width)
    fixture.sync()
    _, _, model = driven(name, preset)
    state = model.model.fresh(1, Stream(0), spread=True)
    begin = width - drive.limited
    times = np.concatenate([
        np.linspace(0.0, begin, 20)[:-1] if begin > 0 else [0.0],
        begin + np.geomspace(1e-9 * width, drive.limited, 900),
    ])  # fmt: skip
    charge, flux, seen = held_by_hand(model.model, state, Stream(2), level, bound, times)
    assert seen[-1] == pytest.approx(bound, rel=2e-2)
    assert drive.charge == pytest.approx(charge, rel=2e-2)
    assert drive.flux == pytest.approx(flux, rel=2e-2)
    reached = float(fixture.model.conductance(fixture.state)[0])
    assert reached == pytest.approx(float(model.model.conductance(state)[0]), rel=2e-2)


@pytest.mark.parametrize("name", ["cbram-ag-sio2", "rram-hfox", "ftj-bto-nsto"])
def test_a_pulse_in_parts_is_the_same_pulse(name: str) -> None:
    family_name, preset = name.split("-", 1)
    level, bound = {"cbram": (1.5, 1e-5), "rram": (1.5, 1e-4), "ftj": (1.5, 5e-4)}[family_name]
    sums = []
    for looks in (1, 13):
        fixture, clock, _ = driven(family_name, preset)
        drive = fixture.connect("top")
        drive.follow("v", ((0.0, level),), bound)
        for _ in range(looks):
            clock.advance(1e-3 / looks)
            fixture.sync()
        conductance = float(fixture.model.conductance(fixture.state)[0])
        sums.append((drive.charge, drive.flux, drive.limited, conductance))
    assert sums[0][0] == pytest.approx(sums[1][0], rel=1e-6)
    assert sums[0] == pytest.approx(sums[1], rel=1e-2)


def switches_at(seed: int, width: float) -> float:
    """Return when a volatile filament passes 10 uA at 0.9 V, s; the width for not."""
    fixture, clock, _ = driven("cbram", "ag-sio2", seed)
    drive = fixture.connect("top")
    drive.follow("v", ((0.0, 0.9),), 1e-5)
    clock.advance(width)
    fixture.sync()
    return width - drive.limited


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("left", [1e-2, 1e-4])
def test_no_switching_at_the_end_of_a_piece_is_missed(seed: int, left: float) -> None:
    """A cell that switches in the last per cent of a pulse does not pass the limit."""
    moment = switches_at(seed, 1.0)
    if moment == 1.0:
        return
    fixture, clock, _ = driven("cbram", "ag-sio2", seed)
    drive = fixture.connect("top")
    width = moment * (1 + left)
    drive.follow("v", ((0.0, 0.9),), 1e-5)
    clock.advance(width)
    fixture.sync()
    assert drive.limiting
    assert drive.limited == pytest.approx(width - moment, rel=0.05)
    assert fixture.current(drive) == pytest.approx(1e-5, rel=1e-6)
    conductance = float(fixture.model.conductance(fixture.state)[0])
    assert conductance < 1e-5 / 0.3 * 1.05  # held at the voltage where it stops growing


def test_an_excursion_within_a_piece_is_looked_into() -> None:
    """A filament that grows and loses its voltage on one falling line."""
    fixture, clock, _ = driven("cbram", "ag-sio2")
    drive = fixture.connect("top")
    bound = 1e-7
    drive.follow("v", ((0.0, 1.0), (0.1, 0.0)), bound)
    clock.advance(0.1)
    fixture.sync()
    assert drive.limited > 0.03
    assert drive.charge < bound * 0.1
    free, free_clock, _ = driven("cbram", "ag-sio2")
    unbound = free.connect("top")
    unbound.follow("v", ((0.0, 1.0), (0.1, 0.0)), INF)
    free_clock.advance(0.1)
    free.sync()
    assert unbound.charge / 0.1 > HIDDEN * bound


def test_the_limit_of_a_second_channel_acts_while_the_first_is_held() -> None:
    """A junction that falls under a limit of its top terminal, and then one of its bottom."""
    fixture, clock = over("resistor", conductance=1e-3)
    top, bottom = fixture.connect("top"), fixture.connect("bottom")
    top.follow("v", ((0.0, 3.0),), 1e-3)
    bottom.follow("v", ((0.0, 0.0), (1.0, 0.0)), 2e-3)
    clock.advance(0.5)
    fixture.sync()
    bottom.follow("v", ((0.5, 0.0),), 4e-4)
    clock.advance(0.5)
    fixture.sync()
    assert abs(fixture.current(bottom)) <= 4e-4 * (1 + REGULATION)


def test_a_current_through_a_diode_shows_its_logarithm() -> None:
    """A ramp of the current: the voltage is nothing like a straight line."""
    model, clock = family("diode").load("", {}), Clock()
    fixture = Fixture(model, model.fresh(1, Stream(0), spread=False), None, clock)
    drive = fixture.connect(model.terminals[0])
    drive.follow("i", ((0.0, 0.0), (1.0, 2e-3)), 10.0)
    clock.advance(1.0)
    fixture.sync()
    assert drive.charge == pytest.approx(1e-3, rel=2e-3)
    shares = (np.arange(400) + 0.5) / 400
    voltages = []
    for share in shares.tolist():
        low, high = 0.0, 2.0
        for _ in range(50):
            middle = (low + high) / 2
            current = float(model.current(fixture.state, {model.terminals[0]: middle})[0, 0])
            low, high = (middle, high) if current < 2e-3 * share else (low, middle)
        voltages.append(low)
    assert drive.flux == pytest.approx(float(np.mean(voltages)), rel=2e-3)


def test_what_fluctuates_shows_in_the_voltage_not_in_the_current() -> None:
    fixture, clock, _ = driven("cbram", "ag-sio2", noise=True)
    drive = fixture.connect("top")
    drive.follow("v", ((0.0, 1.5),), 1e-5)
    clock.advance(1.0)
    fixture.sync()
    means = []
    for _ in range(60):
        marks = drive.charge, drive.flux
        clock.advance(1e-3)
        fixture.sync()
        means.append(((drive.charge - marks[0]) / 1e-3, (drive.flux - marks[1]) / 1e-3))
    currents, voltages = np.array(means).T
    assert currents == pytest.approx(np.full(60, 1e-5), rel=1e-6)
    assert 1e-3 < float(np.std(np.diff(voltages))) / float(np.mean(voltages)) < 5e-2


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("name", "preset", "level", "bound"),
    [("cbram", "ag-sio2", 1.2, 1e-5), ("rram", "hfox", 1.5, 1e-4), ("ftj", "bto-nsto", 1.5, 5e-4)],
)
def test_held_devices_of_many_seeds_do_what_tiny_pieces_do(
    seed: int, name: str, preset: str, level: float, bound: float
) -> None:
    width = 1e-3
    fixture, clock, _ = driven(name, preset, seed)
    drive = fixture.connect("top")
    drive.follow("v", ((0.0, level),), bound)
    clock.advance(width)
    fixture.sync()
    model = family(name).load(preset, {})
    state = model.fresh(1, Stream(seed), spread=True)
    begin = width - drive.limited
    times = np.concatenate([
        np.linspace(0.0, begin, 20)[:-1] if begin > 0 else [0.0],
        begin + np.geomspace(1e-10 * width, max(drive.limited, 2e-10 * width), 2500),
    ])  # fmt: skip
    charge, flux, _ = held_by_hand(model, state, Stream(seed + 2), level, bound, times)
    assert drive.charge == pytest.approx(charge, rel=2e-2)
    assert drive.flux == pytest.approx(flux, rel=2e-2)
    reached = float(fixture.model.conductance(fixture.state)[0])
    assert reached == pytest.approx(float(model.conductance(state)[0]), rel=2e-2)
