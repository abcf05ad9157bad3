"""Errors, status and common commands of a Series 2600B.

Source: Series 2600B Reference Manual, 2600BS-901-01, appendices "Common commands" and "Status
model".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sim_backend.instruments.keithley2600_checks import whole
from sim_backend.instruments.keithley2600_errors import NO_SEVERITY, RECOVERABLE, text_of
from sim_backend.instruments.keithley2600_status import StatusModel
from sim_backend.wire.status import ERROR_AVAILABLE, MESSAGE_AVAILABLE, Entry, ErrorQueue
from sim_backend.wire.tsp import Refusal

__all__ = ["Account"]

_QUEUE = 100  # rows of the error queue
_NODE = 1  # of an instrument that is not part of a TSP-Link system
_MASK = whole(0, 255)


class Account:
    """What the instrument tells of itself: identity, error queue, status registers.

    Parameters
    ----------
    letters
        Of the channels.
    identity
        The answer to ``*IDN?``.
    reset
        Brings the instrument to its defaults.
    busy
        Whether overlapped operations are going on.
    waiting
        Number of replies that are ready.
    """

    def __init__(
        self,
        letters: Iterable[str],
        identity: str,
        reset: Callable[[], None],
        busy: Callable[[], bool],
        waiting: Callable[[], int],
    ) -> None:
        self._identity, self._reset, self._busy = identity, reset, busy
        self._waiting = waiting
        self._complete_when_idle = False
        self.errors = ErrorQueue(
            _entry(0, severity=NO_SEVERITY),
            _entry(-350),
            _QUEUE,
            lambda entry: self.status.error(entry.code),
        )
        self.status = StatusModel(letters, self._live)

    def report(self, code: int, text: str = "") -> None:
        """Append an error to the queue; without a text, the one that belongs to the code."""
        self.errors.add(_entry(code, text))

    def complete(self) -> None:
        """Latch "operation complete" when nothing overlapped is left (``*OPC``)."""
        if self._busy():
            self._complete_when_idle = True
        else:
            self.status.complete()

    def settle(self) -> None:
        """Note that something overlapped has ended."""
        if self._complete_when_idle and not self._busy():
            self._complete_when_idle = False
            self.status.complete()

    def clear(self) -> None:
        """Forget errors and events (``*CLS``)."""
        self.errors.clear()
        self.status.clear()
        self._complete_when_idle = False

    def commands(self) -> dict[str, Callable[[str], str | None]]:
        """Return the common commands: header to what is done with the parameter."""
        standard, byte = self.status.standard, self.status.byte
        return {
            "*IDN?": lambda _: self._identity,
            "*RST": _nothing_after(self._reset),
            "*CLS": _nothing_after(self.clear),
            "*ESE": self._enable_standard,
            "*ESE?": lambda _: str(standard.enable),
            "*ESR?": lambda _: str(standard.read_event()),
            "*OPC": _nothing_after(self.complete),
            "*SRE": lambda value: setattr(byte, "request_enable", _mask(value)),
            "*SRE?": lambda _: str(byte.request_enable),
            "*STB?": lambda _: str(byte.condition),
            "*TST?": lambda _: "0",
        }

    def _enable_standard(self, value: str) -> None:
        self.status.standard.enable = _mask(value)
        self.status.standard.summarise()

    def _live(self) -> int:
        available = MESSAGE_AVAILABLE if self._waiting() else 0
        return available | (ERROR_AVAILABLE if len(self.errors) else 0)


def _mask(value: str) -> int:
    if not value:
        raise Refusal(-109)
    return _MASK(value)


def _nothing_after(call: Callable[[], None]) -> Callable[[str], None]:
    """Return a command without a parameter."""

    def command(parameter: str) -> None:
        if parameter:
            raise Refusal(-108)
        call()

    return command


def _entry(code: int, text: str = "", severity: int = RECOVERABLE) -> Entry:
    return Entry(code, text or text_of(code), severity, _NODE)
