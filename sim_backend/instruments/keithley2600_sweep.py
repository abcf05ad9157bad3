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

from sim_backend.clock import Clock
from sim_backend.instruments.keithley2600_measure import Meter, Target
from sim_backend.instruments.keithley2600_source import Quantity, Source, other
from sim_backend.instruments.keithley2600_trigger import Detector, Events, Process, Steps, forever
from sim_backend.wire.tsp import Refusal

__all__ = ["Sweep", "linear", "logarithmic"]

_DISABLE, _ENABLE, _ASYNC = 0, 1, 2
_SOURCE_IDLE, _SOURCE_HOLD = 0, 1
#: a point at which nothing takes time takes this, s; not in print
_FASTEST = 20e-6
_EVENTS = (
    "SWEEPING", "ARMED", "SOURCE_COMPLETE", "MEASURE_COMPLETE", "PULSE_COMPLETE", "SWEEP_COMPLETE",
    "IDLE",
)  # fmt: skip


class Sweep:
    """Configuration and run of a channel's trigger model."""

    def __init__(
        self,
        source: Source,
        meter: Meter,
        events: Events,
        clock: Clock,
        sweeping: Callable[[bool], None],
        overrun: Callable[[str], None],
    ) -> None:
        self._source, self._meter, self._clock = source, meter, clock
        self._events, self._sweeping = events, sweeping
        self.event = {name: events.number() for name in _EVENTS}
        self.detectors = {
            name: Detector(events, partial(overrun, name))
            for name in ("arm", "source", "measure", "endpulse")
        }
        self.progress = 0  #: points and measurements done so far
        self._run: Process | None = None
        self._measuring: Process | None = None
        self._defaults()

    def _defaults(self) -> None:
        self.arm_count = self.count = 1
        self.auto_clear = 0
        self.source_action = _DISABLE
        self.measure_action = _DISABLE
        self.endpulse_action = _SOURCE_HOLD
        self.endsweep_action = _SOURCE_IDLE
        self.levels: Sequence[float] = ()
        self.function: Quantity | None = None
        #: compliance during the sweep; None follows smuX.source.limitY (LIMIT_AUTO)
        self.limit: dict[Quantity, float | None] = {"v": None, "i": None}
        self.targets: tuple[Target, ...] = ()
        for detector in self.detectors.values():
            detector.stimulus.select(0)

    def reset(self) -> None:
        """Go back to the defaults."""
        self.abort()
        self._defaults()

    @property
    def running(self) -> bool:
        """Whether the trigger model is out of its idle state."""
        return self._run is not None and self._run.running

    @property
    def endless(self) -> bool:
        """Whether the trigger model runs and only an abort can end it."""
        return self.running and not (self.count and self.arm_count)

    # -- configuration ------------------------------------------------------------------------

    def set_list(self, quantity: Quantity, levels: Sequence[float]) -> None:
        """Source these levels in turn, from the first again when they are used up.

        Raises
        ------
        Refusal
            There is none, or one is beyond the instrument.
        """
        if not levels:
            raise Refusal(-109)
        most = max(r.maximum for r in self._source.ranges(quantity))
        for level in levels:
            if abs(level) > most:
                raise Refusal(1101 if level > 0 else 1102)
        self.levels, self.function = tuple(levels), quantity

    def set_limit(self, quantity: Quantity, value: float | None) -> None:
        """Set the compliance during the sweep; None follows ``smuX.source``, infinity is off."""
        if value is not None and not math.isinf(value):
            self._source.check_limit(quantity, value)
        self.limit[quantity] = value

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
        if self.source_action:
            self._source.fix_limit_range(self.limit[other(self._source.function)])
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
        if self.source_action:
            self._leave(idle=self.endpulse_action == _SOURCE_IDLE)
        self._sweeping(False)
        self._events.emit(self.event["IDLE"])

    def _leave(self, *, idle: bool) -> None:
        """Give the source back: at its idle level or where it is, with its own limit."""
        source = self._source
        source.free_limit_range()
        source.apply(None if idle else source.programmed)

    def _check(self) -> None:
        if self.source_action:
            if self.function is None:
                raise Refusal(5059)
            self._check_levels(self.function)
        if self.measure_action:
            if not self.targets:
                raise Refusal(5060)
            if self.measure_action == _ASYNC:
                self._check_asynchronous()

    def _check_levels(self, quantity: Quantity) -> None:
        source = self._source
        if source.function != quantity:
            raise Refusal(5009)
        present = source.range[quantity]
        for candidate in source.ranges(quantity):
            if candidate.full_scale == present and source.autorange[quantity] == 0:
                if max(map(abs, self.levels)) > candidate.maximum:
                    raise Refusal(5005)
                return
        # a sweep stays on one range: the one that holds its largest level
        source.range[quantity] = source.range_for(quantity, max(self.levels, key=abs))

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
        at = 0
        for _ in forever(self.arm_count):
            yield self.detectors["arm"]
            if self.auto_clear:
                for name in ("source", "measure", "endpulse"):
                    self.detectors[name].clear()
            self._start_measuring()
            emit(event["ARMED"])
            for _ in forever(self.count):
                yield from self._point(at)
                at += 1
            if self._measuring is not None:
                yield self._measuring
            if self.source_action and self.endsweep_action == _SOURCE_IDLE:
                self._source.apply()
            emit(event["SWEEP_COMPLETE"])
        if self.source_action:
            self._leave(idle=self.endsweep_action == _SOURCE_IDLE)
        self._sweeping(False)
        emit(event["IDLE"])

    def _point(self, at: int) -> Steps:
        """Source, measure and end-pulse action of one point."""
        emit, event, detectors = self._events.emit, self.event, self.detectors
        begun = self._clock.now_s
        yield detectors["source"]
        if self.source_action:
            self._source_level(at)
            yield self._source.settling_delay()
        emit(event["SOURCE_COMPLETE"])
        if self.measure_action != _ASYNC:
            yield detectors["measure"]
            if self.measure_action == _ENABLE:
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
        if self.endpulse_action == _SOURCE_IDLE:
            source.apply()
        elif self.limit[other(source.function)] is not None:
            source.apply(source.programmed)

    def _source_level(self, at: int) -> None:
        level = self.levels[at % len(self.levels)]
        self._source.apply(level, self.limit[other(self._source.function)])

    def _start_measuring(self) -> None:
        """Start the measurements that run beside the source actions."""
        if self.measure_action == _ASYNC:
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
