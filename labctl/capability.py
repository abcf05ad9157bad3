"""Capabilities: what a bench can do, as structural types that drivers meet without inheriting.

A driver is found through the entry-point group ``labctl.instruments``: a module with
``connect(setup: Setup) -> WaveformSource`` and ``check(setup, play) -> list[Violation]``, which
needs no connection. A virtual laboratory is found through ``labctl.laboratories``: a function
``(bench file's content, seed, state file or None, pace, site) -> Laboratory``.
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
    "Identity", "Laboratory", "Limits", "Setup", "Timekeeper", "Violation", "WaveformSource",
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


class Identity(msgspec.Struct, frozen=True):
    """What an instrument says it is."""

    name: str  #: name in the bench file
    idn: str  #: the answer to ``*IDN?``
    model: str = ""
    serial: str = ""
    firmware: str = ""
    calibrated: str = ""  #: date of the last calibration, ISO 8601, or empty


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
