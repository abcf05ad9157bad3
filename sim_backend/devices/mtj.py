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
switches is that of its mean state. The barrier breaks down at its moment, and the device conducts
as a short from then on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sim_backend.devices.family import Family
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
    antiparallel_mean,
    geometric,
    panels,
    series,
    stretches,
    switching,
    switching_of,
)
from sim_backend.devices.mtj_parameters import Initial, Parameters
from sim_backend.devices.mtj_refresh import (
    advance_clock,
    compiled,
    pass_along,
    pass_through,
    words_of,
)
from sim_backend.devices.mtj_strain import strain, strains
from sim_backend.devices.mtj_turns import clock_of, fluxes, found, lines_of
from sim_backend.devices.parts.fluctuation import one_over_f, one_over_f_mean
from sim_backend.devices.parts.tally import book, count
from sim_backend.devices.parts.variation import cycle_factor, drawn
from sim_backend.devices.parts.wear import endurance, standing
from sim_backend.devices.stream import Words

__all__ = ["FAMILY", "Initial", "Parameters", "TunnelJunctions"]

_OWN = ("age", "excursion", "factor", "damage", "cell", "clock")
_COUNTED = ("positive", "negative", "age", "excursion", "damage")
_CHARGE, _THROUGHPUT = TALLY.index("charge"), TALLY.index("throughput")
_MOST_NUMBERS = 100_000  # lines of junctions at once
_FEW = 6  # turns that are simply played
_FASTEST, _SLOWEST = 1e-6, 1e5  # periods of the 1/f noise, s


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
        view: Array = state.values[self._up :]
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
        lines = panels(top[0] - bottom[0], top[1] - bottom[1], duration)
        for group in stretches(lines, self.threshold):
            _count_excursions(self.parameters, state, group[0][0], group[-1][1], stream)
            total += self._lines(state, group, temperature, stream)
        noise = one_over_f_mean(
            state.noise, state.numbers, age, duration, self.parameters.read_sigma,
            _FASTEST, _SLOWEST,
        )  # fmt: skip
        state.row("age")[:] += duration
        charge = total * (1.0 + noise)
        book(state, charge)
        return np.array([charge, -charge])

    def _rates(self, state: State, temperature: float) -> Rates:
        p = self.parameters
        return Rates(
            state.parameters[1] * (p.reference / temperature),
            state.parameters[0] * np.maximum(state.row("factor"), 0.05),
            p.attempt, p.precession, p.exponent,
        )  # fmt: skip

    def _lines(
        self,
        state: State,
        lines: list[tuple[float, float, float]],
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all devices through lines of one excursion; returns the charge, C."""
        p, damage = self.parameters, state.row("damage")
        slants = len(lines) > 1 or lines[0][0] != lines[0][1]
        first, last, length = np.array(lines).T
        each = strains(p, first, last, length) if slants else np.zeros(1)
        if not slants or np.any(damage + each.sum() >= state.parameters[4]):
            charge = np.zeros(state.devices)
            for line in lines:
                charge += line[2] * self._line(state, line, temperature, stream)
            return charge
        damage += each.sum()
        charge, rates = np.zeros(state.devices), self._rates(state, temperature)
        most = max(1, _MOST_NUMBERS // (self._count * state.devices))
        for k in range(0, len(lines), most):
            a, b, t = first[k : k + most], last[k : k + most], length[k : k + most]
            shares = self._pass_along(state, switching_of(a, b, t, rates), stream)
            ends_ = a[:, np.newaxis], b[:, np.newaxis]
            charge += t @ _mean_current(self.parameters, state, *ends_, shares, temperature)
        return charge

    def _pass_along(self, state: State, passed: Switching, stream: Stream | None) -> Array:
        """Take all junctions through lines; returns the shares, (lines, junctions, devices)."""
        if stream is None:
            each = zip(*passed, strict=True)
            return np.array([self._pass(state, Switching(*line), None) for line in each])
        up, cell, clock = self._parallel(state), state.row("cell"), state.row("clock")
        at, start = (_for_each(row, len(up)) for row in (cell, clock))
        shape = len(passed.clock), *up.shape
        rows = (part[:, np.newaxis].repeat(len(up), axis=1) for part in passed)
        flat = Switching(*(row.reshape(len(passed.clock), -1) for row in rows))
        way = _words(state, stream, self._count), at, start, up.ravel(), flat, compiled(state)
        spent, after = pass_along(*way)
        up[:] = after.reshape(up.shape)
        advance_clock(cell, clock, passed.clock.sum(axis=0))
        return spent.reshape(shape)

    def _line(
        self,
        state: State,
        line: tuple[float, float, float],
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all devices through a line of the voltage; returns the mean current, A."""
        p, (first, last, length), damage = self.parameters, line, state.row("damage")
        passed = switching(first, last, length, self._rates(state, temperature))
        each = strain(p, first, last, length)
        stands = standing(damage, each, state.parameters[4])
        damage += each
        if stands.all() and stands.min() == 1.0:
            share = self._pass(state, passed, stream)
            return _mean_current(self.parameters, state, first, last, share, temperature)
        share = self._pass(state, Switching(passed.clock * stands, passed.share), stream)
        self._pass(state, Switching(passed.clock * (1.0 - stands), passed.share), stream)
        current = _mean_current(self.parameters, state, first, last, share, temperature)
        return current * stands + (1.0 - stands) * (p.broken * (first + last) / 2)

    def _pass(self, state: State, passed: Switching, stream: Stream | None) -> Array:
        """Take all junctions through a line; returns the share of its time spent parallel."""
        up, cell, clock = self._parallel(state), state.row("cell"), state.row("clock")
        if stream is None:
            left = np.exp(-passed.clock)
            small = np.where(passed.clock > 0, passed.clock, 1.0)
            mean = np.where(passed.clock > 0, -np.expm1(-passed.clock) / small, 1.0)
            share: Array = passed.share + (up - passed.share) * mean
            up[:] = passed.share + (up - passed.share) * left
        else:
            words = _words(state, stream, self._count)
            rows = (cell, clock, passed.clock, passed.share)
            at, start, each, goal = (_for_each(row, len(up)) for row in rows)
            line = Switching(each, goal)
            spent, after = pass_through(words, at, start, up.ravel(), line, compiled(state))
            share, up[:] = spent.reshape(up.shape), after.reshape(up.shape)
        advance_clock(cell, clock, passed.clock)
        return share

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all devices through the same pieces `count` times.

        Every turn moves the clock of a junction by the same amount, so the turn that holds its last
        refresh is known, and what that turn does there: the state is that of all turns. Their
        charge is the one that is expected from the rates.
        """
        idle = not any(duration > 0 for _, duration in pieces)
        if count < _FEW or idle or (stream is not None and self.parameters.cycle_sigma > 0):
            return repeat_plainly(self, state, pieces, count, temperature, stream)
        total = repeat_plainly(self, state, pieces, 1, temperature, stream)
        before, turns = state.values.copy(), count - 2
        total += repeat_plainly(self, state, pieces, 1, temperature, stream)
        gain, turn = state.values - before, lines_of(pieces, self._rates(state, temperature))
        charge, shares, throughput = self._expect(state, pieces, turns, temperature, turn)
        each = gain[state.names.index("damage")]
        stands = standing(state.row("damage"), turns * each, state.parameters[4])
        through = turns * (1.0 - stands) * self.parameters.broken
        through, size = (through * flux for flux in fluxes(pieces))
        charge = charge * stands + np.array([through, -through])
        throughput = throughput * stands + size
        if stream is not None:
            words = _words(state, stream, self._count)
            row = state.row("cell"), state.row("clock")
            shares = found(words, *row, self._parallel(state), turn, turns)
        counted = [state.names.index(name) for name in _COUNTED]
        state.values[counted] += turns * gain[counted]
        advance_clock(state.row("cell"), state.row("clock"), turns * clock_of(turn))
        self._parallel(state)[:] = shares
        state.values[_CHARGE] += charge[0]
        state.values[_THROUGHPUT] += throughput
        total += charge
        return total

    def _expect(
        self,
        state: State,
        pieces: Sequence[Piece],
        turns: int,
        temperature: float,
        turn: list[Switching],
    ) -> tuple[Array, Array, Array]:
        """Return charge, shares and throughput that are expected of turns, from two of them.

        From turn to turn a share goes towards its end by one factor, exp(-clock of the turn), and
        the charge of a turn is linear in the share that it begins with. Nothing breaks down here,
        and nothing fluctuates.
        """
        copy = State(state.names, state.values.copy(), state.parameters, state.first)
        copy.row("damage")[:] = -np.inf
        clock, start = clock_of(turn), self._parallel(state)
        second = repeat_plainly(self, copy, pieces, 1, temperature, None)
        third = repeat_plainly(self, copy, pieces, 1, temperature, None)
        step = (self._parallel(copy) - start) / (1.0 + np.exp(-clock))
        shares = np.clip(start + step * geometric(clock, turns), 0.0, 1.0)
        throughput = (copy.values[_THROUGHPUT] - state.values[_THROUGHPUT]) * turns / 2
        return turns * second + (third - second) * series(clock, turns), shares, throughput

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        """Return the current into each terminal at constant levels and the reference, A."""
        voltage = levels.get("top", 0.0) - levels.get("bottom", 0.0)
        p = self.parameters
        noise = one_over_f(
            state.noise, state.numbers, state.row("age"), p.read_sigma, _FASTEST, _SLOWEST
        )
        share = self._parallel(state)
        through = _mean_current(self.parameters, state, voltage, voltage, share, p.reference)
        short = state.row("damage") >= state.parameters[4]
        through = np.where(short, p.broken * voltage, through) * (1.0 + noise)
        return np.array([through, -through])

    def conductance(self, state: State) -> Array:
        """Return the conductances at zero voltage, S."""
        conductance: Array = self.current(state, {"top": 1e-6})[0] / 1e-6
        return conductance

    def describe(self) -> dict[str, Any]:
        """Return family, preset, grades and parameters."""
        return self._account


def _words(state: State, stream: Stream, junctions: int) -> Words:
    """Return what the keys of all junctions begin with, kept for the next look."""
    found: Words | None = state.ready.get(("refresh", stream.start))
    if found is None:
        found = words_of(stream, state.numbers, junctions).ravel()
        state.ready["refresh", stream.start] = found
    return found


def _for_each(row: Array, junctions: int) -> Array:
    """Return what devices have for each of their junctions, shape (junctions * devices,)."""
    return row[np.newaxis].repeat(junctions, axis=0).ravel()


def _count_excursions(
    p: Parameters, state: State, first: float, last: float, stream: Stream | None
) -> None:
    """Keep the tally, and draw the critical voltage of an excursion that begins."""
    if count(state, first, last, p.threshold):
        state.row("excursion")[:] += 1
        state.row("factor")[:] = cycle_factor(
            stream, state.numbers, state.row("excursion").astype(np.int64),
            p.cycle_sigma,
        )  # fmt: skip
    elif released(first, last, p.threshold) and not state.row("side")[0]:
        state.row("factor")[:] = 1.0


def _mean_current(
    p: Parameters,
    state: State,
    first: float | Array,
    last: float | Array,
    share: Array,
    temperature: float,
) -> Array:
    """Return the mean current over a line, A, for the share of it spent parallel.

    Of several lines: ends of shape (lines, 1), shares of (lines, junctions, devices).
    """
    ratio = state.parameters[3] * max(1.0 - p.ratio_slope * (temperature - p.reference), 0.0)
    parallel = share.sum(axis=-2)
    other = antiparallel_mean(first, last, ratio, p.half)
    through = parallel * (first + last) / 2 + (round(p.junctions) - parallel) * other
    return np.asarray(state.parameters[2] * through)


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
