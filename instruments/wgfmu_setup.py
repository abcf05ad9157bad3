"""A program as calls of the library: ranges, patterns with their measurement events, sequences."""

from __future__ import annotations

from ctypes import c_double

from instruments.keithley4200_segments import Entry, Reading
from instruments.wgfmu_limits import LONGEST_AVERAGE, TICK
from instruments.wgfmu_program import Program
from instruments.wgfmu_table import (
    AVERAGED,
    CURRENT,
    ENABLED,
    FAST_IV,
    I_RANGES,
    V_RANGES,
    Table,
)
from labctl.errors import InstrumentFault

__all__ = ["check_ranges", "set_up", "window_of"]


def set_up(table: Table, program: Program, terminal: str, channel: int) -> None:
    """Set the ranges of a channel, and give it patterns and sequences; it is not connected.

    Parameters
    ----------
    table
        Of the library.
    program, terminal
        What is to be played there.
    channel
        Its number.

    Raises
    ------
    InstrumentFault
        The library returned an error.
    """
    table.call("setOperationMode", channel, FAST_IV)
    table.call("setForceVoltageRange", channel, V_RANGES[program.v_range])
    table.call("setMeasureMode", channel, CURRENT)
    ammeter = program.ammeters[terminal].range.full_scale
    table.call("setMeasureCurrentRange", channel, I_RANGES[ammeter])
    table.call("setMeasureEnabled", channel, ENABLED)
    names: dict[Entry, str] = {}
    for entry in program.entries:
        key = Entry(1, entry.segments)
        if key not in names:
            names[key] = f"c{channel}p{len(names)}"
            _pattern(table, names[key], entry, terminal)
        table.call("addSequence", channel, names[key], c_double(entry.loops))


def _pattern(table: Table, name: str, entry: Entry, terminal: str) -> None:
    ends = [
        next((a, b) for where, a, b in segment.levels if where == terminal)
        for segment in entry.segments
    ]
    times = [segment.ticks * TICK for segment in entry.segments]
    table.pattern(name, ends[0][0], times, [b for _, b in ends])
    at = 0
    for segment in entry.segments:
        for reading in segment.readings:
            if reading.terminal == terminal:
                _event(table, name, at, reading)
        at += segment.ticks


def _event(table: Table, name: str, at: int, reading: Reading) -> None:
    start, average, points = window_of(reading)
    table.call(
        "setMeasureEvent", name, f"e{at}", c_double((at + start) * TICK), points,
        c_double(average * TICK), c_double(average * TICK), AVERAGED,
    )  # fmt: skip


def window_of(reading: Reading) -> tuple[int, int, int]:
    """Return start and length, ticks, and number of the averages that fill a window."""
    length = reading.stop - reading.start
    points = -(-length // LONGEST_AVERAGE)
    return reading.start, length // points, points


def check_ranges(table: Table, program: Program, terminal: str, channel: int) -> None:
    """See that the ranges are those that were set, before anything is connected.

    Parameters
    ----------
    table
        Of the library.
    program, terminal
        What is to be played there.
    channel
        Its number.

    Raises
    ------
    InstrumentFault
        They are others, or the library returned an error.
    """
    wanted = (V_RANGES[program.v_range], I_RANGES[program.ammeters[terminal].range.full_scale])
    (v,) = table.numbers("getForceVoltageRange", channel)
    (i,) = table.numbers("getMeasureCurrentRange", channel)
    if (v, i) != wanted:
        raise InstrumentFault(
            f"{table.name}: ranges {wanted} were set on channel {channel} and {(v, i)} read back; "
            "nothing was switched on"
        )
