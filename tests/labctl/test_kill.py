"""A runner killed at any moment: nothing acknowledged is lost, nothing is applied twice.

Four protocols that could not be more different: paired pulses (the course is fixed), write-verify
(every pulse depends on the last read), endurance with its stop rule, and STDP on two terminals. Two
kinds of death: the folder as it is at some byte of what the writer writes, taken in this process,
after which the resumed run is compared with the whole one reading by reading; and a process of its
own that is killed without warning (SIGKILL, on Windows TerminateProcess), where the witness is the
virtual device: it counts the pulses it has felt, and its state outlives the runner in a file that
is never older than any answer the runner has got.
"""

from __future__ import annotations

import importlib.resources
import itertools
import multiprocessing
import os
import random
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labctl import catalogue, engine
from labctl.errors import BadInput
from labctl.parts import Lines
from labctl.record import Record
from labctl.steps import Play, StepRecord
from labctl.verification import verify
from sim_backend.state import StateFile, restored

METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
BENCHES = Path(str(importlib.resources.files("benches")))
WORN = "[simulation.device]\nlife_cycles = 12.0\nclosing_cycles = 0.0\n"  # of the cell below

#: kind of protocol -> parameters
KINDS: dict[str, dict[str, Any]] = {
    "ppf": {"repeats": 1, "intervals": "10 ms .. 1 s, 5 log", "restore": "wait", "longest_wait": 0},
    "write-verify": {"targets": (400e-6,), "rewrites": 0},
    "endurance": {"cycles": 200, "burst": 3},
    "stdp": {"delays": "-20 ms, -10 ms, 10 ms, 20 ms", "repeats": 1},
}
STEPS = {"ppf": 10, "write-verify": 60, "endurance": 30, "stdp": 36}  #: of a run, about
#: least level of a pulse that the device feels, V; those of the others only it could judge
COUNTED = {"ppf": 0.3, "endurance": 0.5}
ACCURACY = 2e-3  # V, of the virtual source


def bench_of(kind: str, folder: Path, make: str) -> str:
    """Return a bench: ``direct`` is without noise and compared, ``sim`` has an instrument."""
    if kind != "endurance":
        return f"{make}-ftj"
    path = folder / "worn.toml"
    text = (BENCHES / f"{make}-rram.toml").read_text(encoding="utf-8")
    path.write_text(text.replace("[simulation.device]\n", WORN), encoding="utf-8")
    return str(path)


def measure(kind: str, bench: str, out: str, seed: int) -> None:
    protocol = catalogue.protocol_from(kind, {"seed": seed, **KINDS[kind]})
    engine.run(protocol, bench, engine.Options(Path(out), seed))


# -- the folder at any byte --------------------------------------------------------------------


class Killed(BaseException):
    """The runner of a test is gone."""


class Death:
    """Freezes the folder of a run at some byte of one of the writes to its files of lines.

    Parameters
    ----------
    at
        Number of the write.
    share
        Of its bytes that come through.
    into
        Where the frozen folder is put.
    """

    def __init__(self, at: int, share: float, into: Path) -> None:
        self.left, self.share, self.into = at, share, into
        self.killed: bytes = b""  #: what was being written

    def append(self, lines: Lines, data: bytes) -> None:
        self.left -= 1
        if self.left >= 0:
            APPEND(lines, data)
            return
        if not self.killed:
            self.killed = data
            os.write(lines._file, data[: int(self.share * len(data))])
            folder = lines.path.parent
            shutil.copytree(folder, self.into, ignore=shutil.ignore_patterns("lock"))
        raise Killed


APPEND = Lines.append


@pytest.fixture(scope="module", params=KINDS)
def whole(request, tmp_path_factory):
    """Yield a kind of protocol, its bench, a whole run of it and how many writes that takes."""
    folder = tmp_path_factory.mktemp(request.param)
    bench, writes = bench_of(request.param, folder, "direct"), []

    def append(lines: Lines, data: bytes) -> None:
        writes.append(data)
        APPEND(lines, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lines, "append", append)
        measure(request.param, bench, str(folder), 3)
    (path,) = catalogue.run_folders(folder)
    return request.param, bench, Record(path), len(writes)


MOMENTS = [*range(5), *(pytest.param(k, marks=pytest.mark.long) for k in range(5, 55))]


@pytest.mark.parametrize("moment", MOMENTS)
def test_frozen_at_any_byte(whole, tmp_path, monkeypatch, moment):
    kind, bench, wanted, writes = whole
    chance = random.Random(f"{kind} {moment}")
    # from the second write on, for before there is no session; all of a line or a part of it
    death = Death(
        chance.randrange(2, writes), chance.choice([0.0, chance.random(), 1.0]), tmp_path / "frozen"
    )
    monkeypatch.setattr(Lines, "append", lambda lines, data: death.append(lines, data))
    with pytest.raises(Killed):
        measure(kind, bench, str(tmp_path / "runs"), 3)
    monkeypatch.undo()

    before = Record(death.into)  # every folder opens
    kept, doubt = list(before.readings), before.unfinished
    if doubt is not None and isinstance(doubt.what, Play):
        with pytest.raises(BadInput, match="had begun and was not done"):
            engine.resume(death.into)
    played = not death.killed.startswith(b'{"event":"begun"')
    after = engine.resume(death.into, "skip" if played else "repeat")
    assert after.header.status == "done"
    assert [step.index for step in after.steps] == list(range(len(after.steps)))
    assert list(after.readings)[: len(kept)] == kept
    assert verify(death.into).holds
    compare(after, wanted, doubt)


def applied(step: StepRecord) -> Any:
    """Return what of a step reaches the device."""
    return (step.what.waveform, step.what.compliance) if isinstance(step.what, Play) else step.what


def compare(after: Record, wanted: Record, doubt: StepRecord | None) -> None:
    """Compare a resumed run with the whole one, but for the readings that never arrived."""
    there = np.isfinite(after.readings.i)
    if doubt is not None:
        lost = np.zeros(len(there), bool)
        lost[doubt.first : doubt.first + doubt.what.waveform.summary().readings] = True
        assert (there | lost).all()  # nothing else is missing
        if (lost & ~there).any() and wanted.protocol.decides:
            return  # it decided otherwise, without the readings
    else:
        assert there.all()
    # a label may hold what was measured, of which the last digit is that of the session
    assert [step.label.keys() for step in after.steps] == [s.label.keys() for s in wanted.steps]
    assert [applied(step) for step in after.steps] == [applied(step) for step in wanted.steps]
    assert len(after.readings) == len(wanted.readings)
    for name in ("t", "v", "i", "width"):
        a, b = getattr(after.readings, name)[there], getattr(wanted.readings, name)[there]
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-24)
    if there.all():
        assert after.metrics.keys() == wanted.metrics.keys()
        for name, metric in wanted.metrics.items():
            assert after.metrics[name].value == pytest.approx(metric.value, rel=1e-6, nan_ok=True)


# -- a process of its own ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def context():
    context = multiprocessing.get_context(METHOD)
    if METHOD == "forkserver":
        context.set_forkserver_preload(
            ["labctl.engine", "instruments.keithley2600", "sim_backend.laboratory", "protocols.ppf"]
        )
    return context


def folder_of(out: Path, process) -> Path:
    """Wait until the runner has made its folder."""
    while process.is_alive() or list(out.glob("*/*/run.json")):
        found = sorted(out.glob("*/*/run.json"), key=lambda path: path.stat().st_mtime)
        if found:
            return found[-1].parent
        time.sleep(0.002)
    raise AssertionError("the runner ended without a folder")


def until_a_step(folder: Path, process, number: int) -> None:
    """Wait until so many steps have begun."""
    journal = folder / "journal.jsonl"
    while process.is_alive():
        if journal.exists() and journal.read_bytes().count(b'{"event":"begun"') >= number:
            return
        time.sleep(0.0005)


def pulses_felt(folder: Path) -> int:
    """Return what the device has counted; a lab that never saved has felt nothing."""
    saved = StateFile(folder / engine.STATE).read()
    return 0 if saved is None else restored(saved).tally().pulses


def pulses_of(steps, threshold: float) -> range:
    """Return how many pulses the device can have felt: one number, as a rule.

    It takes no notice of pulses below its threshold, and a pulse within the source's accuracy of
    the threshold may be felt or not.
    """
    waveforms = [step.what.waveform for step in steps if isinstance(step.what, Play)]
    pieces = [piece for waveform in waveforms for _, piece in waveform.flatten()]
    levels = [abs(piece.levels["top"][0]) for piece in pieces if piece.role == "pulse"]
    surely = sum(level > threshold + ACCURACY for level in levels)
    return range(surely, sum(level > threshold - ACCURACY for level in levels) + 1)


def kill_at(
    context, kind: str, bench: str, out: Path, seed: int, number: int, delay: float
) -> tuple[Path, list[str]]:
    """Start a run, kill it after so many steps, and return the lines on disk just before."""
    process = context.Process(target=measure, args=(kind, bench, str(out), seed))
    process.start()
    folder = folder_of(out, process)
    if number:
        until_a_step(folder, process, number)
    time.sleep(delay)
    seen = (folder / "readings.csv").read_text() if (folder / "readings.csv").exists() else ""
    process.kill()
    process.join()
    return folder, seen[: seen.rfind("\n") + 1].splitlines()


def trials(most: int, usual: int) -> list[Any]:
    """Return (kind, trial) for each kind; those beyond the usual number are long."""
    return [
        pytest.param(kind, trial, marks=pytest.mark.long if trial >= usual else ())
        for kind in KINDS
        for trial in range(most)
    ]


@pytest.mark.parametrize(("kind", "trial"), trials(51, 1))
def test_killed_at_a_random_moment(context, tmp_path, kind, trial):
    bench = bench_of(kind, tmp_path, "sim")
    moment = random.Random(f"{kind} {trial}")
    share, delay = moment.random(), moment.uniform(0.0, 0.01)
    for attempt in itertools.count():
        # one in ten is killed on the way to its first step
        steps = 0 if trial % 10 == 9 else 1 + int(share * STEPS[kind])
        folder, seen = kill_at(context, kind, bench, tmp_path / str(attempt), trial, steps, delay)
        before = Record(folder)  # every folder opens
        if before.header.status != "done":
            break
        share, delay = share * 0.8, delay * 0.8  # it was quicker: once more, earlier

    lines = (folder / "readings.csv").read_text().splitlines()
    assert lines[: len(seen)] == seen
    kept = list(before.readings)
    assert all(step.last <= len(kept) for step in before.steps)
    done, doubt = before.steps, before.unfinished
    felt = pulses_felt(folder)
    if kind in COUNTED:
        most = pulses_of([*done, *([doubt] if doubt else [])], COUNTED[kind]).stop
        assert pulses_of(done, COUNTED[kind]).start <= felt < most

    handling = moment.choice(["skip", "repeat"])
    if doubt is not None and isinstance(doubt.what, Play):
        with pytest.raises(BadInput, match="had begun and was not done"):
            engine.resume(folder)
        assert pulses_felt(folder) == felt  # refusing touched nothing
    after = engine.resume(folder, handling)

    assert after.header.status == "done"
    assert [step.index for step in after.steps] == list(range(len(after.steps)))
    assert list(after.readings)[: len(kept)] == kept
    assert verify(folder).holds
    if kind in COUNTED:
        first = len(done) + (doubt is not None and handling == "skip")
        assert pulses_felt(folder) - felt in pulses_of(after.steps[first:], COUNTED[kind])
