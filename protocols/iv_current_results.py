"""What current-controlled sweeps say: where the voltage turns round, and how steeply it falls."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.protocol import Measured
from labctl.readings import Flag, Readings
from labctl.results import Metric, Panel, Table, Trace
from protocols.pooled import Uncertain, known, mean_of, points
from protocols.responses import table, usable

__all__ = ["Loop", "Loops", "Turn", "turn_of"]

Array = NDArray[np.float64]

_SURE = 3.0  # standard uncertainties by which a fall has to differ from zero
_UNKNOWN = (math.nan, math.nan)
_RESISTANCE = "most-negative-differential-resistance"
_MOST_DRAWN = 60  # half sweeps in the picture; of more, evenly chosen ones


@dataclass(frozen=True, slots=True)
class Turn:
    """Where a voltage turns round while the current goes on: a threshold, or a hold."""

    voltage: Uncertain = _UNKNOWN  #: magnitude, V
    current: Uncertain = _UNKNOWN  #: magnitude, A
    #: steepest slope dV/dI of the voltage's way back, Ohm
    resistance: Uncertain = _UNKNOWN


def turn_of(v: Array, i: Array, u_v: Array, u_i: Array, least: float) -> Turn:
    """Return where the voltage begins its largest fall along a sweep of the current.

    Parameters
    ----------
    v, i
        Magnitudes in the order of the sweep, V and A. For a hold they are given from the peak on,
        with the sign of `v` turned round: there the voltage rises.
    u_v, u_i
        Standard uncertainties.
    least
        Smallest fall that counts, relative to the voltage at the turn.

    Returns
    -------
    Turn
        The level at which the fall begins. The uncertainty of its current holds the distance to
        the neighbouring levels, between which it lies, as a rectangular distribution; that of its
        voltage the distance to the level before. Not a number where nothing falls by `least`, or
        by three standard uncertainties.
    """
    if len(v) < 3:
        return Turn()
    ends = np.minimum.accumulate(v[::-1])[::-1]  # the lowest voltage from each level on
    k = int(np.argmax(v - ends))
    last = k + int(np.argmin(v[k:]))
    fall, u = float(v[k] - v[last]), math.hypot(u_v[k], u_v[last])
    if last == k or fall < max(least * abs(float(v[k])), _SURE * u):
        return Turn()
    before, after = max(k - 1, 0), min(k + 1, len(i) - 1)
    spacing = abs(float(i[after] - i[before])) / math.sqrt(12)
    grid = abs(float(v[k] - v[before])) / math.sqrt(12)
    di = np.diff(i[k : last + 1])
    with np.errstate(all="ignore"):
        slopes = np.where(di != 0, np.diff(v[k : last + 1]) / di, np.nan)
        u_slopes = np.hypot(u_v[k + 1 : last + 1], u_v[k:last]) / np.abs(di)
    steepest = int(np.argmax(np.where(np.isfinite(slopes), np.abs(slopes), -1.0)))
    return Turn(
        (abs(float(v[k])), math.hypot(grid, float(u_v[k]))),
        (float(i[k]), math.hypot(spacing, float(u_i[k]))),
        (float(slopes[steepest]), float(u_slopes[steepest])),
    )


@dataclass(frozen=True)
class Loop:
    """One half sweep with what was found in it."""

    cycle: int
    side: int  #: +1 or -1
    sweep: Readings  #: usable readings, in order
    peak: int  #: number of the reading at the peak
    limited: bool  #: whether the voltage limit was in control at some level
    threshold: Turn
    hold: Turn

    @classmethod
    def of(cls, cycle: int, side: int, sweep: Readings, least: float) -> Loop:
        """Work out one half from its readings."""
        half = (len(sweep) - 1) // 2  # as asked for: the limit may flatten the peak
        good = usable(sweep) & np.isfinite(sweep.v)
        peak = int(np.sum(good[:half]))
        rows = Readings([row for row, ok in zip(sweep, good, strict=True) if ok])
        v, i = side * rows.v, side * rows.i
        out, home = slice(0, peak + 1), slice(peak, None)
        return cls(
            cycle, side, rows, peak, bool(np.any(sweep.flags & int(Flag.COMPLIANCE))),
            turn_of(v[out], i[out], rows.u_v[out], rows.u_i[out], least),
            turn_of(-v[home], i[home], rows.u_v[home], rows.u_i[home], least),
        )  # fmt: skip


@dataclass(frozen=True)
class Loops:
    """All complete half sweeps of a record, in order."""

    loops: tuple[Loop, ...]
    torn: int  #: half sweeps that are not complete

    @classmethod
    def of(cls, record: Measured, *, least: float, count: int) -> Loops:
        """Collect the half sweeps of a record; `count` readings make a complete one."""
        loops, torn = [], 0
        for step, readings in record.where(part="sweep"):
            if len(readings) == count:
                cycle, side = int(step.label["cycle"] or 0), int(step.label["side"] or 0)
                loops.append(Loop.of(cycle, side, readings, least))
            else:
                torn += 1
        return cls(tuple(loops), torn)

    def metrics(self) -> dict[str, Metric]:
        """Return every figure of merit that the halves allow."""
        found: dict[str, Metric | None] = {}
        for side, suffix in ((1, ""), (-1, "_negative")):
            mine = [loop for loop in self.loops if loop.side == side]
            for name in ("threshold", "hold"):
                turns: list[Turn] = [getattr(loop, name) for loop in mine]
                found |= _figures(f"{name}_voltage", [t.voltage for t in turns], "V", suffix)
                found |= _figures(f"{name}_current", [t.current for t in turns], "A", suffix)
            slopes = [loop.threshold.resistance for loop in mine]
            found[f"negative_resistance{suffix}"] = mean_of(slopes, "Ohm", _RESISTANCE)
        return known(found)

    def tables(self) -> tuple[Table, ...]:
        """Return one row for each half sweep."""
        if not self.loops:
            return ()
        columns: list[tuple[str, str, list[float]]] = [
            ("cycle", "1", [float(loop.cycle) for loop in self.loops]),
            ("polarity", "1", [float(loop.side) for loop in self.loops]),
        ]
        for name in ("threshold", "hold"):
            turns: list[Turn] = [getattr(loop, name) for loop in self.loops]
            columns += [
                (f"{name} voltage", "V", [turn.voltage[0] for turn in turns]),
                (f"u({name} voltage)", "V", [turn.voltage[1] for turn in turns]),
                (f"{name} current", "A", [turn.current[0] for turn in turns]),
                (f"u({name} current)", "A", [turn.current[1] for turn in turns]),
            ]
        slopes = [loop.threshold.resistance for loop in self.loops]
        columns += [
            ("negative resistance", "Ohm", [slope for slope, _ in slopes]),
            ("u(negative resistance)", "Ohm", [u for _, u in slopes]),
        ]
        return (table("Half sweeps", columns),)

    def panels(self, *, log: bool) -> tuple[Panel, ...]:
        """Return the loops, and their turns from cycle to cycle."""
        if not self.loops:
            return ()
        every = max(1, -(-len(self.loops) // _MOST_DRAWN))
        traces: list[Trace] = []
        for number, loop in enumerate(self.loops[::every]):
            v, i = loop.sweep.v, np.abs(loop.sweep.i) if log else loop.sweep.i
            out, home = slice(0, loop.peak + 1), slice(loop.peak, None)
            said = ("", "") if number else ("way up", "way down")
            traces += [
                points(v[out], i[out], said[0], "line", branch="potentiation"),
                points(v[home], i[home], said[1], "line", branch="depression"),
            ]
        label = "|current|" if log else "current"
        shown = Panel(
            "Forced current against voltage", "voltage", "V", label, "A", tuple(traces), y_log=log
        )
        return (shown, *self._courses())

    def _courses(self) -> list[Panel]:
        """Return the voltages of the turns against the cycle, where there are several cycles."""
        traces = []
        for name, branch in (("threshold", "potentiation"), ("hold", "depression")):
            rows = [(loop.cycle, *getattr(loop, name).voltage) for loop in self.loops]
            seen = [row for row in rows if math.isfinite(row[1])]
            if seen:
                x, y, u = zip(*seen, strict=True)
                traces.append(points(x, y, name, u=u, branch=branch))
        if not traces or len({loop.cycle for loop in self.loops}) < 2:
            return []
        return [Panel("Threshold and hold voltage", "cycle", "1", "voltage", "V", tuple(traces))]

    def notes(self, limit: float) -> tuple[str, ...]:
        """Say what the numbers stand on; `limit` is that of the voltage, V."""
        if not self.loops:
            return ("no half sweep is complete",)
        said = [f"{len(self.loops)} half sweeps"]
        if self.torn:
            said.append(f"{self.torn} half sweeps are not complete and were left out")
        if limited := sum(loop.limited for loop in self.loops):
            said.append(
                f"{limited} of them met the voltage limit of {limit:g} V; there the current is the "
                "one that flowed"
            )
        for name in ("threshold", "hold"):
            turns = [getattr(loop, name) for loop in self.loops]
            if still := sum(not math.isfinite(turn.voltage[0]) for turn in turns):
                said.append(f"{still} of them show no {name} by the least fall asked for")
        return tuple(said)


def _figures(name: str, rows: list[Uncertain], unit: str, suffix: str) -> dict[str, Metric | None]:
    """Return the mean over the cycles, and the standard deviation between them."""
    definition = f"{name.replace('_', '-')}-forced-current"
    found: dict[str, Metric | None] = {f"{name}{suffix}": mean_of(rows, unit, definition)}
    seen = np.array([row for row in rows if math.isfinite(row[0])])
    if len(seen) > 1:
        sd, grid = float(np.std(seen[:, 0], ddof=1)), float(np.mean(seen[:, 1]))
        sigma, said = sd / math.sqrt(2 * (len(seen) - 1)), f"{definition}-sd"
        found[f"{name}_sd{suffix}"] = (
            Metric(sd, sigma, unit, said)
            if sd > grid
            else Metric(grid, None, unit, said, bound=True)
        )
    return found
