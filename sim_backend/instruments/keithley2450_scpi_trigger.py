"""The trigger model in the SCPI of the 2450 family: blocks, templates, run.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 6-182 to 6-234; ``MDIGitize``,
``COUNter:RESet``, ``PAUSe`` and ``RESume`` from the manuals of later firmware.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from sim_backend.instruments import keithley2450_blocks as blocks
from sim_backend.instruments.keithley2450_buffer import FIXED
from sim_backend.instruments.keithley2450_scpi_common import Context
from sim_backend.instruments.keithley2450_templates import Bin
from sim_backend.wire.parameters import (
    Boolean,
    Bound,
    Choice,
    Number,
    Raw,
    ScpiError,
    Text,
    Whole,
    matches,
)
from sim_backend.wire.scpi import Command

__all__ = ["EVENT", "EventName", "trigger_commands"]

MISSING, NOT_ALLOWED, ILLEGAL, OUT_OF_RANGE, TYPE = -109, -108, -224, -222, -104
_PLACE = Whole(1, 63, names=())
_TO = Whole(1, 63, names=())
_COUNT = Whole(1, 268_435_455, names=())
_NUMBER = Number(names=())
_TIME = Number(0.0, 10_000.0, names=())
_LIMIT_TYPES = Choice({"ABOVe": "ABOV", "BELow": "BEL", "INside": "IN", "OUTside": "OUT"})
_CLEAR = {"ENTer": True, "NEVer": False}
_LOGIC = {"AND": True, "OR": False}
_KINDS = Choice({"ACTive": "ACT", "MEASure": "MEAS", "DIGitize": "DIG"})
_B = ":TRIGger:BLOCk"
_PATTERN = re.compile(r"([A-Za-z]+)(\d*)$")
#: events: mnemonic -> how many there are; 0 for one without a number
_EVENTS = {
    "NONE": 0, "DISPlay": 0, "COMMand": 0, "SLIMit": 0, "NOTify": 8, "DIGio": 6, "TSPLink": 3,
    "LAN": 8, "BLENder": 2, "TIMer": 4,
}  # fmt: skip


class EventName:
    """A parameter that names a trigger event; read as its short form with its number."""

    repeated = False

    def read(self, text: str) -> str:
        """Return the short name.

        Raises
        ------
        ScpiError
            There is no such event.
        """
        if text == "0":
            return "NONE"
        match = _PATTERN.match(text)
        for name, count in _EVENTS.items():
            if match is not None and matches(match[1], name):
                short = "".join(c for c in name if c.isupper())
                if not count and not match[2]:
                    return short
                if match[2] and 1 <= int(match[2]) <= count:
                    return short + str(int(match[2]))
        raise ScpiError(ILLEGAL, text)


EVENT = EventName()


class _CountOrInfinity:
    """A number of readings, or ``INF``."""

    repeated = False

    def read(self, text: str) -> float:
        """Return the number."""
        if matches(text, "INFinite") or matches(text, "INF"):
            return math.inf
        value = _COUNT_OR_NONE.read(text)
        assert not isinstance(value, Bound)
        return value


_COUNT_OR_NONE = Whole(0, 268_435_455, names=())


class _Blocks:
    """Handlers that define blocks."""

    def __init__(self, context: Context) -> None:
        self.context, self.unit = context, context.unit

    def define(self, place: int, block: blocks.Block) -> None:
        self.unit.model.define(place, block)

    def clear(self, place: int, buffer: str = FIXED[0]) -> None:
        self.unit.buffers.get(buffer)
        self.define(place, blocks.BufferClear(buffer))

    def measure(self, kind: str) -> Any:
        """Return the handler of a block that takes readings."""

        def measure(place: int, buffer: str = FIXED[0], count: float = 1) -> None:
            self.unit.buffers.for_readings(buffer)
            self.define(place, blocks.Measure(buffer, count, kind))

        return measure

    def recall(self, place: int, name: str, *given: Any) -> None:
        rows = [(name, given[0] if given else 1)]
        if len(given) > 1:
            self._opposite(name, given[1])
            rows.append((given[1], given[2] if len(given) > 2 else 1))
        for row in rows:
            self.unit.lists.kind(row[0])
        self.define(place, blocks.ConfigRecall(tuple(rows)))

    def step(self, direction: int) -> Any:
        """Return the handler of a block that recalls the next or the previous index."""

        def step(place: int, name: str, second: str | None = None) -> None:
            self.unit.lists.kind(name)
            names = (name,)
            if second is not None:
                self._opposite(name, second)
                names = (name, second)  # type: ignore[assignment]
            self.define(place, blocks.ConfigStep(names, direction))

        return step

    def _opposite(self, first: str, second: str) -> None:
        if self.unit.lists.kind(first) == self.unit.lists.kind(second):
            raise ScpiError(ILLEGAL)

    def dynamic(self, place: int, text: str) -> None:
        match = _PATTERN.match(text)
        number = int(match[2] or 0) if match is not None else 0
        kinds = {"SOURce": "SOUR", "MEASure": "MEAS"}
        for name, kind in kinds.items():
            if match is not None and matches(match[1], name) and 1 <= number <= 5:
                self.define(place, blocks.DelayDynamic(kind, number))
                return
        raise ScpiError(ILLEGAL)

    def log(self, place: int, text: str, message: str) -> None:
        match = _PATTERN.match(text)
        number = match[2] if match is not None else ""
        for name, kind in {"INFO": "INFO", "WARNing": "WARN", "ERRor": "ERR"}.items():
            if match is not None and matches(match[1], name) and number in ("1", "2", "3", "4"):
                self.define(place, blocks.LogEvent(kind + number, message[:31]))
                return
        if not matches(text, "ABORt"):
            raise ScpiError(ILLEGAL)
        self.define(place, blocks.LogEvent("ABOR", message[:31]))

    def wait(self, place: int, event: str, *given: str) -> None:
        """Define a wait block: event[, clear][, logic, event[, event]]."""
        rest, clear, every = list(given), False, False
        clears = [value for word, value in _CLEAR.items() if rest and matches(rest[0], word)]
        if clears:
            clear = clears[0]
            rest.pop(0)
        events = [EVENT.read(event)]
        if rest:
            logic = [value for word, value in _LOGIC.items() if matches(rest[0], word)]
            if not logic:
                raise ScpiError(ILLEGAL)
            every = logic[0]
            events += [EVENT.read(text) for text in rest[1:]]
            if len(rest) < 2:
                raise ScpiError(MISSING)
        self.define(place, blocks.Wait(tuple(events), clear, every))

    def count(self, *given: int) -> str:
        """Answer the count of a counter block."""
        if not given:
            raise ScpiError(MISSING)
        if not isinstance(self.unit.model.blocks.get(given[0]), blocks.Counter):
            raise ScpiError(OUT_OF_RANGE)
        return str(self.unit.model.counters.get(given[0], 0))


def _branches(do: _Blocks) -> list[Command]:
    put, place, to = do.define, _PLACE, _TO
    measure = Whole(0, 63, names=())
    root = f"{_B}:BRANch"
    return [
        Command(f"{root}:ALWays", lambda n, t: put(n, blocks.Always(t)), None, (place, to)),
        Command(f"{root}:COUNter", lambda n, c, t: put(n, blocks.Counter(c, t)), None,
                (place, _COUNT, to)),
        Command(f"{root}:COUNter:COUNt", query=do.count, asked=(place,)),
        Command(f"{root}:COUNter:RESet", lambda n, b: put(n, blocks.ResetCounter(b)), None,
                (place, to)),
        Command(f"{root}:DELTa", lambda n, d, t, m=0: put(n, blocks.Delta(d, t, m)), None,
                (place, _NUMBER, to, measure), required=3),
        Command(f"{root}:EVENt", lambda n, e, t: put(n, blocks.OnEvent(e, t)), None,
                (place, EVENT, to)),
        Command(f"{root}:LIMit:CONStant",
                lambda n, k, a, b, t, m=0: put(n, blocks.LimitConstant(k, a, b, t, m)), None,
                (place, _LIMIT_TYPES, _NUMBER, _NUMBER, to, measure), required=5),
        Command(f"{root}:LIMit:DYNamic",
                lambda n, k, limit, t, m=0: put(n, blocks.LimitDynamic(k, limit, t, m)), None,
                (place, _LIMIT_TYPES, Whole(1, 2, names=()), to, measure), required=4),
        Command(f"{root}:ONCE", lambda n, t: put(n, blocks.Once(t)), None, (place, to)),
        Command(f"{root}:ONCE:EXCLuded", lambda n, t: put(n, blocks.OnceExcluded(t)), None,
                (place, to)),
    ]  # fmt: skip


def _others(context: Context, do: _Blocks) -> list[Command]:
    put, place, bits = do.define, _PLACE, Whole(0, 63, names=())
    reading = (place, Text(), _CountOrInfinity())
    table = [
        Command(f"{_B}:BUFFer:CLEar", do.clear, None, (place, Text()), required=1),
        Command(f"{_B}:CONFig:NEXT", do.step(1), None, (place, Text(), Text()), required=2),
        Command(f"{_B}:CONFig:PREVious", do.step(-1), None, (place, Text(), Text()), required=2),
        Command(f"{_B}:CONFig:RECall", do.recall, None,
                (place, Text(), Whole(1, names=()), Text(), Whole(1, names=())), required=2),
        Command(f"{_B}:DELay:CONStant", lambda n, t: put(n, blocks.DelayConstant(t)), None,
                (place, _TIME)),
        Command(f"{_B}:DELay:DYNamic", do.dynamic, None, (place, Raw())),
        Command(f"{_B}:DIGital:IO", lambda n, p, m=63: put(n, blocks.DigitalOutput(p, m)), None,
                (place, bits, bits), required=2),
        Command(f"{_B}:LIST", query=lambda: blocks.listed(context.unit.model.blocks)),
        Command(f"{_B}:LOG:EVENt", do.log, None, (place, Raw(), Text())),
        Command(f"{_B}:MEASure", do.measure("MEASURE"), None, reading, required=1),
        Command(f"{_B}:MDIGitize", do.measure("MEASURE_DIGITIZE"), None, reading, required=1),
        Command(f"{_B}:NOP", lambda n: put(n, blocks.Nop()), None, (place,)),
        Command(f"{_B}:NOTify", lambda n, k: put(n, blocks.Notify(k)), None,
                (place, Whole(1, 8, names=()))),
        Command(f"{_B}:SOURce:STATe", lambda n, on: put(n, blocks.Output(on)), None,
                (place, Boolean())),
        Command(f"{_B}:WAIT", do.wait, None, (place, Raw(), Raw(repeated=True)), required=2),
    ]  # fmt: skip
    model = context.unit.chassis.model
    if model.digitizes:
        table.append(Command(f"{_B}:DIGitize", do.measure("DIGITIZE"), None, reading, required=1))
    if model.pulse is not None:
        table.append(Command(f"{_B}:SOURce:PULSe:STATe",
                             lambda n, on: put(n, blocks.PulseOutput(on)), None,
                             (place, Boolean())))  # fmt: skip
    return table


# -- templates ------------------------------------------------------------------------------------


class _Load:
    """``TRIGger:LOAD "name", ...``: each template has parameters of its own."""

    def __init__(self, context: Context) -> None:
        self.templates = context.unit.templates
        self._all = {
            "EMPTY": self.empty, "SIMPLELOOP": self.simple, "DURATIONLOOP": self.duration,
            "CONFIGLIST": self.configuration, "LOGICTRIGGER": self.logic,
            "LOOPUNTILEVENT": self.until, "GRADEBINNING": self.grade, "SORTBINNING": self.sort,
        }  # fmt: skip

    def load(self, name: str, *given: str) -> None:
        """Load a template by its name, in any case."""
        template = self._all.get(name.upper())
        if template is None:
            raise ScpiError(ILLEGAL)
        template(list(given))

    def empty(self, given: list[str]) -> None:
        _read(given, (), 0)
        self.templates.empty()

    def simple(self, given: list[str]) -> None:
        count, delay, buffer, kind = _read(given, (_COUNT, _TIME, Text(), _KINDS), 1)
        self.templates.simple_loop(count, delay or 0.0, buffer or FIXED[0], kind or "ACT")

    def duration(self, given: list[str]) -> None:
        kinds = (Number(167e-9, 100_000.0, names=()), _TIME, Text(), _KINDS)
        duration, delay, buffer, kind = _read(given, kinds, 1)
        self.templates.duration_loop(duration, delay or 0.0, buffer or FIXED[0], kind or "ACT")

    def configuration(self, given: list[str]) -> None:
        measure, source, delay, buffer, kind = _read(
            given, (Text(), Text(), _TIME, Text(), _KINDS), 2
        )
        self.templates.configuration(
            measure, source, delay or 0.0, buffer or FIXED[0], kind or "ACT"
        )

    def logic(self, given: list[str]) -> None:
        line = Whole(1, 6, names=())
        kinds = (line, line, _COUNT, Choice(_CLEAR), _TIME, Text(), _KINDS)
        into, out, count, clear, delay, buffer, kind = _read(given, kinds, 3)
        self.templates.logic(
            into, out, count, bool(clear), delay or 0.0, buffer or FIXED[0], kind or "ACT"
        )

    def until(self, given: list[str]) -> None:
        if len(given) > 2 and any(matches(given[2], word) for word in _CLEAR):
            given.pop(2)  # the event is looked for from the start of the model on
        kinds = (EVENT, Number(0.0, 100.0, names=()), _TIME, Text(), _KINDS)
        event, position, delay, buffer, kind = _read(given, kinds, 2)
        self.templates.until_event(event, position, delay or 0.0, buffer or FIXED[0], kind or "ACT")

    def grade(self, given: list[str]) -> None:
        self.bins(given, sort=False)

    def sort(self, given: list[str]) -> None:
        self.bins(given, sort=True)

    def bins(self, given: list[str], *, sort: bool) -> None:
        pattern = Whole(1, 15, names=())
        first = (_COUNT, Whole(5, 6, names=()), _TIME, _TIME, _NUMBER, _NUMBER, pattern, pattern)
        others = (_NUMBER, _NUMBER, pattern) * 3
        values = _read(given, (*first, *others, Text()), 6)
        count, line, start, end, high, low, first_pattern, rest = values[:8]
        limits = [Bin(high, low, first_pattern or 1)]
        for k in range(3):
            high, low, pattern_of = values[8 + 3 * k : 11 + 3 * k]
            if high is not None and low is not None:
                limits.append(Bin(high, low, pattern_of or 2 << k))
        self.templates.bins(
            count, line, start, end, limits, rest or 15, values[-1] or FIXED[0], sort=sort
        )


def _read(given: Sequence[str], kinds: Sequence[Any], least: int) -> list[Any]:
    """Return parameters by their kinds, None for those that are left out."""
    if len(given) > len(kinds):
        raise ScpiError(NOT_ALLOWED)
    if len(given) < least:
        raise ScpiError(MISSING)
    values = [kind.read(text) for kind, text in zip(kinds, given, strict=False)]
    return [*values, *[None] * (len(kinds) - len(values))]


def trigger_commands(context: Context) -> list[Command]:
    """Return the table of the trigger model."""
    model, load, do = context.unit.model, _Load(context), _Blocks(context)

    def state() -> str:
        return f"{model.state};{model.state};{model.last}"

    return [
        *_branches(do),
        *_others(context, do),
        Command(":TRIGger:LOAD", load.load, None, (Text(), Raw(repeated=True)), required=1),
        Command(":TRIGger:STATe", query=state),
        Command(":TRIGger:PAUSe", lambda: model.pause(True)),
        Command(":TRIGger:RESume", lambda: model.pause(False)),
        Command(":INITiate[:IMMediate]", model.initiate),
        Command(":ABORt", model.abort),
    ]
