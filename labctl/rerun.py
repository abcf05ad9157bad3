"""Rerun: the same protocol, the same seed, the same bench, and what came out differently."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from labctl import engine
from labctl.benchfile import define_bench
from labctl.control import Control
from labctl.errors import BadInput
from labctl.record import Record
from labctl.units import show

__all__ = ["compared", "rerun"]

_USUAL = engine.Options()


def rerun(
    folder: Path | str, options: engine.Options = _USUAL, control: Control | None = None
) -> Record:
    """Run what a record holds once more, on the bench as it stands in the record.

    Parameters
    ----------
    folder
        The run folder.
    options
        Where to; protocol, seed and device are the record's.
    control
        As for `labctl.engine.run`.

    Raises
    ------
    BadInput
        The run was made on a virtual sample, whose device has changed since.
    labctl.errors.LabctlError
        As for `labctl.engine.run`.
    """
    before = Record(folder)
    header = before.header
    if header.sample:
        raise BadInput(
            f'"{folder}" was made on the virtual sample "{header.sample}", whose device is not '
            "what it was then; run the protocol on a fresh device instead"
        )
    definition = define_bench({"name": header.bench_name, **header.bench}, f"bench of {folder}")
    options = replace(options, seed=header.seed, site=header.site, operator=options.operator)
    return engine.begin(before.protocol, definition, header.bench, options, control)


def compared(one: Record, other: Record) -> list[str]:
    """Say in lines how two runs of one protocol differ.

    Parameters
    ----------
    one, other
        Records of the same protocol.
    """
    a, b = one.readings, other.readings
    if len(a) != len(b):
        lines = [f"readings: {len(a)} before, {len(b)} now"]
    elif all(np.array_equal(getattr(a, n), getattr(b, n), equal_nan=True) for n in "tvi"):
        lines = [f"the same {len(a)} readings to the last digit"]
    else:
        with np.errstate(all="ignore"):
            apart = np.nanmedian(np.abs(b.i / a.i - 1))
        lines = [f"{len(a)} readings as before; currents differ by {apart:.2g} in the median"]
    for name, metric in one.metrics.items():
        again = other.metrics.get(name)
        if again is None:
            lines.append(f"{name}: {metric} before, missing now")
        elif again.value != metric.value:
            change = show(again.value - metric.value, metric.unit)
            lines.append(f"{name}: {metric} before, {again} now ({change})")
    return lines
