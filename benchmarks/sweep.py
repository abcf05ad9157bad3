"""Points of a sweep a second: over the workers, and against a loop, concurrent.futures and joblib.

``python benchmarks/sweep.py [--quick] [--json]``; `tasks.py bench-env` makes an environment in
which the peers are installed. Everybody computes the same points; the sweep also keeps each of them
on disk as it comes, can be broken off, and puts them into one table, which is compared byte for
byte between one process, several, and a Dask cluster. The goals are ratios: of the sweep over what
the same number of workers do without keeping anything.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from comparison import Case, Comparison, Party, arguments, say

from labctl import sweep

PACKAGES = ("labctl", "numpy", "msgspec", "joblib", "dask", "distributed")

#: what is computed: paired pulses on the device model, every point another device
TEXT = """
protocol = "ppf"
bench = "direct-ftj"
seeds = {seeds}
figures = ["index", "energy", "single_decay.tau1"]
[set]
repeats = 1
intervals = "10 ms .. 1 s, 8 log"
restore = "wait"
longest_wait = 1
[grid]
amplitude = ["0.7 V", "0.8 V", "0.9 V", "1 V"]
"bench.simulation.device.conductance" = ["100 uS", "200 uS"]
"bench.simulation.noise.cycle" = [true]
"""


class Work:
    """A sweep of a size, and its points for those who carry them out by themselves."""

    def __init__(self, scratch: Path, seeds: int) -> None:
        self.scratch = scratch
        self.file = scratch / f"grid-{seeds}.toml"
        self.file.write_text(TEXT.format(seeds=seeds), encoding="utf-8")
        self.count = 8 * seeds
        self.tables: dict[str, bytes] = {}

    def swept(self, workers: int, dask: str = "") -> Party:
        """Return the sweep with so many workers, or on a cluster; its table is kept."""

        def party() -> float:
            begin = time.perf_counter()
            folder = sweep.run(self.file, self.scratch / "runs", workers, dask)
            elapsed = time.perf_counter() - begin
            self.tables[f"dask {workers}" if dask else str(workers)] = (
                folder / sweep.TABLE
            ).read_bytes()
            return self.count / elapsed

        return party

    def mapped(self, carry: Callable[[list[sweep.Task]], list[sweep.Point]]) -> Party:
        """Return a party that computes the points and keeps them in memory."""
        tasks = list(sweep.tasks(self.file))

        def party() -> float:
            begin = time.perf_counter()
            points = carry(tasks)
            elapsed = time.perf_counter() - begin
            if len(points) != self.count or any(point.error for point in points):
                raise AssertionError("a point is missing")
            return self.count / elapsed

        return party


def in_a_loop(tasks: list[sweep.Task]) -> list[sweep.Point]:
    """Carry the points out one after the other."""
    return [sweep.carry_out(task) for task in tasks]


def in_processes(workers: int) -> Callable[[list[sweep.Task]], list[sweep.Point]]:
    """Return what carries the points out with the standard library's pool."""

    def carry(tasks: list[sweep.Task]) -> list[sweep.Point]:
        spawned = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, spawned) as pool:
            return list(pool.map(sweep.carry_out, tasks))

    return carry


def with_joblib(workers: int) -> Callable[[list[sweep.Task]], list[sweep.Point]]:
    """Return what carries the points out with joblib's processes, started anew like the others.

    Raises
    ------
    ImportError
        joblib is not installed.
    """
    import joblib
    from joblib.externals.loky import get_reusable_executor

    def carry(tasks: list[sweep.Task]) -> list[sweep.Point]:
        found: list[sweep.Point] = joblib.Parallel(n_jobs=workers)(
            joblib.delayed(sweep.carry_out)(task) for task in tasks
        )
        get_reusable_executor().shutdown(wait=True)
        return found

    return carry


@contextmanager
def cluster(workers: int) -> Iterator[str]:
    """Start a Dask cluster on this machine; yields its address, nothing where Dask is missing."""
    try:
        from distributed import LocalCluster
    except ImportError:
        yield ""
        return
    with LocalCluster(
        n_workers=workers, threads_per_worker=1, dashboard_address=None, processes=True
    ) as made:
        yield made.scheduler_address


def compare_one(comparison: Comparison, work: Work) -> None:
    """Measure one process: what keeping every point costs against a loop that keeps none."""
    case = Case(f"{work.count} points in one process", "points/s", {"plain loop": 0.9})
    comparison.measure(case, work.swept(1), {"plain loop": work.mapped(in_a_loop)}, {})


def compare_many(comparison: Comparison, work: Work, workers: int) -> None:
    """Measure several processes, pools started anew each time, against the peers' pools."""
    peers = {
        "one process": work.swept(1),
        "concurrent.futures": work.mapped(in_processes(workers)),
    }
    absent = {}
    try:
        peers["joblib"] = work.mapped(with_joblib(workers))
    except ImportError as error:
        absent["joblib"] = f"not installed: {error}"
    with cluster(workers) as address:
        if address:
            peers[f"Dask, {workers} workers"] = work.swept(workers, address)
        else:
            absent["Dask"] = "not installed"
        case = Case(
            f"{work.count} points on {workers} workers", "points/s",
            {"concurrent.futures": 0.9, "joblib": 0.9},
        )  # fmt: skip
        comparison.measure(case, work.swept(workers), peers, absent)


def confirm(work: Work) -> None:
    """Look whether every table is the same, byte for byte.

    Raises
    ------
    AssertionError
        One is not.
    """
    first = work.tables["1"]
    different = [name for name, found in work.tables.items() if found != first]
    if different:
        raise AssertionError(f"the table differs between 1 worker and {', '.join(different)}")
    say(f"the same table, byte for byte: workers {', '.join(work.tables)}")


def main() -> None:
    """Measure and print."""
    asked = arguments("Points of a sweep a second, over the workers and against peers.")
    comparison = Comparison("sweep", PACKAGES, rounds=1 if asked.quick else 3)
    most = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        work = Work(Path(name), seeds=2 if asked.quick else 5)
        compare_one(comparison, work)
        for workers in sorted({2, most} - {1}):
            compare_many(comparison, work, workers)
        confirm(work)
    comparison.print(asked.json)


if __name__ == "__main__":
    main()
