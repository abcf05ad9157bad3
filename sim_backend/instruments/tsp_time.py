"""The time of a running script: how delays, measurements and waits move the laboratory's clock.

Without a pace the clock jumps from event to event. With a pace it moves in slices of a few
milliseconds, between which others may use the laboratory and an abort is seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import Any

from sim_backend.clock import Clock
from sim_backend.wire.tsp import Stopped

__all__ = ["ScriptClock"]

_PATIENCE = 1_000_000  # events without progress after which a wait is taken to last for ever
_SLICE = 0.01  # wall-clock seconds between two looks at the abort mark


class ScriptClock:
    """Lets time pass for one instrument's script.

    Parameters
    ----------
    clock
        The laboratory's time.
    busy
        Whether overlapped operations are going on, for ``waitcomplete``.
    progress
        A number that grows while they get somewhere; None while only an abort can end them.
    stopping
        Whether the script is to end.
    passed
        Called whenever the script lets time pass.
    """

    def __init__(
        self,
        clock: Clock,
        busy: Callable[[], bool],
        progress: Callable[[], int | None],
        stopping: Callable[[], bool],
        passed: Callable[[], None],
    ) -> None:
        self.clock = clock
        self._busy, self._progress = busy, progress
        self._stopping, self._passed = stopping, passed
        #: called between slices of paced time, so that others may use the laboratory
        self.breathe: Callable[[], None] = _nothing
        #: time up to which what is running lets time pass, s
        self.reach = -math.inf
        #: while set, a wait only looks whether it is over
        self.frozen = False

    def pass_time(self, duration: float) -> None:
        """Let time pass, s.

        Raises
        ------
        Stopped
            The script is to end.
        """
        self._passed()
        if duration > 0:
            clock = self.clock
            if clock.pace or clock.due:
                self.reach = clock.now_s + duration
                try:
                    self._advance(self.reach)
                finally:
                    self.reach = -math.inf
            elif not self._stopping():
                clock.now_s += duration
        if self._stopping():
            raise Stopped

    def wait_for(self, steps: Generator[float, None, Any]) -> Any:
        """Let the time of a measurement pass; returns its result."""
        while True:
            try:
                duration = next(steps)
            except StopIteration as end:
                return end.value
            self.pass_time(duration)

    def wait_until(self, happened: Callable[[], bool], timeout: float) -> bool:
        """Let time pass until something has happened, at most `timeout` s."""
        end = self.clock.now_s + timeout
        while not happened() and self.clock.now_s < end:
            due = self.clock.next_event()
            self.pass_time(max((end if due is None else min(due, end)) - self.clock.now_s, 0.0))
            if due is not None and due <= self.clock.now_s:
                self.clock.advance(0.0)
        return happened()

    def complete(self, _group: float = 0) -> bool:
        """Run the clock until nothing overlapped is left; False when that may never be."""
        return self.run_until(lambda: not self._busy())

    def run_until(self, over: Callable[[], bool]) -> bool:
        """Run the clock until something is over; False when that may never be.

        Raises
        ------
        Stopped
            The script is to end.
        """
        self._passed()
        reached, left = self._progress(), _PATIENCE
        while left:
            if self._stopping():
                raise Stopped
            if over():
                return True
            due, progress = self.clock.next_event(), self._progress()
            if self.frozen or due is None or progress is None:
                return False
            left = left - 1 if progress == reached else _PATIENCE
            reached = progress
            self.reach = math.inf
            try:
                self._advance(due)
            finally:
                self.reach = -math.inf
        return False

    def _advance(self, when: float) -> None:
        clock, stopping = self.clock, self._stopping
        if clock.pace:
            while clock.now_s < when and not stopping():
                clock.advance_to(min(when, clock.now_s + _SLICE * clock.pace))
                self.breathe()
            return
        while (due := clock.next_event()) is not None and due <= when and not stopping():
            clock.advance_to(due)
        if not stopping():
            clock.advance_to(when)


def _nothing() -> None:
    """Do nothing."""
