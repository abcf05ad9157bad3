"""A runner killed at any moment: nothing acknowledged is lost, nothing is applied twice.

The runner is a process of its own that is killed without warning (SIGKILL, on Windows
TerminateProcess). The witness is the virtual device: it counts the pulses it has felt, and its
state outlives the runner in a file that is never older than any answer the runner has got.
"""

from __future__ import annotations

import itertools
import multiprocessing
import random
import time
from pathlib import Path

import pytest

from labctl import catalogue, engine
from labctl.errors import BadInput
from labctl.record import Record
from labctl.steps import Play
from sim_backend.state import StateFile, restored

METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
THRESHOLD = 0.3  # V, of the virtual device
ACCURACY = 2e-3  # V, of the virtual source there
PARAMETERS = {"repeats": 1, "intervals": "10 ms .. 1 s, 8 log", "baseline": "200 uS"}


def measure(out: str, seed: int) -> None:
    protocol = catalogue.protocol_from("ppf", {"seed": seed, **PARAMETERS})
    engine.run(protocol, "sim-ftj", engine.Options(Path(out), seed))


@pytest.fixture(scope="module")
def context():
    context = multiprocessing.get_context(METHOD)
    if METHOD == "forkserver":
        context.set_forkserver_preload(
            ["labctl.engine", "instruments.keithley2600", "sim_backend.laboratory", "protocols.ppf"]
        )
    return context


@pytest.fixture(scope="module")
def undisturbed(context, tmp_path_factory):
    """How long the steps of one whole run take, s."""
    out = tmp_path_factory.mktemp("undisturbed")
    process = context.Process(target=measure, args=(str(out), 0))
    process.start()
    folder = folder_of(out, process)
    until_a_step(folder, process)
    start = time.monotonic()
    process.join(60)
    duration = time.monotonic() - start
    assert Record(folder).header.status == "done"
    return duration


def folder_of(out: Path, process) -> Path:
    """Wait until the runner has made its folder."""
    while process.is_alive() or list(out.glob("*/*/run.json")):
        found = sorted(out.glob("*/*/run.json"), key=lambda path: path.stat().st_mtime)
        if found:
            return found[-1].parent
        time.sleep(0.002)
    raise AssertionError("the runner ended without a folder")


def until_a_step(folder: Path, process) -> None:
    """Wait until the first step has begun: what comes before is imports and connecting."""
    journal = folder / "journal.jsonl"
    while process.is_alive() and not (journal.exists() and b'"begun"' in journal.read_bytes()):
        time.sleep(0.001)


def pulses_felt(folder: Path) -> int:
    """Return what the device has counted; a lab that never saved has felt nothing."""
    saved = StateFile(folder / engine.STATE).read()
    return 0 if saved is None else restored(saved).tally().pulses


def pulses_of(steps) -> range:
    """Return how many pulses the device can have felt: one number, as a rule.

    It takes no notice of pulses below its threshold, and a pulse within the source's accuracy of
    the threshold may be felt or not.
    """
    waveforms = [step.what.waveform for step in steps if isinstance(step.what, Play)]
    pieces = [piece for waveform in waveforms for _, piece in waveform.flatten()]
    levels = [abs(piece.levels["top"][0]) for piece in pieces if piece.role == "pulse"]
    surely = sum(level > THRESHOLD + ACCURACY for level in levels)
    return range(surely, sum(level > THRESHOLD - ACCURACY for level in levels) + 1)


def kill_at(context, out: Path, seed: int, delay: float, measuring: bool) -> tuple[Path, list[str]]:
    """Start a run, kill it after a delay, and return the lines that were on disk just before."""
    process = context.Process(target=measure, args=(str(out), seed))
    process.start()
    folder = folder_of(out, process)
    if measuring:
        until_a_step(folder, process)
    time.sleep(delay)
    seen = (folder / "readings.csv").read_text() if (folder / "readings.csv").exists() else ""
    process.kill()
    process.join()
    return folder, seen[: seen.rfind("\n") + 1].splitlines()


TRIALS = [*range(30), *(pytest.param(k, marks=pytest.mark.long) for k in range(30, 230))]


@pytest.mark.parametrize("trial", TRIALS)
def test_killed_at_a_random_moment(context, undisturbed, tmp_path, trial):
    moment = random.Random(trial)
    delay = moment.uniform(0.0, 0.95) * undisturbed
    for attempt in itertools.count():
        # one in ten is killed on the way to its first step
        out, measuring = tmp_path / str(attempt), trial % 10 > 0
        folder, seen = kill_at(context, out, trial, delay, measuring)
        before = Record(folder)  # every folder opens
        if before.header.status != "done":
            break
        delay *= 0.8  # this run was faster than the one that was timed: once more, earlier

    kept = (folder / "readings.csv").read_text().splitlines()
    assert kept[: len(seen)] == seen
    assert all(step.last <= len(before.readings) for step in before.steps)

    done, doubt = before.steps, before.unfinished
    felt = pulses_felt(folder)
    assert pulses_of(done).start <= felt < pulses_of([*done, *([doubt] if doubt else [])]).stop

    handling = moment.choice(["skip", "repeat"])
    if doubt is not None and pulses_of([doubt]).stop > 1:
        with pytest.raises(BadInput, match="had begun and was not done"):
            engine.resume(folder)
        assert pulses_felt(folder) == felt  # refusing touched nothing
    after = engine.resume(folder, handling)

    assert after.header.status == "done"
    assert [step.index for step in after.steps] == list(range(len(after.steps)))
    first = len(done) + (doubt is not None and handling == "skip")
    assert pulses_felt(folder) - felt in pulses_of(after.steps[first:])
    assert list(after.readings)[: len(before.readings)] == list(before.readings)
