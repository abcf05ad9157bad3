"""``smu.source``, ``smu.interlock`` and the terminals of the 2450 family.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 8-131 and 8-176 to 8-217.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from sim_backend.instruments.keithley26_electronics import Quantity
from sim_backend.instruments.keithley2450_settings import Sourced
from sim_backend.instruments.keithley2450_tsp_values import (
    Attribute,
    Words,
    constants,
    field,
    number,
    read_only,
    switched,
    tree,
    words_of,
)
from sim_backend.instruments.keithley2450_unit import Unit
from sim_backend.wire.tsp import Node, Refusal

__all__ = ["SOURCES", "SourceTables", "interlock_node", "range_switches", "source_constants"]

CONFLICT, ILLEGAL = -221, -224
_LONGEST_DELAY, _USER_DELAYS = 10_000.0, 5
_QUANTITIES: dict[str, Quantity] = {"DC_VOLTAGE": "v", "DC_CURRENT": "i"}
SOURCES: Words[Quantity] = words_of("smu.FUNC_", _QUANTITIES)
_STATES = words_of(
    "smu.OFFMODE_", {"NORMAL": "NORM", "HIGHZ": "HIMP", "ZERO": "ZERO", "GUARD": "GUAR"}
)
#: of the models that have them: attribute of ``smu`` -> of the setup
_SWITCHES: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "2461": {"fastrangechange": "fast_range_change", "priorityvoltage": "priority_voltage"},
    "2470": {"breakdownprotection": "breakdown_protection"},
})  # fmt: skip
#: attributes that are reached by their constants, ``smu.ATTR_SRC_`` in front
_ATTRIBUTES: Mapping[str, str] = MappingProxyType({
    "DELAY": "delay", "DELAY_AUTO": "autodelay", "HIGHC": "highc", "LEVEL": "level",
    "LIMIT_LEVEL": "limit.level", "LIMIT_TRIPPED": "limit.tripped", "OFFMODE": "offmode",
    "PROTECT_LEVEL": "protect.level", "PROTECT_TRIPPED": "protect.tripped", "RANGE": "range",
    "RANGE_AUTO": "autorange", "READBACK": "readback",
    **{f"USER_DELAY_{k}": f"userdelay[{k}]" for k in range(1, _USER_DELAYS + 1)},
})  # fmt: skip
_NAMES = words_of("smu.ATTR_SRC_", _ATTRIBUTES)
_LIMITS: tuple[tuple[Quantity, str], ...] = (("v", "ilimit"), ("i", "vlimit"))


def _protections(unit: Unit) -> Words[float]:
    limits = {f"{limit:.0f}V": limit for limit in unit.chassis.model.protection}
    return words_of("smu.PROTECT_", {**limits, "NONE": math.inf})


def source_constants(unit: Unit) -> dict[Any, Any]:
    """Return the constants of ``smu`` that sourcing needs."""
    return constants(SOURCES, _STATES, _NAMES, _protections(unit))


def interlock_node(unit: Unit) -> Node:
    """Describe ``smu.interlock``; it is "tripped" while it is asserted, that is closed."""
    chassis = unit.chassis

    def need(on: bool) -> None:
        chassis.setup.interlock_needed = on
        unit.source.look()

    return tree(
        "smu.interlock",
        {
            "enable": switched("smu", lambda: chassis.setup.interlock_needed, need),
            "tripped": read_only(lambda: f"smu.{'ON' if chassis.interlock else 'OFF'}"),
        },
    )


def range_switches(unit: Unit) -> dict[str, Attribute]:
    """Return what some models let be switched beside source and meter; it is set and read back."""

    def switch_of(name: str) -> Attribute:
        chassis = unit.chassis
        return switched(
            "smu",
            lambda: getattr(chassis.setup, name),
            lambda on: setattr(chassis.setup, name, on),
        )

    chosen = _SWITCHES.get(unit.chassis.model.name, {})
    return {path: switch_of(name) for path, name in chosen.items()}


class Sourcing:
    """The attributes of one source function.

    Parameters
    ----------
    unit
        The instrument.
    quantity
        Returns the source function.
    """

    def __init__(self, unit: Unit, quantity: Callable[[], Quantity]) -> None:
        self.unit, self.source, self.quantity = unit, unit.source, quantity

    @property
    def settings(self) -> Sourced:
        """The settings of the function."""
        return self.unit.chassis.setup.sourced(self.quantity())

    def attributes(self) -> dict[str, Attribute]:
        """Return the attributes but for the limits."""
        return {
            "autodelay": switched("smu", lambda: self.settings.delay_auto, self._set_auto_delay),
            "autorange": switched(
                "smu",
                lambda: self.settings.auto,
                lambda on: self.source.set_auto(self.quantity(), on),
            ),
            "delay": field(self._delay, self._set_delay, number(0.0, _LONGEST_DELAY)),
            "highc": self._switch("high_capacitance"),
            "level": field(
                lambda: self.settings.level,
                lambda value: self.source.set_level(self.quantity(), value),
                number(),
            ),
            "offmode": field(lambda: self.settings.off, self._set_off, _STATES),
            "range": field(lambda: self.settings.range, self._set_range, number()),
            "readback": self._switch("read_back"),
            **self._protection(),
            **self._delays(),
        }

    def limits(self) -> dict[str, Attribute]:
        """Return the attributes of the function's limit."""
        return {
            "level": field(
                lambda: self.settings.limit,
                lambda value: self.source.set_limit(self.quantity(), value),
                number(),
            ),
            "tripped": read_only(lambda: f"smu.{'ON' if self._limited else 'OFF'}"),
        }

    @property
    def _limited(self) -> bool:
        return self.source.limited and self.unit.chassis.setup.source == self.quantity()

    def _switch(self, name: str) -> Attribute:
        return switched(
            "smu",
            lambda: getattr(self.settings, name),
            lambda on: setattr(self.settings, name, on),
        )

    def _protection(self) -> dict[str, Attribute]:
        setup, source = self.unit.chassis, self.source
        return {
            "protect.level": field(
                lambda: setup.setup.protection, source.set_protection, _protections(self.unit)
            ),
            "protect.tripped": read_only(lambda: f"smu.{'ON' if source.protecting else 'OFF'}"),
        }

    def _set_range(self, value: float) -> None:
        self.source.set_range(self.quantity(), abs(value))

    def _set_off(self, state: str) -> None:
        self.settings.off = state
        if not self.source.on:
            self.source.off()

    # -- delays ------------------------------------------------------------------------------

    def _delay(self) -> float:
        setup = self.unit.chassis.setup
        if self.settings.delay_auto and self.settings is setup.sourced(setup.source):
            return self.source.auto_delay
        return self.settings.delay

    def _set_delay(self, value: float) -> None:
        self.settings.delay, self.settings.delay_auto = value, False

    def _set_auto_delay(self, on: bool) -> None:
        self.settings.delay = self._delay()
        self.settings.delay_auto = on

    def _delays(self) -> dict[str, Attribute]:
        def one(place: int) -> Attribute:
            return field(
                lambda: self.settings.user_delays[place],
                lambda value: self.settings.user_delays.__setitem__(place, value),
                number(0.0, _LONGEST_DELAY),
            )

        return {f"userdelay[{k}]": one(k - 1) for k in range(1, _USER_DELAYS + 1)}


class SourceTables:
    """``smu.source`` but for sweeps and configuration lists.

    Parameters
    ----------
    unit
        The instrument.
    """

    def __init__(self, unit: Unit) -> None:
        self.unit, self.source = unit, unit.source

    def _active(self) -> Quantity:
        return self.unit.chassis.setup.source

    def node(self) -> Node:
        """Describe the table."""
        attributes = {
            **Sourcing(self.unit, self._active).attributes(),
            "func": field(self._active, self._select, SOURCES),
            "output": switched("smu", lambda: self.source.on, self._switch),
        }
        for quantity, name in _LIMITS:
            found = self._of(quantity).limits()
            attributes |= {f"{name}.{key}": attribute for key, attribute in found.items()}
        if self.unit.chassis.model.pulse is not None:
            attributes |= self._pulse_levels()
        calls: dict[str, Callable[..., Any]] = {
            "getattribute": lambda function, name: self._attribute(function, name).get(),
            "setattribute": self._set_attribute,
        }
        return tree("smu.source", attributes, calls)

    def _of(self, quantity: Quantity) -> Sourcing:
        return Sourcing(self.unit, lambda: quantity)

    def _select(self, quantity: Quantity) -> None:
        self.unit.model.check_idle()
        self.source.set_function(quantity)

    def _switch(self, on: bool) -> None:
        if on:
            self.source.switch_on()
        else:
            self.source.off()

    def _pulse_levels(self) -> dict[str, Attribute]:
        """Return the attributes of pulses: the level of the active function, both limits."""
        setup, source = self.unit.chassis, self.source

        def limit(quantity: Quantity) -> Attribute:
            return field(
                lambda: setup.setup.sourced(quantity).pulse_limit,
                lambda value: source.set_limit(quantity, value, pulse=True),
                number(),
            )

        found = {f"pulse.{name}.level": limit(quantity) for quantity, name in _LIMITS}
        found["pulse.level"] = field(
            lambda: setup.setup.sourced(self._active()).pulse_level,
            lambda value: source.set_pulse_level(self._active(), value),
            number(),
        )
        return found

    # -- attributes of any function ----------------------------------------------------------

    def _attribute(self, function: Any, name: Any) -> Attribute:
        chosen = self._of(SOURCES.read(function))
        path = _NAMES.read(name)
        if path.startswith("limit."):
            return chosen.limits()[path.removeprefix("limit.")]
        return chosen.attributes()[path]

    def _set_attribute(self, function: Any, name: Any, value: Any) -> None:
        attribute = self._attribute(function, name)
        if attribute.put is None:
            raise Refusal(CONFLICT)
        attribute.put(value)
