"""S4.7: the response to a train against amplitude, width, rate and number of its pulses.

Asked like this: from 200 uS, ten pulses of 1 V and 100 us at 5 Hz, one of the four changed at a
time. Peak: read just after the last pulse. Final: read ten seconds later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import CATEGORICAL, POTENTIATION, figure, label, present
from docs.figures.ftj_sample import COMPLIANCE, conductances, junction, look, peaks
from labctl.waveform import rest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CASES: dict[str, tuple[float, ...]] = {
    "amplitude": (0.6, 0.8, 1.0, 1.2, 1.4),
    "width": (25e-6, 50e-6, 100e-6, 200e-6, 400e-6),
    "rate": (1.0, 2.0, 5.0, 10.0, 20.0),
    "number": (1, 3, 10, 20, 40),
}
_UNITS = {"amplitude": "V", "width": "s", "rate": "Hz", "number": ""}
_USUAL = {"amplitude": 1.0, "width": 100e-6, "rate": 5.0, "number": 10}
TARGETS = {
    f"{name} {what}": "above 0: rises with it"
    for name in CASES
    for what in ("smallest rise of the peak", "smallest rise of the final")
}


def response(amplitude: float, width: float, rate: float, number: float) -> tuple[float, float]:
    """Return peak and final conductance, S."""
    with junction() as bench:
        peak = peaks(bench, [(k / rate, amplitude) for k in range(int(number))], width)[-1]
        final = conductances(bench.play(rest(10.0) + look(), COMPLIANCE))[-1]
    return float(peak), float(final)


def measure() -> dict[str, Any]:
    """Return the smallest relative rise from one case to the next, and the curves."""
    found: dict[str, Any] = {}
    for name, values in CASES.items():
        curve = np.array([response(**{**_USUAL, name: value}) for value in values])
        rises = np.diff(curve, axis=0) / curve[:-1]
        found[f"{name} smallest rise of the peak"] = float(rises[:, 0].min())
        found[f"{name} smallest rise of the final"] = float(rises[:, 1].min())
        found[name] = curve
    return found


def draw(found: Any) -> Figure:
    """Draw the four dependences."""
    made, four = figure("S4.7  Response to a train of 1 V, 100 µs, 5 Hz, ten pulses", 2, 2)
    for axes, (name, values) in zip(four, CASES.items(), strict=True):
        scale, unit = (1e6, "µs") if name == "width" else (1.0, _UNITS[name])
        x = np.array(values) * scale
        axes.plot(x, found[name][:, 0] * 1e6, "o-", color=POTENTIATION, label="peak")
        axes.plot(
            x, found[name][:, 1] * 1e6, "s--", color=CATEGORICAL[0], label="ten seconds later"
        )
        if name in ("rate", "width"):
            axes.set_xscale("log")
        label(axes, f"{name} ({unit})" if unit else name, "conductance (µS)")
    four[0].legend()
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "ftj_epsc", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
