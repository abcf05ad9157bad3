"""Responses: from the steps of a record to arrays, with uncertainties and without lost readings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.energy import energy_per_pulse
from labctl.readings import Flag, Readings
from labctl.results import Column, Metric, Table
from labctl.steps import Label, StepRecord

__all__ = [
    "UNUSABLE", "conductances", "energy_metrics", "label_numbers", "table", "u_conductances",
    "usable",
]  # fmt: skip

Array = NDArray[np.float64]

#: a reading with one of these flags has no value to go by
UNUSABLE = Flag.OVERRANGE | Flag.LOST | Flag.CONTACT


def usable(readings: Readings) -> NDArray[np.bool_]:
    """Return which readings have a value: in range, arrived, with contact, and finite."""
    good: NDArray[np.bool_] = (readings.flags & int(UNUSABLE)) == 0
    return good & np.isfinite(readings.i)


def conductances(readings: Readings) -> Array:
    """Return i / v in S of each reading; not a number where it has no usable value."""
    return np.where(usable(readings), readings.g, np.nan)


def u_conductances(readings: Readings) -> Array:
    """Return the standard uncertainty of i / v in S from those of the current and the level."""
    with np.errstate(divide="ignore", invalid="ignore"):
        g = readings.g
        return np.hypot(readings.u_i, g * readings.u_v) / np.abs(readings.v)


def label_numbers(steps: Iterable[StepRecord | Label], name: str) -> Array:
    """Return one number of every label; not a number where it is not known."""
    labels = (step.label if isinstance(step, StepRecord) else step for step in steps)
    return np.array(
        [np.nan if (value := label.get(name)) is None else float(value) for label in labels], float
    )


def energy_metrics(classes: Mapping[str, Readings]) -> dict[str, Metric]:
    """Return the mean energy of a pulse for each class of pulses, as ``energy_<class>``.

    Parameters
    ----------
    classes
        Readings taken in the pulses, by class; ``""`` gives plain ``energy``. A class without
        usable readings gives no metric.
    """
    found = {}
    for name, readings in classes.items():
        rows = Readings([row for row, good in zip(readings, usable(readings), strict=True) if good])
        if not len(rows):
            continue
        metric = energy_per_pulse(rows.v, rows.i, rows.width, rows.u_v, rows.u_i)
        if metric is not None:
            found[f"energy_{name}" if name else "energy"] = metric
    return found


def table(title: str, columns: Sequence[tuple[str, str, Iterable[float | str | bool]]]) -> Table:
    """Return a table from (name, unit, data); what is not finite is shown as missing."""
    return Table(title, tuple(Column(name, unit, _cells(data)) for name, unit, data in columns))


def _cells(data: Iterable[float | str | bool]) -> tuple[float | str | bool | None, ...]:
    plain = data.tolist() if isinstance(data, np.ndarray) else data
    return tuple(None if isinstance(x, float) and not np.isfinite(x) else x for x in plain)
