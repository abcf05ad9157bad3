"""Nociceptors: a threshold, relaxation, and what an injury does to both."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from annotated_types import Gt, Len
from pydantic import Field, PositiveInt, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol, Reference
from labctl.readings import Readings
from labctl.results import Panel, Results
from labctl.steps import Label, Play, Steps
from labctl.units import Ampere, Second, Seconds, Volt, Volts, log_spaced, parse_series
from labctl.waveform import Node, Segment, Window, read, rest, segment, ticks, train
from protocols.limited import Limit, limited
from protocols.nociceptor_results import CONDITIONS, nociceptor_results, response
from protocols.parameters import (
    Compliance,
    LongestTime,
    MostPulses,
    ReadVoltage,
    ReadWidth,
    Repeats,
    Terminal,
    Width,
)
from protocols.replay import limit_reached

__all__ = ["Nociceptor"]

_GAP = 200e-6  # at zero volts between levels
_INJURY_GAP = 1e-3  # between the pulses of an injury, s


class Nociceptor(Protocol):
    """Threshold, relaxation and adaptation of a volatile device, and what an injury does to them.

    A stimulus is a pulse, the response its mean current; it fires where that passes a level. The
    *threshold* is the amplitude at which half of the stimuli fire: responses at several amplitudes
    in random order, then bisections between a silent and a firing one, all in one fit. The same
    shortly after an injury, a stronger and longer stimulus: a lower threshold is *allodynia*, a
    stronger response to the same noxious stimulus *hyperalgesia*. *Relaxation*: a stimulus too weak
    to fire follows a noxious one, and fires until the device has relaxed. *Adaptation*: the last
    response of a train of noxious stimuli over the first. Before every trial the device rests until
    it has forgotten, and is read. After Yoon et al., Nat. Commun. 2018,
    10.1038/s41467-017-02572-3 (diffusive memristor), and 10.1002/adma.201704320.
    """

    title: ClassVar[str] = "Nociceptor"
    summary: ClassVar[str] = "Threshold, relaxation, allodynia, hyperalgesia, no adaptation."
    purpose: ClassVar[str] = "neuron and logic"
    reference: ClassVar[Reference] = Reference(
        "10.1038/s41467-017-02572-3", text="Yoon et al., Nat. Commun. 2018, 9, 417"
    )

    decides: ClassVar[bool] = True

    kind: Literal["nociceptor"] = "nociceptor"
    amplitudes: Annotated[Volts, Len(2), Field(description="Of the stimuli, from weak.")] = (
        parse_series("50 mV .. 1.2 V, 6 lin", "V")
    )
    width: Width = 10e-3
    firing: Annotated[Ampere, Gt(0), Field(description="Mean current that is a response.")] = 5e-6
    resolution: Annotated[Volt, Gt(0), Field(description="Of a bisection for the threshold.")] = (
        10e-3
    )
    repeats: Repeats = 4
    noxious: Annotated[Volt, Field(description="A stimulus that fires.")] = 1.05
    injury: Annotated[Volt, Field(description="Level of an injury.")] = 1.4
    injury_pulses: Annotated[PositiveInt, Field(description="Its pulses.")] = 3
    injured_for: Annotated[
        Second, Gt(0), Field(description="From the injury to the stimulus after it.")
    ] = 10e-3
    weak: Annotated[Volt, Field(description="A stimulus too weak to fire, for relaxation.")] = 0.5
    intervals: Annotated[
        Seconds, Len(3), Field(description="From a noxious stimulus to the weak one.")
    ] = log_spaced(1e-3, 100e-3, 9)
    train: Annotated[PositiveInt, Field(description="Noxious stimuli in a train.")] = 20
    period: Annotated[Second, Gt(0), Field(description="From one of these to the next.")] = 0.5
    recover: Annotated[
        Second, Gt(0), Field(description="Rest before every trial, until all is forgotten.")
    ] = 1.0
    read: ReadVoltage = 0.1
    read_width: ReadWidth = 10e-3
    compliance: Compliance = 200e-6
    terminal: Terminal = "top"
    most_pulses: MostPulses = 5000
    longest_time: LongestTime = 4 * 3600.0

    @model_validator(mode="after")
    def _fit_together(self) -> Nociceptor:
        levels = (*self.amplitudes, self.noxious, self.injury, self.weak)
        if min(levels) <= 0 <= max(levels) or list(self.amplitudes) != sorted(
            set(self.amplitudes), key=abs
        ):
            raise ValueError(
                "amplitudes, noxious, weak and injury must have one sign and the amplitudes must "
                "grow; give them from weak to strong"
            )
        if not abs(self.weak) < abs(self.noxious) <= abs(self.injury):
            raise ValueError(
                f"weak, noxious and injury are {self.weak:g}, {self.noxious:g} and "
                f"{self.injury:g} V; each must be stronger than the one before"
            )
        if self.period < self.width + _GAP or min(*self.intervals, self.injured_for) < _GAP:
            raise ValueError(
                f"period, intervals and injured_for leave less than {_GAP:g} s at zero volts "
                "after a stimulus; give longer ones"
            )
        if self.firing >= self.compliance:
            raise ValueError(
                f"firing is {self.firing:g} A and the compliance {self.compliance:g} A; a response "
                "must be possible below the compliance"
            )
        return self

    # what is played -----------------------------------------------------------------------------

    def steps(self) -> Steps:
        """Ask for the threshold intact and injured, for relaxation and adaptation."""
        yield from limited(self._course(), self._limit())

    def _course(self) -> Steps:
        fired: dict[str, list[tuple[float, bool]]] = {name: [] for name in CONDITIONS}
        grid = [(c, v) for c in CONDITIONS for v in (*self.amplitudes, self.noxious)]
        for condition, amplitude in self.shuffled(grid * self.repeats):
            answer = yield self._play(*self._threshold(condition, amplitude))
            if amplitude in self.amplitudes:
                fired[condition].append((amplitude, self._fires(answer)))
        for condition in self.shuffled(CONDITIONS * self.repeats):
            yield from self._bisection(condition, fired[condition])
        for interval in self.shuffled(self.intervals * self.repeats):
            both = self.stimulus(self.noxious) + rest(interval) + self.stimulus(self.weak)
            yield self._play(both, {"part": "relaxation", "interval": interval})
        for _ in range(self.repeats):
            stimuli = train(self.stimulus(self.noxious), self.period, self.train)
            yield self._play(stimuli, {"part": "adaptation"})

    def _bisection(self, condition: str, seen: list[tuple[float, bool]]) -> Steps:
        """Close in on the threshold, from the weakest and the strongest amplitude."""
        low, high = self.amplitudes[0], self.amplitudes[-1]
        weakest = [hit for amplitude, hit in seen if amplitude == low]
        strongest = [hit for amplitude, hit in seen if amplitude == high]
        if all(weakest) or not any(strongest):
            return  # it lies outside the amplitudes
        while abs(high - low) > self.resolution:
            middle = round((low + high) / 2, 4)
            answer = yield self._play(*self._threshold(condition, middle))
            low, high = (low, middle) if self._fires(answer) else (middle, high)

    def _fires(self, answer: Readings) -> bool:
        return abs(response(answer, self.terminal)) >= self.firing

    def _threshold(self, condition: str, amplitude: float) -> tuple[Node, Label]:
        label: Label = {"part": "threshold", "condition": condition, "amplitude": amplitude}
        tested: Node = self.stimulus(amplitude)
        return (self.hurt() + tested if condition == "injured" else tested), label

    def hurt(self) -> Node:
        """Return an injury and the time after it."""
        one = self.stimulus(self.injury, measured=False)
        last = one + rest(self.injured_for)
        if self.injury_pulses == 1:
            return last
        return train(one, self.width + _INJURY_GAP, self.injury_pulses - 1) + last

    def stimulus(self, amplitude: float, *, measured: bool = True) -> Segment:
        """Return a pulse, its mean current measured from 5 to 95 % of it."""
        whole = ticks(self.width)
        window = Window(self.terminal, round(0.05 * whole), round(0.95 * whole), "pulse")
        return segment(
            self.width, {self.terminal: amplitude}, windows=(window,) * measured, role="pulse"
        )

    def preview(self) -> tuple[Panel, ...]:
        """Return a stimulus after an injury, and a weak one after a noxious one, to scale."""
        both = self.stimulus(self.noxious) + rest(min(self.intervals)) + self.stimulus(self.weak)
        injured, _ = self._threshold("injured", self.noxious)
        shown = {"Stimulus after an injury": injured, "Weak stimulus after a noxious one": both}
        return tuple(waveform_panel(title, one, (self.terminal,)) for title, one in shown.items())

    def analyse(self, record: Measured) -> Results:
        """Return the signatures.

        Metrics: ``threshold``, ``threshold_injured``, ``allodynia``, ``hyperalgesia``,
        ``relaxation`` (time to half of the response), ``adaptation``, ``energy_noxious``,
        ``energy_weak``, ``rested``. Fits: ``threshold_intact``, ``threshold_injured``,
        ``relaxation_<law>``.
        """
        found = nociceptor_results(record, self.terminal, self.firing, self.noxious)
        reached = limit_reached(self._course(), self._limit(), record)
        return Results(
            found.metrics, found.fits, found.tables, (*self.preview(), *found.panels),
            (*found.notes, *([reached] if reached else [])),
        )  # fmt: skip

    def _limit(self) -> Limit:
        return Limit(self.most_pulses, self.longest_time)

    def _play(self, waveform: Node, label: Label) -> Play:
        look = read(self.read, self.read_width, terminal=self.terminal)
        return Play(rest(self.recover) + look + rest(_GAP) + waveform, self.compliance, {}, label)
