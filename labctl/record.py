"""Records: reading a run folder, live or finished, without ever disturbing its writer.

Only whole lines count: a line still being written, or torn by a kill, is left out. Reading runs no
code from the folder.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from labctl import catalogue
from labctl.dataset import to_xarray
from labctl.errors import BadInput
from labctl.journal import (
    JOURNAL,
    READINGS,
    RECORD_VERSION,
    RESULTS,
    RUN,
    Begun,
    Done,
    Entry,
    Header,
    Interrupted,
    Note,
    pretty,
    write_atomically,
)
from labctl.parts import whole_lines
from labctl.protocol import Protocol
from labctl.readings import COLUMN_UNITS, Readings, Row
from labctl.results import Fit, Metric, Results
from labctl.steps import StepRecord

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["Record", "open_record", "whole_lines"]

_decode_entry = msgspec.json.Decoder(Entry).decode
_Number = float | None  # a missing value has no number
_Found = tuple[
    int, _Number, str, str, _Number, _Number, _Number, _Number, _Number, _Number, int
]  # the step, and a `Row`
_decode_rows = msgspec.json.Decoder(list[_Found]).decode
#: what a damaged file of JSON raises: also one that is no text, nested without end, or full of
#: numbers that are beyond every measure
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)


class Record:
    """A run folder.

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
        self.header = read_header(self.folder)
        if protocol is not None:
            self.__dict__["protocol"] = protocol

    def __repr__(self) -> str:
        kind = self.header.protocol.get("kind")
        return f"<{kind} on {self.header.bench_name}, {self.header.status}: {self.folder}>"

    @property
    def simulated(self) -> bool:
        """Whether a virtual bench made it."""
        return self.header.simulated

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The journal's whole lines."""
        return tuple(_read_entries(self.folder / JOURNAL))

    @cached_property
    def _table(self) -> tuple[list[int], list[Row]]:
        return _read_rows(self.folder / READINGS)

    @property
    def readings(self) -> Readings:
        """Every row of ``readings.csv``, those of interrupted steps included."""
        return Readings(self._table[1])

    @cached_property
    def steps(self) -> tuple[StepRecord, ...]:
        """The steps that count, in order: done ones, and skipped ones with what they gave."""
        return tuple(step for step in _steps(self.entries) if step.last is not None)

    @cached_property
    def unfinished(self) -> StepRecord | None:
        """The step in hand, or the one a killed run left."""
        steps = _steps(self.entries)
        return steps[-1] if steps and steps[-1].last is None else None

    @property
    def notes(self) -> tuple[Note, ...]:
        """Instrument errors, safety failures and remarks."""
        return tuple(entry for entry in self.entries if isinstance(entry, Note))

    def of(self, step: StepRecord) -> Readings:
        """Return the readings of one step."""
        return Readings(self._table[1][step.first : step.last])

    def where(self, **label: float | int | str | bool) -> Iterator[tuple[StepRecord, Readings]]:
        """Yield the steps whose label has these values, with their readings."""
        for step in self.steps:
            if all(step.label.get(name) == value for name, value in label.items()):
                yield step, self.of(step)

    @cached_property
    def protocol(self) -> Protocol:
        """The protocol that was run.

        Raises
        ------
        BadInput
            It is not installed here, or its parameters have changed since.
        """
        kind = str(self.header.protocol.get("kind", ""))
        return catalogue.protocol_from(kind, self.header.protocol)

    @cached_property
    def results(self) -> Results:
        """Figures of merit and fits, from ``results.json`` or made anew."""
        path = self.folder / RESULTS
        if self.header.status != "running" and path.exists():
            try:
                return msgspec.json.decode(path.read_bytes(), type=Results)
            except (OSError, *UNREADABLE):
                pass  # derived data: made again below
        return self.analyse()

    def analyse(self) -> Results:
        """Derive the results from the readings."""
        return self.protocol.analyse(self)

    def save_results(self) -> Results:
        """Derive the results and write ``results.json``."""
        results = self.__dict__["results"] = self.analyse()
        write_atomically(self.folder / RESULTS, pretty(results))
        return results

    @property
    def metrics(self) -> dict[str, Metric]:
        """Figures of merit by name."""
        return self.results.metrics

    @property
    def fits(self) -> dict[str, Fit]:
        """Fits by name."""
        return self.results.fits

    def refresh(self) -> None:
        """Forget what was read, to see what a running run has written since."""
        for name in ("entries", "_table", "steps", "unfinished", "results"):
            self.__dict__.pop(name, None)
        self.header = read_header(self.folder)

    def plot(self, path: str | Path | None = None) -> Any:
        """Draw the protocol's figures; with a path, save them (PNG, SVG or PDF).

        Returns
        -------
        matplotlib.figure.Figure
        """
        from labctl import plot  # matplotlib costs more than the rest of labctl together

        if path is not None:
            plot.save(self.results.panels, Path(path), simulated=self.simulated)
        return plot.draw(self.results.panels, simulated=self.simulated)

    def to_xarray(self) -> xr.Dataset:
        """Return the readings as an xarray Dataset with units; see `labctl.dataset.to_xarray`."""
        return to_xarray(self)

    def _repr_html_(self) -> str:
        """Show figures of merit and fits where a notebook shows a value."""
        from labctl.report import notebook

        return notebook(self.results, repr(self), simulated=self.simulated)

    def to_dataframe(self) -> pd.DataFrame:
        """Return the readings as a pandas DataFrame; units are in ``frame.attrs["units"]``.

        Raises
        ------
        BadInput
            pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise BadInput("a data frame was asked for; install pandas to get one") from None
        numbers, rows = self._table
        frame = pd.DataFrame(rows, columns=list(Row._fields))
        frame.insert(0, "step", numbers)
        frame.attrs["units"] = COLUMN_UNITS
        return frame


def open_record(folder: Path | str) -> Record:
    """Open a run folder, live or finished; see `Record`."""
    return Record(folder)


def read_header(folder: Path) -> Header:
    """Read ``run.json``.

    Raises
    ------
    BadInput
        There is none, or it is of a version that this labctl does not know.
    """
    path = folder / RUN
    try:
        content = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        raise BadInput(f'"{folder}" is not a run folder: it has no {RUN}; give a folder') from None
    except (OSError, *UNREADABLE) as error:
        raise BadInput(f'"{path}" cannot be read: {error}; restore it from a copy') from None
    version = content.get("version") if isinstance(content, dict) else None
    if version not in range(1, RECORD_VERSION + 1):
        raise BadInput(
            f'"{folder}" is a record of version {version}; this labctl reads versions 1 to '
            f"{RECORD_VERSION}, so open it with the labctl that wrote it"
        )
    try:
        return msgspec.convert(content, Header)
    except UNREADABLE as error:
        raise BadInput(f'"{path}" is not a run header: {error}; restore it from a copy') from None


def _read_entries(path: Path) -> Iterator[Entry]:
    return parse_entries(whole_lines(path), path)


def parse_entries(lines: bytes, path: Path, first: int = 1) -> Iterator[Entry]:
    """Read whole lines of a journal; `path` and the number of the first are for an error.

    Raises
    ------
    BadInput
        A line is not an entry.
    """
    for number, line in enumerate(lines.splitlines(), first):
        try:
            yield _decode_entry(line)
        except UNREADABLE as error:
            raise BadInput(f'"{path}", line {number}, is not a journal entry: {error}') from None


def _read_rows(path: Path) -> tuple[list[int], list[Row]]:
    rows = parse_rows(whole_lines(path), path)
    return [row[0] for row in rows], [Row(*row[1:]) for row in rows]


def parse_rows(lines: bytes, path: Path, *, headed: bool = True) -> list[tuple[Any, ...]]:
    """Read whole lines of a table of readings, the number of the step first in each row.

    Parameters
    ----------
    lines
        With the comment and the names of the columns on top, unless `headed` is False.
    path
        For an error.

    Raises
    ------
    BadInput
        It is not such a table.
    """
    start = lines.find(b"\n", lines.find(b"\n") + 1) + 1 if headed else 0
    body = lines[start:-1]
    if not body:
        return []
    missing = b",nan" in body
    if missing:
        body = body.replace(b",nan", b",null")
    try:
        rows: list[tuple[Any, ...]] = _decode_rows(b"[[" + body.replace(b"\n", b"],[") + b"]]")
    except UNREADABLE as error:
        raise BadInput(f'"{path}" is not a table of readings: {error}') from None
    if missing:
        rows = [tuple(math.nan if value is None else value for value in row) for row in rows]
    return rows


def _steps(entries: tuple[Entry, ...]) -> list[StepRecord]:
    steps: list[StepRecord] = []
    add_steps(steps, entries)
    return steps


def add_steps(steps: list[StepRecord], entries: Iterable[Entry]) -> None:
    """Carry a list of steps on by what more of the journal says; its last may still be open.

    Raises
    ------
    BadInput
        A step ends that had not begun.
    """
    for entry in entries:
        if isinstance(entry, Done | Interrupted) and not (steps and steps[-1].last is None):
            raise BadInput(
                f"the journal ends step {entry.step}, which had not begun; restore it from a copy"
            )
        if isinstance(entry, Begun):
            steps.append(StepRecord(entry.step, entry.attempt, entry.what, entry.row, None))
        elif isinstance(entry, Done):
            steps[-1] = msgspec.structs.replace(steps[-1], last=entry.row)
        elif isinstance(entry, Interrupted) and entry.handling == "skip":
            steps[-1] = msgspec.structs.replace(steps[-1], last=entry.row, skipped=True)
        elif isinstance(entry, Interrupted):
            steps.pop()
