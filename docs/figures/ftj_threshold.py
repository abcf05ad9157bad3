"""S4.9: the rate that divides depression from potentiation slides with the rate before.

Asked like this: from 200 uS, ten pulses of +1 V and 100 us at 2 or 20 Hz, then five at 0.2 to
10 Hz, the first of them one period after the train; change = last posterior against last prior
peak. The threshold is where it passes zero upwards (straight in the logarithm of the rate).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import DEPRESSION, POTENTIATION, figure, label, present
from docs.figures.ftj_sample import junction, peaks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRIORS = (2.0, 20.0)
TARGETS = {
    "threshold after 2 Hz (Hz)": "inside 0.2 to 10 Hz",
    "threshold after 20 Hz (Hz)": "inside 0.2 to 10 Hz, and higher",
}
RATES = np.geomspace(0.2, 10.0, 25)


def change(prior: float, rate: float, *, cycle: bool = False, seed: int = 0) -> float:
    """Return the relative change of the peak."""
    events = [(k / prior, 1.0) for k in range(10)]
    begin = events[-1][0]
    events += [(begin + (k + 1) / rate, 1.0) for k in range(5)]
    with junction(cycle=cycle, seed=seed) as bench:
        found = peaks(bench, events)
    return float(found[-1] / found[9] - 1)


def upward(rates: Any, curve: Any) -> float:
    """Return the last rate at which a curve passes zero upwards, Hz; not a number for none."""
    where = np.flatnonzero((curve[:-1] < 0) & (curve[1:] >= 0))
    if not len(where):
        return float("nan")
    k = int(where[-1])
    share = curve[k] / (curve[k] - curve[k + 1])
    return float(rates[k] * (rates[k + 1] / rates[k]) ** share)


def measure(*, cycle: bool = False, seed: int = 0) -> dict[str, Any]:
    """Return both thresholds and the curves."""
    found: dict[str, Any] = {}
    for prior in PRIORS:
        curve = np.array([change(prior, float(rate), cycle=cycle, seed=seed) for rate in RATES])
        found[f"threshold after {prior:g} Hz (Hz)"] = upward(RATES, curve)
        found[f"curve after {prior:g} Hz"] = curve
    return found


def draw(found: Any) -> Figure:
    """Draw both curves."""
    made, (axes,) = figure("S4.9  Sliding threshold")
    for prior, colour, marker in zip(PRIORS, (POTENTIATION, DEPRESSION), "os", strict=True):
        at = found[f"threshold after {prior:g} Hz (Hz)"]
        text = f"after {prior:g} Hz: threshold {at:.2f} Hz"
        curve = 100 * found[f"curve after {prior:g} Hz"]
        axes.semilogx(RATES, curve, f"{marker}-", color=colour, label=text)
        axes.plot(at, 0, "|", color=colour, ms=16, mew=2)
    axes.axhline(0, color="#808080", lw=0.8)
    label(axes, "posterior rate (Hz)", "change of the peak (%)", legend=True)
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "ftj_threshold", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
