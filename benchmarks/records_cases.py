"""What labctl does in `records.py`: the writer, the two readers and the index of runs."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import engine_peers
from comparison import Party

from labctl import engine
from labctl.catalogue import protocol_from
from labctl.journal import Header, Journal
from labctl.readings import Row
from labctl.record import Record
from labctl.steps import Play
from labctl.tail import Tail
from labctl.waveform import read

__all__ = [
    "long_record", "many_runs", "reading", "tailing", "viewer", "writing", "written",
]  # fmt: skip

TRAIN = 1000  # readings of a step
BETWEEN_LOOKS = 0.04  # s
FEW = {"repeats": 1, "intervals": "10 ms, 50 ms", "restore": "wait", "longest_wait": 2}
VIEWER = """
import sys, time
from labctl.tail import Tail
tail = Tail(sys.argv[1])
print("there", flush=True)
while True:
    tail.poll()
    time.sleep(float(sys.argv[2]))
"""
_STEP = Play(read(0.1, 1e-3) * TRAIN, 1e-3)
_number = itertools.count()


def row(k: int) -> Row:
    """Return a reading like one of a 2602B."""
    return Row(k * 1.0123e-3, "top", "read", 0.1, 0.0999873, 1.23456e-5 + k * 1e-12, 1e-3, 1e-5,
               2.5e-9, 0)  # fmt: skip


def written(
    scratch: Path, count: int, chunk: int, began: Callable[[Path], None] | None = None
) -> float:
    """Write a record and return the rows a second.

    Parameters
    ----------
    scratch
        Where the folder is made.
    count
        Rows.
    chunk
        Rows that are acknowledged together.
    began
        Told the folder before the first row.
    """
    folder = scratch / f"record-{next(_number)}"
    folder.mkdir()
    rows = [row(k) for k in range(TRAIN)]
    header = Header(
        protocol={"kind": "ppf"}, bench={}, bench_name="free", seed=0, simulated=True,
        started=time.time(),
    )  # fmt: skip
    journal = Journal(folder, header)
    if began is not None:
        began(folder)
    begin = time.perf_counter()
    for step in range(count // TRAIN):
        journal.begin(step, 1, _STEP)
        for start in range(0, TRAIN, chunk):
            journal.rows(rows[start : start + chunk])
        journal.done()
    journal.update(status="done", ended=time.time())
    elapsed = time.perf_counter() - begin
    journal.close()
    return engine_peers.confirmed(journal.row, count) / elapsed


def writing(scratch: Path, count: int, chunk: int) -> Party:
    """Return our party for rows written."""
    return lambda: written(scratch, count, chunk)


def long_record(scratch: Path, count: int) -> Path:
    """Write a record of so many rows and return its folder."""
    found: list[Path] = []
    written(scratch, count, TRAIN, found.append)
    return found[0]


def reading(folder: Path) -> Party:
    """Return our party for a record that is opened and whose columns are wanted."""

    def party() -> float:
        begin = time.perf_counter()
        readings = Record(folder).readings
        count = len(readings.t) + len(readings.v) + len(readings.i)
        return count / 3 / (time.perf_counter() - begin)

    return party


def tailing(folder: Path) -> Party:
    """Return our party for a viewer that begins with a long record."""

    def party() -> float:
        begin = time.perf_counter()
        tail = Tail(folder)
        while tail.poll():
            pass
        readings = tail.readings
        count = len(readings.t) + len(readings.v) + len(readings.i)
        return count / 3 / (time.perf_counter() - begin)

    return party


def viewer(folder: Path) -> subprocess.Popen[str]:
    """Start a program that looks at a folder again and again; it is there when this returns."""
    process = subprocess.Popen(
        [sys.executable, "-c", VIEWER, str(folder), str(BETWEEN_LOOKS)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    with process.stdout as said:
        said.readline()
    return process


def many_runs(root: Path, count: int) -> None:
    """Make so many run folders, each a copy of one small run."""
    record = engine.run(
        protocol_from("ppf", FEW), "direct-ftj", engine.Options(root.parent / "one")
    )
    for k in range(count):
        shutil.copytree(record.folder, root / f"2026-11-{k % 28 + 1:02d}" / f"{k:06d}-ppf")
