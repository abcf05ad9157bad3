"""What each block of a trigger model does to the instrument.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 6-186 to 6-211.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from typing import Any

from sim_backend.clock import Clock, Event
from sim_backend.instruments import keithley2450_blocks as blocks
from sim_backend.instruments.keithley2450_buffer import START_GROUP, Buffer, Buffers
from sim_backend.instruments.keithley2450_chassis import Chassis
from sim_backend.instruments.keithley2450_engine import Aborted, Steps, TriggerModel, measured_by
from sim_backend.instruments.keithley2450_events import ERROR, INFORMATION, WARNING
from sim_backend.instruments.keithley2450_lines import DigitalPort
from sim_backend.instruments.keithley2450_lists import Lists
from sim_backend.instruments.keithley2450_meter import Meter
from sim_backend.instruments.keithley2450_settings import DIGITIZED
from sim_backend.instruments.keithley2450_source import Source
from sim_backend.wire.parameters import ScpiError

__all__ = ["BlockActions"]

CONFLICT = -221
#: log blocks: name without its number -> number of the first event, kind
_LOGGED = {"INFO": (2734, INFORMATION), "WARN": (2738, WARNING), "ERR": (2742, ERROR)}


class BlockActions:
    """Executes blocks.

    Parameters
    ----------
    chassis, source, meter, buffers, lists, port
        The instrument's parts.
    """

    def __init__(
        self,
        chassis: Chassis,
        source: Source,
        meter: Meter,
        buffers: Buffers,
        lists: Lists,
        port: DigitalPort,
    ) -> None:
        self._chassis, self._source, self._meter = chassis, source, meter
        self._buffers, self._lists, self._port = buffers, lists, port
        self._background: Generator[float, None, None] | None = None
        self._event: Event | None = None
        self._readings: dict[int, tuple[float, float]] = {}  # place -> last two, newest last
        self._first = True
        self._do: Mapping[type, Callable[[TriggerModel, int, Any], Steps | int | None]] = {
            blocks.Nop: lambda *_: None,
            blocks.BufferClear: self._clear,
            blocks.Measure: self._measure,
            blocks.ConfigRecall: self._recall,
            blocks.ConfigStep: self._step,
            blocks.DelayConstant: self._delay,
            blocks.DelayDynamic: self._user_delay,
            blocks.DigitalOutput: self._digital,
            blocks.Always: lambda _, __, block: block.to,
            blocks.Counter: _count,
            blocks.ResetCounter: _reset_counter,
            blocks.Delta: self._delta,
            blocks.LimitConstant: self._limit_constant,
            blocks.LimitDynamic: self._limit_dynamic,
            blocks.OnEvent: _on_event,
            blocks.Once: _once,
            blocks.OnceExcluded: _once_excluded,
            blocks.LogEvent: _log,
            blocks.Notify: _notify,
            blocks.Output: self._output,
            blocks.PulseOutput: self._pulse,
            blocks.Wait: lambda model, place, block: model.wait(place, block),
        }

    def do(self, model: TriggerModel, place: int, block: blocks.Block) -> Steps | int | None:
        """Execute a block."""
        return self._do[type(block)](model, place, block)

    def begin(self, model: TriggerModel) -> None:
        """Prepare a run.

        Raises
        ------
        ScpiError
            The active function does not go with the measure blocks, or a buffer does not exist.
        """
        self.end()
        self._readings, self._first = {}, True
        digitizing = self._chassis.setup.sense in DIGITIZED
        for block in model.blocks.values():
            if isinstance(block, blocks.Measure):
                self._buffers.for_readings(block.buffer)
                if block.kind == ("MEASURE" if digitizing else "DIGITIZE"):
                    raise ScpiError(CONFLICT)

    def end(self) -> None:
        """End readings in the background."""
        if self._event is not None:
            self._event.cancel()
        background, self._background, self._event = self._background, None, None
        if background is not None:
            background.close()

    # -- readings ----------------------------------------------------------------------------

    def _clear(self, _: TriggerModel, __: int, block: blocks.BufferClear) -> None:
        self._buffers.get(block.buffer).clear()

    def _measure(self, _: TriggerModel, place: int, block: blocks.Measure) -> Steps | None:
        self.end()
        buffer = self._buffers.for_readings(block.buffer)
        if not math.isinf(block.count):
            return self._take(place, buffer, block)
        self._background = self._for_ever(place, buffer)
        self._go_on(self._background)
        return None

    def _take(self, place: int, buffer: Buffer, block: blocks.Measure) -> Steps:
        for _ in range(round(block.count)):
            yield from self._one(place, buffer, in_pulse=block.in_pulse)
        return None

    def _for_ever(self, place: int, buffer: Buffer) -> Generator[float, None, None]:
        while True:
            yield from self._one(place, buffer)

    def _one(
        self, place: int, buffer: Buffer, *, in_pulse: bool = False
    ) -> Generator[float, None, None]:
        reading = yield from self._meter.take(in_pulse=in_pulse)
        if self._first:
            reading = reading._replace(status=reading.status | START_GROUP)
            self._first = False
        buffer.append(reading)
        before = self._readings.get(place, (math.nan, math.nan))
        self._readings[place] = before[1], reading.value

    def _go_on(self, background: Generator[float, None, None]) -> None:
        """Take steps of readings in the background until one needs time."""
        while self._background is background:
            duration = next(background)
            if duration > 0:
                clock: Clock = self._chassis.clock
                self._event = clock.after(duration, lambda: self._go_on(background))
                return

    # -- source ------------------------------------------------------------------------------

    def _recall(self, _: TriggerModel, __: int, block: blocks.ConfigRecall) -> Steps:
        yield self._chassis.model.timing.setting
        for name, index in sorted(block.lists, key=lambda row: self._lists.kind(row[0]) != "SOUR"):
            self._lists.recall(name, index)
        yield self._unsettled
        return None

    def _step(self, _: TriggerModel, __: int, block: blocks.ConfigStep) -> Steps:
        yield self._chassis.model.timing.setting
        for name in sorted(block.lists, key=lambda name: self._lists.kind(name) != "SOUR"):
            self._lists.step(name, block.direction)
        yield self._unsettled
        return None

    @property
    def _unsettled(self) -> float:
        """What is left of the source delay, s."""
        return max(0.0, self._source.settled_at - self._chassis.clock.now_s)

    def _output(self, _: TriggerModel, __: int, block: blocks.Output) -> Steps:
        if block.on:
            self._source.switch_on()
            yield self._unsettled
        else:
            self._source.off()
            yield 0.0
        return None

    def _pulse(self, _: TriggerModel, __: int, block: blocks.PulseOutput) -> None:
        self._source.pulse(block.on)

    def _delay(self, _: TriggerModel, __: int, block: blocks.DelayConstant) -> Steps:
        yield block.time
        return None

    def _user_delay(self, _: TriggerModel, __: int, block: blocks.DelayDynamic) -> Steps:
        setup = self._chassis.setup
        settings = setup.sourced(setup.source) if block.of == "SOUR" else setup.active
        yield settings.user_delays[block.number - 1]
        return None

    def _digital(self, _: TriggerModel, __: int, block: blocks.DigitalOutput) -> None:
        self._port.write_all(block.pattern, block.mask)

    # -- branches that look at readings ------------------------------------------------------

    def _last(self, model: TriggerModel, place: int, named: int) -> tuple[float, float]:
        return self._readings.get(measured_by(model, place, named), (math.nan, math.nan))

    def _delta(self, model: TriggerModel, place: int, block: blocks.Delta) -> int | None:
        before, now = self._last(model, place, block.measure)
        return block.to if abs(before - now) <= block.difference else None

    def _limit_constant(
        self, model: TriggerModel, place: int, block: blocks.LimitConstant
    ) -> int | None:
        _, now = self._last(model, place, block.measure)
        return block.to if _meets(block.kind, now, block.low, block.high) else None

    def _limit_dynamic(
        self, model: TriggerModel, place: int, block: blocks.LimitDynamic
    ) -> int | None:
        _, now = self._last(model, place, block.measure)
        limit = self._chassis.setup.active.limits[block.number]
        return block.to if _meets(block.kind, now, limit.lower, limit.upper) else None


def _meets(kind: str, value: float, a: float, b: float) -> bool:
    """Whether a value is above b, below a, inside or outside of both."""
    if math.isnan(value):
        return False
    if kind == "ABOV":
        return value > b
    if kind == "BEL":
        return value < a
    inside = min(a, b) <= value <= max(a, b)
    return inside if kind == "IN" else not inside


def _count(model: TriggerModel, place: int, block: blocks.Counter) -> int | None:
    count = model.counters.get(place, 0)
    count = 1 if count >= block.value else count + 1
    model.counters[place] = count
    return block.to if count < block.value else None


def _reset_counter(model: TriggerModel, _: int, block: blocks.ResetCounter) -> None:
    model.counters[block.block] = 0


def _on_event(model: TriggerModel, place: int, block: blocks.OnEvent) -> int | None:
    seen = model.detectors[place].seen
    if not seen:
        return None
    seen.clear()
    return block.to


def _once(model: TriggerModel, place: int, block: blocks.Once) -> int | None:
    if place in model.once:
        return None
    model.once.add(place)
    return block.to


def _once_excluded(model: TriggerModel, place: int, block: blocks.OnceExcluded) -> int | None:
    if place in model.once:
        return block.to
    model.once.add(place)
    return None


def _log(model: TriggerModel, _: int, block: blocks.LogEvent) -> None:
    if block.event == "ABOR":
        model.log.add(2738, block.message, WARNING)
        raise Aborted
    first, kind = _LOGGED[block.event[:-1]]
    model.log.add(first + int(block.event[-1]) - 1, block.message, kind)


def _notify(model: TriggerModel, _: int, block: blocks.Notify) -> None:
    model.bus.emit(f"NOT{block.number}")
