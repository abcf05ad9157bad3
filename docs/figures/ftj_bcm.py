"""S4.10: triplets of pulses turned into BCM curves, from three initial conductances.

Asked like this: +1, -1, +1 V, 100 us, at 0, 150 ms and 1/rate; the weight is read ten seconds
later. The source's curves turn from depression to potentiation at a rate that moves with G0; inside
the depression they first fall, then rise ("enhanced depression").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import CATEGORICAL, figure, label, present
from docs.figures.ftj_sample import COMPLIANCE, conductances, junction, look, peaks
from docs.figures.ftj_threshold import upward
from labctl.waveform import rest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STARTS = (100e-6, 200e-6, 500e-6)
RATES = np.geomspace(0.2, 6.0, 25)
TARGETS = {
    **{f"threshold from {g * 1e6:.0f} uS (Hz)": "rises with G0" for g in STARTS},
    **{f"deepening from {g * 1e6:.0f} uS": "above 1: enhanced depression" for g in STARTS},
}


def triplet(start: float, rate: float, *, cycle: bool = False, seed: int = 0) -> float:
    """Return the relative change of the weight."""
    with junction(start, cycle=cycle, seed=seed) as bench:
        peaks(bench, [(0.0, 1.0), (0.15, -1.0), (1 / rate, 1.0)])
        weight = conductances(bench.play(rest(10.0) + look(), COMPLIANCE))[-1]
    return float(weight / start - 1)


def measure(*, cycle: bool = False, seed: int = 0) -> dict[str, Any]:
    """Return thresholds, and by how much the deepest point lies below that of the lowest rate."""
    found: dict[str, Any] = {}
    for start in STARTS:
        curve = np.array([triplet(start, float(r), cycle=cycle, seed=seed) for r in RATES])
        name = f"{start * 1e6:.0f} uS"
        found[f"threshold from {name} (Hz)"] = upward(RATES, curve)
        found[f"deepening from {name}"] = float(curve.min() / curve[0])
        found[f"curve from {name}"] = curve
    return found


def draw(found: Any) -> Figure:
    """Draw the curves, the depression enlarged."""
    made, (whole, part) = figure("S4.10  BCM curves from triplets", 1, 2)
    for start, colour, marker in zip(STARTS, CATEGORICAL, "os^", strict=False):
        name = f"{start * 1e6:.0f} uS"
        theta = found[f"threshold from {name} (Hz)"]
        curve = 100 * found[f"curve from {name}"]
        text = f"G0 = {start * 1e6:.0f} µS, θ = {theta:.2f} Hz"
        for axes in (whole, part):
            axes.plot(RATES, curve, f"{marker}-", color=colour, label=text)
    part.set_ylim(-5, 2)
    for axes, title in ((whole, ""), (part, "depression, enlarged")):
        axes.axhline(0, color="#808080", lw=0.8)
        label(axes, "rate (Hz)", "change of the weight (%)", title)
    whole.legend()
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "ftj_bcm", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
