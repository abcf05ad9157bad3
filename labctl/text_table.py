"""Tables in text: CSV with any separator, comments, decimal commas and units in the header.

The dialect is the one in which most cells of the first rows are numbers and the rows have the same
number of cells. Cells are numbers only when they are written in plain digits.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.errors import BadInput
from labctl.units import parse

__all__ = ["TextTable", "read_text_table", "split_unit", "to_si"]

Array = NDArray[np.float64]
Column = tuple[str, str, Array]

_COMMENTS = ("#", "%", "!", "//")
_SEPARATORS = {"\t": "tab", ";": "semicolon", ",": "comma", " ": "spaces"}
_LOOKED_AT = 60  # lines that decide the dialect
_ALIKE = 1.5  # numbers a row that a fitting header is worth: "1,5" below one name is one number
_WORST = 0.5  # share of numbers in a column that is one
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_NOTHING = frozenset({"", "nan", "na", "n/a", "-", "--", "null", "none", "inf", "+inf", "-inf"})
_HEADER_UNIT = re.compile(r"\s*(.*?)\s*(?:\(([^()]*)\)|\[([^\[\]]*)\]|\s/\s*(\S+))\s*")
_COMMENT_UNIT = re.compile(r"(\w+)\s*[\[(]([^\])]*)[\])]")
_BASES = ("s", "V", "A", "S", "Ohm", "Hz", "K", "J", "C", "W", "F", "m", "1")
_CELSIUS = frozenset({"°C", "degC", "deg C", "℃"})
_ZERO_CELSIUS = 273.15


@dataclass(frozen=True, slots=True)
class TextTable:
    """Columns as (name, unit, values), and what was assumed."""

    columns: tuple[Column, ...]
    assumed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Dialect:
    separator: str  #: a space stands for any run of spaces
    comma: bool  #: decimal comma

    def cells(self, line: str) -> list[str]:
        if self.separator == " ":
            return line.split()
        return [cell.strip() for cell in next(csv.reader([line], delimiter=self.separator))]

    def number(self, cell: str) -> float | None:
        """Return a number, not a number for an empty cell, or None for anything else."""
        text = cell.replace(",", ".", 1) if self.comma and "." not in cell else cell
        if _NUMBER.fullmatch(text):
            return float(text)
        return math.nan if cell.lower() in _NOTHING else None

    @property
    def said(self) -> str:
        decimal = "decimal comma" if self.comma else "decimal point"
        return f"separator: {_SEPARATORS[self.separator]}, {decimal}"


def read_text_table(data: bytes, where: str) -> TextTable:
    """Read a table in text.

    Parameters
    ----------
    data
        The file.
    where
        Its name, for an error.

    Raises
    ------
    BadInput
        It is not text, or it holds no column of numbers.
    """
    text, encoding = _decoded(data, where)
    lines, comments = _lines(text)
    if not lines:
        raise BadInput(f'"{where}" is empty; give a table with a row at least')
    try:
        dialect = _dialect(lines)
        rows = [dialect.cells(line) for line in lines]
    except csv.Error as error:
        raise BadInput(f'"{where}" cannot be read as a table: {error}') from None
    head, units, body = _head(rows, comments, dialect)
    columns, left = _columns(head, units, body, dialect)
    if not columns:
        raise BadInput(f'"{where}" holds no column of numbers; give a table with one at least')
    assumed = [dialect.said]
    if encoding != "utf-8":
        assumed.append(f"text read as {encoding}")
    if not head:
        assumed.append("no header: the columns are called 1, 2, ...")
    if left:
        assumed.append(f"{left} rows left out that have another number of cells")
    return TextTable(columns, tuple(assumed))


def _decoded(data: bytes, where: str) -> tuple[str, str]:
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"", "utf-8-sig")):
        if data.startswith(mark):
            try:
                text = data.decode(encoding)
                break
            except UnicodeDecodeError:
                text = ""
    else:
        text, encoding = data.decode("latin-1"), "latin-1"
    if "\0" in text:
        raise BadInput(f'"{where}" is not text; give a CSV, Parquet or HDF5 file')
    return text, encoding.removesuffix("-sig")


def _lines(text: str) -> tuple[list[str], list[str]]:
    """Return the lines with content, and the comments that stand before them."""
    lines: list[str] = []
    comments: list[str] = []
    for line in re.split(r"\r\n|\n|\r", text):
        stripped = line.strip()
        if stripped.startswith(_COMMENTS):
            if not lines:
                comments.append(stripped.lstrip("#%!/ "))
        elif stripped.strip(",;"):
            lines.append(line.strip(" \r\n"))
    return lines, comments


def _dialect(lines: Sequence[str]) -> _Dialect:
    """Return the dialect in which the end of the first lines has most numbers."""
    looked = lines[len(lines[:_LOOKED_AT]) // 4 : _LOOKED_AT]  # past the header
    best, most = _Dialect(",", False), -1.0
    for separator in _SEPARATORS:
        for comma in (False, True) if separator != "," else (False,):
            dialect = _Dialect(separator, comma)
            score = _score(dialect, looked) + _ALIKE * _named(dialect, lines)
            if score > most:
                best, most = dialect, score
    return best


def _named(dialect: _Dialect, lines: Sequence[str]) -> bool:
    """Tell whether the first line has a name for each cell of the second, and no number."""
    if len(lines) < 2:
        return False
    head, row = dialect.cells(lines[0]), dialect.cells(lines[1])
    return len(head) == len(row) and not any(dialect.number(cell) for cell in head)


def _score(dialect: _Dialect, lines: Sequence[str]) -> float:
    """Return the numbers a row in rows of the usual length, less the cells that are none."""
    rows = [dialect.cells(line) for line in lines]
    lengths = [len(row) for row in rows]
    usual = max(set(lengths), key=lengths.count)
    score = 0.0
    for row in rows:
        if len(row) == usual:
            found = [dialect.number(cell) for cell in row]
            numbers = sum(number is not None and not math.isnan(number) for number in found)
            score += numbers - 0.5 * sum(number is None for number in found)
    return score / len(rows)


def _head(
    rows: list[list[str]], comments: Sequence[str], dialect: _Dialect
) -> tuple[list[str], list[str], list[list[str]]]:
    """Return names, units and the rows of numbers."""
    start = next((k for k, row in enumerate(rows) if _has_number(row, dialect)), len(rows))
    head = rows[start - 1] if start else []
    width = len(rows[start]) if start < len(rows) else 0
    # a name above, its unit below: the row above has names, too
    below = start > 1 and len(rows[start - 2]) == len(head) and all(map(_is_unit, head))
    units = head if below else []
    head = rows[start - 2] if below else head
    if not start and comments:
        cells = dialect.cells(comments[-1])
        head = cells if len(cells) == width else []
    if len(head) != width:
        head, units = [], []
    stated = dict(_COMMENT_UNIT.findall(" ".join(comments)))
    if head and not units:
        units = [stated.get(name, "") for name in head]
    return head, units, rows[start:]


def _has_number(row: Sequence[str], dialect: _Dialect) -> bool:
    return any((number := dialect.number(cell)) is not None and number == number for cell in row)


def _is_unit(cell: str) -> bool:
    return not cell or to_si(np.zeros(1), cell.strip("()[]"))[1] in (*_BASES, "a.u.")


def _columns(
    head: Sequence[str], units: Sequence[str], body: list[list[str]], dialect: _Dialect
) -> tuple[tuple[Column, ...], int]:
    lengths = [len(row) for row in body]
    if not lengths:
        return (), 0
    width = len(head) or max(set(lengths), key=lengths.count)
    kept = [row for row in body if len(row) == width]
    found: list[Column] = []
    for k in range(width):
        numbers = [dialect.number(row[k]) for row in kept]
        good = sum(number is not None for number in numbers)
        if not kept or good < _WORST * len(kept) or all(n is None or n != n for n in numbers):
            continue
        values = np.array([math.nan if number is None else number for number in numbers])
        found.append(_column(k, head, units, values))
    return tuple(_distinct(found)), len(body) - len(kept)


def _column(k: int, head: Sequence[str], units: Sequence[str], values: Array) -> Column:
    if not head:
        return str(k + 1), "1", values
    name, unit = split_unit(head[k])
    if k < len(units) and units[k]:
        name, unit = head[k], units[k].strip("()[]")
    shown, symbol = to_si(values, unit)
    return name or str(k + 1), symbol, shown


def _distinct(columns: list[Column]) -> Iterator[Column]:
    """Yield columns with a number after a name that has come before."""
    seen: dict[str, int] = {}
    for name, unit, values in columns:
        seen[name] = seen.get(name, 0) + 1
        yield (name if seen[name] == 1 else f"{name} {seen[name]}"), unit, values


def split_unit(header: str) -> tuple[str, str]:
    """Return name and unit of a header such as ``t (s)``, ``I [uA]`` or ``V / mV``.

    Examples
    --------
    >>> split_unit("t [ms]"), split_unit("current / uA"), split_unit("cycle"), split_unit("u(I)")
    (('t', 'ms'), ('current', 'uA'), ('cycle', ''), ('u(I)', ''))
    """
    match = _HEADER_UNIT.fullmatch(header)
    if match is None:
        return header.strip(), ""
    name = match[1].strip()
    unit = next((part for part in match.groups()[1:] if part is not None), "").strip()
    # "u(I)" is the uncertainty of I, and "f(x)" no quantity in units of x
    attached = f"{name}(" in header
    if attached and (name == "u" or not _known(unit)):
        return header.strip(), ""
    return name, unit


def _known(unit: str) -> bool:
    return to_si(np.zeros(1), unit)[1] in _BASES


def to_si(values: Array, unit: str) -> tuple[Array, str]:
    """Return values in SI with the symbol of their unit; an unknown unit stays as it is.

    Degrees Celsius become kelvin.
    """
    written = unit.strip()
    if written in ("", "1"):
        return values, "1"
    if written in _CELSIUS:
        return values + _ZERO_CELSIUS, "K"
    for base in _BASES:
        try:
            return values * parse(f"1 {written}", base), base
        except BadInput:
            continue
    return values, written
