"""Transfer and output curves of a transistor from pulsed levels on gate and drain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.protocol import Measured
from labctl.readings import Readings
from labctl.results import Metric, Panel, Results, Table, Trace
from protocols.responses import table, usable

__all__ = ["Curve", "curve_results", "transfer_metrics"]

Array = NDArray[np.float64]

_FLOOR = 3.0  # standard uncertainties above which a current is one


@dataclass(frozen=True, slots=True)
class Curve:
    """Levels and currents of gate and drain, point by point in the order they were played."""

    vg: Array  #: V
    vd: Array  #: V
    i_drain: Array  #: A
    i_gate: Array  #: A
    u_drain: Array  #: A
    u_gate: Array  #: A

    @classmethod
    def of(cls, readings: Readings, gate: str, drain: str) -> Curve:
        """Pair the readings of both terminals; a lost one is not a number."""
        at_gate, at_drain = (readings.where(role="read", terminal=x) for x in (gate, drain))
        count = min(len(at_gate), len(at_drain))
        at_gate, at_drain = at_gate[:count], at_drain[:count]
        i_drain, i_gate = (np.where(usable(rows), rows.i, np.nan) for rows in (at_drain, at_gate))
        return cls(at_gate.v, at_drain.v, i_drain, i_gate, at_drain.u_i, at_gate.u_i)


def curve_results(record: Measured, gate: str, drain: str) -> Results:
    """Return the figures, tables and panels of both kinds of curve.

    Parameters
    ----------
    record
        Steps labelled ``transfer`` and ``output``.
    gate, drain
        Terminals.
    """
    transfers = [Curve.of(rows, gate, drain) for _, rows in record.where(part="transfer")]
    outputs = [
        (float(step.label["gate"] or 0.0), Curve.of(rows, gate, drain))
        for step, rows in record.where(part="output")
    ]
    transfers = [one for one in transfers if len(one.vg) > 2]
    outputs = sorted((one for one in outputs if len(one[1].vg) > 1), key=lambda one: one[0])
    metrics: dict[str, Metric] = {}
    notes: tuple[str, ...] = ()
    for one in transfers:
        metrics, notes = transfer_metrics(one)
    tables = [_curve_table("Transfer curve", one) for one in transfers]
    tables += [_curve_table(f"Output curve at a gate of {level:g} V", one)
               for level, one in outputs]  # fmt: skip
    panels = [panel for one in transfers for panel in _transfer_panels(one)]
    if outputs:
        panels.append(_output_panel(outputs))
    return Results(metrics, {}, tuple(tables), tuple(panels), notes)


def transfer_metrics(curve: Curve) -> tuple[dict[str, Metric], tuple[str, ...]]:
    """Return the figures of a transfer curve, played up and then down.

    Returns
    -------
    metrics, notes
        ``transconductance``, ``on_off``, ``swing``, ``hysteresis``, ``gate_current``; those that
        the readings do not give are missing, and a note says why.
    """
    size, notes = np.abs(curve.i_drain), []
    good = np.isfinite(size)
    found: dict[str, Metric] = {}
    if not np.any(good):
        return found, ("no reading of the transfer curve is usable",)
    half = len(curve.vg) // 2
    found |= _slope(curve, slice(0, half)) | _swing(curve, slice(0, half))
    low, high = int(np.nanargmin(size)), int(np.nanargmax(size))
    if size[low] > _FLOOR * curve.u_drain[low]:
        relative = np.hypot(curve.u_drain[low] / size[low], curve.u_drain[high] / size[high])
        ratio = float(size[high] / size[low])
        found["on_off"] = Metric(ratio, float(relative) * ratio or None, "1", "transfer-on-off")
    else:
        notes.append(
            "the smallest drain current is below what its range resolves, so on_off is left out"
        )
    back = size[half : 2 * half][::-1]
    apart, span = np.abs(size[:half] - back), float(np.nanmax(size) - np.nanmin(size))
    if span > 0 and np.any(np.isfinite(apart)):
        found["hysteresis"] = Metric(
            float(np.nanmax(apart)) / span, None, "1", "transfer-hysteresis"
        )
    return found | _gate_current(curve), tuple(notes)


def _slope(curve: Curve, up: slice) -> dict[str, Metric]:
    """Return the largest slope between neighbours of the upward sweep."""
    rise, v = np.diff(curve.i_drain[up]), np.diff(curve.vg[up])
    with np.errstate(all="ignore"):
        slope = np.abs(rise / v)
        u = np.hypot(curve.u_drain[up][1:], curve.u_drain[up][:-1]) / np.abs(v)
    if not np.any(np.isfinite(slope)):
        return {}
    at = int(np.nanargmax(slope))
    return {"transconductance": Metric(float(slope[at]), float(u[at]) or None, "S",
                                       "transconductance")}  # fmt: skip


def _swing(curve: Curve, up: slice) -> dict[str, Metric]:
    """Return the least gate voltage for a decade of resolved current; none on a flat curve."""
    size, u = np.abs(curve.i_drain[up]), curve.u_drain[up]
    with np.errstate(all="ignore"):
        logs = np.where(size > _FLOOR * u, np.log10(size), np.nan)
        spread = u / size / np.log(10)
        swing = np.abs(np.diff(curve.vg[up]) / np.diff(logs))
        relative = np.hypot(spread[1:], spread[:-1]) / np.abs(np.diff(logs))
    clear = np.isfinite(swing) & (relative < 1 / _FLOOR)
    if not np.any(clear):
        return {}
    at = int(np.argmin(np.where(clear, swing, np.inf)))
    sigma = float(swing[at] * relative[at])
    return {"swing": Metric(float(swing[at]), sigma or None, "V", "subthreshold-swing")}


def _gate_current(curve: Curve) -> dict[str, Metric]:
    size = np.abs(curve.i_gate)
    if not np.any(np.isfinite(size)):
        return {}
    at = int(np.nanargmax(size))
    value, u = float(size[at]), float(curve.u_gate[at])
    if value <= u:
        return {"gate_current": Metric(value + 1.645 * u, None, "A", "gate-current", bound=True)}
    return {"gate_current": Metric(value, u or None, "A", "gate-current")}


def _curve_table(title: str, curve: Curve) -> Table:
    return table(
        title,
        (
            ("gate", "V", curve.vg),
            ("drain", "V", curve.vd),
            ("drain current", "A", curve.i_drain),
            ("u(drain current)", "A", curve.u_drain),
            ("gate current", "A", curve.i_gate),
            ("u(gate current)", "A", curve.u_gate),
        ),
    )


def _transfer_panels(curve: Curve) -> Iterator[Panel]:
    half = len(curve.vg) // 2
    sides = (("up", slice(0, half)), ("down", slice(half, None)))
    for name, current, u in (
        ("drain", curve.i_drain, curve.u_drain), ("gate", curve.i_gate, curve.u_gate),
    ):  # fmt: skip
        shown = []
        for side, part in sides:
            y = np.abs(current[part])
            good = np.isfinite(y) & (y > 0)
            shown.append(_trace(curve.vg[part][good], y[good], u[part][good], side))
        yield Panel(
            f"Transfer curve: {name} current", "gate voltage", "V", f"|{name} current|", "A",
            tuple(shown), y_log=True,
        )  # fmt: skip


def _output_panel(outputs: list[tuple[float, Curve]]) -> Panel:
    shown = []
    for level, one in outputs:
        good = np.isfinite(one.i_drain)
        label = f"gate {level:g} V"
        shown.append(_trace(one.vd[good], one.i_drain[good], one.u_drain[good], label))
    return Panel("Output curves", "drain voltage", "V", "drain current", "A", tuple(shown))


def _trace(x: Array, y: Array, u: Array, label: str) -> Trace:
    bars = tuple(u.tolist()) if np.any(u > 0) else ()
    return Trace(tuple(x.tolist()), tuple(y.tolist()), label, "points", bars)
