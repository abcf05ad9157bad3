"""The commands of ``ARM``, ``TRIGger`` and ``INITiate`` of a Series 2400.

Source: 2400 Series SourceMeter User's Manual, table 18-11, pages 18-116 to 18-122.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from sim_backend.instruments.keithley2400_sequence import Sequencer
from sim_backend.instruments.keithley2400_settings import (
    CONFLICT,
    OUT_OF_RANGE,
    choice,
    events,
    number,
    whole,
)
from sim_backend.instruments.keithley2400_setup import Arm, Trigger
from sim_backend.instruments.keithley2400_source import Chassis
from sim_backend.wire.parameters import Bound, Choice, Number, ScpiError
from sim_backend.wire.scpi import Command

__all__ = ["trigger_commands"]

_MOST = 2500  # product of the two counts
_ARM_SOURCES = {
    "IMMediate": "IMM", "TLINk": "TLIN", "TIMer": "TIM", "MANual": "MAN", "BUS": "BUS",
    "NSTest": "NST", "PSTest": "PST", "BSTest": "BST",
}  # fmt: skip
_BYPASS = {"ACCeptor": "ACC", "SOURce": "SOUR"}
_STAGES = {"SOURce": "SOUR", "DELay": "DEL", "SENSe": "SENS"}
_COUNTS = (Bound.MINIMUM, Bound.MAXIMUM, Bound.DEFAULT, Bound.INFINITY)
_ASKED = (Choice({bound.value: bound for bound in _COUNTS[:3]}),)
_A, _T = ":ARM[:SEQuence[1]][:LAYer[1]]", ":TRIGger[:SEQuence[1]]"


def trigger_commands(
    chassis: Chassis, sequencer: Sequencer, initiate: Callable[[], None]
) -> list[Command]:
    """Return the table of the trigger model; `initiate` starts it."""

    def arm() -> Arm:
        return chassis.setup.arm

    def trigger() -> Trigger:
        return chassis.setup.trigger

    return [
        Command(":INITiate[:IMMediate]", initiate),
        Command(f"{_T}:CLEar", sequencer.forget),
        *_counts(chassis),
        choice(f"{_A}:SOURce", arm, "source", _ARM_SOURCES),
        number(f"{_A}:TIMer", arm, "timer", (0.001, 99999.99, 0.1), suffix="S"),
        choice(f"{_A}[:TCONfigure]:DIRection", arm, "direction", _BYPASS),
        number(
            f"{_A}[:TCONfigure][:ASYNchronous]:ILINe", arm, "input_line", (1, 4, 1), write=whole
        ),
        number(
            f"{_A}[:TCONfigure][:ASYNchronous]:OLINe", arm, "output_line", (1, 4, 2), write=whole
        ),
        events(
            f"{_A}[:TCONfigure][:ASYNchronous]:OUTPut",
            arm,
            "output",
            {"TENTer": "TENT", "TEXit": "TEX"},
        ),
        choice(f"{_T}:SOURce", trigger, "source", {"IMMediate": "IMM", "TLINk": "TLIN"}),
        number(f"{_T}:DELay", trigger, "delay", (0, 999.9999, 0), suffix="S"),
        choice(f"{_T}[:TCONfigure]:DIRection", trigger, "direction", _BYPASS),
        number(
            f"{_T}[:TCONfigure][:ASYNchronous]:ILINe", trigger, "input_line", (1, 4, 1), write=whole
        ),
        number(
            f"{_T}[:TCONfigure][:ASYNchronous]:OLINe",
            trigger,
            "output_line",
            (1, 4, 2),
            write=whole,
        ),
        events(f"{_T}[:TCONfigure][:ASYNchronous]:INPut", trigger, "inputs", _STAGES),
        events(f"{_T}[:TCONfigure][:ASYNchronous]:OUTPut", trigger, "output", _STAGES),
    ]


class _Counts:
    """The two counts, whose product is bounded."""

    def __init__(self, chassis: Chassis) -> None:
        self.chassis = chassis

    def check(self, arms: float, triggers: float) -> None:
        if math.isfinite(arms) and arms * triggers > _MOST:
            raise ScpiError(CONFLICT)

    def set_arms(self, value: float | Bound) -> None:
        setup, arms = self.chassis.setup, _count(value)
        self.check(arms, setup.trigger.count)
        setup.arm.count = arms

    def set_triggers(self, value: float | Bound) -> None:
        setup, triggers = self.chassis.setup, _count(value)
        if math.isinf(triggers):
            raise ScpiError(OUT_OF_RANGE)
        self.check(setup.arm.count, triggers)
        setup.trigger.count = round(triggers)

    def arms(self, which: Bound | None = None) -> str:
        return _told(self.chassis.setup.arm.count if which is None else _count(which))

    def triggers(self, which: Bound | None = None) -> str:
        return _told(self.chassis.setup.trigger.count if which is None else _count(which))


def _count(value: float | Bound) -> float:
    if isinstance(value, Bound):
        return {Bound.MAXIMUM: _MOST, Bound.INFINITY: math.inf}.get(value, 1)
    if not 1 <= value <= _MOST:
        raise ScpiError(OUT_OF_RANGE)
    return round(value)


def _told(value: float) -> str:
    return "+9.900000E+37" if math.isinf(value) else str(round(value))


def _counts(chassis: Chassis) -> list[Command]:
    does, counts = _Counts(chassis), (Number(names=_COUNTS),)
    return [
        Command(f"{_A}:COUNt", does.set_arms, does.arms, counts, _ASKED),
        Command(f"{_T}:COUNt", does.set_triggers, does.triggers, counts, _ASKED),
    ]
