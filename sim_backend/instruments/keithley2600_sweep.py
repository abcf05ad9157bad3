"""The trigger model of one channel: what it does at each of its events.

`Sweep` reads like the state diagram of the reference manual: the arm layer around the trigger
layer, in it source, measure and end-pulse actions, each behind an event detector. With the measure
action ASYNC the measurements run beside the source and end-pulse actions, and the sweep ends when
both are through.

Source: Series 2600B Reference Manual, 2600BS-901-01, section 3 "Triggering" (remote trigger model,
normal and asynchronous mode) and section 7, ``smuX.trigger.*``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from sim_backend.clock import Clock, Event
from sim_backend.instruments.keithley26_electronics import Quantity
from sim_backend.instruments.keithley26_extended import ExtendedArea
from sim_backend.instruments.keithley26_family import PulseRegion
from sim_backend.instruments.keithley26_pulser import CurrentPulser
from sim_backend.instruments.keithley26_sweep_settings import (
    ASYNC,
    ENABLE,
    SOURCE_IDLE,
    SweepSettings,
)
from sim_backend.instruments.keithley2600_measure import Meter
from sim_backend.instruments.keithley2600_source import Source, other
from sim_backend.instruments.keithley2600_trigger import Detector, Events, Process, Steps, forever
from sim_backend.instruments.specification import choose_range
from sim_backend.wire.tsp import Refusal

__all__ = ["Sweep", "linear", "logarithmic"]

#: a point at which nothing takes time takes this, s; not in print
_FASTEST = 20e-6
_EVENTS = (
    "SWEEPING", "ARMED", "SOURCE_COMPLETE", "MEASURE_COMPLETE", "PULSE_COMPLETE", "SWEEP_COMPLETE",
    "IDLE",
)  # fmt: skip


class Sweep(SweepSettings):
    """Configuration and run of a channel's trigger model."""

    def __init__(
        self,
        source: Source,
        meter: Meter,
        events: Events,
        clock: Clock,
        sweeping: Callable[[bool], None],
        overrun: Callable[[str], None],
        pulses: Sequence[PulseRegion] = (),
    ) -> None:
        super().__init__(source)
        self._meter, self._clock = meter, clock
        self._extended = ExtendedArea(source, pulses, clock)
        self._events, self._sweeping = events, sweeping
        self.event = {name: events.number() for name in _EVENTS}
        self.detectors = {
            name: Detector(events, partial(overrun, name))
            for name in ("arm", "source", "measure", "endpulse")
        }
        self.progress = 0  #: points and measurements done so far
        self.at = self.left = 0  #: points done since the start; left in this pass, 0 without end
        #: called when a sweep starts, and whenever it stands before the first level of its list
        self.started: Callable[[], None] = _nothing
        self.begin_list: Callable[[Sweep], None] = _ignore
        self.pulser: CurrentPulser | None = None  #: while it is enabled
        self._run: Process | None = None
        self._measuring: Process | None = None
        self.set_defaults()

    def set_defaults(self) -> None:
        """Go back to the defaults, with no stimuli."""
        super().set_defaults()
        for detector in self.detectors.values():
            detector.stimulus.select(0)

    def reset(self) -> None:
        """Go back to the defaults."""
        self.abort()
        self.set_defaults()

    @property
    def running(self) -> bool:
        """Whether the trigger model is out of its idle state."""
        return self._run is not None and self._run.running

    @property
    def endless(self) -> bool:
        """Whether the trigger model runs and only an abort can end it."""
        return self.running and not (self.count and self.arm_count)

    # -- running ------------------------------------------------------------------------------

    def initiate(self) -> None:
        """Leave the idle state (smuX.trigger.initiate).

        Raises
        ------
        Refusal
            The configuration does not allow it.
        """
        self._check()
        for detector in self.detectors.values():
            detector.clear()
        if self.measure_action:
            for _, buffer in self.targets:
                if buffer is not None:
                    buffer.begin()
        if self.source_action and self.pulser is None:
            self._source.fix_limit_range(self.limit[other(self._source.function)])
        self.started()
        self._run = Process(self._clock, self._steps())
        self._run.start()

    def abort(self) -> None:
        """Return to the idle state; a pulse ends, a held level stays (smuX.abort)."""
        if not self.running:
            return
        for process in (self._measuring, self._run):
            if process is not None:
                process.cancel()
        self._measuring = None
        for detector in self.detectors.values():
            detector.clear()
        self._extended.leave()
        if self.source_action:
            self._leave(idle=self.endpulse_action == SOURCE_IDLE)
        self._sweeping(False)
        self._events.emit(self.event["IDLE"])

    def _leave(self, *, idle: bool) -> None:
        """Give the source back: at its idle level or where it is, with its own limit."""
        source = self._source
        source.free_limit_range()
        if self.pulser is not None:
            self.pulser.rest()
        source.apply(None if idle else source.programmed)

    def _check(self) -> None:
        if self.source_action:
            if self.function is None:
                raise Refusal(5059)
            if self.pulser is None:
                self._check_levels(self.function)
        if self.measure_action:
            if not self.targets:
                raise Refusal(5060)
            if self.measure_action == ASYNC and self.pulser is None:
                self._check_asynchronous()
        if self.pulser is not None:
            self.pulser.check()

    def _check_levels(self, quantity: Quantity) -> None:
        source = self._source
        if source.function != quantity:
            raise Refusal(5009)
        limit = self.limit[other(quantity)]
        idle = self.endpulse_action == SOURCE_IDLE
        self._extended.check({abs(level) for level in self.levels}, limit, returns=idle)
        if source.autorange[quantity]:
            # a sweep stays on one range: the one that holds its largest level
            largest = max(map(abs, self.levels))
            source.range[quantity] = choose_range(source.ranges(quantity), largest, pulse=True) or 0
        elif max(map(abs, self.levels)) > source.range_maximum(quantity):
            raise Refusal(5005)

    def _check_asynchronous(self) -> None:
        """Refuse asynchronous measurements with autozero or autorange (trigger.measure.action)."""
        meter = self._meter
        if meter.autozero == meter.AUTOZERO_AUTO:
            raise Refusal(5063)
        quantity = other(self._source.function)
        if meter.autorange[quantity] == meter.AUTORANGE_ON:
            raise Refusal(5043 if quantity == "v" else 5044)

    # -- the diagram --------------------------------------------------------------------------

    def _steps(self) -> Steps:
        emit, event = self._events.emit, self.event
        self._sweeping(True)
        emit(event["SWEEPING"])
        self.at = 0
        for _ in forever(self.arm_count):
            yield self.detectors["arm"]
            if self.auto_clear:
                for name in ("source", "measure", "endpulse"):
                    self.detectors[name].clear()
            self._start_measuring()
            emit(event["ARMED"])
            yield from self._points()
            if self._measuring is not None:
                yield self._measuring
            if self.source_action and self.endsweep_action == SOURCE_IDLE:
                self._source.apply()
            emit(event["SWEEP_COMPLETE"])
        if self.source_action:
            self._leave(idle=self.endsweep_action == SOURCE_IDLE)
        self._sweeping(False)
        emit(event["IDLE"])

    def _points(self) -> Steps:
        """Pass through the trigger layer, `count` times."""
        self.left = self.count
        while True:
            if self.source_action and self.at % len(self.levels) == 0:
                self.begin_list(self)
            yield from self._point(self.at)
            self.at += 1
            if self.count:
                self.left -= 1
                if self.left == 0:
                    return

    def skip(self, points: int) -> None:
        """Count points that were passed without being played."""
        self.at += points
        self.left -= points
        self.progress += points

    @property
    def due(self) -> Event | None:
        """When it goes on by itself."""
        return None if self._run is None else self._run.due

    def standing(self, now: float, scale: float) -> tuple[object, ...]:
        """Return what decides what the sweep does next, but how often; times in 1/scale s."""
        if not self.running:
            return ()
        due = self.due
        ahead = None if due is None or due.action is None else round((due.time - now) * scale)
        detectors = tuple(detector.standing() for detector in self.detectors.values())
        return ahead, self.at % len(self.levels), detectors

    def _point(self, at: int) -> Steps:
        """Source, measure and end-pulse action of one point."""
        if self.pulser is not None:
            yield from self.pulser.point(at)
            return
        emit, event, detectors = self._events.emit, self.event, self.detectors
        begun = self._clock.now_s
        yield detectors["source"]
        if self.source_action:
            yield self._extended.rest()
            self._source_level(at)
            yield self._source.settling_delay()
        emit(event["SOURCE_COMPLETE"])
        if self.measure_action != ASYNC:
            yield detectors["measure"]
            if self.measure_action == ENABLE:
                yield from self._meter.continue_measuring(self.targets)
            emit(event["MEASURE_COMPLETE"])
        yield detectors["endpulse"]
        if self.source_action:
            self._end_pulse()
        emit(event["PULSE_COMPLETE"])
        self.progress += 1
        if self._clock.now_s == begun:
            yield _FASTEST

    def _end_pulse(self) -> None:
        """Go back to the idle level, or only to the normal limit (smuX.trigger.source.limitY)."""
        source = self._source
        self._extended.end()
        if self.endpulse_action == SOURCE_IDLE:
            source.apply()
        elif self.limit[other(source.function)] is not None:
            source.apply(source.programmed)

    def _source_level(self, at: int) -> None:
        level, limit = self.levels[at % len(self.levels)], self.limit[other(self._source.function)]
        self._source.apply(level, limit)
        self._extended.begin(level, limit)

    def _start_measuring(self) -> None:
        """Start the measurements that run beside the source actions."""
        if self.measure_action == ASYNC:
            self._measuring = Process(self._clock, self._measurements())
            self._measuring.start()

    def _measurements(self) -> Steps:
        detector = self.detectors["measure"]
        for _ in forever(self.count):
            yield detector
            detector.ready = False
            yield from self._meter.continue_measuring(self.targets)
            detector.ready = True
            self.progress += 1
            self._events.emit(self.event["MEASURE_COMPLETE"])


def linear(start: float, stop: float, points: int) -> list[float]:
    """Return evenly spaced levels, both ends included (smuX.trigger.source.linearY)."""
    steps = max(points - 1, 1)
    return [start + (stop - start) * k / steps for k in range(points)]


def logarithmic(start: float, stop: float, points: int, asymptote: float) -> list[float]:
    """Return levels whose distance from an asymptote has a constant ratio (trigger.source.logY).

    Raises
    ------
    Refusal
        The ends lie on both sides of the asymptote.
    """
    if (start - asymptote) * (stop - asymptote) <= 0:
        raise Refusal(-222)
    ratio = math.log((stop - asymptote) / (start - asymptote)) / max(points - 1, 1)
    return [asymptote + (start - asymptote) * math.exp(ratio * k) for k in range(points)]


def _nothing() -> None:
    """Do nothing."""


def _ignore(_: object) -> None:
    """Do nothing."""
