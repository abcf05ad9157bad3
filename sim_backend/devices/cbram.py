"""Volatile filaments of silver or copper: delay, growth, relaxation, and what stays.

State: x, the filament as it was when it was last grown (0 to 1); s, how long it has relaxed since;
h, the nucleation it has behind it; y, what has become permanent (0 to 1)::

    G = Goff + (Gon - Goff) (y + (1 - y) x~),    x~ = x exp(-(s / tau)^beta)
    tau = t0 exp(k x) exp(sigma xi)              relaxation: longer for a stronger filament

    |V| > threshold, with x := x~ and s := 0 at once:
        dh/dt = 1 / td(V) while h < theta (1 - x);     td = d0 exp(-(|V| - V0) / vd)
        then dx/dt = (1 - x) / tg(V) and dy/dt = eta x (1 - y) / tg(V);
                                                       tg = g0 exp(-(|V| - V0) / vg)
    V < -threshold, where the device has a polarity:
        dx/dt = -x / te(V), dy/dt = -y / te(V);        te = e0 exp(-(|V| - V0) / ve)
    |V| < hold: s runs, h decays with th. Between hold and threshold the filament stays as it is.

theta and xi are drawn log-normally for every excursion. So the probability to switch in one pulse
is an error function of its voltage whose median moves by vd ln 10 for a decade of its width, and a
burst that is slow against th is a series of independent trials. A current limit holds the voltage
at the threshold once G has grown to limit / threshold: x, and with it the logarithm of tau, is then
proportional to the limit, which is the compliance law of such devices.

The relaxation is a stretched exponential of the time since the last growth (beta above 1 is an
abrupt loss). Every growth begins it anew: a fresh filament relaxes fast. y as it is written stays;
what is seen of it below the threshold goes to nothing with the retention time, and a pulse begins
with what is seen (`sim_backend.devices.parts.retention`).

All is in closed form at a constant level. A straight line of the voltage above the threshold is
taken in pieces of 20 mV, each with the mean of its rates. The charge of a relaxing filament is by
Gauss points, to 1e-3 (tested).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt
from pydantic import Field

from labctl.kernels import kernels
from labctl.units import Kelvin, Ratio, Second, Siemens, Unit, Volt
from sim_backend.devices.cells import Cells, Line, Straight, share_lost
from sim_backend.devices.family import Conditions, Family
from sim_backend.devices.model import Array, State, Stream
from sim_backend.devices.parts import wear
from sim_backend.devices.parts.relaxation import activation
from sim_backend.devices.parts.retention import Retention, left, retention_times
from sim_backend.devices.parts.updates import mean_exponential
from sim_backend.devices.parts.variation import cycle_factor

__all__ = ["FAMILY", "FilamentCell", "Initial", "Parameters"]

ElectronVolt = Annotated[float, Unit("eV")]

_KERNELS = "sim_backend.devices.kernels.filament"
_MANY = 500  # devices for which compiled code is loaded
_SMALL = 1e-3  # below it the series is sharper
_GROWING = ("x", "y", "h", "theta")
_STEP = 0.02  # V
_DELAY, _RELAXATION = 0, 1  # in the keys of random numbers
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_NODES, _WEIGHTS = (_NODES + 1.0) / 2.0, _WEIGHTS / 2.0  # on 0 to 1
_EARLY = 0.02  # of the relaxation time: the first panel of a charge


class Parameters(wear.Wear, Retention):
    """The numbers of a volatile filament; see the module's equations."""

    g_off: Annotated[Siemens, Gt(0)] = Field(description="conductance without a filament")
    g_on: Annotated[Siemens, Gt(0)] = Field(description="conductance of a full filament")
    threshold: Annotated[Volt, Gt(0)] = Field(description="above it the filament grows")
    hold: Annotated[Volt, Gt(0)] = Field(description="below it the filament relaxes")
    amplitude: Annotated[Volt, Gt(0)] = Field(description="voltage V0 at which times are given")
    delay: Annotated[Second, Ge(0)] = Field(description="median delay d0 before growth, at V0")
    delay_scale: Annotated[Volt, Gt(0)] = Field(description="voltage that shortens it e-fold")
    delay_memory: Annotated[Second, Gt(0)] = Field(description="time in which nuclei are lost")
    growth: Annotated[Second, Gt(0)] = Field(description="growth time g0 at V0")
    growth_scale: Annotated[Volt, Gt(0)] = Field(description="voltage that shortens it e-fold")
    consolidation: Annotated[Ratio, Ge(0)] = Field(description="rate eta of what stays")
    erase: Annotated[Second, Ge(0)] = Field(
        description="erasing time e0 at -V0; 0: both polarities grow the filament"
    )
    erase_scale: Annotated[Volt, Gt(0)] = Field(description="voltage that shortens it e-fold")
    relaxation: Annotated[Second, Gt(0)] = Field(
        description="relaxation time t0 of a weak filament"
    )
    strengthening: Annotated[Ratio, Ge(0)] = Field(
        description="logarithm k gained at full strength"
    )
    beta: Annotated[Ratio, Gt(0)] = Field(description="stretching exponent of the relaxation")
    energy: Annotated[ElectronVolt, Ge(0)] = Field(description="its activation energy")
    reference: Annotated[Kelvin, Gt(0)] = Field(description="temperature of the relaxation time")
    delay_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="cycle-to-cycle: standard deviation of the logarithm of the delay"
    )
    relaxation_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="cycle-to-cycle: standard deviation of the logarithm of the relaxation time"
    )
    delay_device_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: standard deviation of the logarithm of the delay"
    )
    relaxation_device_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: standard deviation of the logarithm of the relaxation time"
    )
    growth_device_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: standard deviation of the logarithm of the growth time"
    )
    noise_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="read noise: relative standard deviation for each decade of 1/f noise"
    )


class Initial(Conditions):
    """How a fresh device begins: without a volatile filament."""

    kept: Annotated[Ratio, Ge(0)] = Field(0.0, le=1.0, description="what has become permanent")


class FilamentCell(Cells[Parameters]):
    """Any number of devices; meets `sim_backend.devices.model.DeviceModel`."""

    terminals = ("top", "bottom")
    between: ClassVar = ("top", "bottom")
    variables: ClassVar = ("x", "y", "s", "h", "theta", "long", "faded", "life", "low")
    varied: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "delay": "delay_device_sigma",
            "relaxation": "relaxation_device_sigma",
            "growth": "growth_device_sigma",
        }
    )

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make devices in the initial condition, with or without their spread."""
        state = super().fresh(devices, stream, spread=spread, first=first)
        p, drawn, numbers = self.parameters, stream if spread else None, state.numbers
        state.row("life")[:] = wear.life(drawn, numbers, p.life_cycles, p.life_shape)
        state.row("low")[:] = wear.sticks_low(drawn, numbers, p.stuck_low)
        return state

    def _begin(self, state: State) -> None:
        state.row("y")[:] = self.initial.kept
        state.row("theta")[:] = state.row("long")[:] = 1.0

    def _step(self, line: Line, duration: float) -> float:
        return _STEP

    def _calm(self, state: State, line: Line, duration: float) -> float:
        relaxes = max(abs(line[0]), abs(line[1])) < self.parameters.hold  # all the time
        return math.inf if relaxes else _STEP

    def _vary(self, state: State, stream: Stream | None) -> None:
        p, key = self.parameters, (state.numbers, state.row("events"))
        state.row("theta")[:] = cycle_factor(stream, *key, p.delay_sigma, "lognormal", _DELAY)
        self._renew(state)  # what has relaxed so far did so with its own time
        state.row("long")[:] = cycle_factor(
            stream, *key, p.relaxation_sigma, "lognormal", _RELAXATION
        )

    # relaxation ----------------------------------------------------------------------------------

    def _time(self, state: State) -> Array:
        """Return the relaxation time of every filament, s at the reference temperature."""
        stronger = np.exp(self.parameters.strengthening * state.row("x"))
        return np.asarray(self._own(state)["relaxation"] * stronger * state.row("long"))

    def _left(self, state: State, later: float | Array = 0.0) -> Array:
        """Return x~, now or relaxing times later, which may be a column."""
        share = (state.row("s") + later) / self._time(state)
        return np.asarray(state.row("x") * np.exp(-(share**self.parameters.beta)))

    def _whole(self, state: State, later: float | Array = 0.0, faded: float | Array = 0.0) -> Array:
        """Return y + (1 - y) x~, now or a relaxing time and so many retention times later."""
        y = left(state.row("y"), 0.0, state.row("faded") + faded)
        return np.asarray(y + (1.0 - y) * self._left(state, later))

    def _renew(self, state: State) -> None:
        """Let the filament as it is be the one that was grown last."""
        if not state.row("s").any():
            return
        state.row("x")[:] = self._left(state)
        state.row("s")[:] = 0.0

    def _pace(self, state: State) -> float:
        """Return how much slower relaxation is than at the reference temperature."""
        p = self.parameters
        warm = float(state.row("temperature")[0])
        return activation(p.energy, warm, p.reference)

    # what a piece does ---------------------------------------------------------------------------

    def _pass(self, state: State, piece: Straight) -> Array:
        first, last = piece.control
        if piece.largest <= self.threshold:
            charge = self._rest(state, piece)
        else:
            self._renew(state)
            state.row("y")[:] = left(state.row("y"), 0.0, state.row("faded"))
            state.row("faded")[:] = 0.0
            erases = self.parameters.erase > 0 and first + last < 0
            whole = self._erase(state, piece) if erases else self._grow(state, piece)
            charge = self._siemens(state, whole) * ((first + last) / 2 * piece.duration)
        if charge.any():
            charge = charge * (1.0 + self._noise(state, piece.duration))
        return np.array([charge, -charge])

    def _rest(self, state: State, piece: Straight) -> Array:
        """Relax; returns the charge, C."""
        first, last = piece.control
        p, pace = self.parameters, self._pace(state)
        share = _share_below(first, last, p.hold)
        relaxing = share * piece.duration / pace
        fades = retention_times(p, piece.duration, float(state.row("temperature")[0]))
        charge = np.zeros(state.devices)
        if first or last:
            early = _EARLY * float(np.min(self._time(state)))
            at, weights = np.array(list(_panels(relaxing, early))).T
            later = at[:, np.newaxis]
            conductance = self._siemens(state, self._whole(state, relaxing * later, fades * later))
            charge = piece.duration * ((weights * (first + (last - first) * at)) @ conductance)
        state.row("s")[:] += relaxing
        state.row("faded")[:] += fades
        state.row("h")[:] *= math.exp(-share * piece.duration / p.delay_memory)
        return charge

    def _rates(self, piece: Straight, scale: float) -> float:
        """Return the mean of exp((|V| - V0) / scale) over a line."""
        first, last = ((abs(v) - self.parameters.amplitude) / scale for v in piece.control)
        return mean_exponential(first, last)

    def _grow(self, state: State, piece: Straight) -> Array:
        """Wait and grow; returns the mean of y + (1 - y) x."""
        p, own, x, y = self.parameters, self._own(state), state.row("x"), state.row("y")
        delays = np.zeros(state.devices)
        if p.delay > 0:
            delays = self._rates(piece, p.delay_scale) / own["delay"] * piece.duration
        paces = piece.duration * self._rates(piece, p.growth_scale) / own["growth"]
        fast = kernels(_KERNELS) if state.devices >= _MANY else None
        if fast is not None:
            rows = np.array([state.row(name) for name in _GROWING])
            found: Array = fast.grow(rows, delays, paces, p.consolidation, _NODES, _WEIGHTS)
            for name, row in zip(_GROWING[:3], rows, strict=False):
                state.row(name)[:] = row
            return found
        growing = np.ones(state.devices)
        if p.delay > 0:
            lacking = np.maximum(state.row("theta") * (1.0 - x) - state.row("h"), 0.0)
            waited = np.minimum(lacking / delays, 1.0)
            state.row("h")[:] += waited * delays
            growing -= waited
        passed = growing * paces
        free, loose, gone = 1.0 - x, 1.0 - y, np.exp(-passed)
        # the integral of x over the passed time is that time less what x still lacked on the way
        kept = p.consolidation * (x * passed + free * _beyond_linear(passed))
        part = free * loose * share_lost(passed) * self._slowed(free, gone)
        whole = 1.0 - growing * part - (1.0 - growing) * free * loose
        x -= free * np.expm1(-passed)
        y -= loose * np.expm1(-kept)
        return np.asarray(whole)

    def _slowed(self, free: Array, gone: Array) -> Array:
        """Return the factor of what becomes permanent on the mean of (1 - x) (1 - y).

        It is the mean of z^eta exp(eta (1 - x) (1 - z)) over z = exp(-passed), from 1 down.
        """
        eta = self.parameters.consolidation
        if eta == 0:
            return np.ones(free.shape)
        z = gone + (1.0 - gone) * _NODES[:, np.newaxis]
        return np.asarray(_WEIGHTS @ (z**eta * np.exp(eta * free * (1.0 - z))))

    def _erase(self, state: State, piece: Straight) -> Array:
        """Dissolve; returns the mean of y + (1 - y) x."""
        p, x, y = self.parameters, state.row("x"), state.row("y")
        passed = piece.duration * self._rates(piece, p.erase_scale) / p.erase
        whole = (x + y) * share_lost(passed) - x * y * share_lost(2.0 * passed)
        for row in (x, y, state.row("h")):
            row *= math.exp(-passed)
        return np.asarray(whole)

    # what is seen --------------------------------------------------------------------------------

    def _siemens(self, state: State, whole: Array) -> Array:
        """Return the conductance of a filament y + (1 - y) x, S."""
        p = self.parameters
        dead = (state.row("positive") + state.row("negative")) / 2 >= state.row("life")
        if dead.any():
            whole = np.where(dead, state.row("low"), whole)
        return np.asarray(p.g_off + (p.g_on - p.g_off) * whole)

    def _slope(self, state: State) -> Array:
        return self._siemens(state, self._whole(state))

    def _flow(self, state: State, at: Mapping[str, float]) -> Array:
        current = self.conductance(state) * (at.get("top", 0.0) - at.get("bottom", 0.0))
        return np.array([current, -current])

    def _range(self, state: State) -> tuple[dict[str, Any], dict[str, Any]]:
        low = {"x": 0.0, "y": 0.0, "h": 0.0}
        return low, {"x": 1.0, "y": 1.0, "h": state.row("theta").copy()}


def _panels(duration: float, early: float) -> Iterator[tuple[float, float]]:
    """Yield shares of a duration and their weights: Gauss points on panels that double."""
    start, length = 0.0, early
    while start < duration or start == 0.0:
        end = duration if start + 1.5 * length >= duration else start + length
        begin, width = (start / duration, (end - start) / duration) if duration > 0 else (0.0, 1.0)
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            yield begin + width * node, width * weight
        start, length = max(end, early), 2.0 * length


def _beyond_linear(p: Array) -> Array:
    """Return p - (1 - exp(-p)), sharp for small p too.

    Examples
    --------
    >>> round(1e19 * float(_beyond_linear(np.array(1e-9))), 6)
    5.0
    """
    series = p * p * (0.5 - p * (1.0 / 6.0 - p * (1.0 / 24.0 - p / 120.0)))
    return np.where(p < _SMALL, series, p + np.expm1(-p))


def _share_below(first: float, last: float, level: float) -> float:
    """Return the share of a line of one sign, or through zero, whose magnitude is below a level."""
    if first == last:
        return 1.0 if abs(first) < level else 0.0
    low, high = sorted((first, last))
    inside = min(high, level) - max(low, -level)
    return max(0.0, inside) / (high - low)


FAMILY = Family(
    name="cbram",
    title="Volatile filament (CBRAM, diffusive memristor)",
    summary=(
        "A metal filament that needs a delay, grows, relaxes as a stretched exponential and "
        "in part stays. I = G V."
    ),
    parameters=Parameters,
    initial=Initial,
    build=FilamentCell,
)
