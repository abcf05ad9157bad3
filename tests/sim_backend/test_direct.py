"""The direct bench: waveforms on the device model, without an instrument."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labctl.benchfile import define_bench
from labctl.capability import Setup
from labctl.errors import BadInput
from labctl.readings import Flag, Row
from labctl.steps import Play, Soak
from labctl.waveform import Node, Window, pulse, read, rest, segment, ticks, train
from labctl.workbench import Bench
from sim_backend import direct
from sim_backend.direct import DirectSource
from sim_backend.laboratory import VirtualLaboratory, open_laboratory


def connected(
    *terminals: str, state: Path | None = None, **device: Any
) -> tuple[DirectSource, VirtualLaboratory]:
    terminals = terminals or ("top",)
    bench = {
        "name": "direct",
        "instruments": {"device": {"driver": "direct"}},
        "terminals": {name: f"device.{name}" for name in terminals},
        "simulation": {
            "device": {"family": "ftj", "conductance": "200 uS", **device},
            "noise": {"cycle": False, "device": False},
        },
    }
    laboratory = open_laboratory(bench, 1, state, 0.0)
    setup = Setup("device", "", "", {name: name for name in terminals}, laboratory=laboratory)
    return direct.connect(setup), laboratory


def played(source: DirectSource, waveform: Node, compliance: float = 1.0) -> list[Row]:
    return [
        row for chunk in source.play(Play(waveform, compliance), lambda: False) for row in chunk
    ]


def test_a_read_is_exact() -> None:
    source, _ = connected()
    (row,) = played(source, rest(0.5) + read(0.1, 1e-3))
    assert (row.terminal, row.role, row.v_set, row.flags) == ("top", "read", 0.1, 0)
    assert row.t == pytest.approx(0.5 + 0.575e-3)
    assert row.width == 1e-3
    assert (row.v, row.i) == pytest.approx((0.1, 20e-6), rel=1e-9)
    assert (row.u_v, row.u_i) == (0.0, 0.0)


def test_a_pulse_is_the_models_pulse() -> None:
    source, laboratory = connected()
    rows = played(source, train(pulse(1.0, 100e-6), 0.1, 3) + read(0.1, 1e-6))
    model = laboratory.device.model
    state = model.fresh(1, laboratory.fixture.stream, spread=False)  # type: ignore[arg-type]
    for _ in range(3):
        model.advance(state, {"top": 1.0}, 100e-6, 300.0, None)
        model.advance(state, {}, 0.1 - 100e-6, 300.0, None)
    assert laboratory.device.conductance == pytest.approx(model.conductance(state)[0], rel=1e-5)
    assert laboratory.device.tally.positive == 3
    assert [row.role for row in rows] == ["pulse"] * 3 + ["read"]
    assert rows[0].i < rows[1].i < rows[2].i


def test_a_window_on_a_ramp_is_the_mean() -> None:
    source, _ = connected(family="resistor", conductance=1e-3)
    window = Window("top", ticks(0.25), ticks(0.75))
    (row,) = played(source, segment(1.0, {"top": (0.0, 2.0)}, windows=(window,)))
    assert (row.v_set, row.v, row.i, row.t) == pytest.approx((1.0, 1.0, 1e-3, 0.5))


def test_terminals_overlap_and_windows_reach_past_a_cut() -> None:
    source, laboratory = connected("top", "bottom", family="resistor", conductance=1e-3)
    both = read(0.2, 1e-3) | (rest(0.6e-3) + pulse(0.3, 0.2e-3, terminal="bottom"))
    rows = played(source, both)
    assert [row.terminal for row in rows] == ["bottom", "top"]
    below, above = rows
    assert (below.v, below.i) == pytest.approx((0.3, 1e-4))
    # 750 us of the top's read: during 200 us of them the bottom is at 0.3 V
    assert above.v == pytest.approx(0.2)
    assert above.i == pytest.approx(1e-3 * (0.2 - 0.3 * 200 / 750))
    assert laboratory.device.tally.peak == pytest.approx(0.2)


def test_compliance_holds_and_is_flagged() -> None:
    source, laboratory = connected(family="resistor", conductance=1e-3)
    rows = played(source, pulse(1.0, 1e-3) + read(0.1, 1e-3), compliance=4e-4)
    assert rows[0].i == pytest.approx(4e-4)
    assert rows[0].v == pytest.approx(0.4)
    assert rows[0].flags == Flag.COMPLIANCE
    assert rows[1].flags == 0
    assert laboratory.device.tally.peak == pytest.approx(0.4)


def test_a_long_train_is_walked_lazily_and_stops_when_asked() -> None:
    source, laboratory = connected()
    waveform = train(pulse(1.0, 100e-6, measured=False), 1e-3, 1_000_000_000)
    asked: list[None] = []

    def stop() -> bool:
        asked.append(None)
        return len(asked) > 20

    assert list(source.play(Play(waveform, 1.0), stop)) == []
    assert 0 < laboratory.device.tally.positive < 5000
    assert source.fixture.drives[0].v == 0.0 or source.fixture.drives[0].level(1e9) == 0.0


@pytest.mark.parametrize("compliance", [1.0, 2.3e-4])
def test_turns_together_are_turns_one_by_one(compliance: float) -> None:
    """Also where a current meets its bound only after some turns."""
    sets = pulse(1.0, 1e-4, measured=False) + rest(2e-2) + segment(1e-3, {"top": (0.0, -0.6)})
    quiet = read(0.1, 1e-6)
    together, first = connected()
    played(together, (sets + rest(1e-2)) * 90 + quiet, compliance)
    apart, second = connected()
    for _ in range(90):
        played(apart, sets + rest(1e-2), compliance)
    played(apart, quiet, compliance)
    assert first.device.tally.positive == second.device.tally.positive == 90
    limited = [source.fixture.drives[0].limited for source in (together, apart)]
    # a limit is looked for step by step, which makes more of the rounding of times
    rel = 1e-9 if compliance == 1.0 else 1e-6
    assert limited[0] == pytest.approx(limited[1], rel=rel)
    assert (limited[0] > 0) == (compliance < 1)  # in the first turns and in the last
    np.testing.assert_allclose(first.device.state.values, second.device.state.values, rtol=rel)
    assert first.clock.now() == pytest.approx(second.clock.now(), rel=1e-12)
    sums = [(source.fixture.drives[0].charge, source.fixture.drives[0].flux)
            for source in (together, apart)]  # fmt: skip
    assert sums[0] == pytest.approx(sums[1], rel=rel)


def test_turns_behind_a_contact_see_what_its_resistance_leaves() -> None:
    sets = pulse(1.0, 1e-4, measured=False) + rest(2e-2) + pulse(-0.8, 1e-4, measured=False)
    states = []
    for loops in ((sets + rest(1e-2)) * 8,), (sets + rest(1e-2),) * 8:
        source, laboratory = connected()
        source.fixture.drives[0].resistance = 1669.0
        for waveform in loops:
            played(source, waveform)
        states.append(laboratory.device.state.values.copy())
    np.testing.assert_allclose(states[0], states[1], rtol=1e-6)


def test_left_alone_the_device_is_at_zero() -> None:
    source, laboratory = connected()
    chunks = source.play(Play(train(read(0.2, 1e-3), 1e-3, 2000), 1.0), lambda: False)
    next(chunks)
    chunks.close()  # whoever played went away
    laboratory.fixture.clock.advance(1.0)
    laboratory.fixture.sync()
    assert source.fixture.drives[0].v == 0.0


def test_state_is_kept_before_rows_are_out(tmp_path: Path) -> None:
    source, laboratory = connected(state=tmp_path / "device")
    for _ in source.play(Play(train(pulse(1.0, 1e-4), 1e-2, 600), 1.0), lambda: False):
        kept = connected(state=tmp_path / "device")[1]
        assert kept.clock.now() == laboratory.clock.now()
        assert kept.device.tally == laboratory.device.tally
    assert laboratory.device.tally.positive == 600


def test_time_counts_from_the_connection() -> None:
    source, laboratory = connected()
    played(source, rest(1.0))
    (row,) = played(source, read(0.1, 1e-3))
    assert row.t == pytest.approx(1.0 + 0.575e-3)
    setup = Setup("again", "", "", {"bottom": "bottom"}, laboratory=laboratory)
    (row,) = played(direct.connect(setup), read(0.1, 1e-3, terminal="bottom"))
    assert row.t == pytest.approx(0.575e-3)


def test_it_says_what_it_is_and_what_stands_against_a_step() -> None:
    source, laboratory = connected()
    assert "ftj bto-nsto" in source.identify().idn
    assert source.snapshot()["preset"] == "bto-nsto"
    assert source.check(Play(pulse(1.0, 1e-9), 1e-3)) == []
    assert len(source.check(Play(pulse(2e3, 1e-9), 0.0))) == 2
    assert direct.check(source.setup, Play(pulse(1.0, 1e-9), 1e-3)) == []
    assert laboratory.visa is not None
    assert np.isfinite(source.limits.max_v)


def test_without_a_virtual_laboratory_there_is_no_device() -> None:
    with pytest.raises(BadInput, match=r"give the bench a section \[simulation\]"):
        direct.connect(Setup("device", "", "", {"top": "top"}))


def test_a_direct_bench_is_a_thermostat():
    content = {
        "name": "direct",
        "instruments": {"device": {"driver": "direct"}},
        "terminals": {"top": "device.top"},
        "simulation": {
            "device": {"family": "cbram", "preset": "ag-tio2", "strengthening": 0.0},
            "noise": {"instrument": False, "cycle": False, "device": False},
        },
    }
    definition = define_bench(content, "test")
    assert definition.check(Soak(320.0)) == []
    decay = pulse(0.6, 1e-3) + rest(10e-3) + read(0.1, 1e-5) + rest(50e-3) + read(0.1, 1e-5)
    left = {}
    for kelvin in (300.0, 320.0):
        with Bench(definition, content) as bench:
            assert list(bench.execute(Soak(kelvin), lambda: False)) == []
            assert bench.snapshot()["device"]["temperature"] == f"{kelvin:g} K"
            assert [one.name for one in bench.identify()] == ["device"]
            rows = bench.play(decay, 1e-3)
        left[kelvin] = (rows[-1].i - 1e-10) / (rows[-2].i - 1e-10)
    # thermally activated: what is left after a time is less where it is warm
    assert left[320.0] < left[300.0] < 1


def test_a_temperature_below_zero_is_out_of_reach():
    source, laboratory = connected()
    assert source.reaches(4.2)
    assert not source.reaches(0.0)
    assert not source.reaches(float("nan"))
    source.soak(77.0, lambda: False)
    assert laboratory.fixture.temperature == 77.0
