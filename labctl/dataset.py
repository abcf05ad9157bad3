"""A record as columns with units and origin, the common ground of all exports."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import numpy as np

from labctl.errors import BadInput
from labctl.journal import Header
from labctl.readings import COLUMN_UNITS, Readings, Row
from labctl.results import Results
from labctl.steps import StepRecord

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["MEANING", "TEXT", "Recorded", "about", "columns_of", "library", "numbered", "to_xarray"]

#: columns that are text
TEXT = ("terminal", "role")
#: what each column means, for files that can say it
MEANING = {
    "step": "index of the step in the journal", "t": "middle of the reading since the run began",
    "terminal": "device terminal", "role": "what the waveform was doing",
    "v_set": "level asked for", "v": "level achieved", "i": "current into the terminal",
    "width": "duration of the level",
    "u_v": "standard uncertainty of v", "u_i": "standard uncertainty of i",
    "flags": "1 compliance, 2 overrange, 4 lost, 8 contact, 16 unsettled",
}  # fmt: skip


class Recorded(Protocol):
    """What an export needs of a record."""

    folder: Path
    header: Header

    @property
    def steps(self) -> tuple[StepRecord, ...]:
        """The steps that count."""

    @property
    def results(self) -> Results:
        """Figures of merit and fits."""

    def of(self, step: StepRecord) -> Readings:
        """Return the readings of one step."""


def numbered(record: Recorded) -> tuple[list[int], Readings]:
    """Return the step of every reading that counts, and the readings."""
    steps, rows = [], []
    for step in record.steps:
        own = record.of(step).rows
        steps += [step.index] * len(own)
        rows += list(own)
    return steps, Readings(rows)


def columns_of(record: Recorded) -> dict[str, Any]:
    """Return the columns of the readings that count, each with one entry a reading."""
    steps, readings = numbered(record)
    found: dict[str, Any] = {"step": np.array(steps, np.int64)}
    for name in Row._fields:
        at = Row._fields.index(name)
        if name in TEXT:
            found[name] = [row[at] for row in readings]
        elif name == "flags":
            found[name] = readings.flags
        else:
            found[name] = getattr(readings, name)
    return found


def about(record: Recorded) -> dict[str, Any]:
    """Return what every export says of its origin, as plain values."""
    header: dict[str, Any] = json.loads(msgspec.json.encode(record.header))
    return {
        "labctl": header["versions"].get("labctl", ""),
        "run": record.folder.name,
        "kind": header["protocol"].get("kind", ""),
        "bench": header["bench_name"],
        "simulated": header["simulated"],
        "device": header["site"],
        "seed": header["seed"],
        "seal": header["seal"],
        "header": header,
    }


def to_xarray(record: Recorded) -> xr.Dataset:
    """Return the readings as an xarray Dataset over ``reading``.

    Units stand in ``attrs["units"]`` of each variable; where the run comes from in ``attrs`` of the
    Dataset, its figures of merit under ``metrics``.

    Raises
    ------
    BadInput
        xarray is not installed.
    """
    xarray = library("xarray", "netcdf")
    columns = columns_of(record)
    variables = {
        name: ("reading", np.asarray(data, object if name in TEXT else None),
               {"units": COLUMN_UNITS[name], "long_name": MEANING[name]})
        for name, data in columns.items()
    }  # fmt: skip
    metrics = {
        name: {"value": m.value, "sigma": m.sigma, "unit": m.unit, "definition": m.definition}
        for name, m in record.results.metrics.items()
    }
    made: xr.Dataset = xarray.Dataset(variables, attrs={**about(record), "metrics": metrics})
    return made


def library(name: str, form: str) -> Any:
    """Import a library that an export needs.

    Raises
    ------
    BadInput
        It is not installed; the sentence names the form that was asked for.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise BadInput(
            f'an export to {form} was asked for, but {name} is missing: install labctl with "data"'
        ) from None
