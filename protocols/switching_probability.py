"""Switching probability: how often a pulse switches, against its voltage and its width."""

from __future__ import annotations

import itertools
import math
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Len
from pydantic import Field, PositiveInt, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol, Reference
from labctl.readings import Readings
from labctl.results import Panel, Results
from labctl.steps import Label, Play, Steps
from labctl.units import Ampere, Second, Seconds, Siemens, Volt, Volts
from labctl.waveform import Node, pulse, read, rest
from protocols.limited import Limit, limited
from protocols.parameters import (
    Compliance,
    LongestTime,
    MostPulses,
    ReadVoltage,
    ReadWidth,
    Terminal,
)
from protocols.replay import limit_reached
from protocols.switching_probability_results import Trials, boundary, verified

__all__ = ["SwitchingProbability"]

_ROUNDS = 3  # of blocks that make up for trials whose reset failed

Condition = tuple[float, float]


class SwitchingProbability(Protocol):
    """How often one pulse switches a device that was reset before it, and that was seen to be.

    Every trial is a reset (a pulse of the other polarity, or a wait for a volatile device), a read
    that verifies it, the pulse, and a read. A trial whose reset failed does not count and is made
    again. Trials come in short blocks, whose conditions are in random order, so that a drift does
    not look like a voltage. The state is told by a conductance between those of both states, which
    are measured first. A volatile device is looked at in the pulse. Two laws compete: thermal
    activation over a barrier (Delta and the critical voltage; Neel and Brown under spin torque,
    10.1103/PhysRevB.69.134416; junctions: Ikeda et al., Nat. Mater. 2010, 10.1038/nmat2804) and
    log-normally distributed delays (silver filaments, 10.1088/2634-4386/ad01d6).
    """

    title: ClassVar[str] = "Switching probability"
    summary: ClassVar[str] = "Share of pulses that switch, by voltage and width; barrier, delays."
    purpose: ClassVar[str] = "devices"
    reference: ClassVar[Reference] = Reference(
        "10.1038/nmat2804", text="Ikeda et al., Nat. Mater. 2010"
    )
    decides: ClassVar[bool] = True

    kind: Literal["switching-probability"] = "switching-probability"
    amplitudes: Annotated[
        Volts, Len(1), Field(description="Levels of the pulses, all of one polarity.")
    ] = (0.45, 0.465, 0.48, 0.495, 0.51, 0.525, 0.54)
    widths: Annotated[Seconds, Len(1), Field(description="Widths of the pulses.")] = (100e-6, 1e-3)
    trials: Annotated[PositiveInt, Field(description="Valid trials of each condition.")] = 50
    block: Annotated[PositiveInt, Field(description="Trials played in a row.")] = 10
    reset: Annotated[
        Literal["pulse", "wait"], Field(description="By a pulse, or by waiting if volatile.")
    ] = "pulse"
    reset_amplitude: Annotated[
        Volt, Field(description="Level of the reset pulse, of the other polarity.")
    ] = -0.7
    reset_width: Annotated[Second, Gt(0), Field(description="Width of the reset pulse.")] = 1e-3
    reset_wait: Annotated[
        Second, Ge(0), Field(description="At zero after the reset pulse, or instead of it.")
    ] = 1e-3
    look: Annotated[
        Literal["after", "inside"], Field(description="Read after the pulse, or measured in it.")
    ] = "after"
    sure: Annotated[
        Volt, Field(description="Level that switches for certain, to learn the other state.")
    ] = 0.7
    sure_width: Annotated[Second, Gt(0), Field(description="Width of that pulse.")] = 1e-3
    boundary: Annotated[
        Siemens | None, Gt(0), Field(description="Conductance between the states; else learned.")
    ] = None
    gap: Annotated[Second, Gt(0), Field(description="At zero between pulses and reads.")] = 1e-3
    attempt: Annotated[
        Second, Gt(0), Field(description="Attempt time of the thermal law; stated, not fitted.")
    ] = 1e-9
    compliance: Compliance = 100e-6
    current_range: Annotated[
        Ampere | None, Gt(0), Field(description="Range of the ammeter; else the compliance.")
    ] = None
    read: ReadVoltage = 0.1
    read_width: ReadWidth = 5e-3
    most_pulses: MostPulses = 1_000_000
    longest_time: LongestTime = 86400
    terminal: Terminal = "top"

    @model_validator(mode="after")
    def _fit_together(self) -> SwitchingProbability:
        side = self.side
        if any(v * side <= 0 for v in self.amplitudes):
            raise ValueError(
                "amplitudes of both polarities, or of 0 V, were asked for; one polarity switches "
                "and the other resets, so give levels of one sign"
            )
        if self.reset == "pulse" and self.reset_amplitude * side >= 0:
            raise ValueError(
                f"a reset of {self.reset_amplitude:g} V was asked for with pulses of "
                f"{self.amplitudes[0]:g} V; it must have the other sign, or reset by waiting"
            )
        if self.boundary is None and self.sure * side <= 0:
            raise ValueError(
                f"a pulse of {self.sure:g} V was asked for to learn the other state; give it the "
                "sign of the amplitudes, or state the boundary"
            )
        return self

    @property
    def side(self) -> int:
        """Polarity of the pulses under test, +1 or -1."""
        return 1 if self.amplitudes[0] > 0 else -1

    def steps(self) -> Steps:
        """Learn both states, then play blocks of trials in random order until all are made."""
        yield from limited(self._course(), self._limit())

    def _limit(self) -> Limit:
        return Limit(self.most_pulses, self.longest_time)

    def _course(self) -> Steps:
        limit = self.boundary
        if limit is None:
            found = yield self._play(self.trial(self.sure, self.sure_width), {"part": "states"})
            limit = boundary(found, self.look)
        valid: dict[Condition, int] = dict.fromkeys(
            itertools.product(self.amplitudes, self.widths), 0
        )
        for _ in range(_ROUNDS):
            for condition, count in self._blocks(valid):
                readings = yield self._block(condition, count)
                valid[condition] += int(verified(readings, limit).sum())
            if all(done >= self.trials for done in valid.values()):
                return

    def _blocks(self, valid: dict[Condition, int]) -> list[tuple[Condition, int]]:
        """Return the blocks that are still to be made, in random order."""
        blocks = []
        for condition, done in valid.items():
            missing = max(self.trials - done, 0)
            sizes = [self.block] * (missing // self.block)
            sizes += [missing % self.block] * bool(missing % self.block)
            blocks += [(condition, size) for size in sizes]
        return self.shuffled(blocks)

    def _block(self, condition: Condition, count: int) -> Play:
        amplitude, width = condition
        label: Label = {"part": "trials", "amplitude": amplitude, "width": width, "count": count}
        return self._play(self.trial(amplitude, width) * count, label)

    def _play(self, waveform: Node, label: Label) -> Play:
        ranges = {self.terminal: self.current_range or self.compliance}
        return Play(waveform, self.compliance, ranges, label)

    def trial(self, amplitude: float, width: float) -> Node:
        """Return one trial: reset, read, pulse, read."""
        look = read(self.read, self.read_width, terminal=self.terminal)
        test = pulse(amplitude, width, terminal=self.terminal)
        between = rest(self.gap)
        then = look + between + test + between + look + between
        wait = max(self.reset_wait, self.gap)
        if self.reset == "wait":
            return rest(wait) + then
        back = pulse(self.reset_amplitude, self.reset_width, terminal=self.terminal, measured=False)
        return back + rest(wait) + then

    def preview(self) -> tuple[Panel, ...]:
        """Return the trial with the largest amplitude and width, to scale."""
        trial = self.trial(max(self.amplitudes, key=abs), max(self.widths))
        return (waveform_panel("One trial", trial, (self.terminal,)),)

    def analyse(self, record: Measured) -> Results:
        """Return the shares with their intervals, both laws, energies and states.

        Fits: ``neel_brown`` (Delta, Vc) and ``lognormal_delay`` (t50, V0, s), compared by AICc.
        Metrics: ``delta``, ``critical_voltage``; ``median_delay``, ``delay_spread``,
        ``volts_per_decade``; ``half_voltage`` at each width (``half_voltage_2`` ...);
        ``valid`` share of trials; ``low`` and ``high``, the states; ``energy_pulse``.
        """
        states = next((r for _, r in record.where(part="states")), Readings())
        limit = self.boundary
        if limit is None:
            limit = boundary(states, self.look) if len(states) else math.nan
        trials = Trials.of(record, limit, self.look)
        said = limit_reached(self._course(), self._limit(), record)
        found = trials.results(self.attempt, self.trials * len(self.amplitudes) * len(self.widths))
        return Results(
            found.metrics,
            found.fits,
            found.tables,
            (*self.preview(), *found.panels),
            (*found.notes, *((said,) if said else ())),
        )
