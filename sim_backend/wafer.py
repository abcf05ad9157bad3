"""The virtual wafer: which device is at a site, and how it differs from its neighbours.

What a bench file may say::

    [simulation.wafer]
    seed = 0                   # which wafer it is; the run's seed does not change it
    dies = [5, 5]              # columns, rows
    sites = 4                  # devices of a die
    round = true               # dies beyond the edge of a round wafer are missing
    gradient = ["2 %", "-1 %"] # conductance, from the middle to the edge, along x and y
    radial = "-3 %"            # the same along the radius, quadratic
    open = "1 %"               # share of devices that do not conduct
    short = "0.5 %"            # share of devices that are shorted
    contact = "20 Ohm"         # median resistance of a contact
    contact_sigma = 0.4        # its spread from touch-down to touch-down, of the logarithm
    miss = "2 %"               # share of touch-downs that make no contact

    [simulation.wafer.types.2] # site 2 of every die: another preset, other values
    conductance = "500 uS"

A site is written ``column,row,site``, counted from 1: ``3,2,1``; ``3,2`` is its first site. Trends
act on all currents of a device, as its area or its barrier would; the spread between devices that
the family draws comes on top. Every number follows from the wafer's seed and the site.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, ConfigDict, Field, model_validator

from labctl.errors import BadInput
from labctl.units import Ohm, Ratio
from sim_backend.devices.model import Stream

__all__ = ["Place", "Site", "Wafer"]

_OPEN_OR_SHORT, _CONTACT, _MISS = 0, 1, 2  # keys of the random numbers

Share = Annotated[Ratio, Ge(0), Le(1)]


class Site(NamedTuple):
    """A device of the wafer; all counted from 1."""

    column: int
    row: int
    site: int

    def __str__(self) -> str:
        return ",".join(map(str, self))


class Place(NamedTuple):
    """What distinguishes the device at a site."""

    site: Site
    number: int  #: of the device on the wafer, for its random numbers
    scale: float  #: of all its currents, by the trends over the wafer
    condition: str  #: ``"good"``, ``"open"`` or ``"short"``


class Wafer(BaseModel):
    """The section ``[simulation.wafer]`` of a bench file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: Annotated[int, Ge(0)] = 0
    dies: tuple[Annotated[int, Ge(1)], Annotated[int, Ge(1)]] = (1, 1)
    sites: Annotated[int, Ge(1)] = 1
    round: bool = False
    gradient: tuple[Ratio, Ratio] = (0.0, 0.0)
    radial: Ratio = 0.0
    open: Share = 0.0
    short: Share = 0.0
    contact: Annotated[Ohm, Ge(0)] = 0.0
    contact_sigma: Annotated[Ratio, Ge(0)] = 0.0
    miss: Share = 0.0
    types: dict[Annotated[int, Gt(0)], dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Wafer:
        if self.open + self.short > 1:
            raise ValueError("open and short are shares of the same devices: at most 1 together")
        if any(site > self.sites for site in self.types):
            raise ValueError(f"types: a die has the sites 1 to {self.sites}")
        if min(self._trend(*corner) for corner in self._corners()) <= 0:
            raise ValueError("gradient and radial leave no conductance at the edge of the wafer")
        return self

    def _corners(self) -> Iterator[tuple[float, float]]:
        return ((x, y) for x in (-1.0, 0.0, 1.0) for y in (-1.0, 0.0, 1.0))

    def _trend(self, x: float, y: float) -> float:
        return 1 + self.gradient[0] * x + self.gradient[1] * y + self.radial * (x * x + y * y)

    def _position(self, column: int, row: int) -> tuple[float, float]:
        """Return the middle of a die, from -1 to 1 across the wafer."""
        columns, rows = self.dies
        return (2 * column - 1) / columns - 1, (2 * row - 1) / rows - 1

    def has_die(self, column: int, row: int) -> bool:
        """Whether the wafer has a die in this column and row."""
        inside = 1 <= column <= self.dies[0] and 1 <= row <= self.dies[1]
        return inside and (not self.round or math.hypot(*self._position(column, row)) <= 1)

    def all_sites(self) -> Iterator[Site]:
        """Yield every site, row by row."""
        for row in range(1, self.dies[1] + 1):
            for column in range(1, self.dies[0] + 1):
                if self.has_die(column, row):
                    yield from (Site(column, row, site) for site in range(1, self.sites + 1))

    def find(self, written: str) -> Site:
        """Return the site of this name; an empty name is the first site of the middle die.

        Raises
        ------
        BadInput
            It is not on the wafer.
        """
        columns, rows = self.dies
        if not written:
            return Site((columns + 1) // 2, (rows + 1) // 2, 1)
        parts = written.split(",")
        if len(parts) in (2, 3) and all(part.strip().isdecimal() for part in parts):
            numbers = [int(part) for part in parts]
            site = Site(numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else 1)
            if self.has_die(site.column, site.row) and 1 <= site.site <= self.sites:
                return site
        raise BadInput(
            f'the device "{written}" was asked for; the wafer has {columns} x {rows} '
            f"{'positions on a round wafer' if self.round else 'dies'} of {self.sites} sites each, "
            'written as column,row,site: "1,1,1"'
        )

    def place(self, site: Site, stream: Stream, *, spread: bool) -> Place:
        """Return what distinguishes the device at a site.

        Parameters
        ----------
        site
            Of this wafer.
        stream
            Where dead devices are looked up.
        spread
            False for a wafer without dead devices.
        """
        number = ((site.row - 1) * self.dies[0] + site.column - 1) * self.sites + site.site - 1
        drawn = stream.uniform(number, _OPEN_OR_SHORT) if spread else 1.0
        condition = "good"
        if drawn < self.open:
            condition = "open"
        elif drawn < self.open + self.short:
            condition = "short"
        return Place(site, number, self._trend(*self._position(site.column, site.row)), condition)

    def contact_resistance(self, place: Place, touch: int, stream: Stream) -> float:
        """Return the resistance of a contact, Ohm, as the `touch`-th touch-down makes it."""
        return self.contact * math.exp(
            self.contact_sigma * stream.normal(place.number, _CONTACT, touch)
        )

    def missed(self, place: Place, touch: int, stream: Stream) -> bool:
        """Whether the `touch`-th touch-down at a site makes no contact."""
        return bool(self.miss) and stream.uniform(place.number, _MISS, touch) < self.miss

    def device(self, section: Mapping[str, Any], site: Site) -> dict[str, Any]:
        """Return the section of the device at a site: the common one with its type's changes."""
        return {**section, **self.types.get(site.site, {})}
