"""S2.3: the current after one pulse of 0.6 V decays as a stretched exponential.

Asked like this: a fresh Ag/TiO2/Pt synapse, one pulse of 0.6 V and 1 ms, then reads at 0.1 V (10
us) from 1 ms to 1 s. Fitted: G(t) = c exp(-(t / tau)^beta) + baseline, all four free, equal
weights.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import figure, label, present
from docs.figures.rram_sample import conductances, energy, sample, whole_pulse
from labctl.waveform import Node, read, rest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AMPLITUDE, WIDTH, LOOK = 0.6, 1e-3, 10e-6
TARGETS = {
    "beta": "stretched: below 1 (0.7 in the preset)",
    "tau_ms": "60 ms in the preset, times exp(0.5 x) of the filament",
    "energy_pJ": "3.76 pJ per spike (10.1021/acsami.3c02727)",
}


def stretched(t: Any, c: float, tau: float, beta: float, baseline: float) -> Any:
    """Return c exp(-(t / tau)^beta) + baseline."""
    return c * np.exp(-((np.asarray(t) / tau) ** beta)) + baseline


def measure(*, cycle: bool = False, seed: int = 0) -> dict[str, Any]:
    """Return time constant and exponent with their standard errors, and the decay."""
    from scipy.optimize import curve_fit

    times = np.geomspace(1e-3, 1.0, 60)
    waveform: Node = whole_pulse(AMPLITUDE, WIDTH)
    for gap in (b - a - LOOK for a, b in itertools.pairwise([-LOOK, *times])):
        waveform = waveform + rest(max(gap, LOOK)) + read(0.1, LOOK)
    with sample("direct-cbram", cycle=cycle, seed=seed) as bench:
        rows = bench.play(waveform, 1e-3)
    g = conductances(rows)
    guess = (g[0] - g[-1], 0.05, 0.8, g[-1])
    fitted, covariance = curve_fit(
        stretched, times, g * 1e9, p0=np.multiply(guess, (1e9, 1, 1, 1e9))
    )
    errors = np.sqrt(np.diag(covariance))
    return {
        "tau_ms": float(fitted[1] * 1e3),
        "tau_error_ms": float(errors[1] * 1e3),
        "beta": float(fitted[2]),
        "beta_error": float(errors[2]),
        "energy_pJ": float(energy(rows)[0] * 1e12),
        "times": times,
        "g": g,
        "fit": stretched(times, *fitted) * 1e-9,
    }


def draw(found: Any) -> Figure:
    """Draw the decay and its fit."""
    made, (axes,) = figure("S2.3  Decay after one pulse of 0.6 V, Ag/TiO2/Pt model")
    axes.semilogx(found["times"] * 1e3, found["g"] * 1e9, "o", label="reads at 0.1 V")
    shown = f"stretched: {found['tau_ms']:.1f} ms, exponent {found['beta']:.2f}"
    axes.semilogx(found["times"] * 1e3, found["fit"] * 1e9, label=shown)
    label(axes, "time after the pulse (ms)", "conductance (nS)", legend=True)
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "cbram_epsc", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
