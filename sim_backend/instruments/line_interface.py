"""The remote interface of an instrument that answers every line with one line.

Commands are executed in the order in which they come. What takes time does not hold up the
laboratory: its handler starts it and returns a `Pause`, the answer follows when that is over, and
further lines stay in the input buffer until then. Lines that act at once (a stop, a status query)
overtake them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["LineInterface", "Pause"]

_LONGEST = 65536  # characters of a line


@dataclass(frozen=True, slots=True)
class Pause:
    """What a handler returns that has to wait: until when, and what answers then."""

    until: Callable[[], bool]
    then: Callable[[], Any]


class LineInterface:
    """Input buffer and output queue.

    Parameters
    ----------
    execute
        Executes one line; returns the answer, a `Pause` that ends in one, or None for no answer.
    at_once
        Whether a line overtakes those that wait.
    """

    def __init__(
        self, execute: Callable[[str], str | Pause | None], at_once: Callable[[str], bool]
    ) -> None:
        self._execute, self._at_once = execute, at_once
        self._lines: deque[str] = deque()
        self._output: deque[bytes] = deque()
        self._pending: Pause | None = None
        self._working = False

    @property
    def waiting(self) -> int:
        """Answers that are ready."""
        return len(self._output)

    @property
    def busy(self) -> bool:
        """Whether a command is being carried out."""
        return self._pending is not None

    def write(self, message: bytes) -> None:
        """Take a message of one or more lines and execute what can be executed."""
        for raw in message.decode("latin-1").removesuffix("\n").split("\n"):
            line = raw.strip(" \t\r\0")[:_LONGEST]
            if line and self._at_once(line):
                self._go_on()  # what is over by now was over before
                self._answer(self._execute(line))
            elif line:
                self._lines.append(line)
        self.poll()

    def replies(self) -> list[bytes]:
        """Return and forget the answers that are ready, each with its newline."""
        taken = list(self._output)
        self._output.clear()
        return taken

    def poll(self) -> None:
        """Go on with what waited for something, if that has happened."""
        if self._working:
            return
        self._working = True
        try:
            self._go_on()
            while self._lines and self._pending is None:
                self._answer(self._execute(self._lines.popleft()))
                self._go_on()
        finally:
            self._working = False

    def clear(self) -> None:
        """Take a device clear: nothing is queued; what moves goes on."""
        self._lines.clear()
        self._output.clear()
        self._pending = None

    def _go_on(self) -> None:
        while self._pending is not None and self._pending.until():
            pending, self._pending = self._pending, None
            self._answer(pending.then())

    def _answer(self, result: object) -> None:
        if isinstance(result, Pause):
            self._pending = result
        elif isinstance(result, str):
            self._output.append(result.encode("latin-1", "replace") + b"\n")
