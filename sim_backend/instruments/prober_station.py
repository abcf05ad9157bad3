"""The mechanics of a probe station: a chuck that moves under needles, in its own time.

Lengths are in micrometres, as the stations speak; z grows upwards from the lower end of the axis.
Where the wafer's surface is, the machine does not know: somebody has set a contact height, and the
other heights are counted from it. A movement is a sequence of straight legs; it goes on while other
instruments work. Speeds are those of a semi-automatic station (illustrative).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Literal, NamedTuple

from sim_backend.clock import Clock, Event
from sim_backend.instruments.thermal_chuck import ThermalChuck
from sim_backend.instruments.wafer_map import Layout, WaferMap
from sim_backend.needles import Needles
from sim_backend.wafer import Site

__all__ = ["Failure", "Heights", "Level", "Station", "StationError", "StationSpec"]

_NEAR = 0.5  # um: heights that are the same

Level = Literal["contact", "overtravel", "align", "separation"]


class Failure(Enum):
    """Why a station refuses or fails."""

    NO_CONTACT_HEIGHT = "the contact height is not set"
    INTERLOCK = "the chuck is at contact height"
    OUT_OF_RANGE = "the position is beyond the limits of the stage"
    OVERTRAVEL = "the height is beyond contact height"
    STOPPED = "the movement was stopped"
    STUCK = "the stage does not move"
    BUSY = "the stage is moving"
    END_OF_MAP = "end of the wafer map"
    NO_SUCH_SITE = "the wafer map has no such die or site"
    TEMPERATURE = "the temperature is beyond the limits of the chuck"


class StationError(Exception):
    """The station refuses, or fails to do, something.

    Parameters
    ----------
    failure
        Why.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class StationSpec:
    """Geometry and speeds; um and um/s."""

    reach: float = 155_000.0  #: of x and y from the middle
    top: float = 10_000.0  #: highest z
    surface: float = 5_000.0  #: z at which the wafer meets the needles
    contact: float = 5_020.0  #: contact height that somebody has set
    xy_speed: float = 50_000.0
    z_speed: float = 5_000.0
    settle: float = 0.15  #: time for each movement to come to rest, s
    patience: float = 5.0  #: until a stage that does not move is given up, s


@dataclass(slots=True)
class Heights:
    """What has been set; um."""

    contact: float | None
    overtravel: float = 25.0
    align: float = 100.0  #: below contact
    separation: float = 300.0  #: below contact
    overtravel_on: bool = False

    def of(self, level: Level) -> float | None:
        """Return the height of a level; None while no contact height is set."""
        if self.contact is None:
            return None
        return (
            self.contact
            + {
                "contact": 0.0,
                "overtravel": self.overtravel,
                "align": -self.align,
                "separation": -self.separation,
            }[level]
        )


class _Leg(NamedTuple):
    x: float
    y: float
    z: float


class Station:
    """A chuck, its stage, and a map of what lies on it.

    Parameters
    ----------
    clock
        The laboratory's time.
    needles
        What the wafer is moved under.
    layout
        Of the wafer.
    chuck
        Its heating.
    spec
        Geometry and speeds.
    """

    def __init__(
        self,
        clock: Clock,
        needles: Needles,
        layout: Layout,
        chuck: ThermalChuck,
        spec: StationSpec = StationSpec(),
    ) -> None:
        self.clock, self.needles, self.chuck, self.spec = clock, needles, chuck, spec
        self.map = WaferMap(layout)
        self.heights = Heights(spec.contact)
        self.auto_z = True  #: a movement at contact height goes to separation first
        self.interlock = True  #: without that it is refused
        self.vacuum = True
        self.jammed = False
        self.index = list(layout.pitch)  #: of the dies, as somebody has set it
        self.home = (0.0, 0.0)  #: origin of coordinates, as somebody has set it
        begin = needles.here.place.site
        self.map.current = begin
        self._place = _Leg(*layout.position(begin), spec.contact - self.heights.separation)
        self._legs: deque[_Leg] = deque()
        self._began = clock.now_s
        self._ends = clock.now_s
        self._speed = 1.0
        self._event: Event | None = None
        self._failed: Failure | None = None

    # -- where it is --------------------------------------------------------------------------

    @property
    def moving(self) -> bool:
        """Whether a movement is going on."""
        return bool(self._legs)

    @property
    def x(self) -> float:
        """Position of the needles on the wafer, um from the home that was set."""
        return self._now().x - self.home[0]

    @property
    def y(self) -> float:
        """Position of the needles on the wafer, um from the home that was set."""
        return self._now().y - self.home[1]

    @property
    def z(self) -> float:
        """Height of the chuck, um."""
        return self._now().z

    @property
    def level(self) -> Level | None:
        """The height at which the chuck is, if it is one that has been set."""
        for level in ("overtravel", "contact", "align", "separation"):
            height = self.heights.of(level)
            if height is not None and abs(self.z - height) <= _NEAR:
                return level
        return None

    @property
    def up(self) -> bool:
        """Whether the chuck is at contact height or above."""
        return self.heights.contact is not None and self.z >= self.heights.contact - _NEAR

    def _now(self) -> _Leg:
        if not self._legs:
            return self._place
        goal = self._legs[0]
        whole = self._ends - self._began
        share = 1.0 if whole <= 0 else min(1.0, (self.clock.now_s - self._began) / whole)
        if self.jammed:
            share = 0.0
        return _Leg(*(a + (b - a) * share for a, b in zip(self._place, goal, strict=True)))

    # -- moving -------------------------------------------------------------------------------

    def rise(self, level: Level, speed: float = 1.0) -> None:
        """Move to a height that has been set.

        Raises
        ------
        StationError
            No contact height is set, it is out of reach, or the stage is moving.
        """
        height = self.heights.of(level)
        if height is None:
            raise StationError(Failure.NO_CONTACT_HEIGHT)
        if level == "contact" and self.heights.overtravel_on:
            height += self.heights.overtravel
        if not 0 <= height <= self.spec.top:
            raise StationError(Failure.OUT_OF_RANGE)
        self._go([self._now()._replace(z=height)], speed)

    def lift_to(self, z: float, speed: float = 1.0) -> None:
        """Move to a height, um; not beyond contact height where one is set.

        Raises
        ------
        StationError
            It is out of reach, or the stage is moving.
        """
        heights = self.heights
        if not 0 <= z <= self.spec.top:
            raise StationError(Failure.OUT_OF_RANGE)
        if heights.contact is not None:
            most = heights.contact + (heights.overtravel if heights.overtravel_on else 0.0)
            if z > most + _NEAR:
                raise StationError(Failure.OVERTRAVEL)
        self._go([self._now()._replace(z=z)], speed)

    def travel(self, x: float, y: float, speed: float = 1.0, *, back: bool = True) -> None:
        """Move sideways to a position from the home that was set, um.

        Parameters
        ----------
        x, y
            Where to.
        speed
            Share of the full speed.
        back
            Whether a chuck that had to go to separation for it comes up again.

        Raises
        ------
        StationError
            It is out of reach, the chuck is at contact height, or the stage is moving.
        """
        x, y = x + self.home[0], y + self.home[1]
        if max(abs(x), abs(y)) > self.spec.reach:
            raise StationError(Failure.OUT_OF_RANGE)
        here = self._now()
        if not self.up or not (self.auto_z or self.interlock):
            self._go([here._replace(x=x, y=y)], speed)
        elif self.auto_z:
            low = max(0.0, self.heights.of("separation") or 0.0)
            up = [_Leg(x, y, here.z)] if back else []
            self._go([here._replace(z=low), _Leg(x, y, low), *up], speed)
        else:
            raise StationError(Failure.INTERLOCK)

    def step(self, site: Site, speed: float = 1.0, *, back: bool = True) -> None:
        """Move to a site of the map; its position follows from the index that was set."""
        home, layout = self.map.layout.home, self.map.layout
        u, v = layout.offset(site.site)
        x = (site.column - home.column) * self.index[0] + u
        y = (site.row - home.row) * self.index[1] + v
        self.travel(x, y, speed, back=back)
        self.map.current = site

    def halt(self) -> None:
        """Stop where the chuck is now."""
        if self._legs:
            here = self._now()
            self._end()
            self._place = here
            self._failed = Failure.STOPPED
            self._meet()

    def result(self) -> None:
        """Say how the last movement ended.

        Raises
        ------
        StationError
            It was stopped, or the stage did not move.
        """
        failed, self._failed = self._failed, None
        if failed is not None:
            raise StationError(failed)

    def initialise(self) -> None:
        """Find the ends of the axes again: a stage that was stuck is free, the chuck is down."""
        self._end()
        self.jammed = False
        self._go([self._now()._replace(z=0.0)], 1.0)

    def _go(self, legs: list[_Leg], speed: float) -> None:
        if self._legs:
            raise StationError(Failure.BUSY)
        self._failed = None
        self._speed = speed
        self._legs.extend(legs)
        self._begin()

    def _begin(self) -> None:
        """Begin the next leg."""
        goal, here, spec = self._legs[0], self._place, self.spec
        sideways = math.hypot(goal.x - here.x, goal.y - here.y)
        duration = max(sideways / spec.xy_speed, abs(goal.z - here.z) / spec.z_speed) / self._speed
        if here.z > spec.surface and not self.jammed:
            if sideways > 0:
                self.needles.scratch()
            if goal.z <= spec.surface:
                self.needles.lift()
        self._began = self.clock.now_s
        self._ends = self._began + (spec.patience if self.jammed else duration + spec.settle)
        self._event = self.clock.at(self._ends, self._arrive)

    def _arrive(self) -> None:
        if self.jammed:
            self._end()
            self._failed = Failure.STUCK
            return
        self._place = self._legs.popleft()
        self._meet()
        if self._legs:
            self._begin()

    def _end(self) -> None:
        self._legs.clear()
        if self._event is not None:
            self._event.cancel()

    def _meet(self) -> None:
        """Let the needles meet what is under them now."""
        here = self._place
        self.needles.go(self.map.layout.at(here.x, here.y))
        depth = here.z - self.spec.surface
        if depth > 0:
            self.needles.touch(depth)
        else:
            self.needles.lift()

    def suffer(self, kind: str) -> None:
        """Let something go wrong: ``stuck`` or ``contact-lost``."""
        if kind == "stuck":
            self.jammed = True
        else:
            self.needles.lose()
