"""The index of runs: a SQLite file below which a thousand runs are found in a moment.

It holds nothing that the run folders do not say, is brought up to date whenever it is asked, and
may be deleted at any time. Where it cannot be written (a read-only disk) it is made in memory.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from labctl import catalogue
from labctl.condition import Condition
from labctl.errors import BadInput
from labctl.journal import JOURNAL, RESULTS, RUN
from labctl.ledger import Ledger, ledgers_of
from labctl.parts import last_part
from labctl.record import UNREADABLE, Record
from labctl.remarks import NOTES, Remarks, read_remarks
from labctl.results import Fit, Metric

__all__ = ["INDEX", "Indexed", "Wanted", "choose", "indexed", "indexed_folders"]

INDEX = "runs.sqlite"
_VERSION = 2


class Indexed(msgspec.Struct, frozen=True):
    """One run: its header in short, its figures, its stress, what was noted."""

    folder: str
    kind: str = ""
    device: str = ""
    sample: str = ""
    bench: str = ""
    simulated: bool = False
    status: str = "unreadable"
    message: str = ""
    started: float = 0.0  #: seconds since 1970 UTC
    operator: str = ""
    seed: int = 0
    figures: dict[str, tuple[float | None, str]] = {}  #: value and unit; None: not finite
    ledgers: dict[str, Ledger] = {}  #: stress by site
    remarks: Remarks = Remarks()
    fresh: bool = False  #: the virtual device began anew with it


class Wanted(msgspec.Struct, frozen=True):
    """Which runs are asked for; what is empty does not count."""

    kind: str = ""
    device: str = ""
    sample: str = ""
    bench: str = ""
    status: str = ""
    tag: str = ""
    words: str = ""  #: all of them, anywhere in folder, notes, operator, message
    since: float = 0.0  #: seconds since 1970 UTC
    until: float = float("inf")
    where: Condition | None = None  #: on the figures


class _Brief(msgspec.Struct, frozen=True):
    metrics: dict[str, Metric] = {}
    fits: dict[str, Fit] = {}


def indexed(root: Path, *, rebuild: bool = False) -> list[Indexed]:
    """Return every run below a folder, newest first, reading only what has changed.

    Parameters
    ----------
    root
        Where the runs are.
    rebuild
        Read all folders anew.
    """
    return _gathered(root, [_key(root, f) for f in catalogue.run_folders(root)], rebuild)


def indexed_folders(place: Path, folders: Iterable[Path]) -> list[Indexed]:
    """Return the runs in these folders, newest first, reading only what has changed.

    Parameters
    ----------
    place
        Folder that keeps the index.
    folders
        Absolute paths of run folders; one that is none is returned as unreadable.
    """
    return _gathered(place, [folder.as_posix() for folder in folders], rebuild=False)


def _gathered(root: Path, present: list[str], rebuild: bool) -> list[Indexed]:
    """Bring the index in a folder up to date; names are below it or absolute."""
    with _opened(root, rebuild) as base:
        known = dict(base.execute("select folder, stamp from runs"))
        for gone in known.keys() - set(present):
            base.execute("delete from runs where folder = ?", (gone,))
        for name in present:
            stamp = _stamp(root / name)
            if known.get(name) != stamp:
                content = msgspec.json.encode(_read(root / name))
                base.execute("insert or replace into runs values (?, ?, ?)", (name, stamp, content))
        base.commit()
        rows = base.execute("select content from runs").fetchall()
    found = [msgspec.json.decode(content, type=Indexed) for (content,) in rows]
    return sorted(found, key=lambda run: (run.started, run.folder), reverse=True)


@contextlib.contextmanager
def _opened(root: Path, rebuild: bool) -> Iterator[sqlite3.Connection]:
    base = _connected(root / INDEX) if root.is_dir() else sqlite3.connect(":memory:")
    try:
        (version,) = base.execute("pragma user_version").fetchone()
        if rebuild or version != _VERSION:
            base.execute("drop table if exists runs")
            base.execute(f"pragma user_version = {_VERSION}")
        base.execute("create table if not exists runs (folder text primary key, stamp, content)")
        yield base
    finally:
        base.close()


def _connected(path: Path) -> sqlite3.Connection:
    """Open the file; a damaged one is made anew, for it holds nothing of its own."""
    for _ in range(2):
        base = None
        try:
            base = sqlite3.connect(path, timeout=5.0)
            base.execute("create table if not exists probe (x)")
            base.execute("drop table probe")
            base.commit()
        except sqlite3.DatabaseError as error:
            if base is not None:
                base.close()
            if isinstance(error, sqlite3.OperationalError):
                break  # it is another's at the moment, or may not be written
            with contextlib.suppress(OSError):
                path.unlink()
        else:
            return base
    return sqlite3.connect(":memory:")


def _key(root: Path, folder: Path) -> str:
    return folder.relative_to(root).as_posix()


def _stamp(folder: Path) -> str:
    parts = []
    for path in (folder / RUN, last_part(folder / JOURNAL), folder / RESULTS, folder / NOTES):
        with contextlib.suppress(OSError):
            about = path.stat()
            parts.append(f"{path.name} {about.st_mtime_ns} {about.st_size}")
    return "; ".join(parts)


def _read(folder: Path) -> Indexed:
    try:
        record = Record(folder)
        ledgers = ledgers_of(record)
    except BadInput as error:
        return Indexed(str(folder), message=str(error), remarks=read_remarks(folder))
    header = record.header
    return Indexed(
        str(folder), str(header.protocol.get("kind", "")), header.site, header.sample,
        header.bench_name, header.simulated, header.status, header.message, header.started,
        header.operator, header.seed, _figures(folder), ledgers, read_remarks(folder), header.fresh,
    )  # fmt: skip


def _figures(folder: Path) -> dict[str, tuple[float | None, str]]:
    try:
        brief = msgspec.json.decode((folder / RESULTS).read_bytes(), type=_Brief)
    except (OSError, *UNREADABLE):
        return {}
    found: dict[str, tuple[float | None, str]] = {
        name: (metric.value, metric.unit) for name, metric in brief.metrics.items()
    }
    for name, fit in brief.fits.items():
        found |= {f"{name}.{key}": (v.value, v.unit) for key, v in fit.values.items()}
    return found


def choose(runs: list[Indexed], wanted: Wanted) -> list[Indexed]:
    """Return the runs that are asked for, in the same order.

    Raises
    ------
    BadInput
        The condition compares a figure with a quantity of another unit.
    """
    return [run for run in runs if _fits(run, wanted)]


def _fits(run: Indexed, wanted: Wanted) -> bool:
    if wanted.device and wanted.device not in (run.device, *run.ledgers):
        return False
    plain = ("kind", "sample", "bench", "status")
    if any(getattr(wanted, name) not in ("", getattr(run, name)) for name in plain):
        return False
    if wanted.tag and wanted.tag not in run.remarks.tags:
        return False
    if not wanted.since <= run.started <= wanted.until:
        return False
    text = " ".join((run.folder, run.remarks.note, run.operator, run.message)).lower()
    if not all(word in text for word in wanted.words.lower().split()):
        return False
    if wanted.where is None:
        return True
    known = {name: (v, unit) for name, (v, unit) in run.figures.items() if v is not None}
    return wanted.where.judge(known).holds
