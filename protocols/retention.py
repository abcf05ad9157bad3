"""Retention: how written states fade, over days and at several temperatures."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Generator
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Len, Lt
from pydantic import Field, PositiveInt, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Reference
from labctl.readings import Readings
from labctl.results import Panel, Results
from labctl.steps import Label, Play, Soak, Step, Steps, Wait
from labctl.units import Hertz, Kelvin, Ratio, Second, Temperatures, Volt, Volts
from labctl.waveform import Node, pulse, read, rest, train
from protocols.baseline import Baseline, Learned, restore
from protocols.limited import Limit, limited
from protocols.parameters import (
    Compliance,
    LongestTime,
    ReadWidth,
    Repeats,
    Returning,
    Terminal,
    Width,
)
from protocols.reads import Count, Look, Reader
from protocols.retention_results import analyse_retention
from protocols.retention_states import Asked

__all__ = ["Retention"]

_APART = 200e-6  # s, between two reads
_LEFT = 0.175  # of a pulse, from the middle of its window to its end
_MOST_STATES = 1000
_TEN_YEARS = 10 * 365.25 * 86400.0


class Retention(Returning):
    """States written by pulses, and reads even in the logarithm of time for days.

    Reads up to `joined` are part of the writing waveform; each later one is a step of its own after
    a wait, on a current range that suits it, and a broken-off run goes on with ``labctl resume``.
    With `temperatures` the sample is soaked at each and the states are written there (or at
    `write_at`, before the soak). From each state come the drift exponent, the laws of fading
    carried on to the horizon, and a life: the time in which G has changed by `loss`. Over the
    temperatures the lives give an activation energy, and a joint fit of sums of exponentials to all
    decays gives one for each time constant. Times are those since the end of the last pulse.
    """

    title: ClassVar[str] = "Retention"
    summary: ClassVar[str] = "Fading of written states: drift, loss law, ten years, Arrhenius."
    purpose: ClassVar[str] = "reliability"
    reference: ClassVar[Reference] = Reference(
        "10.1038/s44335-024-00008-y", text="drift of phase-change cells from 12 K on"
    )
    decides: ClassVar[bool] = True

    kind: Literal["retention"] = "retention"
    amplitudes: Annotated[
        Volts, Len(1), Field(description="Levels of the writing pulses; each is a state.")
    ] = (1.5, -1.5)
    width: Width = 100e-6
    pulses: Annotated[PositiveInt, Field(description="Pulses that write a state.")] = 1
    rate: Annotated[Hertz, Gt(0), Field(description="Of these pulses.")] = 10.0
    erase: Annotated[
        Volt | None, Field(description="Level of pulses before each state; none if not given.")
    ] = None
    erase_pulses: Annotated[PositiveInt, Field(description="Number of these pulses.")] = 1
    prepare: Annotated[
        Literal["as found", "baseline"],
        Field(description="Whether each state is written from the verified baseline."),
    ] = "as found"
    first: Annotated[Second, Gt(0), Field(description="From the last pulse to the first read.")] = (
        10e-3
    )
    last: Annotated[Second, Gt(0), Field(description="To the last read.")] = 1e5
    per_decade: Annotated[PositiveInt, Field(description="Reads in a decade of time.")] = 6
    joined: Annotated[
        Second, Ge(0), Field(description="Reads up to here are in the writing waveform.")
    ] = 0.0
    read_width: ReadWidth = 10e-3
    compliance: Compliance = 2e-3
    temperatures: Annotated[
        Temperatures, Field(description="Temperatures of the sample; none leaves it as it is.")
    ] = ()
    write_at: Annotated[
        Kelvin | None, Gt(0), Field(description="Where the states are written; else at each.")
    ] = None
    use: Annotated[Kelvin, Gt(0), Field(description="Temperature of use of the device.")] = 300.0
    horizon: Annotated[Second, Gt(0), Field(description="Where the laws are carried to.")] = (
        _TEN_YEARS
    )
    loss: Annotated[
        Ratio, Gt(0), Lt(1), Field(description="Relative change of G that ends a life.")
    ] = 0.1
    energies: Annotated[
        Literal["lives", "decays"],
        Field(description="Activation energies from times to a loss, or from fitted decays too."),
    ] = "lives"
    quantity: Annotated[
        Literal["conductance", "logarithm"], Field(description="What decays are fitted to.")
    ] = "conductance"
    decay: Annotated[
        Literal["single_decay", "double_decay", "triple_decay"],
        Field(description="Sum of exponentials of the joint fit over temperatures."),
    ] = "double_decay"
    window: Annotated[
        Ratio | None,
        Gt(0),
        Field(description="Joint fit up to this many times the time to a tenth of the change."),
    ] = None
    repeats: Repeats = 1
    terminal: Terminal = "top"
    most_pulses: Annotated[Count, Field(description="It ends before it applies more pulses.")] = (
        100_000
    )
    longest_time: LongestTime = 400 * 86400.0

    @model_validator(mode="after")
    def _fit_together(self) -> Retention:
        if 0.0 in self.amplitudes or self.erase == 0:
            raise ValueError("an amplitude of 0 V is no pulse; give every state a level")
        if any(not kelvin > 0 for kelvin in self.temperatures):
            raise ValueError("a temperature at or below 0 K was asked for; give kelvin above zero")
        if self.write_at is not None and not self.temperatures:
            raise ValueError(
                "write_at was given without temperatures to bake at; give temperatures too"
            )
        if self.last < 10 * self.first:
            raise ValueError(
                f"reads from {self.first:g} s to {self.last:g} s were asked for; a law of fading "
                "needs at least a decade of time, so read longer"
            )
        if self.width * self.rate >= 1:
            raise ValueError(
                f"pulses of {self.width:g} s at {self.rate:g} Hz were asked for, which leaves "
                "nothing between them; lower the rate or the width"
            )
        count = len(self.amplitudes) * max(len(self.temperatures), 1) * self.repeats
        if count > _MOST_STATES:
            raise ValueError(f"{count} states were asked for; at most {_MOST_STATES} are written")
        return self

    def times(self) -> list[float]:
        """Return when reads begin, s after the end of the last pulse."""
        decades = math.log10(self.last / self.first)
        count = math.ceil(self.per_decade * decades - 1e-9)
        every = [self.first * 10.0 ** (decades * k / count) for k in range(count + 1)]
        kept = [every[0]]
        for when in every[1:]:
            if when - kept[-1] >= self.read_width + _APART:
                kept.append(when)
        return kept

    def steps(self) -> Steps:
        """Soak, write, read on; for every temperature in order and every state in random order."""
        yield from limited(self._course(), Limit(self.most_pulses, self.longest_time))

    def _course(self) -> Generator[Step, Readings, None]:
        learned, target, trial = Learned(), self.baseline, 0
        states = [k for k in range(1, len(self.amplitudes) + 1) for _ in range(self.repeats)]
        for kelvin in self.temperatures or (None,):
            warm = False
            for state in self.shuffled(states):
                if kelvin is not None and self.write_at is not None:
                    yield Soak(self.write_at, {"part": "soak"})
                elif kelvin is not None and not warm:
                    yield Soak(kelvin, {"part": "soak"})
                    warm = True
                before = None
                if self.prepare == "baseline":
                    rested = yield from restore(self._how(), target, learned)
                    target, before = target or rested.g, rested.g
                label: Label = {
                    "state": state, "trial": trial, "temperature": kelvin,
                    "baseline": before if before and before > 0 else None,
                }  # fmt: skip
                yield from self._state(self.amplitudes[state - 1], kelvin, label)
                trial += 1

    def _how(self) -> Baseline:
        strongest = max(abs(amplitude) for amplitude in self.amplitudes)
        return Baseline(
            self.read, self.compliance, strongest, self.width, self.within, self.longest_wait,
            self.restore, terminal=self.terminal,
        )  # fmt: skip

    def _state(
        self, amplitude: float, kelvin: float | None, label: Label
    ) -> Generator[Step, Readings, None]:
        """Write one state and read it until the end."""
        if self.erase is not None:
            clear = self._train(self.erase, self.erase_pulses) + rest(1 / self.rate)
            yield Play(clear, self.compliance, label={"part": "erase", **label})
        early = [when for when in self.times() if when <= self.joined]
        waveform = self.written(amplitude)
        readings = yield Play(waveform, self.compliance, label={"part": "write", **label})
        end, now = _ended(readings, waveform.duration)
        if kelvin is not None and self.write_at is not None:
            yield Soak(kelvin, {"part": "soak"})
        look = Look(self.read, self.read_width, self.compliance, self.terminal)
        reader = Reader(look, self.compliance * min(1.0, abs(self.read / amplitude)))
        for k, when in enumerate(self.times()[len(early) :], len(early)):
            if when > now:
                yield Wait(when - now, {"part": "wait"})
                now = when
            mark: Label = {"part": "read", **label, "read": k}
            now = yield from _read_at(reader, mark, end, now + self.read_width)

    def written(self, amplitude: float) -> Node:
        """Return the pulses that write a state, and the reads that belong to their waveform."""
        parts: list[Node] = [self._train(amplitude, self.pulses)]
        now = 0.0
        for when in self.times():
            if when <= self.joined:
                gap = rest(max(when - now, _APART))
                parts += [gap, read(self.read, self.read_width, terminal=self.terminal)]
                now = max(when, now + _APART) + self.read_width
        return functools.reduce(operator.add, parts)

    def _train(self, amplitude: float, count: int) -> Node:
        one = pulse(amplitude, self.width, terminal=self.terminal)
        return one if count == 1 else train(one, 1 / self.rate, count - 1) + one

    def preview(self) -> tuple[Panel, ...]:
        """Return the waveform that writes the first state, to scale."""
        branch = "depression" if self.amplitudes[0] < 0 else "potentiation"
        shown = self.written(self.amplitudes[0])
        if not self.joined:
            shown = shown + rest(max(self.first, _APART))
            shown = shown + read(self.read, self.read_width, terminal=self.terminal)
        title = "Writing of the first state and its first read"
        return (waveform_panel(title, shown, (self.terminal,), branch=branch),)

    def analyse(self, record: Measured) -> Results:
        """Return drift, laws, lives and activation energies.

        Metrics, numbered by state and, with temperatures, marked by them (``nu_1_300K``): ``g``
        the conductance at the first read, ``nu`` the drift exponent of R, ``kept`` the share of G
        at the last read, ``at_horizon`` the conductance there by the preferred law, ``life``, or
        ``survived``, the time up to which it was not over. Over the temperatures ``ea_life_1`` and
        ``life_use_1`` from the lives, ``ea1_1``, ``ea2_1`` from the joint fit of the decays. Fits:
        ``drift_1``, ``log_linear_1``, ``power_1``, ``stretched_1``, and ``arrhenius_1``,
        ``decays_1``.
        """
        asked = Asked(
            self.amplitudes, self.terminal, self.horizon, self.loss, self.use, self.decay,
            self.quantity == "logarithm", self.window, self.energies == "decays",
        )  # fmt: skip
        found = analyse_retention(record, asked)
        return Results(
            found.metrics, found.fits, found.tables, (*self.preview(), *found.panels), found.notes
        )


def _ended(readings: Readings, duration: float) -> tuple[float, float]:
    """Return the time at which the last pulse ended, and how long ago the waveform did, s."""
    pulses = readings.where(role="pulse")
    if not len(pulses):
        return math.nan, 0.0
    last = pulses[-1]
    end = last.t + _LEFT * last.width
    first = pulses[0]
    begin = first.t - (1 - _LEFT) * first.width
    return end, max(begin + duration - end, 0.0)


def _read_at(
    reader: Reader, label: Label, end: float, planned: float
) -> Generator[Step, Readings, float]:
    """Read once, and return the time since the last pulse when that was over, s."""
    course = reader.read("state", label)
    last = math.nan
    try:
        step = next(course)
        while True:
            readings = yield step
            if len(readings):
                last = float(np.max(readings.t)) + (1 - 0.575) * reader.how.width - end
            step = course.send(readings)
    except StopIteration:
        pass
    return last if math.isfinite(last) else planned
