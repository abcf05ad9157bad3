"""A device where it sits on a wafer: its currents scaled, or open, or shorted.

The wrapped model does all the physics; what a place does to it is what another area would do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sim_backend.devices.model import (
    Array,
    DeviceModel,
    Levels,
    Piece,
    State,
    Stream,
    ends,
    sees_light,
)

__all__ = ["PlacedDevice"]


class PlacedDevice:
    """A model with all its currents scaled, and a short between its first two terminals.

    Parameters
    ----------
    model
        The device.
    scale
        Of all currents; 0 is an open circuit.
    short
        Conductance between the first two terminals, S.
    """

    def __init__(self, model: DeviceModel, scale: float, short: float = 0.0) -> None:
        self.model, self.scale, self.short = model, scale, short
        self.terminals = model.terminals
        self.threshold = model.threshold
        self.optical = sees_light(model)

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
        charges = self.scale * self.model.advance(state, levels, duration, temperature, stream)
        return self._with_short(charges, self._flux(levels) * duration)

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take the devices through the same pieces `count` times."""
        charges = self.scale * self.model.repeat(state, pieces, count, temperature, stream)
        flux = sum(self._flux(levels) * duration for levels, duration in pieces)
        return self._with_short(charges, flux * count)

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        """Return the current into each terminal at constant levels, A."""
        return self._with_short(self.scale * self.model.current(state, levels), self._flux(levels))

    def conductance(self, state: State) -> Array:
        """Return the conductances, S."""
        return self.scale * self.model.conductance(state) + self.short

    def describe(self) -> dict[str, Any]:
        """Return what the model says, with the scale."""
        return {**self.model.describe(), "scale": self.scale, "short": self.short}

    def _flux(self, levels: Levels) -> float:
        """Return the mean voltage between the first two terminals, V."""
        first, second = (sum(ends(levels.get(name, 0.0))) / 2 for name in self.terminals[:2])
        return first - second

    def _with_short(self, into: Array, flux: float) -> Array:
        if self.short:
            into = into.copy()
            into[0] += self.short * flux
            into[1] -= self.short * flux
        return np.asarray(into)
