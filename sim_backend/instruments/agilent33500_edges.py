"""What a cable from a generator's output to a trigger input carries: edges past 1.5 V."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

from sim_backend.clock import Clock, Event
from sim_backend.instruments.waves import Wave

__all__ = ["Edges"]

_THRESHOLD = 1.5  # V, of a TTL input


class Edges:
    """Tells a trigger input of the edges of a wave, each when it happens.

    Parameters
    ----------
    clock
        The laboratory's time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard: Callable[[], None] | None = None
        self._falling = False
        self._due: Event | None = None

    def lead(self, heard: Callable[[], None], *, falling: bool) -> None:
        """Tell this input from now on of the edges that rise, or of those that fall."""
        self._heard, self._falling = heard, falling

    def stop(self) -> None:
        """Tell of no further edge."""
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def follow(self, wave: Wave) -> None:
        """Tell of the edges of a wave, in its first burst."""
        self.stop()
        if self._heard is None:
            return
        sense = -1.0 if self._falling else 1.0
        bends = [
            (share, sense * (wave.offset + wave.scale * level - _THRESHOLD))
            for share, level in wave.shape
        ]
        shares = [late[0] for early, late in pairwise(bends) if early[1] < 0 <= late[1]]
        if shares:
            self._await(wave, shares, 0)

    def _await(self, wave: Wave, shares: list[float], number: int) -> None:
        """Wait for an edge, counted from the beginning of the burst."""
        cycle, k = divmod(number, len(shares))
        if not cycle < wave.cycles:
            return
        when = wave.start + (cycle + shares[k]) * wave.period

        def happen() -> None:
            self._due = None
            assert self._heard is not None
            self._heard()
            self._await(wave, shares, number + 1)

        self._due = self._clock.at(when, happen) if math.isfinite(when) else None
