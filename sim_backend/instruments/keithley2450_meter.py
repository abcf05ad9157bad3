"""The meter of a 2450-family SourceMeter: conversions, readback, ranges, filter, resistances.

What takes time is a generator of durations in s that returns the reading, so that the same code
runs while a query waits (`ScriptClock.wait_for`) and behind the back of a program (the trigger
model). A reading takes, in this order: what is left of the source delay, the readback of the source
value, the conversion, and with autozero the reference and its zero.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, sections 2 and 4, pages 6-52 to 6-72 and 6-99;
times as in `sim_backend.instruments.keithley2450_specification.Timing`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator

from sim_backend.instruments.keithley2450_buffer import DIGITIZER, FRONT, Reading
from sim_backend.instruments.keithley2450_chassis import Chassis
from sim_backend.instruments.keithley2450_processing import OVERFLOW, Processing, calculated
from sim_backend.instruments.keithley2450_ranges import Ranging, Raw, value_of
from sim_backend.instruments.keithley2450_settings import DIGITIZED, Sensed
from sim_backend.instruments.keithley2450_source import Source

__all__ = ["Meter"]

_RANGE_CHANGES = 12  # more than a reading can need
_SLOW_ZERO, _SHORT = 1.2, 0.2  # s that autozero once takes below this many line cycles [R 6-72]
#: bits of a reading's source status [R page 8-31]
PROTECTED, READ_BACK, HOT, LIMITED, FOUR_WIRE, OUTPUT = 4, 8, 16, 32, 64, 128


Conversion = Generator[float, None, Raw]
Steps = Generator[float, None, Reading]


class Meter(Ranging):
    """Measures what `source` sources, by the active function.

    Parameters
    ----------
    chassis, source, processing
        The instrument's parts.
    """

    def __init__(self, chassis: Chassis, source: Source, processing: Processing) -> None:
        super().__init__(chassis, source)
        self._processing = processing
        self.taken = 0  #: readings so far

    # -- times -------------------------------------------------------------------------------

    def aperture(self, settings: Sensed) -> float:
        """Return the length of a conversion, s."""
        return settings.nplc / self._chassis.line_frequency

    def sample_aperture(self, settings: Sensed) -> float:
        """Return the length of a digitized sample, s."""
        return settings.aperture or 1.0 / settings.rate

    def duration_while_on(self) -> float:
        """Return how long a reading in a pulse takes, s: on a fixed range, without autozero."""
        setup = self._chassis.setup
        settings = setup.active
        if setup.sense in DIGITIZED:
            return setup.digitize_count / settings.rate
        repeats = settings.average_count if settings.averaging and settings.average == "REP" else 1
        conversions = repeats + setup.sourced(setup.source).read_back
        return conversions * (self.aperture(settings) + self._chassis.model.timing.conversion)

    @property
    def _reads_back(self) -> bool:
        setup = self._chassis.setup
        return self._source.on and setup.sourced(setup.source).read_back

    # -- measuring ---------------------------------------------------------------------------

    def take(self, *, in_pulse: bool = False) -> Steps:
        """Take one reading of the active function; in a pulse at once and without autozero."""
        function = self._chassis.setup.sense
        settings = self._chassis.setup.sensed[function]
        if function in DIGITIZED:
            return (yield from self._sample(function, settings))
        if not in_pulse:
            yield max(0.0, self._source.settled_at - self._chassis.clock.now_s)
        start = self._chassis.clock.now_s
        for _ in range(_RANGE_CHANGES):
            start = self._chassis.clock.now_s
            back = (yield from self._convert(settings)) if self._reads_back else None
            value, raw = yield from self._filtered(function, settings)
            if in_pulse:
                break
            if settings.autozero:
                yield self._chassis.model.timing.zero_apertures * self.aperture(settings)
            if not self._change_range(function, settings, raw):
                break
            yield self._source.auto_delay
        self._rebound(function, settings)
        if function == "r" and settings.compensated and self._source.on:
            value = yield from self._compensated(settings, raw)
        return self._reading(function, value, raw, back, start)

    def _convert(self, settings: Sensed) -> Conversion:
        """Convert both quantities over one aperture."""
        yield self._chassis.model.timing.conversion
        return (yield from self._aperture(self.aperture(settings), settings.nplc, settings))

    def _aperture(self, length: float, nplc: float, settings: Sensed) -> Conversion:
        electronics = self._source.electronics
        mark = electronics.begin()
        yield length
        sample = electronics.finish(
            mark,
            v_range=self.range_in_use("v"),
            i_range=self.range_in_use("i"),
            nplc=nplc,
            line_frequency=self._chassis.line_frequency,
            autozero=settings.autozero,
            sense_remote=settings.four_wire,
        )
        return Raw(sample.v, sample.i, sample.limited, sample.v_overrange, sample.i_overrange)

    def _filtered(
        self, function: str, settings: Sensed
    ) -> Generator[float, None, tuple[float, Raw]]:
        raw = yield from self._convert(settings)
        value = value_of(function, raw, settings)
        if not settings.averaging:
            return value, raw
        count = settings.average_count
        if settings.average == "MOV":
            stack = self._stacks.get(function)
            if stack is None or stack.maxlen != count:
                stack = self._stacks[function] = deque([value] * count, count)
            stack.append(value)
            return math.fsum(stack) / count, raw
        values = [value]
        for _ in range(count - 1):
            raw = yield from self._convert(settings)
            values.append(value_of(function, raw, settings))
        return math.fsum(values) / count, raw

    def _compensated(self, settings: Sensed, first: Raw) -> Generator[float, None, float]:
        """Measure again with the source at zero: what is left of the voltage is an offset."""
        source, present = self._source, self._source.present
        if present is None:
            return value_of("r", first, settings)
        kept = (present.quantity, present.level, present.range, present.limit, present.limit_range)
        source.electronics.set_source(present.quantity, 0.0, *kept[2:])
        yield source.auto_delay
        zero = yield from self._convert(settings)
        source.electronics.set_source(*kept)
        yield source.auto_delay
        change = first.i - zero.i
        over = first.v_over or first.i_over or not change
        return OVERFLOW if over else (first.v - zero.v) / change

    def _sample(self, function: str, settings: Sensed) -> Steps:
        """Digitize one sample; the next one may begin when its interval is over."""
        start, length = self._chassis.clock.now_s, self.sample_aperture(settings)
        nplc = length * self._chassis.line_frequency
        raw = yield from self._aperture(length, nplc, settings)
        yield max(0.0, 1.0 / settings.rate - length)
        value = value_of(function, raw, settings)
        return self._reading(function, value, raw, raw if self._reads_back else None, start)

    # -- readings ----------------------------------------------------------------------------

    def _reading(
        self, function: str, value: float, raw: Raw, back: Raw | None, start: float
    ) -> Reading:
        setup, source = self._chassis.setup, self._source
        settings = setup.sensed[function]
        present = source.present
        quantity = setup.source if present is None else present.quantity
        programmed = setup.sourced(quantity).level if present is None else present.level
        told = programmed if back is None else back.v if quantity == "v" else back.i
        value, unit = calculated(value, settings)
        status = self._processing.test(function, value, settings)
        status |= FRONT if setup.terminals == "FRON" else 0
        status |= DIGITIZER if function in DIGITIZED else 0
        self.taken += 1
        if raw.limited:
            source.trip()
        return Reading(
            value, told, start, status, self._source_status(raw, back is not None, settings),
            unit, "VOLT" if quantity == "v" else "AMP", settings.digits,
        )  # fmt: skip

    def _source_status(self, raw: Raw, read_back: bool, settings: Sensed) -> int:
        source = self._source
        return (
            (PROTECTED if source.protecting else 0)
            | (READ_BACK if read_back else 0)
            | (HOT if self._chassis.too_hot else 0)
            | (LIMITED if raw.limited else 0)
            | (FOUR_WIRE if settings.four_wire and source.on else 0)
            | (OUTPUT if source.on else 0)
        )

    # -- other measurements ------------------------------------------------------------------

    def acquire(self) -> Generator[float, None, None]:
        """Take a reading without processing as the relative offset of the active function."""
        settings = self._chassis.setup.active
        kept = settings.relative_on, settings.math_on, settings.averaging, settings.limits
        settings.relative_on = settings.math_on = settings.averaging = False
        settings.limits = {}
        try:
            reading = yield from self.take()
        finally:
            settings.relative_on, settings.math_on, settings.averaging, settings.limits = kept
        settings.relative = reading.value

    def zero_once(self) -> Generator[float, None, None]:
        """Refresh reference and zero."""
        settings = self._chassis.setup.active
        length = self._chassis.model.timing.zero_apertures * self.aperture(settings)
        yield length if settings.nplc >= _SHORT else length + _SLOW_ZERO
