"""Retention on virtual devices: drift exponents, lives and energies that are known come back."""

from __future__ import annotations

import copy
import math
import random
from typing import Any

import numpy as np
import pytest

from labctl import engine
from labctl.benchfile import define_bench, read_bench
from labctl.control import Control
from labctl.errors import Aborted
from labctl.planner import plan
from labctl.readings import Flag, Readings
from labctl.rehearsal import Rehearsed, rehearse
from labctl.steps import Soak, Wait
from protocols.retention import Retention
from protocols.retention_states import life_of


def device(name: str, noise: dict[str, bool] | None = None, **values: Any) -> dict[str, Any]:
    """Return a bench with other parameters of the device."""
    content = copy.deepcopy(read_bench(name)[1])
    content["simulation"]["device"].update(values)
    quiet = {"instrument": False, "cycle": False, "device": False, "read": False}
    content["simulation"]["noise"] = quiet | (noise or {})
    return content


DRIFT = Retention(
    amplitudes=(2.0,), width=1e-6, read_width=1e-4, compliance=1e-3, first=0.1, last=1e5,
    temperatures=(300.0, 77.0, 12.0),
)  # fmt: skip


@pytest.fixture(scope="module")
def glass() -> Rehearsed:
    return rehearse(DRIFT, device("direct-pcm-epcm"))


@pytest.fixture(scope="module")
def found(glass):
    return glass.analyse()


def test_the_drift_of_a_glass_comes_back_and_is_little_in_the_cold(found):  # S2.13
    # the preset: 0.09 in HRS at 300 K, and 0.455 of it remains as T goes to zero
    for kelvin in (300.0, 77.0, 12.0):
        truth = 0.09 * (0.455 + 0.545 * (kelvin / 300) ** 2)
        nu = found.metrics[f"nu_1_{kelvin:g}K"]
        # a melt leaves a crystalline share of a few thousandths, and t counts 0.9 ms less
        assert nu.value == pytest.approx(truth, rel=0.03)
        assert nu.sigma < 0.001
    assert {"drift_1_12K", "power_1_12K", "log_linear_1_12K"} <= set(found.fits)


def test_reads_are_even_in_the_logarithm_and_times_achieved_ones(found):
    data = {c.name: np.array(c.data) for c in found.tables[1].columns}
    t = data["time"][data["temperature"] == 300.0]
    times = np.array(DRIFT.times())
    assert len(t) == len(times) == 37
    assert t == pytest.approx(times + 0.575e-4, rel=2e-3)
    assert t[-1] == pytest.approx(1e5, rel=1e-6)


def test_the_chuck_is_soaked_before_the_states_are_written(glass):
    kinds = [type(step.what) for step in glass.steps]
    soaks = [step.what.temperature for step in glass.steps if isinstance(step.what, Soak)]
    assert soaks == [300.0, 77.0, 12.0]
    assert kinds[0] is Soak
    assert Wait in kinds


BAKE = Retention(
    amplitudes=(1.5,), erase=-1.5, temperatures=(420.0, 440.0, 460.0, 480.0), first=0.1, last=1e6,
    use=358.0,
)  # fmt: skip


def test_bakes_of_a_filament_give_its_activation_energy():
    found = rehearse(BAKE, device("direct-rram")).analyse()
    energy = found.metrics["ea_life_1"]
    fit = found.fits["arrhenius_1"]
    assert fit.Ea.low <= 1.63 <= fit.Ea.high  # the preset's
    assert energy.sigma < 0.02
    # ln R goes to HRS as 1 - exp(-t/tau), tau = 1.24e6 s at 400 K
    tau = 1.24e6 * math.exp(1.63 / 8.617333262e-5 * (1 / 358 - 1 / 400))
    life = -tau * math.log1p(-math.log(1 / 0.9) / math.log(88 / 4.947))
    use = fit.life_use
    assert use.low <= life <= use.high
    assert "extrapolation" in " ".join(found.notes)


def test_states_written_in_the_cold_lose_nothing_before_the_bake():
    asked = BAKE.model_copy(update={"write_at": 300.0, "temperatures": (430.0, 450.0, 470.0)})
    run = rehearse(asked, device("direct-rram"))
    soaks = [step.what.temperature for step in run.steps if isinstance(step.what, Soak)]
    assert soaks == [300.0, 430.0, 300.0, 450.0, 300.0, 470.0]
    assert run.analyse().metrics["ea_life_1"].value == pytest.approx(1.63, abs=0.02)


def test_both_relaxations_of_a_junction_have_their_energies():  # S4.13
    asked = Retention(
        amplitudes=(1.0,), prepare="baseline", baseline=200e-6, within=0.003, energies="decays",
        quantity="logarithm", joined=200.0, first=1e-3, last=100.0, per_decade=16, window=2.0,
        read_width=10e-6, compliance=0.1, temperatures=(270.0, 280.0, 290.0, 305.0),
    )  # fmt: skip
    found = rehearse(asked, device("direct-ftj")).analyse()
    assert found.fits["decays_1"].identifiable
    assert found.metrics["ea1_1"].value == pytest.approx(0.23, abs=0.005)
    assert found.metrics["ea2_1"].value == pytest.approx(0.70, abs=0.005)
    assert any("relaxation times" in panel.title for panel in found.panels)


def test_what_does_not_fade_is_censored_not_extrapolated_to_a_life():
    found = rehearse(Retention(last=1e4), device("direct-rram")).analyse()
    assert not any(name.startswith("life") for name in found.metrics)
    assert sum("censored" in note for note in found.notes) == 2
    assert found.metrics["survived_1"].value == pytest.approx(1e4, rel=0.01)
    assert found.metrics["survived_1"].definition == "retention-survived"
    assert found.metrics["kept_1"].value == pytest.approx(1, abs=1e-3)


def test_a_life_is_interpolated_in_the_logarithm():
    t = np.geomspace(1.0, 1e6, 31)
    life, u = life_of(t, 1e-4 * (1 - 1e-3 * t**0.4), 0.1)
    assert life == pytest.approx(100.9**2.5, rel=1e-3)  # of what the first read showed
    assert 0 < u < 0.05 * life
    assert math.isnan(life_of(t, np.full(31, 1e-4), 0.1)[0])


def energy(draw: random.Random, seed: int) -> bool:
    """Bake a filament with a hidden energy and time and noisy reads: is it in the interval?"""
    hidden, tau = draw.uniform(1.2, 1.8), 10 ** draw.uniform(5.5, 6.5)
    content = device(
        "direct-rram", {"read": True}, retention_energy=hidden, retention=tau, noise_sigma=0.0005
    )
    asked = BAKE.model_copy(update={"per_decade": 4})
    fit = rehearse(asked, content, seed=seed).analyse().fits["arrhenius_1"]
    value = fit.Ea
    return value.low is None or value.high is None or value.low <= hidden <= value.high


def drift(draw: random.Random, seed: int) -> bool:
    """Let a glass with hidden exponent and 1/f noise drift: is nu in its interval?"""
    hidden = draw.uniform(0.03, 0.12)
    content = device(
        "direct-pcm-epcm",
        {"read": True},
        drift_scale=hidden / 0.09,
        noise_scale=draw.uniform(0.005, 0.05),  # above, 1/G is far from normal
    )
    asked = DRIFT.model_copy(update={"temperatures": (), "last": 1e3})
    results = rehearse(asked, content, seed=seed).analyse()
    value = results.fits["drift_1"].nu
    slack = 0.001 * hidden  # a crystalline share and 0.9 ms of the pulse
    return value.low - slack <= hidden <= value.high + slack


def test_hidden_drifts_are_covered():
    draw = random.Random(5)
    assert sum(drift(draw, seed) for seed in range(4)) >= 3


@pytest.mark.long
@pytest.mark.timeout(600)
def test_hidden_drifts_are_covered_as_often_as_said():
    draw = random.Random(6)
    share = sum(drift(draw, seed) for seed in range(300)) / 300
    assert share >= 0.90, share


def test_hidden_energies_are_covered():
    draw = random.Random(3)
    assert sum(energy(draw, seed) for seed in range(3)) >= 2


@pytest.mark.long
@pytest.mark.timeout(600)
def test_hidden_energies_are_covered_as_often_as_the_interval_says():
    draw = random.Random(4)
    inside = sum(energy(draw, seed) for seed in range(200))
    assert inside >= 190 - 10, inside  # three binomial standard deviations below 95 %


@pytest.mark.parametrize(
    ("values", "said"),
    [({"amplitudes": "0 V"}, "no pulse"), ({"last": "50 ms"}, "at least a decade"),
     ({"write_at": "300 K"}, "give temperatures too"), ({"temperatures": "0 K"}, "above zero"),
     ({"rate": "1 MHz"}, "lower the rate"), ({"loss": 1.0}, "less than 1")],
)  # fmt: skip
def test_what_cannot_be_is_refused(values, said):
    with pytest.raises(ValueError, match=said):
        Retention(**values)


def test_a_bench_without_a_chuck_refuses_temperatures():
    content = read_bench("sim-ftj")[1]
    definition = define_bench({"name": "x", **content}, "x")
    found = plan(Retention(temperatures=(300.0, 320.0)), definition).violations
    assert any("soak" in str(violation) for violation in found)
    assert not plan(Retention(), definition).violations


def test_empty_unfinished_and_lost(glass):
    assert DRIFT.analyse(Rehearsed(DRIFT, (), Readings())).notes == ("no state was read twice",)
    for count in (2, 5, 90):
        steps = glass.steps[:count]
        rows = Readings(glass.readings.rows[: steps[-1].last])
        assert DRIFT.analyse(Rehearsed(DRIFT, steps, rows)).panels
    rows = [row._replace(i=math.nan, flags=int(Flag.LOST)) for row in glass.readings]
    assert "no state" in DRIFT.analyse(Rehearsed(DRIFT, glass.steps, Readings(rows))).notes[0]
    rows = [
        row._replace(flags=int(Flag.OVERRANGE)) if k % 5 == 0 and row.role == "read" else row
        for k, row in enumerate(glass.readings)
    ]
    found = DRIFT.analyse(Rehearsed(DRIFT, glass.steps, Readings(rows)))
    assert found.metrics["nu_1_300K"].value == pytest.approx(0.09, rel=0.05)


def test_a_resumed_run_is_as_warm_as_one_that_was_not_broken_off(tmp_path):
    asked = BAKE.model_copy(update={"temperatures": (440.0, 470.0), "last": 1e5})
    whole = engine.run(asked, "direct-rram", engine.Options(tmp_path / "whole", seed=3))
    control = Control()

    def progress(done, plan, now):
        if done == 20:
            control.say("abort", "test")

    options = engine.Options(tmp_path / "part", seed=3, progress=progress)
    with pytest.raises(Aborted):
        engine.run(asked, "direct-rram", options, control)
    (folder,) = [path.parent for path in (tmp_path / "part").rglob("run.json")]
    again = engine.resume(folder)
    for column in ("t", "i", "v", "width"):
        assert getattr(again.readings, column) == pytest.approx(
            getattr(whole.readings, column), rel=1e-11
        )
