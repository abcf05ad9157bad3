"""S2.6: levels and range of phase-change cells: 8 over 200 and 5 over 13, and the energy of pulses.

Asked like this, of one nominal cell with its variation from cycle to cycle: the levels are spaced
evenly in conductance from RESET to SET. Each is written as such cells are, by pulses and looks:
RESET, then partial SET pulses whose width the average curve suggests, until the conductance read 20
s later is within a fifth of a level's spacing; beyond that RESET anew. A level is told from the
next where the means of the writes are more than twice the sum of their standard deviations apart.
The range is the highest level over the lowest. Energies are those of one SET and one RESET pulse of
50 ns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import figure, label, present
from docs.figures.rram_sample import Array, conductances, energy, sample, whole_pulse
from labctl.waveform import read, rest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from labctl.workbench import Bench

#: preset -> levels, range, SET and RESET amplitude, V
CELLS = {"gst": (8, 200.0, 1.2, 1.9), "gst-13": (5, 13.0, 2.0, 3.5)}
WIDTH, TOP, WAIT = 50e-9, 25e-6, 20.0
MOST_RESETS, MOST_PULSES = 30, 40
TARGETS = {
    "levels_gst": "8 (Ge2Sb2Te5, table of Xia et al. 2025)",
    "range_gst": "200",
    "levels_gst-13": "5 (10.1007/s40843-022-2028-7)",
    "range_gst-13": "about 13",
    "energy_set_pJ": "tens of pJ for the family; 0.675 pJ (10.1021/nl201040y)",
    "energy_reset_pJ": "tens of pJ for the family; 50 pJ (10.1021/nl201040y)",
}


def give(bench: Bench, amplitude: float, width: float) -> float:
    """Give a pulse and return the conductance 20 s later, S."""
    waveform = whole_pulse(amplitude, width) + rest(WAIT) + read(0.1, 1e-4)
    return float(conductances(bench.play(waveform, 1e-2))[0])


def write(bench: Bench, wanted: float, within: float, voltages: tuple[float, float]) -> float:
    """Write a level and return what is read at last, S."""
    seen = 0.0
    for _ in range(MOST_RESETS):
        seen = give(bench, voltages[1], WIDTH)
        for _ in range(MOST_PULSES):
            if seen > wanted - within:
                break
            # what a reference pulse moves on average, as a share of the range
            step = 0.005 * (1.0 + 27.2 * float(np.exp(-5.0 * seen / TOP)))
            pulses = 0.5 * (wanted - seen) / TOP / step
            width = WIDTH * float(np.clip(pulses, 0.02, 100.0))
            seen = give(bench, voltages[0], width)
        if seen < wanted + within:
            break
    return seen


def levels(preset: str, repeats: int) -> Array:
    """Return what is read of every level, S, shape (levels, repeats)."""
    count, span, high, low = CELLS[preset]
    wanted = np.linspace(TOP / span, TOP, count)
    within = np.full(count, (wanted[1] - wanted[0]) / 5)
    within[0] = 0.1 * wanted[0]
    found = []
    with sample("direct-pcm", preset=preset, cycle=True, seed=2) as bench:
        for level, margin in zip(wanted, within, strict=True):
            reads = [write(bench, level, margin, (high, low)) for _ in range(repeats)]
            found.append(reads)
    return np.array(found)


def told_apart(found: Array) -> int:
    """Return how many levels are told from the next one."""
    means, widths = found.mean(axis=1), found.std(axis=1, ddof=1)
    return 1 + int(np.sum(np.diff(means) > 2 * (widths[1:] + widths[:-1])))


def measure(repeats: int = 15) -> dict[str, Any]:
    """Return levels, ranges and energies."""
    named: dict[str, Any] = {}
    for preset in CELLS:
        written = levels(preset, repeats)
        named[f"levels_{preset}"] = told_apart(written)
        named[f"range_{preset}"] = float(np.median(written[-1]) / np.median(written[0]))
        named[f"written_{preset}"] = written
    with sample("direct-pcm") as bench:
        pulses = whole_pulse(1.2, WIDTH) + rest(1.0) + whole_pulse(1.9, WIDTH)
        spent = energy(bench.play(pulses, 1e-2)) * 1e12
    return {**named, "energy_set_pJ": float(spent[0]), "energy_reset_pJ": float(spent[1])}


def draw(found: Any) -> Figure:
    """Draw the cumulative distributions of the levels."""
    made, axes = figure("S2.6  Levels of phase-change cells, written by pulses and looks", 1, 2)
    for panel, preset in zip(axes, CELLS, strict=True):
        for values in found[f"written_{preset}"]:
            shares = 100 * (np.arange(values.size) + 0.5) / values.size
            panel.plot(np.sort(values) * 1e6, shares, "o-", ms=3)
        label(panel, "conductance after 20 s (µS)", "writes below (%)", f"preset {preset}")
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "pcm_levels", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
