"""A resistor with a parallel capacitor: for checking an instrument, or as an open circuit.

    I = G V + C dV/dt

It has no memory besides the charge of the capacitor. A step between two levels moves C dV at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge
from pydantic import Field

from labctl.units import Farad, Siemens, Volt
from sim_backend.devices.family import Conditions, Family
from sim_backend.devices.model import (
    TALLY,
    Array,
    Levels,
    Piece,
    State,
    Stream,
    ends,
    excursions,
    spread,
)
from sim_backend.devices.parts.network import stored
from sim_backend.devices.parts.steady import repeat_steadily
from sim_backend.devices.parts.tally import book, count

__all__ = ["FAMILY", "Resistor", "ResistorParameters"]


class ResistorParameters(Conditions):
    """The numbers of a resistor."""

    conductance: Annotated[Siemens, Ge(0)] = Field(description="conductance; 0 is an open circuit")
    capacitance: Annotated[Farad, Ge(0)] = Field(0.0, description="capacitance in parallel")
    threshold: Annotated[Volt, Ge(0)] = Field(
        0.3, description="voltage above which an excursion is counted; it does nothing else"
    )
    device_sigma: Annotated[float, Ge(0)] = Field(
        0.0, description="spread between devices: sigma of the logarithm of the conductance"
    )


class ResistorInitial(Conditions):
    """A resistor always begins without charge."""


class Resistor:
    """An ohmic two-terminal device; see the module's first lines."""

    terminals = ("top", "bottom")
    _names = (*TALLY, "v")

    def __init__(
        self, parameters: ResistorParameters, _: ResistorInitial, account: Mapping[str, Any]
    ) -> None:
        self.parameters = parameters
        self.threshold = parameters.threshold
        self._account = dict(account)

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make uncharged resistors, their conductances spread when asked."""
        rows = _parameters(self.parameters, devices, stream if spread else None, first)
        return State(self._names, np.zeros((len(self._names), devices)), rows, first)

    def advance(
        self,
        state: State,
        levels: Levels,
        duration: float,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take the resistors through straight levels; returns C into each terminal."""
        top, bottom = ends(levels.get("top", 0.0)), ends(levels.get("bottom", 0.0))
        first, last = top[0] - bottom[0], top[1] - bottom[1]
        if not duration > 0:
            return np.zeros((2, state.devices))
        if state.devices == 1:
            return self._advance_one(state, first, last, duration)
        conductance, capacitance = state.parameters
        through = conductance * ((first + last) / 2 * duration)
        size = conductance * (_mean_size(first, last) * duration)
        total = through + stored(capacitance, state.row("v"), last)
        state.row("v")[:] = last
        count(state, first, last, self.threshold)
        book(state, through, size)
        return np.array([total, -total])

    def _advance_one(self, state: State, first: float, last: float, duration: float) -> Array:
        """Do the same with one resistor, in plain numbers: what a meter does at every reading."""
        positive, negative, side, charge, throughput, peak, v = state.values[:, 0].tolist()
        conductance, capacitance = state.parameters[:, 0].tolist()
        through = conductance * ((first + last) / 2 * duration)
        up, down, side = excursions(side, first, last, self.threshold)
        state.values[:, 0] = (
            positive + up, negative + down, side, charge + through,
            throughput + conductance * (_mean_size(first, last) * duration),
            max(peak, abs(first), abs(last)), last,
        )  # fmt: skip
        total = through + capacitance * (last - v)
        return np.array(((total,), (-total,)))

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take the resistors through the same pieces `count` times; steady turns are counted."""
        return repeat_steadily(self, state, pieces, count, temperature)

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        """Return the current into each terminal at constant levels, A."""
        current = state.parameters[0] * (levels.get("top", 0.0) - levels.get("bottom", 0.0))
        return np.array([current, -current])

    def conductance(self, state: State) -> Array:
        """Return the conductances, S."""
        conductances: Array = state.parameters[0].copy()
        return conductances

    def describe(self) -> dict[str, Any]:
        """Return family, preset, grades and parameters."""
        return self._account


def _parameters(
    parameters: ResistorParameters, devices: int, stream: Stream | None, first: int
) -> Array:
    conductances = spread([parameters.conductance], parameters.device_sigma, devices, stream, first)
    return np.vstack([conductances, np.full(devices, parameters.capacitance)])


def _mean_size(first: float, last: float) -> float:
    """Return the mean magnitude of a straight line."""
    if first * last < 0:
        return (first * first + last * last) / (2 * abs(last - first))
    return abs(first + last) / 2


FAMILY = Family(
    name="resistor",
    title="Resistor",
    summary="An ohmic resistor with a capacitor in parallel, for checking an instrument.",
    parameters=ResistorParameters,
    initial=ResistorInitial,
    build=Resistor,
)
