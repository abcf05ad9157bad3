"""The journal: append-only writing of a run folder, so that a kill at any moment loses nothing.

A step is journaled as begun before its first pulse and as done after its last reading. Every write
is one call of whole lines to an unbuffered file: once it returns, the lines are the operating
system's and survive the death of this process. When the disk is full the piece that did go through
is cut off again and `RecordFault` is raised, so the file still ends in a whole line.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from labctl.capability import Identity
from labctl.errors import BadInput, RecordFault
from labctl.lock import FolderLock
from labctl.parts import Lines, pieces
from labctl.readings import COLUMN_UNITS, Row
from labctl.seal import Chain, retrace, seal_of
from labctl.steps import Step

__all__ = [
    "JOURNAL", "READINGS", "RECORD_VERSION", "RESULTS", "RUN", "Begun", "Done", "Entry", "Header",
    "Interrupted", "Journal", "Note", "Session", "Status", "write_atomically",
]  # fmt: skip

RECORD_VERSION = 2
RUN, JOURNAL, READINGS, RESULTS = "run.json", "journal.jsonl", "readings.csv", "results.json"

Status = Literal["running", "done", "stopped", "aborted", "failed"]


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``run.json``: what was run, on what, by what, and how it ended."""

    version: int = RECORD_VERSION
    protocol: dict[str, Any]  #: the protocol's fields; ``kind`` says which
    bench: dict[str, Any]  #: the bench file as it stood
    bench_name: str
    seed: int
    simulated: bool
    laboratory: dict[str, Any] | None = None  #: the virtual laboratory's account of itself
    identities: tuple[Identity, ...] = ()
    settings: dict[str, dict[str, str]] = {}  #: every instrument's settings before the run
    #: the same after it, with everything safe; without the instruments that did not answer any more
    settings_after: dict[str, dict[str, str]] = {}
    site: str = ""  #: sample/die/device, as the user names it
    #: of foreign data: ``format``, ``file`` (a name), ``sha256`` (of it), ``labctl`` that read it
    imported: dict[str, str] = {}
    sample: str = ""  #: folder of a virtual sample that outlives the run
    fresh: bool = False  #: the device of the virtual sample began anew with this run
    temperature: float | None = None  #: to which the sample was brought before the first step, K
    origin: float = 0.0  #: time of the virtual laboratory at which the run began, s
    operator: str = ""
    host: str = ""
    versions: dict[str, str] = {}
    plan: dict[str, Any] = {}
    started: float = 0.0  #: seconds since 1970 UTC
    ended: float | None = None
    status: Status = "running"
    message: str = ""  #: why it ended, when not because it was done
    seal: str = ""  #: hash over all of an ended record, see `labctl.seal`


class _Line(msgspec.Struct, frozen=True, tag_field="event", forbid_unknown_fields=True):
    """One line of the journal; ``event`` says which."""


class Session(_Line, frozen=True, tag="session"):
    """A runner took up the run. Readings and instrument time continue from here."""

    wall: float
    origin: float  #: time of the run at which the bench was opened, s


class Begun(_Line, frozen=True, tag="begun"):
    """A step is about to be carried out; written before its first pulse."""

    step: int
    attempt: int
    row: int  #: rows in readings.csv before it
    wall: float
    what: Step


class Done(_Line, frozen=True, tag="done"):
    """A step is complete and all its readings are written."""

    step: int
    attempt: int
    row: int  #: rows in readings.csv after it
    chain: str = ""  #: hash over both files up to here, see `labctl.seal`


class Interrupted(_Line, frozen=True, tag="interrupted"):
    """A step began and did not end; what became of it."""

    step: int
    attempt: int
    row: int  #: rows in readings.csv when this was found
    handling: Literal["skip", "repeat"]
    chain: str = ""


class Note(_Line, frozen=True, tag="note"):
    """Something to know: an instrument's error, what could not be made safe, a torn line."""

    wall: float
    kind: Literal["instrument", "safety", "record", "control", "user", "degraded", "contact"]
    text: str


Entry = Session | Begun | Done | Interrupted | Note

_encode = msgspec.json.Encoder().encode


class Journal:
    """The writing side of one run folder; one process at a time may hold it.

    Parameters
    ----------
    folder
        An existing folder.
    header
        Written to ``run.json`` at once.
    rows
        Rows that ``readings.csv`` already holds, or what finds that out once the folder is held.

    Raises
    ------
    BadInput
        Another process is writing this folder.
    RecordFault
        The folder cannot be written.
    """

    def __init__(self, folder: Path, header: Header, rows: int | Callable[[Path], int] = 0) -> None:
        self.folder = folder
        self.header = msgspec.structs.replace(header, version=RECORD_VERSION)  # it goes on in it
        self.row = 0
        self._step = -1
        self._attempt = 1
        self._join = b""
        self._chain = Chain()
        self._lock = FolderLock(folder)
        try:
            self.row = rows(folder) if callable(rows) else rows
            self._readings = Lines(folder / READINGS)
            self._entries = Lines(folder / JOURNAL)
            self._chain, _ = retrace(pieces(folder / JOURNAL), pieces(folder / READINGS))
            if self._readings.empty:
                self._append_readings(_readings_header())
            self.update()
        except OSError as error:
            self._lock.release()
            raise _record_fault(folder, error) from error
        except BaseException:
            self._lock.release()
            raise

    def begin(self, step: int, attempt: int, what: Step) -> None:
        """Journal a step before anything of it happens."""
        self._step, self._attempt = step, attempt
        self._join = b"\n%d," % step
        self._write(Begun(step, attempt, self.row, time.time(), what))

    def begin_lost(self, step: int) -> None:
        """Let `rows` append to a step that another runner had begun."""
        self._step, self._join = step, b"\n%d," % step

    def rows(self, chunk: Sequence[Row]) -> None:
        """Append readings of the step that was begun; they are safe when this returns."""
        if not chunk:
            return
        # [[a,"b"],[c,"d"]] becomes a,"b" and c,"d" on lines of their own: the JSON encoder prints
        # the shortest digits that read back to the same number, many times faster than csv does
        lines = self._join[1:] + _encode(chunk)[2:-2].replace(b"],[", self._join) + b"\n"
        if b",null" in lines:  # with the comma, for a terminal may have such a name
            lines = lines.replace(b",null", b",nan")
        self._append_readings(lines)
        self.row += len(chunk)

    def done(self) -> None:
        """Journal that the step is complete."""
        self._write(Done(self._step, self._attempt, self.row, self._chain.total()), link=True)

    def session(self, origin: float) -> None:
        """Journal that a runner takes up the run at this time of the run, s."""
        self._write(Session(time.time(), origin))

    def interrupted(self, step: int, attempt: int, handling: Literal["skip", "repeat"]) -> None:
        """Journal what becomes of a step that did not end."""
        self._write(Interrupted(step, attempt, self.row, handling, self._chain.total()), link=True)

    def note(self, kind: str, text: str) -> None:
        """Journal something to know."""
        self._write(Note(time.time(), cast(Any, kind), text))

    def update(self, **changes: Any) -> None:
        """Replace ``run.json`` with these fields of the header changed; one that ended is sealed.

        Raises
        ------
        RecordFault
            It cannot be written; the old one stands.
        """
        self.header = msgspec.structs.replace(self.header, **changes, seal="")
        if self.header.status != "running":
            plain = msgspec.json.decode(_encode(self.header))
            seal = seal_of(self._chain.total(), plain)
            self.header = msgspec.structs.replace(self.header, seal=seal)
        write_atomically(self.folder / RUN, pretty(self.header))

    def close(self) -> None:
        """Close the files and let other processes write the folder."""
        self._readings.close()
        self._entries.close()
        self._lock.release()

    def _write(self, entry: Entry, *, link: bool = False) -> None:
        line = _encode(entry) + b"\n"
        self._append(self._entries, line)
        if link:  # only now: on a full disk the line is not there, and the chain stays where it was
            self._chain.close()
        self._chain.journal(line)

    def _append_readings(self, lines: bytes) -> None:
        self._append(self._readings, lines)
        self._chain.readings(lines)

    @staticmethod
    def _append(file: Lines, lines: bytes) -> None:
        try:
            file.append(lines)
        except OSError as error:
            raise _record_fault(file.path, error) from error


def pretty(value: object) -> bytes:
    """Return JSON for a file that people may open."""
    return msgspec.json.format(_encode(value), indent=1) + b"\n"


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file so that at any moment it is the old one or the new one, whole.

    Raises
    ------
    RecordFault
        It cannot be written, for example because the disk is full.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise _record_fault(path, error) from error


def _replace(part: Path, path: Path) -> None:
    # on Windows a viewer that has the file open for a moment makes the replacement fail
    for wait in (0.01, 0.05, 0.2):
        try:
            part.replace(path)
        except PermissionError:
            time.sleep(wait)
        else:
            return
    part.replace(path)


def _readings_header() -> bytes:
    units = ", ".join(f"{name} [{unit}]" for name, unit in COLUMN_UNITS.items() if unit)
    columns = ",".join(COLUMN_UNITS)
    return f"# labctl readings, version {RECORD_VERSION}: {units}\n{columns}\n".encode()


def _record_fault(path: Path, error: OSError) -> RecordFault:
    if error.errno == errno.ENOSPC or getattr(error, "winerror", None) == 112:
        return RecordFault(
            f'the disk is full: "{path}" could not be written, and the run was stopped with every '
            "acknowledged reading kept; free some space and resume the run"
        )
    return RecordFault(
        f'"{path}" could not be written ({error.strerror or error}); '
        "make the folder writable or choose another with --out"
    )


def check_free(folder: Path) -> None:
    """Refuse a folder that already holds a run.

    Raises
    ------
    BadInput
        It does.
    """
    if (folder / RUN).exists():
        raise BadInput(f'"{folder}" already holds a run; choose another folder or resume it')
