"""Velox's commands for the wafer map and for the thermal chuck.

Dies are named by column and row as on the virtual wafer, sub-dies are counted from 0. Temperatures
are answered with their unit and, where the status is asked for, a word for it (words to be
checked). See `sim_backend.instruments.velox_words` for the source.
"""

from __future__ import annotations

from collections.abc import Callable

from sim_backend.instruments.line_interface import Pause
from sim_backend.instruments.prober_station import Failure, Station, StationError
from sim_backend.instruments.thermal_chuck import ThermalState, celsius, kelvin
from sim_backend.instruments.velox_commands import Command, then
from sim_backend.instruments.velox_words import decimal, temperature_unit, whole, word
from sim_backend.instruments.wafer_map import EndOfMap, NoSuchSite
from sim_backend.wafer import Site

__all__ = ["Heater", "MapCommands"]

_LONG = 6_000_000  # ms

_STATUS = {
    ThermalState.UNCONTROLLED: "Standby",
    ThermalState.HEATING: "Heating",
    ThermalState.COOLING: "Cooling",
    ThermalState.SOAKING: "Soaking",
    ThermalState.CONTROLLING: "Controlling",
}


class MapCommands:
    """The commands of the wafer map, over a station.

    Parameters
    ----------
    station
        The station.
    """

    def __init__(self, station: Station) -> None:
        self.station, self.map = station, station.map

    def commands(self) -> list[Command]:
        """Return the table."""
        die = whole(None)
        table = [
            Command("StepFirstDie", self.step_first, (whole(1), whole(1)), timeout=_LONG),
            Command("StepNextDie", self.step_next, (die, die, die), timeout=_LONG),
            Command("StepToDie", self.step_to, (whole(-1), whole(0)), timeout=_LONG),
            Command("StepNextSubDie", self.step_next_site, (die,), timeout=_LONG),
            Command("BinMapDie", self.bin_die, (whole(0), die, die), timeout=30000),
            Command("BinStepDie", self.bin_step, (whole(0), die, die, die), timeout=_LONG),
            Command("ReadMapPosition", self.read_position, (whole(0), word("R"))),
            Command("ReadMapPosition2", self.read_position_2, (whole(0), word("R"))),
            Command("ReadMapYield", self.read_yield),
            Command("GetNumSelectedDies", lambda: str(len(self.map.dies))),
            Command("GetSelectedDieCoords", self.coordinates, (whole(1),)),
            Command("GetMapDims", self.dimensions),
            Command("GetMapHome", lambda: _die(self.map.layout.home)),
            Command("GetMapRoute", lambda: "B L T H"),
        ]
        return [command._replace(section="WaferMap") for command in table]

    def step_first(self, clear: int, _recalculate: int) -> Pause:
        """Go to the first die (StepFirstDie)."""
        if clear:
            self.map.bins.clear()
        return self._step(lambda: self.map.first())

    def step_next(self, x: int | None, y: int | None, site: int | None) -> Pause:
        """Go to a die, or to the next site (StepNextDie)."""
        if site == -1:
            return self._step(lambda: self.map.next_die(1))
        if x is None or y is None:
            return self._step(self.map.after)
        return self._step(lambda: self.map.site(x, y, (site or 0) + 1))

    def step_to(self, number: int, site: int) -> Pause:
        """Go to a die by its number, from 0 (StepToDie)."""
        if number < 0:
            return self._step(self.map.after)
        return self._step(lambda: self.map.numbered(number, site + 1))

    def step_next_site(self, site: int | None) -> Pause:
        """Go to a site of this die (StepNextSubDie)."""
        here = self.map.current
        wanted = here.site + 1 if site is None else site + 1
        return self._step(
            lambda: self.map.site(here.column, here.row, wanted),
            lambda: f"{self.map.current.site - 1} {self.map.sites - 1}",
        )

    def bin_die(self, number: int, x: int | None, y: int | None) -> str:
        """Note a result (BinMapDie)."""
        here = self.map.current
        site = here if x is None or y is None else _found(lambda: self.map.site(x, y, here.site))
        self.map.bins[site] = number
        return _die(site)

    def bin_step(self, number: int, x: int | None, y: int | None, site: int | None) -> Pause:
        """Note a result and go to the same site of the next die (BinStepDie)."""
        self.map.bins[self.map.current] = number
        if x is not None and y is not None:
            return self._step(lambda: self.map.site(x, y, (site or 0) + 1))
        return self._step(lambda: self.map.next_die(self.map.current.site))

    def _step(self, where: Callable[[], Site], answer: Callable[[], str] | None = None) -> Pause:
        self.station.step(_found(where))
        return then(self.station, answer or self._here)

    def _here(self) -> str:
        here = self.map.current
        return f"{_die(here)} {here.site - 1} {self.map.sites - 1}"

    def read_position_2(self, _number: int, _from: str, first: int = 0) -> str:
        """Tell where the map says the chuck is; sites from 0 (ReadMapPosition2)."""
        here, station = self.map.current, self.station
        return (
            f"{_die(here)} {station.x:.2f} {station.y:.2f} {here.site - 1 + first} "
            f"{self.map.sites - 1 + first} {self.map.number + 1} {len(self.map.dies)} 0 0"
        )

    def read_position(self, number: int, origin: str) -> str:
        """Tell the same with sites from 1 (ReadMapPosition)."""
        return self.read_position_2(number, origin, 1)

    def read_yield(self) -> str:
        """Tell how many dies were binned, and how many of them in bin 1 (ReadMapYield)."""
        passed = sum(1 for number in self.map.bins.values() if number == 1)
        tested = len(self.map.bins)
        return f"{len(self.map.dies)} {tested} {passed} {tested - passed}"

    def coordinates(self, number: int) -> str:
        """Tell column and row of a die by its number, from 1 (GetSelectedDieCoords)."""
        return _die(_found(lambda: self.map.numbered(number - 1)))

    def dimensions(self) -> str:
        """Tell kind, index and size of the map (GetMapDims)."""
        wafer = self.map.layout.wafer
        kind = "W" if wafer.round else "R"
        x, y = self.station.index
        return f"{kind} {x:.2f} {y:.2f} {wafer.dies[0]} {wafer.dies[1]}"


class Heater:
    """The commands of the thermal chuck.

    Parameters
    ----------
    station
        The station.
    """

    def __init__(self, station: Station) -> None:
        self.station, self.chuck = station, station.chuck

    def commands(self) -> list[Command]:
        """Return the table."""
        unit = temperature_unit
        table = [
            Command("SetHeaterTemp", self.aim, (decimal(None), unit, whole(0))),
            Command("HeatChuck", self.heat, (decimal(None), unit), timeout=_LONG),
            Command("StopHeatChuck", self.stop, (unit,)),
            Command("GetHeaterTemp", self.read, (unit,)),
            Command("GetTargetTemp", self.target, (unit,)),
            Command("SetHeaterSoak", self.set_soak, (decimal(60.0, 0.0, 36000.0),)),
            Command("GetHeaterSoak", lambda: f"{self.chuck.soak:.0f}"),
            Command("GetSoakTimeValue", lambda: f"{self.chuck.soaking_for:.0f}"),
        ]
        return [command._replace(section="Thermal") for command in table]

    def aim(self, value: float | None, unit: str, _scale: int) -> str:
        """Set the target; answers at once with it (SetHeaterTemp)."""
        self._aim(value, unit)
        return self.target(unit)

    def heat(self, value: float | None, unit: str) -> Pause:
        """Set the target; answers when it is reached and the soak is over (HeatChuck)."""
        self._aim(value, unit)
        chuck = self.chuck
        return Pause(lambda: chuck.settled, lambda: _written(chuck.temperature, unit))

    def _aim(self, value: float | None, unit: str) -> None:
        if value is None:
            raise StationError(Failure.TEMPERATURE)
        wanted = {"C": kelvin(value), "K": value, "F": kelvin((value - 32) / 1.8)}[unit]
        if not self.chuck.allows(wanted):
            raise StationError(Failure.TEMPERATURE)
        self.chuck.aim(wanted)

    def stop(self, unit: str) -> str:
        """Stay at the temperature of now (StopHeatChuck)."""
        self.chuck.stop()
        return _written(self.chuck.temperature, unit)

    def read(self, unit: str) -> str:
        """Tell temperature and status (GetHeaterTemp)."""
        return f"{_written(self.chuck.temperature, unit)} {_STATUS[self.chuck.state]}"

    def target(self, unit: str) -> str:
        """Tell the target (GetTargetTemp)."""
        return _written(self.chuck.target, unit)

    def set_soak(self, seconds: float) -> str:
        """Set how long to soak (SetHeaterSoak)."""
        self.chuck.soak = seconds
        return f"{seconds:.0f}"


def _die(site: Site) -> str:
    return f"{site.column} {site.row}"


def _found(where: Callable[[], Site]) -> Site:
    try:
        return where()
    except EndOfMap:
        raise StationError(Failure.END_OF_MAP) from None
    except NoSuchSite:
        raise StationError(Failure.NO_SUCH_SITE) from None


def _written(temperature: float, unit: str) -> str:
    warm = celsius(temperature)
    value = {"C": warm, "K": temperature, "F": warm * 1.8 + 32}[unit]
    return f"{value:.1f} {unit}"
