"""Switching in trials: the barrier and the delays of the preset, and resets that are verified."""

from __future__ import annotations

import copy
import math
import random

import numpy as np
import pytest

from labctl import engine
from labctl.benchfile import read_bench
from labctl.control import Control
from labctl.errors import Aborted, BadInput
from labctl.readings import Flag, Readings, Row
from labctl.rehearsal import Rehearsed, rehearse
from protocols.delay_times import Counts, fit_delays
from protocols.switching_probability import SwitchingProbability
from protocols.switching_probability_results import boundary

VOLATILE = {
    "look": "inside", "reset": "wait", "reset_wait": 1.0, "sure": 1.3, "sure_width": 0.1,
    "compliance": 100e-6,
}  # fmt: skip


def bench(name: str, **device: object) -> dict:
    """Return a bench's content with other parameters of its device."""
    found = copy.deepcopy(read_bench(name)[1])
    found["simulation"]["device"].update(device)
    return found


def junction(seed: int, trials: int) -> tuple[Rehearsed, float, float]:
    """Measure a junction of random barrier and critical voltage; return both with the record."""
    draw = random.Random(seed)
    stability, critical = draw.uniform(35, 55), draw.uniform(0.55, 0.85)
    middle = critical * (1 - math.log(1e-3 / 1e-9 / math.log(2)) / stability)
    step = critical / stability
    protocol = SwitchingProbability(
        amplitudes=tuple(round(middle + k * step, 6) for k in (-2, -1, 0, 1, 2)),
        widths=(1e-3,), trials=trials, block=20, seed=seed, sure=critical + 0.15,
        reset_amplitude=-critical - 0.15, read=0.05,
    )  # fmt: skip
    content = bench("direct-mtj-varied", stability=stability, critical=critical)
    return rehearse(protocol, content, seed=seed), stability, critical


def covered(seed: int, trials: int = 20) -> tuple[bool, bool]:
    made, *truth = junction(seed, trials)
    fit = made.analyse().fits["neel_brown"]
    found = (fit.Delta, fit.Vc)
    return tuple(value.low <= true <= value.high for value, true in zip(found, truth, strict=True))  # type: ignore[return-value]


def test_random_junctions_have_their_barrier_in_the_interval():
    found = [covered(seed, 12) for seed in range(2)]
    assert np.sum(found) >= 3


@pytest.mark.long
@pytest.mark.timeout(900)
def test_barriers_are_covered_as_the_interval_says():
    found = np.array([covered(seed) for seed in range(200)])
    # 95 % of 200: four standard deviations of a binomial count
    assert np.all(found.mean(axis=0) > 0.95 - 4 * math.sqrt(0.95 * 0.05 / 200))


@pytest.fixture(scope="module")
def magnetic() -> Rehearsed:
    return rehearse(SwitchingProbability(trials=10), bench("direct-mtj-varied"), seed=1)


def test_the_thermal_law_describes_the_junction(magnetic):
    found = magnetic.analyse()
    fit = found.fits["neel_brown"]
    assert fit.Delta.low <= 43 <= fit.Delta.high
    assert fit.Vc.low <= 0.70 <= fit.Vc.high
    assert fit.aicc < found.fits["lognormal_delay"].aicc
    # the preset's resistances: 14.3 kOhm, and 2.24 times that at no voltage
    assert found.metrics["high"].value == pytest.approx(1 / 14.3e3, rel=0.01)
    assert found.metrics["low"].value == pytest.approx(1 / 14.3e3 / 2.24, rel=0.05)


def test_every_trial_that_counts_was_reset_and_seen_to_be(magnetic):
    before = [rows.g[0::3] for _, rows in magnetic.where(part="trials")]
    assert np.max(np.concatenate(before)) < 40e-6
    found = magnetic.analyse()
    assert found.metrics["valid"].value == 1
    table = {column.name: column.data for column in found.tables[0].columns}
    assert set(table["valid"]) == {10.0}


def test_trials_that_were_not_reset_do_not_count_and_are_made_again():
    # a reset that works about half of the time
    protocol = SwitchingProbability(
        amplitudes=(0.5, 0.52), widths=(1e-3,), trials=12, reset_amplitude=-0.469, seed=2
    )
    made = rehearse(protocol, bench("direct-mtj-varied"), seed=2)
    found = made.analyse()
    share = found.metrics["valid"].value
    assert 0.1 < share < 0.95
    assert sum(1 for _ in made.where(part="trials")) > 4
    table = {column.name: column.data for column in found.tables[0].columns}
    assert all(m > v > 0 for m, v in zip(table["made"], table["valid"], strict=True))
    assert any("did not begin in the reset state" in note for note in found.notes)


def test_the_blocks_come_in_an_order_that_the_seed_fixes(magnetic):
    asked = [(s.label["amplitude"], s.label["width"]) for s, _ in magnetic.where(part="trials")]
    assert asked != sorted(asked)
    few = {"trials": 2, "block": 1, "widths": (100e-6,)}
    one, again, other = (
        rehearse(SwitchingProbability(seed=seed, **few), bench("direct-mtj-varied"))
        for seed in (0, 0, 7)
    )
    assert again.steps == one.steps
    assert other.steps != one.steps


def test_the_delays_of_a_filament_are_those_of_its_preset():
    protocol = SwitchingProbability(
        amplitudes=(0.9, 0.95, 1.0, 1.05),
        widths=(3e-3, 10e-3, 30e-3),
        trials=12,
        **{**VOLATILE, "compliance": 1e-3},
    )
    made = rehearse(protocol, bench("direct-diffusive-varied"), seed=3)
    found = made.analyse()
    fit = found.fits["lognormal_delay"]
    # d0 = 50 ms at 0.89 V, e-fold in 50 mV, sigma 0.6; a switch is seen until the end of the
    # window, at 95 % of the pulse, if the rest of it carries enough
    t50 = 50e-3 * math.exp(-(fit.fixed["V_ref"] - 0.89) / 0.05)
    assert fit.t50.low * 0.9 <= t50 <= fit.t50.high
    assert fit.V0.low <= 0.05 <= fit.V0.high
    assert fit.s.low <= 0.6 <= fit.s.high
    assert fit.aicc < found.fits["neel_brown"].aicc


def test_the_level_is_that_before_the_compliance_lowered_it():
    protocol = SwitchingProbability(amplitudes=(1.05, 1.2), widths=(10e-3,), trials=5, **VOLATILE)
    made = rehearse(protocol, bench("direct-diffusive-varied"), seed=3)
    table = {column.name: column.data for column in made.analyse().tables[0].columns}
    assert table["achieved level"] == pytest.approx((1.05, 1.2))
    rows = Readings([row for row in made.readings if row.role == "pulse"])
    assert np.min(rows.v[rows.v_set == 1.2]) < 1.1


@pytest.mark.parametrize("seed", range(3))
def test_drawn_delays_are_recovered(seed):
    rng = np.random.default_rng(seed)
    t50, scale, spread, ref = 3e-3, 0.06, 0.8, 1.0
    v, w = (a.ravel() for a in np.meshgrid([0.9, 0.95, 1.0, 1.05, 1.1], [3e-4, 3e-3, 3e-2]))
    pulses = np.full(len(v), 100.0)
    delays = np.exp(rng.normal(np.log(t50) - (v - ref) / scale, spread, (100, len(v))))
    fit = fit_delays(Counts(v, w, np.sum(delays < w, axis=0).astype(float), pulses))
    for name, truth in (("t50", t50), ("V0", scale), ("s", spread)):
        value = fit.values[name]
        assert abs(value.value - truth) < 3.5 * value.sigma, name
    assert fit.identifiable


def test_one_width_gives_no_delays_and_says_so():
    v = np.array([0.9, 1.0])
    fit = fit_delays(Counts(v, np.full(2, 1e-3), np.array([1.0, 9.0]), np.full(2, 10.0)))
    assert not fit.values
    assert "two or more" in fit.note


def test_two_states_that_are_one_give_no_boundary():
    rows = [Row(0, "top", "read", 0.1, 0.1, 1e-6, 1e-3, 0, 0, 0)] * 3
    assert math.isnan(boundary(Readings(rows), "after"))
    made = rehearse(
        SwitchingProbability(trials=2, amplitudes=(0.3,), sure=0.2), bench("direct-mtj-varied")
    )
    assert any("not told apart" in note for note in made.analyse().notes)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"amplitudes": "0.5 V, -0.5 V"}, "levels of one sign"),
        ({"reset_amplitude": "0.5 V"}, "must have the other sign"),
        ({"sure": "-1 V"}, "the sign of the amplitudes"),
        ({"trials": 0}, "greater than 0"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(given, said):
    with pytest.raises(BadInput, match=said):
        SwitchingProbability.from_values({"kind": "switching-probability", **given}, "test")


def test_unfinished_empty_and_lost_records_are_analysed():
    protocol = SwitchingProbability(trials=2, block=2, widths=(1e-3,))
    magnetic = rehearse(protocol, bench("direct-mtj-varied"))
    empty = Rehearsed(magnetic.protocol, (), Readings())
    assert empty.analyse().notes == ("no trial was made",)
    for count in (1, 2, 5):
        part = Rehearsed(magnetic.protocol, magnetic.steps[:count], magnetic.readings)
        part.analyse()
    lost = [row._replace(i=math.nan, flags=int(Flag.LOST)) for row in magnetic.readings]
    found = Rehearsed(magnetic.protocol, magnetic.steps, Readings(lost)).analyse()
    assert found.metrics["valid"].value == 0


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    protocol = SwitchingProbability(trials=2, block=1, amplitudes=(0.46,), widths=(1e-3,))
    name = "direct-mtj-varied"
    whole = engine.run(protocol, name, engine.Options(tmp_path / "a", seed=3))
    control = Control()

    def progress(done, plan, now):
        if done == 2:
            control.say("abort", "enough")

    options = engine.Options(tmp_path / "b", seed=3, progress=progress)
    with pytest.raises(Aborted):
        engine.run(protocol, name, options, control)
    (path,) = (tmp_path / "b").rglob("run.json")
    after = engine.resume(path.parent, "repeat")
    assert [step.what for step in after.steps] == [step.what for step in whole.steps]
    for name in ("t", "v", "i", "width", "flags"):
        columns = [getattr(record.readings, name) for record in (after, whole)]
        assert columns[0] == pytest.approx(columns[1], rel=1e-11, abs=1e-15), name
