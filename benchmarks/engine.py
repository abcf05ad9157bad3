"""Rows saved a second and closed-loop steps a second, against pymeasure, QCoDeS and bluesky.

``python benchmarks/engine.py [--quick] [--json]``; `tasks.py bench-env` makes an environment in
which the peers are installed. The goals are ratios.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import engine_cases
import engine_peers
from comparison import Case, Comparison, Party, arguments

from labctl import engine
from labctl.control import Control
from labctl.interface import bench as open_bench
from labctl.protocol import Protocol

PACKAGES = ("labctl", "pymeasure", "qcodes", "bluesky", "ophyd", "numpy", "msgspec")


def our_run(protocol: Protocol, bench: str, scratch: Path) -> tuple[float, int, int]:
    """Run a protocol through the whole engine; return seconds, rows and steps of the record."""
    begin = time.perf_counter()
    record = engine.run(protocol, bench, engine.Options(out=scratch / "runs"), Control())
    elapsed = time.perf_counter() - begin
    return elapsed, len(record.readings), len(record.steps)


def our_rows(bench: str, scratch: Path, count: int, train: int) -> Party:
    """Return our party for saved rows."""

    def party() -> float:
        elapsed, rows, _ = our_run(engine_cases.Rows(count=count, train=train), bench, scratch)
        return engine_peers.confirmed(rows, count) / elapsed

    return party


def our_loop(bench: str, scratch: Path, count: int, target: float) -> Party:
    """Return our party for closed-loop steps."""

    def party() -> float:
        protocol = engine_cases.WriteVerify(count=count, target=target)
        elapsed, _, steps = our_run(protocol, bench, scratch)
        return engine_peers.confirmed(steps, count) / elapsed

    return party


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


def compare_rows(comparison: Comparison, scratch: Path, scale: int) -> None:
    """Measure rows saved a second: in hardware-timed trains, and one a step."""
    bench = scratch / "free.toml"
    bench.write_text(engine_cases.FREE_BENCH)
    peers, absent = present(
        {
            "pymeasure": lambda: engine_peers.pymeasure_rows(scratch, 20_000 // scale),
            "qcodes": lambda: engine_peers.qcodes_rows(scratch, 5_000 // scale),
            "bluesky": lambda: engine_peers.bluesky_rows(scratch, 500 // scale),
        }
    )
    goal = {"pymeasure": 4.0, "qcodes": 30.0, "bluesky": 500.0}
    case = Case("readings saved through the whole engine, trains of 1000", "rows/s", goal)
    comparison.measure(case, our_rows(str(bench), scratch, 200_000 // scale, 1000), peers, absent)
    case = Case("readings saved through the whole engine, one a step", "rows/s", {})
    comparison.measure(case, our_rows(str(bench), scratch, 10_000 // scale, 1), peers, absent)


def compare_loop(comparison: Comparison, scratch: Path, scale: int) -> None:
    """Measure closed-loop steps a second on the virtual 2602B."""
    count, target = 2000 // scale, 3e-4
    few = count // 4
    with open_bench("sim-ftj", seed=1) as ours, open_bench("sim-ftj", seed=1) as theirs:
        peers, absent = present(
            {
                "bluesky": lambda: engine_peers.bluesky_host_timed(scratch, few, theirs, target),
                "bluesky, labctl's driver": lambda: engine_peers.bluesky_hardware_timed(
                    scratch, few, ours, target
                ),
            }
        )
        case = Case("pulse, read, decide on the virtual 2602B", "steps/s", {"bluesky": 20.0})
        comparison.measure(case, our_loop("sim-ftj", scratch, count, target), peers, absent)


def main() -> None:
    """Measure and print."""
    asked = arguments("Rows and closed-loop steps a second, against peers.")
    logging.disable(logging.WARNING)
    scale = 10 if asked.quick else 1
    comparison = Comparison("engine", PACKAGES, rounds=1 if asked.quick else 5)
    with engine_cases.installed(), tempfile.TemporaryDirectory() as name:
        compare_rows(comparison, Path(name), scale)
        compare_loop(comparison, Path(name), scale)
    comparison.print(asked.json)


if __name__ == "__main__":
    main()
