"""A diode with a resistance in series: for checking an instrument.

    I = I0 (exp((V - R I) / (n kT/q)) - 1) + G V + C dV/dt

(Shockley, Bell Syst. Tech. J. 28, 435, 1949, 10.1002/j.1538-7305.1949.tb03645.x.) The current of
the junction with its resistance in front is in closed form, w + ln w = y with

    w = (I + I0) R / (n kT/q),    y = (V + R I0) / (n kT/q) + ln(I0 R / (n kT/q))

(the function w(y) is the Wright omega function; Banwell and Jayakumar, Electron. Lett. 36, 291,
2000, 10.1049/el:20000301, have it for a diode), and so is its integral over a straight line. The
saturation current follows the temperature as in SPICE:

    I0(T) = I0(T0) (T / T0)^(x/n) exp((T / T0 - 1) E / (n kT))
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import ArrayLike
from pydantic import Field

from labctl.kernels import kernels
from labctl.units import Ampere, Farad, Kelvin, Ohm, Ratio, Siemens, Unit, Volt
from sim_backend.devices.family import Conditions, Family
from sim_backend.devices.model import TALLY, Array, Levels, Piece, State, Stream, ends
from sim_backend.devices.parts.conduction import mean_over_ramp
from sim_backend.devices.parts.network import stored
from sim_backend.devices.parts.relaxation import BOLTZMANN
from sim_backend.devices.parts.steady import repeat_steadily
from sim_backend.devices.parts.tally import book, count
from sim_backend.devices.parts.variation import drawn

__all__ = ["FAMILY", "Diode", "DiodeParameters", "junction_current", "wright_omega"]

ElectronVolt = Annotated[float, Unit("eV")]

_LARGEST = 300.0  # exponent of a junction without a resistance
_STEPS = 6
_KERNEL = "sim_backend.devices.kernels.shockley"
_MANY = 500  # voltages x junctions from which compiled code pays
_NARROW = 2.0  # thermal voltages of a ramp that is integrated by Gauss points


class DiodeParameters(Conditions):
    """The numbers of a diode; the anode is the top terminal."""

    saturation: Annotated[Ampere, Gt(0)] = Field(description="saturation current I0")
    ideality: Annotated[Ratio, Gt(0)] = Field(1.0, description="ideality factor n")
    resistance: Annotated[Ohm, Ge(0)] = Field(0.0, description="resistance in series")
    shunt: Annotated[Siemens, Ge(0)] = Field(0.0, description="conductance in parallel")
    capacitance: Annotated[Farad, Ge(0)] = Field(0.0, description="capacitance in parallel")
    gap: Annotated[ElectronVolt, Ge(0)] = Field(
        1.11, description="energy that activates the saturation current"
    )
    exponent: Annotated[Ratio, Ge(0)] = Field(
        3.0, description="exponent x of the temperature in the saturation current"
    )
    reference: Annotated[Kelvin, Gt(0)] = Field(
        300.15, description="temperature of the saturation current given"
    )
    threshold: Annotated[Volt, Ge(0)] = Field(
        0.3, description="voltage above which an excursion is counted; it does nothing else"
    )
    device_sigma: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="spread between devices: sigma of the logarithm of the saturation current"
    )


class DiodeInitial(Conditions):
    """A diode always begins without charge."""


def wright_omega(y: ArrayLike) -> Array:
    """Return the w that solves w + ln w = y, for real y.

    Six Newton steps on ln w reach rounding from either asymptote.

    Parameters
    ----------
    y
        Any real numbers down to -700.

    Examples
    --------
    >>> float(wright_omega(1.0))
    1.0
    """
    x = np.asarray(y, np.float64)
    large, small = np.maximum(x, 1.5), np.minimum(x, 1.5)
    start = small - np.log1p(np.exp(small)) / 2
    log = np.where(x > 1.5, np.log(large - np.log(large)), start)
    for _ in range(_STEPS):
        w = np.exp(log)
        log = log - (w + log - x) / (w + 1.0)
    return np.exp(log)


def junction_current(
    v: ArrayLike, saturation: ArrayLike, thermal: ArrayLike, resistance: ArrayLike
) -> Array:
    """Return the current of a junction with a resistance in series, A.

    Parameters
    ----------
    v
        Voltage across both, V.
    saturation
        I0, A.
    thermal
        n kT/q, V.
    resistance
        Ohm; without one the exponent is cut at 300.
    """
    given = [np.asarray(part, np.float64) for part in (v, saturation, thermal, resistance)]
    if all(part.shape in ((), (1,)) for part in given):
        return np.full(max(part.shape for part in given), _alone(*(part.item() for part in given)))
    x, i0, width, series = np.broadcast_arrays(*given)
    fast = kernels(_KERNEL) if x.size >= _MANY and _alike(i0, width, series) else None
    if fast is not None:
        devices = x.shape[-1]
        parts = (np.ascontiguousarray(part.reshape(-1, devices)[0]) for part in (i0, width, series))
        volts = np.ascontiguousarray(x.reshape(-1, devices))
        found: Array = fast.junction_current(volts, *parts).reshape(x.shape)
        return found
    bare = i0 * np.expm1(np.minimum(x / width, _LARGEST))
    there = i0 * series / width > 0
    reduced = np.where(there, i0 * series / width, 1.0)
    y = np.maximum(x / width + reduced + np.log(reduced), -700.0)
    i = width / np.where(there, series, 1.0) * wright_omega(y) - i0
    # one step more on the equation itself, which is exact near zero
    inner = np.minimum((x - i * series) / width, _LARGEST)
    slope = 1.0 + i0 * np.exp(inner) * series / width
    current: Array = np.where(there, i - (i - i0 * np.expm1(inner)) / slope, bare)
    return current


def _alone(v: float, i0: float, width: float, series: float) -> float:
    """Return the current of one junction at one voltage, in plain Python."""
    reduced = i0 * series / width
    if not reduced > 0:
        return i0 * math.expm1(min(v / width, _LARGEST))
    y = max(v / width + reduced + math.log(reduced), -700.0)
    log = math.log(y - math.log(y)) if y > 1.5 else y - math.log1p(math.exp(y)) / 2
    for _ in range(_STEPS):
        w = math.exp(log)
        log -= (w + log - y) / (w + 1.0)
    i = width / series * math.exp(log) - i0
    inner = min((v - i * series) / width, _LARGEST)
    return i - (i - i0 * math.expm1(inner)) / (1.0 + i0 * math.exp(inner) * series / width)


def _alike(*parts: Array) -> bool:
    """Whether arrays are the same along all axes but the last: numbers of devices."""
    return all(part.ndim == 1 or not any(part.strides[:-1]) for part in parts)


class Diode:
    """A two-terminal diode; see the module's first lines."""

    terminals = ("top", "bottom")
    _names = (*TALLY, "v", "temperature")

    def __init__(
        self, parameters: DiodeParameters, _: DiodeInitial, account: Mapping[str, Any]
    ) -> None:
        self.parameters = parameters
        self.threshold = parameters.threshold
        self._account = dict(account)

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make uncharged diodes, their saturation currents spread when asked."""
        p = self.parameters
        nominal = (p.saturation, p.resistance, p.shunt, p.capacitance)
        sigmas = (p.device_sigma, 0.0, 0.0, 0.0)
        rows = drawn(nominal, sigmas, devices, stream if spread else None, first)
        values = np.zeros((len(self._names), devices))
        values[-1] = p.reference
        return State(self._names, values, rows, first)

    def _junction(self, state: State) -> tuple[Array, Array, Array]:
        """Return saturation current, n kT/q and series resistance of all devices."""
        p, temperature = self.parameters, state.row("temperature")
        ratio = temperature / p.reference
        thermal = p.ideality * BOLTZMANN * temperature
        warmer = ratio ** (p.exponent / p.ideality) * np.exp((ratio - 1.0) * p.gap / thermal)
        return state.parameters[0] * warmer, thermal, state.parameters[1]

    def advance(
        self,
        state: State,
        levels: Levels,
        duration: float,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take the diodes through straight levels; returns C into each terminal."""
        if not duration > 0:
            return np.zeros((2, state.devices))
        (a, b), (c, d) = ends(levels.get("top", 0.0)), ends(levels.get("bottom", 0.0))
        first, last = a - c, b - d
        state.row("temperature")[:] = temperature
        through, size = self._mean(state, first, last)
        charge = stored(state.parameters[3], state.row("v"), last)
        state.row("v")[:] = last
        count(state, first, last, self.threshold)
        book(state, through * duration, size * duration)
        total = through * duration + charge
        return np.array([total, -total])

    def _mean(self, state: State, first: float, last: float) -> tuple[Array, Array]:
        """Return the mean current over a straight line, and that of its magnitude, A."""
        if first * last < 0:
            low, high = min(first, last), max(first, last)
            share = high / (high - low)
            up, down = self._mean(state, 0.0, high)[1], self._mean(state, low, 0.0)[1]
            return share * up - (1 - share) * down, share * up + (1 - share) * down
        i0, thermal, series = self._junction(state)
        if first == last:
            mean = junction_current(np.full_like(i0, first), i0, thermal, series)
        elif abs(last - first) < _NARROW * float(np.min(thermal)):
            a, b = np.full_like(i0, first), np.full_like(i0, last)
            mean = mean_over_ramp(lambda v: junction_current(v, i0, thermal, series), a, b)
        else:
            areas = [_area(v, i0, thermal, series) for v in (first, last)]
            mean = (areas[1] - areas[0]) / (last - first)
        mean = mean + state.parameters[2] * (first + last) / 2
        return mean, np.abs(mean)

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take the diodes through the same pieces `count` times; steady turns are counted."""
        return repeat_steadily(self, state, pieces, count, temperature)

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        """Return the current into each terminal at constant levels, A."""
        v = levels.get("top", 0.0) - levels.get("bottom", 0.0)
        current = junction_current(v, *self._junction(state)) + state.parameters[2] * v
        return np.array([current, -current])

    def conductance(self, state: State) -> Array:
        """Return dI/dV at zero, S."""
        i0, thermal, series = self._junction(state)
        conductances: Array = 1.0 / (thermal / i0 + series) + state.parameters[2]
        return conductances

    def describe(self) -> dict[str, Any]:
        """Return family, preset, grades and parameters."""
        return self._account


def _area(v: float, i0: Array, thermal: Array, series: Array) -> Array:
    """Return the integral of the junction's current from 0 to v, A V."""
    i = junction_current(v, i0, thermal, series)
    area: Array = series * i * i / 2 + thermal * i - i0 * (v - series * i)
    return area


FAMILY = Family(
    name="diode",
    title="Diode",
    summary=(
        "A Shockley diode with ideality, a resistance in series, a conductance and a capacitance "
        "in parallel, for checking an instrument."
    ),
    parameters=DiodeParameters,
    initial=DiodeInitial,
    build=Diode,
)
