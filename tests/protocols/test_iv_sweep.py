"""Sweeps: switching voltages against the device's own, and what must not be believed."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl import engine
from labctl.benchfile import define_bench, read_bench
from labctl.control import Control
from labctl.errors import Aborted, BadInput
from labctl.readings import Flag, Readings, Row
from labctl.record import Record
from labctl.rehearsal import Rehearsed, rehearse
from labctl.steps import Play
from labctl.workbench import Bench
from protocols.iv_loop import branches_of, half_change, largest_step
from protocols.iv_sweep import IvSweep


def content(name: str, **device: object) -> dict:
    """Return a bench's content with another device."""
    found = copy.deepcopy(read_bench(name)[1])
    found["simulation"]["device"].update(device)
    return found


def pristine(seed: int) -> tuple[dict, float]:
    """Return a bench with a cell that was never formed, and the voltage that forms it, V."""
    bench = content("direct-rram", formed=0.0)
    bench["simulation"]["noise"]["device"] = True
    with Bench(define_bench(bench, "test"), bench, seed=seed) as opened:
        truth = float(opened.laboratory.device.state.row("forming")[0])
    return bench, truth


def forming_sweep(seed: int) -> tuple[float, Rehearsed]:
    """Return the hidden voltage and one positive half sweep that finds it."""
    bench, truth = pristine(seed)
    sweep = IvSweep(
        path="positive", form="staircase", positive=4.5, points=60, dwell=1e-3, cycles=1,
        compliance_positive=5e-3, compliance_negative=5e-3, seed=seed,
    )  # fmt: skip
    return truth, rehearse(sweep, bench, seed=seed)


def recovered(seed: int) -> tuple[bool, bool]:
    """Say whether both definitions hold the truth in their 95 % intervals."""
    truth, made = forming_sweep(seed)
    metrics = made.analyse().metrics
    found = (metrics["set_voltage"], metrics["set_step"])
    # a place between two levels is distributed evenly: all of it within sqrt(3) sigma
    return tuple(abs(m.value - truth) <= 1.96 * m.sigma for m in found)  # type: ignore[return-value]


def test_the_hidden_forming_voltage_is_the_switching_voltage():
    assert all(all(recovered(seed)) for seed in (1, 2, 3))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_hidden_forming_voltages_are_covered_as_the_interval_says():
    found = np.array([recovered(seed) for seed in range(200)])
    assert found[:, 0].mean() > 0.92
    assert found[:, 1].mean() > 0.92


def half(v: list[float], g: list[float], u: float = 0.0) -> Readings:
    """Return readings of a half sweep with these levels and conductances."""
    return Readings(
        [
            Row(0.01 * k, "top", "pulse", x, x, x * y, 1e-2, 0.0, abs(x) * u, 0)
            for k, (x, y) in enumerate(zip(v, g, strict=True))
        ]
    )


@given(
    peak=st.floats(0.5, 5), share=st.floats(0.3, 0.95), ratio=st.floats(2, 1e4),
    curve=st.floats(0, 3), side=st.sampled_from([1, -1]),
)  # fmt: skip
def test_an_abrupt_switch_is_found_whatever_the_curvature_both_branches_share(
    peak, share, ratio, curve, side
):
    n = 40
    out = [peak * k / n for k in range(1, n + 1)]
    v = [side * x for x in (*out, *out[-2::-1])]
    shape = [1e-5 * math.exp(curve * abs(x)) for x in v]
    g = [y * (ratio if k >= n or abs(x) >= share * peak else 1) for k, (x, y) in
         enumerate(zip(v, shape, strict=True))]  # fmt: skip
    found = half_change(branches_of(half(v, g)), side, 0.2)
    assert math.copysign(1, found.v) == side
    assert abs(abs(found.v) - share * peak) <= peak / n * (1 + 1e-9)
    assert found.change == pytest.approx(math.log(ratio))
    step = largest_step(branches_of(half(v, g)), side, max(0.2, math.exp(curve * peak / n)))
    if ratio > 3 * math.exp(curve * peak / n):
        assert abs(abs(step.v) - share * peak) <= peak / n


def test_nothing_switched_gives_no_voltage():
    v = [0.1 * k for k in (1, 2, 3, 4, 5, 4, 3, 2, 1)]
    found = branches_of(half(v, [1e-5] * 9))
    assert math.isnan(half_change(found, 1, 0.2).v)
    assert math.isnan(largest_step(found, 1, 0.2).v)


def test_noise_as_large_as_the_change_is_no_change():
    v = [0.1 * k for k in (1, 2, 3, 4, 5, 4, 3, 2, 1)]
    found = branches_of(half(v, [1e-5] * 5 + [1.5e-5] * 4, u=1e-5))
    assert math.isnan(half_change(found, 1, 0.2).v)


def test_unusable_readings_are_left_out():
    v = [0.1 * k for k in (1, 2, 3, 4, 5, 4, 3, 2, 1)]
    rows = list(half(v, [1e-5, 1e-5, 1e-5, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4]))
    rows[6] = rows[6]._replace(i=float("nan"), flags=int(Flag.LOST))
    found = half_change(branches_of(Readings(rows)), 1, 0.2)
    assert 0.3 <= found.v <= 0.4


@pytest.fixture(scope="module")
def blocks() -> Rehearsed:
    protocol = IvSweep(path="blocks", form="linear", cycles=7)
    return rehearse(protocol, content("direct-ftj"))


def test_s4_1_the_current_rises_and_then_falls_cycle_by_cycle(blocks):
    metrics = blocks.analyse().metrics
    assert metrics["smallest_rise"].value > 0
    assert metrics["smallest_fall"].value > 0


def test_the_energy_is_level_times_current_times_duration(blocks):
    # a peer called the sum of powers an energy: dt was one
    (_, first), *_ = blocks.where(part="sweep")
    energy = float(np.sum(first.v * first.i * first.width))
    own = blocks.analyse().tables[0]
    column = next(c for c in own.columns if c.name == "energy")
    assert column.data[0] == pytest.approx(energy)
    assert np.sum(first.width) == pytest.approx(1.0)


def test_each_polarity_has_its_own_compliance():
    protocol = IvSweep(cycles=1, compliance_positive=1e-7, compliance_negative=3e-3)
    made = rehearse(protocol, content("direct-ftj"))
    asked = {step.label["side"]: step.what.compliance for step, _ in made.where(part="sweep")}
    assert asked == {1: 1e-7, -1: 3e-3}
    (_, first), *_ = made.where(part="sweep", side=1)
    # a compliance of 100 nA is one, not none
    assert np.max(np.abs(first.i)) <= 1.01e-7
    assert any("compliance" in note for note in made.analyse().notes)


def test_pulsed_levels_return_to_zero():
    wave = IvSweep(points=10, dwell=1e-3, gap=1e-3).half(1)
    t, levels = wave.sample(0.5e-3)
    assert t[-1] == pytest.approx(38e-3 - 0.5e-3)
    assert np.all(levels["top"][2::4] == 0)
    assert np.all(levels["top"][0::4] > 0)


def test_on_a_virtual_2602b_both_states_and_voltages_are_found():
    made = rehearse(IvSweep(cycles=2, points=20), content("sim-ftj"), seed=4)
    found = made.analyse()
    for name in ("set_voltage", "reset_voltage", "on_off", "rectification", "area_positive"):
        assert math.isfinite(found.metrics[name].value), name
    assert found.metrics["set_voltage"].value > 0 > found.metrics["reset_voltage"].value
    assert found.metrics["on_off"].value > 3
    assert found.metrics["energy_positive"].sigma > 0


def test_a_breakdown_ends_the_sweeps_and_is_told():
    protocol = IvSweep(stop_resistance=1e3, cycles=5)
    made = rehearse(protocol, content("direct-ftj"))
    assert sum(1 for _ in made.where(part="sweep")) < 10
    assert any("breakdown" in note for note in made.analyse().notes)


def test_a_limit_of_time_ends_the_sweeps_and_is_told():
    protocol = IvSweep(longest_time=2.0, cycles=5)
    made = rehearse(protocol, content("direct-ftj"))
    assert any("ended at its limit of 2 s" in note for note in made.analyse().notes)
    assert sum(step.what.waveform.duration for step in made.steps) <= 2.0


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"read": 1.6}, "below the smaller peak of 1.5 V"),
        ({"stop_window": 2.0, "path": "blocks"}, "only a butterfly"),
        ({"negative": 1.0}, "less than 0"),
        ({"points": 2}, "greater than or equal to 4"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(given_, said):
    with pytest.raises(BadInput, match=said):
        IvSweep.from_values({"kind": "iv-sweep", **given_}, "test")


def test_unfinished_and_empty_records_are_analysed(blocks):
    empty = Rehearsed(blocks.protocol, (), Readings())
    assert "no half sweep is complete" in empty.analyse().notes
    for count in range(1, 6):
        part = Rehearsed(blocks.protocol, blocks.steps[:count], blocks.readings)
        assert any("half sweeps were made" in note for note in part.analyse().notes)
    torn = Rehearsed(blocks.protocol, blocks.steps[:2], Readings(blocks.readings.rows[:60]))
    assert any("left out" in note or "no half" in note for note in torn.analyse().notes)


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    protocol = IvSweep(
        cycles=2,
        points=8,
        dwell=2e-3,
        stop_window=1.01,
        compliance_positive=5e-3,
        compliance_negative=5e-3,
    )
    whole = engine.run(protocol, "direct-rram", engine.Options(tmp_path / "a", seed=3))
    control = Control()

    def progress(done, plan, now):
        if done == 4:
            control.say("abort", "enough")

    options = engine.Options(tmp_path / "b", seed=3, progress=progress)
    with pytest.raises(Aborted):
        engine.run(protocol, "direct-rram", options, control)
    (path,) = (tmp_path / "b").rglob("run.json")
    after = engine.resume(path.parent, "repeat")
    assert isinstance(after, Record)
    assert [step.what for step in after.steps] == [step.what for step in whole.steps]
    # to the last digits: the virtual laboratory's clock begins anew
    for name in ("t", "v", "i", "width", "flags"):
        columns = [getattr(record.readings, name) for record in (after, whole)]
        assert columns[0] == pytest.approx(columns[1], rel=1e-11, abs=1e-15), name


def test_the_same_seed_gives_the_same_sweeps():
    one, other = (rehearse(IvSweep(cycles=1, points=6), content("sim-ftj"), seed=5) for _ in "ab")
    assert repr(one.readings.rows) == repr(other.readings.rows)
    assert all(isinstance(step.what, Play) for step in one.steps)
