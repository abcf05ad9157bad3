"""An artificial neuron: integrate, fire, recover by itself; rate against input; energy of a spike.

Target S2.12 of the lab: a threshold switch integrates and fires, recovers mostly within 1 ms and
takes about 10 fJ for an event (Pt/FeOx/Ag, 10.1002/sml.201802188 as cited by Xia et al., Nano-Micro
Lett. 17, 217, 2025). Everything is taken from the current through the load, which is known: the
voltage of the node is the source minus current times load. A spike is where the node falls through
the middle between threshold and hold voltage; a recovery is the time from there until the node
begins to rise again. The energy of a spike is what went into node and switch, the load left out.

Beside it the oscillation of a VO2 neuron against load and voltage, to which its five numbers were
fitted (measured: preprint, see ``labctl describe threshold-switch``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docs.figures.drawing import figure, label, present
from docs.figures.mtj_benches import varied
from labctl.waveform import Node, Window, segment, ticks

__all__ = ["TARGETS", "draw", "main", "measure"]

TARGETS = {
    "silent_below": "no spike: the input is below the threshold",
    "rate_low": "Hz, just above the threshold",
    "rate_high": "Hz, rises with the input and levels off at one per recovery",
    "recovered_in_1_ms": "mostly within 1 ms (S2.12)",
    "recovery_median": "s",
    "energy": "about 10 fJ (S2.12)",
    "vo2_error": "rms of the logarithm of eight frequencies",
}
_COMPLIANCE = 1e-3
_LOAD, _THRESHOLD, _HOLD = 1e9, 0.61, 0.32  # Ohm, V, V
_INPUTS = (0.55, 0.65, 0.7, 0.8, 1.0, 1.5, 2.0)  # V
_STEP, _STEPS = 5e-6, 8000  # s, windows
_TRACE = 600  # windows of the trace that is drawn
#: source V, load Ohm, measured frequency Hz: preprint, Fig. 3
_VO2 = (
    (5.0, 3.0e3, 0.90e6), (5.0, 3.6e3, 0.70e6), (5.0, 4.2e3, 0.55e6), (5.0, 4.8e3, 0.35e6),
    (4.2, 4.0e3, 0.45e6), (4.8, 4.0e3, 0.65e6), (5.4, 4.0e3, 0.80e6), (6.0, 4.0e3, 0.90e6),
)  # fmt: skip

Array = NDArray[np.float64]


def measure(
    bench: str | Path = "direct-threshold-switch", steps: int = _STEPS, seed: int = 1
) -> dict[str, Any]:
    """Return rates, recovery times, energy and trace of a neuron, and the oscillation of VO2.

    Parameters
    ----------
    bench
        Name or file.
    steps
        Windows of 5 us at every input.
    seed
        Of the variation from spike to spike.
    """
    traces = {}
    for source in _INPUTS:
        with varied(bench, cycle=True, seed=seed) as device:
            current = _currents(device.play(_watch(source, _STEP, steps), _COMPLIANCE))
        traces[source] = source - current * _LOAD
    rates = [len(_spikes(v, _HOLD, _THRESHOLD)) / (steps * _STEP) for v in traces.values()]
    middle = traces[1.0]
    recoveries = np.concatenate([_recoveries(v) for v in traces.values()])
    vo2 = [_oscillation(bench, source, load) for source, load, _ in _VO2]
    logs = [np.log(f / known) for f, (_, _, known) in zip(vo2, _VO2, strict=True)]
    return {
        "silent_below": rates[0] == 0, "rate_low": rates[1], "rate_high": rates[-1],
        "recovered_in_1_ms": float(np.mean(recoveries < 1e-3)),
        "recovery_median": float(np.median(recoveries)),
        "energy": _energy(middle, 1.0),
        "vo2_error": float(np.sqrt(np.mean(np.square(logs)))),
        "trace": middle[:_TRACE], "rates": rates, "recoveries": recoveries, "vo2": vo2,
    }  # fmt: skip


def _watch(source: float, step: float, steps: int) -> Node:
    window = Window("top", 0, ticks(step), "read")
    return segment(step, {"top": source}, windows=(window,), role="read") * steps


def _currents(rows: Sequence[Any]) -> Array:
    return np.array([row.i for row in rows])


def _spikes(v: Array, hold: float, threshold: float) -> NDArray[np.intp]:
    """Return the windows in which the node falls through the middle of its swing."""
    middle = (hold + threshold) / 2
    return np.flatnonzero((v[:-1] > middle) & (v[1:] <= middle))


def _recoveries(v: Array) -> Array:
    """Return the times from each spike until the node has begun to rise again, s."""
    found = []
    for k in _spikes(v, _HOLD, _THRESHOLD):
        rising = np.flatnonzero(v[k + 2 :] > 0.05 * _HOLD)
        if len(rising):
            found.append((rising[0] + 1) * _STEP)
    return np.array(found)


def _energy(v: Array, source: float) -> float:
    """Return the energy that goes into node and switch from one spike to the next, J."""
    spikes = _spikes(v, _HOLD, _THRESHOLD)
    whole = v[spikes[0] + 1 : spikes[-1] + 1]
    return float(np.sum(whole * (source - whole) / _LOAD) * _STEP / (len(spikes) - 1))


def _oscillation(bench: str | Path, source: float, load: float) -> float:
    """Return the frequency of the VO2 neuron with a load, Hz."""
    step, steps = 25e-9, 800
    with varied(bench, preset="vo2", load=load) as device:
        current = _currents(device.play(_watch(source, step, steps), 10 * _COMPLIANCE))
    spikes = _spikes(source - current * load, 0.99, 1.884)
    return float((len(spikes) - 1) / ((spikes[-1] - spikes[0]) * step))


def draw(found: dict[str, Any]) -> Any:
    """Return the figure: trace, rate, recovery times, and VO2 against what was measured."""
    made, (trace, rate, recovery, vo2) = figure("Threshold-switch neuron", 2, 2)
    trace.plot(1e3 * _STEP * np.arange(len(found["trace"])), found["trace"])
    trace.axhline(_THRESHOLD, color="0.6", linewidth=0.8)
    label(trace, "time (ms)", "voltage of the node (V)", "Input 1 V; line: threshold")
    rate.plot(_INPUTS, found["rates"], "o-")
    label(rate, "input (V)", "spikes per second", "Rate against input")
    recovery.hist(1e3 * found["recoveries"], bins=40)
    label(recovery, "recovery time (ms)", "spikes", "Recovery by itself")
    known = [f / 1e6 for _, _, f in _VO2]
    vo2.plot(known, known, color="0.6", linewidth=0.8)
    vo2.plot(known, np.asarray(found["vo2"]) / 1e6, "o")
    label(vo2, "measured (MHz)", "model (MHz)", "VO2 neuron, eight loads and voltages")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the numbers beside their targets and draw."""
    present(__doc__, "threshold_switch_neuron", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
