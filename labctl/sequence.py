"""Sequences: protocols one after another on one device, with conditions on their results.

A sequence is a TOML file::

    title = "Form, then characterise"
    bench = "sim-rram"

    [[stage]]
    protocol = "forming"
    until = "resistance < 20 kOhm"     # again, at most `times`, until it holds
    times = 3

    [[stage]]
    protocol = "ltp-ltd"
    set = { pulses = 50 }
    when = "forming.resistance > 1 kOhm"   # left out unless it holds

Each run is a run folder of its own below one folder of the sequence, whose ``sequence.json`` says
what was done and why; it is replaced as a whole after each run, so that a sequence that was broken
off goes on where it was. On a virtual bench all stages meet the same device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from labctl import engine
from labctl.benchfile import read_bench
from labctl.condition import figures, parse_condition
from labctl.control import Control
from labctl.errors import BadInput
from labctl.folder import run_folder
from labctl.fresh_start import begins_anew, put_aside
from labctl.journal import RUN
from labctl.lock import FolderLock
from labctl.protocol import Protocol
from labctl.record import Record
from labctl.sequence_file import (
    Sequence,
    Stage,
    check_sequence,
    located_bench,
    protocols,
    read_sequence,
)
from labctl.standing import keep_standing, read_standing

__all__ = [
    "SEQUENCE", "Course", "Entry", "begin", "judged", "read_course", "resume", "run",
]  # fmt: skip

SEQUENCE = "sequence.json"
_VERSION = 1
_USUAL = engine.Options()
_SAMPLE = "sample"  # folder of the virtual device that all stages share


class Entry(msgspec.Struct, frozen=True):
    """One run of a stage, or why there was none."""

    stage: int
    turn: int  #: from 1
    run: str  #: folder's name below the sequence's; empty where it was left out
    held: bool | None = None  #: whether `until` held after it; None while it is not done
    why: str = ""


class Course(msgspec.Struct, frozen=True):
    """``sequence.json``: what was asked and how far it is."""

    sequence: dict[str, Any]
    bench: str
    seed: int
    device: str
    folder_of_protocols: str  #: where its protocol files are
    sample: str = ""
    temperature: float | None = None  #: of the sample, K
    entries: tuple[Entry, ...] = ()
    status: str = "running"  #: ``running``, ``done``, or ``stopped`` by a condition
    message: str = ""
    version: int = _VERSION


def run(
    path: Path,
    options: engine.Options = _USUAL,
    bench: str = "",
    control: Control | None = None,
    told: Callable[[str], None] | None = None,
) -> Path:
    """Run a sequence file and return the folder of the sequence.

    Parameters
    ----------
    path
        The TOML file.
    options
        As for `labctl.engine.run`; a seed or site other than the default wins over the file's.
    bench
        Instead of the file's.
    control
        What the user wants meanwhile.
    told
        Told in a line what begins, what was left out and why.

    Raises
    ------
    BadInput, Refused, InstrumentFault, RecordFault, Aborted
        As `labctl.engine.run`; the sequence can be resumed.
    """
    sequence = read_sequence(path)
    seed, device = options.seed or sequence.seed, options.site or sequence.device
    protocols(sequence, path.parent, seed)  # a wrong parameter of the last stage is said now
    chosen = located_bench(bench) or located_bench(sequence.bench, path.parent)
    simulated = read_bench(chosen)[0].simulated
    folder = run_folder(options.out, f"sequence-{path.stem}", device)
    sample = options.sample
    if not sample and simulated:
        sample = str((folder / _SAMPLE).resolve())
    options = replace(options, seed=seed, site=device, sample=sample)
    return begin(sequence, path.parent, folder, options, chosen, control, told)


def begin(
    sequence: Sequence,
    where: Path,
    folder: Path,
    options: engine.Options,
    bench: str,
    control: Control | None = None,
    told: Callable[[str], None] | None = None,
) -> Path:
    """Run a sequence in a given folder, which is made where needed.

    Parameters
    ----------
    sequence
        What is run.
    where
        Where its protocol files are.
    folder
        Of the sequence.
    options
        Seed, site, sample and temperature are those of every run.
    bench, control, told
        As for `run`, which also says what is raised.
    """
    folder.mkdir(parents=True, exist_ok=True)
    course = Course(
        sequence.model_dump(mode="json"), bench, options.seed, options.site,
        str(where.resolve()), options.sample, options.temperature,
    )  # fmt: skip
    return _Carrier(folder, course, options, control or Control(), told).carry_out()


def judged(folder: Path, condition: str) -> Iterator[str]:
    """Yield why a condition holds, for every run of a sequence in which it does.

    Parameters
    ----------
    folder
        Of the sequence.
    condition
        On the figures of a run.

    Raises
    ------
    BadInput
        The condition or the folder cannot be read.
    """
    wanted = parse_condition(condition)
    for entry in read_course(folder).entries:
        if entry.run and (folder / entry.run / RUN).exists():
            verdict = wanted.judge(figures(Record(folder / entry.run).results))
            if verdict.holds:
                yield f"{entry.run}: {verdict.why}"


def resume(
    folder: Path,
    handling: engine.Handling = "refuse",
    options: engine.Options = _USUAL,
    control: Control | None = None,
    told: Callable[[str], None] | None = None,
) -> Path:
    """Go on with a sequence that was broken off, its unfinished run first.

    Parameters
    ----------
    folder
        Of the sequence.
    handling
        As for `labctl.engine.resume`.
    options, control, told
        As for `run`.

    Raises
    ------
    BadInput
        It is no folder of a sequence, or the sequence has ended.
    """
    course = read_course(folder)
    if course.status != "running":
        raise BadInput(f'"{folder}" has ended ({course.status}); there is nothing to resume')
    carrier = _Carrier(folder, course, options, control or Control(), told)
    return carrier.carry_out(handling)


def read_course(folder: Path) -> Course:
    """Read ``sequence.json``.

    Raises
    ------
    BadInput
        There is none, it cannot be read, or it is of a version that this labctl does not know.
    """
    return read_standing(folder, SEQUENCE, "sequence", Course)


@dataclass
class _Carrier:
    """Carries a sequence out from where its course stands."""

    folder: Path
    course: Course
    options: engine.Options
    control: Control
    told: Callable[[str], None] | None

    def carry_out(self, handling: engine.Handling = "refuse") -> Path:
        sequence = check_sequence(self.course.sequence, str(self.folder))
        where = Path(self.course.folder_of_protocols)
        found = protocols(sequence, where, self.course.seed)
        lock = FolderLock(self.folder)
        try:
            self._keep()
            for k, (stage, protocol) in enumerate(zip(sequence.stage, found, strict=True)):
                if not self._stage(k, stage, sequence.names(), protocol, handling):
                    return self.folder
            self._keep(status="done")
        finally:
            lock.release()
        return self.folder

    def _stage(
        self, k: int, stage: Stage, names: list[str], protocol: Protocol, handling: engine.Handling
    ) -> bool:
        """Carry out one stage; False where the sequence ends with it."""
        done = [entry for entry in self.course.entries if entry.stage == k]
        if done and (done[-1].held or not done[-1].run):
            return True
        if not done and stage.when:
            verdict = parse_condition(stage.when).judge(self._known(names))
            if not verdict.holds:
                self._say(f"{names[k]}: left out, since {verdict.why}")
                self._add(Entry(k, 1, "", False, verdict.why))
                return True
        in_hand = bool(done) and done[-1].held is None
        why = done[-1].why if done else ""
        for turn in range(len(done) + (not in_hand), stage.times + 1):
            self._say(f"{names[k]}" + (f", turn {turn}" if stage.times > 1 else ""))
            results = self._record(k, turn, names[k], protocol, handling).results
            held, why = True, ""
            if stage.until:
                verdict = parse_condition(stage.until).judge(figures(results))
                held, why = verdict.holds, verdict.why
            self._close(held, why)
            if held:
                return True
        return self._unmet(stage, names[k], why)

    def _unmet(self, stage: Stage, name: str, why: str) -> bool:
        message = f"{name}: until {stage.until} did not hold, since {why}"
        self._say(message)
        if stage.otherwise == "continue":
            return True
        self._keep(status="stopped", message=message)
        return False

    def _record(
        self, k: int, turn: int, name: str, protocol: Protocol, handling: engine.Handling
    ) -> Record:
        if (taken := self._taken_up(k, turn, name, handling)) is not None:
            return taken
        number = f"{k + 1:02d}-{name}" + (f"-{turn}" if turn > 1 else "")
        self._add(Entry(k, turn, number))
        options = replace(
            self.options, folder=self.folder / number, seed=self.course.seed,
            site=self.course.device, sample=self.course.sample,
            temperature=self.course.temperature,
            fresh=self.options.fresh and len(self.course.entries) == 1,
        )  # fmt: skip
        return engine.run(protocol, self.course.bench, options, self.control)

    def _taken_up(self, k: int, turn: int, name: str, handling: engine.Handling) -> Record | None:
        """Return the record of a run that was begun before; None where it came to nothing."""
        last = self.course.entries[-1] if self.course.entries else None
        if last is None or (last.stage, last.turn, last.held) != (k, turn, None):
            return None
        folder = self.folder / last.run
        if (folder / RUN).exists():
            record = Record(folder)
            if record.header.status == "done":
                return record
            if not begins_anew(record, handling, self.course.bench):
                return engine.resume(folder, handling, self.options, self.control)
            aside = put_aside(folder)
            self._say(f"{name}: begins anew on the changed bench file; put aside as {aside.name}")
        self._keep(entries=self.course.entries[:-1])
        return None

    def _known(self, names: list[str]) -> dict[str, tuple[float, str]]:
        """Return the figures of the last run of every stage so far, after the stage's name."""
        known: dict[str, tuple[float, str]] = {}
        for entry in self.course.entries:
            if entry.run:
                results = Record(self.folder / entry.run).results
                known |= figures(results, names[entry.stage])
        return known

    def _close(self, held: bool, why: str) -> None:
        *before, last = self.course.entries
        closed = msgspec.structs.replace(last, held=held, why=why)
        self._keep(entries=(*before, closed))

    def _add(self, entry: Entry) -> None:
        self._keep(entries=(*self.course.entries, entry))

    def _keep(self, **changes: Any) -> None:
        self.course = msgspec.structs.replace(self.course, **changes)
        keep_standing(self.folder, SEQUENCE, self.course)

    def _say(self, line: str) -> None:
        if self.told is not None:
            self.told(line)
