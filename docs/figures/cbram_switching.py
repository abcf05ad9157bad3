"""A volatile filament of C/HfO2/Ag: when it switches, and how long it stays.

Asked like this, of one device and with its variation from cycle to cycle: the voltage at which half
of the pulses of a width switch, from a row of voltages (100 pulses each, 100 s apart; switched is
what carries more than 0.7 uA at the end of the pulse, without a limit). Retention: a pulse of 1 V
and 20 ms under a limit (the source: a triangle of 5 V and 10 ms), then reads at -150 mV until less
than half of the first current is left, 40 times for each limit (the few that do not switch are left
out; now and then one switches in the very last of the pulse, before the limit acts, and stays long:
the spread is taken from the quartiles).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures.drawing import figure, label, present
from docs.figures.rram_sample import Array, sample
from labctl.waveform import Node, Window, read, rest, segment, ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from labctl.workbench import Bench

WIDTHS = (50e-9, 1e-6, 50e-6, 5e-3)
SWITCHED, LIMITS = 0.7e-6, (17e-6, 40e-6, 70e-6)
TARGETS = {
    "median_50_ns_V": "2.31 V (10.1088/2634-4386/ad01d6)",
    "median_5_ms_V": "0.59 V (10.1088/2634-4386/ad01d6)",
    "slope_V_per_decade": "0.344 V, from the two",
    "retention_17_uA_s": "28 ms (10.1088/2634-4386/ad01d6)",
    "retention_70_uA_s": "1.39 s: exp(7.24) ms",
    "ln_sigma": "0.82 (10.1088/2634-4386/ad01d6)",
}


def probability(bench: Bench, amplitude: float, width: float, trials: int) -> float:
    """Return the share of pulses that switch."""
    window = Window("top", ticks(width) * 9 // 10, ticks(width), "pulse")
    one = segment(width, {"top": amplitude}, windows=(window,), role="pulse") + rest(100.0)
    rows = bench.play(one * trials, 0.1)
    return float(np.mean([row.i > SWITCHED for row in rows]))


def median(width: float, trials: int) -> tuple[float, Array]:
    """Return the voltage of half, and the curve behind it: voltages and shares."""
    middle = 0.59 - 0.344 * np.log10(width / 5e-3)
    voltages = np.linspace(max(middle - 0.5, 0.22), middle + 0.5, 11)
    with sample("direct-diffusive", preset="c-hfo2-ag", cycle=True) as bench:
        shares = np.array([probability(bench, float(v), width, trials) for v in voltages])
    from scipy.optimize import curve_fit
    from scipy.special import erf

    fitted, _ = curve_fit(
        lambda v, m, s: 0.5 * (1 + erf((v - m) / s)), voltages, shares, p0=(middle, 0.15)
    )
    return float(fitted[0]), np.array([voltages, shares])


def retention(limit: float, trials: int) -> Array:
    """Return how long the filament carries half of its first current, s, of each trial."""
    times = np.geomspace(1e-3, 50.0, 33)
    one: Node = segment(20e-3, {"top": 1.0}, role="pulse")
    for gap in np.diff(times, prepend=0.0):
        one = one + (rest(gap - 1e-6) + read(-0.15, 1e-6))
    found = []
    with sample("direct-diffusive", preset="c-hfo2-ag", cycle=True, seed=3) as bench:
        for _ in range(trials):
            current = np.abs([row.i for row in bench.play(one + rest(100.0), limit)])
            if current[0] < SWITCHED:
                continue  # the pulse did not switch it
            gone = int(np.argmax(current < current[0] / 2))
            share = np.log(current[gone - 1] / (current[0] / 2)) / np.log(
                current[gone - 1] / current[gone]
            )
            found.append(times[gone - 1] * (times[gone] / times[gone - 1]) ** share)
    return np.array(found)


def spread(times: Array) -> float:
    """Return the standard deviation of ln t, from its quartiles."""
    low, high = np.quantile(np.log(times), (0.25, 0.75))
    return float(high - low) / 1.349


def measure(trials: int = 100, repeats: int = 40) -> dict[str, Any]:
    """Return medians and spreads of switching and retention."""
    curves = [median(width, trials) for width in WIDTHS]
    medians = [m for m, _ in curves]
    slope = -np.polyfit(np.log10(WIDTHS), medians, 1)[0]
    kept = [retention(limit, repeats) for limit in LIMITS]
    return {
        "median_50_ns_V": medians[0],
        "median_5_ms_V": medians[-1],
        "slope_V_per_decade": float(slope),
        "retention_17_uA_s": float(np.median(kept[0])),
        "retention_70_uA_s": float(np.median(kept[-1])),
        "ln_sigma": float(np.mean([spread(times) for times in kept])),
        "curves": np.array([curve for _, curve in curves]),
        **{f"kept_{k}": times for k, times in enumerate(kept)},
    }


def draw(found: Any) -> Figure:
    """Draw probabilities against voltage, and retention against the limit."""
    made, (left, right) = figure("Volatile C/HfO2/Ag device: switching and retention", 1, 2)
    for width, (voltages, shares) in zip(WIDTHS, found["curves"], strict=True):
        left.plot(voltages, 100 * shares, "o-", label=f"{width * 1e6:g} µs")
    label(left, "amplitude (V)", "pulses that switch (%)", legend=True)
    for k, limit in enumerate(LIMITS):
        times = found[f"kept_{k}"]
        right.semilogy(np.full(times.shape, limit * 1e6), times, ".", color="0.7")
        right.semilogy(limit * 1e6, np.median(times), "o", color="k")
    label(right, "current limit (µA)", "retention (s)")
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "cbram_switching", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
