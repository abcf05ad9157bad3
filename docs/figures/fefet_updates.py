"""LTP and LTD of a FeFET by gate pulses of 75 ns, its energy, and what time leaves of the states.

The reported synapse has 32 states over a factor of 45 by pulses of 75 ns with rising amplitude
(Jerry et al., IEDM 2017, 10.1109/IEDM.2017.8268338: 2.85 to 4.45 V up). Here the ramps of amplitude
are chosen for even steps of the model: 2.3 to 4.2 V up and 2.2 to 4.1 V down; pulses of one
amplitude are shown beside them. Conductance is read at the drain 1 us after a pulse, energy is the
integral of gate voltage times measured gate current over a pulse. Kinetics are those of a published
model (see ``labctl describe fefet``); the retention is illustrative.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import labctl
from docs.figures.drawing import figure, label, present
from labctl.readings import Row
from labctl.waveform import Node, Segment, Window, pulse, read, rest, segment, ticks
from labctl.workbench import Bench

__all__ = ["TARGETS", "draw", "main", "measure"]

TARGETS = {
    "range": "45 (Jerry et al., 2017)",
    "levels": "32 (Jerry et al., 2017), told apart at 1 % of the range",
    "linearity_up": "higher than for one amplitude",
    "linearity_up_identical": "",
    "linearity_down": "higher than for one amplitude",
    "linearity_down_identical": "",
    "energy": "fJ to pJ (ferroelectric synapses)",
    "kept_ten_years": "a window is left at room temperature",
}
_COMPLIANCE = 100e-6
_WIDTH, _PAUSE, _COUNT = 75e-9, 1e-6, 32
_UP, _DOWN = (2.3, 4.2), (-2.2, -4.1)  # V, first and last
_ERASE, _PROGRAM = -5.0, 5.0  # V
_TIMES = tuple(np.geomspace(1.0, 3.2e8, 18))  # s

Array = NDArray[np.float64]


def measure(bench: str | Path = "direct-fefet") -> dict[str, Any]:
    """Return update curves, their range and linearity, the energy, and the states against time."""
    up = tuple(float(v) for v in np.linspace(*_UP, _COUNT))
    down = tuple(float(v) for v in np.linspace(*_DOWN, _COUNT))
    with labctl.bench(bench) as device:
        rising, energy = _train(device, _ERASE, up)
        falling, _ = _train(device, _PROGRAM, down)
        same_up, _ = _train(device, _ERASE, (3.0,) * _COUNT)
        same_down, _ = _train(device, _PROGRAM, (-2.9,) * _COUNT)
    # each on a transistor of its own: charge trapped in ten years would be seen in the other
    kept_up, kept_down = _kept(bench, _PROGRAM), _kept(bench, _ERASE)
    both = np.concatenate([rising, falling])
    return {
        "range": float(both.max() / both.min()),
        "levels": _levels(rising),
        "linearity_up": _linearity(rising), "linearity_up_identical": _linearity(same_up),
        "linearity_down": _linearity(falling), "linearity_down_identical": _linearity(same_down),
        "energy": float(np.mean(energy)),
        "kept_ten_years": float(kept_up[-1] / kept_down[-1]),
        "rising": rising, "falling": falling, "same_up": same_up, "same_down": same_down,
        "kept_up": kept_up, "kept_down": kept_down,
    }  # fmt: skip


def _gate(voltage: float) -> Segment:
    window = Window("gate", 0, ticks(_WIDTH), "pulse")
    return segment(_WIDTH, {"gate": voltage}, windows=(window,), role="pulse")


def _look() -> Node:
    return rest(_PAUSE) + read(0.05, 1e-6, terminal="drain")


def _train(device: Bench, reset: float, amplitudes: Sequence[float]) -> tuple[Array, Array]:
    """Return conductance after the reset and after every pulse, S, and the energy of each, J."""
    waveform: Node = pulse(reset, 10e-6, terminal="gate", measured=False) + _look()
    for amplitude in amplitudes:
        waveform = waveform + _gate(amplitude) + _look()
    rows = device.play(waveform, _COMPLIANCE)
    gates = [row for row in rows if row.terminal == "gate"]
    return _conductances(rows), np.array([row.v * row.i * _WIDTH for row in gates])


def _conductances(rows: Sequence[Row]) -> Array:
    return np.array([row.i / row.v for row in rows if row.terminal == "drain"])


def _kept(bench: str | Path, amplitude: float) -> Array:
    """Return the conductance of a state at the times of `_TIMES` after writing it, S."""
    waveform: Node = pulse(amplitude, 10e-6, terminal="gate", measured=False)
    for pause in np.diff(_TIMES, prepend=0.0):
        waveform = waveform + rest(float(pause)) + read(0.05, 1e-6, terminal="drain")
    with labctl.bench(bench) as device:
        return _conductances(device.play(waveform, _COMPLIANCE))


def _levels(curve: Array) -> int:
    """Return the number of states that differ from each other by 1 % of the range at least."""
    count, last = 1, curve[0]
    for g in curve[1:]:
        if abs(g - last) >= 0.01 * np.ptp(curve):
            count, last = count + 1, g
    return count


def _linearity(curve: Array) -> float:
    """Return R2 of a straight line through a curve of updates."""
    n = np.arange(len(curve))
    return float(np.corrcoef(n, curve)[0, 1] ** 2)


def draw(found: dict[str, Any]) -> Any:
    """Return the figure: updates, and states against time."""
    made, (updates, time) = figure("FeFET synapse", 1, 2)
    n = np.arange(_COUNT + 1)
    for up, down, text in (
        ("rising", "falling", "rising amplitude"), ("same_up", "same_down", "one amplitude"),
    ):  # fmt: skip
        g = 1e6 * np.concatenate([found[up], found[down]])
        updates.plot(np.concatenate([n, n + _COUNT + 1]), g, "o-", label=text)
    label(updates, "gate pulse of 75 ns, up then down", "G (uS)", "LTP and LTD", legend=True)
    for name, text in (("up", "programmed"), ("down", "erased")):
        time.loglog(_TIMES, 1e6 * found[f"kept_{name}"], "o-", label=text)
    label(time, "time after writing (s)", "G (uS)", "Retention at 300 K", legend=True)
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the numbers beside their targets and draw."""
    present(__doc__, "fefet_updates", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
