"""The remote interface of a SCPI instrument: lines in, answers out, one unit at a time.

An instrument is driven by `write` and answers through `replies`; there is no I/O here. Everything
that takes time advances the laboratory's clock. A handler that has to wait (``:READ?``, ``*WAI``)
returns a `Wait`: the clock runs until its condition holds. When that may never be (a trigger that
must come from the bus) the instrument is *parked*: it keeps further lines in its input buffer and
goes on when something has happened (`poll`, `trigger`) or when it is told to abort.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sim_backend.clock import Clock
from sim_backend.instruments.tsp_time import ScriptClock
from sim_backend.wire.parameters import ScpiError
from sim_backend.wire.scpi import Answer, Command, Interpreter, Unit
from sim_backend.wire.tsp import Stopped

__all__ = ["Interface", "Wait"]

_ABORT = re.compile(rb"\s*:?ABOR(T)?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wait:
    """What a handler returns that has to wait: until when, and what then."""

    until: Callable[[], bool]
    then: Callable[[], Answer | None] = lambda: None


class Interface:
    """Input buffer, interpreter and output queue.

    Parameters
    ----------
    clock
        The laboratory's time.
    commands
        The instrument's table; the handlers of queries and of commands may return a `Wait`.
    report
        Takes the number of every error and a word on what caused it.
    busy
        Whether overlapped operations are going on.
    progress
        A number that grows while they get somewhere; None while only an abort can end them.
    aborted
        Called when overlapped operations are to end: by an abort from outside or a device clear.
    triggered
        Called at each ``*TRG`` or bus trigger.
    """

    def __init__(
        self,
        clock: Clock,
        commands: Sequence[Command],
        report: Callable[[int, str], None],
        busy: Callable[[], bool],
        progress: Callable[[], int | None],
        aborted: Callable[[], None],
        triggered: Callable[[], None],
    ) -> None:
        self.report = report
        self._aborted, self._triggered = aborted, triggered
        self.interpreter = Interpreter([*commands, Command("*TRG", triggered)], report)
        self._lines: deque[str] = deque()
        self._units: deque[Unit] = deque()
        self._line = ""
        self._answers: list[Answer] = []
        self._output: deque[bytes] = deque()
        self._state = threading.Lock()
        self.executed = 0  #: commands and queries so far
        self._abort = self._running = self._working = False
        self._waiting_for: tuple[Wait, bool] | None = None
        self.time = ScriptClock(
            clock, busy, progress, lambda: self._abort and self._running, lambda: None
        )

    # -- messages -----------------------------------------------------------------------------

    @staticmethod
    def urgent(line: bytes) -> bool:
        """Whether a line acts at once, whatever the instrument is doing."""
        return _ABORT.match(line) is not None

    def write(self, message: bytes) -> None:
        """Take a message of one or more lines and execute what can be executed."""
        for raw in message.decode("latin-1").split("\n"):
            if line := raw.strip():
                self._take(line)
        self._work()

    def _take(self, line: str) -> None:
        if self._waiting_for is None:
            self._lines.append(line)
        elif self.parked and line.upper() == "*TRG":
            self.trigger()
        elif self.parked and self.urgent(line.encode("latin-1")):
            self.abort()
        else:
            self._lines.append(line)

    def replies(self) -> list[bytes]:
        """Return and forget the replies that are ready, each with its newline."""
        taken: list[bytes] = []
        while self._output:
            taken.append(self._output.popleft())
        return taken

    @property
    def waiting(self) -> int:
        """Replies that are ready."""
        return len(self._output) + len(self._answers)

    @property
    def parked(self) -> bool:
        """Whether the instrument waits for something that is not due."""
        return self._waiting_for is not None and not self._running

    def trigger(self) -> None:
        """Take a bus trigger."""
        self._triggered()
        if self.parked:
            self._go_on()
        self._work()

    def poll(self) -> None:
        """Go on with what waited for something, if that has happened."""
        if self._waiting_for is None or self._running:
            return
        self.time.frozen = True
        try:
            self._go_on()
        finally:
            self.time.frozen = False
        self._work()

    def interrupt(self) -> None:
        """Mark what is running to be aborted; may be called at any moment from any thread."""
        self._abort = True

    def abort(self) -> None:
        """End what is running and every overlapped operation; answers that wait are lost."""
        with self._state:
            self._abort = True
            if self._running:
                return
            self._finish_abort()
        self._work()

    def clear(self) -> None:
        """Take a device clear: nothing runs, nothing is queued."""
        self._lines.clear()
        self._units.clear()
        self.abort()
        self._output.clear()

    # -- executing ----------------------------------------------------------------------------

    def _work(self) -> None:
        if self._working:
            return
        self._working = True
        try:
            while (self._units or self._lines) and self._waiting_for is None:
                self._next()
        finally:
            self._working = False

    def _next(self) -> None:
        if not self._units:
            self._line = self._lines.popleft()
            self._units.extend(self.interpreter.units(self._line))
        while self._units and self._waiting_for is None:
            call, arguments, query, error = self._units.popleft()
            if error:
                self.report(error, self._line)
                self._units.clear()
            elif call is not None:
                self.executed += 1
                self._guarded(call, arguments, query)
        if not self._units and self._waiting_for is None:
            self._answer()

    def _met(self, result: object, query: bool) -> None:
        """Take what a handler returned; waits if it says so."""
        while isinstance(result, Wait):
            self._waiting_for = (result, query)
            if not self.time.run_until(result.until):
                return
            self._waiting_for = None
            result = result.then()
        if query and isinstance(result, str | bytes):
            self._answers.append(result)

    def _go_on(self) -> None:
        """Look whether what the instrument waits for has happened."""
        assert self._waiting_for is not None
        wait, query = self._waiting_for
        self._guarded(lambda: wait, (), query)
        if not self.parked and not self._units:
            self._answer()

    def _guarded(
        self, call: Callable[..., object], arguments: tuple[Any, ...], query: bool
    ) -> None:
        with self._state:
            self._running = True
        try:
            self._met(call(*arguments), query)
        except ScpiError as refused:
            self._waiting_for = None
            self.report(refused.code, refused.text)
        except Stopped:
            self._waiting_for = None
        finally:
            with self._state:
                self._running = False
                if self._abort:
                    self._finish_abort()

    def _finish_abort(self) -> None:
        self._abort = False
        self._waiting_for = None
        self._units.clear()
        self._answers.clear()
        self._aborted()

    def _answer(self) -> None:
        """Send the answers of a line, joined by semicolons."""
        if self._answers:
            parts = [a.encode("latin-1") if isinstance(a, str) else a for a in self._answers]
            self._answers = []
            self._output.append(b";".join(parts) + b"\n")
