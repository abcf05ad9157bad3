"""Fresh tunnel junctions for the scripts ``ftj_*``: the bench ``direct-ftj``, partly changed."""

from __future__ import annotations

import contextlib
import importlib.resources
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import labctl
from labctl.readings import Row
from labctl.waveform import Node, pulse, read, rest
from labctl.workbench import Bench

__all__ = ["COMPLIANCE", "LOOK", "WIDTH", "Event", "conductances", "junction", "look", "peaks"]

WIDTH = 100e-6  # s, every pulse unless said
LOOK = 10e-6  # s, a read at 0.1 V so short that the state stands still
COMPLIANCE = 0.1  # A: never reached

Array = NDArray[np.float64]
#: when a pulse begins, s, and its amplitude, V
Event = tuple[float, float]


@contextlib.contextmanager
def junction(
    conductance: float = 200e-6,
    *,
    temperature: float = 300.0,
    cycle: bool = False,
    device: bool = False,
    seed: int = 0,
) -> Iterator[Bench]:
    """Open the bench ``direct-ftj`` with a fresh junction.

    Parameters
    ----------
    conductance
        To begin with, S.
    temperature
        K.
    cycle, device
        Whether there is variation from cycle to cycle and from device to device.
    seed
        Of both.
    """
    text = (importlib.resources.files("benches") / "direct-ftj.toml").read_text("utf-8")
    for before, after in (
        ('conductance = "200 uS"', f"conductance = {conductance!r}"),
        ('temperature = "300 K"', f"temperature = {temperature!r}"),
        ("cycle = false", f"cycle = {str(cycle).lower()}"),
        ("device = false", f"device = {str(device).lower()}"),
    ):
        assert before in text
        text = text.replace(before, after)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "direct-ftj.toml"
        path.write_text(text, encoding="utf-8")
        with labctl.bench(path, seed=seed) as bench:
            yield bench


def look() -> Node:
    """Return a read at 0.1 V of `LOOK`."""
    return read(0.1, LOOK)


def peaks(bench: Bench, events: Sequence[Event], width: float = WIDTH) -> Array:
    """Give pulses and return the conductance read just after each, S."""
    waveform, now = None, 0.0
    for when, amplitude in events:
        one = pulse(amplitude, width, measured=False) + look()
        waveform = one if waveform is None else waveform + rest(when - now) + one
        now = when + width + LOOK
    return conductances([] if waveform is None else bench.play(waveform, COMPLIANCE))


def conductances(rows: Sequence[Row]) -> Array:
    """Return I / V of readings, S."""
    return np.array([row.i / row.v for row in rows])
