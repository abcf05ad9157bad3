"""Readings: what an instrument reported, as rows in time order and as columns for arithmetic.

Times, levels and widths are those *achieved*, as the instrument reports them, never those asked
for (``v_set`` is the one exception and is named so).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntFlag
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["COLUMN_UNITS", "Flag", "Readings", "Row"]


class Flag(IntFlag):
    """What is to be known about a reading before it is believed (bits of the column ``flags``)."""

    COMPLIANCE = 1  #: the source was limiting
    OVERRANGE = 2  #: the meter could not show the value
    LOST = 4  #: no value: the step was interrupted and skipped
    CONTACT = 8  #: the contact check had failed
    UNSETTLED = 16  #: read before the source had settled


class Row(NamedTuple):
    """One reading of one terminal."""

    t: float  #: middle of the reading on the instrument's clock, counted through the run, s
    terminal: str  #: device terminal, as named in the bench file
    role: str  #: ``pulse``, ``read`` or ``rest``: what the waveform was doing
    v_set: float  #: level asked for, V; not a number where a current was
    v: float  #: level achieved (measured, or programmed value read back), V
    i: float  #: current, positive into the terminal, A
    width: float  #: achieved duration of the level that the reading belongs to, s
    u_v: float  #: standard uncertainty of v from the instrument's specification, V
    u_i: float  #: standard uncertainty of i from the instrument's specification, A
    flags: int  #: bits of `Flag`


#: the unit of every column of ``readings.csv``; ``step`` comes first there
COLUMN_UNITS = {
    "step": "1", "t": "s", "terminal": "", "role": "", "v_set": "V", "v": "V", "i": "A",
    "width": "s", "u_v": "V", "u_i": "A", "flags": "1",
}  # fmt: skip

Array = NDArray[np.float64]


class Readings(Sequence[Row]):
    """Rows in the order they were taken; columns are arrays made on first use.

    Parameters
    ----------
    rows
        The readings.

    Examples
    --------
    >>> r = Readings([Row(0.0, "top", "read", 0.1, 0.1, 2e-5, 1e-3, 0.0, 0.0, 0)])
    >>> float(r.g[0])
    0.0002
    """

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        """One row, or the readings of a slice."""
        return Readings(self.rows[index]) if isinstance(index, slice) else self.rows[index]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def where(self, *, role: str | None = None, terminal: str | None = None) -> Readings:
        """Return the readings of one role and one terminal, in order."""
        return Readings(
            [
                row
                for row in self.rows
                if (role is None or row.role == role)
                and (terminal is None or row.terminal == terminal)
            ]
        )

    def _column(self, name: str) -> Array:
        at = Row._fields.index(name)
        return np.fromiter((row[at] for row in self.rows), float, len(self.rows))

    @cached_property
    def t(self) -> Array:
        """Times of the middle of each reading, s."""
        return self._column("t")

    @cached_property
    def v(self) -> Array:
        """Achieved levels, V."""
        return self._column("v")

    @cached_property
    def v_set(self) -> Array:
        """Levels asked for, V."""
        return self._column("v_set")

    @cached_property
    def i(self) -> Array:
        """Currents, A."""
        return self._column("i")

    @cached_property
    def width(self) -> Array:
        """Achieved durations of the levels, s."""
        return self._column("width")

    @cached_property
    def u_v(self) -> Array:
        """Standard uncertainties of the levels, V."""
        return self._column("u_v")

    @cached_property
    def u_i(self) -> Array:
        """Standard uncertainties of the currents, A."""
        return self._column("u_i")

    @cached_property
    def g(self) -> Array:
        """Conductances i / v, S; not a number where the level is zero."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.v != 0, self.i / self.v, np.nan)

    @cached_property
    def flags(self) -> NDArray[np.int64]:
        """Bits of `Flag`."""
        return np.fromiter((row.flags for row in self.rows), np.int64, len(self.rows))
