"""The contract of a device model, held by every preset of every family that is installed."""

import itertools
import tomllib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labctl.catalogue import bench_files
from sim_backend.devices import DeviceModel, State, Stream, families, family
from sim_backend.devices.model import sees_light

PRESETS = [f"{name} {preset}" for name in families() for preset in family(name).names()]
EVERY = pytest.mark.parametrize("which", PRESETS)
QUICK = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
TEN_YEARS = 3.156e8
MODELS: dict[str, DeviceModel] = {}

LEVELS = st.sampled_from([0.0, 0.1, -0.1, 0.35, -0.35, 0.7, -0.7, 1.0, -1.0, 1.5, -1.5])
DURATIONS = st.floats(-8, 0).map(lambda power: 10**power)


def model_of(which: str) -> DeviceModel:
    if which not in MODELS:
        name, preset = which.split()
        MODELS[which] = family(name).load(preset)
    return MODELS[which]


def fresh(model: DeviceModel, devices: int = 1, first: int = 0, *, noisy: bool = False) -> State:
    state = model.fresh(devices, Stream(7), spread=True, first=first)
    state.noise = Stream(8) if noisy else None
    return state


def scale_of(model: DeviceModel) -> float:
    """Return what the drawn levels are multiplied by, so that they are above every threshold."""
    return max(1.0, 1.2 * model.threshold)


def history(model: DeviceModel, data: st.DataObject) -> list[tuple[dict[str, float], float]]:
    """Draw a few straight pieces on the terminals, and light where the device sees it."""
    pieces, scale = [], scale_of(model)
    ports = [*model.terminals, *(["light 450 nm"] if sees_light(model) else [])]
    for _ in range(data.draw(st.integers(1, 4))):
        port = data.draw(st.sampled_from(ports))
        level = data.draw(LEVELS)
        level = abs(level) * 100 if port.startswith("light") else level * scale
        pieces.append(({port: level} if level else {}, data.draw(DURATIONS)))
    return pieces


def play(model: DeviceModel, state: State, pieces: list, temperature: float = 300.0) -> np.ndarray:
    total = np.zeros((len(model.terminals), state.devices))
    for levels, duration in pieces:
        total += model.advance(state, levels, duration, temperature, Stream(9))
    return total


#: sums over the history, which noise on the current reaches; compared by the charges instead
SUMS = ("charge", "throughput")

#: a row that is part of a larger number, which says how sharp it can be
PARTS = {"clock": "cell"}

#: rows that are shares of one: what is left below this is rounding
SHARES, NONE = ("up", "rising", "falling", "left"), 1e-9

#: spikes of one piece up to which each is played; more are counted, which is right on average only
PLAYED = 4000


def close(one: State, other: State, tolerance: float) -> None:
    """Compare every state variable, by the size that it has in any of the devices."""
    rows = [k for k, name in enumerate(one.names) if name not in SUMS]
    here, there = one.values[rows], other.values[rows]
    sizes = dict(
        zip(
            (one.names[k] for k in rows),
            np.maximum(np.abs(here), np.abs(there)).max(axis=1),
            strict=True,
        )
    )
    sizes |= {
        part: max(sizes[part], sizes[whole]) for part, whole in PARTS.items() if part in sizes
    }
    least = [NONE if name.startswith(SHARES) else 1e-12 for name in sizes]
    size = np.maximum(list(sizes.values()), least)[:, np.newaxis]
    with np.errstate(invalid="ignore"):  # a life without end is infinite in both
        apart = np.where(here == there, 0.0, np.abs(here - there))
        worst = np.max(apart / np.where(np.isfinite(size), size, 1.0), axis=1)
    wrong = {one.names[row]: x for row, x in zip(rows, worst, strict=True) if not x <= tolerance}
    assert wrong == {}


@pytest.mark.long
@EVERY
@QUICK
@given(data=st.data())
def test_a_piece_cut_in_two_is_the_same_piece(which: str, data: st.DataObject) -> None:
    model = model_of(which)
    pieces = history(model, data)
    at = data.draw(st.floats(0.05, 0.95))
    cut = [part for levels, t in pieces for part in ((levels, t * at), (levels, t - t * at))]
    whole, parts = fresh(model), fresh(model)
    charges = play(model, whole, pieces), play(model, parts, cut)
    if "spikes" in whole.names and whole.row("spikes")[0] > PLAYED:
        # its distribution is held by the tests of the threshold switch
        assert parts.row("spikes")[0] == pytest.approx(whole.row("spikes")[0], rel=4e-3)
        np.testing.assert_allclose(charges[0], charges[1], rtol=4e-3)
        return
    close(whole, parts, 1e-5)
    size = max(np.max(whole.row("throughput")), np.max(np.abs(charges[0]))) + 1e-18
    np.testing.assert_allclose(charges[0], charges[1], rtol=0, atol=2e-3 * size)


@pytest.mark.long
@EVERY
@QUICK
@given(data=st.data())
def test_a_device_among_others_is_the_device_alone(which: str, data: st.DataObject) -> None:
    model = model_of(which)
    pieces = history(model, data)
    among, alone = fresh(model, 12, noisy=True), fresh(model, 1, first=9, noisy=True)
    np.testing.assert_array_equal(among.parameters[:, 9], alone.parameters[:, 0])
    charges = play(model, among, pieces), play(model, alone, pieces)
    column = State(among.names, among.values[:, 9:10], among.parameters[:, 9:10])
    close(column, alone, 1e-7)
    size = max(np.max(alone.row("throughput")), np.max(np.abs(charges[1]))) + 1e-18
    np.testing.assert_allclose(charges[0][:, 9], charges[1][:, 0], rtol=0, atol=1e-7 * size)


@pytest.mark.long
@EVERY
@QUICK
@given(data=st.data())
def test_turns_at_once_are_turns_one_by_one(which: str, data: st.DataObject) -> None:
    model = model_of(which)
    pieces = history(model, data)
    count = data.draw(st.integers(1, 40))
    once, apart = fresh(model), fresh(model)
    model.repeat(once, pieces, count, 300.0, Stream(9))
    for _ in range(count):
        play(model, apart, pieces)
    close(once, apart, 1e-6)
    assert once.tally().pulses == apart.tally().pulses


@pytest.mark.long
@EVERY
@QUICK
@given(data=st.data())
def test_what_flows_in_flows_out(which: str, data: st.DataObject) -> None:
    model = model_of(which)
    state = fresh(model, 3)
    charges = play(model, state, history(model, data))
    size = np.max(np.abs(charges))
    np.testing.assert_allclose(np.sum(charges, axis=0), 0.0, atol=1e-9 * size + 1e-30)
    levels = {terminal: data.draw(LEVELS) for terminal in model.terminals}
    currents = model.current(state, levels)
    size = np.max(np.abs(currents))
    np.testing.assert_allclose(np.sum(currents, axis=0), 0.0, atol=1e-9 * size)


@EVERY
def test_looking_changes_nothing_and_a_moment_costs_its_current(which: str) -> None:
    model = model_of(which)
    state = fresh(model, 2)
    play(model, state, [({model.terminals[0]: 0.2}, 1e-3)])  # past any charging of a capacitance
    before = state.values.copy()
    levels = {model.terminals[0]: 0.2}
    current = model.current(state, levels)
    np.testing.assert_array_equal(model.current(state, levels), current)
    model.conductance(state)
    np.testing.assert_array_equal(state.values, before)
    charge = model.advance(state, levels, 1e-9, 300.0, Stream(9))
    size = np.max(np.abs(current))
    np.testing.assert_allclose(charge / 1e-9, current, rtol=0.02, atol=0.02 * size)


@EVERY
def test_ten_years_of_rest_are_one_piece(which: str) -> None:
    model = model_of(which)
    state = fresh(model, 4)
    play(model, state, [({model.terminals[0]: 1.0}, 1e-4), ({}, TEN_YEARS)])
    conductance = model.conductance(state)
    assert not np.any(np.isnan(state.values))
    assert np.all(np.isfinite(conductance))
    assert np.all(conductance >= 0)
    halves = fresh(model, 4)
    play(model, halves, [({model.terminals[0]: 1.0}, 1e-4)] + [({}, TEN_YEARS / 10)] * 10)
    np.testing.assert_allclose(model.conductance(halves), conductance, rtol=1e-3, atol=1e-15)


#: rows that only a voltage or light may change; what fades has a row of its own
LASTING = {
    "cbram": ("y",), "domain-wall": ("place",), "ecram": ("w",), "fefet": ("up",), "hzo": ("up",),
    "mtj": ("parallel",), "optoelectronic": ("p",), "pcm": ("g",), "rram": ("r", "formed"),
    "rram-array": ("w",), "rram-gap": ("g",),
}  # fmt: skip

#: lasting rows that decay by a law of their own, and by how much in the time below at most
DECAYING = {"ftj": (("p",), 1e-5), "floating-gate": (("x",), 0.1)}

#: families without a memory, or with one that is gone by itself
FORGETFUL = {
    "capacitor", "diode", "oect", "open", "resistor", "short", "threshold-switch",
    "cbram ag-sio2", "cbram c-hfo2-ag", "mtj stochastic-50nm",
}  # fmt: skip
HOLDING = [which for which in PRESETS if not {which, which.split()[0]} & FORGETFUL]


def driven(model: DeviceModel) -> list[list[tuple[dict[str, float], float]]]:
    """Return what excites a device both ways, each with a rest in which it settles."""
    port = "gate" if "gate" in model.terminals else model.terminals[0]
    level, settle = 1.6 * model.threshold, ({}, 1e-3)
    lit = [[({"light 365 nm": 30.0}, 1e-2), settle]] if sees_light(model) else []
    pulses = ((1.0, 1e-4), (-1.0, 2e-5), (1.5, 1e-6), (-3.0, 1e-6), (3.0, 1e-6), (0.83, 1e-6))
    return [*lit, *([({port: part * level}, t), settle] for part, t in pulses)]


@pytest.mark.parametrize("which", HOLDING)
def test_zero_volts_never_change_what_lasts(which: str) -> None:
    model, name = model_of(which), which.split()[0]
    state, moved = fresh(model, 3), False
    row, most = DECAYING[name] if name in DECAYING else (LASTING[name], 0.0)
    lasting = [k for k, n in enumerate(state.names) if n.rstrip("0123456789") in row]
    zeros = [({model.terminals[0]: 0.0}, 1e-7), (dict.fromkeys(model.terminals, 0.0), 10.0)]
    zeros.append(({}, 1e4 if name in LASTING else 1.0))
    for event in driven(model):
        untouched = state.values[lasting].copy()
        play(model, state, event)
        before = state.values[lasting].copy()
        play(model, state, zeros, 310.0)
        assert np.max(np.abs(state.values[lasting] - before)) <= most
        moved |= np.any(before != untouched)
    assert moved  # there was something to be kept


#: rows that time alone changes: what is volatile, what drifts, and the clocks of both
RELAXING = {
    "capacitor": ("u", "charge", "throughput"), "cbram": ("s", "h", "faded"), "ecram": ("r",),
    "fefet": ("since_up", "since_down", "trap", "rising"), "ftj": ("v", "z", "c", "s"),
    "hzo": ("since_up", "since_down", "trap", "rising", "falling"), "mtj": ("cell", "clock"),
    "oect": ("v", "charge", "throughput"), "optoelectronic": ("f", "n"), "pcm": ("t", "drift"),
    "rram": ("faded",), "rram-array": ("v", "faded"), "rram-gap": ("faded",),
    "threshold-switch": ("v", "charge", "throughput"),
}  # fmt: skip

#: lasting rows that heat changes in years without a voltage: flips of a junction, depolarisation,
#: charge that leaks away; in the cold they are as still as the others
THERMAL = {"floating-gate": ("x",), "ftj": ("p",), "mtj": ("parallel",)}


@pytest.mark.parametrize("temperature", [77.0, 300.0, 400.0])
@EVERY
def test_ten_years_at_zero_volts_change_only_what_relaxes(which: str, temperature: float) -> None:
    """No row of the lasting state, of the counts or of the wear is among those that change."""
    model, name = model_of(which), which.split()[0]
    state = fresh(model, 3)
    for event in driven(model):
        play(model, state, event)
    before = state.values.copy()
    zeros = dict.fromkeys(model.terminals, 0.0)
    play(model, state, [(zeros, 0.3 * TEN_YEARS), ({}, 0.7 * TEN_YEARS)], temperature)
    free = {"age", "temperature", *RELAXING.get(name, ())}
    free |= set(THERMAL.get(name, ())) if temperature > 77.0 else set()
    moved = {
        row.rstrip("0123456789")
        for row, old, new in zip(state.names, before, state.values, strict=True)
        if not np.array_equal(old, new)
    }
    assert moved <= free


def bounds(model: Any, name: str) -> tuple[float, float]:
    """Return the least and the greatest conductance of a device of the nominal numbers, S.

    Those of the other families are held by their own tests.
    """
    p = model.parameters
    if name == "cbram":
        return p.g_off, p.g_on
    if name == "rram":
        low, high = model.bounds
        return p.iv_factor / high, p.iv_factor / low
    if name == "rram-gap":
        ends = np.exp(-np.array([p.gap_max, p.gap_min]) / p.decay_length)
        return tuple((p.current / p.iv_scale * ends).tolist())
    if name == "rram-array":
        middle, half = (p.gmax + p.gmin) / 2, (p.gmax - p.gmin) / 2
        seen = p.upper + p.m1 + p.m2 + 6 * p.write_sigma  # what is seen of a write is normal
        return 0.05 * p.gmin, middle + half * seen
    exponent = p.drift_scale * (p.drift_max + 6 * p.drift_sd_max)
    fresh = (p.drift_time / p.drift_from) ** exponent
    return 0.0, p.g_max * fresh * (1 + 6 * (p.write_constant + p.write_linear + p.write_square))


@pytest.mark.parametrize(
    "which",
    [which for which in PRESETS if which.split()[0] in
     ("cbram", "pcm", "rram", "rram-array", "rram-gap")],
)  # fmt: skip
@settings(QUICK, max_examples=3)
@given(data=st.data())
def test_conductance_stays_in_its_bounds(which: str, data: st.DataObject) -> None:
    model = model_of(which)
    state = model.fresh(3, Stream(7), spread=False)
    low, high = bounds(model, which.split()[0])
    for piece in history(model, data):
        play(model, state, [piece])
        g = model.conductance(state)
        assert np.all((low * (1 - 1e-9) <= g) & (g <= high * (1 + 1e-9)))


#: by how much the charge of a sweep in one piece, as a share, and ln G after it may differ from
#: those of a sweep in many
SWEEP = 5e-3
SWEEPS = {"rram-gap": 2.5e-2, "mtj": 2e-2}  # SET comes within 5 mV; flips in a piece
#: one preset of a family is enough every day; of a neuron the moments of events are tested apart
SWEPT = [
    pytest.param(
        which, duration,
        marks=() if duration == 1e-3 and preset == family(name).names()[0] else pytest.mark.long,
    )
    for which in PRESETS for name, preset in [which.split()] if name != "threshold-switch"
    for duration in (1e-6, 1e-3, 1.0)
]  # fmt: skip


@pytest.mark.parametrize(("which", "duration"), SWEPT)
def test_a_sweep_in_one_piece_is_the_sweep_in_many(which: str, duration: float) -> None:
    """A straight line of the voltage is honoured whatever its length; the bound is stated."""
    model, bound = model_of(which), SWEEPS.get(which.split()[0], SWEEP)
    whole, parts = fresh(model, 2), fresh(model, 2)
    port = "gate" if "gate" in model.terminals else model.terminals[0]
    peak, count = 1.6 * max(model.threshold, 0.9), 25
    for first, last in ((0.0, peak), (peak, 0.0), (0.0, -peak), (-peak, 0.0)):
        charge = play(model, whole, [({port: (first, last)}, duration)])
        edges = np.linspace(first, last, count + 1).tolist()
        cut = [({port: line}, duration / count) for line in itertools.pairwise(edges)]
        again = play(model, parts, cut)
        assert np.max(np.abs(charge - again)) <= bound * max(np.max(np.abs(charge)), 1e-30)
    seen = model.conductance(whole), model.conductance(parts)
    np.testing.assert_allclose(seen[0], seen[1], rtol=bound)


def test_every_family_has_a_bench_with_an_instrument_and_one_without() -> None:
    benches = {name: tomllib.loads(path.read_text("utf-8")) for name, path in bench_files().items()}
    for name in families():
        for kind, drivers in (("direct", {"direct"}), ("sim", {"keithley2600"})):
            bench = benches[f"{kind}-{name}"]
            assert bench["simulation"]["device"]["family"] == name
            assert {part["driver"] for part in bench["instruments"].values()} & drivers


@EVERY
def test_no_time_changes_nothing(which: str) -> None:
    model = model_of(which)
    state = fresh(model, 2)
    before = state.values.copy()
    charge = model.advance(state, {model.terminals[0]: 1.0}, 0.0, 300.0, Stream(9))
    np.testing.assert_array_equal(charge, 0.0)
    np.testing.assert_array_equal(state.values, before)


@EVERY
def test_one_seed_is_one_history(which: str) -> None:
    model = model_of(which)
    pieces = [({model.terminals[0]: 1.2}, 1e-4), ({}, 1e-2), ({model.terminals[0]: -1.2}, 1e-4)] * 5
    found = []
    for _ in range(2):
        state = fresh(model, 3, noisy=True)
        play(model, state, pieces)
        found.append(state.values.copy())
    np.testing.assert_array_equal(found[0], found[1])


@EVERY
def test_heat_is_no_trouble(which: str) -> None:
    model = model_of(which)
    for temperature in (12.0, 77.0, 250.0, 400.0):
        state = fresh(model, 2)
        play(model, state, [({model.terminals[0]: 1.0}, 1e-4), ({}, 1.0)], temperature)
        assert not np.any(np.isnan(state.values)), temperature


@EVERY
def test_every_number_says_where_it_comes_from(which: str) -> None:
    name, preset = which.split()
    told: Mapping = family(name).describe(preset)
    assert told["citation"]
    assert all(entry["source"] for entry in told["parameters"].values())
    assert all(entry["meaning"] for entry in told["parameters"].values())
