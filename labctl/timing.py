"""Time in whole ticks of one picosecond, so that durations add exactly.

A float of seconds loses picoseconds as it grows; a whole number of ticks does not, and no width is
changed by rounding on its way from a protocol to an instrument.
"""

from __future__ import annotations

from decimal import Decimal

from labctl.errors import BadInput

__all__ = ["TICKS_PER_SECOND", "seconds", "ticks"]

TICKS_PER_SECOND = 10**12
_EXACT_BELOW = 2**51  # up to here a float of seconds times 1e12 is wrong by less than half a tick


def ticks(duration: float) -> int:
    """Return a duration in s as whole picoseconds, from its shortest decimal form.

    Raises
    ------
    BadInput
        The duration is negative, not finite, or positive but shorter than one picosecond.

    Examples
    --------
    >>> ticks(100e-6)
    100000000
    """
    if not 0 <= duration < float("inf"):
        raise BadInput(f"a duration of {duration} s was asked for; it must be zero or positive")
    scaled = duration * TICKS_PER_SECOND
    if scaled < _EXACT_BELOW:
        count = round(scaled)
    else:
        count = int((Decimal(repr(float(duration))) * TICKS_PER_SECOND).to_integral_value())
    if count == 0 and duration > 0:
        raise BadInput(f"a duration of {duration} s was asked for; the shortest is 1 ps")
    return count


def seconds(count: int) -> float:
    """Return whole picoseconds as s, correctly rounded."""
    return count / TICKS_PER_SECOND
