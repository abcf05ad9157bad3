"""How a Series 2600B writes numbers and buffers: ASCII or binary, as ``format`` says.

Source: Series 2600B Reference Manual, 2600BS-901-01, section 7, ``format.*``, ``printbuffer`` and
``printnumber``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from sim_backend.instruments.keithley2600_buffer import Column, ReadingBuffer
from sim_backend.instruments.keithley2600_checks import choice, number, whole
from sim_backend.wire.tsp import Engine, Node, Refusal, sequence

__all__ = ["Format"]

_ASCII, _REAL32, _REAL64 = 1, 2, 3
_BIG, _LITTLE = 0, 1
_CODES = {_REAL32: "f", _REAL64: "d"}


#: any whole number: printbuffer brings its indices into range itself
_INDEX = whole(-(2**31))


def _printable(value: Any) -> tuple[int, Callable[[int, int], Sequence[Any]]]:
    """Return the length of what ``printbuffer`` was given, and how to get a part of it."""
    column = Column(value, "readings") if isinstance(value, ReadingBuffer) else value
    if isinstance(column, Column):
        if not column.buffer.collects(column.attribute):
            raise Refusal(4900)
        return len(column.buffer.rows), partial(column.buffer.column, column.attribute)
    values = sequence(column)
    return len(values), lambda first, last: values[first - 1 : last]


class Format:
    """The attributes of ``format`` and the two functions that obey them.

    Parameters
    ----------
    send
        Takes one reply, without its terminator.
    """

    def __init__(self, engine: Engine, send: Callable[[bytes], None]) -> None:
        self._engine, self._send = engine, send
        self.reset()

    def reset(self) -> None:
        """Go back to the defaults: ASCII, six digits, little end first."""
        self.data, self.byte_order = _ASCII, _LITTLE
        self.set_precision(6)

    def set_precision(self, digits: int) -> None:
        """Set the number of significant digits; 0 lets the instrument choose."""
        self.precision = digits
        self._pattern = f"%.{digits - 1}e" if digits else "%.16e"
        self._engine.number_format = self._pattern

    def print_number(self, *values: Any) -> None:
        """Send numbers (printnumber)."""
        self._print([number()(value) for value in values])

    def print_buffer(self, first: Any, last: Any, *columns: Any) -> None:
        """Send elements `first` to `last` of columns, taking one from each in turn (printbuffer).

        Raises
        ------
        Refusal
            There is no such element, or what was passed is neither a buffer nor a table.
        """
        if not columns:
            raise Refusal(-109)
        chosen = [_printable(value) for value in columns]
        shortest = min(length for length, _ in chosen)
        start, stop = max(_INDEX(first), 1), min(_INDEX(last), shortest)
        taken = [values(start, stop) for _, values in chosen]
        self._print([value for row in zip(*taken, strict=True) for value in row])

    @staticmethod
    def awaited(last: Any, columns: Sequence[Any]) -> list[ReadingBuffer]:
        """Return the buffers among the arguments that hold less than is asked for."""
        wanted = _INDEX(last)
        buffers = [value.buffer if isinstance(value, Column) else value for value in columns]
        return [b for b in buffers if isinstance(b, ReadingBuffer) and len(b.rows) < wanted]

    def _print(self, values: Sequence[Any]) -> None:
        if self.data == _ASCII:
            self._send(", ".join(map(self._text, values)).encode("latin-1"))
        else:
            self._send(b"#0" + self._packed(values))

    def _text(self, value: Any) -> str:
        return value if isinstance(value, str) else self._pattern % value

    def _packed(self, values: Iterable[Any]) -> bytes:
        numbers = [0.0 if isinstance(value, str) else value for value in values]
        code = _CODES[self.data]
        if code == "f":
            # what single precision cannot hold becomes infinite, as in the instrument's arithmetic
            numbers = [max(-3.4e38, min(3.4e38, value)) for value in numbers]
        return struct.pack(f"{'<' if self.byte_order else '>'}{len(numbers)}{code}", *numbers)

    def node(self) -> Node:
        """Describe ``format``."""
        return Node(
            "format",
            getters={
                "data": lambda: self.data,
                "asciiprecision": lambda: self.precision,
                "byteorder": lambda: self.byte_order,
            },
            setters={
                "data": lambda value: setattr(
                    self, "data", choice(_ASCII, _REAL32, _REAL64)(value)
                ),
                "asciiprecision": lambda value: self.set_precision(whole(0, 16)(value)),
                "byteorder": lambda value: setattr(
                    self, "byte_order", choice(_BIG, _LITTLE)(value)
                ),
            },
            objects={
                "ASCII": _ASCII, "SREAL": _REAL32, "REAL32": _REAL32, "REAL": _REAL64,
                "REAL64": _REAL64, "DREAL": _REAL64, "NORMAL": _BIG, "NETWORK": _BIG,
                "BIGENDIAN": _BIG, "SWAPPED": _LITTLE, "LITTLEENDIAN": _LITTLE,
            },
        )  # fmt: skip
