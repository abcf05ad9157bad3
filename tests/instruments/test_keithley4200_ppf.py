"""A whole protocol on the bench sim-4200 agrees with the device model within the stated accuracy.

The direct bench plays on the same device through a contact of 50 Ohm, which is what a pulse card
has inside; how the two of them solve the load line has nothing in common.
"""

import re
from pathlib import Path

import numpy as np
import pytest

import labctl
from labctl.benchfile import read_bench
from labctl.catalogue import find_bench
from labctl.planner import plan
from protocols.ppf import PairedPulse

PPF = {"intervals": "10 ms .. 1 s, 4 log", "repeats": 1}
CONTACT = '\n[simulation.wafer]\ncontact = "50 Ohm"\n'


@pytest.fixture
def benches(tmp_path: Path) -> tuple[str, str]:
    """Return sim-4200 and direct-ftj without variation from pulse to pulse and device to device."""
    card = find_bench("sim-4200").read_text("utf-8")
    card = re.sub(r"(cycle|device) = true", r"\1 = false", card)
    (tmp_path / "card.toml").write_text(card, "utf-8")
    direct = find_bench("direct-ftj").read_text("utf-8") + CONTACT
    (tmp_path / "direct.toml").write_text(direct, "utf-8")
    return str(tmp_path / "card.toml"), str(tmp_path / "direct.toml")


def test_paired_pulses_agree_with_the_direct_bench(benches, tmp_path):
    card, direct = (labctl.run("ppf", bench=bench, out=tmp_path / "r", **PPF) for bench in benches)
    for role in ("pulse", "read"):
        # the first readings of both: later ones depend on how many reads the baseline took
        got, true = (record.readings.where(role=role) for record in (card, direct))
        bound = 2 * got.u_i[:2] + 2e-3 * np.abs(got.i[:2])
        assert np.all(np.abs(got.i[:2] - true.i[:2]) < bound)
        assert not np.any(got.flags)
    for name, slack in (("index", 0.02), ("index_read", 0.04)):
        expected = direct.metrics[name].value
        assert card.metrics[name].value == pytest.approx(expected, abs=slack)
    assert card.simulated


def test_the_plan_says_what_is_played_instead_of_a_compliance():
    protocol = PairedPulse(intervals=(0.01, 0.1), repeats=1, compliance=1e-3)
    made = plan(protocol, read_bench("sim-4200")[0])
    assert made.violations == ()
    assert any("instead of 1 mA" in said for said in made.degradations)


def test_the_template_of_a_real_bench_is_read_and_plans():
    definition = read_bench("keithley4200a")[0]
    assert not definition.simulated
    assert plan(PairedPulse(intervals=(0.01, 0.1), repeats=1), definition).violations == ()
