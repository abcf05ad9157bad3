"""SENTIO's remote commands: what each does to the station.

A handler is given its parameters as words and returns an `Answer`, or a `Pause` that ends in one.
See `sim_backend.instruments.sentio_words` for the source.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sim_backend.instruments.line_interface import Pause
from sim_backend.instruments.prober_station import Failure, Station, StationError
from sim_backend.instruments.sentio_words import (
    BAD_PARAMETER,
    END_OF_ROUTE,
    LAST_SITE,
    WRONG_COUNT,
    Answer,
    Refused,
    choice,
    numbers,
    truth,
)
from sim_backend.instruments.thermal_chuck import celsius, kelvin
from sim_backend.instruments.wafer_map import EndOfMap, NoSuchSite
from sim_backend.wafer import Site

__all__ = ["Call", "Chuck", "Dashboard", "Route"]

Words = Sequence[str]
#: takes the parameters
Call = Callable[[Words], Any]

_XY = {
    "machine": "M", "home": "H", "center": "C", "zero": "Z", "userdefined": "U", "relative": "R",
    "current": "R",
}  # fmt: skip
_Z = {"contact": "C", "separation": "S", "hover": "H", "zero": "Z", "relative": "R", "current": "R"}
_MODES = ("BackToContact", "StepToSeparation", "LockContact")


class Chuck:
    """The commands of the chuck.

    Parameters
    ----------
    station
        The station.
    """

    def __init__(self, station: Station) -> None:
        self.station = station
        self.mode = _MODES[0]

    def commands(self) -> dict[str, Call]:
        """Return the table."""
        return {
            "move_chuck_contact": lambda _: self._rise("contact"),
            "move_chuck_separation": lambda _: self._rise("separation"),
            "move_chuck_hover": lambda _: self._rise("align"),
            "move_chuck_lift": lambda _: self._to(0.0),
            "move_chuck_home": lambda _: self._travel(0.0, 0.0),
            "move_chuck_site": self._site,
            "move_chuck_xy": self._xy,
            "move_chuck_index": self._index,
            "move_chuck_z": self._z,
            "get_chuck_xy": lambda words: self._told(words[-1] if words else "Z"),
            "get_chuck_z": self._height,
            "get_chuck_theta": lambda _: Answer("0.0000"),
            "get_chuck_site_status": lambda _: self._status(),
            "get_chuck_site_heights": lambda _: Answer(self._heights()),
            "set_chuck_site_heights": self._set_heights,
            "set_chuck_overtravel_gap": self._set_gap("overtravel"),
            "set_chuck_separation_gap": self._set_gap("separation"),
            "enable_chuck_overtravel": self._enable_overtravel,
            "clear_contact": lambda _: self._clear_contact(),
            "set_stepping_contact_mode": self._set_mode,
            "set_vacuum": self._set_vacuum,
            "has_chuck_xyz": lambda _: Answer("YES"),
            "get_wafer_diameter": lambda _: Answer("200"),
            "initialization": lambda _: self._initialise(),
        }

    def moved(self, answer: Callable[[], Answer]) -> Pause:
        """Pause for the movement that has begun, then answer or say why it failed."""
        station = self.station

        def finish() -> Any:
            station.result()
            return answer()

        return Pause(lambda: not station.moving, finish)

    # -- movements ----------------------------------------------------------------------------

    def _rise(self, level: Any) -> Pause:
        self.station.rise(level)
        return self.moved(self._z_told)

    def _to(self, z: float) -> Pause:
        self.station.lift_to(z)
        return self.moved(self._z_told)

    def _travel(self, x: float, y: float) -> Pause:
        self.station.travel(x, y)
        return self.moved(lambda: self._told("Z"))

    def _site(self, words: Words) -> Pause:
        if words != ["Wafer"]:
            raise Refused(BAD_PARAMETER, "This station has the chuck site Wafer only")
        self.station.travel(self.station.x, self.station.y)
        return self.moved(lambda: Answer(f"{self._told('Z').text},{self.station.z:.2f},0.0000"))

    def _xy(self, words: Words) -> Pause:
        if len(words) != 3:
            raise Refused(WRONG_COUNT, "Invalid number of parameters")
        x, y = numbers(words[1:], 2)
        ox, oy = self._origin(choice(words[0], _XY))
        return self._travel(x + ox, y + oy)

    def _index(self, words: Words) -> Pause:
        if len(words) != 3:
            raise Refused(WRONG_COUNT, "Invalid number of parameters")
        columns, rows = numbers(words[1:], 2)
        ox, oy = self._origin(choice(words[0], _XY))
        index = self.station.index
        return self._travel(ox + columns * index[0], oy + rows * index[1])

    def _z(self, words: Words) -> Pause:
        if len(words) != 2:
            raise Refused(WRONG_COUNT, "Invalid number of parameters")
        (z,) = numbers(words[1:], 1)
        return self._to(z + self._zero(choice(words[0], _Z)))

    def _initialise(self) -> Pause:
        self.station.initialise()
        return self.moved(Answer)

    # -- questions and settings -----------------------------------------------------------------

    def _origin(self, ref: str) -> tuple[float, float]:
        """Return what a position is counted from, um from home; zero is the axes' end."""
        station = self.station
        hx, hy = station.home
        if ref in ("H", "U"):
            return 0.0, 0.0
        if ref == "R":
            return station.x, station.y
        if ref == "C":
            return -hx, -hy
        return -hx - station.spec.reach, -hy - station.spec.reach

    def _zero(self, ref: str) -> float:
        """Return what a height is counted from, um."""
        heights = self.station.heights
        if ref == "Z":
            return 0.0
        if ref == "R":
            return self.station.z
        if heights.contact is None:
            raise StationError(Failure.NO_CONTACT_HEIGHT)
        below = {"C": 0.0, "S": heights.separation, "H": heights.align}[ref]
        return heights.contact - below

    def _told(self, word: str) -> Answer:
        ox, oy = self._origin(choice(word, _XY))
        return Answer(f"{self.station.x - ox:.2f},{self.station.y - oy:.2f}")

    def _z_told(self) -> Answer:
        return Answer(f"{self.station.z:.2f}")

    def _height(self, words: Words) -> Answer:
        ref = choice(words[0], _Z) if words else "Z"
        return Answer(f"{self.station.z - self._zero(ref):.2f}")

    def _status(self) -> Answer:
        heights = self.station.heights
        flags = (True, heights.contact is not None, heights.overtravel_on, self.station.vacuum)
        return Answer(",".join(str(int(flag)) for flag in flags))

    def _heights(self) -> str:
        heights = self.station.heights
        contact = 0.0 if heights.contact is None else heights.contact
        gaps = (contact, heights.separation, heights.overtravel, heights.align)
        return ",".join(f"{value:.2f}" for value in gaps)

    def _set_heights(self, words: Words) -> Answer:
        contact, separation, overtravel, hover = numbers(words[1:], 4)
        if min(separation, overtravel, hover) < 0:
            raise Refused(BAD_PARAMETER, "Invalid parameter")
        heights = self.station.heights
        heights.contact, heights.separation = contact, separation
        heights.overtravel, heights.align = overtravel, hover
        return Answer(f"Wafer,{self._heights()}")

    def _set_gap(self, name: str) -> Call:
        def put(words: Words) -> Answer:
            (gap,) = numbers(words, 1)
            if gap < 0:
                raise Refused(BAD_PARAMETER, "Invalid parameter")
            setattr(self.station.heights, name, gap)
            return Answer()

        return put

    def _enable_overtravel(self, words: Words) -> Answer:
        self.station.heights.overtravel_on = truth(words[0] if words else "")
        return Answer()

    def _clear_contact(self) -> Answer:
        self.station.heights.contact = None
        return Answer()

    def _set_mode(self, words: Words) -> Answer:
        if list(words) not in [[mode] for mode in _MODES]:
            raise Refused(BAD_PARAMETER, "Invalid parameter")
        self.mode = words[0]
        self.station.auto_z = self.mode != "LockContact"
        return Answer()

    def _set_vacuum(self, words: Words) -> Answer:
        self.station.vacuum = truth(words[-1] if words else "")
        return Answer()


class Route:
    """The commands of the wafer map; subsites are counted from 0.

    Parameters
    ----------
    chuck
        The chuck's commands, whose mode says how to step.
    """

    def __init__(self, chuck: Chuck) -> None:
        self.chuck, self.station = chuck, chuck.station
        self.map = self.station.map

    def commands(self) -> dict[str, Call]:
        """Return the table."""
        here, wafer = self.map, self.map.layout.wafer
        return {
            "map:step_first_die": lambda words: self._step(lambda: here.first(_sub(words))),
            "map:step_next_die": lambda words: self._step(lambda: here.next_die(_sub(words))),
            "map:step_previous_die": lambda _: self._step(self._previous),
            "map:step_die": self._step_die,
            "map:step_die_seq": self._step_number,
            "map:bin_step_next_die": self._bin_step,
            "map:subsite:step_next": lambda _: self._step(here.after),
            "map:subsite:step_previous": lambda _: self._step(here.before),
            "map:subsite:step": self._step_site,
            "map:subsite:get_num": lambda _: Answer(str(here.sites)),
            "map:get_num_dies": lambda _: Answer(str(len(here.dies))),
            "map:get_num_cols": lambda _: Answer(str(wafer.dies[0])),
            "map:get_num_rows": lambda _: Answer(str(wafer.dies[1])),
            "map:get_die_seq": lambda _: Answer(str(here.number + 1)),
            "map:get_index_size": lambda _: Answer("{:.2f},{:.2f}".format(*self.station.index)),
            "map:set_index_size": self._set_index,
            "map:get_home_die": lambda _: Answer(_die(here.layout.home)),
            "map:die:get_current_index": lambda _: Answer(f"{_die(here.current)},{here.number}"),
            "map:die:get_current_subsite": lambda _: Answer(str(here.current.site - 1)),
            "map:die:get_status": self._die_status,
            "map:path:get_die": self._die_of,
        }

    def _step(self, where: Callable[[], Site]) -> Pause:
        mode = self.chuck.mode
        self.station.step(_found(where), back=mode != "StepToSeparation")
        return self.chuck.moved(self._here)

    def _here(self) -> Answer:
        current = self.map.current
        status = END_OF_ROUTE if self.map.number == len(self.map.dies) - 1 else 0
        if current.site == self.map.sites:
            status |= LAST_SITE
        return Answer(f"{_die(current)},{current.site - 1}", status)

    def _previous(self) -> Site:
        if self.map.number == 0:
            raise EndOfMap
        return self.map.numbered(self.map.number - 1)

    def _step_die(self, words: Words) -> Pause:
        values = [int(value) for value in numbers(words, 2, 3)]
        site = values[2] + 1 if len(values) == 3 else 1
        return self._step(lambda: self.map.site(values[0], values[1], site))

    def _step_number(self, words: Words) -> Pause:
        values = [int(value) for value in numbers(words, 1, 2)]
        site = values[1] + 1 if len(values) == 2 else 1
        return self._step(lambda: self.map.numbered(values[0] - 1, site))

    def _bin_step(self, words: Words) -> Pause:
        values = [int(value) for value in numbers(words, 1, 2)]
        self.map.bins[self.map.current] = values[0]
        return self._step(lambda: self.map.next_die(values[1] + 1 if len(values) == 2 else 1))

    def _step_site(self, words: Words) -> Pause:
        (site,) = numbers(words, 1)
        here = self.map.current
        return self._step(lambda: self.map.site(here.column, here.row, int(site) + 1))

    def _set_index(self, words: Words) -> Answer:
        x, y = numbers(words, 2)
        self.station.index = [x, y]
        return Answer()

    def _die_status(self, words: Words) -> Answer:
        column, row = (int(value) for value in numbers(words, 2))
        return Answer("1" if self.map.layout.wafer.has_die(column, row) else "3")

    def _die_of(self, words: Words) -> Answer:
        (number,) = numbers(words, 1)
        return Answer(_die(_found(lambda: self.map.numbered(int(number) - 1))))


class Dashboard:
    """The commands of the dashboard: temperature, version, state.

    Parameters
    ----------
    station
        The station.
    version, serial
        As it tells them.
    """

    def __init__(self, station: Station, version: str, serial: str) -> None:
        self.station, self.chuck = station, station.chuck
        self.version, self.serial = version, serial
        self._hold = False

    def commands(self) -> dict[str, Call]:
        """Return the table."""
        chuck = self.chuck
        return {
            "status:get_version": lambda _: Answer(f"SENTIO Version: {self.version}"),
            "status:get_machine_id": lambda _: Answer(self.serial),
            "status:get_machine_status": lambda _: Answer("Ready"),
            "status:get_access_level": lambda _: Answer("Engineer"),
            "status:get_chuck_temp": lambda _: Answer(f"{celsius(chuck.temperature):.2f}"),
            "status:get_chuck_temp_setpoint": lambda _: Answer(f"{celsius(chuck.target):.2f}"),
            "status:set_chuck_temp": self._aim,
            "status:get_chuck_thermo_state": lambda _: Answer(chuck.state.value.capitalize()),
            "status:get_soaking_time": lambda _: Answer(f"{chuck.soak:.2f}"),
            "status:get_chuck_thermo_hold_mode": lambda _: Answer(str(int(self._hold))),
            "status:set_chuck_thermo_hold_mode": self._set_hold,
        }

    def _aim(self, words: Words) -> Answer:
        (wanted,) = numbers(words[:1], 1)
        if not self.chuck.allows(kelvin(wanted)):
            raise StationError(Failure.TEMPERATURE)
        if len(words) > 1 and truth(words[1]):
            self.station.lift_to(0.0)
        self.chuck.aim(kelvin(wanted))
        return Answer()

    def _set_hold(self, words: Words) -> Answer:
        self._hold = truth(words[0] if words else "")
        return Answer()


def _die(site: Site) -> str:
    return f"{site.column},{site.row}"


def _sub(words: Words) -> int:
    """Return the site of an optional subsite, counted from 1."""
    values = numbers(words, 0, 1)
    return int(values[0]) + 1 if values else 1


def _found(where: Callable[[], Site]) -> Site:
    try:
        return where()
    except EndOfMap:
        raise StationError(Failure.END_OF_MAP) from None
    except NoSuchSite:
        raise StationError(Failure.NO_SUCH_SITE) from None
