"""The IEEE 488.2 status model: registers that latch and summarise, and the error queue.

A `Register` is a set of condition bits whose transitions latch into events, whose enabled events
set one bit of the register above it; the status byte is at the top (IEEE Std 488.2-1992, chapter
11; Series 2600B Reference Manual, 2600BS-901-01, appendix "Status model"). Tables of registers
belong to the instruments.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Entry", "ErrorQueue", "Register", "StandardEvents", "StatusByte", "standard_bit"]

#: bits of the status byte and the service request enable register
MEASUREMENT_SUMMARY, SYSTEM_SUMMARY, ERROR_AVAILABLE = 1, 2, 4
QUESTIONABLE_SUMMARY, MESSAGE_AVAILABLE, STANDARD_SUMMARY = 8, 16, 32
MASTER_SUMMARY, OPERATION_SUMMARY = 64, 128

#: bits of the standard event register
OPERATION_COMPLETE, QUERY_ERROR, DEVICE_ERROR = 1, 4, 8
EXECUTION_ERROR, COMMAND_ERROR, POWER_ON = 16, 32, 128


class Entry(NamedTuple):
    """One row of the error queue."""

    code: int
    message: str
    severity: int
    node: int


class ErrorQueue:
    """First in, first out; when full, the newest entry says that it overflowed.

    Parameters
    ----------
    empty, overflow
        The answers of an empty and of an overflowing queue.
    capacity
        Rows that fit.
    changed
        Called with each new row, for the status registers.
    """

    def __init__(
        self, empty: Entry, overflow: Entry, capacity: int, changed: Callable[[Entry], None]
    ) -> None:
        self._empty, self._overflow = empty, overflow
        self._capacity, self._changed = capacity, changed
        self._rows: deque[Entry] = deque()

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, entry: Entry) -> None:
        """Append a row."""
        if len(self._rows) >= self._capacity:
            self._rows[-1] = entry = self._overflow
        else:
            self._rows.append(entry)
        self._changed(entry)

    def next(self) -> Entry:
        """Take the oldest row, or the answer of an empty queue."""
        return self._rows.popleft() if self._rows else self._empty

    def clear(self) -> None:
        """Forget every row."""
        self._rows.clear()


class Register:
    """Condition, transition filters, latched events and their enable mask.

    Parameters
    ----------
    bits
        Name of each bit, without prefix, as the instrument's manual names it -> its value.
    parent, bit
        The register that summarises this one, and where.
    """

    def __init__(
        self, bits: dict[str, int], parent: Register | StatusByte | None = None, bit: int = 0
    ) -> None:
        self.bits = bits
        self.mask = 0
        for value in bits.values():
            self.mask |= value
        self._parent, self._bit = parent, bit
        self.condition = self.event = self.enable = self.ntr = 0
        self.ptr = self.mask

    def extend(self, bits: dict[str, int]) -> None:
        """Have these bits besides."""
        self.bits = self.bits | bits
        for value in bits.values():
            self.mask |= value
            self.ptr |= value

    def set(self, bit: int, on: bool) -> None:
        """Set or clear condition bits; transitions that pass the filters latch."""
        before = self.condition
        self.condition = before | bit if on else before & ~bit
        rose, fell = self.condition & ~before, before & ~self.condition
        latched = rose & self.ptr | fell & self.ntr
        if latched:
            self.event |= latched
            self.summarise()

    def pulse(self, bit: int) -> None:
        """Let a condition come and go."""
        self.set(bit, on=True)
        self.set(bit, on=False)

    def read_event(self) -> int:
        """Return the latched events and forget them."""
        event, self.event = self.event, 0
        self.summarise()
        return event

    def summarise(self) -> None:
        """Pass on to the register above whether an enabled event is latched."""
        if self._parent is not None:
            self._parent.set(self._bit, bool(self.event & self.enable))

    def clear(self) -> None:
        """Forget the latched events (``*CLS``)."""
        self.event = 0
        self.summarise()

    def reset(self) -> None:
        """Return the masks to what they are at power-on (``status.reset()``)."""
        self.enable, self.ntr, self.ptr = 0, 0, self.mask
        self.clear()


class StandardEvents(Register):
    """The standard event register: every bit latches by itself."""

    def raise_event(self, bit: int) -> None:
        """Latch an event."""
        self.event |= bit
        self.summarise()


class StatusByte:
    """The status byte and its service request enable mask.

    Parameters
    ----------
    live
        Bits that follow the queues: called whenever the byte is read.
    """

    def __init__(self, live: Callable[[], int]) -> None:
        self._live = live
        self._summaries = 0
        self.request_enable = 0

    def set(self, bit: int, on: bool) -> None:
        """Take a summary from the register below."""
        self._summaries = self._summaries | bit if on else self._summaries & ~bit

    @property
    def condition(self) -> int:
        """The byte, master summary included."""
        value = self._summaries | self._live()
        return value | MASTER_SUMMARY if value & self.request_enable & ~MASTER_SUMMARY else value


def standard_bit(code: int) -> int:
    """Return the standard event that an error of this code raises (SCPI-1999, volume 2, 21.8)."""
    for top, bottom, bit in (
        (-100, -199, COMMAND_ERROR),
        (-200, -279, EXECUTION_ERROR),
        (-280, -299, EXECUTION_ERROR),
        (-300, -399, DEVICE_ERROR),
        (-400, -499, QUERY_ERROR),
    ):
        if bottom <= code <= top:
            return bit
    return DEVICE_ERROR if code > 0 else 0
