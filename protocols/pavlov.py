"""Pavlov's dog: two inputs of one device, an association formed and extinguished."""

from __future__ import annotations

import functools
import itertools
import operator
from typing import Annotated, ClassVar, Literal

from annotated_types import Gt, Len
from pydantic import Field, PositiveInt, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol, Reference
from labctl.results import Panel, Results
from labctl.steps import Label, Play, Steps
from labctl.units import Ampere, Ratio, Second, Seconds, Volt, log_spaced
from labctl.waveform import Node, Segment, Window, rest, segment, ticks
from protocols.parameters import Compliance, Repeats, Terminal, Width
from protocols.pavlov_results import Dog, pavlov_results

__all__ = ["Pavlov"]

_GAP = 200e-6  # at zero volts between levels


class Pavlov(Protocol):
    """Classical conditioning: a bell that does nothing, until it has come with food.

    The bell is a pulse on one terminal, the food a pulse of the other sign on the opposite one;
    each alone is too weak to change the device, both at once are not. The response to the bell is
    the current during a bell alone, over that before any conditioning; the association is formed
    where it passes the criterion. Controls come first: the bell alone and the food alone, as often
    as in the conditioning, must leave no association. Then bell and food together, a response after
    each; the response while nothing happens; and extinction, in which the bell comes with an
    opposite pulse in the food's place (a neuron that answers without being fed), until the response
    is gone. Where the device has one terminal, the difference of both is played on it.

    Terms are those of Sci. Rep. 2017, 10.1038/s41598-017-00849-7 (acquisition, extinction); for the
    answer of the neuron fed back inverted see Sci. Rep. 2019, 10.1038/s41598-019-47263-9, Fig. 5.
    """

    title: ClassVar[str] = "Pavlovian conditioning"
    summary: ClassVar[str] = "Bell and food on two terminals: association formed and extinguished."
    purpose: ClassVar[str] = "plasticity"
    reference: ClassVar[Reference] = Reference(
        "10.1038/s41598-017-00849-7", text="Sci. Rep. 2017, Pavlovian conditioning in a memristor"
    )

    kind: Literal["pavlov"] = "pavlov"
    bell: Annotated[Volt, Field(description="Level of the bell.")] = 0.2
    food: Annotated[Volt, Field(description="Level of the food, on the opposite terminal.")] = -0.25
    extinguish: Annotated[
        Volt, Field(description="Level in the food's place in the extinction; 0 V: bell alone.")
    ] = 0.8
    width: Width = 10e-3
    conditioning: Annotated[PositiveInt, Field(description="Pairs of bell and food.")] = 10
    extinction: Annotated[PositiveInt, Field(description="Bells without food.")] = 20
    wait: Annotated[
        Second, Gt(0), Field(description="From a stimulus to the bell that asks for the response.")
    ] = 1.0
    hold: Annotated[
        Seconds, Len(2), Field(description="Bells while nothing happens, from the last pair.")
    ] = log_spaced(1.0, 100.0, 5)
    criterion: Annotated[
        Ratio, Gt(1), Field(description="Response, over that before, that is an association.")
    ] = 10.0
    repeats: Repeats = 2
    clear: Annotated[
        Volt, Field(description="Level that clears the device before each repeat; 0 V: none.")
    ] = -1.0
    clear_width: Annotated[Second, Gt(0), Field(description="Its length.")] = 0.5
    compliance: Compliance = 100e-6
    bell_range: Annotated[
        Ampere | None, Gt(0), Field(description="Current range of the bell; else the compliance.")
    ] = 100e-9
    terminal: Terminal = "top"
    partner: Annotated[
        str, Field(description="Terminal of the food; empty: one terminal carries the difference.")
    ] = "bottom"

    @model_validator(mode="after")
    def _fit_together(self) -> Pavlov:
        if self.bell == 0 or self.bell * self.food >= 0:
            raise ValueError(
                f"bell and food of {self.bell:g} V and {self.food:g} V do not add up across the "
                "device; give them opposite signs"
            )
        if self.extinguish * self.food > 0:
            raise ValueError(
                f"extinguish is {self.extinguish:g} V; it must not have the sign of the food"
            )
        if self.terminal == self.partner:
            raise ValueError(f"bell and food are both on {self.partner!r}; name another terminal")
        steps = [b - a for a, b in itertools.pairwise((0.0, *self.hold))]
        if min(*steps, self.wait) < self.width + 2 * _GAP:
            raise ValueError(
                f"wait and the times of hold leave no room for a bell of {self.width:g} s; "
                "give longer ones"
            )
        return self

    # what is played -----------------------------------------------------------------------------

    def steps(self) -> Steps:
        """Clear, ask, control, condition, wait, extinguish; each phase is one waveform."""
        for repeat in range(self.repeats):
            if self.clear:
                # not on the range of the bell, which would limit it
                cleared = segment(self.clear_width, {self.terminal: self.clear}, role="pulse")
                yield self._play(cleared, {"part": "clear", "repeat": repeat}, wide=True)
            phases = {
                "before": rest(self.wait) + self.asked(),
                "bell alone": self._phase(self.bell, 0.0, self.conditioning),
                "food alone": self._phase(0.0, self.food, self.conditioning),
                "conditioning": self._phase(self.bell, self.food, self.conditioning),
                "hold": self._holding(),
                "extinction": self._phase(self.bell, self.extinguish, self.extinction),
            }
            for phase, waveform in phases.items():
                yield self._play(waveform, {"part": "phase", "phase": phase, "repeat": repeat})
        for stimulus, levels in (
            ("pair", (self.bell, self.food)), ("extinction", (self.bell, self.extinguish)),
        ):  # fmt: skip
            cost = rest(self.wait) + self.stimulus(*levels, measured=True)
            yield self._play(cost, {"part": "energy", "class": stimulus}, wide=True)

    def asked(self) -> Node:
        """Return a bell alone, whose current is the response."""
        whole = ticks(self.width)
        window = Window(self.terminal, round(0.2 * whole), round(0.95 * whole), "read")
        # a read: it is too weak to be an event of the device
        return segment(self.width, {self.terminal: self.bell}, windows=(window,), role="read")

    def stimulus(self, bell: float, food: float, *, measured: bool = False) -> Segment:
        """Return bell and food at once.

        Parameters
        ----------
        bell, food
            Their levels, V; zero is none.
        measured
            Measure the current of each terminal driven.
        """
        levels = {self.terminal: bell, self.partner: food}
        if not self.partner:
            levels = {self.terminal: bell - food}
        driven = {name: level for name, level in levels.items() if level}
        whole = ticks(self.width)
        windows = tuple(
            Window(name, round(0.2 * whole), round(0.95 * whole), "pulse")
            for name in (driven if measured else ())
        )
        return segment(self.width, driven, windows=windows, role="pulse")

    def _phase(self, bell: float, food: float, count: int) -> Node:
        """Return stimuli, each followed by a wait and a bell that asks for the response."""
        one = functools.reduce(
            operator.add,
            (rest(_GAP), self.stimulus(bell, food), rest(self.wait), self.asked()),
        )
        return one * count

    def _holding(self) -> Node:
        parts, at = [], 0.0
        for time in self.hold:
            parts += [rest(time - at), self.asked()]
            at = time + self.width
        return functools.reduce(operator.add, parts)

    def preview(self) -> tuple[Panel, ...]:
        """Return a pair and a trial of the extinction, each with the bell that asks, to scale."""
        terminals = (self.terminal, self.partner) if self.partner else (self.terminal,)
        pair, without = self.stimulus(self.bell, self.food), self.stimulus(
            self.bell, self.extinguish
        )  # fmt: skip
        gap = rest(2 * self.width)
        return (
            waveform_panel("Conditioning: bell and food, then a bell", pair + gap + self.asked(),
                           terminals),
            waveform_panel("Extinction: bell without food, then a bell",
                           without + gap + self.asked(), terminals),
        )  # fmt: skip

    def analyse(self, record: Measured) -> Results:
        """Return the responses through all phases, the association and what became of it.

        Metrics: ``association_index`` after conditioning, ``formed``, ``trials_to_form``,
        ``control_bell`` and ``control_food``, ``kept`` at the end of the hold, ``extinguished``,
        ``trials_to_extinguish``, ``energy_pair``, ``energy_extinction``. Fits: ``hold_<law>``.
        """
        dog = Dog(self.terminal, self.criterion)
        found = pavlov_results(record, dog)
        return Results(
            found.metrics, found.fits, found.tables, (*self.preview(), *found.panels), found.notes
        )

    def _play(self, waveform: Node, label: Label, *, wide: bool = False) -> Play:
        ranges = {}
        if self.bell_range is not None and not wide:
            ranges = {self.terminal: min(self.bell_range, self.compliance)}
        return Play(waveform, self.compliance, ranges, label)
