"""System mode of the 4200A: channels defined as a test, which sweeps, steps and measures by itself.

VAR1 sweeps inside, VAR2 steps outside, the others are constant. At every step the hold time passes,
at every point the delay and then one aperture for every quantity that is measured. A quantity that
is sourced is told as it was programmed. Without a sweep readings are taken at intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field

from sim_backend.clock import Clock, Event
from sim_backend.instruments import keithley4200_errors as errors
from sim_backend.instruments.keithley4200_smu import Quantity, Smu, Taken, told
from sim_backend.wire.kxci import KxciError

__all__ = ["COMMON", "CONSTANT", "STEP", "SWEEP", "TIED", "Definition", "Ramp", "SystemTest"]

SWEEP, STEP, CONSTANT, TIED = 1, 2, 3, 4  #: functions of a channel
COMMON = 3  #: mode of a channel that is the common
_COMMON_COMPLIANCE = 0.105  # A


@dataclass(slots=True)
class Definition:
    """What a channel is in a test."""

    v_name: str = ""
    i_name: str = ""
    mode: int = 1  #: 1 voltage source, 2 current source, 3 common
    function: int = CONSTANT
    meter_only: bool = False  #: a voltmeter: it sources no current
    level: float = 0.0
    compliance: float = 0.1
    values: tuple[float, ...] = ()  #: of a list sweep


@dataclass(frozen=True, slots=True)
class Ramp:
    """A sweep or a step."""

    quantity: Quantity
    values: tuple[float, ...]
    compliance: float


@dataclass(slots=True)
class Timing:
    """Times of a test, s."""

    hold: float = 0.0
    delay: float = 0.0
    wait: float = 0.0
    interval: float = 0.01
    readings: int = 1


@dataclass(slots=True)
class Data:
    """What was measured."""

    columns: dict[str, list[tuple[str, float]]] = field(default_factory=dict)

    def add(self, name: str, status: str, value: float) -> None:
        """Append a value to a column."""
        if name:
            self.columns.setdefault(name, []).append((status, value))


class SystemTest:
    """Definitions of a test, and the test while it runs.

    Parameters
    ----------
    smus
        By number.
    clock
        The laboratory's time.
    finished
        Called when a test has ended.
    """

    def __init__(self, smus: Mapping[int, Smu], clock: Clock, finished: Callable[[], None]) -> None:
        self.smus, self._clock, self._finished = smus, clock, finished
        self._event: Event | None = None
        self._steps: Generator[float, None, None] | None = None
        self.reset()

    def reset(self) -> None:
        """Return to what a reset leaves."""
        self.channels: dict[int, Definition] = {}
        self.sweep: Ramp | None = None
        self.step: Ramp | None = None
        self.ratio, self.offset = 1.0, 0.0
        self.timing = Timing()
        self.nplc, self.digits = 1.0, 5
        self.stops_at_compliance = False
        self.standby: dict[int, bool] = {}
        self.data = Data()

    @property
    def running(self) -> bool:
        """Whether a test is going on."""
        return self._steps is not None

    def start(self, *, append: bool) -> None:
        """Begin a test.

        Raises
        ------
        KxciError
            A test is running, or none is defined.
        """
        if self.running:
            raise KxciError(errors.RUNNING)
        if not self.channels:
            raise KxciError(errors.NOT_READY, "no channel is defined")
        self._check()
        if not append:
            self.data = Data()
        self._steps = self._run()
        self._go_on()

    def _check(self) -> None:
        for number, channel in self.channels.items():
            if channel.mode == COMMON or channel.meter_only:
                continue
            quantity: Quantity = "v" if channel.mode == 1 else "i"
            for level in self._levels(channel):
                self.smus[number].check(quantity, level, self._compliance(channel))

    def abort(self) -> None:
        """End a test; data stay."""
        if self._event is not None:
            self._event.cancel()
        if self._steps is not None:
            self._steps.close()
            self._end()

    def _go_on(self) -> None:
        assert self._steps is not None
        try:
            duration = next(self._steps)
        except StopIteration:
            self._end()
            return
        self._event = self._clock.after(duration, self._go_on)

    def _end(self) -> None:
        self._steps = self._event = None
        for number in self.channels:
            if self.standby.get(number, True):
                self.smus[number].off()
        self._finished()

    # levels -----------------------------------------------------------------------------------

    def _ramp(self, channel: Definition) -> Ramp | None:
        return {SWEEP: self.sweep, TIED: self.sweep, STEP: self.step}.get(channel.function)

    def _levels(self, channel: Definition) -> tuple[float, ...]:
        ramp = self._ramp(channel)
        if channel.values:
            return channel.values
        if ramp is None:
            return (channel.level,)
        if channel.function == TIED:
            return tuple(v * self.ratio + self.offset for v in ramp.values)
        return ramp.values

    def _compliance(self, channel: Definition) -> float:
        ramp = self._ramp(channel)
        return channel.compliance if ramp is None or channel.values else ramp.compliance

    def _level(self, channel: Definition, outer: int, inner: int) -> float:
        levels = self._levels(channel)
        place = outer if channel.function == STEP and not channel.values else inner
        return levels[min(place, len(levels) - 1)]

    def _points(self) -> tuple[int, int]:
        """Return how many steps and how many points there are."""
        inner = outer = 1
        for channel in self.channels.values():
            count = len(self._levels(channel))
            if channel.function == STEP and not channel.values:
                outer = max(outer, count)
            else:
                inner = max(inner, count)
        return outer, inner

    # course -----------------------------------------------------------------------------------

    def _run(self) -> Generator[float, None, None]:
        begun = self._clock.now_s
        outer, inner = self._points()
        swept = inner > 1 or outer > 1
        timing = self.timing
        if not swept:
            inner = timing.readings
        for o in range(outer):
            self._source(o, 0)
            yield timing.hold if swept else timing.wait
            for i in range(inner):
                self._source(o, i if swept else 0)
                yield timing.delay if swept else (timing.interval if i else 0.0)
                yield from self._measure(o, i if swept else 0, begun)
                if self.stops_at_compliance and any(s.limited for s in self.smus.values()):
                    return

    def _source(self, outer: int, inner: int) -> None:
        for number, channel in self.channels.items():
            smu = self.smus[number]
            if channel.mode == COMMON:
                smu.source("v", 0.0, _COMMON_COMPLIANCE)
            elif channel.meter_only:
                smu.source("i", 0.0, 20.0)
            else:
                quantity: Quantity = "v" if channel.mode == 1 else "i"
                level = self._level(channel, outer, inner)
                smu.source(quantity, level, self._compliance(channel))

    def _measure(self, outer: int, inner: int, begun: float) -> Generator[float, None, None]:
        for number, channel in self.channels.items():
            smu = self.smus[number]
            level = self._level(channel, outer, inner) if channel.mode != COMMON else 0.0
            stamp = self._clock.now_s - begun
            statuses = []
            others = [other for other in self.smus.values() if other is not smu]
            for quantity, name in (("v", channel.v_name), ("i", channel.i_name)):
                if not name:
                    continue
                if quantity == smu.function and not channel.meter_only:
                    taken = Taken(level, smu.limited, over=False)
                else:
                    taken = yield from smu.measure("v" if quantity == "v" else "i", self.nplc)
                status = told(taken, others)
                statuses.append(status)
                self.data.add(name, status, taken.value)
            worst = min(statuses, key="LVXCTN".index, default="N")
            self.data.add(f"CH{number}T", "", stamp)
            self.data.add(f"CH{number}S", worst, 0.0)
