"""Reading buffers as scripts of the 2450 family see them: ``defbuffer1``, ``buffer.make``.

A script holds a handle; the buffer behind it may have been deleted or, after a reset, be a new one.
A buffer that ``buffer.make`` returns gets the name of the variable that it is stored in, which
`BufferTables.call_it` is told.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 8-11 to 8-42; statistics page 8-12.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from sim_backend.instruments.keithley2450_buffer import FIXED, Buffer, Reading
from sim_backend.instruments.keithley2450_events import PARAMETER
from sim_backend.instruments.keithley2450_scpi_readings import formatted
from sim_backend.instruments.keithley2450_tsp_values import (
    Attribute,
    field,
    guarded,
    read_only,
    switched,
    tree,
    whole,
    words_of,
)
from sim_backend.instruments.keithley2450_unit import Unit
from sim_backend.wire.parameters import ScpiError
from sim_backend.wire.tsp import Node, Refusal

__all__ = ["COLUMNS", "FILLS", "BufferTables", "Column", "Handle"]

TYPE = -104
_MOST = 2**31
FILLS = words_of("buffer.FILL_", {"ONCE": False, "CONTINUOUS": True})
#: how units are written [C but for those of the examples of the manual]
_WRITTEN = {
    "VOLT": "Volt DC", "AMP": "Amp DC", "OHM": "Ohm", "WATT": "Watt DC", "PERC": "%",
    "PERCent": "%", "RECiprocal": "Reciprocal", "NONE": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Handle:
    """What a script holds of a buffer."""

    name: str


class Column(NamedTuple):
    """What a script passes as ``testData.sourcevalues``."""

    handle: Handle
    attribute: str


Value = float | str
Read = Callable[[Unit, Buffer, Reading], Value]


def _date(pattern: str) -> Read:
    return lambda unit, _, reading: unit.time.at(reading.time).strftime(pattern)


def _stamp(unit: Unit, _: Buffer, reading: Reading) -> str:
    fraction = round(reading.time % 1.0 * 1e9) % 10**9
    return f"{unit.time.at(reading.time):%m/%d/%Y %H:%M:%S}.{fraction:09d}"


def _seconds(unit: Unit, _: Buffer, reading: Reading) -> float:
    return float(math.floor(unit.time.at(reading.time).timestamp()))


#: attribute of a buffer -> its value for a reading
COLUMNS: Mapping[str, Read] = MappingProxyType({
    "readings": lambda _, __, r: r.value,
    "sourcevalues": lambda _, __, r: r.source,
    "relativetimestamps": lambda _, buffer, r: buffer.relative(r),
    "timestamps": _stamp,
    "dates": _date("%m/%d/%Y"),
    "times": _date("%H:%M:%S"),
    "seconds": _seconds,
    "fractionalseconds": lambda _, __, r: r.time % 1.0,
    "statuses": lambda _, __, r: r.status,
    "sourcestatuses": lambda _, __, r: r.source_status,
    "units": lambda _, __, r: _WRITTEN.get(r.unit, r.unit),
    "sourceunits": lambda _, __, r: _WRITTEN.get(r.source_unit, r.source_unit),
    "formattedreadings": lambda _, __, r: formatted(r.value, r.unit, r.digits),
    "sourceformattedvalues": lambda _, __, r: formatted(r.source, r.source_unit, r.digits),
    "extravalues": lambda _, __, r: r.extra,
    "extraformattedvalues": lambda _, buffer, r: formatted(
        r.extra, buffer.extra_unit, buffer.extra_digits
    ),
    "extravalueunits": lambda _, buffer, __: _WRITTEN.get(buffer.extra_unit, buffer.extra_unit),
})  # fmt: skip


class BufferTables:
    """Every buffer of the instrument, as tables.

    Parameters
    ----------
    unit
        The instrument.
    """

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self._labels: dict[str, str] = {}  # name in the instrument -> variable
        self._made = 0

    # -- names -------------------------------------------------------------------------------

    def name_of(self, value: Any) -> str:
        """Return the instrument's name of the buffer that a script passed, or left out.

        Raises
        ------
        Refusal
            It is no buffer.
        ScpiError
            It was deleted.
        """
        if value is None:
            return FIXED[0]
        if not isinstance(value, Handle):
            raise Refusal(TYPE)
        return self.get(value).name

    def get(self, handle: Handle) -> Buffer:
        """Return the buffer behind a handle.

        Raises
        ------
        ScpiError
            It was deleted.
        """
        if handle.name not in self.unit.buffers.names():
            raise ScpiError(PARAMETER, "Parameter error: the reading buffer was deleted")
        return self.unit.buffers.get(handle.name)

    def called(self, value: Any) -> str:
        """Return the instrument's name of a buffer that is passed, or named by its variable.

        Raises
        ------
        Refusal
            It is no buffer.
        ScpiError
            There is none of this name.
        """
        if not isinstance(value, str):
            return self.name_of(value)
        names = self.unit.buffers.names()
        found = next((name for name in names if self.label(name) == value), value)
        return self.unit.buffers.get(found).name

    def label(self, name: str) -> str:
        """Return the name under which scripts know a buffer."""
        return self._labels.get(name, name)

    def call_it(self, value: Any, variable: Any) -> None:
        """Note the variable a buffer was stored in; another one of that name is deleted."""
        if not isinstance(value, Handle) or not isinstance(variable, str) or value.name in FIXED:
            return
        for name, label in tuple(self._labels.items()):
            if label == variable and name != value.name:
                del self._labels[name]
                if name in self.unit.buffers.names() and not self.unit.model.running:
                    active = self.unit.buffers.active
                    self.unit.buffers.delete(name)
                    self.unit.buffers.active = FIXED[0] if active == name else active
        self._labels[value.name] = variable[:31]

    def handle(self) -> Handle:
        """Return a handle for a new buffer, of a name that no other one has or had."""
        self._made += 1
        return Handle(f"unnamed{self._made}")

    def forget(self, name: str) -> None:
        """Forget the variable of a buffer."""
        self._labels.pop(name, None)

    # -- one buffer --------------------------------------------------------------------------

    def node(self, handle: Handle) -> Node:
        """Describe a buffer."""

        def asked(look: Callable[[Buffer], Any]) -> Attribute:
            return read_only(lambda: look(self.get(handle)))

        node = tree(
            handle.name,
            {
                "n": asked(len),
                "startindex": asked(lambda b: b.start),
                "endindex": asked(lambda b: b.end),
                "capacity": field(
                    lambda: self.get(handle).capacity,
                    lambda size: self._resize(handle, size),
                    whole(0, _MOST),
                ),
                "fillmode": field(
                    lambda: self.get(handle).continuous,
                    lambda mode: self._fill(handle, mode),
                    FILLS,
                ),
                "logstate": switched(
                    "buffer",
                    lambda: self.get(handle).logged,
                    lambda on: setattr(self.get(handle), "logged", on),
                ),
            },
            {"clear": lambda: self.get(handle).clear()},
        )
        node.behind, node.luatype = handle, "reading_buffer"
        node.element = lambda key: self.element(Column(handle, "readings"), key)
        for attribute in COLUMNS:
            node.objects[attribute] = self._column(Column(handle, attribute))
        return guarded(node)

    def _column(self, column: Column) -> Node:
        name = f"{column.handle.name}.{column.attribute}"
        return Node(name, element=lambda key: self.element(column, key), behind=column)

    def element(self, column: Column, key: Any) -> Value | None:
        """Return the value of a column at a place; None where there is none."""
        if isinstance(key, bool) or not isinstance(key, int | float) or key != key // 1:
            return None
        buffer = self.get(column.handle)
        if not 1 <= key <= len(buffer):
            return None
        return COLUMNS[column.attribute](self.unit, buffer, buffer.between(int(key), int(key))[0])

    def values(self, column: Column, first: int, last: int) -> list[Value]:
        """Return the values of a column from one place to another, which must be there."""
        buffer, read = self.get(column.handle), COLUMNS[column.attribute]
        return [read(self.unit, buffer, row) for row in buffer.between(first, last)]

    def _resize(self, handle: Handle, size: int) -> None:
        self.unit.model.check_idle()
        self.unit.buffers.resize(self.get(handle).name, size)

    def _fill(self, handle: Handle, continuous: bool) -> None:
        buffer = self.get(handle)
        if buffer.continuous != continuous:
            buffer.continuous = continuous
            buffer.clear()
