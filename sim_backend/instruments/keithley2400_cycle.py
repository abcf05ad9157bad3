"""One source-delay-measure cycle of a Series 2400, and one pulse of the 2430.

Source: 2400 Series SourceMeter User's Manual, sections 5, 6, 10, 11 and appendix A; bits of the
status word on pages 18-50 and 18-51.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

from sim_backend.instruments.keithley26_electronics import Quantity
from sim_backend.instruments.keithley2400_calculate import Calculator
from sim_backend.instruments.keithley2400_meter import WANTED, Meter, Phase, Taken
from sim_backend.instruments.keithley2400_readings import Buffer, Reading
from sim_backend.instruments.keithley2400_source import Chassis, Output, sweep_levels
from sim_backend.instruments.keithley2400_status import MEASUREMENT, Status
from sim_backend.wire.parameters import ScpiError

__all__ = ["Cycle"]

CONFLICT, OVER_TIME = -221, 99_999.999
#: bits of the status word
OFLO, FILTER, FRONT, COMPLIANCE, OVP, MATH, NULL, LIMITS = (1 << k for k in range(8))
AUTO_OHMS, V_MEAS, I_MEAS, R_MEAS, V_SOUR, I_SOUR, RANGE_COMPLIANCE, OFFSET = (
    1 << k for k in range(10, 18)
)
REMOTE, PULSE = 1 << 22, 1 << 23
_RAV = MEASUREMENT["RAV"]

Steps = Generator[float, None, None]


class Cycle:
    """What the trigger layer does at each trigger.

    Parameters
    ----------
    chassis, output, meter, calculator, buffer, status
        The instrument's parts.
    """

    def __init__(
        self,
        chassis: Chassis,
        output: Output,
        meter: Meter,
        calculator: Calculator,
        buffer: Buffer,
        status: Status,
    ) -> None:
        self._chassis, self.output, self._meter = chassis, output, meter
        self._calculator, self._buffer, self._status = calculator, buffer, status
        self.sample: list[Reading] = []  #: readings of the last run
        self.zero = 0.0  #: when the timestamp was zero, s
        self.aborted = False  #: the sweep ended on compliance
        self.sweeping = False
        self._levels: Sequence[float] = ()
        self._range: float | None = None  #: source range of the whole sweep
        self._location = 0
        self._word, self._calculating = 0, False

    # -- runs --------------------------------------------------------------------------------

    def begin(self) -> None:
        """Prepare a run.

        Raises
        ------
        ScpiError
            The sweep cannot be run.
        """
        source = self._chassis.setup.source
        self.sweeping = source.function == "m" or source.active().mode != "FIX"
        self._levels, self._range = (), None
        if self._chassis.auto_ohms and self.sweeping:
            raise ScpiError(825)
        if self.sweeping and source.function != "m":
            self._prepare_sweep()
        self._location = source.memory_start
        self.sample, self.aborted = [], False
        if self._chassis.setup.panel.time_auto:
            self.zero = self._chassis.clock.now_s
        self._word, self._calculating = status_word(self._chassis), not self._calculator.idle

    def _prepare_sweep(self) -> None:
        source, output = self._chassis.setup.source, self.output
        quantity: Quantity = "i" if source.function == "i" else "v"
        level = source.active()
        self._levels = sweep_levels(source, output.largest(quantity))
        if level.mode == "LIST":
            self._range = None if level.auto else level.range
        elif source.ranging == "BEST":
            self._range = output.holding(quantity, max(map(abs, self._levels)))
        else:
            self._range = None if source.ranging == "AUTO" else level.range
        largest = max(map(abs, self._levels))
        range_ = self._range if self._range is not None else output.holding(quantity, largest)
        other = self._chassis.setup.sense.i if quantity == "v" else self._chassis.setup.sense.v
        output.check_power(quantity, range_, other.protection)

    def end(self) -> None:
        """Switch off after the last trigger, when that is asked for."""
        if self._chassis.pulsed or self._chassis.setup.source.clear_auto:
            self.output.off()

    def stamp(self, when: float) -> float:
        """Return a time as the instrument tells it, s."""
        return (when - self.zero) % OVER_TIME

    # -- one cycle ---------------------------------------------------------------------------

    def run(self, index: int) -> Steps:
        """Do a whole cycle."""
        if self._chassis.pulsed:
            yield from self._pulse(index)
            return
        changed = yield from self._source(index)
        if changed and self._too_much("EARL"):
            return
        yield from self._measure(changed)

    def stages(self, index: int) -> Iterator[tuple[str, Steps]]:
        """Yield the actions of a cycle one by one, for triggers between them."""
        if self._chassis.pulsed:
            yield "SENS", self._pulse(index)
            return
        changed: list[bool] = []

        def source() -> Steps:
            changed.append((yield from self._source(index, delayed=False)))

        def delay() -> Steps:
            if changed[0]:
                yield self._meter.source_delay

        yield "SOUR", source()
        yield "DEL", delay()
        yield "SENS", self._measure(changed[0])

    def _source(self, index: int, delayed: bool = True) -> Generator[float, None, bool]:
        """Set the source, where it changes; returns whether it did."""
        chassis, output, timing = self._chassis, self.output, self._chassis.model.timing
        setup = chassis.setup
        delay = setup.trigger.delay
        automatic = setup.source.clear_auto and not output.on
        level = setup.source.active()
        if not (self.sweeping or automatic or output.moved or level.triggered is not None):
            autozero = setup.panel.autozero
            yield delay + (timing.latency_autozero if autozero else timing.latency_static)
            return False
        yield delay + timing.latency_changed
        self._set(index)
        if automatic:
            output.switch_on()
        output.moved = False
        self._meter.forget()
        if delayed:
            yield timing.configuration + self._meter.source_delay
        else:
            yield timing.configuration
        if setup.source.soak and index == 0 and setup.panel.ranging == "MULT":
            yield setup.source.soak
        return True

    def _set(self, index: int) -> None:
        """Bring the source to the level of this cycle."""
        source = self._chassis.setup.source
        if source.function == "m" or (self.sweeping and not self._levels):
            self._recall(index)
            return
        level = source.active()
        if self.sweeping:
            self._apply(self._levels[index % len(self._levels)])
        elif level.triggered is not None:
            level.level, level.triggered = level.triggered, None
            self.output.apply(*self.output.in_use())
        else:
            self.output.apply(*self.output.in_use())

    def _apply(self, value: float) -> None:
        source, output = self._chassis.setup.source, self.output
        quantity: Quantity = "i" if source.function == "i" else "v"
        range_ = self._range if self._range is not None else output.holding(quantity, value)
        most = output.maximum(quantity, range_)
        source.active().range = range_
        output.apply(quantity, max(-most, min(most, value)), range_)

    def _recall(self, index: int) -> None:
        """Bring back the next location of the source memory and source its level."""
        source = self._chassis.setup.source
        points, start, before = source.memory_points, source.memory_start, self.output.level
        if index % points == 0:
            self._location = start
        elif index:
            chosen = self._calculator.next_location()
            self._location = chosen or self._location % 100 + 1
        self._chassis.recall(self._location)
        recalled = self._chassis.setup.source
        quantity: Quantity = "i" if recalled.function == "i" else "v"
        level = recalled.i if quantity == "i" else recalled.v
        value = before * level.scale if level.scaled else level.level
        most = self.output.largest(quantity)
        value = max(-most, min(most, value))
        range_ = self.output.holding(quantity, value) if level.auto else level.range
        self.output.apply(quantity, value, range_)
        self._word, self._calculating = status_word(self._chassis), not self._calculator.idle

    def _too_much(self, when: str) -> bool:
        """Whether the sweep ends here because of compliance."""
        source = self._chassis.setup.source
        if self.sweeping and source.cabort == when and self.output.real_limited():
            self.aborted = True
            self.end()
        return self.aborted

    def _measure(self, changed: bool) -> Steps:
        setup, timing = self._chassis.setup, self._chassis.model.timing
        overhead = 0.0
        if changed:
            wanted = len(WANTED[setup.sense.functions])
            overhead = timing.overhead(self.output.function, setup.panel.autozero, wanted)
            if setup.source.function == "m" or (self.sweeping and not self._levels):
                overhead += timing.memory
        taken = yield from self._meter.measure(overhead)
        self.keep(taken)
        if self._too_much("LATE"):
            return
        if setup.source.clear_auto and setup.source.clear_mode == "ALW":
            self.output.off()

    # -- pulses ------------------------------------------------------------------------------

    def _pulse(self, index: int) -> Steps:
        """Give one pulse and measure at its end, then stay off for as long as it takes."""
        chassis, output, meter = self._chassis, self.output, self._meter
        limits, setup = chassis.model.pulse, chassis.setup
        assert limits is not None
        output.switch_on()
        self._set(index)
        wanted = WANTED[setup.sense.functions]
        high = meter.range_in_use("i") > 3.0 or (output.function == "i" and output.range > 3.0)
        signal = len(wanted) * meter.aperture
        longest = limits.longest_high if high else limits.longest
        width = min(max(setup.source.width, signal + limits.overhead if wanted else 0.0), longest)
        start = chassis.clock.now_s
        yield max(0.0, width - signal)
        phases: dict[str, Phase] = {}
        for quantity in wanted:
            phases[quantity] = yield from meter.convert(quantity)
        taken = meter.reading(start, phases, setup.sense.functions, None)
        level = output.level
        output.rest()
        off = _off_time(chassis, bool(wanted), width if high else 0.0)
        yield off + setup.source.pulse_delay
        self.keep(_programmed(taken, output.function, level, setup.sense.functions))

    # -- readings ----------------------------------------------------------------------------

    def keep(self, taken: Taken) -> None:
        """Make a reading of what was measured, and let everything see it."""
        output, status, calculator = self.output, self._status, self._calculator
        word = self._word | (V_SOUR if output.function == "v" else I_SOUR)
        if taken.overflow or taken.real or taken.ranged:
            word |= (OFLO if taken.overflow else 0) | (COMPLIANCE if taken.real else 0)
            word |= RANGE_COMPLIANCE if taken.ranged else 0
        protecting = output.protecting(taken.real)
        word |= OVP if protecting else 0
        reading = Reading(taken.v, taken.i, taken.r, self.stamp(taken.start), word)
        first = second = None
        if self._calculating:
            reading, first, second = calculator.take(reading, taken.real or taken.ranged)
            verdict = calculator.verdict
            status.limits(verdict.event if verdict is not None else 0)
        calculator.last = reading
        self.sample.append(reading)
        status.pulse(_RAV)
        status.set("ROF", taken.overflow)
        status.set("COMP", taken.real or taken.ranged)
        status.set("OVP", protecting)
        if self._buffer.active:
            self._buffer.store(reading, first, second)


def status_word(chassis: Chassis) -> int:
    """Return the bits of the status word that the settings decide."""
    setup = chassis.setup
    sense, functions = setup.sense, setup.sense.functions
    word = FILTER if sense.average else 0
    word |= FRONT if setup.panel.terminals == "FRON" else 0
    word |= MATH if setup.calculation.enabled else 0
    word |= NULL if setup.limits.null else 0
    word |= LIMITS if any(t.enabled for t in setup.limits.tests.values()) else 0
    word |= AUTO_OHMS if chassis.auto_ohms else 0
    word |= (V_MEAS if "v" in functions else 0) | (I_MEAS if "i" in functions else 0)
    word |= (R_MEAS | (OFFSET if sense.compensated else 0)) if "r" in functions else 0
    word |= REMOTE if setup.panel.remote_sense else 0
    return word | (PULSE if chassis.pulsed else 0)


def _programmed(taken: Taken, quantity: Quantity, level: float, measured: frozenset[str]) -> Taken:
    """Tell the level of the pulse for what was not measured."""
    if quantity in measured:
        return taken
    return taken._replace(v=level) if quantity == "v" else taken._replace(i=level)


def _off_time(chassis: Chassis, measured: bool, width: float) -> float:
    """Return the shortest time between two pulses, s; a `width` above 0 asks for the duty cycle."""
    limits, panel = chassis.model.pulse, chassis.setup.panel
    assert limits is not None
    off = limits.off_autozero if panel.autozero and measured else limits.off_fast
    if not panel.enabled:
        off -= limits.display
    return max(off, width / limits.duty - width)
