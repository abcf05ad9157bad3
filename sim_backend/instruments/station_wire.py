"""The outside of a virtual probe station: its connector, and what a bench file may say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from annotated_types import Ge, Gt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labctl.errors import BadInput
from labctl.protocol import explain
from labctl.units import Kelvin, Metre, Second
from sim_backend.clock import Clock
from sim_backend.instruments.line_interface import LineInterface
from sim_backend.instruments.prober_station import Station
from sim_backend.instruments.thermal_chuck import ThermalChuck, ThermalSpec
from sim_backend.instruments.wafer_map import Layout
from sim_backend.roster import Bay

__all__ = ["StationOptions", "StationWire", "open_station"]

_MICROMETRE = 1e-6


class StationOptions(BaseModel):
    """Keys of a prober's section of a bench file; others are its driver's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pitch: tuple[Annotated[Metre, Gt(0)], Annotated[Metre, Gt(0)]] = Field(
        (10e-3, 10e-3), description="Of the dies."
    )
    soak: Annotated[Second, Ge(0)] = Field(60.0, description="After a change of temperature.")
    coldest: Annotated[Kelvin, Gt(0)] = 213.15
    hottest: Annotated[Kelvin, Gt(0)] = 573.15


def open_station(bay: Bay) -> Station:
    """Return the station of a place in the laboratory.

    Raises
    ------
    BadInput
        A key of its section is wrong.
    """
    try:
        options = StationOptions(**bay.options)
    except ValidationError as error:
        fields = list(StationOptions.model_fields)
        raise BadInput(explain(error, f"instruments.{bay.name}", fields)) from None
    assert bay.needles is not None  # the laboratory has them where it has a prober
    needles, clock = bay.needles, bay.clock
    pitch = (options.pitch[0] / _MICROMETRE, options.pitch[1] / _MICROMETRE)
    spec = ThermalSpec(options.coldest, options.hottest, soak=options.soak)
    chuck = ThermalChuck(clock, needles.heat, bay.fixture.temperature, spec)
    return Station(clock, needles, Layout(needles.wafer, pitch), chuck)


class StationWire:
    """What `sim_backend.wire.port.VirtualInstrument` asks for, over lines and a station."""

    interface: LineInterface
    station: Station
    clock: Clock
    #: called between slices of paced time; nothing here holds up the laboratory
    breathe: Callable[[], None] = staticmethod(lambda: None)

    @staticmethod
    def urgent(line: bytes) -> bool:
        """Whether a line must interrupt a script; there are none."""
        return False

    def write(self, message: bytes) -> None:
        """Take a message of one or more lines and execute what can be executed."""
        self.interface.write(message)

    def replies(self) -> list[bytes]:
        """Return and forget the answers that are ready, each with its newline."""
        return self.interface.replies()

    def poll(self) -> None:
        """Go on with what waited for something, if that has happened."""
        self.interface.poll()

    def interrupt(self) -> None:
        """Nothing runs that could be interrupted."""

    def abort(self) -> None:
        """Stop the chuck."""
        self.station.halt()
        self.interface.poll()

    def clear(self) -> None:
        """Take a device clear: nothing is queued; what moves goes on."""
        self.interface.clear()

    def trigger(self) -> None:
        """Take a bus trigger: there is nothing to trigger."""

    def close(self) -> None:
        """Switch off for good."""
        self.interface.clear()

    #: what can go wrong at the station: see `suffer`
    ills = frozenset({"contact-lost", "stuck"})

    def suffer(self, kind: str) -> None:
        """Let something go wrong: ``stuck`` or ``contact-lost``."""
        self.station.suffer(kind)

    def channel_state(self, _channel: str = "chuck") -> Mapping[str, Any]:
        """Return what the station's screen shows: for tests and for a window."""
        station = self.station
        return {
            "level": station.level,
            "height": station.z,
            "position": (station.x, station.y),
            "moving": station.moving,
            "die": str(station.map.current),
            "touching": station.needles.touching,
            "resistance": station.needles.resistance,
            "temperature": station.chuck.temperature,
            "target": station.chuck.target,
            "thermal": station.chuck.state.value,
            "touches": station.needles.counts.touches,
            "live": station.needles.counts.live,
            "scratches": station.needles.counts.scratches,
        }
