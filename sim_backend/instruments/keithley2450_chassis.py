"""What a 2450-family SourceMeter can source, and what its settings ask for at the terminals.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 2-124 to 2-131, 4-4, 6-93 to 6-98.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim_backend.clock import Clock
from sim_backend.instruments.keithley26_electronics import Quantity
from sim_backend.instruments.keithley2450_events import EventLog
from sim_backend.instruments.keithley2450_settings import Setup, Sourced, defaults
from sim_backend.instruments.keithley2450_specification import OVERRANGE, Model
from sim_backend.instruments.keithley2600_source import other
from sim_backend.instruments.specification import MeasureRange, SourceRange, choose_range
from sim_backend.wire.parameters import ScpiError

__all__ = ["Chassis", "Programmed", "Reach"]

OUT_OF_RANGE = -222
ROUNDING = 1 + 1e-9
_OHMS_LIMIT = 21.0  # V: how far the source may go while it measures a resistance [C]
_SHOWN = 1.01  # a fixed measure range holds the current just where the meter overflows


@dataclass(slots=True)
class Chassis:
    """What the parts of one instrument share."""

    model: Model
    clock: Clock
    setup: Setup
    log: EventLog
    line_frequency: float
    interlock: bool = True  #: the safety interlock is closed
    too_hot: bool = False

    @classmethod
    def of(cls, model: Model, clock: Clock, log: EventLog, line_frequency: float) -> Chassis:
        """Return what a model has after a reset."""
        return cls(model, clock, defaults(model), log, line_frequency)

    @property
    def resistance(self) -> bool:
        """Whether the unit chooses its source by itself, to measure a resistance."""
        return self.setup.sense == "r"


@dataclass(frozen=True, slots=True)
class Programmed:
    """What is at the terminals while the output is on."""

    quantity: Quantity
    level: float
    range: float
    limit: float
    limit_range: float


class Reach:
    """Ranges and limits of the source, by the settings of the present setup.

    Parameters
    ----------
    chassis
        What the instrument's parts share.
    """

    def __init__(self, chassis: Chassis) -> None:
        self._chassis = chassis
        self.pulsing = False

    def settings(self, quantity: Quantity) -> Sourced:
        """Return the settings of a source function."""
        return self._chassis.setup.sourced(quantity)

    def ranges(self, quantity: Quantity) -> tuple[SourceRange, ...]:
        """Return the source ranges of a quantity."""
        spec = self._chassis.model.spec
        return spec.v_source if quantity == "v" else spec.i_source

    def measure_ranges(self, quantity: Quantity) -> tuple[MeasureRange, ...]:
        """Return the measure ranges of a quantity."""
        spec = self._chassis.model.spec
        return spec.v_measure if quantity == "v" else spec.i_measure

    def largest(self, quantity: Quantity, *, pulse: bool = False) -> float:
        """Return the largest level, V or A; 7.35 A in DC on the 10 A range of the 2461."""
        spec = self._chassis.model.spec
        corners = spec.pulse_area if pulse and spec.pulse_area else spec.dc_area
        return max(v if quantity == "v" else i for v, i in corners)

    def holding(self, quantity: Quantity, level: float) -> float:
        """Return the full scale of the smallest source range that holds a level.

        Raises
        ------
        ScpiError
            None does.
        """
        chosen = choose_range(self.ranges(quantity), level, pulse=True)
        if chosen is None:
            raise ScpiError(OUT_OF_RANGE)
        return chosen

    def maximum(self, quantity: Quantity, full_scale: float) -> float:
        """Return the largest level of a range."""
        for candidate in self.ranges(quantity):
            if full_scale <= candidate.full_scale * ROUNDING:
                return candidate.maximum
        return self.ranges(quantity)[-1].maximum

    def largest_limit(self, quantity: Quantity, level: float, *, pulse: bool = False) -> float:
        """Return the largest limit that goes with a level or a range of the source, A or V."""
        spec = self._chassis.model.spec
        corners = (*spec.dc_area, *(spec.pulse_area if pulse else ()))
        fitting = [
            i if quantity == "v" else v
            for v, i in corners
            if abs(level) <= (v if quantity == "v" else i) * ROUNDING
        ]
        return max(fitting, default=0.0)

    # -- what the settings ask for -----------------------------------------------------------

    def asked(self) -> Programmed:
        """Return what the settings ask for at the terminals."""
        setup, model = self._chassis.setup, self._chassis.model
        if self._chassis.resistance:
            current = model.ohms[setup.active.range]
            return Programmed("i", current, self.holding("i", current), _OHMS_LIMIT, _OHMS_LIMIT)
        quantity, settings = setup.source, setup.sourced(setup.source)
        level = settings.pulse_level if self.pulsing else settings.level
        limit = settings.pulse_limit if self.pulsing else settings.limit
        range_ = settings.range
        if settings.auto and self.pulsing:
            range_ = max(range_, self.holding(quantity, level))
        return self._bounded(quantity, level, range_, limit)

    def _bounded(self, quantity: Quantity, level: float, range_: float, limit: float) -> Programmed:
        """Hold a level and its limit within protection and measure range."""
        setup, limited = self._chassis.setup, other(quantity)
        most = self.maximum(quantity, range_)
        level = max(-most, min(most, level))
        if quantity == "v":
            level = max(-setup.protection, min(setup.protection, level))
        else:
            limit = min(limit, setup.protection)
        sensed = setup.sensed[limited]
        limit_range = choose_range(self.measure_ranges(limited), limit)
        full_scale = self.measure_ranges(limited)[-1].full_scale
        full_scale = limit_range if limit_range is not None else full_scale
        if not sensed.auto and sensed.range < full_scale:
            full_scale = sensed.range
            limit = min(limit, sensed.range * OVERRANGE * _SHOWN)
        return Programmed(quantity, level, range_, limit, full_scale)

    @property
    def delay(self) -> float:
        """Time that passes between setting the source and measuring, s."""
        setup = self._chassis.setup
        settings = setup.sourced(setup.source)
        return self.auto_delay if settings.delay_auto else settings.delay

    @property
    def auto_delay(self) -> float:
        """The delay that the unit chooses by the current range, s."""
        setup = self._chassis.setup
        settings = setup.sourced(setup.source)
        range_ = settings.range if setup.source == "i" else setup.sensed["i"].range
        column = (1 if setup.source == "v" else 3) + settings.high_capacitance
        table = self._chassis.model.auto_delay
        for row in table:
            if range_ <= row[0] * ROUNDING:
                return row[column]
        return table[-1][column]
