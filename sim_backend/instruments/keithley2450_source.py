"""The source of a 2450-family SourceMeter: levels, ranges, limits, protection, output-off states.

Every method that programs something checks it and, when the output is on, brings it to the
terminals at once. A refusal is a `ScpiError` with the number for the event log.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 2-97 to 2-135, 6-47 to 6-50, 6-89 to 6-106;
2450 Reference Manual, 2450-901-01 Rev. B, pages 2-111 and 6-71.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from sim_backend.instruments.keithley26_electronics import Electronics, Quantity
from sim_backend.instruments.keithley2450_chassis import ROUNDING, Chassis, Programmed, Reach
from sim_backend.instruments.keithley2450_events import (
    INTERLOCK,
    LIMIT_CHANGED,
    OVERHEATED,
    WARNING,
)
from sim_backend.instruments.keithley2600_source import other
from sim_backend.wire.parameters import ScpiError

__all__ = ["Source"]

CONFLICT, OUT_OF_RANGE = -221, -222
_OFF_SHARE = 0.1  # of full scale: limit while the output is off [R page 6-47]


class Source(Reach):
    """What is at the terminals.

    Parameters
    ----------
    chassis
        What the instrument's parts share.
    electronics
        Behind the front and the rear terminals: ``FRON``, ``REAR``.
    tripped
        Called when the source limit is found to act.
    """

    def __init__(
        self,
        chassis: Chassis,
        electronics: Mapping[str, Electronics],
        tripped: Callable[[], None],
    ) -> None:
        super().__init__(chassis)
        self._all, self._tripped = electronics, tripped
        self.electronics = electronics["FRON"]
        self.on = False
        self.present: Programmed | None = None  #: None while the output is off
        self.settled_at = 0.0  #: when the source delay is over, s
        self.off()

    # -- programming -------------------------------------------------------------------------

    def set_function(self, quantity: Quantity) -> None:
        """Source the other quantity; the output goes off [C]."""
        if quantity != self._chassis.setup.source:
            self.off()
            self._chassis.setup.source = quantity

    def check_level(self, quantity: Quantity, level: float, *, pulse: bool = False) -> None:
        """Refuse a level that the instrument or its present range do not allow."""
        settings = self.settings(quantity)
        if abs(level) > self.largest(quantity, pulse=pulse) * ROUNDING:
            raise ScpiError(OUT_OF_RANGE)
        if not settings.auto and abs(level) > self.maximum(quantity, settings.range) * ROUNDING:
            raise ScpiError(OUT_OF_RANGE)

    def set_level(self, quantity: Quantity, level: float) -> None:
        """Program a level.

        Raises
        ------
        ScpiError
            It is too large for the instrument, its range or the interlock.
        """
        self.check_level(quantity, level)
        settings = self.settings(quantity)
        range_ = self.holding(quantity, level) if settings.auto else settings.range
        if self.on and self._chassis.setup.source == quantity:
            self._check_interlock(quantity, level)
        settings.level, settings.range = level, range_
        self._fit_limit(quantity)
        self.program()

    def set_pulse_level(self, quantity: Quantity, level: float) -> None:
        """Program the level of pulses."""
        self.check_level(quantity, level, pulse=True)
        self.settings(quantity).pulse_level = level

    def set_range(self, quantity: Quantity, value: float) -> None:
        """Fix the range to the smallest that holds a value.

        Raises
        ------
        ScpiError
            There is none, or the present level does not fit.
        """
        settings, chosen = self.settings(quantity), self.holding(quantity, value)
        if abs(settings.level) > self.maximum(quantity, chosen) * ROUNDING:
            raise ScpiError(CONFLICT)
        settings.range, settings.auto = chosen, False
        self._fit_limit(quantity)
        self.program()

    def set_auto(self, quantity: Quantity, on: bool) -> None:
        """Let the level choose the range, or keep the present one."""
        settings = self.settings(quantity)
        settings.auto = on
        if on:
            settings.range = self.holding(quantity, settings.level)
        self.program()

    def set_limit(self, quantity: Quantity, value: float, *, pulse: bool = False) -> None:
        """Program the limit that goes with a source function, A or V.

        Raises
        ------
        ScpiError
            It is too small or too large, for the instrument, the range or the measure range.
        """
        limited, settings, limit = other(quantity), self.settings(quantity), abs(value)
        spec, sensed = self._chassis.model.spec, self._chassis.setup.sensed[other(quantity)]
        least = spec.i_limit_minimum if limited == "i" else spec.v_limit_minimum
        if pulse:
            least = 10e-9 if limited == "i" else 2e-3  # [R page 6-104]
        most = self.largest(limited, pulse=pulse)
        if not least * (1 - 1e-9) <= limit <= most * ROUNDING:
            raise ScpiError(OUT_OF_RANGE)
        if not sensed.auto and limit < 1e-3 * sensed.range * (1 - 1e-9):
            raise ScpiError(CONFLICT)
        level = settings.pulse_level if pulse else settings.range
        if limit > self.largest_limit(quantity, level, pulse=pulse) * ROUNDING:
            raise ScpiError(CONFLICT)
        if pulse:
            settings.pulse_limit = limit
        else:
            settings.limit = limit
            self.program()

    def _fit_limit(self, quantity: Quantity) -> None:
        """Lower a limit that does not go with the range, and warn."""
        settings = self.settings(quantity)
        most = self.largest_limit(quantity, min(settings.range, self.largest(quantity)))
        if settings.limit > most * ROUNDING:
            settings.limit = most
            self._chassis.log.happened(LIMIT_CHANGED, WARNING)

    def set_protection(self, value: float) -> None:
        """Select the largest voltage of the source, V; infinity for none."""
        self._chassis.setup.protection = value
        self.program()

    # -- the terminals -----------------------------------------------------------------------

    def program(self) -> None:
        """Bring the terminals to the settings, when the output is on."""
        if not self.on:
            return
        asked, before = self.asked(), self.present
        self.electronics.set_sense(remote=self._chassis.setup.active.four_wire)
        if asked == before:
            return
        self.electronics.set_source(
            asked.quantity, asked.level, asked.range, asked.limit, asked.limit_range
        )
        self.present = asked
        moved = before is None or (asked.quantity, asked.level) != (before.quantity, before.level)
        if moved:
            self.settled_at = self._chassis.clock.now_s + self.delay
        if self.electronics.limited:
            self.trip()

    def _check_interlock(self, quantity: Quantity, level: float) -> None:
        voltage = abs(level)
        if quantity == "i":
            voltage = min(self.settings("i").limit, self._chassis.setup.protection)
        high = voltage > self._chassis.model.interlock_above
        if not self._chassis.interlock and (high or self._chassis.setup.interlock_needed):
            raise ScpiError(INTERLOCK)

    def switch_on(self) -> None:
        """Switch on with the present settings.

        Raises
        ------
        ScpiError
            The interlock is open at a high voltage, or the unit is too hot.
        """
        if self._chassis.too_hot:
            raise ScpiError(OVERHEATED)
        quantity = self._chassis.setup.source
        self._check_interlock(quantity, self.settings(quantity).level)
        if self.on:
            return
        self.on, self.present = True, None
        self.program()
        self.electronics.set_output(True)
        if self.electronics.limited:
            self.trip()

    def off(self) -> None:
        """Switch off, into the output-off state that is selected."""
        self.on, self.pulsing, self.present = False, False, None
        setup = self._chassis.setup
        state, electronics = setup.sourced(setup.source).off, self.electronics
        electronics.set_sense(remote=False)
        if state == "HIMP":
            electronics.set_output(False, True)
            return
        v_range, i_range = setup.sensed["v"].range, setup.sensed["i"].range
        if state == "GUAR" and setup.source == "i":
            electronics.set_source("i", 0.0, i_range, _OFF_SHARE * v_range, v_range)
            electronics.set_output(True)
            return
        limit = _OFF_SHARE * i_range
        if state == "ZERO":
            limit = setup.v.limit if setup.source == "v" else max(limit, abs(setup.i.level))
        electronics.set_source("v", 0.0, self.ranges("v")[0].full_scale, limit, i_range)
        electronics.set_output(False)

    def trip(self) -> None:
        """Note that the limit acts: a trigger event."""
        self._tripped()

    def pulse(self, on: bool) -> None:
        """Go to the pulse level, or back to the bias; nothing happens with the output off."""
        if self.on:
            self.pulsing = on
            self.program()

    def route(self, terminals: str) -> None:
        """Change to the front or the rear terminals; the output goes off."""
        self._chassis.setup.terminals = terminals
        if self.electronics is self._all[terminals]:
            return
        self.off()
        self.electronics.set_output(False, True)
        self.electronics = self._all[terminals]
        self.off()

    def look(self) -> None:
        """Switch off what interlock or temperature do not allow any more, and log it."""
        if not self.on:
            return
        try:
            quantity = self._chassis.setup.source
            self._check_interlock(quantity, self.settings(quantity).level)
            if self._chassis.too_hot:
                raise ScpiError(OVERHEATED)
        except ScpiError as blocked:
            self.off()
            self._chassis.log.add(blocked.code)

    @property
    def limited(self) -> bool:
        """Whether the output is on and its limit acts now."""
        return self.on and self.electronics.limited

    @property
    def protecting(self) -> bool:
        """Whether the voltage is held at the protection limit."""
        setup = self._chassis.setup
        if not self.on or math.isinf(setup.protection):
            return False
        if setup.source == "v":
            level = setup.v.pulse_level if self.pulsing else setup.v.level
            return abs(level) > setup.protection
        return self.electronics.limited and setup.i.limit > setup.protection
