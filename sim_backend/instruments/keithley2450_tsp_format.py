"""How scripts of the 2450 family write numbers and buffers: ``format``, ``printbuffer``.

With the precision at 0 the instrument writes as many digits as a number has, up to fourteen (the
examples of the manual show ``-9.6420389034124e-12, 2, 0.277194856``).

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 8-76 to 8-79 and 8-92 to 8-96.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from sim_backend.instruments.keithley2450_tsp_buffer import BufferTables, Column, Handle
from sim_backend.instruments.keithley2450_tsp_values import (
    constants,
    field,
    number,
    tree,
    whole,
    words_of,
)
from sim_backend.wire.tsp import Engine, Node, Refusal, sequence

__all__ = ["ScriptFormat"]

MISSING, OUT_OF_RANGE = -109, -222
_NOTHING = 9.91e37  # for a place that holds no reading [R page 8-94]
_MOST_NOTHING = 100_000  # places without a reading in one answer
_DATA = words_of("format.", {"ASCII": 1, "REAL32": 2, "REAL64": 3}, numbers=True)
_ORDERS = words_of("format.", {"BIGENDIAN": 0, "LITTLEENDIAN": 1}, numbers=True)
_CODES = {2: "f", 3: "d"}
_LARGEST = 3.4e38  # of single precision
#: other names of the same
_SYNONYMS = {
    "REAL": "format.REAL64", "SREAL": "format.REAL32", "DREAL": "format.REAL64",
    "NORMAL": "format.BIGENDIAN", "NETWORK": "format.BIGENDIAN",
    "SWAPPED": "format.LITTLEENDIAN",
}  # fmt: skip
_INDEX = whole(-(2**31), 2**31)


class ScriptFormat:
    """The attributes of ``format``, and what obeys them.

    Parameters
    ----------
    engine
        Its ``print`` obeys too.
    buffers
        The reading buffers.
    send
        Takes one reply, without its terminator.
    refused
        Takes the number of an event.
    """

    def __init__(
        self,
        engine: Engine,
        buffers: BufferTables,
        send: Callable[[bytes], None],
        refused: Callable[[int], None],
    ) -> None:
        self._engine, self._buffers = engine, buffers
        self._send, self._refused = send, refused
        self.reset()

    def reset(self) -> None:
        """Go back to the defaults: ASCII, automatic precision, little end first."""
        self.data, self.order = 1, 1
        self.set_precision(0)

    def set_precision(self, digits: int) -> None:
        """Set the number of significant digits; 0 for as many as there are."""
        self.precision = digits
        self._pattern = f"%.{digits - 1}e" if digits else "%.14g"
        self._engine.number_format = self._pattern

    def node(self) -> Node:
        """Describe ``format``."""

        def put(name: str) -> Callable[[int], None]:
            return lambda value: setattr(self, name, value)

        return tree(
            "format",
            {
                "data": field(lambda: self.data, put("data"), _DATA),
                "byteorder": field(lambda: self.order, put("order"), _ORDERS),
                "asciiprecision": field(lambda: self.precision, self.set_precision, whole(0, 16)),
            },
            objects={**constants(_DATA, _ORDERS), **_SYNONYMS},
        )

    def print_number(self, *values: Any) -> None:
        """Send numbers (``printnumber``)."""
        self._print([number()(value) for value in values])

    def awaited(self, last: Any, columns: Sequence[Any]) -> bool:
        """Whether a buffer among the arguments of ``printbuffer`` holds less than is asked for."""
        wanted = _INDEX(last)
        handles = [c.handle if isinstance(c, Column) else c for c in columns]
        return any(isinstance(h, Handle) and len(self._buffers.get(h)) < wanted for h in handles)

    def print_buffer(self, first: Any, last: Any, *columns: Any) -> None:
        """Send places `first` to `last` of columns, one from each in turn (``printbuffer``).

        Raises
        ------
        Refusal
            What was passed is neither buffer nor table, or the places are none.
        """
        if not columns:
            raise Refusal(MISSING)
        start, stop = _INDEX(first), _INDEX(last)
        if stop < start:
            raise Refusal(OUT_OF_RANGE)
        taken = [self._taken(column, start, stop) for column in columns]
        self._print([value for row in zip(*taken, strict=True) for value in row])

    def _taken(self, column: Any, start: int, stop: int) -> list[Any]:
        """Return the values of a column; 9.91e37 for those that are not there."""
        chosen = Column(column, "readings") if isinstance(column, Handle) else column
        values: list[Any] = []
        if isinstance(chosen, Column):
            size = len(self._buffers.get(chosen.handle))
            inside = max(start, 1), min(stop, size)
            if inside[0] <= inside[1]:
                values = list(self._buffers.values(chosen, *inside))
        else:
            given = sequence(chosen)
            inside = max(start, 1), min(stop, len(given))
            values = [_printable(value) for value in given[inside[0] - 1 : inside[1]]]
        missing = stop - start + 1 - len(values)
        if not missing:
            return values
        if missing > _MOST_NOTHING:
            raise Refusal(OUT_OF_RANGE)
        self._refused(OUT_OF_RANGE)
        before = min(missing, max(0, 1 - start))
        return [_NOTHING] * before + values + [_NOTHING] * (missing - before)

    def _print(self, values: Sequence[Any]) -> None:
        if self.data == 1:
            self._send(", ".join(map(self._text, values)).encode("latin-1", "replace"))
        else:
            self._send(b"#0" + self._packed(values))

    def _text(self, value: Any) -> str:
        return value if isinstance(value, str) else self._pattern % value

    def _packed(self, values: Sequence[Any]) -> bytes:
        numbers = [0.0 if isinstance(value, str) else float(value) for value in values]
        if self.data == 2:
            numbers = [max(-_LARGEST, min(_LARGEST, value)) for value in numbers]
        kind = _CODES[self.data]
        return struct.pack(f"{'<' if self.order else '>'}{len(numbers)}{kind}", *numbers)


def _printable(value: Any) -> Any:
    """Return what a table of the script held, as far as it can be written."""
    return value if isinstance(value, str) else number()(value)
