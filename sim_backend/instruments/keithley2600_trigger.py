"""Trigger objects: events, detectors, timers, blenders and the trigger model of a channel.

Source: Series 2600B Reference Manual, 2600BS-901-01, section 3 "Triggering" (event detectors,
timers, SMU trigger model in its synchronous and asynchronous modes) and section 7,
``trigger.*`` and ``smuX.trigger.*``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from itertools import count
from typing import Any, TypeAlias

from sim_backend.clock import Clock, Event

__all__ = ["Blender", "Detector", "Events", "Generated", "Process", "Timer", "forever"]

_AT_ONE_INSTANT = 100_000  # events that may follow from each other without time passing


class Events:
    """Numbers for events, and who listens to them."""

    def __init__(self) -> None:
        self._listeners: dict[int, list[Callable[[], None]]] = {}
        self._numbers = count(1)
        self._pending: deque[int] = deque()
        self._dispatching = False

    def number(self) -> int:
        """Return a number for a new event."""
        event = next(self._numbers)
        self._listeners[event] = []
        return event

    def known(self, event: int) -> bool:
        """Return whether an event has this number."""
        return event in self._listeners

    def listen(self, event: int, listener: Callable[[], None]) -> None:
        """Call `listener` at each such event."""
        self._listeners[event].append(listener)

    def ignore(self, event: int, listener: Callable[[], None]) -> None:
        """Undo `listen`."""
        self._listeners[event].remove(listener)

    def emit(self, event: int) -> None:
        """Let an event happen now; events that follow from it come after it, in order."""
        if not self._listeners[event]:
            return
        self._pending.append(event)
        if self._dispatching:
            return
        self._dispatching = True
        try:
            for _ in range(_AT_ONE_INSTANT):
                if not self._pending:
                    return
                for listener in tuple(self._listeners[self._pending.popleft()]):
                    listener()
        finally:
            self._dispatching = False
            self._pending.clear()


class Stimulus:
    """The input of a trigger object: the event that it reacts to, 0 for none."""

    def __init__(self, events: Events, react: Callable[[], None]) -> None:
        self.dues, self._react = events, react
        self.event = 0

    def select(self, event: int) -> None:
        """React to this event from now on; 0 for none."""
        if self.event:
            self.dues.ignore(self.event, self._react)
        self.event = event
        if event:
            self.dues.listen(event, self._react)


class Detector:
    """Remembers one event until the trigger model comes for it.

    With no stimulus the trigger model does not wait here. A second event before the first was used,
    or one while the action is not `ready` for it, is an overrun and is lost.
    """

    def __init__(self, events: Events, overran: Callable[[], None]) -> None:
        self._overran = overran
        self.ready = True
        self.stimulus = Stimulus(events, self.detect)
        self.detected = self.overrun = False
        self._waiting: Callable[[], None] | None = None

    def detect(self) -> None:
        """Note an event, or let the waiting trigger model go on."""
        if self._waiting is not None:
            go_on, self._waiting = self._waiting, None
            go_on()
        elif self.detected or not self.ready:
            self.overrun = True
            self._overran()
        else:
            self.detected = True

    def take(self, go_on: Callable[[], None]) -> bool:
        """Use up the event and return True; else call `go_on` at the next."""
        if not self.stimulus.event:
            return True
        if self.detected:
            self.detected = False
            return True
        self._waiting = go_on
        return False

    def standing(self) -> tuple[object, ...]:
        """Return what decides what the detector does next."""
        return self.detected, self.overrun, self.ready, self._waiting is None

    def clear(self) -> None:
        """Forget events and whoever waits."""
        self.detected = self.overrun = False
        self.ready = True
        self._waiting = None


#: what a process yields: seconds to let pass, or a detector or process to wait for
Wait: TypeAlias = "float | Detector | Process"
Steps: TypeAlias = Generator[Wait, None, Any]


class Process:
    """Something that takes time inside the instrument while the script goes on."""

    def __init__(self, clock: Clock, steps: Steps, done: Callable[[], None] | None = None) -> None:
        self._clock, self._steps, self._done = clock, steps, done
        self.due: Event | None = None  #: when it goes on by itself
        self._followers: list[Callable[[], None]] = []
        self.running = False

    def start(self) -> None:
        """Begin now."""
        self.running = True
        self._go_on()

    def cancel(self) -> None:
        """Stop where it is; nothing that waits for it is told."""
        if self.due is not None:
            self.due.cancel()
        self.running = False
        self._followers.clear()
        self._steps.close()

    def take(self, go_on: Callable[[], None]) -> bool:
        """Return True when it is over; else call `go_on` when it is."""
        if self.running:
            self._followers.append(go_on)
        return not self.running

    def _go_on(self) -> None:
        for wait in self._steps:
            if isinstance(wait, float):
                if wait > 0:
                    self.due = self._clock.after(wait, self._go_on)
                    return
            elif not wait.take(self._go_on):
                return
        self.running = False
        if self._done is not None:
            self._done()
        followers, self._followers = self._followers, []
        for follower in followers:
            follower()


def forever(times: int) -> Iterator[int]:
    """Count from zero, `times` times; without end for zero."""
    return iter(range(times)) if times else count()


class Generated:
    """A trigger object that only generates events: the interface trigger, a generator."""

    def __init__(self, events: Events) -> None:
        self.dues = events
        self.event = events.number()
        self.detected = self.overrun = False

    def emit(self) -> None:
        """Generate the event, and remember it for a script's ``wait``."""
        self.overrun = self.detected
        self.detected = True
        self.dues.emit(self.event)

    def clear(self) -> None:
        """Forget events."""
        self.detected = self.overrun = False


class Timer(Generated):
    """A trigger timer: after its stimulus it generates events at the delays given.

    Each delay that begins uses the next value of the list, which repeats (trigger.timer[N].
    delaylist); a stimulus during a delay is an action overrun and does nothing (section 3,
    "Timer action overruns").
    """

    def __init__(self, events: Events, clock: Clock, overran: Callable[[], None]) -> None:
        super().__init__(events)
        self._clock, self._overran = clock, overran
        self.stimulus = Stimulus(events, self._triggered)
        self.due: Event | None = None
        self.reset()

    def reset(self) -> None:
        """Go back to the defaults (trigger.timer[N].reset)."""
        self.cancel()
        self.clear()
        self.delays: tuple[float, ...] = (10e-6,)
        self.count = 1
        self.passthrough = False
        self._next = 0
        self.left = 0
        self.stimulus.select(0)

    def set_delays(self, delays: Sequence[float]) -> None:
        """Use these delays in turn, from the first, s."""
        self.delays = tuple(delays)
        self._next = 0

    @property
    def delay(self) -> float:
        """The delay that will be used next, s."""
        return self.delays[self._next % len(self.delays)]

    def cancel(self) -> None:
        """Stop a delay in progress."""
        if self.due is not None:
            self.due.cancel()
            self.due = None

    def standing(self, now: float, scale: float) -> tuple[object, ...]:
        """Return what decides what the timer does next, but how often; times in 1/scale s."""
        due = None if self.due is None else round((self.due.time - now) * scale)
        return due, self._next, self.detected, self.overrun

    def _triggered(self) -> None:
        if self.due is not None:
            self._overran()
            return
        self.left = self.count
        self._begin()
        if self.passthrough:
            self.emit()

    def _begin(self) -> None:
        delay = self.delay
        self._next = (self._next + 1) % len(self.delays)
        self.due = self._clock.after(delay, self._expired)

    def _expired(self) -> None:
        self.due = None
        self.left -= 1
        if self.left > 0 or not self.count:
            self._begin()
        self.emit()


class Blender(Generated):
    """Combines up to four events: any of them, or all of them (section 3, "Event blenders")."""

    INPUTS = 4

    def __init__(self, events: Events) -> None:
        super().__init__(events)
        self.stimuli = [
            Stimulus(events, partial(self._input, position)) for position in range(self.INPUTS)
        ]
        self.or_enable = False
        self._seen: set[int] = set()

    def reset(self) -> None:
        """Go back to the defaults (trigger.blender[N].reset)."""
        self.or_enable = False
        for stimulus in self.stimuli:
            stimulus.select(0)
        self.clear()

    def clear(self) -> None:
        """Forget events, the inputs' included."""
        super().clear()
        self._seen.clear()

    def standing(self) -> tuple[object, ...]:
        """Return what decides what the blender does next."""
        return frozenset(self._seen), self.detected, self.overrun

    def _input(self, position: int) -> None:
        if self.or_enable:
            self.emit()
            return
        self._seen.add(position)
        if self._seen >= {k for k, stimulus in enumerate(self.stimuli) if stimulus.event}:
            self._seen.clear()
            self.emit()
