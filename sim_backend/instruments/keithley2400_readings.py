"""Readings of a Series 2400: how they are written, and the buffer (``FORMat``, ``TRACe``).

Source: 2400 Series SourceMeter User's Manual, section 9, tables 18-3 and 18-10, pages 18-47 to
18-55 and 18-114 to 18-116.
"""

from __future__ import annotations

import itertools
import statistics
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import NamedTuple

from sim_backend.instruments.keithley2400_expression import NOT_A_NUMBER
from sim_backend.instruments.keithley2400_meter import OVERFLOW
from sim_backend.instruments.keithley2400_settings import choice, events, number, whole
from sim_backend.instruments.keithley2400_setup import ELEMENTS, Format
from sim_backend.instruments.keithley2400_source import Chassis
from sim_backend.wire.parameters import Choice, Raw, ScpiError
from sim_backend.wire.scpi import Answer, Command

__all__ = [
    "Buffer", "Reading", "Result", "format_commands", "trace_commands", "write_rows", "writer",
]  # fmt: skip

STALE, ACTIVE = -230, 800
_SIZE = 2500  #: readings that fit
_BYTES = 5 * 8 + 24  # of one reading, for TRACe:FREE? [to be checked]
_REGISTER_FORMS = {"ASCii": "ASC", "HEXadecimal": "HEX", "OCTal": "OCT", "BINary": "BIN"}
_PATTERN = ",".join(["%+.6E"] * len(ELEMENTS))


class Reading(NamedTuple):
    """One set of data elements, in the order in which they are sent."""

    v: float
    i: float
    r: float
    t: float
    status: float


class Result(NamedTuple):
    """A calculated value with the time and the status of its reading."""

    value: float
    t: float
    status: float


def write_rows(rows: Sequence[Reading], form: Format) -> Answer:
    """Return readings as ``FORMat`` says.

    Raises
    ------
    ScpiError
        There is none.
    """
    if not rows:
        raise ScpiError(STALE)
    if form.data == "ASC" and len(form.elements) == len(ELEMENTS):
        return ",".join([_PATTERN % row for row in rows])
    places = [k for k, element in enumerate(ELEMENTS) if element in form.elements]
    return _written([row[k] for row in rows for k in places], form)


def writer(form: Format) -> Callable[[Reading], Answer]:
    """Return what writes one reading after the other as ``FORMat`` says now."""
    places = [k for k, element in enumerate(ELEMENTS) if element in form.elements]
    if form.data != "ASC":
        kept = replace(form)
        return lambda reading: _written([reading[k] for k in places], kept)
    if len(places) == len(ELEMENTS):
        return _PATTERN.__mod__
    if len(places) == 1:
        (only,) = places
        return lambda reading: "%+.6E" % reading[only]  # noqa: UP031 - twice as fast
    pattern, taken = ",".join(["%+.6E"] * len(places)), itemgetter(*places)
    return lambda reading: pattern % taken(reading)


def write_results(rows: Sequence[Result], form: Format) -> Answer:
    """Return calculated values as ``FORMat`` says."""
    if not rows:
        raise ScpiError(STALE)
    places = [k for k, name in enumerate(("CALC", "TIME", "STAT")) if name in form.calculated]
    return _written([row[k] for row in rows for k in places], form)


def _written(values: Iterable[float], form: Format) -> Answer:
    if form.data == "ASC":
        return ",".join(["%+.6E" % value for value in values])  # noqa: UP031 - twice as fast
    numbers = list(values)
    return b"#0" + struct.pack(f"{'>' if form.order == 'NORM' else '<'}{len(numbers)}f", *numbers)


class Buffer:
    """The reading buffer; a reset leaves it alone.

    Parameters
    ----------
    chassis
        What the instrument's parts share.
    changed
        Called when the number of readings changes: (some, full).
    """

    def __init__(self, chassis: Chassis, changed: Callable[[bool, bool], None]) -> None:
        self._chassis, self._changed = chassis, changed
        self.points = 100
        self.feed = "SENS"
        self.control = "NEV"
        self.stamps = "ABS"
        self.rows: list[Reading | Result] = []

    @property
    def active(self) -> bool:
        """Whether readings are stored."""
        return self.control == "NEXT"

    def store(self, reading: Reading, first: Result | None, second: Result | None) -> None:
        """Take what the feed selects of a reading and its calculated values."""
        row = {"SENS": reading, "CALC1": first, "CALC2": second}[self.feed]
        if row is None:
            return
        self.rows.append(row)
        full = len(self.rows) >= self.points
        if full:
            self.control = "NEV"
        self._changed(len(self.rows) >= 2, full)

    def clear(self) -> None:
        """Forget the readings."""
        self.rows = []
        self._changed(False, False)

    def set_control(self, value: str) -> None:
        """Begin to store, from the first place on, or stop."""
        if value == "NEXT":
            self.clear()
        self.control = value

    def check_inactive(self, *_: object) -> None:
        """Refuse what cannot change while readings are stored."""
        if self.active:
            raise ScpiError(ACTIVE)

    def set_points(self, value: float) -> None:
        """Set the size; the readings are lost."""
        self.check_inactive()
        self.points = round(value)
        self.clear()

    def data(self) -> Answer:
        """Answer ``TRACe:DATA?``."""
        zero = self.rows[0].t if self.rows else 0.0
        times = [row.t - zero for row in self.rows]
        if self.stamps == "DELT" and times:
            times = [0.0, *(b - a for a, b in itertools.pairwise(times))]
        form = self._chassis.setup.format
        stamped = [row._replace(t=t) for row, t in zip(self.rows, times, strict=True)]
        readings = [row for row in stamped if isinstance(row, Reading)]
        if readings:
            return write_rows(readings, form)
        return write_results([row for row in stamped if isinstance(row, Result)], form)

    def free(self) -> str:
        """Answer the bytes that are free, and those in use."""
        used = len(self.rows) * _BYTES
        return f"{_SIZE * _BYTES - used},{used}"

    def statistic(self, name: str) -> Answer:
        """Answer ``CALCulate3:DATA?``: for every element, or for the calculated values."""
        if not self.rows:
            raise ScpiError(STALE)
        form = self._chassis.setup.format
        readings = [row for row in self.rows if isinstance(row, Reading)]
        if readings:
            columns = [
                [row[k] for row in readings]
                for k, element in enumerate(ELEMENTS[:3])
                if element in form.elements
            ]
        else:
            columns = [[row.value for row in self.rows if isinstance(row, Result)]]
        return _written([_STATISTICS[name](_valid(column)) for column in columns], form)


def _valid(column: Sequence[float]) -> list[float]:
    """Return the numbers of a column; none where one is not a number."""
    return [] if any(abs(value) >= OVERFLOW or value == NOT_A_NUMBER for value in column) else [
        *column
    ]  # fmt: skip


def _over(function: Callable[[list[float]], float], least: int) -> Callable[[list[float]], float]:
    return lambda values: function(values) if len(values) >= least else NOT_A_NUMBER


_STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "MEAN": _over(statistics.fmean, 1),
    "SDEV": _over(statistics.stdev, 2),
    "MAX": _over(max, 1),
    "MIN": _over(min, 1),
    "PKPK": _over(lambda values: max(values) - min(values), 1),
}


def format_commands(chassis: Chassis) -> list[Command]:
    """Return the table of ``FORMat``."""

    def owner() -> Format:
        return chassis.setup.format

    def set_data(kind: str, length: str = "") -> None:
        if kind == "REAL" and length not in ("", "32"):
            raise ScpiError(-224)
        owner().data = "ASC" if kind == "ASC" else "SRE"

    def set_elements(*names: str) -> None:
        owner().elements = frozenset(names)

    def elements() -> str:
        return ",".join(name for name in ELEMENTS if name in owner().elements)

    names = Choice(
        {"VOLTage[:DC]": "VOLT", "CURRent[:DC]": "CURR", "RESistance": "RES", "TIME": "TIME",
         "STATus": "STAT"}, repeated=True, quoted=True,
    )  # fmt: skip
    kinds = Choice({"ASCii": "ASC", "REAL": "REAL", "SREal": "SRE"})
    calculated = {"CALCulate": "CALC", "TIME": "TIME", "STATus": "STAT"}
    return [
        Command(":FORMat[:DATA]", set_data, lambda: "ASC" if owner().data == "ASC" else "REAL,32",
                (kinds, Raw()), required=1),
        choice(":FORMat:BORDer", owner, "order", {"NORMal": "NORM", "SWAPped": "SWAP"}),
        Command(":FORMat:ELEMents[:SENSe[1]]", set_elements, elements, (names,)),
        events(":FORMat:ELEMents:CALCulate[1]", owner, "calculated", calculated),
        choice(":FORMat:SREGister", owner, "registers", _REGISTER_FORMS),
        choice(":FORMat:SOURce2", owner, "digital", _REGISTER_FORMS),
    ]  # fmt: skip


def trace_commands(buffer: Buffer) -> list[Command]:
    """Return the table of ``TRACe``, which is also known as ``DATA``."""

    def owner() -> Buffer:
        return buffer

    feeds = {"SENSe[1]": "SENS", "SENSe1": "SENS", "CALCulate[1]": "CALC1", "CALCulate1": "CALC1",
             "CALCulate2": "CALC2"}  # fmt: skip
    controls = Choice({"NEVer": "NEV", "NEXT": "NEXT"})
    table = []
    for root in (":TRACe", ":DATA"):
        table += [
            Command(f"{root}:DATA", query=buffer.data),
            Command(f"{root}:CLEar", buffer.clear),
            Command(f"{root}:FREE", query=buffer.free),
            number(f"{root}:POINts", owner, "points", (1, _SIZE, 100), write=whole,
                   put=buffer.set_points),
            Command(f"{root}:POINts:ACTual", query=lambda: str(len(buffer.rows))),
            choice(f"{root}:FEED", owner, "feed", feeds, check=buffer.check_inactive),
            Command(f"{root}:FEED:CONTrol", buffer.set_control, lambda: buffer.control,
                    (controls,)),
            choice(f"{root}:TSTamp:FORMat", owner, "stamps", {"ABSolute": "ABS", "DELTa": "DELT"}),
        ]  # fmt: skip
    return table
