"""S2.6: five levels over a range of 50 in an HfAlOx cell, and the energy of a pulse.

Asked like this, with variation from cycle to cycle: SET at 2.02 V, then RESET by one pulse of 50 ns
whose amplitude makes the level, read at 0.1 V; 60 times for each of five levels spaced evenly in
the logarithm. A level is told from the next where their means are more than twice the sum of
their standard deviations apart, in ln R. Energies are those of the whole pulses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import figure, label, present
from docs.figures.rram_sample import Array, conductances, energy, sample, whole_pulse
from labctl.waveform import pulse, read, rest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEVELS, RANGE, WIDTH, SET = 5, 50.0, 50e-9, 2.02
LOWEST, BEGIN, SLOPE = 100e3, -7.08e6, 5.95e6  # Ohm, Ohm and Ohm/V of the preset's law of RESET
TARGETS = {
    "levels": "5 (10.1002/inf2.12158, in the table of Xia et al. 2025)",
    "range": "50",
    "amplitude_last_V": "2.03 V",
    "energy_set_pJ": "often pJ (filamentary RRAM)",
    "energy_reset_pJ": "often pJ (filamentary RRAM)",
}


def amplitude(resistance: float) -> float:
    """Return the amplitude of RESET that ends at a resistance, V."""
    return (resistance - BEGIN) / SLOPE


def cycles(level: float, turns: int, seed: int) -> tuple[Array, Array]:
    """Return ln R after RESET, and the energies of SET and RESET (turns, 2)."""
    one = (
        whole_pulse(SET, WIDTH) + rest(1e-6) + whole_pulse(-amplitude(level), WIDTH)
        + rest(1e-6) + read(0.1, 1e-5)
    )  # fmt: skip
    with sample("direct-rram", preset="hfalox", resistance=LOWEST, cycle=True, seed=seed) as bench:
        bench.play(pulse(SET, WIDTH, measured=False), 5e-3)
        rows = bench.play(one * turns, 5e-3)
    return -np.log(conductances(rows)), energy(rows).reshape(turns, 2)


def measure(turns: int = 60) -> dict[str, Any]:
    """Return levels told apart, their range, and energies."""
    wanted = LOWEST * RANGE ** (np.arange(LEVELS) / (LEVELS - 1))
    found = [cycles(float(r), turns, k) for k, r in enumerate(wanted)]
    logs = [x for x, _ in found]
    means, widths = np.array([x.mean() for x in logs]), np.array([x.std(ddof=1) for x in logs])
    apart = np.diff(means) > 2 * (widths[1:] + widths[:-1])
    return {
        "levels": 1 + int(apart.sum()),
        "range": float(np.exp(means[-1] - means[0])),
        "amplitude_last_V": amplitude(float(wanted[-1])),
        "energy_set_pJ": float(np.mean([e[:, 0].mean() for _, e in found[1:]]) * 1e12),
        "energy_reset_pJ": float(np.mean([e[:, 1].mean() for _, e in found[1:]]) * 1e12),
        "resistances": [np.exp(x) for x in logs],
    }


def draw(found: Any) -> Figure:
    """Draw the cumulative distributions of the levels."""
    made, (axes,) = figure("S2.6  Five levels of an HfAlOx cell, one RESET pulse of 50 ns each")
    for values in found["resistances"]:
        shares = 100 * (np.arange(values.size) + 0.5) / values.size
        axes.semilogx(np.sort(values) / 1e3, shares, "o-", ms=3)
    label(axes, "resistance (kOhm)", "cycles below (%)")
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "rram_levels", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
