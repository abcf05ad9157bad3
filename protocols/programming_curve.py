"""Resistance against the current of a pulse: SET, RESET and what lies between."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Generator
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt
from pydantic import Field, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol, Reference
from labctl.readings import Readings
from labctl.results import Panel, Results
from labctl.steps import Label, Play, Step, Steps
from labctl.units import Ampere, Amperes, Ratio, Second, Volt, parse_series
from labctl.waveform import Node, pulse, read, rest
from protocols.limited import Limit, limited
from protocols.parameters import (
    Compliance,
    LongestTime,
    MostPulses,
    ReadVoltage,
    ReadWidth,
    Repeats,
    Terminal,
)
from protocols.programming_curve_results import Curves
from protocols.replay import limit_reached
from protocols.state_read import StateRead, read_state

__all__ = ["ProgrammingCurve"]


class ProgrammingCurve(Protocol):
    """Resistance after current pulses of rising amplitude.

    A phase-change cell is programmed by the heat of a current, whose source keeps it what it is
    while the resistance of the cell changes by decades. From the high resistance the curve of read
    resistance against current falls where the cell crystallises (SET) and rises where it melts
    (RESET). Before each pulse the cell is brought to one state by a pulse of its own, or once
    before each curve, so that the pulses accumulate. In each pulse voltage and current are
    measured: they show the threshold, the resistance of the hot cell, and the energy.

    The source holds a current as long as its voltage stays below the limit; pulses that met it are
    flagged and stand at the current that did flow. A bench that sources only currents reads by a
    small current, which is given up where the voltage would pass that of a read.
    """

    title: ClassVar[str] = "Programming curve"
    summary: ClassVar[str] = "Resistance after current pulses of rising amplitude: SET and RESET."
    purpose: ClassVar[str] = "memory"
    reference: ClassVar[Reference] = Reference(
        "10.1116/1.3301579", text="Burr et al., J. Vac. Sci. Technol. B 2010, 28, 223"
    )
    decides: ClassVar[bool] = True

    kind: Literal["programming-curve"] = "programming-curve"
    currents: Annotated[
        Amperes, Field(min_length=3, description="Amplitudes of the pulses, rising.")
    ] = parse_series("10 uA .. 180 uA, 35 lin", "A")
    width: Annotated[Second, Gt(0), Field(description="Full width at half maximum.")] = 1e-6
    edge: Annotated[
        Second, Ge(0), Field(description="Of each edge; a slow one crystallises what has melted.")
    ] = 0.0
    voltage_limit: Annotated[
        Volt, Gt(0), Field(description="Largest voltage that the source of a pulse may reach.")
    ] = 3.0
    measured: Annotated[
        bool, Field(description="Whether voltage and current are measured in the pulses.")
    ] = True
    initialise: Annotated[
        Literal["each", "once", "never"],
        Field(description="Bring the cell to one state: before each pulse, each curve, or not."),
    ] = "each"
    initial_current: Annotated[
        Ampere, Gt(0), Field(description="Amplitude of the pulse that does so.")
    ] = 180e-6
    initial_width: Annotated[Second, Gt(0), Field(description="Its width.")] = 100e-9
    settle: Annotated[
        Second, Ge(0), Field(description="Between a pulse and the read after it.")
    ] = 1e-3
    read_by: Annotated[
        Literal["voltage", "current"], Field(description="What the read imposes.")
    ] = "voltage"
    read: ReadVoltage = 0.1
    read_current: Annotated[
        Ampere, Gt(0), Field(description="Of a read by a current, up to the read voltage.")
    ] = 1e-6
    read_width: ReadWidth = 10e-3
    least: Annotated[
        Ratio, Gt(1), Field(description="Least factor between resistances that counts as a change.")
    ] = 2.0
    repeats: Repeats = 3
    compliance: Compliance = 1e-3
    most_pulses: MostPulses = 1_000_000
    longest_time: LongestTime = 86400
    terminal: Terminal = "top"

    @model_validator(mode="after")
    def _fits_together(self) -> ProgrammingCurve:
        if self.currents[0] <= 0 or any(b <= a for a, b in itertools.pairwise(self.currents)):
            raise ValueError(
                "the currents of a programming curve must be positive and rise; give them in "
                "order, as in 10 uA .. 200 uA, 20 lin"
            )
        most = max(self.currents[-1], self.initial_current, self.read_current)
        if most > self.compliance:
            raise ValueError(
                f"a current of {most:g} A was asked for with a compliance of "
                f"{self.compliance:g} A; raise the compliance or lower the current"
            )
        return self

    def steps(self) -> Steps:
        """Play every amplitude, each after its initial pulse where asked for, and read."""
        yield from limited(self._course(), self._limit())

    def _limit(self) -> Limit:
        return Limit(self.most_pulses, self.longest_time)

    def _course(self) -> Steps:
        for repeat in range(1, self.repeats + 1):
            for number, current in enumerate(self.currents):
                label: Label = {"repeat": repeat, "pulse": number, "current": current}
                first = self.initialise == "each" or (self.initialise == "once" and not number)
                if first:
                    initial = self._pulse(self.initial_current, self.initial_width, measured=False)
                    yield self._play(initial, self._widest, {**label, "part": "initialise"})
                if first or not number:
                    yield from self._look({**label, "part": "before"})
                written = self._pulse(current, self.width, measured=self.measured)
                yield self._play(written, self._widest, {**label, "part": "pulse"})
                yield from self._look({**label, "part": "after"})

    @property
    def _widest(self) -> float:
        """The range on which all pulses are sourced, A: it does not change within a curve."""
        return max(self.currents[-1], self.initial_current)

    def _pulse(self, current: float, width: float, *, measured: bool) -> Node:
        edge = min(self.edge, width / 2)
        return pulse(current, width, terminal=self.terminal, edge=edge, measured=measured)

    def _play(self, waveform: Node, most: float, label: Label, limit: float | None = None) -> Play:
        return Play(
            waveform,
            self.compliance,
            {self.terminal: most},
            label,
            {self.terminal: self.voltage_limit if limit is None else limit},
        )

    def _look(self, label: Label) -> Generator[Step, Readings, Readings]:
        """Read the state, by a voltage on the range that shows it, or by a small current."""
        if self.read_by == "voltage":
            how = StateRead(self.read, self.read_width, self.compliance, self.settle, self.terminal)
            return (yield from read_state(how, label))
        look: Node = read(self.read_current, self.read_width, terminal=self.terminal)
        waveform = rest(self.settle) + look if self.settle > 0 else look
        return (yield self._play(waveform, self.read_current, label, self.read))

    def preview(self) -> tuple[Panel, ...]:
        """Return the pulses of a curve to scale, with short rests."""
        parts: list[Node] = [self._pulse(c, self.width, measured=False) for c in self.currents]
        if self.initialise != "never":
            parts.insert(0, self._pulse(self.initial_current, self.initial_width, measured=False))
        gap = rest(self.width)
        shown = functools.reduce(operator.add, (node for part in parts for node in (part, gap)))
        title = "Pulses of a curve (rests shortened)"
        return (waveform_panel(title, shown, (self.terminal,), label="current", unit="A"),)

    def analyse(self, record: Measured) -> Results:
        """Return SET and RESET current, the resistances between them, and the energies.

        Metrics: ``reset_current`` and ``set_current`` at half of the change of ln R, the
        ``set_window`` between them, ``lowest_resistance``, ``highest_resistance`` and their ratio
        ``dynamic_range``; ``energy_set`` and ``energy_reset`` of the weakest pulses that made
        nine tenths of the change of ln R.
        """
        curves = Curves.of(record, self.least)
        reached = limit_reached(self._course(), self._limit(), record)
        return Results(
            metrics=curves.metrics(),
            tables=curves.tables(),
            panels=(*self.preview(), *curves.panels()),
            notes=(*curves.notes(self.voltage_limit), *((reached,) if reached else ())),
        )
