"""HDF5 of other programs, read by a process of its own.

The HDF5 library does not survive every damage: it may end the process that reads a broken file, at
once or when that process ends. So a child process reads, and hands plain numbers back on its
standard output; whatever becomes of it, this one goes on and says that the file is damaged.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from labctl.errors import BadInput
from labctl.foreign import clean

__all__ = ["Hdf5Column", "Hdf5Table", "columns", "crosspoint_tables"]

Array = NDArray[np.float64]

#: columns of a table of ArC TWO
COLUMNS = ("current", "voltage", "pulse_width", "read_voltage", "op_type", "tstamp_s", "tstamp_us")

_TABLE = re.compile(r"crosspoints/(W\d+B\d+)/(?:(timeseries)|experiments/([^/]+))")
_MOST = 20_000_000  # rows of a table
_LONGEST = 600.0  # s


class Hdf5Table(msgspec.Struct, frozen=True):
    """The rows of one table, column by column."""

    device: str
    tag: str
    columns: dict[str, bytes]  #: of `COLUMNS` those that are there, as 64 bit numbers

    def column(self, name: str) -> Array:
        """Return a column; not a number in every row where the table has none of that name."""
        if name in self.columns:
            return np.frombuffer(self.columns[name], np.float64)
        return np.full(max((len(data) for data in self.columns.values()), default=0) // 8, np.nan)


class Hdf5Column(msgspec.Struct, frozen=True):
    """One column of numbers anywhere in a file."""

    name: str  #: path of the dataset; with a slash and the field, of a table
    attributes: dict[str, str]  #: those of the dataset that are text, names in lower case
    data: bytes  #: 64 bit numbers

    @property
    def values(self) -> Array:
        """The numbers."""
        return np.frombuffer(self.data, np.float64)


class _Answer(msgspec.Struct, frozen=True):
    """What the child says."""

    tables: list[Hdf5Table] = []
    columns: list[Hdf5Column] = []
    problem: str = ""  #: with what was found left out


def crosspoint_tables(path: Path, wanted: str) -> list[Hdf5Table]:
    """Return the tables of a session of ArC TWO.

    Parameters
    ----------
    path
        The HDF5 file.
    wanted
        ``timeseries`` or ``experiments``.

    Raises
    ------
    BadInput
        h5py is missing, the file cannot be read, or a table lies in another file.
    """
    return _asked(path, wanted).tables


def columns(path: Path) -> list[Hdf5Column]:
    """Return every dataset of real numbers in one dimension, and the fields of every table.

    Parameters
    ----------
    path
        The HDF5 file.

    Raises
    ------
    BadInput
        h5py is missing, the file cannot be read, or data lie in another file.
    """
    return _asked(path, "columns").columns


def _asked(path: Path, wanted: str) -> _Answer:
    """Return what a child process reads from a file."""
    where = clean(str(path))
    # what stands in the working folder is not imported
    command = [sys.executable, "-P", "-m", "labctl.hdf5", str(path.resolve()), wanted]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_LONGEST)
        answer = msgspec.msgpack.decode(done.stdout, type=_Answer)
    except subprocess.TimeoutExpired:
        raise BadInput(
            f'"{where}" was not read within {_LONGEST:g} s; it is damaged, or too large: give '
            "another file"
        ) from None
    except msgspec.MsgspecError:
        raise BadInput(
            f'"{where}" cannot be read as HDF5: it is damaged, and the HDF5 library broke off'
        ) from None
    if answer.problem:
        raise BadInput(answer.problem.replace(str(path.resolve()), where))
    return answer


# -- in the child --------------------------------------------------------------------------------


def main() -> None:
    """Read the file that the command line names, answer, and end without the library's farewell."""
    path, wanted = Path(sys.argv[1]), sys.argv[2]
    answer = msgspec.msgpack.encode(_answer(path, wanted))
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    os._exit(0)  # what HDF5 does on the way out of a damaged file may abort the process


def _answer(path: Path, wanted: str) -> _Answer:
    try:
        import h5py
    except ImportError:
        return _Answer(
            problem="an HDF5 file was given, but h5py is missing: install labctl with the extra "
            '"data"'
        )
    try:
        with h5py.File(path, "r") as file:
            if wanted == "columns":
                return _Answer(columns=_columns(file, h5py.Dataset))
            return _Answer(_tables(file, h5py.Dataset, wanted))
    except BadInput as error:
        return _Answer(problem=str(error))
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, OverflowError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        return _Answer(problem=f'"{clean(str(path))}" cannot be read as HDF5: {clean(said)}')


def _tables(file: Any, kind: type, wanted: str) -> list[Hdf5Table]:
    """Return every table that is in the file itself."""
    found: list[Hdf5Table] = []

    def visit(name: str, node: Any) -> None:
        # a visit follows no soft or external link; a table may still lie in another file
        match = _TABLE.fullmatch(name) if isinstance(name, str) else None  # bytes: no good text
        if not isinstance(node, kind) or match is None:
            return
        if bool(match[2]) == (wanted == "timeseries"):
            rows = _content(name, node)
            if rows is not None:
                columns = {name: made for name in COLUMNS if (made := _column(rows, name))}
                found.append(Hdf5Table(match[1], clean(match[3] or wanted), columns))

    file.visititems(visit)
    return found


def _columns(file: Any, kind: type) -> list[Hdf5Column]:
    """Return every column of real numbers that is in the file itself."""
    found: list[Hdf5Column] = []

    def visit(name: str, node: Any) -> None:
        if isinstance(node, kind) and isinstance(name, str):
            found.extend(_dataset(name, node))

    file.visititems(visit)
    return found


def _dataset(name: str, node: Any) -> list[Hdf5Column]:
    """Return a dataset of numbers in one dimension, or the fields of a table."""
    if node.ndim != 1:
        return []
    _check_own(name, node)
    if len(node) > _MOST:
        raise BadInput(f'the table "{clean(name)}" has {len(node)} rows; at most {_MOST} are read')
    values = node[()]
    if not node.dtype.names:
        return [_numbers(name, values, node.attrs)] if _real(node.dtype) else []
    return [
        _numbers(f"{name}/{field}", values[field], {})
        for field in node.dtype.names
        if _real(node.dtype[field]) and values[field].ndim == 1
    ]


def _real(kind: Any) -> bool:
    return np.issubdtype(kind, np.number) and not np.issubdtype(kind, np.complexfloating)


def _numbers(name: str, values: Any, attributes: Mapping[Any, Any]) -> Hdf5Column:
    told = {str(key).lower(): attributes[key] for key in attributes}
    known = {
        key: value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        for key, value in told.items()
        if isinstance(value, (str, bytes))
    }
    return Hdf5Column(clean(name), known, np.asarray(values, np.float64).tobytes())


def _check_own(name: str, table: Any) -> None:
    if table.external or table.is_virtual:
        raise BadInput(
            f'the table "{clean(name)}" lies in another file, which is never opened; give a file '
            "that holds its data itself"
        )


def _content(name: str, table: Any) -> Any:
    """Return the rows of a table; None where it is none or empty."""
    _check_own(name, table)
    if table.ndim != 1 or not table.dtype.names:
        return None
    rows = int(table.attrs["NROWS"]) if "NROWS" in table.attrs else len(table)
    rows = max(0, min(rows, len(table)))
    if rows > _MOST:
        raise BadInput(f'the table "{clean(name)}" has {rows} rows; at most {_MOST} are read')
    return table[:rows] if rows else None


def _column(table: Any, name: str) -> bytes:
    if name not in (table.dtype.names or ()) or not np.issubdtype(table.dtype[name], np.number):
        return b""
    return np.asarray(table[name], np.float64).reshape(len(table), -1)[:, 0].tobytes()


if __name__ == "__main__":
    main()
