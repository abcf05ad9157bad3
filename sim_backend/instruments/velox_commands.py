"""Velox's commands for chuck and stage: what each does to the station.

Each handler is given its parameters and returns the values of its answer; one that starts a
movement returns a `Pause`. See `sim_backend.instruments.velox_words` for the source.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sim_backend.instruments.line_interface import Pause
from sim_backend.instruments.prober_station import Failure, Level, Station, StationError
from sim_backend.instruments.velox_words import (
    ILLEGAL,
    Parameter,
    Refused,
    decimal,
    height_word,
    micrometres,
    reference,
    unit,
    velocity,
    whole,
    word,
)

__all__ = ["Command", "Stage", "then"]

_PRESETS = {"C": "contact", "O": "overtravel", "A": "align", "S": "separation"}
_SEARCH_GAP = 100.0  # um


class Command(NamedTuple):
    """One command: section and time limit are as the message server lists them."""

    name: str
    call: Callable[..., Any]
    parameters: tuple[Parameter, ...] = ()
    section: str = "Kernel"
    timeout: int = 5000  #: ms


def then(station: Station, answer: Callable[[], str] = str) -> Pause:
    """Pause for the movement that has begun, then answer or say why it failed."""

    def finish() -> str:
        station.result()
        return answer()

    return Pause(lambda: not station.moving, finish)


class Stage:
    """The commands of the kernel, over a station.

    Parameters
    ----------
    station
        The station.
    """

    def __init__(self, station: Station) -> None:
        self.station = station
        self._die_home = (station.x, station.y)
        self._quiet = False

    def commands(self) -> list[Command]:
        """Return the table."""
        comp, xy = word("Technology"), decimal(0.0)
        return [
            Command("MoveChuck", self.move, (xy, xy, reference("H"), unit, velocity, comp),
                    timeout=30000),
            Command("MoveChuckIndex", self.move_index, (xy, xy, reference("H"), velocity),
                    timeout=30000),
            Command("MoveChuckSubsite", self.move_subsite, (xy, xy, unit, velocity), timeout=30000),
            *(
                Command(f"MoveChuck{level.capitalize()}", self._rise(level), (velocity,),
                        timeout=60000)
                for level in ("contact", "align", "separation")
            ),
            Command("MoveChuckZ", self.move_z, (xy, reference("Z"), unit, velocity, comp),
                    timeout=60000),
            Command("MoveChuckZSafe", self.move_z_safe, (), timeout=60000),
            Command("InitChuck", self.initialise, (whole(0), whole(0), whole(0)), timeout=180000),
            Command("StopChuckMovement", self.stop, (whole(15),)),
            Command("StopAllMovements", self.stop, ()),
            Command("SetChuckMode", self.set_mode, (whole(2, 0, 2),) * 6),
            Command("SetChuckHome", self.set_home, (word("0"), unit, xy, xy)),
            Command("SetChuckIndex", self.set_index, (decimal(0.0, 0), decimal(0.0, 0), unit)),
            Command("SetChuckHeight", self.set_height, (height_word, word("0"), unit, xy)),
            Command("SetChuckVacuum", self.set_vacuum, (whole(0, 0, 1),)),
            Command("EnableMotorQuiet", self.set_quiet, (whole(0, 0, 1),)),
            Command("ReadChuckIndex", self.read_index, (unit,)),
            Command("ReadChuckPosition", self.read_position, (unit, reference("H"), comp)),
            Command("ReadChuckHeights", self.read_heights, (unit,)),
            Command("ReadChuckStatus", self.read_status),
        ]  # fmt: skip

    # -- sideways -----------------------------------------------------------------------------

    def move(self, x: float, y: float, ref: str, letter: str, speed: float, _comp: str) -> Pause:
        """Move to a position (MoveChuck)."""
        sx, sy = micrometres(self.station, letter)
        return self._travel(x * sx, y * sy, ref, speed)

    def move_index(self, x: float, y: float, ref: str, speed: float) -> Pause:
        """Move by dies (MoveChuckIndex)."""
        ix, iy = self.station.index
        return self._travel(x * ix, y * iy, ref, speed)

    def move_subsite(self, x: float, y: float, letter: str, speed: float) -> Pause:
        """Move within a die (MoveChuckSubsite)."""
        sx, sy = micrometres(self.station, letter)
        hx, hy = self._die_home
        self.station.travel(hx + x * sx, hy + y * sy, speed)
        return then(self.station)

    def _travel(self, x: float, y: float, ref: str, speed: float) -> Pause:
        ox, oy = self._origin(ref)
        goal = (x + ox, y + oy)
        self.station.travel(*goal, speed)

        def arrived() -> str:
            self._die_home = goal
            return ""

        return then(self.station, arrived)

    def _origin(self, ref: str) -> tuple[float, float]:
        """Return what a position is counted from, um from home."""
        station = self.station
        hx, hy = station.home
        return {
            "H": (0.0, 0.0),
            "C": (-hx, -hy),
            "Z": (-hx - station.spec.reach, -hy - station.spec.reach),
            "R": (station.x, station.y),
            "D": self._die_home,
        }[ref]

    # -- heights ------------------------------------------------------------------------------

    def _rise(self, level: Level) -> Callable[[float], Pause]:
        def rise(speed: float) -> Pause:
            self.station.rise(level, speed)
            return then(self.station)

        return rise

    def move_z(self, height: float, ref: str, letter: str, speed: float, _comp: str) -> Pause:
        """Move to a height (MoveChuckZ)."""
        z = height * micrometres(self.station, letter)[0]
        self.station.lift_to(z + self.station.z if ref == "R" else z, speed)
        return then(self.station)

    def move_z_safe(self) -> Pause:
        """Move to the lower end of the axis (MoveChuckZSafe)."""
        self.station.lift_to(0.0)
        return then(self.station)

    def initialise(self, *_flags: int) -> Pause:
        """Find the ends of the axes (InitChuck)."""
        self.station.initialise()
        return then(self.station)

    def stop(self, _flags: int = 15) -> str:
        """Stop every movement (StopChuckMovement, StopAllMovements)."""
        self.station.halt()
        return ""

    # -- settings -----------------------------------------------------------------------------

    def set_mode(self, overtravel: int, auto_z: int, interlock: int, *_others: int) -> str:
        """Switch overtravel, automatic separation and interlock; 2 leaves one (SetChuckMode)."""
        station = self.station
        if overtravel != 2:
            station.heights.overtravel_on = bool(overtravel)
        if auto_z != 2:
            station.auto_z = bool(auto_z)
        if interlock != 2:
            station.interlock = bool(interlock)
        return ""

    def set_home(self, mode: str, letter: str, x: float, y: float) -> str:
        """Set the origin here, or at a position from the present one (SetChuckHome)."""
        station = self.station
        if mode.upper() not in ("0", "V"):
            raise Refused(ILLEGAL, "Illegal parameters")
        dx, dy = station.x, station.y
        if mode.upper() == "V":
            sx, sy = micrometres(station, letter)
            dx, dy = x * sx, y * sy
        station.home = (station.home[0] + dx, station.home[1] + dy)
        self._die_home = (station.x, station.y)
        return ""

    def set_index(self, x: float, y: float, letter: str) -> str:
        """Set the size of a die (SetChuckIndex)."""
        sx, sy = micrometres(self.station, letter)
        self.station.index = [x * sx, y * sy]
        return ""

    def set_height(self, preset: str, mode: str, letter: str, value: float) -> str:
        """Set a height or a gap (SetChuckHeight)."""
        heights, mode = self.station.heights, mode.upper()
        number = value * micrometres(self.station, letter)[0]
        if preset == "C" and mode in ("0", "V", "R"):
            heights.contact = {"0": self.station.z, "V": number, "R": None}[mode]
        elif preset in ("O", "A", "S") and mode == "V" and number >= 0:
            setattr(heights, _PRESETS[preset], number)
        elif preset != "T" or mode != "V":
            raise Refused(ILLEGAL, "Illegal parameters")
        return ""

    def set_vacuum(self, on: int) -> str:
        """Switch the vacuum (SetChuckVacuum)."""
        self.station.vacuum = bool(on)
        return ""

    def set_quiet(self, on: int) -> str:
        """Switch the motors off while nothing moves (EnableMotorQuiet)."""
        self._quiet = bool(on)
        return ""

    # -- questions ----------------------------------------------------------------------------

    def read_index(self, letter: str) -> str:
        """Tell the size of a die (ReadChuckIndex)."""
        if letter == "X":
            return _row(1.0, 1.0)
        sx, sy = micrometres(self.station, letter)
        return _row(self.station.index[0] / sx, self.station.index[1] / sy)

    def read_position(self, letter: str, ref: str, _comp: str) -> str:
        """Tell where the chuck is (ReadChuckPosition)."""
        station = self.station
        ox, oy = self._origin(ref)
        sx, sy = micrometres(station, letter)
        if 0 in (sx, sy):
            raise StationError(Failure.OUT_OF_RANGE)
        return _row((station.x - ox) / sx, (station.y - oy) / sy, station.z / sx)

    def read_heights(self, letter: str) -> str:
        """Tell contact height and gaps; -1 for a contact height that is not set."""
        heights, size = self.station.heights, micrometres(self.station, letter)[0] or 1.0
        contact = -1.0 if heights.contact is None else heights.contact / size
        gaps = (heights.overtravel, heights.align, heights.separation, _SEARCH_GAP)
        return _row(contact, *(gap / size for gap in gaps))

    def read_status(self) -> str:
        """Tell flags, height and vacuum (ReadChuckStatus); letters to be checked."""
        station = self.station
        set_ = station.heights.contact is not None
        flags = (station.heights.overtravel_on, station.auto_z, station.interlock, False, set_)
        mode = sum(1 << k for k, on in enumerate(flags) if on)
        level = (station.level or "N")[0].upper()
        moving = 7 if station.moving else 0
        return f"15 {mode} 0 {moving} T {int(station.vacuum)} {level} N 0 N {int(self._quiet)}"


def _row(*values: float) -> str:
    return " ".join(f"{value:.2f}" for value in values)
