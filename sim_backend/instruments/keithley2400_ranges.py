"""Measurement ranges and compliance of a Series 2400.

Source: 2400 Series SourceMeter User's Manual, sections 3 and 6, pages 18-62 to 18-69.
"""

from __future__ import annotations

from sim_backend.instruments.keithley26_electronics import Quantity
from sim_backend.instruments.keithley2400_setup import Sensed
from sim_backend.instruments.keithley2400_source import Chassis, Output
from sim_backend.instruments.keithley2400_specification import OVERRANGE
from sim_backend.instruments.specification import MeasureRange, choose_range
from sim_backend.wire.parameters import ScpiError

__all__ = ["Ranges"]

OUT_OF_RANGE, TOO_SMALL, READ_BACK, BEYOND_COMPLIANCE = -222, 822, 823, 824
_SMALLEST_SHARE = 1e-3  # of the measurement range, for a compliance


class Ranges:
    """What is measured on which range, and what that allows.

    Parameters
    ----------
    chassis
        What the instrument's parts share.
    """

    output: Output  #: set once, by whoever makes both

    def __init__(self, chassis: Chassis) -> None:
        self._chassis = chassis

    def ranges(self, quantity: Quantity) -> tuple[MeasureRange, ...]:
        """Return the measurement ranges of a quantity that exist in this mode."""
        spec = self._chassis.model.spec
        every = spec.v_measure if quantity == "v" else spec.i_measure
        return every if self._chassis.pulsed else tuple(r for r in every if not r.pulse_only)

    def sensed(self, quantity: str) -> Sensed:
        """Return the settings of a measurement function."""
        sense = self._chassis.setup.sense
        return {"v": sense.v, "i": sense.i, "r": sense.r}[quantity]

    def holding(self, quantity: Quantity, value: float) -> float:
        """Return the full scale of the smallest range that holds a value.

        Raises
        ------
        ScpiError
            None does.
        """
        chosen = choose_range(self.ranges(quantity), value, pulse=True)
        if chosen is None:
            raise ScpiError(OUT_OF_RANGE)
        return chosen

    def compliance_range(self, quantity: Quantity) -> float:
        """Return the range that the programmed compliance is on."""
        return self.holding(quantity, self.sensed(quantity).protection)

    def range_in_use(self, quantity: Quantity) -> float:
        """Return the range a quantity is measured on: the source's, for what is sourced."""
        if quantity == self.output.function and self.output.on:
            return self.output.range
        if self._chassis.auto_ohms and quantity == "v":
            scale = self.sensed("r").range
            return self.holding("v", scale * self._chassis.model.ohms[scale])
        return self.sensed(quantity).range

    def bound(self, quantity: Quantity) -> tuple[float, float]:
        """Return the limit in force for a quantity that is not sourced, and its range."""
        if self._chassis.auto_ohms:
            range_ = self.range_in_use(quantity)
            return range_ * OVERRANGE, range_
        settings = self.sensed(quantity)
        range_ = settings.range
        return min(settings.protection, self.output.maximum(quantity, range_)), range_

    def check_range(self, quantity: Quantity) -> None:
        """Refuse to range what is measured on the source range."""
        self._chassis.forbid_auto_ohms()
        sourced = "i" if self._chassis.setup.source.function == "i" else "v"
        if quantity == sourced and quantity in self._chassis.setup.sense.functions:
            raise ScpiError(READ_BACK)

    def set_range(self, quantity: Quantity, value: float) -> None:
        """Fix the range to the smallest that holds a value.

        Raises
        ------
        ScpiError
            There is none, or it is above the compliance range.
        """
        self.check_range(quantity)
        chosen = self.holding(quantity, value)
        if chosen > self.compliance_range(quantity):
            raise ScpiError(BEYOND_COMPLIANCE)
        settings = self.sensed(quantity)
        settings.range, settings.auto = chosen, False
        self.output.program()

    def set_protection(self, quantity: Quantity, value: float) -> None:
        """Program a compliance, V or A.

        Raises
        ------
        ScpiError
            It is too small for the range or too large for the output power.
        """
        self._chassis.forbid_auto_ohms()
        settings, limit = self.sensed(quantity), abs(value)
        least = self.ranges(quantity)[0].full_scale if settings.auto else settings.range
        if limit < least * _SMALLEST_SHARE * (1 - 1e-9):
            raise ScpiError(TOO_SMALL)
        sourced = "i" if self._chassis.setup.source.function == "i" else "v"
        if sourced != quantity:
            level = self._chassis.setup.source.active()
            self.output.check_power("v" if sourced == "v" else "i", level.range, limit)
        settings.protection = limit
        self.follow_compliance(quantity)
        self.output.program()

    def follow_compliance(self, quantity: Quantity) -> None:
        """Keep an autoranging or synchronized range within the compliance range."""
        settings, most = self.sensed(quantity), self.compliance_range(quantity)
        if not settings.auto and self._chassis.setup.sense.synchronized:
            settings.range = most
        elif settings.auto:
            settings.range = min(settings.range, most)
