"""Filamentary resistive memory as a gap: the physics of the Stanford-PKU model.

State: g, the gap between filament and electrode (Guan, Yu and Wong, 10.1109/LED.2012.2210856; Jiang
et al., 10.1109/TED.2016.2545412)::

    I     = I0 exp(-g / g0) sinh(V / V0)
    T     = T0 + Rth |V I|                                       (Joule heating, steady)
    dg/dt = -v0 exp(-Ea / k T) sinh(gamma (a0 / tox) q V / k T)
    gamma = gamma0 - beta (g / 1 nm)^3,  and no motion while gamma |V| / tox < Fmin

At a constant voltage the speed depends on g alone, so the time that the gap takes from one width to
another is an integral over g. `sim_backend.devices.rram_gap_travel` has it as a table of
polynomials, which is solved for the width at a time: runaway (a hot filament heats itself) costs no
steps, and a pulse cut in two is the same pulse to rounding. Against direct integration the gap is
off by less than 1e-7 of its range (tested). A straight line of the voltage is taken in pieces of
10 mV, each at its middle: SET on a sweep comes within 5 mV, the charge of a sweep is off by less
than 2.5 % and the conductance after it by as much (tested). Below the threshold a line is one piece
while ln G changes by less than 1e-3.

Cycle-to-cycle variation is a log-normal factor on the speed for every excursion; device-to-device
variation one for every device. Below the threshold nothing moves, but the filament dissolves with
the retention time: what is seen of the gap goes to the greatest one, and a pulse begins with what
is seen (`sim_backend.devices.parts.retention`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt
from pydantic import Field

from labctl.errors import BadInput
from labctl.units import Ampere, Metre, Ratio, Unit, Volt
from sim_backend.devices.cells import Cells, Line, Straight, integral
from sim_backend.devices.family import Conditions, Family
from sim_backend.devices.model import Array, State, Stream
from sim_backend.devices.parts.conduction import sinh, sinh_mean
from sim_backend.devices.parts.retention import Retention, left, retention_times
from sim_backend.devices.parts.variation import cycle_factor
from sim_backend.devices.rram_gap_travel import Gap, Travel, travel

__all__ = ["FAMILY", "GapCell", "Initial", "Parameters"]

ElectronVolt = Annotated[float, Unit("eV")]
KelvinPerWatt = Annotated[float, Unit("K/W")]
MetrePerSecond = Annotated[float, Unit("m/s")]
VoltPerMetre = Annotated[float, Unit("V/m")]

_STEP = 0.01  # V
_MOST_TABLES = 64
_SHORT = 1e-6  # change of ln G over which its value in the middle is its mean
_SAME = 1e-3  # change of ln G up to which a line below the threshold is one piece


class Parameters(Retention):
    """The numbers of a cell; see the module's equations."""

    current: Annotated[Ampere, Gt(0)] = Field(description="current factor I0")
    decay_length: Annotated[Metre, Gt(0)] = Field(description="gap g0 that makes it e times less")
    iv_scale: Annotated[Volt, Gt(0)] = Field(description="voltage V0 of the sinh law")
    speed: Annotated[MetrePerSecond, Gt(0)] = Field(description="speed factor v0")
    energy: Annotated[ElectronVolt, Ge(0)] = Field(description="activation energy of the motion")
    thermal: Annotated[KelvinPerWatt, Ge(0)] = Field(description="thermal resistance")
    thickness: Annotated[Metre, Gt(0)] = Field(description="thickness of the oxide tox")
    spacing: Annotated[Metre, Gt(0)] = Field(description="spacing of atoms a0")
    gamma: Annotated[Ratio, Gt(0)] = Field(description="local enhancement of the field, at g = 0")
    beta: Annotated[Ratio, Ge(0)] = Field(description="its loss for a gap of 1 nm")
    field_min: Annotated[VoltPerMetre, Ge(0)] = Field(description="least local field that moves")
    gap_min: Annotated[Metre, Gt(0)] = Field(description="least gap")
    gap_max: Annotated[Metre, Gt(0)] = Field(description="greatest gap")
    threshold: Annotated[Volt, Ge(0)] = Field(description="below it nothing moves")
    cycle_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="cycle-to-cycle: standard deviation of the logarithm of an excursion's speed"
    )
    device_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: standard deviation of the logarithm of the speed"
    )
    noise_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="read noise: relative standard deviation for each decade of 1/f noise"
    )


class Initial(Conditions):
    """How a fresh cell begins."""

    gap: Annotated[Metre, Gt(0)] = Field(description="gap to begin with")


class GapCell(Cells[Parameters]):
    """Any number of cells; meets `sim_backend.devices.model.DeviceModel`.

    Parameters
    ----------
    parameters, initial
        Of all cells before their spread.
    account
        Where the numbers come from.

    Raises
    ------
    BadInput
        The gap to begin with is outside its range.
    """

    terminals = ("top", "bottom")
    between: ClassVar = ("top", "bottom")
    variables: ClassVar = ("g", "factor", "faded")
    varied: ClassVar[Mapping[str, str]] = MappingProxyType({"speed": "device_sigma"})

    def __init__(
        self, parameters: Parameters, initial: Initial, account: Mapping[str, Any]
    ) -> None:
        super().__init__(parameters, initial, account)
        p = parameters
        if not p.gap_min <= initial.gap <= p.gap_max:
            raise BadInput(
                f"a gap of {initial.gap:g} m was asked for; "
                f"it can be {p.gap_min:g} m to {p.gap_max:g} m"
            )
        self._gap = Gap(
            p.current, p.decay_length, p.iv_scale, p.speed, p.energy, p.thermal, p.thickness,
            p.spacing, p.gamma, p.beta, p.field_min, p.gap_min, p.gap_max,
        )  # fmt: skip
        self._tables: dict[tuple[float, float], Travel] = {}

    def _begin(self, state: State) -> None:
        state.row("g")[:] = self.initial.gap
        state.row("factor")[:] = 1.0

    def _step(self, line: Line, duration: float) -> float:
        return _STEP

    def _calm(self, state: State, line: Line, duration: float) -> float:
        return math.inf if self._loses(state, duration) < _SAME else _STEP

    def _loses(self, state: State, duration: float) -> float:
        """Return by how much ln G changes in a rest at most."""
        p = self.parameters
        times = retention_times(p, duration, float(state.row("temperature")[0]))
        return times * p.gap_max / p.decay_length

    def _vary(self, state: State, stream: Stream | None) -> None:
        sigma = self.parameters.cycle_sigma
        key = (state.numbers, state.row("events"))
        state.row("factor")[:] = cycle_factor(stream, *key, sigma, "lognormal")

    def _pass(self, state: State, piece: Straight) -> Array:
        first, last = piece.control
        if piece.largest > self.threshold:
            self._renew(state)
            middle, still = (first + last) / 2, state.row("g")
            if self._gap.holds(still, middle):
                charge = self._gap.amperes(still, middle) * piece.duration
            else:
                table = self._travel(middle, float(state.row("temperature")[0]))
                speed = self._own(state)["speed"] / self.parameters.speed * state.row("factor")
                g, charge = table.move(still, piece.duration * speed)
                state.row("g")[:] = g
                charge = charge / speed
        else:
            charge = np.zeros(state.devices)
            if first or last:
                factor = self._siemens_seconds(state, piece.duration)
                charge = sinh_mean(first, last, factor, self.parameters.iv_scale)
            warm = float(state.row("temperature")[0])
            state.row("faded")[:] += retention_times(self.parameters, piece.duration, warm)
        if charge.any():
            charge = charge * (1.0 + self._noise(state, piece.duration))
        return np.array([charge, -charge])

    def _travel(self, voltage: float, temperature: float) -> Travel:
        """Return the table of a voltage and a temperature, made once."""
        found = self._tables.get((voltage, temperature))
        if found is None:
            if len(self._tables) >= _MOST_TABLES:
                self._tables.clear()
            found = travel(self._gap, voltage, temperature)
            self._tables[voltage, temperature] = found
        return found

    def gap(self, state: State, later: Array | float = 0.0) -> Array:
        """Return the gap as it is, now or some retention times of rest later, m."""
        return left(state.row("g"), self.parameters.gap_max, state.row("faded") + later)

    def _renew(self, state: State) -> None:
        state.row("g")[:] = self.gap(state)
        state.row("faded")[:] = 0.0

    def _factor(self, state: State, later: Array | float = 0.0) -> Array:
        """Return the conductance at 0 V, S."""
        p = self.parameters
        return p.current / p.iv_scale * np.exp(-self.gap(state, later) / p.decay_length)

    def _siemens_seconds(self, state: State, duration: float) -> Array:
        """Return the integral of the conductance at 0 V over a rest."""
        rate = retention_times(self.parameters, 1.0, float(state.row("temperature")[0]))
        lost = self._loses(state, duration)
        if lost < _SHORT:
            return self._factor(state, rate * duration / 2) * duration
        # the conductance is steeper than the gap, by the gap in units of its decay length
        rates = np.full(state.devices, lost / duration)
        return integral(lambda t: self._factor(state, rate * t), duration, rates)

    def _slope(self, state: State) -> Array:
        return self._factor(state)

    def _flow(self, state: State, at: Mapping[str, float]) -> Array:
        voltage = at.get("top", 0.0) - at.get("bottom", 0.0)
        current = sinh(voltage, self.conductance(state), self.parameters.iv_scale)
        return np.array([current, -current])

    def _range(self, state: State) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"g": self.parameters.gap_min}, {"g": self.parameters.gap_max}


FAMILY = Family(
    name="rram-gap",
    title="Filamentary RRAM, gap model",
    summary=(
        "The gap of a filament, moved by field and Joule heat (Stanford-PKU model), without steps "
        "in time. I = I0 exp(-g / g0) sinh(V / V0)."
    ),
    parameters=Parameters,
    initial=Initial,
    build=GapCell,
)
