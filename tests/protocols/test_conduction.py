"""Conduction: mechanisms that a device really has, and barriers that its preset states."""

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
from labctl.steps import Soak
from protocols.activation import activation_of
from protocols.conduction import Conduction

BOLTZMANN = 8.617333262e-5  # eV/K
KELVIN = (290.0, 310.0, 330.0, 350.0)
STILL = {
    "width": 20e-9, "gap": 1e-7, "highest": 1.0, "levels": 50, "area": 9e-10,
    "thickness": 1.6e-9, "barrier_above": 0.3,
}  # fmt: skip


def diode(seed: int, *, noisy: bool = False) -> tuple[dict, float]:
    """Return a bench with a random barrier on a chuck, and its truth with Richardson's T^2, eV.

    I0 goes as T^(3/n) exp(-E/(n kT)), so the slope of ln(I0/T^2) is E/n + (3/n - 2) kT.
    """
    draw = random.Random(seed)
    gap, ideality = draw.uniform(0.6, 1.3), draw.uniform(1.0, 2.0)
    content = copy.deepcopy(read_bench("sim-wafer" if noisy else "direct-diode-chuck")[1])
    content["simulation"]["device"] = {
        "family": "diode", "preset": "1n914", "gap": gap, "ideality": ideality, "resistance": 0.0,
    }  # fmt: skip
    content["simulation"]["wafer"] = {"seed": 1, "dies": [1, 1], "sites": 1}
    for key in ("check", "least", "touches"):
        content["instruments"]["prober"].pop(key, None)
    return content, gap / ideality + (3 / ideality - 2) * BOLTZMANN * float(np.mean(KELVIN))


def barriers(**more: object) -> Conduction:
    """Return the protocol that measures a barrier by temperature."""
    return Conduction(
        temperatures=KELVIN, lowest=0.1, highest=0.5, levels=20, ranges=1,
        laws=("ohmic", "diode", "schottky"), **more,
    )  # fmt: skip


def covered(seed: int, *, noisy: bool) -> bool:
    content, truth = diode(seed, noisy=noisy)
    value = rehearse(barriers(), content, seed=seed).analyse().fits["richardson"].E
    return value.low <= truth <= value.high


def test_a_random_barrier_lies_in_its_interval():
    assert covered(1, noisy=False)
    assert covered(0, noisy=True)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_barriers_are_covered_as_the_interval_says():
    # uncertainties of a specification are bounds rather than standard deviations: more is right
    found = [covered(seed, noisy=seed % 2 == 1) for seed in range(200)]
    assert np.mean(found) > 0.92


@pytest.fixture(scope="module")
def states() -> Rehearsed:
    protocol = Conduction(prepare=(1.5, -1.8), prepare_pulses=20, **STILL)
    return rehearse(protocol, copy.deepcopy(read_bench("direct-ftj")[1]))


def test_s4_12_tunnelling_in_the_high_and_emission_in_the_low_state(states):
    found = states.analyse()
    assert {"state1_range1_tunnel_low", "state1_range2_fowler_nordheim"} <= set(found.fits)
    assert "state2_range2_schottky" in found.fits
    # the device changes from one law to the other at 0.3 V
    assert abs(found.metrics["onset"].value - 0.3) <= 0.03
    # its own numbers: 1 1/V2 and 0.2 V; the change-over between states alters them
    assert found.fits["state1_range1_tunnel_low"].gamma.value == pytest.approx(1.0, rel=0.25)
    assert found.fits["state1_range2_fowler_nordheim"].B.value == pytest.approx(0.2, rel=0.5)
    assert found.metrics["disturbed"].value < 0.05
    assert found.metrics["energy_prepare"].value > 0 < found.metrics["energy_prepare_2"].value


def test_the_emission_slope_is_that_of_the_device(states):
    # above 0.3 V its low state carries exp(2 (V/0.3 V)^0.5)
    beta = states.analyse().fits["barrier_2"].beta
    assert beta.value == pytest.approx(2 / math.sqrt(0.3), rel=0.01)


def test_s4_12_the_barrier_rises_from_cycle_to_cycle():
    protocol = Conduction(prepare=(-1.5,), prepare_width=1e-3, cycles=3, **{**STILL, "levels": 20})
    found = rehearse(protocol, copy.deepcopy(read_bench("direct-ftj")[1])).analyse()
    rise = found.metrics["barrier_rise"]
    assert rise.value > 2 * rise.sigma


def test_a_tunnel_current_has_no_activation():
    content = copy.deepcopy(read_bench("direct-ftj-chuck")[1])
    made = rehearse(Conduction(temperatures=(290.0, 310.0, 330.0), levels=12), content)
    assert [s.what.temperature for s in made.steps if isinstance(s.what, Soak)] == [290, 310, 330]
    found = made.analyse()
    assert abs(found.metrics["activation"].value) < 1e-3
    assert "trap_depth" not in found.metrics


def test_traps_of_a_known_depth_are_found():
    depth, beta = 0.42, 0.25
    levels = np.linspace(0.2, 2.0, 12)
    sweeps = []
    for kelvin in KELVIN:
        kt = BOLTZMANN * kelvin
        i = 1e-3 * levels * np.exp(-(depth - beta * np.sqrt(levels)) / kt)
        rows = [
            Row(0, "top", "pulse", v, v, x, 1e-2, 0, 0, 0) for v, x in zip(levels, i, strict=True)
        ]
        sweeps.append((kelvin, Readings(rows)))
    found = activation_of(sweeps)
    traps = found.fits["traps"]
    assert traps.E.low <= depth <= traps.E.high
    assert traps.fixed["m"] == 0.5
    assert traps.b.value == pytest.approx(beta, rel=1e-3)


def test_two_temperatures_are_too_few():
    row = Row(0, "top", "pulse", 0.5, 0.5, 1e-6, 1e-2, 0, 0, 0)
    assert activation_of([(300.0, Readings([row])), (320.0, Readings([row]))]) is None


def test_the_range_follows_the_current_on_a_virtual_2602b():
    made = rehearse(Conduction(levels=16), copy.deepcopy(read_bench("sim-ftj")[1]), seed=1)
    asked = [step.what.ranges["top"] for step, _ in made.where(part="levels")]
    assert asked[0] < 1e-4 < asked[-1]
    assert max(asked) < 10e-3
    readings = Readings([r for _, rows in made.where(part="levels") for r in rows])
    assert np.all(readings.u_i < 0.05 * np.abs(readings.i))
    found = made.analyse()
    assert found.metrics["disturbed"].value < 0.02


def test_a_sweep_that_moves_the_state_says_so():
    protocol = Conduction(highest=1.5, levels=12)
    found = rehearse(protocol, copy.deepcopy(read_bench("direct-ftj")[1])).analyse()
    assert found.metrics["disturbed"].value > 0.05
    assert any("lower the highest level" in note for note in found.notes)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lowest": 0.5}, "exchange them"),
        ({"laws": "ohmic, magic"}, 'the law "magic" was asked for'),
        ({"temperatures": "0 K"}, "must be positive"),
        ({"prepare": "1 V", "prepare_period": "50 us"}, "must be longer"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(given, said):
    with pytest.raises(BadInput, match=said):
        Conduction.from_values({"kind": "conduction", **given}, "test")


def test_unfinished_empty_and_lost_records_are_analysed(states):
    empty = Rehearsed(states.protocol, (), Readings())
    assert empty.analyse().notes == ("no level was measured",)
    for count in (1, 3, 6):
        Rehearsed(states.protocol, states.steps[:count], states.readings).analyse()
    lost = [row._replace(i=math.nan, flags=int(Flag.LOST)) for row in states.readings]
    found = Rehearsed(states.protocol, states.steps, Readings(lost)).analyse()
    assert any("resolved" in note for note in found.notes)


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    protocol, name = barriers(), "direct-diode-chuck"
    whole = engine.run(protocol, name, engine.Options(tmp_path / "a", seed=3))
    control = Control()

    def progress(done, plan, now):
        if done == 8:
            control.say("abort", "enough")

    options = engine.Options(tmp_path / "b", seed=3, progress=progress)
    with pytest.raises(Aborted):
        engine.run(protocol, name, options, control)
    (path,) = (tmp_path / "b").rglob("run.json")
    after = engine.resume(path.parent, "repeat")
    assert [step.what for step in after.steps] == [step.what for step in whole.steps]
    for name in ("v", "i", "width", "flags"):
        columns = [getattr(record.readings, name) for record in (after, whole)]
        assert columns[0] == pytest.approx(columns[1], rel=1e-9, abs=1e-15), name
