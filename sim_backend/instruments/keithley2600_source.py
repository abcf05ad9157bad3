"""The source of one Series 2600B channel: what may be programmed, and what reaches the electronics.

Source: Series 2600B Reference Manual, 2600BS-901-01, section 2 "Limits", "Ranges", "Output-off
states" and section 7, ``smuX.source.*`` with its defaults.
"""

from __future__ import annotations

from collections.abc import Callable

from sim_backend.instruments.keithley26_electronics import Electronics, Output, Quantity
from sim_backend.instruments.keithley26_source_settings import SourceSettings, largest_on
from sim_backend.instruments.specification import ChannelSpec, choose_range
from sim_backend.wire.tsp import Refusal

__all__ = ["DELAY_AUTO", "Source", "other"]

DELAY_AUTO = -1.0
_REMEMBERED = 64  # limits whose range is kept
_LEAST_LIMIT = 0.1  # of the range that is fixed during a sweep


def other(quantity: Quantity) -> Quantity:
    """Return the complementary quantity: what limits a source of this one."""
    return "i" if quantity == "v" else "v"


class Source(SourceSettings):
    """Levels, ranges, limits and the output relay.

    Parameters
    ----------
    spec, electronics
        What the channel can do, and what does it.
    pass_time
        Called with the source delay after a step of the output, s.
    """

    def __init__(
        self, spec: ChannelSpec, electronics: Electronics, pass_time: Callable[[float], None]
    ) -> None:
        super().__init__(spec)
        self.electronics: Output = electronics  #: or the pulser that takes its place
        self._pass_time = pass_time
        #: raises a `Refusal` where a source range needs an interlock that is open
        self.permit: Callable[[Quantity, float], None] = _permit
        self._limit_ranges: dict[tuple[Quantity, float], float] = {}
        self.output = 0
        self.sweep_limit_range: float | None = None
        #: called whenever what reaches the electronics changes
        self.changed: Callable[[], None] = _nothing
        #: called when it has
        self.applied: Callable[[], None] = _nothing
        self.programmed = 0.0  #: the level that was sent last: of a sweep, or the idle level
        self.set_defaults()

    def reset(self) -> None:
        """Go back to the defaults, output off."""
        self.output = 0
        self.set_defaults()
        self.free_limit_range()
        self.apply()
        self.electronics.set_output(on=False)

    # -- what may be set ----------------------------------------------------------------------

    def set_function(self, value: float) -> None:
        """Choose what is sourced: 0 current, 1 voltage."""
        self._try("function", "v" if value else "i")
        self.apply()

    def set_level(self, quantity: Quantity, value: float) -> None:
        """Program a level; it acts at once when this quantity is being sourced.

        Raises
        ------
        Refusal
            It is beyond the instrument, the fixed range, or the operating area.
        """
        range_ = self.range_for(quantity, value)
        if range_ != self.range[quantity]:
            self._try("range", {**self.range, quantity: range_})
        if range_ > self.largest(quantity):  # only pulses reach it: the level itself must be safe
            self._try("level", {**self.level, quantity: value})
        self.level[quantity] = value
        if quantity == self.function:
            self.apply()
            if self.output and self.delay:
                self._pass_time(self.settling_delay())

    def range_for(self, quantity: Quantity, value: float) -> float:
        """Return the range that a level is sourced on.

        Raises
        ------
        Refusal
            It is beyond the instrument or the fixed range.
        """
        if abs(value) > self.largest(quantity):
            raise Refusal(1101 if value > 0 else 1102)
        if self.autorange[quantity]:
            least = self.low_range[quantity]
            return max(choose_range(self.ranges(quantity), value) or 0.0, least)
        for candidate in self.ranges(quantity):
            if candidate.full_scale == self.range[quantity] and abs(value) <= candidate.maximum:
                return candidate.full_scale
        raise Refusal(5005)

    def set_range(self, quantity: Quantity, value: float) -> None:
        """Fix the range to the smallest that holds the value.

        Raises
        ------
        Refusal
            No range does, or the level now programmed does not fit.
        """
        range_ = choose_range(self.ranges(quantity), value, pulse=True)
        if range_ is None:
            raise Refusal(1101 if value > 0 else 1102)
        if abs(self.level[quantity]) > largest_on(self.ranges(quantity), range_):
            raise Refusal(5005)
        self._try("range", {**self.range, quantity: range_})
        self.autorange[quantity] = 0
        if quantity == self.function:
            self.apply()

    def set_autorange(self, quantity: Quantity, value: int) -> None:
        """Turn autoranging on or off."""
        self.autorange[quantity] = value
        if value:
            self.set_level(quantity, self.level[quantity])

    def set_limit(self, quantity: Quantity, value: float) -> None:
        """Set the compliance for a quantity.

        Raises
        ------
        Refusal
            It is too small, too big, or leaves the operating area.
        """
        self.check_limit(quantity, value)
        self._try("limit", {**self.limit, quantity: value})
        if quantity == other(self.function):
            self.apply()

    def set_power_limit(self, value: float) -> None:
        """Set the power compliance, W; 0 disables it.

        Raises
        ------
        Refusal
            It is negative.
        """
        if value < 0:
            raise Refusal(1102)
        self.limit["p"] = value
        self.apply()

    def set_output(self, value: int) -> None:
        """Turn the output on (1), off (0), or off with the relay open (2).

        Raises
        ------
        Refusal
            The interlock is open.
        """
        if value == 1:
            if self.enable_action:  # nothing is wired to the output enable line
                raise Refusal(5041)
            self._permitted()
        self.output = int(value == 1)
        self.changed()
        if self.output:
            self.apply()
            self.electronics.set_output(on=True)
            return
        if value == 2:
            self.off_mode = self.HIGH_Z
        self.electronics.set_output(on=False, high_impedance=self.off_mode == self.HIGH_Z)

    # -- what reaches the electronics ---------------------------------------------------------

    def apply(self, level: float | None = None, limit: float | None = None) -> None:
        """Program the electronics, with the level and limit of a sweep where they are given."""
        function = self.function
        level = self.idle if level is None else level
        self.programmed = level
        self.changed()
        self.electronics.set_source(
            function,
            level,
            self.range[function],
            *self.limiting(level, limit),
        )
        self.applied()

    def limiting(self, level: float, limit: float | None = None) -> tuple[float, float]:
        """Return the limit that acts at a level, and its range (section 2, "Limits")."""
        quantity = other(self.function)
        if limit is None:
            bound = min(abs(self.limit[quantity]), self.largest(quantity))
        else:
            bound = min(abs(limit), self.ranges(quantity)[-1].maximum)
        if self.limit["p"] and level:
            bound = min(bound, self.limit["p"] / abs(level))
        if self.sweep_limit_range is not None:
            return max(bound, _LEAST_LIMIT * self.sweep_limit_range), self.sweep_limit_range
        return bound, self._limit_range(quantity, bound)

    def _limit_range(self, quantity: Quantity, bound: float) -> float:
        """Return the smallest range that holds a limit; remembered, for it is asked often."""
        known = self._limit_ranges.get((quantity, bound))
        if known is None:
            if len(self._limit_ranges) > _REMEMBERED:
                self._limit_ranges.clear()
            greatest = self.ranges(quantity)[-1].full_scale
            known = choose_range(self.ranges(quantity), bound, pulse=True) or greatest
            self._limit_ranges[quantity, bound] = known
        return known

    def fix_limit_range(self, sweep_limit: float | None) -> None:
        """Put the limit on one range for a sweep.

        It is the range of the greater of the normal limit and the sweep's; a limit below a tenth
        of it cannot be enforced and is raised to that (section 7, smuX.trigger.source.limitY).
        """
        quantity = other(self.function)
        greatest = max(abs(self.limit[quantity]), abs(sweep_limit or 0.0))
        most = self.ranges(quantity)[-1].maximum
        self.sweep_limit_range = self._limit_range(quantity, min(greatest, most))

    def free_limit_range(self) -> None:
        """Let the limit choose its range again."""
        self.sweep_limit_range = None

    def settling_delay(self) -> float:
        """Return the source delay after a step, s (smuX.source.delay)."""
        if self.delay != DELAY_AUTO:
            return self.delay
        present = self.range[self.function]
        return next(r.settling for r in self.ranges(self.function) if r.full_scale == present)

    def _try(self, attribute: str, value: object) -> None:
        """Change an attribute unless range and limit then leave the operating area."""
        before = getattr(self, attribute)
        setattr(self, attribute, value)
        try:
            if not self._safe():
                raise Refusal(5007)
            if self.output:
                self._permitted()
        except Refusal:
            setattr(self, attribute, before)
            raise

    def needs_interlock(self) -> bool:
        """Return whether what is programmed is refused while the interlock is open."""
        try:
            self._permitted()
        except Refusal:
            return True
        return False

    def _permitted(self) -> None:
        """Raise a `Refusal` where the interlock does not allow what is programmed."""
        function = self.function
        self.permit(function, self.range[function])
        quantity = other(function)
        self.permit(quantity, self._limit_range(quantity, abs(self.limit[quantity])))

    def _safe(self) -> bool:
        function = self.function
        level, limit = self.range[function], abs(self.limit[other(function)])
        if level > self.largest(function):
            level = abs(self.level[function])
        v, i = (level, limit) if function == "v" else (limit, level)
        return any(v <= most_v and i <= most_i for most_v, most_i in self.spec.dc_area)


def _permit(_quantity: Quantity, _range: float) -> None:
    """Allow everything: there is no interlock."""


def _nothing() -> None:
    """Do nothing."""
