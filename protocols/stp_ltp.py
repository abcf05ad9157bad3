"""From short-term to long-term plasticity: the decay after trains of more and more pulses."""

from __future__ import annotations

import itertools
from typing import Annotated, ClassVar, Literal, NamedTuple

from annotated_types import Gt, Len, Lt
from pydantic import Field, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Reference
from labctl.results import Panel, Results
from labctl.steps import Steps
from labctl.units import Counts, Ratio, Second, Seconds, Volt, Volts, log_spaced
from labctl.waveform import Node, rest
from protocols.baseline import Learned
from protocols.parameters import Compliance, Repeats, Terminal, Width
from protocols.stp_ltp_results import results
from protocols.train_trials import Reads, even_train, play_trial, reads_at, spike
from protocols.trials import Trials

__all__ = ["Stimulus", "StpLtp"]

_LEAST_GAP = 10e-6  # between the end of a read and the next, s


class Stimulus(NamedTuple):
    """One kind of train."""

    number: int
    amplitude: float  #: V
    width: float  #: s


class StpLtp(Trials):
    """Decay of the conductance after trains of N pulses, and what of their gain is retained.

    Every train begins at the verified baseline, in random order; after it the conductance is read
    at growing distances. The retained fraction is the gain at the last read over that at the first.
    The time constant is that of one law with a free lasting part, the same for all trains; other
    laws compete with it. Instead of the number, the amplitude or the width of the pulses may be
    varied. After Xia et al., Nano-Micro Lett. 2025, 17, 217 (transition from short- to long-term
    plasticity with 10 to 120 pulses) and Liu et al., Nano-Micro Lett. 2026,
    10.1007/s40820-025-02028-0 (tunable short-term memory).
    """

    title: ClassVar[str] = "Short-term to long-term plasticity"
    summary: ClassVar[str] = "Decay after trains of N pulses: retained fraction and time constant."
    purpose: ClassVar[str] = "memory"
    reference: ClassVar[Reference] = Reference(
        "10.1007/s40820-025-02028-0", text="Liu et al., Nano-Micro Lett. 2026"
    )
    decides: ClassVar[bool] = True

    kind: Literal["stp-ltp"] = "stp-ltp"
    counts: Annotated[Counts, Len(1), Field(description="Numbers of pulses in a train.")] = (
        10, 30, 60, 90, 120,
    )  # fmt: skip
    amplitude: Annotated[Volt, Field(description="Level of the pulses.")] = 0.6
    width: Width = 1e-3
    amplitudes: Annotated[
        Volts, Field(description="Several levels instead; needs a single number.")
    ] = ()
    widths: Annotated[
        Seconds, Field(description="Several widths instead; needs a single number.")
    ] = ()
    restore_width: Annotated[
        Second | None, Gt(0), Field(description="Width of pulses that write back; else the same.")
    ] = 50e-3
    interval: Annotated[
        Second, Gt(0), Field(description="From the end of a pulse to the next.")
    ] = 9e-3
    times: Annotated[
        Seconds, Len(4), Field(description="Reads after the train; too close ones are left out.")
    ] = log_spaced(1e-3, 30.0, 40)
    law: Annotated[
        Literal["single_decay", "stretched_decay"], Field(description="Whose time is compared.")
    ] = "stretched_decay"
    within: Annotated[
        Ratio, Gt(0), Lt(1), Field(description="Largest distance from the baseline, relative.")
    ] = 0.1
    repeats: Repeats = 2
    read_width: Annotated[Second, Gt(0), Field(description="Length of a read.")] = 5e-3
    compliance: Compliance = 1e-6
    terminal: Terminal = "top"

    @model_validator(mode="after")
    def _fit_together(self) -> StpLtp:
        if any(level == 0 for level in (self.amplitude, *self.amplitudes)):
            raise ValueError("a level of 0 V is no pulse; give positive or negative amplitudes")
        if min(self.widths, default=1.0) <= 0 or min(self.times) <= 0:
            raise ValueError("widths and times of reads must be positive; give them in s")
        if sum(len(values) > 1 for values in (self.counts, self.amplitudes, self.widths)) > 1:
            raise ValueError(
                "several numbers, amplitudes or widths were asked for at once; vary one of them "
                "and give a single value of the others"
            )
        if len(self.read_times()) < 4:
            raise ValueError(
                f"reads of {self.read_width:g} s leave {len(self.read_times())} of the times asked "
                "for; a decay needs at least four, so give later times or shorter reads"
            )
        return self

    def stimuli(self) -> tuple[Stimulus, ...]:
        """Return every kind of train once, in the order given."""
        every = itertools.product(
            self.counts, self.amplitudes or (self.amplitude,), self.widths or (self.width,)
        )
        return tuple(dict.fromkeys(Stimulus(*one) for one in every))

    def varied(self) -> tuple[str, str]:
        """Return which property of the train is varied, and its unit."""
        if len(self.amplitudes) > 1:
            return "amplitude", "V"
        return ("width", "s") if len(self.widths) > 1 else ("number", "1")

    def read_times(self) -> tuple[float, ...]:
        """Return the times at which reads begin, without those that would overlap."""
        found: list[float] = []
        for when in sorted(self.times):
            if not found or when >= found[-1] + self.read_width + _LEAST_GAP:
                found.append(when)
        return tuple(found)

    def steps(self) -> Steps:
        """Return to the baseline, play a train and follow its decay, in random order."""
        return self.bounded(self._course())

    def _course(self) -> Steps:
        largest = max(map(abs, self.amplitudes or (self.amplitude,)))
        width = self.restore_width or max(self.widths or (self.width,))
        how = self.returning(largest, width, self.terminal)
        target, learned = self.baseline, Learned()
        reads = Reads(self.read, self.read_width, self.read_times())
        for number, stimulus in enumerate(self.shuffled(self.stimuli() * self.repeats)):
            target, began = yield from self.begin(how, target, learned)
            label = {"trial": number, **stimulus._asdict(), **began}
            yield from play_trial(how, self.train(stimulus), reads, label)

    def train(self, stimulus: Stimulus) -> Node:
        """Return the pulses of one kind of train."""
        one = spike(stimulus.amplitude, stimulus.width, self.terminal)
        return even_train(one, self.interval, stimulus.number)

    def preview(self) -> tuple[Panel, ...]:
        """Return the first train with the reads of its first second, to scale."""
        first = self.stimuli()[0]
        early = tuple(when for when in self.read_times() if when <= 1.0) or self.read_times()[:1]
        after = reads_at(Reads(self.read, self.read_width, early), self.terminal)
        whole = self.train(first) + rest(_LEAST_GAP) + after
        title = f"{first.number} pulses and the reads of the first second"
        shown, branch = (self.terminal,), self.branch
        return (waveform_panel(title, whole, shown, branch=branch),)

    @property
    def branch(self) -> str:
        """Whose colour the trains have."""
        return "depression" if self.amplitude < 0 else "potentiation"

    def analyse(self, record: Measured) -> Results:
        """Return retained fractions and time constants against what was varied.

        Metrics, with the number of pulses at the end (or the level, or the width):
        ``retained_10``, ``gain_10``, ``tau_10`` and, of a stretched law, ``beta_10``. Their trends:
        ``rise_retained`` and ``rise_tau``, the smallest relative rise from one train to the next,
        ``slope_retained`` and ``slope_tau``, relative slopes. ``energy`` of a pulse. Fits: each law
        to the mean decay after each train, ``stretched_decay_10`` and so on.
        """
        said = self.said(record, "train", len(self.stimuli()) * self.repeats)
        return results(self, record, said)
