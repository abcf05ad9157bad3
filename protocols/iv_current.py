"""Voltage against a forced current: threshold, hold and negative differential resistance."""

from __future__ import annotations

import functools
import operator
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Lt
from pydantic import Field, PositiveInt, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol, Reference
from labctl.results import Panel, Results
from labctl.steps import Play, Steps, Wait
from labctl.units import Ampere, Ratio, Second, Volt, log_spaced
from labctl.waveform import Node, rest
from protocols.half_sweep import Form, half_sweep
from protocols.iv_current_results import Loops
from protocols.parameters import Terminal

__all__ = ["IvCurrent"]

Path = Literal["positive", "negative", "butterfly"]

_SIDES: dict[str, tuple[int, ...]] = {
    "positive": (1,), "negative": (-1,), "butterfly": (1, -1),
}  # fmt: skip


class IvCurrent(Protocol):
    """Voltage against a current that is swept up and down, cycle after cycle.

    A threshold switch has several currents at one voltage, but one voltage at each current: past a
    threshold the voltage falls while the current still rises (S-type, current-controlled negative
    differential resistance, as in NbO2). A swept voltage jumps over that part; a forced current
    shows it, or the snap-back where it is too steep for the circuit. Where the switch oscillates
    with the capacitance beside it, what is measured is the mean over the window.

    Levels are currents. Each is held for the dwell time and measured in its last third: a
    ``staircase`` goes from level to level, ``linear`` ramps, ``pulsed`` returns to an open circuit
    in between. The source goes no higher than the voltage limit; levels that met it are flagged
    and stand at the current that did flow.
    """

    title: ClassVar[str] = "Current-controlled I-V loop"
    summary: ClassVar[str] = "Forced current: threshold, hold, negative differential resistance."
    purpose: ClassVar[str] = "devices"
    reference: ClassVar[Reference] = Reference(
        "10.1038/s41467-017-00773-4", text="Kumar et al., Nat. Commun. 2017, 8, 658"
    )

    kind: Literal["iv-current"] = "iv-current"
    path: Annotated[Path, Field(description="Halves of a cycle.")] = "positive"
    form: Annotated[Form, Field(description="Open after each level, level to level, or ramps.")] = (
        "staircase"
    )
    peak: Annotated[Ampere, Gt(0), Field(description="Largest current of a half.")] = 100e-6
    points: Annotated[int, Ge(4), Field(description="Levels from zero to the peak.")] = 50
    spacing: Annotated[
        Literal["lin", "log"], Field(description="Equal differences, or equal ratios.")
    ] = "lin"
    lowest: Annotated[
        Ampere, Gt(0), Field(description="The first level, if they have equal ratios.")
    ] = 1e-6
    dwell: Annotated[Second, Gt(0), Field(description="Time at each level.")] = 1e-3
    gap: Annotated[
        Second, Gt(0), Field(description="Open between levels, if pulsed; else after them.")
    ] = 1e-3
    pause: Annotated[Second, Ge(0), Field(description="At zero volts after each half.")] = 10e-3
    cycles: Annotated[PositiveInt, Field(description="How often the path is swept.")] = 3
    voltage_limit: Annotated[
        Volt, Gt(0), Field(description="Largest voltage that the source may reach.")
    ] = 3.0
    compliance: Annotated[Ampere, Gt(0), Field(description="Largest current.")] = 1e-3
    least: Annotated[
        Ratio, Gt(0), Lt(1), Field(description="Least relative fall of the voltage that counts.")
    ] = 0.05
    terminal: Terminal = "top"

    @model_validator(mode="after")
    def _fits_together(self) -> IvCurrent:
        if self.peak > self.compliance:
            raise ValueError(
                f"a peak of {self.peak:g} A was asked for with a compliance of "
                f"{self.compliance:g} A; raise the compliance or lower the peak"
            )
        if self.spacing == "log" and self.lowest >= self.peak:
            raise ValueError(
                f"levels from {self.lowest:g} A to {self.peak:g} A were asked for; the lowest must "
                "be below the peak"
            )
        return self

    @property
    def levels(self) -> tuple[float, ...]:
        """Currents on the way out, the first one zero, A."""
        if self.spacing == "log":
            return (0.0, *log_spaced(self.lowest, self.peak, self.points))
        return tuple(self.peak * k / self.points for k in range(self.points + 1))

    def half(self, side: int) -> Node:
        """Return one half sweep: zero to the peak of a side (+1 or -1) and back, then open."""
        out = [side * level for level in self.levels]
        swept = half_sweep(out, self.form, self.dwell, self.gap, self.terminal)
        return swept if self.form == "pulsed" else swept + rest(self.gap)

    def steps(self) -> Steps:
        """Sweep half by half."""
        for cycle in range(1, self.cycles + 1):
            for side in _SIDES[self.path]:
                yield Play(
                    self.half(side),
                    self.compliance,
                    {self.terminal: self.peak},
                    {"part": "sweep", "cycle": cycle, "side": side},
                    {self.terminal: self.voltage_limit},
                )
                if self.pause:
                    yield Wait(self.pause, {"part": "pause", "cycle": cycle, "side": side})

    def preview(self) -> tuple[Panel, ...]:
        """Return one cycle, to scale."""
        cycle = functools.reduce(operator.add, [self.half(side) for side in _SIDES[self.path]])
        title = f"One cycle, {self.form}"
        return (waveform_panel(title, cycle, (self.terminal,), label="current", unit="A"),)

    def analyse(self, record: Measured) -> Results:
        """Return where the voltage turns round, and how steeply it falls.

        Metrics, of the negative halves with ``_negative`` at their end: ``threshold_voltage`` and
        ``threshold_current`` where the voltage begins to fall on the way up, ``hold_voltage`` and
        ``hold_current`` where it begins to rise on the way down, with the spread from cycle to
        cycle as ``..._sd``, and ``negative_resistance``, the steepest fall on the way up.
        """
        count = 2 * self.points - (self.form != "linear")
        loops = Loops.of(record, least=self.least, count=count)
        return Results(
            metrics=loops.metrics(),
            tables=loops.tables(),
            panels=(*self.preview(), *loops.panels(log=self.spacing == "log")),
            notes=loops.notes(self.voltage_limit),
        )
