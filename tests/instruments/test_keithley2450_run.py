"""Whole runs on the virtual 2450 and 2461: agreement with the device model."""

from __future__ import annotations

import importlib.resources
import re
from pathlib import Path

import numpy as np
import pytest

from labctl import catalogue, engine
from labctl.errors import Refused
from labctl.readings import Flag
from labctl.record import Record

BENCHES = Path(str(importlib.resources.files("benches")))
SIM = BENCHES / "sim-2450.toml"
FEW = {
    "restore": "wait", "longest_wait": 0, "repeats": 1, "intervals": "20 ms, 200 ms",
    "width": "1 ms",
}  # fmt: skip
CURVE = {"repeats": 1, "intervals": "10 ms .. 1 s, 4 log", "amplitude": "0.8 V"}


def ppf(**values):
    return catalogue.protocol_from("ppf", {**FEW, **values})


def bench_file(tmp_path: Path, source: Path, *changes: tuple[str, str]) -> Path:
    """Write a bench like another with some lines changed, and what is too short accepted."""
    text = source.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    tmp_path.mkdir(parents=True, exist_ok=True)
    path = tmp_path / "bench.toml"
    path.write_text(f"accept_degraded = true\n{text}", "utf-8")
    return path


# -- agreement with the device model ---------------------------------------------------------------


def played(tmp_path: Path, source: Path, **values) -> Record:
    """Run without chance: after another reading the device is brought back in another way."""
    text = re.sub(r"(cycle|device|instrument) = true", r"\1 = false", source.read_text("utf-8"))
    tmp_path.mkdir(parents=True)
    (tmp_path / "source.toml").write_text(text, "utf-8")
    path = bench_file(tmp_path / "as", tmp_path / "source.toml")
    protocol = catalogue.protocol_from("ppf", {**CURVE, **values})
    return engine.run(protocol, path, engine.Options(tmp_path / "runs", 1))


def test_pulses_shorter_than_a_step_agree_with_the_direct_bench(tmp_path):
    """The digitizer of the 2461 reads them; longer ones are compared in `test_agreement`."""
    smu = played(tmp_path / "smu", BENCHES / "sim-2461.toml", width="200 us")
    direct = played(tmp_path / "direct", BENCHES / "direct-ftj.toml", width="200 us")
    assert any("rests of" in said for said in smu.header.plan["degradations"])
    for role in ("pulse", "read"):
        # the first readings of both: later ones depend on how many reads the baseline took
        got, true = (record.readings.where(role=role) for record in (smu, direct))
        bound = 2 * got.u_i[:2] + 2e-3 * np.abs(got.i[:2])
        assert np.all(np.abs(got.i[:2] - true.i[:2]) < bound)
        assert not np.any(got.flags & (Flag.COMPLIANCE | Flag.OVERRANGE))
    for name in ("index", "index_read"):
        assert smu.metrics[name].value == pytest.approx(direct.metrics[name].value, abs=0.02)
    assert smu.simulated


def test_ppf_with_short_pulses_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(Refused) as caught:
        engine.run(ppf(width="100 us"), SIM, engine.Options(tmp_path))
    assert "make the level longer" in str(caught.value)
    assert "2450: levels of 630 us instead of 100 us with --accept-degraded" in str(caught.value)
    assert list(catalogue.run_folders(tmp_path)) == []


def test_the_intervals_of_a_run_are_those_of_the_hardware(tmp_path):
    record = engine.run(ppf(), bench_file(tmp_path, SIM), engine.Options(tmp_path / "runs", 1))
    for step, rows in record.where(part="pair"):
        pulses = rows.where(role="pulse")
        achieved = pulses.t[1] - pulses.t[0] - pulses.width[0]
        # the read between the two, and the rest before it, are longer than was asked for
        assert achieved == pytest.approx(step.label["interval"], abs=2e-3)
