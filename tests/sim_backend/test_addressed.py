"""A crossbar on a bench: sneak currents, half-selected cells, all cells kept in the sample."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labctl
from labctl.benchfile import define_bench, read_bench
from labctl.errors import BadInput
from labctl.steps import Move
from labctl.waveform import pulse, read, rest
from labctl.workbench import Bench
from sim_backend.addressed import AddressedCrossbar, Cell, Crossbar
from sim_backend.array import DeviceArray
from sim_backend.crossbar import Wires, scheme, solve
from sim_backend.devices import Stream, family

ROOM = 300.0
FTJ = {"family": "ftj", "preset": "bto-nsto", "conductance": "200 uS"}
READ = read(0.1, 1e-3)


def content_of(name: str = "direct-crossbar", device: Any = None, **section: Any) -> dict[str, Any]:
    content = copy.deepcopy(read_bench(name)[1])
    content["simulation"]["device"] = device or {"family": "resistor", "preset": "10k"}
    content["simulation"]["crossbar"] |= section
    content["simulation"]["noise"] = {"instrument": False, "cycle": False, "device": False}
    return content


def opened(content: dict[str, Any], **options: Any) -> Bench:
    return Bench(define_bench(content, "rig.toml"), content, **options)


def cells_of(bench: Any) -> np.ndarray:
    device, section = bench.laboratory.device, bench.laboratory.simulation.crossbar
    return device.model.conductance(device.state).reshape(section.shape)


def crossbar(rows: int, columns: int, device: str = "ftj", **section: Any) -> AddressedCrossbar:
    made = Crossbar(rows=rows, columns=columns, decoder=True, **section)
    return AddressedCrossbar(family(device).load(), made, Cell(1, 1))


def test_the_error_of_a_read_by_sneak_currents_grows_with_the_array() -> None:
    g, errors = 1e-4, []
    for size in (2, 4, 8):
        wires = {"wire": "1 Ohm", "driver": "20 Ohm", "sense": "10 Ohm"}
        content = content_of(rows=size, columns=size, scheme="floating", **wires)
        with opened(content, site=f"1,{size}") as bench:
            (row,) = bench.play(READ, 1e-2)
        drive = scheme("floating", 0.1, size - 1, 0, (size, size))
        expected = solve(np.full((size, size), g), drive, Wires(1.0, 1.0, 20.0, 10.0))
        assert row.i == pytest.approx(expected.words[size - 1], rel=1e-9)
        errors.append(row.i / (0.1 * g) - 1)
        # the other cells by hand: one row, all the rest, one column
        sneak = g / (2 / (size - 1) + 1 / (size - 1) ** 2)
        assert errors[-1] == pytest.approx(sneak / g, rel=2e-2)
    assert errors[0] < errors[1] < errors[2]


def test_a_selector_and_a_transistor_keep_the_neighbours_out() -> None:
    def current(**section: Any) -> float:
        with opened(content_of(scheme="floating", wire=0.0, driver=0.0, sense=0.0, **section)) as b:
            (row,) = b.play(READ, 1e-2)
            return float(row.i)

    alone = 0.1 * 1e-4
    assert current() > 2 * alone
    assert current(transistor={"on": "10 mS", "saturation": "1 mA"}) == pytest.approx(
        alone / (1 + 1e-4 / 1e-2), rel=1e-6
    )
    sharp = {"current": "1 pA", "voltage": "5 mV"}
    one = current(rows=1, columns=1, selector=sharp)
    assert one < current(selector=sharp) < 1.001 * one


@pytest.mark.parametrize("name", ["V/2", "V/3"])
def test_a_write_does_to_half_selected_cells_what_their_voltage_does(name: str) -> None:
    content = content_of(
        device=FTJ, scheme=name, rows=3, columns=3, wire=0.0, driver=0.0, sense=0.0
    )
    with opened(content, site="2,3") as bench:
        for _ in range(3):
            bench.play(pulse(1.2, 1e-3) + rest(1e-3), 5e-2)
        found = cells_of(bench)
    model = family("ftj").load("", {"conductance": 2e-4})

    def alone(share: float) -> float:
        state = model.fresh(1, Stream(0), spread=False)
        for _ in range(3):
            model.advance(state, {"top": 1.2 * share}, 1e-3, ROOM, None)
            model.advance(state, {}, 1e-3, ROOM, None)
        return float(model.conductance(state)[0])

    part, others = (0.5, 0.0) if name == "V/2" else (1 / 3, -1 / 3)
    # the unselected word lines of V/3 are at a third, the bit lines at two thirds
    shares = np.full((3, 3), others)
    shares[2], shares[:, 1] = (part, part)
    shares[2, 1] = 1.0
    expected = np.vectorize(alone)(shares)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert found[2, 1] > 2 * found[2, 0] > 2 * found[0, 0]


def test_it_is_seen_through_instrument_and_relays() -> None:
    """Write one cell of the shipped bench; a read of its neighbour shows the disturbance."""
    definition, content = read_bench("sim-crossbar")
    with Bench(definition, content, seed=3) as bench:
        before = cells_of(bench)
        list(bench.execute(Move("2,2"), lambda: False))
        bench.play(pulse(1.2, 1e-3), 1e-2)
        change = cells_of(bench) / before - 1
        list(bench.execute(Move("2,1"), lambda: False))
        (row,) = bench.play(read(0.1, 50e-3), 1e-2)
        matrix = bench.laboratory.instruments["matrix"].channel_state()  # type: ignore[union-attr]
        assert (matrix["closed"], matrix["hot"]) == (["1A01", "1B08"], 0)
        section = bench.laboratory.simulation.crossbar  # type: ignore[union-attr]
        # near zero volts the cells are ohmic enough to be solved as such
        expected = solve(cells_of(bench), scheme("V/2", 0.1, 0, 1, (4, 4)), section.wires)
    assert change[1, 1] > 0.5
    half = np.concatenate([change[1, [0, 2, 3]], change[[0, 2, 3], 1]])
    assert np.all(half > 1e-2)
    others = change[np.ix_([0, 2, 3], [0, 2, 3])]
    assert np.max(np.abs(others)) < 1e-3 < 0.1 * change[1, 1]
    assert row.i == pytest.approx(expected.words[0], rel=5e-2)


def test_paired_pulses_facilitate_on_one_cell(tmp_path: Path) -> None:
    """The cells beside it carry a current that does not facilitate: the index is the smaller."""
    given: dict[str, Any] = {"repeats": 1, "intervals": "20 ms, 80 ms", "longest_wait": "3 s"}
    run = labctl.run("ppf", bench="sim-crossbar", out=tmp_path, device="3,2", **given)
    assert (run.header.site, run.header.status) == ("3,2", "done")
    alone = labctl.run("ppf", bench="direct-ftj", out=tmp_path, **given)
    assert 0.05 < run.metrics["index"].value < 0.5 * alone.metrics["index"].value


def test_pulses_potentiate_and_depress_one_cell() -> None:
    with opened(content_of(device=FTJ), site="2,3") as bench:
        seen, true = [], []
        for level in (1.0, 1.0, 1.0, -1.5, -1.5, -1.5):
            bench.play(pulse(level, 1e-4) + rest(20e-3), 1e-2)
            (row,) = bench.play(READ, 1e-2)
            seen.append(row.i)
            true.append(cells_of(bench)[2, 1])
    assert np.array_equal(np.sign(np.diff(seen)), [1, 1, -1, -1, -1])
    assert np.array_equal(np.sign(np.diff(true)), [1, 1, -1, -1, -1])


def test_all_cells_are_kept_in_the_sample(tmp_path: Path) -> None:
    content, kept = content_of(device=FTJ, rows=2, columns=3), tmp_path / "sample"
    with opened(content, state=kept, site="3,2") as bench:
        bench.play(pulse(1.5, 1e-3), 5e-2)
        left = cells_of(bench)
        assert len(np.unique(left)) > 2
    with opened(content, state=kept, site="1,1") as bench:
        np.testing.assert_array_equal(cells_of(bench), left)
    with pytest.raises(BadInput, match="holds the state of 6 devices, the bench has 9"):
        opened(content_of(device=FTJ, rows=3, columns=3), state=kept)


levels = st.floats(-1.2, 1.2).map(lambda v: round(v, 3))


@given(first=levels, last=levels, bottom=levels, cut=st.floats(0.2, 0.8))
@settings(max_examples=5, deadline=None)
def test_a_ramp_cut_in_two_is_the_same_and_no_charge_is_lost(
    first: float, last: float, bottom: float, cut: float
) -> None:
    model = crossbar(2, 2, wire=5.0, driver=50.0, scheme="floating")
    once = model.fresh(1, Stream(0), spread=False)
    twice = model.fresh(1, Stream(0), spread=False)
    line, low, duration = {"top": (first, last), "bottom": bottom}, {"bottom": bottom}, 1e-4
    whole = model.advance(once, line, duration, ROOM, None)
    middle = first + (last - first) * cut
    parts = model.advance(twice, {"top": (first, middle), **low}, cut * duration, ROOM, None)
    parts += model.advance(twice, {"top": (middle, last), **low}, (1 - cut) * duration, ROOM, None)
    size = np.max(once.row("throughput")) + 1e-15  # what goes in may come out again
    np.testing.assert_allclose(parts, whole, atol=5e-3 * size)
    np.testing.assert_allclose(model.conductance(twice), model.conductance(once), rtol=5e-3)
    assert abs(np.sum(whole)) <= 3e-3 * size  # floating lines lose none to within the cutting
    into = model.current(once, {"top": 0.3, "bottom": -0.1})
    assert abs(np.sum(into)) <= 1e-6 * np.max(np.abs(into))


def test_noise_of_the_devices_is_read_and_cuts_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    device = family("rram").load("hfox", {"noise_sigma": 0.05})
    model = AddressedCrossbar(device, Crossbar(rows=2, columns=2, decoder=True))
    state, calls = model.fresh(1, Stream(0), spread=False), []
    state.noise = Stream(5)
    whole = DeviceArray._try
    monkeypatch.setattr(DeviceArray, "_try", lambda *a: (calls.append(1), whole(*a))[1])
    charges = [model.advance(state, {"top": 0.2}, 1e-3, ROOM, Stream(1))[0, 0] for _ in range(8)]
    assert len(calls) == 8
    assert 1e-3 < np.std(charges) / np.mean(charges) < 0.2


def test_lines_that_nothing_drives_rest() -> None:
    section = Crossbar(rows=2, columns=2)
    model = AddressedCrossbar(family("ftj").load(), section)
    state = model.fresh(1, Stream(0), spread=False)
    assert model.terminals == ("w1", "w2", "b1", "b2")
    assert not model.advance(state, {"w1": 1.0}, 1e-3, ROOM, None).any()
    half = model.led_to(["w1", "b2"])
    into = half.current(state, {"w1": 0.1})[:, 0]
    assert into[0] > 0
    assert into[3] < 0
    assert into[1] == into[2] == 0.0
    ten_years = half.repeat(state, [({}, 1.0)], 315_576_000, ROOM, None)
    assert not ten_years.any()


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"rows": 0}, "rows"),
        ({"scheme": "V/4"}, "scheme"),
        (
            {
                "selector": {"current": 1e-9, "voltage": 0.1},
                "transistor": {"on": 1e-3, "saturation": 1e-4},
            },
            "a selector or a transistor, not both",
        ),
    ],
)
def test_a_wrong_section_is_one_sentence(section: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence) as raised:
        opened(content_of(**section))
    assert "\n" not in str(raised.value)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(BadInput, match="has 4 columns and 4 rows"):
        opened(content_of(), site="5,1")
    with pytest.raises(BadInput, match="only devices with two terminals"):
        opened(content_of(device={"family": "ecram", "preset": "currie"}))
    content = content_of()
    content["simulation"]["wafer"] = {"dies": [2, 2]}
    with pytest.raises(BadInput, match="a crossbar stands alone"):
        opened(content)
