"""A threshold-switch neuron: integrate, fire, recover by itself."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Len, Lt
from pydantic import Field, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol, Reference
from labctl.results import Panel, Results
from labctl.steps import Label, Play, Steps
from labctl.units import Ohm, Ratio, Second, Volts
from labctl.waveform import Node, Window, rest, segment, ticks
from protocols.neuron_spikes import analyse_neuron
from protocols.parameters import Compliance, Repeats, Terminal

__all__ = ["Neuron"]

_HEADROOM = 1.25  # of the current range over the current that the load lets through


class Neuron(Protocol):
    """Firing of a threshold switch with its capacitor behind a known load.

    A constant source charges the node through the load until the switch turns on and discharges it;
    it recovers by itself. The node's voltage is the source less the current times the load, window
    by window, so nothing but the current is measured. A spike is where the node falls through its
    swing; the recovery lasts from there until the node begins to rise again. The energy of a spike
    is what goes into node and switch in a whole period, the load left out. After the Pt/FeOx/Ag
    neuron that recovers within 1 ms on about 10 fJ (10.1002/sml.201802188, as cited by Xia et al.,
    Nano-Micro Lett. 2025, 17, 217).
    """

    title: ClassVar[str] = "Threshold-switch neuron"
    summary: ClassVar[str] = "Firing rate against input, recovery times, energy of a spike."
    purpose: ClassVar[str] = "neuron and logic"
    reference: ClassVar[Reference] = Reference(
        "10.1002/sml.201802188", text="cited by Xia et al., Nano-Micro Lett. 2025, 17, 217"
    )

    kind: Literal["neuron"] = "neuron"
    inputs: Annotated[Volts, Len(2), Field(description="Source voltages, in random order.")] = (
        0.55,
        0.65,
        0.7,
        0.8,
        1.0,
        1.5,
        2.0,
    )
    load: Annotated[Ohm, Gt(0), Field(description="Resistor between source and node.")] = 1e9
    duration: Annotated[Second, Gt(0), Field(description="How long each input is watched.")] = 30e-3
    window: Annotated[Second, Gt(0), Field(description="Length of one window of current.")] = 10e-6
    pause: Annotated[Second, Gt(0), Field(description="Rest at zero before each input.")] = 10e-3
    within: Annotated[
        Second, Gt(0), Field(description="Time within which a recovery counts as quick.")
    ] = 1e-3
    swing: Annotated[
        Ratio, Ge(0.05), Lt(1), Field(description="Share of the swing at which the node is up.")
    ] = 0.35
    repeats: Repeats = 1
    compliance: Compliance = 1e-6
    terminal: Terminal = "top"

    @model_validator(mode="after")
    def _fit_together(self) -> Neuron:
        if min(self.inputs) <= 0:
            raise ValueError(
                f"an input of {min(self.inputs):g} V was asked for; give positive voltages"
            )
        if self.duration < 20 * self.window:
            raise ValueError(
                f"{self.duration:g} s in windows of {self.window:g} s were asked for; at least 20 "
                "windows are needed to see a spike"
            )
        return self

    def steps(self) -> Steps:
        """Watch every input so many times, in random order."""
        current = _HEADROOM * max(self.inputs) / self.load
        for number, source in enumerate(self.shuffled(self.inputs * self.repeats)):
            label: Label = {"part": "input", "input": source, "number": number}
            ranges = {self.terminal: min(current, self.compliance)}
            yield Play(self.watched(source), self.compliance, ranges, label)

    @property
    def windows(self) -> int:
        """Number of windows at each input."""
        return math.ceil(self.duration / self.window - 1e-9)

    def watched(self, source: float) -> Node:
        """Return a pause and then the source at its level, measured all the time."""
        window = Window(self.terminal, 0, ticks(self.window), "pulse")
        one = segment(self.window, {self.terminal: source}, windows=(window,), role="read")
        return rest(self.pause) + one * self.windows

    def preview(self) -> tuple[Panel, ...]:
        """Return the pause and the first windows of the largest input, to scale."""
        shown = rest(self.pause) + segment(self.duration, {self.terminal: max(self.inputs)})
        return (waveform_panel("One input", shown, (self.terminal,)),)

    def analyse(self, record: Measured) -> Results:
        """Return rates, recoveries and energies.

        Metrics: ``threshold_input`` (between the largest input that is silent and the smallest
        that fires), ``rate_largest`` at the largest input, ``recovery`` (median) and
        ``recovered_in_time`` (share within the stated time), ``firing_level`` of the node,
        ``energy`` of a spike at the smallest input that fires and ``energy_largest`` at the
        largest. Fit: ``leaky_integrate_fire``, the time from the end of a recovery to the next
        spike against the input, ``delay + tau ln((V - V_risen)/(V - threshold))``.
        """
        found = analyse_neuron(record, self.load, self.swing, self.within)
        return Results(
            metrics=found.metrics,
            fits=found.fits,
            tables=found.tables,
            panels=(*self.preview(), *found.panels),
            notes=found.notes,
        )
