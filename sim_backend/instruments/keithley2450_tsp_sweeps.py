"""Sweeps, pulses and configuration lists in the script language of the 2450 family.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 8-133 to 8-145 (lists), 8-178 to 8-217.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sim_backend.instruments.keithley26_electronics import Quantity
from sim_backend.instruments.keithley2450_lists import MeasureIndex, SourceIndex
from sim_backend.instruments.keithley2450_scpi_sweep import told
from sim_backend.instruments.keithley2450_sweeps import (
    Pulses,
    Sweep,
    linear,
    logarithmic,
    stepped,
)
from sim_backend.instruments.keithley2450_tsp_buffer import BufferTables
from sim_backend.instruments.keithley2450_tsp_sensed import FUNCTIONS
from sim_backend.instruments.keithley2450_tsp_source import SOURCES
from sim_backend.instruments.keithley2450_tsp_values import (
    constants,
    number,
    optional,
    switch,
    text,
    whole,
    words_of,
)
from sim_backend.instruments.keithley2450_unit import Unit
from sim_backend.wire.tsp import Node, Refusal

__all__ = ["SweepCalls", "list_node", "sweep_constants"]

ILLEGAL, NOT_ALLOWED = -224, -108
_MOST_POINTS, _MOST_COUNT, _LONGEST = 1_000_000, 268_435_455, 10_000.0
_RANGES = words_of("smu.RANGE_", {"AUTO": "AUTO", "BEST": "BEST", "FIXED": "FIX"})
_AUTO, _INFINITE = "smu.DELAY_AUTO", "smu.INFINITE"
_LEVEL, _NAME = number(), text(31)
_POINTS, _INDEX = whole(2, _MOST_POINTS), whole(1, _MOST_POINTS)
_TIME = number(0.0, _LONGEST)
_SEPARATORS = (",", ";", "\n", ", ", "; ")

Check = Callable[[Any], Any]


def sweep_constants() -> dict[Any, Any]:
    """Return the constants of ``smu`` that sweeps need."""
    return constants(_RANGES, [_AUTO, _INFINITE])


def _delay(value: Any) -> float:
    return -1.0 if value == _AUTO else _TIME(value)


def _count(value: Any) -> int:
    return 0 if value == _INFINITE else whole(1, _MOST_COUNT)(value)


class SweepCalls:
    """The functions of ``smu.source`` that set up sweeps and pulses.

    Parameters
    ----------
    unit
        The instrument.
    buffers
        The reading buffers as scripts see them.
    """

    def __init__(self, unit: Unit, buffers: BufferTables) -> None:
        self.unit, self._sweeps, self._buffers = unit, unit.sweeps, buffers
        checks: dict[str, Check] = {
            "delay": _delay, "count": _count, "range_type": _RANGES.read, "fail_abort": switch,
            "dual": switch, "buffer": buffers.name_of, "measure": switch, "off_time": _TIME,
            "bias_limit": _LEVEL, "pulse_limit": _LEVEL, "first": _INDEX, "asymptote": _LEVEL,
        }  # fmt: skip
        self._checks = checks

    def calls(self) -> dict[str, Callable[..., Any]]:
        """Return the functions."""
        found: dict[str, Callable[..., Any]] = {
            "sweeplinear": self.linear, "sweeplinearstep": self.stepped, "sweeplog": self.log,
            "sweeplist": self.listed,
        }  # fmt: skip
        if self.unit.chassis.model.pulse is not None:
            found |= {
                "pulsesweeplinear": self.pulse_linear, "pulsesweeplinearstep": self.pulse_stepped,
                "pulsesweeplog": self.pulse_log, "pulsesweeplist": self.pulse_list,
                "pulsetrain": self.train,
            }  # fmt: skip
        return found

    @property
    def _quantity(self) -> Quantity:
        return self.unit.chassis.setup.source

    def _chosen(self, names: str, given: tuple[Any, ...]) -> dict[str, Any]:
        """Return the optional parameters that are given, by what they set."""
        order = names.split()
        if len(given) > len(order):
            raise Refusal(NOT_ALLOWED)
        pairs = zip(order, given, strict=False)
        return {name: self._checks[name](value) for name, value in pairs if value is not None}

    # -- sweeps ------------------------------------------------------------------------------

    def linear(self, name: Any, start: Any, stop: Any, points: Any, *given: Any) -> None:
        """Set up a sweep over equal steps."""
        levels = linear(_LEVEL(start), _LEVEL(stop), _POINTS(points))
        self._sweep(name, "Linear", levels, given)

    def stepped(self, name: Any, start: Any, stop: Any, step: Any, *given: Any) -> None:
        """Set up a sweep by the size of its steps."""
        self._sweep(name, "Linear", stepped(_LEVEL(start), _LEVEL(stop), _LEVEL(step)), given)

    def log(self, name: Any, start: Any, stop: Any, points: Any, *given: Any) -> None:
        """Set up a logarithmic sweep; the asymptote comes last."""
        asymptote = _LEVEL(given[6]) if len(given) > 6 and given[6] is not None else 0.0
        levels = logarithmic(_LEVEL(start), _LEVEL(stop), _POINTS(points), asymptote)
        self._sweep(name, "Log", levels, given[:6] + given[7:])

    def _sweep(self, name: Any, kind: str, levels: list[float], given: tuple[Any, ...]) -> None:
        chosen = self._chosen("delay count range_type fail_abort dual buffer", given)
        with self._named(name):
            self._sweeps.sweep(self._quantity, kind, levels, Sweep(**chosen))

    @contextmanager
    def _named(self, name: Any) -> Iterator[None]:
        """Let a sweep make, or replace, the list of this name.

        Raises
        ------
        Refusal
            It is that of a measure configuration list.
        """
        chosen = _NAME(name)
        if not chosen or chosen in self.unit.lists.measure:
            raise Refusal(ILLEGAL)
        self._sweeps.named = chosen
        try:
            yield
        finally:
            self._sweeps.named = ""

    def listed(self, name: Any, *given: Any) -> None:
        """Set up a sweep over a configuration list."""
        chosen = {"delay": 0.0, **self._chosen("first delay count fail_abort buffer", given)}
        first = chosen.pop("first", 1)
        self._sweeps.listed(self._quantity, first, Sweep(**chosen), _NAME(name))

    # -- pulses ------------------------------------------------------------------------------

    def pulse_linear(
        self, name: Any, bias: Any, start: Any, stop: Any, points: Any, width: Any, *given: Any
    ) -> None:
        """Set up a pulse sweep over equal steps."""
        levels = linear(_LEVEL(start), _LEVEL(stop), _POINTS(points))
        self._pulses(name, "Linear", levels, bias, width, given)

    def pulse_stepped(
        self, name: Any, bias: Any, start: Any, stop: Any, step: Any, width: Any, *given: Any
    ) -> None:
        """Set up a pulse sweep by the size of its steps."""
        levels = stepped(_LEVEL(start), _LEVEL(stop), _LEVEL(step))
        self._pulses(name, "Linear", levels, bias, width, given)

    def pulse_log(
        self, name: Any, bias: Any, start: Any, stop: Any, points: Any, width: Any, *given: Any
    ) -> None:
        """Set up a logarithmic pulse sweep; the asymptote comes last."""
        asymptote = _LEVEL(given[9]) if len(given) > 9 and given[9] is not None else 0.0
        levels = logarithmic(_LEVEL(start), _LEVEL(stop), _POINTS(points), asymptote)
        self._pulses(name, "Log", levels, bias, width, given[:9] + given[10:])

    def _pulses(
        self, name: Any, kind: str, levels: list[float], bias: Any, width: Any,
        given: tuple[Any, ...],
    ) -> None:  # fmt: skip
        names = "measure buffer delay off_time count bias_limit pulse_limit fail_abort dual"
        how = Pulses(_TIME(width), _LEVEL(bias), **self._chosen(names, given))
        with self._named(name):
            self._sweeps.pulse_sweep(self._quantity, kind, levels, how)

    def train(self, name: Any, bias: Any, level: Any, width: Any, count: Any, *given: Any) -> None:
        """Set up a train of equal pulses."""
        names = "measure buffer delay off_time bias_limit pulse_limit fail_abort"
        chosen = self._chosen(names, given)
        how = Pulses(_TIME(width), _LEVEL(bias), count=_count(count), **chosen)
        with self._named(name):
            self._sweeps.pulse_sweep(self._quantity, "Train", [_LEVEL(level)], how)

    def pulse_list(self, name: Any, width: Any, *given: Any) -> None:
        """Set up pulses from a configuration list."""
        chosen = self._chosen("measure buffer first count delay off_time fail_abort", given)
        first = chosen.pop("first", 1)
        bias = self.unit.chassis.setup.sourced(self._quantity).level
        how = Pulses(_TIME(width), bias, **chosen)
        self._sweeps.pulse_list(self._quantity, first, how, _NAME(name))


# -- configuration lists --------------------------------------------------------------------------


class _Lists:
    """``smu.source.configlist`` (``SOUR``) or ``smu.measure.configlist`` (``SENS``)."""

    def __init__(self, unit: Unit, kind: str) -> None:
        self.unit, self.lists, self.kind = unit, unit.lists, kind

    def catalog(self) -> str | None:
        """Return one name after the other, then nil."""
        return self.lists.next_name(self.kind) or None

    def create(self, name: Any) -> None:
        """Make an empty list."""
        self.lists.create(self.kind, _NAME(name))

    def delete(self, name: Any, index: Any = None) -> None:
        """Delete a list or an index."""
        self.unit.model.check_idle()
        self.lists.delete(self.kind, _NAME(name), _place(index))

    def query(self, name: Any, index: Any, separator: Any = None) -> str:
        """Return the settings of an index, as assignments."""
        between = optional(text(), separator, ", ")
        if between not in _SEPARATORS:
            raise Refusal(ILLEGAL)
        return between.join(told(self.lists.get(self.kind, _NAME(name)).get(_INDEX(index))))

    def recall(
        self, name: Any, index: Any = None, second: Any = None, its_index: Any = None
    ) -> None:
        """Recall an index, and one of a list of the other kind."""
        opposite = "SENS" if self.kind == "SOUR" else "SOUR"
        rows = [(self.kind, _NAME(name), optional(_INDEX, index, 1))]
        if second is not None:
            rows.append((opposite, _NAME(second), optional(_INDEX, its_index, rows[0][2])))
        for kind, called, place in rows:
            self.lists.get(kind, called).get(place)
        for _, called, place in sorted(rows, key=lambda row: row[0] != "SOUR"):
            self.lists.recall(called, place)

    def size(self, name: Any) -> int:
        """Return how many indexes a list has."""
        return len(self.lists.get(self.kind, _NAME(name)))

    def store(self, name: Any, index: Any = None) -> None:
        """Store the settings of the active function."""
        self.lists.store(self.kind, _NAME(name), _place(index))

    def store_function(self, name: Any, function: Any, index: Any = None) -> None:
        """Store the settings of any function."""
        setup, called, place = self.unit.chassis.setup, _NAME(name), _place(index)
        self.lists.get(self.kind, called)
        if self.kind == "SOUR":
            quantity = SOURCES.read(function)
            settings = copy.deepcopy(setup.sourced(quantity))
            row = SourceIndex(quantity, settings, setup.protection)
            self.lists.source[called].store(row, place)
            return
        chosen = FUNCTIONS.read(function)
        if chosen not in setup.sensed:
            raise Refusal(ILLEGAL)
        sensed = copy.deepcopy(setup.sensed[chosen])
        self.lists.measure[called].store(MeasureIndex(chosen, sensed, setup.terminals), place)


def _place(index: Any) -> int | None:
    return None if index is None else _INDEX(index)


def list_node(unit: Unit, kind: str) -> Node:
    """Describe the configuration lists of a kind, ``SOUR`` or ``SENS``."""
    do = _Lists(unit, kind)
    return Node(
        f"smu.{'source' if kind == 'SOUR' else 'measure'}.configlist",
        calls={
            "catalog": do.catalog, "create": do.create, "delete": do.delete, "query": do.query,
            "recall": do.recall, "size": do.size, "store": do.store,
            "storefunc": do.store_function,
        },
    )  # fmt: skip
