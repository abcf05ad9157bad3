"""Filamentary resistive memory: a resistance that pulses take towards a bound that depends on them.

State: R, the resistance as written. The law is that of Messaris et al.
(10.1109/TCAD.2018.2791468), fitted to pulses on TiO2 cells, exact for every pulse::

    V > 0:  dR/dt = -Sp (R - rp)^2 while R > rp,    rp = a0p + a1p V        (SET)
    V < 0:  dR/dt = +Sn (rn - R)^2 while R < rn,    rn = a0n + a1n V        (RESET)
    S = A |exp(|V| / t) - 1|;  rp and rn stay between r_on and r_off
    I = f (V0 / R) sinh(V / V0)

Below the threshold nothing moves. A distance D from the bound becomes D / (1 + S D t), and the
integral of 1/R is a logarithm, so state and charge are exact at a constant level. A straight line
of the voltage is taken in steps of 5 mV above the threshold, each with the speed of its middle and
the bound of its larger end (`sim_backend.devices.rram_sweep`): ln R is off by less than 3e-2 after
1.3 V in 1 us, 1e-3 after 1.3 V in 1 ms (tested). On a line read noise has one value, its mean.

What makes it a cell of an array, each with its own numbers:

* Cycle-to-cycle variation: a log-normal factor on rp, drawn for every SET, and one on rn for every
  RESET. Device-to-device variation: the same for every device. As a pulse goes nearly all the way,
  these are the spreads of ln R that are measured in LRS and HRS.
* Forming: a pristine cell leaks, until a voltage that is its own is reached.
* Retention: at rest LRS goes towards HRS in the logarithm, with an Arrhenius time; a pulse writes
  anew. R as written does not change without a voltage.
* Wear: the window closes with the number of cycles, lives end (stuck), over-stress breaks: damage
  adds up above the threshold, as exp(|V| / breakdown_scale).
* Read noise: 1/f noise, larger in HRS.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from labctl.errors import BadInput
from sim_backend.devices.cells import Cells, Straight
from sim_backend.devices.family import Family
from sim_backend.devices.model import Array, Piece, State, Stream, ends
from sim_backend.devices.parts import wear
from sim_backend.devices.parts.conduction import sinh, sinh_mean
from sim_backend.devices.parts.course import Range, fast_forward
from sim_backend.devices.parts.relaxation import activated, activation
from sim_backend.devices.parts.updates import mean_exponential
from sim_backend.devices.parts.variation import cycle_factor
from sim_backend.devices.rram_parameters import Initial, Parameters
from sim_backend.devices.rram_sweep import Steps, cut, sweep

__all__ = ["FAMILY", "Initial", "Parameters", "ResistiveCell"]

Flags = NDArray[np.bool_]

_STEP = 0.005  # V
_COUNTERS = ("positive", "negative", "events", "age", "damage")
_SET, _RESET = 0, 1  # in the keys of random numbers
_STANDS = 1e-6  # of the retention time: turns that change a current by no more
_MOST_SIGMAS = 5.0  # that a resistance may be outside its nominal range
_MOST_NUMBERS = 100_000  # of steps of a line times devices, at once

#: steps of a line, the share of its time that each takes, R after each of them (Ohm) and the
#: integral of 1/R over it (s/Ohm), both of shape (steps, devices)
_Step = tuple[Steps, float, Array, Array]


class ResistiveCell(Cells[Parameters]):
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
        The resistances are not in order, or a voltage scale is zero.
    """

    terminals = ("top", "bottom")
    between: ClassVar = ("top", "bottom")
    variables: ClassVar = (
        "r", "faded", "formed", "set", "reset", "damage", "life", "low", "limit", "forming",
    )  # fmt: skip
    varied: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"r_on": "set_device_sigma", "r_off": "reset_device_sigma"}
    )

    def __init__(
        self, parameters: Parameters, initial: Initial, account: Mapping[str, Any]
    ) -> None:
        super().__init__(parameters, initial, account)
        p = parameters
        if not p.r_on <= initial.resistance <= p.r_off:
            raise BadInput(
                f"a cell of {initial.resistance:g} Ohm was asked for; "
                f"it has {p.r_on:g} Ohm to {p.r_off:g} Ohm"
            )
        self._limits = self.bounds
        if 0.0 in (p.set_scale, p.reset_scale):
            raise BadInput(
                "a voltage scale of 0 V was asked for; give set_scale and reset_scale a value, "
                "negative for a rate that saturates"
            )

    @property
    def bounds(self) -> tuple[float, float]:
        """Least and greatest resistance that a formed cell can have, Ohm."""
        p = self.parameters
        low = _MOST_SIGMAS * (p.set_sigma + p.set_device_sigma)
        high = _MOST_SIGMAS * (p.reset_sigma + p.reset_device_sigma)
        return p.r_on * float(np.exp(-low)), p.r_off * float(np.exp(high))

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make cells in the initial condition, with or without their spread."""
        state = super().fresh(devices, stream, spread=spread, first=first)
        p, drawn, numbers = self.parameters, stream if spread else None, state.numbers
        state.row("life")[:] = wear.life(drawn, numbers, p.life_cycles, p.life_shape)
        state.row("low")[:] = wear.sticks_low(drawn, numbers, p.stuck_low)
        state.row("limit")[:] = wear.endurance(drawn, numbers, p.breakdown_shape)
        if self.initial.formed < 1:
            voltages = wear.forming_voltage(drawn, numbers, p.forming_scale, p.forming_shape)
            state.row("forming")[:] = voltages
        state.row("formed")[:] = state.row("forming") == 0
        return state

    def _begin(self, state: State) -> None:
        state.row("r")[:] = self.initial.resistance
        state.row("set")[:] = state.row("reset")[:] = 1.0

    def _vary(self, state: State, stream: Stream | None) -> None:
        p = self.parameters
        name, sigma, label = (
            ("set", p.set_sigma, _SET)
            if state.row("side")[0] > 0
            else ("reset", p.reset_sigma, _RESET)
        )
        state.row(name)[:] = cycle_factor(
            stream, state.numbers, state.row("events"), sigma, "lognormal", label
        )

    # what a piece does ---------------------------------------------------------------------------

    def _pass(self, state: State, piece: Straight) -> Array:
        if not (piece.control[0] or piece.control[1]):
            _fade(self.parameters, state, piece.duration)
            return np.zeros((2, state.devices))
        noisy = state.noise is not None and self.parameters.noise_sigma > 0
        noise = self._noise(state, piece.duration) if noisy else None
        if piece.largest <= self.threshold and _stand(state):
            charge = self._look(state, piece, noise)
            return np.array([charge, -charge])
        charge = np.zeros(state.devices)
        for part in self._parts(state, piece):
            charge += self._follow(state, part, noise)
        return np.array([charge, -charge])

    def _look(self, state: State, piece: Straight, noise: Array | None) -> Array:
        """Return the charge of a line below the threshold through cells that stand, C."""
        p = self.parameters
        _fade(p, state, piece.duration)
        seen = self._seen(state)
        charge = sinh_mean(*piece.control, p.iv_factor * (piece.duration / seen), p.iv_scale)
        return charge if noise is None else charge * (1.0 + _larger(p, seen, noise))

    def _parts(self, state: State, piece: Straight) -> list[Straight]:
        """Cut a line into its steps if a cell forms or breaks somewhere on it."""
        if piece.control[0] == piece.control[1] or piece.largest <= self.threshold:
            return [piece]
        forms = (state.row("formed") == 0) & (state.row("forming") <= piece.largest)
        breaks = state.row("damage") + _strain(self.parameters, state, piece) >= state.row("limit")
        if not (forms | breaks).any():
            return [piece]
        steps = cut(*piece.control, _STEP)
        lines = zip(steps.first.ravel().tolist(), steps.last.ravel().tolist(), strict=True)
        length = piece.duration / len(steps.first)
        return [Straight(line, {"top": line}, length) for line in lines]

    def _form(self, state: State, piece: Straight) -> None:
        """Form what the voltage forms."""
        formed = state.row("formed")
        if formed.all():
            return
        now = (formed == 0) & wear.formed(np.full(len(formed), piece.largest), state.row("forming"))
        if now.any():
            formed[now], state.row("r")[now] = 1.0, self.parameters.formed_r

    def _follow(self, state: State, piece: Straight, noise: Array | None) -> Array:
        """Take all cells through a line above or below the threshold; returns the charge, C."""
        self._form(state, piece)
        p, follows = self.parameters, (state.row("formed") > 0) & ~_dead(state)
        stuck = None if follows.all() else self.resistance(state)
        damage, limit = state.row("damage"), state.row("limit")
        added = _strain(self.parameters, state, piece)
        breaks = not (damage + added < limit).all()
        kept = np.full(state.devices, piece.duration)
        if breaks:
            kept *= wear.standing(damage, added, limit)
        damage += added
        charge = np.zeros(state.devices)
        for steps, share, r, inverse in self._written(state, piece, kept):
            if stuck is not None:  # it does not follow what is written
                r = np.where(follows, r, stuck)
                inverse = np.where(follows, inverse, kept * share / stuck)
            if breaks:
                inverse = inverse + (piece.duration - kept) * share / self._own(state)["r_on"]
            each = sinh_mean(steps.first, steps.last, p.iv_factor * inverse, p.iv_scale)
            if noise is not None:
                each = each * (1.0 + _larger(self.parameters, r, noise))
            charge += each.sum(axis=0)
        return charge

    def _written(self, state: State, piece: Straight, kept: Array) -> Iterator[_Step]:
        """Move R through the steps of a line, many at once."""
        if piece.largest <= self.threshold:
            _fade(self.parameters, state, piece.duration)
            seen = self._seen(state)[np.newaxis]
            yield cut(*piece.control, math.inf), 1.0, seen, kept / seen
            return
        self._renew(state)
        r, side = state.row("r"), 1.0 if sum(piece.control) > 0 else -1.0
        whole, most = cut(*piece.control, _STEP), max(1, _MOST_NUMBERS // state.devices)
        share = 1.0 / len(whole.first)
        for k in range(0, len(whole.first), most):
            steps = Steps(whole.first[k : k + most], whole.last[k : k + most])
            goals = np.where(state.row("formed") > 0, self._goals(state, steps.farthest, side), r)
            after, inverse = sweep(
                r, goals, _speeds(self.parameters, steps.middle, side), kept * share, side
            )
            r[:] = after[-1]
            yield steps, share, after, inverse

    def _goals(self, state: State, voltages: Array, side: float) -> Array:
        """Return the bounds that voltages take R to, Ohm, shape (voltages, devices)."""
        p, own = self.parameters, self._own(state)
        cycles = (state.row("positive") + state.row("negative")) / 2
        if side > 0:
            nominal = np.minimum(np.maximum(p.set_a0 + p.set_a1 * voltages, p.r_on), p.r_off)
            varied = nominal / p.r_on * own["r_on"] * state.row("set")
            closed = wear.closing(cycles, p.closing_cycles, p.closing_low)
        else:
            nominal = np.minimum(np.maximum(p.reset_a0 + p.reset_a1 * voltages, p.r_on), p.r_off)
            varied = nominal / p.r_off * own["r_off"] * state.row("reset")
            closed = wear.closing(cycles, p.closing_cycles, -p.closing_high)
        low, high = self._limits
        return np.minimum(np.maximum(varied * closed, low), high)

    def _renew(self, state: State) -> None:
        """Take what has faded as the state that a pulse finds."""
        faded = state.row("faded")
        if faded.any():
            state.row("r")[:] = self._seen(state)
            faded[:] = 0.0

    # what is seen --------------------------------------------------------------------------------

    def _seen(self, state: State) -> Array:
        """Return what has become of R as written, Ohm."""
        r, faded = state.row("r"), state.row("faded")
        if not faded.any():
            return r.copy()
        lost = -np.expm1(-faded)
        goal = np.maximum(self._own(state)["r_off"], r)
        seen: Array = r * (goal / r) ** lost
        return seen

    def resistance(self, state: State) -> Array:
        """Return the resistance of every cell now, without noise, Ohm."""
        own, dead = self._own(state), _dead(state)
        alive = np.where(state.row("formed") > 0, self._seen(state), self.parameters.pristine)
        if not dead.any():
            return alive
        low = (state.row("low") > 0) | (state.row("damage") >= state.row("limit"))
        return np.where(dead, np.where(low, own["r_on"], own["r_off"]), alive)

    def _flicker(self, state: State) -> Array:
        if state.noise is None or self.parameters.noise_sigma == 0:
            return np.zeros(state.devices)
        return _larger(self.parameters, self.resistance(state), self._noise(state))

    def _slope(self, state: State) -> Array:
        return self.parameters.iv_factor / self.resistance(state)

    def conductance(self, state: State) -> Array:
        """Return dI/dV at zero, S."""
        return self._slope(state) * (1.0 + self._flicker(state))

    def _flow(self, state: State, at: Mapping[str, float]) -> Array:
        voltage = at.get("top", 0.0) - at.get("bottom", 0.0)
        current = sinh(voltage, self.conductance(state), self.parameters.iv_scale)
        return np.array([current, -current])

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all cells through the same pieces `count` times; see `fast_forward`."""
        low, high = self.bounds
        known = Range({"r": low}, {"r": high}, _COUNTERS)
        if (
            not _writes(pieces, self.threshold)
            and _fades(self.parameters, pieces, temperature) * count < _STANDS
        ):
            # R as written stands, what fades adds up, and is too little for the charge to see
            r = state.row("r").copy()
            known = Range({"r": r}, {"r": r}, (*_COUNTERS, "faded"))
        return fast_forward(self, state, pieces, count, temperature, stream, known)


def _dead(state: State) -> Flags:
    """Return which cells have lived their life or broken down."""
    cycles = (state.row("positive") + state.row("negative")) / 2
    dead: Flags = (cycles >= state.row("life")) | (state.row("damage") >= state.row("limit"))
    return dead


def _stand(state: State) -> bool:
    """Whether all cells are formed and alive, so that a low voltage only looks at them."""
    return bool(state.row("formed").all()) and not _dead(state).any()


def _strain(p: Parameters, state: State, piece: Straight) -> Array:
    """Return the damage that a line adds."""
    if p.breakdown_time <= 0 or piece.largest <= p.threshold:
        return np.zeros(state.devices)
    first, last = ((abs(v) - p.breakdown_voltage) / p.breakdown_scale for v in piece.control)
    each = mean_exponential(first, last) * piece.duration / p.breakdown_time
    return np.multiply(state.row("formed"), each)


def _speeds(p: Parameters, voltages: Array, side: float) -> Array:
    """Return S at voltages, 1/(Ohm s)."""
    rate, scale = (p.set_rate, p.set_scale) if side > 0 else (p.reset_rate, p.reset_scale)
    return np.multiply(rate, np.abs(np.expm1(np.minimum(np.abs(voltages) / scale, 600.0))))


def _larger(p: Parameters, r: Array, noise: Array) -> Array:
    """Return the fluctuation of the conductance of cells, which grows with R."""
    return np.maximum(np.maximum(r / p.r_on, 1.0) ** p.noise_power * noise, -0.9)


def _fade(p: Parameters, state: State, duration: float) -> None:
    temperature = float(state.row("temperature")[0])  # that of all
    slower = activation(p.retention_energy, temperature, p.retention_temperature)
    state.row("faded")[:] += duration / (p.retention * slower)


def _fades(p: Parameters, pieces: Sequence[Piece], temperature: float) -> float:
    """Return how much of the retention time one turn takes."""
    tau = activated(p.retention, p.retention_energy, temperature, p.retention_temperature)
    return float(np.max(sum(duration for _, duration in pieces) / tau))


def _writes(pieces: Sequence[Piece], threshold: float) -> bool:
    """Whether any voltage among the pieces is above the threshold."""
    return any(
        abs(top - bottom) > threshold
        for levels, _ in pieces
        for top, bottom in zip(
            ends(levels.get("top", 0.0)), ends(levels.get("bottom", 0.0)), strict=True
        )
    )


FAMILY = Family(
    name="rram",
    title="Filamentary RRAM",
    summary=(
        "A resistance that every pulse takes towards a bound that depends on its voltage "
        "(data-driven, exact for a pulse), with the statistics of a 1T1R array, forming, "
        "retention and wear. I ~ sinh(V / V0) / R."
    ),
    parameters=Parameters,
    initial=Initial,
    build=ResistiveCell,
)
