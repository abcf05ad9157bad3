"""Configuration lists of a 2450-family SourceMeter: settings of the source or of a measurement.

An index holds all settings of one function. The lists that a sweep makes hold one set of settings
and many levels (up to a million), so that they are kept as an array of numbers until somebody
stores something else into them.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, section 3 "Configuration lists", pages 6-73 to
6-79 and 6-83 to 6-89.
"""

from __future__ import annotations

import copy
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from sim_backend.instruments.keithley26_electronics import Quantity
from sim_backend.instruments.keithley2450_chassis import Chassis
from sim_backend.instruments.keithley2450_events import NO_LIST, PARAMETER
from sim_backend.instruments.keithley2450_settings import Sensed, Sourced
from sim_backend.instruments.keithley2450_source import Source
from sim_backend.wire.parameters import ScpiError

__all__ = ["ConfigurationList", "Lists", "MeasureIndex", "SourceIndex"]

_LONGEST_NAME = 31
_MOST = 100_000  # indexes of a list that is stored one by one [C]
OUT_OF_MEMORY = -225

I = TypeVar("I")  # noqa: E741 - an index


class SourceIndex(NamedTuple):
    """Settings of one source function."""

    quantity: Quantity
    settings: Sourced
    protection: float


class MeasureIndex(NamedTuple):
    """Settings of one measure or digitize function."""

    function: str
    settings: Sensed
    terminals: str


class ConfigurationList(Generic[I]):
    """The indexes of one list, numbered from 1.

    Parameters
    ----------
    name
        As it was made.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.place = 0  #: index that was recalled last; 0 before the first
        self._indexes: list[I] = []
        self._levels: Sequence[float] = ()
        self._make: Callable[[float], I] | None = None

    @classmethod
    def of_levels(
        cls, name: str, levels: Iterable[float], make: Callable[[float], I]
    ) -> ConfigurationList[I]:
        """Return a list of which only the levels are kept; `make` gives the index of a level."""
        made = cls(name)
        made._levels, made._make = array("d", levels), make
        return made

    def __len__(self) -> int:
        return len(self._indexes) if self._make is None else len(self._levels)

    def get(self, index: int) -> I:
        """Return an index.

        Raises
        ------
        ScpiError
            There is none of this number.
        """
        if not 1 <= index <= len(self):
            raise ScpiError(NO_LIST)
        if self._make is not None:
            return self._make(self._levels[index - 1])
        return self._indexes[index - 1]

    def store(self, value: I, index: int | None) -> None:
        """Store at a number that exists, or append."""
        self._expand()
        if index is None or index == len(self._indexes) + 1:
            if len(self._indexes) >= _MOST:
                raise ScpiError(OUT_OF_MEMORY)
            self._indexes.append(value)
        elif 1 <= index <= len(self._indexes):
            self._indexes[index - 1] = value
        else:
            raise ScpiError(NO_LIST)

    def delete(self, index: int) -> None:
        """Delete one index; those after it move up."""
        self.get(index)
        self._expand()
        del self._indexes[index - 1]

    def _expand(self) -> None:
        if self._make is not None:
            self._indexes = [self._make(level) for level in self._levels]
            self._levels, self._make = (), None

    def step(self, direction: int) -> int:
        """Move to the next index, or the one before (-1); returns it."""
        if not len(self):
            raise ScpiError(NO_LIST)
        if direction < 0 and self.place <= 1:
            self.place = len(self)
        else:
            self.place = (self.place - 1 + direction) % len(self) + 1
        return self.place


class Lists:
    """Every configuration list, and what recalling one does.

    Parameters
    ----------
    chassis, source
        The instrument's parts.
    """

    def __init__(self, chassis: Chassis, source: Source) -> None:
        self._chassis, self._source = chassis, source
        self.source: dict[str, ConfigurationList[SourceIndex]] = {}
        self.measure: dict[str, ConfigurationList[MeasureIndex]] = {}
        self._told: dict[str, int] = {}

    def reset(self) -> None:
        """Delete all lists."""
        self.source.clear()
        self.measure.clear()
        self._told.clear()

    def kind(self, name: str) -> str:
        """Return ``SOUR`` or ``SENS``.

        Raises
        ------
        ScpiError
            There is no list of this name.
        """
        if name in self.source:
            return "SOUR"
        if name in self.measure:
            return "SENS"
        raise ScpiError(NO_LIST)

    def get(self, kind: str, name: str) -> ConfigurationList[SourceIndex] | ConfigurationList[
        MeasureIndex
    ]:  # fmt: skip
        """Return a list of a kind, ``SOUR`` or ``SENS``."""
        lists = self.source if kind == "SOUR" else self.measure
        if name not in lists:
            raise ScpiError(NO_LIST)
        return lists[name]

    def create(self, kind: str, name: str) -> None:
        """Make an empty list.

        Raises
        ------
        ScpiError
            The name is taken, or no name.
        """
        if not name or len(name) > _LONGEST_NAME or name in self.source or name in self.measure:
            raise ScpiError(PARAMETER, "Parameter error: configuration list name cannot be used")
        if kind == "SOUR":
            self.source[name] = ConfigurationList(name)
        else:
            self.measure[name] = ConfigurationList(name)

    def delete(self, kind: str, name: str, index: int | None = None) -> None:
        """Delete a list, or one index of it."""
        found = self.get(kind, name)
        if index is not None:
            found.delete(index)
        elif kind == "SOUR":
            del self.source[name]
        else:
            del self.measure[name]

    def store(self, kind: str, name: str, index: int | None = None) -> None:
        """Store the settings of the active function."""
        setup = self._chassis.setup
        self.get(kind, name)
        if kind == "SOUR":
            settings = copy.deepcopy(setup.sourced(setup.source))
            self.source[name].store(SourceIndex(setup.source, settings, setup.protection), index)
        else:
            active = copy.deepcopy(setup.active)
            self.measure[name].store(MeasureIndex(setup.sense, active, setup.terminals), index)

    def next_name(self, kind: str) -> str:
        """Return one name after the other, then an empty one, and so on."""
        names = list(self.source if kind == "SOUR" else self.measure)
        place = self._told.get(kind, 0)
        self._told[kind] = place + 1 if place < len(names) else 0
        return names[place] if place < len(names) else ""

    # -- recalling ---------------------------------------------------------------------------

    def recall(self, name: str, index: int) -> None:
        """Bring back the settings of an index.

        Raises
        ------
        ScpiError
            There is no such list or index.
        """
        kind = self.kind(name)
        if kind == "SOUR":
            self._recall_source(self.source[name].get(index))
        else:
            self._recall_measure(self.measure[name].get(index))
        self.get(kind, name).place = index

    def step(self, name: str, direction: int) -> None:
        """Bring back the next index of a list, or the one before (-1)."""
        self.recall(name, self.get(self.kind(name), name).step(direction))

    def _recall_source(self, index: SourceIndex) -> None:
        setup, source = self._chassis.setup, self._source
        source.set_function(index.quantity)
        settings = copy.copy(index.settings)
        settings.user_delays = list(settings.user_delays)
        if index.quantity == "v":
            setup.v = settings
        else:
            setup.i = settings
        setup.protection = index.protection
        source.look()
        source.program()

    def _recall_measure(self, index: MeasureIndex) -> None:
        setup = self._chassis.setup
        setup.sensed[index.function] = copy.deepcopy(index.settings)
        setup.sense = index.function
        self._source.route(index.terminals)
        self._source.program()
