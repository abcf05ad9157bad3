"""Retention of a floating gate: bakes at several temperatures, Arrhenius, ten years.

The procedure of the 2D flash chip (10.1038/s41586-025-09621-8, Extended Data Fig. 2): program, bake
at 55, 85 and 125 C, call the time in which the stored shift is halved the life, and extrapolate
along 1 / T. The source finds ten years at 54.8 C; its activation energy is not printed, the
preset's 1 eV is assumed and must come back. Loss runs along the logarithm of time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import labctl
from docs.figures.drawing import figure, label, present
from labctl import catalogue
from labctl.waveform import Node, Window, rest, segment, ticks

__all__ = ["TARGETS", "draw", "main", "measure"]

TARGETS = {
    "energy": "1 eV, as assumed",
    "temperature_10_years": "54.8 C (10.1038/s41586-025-09621-8)",
    "log_slope": "s ln 10 = 0.115 V a decade of time",
    "kept_10_years": "at 27 C: most of it",
}
_BOLTZMANN = 1.380649e-23 / 1.602176634e-19  # eV/K
_BAKES = (55.0, 85.0, 105.0, 125.0)  # C
_YEAR = 31557600.0
_COMPLIANCE = 1e-3
_POINTS = 28  # times of a bake, 10 s to 1000 years
_GATES = np.linspace(-1.0, 0.5, 21)  # V


def measure(bench: str | Path = "direct-floating-gate") -> dict[str, Any]:
    """Return the numbers of `TARGETS` and the bakes behind them."""
    bakes = [_bake(bench, celsius) for celsius in _BAKES]
    lives = np.array([_life(*bake) for bake in bakes])
    inverse = 1.0 / (np.array(_BAKES) + 273.15)
    slope, offset = np.polyfit(inverse, np.log(lives), 1)
    (hot_t, hot), (t, kept) = bakes[-1], _bake(bench, 26.85)
    seen = (hot < 0.9) & (hot > 0.4)
    return {
        "energy": float(slope * _BOLTZMANN),
        "temperature_10_years": float(slope / (np.log(10 * _YEAR) - offset) - 273.15),
        "log_slope": float(-np.polyfit(np.log10(hot_t[seen]), hot[seen], 1)[0]),
        "kept_10_years": float(np.interp(np.log(10 * _YEAR), np.log(t), kept)),
        "celsius": _BAKES, "life": lives, "bakes": bakes, "slope": slope, "offset": offset,
    }  # fmt: skip


def _life(t: Any, kept: Any) -> float:
    """Return the time at which half of the shift is left, s."""
    return float(np.exp(np.interp(-0.5, -kept, np.log(t))))


def _bake(bench: str | Path, celsius: float) -> tuple[Any, Any]:
    """Return times and how much of a shift of 1 V is left: threshold voltages at 10 nA, V."""
    times = np.geomspace(10.0, 1000 * _YEAR, _POINTS)
    with tempfile.TemporaryDirectory() as folder:
        changed = Path(folder) / "bake.toml"
        changed.write_text(_warm(bench, celsius), encoding="utf-8")
        with labctl.bench(changed) as device:
            start, found = _threshold(device), []
            for pause in np.diff(times, prepend=0.0).tolist():
                device.play(rest(pause), _COMPLIANCE)
                found.append(_threshold(device))
    return times, 1.0 + np.array(found) - start


def _threshold(device: Any) -> float:
    """Return the gate voltage at which the channel carries 10 nA, V."""
    sweep: Node | None = None
    for gate in _GATES.tolist():
        windows = (Window("drain", 0, ticks(1e-3), "read"),)
        level = segment(1e-3, {"gate": gate, "drain": 0.1}, windows=windows)
        sweep = level if sweep is None else sweep + level
    currents = [row.i for row in device.play(sweep, _COMPLIANCE)]
    return float(np.interp(np.log(1e-8), np.log(currents), _GATES))


def _warm(bench: str | Path, celsius: float) -> str:
    """Return the bench file with a device programmed by 1 V, at another temperature."""
    text = catalogue.find_bench(str(bench)).read_text(encoding="utf-8")
    warm = f'[simulation]\ntemperature = "{celsius + 273.15:.2f} K"'
    return text.replace("[simulation]", warm).replace('shift = "0 V"', 'shift = "1 V"')


def draw(found: dict[str, Any]) -> Any:
    """Return the figure: loss along the logarithm of time, and the lives along 1 / T."""
    made, (loss, arrhenius) = figure("Floating gate, retention", 1, 2)
    for celsius, (t, kept) in zip(found["celsius"], found["bakes"], strict=True):
        loss.semilogx(t / 3600, kept, label=f"{celsius:g} C")
    loss.axhline(0.5, color="0.6", lw=0.8)
    label(loss, "time (h)", "shift left (V)", "Bakes of a shift of 1 V", legend=True)
    inverse = 1.0 / (np.asarray(found["celsius"]) + 273.15)
    line = np.linspace(1 / 400.0, 1 / 300.0, 50)
    arrhenius.semilogy(1e3 * inverse, found["life"] / _YEAR, "o", label="bakes")
    life = np.exp(found["slope"] * line + found["offset"]) / _YEAR
    arrhenius.semilogy(1e3 * line, life, label=f"{found['energy']:.3f} eV")
    arrhenius.axhline(10.0, color="0.6", lw=0.8)
    label(arrhenius, "1000 K / T", "time to half (years)", "Extrapolation", legend=True)
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the numbers beside their targets and draw."""
    present(__doc__, "floating_gate_retention", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
