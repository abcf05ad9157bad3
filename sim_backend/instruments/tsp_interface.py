"""The remote interface of a TSP instrument: messages in, replies out, one script at a time.

An instrument is driven by `write` and answers through `replies`; there is no I/O here. Everything
that takes time advances the laboratory's clock. A script that waits for something that is not due
is parked: the instrument is busy then, keeps further messages in its input queue, and goes on when
something has happened (`poll`) or when it is told to abort.

While a script runs `abort` only leaves a mark, as `interrupt` does from any thread; it is seen
whenever the script lets time pass and every few thousand instructions.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping

from sim_backend.clock import Clock
from sim_backend.instruments.tsp_time import ScriptClock
from sim_backend.wire.tsp import Bounds, Engine, Outcome, Refusal, Stopped
from sim_backend.wire.tsp_scripts import Scripts

__all__ = ["Interface", "urgent"]

_COMPLETE = "waitcomplete() print('1')"


def urgent(line: bytes) -> bool:
    """Whether a line acts at once, whatever is running: an abort does."""
    return line.strip() == b"abort"


class Interface:
    """Input queue, interpreter and output queue.

    Parameters
    ----------
    clock
        The laboratory's time.
    date
        Returns the date, s since 1970.
    report
        Takes code and text of every error.
    busy
        Whether overlapped operations are going on, for ``waitcomplete``.
    progress
        A number that grows while they get somewhere; None while only an abort can end them.
    aborted
        Called when overlapped operations are to end.
    triggered
        Called at each ``*TRG`` or bus trigger.
    commands
        Common commands without parameters or with one: ``*CLS`` -> function of the parameter.
    bounds
        When a script counts as a runaway.
    """

    def __init__(
        self,
        clock: Clock,
        date: Callable[[], float],
        report: Callable[[int, str], None],
        busy: Callable[[], bool],
        progress: Callable[[], int | None],
        aborted: Callable[[], None],
        triggered: Callable[[], None],
        commands: Mapping[str, Callable[[str], str | None]],
        bounds: Bounds | None = None,
    ) -> None:
        self.report = report
        self._aborted, self._triggered = aborted, triggered
        self._commands = commands
        #: called after each line with whether it went well, for prompts
        self.answered: Callable[[], None] = lambda: None
        self._input: deque[str] = deque()
        self._output: deque[bytes] = deque()
        self._state = threading.Lock()
        self._running = self._working = self.parked = False
        self._abort = False
        self.engine = Engine(
            self._print,
            lambda: self._abort,
            date,
            lambda refusal: report(refusal.code, refusal.text),
            bounds,
        )
        self.scripts = Scripts(self.engine, self._conclude)
        self.time = ScriptClock(
            clock, busy, progress, lambda: self._abort and self._running, self.engine.time_passed
        )

    # -- messages -----------------------------------------------------------------------------

    def write(self, message: bytes) -> None:
        """Take a message of one or more lines and execute what can be executed."""
        lines = message.decode("latin-1").split("\n")
        if not lines[-1]:
            lines.pop()
        for line in lines:
            self._take(line.removesuffix("\r"))
        self._work()

    def _take(self, line: str) -> None:
        word = line.strip()
        if word == "abort":
            self.abort()
        elif self.busy and word == "*TRG":
            self.trigger()
        else:
            self._input.append(line)

    @property
    def busy(self) -> bool:
        """Whether a script runs, or waits for something."""
        return self._running or self.parked

    def prompt(self, line: bytes) -> bool:
        """Whether a line reaches what is running: a bus trigger does."""
        return self.busy and line.strip() == b"*TRG"

    def trigger(self) -> None:
        """Take a bus trigger."""
        self._triggered()
        self._resume()

    def replies(self) -> list[bytes]:
        """Return and forget the replies that are ready, each with its newline."""
        taken = []
        while self._output:
            taken.append(self._output.popleft())
        return taken

    @property
    def waiting(self) -> int:
        """Replies that are ready."""
        return len(self._output)

    def send(self, reply: bytes) -> None:
        """Put a reply, without its newline, into the output queue."""
        self._output.append(reply + b"\n")

    def clear(self) -> None:
        """Take a device clear: nothing runs, nothing is queued."""
        self._input.clear()
        self.scripts.abandon()
        self.abort()
        self._output.clear()

    def interrupt(self) -> None:
        """Mark what is running to be aborted; may be called at any moment from any thread."""
        self._abort = True

    def abort(self) -> None:
        """End the running script and every overlapped operation."""
        with self._state:
            self._abort = True
            if self._running:
                return
            self._finish_abort()
        self._work()

    def poll(self) -> None:
        """Go on with a parked script if what it waits for has happened."""
        if not self.parked:
            return
        self.time.frozen = True
        try:
            self._run(self.engine.resume)
        finally:
            self.time.frozen = False
        self._work()

    def _resume(self) -> None:
        """Go on with a parked script and let it wait again."""
        if self.parked:
            self._run(self.engine.resume)
            self._work()

    def _work(self) -> None:
        if self._working:
            return
        self._working = True
        try:
            while self._input and not self.parked:
                self._execute(self._input.popleft())
        finally:
            self._working = False

    def _execute(self, line: str) -> None:
        if self.scripts.takes(line):
            body = self.scripts.due()
            if body is not None:
                self._run(lambda: self.engine.start(body))
        elif line.lstrip().startswith("*"):
            self._run_common(line.strip())
        elif line.strip():
            self._run(lambda: self.engine.run(line))
        self.answered()

    def _run_common(self, line: str) -> None:
        header, _, parameter = line.partition(" ")
        header = header.upper()
        if header in ("*OPC?", "*WAI"):
            text = _COMPLETE if header == "*OPC?" else "waitcomplete()"
            self._run(lambda: self.engine.run(text))
        elif header == "*TRG":
            self._triggered()
        elif header in self._commands:
            try:
                reply = self._commands[header](parameter.strip())
            except Refusal as refusal:
                self.report(refusal.code, refusal.text)
            else:
                if reply is not None:
                    self.send(reply.encode("latin-1"))
        else:
            self._run(lambda: self.engine.run(line))

    # -- scripts ------------------------------------------------------------------------------

    def _run(self, call: Callable[[], Outcome]) -> None:
        with self._state:
            self._running = True
        outcome = None
        try:
            outcome = call()
        except Stopped:
            outcome = Outcome("stopped")
        finally:
            with self._state:
                self._running = False
                self.parked = outcome is not None and outcome.state == "parked"
                if self._abort:
                    self._finish_abort()
        self._conclude(outcome)

    def _finish_abort(self) -> None:
        self._abort = False
        if self.parked:
            self.engine.drop()
            self.parked = False
        self._aborted()

    def _conclude(self, outcome: Outcome) -> None:
        if outcome.state == "failed":
            self.report(outcome.code, outcome.text)

    def _print(self, text: str) -> None:
        self._output.append(text.encode("latin-1", "replace") + b"\n")
