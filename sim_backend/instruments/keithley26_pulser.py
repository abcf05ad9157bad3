"""The fast pulser of a 2601B-PULSE: pulses of current, measured by two digitisers, protected.

While it is enabled the channel sources current only: the bias (``smua.source.leveli``), and pulses
that the trigger model begins. A pulse ends after ``smua.trigger.source.pulsewidth`` or at an event
of ``smua.trigger.endpulse``, whichever comes first, whatever ``endpulse.action`` says, and the
bias returns. Limits (``smua.source.limitY``) do not act; what acts is the protection: a voltage
above ``protect.sensev`` or ``protect.sourcev``, a pulse that is too long or comes too soon. It ends
the pulse; the output is shorted until the sweep is through, then off.

Source: Model 2601B-PULSE Reference Manual, 2601B-PULSE-901-01 Rev. A, April 2020, pages 4-2 to 4-4,
7-4 and 11-212 to 11-222; the maker's examples (`sim_backend.instruments.keithley2601b_pulse`). To
be checked, for it was not found in print: the codes of every error but 5127, that the source
function and the output must be left alone while it is enabled, that a width of zero leaves the end
to the end-pulse event, and the defaults.

Not modelled: what the voltage does between two looks of the protection, which come every
`Pulser.response`; events that come too fast for it, which are the overruns of the trigger model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sim_backend.clock import Clock, Event
from sim_backend.instruments.keithley26_electronics import Electronics, Quantity
from sim_backend.instruments.keithley26_pulser_settings import PulserSettings
from sim_backend.instruments.keithley26_sweep_settings import ASYNC, DISABLE, ENABLE
from sim_backend.instruments.keithley2600_measure import Meter
from sim_backend.instruments.keithley2600_source import Source
from sim_backend.instruments.keithley2600_trigger import Events, Steps
from sim_backend.instruments.keithley2601b_pulse import Pulser
from sim_backend.wire.tsp import Refusal

if TYPE_CHECKING:
    from sim_backend.instruments.keithley2600_sweep import Sweep

__all__ = ["PROTECTED", "UNSAFE", "CurrentPulser", "fitted"]

#: errors that the protection puts into the queue: a voltage; a width or a duty cycle
PROTECTED, UNSAFE = 5127, 5007
_CONFLICT, _OUTPUT_ON, _OUTPUT_OFF, _BUSY, _BEYOND_RANGE = -221, 5008, 5061, 5042, 5005
_FASTEST = 20e-6  # a point at which nothing takes time takes this, s; not in print
_SLACK = 1e-9  # s: sums of times that are equal on paper


class Around(Protocol):
    """What a pulser needs of the instrument."""

    clock: Clock
    events: Events

    def report(self, code: int) -> None:
        """Append an error to the queue."""

    def note_protection(self, letter: str, tripped: bool) -> None:
        """Record whether the protection of a pulser is tripped."""


def fitted(
    can: Pulser | None,
    letter: str,
    source: Source,
    meter: Meter,
    sweep: Sweep,
    electronics: Electronics,
    around: Around,
) -> CurrentPulser | None:
    """Return the pulser of a channel that has one."""
    if can is None:
        return None
    return CurrentPulser(can, letter, source, meter, sweep, electronics, around)


class CurrentPulser(PulserSettings):
    """The pulser of one channel; while it is enabled the source sees it as its electronics.

    Parameters
    ----------
    can
        What it can do.
    letter, source, meter, sweep, electronics
        The channel and its parts.
    around
        The instrument.
    """

    def __init__(
        self,
        can: Pulser,
        letter: str,
        source: Source,
        meter: Meter,
        sweep: Sweep,
        electronics: Electronics,
        around: Around,
    ) -> None:
        super().__init__(can)
        self._source, self._meter, self._sweep = source, meter, sweep
        self._letter, self._around, self._clock = letter, around, around.clock
        self._electronics, self._function = electronics, source.function
        self._active = self._shorted = False
        self._level = self._begun = self._free_at = 0.0
        self._ending: Event | None = None
        self._looking: Event | None = None
        self.enable = 0
        self.tripped = False

    def reset(self) -> None:
        """Go back to the defaults, disabled, with the output off (smua.reset)."""
        if self.enable:
            self._source.set_output(0)
            self.set_enable(0)
        self.set_defaults()
        self._free_at = 0.0

    def set_enable(self, value: int) -> None:
        """Enable the pulser, or give the channel back to its source-meter.

        Raises
        ------
        Refusal
            The output is on, or a sweep is running.
        """
        source = self._source
        if value == self.enable:
            return
        if source.output:
            raise Refusal(_OUTPUT_ON)
        if self._sweep.running:
            raise Refusal(_BUSY)
        self.enable = value
        if value:
            self._function, source.function = source.function, "i"
            self._electronics.adopt(self.can.spec, "pulser ")
            source.electronics, self._meter.fast, self._sweep.pulser = self, self, self
        else:
            source.function = self._function
            self._electronics.adopt(source.spec, "")
            source.electronics, self._meter.fast, self._sweep.pulser = self._electronics, None, None
            self._trip(tripped=False)
        source.bias = self.bias if value else None
        source.apply()

    def set_bias(self, value: float) -> None:
        """Set the current between pulses (smua.source.leveli while it is enabled).

        Raises
        ------
        Refusal
            It is larger than its range.
        """
        if abs(value) > self.can.bias:
            raise Refusal(1101 if value > 0 else 1102)
        self.bias = self._source.bias = value
        self._source.apply()

    # -- what the source asks of its electronics ----------------------------------------------

    def set_source(
        self, function: Quantity, level: float, range_: float, limit: float, limit_range: float
    ) -> None:
        """Source a current: the bias, or a pulse on its range; limits do not act."""
        if self._shorted:
            return
        full = self.range["i"] if self._active else abs(level)
        most = self.can.headroom
        self._electronics.set_source("i", level, full, most, most)
        if self._source.output:
            self._look_soon()

    def set_output(self, on: bool, high_impedance: bool = False) -> None:
        """Close or open the output; what had tripped is forgotten."""
        self.end()
        self._shorted = False
        if on:
            self._trip(tripped=False)
            self._source.apply()
        self._electronics.set_output(on, high_impedance)

    # -- a sweep ------------------------------------------------------------------------------

    def check(self) -> None:
        """Check the configuration of the sweep before it starts.

        Raises
        ------
        Refusal
            It does not allow it.
        """
        sweep = self._sweep
        if sweep.source_action:
            if max(map(abs, sweep.levels)) > self.range["i"] * 1.01:
                raise Refusal(_BEYOND_RANGE)
            if sweep.function != "i" or not (self.width or self._stimulus("endpulse")):
                raise Refusal(_CONFLICT)
        if sweep.measure_action != DISABLE:
            self._check_measuring()

    def _check_measuring(self) -> None:
        sweep = self._sweep
        if not self._source.output:
            raise Refusal(_OUTPUT_OFF)
        if self.delay and (self._stimulus("measure") or sweep.measure_action == ASYNC):
            raise Refusal(_CONFLICT)
        lasts = self.delay + _shortest(self._meter)
        inside = sweep.source_action and sweep.measure_action == ENABLE and self.width
        if inside and lasts > self.width + _SLACK:
            raise Refusal(_CONFLICT)

    def _stimulus(self, detector: str) -> int:
        return self._sweep.detectors[detector].stimulus.event

    def point(self, at: int) -> Steps:
        """Source, measure and end one pulse; the sweep is in its trigger layer."""
        sweep, emit = self._sweep, self._around.events.emit
        event, detectors = sweep.event, sweep.detectors
        yield detectors["source"]
        begun = self._clock.now_s
        if sweep.source_action:
            self.begin(sweep.levels[at % len(sweep.levels)])
            yield self._source.settling_delay()
        emit(event["SOURCE_COMPLETE"])
        if sweep.measure_action != ASYNC:
            yield detectors["measure"]
            if sweep.measure_action == ENABLE:
                yield from self._meter.continue_measuring(sweep.targets)
            emit(event["MEASURE_COMPLETE"])
        if sweep.source_action and self.width:
            yield max(0.0, begun + self.width - self._clock.now_s)
        yield detectors["endpulse"]
        if sweep.source_action:
            self.end()
        emit(event["PULSE_COMPLETE"])
        sweep.progress += 1
        if self._clock.now_s == begun:
            yield _FASTEST

    def begin(self, level: float) -> None:
        """Begin a pulse, if the last one is long enough ago."""
        now, longest = self._clock.now_s, self.can.width[1]
        self.end()
        counts = level not in (0.0, self.bias)
        if counts and now < self._free_at - _SLACK:
            self.trip(UNSAFE)
        self._active, self._level, self._begun = True, level if counts else 0.0, now
        self._source.apply(level)
        if self.width and (self.width <= longest or not counts):
            self._ending = self._clock.after(self.width, self.end)
        elif counts:
            self._ending = self._clock.after(longest + _SLACK, self._too_long)

    def _too_long(self) -> None:
        self.trip(UNSAFE)
        self.end()

    def end(self) -> None:
        """End the pulse, if there is one: the bias returns."""
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        if not self._active:
            return
        self._active = False
        if self._level:
            lasted = self._clock.now_s - self._begun
            self._free_at = self._begun + lasted / self.can.duty
        self._source.apply()

    def rest(self) -> None:
        """Note that the sweep is over; after a trip the output goes off now."""
        self.end()
        if self._shorted:
            self._source.set_output(0)

    # -- protection ---------------------------------------------------------------------------

    def trip(self, why: int, *, at_once: bool = False) -> None:
        """End the pulse, short the output, and switch it off at the end of the sweep."""
        if self._shorted or not self._source.output:
            return
        self._trip(tripped=True)
        self._around.report(why)
        if at_once or not self._sweep.running:
            self._source.set_output(0)
            return
        self._shorted = True
        short, most = self.can.spec.v_source[0].full_scale, self.can.i_ranges[-1]
        self._electronics.set_source("v", 0.0, short, most, most)

    def _trip(self, *, tripped: bool) -> None:
        self.tripped = tripped
        self._around.note_protection(self._letter, tripped)

    def _look_soon(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        self._looking = self._clock.after(self.can.response, self._look)

    def _look(self) -> None:
        """Compare the voltages with what is allowed, again and again while a pulse lasts."""
        self._looking = None
        if self._shorted or not (self.enable and self._source.output):
            return
        sensed, forced = map(abs, self._electronics.voltages())
        if sensed > self.sense_v:
            self.trip(PROTECTED)
        elif forced > self.force_v:
            self.trip(PROTECTED, at_once=True)
        elif self._active:
            self._look_soon()


def _shortest(meter: Meter) -> float:
    """Return how long the readings of one measurement take at least, s."""
    repeat = meter.filter_enable and meter.filter_type != meter.MOVING_AVERAGE
    one = meter.aperture * (meter.filter_count if repeat else 1)
    return one + (meter.count - 1) * max(one, meter.interval)
