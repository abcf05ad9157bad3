"""What is set of the source of one Series 2600B channel, and how large it may be.

Source: Series 2600B Reference Manual, 2600BS-901-01, section 9, ``smuX.source.*`` with its
defaults.
"""

from __future__ import annotations

from sim_backend.instruments.keithley26_electronics import Quantity
from sim_backend.instruments.specification import ChannelSpec, SourceRange
from sim_backend.wire.tsp import Refusal

__all__ = ["SourceSettings", "largest_on"]

_QUANTITIES: tuple[Quantity, ...] = ("v", "i")
_LEAST_HIGH_C = 1e-6  # A: the lowest current range in high-capacitance mode (data sheet)


class SourceSettings:
    """Levels, ranges, limits and modes of a source."""

    #: smuX.source.offmode
    NORMAL, ZERO, HIGH_Z = 0, 1, 2

    def __init__(self, spec: ChannelSpec) -> None:
        self.spec = spec
        self.bias: float | None = None  #: idle level of a pulser that is enabled, A
        self._largest = {
            q: max(r.maximum for r in self.ranges(q) if not r.pulse_only) for q in _QUANTITIES
        }

    def set_defaults(self) -> None:
        """Go back to the defaults."""
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
        self.enable_action = 0  #: smuX.source.outputenableaction

    @property
    def idle(self) -> float:
        """The level outside of sweeps, V or A."""
        return self.level[self.function] if self.bias is None else self.bias

    def ranges(self, quantity: Quantity) -> tuple[SourceRange, ...]:
        """Return the source ranges of a quantity."""
        return self.spec.v_source if quantity == "v" else self.spec.i_source

    def largest(self, quantity: Quantity) -> float:
        """Return the largest level outside of pulses, V or A."""
        return self._largest[quantity]

    def range_maximum(self, quantity: Quantity) -> float:
        """Return the largest level on the present range, V or A."""
        return largest_on(self.ranges(quantity), self.range[quantity])

    def check_limit(
        self, quantity: Quantity, value: float, *, high_c: bool = False, pulse: bool = False
    ) -> None:
        """Raise a `Refusal` unless a limit of this size exists (smuX.source.limitY)."""
        least = self.spec.v_limit_minimum if quantity == "v" else self.spec.i_limit_minimum
        if quantity == "i" and (high_c or self.high_c):
            least = _LEAST_HIGH_C
        most = max(r.full_scale for r in self.ranges(quantity) if pulse or not r.pulse_only)
        if abs(value) < least:
            raise Refusal(1102)
        if abs(value) > most * 1.01:
            raise Refusal(1101)


def largest_on(ranges: tuple[SourceRange, ...], full_scale: float) -> float:
    """Return the largest level on the range of this full scale, V or A."""
    return max(r.maximum for r in ranges if r.full_scale == full_scale)
