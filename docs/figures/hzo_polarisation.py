"""Polarisation of a (Hf,Zr)O2 capacitor from its current: hysteresis loop, PUND, wake-up, imprint.

Everything is charge measured at the terminals. A loop is the running integral of the current under
a triangle, centred. PUND gives a switching and a non-switching pulse of each polarity; the
difference of their charges is 2 Pr, free of capacitance and leakage. The area of the electrode is
known to the experimenter (2500 um2); film and switching are those of Alessandri et al. (2019,
10.1109/TED.2019.2922268), wake-up, fatigue and imprint are illustrative.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import labctl
from docs.figures.drawing import figure, label, present
from labctl.waveform import Node, Segment, Window, pulse, rest, segment, ticks
from labctl.workbench import Bench

__all__ = ["TARGETS", "draw", "main", "measure"]

TARGETS = {
    "pund": "45.4 uC/cm2 when woken up, a part of it before (2 Pr of the film)",
    "loop": "as PUND, within a few per cent: the leakage and the tail of switching",
    "coercive_field": "about 1 MV/cm and more, the faster the higher",
    "woken": "above 1: wake-up",
    "fatigued": "below that: fatigue",
    "imprint": "positive: a film left up for a day wants to be up",
    "energy": "2 Pr V per area: pJ per um2",
}
_AREA, _THICKNESS = 2500e-12, 8.3e-9  # m2, m
_COMPLIANCE = 10e-3
_PEAK, _RISE, _STEPS = 2.5, 250e-6, 50  # V, s from zero to peak, measured steps in that
_PULSE, _WIDTH, _GAP = 2.5, 20e-6, 20e-6
_COUNTS = (0, 1, 10, 100, 10**3, 10**4, 10**5, 10**6, 10**7, 10**8, 10**9, 10**10)
_DAY = 86400.0

Array = NDArray[np.float64]


def measure(bench: str | Path = "direct-hzo") -> dict[str, Any]:
    """Return loops, PUND charges against cycles, and the shift by a day of rest."""
    with labctl.bench(bench) as device:
        cycles = _cycled(device)
    with labctl.bench(bench) as device:
        _cycle(device, 10**5)
        v, p = _loop(device)
        pund = _pund(device)
        ups, downs = _coercive(v, p)
        device.play(pulse(_PULSE, _WIDTH, measured=False) + rest(_DAY), _COMPLIANCE)
        rested = _loop(device)
        shifted = _coercive(*rested)
    best = max(cycles)
    return {
        "pund": pund,
        "loop": float(np.ptp(p[abs(v) < 0.6 * _PEAK / _STEPS])),
        "coercive_field": (ups - downs) / 2 / _THICKNESS / 1e8,
        "woken": best / cycles[0],
        "fatigued": cycles[-1] / best,
        "imprint": (ups + downs - sum(shifted)) / 2,
        "energy": pund * 1e-2 * _PULSE * 1e-12 * 1e12,
        "voltage": v, "polarisation": p, "rested": rested, "cycles": cycles,
    }  # fmt: skip


def _cycle(device: Bench, count: int) -> None:
    one = pulse(_PULSE, _WIDTH, measured=False) + rest(_GAP)
    other = pulse(-_PULSE, _WIDTH, measured=False) + rest(_GAP)
    device.play((one + other) * count, _COMPLIANCE)


def _cycled(device: Bench) -> list[float]:
    """Return 2 Pr after so many cycles, uC/cm2."""
    found, done = [], 0
    for count in _COUNTS:
        if count > done:
            _cycle(device, count - done)
        done = count
        found.append(_pund(device))
    return found


def _whole(voltage: float) -> Segment:
    """Return a pulse whose charge is measured, the step at its beginning included."""
    window = Window("top", 0, ticks(_WIDTH), "pulse")
    return segment(_WIDTH, {"top": voltage}, windows=(window,), role="pulse")


def _pund(device: Bench) -> float:
    """Return 2 Pr from positive, up, negative and down pulses, uC/cm2."""
    waveform: Node = pulse(-_PULSE, _WIDTH, measured=False) + rest(_GAP)
    for sign in (1, 1, -1, -1):
        waveform = waveform + _whole(sign * _PULSE) + rest(_GAP)
    rows = device.play(waveform, _COMPLIANCE)
    p, u, n, d = (row.i * _WIDTH for row in rows)
    return (p - u - n + d) / 2 / _AREA * 100


def _loop(device: Bench) -> tuple[Array, Array]:
    """Return voltage and polarisation (with the linear charge taken off), V and uC/cm2."""
    step = _RISE / _STEPS
    corners = (0.0, _PEAK, 0.0, -_PEAK, 0.0)
    sides = [np.linspace(a, b, _STEPS, endpoint=False) for a, b in itertools.pairwise(corners)]
    levels = np.concatenate([*sides, [0.0]])
    waveform: Node = pulse(-_PULSE, _WIDTH, measured=False) + rest(_GAP)
    window = Window("top", 0, ticks(step), "read")
    for a, b in itertools.pairwise(levels):
        line = segment(step, {"top": (float(a), float(b))}, windows=(window,), role="read")
        waveform = waveform + line
    rows = device.play(waveform, _COMPLIANCE)
    charge = np.concatenate([[0.0], np.cumsum([row.i * step for row in rows])])
    # where nothing switches, coming back from the peak, the slope is the capacitance
    back = slice(_STEPS, 2 * _STEPS)
    linear = np.polyfit(levels[back], charge[back], 1)[0] * levels
    polarisation = (charge - linear) / _AREA * 100
    centred: Array = polarisation - (polarisation.max() + polarisation.min()) / 2
    return levels, centred


def _coercive(v: Array, p: Array) -> tuple[float, float]:
    """Return the voltages at which the loop passes zero, rising and falling."""
    rise, fall = slice(0, _STEPS + 1), slice(2 * _STEPS, 3 * _STEPS + 1)
    return (
        float(np.interp(0.0, p[rise], v[rise])),
        float(np.interp(0.0, -p[fall], v[fall])),
    )


def draw(found: dict[str, Any]) -> Any:
    """Return the figure: loops, and PUND against cycles."""
    made, (loops, life) = figure("(Hf,Zr)O2 capacitor, from its current", 1, 2)
    loops.plot(found["voltage"], found["polarisation"], label="woken up")
    loops.plot(*found["rested"], label="after a day at rest, up")
    label(loops, "voltage (V)", "polarisation (uC/cm2)", "Loop at 1 kHz", legend=True)
    life.semilogx([max(n, 0.3) for n in _COUNTS], found["cycles"], "o-")
    label(life, "cycles (the first: none)", "2 Pr by PUND (uC/cm2)", "Wake-up and fatigue")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the numbers beside their targets and draw."""
    present(__doc__, "hzo_polarisation", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
