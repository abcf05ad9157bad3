"""Current against voltage in repeated sweeps: switching voltages, window, hysteresis."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Generator
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Lt
from pydantic import Field, PositiveInt, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol, Reference
from labctl.readings import Readings
from labctl.results import Panel, Results
from labctl.steps import Play, Step, Steps
from labctl.units import Ampere, Ohm, Ratio, Second, Volt
from labctl.waveform import Node
from protocols.half_sweep import Form, half_sweep
from protocols.iv_sweep_results import Sweeps
from protocols.limited import Limit, limited
from protocols.parameters import LongestTime, MostPulses, ReadVoltage, ReadWidth, Terminal
from protocols.replay import limit_reached
from protocols.state_read import StateRead, last_read, read_state

__all__ = ["IvSweep"]

Path = Literal["butterfly", "blocks", "positive", "negative"]

#: sides of the half sweeps of one cycle
_SIDES: dict[str, tuple[int, ...]] = {
    "butterfly": (1, -1),
    "positive": (1,),
    "negative": (-1,),
}


class IvSweep(Protocol):
    """Current against voltage, swept up and down, cycle after cycle.

    A half sweep goes from zero to a peak and back; a cycle is a positive and a negative half
    (``butterfly``) or one of them; ``blocks`` takes all positive halves first, as in Nie et al.,
    Adv. Mater. 2025, 10.1002/adma.202412006 (seven of each). Each level is held for the dwell time
    and measured in its last third: ``pulsed`` returns to zero between levels, ``staircase`` goes
    from level to level, ``linear`` ramps. Every half has the compliance of its polarity, and the
    state is read after it at a low level. A half that raises the conductance is a SET, one that
    lowers it a RESET, whichever its polarity.
    """

    title: ClassVar[str] = "I-V sweep"
    summary: ClassVar[str] = "Repeated sweeps: switching voltages, window, hysteresis, rectifying."
    purpose: ClassVar[str] = "devices"
    reference: ClassVar[Reference] = Reference(
        "10.1002/adma.202412006", text="Nie et al., Adv. Mater. 2025"
    )
    decides: ClassVar[bool] = True

    kind: Literal["iv-sweep"] = "iv-sweep"
    path: Annotated[
        Path, Field(description="Halves of a cycle, or all positive cycles before all negative.")
    ] = "butterfly"
    form: Annotated[
        Form, Field(description="Back to zero after each level, level to level, or ramps.")
    ] = "pulsed"
    positive: Annotated[Volt, Gt(0), Field(description="Peak of the positive halves.")] = 1.5
    negative: Annotated[Volt, Lt(0), Field(description="Peak of the negative halves.")] = -1.5
    points: Annotated[int, Ge(4), Field(description="Levels from zero to a peak.")] = 50
    dwell: Annotated[Second, Gt(0), Field(description="Time at each level.")] = 10e-3
    gap: Annotated[Second, Gt(0), Field(description="At zero between levels, if pulsed.")] = 1e-3
    cycles: Annotated[PositiveInt, Field(description="How often the path is swept.")] = 5
    compliance_positive: Annotated[
        Ampere, Gt(0), Field(description="Largest current of positive halves.")
    ] = 10e-3
    compliance_negative: Annotated[
        Ampere, Gt(0), Field(description="Largest current of negative halves.")
    ] = 10e-3
    current_range: Annotated[
        Ampere | None, Gt(0), Field(description="Range of the ammeter; else the compliance.")
    ] = None
    pause: Annotated[Second, Ge(0), Field(description="At zero before the state is read.")] = 0.1
    read: ReadVoltage = 0.1
    read_width: ReadWidth = 30e-3
    rectify_at: Annotated[
        Volt, Gt(0), Field(description="Level at which the two polarities are compared.")
    ] = 0.5
    least: Annotated[
        Ratio, Gt(0), Field(description="Least relative change that counts as switching.")
    ] = 0.2
    stop_resistance: Annotated[
        Ohm | None, Gt(0), Field(description="It ends when the state read is below: a breakdown.")
    ] = None
    stop_window: Annotated[
        Ratio | None, Gt(1), Field(description="It ends when a cycle's window is smaller.")
    ] = None
    most_pulses: MostPulses = 1_000_000
    longest_time: LongestTime = 86400
    terminal: Terminal = "top"

    @model_validator(mode="after")
    def _fit_together(self) -> IvSweep:
        peaks = [abs(self._peak(side)) for side in dict(self._order())]
        if self.read >= min(peaks):
            raise ValueError(
                f"a read voltage of {self.read:g} V was asked for; it must be below the smaller "
                f"peak of {min(peaks):g} V, so lower it or raise the peak"
            )
        if self.stop_window is not None and self.path != "butterfly":
            raise ValueError(
                f"a smallest window was asked for on the path {self.path}; only a butterfly has "
                "both states in a cycle, so take that path or leave stop_window out"
            )
        return self

    def _order(self) -> list[tuple[int, int]]:
        """Return (side, cycle) of every half sweep, in order."""
        numbers = range(1, self.cycles + 1)
        if self.path == "blocks":
            return [(side, cycle) for side in (1, -1) for cycle in numbers]
        return [(side, cycle) for cycle in numbers for side in _SIDES[self.path]]

    def _peak(self, side: int) -> float:
        return self.positive if side > 0 else self.negative

    def steps(self) -> Steps:
        """Sweep half by half, read the state after each, until the cycles or a stop rule end it."""
        yield from limited(self._course(), self._limit())

    def _limit(self) -> Limit:
        return Limit(self.most_pulses, self.longest_time)

    def _course(self) -> Steps:
        yield from self._look(0, 0)
        states: dict[int, float] = {}
        for side, cycle in self._order():
            limit = self.compliance_positive if side > 0 else self.compliance_negative
            yield Play(
                self.half(side),
                limit,
                {self.terminal: self.current_range or limit},
                {"part": "sweep", "cycle": cycle, "side": side},
            )
            found = yield from self._look(cycle, side)
            states[side] = float(found.g[-1]) if len(found) else math.nan
            if self._stops(states, side):
                return

    def _look(self, cycle: int, side: int) -> Generator[Step, Readings, Readings]:
        compliance = max(self.compliance_positive, self.compliance_negative)
        how = StateRead(self.read, self.read_width, compliance, self.pause, self.terminal)
        return read_state(how, {"part": "state", "cycle": cycle, "side": side})

    def _stops(self, states: dict[int, float], side: int) -> bool:
        """Say whether a stop rule ends the sweeps, from the states read in this cycle."""
        g = states[side]
        if self.stop_resistance is not None and g * self.stop_resistance > 1:
            return True
        if self.stop_window is None or side > 0:
            return False
        window = max(states[1] / g, g / states[1]) if g > 0 and states[1] > 0 else math.nan
        return window < self.stop_window

    def half(self, side: int) -> Node:
        """Return one half sweep: zero to the peak of a side (+1 or -1) and back."""
        peak = self._peak(side)
        out = [peak * k / self.points for k in range(self.points + 1)]
        return half_sweep(out, self.form, self.dwell, self.gap, self.terminal)

    def preview(self) -> tuple[Panel, ...]:
        """Return the first cycle, to scale."""
        sides = [1, -1] if self.path == "blocks" else _SIDES[self.path]
        cycle = functools.reduce(operator.add, [self.half(side) for side in sides])
        title = f"One cycle, {self.form}"
        return (waveform_panel(title, cycle, (self.terminal,)),)

    def analyse(self, record: Measured) -> Results:
        """Return switching voltages, states, areas and energies, cycle by cycle and pooled.

        Metrics: ``set_voltage`` and ``reset_voltage`` where half of the change has happened, with
        their spreads ``..._sd``; ``set_step`` and ``reset_step``, the largest single step;
        ``on_off`` by the states read, ``on_off_branches`` by the two branches of a half; the areas
        ``area_positive``, ``area_negative``; ``rectification``; ``smallest_rise`` and
        ``smallest_fall`` of the mean current from cycle to cycle; energies of a half.
        """
        count = 2 * self.points if self.form == "linear" else 2 * self.points - 1
        sweeps = Sweeps.of(
            record, least=self.least, near=self.read, rectify_at=self.rectify_at, count=count
        )
        return Results(
            metrics=sweeps.metrics(last_read(record.where(part="state", cycle=0))),
            tables=sweeps.tables(),
            panels=(*self.preview(), *sweeps.panels()),
            notes=(*sweeps.notes(), *self._ended(record)),
        )

    def _ended(self, record: Measured) -> tuple[str, ...]:
        """Say which rule ended the sweeps before their number."""
        done = sum(1 for _ in record.where(part="sweep"))
        asked = len(self._order())
        if done == asked:
            return ()
        said = [f"{done} of {asked} half sweeps were made"]
        if reached := limit_reached(self._course(), self._limit(), record):
            said.append(reached)
        last = last_read(record.where(part="state"))
        if self.stop_resistance is not None and len(last) and last.g[0] * self.stop_resistance > 1:
            said.append(
                f"the state read is below {self.stop_resistance:g} Ohm, taken as a breakdown"
            )
        elif self.stop_window is not None and not reached:
            said.append(f"it ends with the first window below {self.stop_window:g}")
        return tuple(said)
