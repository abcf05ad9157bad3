"""A ferroelectric tunnel junction: one state model for the synapse of Nie et al. (2025).

State: p, the lasting polarisation (0 to 1); v1, polarisation that switches back; v2, oxygen
vacancies that diffuse back; z, their slow pile-up; c, the trace that the unrelaxed part leaves; s,
the charge that screens a voltage which stays. v1, v2, z are signed lowerings of the barrier, in
units of ln G, so that G = Gmin (Gmax / Gmin)^p exp(v1 + v2 + z). With X = exp((|V| - 1 V) / vd),
Y = exp((|V| - 1 V) / vp), a = max(0, 1 - |s| / X), and W = X but below `creep`, where it falls
e-fold every vc, below the threshold of 0.3 V::

    dvi/dt = -vi / ti        dz/dt = -z / tz        dc/dt = (v1 + v2 - lam z - c) / tc
    ds/dt = -s / ts          dp/dt = -(1 / (2 bp tp)) sinh(bp (2 p - 1))

and above it, for V > 0 / for V < 0::

    dvi/dt = (u W / w0) (m_ip - vi) - vi / ti    /    (u W / w0) (-m_in - vi) - vi / ti
    dz/dt  = (uz a W / w0) (1 - z)               /    (uz a W / w0) (-mzn - z)
    dp/dt  = (a Y W/X / w0) max(0, e0 + ka c + al c^2) (1 - p)    /    -(a W / w0) al c^2 p
    ds/dt  = (X - s) / ts    /    (-X - s) / ts     dc/dt = 0

t1 is activated with 0.23 eV, t2 and tz with 0.70 eV; t2 is t2p while v2 > 0, t2n while v2 < 0.

Why each term. Exponential in the sum: tunnelling through a barrier whose changes add up. p, vp:
cooperative growth of domains. v1, v2: what the source tells apart by its two activation energies.
m: finite switchable area and mobile charge. vc: at low fields walls and vacancies creep, the more
steeply the lower the field; so a slow sweep begins to move them little by little, and not with a
step at the threshold. c^2: domains written on top of unrelaxed ones stay,
whichever the sign of the residue; what relaxes leaves the trace, so it stands still while a voltage
drives. ka c: vacancies at the right interface help. -lam z: the pile-up repels further lasting
switching. s: charge at the interfaces follows a voltage within ts and takes the field away, so that
it is the rise of a voltage that switches for good, not its length: a sweep of seconds does what a
few pulses of its peak do, and nothing runs away. (ts is long against the source's pulses and short
against its intervals, so its figures hardly know it.) sinh: the depolarising field, in proportion
to 2 p - 1, helps thermal hopping, so that a full state loses in the logarithm of time and all end
half-way.

Current: thermionic emission in the low state, tunnelling (direct up to the threshold,
Fowler-Nordheim above) in the high state, as the source finds; the logarithms mix by the share
1 / (1 + (cross / G)^steep). Up to the threshold emission is ohmic. The shape does not depend on
the temperature. There is no series resistance (that of the probe is the fixture's) and no
capacitance: 5 pF in 900 um2 are charged through a probe within nanoseconds.

An excursion begins where the voltage passes the threshold and ends where it has come back below
nine tenths of it. The cycle-to-cycle variation is one factor on all rates for each. Wear: after N
excursions the share N / (N + endurance) of the domains is pinned and switches no more. Noise: 1/f
and telegraph noise of the conductance, by age.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from labctl.errors import BadInput
from labctl.kernels import kernels
from sim_backend.devices.family import Family
from sim_backend.devices.ftj_current import (
    Line,
    excited,
    flow,
    lines_of,
    log_conductance,
    rested,
    shape,
)
from sim_backend.devices.ftj_kinetics import PARAMETERS, VARIABLES, Rates, Variables
from sim_backend.devices.ftj_parameters import Initial, Parameters, rates_of
from sim_backend.devices.model import (
    TALLY,
    Array,
    Levels,
    Piece,
    State,
    Stream,
    released,
    spread,
    turns_of,
)
from sim_backend.devices.parts.fluctuation import one_over_f_mean, telegraph_mean

__all__ = ["FAMILY", "Initial", "Parameters", "TunnelJunction"]

_FIRST = len(TALLY)
_LAST = _FIRST + len(VARIABLES)
_MOST_READY = 16  # temperatures for which rates are kept
_COMPILED_FROM = 8  # devices; for fewer, plain Python is as fast
_MANY_LINES = 3_000  # lines times devices from which a train is compiled all the same
_AT_ONCE = 65_536  # lines times devices of a train that are played before a stop is heard
_PIECEWISE = 64  # turns of which every piece has a fluctuation of its own
_KERNELS = "sim_backend.devices.kernels.junction"


class _Ready:
    """The rates of all junctions at one temperature."""

    def __init__(self, matrix: Array) -> None:
        self.matrix = matrix
        self.rates = [Rates(*column) for column in matrix.T.tolist()]
        self._stream: Stream | None = None
        self._ways: list[_Way] = []

    def ways(self, parameters: Parameters, first: int, stream: Stream | None) -> list[_Way]:
        """Return a way for every junction, made once for a stream."""
        if not self._ways or stream is not self._stream:
            self._ways = [
                _Way(parameters, first + device, rates, stream)
                for device, rates in enumerate(self.rates)
            ]
            self._stream = stream
        return self._ways


class TunnelJunction:
    """Any number of junctions; meets `sim_backend.devices.model.DeviceModel`.

    Parameters
    ----------
    parameters, initial
        Of all junctions before their spread.
    account
        Where the numbers come from.

    Raises
    ------
    BadInput
        The initial conductance is not one that a relaxed junction can have.
    """

    terminals = ("top", "bottom")
    _names = (*TALLY, *VARIABLES, "excursion", "factor", "age")

    def __init__(
        self, parameters: Parameters, initial: Initial, account: Mapping[str, Any]
    ) -> None:
        self.parameters = parameters
        self.initial = initial
        self.threshold = parameters.threshold
        self._edges = (parameters.threshold, max(parameters.threshold, parameters.creep))
        self._account = dict(account)
        self._noisy = parameters.flicker > 0 or parameters.telegraph > 0
        if not parameters.gmin <= initial.conductance <= parameters.gmax:
            raise BadInput(
                f"a junction of {initial.conductance:g} S was asked for; relaxed it has "
                f"{parameters.gmin:g} S to {parameters.gmax:g} S"
            )

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make relaxed junctions, all of the initial conductance."""
        values = np.zeros((len(self._names), devices))
        drawn = self._drawn(devices, stream if spread else None, first)
        low, high = (drawn[PARAMETERS.index(name)] for name in ("gmin", "gmax"))
        share = np.log(self.initial.conductance / low) / np.log(high / low)
        values[_FIRST] = np.clip(share, 0.0, 1.0)
        return State(self._names, values, drawn, first)

    def _drawn(self, devices: int, stream: Stream | None, first: int) -> Array:
        nominal = [getattr(self.parameters, name) for name in PARAMETERS]
        return spread(nominal, self.parameters.device_sigma, devices, stream, first)

    def _ready(self, state: State, temperature: float) -> _Ready:
        """Return the rates of every junction at a temperature, made once."""
        found: _Ready | None = state.ready.get(temperature)
        if found is None:
            if len(state.ready) >= _MOST_READY:
                state.ready.clear()
            found = _Ready(rates_of(state.parameters, self.parameters, temperature))
            state.ready[temperature] = found
        return found

    # time ---------------------------------------------------------------------------------------

    def advance(
        self,
        state: State,
        levels: Levels,
        duration: float,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all junctions through straight levels; returns C into each terminal."""
        return self._through(state, lines_of(levels, duration, self._edges), 1, temperature, stream)

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all junctions through the same pieces `count` times.

        A turn that leaves a junction as it found it is not done again: without cycle-to-cycle
        variation, wear and noise a train without end costs no more than the way to its steady
        state. What a conductance fluctuates is looked up piece by piece for the first 64 turns;
        the others have its mean over all their time (it acts on the charge, not on the state).
        """
        lines = [lines_of(levels, duration, self._edges) for levels, duration in pieces]
        total, left = np.zeros((2, state.devices)), count
        if self._fluctuates(state):
            left -= min(count, _PIECEWISE)
            for piece in lines * (count - left):
                total += self._through(state, piece, 1, temperature, stream)
        every = [line for piece in lines for line in piece]
        steady = stream is None and not self.parameters.endurance
        together = left if steady else _AT_ONCE // (len(every) * state.devices)
        for turns in turns_of(state, left, max(1, together)):
            total += self._through(state, every, turns, temperature, stream)
        return total

    def _through(
        self,
        state: State,
        lines: Sequence[Line],
        turns: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all junctions through lines of the voltage, `turns` times."""
        ready, devices = self._ready(state, temperature), len(state.values[0])
        gains = self._gains(state, turns * sum(line[2] for line in lines))
        many = devices >= _COMPILED_FROM or turns * len(lines) * devices >= _MANY_LINES
        fast = kernels(_KERNELS) if many else None
        if fast is not None and lines:
            charges = fast.through(
                state.values, ready.matrix, gains, np.array(lines), turns, state.first,
                self._first_word(stream), stream is not None, self.parameters.cycle_sigma,
                self.parameters.endurance,
            )  # fmt: skip
            return np.array([charges, -charges])
        moved = []
        for device, way in enumerate(ready.ways(self.parameters, state.first, stream)):
            row = state.values[:, device].tolist()
            way.gain = gains[device]
            moved.append(way.once(row, lines) if turns == 1 else way.turns(row, lines, turns))
            state.values[:, device] = row
        return np.array([moved, [-charge for charge in moved]])

    @staticmethod
    def _first_word(stream: Stream | None) -> np.uint64:
        return np.uint64(0 if stream is None else stream.start)

    # looks --------------------------------------------------------------------------------------

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        """Return the current into each terminal at constant levels, A."""
        voltage = levels.get("top", 0.0) - levels.get("bottom", 0.0)
        if voltage == 0.0:
            return np.zeros((2, state.devices))
        rates = self._ready(state, self.parameters.reference).rates
        law = shape(voltage, rates[0])  # shared by all
        sign = 1.0 if voltage > 0 else -1.0
        if len(rates) == 1 and not self._noisy:
            i = sign * flow(log_conductance(_columns(state)[0], rates[0]), law, rates[0])
            return np.array(((i,), (-i,)))
        currents = [
            sign * gain * flow(log_conductance(column, r), law, r)
            for column, r, gain in zip(_columns(state), rates, self._gains(state, 0.0), strict=True)
        ]
        return np.array([currents, [-i for i in currents]])

    def conductance(self, state: State) -> Array:
        """Return dI/dV at zero, S."""
        rates = self._ready(state, self.parameters.reference).rates
        logs = [log_conductance(s, r) for s, r in zip(_columns(state), rates, strict=True)]
        conductances: Array = np.exp(logs) * self._gains(state, 0.0)
        return conductances

    def _fluctuates(self, state: State) -> bool:
        return self._noisy and state.noise is not None

    def _gains(self, state: State, duration: float) -> Sequence[float] | Array:
        """Return the factors by which conductances are off, on average over a time to come."""
        if not self._noisy or state.noise is None:
            devices = len(state.values[0])
            return _ONE if devices == 1 else np.ones(devices)
        p, age = self.parameters, state.row("age")
        numbers = state.numbers
        flicker = one_over_f_mean(
            state.noise, numbers, age, duration, p.flicker, p.flicker_fast, p.flicker_slow
        )
        if p.telegraph == 0:
            return 1.0 + flicker
        low = telegraph_mean(state.noise, numbers, age, duration, p.capture, p.emission)
        return 1.0 + flicker - p.telegraph * low

    def describe(self) -> dict[str, Any]:
        """Return family, preset, grades and parameters."""
        return self._account


_ONE = (1.0,)


def _columns(state: State) -> list[Variables]:
    columns: list[Variables] = state.values[_FIRST:_LAST].T.tolist()  # lists of six will do
    return columns


class _Way:
    """One junction on its way through lines of the voltage, in plain Python.

    `sim_backend.devices.kernels.junction` does the same for many.
    """

    __slots__ = ("endurance", "gain", "number", "rates", "sigma", "steady", "stream", "threshold")

    def __init__(
        self,
        parameters: Parameters,
        number: int,
        rates: Rates,
        stream: Stream | None,
    ) -> None:
        self.number, self.rates, self.stream, self.gain = number, rates, stream, 1.0
        self.threshold = parameters.threshold
        self.sigma, self.endurance = parameters.cycle_sigma, parameters.endurance
        self.steady = stream is None and not parameters.endurance

    def turns(self, row: list[float], lines: Sequence[Line], count: int) -> float:
        """Take one junction, its tally first in the row, through the lines; returns C."""
        total = 0.0
        for done in range(count):
            before = row[:]
            charge = self.once(row, lines)
            total += charge
            if self.steady and before[_FIRST:_LAST] == row[_FIRST:_LAST] and before[2] == row[2]:
                left = count - done - 1
                _multiplied(row, before, left)
                return total + left * charge
        return total

    def once(self, row: list[float], lines: Sequence[Line]) -> float:
        """Go through the lines once; returns C."""
        positive, negative, side, passed, throughput, peak, p, v1, v2, z, c, s, *rest = row
        excursion, factor, age = rest
        state: Variables = (p, v1, v2, z, c, s)
        threshold, rates, total = self.threshold, self.rates, 0.0
        for first, last, length in lines:
            highest = max(abs(first), abs(last))
            if highest <= threshold:
                side = 0.0 if released(first, last, threshold) else side
                state, charge = rested(state, first, last, length, rates)
            else:
                sign = 1.0 if first + last > 0 else -1.0
                if sign != side:
                    side, excursion = sign, excursion + 1
                    positive, negative = positive + (sign > 0), negative + (sign < 0)
                    factor = self.factor(int(excursion))
                loose = self.loose(positive + negative)
                state, charge = excited(state, first, last, length, factor, loose, rates)
            charge *= self.gain
            peak, age = max(peak, highest), age + length
            total += charge
            throughput += abs(charge)
        row[:] = (
            positive, negative, side, passed + total, throughput, peak, *state, excursion, factor,
            age,
        )  # fmt: skip
        return total

    def factor(self, excursion: int) -> float:
        """Return the factor on all rates of one excursion."""
        if self.stream is None:
            return 1.0
        return max(0.0, 1.0 + self.sigma * self.stream.normal(self.number, excursion))

    def loose(self, excursions: float) -> float:
        """Return the share of the domains that are not pinned."""
        return self.endurance / (self.endurance + excursions) if self.endurance else 1.0


def _multiplied(row: list[float], before: list[float], count: int) -> None:
    """Do the turn that led from `before` to `row` `count` times more, in all that is counted."""
    for k in (0, 1, 3, 4, _LAST, _LAST + 2):
        row[k] += count * (row[k] - before[k])


FAMILY = Family(
    name="ftj",
    title="Ferroelectric tunnel junction",
    summary=(
        "Lasting polarisation and three volatile lowerings of the barrier; lasting switching is "
        "second order, through the trace that the volatile part leaves, and follows the rise of a "
        "voltage. Thermionic emission in the low state, direct and Fowler-Nordheim tunnelling in "
        "the high one."
    ),
    parameters=Parameters,
    initial=Initial,
    build=TunnelJunction,
)
