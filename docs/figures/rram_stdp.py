"""S2.4: spike-timing-dependent plasticity from spikes that really overlap on two terminals.

Asked like this: both neurons give the same spike, -1.5 V for 50 ms and then +1.5 V for 50 ms, the
one before on the top terminal, the one after on the bottom; dt = t_post - t_pre. Both waveforms are
played at once, each on its terminal, and the device sees the difference. The change is that of the
lasting conductance, read 2 s after, from the same fresh cell.

One rectangle on each terminal could not give a sign: the difference of two equal rectangles is the
same staircase whichever comes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import DEPRESSION, POTENTIATION, figure, label, present
from docs.figures.rram_sample import conductances, sample
from labctl.waveform import Node, read, rest, segment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AMPLITUDE, WIDTH = 1.5, 50e-3
TARGETS = {
    "after_25_ms": "potentiation for dt > 0",
    "before_25_ms": "depression for dt < 0",
    "outside_150_ms": "nothing: the spikes do not overlap",
    "peak_ms": "50 ms: the second half of one on the first half of the other",
}


def spike(terminal: str, delay: float) -> Node:
    """Return a spike on a terminal after a delay, s."""
    negative = segment(WIDTH, {terminal: -AMPLITUDE}, role="pulse")
    positive = segment(WIDTH, {terminal: AMPLITUDE}, role="pulse")
    both = negative + positive
    return rest(delay) + both if delay > 0 else both


def change(dt: float) -> float:
    """Return the relative change of the conductance by one pair, dt in s."""
    pair = spike("top", max(-dt, 0.0)) | spike("bottom", max(dt, 0.0))
    look = read(0.1, 1e-3)
    with sample("direct-rram-array", preset="slow") as bench:
        g = conductances(bench.play(look + pair + rest(2.0) + look, 1e-3))
    return float(g[1] / g[0] - 1.0)


def measure() -> dict[str, Any]:
    """Return the change at some timings, and the window."""
    after = np.linspace(2e-3, 120e-3, 24)
    times = np.concatenate([-after[::-1], after])
    window = np.array([change(t) for t in times])
    return {
        "after_25_ms": change(25e-3),
        "before_25_ms": change(-25e-3),
        "outside_150_ms": change(150e-3),
        "peak_ms": float(times[np.argmax(window)] * 1e3),
        "times": times,
        "window": window,
    }


def draw(found: Any) -> Figure:
    """Draw the window."""
    made, (axes,) = figure("S2.4  STDP from overlapping spikes of 1.5 V and 50 ms")
    t, change_ = found["times"] * 1e3, 100 * found["window"]
    axes.plot(t[t > 0], change_[t > 0], "o-", color=POTENTIATION)
    axes.plot(t[t < 0], change_[t < 0], "o-", color=DEPRESSION)
    axes.axhline(0.0, color="0.6", lw=0.8)
    label(axes, "t(post) - t(pre) (ms)", "change of conductance (%)")
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "rram_stdp", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
