"""S4.12: which mechanism carries the current, in the high and in the low state.

Asked like this: the high state by twenty pulses of +1.5 V, the low one by ten of -1.8 V, 100 us at
10 Hz; the current at 60 levels up to 1 V in pulses of 20 ns, in which the state stands still. Five
laws are fitted to ln I by least squares and compared by AICc. Barrier height against cycle: after
each of seven negative sweeps (1.5 V, one second), from the intercept of the thermionic fit with a
Richardson constant of 120 A/(cm K)^2 and the source's 30 x 30 um2. The source finds direct
tunnelling below 0.3 V and Fowler-Nordheim tunnelling above in the high state, thermionic emission
in the low one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import CATEGORICAL, DEPRESSION, POTENTIATION, figure, label, present
from docs.figures.ftj_hysteresis import sweep
from docs.figures.ftj_sample import COMPLIANCE, junction, peaks
from labctl.waveform import pulse, rest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from labctl.workbench import Bench

_ONSET, _LEVELS = 0.3, np.linspace(0.02, 1.0, 60)
_AREA, _RICHARDSON, _ROOM = 9e-6, 120.0, 300.0  # cm2, A/(cm K)^2, K
_THERMAL = 8.617333262e-5 * _ROOM  # kT/q, V
TARGETS = {
    "high, below 0.3 V": "direct tunnelling",
    "high, above 0.3 V": "Fowler-Nordheim",
    "low, above 0.3 V": "thermionic emission",
    "barrier after cycle 1 (eV)": "the source draws it against the cycle; no number at hand",
    "barrier after cycle 7 (eV)": "higher: each negative sweep lowers the current",
}

#: law -> columns of the straight fit to ln I (Fowler-Nordheim and the rest), or to I / V
LAWS: dict[str, Callable[[Any], Any]] = {
    "ohmic": lambda v: (np.log(v), [np.ones_like(v)]),
    "space charge": lambda v: (2 * np.log(v), [np.ones_like(v)]),
    "Fowler-Nordheim": lambda v: (2 * np.log(v), [np.ones_like(v), 1 / v]),
    "thermionic emission": lambda v: (0 * v, [np.ones_like(v), np.sqrt(v)]),
    "Poole-Frenkel": lambda v: (np.log(v), [np.ones_like(v), np.sqrt(v)]),
}


def currents(bench: Bench) -> Any:
    """Return the current at every level, A, without moving the state."""
    waveform = rest(1e-6)
    for level in _LEVELS:
        waveform = waveform + pulse(float(level), 20e-9) + rest(1e-7)
    return np.array([row.i for row in bench.play(waveform, COMPLIANCE)])


def fitted(law: str, v: Any, i: Any) -> tuple[float, Any]:
    """Return AICc of a law, and its coefficients."""
    if law == "direct tunnelling":  # I = a V + b V^3, its residual again that of ln I
        columns = np.column_stack([v / i, v**3 / i])
        found = np.linalg.lstsq(columns, np.ones_like(v), rcond=None)[0]
        left = np.log(columns @ found)
    else:
        known, parts = LAWS[law](v)
        columns = np.column_stack(parts)
        found = np.linalg.lstsq(columns, np.log(i) - known, rcond=None)[0]
        left = np.log(i) - known - columns @ found
    n, k = len(v), len(found) + 1
    square = max(float(left @ left) / n, 1e-12)  # what no meter resolves
    return n * math.log(square) + 2 * k + 2 * k * (k + 1) / (n - k - 1), found


def best(v: Any, i: Any) -> str:
    """Return the law that describes a curve best."""
    return min(("direct tunnelling", *LAWS), key=lambda law: fitted(law, v, i)[0])


def barrier(i: Any) -> float:
    """Return the height of the barrier from the thermionic fit above 0.3 V, eV."""
    above = _LEVELS > _ONSET
    _, (intercept, _) = fitted("thermionic emission", _LEVELS[above], i[above])
    return _THERMAL * (math.log(_AREA * _RICHARDSON * _ROOM**2) - float(intercept))


def measure() -> dict[str, Any]:
    """Return the mechanisms found, the Fowler-Nordheim slope, and the barriers by cycle."""
    with junction() as bench:
        peaks(bench, [(0.1 * k, 1.5) for k in range(20)])
        high = currents(bench)
    with junction() as bench:
        peaks(bench, [(0.1 * k, -1.8) for k in range(10)])
        low = currents(bench)
    with junction(500e-6) as bench:
        heights = []
        for _ in range(7):
            bench.play(sweep(-1.5, 1.0), COMPLIANCE)
            heights.append(barrier(currents(bench)))
    below, above = _LEVELS <= _ONSET, _LEVELS > _ONSET
    slope = -float(fitted("Fowler-Nordheim", _LEVELS[above], high[above])[1][1])
    return {
        "high, below 0.3 V": best(_LEVELS[below], high[below]),
        "high, above 0.3 V": best(_LEVELS[above], high[above]),
        "low, above 0.3 V": best(_LEVELS[above], low[above]),
        "Fowler-Nordheim slope (V)": slope,
        "barrier after cycle 1 (eV)": heights[0],
        "barrier after cycle 7 (eV)": heights[-1],
        "barriers": np.array(heights),
        "high": high,
        "low": low,
    }


def draw(found: Any) -> Figure:
    """Draw each state in the coordinates of its law, and the barrier by cycle."""
    made, (tunnel, emission, cycles) = figure("S4.12  Conduction mechanisms", 1, 3)
    above = _LEVELS > _ONSET
    v = _LEVELS
    tunnel.plot(1 / v[v > 0.15], np.log(found["high"] / v**2)[v > 0.15], "o", color=POTENTIATION)
    _, (a, b) = fitted("Fowler-Nordheim", v[above], found["high"][above])
    _, (c, d) = fitted("direct tunnelling", v[~above], found["high"][~above])
    x = np.linspace(1, 1 / _ONSET, 50)
    tunnel.plot(x, a + b * x, "k-", lw=1, label="Fowler-Nordheim")
    x = np.linspace(1 / _ONSET, 6.5, 50)
    tunnel.plot(x, np.log(c * x + d / x), "--", color=CATEGORICAL[0], label="direct tunnelling")
    label(tunnel, "1 / V (1/V)", "ln(I / V²), I in A", "high state", legend=True)
    emission.plot(np.sqrt(v), np.log(found["low"]), "s", color=DEPRESSION)
    _, (a, b) = fitted("thermionic emission", v[above], found["low"][above])
    x = np.linspace(math.sqrt(_ONSET), 1, 50)
    emission.plot(x, a + b * x, "k-", lw=1, label="thermionic emission")
    label(emission, "√V (√V)", "ln I, I in A", "low state", legend=True)
    cycles.plot(np.arange(1, 8), found["barriers"], "o-", color=DEPRESSION)
    label(cycles, "negative sweep", "barrier height (eV)", "from the thermionic fit")
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "ftj_conduction", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
