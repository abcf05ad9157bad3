"""The queue: orders one after another, as a frozen value, and its file below the run folders.

Nothing here knows a window. A queue is changed by making another one; the file is replaced as a
whole, so a window that dies leaves the queue as it was.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from gui.order import Order
from labctl.errors import BadInput
from labctl.journal import pretty, write_atomically
from labctl.lock import FolderLock
from labctl.record import Record

__all__ = ["Job", "JobState", "Queue", "QueueFile", "is_being_written", "spread", "what_became"]

JobState = Literal["waiting", "running", "done", "stopped", "aborted", "failed", "refused"]


class Job(msgspec.Struct, frozen=True):
    """One order in the queue."""

    number: int  #: its name for people; never given twice
    order: Order
    state: JobState = "waiting"
    duration: float | None = None  #: planned, s; None while that is not known
    folder: str = ""  #: the run's, once it has begun
    pid: int | None = None  #: of its runner
    message: str = ""  #: why it ended, when not because it was done


class Queue(msgspec.Struct, frozen=True):
    """Jobs in the order they are carried out; those that have ended stay until cleared."""

    jobs: tuple[Job, ...] = ()
    held: bool = True  #: nothing begins by itself
    last: int = 0  #: number given last

    def add(self, orders: Sequence[Order], *, first: bool = False) -> Queue:
        """Add orders at the end, or before all that wait."""
        new = tuple(Job(self.last + k, order) for k, order in enumerate(orders, 1))
        at = len(self.jobs)
        if first:
            waiting = (k for k, job in enumerate(self.jobs) if job.state == "waiting")
            at = next(waiting, at)
        jobs = (*self.jobs[:at], *new, *self.jobs[at:])
        return msgspec.structs.replace(self, jobs=jobs, last=self.last + len(new))

    def change(self, number: int, **changes: object) -> Queue:
        """Change fields of one job; nothing where there is none of this number."""
        jobs = tuple(
            msgspec.structs.replace(job, **changes) if job.number == number else job
            for job in self.jobs
        )
        return msgspec.structs.replace(self, jobs=jobs)

    def hold(self, held: bool) -> Queue:
        """Hold it back, or let it begin the next job whenever one has ended."""
        return msgspec.structs.replace(self, held=held)

    def find(self, number: int) -> Job | None:
        """Return a job by its number."""
        return next((job for job in self.jobs if job.number == number), None)

    def duplicate(self, number: int) -> Queue:
        """Put the same order in once more, right behind it."""
        job = self.find(number)
        if job is None:
            return self
        again = Job(self.last + 1, job.order, duration=job.duration)
        at = self.jobs.index(job) + 1
        jobs = (*self.jobs[:at], again, *self.jobs[at:])
        return msgspec.structs.replace(self, jobs=jobs, last=self.last + 1)

    def remove(self, number: int) -> Queue:
        """Take a job out; one that is running stays."""
        jobs = tuple(job for job in self.jobs if job.number != number or job.state == "running")
        return msgspec.structs.replace(self, jobs=jobs)

    def clear(self) -> Queue:
        """Take out what has ended."""
        jobs = tuple(job for job in self.jobs if job.state in ("waiting", "running"))
        return msgspec.structs.replace(self, jobs=jobs)

    def move(self, number: int, by: int) -> Queue:
        """Move a waiting job past its neighbours; it stays behind what has begun."""
        job = self.find(number)
        if job is None or job.state != "waiting":
            return self
        rest = [one for one in self.jobs if one.number != number]
        first = next((k for k, one in enumerate(rest) if one.state == "waiting"), len(rest))
        at = min(max(self.jobs.index(job) + by, first), len(rest))
        rest.insert(at, job)
        return msgspec.structs.replace(self, jobs=tuple(rest))

    @property
    def next(self) -> Job | None:
        """The job that would begin now."""
        return next((job for job in self.jobs if job.state == "waiting"), None)

    @property
    def running(self) -> Job | None:
        """The job that is going on."""
        return next((job for job in self.jobs if job.state == "running"), None)

    @property
    def left(self) -> float:
        """Planned time of all that waits, s; what is not known yet does not count."""
        return sum(job.duration or 0.0 for job in self.jobs if job.state == "waiting")


def spread(
    order: Order, sites: Sequence[str] = (), grid: Mapping[str, Sequence[str]] | None = None
) -> Iterator[Order]:
    """Yield an order for every site and every combination of parameters; sites change last.

    Parameters
    ----------
    order
        What is common to all.
    sites
        Where; the order's own where none is given.
    grid
        Values by parameter, as text.

    Examples
    --------
    >>> orders = spread(Order(kind="ppf"), ["D1", "D2"], {"width": ["1 ms", "2 ms"]})
    >>> [(one.site, one.values["width"]) for one in orders]
    [('D1', '1 ms'), ('D1', '2 ms'), ('D2', '1 ms'), ('D2', '2 ms')]
    """
    names = list(grid or {})
    for site in sites or (order.site,):
        for values in itertools.product(*(grid or {}).values()):
            changed = {**order.values, **dict(zip(names, values, strict=True))}
            yield msgspec.structs.replace(order, site=site, values=changed)


class QueueFile:
    """The queue's file, and the right to carry it out, which one window at a time has.

    Parameters
    ----------
    root
        Folder below which the run folders are; the file is in ``.window`` there.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / ".window"
        self._path = self.folder / "queue.json"
        self._lock: FolderLock | None = None

    def open(self) -> Queue:
        """Return the queue as it was left; a new one where there is none or it cannot be read."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = FolderLock(self.folder)
            found = msgspec.json.decode(self._path.read_bytes(), type=Queue)
        except (BadInput, OSError, msgspec.MsgspecError):
            return Queue()
        jobs = tuple(what_became(job) if job.state == "running" else job for job in found.jobs)
        return msgspec.structs.replace(found, jobs=jobs, held=True)

    @property
    def ours(self) -> bool:
        """Whether this window has the queue; otherwise it keeps one of its own, unsaved."""
        return self._lock is not None

    def save(self, queue: Queue) -> None:
        """Write the queue; nothing where another window has it.

        Raises
        ------
        RecordFault
            It cannot be written.
        """
        if self.ours:
            write_atomically(self._path, pretty(queue))

    def close(self) -> None:
        """Give the queue to whoever wants it next."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def is_being_written(folder: Path) -> bool:
    """Return whether a runner has a run folder in hand, in whatever window or terminal."""
    if not folder.is_dir():
        return False
    try:
        FolderLock(folder).release()
    except BadInput:
        return True
    except OSError:
        return False
    return False


def what_became(job: Job) -> Job:
    """Return a running job as its run folder says it is now."""
    folder = Path(job.folder)
    if not job.folder:
        return msgspec.structs.replace(
            job, state="failed", pid=None, message="it was not seen to begin; look at the runs"
        )
    if is_being_written(folder):
        return job
    try:
        header = Record(folder).header
    except BadInput as error:
        return msgspec.structs.replace(job, state="failed", pid=None, message=str(error))
    if header.status == "running":  # its writer is gone and had no time to say so
        text = "its runner went away in the middle; the record is kept and can be resumed"
        return msgspec.structs.replace(job, state="stopped", pid=None, message=text)
    return msgspec.structs.replace(job, state=header.status, pid=None, message=header.message)
