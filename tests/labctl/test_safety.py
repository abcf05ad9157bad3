"""However a run ends, the bench is left safe, and what the user sees is what went wrong.

The runner talks over TCP to a virtual 2602B that this test holds, so that its front panel can be
read afterwards without asking through the link that may be broken.
"""

from __future__ import annotations

import importlib.resources
import os
import signal
import subprocess
import sys
import time
import tomllib
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

from labctl import catalogue, engine
from labctl.benchfile import read_bench
from labctl.protocol import Protocol
from labctl.record import Record
from labctl.results import Results
from labctl.steps import Play, Steps
from labctl.waveform import pulse, read, rest
from sim_backend.laboratory import open_laboratory
from sim_backend.server import Server, _named

SIM = Path(str(importlib.resources.files("benches"))) / "sim-ftj.toml"
FEW = {"restore": "wait", "longest_wait": 0, "repeats": 2, "intervals": "10 ms, 20 ms, 50 ms"}


@contextmanager
def served(tmp_path, pace=0.0):
    """Yield (the laboratory, a bench file that reaches it over TCP)."""
    _, content = read_bench(str(SIM))
    lab = open_laboratory(content, 1, None, pace)
    with Server(_named(content, lab)) as server:
        text = SIM.read_text(encoding="utf-8")
        before = text[: text.index("[simulation]")]
        address = tomllib.loads(text)["instruments"]["smu"]["address"]
        before = before.replace(
            f'address = "{address}"', f'address = "{server.addresses["smu"]}"\ntimeout = "10 s"'
        )
        path = tmp_path / "served.toml"
        path.write_text(
            before + f'[simulation]\nlaboratory = "served"\nspeed = {max(pace, 1000.0)}\n'
        )
        yield lab, path
    lab.close()


def is_safe(lab) -> bool:
    states = [lab.instruments["smu"].channel_state(channel) for channel in ("a", "b")]
    return all(not state["output"] and state["level"] == 0 for state in states)


def run(path: Path, tmp_path: Path, protocol: Protocol | None = None) -> Record:
    protocol = protocol or catalogue.protocol_from("ppf", FEW)
    return engine.run(protocol, path, engine.Options(tmp_path / "runs"))


def record_of(tmp_path: Path) -> Record:
    (folder,) = catalogue.run_folders(tmp_path / "runs")
    return Record(folder)


def test_a_finished_run_leaves_the_bench_safe(tmp_path):
    with served(tmp_path) as (lab, path):
        assert run(path, tmp_path).header.status == "done"
        assert is_safe(lab)


class Mistaken(Protocol):
    """Fails between two steps."""

    kind: Literal["mistaken"] = "mistaken"

    def steps(self) -> Steps:
        readings = yield Play(pulse(1.0, 1e-4) + rest(1e-3) + read(0.1, 1e-3), 1e-3)
        if abs(readings.g[1] / 1e-4 - 1) > 1e-9:  # not the planner's resistor
            raise ZeroDivisionError("the protocol's own mistake")

    def analyse(self, record: Record) -> Results:
        return Results()


def test_the_users_exception_comes_through_and_the_bench_is_safe(tmp_path):
    with served(tmp_path) as (lab, path):
        with pytest.raises(ZeroDivisionError, match="own mistake"):
            run(path, tmp_path, Mistaken())
        assert is_safe(lab)
    assert "own mistake" in record_of(tmp_path).header.message


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends console events instead")
def test_a_signal_ends_the_run_safe_with_status_5(tmp_path, name):
    # at pace 2 the whole run would take minutes: the signal meets it at work
    with served(tmp_path, pace=2.0) as (lab, path):
        words = [
            sys.executable, "-m", "labctl.cli", "run", "ppf", "--bench", str(path),
            "--out", str(tmp_path / "runs"), "--set", "longest_wait=0", "--set", "restore=wait",
        ]  # fmt: skip
        process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env={**os.environ})
        wait_for_rows(tmp_path, process)
        process.send_signal(getattr(signal, name))
        _, said = process.communicate(timeout=60)
        assert process.returncode == 5, said
        assert name in said
        assert "Traceback" not in said
        assert is_safe(lab)
    record = record_of(tmp_path)
    assert record.header.status == "aborted"
    assert len(record.readings) >= 5


def wait_for_rows(tmp_path: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        for path in (tmp_path / "runs").glob("*/*/readings.csv"):
            if path.read_bytes().count(b"\n") > 7:
                return
        time.sleep(0.02)
    raise AssertionError("the run never got under way")
