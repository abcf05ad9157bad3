"""``SOURce`` (levels, ranges, limits), ``OUTPut`` and ``ROUTe`` of the 2450 family.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 6-47 to 6-51 and 6-89 to 6-106.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from sim_backend.instruments.keithley26_electronics import Quantity
from sim_backend.instruments.keithley2450_scpi_common import (
    SOURCES,
    Context,
    choice,
    number,
    suffix,
    toggle,
)
from sim_backend.instruments.keithley2450_settings import Sourced
from sim_backend.instruments.keithley2600_source import other
from sim_backend.wire.parameters import Boolean, Choice, ScpiError
from sim_backend.wire.scpi import Command

__all__ = ["source_commands"]

_S = ":SOURce[1]"
_LEVEL = "[:LEVel][:IMMediate][:AMPLitude]"
_LIMITS = {"v": ":ILIMit[:LEVel]", "i": ":VLIMit[:LEVel]"}
_UNITS = {"v": "V", "i": "A"}
_LONGEST_DELAY = 10_000.0
_USER_DELAYS = 5
_STATES = {"NORMal": "NORM", "HIMPedance": "HIMP", "ZERO": "ZERO", "GUARd": "GUAR"}
_QUANTITIES: tuple[Quantity, ...] = ("v", "i")


class _Sources:
    """Handlers for one source function, or (None) for both."""

    def __init__(self, context: Context, quantity: Quantity | None) -> None:
        self.context, self.source = context, context.unit.source
        self.quantity = quantity

    def settings(self) -> Sourced:
        """Return the settings that are answered: of the active function, when none is named."""
        setup = self.context.setup
        return setup.sourced(self.quantity or setup.source)

    def each(self, change: Callable[[Sourced], None]) -> None:
        """Change the settings of the function, or of both."""
        for quantity in _QUANTITIES if self.quantity is None else (self.quantity,):
            change(self.context.setup.sourced(quantity))

    # -- delays ------------------------------------------------------------------------------

    def delay(self) -> float:
        """Return the delay; the autodelay for the active function while that is on."""
        settings, setup = self.settings(), self.context.setup
        if settings.delay_auto and settings is setup.sourced(setup.source):
            return self.source.auto_delay
        return settings.delay

    def set_delay(self, value: float) -> None:
        """Set a delay; the autodelay goes off."""

        def change(settings: Sourced) -> None:
            settings.delay, settings.delay_auto = value, False

        self.each(change)

    def set_auto_delay(self, on: bool) -> None:
        """Switch the autodelay; off, the delay stays what it chose."""
        delay = self.delay()

        def change(settings: Sourced) -> None:
            settings.delay_auto = on
            settings.delay = delay

        self.each(change)

    def user_delay(self, place: int) -> float:
        """Return a user delay."""
        suffix(place, _USER_DELAYS)
        return self.settings().user_delays[place - 1]

    def set_user_delay(self, place: int, value: float) -> None:
        """Set a user delay."""
        suffix(place, _USER_DELAYS)
        self.each(lambda settings: settings.user_delays.__setitem__(place - 1, value))

    # -- switches ----------------------------------------------------------------------------

    def set_high_capacitance(self, on: bool) -> None:
        """Switch high-capacitance mode."""
        self.each(lambda settings: setattr(settings, "high_capacitance", on))

    def set_read_back(self, on: bool) -> None:
        """Switch source readback."""
        self.each(lambda settings: setattr(settings, "read_back", on))

    def set_off_state(self, state: str) -> None:
        """Select the output-off state; it is taken at once while the output is off."""
        self.each(lambda settings: setattr(settings, "off", state))
        if not self.source.on:
            self.source.off()


def source_commands(context: Context) -> list[Command]:
    """Return the table of the source but for its sweeps."""
    table = [*_output_commands(context), *_shared(context, None, _S, ":OUTPut[1]")]
    for quantity in _QUANTITIES:
        root = _S + SOURCES[quantity]
        name = {"v": ":VOLTage[:DC]", "i": ":CURRent[:DC]"}[quantity]
        table += _shared(context, quantity, root, f":OUTPut[1]{name}")
        table += _levels(context, quantity, root)
    if context.unit.chassis.model.pulse is not None:
        for quantity in _QUANTITIES:
            table += _pulse_levels(context, quantity)
    return [*table, *_protection(context)]


def _shared(context: Context, quantity: Quantity | None, root: str, output: str) -> list[Command]:
    """Return commands that exist for one function and for both at once."""
    do, delays = _Sources(context, quantity), (0.0, _LONGEST_DELAY, 0.0)
    return [
        number(context, f"{root}:DELay", do.delay, do.set_delay, (0.0, _LONGEST_DELAY, 1e-3),
               unit="S"),
        toggle(f"{root}:DELay:AUTO", lambda: do.settings().delay_auto, do.set_auto_delay),
        number(context, f"{root}:DELay:USER<n>", do.user_delay, do.set_user_delay,
               lambda *_: delays, unit="S"),
        toggle(f"{root}:HIGH:CAPacitance", lambda: do.settings().high_capacitance,
               do.set_high_capacitance),
        toggle(f"{root}:READ:BACK", lambda: do.settings().read_back, do.set_read_back),
        choice(f"{output}:SMODe", lambda: do.settings().off, do.set_off_state, _STATES),
    ]  # fmt: skip


def _levels(context: Context, quantity: Quantity, root: str) -> list[Command]:
    """Return the commands of one source function."""
    source, unit = context.unit.source, _UNITS[quantity]
    scales = [r.full_scale for r in source.ranges(quantity)]
    most, limited = source.largest(quantity), other(quantity)
    holds = source.ranges(quantity)[-1].maximum
    spec = context.unit.chassis.model.spec
    least, usual = (
        (spec.i_limit_minimum, spec.i_limit_default)
        if limited == "i"
        else (spec.v_limit_minimum, spec.v_limit_default)
    )
    limit = root + _LIMITS[quantity]

    def set_range(value: float) -> None:
        source.set_range(quantity, abs(value))

    def settings() -> Sourced:
        return context.setup.sourced(quantity)

    return [
        number(context, root + _LEVEL, lambda: settings().level,
               lambda value: source.set_level(quantity, value), (-most, most, 0.0), unit=unit),
        number(context, f"{root}:RANGe", lambda: settings().range, set_range,
               (scales[0], scales[-1], scales[0]), unit=unit, allowed=(-holds, holds)),
        toggle(f"{root}:RANGe:AUTO", lambda: settings().auto,
               lambda on: source.set_auto(quantity, on)),
        number(context, limit, lambda: settings().limit,
               lambda value: source.set_limit(quantity, value),
               (least, source.largest(limited), usual), unit=_UNITS[limited]),
        Command(f"{limit}:TRIPped", query=lambda: _tripped(context, quantity)),
    ]  # fmt: skip


def _tripped(context: Context, quantity: Quantity) -> str:
    """Answer whether the limit of a source function acts."""
    acts = context.unit.source.limited and context.setup.source == quantity
    return str(int(acts))


def _pulse_levels(context: Context, quantity: Quantity) -> list[Command]:
    """Return the commands of the pulse level of one source function."""
    source, limited = context.unit.source, other(quantity)
    root = f"{_S}:PULSe{SOURCES[quantity]}"
    most, highest = source.largest(quantity, pulse=True), source.largest(limited, pulse=True)
    spec = context.unit.chassis.model.spec
    least, usual = (10e-9, spec.i_limit_default) if limited == "i" else (2e-3, spec.v_limit_default)

    def settings() -> Sourced:
        return context.setup.sourced(quantity)

    return [
        number(context, root + _LEVEL, lambda: settings().pulse_level,
               lambda value: source.set_pulse_level(quantity, value), (-most, most, 0.0),
               unit=_UNITS[quantity]),
        number(context, root + _LIMITS[quantity], lambda: settings().pulse_limit,
               lambda value: source.set_limit(quantity, value, pulse=True),
               (least, highest, usual), unit=_UNITS[limited]),
    ]  # fmt: skip


def _protection(context: Context) -> list[Command]:
    """Return the commands of the overvoltage protection and of the source function."""
    source, limits = context.unit.source, context.unit.chassis.model.protection
    options: dict[str, float] = {f"PROT{limit:.0f}": limit for limit in limits}
    options["NONE"] = math.inf

    def protection() -> str:
        present = context.setup.protection
        return next(name for name, limit in options.items() if limit == present)

    root = f"{_S}:VOLTage:PROTection[:LEVel]"
    return [
        Command(root, source.set_protection, protection, (Choice(options),)),
        Command(f"{root}:TRIPped", query=lambda: str(int(source.protecting))),
        Command(f"{_S}:FUNCtion[:MODE]", source.set_function,
                lambda: {"v": "VOLT", "i": "CURR"}[context.setup.source],
                (Choice({"VOLTage[:DC]": "v", "CURRent[:DC]": "i"}, quoted=True),)),
    ]  # fmt: skip


def _output_commands(context: Context) -> list[Command]:
    """Return the commands of the output and of the terminals."""
    unit = context.unit

    def switch(on: bool) -> None:
        if on:
            unit.source.switch_on()
        else:
            unit.source.off()

    def route(terminals: str) -> None:
        if unit.model.running:
            raise ScpiError(-221)
        unit.source.route(terminals)

    return [
        Command(":OUTPut[1][:STATe]", switch, lambda: str(int(unit.source.on)), (Boolean(),)),
        Command(":OUTPut[1]:INTerlock:TRIPped", query=lambda: str(int(unit.chassis.interlock))),
        choice(":ROUTe:TERMinals", lambda: context.setup.terminals, route,
               {"FRONt": "FRON", "REAR": "REAR"}),
    ]  # fmt: skip
