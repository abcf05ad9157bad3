"""S4.2: potentiation and depression by trains of equal pulses, and their variation.

Asked like this: cycles of 25 x +1 V and 25 x -1.5 V, 100 us at 3.33 Hz, from 200 uS, read just
after each pulse. C2C: relative standard deviation of the conductance over the cycles, after five of
them, mean over the 50 places of the cycle. D2D: the same over devices, in the third cycle. The
source states bounds of 1.21 % and 1.93 %, and not how they were taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import DEPRESSION, POTENTIATION, figure, label, present
from docs.figures.ftj_sample import COMPLIANCE, conductances, junction, look
from labctl.waveform import Node, pulse, train

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_UP, _DOWN, _COUNT, _PERIOD, _WIDTH = 1.0, -1.5, 25, 0.3, 100e-6
TARGETS = {
    "C2C": "0.0121 of the conductance",
    "D2D": "0.0193 of the conductance",
    "smallest step up": "above 0: gradual and consecutive",
    "smallest step down": "above 0",
}


def cycle() -> Node:
    """Return one cycle."""
    halves = [
        train(pulse(level, _WIDTH, measured=False) + look(), _PERIOD, _COUNT)
        for level in (_UP, _DOWN)
    ]
    return halves[0] + halves[1]


def cycles(count: int, *, varied: str = "", seed: int = 0) -> Any:
    """Return the conductances of one device, shape (cycles, 50), S."""
    with junction(cycle=varied == "cycle", device=varied == "device", seed=seed) as bench:
        rows = bench.play(cycle() * count, COMPLIANCE)
    return conductances(rows).reshape(count, -1)


def measure(turns: int = 60, devices: int = 60) -> dict[str, Any]:
    """Return the variations and the course of one cycle."""
    plain = cycles(3)[-1]
    again = cycles(turns + 5, varied="cycle", seed=1)[5:]
    others = np.array([cycles(3, varied="device", seed=k)[-1] for k in range(devices)])
    return {
        "C2C": float((again.std(axis=0, ddof=1) / again.mean(axis=0)).mean()),
        "D2D": float((others.std(axis=0, ddof=1) / others.mean(axis=0)).mean()),
        "smallest step up": float(np.diff(np.log(plain[:_COUNT])).min()),
        "smallest step down": float(-np.diff(np.log(plain[_COUNT:])).max()),
        "again": again,
        "others": others,
    }


def draw(found: Any) -> Figure:
    """Draw the cycles over each other."""
    made, both = figure("S4.2  Potentiation and depression by equal pulses", 1, 2)
    number = np.arange(1, 2 * _COUNT + 1)
    for axes, name, title in (
        (both[0], "again", f"cycle to cycle: {found['C2C']:.2%}"),
        (both[1], "others", f"device to device: {found['D2D']:.2%}"),
    ):
        for row in found[name]:
            axes.semilogy(
                number[:_COUNT], row[:_COUNT] * 1e6, color=POTENTIATION, lw=0.5, alpha=0.4
            )
            axes.semilogy(number[_COUNT:], row[_COUNT:] * 1e6, color=DEPRESSION, lw=0.5, alpha=0.4)
        label(axes, "pulse (25 x +1 V, 25 x -1.5 V)", "conductance (µS)", title)
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "ftj_updates", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
