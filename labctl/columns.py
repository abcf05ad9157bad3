"""Columns: tables of other people's data, as arrays in SI units, with what was assumed in words.

Text (CSV in any of its dialects), Parquet and HDF5 are told apart by their first bytes. Reading
runs no code from a file. Nothing is guessed silently: separator, decimal sign, names, units and
rows left out are all in `Sheet.assumed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labctl.errors import BadInput
from labctl.hdf5 import columns
from labctl.text_table import read_text_table, split_unit, to_si

__all__ = ["Series", "Sheet", "read_columns"]

Array = NDArray[np.float64]

_PARQUET, _HDF5 = b"PAR1", b"\x89HDF\r\n\x1a\n"
_LARGEST = 1 << 31  # bytes; a larger table does not fit in memory as text


@dataclass(frozen=True, slots=True)
class Series:
    """One column."""

    name: str
    unit: str  #: SI symbol, or as it was written when it is none that labctl knows
    values: Array  #: not a number where the cell was empty


@dataclass(frozen=True, slots=True)
class Sheet:
    """The numeric columns of a file, in order."""

    path: Path
    columns: tuple[Series, ...]
    assumed: tuple[str, ...]  #: what was assumed, a sentence each

    def find(self, name: str) -> Series:
        """Return a column by its name, its number from 1, or the end of its name.

        Raises
        ------
        BadInput
            There is none, or several.
        """
        exact = [series for series in self.columns if series.name == name]
        if not exact and name.isascii() and name.isdigit() and 0 < int(name) <= len(self.columns):
            return self.columns[int(name) - 1]
        found = exact or [s for s in self.columns if s.name.rpartition("/")[2] == name]
        if len(found) != 1:
            known = ", ".join(f'"{series.name}"' for series in self.columns)
            what = "no column" if not found else f"{len(found)} columns"
            raise BadInput(f'"{self.path}" has {what} called "{name}"; its columns are {known}')
        return found[0]


def read_columns(path: Path) -> Sheet:
    """Read the numeric columns of a CSV, Parquet or HDF5 file.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Sheet
        At least one column.

    Raises
    ------
    BadInput
        There is no such file, it cannot be read, or it holds no column of numbers.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise BadInput(f'"{path}" is larger than 2 GiB; cut it, or average it first')
        data = path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f'there is no file "{path}"; give the path of a table') from None
    except OSError as error:
        raise BadInput(f'"{path}" cannot be read: {error}; give a file') from None
    if data.startswith(_PARQUET):
        series, assumed = _parquet(path)
    elif data.startswith(_HDF5):
        series, assumed = _hdf5(path)
    else:
        text = read_text_table(data, str(path))
        series = [Series(name, unit, values) for name, unit, values in text.columns]
        assumed = list(text.assumed)
    if not series:
        raise BadInput(f'"{path}" holds no column of numbers; give a table with one at least')
    return Sheet(path, tuple(series), tuple(assumed))


def _parquet(path: Path) -> tuple[list[Series], list[str]]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise BadInput(
            'a Parquet file was given, but pyarrow is missing: install labctl with the extra "data"'
        ) from None
    try:
        table = parquet.read_table(path)
        found = []
        for field in table.schema:
            kind = field.type
            if pa.types.is_floating(kind) or pa.types.is_integer(kind):
                values = table.column(field.name).to_numpy()
                found.append(_series(field.name, values, _text(field.metadata or {})))
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise BadInput(f'"{path}" cannot be read as Parquet: {_first_line(error)}') from None
    return found, ["read as Parquet"]


def _hdf5(path: Path) -> tuple[list[Series], list[str]]:
    found = [_series(one.name, one.values, one.attributes) for one in columns(path)]
    return found, ["read as HDF5"]


def _text(attributes: Mapping[Any, Any]) -> dict[str, str]:
    """Return the attributes that are text, whatever it is stored as."""
    found = {}
    for key, value in attributes.items():
        name = key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
        content = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if isinstance(content, str):
            found[name.lower()] = content
    return found


def _series(name: str, values: Any, attributes: Mapping[str, str]) -> Series:
    plain, unit = split_unit(name)
    written = attributes.get("unit", attributes.get("units", unit))
    numbers = np.asarray(values, float)
    shown, symbol = to_si(numbers, written)
    return Series(plain if written == unit else name, symbol, shown)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
