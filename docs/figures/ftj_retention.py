"""Ten years of rest: what becomes of the states of S4.4. An assumption, not a figure of the source.

Asked like this: ten pulses as in S4.4, then rest with reads of 10 us, five to the decade, up to ten
years, at 300 K and at 358 K.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import CATEGORICAL, figure, label, present
from docs.figures.ftj_sample import COMPLIANCE, LOOK, conductances, junction, look, peaks
from docs.figures.ftj_states import START, STATES
from labctl.waveform import rest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEN_YEARS = 10 * 31557600.0  # s
TARGETS = {
    "window after 1 min": "highest over lowest state; no target",
    "window after ten years": "above 1 at 300 K; no target",
}
_TEMPERATURES = (300.0, 358.0)


def measure() -> dict[str, Any]:
    """Return the window at the beginning and at the end, and the courses."""
    times = np.geomspace(1e-2, TEN_YEARS, 50)
    found: dict[str, Any] = {"times": times}
    for temperature in _TEMPERATURES:
        for amplitude in STATES:
            with junction(START, temperature=temperature) as bench:
                peaks(bench, [(0.3 * k, amplitude) for k in range(10)])
                waveform = rest(float(times[0])) + look()
                for gap in np.diff(times):
                    waveform = waveform + rest(float(gap) - LOOK) + look()
                found[f"{amplitude:+} V, {temperature:g} K"] = conductances(
                    bench.play(waveform, COMPLIANCE)
                )
    high, low = found["+1.5 V, 300 K"], found["-1.8 V, 300 K"]
    minute = int(np.searchsorted(times, 60.0))
    found["window after 1 min"] = float(high[minute] / low[minute])
    found["window after ten years"] = float(high[-1] / low[-1])
    return found


def draw(found: Any) -> Figure:
    """Draw all states at both temperatures."""
    made, both = figure("Retention of four states (assumed, not from the source)", 1, 2)
    for axes, temperature in zip(both, _TEMPERATURES, strict=True):
        for amplitude, colour in zip(STATES, CATEGORICAL, strict=True):
            after = found[f"{amplitude:+} V, {temperature:g} K"] * 1e6
            axes.loglog(found["times"], after, color=colour, label=f"10 x {amplitude:+} V")
        axes.axvline(TEN_YEARS, color="#808080", lw=0.8, ls=":")
        axes.set_ylim(100, 2000)
        ticks = [100, 200, 500, 1000, 2000]
        axes.set_yticks(ticks, [str(t) for t in ticks])
        axes.minorticks_off()
        label(axes, "time (s), dotted: ten years", "conductance (µS)", f"{temperature:g} K")
    both[0].legend(loc="lower left", ncols=2)
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "ftj_retention", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
