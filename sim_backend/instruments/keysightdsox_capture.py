"""How an oscilloscope acquires: armed, triggered, and what it has then.

What is at the inputs is looked at where the generator's output goes another way, and after a
trigger a few times in between; records are read off the straight lines between these looks. So a
record costs by what happens in it and not by its points. Nothing is looked at more often than
points are taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sim_backend.clock import Clock, Event
from sim_backend.instruments.keysightdsox_circuit import Circuit, Volts

__all__ = ["Acquisition", "Plan", "Record"]

Array = npt.NDArray[np.float64]

#: where between two bends it is looked at: what relaxes does so fastest at first
_SHARES = (1 / 64, 1 / 16, 1 / 4, 1 / 2, 1.0)
_KEPT = 4096  # looks before a trigger, above which the older ones are dropped
_AUTO = 50e-3  # s without a trigger after which one comes by itself (check)


class Plan(NamedTuple):
    """What an acquisition is to take."""

    begins: float  #: s after the trigger
    span: float  #: s
    interval: float  #: from point to point, s
    records: int
    rearm: float  #: s
    source: str
    level: float  #: V
    rising: bool
    auto: bool
    again: bool  #: whether it goes on when it is through

    @property
    def before(self) -> float:
        """What has to be seen before a trigger, s."""
        return max(0.0, -self.begins)


class Record(NamedTuple):
    """What was at the inputs: straight lines between looks."""

    triggered: float  #: s
    times: Array  #: after the trigger, s, shape (looks,)
    volts: Array  #: shape (2, looks)


class Acquisition:
    """The acquisition of one oscilloscope.

    Parameters
    ----------
    circuit
        What it is wired to.
    clock
        The laboratory's time.
    ended
        Called when it has stopped by itself.
    """

    def __init__(self, circuit: Circuit, clock: Clock, ended: Callable[[], None]) -> None:
        self._circuit, self._clock, self._ended = circuit, clock, ended
        self.records: list[Record] = []
        self.running = False
        self.armed_event = self.triggered_event = False
        self.looks = 0  #: so far
        self._plan: Plan | None = None
        self._seen: list[tuple[float, Volts]] = []
        self._since = 0.0  # from when what is seen counts, s
        self._triggered: float | None = None
        self._due: list[Event] = []
        self._next: Event | None = None

    @property
    def waiting(self) -> bool:
        """Whether a trigger would be taken now."""
        plan = self._plan
        if plan is None or not self.running or self._triggered is not None:
            return False
        return self._clock.now_s >= self._since + plan.before

    def start(self, plan: Plan) -> None:
        """Forget the records there are, and wait for a trigger."""
        self.stop()
        self._plan, self.records, self.running = plan, [], True
        self._arm(self._clock.now_s)

    def stop(self) -> None:
        """Take no further record; one that is not whole is lost."""
        self.running, self._triggered = False, None
        for event in [*self._due, *([self._next] if self._next else [])]:
            event.cancel()
        self._due, self._next, self._seen = [], None, []

    def changed(self) -> None:
        """Look, because the generator's output has just begun to do something else."""
        if self.running:
            self._seen.append((self._clock.now_s, self._seen[-1][1]))
            self._look()

    def feel(self, source: str) -> None:
        """Take a trigger from outside, if it waits for one from there."""
        if self._plan is not None and self._plan.source == source and self.waiting:
            self._trigger(self._clock.now_s)

    def force(self) -> None:
        """Take a trigger, whatever is awaited."""
        if self.waiting:
            self._trigger(self._clock.now_s)

    # -- what happens --------------------------------------------------------------------------

    def _arm(self, since: float) -> None:
        assert self._plan is not None
        self._since, self._triggered, self._seen = since, None, self._seen[-1:]
        ready = since + self._plan.before
        self._due = [self._clock.at(ready, self._ready)]
        if self._plan.auto:
            self._due.append(self._clock.at(ready + _AUTO, self.force))
        self._look()

    def _ready(self) -> None:
        self.armed_event = True

    def _trigger(self, when: float) -> None:
        assert self._plan is not None
        self._triggered, self.triggered_event = when, True
        for event in self._due:
            event.cancel()
        end = when + self._plan.begins + self._plan.span
        self._due = [self._clock.at(end, self._finish)]
        self._look()

    def _finish(self) -> None:
        """Keep what was seen as a record, and wait for the next trigger or stop."""
        plan, when = self._plan, self._triggered
        assert plan is not None
        assert when is not None
        self._look()
        self.records.append(self._record(when, plan))
        if len(self.records) >= plan.records and not plan.again:
            self.stop()
            self._ended()
            return
        if len(self.records) > plan.records:
            self.records = self.records[1:]
        self._arm(self._clock.now_s + plan.rearm)

    def _record(self, when: float, plan: Plan) -> Record:
        times = np.array([t for t, _ in self._seen]) - when
        volts = np.array([v for _, v in self._seen]).T
        first = max(0, int(np.searchsorted(times, plan.begins)) - 1)
        return Record(when, times[first:], volts[:, first:])

    # -- looking -------------------------------------------------------------------------------

    def _look(self) -> None:
        """Note what is at the inputs, see whether it is a trigger, and look again later."""
        now, volts = self._clock.now_s, self._circuit.look()
        before = self._seen[-1] if self._seen else None
        self.looks += 1
        self._seen.append((now, volts))
        if len(self._seen) > _KEPT and self._triggered is None:
            self._drop(now)
        self._schedule(now)
        if before is not None and self.waiting:
            self._compare(before, (now, volts))

    def _drop(self, now: float) -> None:
        assert self._plan is not None
        old = now - self._plan.before
        first = next((k for k, (t, _) in enumerate(self._seen) if t >= old), 1)
        self._seen = self._seen[max(0, first - 1) :]

    def _compare(self, before: tuple[float, Volts], after: tuple[float, Volts]) -> None:
        """Trigger where a channel has passed the level between two looks."""
        plan = self._plan
        assert plan is not None
        if plan.source not in ("CHAN1", "CHAN2"):
            return
        number = int(plan.source[-1]) - 1
        sense = 1.0 if plan.rising else -1.0
        first, last = (sense * (volts[number] - plan.level) for _, volts in (before, after))
        if first < 0 <= last:
            share = first / (first - last)
            self._trigger(before[0] + share * (after[0] - before[0]))

    def _schedule(self, now: float) -> None:
        """Look again at the next bend, and a few times before it."""
        plan = self._plan
        assert plan is not None
        if self._next is not None:
            self._next.cancel()
        self._next = None
        end = math.inf
        if self._triggered is not None:
            end = self._triggered + plan.begins + plan.span
        bend = min(self._circuit.next_change(), end)
        if math.isinf(bend) or bend <= now:
            return
        waiting = self._triggered is None
        shares = (1.0,) if waiting or self._circuit.rests(bend) else _SHARES
        self._visit([now + share * (bend - now) for share in shares], plan.interval)

    def _visit(self, times: list[float], least: float) -> None:
        """Look at some times, one after the other, none sooner than an interval after another."""
        now = self._clock.now_s
        left = [t for t in times[:-1] if t >= now + least] + times[-1:]
        when = max(left[0], now + least)

        def happen() -> None:
            self._next = None
            if len(left) == 1:
                self._look()
                return
            volts = self._circuit.look()
            before = self._seen[-1]
            self._seen.append((self._clock.now_s, volts))
            self.looks += 1
            self._visit(left[1:], least)
            if self.waiting:
                self._compare(before, self._seen[-1])

        self._next = self._clock.at(when, happen)
