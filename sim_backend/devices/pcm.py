"""Phase-change memory: crystallisation by pulses, melting, and the drift of the glass.

State: g, the crystalline share as written (0 to 1). A voltage above the threshold switches the
glass on, and the heater warms the cell, whatever its sign::

    I = V / Ron,   T = T0 + (V / Vm)^2 (Tm - 300 K)
    T < Tm:  dg/dt = X(T) s (1 + A exp(-c g)) (1 + sigma xi),   X = exp(-((T - Tp) / W)^2) / w0
    T > Tm:  dg/dt = -(g - m(T)) / tm  while g > m,   m falls from 1 at Tm to the residue at Tf

so a pulse at Tp and of width w0 is the reference SET pulse, and the trailing edge of a RESET
decides whether what has melted stays a glass: a slow one crystallises on its way through Tp. The
steps are the exponential steps fitted by AIHWKit to partial SET (Nandakumar et al.,
10.3389/fnins.2020.00406). Below the threshold nothing is written; the glass relaxes::

    G = Gmax (r + (1 - r) (g + o)) exp(-L),   dL = nu(T) d ln(t + tc),   t since the last pulse
    nu = (mean nu(g) + sd nu(g) xi) (f + (1 - f) (T / 300 K)^2),   f from that of HRS to that of LRS

so that at a constant temperature G = Gt0 ((t + tc) / t0)^-nu, as published (AIHWKit; Joshi et al.,
10.1038/s41467-020-16108-9), and at low temperature there is little drift. o is the programming
error, of the published width for this g; o and xi are drawn for every event. Read noise is 1/f with
the published amplitude. The current below the threshold is ohmic for the crystal's share, and for
the glass Gmin V0 sinh(V / V0).

Everything is in closed form at a constant level. A straight line of the voltage is taken in pieces
of 20 mV, each at its middle; below the threshold, where only the glass drifts, in one piece for
every hundredth of the time since the last pulse, if these are longer (its charge is off by less
than 1e-3 nu).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from labctl.kernels import kernels
from sim_backend.devices.cells import Cells, Line, Straight
from sim_backend.devices.family import Family
from sim_backend.devices.model import Array, State, Stream
from sim_backend.devices.parts import wear
from sim_backend.devices.parts.conduction import sinh, sinh_mean
from sim_backend.devices.parts.fluctuation import one_over_f_mean
from sim_backend.devices.parts.noise import pcm_share, per_decade
from sim_backend.devices.parts.updates import exponential_step
from sim_backend.devices.parts.variation import cycle_factor
from sim_backend.devices.pcm_parameters import Initial, Parameters

__all__ = ["FAMILY", "PhaseChangeCell"]

_KERNELS = "sim_backend.devices.kernels.glass"
_MANY = 500  # cells for which compiled code is loaded
_DRIFT_LAW = (
    "slope", "offset", "min", "max", "sd_slope", "sd_offset", "sd_min", "sd_max", "cold_high",
    "cold_low",
)  # fmt: skip
_STEP = 0.02  # V
_SAME = 1e-2  # of the time since a pulse, in which the drift is nearly nothing
_ROOM = 300.0  # K
_BAND = (1e-6, 1e4)  # s, periods of the 1/f noise
_PULSE, _WRITE, _DRIFT = 0, 1, 2  # in the keys of random numbers
_LEAST = 1e-4  # g in a logarithm


class PhaseChangeCell(Cells[Parameters]):
    """Any number of cells; meets `sim_backend.devices.model.DeviceModel`."""

    terminals = ("top", "bottom")
    between: ClassVar = ("top", "bottom")
    variables: ClassVar = ("g", "t", "drift", "error", "drawn", "factor", "life", "low")
    varied: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "step": "step_device_sigma",
            "g_max": "g_device_sigma",
            "drift_scale": "drift_device_sigma",
        }
    )

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make cells in the initial condition, their drift described from `drift_from` on."""
        state = super().fresh(devices, stream, spread=spread, first=first)
        p, drawn, numbers = self.parameters, stream if spread else None, state.numbers
        state.row("life")[:] = wear.life(drawn, numbers, p.life_cycles, p.life_shape)
        state.row("low")[:] = wear.sticks_low(drawn, numbers, p.stuck_low)
        return state

    def _begin(self, state: State) -> None:
        state.row("g")[:] = self.initial.crystalline
        state.row("factor")[:] = 1.0
        self._written(state)

    def _step(self, line: Line, duration: float) -> float:
        return _STEP

    def _calm(self, state: State, line: Line, duration: float) -> float:
        since = float(state.row("t").min()) + self.parameters.drift_from
        return max(_STEP, abs(line[1] - line[0]) * _SAME * since / duration)

    def _vary(self, state: State, stream: Stream | None) -> None:
        key, sigma = (state.numbers, state.row("events")), self.parameters.cycle_sigma
        state.row("factor")[:] = cycle_factor(stream, *key, sigma, "normal", _PULSE)
        if stream is not None:
            state.row("error")[:] = stream.normals(*key, _WRITE)
            state.row("drawn")[:] = stream.normals(*key, _DRIFT)

    # what a piece does ---------------------------------------------------------------------------

    def _pass(self, state: State, piece: Straight) -> Array:
        first, last = piece.control
        if piece.largest > self.threshold:
            voltage = (first + last) / 2
            self._heat(state, self.heated(voltage, state.row("temperature")), piece.duration)
            self._written(state)
            charge = np.full(state.devices, voltage * piece.duration / self.parameters.r_on)
        else:
            charge = self._rest(state, piece)
        return np.array([charge, -charge])

    def heated(self, voltage: float, ambient: Any) -> Array:
        """Return the temperature of the cell at a voltage above the threshold, K."""
        p = self.parameters
        return np.asarray(ambient + (voltage / p.melting_voltage) ** 2 * (p.melting - _ROOM))

    def _heat(self, state: State, warm: Array, duration: float) -> None:
        """Crystallise, or melt."""
        p, g = self.parameters, state.row("g")
        if warm[0] < p.melting:
            pace = np.exp(-(((warm - p.optimum) / p.width_temperature) ** 2)) * duration / p.width
            moved = self._own(state)["step"] * pace * state.row("factor")
            g[:] = np.minimum(exponential_step(g, moved, -p.curve, -p.steepness), 1.0)
        else:
            depth = (warm - p.melting) / (p.full - p.melting)
            left = np.clip(1.0 - depth, p.residue, 1.0)
            g[:] -= np.maximum(g - left, 0.0) * -np.expm1(-duration / p.melting_time)

    # the glass -----------------------------------------------------------------------------------

    def exponent(self, state: State) -> Array:
        """Return the drift exponent of every cell at its temperature."""
        p, scale = self.parameters, self._own(state)["drift_scale"]
        warm = (state.row("temperature") / _ROOM) ** 2
        fast = kernels(_KERNELS) if state.devices >= _MANY else None
        if fast is not None:
            law = np.array([getattr(p, f"drift_{name}") for name in _DRIFT_LAW])
            rows = state.row("g"), state.row("drawn"), scale
            found: Array = fast.exponents(*rows, law, float(warm[0]), _LEAST)
            return found
        g = np.maximum(state.row("g"), _LEAST)
        mean = np.clip(p.drift_slope * np.log(g) + p.drift_offset, p.drift_min, p.drift_max)
        width = np.clip(p.drift_sd_slope * np.log(g) + p.drift_sd_offset, p.drift_sd_min,
                        p.drift_sd_max)  # fmt: skip
        nu = np.maximum(scale * (mean + width * state.row("drawn")), 0.0)
        cold = p.drift_cold_high + (p.drift_cold_low - p.drift_cold_high) * g
        return np.asarray(nu * (cold + (1.0 - cold) * warm))

    def _written(self, state: State) -> None:
        p = self.parameters
        state.row("t")[:] = 0.0
        state.row("drift")[:] = self.exponent(state) * np.log(p.drift_from / p.drift_time)

    def _rest(self, state: State, piece: Straight) -> Array:
        """Let the glass relax; returns the charge, C."""
        p, (first, last), t = self.parameters, piece.control, state.row("t")
        nu = self.exponent(state)
        fast = kernels(_KERNELS) if state.devices >= _MANY else None
        if fast is not None:
            left = fast.relax(t, state.row("drift"), nu, piece.duration, p.drift_from)
        else:
            # the mean of ((t + tc) / (t0 + tc))^-nu over the piece
            ratio = piece.duration / (t + p.drift_from)
            power = 1.0 - nu
            mean = np.where(ratio > 1e-9, np.expm1(power * np.log1p(ratio)) / (power * ratio), 1.0)
            left = np.exp(-state.row("drift")) * mean
            state.row("drift")[:] += nu * np.log1p(ratio)
            t += piece.duration
        if not (first or last):
            return np.zeros(state.devices)
        crystal, glass = self._parts(state)
        current = crystal * (first + last) / 2 + sinh_mean(first, last, glass, p.iv_scale)
        noise = self._flicker(state, piece.duration)
        return np.asarray(current * left * piece.duration * (1.0 + noise))

    # what is seen --------------------------------------------------------------------------------

    def _seen(self, state: State) -> Array:
        """Return the crystalline share with its programming error."""
        p, g = self.parameters, state.row("g")
        width = p.write_constant + p.write_linear * g + p.write_square * g * g
        seen = np.clip(g + width * state.row("error"), 0.0, 1.0)
        dead = (state.row("positive") + state.row("negative")) / 2 >= state.row("life")
        return np.where(dead, state.row("low"), seen) if dead.any() else np.asarray(seen)

    def _parts(self, state: State) -> tuple[Array, Array]:
        """Return the conductances of crystal and glass without drift, S."""
        top, floor = self._own(state)["g_max"], 1.0 / self.parameters.window
        return top * (1.0 - floor) * self._seen(state), top * floor

    def _flicker(self, state: State, duration: float) -> Array:
        p = self.parameters
        if state.noise is None or p.noise_scale == 0:
            return np.zeros(state.devices)
        share = sum(self._parts(state)) / self._own(state)["g_max"]
        sigma = p.noise_scale * per_decade(pcm_share(share) ** 2)
        return np.maximum(sigma * self._noise(state, duration), -0.9)

    def _fluctuation(self, state: State, age: Array, duration: float, process: int) -> Array:
        return one_over_f_mean(state.noise, state.numbers, age, duration, 1.0, *_BAND, process)

    def _slope(self, state: State) -> Array:
        crystal, glass = self._parts(state)
        return np.asarray((crystal + glass) * np.exp(-state.row("drift")))

    def conductance(self, state: State) -> Array:
        """Return dI/dV at zero, S."""
        return self._slope(state) * (1.0 + self._flicker(state, 0.0))

    def _flow(self, state: State, at: Mapping[str, float]) -> Array:
        p, voltage = self.parameters, at.get("top", 0.0) - at.get("bottom", 0.0)
        if abs(voltage) > self.threshold:
            current = np.full(state.devices, voltage / p.r_on)
        else:
            crystal, glass = self._parts(state)
            current = crystal * voltage + sinh(voltage, glass, p.iv_scale)
            current *= np.exp(-state.row("drift")) * (1.0 + self._flicker(state, 0.0))
        return np.array([current, -current])

    def _range(self, state: State) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"g": 0.0}, {"g": 1.0}


FAMILY = Family(
    name="pcm",
    title="Phase-change memory",
    summary=(
        "A crystalline share that partial SET pulses raise and melting resets; conductance drifts "
        "as a power of time with an exponent drawn at every write. Unipolar; I = V / Ron above the "
        "threshold."
    ),
    parameters=Parameters,
    initial=Initial,
    build=PhaseChangeCell,
)
