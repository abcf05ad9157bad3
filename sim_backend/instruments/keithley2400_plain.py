"""Plain readings of a Series 2400: one after the other from a source that stays as it is.

``READ?`` again and again, with nothing between, of a resistor that a settled voltage source drives:
every run is the same but for the numbers that chance adds. The first one goes the ordinary way,
through trigger model and device model; those after it only do what the ordinary way would do anew:
time passes, the numbers are drawn, a reading is made, stamped and told. The device stays behind,
and is brought up to the clock by whoever looks at it next. What the first run did to the status
registers (bits that say a reading is there, that operation was left and idle is back) another one
does not change.

Anything else that is executed, and whatever moves the source, ends it. A reading that asks for
another range or overflows is finished in the ordinary way.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from sim_backend.analogue import SourceMeter
from sim_backend.devices.resistor import Resistor
from sim_backend.drive import NEVER
from sim_backend.instruments.keithley2400_calculate import Calculator
from sim_backend.instruments.keithley2400_cycle import COMPLIANCE, OFLO, RANGE_COMPLIANCE, Cycle
from sim_backend.instruments.keithley2400_expression import NOT_A_NUMBER
from sim_backend.instruments.keithley2400_meter import HYSTERESIS, WANTED, Meter, Phase
from sim_backend.instruments.keithley2400_readings import Buffer, Reading, writer
from sim_backend.instruments.keithley2400_source import Chassis
from sim_backend.plans import MeterPlan, memory
from sim_backend.wire.scpi import Answer

__all__ = ["PlainReadings"]

_UNUSUAL = OFLO | COMPLIANCE | RANGE_COMPLIANCE


class PlainReadings:
    """The short way to a reading, where it is open.

    Parameters
    ----------
    chassis, cycle, meter, calculator, buffer
        The instrument's parts.
    executed
        Returns how many commands and queries were executed so far.
    pass_time
        Lets the time of a query pass, s.
    """

    def __init__(
        self,
        chassis: Chassis,
        cycle: Cycle,
        meter: Meter,
        calculator: Calculator,
        buffer: Buffer,
        executed: Callable[[], int],
        pass_time: Callable[[float], None],
    ) -> None:
        self._chassis, self._cycle, self._meter = chassis, cycle, meter
        self._calculator, self._buffer = calculator, buffer
        self._executed, self._pass_time = executed, pass_time
        self._way: _Way | None = None
        self._expected = 0

    def prepare(self) -> None:
        """Look whether the run that has just ended may be followed by others in the short way."""
        seen = not self._calculator.idle or self._buffer.active
        self._way = None if seen else _way(self._chassis, self._cycle, self._meter)
        self._expected = self._executed() + 1

    def read(self) -> Answer | None:
        """Return what a run tells, or None where the ordinary way is to be taken."""
        way = self._way
        if way is None:
            return None
        executed = self._executed()
        if executed != self._expected or not way.open():
            self._way = None
            return None
        self._expected = executed + 1
        reading = way.take()
        if reading is None:
            return None
        cycle = self._cycle
        if isinstance(reading, Reading):
            self._calculator.last = reading
            cycle.sample = [reading]
        else:
            self._way = None
            for duration in self._finish(*reading):
                self._pass_time(duration)
        return way.write(cycle.sample[-1])

    def _finish(self, start: float, phases: dict[str, Phase]) -> Generator[float, None, None]:
        """Make a reading of what is out of the ordinary, on another range if need be."""
        meter, functions = self._meter, self._chassis.setup.sense.functions
        self._cycle.sample = []
        if meter.change_range(phases):
            yield meter.source_delay
            taken = yield from meter.measure(0.0)
        else:
            taken = meter.reading(start, phases, functions, None)
        self._cycle.keep(taken)


class _Way:
    """What a run comes down to while nothing is changed.

    Parameters
    ----------
    chassis, cycle, meter
        The instrument's parts.
    electronics
        With a settled voltage source over one resistor.
    """

    def __init__(
        self, chassis: Chassis, cycle: Cycle, meter: Meter, electronics: SourceMeter
    ) -> None:
        setup, timing = chassis.setup, chassis.model.timing
        self._clock, self._cycle, self.write = chassis.clock, cycle, writer(setup.format)
        self._functions = functions = setup.sense.functions
        self._wanted = WANTED[functions]
        self._plan = plan = _plan(chassis, meter, electronics)
        self._v_most, self._i_most, self._i_least = plan.v_most, plan.i_most, _least(meter)
        aperture, autozero = meter.aperture, setup.panel.autozero
        latency = timing.latency_autozero if autozero else timing.latency_static
        self._before = setup.trigger.delay + latency
        after = timing.conversion + (2 * aperture if autozero else 0.0)
        self._rest = aperture * len(self._wanted) + after
        self._stamped, self._word = setup.panel.time_auto, cycle.sample[-1].status
        self._told, self._r = meter.output.level, "r" in functions
        self._drive, self._fixture = electronics.drive, electronics.fixture
        self._path, self._state = electronics.drive.path, electronics.fixture.state
        self._v = self._drive.path[-1][1]
        self._i = float(self._state.parameters[0, 0]) * self._v
        self._normal, self._ideal = electronics.normal, electronics.ideal
        noisy = electronics.device_noise
        self._noise = electronics.rms_device(self._v, self._i, aperture) if noisy else None

    def open(self) -> bool:
        """Whether the source and what it drives are still the same."""
        drive = self._drive
        same = drive.path is self._path and self._fixture.state is self._state
        return same and not drive.clamped and drive.acts_at == NEVER

    def take(self) -> Reading | tuple[float, dict[str, Phase]] | None:
        """Let a run pass; an unusual one gives its start and its phases, None is before any."""
        clock = self._clock
        begun = clock.now_s
        start = begun + self._before
        end = start + self._rest
        if clock.pace or (clock.due and not clock.free_until(end)):
            return None
        v = i = 0.0
        for quantity in self._wanted:
            if quantity == "v":
                v = self._shown()[0]
            else:
                i = self._shown()[1]
        clock.now_s = end
        if self._stamped:
            self._cycle.zero = begun
        if not (-self._v_most <= v <= self._v_most and self._i_least < abs(i) <= self._i_most):
            found: dict[str, Phase] = {}
            for quantity in self._wanted:
                value, most = (v, self._v_most) if quantity == "v" else (i, self._i_most)
                found[quantity] = Phase(value, False, abs(value) > most)
            return start, found
        functions = self._functions
        return Reading(
            v if "v" in functions else self._told,
            i if "i" in functions else NOT_A_NUMBER,
            v / i if self._r else NOT_A_NUMBER,
            self._cycle.stamp(start),
            self._word,
        )

    def _shown(self) -> tuple[float, float]:
        """Return what the meter makes of an aperture (`SourceMeter.finish`), V and A."""
        v, i, normal, plan = self._v, self._i, self._normal, self._plan
        if self._noise is not None:
            i += normal() * self._noise
        if self._ideal:
            return v, i
        return (
            v + v * plan.v_gain + plan.v_offset + normal() * plan.v_noise,
            i + i * plan.i_gain + plan.i_offset + normal() * plan.i_noise,
        )


def _plan(chassis: Chassis, meter: Meter, electronics: SourceMeter) -> MeterPlan:
    """Return what becomes of a mean over an aperture."""
    nplc = chassis.setup.sense.nplc
    return electronics.meter_plan(meter.range_in_use("v"), meter.range_in_use("i"), nplc)


def _least(meter: Meter) -> float:
    """Return the current down to which nothing has to be decided, A."""
    functions, settings = meter.wanted, meter.sensed("i")
    least = 0.0 if "r" in functions else -1.0
    lowest = min(settings.lowest, meter.compliance_range("i"))
    if "i" not in WANTED[functions] or not settings.auto or lowest >= settings.range:
        return least
    below = [r.maximum for r in meter.ranges("i") if r.full_scale < settings.range]
    return max([least, *(most / HYSTERESIS * (1 + 1e-6) for most in below)])


def _way(chassis: Chassis, cycle: Cycle, meter: Meter) -> _Way | None:
    """Return the short way after a run, or None where only the ordinary one goes."""
    electronics = meter.output.electronics
    if not isinstance(electronics, SourceMeter) or not _plain(chassis, cycle, meter):
        return None
    fixture, drive = electronics.fixture, electronics.drive
    if (
        len(fixture.drives) != 1
        or type(fixture.model) is not Resistor
        or fixture.state.devices != 1
    ):
        return None
    fixture.sync()
    driven = drive.kind == "v" and not (drive.clamped or drive.resistance) and electronics.on
    if not driven or drive.acts_at != NEVER:
        return None
    now, (settled, level), last = chassis.clock.now_s, drive.path[-1], electronics.last_level
    follows = memory(_plan(chassis, meter, electronics), last.settling, now - last.since, 0.0)
    within = abs(level) * float(fixture.state.parameters[0, 0]) <= drive.bound
    if now < settled or follows or not within:
        return None
    return _Way(chassis, cycle, meter, electronics)


def _plain(chassis: Chassis, cycle: Cycle, meter: Meter) -> bool:
    """Whether a run is one measurement of a source that stays as it is."""
    setup = chassis.setup
    source, sense, arm, trigger = setup.source, setup.sense, setup.arm, setup.trigger
    moves = cycle.sweeping or chassis.pulsed or source.clear_auto or meter.output.moved
    once = arm.source == "IMM" and arm.count == 1 and trigger.count == 1
    alone = trigger.source == "IMM" and not (arm.output or trigger.output)
    simple = not (sense.average or sense.compensated or chassis.auto_ohms) and bool(sense.functions)
    last = len(cycle.sample) == 1 and not int(cycle.sample[-1].status) & _UNUSUAL
    fixed = source.function == "v" and source.active().triggered is None and meter.output.on
    return not moves and once and alone and simple and last and fixed
