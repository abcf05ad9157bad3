"""The table ``buffer`` in the script language of the 2450 family.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 8-11 to 8-18 and 8-39 to 8-42; statistics
page 8-12.
"""

from __future__ import annotations

import math
from typing import Any

from sim_backend.instruments.keithley2450_buffer import WRITABLE, Buffer, Reading
from sim_backend.instruments.keithley2450_events import PARAMETER
from sim_backend.instruments.keithley2450_tsp_buffer import COLUMNS, FILLS, BufferTables
from sim_backend.instruments.keithley2450_tsp_values import (
    constants,
    number,
    optional,
    tree,
    whole,
    words_of,
)
from sim_backend.instruments.keithley2450_unit import Unit
from sim_backend.wire.parameters import ScpiError
from sim_backend.wire.tsp import Node, Refusal

__all__ = ["library_node"]

MISSING, NO_STICK, CONFLICT = -109, -256, -221
_MOST = 2**31
_LATEST = 2.0**32  # s since 1970
_STYLES = words_of("buffer.STYLE_", {
    "COMPACT": "COMP", "STANDARD": "STAN", "FULL": "FULL", "WRITABLE": "WRIT",
    "WRITABLE_FULL": "FULLWRIT",
})  # fmt: skip
_DIGITS = words_of("buffer.DIGITS_", {f"{n}_5": n for n in range(3, 9)}, numbers=True)
_UNITS = words_of("buffer.UNIT_", {
    "AMP": "AMP", "AMP_AC": "AMP_AC", "CELSIUS": "CELSius", "DECIBEL": "DECibel",
    "FAHRENHEIT": "FAHRenheit", "FARAD": "FARad", "HERTZ": "HERTz", "KELVIN": "KELVin",
    "NONE": "NONE", "OHM": "OHM", "PERCENT": "PERCent", "RATIO": "RATio",
    "RECIPROCAL": "RECiprocal", "SECOND": "SECond", "VOLT": "VOLT", "VOLT_AC": "VOLT_AC",
    "WATT": "WATT", "X": "X",
})  # fmt: skip
#: how ``buffer.save`` writes times
_SAVED = [f"buffer.SAVE_{name}_TIME" for name in ("FORMAT", "RAW", "RELATIVE", "TIMESTAMP")]
#: bits of a reading's status and of its source status [R pages 6-3 and 8-31]
_BITS = {
    "STAT_QUESTIONABLE": 1, "STAT_ORIGIN": 6, "STAT_TERMINAL": 8, "STAT_LIMIT2_LOW": 16,
    "STAT_LIMIT2_HIGH": 32, "STAT_LIMIT1_LOW": 64, "STAT_LIMIT1_HIGH": 128,
    "STAT_START_GROUP": 256, "STAT_PROTECTION": 4, "STAT_READBACK": 8, "STAT_OVER_TEMP": 16,
    "STAT_LIMIT": 32, "STAT_SENSE": 64, "STAT_OUTPUT": 128,
}  # fmt: skip


def library_node(unit: Unit, buffers: BufferTables) -> Node:
    """Describe ``buffer``."""
    do = _Library(unit, buffers)
    node = tree(
        "buffer",
        {},
        {
            "clearstats": lambda buffer=None: do.named(buffer).forget_statistics(),
            "delete": do.delete,
            "save": _no_stick,
            "saveappend": _no_stick,
            "write.format": do.write_format,
            "write.reading": do.write_reading,
        },
        {
            **constants(_STYLES, FILLS, _DIGITS, _UNITS, _SAVED, ["buffer.ON", "buffer.OFF"]),
            **_BITS,
        },
    )
    node.makers = {"make": do.make, "getstats": do.statistics}
    return node


class _Library:
    """The functions of ``buffer``."""

    def __init__(self, unit: Unit, buffers: BufferTables) -> None:
        self.unit, self._buffers = unit, buffers

    def named(self, value: Any) -> Buffer:
        return self.unit.buffers.get(self._buffers.name_of(value))

    def make(self, size: Any, style: Any = None) -> Node:
        capacity = whole(0, _MOST)(size)
        chosen = optional(_STYLES.read, style, "STAN")
        handle = self._buffers.handle()
        self.unit.buffers.make(handle.name, capacity, chosen)
        return self._buffers.node(handle)

    def delete(self, value: Any) -> None:
        if value is None:
            raise Refusal(MISSING)
        name = self._buffers.name_of(value)
        self.unit.model.check_idle()
        self.unit.buffers.delete(name)
        self._buffers.forget(name)

    def statistics(self, value: Any = None) -> Node:
        """Return a plain table of statistics; what needs more readings than there are is nil."""
        buffer = self.named(value)
        found: dict[Any, Any] = {"n": buffer.n}
        if buffer.n:
            found["mean"] = buffer.mean
            found["min"] = self._extreme(buffer, "min", buffer.least)
            found["max"] = self._extreme(buffer, "max", buffer.most)
        if buffer.n > 1:
            found["stddev"] = buffer.deviation
        return Node("statistics", objects=found, luatype="")

    def _extreme(self, buffer: Buffer, name: str, value: float) -> Node:
        """Return the table of the least or largest reading; when it was, if it is still there."""
        found: dict[Any, Any] = {"reading": value}
        rows = buffer.between(1, len(buffer)) if len(buffer) else ()
        reading = next((row for row in rows if row.value == value), None)
        if reading is not None:
            for key, column in (
                ("timestamp", "timestamps"), ("seconds", "seconds"),
                ("fractionalseconds", "fractionalseconds"),
            ):  # fmt: skip
                found[key] = COLUMNS[column](self.unit, buffer, reading)
        return Node(name, objects=found, luatype="")

    # -- data from outside -------------------------------------------------------------------

    def _writable(self, value: Any) -> Buffer:
        if value is None:
            raise Refusal(MISSING)
        buffer = self.named(value)
        if buffer.style not in WRITABLE:
            raise ScpiError(PARAMETER, "Parameter error: the buffer style is not writable")
        return buffer

    def write_format(
        self, value: Any, unit: Any, digits: Any, extra: Any = None, more: Any = None
    ) -> None:
        """Set units and digits of what is written into a buffer."""
        buffer = self._writable(value)
        chosen, shown = _UNITS.read(unit), _digits(digits)
        other, its = optional(_UNITS.read, extra, chosen), optional(_digits, more, shown)
        buffer.unit, buffer.digits, buffer.extra_unit, buffer.extra_digits = (
            chosen, shown, other, its,
        )  # fmt: skip

    def write_reading(self, value: Any, reading: Any, *rest: Any) -> None:
        """Write a reading: value, [second value,] seconds, fraction, status."""
        buffer, unit = self._writable(value), self.unit
        numbers = [number()(given) for given in (reading, *rest) if given is not None]
        first, extra = numbers.pop(0) if numbers else number()(None), math.nan
        if buffer.style == "FULLWRIT":
            if not numbers:
                raise Refusal(MISSING)
            extra = numbers.pop(0)
        time = buffer.last.time + 1.0 if len(buffer) else unit.clock.now_s
        if numbers:
            zero = unit.time.at(0.0).timestamp()
            fraction = number(0.0, 1.0)(numbers[1]) if len(numbers) > 1 else 0.0
            time = number(0.0, _LATEST)(numbers[0]) + fraction - zero
        if len(buffer) and time < buffer.last.time:
            raise Refusal(CONFLICT)
        status = whole(0, 511)(numbers[2]) if len(numbers) > 2 else 0
        buffer.append(
            Reading(first, 0.0, time, status, 0, buffer.unit, "NONE", buffer.digits, extra)
        )


def _digits(value: Any) -> int:
    return _DIGITS.read(value)


def _no_stick(_buffer: Any = None, _file: Any = None, *_more: Any) -> None:
    """Refuse to save: no flash drive is plugged in."""
    raise Refusal(NO_STICK)
