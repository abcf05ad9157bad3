"""S4.8: the same rate depresses or potentiates, by what came before.

Asked like this: from 200 uS, +1 V, 100 us, 40 pulses at 20 Hz, 30 at 1 Hz, 8 at 0.25 Hz, 30 at
1 Hz, without a pause; the change of an epoch is last peak against last peak of the one before.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import CATEGORICAL, DEPRESSION, POTENTIATION, figure, label, present
from docs.figures.ftj_sample import Event, junction, peaks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

START = 200e-6
EPOCHS = ((20.0, 40), (1.0, 30), (0.25, 8), (1.0, 30))
NAMES = ("20 Hz", "first 1 Hz", "0.25 Hz", "second 1 Hz")
TARGETS = dict(zip(NAMES, ("above 0", "below 0", "about 0: within 0.02", "above 0"), strict=True))


def measure(*, cycle: bool = False, seed: int = 0) -> dict[str, Any]:
    """Return the relative change of each epoch, and the peaks."""
    events: list[Event] = []
    when, ends = 0.0, []
    for rate, count in EPOCHS:
        for _ in range(count):
            when += 1 / rate if events else 0.0
            events.append((when, 1.0))
        ends.append(len(events) - 1)
    with junction(START, cycle=cycle, seed=seed) as bench:
        found = peaks(bench, events)
    lasts = [START, *(float(found[k]) for k in ends)]
    changes = [b / a - 1 for a, b in itertools.pairwise(lasts)]
    return {
        **dict(zip(NAMES, changes, strict=True)),
        "times": np.array([t for t, _ in events]),
        "peaks": found,
        "ends": ends,
    }


def draw(found: Any) -> Figure:
    """Draw the peaks of all epochs against their number."""
    made, (axes,) = figure("S4.8  History adaptation: peaks of four epochs of +1 V, 100 µs")
    colours = (POTENTIATION, DEPRESSION, CATEGORICAL[0], CATEGORICAL[1])
    begin = 0
    for end, name, colour in zip(found["ends"], NAMES, colours, strict=True):
        number = np.arange(begin, end + 1)
        shown = f"{name}: {found[name]:+.1%}"
        axes.plot(number + 1, found["peaks"][begin : end + 1] * 1e6, "o", color=colour, label=shown)
        begin = end + 1
    label(axes, "pulse", "conductance after the pulse (µS)", legend=True)
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "ftj_history", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
