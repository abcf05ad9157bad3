"""Switching probability of a magnetic tunnel junction against voltage and pulse width.

Each point is the share of many tries in which a junction that was reset to antiparallel is read
parallel after one pulse. In the thermal regime -ln(1 - P) = (w / tau0) exp(-Delta (1 - V / Vc)), so
ln(-ln(1 - P)) is a straight line in V: its slope is Delta / Vc and, with tau0 = 1 ns assumed as in
the source, its value at zero gives Delta. The junction is that of Ikeda et al. (2010,
10.1038/nmat2804): Delta = 43 and 49 uA through 14.3 kOhm, 0.70 V; above the critical voltage the
law is an assumption. Beside it: 32 such junctions in parallel as an analogue weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docs.figures.drawing import figure, label, present
from docs.figures.mtj_benches import varied
from labctl.readings import Row
from labctl.waveform import Node, Segment, Window, pulse, read, segment, ticks

__all__ = ["TARGETS", "draw", "main", "measure"]

TARGETS = {
    "stability": "43 (Ikeda et al., 2010)",
    "critical": "0.70 V (49 uA times 14.3 kOhm)",
    "ratio": "1.24 at zero voltage (Ikeda et al., 2010)",
    "energy": "pJ and less (spintronic synapses)",
    "steps": "32 at most",
}
_COMPLIANCE = 10e-3  # A: never reached
_WIDTHS = (5e-9, 20e-9, 100e-9)  # s
_RESET, _RESET_WIDTH, _READ = -1.0, 100e-9, 0.05  # V, s, V
_ATTEMPT = 1e-9  # s
_MIDDLE, _SPAN, _VOLTAGES = 0.6, 0.08, 9  # V, V, how many
_WEIGHT, _WEIGHT_PULSES = (0.64, 2e-9), 40  # of the analogue weight

Array = NDArray[np.float64]


def measure(bench: str | Path = "direct-mtj", tries: int = 150, seed: int = 1) -> dict[str, Any]:
    """Return probabilities, what a straight line through them gives, and a train on 32 junctions.

    Parameters
    ----------
    bench
        Name or file.
    tries
        At every voltage and width.
    seed
        Of the chance.
    """
    voltages = _MIDDLE + np.linspace(-_SPAN, _SPAN, _VOLTAGES)
    with varied(bench, cycle=True, seed=seed) as device:
        rows = device.play(_looks(), _COMPLIANCE)
        low, high = (row.i / row.v for row in rows)
        tried = [
            [_share(device.play(_try(v, w) * tries, _COMPLIANCE), low, high) for v in voltages]
            for w in _WIDTHS
        ]
        written = device.play(_try(0.7, 10e-9, measured=True), _COMPLIANCE)
    probabilities = np.array(tried)
    slope, value = _line(voltages, probabilities)
    course = _train(bench, seed)
    return {
        "stability": -value, "critical": -value / slope, "ratio": high / low - 1.0,
        "energy": written[0].v * written[0].i * 10e-9,
        "steps": len(np.unique(np.round(course / np.ptp(course), 6))) - 1,
        "voltages": voltages, "probabilities": probabilities, "course": course,
    }  # fmt: skip


def _looks() -> Node:
    """Return a read of the antiparallel and one of the parallel state."""
    down, up = (pulse(v, 1e-6, measured=False) for v in (_RESET, -_RESET))
    return down + read(_READ, 1e-6) + up + read(_READ, 1e-6)


def _try(voltage: float, width: float, *, measured: bool = False) -> Node:
    windows = (Window("top", 0, ticks(width), "pulse"),) if measured else ()
    one: Segment = segment(width, {"top": float(voltage)}, windows=windows, role="pulse")
    return pulse(_RESET, _RESET_WIDTH, measured=False) + one + read(_READ, 1e-6)


def _share(rows: Sequence[Row], low: float, high: float) -> float:
    """Return the share of reads that are nearer to the parallel conductance."""
    return float(np.mean([row.i / row.v > (low + high) / 2 for row in rows]))


def _line(voltages: Array, probabilities: Array) -> tuple[float, float]:
    """Return slope and value at zero of ln(-ln(1 - P) tau0 / w) against the voltage, weighted."""
    v = np.tile(voltages, len(_WIDTHS))
    w = np.repeat(_WIDTHS, len(voltages))
    p = probabilities.ravel()
    there = (p > 0.02) & (p < 0.98)
    y = np.log(-np.log1p(-p[there])) + np.log(_ATTEMPT / w[there])
    # standard deviation of ln(-ln(1 - P)) from a binomial P, but for the number of tries
    scale = np.sqrt(p[there] / (1 - p[there])) / -np.log1p(-p[there])
    slope, value = np.polyfit(v[there], y, 1, w=1 / scale)
    return float(slope), float(value)


def _train(bench: str | Path, seed: int) -> Array:
    """Return the conductance of 32 junctions after each of equal pulses up, then down, S."""
    voltage, width = _WEIGHT
    waveform: Node = pulse(_RESET, 1e-6, measured=False) + read(_READ, 1e-6)
    for sign in (1, -1):
        one = pulse(sign * voltage, width, measured=False) + read(_READ, 1e-6)
        waveform = waveform + one * _WEIGHT_PULSES
    with varied(bench, preset="weight-32", cycle=True, seed=seed) as device:
        return np.array([row.i / row.v for row in device.play(waveform, _COMPLIANCE)])


def draw(found: dict[str, Any]) -> Any:
    """Return the figure: probabilities with the law that was found, and the analogue weight."""
    made, (chance, weight) = figure("Magnetic tunnel junction", 1, 2)
    v = np.linspace(found["voltages"][0], found["voltages"][-1], 200)
    exponent = found["stability"] * (v / found["critical"] - 1)
    for k, w in enumerate(_WIDTHS):
        (dots,) = chance.plot(
            found["voltages"], found["probabilities"][k], "o", label=f"{w * 1e9:g} ns"
        )
        law = -np.expm1(-w / _ATTEMPT * np.exp(exponent))
        chance.plot(v, law, color=dots.get_color(), linewidth=1.0)
    label(chance, "pulse (V)", "switching probability", "One junction, many tries", legend=True)
    weight.plot(1e3 * found["course"], ".-")
    label(weight, "pulse of 2 ns, up then down", "G (mS)", "32 junctions in parallel")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the numbers beside their targets and draw."""
    present(__doc__, "mtj_switching", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
