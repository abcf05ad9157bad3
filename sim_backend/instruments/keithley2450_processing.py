"""What becomes of a measured value: relative offset, math, limit tests.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, sections 3 "Relative offset", "Calculations that
you can apply to measurements", "Limit testing and binning"; pages 6-19 to 6-35 and 6-67 to 6-70.
The filter comes before (`sim_backend.instruments.keithley2450_meter`).
"""

from __future__ import annotations

from collections.abc import Callable

from sim_backend.instruments.keithley2450_buffer import HIGH1, HIGH2, LOW1, LOW2
from sim_backend.instruments.keithley2450_settings import Sensed

__all__ = ["OVERFLOW", "Processing", "calculated"]

OVERFLOW = 9.9e37
_LOW = {1: LOW1, 2: LOW2}
_HIGH = {1: HIGH1, 2: HIGH2}
_BOTH = frozenset({"LOW", "HIGH"})


def calculated(value: float, settings: Sensed) -> tuple[float, str]:
    """Return a value after relative offset and math, and its unit."""
    if abs(value) >= OVERFLOW:
        return value, settings.unit
    if settings.relative_on:
        value -= settings.relative
    if not settings.math_on:
        return value, settings.unit
    if settings.math == "MXB":
        return settings.m * value + settings.b, "X"
    if settings.math == "REC":
        return (1.0 / value if value else OVERFLOW), "RECiprocal"
    if not settings.percent:
        return OVERFLOW, "PERCent"
    return (value - settings.percent) / settings.percent * 100.0, "PERCent"


class Processing:
    """Limit tests and what they found.

    Parameters
    ----------
    beep
        Called when a limit test is to be heard.
    """

    def __init__(self, beep: Callable[[], None]) -> None:
        self._beep = beep
        self._failed: dict[tuple[str, int], frozenset[str]] = {}

    def test(self, function: str, value: float, settings: Sensed) -> int:
        """Test a value against both limits; returns the bits of its status."""
        bits = 0
        for number, limit in settings.limits.items():
            if not limit.enabled:
                continue
            low, high = value < limit.lower, value > limit.upper
            bits |= (_LOW[number] if low else 0) | (_HIGH[number] if high else 0)
            found = frozenset({"LOW"} if low else {"HIGH"} if high else ())
            if not limit.clear_auto:
                found |= self._failed.get((function, number), frozenset())
            self._failed[function, number] = found
            if limit.audible == ("FAIL" if low or high else "PASS"):
                self._beep()
        return bits

    def verdict(self, function: str, number: int) -> str:
        """Return ``NONE``, ``LOW``, ``HIGH`` or ``BOTH``."""
        failed = self._failed.get((function, number), frozenset())
        return "BOTH" if failed >= _BOTH else next(iter(failed), "NONE")

    def clear(self, function: str, number: int) -> None:
        """Forget what a limit test found."""
        self._failed.pop((function, number), None)

    def reset(self) -> None:
        """Forget everything."""
        self._failed.clear()
