"""What a waveform does, known without playing it: durations, counts, peaks and exposure.

Summaries add for waveforms one after another, combine for waveforms side by side and multiply for
repetitions, so a train of 1e9 pulses is summed up as quickly as one pulse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["Summary", "mean_magnitude"]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a waveform does to a device and an instrument, known without playing it."""

    ticks: int = 0
    segments: int = 0
    pulses: int = 0  #: segments with the role ``pulse``
    readings: int = 0  #: measurement windows
    #: largest \|level\| by terminal, V, or what else its levels are
    peak: Mapping[str, float] = field(default_factory=dict)
    #: integral of \|level\|, V s, or A s of a current
    exposure: Mapping[str, float] = field(default_factory=dict)
    biased: Mapping[str, float] = field(default_factory=dict)  #: time at a level not zero, s
    shortest: int | None = None  #: shortest segment with a level, ticks
    shortest_window: int | None = None  #: ticks
    ramps: bool = False  #: some level changes linearly in time

    def followed_by(self, other: Summary) -> Summary:
        """Return the summary of this waveform and then the other."""
        return self._with(other, self.ticks + other.ticks)

    def beside(self, other: Summary) -> Summary:
        """Return the summary of both at the same time."""
        return self._with(other, max(self.ticks, other.ticks))

    def times(self, count: int) -> Summary:
        """Return the summary of `count` repetitions."""
        return Summary(
            ticks=self.ticks * count,
            segments=self.segments * count,
            pulses=self.pulses * count,
            readings=self.readings * count,
            peak=self.peak,
            exposure={name: value * count for name, value in self.exposure.items()},
            biased={name: value * count for name, value in self.biased.items()},
            shortest=self.shortest,
            shortest_window=self.shortest_window,
            ramps=self.ramps,
        )

    def _with(self, other: Summary, total: int) -> Summary:
        return Summary(
            ticks=total,
            segments=self.segments + other.segments,
            pulses=self.pulses + other.pulses,
            readings=self.readings + other.readings,
            peak=_joined(self.peak, other.peak, max),
            exposure=_joined(self.exposure, other.exposure, float.__add__),
            biased=_joined(self.biased, other.biased, float.__add__),
            shortest=_least(self.shortest, other.shortest),
            shortest_window=_least(self.shortest_window, other.shortest_window),
            ramps=self.ramps or other.ramps,
        )


def mean_magnitude(a: float, b: float) -> float:
    """Return the mean of the magnitude along a straight line from a to b."""
    if a * b >= 0:
        return (abs(a) + abs(b)) / 2
    return (a * a + b * b) / (2 * abs(b - a))  # a straight line through zero: two triangles


def _joined(
    a: Mapping[str, float], b: Mapping[str, float], combine: Callable[[float, float], float]
) -> dict[str, float]:
    both = {name: combine(a[name], b[name]) for name in a.keys() & b.keys()}
    return {**a, **b, **both}


def _least(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else min(a, b)
