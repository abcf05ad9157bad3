"""LTP and LTD of domain-wall synapses by pulses of 8 ns: steps, linearity, chance and energy.

Three tracks: five notches (three to five states were measured by Leonard et al., 2022,
10.1002/aelm.202200563), five notches that hold ever better along a tapered track (asymmetric
updates in the same work), and a design with 32. Pulses last 8 ns and energy is the integral of
voltage times measured write current, below the 16 pJ that Siddiqui et al. (2020,
10.1021/acs.nanolett.9b04200) report for such pulses. Currents and velocity are chosen, not
published; what is shown is what such a track would do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docs.figures.drawing import figure, label, present
from docs.figures.mtj_benches import varied
from labctl.waveform import Node, Window, pulse, read, rest, segment, ticks

__all__ = ["TARGETS", "draw", "main", "measure"]

TARGETS = {
    "states": "3 to 5 (Leonard et al., 2022)",
    "linearity_up": "near 1: every notch is one equal step",
    "linearity_down": "near 1",
    "asymmetry_straight": "about 0",
    "asymmetry_tapered": "below that: the way down begins where the notches hold best",
    "energy": "below 16 pJ (Siddiqui et al., 2020)",
    "ratio": "1 + TMR = 2.71 (Alamdar et al., 2021: mean TMR 171 %)",
}
_COMPLIANCE = 5e-3
_WIDTH, _PAUSE = 8e-9, 100e-9
_LOW, _HIGH = 1.12, 1.25  # V: below and above what takes the barrier away
_PULSES = 40

Array = NDArray[np.float64]


def measure(bench: str | Path = "direct-domain-wall", seed: int = 1) -> dict[str, Any]:
    """Return update curves of the three tracks, without and with chance, and figures of merit."""
    long, energy = _train(bench, _HIGH, _PULSES, "track-32", seed=None)
    chance = [_train(bench, _LOW, _PULSES, "track-32", seed=seed + k)[0] for k in range(5)]
    straight, tapered = (
        np.mean([_train(bench, _LOW, 15, name, seed=seed + k)[0] for k in range(8)], axis=0)
        for name in ("notched-5", "tapered-5")
    )
    one, _ = _train(bench, _LOW, 15, "notched-5", seed=seed)
    up, down = long[: _PULSES + 1], long[_PULSES + 1 :]
    return {
        "states": len(np.unique(np.round(one / one.min(), 6))),
        "linearity_up": _linearity(up), "linearity_down": _linearity(down),
        "asymmetry_straight": _asymmetry(straight), "asymmetry_tapered": _asymmetry(tapered),
        "energy": float(np.mean(energy)), "ratio": float(long.max() / long.min()),
        "long": long, "chance": chance, "straight": straight, "tapered": tapered,
    }  # fmt: skip


def _train(
    bench: str | Path, voltage: float, count: int, preset: str, seed: int | None
) -> tuple[Array, Array]:
    """Return conductance before and after each pulse, up then down, S; and energies, J."""
    window = Window("gate", 0, ticks(_WIDTH), "pulse")
    waveform: Node = pulse(-1.6, 1e-6, terminal="gate", measured=False) + _look()
    for sign in (1, -1):
        level = {"gate": sign * voltage}
        one = segment(_WIDTH, level, windows=(window,), role="pulse") + _look()
        waveform = waveform + one * count
    with varied(bench, preset=preset, cycle=seed is not None, seed=seed or 0) as device:
        rows = device.play(waveform, _COMPLIANCE)
    energies = [row.v * row.i * _WIDTH for row in rows if row.terminal == "gate"]
    return np.array([row.i / row.v for row in rows if row.terminal == "drain"]), np.array(energies)


def _look() -> Node:
    return rest(_PAUSE) + read(0.05, 1e-6, terminal="drain")


def _linearity(curve: Array) -> float:
    """Return R2 of a straight line up to where the curve has reached its end."""
    done = int(np.argmax(np.isclose(curve, curve[-1], rtol=1e-9))) + 1
    g = curve[:done]
    return float(np.corrcoef(np.arange(done), g)[0, 1] ** 2)


def _asymmetry(curve: Array) -> float:
    """Return how many more pulses half of the way takes up than down, as a share of their sum."""
    half = (curve.max() + curve.min()) / 2
    middle = len(curve) // 2
    up = int(np.argmax(curve > half))
    down = int(np.argmax(curve[middle + 1 :] < half)) + 1
    return (up - down) / (up + down)


def draw(found: dict[str, Any]) -> Any:
    """Return the figure: the long track, and straight against tapered."""
    made, (long, shapes) = figure("Domain-wall synapse, pulses of 8 ns", 1, 2)
    for k, curve in enumerate(found["chance"]):
        text = f"{_LOW} V, by chance" if k == 0 else None
        long.plot(1e3 * curve, color="0.7", linewidth=0.9, label=text)
    long.plot(1e3 * found["long"], ".-", label=f"{_HIGH} V, expected")
    label(long, "pulse, up then down", "G (mS)", "Track with 32 notches", legend=True)
    for name in ("straight", "tapered"):
        shapes.plot(1e3 * found[name], "o-", label=name)
    label(shapes, "pulse, up then down", "G (mS), mean of 8", "Five notches", legend=True)
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the numbers beside their targets and draw."""
    present(__doc__, "domain_wall_updates", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
