"""Long-term potentiation and depression by trains of pulses."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Gt, Le, Lt
from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from labctl.analysis.card_set import CardSet
from labctl.analysis.cards import Writing
from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol, Reference
from labctl.results import Panel, Results
from labctl.steps import Label, Play, Steps
from labctl.units import Ratio, Second, Volt
from labctl.waveform import Node, pulse, read, rest, segment, train
from protocols.ltp_ltd_cycles import Cycles
from protocols.ltp_ltd_figures import cards_of, results
from protocols.parameters import Compliance, ReadVoltage, ReadWidth, Terminal, Width

__all__ = ["LtpLtd"]

_GAP = 200e-6  # between the end of a pulse and the read after it, s
_FEW_MICROSECONDS = 5e-6


class LtpLtd(Protocol):
    """Conductance against the number of pulses, up and down again, for several cycles.

    Each pulse is followed by a read. In the scheme ``identical`` all pulses of a branch are equal;
    ``amplitude`` raises their level in equal steps from `first` times the full level, ``width``
    their width in equal ratios, to a whole microsecond where that is fine enough. Cycles in the
    beginning let the device find the loop in which it stays and are not counted. In the cycles that
    count only the reads are measured, so that an ammeter may take as long as a read lasts; the
    current in the pulses, and with it their energy,
    is measured in further cycles at the end. Both branches are fitted together, since they share
    their end states. After Nie et al., Adv. Mater. 2025, 10.1002/adma.202412006 (identical pulses
    with the variation from cycle to cycle); figures of merit after Chen, Peng and Yu,
    10.1109/TCAD.2018.2789723, and Jang et al., 10.1109/LED.2015.2418342.
    """

    title: ClassVar[str] = "Potentiation and depression"
    summary: ClassVar[str] = "Conductance against pulses up and down: linearity, states, variation."
    purpose: ClassVar[str] = "plasticity"
    reference: ClassVar[Reference] = Reference(
        "10.1002/adma.202412006", text="Nie et al., Adv. Mater. 2025"
    )

    kind: Literal["ltp-ltd"] = "ltp-ltd"
    scheme: Annotated[
        Literal["identical", "amplitude", "width"], Field(description="What grows along a train.")
    ] = "identical"
    potentiation: Annotated[Volt, Field(description="Level of the potentiating pulses.")] = 1.0
    depression: Annotated[Volt, Field(description="Level of the depressing pulses.")] = -1.5
    width: Width = 100e-6
    depression_width: Annotated[
        Second | None, Gt(0), Field(description="Width of the depressing pulses; else the same.")
    ] = None
    first: Annotated[
        Ratio, Gt(0), Le(1), Field(description="Share of level or width at which a ramp begins.")
    ] = 0.5
    pulses: Annotated[PositiveInt, Field(description="Pulses of each branch.")] = 25
    period: Annotated[Second, Gt(0), Field(description="From one pulse to the next.")] = 0.3
    cycles: Annotated[PositiveInt, Field(description="Cycles that count.")] = 5
    conditioning: Annotated[NonNegativeInt, Field(description="Cycles before those.")] = 2
    energy_cycles: Annotated[
        NonNegativeInt, Field(description="Cycles after those in which pulses are measured.")
    ] = 1
    read: ReadVoltage = 0.1
    read_width: ReadWidth = 30e-3
    read_error: Annotated[
        Ratio, Gt(0), Lt(0.5), Field(description="Risk to take one state for the next.")
    ] = 0.00135
    compliance: Compliance = 10e-3
    terminal: Terminal = "top"

    @model_validator(mode="after")
    def _fit_together(self) -> LtpLtd:
        for name in ("potentiation", "depression"):
            if getattr(self, name) == 0:
                raise ValueError(f"a {name} of 0 V is no pulse; give a positive or negative level")
        longest = max(self.width, self.depression_width or 0.0)
        least = longest + 2 * _GAP + self.read_width
        if self.period < least:
            raise ValueError(
                f"a period of {self.period:g} s was asked for; a pulse of {longest:g} s and a read "
                f"of {self.read_width:g} s need at least {least:g} s"
            )
        return self

    def steps(self) -> Steps:
        """Play cycle after cycle, each as one waveform."""
        parts = (
            ("conditioning", self.conditioning, False),
            ("cycle", self.cycles, False),
            ("energy", self.energy_cycles, True),
        )
        for part, count, measured in parts:
            for number in range(count):
                label: Label = {"part": part, "cycle": number, "pulses": self.pulses}
                yield Play(self.cycle(measured=measured), self.compliance, label=label)

    def cycle(self, *, measured: bool = False) -> Node:
        """Return a read, the potentiating train and the depressing one.

        Parameters
        ----------
        measured
            Measure the current in the pulses instead of that in the reads, which are played alike.
        """
        begin = self._read(not measured) + rest(_GAP)
        down = self.depression_width or self.width
        return (
            begin
            + self._branch(self.potentiation, self.width, measured)
            + self._branch(self.depression, down, measured)
        )

    def ramp(self, level: float, width: float) -> list[tuple[float, float]]:
        """Return level in V and width in s of every pulse of a branch."""
        if self.scheme == "identical":
            return [(level, width)] * self.pulses
        if self.scheme == "amplitude":
            shares = np.linspace(self.first, 1.0, self.pulses)
            return [(round(level * float(share), 6), width) for share in shares]
        shares = np.geomspace(self.first, 1.0, self.pulses)
        # source-measure units keep time in whole microseconds, pulse units in tens of nanoseconds
        grid = 1e-6 if width * self.first >= _FEW_MICROSECONDS else 1e-8
        return [(level, float(f"{round(width * share / grid) * grid:.9g}")) for share in shares]

    def _branch(self, level: float, width: float, measured: bool) -> Node:
        if self.scheme == "identical":
            return train(self._one(level, width, measured), self.period, self.pulses)
        first, *others = self.ramp(level, width)
        whole = train(self._one(*first, measured), self.period, 1)
        for one in others:
            whole = whole + train(self._one(*one, measured), self.period, 1)
        return whole

    def _one(self, level: float, width: float, measured: bool) -> Node:
        spike = pulse(level, width, terminal=self.terminal, measured=measured)
        return spike + rest(_GAP) + self._read(not measured)

    def _read(self, measured: bool) -> Node:
        if measured:
            return read(self.read, self.read_width, terminal=self.terminal)
        return segment(self.read_width, {self.terminal: self.read}, role="read")

    def preview(self) -> tuple[Panel, ...]:
        """Return a whole cycle and its first pulse with the read after it, to scale."""
        one = self._one(*self.ramp(self.potentiation, self.width)[0], False)
        shown = (self.terminal,)
        return (
            waveform_panel("One cycle", self.cycle(), shown),
            waveform_panel("First pulse and its read", one, shown, branch="potentiation"),
        )

    def writing(self) -> Writing | None:
        """Return levels and widths for a device card; None where they change along a train."""
        if self.scheme != "identical":
            return None
        return Writing(
            self.potentiation, self.depression, self.width, self.depression_width or self.width,
            self.read,
        )  # fmt: skip

    def analyse(self, record: Measured) -> Results:
        """Return the figures of merit of the counted cycles, with their scatter over the cycles.

        Metrics, those of a branch ending in ``_ltp`` and ``_ltd``: ``label`` (NeuroSim),
        ``alpha``, ``deviation`` from linearity, ``smallest_step``, ``c2c`` by level over mean,
        ``c2c_range`` by level over range, ``c2c_step`` by step over range, ``states`` at the read
        error and ``states_step`` by range over step; ``dynamic_range`` and ``asymmetry`` of both;
        ``g_min`` and ``g_max``; ``energy_potentiation`` and ``energy_depression`` of a pulse. Fits:
        the laws of `labctl.analysis.updates` to the mean cycle.
        """
        found = Cycles.of(record, self.terminal, self.pulses)
        about = f"{self.scheme} pulses of {self.potentiation:g} V and {self.depression:g} V"
        return results(found, self.preview(), self.read_error, self.writing(), about)

    def cards(self, record: Measured) -> CardSet:
        """Return the device cards for NeuroSim, AIHWKit and CrossSim, ready to be pasted.

        Raises
        ------
        BadInput
            No cycle that counts is complete.
        """
        return cards_of(Cycles.of(record, self.terminal, self.pulses), self.writing())
