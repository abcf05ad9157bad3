"""S2.13: drift of a phase-change cell, against state and temperature: little at 12 K.

Asked like this of the nominal 28 nm ePCM cell: five states from HRS to LRS, each left alone and
read at 0.1 V from 0.9 ms to 30 s, at 300, 77 and 12 K. The exponent is the slope of ln R against ln
t, t counted from the end of the pulse (the 0.9 ms of the first read included), with its standard
error.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import figure, label, present
from docs.figures.rram_sample import Array, conductances, sample
from labctl.waveform import Node, read, rest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPERATURES = (300.0, 77.0, 12.0)
STATES = (0.005, 0.02, 0.08, 0.3, 1.0)
FIRST, LAST, LOOK = 0.9e-3, 30.0, 1e-5
SOURCE = "10.1038/s44335-024-00008-y"
TARGETS = {
    "nu_300_high": f"0.09 in HRS ({SOURCE})",
    "nu_300_low": f"0.03 in LRS ({SOURCE})",
    "nu_77_high": f"at most 0.044 ({SOURCE})",
    "nu_12_high": f"at most 0.041 ({SOURCE})",
    "nu_12_low": f"0.0005 ({SOURCE})",
}


def drift(state: float, temperature: float) -> tuple[Array, Array]:
    """Return times since the pulse, s, and resistances, Ohm."""
    times = np.geomspace(FIRST, LAST, 40)
    waveform: Node = rest(FIRST)
    for gap in (b - a for a, b in itertools.pairwise([FIRST, *times])):
        waveform = waveform + rest(max(gap - LOOK, LOOK)) + read(0.1, LOOK)
    with sample("direct-pcm", preset="epcm", crystalline=state, temperature=temperature) as bench:
        rows = bench.play(waveform, 1e-3)
    return np.array([row.t for row in rows]), 1 / conductances(rows)


def exponent(times: Array, resistances: Array) -> tuple[float, float]:
    """Return the exponent of a power law and its standard error."""
    fitted, covariance = np.polyfit(np.log(times + FIRST), np.log(resistances), 1, cov=True)
    return float(fitted[0]), float(np.sqrt(covariance[0, 0]))


def measure() -> dict[str, Any]:
    """Return the exponents of all states at all temperatures, and the curves."""
    curves = {t: [drift(s, t) for s in STATES] for t in TEMPERATURES}
    fits = {t: [exponent(*curve) for curve in found] for t, found in curves.items()}
    named: dict[str, Any] = {}
    for t, found in fits.items():
        named[f"nu_{t:.0f}_high"], named[f"error_{t:.0f}_high"] = found[0]
        named[f"nu_{t:.0f}_low"], named[f"error_{t:.0f}_low"] = found[-1]
    return {**named, "curves": list(curves.values()), "fits": list(fits.values())}


def draw(found: Any) -> Figure:
    """Draw the drift of HRS, and the exponents against temperature."""
    made, (left, right) = figure("S2.13  Drift of a phase-change cell (28 nm ePCM model)", 1, 2)
    for temperature, curves in zip(TEMPERATURES, found["curves"], strict=True):
        times, resistances = curves[0]
        left.semilogx(times + FIRST, resistances / resistances[0], label=f"{temperature:.0f} K")
    label(left, "time since the pulse (s)", "R / R(first), HRS", legend=True)
    for k, state in enumerate(STATES):
        nu = [fits[k][0] for fits in found["fits"]]
        right.plot(TEMPERATURES, nu, "o-", label=f"crystalline {state:g}")
    label(right, "temperature (K)", "drift exponent", legend=True)
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "pcm_drift", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
