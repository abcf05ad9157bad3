"""A floating gate under identical and under stepped pulses: logarithmic injection, LTP and LTD.

Tunnelling is exponential in the field and the stored charge takes field away, so the threshold
voltage shifts with the logarithm of the time at a constant gate voltage, and volt for volt when
every pulse is higher than the one before (incremental-step programming: Suh et al., 1995,
10.1109/4.475701). The device is that of 10.1038/s41467-025-58005-z, Fig. 2 in its pulses (5 us) and
currents (1 uA to 1 pA at 0.1 V); voltages and scales are assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import labctl
from docs.figures.drawing import DEPRESSION, POTENTIATION, figure, label, present
from labctl.waveform import Node, Window, pulse, read, rest, segment, ticks, train

__all__ = ["TARGETS", "draw", "main", "measure"]

TARGETS = {
    "on": "within 1 uA (10.1038/s41467-025-58005-z, Fig. 2)",
    "off": "below 1 pA (same)",
    "log_slope": "s ln 10 = 0.576 V a decade of time",
    "step_slope": "1 V for each volt (10.1109/4.475701)",
    "states": "4 exponentially spaced states (10.1038/s41467-025-58005-z), here from single pulses",
    "energy": "S1.7: fJ to pJ",
}
_AMPLITUDE, _ERASE, _WIDTH, _READ = 8.0, -6.5, 5e-6, 0.1
_COMPLIANCE = 1e-3
_PULSES = 40


def measure(bench: str | Path = "direct-floating-gate") -> dict[str, Any]:
    """Return the numbers of `TARGETS` and the curves behind them."""
    times, shifts = _program(bench)
    steps = _steps(bench)
    up, down = _updates(bench)
    tail = slice(len(times) // 2, None)
    return {
        "on": max(up), "off": min(down),
        "log_slope": float(np.polyfit(np.log10(times[tail]), shifts[tail], 1)[0]),
        "step_slope": float(np.polyfit(_ramp()[-8:], steps[-8:], 1)[0]),
        "states": int(np.sum(-np.diff(np.log10(down)) > 0.2) + 1),
        "energy": _energy(bench),
        "time": times, "shift": shifts, "amplitude": _ramp(), "stepped": steps,
        "potentiation": up, "depression": down,
    }  # fmt: skip


def _look() -> Node:
    return read(_READ, 1e-3, terminal="drain")


def _pulse(amplitude: float, width: float = _WIDTH) -> Node:
    return pulse(amplitude, width, terminal="gate", measured=False)


def _threshold(device: Any) -> float:
    """Return the gate voltage at which the channel carries 10 nA: a read threshold voltage, V."""
    gates = np.linspace(-2.0, 1.5, 71)
    sweep: Node | None = None
    for gate in gates:
        windows = (Window("drain", 0, ticks(1e-3), "read"),)
        level = segment(1e-3, {"gate": float(gate), "drain": _READ}, windows=windows)
        sweep = level if sweep is None else sweep + level
    currents = [row.i for row in device.play(sweep, _COMPLIANCE)]
    return float(np.interp(np.log(1e-8), np.log(currents), gates))


def _program(bench: str | Path) -> tuple[Any, Any]:
    """Return times at the programming voltage and the shift of the threshold voltage."""
    edges = np.geomspace(1e-7, 3e-5, 11)
    with labctl.bench(bench) as device:
        device.play(_pulse(-_AMPLITUDE, 1e-3), _COMPLIANCE)
        before = _threshold(device)
        shifts = []
        for width in np.diff(edges, prepend=0.0):
            device.play(_pulse(_AMPLITUDE, float(width)), _COMPLIANCE)
            shifts.append(_threshold(device) - before)
    return edges, np.array(shifts)


def _ramp() -> Any:
    return np.arange(6.5, 8.3, 0.1)


def _steps(bench: str | Path) -> Any:
    """Return the threshold voltage after pulses of growing amplitude."""
    with labctl.bench(bench) as device:
        device.play(_pulse(-_AMPLITUDE, 1e-3), _COMPLIANCE)
        found = []
        for amplitude in _ramp():
            device.play(_pulse(float(amplitude)), _COMPLIANCE)
            found.append(_threshold(device))
    return np.array(found)


def _updates(bench: str | Path) -> tuple[list[float], list[float]]:
    """Return currents read after identical pulses: erasing (potentiation), then programming."""
    found = []
    with labctl.bench(bench) as device:
        device.play(_pulse(_AMPLITUDE, 1e-3), _COMPLIANCE)
        for amplitude in (_ERASE, _AMPLITUDE):
            one = _pulse(amplitude) + rest(200e-6) + _look()
            rows = device.play(train(one, 100e-3, _PULSES), _COMPLIANCE)
            found.append([row.i for row in rows])
    return found[0], found[1]


def _energy(bench: str | Path) -> float:
    """Return what a programming pulse takes from the gate's source, J."""
    windows = (Window("gate", 0, ticks(_WIDTH), "pulse"),)
    with labctl.bench(bench) as device:
        (row,) = device.play(segment(_WIDTH, {"gate": _AMPLITUDE}, windows=windows), _COMPLIANCE)
    return float(row.v * row.i * _WIDTH)


def draw(found: dict[str, Any]) -> Any:
    """Return the figure: injection, stepped pulses, identical pulses."""
    made, (program, steps, updates) = figure("Floating gate", 1, 3)
    program.semilogx(1e6 * np.asarray(found["time"]), found["shift"], "o-")
    label(program, "time at 8 V (us)", "shift of the threshold (V)", "Logarithmic injection")
    steps.plot(found["amplitude"], found["stepped"], "o-")
    label(steps, "amplitude of the pulse (V)", "threshold voltage (V)", "Stepped pulses of 5 us")
    number = np.arange(1, _PULSES + 1)
    for name, colour, shift in (
        ("potentiation", POTENTIATION, 0), ("depression", DEPRESSION, _PULSES),
    ):  # fmt: skip
        updates.semilogy(number + shift, found[name], ".", color=colour, label=name)
    label(
        updates, "pulse", "current at 0.1 V (A)", "Identical pulses, -6.5 V, then 8 V", legend=True
    )
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the numbers beside their targets and draw."""
    present(__doc__, "floating_gate_updates", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
