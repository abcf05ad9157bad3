"""S4.1: seven positive, then seven negative sweeps of a tunnel junction (Nie et al., 2025).

Asked like this: triangles of 1.5 V, one second each, from a relaxed junction of 200 uS. The source
shows the current magnitude rising cycle by cycle under positive bias and falling under negative.
Sweeps of 2 V, and of twenty seconds, must stay within a sensible window.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import DEPRESSION, POTENTIATION, figure, label, present
from docs.figures.ftj_sample import COMPLIANCE, junction
from labctl.waveform import Node, Window, segment, ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CYCLES, _POINTS = 7, 60
TARGETS = {
    "smallest rise": "above 0: every positive sweep carries more than the one before",
    "smallest fall": "above 0: every negative sweep carries less",
    "largest fall of ln I while V rises": "small: no step at a threshold, from point to point",
    "lowest (S)": "any sweep up to 2 V: above 5 uS",
    "highest (S)": "any sweep up to 2 V: below 5 mS (the source's states end at 1.52 mS)",
}


def sweep(peak: float, period: float) -> Node:
    """Return a triangle from zero to a peak and back, measured all along."""
    edges = np.linspace(0, ticks(period / 2), _POINTS + 1).round().astype(int).tolist()
    windows = tuple(Window("top", a, b, "read") for a, b in itertools.pairwise(edges))
    up = segment(period / 2, {"top": (0.0, peak)}, windows=windows)
    return up + segment(period / 2, {"top": (peak, 0.0)}, windows=windows)


def curves(peak: float, period: float) -> tuple[Any, Any]:
    """Return V and I, shape (14, points): seven positive and seven negative sweeps."""
    with junction() as bench:
        rows = [
            bench.play(sweep(side * peak, period), COMPLIANCE)
            for side in (1, -1)
            for _ in range(_CYCLES)
        ]
    return (
        np.array([[row.v for row in cycle] for cycle in rows]),
        np.array([[row.i for row in cycle] for cycle in rows]),
    )


def measure(peak: float = 1.5, period: float = 1.0) -> dict[str, Any]:
    """Return the changes from cycle to cycle of the mean current magnitude, and the extremes."""
    v, i = curves(peak, period)
    size = np.abs(i).mean(axis=1)
    steps = size[1:] / size[:-1]
    falls = -np.diff(np.log(np.abs(i)), axis=1)[np.diff(np.abs(v), axis=1) > 0]
    found: list[float] = []
    for amplitude, time in ((peak, period), (2.0, 1.0), (2.0, 20.0), (1.5, 20.0)):
        level, current = curves(amplitude, time)
        ohmic = np.abs(level) < 0.3
        found += [float(x) for x in (current[ohmic] / level[ohmic])[[0, -1]]]
        found += [float(x) for x in np.percentile(current[ohmic] / level[ohmic], (0, 100))]
    return {
        "smallest rise": float(steps[: _CYCLES - 1].min() - 1),
        "smallest fall": float(1 - steps[_CYCLES:].max()),
        "largest fall of ln I while V rises": float(falls.max()),
        "lowest (S)": min(found),
        "highest (S)": max(found),
        "v": v,
        "i": i,
        "size": size,
    }


def draw(found: Any) -> Figure:
    """Draw the sweeps, and the mean current of each."""
    made, (sweeps, cycles) = figure("S4.1  Hysteresis in repeated sweeps", 1, 2)
    for k in range(2 * _CYCLES):
        colour = POTENTIATION if k < _CYCLES else DEPRESSION
        share = 0.3 + 0.7 * (k % _CYCLES) / (_CYCLES - 1)
        sweeps.semilogy(found["v"][k], np.abs(found["i"][k]) * 1e6, color=colour, alpha=share, lw=1)
    sweeps.set_ylim(bottom=0.3)
    label(sweeps, "voltage (V)", "|current| (µA)", "later cycles darker")
    number = np.arange(1, _CYCLES + 1)
    size = found["size"] * 1e6
    cycles.semilogy(number, size[:_CYCLES], "o-", color=POTENTIATION, label="positive")
    cycles.semilogy(number, size[_CYCLES:], "s-", color=DEPRESSION, label="negative")
    label(cycles, "cycle", "mean |current| (µA)", legend=True)
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "ftj_hysteresis", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
