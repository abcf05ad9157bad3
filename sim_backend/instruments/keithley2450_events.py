"""The event log of a 2450-family SourceMeter: errors, warnings and information, with their times.

A part that refuses something raises `sim_backend.wire.parameters.ScpiError` with the number that
belongs into the log; whichever command language is spoken catches it and calls `EventLog.add`.
What happens without being refused (a trigger model that ends, a buffer that fills) is logged by
`EventLog.happened`, which also tells the status registers, whose bits can be mapped to event
numbers.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 6-147 to 6-152 (the log) and C-10 (event
numbers); SCPI-1999 for the negative numbers. Texts marked [C] are to be checked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from sim_backend.clock import Clock
from sim_backend.instruments.scpi_account import TEXTS as STANDARD

__all__ = [
    "ERROR",
    "INFORMATION",
    "NOTHING",
    "TEXTS",
    "WARNING",
    "Event",
    "EventLog",
    "InstrumentTime",
]  # fmt: skip

ERROR, WARNING, INFORMATION = 1, 2, 4  #: kinds of events
_CAPACITY = 1000
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)  # of the laboratory's time, on the calendar

#: numbers of the family's own events
PARAMETER, EMPTY_BUFFER, NO_LIST, INTERLOCK = 1115, -230, 2790, 5074
ELEMENTS = 1133
ABORTED, FAILED, RUNNING, COMPLETED, ENDED = 2728, 2730, 2731, 2732, 2733
USER, BUFFER_EMPTY, BUFFER_FULL = 1003, 4916, 4917
LIMIT_CHANGED, TEXT_SHORTENED, OVERHEATED = 5066, 4914, 2771

TEXTS: Mapping[int, str] = MappingProxyType({
    **STANDARD,
    -256: "File name not found",  # text of SCPI-99, section 21.8.10
    USER: "User",
    PARAMETER: "Parameter error",
    ELEMENTS: "Parameter 4, Syntax error, expected valid name parameters",
    ABORTED: "Trigger model aborted by user",  # [C] wording of the 27xx events
    FAILED: "Trigger model failed",
    RUNNING: "Trigger model running",
    COMPLETED: "Trigger model completed, now idle",
    ENDED: "Trigger model ended",
    OVERHEATED: "Instrument is too hot, output switched off",  # [C]
    NO_LIST: "Configuration list, error, does not exist",
    TEXT_SHORTENED: "Text shortened to fit the screen",  # [C]
    BUFFER_EMPTY: "Reading buffer 0% filled",  # [C] wording
    BUFFER_FULL: "Reading buffer 100% filled",  # [C] wording
    LIMIT_CHANGED: "Source limit changed to fit the range",  # [C] number and wording
    INTERLOCK: "Output blocked by interlock",
})  # fmt: skip


class Event(NamedTuple):
    """One row of the log."""

    code: int
    message: str
    kind: int  #: ERROR, WARNING or INFORMATION
    when: datetime | None


NOTHING = Event(0, "No error", 0, None)


class InstrumentTime:
    """The calendar of the instrument, which somebody may set.

    Parameters
    ----------
    clock
        The laboratory's time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock, self._zero = clock, _BEGINNING

    def at(self, when: float) -> datetime:
        """Return the date of a time of the laboratory, s."""
        return self._zero + timedelta(seconds=when)

    def now(self) -> datetime:
        """Return the present date."""
        return self.at(self._clock.now_s)

    def set(self, date: datetime) -> None:
        """Set the present date."""
        self._zero = date - timedelta(seconds=self._clock.now_s)


class EventLog:
    """First in, first out; the oldest row is lost when it is full.

    Parameters
    ----------
    time
        The instrument's calendar.
    """

    def __init__(self, time: InstrumentTime) -> None:
        self._time = time
        self._rows: deque[Event] = deque(maxlen=_CAPACITY)
        #: called with number and kind of every event, for the status registers
        self.heard: Callable[[int, int], None] = _ignore

    def __len__(self) -> int:
        return self.count(ERROR)

    def add(self, code: int, text: str = "", kind: int = ERROR) -> None:
        """Append a row; one without a text gets that of its number."""
        message = text or TEXTS.get(code, "Unknown event")
        self._rows.append(Event(code, message, kind, self._time.now()))
        self.heard(code, kind)

    def happened(self, code: int, kind: int = INFORMATION, *, logged: bool = True) -> None:
        """Note an event that nobody asked for."""
        if logged:
            self.add(code, kind=kind)
        else:
            self.heard(code, kind)

    def count(self, kinds: int = ERROR | WARNING | INFORMATION) -> int:
        """Return how many unread rows are of these kinds."""
        return sum(1 for row in self._rows if row.kind & kinds)

    def next(self, kinds: int = ERROR | WARNING | INFORMATION) -> Event:
        """Take the oldest row of these kinds; rows before it are passed over for good."""
        if not self.count(kinds):
            return NOTHING
        while True:
            row = self._rows.popleft()
            if row.kind & kinds:
                return row

    def clear(self) -> None:
        """Forget every row."""
        self._rows.clear()


def _ignore(_: int, __: int) -> None:
    """Do nothing."""
