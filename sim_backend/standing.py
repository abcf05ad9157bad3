"""A level that stands over a resistor: time passes without asking anybody anything.

A meter that reads again and again lets many short times pass over a device to which nothing
happens. Where that is a resistor behind one voltage source that has arrived at its level, flux and
charge grow in proportion to the time, and so does what the device counts.
"""

from __future__ import annotations

from typing import Protocol

from sim_backend.clock import Clock
from sim_backend.devices.model import TALLY, DeviceModel, State
from sim_backend.devices.resistor import Resistor
from sim_backend.drive import NEVER, Drive

__all__ = ["Standing"]

_CHARGE, _THROUGHPUT = TALLY.index("charge"), TALLY.index("throughput")


class Place(Protocol):
    """What of a fixture is looked at (`sim_backend.fixture.Fixture`)."""

    model: DeviceModel
    state: State
    clock: Clock
    time: float
    drives: list[Drive]


class Standing:
    """A level that has been standing for a while.

    Parameters
    ----------
    place
        The fixture, with one drive over one resistor.
    """

    __slots__ = ("_current", "_drive", "_model", "_path", "_place", "_state", "_v")

    def __init__(self, place: Place) -> None:
        self._place, self._model, self._state = place, place.model, place.state
        (self._drive,) = place.drives
        self._path, self._v = self._drive.path, self._drive.v
        self._current = float(place.state.parameters[0, 0]) * self._v

    @classmethod
    def over(cls, place: Place) -> Standing | None:
        """Return the level that stands in a fixture; None where it, or something else, moves."""
        if len(place.drives) != 1 or type(place.model) is not Resistor or place.state.devices != 1:
            return None
        (drive,) = place.drives
        arrived = place.time > drive.path[-1][0] and drive.v == drive.path[-1][1]
        if drive.kind != "v" or drive.resistance or drive.clamped or not arrived:
            return None
        standing = cls(place)
        return standing if abs(standing._current) <= drive.bound else None

    def last(self, now: float) -> bool:
        """Let time pass up to `now`; False, with nothing done, if something has been moved."""
        drive, place, state = self._drive, self._place, self._state
        if drive.path is not self._path or drive.v != self._v:
            return False
        if place.state is not state or place.model is not self._model:
            return False
        if drive.clamped or drive.acts_at != NEVER or len(place.drives) != 1 or drive.resistance:
            return False
        duration = now - place.time
        charge = self._current * duration
        drive.charge += charge
        drive.flux += self._v * duration
        values = state.values
        values[_CHARGE, 0] += charge
        values[_THROUGHPUT, 0] += abs(charge)
        place.time = now
        return True
