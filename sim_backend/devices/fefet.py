"""A ferroelectric field-effect transistor: a film of (Hf,Zr)O2 in the gate shifts the threshold.

The gate voltage against the mean of drain and source, times the capacitive divider of the gate
stack, is the voltage across the film. Its domains switch as in `sim_backend.devices.hzo_switching`
(there is no feedback of the polarisation on the divider). The polarisation P (in units of Ps) and
the trapped charge shift the threshold of the channel::

    Vth = V0 - (window / 2) P + trapped + slope (T - Tref)

and the channel is that of the EKV model, symmetric in drain and source, from subthreshold to strong
inversion (Enz, Krummenacher and Vittoz, Analog Integr. Circuits Signal Process. 8, 83, 1995,
10.1007/BF01239381)::

    I = Is [F((Vp - Vs) / UT) - F((Vp - Vd) / UT)]    F(v) = ln^2(1 + exp(v / 2))
    Is = 2 n beta UT^2     Vp = (Vg - Vth) / n     UT = k T / q

The charge of the polarisation and of the gate's capacitance goes in at the gate and half of it out
of each of drain and source. What the film traps at rest (`imprint`) opposes the polarisation in the
channel, so the memory window closes with the logarithm of time, faster when hot.

Gate levels are counted from the bias at which the transistor is read: zero volts on the gate is the
read. Domains are exact at any cut of the time. A ramp of the gate is cut at multiples of 0.25 V,
and the channel's charge on each part taken by five Gauss points, with the threshold on a straight
line from its value before the part to that after it: exact to 1e-9 while the film does not switch,
to 1e-3 on a ramp on which it does.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Le
from pydantic import Field

from labctl.kernels import kernels
from labctl.units import Ratio, Unit, Volt
from sim_backend.devices.family import Conditions, Family
from sim_backend.devices.hzo import FilmConditions
from sim_backend.devices.hzo_cycling import Cycled, repeat_settled, repeat_varied
from sim_backend.devices.hzo_film import COUNTERS, Film
from sim_backend.devices.hzo_switching import normal_activations
from sim_backend.devices.model import Array, Level, Levels, Piece, State, Stream, ends
from sim_backend.devices.mtj_strain import strain
from sim_backend.devices.parts.fluctuation import one_over_f, one_over_f_mean
from sim_backend.devices.parts.tally import book
from sim_backend.devices.parts.variation import drawn
from sim_backend.devices.parts.wear import endurance

__all__ = ["FAMILY", "FerroelectricTransistor", "Initial", "Parameters", "channel_current"]

AmperePerSquareVolt = Annotated[float, Unit("A/V2")]
FaradPerSquareMetre = Annotated[float, Unit("F/m2")]
VoltPerKelvin = Annotated[float, Unit("V/K")]

_THERMAL = 1.380649e-23 / 1.602176634e-19  # k / q, V/K (SI, exact)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(5)
_FASTEST, _SLOWEST = 1e-6, 1e5  # periods of the 1/f noise, s
_KERNEL = "sim_backend.devices.kernels.channel"
_MANY = 128  # transistors from which compiled code pays
_STEP = 0.25  # V, where a ramp of the gate is cut


class Parameters(FilmConditions):
    """The numbers of a transistor; activation fields are voltages across the film."""

    field_mean: Annotated[Volt, Gt(0)] = Field(
        description="mean of the activation fields, as a voltage across the film"
    )
    field_sd: Annotated[Volt, Ge(0)] = Field(description="their standard deviation")
    divider: Annotated[Ratio, Gt(0), Le(1)] = Field(
        description="share of the gate voltage that falls across the film"
    )
    gate_capacitance: Annotated[FaradPerSquareMetre, Ge(0)] = Field(
        description="of the whole gate stack, per area"
    )
    window: Annotated[Volt, Gt(0)] = Field(description="shift of the threshold from -Ps to +Ps")
    middle: Annotated[Volt, Ge(-10)] = Field(
        description="threshold without polarisation, from the gate's read bias"
    )
    gain: Annotated[AmperePerSquareVolt, Gt(0)] = Field(description="beta of the channel")
    slope: Annotated[Ratio, Ge(1)] = Field(description="slope factor n of the channel")
    threshold_drift: Annotated[VoltPerKelvin, Le(0)] = Field(
        0.0, description="change of the threshold with temperature"
    )


class Initial(Conditions):
    """How a fresh transistor begins."""

    state: Annotated[Ratio, Ge(-1), Le(1)] = Field(
        -1.0, description="polarisation to begin with, in units of Ps; +1 conducts best"
    )


_FIRST_FIELD = 6  # row of the parameters where the activation fields begin


class FerroelectricTransistor:
    """Any number of transistors; meets `sim_backend.devices.model.DeviceModel`.

    Parameters
    ----------
    parameters, initial
        Of all transistors before their spread.
    account
        Where the numbers come from.
    """

    terminals = ("drain", "source", "gate")

    def __init__(
        self, parameters: Parameters, initial: Initial, account: Mapping[str, Any]
    ) -> None:
        p = parameters
        self.parameters, self.initial = p, initial
        self.threshold = p.threshold
        self.film = Film(
            p.film(1.0),
            lambda ranks: normal_activations(round(p.domains), p.field_mean, p.field_sd, ranks),
        )
        self._account = dict(account)
        self._names = (*self.film.names, "damage")

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make transistors of the initial polarisation, never cycled."""
        given, p = stream if spread else None, self.parameters
        nominal = [p.polarisation, 1.0, p.divider, p.window, p.gain]
        own = drawn(nominal, p.device_sigma, devices, given, first)
        stands = endurance(given, first + np.arange(devices), p.breakdown_shape)
        activation = self.film.activation(devices, given, first) * own[1]
        state = State(
            self._names,
            np.zeros((len(self._names), devices)),
            np.vstack([own, stands, activation]),
            first,
        )
        self.film.fresh(state, self.initial.state, stream, activation)
        return state

    def advance(
        self,
        state: State,
        levels: Levels,
        duration: float,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all transistors through straight levels; returns C into each terminal."""
        if not duration > 0:
            return np.zeros((3, state.devices))
        lines = tuple(ends(levels.get(name, 0.0)) for name in self.terminals)
        (d0, d1), (s0, s1), (g0, g1) = lines
        total = np.zeros((3, state.devices))
        for start, stop in _shares(g0 - (d0 + s0) / 2, g1 - (d1 + s1) / 2):
            part = tuple((a + (b - a) * start, a + (b - a) * stop) for a, b in lines)
            total += self._pass(state, part, duration * (stop - start), temperature, stream)
        return total

    def _pass(
        self,
        state: State,
        lines: tuple[tuple[float, float], ...],
        duration: float,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all transistors through a short line; returns C into each terminal."""
        drain, source, gate = lines
        first, last = (gate[k] - (drain[k] + source[k]) / 2 for k in (0, 1))
        before, age = self._stored(state), state.row("age").copy()
        vth = self._threshold(state, temperature)
        p, film = self.parameters, state.parameters
        self.film.advance(
            state, first, last, duration, temperature, stream, film[2], film[_FIRST_FIELD:]
        )
        state.row("damage")[:] += strain(p, p.divider * first, p.divider * last, duration)
        after = self._threshold(state, temperature)
        through = self._mean_current(state, lines, (vth, after), temperature)
        noise = one_over_f_mean(
            state.noise, state.numbers, age, duration, p.read_sigma, _FASTEST, _SLOWEST
        )
        channel = through * (1.0 + noise) * duration
        into = self._stored(state) - before
        book(state, channel - into / 2)
        return np.array([channel - into / 2, -channel - into / 2, into])

    def _stored(self, state: State) -> Array:
        """Return the charge on the gate that the state stands for, C."""
        p = self.parameters
        polarised = state.parameters[0] * self.film.polarisation(state)
        stored: Array = p.area * (polarised + p.gate_capacitance * state.row("v"))
        return stored

    def _threshold(self, state: State, temperature: float) -> Array:
        """Return the threshold voltages of the channel, V."""
        p = self.parameters
        shift = state.parameters[3] / 2 * self.film.polarisation(state)
        threshold: Array = (
            p.middle - shift + self.film.trapped(state)
            + p.threshold_drift * (temperature - p.reference)
        )  # fmt: skip
        # a gate that has broken down loses its grip on the channel
        return np.where(state.row("damage") >= state.parameters[5], 1e3, threshold)

    def _mean_current(
        self,
        state: State,
        levels: tuple[tuple[float, float], ...],
        threshold: tuple[Array, Array],
        temperature: float,
    ) -> Array:
        """Return the mean current from drain to source on a straight line, A."""
        flat = all(a == b for a, b in levels) and np.array_equal(*threshold)
        shares = np.array([0.5]) if flat else (_NODES + 1.0) / 2.0
        weights = np.array([1.0]) if flat else _WEIGHTS / 2.0
        fast = kernels(_KERNEL) if state.devices >= _MANY else None
        if fast is not None:
            volts = np.array([a + (b - a) * shares for a, b in levels])
            found: Array = fast.mean_current(
                volts, weights, shares, *threshold, state.parameters[4], self.parameters.slope,
                _THERMAL * temperature,
            )  # fmt: skip
            return found
        shares, weights = shares[:, np.newaxis], weights[:, np.newaxis]
        vd, vs, vg = (a + (b - a) * shares for a, b in levels)
        vth = threshold[0] + (threshold[1] - threshold[0]) * shares
        current = channel_current(
            vd, vs, vg, vth, state.parameters[4], self.parameters.slope, temperature
        )
        mean: Array = (weights * current).sum(axis=0)
        return mean

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all transistors through the same pieces `count` times.

        As in `sim_backend.devices.hzo.FerroelectricCapacitor.repeat`. The current of counted turns
        is that of the first of them.
        """
        p = self.parameters
        varied = stream is not None and (p.single > 0.5 or p.cycle_sigma > 0)
        cycled = Cycled((*COUNTERS, "damage"), self._all_stored, self.film.remanence)
        repeated = repeat_varied if varied else repeat_settled
        return repeated(self, state, pieces, count, temperature, stream, cycled)

    def _all_stored(self, state: State) -> Array:
        stored = self._stored(state)
        return np.array([-stored / 2, -stored / 2, stored])

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        """Return the channel's current into each terminal at the reference temperature, A."""
        p = self.parameters
        vd, vs, vg = (np.float64(levels.get(name, 0.0)) for name in self.terminals)
        noise = one_over_f(
            state.noise, state.numbers, state.row("age"), p.read_sigma, _FASTEST, _SLOWEST
        )
        vth = self._threshold(state, p.reference)
        through = channel_current(vd, vs, vg, vth, state.parameters[4], p.slope, p.reference)
        through = through * (1.0 + noise)
        return np.array([through, -through, np.zeros(state.devices)])

    def conductance(self, state: State) -> Array:
        """Return the conductance of the channel at zero drain voltage and the read bias, S."""
        conductance: Array = self.current(state, {"drain": 1e-7})[0] / 1e-7
        return conductance

    def describe(self) -> dict[str, Any]:
        """Return family, preset, grades and parameters."""
        return self._account


def _shares(first: float, last: float) -> list[tuple[float, float]]:
    """Cut a line where it passes whole multiples of a step; (start, stop) as shares of it."""
    if first == last:
        return [(0.0, 1.0)]
    low, high = sorted((first, last))
    inner = [k * _STEP for k in range(math.ceil(low / _STEP), math.floor(high / _STEP) + 1)]
    shares = {(v - first) / (last - first) for v in inner if low < v < high}
    return list(itertools.pairwise(sorted({0.0, 1.0, *shares})))


def channel_current(
    vd: Level | Array,
    vs: Level | Array,
    vg: Level | Array,
    vth: Array,
    gain: Array,
    slope: float,
    temperature: float,
) -> Array:
    """Return the current from drain to source of the EKV model, A; the arrays are broadcast.

    Parameters
    ----------
    vd, vs, vg
        Voltages of drain, source and gate, V.
    vth
        Threshold voltages, V.
    gain
        beta, A/V2.
    slope
        Slope factor n.
    temperature
        K.
    """
    thermal = _THERMAL * temperature
    pinch = (np.asarray(vg) - vth) / slope
    forward = np.logaddexp(0.0, (pinch - np.asarray(vs)) / (2 * thermal))
    backward = np.logaddexp(0.0, (pinch - np.asarray(vd)) / (2 * thermal))
    current: Array = 2 * slope * gain * thermal**2 * (forward - backward) * (forward + backward)
    return current


FAMILY = Family(
    name="fefet",
    title="Ferroelectric field-effect transistor",
    summary=(
        "Domains in the gate switch at the first nucleation in each and shift the threshold of an "
        "EKV channel; trapped charge closes the window with time. Gate levels are counted from the "
        "bias at which it is read."
    ),
    parameters=Parameters,
    initial=Initial,
    build=FerroelectricTransistor,
)
