"""``smu.measure``, ``smu.digitize`` and ``smu.contact`` of the 2450 family.

Attributes belong to the active function; ``smu.measure.setattribute`` reaches those of the others.
``smu.measure`` has nothing to say while a digitize function is active, and the other way round.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 8-102 to 8-176.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sim_backend.instruments.keithley2450_settings import DIGITIZED, MEASURED
from sim_backend.instruments.keithley2450_tsp_buffer import BufferTables
from sim_backend.instruments.keithley2450_tsp_sensed import (
    ATTRIBUTES,
    AUTOMATIC,
    FUNCTIONS,
    NOTHING,
    Measured,
    sensed_words,
)
from sim_backend.instruments.keithley2450_tsp_values import (
    Attribute,
    constants,
    field,
    switched,
    tree,
    whole,
    words_of,
)
from sim_backend.instruments.keithley2450_unit import Unit
from sim_backend.wire.tsp import Node, Refusal

__all__ = ["TERMINALS", "MeasureTables", "contact_node", "measure_constants"]

CONFLICT, ILLEGAL = -221, -224

TERMINALS = words_of("smu.TERMINALS_", {"FRONT": "FRON", "REAR": "REAR"})
_THRESHOLDS = words_of("smu.THRESHOLD_", {"2_OHM": 2.0, "15_OHM": 15.0, "50_OHM": 50.0})


def measure_constants(unit: Unit) -> dict[Any, Any]:
    """Return the constants of ``smu`` that measuring needs."""
    digitizes = unit.chassis.model.digitizes
    functions = [
        name for name, short in FUNCTIONS.table.items() if digitizes or short not in DIGITIZED
    ]
    groups: list[Any] = [
        functions, TERMINALS, ["smu.ON", "smu.OFF"], *sensed_words(),
    ]  # fmt: skip
    if digitizes:
        groups += [[AUTOMATIC, NOTHING]]
    if unit.chassis.model.checks_contacts:
        groups.append(_THRESHOLDS)
    return constants(*groups)


class MeasureTables:
    """``smu.measure``, or ``smu.digitize``.

    Parameters
    ----------
    unit
        The instrument.
    buffers
        The reading buffers as scripts see them.
    wait_for
        Lets the time of a measurement pass; returns its result.
    digitized
        It is ``smu.digitize``.
    """

    def __init__(
        self,
        unit: Unit,
        buffers: BufferTables,
        wait_for: Callable[[Any], Any],
        *,
        digitized: bool,
    ) -> None:
        self.unit, self._buffers, self._wait_for = unit, buffers, wait_for
        self._digitized = digitized
        self._own = DIGITIZED if digitized else MEASURED

    def _active(self) -> str:
        """Return the active function.

        Raises
        ------
        Refusal
            It is one of the other kind.
        """
        sense = self.unit.chassis.setup.sense
        if sense not in self._own:
            raise Refusal(CONFLICT)
        return sense

    def node(self) -> Node:
        """Describe the table, but for its configuration lists."""
        name = "smu.digitize" if self._digitized else "smu.measure"
        active, setup = Measured(self.unit, self._active), self.unit.chassis
        counter = "digitize_count" if self._digitized else "count"
        attributes = {
            **active.attributes(digitized=self._digitized),
            "func": Attribute(self._function, self._select),
            "count": field(
                lambda: getattr(setup.setup, counter),
                lambda value: setattr(setup.setup, counter, value),
                whole(1, 55_000_000 if self._digitized else 300_000),
            ),
        }
        calls: dict[str, Callable[..., Any]] = {
            "read": self._read,
            "readwithtime": self._read_with_time,
            "rel.acquire": self._acquire,
            "limit[1].clear": lambda: self.unit.processing.clear(self._active(), 1),
            "limit[2].clear": lambda: self.unit.processing.clear(self._active(), 2),
        }
        if not self._digitized:
            attributes["terminals"] = field(lambda: setup.setup.terminals, self.route, TERMINALS)
            calls |= {
                "autozero.once": self._zero,
                "getattribute": lambda function, name: self._attribute(function, name).get(),
                "setattribute": self._set_attribute,
            }
        return tree(name, attributes, calls)

    def route(self, terminals: str) -> None:
        """Change to the front or the rear terminals."""
        self.unit.model.check_idle()
        self.unit.source.route(terminals)

    def _function(self) -> str:
        sense = self.unit.chassis.setup.sense
        return FUNCTIONS.show(sense) if sense in self._own else NOTHING

    def _select(self, value: Any) -> None:
        function = FUNCTIONS.read(value)
        if function not in self._own:
            raise Refusal(ILLEGAL)
        self.unit.model.check_idle()
        self.unit.select(function)

    # -- readings ----------------------------------------------------------------------------

    def _read(self, buffer: Any = None) -> float:
        return self._reading(buffer)[0]

    def _read_with_time(self, buffer: Any = None) -> tuple[float, float, float]:
        return self._reading(buffer)

    def _reading(self, buffer: Any) -> tuple[float, float, float]:
        """Take readings; returns the last one, its seconds since 1970 and their fraction."""
        self._active()
        reading = self._wait_for(self.unit.read(self._buffers.name_of(buffer)))
        date = self.unit.time.at(reading.time).timestamp()
        return reading.value, float(math.floor(date)), reading.time % 1.0

    def _acquire(self) -> float:
        self._active()
        self.unit.model.check_idle()
        self._wait_for(self.unit.meter.acquire())
        return self.unit.chassis.setup.active.relative

    def _zero(self) -> None:
        self._active()
        self.unit.model.check_idle()
        self._wait_for(self.unit.meter.zero_once())

    # -- attributes of any function ----------------------------------------------------------

    def _attribute(self, function: Any, name: Any) -> Attribute:
        chosen, path = FUNCTIONS.read(function), ATTRIBUTES.read(name)
        if chosen not in self.unit.chassis.setup.sensed:
            raise Refusal(ILLEGAL)
        measured = Measured(self.unit, lambda: chosen)
        attributes = measured.attributes(digitized=chosen in DIGITIZED)
        if path not in attributes:
            raise Refusal(ILLEGAL)
        return attributes[path]

    def _set_attribute(self, function: Any, name: Any, value: Any) -> None:
        attribute = self._attribute(function, name)
        if attribute.put is None:
            raise Refusal(CONFLICT)
        attribute.put(value)


def contact_node(unit: Unit) -> Node:
    """Describe ``smu.contact``; the leads of low and guard have no resistance here."""

    def good() -> bool:
        setup = unit.chassis.setup
        if not setup.contact_check:
            raise Refusal(CONFLICT)
        return unit.source.electronics.contact <= setup.contact_threshold

    def put(name: str) -> Callable[[Any], None]:
        return lambda value: setattr(unit.chassis.setup, name, value)

    return tree(
        "smu.contact",
        {
            "enable": switched(
                "smu", lambda: unit.chassis.setup.contact_check, put("contact_check")
            ),
            "threshold": field(
                lambda: unit.chassis.setup.contact_threshold, put("contact_threshold"), _THRESHOLDS
            ),
        },
        {"check": good, "checkall": lambda: (good(), True, True)},
    )
