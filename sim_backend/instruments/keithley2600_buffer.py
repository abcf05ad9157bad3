"""Reading buffers: what a channel measured, with when and under which settings.

Source: Series 2600B Reference Manual, 2600BS-901-01, section 3 "Reading buffers" and section 7,
``bufferVar.*``.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import Any, NamedTuple

from sim_backend.instruments.keithley2600_checks import choice, flag, number, whole
from sim_backend.wire.tsp import Node, Refusal

__all__ = ["COLUMNS", "OVERFLOW", "Column", "Reading", "ReadingBuffer", "Status", "buffer_node"]

#: what a reading beyond its range is shown as (section 3, "Reading buffers")
OVERFLOW = 9.91e37
_TICK = 1e6  # the timer counts microseconds (SPEC-2602B, "Timing")


class Status:
    """Bits of a reading's status (section 7, bufferVar.statuses)."""

    OVERTEMP = 0x02
    AUTORANGE_MEASURE = 0x04
    AUTORANGE_SOURCE = 0x08
    FOUR_WIRE = 0x10
    RELATIVE = 0x20
    COMPLIANCE = 0x40
    FILTERED = 0x80


class Reading(NamedTuple):
    """One element of a buffer."""

    value: float  #: V, A, Ohm or W
    time: float  #: when the measurement was triggered, s on the laboratory's clock
    source: float  #: programmed source level, V or A
    status: int
    function: str  #: ``Current``, ``Voltage``, ``Resistance`` or ``Power``
    range: float
    source_function: str
    source_range: float
    output: str  #: ``On`` or ``Off``


#: attribute of a buffer -> field of its readings
COLUMNS = {
    "readings": "value",
    "timestamps": "time",
    "sourcevalues": "source",
    "statuses": "status",
    "measurefunctions": "function",
    "measureranges": "range",
    "sourcefunctions": "source_function",
    "sourceranges": "source_range",
    "sourceoutputstates": "output",
}
_INDEX = {attribute: Reading._fields.index(field) for attribute, field in COLUMNS.items()}


class Statistics(NamedTuple):
    """What the readings of a buffer amount to."""

    n: int
    mean: float
    deviation: float  #: standard deviation of the sample
    lowest: int  #: index of the least reading, from one
    highest: int


class ReadingBuffer:
    """Readings in the order they were taken.

    Parameters
    ----------
    channel
        Name of the channel whose readings it takes.
    capacity
        Elements that fit, or None for a dedicated buffer, whose capacity depends on what is kept.
    epoch
        Date of the laboratory clock's zero, s since 1970.
    """

    def __init__(self, channel: str, capacity: int | None, epoch: float) -> None:
        self.channel = channel
        self._capacity, self._epoch = capacity, epoch
        self.rows: list[Reading] = []
        self._place = 0
        self.append_mode = self.collect_timestamps = self.collect_source_values = 0
        self.fill_mode = 0
        self.fill_count = 0
        self.cache_mode = 1
        self.resolution = 1 / _TICK

    @property
    def capacity(self) -> int:
        """Elements that fit (SPEC-2602B, "Reading buffers")."""
        if self._capacity is not None:
            return self._capacity
        return 60_000 if self.collect_timestamps or self.collect_source_values else 140_000

    @property
    def base_time(self) -> float:
        """Date of the first reading, s since 1970 (bufferVar.basetimestamp)."""
        return self._epoch + self.rows[0].time if self.rows else 0.0

    def begin(self) -> None:
        """Prepare for a new measurement or sweep: without append mode it starts afresh."""
        if not self.append_mode:
            self.clear()

    def add(self, reading: Reading) -> None:
        """Store a reading; a full buffer takes no more, a window starts again at its first."""
        size = self.fill_count or self.capacity if self.fill_mode else self.capacity
        if len(self.rows) < size:
            self.rows.append(reading)
        elif self.fill_mode:
            self.rows[self._place % size] = reading
        else:
            return
        self._place += 1

    def clear(self) -> None:
        """Forget every reading (bufferVar.clear)."""
        self.rows.clear()
        self._place = 0

    def statistics(self) -> Statistics:
        """Return mean, deviation and extremes of the readings; overflows count like any other."""
        values = [row.value for row in self.rows]
        if not values:
            return Statistics(0, 0.0, 0.0, 0, 0)
        deviation = statistics.stdev(values) if len(values) > 1 else 0.0
        lowest, highest = values.index(min(values)) + 1, values.index(max(values)) + 1
        return Statistics(len(values), statistics.fmean(values), deviation, lowest, highest)

    @property
    def next(self) -> int:
        """Index that the next reading will have (bufferVar.next)."""
        return (
            self._place % (self.fill_count or self.capacity) + 1
            if self.fill_mode
            else self._place + 1
        )

    def column(self, attribute: str, first: int, last: int) -> list[float | str]:
        """Return the values `first` to `last` of a column, counted from one.

        Raises
        ------
        Refusal
            The column is not collected in this buffer, or the index is not in it.
        """
        if not 1 <= first <= last or last > len(self.rows):
            raise Refusal(4900)
        if attribute == "timestamps":
            return [self._stamp(row) for row in self.rows[first - 1 : last]]
        at = _INDEX[attribute]
        return [row[at] for row in self.rows[first - 1 : last]]

    def collects(self, attribute: str) -> bool:
        """Return whether the column is kept."""
        if attribute == "timestamps":
            return bool(self.collect_timestamps)
        if attribute in ("sourcevalues", "sourcefunctions", "sourceranges", "sourceoutputstates"):
            return bool(self.collect_source_values)
        return True

    def element(self, attribute: str, key: object) -> float | str | None:
        """Return one value of a column as a script indexes it; None where there is none."""
        if not isinstance(key, int | float) or not 1 <= key <= len(self.rows):
            return None
        if key != int(key) or not self.collects(attribute):
            return None
        return self.column(attribute, int(key), int(key))[0]

    def set_when_empty(self, attribute: str, value: int) -> None:
        """Turn append mode or the collection of a column on or off.

        Raises
        ------
        Refusal
            The buffer is not empty.
        """
        if self.rows:
            raise Refusal(5032)
        setattr(self, attribute, value)

    def set_resolution(self, seconds: float) -> None:
        """Set the resolution of timestamps, rounded to a power of two microseconds."""
        if self.rows:
            raise Refusal(5032)
        if seconds < 1 / _TICK:
            raise Refusal(5047)
        self.resolution = 2 ** round(math.log2(seconds * _TICK)) / _TICK

    def _stamp(self, row: Reading) -> float:
        ticks = round(self.resolution * _TICK)
        since = round(row.time * _TICK) - round(self.rows[0].time * _TICK)
        return since // ticks * ticks / _TICK


class Column(NamedTuple):
    """One column of a buffer, as a script passes it to ``printbuffer``."""

    buffer: ReadingBuffer
    attribute: str


def buffer_node(name: str, buffer: ReadingBuffer) -> Node:
    """Describe a buffer as scripts see it (section 7, ``bufferVar.*``)."""
    node = Node(name, behind=buffer, luatype="reading_buffer")
    node.element = lambda key: buffer.element("readings", key)
    node.getters = {
        "n": lambda: len(buffer.rows),
        "capacity": lambda: buffer.capacity,
        "basetimestamp": lambda: buffer.base_time,
        "basetimeseconds": lambda: float(int(buffer.base_time)),
        "basetimefractional": lambda: buffer.base_time % 1,
        "appendmode": lambda: buffer.append_mode,
        "collecttimestamps": lambda: buffer.collect_timestamps,
        "collectsourcevalues": lambda: buffer.collect_source_values,
        "timestampresolution": lambda: buffer.resolution,
        "fillmode": lambda: buffer.fill_mode,
        "fillcount": lambda: buffer.fill_count,
        "cachemode": lambda: buffer.cache_mode,
        "next": lambda: buffer.next,
    }
    node.setters = {
        "appendmode": _when_empty(buffer, "append_mode"),
        "collecttimestamps": _when_empty(buffer, "collect_timestamps"),
        "collectsourcevalues": _when_empty(buffer, "collect_source_values"),
        "timestampresolution": lambda value: buffer.set_resolution(number(0.0, 1e3)(value)),
        "fillmode": lambda value: setattr(buffer, "fill_mode", choice(0, 1)(value)),
        "fillcount": lambda value: setattr(buffer, "fill_count", whole(0)(value)),
        # the cache only matters between the instrument and its own front end
        "cachemode": lambda value: setattr(buffer, "cache_mode", flag(value)),
    }
    node.calls = {"clear": buffer.clear, "clearcache": lambda: None}
    node.objects = {"FILL_ONCE": 0, "FILL_WINDOW": 1}
    for attribute in COLUMNS:
        node.objects[attribute] = _column_node(f"{name}.{attribute}", buffer, attribute)
    return node


def _when_empty(buffer: ReadingBuffer, attribute: str) -> Callable[[Any], None]:
    return lambda value: buffer.set_when_empty(attribute, flag(value))


def _column_node(name: str, buffer: ReadingBuffer, attribute: str) -> Node:
    def get(index: Any) -> float | str | None:
        return buffer.element(attribute, index)

    return Node(
        name,
        # undocumented, but clients that list the table find it and use it
        calls={"getreading": get} if attribute == "readings" else {},
        element=lambda key: buffer.element(attribute, key),
        behind=Column(buffer, attribute),
    )
