"""A capacitor with leakage and a resistance in series: for checking an instrument.

    C du/dt = (v - u) / R - G u

u is the voltage on the plates, v that on the terminals, R the resistance in series, G the leakage
between the plates. At a level, and on a straight line, u is an exponential and a straight line with
the time constant R C / (1 + R G), so that everything is in closed form. Without a resistance u is
v, and a step moves its charge at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt
from pydantic import Field

from labctl.units import Farad, Ohm, Ratio, Siemens, Volt
from sim_backend.devices.family import Conditions, Family
from sim_backend.devices.model import TALLY, Array, Levels, Piece, State, Stream, ends
from sim_backend.devices.parts.relaxation import decay, decay_integral
from sim_backend.devices.parts.steady import repeat_steadily
from sim_backend.devices.parts.tally import book, count
from sim_backend.devices.parts.variation import drawn

__all__ = ["FAMILY", "Capacitor", "CapacitorParameters"]

_SHORTEST = 1e-100  # s: a time constant that is none


class CapacitorParameters(Conditions):
    """The numbers of a capacitor."""

    capacitance: Annotated[Farad, Gt(0)] = Field(description="capacitance")
    leakage: Annotated[Siemens, Ge(0)] = Field(0.0, description="conductance between the plates")
    resistance: Annotated[Ohm, Ge(0)] = Field(0.0, description="resistance in series")
    threshold: Annotated[Volt, Ge(0)] = Field(
        0.3, description="voltage above which an excursion is counted; it does nothing else"
    )
    device_sigma: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="spread between devices: sigma of the logarithm of the capacitance"
    )


class CapacitorInitial(Conditions):
    """How a capacitor begins."""

    voltage: Volt = Field(0.0, description="voltage on the plates to begin with")


class Capacitor:
    """A two-terminal capacitor; see the module's first lines."""

    terminals = ("top", "bottom")
    _names = (*TALLY, "u")

    def __init__(
        self,
        parameters: CapacitorParameters,
        initial: CapacitorInitial,
        account: Mapping[str, Any],
    ) -> None:
        self.parameters = parameters
        self.initial = initial
        self.threshold = parameters.threshold
        self._account = dict(account)

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make capacitors of the initial voltage, their capacitances spread when asked."""
        p = self.parameters
        nominal, sigmas = (p.capacitance, p.leakage, p.resistance), (p.device_sigma, 0.0, 0.0)
        rows = drawn(nominal, sigmas, devices, stream if spread else None, first)
        values = np.zeros((len(self._names), devices))
        values[-1] = self.initial.voltage
        return State(self._names, values, rows, first)

    def advance(
        self,
        state: State,
        levels: Levels,
        duration: float,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take the capacitors through straight levels; returns C into each terminal."""
        if not duration > 0:
            return np.zeros((2, state.devices))
        (a, b), (c, d) = ends(levels.get("top", 0.0)), ends(levels.get("bottom", 0.0))
        first, last = a - c, b - d
        capacitance, leakage, resistance = state.parameters
        share = 1.0 / (1.0 + resistance * leakage)
        tau = np.maximum(share * resistance * capacitance, _SHORTEST)
        # the straight line that u approaches, and how far it is from it at the start
        lag = share * tau * ((last - first) / duration)
        start = share * first - lag
        u = state.row("u")
        off = u - start
        after = share * last - lag + decay(off, duration, tau)
        mean = share * (first + last) / 2 - lag
        flux = mean * duration + decay_integral(off, duration, tau)
        charge = capacitance * (after - u) + leakage * flux
        u[:] = after
        count(state, first, last, self.threshold)
        book(state, charge)
        return np.array([charge, -charge])

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take the capacitors through the same pieces `count` times; steady turns are counted."""
        return repeat_steadily(self, state, pieces, count, temperature)

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        """Return the current into each terminal at constant levels, A.

        Without a resistance in series it is the leakage alone.
        """
        v = levels.get("top", 0.0) - levels.get("bottom", 0.0)
        _, leakage, resistance = state.parameters
        through = (v - state.row("u")) / np.where(resistance > 0, resistance, 1.0)
        current = np.where(resistance > 0, through, leakage * v)
        return np.array([current, -current])

    def conductance(self, state: State) -> Array:
        """Return the conductances that a constant voltage meets in the end, S."""
        _, leakage, resistance = state.parameters
        conductances: Array = leakage / (1.0 + resistance * leakage)
        return conductances

    def describe(self) -> dict[str, Any]:
        """Return family, preset, grades and parameters."""
        return self._account


FAMILY = Family(
    name="capacitor",
    title="Capacitor",
    summary="A capacitor with leakage and a resistance in series, for checking an instrument.",
    parameters=CapacitorParameters,
    initial=CapacitorInitial,
    build=Capacitor,
)
