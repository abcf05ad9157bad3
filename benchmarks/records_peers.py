"""What the peers do in `records.py`, written as their own documentation shows it.

Each maker of a party imports its package, so that one that is not installed raises ImportError. All
save or read the same three columns t, v and i; a record of labctl has eleven.
"""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import sqlite3
import time
from pathlib import Path
from typing import Any

from comparison import Party
from engine_peers import confirmed

__all__ = [
    "csv_rows", "h5py_read", "h5py_rows", "pymeasure_read", "qcodes_read", "sqlite_read",
    "sqlite_rows",
]  # fmt: skip

BATCH = 1000  # rows of a batch where speed of writing is not what is measured
_number = itertools.count()


def values(k: int) -> tuple[float, float, float]:
    """Return a row."""
    return k * 1e-3, 0.1, 1e-5 + 1e-12 * k


def csv_rows(scratch: Path, count: int) -> Party:
    """Return a party: Python's own csv, flushed after each row."""

    def party() -> float:
        path = scratch / f"rows-{next(_number)}.csv"
        begin = time.perf_counter()
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            for k in range(count):
                writer.writerow(values(k))
                file.flush()
        elapsed = time.perf_counter() - begin
        return confirmed(path.read_text().count("\n"), count) / elapsed

    return party


def connected(path: Path) -> sqlite3.Connection:
    """Open a database with a table of rows, with a write-ahead log."""
    base = sqlite3.connect(path, isolation_level=None)
    base.execute("pragma journal_mode = wal")
    base.execute("pragma synchronous = normal")
    base.execute("create table if not exists rows (t real, v real, i real)")
    return base


def sqlite_rows(scratch: Path, count: int) -> Party:
    """Return a party: SQLite, committed after each row."""

    def party() -> float:
        base = connected(scratch / f"rows-{next(_number)}.sqlite")
        begin = time.perf_counter()
        for k in range(count):
            base.execute("insert into rows values (?, ?, ?)", values(k))
        elapsed = time.perf_counter() - begin
        (saved,) = base.execute("select count(*) from rows").fetchone()
        base.close()
        return confirmed(saved, count) / elapsed

    return party


def sqlite_read(scratch: Path, count: int) -> Party:
    """Return a party: all rows of a table as arrays."""
    import numpy as np

    path = scratch / "read.sqlite"
    base = connected(path)
    base.execute("begin")
    base.executemany("insert into rows values (?, ?, ?)", map(values, range(count)))
    base.execute("commit")
    base.close()

    def party() -> float:
        begin = time.perf_counter()
        base = sqlite3.connect(path)
        found = np.array(base.execute("select t, v, i from rows").fetchall())
        elapsed = time.perf_counter() - begin
        base.close()
        return confirmed(len(found), count) / elapsed

    return party


def h5py_rows(scratch: Path, count: int) -> Party:
    """Return a party: a dataset that grows by a row and is flushed after each."""
    import h5py

    def party() -> float:
        with h5py.File(scratch / f"rows-{next(_number)}.h5", "w") as file:
            data = file.create_dataset("rows", (0, 3), float, maxshape=(None, 3), chunks=(BATCH, 3))
            begin = time.perf_counter()
            for k in range(count):
                data.resize(k + 1, axis=0)
                data[k] = values(k)
                file.flush()
            elapsed = time.perf_counter() - begin
            return confirmed(len(data), count) / elapsed

    return party


def h5py_read(scratch: Path, count: int) -> Party:
    """Return a party: three datasets read whole."""
    import h5py
    import numpy as np

    path = scratch / "read.h5"
    with h5py.File(path, "w") as file:
        for name, column in zip("tvi", np.array([values(k) for k in range(count)]).T, strict=True):
            file[name] = column

    def party() -> float:
        begin = time.perf_counter()
        with h5py.File(path, "r") as file:
            found = [file[name][()] for name in "tvi"]
        return confirmed(len(found[0]), count) / (time.perf_counter() - begin)

    return party


def pymeasure_read(scratch: Path, count: int) -> Party:
    """Return a party: a file of pymeasure loaded as its own program does."""
    from pymeasure.experiment import FloatParameter, Procedure, Results

    class Finished(Procedure):  # type: ignore[misc]
        gain = FloatParameter("gain", default=1.0)
        DATA_COLUMNS = ("t", "v", "i")

    path = scratch / "read-pymeasure.csv"
    results = Results(Finished(), str(path))
    with path.open("a") as file:
        file.writelines(
            results.format(dict(zip("tvi", values(k), strict=True))) + "\n" for k in range(count)
        )

    def party() -> float:
        begin = time.perf_counter()
        data = Results.load(str(path), procedure_class=Finished).data
        return confirmed(len(data), count) / (time.perf_counter() - begin)

    return party


def qcodes_read(scratch: Path, count: int) -> Party:
    """Return a party: a dataset's parameter data out of its database."""
    import numpy as np
    from qcodes.dataset import (
        Measurement,
        initialise_or_create_database_at,
        load_by_id,
        load_or_create_experiment,
    )

    table = np.array([values(k) for k in range(count)]).T
    with contextlib.redirect_stdout(io.StringIO()):
        initialise_or_create_database_at(str(scratch / "qcodes-read.db"))
        measurement = Measurement(exp=load_or_create_experiment("benchmark", "read"))
        measurement.register_custom_parameter("t", unit="s")
        measurement.register_custom_parameter("v", unit="V", setpoints=("t",))
        measurement.register_custom_parameter("i", unit="A", setpoints=("t",))
        with measurement.run() as saver:
            for start in range(0, count, BATCH):
                part: Any = table[:, start : start + BATCH]
                saver.add_result(*zip("tvi", part, strict=True))
            number = saver.run_id

    def party() -> float:
        begin = time.perf_counter()
        data = load_by_id(number).get_parameter_data("v", "i")
        found = len(np.ravel(data["v"]["v"]))
        return confirmed(found, count) / (time.perf_counter() - begin)

    return party
