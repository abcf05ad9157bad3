"""The virtual laboratory's time: it jumps from event to event, and nothing sleeps unless asked to.

Everything that happens by itself in the laboratory (a trigger timer, the end of a measurement) is
an event at a time; whoever lets time pass (a source delay, ``delay()`` in a script, the latency of
a message) calls `Clock.advance`, and the events that fall due run in order on the way. With a pace
the clock also keeps up with the wall: pace 1 is real time, pace 100 a hundred times faster.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable

__all__ = ["Clock", "Event"]


class Event:
    """Something that will happen; `cancel` it to prevent that."""

    __slots__ = ("action", "time")

    def __init__(self, at: float, action: Callable[[], None]) -> None:
        self.time = at
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Make sure the event does nothing."""
        self.action = None


class Clock:
    """Simulated seconds since the laboratory was opened, and what is due when.

    Parameters
    ----------
    start
        Time at the beginning, s.
    pace
        Simulated seconds in a second of the wall clock; 0 jumps.
    """

    def __init__(self, start: float = 0.0, pace: float = 0.0) -> None:
        self.now_s = start
        self.pace = pace
        self._order = itertools.count()
        #: what is to happen, the next of it first (a heap); also what was cancelled meanwhile
        self.due: list[tuple[float, int, Event]] = []
        self._wall_zero = time.monotonic() - (start / pace if pace else 0.0)

    def now(self) -> float:
        """Return the time, s."""
        return self.now_s

    def at(self, when: float, action: Callable[[], None]) -> Event:
        """Schedule an action; simultaneous events run in the order they were scheduled."""
        event = Event(max(when, self.now_s), action)
        heapq.heappush(self.due, (event.time, next(self._order), event))
        return event

    def after(self, delay: float, action: Callable[[], None]) -> Event:
        """Schedule an action `delay` s from now."""
        return self.at(self.now_s + delay, action)

    def next_event(self) -> float | None:
        """Return the time of the next event that was not cancelled."""
        while self.due and self.due[0][2].action is None:
            heapq.heappop(self.due)
        return self.due[0][0] if self.due else None

    def free_until(self, when: float) -> bool:
        """Whether nothing happens up to a time, that moment included."""
        due = self.next_event()
        return due is None or due > when

    def pending(self) -> set[Event]:
        """Return the events that were not cancelled."""
        return {event for _, _, event in self.due if event.action is not None}

    def leap(self, duration: float) -> None:
        """Let time pass that was accounted for: whatever is due is due that much later, s."""
        self.now_s += duration
        for _, _, event in self.due:
            event.time += duration
        self.due = [(event.time, order, event) for _, order, event in self.due]

    def advance(self, duration: float) -> None:
        """Let time pass, running every event that falls due, s."""
        self.advance_to(self.now_s + duration)

    def advance_to(self, when: float) -> None:
        """Let time pass until `when`; a time in the past changes nothing."""
        while self.due and not self.free_until(when):
            _, _, event = heapq.heappop(self.due)
            if event.time > self.now_s:
                self._move(event.time)
            action, event.action = event.action, None
            if action is not None:
                action()
        if when > self.now_s:
            self._move(when)

    def catch_up(self) -> None:
        """With a pace, bring the time to where the wall clock says it is."""
        if self.pace:
            self.advance_to((time.monotonic() - self._wall_zero) * self.pace)

    def wait(self, duration: float, stop: Callable[[], bool]) -> None:
        """Let time pass for a host that waits; returns early when `stop` says so."""
        end = self.now_s + duration
        slice_s = max(duration / 1000, 0.02 * self.pace) if self.pace else duration
        while self.now_s < end and not stop():
            self.advance_to(min(end, self.now_s + slice_s))

    def _move(self, when: float) -> None:
        """Go to a later time; with a pace no earlier than the wall clock does."""
        self.now_s = when
        if self.pace:
            behind = self._wall_zero + when / self.pace - time.monotonic()
            if behind > 0:
                time.sleep(behind)
