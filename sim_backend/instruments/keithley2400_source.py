"""The source of a Series 2400: levels, ranges, compliance, protection, output-off states.

Source: 2400 Series SourceMeter User's Manual, sections 3, 6, 10 and 13, pages 18-71 to 18-97.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sim_backend.clock import Clock
from sim_backend.instruments.keithley26_electronics import Electronics, Quantity
from sim_backend.instruments.keithley2400_setup import (
    Calculation,
    Level,
    Limits,
    Sense,
    Setup,
    defaults,
)
from sim_backend.instruments.keithley2400_setup import Source as SourceSettings
from sim_backend.instruments.keithley2400_specification import OVERRANGE, Model
from sim_backend.instruments.specification import SourceRange, choose_range
from sim_backend.wire.parameters import ScpiError

__all__ = ["Chassis", "Output", "Saved", "sweep_levels"]

CONFLICT, OUT_OF_RANGE = -221, -222
BLOCKED, AUTO_OHMS, POWER, TOO_HOT, PULSE = 802, 825, 826, 810, 831
LOCATIONS = 100  #: of the source memory
_OFF_COMPLIANCE = 0.005  # share of full scale, output-off states NORMal and GUARd
_ROUNDING = 1 + 1e-9


@dataclass(frozen=True, slots=True)
class Saved:
    """One location of the source memory."""

    source: SourceSettings
    sense: Sense
    calculation: Calculation
    limits: Limits
    remote_sense: bool
    autozero: bool


@dataclass(slots=True)
class Chassis:
    """What the parts of one instrument share."""

    model: Model
    clock: Clock
    setup: Setup
    line_frequency: float
    enable_line: bool = True  #: the output enable line of the digital port is at ground
    too_hot: bool = False
    memory: dict[int, Saved] = field(default_factory=dict)

    @property
    def pulsed(self) -> bool:
        """Whether the unit is in pulse mode."""
        return self.setup.source.shape == "PULS"

    @property
    def auto_ohms(self) -> bool:
        """Whether the unit chooses source and ranges by itself, to measure a resistance."""
        sense = self.setup.sense
        return sense.ohms_auto and "r" in sense.functions

    def forbid_pulsed(self, *_: object) -> None:
        """Refuse what pulse mode does not have."""
        if self.pulsed:
            raise ScpiError(PULSE)

    def forbid_auto_ohms(self, *_: object) -> None:
        """Refuse what auto ohms decide."""
        if self.auto_ohms:
            raise ScpiError(AUTO_OHMS)

    def save(self, location: int) -> None:
        """Keep the present settings in the source memory."""
        setup = self.setup
        self.memory[location] = copy.deepcopy(
            Saved(
                setup.source, setup.sense, setup.calculation, setup.limits,
                setup.panel.remote_sense, setup.panel.autozero,
            )
        )  # fmt: skip

    def recall(self, location: int) -> None:
        """Bring back settings from the source memory; an unused location holds the defaults."""
        if location not in self.memory:
            fresh = defaults(self.model)
            saved = Saved(fresh.source, fresh.sense, fresh.calculation, fresh.limits, False, True)
        else:
            saved = copy.deepcopy(self.memory[location])
        setup, kept = self.setup, self.setup.source
        setup.source, setup.sense = saved.source, saved.sense
        setup.calculation, setup.limits = saved.calculation, saved.limits
        setup.panel.remote_sense, setup.panel.autozero = saved.remote_sense, saved.autozero
        # the sweep itself goes on as it was begun
        source = setup.source
        source.memory_points, source.memory_start = kept.memory_points, kept.memory_start
        source.clear_auto, source.clear_mode = kept.clear_auto, kept.clear_mode
        source.v.values, source.i.values = kept.v.values, kept.i.values
        source.shape, source.smode = kept.shape, kept.smode


class Output:
    """What is at the terminals.

    Parameters
    ----------
    chassis
        What the instrument's parts share.
    electronics
        Behind the front and the rear terminals (``FRON``, ``REAR``).
    bound
        Returns compliance and the full scale it is regulated on, for a quantity.
    """

    def __init__(
        self,
        chassis: Chassis,
        electronics: Mapping[str, Electronics],
        bound: Callable[[Quantity], tuple[float, float]],
    ) -> None:
        self._chassis, self._all, self._bound = chassis, electronics, bound
        self.electronics = electronics["FRON"]
        self.on = False
        self.level = 0.0  #: programmed now, V or A
        self.range = 20.0  #: source range in use, V or A
        self.function: Quantity = "v"  #: what is sourced now
        self.moved = True  #: the source was set since the last cycle
        self._asked: tuple[object, ...] = ()
        self.off()

    # -- ranges and levels ---------------------------------------------------------------------

    def ranges(self, quantity: Quantity) -> tuple[SourceRange, ...]:
        """Return the source ranges of a quantity that exist in this mode."""
        spec = self._chassis.model.spec
        every = spec.v_source if quantity == "v" else spec.i_source
        return every if self._chassis.pulsed else tuple(r for r in every if not r.pulse_only)

    def largest(self, quantity: Quantity) -> float:
        """Return the largest level, V or A."""
        return self.ranges(quantity)[-1].maximum

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
            if full_scale <= candidate.full_scale * _ROUNDING:
                return candidate.maximum
        return self.largest(quantity)

    def check_power(self, quantity: Quantity, range_: float, limit: float) -> None:
        """Refuse a range with a compliance that exceed the output power together."""
        spec = self._chassis.model.spec
        corners = (*spec.dc_area, *(spec.pulse_area if self._chassis.pulsed else ()))
        for v, i in corners:
            most, allowed = (v, i) if quantity == "v" else (i, v)
            if range_ <= most and limit <= allowed * _ROUNDING:
                return
        raise ScpiError(POWER)

    def in_use(self) -> tuple[Quantity, float, float]:
        """Return what is to be sourced: quantity, level, source range."""
        source = self._chassis.setup.source
        quantity: Quantity = "i" if source.function == "i" else "v"
        if self._chassis.auto_ohms:
            current = self._chassis.model.ohms[self._chassis.setup.sense.r.range]
            return "i", current, self.holding("i", current)
        level = source.active()
        chosen = self.holding(quantity, level.level) if level.auto else level.range
        level.range = chosen
        return quantity, level.level, chosen

    # -- the terminals -------------------------------------------------------------------------

    def program(self) -> None:
        """Bring the output to the settings, when it is on."""
        if self.on and not self._chassis.pulsed:
            self.apply(*self.in_use())

    def apply(self, quantity: Quantity, level: float, range_: float) -> None:
        """Source a level now."""
        limit, limit_range = self._bound("i" if quantity == "v" else "v")
        protection = self._chassis.setup.source.protection
        if quantity == "v":
            level = max(-protection, min(protection, level))
        else:
            limit = min(limit, protection)
        asked = (quantity, level, range_, limit, limit_range)
        if asked == self._asked:
            return
        if asked[:3] != self._asked[:3]:
            self.moved = True
        self._asked = asked
        self.function, self.level, self.range = quantity, level, range_
        self.electronics.set_source(quantity, level, range_, limit, limit_range)

    def check(self) -> None:
        """Refuse to switch on while the output is blocked."""
        chassis = self._chassis
        if chassis.too_hot:
            raise ScpiError(TOO_HOT)
        if chassis.setup.source.enable and not chassis.enable_line:
            raise ScpiError(BLOCKED)

    def switch_on(self) -> None:
        """Switch on with the present settings.

        Raises
        ------
        ScpiError
            The output is blocked, or auto ohms have no range.
        """
        self.check()
        if self.on:
            return
        self.on, self._asked, self.moved = True, (), True
        if not self._chassis.pulsed:
            self.apply(*self.in_use())
        self.electronics.set_output(True)

    def off(self) -> None:
        """Switch off, into the output-off state that is selected."""
        self.on, self._asked = False, ()
        state = "NORM" if self._chassis.pulsed else self._chassis.setup.source.smode
        spec = self._chassis.model.spec
        electronics = self.electronics
        if state == "HIMP":
            electronics.set_output(False, True)
            return
        i_range = self._chassis.setup.sense.i.range
        if state == "GUAR":
            v_range = self._chassis.setup.sense.v.range
            electronics.set_source("i", 0.0, i_range, _OFF_COMPLIANCE * v_range, v_range)
            electronics.set_output(True)
            return
        limit = _OFF_COMPLIANCE * i_range
        if state == "ZERO":
            sourced = self._chassis.setup.source
            limit = self._bound("i")[0] if sourced.function == "v" else max(
                limit, abs(sourced.i.level)
            )  # fmt: skip
        electronics.set_source("v", 0.0, spec.v_source[0].full_scale, limit, i_range)
        electronics.set_output(False)

    def rest(self) -> None:
        """Return to zero between pulses; the output stays connected."""
        quantity, _, range_ = self.in_use()
        self.apply(quantity, 0.0, range_)

    def route(self, terminals: str) -> None:
        """Change to the other terminals; the output goes off."""
        if self.electronics is self._all[terminals]:
            return
        self.on = False
        self.electronics.set_output(False, True)
        self.electronics = self._all[terminals]
        self.off()

    def protecting(self, limited: bool) -> bool:
        """Whether the voltage is held at the protection limit; `limited` by the compliance."""
        settings = self._chassis.setup
        protection = settings.source.protection
        if protection == math.inf or not self.on:
            return False
        if self.function == "v":
            return abs(settings.source.v.level) > protection
        return limited and settings.sense.v.protection > protection

    def real_limited(self) -> bool:
        """Whether the output is on and its compliance acts now."""
        return self.on and self.electronics.limited


def sweep_levels(settings: SourceSettings, largest: float) -> Sequence[float]:
    """Return the levels of the sweep or list that is selected.

    Parameters
    ----------
    settings
        The source's.
    largest
        Level that cannot be passed.

    Raises
    ------
    ScpiError
        A logarithmic sweep touches or crosses zero.
    """
    level = settings.active()
    if level.mode == "LIST":
        first = min(level.first, len(level.values)) - 1
        return level.values[first:]
    values = _staircase(level, settings.points, settings.spacing == "LOG")
    if settings.direction == "DOWN":
        values.reverse()
    return [max(-largest, min(largest, value)) for value in values]


def _staircase(level: Level, points: int, logarithmic: bool) -> list[float]:
    start, stop, steps = level.start, level.stop, points - 1
    if not logarithmic:
        return [start + (stop - start) * k / steps for k in range(steps)] + [stop]
    if start * stop <= 0:
        raise ScpiError(CONFLICT)
    ratio = math.log(stop / start)
    return [start * math.exp(ratio * k / steps) for k in range(steps)] + [stop]


def nominal(full_scale: float) -> float:
    """Return a range as it is answered: by what it can source."""
    return 1100.0 if full_scale == 1000.0 else full_scale * OVERRANGE
