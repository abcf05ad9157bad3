"""What happens when a setting of a 33500 series output is changed: bounds, clipping, couplings.

The instrument clips a value that is out of range and reports -222; where a change forces another
setting to change it does so and reports -221 (Operating and Service Guide, 33500-90901, SCPI error
messages). Numbers above zero are to be checked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sim_backend.instruments.agilent33500_blocks import Blocks
from sim_backend.instruments.agilent33500_output import Output
from sim_backend.instruments.agilent33500_settings import BUILT_IN, Model, Settings, rms
from sim_backend.wire.parameters import Bound, ScpiError

__all__ = ["NO_SUCH_ARB", "TEXTS", "Changes", "add_arb", "clear_arbs", "select_arb"]

CONFLICT, RANGE = -221, -222
NO_SUCH_ARB, ARB_EXISTS, ARB_LENGTH = 785, 786, 781
TEXTS = {
    RANGE: "Data out of range",
    NO_SUCH_ARB: "Specified arb waveform does not exist",
    ARB_EXISTS: "Specified arb waveform already exists",
    ARB_LENGTH: "Not enough memory to store new arb waveform, or too few points",
}
_SLOWEST = 1e-6  # Hz
_SMALLEST = 1e-3  # V peak to peak
_FEWEST, _SHORT_PULSE, _LONG_EDGE = 8, 16e-9, 1e-6


class Changes:
    """Changes of one output's settings.

    Parameters
    ----------
    model
        Of the generator.
    output
        Whose settings they are.
    report
        Takes an error that does not prevent the change.
    blocks
        Points that are on their way.
    """

    def __init__(
        self, model: Model, output: Output, report: Callable[[int], None], blocks: Blocks
    ) -> None:
        self.model, self.output, self._report = model, output, report
        self.blocks = blocks

    @property
    def now(self) -> Settings:
        """The settings."""
        return self.output.settings

    def put(self, name: str, value: Any) -> None:
        """Change a setting that stands alone."""
        setattr(self.now, name, value)
        self.output.apply()

    def clip(self, given: float | Bound, low: float, high: float, default: float) -> float:
        """Return a value within its bounds; reports where it was not."""
        if isinstance(given, Bound):
            return {Bound.MINIMUM: low, Bound.MAXIMUM: high}.get(given, default)
        if not low <= given <= high:
            self._report(RANGE)
        return min(high, max(low, given))

    # -- time ---------------------------------------------------------------------------------

    @property
    def fastest(self) -> float:
        """Highest frequency of the function, Hz."""
        return (
            self.model.fastest_ramp
            if self.now.function in ("RAMP", "TRI")
            else (self.model.fastest)
        )

    def set_function(self, function: str) -> None:
        """Choose a function; a frequency that it cannot have is lowered."""
        s = self.now
        s.function = function
        if s.frequency > self.fastest:
            s.frequency = self.fastest
            self._report(CONFLICT)
        if function == "NOIS" and s.burst:
            s.burst = False
            self._report(CONFLICT)
        self._fit_offset(*self._bounds())  # a constant level may be higher
        self._fit_pulse()
        self.output.apply()

    def set_frequency(self, given: float | Bound) -> None:
        """Set the frequency; a pulse that is too long for it is shortened."""
        s = self.now
        if s.function == "ARB":
            rate = self.clip(given, _SLOWEST, self.model.sample_rate / len(s.points), 1e3)
            s.arb_rate = rate * len(s.points)
        else:
            s.frequency = self.clip(given, _SLOWEST, self.fastest, 1e3)
            self._fit_pulse()
        self.output.apply()

    def frequency(self) -> float:
        """Return the frequency, Hz."""
        return 1 / self.now.period if self.now.function == "ARB" else self.now.frequency

    def set_period(self, given: float | Bound) -> None:
        """Set the period of a pulse, s."""
        period = self.clip(given, 1 / self.fastest, 1 / _SLOWEST, 1e-3)
        self.set_frequency(1 / period)

    def set_width(self, given: float | Bound) -> None:
        """Set the width of a pulse, s."""
        s = self.now
        most = 1 / s.frequency - _SHORT_PULSE
        s.pulse_width = self.clip(given, _SHORT_PULSE, max(most, _SHORT_PULSE), 100e-6)
        self._fit_pulse()
        self.output.apply()

    def set_pulse_duty(self, given: float | Bound) -> None:
        """Set the width of a pulse as a share of its period, %."""
        share = self.clip(given, 0.01, 99.99, 10.0)
        self.now.pulse_width = max(_SHORT_PULSE, share / 100 / self.now.frequency)
        self._fit_pulse()
        self.output.apply()

    def pulse_duty(self) -> float:
        """Return the width of a pulse as a share of its period, %."""
        return 100 * self.now.pulse_width * self.now.frequency

    def set_edges(self, which: str, given: float | Bound) -> None:
        """Set one edge of a pulse or both, s."""
        time = self.clip(given, 8.4e-9, _LONG_EDGE, 10e-9)
        if which in ("leading", "both"):
            self.now.leading = time
        if which in ("trailing", "both"):
            self.now.trailing = time
        self._fit_pulse()
        self.output.apply()

    def _fit_pulse(self) -> None:
        """Shorten what does not fit into the period: first the edges, then the width."""
        s = self.now
        if s.function != "PULS":
            return
        period = 1 / s.frequency
        edge = max(s.leading, s.trailing)
        most = period - 0.625 * (s.leading + s.trailing)
        if s.pulse_width > most:
            s.pulse_width = max(_SHORT_PULSE, min(s.pulse_width, period - 1.25 * 8.4e-9))
            room = min(s.pulse_width, period - s.pulse_width) / 1.25
            s.leading = s.trailing = max(8.4e-9, min(edge, room))
            self._report(CONFLICT)

    # -- levels -------------------------------------------------------------------------------

    def _bounds(self) -> tuple[float, float]:
        """Return the lowest and the highest level that load and limits allow, V."""
        s = self.now
        most = s.largest
        if not s.limited:
            return -most, most
        low, high = max(-most, s.low_limit), min(most, s.high_limit)
        # another load may have brought them nearer to each other than any signal is
        high = min(most, max(high, low + _SMALLEST))
        return min(low, high - _SMALLEST), high

    def set_amplitude(self, given: float | Bound) -> None:
        """Set the amplitude in the unit that is chosen; an offset in the way gives way."""
        s = self.now
        low, high = self._bounds()
        most = high - low
        value = given if isinstance(given, Bound) else self._volts(given)
        s.amplitude = self.clip(value, _SMALLEST, most, 0.1)
        self._fit_offset(low, high)
        self.output.apply()

    def _fit_offset(self, low: float, high: float) -> None:
        s = self.now
        if s.amplitude > max(high - low, _SMALLEST):  # limits may have come nearer since
            s.amplitude = max(high - low, _SMALLEST)
            self._report(CONFLICT)
        half = s.amplitude / 2 if s.function != "DC" else 0.0
        offset = max(low + half, min(s.offset, high - half))
        if abs(offset - s.offset) > 1e-12:
            s.offset = offset
            self._report(CONFLICT)

    def set_offset(self, given: float | Bound) -> None:
        """Set the offset, V."""
        s = self.now
        half = s.amplitude / 2 if s.function != "DC" else 0.0
        low, high = self._bounds()
        s.offset = self.clip(given, low + half, high - half, 0.0)
        self.output.apply()

    def set_high(self, given: float | Bound) -> None:
        """Set the upper level, V; the lower one stays where it can."""
        low, high = self._bounds()
        level = self.clip(given, low + _SMALLEST, high, 0.05)
        self._set_levels(max(low, min(self.now.low, level - _SMALLEST)), level, self.now.low)

    def set_low(self, given: float | Bound) -> None:
        """Set the lower level, V; the upper one stays where it can."""
        low, high = self._bounds()
        level = self.clip(given, low, high - _SMALLEST, -0.05)
        self._set_levels(level, min(high, max(self.now.high, level + _SMALLEST)), self.now.high)

    def _set_levels(self, low: float, high: float, wanted: float) -> None:
        s = self.now
        s.amplitude, s.offset = high - low, (high + low) / 2
        if wanted not in (low, high) and abs(wanted - low) > 1e-9 and abs(wanted - high) > 1e-9:
            self._report(CONFLICT)
        self.output.apply()

    def set_unit(self, unit: str) -> None:
        """Choose the unit of amplitudes."""
        if unit == "DBM" and math.isinf(self.now.load):
            raise ScpiError(CONFLICT)
        self.now.unit = unit

    def amplitude(self) -> float:
        """Return the amplitude in the unit that is chosen."""
        s = self.now
        effective = s.amplitude * rms(s.function)
        if s.unit == "VPP":
            return s.amplitude
        if s.unit == "VRMS":
            return effective
        return 10 * math.log10(max(effective, 1e-12) ** 2 / s.load / 1e-3)

    def _volts(self, given: float) -> float:
        s = self.now
        if s.unit == "VPP":
            return given
        effective = given
        if s.unit == "DBM":
            effective = math.sqrt(10 ** (min(given, 300.0) / 10) * 1e-3 * s.load)
        return effective / rms(s.function)

    def set_load(self, given: float | Bound) -> None:
        """Say which load is there: the panel shows other numbers, the source does the same."""
        s = self.now
        before = s.largest
        if given is Bound.INFINITY:
            s.load = math.inf
        else:
            s.load = self.clip(given, 1.0, 10_000.0, 50.0)
        if math.isinf(s.load) and s.unit == "DBM":
            s.unit = "VPP"
            self._report(CONFLICT)
        share = s.largest / before
        s.amplitude, s.offset = s.amplitude * share, s.offset * share
        s.low_limit, s.high_limit = s.low_limit * share, s.high_limit * share
        self.output.apply()

    def set_limited(self, wanted: bool) -> None:
        """Switch the bounds of the levels on or off; [C] not on while a level is beyond them."""
        s = self.now
        inside = s.low_limit - 1e-9 <= s.low and s.high <= s.high_limit + 1e-9
        s.limited = wanted and inside
        if wanted and not inside:
            self._report(CONFLICT)
        self.output.apply()

    def set_limit(self, which: str, given: float | Bound) -> None:
        """Set a bound of the levels, V."""
        s, most = self.now, self.now.largest
        if which == "high":
            s.high_limit = self.clip(given, s.high, most, most)
        else:
            s.low_limit = self.clip(given, -most, s.low, -most)


def add_arb(changes: Changes, name: str, values: tuple[float, ...]) -> None:
    """Keep an arbitrary waveform.

    Raises
    ------
    ScpiError
        There is one of this name, or it has too few or too many points.
    """
    key = arb_name(name)
    if key in changes.now.arbs:
        raise ScpiError(ARB_EXISTS)
    if not _FEWEST <= len(values) <= changes.model.points:
        raise ScpiError(ARB_LENGTH)
    if not all(-1 <= value <= 1 for value in values):
        raise ScpiError(RANGE)
    changes.now.arbs[key] = values


def select_arb(changes: Changes, name: str) -> None:
    """Choose an arbitrary waveform; raises `ScpiError` when there is none of this name."""
    key = arb_name(name)
    if key.upper() == BUILT_IN or key.upper().endswith("EXP_RISE"):
        key = BUILT_IN
    elif key not in changes.now.arbs:
        raise ScpiError(NO_SUCH_ARB)
    changes.put("arb", key)


def clear_arbs(changes: Changes) -> None:
    """Forget the waveforms in volatile memory."""
    changes.now.arbs.clear()
    changes.put("arb", BUILT_IN)


def arb_name(text: str) -> str:
    """Return the name of a waveform without its quotes."""
    return text.strip().strip("\"'")
