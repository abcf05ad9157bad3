"""A runner that is killed in the middle of a waveform: what the instrument then does by itself.

The real commands, each a process of its own: ``labctl serve`` has the instrument, ``labctl run``
plays on it and is killed without warning (SIGKILL, on Windows TerminateProcess), and this process
asks the instrument as a second client. How long an instrument may go on is what ``labctl check``
says: a 2602B until its heartbeat fails, the others to the end of what they were given to do.
"""

from __future__ import annotations

import importlib.resources
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from labctl import catalogue
from labctl.benchfile import read_bench
from labctl.planner import plan
from labctl.record import Record

BENCHES = Path(str(importlib.resources.files("benches")))
MAIN = "from labctl.cli import main; main()"
PATIENCE = 240.0  # s of the wall clock: of a machine with much else to do


@dataclass(frozen=True)
class Case:
    """An instrument, what is played on it, and what it is asked afterwards."""

    bench: str
    speed: float  #: laboratory seconds in a second
    interval: str  #: between the two pulses
    started: tuple[str, int]  #: what begins the waveform when it is sent for the so-many-th time
    zero: str  #: asks for all outputs and levels; answered by zeros
    least: float  #: it goes on by itself for so long after it was started, or last heard, s
    #: how long it went on; each question may hold the answer to the one before it
    clock: tuple[str, ...]
    options: str = ""  #: of the instrument


HEARTBEAT = 5.0  # s of the wall clock
CASES = {
    # asked while a script runs, it answers when that has ended
    "2602B": Case(
        "sim-ftj", 20.0, "2000 s", ("labctl_new(2,", 1),
        "print(smua.source.output, smua.source.levelv, smub.source.output, smub.source.levelv)",
        20.0 * HEARTBEAT, ("print(timer.measure.t() - labctl_heard)",),
        f'heartbeat = "{HEARTBEAT} s"\n',
    ),
    # the same; its time begins anew with every run
    "2410": Case(
        "sim-2410", 2.0, "5 s", (":INIT;*OPC?", 2), ":OUTP?;:SOUR:VOLT?", 5.0, (":SYST:TIME?",),
    ),
    # it answers at any time; its last reading is the one at zero volts
    "2450": Case(
        "sim-2450", 2.0, "5 s", (":INIT", 2), ":OUTP?;:SOUR:VOLT?", 5.0,
        (':TRAC:ACT? "labctl"', ':TRAC:DATA? {0:.0f},{0:.0f},"labctl",REL'),
    ),
}  # fmt: skip


def command(root: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip


@contextmanager
def served(root: Path, case: Case) -> Iterator[str]:
    """Yield the VISA address of an instrument that another process has."""
    process = command(root, "serve", case.bench, "--speed", f"{case.speed:g}")
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[1]
    finally:
        process.kill()
        process.communicate()


def bench_at(case: Case, address: str, folder: Path) -> Path:
    """Write the bench file of the runner."""
    text = (BENCHES / f"{case.bench}.toml").read_text(encoding="utf-8")
    known = next(line for line in text.splitlines() if line.startswith("address = "))
    text = text[: text.index("[simulation]")].replace(
        known, f'address = "{address}"\n{case.options}'
    )
    path = folder / "there.toml"
    path.write_text(f'{text}\n[simulation]\nlaboratory = "served"\nspeed = {case.speed}\n', "utf-8")
    return path


def until(happened: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, what
        time.sleep(0.01)


class Client:
    """Somebody else who asks the instrument."""

    def __init__(self, address: str) -> None:
        _, host, port, _ = address.split("::")
        self._socket = socket.create_connection((host, int(port)), timeout=PATIENCE)
        self._lines = self._socket.makefile("r", encoding="ascii", newline="\n")

    def ask(self, question: str) -> list[float]:
        self._socket.sendall(question.encode() + b"\n")
        answer = self._lines.readline().replace(";", " ").replace(",", " ")
        return [float(text) for text in answer.split()]

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


def killed(root: Path, case: Case, bench: Path, out: Path, values: dict[str, str], late: float
           ) -> Path:  # fmt: skip
    """Run, kill the runner in the middle of a pair of pulses, and return the run folder."""
    words = [word for key, value in values.items() for word in ("--set", f"{key}={value}")]
    process = command(root, "run", "ppf", "--bench", str(bench), "--out", str(out), "--wire-log",
                      "--accept-degraded", *words)  # fmt: skip

    def playing() -> bool:
        assert process.poll() is None, process.communicate()[1]
        sent, times = case.started
        logs = list(out.glob("*/*/wire.log"))
        return bool(logs) and logs[0].read_text("utf-8", "replace").count(sent) >= times

    try:
        until(playing, "the run never got under way")
        time.sleep(late)
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
    (folder,) = catalogue.run_folders(out)
    return folder


def fall_silent(root: Path, tmp_path: Path, case: Case, late: float) -> None:
    with served(root, case) as address:
        bench = bench_at(case, address, tmp_path)
        values = {"restore": "wait", "longest_wait": "0", "repeats": "1", "width": "1 ms",
                  "intervals": case.interval}  # fmt: skip
        definition, _ = read_bench(str(bench))
        definition = definition.model_copy(update={"accept_degraded": True})
        foreseen = plan(catalogue.protocol_from("ppf", values), definition).alone
        folder = killed(root, case, bench, tmp_path / "runs", values, late)
        client = Client(address)
        until(lambda: not any(client.ask(case.zero)), "it is not at zero volts by itself")
        alone = 0.0
        for question in case.clock:
            (alone,) = client.ask(question.format(alone))
        # no sooner: it played on without the runner; a busy machine answers late
        assert case.least <= alone <= foreseen + 6 * case.speed
        client.close()
    record = Record(folder)
    assert record.unfinished is not None
    assert len(record.readings) >= 1  # the first read was acknowledged


def test_killing_the_runner_in_a_2602b_script_switches_off_within_the_heartbeat(root, tmp_path):
    fall_silent(root, tmp_path, CASES["2602B"], 0.0)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("trial", range(12))
@pytest.mark.parametrize("model", CASES)
def test_killing_the_runner_at_any_moment(root, tmp_path, model, trial):
    late = random.Random(f"{model} {trial}").uniform(0.0, 2.0)
    fall_silent(root, tmp_path, CASES[model], late)
