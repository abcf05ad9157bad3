"""Keithley 707B, 708B and 3706A: switching matrices as `Switch`.

The bench file says what is wired to rows and columns; a path from a terminal to a channel is the
crosspoint of its column and that channel's row::

    [instruments.matrix]
    driver = "keithley707b"                  # or "keithley3706a"
    model = "707B"
    address = "TCPIP0::192.168.0.16::inst0::INSTR"
    rows = { A = "smu.a", B = "smu.b", C = "ground" }
    columns = { 1 = "top", 2 = "bottom" }    # "2:1" is column 1 of the card in slot 2

A terminal on a column that no channel is asked for is joined to the row ``ground`` where there is
one. Relays move only while nothing is driven; that is the bench's care.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pymeasure.instruments import Instrument

from instruments.errors import link_faults, queue_fault, wrong_model
from instruments.options import check_options, duration_option
from instruments.secured import Secured, open_adapter
from labctl.capability import Identity, Setup
from labctl.errors import BadInput, InstrumentFault

__all__ = ["CAPABILITIES", "OPTIONS", "SwitchMatrix", "connect", "connected"]

CAPABILITIES = ("switch",)
_MODELS = {"707B": True, "708B": True, "3706A-S": False, "3706A": False}  # rows are letters
#: keys of its section of a bench file
OPTIONS = ("rows", "columns", "cards", "path_resistance", "timeout")
_PLACE = re.compile(r"(?:(\d):)?([A-Za-z]|\d{1,2})$")
_GROUND = "ground"
_TIMEOUT = 10.0  # s

M = TypeVar("M", bound="SwitchMatrix")


def connect(setup: Setup) -> SwitchMatrix:
    """Connect to a mainframe and ask who it is; no relay moves.

    Raises
    ------
    BadInput
        The model, an option, the wiring or the address is not allowed.
    InstrumentFault
        Nobody answers, or another instrument does.
    """
    return connected(setup, SwitchMatrix, OPTIONS)


def connected(setup: Setup, kind: type[M], options: tuple[str, ...]) -> M:
    """Connect as a kind of driver of such mainframes; raises what `connect` does.

    Parameters
    ----------
    setup
        Section of the bench file.
    kind
        The driver.
    options
        Keys that its section may have.
    """
    if setup.model not in _MODELS:
        raise BadInput(
            f'{setup.name}: the model "{setup.model}" is unknown; allowed are {", ".join(_MODELS)}'
        )
    check_options(setup, options, {})
    rows = _wired(setup, "rows", letters=_MODELS[setup.model])
    columns = _wired(setup, "columns", letters=False)
    adapter = open_adapter(setup, duration_option(setup, "timeout", _TIMEOUT))
    matrix = kind(adapter, setup, rows, columns)
    matrix.start()
    return matrix


class SwitchMatrix(Secured, Instrument):  # type: ignore[misc]
    """A mainframe behind a connection.

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
        super().__init__(adapter, f"{setup.name} ({setup.address})", includeSCPI=False)
        self.label, self.model = setup.name, setup.model
        self._rows, self._columns = rows, columns
        self._idn = ""

    def start(self) -> None:
        """Ask who answers, and forget errors that nobody has read.

        Raises
        ------
        InstrumentFault
            Nobody does, or another model.
        """
        with link_faults(self.name, "asking who it is"):
            self._idn = self.ask("*IDN?").strip()
        if self.model not in self._idn:
            raise wrong_model(self.name, self.model, self._idn)
        self.drain()

    def drain(self) -> list[str]:
        """Empty the error queue and return its entries."""
        entries: list[str] = []
        with link_faults(self.name, "reading its error queue"):
            while True:
                answer: str = self.ask("print(errorqueue.next())")
                code, _, rest = answer.strip().partition("\t")
                if _number(self.name, code) == 0:
                    return entries
                entries.append(f"{_number(self.name, code):.0f} {rest.split(chr(9))[0]}")

    def channels(self, paths: Mapping[str, str]) -> list[str]:
        """Return the crosspoints for paths from terminals to channels.

        Raises
        ------
        BadInput
            A terminal or a channel is not wired to the matrix, or they are on different cards.
        """
        wanted = dict(paths)
        if _GROUND in self._rows:
            wanted |= {name: _GROUND for name in self._columns if name not in paths}
        return self.points(wanted)

    def points(self, paths: Mapping[str, str]) -> list[str]:
        """Return the crosspoints for these paths and no others; raises as `channels` does."""
        points = []
        for terminal, channel in paths.items():
            if terminal not in self._columns or channel not in self._rows:
                raise BadInput(
                    f"{self.name}: a path from {terminal} to {channel} was asked for; wired are "
                    f"the columns {', '.join(self._columns)} and the rows {', '.join(self._rows)}"
                )
            (slot, row), (other, column) = self._rows[channel], self._columns[terminal]
            if slot != other:
                raise BadInput(
                    f"{self.name}: {channel} is on slot {slot} and {terminal} on slot {other}; "
                    "wire them to the same card"
                )
            points.append(f"{slot}{row}{int(column):02d}")
        return points

    def route(self, paths: Mapping[str, str]) -> None:
        """Close the relays from terminals to channels and open all others, and see that it is so.

        Raises
        ------
        BadInput
            A path cannot be made.
        InstrumentFault
            The mainframe reported an error, or other relays are closed than were asked for.
        """
        mine = {t: c for t, c in paths.items() if t in self._columns or c in self._rows}
        self.close_only(self.channels(mine))

    def close_only(self, points: list[str]) -> None:
        """Close these crosspoints and open all others, and see that it is so.

        Raises
        ------
        InstrumentFault
            The mainframe reported an error, or other relays are closed than were asked for.
        """
        with link_faults(self.name, "closing paths"):
            self.write("channel.connectrule = channel.BREAK_BEFORE_MAKE")
            self.write(f'channel.exclusiveclose("{",".join(points)}")')
        self._expect(points, "closing paths")

    def _expect(self, points: list[str], doing: str) -> None:
        if entries := self.drain():
            raise queue_fault(self.name, entries, doing)
        closed = self.closed()
        if sorted(closed) != sorted(points):
            raise InstrumentFault(
                f"{self.name}: {', '.join(closed) or 'no relay'} is closed after {doing}, expected "
                f"was {', '.join(points) or 'none'}; check the cards, then connect again"
            )

    def closed(self) -> list[str]:
        """Return the crosspoints that are closed."""
        with link_faults(self.name, "asking what is closed"):
            answer = self.ask('print(channel.getclose("allslots"))').strip()
        return [] if answer == "nil" else re.split(r"[;,]", answer)

    def make_safe(self) -> None:
        """Open every relay, and see that it is so."""
        with link_faults(self.name, "opening every relay"):
            self.write('channel.exclusiveclose("")')
        self._expect([], "opening every relay")

    def identify(self) -> Identity:
        """Ask who it is."""
        self.start()
        parts = [part.strip() for part in self._idn.split(",")]
        serial, firmware = ([*parts[2:4], "", ""])[:2]
        return Identity(self.label, self._idn, self.model, serial, firmware)

    def snapshot(self) -> dict[str, str]:
        """Return what is closed, how often it was, and the cards, as it reports them."""
        closed = self.closed()
        with link_faults(self.name, "asking for its settings"):
            found = {
                "closed": ",".join(closed),
                "connectrule": self.ask("print(channel.connectrule)").strip(),
                "slot1": self.ask("print(slot[1].idn)").strip(),
            }
            if closed:
                found["count"] = self.ask(f'print(channel.getcount("{",".join(closed)}"))').strip()
        return found


def _wired(setup: Setup, key: str, *, letters: bool) -> dict[str, tuple[str, str]]:
    """Return name -> (slot, place) of what the bench file wires to rows or columns."""
    given = setup.options.get(key, {})
    found: dict[str, tuple[str, str]] = {}
    for written, name in given.items():
        match = _PLACE.match(str(written))
        if match is None or match[2].isalpha() != letters:
            example = "A" if letters else "1"
            raise BadInput(
                f'{setup.name}: {key}: "{written}" is no place on a {setup.model}; '
                f'write "{example}", or "2:{example}" for the card in slot 2'
            )
        found[str(name)] = (match[1] or "1", match[2].upper())
    return found


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InstrumentFault(
            f'{name}: its error queue was answered with "{text[:40]}"; expected is a number'
        ) from None
