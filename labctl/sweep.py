"""Sweeps: one protocol on a virtual bench over many parameters and seeds, on many processors.

A sweep is a TOML file::

    protocol = "ppf"
    bench = "direct-ftj"
    seeds = 20                            # each point with the seeds 0 to 19
    figures = ["index", "double_decay.tau1"]   # all when left out

    [set]
    repeats = 1

    [grid]                                # every combination
    amplitude = ["0.8 V", "1 V"]
    "bench.simulation.device.conductance" = ["100 uS", "200 uS"]

A name that begins with ``bench.`` is a key of the bench file, any other one a parameter of the
protocol. Every point is a rehearsal (`labctl.rehearsal`): no run folder, the readings are
forgotten, the figures of merit are kept, a line for each in ``points.jsonl`` as soon as it is
there. A sweep that was broken off goes on with the points that are missing. The result does not
depend on who computed what: ``points.csv`` has the points in their order.
"""

from __future__ import annotations

import copy
import csv
import io
import itertools
import math
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from labctl import catalogue
from labctl.benchfile import define_bench, read_bench
from labctl.condition import figures
from labctl.errors import BadInput, LabctlError
from labctl.folder import run_folder
from labctl.journal import write_atomically
from labctl.lock import FolderLock
from labctl.parts import whole_lines
from labctl.protocol import Protocol, explain, load_values
from labctl.rehearsal import rehearse
from labctl.sequence_file import located_bench
from labctl.standing import keep_standing, read_standing

__all__ = [
    "POINTS", "SWEEP", "TABLE", "Point", "Sweep", "Task", "carry_out", "points", "read_points",
    "read_sweep", "resume", "run", "table", "tasks",
]  # fmt: skip

SWEEP, POINTS, TABLE = "sweep.json", "points.jsonl", "points.csv"
_BENCH = "bench."
_MOST = 10_000_000


class Sweep(BaseModel):
    """A sweep file, checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = ""
    protocol: str
    bench: str = "direct-ftj"
    seeds: PositiveInt = 1
    first_seed: Annotated[int, Field(ge=0)] = 0
    figures: tuple[str, ...] = ()
    set: dict[str, Any] = Field(default_factory=dict)
    grid: dict[str, list[Any]] = Field(default_factory=dict)


class Task(msgspec.Struct, frozen=True):
    """One point, ready to be carried out anywhere."""

    index: int
    seed: int
    values: dict[str, Any]  #: of the grid
    protocol: dict[str, Any]
    bench: dict[str, Any]


class Point(msgspec.Struct, frozen=True):
    """What one point gave: a line of ``points.jsonl``."""

    index: int
    seed: int
    values: dict[str, Any]
    figures: dict[str, tuple[float | None, str]] = {}  #: value and unit; None: not finite
    error: str = ""  #: why there is none


class _Kept(msgspec.Struct, frozen=True):
    """``sweep.json``: what was asked, with the bench as it stood."""

    sweep: dict[str, Any]
    bench: dict[str, Any]
    protocol: dict[str, Any]  #: the protocol's values before the grid's
    version: int = 1


def read_sweep(path: Path) -> Sweep:
    """Read a sweep file.

    Raises
    ------
    BadInput
        It is missing, not TOML, or a key is wrong; one sentence with file and key.
    """
    try:
        return Sweep(**load_values(path))
    except ValidationError as error:
        raise BadInput(explain(error, str(path), list(Sweep.model_fields))) from None


def run(
    path: Path,
    out: Path = Path("runs"),
    workers: int = 0,
    dask: str = "",
    told: Callable[[int, int], None] | None = None,
) -> Path:
    """Carry out a sweep file and return its folder.

    Parameters
    ----------
    path
        The TOML file.
    out
        Its folder is made below this one.
    workers
        Processes; 0 for one on each processor, 1 for this process alone.
    dask
        Address of a Dask scheduler whose workers do it instead, as in ``tcp://host:8786``.
    told
        Told how many points are there, and of how many.

    Raises
    ------
    BadInput
        The file, the protocol or the bench is wrong, or the bench is not simulated.
    """
    sweep = read_sweep(path)
    kept = _kept(sweep, path.parent)
    for task in itertools.islice(points(kept), 1):
        _protocol(task.protocol)  # what is wrong is said before a folder is made
    folder = run_folder(out, f"sweep-{path.stem}", "")
    keep_standing(folder, SWEEP, kept)
    return _carry_out(folder, kept, workers, dask, told)


def resume(
    folder: Path,
    workers: int = 0,
    dask: str = "",
    told: Callable[[int, int], None] | None = None,
) -> Path:
    """Carry out the points of a sweep that are missing; see `run`.

    Raises
    ------
    BadInput
        It is no folder of a sweep.
    """
    return _carry_out(folder, read_standing(folder, SWEEP, "sweep", _Kept), workers, dask, told)


def tasks(path: Path) -> Iterator[Task]:
    """Yield every point of a sweep file, to be given to `carry_out` by whatever means.

    Raises
    ------
    BadInput
        The file, the protocol or the bench is wrong.
    """
    yield from points(_kept(read_sweep(path), path.parent))


def _kept(sweep: Sweep, where: Path) -> _Kept:
    what = sweep.protocol
    protocol = load_values(where / what) if what.endswith(".toml") else {"kind": what}
    definition, content = read_bench(located_bench(sweep.bench, where))
    if not definition.simulated:
        raise BadInput(
            f"a sweep on {definition.name} was asked for, which is no virtual bench; "
            "measure real devices with labctl campaign"
        )
    named = {"name": definition.name, **content}
    return _Kept(sweep.model_dump(mode="json"), named, {**protocol, **sweep.set})


def points(kept: _Kept) -> Iterator[Task]:
    """Yield every point, seeds innermost.

    Raises
    ------
    BadInput
        There are too many, or a key of the bench file does not exist.
    """
    sweep = Sweep(**kept.sweep)
    count = sweep.seeds * math.prod(len(values) for values in sweep.grid.values())
    if not 0 < count <= _MOST:
        raise BadInput(f"the grid has {count} points; 1 to {_MOST} can be carried out")
    index = 0
    for chosen in itertools.product(*sweep.grid.values()):
        values = dict(zip(sweep.grid, chosen, strict=True))
        protocol = {k: v for k, v in values.items() if not k.startswith(_BENCH)}
        bench = copy.deepcopy(kept.bench)
        for key, value in values.items():
            if key.startswith(_BENCH):
                _put(bench, key.removeprefix(_BENCH), value)
        for seed in range(sweep.first_seed, sweep.first_seed + sweep.seeds):
            own = {**kept.protocol, "seed": seed, **protocol}
            yield Task(index, seed, values, own, bench)
            index += 1


def _put(content: dict[str, Any], key: str, value: Any) -> None:
    *outer, last = key.split(".")
    inside: Any = content
    for name in outer:
        inside = inside.get(name) if isinstance(inside, dict) else None
        if not isinstance(inside, dict):
            raise BadInput(
                f'the grid names "bench.{key}", and the bench file has no "{name}" there'
            )
    inside[last] = value


def _protocol(values: dict[str, Any]) -> Protocol:
    return catalogue.protocol_from(str(values["kind"]), values)


def carry_out(task: Task) -> Point:
    """Carry out one point; what goes wrong is its error, for the others must not suffer.

    Parameters
    ----------
    task
        The point; it may come from another process.
    """
    try:
        define_bench(task.bench, "bench of the sweep")
        results = rehearse(_protocol(task.protocol), task.bench, seed=task.seed).analyse()
    except LabctlError as error:
        return Point(task.index, task.seed, task.values, error=str(error))
    except Exception as error:  # noqa: BLE001 - a point that breaks is one line of the table
        told = f"{type(error).__name__}: {error}"
        return Point(task.index, task.seed, task.values, error=told)
    found = {
        name: (value if math.isfinite(value) else None, unit)
        for name, (value, unit) in figures(results).items()
    }
    return Point(task.index, task.seed, task.values, found)


def _carry_out(
    folder: Path, kept: _Kept, workers: int, dask: str, told: Callable[[int, int], None] | None
) -> Path:
    lock = FolderLock(folder)
    try:
        done = {point.index for point in read_points(folder)}
        tasks = list(points(kept))
        left = [task for task in tasks if task.index not in done]
        _cut(folder / POINTS)
        with (folder / POINTS).open("ab", buffering=0) as file:
            for point in _found(left, workers, dask):
                file.write(msgspec.json.encode(point) + b"\n")
                done.add(point.index)
                if told is not None:
                    told(len(done), len(tasks))
        write_atomically(folder / TABLE, table(folder).encode())
    finally:
        lock.release()
    return folder


def _cut(path: Path) -> None:
    """Take a torn last line away, so that the next one begins on its own."""
    whole = whole_lines(path)
    if path.exists() and path.stat().st_size > len(whole):
        with path.open("r+b") as file:
            file.truncate(len(whole))


def _found(tasks: list[Task], workers: int, dask: str) -> Iterator[Point]:
    """Yield the points as they come."""
    count = workers or os.cpu_count() or 1
    if not dask and (count == 1 or len(tasks) <= 1):
        yield from map(carry_out, tasks)
        return
    with _pool(min(count, len(tasks) or 1), dask) as pool:
        waiting = iter(tasks)
        # a few for each worker: a million futures at once would fill the memory
        open_ = {pool.submit(carry_out, task) for task in itertools.islice(waiting, 4 * count)}
        while open_:
            ended: Future[Point] = next(as_completed(open_))
            open_.remove(ended)
            open_.update(pool.submit(carry_out, task) for task in itertools.islice(waiting, 1))
            yield ended.result()


@contextmanager
def _pool(count: int, dask: str) -> Iterator[Executor]:
    if not dask:
        # spawned, not forked: the same on every system, and no thread is torn
        with ProcessPoolExecutor(count, multiprocessing.get_context("spawn")) as pool:
            yield pool
        return
    try:
        from distributed import Client
    except ImportError:
        raise BadInput(
            'a Dask cluster was asked for, but Dask is missing: install labctl with "dask"'
        ) from None
    try:
        client: Any = Client(dask, timeout=10)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise BadInput(f'no Dask scheduler answers at "{dask}": {error}') from None
    with client:
        yield client.get_executor(pure=False)


def read_points(folder: Path) -> list[Point]:
    """Return the points that are there, in their order.

    Raises
    ------
    BadInput
        A line is damaged.
    """
    lines = whole_lines(folder / POINTS).splitlines()
    try:
        found = [msgspec.json.decode(line, type=Point) for line in lines]
    except msgspec.MsgspecError as error:
        raise BadInput(f'"{folder / POINTS}" holds a line that is no point: {error}') from None
    return sorted(found, key=lambda point: point.index)


def table(folder: Path) -> str:
    """Return the points as CSV: seed, what the grid gave, the figures with their units.

    Parameters
    ----------
    folder
        Of the sweep.
    """
    found = read_points(folder)
    wanted = Sweep(**read_standing(folder, SWEEP, "sweep", _Kept).sweep).figures
    grid = list(dict.fromkeys(name for point in found for name in point.values))
    units = {name: unit for point in found for name, (_, unit) in point.figures.items()}
    names = [name for name in wanted if name in units] if wanted else list(units)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["seed", *grid, *(f"{name} ({units[name]})" for name in names), "error"])
    for point in found:
        values = [point.figures.get(name, (None, ""))[0] for name in names]
        cells = ["" if value is None else repr(value) for value in values]
        writer.writerow(
            [point.seed, *(point.values.get(name, "") for name in grid), *cells, point.error]
        )
    return text.getvalue()
