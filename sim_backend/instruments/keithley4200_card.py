"""The virtual 4225-PMU with its 4225-RPMs: settings, tests, data.

A test begins with ``:PMU:EXECUTE`` and goes on by itself; ``:PMU:TEST:STATUS?`` tells whether it
does. Its data stay until the next test or ``:PMU:INIT``. Measure ranges are not source ranges: the
card limits a current only by its 50 Ohm, and a current beyond the range is shown at its edge with
an overflow in the status.

An output that is off isolates the device; it is drawn as zero volts, to which an element of two
terminals relaxes by itself. Autorange chooses one range before the test, from the device as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sim_backend.analogue import SourceMeter
from sim_backend.clock import Clock
from sim_backend.fixture import Fixture
from sim_backend.instruments import keithley4200_errors as errors
from sim_backend.instruments.keithley4200_channel import ChannelSettings
from sim_backend.instruments.keithley4200_cuts import points_of
from sim_backend.instruments.keithley4200_passage import Line, Passage
from sim_backend.instruments.keithley4200_pulses import Mode, pulse_blocks
from sim_backend.instruments.keithley4200_run import Course, Input, Reading
from sim_backend.instruments.keithley4200_score import WAVEFORM, Block, Stretch
from sim_backend.instruments.keithley4200_sequences import sequence_blocks
from sim_backend.instruments.keithley4200_specification import (
    GRID,
    MOST_POINTS,
    MOST_SAMPLES,
    RPM_RANGES,
    current_ranges,
    meter_range,
)
from sim_backend.wire.kxci import KxciError

__all__ = ["PULSE", "SEGMENTS", "PulseCard"]

PULSE, SEGMENTS = 0, 1  #: what ``:PMU:INIT`` chooses
#: places of the current ranges in a status word [M 13-103]
_PLACES = {1e-7: 0, 1e-6: 1, 1e-5: 2, 1e-4: 3, 1e-3: 4, 1e-2: 5, 0.2: 6, 0.8: 7}
_FASTEST = 200e6  # samples a second
_LLEC = 0x30000000  # compensation enabled and successful


class PulseCard:
    """One card with two channels.

    Parameters
    ----------
    meters
        Electronics of its channels, by number.
    clock
        The laboratory's time.
    module
        Whether there are 4225-RPMs.
    finished
        Called when a test has ended by itself or by an abort.
    """

    def __init__(
        self,
        meters: Mapping[int, SourceMeter],
        clock: Clock,
        module: bool,
        finished: Callable[[], None],
    ) -> None:
        self.meters, self.module = meters, module
        self._clock, self._finished = clock, finished
        self.paths = dict.fromkeys(meters, 0)  #: of the RPMs: 0 pulse card, 1 and 3 CV, 2 SMU
        self.outputs = dict.fromkeys(meters, False)  #: as they are
        self._courses: list[Course] = []
        self._layouts: dict[int, str] = {}
        self.initialise(PULSE)

    def initialise(self, kind: int) -> None:
        """Abort, forget settings and data, and choose standard pulses or Segment Arb."""
        self.abort()
        self.kind = kind
        self.channels = {number: ChannelSettings() for number in self.meters}
        self.mode, self.burst, self.rate = Mode.SPOT, 1, _FASTEST
        self._courses = []
        for number in self.meters:
            self.switch(number, on=False)

    @property
    def running(self) -> bool:
        """Whether a test is going on."""
        return any(course.running for course in self._courses)

    def channel(self, number: int) -> ChannelSettings:
        """Return the settings of a channel.

        Raises
        ------
        KxciError
            There is no such channel, or a test is running.
        """
        if number not in self.channels:
            raise KxciError(errors.OUT_OF_RANGE, f"channel {number}")
        if self.running:
            raise KxciError(errors.RUNNING)
        return self.channels[number]

    def switch(self, number: int, *, on: bool) -> None:
        """Program an output: on when the next test begins, off at once."""
        self.channels[number].output = on
        if not on:
            self.outputs[number] = False
            meter = self.meters[number]
            meter.fixture.sync()
            meter.drive.v = 0.0
            meter.drive.follow("v", ((self._clock.now_s, 0.0),), float("inf"))

    def abort(self) -> None:
        """End a test and switch the outputs off; data stay."""
        for course in self._courses:
            course.abort()
        if hasattr(self, "channels"):
            for number in self.meters:
                self.switch(number, on=False)

    # a test -----------------------------------------------------------------------------------

    def execute(self) -> None:
        """Begin a test.

        Raises
        ------
        KxciError
            It is not possible as it is set; nothing happens.
        """
        if self.running:
            raise KxciError(errors.RUNNING)
        active = {k: settings for k, settings in self.channels.items() if settings.output}
        if not active:
            raise KxciError(errors.NOT_READY, "no output is on")
        for number in active:
            if self.module and self.paths[number] != 0:
                raise KxciError(errors.NOT_CONNECTED, f"channel {number}")
        if self.kind == SEGMENTS:
            blocks = sequence_blocks(active)
        else:
            blocks = pulse_blocks(active, self.mode, self.burst)
        rate = self._sample_rate(blocks)
        ranges = {number: self._range(settings, number) for number, settings in active.items()}
        self._layouts = {number: self._layout(settings) for number, settings in active.items()}
        self._start(active, blocks, ranges, rate)

    def _layout(self, settings: ChannelSettings) -> str:
        if self.kind == SEGMENTS or self.mode not in (Mode.SPOT, Mode.SPOT_AVERAGE):
            return ""
        return "H" * settings.high + "L" * settings.low

    def _start(
        self,
        active: Mapping[int, ChannelSettings],
        blocks: Sequence[Block],
        ranges: Mapping[int, float],
        rate: float,
    ) -> None:
        groups: dict[int, tuple[Fixture, list[int]]] = {}
        for number in active:
            fixture = self.meters[number].fixture
            groups.setdefault(id(fixture), (fixture, []))[1].append(number)
        self._courses = []
        for fixture, numbers in groups.values():
            inputs = {k: self._input(k, active[k], ranges[k]) for k in numbers}
            lines = {
                k: Line(
                    self.meters[k],
                    inputs[k].plan.time_constant,
                    compensated=self.kind == PULSE and active[k].compensated,
                )
                for k in numbers
            }
            own = [_only(block, numbers) for block in blocks]
            passage = Passage(fixture, lines)
            self._courses.append(Course(self._clock, passage, inputs, own, rate, self._ended))
        for number in active:
            self.outputs[number] = True

    def _ended(self) -> None:
        if self.running:
            return
        for number, settings in self.channels.items():
            if not settings.retained:
                kept = settings.output
                self.channels[number] = ChannelSettings(output=kept)
        self._finished()

    def _input(self, number: int, settings: ChannelSettings, full_scale: float) -> Input:
        meter = self.meters[number]
        volts = settings.source_range
        listed = meter_range(volts, full_scale, module=self.module)
        status = number | (4 if volts != 10.0 else 0) | _PLACES[full_scale] << 4
        status |= 1 << 16 | (1 << 24 if self.module and full_scale <= RPM_RANGES[-1] else 0)
        if self.module and full_scale > RPM_RANGES[-1]:
            status |= 2 << 24
        if settings.compensated and self.kind == PULSE:
            status |= _LLEC
        return Input(meter, meter.meter_plan(volts, listed, 1.0), status)

    def _range(self, settings: ChannelSettings, number: int) -> float:
        """Return the current range of a test, A."""
        offered = current_ranges(settings.source_range, module=self.module)
        if settings.range_type == 2:
            for full_scale in offered:
                if abs(settings.range - full_scale) < 1e-3 * full_scale:
                    return full_scale
            raise KxciError(errors.NO_RANGE, f"{settings.range:g} A")
        meter = self.meters[number]
        levels = [settings.base, settings.amplitude]
        levels += [v for sweep in (settings.sweep, settings.step) if sweep for v in sweep.values]
        most = max(
            abs(meter.fixture.current_at({meter.drive.terminal: v}, meter.drive)) for v in levels
        )
        lowest = settings.range if settings.range_type == 1 else 0.0
        fitting = [r for r in offered if r >= max(most, lowest)]
        return fitting[0] if fitting else offered[-1]

    def _sample_rate(self, blocks: Sequence[Block]) -> float:
        """Return the rate at which waveforms are captured: what was asked, or what fits."""
        rate = self.rate
        for number in self.meters:
            windows = [
                (window, 1 if window.averaged else block.loops, block.loops)
                for block in blocks
                for window in block.windows
                if window.channel == number
            ]
            spans = sum((w.stop - w.start) * n for w, n, _ in windows if w.kind == WAVEFORM)
            others = sum(n for w, n, _ in windows if w.kind != WAVEFORM)
            sampled = sum((w.stop - w.start) * loops for w, _, loops in windows) * GRID
            if sampled * rate >= MOST_SAMPLES:
                rate = MOST_SAMPLES / sampled
            if spans and spans * GRID * rate + others > MOST_POINTS:
                rate = max(1.0, (MOST_POINTS - others) / (spans * GRID))
            points = sum(points_of(w, rate) * n for w, n, _ in windows)
            if points > MOST_POINTS * (1.01 if spans else 1):
                raise KxciError(errors.TOO_MANY_POINTS, f"{points} on channel {number}")
        return rate

    # data -------------------------------------------------------------------------------------

    def layout(self, number: int) -> str:
        """Return the levels that a point of data has: ``HL``, ``H``, ``L``, or nothing."""
        return self._layouts.get(number, "")

    def readings(self, number: int) -> list[Reading]:
        """Return what a channel has read so far."""
        for course in self._courses:
            if number in course.readings:
                return course.readings[number][: course.ready(number)]
        return []


def _only(block: Block, numbers: Sequence[int]) -> Block:
    """Return what a block says about some of the channels."""
    lanes = block.stretches[0].levels.keys()
    if set(numbers) == set(lanes):
        return block
    stretches = tuple(Stretch(s.ticks, {k: s.levels[k] for k in numbers}) for s in block.stretches)
    windows = tuple(w for w in block.windows if w.channel in numbers)
    return Block(block.loops, block.ticks, stretches, windows)
