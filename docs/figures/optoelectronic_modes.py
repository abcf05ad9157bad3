"""Light potentiates, a voltage depresses, and what pairs of both do: four modes of co-modulation.

Target S2.11 of the lab (Xia et al., Nano-Micro Lett. 17, 217, 2025): an optoelectronic synapse
whose conductance light raises and voltage lowers, with four modes of co-modulation. The modes are
taken here as the four ordered pairs of the two stimuli, light (L) and voltage (V): LL, LV, VL, VV,
on a device that has been lit before, read five seconds after the second one. Only the negative
polarity erases. Irradiances and voltages are assumed.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import labctl
from docs.figures.drawing import DEPRESSION, POTENTIATION, figure, label, present
from labctl.waveform import Node, pulse, read, rest, train

__all__ = ["TARGETS", "draw", "main", "measure"]

TARGETS = {
    "potentiation": "light raises the conductance",
    "depression": "a negative voltage lowers it",
    "positive": "0: the other polarity does nothing but let time pass",
    "range": "x5 to x1500 in the table of S2.6",
    "LL": "largest", "LV": "light first: mostly erased", "VL": "light last: mostly kept",
    "VV": "smallest",
}  # fmt: skip
_FLASH, _ERASE = (50.0, 1.0), (-2.0, 10e-3)
_COMPLIANCE = 1e-3
_PULSES = 40


def measure(bench: str | Path = "direct-optoelectronic") -> dict[str, Any]:
    """Return the numbers of `TARGETS` and the update curve, from fresh devices."""
    lit, erased = _updates(bench)
    modes = {f"{a}{b}": _pair(bench, a, b) for a, b in itertools.product("LV", "LV")}
    return {
        "potentiation": lit[-1] / lit[0] - 1.0,
        "depression": erased[-1] / erased[0] - 1.0,
        "positive": _positive(bench),
        "range": max(lit) / min(erased),
        **modes,
        "lit": lit, "erased": erased,
    }  # fmt: skip


def _look() -> Node:
    return read(0.1, 1e-3)


def _stimulus(kind: str) -> Node:
    if kind == "L":
        return pulse(*_FLASH, terminal="uv", measured=False)
    return pulse(*_ERASE, measured=False)


def _updates(bench: str | Path) -> tuple[list[float], list[float]]:
    """Return conductances read after light pulses, then after voltage pulses, one a second."""
    found = []
    with labctl.bench(bench) as device:
        for kind in "LV":
            one = train(_stimulus(kind) + rest(0.1) + _look(), 2.0, _PULSES)
            found.append([row.i / row.v for row in device.play(one, _COMPLIANCE)])
    return found[0], found[1]


def _pair(bench: str | Path, first: str, second: str) -> float:
    """Return the conductance after two stimuli over that without them, on a device lit before."""
    before = train(_stimulus("L"), 2.0, 5) + rest(5.0)
    conductances = []
    for pair in (
        _stimulus(first) + rest(0.5) + _stimulus(second),
        rest(_stimulus(first).duration + 0.5 + _stimulus(second).duration),
    ):
        with labctl.bench(bench) as device:
            (row,) = device.play(before + pair + rest(5.0) + _look(), _COMPLIANCE)
        conductances.append(row.i / row.v)
    return conductances[0] / conductances[1]


def _positive(bench: str | Path) -> float:
    """Return what a positive voltage pulse changes against rest of the same length."""
    amplitude, width = _ERASE
    lit = train(_stimulus("L"), 2.0, 5)
    conductances = []
    for part in (pulse(-amplitude, width, measured=False), rest(width)):
        with labctl.bench(bench) as device:
            (row,) = device.play(lit + part + _look(), _COMPLIANCE)
        conductances.append(row.i / row.v)
    return conductances[0] / conductances[1] - 1.0


def draw(found: dict[str, Any]) -> Any:
    """Return the figure: update curve and the four modes."""
    made, (updates, modes) = figure("Optoelectronic synapse, light and voltage", 1, 2)
    number = np.arange(1, _PULSES + 1)
    for name, colour, shift, text in (
        ("lit", POTENTIATION, 0, "light, 365 nm"), ("erased", DEPRESSION, _PULSES, "-2 V, 10 ms"),
    ):  # fmt: skip
        updates.plot(number + shift, 1e6 * np.asarray(found[name]), ".", color=colour, label=text)
    label(updates, "pulse", "G (uS)", "Light up, voltage down", legend=True)
    names = ("LL", "LV", "VL", "VV")
    modes.bar(names, [found[name] for name in names], color=POTENTIATION)
    modes.axhline(1.0, color="0.5", lw=0.8)
    label(modes, "first and second stimulus", "G / G without them", "Pairs 0.5 s apart")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the numbers beside their targets and draw."""
    present(__doc__, "optoelectronic_modes", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
