"""Positive up, negative down: what a ferroelectric switches, not what it stores or leaks."""

from __future__ import annotations

import itertools
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt
from pydantic import Field, PositiveInt, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol, Reference
from labctl.results import Panel, Results
from labctl.steps import Label, Play, Steps, Wait
from labctl.units import Ampere, Counts, Metre, Second, SquareMetre, Volt
from labctl.waveform import Node, Window, pulse, rest, segment, ticks
from protocols.parameters import Compliance, Repeats, Terminal
from protocols.pund_charges import Sample, analyse_pund

__all__ = ["Pund"]

Shape = Literal["staircase", "triangle"]

#: sign of each of the five pulses: preset, positive, up, negative, down
SIGNS = (-1, 1, 1, -1, -1)


class Pund(Protocol):
    """Switched polarisation by five pulses, against cycles: wake-up, fatigue, leakage, imprint.

    A negative preset, then two positive pulses (P switches, U does not) and two negative ones (N,
    D). Every pulse rises and falls in many windows, so what is switched is the integral of I(P) -
    I(U) and of I(N) - I(D), window by window, free of capacitance, leakage and the meter's offset;
    against the voltage it is the loop, whose half gives the coercive voltages. The mean of rising
    and falling current of U and D is the leakage, their difference the capacitance. The whole is
    done on the film as it is, after each number of bipolar cycles and, where asked for, after a
    rest in the up state (imprint). Film of the shipped bench: Alessandri et al., IEEE Trans.
    Electron Devices 2019, 66, 3527, 10.1109/TED.2019.2922268.
    """

    title: ClassVar[str] = "PUND"
    summary: ClassVar[str] = "Switched polarisation, coercive field, leakage, wake-up and imprint."
    purpose: ClassVar[str] = "memory"
    reference: ClassVar[Reference] = Reference(
        "10.1109/TED.2019.2922268", text="Alessandri et al., IEEE Trans. Electron Devices 2019"
    )

    kind: Literal["pund"] = "pund"
    amplitude: Annotated[Volt, Gt(0), Field(description="Peak of the five pulses.")] = 2.5
    rise: Annotated[
        Second, Gt(0), Field(description="From zero to the peak, and again as long back.")
    ] = 250e-6
    windows: Annotated[
        PositiveInt, Ge(8), Field(description="Windows in which the current is measured per rise.")
    ] = 40
    shape: Annotated[
        Shape, Field(description="Steps, which every source can play, or straight ramps.")
    ] = "staircase"
    gap: Annotated[Second, Gt(0), Field(description="Rest at zero after each pulse.")] = 100e-6
    cycles: Annotated[
        Counts, Field(description="Numbers of bipolar cycles, after which it is done again.")
    ] = (10, 1000, 100_000)
    cycle_width: Annotated[
        Second, Gt(0), Field(description="Width of each of the two pulses of a cycle.")
    ] = 100e-6
    imprint: Annotated[
        Second, Ge(0), Field(description="Rest in the up state before the last PUND; 0 for none.")
    ] = 0.0
    repeats: Repeats = 2
    area: Annotated[SquareMetre, Gt(0), Field(description="Of the electrode.")] = 2500e-12
    thickness: Annotated[Metre, Gt(0), Field(description="Of the film.")] = 8.3e-9
    current: Annotated[
        Ampere, Gt(0), Field(description="Range of the meter: the largest switching current.")
    ] = 100e-6
    compliance: Compliance = 10e-3
    terminal: Terminal = "top"

    @model_validator(mode="after")
    def _fit_together(self) -> Pund:
        if list(self.cycles) != sorted(set(self.cycles)):
            raise ValueError(
                f"cycles of {self.cycles} were asked for; give rising numbers, as 10, 100, 1000"
            )
        if ticks(self.rise / self.windows) < 1:
            raise ValueError(
                f"{self.windows} windows in a rise of {self.rise:g} s were asked for; a window "
                "must last at least 1 ps"
            )
        return self

    def steps(self) -> Steps:
        """Measure the film as it is, after each number of cycles, and after the rest."""
        yield from self._measure(0, "cycling")
        done = 0
        for count in self.cycles:
            yield Play(
                self.cycle() * (count - done), self.compliance, {}, {"part": "cycle", "to": count}
            )
            done = count
            yield from self._measure(count, "cycling")
        if self.imprint > 0:
            up = pulse(self.amplitude, self.rise, terminal=self.terminal, measured=False)
            yield Play(up + rest(self.gap), self.compliance, {}, {"part": "set up"})
            yield Wait(self.imprint, {"part": "imprint"})
            yield from self._measure(done, "imprint")

    def _measure(self, cycles: int, when: str) -> Steps:
        for turn in range(self.repeats):
            label: Label = {"part": "pund", "cycles": cycles, "when": when, "turn": turn}
            yield Play(self.sequence(), self.compliance, {self.terminal: self.current}, label)

    def sequence(self) -> Node:
        """Return the five pulses; the preset is not measured."""
        first, *others = SIGNS
        waveform = self._pulse(first, measured=False) + rest(self.gap)
        for sign in others:
            waveform = waveform + self._pulse(sign, measured=True) + rest(self.gap)
        return waveform

    def _pulse(self, sign: int, *, measured: bool) -> Node:
        """Return one pulse of twice the rise, cut into windows."""
        step = self.rise / self.windows
        window = (Window(self.terminal, 0, ticks(step), "pulse"),) if measured else ()
        corners = np.round(np.linspace(0.0, sign * self.amplitude, self.windows + 1), 9)
        if self.shape == "staircase":
            tops = [float(v) for v in corners[1:]]
            pieces: list[float | tuple[float, float]] = [*tops, *tops[-2::-1], 0.0]
        else:
            up = [(float(a), float(b)) for a, b in itertools.pairwise(corners)]
            pieces = [*up, *((b, a) for a, b in reversed(up))]
        parts = [
            segment(
                step, {self.terminal: level}, windows=window,
                role="pulse" if k == self.windows - 1 else "rest",
            )
            for k, level in enumerate(pieces)
        ]  # fmt: skip
        waveform: Node = parts[0]
        for part in parts[1:]:
            waveform = waveform + part
        return waveform

    def cycle(self) -> Node:
        """Return one bipolar cycle, which begins and ends at zero."""
        up, down = (
            pulse(s * self.amplitude, self.cycle_width, terminal=self.terminal, measured=False)
            for s in (1, -1)
        )
        return up + rest(self.gap) + down + rest(self.gap)

    def preview(self) -> tuple[Panel, ...]:
        """Return the five pulses, to scale."""
        title = "Preset, positive, up, negative, down"
        return (waveform_panel(title, self.sequence(), (self.terminal,)),)

    def analyse(self, record: Measured) -> Results:
        """Return what was switched and what was not, against cycles.

        Metrics, of the state with the most switched: ``two_pr``, ``coercive_field``,
        ``coercive_up`` and ``coercive_down`` (voltages), ``imprint_field``, ``leakage`` (density
        at the peak), ``capacitance``, ``energy`` of a switching pulse; ``two_pr_pristine``,
        ``wake_up`` (largest over first), ``fatigue`` (last over largest) and, after a rest,
        ``imprint_shift`` in V.
        """
        sample = Sample(self.area, self.thickness, self.windows, self.shape == "staircase")
        found = analyse_pund(record, sample)
        return Results(
            metrics=found.metrics,
            tables=found.tables,
            panels=(*self.preview(), *found.panels),
            notes=found.notes,
        )
