"""Results of Keysight EasyEXPERT as CSV: blocks of settings, names and values.

A block begins with ``SetupTitle``; ``DataName`` has the names of its columns, each ``DataValue`` a
row, ``Dimension1`` and ``Dimension2`` how many rows a sweep has and how many sweeps there are.
``Channel.VName`` and ``Channel.IName`` say which level belongs to which current. The layout of a
single classic test (``Setup title``) has the same settings without ``TestParameter`` and its table
after the line ``AutoAnalysis.Marker.Data.StartCondition``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from labctl.errors import BadInput
from labctl.foreign import Foreign, Part, clean, number, site_name
from labctl.importing_tables import Columns, parts_of

__all__ = ["STARTS", "read_easyexpert"]

#: how a file of either layout begins
STARTS = ("SetupTitle", "Setup title")

_PREFIXED = ("TestParameter", "MetaData", "AnalysisSetup", "TestRecord")
_TABLE_FOLLOWS = "AutoAnalysis.Marker.Data.StartCondition"


@dataclass(slots=True)
class _Block:
    """One test."""

    settings: dict[str, list[str]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    values: list[list[str]] = field(default_factory=list)

    def first(self, key: str) -> str:
        """Return the first word of a setting, empty where it is not stated."""
        return (self.settings.get(key) or [""])[0]

    def pairs(self) -> Iterator[tuple[str, str, str]]:
        """Yield terminal, column of levels and column of currents as the channels have them."""
        levels = self.settings.get("Channel.VName", [])
        for v, i in zip(levels, self.settings.get("Channel.IName", []), strict=False):
            if v in self.names and i in self.names:
                yield v.lstrip("Vv_") or v, v, i

    def sweep_rows(self) -> int:
        """Return how many rows one sweep has; 0 where the file does not say so."""
        one, more = number(self.first("Dimension1")), number(self.first("Dimension2"))
        if one >= 1 and more > 1 and one * more == len(self.values):
            return int(one)
        return 0


def read_easyexpert(text: str, where: str, mapping: Mapping[str, str]) -> Foreign:
    """Read tests that EasyEXPERT exported as CSV.

    Parameters
    ----------
    text
        The file.
    where
        Its name, for an error.
    mapping
        As for `labctl.importing_tables.read_csv`.

    Raises
    ------
    BadInput
        It is no such file, holds no values, or its columns are not known.
    """
    try:
        rows = [[cell.strip() for cell in cells] for cells in csv.reader(text.splitlines())]
    except csv.Error as error:
        raise BadInput(f'"{where}" cannot be read as CSV: {error}') from None
    blocks = [block for block in _blocks(rows) if block.names and block.values]
    if not blocks:
        raise BadInput(
            f'"{where}" holds no values of EasyEXPERT, which stand in rows DataName and DataValue; '
            "name another format with --format"
        )
    parts: list[Part] = []
    notes: list[str] = []
    for block in blocks:
        found, said = _parts(block, where, mapping)
        parts += found
        notes += [note for note in said if note not in notes]
    facts = {"test": clean(blocks[0].first("PrimitiveTest") or blocks[0].first("SetupTitle"))}
    return Foreign(tuple(parts), tuple(notes), None, {k: v for k, v in facts.items() if v})


def _blocks(rows: Sequence[list[str]]) -> Iterator[_Block]:
    block, follows = _Block(), False
    for cells in rows:
        key = cells[0] if cells else ""
        if key in STARTS:
            yield block
            block, follows = _Block(), False
            block.settings["SetupTitle"] = cells[1:]
        elif key == "DataName":
            block.names, block.values = cells[1:], []
        elif key == "DataValue":
            block.values.append(cells[1:])
        elif key == _TABLE_FOLLOWS:
            # to be checked: this layout is known from descriptions only
            follows = True
        elif follows:
            _plain_line(block, cells)
        elif cells:
            words = cells[1:] if key in _PREFIXED else cells
            block.settings.setdefault(words[0] if words else key, words[1:])
    yield block


def _plain_line(block: _Block, cells: list[str]) -> None:
    if not block.names:
        block.names = cells
    elif len(cells) == len(block.names):
        block.values.append(cells)


def _parts(block: _Block, where: str, mapping: Mapping[str, str]) -> tuple[list[Part], list[str]]:
    width = len(block.names)
    whole = [cells[:width] for cells in block.values if len(cells) >= width]
    table = np.array([[number(cell) for cell in cells] for cells in whole], float)
    table = table.reshape(-1, width)
    numbers = {
        name: ("1", table[:, k])
        for k, name in enumerate(block.names)
        if name and np.isfinite(table[:, k]).any()
    }
    label = {"tag": clean(block.first("SetupTitle")) or "test"}
    device = site_name(block.first("Device ID") or block.first("TestTarget"))
    if device:
        label["device"] = device
    columns = Columns(where, numbers, {})
    pairs = [pair for pair in block.pairs() if {pair[1], pair[2]} <= set(numbers)]
    parts, notes = parts_of(columns, mapping, label, pairs)
    if len(whole) < len(block.values):
        notes.append("rows left out that have fewer values than there are names")
    size = block.sweep_rows()
    if size and len(parts) == 1 and len(parts[0].rows) % len(block.values) == 0:
        return list(_sweeps(parts[0], size * (len(parts[0].rows) // len(block.values)))), notes
    return parts, notes


def _sweeps(part: Part, size: int) -> Iterator[Part]:
    for sweep, first in enumerate(range(0, len(part.rows), size), 1):
        yield Part({**part.label, "sweep": sweep}, part.rows[first : first + size])
