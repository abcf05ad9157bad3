"""A domain-wall synapse: a current along a notched track moves a wall under a tunnel junction.

The write current flows from the gate (one end of the track) to the source (the other end) through
the resistance of the track, and moves the wall as in `sim_backend.devices.domain_wall_track`. The
junction on the track is read from drain to source; the part of it that the wall has passed is
parallel::

    G(V) = G_AP(V) + (G_P - G_AP(V)) x       x = place of the wall / (notches - 1)

with the magnetoresistance of `sim_backend.devices.mtj_junction`. The current of a read does not
move the wall, and the voltage that the write current leaves at the source is not modelled.

At rest the wall stays, whatever the time: hopping without a current is left out (with a stability
of 40 it takes years). A pulse cut in two is the same pulse; a ramp is cut at multiples of 10 mV
and each part taken at its mean (a relative error of the rates below 1e-2 near the threshold). A
track that breaks down opens at its moment, and the wall falls into the nearer notch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Le
from pydantic import Field

from labctl.errors import BadInput
from labctl.units import Ampere, Kelvin, Metre, Ohm, Ratio, Second, Unit, Volt
from sim_backend.devices.domain_wall_track import Track, Wall, push, waits
from sim_backend.devices.family import Conditions, Family
from sim_backend.devices.hzo_cycling import repeat_ends
from sim_backend.devices.model import (
    TALLY,
    Array,
    Levels,
    Piece,
    State,
    Stream,
    ends,
)
from sim_backend.devices.mtj_junction import Rates, antiparallel_mean, panels
from sim_backend.devices.mtj_strain import strain
from sim_backend.devices.parts.fluctuation import one_over_f, one_over_f_mean
from sim_backend.devices.parts.tally import book, count
from sim_backend.devices.parts.variation import cycle_factor, drawn
from sim_backend.devices.parts.wear import Wear, endurance, standing

__all__ = ["FAMILY", "DomainWallSynapse", "Initial", "Parameters"]

MetrePerSecond = Annotated[float, Unit("m/s")]

_OWN = ("place", "flying", "left", "departures", "age", "excursion", "factor", "damage")
_FASTEST, _SLOWEST = 1e-6, 1e5  # periods of the 1/f noise, s


class Parameters(Wear):
    """The numbers of a synapse."""

    notches: Annotated[Ratio, Ge(2), Le(1000)] = Field(description="places where the wall holds")
    pitch: Annotated[Metre, Gt(0)] = Field(description="distance between notches")
    track: Annotated[Ohm, Gt(0)] = Field(description="resistance of the track, gate to source")
    critical: Annotated[Ampere, Gt(0)] = Field(description="current Ic below which nothing moves")
    depinning: Annotated[Ampere, Gt(0)] = Field(
        description="current Id that takes the barrier of a notch away"
    )
    taper: Annotated[Ratio, Ge(0), Le(1)] = Field(
        0.0, description="relative rise of the depinning current along the track"
    )
    velocity: Annotated[MetrePerSecond, Gt(0)] = Field(description="at the depinning current")
    stability: Annotated[Ratio, Gt(0)] = Field(description="Delta of a notch, barrier over k T")
    attempt: Annotated[Second, Gt(0)] = Field(description="attempt time tau0")
    precession: Annotated[Second, Gt(0)] = Field(
        description="time taup of leaving at twice the depinning current"
    )
    exponent: Annotated[Ratio, Ge(1), Le(2)] = Field(description="n in the barrier (1 - I/Id)^n")
    resistance: Annotated[Ohm, Gt(0)] = Field(description="of the junction, all parallel")
    ratio: Annotated[Ratio, Gt(0)] = Field(description="tunnel magnetoresistance at zero voltage")
    half: Annotated[Volt, Gt(0)] = Field(description="voltage that halves the magnetoresistance")
    reference: Annotated[Kelvin, Gt(0)] = Field(300.0, description="temperature of the numbers")
    cycle_sigma: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="cycle-to-cycle: relative spread of the depinning current of an excursion"
    )
    device_sigma: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="device-to-device: sigma of the logarithm of currents and resistances"
    )
    read_sigma: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="1/f noise: relative standard deviation per decade of frequency"
    )


class Initial(Conditions):
    """How a fresh synapse begins."""

    place: Annotated[Ratio, Ge(0), Le(1)] = Field(
        0.0, description="place of the wall along the track; the nearest notch is taken"
    )


class DomainWallSynapse:
    """Any number of synapses; meets `sim_backend.devices.model.DeviceModel`.

    Parameters
    ----------
    parameters, initial
        Of all synapses before their spread.
    account
        Where the numbers come from.

    Raises
    ------
    BadInput
        The depinning current is not above the critical one at every notch.
    """

    terminals = ("drain", "source", "gate")
    _names = (*TALLY, *_OWN)

    def __init__(
        self, parameters: Parameters, initial: Initial, account: Mapping[str, Any]
    ) -> None:
        p = parameters
        if p.depinning * (1.0 - p.taper / 2) <= p.critical:
            raise BadInput(
                f"a depinning current of {p.depinning:g} A with a taper of {p.taper:g} was asked "
                f"for; at every notch it must be above the critical current, {p.critical:g} A"
            )
        self.parameters, self.initial = p, initial
        self.threshold = p.critical * p.track
        self._account = dict(account)

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make synapses with the wall at the notch nearest to the initial place."""
        p, given = self.parameters, stream if spread else None
        nominal = [1.0, 1.0 / p.track, 1.0 / p.resistance, p.ratio]
        own = drawn(nominal, p.device_sigma, devices, given, first)
        stands = endurance(given, first + np.arange(devices), p.breakdown_shape)
        values = np.zeros((len(self._names), devices))
        state = State(self._names, values, np.vstack([own, stands]), first)
        state.row("place")[:] = round(self.initial.place * (p.notches - 1))
        state.row("left")[:] = -1.0  # drawn when it is first needed
        state.row("factor")[:] = 1.0
        return state

    def advance(
        self,
        state: State,
        levels: Levels,
        duration: float,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all synapses through straight levels; returns C into each terminal."""
        if not duration > 0:
            return np.zeros((3, state.devices))
        drain, source, gate = (ends(levels.get(name, 0.0)) for name in self.terminals)
        age, fresh = state.row("age").copy(), state.row("left") < 0
        if fresh.any():
            drawn_ = waits(stream, state.numbers, state.row("departures"))
            np.copyto(state.row("left"), drawn_, where=fresh)
        write, read = np.zeros(state.devices), np.zeros(state.devices)
        pieces = panels(gate[0] - source[0], gate[1] - source[1], duration)
        done, slope = 0.0, (drain[1] - source[1] - drain[0] + source[0]) / duration
        for first, last, length in pieces:
            passed, place = self._push(state, (first, last, length), temperature, stream)
            write += passed * state.parameters[1] * (first + last) / 2
            start = drain[0] - source[0] + slope * done
            read += length * self._read_mean(state, start, start + slope * length, place)
            done += length
        noise = one_over_f_mean(
            state.noise, state.numbers, age, duration, self.parameters.read_sigma,
            _FASTEST, _SLOWEST,
        )  # fmt: skip
        state.row("age")[:] += duration
        read *= 1.0 + noise
        book(state, read)
        return np.array([read, -(read + write), write])

    def _push(
        self,
        state: State,
        line: tuple[float, float, float],
        temperature: float,
        stream: Stream | None,
    ) -> tuple[Array, Array]:
        """Move the walls; returns how long the track conducts, s, and the mean place in notches."""
        p, (first, last, length) = self.parameters, line
        if count(state, first, last, self.threshold):
            state.row("excursion")[:] += 1
            event = state.row("excursion").astype(np.int64)
            state.row("factor")[:] = cycle_factor(stream, state.numbers, event, p.cycle_sigma)
        damage, each = state.row("damage"), strain(p, first, last, length)
        passed = length * standing(damage, each, state.parameters[4])
        damage += each
        wall = Wall(*(state.row(name) for name in ("place", "flying", "left", "departures")))
        current = state.parameters[1] * (first + last) / 2
        track = self._how(state, temperature)
        total = push(wall, track, current, passed, stream, state.numbers)
        if (passed < length).any():
            total += push(wall, track, 0.0 * current, length - passed, stream, state.numbers)
        return passed, total / length

    def _how(self, state: State, temperature: float) -> Track:
        p = self.parameters
        stability = np.full(state.devices, p.stability * p.reference / temperature)
        rates = Rates(stability, stability, p.attempt, p.precession, p.exponent)
        scale = state.parameters[0]
        least = p.critical * scale * 1.01 / (1.0 - p.taper / 2)
        depinning = np.maximum(p.depinning * scale * state.row("factor"), least)
        return Track(
            round(p.notches), p.critical * scale, depinning, p.taper, p.velocity / p.pitch, rates
        )

    def _track(self, state: State) -> Array:
        """Return the conductance of the track; one that has broken is open."""
        return np.where(state.row("damage") >= state.parameters[4], 0.0, state.parameters[1])

    def _read_mean(self, state: State, first: float, last: float, place: Array) -> Array:
        """Return the mean current of the junction on a line of its voltage, A."""
        share = place / (self.parameters.notches - 1.0)
        other = antiparallel_mean(first, last, state.parameters[3], self.parameters.half)
        through: Array = state.parameters[2] * (share * (first + last) / 2 + (1.0 - share) * other)
        return through

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all synapses through the same pieces `count` times.

        Of more than a few hundred turns the first and the last 64 are played. What those between
        count is taken from the first ones; the wall is where they left it when the last ones begin.
        """
        return repeat_ends(
            self, state, pieces, count, temperature, stream,
            ("positive", "negative", "excursion", "departures"), ("age", "damage"),
        )  # fmt: skip

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        """Return the current into each terminal at constant levels, A."""
        drain, source, gate = (levels.get(name, 0.0) for name in self.terminals)
        noise = one_over_f(
            state.noise, state.numbers, state.row("age"), self.parameters.read_sigma,
            _FASTEST, _SLOWEST,
        )  # fmt: skip
        read = self._read_mean(state, drain - source, drain - source, state.row("place"))
        read = read * (1.0 + noise)
        write = self._track(state) * (gate - source)
        return np.array([read, -(read + write), write])

    def conductance(self, state: State) -> Array:
        """Return the conductances of the junctions at zero voltage, S."""
        conductance: Array = self.current(state, {"drain": 1e-6})[0] / 1e-6
        return conductance

    def describe(self) -> dict[str, Any]:
        """Return family, preset, grades and parameters."""
        return self._account


FAMILY = Family(
    name="domain-wall",
    title="Domain-wall synapse",
    summary=(
        "A current along a notched track moves a domain wall, which waits at a notch by chance; a "
        "tunnel junction on the track reads its place."
    ),
    parameters=Parameters,
    initial=Initial,
    build=DomainWallSynapse,
)
