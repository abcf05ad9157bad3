"""Programs that were made already: closed loops play the same few steps again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from labctl.steps import Play

__all__ = ["Kept"]

P = TypeVar("P")


class Kept(Generic[P]):
    """Makes what a driver plays of a step, once for each step that differs.

    Parameters
    ----------
    make
        Makes it.
    most
        How many are kept; then it begins anew.
    """

    def __init__(self, make: Callable[[Play], P], most: int = 64) -> None:
        self._make, self._most = make, most
        self._known: dict[bytes, P] = {}

    def __call__(self, play: Play) -> P:
        """Return what is played of a step; the same object for the same step."""
        what = (play.waveform, play.compliance, play.ranges, play.voltage_limits)
        key = msgspec.msgpack.encode(what)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= self._most:
                self._known.clear()
            known = self._known[key] = self._make(play)
        return known
