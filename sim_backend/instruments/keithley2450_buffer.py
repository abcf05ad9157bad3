"""Reading buffers of a 2450-family SourceMeter.

Places are numbered from 1. A buffer that fills once discards what does not fit; one that fills
continuously goes on at place 1 over the oldest readings, so that its first reading may stand after
its last. Statistics run over all readings since the last clear, overwritten ones included.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, section 3 "Reading buffers", pages
6-156 to 6-182.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sim_backend.instruments.keithley2450_events import BUFFER_EMPTY, BUFFER_FULL, PARAMETER
from sim_backend.wire.parameters import ScpiError

__all__ = ["FIXED", "STYLES", "WRITABLE", "Buffer", "Buffers", "Reading"]

OUT_OF_MEMORY, NOT_FOUND, OUT_OF_RANGE, CONFLICT = -225, -224, -222, -221
FIXED = ("defbuffer1", "defbuffer2")  #: buffers that always exist
STYLES = ("COMP", "STAN", "FULL", "WRIT", "FULLWRIT")
WRITABLE = ("WRIT", "FULLWRIT")  #: styles that take data from outside and no measurements
SMALLEST = 10
_COMPACT = 4  # as many compact readings fit where one standard reading does
#: bits of a reading's status [R page 6-3]
QUESTIONABLE, DIGITIZER, FRONT = 1, 4, 8
LOW2, HIGH2, LOW1, HIGH1, START_GROUP = 16, 32, 64, 128, 256


class Reading(NamedTuple):
    """One reading, with everything that can be asked of it."""

    value: float
    source: float  #: V or A, read back or programmed
    time: float  #: when it began, s of the laboratory
    status: int = 0
    source_status: int = 0
    unit: str = "AMP"
    source_unit: str = "VOLT"
    digits: int = 5
    extra: float = math.nan  #: second value of a full writable buffer


class Buffer:
    """One reading buffer.

    Parameters
    ----------
    name, capacity, style
        As it was made.
    told
        Called with the number of an event: the buffer is empty, or full.
    """

    def __init__(
        self, name: str, capacity: int, style: str, told: Callable[[int, bool], None]
    ) -> None:
        self.name, self.capacity, self.style, self._told = name, capacity, style, told
        self.continuous = name in FIXED
        self.logged = name in FIXED  #: whether being empty or full is logged
        self.unit, self.digits = "NONE", 6  #: of what is written from outside
        self.extra_unit, self.extra_digits = "NONE", 6
        self._rows: list[Reading] = []
        self._next = 0  #: place that is overwritten next, from 0
        self.zero: float | None = None  #: when the first reading was taken, s
        self.forget_statistics()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def full(self) -> bool:
        """Whether nothing more fits."""
        return not self.continuous and len(self._rows) >= self.capacity

    def append(self, reading: Reading) -> bool:
        """Store a reading; False when it was discarded."""
        if self.full:
            return False
        if self.zero is None:
            self.zero = reading.time
        self._count(reading.value)
        if len(self._rows) < self.capacity:
            self._rows.append(reading)
            if len(self._rows) == self.capacity:
                self._told(BUFFER_FULL, self.logged)
        else:
            self._rows[self._next] = reading
            self._next = (self._next + 1) % self.capacity
        return True

    def clear(self) -> None:
        """Forget readings and statistics."""
        if self._rows:
            self._told(BUFFER_EMPTY, self.logged)
        self._rows, self._next, self.zero = [], 0, None
        self.forget_statistics()

    def resize(self, capacity: int) -> None:
        """Change how many readings fit; they are lost."""
        self.capacity = capacity
        self.clear()

    # -- looking at it -----------------------------------------------------------------------

    @property
    def start(self) -> int:
        """Place of the oldest reading; 0 without any."""
        return self._next + 1 if self._rows else 0

    @property
    def end(self) -> int:
        """Place of the newest reading; 0 without any."""
        return (self._next - 1) % len(self._rows) + 1 if self._rows else 0

    @property
    def last(self) -> Reading:
        """The newest reading.

        Raises
        ------
        ScpiError
            There is none.
        """
        if not self._rows:
            raise ScpiError(-230)
        return self._rows[self.end - 1]

    def between(self, first: int, last: int) -> Sequence[Reading]:
        """Return the readings at these places, both included.

        Raises
        ------
        ScpiError
            A place is empty.
        """
        if not 1 <= first <= last <= len(self._rows):
            raise ScpiError(OUT_OF_RANGE)
        return self._rows[first - 1 : last]

    def relative(self, reading: Reading) -> float:
        """Return the time since the first reading, s."""
        return reading.time - (self.zero or 0.0)

    # -- statistics --------------------------------------------------------------------------

    def forget_statistics(self) -> None:
        """Begin the statistics anew; the readings stay."""
        self.n, self.mean, self._squares = 0, 0.0, 0.0
        self.least, self.most = math.inf, -math.inf

    def _count(self, value: float) -> None:
        self.n += 1
        step = value - self.mean
        self.mean += step / self.n
        self._squares += step * (value - self.mean)
        self.least, self.most = min(self.least, value), max(self.most, value)

    @property
    def deviation(self) -> float:
        """Standard deviation of a single reading; 0 below two readings."""
        return math.sqrt(self._squares / (self.n - 1)) if self.n > 1 else 0.0


class Buffers:
    """Every buffer of the instrument.

    Parameters
    ----------
    size, total
        Readings in a default buffer, and in all of them together.
    told
        Called with the number of an event and whether it is to be logged.
    """

    def __init__(self, size: int, total: int, told: Callable[[int, bool], None]) -> None:
        self._size, self._total, self._told = size, total, told
        self._all: dict[str, Buffer] = {}
        self.reset()

    def reset(self) -> None:
        """Leave only the default buffers, empty."""
        self._all = {name: Buffer(name, self._size, "STAN", self._told) for name in FIXED}
        self.active = FIXED[0]

    def names(self) -> list[str]:
        """Return the names of all buffers."""
        return list(self._all)

    def get(self, name: str = FIXED[0]) -> Buffer:
        """Return a buffer.

        Raises
        ------
        ScpiError
            There is none of this name.
        """
        if name not in self._all:
            raise ScpiError(PARAMETER, f"Parameter error: buffer {name[:32]} does not exist")
        return self._all[name]

    def for_readings(self, name: str = FIXED[0]) -> Buffer:
        """Return a buffer that takes measurements.

        Raises
        ------
        ScpiError
            There is none of this name, or it is a writable one.
        """
        buffer = self.get(name)
        if buffer.style in WRITABLE:
            raise ScpiError(PARAMETER, "Parameter error: a writable buffer takes no measurements")
        return buffer

    def make(self, name: str, capacity: int, style: str = "STAN") -> Buffer:
        """Make a buffer; it becomes the active one.

        Raises
        ------
        ScpiError
            The name is taken or no name, or it does not fit.
        """
        if name in self._all:
            text = "Parameter error: TRACe:MAKE cannot take an existing reading buffer name"
            raise ScpiError(PARAMETER, text)
        if not name.isidentifier() or len(name) > 31:
            raise ScpiError(NOT_FOUND)
        self._check(capacity, style)
        self._all[name] = Buffer(name, capacity, style, self._told)
        self.active = name
        return self._all[name]

    def resize(self, name: str, capacity: int) -> None:
        """Change the size of a buffer; its readings are lost."""
        buffer = self.get(name)
        self._check(capacity, buffer.style, buffer)
        buffer.resize(capacity)

    def _check(self, capacity: int, style: str, instead: Buffer | None = None) -> None:
        if capacity < SMALLEST:
            raise ScpiError(OUT_OF_RANGE)
        room = self._total * _COMPACT
        for buffer in self._all.values():
            if buffer is not instead:
                room -= buffer.capacity * _weight(buffer.style)
        if capacity * _weight(style) > room:
            raise ScpiError(OUT_OF_MEMORY)

    def delete(self, name: str) -> None:
        """Delete a buffer that somebody made.

        Raises
        ------
        ScpiError
            There is none of this name, or it is a default buffer.
        """
        self.get(name)
        if name in FIXED:
            raise ScpiError(PARAMETER, f"Parameter error: {name} cannot be deleted")
        del self._all[name]
        if self.active == name:
            self.active = FIXED[0]


def _weight(style: str) -> int:
    return 1 if style == "COMP" else _COMPACT
