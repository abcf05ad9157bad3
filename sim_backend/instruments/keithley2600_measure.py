"""The meter of one Series 2600B channel: ranges, aperture, filter, relative offset, buffers.

Everything that takes time is a generator of durations in s, so that the same code measures while
the script waits, behind its back (``overlappedY``) and inside the trigger model.

Source: Series 2600B Reference Manual, 2600BS-901-01, section 2 "Range", "Speed", "Filters",
"Autozero" and section 7, ``smuX.measure.*`` with its defaults.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Generator, Sequence
from typing import NamedTuple, Protocol

from sim_backend.clock import Clock
from sim_backend.instruments.keithley26_electronics import Electronics, Quantity, Sample
from sim_backend.instruments.keithley2600_buffer import OVERFLOW, Reading, ReadingBuffer, Status
from sim_backend.instruments.keithley2600_source import DELAY_AUTO, Source, other
from sim_backend.instruments.specification import ChannelSpec, MeasureRange, choose_range
from sim_backend.wire.tsp import Refusal

__all__ = ["FUNCTIONS", "Meter", "Taking", "Target"]

#: letter of a measurement -> its name in a buffer
FUNCTIONS = {"v": "Voltage", "i": "Current", "r": "Resistance", "p": "Power"}
#: where readings go: letter of the measurement, buffer
Target = tuple[str, ReadingBuffer | None]

_REFERENCE_LIFE = 10.0  # s that a reference and a zero are good for; not in print
_REFERENCES = 10  # apertures whose reference and zero are kept (smuX.measure.autozero)
_RANGE_CHANGES = 12  # more than an autoranging measurement can need


class Taking(NamedTuple):
    """One reading of both quantities and when it began."""

    start: float
    sample: Sample


class Fast(Protocol):
    """What an enabled pulser measures with: aperture and delay in s, and its own ranges."""

    aperture: float
    delay: float
    range: dict[str, float]  #: of ``v`` and ``i``


class References:
    """When the converter's reference and zero were taken, for each of the last apertures."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._taken: dict[float, float] = {}

    def fresh(self, nplc: float) -> bool:
        """Return whether those of an aperture can still be used."""
        return self._clock.now_s - self._taken.get(nplc, -math.inf) < _REFERENCE_LIFE

    def renew(self, nplc: float) -> None:
        """Take them now; the least recent of ten apertures is forgotten."""
        self._taken.pop(nplc, None)
        self._taken[nplc] = self._clock.now_s
        if len(self._taken) > _REFERENCES:
            del self._taken[next(iter(self._taken))]


class Meter:
    """Settings and measurements of one channel."""

    AUTORANGE_OFF, AUTORANGE_ON, AUTORANGE_FOLLOW_LIMIT = 0, 1, 2
    AUTOZERO_OFF, AUTOZERO_ONCE, AUTOZERO_AUTO = 0, 1, 2
    MOVING_AVERAGE, REPEAT_AVERAGE, MEDIAN = 0, 1, 2

    def __init__(
        self,
        spec: ChannelSpec,
        electronics: Electronics,
        source: Source,
        clock: Clock,
        line_frequency: float,
    ) -> None:
        self.spec, self._electronics, self._source = spec, electronics, source
        self._clock, self.line_frequency = clock, line_frequency
        self._history: dict[str, deque[float]] = {}
        self.taken = 0  #: conversions so far
        self.overflowed = False  #: whether the last reading was beyond its range
        self._references = References(clock)
        self.fast: Fast | None = None
        self.reset()

    def reset(self) -> None:
        """Go back to the defaults."""
        spec = self.spec
        self.range = {"v": spec.v_measure[0].full_scale, "i": spec.i_measure[0].full_scale}
        self.autorange = {"v": self.AUTORANGE_ON, "i": self.AUTORANGE_ON}
        self.low_range = dict(self.range)
        self.nplc = 1.0
        self.autozero = self.AUTOZERO_AUTO
        self.count = 1
        self.interval = 0.0
        self.delay = 0.0
        self.delay_factor = 1.0
        self.high_c_delay_factor = 10.0
        self.analog_filter = 1
        self.filter_enable = 0
        self.filter_type = self.REPEAT_AVERAGE
        self.filter_count = 1
        self.relative = dict.fromkeys(FUNCTIONS, 0.0)
        self.relative_enable = dict.fromkeys(FUNCTIONS, 0)
        self.sense = 0
        self._history.clear()

    # -- what may be set ----------------------------------------------------------------------

    def ranges(self, quantity: Quantity) -> tuple[MeasureRange, ...]:
        """Return the measurement ranges of a quantity."""
        return self.spec.v_measure if quantity == "v" else self.spec.i_measure

    def set_range(self, quantity: Quantity, value: float) -> None:
        """Fix the range to the smallest that holds the value.

        Raises
        ------
        Refusal
            No range does.
        """
        range_ = choose_range(self.ranges(quantity), value, pulse=True)
        if range_ is None:
            raise Refusal(1101 if value > 0 else 1102)
        self.set_autorange(quantity, self.AUTORANGE_OFF)
        self.range[quantity] = range_

    def set_autorange(self, quantity: Quantity, value: int) -> None:
        """Set the autorange mode.

        Raises
        ------
        Refusal
            The high-capacitance mode has fixed it.
        """
        if quantity == "i" and self._source.high_c and value != self.AUTORANGE_FOLLOW_LIMIT:
            raise Refusal(5069)
        self.autorange[quantity] = value

    def set_low_range(self, quantity: Quantity, value: float) -> None:
        """Set the lowest range of autoranging.

        Raises
        ------
        Refusal
            No range holds the value.
        """
        range_ = choose_range(self.ranges(quantity), value)
        if range_ is None:
            raise Refusal(1101 if value > 0 else 1102)
        self.low_range[quantity] = range_
        self.range[quantity] = max(self.range[quantity], range_)

    def set_autozero(self, value: int) -> float:
        """Set the autozero mode; returns the time that ONCE takes for reference and zero, s."""
        self.autozero = value
        return self._renewed() if value == self.AUTOZERO_ONCE else 0.0

    @property
    def aperture(self) -> float:
        """Length of one conversion, s."""
        return self.fast.aperture if self.fast else self.nplc / self.line_frequency

    def range_in_use(self, quantity: Quantity) -> float:
        """Return the range a quantity is measured on.

        The quantity being sourced is measured on the source range (section 2, "Range").
        """
        if self.fast:
            return self.fast.range[quantity]
        if quantity == self._source.function:
            return self._source.range[quantity]
        if self.autorange[quantity] == self.AUTORANGE_FOLLOW_LIMIT:
            return self._source.limiting(self._source.level[self._source.function])[1]
        return self.range[quantity]

    # -- measuring ----------------------------------------------------------------------------

    def measure(self, targets: Sequence[Target]) -> Generator[float, None, list[float]]:
        """Take `count` readings into buffers; returns the last reading of each target."""
        for _, buffer in targets:
            if buffer is not None:
                buffer.begin()
        return (yield from self.continue_measuring(targets))

    def continue_measuring(self, targets: Sequence[Target]) -> Generator[float, None, list[float]]:
        """Take `count` readings, adding them to what the buffers hold (inside a sweep)."""
        shown: list[float] = []
        yield self._settling_delay()
        begun = self._clock.now_s
        for k in range(self.count):
            if k and self.interval:
                yield max(0.0, begun + k * self.interval - self._clock.now_s)
            takings = yield from self._take()
            shown = [self._store(letter, buffer, takings) for letter, buffer in targets]
            self.overflowed = OVERFLOW in shown
        return shown

    def _take(self) -> Generator[float, None, list[Taking]]:
        """Take what one reading consists of: several conversions with a repeating filter."""
        if self.autozero == self.AUTOZERO_AUTO and not self.fast:
            yield 0.0 if self._references.fresh(self.nplc) else self._renewed()
        repeat = self.filter_enable and self.filter_type != self.MOVING_AVERAGE
        takings: list[Taking] = []
        for _ in range(self.filter_count if repeat else 1):
            takings += [(yield from self._convert())]
        return takings

    def _renewed(self) -> float:
        """Renew reference and zero; returns the time that takes: two conversions, s."""
        self._references.renew(self.nplc)
        return 2 * self.aperture

    def _convert(self) -> Generator[float, None, Taking]:
        for _ in range(_RANGE_CHANGES):
            start = self._clock.now_s
            mark = self._electronics.begin()
            yield self.aperture
            sample = self._electronics.finish(
                mark,
                v_range=self.range_in_use("v"),
                i_range=self.range_in_use("i"),
                nplc=self.aperture * self.line_frequency if self.fast else self.nplc,
                line_frequency=self.line_frequency,
                autozero=self.autozero != self.AUTOZERO_OFF,
                sense_remote=bool(self.sense),
            )
            self.taken += 1
            if not self._change_range(sample):
                break
            yield self._settling_delay()
        return Taking(start, sample)

    def _change_range(self, sample: Sample) -> bool:
        """Move to the range that fits, when autoranging; says whether to measure again."""
        quantity = other(self._source.function)
        if self.autorange[quantity] != self.AUTORANGE_ON or self.fast:
            return False
        present = self.range[quantity]
        if sample.v_overrange if quantity == "v" else sample.i_overrange:
            most = self._source.limiting(self._source.level[self._source.function])[1]
            above = [r.full_scale for r in self.ranges(quantity) if r.full_scale > present]
            if not above or present >= most:
                return False
            self.range[quantity] = above[0]
            return True
        value = abs(sample.v if quantity == "v" else sample.i)
        # the instrument autoranges at 100 percent of the range (section 2, "Maximum source values
        # and readings")
        fitting = [r.full_scale for r in self.ranges(quantity) if r.full_scale >= value]
        wanted = max(fitting[0] if fitting else present, self.low_range[quantity])
        if wanted >= present:
            return False
        self.range[quantity] = wanted
        return True

    def _settling_delay(self) -> float:
        """Return the measure delay, s (smuX.measure.delay, or smua.pulser.measure.delay)."""
        if self.fast or self.delay != DELAY_AUTO:
            return self.fast.delay if self.fast else self.delay
        range_ = self.range_in_use("i")
        for candidate in self.ranges("i"):
            if candidate.full_scale == range_:
                return candidate.settling * self.delay_factor
        return 0.0

    # -- what a reading becomes ---------------------------------------------------------------

    def _store(self, letter: str, buffer: ReadingBuffer | None, takings: Sequence[Taking]) -> float:
        values = [_value(letter, taking.sample) for taking in takings]
        value = self._filtered(letter, values)
        if self.relative_enable[letter] and value != OVERFLOW:
            value -= self.relative[letter]
        if buffer is not None:
            buffer.add(self._row(letter, value, takings[0]))
        return value

    def _filtered(self, letter: str, values: list[float]) -> float:
        if not self.filter_enable:
            return values[-1]
        if self.filter_type == self.MEDIAN:
            return statistics.median(values)
        if self.filter_type == self.REPEAT_AVERAGE:
            return statistics.fmean(values)
        history = self._history.setdefault(letter, deque())
        history.extend(values)
        while len(history) > self.filter_count:
            history.popleft()
        return statistics.fmean(history)

    def _row(self, letter: str, value: float, taking: Taking) -> Reading:
        source = self._source
        quantity: Quantity = "v" if letter == "v" else "i"
        status = Status.COMPLIANCE if taking.sample.limited else 0
        status |= Status.FOUR_WIRE if self.sense else 0
        status |= Status.FILTERED if self.filter_enable else 0
        status |= Status.RELATIVE if self.relative_enable[letter] else 0
        status |= Status.AUTORANGE_MEASURE if self.autorange[quantity] else 0
        status |= Status.AUTORANGE_SOURCE if source.autorange[source.function] else 0
        return Reading(
            value=value,
            time=taking.start,
            source=source.programmed,
            status=status,
            function=FUNCTIONS[letter],
            range=self.range_in_use(quantity),
            source_function=FUNCTIONS[source.function],
            source_range=self.fast.range["i"] if self.fast else source.range[source.function],
            output="On" if source.output else "Off",
        )


def _value(letter: str, sample: Sample) -> float:
    """Return what a measurement makes of voltage and current."""
    v = OVERFLOW if sample.v_overrange else sample.v
    i = OVERFLOW if sample.i_overrange else sample.i
    if letter == "v":
        return v
    if letter == "i":
        return i
    if OVERFLOW in (v, i):
        return OVERFLOW
    if letter == "p":
        return v * i
    return v / i if i else OVERFLOW
