"""Three-terminal synapses: the gate writes, source and drain read."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from annotated_types import Gt, Len
from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol, Reference
from labctl.results import Panel, Results
from labctl.steps import Label, Play, Steps
from labctl.units import Ampere, Second, Seconds, Volt, Volts, log_spaced, parse_series
from labctl.waveform import Node, Role, Segment, Window, pulse, read, rest, segment, ticks, train
from protocols.parameters import Compliance, ReadVoltage, ReadWidth, Repeats, Width
from protocols.three_terminal_results import GAP, Asked, three_terminal_results

__all__ = ["Part", "ThreeTerminal"]

Part = Literal["spikes", "updates", "transfer", "output"]


def _named(value: object) -> object:
    """Read names written as one text, with commas between."""
    return tuple(x.strip() for x in value.split(",")) if isinstance(value, str) else value


Parts = Annotated[tuple[Part, ...], BeforeValidator(_named)]
TerminalName = Annotated[str, Field(min_length=1)]


class ThreeTerminal(Protocol):
    """Gate pulses and drain reads of a synaptic transistor, its curves, and what it costs.

    *Spikes*: a train of weak gate pulses, the drain read after each, then the decay at log-spaced
    times; what a spike adds, what is left of it, and with which time constant. *Updates*: stronger
    gate pulses up and down, read at once and once more when the volatile part has gone, so that
    both kinds of plasticity are told apart on one device. *Transfer* and *output*: drain and gate
    current at pulsed levels (a gap at zero volts after each, as an SMU's trigger model needs), up
    and down for the hysteresis. The energy of a spike counts gate and drain together, with the
    drain at its read voltage. Targets are those of an electrochemical memory (Currie et al., 2026,
    arXiv:2605.11243).
    """

    title: ClassVar[str] = "Three-terminal synapse"
    summary: ClassVar[str] = "Gate pulses, drain reads: volatile and lasting change, curves, cost."
    purpose: ClassVar[str] = "devices"
    reference: ClassVar[Reference] = Reference(
        "", text="Currie et al., 2026, arXiv:2605.11243: volatile ECRAM synapse"
    )

    kind: Literal["three-terminal"] = "three-terminal"
    parts: Annotated[
        Parts, Len(1), Field(description="Which parts are measured, in this order.")
    ] = ("spikes", "updates", "transfer", "output")
    spike: Annotated[Volt, Field(description="Gate level of a spike.")] = 0.05
    spike_width: Width = 100e-6
    spikes: Annotated[PositiveInt, Field(description="Spikes in a train.")] = 10
    period: Annotated[Second, Gt(0), Field(description="From one gate pulse to the next.")] = 10e-3
    decay: Annotated[
        Seconds, Len(3), Field(description="Reads after a train, from the end of its last spike.")
    ] = log_spaced(5e-3, 1.0, 16)
    decay_of: Annotated[
        Literal["resistance", "conductance"], Field(description="Which of the two is fitted.")
    ] = "resistance"
    repeats: Repeats = 3
    write: Annotated[Volt, Field(description="Gate level that writes.")] = 1.85
    erase: Annotated[Volt, Field(description="Gate level that takes it back.")] = -1.85
    write_width: Width = 100e-6
    writes: Annotated[PositiveInt, Field(description="Gate pulses before each pair of reads.")] = 2
    groups: Annotated[PositiveInt, Field(description="Pairs of reads in each direction.")] = 10
    settle: Annotated[Second, Gt(0), Field(description="Rest that lets the volatile part go.")] = (
        1.0
    )
    gates: Annotated[Volts, Len(2), Field(description="Gate levels of the transfer curve.")] = (
        parse_series("-0.2 V .. 0.2 V, 9 lin", "V")
    )
    drains: Annotated[Volts, Len(2), Field(description="Drain levels of the output curves.")] = (
        parse_series("-0.2 V .. 0.2 V, 9 lin", "V")
    )
    output_gates: Annotated[
        Volts, Len(1), Field(description="Gate levels of the output curves.")
    ] = (-0.1, 0.0, 0.1)
    hold: Annotated[Second, Gt(0), Field(description="Time at each level of the curves.")] = 20e-3
    read: ReadVoltage = 0.1
    read_width: ReadWidth = 1e-3
    compliance: Compliance = 100e-6
    drain_range: Annotated[
        Ampere | None, Gt(0), Field(description="Current range of the drain; else the compliance.")
    ] = 10e-6
    gate_range: Annotated[
        Ampere | None, Gt(0), Field(description="Current range of the gate; else the compliance.")
    ] = None
    whole_pulse: Annotated[
        bool,
        Field(description="Measure the energy from the pulse's first moment, charging included."),
    ] = False
    gate: Annotated[TerminalName, Field(description="Terminal that writes.")] = "gate"
    drain: Annotated[TerminalName, Field(description="Terminal that is read.")] = "drain"

    @model_validator(mode="after")
    def _fit_together(self) -> ThreeTerminal:
        after = 2 * GAP + self.read_width
        if self.gate == self.drain:
            raise ValueError(
                f"gate and drain are both {self.gate!r}; name two terminals of the bench"
            )
        if self.spike == 0 or self.write == 0 or self.erase == 0:
            raise ValueError("a gate pulse of 0 V is none; give spike, write and erase a level")
        if self.write * self.erase > 0:
            raise ValueError(
                f"write and erase of {self.write:g} V and {self.erase:g} V have one sign; "
                "give them opposite ones"
            )
        if self.period < max(self.spike_width, self.write_width) + after:
            raise ValueError(
                f"a period of {self.period:g} s was asked for; a pulse, a read of "
                f"{self.read_width:g} s and the gaps take "
                f"{max(self.spike_width, self.write_width) + after:g} s"
            )
        return self._check_decay(after)

    def _check_decay(self, after: float) -> ThreeTerminal:
        steps = [b - a for a, b in zip(self.decay, self.decay[1:], strict=False)]
        if self.decay[0] < after or any(step < GAP + self.read_width for step in steps):
            raise ValueError(
                f"decay begins at {self.decay[0]:g} s; the first read can be {after:g} s after "
                f"the spike and each {GAP + self.read_width:g} s after the one before, so give "
                "rising times at least so far apart"
            )
        return self

    def steps(self) -> Steps:
        """Play the parts asked for, in their order; the output curves in random order."""
        plays = {
            "spikes": self._spike_plays, "updates": self._update_plays,
            "transfer": self._transfer_plays, "output": self._output_plays,
        }  # fmt: skip
        for part in self.parts:
            yield from plays[part]()

    def _spike_plays(self) -> Steps:
        for k in range(self.repeats):
            label: Label = {"part": "spikes", "repeat": k}
            yield self._play(rest(self.settle) + self.spike_train(), label)
            cost = rest(self.settle) + self._cost(self.spike, self.spike_width)
            yield self._play(cost, {"part": "energy", "class": "spike"})

    def _update_plays(self) -> Steps:
        for cycle in range(self.repeats):
            bottom = train(self._pulse(self.erase), self.period, self.writes * self.groups)
            before = bottom + rest(self.settle) + self._look()
            yield self._play(before, {"part": "prepare", "cycle": cycle})
            for branch, level in (("write", self.write), ("erase", self.erase)):
                waveform = rest(GAP) + self.write_group(level) * self.groups
                label: Label = {"part": "updates", "branch": branch, "cycle": cycle}
                yield self._play(waveform, label)
        for branch, level in (("write", self.write), ("erase", self.erase)):
            cost = rest(self.settle) + self._cost(level, self.write_width)
            yield self._play(cost, {"part": "energy", "class": branch})

    def _transfer_plays(self) -> Steps:
        levels = [(g, self.read) for g in (*self.gates, *reversed(self.gates))]
        yield self._play(rest(self.settle) + self.staircase(levels), {"part": "transfer"})

    def _output_plays(self) -> Steps:
        for gate in self.shuffled(self.output_gates):
            curve = self.staircase([(gate, drain) for drain in self.drains])
            yield self._play(rest(self.settle) + curve, {"part": "output", "gate": gate})

    def spike_train(self) -> Node:
        """Return a read, the spikes with a read after each, and the reads of their decay."""
        # not measured: a window in the pulse would make the aperture of the reads as short
        one = pulse(self.spike, self.spike_width, terminal=self.gate, measured=False)
        seen = one + rest(GAP) + self._look()
        before = self._look() + rest(GAP)
        body = train(seen, self.period, self.spikes - 1) if self.spikes > 1 else None
        tail, at = [], GAP + self.read_width
        for time in self.decay:
            tail += [rest(time - at), self._look()]
            at = time + self.read_width
        parts = [before, *([body] if body is not None else []), seen, *tail]
        return functools.reduce(operator.add, parts)

    def write_group(self, level: float) -> Node:
        """Return gate pulses, a read at once, and a read when the volatile part has gone."""
        pulses = (
            train(self._pulse(level), self.period, self.writes - 1) if self.writes > 1 else None
        )
        last = self._pulse(level) + rest(GAP) + self._look()
        after = last + rest(self.settle) + self._look() + rest(GAP)
        return after if pulses is None else pulses + after

    def staircase(self, levels: Sequence[tuple[float, float]]) -> Node:
        """Return (gate, drain) levels one after another, both measured, with gaps between."""
        parts = [self._both(gate, drain, self.hold, "read", 0.5) + rest(GAP)
                 for gate, drain in levels]  # fmt: skip
        return functools.reduce(operator.add, parts)

    def preview(self) -> tuple[Panel, ...]:
        """Return what the parts play on gate and drain, to scale."""
        terminals = (self.gate, self.drain)
        shown = {
            "spikes": ("Spikes and the reads of their decay", self.spike_train()),
            "updates": ("Gate pulses, read at once and later", self.write_group(self.write)),
            "transfer": ("Transfer curve", self.staircase([(g, self.read) for g in self.gates])),
            "output": ("Output curve", self.staircase([(self.output_gates[0], d)
                                                       for d in self.drains])),
        }  # fmt: skip
        return tuple(
            waveform_panel(title, waveform, terminals)
            for part, (title, waveform) in shown.items()
            if part in self.parts
        )

    def analyse(self, record: Measured) -> Results:
        """Return what a spike does and leaves, the update curve, the curves and the energies.

        Metrics: ``step_resistance`` and ``step`` of the first spike of a train, ``lasting_spikes``,
        ``tau``,
        ``dg_write`` and ``dg_erase`` for a pulse, ``lasting_write``, the update's label, range and
        asymmetry, ``transconductance``, ``on_off``, ``swing``, ``hysteresis``, ``gate_current``,
        and ``energy_<class>_gate``, ``_drain``, ``_total``. Fits: ``decay_<law>`` of the volatile
        resistance, ``neurosim`` of the updates.
        """
        asked = Asked(
            self.gate, self.drain, self.spikes, len(self.decay), self.writes, self.groups,
            self.decay_of,
        )  # fmt: skip
        found = three_terminal_results(record, asked)
        return Results(
            found.metrics, found.fits, found.tables, (*self.preview(), *found.panels), found.notes
        )

    def _play(self, waveform: Node, label: Label) -> Play:
        asked = {self.gate: self.gate_range, self.drain: self.drain_range}
        ranges = {
            name: min(value, self.compliance)
            for name, value in asked.items()
            if value is not None and name in waveform.terminals
        }
        return Play(waveform, self.compliance, ranges, label)

    def _look(self) -> Segment:
        return read(self.read, self.read_width, terminal=self.drain)

    def _pulse(self, level: float) -> Node:
        return pulse(level, self.write_width, terminal=self.gate, measured=False)

    def _cost(self, level: float, width: float) -> Node:
        start = 0.0 if self.whole_pulse else 0.2
        return self._both(level, self.read, width, "pulse", start)

    def _both(self, gate: float, drain: float, width: float, role: Role, start: float) -> Segment:
        """Return gate and drain at a level together, both measured from a share of the time on."""
        whole = ticks(width)
        last = whole if start == 0 else round(0.95 * whole)
        windows = tuple(
            Window(name, round(start * whole), last, role) for name in (self.gate, self.drain)
        )
        levels = {self.gate: gate, self.drain: drain}
        return segment(width, levels, windows=windows, role=role)
