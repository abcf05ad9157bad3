"""Compiled and plain families are the same cells: one history, every family, both paths."""

from typing import Any

import numpy as np
import pytest

from sim_backend.devices import (
    Stream,
    cbram,
    diode,
    domain_wall_track,
    family,
    fefet,
    hzo_switching,
    mtj_refresh,
    pcm,
    rram_gap_travel,
    stream,
)
from sim_backend.devices import threshold_switch as neuron
from sim_backend.devices.model import ends

FAMILIES = [
    ("rram", "hfox"),
    ("rram", "tio2"),
    ("rram-gap", "hfox"),
    ("rram-array", "volatile"),
    ("rram-array", "es"),
    ("pcm", "gst"),
    ("cbram", "ag-tio2"),
    ("cbram", "c-hfo2-ag"),
    ("mtj", "stochastic-50nm"),
    ("mtj", "weight-32"),
    ("threshold-switch", "vo2"),
    ("domain-wall", "notched-5"),
    ("domain-wall", "track-32"),
    ("hzo", "deng-10nm"),
    ("hzo", "alessandri-8nm"),
    ("fefet", "hzo"),
    ("diode", "ideal"),
    ("diode", "1n914"),
]
#: voltages on a gate in units of those on a top electrode
GATE = {"domain-wall": 1.3, "fefet": 3.0}
HISTORY: list[tuple[dict[str, Any], float]] = [
    ({"top": 0.4}, 1e-4),
    ({"top": 1.2}, 1e-6),
    ({}, 1e-3),
    ({"top": -1.3}, 2e-6),
    ({"top": (-0.2, 0.9)}, 1e-5),
    ({"top": 0.9}, 1e-3),
    ({}, 50.0),
    ({"top": 0.1}, 1e-3),
]


def history(name: str) -> list[tuple[dict[str, Any], float]]:
    """Return the history on the terminals of a family; a gate is driven, its drain looked at."""
    if name not in GATE:
        return HISTORY
    scale, pieces = GATE[name], []
    for levels, duration in HISTORY:
        first, last = ends(levels.get("top", 0.0))
        pieces.append(({"gate": (scale * first, scale * last), "drain": 0.05}, duration))
    return [*pieces, ({"gate": 1.3 * scale}, 3e-9), ({"drain": 0.05}, 1e-3)]


@pytest.mark.parametrize(("name", "preset"), FAMILIES)
def test_a_family_is_the_same_compiled_and_plain(
    name: str, preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To 1e-9: the logarithms of both differ in their last digits only."""
    for module in (stream, cbram, pcm, rram_gap_travel, domain_wall_track, fefet, diode):
        monkeypatch.setattr(module, "_MANY", 8)
    for module in (mtj_refresh, neuron):
        monkeypatch.setattr(module, "_WORTH", 8)
    monkeypatch.setattr(hzo_switching, "_LARGE", 8)
    found = []
    for path in ("numba", "numpy"):
        monkeypatch.setenv("LABCTL_KERNELS", path)
        model = family(name).load(preset)
        state = model.fresh(20, Stream(1), spread=True, first=3)
        state.noise = Stream(5)
        pieces = history(name)
        charges = [model.advance(state, *piece, 320.0, Stream(2)) for piece in pieces]
        found.append((np.array(charges), state, model.conductance(state)))
    (charges, one, seen), (others, other, theirs) = found
    size = np.abs(others).max(axis=(1, 2), keepdims=True) + 1e-300
    np.testing.assert_allclose(charges / size, others / size, rtol=0, atol=1e-9)
    np.testing.assert_allclose(seen, theirs, rtol=1e-9)
    for row in one.names:
        here, there = one.row(row), other.row(row)
        finite = np.isfinite(there)
        np.testing.assert_array_equal(np.isfinite(here), finite)
        scale = np.abs(there[finite]).max(initial=0.0)
        np.testing.assert_allclose(
            here[finite], there[finite], rtol=1e-9, atol=1e-9 * scale, err_msg=row
        )


@pytest.mark.parametrize("count", [1, 7, 3000])
def test_numbers_looked_up_one_by_one_are_those_looked_up_together(count: int) -> None:
    """`Stream` compiles long rows; a row is the same as its numbers one at a time."""
    keys, numbers = np.arange(count), Stream(11)
    for event in (0, 5):
        rows = numbers.normals(keys, event), numbers.uniforms(keys, event)
        for place in {0, count // 2, count - 1}:
            assert rows[0][place] == pytest.approx(numbers.normal(place, event), rel=1e-12)
            assert rows[1][place] == numbers.uniform(place, event)
