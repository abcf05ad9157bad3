"""A floating gate or a layer of traps between a gate and a channel: stored charge shifts Vt.

State: x, the shift of the threshold voltage by stored electrons, V. V is the gate against the
source. Tunnelling is exponential in the field, and the stored charge takes field away, so

    V > threshold:   dx/dt = +(s+ / t+) exp((V - V+) / s+) exp(-x / s+)
    V < -threshold:  dx/dt = -(s- / t-) exp((|V| - V-) / s-) exp(+x / s-)

which is the logarithmic law x(w) = s ln(exp(x0 / s) + w / t(V)) exactly, also for straight lines of
V, with the mean of exp(V / s). It ends at the window. One volt more on the gate shifts one volt
further (incremental-step programming: Suh et al., IEEE J. Solid-State Circuits 30, 1149, 1995,
10.1109/4.475701).

    |V| <= threshold:  dx/dt = -2 r(T) sinh(x / s_r)

is the loss of stored charge, driven by its own field and thermally activated: a straight line in
ln t until it is all gone. r follows from the time in which a given shift is halved at a given
temperature.

Vt = vt0 + x + noise, and the channel is that of the EKV model (Enz, Krummenacher and Vittoz, Analog
Integr. Circuits Signal Process. 8, 83, 1995, 10.1007/BF01239381), subthreshold and strong inversion
in one, at the temperature of the device:

    I = 2 n K U^2 (F((VG - Vt) / n U) - F((VG - Vt) / n U - VD / U)),  F(y) = ln^2(1 + exp(y / 2))

Into the gate go C dV, the stored charge C dx, and a leak; out of it through the source. Cycling
closes the window (`sim_backend.devices.parts.wear.closing`).

The state is exact on straight lines. The charge of the channel is by Gauss points, a ramp of the
gate cut into pieces of 0.1 V: relative error below 1e-5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Lt
from pydantic import Field

from labctl.errors import BadInput
from labctl.units import Farad, Kelvin, Ratio, Second, Siemens, Unit, Volt
from sim_backend.devices.cells import Cells, Line, Straight, integral, share_lost
from sim_backend.devices.family import Conditions, Family
from sim_backend.devices.model import Array, State, Stream
from sim_backend.devices.parts.network import stored
from sim_backend.devices.parts.relaxation import activated, log_growth, sinh_decay
from sim_backend.devices.parts.variation import cycle_factor
from sim_backend.devices.parts.wear import closing

__all__ = ["FAMILY", "FloatingGate", "Initial", "Parameters"]

ElectronVolt = Annotated[float, Unit("eV")]
Gain = Annotated[float, Unit("A/V2")]

_BOLTZMANN = 1.380649e-23 / 1.602176634e-19  # V/K
_STEP = 0.1  # V of the gate in one piece of a ramp


class Parameters(Conditions):
    """The numbers of a floating-gate transistor; see the module's equations."""

    vt0: Volt = Field(description="threshold voltage without stored charge")
    gain: Annotated[Gain, Gt(0)] = Field(description="K, mobility x gate capacitance x W / L")
    slope_factor: Annotated[Ratio, Ge(1)] = Field(description="n of the subthreshold slope")
    off: Annotated[Siemens, Ge(0)] = Field(description="conductance in parallel with the channel")
    window_high: Annotated[Volt, Gt(0)] = Field(description="largest shift, programmed")
    window_low: Annotated[Volt, Lt(0)] = Field(description="least shift, erased")
    program_amplitude: Annotated[Volt, Gt(0)] = Field(description="V+ at which t+ is given")
    program_time: Annotated[Second, Gt(0)] = Field(description="t+, until a shift of s+ ln 2")
    program_scale: Annotated[Volt, Gt(0)] = Field(description="s+, voltage scale of programming")
    erase_amplitude: Annotated[Volt, Gt(0)] = Field(description="V- at which t- is given")
    erase_time: Annotated[Second, Gt(0)] = Field(description="t-, until a shift of -s- ln 2")
    erase_scale: Annotated[Volt, Gt(0)] = Field(description="s-, voltage scale of erasing")
    threshold: Annotated[Volt, Gt(0)] = Field(
        description="gate voltage above which there is tunnelling and an event is counted"
    )
    loss_scale: Annotated[Volt, Gt(0)] = Field(description="s_r, voltage scale of the loss")
    loss_shift: Annotated[Volt, Gt(0)] = Field(description="shift whose halving is given")
    loss_time: Annotated[Second, Gt(0)] = Field(description="time in which it is halved")
    loss_temperature: Annotated[Kelvin, Gt(0)] = Field(description="temperature of that time")
    loss_energy: Annotated[ElectronVolt, Ge(0)] = Field(description="activation energy of the loss")
    capacitance: Annotated[Farad, Gt(0)] = Field(description="C, of the gate")
    leak: Annotated[Siemens, Ge(0)] = Field(description="leak of the gate")
    closing_cycles: Annotated[Ratio, Ge(0)] = Field(
        description="wear: program and erase cycles after which the window closes; 0 for never"
    )
    closing_rate: Annotated[Ratio, Ge(0)] = Field(
        description="wear: decades of window lost per decade of cycles after that"
    )
    cycle_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="cycle-to-cycle: sigma of the logarithm of an event's tunnelling rate"
    )
    vt_spread: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: sigma of the logarithm of vt0"
    )
    channel_spread: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: the same of the gain"
    )
    rate_spread: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: the same of program_time and erase_time"
    )
    loss_spread: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: the same of loss_time"
    )
    noise_sigma: Annotated[Volt, Ge(0)] = Field(
        description="read noise: of Vt, each decade of its 1/f spectrum"
    )


class Initial(Conditions):
    """How a fresh device begins."""

    shift: Volt = Field(description="shift of the threshold voltage to begin with")


class FloatingGate(Cells[Parameters]):
    """Any number of floating-gate or charge-trap transistors; see the module's equations.

    Parameters
    ----------
    parameters, initial
        Of all devices before their spread.
    account
        Where the numbers come from.

    Raises
    ------
    BadInput
        The initial shift is outside the window.
    """

    variables: ClassVar[tuple[str, ...]] = ("x", "pace")
    varied: ClassVar[Mapping[str, str]] = {
        "vt0": "vt_spread", "gain": "channel_spread", "program_time": "rate_spread",
        "erase_time": "rate_spread", "loss_time": "loss_spread",
    }  # fmt: skip

    def __init__(
        self, parameters: Parameters, initial: Initial, account: Mapping[str, Any]
    ) -> None:
        super().__init__(parameters, initial, account)
        if not parameters.window_low <= initial.shift <= parameters.window_high:
            raise BadInput(
                f"a shift of {initial.shift:g} V was asked for; it can be from "
                f"{parameters.window_low:g} V to {parameters.window_high:g} V"
            )

    def _begin(self, state: State) -> None:
        state.row("x")[:] = self.initial.shift
        state.row("pace")[:] = 1.0

    def _step(self, line: Line, duration: float) -> float:
        return _STEP

    def _vary(self, state: State, stream: Stream | None) -> None:
        state.row("pace")[:] = cycle_factor(
            stream, state.numbers, state.row("events"), self.parameters.cycle_sigma,
            "lognormal",
        )  # fmt: skip

    def _range(self, state: State) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"x": self.parameters.window_low}, {"x": self.parameters.window_high}

    # how a piece moves the state ----------------------------------------------------------------

    def _pass(self, state: State, piece: Straight) -> Array:
        p = self.parameters
        course = _Course(self, state, piece)
        channel = piece.between("drain", "source")
        drain: Any = np.zeros(state.devices)
        if channel != (0.0, 0.0):
            noise = self._noise(state, piece.duration)
            lines = (piece.control, channel)

            def current(t: Array) -> Array:
                gate, across = (
                    line[0] + (line[1] - line[0]) * (t / piece.duration) for line in lines
                )
                return self._channel(state, gate - course.at(t) - noise, across)

            drain = integral(current, piece.duration, course.fastest)
        x = course.at(piece.duration)
        gate = stored(p.capacitance, state.row("control"), piece.control[1])
        gate = gate + p.capacitance * (x - state.row("x"))
        gate = gate + p.leak * (piece.control[0] + piece.control[1]) / 2.0 * piece.duration
        state.row("x")[:] = x
        return np.array([drain, -drain - gate, gate])

    def _window(self, state: State) -> tuple[Array, Array]:
        """Return the least and the largest shift of worn devices, V."""
        p = self.parameters
        cycles = (state.row("positive") + state.row("negative")) / 2.0
        left = closing(cycles, p.closing_cycles, -p.closing_rate)
        return p.window_low * left, p.window_high * left

    def _loss(self, state: State) -> Array:
        """Return r at the temperature, V/s."""
        p, temperature = self.parameters, float(state.row("temperature")[0])
        found: Array | None = state.ready.get(temperature)
        if found is None:
            halved = math.tanh(p.loss_shift / 4.0 / p.loss_scale)
            logarithm = math.log(math.tanh(p.loss_shift / 2.0 / p.loss_scale) / halved)
            time = activated(
                self._own(state)["loss_time"], p.loss_energy, temperature, p.loss_temperature
            )
            found = p.loss_scale / 2.0 * logarithm / time
            state.ready[temperature] = found
        return found

    def _tunnelling(self, state: State, side: float) -> tuple[float, float, Array]:
        """Return s, V and s / t of programming or erasing."""
        p, own = self.parameters, self._own(state)
        if side > 0:
            scale, amplitude, time = p.program_scale, p.program_amplitude, own["program_time"]
        else:
            scale, amplitude, time = p.erase_scale, p.erase_amplitude, own["erase_time"]
        return scale, amplitude, scale / time * state.row("pace")

    # what is seen -------------------------------------------------------------------------------

    def _channel(self, state: State, over: Array, drain: float | Array) -> Array:
        """Return the channel current at a gate voltage less x, A."""
        p, own = self.parameters, self._own(state)
        unit = _BOLTZMANN * float(state.row("temperature")[0])
        y = (over - own["vt0"]) / (p.slope_factor * unit)
        specific = 2.0 * p.slope_factor * own["gain"] * unit**2
        current: Array = specific * (_filled(y) - _filled(y - drain / unit)) + p.off * drain
        return current

    def _slope(self, state: State) -> Array:
        # read at VG = 0; the noise is of Vt, so `conductance` has it here
        p, own = self.parameters, self._own(state)
        unit = _BOLTZMANN * float(state.row("temperature")[0])
        over = -state.row("x") - self._noise(state) - own["vt0"]
        half = over / (p.slope_factor * unit) / 2.0
        filling = np.logaddexp(0.0, half) * np.exp(half - np.logaddexp(0.0, half))
        slope: Array = 2.0 * p.slope_factor * own["gain"] * unit * filling + p.off
        return slope

    def conductance(self, state: State) -> Array:
        """Return dI/dV between drain and source at zero, with the gate at ground, S."""
        return self._slope(state)

    def _flow(self, state: State, at: Mapping[str, float]) -> Array:
        p, source = self.parameters, at.get("source", 0.0)
        gate, drain = at.get("gate", 0.0) - source, at.get("drain", 0.0) - source
        x = state.row("x")
        channel = self._channel(state, gate - x - self._noise(state), drain)
        into = np.full(state.devices, p.leak * gate)
        if abs(gate) > self.threshold:
            side = math.copysign(1.0, gate)
            scale, amplitude, rate = self._tunnelling(state, side)
            low, high = self._window(state)
            free = (x < high) if side > 0 else (x > low)
            speed = rate * np.exp(np.minimum((abs(gate) - amplitude - side * x) / scale, 690.0))
            into = into + side * p.capacitance * np.where(free, speed, 0.0)
        return np.array([channel, -channel - into, into])


class _Course:
    """Where x goes during one piece."""

    def __init__(self, model: FloatingGate, state: State, piece: Straight) -> None:
        self.x, self.piece = state.row("x").copy(), piece
        first, last = piece.control
        self.side = 0.0
        if piece.largest > model.threshold * (1.0 + 1e-12):
            self.side = math.copysign(1.0, first + last)
        if self.side == 0.0:
            self.scale, self.rate = model.parameters.loss_scale, model._loss(state)
            speed = self.rate / self.scale * np.exp(np.abs(self.x) / self.scale)
        else:
            self.scale, amplitude, self.rate = model._tunnelling(state, self.side)
            self.line = tuple((abs(v) - amplitude) / self.scale for v in (first, last))
            low, high = model._window(state)
            # a window that has closed over x does not move it
            self.bound = np.maximum(high, self.x) if self.side > 0 else np.maximum(-low, -self.x)
            top = np.exp(np.minimum(max(self.line) - self.side * self.x / self.scale, 690.0))
            speed = self.rate / self.scale * top
        self.fastest = speed

    def at(self, t: float | Array) -> Array:
        """Return x a time after the beginning, V."""
        if self.side == 0.0:
            return sinh_decay(self.x, t, self.rate, self.scale)
        begin, end = self.line
        change = (end - begin) * np.asarray(t) / self.piece.duration
        mean = math.exp(begin) * share_lost(-change)
        grown = log_growth(self.side * self.x, t, self.rate * mean, self.scale)
        moved: Array = self.side * np.minimum(grown, self.bound)
        return moved


def _filled(y: Array) -> Array:
    """Return F of the EKV model."""
    filled: Array = np.logaddexp(0.0, y / 2.0) ** 2
    return filled


FAMILY = Family(
    name="floating-gate",
    title="Floating gate and charge trap",
    summary=(
        "Stored electrons shift the threshold voltage of a transistor: logarithmic injection and "
        "removal by gate pulses, thermally activated loss along ln t, read through an EKV channel."
    ),
    parameters=Parameters,
    initial=Initial,
    build=FloatingGate,
)
