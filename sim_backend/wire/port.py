"""The back of an instrument: who is connected, whose message is executed, who gets the reply.

A `Port` is what the in-process VISA library and the TCP server share, so that an instrument behaves
the same through both. Without a pace a message is executed in the thread that sends it, and time
jumps. With a pace each instrument works through its messages in a thread of its own while the wall
clock goes on, so that a sender never waits for a script; an urgent line (``abort``) acts at once
either way.

There is one lock for all instruments over one clock; a script that takes real time lets go of it
every few milliseconds.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from sim_backend.clock import Clock

__all__ = ["Connection", "HungUp", "Port", "VirtualInstrument"]

_NEWLINE = b"\n"
_TICK = 0.005  # wall-clock seconds between two looks at what may have happened


class HungUp(Exception):
    """The instrument dropped the connection; with a reset it did not even say so."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__("the connection was reset" if reset else "the connection was dropped")
        self.reset = reset


class VirtualInstrument(Protocol):
    """What an instrument needs, to be put behind a port."""

    #: called between slices of paced time, so that others may use the laboratory
    breathe: Callable[[], None]

    def urgent(self, line: bytes) -> bool:
        """Whether a line acts at once, whatever is running: it aborts."""

    def write(self, message: bytes) -> None:
        """Execute one line, advancing the clock by what it takes."""

    def replies(self) -> list[bytes]:
        """Return and forget the replies that are ready; one that was cut lacks its newline."""

    def poll(self) -> None:
        """Go on with what waited for something, if that has happened."""

    def interrupt(self) -> None:
        """Mark what is running to be aborted; at any moment, from any thread."""

    def abort(self) -> None:
        """End what is running."""

    def clear(self) -> None:
        """Take a device clear."""

    def trigger(self) -> None:
        """Take a bus trigger."""

    def status_byte(self) -> int:
        """Return the status byte, as a serial poll does."""


class Port:
    """The connections of one instrument.

    Parameters
    ----------
    instrument
        The instrument.
    clock
        The laboratory's time.
    lock
        Shared by all instruments over this clock.
    latency
        Simulated time that a message spends on the bus, s.
    done
        Called, with the lock held, after each line that was executed and each wait for a reply.
    """

    def __init__(
        self,
        instrument: VirtualInstrument,
        clock: Clock,
        lock: threading.RLock,
        latency: float,
        done: Callable[[], None],
    ) -> None:
        self.instrument, self.clock, self.lock = instrument, clock, lock
        self.latency, self._done = latency, done
        #: bytes that end a message: a line feed, unless the instrument says otherwise
        self.terminators: bytes = getattr(instrument, "terminators", _NEWLINE)
        #: those of them that are not a line feed
        self.others = [bytes([byte]) for byte in self.terminators.replace(_NEWLINE, b"")]
        self._owner: Connection | None = None
        self._collecting = threading.Lock()
        self._lines: deque[tuple[Connection, bytes]] = deque()
        self._work_there = threading.Condition()
        self._closed = False
        self._failure: Exception | None = None
        self._worker: threading.Thread | None = None
        if clock.pace:
            instrument.breathe = self._breathe
            self._worker = threading.Thread(target=self._work, daemon=True, name="instrument")
            self._worker.start()

    def connect(self, arrived: Callable[[], None] | None = None) -> Connection:
        """Return a new connection; `arrived` is called when there is something to read."""
        return Connection(self, arrived or _nothing)

    def replace(self, instrument: VirtualInstrument) -> None:
        """Put another instrument, or the same in another state, behind the port; lock held."""
        instrument.breathe = self.instrument.breathe
        self.instrument = instrument

    def close(self) -> None:
        """End the worker; what is running is aborted."""
        self._closed = True
        self.instrument.interrupt()
        if self._worker is not None:
            with self._work_there:
                self._work_there.notify_all()
            self._worker.join()
        with self.lock:  # where nothing was running, the mark is not left for what comes next
            self.instrument.abort()

    # -- executing ----------------------------------------------------------------------------

    def receive(self, owner: Connection, lines: list[bytes]) -> None:
        """Take lines without their terminators, after the time they need to travel.

        Raises
        ------
        HungUp
            The instrument dropped the connection.
        """
        urgent = [*map(self.instrument.urgent, lines)]
        if True in urgent:
            self.instrument.interrupt()  # before anything waits for what is running
        self.spend_latency()
        for line, at_once in zip(lines, urgent, strict=True):
            self._take(owner, line + _NEWLINE, urgent=at_once)

    def _take(self, owner: Connection, line: bytes, *, urgent: bool) -> None:
        """Execute a line now, or queue it for the worker."""
        if urgent or getattr(self.instrument, "prompt", _never)(line):
            self._at_once(line)
        elif self._worker is None:
            with self.lock:
                self._execute(owner, line)
        else:
            with self._work_there:
                self._lines.append((owner, line))
                self._work_there.notify()

    def _at_once(self, line: bytes) -> None:
        """Execute a line while something else is running, whoever started that.

        An abort has marked it already.
        """
        with self.lock:
            self.instrument.write(line)
            self.collect()
            self._done()

    def _execute(self, owner: Connection, line: bytes) -> None:
        if self._owner is not owner:
            self.collect()
            self._owner = owner
        try:
            self.instrument.write(line)
        finally:
            if not self.collect():
                self._done()

    def collect(self) -> bool:
        """Hand replies that are ready to whom they belong; call it with the lock held.

        Returns whether there were any; then `done` has been called.
        """
        with self._collecting:
            replies = self.instrument.replies()
            if not replies:
                return False
            self._done()  # what an answer tells must be on file before anybody reads it
            for reply in replies:
                if self._owner is not None:
                    self._owner.deliver(reply)
            return True

    def clear(self, owner: Connection) -> None:
        """Take a device clear; messages that wait are forgotten."""
        with self._work_there:
            self._lines = deque(job for job in self._lines if job[0] is not owner)
        self.instrument.interrupt()
        with self.lock:
            self.instrument.clear()
            self._done()

    def spend_latency(self) -> None:
        """Let a message travel."""
        if self._worker is None and self.latency:
            with self.lock:
                self.clock.advance(self.latency)
                self.instrument.poll()

    def pass_time(self, until: float) -> bool:
        """Let time pass up to the next event or `until`; False when it is there already."""
        with self.lock:
            due = self.clock.next_event()
            if self.clock.now_s >= until or (due is None and until == float("inf")):
                return False
            self.clock.advance_to(until if due is None else min(until, due))
            self.instrument.poll()
            self.collect()
            return True

    def waited(self) -> None:
        """Note that somebody let time pass and is through with that."""
        with self.lock:
            self._done()

    def keep_up(self) -> None:
        """With a pace, bring laboratory and instrument to the wall clock."""
        with self.lock:
            self.clock.catch_up()
            self.instrument.poll()
            self.collect()

    def _work(self) -> None:
        while not self._closed:
            with self._work_there:
                if not self._lines:
                    self._work_there.wait(_TICK)
                job = self._lines.popleft() if self._lines else None
            try:
                self._do(job)
            except Exception as error:  # noqa: BLE001 - whoever talks to the instrument next gets it
                self._failure = error

    def _do(self, job: tuple[Connection, bytes] | None) -> None:
        self.keep_up()  # before a line, too: a client that never pauses must not hold up the time
        if job is None:
            return
        with self.lock:
            try:
                self._execute(*job)
            except HungUp as end:
                job[0].hang_up(end)

    def check(self) -> None:
        """Raise what went wrong in the worker since the last time, if anything did."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _breathe(self) -> None:
        self.collect()
        self.lock.release()
        time.sleep(0)
        self.lock.acquire()


class Connection:
    """One party that talks to an instrument.

    Parameters
    ----------
    port
        The instrument's port.
    arrived
        Called when there is something to read.
    """

    def __init__(self, port: Port, arrived: Callable[[], None]) -> None:
        self.port, self._arrived = port, arrived
        self._inbox: deque[bytes] = deque()
        self._there = threading.Condition()
        self._partial = b""
        self.hung_up: HungUp | None = None  #: why nothing more comes; None while it is connected

    def deliver(self, reply: bytes) -> None:
        """Take a reply for this party."""
        self._inbox.append(reply)
        if self.port.clock.pace:  # otherwise nobody waits while somebody else works
            with self._there:
                self._there.notify_all()
        self._arrived()

    def hang_up(self, end: HungUp) -> None:
        """Drop the connection."""
        with self._there:
            self.hung_up = end
            self._there.notify_all()
        self._arrived()

    def write(self, data: bytes, *, end: bool) -> None:
        """Send bytes; `end` says that the message is complete even without its terminator.

        Raises
        ------
        HungUp
            The instrument dropped the connection.
        """
        self._check()
        if self._partial:
            data, self._partial = self._partial + data, b""
        for other in self.port.others:
            data = data.replace(other, _NEWLINE)
        *lines, rest = data.split(_NEWLINE)
        if not end:
            self._partial = rest
        elif rest:
            lines.append(rest)
        if not lines:
            return
        try:
            self.port.receive(self, lines)
        except HungUp as end:
            self.hang_up(end)
            raise

    def take(self) -> bytes | None:
        """Return the next reply, or None when there is none."""
        return self._inbox.popleft() if self._inbox else None

    def give_back(self, rest: bytes) -> None:
        """Put back what was not asked for."""
        self._inbox.appendleft(rest)

    def wait(self, timeout: float | None) -> bool:
        """Wait for a reply, in the laboratory's time; False after `timeout` s.

        Raises
        ------
        HungUp
            The instrument dropped the connection.
        """
        self._check()
        if self._inbox:
            return True
        if self.port.clock.pace:
            return self._wait_paced(timeout)
        end = float("inf") if timeout is None else self.port.clock.now_s + timeout
        while not self._inbox and self.port.pass_time(end):
            self._check()
        self.port.waited()
        return bool(self._inbox)

    def _wait_paced(self, timeout: float | None) -> bool:
        end = None if timeout is None else time.monotonic() + timeout
        with self._there:
            while not self._inbox:
                left = _TICK if end is None else min(_TICK, end - time.monotonic())
                if left <= 0:
                    return False
                self._there.wait(left)
                self._check()
        return True

    def clear(self) -> None:
        """Send a device clear: it acts at once."""
        self._check()
        self._inbox.clear()
        self._partial = b""
        self.port.clear(self)

    def serial_poll(self) -> int:
        """Return the status byte; the message-available bit is this party's."""
        self._check()
        with self.port.lock:
            byte = self.port.instrument.status_byte()
        return byte | 16 if self._inbox else byte

    def trigger(self) -> None:
        """Send a bus trigger."""
        self._check()
        with self.port.lock:
            self.port.instrument.trigger()
            self.port.collect()

    def _check(self) -> None:
        self.port.check()
        if self.hung_up is not None:
            raise HungUp(reset=self.hung_up.reset)


def _never(_line: bytes) -> bool:
    return False


def _nothing() -> None:
    """Do nothing."""
