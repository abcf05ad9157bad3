"""A device under a light-emitting diode: the diode is one more terminal of the whole.

    I = (V - forward voltage) / resistance above the forward voltage, none below
    irradiance on the device = efficiency I

The line is what is left of a diode's characteristic at working currents. No delay: the turn-on of a
diode (tens of nanoseconds) is short against anything a photoconductor does.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Gt
from pydantic import BaseModel, ConfigDict

from labctl.errors import BadInput
from labctl.units import Ohm, Unit, Volt
from sim_backend.devices.model import (
    Array,
    DeviceModel,
    Level,
    Levels,
    Piece,
    State,
    Stream,
    ends,
    sees_light,
    wavelength_of,
)

__all__ = ["LED", "Diode", "LitDevice"]

LED = "led"  #: name of the diode's terminal; its other one is at ground


class Diode(BaseModel):
    """The section ``[simulation.light]`` of a bench file: a diode over the device."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    port: str  #: optical port that it lights, ``"light 450 nm"``
    efficiency: Annotated[float, Unit("W/m2/A"), Gt(0)]  #: irradiance on the device for 1 A
    forward_voltage: Annotated[Volt, Gt(0)]
    resistance: Annotated[Ohm, Gt(0)] = 10.0


class LitDevice:
    """A model with optical ports, one of them lit by a diode at the terminal ``led``.

    Parameters
    ----------
    model
        The device.
    diode
        Over it.

    Raises
    ------
    BadInput
        The device does not see light, or the port is not an optical one.
    """

    optical = True

    def __init__(self, model: DeviceModel, diode: Diode) -> None:
        if not sees_light(model) or wavelength_of(diode.port) is None:
            raise BadInput(
                f'a diode was put over "{diode.port}"; write the port as "light 450 nm" and take '
                "a device that sees light"
            )
        self.model, self.diode = model, diode
        self.terminals = (*model.terminals, LED)
        self.threshold = model.threshold

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make devices as the model does."""
        return self.model.fresh(devices, stream, spread=spread, first=first)

    def advance(
        self,
        state: State,
        levels: Levels,
        duration: float,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take the devices through straight levels; returns C into each terminal."""
        total = np.zeros((len(self.terminals), state.devices))
        for piece, length in self._lit(levels, duration):
            lit = piece.get(self.diode.port, 0.0)
            total[:-1] += self.model.advance(state, piece, length, temperature, stream)
            total[-1] += sum(ends(lit)) / 2 / self.diode.efficiency * length
        return total

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take the devices through the same pieces `count` times."""
        lit = [part for levels, duration in pieces for part in self._lit(levels, duration)]
        charges = self.model.repeat(state, lit, count, temperature, stream)
        dose = sum(sum(ends(levels.get(self.diode.port, 0.0))) / 2 * t for levels, t in lit)
        through = np.full((1, state.devices), dose / self.diode.efficiency * count)
        return np.vstack([charges, through])

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        """Return the current into each terminal at constant levels, A."""
        through = self._through(levels.get(LED, 0.0))
        below = {name: level for name, level in levels.items() if name != LED}
        below[self.diode.port] = self.diode.efficiency * through
        inside = self.model.current(state, below)
        return np.vstack([inside, np.full((1, state.devices), through)])

    def conductance(self, state: State) -> Array:
        """Return the conductances in the dark, S."""
        return self.model.conductance(state)

    def describe(self) -> dict[str, Any]:
        """Return what the model says, with the diode."""
        return {**self.model.describe(), "light": self.diode.model_dump()}

    def _through(self, voltage: float) -> float:
        return max(0.0, voltage - self.diode.forward_voltage) / self.diode.resistance

    def _lit(self, levels: Levels, duration: float) -> Iterator[tuple[dict[str, Level], float]]:
        """Yield straight pieces with the diode's voltage as irradiance, cut where it turns on."""
        first, last = ends(levels.get(LED, 0.0))
        edge = self.diode.forward_voltage
        shares = [0.0, 1.0]
        if (first - edge) * (last - edge) < 0:
            shares.insert(1, (edge - first) / (last - first))
        for begin, end in itertools.pairwise(shares):
            part: dict[str, Level] = {
                name: _between(level, begin, end) for name, level in levels.items() if name != LED
            }
            through = (self._through(first + (last - first) * share) for share in (begin, end))
            lit = tuple(self.diode.efficiency * current for current in through)
            if any(lit):
                part[self.diode.port] = (lit[0], lit[1]) if lit[0] != lit[1] else lit[0]
            yield part, (end - begin) * duration


def _between(level: Level, begin: float, end: float) -> Level:
    if not isinstance(level, tuple):
        return level
    first, last = level
    return first + (last - first) * begin, first + (last - first) * end
