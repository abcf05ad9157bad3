"""S4.5, S4.6: paired-pulse facilitation and depression against the interval.

Asked like this: facilitation from 200 uS with +1 V, depression from 500 uS with -1 V, 100 us,
sixteen intervals from 10 ms to 2 s counted from the end of the first pulse, a fresh junction for
each; index (P2 - P1) / P1, of the conductance read just after a pulse and of the current in it; a
double exponential without offset. The source prints 69 and 240 ms, 66 and 380 ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import DEPRESSION, POTENTIATION, figure, label, present
from docs.figures.ftj_sample import COMPLIANCE, LOOK, WIDTH, junction, look
from labctl.analysis import fit_decay
from labctl.waveform import pulse, rest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = {"PPF": (200e-6, 1.0, 69e-3, 240e-3), "PPD": (500e-6, -1.0, 66e-3, 380e-3)}
TARGETS = {
    f"{kind} {name}{where} (s)": f"{tau:g} s, within 5 %"
    for kind, (_, _, *taus) in KINDS.items()
    for name, tau in zip(("tau1", "tau2"), taus, strict=True)
    for where in ("", " in the pulse")
}
_INTERVALS = np.geomspace(10e-3, 2.0, 16)


def indices(
    start: float, amplitude: float, interval: float, *, cycle: bool = False, seed: int = 0
) -> tuple[float, float]:
    """Return the index of one pair, read after the pulses and in them."""
    one = pulse(amplitude, WIDTH) + look()
    with junction(start, cycle=cycle, seed=seed) as bench:
        rows = bench.play(one + rest(interval - LOOK) + one, COMPLIANCE)
    read = [row.i / row.v for row in rows if row.role == "read"]
    inside = [row.i for row in rows if row.role == "pulse"]
    return read[1] / read[0] - 1, inside[1] / inside[0] - 1


def measure(repeats: int = 0, seed: int = 0) -> dict[str, Any]:
    """Return the fitted times and the curves.

    Parameters
    ----------
    repeats
        Pairs with cycle-to-cycle variation that are averaged at each interval; 0 for one without.
    seed
        Of the variation.
    """
    found: dict[str, Any] = {"intervals": _INTERVALS}
    for kind, (start, amplitude, *_) in KINDS.items():
        draws = [
            [
                indices(
                    start, amplitude, float(t), cycle=repeats > 0, seed=1000 * seed + 50 * n + k
                )
                for n, t in enumerate(_INTERVALS)
            ]
            for k in range(max(1, repeats))
        ]
        for where, curve in zip(("", " in the pulse"), np.mean(draws, axis=0).T, strict=True):
            sigma = np.std(draws, axis=0, ddof=1)[:, 0].clip(1e-12) if repeats > 1 else None
            scale = None if sigma is None else sigma / np.sqrt(repeats)
            fit = fit_decay(_INTERVALS, curve, scale, model="double_decay")
            for name in ("tau1", "tau2"):
                found[f"{kind} {name}{where} (s)"] = fit.values[name].value
                found[f"{kind} {name}{where} interval"] = np.array(
                    [fit.values[name].low, fit.values[name].high], float
                )
            found[f"{kind} curve{where}"] = curve
            found[f"{kind} fit{where}"] = [
                fit.values[n].value for n in ("c1", "tau1", "c2", "tau2")
            ]
    return found


def draw(found: Any) -> Figure:
    """Draw both indices with their fits."""
    made, both = figure("S4.5, S4.6  Paired pulses", 1, 2)
    t = np.geomspace(8e-3, 2.2, 200)
    for axes, kind, colour in zip(both, KINDS, (POTENTIATION, DEPRESSION), strict=True):
        c1, tau1, c2, tau2 = found[f"{kind} fit"]
        axes.semilogx(t * 1e3, 100 * (c1 * np.exp(-t / tau1) + c2 * np.exp(-t / tau2)), "k-", lw=1)
        x = found["intervals"] * 1e3
        axes.plot(x, 100 * found[f"{kind} curve"], "o", color=colour, label="read after the pulse")
        inside = 100 * found[f"{kind} curve in the pulse"]
        axes.plot(x, inside, "x", color=colour, label="current in the pulse")
        title = f"{kind}: {tau1 * 1e3:.1f} ms and {tau2 * 1e3:.0f} ms"
        label(axes, "interval (ms)", "index (%)", title, legend=True)
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "ftj_pairs", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
