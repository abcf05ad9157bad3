"""Trigger events of a 2450-family SourceMeter: timers, blenders and LAN objects.

Events have the short names of the SCPI manual: ``DISP`` (the TRIGGER key), ``COMM`` (``*TRG``),
``SLIM`` (the source limit acts), ``NOT1`` to ``NOT8``, ``DIG1`` to ``DIG6``, ``TSPL1`` to
``TSPL3``, ``LAN1`` to ``LAN8``, ``BLEN1``, ``BLEN2``, ``TIM1`` to ``TIM4``; ``NONE`` is none.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, section 3 "Triggering", pages 6-182 to 6-186,
6-211 to 6-221, 6-235 to 6-242.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from functools import partial

from sim_backend.clock import Clock, Event

__all__ = ["Blender", "Bus", "LanTrigger", "Stimulus", "Timer"]

_AT_ONE_INSTANT = 10_000  # events that may follow from each other without time passing
NONE = "NONE"


class Bus:
    """Who listens to which event."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self._pending: deque[str] = deque()
        self._dispatching = False
        #: called when an event gets its first listener
        self.wanted: dict[str, Callable[[], None]] = {}

    def heard(self, name: str) -> bool:
        """Whether anybody listens to an event."""
        return bool(self._listeners.get(name))

    def listen(self, name: str, listener: Callable[[], None]) -> None:
        """Call `listener` at each such event."""
        self._listeners.setdefault(name, []).append(listener)
        if name in self.wanted:
            self.wanted[name]()

    def ignore(self, name: str, listener: Callable[[], None]) -> None:
        """Undo `listen`."""
        self._listeners[name].remove(listener)

    def emit(self, name: str) -> None:
        """Let an event happen now; events that follow from it come after it, in order."""
        if not self.heard(name):
            return
        self._pending.append(name)
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
    """The input of a trigger object: the event that it reacts to."""

    def __init__(self, bus: Bus, react: Callable[[], None]) -> None:
        self._bus, self._react = bus, react
        self.event = NONE

    def select(self, event: str) -> None:
        """React to this event from now on; ``NONE`` for none."""
        if self.event != NONE:
            self._bus.ignore(self.event, self._react)
        self.event = event
        if event != NONE:
            self._bus.listen(event, self._react)


class Timer:
    """A trigger timer.

    Its events are on the laboratory's clock only while somebody listens; otherwise it just knows
    when it began.

    Parameters
    ----------
    number
        1 to 4.
    clock, bus
        Time, and where its events go.
    calendar
        Returns the instrument's date, s since 1970.
    """

    def __init__(self, number: int, clock: Clock, bus: Bus, calendar: Callable[[], float]) -> None:
        self.name = f"TIM{number}"
        self._clock, self._bus, self._calendar = clock, bus, calendar
        self._event: Event | None = None
        self._begun: float | None = None  # when it was started; None while it does not run
        self._done = 0  # intervals that are over
        self.stimulus = Stimulus(bus, self._stimulated)
        bus.wanted[self.name] = self._schedule
        self.reset()

    def reset(self) -> None:
        """Return to the defaults."""
        self.stop()
        self.stimulus.select(NONE)
        self.enabled = self.generate = self.overrun = False
        self.delay, self.count = 10e-6, 1
        self.seconds, self.fraction = 0, 0.0  #: of the alarm, s since 1970

    def clear(self) -> None:
        """Forget the overrun."""
        self.overrun = False

    def enable(self, on: bool) -> None:
        """Arm the timer; without a stimulus it starts, at its alarm when that is to come."""
        self.enabled = on
        self.stop()
        if on and self.stimulus.event == NONE:
            wait = self.seconds + self.fraction - self._calendar()
            if wait > 0:
                self._event = self._clock.after(wait, self.start)
            else:
                self.start()

    def _stimulated(self) -> None:
        if self.enabled:
            self.start()

    def start(self) -> None:
        """Begin to count intervals; one that runs goes on and counts an overrun."""
        if self._running:
            self.overrun = True
            return
        self._begun, self._done = self._clock.now_s, 0
        if self.generate:
            self._bus.emit(self.name)
        self._schedule()

    @property
    def _running(self) -> bool:
        if self._begun is None:
            return False
        return not self.count or self._clock.now_s < self._begun + self.count * self.delay

    def stop(self) -> None:
        """Stop at once."""
        if self._event is not None:
            self._event.cancel()
        self._event, self._begun = None, None

    def _schedule(self) -> None:
        """Put the next interval's end on the clock, if anybody cares."""
        if self._begun is None or (self._event is not None and self._event.action is not None):
            return
        passed = math.floor((self._clock.now_s - self._begun) / self.delay + 1e-9)
        self._done = max(self._done, passed)
        if (self.count and self._done >= self.count) or not self._bus.heard(self.name):
            return
        self._event = self._clock.at(self._begun + (self._done + 1) * self.delay, self._elapsed)

    def _elapsed(self) -> None:
        self._event = None
        self._done += 1
        self._bus.emit(self.name)
        self._schedule()


class Blender:
    """Combines up to four events into one.

    Parameters
    ----------
    number
        1 or 2.
    bus
        Where events come from and go.
    """

    def __init__(self, number: int, bus: Bus) -> None:
        self._name, self._bus = f"BLEN{number}", bus
        self._seen: set[int] = set()
        self.mode, self.overrun = "AND", False
        self.stimuli = {k: Stimulus(bus, partial(self._happened, k)) for k in range(1, 5)}

    def clear(self) -> None:
        """Forget what was seen [R page 6-182: mode and stimuli too]."""
        self.mode, self.overrun = "AND", False
        self._seen.clear()
        for stimulus in self.stimuli.values():
            stimulus.select(NONE)

    def _happened(self, place: int) -> None:
        if self.mode == "OR":
            self._bus.emit(self._name)
            return
        self.overrun = self.overrun or place in self._seen
        self._seen.add(place)
        wanted = {k for k, stimulus in self.stimuli.items() if stimulus.event != NONE}
        if self._seen >= wanted:
            self._seen.clear()
            self._bus.emit(self._name)


class LanTrigger:
    """A LAN trigger object; its packets are kept for whoever looks, no network is used.

    Parameters
    ----------
    number
        1 to 8.
    clock, bus
        Time, and where events come from and go.
    """

    def __init__(self, number: int, clock: Clock, bus: Bus) -> None:
        self._name, self._clock, self._bus = f"LAN{number}", clock, bus
        self.sent: list[float] = []  #: when packets went out, s
        self.stimulus = Stimulus(bus, self._send)
        self.reset()

    def reset(self) -> None:
        """Return to the defaults."""
        self.stimulus.select(NONE)
        self.edge, self.logic, self.protocol, self.address = "EITH", "NEG", "TCP", "0.0.0.0"
        self.connected = self.detected = self.overrun = False

    def set_address(self, address: str) -> None:
        """Change where packets go; the connection ends."""
        self.address, self.connected = address, False

    def set_protocol(self, protocol: str) -> None:
        """Change how packets go; the connection ends."""
        self.protocol, self.connected = protocol, False

    def clear(self) -> None:
        """Forget what was detected."""
        self.detected = self.overrun = False

    def receive(self) -> None:
        """Take a packet from the network."""
        self.overrun, self.detected = self.detected, True
        self._bus.emit(self._name)

    def _send(self) -> None:
        if self.connected:
            self.sent.append(self._clock.now_s)
