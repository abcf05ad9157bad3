"""Filamentary resistive memory: a resistance that pulses take towards a bound that depends on them.

State: R, the resistance as written. The law is that of Messaris et al.
(10.1109/TCAD.2018.2791468), fitted to pulses on TiO2 cells, exact for every pulse::

    V > 0:  dR/dt = -Sp (R - rp)^2 while R > rp,    rp = a0p + a1p V        (SET)
    V < 0:  dR/dt = +Sn (rn - R)^2 while R < rn,    rn = a0n + a1n V        (RESET)
    S = A |exp(|V| / t) - 1|;  rp and rn stay between r_on and r_off
    I = f (V0 / R) sinh(V / V0)

Below the threshold nothing moves. A distance D from the bound becomes D / (1 + S D t), and the
integral of 1/R is a logarithm, so state and charge are exact at a constant level. A straight line
of the voltage is taken in pieces of 5 mV, each with the speed of its middle and the bound of its
larger end: ln R is off by less than 3e-2 after 1.3 V in 1 us, 1e-3 after 1.3 V in 1 ms (tested).

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

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray
from pydantic import Field

from labctl.errors import BadInput
from labctl.units import Kelvin, Ohm, Ratio, Second, Unit, Volt
from sim_backend.devices.cells import Cells, Straight
from sim_backend.devices.family import Conditions, Family
from sim_backend.devices.model import Array, Piece, State, Stream, ends
from sim_backend.devices.parts import wear
from sim_backend.devices.parts.conduction import sinh, sinh_mean
from sim_backend.devices.parts.course import Range, fast_forward
from sim_backend.devices.parts.relaxation import activated
from sim_backend.devices.parts.updates import mean_exponential
from sim_backend.devices.parts.variation import cycle_factor

__all__ = ["FAMILY", "Initial", "Parameters", "ResistiveCell"]

ElectronVolt = Annotated[float, Unit("eV")]
PerOhmSecond = Annotated[float, Unit("1/(Ohm s)")]
OhmPerVolt = Annotated[float, Unit("Ohm/V")]
Flags = NDArray[np.bool_]

_STEP = 0.005  # V
_COUNTERS = ("positive", "negative", "events", "age", "damage")
_SET, _RESET = 0, 1  # in the keys of random numbers
_STANDS = 1e-6  # of the retention time: turns that change a current by no more
_MOST_SIGMAS = 5.0  # that a resistance may be outside its nominal range


class Parameters(wear.Wear):
    """The numbers of a cell; see the module's equations."""

    r_on: Annotated[Ohm, Gt(0)] = Field(description="lowest resistance that SET goes to")
    r_off: Annotated[Ohm, Gt(0)] = Field(description="highest resistance that RESET goes to")
    set_rate: Annotated[PerOhmSecond, Gt(0)] = Field(description="factor A of SET")
    set_scale: Volt = Field(description="voltage t of SET; negative: the rate saturates")
    set_a0: Ohm = Field(description="bound of SET at 0 V")
    set_a1: OhmPerVolt = Field(description="bound of SET, slope")
    reset_rate: Annotated[PerOhmSecond, Gt(0)] = Field(description="factor A of RESET")
    reset_scale: Volt = Field(description="voltage t of RESET; negative: it saturates")
    reset_a0: Ohm = Field(description="bound of RESET at 0 V")
    reset_a1: OhmPerVolt = Field(description="bound of RESET, slope against the signed voltage")
    threshold: Annotated[Volt, Ge(0)] = Field(description="below it nothing moves")
    iv_scale: Annotated[Volt, Gt(0)] = Field(description="voltage V0 of the sinh law")
    iv_factor: Annotated[Ratio, Gt(0)] = Field(description="conductance at 0 V times R")
    set_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="cycle-to-cycle: standard deviation of ln R after SET"
    )
    reset_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="cycle-to-cycle: standard deviation of ln R after RESET"
    )
    set_device_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: standard deviation of a device's median ln R after SET"
    )
    reset_device_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: standard deviation of a device's median ln R after RESET"
    )
    pristine: Annotated[Ohm, Gt(0)] = Field(description="resistance before forming")
    formed_r: Annotated[Ohm, Gt(0)] = Field(description="resistance just after forming")
    retention: Annotated[Second, Gt(0)] = Field(description="time in which LRS goes to HRS")
    retention_energy: Annotated[ElectronVolt, Ge(0)] = Field(description="its activation energy")
    retention_temperature: Annotated[Kelvin, Gt(0)] = Field(description="temperature of that time")
    noise_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="read noise: relative standard deviation per decade of 1/f noise, at r_on"
    )
    noise_power: Annotated[Ratio, Ge(0)] = Field(
        description="exponent with which the read noise grows with R / r_on"
    )


class Initial(Conditions):
    """How a fresh cell begins."""

    resistance: Annotated[Ohm, Gt(0)] = Field(description="resistance of a formed cell")
    formed: Annotated[Ratio, Ge(0), Le(1)] = Field(1.0, description="1: formed; 0: pristine")


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

    def _step(self) -> float:
        return _STEP

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
        p, (first, last) = self.parameters, piece.control
        self._form(state)
        if not (first or last):
            self._fade(state, piece.duration)
            return np.zeros((2, state.devices))
        follows = (state.row("formed") > 0) & ~self._dead(state)
        stuck = None if follows.all() else 1.0 / self.resistance(state)
        stands = self._stress(state, piece)
        if piece.largest > self.threshold:
            inverse = self._write(state, piece, piece.duration * stands)
        else:
            self._fade(state, piece.duration)
            inverse = piece.duration / self._seen(state)
        if stuck is not None:  # a cell that is stuck or pristine does not follow what is written
            inverse = np.where(follows, inverse, piece.duration * stands * stuck)
        if np.any(stands < 1.0):
            inverse = inverse + piece.duration * (1.0 - stands) / self._own(state)["r_on"]
        charge = sinh_mean(first, last, p.iv_factor * inverse, p.iv_scale)
        if state.noise is not None and charge.any():
            charge = charge * (1.0 + self._flicker(state, piece.duration))
        return np.array([charge, -charge])

    def _form(self, state: State) -> None:
        """Form what the voltage forms."""
        formed = state.row("formed")
        if formed.all():
            return
        now = (formed == 0) & wear.formed(state.row("peak"), state.row("forming"))
        if now.any():
            formed[now], state.row("r")[now] = 1.0, self.parameters.formed_r

    def _stress(self, state: State, piece: Straight) -> Array | float:
        """Add up the damage; returns the share of the piece before the breakdown."""
        p, damage = self.parameters, state.row("damage")
        if p.breakdown_time <= 0 or piece.largest <= self.threshold:
            return np.where(damage >= state.row("limit"), 0.0, 1.0) if damage.any() else 1.0
        first, last = ((abs(v) - p.breakdown_voltage) / p.breakdown_scale for v in piece.control)
        each = mean_exponential(first, last) * piece.duration / p.breakdown_time
        added = state.row("formed") * each
        stands = wear.standing(damage, added, state.row("limit"))
        damage += added
        return stands

    def _write(self, state: State, piece: Straight, length: Array | float) -> Array:
        """Move R towards its bound for some time; returns the integral of 1/R, s/Ohm."""
        p, r = self.parameters, state.row("r")
        voltage = sum(piece.control) / 2
        self._renew(state)
        goal = self._goal(state, max(piece.control, key=abs))
        side = 1.0 if voltage > 0 else -1.0
        rate, scale = (p.set_rate, p.set_scale) if side > 0 else (p.reset_rate, p.reset_scale)
        speed = rate * abs(float(np.expm1(min(abs(voltage) / scale, 600.0))))
        distance = np.where(state.row("formed") > 0, np.maximum(side * (r - goal), 0.0), 0.0)
        before, x = r.copy(), goal * (speed * length) * distance / r
        r[:] = np.where(
            distance > 0, goal + side * distance / (1.0 + speed * distance * length), before
        )
        slowed = np.where(x > 0, np.log1p(x) / np.where(x > 0, x, 1.0), 1.0)
        moving = length / goal + (1.0 - before / goal) * (length / before) * slowed
        return np.where(distance > 0, moving, length / before)

    def _goal(self, state: State, voltage: float) -> Array:
        """Return the bound that a voltage takes R to, Ohm."""
        p, own = self.parameters, self._own(state)
        cycles = (state.row("positive") + state.row("negative")) / 2
        if voltage > 0:
            nominal = min(max(p.set_a0 + p.set_a1 * voltage, p.r_on), p.r_off)
            varied = nominal / p.r_on * own["r_on"] * state.row("set")
            closed = wear.closing(cycles, p.closing_cycles, p.closing_low)
        else:
            nominal = min(max(p.reset_a0 + p.reset_a1 * voltage, p.r_on), p.r_off)
            varied = nominal / p.r_off * own["r_off"] * state.row("reset")
            closed = wear.closing(cycles, p.closing_cycles, -p.closing_high)
        low, high = self._limits
        return np.minimum(np.maximum(varied * closed, low), high)

    def _fade(self, state: State, duration: float) -> None:
        p = self.parameters
        tau = activated(
            p.retention, p.retention_energy, state.row("temperature"), p.retention_temperature
        )
        state.row("faded")[:] += duration / tau

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

    def _dead(self, state: State) -> Flags:
        cycles = (state.row("positive") + state.row("negative")) / 2
        dead: Flags = (cycles >= state.row("life")) | (state.row("damage") >= state.row("limit"))
        return dead

    def resistance(self, state: State) -> Array:
        """Return the resistance of every cell now, without noise, Ohm."""
        own, dead = self._own(state), self._dead(state)
        alive = np.where(state.row("formed") > 0, self._seen(state), self.parameters.pristine)
        if not dead.any():
            return alive
        low = (state.row("low") > 0) | (state.row("damage") >= state.row("limit"))
        return np.where(dead, np.where(low, own["r_on"], own["r_off"]), alive)

    def _flicker(self, state: State, duration: float) -> Array:
        p = self.parameters
        if state.noise is None or p.noise_sigma == 0:
            return np.zeros(state.devices)
        larger = np.maximum(self.resistance(state) / p.r_on, 1.0) ** p.noise_power
        return np.maximum(larger * self._noise(state, duration), -0.9)

    def _slope(self, state: State) -> Array:
        return self.parameters.iv_factor / self.resistance(state)

    def conductance(self, state: State) -> Array:
        """Return dI/dV at zero, S."""
        return self._slope(state) * (1.0 + self._flicker(state, 0.0))

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
