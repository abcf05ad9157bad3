"""Tail: a run folder that is still being written, read on from where the last look ended.

Where a `labctl.record.Record` reads the whole folder, a `Tail` reads what was added, so that a look
costs the same however long the run has been. It keeps readings as columns, a tenth of what rows
take. To a protocol both are the same: ``protocol.analyse(tail)`` is what the record will give.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from labctl import catalogue
from labctl.errors import BadInput
from labctl.journal import JOURNAL, READINGS, Entry, Header, Note
from labctl.parts import Cursor
from labctl.protocol import Protocol
from labctl.readings import Readings, Row
from labctl.record import add_steps, parse_entries, parse_rows, read_header
from labctl.results import Results
from labctl.steps import StepRecord

__all__ = ["Columns", "Tail"]

Index = NDArray[np.intp]

_CHUNK = 4_000_000  # bytes of a file that are taken at a time, so that no look takes for ever
_NUMBERS = ("t", "v_set", "v", "i", "width", "u_v", "u_i")
_WORDS = ("terminal", "role")
_FIRST = 64  # rows there is room for at first


class Columns(Readings):
    """Readings kept as columns; a row is made when it is looked at.

    Parameters
    ----------
    columns
        An array for each field of `labctl.readings.Row`, all of one length; those of text hold
        numbers of words.
    words
        The words.
    """

    def __init__(self, columns: dict[str, NDArray[Any]], words: Sequence[str]) -> None:
        self._columns, self._words = columns, words
        super().__init__(_Rows(columns, words))

    def words(self, name: str) -> NDArray[np.str_]:
        """Return the column ``terminal`` or ``role`` as text."""
        words: NDArray[np.str_] = np.array(self._words or [""])
        return words[self._columns[name].astype(np.intp)]

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Columns: ...

    def __getitem__(self, index: int | slice) -> Row | Columns:
        """One row, or the readings of a slice."""
        if not isinstance(index, slice):
            return self.rows[index]
        return self._chosen(index)

    def where(self, *, role: str | None = None, terminal: str | None = None) -> Columns:
        """Return the readings of one role and one terminal, in order."""
        good = np.ones(len(self), bool)
        for name, word in (("role", role), ("terminal", terminal)):
            if word is not None:
                known = self._words.index(word) if word in self._words else -1
                good &= self._columns[name] == known
        return self._chosen(np.flatnonzero(good))

    def _chosen(self, places: slice | Index) -> Columns:
        return Columns({name: data[places] for name, data in self._columns.items()}, self._words)

    def _column(self, name: str) -> NDArray[np.float64]:
        return np.array(self._columns[name], np.float64)

    @cached_property
    def flags(self) -> NDArray[np.int64]:
        """Bits of `labctl.readings.Flag`."""
        return np.array(self._columns["flags"], np.int64)


class _Rows(Sequence[Row]):
    """Rows made from columns."""

    def __init__(self, columns: dict[str, NDArray[Any]], words: Sequence[str]) -> None:
        self._columns, self._words = columns, words

    def __len__(self) -> int:
        return len(self._columns["t"])

    def __iter__(self) -> Iterator[Row]:
        words = self._words
        lists = [self._columns[name].tolist() for name in Row._fields]
        for at, name in enumerate(Row._fields):
            if name in _WORDS:
                lists[at] = [words[number] for number in lists[at]]
        return map(Row._make, zip(*lists, strict=True))

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        part = index if isinstance(index, slice) else slice(index, index + 1 or None)
        found = list(_Rows({n: data[part] for n, data in self._columns.items()}, self._words))
        if isinstance(index, slice):
            return found
        if not found:
            raise IndexError(index)
        return found[0]


class _Table:
    """Columns that grow."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self._known: dict[str, int] = {}
        self._count = 0
        self._columns: dict[str, NDArray[Any]] = {
            name: np.zeros(_FIRST, np.int16 if name in (*_WORDS, "flags") else np.float64)
            for name in Row._fields
        }

    def __len__(self) -> int:
        return self._count

    def add(self, rows: list[tuple[Any, ...]]) -> None:
        """Take rows as the file has them, the number of the step first."""
        if not rows:
            return
        parts = dict(zip(("step", *Row._fields), zip(*rows, strict=True), strict=True))
        before, after = self._count, self._count + len(rows)
        for name, data in self._columns.items():
            values: Any = parts[name]
            if name in _WORDS:
                values = [self._number(word) for word in values]
            if after > len(data):
                grown = np.zeros(max(after, 2 * len(data)), data.dtype)
                grown[:before] = data[:before]
                self._columns[name] = data = grown
            data[before:after] = values
        self._count = after

    def _number(self, word: str) -> int:
        number = self._known.get(word)
        if number is None:
            number = self._known[word] = len(self.words)
            self.words.append(word)
        return number

    def part(self, first: int, last: int | None) -> Columns:
        last = self._count if last is None else min(last, self._count)
        return Columns({name: data[first:last] for name, data in self._columns.items()}, self.words)


class Tail:
    """A run folder, live or finished, read on from look to look.

    It is a `labctl.protocol.Measured`. Only whole lines count; a line that is being written is read
    next time. A run that was broken off and resumed goes on where it was. When the folder holds
    another run all of a sudden, everything is read anew.

    Parameters
    ----------
    folder
        Path of the folder.
    protocol
        The protocol that was run, where it is not an installed one.

    Raises
    ------
    BadInput
        It is not a run folder, or one of a version that this labctl does not know.
    """

    def __init__(self, folder: Path | str, protocol: Protocol | None = None) -> None:
        self.folder = Path(folder)
        self.gone = False  #: the folder has vanished; what was read is still there
        self._given = protocol
        self.header = read_header(self.folder)
        self._forget()

    def _forget(self) -> None:
        self.entries: list[Entry] = []  #: the journal's whole lines
        self._steps: list[StepRecord] = []
        self._table = _Table()
        self._journal = Cursor(self.folder / JOURNAL)
        self._readings = Cursor(self.folder / READINGS)
        self._protocol = self._given

    @property
    def protocol(self) -> Protocol:
        """The protocol that is run.

        Raises
        ------
        BadInput
            It is not installed here, or its parameters have changed since.
        """
        if self._protocol is None:
            asked = self.header.protocol
            self._protocol = catalogue.protocol_from(str(asked["kind"]), asked)
        return self._protocol

    @property
    def simulated(self) -> bool:
        """Whether a virtual bench makes it."""
        return self.header.simulated

    @property
    def steps(self) -> tuple[StepRecord, ...]:
        """The steps that count, in order."""
        count, rows = len(self._steps), len(self._table)
        # what the journal says to be done may still have readings that have not been taken up
        while count and ((last := self._steps[count - 1].last) is None or last > rows):
            count -= 1
        return tuple(self._steps[:count])

    @property
    def unfinished(self) -> StepRecord | None:
        """The step in hand."""
        return self._steps[-1] if self._steps and self._steps[-1].last is None else None

    @property
    def notes(self) -> tuple[Note, ...]:
        """Instrument errors, safety failures and remarks."""
        return tuple(entry for entry in self.entries if isinstance(entry, Note))

    @property
    def readings(self) -> Columns:
        """Every reading so far."""
        return self._table.part(0, None)

    def of(self, step: StepRecord) -> Columns:
        """Return the readings of one step."""
        return self._table.part(step.first, step.last)

    def where(self, **label: float | int | str | bool) -> Iterator[tuple[StepRecord, Columns]]:
        """Yield the steps whose label has these values, with their readings."""
        for step in self.steps:
            if all(step.label.get(name) == value for name, value in label.items()):
                yield step, self.of(step)

    def analyse(self) -> Results:
        """Derive the results from what there is."""
        return self.protocol.analyse(self)

    def poll(self) -> bool:
        """Read what was added since the last look, of each file at most some megabytes.

        Returns
        -------
        bool
            Whether anything is new; then it is worth looking again at once.

        Raises
        ------
        BadInput
            What is there now is not a run.
        """
        before = self.header
        header = self._look()
        if header is None:
            return False
        if (header.started, header.protocol) != (before.started, before.protocol) or self._shrunk():
            self._forget()
        self.header = header
        # the readings of a step are written before the journal says that it is done
        number = self._journal.lines + 1
        entries = self._journal.more(_CHUNK)
        # until the comment and the names of the columns are there, there is nothing to read
        headed = self._readings.lines == 0
        rows = self._readings.more(_CHUNK, least=2 if headed else 1)
        new = list(parse_entries(entries, self._journal.path, number))
        if rows:
            self._table.add(parse_rows(rows, self._readings.path, headed=headed))
        self.entries += new
        add_steps(self._steps, new)
        return bool(entries or rows) or header != before

    def _look(self) -> Header | None:
        """Read the header; None while there is none."""
        try:
            header = read_header(self.folder)
        except BadInput:
            self.gone = not (self.folder / JOURNAL).exists()
            if self.gone:
                return None
            raise
        self.gone = False
        return header

    def _shrunk(self) -> bool:
        return self._journal.shrunk() or self._readings.shrunk()
