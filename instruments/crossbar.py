"""The lines of a crossbar behind a switching matrix, as `Switch` and as `Prober`.

A site of the run is a cell, ``column,row``, counted from 1: going there closes the relays that lead
from its word line and from its bit line to the channels of the terminals ``top`` and ``bottom``.
The bench file says where lines and channels are wired; word lines are ``w1``, ``w2``, ... and bit
lines ``b1``, ``b2``, ...::

    [instruments.matrix]
    driver = "crossbar"
    model = "707B"                           # as for the driver keithley707b or keithley3706a
    address = "TCPIP0::192.168.0.16::inst0::INSTR"
    rows = { A = "smu.a", B = "ground" }
    columns = { 1 = "w1", 2 = "w2", 3 = "b1", 4 = "b2" }
    unselected = "ground"                    # where other lines are joined to; left out: nowhere

    [terminals]
    top = "smu.a"                            # the bottom is at the row ground unless it is given

Lines that are joined to nothing float, or are held by the board that carries the array. Relays move
only while nothing is driven; that is the bench's care.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from instruments.switch import OPTIONS, SwitchMatrix, connected
from labctl.capability import ContactCheck, Setup
from labctl.errors import BadInput

__all__ = ["CAPABILITIES", "CrossbarMatrix", "connect"]

CAPABILITIES = ("switch", "prober")
_CELL = re.compile(r"\s*(\d+)\s*,\s*(\d+)\s*(?:,\s*1\s*)?$")
_LINE = re.compile(r"[wb]\d+$")
_FIRST = "1,1"


def connect(setup: Setup) -> CrossbarMatrix:
    """Connect to a mainframe and ask who it is; no relay moves.

    Raises
    ------
    BadInput
        The model, an option, the wiring or the address is not allowed.
    InstrumentFault
        Nobody answers, or another instrument does.
    """
    columns = [str(name) for name in setup.options.get("columns", {}).values()]
    strange = [name for name in columns if _LINE.match(name) is None]
    if strange or not {"w1", "b1"} <= set(columns):
        raise BadInput(
            f"{setup.name}: columns: {', '.join(strange or columns) or 'nothing'} was given; wire "
            'the lines "w1", "w2", ... and "b1", "b2", ... of the crossbar to the columns'
        )
    rows = [str(name) for name in setup.options.get("rows", {}).values()]
    unselected = setup.options.get("unselected")
    if unselected is not None and unselected not in rows:
        raise BadInput(
            f'{setup.name}: unselected = "{unselected}" was given; wired are the rows '
            f"{', '.join(rows)}, so name one of them or leave it out"
        )
    return connected(setup, CrossbarMatrix, (*OPTIONS, "unselected"))


class CrossbarMatrix(SwitchMatrix):
    """A mainframe whose columns are lines of a crossbar.

    Parameters
    ----------
    adapter
        An open connection.
    setup
        Its section of the bench file.
    rows, columns
        Name of what is wired there -> slot and how the place is written in a channel.
    """

    def __init__(
        self,
        adapter: Any,
        setup: Setup,
        rows: Mapping[str, tuple[str, str]],
        columns: Mapping[str, tuple[str, str]],
    ) -> None:
        super().__init__(adapter, setup, rows, columns)
        self._others: str | None = setup.options.get("unselected")
        self._top, self._bottom = "", "ground"
        self._cell = _FIRST

    @property
    def contact_check(self) -> ContactCheck | None:
        """Nothing to check: relays are not needles."""
        return None

    def route(self, paths: Mapping[str, str]) -> None:
        """Take note of the channels of top and bottom; the relays close with `move`.

        Raises
        ------
        BadInput
            The bench has no terminal ``top``.
        """
        if "top" not in paths:
            raise BadInput(
                f"{self.name}: terminals {', '.join(paths)} were given; the word line of a cell is "
                'the terminal "top", its bit line the terminal "bottom"'
            )
        self._top, self._bottom = paths["top"], paths.get("bottom", "ground")

    def move(self, site: str) -> str:
        """Join the lines of a cell, ``column,row``, to the channels, and no other line.

        Empty for the cell of the last time, at first that of the first lines.

        Raises
        ------
        BadInput
            There is no such cell, or one of its lines is not wired.
        InstrumentFault
            The relays are not as they should be.
        """
        match = _CELL.match(site or self._cell)
        word, bit = ("", "") if match is None else (f"w{int(match[2])}", f"b{int(match[1])}")
        if word not in self._columns or bit not in self._columns:
            raise BadInput(
                f'{self.name}: the cell "{site}" was asked for; wired are the lines '
                f'{", ".join(self._columns)}, and a cell is written column,row: "{_FIRST}"'
            )
        paths = {} if self._others is None else dict.fromkeys(self._columns, self._others)
        self.close_only(self.points({**paths, word: self._top, bit: self._bottom}))
        self._cell = f"{bit[1:]},{word[1:]}"
        return self._cell

    def touch(self) -> None:
        """Close the relays of the cell anew."""
        self.move(self._cell)

    def separate(self) -> None:
        """Open every relay."""
        self.make_safe()
