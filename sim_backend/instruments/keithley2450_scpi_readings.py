"""``READ?``, ``MEASure?``, ``FETCh?`` and ``TRACe`` of the 2450 family.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 6-1 to 6-15 and 6-156 to 6-182.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from sim_backend.instruments.keithley2450_buffer import (
    FIXED,
    WRITABLE,
    Buffer,
    Reading,
)
from sim_backend.instruments.keithley2450_events import ELEMENTS, PARAMETER
from sim_backend.instruments.keithley2450_scpi_common import FUNCTIONS, Context, functions
from sim_backend.instruments.keithley2450_settings import DIGITIZED
from sim_backend.wire.parameters import (
    Boolean,
    Choice,
    Number,
    Raw,
    ScpiError,
    Text,
    Whole,
    matches,
)
from sim_backend.wire.scpi import Answer, Command

__all__ = ["element_text", "reading_commands", "trace_commands", "written"]

MISSING, NOT_ALLOWED, CONFLICT, NO_STICK, OUT_OF_RANGE = -109, -108, -221, -256, -222
_MOST_ELEMENTS = 14
_LATEST, _MOST_STATUS = 2.0**32, 511  # of a reading that is written: s since 1970; bits
_ELEMENTS = (
    "DATE", "FORMatted", "FRACtional", "READing", "RELative", "SEConds", "SOURce",
    "SOURFORMatted", "SOURSTATus", "SOURUNIT", "STATus", "TIME", "TSTamp", "UNIT", "EXTRa",
    "EXTRAFORMatted", "EXTRAUNIT",
)  # fmt: skip
_BINARY = frozenset({"READing", "RELative", "SOURce", "EXTRa"})
_NAMES = Raw(repeated=True)
#: units as they are answered; from the examples of the manual ("Watt DC") [C]
_UNITS = {
    "VOLT": "Volt DC", "AMP": "Amp DC", "OHM": "Ohm", "WATT": "Watt DC", "PERC": "%",
    "PERCent": "%", "RECiprocal": "Reciprocal", "X": "X", "NONE": "",
}  # fmt: skip
_SYMBOLS = {"VOLT": "V", "AMP": "A", "OHM": "Ohm", "WATT": "W", "PERCent": "%"}
_PREFIXES = {4: "T", 3: "G", 2: "M", 1: "k", 0: "", -1: "m", -2: "u", -3: "n", -4: "p", -5: "f"}
_WRITTEN_UNITS = (
    "AMP", "AMP_AC", "CELSius", "DECibel", "FAHRenheit", "FARad", "HERTz", "KELVin", "NONE", "OHM",
    "PERCent", "RATio", "RECiprocal", "SECond", "VOLT", "VOLT_AC", "WATT", "X",
)  # fmt: skip


def elements(given: Sequence[str], *, binary: bool) -> list[str]:
    """Return the elements that are asked for; the reading when none is.

    Raises
    ------
    ScpiError
        One is not known, or not to be had in a binary format.
    """
    if not given:
        return ["READing"]
    found = []
    for text in given:
        name = next((e for e in _ELEMENTS if matches(text, e)), None)
        if name is None or (binary and name not in _BINARY) or len(given) > _MOST_ELEMENTS:
            raise ScpiError(ELEMENTS)
        found.append(name)
    return found


def formatted(value: float, unit: str, digits: int) -> str:
    """Return a value as the front panel shows it, with a prefix [C width]."""
    if abs(value) >= 9.9e37 or math.isnan(value):
        return "Overflow"
    power = 0 if not value else math.floor(math.log10(abs(value)) / 3)
    power = max(-5, min(4, power))
    shown = f"{value / 1000.0**power:+0{digits + 5}.{digits}f}"
    return f"{shown} {_PREFIXES[power]}{_SYMBOLS.get(unit, '')}"


def element_text(context: Context, buffer: Buffer, reading: Reading, name: str) -> str:
    """Write one element of a reading."""
    real, date = context.form.real, context.unit.time.at(reading.time)
    fraction = reading.time % 1.0
    writers: Mapping[str, Callable[[], str]] = {
        "READing": lambda: real(reading.value),
        "SOURce": lambda: real(reading.source),
        "EXTRa": lambda: real(reading.extra),
        "RELative": lambda: _relative(context, buffer.relative(reading)),
        "STATus": lambda: str(reading.status),
        "SOURSTATus": lambda: str(reading.source_status),
        "DATE": lambda: date.strftime("%m/%d/%Y"),
        "TIME": lambda: date.strftime("%H:%M:%S"),
        "TSTamp": lambda: f"{date:%m/%d/%Y %H:%M:%S}.{round(fraction * 1e9) % 10**9:09d}",
        "SEConds": lambda: str(math.floor(date.timestamp())),
        "FRACtional": lambda: f"{fraction:.9f}",
        "UNIT": lambda: _UNITS.get(reading.unit, reading.unit),
        "SOURUNIT": lambda: _UNITS[reading.source_unit],
        "EXTRAUNIT": lambda: _UNITS.get(buffer.extra_unit, buffer.extra_unit),
        "FORMatted": lambda: formatted(reading.value, reading.unit, reading.digits),
        "SOURFORMatted": lambda: formatted(reading.source, reading.source_unit, reading.digits),
        "EXTRAFORMatted": lambda: formatted(reading.extra, buffer.extra_unit, buffer.extra_digits),
    }
    return writers[name]()


def _relative(context: Context, seconds: float) -> str:
    return context.form.real(seconds) if context.form.precision else f"{seconds:.6f}"


def _number_of(buffer: Buffer, reading: Reading, name: str) -> float:
    return {
        "READing": reading.value, "SOURce": reading.source, "EXTRa": reading.extra,
        "RELative": buffer.relative(reading),
    }[name]  # fmt: skip


def written(
    context: Context, buffer: Buffer, rows: Sequence[Reading], given: Sequence[str]
) -> Answer:
    """Return elements of readings as ``FORMat`` says."""
    form = context.form
    names = elements(given, binary=form.data != "ASC")
    if form.data == "ASC":
        if names == ["READing"]:
            return ",".join([form.real(row.value) for row in rows])
        return ",".join(
            [element_text(context, buffer, row, name) for row in rows for name in names]
        )
    numbers = [_number_of(buffer, row, name) for row in rows for name in names]
    kind = "d" if form.data == "REAL" else "f"
    order = "<" if form.order == "SWAP" else ">"
    return b"#0" + struct.pack(f"{order}{len(numbers)}{kind}", *numbers)


# -- measuring ------------------------------------------------------------------------------------


class _Measurements:
    """``READ?`` and its relatives."""

    def __init__(self, context: Context) -> None:
        self.context, self.unit = context, context.unit

    def read(self, buffer: str = FIXED[0], *given: str, digitize: bool | None = None) -> Answer:
        """Take readings; answers the last one."""
        elements(given, binary=self.context.form.data != "ASC")
        if digitize is not None and digitize != (self.context.setup.sense in DIGITIZED):
            raise ScpiError(CONFLICT)
        reading = self.context.wait_for(self.unit.read(buffer))
        return written(self.context, self.unit.buffers.get(buffer), [reading], given)

    def measure(self, function: str) -> Callable[..., Answer]:
        """Return the query that selects a function first."""

        def measure(*given: str) -> Answer:
            self.unit.select(function)
            return self.read(*given)

        return measure

    def fetch(self, buffer: str = FIXED[0], *given: str) -> Answer:
        """Answer the last reading."""
        found = self.unit.buffers.get(buffer)
        return written(self.context, found, [found.last], given)

    def trigger(self, digitize: bool) -> Callable[..., None]:
        """Return the command that takes readings and answers nothing."""

        def trigger(buffer: str = FIXED[0]) -> None:
            if digitize != (self.context.setup.sense in DIGITIZED):
                raise ScpiError(CONFLICT)
            steps: Generator[float, None, Reading] = self.unit.read(buffer)
            self.context.wait_for(steps)

        return trigger


def reading_commands(context: Context) -> list[Command]:
    """Return the table of the queries that measure."""
    do, asked = _Measurements(context), (Text(), _NAMES)
    table = [
        Command(":READ", query=lambda *given: do.read(*given, digitize=False), asked=asked),
        Command(":MEASure", query=do.read, asked=asked),
        Command(":FETCh", query=do.fetch, asked=asked),
        Command(":TRACe:TRIGger", do.trigger(False), parameters=(Text(),), required=0),
    ]
    for function in functions(context):
        header = f":MEASure{FUNCTIONS[function]}"
        table.append(Command(header, query=do.measure(function), asked=asked))
    if context.unit.chassis.model.digitizes:
        table += [
            Command(":READ:DIGitize", query=lambda *g: do.read(*g, digitize=True), asked=asked),
            Command(":MEASure:DIGitize", query=lambda *g: do.read(*g, digitize=True), asked=asked),
            Command(":TRACe:TRIGger:DIGitize", do.trigger(True), parameters=(Text(),), required=0),
        ]
    return table


# -- buffers --------------------------------------------------------------------------------------


class _Traces:
    """``TRACe``."""

    def __init__(self, context: Context) -> None:
        self.context, self.buffers = context, context.unit.buffers

    def ask(self, look: Callable[[Buffer], str]) -> Callable[..., str]:
        """Return a query about a buffer."""
        return lambda name=FIXED[0]: look(self.buffers.get(name))

    def real(self, look: Callable[[Buffer], float]) -> Callable[..., str]:
        """Return a query for a statistic of a buffer."""

        def statistic(name: str = FIXED[0]) -> str:
            buffer = self.buffers.get(name)
            return self.context.form.real(look(buffer) if buffer.n else 0.0)

        return statistic

    def data(self, *given: Any) -> Answer:
        """Answer readings from one place to another."""
        if len(given) < 2:
            raise ScpiError(MISSING)
        first, last, *rest = given
        buffer = self.buffers.get(rest[0] if rest else FIXED[0])
        names = rest[1:]
        elements(names, binary=self.context.form.data != "ASC")
        return written(self.context, buffer, buffer.between(first, last), names)

    def clear(self, name: str = FIXED[0]) -> None:
        self.buffers.get(name).clear()

    def clear_statistics(self, name: str = FIXED[0]) -> None:
        self.buffers.get(name).forget_statistics()

    def make(self, name: str, size: int, style: str = "STAN") -> None:
        self.buffers.make(name, size, style)

    def delete(self, name: str) -> None:
        self.context.unit.model.check_idle()
        self.buffers.delete(name)

    def points(self, size: int, name: str = FIXED[0]) -> None:
        self.context.unit.model.check_idle()
        self.buffers.resize(name, size)

    def fill(self, mode: bool, name: str = FIXED[0]) -> None:
        buffer = self.buffers.get(name)
        if buffer.continuous != mode:
            buffer.continuous = mode
            buffer.clear()

    def log(self, on: bool, name: str = FIXED[0]) -> None:
        self.buffers.get(name).logged = on

    def save(self, *_: object) -> None:
        """Refuse: no flash drive is plugged in."""
        raise ScpiError(NO_STICK)

    def write_format(
        self, name: str, unit: str, digits: int, extra: str | None = None, more: int | None = None
    ) -> None:
        """Set units and digits of what is written into a buffer."""
        buffer = self._writable(name)
        buffer.unit, buffer.digits = unit, digits
        buffer.extra_unit = unit if extra is None else extra
        buffer.extra_digits = digits if more is None else more

    def write_reading(self, name: str, value: float, *rest: float) -> None:
        """Write a reading: value, [second value,] seconds, fraction, status."""
        buffer, unit = self._writable(name), self.context.unit
        numbers, extra = list(rest), math.nan
        if buffer.style == "FULLWRIT":
            if not numbers:
                raise ScpiError(MISSING)
            extra = numbers.pop(0)
        before = buffer.last.time + 1.0 if len(buffer) else unit.clock.now_s
        time = before
        if numbers:
            fraction = numbers[1] if len(numbers) > 1 else 0.0
            if not (0.0 <= numbers[0] <= _LATEST and 0.0 <= fraction <= 1.0):
                raise ScpiError(OUT_OF_RANGE)
            time = numbers[0] + fraction - unit.time.at(0.0).timestamp()
        if len(buffer) and time < buffer.last.time:
            raise ScpiError(CONFLICT)
        status = numbers[2] if len(numbers) > 2 else 0.0
        if not 0 <= status <= _MOST_STATUS:
            raise ScpiError(OUT_OF_RANGE)
        buffer.append(
            Reading(value, 0.0, time, round(status), 0, buffer.unit, "NONE", buffer.digits, extra)
        )

    def _writable(self, name: str) -> Buffer:
        buffer = self.buffers.get(name)
        if buffer.style not in WRITABLE:
            raise ScpiError(PARAMETER, "Parameter error: the buffer style is not writable")
        return buffer


def trace_commands(context: Context) -> list[Command]:
    """Return the table of ``TRACe``."""
    do, named = _Traces(context), (Text(),)
    units = Choice({name: name for name in _WRITTEN_UNITS})
    styles = Choice({"COMPact": "COMP", "STANdard": "STAN", "FULL": "FULL", "WRITable": "WRIT",
                     "FULLWRITable": "FULLWRIT", "": "STAN"})  # fmt: skip
    modes = Choice({"CONTinuous": True, "ONCE": False})
    size, digit, place = Whole(0, names=()), Whole(3, 8, names=()), Whole(names=())
    saved = (Text(), Text(), Choice(
        {"FORMat": "FORM", "RELative": "REL", "RAW": "RAW", "STAMp": "STAM"}
    ), place, place)  # fmt: skip
    return [
        Command(":TRACe:ACTual", query=do.ask(lambda b: str(len(b))), asked=named),
        Command(":TRACe:ACTual:STARt", query=do.ask(lambda b: str(b.start)), asked=named),
        Command(":TRACe:ACTual:END", query=do.ask(lambda b: str(b.end)), asked=named),
        Command(":TRACe:CLEar", do.clear, None, named, required=0),
        Command(":TRACe:DATA", query=do.data, asked=(place, place, Text(), _NAMES)),
        Command(":TRACe:DELete", do.delete, None, named),
        Command(":TRACe:FILL:MODE", do.fill,
                do.ask(lambda b: "CONT" if b.continuous else "ONCE"), (modes, Text()), named, 1),
        Command(":TRACe:LOG:STATe", do.log, do.ask(lambda b: str(int(b.logged))),
                (Boolean(), Text()), named, 1),
        Command(":TRACe:MAKE", do.make, None, (Text(), size, styles), required=2),
        Command(":TRACe:POINts", do.points, do.ask(lambda b: str(b.capacity)), (size, Text()),
                named, 1),
        Command(":TRACe:SAVE", do.save, None, saved, required=1),
        Command(":TRACe:SAVE:APPend", do.save, None, saved, required=1),
        Command(":TRACe:STATistics:AVERage", query=do.real(lambda b: b.mean), asked=named),
        Command(":TRACe:STATistics:MAXimum", query=do.real(lambda b: b.most), asked=named),
        Command(":TRACe:STATistics:MINimum", query=do.real(lambda b: b.least), asked=named),
        Command(":TRACe:STATistics:PK2Pk", query=do.real(lambda b: b.most - b.least), asked=named),
        Command(":TRACe:STATistics:STDDev", query=do.real(lambda b: b.deviation), asked=named),
        Command(":TRACe:STATistics:CLEar", do.clear_statistics, None, named, required=0),
        Command(":TRACe:WRITe:FORMat", do.write_format, None, (Text(), units, digit, units, digit),
                required=3),
        Command(":TRACe:WRITe:READing", do.write_reading, None,
                (Text(), Number(names=()), Number(names=(), repeated=True)), required=2),
    ]  # fmt: skip
