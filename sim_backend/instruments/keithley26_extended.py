"""Pulses beyond the DC operating area: how far, how long and how often.

The instrument ends such a pulse by itself when it has lasted as long as its region allows, and
holds the next source action back until the duty cycle is kept (Series 2600B Reference Manual,
2600BS-901-01 Rev. F, page 2-59, "Pulsing in the extended operating area").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sim_backend.clock import Clock, Event
from sim_backend.instruments.keithley26_family import PulseRegion
from sim_backend.instruments.keithley2600_source import Source
from sim_backend.wire.tsp import Refusal

__all__ = ["ExtendedArea"]


class ExtendedArea:
    """Watches the pulses of one channel's sweep.

    Parameters
    ----------
    source
        Of the channel.
    regions
        That only pulses reach.
    clock
        The laboratory's time.
    """

    def __init__(self, source: Source, regions: Sequence[PulseRegion], clock: Clock) -> None:
        self._source, self._regions, self._clock = source, regions, clock
        self._region: PulseRegion | None = None
        self._begun = self._free_at = 0.0
        self._end: Event | None = None

    def check(self, levels: Iterable[float], limit: float | None, *, returns: bool) -> None:
        """Check the levels of a sweep before it starts.

        Parameters
        ----------
        levels
            Magnitudes, V or A.
        limit
            Of the other quantity during pulses; None for the one that always acts.
        returns
            Whether each pulse ends at the idle level.

        Raises
        ------
        Refusal
            A level leaves the operating area.
        """
        for level in levels:
            v, i = self._point(level, limit)
            if not self._direct(v, i) and (self._found(v, i) is None or not returns):
                raise Refusal(5007)

    def begin(self, level: float, limit: float | None) -> None:
        """Note that a level was programmed."""
        v, i = self._point(abs(level), limit)
        self._region = None if self._direct(v, i) else self._found(v, i)
        if self._region is not None:
            self._begun = self._clock.now_s
            self._end = self._clock.after(self._region.width, self._end_early)

    def end(self) -> None:
        """Note that the pulse ends."""
        if self._region is None:
            return
        lasted = min(self._clock.now_s - self._begun, self._region.width)
        off = lasted * (1 / self._region.duty - 1)
        self._free_at = self._begun + lasted + off
        self.leave()

    def rest(self) -> float:
        """Return how long the next source action is held back, s."""
        return max(0.0, self._free_at - self._clock.now_s)

    def leave(self) -> None:
        """Watch no more: the trigger model goes idle."""
        self._region = None
        if self._end is not None:
            self._end.cancel()
            self._end = None

    def _end_early(self) -> None:
        self.end()
        self._source.apply()

    def _point(self, level: float, limit: float | None) -> tuple[float, float]:
        bound, _ = self._source.limiting(level, limit)
        return (level, bound) if self._source.function == "v" else (bound, level)

    def _direct(self, v: float, i: float) -> bool:
        return any(v <= most_v and i <= most_i for most_v, most_i in self._source.spec.dc_area)

    def _found(self, v: float, i: float) -> PulseRegion | None:
        """Return the region that holds a point for the longest time."""
        holding = [r for r in self._regions if v <= r.v and i <= r.i]
        return max(holding, key=lambda region: region.width, default=None)
