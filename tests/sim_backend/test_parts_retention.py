"""Retention: what is left of what was written, by Arrhenius' law, in the families that have it."""

import math

import numpy as np
import pytest

from sim_backend.devices import DeviceModel, State, Stream, family
from sim_backend.devices.parts.relaxation import BOLTZMANN
from sim_backend.devices.parts.retention import Retention, left, retention_times

BAKED = {"retention": "1 h", "retention_energy": "1.1 eV", "retention_temperature": "400 K"}
#: family, preset, its lasting row, a write that gives a low resistance
FAMILIES = [
    ("rram-gap", "hfox", "g", ({"top": 1.5}, 1e-6)),
    ("rram-array", "hfo2", "w", ({"top": 1.5}, 1e-4)),
    ("rram-array", "es", "w", ({"top": 2.0}, 1e-4)),
    ("cbram", "ag-tio2", "y", ({"top": 1.0}, 1.0)),
]
EVERY = pytest.mark.parametrize(("name", "preset", "row", "write"), FAMILIES)


def written(name: str, preset: str, write: tuple, **changes: object) -> tuple[DeviceModel, State]:
    """Return cells in LRS whose volatile part is gone."""
    model = family(name).load(preset, {**BAKED, **changes})
    state = model.fresh(3, Stream(1), spread=True)
    model.advance(state, *write, 300.0, Stream(2))
    model.advance(state, {}, 1e3, 300.0, Stream(2))
    return model, state


def test_times_follow_the_law_of_arrhenius() -> None:
    p = Retention(retention=100.0, retention_energy=0.9, retention_temperature=400.0)
    assert retention_times(p, 50.0, 400.0) == pytest.approx(0.5)
    slower = math.exp(0.9 / BOLTZMANN * (1 / 300 - 1 / 400))
    assert retention_times(p, 50.0, 300.0) == pytest.approx(0.5 / slower)
    assert retention_times(Retention(), 1e12, 700.0) == 0.0
    assert left(np.array([3.0]), 1.0, np.array([1.0]))[0] == pytest.approx(1 + 2 / math.e)


@EVERY
def test_a_bake_takes_the_low_resistance_back(
    name: str, preset: str, row: str, write: tuple
) -> None:
    model, state = written(name, preset, write)
    before, stored = model.conductance(state), state.row(row).copy()
    model.advance(state, {}, 3600.0, 400.0, Stream(2))
    after = model.conductance(state)
    assert np.all(after <= before)
    assert np.median(after / before) < 0.9
    np.testing.assert_array_equal(state.row(row), stored)  # zero volts do not change what is kept
    model.advance(state, {}, 3.156e8, 450.0, Stream(2))
    fresh = model.conductance(model.fresh(3, Stream(1), spread=True))
    assert np.all(model.conductance(state) <= np.maximum(fresh, after))


@EVERY
def test_a_cold_rest_is_kept(name: str, preset: str, row: str, write: tuple) -> None:
    model, state = written(name, preset, write)
    before = model.conductance(state)
    model.advance(state, {}, 3600.0, 300.0, Stream(2))
    np.testing.assert_allclose(model.conductance(state), before, rtol=1e-3)


@EVERY
def test_a_bake_cut_in_two_is_the_same_bake(name: str, preset: str, row: str, write: tuple) -> None:
    found = []
    for parts in (1, 2, 9):
        model, state = written(name, preset, write)
        total = np.zeros((2, 3))
        for _ in range(parts):
            total += model.advance(state, {"top": 0.05}, 9e3 / parts, 400.0, Stream(2))
        model.advance(state, {"top": 0.9}, 1e-9, 300.0, Stream(2))  # a pulse begins with the rest
        found.append((total[0], model.conductance(state)))
    for charge, conductance in found[1:]:
        np.testing.assert_allclose(charge, found[0][0], rtol=1e-5)
        np.testing.assert_allclose(conductance, found[0][1], rtol=1e-9)


def test_a_train_on_a_hot_array_loses_what_single_turns_lose() -> None:
    model = family("rram-array").load("volatile", BAKED)
    pieces = [({"top": 1.5}, 1e-7), ({}, 60.0)]
    once, apart = (model.fresh(300, Stream(1), spread=True) for _ in range(2))
    model.repeat(once, pieces, 30, 420.0, Stream(2))
    for _ in range(30):
        for piece in pieces:
            model.advance(apart, *piece, 420.0, Stream(2))
    np.testing.assert_allclose(once.row("w"), apart.row("w"), rtol=1e-9)
    np.testing.assert_allclose(model.conductance(once), model.conductance(apart), rtol=1e-9)
    kept = family("rram-array").load("volatile", {"retention": 0.0})
    state = kept.fresh(300, Stream(1), spread=True)
    kept.repeat(state, pieces, 30, 420.0, Stream(2))
    assert np.all(model.conductance(once) < kept.conductance(state))
