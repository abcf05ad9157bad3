"""A magnetic tunnel junction that a voltage switches by chance, or several in parallel.

The equations are those of `sim_backend.devices.mtj_junction`. A positive voltage favours the
parallel state, which conducts better. At zero volts nothing is excited, but a junction of low
stability flips by its own temperature: that is the same law, not an exception, and it is the only
thing that can change the state at rest (with Delta = 40 once in some years).

Junctions in parallel are one device whose conductance is a sum: an analogue weight in as many steps
as there are junctions, each of which a pulse moves with the same probability.

Without a stream of random numbers the share of a state is the expected one, from the same rates in
closed form. Spread from cycle to cycle is the chance of switching itself; `cycle_sigma` adds a
spread of the critical voltage from excursion to excursion, which is another thing.

A state is exact at any cut of a constant level; a ramp is cut at multiples of 10 mV and taken with
three Gauss points on each part (1e-7 of the rates). The charge of a part in which a junction
switches is that of its mean state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Le
from pydantic import Field

from labctl.units import Kelvin, Ohm, Ratio, Second, Siemens, Unit, Volt
from sim_backend.devices.family import Conditions, Family
from sim_backend.devices.model import (
    TALLY,
    Array,
    Levels,
    Piece,
    State,
    Stream,
    ends,
    released,
    repeat_plainly,
)
from sim_backend.devices.mtj_junction import (
    Rates,
    Switching,
    Whole,
    antiparallel_mean,
    geometric,
    last_draw,
    panels,
    series,
    switching,
    time_up,
)
from sim_backend.devices.mtj_strain import strain
from sim_backend.devices.parts.fluctuation import one_over_f, one_over_f_mean
from sim_backend.devices.parts.tally import book, count
from sim_backend.devices.parts.variation import cycle_factor, drawn
from sim_backend.devices.parts.wear import Wear, endurance

__all__ = ["FAMILY", "Initial", "Parameters", "TunnelJunctions"]

PerKelvin = Annotated[float, Unit("1/K")]

_OWN = ("age", "excursion", "factor", "damage")
_COUNTED = ("positive", "negative", "age", "excursion", "damage")
_CHARGE, _THROUGHPUT = TALLY.index("charge"), TALLY.index("throughput")
_FEW = 6  # turns that are simply played
_FASTEST, _SLOWEST = 1e-6, 1e5  # periods of the 1/f noise, s


class Parameters(Wear):
    """The numbers of a junction."""

    junctions: Annotated[Ratio, Ge(1), Le(256)] = Field(1.0, description="junctions in parallel")
    stability: Annotated[Ratio, Gt(0)] = Field(description="Delta, barrier over k T")
    critical: Annotated[Volt, Gt(0)] = Field(description="voltage Vc that takes the barrier away")
    attempt: Annotated[Second, Gt(0)] = Field(description="attempt time tau0")
    precession: Annotated[Second, Gt(0)] = Field(
        description="time taup of switching at twice the critical voltage"
    )
    exponent: Annotated[Ratio, Ge(1), Le(2)] = Field(description="n in the barrier (1 - V/Vc)^n")
    resistance: Annotated[Ohm, Gt(0)] = Field(description="of one junction, parallel")
    ratio: Annotated[Ratio, Gt(0)] = Field(description="tunnel magnetoresistance at zero voltage")
    half: Annotated[Volt, Gt(0)] = Field(description="voltage that halves the magnetoresistance")
    ratio_slope: Annotated[PerKelvin, Ge(0)] = Field(
        0.0, description="relative loss of the magnetoresistance per kelvin"
    )
    reference: Annotated[Kelvin, Gt(0)] = Field(300.0, description="temperature of the numbers")
    threshold: Annotated[Volt, Gt(0)] = Field(
        description="voltage above which an excursion is counted; it does nothing else"
    )
    broken: Annotated[Siemens, Ge(0)] = Field(5e-3, description="conductance after breakdown")
    cycle_sigma: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="cycle-to-cycle: relative spread of the critical voltage, besides chance"
    )
    device_sigma: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="device-to-device: sigma of the logarithm of Vc, Delta, R and TMR"
    )
    read_sigma: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="1/f noise: relative standard deviation per decade of frequency"
    )


class Initial(Conditions):
    """How a fresh device begins."""

    parallel: Annotated[Ratio, Ge(0), Le(1)] = Field(
        0.0, description="share of its junctions that are parallel"
    )


class TunnelJunctions:
    """Any number of devices of one or more junctions; meets `DeviceModel`.

    Parameters
    ----------
    parameters, initial
        Of all devices before their spread.
    account
        Where the numbers come from.
    """

    terminals = ("top", "bottom")

    def __init__(
        self, parameters: Parameters, initial: Initial, account: Mapping[str, Any]
    ) -> None:
        self.parameters, self.initial = parameters, initial
        self.threshold = parameters.threshold
        self._account = dict(account)
        self._count = count = round(parameters.junctions)
        self._up = len(TALLY) + len(_OWN)
        self._names = (
            *TALLY, *_OWN, *(f"parallel{k}" for k in range(count)),
            *(f"clock{k}" for k in range(count)),
        )  # fmt: skip

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make devices with the initial share of their junctions parallel."""
        p, given = self.parameters, stream if spread else None
        own = drawn(
            [p.critical, p.stability, 1.0 / p.resistance, p.ratio], p.device_sigma, devices,
            given, first,
        )  # fmt: skip
        stands = endurance(given, first + np.arange(devices), p.breakdown_shape)
        values = np.zeros((len(self._names), devices))
        state = State(self._names, values, np.vstack([own, stands]), first)
        state.row("factor")[:] = 1.0
        self._parallel(state)[: round(self.initial.parallel * self._count)] = 1.0
        return state

    def _parallel(self, state: State) -> Array:
        """Return which junctions are parallel (or the expected share): (junctions, devices)."""
        view: Array = state.values[self._up : self._up + self._count]
        return view

    def _clock(self, state: State) -> Array:
        view: Array = state.values[self._up + self._count :]
        return view

    def advance(
        self,
        state: State,
        levels: Levels,
        duration: float,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all devices through straight levels; returns C into each terminal."""
        if not duration > 0:
            return np.zeros((2, state.devices))
        top, bottom = ends(levels.get("top", 0.0)), ends(levels.get("bottom", 0.0))
        age, total = state.row("age").copy(), np.zeros(state.devices)
        for first, last, length in panels(top[0] - bottom[0], top[1] - bottom[1], duration):
            self._count_excursions(state, first, last, stream)
            passed = switching(first, last, length, self._rates(state, temperature))
            share = self._pass(state, passed, stream)
            total += length * self._mean_current(state, first, last, share, temperature)
            p = self.parameters
            state.row("damage")[:] += strain(p, first, last, length)
        noise = one_over_f_mean(
            state.noise, state.numbers, age, duration, self.parameters.read_sigma,
            _FASTEST, _SLOWEST,
        )  # fmt: skip
        state.row("age")[:] += duration
        charge = total * (1.0 + noise)
        book(state, charge)
        return np.array([charge, -charge])

    def _count_excursions(
        self, state: State, first: float, last: float, stream: Stream | None
    ) -> None:
        """Keep the tally, and draw the critical voltage of an excursion that begins."""
        if count(state, first, last, self.threshold):
            state.row("excursion")[:] += 1
            state.row("factor")[:] = cycle_factor(
                stream, state.numbers, state.row("excursion").astype(np.int64),
                self.parameters.cycle_sigma,
            )  # fmt: skip
        elif released(first, last, self.threshold) and not state.row("side")[0]:
            state.row("factor")[:] = 1.0

    def _rates(self, state: State, temperature: float) -> Rates:
        p = self.parameters
        return Rates(
            state.parameters[1] * (p.reference / temperature),
            state.parameters[0] * np.maximum(state.row("factor"), 0.05),
            p.attempt, p.precession, p.exponent,
        )  # fmt: skip

    def _pass(self, state: State, passed: Switching, stream: Stream | None) -> Array:
        """Take all junctions through a line; returns the share of its time spent parallel."""
        up, clock = self._parallel(state), self._clock(state)
        if stream is None:
            left = np.exp(-passed.clock)
            small = np.where(passed.clock > 0, passed.clock, 1.0)
            mean = np.where(passed.clock > 0, -np.expm1(-passed.clock) / small, 1.0)
            share: Array = passed.share + (up - passed.share) * mean
            up[:] = passed.share + (up - passed.share) * left
            clock += passed.clock
            return share
        (number, junction), start = self._keys(state), clock.ravel().copy()
        every = Switching(*(np.broadcast_to(part, up.shape).ravel() for part in passed))
        place, draw = last_draw(stream, number, junction, start, start + every.clock)
        moved, spent = ~np.isnan(place), up.ravel().copy()
        if moved.any():
            some = Switching(every.clock[moved], every.share[moved])
            spent[moved] = time_up(
                stream, number[moved], junction[moved], start[moved], spent[moved], some
            )
            after = np.where(moved, draw < every.share, up.ravel() > 0.5)
            up[:] = after.reshape(up.shape)
        clock += passed.clock
        return spent.reshape(up.shape)

    def _keys(self, state: State) -> tuple[Whole, Whole]:
        """Return numbers of devices and of junctions in them, as the raveled rows have them."""
        shape = (self._count, state.devices)
        junction = np.repeat(np.arange(self._count, dtype=np.int64), state.devices)
        return np.broadcast_to(state.numbers, shape).ravel(), junction

    def _mean_current(
        self, state: State, first: float, last: float, share: Array, temperature: float
    ) -> Array:
        """Return the mean current over a line, A, for the share of it spent parallel."""
        p = self.parameters
        ratio = state.parameters[3] * max(1.0 - p.ratio_slope * (temperature - p.reference), 0.0)
        parallel = share.sum(axis=0)
        other = antiparallel_mean(first, last, ratio, p.half)
        through = parallel * (first + last) / 2 + (self._count - parallel) * other
        current = state.parameters[2] * through
        short = state.row("damage") >= state.parameters[4]
        return np.where(short, p.broken * (first + last) / 2, current)

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all devices through the same pieces `count` times.

        Every turn moves the clock of a junction by the same amount, so the turn that holds the last
        refresh is known, and only that one is played besides the first: the state is that of all
        turns. Their charge is the one that is expected from the rates.
        """
        if count < _FEW or (stream is not None and self.parameters.cycle_sigma > 0):
            return repeat_plainly(self, state, pieces, count, temperature, stream)
        before = state.values.copy()
        total = repeat_plainly(self, state, pieces, 1, temperature, stream)
        gain, start, turns = state.values - before, state.values.copy(), count - 1
        rows = slice(self._up, self._up + self._count)
        charge, shares, throughput = self._expect(state, pieces, turns, temperature, gain)
        if stream is not None:
            self._find_last_turn(state, gain, turns, stream)
            repeat_plainly(self, state, pieces, 1, temperature, stream)
            shares = self._parallel(state).copy()
        counted = [state.names.index(name) for name in _COUNTED]
        state.values[:] = start
        state.values[counted] += turns * gain[counted]
        self._clock(state)[:] += turns * gain[self._up + self._count :]
        state.values[rows] = shares
        state.values[_CHARGE] += charge[0]
        state.values[_THROUGHPUT] += throughput
        return total + charge

    def _expect(
        self,
        state: State,
        pieces: Sequence[Piece],
        turns: int,
        temperature: float,
        gain: Array,
    ) -> tuple[Array, Array, Array]:
        """Return charge, shares and throughput that are expected of turns, from two of them.

        From turn to turn a share goes towards its end by one factor, exp(-gain of the clock), and
        the charge of a turn is linear in the share that it begins with.
        """
        copy = State(state.names, state.values.copy(), state.parameters, state.first, state.noise)
        clock, start = gain[self._up + self._count], self._parallel(state)
        second = repeat_plainly(self, copy, pieces, 1, temperature, None)
        third = repeat_plainly(self, copy, pieces, 1, temperature, None)
        step = (self._parallel(copy) - start) / (1.0 + np.exp(-clock))
        shares = np.clip(start + step * geometric(clock, turns), 0.0, 1.0)
        throughput = (copy.values[_THROUGHPUT] - state.values[_THROUGHPUT]) * turns / 2
        return turns * second + (third - second) * series(clock, turns), shares, throughput

    def _find_last_turn(self, state: State, gain: Array, turns: int, stream: Stream) -> None:
        """Bring the clock of every junction to the beginning of the turn of its last refresh."""
        clock, each = self._clock(state), gain[self._up + self._count :]
        number, junction = self._keys(state)
        start = clock.ravel().copy()
        place, _ = last_draw(stream, number, junction, start, start + turns * each.ravel())
        # a junction without a refresh may be played through any turn
        passed = np.where(np.isnan(place), 0.0, (place - start) / np.maximum(each.ravel(), 1e-300))
        turn = np.clip(np.floor(passed), 0, turns - 1)
        clock += turn.reshape(clock.shape) * each

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        """Return the current into each terminal at constant levels and the reference, A."""
        voltage = levels.get("top", 0.0) - levels.get("bottom", 0.0)
        p = self.parameters
        noise = one_over_f(
            state.noise, state.numbers, state.row("age"), p.read_sigma, _FASTEST, _SLOWEST
        )
        share = self._parallel(state)
        through = self._mean_current(state, voltage, voltage, share, p.reference) * (1.0 + noise)
        return np.array([through, -through])

    def conductance(self, state: State) -> Array:
        """Return the conductances at zero voltage, S."""
        conductance: Array = self.current(state, {"top": 1e-6})[0] / 1e-6
        return conductance

    def describe(self) -> dict[str, Any]:
        """Return family, preset, grades and parameters."""
        return self._account


FAMILY = Family(
    name="mtj",
    title="Magnetic tunnel junction",
    summary=(
        "One junction or several in parallel, each a two-state Markov chain with rates that the "
        "voltage sets: thermal below the critical voltage, driven above it. The magnetoresistance "
        "falls with the voltage."
    ),
    parameters=Parameters,
    initial=Initial,
    build=TunnelJunctions,
)
