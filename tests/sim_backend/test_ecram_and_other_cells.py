"""What ECRAM, organic transistor, floating gate and optoelectronic synapse must all do."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.errors import BadInput
from sim_backend.devices import Stream, families, family
from sim_backend.devices.cells import COMMON, integral, share_lost
from sim_backend.devices.family import GRADES
from sim_backend.devices.model import TALLY, sees_light

FAMILIES = ("ecram", "floating-gate", "oect", "optoelectronic")
PRESETS = [(name, preset) for name in FAMILIES for preset in family(name).names()]
#: for each family: strong levels up and down, and a rest that moves what is volatile
STRONG: dict[str, tuple[dict[str, float], dict[str, float], float]] = {
    "ecram": ({"gate": 3.0}, {"gate": -3.0}, 1e-6),
    "floating-gate": ({"gate": 8.0}, {"gate": -8.0}, 5e-6),
    "oect": ({"gate": 0.5}, {"gate": -0.3}, 1e-3),
    "optoelectronic": ({"light 365 nm": 30.0}, {"top": -2.0}, 1e-2),
}
#: rows that no rest without light and voltage may change but by the stated decay
LASTING = {"ecram": ("w",), "floating-gate": (), "oect": (), "optoelectronic": ("p",)}
CHANNEL = {"drain": 0.1}, {"top": 0.1}


def made(name: str, devices: int = 1, preset: str = "", first: int = 0, **changes: Any) -> Any:
    model = family(name).load(preset, changes)
    return model, model.fresh(devices, Stream(3), spread=devices > 1 or first > 0, first=first)


def bias(name: str) -> dict[str, float]:
    return {"top": 0.1} if name == "optoelectronic" else {"drain": 0.1}


def pieces(name: str) -> list[tuple[Mapping[str, Any], float]]:
    up, down, width = STRONG[name]
    return [(up, width), ({}, 1e-3), (down, width), (bias(name), 1e-2)]


def close(one: Any, other: Any, tolerance: float = 1e-10) -> None:
    """Two states are the same but for rounding; sums of charge differ in their last digits."""
    scale = np.maximum(np.abs(one.values), np.abs(other.values)).max(axis=1, keepdims=True)
    scale[one.names.index("charge")] = scale[one.names.index("throughput")]  # it may cancel
    difference = np.abs(one.values - other.values) / np.where(scale > 0, scale, 1.0)
    worst = {n: float(d) for n, d in zip(one.names, difference.max(axis=1), strict=True) if d > 0}
    assert max(worst.values(), default=0.0) < tolerance, worst


def test_they_are_found() -> None:
    assert set(FAMILIES) <= set(families())


@pytest.mark.parametrize(("name", "preset"), PRESETS)
def test_every_number_has_a_unit_a_grade_and_a_source(name: str, preset: str) -> None:
    account = family(name).describe(preset)
    assert account["grade"] in GRADES
    assert account["citation"]
    for parameter, entry in account["parameters"].items():
        assert entry["grade"] in GRADES, parameter
        assert entry["source"], parameter
        assert entry["source"] != "set in the bench file", parameter
        assert entry["meaning"], parameter
        assert math.isfinite(entry["value"])
    assert account["citation"] in str(account)


@pytest.mark.parametrize(("name", "preset"), PRESETS)
def test_the_contract(name: str, preset: str) -> None:
    model, state = made(name, 3, preset)
    assert state.names[: len(TALLY) + len(COMMON)] == (*TALLY, *COMMON)
    assert sees_light(model) == (name == "optoelectronic")
    up, _, width = STRONG[name]
    ramp = {key: (0.0, level) for key, level in up.items()}
    charge = model.advance(state, {**ramp, **bias(name)}, width, 300.0, Stream(2))
    assert charge.shape == (len(model.terminals), 3)
    assert np.abs(charge.sum(axis=0)).max() <= 1e-9 * np.abs(charge).max()  # nothing is lost
    currents = model.current(state, {**up, **bias(name)})
    assert np.abs(currents.sum(axis=0)).max() <= 1e-9 * np.abs(currents).max()
    small = dict.fromkeys(bias(name), 1e-06)
    model.advance(state, {}, 1.0, 300.0, None)  # the gate current of a charging channel is gone
    seen = model.current(state, small)[0] / 1e-6
    np.testing.assert_allclose(model.conductance(state), seen, rtol=2e-4)
    before = state.values.copy()
    assert not model.advance(state, up, 0.0, 300.0, None).any()
    assert state.values.tolist() == before.tolist()


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(FAMILIES),
    share=st.floats(0.01, 0.99),
    strength=st.floats(-1.0, 1.0),
    log_time=st.floats(-8.0, 4.0),
    biased=st.booleans(),
)
def test_a_pulse_cut_in_two_is_the_same_pulse(
    name: str, share: float, strength: float, log_time: float, biased: bool
) -> None:
    up, down, _ = STRONG[name]
    levels = {key: abs(strength) * level for key, level in (up if strength > 0 else down).items()}
    levels = {**levels, **bias(name)} if biased else levels
    duration, stream = 10.0**log_time, Stream(9)
    (model, whole), (_, cut) = made(name, 2), made(name, 2)
    for state in (whole, cut):
        model.advance(state, up, STRONG[name][2], 300.0, stream)
        model.advance(state, {}, 0.05, 300.0, stream)
    once = model.advance(whole, levels, duration, 300.0, stream)
    twice = model.advance(cut, levels, share * duration, 300.0, stream)
    twice = twice + model.advance(cut, levels, (1 - share) * duration, 300.0, stream)
    # the charge is a quadrature, the state is exact
    close(whole, cut, 1e-4)
    np.testing.assert_allclose(once, twice, rtol=1e-4, atol=1e-6 * np.abs(once).max() + 1e-30)
    own = len(TALLY) + len(COMMON)
    np.testing.assert_allclose(whole.values[own:], cut.values[own:], rtol=1e-9, atol=1e-13)


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(FAMILIES),
    log_time=st.floats(-8.0, 9.0),
    temperature=st.floats(250.0, 400.0),
)
def test_rest_leaves_what_is_lasting(name: str, log_time: float, temperature: float) -> None:
    model, state = made(name, 2)
    up, down, width = STRONG[name]
    for levels in (up, up, down, up):
        model.advance(state, levels, width, 300.0, Stream(1))
    before = {row: state.row(row).copy() for row in LASTING[name]}
    shifted = state.values.copy()
    model.advance(state, {}, 10.0**log_time, temperature, Stream(1))
    for row, value in before.items():
        np.testing.assert_array_equal(state.row(row), value)
    if name in ("floating-gate", "oect"):  # what there is only ever comes nearer to zero
        for row in ("x",) if name == "floating-gate" else ("v1", "v2"):
            old = shifted[state.names.index(row)]
            assert np.all(np.abs(state.row(row)) <= np.abs(old))
            assert np.all(state.row(row) * old >= 0)


BOUNDS = {
    "ecram": lambda p: (0.2 * p.gmin, 1.0 / (0.1 / (1.5 * p.gmax))),
    "floating-gate": lambda p: (0.0, 1e-3),
    "oect": lambda p: (0.0, 2.0 * p.most * p.g0),
    "optoelectronic": lambda p: (0.5 * p.dark, 2.0 * (p.dark + p.g_fast + p.g_slow + p.g_keep)),
}


@settings(max_examples=20, deadline=None)
@given(
    name=st.sampled_from(FAMILIES),
    events=st.lists(st.tuples(st.floats(-1, 1), st.floats(-7.0, 2.0)), min_size=1, max_size=8),
)
def test_conductance_stays_in_its_bounds(name: str, events: list[tuple[float, float]]) -> None:
    model, state = made(name, 3)
    up, down, _ = STRONG[name]
    low, high = BOUNDS[name](model.parameters)
    for strength, log_time in events:
        levels = {k: abs(strength) * v for k, v in (up if strength > 0 else down).items()}
        charge = model.advance(state, levels, 10.0**log_time, 300.0, Stream(4))
        assert np.all(np.isfinite(charge))
        g = model.conductance(state)
        assert np.all((low <= g) & (g <= high))
        assert np.all(np.isfinite(state.values))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_device_is_the_same_alone_and_among_others(name: str) -> None:
    model, among = made(name, 5)
    _, alone = made(name, 1, first=4)
    np.testing.assert_array_equal(alone.parameters[:, 0], among.parameters[:, 4])
    for state in (among, alone):
        state.noise = Stream(8)
        model.repeat(state, pieces(name), 5, 305.0, Stream(5))
    np.testing.assert_allclose(alone.values[:, 0], among.values[:, 4], rtol=1e-9, atol=1e-30)
    np.testing.assert_allclose(model.conductance(alone)[0], model.conductance(among)[4])


@pytest.mark.parametrize("path", ["numba", "numpy"])
@pytest.mark.parametrize("name", FAMILIES)
def test_repeated_turns_are_turns_one_by_one(
    name: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABCTL_KERNELS", path)
    count, devices = (60, 400) if path == "numba" else (300, 2)
    turn = [(levels, t) for levels, t in pieces(name) if "drain" not in levels]
    (model, together), (_, singly) = made(name, devices), made(name, devices)
    charge = model.repeat(together, turn, count, 300.0, Stream(5))
    parts = [
        model.advance(singly, levels, t, 300.0, Stream(5))
        for _ in range(count)
        for levels, t in turn
    ]
    # the charge of turns left out is that of the last ones
    tolerance = 1e-9 if count < 256 else 1e-2
    close(together, singly, tolerance)
    own = len(TALLY)
    np.testing.assert_allclose(together.values[own:], singly.values[own:], rtol=1e-9, atol=1e-12)
    passed = np.abs(parts).sum(axis=0)
    assert np.all(np.abs(charge - np.sum(parts, axis=0)) <= tolerance * passed)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_long_rest_is_one_step_however_it_comes(name: str) -> None:
    (model, whole), (_, parts) = made(name, 2), made(name, 2)
    for state in (whole, parts):
        model.advance(state, *STRONG[name][::2], 300.0, None)
    model.advance(whole, {}, 3e8, 300.0, None)
    model.repeat(parts, [({}, 1e6)], 300, 300.0, None)
    np.testing.assert_allclose(whole.values, parts.values, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("name", FAMILIES)
def test_read_noise_is_a_function_of_the_age(name: str) -> None:
    model, state = made(name, 4)
    quiet = model.conductance(state)
    state.noise = Stream(6)
    noisy = model.conductance(state)
    np.testing.assert_array_equal(noisy, model.conductance(state))
    relative = np.abs(noisy / quiet - 1.0)
    assert np.all((relative > 1e-6) & (relative < 0.2))
    charge = model.advance(state, bias(name), 1e-6, 300.0, None)[0]
    np.testing.assert_allclose(charge, noisy * 0.1 * 1e-6, rtol=0.25)
    model.advance(state, {}, 100.0, 300.0, None)
    assert np.all(model.conductance(state) != noisy)


@pytest.mark.parametrize("name", FAMILIES)
def test_variation_is_from_event_to_event(name: str) -> None:
    """The same event gives the same, the next one another; without a stream all are alike."""
    up, _, width = STRONG[name]
    model, state = made(name, 1)
    fresh = state.values.copy()
    found = []
    for stream in (None, Stream(1), Stream(1), Stream(2)):
        state.values[:] = fresh
        model.advance(state, up, width, 300.0, stream)
        found.append(state.values[len(TALLY) + len(COMMON) :].copy())
    assert np.array_equal(found[1], found[2])
    assert not np.array_equal(found[0], found[1])
    assert not np.array_equal(found[1], found[3])


def test_integral_of_relaxations_whatever_the_duration() -> None:
    rates, weights = (1e3, 1.0, 1e-4), (1.0, -0.3, 0.2)
    for duration in (1e-6, 1e-3, 1.0, 1e3, 1e8):
        found = integral(
            lambda t: sum(w * np.exp(-k * t) for w, k in zip(weights, rates, strict=True)),
            duration, np.array(rates[:1]),
        )  # fmt: skip
        exact = sum(-w * math.expm1(-k * duration) / k for w, k in zip(weights, rates, strict=True))
        assert found[0] == pytest.approx(exact, rel=1e-7, abs=1e-8 * duration)
    assert share_lost(np.array([0.0, 1e-14, 800.0])).tolist() == pytest.approx([1, 1, 1 / 800])


@pytest.mark.parametrize(
    ("name", "changes", "sentence"),
    [
        ("ecram", {"conductance": "1 mS"}, "rested it has"),
        ("ecram", {"ceiling": "100 kOhm"}, "it must stay below"),
        ("oect", {"most": 0.1}, "raise most or span"),
        ("floating-gate", {"shift": "5 V"}, "it can be from"),
        ("optoelectronic", {f"eta_{nm}": 0.0 for nm in range(250, 601, 50)}, "let eta_250"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    name: str, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BadInput, match=sentence):
        family(name).load("", changes)
