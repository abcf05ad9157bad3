"""Capabilities: what a bench can do, as structural types that drivers meet without inheriting.

A driver is found through the entry-point group ``labctl.instruments``: a module with
``connect(setup: Setup) -> WaveformSource`` and ``check(setup, play) -> list[Violation]``, which
needs no connection; it may have ``forecast(setup, play) -> Forecast | None`` as well. A driver of
another kind says so by ``CAPABILITIES``, a tuple out of ``prober``, ``thermostat``, ``switch``,
``light``; its `connect` returns what meets those types, and it needs no ``check``. One that plays
as well has ``waveforms`` among them, and one that drives terminals by a current where a step asks
for it (`labctl.steps.Play.voltage_limits`) has ``currents``. A virtual laboratory is found through
``labctl.laboratories``: a function ``(bench file's content, seed, state file or None, pace, site)
-> Laboratory``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from labctl.readings import Row
from labctl.steps import Play
from labctl.violation import Violation

__all__ = [
    "ContactCheck", "Floor", "Forecast", "Identity", "Laboratory", "LightSource", "Limits",
    "Prober", "Setup", "Station", "Switch", "Thermostat", "Timekeeper", "Violation",
    "WaveformSource",
]  # fmt: skip

#: asked between chunks of readings and while waiting; True means: stop now and make safe
StopRequest = Callable[[], bool]


class Limits(msgspec.Struct, frozen=True):
    """What one instrument can do with a waveform in hardware time; data, with its source.

    All in SI. `source` names the manual and page or says ``check``.
    """

    model: str
    max_v: float
    max_i: float
    min_width: float  #: shortest segment with a level
    min_gap: float  #: shortest time at zero between two levels
    min_aperture: float  #: shortest measurement window
    resolution: float  #: timing grid
    max_points: int  #: levels that fit in one program once loops are folded
    max_readings: int
    ramps: bool
    source: str = ""


class Floor(msgspec.Struct, frozen=True):
    """The smallest current that a terminal's readings resolve."""

    terminal: str
    current: float  #: specified bound on the error of a reading of zero, A
    range: float  #: of the ammeter, A
    aperture: float  #: of a reading, s


class Forecast(msgspec.Struct, frozen=True):
    """What a driver expects of playing a step."""

    mode: str  #: who times it: ``trigger model``, ``hardware list``, ``arm timer``, ``host`` ...
    timing: float  #: expected error of an interval, s
    floors: tuple[Floor, ...] = ()  #: of the terminals that are measured
    #: longest time that it goes on by itself when the computer falls silent, s; then it is safe
    alone: float = 0.0
    duration: float = 0.0  #: as it is played, where that is longer than what was asked for, s


class Identity(msgspec.Struct, frozen=True):
    """What an instrument says it is."""

    name: str  #: name in the bench file
    idn: str  #: the answer to ``*IDN?``
    model: str = ""
    serial: str = ""
    firmware: str = ""
    calibrated: str = ""  #: date of the last calibration, ISO 8601, or empty
    options: str = ""  #: what is fitted, as the instrument says it


@dataclass(frozen=True, slots=True)
class Setup:
    """All a driver is given to connect: its section of the bench file and where to find VISA."""

    name: str
    model: str
    address: str
    channels: Mapping[str, str]  #: device terminal -> channel of this instrument
    visa: Any = ""  #: what ``pyvisa.ResourceManager`` takes: a library object, or ``""``
    laboratory: Laboratory | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    accept_degraded: bool = False  #: play what there is instead of what a limit forbids
    looking: bool = False  #: connect only to look: set nothing, switch nothing
    speed: float = 1.0  #: the instrument's seconds in one of ours; not 1 for a served virtual one


class WaveformSource(Protocol):
    """Plays a waveform on its terminals in hardware time and measures the windows."""

    @property
    def limits(self) -> Limits:
        """What it can do."""

    def identify(self) -> Identity:
        """Ask who it is; raises InstrumentFault when nobody or the wrong model answers."""

    def snapshot(self) -> dict[str, str]:
        """Every setting worth keeping, as the instrument reports it."""

    def check(self, play: Play) -> list[Violation]:
        """Say what stands against playing this, without touching the instrument."""

    def play(self, play: Play, stop: StopRequest) -> Iterator[list[Row]]:
        """Play, yielding readings in chunks while it runs; t counts from `connect`."""

    def make_safe(self) -> None:
        """Bring every level to zero and outputs off; raises InstrumentFault if that failed."""

    def close(self) -> None:
        """Give the connection back; never raises."""


class Station(Protocol):
    """What everything around the sources has in common."""

    def identify(self) -> Identity:
        """Ask who it is; raises InstrumentFault when nobody or the wrong model answers."""

    def snapshot(self) -> dict[str, str]:
        """Every setting worth keeping, as the instrument reports it."""

    def make_safe(self) -> None:
        """Bring it where it harms nobody; raises InstrumentFault if that failed."""

    def close(self) -> None:
        """Give the connection back; never raises."""


class ContactCheck(msgspec.Struct, frozen=True):
    """How to see that the needles touch, before any stress."""

    voltage: float  #: of a read, V
    least: float  #: current that counts as a contact, A
    touches: int  #: touch-downs before it is given up


class Prober(Station, Protocol):
    """Moves the wafer under the needles; its safe state is a chuck in separation.

    Whoever calls it has brought every source to zero with its output off.
    """

    @property
    def contact_check(self) -> ContactCheck | None:
        """How the bench file wants contacts checked."""

    def move(self, site: str) -> str:
        """Separate, stand over a site, and touch it; empty for the site it stands over.

        Returns the site's name.
        """

    def touch(self) -> None:
        """Separate and come down again where the needles stand."""

    def separate(self) -> None:
        """Take the wafer off the needles."""


class Thermostat(Station, Protocol):
    """Brings the sample to a temperature."""

    def reaches(self, temperature: float) -> bool:
        """Whether it can, K."""

    def soak(self, temperature: float, stop: StopRequest) -> None:
        """Go to a temperature in K and wait until it has settled, or until asked to stop."""


class Switch(Station, Protocol):
    """Joins channels of instruments and terminals of the device; its safe state is all open.

    Whoever calls it has brought every source to zero with its output off.
    """

    def route(self, paths: Mapping[str, str]) -> None:
        """Close the relays from terminals to channels (``smu.a``) and open all others."""


class LightSource(Station, Protocol):
    """Lights the sample; its safe state is dark."""

    def shine(self, irradiance: float) -> None:
        """Light with an irradiance in W/m2; zero for dark."""


class Timekeeper(Protocol):
    """The bench's time: the wall clock, or the virtual laboratory's."""

    def now(self) -> float:
        """Seconds since the bench was opened."""

    def wait(self, duration: float, stop: StopRequest) -> None:
        """Let time pass; returns early when asked to stop."""


class Laboratory(Protocol):
    """A virtual laboratory: instruments behind the wire over device models."""

    visa: Any  #: an in-process PyVISA library that answers at the bench file's addresses
    clock: Timekeeper

    def describe(self) -> dict[str, Any]:
        """Device family, preset, grade, citation, seed and noise switches, for the record."""

    def close(self) -> None:
        """Save the devices' state when there is somewhere to save it."""
