"""What programming curves say: resistance after each pulse, and the pulse itself.

Every curve is judged by itself, on the logarithm of the resistance against the current that was
measured in the pulse (that asked for, where the pulse was not measured); figures are then pooled
over the curves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.energy import pulse_energies
from labctl.protocol import Measured
from labctl.readings import Flag, Readings
from labctl.results import Metric, Panel, Table
from labctl.steps import StepRecord
from protocols.pooled import Uncertain, geometric_of, known, mean_of, points
from protocols.responses import energy_metrics, table, u_conductances, usable
from protocols.state_read import last_read

__all__ = ["Curve", "Curves", "Pulse"]

Array = NDArray[np.float64]

_MOST = 0.9  # of the change of ln R: a pulse that made it has done its work
_SURE = 3.0  # standard uncertainties by which a change has to differ from zero
_UNKNOWN = (math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Pulse:
    """One pulse of a curve, with the reads round it."""

    repeat: int
    asked: float  #: current, A
    rows: Readings  #: measured in the pulse; empty or one row
    limited: bool  #: whether the voltage limit was in control
    before: Uncertain  #: resistance, Ohm; not a number where it was not read
    after: Uncertain

    @property
    def current(self) -> float:
        """The current measured, or asked for where it was not, A; else not a number."""
        if len(self.rows):
            return float(self.rows.i[0])
        return math.nan if self.limited else self.asked

    @property
    def u_current(self) -> float:
        """Its standard uncertainty, A."""
        return float(self.rows.u_i[0]) if len(self.rows) else 0.0

    @property
    def shown(self) -> bool:
        """Whether it is a point of a curve: its current is known, and the resistance after it."""
        return math.isfinite(self.current) and self.after[0] > 0

    @property
    def voltage(self) -> Uncertain:
        """Voltage in the pulse, V."""
        return (float(self.rows.v[0]), float(self.rows.u_v[0])) if len(self.rows) else _UNKNOWN

    @property
    def energy(self) -> Uncertain:
        """Energy of the pulse, J."""
        rows = self.rows
        if not len(rows):
            return _UNKNOWN
        energy, u = pulse_energies(rows.v, rows.i, rows.width, rows.u_v, rows.u_i)
        return float(energy[0]), float(u[0])


@dataclass(frozen=True)
class Curve:
    """One curve: its pulses in the order of their currents, those that were read."""

    pulses: tuple[Pulse, ...]
    least: float  #: factor between resistances that counts as a change

    @property
    def logs(self) -> Array:
        """Logarithm of R in Ohm after each pulse."""
        return np.log([pulse.after[0] for pulse in self.pulses])

    @property
    def lowest(self) -> Pulse:
        """The pulse that left the smallest resistance."""
        return self.pulses[int(np.argmin(self.logs))]

    @property
    def highest(self) -> Pulse:
        """The pulse that left the largest resistance."""
        return self.pulses[int(np.argmax(self.logs))]

    @property
    def reset(self) -> Uncertain:
        """Current at which ln R has risen by half above the smallest resistance, A."""
        return self._half(*self._ends(1))

    @property
    def set(self) -> Uncertain:
        """Current at which ln R has fallen by half on the way to the smallest resistance, A."""
        return self._half(*self._ends(-1))

    def enough(self, way: int) -> Pulse | None:
        """Return the pulse of the smallest current that made most of a RESET (1) or SET (-1)."""
        low, high = self._ends(way)
        if not self._changes(low, high):
            return None
        share = _MOST if way > 0 else 1.0 - _MOST
        k = self._passed(low, high, share)
        return self.pulses[k if way > 0 else k + 1]

    def _ends(self, way: int) -> tuple[int, int]:
        """Return the pulses of the smallest resistance and of the largest above or below it."""
        low = int(np.argmin(self.logs))
        if way > 0:
            return low, low + int(np.argmax(self.logs[low:]))
        return low, int(np.argmax(self.logs[: low + 1]))

    def _changes(self, low: int, high: int) -> bool:
        change = self.logs[high] - self.logs[low]
        (r, u_r), (s, u_s) = self.pulses[low].after, self.pulses[high].after
        return bool(change >= max(math.log(self.least), _SURE * math.hypot(u_r / r, u_s / s)))

    def _passed(self, low: int, high: int, share: float) -> int:
        """Return the pulse nearest to that of the smallest R that is beyond a share of ln R."""
        logs, way = self.logs, 1 if high > low else -1
        level = logs[low] + share * (logs[high] - logs[low])
        return next(k for k in range(low, high + way, way) if logs[k] >= level)

    def _half(self, low: int, high: int) -> Uncertain:
        """Return where ln R is half-way between two pulses, nearest to that of the smallest."""
        if not self._changes(low, high):
            return _UNKNOWN
        logs, middle = self.logs, (self.logs[high] + self.logs[low]) / 2
        b = self._passed(low, high, 0.5)
        a = b - 1 if high > low else b + 1
        one, other = self.pulses[a], self.pulses[b]
        share = float((middle - logs[a]) / (logs[b] - logs[a]))
        spacing = abs(other.current - one.current)
        at = one.current + (other.current - one.current) * share
        return at, math.hypot(spacing / math.sqrt(12), max(one.u_current, other.u_current))


@dataclass(frozen=True)
class Curves:
    """All curves of a record, in order."""

    curves: tuple[Curve, ...]
    pulses: tuple[Pulse, ...]  #: all of them, those whose reads were lost included

    @classmethod
    def of(cls, record: Measured, least: float) -> Curves:
        """Collect the pulses of a record; `least` is the factor that counts as a change."""
        reads: dict[tuple[str, int, int], list[tuple[StepRecord, Readings]]] = {}
        for part in ("before", "after"):
            for step, readings in record.where(part=part):
                reads.setdefault((part, *_number(step)), []).append((step, readings))
        pulses = []
        for step, readings in record.where(part="pulse"):
            number, asked = _number(step), float(step.label["current"] or 0.0)
            good = usable(readings) & np.isfinite(readings.v)
            rows = Readings([row for row, ok in zip(readings, good, strict=True) if ok][-1:])
            limited = bool(np.any(readings.flags & int(Flag.COMPLIANCE)))
            before, after = (
                _resistance(reads.get((part, *number), [])) for part in ("before", "after")
            )
            pulses.append(Pulse(number[0], asked, rows, limited, before, after))
        curves = []
        for repeat in dict.fromkeys(pulse.repeat for pulse in pulses):
            read = [p for p in pulses if p.repeat == repeat and p.shown]
            if read:
                curves.append(Curve(tuple(read), least))
        return cls(tuple(curves), tuple(pulses))

    def metrics(self) -> dict[str, Metric]:
        """Return every figure of merit that the curves allow."""
        curves = self.curves
        ends = [(curve.set, curve.reset) for curve in curves]
        windows = [(b[0] - a[0], math.hypot(a[1], b[1])) for a, b in ends]
        lows, highs = [c.lowest for c in curves], [c.highest for c in curves]
        ratios = [_ratio(high.after, low.after) for high, low in zip(highs, lows, strict=True)]
        found = {
            "reset_current": mean_of([b for _, b in ends], "A", "reset-current-half-change"),
            "set_current": mean_of([a for a, _ in ends], "A", "set-current-half-change"),
            "set_window": mean_of(windows, "A", "set-window-of-currents"),
            "lowest_resistance": geometric_of(
                [p.after for p in lows], "Ohm", "smallest-resistance-of-curve"
            ),
            "highest_resistance": geometric_of(
                [p.after for p in highs], "Ohm", "largest-resistance-of-curve"
            ),
            "dynamic_range": geometric_of(ratios, "1", "dynamic-range-of-resistance"),
        }
        energies = energy_metrics({"set": self._enough(-1), "reset": self._enough(1)})
        return {**known(found), **energies}

    def _enough(self, way: int) -> Readings:
        found = [curve.enough(way) for curve in self.curves]
        return Readings([row for pulse in found if pulse is not None for row in pulse.rows])

    def tables(self) -> tuple[Table, ...]:
        """Return one row for each pulse."""
        if not self.pulses:
            return ()
        columns: list[tuple[str, str, Callable[[Pulse], float | bool]]] = [
            ("repeat", "1", lambda p: float(p.repeat)),
            ("current asked", "A", lambda p: p.asked),
            ("current", "A", lambda p: float(p.rows.i[0]) if len(p.rows) else math.nan),
            ("u(current)", "A", lambda p: p.u_current if len(p.rows) else math.nan),
            ("voltage", "V", lambda p: p.voltage[0]),
            ("u(voltage)", "V", lambda p: p.voltage[1]),
            ("at the voltage limit", "", lambda p: p.limited),
            ("energy", "J", lambda p: p.energy[0]),
            ("u(energy)", "J", lambda p: p.energy[1]),
            ("resistance before", "Ohm", lambda p: p.before[0]),
            ("u(before)", "Ohm", lambda p: p.before[1]),
            ("resistance after", "Ohm", lambda p: p.after[0]),
            ("u(after)", "Ohm", lambda p: p.after[1]),
        ]
        filled = [(name, unit, [of(p) for p in self.pulses]) for name, unit, of in columns]
        return (table("Pulses", filled),)

    def panels(self) -> tuple[Panel, ...]:
        """Return resistance, voltage and energy against the current of the pulse."""
        if not self.pulses:
            return ()
        return tuple(self._panels())

    def _panels(self) -> Iterator[Panel]:
        wanted: tuple[tuple[str, str, str, Callable[[Pulse], Uncertain], bool], ...] = (
            ("Programming curve", "resistance after the pulse", "Ohm", lambda p: p.after, True),
            ("Voltage in the pulse", "voltage", "V", lambda p: p.voltage, False),
            ("Energy of a pulse", "energy", "J", lambda p: p.energy, True),
        )
        for title, label, unit, of, log in wanted:
            traces = []
            for repeat in dict.fromkeys(p.repeat for p in self.pulses):
                mine = [
                    p
                    for p in self.pulses
                    if p.repeat == repeat and math.isfinite(of(p)[0] + p.current)
                ]
                if mine:
                    y, u = zip(*map(of, mine), strict=True)
                    x = [p.current for p in mine]
                    # every curve has one colour: they are repeats of each other
                    traces += [points(x, y, u=u, branch="potentiation"),
                               points(x, y, "", "line", branch="potentiation")]  # fmt: skip
            if traces:
                yield Panel(title, "current", "A", label, unit, tuple(traces), y_log=log)

    def notes(self, limit: float) -> tuple[str, ...]:
        """Say what the numbers stand on; `limit` is that of the voltage, V."""
        if not self.pulses:
            return ("no pulse was played",)
        said = [f"{len(self.pulses)} pulses in {len(self.curves)} curves"]
        if limited := sum(pulse.limited for pulse in self.pulses):
            said.append(
                f"{limited} pulses met the voltage limit of {limit:g} V; they stand at the current "
                "that flowed"
            )
        if unknown := sum(not math.isfinite(pulse.current) for pulse in self.pulses):
            said.append(f"of {unknown} of these it was not measured, and they were left out")
        if not any(len(pulse.rows) for pulse in self.pulses):
            said.append("the pulses were not measured; currents are those asked for")
        lost = sum(not pulse.after[0] > 0 for pulse in self.pulses)
        if lost:
            said.append(f"{lost} reads showed no resistance and were left out")
        for name, way in (("RESET", 1), ("SET", -1)):
            if still := sum(curve.enough(way) is None for curve in self.curves):
                said.append(f"{still} curves show no {name} by the least factor asked for")
        return tuple(said)


def _number(step: StepRecord) -> tuple[int, int]:
    return int(step.label["repeat"] or 0), int(step.label["pulse"] or 0)


def _resistance(steps: Sequence[tuple[StepRecord, Readings]]) -> Uncertain:
    """Return the resistance last read and its uncertainty; not a number where no current flowed."""
    found = last_read(steps)
    if not len(found) or not found.g[0] > 0:
        return _UNKNOWN
    resistance = 1.0 / float(found.g[0])
    return resistance, float(u_conductances(found)[0]) * resistance**2


def _ratio(one: Uncertain, other: Uncertain) -> Uncertain:
    value = one[0] / other[0]
    return value, value * math.hypot(one[1] / one[0], other[1] / other[0])
