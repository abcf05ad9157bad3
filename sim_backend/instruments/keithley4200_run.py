"""A test of a pulse card while it plays: blocks, readings, and the moment it is aborted.

A test is passed in parts. Each begins at its own time of the laboratory's clock and is passed at
once, so that device and readings are ahead of the clock by less than a part; when the test is
aborted in the middle of one, that part is undone and passed again up to that moment.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sim_backend.analogue import SourceMeter
from sim_backend.clock import Clock, Event
from sim_backend.instruments.keithley4200_cuts import Cut, Sample, cuts_of
from sim_backend.instruments.keithley4200_passage import Mark, Passage, Sums
from sim_backend.instruments.keithley4200_score import SPOT, Block, Ends, Window
from sim_backend.instruments.keithley4200_specification import GRID
from sim_backend.plans import MeterPlan

__all__ = ["Course", "Input", "Reading"]

_PART = 10e-3  # s: shortest part, longer ones are this share of what has passed
_SHARE = 1 / 8
_MEASURED = 200  # turns with readings that a part has at most
_FEWEST, _PATIENCE, _LEAST_HOPE = 8, 30, 1000  # turns
_BOLTZMANN, _CHARGE = 1.380649e-23, 1.602176634e-19  # SI, exact
_V_SETTLING = 30e-9  # s: noise of the voltmeter is white up to about the inverse


class Reading(NamedTuple):
    """One point of data."""

    v: float
    i: float
    t: float  #: after the beginning of the test, middle of the window, s
    status: int
    place: int  #: of its window among those of the channel in a turn


@dataclass(frozen=True, slots=True)
class Input:
    """How a channel measures."""

    meter: SourceMeter
    plan: MeterPlan
    status: int  #: word of a spot mean without faults


class _Average:
    """Sums over the turns of a block."""

    __slots__ = ("count", "i", "t", "v")

    def __init__(self) -> None:
        self.v = self.i = self.t = 0.0
        self.count = 0


class Course:
    """One test.

    Parameters
    ----------
    clock
        The laboratory's time.
    passage
        The channels on the device.
    inputs
        How they measure, by channel.
    blocks
        What is played.
    rate
        Samples a second of a captured waveform, as they are taken.
    over
        Called when everything has been played.
    """

    def __init__(
        self,
        clock: Clock,
        passage: Passage,
        inputs: Mapping[int, Input],
        blocks: Sequence[Block],
        rate: float,
        over: Callable[[], None],
    ) -> None:
        self._clock, self._passage, self._inputs = clock, passage, inputs
        self._blocks, self._rate, self._over = blocks, rate, over
        self.readings: dict[int, list[Reading]] = {channel: [] for channel in inputs}
        self.begun = clock.now_s
        self._block = self._turn = 0
        self._together = _FEWEST  # turns to be passed at once
        self._singly = 0  # turns to be passed one by one before that is tried again
        self._patience = _PATIENCE  # how many next time
        self._cuts: tuple[Cut, ...] = ()
        self._averages: dict[Sample, _Average] = {}
        self._event: Event | None = None
        self._restore: tuple[Mark, int, int] | None = None
        self._next()

    @property
    def running(self) -> bool:
        """Whether it is still going on."""
        return self._event is not None

    def ready(self, channel: int) -> int:
        """Return how many readings of a channel have been taken by now."""
        readings = self.readings.get(channel, [])
        if not self.running:
            return len(readings)
        now = self._clock.now_s - self.begun
        count = len(readings)
        while count and readings[count - 1].t > now:
            count -= 1
        return count

    def _next(self) -> None:
        """Pass the part that begins now."""
        self._event = None
        if self._block >= len(self._blocks):
            self._rest()
            self._over()
            return
        fixture = self._passage.fixture
        self._restore = (self._passage.mark(), self._block, self._turn)
        elapsed = fixture.time - self.begun
        end = fixture.time + max(_PART, elapsed * _SHARE)
        left = _MEASURED
        while self._block < len(self._blocks) and fixture.time < end and left:
            left -= bool(self._blocks[self._block].windows)
            self._go_on(end, measured=True)
        self._event = self._clock.at(fixture.time, self._next)

    def _go_on(self, end: float, *, measured: bool) -> None:
        """Pass a turn, or several in which nothing is measured."""
        block = self._blocks[self._block]
        left = block.loops - self._turn
        if block.windows and measured:
            self._measured_turn(block)
            passed = 1
        else:
            room = int((end - self._passage.fixture.time) / (block.ticks * GRID)) + 1
            if measured:  # a part may be a little longer, an abort is exact
                room = max(room, _FEWEST)
            passed = self._pass_turns(block, min(left, room))
        self._turn += passed
        if self._turn >= block.loops:
            self._end_block(block)

    def _pass_turns(self, block: Block, most: int) -> int:
        """Pass turns without a measurement, more at once each time that this is possible."""
        asked = min(most, self._together) if self._singly == 0 else 1
        passed = self._passage.pass_turns(block.stretches, asked)
        if self._singly:
            self._singly -= 1
        elif asked < _FEWEST:
            pass  # the last few
        elif passed == asked:
            self._together = 2 * max(1, passed)
        elif asked > _FEWEST:  # it changes from turn to turn: fewer at once
            self._together = max(_FEWEST, asked // 3)
        else:  # it changes within a turn
            self._singly, self._patience = self._patience, min(2 * self._patience, _LEAST_HOPE)
        return passed

    def _end_block(self, block: Block) -> None:
        self._emit_averages(block)
        self._block, self._turn, self._cuts = self._block + 1, 0, ()
        self._together, self._singly, self._patience = _FEWEST, 0, _PATIENCE

    def _rest(self) -> None:
        """Leave the sources at the last levels."""
        last = self._blocks[-1].stretches[-1].levels
        self._passage.hold({channel: ends[1] if ends else 0.0 for channel, ends in last.items()})

    def abort(self) -> None:
        """End now; what was passed beyond this moment is undone, with its readings."""
        if self._event is None or self._restore is None:
            return
        self._event.cancel()
        self._event = None
        now, passage = self._clock.now_s, self._passage
        mark, self._block, self._turn = self._restore
        passage.back(mark)
        self._averages.clear()
        self._together, self._singly = _FEWEST, 0
        while self._block < len(self._blocks):
            block = self._blocks[self._block]
            if passage.fixture.time + block.ticks * GRID > now:
                self._pass_partly(block, now)
                break
            self._go_on(now - block.ticks * GRID, measured=False)
        for channel, readings in self.readings.items():
            self.readings[channel] = [r for r in readings if r.t <= now - self.begun]
        passage.fixture.time = now
        passage.hold(dict.fromkeys(self._inputs, 0.0))
        self._over()

    def _pass_partly(self, block: Block, now: float) -> None:
        """Pass the part of a turn that has been played by now."""
        passage = self._passage
        for stretch in block.stretches:
            duration = stretch.ticks * GRID
            left = now - passage.fixture.time
            if left <= 0:
                return
            share = min(1.0, left / duration)
            levels = {channel: _first(ends, share) for channel, ends in stretch.levels.items()}
            passage.pass_stretch(levels, duration * share)

    # measuring --------------------------------------------------------------------------------

    def _measured_turn(self, block: Block) -> None:
        if not self._cuts:
            self._cuts = cuts_of(block, self._rate)
        passage = self._passage
        start = passage.fixture.time - self.begun
        marks: dict[Sample, Sums] = {}
        for cut in self._cuts:
            for sample in cut.opens:
                marks[sample] = passage.sums(sample.window.channel)
            passage.pass_stretch(cut.levels, cut.duration)
            for sample in cut.closes:
                self._take(sample, marks.pop(sample), start)
        # the sum of many durations is not exact, the card's clock is
        passage.fixture.time = self.begun + start + block.ticks * GRID

    def _take(self, sample: Sample, mark: Sums, start: float) -> None:
        channel = sample.window.channel
        sums = self._passage.sums(channel)
        duration = sample.stop - sample.start
        v = (sums.flux - mark.flux) / duration
        i = (sums.charge - mark.charge) / duration
        v, i = self._shown(self._inputs[channel], v, i, duration)
        t = start + (sample.start + sample.stop) / 2
        if sample.window.averaged:
            average = self._averages.setdefault(sample, _Average())
            average.v, average.i = average.v + v, average.i + i
            average.count += 1
            if average.count == 1:
                average.t = t
            return
        self._emit(sample.window, v, i, t)

    def _emit_averages(self, block: Block) -> None:
        for sample, average in sorted(self._averages.items(), key=_by_time):
            n = average.count
            self._emit(sample.window, average.v / n, average.i / n, average.t)
        self._averages.clear()

    def _emit(self, window: Window, v: float, i: float, t: float) -> None:
        how = self._inputs[window.channel]
        status = how.status + ((0 if window.kind == SPOT else 1) << 16)
        status |= _overflow(v, how.plan.v_most) << 8 | _overflow(i, how.plan.i_most) << 10
        self.readings[window.channel].append(Reading(v, i, t, status, window.place))

    def _shown(self, how: Input, v: float, i: float, duration: float) -> tuple[float, float]:
        """Add what electronics and device add to a mean over a window."""
        meter, plan = how.meter, how.plan
        if meter.device_noise:
            i += meter.normal() * self._rms_device(how, v, i, duration)
        if not meter.ideal:
            v += v * plan.v_gain + plan.v_offset
            v += meter.normal() * plan.v_noise * _narrowed(_V_SETTLING, duration)
            i += i * plan.i_gain + plan.i_offset
            i += meter.normal() * plan.i_noise * _narrowed(plan.settling, duration)
        return _clipped(v, plan.v_most), _clipped(i, plan.i_most)

    def _rms_device(self, how: Input, v: float, i: float, duration: float) -> float:
        """Return thermal and shot noise of the device in the bandwidth of a window, A."""
        thermal = 2 * _BOLTZMANN * how.meter.fixture.temperature / _CHARGE
        if abs(v) < 1e-3 * thermal:
            return 0.0  # no current to speak of: the meter's noise is larger by far
        density = 2 * _CHARGE * abs(i) / abs(math.tanh(v / thermal))
        return math.sqrt(density / (2 * max(duration, how.plan.settling)))


def _by_time(item: tuple[Sample, _Average]) -> float:
    return item[0].start


def _narrowed(settling: float, duration: float) -> float:
    """Return by how much a mean is less noisy than a sample."""
    return 1.0 if duration <= settling else math.sqrt(settling / duration)


def _overflow(value: float, most: float) -> int:
    return 0 if abs(value) < most else 1 if value < 0 else 2


def _clipped(value: float, most: float) -> float:
    return max(-most, min(most, value))


def _first(ends: Ends, share: float) -> Ends:
    return None if ends is None else (ends[0], ends[0] + (ends[1] - ends[0]) * share)
