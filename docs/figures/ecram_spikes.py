"""Short-term plasticity of an ECRAM: 1.5 kOhm per spike that decay, facilitation, gain, 2 pJ.

Source of the targets: Currie et al. (2026), arXiv:2605.11243, which prints the step of the channel
resistance and the energy per spike. Resting resistance (50 kOhm), decay (100 ms) and spike (1 V,
1 us) are assumptions of the preset, and what follows from them is arithmetic:

* The index of a pair is the conductance that the second spike meets over the one that the first
  meets, less one, with the interval from the end of the first to the second.
* The gain is the same for the last of 60 spikes at a constant rate: rates above that of the decay
  pass, slower ones do not.
* The energy of a spike is what goes into gate and drain during it, with 0.1 V on the drain.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import labctl
from docs.figures.drawing import figure, label, present
from labctl.waveform import Node, Window, pulse, read, rest, segment, ticks, train

__all__ = ["TARGETS", "draw", "main", "measure"]

TARGETS = {
    "step": "1.5 kOhm per spike (arXiv:2605.11243)",
    "tau": "0.1 s, as assumed",
    "energy": "2 pJ per spike (arXiv:2605.11243)",
    "energy_gate": "0.2 pJ capacitor, 1.6 pJ ions, as assumed",
    "energy_drain": "0.2 pJ: 0.1 V on 50 kOhm for 1 us",
    "index_10_ms": "2.8 %", "index_50_ms": "1.9 %", "index_100_ms": "1.1 %",
    "index_200_ms": "0.4 %",
    "gain_10_hz": "1.017", "gain_20_hz": "1.045", "gain_50_hz": "1.124", "gain_100_hz": "1.24",
}  # fmt: skip
_AMPLITUDE, _WIDTH, _READ, _LOOK = 1.0, 1e-6, 0.1, 10e-6
_COMPLIANCE = 100e-6
_INTERVALS, _RATES = (10e-3, 20e-3, 50e-3, 100e-3, 200e-3, 500e-3), (1, 2, 5, 10, 20, 50, 100)


def measure(bench: str | Path = "direct-ecram") -> dict[str, Any]:
    """Return the numbers of `TARGETS` and the curves behind them, from fresh devices."""
    stairs = _stairs(bench)
    indices = [_index(bench, interval) for interval in _INTERVALS]
    gains = [_gain(bench, rate) for rate in _RATES]
    gate, drain = _energy(bench)
    return {
        "rest": stairs["rest"], "step": stairs["step"], "tau": stairs["tau"],
        "energy": gate + drain, "energy_gate": gate, "energy_drain": drain,
        **{f"index_{1e3 * t:.0f}_ms": x for t, x in zip(_INTERVALS, indices, strict=True)},
        **{f"gain_{f}_hz": x for f, x in zip(_RATES, gains, strict=True)},
        "time": stairs["time"], "resistance": stairs["resistance"],
        "interval": _INTERVALS, "index": indices, "rate": _RATES, "gain": gains,
    }  # fmt: skip


def _spike() -> Node:
    return pulse(_AMPLITUDE, _WIDTH, terminal="gate", measured=False)


def _look() -> Node:
    return read(_READ, _LOOK, terminal="drain")


def _stairs(bench: str | Path) -> dict[str, Any]:
    """Play ten spikes at 100 Hz and watch them decay."""
    spikes = _look() + train(_spike() + _look(), 10e-3, 10)
    decay = [rest(t) + _look() for t in np.diff(np.geomspace(10e-3, 1.0, 16), prepend=5e-3)]
    with labctl.bench(bench) as device:
        rows = device.play(_joined([spikes, *decay]), _COMPLIANCE)
    t, r = np.array([row.t for row in rows]), np.array([row.v / row.i for row in rows])
    left = r[0] - r
    seen = (np.arange(len(t)) > 10) & (left > 0.1 * left[10])
    tau = -1.0 / float(np.polyfit(t[seen], np.log(left[seen]), 1)[0])
    return {"rest": r[0], "step": r[0] - r[1], "tau": tau, "time": t, "resistance": r}


def _index(bench: str | Path, interval: float) -> float:
    pair = _look() + _spike() + rest(interval - _LOOK) + _look()
    with labctl.bench(bench) as device:
        first, second = (row.i / row.v for row in device.play(pair, _COMPLIANCE))
    return second / first - 1.0


def _gain(bench: str | Path, rate: float) -> float:
    spikes = train(_spike(), 1.0 / rate, 59) + _spike() + rest(1.0 / rate - _WIDTH - _LOOK)
    with labctl.bench(bench) as device:
        first, last = (row.i / row.v for row in device.play(
            _look() + spikes + _look(), _COMPLIANCE
        ))  # fmt: skip
    return last / first


def _energy(bench: str | Path) -> tuple[float, float]:
    """Return what a spike takes from the gate's and from the drain's source, J."""
    whole = ticks(_WIDTH)
    levels = {"gate": _AMPLITUDE, "drain": _READ}
    windows = tuple(Window(name, 0, whole, "pulse") for name in levels)
    with labctl.bench(bench) as device:
        rows = device.play(segment(_WIDTH, levels, windows=windows, role="pulse"), _COMPLIANCE)
    taken = {row.terminal: row.v * row.i * _WIDTH for row in rows}
    return taken["gate"], taken["drain"]


def _joined(parts: Sequence[Node]) -> Node:
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    return whole


def draw(found: dict[str, Any]) -> Any:
    """Return the figure: staircase and decay, facilitation, gain against rate."""
    made, (stairs, pairs, gains) = figure("ECRAM, short-term plasticity", 1, 3)
    stairs.plot(1e3 * np.asarray(found["time"]), 1e-3 * np.asarray(found["resistance"]), ".-")
    label(stairs, "time (ms)", "channel resistance (kOhm)", "Ten spikes at 100 Hz, then rest")
    pairs.semilogx(1e3 * np.asarray(found["interval"]), 100 * np.asarray(found["index"]), "o-")
    label(pairs, "interval (ms)", "index (%)", "Conductance met by the second spike")
    gains.semilogx(found["rate"], found["gain"], "o-")
    label(gains, "rate (Hz)", "G met by the 60th spike / G rested", "Rates that pass")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the numbers beside their targets and draw."""
    present(__doc__, "ecram_spikes", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
