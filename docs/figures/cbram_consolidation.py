"""S2.1: from short-term to long-term plasticity: the more pulses, the larger the share that stays.

Asked like this: fresh Ag/TiO2/Pt synapses, trains of 10, 30, 60, 90 and 120 pulses of 0.6 V and 1
ms every 10 ms; after the last pulse the conductance is read at 0.1 V (10 us) up to 30 s. The
retained fraction is the gain at the end over the gain just after the train.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import figure, label, present
from docs.figures.rram_sample import conductances, sample
from labctl.waveform import pulse, read, rest, train

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COUNTS = (10, 30, 60, 90, 120)
AMPLITUDE, WIDTH, PERIOD, LOOK = 0.6, 1e-3, 10e-3, 10e-6
TARGETS = {"rises": "the retained fraction grows with N: 10, 30, 60, 90, 120"}


def measure() -> dict[str, Any]:
    """Return the retained fraction for each number of pulses, and the decays."""
    times = np.geomspace(1e-4, 30.0, 40)
    gaps = [b - a for a, b in itertools.pairwise([0.0, *times])]
    fractions, decays = [], []
    for count in COUNTS:
        look = read(0.1, LOOK)
        train_ = pulse(AMPLITUDE, WIDTH, measured=False)
        waveform = look + train(train_, PERIOD, count - 1) + train_ + look
        for gap in gaps:
            waveform = waveform + rest(gap) + look
        with sample("direct-cbram") as bench:
            g = conductances(bench.play(waveform, 1e-3))
        gain = g[1:] - g[0]
        decays.append(gain)
        fractions.append(float(gain[-1] / gain[0]))
    named = {f"retained_{n}": x for n, x in zip(COUNTS, fractions, strict=True)}
    return {
        **named,
        "rises": bool(np.all(np.diff(fractions) > 0)),
        "times": np.array([LOOK, *times]),
        "decays": decays,
        "fractions": fractions,
    }


def draw(found: Any) -> Figure:
    """Draw the decays after each train, and what is left against the number of pulses."""
    made, (left, right) = figure("S2.1  Short-term to long-term plasticity, Ag/TiO2/Pt model", 1, 2)
    for count, gain in zip(COUNTS, found["decays"], strict=True):
        left.semilogx(found["times"], gain * 1e9, label=f"{count} pulses")
    label(left, "time after the train (s)", "gain of conductance (nS)", legend=True)
    right.plot(COUNTS, 100 * np.array(found["fractions"]), "o-")
    right.set_ylim(0, 100)
    label(right, "pulses", "retained after 30 s (%)")
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "cbram_consolidation", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
