"""S4.14: the sixteen rows of four pixels as states of one device (not fitted).

Asked like this: four slots of 20 ms, a pulse of 1 V and 1 ms in a slot for a black pixel, from
200 uS; the state is read at the end of the last slot. A reservoir needs them apart.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import POTENTIATION, figure, label, present
from docs.figures.ftj_sample import COMPLIANCE, conductances, junction, look
from labctl.waveform import pulse, rest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS = list(itertools.product((0, 1), repeat=4))
TARGETS = {"states": "16: all rows apart", "smallest gap": "above 0 (relative)"}
_SLOT, _WIDTH = 20e-3, 1e-3


def state(row: tuple[int, ...]) -> float:
    """Return the conductance that a row of pixels leaves, S."""
    waveform = None
    for pixel in row:
        slot = pulse(1.0, _WIDTH, measured=False) + rest(_SLOT - _WIDTH) if pixel else rest(_SLOT)
        waveform = slot if waveform is None else waveform + slot
    assert waveform is not None
    with junction() as bench:
        return float(conductances(bench.play(waveform + look(), COMPLIANCE))[-1])


def measure() -> dict[str, Any]:
    """Return how many states there are and the smallest relative gap between two."""
    found = np.array([state(row) for row in ROWS])
    gaps = np.diff(np.sort(found)) / np.sort(found)[:-1]
    return {
        "states": int(np.sum(gaps > 1e-3) + 1),
        "smallest gap": float(gaps.min()),
        "conductances": found,
    }


def draw(found: Any) -> Figure:
    """Draw the sixteen states."""
    made, (axes,) = figure("S4.14  Four-pixel rows as states of one device")
    order = np.argsort(found["conductances"])
    axes.stem(np.arange(16), found["conductances"][order] * 1e6, linefmt="#808080", basefmt=" ",
              markerfmt="o")  # fmt: skip
    axes.plot(np.arange(16), found["conductances"][order] * 1e6, "o", color=POTENTIATION)
    names = ["".join(map(str, ROWS[k])) for k in order]
    axes.set_xticks(np.arange(16), names, rotation=90, family="DejaVu Sans Mono")
    axes.set_ylim(bottom=150)
    label(axes, "row of pixels (1: pulse)", "conductance at the end (µS)")
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "ftj_reservoir", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
