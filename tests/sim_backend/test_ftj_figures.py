"""What the source publishes of the tunnel junction emerges, all of it from one parameter file.

Each script of ``docs/figures`` says how its figure was asked for; `S4.x` names the row of the
targets. Without noise unless the name of the test says otherwise.
"""

from __future__ import annotations

import functools
import importlib
import itertools
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from docs.figures import (
    ftj_arrhenius,
    ftj_bcm,
    ftj_conduction,
    ftj_epsc,
    ftj_history,
    ftj_hysteresis,
    ftj_metaplasticity,
    ftj_pairs,
    ftj_reservoir,
    ftj_retention,
    ftj_states,
    ftj_threshold,
    ftj_updates,
)

SCRIPTS = (
    ftj_arrhenius, ftj_bcm, ftj_conduction, ftj_epsc, ftj_history, ftj_hysteresis,
    ftj_metaplasticity, ftj_pairs, ftj_reservoir, ftj_retention, ftj_states, ftj_threshold,
    ftj_updates,
)  # fmt: skip


@functools.cache
def measured(script: ModuleType) -> dict[str, Any]:
    found: dict[str, Any] = script.measure()
    return found


def test_hysteresis() -> None:
    """S4.1: the current rises cycle by cycle under positive sweeps, falls under negative."""
    found = measured(ftj_hysteresis)
    assert found["smallest rise"] > 0.01
    assert found["smallest fall"] > 0.01
    # writing sets in little by little, not with a step where it begins
    assert found["largest fall of ln I while V rises"] < 0.1
    assert found["lowest (S)"] > 5e-6  # slow sweeps to 2 V included
    assert found["highest (S)"] < 5e-3


def test_updates_are_gradual_and_vary_as_published() -> None:
    """S4.2: C2C 1.21 % and D2D 1.93 % of the conductance, to what so few repeats can tell."""
    found = measured(ftj_updates)
    assert found["C2C"] == pytest.approx(0.0121, rel=0.1)
    assert found["D2D"] == pytest.approx(0.0193, rel=0.2)
    assert found["smallest step up"] > 0
    assert found["smallest step down"] > 0


@pytest.mark.long
def test_variations_of_many() -> None:
    """S4.2 with enough cycles and devices to know the two numbers to some percent."""
    found = ftj_updates.measure(turns=400, devices=600)
    assert found["C2C"] == pytest.approx(0.0121, rel=0.04)
    assert found["D2D"] == pytest.approx(0.0193, rel=0.06)


@pytest.mark.parametrize("amplitude", ftj_states.STATES)
def test_four_states_and_their_relaxation(amplitude: float) -> None:
    """S4.3, S4.4: the states within 5 %; all relax part of the way back, from both sides."""
    found = measured(ftj_states)
    assert found[f"{amplitude:+} V (S)"] == pytest.approx(ftj_states.STATES[amplitude], rel=0.05)
    assert 0.1 < found[f"{amplitude:+} V kept"] < 0.9


@pytest.mark.parametrize("where", ["", " in the pulse"])
@pytest.mark.parametrize("kind", ftj_pairs.KINDS)
def test_paired_pulses(kind: str, where: str) -> None:
    """S4.5, S4.6: both times within 5 %, by either definition of the index."""
    found = measured(ftj_pairs)
    _, _, tau1, tau2 = ftj_pairs.KINDS[kind]
    assert found[f"{kind} tau1{where} (s)"] == pytest.approx(tau1, rel=0.05)
    assert found[f"{kind} tau2{where} (s)"] == pytest.approx(tau2, rel=0.05)
    size = np.abs(found[f"{kind} curve{where}"])
    assert np.all(np.diff(size) < 0)
    assert size[0] > 0.3 > 0.01 > size[-1]


@pytest.mark.parametrize(
    ("repeats", "seeds"), [(6, (3,)), pytest.param(20, range(5), marks=pytest.mark.long)]
)
def test_paired_pulses_with_variation(repeats: int, seeds: Iterable[int]) -> None:
    """S4.5, S4.6: on averages of noisy runs the published times are in the fitted intervals.

    Of intervals of 95 % by averages of twenty runs nine in ten hold them (twenty seeds).
    """
    held = []
    for seed in seeds:
        noisy = ftj_pairs.measure(repeats=repeats, seed=seed)
        for kind, (_, _, tau1, tau2) in ftj_pairs.KINDS.items():
            for name, tau in (("tau1", tau1), ("tau2", tau2)):
                low, high = noisy[f"{kind} {name} interval"]
                held.append(low <= tau <= high)
                assert low / 1.15 <= tau <= 1.15 * high, (kind, name)
                assert high < 5 * low, (kind, name)  # and these say something
    assert np.mean(held) >= 0.75


def test_responses_rise_with_everything() -> None:
    """S4.7: peak and final conductance with amplitude, width, rate and number."""
    found = measured(ftj_epsc)
    for name in ftj_epsc.CASES:
        assert found[f"{name} smallest rise of the peak"] > 0, name
        assert found[f"{name} smallest rise of the final"] > 0, name


def test_history_adaptation() -> None:
    """S4.8: signs +, -, about 0 (under 2 %), +; the same 1 Hz once down, once up."""
    found = measured(ftj_history)
    assert found["20 Hz"] > 1.0
    assert found["first 1 Hz"] < -0.05
    assert abs(found["0.25 Hz"]) < 0.02
    assert found["second 1 Hz"] > 0.01


def test_sliding_threshold() -> None:
    """S4.9: inside 0.2 to 10 Hz after both prior rates, higher after 20 Hz."""
    found = measured(ftj_threshold)
    slow, fast = (found[f"threshold after {prior:g} Hz (Hz)"] for prior in ftj_threshold.PRIORS)
    assert 0.2 < slow < fast < 10.0
    assert fast > 2 * slow
    for prior in ftj_threshold.PRIORS:
        curve = found[f"curve after {prior:g} Hz"]
        assert curve[0] < 0 < curve[-1]
        assert np.sum(np.diff(np.sign(curve)) != 0) == 1  # one crossing


def test_bcm_curves() -> None:
    """S4.10: the threshold rises with G0; below it depression first deepens, then turns."""
    found = measured(ftj_bcm)
    names = [f"{start * 1e6:.0f} uS" for start in ftj_bcm.STARTS]
    thresholds = [found[f"threshold from {name} (Hz)"] for name in names]
    assert all(b > 1.1 * a for a, b in itertools.pairwise(thresholds))
    for name in names:
        curve = found[f"curve from {name}"]
        lowest = int(curve.argmin())
        assert 0 < lowest < len(curve) - 1
        assert found[f"deepening from {name}"] > 1.05  # enhanced depression
        assert curve[0] < 0
        assert curve[-1] > 0.05


def test_metaplasticity() -> None:
    """S4.11: positive priming hinders LTP and deepens LTD, negative does the reverse."""
    found = measured(ftj_metaplasticity)
    none, positive, negative = (found[f"LTP after {p}"] for p in ftj_metaplasticity.PRIMINGS)
    assert 0 < positive < 0.6 * none < none < 0.6 * negative
    none, positive, negative = (found[f"LTD after {p}"] for p in ftj_metaplasticity.PRIMINGS)
    assert positive < none - 0.1 < none < negative - 0.1 < 0


@pytest.mark.parametrize("seed", range(4))
def test_signs_survive_the_variation_from_cycle_to_cycle(seed: int) -> None:
    """S4.8, S4.11 in single noisy runs: the large effects keep their sign."""
    history = ftj_history.measure(cycle=True, seed=seed)
    assert history["20 Hz"] > 1.0
    assert history["first 1 Hz"] < -0.03
    found = ftj_metaplasticity.measure(cycle=True, seed=seed)
    assert found["LTP after positive"] < found["LTP after none"] < found["LTP after negative"]
    assert found["LTD after positive"] < found["LTD after none"] < found["LTD after negative"]


def test_conduction_mechanisms() -> None:
    """S4.12: what fits find among five laws, and a barrier that grows with negative cycles."""
    found = measured(ftj_conduction)
    assert found["high, below 0.3 V"] == "direct tunnelling"
    assert found["high, above 0.3 V"] == "Fowler-Nordheim"
    assert found["low, above 0.3 V"] == "thermionic emission"
    assert np.all(np.diff(found["barriers"]) > 0)
    assert 0.3 < found["barriers"][0] < 0.6  # eV


@pytest.mark.parametrize("case", ftj_arrhenius.CASES)
def test_activation_energies(case: str) -> None:
    """S4.13: 0.23 and 0.70 eV from the relaxation at 270 to 305 K."""
    found = measured(ftj_arrhenius)
    assert found[f"fast after {case} (eV)"] == pytest.approx(0.23, abs=0.015)
    assert found[f"slow after {case} (eV)"] == pytest.approx(0.70, abs=0.015)


def test_rows_of_pixels_are_told_apart() -> None:
    """S4.14: sixteen rows, sixteen states."""
    found = measured(ftj_reservoir)
    assert found["states"] == 16
    assert found["smallest gap"] > 0.003


def test_retention() -> None:
    """No target: states keep their order for ten years, and all come nearer to half-way."""
    found = measured(ftj_retention)
    assert 1.5 < found["window after ten years"] < found["window after 1 min"]


def test_every_script_has_its_row_in_the_table() -> None:
    folder = Path(ftj_states.__file__).parent
    table = (folder / "README.md").read_text(encoding="utf-8")
    scripts = [path for path in folder.glob("*.py") if "def measure(" in path.read_text("utf-8")]
    assert len(scripts) > 30
    assert [path.stem for path in scripts if f"| `{path.stem}` |" not in table] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__.split(".")[-1])
def test_scripts_draw(script: ModuleType, tmp_path: Path) -> None:
    """Every script draws what it has measured, and every target names a number."""
    drawing = importlib.import_module("docs.figures.drawing")
    found = measured(script)
    assert set(script.TARGETS) <= set(found)
    paths = drawing.save(script.draw(found), tmp_path, "figure")
    assert [path.suffix for path in paths] == [".png", ".svg"]
    assert all(path.stat().st_size > 5000 for path in paths)
