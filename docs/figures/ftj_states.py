"""S4.3, S4.4: four states by ten pulses each, and how far they relax.

Asked like this: ten pulses of 100 us at 3.33 Hz from one relaxed state of 664 uS (chosen with the
parameters), the state read just after the tenth; then ten seconds of rest, with short reads.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import CATEGORICAL, figure, label, present
from docs.figures.ftj_sample import COMPLIANCE, LOOK, conductances, junction, look, peaks
from labctl.waveform import rest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

START = 664e-6  # S
STATES = {1.5: 1520e-6, 1.0: 1020e-6, -1.5: 269e-6, -1.8: 152e-6}
TARGETS = {
    **{f"{v:+} V (S)": f"{g:.4g} S, within 5 %" for v, g in STATES.items()},
    **{f"{v:+} V kept": "part of the way back: between 0 and 1" for v in STATES},
}


def measure() -> dict[str, Any]:
    """Return the states, and the share of each change of ln G that is left after ten seconds."""
    times = np.geomspace(1e-3, 10.0, 40)
    found: dict[str, Any] = {"times": times}
    for amplitude in STATES:
        with junction(START) as bench:
            reached = peaks(bench, [(0.3 * k, amplitude) for k in range(10)])[-1]
            waveform = rest(float(times[0])) + look()
            for gap in np.diff(times):
                waveform = waveform + rest(float(gap) - LOOK) + look()
            after = conductances(bench.play(waveform, COMPLIANCE))
        found[f"{amplitude:+} V (S)"] = float(reached)
        found[f"{amplitude:+} V kept"] = math.log(after[-1] / START) / math.log(reached / START)
        found[f"after {amplitude:+}"] = after
    return found


def draw(found: Any) -> Figure:
    """Draw the relaxation of the four states."""
    made, (axes,) = figure("S4.3, S4.4  Relaxation of four states, from both sides")
    for (amplitude, target), colour in zip(STATES.items(), CATEGORICAL, strict=True):
        after = found[f"after {amplitude:+}"] * 1e6
        axes.loglog(found["times"], after, color=colour)
        axes.text(12, after[-1], f"10 x {amplitude:+} V", color=colour, va="center")
        axes.plot(found["times"][0], found[f"{amplitude:+} V (S)"] * 1e6, "o", color=colour)
        axes.axhline(target * 1e6, color=colour, lw=0.8, ls=":")
    axes.axhline(START * 1e6, color="#808080", lw=0.8)
    ticks = [100, 200, 500, 1000, 2000]
    axes.set_yticks(ticks, [str(t) for t in ticks])
    axes.minorticks_off()
    label(axes, "time after the tenth pulse (s)", "conductance (µS)", "dotted: the source's states")
    axes.set_xlim(right=150)
    axes.set_xticks([1e-3, 1e-2, 1e-1, 1, 10])
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "ftj_states", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
