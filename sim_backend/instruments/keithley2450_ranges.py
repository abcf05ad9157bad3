"""Measure ranges of a 2450-family SourceMeter, fixed and chosen by the unit.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 6-62 to 6-66; the test currents of the
resistance ranges from the specifications.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from sim_backend.instruments.keithley26_electronics import Quantity
from sim_backend.instruments.keithley2450_chassis import Chassis
from sim_backend.instruments.keithley2450_processing import OVERFLOW
from sim_backend.instruments.keithley2450_settings import BASE, DIGITIZED, Sensed
from sim_backend.instruments.keithley2450_source import Source
from sim_backend.instruments.specification import choose_range
from sim_backend.wire.parameters import ScpiError

__all__ = ["Ranging", "Raw", "value_of"]

OUT_OF_RANGE = -222
OVERRANGE = 1.05
_DOWN = 0.1  # of the range: a smaller reading moves to a lower range [R page 6-62]


class Raw(NamedTuple):
    """Both quantities over one aperture."""

    v: float
    i: float
    limited: bool
    v_over: bool
    i_over: bool

    def of(self, quantity: str) -> float:
        """Return one quantity, 9.9e37 when its range was too small."""
        over = self.v_over if quantity == "v" else self.i_over
        return OVERFLOW if over else self.v if quantity == "v" else self.i


class Ranging:
    """What is measured on which range.

    Parameters
    ----------
    chassis, source
        The instrument's parts.
    """

    def __init__(self, chassis: Chassis, source: Source) -> None:
        self._chassis, self._source = chassis, source
        self._stacks: dict[str, deque[float]] = {}  #: of the moving filter

    def range_in_use(self, quantity: Quantity) -> float:
        """Return the range a quantity is measured on: the source's, for what is sourced."""
        setup, source = self._chassis.setup, self._source
        present = source.present
        if present is not None and present.quantity == quantity:
            return present.range
        if self._chassis.resistance:
            scale = setup.active.range
            value = scale * self._chassis.model.ohms[scale] if quantity == "v" else 0.0
            ranges = source.measure_ranges(quantity)
            return choose_range(ranges, value) or ranges[-1].full_scale
        digitized = setup.sense in DIGITIZED and BASE[setup.sense] == quantity
        return setup.sensed[setup.sense if digitized else quantity].range

    def scales(self, function: str) -> list[float]:
        """Return the ranges of a function, smallest first."""
        if function == "r":
            return list(self._chassis.model.ohms)
        quantity: Quantity = "v" if BASE[function] == "v" else "i"
        return [r.full_scale for r in self._source.measure_ranges(quantity)]

    def holding(self, function: str, value: float) -> float:
        """Return the smallest range of a function that holds a value.

        Raises
        ------
        ScpiError
            None does.
        """
        for scale in self.scales(function):
            if abs(value) <= scale * OVERRANGE * (1 + 1e-9):
                return scale
        raise ScpiError(OUT_OF_RANGE)

    def set_range(self, function: str, value: float) -> None:
        """Fix the range of a function to the smallest that holds a value."""
        settings = self._chassis.setup.sensed[function]
        settings.range, settings.auto = self.holding(function, value), False
        self.forget()
        self._source.program()

    def set_auto(self, function: str, on: bool) -> None:
        """Let the unit choose the range, or keep the present one."""
        self._chassis.setup.sensed[function].auto = on
        self.forget()
        self._source.program()

    def forget(self) -> None:
        """Empty the moving filter."""
        self._stacks.clear()

    # -- ranging -----------------------------------------------------------------------------

    def _change_range(self, function: str, settings: Sensed, raw: Raw) -> bool:
        """Move to the range that fits, when autoranging; says whether to measure again."""
        present = self._source.present
        if not settings.auto or present is None:
            return False
        if function == "r":
            chosen = self._fitting_ohms(settings, raw)
        elif present.quantity == function:
            return False
        else:
            quantity: Quantity = "v" if function == "v" else "i"
            chosen = self._fitting(settings, quantity, raw, present.limit_range)
        if chosen == settings.range:
            return False
        settings.range = chosen
        self.forget()
        self._source.program()
        return True

    def _rebound(self, function: str, settings: Sensed) -> None:
        """Go back to the range that the limit is on, where the unit is told to."""
        present = self._source.present
        if not settings.rebound or not settings.auto or present is None:
            return
        if function in ("v", "i") and present.quantity != function:
            settings.range = self.holding(function, present.limit_range)
            self._source.program()

    def _fitting(self, settings: Sensed, quantity: Quantity, raw: Raw, limit_range: float) -> float:
        """Return the range for a quantity; not above the one that the limit is on."""
        over = raw.v_over if quantity == "v" else raw.i_over
        value = abs(raw.v if quantity == "v" else raw.i)
        scales = [r.full_scale for r in self._source.measure_ranges(quantity)]
        usable = [s for s in scales if s <= limit_range * (1 + 1e-9)] or scales[:1]
        allowed = [s for s in usable if s >= settings.lowest] or usable[-1:]
        if over or settings.range > allowed[-1]:
            higher = [s for s in allowed if s > settings.range and s * OVERRANGE >= value]
            return higher[0] if higher else allowed[-1]
        if settings.range < allowed[0]:
            return allowed[0]
        if value >= _DOWN * settings.range:
            return settings.range
        return next((s for s in allowed if value <= s), settings.range)

    def _fitting_ohms(self, settings: Sensed, raw: Raw) -> float:
        scales = [
            s for s in self._chassis.model.ohms if settings.lowest <= s <= settings.highest
        ] or [settings.range]
        value = abs(value_of("r", raw, settings))
        if raw.limited or raw.v_over or value > settings.range * OVERRANGE:
            return next((s for s in scales if s > settings.range), scales[-1])
        return next((s for s in scales if value <= s), scales[-1])


def value_of(function: str, raw: Raw, settings: Sensed) -> float:
    """Return what a function makes of both quantities, before processing."""
    if function != "r" and settings.unit in ("VOLT", "AMP"):
        return raw.of(BASE[function])
    if raw.v_over or raw.i_over:
        return OVERFLOW
    if settings.unit == "WATT":
        return raw.v * raw.i
    value = raw.v / raw.i if raw.i else OVERFLOW
    return value if abs(value) < OVERFLOW else OVERFLOW
