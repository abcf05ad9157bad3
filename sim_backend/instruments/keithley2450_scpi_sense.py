"""``SENSe``, ``CALCulate`` and the digits of the display in the SCPI of the 2450 family.

A header without a function sets what it names for all measure functions, and answers for the
active one.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 6-19 to 6-35, 6-40, 6-52 to 6-72 and 6-79
to 6-82.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sim_backend.instruments.keithley2450_scpi_common import (
    ASKED,
    FUNCTIONS,
    Context,
    choice,
    functions,
    number,
    suffix,
    toggle,
)
from sim_backend.instruments.keithley2450_settings import DIGITIZED, MEASURED, Limit, Sensed
from sim_backend.wire.parameters import Bound, Choice, Number, Raw, ScpiError, matches
from sim_backend.wire.scpi import Command

__all__ = ["calculate_commands", "sense_commands"]

OUT_OF_RANGE, CONFLICT, ILLEGAL = -222, -221, -224
_S = "[:SENSe[1]]"
_MOST = 1e12
_LIMIT = 9.99999e11
_USER_DELAYS, _LIMITS = 5, 2
_LONGEST_DELAY = 10_000.0
_RATES = (1000.0, 1e6, 1e5)
_MICROSECOND = 1e-6
_TYPES = {"REPeat": "REP", "MOVing": "MOV"}
_MATH = {"MXB": "MXB", "PERCent": "PERC", "RECiprocal": "REC"}
_SOUNDS = {"NONE": "NONE", "FAIL": "FAIL", "PASS": "PASS"}


class _Group:
    """The settings of one function, or (an empty name) of all measure functions."""

    def __init__(self, context: Context, function: str) -> None:
        self.context, self.function = context, function

    @property
    def names(self) -> tuple[str, ...]:
        """The functions that are set."""
        return (self.function,) if self.function else MEASURED

    def settings(self) -> Sensed:
        """Return the settings that are answered."""
        setup = self.context.setup
        return setup.sensed[self.function or setup.sense]

    def get(self, name: str) -> Callable[[], Any]:
        """Return what answers an attribute."""
        return lambda: getattr(self.settings(), name)

    def put(self, name: str) -> Callable[[Any], None]:
        """Return what sets an attribute."""

        def store(value: Any) -> None:
            for function in self.names:
                setattr(self.context.setup.sensed[function], name, value)
            self.context.unit.meter.forget()

        return store

    def number(
        self, header: str, name: str, bounds: tuple[float, float, float], **options: Any
    ) -> Command:
        """Return the command of an attribute that is a number."""
        return number(self.context, header, self.get(name), self.put(name), bounds, **options)

    def toggle(self, header: str, name: str) -> Command:
        """Return the command of an attribute that is a switch."""
        return toggle(header, self.get(name), self.put(name))

    # -- limits ------------------------------------------------------------------------------

    def limit(self, place: int) -> Limit:
        """Return the limit test that is answered."""
        suffix(place, _LIMITS)
        return self.settings().limits[place]

    def limit_get(self, name: str) -> Callable[[int], Any]:
        """Return what answers an attribute of a limit test."""
        return lambda place: getattr(self.limit(place), name)

    def limit_put(self, name: str) -> Callable[[int, Any], None]:
        """Return what sets an attribute of a limit test."""

        def store(place: int, value: Any) -> None:
            suffix(place, _LIMITS)
            for function in self.names:
                setattr(self.context.setup.sensed[function].limits[place], name, value)

        return store

    def clear_limit(self, place: int) -> None:
        """Forget what a limit test found."""
        suffix(place, _LIMITS)
        for function in self.names:
            self.context.unit.processing.clear(function, place)

    def verdict(self, place: int) -> str:
        """Answer what a limit test found."""
        suffix(place, _LIMITS)
        function = self.function or self.context.setup.sense
        return self.context.unit.processing.verdict(function, place)


# -- sense ----------------------------------------------------------------------------------------


def sense_commands(context: Context) -> list[Command]:
    """Return the table of ``SENSe`` but for its configuration lists."""
    table = [*_selection(context), *_measured(_Group(context, ""), _S)]
    for function in functions(context):
        root, group = _S + FUNCTIONS[function], _Group(context, function)
        table += _every(context, function, group, root)
        if function in DIGITIZED:
            table += _Digitizer(context, function).table(root)
        else:
            table += _measured(group, root)
            table += _ranged(context, function, root)
        if function != "r":
            table.append(_unit(group, function, root))
        if function in ("v", "i"):
            table.append(group.toggle(f"{root}:RANGe:AUTO:REBound", "rebound"))
    return table


def _measured(group: _Group, root: str) -> list[Command]:
    """Return the commands of measure functions that also exist without a function."""
    spec = group.context.unit.chassis.model.spec
    return [
        group.number(f"{root}:AVERage:COUNt", "average_count", (1, 100, 10), whole=True),
        group.toggle(f"{root}:AVERage[:STATe]", "averaging"),
        choice(f"{root}:AVERage:TCONtrol", group.get("average"), group.put("average"), _TYPES),
        group.toggle(f"{root}:AZERo[:STATe]", "autozero"),
        group.number(f"{root}:NPLCycles", "nplc", (spec.nplc_minimum, spec.nplc_maximum, 1.0)),
    ]


def _every(context: Context, function: str, group: _Group, root: str) -> list[Command]:
    """Return the commands of one function, measured or digitized."""
    unit, scales = context.unit, context.unit.meter.scales(function)
    fresh = context.setup.sensed[function].range
    most = scales[-1] * 1.05

    def user_delay(place: int) -> float:
        suffix(place, _USER_DELAYS)
        return group.settings().user_delays[place - 1]

    def set_user_delay(place: int, value: float) -> None:
        suffix(place, _USER_DELAYS)
        group.settings().user_delays[place - 1] = value

    def acquire() -> None:
        if context.setup.sense != function:
            raise ScpiError(CONFLICT)
        unit.model.check_idle()
        context.wait_for(unit.meter.acquire())

    return [
        number(context, f"{root}:RANGe[:UPPer]", group.get("range"),
               lambda value: unit.meter.set_range(function, value),
               (scales[0], scales[-1], fresh), allowed=(-most, most)),
        number(context, f"{root}:DELay:USER<n>", user_delay, set_user_delay,
               lambda *_: (0.0, _LONGEST_DELAY, 0.0), unit="S"),
        group.number(f"{root}:RELative", "relative", (-most, most, 0.0)),
        Command(f"{root}:RELative:ACQuire", acquire),
        group.toggle(f"{root}:RELative:STATe", "relative_on"),
        toggle(f"{root}:RSENse", group.get("four_wire"),
               lambda on: unit.set_four_wire(function, on)),
        number(context, f":DISPlay{FUNCTIONS[function]}:DIGits", group.get("digits"),
               group.put("digits"), (3, 6, 4 if function in DIGITIZED else 5), whole=True),
    ]  # fmt: skip


def _ranged(context: Context, function: str, root: str) -> list[Command]:
    """Return the commands of autoranging of a measure function."""
    unit = context.unit
    meter, scales = unit.meter, unit.meter.scales(function)

    def settings() -> Sensed:
        return context.setup.sensed[function]

    def set_lowest(value: float) -> None:
        chosen = meter.holding(function, value)
        if chosen > highest():
            raise ScpiError(CONFLICT)
        settings().lowest = chosen

    def highest() -> float:
        if function == "r":
            return settings().highest
        sourced = context.setup.v if function == "i" else context.setup.i
        return meter.holding(function, sourced.limit)

    def set_highest(value: float) -> None:
        chosen = meter.holding(function, value)
        if chosen < settings().lowest:
            raise ScpiError(CONFLICT)
        settings().highest = chosen

    auto = f"{root}:RANGe:AUTO"
    table = [
        toggle(auto, lambda: settings().auto, lambda on: meter.set_auto(function, on)),
        number(context, f"{auto}:LLIMit", lambda: settings().lowest, set_lowest,
               (scales[0], scales[-1], scales[0])),
        number(context, f"{auto}:ULIMit", highest, set_highest if function == "r" else None,
               (scales[0], scales[-1], scales[-1])),
    ]  # fmt: skip
    group = _Group(context, function)
    table.append(group.toggle(f"{root}:OCOMpensated", "compensated"))
    return table


class _Digitizer:
    """Sample rate and aperture of one digitize function."""

    def __init__(self, context: Context, function: str) -> None:
        self.context, self.function = context, function

    @property
    def settings(self) -> Sensed:
        """The settings."""
        return self.context.setup.sensed[self.function]

    def set_rate(self, value: float) -> None:
        """Set the rate; an aperture that is too long for it is shortened."""
        self.settings.rate = float(round(value))
        self.settings.aperture = min(self.settings.aperture, 1.0 / self.settings.rate)

    def set_aperture(self, text: str) -> None:
        """Set the aperture, rounded down to whole microseconds, or let it be automatic."""
        if matches(text, "AUTO") or matches(text, "DEFault"):
            self.settings.aperture = 0.0
            return
        longest = 1.0 / self.settings.rate
        value = Number(suffix="S").read(text)
        if isinstance(value, Bound):
            value = _MICROSECOND if value is Bound.MINIMUM else longest
        if not 0.0 < value < 2 * longest + _MICROSECOND:
            raise ScpiError(OUT_OF_RANGE)
        whole = math.floor(value / _MICROSECOND + 1e-6) * _MICROSECOND
        if not _MICROSECOND <= whole <= longest * (1 + 1e-9):
            raise ScpiError(OUT_OF_RANGE)
        self.settings.aperture = whole

    def aperture(self, which: Bound | None = None) -> str:
        """Answer the aperture."""
        known = {
            None: self.settings.aperture,
            Bound.MINIMUM: _MICROSECOND,
            Bound.MAXIMUM: 1.0 / self.settings.rate,
        }
        value = known.get(which, 0.0)
        return self.context.form.real(value) if value else "AUTO"

    def table(self, root: str) -> list[Command]:
        """Return the commands."""
        rate = number(
            self.context, f"{root}:SRATe", lambda: self.settings.rate, self.set_rate, _RATES
        )
        return [
            rate,
            Command(f"{root}:APERture", self.set_aperture, self.aperture, (Raw(),), ASKED),
        ]


def _unit(group: _Group, function: str, root: str) -> Command:
    own = "VOLT" if "v" in function else "AMP"
    options = {own: own, "OHM": "OHM", "WATT": "WATT"}
    return choice(f"{root}:UNIT", group.get("unit"), group.put("unit"), options)


def _selection(context: Context) -> list[Command]:
    """Return the commands of functions and counts."""
    unit = context.unit
    words = {"v": '"VOLT:DC"', "i": '"CURR:DC"', "r": '"RES"', "dv": '"VOLT"', "di": '"CURR"'}

    def zero() -> None:
        unit.model.check_idle()
        context.wait_for(unit.meter.zero_once())

    def ask(digitized: bool) -> Callable[[], str]:
        def answer() -> str:
            sense = context.setup.sense
            return words[sense] if (sense in DIGITIZED) is digitized else "NONE"

        return answer

    def count(name: str, bounds: tuple[int, int, int], header: str) -> Command:
        return number(
            context,
            header,
            lambda: getattr(context.setup, name),
            lambda value: setattr(context.setup, name, value),
            bounds,
            whole=True,
        )

    measured = {"VOLTage[:DC]": "v", "CURRent[:DC]": "i", "RESistance": "r"}
    table = [
        Command(f"{_S}:FUNCtion[:ON]", unit.select, ask(False), (Choice(measured, quoted=True),)),
        count("count", (1, 300_000, 1), f"{_S}:COUNt"),
        Command(f"{_S}:AZERo:ONCE", zero),
    ]
    if unit.chassis.model.digitizes:
        digitized = Choice({"VOLTage[:DC]": "dv", "CURRent[:DC]": "di"}, quoted=True)
        table += [
            Command(f"{_S}:DIGitize:FUNCtion[:ON]", unit.select, ask(True), (digitized,)),
            count("digitize_count", (1, 55_000_000, 10_000), f"{_S}:DIGitize:COUNt"),
        ]
    return table


# -- calculate ------------------------------------------------------------------------------------


def calculate_commands(context: Context) -> list[Command]:
    """Return the table of ``CALCulate[1]`` and ``CALCulate2``."""
    digits = _Group(context, "")
    table: list[Command] = [
        number(context, ":DISPlay:DIGits", digits.get("digits"), digits.put("digits"), (3, 6, 5),
               whole=True)
    ]  # fmt: skip
    for function in ("", *functions(context)):
        name, group = FUNCTIONS.get(function, ""), _Group(context, function)
        table += _math(group, f":CALCulate[1]{name}:MATH")
        table += _limits(context, group, f":CALCulate2{name}:LIMit<n>")
    return table


def _math(group: _Group, root: str) -> list[Command]:
    wide = (-_MOST, _MOST)
    return [
        choice(f"{root}:FORMat", group.get("math"), group.put("math"), _MATH),
        group.number(f"{root}:MBFactor", "b", (*wide, 0.0)),
        group.number(f"{root}:MMFactor", "m", (*wide, 1.0)),
        group.number(f"{root}:PERCent", "percent", (*wide, 1.0)),
        group.toggle(f"{root}:STATe", "math_on"),
    ]


def _limits(context: Context, group: _Group, root: str) -> list[Command]:
    get, put = group.limit_get, group.limit_put
    return [
        choice(f"{root}:AUDible", get("audible"), put("audible"), _SOUNDS),
        toggle(f"{root}:CLEar:AUTO", get("clear_auto"), put("clear_auto")),
        Command(f"{root}:CLEar[:IMMediate]", group.clear_limit),
        Command(f"{root}:FAIL", query=group.verdict),
        toggle(f"{root}:STATe", get("enabled"), put("enabled")),
        number(context, f"{root}:LOWer[:DATA]", get("lower"), put("lower"),
               lambda *_: (-_LIMIT, _LIMIT, -1.0)),
        number(context, f"{root}:UPPer[:DATA]", get("upper"), put("upper"),
               lambda *_: (-_LIMIT, _LIMIT, 1.0)),
    ]  # fmt: skip
