"""Whole runs on the virtual 2410: what it cannot play, and what the host times."""

from __future__ import annotations

import importlib.resources
import random
from pathlib import Path

import numpy as np
import pytest

from labctl import catalogue, engine
from labctl.errors import Refused
from labctl.record import Record

SIM = Path(str(importlib.resources.files("benches"))) / "sim-2410.toml"
FEW = {
    "restore": "wait", "longest_wait": 0, "repeats": 1, "intervals": "20 ms, 200 ms",
    "width": "1 ms",
}  # fmt: skip


def ppf(**values):
    return catalogue.protocol_from("ppf", {**FEW, **values})


# -- degradation -----------------------------------------------------------------------------------


def test_ppf_with_short_pulses_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(Refused) as caught:
        engine.run(ppf(width="100 us"), SIM, engine.Options(tmp_path))
    assert "make the level longer" in str(caught.value)
    assert "2410: levels of 960 us instead of 100 us with --accept-degraded" in str(caught.value)
    assert list(catalogue.run_folders(tmp_path)) == []


def test_what_is_accepted_is_played_and_written_into_the_record(tmp_path):
    options = engine.Options(tmp_path, accept_degraded=True)
    record = engine.run(ppf(width="100 us"), SIM, options)
    assert record.header.status == "done"
    said = {note.text for note in record.notes if note.kind == "degraded"}
    assert "2410: levels of 960 us instead of 100 us" in said
    assert said <= set(record.header.plan["degradations"])
    assert record.header.bench["accept_degraded"] is True
    pulses = record.readings.where(role="pulse")
    assert pulses.width == pytest.approx(0.96e-3)
    assert record.header.protocol["width"] == 100e-6  # what was asked for is kept as well


# -- timed by the host -----------------------------------------------------------------------------


def bench_file(tmp_path: Path, **changes: str) -> Path:
    """Write a bench like sim-2410 with some lines changed, and what is too short accepted."""
    text = "accept_degraded = true\n" + SIM.read_text("utf-8")
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "bench.toml"
    path.write_text(text)
    return path


def intervals_of(record: Record) -> tuple[np.ndarray, np.ndarray]:
    """Return the intervals asked for and those achieved, s."""
    pairs = [(step, rows.where(role="pulse")) for step, rows in record.where(part="pair")]
    achieved = [rows.t[1] - rows.t[0] - rows.width[0] for _, rows in pairs]
    return np.array([step.label["interval"] for step, _ in pairs]), np.array(achieved)


def busy_host(lines: int) -> str:
    """Return faults that make every answer late by a few milliseconds, each by another time."""
    draw = random.Random(1)
    row = '\n[[simulation.faults]]\ninstrument = "smu"\nat = {}\nkind = "slow"\ndelay = {:.6f}\n'
    return "".join(row.format(line, draw.expovariate(1 / 8e-3)) for line in range(30, lines))


def test_host_timed_ppf_shows_its_spread_and_still_gives_the_devices_curve(tmp_path):
    """The host is busy: what it times is late, and the fit knows by how much."""
    asked = {
        "intervals": "20 ms .. 1 s, 8 log", "repeats": 1, "restore": "pulses", "baseline": "200 uS",
        "longest_wait": "8 s",
    }  # fmt: skip
    steady = ("cycle = true\ndevice = true", "cycle = false\ndevice = false")
    host = ('tick = "1 ms"', 'tick = "1 ms"\ntiming = "host"')
    quick = {**asked, "restore": "wait", "longest_wait": 0}
    found = {}
    for name, values, changes in (("hardware", quick, {"s": steady}),
                                  ("host", asked, {"s": steady, "t": host})):  # fmt: skip
        folder = tmp_path / name
        folder.mkdir()
        path = bench_file(folder, **changes)
        path.write_text(path.read_text("utf-8") + busy_host(2000))
        found[name] = engine.run(ppf(**values), path, engine.Options(folder, 1))
    found["direct"] = engine.run(ppf(**asked), "direct-ftj", engine.Options(tmp_path, 1))
    spread = {}
    for name, record in found.items():
        wanted, achieved = intervals_of(record)
        spread[name] = np.std(achieved - wanted)
    assert spread["direct"] < 1e-9
    assert spread["hardware"] < 0.6e-3  # half a step of a list, whatever the host does
    assert spread["host"] > 5e-3
    host_tau, true_tau = (
        found[name].fits["single_decay_read"].values["tau1"] for name in ("host", "direct")
    )
    assert abs(host_tau.value - true_tau.value) < 3 * np.hypot(host_tau.sigma, true_tau.sigma)
    assert host_tau.sigma < 0.2 * host_tau.value
