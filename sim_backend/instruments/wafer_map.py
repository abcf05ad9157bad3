"""The map of a prober: where the dies are, in which order they are visited, what became of them.

Lengths are in micrometres, as the stations speak. The origin is the first site of the home die; x
grows with the column and y with the row (real stations let the user turn that about). Dies are
visited in meanders, row by row; all sites of one die before the next die.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim_backend.wafer import Site, Wafer

__all__ = ["EndOfMap", "Layout", "NoSuchSite", "WaferMap"]

_PAD = 60.0  # um: side of a pad that a needle must hit


class EndOfMap(Exception):
    """There is no further die."""


class NoSuchSite(Exception):
    """The map has no such die or site."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the devices lie on the wafer."""

    wafer: Wafer
    pitch: tuple[float, float] = (10_000.0, 10_000.0)  #: of the dies, um

    @property
    def home(self) -> Site:
        """The site at the origin."""
        return self.wafer.find("")

    def offset(self, site: int) -> tuple[float, float]:
        """Return where a site is in its die, um: in a row along x."""
        return (site - 1) * self.pitch[0] / (self.wafer.sites + 1), 0.0

    def position(self, site: Site) -> tuple[float, float]:
        """Return where a site is, um from the origin."""
        x, y = self.offset(site.site)
        home = self.home
        return (
            (site.column - home.column) * self.pitch[0] + x,
            (site.row - home.row) * self.pitch[1] + y,
        )

    def at(self, x: float, y: float) -> Site | None:
        """Return the site whose pads lie under a point, or None between sites."""
        column = self.home.column + math.floor(x / self.pitch[0])
        row = self.home.row + round(y / self.pitch[1])
        for near in (column, column + 1):  # a point may lie just left of the first pad
            if self.wafer.has_die(near, row):
                for number in range(1, self.wafer.sites + 1):
                    site = Site(near, row, number)
                    u, v = self.position(site)
                    if abs(x - u) <= _PAD / 2 and abs(y - v) <= _PAD / 2:
                        return site
        return None


class WaferMap:
    """The dies in the order in which they are visited.

    Parameters
    ----------
    layout
        Where the devices are.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        wafer = layout.wafer
        self.dies: list[tuple[int, int]] = []
        for row in range(1, wafer.dies[1] + 1):
            columns = [c for c in range(1, wafer.dies[0] + 1) if wafer.has_die(c, row)]
            self.dies += [(c, row) for c in (columns if row % 2 else reversed(columns))]
        self.current = layout.home
        self.bins: dict[Site, int] = {}

    @property
    def sites(self) -> int:
        """Sites of a die."""
        return self.layout.wafer.sites

    @property
    def number(self) -> int:
        """Place of the current die in the order, from 0."""
        return self.dies.index((self.current.column, self.current.row))

    @property
    def last(self) -> bool:
        """Whether nothing comes after the current site."""
        return self.number == len(self.dies) - 1 and self.current.site == self.sites

    def first(self, site: int = 1) -> Site:
        """Return a site of the first die."""
        return self.site(*self.dies[0], site)

    def after(self) -> Site:
        """Return the next site: of this die, then the first of the next die.

        Raises
        ------
        EndOfMap
            There is none.
        """
        if self.current.site < self.sites:
            return self.current._replace(site=self.current.site + 1)
        return self.next_die(1)

    def before(self) -> Site:
        """Return the site before; raises `EndOfMap` at the first."""
        if self.current.site > 1:
            return self.current._replace(site=self.current.site - 1)
        if self.number == 0:
            raise EndOfMap
        return self.site(*self.dies[self.number - 1], self.sites)

    def next_die(self, site: int) -> Site:
        """Return a site of the next die; raises `EndOfMap` after the last."""
        if self.number + 1 >= len(self.dies):
            raise EndOfMap
        return self.site(*self.dies[self.number + 1], site)

    def site(self, column: int, row: int, site: int = 1) -> Site:
        """Return a site of the map.

        Raises
        ------
        NoSuchSite
            The map lacks it.
        """
        if not self.layout.wafer.has_die(column, row) or not 1 <= site <= self.sites:
            raise NoSuchSite
        return Site(column, row, site)

    def numbered(self, number: int, site: int = 1) -> Site:
        """Return a site of the die of this place in the order, from 0; raises `NoSuchSite`."""
        if not 0 <= number < len(self.dies):
            raise NoSuchSite
        return self.site(*self.dies[number], site)
