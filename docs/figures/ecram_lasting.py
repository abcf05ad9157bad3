"""Short- and long-term plasticity in one ECRAM, told apart: spikes decay, writes stay.

Target S3.7 of the lab (Currie et al., 2026, arXiv:2605.11243: both in one device). The lasting part
is that of Li-ECRAM (Tang et al., IEDM 2018) as fitted by a linear step; voltages are assumed. The
lasting change is read a second after the last pulse, ten decay times of the volatile part.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import labctl
from docs.figures.drawing import figure, label, present
from labctl.waveform import Node, pulse, read, rest, train

__all__ = ["TARGETS", "draw", "main", "measure"]

TARGETS = {
    "spikes_at_once": "clearly above zero",
    "spikes_after": "none: spikes are volatile",
    "writes_at_once": "above what stays",
    "writes_after": "lasting",
    "ratio": "5, the range chosen for the preset",
    "levels": "up to 1000 states in Li-ECRAM (Tang et al., 2018)",
}
_SPIKE, _WRITE = (1.0, 1e-6), (3.0, 1e-6)
_COMPLIANCE = 100e-6
_WRITES, _GROUP = 1000, 10  # writes each way, and how many from one read to the next


def measure(bench: str | Path = "direct-ecram") -> dict[str, Any]:
    """Return what spikes and writes leave, at once and a second later, and the LTP/LTD curve."""
    found: dict[str, Any] = {}
    for name, stimulus, count, period in (
        ("spikes", _SPIKE, 50, 10e-3), ("writes", _WRITE, 20, 10e-3),
    ):  # fmt: skip
        times, course = _after(bench, stimulus, count, period)
        found[f"{name}_at_once"] = course[1] / course[0] - 1.0
        found[f"{name}_after"] = course[-1] / course[0] - 1.0
        found[f"{name}_time"], found[f"{name}_course"] = times, course
    curve = _updates(bench)
    steps = np.diff(curve[: _WRITES // _GROUP]) / _GROUP
    found["ratio"] = max(curve) / min(curve)
    found["levels"] = round((max(curve) - min(curve)) / float(np.median(steps)))
    found["curve"] = curve
    return found


def _look() -> Node:
    return read(0.1, 10e-6, terminal="drain")


def _after(
    bench: str | Path, stimulus: tuple[float, float], count: int, period: float
) -> tuple[list[float], list[float]]:
    """Return times since the last pulse and conductances, the first one before all pulses."""
    one = pulse(*stimulus, terminal="gate", measured=False)
    waveform = _look() + train(one, period, count - 1) + one + _look()
    for pause in np.diff(np.geomspace(1e-3, 1.0, 13), prepend=0.0):
        waveform = waveform + rest(pause) + _look()
    with labctl.bench(bench) as device:
        rows = device.play(waveform, _COMPLIANCE)
    return [row.t - rows[1].t for row in rows], [row.i / row.v for row in rows]


def _updates(bench: str | Path) -> list[float]:
    """Return the conductance a second after every group of writes, up and then down."""
    amplitude, width = _WRITE
    waveform = train(pulse(-amplitude, width, terminal="gate", measured=False), 10e-3, 3000)
    for sign in (1, -1):
        one = pulse(sign * amplitude, width, terminal="gate", measured=False)
        group = train(one, 10e-3, _GROUP) + rest(1.0) + _look()
        waveform = waveform + group * (_WRITES // _GROUP)
    with labctl.bench(bench) as device:
        return [row.i / row.v for row in device.play(waveform, _COMPLIANCE)]


def draw(found: dict[str, Any]) -> Any:
    """Return the figure: decay after spikes and after writes, and the update curve."""
    made, (decay, updates) = figure("ECRAM, volatile and lasting", 1, 2)
    for name, text in (("spikes", "50 spikes, 1 V, 1 us"), ("writes", "20 writes, 3 V, 1 us")):
        t, g = found[f"{name}_time"][1:], np.asarray(found[f"{name}_course"])
        decay.semilogx(np.asarray(t) + 1e-4, 100 * (g[1:] / g[0] - 1), "o-", label=text)
    label(decay, "time since the last pulse (s)", "change of G (%)", "What stays", legend=True)
    g = 1e6 * np.asarray(found["curve"])
    updates.plot(_GROUP * (1 + np.arange(len(g))), g)
    label(updates, "write", "G a second later (uS)", "Writes up, then down")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the numbers beside their targets and draw."""
    present(__doc__, "ecram_lasting", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
