"""Electrochemical random-access memory: a channel whose ions come through the gate.

State: w, the lasting weight (ions in the channel); r, a volatile lowering of the channel resistance
(ions that have arrived at its surface and go back), in Ohm::

    R  = 1 / (gmin + (gmax - gmin) (w - wmin) / (wmax - wmin)) - r

    dr/dt = (u X / t0) (+-rmax - r) - r / tau             u = -ln(1 - step / rmax)
    dw/dt = (Y / tw) dw+ (1 - gamma+ w / wmax) - w / t_ret                     V > 0
    dw/dt = -(Y / tw) dw- (1 - gamma- w / wmin) - w / t_ret                    V < 0
    X = sinh(|V| / v0) / sinh(V0 / v0),   Y = sinh(|V| / vw) / sinh(Vw / vw)

V is the gate against the source. A reference spike (V0, t0) adds to a rested r exactly `step`, and
to any other r exactly step (1 - r / rmax); a reference write (Vw, tw) moves w by the linear step of
Rasch et al. (10.1109/AICAS51828.2021.9458494), exactly for a factor of 1. Both laws are linear in
the state, so a constant level is one exponential whatever its duration. sinh: hopping of ions over
barriers that the field lowers; the conductance change of metal-oxide ECRAM is exponential in the
voltage (Kim et al., IEDM 2019, 10.1109/IEDM19573.2019.8993463).

The source of the short-term part (Currie et al., 2026, arXiv:2605.11243) gives a step of 1.5 kOhm
per spike, which is a step of the *resistance*: the step of the conductance depends on the state.

Through the gate go: the charge of a capacitor, C dV; the ions, q X / t0 (a reference spike passes
q); an electronic leak. All of it leaves through the source.

A straight line of the gate voltage is cut into pieces of an eighth of the smaller of v0 and vw, or
into quarters if it is shorter than 1e-4 tau, each with the mean of its rates, which is exact but
for what relaxes on the way: r is off by less than 1e-3 of its largest value (tested). The charge of
the channel in a piece is by Gauss points: relative error below 1e-6. A device that has done as many
cycles as its life allows is stuck.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import numpy as np

from labctl.errors import BadInput
from labctl.kernels import kernels
from sim_backend.devices.cells import Cells, Line, Straight, integral, share_lost
from sim_backend.devices.ecram_parameters import Initial, Parameters
from sim_backend.devices.family import Family
from sim_backend.devices.model import (
    Array,
    Piece,
    State,
    Stream,
    ends,
    excursions,
    repeat_plainly,
    turns_of,
)
from sim_backend.devices.parts.conduction import sinh_mean
from sim_backend.devices.parts.network import stored
from sim_backend.devices.parts.relaxation import activated
from sim_backend.devices.parts.variation import cycle_factor
from sim_backend.devices.parts.wear import life, sticks_low

__all__ = ["FAMILY", "ElectrochemicalMemory", "Initial", "Parameters"]

_MOST_KNOWN = 64  # lines of the gate voltage whose rates are kept
_PLAIN, _WORTH = 2, 20_000  # turns played before compiled code, and device-turns that are worth it
_AT_ONCE = 1_000_000  # device-pieces of compiled code before a stop is heard
_VOLATILE, _LASTING = 0, 1  # labels of the factors of one event
_FEWEST, _STEADY = 4, 1e-4  # pieces of a line that lasts a smaller share of tau
_LEAST_CHANNEL = 0.9  # of a resistance: more is never taken off it
_MOST_STEP = 0.99  # of the ceiling in one spike, whatever the spread
_ROUNDING = 1e-12  # of a life
_LEAST_SHARE = 0.25  # of gmin: no device conducts less when rested


class ElectrochemicalMemory(Cells[Parameters]):
    """Any number of ECRAM devices; see the module's equations.

    Parameters
    ----------
    parameters, initial
        Of all devices before their spread.
    account
        Where the numbers come from.

    Raises
    ------
    BadInput
        The conductance range, the initial conductance or the ceiling do not fit together.
    """

    variables: ClassVar[tuple[str, ...]] = ("w", "r", "spike", "write", "worn", "low")
    varied: ClassVar[Mapping[str, str]] = {
        "step": "step_spread", "up": "step_spread", "down": "step_spread",
        "weight_min": "bound_spread", "weight_max": "bound_spread",
        "slope_up": "slope_spread", "slope_down": "slope_spread", "tau": "tau_spread",
    }  # fmt: skip

    def __init__(
        self, parameters: Parameters, initial: Initial, account: Mapping[str, Any]
    ) -> None:
        super().__init__(parameters, initial, account)
        p = parameters
        if not p.gmin < p.gmax or not p.gmin <= initial.conductance <= p.gmax:
            raise BadInput(
                f"an ECRAM of {initial.conductance:g} S was asked for; rested it has {p.gmin:g} S "
                f"to {p.gmax:g} S"
            )
        if p.ceiling > _LEAST_CHANNEL / p.gmax or p.step >= p.ceiling:
            raise BadInput(
                f"a volatile change of up to {p.ceiling:g} Ohm in steps of {p.step:g} Ohm was "
                f"asked for; it must stay below {_LEAST_CHANNEL / p.gmax:g} Ohm, which is "
                f"{_LEAST_CHANNEL:g} of the least resistance, and a step below that"
            )

    def _begin(self, state: State) -> None:
        p, own = self.parameters, self._own(state)
        share = (self.initial.conductance - p.gmin) / (p.gmax - p.gmin)
        w = p.weight_min + share * (p.weight_max - p.weight_min)
        state.row("w")[:] = np.clip(w, own["weight_min"], own["weight_max"])
        state.row("spike")[:] = state.row("write")[:] = 1.0

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make devices in the initial condition, with or without their spread."""
        state = super().fresh(devices, stream, spread=spread, first=first)
        p, given, numbers = self.parameters, stream if spread else None, state.numbers
        # of a life, in a cycle; not the life, which may be infinite
        state.row("worn")[:] = 1.0 / life(given, numbers, p.life_cycles, p.life_shape)
        state.row("low")[:] = sticks_low(given, numbers, p.stuck_low)
        return state

    def _step(self, line: Line, duration: float) -> float:
        p, whole = self.parameters, abs(line[1] - line[0])
        # on a line on which nothing relaxes the mean of the rates is exact for the state
        fewest = whole / _FEWEST if duration < _STEADY * p.tau else 0.0
        return max(min(p.spike_scale, p.write_scale) / 8.0, fewest)

    def _vary(self, state: State, stream: Stream | None) -> None:
        p, numbers, events = self.parameters, state.numbers, state.row("events")
        state.row("spike")[:] = cycle_factor(
            stream, numbers, events, p.spike_sigma, label=_VOLATILE
        )
        # not `cycle_factor`, which never goes below zero: with a sigma of 2 steps do go back
        noise = 0.0 if stream is None else stream.normals(numbers, events, _LASTING)
        state.row("write")[:] = 1.0 + p.write_sigma * noise

    def _range(self, state: State) -> tuple[dict[str, Any], dict[str, Any]]:
        own, ceiling = self._own(state), self.parameters.ceiling
        return (
            {"w": own["weight_min"], "r": -ceiling},
            {"w": own["weight_max"], "r": ceiling},
        )

    # how a piece moves the state ----------------------------------------------------------------

    def _pass(self, state: State, piece: Straight) -> Array:
        course = _Course(self, state, piece)
        channel = piece.between("drain", "source")
        drained: Any = 0.0
        if channel != (0.0, 0.0):
            passed = self._passed(state, course, channel, piece.duration)
            drained = passed * (1.0 + self._noise(state, piece.duration))
        w, r = course.at(piece.duration)
        gate = self._gate_charge(state, piece)
        state.row("w")[:], state.row("r")[:] = w, r
        drain = np.zeros(state.devices) + drained
        return np.array([drain, -drain - gate, gate])

    def _passed(self, state: State, course: _Course, channel: Line, duration: float) -> Array:
        """Return the charge through the channel: before w meets a bound and after, C."""
        slope = (channel[1] - channel[0]) / duration
        met = np.minimum(course.meets(), duration)

        def current(t: Array) -> Array:
            return (channel[0] + slope * t) / self._resistance(state, *course.at(t))

        before = integral(current, met, course.fastest)
        return before + integral(lambda t: current(met + t), duration - met, course.r_rate)

    def _rates(self, state: State, control: Line) -> _Rates:
        """Return what a line of the gate voltage does at the temperature; kept for the next one."""
        known: dict[tuple[Line, float], _Rates] = state.ready.setdefault("rates", {})
        key = control, float(state.row("temperature")[0])
        if key not in known:
            if len(known) >= _MOST_KNOWN:
                known.clear()
            known[key] = self._made_rates(state, control)
        return known[key]

    def _made_rates(self, state: State, control: Line) -> _Rates:
        p, own, (fast, slow) = self.parameters, self._own(state), self._speeds(state)
        side = math.copysign(1.0, control[0] + control[1])
        spike = fast * _mean_sinh(control, p.spike_scale, p.spike_amplitude) / p.spike_width
        write = slow * _mean_sinh(control, p.write_scale, p.write_amplitude) / p.write_width
        step = np.minimum(own["step"] / p.ceiling, _MOST_STEP)
        up = side > 0
        bound, size = own["weight_max" if up else "weight_min"], own["up" if up else "down"]
        slope = own["slope_up" if up else "slope_down"] / bound
        # the pace at which one reference write makes exactly the linear step
        pace = side * -np.log1p(-np.abs(slope) * size) / np.abs(slope) * write
        fading = slow / p.retention if p.retention > 0 else 0.0
        return _Rates(side, -np.log1p(-step) * spike, fast / own["tau"], pace, slope, fading)

    def _gate_charge(self, state: State, piece: Straight) -> Array:
        """Return what goes into the gate: capacitor, ions, leak; C."""
        p = self.parameters
        first, last = piece.control
        capacitive = stored(p.capacitance, state.row("control"), last)
        side = math.copysign(1.0, first + last)
        speed = self._speeds(state)[0]
        ions = side * p.ions * _mean_sinh(piece.control, p.spike_scale, p.spike_amplitude)
        passed = ions * speed / p.spike_width + p.leak * (first + last) / 2.0
        charge: Array = capacitive + passed * piece.duration
        return charge

    def _speeds(self, state: State) -> tuple[float, float]:
        """Return how much faster the volatile and the lasting part are than at the reference."""
        p, temperature = self.parameters, float(state.row("temperature")[0])
        found: tuple[float, float] | None = state.ready.get(temperature)
        if found is None:
            energies = np.array([p.energy_volatile, p.energy_lasting])
            slower = activated(1.0, energies, temperature, p.reference).tolist()
            found = (1.0 / slower[0], 1.0 / slower[1])
            state.ready[temperature] = found
        return found

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all devices through the same pieces `count` times; see `Cells.repeat`.

        Long trains of constant levels without a voltage on the channel are compiled, every turn
        played.
        """
        left = count - _PLAIN
        worth = left * state.devices >= _WORTH and _gate_only(pieces)
        table = stream is not None and stream.table
        fast = kernels("sim_backend.devices.kernels.ecram") if worth and not table else None
        if fast is None:
            return super().repeat(state, pieces, count, temperature, stream)
        total = repeat_plainly(self, state, pieces, _PLAIN - 1, temperature, stream)
        before = state.values.copy()
        # from the second turn on every turn has the same events and moves the same charge
        turn = repeat_plainly(self, state, pieces, 1, temperature, stream)
        gained = state.values - before
        self._train(fast, state, pieces, left, stream)
        for name in ("positive", "negative", "age", "events"):
            state.row(name)[:] += left * gained[self._names.index(name)]
        return total + (1 + left) * turn

    def _train(
        self,
        fast: ModuleType,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        stream: Stream | None,
    ) -> None:
        """Play turns of constant levels in compiled code: r, w and the factors of events."""
        p, own = self.parameters, self._own(state)
        lines = [self._pieces(state, levels, duration)[0] for levels, duration in pieces]
        rates = [self._rates(state, line.control) for line in lines]
        side, begins = float(state.row("side")[0]), []
        for line in lines:
            positive, negative, side = excursions(side, *line.control, self.threshold)
            begins.append(positive + negative)
        first, event = self._names.index("w"), int(state.row("events")[0])
        sigmas = (0.0, 0.0) if stream is None else (p.spike_sigma, p.write_sigma)
        turn = (
            np.array([np.broadcast_arrays(*r[1:]) for r in rates]),
            np.array([r.side * p.ceiling for r in rates]),
            np.array([line.duration for line in lines]),
            np.array(begins, np.int64),
            np.array([own["weight_min"], own["weight_max"]]),
        )
        rows = state.values[first : first + len(self.variables)]
        start = np.uint64(0 if stream is None else stream.start)
        for turns in turns_of(state, count, max(1, _AT_ONCE // (len(lines) * state.devices))):
            fast.train(rows, *turn, turns, event, state.first, start, *sigmas)
            event += turns * sum(begins)

    # what is seen -------------------------------------------------------------------------------

    def _resistance(self, state: State, w: Array, r: Array) -> Array:
        p = self.parameters
        share = (w - p.weight_min) / (p.weight_max - p.weight_min)
        # a device whose bounds are far off still has a channel
        rested = 1.0 / np.maximum(p.gmin + (p.gmax - p.gmin) * share, _LEAST_SHARE * p.gmin)
        resistance: Array = rested - np.minimum(r, _LEAST_CHANNEL * rested)
        cycles = (state.row("positive") + state.row("negative")) / 2
        dead = cycles * state.row("worn") >= 1.0 - _ROUNDING
        if dead.any():
            stuck = np.where(state.row("low") > 0, 1.0 / p.gmax, 1.0 / p.gmin)
            return np.where(dead, stuck, resistance)
        return resistance

    def _slope(self, state: State) -> Array:
        slope: Array = 1.0 / self._resistance(state, state.row("w"), state.row("r"))
        return slope

    def _flow(self, state: State, at: Mapping[str, float]) -> Array:
        p, source = self.parameters, at.get("source", 0.0)
        gate = at.get("gate", 0.0) - source
        drain = self.conductance(state) * (at.get("drain", 0.0) - source)
        ions = (
            p.ions
            / p.spike_width
            * math.copysign(_mean_sinh((gate, gate), p.spike_scale, p.spike_amplitude), gate)
        )
        into = ions * self._speeds(state)[0] + p.leak * gate
        return np.array([drain, -drain - into, np.full(state.devices, into)])


def _gate_only(pieces: Sequence[Piece]) -> bool:
    """Whether all levels are constant and there is never a voltage between drain and source."""
    for levels, _ in pieces:
        lines = {name: ends(level) for name, level in levels.items()}
        constant = all(first == last for first, last in lines.values())
        if not constant or lines.get("drain", (0.0, 0.0)) != lines.get("source", (0.0, 0.0)):
            return False
    return True


class _Rates(NamedTuple):
    """What a line of the gate voltage does, before the factors of an event; one entry a device."""

    side: float  #: sign of the voltage
    drive: Array  #: of r towards the ceiling, 1/s
    relax: Array  #: of r towards 0, 1/s
    pace: Array  #: of w at w = 0, signed, 1/s
    slope: Array  #: by which the pace falls for each unit of w
    fading: float  #: of w towards 0, 1/s


class _Course:
    """Where r and w go during one piece: each relaxes to a target with one rate."""

    def __init__(self, model: ElectrochemicalMemory, state: State, piece: Straight) -> None:
        rates, own = model._rates(state, piece.control), model._own(state)
        drive, pace = rates.drive * state.row("spike"), rates.pace * state.row("write")
        self.r, self.w = state.row("r").copy(), state.row("w").copy()
        self.r_rate = drive + rates.relax
        self.r_goal = rates.side * model.parameters.ceiling * drive / self.r_rate
        self.w_rate, self.w_gain = pace * rates.slope + rates.fading, pace
        self.low, self.high = own["weight_min"], own["weight_max"]

    @property
    def fastest(self) -> Array:
        """Fastest rate, 1/s."""
        return np.maximum(self.r_rate, np.abs(self.w_rate))

    def meets(self) -> Array:
        """Return when w meets one of its bounds, s; infinite where it does not."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            rising = self.w_gain > self.w_rate * self.w
            bound = np.where(rising, self.high, self.low)
            speed = self.w_gain - self.w_rate * np.stack([self.w, bound])
            # the speed falls as exp(-rate t) and keeps its sign if it gets there
            log = np.log(speed[0] / speed[1])
            linear = (bound - self.w) / self.w_gain
            time = np.where(self.w_rate != 0, log / self.w_rate, linear)
        return np.where((time >= 0) & (speed[0] * speed[1] > 0), time, np.inf)

    def at(self, t: float | Array) -> tuple[Array, Array]:
        """Return w and r a time after the beginning."""
        r = self.r_goal + (self.r - self.r_goal) * np.exp(-self.r_rate * t)
        turns = self.w_rate * t
        w = self.w * np.exp(-turns) + self.w_gain * t * share_lost(turns)
        return np.minimum(np.maximum(w, self.low), self.high), r


@lru_cache(maxsize=4096)
def _mean_sinh(line: Line, scale: float, reference: float) -> float:
    """Return the mean of sinh(|V| / scale) on a line of one sign, in units of that at a level."""
    mean = float(sinh_mean(line[0], line[1], 1.0, scale))
    return abs(mean) / (scale * math.sinh(reference / scale))


FAMILY = Family(
    name="ecram",
    title="Electrochemical random-access memory",
    summary=(
        "A lasting weight that gate pulses move in linear steps, and a volatile lowering of the "
        "channel resistance that every spike adds to and that decays."
    ),
    parameters=Parameters,
    initial=Initial,
    build=ElectrochemicalMemory,
)
