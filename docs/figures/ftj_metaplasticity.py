"""S4.11: a priming stimulus changes what later potentiation and depression do.

Asked like this: from 300 uS, priming by ten pulses of +1 or -1 V at 10 Hz and one second of pause;
then LTP by ten pulses of +1 V or LTD by ten of -1.5 V at 10 Hz, all of 100 us; read ten seconds
later against just before the protocol.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import CATEGORICAL, DEPRESSION, POTENTIATION, figure, label, present
from docs.figures.ftj_sample import COMPLIANCE, conductances, junction, look, peaks
from labctl.waveform import rest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

START = 300e-6
PROTOCOLS = {"LTP": 1.0, "LTD": -1.5}
PRIMINGS = {"none": 0.0, "positive": 1.0, "negative": -1.0}
TARGETS = {
    "LTP after none": "above 0",
    "LTP after positive": "less than after none",
    "LTP after negative": "more than after none",
    "LTD after none": "below 0",
    "LTD after positive": "deeper than after none",
    "LTD after negative": "less deep than after none",
}


def primed(amplitude: float, priming: float, *, cycle: bool = False, seed: int = 0) -> float:
    """Return the relative change that a protocol makes after a priming."""
    with junction(START, cycle=cycle, seed=seed) as bench:
        if priming:
            peaks(bench, [(0.1 * k, priming) for k in range(10)])
            bench.play(rest(1.0), COMPLIANCE)
        start = conductances(bench.play(look(), COMPLIANCE))[-1]
        peaks(bench, [(0.1 * k, amplitude) for k in range(10)])
        end = conductances(bench.play(rest(10.0) + look(), COMPLIANCE))[-1]
    return float(end / start - 1)


def measure(*, cycle: bool = False, seed: int = 0) -> dict[str, Any]:
    """Return the relative change of each protocol after each priming."""
    return {
        f"{protocol} after {priming}": primed(amplitude, level, cycle=cycle, seed=seed)
        for protocol, amplitude in PROTOCOLS.items()
        for priming, level in PRIMINGS.items()
    }


def draw(found: Any) -> Figure:
    """Draw the six changes."""
    made, both = figure("S4.11  Metaplasticity", 1, 2)
    colours = (CATEGORICAL[0], POTENTIATION, DEPRESSION)
    for axes, protocol in zip(both, PROTOCOLS, strict=True):
        heights = [100 * found[f"{protocol} after {priming}"] for priming in PRIMINGS]
        bars = axes.bar(np.arange(3), heights, color=colours, width=0.6)
        axes.bar_label(bars, fmt="%+.0f %%", padding=2)
        axes.set_xticks(np.arange(3), list(PRIMINGS))
        axes.axhline(0, color="#808080", lw=0.8)
        axes.margins(y=0.12)
        label(
            axes, "priming", "change (%)", f"{protocol}: ten pulses of {PROTOCOLS[protocol]:+g} V"
        )
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "ftj_metaplasticity", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
