"""The pages of system mode as a table: DE, SS, SM, MD, and how data are fetched.

A command of the display (``DM``, ``LI``, ``XN``, ...) is checked and kept; there is no screen.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from sim_backend.instruments import keithley4200_errors as errors
from sim_backend.instruments.keithley4200_smu import Quantity
from sim_backend.instruments.keithley4200_sweep import Definition, Ramp, SystemTest
from sim_backend.wire.kxci import Command, KxciError, Name, Number, Text, Whole

__all__ = ["page_commands"]

_CHANNEL = Whole("channel", 1, 9)
_VOLTS, _AMPERES = Number("voltage", -210, 210), Number("current", -1.05, 1.05)
_NAME = Name("name")
_MOST_POINTS = 4096  # of a sweep
_MOST_STEPS = 32  # [M 9-23]
_LOGS = {2: 10, 3: 25, 4: 50}  # points a decade by type of sweep


def page_commands(test: SystemTest) -> list[Command]:
    """Return the table of a system."""
    return [*_definition(test), *_source(test), *_levels(test), *_display(test), *_control(test)]


def _smu(test: SystemTest, number: int) -> None:
    if number not in test.smus:
        raise KxciError(errors.OUT_OF_RANGE, f"SMU{number}")
    if test.running:
        raise KxciError(errors.RUNNING)


def _definition(test: SystemTest) -> list[Command]:
    def define(number: int, *given: str | int) -> None:
        _smu(test, number)
        test.channels.pop(number, None)
        if not given:
            return
        if len(given) < 4:
            raise KxciError("missing", "CH")
        v_name, i_name, mode, function = given
        test.channels[number] = Definition(str(v_name), str(i_name), int(mode), int(function))

    def voltmeter(number: int, *name: str) -> None:
        _smu(test, number)
        test.channels.pop(number, None)
        if name:
            test.channels[number] = Definition(name[0], "", 2, meter_only=True)

    def voltage(number: int, *given: str | int) -> None:
        _smu(test, number)
        test.channels.pop(number, None)
        if given:
            function = int(given[1]) if len(given) > 1 else 3
            test.channels[number] = Definition(str(given[0]), "", 1, function)

    function = Whole("function", 1, 4)
    return [
        Command(
            "CH",
            define,
            (_CHANNEL, _NAME, _NAME, Whole("mode", 1, 3), function),
            required=1,
            page="DE",
        ),
        Command("VS", voltage, (_CHANNEL, _NAME, function), required=1, page="DE"),
        Command("VM", voltmeter, (_CHANNEL, _NAME), required=1, page="DE"),
    ]


def _sweep_values(kind: int, start: float, stop: float, step: float) -> tuple[float, ...]:
    if kind == 1:
        if step == 0:
            raise KxciError(errors.OUT_OF_RANGE, "a step of 0")
        count = int(abs((stop - start) / step) * (1 + 1e-9)) + 1
        signed = math.copysign(step, stop - start)
        values = [start + k * signed for k in range(min(count, _MOST_POINTS + 1))]
    else:
        if start * stop <= 0:
            raise KxciError(errors.OUT_OF_RANGE, "a logarithmic sweep through zero")
        each = _LOGS[kind]
        count = int(abs(math.log10(stop / start)) * each * (1 + 1e-9)) + 1
        sign = 1 if abs(stop) >= abs(start) else -1
        values = [start * 10 ** (sign * k / each) for k in range(min(count, _MOST_POINTS + 1))]
    if len(values) > _MOST_POINTS:
        raise KxciError(errors.TOO_MANY_POINTS, f"more than {_MOST_POINTS}")
    return tuple(values)


def _source(test: SystemTest) -> list[Command]:
    table = []
    for letter, level, limit in (("V", _VOLTS, _AMPERES), ("I", _AMPERES, _VOLTS)):
        q: Quantity = "v" if letter == "V" else "i"
        ramp = (Whole("type", 1, 4), level, level, level, limit)
        steps = (level, level, Whole("steps", 1, _MOST_STEPS), limit, Whole("index", 1, 4))
        listed = (_CHANNEL, Whole("master", 0, 1), limit)
        table += [
            Command(f"{letter}R", _ramp(test, q), ramp, required=3, page="SS"),
            Command(f"{letter}P", _steps(test, q), steps, required=4, page="SS"),
            Command(f"{letter}L", _listed(test), listed, rest=level, most=_MOST_POINTS, page="SS"),
        ]
    return table


def _ramp(test: SystemTest, quantity: Quantity) -> Callable[..., None]:
    def put(kind: int, start: float, stop: float, *more: float) -> None:
        if kind == 1 and len(more) < 2:
            raise KxciError("missing", "VR" if quantity == "v" else "IR")
        step, limit = (more[0], more[1]) if len(more) > 1 else (0.0, more[0] if more else 0.1)
        test.sweep = Ramp(quantity, _sweep_values(kind, start, stop, step), limit)

    return put


def _steps(test: SystemTest, quantity: Quantity) -> Callable[..., None]:
    def put(start: float, step: float, count: int, limit: float, _index: int = 1) -> None:
        test.step = Ramp(quantity, tuple(start + k * step for k in range(count)), limit)

    return put


def _listed(test: SystemTest) -> Callable[..., None]:
    def put(number: int, _master: int, limit: float, *values: float) -> None:
        channel = _defined(test, number)
        if not values:
            raise KxciError("missing", "a list")
        channel.values, channel.compliance = tuple(values), limit

    return put


def _defined(test: SystemTest, number: int) -> Definition:
    _smu(test, number)
    if number not in test.channels:
        raise KxciError(errors.NOT_READY, f"SMU{number} is not defined")
    return test.channels[number]


def _levels(test: SystemTest) -> list[Command]:
    def constant(number: int, level: float, limit: float = 0.1) -> None:
        channel = _defined(test, number)
        channel.level, channel.compliance = level, limit

    def time(name: str) -> Callable[[float], None]:
        def put(value: float) -> None:
            setattr(test.timing, name, value)

        return put

    def standby(number: int, state: int) -> None:
        _smu(test, number)
        test.standby[number] = bool(state)

    def ratio(value: float, _channel: int = 1) -> None:
        test.ratio = value

    def offset(value: float, _channel: int = 1) -> None:
        test.offset = value

    return [
        Command("VC", constant, (_CHANNEL, _VOLTS, _AMPERES), page="SS"),
        Command("IC", constant, (_CHANNEL, _AMPERES, _VOLTS), page="SS"),
        Command("SC", constant, (_CHANNEL, _VOLTS), page="SS"),
        Command("HT", time("hold"), (Number("hold time", 0, 655.3),)),
        Command("DT", time("delay"), (Number("delay", 0, 6.553),)),
        Command("WT", time("wait"), (Number("wait", 0, 100),)),
        Command("IN", time("interval"), (Number("interval", 0, 10),), page="SM"),
        Command("NR", time("readings"), (Whole("readings", 1, 4096),), page="SM"),
        Command("ST", standby, (_CHANNEL, Whole("state", 0, 1)), page="SS"),
        Command("RT", ratio, (Number("ratio", -10, 10), _CHANNEL), required=1, page="SS"),
        Command("FS", offset, (_VOLTS, _CHANNEL), required=1, page="SS"),
    ]


def _display(test: SystemTest) -> list[Command]:
    shown: dict[str, tuple[object, ...]] = {}

    def keep(header: str) -> Callable[..., None]:
        def put(*given: object) -> None:
            shown[header] = given

        return put

    limit = Number("limit", -9999, 9999)
    axis = (_NAME, Whole("scale", 1, 2), limit, limit)
    return [
        Command("DM", keep("DM"), (Whole("mode", 1, 2),), page="SM"),
        Command("LI", keep("LI"), (_NAME,), rest=_NAME, most=5, page="SM"),
        Command("XN", keep("XN"), axis, page="SM"),
        Command("YA", keep("YA"), axis, page="SM"),
        Command("YB", keep("YB"), axis, page="SM"),
        Command("XT", keep("XT"), (limit, limit), page="SM"),
    ]


def _control(test: SystemTest) -> list[Command]:
    def measure(what: int) -> None:
        if what == 4:
            test.abort()
        else:
            test.start(append=what == 3)

    def fetch(name: str) -> str:
        column = _column(test, name)
        if name.endswith("T") and name.startswith("CH"):
            return ",".join(f"{value:.6E}" for _, value in column)
        if name.endswith("S") and name.startswith("CH"):
            return ",".join(status for status, _ in column)
        return ",".join(f"{s}{value:+.{test.digits - 1}E}" for s, value in column)

    def one(name: str, index: int) -> str:
        column = test.data.columns.get(name, [])
        if index > len(column):
            return "0"
        return f"{column[index - 1][1]:+.{test.digits - 1}E}"

    which = Text("name", r"'\s*[A-Za-z][A-Za-z0-9]{0,5}\s*'")
    return [
        Command("ME", measure, (Whole("action", 1, 4),), page="MD"),
        Command("DO", lambda quoted: fetch(_plain(quoted)), (which,)),
        Command("RD", lambda q, k: one(_plain(q), k), (which, Whole("index", 1, 1_000_000))),
    ]


def _plain(quoted: str) -> str:
    return quoted.strip("' ")


def _column(test: SystemTest, name: str) -> list[tuple[str, float]]:
    column = test.data.columns.get(name)
    if column is None:
        raise KxciError(errors.OUT_OF_RANGE, f"no data called {name}")
    return column
