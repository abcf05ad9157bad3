"""S2.2: paired-pulse facilitation of a volatile filament, gone after half a second.

Asked like this: fresh Ag/TiO2/Pt synapses, two pulses of 0.6 V and 1 ms at an interval counted from
the end of the first to the begin of the second. The index is (P2 - P1) / P1 of the conductance read
at 0.1 V just after each pulse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import figure, label, present
from docs.figures.rram_sample import conductances, sample
from labctl.waveform import pulse, read, rest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AMPLITUDE, WIDTH, LOOK = 0.6, 1e-3, 10e-6
SHOWN = (0.01, 0.03, 0.1, 0.5, 1.0)
TARGETS = {
    "index_10_ms": "facilitation at 10 to 100 ms",
    "index_100_ms": "facilitation at 10 to 100 ms",
    "index_500_ms": "none left beyond about 500 ms",
    "index_1000_ms": "none left beyond about 500 ms",
}


def index(interval: float) -> float:
    """Return the index of one pair on a fresh device."""
    one = pulse(AMPLITUDE, WIDTH, measured=False) + read(0.1, LOOK)
    with sample("direct-cbram") as bench:
        g = conductances(bench.play(one + rest(interval - LOOK) + one, 1e-3))
    return float(g[1] / g[0] - 1.0)


def measure() -> dict[str, Any]:
    """Return the index at some intervals, and its curve."""
    intervals = np.geomspace(10e-3, 1.0, 25)
    named = {f"index_{1e3 * t:.0f}_ms": index(t) for t in SHOWN}
    return {**named, "intervals": intervals, "index": np.array([index(t) for t in intervals])}


def draw(found: Any) -> Figure:
    """Draw the index against the interval."""
    made, (axes,) = figure("S2.2  Paired-pulse facilitation, Ag/TiO2/Pt model")
    axes.semilogx(found["intervals"] * 1e3, 100 * found["index"], "o-")
    axes.axhline(0.0, color="0.6", lw=0.8)
    label(axes, "interval (ms)", "index (P2 - P1) / P1 (%)")
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "cbram_pairs", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
