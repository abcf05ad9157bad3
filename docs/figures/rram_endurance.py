"""Endurance: a billion SET/RESET cycles of an HfOx cell, read at logarithmic intervals.

Asked like this: cycles of +1.5 V and -1.5 V, 100 ns each, 1 us apart, as loops of the waveform;
at 10, 20, 50, 100, ... cycles both states are read at 0.1 V in the nine cycles that follow. The
window closes from 1e7 cycles on, as the preset says; the device passes the cycles between the reads
together, exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import figure, label, present
from docs.figures.rram_sample import conductances, sample
from labctl.waveform import Node, pulse, read, rest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AMPLITUDE, WIDTH = 1.5, 100e-9
TARGETS = {
    "cycles": "1e9",
    "window_first": "about 18 (88 kOhm / 4.98 kOhm), times the scatter of one cycle",
    "window_last": "smaller: the window closes from 1e7 cycles on",
}


def measure(most: float = 1e9, seed: int = 4) -> dict[str, Any]:
    """Return the window at the beginning and at the end, and the resistances between."""
    decades = np.arange(round(np.log10(most)) + 1)
    marks = sorted(
        {round(m * 10.0**d) for d in decades for m in (1, 2, 5) if 10 <= m * 10.0**d <= most}
    )
    look: Node = rest(1e-6) + read(0.1, 1e-5)
    high, low = (pulse(s * AMPLITUDE, WIDTH, measured=False) for s in (1, -1))
    cycle = high + rest(1e-6) + low + rest(1e-6)
    shown = high + look + low + look
    resistances, done = [], 0
    with sample("direct-rram", cycle=True, seed=seed) as bench:
        for mark in marks:
            if mark > done + 9:
                bench.play(cycle * (mark - done - 9), 5e-3)
                done = mark - 9
            rows = bench.play(shown * 9, 5e-3)
            resistances.append(1 / np.median(conductances(rows).reshape(9, 2), axis=0))
            done += 9
    found = np.array(resistances)
    window = found[:, 1] / found[:, 0]
    return {
        "cycles": float(done),
        "window_first": float(np.median(window[:9])),
        "window_last": float(np.median(window[-3:])),
        "marks": np.array(marks),
        "resistances": found,
    }


def draw(found: Any) -> Figure:
    """Draw both resistances against the number of cycles."""
    made, (axes,) = figure("Endurance of an HfOx cell: median of nine cycles at each mark")
    for k, name in enumerate(("LRS", "HRS")):
        axes.loglog(found["marks"], found["resistances"][:, k] / 1e3, "o-", label=name)
    label(axes, "cycles", "resistance (kOhm)", legend=True)
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "rram_endurance", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
