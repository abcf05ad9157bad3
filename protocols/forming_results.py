"""What a forming ramp says: where it formed, what that cost, and whether the device switches."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.curve_panels import line_of, points_of
from labctl.analysis.energy import energy_per_pulse, floored, pulse_energies
from labctl.protocol import Measured
from labctl.readings import Flag, Readings, Row
from labctl.results import Metric, Panel, Table
from labctl.steps import StepRecord
from labctl.units import show
from protocols.responses import table, u_conductances, usable

__all__ = ["Formed"]

Array = NDArray[np.float64]

_Z_95 = 1.6448536269514722  # one-sided 95 % quantile of the normal distribution


@dataclass(frozen=True)
class Formed:
    """A ramp, pulse by pulse, and the states read around it."""

    before: Readings  #: read of the pristine device; empty or one row
    pulses: tuple[Row | None, ...]  #: of the ramp; None where the reading was lost
    asked: tuple[tuple[float, float], ...]  #: amplitude and width of each, V and s
    reads: tuple[Readings, ...]  #: after each of them; empty or one row
    resets: Readings  #: in the RESET pulses
    after: Readings  #: read after the last of them
    target: float  #: Ohm
    breakdown: float  #: Ohm
    reset_above: float

    @classmethod
    def of(cls, record: Measured, target: float, breakdown: float, above: float) -> Formed:
        """Collect a record, in the order it was made."""
        before, after, resets = Readings(), Readings(), list[Row]()
        pulses: list[Row | None] = []
        asked, reads = list[tuple[float, float]](), list[Readings]()
        for step in record.steps:
            readings = record.of(step)
            good = [row for row, ok in zip(readings, usable(readings), strict=True) if ok]
            state = Readings(good[-1:])
            match step.label.get("part"):
                case "before":
                    before = state if good else before
                case "forming":
                    pulses.append(good[0] if good else None)
                    asked.append(_asked(step))
                    reads.append(Readings())
                case "after forming" if reads and good:
                    reads[-1] = state
                case "reset":
                    resets += good
                case "after reset":
                    after = state if good else after
        return cls(
            before, tuple(pulses), tuple(asked), tuple(reads), Readings(resets), after, target,
            breakdown, above,
        )  # fmt: skip

    def _g(self, state: Readings) -> float:
        return float(state.g[0]) if len(state) else math.nan

    @property
    def last(self) -> Readings:
        """The last state read in the ramp, or before it where there was no ramp."""
        return self.reads[-1] if self.reads else self.before

    @property
    def formed(self) -> bool:
        """Whether the target was reached."""
        return self._g(self.last) * self.target > 1

    @property
    def broken(self) -> bool:
        """Whether a state read was below the resistance of a breakdown."""
        states = (self.before, *self.reads, self.after)
        return any(self._g(state) * self.breakdown > 1 for state in states)

    @property
    def by_the_ramp(self) -> bool:
        """Whether it was a pulse of the ramp that formed it."""
        return self.formed and bool(self.reads)

    # metrics -------------------------------------------------------------------------------------

    def metrics(self, *, by_width: bool) -> dict[str, Metric]:
        """Return every figure of merit that the record allows."""
        found: dict[str, Metric] = {}
        if not len(self.before) and not self.reads:
            return found
        found["formed"] = Metric(float(self.formed), None, "1", "resistance-target-reached")
        found["broken"] = Metric(float(self.broken), None, "1", "resistance-below-breakdown")
        if self.by_the_ramp:
            found |= self._place(by_width)
        found |= self._energies() | self._states()
        return found

    def _place(self, by_width: bool) -> dict[str, Metric]:
        """Return where the ramp formed: between its last pulse and the one before."""
        row, found = self.pulses[-1], {}
        if by_width:
            last = self.asked[-1][1] if row is None else row.width
            first = self.asked[-2][1] if len(self.asked) > 1 else 0.0
            middle, half = (last + first) / 2, (last - first) / 2
            found["forming_width"] = Metric(middle, half / math.sqrt(3), "s", "forming-width-ramp")
        elif len(self.asked) == 1:
            found["forming_voltage"] = Metric(
                self.asked[0][0], None, "V", "forming-voltage-ramp", bound=True
            )
        else:
            # the levels that the source was programmed to: under compliance they are not reached
            last, first = self.asked[-1][0], self.asked[-2][0]
            u = math.hypot((last - first) / math.sqrt(12), 0.0 if row is None else row.u_v)
            found["forming_voltage"] = Metric((last + first) / 2, u, "V", "forming-voltage-ramp")
        if row is not None:
            found["forming_current"] = Metric(row.i, row.u_i or None, "A", "current-in-pulse")
        return found

    def _energies(self) -> dict[str, Metric]:
        known = Readings([row for row in self.pulses if row is not None])
        found: dict[str, Metric | None] = {"energy_reset": _energy(self.resets)}
        if self.by_the_ramp and self.pulses[-1] is not None:
            found["energy_forming"] = _energy(known[-1:])
        if len(known):
            e, u = pulse_energies(known.v, known.i, known.width, known.u_v, known.u_i)
            # one range, one meter: the errors of all pulses go together
            whole, sigma = float(np.sum(e)), float(np.sum(u))
            found["energy_total"] = floored(whole, sigma, "energy-of-all-pulses")
        return {name: metric for name, metric in found.items() if metric is not None}

    def _states(self) -> dict[str, Metric]:
        found = {}
        states = {"before": self.before, "after_forming": self.last, "after_reset": self.after}
        if not self.formed:
            states.pop("after_forming")
        for name, state in states.items():
            if len(state):
                found[name] = _conductance(state)
                if name != "before" and state.g[0] > 0 and not found[name].bound:
                    u = float(u_conductances(state)[0]) / float(state.g[0]) ** 2
                    value = 1 / float(state.g[0])
                    found[f"resistance_{name}"] = Metric(value, u or None, "Ohm", "read-resistance")
        if self.formed and len(self.after) and self._g(self.after) > 0:
            found["window"] = _ratio(self.last, self.after)
        return found

    # table, panels, notes ------------------------------------------------------------------------

    def tables(self) -> tuple[Table, ...]:
        """Return one row for each pulse of the ramp."""
        rows = [row or _LOST for row in self.pulses]
        pulses = Readings(rows)
        energy, u = pulse_energies(pulses.v, pulses.i, pulses.width, pulses.u_v, pulses.u_i)
        return (
            table(
                "Forming pulses",
                [
                    ("amplitude", "V", [a for a, _ in self.asked]),
                    ("achieved level", "V", pulses.v),
                    ("width", "s", pulses.width),
                    ("current", "A", pulses.i),
                    ("energy", "J", energy),
                    ("u(energy)", "J", u),
                    ("conductance after", "S", [self._g(state) for state in self.reads]),
                    ("u(conductance)", "S",
                     [float(u_conductances(s)[0]) if len(s) else math.nan for s in self.reads]),
                    ("in compliance", "", [bool(row.flags & Flag.COMPLIANCE) for row in rows]),
                ],
            ),
        )  # fmt: skip

    def panels(self, *, by_width: bool) -> tuple[Panel, ...]:
        """Return the current in the pulses and the state after them, along the ramp."""
        return tuple(self._panels(by_width)) if self.reads else ()

    def _panels(self, by_width: bool) -> Iterator[Panel]:
        x = np.array([w if by_width else abs(a) for a, w in self.asked])
        name, unit = ("width", "s") if by_width else ("amplitude", "V")
        rows = [row or _LOST for row in self.pulses]
        current = points_of(x, [abs(row.i) for row in rows], [row.u_i for row in rows])
        yield Panel(
            "Current in the pulses", name, unit, "|current|", "A", (current,), x_log=by_width,
            y_log=True,
        )  # fmt: skip
        states = [self._g(state) for state in self.reads]
        u = [float(u_conductances(s)[0]) if len(s) else 0.0 for s in self.reads]
        ends = np.array([x[0], x[-1]])
        yield Panel(
            "State after each pulse", name, unit, "conductance", "S",
            (
                points_of(x, states, u, "read after the pulse"),
                line_of(ends, [1 / self.target] * 2, "target"),
                line_of(ends, [1 / self.breakdown] * 2, "breakdown"),
            ),
            x_log=by_width, y_log=True,
        )  # fmt: skip

    def notes(self) -> tuple[str, ...]:
        """Say how it ended."""
        if not len(self.before) and not self.reads:
            return ("nothing was read",)
        return tuple(self._said())

    def _said(self) -> Iterator[str]:
        if self.broken:
            yield f"broken: a resistance below {self.breakdown:g} Ohm was read, and it ended there"
        elif self.by_the_ramp:
            yield f"formed by pulse {len(self.reads)} of the ramp"
        elif self.formed:
            yield f"it was below {self.target:g} Ohm already; no forming pulse was applied"
        else:
            yield f"not formed: {len(self.reads)} pulses did not bring it below {self.target:g} Ohm"
        if self.by_the_ramp and len(self.reads) == 1:
            yield "the first pulse formed it: the forming voltage may be lower; begin weaker"
        if self.by_the_ramp:
            yield (
                "the current changed within the forming pulse: its energy is that of a flat pulse "
                "with the current at its end"
            )
        if len(self.resets) and not self.broken and len(self.after):
            done = self._g(self.after) * self.reset_above < self._g(self.last)
            yield (
                f"{_many(len(self.resets))} took it up to {show(1 / self._g(self.after), 'Ohm')}"
                if done
                else f"{_many(len(self.resets))} did not raise its resistance "
                f"{self.reset_above:g} times: it may be shorted"
            )


def _many(count: int) -> str:
    return f"{count} RESET pulse{'s' if count > 1 else ''}"


_LOST = Row(*(math.nan,), "", "pulse", *(math.nan,) * 6, int(Flag.LOST))


def _asked(step: StepRecord) -> tuple[float, float]:
    amplitude, width = (float(step.label.get(name) or 0.0) for name in ("amplitude", "width"))
    return amplitude, width


def _energy(rows: Readings) -> Metric | None:
    if not len(rows):
        return None
    return energy_per_pulse(rows.v, rows.i, rows.width, rows.u_v, rows.u_i)


def _conductance(state: Readings) -> Metric:
    """Return a conductance, or its upper 95 % bound where the meter cannot tell it from nothing."""
    g, u = float(state.g[0]), float(u_conductances(state)[0])
    if u >= g:
        return Metric(max(g, 0.0) + _Z_95 * u, None, "S", "read-conductance", bound=True)
    return Metric(g, u or None, "S", "read-conductance")


def _ratio(high: Readings, low: Readings) -> Metric:
    ratio = float(high.g[0] / low.g[0])
    u = math.hypot(*(float(u_conductances(one)[0] / one.g[0]) for one in (high, low)))
    return Metric(ratio, ratio * u or None, "1", "on-off-ratio-reads")
