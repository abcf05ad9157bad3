"""The commands of ``CALCulate1`` to ``CALCulate3`` and of ``SOURce2``, the digital output.

Source: 2400 Series SourceMeter User's Manual, tables 18-1 and 18-7, pages 18-26 to 18-44 and 18-98
to 18-100.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sim_backend.instruments.keithley2400_calculate import TESTS, Calculator
from sim_backend.instruments.keithley2400_expression import BUILT_IN, compile_expression
from sim_backend.instruments.keithley2400_readings import Buffer, write_results
from sim_backend.instruments.keithley2400_settings import (
    choice,
    number,
    pattern,
    toggle,
    written,
)
from sim_backend.instruments.keithley2400_setup import Calculation, Digital, Limits
from sim_backend.instruments.keithley2400_source import LOCATIONS, Chassis
from sim_backend.wire.parameters import Boolean, Choice, Raw, ScpiError, Text
from sim_backend.wire.scpi import Answer, Command

__all__ = ["calculate_commands", "digital_commands"]

ILLEGAL, HARDWARE_MISSING = -224, -241
FULL, NOT_FOUND, NOT_ALLOWED, KEPT = 804, 806, 807, 808
_MOST_EXPRESSIONS = len(BUILT_IN) + 5  # user-defined ones that fit [to be checked]
_LONGEST_NAME = 10
_LARGEST = 9.999999e20
#: percent deviation is in the catalogue, but only the front panel can use it
_FRONT_PANEL_ONLY = "%DEV"


class _Mathematics:
    """The expressions of ``CALCulate1``."""

    def __init__(self, chassis: Chassis, calculator: Calculator) -> None:
        self.chassis, self.calculator = chassis, calculator

    @property
    def settings(self) -> Calculation:
        return self.chassis.setup.calculation

    def name(self, text: str) -> None:
        name = text.upper()
        if not 0 < len(name) <= _LONGEST_NAME or name == _FRONT_PANEL_ONLY:
            raise ScpiError(ILLEGAL)
        settings = self.settings
        if name not in settings.defined:
            if len(settings.defined) >= _MOST_EXPRESSIONS:
                raise ScpiError(FULL)
            settings.defined[name] = settings.defined[settings.name]
        settings.name = name

    def define(self, text: str) -> None:
        if self.settings.name in BUILT_IN:
            raise ScpiError(NOT_ALLOWED)
        compile_expression(text)
        self.settings.defined[self.settings.name] = text

    def tell(self) -> str:
        return self.settings.defined[self.settings.name]

    def catalog(self) -> str:
        users = [name for name in self.settings.defined if name not in BUILT_IN]
        names = [*BUILT_IN, _FRONT_PANEL_ONLY, *users]
        return ",".join(f'"{name}"' for name in names)

    def delete(self, text: str) -> None:
        name = text.upper()
        if name in BUILT_IN:
            raise ScpiError(KEPT)
        if self.settings.defined.pop(name, None) is None:
            raise ScpiError(NOT_FOUND)
        if self.settings.name == name:
            self.settings.name = "POWER"

    def delete_all(self) -> None:
        self.settings.forget()

    def set_units(self, text: str) -> None:
        if not 0 < len(text) <= 3:
            raise ScpiError(ILLEGAL)
        self.settings.units = text

    def data(self, *, latest: bool = False) -> Answer:
        rows = self.calculator.first
        return write_results(rows[-1:] if latest else rows, self.chassis.setup.format)


def calculate_commands(chassis: Chassis, calculator: Calculator, buffer: Buffer) -> list[Command]:
    """Return the tables of ``CALCulate1``, ``CALCulate2`` and ``CALCulate3``."""
    statistic = _Statistic()
    return [
        *_mathematics(chassis, calculator),
        *_null(chassis, calculator),
        *_limits(chassis, calculator),
        *(command for k in TESTS for command in _test(chassis, calculator, k)),
        choice(":CALCulate3:FORMat", lambda: statistic, "name",
               {"MEAN": "MEAN", "SDEViation": "SDEV", "MAXimum": "MAX", "MINimum": "MIN",
                "PKPK": "PKPK"}),
        Command(":CALCulate3:DATA", query=lambda: buffer.statistic(statistic.name)),
    ]  # fmt: skip


class _Statistic:
    """Which statistic ``CALCulate3`` tells."""

    name = "MEAN"


def _mathematics(chassis: Chassis, calculator: Calculator) -> list[Command]:
    does, m = _Mathematics(chassis, calculator), ":CALCulate[1]:MATH"
    text = (Text(),)
    return [
        Command(f"{m}[:EXPRession]", does.define, does.tell, (Raw(),)),
        Command(f"{m}[:EXPRession]:DEFine", does.define, does.tell, (Raw(),)),
        Command(f"{m}[:EXPRession]:CATalog", query=does.catalog),
        Command(f"{m}[:EXPRession]:NAME", does.name, lambda: f'"{does.settings.name}"', text),
        Command(f"{m}[:EXPRession]:DELete[:SELected]", does.delete, None, text),
        Command(f"{m}[:EXPRession]:DELete:ALL", does.delete_all),
        Command(f"{m}:UNITs", does.set_units, lambda: f'"{does.settings.units}"', text),
        toggle(":CALCulate[1]:STATe", lambda: does.settings, "enabled"),
        Command(":CALCulate[1]:DATA", query=does.data),
        Command(":CALCulate[1]:DATA:LATest", query=partial(does.data, latest=True)),
    ]


def _null(chassis: Chassis, calculator: Calculator) -> list[Command]:
    def owner() -> Limits:
        return chassis.setup.limits

    def data(*, latest: bool = False) -> Answer:
        rows = calculator.second
        return write_results(rows[-1:] if latest else rows, chassis.setup.format)

    feeds = {"CALCulate[1]": "c", "CALCulate1": "c", "VOLTage[:DC]": "v", "CURRent[:DC]": "i",
             "RESistance": "r"}  # fmt: skip
    told = {"c": "CALC1", "v": "VOLT", "i": "CURR", "r": "RES"}
    return [
        choice(":CALCulate2:FEED", owner, "feed", feeds, answers=told),
        number(":CALCulate2:NULL:OFFSet", owner, "offset", (-_LARGEST, _LARGEST, 0)),
        toggle(":CALCulate2:NULL:STATe", owner, "null"),
        Command(":CALCulate2:NULL:ACQuire", calculator.acquire),
        Command(":CALCulate2:DATA", query=data),
        Command(":CALCulate2:DATA:LATest", query=partial(data, latest=True)),
    ]


class _Location:
    """The parameter of ``SMLocation``: a location of the source memory, or ``NEXT``."""

    repeated = False

    def read(self, text: str) -> int:
        """Return the location, 0 for the next one."""
        if text.upper() == "NEXT":
            return 0
        try:
            location = round(float(text))
        except (ValueError, OverflowError):
            raise ScpiError(-104, text) from None
        if not 1 <= location <= LOCATIONS:
            raise ScpiError(-222, text)
        return location


def _limits(chassis: Chassis, calculator: Calculator) -> list[Command]:
    """Return what concerns all limit tests, the compliance test and the contact test."""

    def owner() -> Limits:
        return chassis.setup.limits

    def size() -> int:
        return chassis.setup.digital.size

    def form() -> str:
        return chassis.setup.format.digital

    def without_contact_check(value: bool) -> None:
        if value:
            raise ScpiError(HARDWARE_MISSING)

    c, one, four = ":CALCulate2:CLIMits", partial(calculator.test, 1), partial(calculator.test, 4)
    first, contact = ":CALCulate2:LIMit[1]", ":CALCulate2:LIMit4"
    table = [
        choice(f"{c}:MODE", owner, "mode", {"GRADing": "GRAD", "SORTing": "SORT"}),
        choice(f"{c}:BCONtrol", owner, "control", {"IMMediate": "IMM", "END": "END"}),
        Command(f"{c}:CLEar[:IMMediate]", calculator.clear),
        toggle(f"{c}:CLEar:AUTO", owner, "clear_auto"),
        choice(f"{first}:COMPliance:FAIL", one, "fail_on", {"IN": "IN", "OUT": "OUT"}),
        pattern(f"{first}:COMPliance:SOURce2", one, "upper_pattern", size, form),
        toggle(f"{first}:STATe", one, "enabled"),
        Command(f"{first}:FAIL", query=lambda: str(int(calculator.failed.get(1, False)))),
        pattern(f"{contact}:SOURce2", four, "upper_pattern", size, form),
        toggle(f"{contact}:STATe", four, "enabled", check=without_contact_check),
        Command(f"{contact}:FAIL", query=lambda: "0"),
    ]
    for word, name in (("PASS", "pass"), ("FAIL", "fail")):
        table += [
            pattern(f"{c}:{word}:SOURce2", owner, f"{name}_pattern", size, form),
            _location(f"{c}:{word}:SMLocation", owner, f"{name}_location"),
        ]
    return table


def _location(header: str, owner: Callable[[], Limits], name: str) -> Command:
    return Command(
        header,
        lambda value: setattr(owner(), name, value),
        lambda: str(getattr(owner(), name) or "NEXT"),
        (_Location(),),
    )


def _test(chassis: Chassis, calculator: Calculator, k: int) -> list[Command]:
    """Return the commands of one test against two limits."""
    owner, head = partial(calculator.test, k), f":CALCulate2:LIMit{k}"

    def size() -> int:
        return chassis.setup.digital.size

    def form() -> str:
        return chassis.setup.format.digital

    return [
        number(f"{head}:UPPer[:DATA]", owner, "upper", (-_LARGEST, _LARGEST, 1)),
        pattern(f"{head}:UPPer:SOURce2", owner, "upper_pattern", size, form),
        number(f"{head}:LOWer[:DATA]", owner, "lower", (-_LARGEST, _LARGEST, -1)),
        pattern(f"{head}:LOWer:SOURce2", owner, "lower_pattern", size, form),
        pattern(f"{head}:PASS:SOURce2", owner, "pass_pattern", size, form),
        toggle(f"{head}:STATe", owner, "enabled"),
        Command(f"{head}:FAIL", query=lambda: str(int(calculator.failed.get(k, False)))),
    ]


def digital_commands(chassis: Chassis, calculator: Calculator) -> list[Command]:
    """Return the table of ``SOURce2``."""

    def owner() -> Digital:
        return chassis.setup.digital

    def size() -> int:
        return owner().size

    def form() -> str:
        return chassis.setup.format.digital

    def actual() -> str:
        port = owner().level if calculator.port is None else calculator.port
        return written(port & ((1 << size()) - 1), form())

    def clear() -> None:
        calculator.port = None

    level = pattern(":SOURce2:TTL[:LEVel][:DEFault]", owner, "level", size, form)

    def set_level(value: float) -> None:
        assert level.write is not None
        level.write(value)
        clear()

    s = ":SOURce2"
    return [
        Command(level.header, set_level, level.query, level.parameters),
        Command(f"{s}:TTL[:LEVel]:ACTual", query=actual),
        choice(f"{s}:TTL4:MODE", owner, "mode", {"EOTest": "EOT", "BUSY": "BUSY"}),
        Command(f"{s}:TTL4:BSTate", lambda on: setattr(owner(), "state", on),
                lambda: str(int(owner().state)), (Boolean(),)),
        Command(f"{s}:BSIZe", lambda bits: setattr(owner(), "size", bits), lambda: str(size()),
                (Choice({"3": 3, "4": 4}),)),
        Command(f"{s}:CLEar[:IMMediate]", clear),
        toggle(f"{s}:CLEar:AUTO", owner, "clear_auto"),
        number(f"{s}:CLEar:AUTO:DELay", owner, "clear_delay", (0, 60, 1e-4)),
    ]  # fmt: skip
