"""Fresh devices for the scripts ``rram_*``, ``cbram_*`` and ``pcm_*``: a direct bench, changed."""

from __future__ import annotations

import contextlib
import importlib.resources
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import labctl
from labctl.readings import Row
from labctl.waveform import Node, Window, segment, ticks
from labctl.workbench import Bench

__all__ = ["Array", "conductances", "energy", "sample", "whole_pulse"]

Array = NDArray[np.float64]


@contextlib.contextmanager
def sample(
    name: str,
    *,
    temperature: float = 300.0,
    cycle: bool = False,
    device: bool = False,
    seed: int = 0,
    **changes: float | str,
) -> Iterator[Bench]:
    """Open a direct bench with a fresh device.

    Parameters
    ----------
    name
        Of the bench that ships.
    temperature
        K.
    cycle, device
        Whether there is variation from cycle to cycle and from device to device.
    seed
        Of both.
    changes
        Preset, initial condition or parameters of the device that replace those of the bench.
    """
    text = (importlib.resources.files("benches") / f"{name}.toml").read_text("utf-8")
    text = text.replace('temperature = "300 K"', f"temperature = {temperature!r}")
    text = text.replace("cycle = false", f"cycle = {str(cycle).lower()}")
    text = text.replace("device = false", f"device = {str(device).lower()}")
    for key, value in changes.items():
        shown = f'"{value}"' if isinstance(value, str) else repr(value)
        text = re.sub(rf"^{key} = .*\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"^(family = .*)$", rf"\1\n{key} = {shown}", text, flags=re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        with labctl.bench(path, seed=seed) as bench:
            yield bench


def conductances(rows: Sequence[Row], role: str = "read") -> Array:
    """Return I / V of the readings of a role, S."""
    return np.array([row.i / row.v for row in rows if row.role == role])


def whole_pulse(amplitude: float, width: float) -> Node:
    """Return a pulse that is measured from its beginning to its end."""
    window = Window("top", 0, ticks(width), "pulse")
    return segment(width, {"top": amplitude}, windows=(window,), role="pulse")


def energy(rows: Sequence[Row]) -> Array:
    """Return the energy of every `whole_pulse`, V I width, J."""
    return np.array([abs(row.v * row.i) * row.width for row in rows if row.role == "pulse"])
