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
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from labctl import catalogue, engine
from labctl.benchfile import read_bench
from labctl.condition import figures, parse_condition
from labctl.control import Control
from labctl.errors import BadInput
from labctl.folder import run_folder
from labctl.journal import RUN, pretty, write_atomically
from labctl.lock import FolderLock
from labctl.planner import Plan, plan
from labctl.protocol import Protocol, explain, load_values
from labctl.record import Record

__all__ = [
    "SEQUENCE", "Course", "Entry", "Sequence", "Stage", "plans", "protocols", "read_course",
    "read_sequence", "resume", "run",
]  # fmt: skip

SEQUENCE = "sequence.json"
_VERSION = 1
_USUAL = engine.Options()
_SAMPLE = "sample"  # folder of the virtual device that all stages share

Condition = Annotated[str, Field(description='Such as "g_final > 100 uS".')]


class Stage(BaseModel):
    """One protocol of a sequence and when it is run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: str  #: kind, or a TOML file beside the sequence's
    name: str = ""  #: for conditions of later stages; otherwise the kind
    set: dict[str, Any] = {}  #: parameters
    when: Condition = ""  #: on earlier stages; left out unless it holds
    until: Condition = ""  #: on its own results; done again until it holds
    times: PositiveInt = 1  #: at most
    otherwise: Literal["stop", "continue"] = "stop"  #: when `until` never held

    @model_validator(mode="after")
    def _fit_together(self) -> Stage:
        for text in (self.when, self.until):
            if text:
                _readable(text)
        if self.times > 1 and not self.until:
            raise ValueError(
                f"times = {self.times} was asked for without until; say until when it is repeated"
            )
        return self


def _readable(text: str) -> None:
    try:
        parse_condition(text)
    except BadInput as error:
        raise ValueError(str(error)) from None


class Sequence(BaseModel):
    """A sequence file, checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = ""
    bench: str = "sim-ftj"
    seed: Annotated[int, Field(ge=0)] = 0
    device: str = ""
    stage: tuple[Stage, ...] = Field(min_length=1)

    def names(self) -> list[str]:
        """Return a name for each stage, numbered where a kind comes twice."""
        given = [stage.name or Path(stage.protocol).stem for stage in self.stage]
        return [
            name if given.count(name) == 1 else f"{name}-{given[: k + 1].count(name)}"
            for k, name in enumerate(given)
        ]


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
    entries: tuple[Entry, ...] = ()
    status: str = "running"  #: ``running``, ``done``, or ``stopped`` by a condition
    message: str = ""
    version: int = _VERSION


def read_sequence(path: Path) -> Sequence:
    """Read a sequence file.

    Raises
    ------
    BadInput
        It is missing, not TOML, or a key is wrong; one sentence with file and key.
    """
    return _checked(load_values(path), str(path))


def _checked(values: dict[str, Any], where: str) -> Sequence:
    try:
        return Sequence(**values)
    except ValidationError as error:
        raise BadInput(explain(error, where, list(Sequence.model_fields))) from None


def protocols(sequence: Sequence, folder: Path, seed: int) -> list[Protocol]:
    """Return the protocol of each stage.

    Parameters
    ----------
    sequence
        The sequence.
    folder
        Where its protocol files are.
    seed
        Of stages that give none.

    Raises
    ------
    BadInput
        A stage's protocol or parameter is wrong; the sentence names the stage.
    """
    found = []
    for name, stage in zip(sequence.names(), sequence.stage, strict=True):
        what = stage.protocol
        if what.endswith(".toml"):
            what = str(folder / what)
        try:
            found.append(catalogue.protocol_from(what, {"seed": seed, **stage.set}))
        except BadInput as error:
            raise BadInput(f"stage {name}: {error}") from None
    return found


def plans(sequence: Sequence, folder: Path, bench: str = "") -> Iterator[tuple[str, Plan]]:
    """Yield the plan of one turn of each stage, with the stage's name.

    Parameters
    ----------
    sequence
        The sequence.
    folder
        Where its protocol files are.
    bench
        Instead of the sequence's own.

    Raises
    ------
    BadInput
        As `protocols`.
    """
    definition, _ = read_bench(bench or sequence.bench)
    found = protocols(sequence, folder, sequence.seed)
    for name, protocol in zip(sequence.names(), found, strict=True):
        yield name, plan(protocol, definition)


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
    folder = run_folder(options.out, f"sequence-{path.stem}", device)
    chosen = bench or sequence.bench
    sample = options.sample
    if not sample and read_bench(chosen)[0].simulated:
        sample = str((folder / _SAMPLE).resolve())
    course = Course(
        sequence.model_dump(mode="json"), chosen, seed, device, str(path.parent.resolve()), sample
    )
    return _Carrier(folder, course, options, control or Control(), told).carry_out()


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
        There is none, or it cannot be read.
    """
    path = folder / SEQUENCE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Course)
    except FileNotFoundError:
        raise BadInput(f'"{folder}" is not a sequence: it has no {SEQUENCE}') from None
    except (OSError, msgspec.MsgspecError) as error:
        raise BadInput(f'"{path}" cannot be read: {error}; restore it from a copy') from None


@dataclass
class _Carrier:
    """Carries a sequence out from where its course stands."""

    folder: Path
    course: Course
    options: engine.Options
    control: Control
    told: Callable[[str], None] | None

    def carry_out(self, handling: engine.Handling = "refuse") -> Path:
        sequence = _checked(self.course.sequence, str(self.folder))
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
        last = self.course.entries[-1] if self.course.entries else None
        if last is not None and (last.stage, last.turn, last.held) == (k, turn, None):
            folder = self.folder / last.run
            if (folder / RUN).exists():
                if Record(folder).header.status == "done":
                    return Record(folder)
                return engine.resume(folder, handling, self.options, self.control)
            self._keep(entries=self.course.entries[:-1])  # killed before it began

        number = f"{k + 1:02d}-{name}" + (f"-{turn}" if turn > 1 else "")
        self._add(Entry(k, turn, number))
        options = replace(
            self.options, folder=self.folder / number, seed=self.course.seed,
            site=self.course.device, sample=self.course.sample,
            fresh=self.options.fresh and len(self.course.entries) == 1,
        )  # fmt: skip
        return engine.run(protocol, self.course.bench, options, self.control)

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
        write_atomically(self.folder / SEQUENCE, pretty(self.course))

    def _say(self, line: str) -> None:
        if self.told is not None:
            self.told(line)
