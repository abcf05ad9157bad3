"""The engine: run a protocol on a bench, and resume a run that was broken off.

    plan -> folder and header -> bench -> (begin, play, write rows, done) for each step -> results

Resuming is replaying: the recorded readings are sent to the protocol's generator again, so it
arrives where it was without any pulse being sent twice. Only a step that had begun and was not done
is in doubt, and what to do about it is the user's choice (`Handling`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from labctl.benchfile import Definition, define_bench, read_bench
from labctl.control import Control
from labctl.ending import best_effort, ending, message_of, note_error, note_found, settings_left
from labctl.envelope import Course as DeviceCourse
from labctl.envelope import Gate
from labctl.errors import (
    Aborted,
    BadInput,
    RecordFault,
    Refused,
)
from labctl.folder import new_header, run_folder
from labctl.journal import Header, Journal, check_free
from labctl.planner import Plan, plan
from labctl.protocol import Protocol
from labctl.readings import Readings, Row
from labctl.record import Record
from labctl.resumption import Handling, check_resumable, in_doubt, mend, replayed, settle
from labctl.sample import STATE, gate_of, holding_device, note_run
from labctl.steps import Move, Play, Soak, Step
from labctl.workbench import Bench

__all__ = ["Handling", "Options", "begin", "resume", "run"]


@dataclass(frozen=True, slots=True)
class Options:
    """How to run, beside what to run."""

    out: Path = Path("runs")  #: a run folder of its own is made below it
    seed: int = 0
    site: str = ""
    sample: str = ""  #: folder of a virtual sample that outlives the run
    fresh: bool = False  #: the device of the sample begins anew
    operator: str = ""
    pace: float = 0.0  #: virtual seconds in a second; 0 does not wait
    accept_degraded: bool = False  #: play what an instrument can do instead, and write that down
    #: told after each step: steps done, the plan, time of the run in s
    progress: Callable[[int, Plan, float], None] | None = None
    #: told the folder as soon as it exists
    started: Callable[[Path], None] | None = None
    folder: Path | None = None  #: the run folder itself, where it is to have this name
    temperature: float | None = None  #: the sample is brought to it before the first step, K


def run(
    protocol: Protocol,
    bench: str | Path,
    options: Options = Options(),
    control: Control | None = None,
) -> Record:
    """Run a protocol on a bench and return its record.

    Parameters
    ----------
    protocol
        What to measure.
    bench
        Name or file of the bench.
    options
        Where to and with which seed.
    control
        What the user wants meanwhile; set from signals or another thread.

    Raises
    ------
    Refused
        The planner found violations; nothing was sent.
    BadInput, InstrumentFault, RecordFault, Aborted
        What ended it; the folder is kept and says so. Any other exception is the protocol's own.
    """
    definition, content = read_bench(bench)
    return begin(protocol, definition, content, options, control)


def begin(
    protocol: Protocol,
    definition: Definition,
    content: Mapping[str, Any],
    options: Options = Options(),
    control: Control | None = None,
) -> Record:
    """Run a protocol on a bench given by its content, as a bench file or a record holds it.

    Parameters
    ----------
    protocol, options, control
        As for `run`, which also says what is raised.
    definition, content
        The checked bench file and the file as it stands.
    """
    if options.accept_degraded:  # as if the bench file said so: a resumed run does the same
        definition = definition.model_copy(update={"accept_degraded": True})
        content = {**content, "accept_degraded": True}
    gate = _gate(options, content)
    made = plan(protocol, definition, gate=gate)
    violations = made.violations
    if options.temperature is not None:
        violations = (*violations, *definition.check(Soak(options.temperature)))
    if violations:
        raise Refused(violations)
    folder = run_folder(options.out, protocol.kind, options.site, options.folder)
    header = new_header(
        protocol, definition, content, made,
        seed=options.seed, site=options.site, sample=options.sample, operator=options.operator,
        temperature=options.temperature, fresh=options.fresh,
    )  # fmt: skip
    life = None if gate is None else gate.course()
    course = _Course(
        protocol, definition, content, folder, options, control or Control(), made, life=life
    )
    with _writing(folder, header) as journal:
        if options.started is not None:
            options.started(folder)
        course.carry_out(journal, {}, 0.0, (0, 1))
    return Record(folder, protocol)


def resume(
    folder: Path | str,
    handling: Handling = "refuse",
    options: Options = Options(),
    control: Control | None = None,
) -> Record:
    """Go on with a run that was broken off, from its folder alone.

    Parameters
    ----------
    folder
        The run folder.
    handling
        What to do with a step that had begun and was not done: ``skip`` it (its missing readings
        are written as lost), ``repeat`` it, or ``refuse`` and say so.
    options
        Only `pace` and `progress` are used; the rest is in the record.
    control
        As for `run`.

    Raises
    ------
    BadInput
        The run is finished, or a step is in doubt and `handling` is ``refuse``.
    """
    folder = Path(folder)
    before = Record(folder)
    check_resumable(before)
    definition = define_bench(
        {"name": before.header.bench_name, **before.header.bench}, f"bench of {folder}"
    )
    doubt = before.unfinished
    if doubt is not None and handling == "refuse":
        if isinstance(doubt.what, Play):
            raise BadInput(in_doubt(doubt, before))
        handling = "repeat"  # a wait applies nothing to the device
    header = before.header
    options = replace(
        options, seed=header.seed, site=header.site, sample=header.sample,
        temperature=header.temperature,
    )  # fmt: skip
    protocol, content = before.protocol, before.header.bench
    made = msgspec.convert(before.header.plan, Plan)
    gate = _gate(replace(options, out=folder.parent.parent), content)
    course = _Course(
        protocol, definition, content, folder, options, control or Control(), made, header.origin,
        None if gate is None else gate.course(),
    )  # fmt: skip
    with _writing(folder, before.header, rows=mend) as journal:
        if options.started is not None:
            options.started(folder)
        recorded, at = settle(before, journal, handling)
        course.carry_out(journal, recorded, _elapsed(before), at)
    return Record(folder, protocol)


def _gate(options: Options, content: Mapping[str, Any]) -> Gate | None:
    if not options.sample:
        return None
    sample = Path(options.sample)
    return gate_of(sample, options.site, options.out, content, fresh=options.fresh)


@dataclass(frozen=True)
class _Course:
    """All that one stretch of a run, from its start or from a resume, needs."""

    protocol: Protocol
    definition: Definition
    content: Mapping[str, Any]
    folder: Path
    options: Options
    control: Control
    plan: Plan
    origin: float | None = None  #: of a run that is resumed
    life: DeviceCourse | None = None  #: what the devices have seen, where a sample limits it
    degraded: set[str] = field(default_factory=set)  #: what is noted already

    def carry_out(
        self,
        journal: Journal,
        recorded: Mapping[int, tuple[Step, Readings]],
        elapsed: float,
        at: tuple[int, int],
    ) -> None:
        """Open the bench, go through the steps, and leave everything safe and written."""
        status, message = "done", ""
        bench: Bench | None = None
        try:
            with self._state() as state, self._bench(elapsed, state) as bench:
                self._introduce(bench, journal)
                if self.options.temperature is not None:
                    bench.stand(Soak(self.options.temperature))
                self._drive(bench, journal, recorded, at)
        except BaseException as error:
            status, message = ending(error), message_of(error)
            note_error(journal, error)
            raise
        finally:
            # a full disk must not hide the error that ended the run
            with best_effort(status):
                left = settings_left(bench, journal)
                journal.update(
                    status=status, message=message, ended=time.time(), settings_after=left
                )
        try:
            Record(self.folder, self.protocol).save_results()
        except RecordFault as error:
            raise RecordFault(
                f"the run is complete and kept, but not its results: {error.__cause__}; "
                f'make room and call labctl fit "{self.folder}"'
            ) from error

    @contextmanager
    def _state(self) -> Iterator[Path]:
        """Hold the device of a sample, or the run's own."""
        if not self.options.sample:
            yield self.folder / STATE
            return
        sample, site = Path(self.options.sample), self.options.site
        with holding_device(sample, site, fresh=self.options.fresh) as state:
            note_run(sample, self.folder)
            yield state

    def _bench(self, elapsed: float, state: Path) -> Bench:
        return Bench(
            self.definition,
            self.content,
            seed=self.options.seed,
            state=state,
            pace=self.options.pace,
            elapsed=elapsed,
            origin=self.origin,
            site=self.options.site,
        )

    def _introduce(self, bench: Bench, journal: Journal) -> None:
        bench.keeps_settings = True
        journal.session(bench.now())
        settings = bench.snapshot()
        note_found(settings, journal)  # what an earlier user left in the instrument
        journal.update(
            status="running",
            message="",
            ended=None,
            identities=tuple(bench.identify()),
            settings=journal.header.settings or settings,
            settings_after={},
            laboratory=bench.laboratory.describe() if bench.laboratory else None,
            origin=bench.origin,
        )

    def _drive(
        self,
        bench: Bench,
        journal: Journal,
        recorded: Mapping[int, tuple[Step, Readings]],
        at: tuple[int, int],
    ) -> None:
        steps = self.protocol.steps()
        answer: Readings | None = None
        index = -1
        while True:
            try:
                step = next(steps) if answer is None else steps.send(answer)
            except StopIteration:
                return
            index += 1
            if index in recorded:
                answer = replayed(index, step, recorded[index])
                if isinstance(step, Move | Soak):
                    bench.stand(step)
                continue
            self.control.between_steps()
            answer = self._carry_out_step(bench, journal, step, index, at)
            if self.options.progress is not None:
                self.options.progress(index + 1, self.plan, bench.now())

    def _carry_out_step(
        self, bench: Bench, journal: Journal, step: Step, index: int, at: tuple[int, int]
    ) -> Readings:
        violations = self.definition.check(step)
        if self.life is not None:
            violations = [*violations, *self.life.take(step)]
        if violations:  # a closed-loop protocol may ask for what the plan could not foresee
            raise Refused(violations)
        for text in self.definition.degradations(step):
            if text not in self.degraded:
                journal.note("degraded", text)
                self.degraded.add(text)
        journal.begin(index, at[1] if index == at[0] else 1, step)
        rows: list[Row] = []
        for chunk in bench.execute(step, self.control.aborting):
            journal.rows(chunk)
            rows.extend(chunk)
        if self.control.aborting():
            raise Aborted(self.control.reason)
        if isinstance(step, Move) and rows:  # the only reading of a move is that it did not touch
            journal.note("contact", f"no contact on site {step.site}; it was skipped")
        journal.done()
        return Readings(rows)


def _elapsed(before: Record) -> float:
    """Return how long ago a run began, s; later than its last reading, whatever the clock says."""
    t = before.readings.t
    last = float(np.nanmax(t)) if np.isfinite(t).any() else 0.0
    return max(time.time() - before.header.started, last)


@contextmanager
def _writing(
    folder: Path, header: Header, rows: Callable[[Path], int] | None = None
) -> Iterator[Journal]:
    if rows is None:
        check_free(folder)
    journal = Journal(folder, header, rows or 0)
    try:
        yield journal
    finally:
        journal.close()
