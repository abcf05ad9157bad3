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
but for the relaxation within a piece. The current is G V at every voltage. v relaxes faster at
higher temperature (Arrhenius); w does not relax.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from pydantic import Field

from labctl.units import Kelvin, Ratio, Second, Siemens, Unit, Volt
from sim_backend.devices.cells import Cells, Straight, share_lost
from sim_backend.devices.family import Conditions, Family
from sim_backend.devices.model import Array, Piece, State, Stream
from sim_backend.devices.parts.relaxation import activated
from sim_backend.devices.parts.updates import exponential_step, mean_exponential, soft_bound
from sim_backend.devices.rram_train import play

__all__ = ["FAMILY", "ArrayCell", "Initial", "Parameters"]

ElectronVolt = Annotated[float, Unit("eV")]

_STEP = 0.02  # V
_LEAST = 0.05  # conductance of the lowest weight there is, as a share of gmin
_MOST_STEP = 0.98  # of the way to a bound in a reference pulse
_STEP_LABEL, _WRITE_LABEL = 0, 1  # in the keys of random numbers


class Parameters(Conditions):
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
    variables: ClassVar = ("w", "v1", "v2", "o", "xi")
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
            own, (middle, half) = self._own(state), self.scale
            lowest = (_LEAST * self.parameters.gmin - middle) / half
            found = np.stack([np.maximum(-own["lower"], lowest), own["upper"]])
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
        p, found = self.parameters, []
        for u, m, tau in ((p.u1, p.m1, p.t1), (p.u2, p.m2, p.t2)):
            write = u * rate
            total = write + 1.0 / float(activated(tau, p.energy, temperature, p.reference))
            lost = float(share_lost(total * length))
            found.append((1.0 - total * length * lost, side * m * write / total, lost))
        return found

    def _step(self) -> float:
        return _STEP

    def _vary(self, state: State, stream: Stream | None) -> None:
        self.draw_step(state, stream)
        self.draw_write(state, stream)

    def draw_step(self, state: State, stream: Stream | None) -> None:
        """Draw the variation of the step for the present event."""
        if stream is not None and self.parameters.cycle_sigma:
            key = (state.numbers, state.row("events"), _STEP_LABEL)
            state.row("xi")[:] = self.parameters.cycle_sigma * stream.normals(*key)

    def draw_write(self, state: State, stream: Stream | None) -> None:
        """Draw what is seen after the present event."""
        if stream is not None and self.parameters.write_sigma:
            key = (state.numbers, state.row("events"), _WRITE_LABEL)
            state.row("o")[:] = self.parameters.write_sigma * stream.normals(*key)

    def _pass(self, state: State, piece: Straight) -> Array:
        first, last = piece.control
        side = int(np.sign(first + last)) if piece.largest > self.threshold else 0
        rate = self.rate(first, last) if side else 0.0
        mean = (
            self._move(state, side, rate, piece.duration)
            if side
            else state.row("w") + state.row("o")
        )
        temperature = float(state.row("temperature")[0])
        parts = self.volatile(rate, side, piece.duration, temperature)
        for name, (left, goal, share) in zip(("v1", "v2"), parts, strict=True):
            v = state.row(name)
            mean += goal + (v - goal) * share
            v[:] = goal + (v - goal) * left
        flux = (first + last) / 2 * piece.duration
        noise = self._noise(state, piece.duration) if flux else 0.0
        charge = self._siemens(mean) * flux * (1.0 + noise)
        return np.stack([charge, -charge])

    def _move(self, state: State, side: int, rate: float, length: float) -> Array:
        """Move the lasting weight; returns its mean over the stretch."""
        w, (low, high) = state.row("w"), self.bounds(state)
        if self.parameters.gamma:
            middle, end = (self._stepped(state, w, side, rate * t) for t in (length / 2, length))
            mean = (w + 4.0 * middle + end) / 6.0  # Simpson's rule
        else:
            aim = (high if side > 0 else low) * (1.0 + state.row("xi"))
            moved = self.approach(state, side) * (rate * length)
            mean, end = aim + (w - aim) * share_lost(moved), soft_bound(w, aim, moved)
        w[:] = np.clip(end, low, high)
        return np.asarray(mean)

    def _stepped(self, state: State, w: Array, side: int, pulses: float) -> Array:
        """Return the weight after so many reference pulses of exponential steps."""
        p, own = self.parameters, self._own(state)
        moved = own["step_up" if side > 0 else "step_down"] * (pulses * (1.0 + state.row("xi")))
        curve = p.curve_up if side > 0 else p.curve_down
        b = curve * float(np.exp(side * p.gamma * p.offset))
        return np.clip(
            side * exponential_step(side * w, moved, b, p.gamma * p.slope), *self.bounds(state)
        )

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
        found = play(self, state, pieces, count, temperature, stream)
        if found is not None:
            return found
        return super().repeat(state, pieces, count, temperature, stream)

    def _range(self, state: State) -> tuple[dict[str, Any], dict[str, Any]]:
        p, (low, high) = self.parameters, self.bounds(state)
        return {"w": low, "v1": -p.m1, "v2": -p.m2}, {"w": high, "v1": p.m1, "v2": p.m2}

    def _siemens(self, weight: Array) -> Array:
        middle, half = self.scale
        return np.maximum(middle + half * weight, _LEAST * self.parameters.gmin)

    def _slope(self, state: State) -> Array:
        return self._siemens(sum((state.row(n) for n in ("v1", "v2", "o")), state.row("w")))

    def _flow(self, state: State, at: Mapping[str, float]) -> Array:
        current = self.conductance(state) * (at.get("top", 0.0) - at.get("bottom", 0.0))
        return np.stack([current, -current])


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
