"""The commands of ``SOURce[1]``.

Source: 2400 Series SourceMeter User's Manual, table 18-7, pages 18-71 to 18-97.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from sim_backend.instruments.keithley26_electronics import Quantity
from sim_backend.instruments.keithley2400_settings import (
    CONFLICT,
    OUT_OF_RANGE,
    choice,
    number,
    real,
    toggle,
    whole,
)
from sim_backend.instruments.keithley2400_setup import Level
from sim_backend.instruments.keithley2400_source import LOCATIONS, Chassis, Output, nominal
from sim_backend.wire.parameters import Bound, Choice, Number, ScpiError, Whole
from sim_backend.wire.scpi import Command

__all__ = ["source_commands"]

TOO_MUCH, HARDWARE_MISSING = -223, -241
POINTS = 2500  #: of a list or a sweep
_AT_ONCE = 100  # values of a list in one command
_NAMES: dict[Quantity, str] = {"v": "VOLTage", "i": "CURRent"}
_UNITS = {"v": "V", "i": "A"}
_UP_DOWN = (Bound.MINIMUM, Bound.MAXIMUM, Bound.DEFAULT, Bound.UP, Bound.DOWN)
_MODES = {"FIXed": "FIX", "LIST": "LIST", "SWEep": "SWE"}
_S = "[:SOURce[1]]"


class _Commands:
    """The handlers that need more than one attribute."""

    def __init__(
        self, chassis: Chassis, output: Output, pass_time: Callable[[float], None]
    ) -> None:
        self.chassis, self.output, self.pass_time = chassis, output, pass_time

    def level(self, quantity: Quantity) -> Level:
        source = self.chassis.setup.source
        return source.v if quantity == "v" else source.i

    def limits(self, quantity: Quantity) -> tuple[float, float, float]:
        most = self.output.largest(quantity)
        return -most, most, 0.0

    def spans(self, quantity: Quantity) -> tuple[float, float, float]:
        most = 2 * self.output.largest(quantity)
        return -most, most, 0.0

    # -- levels ------------------------------------------------------------------------------

    def _checked(self, quantity: Quantity, value: float) -> float:
        """Refuse a level that mode, range or power do not allow; returns its range."""
        self.chassis.forbid_auto_ohms()
        level = self.level(quantity)
        if level.mode != "FIX":
            raise ScpiError(CONFLICT)
        if not level.auto and abs(value) > self.output.maximum(quantity, level.range) * (1 + 1e-9):
            extreme = abs(value) == self.output.largest(quantity)
            raise ScpiError(CONFLICT if extreme else OUT_OF_RANGE)
        chosen = self.output.holding(quantity, value) if level.auto else level.range
        if self.chassis.setup.source.function == quantity:
            self.check_power(quantity, chosen)
        return chosen

    def check_power(self, quantity: Quantity, range_: float) -> None:
        sense = self.chassis.setup.sense
        limit = sense.i.protection if quantity == "v" else sense.v.protection
        self.output.check_power(quantity, range_, limit)

    def set_level(self, quantity: Quantity, value: float) -> None:
        chosen = self._checked(quantity, value)
        level = self.level(quantity)
        if self.output.on and self.chassis.setup.source.function == quantity:
            timing = self.chassis.model.timing
            self.pass_time(timing.command_autorange if level.auto else timing.command_fixed)
        level.level, level.range, level.triggered = value, chosen, None
        self.output.program()

    def set_triggered(self, quantity: Quantity, value: float) -> None:
        self._checked(quantity, value)
        self.level(quantity).triggered = value

    def set_range(self, quantity: Quantity, value: float | Bound) -> None:
        self.chassis.forbid_auto_ohms()
        level, ranges = self.level(quantity), self.output.ranges(quantity)
        scales = [r.full_scale for r in ranges]
        if isinstance(value, Bound):
            place = scales.index(level.range)
            chosen = {
                Bound.MINIMUM: scales[0],
                Bound.MAXIMUM: scales[-1],
                Bound.UP: scales[min(place + 1, len(scales) - 1)],
                Bound.DOWN: scales[max(place - 1, 0)],
            }.get(value, 20.0 if quantity == "v" else 100e-6)
        else:
            chosen = self.output.holding(quantity, value)
        if self.chassis.setup.source.function == quantity:
            self.check_power(quantity, chosen)
        most = self.output.maximum(quantity, chosen)
        level.range, level.auto = chosen, False
        level.level = max(-most, min(most, level.level))
        self.output.program()

    def ask_range(self, quantity: Quantity, which: Bound | None = None) -> str:
        scales = [r.full_scale for r in self.output.ranges(quantity)]
        if which is None:
            return real(nominal(self.level(quantity).range))
        known = {Bound.MINIMUM: scales[0], Bound.MAXIMUM: scales[-1]}
        return real(nominal(known.get(which, 20.0 if quantity == "v" else 100e-6)))

    def check_auto(self, value: bool) -> None:
        """Refuse source autorange in pulse mode."""
        if value:
            self.chassis.forbid_pulsed()

    # -- sweeps ------------------------------------------------------------------------------

    def center(self, quantity: Quantity) -> float:
        level = self.level(quantity)
        return (level.start + level.stop) / 2

    def put_ends(self, quantity: Quantity, center: float, span: float) -> None:
        start, stop, most = center - span / 2, center + span / 2, self.output.largest(quantity)
        if max(abs(start), abs(stop)) > most * (1 + 1e-9):
            raise ScpiError(OUT_OF_RANGE)
        level = self.level(quantity)
        level.start, level.stop = start, stop

    def put_center(self, quantity: Quantity, value: float) -> None:
        level = self.level(quantity)
        self.put_ends(quantity, value, level.stop - level.start)

    def put_span(self, quantity: Quantity, value: float) -> None:
        self.put_ends(quantity, self.center(quantity), value)

    def put_step(self, quantity: Quantity, value: float) -> None:
        source, level = self.chassis.setup.source, self.level(quantity)
        span = level.stop - level.start
        if source.spacing == "LOG" or value == 0 or span * value < 0:
            raise ScpiError(CONFLICT)
        points = math.floor(span / value + 1e-9) + 1
        if not 2 <= points <= POINTS:
            raise ScpiError(OUT_OF_RANGE)
        source.points = points
        level.stop = level.start + value * (points - 1)

    def step(self, quantity: Quantity) -> float:
        source, level = self.chassis.setup.source, self.level(quantity)
        span = level.stop - level.start
        return span / (source.points - 1)

    # -- lists -------------------------------------------------------------------------------

    def set_list(self, quantity: Quantity, *values: float, append: bool = False) -> None:
        before = self.level(quantity).values if append else []
        if len(values) > _AT_ONCE or len(before) + len(values) > POINTS:
            raise ScpiError(TOO_MUCH)
        if any(abs(value) > self.output.largest(quantity) * (1 + 1e-9) for value in values):
            raise ScpiError(OUT_OF_RANGE)
        self.level(quantity).values = [*before, *values]

    def ask_list(self, quantity: Quantity) -> str:
        return ",".join(map(real, self.level(quantity).values))

    # -- function, protection, memory --------------------------------------------------------

    def check_function(self, value: str) -> None:
        """Refuse a source function that auto ohms or the output power do not allow."""
        self.chassis.forbid_auto_ohms()
        if value != "m":
            quantity: Quantity = "v" if value == "v" else "i"
            level = self.level(quantity)
            chosen = self.output.holding(quantity, level.level) if level.auto else level.range
            self.check_power(quantity, chosen)

    def set_protection(self, value: float | Bound | str) -> None:
        limits = self.chassis.model.v_protection
        if isinstance(value, Bound):
            value = limits[0] if value is Bound.MINIMUM else math.inf
        if isinstance(value, str):
            value = math.inf
        allowed = [limit for limit in limits if abs(value) <= limit]
        if math.isfinite(value) and abs(value) > self.output.largest("v"):
            raise ScpiError(OUT_OF_RANGE)
        self.chassis.setup.source.protection = allowed[0] if allowed else math.inf
        self.output.program()

    def ask_protection(self) -> str:
        return real(min(self.chassis.setup.source.protection, self.output.largest("v")))

    def protecting(self) -> str:
        """Answer whether the voltage is held at the protection limit."""
        return str(int(self.output.protecting(self.output.real_limited())))

    def set_shape(self, value: str) -> None:
        """Change between DC and pulse mode; the output goes off."""
        source, sense = self.chassis.setup.source, self.chassis.setup.sense
        if value == source.shape:
            return
        if self.chassis.model.pulse is None:
            raise ScpiError(HARDWARE_MISSING)
        self.output.off()
        source.shape = value
        limits = self.chassis.model.pulse
        if value == "PULS":
            sense.nplc = min(sense.nplc, limits.nplc_maximum)
            sense.average = sense.compensated = sense.ohms_auto = False
            for function in (sense.v, sense.i, sense.r):
                function.auto = False
            return
        sense.nplc = max(sense.nplc, self.chassis.model.spec.nplc_minimum)
        for quantity in _NAMES:
            level, most = self.level(quantity), self.output.largest(quantity)
            level.range = min(level.range, self.output.ranges(quantity)[-1].full_scale)
            level.level = max(-most, min(most, level.level))

    def recall(self, location: int) -> None:
        self.chassis.recall(location)
        self.output.program()


class _Protection:
    """The parameter of ``SOURce:VOLTage:PROTection``."""

    repeated = False

    def read(self, text: str) -> float | Bound | str:
        """Return a voltage, a bound, or ``NONE``."""
        return "NONE" if text.upper() == "NONE" else Number(suffix="V").read(text)


def source_commands(
    chassis: Chassis, output: Output, pass_time: Callable[[float], None]
) -> list[Command]:
    """Return the table of ``SOURce[1]``."""
    does = _Commands(chassis, output, pass_time)
    table = [command for quantity in _NAMES for command in _of_one(does, quantity)]
    return [*table, *_shared(does), *_memory(does), *_pulse(does)]


def _of_one(does: _Commands, q: Quantity) -> list[Command]:
    """Return the commands of the V-source or the I-source."""
    head, unit = f"{_S}:{_NAMES[q]}", _UNITS[q]
    owner, limits, program = partial(does.level, q), partial(does.limits, q), does.output.program
    scale = (-999.9999e18, 999.9999e18, 1.0)
    command = number(f"{head}[:LEVel][:IMMediate][:AMPLitude]", owner, "level", limits,
                     put=partial(does.set_level, q), suffix=unit)  # fmt: skip
    triggered = number(f"{head}[:LEVel]:TRIGgered[:AMPLitude]", owner, "triggered", limits,
                       put=partial(does.set_triggered, q), suffix=unit)  # fmt: skip

    def ask_triggered(which: Bound | None = None) -> str:
        if which is None and does.level(q).triggered is None:
            return real(does.level(q).level)
        assert triggered.query is not None
        return str(triggered.query(*(() if which is None else (which,))))

    def ask_end(value: Callable[[Quantity], float]) -> Callable[[], str]:
        return lambda: real(value(q))

    return [
        command,
        Command(triggered.header, triggered.write, ask_triggered, triggered.parameters,
                triggered.asked),
        choice(f"{head}:MODE", owner, "mode", _MODES, changed=program),
        Command(f"{head}:RANGe", partial(does.set_range, q), partial(does.ask_range, q),
                (Number(names=_UP_DOWN, suffix=unit),), command.asked),
        toggle(f"{head}:RANGe:AUTO", owner, "auto", check=does.check_auto, changed=program),
        number(f"{head}[:LEVel]:TRIGgered:SFACtor", owner, "scale", scale),
        toggle(f"{head}[:LEVel]:TRIGgered:SFACtor:STATe", owner, "scaled"),
        number(f"{head}:STARt", owner, "start", limits, suffix=unit),
        number(f"{head}:STOP", owner, "stop", limits, suffix=unit),
        Command(f"{head}:STEP", partial(does.put_step, q), ask_end(does.step),
                (Number(names=(), suffix=unit),)),
        Command(f"{head}:CENTer", partial(does.put_center, q), ask_end(does.center),
                (Number(names=(), suffix=unit),)),
        Command(f"{head}:SPAN", partial(does.put_span, q),
                lambda: real(does.level(q).stop - does.level(q).start),
                (Number(*does.spans(q)[:2], names=(), suffix=unit),)),
        Command(f"{_S}:LIST:{_NAMES[q]}", partial(does.set_list, q), partial(does.ask_list, q),
                (Number(names=(), suffix=unit, repeated=True),)),
        Command(f"{_S}:LIST:{_NAMES[q]}:APPend", partial(does.set_list, q, append=True), None,
                (Number(names=(), suffix=unit, repeated=True),)),
        Command(f"{_S}:LIST:{_NAMES[q]}:POINts", query=lambda: str(len(does.level(q).values))),
        number(f"{_S}:LIST:{_NAMES[q]}:STARt", owner, "first", (1, POINTS, 1), write=whole),
    ]  # fmt: skip


def _shared(does: _Commands) -> list[Command]:
    chassis, program = does.chassis, does.output.program

    def owner() -> object:
        return chassis.setup.source

    def no_automatic_delay(value: float) -> None:
        chassis.setup.source.delay, chassis.setup.source.delay_auto = value, False

    functions = {"VOLTage": "v", "CURRent": "i", "MEMory": "m"}
    return [
        choice(f"{_S}:FUNCtion[:MODE]", owner, "function", functions, check=does.check_function,
               changed=program, answers={"v": "VOLT", "i": "CURR", "m": "MEM"}),
        number(f"{_S}:DELay", owner, "delay", (0, 999.9999, 0), put=no_automatic_delay,
               suffix="S"),
        toggle(f"{_S}:DELay:AUTO", owner, "delay_auto"),
        Command(f"{_S}:CLEar[:IMMediate]", does.output.off),
        toggle(f"{_S}:CLEar:AUTO", owner, "clear_auto"),
        choice(f"{_S}:CLEar:AUTO:MODE", owner, "clear_mode", {"ALWays": "ALW", "TCOunt": "TCO"}),
        Command(f"{_S}:VOLTage:PROTection[:LEVel]", does.set_protection, does.ask_protection,
                (_Protection(),)),
        Command(f"{_S}:VOLTage:PROTection:TRIPped", query=does.protecting),
        choice(f"{_S}:SWEep:SPACing", owner, "spacing", {"LINear": "LIN", "LOGarithmic": "LOG"}),
        number(f"{_S}:SWEep:POINts", owner, "points", (2, POINTS, POINTS), write=whole),
        choice(f"{_S}:SWEep:DIRection", owner, "direction", {"UP": "UP", "DOWN": "DOWN"}),
        choice(f"{_S}:SWEep:RANGing", owner, "ranging",
               {"BEST": "BEST", "AUTO": "AUTO", "FIXed": "FIX"}),
        choice(f"{_S}:SWEep:CABort", owner, "cabort",
               {"NEVer": "NEV", "EARLy": "EARL", "LATE": "LATE"}),
        number(f"{_S}:SOAK", owner, "soak", (0, 9999.999, 0), suffix="S"),
    ]  # fmt: skip


def _memory(does: _Commands) -> list[Command]:
    chassis, location = does.chassis, (Whole(1, LOCATIONS, names=()),)

    def owner() -> object:
        return chassis.setup.source

    return [
        Command(f"{_S}:MEMory:SAVE", chassis.save, None, location),
        Command(f"{_S}:MEMory:RECall", does.recall, None, location),
        number(f"{_S}:MEMory:POINts", owner, "memory_points", (1, LOCATIONS, 1), write=whole),
        number(f"{_S}:MEMory:STARt", owner, "memory_start", (1, LOCATIONS, 1), write=whole),
    ]


def _pulse(does: _Commands) -> list[Command]:
    """Return the commands that only the 2430 has."""
    limits = does.chassis.model.pulse
    if limits is None:
        return []

    def owner() -> object:
        return does.chassis.setup.source

    return [
        Command(f"{_S}:FUNCtion:SHAPe", does.set_shape, lambda: does.chassis.setup.source.shape,
                (Choice({"DC": "DC", "PULSe": "PULS"}),)),
        number(f"{_S}:PULSe:WIDTh", owner, "width",
               (limits.shortest, limits.longest, limits.shortest), suffix="S"),
        number(f"{_S}:PULSe:DELay", owner, "pulse_delay", (0, limits.delay_maximum, 0),
               suffix="S"),
    ]  # fmt: skip
