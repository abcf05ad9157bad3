"""Forming: a ramp of pulses until a pristine device conducts, with its RESET and an abort."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Generator
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt
from pydantic import Field, NonNegativeInt, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol, Reference
from labctl.readings import Readings
from labctl.results import Panel, Results
from labctl.steps import Label, Play, Step, Steps
from labctl.units import Ampere, Ohm, Ratio, Second, Volt
from labctl.waveform import Node, pulse, rest
from protocols.forming_results import Formed
from protocols.limited import Limit, limited
from protocols.parameters import LongestTime, MostPulses, ReadVoltage, ReadWidth, Terminal
from protocols.replay import limit_reached
from protocols.state_read import StateRead, read_state

__all__ = ["Forming"]

_MOST_RUNGS = 10_000
_PREVIEWED = 6  # pulses of the ramp in the picture


class Forming(Protocol):
    """Pulses of growing amplitude, or width, until the resistance falls below a target.

    After every pulse the device is read at a low level. At the target the ramp ends and, where
    asked for, pulses of the other polarity take the device to its high-resistance state, which
    shows that it was formed and not shorted. A resistance below ``breakdown`` ends everything at
    once. The compliance limits the current in the pulse, which decides how strong the filament
    becomes. Forming voltages of 8292 cells of an HfOx array, and their spread, are in the data of
    10.1109/TED.2021.3097975.
    """

    title: ClassVar[str] = "Forming"
    summary: ClassVar[str] = (
        "A ramp of pulses to a resistance target, then RESET; abort on a short."
    )
    purpose: ClassVar[str] = "devices"
    reference: ClassVar[Reference] = Reference(
        "10.1109/TED.2021.3097975", text="forming of an HfOx 1T1R array"
    )
    decides: ClassVar[bool] = True

    kind: Literal["forming"] = "forming"
    ramp: Annotated[
        Literal["amplitude", "width"], Field(description="What grows from pulse to pulse.")
    ] = "amplitude"
    polarity: Annotated[
        Literal["positive", "negative"], Field(description="Of the forming pulses.")
    ] = "positive"
    weakest: Annotated[Volt, Gt(0), Field(description="First amplitude of the ramp.")] = 1.0
    step: Annotated[Volt, Gt(0), Field(description="Growth of the amplitude.")] = 0.1
    strongest: Annotated[
        Volt, Gt(0), Field(description="Last amplitude; that of all pulses if the width grows.")
    ] = 4.5
    width: Annotated[Second, Gt(0), Field(description="Of the pulses; the first width.")] = 1e-3
    growth: Annotated[Ratio, Gt(1), Field(description="Factor by which the width grows.")] = 2.0
    widest: Annotated[Second, Gt(0), Field(description="Last width, if the width grows.")] = 1.0
    compliance: Annotated[
        Ampere, Gt(0), Field(description="Largest current while forming.")
    ] = 100e-6  # fmt: skip
    target: Annotated[Ohm, Gt(0), Field(description="Formed below this resistance.")] = 10e3
    breakdown: Annotated[Ohm, Gt(0), Field(description="Broken below this resistance.")] = 500.0
    reset: Annotated[
        Volt, Gt(0), Field(description="Magnitude of the RESET pulses, of the other polarity.")
    ] = 1.5
    reset_width: Annotated[Second, Gt(0), Field(description="Of the RESET pulses.")] = 1e-3
    reset_compliance: Annotated[
        Ampere, Gt(0), Field(description="Largest current of the RESET pulses.")
    ] = 5e-3
    reset_above: Annotated[
        Ratio, Gt(1), Field(description="Rise of the resistance that counts as a RESET.")
    ] = 2.0
    resets: Annotated[
        NonNegativeInt, Field(description="Most RESET pulses after forming; 0 leaves it formed.")
    ] = 5
    pause: Annotated[Second, Ge(0), Field(description="Between a pulse and its read.")] = 10e-3
    read: ReadVoltage = 0.1
    read_width: ReadWidth = 30e-3
    most_pulses: MostPulses = 100_000
    longest_time: LongestTime = 3600
    terminal: Terminal = "top"

    @model_validator(mode="after")
    def _fit_together(self) -> Forming:
        if self.breakdown >= self.target:
            raise ValueError(
                f"a breakdown below {self.breakdown:g} Ohm was asked for with a target of "
                f"{self.target:g} Ohm; a broken device is lower, so lower breakdown"
            )
        low, high, what = (
            (self.weakest, self.strongest, "V")
            if self.ramp == "amplitude"
            else (self.width, self.widest, "s")
        )
        if low > high:
            raise ValueError(
                f"a ramp from {low:g} to {high:g} {what} was asked for; it must rise, so exchange "
                "its ends"
            )
        if self.ramp == "amplitude" and (high - low) / self.step > _MOST_RUNGS:
            raise ValueError(
                f"a ramp from {low:g} to {high:g} V in steps of {self.step:g} V was asked for; it "
                f"may have {_MOST_RUNGS} pulses, so take a larger step"
            )
        return self

    @property
    def _side(self) -> int:
        return 1 if self.polarity == "positive" else -1

    def rungs(self) -> list[tuple[float, float]]:
        """Return (amplitude in V, width in s) of every pulse of the ramp, the last one included."""
        if self.ramp == "amplitude":
            count = math.floor((self.strongest - self.weakest) / self.step + 1e-9) + 1
            return [(self._side * round(self.weakest + k * self.step, 9), self.width)
                    for k in range(count)]  # fmt: skip
        count = math.floor(math.log(self.widest / self.width) / math.log(self.growth) + 1e-9) + 1
        widths = [self.width * self.growth**k for k in range(count)]
        # whole microseconds, the grid of the source-meters' timers
        return [(self._side * self.strongest, round(w * 1e6) / 1e6 or w) for w in widths]

    def steps(self) -> Steps:
        """Read, then pulse and read until formed, broken or at the end; then RESET and read."""
        yield from limited(self._course(), self._limit())

    def _limit(self) -> Limit:
        return Limit(self.most_pulses, self.longest_time)

    def _course(self) -> Steps:
        g = yield from self._look("before", self.compliance)
        if g * self.target <= 1 or math.isnan(g):
            for amplitude, width in self.rungs():
                yield self._pulse("forming", amplitude, width, self.compliance)
                g = yield from self._look("after forming", self.compliance)
                if g * self.target > 1:
                    break
        if not 1 / self.target < g <= 1 / self.breakdown:
            return
        formed = g
        for _ in range(self.resets):
            amplitude = -self._side * self.reset
            yield self._pulse("reset", amplitude, self.reset_width, self.reset_compliance)
            g = yield from self._look("after reset", self.reset_compliance)
            if g * self.reset_above < formed or g * self.breakdown > 1:
                return

    def _pulse(self, part: str, amplitude: float, width: float, limit: float) -> Play:
        label: Label = {"part": part, "amplitude": amplitude, "width": width}
        return Play(pulse(amplitude, width, terminal=self.terminal), limit, {}, label)

    def _look(self, part: str, limit: float) -> Generator[Step, Readings, float]:
        how = StateRead(self.read, self.read_width, limit, self.pause, self.terminal)
        found = yield from read_state(how, {"part": part})
        return float(found.g[-1]) if len(found) else math.nan

    def preview(self) -> tuple[Panel, ...]:
        """Return the first pulses of the ramp without their reads, to scale."""
        pulses: list[Node] = []
        for amplitude, width in self.rungs()[:_PREVIEWED]:
            pulses += [pulse(amplitude, width, terminal=self.terminal), rest(width)]
        waveform = functools.reduce(operator.add, pulses)
        title = "First pulses of the ramp, pauses shortened"
        return (waveform_panel(title, waveform, (self.terminal,)),)

    def analyse(self, record: Measured) -> Results:
        """Return where it formed, what it cost, and the states before and after.

        Metrics: ``formed`` and ``broken`` (0 or 1), ``forming_voltage`` or ``forming_width``,
        ``forming_current`` in the pulse, ``energy_forming`` of that pulse, ``energy_total`` of all
        forming pulses, ``energy_reset``, the conductances ``before``, ``after_forming`` and
        ``after_reset``, their resistances, and the ``window``.
        """
        found = Formed.of(record, self.target, self.breakdown, self.reset_above)
        by_width = self.ramp == "width"
        said = limit_reached(self._course(), self._limit(), record)
        return Results(
            metrics=found.metrics(by_width=by_width),
            tables=found.tables(),
            panels=(*self.preview(), *found.panels(by_width=by_width)),
            notes=(*found.notes(), *((said,) if said else ())),
        )
