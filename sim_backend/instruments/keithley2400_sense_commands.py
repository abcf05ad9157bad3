"""The commands of ``SENSe[1]``.

Source: 2400 Series SourceMeter User's Manual, table 18-6, pages 18-58 to 18-70.
"""

from __future__ import annotations

from functools import partial

from sim_backend.instruments.keithley26_electronics import Quantity
from sim_backend.instruments.keithley2400_meter import Meter
from sim_backend.instruments.keithley2400_settings import (
    CONFLICT,
    OUT_OF_RANGE,
    choice,
    number,
    real,
    toggle,
    whole,
)
from sim_backend.instruments.keithley2400_setup import Sense, Sensed
from sim_backend.instruments.keithley2400_source import Chassis, nominal
from sim_backend.instruments.keithley2400_specification import OVERRANGE
from sim_backend.wire.parameters import Boolean, Bound, Choice, Number, ScpiError
from sim_backend.wire.scpi import Command

__all__ = ["sense_commands"]

_NAMES: dict[Quantity, str] = {"v": "VOLTage[:DC]", "i": "CURRent[:DC]"}
_UNITS = {"v": "V", "i": "A"}
_TOLD = {"v": '"VOLT:DC"', "i": '"CURR:DC"', "r": '"RES"'}
_FUNCTIONS = {"VOLTage[:DC]": "v", "CURRent[:DC]": "i", "RESistance": "r"}
_UP_DOWN = (Bound.MINIMUM, Bound.MAXIMUM, Bound.DEFAULT, Bound.UP, Bound.DOWN)
_ASKED = (Choice({bound.value: bound for bound in _UP_DOWN[:3]}),)
_LIST = (Choice(_FUNCTIONS, repeated=True, quoted=True),)
_S = "[:SENSe[1]]"


class _Commands:
    """The handlers that need more than one attribute."""

    def __init__(self, chassis: Chassis, meter: Meter) -> None:
        self.chassis, self.meter = chassis, meter

    @property
    def sense(self) -> Sense:
        return self.chassis.setup.sense

    # -- functions ---------------------------------------------------------------------------

    def select(self, functions: frozenset[str]) -> None:
        if "r" in functions and self.sense.ohms_auto:
            self.chassis.forbid_pulsed()
        self.sense.functions = functions
        self.meter.forget()
        self.meter.output.program()

    def switch_on(self, *functions: str) -> None:
        if self.sense.concurrent:
            self.select(self.sense.functions | frozenset(functions))
        else:
            self.select(frozenset(functions[-1:]))

    def switch_off(self, *functions: str) -> None:
        self.select(self.sense.functions - frozenset(functions))

    def all_on(self) -> None:
        if not self.sense.concurrent:
            raise ScpiError(CONFLICT)
        self.select(frozenset(_TOLD))

    def set_concurrent(self, value: bool) -> None:
        if self.sense.concurrent and not value:
            self.select(frozenset("v"))
        self.sense.concurrent = value

    def tell(self, on: bool) -> str:
        chosen = [text for f, text in _TOLD.items() if (f in self.sense.functions) == on]
        return ",".join(chosen) or '""'

    def count(self, on: bool) -> str:
        return str(sum((f in self.sense.functions) == on for f in _TOLD))

    def state(self, function: str | None = None) -> str:
        return str(int(function in self.sense.functions))

    # -- ranges ------------------------------------------------------------------------------

    def set_range(self, quantity: Quantity, value: float | Bound) -> None:
        if isinstance(value, Bound):
            value = self.named(quantity, value)
        self.meter.set_range(quantity, value)

    def named(self, quantity: Quantity, which: Bound) -> float:
        scales = [r.full_scale for r in self.meter.ranges(quantity)]
        place = scales.index(self.meter.sensed(quantity).range)
        return {
            Bound.MINIMUM: scales[0],
            Bound.MAXIMUM: scales[-1],
            Bound.UP: scales[min(place + 1, len(scales) - 1)],
            Bound.DOWN: scales[max(place - 1, 0)],
        }.get(which, 20.0 if quantity == "v" else 100e-6)

    def ask_range(self, quantity: Quantity, which: Bound | None = None) -> str:
        if which is not None:
            return real(nominal(self.named(quantity, which)))
        return real(nominal(self.meter.range_in_use(quantity)))

    def set_auto(self, quantity: Quantity, value: bool) -> None:
        if value:
            self.chassis.forbid_pulsed()
            self.meter.check_range(quantity)
        self.meter.sensed(quantity).auto = value
        self.meter.follow_compliance(quantity)
        self.meter.output.program()

    def set_lowest(self, quantity: Quantity, value: float | Bound) -> None:
        if isinstance(value, Bound):
            value = {Bound.MAXIMUM: self.meter.compliance_range(quantity)}.get(
                value, self.meter.ranges(quantity)[0].full_scale
            )
        chosen = self.meter.holding(quantity, value)
        if chosen > self.meter.compliance_range(quantity):
            raise ScpiError(OUT_OF_RANGE)
        settings = self.meter.sensed(quantity)
        settings.lowest = chosen
        if settings.auto:
            settings.range = max(settings.range, chosen)
            self.meter.output.program()

    def protections(self, quantity: Quantity) -> tuple[float, float, float]:
        most = self.meter.ranges(quantity)[-1].full_scale
        return -nominal(most), nominal(most), 21.0 if quantity == "v" else 1.05e-4

    def set_synchronized(self, value: bool) -> None:
        self.sense.synchronized = value
        for quantity in _NAMES:
            self.meter.follow_compliance(quantity)
        self.meter.output.program()

    def tripped(self, quantity: Quantity) -> str:
        output = self.meter.output
        return str(int(output.function != quantity and output.real_limited()))

    # -- ohms --------------------------------------------------------------------------------

    def ohms(self, value: float | Bound) -> float:
        """Return the full scale of the range for a resistance."""
        scales = list(self.chassis.model.ohms)
        settings = self.sense.r
        if isinstance(value, Bound):
            place = scales.index(settings.range)
            return {
                Bound.MINIMUM: scales[0],
                Bound.MAXIMUM: scales[-1],
                Bound.UP: scales[min(place + 1, len(scales) - 1)],
                Bound.DOWN: scales[max(place - 1, 0)],
            }.get(value, 200e3)
        for scale in scales:
            if 0 <= value <= scale * OVERRANGE:
                return scale
        raise ScpiError(OUT_OF_RANGE)

    def set_ohms(self, value: float | Bound) -> None:
        if not self.sense.ohms_auto:
            raise ScpiError(CONFLICT)
        self.sense.r.range, self.sense.r.auto = self.ohms(value), False
        self.meter.output.program()

    def set_end(self, name: str, value: float | Bound) -> None:
        setattr(self.sense.r, name, self.ohms(value))

    def set_mode(self, value: bool) -> None:
        if value:
            self.chassis.forbid_pulsed()
        self.sense.ohms_auto = value
        self.meter.output.program()

    def apertures(self) -> tuple[float, float, float]:
        pulse = self.chassis.model.pulse
        if self.chassis.pulsed and pulse is not None:
            return pulse.nplc_minimum, pulse.nplc_maximum, pulse.nplc_maximum
        return self.chassis.model.spec.nplc_minimum, self.chassis.model.spec.nplc_maximum, 1.0


def sense_commands(chassis: Chassis, meter: Meter) -> list[Command]:
    """Return the table of ``SENSe[1]``."""
    does = _Commands(chassis, meter)
    return [
        *_functions(does),
        *_of_one(does, "v"),
        *_of_one(does, "i"),
        *_ohms(does),
        *_speed(does),
        *_filter(does),
    ]


def _functions(does: _Commands) -> list[Command]:
    f = f"{_S}:FUNCtion"
    one = (Choice(_FUNCTIONS, quoted=True),)
    return [
        Command(f"{f}:CONCurrent", does.set_concurrent,
                lambda: str(int(does.sense.concurrent)), (Boolean(),)),
        Command(f"{f}[:ON]", does.switch_on, partial(does.tell, True), _LIST),
        Command(f"{f}[:ON]:ALL", does.all_on),
        Command(f"{f}[:ON]:COUNt", query=partial(does.count, True)),
        Command(f"{f}:OFF", does.switch_off, partial(does.tell, False), _LIST),
        Command(f"{f}:OFF:ALL", lambda: does.select(frozenset())),
        Command(f"{f}:OFF:COUNt", query=partial(does.count, False)),
        Command(f"{f}:STATe", query=does.state, asked=one),
    ]  # fmt: skip


def _of_one(does: _Commands, q: Quantity) -> list[Command]:
    """Return the commands of the voltmeter or the ammeter."""
    head, unit = f"{_S}:{_NAMES[q]}", _UNITS[q]
    meter = does.meter

    def owner() -> Sensed:
        return meter.sensed(q)

    named = (Number(names=_UP_DOWN, suffix=unit),)
    return [
        Command(f"{head}:RANGe[:UPPer]", partial(does.set_range, q), partial(does.ask_range, q),
                named, _ASKED),
        Command(f"{head}:RANGe:AUTO", partial(does.set_auto, q),
                lambda: str(int(owner().auto)), (Boolean(),)),
        Command(f"{head}:RANGe:AUTO:LLIMit", partial(does.set_lowest, q),
                lambda: real(nominal(owner().lowest)), named),
        Command(f"{head}:RANGe:AUTO:ULIMit",
                query=lambda: real(nominal(meter.compliance_range(q)))),
        toggle(f"{head}:RANGe:HOLDoff", owner, "holdoff"),
        number(f"{head}:RANGe:HOLDoff:DELay", owner, "holdoff_delay", (0, 999.9999, 0)),
        number(f"{head}:PROTection[:LEVel]", owner, "protection", partial(does.protections, q),
               put=partial(meter.set_protection, q), suffix=unit),
        Command(f"{head}:PROTection:TRIPped", query=partial(does.tripped, q)),
        Command(f"{head}:PROTection:RSYNchronize", does.set_synchronized,
                lambda: str(int(does.sense.synchronized)), (Boolean(),)),
    ]  # fmt: skip


def _ohms(does: _Commands) -> list[Command]:
    head, chassis = f"{_S}:RESistance", does.chassis
    named = (Number(names=_UP_DOWN, suffix="OHM"),)

    def owner() -> Sense:
        return does.sense

    def resistance() -> Sensed:
        return does.sense.r

    def not_pulsed(value: bool) -> None:
        if value:
            chassis.forbid_pulsed()

    def ask(which: Bound | None = None) -> str:
        return real((resistance().range if which is None else does.ohms(which)) * OVERRANGE)

    return [
        Command(f"{head}:MODE", does.set_mode,
                lambda: "AUTO" if does.sense.ohms_auto else "MAN",
                (Choice({"AUTO": True, "MANual": False}),)),
        toggle(f"{head}:OCOMpensated", owner, "compensated", check=not_pulsed),
        Command(f"{head}:RANGe[:UPPer]", does.set_ohms, ask, named, _ASKED),
        toggle(f"{head}:RANGe:AUTO", resistance, "auto", check=not_pulsed),
        Command(f"{head}:RANGe:AUTO:ULIMit", partial(does.set_end, "highest"),
                lambda: real(resistance().highest * OVERRANGE), named),
        Command(f"{head}:RANGe:AUTO:LLIMit", partial(does.set_end, "lowest"),
                lambda: real(resistance().lowest * OVERRANGE), named),
    ]  # fmt: skip


def _speed(does: _Commands) -> list[Command]:
    """Return the commands of the aperture: one setting under every function's name."""

    def owner() -> object:
        return does.sense

    return [
        number(f"{_S}:{name}:NPLCycles", owner, "nplc", does.apertures, write=_cycles)
        for name in (*_NAMES.values(), "RESistance")
    ]


def _cycles(value: float) -> str:
    """Write an aperture; only pulse mode has thousandths of a line cycle."""
    return f"{value:.2f}" if value >= 0.01 else f"{value:.3f}"


def _filter(does: _Commands) -> list[Command]:
    def owner() -> object:
        return does.sense

    def not_pulsed(value: bool) -> None:
        if value:
            does.chassis.forbid_pulsed()

    forget = does.meter.forget
    return [
        toggle(f"{_S}:AVERage[:STATe]", owner, "average", check=not_pulsed, changed=forget),
        choice(f"{_S}:AVERage:TCONtrol", owner, "filter", {"REPeat": "REP", "MOVing": "MOV"},
               changed=forget),
        number(f"{_S}:AVERage:COUNt", owner, "count", (1, 100, 10), write=whole, changed=forget),
    ]  # fmt: skip
