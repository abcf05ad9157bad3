"""Resistive memory as arrays of it are fitted: a bounded weight that pulses move, and its noise.

State: w, the lasting weight; v1 and v2, volatile ones; each between about -1 and 1. The law of the
lasting weight is one of two, those to which measured arrays have been fitted (AIHWKit; Rasch et
al., 10.1109/AICAS51828.2021.9458494), written as rates::

    G = Gmid + Ghalf (w + v1 + v2 + o)

    |V| <= threshold: relaxation of v1 and v2 only. Above, with X = exp((|V| - V0) / vd) / w0:

    soft bounds       dw/dt = -ln(1 - s/|b|) X (b (1 + sigma xi) - w),    b = upper or -lower
    exponential step  dw/dt = +-s X (1 + sigma xi) max(0, 1 - A exp(+-gamma (a w + c)))
    volatile          dvi/dt = ui X (+-mi - vi) - vi / ti

A reference pulse (amplitude V0, width w0) gives the published step s (1 - w/b), or its exponential
counterpart. xi is drawn for every excursion and device. In the soft law it moves the bound, which
for a reference pulse is the published additive noise, and leaves a pulse cut in two the same pulse.
o is the write noise: drawn at every excursion, seen by every look after it.

A straight line of the voltage enters by the mean of X, in pieces of 20 mV: exact for w, and for v
but for the relaxation within a piece. Below the threshold it is one piece for every thousandth of a
relaxation time, if these are longer than 20 mV: its charge is off by less than 1e-4 of what the
volatile weights carry. The current is G V at every voltage. v relaxes faster at
higher temperature (Arrhenius). w as written stays; what is seen of it at rest goes to the lower
bound with the retention time (`sim_backend.devices.parts.retention`), and a pulse begins with what
is seen. Whatever w, v and o add up to, G does not fall
below a twentieth of gmin; the moment at which it gets there is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from pydantic import Field

from labctl.units import Kelvin, Ratio, Second, Siemens, Unit, Volt
from sim_backend.devices.cells import Cells, Line, Straight, share_lost
from sim_backend.devices.family import Conditions, Family
from sim_backend.devices.model import Array, Piece, State, Stream, turns_of
from sim_backend.devices.parts.relaxation import activation
from sim_backend.devices.parts.retention import Retention, left, retention_times
from sim_backend.devices.parts.updates import (
    exponential_step,
    exponential_step_mean,
    mean_exponential,
    soft_bound,
    soft_bound_mean,
)
from sim_backend.devices.rram_train import play

__all__ = ["FAMILY", "ArrayCell", "Initial", "Parameters"]

ElectronVolt = Annotated[float, Unit("eV")]

_STEP = 0.02  # V
_SAME = 1e-3  # of a relaxation time, in which what relaxes is nearly constant
_LEAST = 0.05  # conductance of the lowest weight there is, as a share of gmin
_AT_ONCE = 20_000_000  # device-pieces of a train that are played before a stop is heard
_FEW = 1000  # devices; fewer take as long
_MOST_STEP = 0.98  # of the way to a bound in a reference pulse
_HALVINGS = 24  # the charge is off by the square of what is left
_STEP_LABEL, _WRITE_LABEL = 0, 1  # in the keys of random numbers


class Parameters(Retention):
    """The numbers of a cell of an array; see the module's equations."""

    gmin: Annotated[Siemens, Gt(0)] = Field(description="conductance of the weight -1")
    gmax: Annotated[Siemens, Gt(0)] = Field(description="conductance of the weight +1")
    upper: Annotated[Ratio, Gt(0)] = Field(description="bound of the weight above")
    lower: Annotated[Ratio, Gt(0)] = Field(description="bound of the weight below, as a magnitude")
    step_up: Annotated[Ratio, Gt(0)] = Field(description="weight moved by a positive pulse at 0")
    step_down: Annotated[Ratio, Gt(0)] = Field(description="weight moved by a negative pulse at 0")
    gamma: Annotated[Ratio, Ge(0)] = Field(description="steepness of the step; 0: soft bounds")
    slope: Ratio = Field(description="factor a of the weight in the exponential step")
    offset: Ratio = Field(description="offset c in the exponential step")
    curve_up: Ratio = Field(description="factor A of the exponential step upwards")
    curve_down: Ratio = Field(description="factor A of the exponential step downwards")
    threshold: Annotated[Volt, Ge(0)] = Field(description="below it there is relaxation only")
    amplitude: Annotated[Volt, Gt(0)] = Field(description="amplitude V0 of the reference pulse")
    width: Annotated[Second, Gt(0)] = Field(description="width w0 of the reference pulse")
    vd: Annotated[Volt, Gt(0)] = Field(description="voltage that speeds writing e-fold")
    u1: Annotated[Ratio, Ge(0)] = Field(description="writing of v1 in a reference pulse")
    u2: Annotated[Ratio, Ge(0)] = Field(description="writing of v2 in a reference pulse")
    m1: Annotated[Ratio, Ge(0), Lt(1)] = Field(description="largest magnitude of v1")
    m2: Annotated[Ratio, Ge(0), Lt(1)] = Field(description="largest magnitude of v2")
    t1: Annotated[Second, Gt(0)] = Field(description="relaxation of v1")
    t2: Annotated[Second, Gt(0)] = Field(description="relaxation of v2")
    energy: Annotated[ElectronVolt, Ge(0)] = Field(description="activation energy of t1 and t2")
    reference: Annotated[Kelvin, Gt(0)] = Field(description="temperature of t1 and t2 as given")
    cycle_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="cycle-to-cycle: standard deviation of an excursion's step, relative"
    )
    write_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="cycle-to-cycle: standard deviation of what is seen after a write, weight"
    )
    step_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: standard deviation of the logarithm of each step"
    )
    upper_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: standard deviation of the logarithm of the upper bound"
    )
    lower_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: standard deviation of the logarithm of the lower bound"
    )
    noise_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="read noise: relative standard deviation for each decade of 1/f noise"
    )


class Initial(Conditions):
    """How a fresh cell begins: relaxed."""

    weight: Annotated[Ratio, Ge(-1), Le(1)] = Field(0.0, description="lasting weight")


class ArrayCell(Cells[Parameters]):
    """Any number of cells; meets `sim_backend.devices.model.DeviceModel`."""

    terminals = ("top", "bottom")
    between: ClassVar = ("top", "bottom")
    variables: ClassVar = ("w", "v1", "v2", "o", "xi", "faded")
    varied: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "step_up": "step_sigma",
            "step_down": "step_sigma",
            "upper": "upper_sigma",
            "lower": "lower_sigma",
        }
    )

    def _begin(self, state: State) -> None:
        state.row("w")[:] = np.clip(self.initial.weight, *self.bounds(state))

    @property
    def scale(self) -> tuple[float, float]:
        """Conductance of the weight 0 and of a unit of weight, S."""
        p = self.parameters
        return (p.gmax + p.gmin) / 2, (p.gmax - p.gmin) / 2

    def bounds(self, state: State) -> Array:
        """Return the least and the greatest weight of every cell, shape (2, devices)."""
        found: Array | None = state.ready.get("bounds")
        if found is None:
            own = self._own(state)
            found = np.stack([np.maximum(-own["lower"], self.floor), own["upper"]])
            state.ready["bounds"] = found
        return found

    def approach(self, state: State, side: int) -> Array:
        """Return the rate, in reference pulses, at which a soft bound is approached."""
        found: Array | None = state.ready.get(("approach", side))
        if found is None:
            step = self._own(state)["step_up" if side > 0 else "step_down"]
            bound = np.abs(self.bounds(state)[1 if side > 0 else 0])
            found = -np.log1p(-np.minimum(step / bound, _MOST_STEP))
            state.ready["approach", side] = found
        return found

    def rate(self, first: float, last: float) -> float:
        """Return the mean of X over a line of the voltage, 1/s."""
        p = self.parameters
        start, stop = ((abs(v) - p.amplitude) / p.vd for v in (first, last))
        return mean_exponential(start, stop) / p.width

    def volatile(
        self, rate: float, side: int, length: float, temperature: float
    ) -> list[tuple[float, float, float]]:
        """Say what a stretch does to v1 and to v2.

        Returns
        -------
        list of tuple
            For each the share of its distance that is left at the end, where it goes, and the mean
            of that share.
        """
        found = []
        for total, goal in self.speeds(rate, side, temperature):
            lost = float(share_lost(total * length))
            found.append((1.0 - total * length * lost, goal, lost))
        return found

    def speeds(self, rate: float, side: int, temperature: float) -> list[tuple[float, float]]:
        """Return of v1 and v2 how fast each approaches its goal, 1/s, and the goal."""
        p, found = self.parameters, []
        slower = activation(p.energy, temperature, p.reference)
        for u, m, tau in ((p.u1, p.m1, p.t1), (p.u2, p.m2, p.t2)):
            write = u * rate
            total = write + 1.0 / (tau * slower)
            found.append((total, side * m * write / total))
        return found

    def _step(self, line: Line, duration: float) -> float:
        return _STEP

    def _calm(self, state: State, line: Line, duration: float) -> float:
        p = self.parameters
        slower = activation(p.energy, float(state.row("temperature")[0]), p.reference)
        lasting = min(p.t1, p.t2) * slower
        return max(_STEP, abs(line[1] - line[0]) * _SAME * lasting / duration)

    def _vary(self, state: State, stream: Stream | None) -> None:
        self.draw_step(state, stream)
        self.draw_write(state, stream)

    def draw_step(self, state: State, stream: Stream | None) -> None:
        """Draw the variation of the step for the present event."""
        if stream is not None and self.parameters.cycle_sigma:
            key = (state.numbers, int(state.row("events")[0]), _STEP_LABEL)
            state.row("xi")[:] = self.parameters.cycle_sigma * stream.normals(*key)

    def draw_write(self, state: State, stream: Stream | None) -> None:
        """Draw what is seen after the present event."""
        if stream is not None and self.parameters.write_sigma:
            key = (state.numbers, int(state.row("events")[0]), _WRITE_LABEL)
            state.row("o")[:] = self.parameters.write_sigma * stream.normals(*key)

    def _pass(self, state: State, piece: Straight) -> Array:
        first, last = piece.control
        side = int(np.sign(first + last)) if piece.largest > self.threshold else 0
        rate = self.rate(first, last) if side else 0.0
        if side:
            self.renew(state)
        course = partial(self._course, state, side, rate)
        ends_, mean = course(piece.duration)
        flux = (first + last) / 2 * piece.duration
        if not flux:
            charge = np.zeros(state.devices)
        else:
            mean = self._above_floor(course, piece.duration, _total(ends_), mean)
            noise = self._noise(state, piece.duration)
            charge = self._siemens(mean) * flux * (1.0 + noise)
        if side:
            state.row("w")[:] = ends_[0]
        else:
            state.row("faded")[:] += self._times(state, piece.duration)
        for name, end in zip(("v1", "v2"), ends_[1:], strict=False):
            state.row(name)[:] = end
        return np.array([charge, -charge])

    def _course(
        self, state: State, side: int, rate: float, time: float | Array
    ) -> tuple[tuple[Array, ...], Array]:
        """Return w, v1, v2 and o after a time, and the mean of their sum until then."""
        o = state.row("o")
        if side:
            end, mean = self._written(state, side, rate * time)
            o = np.zeros(state.devices)  # seen only after the write
        else:
            goal, begin = self.bounds(state)[0], self._seen(state)
            passed = self._times(state, time)
            end = goal + (begin - goal) * np.exp(-passed)
            mean = goal + (begin - goal) * share_lost(passed) + o
        ends_ = [end]
        for name, (total, goal) in zip(
            ("v1", "v2"), self.speeds(rate, side, float(state.row("temperature")[0])), strict=True
        ):
            lost, v = share_lost(total * time), state.row(name)
            mean = mean + goal + (v - goal) * lost
            ends_.append(goal + (v - goal) * (1.0 - total * time * lost))
        return (*ends_, o), mean

    def _above_floor(
        self,
        course: Callable[[float | Array], tuple[tuple[Array, ...], Array]],
        duration: float,
        end: Array,
        mean: Array,
    ) -> Array:
        """Return the mean weight where a part of the way is below the least conductance."""
        floor, begin = self.floor, _total(course(0.0)[0])
        low_begin, low_end = begin < floor, end < floor
        if not (low_begin | low_end).any():
            return mean
        early, late = np.zeros(begin.shape), np.full(begin.shape, duration)
        for _ in range(_HALVINGS):
            middle = (early + late) / 2
            as_begin = (_total(course(middle)[0]) < floor) == low_begin
            early, late = np.where(as_begin, middle, early), np.where(as_begin, late, middle)
        until, before = early / duration, course(early)[1]
        falls = until * before + (1.0 - until) * floor
        rises = until * floor + (mean - until * before)
        crossed = np.where(low_begin, rises, falls)
        return np.where(low_begin & low_end, floor, np.where(low_begin | low_end, crossed, mean))

    def _times(self, state: State, time: float | Array) -> float | Array:
        """Return how many retention times a rest is."""
        warm = float(state.row("temperature")[0])
        return retention_times(self.parameters, 1.0, warm) * time

    def _seen(self, state: State) -> Array:
        """Return what is left of the lasting weight."""
        return left(state.row("w"), self.bounds(state)[0], state.row("faded"))

    def renew(self, state: State) -> None:
        """Take what is left of the lasting weight as what a pulse begins with."""
        state.row("w")[:] = self._seen(state)
        state.row("faded")[:] = 0.0

    @property
    def floor(self) -> float:
        """Weight of the least conductance there is."""
        middle, half = self.scale
        return (_LEAST * self.parameters.gmin - middle) / half

    def _written(self, state: State, side: int, pulses: float | Array) -> tuple[Array, Array]:
        """Return the lasting weight after so many reference pulses, and its mean until then."""
        w, (low, high) = state.row("w"), self.bounds(state)
        if self.parameters.gamma:
            return self._stepped(state, side, pulses)
        aim = (high if side > 0 else low) * (1.0 + state.row("xi"))
        moved = self.approach(state, side) * pulses
        mean = soft_bound_mean(w, aim, moved, low, high)
        return np.clip(soft_bound(w, aim, moved), low, high), mean

    def _stepped(self, state: State, side: int, pulses: float | Array) -> tuple[Array, Array]:
        """Do the same with exponential steps."""
        p, own, q = self.parameters, self._own(state), side * state.row("w")
        low, high = self.bounds(state)
        least, most = (low, high) if side > 0 else (-high, -low)
        moved = own["step_up" if side > 0 else "step_down"] * (pulses * (1.0 + state.row("xi")))
        b = (p.curve_up if side > 0 else p.curve_down) * float(np.exp(side * p.gamma * p.offset))
        law = b, p.gamma * p.slope
        mean = exponential_step_mean(q, moved, *law, least, most)
        end = np.clip(exponential_step(q, moved, *law), least, most)
        return side * end, side * mean

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all cells through the same pieces `count` times.

        Soft bounds at constant levels go through `sim_backend.devices.rram_train`, all else as
        `Cells` does it.
        """
        total = np.zeros((len(self.terminals), state.devices))
        left, width = count, len(pieces) * max(state.devices, _FEW)
        for turns in turns_of(state, count, max(1, _AT_ONCE // width)):
            found = play(self, state, pieces, turns, temperature, stream)
            if found is None:
                return total + super().repeat(state, pieces, left, temperature, stream)
            total, left = total + found, left - turns
        return total

    def _range(self, state: State) -> tuple[dict[str, Any], dict[str, Any]]:
        p, (low, high) = self.parameters, self.bounds(state)
        return {"w": low, "v1": -p.m1, "v2": -p.m2}, {"w": high, "v1": p.m1, "v2": p.m2}

    def _siemens(self, weight: Array) -> Array:
        middle, half = self.scale
        return np.maximum(middle + half * weight, _LEAST * self.parameters.gmin)

    def _slope(self, state: State) -> Array:
        return self._siemens(sum((state.row(n) for n in ("v1", "v2", "o")), self._seen(state)))

    def _flow(self, state: State, at: Mapping[str, float]) -> Array:
        current = self.conductance(state) * (at.get("top", 0.0) - at.get("bottom", 0.0))
        return np.array([current, -current])


def _total(parts: tuple[Array, ...]) -> Array:
    """Return the sum of the parts of a weight."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


FAMILY = Family(
    name="rram-array",
    title="Filamentary RRAM, as arrays are fitted",
    summary=(
        "A bounded lasting weight moved by soft-bound or exponential steps, two volatile "
        "exponentials beside it, and the measured variation of steps and bounds. I = G V."
    ),
    parameters=Parameters,
    initial=Initial,
    build=ArrayCell,
)
