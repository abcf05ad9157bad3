"""Sessions of ArC instruments: the CSV of ArC ONE and the HDF5 of ArC TWO.

The layouts were learned from the instruments' published control programs (arc1_pyqt, arc2control).
Neither file states how exact a value is, and but for a retention measurement neither says when a
value was taken.

ArC ONE keeps one line for each operation: the resistance, the level applied, its width, what the
operation was (its tag) and the level at which the resistance was read. A line with a width is a
pulse followed by a read; a line of the curve tracer (``CT``) is read while the level is applied.

ArC TWO keeps for each crosspoint a ``timeseries`` of current, voltage, width, read voltage and kind
of operation, and below ``experiments`` a table for each measurement, which repeats those values.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from labctl.errors import BadInput
from labctl.foreign import Foreign, Part, clean, number, row
from labctl.hdf5 import Hdf5Table, crosspoint_tables
from labctl.readings import Row
from labctl.steps import Label

__all__ = ["ARC1_HEADING", "read_arc1", "read_arc2"]

#: the names by which a session of ArC ONE is known, in the third line
ARC1_HEADING = ("wordline", "bitline", "resistance")

_HEADING_WITHIN = 6  # lines
_MANUAL = ("P", "S R", "F R")  # single operations that a user asks for, one after the other
_ADDRESS = re.compile(r"\d{1,6}", re.ASCII)
_STATED = re.compile(r"V=([+-]?\d*\.?\d+)")
_STAMPED = re.compile(r"RET_(\d{9,10}(?:\.\d*)?)")
_CYCLE = re.compile(r"_i_(\d+)$")
_TERMINAL = "top"
_READ, _PULSE, _BOTH = 1, 2, 3  # kinds of operation of ArC TWO
_LEVEL = 1e-6  # relative; two levels that single precision cannot tell apart


class _Line(NamedTuple):
    """One operation of ArC ONE."""

    device: str
    resistance: float
    amplitude: float
    width: float
    tag: str
    read_at: float

    @property
    def family(self) -> str:
        """What the operation belongs to: ``CT``, ``RET`` ..., or ``manual``."""
        return "manual" if self.tag.startswith(_MANUAL) else self.tag.partition("_")[0]


# -- ArC ONE -------------------------------------------------------------------------------------


def read_arc1(text: str, where: str) -> Foreign:
    """Read a session of ArC ONE.

    Parameters
    ----------
    text
        The CSV, unpacked.
    where
        Its name, for an error.

    Raises
    ------
    BadInput
        It is no such session, or it holds no operation.
    """
    try:
        cells = list(csv.reader(text.splitlines()))
    except csv.Error as error:
        raise BadInput(f'"{where}" cannot be read as CSV: {error}') from None
    start = next((k for k, c in enumerate(cells[:_HEADING_WITHIN]) if is_arc1_heading(c)), None)
    if start is None:
        raise BadInput(
            f'"{where}" is no session of ArC ONE: none of its first lines begins with '
            "Wordline,Bitline,Resistance; name another format with --format"
        )
    body = [line for line in cells[start + 1 :] if line]
    lines = [line for line in map(_arc1_line, body) if line is not None]
    if not lines:
        raise BadInput(f'"{where}" is a session of ArC ONE without an operation; give another')
    stamps = [stamp for line in lines if (stamp := _stamp(line.tag)) is not None]
    began = min(stamps, default=None)
    parts = tuple(_arc1_part(group, began) for group in _groups(lines))
    lost = sum(math.isnan(line.read_at) and line.width > 0 for line in lines)
    facts = {"session": clean(cells[0][0])} if start and cells[0] else {}
    return Foreign(parts, tuple(_arc1_notes(len(body) - len(lines), lost, stamps)), began, facts)


def is_arc1_heading(cells: Sequence[str]) -> bool:
    """Tell whether cells are the names of the columns of an ArC ONE session."""
    return tuple(cell.strip().lower() for cell in cells[:3]) == ARC1_HEADING


def _arc1_line(cells: list[str]) -> _Line | None:
    if len(cells) < 6:
        return None
    word, bit = cells[0].strip(), cells[1].strip()
    if not (_ADDRESS.fullmatch(word) and _ADDRESS.fullmatch(bit)):
        return None
    resistance, amplitude, width = map(number, cells[2:5])
    tag = clean(cells[5])
    read_tag, read_at = (cells[6] if len(cells) > 6 else ""), math.nan
    if len(cells) > 7:
        read_at = number(cells[7])
    if math.isnan(read_at):  # older programs write it into the tag
        stated = _STATED.search(read_tag) or _STATED.search(tag)
        read_at = float(stated[1]) if stated else math.nan
    device = f"W{word.zfill(2)}B{bit.zfill(2)}"
    return _Line(device, resistance, amplitude, width, tag, read_at)


def _stamp(tag: str) -> float | None:
    match = _STAMPED.fullmatch(tag)
    return float(match[1]) if match else None


def _groups(lines: Sequence[_Line]) -> Iterator[tuple[Label, list[_Line]]]:
    """Yield stretches of one device, one family of tags and one cycle."""
    cycle, group = 1, [lines[0]]
    for before, line in pairwise(lines):
        begins = line.tag.endswith("_s")
        again = begins or (line.device, line.family) != (before.device, before.family)
        match = _CYCLE.search(line.tag)
        now = 1 if again else int(match[1][:9]) if match else cycle
        if again or now != cycle:
            yield _label(group, cycle), group
            group = []
        group.append(line)
        cycle = now
    yield _label(group, cycle), group


def _label(group: Sequence[_Line], cycle: int) -> Label:
    return {"device": group[0].device, "tag": group[0].family, "cycle": cycle}


def _arc1_part(group: tuple[Label, list[_Line]], began: float | None) -> Part:
    label, lines = group
    return Part(label, [made for line in lines for made in _arc1_rows(line, began)])


def _arc1_rows(line: _Line, began: float | None) -> Iterator[Row]:
    stamp = _stamp(line.tag)
    t = math.nan if stamp is None or began is None else stamp - began
    if line.family == "CT":
        i = _current(line.amplitude, line.resistance)
        yield row(_TERMINAL, "pulse", line.amplitude, i, width=line.width, v_set=line.amplitude)
        return
    if line.width > 0:
        v = line.amplitude
        yield row(_TERMINAL, "pulse", v, math.nan, t=t, width=line.width, v_set=v)
    v = line.read_at
    if math.isnan(v) and not line.width > 0:
        v = line.amplitude  # a read alone is at the level that it applies
    if not math.isnan(v):
        yield row(_TERMINAL, "read", v, _current(v, line.resistance), t=t, v_set=v)


def _current(v: float, resistance: float) -> float:
    return v / resistance if resistance and math.isfinite(resistance) else math.nan


def _arc1_notes(left: int, lost: int, stamps: Sequence[float]) -> Iterator[str]:
    yield "currents are the level of the read over the resistance that the file holds"
    # to be checked on a real session: which modules beside CT read while the level is applied
    yield (
        "operations tagged CT are taken as read while the level was applied, all others as read "
        "after their pulse, at the session's read voltage"
    )
    yield (
        "only retention measurements say when they were read; other times are not a number"
        if stamps
        else "the file states no times; they are not a number, and the order is that of the file"
    )
    if lost:
        yield (
            f"{lost} pulses have no read voltage in the file: the resistance read after them could "
            "not be turned into a current"
        )
    if left:
        yield f"{left} lines left out that hold no operation"


# -- ArC TWO -------------------------------------------------------------------------------------


def read_arc2(path: Path, tables: str = "timeseries") -> Foreign:
    """Read a session of ArC TWO.

    Parameters
    ----------
    path
        The HDF5 file.
    tables
        ``timeseries``: everything that was done to each crosspoint, in order; ``experiments``: the
        tables of the measurements, which repeat a part of it, those of retention with times.

    Raises
    ------
    BadInput
        h5py is missing, the file cannot be read or is damaged, or it is no such session.
    """
    if tables not in ("timeseries", "experiments"):
        raise BadInput(f'data={tables} was asked for; allowed are "timeseries" and "experiments"')
    found = crosspoint_tables(path, tables)
    if not found:
        raise BadInput(
            f'"{clean(str(path))}" holds no {tables} below crosspoints/WxxByy, as a session of '
            "ArC TWO does; give another file or format"
        )
    stamps = [stamp for table in found for stamp in _stamps(table)[:1] if stamp > 0]
    began = min(stamps, default=None)
    parts = tuple(_arc2_part(table, began) for table in found)
    return Foreign(parts, tuple(_arc2_notes(tables, stamps)), began)


def _stamps(table: Hdf5Table) -> list[float]:
    stamps: list[float] = (table.column("tstamp_s") + 1e-6 * table.column("tstamp_us")).tolist()
    return stamps


def _arc2_part(table: Hdf5Table, began: float | None) -> Part:
    names = ("current", "voltage", "pulse_width", "read_voltage", "op_type")
    columns = [table.column(name).tolist() for name in names]
    rows: list[Row] = []
    for i, v, width, read_at, kind, stamp in zip(*columns, _stamps(table), strict=True):
        t = stamp - began if began is not None and math.isfinite(stamp) else math.nan
        rows.extend(_arc2_rows(i, v, width, read_at, kind, t))
    return Part({"device": table.device, "tag": table.tag}, rows)


def _arc2_rows(
    i: float, v: float, width: float, read_at: float, kind: float, t: float
) -> Iterator[Row]:
    if math.isnan(kind):  # the table of a measurement: with a level it is a sweep, without a read
        kind = _READ if math.isnan(v) else _BOTH
    if kind == _READ:
        level = v if math.isnan(read_at) else read_at
        yield row(_TERMINAL, "read", level, i, t=t, v_set=level)
        return
    same = math.isclose(v, read_at, rel_tol=_LEVEL)
    at_level = kind == _BOTH and (same or math.isnan(read_at))
    yield row(_TERMINAL, "pulse", v, i if at_level else math.nan, t=t, width=width, v_set=v)
    if kind == _BOTH and not at_level:
        yield row(_TERMINAL, "read", read_at, i, t=t, v_set=read_at)


def _arc2_notes(tables: str, stamps: Sequence[float]) -> Iterator[str]:
    # to be checked on a real session: a pulse that is read at its own level is one row here
    yield (
        "a pulse with a read at its own level is taken as one reading during the pulse, with a "
        "read at another level as a pulse and a read after it"
    )
    if tables == "timeseries":
        # to be checked: arc2control's curve tracer of 2022 writes its pauses there
        yield "widths are those of the timeseries; of the curve tracer they may be its pauses"
        yield (
            "the tables below experiments repeat these values and were left out; "
            "--map data=experiments reads them instead"
        )
    if not stamps:
        yield "the file states no times; they are not a number, and the order is that of the file"
