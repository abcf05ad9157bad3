"""The source of one Series 2600B channel: what may be programmed, and what reaches the electronics.

Source: Series 2600B Reference Manual, 2600BS-901-01, section 2 "Limits", "Ranges", "Output-off
states" and section 7, ``smuX.source.*`` with its defaults.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from sim_backend.instruments.specification import ChannelSpec, SourceRange, choose_range
from sim_backend.wire.tsp import Refusal

__all__ = ["DELAY_AUTO", "Electronics", "Quantity", "Source", "other"]

Quantity = Literal["v", "i"]
DELAY_AUTO = -1.0
_QUANTITIES: tuple[Quantity, ...] = ("v", "i")
_REMEMBERED = 64  # limits whose range is kept
_LEAST_HIGH_C = 1e-6  # A: the lowest current range in high-capacitance mode (data sheet)
_LEAST_LIMIT = 0.1  # of the range that is fixed during a sweep


class Sample(Protocol):
    """One reading of both quantities (`sim_backend.analogue.Sample`)."""

    @property
    def v(self) -> float:
        """Voltage, V."""

    @property
    def i(self) -> float:
        """Current, A."""

    @property
    def limited(self) -> bool:
        """Whether the source was limiting."""

    @property
    def v_overrange(self) -> bool:
        """Whether the voltmeter could not show the value."""

    @property
    def i_overrange(self) -> bool:
        """Whether the ammeter could not show the value."""


class Electronics(Protocol):
    """What a channel needs of the electronics (`sim_backend.analogue.SourceMeter`)."""

    def set_source(
        self, function: Quantity, level: float, range_: float, limit: float, limit_range: float
    ) -> None:
        """Program level and limit, now."""

    def set_output(self, on: bool, high_impedance: bool = False) -> None:
        """Close or open the output, now."""

    def begin(self) -> object:
        """Begin an aperture now."""

    def finish(
        self,
        mark: object,
        *,
        v_range: float,
        i_range: float,
        nplc: float,
        line_frequency: float,
        autozero: bool,
        sense_remote: bool,
    ) -> Sample:
        """End the aperture now."""

    @property
    def limited(self) -> bool:
        """Whether the limit is in control now."""


def other(quantity: Quantity) -> Quantity:
    """Return the complementary quantity: what limits a source of this one."""
    return "i" if quantity == "v" else "v"


class Source:
    """Levels, ranges, limits and the output relay.

    Parameters
    ----------
    spec, electronics
        What the channel can do, and what does it.
    pass_time
        Called with the source delay after a step of the output, s.
    """

    #: smuX.source.offmode
    NORMAL, ZERO, HIGH_Z = 0, 1, 2

    def __init__(
        self, spec: ChannelSpec, electronics: Electronics, pass_time: Callable[[float], None]
    ) -> None:
        self.spec, self._electronics, self._pass_time = spec, electronics, pass_time
        self._largest = {
            q: max(r.maximum for r in self.ranges(q) if not r.pulse_only) for q in _QUANTITIES
        }
        self._limit_ranges: dict[tuple[Quantity, float], float] = {}
        self.output = 0
        self._sweep_limit_range: float | None = None
        self.programmed = 0.0  #: the level that was sent last: of a sweep, or the idle level
        self._defaults()

    def _defaults(self) -> None:
        spec = self.spec
        self.function: Quantity = "v"
        self.level = {"v": 0.0, "i": 0.0}
        self.range = {"v": spec.v_source[0].full_scale, "i": spec.i_source[0].full_scale}
        self.autorange = {"v": 1, "i": 1}
        self.low_range = dict(self.range)
        self.limit = {"v": spec.v_limit_default, "i": spec.i_limit_default, "p": 0.0}
        self.off_limit = {"v": spec.v_limit_default, "i": 1e-3}
        self.off_mode = self.NORMAL
        self.off_function: Quantity = "v"
        self.delay = 0.0
        self.settling = 0
        self.sink = 0
        self.high_c = 0

    def reset(self) -> None:
        """Go back to the defaults, output off."""
        self.output = 0
        self._defaults()
        self.free_limit_range()
        self.apply()
        self._electronics.set_output(on=False)

    # -- what may be set ----------------------------------------------------------------------

    def ranges(self, quantity: Quantity) -> tuple[SourceRange, ...]:
        """Return the source ranges of a quantity."""
        return self.spec.v_source if quantity == "v" else self.spec.i_source

    def largest(self, quantity: Quantity) -> float:
        """Return the largest level outside of pulses, V or A."""
        return self._largest[quantity]

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
        range_ = choose_range(self.ranges(quantity), value)
        if range_ is None:
            raise Refusal(1101 if value > 0 else 1102)
        if abs(self.level[quantity]) > _maximum(self.ranges(quantity), range_):
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

    def check_limit(self, quantity: Quantity, value: float, *, high_c: bool = False) -> None:
        """Raise a `Refusal` unless a limit of this size exists (smuX.source.limitY)."""
        least = self.spec.v_limit_minimum if quantity == "v" else self.spec.i_limit_minimum
        if quantity == "i" and (high_c or self.high_c):
            least = _LEAST_HIGH_C
        most = max(r.full_scale for r in self.ranges(quantity) if not r.pulse_only)
        if abs(value) < least:
            raise Refusal(1102)
        if abs(value) > most * 1.01:
            raise Refusal(1101)

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
        """Turn the output on (1), off (0), or off with the relay open (2)."""
        self.output = int(value == 1)
        if self.output:
            self.apply()
            self._electronics.set_output(on=True)
            return
        if value == 2:
            self.off_mode = self.HIGH_Z
        self._electronics.set_output(on=False, high_impedance=self.off_mode == self.HIGH_Z)

    # -- what reaches the electronics ---------------------------------------------------------

    def apply(self, level: float | None = None, limit: float | None = None) -> None:
        """Program the electronics, with the level and limit of a sweep where they are given."""
        function = self.function
        if level is None:
            level = self.level[function]
        self.programmed = level
        self._electronics.set_source(
            function,
            level,
            self.range[function],
            *self.limiting(level, limit),
        )

    def limiting(self, level: float, limit: float | None = None) -> tuple[float, float]:
        """Return the limit that acts at a level, and its range (section 2, "Limits")."""
        quantity = other(self.function)
        bound = min(abs(self.limit[quantity] if limit is None else limit), self.largest(quantity))
        if self.limit["p"] and level:
            bound = min(bound, self.limit["p"] / abs(level))
        if self._sweep_limit_range is not None:
            return max(bound, _LEAST_LIMIT * self._sweep_limit_range), self._sweep_limit_range
        return bound, self._limit_range(quantity, bound)

    def _limit_range(self, quantity: Quantity, bound: float) -> float:
        """Return the smallest range that holds a limit; remembered, for it is asked often."""
        known = self._limit_ranges.get((quantity, bound))
        if known is None:
            if len(self._limit_ranges) > _REMEMBERED:
                self._limit_ranges.clear()
            greatest = max(r.full_scale for r in self.ranges(quantity) if not r.pulse_only)
            known = choose_range(self.ranges(quantity), bound) or greatest
            self._limit_ranges[quantity, bound] = known
        return known

    def fix_limit_range(self, sweep_limit: float | None) -> None:
        """Put the limit on one range for a sweep.

        It is the range of the greater of the normal limit and the sweep's; a limit below a tenth
        of it cannot be enforced and is raised to that (section 7, smuX.trigger.source.limitY).
        """
        quantity = other(self.function)
        greatest = max(abs(self.limit[quantity]), abs(sweep_limit or 0.0))
        self._sweep_limit_range = self._limit_range(quantity, min(greatest, self.largest(quantity)))

    def free_limit_range(self) -> None:
        """Let the limit choose its range again."""
        self._sweep_limit_range = None

    def settling_delay(self) -> float:
        """Return the source delay after a step, s (smuX.source.delay)."""
        if self.delay != DELAY_AUTO:
            return self.delay
        function = self.function
        for candidate in self.ranges(function):
            if candidate.full_scale == self.range[function]:
                return candidate.settling
        return 0.0

    def _try(self, attribute: str, value: object) -> None:
        """Change an attribute unless range and limit then leave the operating area."""
        before = getattr(self, attribute)
        setattr(self, attribute, value)
        if not self._safe():
            setattr(self, attribute, before)
            raise Refusal(5007)

    def _safe(self) -> bool:
        function = self.function
        level, limit = self.range[function], abs(self.limit[other(function)])
        v, i = (level, limit) if function == "v" else (limit, level)
        return any(v <= most_v and i <= most_i for most_v, most_i in self.spec.dc_area)


def _maximum(ranges: tuple[SourceRange, ...], full_scale: float) -> float:
    return max(r.maximum for r in ranges if r.full_scale == full_scale)
