"""Conducting: carries the queue out, one run at a time, and says in plain words how it goes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, QTimer, Signal

from gui.background import Background
from gui.opened import Opened
from gui.order import Order, arguments
from gui.parameters import made, texts_of
from gui.presets import save_preset
from gui.queue import Job, JobState, Queue, QueueFile, is_being_written, spread, what_became
from gui.runner import Ending, Runner, RunnerState, signal_abort
from labctl import catalogue
from labctl.errors import BadInput, LabctlError, RecordFault
from labctl.feasibility import examine
from labctl.record import Record

__all__ = ["Conduct", "told_of"]

Leaving = Literal["continue", "stop", "abort"]
_LOOK = 1000  # ms between looks at a run that another window began
_ENDINGS: dict[int, JobState] = {0: "done", 2: "refused", 3: "refused", 5: "aborted"}


class Conduct(QObject):
    """The queue and the runner of one window.

    Parameters
    ----------
    opened
        What is open; orders are made from it and runs are shown through it.
    """

    queueChanged = Signal(object)  # noqa: N815 - a `Queue`
    stateChanged = Signal(str)  # noqa: N815 - a `RunnerState`
    began = Signal(object)  #: Path of the run folder
    ended = Signal(object)  #: a `Job` that has ended
    said = Signal(str, str)  #: ``info`` | ``good`` | ``warning`` | ``danger``, a sentence

    def __init__(self, opened: Opened, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._opened = opened
        self._file = QueueFile(opened.root)
        self.queue = Queue()
        self._wanted: set[int] = set()  # to be run although the queue is held
        self._number = 0  # of the job that runs
        self.wire = False  #: whether runs keep a log of what is sent and answered
        self.runner = Runner(self._file.folder, self)
        self.runner.stateChanged.connect(self.stateChanged)
        self.runner.began.connect(self._began)
        self.runner.ended.connect(self._ended)
        self._work = Background(self)
        self._work.done.connect(self._planned)
        self._orphan = QTimer(self)
        self._orphan.setInterval(_LOOK)
        self._orphan.timeout.connect(self._look_at_orphan)

    def open(self) -> None:
        """Take up the queue as it was left; a run that goes on is watched."""
        queue = self._file.open()
        if not self._file.ours:
            self.said.emit("info", "another window has the queue of this folder; this one is new")
        self._set(queue)
        if queue.running is not None:
            self._number = queue.running.number
            self.said.emit("info", f"{queue.running.order.title} is still going on")
            self._opened.show_run(Path(queue.running.folder))
            self.began.emit(Path(queue.running.folder))
            self._orphan.start()
            self.stateChanged.emit("running")

    @property
    def state(self) -> RunnerState:
        """What the runner, or one that an earlier window left, is doing."""
        return "running" if self._orphan.isActive() else self.runner.state

    @property
    def busy(self) -> bool:
        """Whether a run is going on."""
        return self.runner.busy or self._orphan.isActive()

    # -- orders -----------------------------------------------------------------------------------

    def run_now(self) -> None:
        """Run what is open, on every site that is chosen; behind a run that is going on."""
        self._order({}, first=True, wanted=True)

    def add(self, grid: Mapping[str, Sequence[str]] | None = None) -> None:
        """Put what is open at the end of the queue, over sites and a grid of parameters."""
        self._order(grid or {}, first=False, wanted=False)

    def _order(self, grid: Mapping[str, Sequence[str]], *, first: bool, wanted: bool) -> None:
        try:
            orders = list(spread(self._opened.order(), self._opened.sites, grid))
        except LabctlError as error:
            self.said.emit("danger", str(error))
            return
        before = {job.number for job in self.queue.jobs}
        self._set(self.queue.add(orders, first=first))
        new = [job for job in self.queue.jobs if job.number not in before]
        self._wanted |= {job.number for job in new} if wanted else set()
        self._plan(new)
        self._next()

    def change(self, queue: Queue) -> None:
        """Take over a queue that the user has rearranged."""
        self._set(queue)
        self._plan([j for j in queue.jobs if j.state == "waiting" and j.duration is None])
        self._next()

    def resume(self, folder: Path, interrupted: Literal["skip", "repeat", "refuse"]) -> None:
        """Go on with a run that was broken off.

        Parameters
        ----------
        folder
            The run.
        interrupted
            What to do with a step that had begun and was not done.
        """
        if self.busy:
            self.said.emit("warning", "a run is going on; resume this one when it has ended")
            return
        try:
            order = _order_of(Record(folder))
        except LabctlError as error:
            self.said.emit("danger", str(error))
            return
        queue = self.queue.add([order], first=True)
        job = queue.jobs[[one.number for one in queue.jobs].index(queue.last)]
        self._number = job.number
        self._set(queue.change(job.number, state="running"))
        words = ["resume", str(folder), "--interrupted", interrupted]
        self._start(words, folder)

    # -- control ----------------------------------------------------------------------------------

    def abort(self) -> None:
        """End what is going on now, and hold the queue; works in every state."""
        self._wanted.clear()
        self._set(self.queue.hold(held=True))
        if self.runner.busy:
            if self.runner.deaf:
                self.runner.end_by_force()
                self.said.emit(
                    "danger",
                    "the runner did not answer and was ended by force: look at the instruments, "
                    "their outputs may still be on",
                )
                return
            self.runner.abort()
            self.said.emit("warning", "abort asked for: level zero, outputs off, chuck apart")
            return
        job = self.queue.running
        if job is None:
            self.said.emit("info", "nothing is running; no instrument is driven by this window")
        elif job.pid is not None and signal_abort(job.pid):
            self.said.emit("warning", "abort asked of the run that an earlier window began")
        else:
            self.said.emit("danger", "the run belongs to another window; abort it there")

    def leave(self, how: Leaving) -> None:
        """Let go of the run because the window closes."""
        self._wanted.clear()
        self._orphan.stop()
        if self.runner.busy:
            if how == "stop":
                self.runner.stop()
            elif how == "abort":
                self.runner.abort()
            self.runner.let_go()
        self._save()

    def close(self) -> None:
        """Give everything back; the run, if any, has been let go."""
        self._orphan.stop()
        self._work.close()
        self._file.close()

    # -- what happens -----------------------------------------------------------------------------

    def _next(self) -> None:
        if self.busy:
            return
        waiting = [job for job in self.queue.jobs if job.state == "waiting"]
        job = next((one for one in waiting if one.number in self._wanted), None)
        if job is None and not self.queue.held:
            job = self.queue.next
        if job is None:
            return
        self._wanted.discard(job.number)
        self._number = job.number
        self._set(self.queue.change(job.number, state="running"))
        try:
            words = arguments(job.order, str(self._opened.root), self._written(job))
        except LabctlError as error:
            self._finish("refused", str(error))
            return
        self._start(words, None)

    def _written(self, job: Job) -> str:
        """Write the parameters down, for a command line cannot say them all; returns the file."""
        path = self._file.folder / f"order-{job.number}.toml"
        kind = catalogue.load("protocol", job.order.kind)
        save_preset(path, job.order.kind, kind, job.order.values)
        return str(path)

    def _start(self, words: list[str], folder: Path | None) -> None:
        try:
            self.runner.start([*words, *(["--wire-log"] if self.wire else [])], folder)
        except OSError as error:
            self._finish("failed", f"the runner cannot be started: {error.strerror}")
            return
        self._set(self.queue.change(self._number, pid=self.runner.pid))

    def _began(self, folder: Path) -> None:
        self._set(self.queue.change(self._number, folder=os.fspath(folder.absolute())))
        self._opened.show_run(folder)
        self.began.emit(folder)

    def _ended(self, ending: Ending) -> None:
        state = _ENDINGS.get(ending.code, "failed")
        message = ending.said
        if ending.folder is not None:
            try:
                header = Record(ending.folder).header
                message = header.message or message
                state = header.status if header.status != "running" else state
            except LabctlError as error:
                message = str(error)
        self._finish(state, message)

    def _finish(self, state: JobState, message: str) -> None:
        queue = self.queue.change(self._number, state=state, message=message, pid=None)
        if state not in ("done", "stopped"):
            queue = queue.hold(held=True)  # what went wrong once is looked at before it is repeated
            self._wanted.clear()
        self._set(queue)
        job = queue.find(self._number)
        self.stateChanged.emit("idle")
        if job is not None:
            self.said.emit(*told_of(job))
            self.ended.emit(job)
        self._next()

    def _look_at_orphan(self) -> None:
        job = self.queue.running
        if job is not None and is_being_written(Path(job.folder)):
            return
        self._orphan.stop()
        if job is not None:
            became = what_became(job)
            self._finish(became.state, became.message)

    # -- the queue --------------------------------------------------------------------------------

    def _set(self, queue: Queue) -> None:
        self.queue = queue
        self._save()
        self.queueChanged.emit(queue)

    def _save(self) -> None:
        try:
            self._file.save(self.queue)
        except RecordFault as error:
            self.said.emit("danger", f"the queue is not saved: {error}")

    def _plan(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._work.ask(f"{job.number}", _duration, job.order)

    def _planned(self, number: str, duration: object) -> None:
        self._set(self.queue.change(int(number), duration=duration))


def told_of(job: Job) -> tuple[str, str]:
    """Say how a job ended: a kind for the console, and a sentence.

    Parameters
    ----------
    job
        One that has ended.
    """
    said = {
        "done": ("good", "is done"),
        "stopped": ("warning", "was stopped after a step; the bench was made safe"),
        "aborted": ("warning", "was aborted; the bench was made safe, the record is kept"),
        "refused": ("danger", "was refused, nothing was sent"),
        "failed": ("danger", "failed; the record is kept"),
    }
    kind, text = said[job.state]
    if job.state == "failed" and not job.folder:
        text = "failed before it began; nothing was sent"
    return kind, f"{job.order.title} {text}" + (f": {job.message}" if job.message else "")


def _order_of(record: Record) -> Order:
    """Return the order that would make the same run anew."""
    header, protocol = record.header, record.protocol
    return Order(
        kind=protocol.kind, values=texts_of(protocol), bench=header.bench_name, site=header.site,
        sample=header.sample, operator=header.operator,
        accept_degraded=bool(header.bench.get("accept_degraded", False)),
    )  # fmt: skip


def _duration(order: Order) -> float:
    """Return how long an order is planned to take, s."""
    protocol, problems = made(catalogue.load("protocol", order.kind), order.values)
    if protocol is None:
        raise BadInput(f"{problems[0].field} {problems[0].text}")
    plan = examine(protocol, order.bench).plan_for(accept_degraded=order.accept_degraded)
    return plan.duration
