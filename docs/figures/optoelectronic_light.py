"""An optoelectronic synapse under light: facilitation, wavelength, dose, STP to LTP, energy.

Facilitation after Ma et al., Nano-Micro Lett. 16 (2024), MXene/violet phosphorus: pairs of
ultraviolet pulses of 1 s, index A2 / A1 from 135 % after 0.1 s to 112 % after 10 s, 2.4 % of the
current left after 100 s. A is the rise of the current at the end of a pulse above the current
before the first one. Those three numbers were fitted; irradiance (10 W/m2), area and the spectrum
between 250 and 600 nm (S2.11) are assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import labctl
from docs.figures.drawing import figure, label, present
from labctl.benchfile import read_bench
from labctl.waveform import Node, Window, pulse, read, rest, segment, ticks, train

__all__ = ["TARGETS", "draw", "main", "measure"]

TARGETS = {
    "ppf_100_ms": "135 % (Ma et al., 2024)",
    "ppf_10_s": "112 % (same)",
    "left_100_s": "2.4 % (same)",
    "selectivity": "250 to 600 nm told apart (S2.11); spectrum assumed",
    "dose_slope": "1: weak light adds up",
    "dose_saturation": "below 1: strong light saturates",
    "kept_1": "short-term", "kept_100": "more stays after more pulses",
    "energy_optical": "1 nJ: 10 W/m2 on 100 um2 for 1 s, as assumed",
    "energy_electrical": "of the read at 1 mV",
}  # fmt: skip
_IRRADIANCE, _WIDTH, _READ = 10.0, 1.0, 1e-3
_COMPLIANCE = 1e-3
_LOOK = 10e-3
_INTERVALS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
_COLOURS = ("deep", "uv", "violet", "blue", "green", "orange")
_DOSES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


def measure(bench: str | Path = "direct-optoelectronic") -> dict[str, Any]:
    """Return the numbers of `TARGETS` and the curves behind them, from fresh devices."""
    ports = read_bench(bench)[0].light
    ppf = [_facilitation(bench, interval) for interval in _INTERVALS]
    (times, once), (_, often) = _decay(bench, 1), _decay(bench, 100)
    change = {colour: _change(bench, colour, _IRRADIANCE) for colour in _COLOURS}
    doses = np.array([_change(bench, "uv", level) for level in _DOSES])
    slopes = np.gradient(np.log(doses), np.log(_DOSES))
    area = ports["uv"].area or 0.0
    return {
        "ppf_100_ms": ppf[0], "ppf_10_s": ppf[_INTERVALS.index(10.0)],
        "left_100_s": float(np.interp(100.0, times, once)),
        "selectivity": change["deep"] / change["orange"],
        "dose_slope": float(slopes[0]), "dose_saturation": float(slopes[-1]),
        "kept_1": float(once[-1] / once[0]), "kept_100": float(often[-1] / often[0]),
        "energy_optical": _IRRADIANCE * area * _WIDTH,
        "energy_electrical": _electrical(bench),
        "interval": _INTERVALS, "ppf": ppf,
        "wavelength": [ports[colour].wavelength for colour in _COLOURS],
        "change": list(change.values()), "dose": np.array(_DOSES) * _WIDTH, "dosed": doses,
        "time": times, "once": once, "often": often,
    }  # fmt: skip


def _look() -> Node:
    return read(_READ, _LOOK)


def _flash(terminal: str = "uv", irradiance: float = _IRRADIANCE) -> Node:
    return pulse(irradiance, _WIDTH, terminal=terminal, measured=False)


def _lit() -> Node:
    """Return a light pulse under a small bias, measured in its last hundredth."""
    whole = ticks(_WIDTH)
    windows = (Window("top", round(0.99 * whole), whole, "read"),)
    return segment(_WIDTH, {"uv": _IRRADIANCE, "top": _READ}, windows=windows, role="pulse")


def _facilitation(bench: str | Path, interval: float) -> float:
    """Return A2 / A1 of a pair of light pulses."""
    with labctl.bench(bench) as device:
        rows = device.play(_look() + _lit() + rest(interval) + _lit(), _COMPLIANCE)
    dark, first, second = (row.i for row in rows)
    return float((second - dark) / (first - dark))


def _change(bench: str | Path, terminal: str, irradiance: float) -> float:
    """Return the relative change of the conductance 0.1 s after one pulse."""
    waveform = _look() + _flash(terminal, irradiance) + rest(0.1) + _look()
    with labctl.bench(bench) as device:
        before, after = (row.i for row in device.play(waveform, _COMPLIANCE))
    return float(after / before) - 1.0


def _decay(bench: str | Path, count: int) -> tuple[Any, Any]:
    """Return times since the last of some pulses (one every 2 s), and the relative change."""
    waveform = _look() + train(_flash(), 2.0, count)
    for pause in np.diff(np.geomspace(0.1, 1000.0, 41), prepend=0.0).tolist():
        waveform = waveform + rest(pause) + _look()
    with labctl.bench(bench) as device:
        rows = device.play(waveform, _COMPLIANCE)
    current = np.array([row.i for row in rows])
    last = rows[0].t + 2.0 * (count - 1) + _WIDTH
    return np.array([row.t for row in rows[1:]]) - last, current[1:] / current[0] - 1.0


def _electrical(bench: str | Path) -> float:
    """Return the electrical energy of one light pulse read at 1 mV, J."""
    windows = (Window("top", 0, ticks(_WIDTH), "pulse"),)
    lit = segment(_WIDTH, {"uv": _IRRADIANCE, "top": _READ}, windows=windows, role="pulse")
    with labctl.bench(bench) as device:
        (row,) = device.play(lit, _COMPLIANCE)
    return float(row.v * row.i * _WIDTH)


def draw(found: dict[str, Any]) -> Any:
    """Return the figure: facilitation, spectrum, dose, decay."""
    made, (pairs, colours, doses, decay) = figure("Optoelectronic synapse, light", 2, 2)
    pairs.semilogx(found["interval"], 100 * np.asarray(found["ppf"]), "o-")
    label(pairs, "interval (s)", "A2 / A1 (%)", "Pairs of light pulses, 365 nm, 1 s")
    nm = 1e9 * np.asarray(found["wavelength"])
    colours.semilogy(nm, 100 * np.asarray(found["change"]), "o-")
    label(colours, "wavelength (nm)", "change of G (%)", "One pulse, 10 W/m2, 1 s")
    doses.loglog(found["dose"], 100 * np.asarray(found["dosed"]), "o-")
    label(doses, "dose (J/m2)", "change of G (%)", "365 nm, pulses of 1 s")
    for name, text in (("once", "1 pulse"), ("often", "100 pulses")):
        decay.semilogx(found["time"], np.asarray(found[name]) / found[name][0], label=text)
    label(decay, "time in the dark (s)", "change of G, relative", "Short-term to long-term",
          legend=True)  # fmt: skip
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the numbers beside their targets and draw."""
    present(__doc__, "optoelectronic_light", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
