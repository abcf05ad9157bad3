"""Noise: exponents, levels and dwell times that the preset states, and the meter's own share."""

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
from labctl.readings import Flag, Readings
from labctl.rehearsal import Rehearsed, rehearse
from protocols.noise import Noise
from protocols.noise_results import unbroken


def bench(name: str = "direct-ftj-noise", **device: object) -> dict:
    """Return a bench's content with other noise of its device."""
    found = copy.deepcopy(read_bench(name)[1])
    found["simulation"]["device"].update(device)
    return found


def flicker(seed: int, samples: int = 512) -> tuple[bool, bool]:
    """Say whether the exponent and the level of a random 1/f noise lie in their intervals."""
    size = 10 ** random.Random(seed).uniform(-3.5, -2.0)
    protocol = Noise(samples=samples, background=False, width=1e-3)
    made = rehearse(protocol, bench(flicker=size, telegraph=0.0), seed=seed)
    fit = made.analyse().fits["flicker"]
    # S = K/f has the variance K ln 10 in each decade, which is the number of the preset
    truth = {"alpha": 1.0, "level": size / math.sqrt(math.log(10))}
    return tuple(  # type: ignore[return-value]
        (fit.values[name].low or -math.inf) <= true <= (fit.values[name].high or math.inf)
        for name, true in truth.items()
    )


def trap(seed: int, samples: int) -> dict[str, bool]:
    """Say whether step and times of a random trap lie in their 95 % intervals."""
    draw = random.Random(seed)
    capture, emission = (10 ** draw.uniform(-0.9, -0.3) for _ in range(2))
    size = draw.uniform(0.005, 0.02)
    content = bench(flicker=2e-4, telegraph=size, capture=capture, emission=emission)
    protocol = Noise(samples=samples, period=20e-3, width=0.2e-3, background=False, levels=2)
    made = rehearse(protocol, content, seed=seed)
    found = made.analyse()
    chain = found.fits["telegraph"]
    mean = found.metrics["current"].value
    step = chain.level2.value - chain.level1.value
    # the step of the preset is relative to the current without the trap
    upper = chain.level2.value * mean / (0.1 * 200e-6)
    return {
        "step": abs(step / chain.level2.value / size - 1) < 0.05 and abs(upper - 1) < 0.01,
        "capture": chain.dwell2.low <= capture <= chain.dwell2.high,
        "emission": chain.dwell1.low <= emission <= chain.dwell1.high,
    }


def test_random_flicker_noise_lies_in_its_interval():
    found = np.array([flicker(seed, 256) for seed in range(1, 4)])
    assert np.all(found.sum(axis=0) >= 2)


def test_a_random_trap_is_found():
    found = trap(1, 300)
    assert all(found.values()), found


@pytest.mark.long
@pytest.mark.timeout(900)
def test_levels_of_flicker_noise_are_covered_as_the_interval_says():
    # most of these records are too short to show a floor: the intervals hold with and without one
    found = np.array([flicker(seed, 256) for seed in range(200)])
    for share in found.mean(axis=0):
        assert 0.915 <= share <= 0.985, found.mean(axis=0)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_traps_are_covered_as_the_interval_says():
    found = [trap(seed, 300) for seed in range(60)]
    for name in ("step", "capture", "emission"):
        share = np.mean([one[name] for one in found])
        assert share > 0.95 - 4 * math.sqrt(0.95 * 0.05 / 60), (name, share)


@pytest.fixture(scope="module")
def metered() -> Rehearsed:
    return rehearse(Noise(samples=600), bench("sim-ftj"), seed=2)


def test_a_quiet_device_shows_the_meters_own_noise(metered):
    found = metered.analyse()
    metrics = found.metrics
    # the virtual junction of this bench has no noise of its own
    assert metrics["rms"].value == pytest.approx(metrics["rms_background"].value, rel=0.5)
    assert any("that of the meter alone" in note for note in found.notes)
    assert metrics["telegraph_levels"].value == 1
    assert metrics["conductance"].value == pytest.approx(200e-6, rel=0.05)


def test_samples_are_even_and_the_level_returns_to_zero(metered):
    (_, rows), *_ = metered.where(part="samples")
    assert np.ptp(np.diff(rows.t)) < 3e-6
    assert np.mean(np.diff(rows.t)) == pytest.approx(5e-3, rel=1e-4)
    _, levels = Noise(samples=256).train(0.1).sample(1e-3)
    assert np.all(levels["top"][4::5] == 0)
    (_, dark), *_ = metered.where(part="background")
    assert np.all(dark.v_set == 0)


def test_the_range_fits_the_current(metered):
    (step, rows), *_ = metered.where(part="samples")
    assert 20e-6 < step.what.ranges["top"] < 60e-6
    assert not np.any(rows.flags & int(Flag.OVERRANGE))


def test_a_gap_ends_the_stretch_that_is_analysed(metered):
    (_, rows), *_ = metered.where(part="samples")
    torn = list(rows)
    torn[100] = torn[100]._replace(i=math.nan, flags=int(Flag.LOST))
    assert len(unbroken(Readings(torn))) == len(rows) - 101
    assert len(unbroken(Readings())) == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"width": "10 ms"}, "leave a pause"),
        ({"segment": 5000}, "shorten the segments"),
        ({"lowest": "10 Hz", "highest": "1 Hz"}, "exchange its ends"),
        ({"samples": 10}, "greater than or equal to 256"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(given, said):
    with pytest.raises(BadInput, match=said):
        Noise.from_values({"kind": "noise", **given}, "test")


def test_unfinished_empty_and_lost_records_are_analysed(metered):
    empty = Rehearsed(metered.protocol, (), Readings())
    assert empty.analyse().notes == ("no sample is usable",)
    for count in range(1, len(metered.steps)):
        Rehearsed(metered.protocol, metered.steps[:count], metered.readings).analyse()
    lost = [row._replace(i=math.nan, flags=int(Flag.LOST)) for row in metered.readings]
    found = Rehearsed(metered.protocol, metered.steps, Readings(lost)).analyse()
    assert "no sample is usable" in found.notes
    few = Readings(metered.readings.rows[:20])
    Rehearsed(metered.protocol, metered.steps, few).analyse()


def test_a_bench_without_any_noise_says_so():
    found = rehearse(Noise(samples=256), bench("direct-ftj")).analyse()
    # what is left is the junction's retention over a second
    assert found.metrics["rms"].value < 1e-9
    assert "rms_background" not in found.metrics


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    protocol, name = Noise(samples=256), "direct-ftj"
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
        assert columns[0] == pytest.approx(columns[1], rel=1e-9, abs=1e-15), name
