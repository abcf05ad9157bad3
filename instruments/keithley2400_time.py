"""The clock of a Series 2400: from its timestamps to seconds since the driver connected.

The timestamp is sent with seven digits and begins again every 28 hours, so it is set to zero at
every run, and what it told before is kept here.
"""

from __future__ import annotations

from collections.abc import Callable

from instruments.keithley2400_limits import WRAP

__all__ = ["Timestamps"]


class Timestamps:
    """Time as one instrument counts it, from the moment this is made.

    Parameters
    ----------
    tick
        What the instrument calls a millisecond, s.
    host
        The host's clock, s; it tells how often the timestamp has begun again.
    """

    def __init__(self, tick: float, host: Callable[[], float]) -> None:
        self.tick = tick
        self.zero = 0.0  #: when the timestamp was zero, s
        self._host = host
        self._zeroed_at = host()

    @property
    def second(self) -> float:
        """What the instrument calls a second, s."""
        return self.tick / 1e-3

    def now(self, told: float) -> float:
        """Return the time of a timestamp that was asked for just now, s."""
        waited = (self._host() - self._zeroed_at) / self.second
        turns = max(0, round((waited - told) / WRAP))
        return self.zero + (told + turns * WRAP) * self.second

    def restart(self, told: float) -> None:
        """Note that the timestamp is zero from here on, where it was `told` before."""
        self.zero = self.now(told)
        self._zeroed_at = self._host()
