"""Records: rows saved, a million rows opened and verified, a thousand folders, viewers that tail.

``python benchmarks/records.py [--quick] [--json]``; `tasks.py bench-env` makes an environment in
which the peers are installed. The goals are ratios.
"""

from __future__ import annotations

import logging
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import engine_peers
import records_cases
import records_peers
from comparison import Case, Comparison, Party, arguments, say

from labctl.run_index import indexed
from labctl.verification import verify

PACKAGES = ("labctl", "pymeasure", "qcodes", "bluesky", "h5py", "pyarrow", "numpy", "msgspec")


def present(
    makers: dict[str, Callable[[], Any]],
) -> tuple[dict[str, Party], dict[str, str]]:
    """Make the peers' parties; those that cannot be imported are returned with the reason."""
    peers: dict[str, Party] = {}
    absent: dict[str, str] = {}
    for name, make in makers.items():
        try:
            peers[name] = make()
        except ImportError as error:
            absent[name] = f"not installed: {error}"
    return peers, absent


def compare_writing(comparison: Comparison, scratch: Path, scale: int) -> None:
    """Measure rows saved a second through the record's writer, each acknowledged on its own."""
    count = 50_000 // scale
    peers, absent = present(
        {
            "pymeasure": lambda: engine_peers.pymeasure_rows(scratch, 20_000 // scale),
            "qcodes": lambda: engine_peers.qcodes_rows(scratch, 5_000 // scale),
            "bluesky": lambda: engine_peers.bluesky_rows(scratch, 500 // scale),
            "csv, flush each": lambda: records_peers.csv_rows(scratch, count),
            "sqlite WAL, commit each": lambda: records_peers.sqlite_rows(scratch, 5_000 // scale),
            "h5py, flush each": lambda: records_peers.h5py_rows(scratch, 2_000 // scale),
        }
    )
    goal = {"pymeasure": 4.0, "qcodes": 30.0, "bluesky": 500.0}
    case = Case("rows saved by the writer, chunks of 100", "rows/s", goal)
    comparison.measure(case, records_cases.writing(scratch, 10 * count, 100), peers, absent)
    case = Case("rows saved by the writer, one at a time", "rows/s", {})
    comparison.measure(case, records_cases.writing(scratch, count, 1), peers, absent)


def compare_reading(comparison: Comparison, scratch: Path, scale: int) -> None:
    """Measure how soon a long record is opened, read, and found to be as it was written."""
    count = 1_000_000 // scale
    folder = records_cases.long_record(scratch, count)
    peers, absent = present(
        {
            "pymeasure": lambda: records_peers.pymeasure_read(scratch, count),
            "qcodes": lambda: records_peers.qcodes_read(scratch, count // 10),
            "sqlite": lambda: records_peers.sqlite_read(scratch, count),
            "h5py": lambda: records_peers.h5py_read(scratch, count),
        }
    )
    name = f"columns t, v, i of a record of {count:.0e} rows"
    comparison.measure(Case(name, "rows/s", {}), records_cases.reading(folder), peers, absent)
    comparison.measure(
        Case(f"the same by a viewer, {count:.0e} rows", "rows/s", {}),
        records_cases.tailing(folder), peers, absent,
    )  # fmt: skip

    def verifying() -> float:
        begin = time.perf_counter()
        if not verify(folder).holds:
            raise AssertionError("the record does not hold")
        return count / (time.perf_counter() - begin)

    comparison.measure(Case("rows verified", "rows/s", {}), verifying, {}, {})


def compare_index(comparison: Comparison, scratch: Path, scale: int) -> None:
    """Measure the index of runs: made from the folders, and asked again."""
    root, count = scratch / "many", 1000 // scale
    records_cases.many_runs(root, count)

    def asked(*, rebuild: bool) -> Party:
        def party() -> float:
            begin = time.perf_counter()
            found = indexed(root, rebuild=rebuild)
            elapsed = time.perf_counter() - begin
            return engine_peers.confirmed(len(found), count) / elapsed

        return party

    comparison.measure(
        Case(f"{count} folders indexed anew", "runs/s", {}), asked(rebuild=True), {}, {}
    )
    comparison.measure(
        Case(f"{count} runs found again", "runs/s", {}), asked(rebuild=False), {}, {}
    )


def compare_viewers(comparison: Comparison, scratch: Path, scale: int) -> None:
    """Measure the writer with several viewers on its folder, against the writer alone."""
    count = 200_000 // scale

    def watched() -> float:
        viewers: list[subprocess.Popen[str]] = []

        def follow(folder: Path) -> None:
            viewers.extend(records_cases.viewer(folder) for _ in range(4))

        try:
            return records_cases.written(scratch, count, 100, follow)
        finally:
            for process in viewers:
                process.kill()
                process.wait()

    case = Case("rows saved with four viewers that look 25 times a second", "rows/s", {})
    alone = records_cases.writing(scratch, count, 100)
    comparison.measure(case, watched, {"labctl alone": alone}, {})


def main() -> None:
    """Measure and print."""
    asked = arguments("Records: written, opened, verified, indexed and watched, against peers.")
    logging.disable(logging.WARNING)
    scale = 10 if asked.quick else 1
    comparison = Comparison("records", PACKAGES, rounds=1 if asked.quick else 3)
    with tempfile.TemporaryDirectory() as name:
        for compare in (compare_writing, compare_reading, compare_index, compare_viewers):
            say(compare.__name__)
            compare(comparison, Path(name), scale)
    comparison.print(asked.json)


if __name__ == "__main__":
    main()
