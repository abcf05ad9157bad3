"""A crossbar as one device of a bench: its lines are terminals, and cells are addressed by them.

What a bench file may say::

    [simulation.crossbar]
    rows = 8                     # word lines, the terminals "w1" to "w8"
    columns = 8                  # bit lines, the terminals "b1" to "b8"
    wire = "2 Ohm"               # of a segment, from cell to cell
    driver = "50 Ohm"            # inside the driver of a word line
    sense = "50 Ohm"             # inside the driver of a bit line
    scheme = "V/2"               # what unselected lines get: V/2, V/3, grounded or floating
    decoder = false              # true: the terminals are "top" and "bottom", see below

    [simulation.crossbar.selector]      # in front of every cell (1S1R), or
    current = "1 nA"                    # I = current sinh(V / voltage)
    voltage = "0.1 V"

    [simulation.crossbar.transistor]    # ... open on selected word lines only (1T1R)
    on = "1 mS"
    saturation = "200 uA"

A cell is written ``column,row``, counted from 1: ``3,2`` is at bit line 3 and word line 2.

Lines that a switching matrix leads to have the voltages of its channels. The board that carries the
array holds the others at the shares of the voltage between selected word and bit line that the
scheme names; it drives them only while lines of both kinds are selected, and they float otherwise.
What it drives is not seen by any channel, as on a real board. With a decoder there is no matrix:
the array itself joins its two terminals to the lines of the cell that the user named.

The device models of all cells and the network of the wires do the rest (`sim_backend.array`): reads
see sneak currents, writes disturb what they half-select. What goes into a line is what its cells
give to the other lines.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, ConfigDict, Field, model_validator

from labctl.errors import BadInput
from labctl.units import Ampere, Ohm, Siemens, Volt
from sim_backend.array import DeviceArray
from sim_backend.crossbar import Drive, Wires, shares
from sim_backend.crossings import Access, Selector, one_selector, one_transistor
from sim_backend.devices.model import (
    Array,
    DeviceModel,
    Levels,
    Piece,
    State,
    Stream,
    ends,
    repeat_plainly,
)

__all__ = ["AddressedCrossbar", "Cell", "Crossbar", "SelectorSection", "TransistorSection"]

_MOST = 64  # lines of a kind
_OPEN = (math.nan, math.nan)
_TOP, _BOTTOM = "top", "bottom"
_CELL = re.compile(r"\s*(\d+)\s*,\s*(\d+)\s*(?:,\s*1\s*)?$")


class Cell(NamedTuple):
    """A crossing; both counted from 1."""

    column: int  #: bit line
    row: int  #: word line

    def __str__(self) -> str:
        return f"{self.column},{self.row}"


class SelectorSection(BaseModel):
    """The section ``[simulation.crossbar.selector]``: see `sim_backend.crossings.Selector`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    current: Annotated[Ampere, Gt(0)]
    voltage: Annotated[Volt, Gt(0)]


class TransistorSection(BaseModel):
    """The section ``[simulation.crossbar.transistor]``: see `sim_backend.crossings.Gated`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on: Annotated[Siemens, Gt(0)]
    saturation: Annotated[Ampere, Gt(0)]
    off: Annotated[Siemens, Gt(0)] = 1e-12


class Crossbar(BaseModel):
    """The section ``[simulation.crossbar]`` of a bench file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: Annotated[int, Ge(1), Le(_MOST)] = 4
    columns: Annotated[int, Ge(1), Le(_MOST)] = 4
    wire: Annotated[Ohm, Ge(0)] = Field(0.0, description="Of a segment, from cell to cell.")
    driver: Annotated[Ohm, Ge(0)] = Field(0.0, description="Inside the driver of a word line.")
    sense: Annotated[Ohm, Ge(0)] = Field(0.0, description="Inside the driver of a bit line.")
    scheme: Literal["V/2", "V/3", "grounded", "floating"] = "V/2"
    decoder: bool = Field(False, description="Whether top and bottom lead to the chosen cell.")
    selector: SelectorSection | None = None
    transistor: TransistorSection | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Crossbar:
        if self.selector is not None and self.transistor is not None:
            raise ValueError("a cell has a selector or a transistor, not both; leave one out")
        return self

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns

    @property
    def wires(self) -> Wires:
        """Resistances outside the cells."""
        return Wires(self.wire, self.wire, self.driver, self.sense)

    @property
    def access(self) -> Access | None:
        """What stands in front of every device."""
        if self.selector is not None:
            return one_selector(Selector(self.selector.current, self.selector.voltage))
        if self.transistor is not None:
            given = self.transistor
            return one_transistor(given.on, given.saturation, given.off)
        return None

    def find(self, written: str) -> Cell:
        """Return the cell of this name; an empty name is the first one.

        Raises
        ------
        BadInput
            There is no such cell.
        """
        match = _CELL.match(written or "1,1")
        cell = None if match is None else Cell(int(match[1]), int(match[2]))
        if cell is None or not (1 <= cell.column <= self.columns and 1 <= cell.row <= self.rows):
            raise BadInput(
                f'the cell "{written}" was asked for; the crossbar has {self.columns} columns and '
                f'{self.rows} rows, and a cell is written column,row: "1,1"'
            )
        return cell


class AddressedCrossbar:
    """An array of devices behind its lines; meets `sim_backend.devices.model.DeviceModel`.

    A state has a column for each cell, row by row; what goes into the terminals is one column.

    Parameters
    ----------
    model
        Of each device; its first terminal is on the word line, its second on the bit line.
    section
        What the bench file says.
    cell
        Which a decoder leads to; without a decoder it is nothing.
    selected
        Lines that something outside drives; those of the cell where there is a decoder.

    Raises
    ------
    BadInput
        The device has more than two terminals.
    """

    def __init__(
        self,
        model: DeviceModel,
        section: Crossbar,
        cell: Cell = Cell(1, 1),  # noqa: B008 - a frozen value
        selected: Collection[str] = (),
    ) -> None:
        if len(model.terminals) != 2:
            raise BadInput(
                f"devices with the terminals {', '.join(model.terminals)} were put into a "
                "crossbar; only devices with two terminals can"
            )
        self.model, self.section, self.cell = model, section, cell
        words = tuple(f"w{k + 1}" for k in range(section.rows))
        bits = tuple(f"b{k + 1}" for k in range(section.columns))
        self.lines = words + bits
        if section.decoder:
            self.terminals: tuple[str, ...] = (_TOP, _BOTTOM)
            driven = {f"w{cell.row}": _TOP, f"b{cell.column}": _BOTTOM}
        else:
            self.terminals = self.lines
            driven = {name: name for name in selected}
        #: terminal that drives each line, empty for a line that the board cares for
        self._driven = tuple(driven.get(name, "") for name in self.lines)
        self.threshold = model.threshold

    def led_to(self, lines: Collection[str]) -> AddressedCrossbar:
        """Return the crossbar with these lines driven from outside and the others by its board."""
        return AddressedCrossbar(self.model, self.section, self.cell, lines)

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make one crossbar, its devices in the model's initial condition, each with its spread."""
        if devices != 1:
            raise BadInput(f"{devices} crossbars were asked for; make them one by one")
        cells = self.section.rows * self.section.columns
        return self.model.fresh(cells, stream, spread=spread, first=first * cells)

    def advance(
        self,
        state: State,
        levels: Levels,
        duration: float,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take the crossbar through straight levels; returns C into each terminal."""
        if not duration > 0:
            return np.zeros((len(self.terminals), 1))
        array = self._array(state)
        array.stream = stream
        begin, end = (self._drive(levels, side) for side in (0, 1))
        if not (np.any(begin.levels) or np.any(end.levels)):
            return self._into(array.rest(duration, temperature))
        if all(first == last for first, last in map(ends, levels.values())):
            end = begin
        with _told():
            return self._into(array.carry(begin, end, duration, temperature).charge)

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take the crossbar through the same pieces `count` times."""
        (levels, duration), *more = pieces
        if not more and not any(map(any, map(ends, levels.values()))):
            return self.advance(state, levels, duration * count, temperature, stream)
        return repeat_plainly(self, state, pieces, count, temperature, stream)

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        """Return the current into each terminal, A."""
        drive = self._drive(levels, 0)
        if not np.any(drive.levels):
            return np.zeros((len(self.terminals), 1))
        with _told():
            return self._into(self._array(state).read(drive).i)

    def conductance(self, state: State) -> Array:
        """Return the conductance of the device of every cell by itself, S, row by row."""
        return self.model.conductance(state)

    def describe(self) -> dict[str, Any]:
        """Return what the model says, with the crossbar round it."""
        return {**self.model.describe(), "crossbar": self.section.model_dump()}

    def _array(self, state: State) -> DeviceArray:
        """Return the cells behind their wires, with what has been looked up of them."""
        array: DeviceArray | None = state.ready.get("crossbar")
        if array is None:
            shape, wires = self.section.shape, self.section.wires
            array = DeviceArray(self.model, shape, wires, access=self.section.access, state=state)
            state.ready["crossbar"] = array
        return array

    def _drive(self, levels: Levels, side: int) -> Drive:
        """Return the voltages at the ends of the lines, at the beginning (0) or the end (1)."""
        both = np.array([ends(levels.get(name, 0.0)) if name else _OPEN for name in self._driven])
        rows = self.section.rows
        words, bits = both[:rows, side].copy(), both[rows:, side].copy()
        loose = np.isnan(words), np.isnan(bits)
        gates = ~loose[0] if rows == 1 or np.any(loose[0]) else np.any(both[:rows] != 0.0, axis=1)
        if not (np.all(loose[0]) or np.all(loose[1])):
            low = float(np.mean(bits[~loose[1]]))
            over = float(np.mean(words[~loose[0]])) - low
            for line, share, of in zip(
                (words, bits), shares(self.section.scheme), loose, strict=True
            ):
                line[of] = low + share * over if share else 0.0
        return Drive(words, bits, gates)

    def _into(self, through: Array) -> Array:
        """Return what goes into each terminal, of what goes through the cells."""
        lines = np.concatenate([through.sum(axis=1), -through.sum(axis=0)])
        into = dict.fromkeys(self.terminals, 0.0)
        for name, amount in zip(self._driven, lines.tolist(), strict=True):
            if name:
                into[name] += amount
        return np.array(list(into.values()))[:, np.newaxis]


@contextmanager
def _told() -> Iterator[None]:
    """Say what stands against a crossbar of such devices in words for the user."""
    try:
        yield
    except ArithmeticError as error:
        raise BadInput(f"section simulation.crossbar: {error}, or take other devices") from None
