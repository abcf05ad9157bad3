"""Golden records: one small record of each way to end, for the version that labctl now writes.

``python tests/labctl/golden/make.py`` makes the folder ``v<version>`` beside this file and never
touches one that is there: records of older versions are what they were, for they have to open,
verify and show the same for ever. In each are

finished      a run that ended by itself
aborted       a run that its user broke off
interrupted   what a kill leaves: a step that had begun, a torn row, a header that says running
parts         a run whose files were carried on in further parts (from version 2)

and beside each of them the lines that ``labctl show`` prints of it.
"""

from __future__ import annotations

import contextlib
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from labctl import engine, parts
from labctl.control import Control
from labctl.errors import Aborted
from labctl.journal import RECORD_VERSION
from labctl.listing import record_lines
from labctl.record import Record
from protocols.ppf import PairedPulse

HERE = Path(__file__).resolve().parent
#: lines that depend on where and in which time zone they are read
ELSEWHERE = ("run", "started")
PROTOCOL = PairedPulse(
    seed=7, repeats=1, intervals="10 ms, 50 ms", restore="wait", longest_wait=2, baseline="200 uS"
)


def shown(record: Record) -> str:
    """Return what is shown of a record, without what depends on the reader."""
    lines = [line for line in record_lines(record) if not line.startswith(ELSEWHERE)]
    figures = [f"{name:10} {metric}" for name, metric in record.metrics.items()]
    return "\n".join([*lines, *figures]) + "\n"


def make(scratch: Path, into: Path) -> None:
    """Make the three records."""
    made: dict[str, Path] = {}

    def finished(folder: Path) -> None:
        made["finished"] = folder

    def broken_off(folder: Path) -> None:
        made["aborted"] = folder

    control = Control()

    def progress(done: int, plan: object, now: float) -> None:
        if done == 3:
            leave(made["aborted"], into / "interrupted")
            control.say("abort", "aborted by the user; what was measured is in the record")

    usual = {"seed": 7, "site": "D3", "operator": "golden"}
    engine.run(PROTOCOL, "direct-ftj", engine.Options(scratch, started=finished, **usual))
    with contextlib.suppress(Aborted):
        options = engine.Options(scratch, started=broken_off, progress=progress, **usual)
        engine.run(PROTOCOL, "direct-ftj", options, control)
    made["parts"] = in_parts(scratch)
    for name, folder in made.items():
        shutil.copytree(folder, into / name, ignore=shutil.ignore_patterns("lock", "*.state"))
    for name in (*made, "interrupted"):
        text = shown(Record(into / name))
        (into / f"{name}.txt").write_text(text, encoding="utf-8", newline="\n")


def in_parts(scratch: Path) -> Path:
    """Make a run of small parts; return its folder."""
    usual, parts.PART = parts.PART, 700
    try:
        options = engine.Options(scratch, seed=7, site="D3", operator="golden")
        return engine.run(PROTOCOL, "direct-ftj", options).folder
    finally:
        parts.PART = usual


def leave(folder: Path, into: Path) -> None:
    """Copy a running run as a kill would leave it: the last step not done, its last row torn."""
    shutil.copytree(folder, into, ignore=shutil.ignore_patterns("lock", "*.state"))
    journal, readings = into / "journal.jsonl", into / "readings.csv"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]))
    readings.write_bytes(readings.read_bytes()[:-9])


def main() -> None:
    """Make the folder of this version."""
    into = HERE / f"v{RECORD_VERSION}"
    if into.exists():
        sys.exit(f"{into.name} is there already; golden records are never made again")
    platform.node = lambda: "laboratory"  # no name of a computer belongs into these files
    with tempfile.TemporaryDirectory() as scratch:
        make(Path(scratch), into)


if __name__ == "__main__":
    main()
