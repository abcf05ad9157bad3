"""S4.13: activation energies of the two relaxations.

Asked like this: one pulse of +1 V from 200 uS, or of -1 V from 500 uS, at 270 to 305 K; ln G read
120 times over twice the time in which the change has fallen to a tenth; an offset and two
exponentials; Arrhenius lines through both times. The source prints 0.23 eV (polarisation switching
back) and 0.70 eV (oxygen vacancies diffusing back).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import DEPRESSION, POTENTIATION, figure, label, present
from docs.figures.ftj_sample import COMPLIANCE, LOOK, conductances, junction, look, peaks
from labctl.analysis import fit_decay
from labctl.waveform import rest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPERATURES = np.array([270.0, 280.0, 290.0, 305.0])
CASES = {"+1 V": (200e-6, 1.0), "-1 V": (500e-6, -1.0)}
TARGETS = {
    f"{name} after {case} (eV)": f"{energy} eV"
    for case in CASES
    for name, energy in (("fast", "0.23"), ("slow", "0.70"))
}
_BOLTZMANN = 8.617333262e-5  # eV/K


def trace(start: float, amplitude: float, temperature: float, times: Any) -> Any:
    """Return ln G at times after one pulse."""
    with junction(start, temperature=temperature) as bench:
        first = peaks(bench, [(0.0, amplitude)])
        waveform, now = rest(1e-6), LOOK + 1e-6
        for time in times:
            waveform = waveform + rest(max(1e-6, float(time) - now)) + look()
            now = max(now + 1e-6, float(time)) + LOOK
        rows = bench.play(waveform, COMPLIANCE)
    return np.log(np.append(first, conductances(rows)))


def relaxation(start: float, amplitude: float, temperature: float) -> tuple[float, float]:
    """Return the two relaxation times, s."""
    coarse = np.append(np.geomspace(1e-3, 50.0, 60), 1e4)
    log_g = trace(start, amplitude, temperature, coarse)
    left = (log_g[1:] - log_g[-1]) / (log_g[0] - log_g[-1])
    tenth = float(np.interp(-0.1, -left, coarse))
    times = np.linspace(2 * tenth / 120, 2 * tenth, 120)
    fit = fit_decay(times, trace(start, amplitude, temperature, times)[1:], model="double_decay",
                    baseline="free")  # fmt: skip
    return fit.values["tau1"].value, fit.values["tau2"].value


def measure() -> dict[str, Any]:
    """Return the activation energies and the times they come from."""
    found: dict[str, Any] = {}
    inverse = 1 / (_BOLTZMANN * TEMPERATURES)
    for case, (start, amplitude) in CASES.items():
        times = np.array([relaxation(start, amplitude, float(t)) for t in TEMPERATURES])
        for k, name in enumerate(("fast", "slow")):
            energy = np.polyfit(inverse, np.log(times[:, k]), 1)[0]
            found[f"{name} after {case} (eV)"] = float(energy)
        found[f"times after {case}"] = times
    return found


def draw(found: Any) -> Figure:
    """Draw the Arrhenius lines."""
    made, both = figure("S4.13  Relaxation against temperature", 1, 2)
    x = 1e3 / TEMPERATURES
    for axes, case, colour in zip(both, CASES, (POTENTIATION, DEPRESSION), strict=True):
        for k, (name, marker) in enumerate((("fast", "o"), ("slow", "s"))):
            times = found[f"times after {case}"][:, k]
            energy = found[f"{name} after {case} (eV)"]
            slope = np.polyfit(x, np.log(times), 1)
            axes.semilogy(x, times, marker, color=colour, label=f"{name}: {energy:.3f} eV")
            axes.semilogy(x, np.exp(np.polyval(slope, x)), "k-", lw=1)
        label(axes, "1000 / T (1/K)", "time constant (s)", f"after {case}", legend=True)
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "ftj_arrhenius", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
