"""An organic electrochemical transistor: transfer curve, response to a pulse, paired pulses.

Ji et al., Nat. Commun. 12, 2480 (2021), 10.1038/s41467-021-22680-5, Fig. 2: a channel of PEDOT:Tos
with 80 % PTHF responds in 2.104 ms and relaxes in 2.824 ms; gate pulses of 1 ms. Ions that one
pulse has brought are still there when the next one comes, so its response is larger.

The response of a pulse is the fall of the drain current from its value before the first pulse, at
the end of the pulse. The index of a pair is A2 / A1 - 1, with the interval from the end of the
first pulse to the beginning of the second.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import labctl
from docs.figures.drawing import figure, label, present
from labctl.analysis import fit_decay
from labctl.waveform import Node, Window, segment, ticks

__all__ = ["TARGETS", "draw", "main", "measure"]

TARGETS = {
    "response_time": "2.104 ms (10.1038/s41467-021-22680-5, Fig. 2c)",
    "relaxation_time": "2.824 ms (same)",
    "index_1_ms": "facilitation: well above zero",
    "index_30_ms": "little left",
    "index_tau": "that of the relaxation, 2.824 ms",
    "on_off": "of a depletion-mode channel, above 100",
    "transconductance": "g0 |VD| / span = 0.125 mS below pinch-off",
    "energy": "S1.6 gives fJ to pJ for small devices; this one has 10 nF",
}
_GATE, _DRAIN, _WIDTH = 0.3, -0.1, 1e-3
_COMPLIANCE = 5e-3
_INTERVALS = np.geomspace(1e-3, 30e-3, 12)


def measure(bench: str | Path = "direct-oect") -> dict[str, Any]:
    """Return the numbers of `TARGETS` and the curves behind them, from fresh devices."""
    gates, drains = _transfer(bench)
    slopes = np.gradient(np.abs(drains), gates)
    on, off = _course(bench)
    index = np.array([_index(bench, float(interval)) for interval in _INTERVALS])
    early = index[:6]  # where the slow share adds little
    tau = -1.0 / float(np.polyfit(_INTERVALS[:6], np.log(early), 1)[0])
    return {
        "response_time": _tau(on), "relaxation_time": _tau(off),
        "index_1_ms": index[0], "index_30_ms": index[-1], "index_tau": tau,
        "on_off": float(np.max(np.abs(drains)) / np.min(np.abs(drains))),
        "transconductance": float(np.max(np.abs(slopes))),
        "energy": _energy(bench),
        "gate": gates, "drain": drains, "on": on, "off": off,
        "interval": _INTERVALS, "index": index,
    }  # fmt: skip


def _held(duration: float, gate: float, points: int, terminal: str = "drain") -> Node:
    """Return a time with the drain held, measured in equal windows one after another."""
    edges = np.linspace(0, ticks(duration), points + 1).round().astype(int).tolist()
    windows = tuple(Window(terminal, a, b, "read") for a, b in itertools.pairwise(edges))
    return segment(duration, {"drain": _DRAIN, "gate": gate}, windows=windows)


def _transfer(bench: str | Path) -> tuple[Any, Any]:
    """Return gate voltages and drain currents, each held for a second."""
    gates = np.linspace(-0.2, 0.8, 41)
    with labctl.bench(bench) as device:
        rows = []
        for gate in gates:
            settled = _held(1.0, float(gate), 1)
            rows += device.play(settled + _held(10e-3, float(gate), 1), _COMPLIANCE)[1:]
    return gates, np.array([row.i for row in rows])


def _course(bench: str | Path) -> tuple[Any, Any]:
    """Return (t, change of the current) after the gate steps up and after it steps down."""
    with labctl.bench(bench) as device:
        waveform = _held(0.1, 0.0, 1) + _held(8e-3, 0.05, 160) + _held(5.0, 0.05, 1)
        rows = device.play(waveform + _held(8e-3, 0.0, 160), _COMPLIANCE)
    up, down = rows[1:161], rows[162:]
    return _times(up), _times(down)


def _times(rows: Sequence[Any]) -> tuple[Any, Any]:
    t = np.array([row.t for row in rows])
    i = np.array([row.i for row in rows])
    return t - t[0], i


def _tau(course: tuple[Any, Any]) -> float:
    """Return the faster time of a double exponential with an offset; the slow share is one."""
    t, i = course
    return float(fit_decay(t, i, model="double_decay", baseline="free").values["tau1"].value)


def _index(bench: str | Path, interval: float) -> float:
    with labctl.bench(bench) as device:
        pair = _held(10e-3, 0.0, 1) + _held(_WIDTH, _GATE, 50) + _held(interval, 0.0, 1)
        rows = device.play(pair + _held(_WIDTH, _GATE, 50), _COMPLIANCE)
    before, first, second = rows[0].i, rows[50].i, rows[-1].i
    return float((before - second) / (before - first)) - 1.0


def _energy(bench: str | Path) -> float:
    """Return what the gate's source gives in one pulse of 1 ms, J."""
    with labctl.bench(bench) as device:
        (row,) = device.play(_held(_WIDTH, _GATE, 1, "gate"), _COMPLIANCE)
    return float(row.v * row.i * _WIDTH)


def draw(found: dict[str, Any]) -> Any:
    """Return the figure: transfer curve, step response, paired pulses."""
    made, (transfer, steps, pairs) = figure("Organic electrochemical transistor", 1, 3)
    transfer.semilogy(found["gate"], 1e6 * np.abs(found["drain"]))
    label(transfer, "gate voltage (V)", "|drain current| (uA)", "Transfer, drain at -0.1 V")
    for name, text in (("on", "gate to 50 mV"), ("off", "gate back to 0 V")):
        t, i = found[name]
        steps.plot(1e3 * t, 1e6 * i, label=text)
    label(steps, "time (ms)", "drain current (uA)", "Ions enter and leave", legend=True)
    pairs.semilogx(1e3 * np.asarray(found["interval"]), 100 * np.asarray(found["index"]), "o-")
    label(pairs, "interval (ms)", "A2 / A1 - 1 (%)", "Paired pulses of 1 ms")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the numbers beside their targets and draw."""
    present(__doc__, "oect_response", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
