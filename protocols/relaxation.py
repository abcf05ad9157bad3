"""Relaxation: what a train of pulses leaves, from the first millisecond on, for many trains."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Generator, Sequence
from typing import Annotated, ClassVar, Literal, NamedTuple

from annotated_types import Gt, Len
from pydantic import Field, PositiveInt, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Reference
from labctl.readings import Readings
from labctl.results import Panel, Results
from labctl.steps import Label, Play, Step, Steps
from labctl.units import Counts, Hertz, Second, Seconds, Volts
from labctl.waveform import Node, pulse, read, rest, train
from protocols.baseline import Baseline, Learned, restore
from protocols.limited import Limit, limited
from protocols.parameters import Compliance, LongestTime, ReadWidth, Repeats, Returning, Terminal
from protocols.reads import Count
from protocols.relaxation_results import analyse_relaxation
from protocols.responses import usable

__all__ = ["Condition", "Relaxation"]

_ROOM = 3.0  # a range is this many times the largest current known
_APART = 200e-6  # s, between two reads
_MOST_TRAINS = 10_000


class Condition(NamedTuple):
    """One kind of train."""

    amplitude: float  #: V
    width: float  #: s
    pulses: int


class Relaxation(Returning):
    """Decay of the conductance after trains of either polarity, with reads even in log time.

    Every train begins at the verified baseline, in random order. The reads up to `joined` belong to
    the train's own waveform, so that the first comes a millisecond after the last pulse whoever
    plays it; the later ones follow on a current range of their own. Single, double and stretched
    exponentials and a power law compete by AICc, each with the lasting part as a free baseline.
    What the reads themselves do is measured: each train is played once more with nothing but the
    last read (`control`). After Nie et al., Adv. Mater. 2025, 10.1002/adma.202412006
    (relaxation of four states, from both sides).
    """

    title: ClassVar[str] = "Relaxation"
    summary: ClassVar[str] = "Decay after potentiation and depression: laws, time constants, rest."
    purpose: ClassVar[str] = "plasticity"
    reference: ClassVar[Reference] = Reference(
        "10.1002/adma.202412006", text="Nie et al., Adv. Mater. 2025"
    )
    decides: ClassVar[bool] = True

    kind: Literal["relaxation"] = "relaxation"
    amplitudes: Annotated[
        Volts, Len(1), Field(description="Levels of the pulses; each is a state.")
    ] = (1.5, 1.0, -1.5, -1.8)
    widths: Annotated[Seconds, Len(1), Field(description="Widths of the pulses.")] = (100e-6,)
    pulses: Annotated[Counts, Len(1), Field(description="Pulses in a train.")] = (10,)
    rate: Annotated[Hertz, Gt(0), Field(description="Of the pulses in a train.")] = 3.33
    first: Annotated[
        Second, Gt(0), Field(description="From the end of the train to its first read.")
    ] = 1e-3
    last: Annotated[Second, Gt(0), Field(description="To the last read.")] = 10.0
    per_decade: Annotated[PositiveInt, Field(description="Reads in a decade of time.")] = 8
    joined: Annotated[
        Second, Gt(0), Field(description="Reads up to here are in the train's own waveform.")
    ] = 20e-3
    read_width: ReadWidth = 500e-6
    compliance: Compliance = 10e-3
    repeats: Repeats = 1
    control: Annotated[
        bool, Field(description="Play each train once more with the last read alone.")
    ] = True
    quantity: Annotated[
        Literal["conductance", "logarithm"], Field(description="What is fitted: G or ln G.")
    ] = "conductance"
    terminal: Terminal = "top"
    most_pulses: Annotated[Count, Field(description="It ends before it applies more pulses.")] = (
        100_000
    )
    longest_time: LongestTime = 7 * 86400.0

    @model_validator(mode="after")
    def _fit_together(self) -> Relaxation:
        count = len(self.amplitudes) * len(self.widths) * len(self.pulses) * (self.repeats + 1)
        if 0.0 in self.amplitudes:
            raise ValueError("an amplitude of 0 V is no pulse; give every train a level")
        if not all(width > 0 for width in self.widths):
            raise ValueError("a width must be positive; give every pulse a width")
        if max(self.widths) * self.rate >= 1:
            raise ValueError(
                f"pulses of {max(self.widths):g} s at {self.rate:g} Hz were asked for, which "
                "leaves nothing between them; lower the rate or the width"
            )
        if self.last < 10 * self.first:
            raise ValueError(
                f"reads from {self.first:g} s to {self.last:g} s were asked for; a decay needs at "
                "least a decade of time, so read longer"
            )
        if count > _MOST_TRAINS:
            raise ValueError(f"{count} trains were asked for; at most {_MOST_TRAINS} are played")
        return self

    def conditions(self) -> list[Condition]:
        """Return every kind of train, in the order of their numbers from 1."""
        every = itertools.product(self.amplitudes, self.widths, self.pulses)
        return [Condition(*values) for values in every]

    def times(self) -> list[float]:
        """Return when reads begin, s after the end of the train."""
        decades = math.log10(self.last / self.first)
        count = math.ceil(self.per_decade * decades - 1e-9)
        every = [self.first * 10.0 ** (decades * k / count) for k in range(count + 1)]
        kept = [every[0]]
        for when in every[1:]:
            if when - kept[-1] >= self.read_width + _APART:
                kept.append(when)
        return kept

    def steps(self) -> Steps:
        """Return to the baseline, play a train, read; for every condition in random order."""
        yield from limited(self._course(), Limit(self.most_pulses, self.longest_time))

    def _course(self) -> Generator[Step, Readings, None]:
        target, learned = self.baseline, Learned()
        controls = [True] if self.control else []
        plays = [
            (number, condition, alone)
            for number, condition in enumerate(self.conditions(), 1)
            for alone in [False] * self.repeats + controls
        ]
        for trial, (number, condition, alone) in enumerate(self.shuffled(plays)):
            rested = yield from restore(self._how(), target, learned)
            target = target or rested.g
            label: Label = {
                "condition": number,
                "trial": trial,
                "control": alone,
                "baseline": rested.g if rested.g > 0 else None,
                "returned": rested.returned,
            }
            yield from self._trial(condition, alone, label, rested.g)

    def _how(self) -> Baseline:
        strongest = max(abs(amplitude) for amplitude in self.amplitudes)
        return Baseline(
            self.read, self.compliance, strongest, max(self.widths), self.within,
            self.longest_wait, self.restore, terminal=self.terminal,
        )  # fmt: skip

    def _trial(
        self, condition: Condition, alone: bool, label: Label, before: float
    ) -> Generator[Step, Readings, None]:
        early = [when for when in self.times() if when <= self.joined]
        late = [when for when in self.times() if when > self.joined]
        if alone:
            early, late = [], self.times()[-1:]
        waveform = self.train(condition) + self._reads(early, 0.0)
        readings = yield Play(waveform, self.compliance, label={"part": "train", **label})
        if late:
            now = early[-1] + self.read_width if early else _APART
            current = self._range(condition, readings, before)
            yield Play(
                self._reads(late, now), self.compliance, {self.terminal: current},
                {"part": "late", **label},
            )  # fmt: skip

    def _range(self, condition: Condition, readings: Readings, before: float) -> float:
        """Return a range for the later reads, from what has been seen, A."""
        reads = readings.where(role="read")
        good = [row for row, ok in zip(reads, usable(reads), strict=True) if ok]
        known = [abs(good[-1].i)] if good else []
        known += [abs(before * self.read)] if before > 0 else []
        share = self.compliance * abs(self.read / condition.amplitude)
        wanted = _ROOM * max(known) if good else max([share, *(3 * i for i in known)])
        return min(max(float(f"{wanted:.2g}"), 1e-6), self.compliance)

    def train(self, condition: Condition) -> Node:
        """Return the pulses of a train; the last one ends it."""
        one = pulse(condition.amplitude, condition.width, terminal=self.terminal)
        if condition.pulses == 1:
            return one
        return train(one, 1 / self.rate, condition.pulses - 1) + one

    def _reads(self, times: Sequence[float], now: float) -> Node:
        """Return reads that begin at some times; `now` of them has passed."""
        parts: list[Node] = []
        for when in times:
            parts.append(rest(max(when - now, _APART)))
            parts.append(read(self.read, self.read_width, terminal=self.terminal))
            now = max(when, now + _APART) + self.read_width
        return functools.reduce(operator.add, parts) if parts else rest(_APART)

    def preview(self) -> tuple[Panel, ...]:
        """Return the first train with its early reads, to scale."""
        condition = self.conditions()[0]
        early = [when for when in self.times() if when <= self.joined]
        branch = "depression" if condition.amplitude < 0 else "potentiation"
        shown = self.train(condition) + self._reads(early, 0.0)
        title = "First train with its early reads"
        return (waveform_panel(title, shown, (self.terminal,), branch=branch),)

    def analyse(self, record: Measured) -> Results:
        """Return states, decays, retained fractions and what the reads did.

        Metrics, numbered by condition: ``start_1`` the conductance at the first read,
        ``retained_1`` the share of the change that is left at the last, ``tau_1`` the mean
        relaxation time by the preferred law; ``read_disturb`` against the controls;
        ``energy_potentiation`` and ``energy_depression`` of a pulse; ``returned``. Fits:
        ``single_decay_1``, ``double_decay_1``, ``stretched_decay_1``, ``power_decay_1`` and so on.
        """
        found = analyse_relaxation(
            record, self.conditions(), self.terminal, self.quantity == "logarithm"
        )
        return Results(
            found.metrics, found.fits, found.tables, (*self.preview(), *found.panels),
            (*found.notes, self._budget()),
        )  # fmt: skip

    def _budget(self) -> str:
        """Say what the reads of one decay expose the device to."""
        count = len(self.times())
        biased = count * self.read_width
        written = max(c.pulses * abs(c.amplitude) * c.width for c in self.conditions())
        return (
            f"read budget of a decay: {count} reads at {self.read:g} V, {biased:.3g} s under bias "
            f"({biased / self.last:.2g} of its length), {biased * self.read:.3g} V s beside "
            f"{written:.3g} V s of the strongest train"
        )
