"""Control of a running run: signals and the words on standard input become one state to ask.

Words, one a line: ``pause``, ``resume``, ``stop`` (after this step), ``abort`` (now). A signal
(SIGINT, SIGTERM, on Windows SIGBREAK) is an abort; a second SIGINT is an ordinary
KeyboardInterrupt. When the control pipe closes, `on_orphan` decides.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import IO, Literal

from labctl.errors import Aborted, Stopped

__all__ = ["Control", "catching_signals", "listening"]

OnOrphan = Literal["stop", "continue"]


class Control:
    """What the user wants of the run, set from any thread and asked by the engine and drivers."""

    def __init__(self) -> None:
        self.reason = ""
        #: further words, and what obeys them
        self.others: dict[str, Callable[[], None]] = {}
        self._abort = self._stop = self._paused = False

    def aborting(self) -> bool:
        """Whether to break off now; what drivers ask between chunks and while waiting."""
        return self._abort

    def stopping(self) -> bool:
        """Whether to end after the step in hand."""
        return self._stop or self._abort

    def say(self, word: str, reason: str) -> bool:
        """Take one word; False when it is none of the four and nobody else obeys it."""
        match word:
            case "pause":
                self._paused = True
            case "resume":
                self._paused = False
            case "stop":
                self._stop, self.reason = True, self.reason or reason
            case "abort":
                self._abort, self.reason = True, self.reason or reason
            case _ if word in self.others:
                self.others[word]()
            case _:
                return False
        return True

    def between_steps(self) -> None:
        """Wait while paused.

        Raises
        ------
        Aborted, Stopped
            An abort or a stop was asked for.
        """
        while self._paused and not self.stopping():
            time.sleep(0.05)
        if self._abort:
            raise Aborted(self.reason)
        if self._stop:
            raise Stopped(self.reason)


@contextmanager
def catching_signals(control: Control) -> Iterator[None]:
    """Turn signals into an abort while inside; does nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGBREAK"):
        numbers.append(signal.SIGBREAK)

    def receive(number: int, frame: FrameType | None) -> None:
        if control.aborting() and number == signal.SIGINT:
            raise KeyboardInterrupt
        name = signal.Signals(number).name
        control.say("abort", f"aborted by {name}; what was measured is in the record")

    before = {number: signal.signal(number, receive) for number in numbers}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def listening(control: Control, pipe: IO[str], on_orphan: OnOrphan) -> threading.Thread:
    """Obey words from a pipe in a thread of its own until the pipe closes."""

    def listen() -> None:
        for line in pipe:
            word = line.strip().lower()
            control.say(word, f'ended by "{word}" on standard input; the record is kept')
        if on_orphan == "stop":
            control.say("stop", "stopped because the program that started the run went away")

    thread = threading.Thread(target=listen, name="labctl-control", daemon=True)
    thread.start()
    return thread
