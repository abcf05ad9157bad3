"""Noise: a long read at an even rate; its spectrum, and telegraph noise in it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt
from pydantic import Field, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol, Reference
from labctl.results import Panel, Results
from labctl.steps import Label, Play, Steps
from labctl.units import Ampere, Hertz, Second
from labctl.waveform import Node, read, rest
from protocols.limited import Limit, limited
from protocols.noise_results import Question, analysed
from protocols.parameters import Compliance, LongestTime, MostPulses, ReadVoltage, Terminal
from protocols.replay import limit_reached
from protocols.responses import usable
from protocols.state_read import StateRead, read_state

__all__ = ["Noise"]

_HEADROOM = 1.5  # of the range over the current
_LEAST_RANGE = 100e-9  # A
_SHOWN = 5  # samples in the picture


class Noise(Protocol):
    """The noise of a device at rest: many reads, one every period, and what they are made of.

    All samples are one waveform, timed by the instrument; the range of the ammeter is chosen by a
    read before. The same is measured at zero volts, where only the meter makes noise: what the
    device adds is what stands above. Samples are divided by their mean. Their power spectral
    density (Welch, 10.1109/TAU.1967.1161901) is fitted by a power of the frequency and a white
    floor with the likelihood of such estimates; levels and dwell times of random telegraph noise
    come from a hidden Markov chain (Rabiner, 10.1109/5.18626), their number by BIC. Traps and
    their times: Kirton and Uren, Adv. Phys. 1989, 10.1080/00018738900101122.
    """

    title: ClassVar[str] = "Noise"
    summary: ClassVar[str] = "A long read: spectral exponent and level, telegraph levels and times."
    purpose: ClassVar[str] = "reliability"
    reference: ClassVar[Reference] = Reference(
        "10.1080/00018738900101122", text="Kirton and Uren, Adv. Phys. 1989"
    )
    decides: ClassVar[bool] = True

    kind: Literal["noise"] = "noise"
    read: ReadVoltage = 0.1
    samples: Annotated[int, Ge(256), Field(description="Number of reads.")] = 4096
    period: Annotated[Second, Gt(0), Field(description="From one read to the next.")] = 5e-3
    width: Annotated[
        Second, Gt(0), Field(description="Length of a read, of which 75 % are measured.")
    ] = 4e-3
    background: Annotated[
        bool, Field(description="Measure the same at zero volts: the meter's own noise.")
    ] = True
    segment: Annotated[
        int | None, Ge(16), Field(description="Samples of a segment of the spectrum; else 1/8.")
    ] = None
    lowest: Annotated[
        Hertz | None, Gt(0), Field(description="Lowest frequency of the fit.")
    ] = None  # fmt: skip
    highest: Annotated[
        Hertz | None, Gt(0), Field(description="Highest frequency of the fit.")
    ] = None  # fmt: skip
    levels: Annotated[
        int | None, Field(ge=2, le=4, description="Levels of telegraph noise; else by BIC.")
    ] = None
    compliance: Compliance = 1e-3
    current_range: Annotated[
        Ampere | None, Gt(0), Field(description="Range of the ammeter; else by a first read.")
    ] = None
    most_pulses: MostPulses = 1_000
    longest_time: LongestTime = 86400
    terminal: Terminal = "top"

    @model_validator(mode="after")
    def _fit_together(self) -> Noise:
        if self.width >= self.period:
            raise ValueError(
                f"reads of {self.width:g} s every {self.period:g} s were asked for; leave a pause "
                "between them, so shorten the read or lengthen the period"
            )
        if self.segment is not None and self.segment > self.samples:
            raise ValueError(
                f"segments of {self.segment} samples were asked for; there are {self.samples}, so "
                "shorten the segments or take more samples"
            )
        if None not in (self.lowest, self.highest) and self.lowest >= self.highest:  # type: ignore[operator]
            raise ValueError(
                f"a fit from {self.lowest:g} to {self.highest:g} Hz was asked for; it must rise, "
                "so exchange its ends"
            )
        return self

    def steps(self) -> Steps:
        """Read once to choose the range, then the samples, then the same at zero volts."""
        yield from limited(self._course(), self._limit())

    def _limit(self) -> Limit:
        return Limit(self.most_pulses, self.longest_time)

    def _course(self) -> Steps:
        how = StateRead(self.read, 30e-3, self.compliance, 0.0, self.terminal)
        found = yield from read_state(how, {"part": "state"})
        wanted = self.current_range
        if wanted is None:
            current = abs(float(found.i[-1])) if len(found) and usable(found)[-1] else 0.0
            wanted = min(max(_HEADROOM * current, _LEAST_RANGE), self.compliance)
            wanted = float(f"{wanted:.2g}") if current else self.compliance
        yield self._play(self.read, wanted, "samples")
        if self.background:
            yield self._play(0.0, wanted, "background")

    def _play(self, level: float, wanted: float, part: str) -> Play:
        label: Label = {"part": part, "range": wanted}
        return Play(self.train(level), self.compliance, {self.terminal: wanted}, label)

    def train(self, level: float) -> Node:
        """Return all samples at a level in V, one every period."""
        one = read(level, self.width, terminal=self.terminal) + rest(self.period - self.width)
        return one * self.samples

    def preview(self) -> tuple[Panel, ...]:
        """Return the first samples, to scale."""
        one = read(self.read, self.width, terminal=self.terminal) + rest(self.period - self.width)
        title = f"First {_SHOWN} of {self.samples} reads"
        return (waveform_panel(title, one * _SHOWN, (self.terminal,)),)

    def analyse(self, record: Measured) -> Results:
        """Return the spectrum with its fit, telegraph levels and times, and the meter's share.

        Fits: ``flicker`` (alpha, level, white, corner) and ``telegraph`` (level1 ..., dwell1 ...)
        of the current over its mean. Metrics: ``alpha``, ``flicker_level`` at 1 Hz, ``rms`` in the
        band, ``rms_background`` over the same current, ``telegraph_levels``, ``telegraph_step``,
        ``capture_time``, ``emission_time``, ``current`` and ``conductance``.
        """
        question = Question(self.segment, self.lowest, self.highest, self.levels)
        found = analysed(record, question)
        said = limit_reached(self._course(), self._limit(), record)
        return Results(
            found.metrics,
            found.fits,
            found.tables,
            (*self.preview(), *found.panels),
            (*found.notes, *((said,) if said else ())),
        )
