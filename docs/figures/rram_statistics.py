"""The statistics of a 1T1R array of HfOx cells: cycle to cycle, device to device, and forming.

Asked like this: 150 cells (another seed is another cell) are each cycled 30 times with pulses of
1.5 V and 100 ns and read at 0.1 V after each. Cycle to cycle: the root mean square over cells of a
cell's standard deviation of ln R. Device to device: the standard deviation of the cells' median
ln R. Forming: 200 pristine cells under a rising staircase of 10 us and 20 mV, until
10 uA flow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import figure, label, present
from docs.figures.rram_sample import Array, conductances, sample
from labctl.waveform import Node, Window, pulse, read, rest, segment, ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AMPLITUDE, WIDTH = 1.5, 100e-9
SOURCE = "RADAR 1T1R array, 10.1109/TED.2021.3097975"
TARGETS = {
    "lrs_median_kOhm": f"4.96 to 5.01 kOhm ({SOURCE})",
    "hrs_median_kOhm": f"74 to 101 kOhm ({SOURCE})",
    "lrs_cycle": f"0.128 to 0.132 ({SOURCE})",
    "hrs_cycle": f"0.74 to 0.79 ({SOURCE})",
    "lrs_device": f"0.10 ({SOURCE})",
    "hrs_device": f"0.88 to 1.01 ({SOURCE})",
    "forming_mean_V": f"3.155 V ({SOURCE})",
    "forming_sd_V": f"0.251 V; 0.23 to 0.29 V in other runs ({SOURCE})",
}


def cell(seed: int, turns: int) -> Array:
    """Return ln R after SET and after RESET of one cell, shape (turns, 2)."""
    look: Node = rest(1e-6) + read(0.1, 1e-5)
    high, low = (pulse(s * AMPLITUDE, WIDTH, measured=False) for s in (1, -1))
    with sample("direct-rram", cycle=True, device=True, seed=seed) as bench:
        rows = bench.play((high + look + low + look) * turns, 5e-3)
    return -np.log(conductances(rows)).reshape(turns, 2)


def forming(seed: int) -> float:
    """Return the voltage that forms a pristine cell, V."""
    step = 10e-6
    window = Window("top", 0, ticks(step), "pulse")
    with sample("direct-rram", device=True, seed=seed, formed=0.0) as bench:
        for v in np.arange(1.5, 4.6, 0.02).tolist():
            one = segment(step, {"top": v}, windows=(window,), role="pulse")
            if bench.play(one, 0.1)[0].i > 10e-6:
                return float(v)
    return float("nan")


def measure(cells: int = 150, turns: int = 30, pristine: int = 200) -> dict[str, Any]:
    """Return medians, spreads and the distribution of the forming voltage."""
    logs = np.array([cell(seed, turns) for seed in range(cells)])
    cycle = np.sqrt(logs.var(axis=1, ddof=1).mean(axis=0))
    device = np.median(logs, axis=1).std(axis=0, ddof=1)
    voltages = np.array([forming(seed) for seed in range(pristine)])
    medians = np.exp(np.median(logs, axis=(0, 1))) / 1e3
    return {
        "lrs_median_kOhm": float(medians[0]),
        "hrs_median_kOhm": float(medians[1]),
        "lrs_cycle": float(cycle[0]),
        "hrs_cycle": float(cycle[1]),
        "lrs_device": float(device[0]),
        "hrs_device": float(device[1]),
        "forming_mean_V": float(voltages.mean()),
        "forming_sd_V": float(voltages.std(ddof=1)),
        "resistances": np.exp(logs),
        "voltages": voltages,
    }


def draw(found: Any) -> Figure:
    """Draw the cumulative distributions of resistances and of forming voltages."""
    made, (left, right) = figure("HfOx 1T1R cells: resistances and forming", 1, 2)
    for k, name in enumerate(("LRS", "HRS")):
        values = np.sort(found["resistances"][:, :, k], axis=None) / 1e3
        left.semilogx(values, 100 * (np.arange(values.size) + 0.5) / values.size, label=name)
    label(left, "resistance (kOhm)", "cells and cycles below (%)", legend=True)
    voltages = np.sort(found["voltages"])
    right.plot(voltages, 100 * (np.arange(voltages.size) + 0.5) / voltages.size, "o-", ms=3)
    label(right, "forming voltage (V)", "cells below (%)")
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "rram_statistics", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
