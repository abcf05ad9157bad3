"""The device contract: families, presets, keyed random numbers, and the resistor."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import BadInput
from sim_backend import devices
from sim_backend.devices import Stream, families, family
from sim_backend.devices.family import GRADES
from sim_backend.devices.model import TALLY, excursions, spread

EVERY = [(name, preset) for name in ("ftj", "resistor") for preset in family(name).names()]


def test_families_of_this_package_are_found() -> None:
    assert {"ftj", "resistor"} <= set(families())
    assert family("ftj").name == "ftj"


def test_a_third_party_adds_a_family_by_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    offered = object()
    point = SimpleNamespace(name="skyrmion", load=lambda: offered)
    monkeypatch.setattr(devices, "entry_points", lambda group, name="": [point])
    assert family("skyrmion") is offered
    assert "skyrmion" in families()


def test_an_unknown_family_is_named_with_those_there_are() -> None:
    with pytest.raises(BadInput, match=r'"ftk" was asked for; installed are .*ftj.*resistor'):
        family("ftk")


@pytest.mark.parametrize(("name", "preset"), EVERY)
def test_every_number_has_a_unit_a_grade_and_a_source(name: str, preset: str) -> None:
    account = family(name).describe(preset)
    assert account["grade"] in GRADES
    assert account["citation"]
    for parameter, entry in account["parameters"].items():
        assert entry["grade"] in GRADES, parameter
        assert entry["source"], parameter
        assert entry["meaning"], parameter
        assert entry["unit"], parameter
        assert math.isfinite(entry["value"])
        assert f"  {parameter} " in str(account)
    assert account["citation"] in str(account)


@pytest.mark.parametrize(("name", "preset"), EVERY)
def test_the_contract(name: str, preset: str) -> None:
    model = family(name).load(preset)
    state = model.fresh(3, Stream(1), spread=True)
    assert state.devices == 3
    assert state.names[: len(TALLY)] == TALLY
    charge = model.advance(state, {"top": (0.0, 1.0)}, 1e-4, 300.0, Stream(2))
    assert charge.shape == (len(model.terminals), 3)
    assert charge.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-20)  # nothing is lost
    assert model.current(state, {"top": 0.1}).shape == (len(model.terminals), 3)
    assert model.conductance(state) == pytest.approx(model.current(state, {"top": 0.1})[0] / 0.1)
    before = state.values.copy()
    assert not model.advance(state, {"top": 1.0}, 0.0, 300.0, None).any()
    assert state.values.tolist() == before.tolist()
    assert state.tally(2).positive == 1


def test_a_change_in_the_bench_file_is_marked_as_one() -> None:
    entry = family("ftj").load("bto-nsto", {"t1": "60 ms"}).describe()["parameters"]["t1"]
    assert entry["value"] == 0.06
    assert entry["unit"] == "s"
    assert (entry["grade"], entry["source"]) == ("illustrative", "set in the bench file")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"tau": 1}, 'bench: the key "tau" is unknown; allowed are family, preset, conductance'),
        ({"t1": "1 V"}, r'bench: t1 = .* is not allowed: .* unit "V"'),
        ({"t1": -1.0}, "bench: t1 = -1.0 is not allowed"),
        ({"conductance": "1 S"}, "1 S was asked for; relaxed it has"),
    ],
)
def test_a_wrong_change_gets_one_sentence(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence) as caught:
        family("ftj").load("bto-nsto", changes, "bench")
    assert "\n" not in str(caught.value)


OWN = """
family = "resistor"
title = "mine"
grade = "illustrative"
citation = "none"
[parameters.conductance]
value = "5 mS"
grade = "{grade}"
source = "guessed"
"""


def test_a_user_adds_a_preset_by_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OWN.format(grade="illustrative"), encoding="utf-8")
    model = family("resistor").load(str(path))
    assert model.describe()["parameters"]["conductance"]["value"] == 5e-3
    assert model.describe()["preset"] == "mine"
    with pytest.raises(BadInput, match='of the family "resistor" was given'):
        family("ftj").load(str(path))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (OWN.format(grade="good"), 'the grade "good" is unknown'),
        ("family = ", "not a preset"),
        ('family = "resistor"', "not a preset of a device: .*title"),
    ],
)
def test_a_broken_preset_gets_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadInput, match=sentence):
        family("resistor").preset(str(path))


def test_a_missing_preset_is_named_with_those_there_are() -> None:
    with pytest.raises(BadInput, match=r'preset "nbo" .* there are bto-nsto'):
        family("ftj").preset("nbo")


# -- random numbers -------------------------------------------------------------------------------


@given(seed=st.integers(0, 2**64), key=st.lists(st.integers(0, 2**40), max_size=3))
def test_a_key_fixes_its_number(seed: int, key: list[int]) -> None:
    number = Stream(seed).uniform(*key)
    assert 0 < number < 1
    assert Stream(seed).uniform(*key) == number
    assert Stream(seed + 1).uniform(*key) != number
    assert Stream(seed).uniform(*key, 0) != number


def test_the_numbers_are_normal_and_independent() -> None:
    stream = Stream(7)
    values = np.array([[stream.normal(device, k) for k in range(20000)] for device in range(2)])
    assert values.mean(axis=1) == pytest.approx([0, 0], abs=0.03)
    assert values.std(axis=1) == pytest.approx([1, 1], abs=0.02)
    assert (values**4).mean(axis=1) == pytest.approx([3, 3], abs=0.2)
    assert abs(np.corrcoef(values)[0, 1]) < 0.03
    assert abs(np.corrcoef(values[0, 1:], values[0, :-1])[0, 1]) < 0.03


def test_spread_is_log_normal_and_does_not_depend_on_the_array() -> None:
    whole = spread([2.0, 3.0], 0.1, 400, Stream(1))
    assert np.log(whole).mean(axis=1) == pytest.approx(np.log([2, 3]), abs=0.02)
    assert np.log(whole).std(axis=1) == pytest.approx([0.1, 0.1], rel=0.15)
    part = spread([2.0, 3.0], 0.1, 3, Stream(1), first=100)
    assert part.tolist() == whole[:, 100:103].tolist()
    assert spread([2.0], 0.1, 2, None).tolist() == [[2.0, 2.0]]


@pytest.mark.parametrize(
    ("side", "first", "last", "expected"),
    [
        (0, 0.0, 1.0, (1, 0, 1)),
        (1, 1.0, 1.0, (0, 0, 1)),
        (1, 1.0, 0.0, (0, 0, 0)),
        (1, -1.0, -1.0, (0, 1, -1)),
        (1, 1.0, -1.0, (0, 1, -1)),
        (0, 0.3, 0.3, (0, 0, 0)),
        (-1, -0.5, 0.5, (1, 0, 1)),
        (0, -0.5, 0.5, (1, 1, 1)),
        (1, 0.28, 0.28, (0, 0, 1)),
        (1, 0.28, 0.26, (0, 0, 0)),
    ],
)
def test_excursions(side: int, first: float, last: float, expected: tuple[int, int, int]) -> None:
    assert excursions(side, first, last, 0.3) == expected


# -- the resistor ---------------------------------------------------------------------------------


def test_a_resistor_obeys_ohm() -> None:
    model = family("resistor").load("10k")
    state = model.fresh(1, Stream(0), spread=False)
    assert model.current(state, {"top": 2.0, "bottom": 0.5})[:, 0].tolist() == pytest.approx(
        [1.5e-4, -1.5e-4]
    )
    assert model.advance(state, {"top": (0.0, 2.0)}, 3.0, 300.0, None)[0, 0] == pytest.approx(3e-4)
    tally = state.tally()
    assert (tally.positive, tally.negative, tally.peak) == (1, 0, 2.0)
    assert tally.charge == pytest.approx(3e-4)


def test_a_capacitor_takes_its_charge_once() -> None:
    model = family("resistor").load("10k", {"conductance": 0.0, "capacitance": "1 nF"})
    state = model.fresh(1, Stream(0), spread=False)
    into = [
        float(model.advance(state, {"top": level}, 1e-6, 300.0, None)[0, 0])
        for level in (1.0, 1.0, (1.0, 3.0), 0.0)
    ]
    assert into == pytest.approx([1e-9, 0, 2e-9, -3e-9])


def test_arrays_of_random_numbers_are_those_of_single_keys() -> None:
    stream = Stream(11)
    devices, events = np.arange(40)[:, None], np.array([[0, 1, 2**40, 7]])
    together = stream.normals(devices, events)
    alone = [[stream.normal(int(d), int(e)) for e in events[0]] for d in devices[:, 0]]
    np.testing.assert_allclose(together, alone, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", families())
def test_a_device_is_the_same_alone_and_among_others(name: str) -> None:
    model = family(name).load()
    among = model.fresh(5, Stream(3), spread=True)
    alone = model.fresh(1, Stream(3), spread=True, first=4)
    np.testing.assert_array_equal(alone.parameters[:, 0], among.parameters[:, 4])
    pieces = [({"top": 1.0}, 1e-4), ({}, 1e-2)]
    model.repeat(among, pieces, 3, 300.0, Stream(5))
    model.repeat(alone, pieces, 3, 300.0, Stream(5))
    np.testing.assert_allclose(alone.values[:, 0], among.values[:, 4], rtol=1e-12, atol=1e-30)
