"""Sweeps, lists, pulses and configuration lists in the SCPI of the 2450 family.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 6-73 to 6-79, 6-83 to 6-89 and 6-101 to
6-132.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sim_backend.instruments.keithley26_electronics import Quantity
from sim_backend.instruments.keithley2450_lists import MeasureIndex, SourceIndex
from sim_backend.instruments.keithley2450_scpi_common import SOURCES, Context
from sim_backend.instruments.keithley2450_settings import DIGITIZED
from sim_backend.instruments.keithley2450_sweeps import (
    Pulses,
    Sweep,
    linear,
    logarithmic,
    stepped,
)
from sim_backend.wire.parameters import Boolean, Bound, Choice, Number, ScpiError, Text, Whole
from sim_backend.wire.scpi import Command

__all__ = ["list_commands", "sweep_commands"]

MISSING = -109
_S = ":SOURce[1]"
_MOST_POINTS, _MOST_COUNT, _LONGEST = 1_000_000, 268_435_455, 10_000.0
_USUAL = (Bound.DEFAULT,)
_LEVEL = Number(names=())
_POINTS = Whole(2, _MOST_POINTS, names=())
_COUNT = Whole(0, _MOST_COUNT, names=_USUAL)
_TIME = Number(0.0, _LONGEST, names=_USUAL)
_DELAY = Number(-1.0, _LONGEST, names=_USUAL)
_WIDTH = Number(0.0, _LONGEST, names=())
_LIMIT = Number(names=_USUAL)
_RANGES = Choice({"AUTO": "AUTO", "BEST": "BEST", "FIXed": "FIX"})
_INDEX = Whole(1, names=())
_QUANTITIES: tuple[Quantity, ...] = ("v", "i")

#: optional parameters of DC sweeps, in their order -> attribute of `Sweep`
_SWEPT = ("delay", "count", "range_type", "fail_abort", "dual", "buffer")
_SWEPT_KINDS = (_DELAY, _COUNT, _RANGES, Boolean(), Boolean(), Text())
#: optional parameters of pulse sweeps
_PULSED = ("measure", "buffer", "delay", "off_time", "count", "bias_limit", "pulse_limit",
           "fail_abort", "dual")  # fmt: skip
_PULSED_KINDS = (Boolean(), Text(), _TIME, _TIME, _COUNT, _LIMIT, _LIMIT, Boolean(), Boolean())
#: of pulse trains
_TRAIN = ("measure", "buffer", "delay", "off_time", "bias_limit", "pulse_limit", "fail_abort")
_TRAIN_KINDS = (Boolean(), Text(), _TIME, _TIME, _LIMIT, _LIMIT, Boolean())
#: of pulse sweeps over a list
_LISTED = ("measure", "buffer", "first", "count", "delay", "off_time", "fail_abort", "name")
_LISTED_KINDS = (Boolean(), Text(), _INDEX, _COUNT, _TIME, _TIME, Boolean(), Text())


def _chosen(names: Sequence[str], given: Sequence[Any]) -> dict[str, Any]:
    """Return the optional parameters that are given by a value."""
    pairs = zip(names, given, strict=False)
    return {name: value for name, value in pairs if not isinstance(value, Bound)}


class _Sweeps:
    """Handlers of one source function."""

    def __init__(self, context: Context, quantity: Quantity) -> None:
        self.sweeps, self.quantity, self.context = context.unit.sweeps, quantity, context

    def linear(self, start: float, stop: float, points: int, *given: Any) -> None:
        """Set up a sweep over equal steps."""
        how = Sweep(**_chosen(_SWEPT, given))
        self.sweeps.sweep(self.quantity, "Linear", linear(start, stop, points), how)

    def stepped(self, start: float, stop: float, step: float, *given: Any) -> None:
        """Set up a sweep by the size of its steps."""
        how = Sweep(**_chosen(_SWEPT, given))
        self.sweeps.sweep(self.quantity, "Linear", stepped(start, stop, step), how)

    def logarithmic(self, start: float, stop: float, points: int, *given: Any) -> None:
        """Set up a logarithmic sweep; the asymptote comes last."""
        how = Sweep(**_chosen(_SWEPT, given))
        asymptote = given[6] if len(given) > 6 else 0.0
        levels = logarithmic(start, stop, points, asymptote)
        self.sweeps.sweep(self.quantity, "Log", levels, how)

    def listed(self, first: int, *given: Any) -> None:
        """Set up a sweep over a configuration list."""
        names = ("delay", "count", "fail_abort", "buffer", "name")
        chosen = {"delay": 0.0, **_chosen(names, given)}
        name = chosen.pop("name", None)
        self.sweeps.listed(self.quantity, first, Sweep(**chosen), name)

    def set_list(self, *values: float) -> None:
        """Set the levels of a custom sweep."""
        self.sweeps.set_list(self.quantity, values, append=False)

    def append(self, *values: float) -> None:
        """Extend the levels of a custom sweep."""
        self.sweeps.set_list(self.quantity, values, append=True)

    def set_pulse_list(self, *values: float) -> None:
        """Set the levels of a custom pulse sweep."""
        self.sweeps.set_list(self.quantity, values, append=False, pulse=True)

    def append_pulses(self, *values: float) -> None:
        """Extend the levels of a custom pulse sweep."""
        self.sweeps.set_list(self.quantity, values, append=True, pulse=True)

    def ask(self, *, pulse: bool = False) -> str:
        """Answer the levels of a custom sweep."""
        real = self.context.form.real
        return ",".join(map(real, self.sweeps.levels(self.quantity, pulse=pulse)))

    def points(self, *, pulse: bool = False) -> str:
        """Answer how many levels a custom sweep has."""
        return str(len(self.sweeps.levels(self.quantity, pulse=pulse)))

    # -- pulses ------------------------------------------------------------------------------

    def pulse_linear(
        self, bias: float, start: float, stop: float, points: int, width: float, *given: Any
    ) -> None:
        """Set up a pulse sweep over equal steps."""
        how = Pulses(width, bias, **_chosen(_PULSED, given))
        self.sweeps.pulse_sweep(self.quantity, "Linear", linear(start, stop, points), how)

    def pulse_stepped(
        self, bias: float, start: float, stop: float, step: float, width: float, *given: Any
    ) -> None:
        """Set up a pulse sweep by the size of its steps."""
        how = Pulses(width, bias, **_chosen(_PULSED, given))
        self.sweeps.pulse_sweep(self.quantity, "Linear", stepped(start, stop, step), how)

    def pulse_logarithmic(
        self, bias: float, start: float, stop: float, points: int, width: float, *given: Any
    ) -> None:
        """Set up a logarithmic pulse sweep; the asymptote comes last."""
        how = Pulses(width, bias, **_chosen(_PULSED, given))
        levels = logarithmic(start, stop, points, given[9] if len(given) > 9 else 0.0)
        self.sweeps.pulse_sweep(self.quantity, "Log", levels, how)

    def train(self, bias: float, level: float, width: float, *given: Any) -> None:
        """Set up a train of equal pulses: [count,] and what else a pulse sweep has."""
        count = given[0] if given and not isinstance(given[0], Bound) else 1
        how = Pulses(width, bias, count=count, **_chosen(_TRAIN, given[1:]))
        self.sweeps.pulse_sweep(self.quantity, "Train", [level], how)

    def pulse_listed(self, width: float, *given: Any) -> None:
        """Set up pulses from a configuration list."""
        chosen = _chosen(_LISTED, given)
        first, name = chosen.pop("first", 1), chosen.pop("name", None)
        bias = self.context.setup.sourced(self.quantity).level
        self.sweeps.pulse_list(self.quantity, first, Pulses(width, bias, **chosen), name)


def sweep_commands(context: Context) -> list[Command]:
    """Return the table of sweeps and lists."""
    table: list[Command] = []
    values = (Number(names=(), repeated=True),)
    for quantity in _QUANTITIES:
        do, name = _Sweeps(context, quantity), SOURCES[quantity]
        root, listed = f"{_S}:SWEep{name}", f"{_S}:LIST{name}"
        table += [
            Command(f"{root}:LINear", do.linear, None, (_LEVEL, _LEVEL, _POINTS, *_SWEPT_KINDS),
                    required=3),
            Command(f"{root}:LINear:STEP", do.stepped, None,
                    (_LEVEL, _LEVEL, _LEVEL, *_SWEPT_KINDS), required=3),
            Command(f"{root}:LOG", do.logarithmic, None,
                    (_LEVEL, _LEVEL, _POINTS, *_SWEPT_KINDS, _LEVEL), required=3),
            Command(f"{root}:LIST", do.listed, None,
                    (_INDEX, _TIME, _COUNT, Boolean(), Text(), Text()), required=1),
            Command(listed, do.set_list, do.ask, values),
            Command(f"{listed}:APPend", do.append, None, values),
            Command(f"{listed}:POINts", query=do.points),
        ]  # fmt: skip
        if context.unit.chassis.model.pulse is not None:
            table += _pulse_commands(do, name)
    return table


def _pulse_commands(do: _Sweeps, name: str) -> list[Command]:
    values = (Number(names=(), repeated=True),)
    root, listed = f"{_S}:PULSe:SWEep{name}", f"{_S}:PULSe:LIST{name}"
    ends = (_LEVEL, _LEVEL, _LEVEL)
    return [
        Command(f"{root}:LINear", do.pulse_linear, None, (*ends, _POINTS, _WIDTH, *_PULSED_KINDS),
                required=5),
        Command(f"{root}:LINear:STEP", do.pulse_stepped, None,
                (*ends, _LEVEL, _WIDTH, *_PULSED_KINDS), required=5),
        Command(f"{root}:LOG", do.pulse_logarithmic, None,
                (*ends, _POINTS, _WIDTH, *_PULSED_KINDS, _LEVEL), required=5),
        Command(f"{root}:LIST", do.pulse_listed, None, (_WIDTH, *_LISTED_KINDS), required=1),
        # the manual prints TRain, other editions TRaiN
        Command(f"{_S}:PULSe:TRain{name}", do.train, None,
                (_LEVEL, _LEVEL, _WIDTH, _COUNT, *_TRAIN_KINDS), required=3),
        Command(listed, do.set_pulse_list, lambda: do.ask(pulse=True), values),
        Command(f"{listed}:APPend", do.append_pulses, None, values),
        Command(f"{listed}:POINts", query=lambda: do.points(pulse=True)),
    ]  # fmt: skip


# -- configuration lists --------------------------------------------------------------------------

_SEPARATORS = {1: ", ", 2: "; ", 3: "\n"}
_FUNCTION_NAMES: Mapping[str, str] = {
    "v": "smu.FUNC_DC_VOLTAGE", "i": "smu.FUNC_DC_CURRENT", "r": "smu.FUNC_RESISTANCE",
    "dv": "smu.FUNC_DIGITIZE_VOLTAGE", "di": "smu.FUNC_DIGITIZE_CURRENT",
}  # fmt: skip


_OFF_NAMES: Mapping[str, str] = {
    "NORM": "NORMAL", "HIMP": "HIGHZ", "ZERO": "ZERO", "GUAR": "GUARD",
}  # fmt: skip


def told(index: SourceIndex | MeasureIndex) -> list[str]:
    """Return the settings of an index as assignments of the TSP command set [C: their order]."""

    def switch(on: bool) -> str:
        return "smu.ON" if on else "smu.OFF"

    if isinstance(index, SourceIndex):
        x, limited = index.settings, "i" if index.quantity == "v" else "v"
        return [
            f"smu.source.func = {_FUNCTION_NAMES[index.quantity]}",
            f"smu.source.autorange = {switch(x.auto)}", f"smu.source.range = {x.range:g}",
            f"smu.source.level = {x.level:.9g}", f"smu.source.{limited}limit.level = {x.limit:g}",
            f"smu.source.autodelay = {switch(x.delay_auto)}", f"smu.source.delay = {x.delay:g}",
            f"smu.source.highc = {switch(x.high_capacitance)}",
            f"smu.source.readback = {switch(x.read_back)}",
            f"smu.source.offmode = smu.OFFMODE_{_OFF_NAMES[x.off]}",
            *(f"smu.source.userdelay[{k}] = {t:g}" for k, t in enumerate(x.user_delays, 1)),
        ]  # fmt: skip
    y, tree = index.settings, "smu.digitize" if index.function in DIGITIZED else "smu.measure"
    rows = [
        f"{tree}.func = {_FUNCTION_NAMES[index.function]}", f"{tree}.range = {y.range:g}",
        f"{tree}.unit = smu.UNIT_{y.unit}", f"{tree}.displaydigits = {y.digits}",
        f"{tree}.rel.enable = {switch(y.relative_on)}", f"{tree}.rel.level = {y.relative:g}",
        f"{tree}.math.enable = {switch(y.math_on)}",
        f"{tree}.sense = smu.SENSE_{'4WIRE' if y.four_wire else '2WIRE'}",
        f"{tree}.terminals = smu.TERMINALS_{'FRONT' if index.terminals == 'FRON' else 'REAR'}",
        *(f"{tree}.userdelay[{k}] = {t:g}" for k, t in enumerate(y.user_delays, 1)),
    ]  # fmt: skip
    if index.function in DIGITIZED:
        return [*rows, f"{tree}.samplerate = {y.rate:g}", f"{tree}.aperture = {y.aperture:g}"]
    return [
        *rows, f"{tree}.autorange = {switch(y.auto)}", f"{tree}.nplc = {y.nplc:g}",
        f"{tree}.autozero.enable = {switch(y.autozero)}",
        f"{tree}.filter.enable = {switch(y.averaging)}",
        f"{tree}.filter.count = {y.average_count}",
    ]  # fmt: skip


class _Lists:
    """Handlers of source (``SOUR``) or measure (``SENS``) configuration lists."""

    def __init__(self, context: Context, kind: str) -> None:
        self.lists, self.kind, self.model = context.unit.lists, kind, context.unit.model

    def delete(self, name: str, index: int | None = None) -> None:
        """Delete a list or an index."""
        self.model.check_idle()
        self.lists.delete(self.kind, name, index)

    def query(self, *given: Any) -> str:
        """Answer the settings of an index."""
        if len(given) < 2:
            raise ScpiError(MISSING)
        index = self.lists.get(self.kind, given[0]).get(given[1])
        return _SEPARATORS[given[2] if len(given) > 2 else 1].join(told(index))

    def recall(
        self, name: str, index: int = 1, second: str | None = None, its_index: int | None = None
    ) -> None:
        """Recall an index, and one of a list of the other kind."""
        self.lists.get(self.kind, name)
        rows = [(name, index)]
        if second is not None:
            self.lists.get("SENS" if self.kind == "SOUR" else "SOUR", second)
            rows.append((second, index if its_index is None else its_index))
        for row in sorted(rows, key=lambda row: self.lists.kind(row[0]) != "SOUR"):
            self.lists.recall(*row)

    def size(self, *given: str) -> str:
        """Answer how many indexes a list has."""
        if not given:
            raise ScpiError(MISSING)
        return str(len(self.lists.get(self.kind, given[0])))

    def table(self, root: str) -> list[Command]:
        """Return the commands."""
        text, lists, kind = Text(), self.lists, self.kind
        create: Callable[[str], None] = lambda name: lists.create(kind, name)  # noqa: E731
        return [
            Command(f"{root}:CATalog", query=lambda: lists.next_name(kind)),
            Command(f"{root}:CREate", create, None, (text,)),
            Command(f"{root}:DELete", self.delete, None, (text, _INDEX), required=1),
            Command(f"{root}:QUERy", query=self.query, asked=(text, _INDEX, Whole(1, 3, names=()))),
            Command(f"{root}:RECall", self.recall, None, (text, _INDEX, text, _INDEX), required=1),
            Command(f"{root}:SIZE", query=self.size, asked=(text,)),
            Command(f"{root}:STORe", lambda *given: lists.store(kind, *given), None,
                    (text, _INDEX), required=1),
        ]  # fmt: skip


def list_commands(context: Context) -> list[Command]:
    """Return the table of the configuration lists."""
    return [
        *_Lists(context, "SOUR").table(f"{_S}:CONFiguration:LIST"),
        *_Lists(context, "SENS").table("[:SENSe[1]]:CONFiguration:LIST"),
    ]
