"""One channel of a virtual B1530A: it plays patterns over the device and reads the current.

[U] Keysight B1500A User's Guide, tables 4-22 (Edition 14) and 4-23 (Edition 13): time to within
0.6 % of the final value, and rms noise over the shortest window of each range. [C] check: recalled
from the data sheet or assumed: accuracy, the current that the output can give.

A level is a straight line between two vectors; the source's own rise is not drawn, and its errors
are those of its range. Noise is white: ten times the time of an average makes it a third.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

from sim_backend.analogue import SourceMeter
from sim_backend.instruments.specification import ChannelSpec, MeasureRange, SourceRange

__all__ = ["SPEC", "Channel", "Event", "Pattern"]

_MOST_CURRENT = 10e-3  # A, of the output [C]
_SAMPLE = 10e-9  # s: shortest average
# from the time to within 0.6 % to that within 0.1 %, by one pole
_FINER = math.log(1000.0) / math.log(1 / 0.006)
_DIGIT = 1e-7  # of the range: last digit of an average [C]
_LINE = 50.0  # Hz, in which the tables count apertures

#: numbers of the library: range by number
V_RANGES: Mapping[int, float] = {3000: 10.0, 3001: 3.0, 3002: 5.0, 3003: 10.0, 3004: 10.0}
I_RANGES: Mapping[int, float] = {6001: 1e-6, 6002: 10e-6, 6003: 100e-6, 6004: 1e-3, 6005: 10e-3}
_SIGNED: Mapping[int, tuple[float, float]] = {
    3000: (-10.0, 10.0), 3001: (-3.0, 3.0), 3002: (-5.0, 5.0), 3003: (-10.0, 0.0),
    3004: (0.0, 10.0),
}  # fmt: skip


def _source(full: float, offset: float) -> SourceRange:
    return SourceRange(full, full, full * 1e-4, 1e-3, offset, 0.0, 0.0)


def _meter(full: float, offset: float, settled: float, noise: float, window: float) -> MeasureRange:
    of_a_cycle = noise * math.sqrt(window * _LINE)
    return MeasureRange(
        full, full * 1.05, full * 1e-4, 1e-3, offset, of_a_cycle, (), settled * _FINER
    )


_VOLTS = (_source(3.0, 3e-3), _source(5.0, 5e-3), _source(10.0, 10e-3))
# accuracy [C]; settling, noise and the window of that [U]
_AMPERES = (
    _meter(1e-6, 2e-9, 37e-6, 425e-12, 1.64e-6), _meter(10e-6, 10e-9, 5.8e-6, 2.5e-9, 1e-6),
    _meter(100e-6, 100e-9, 820e-9, 47e-9, 130e-9), _meter(1e-3, 1e-6, 200e-9, 280e-9, 40e-9),
    _meter(10e-3, 10e-6, 125e-9, 1.9e-6, 20e-9),
)  # fmt: skip

#: electronics of a channel
SPEC = ChannelSpec(
    model="B1530A",
    v_source=_VOLTS,
    i_source=(SourceRange(_MOST_CURRENT, _MOST_CURRENT, 1e-6, 1e-2, 1e-5, 0.0, 0.0),),
    v_measure=(
        _meter(5.0, 5e-3, 85e-9, 1.4e-3, 20e-9),
        _meter(10.0, 10e-3, 110e-9, 1.4e-3, 20e-9),
    ),
    i_measure=_AMPERES,
    dc_area=((10.0, _MOST_CURRENT),),
    pulse_area=(),
    v_limit_minimum=1e-3,
    i_limit_minimum=1e-3,
    v_limit_default=10.0,
    i_limit_default=_MOST_CURRENT,
    nplc_minimum=_SAMPLE * _LINE,
    nplc_maximum=1.0,
    slew=1e9,
    output_capacitance=30e-12,
    maximum_load_capacitance=1e-9,
    input_resistance=1e9,
    high_impedance=math.inf,
    trigger_latency=0.0,
    source="B1500A User's Guide, Edition 14, tables 4-22 and 4-23; accuracy: check",
)


@dataclass(frozen=True, slots=True)
class Event:
    """A measurement event; s after the start of its pattern."""

    time: float
    points: int
    interval: float
    average: float
    averaged: bool  #: one value for each point, and not every sample


@dataclass(slots=True)
class Pattern:
    """A waveform pattern: vectors after an initial voltage."""

    begin: float
    times: list[float] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def duration(self) -> float:
        """How long it lasts, s."""
        return math.fsum(self.times)


class Channel:
    """One channel.

    Parameters
    ----------
    meter
        Its electronics.
    """

    def __init__(self, meter: SourceMeter) -> None:
        self.meter = meter
        self.initialise()

    def initialise(self) -> None:
        """Disconnect, and go to the settings of a reset."""
        self.mode, self.v_range, self.i_range = 2000, 3000, 6005
        self.measuring, self.enabled = 4000, 7001
        self.connected = False
        self.data: list[tuple[float, float]] = []
        self.meter.set_output(False, high_impedance=True)

    def connect(self) -> None:
        """Connect the output, at zero."""
        self.connected = True
        full = V_RANGES[self.v_range]
        self.meter.set_source("v", 0.0, full, _MOST_CURRENT, _MOST_CURRENT)
        self.meter.set_output(True)

    def disconnect(self) -> None:
        """Disconnect the output."""
        self.connected = False
        self.meter.set_output(False, high_impedance=True)

    def holds(self, pattern: Pattern) -> bool:
        """Whether every level of a pattern is in the range that is set."""
        low, high = _SIGNED[self.v_range]
        return all(low <= level <= high for level in (pattern.begin, *pattern.levels))

    def play(
        self, sequence: Sequence[tuple[Pattern, int]], begin: float
    ) -> Generator[float, None, None]:
        """Play a sequence from a time on; yields times at which to go on, s."""
        start = begin
        for pattern, count in sequence:
            duration = pattern.duration
            for _ in range(count):
                self._follow(pattern, start)
                yield from self._measure(pattern, start, begin)
                start += duration
                yield start

    def _follow(self, pattern: Pattern, start: float) -> None:
        plan, meter = self.meter.source_plan(), self.meter
        meter.fixture.sync()
        at, path = start, [(start, pattern.begin)]
        for time, level in zip(pattern.times, pattern.levels, strict=True):
            at += time
            path.append((at, level))
        scaled = tuple((t, v + (v * plan.gain + plan.offset if v else 0.0)) for t, v in path)
        meter.drive.follow("v", scaled, plan.limit)

    def _measure(
        self, pattern: Pattern, start: float, begin: float
    ) -> Generator[float, None, None]:
        if self.enabled != 7001:
            return
        for event in sorted(pattern.events, key=lambda one: one.time):
            for point in range(event.points):
                at = start + event.time + point * event.interval
                yield at
                mark = self.meter.begin()
                yield at + max(event.average, _SAMPLE)
                self.data.append((at - begin, self._value(mark, max(event.average, _SAMPLE))))

    def _value(self, mark: object, average: float) -> float:
        """Return what the meter shows after an average."""
        sample = self.meter.finish(
            mark,
            v_range=10.0,
            i_range=I_RANGES[self.i_range],
            nplc=average * _LINE,
            line_frequency=_LINE,
        )
        if self.measuring == 4000:
            return sample.v
        full = I_RANGES[self.i_range]
        if abs(sample.i) > full * 1.05:
            return math.copysign(9.999e37, sample.i)
        step = full * _DIGIT
        return round(sample.i / step) * step

    def hold(self) -> None:
        """Keep the level that there is now."""
        meter = self.meter
        meter.fixture.sync()
        now = meter.clock.now_s
        meter.drive.follow("v", ((now, meter.drive.level(now)),), meter.source_plan().limit)
