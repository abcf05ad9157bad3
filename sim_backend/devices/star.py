"""Devices that meet at a node: equal two-terminal devices with one common end, and a load resistor.

::

    a --- device ---+
    b --- device ---+--- node --- load resistor --- load
    c --- device ---+

With a switch in series with the load (an access transistor, as the lines of an array have one) the
node is joined to the load only while the terminal `select` is at `CLOSED` or above; it floats
otherwise.

Every device has its first terminal outside and its second at the node, as the cells of one line of
a crossbar have; the far end of the load resistor is a terminal of its own (at ground where nothing
is wired to it). Gates of two and three devices are measured on it.

The voltage v of the node is where Kirchhoff's law holds::

    sum over devices of I(V - v) + (V(load) - v) / R = 0

It is found to rounding at both ends of every piece of time; in between it is a straight line. A
piece is cut in halves until v changes by no more than `STEP` in it, so a device that switches
within a pulse, and takes the voltage from the others as it does, is followed. What goes into the
load is what the devices give: no charge is lost. A piece of time that is cut is passed without the
devices' noise. Devices whose current at a moment is not all that flows (capacitors) are not for
this circuit, since v follows from currents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, ConfigDict, Field

from labctl.errors import BadInput
from labctl.units import Ohm
from sim_backend.devices.model import (
    TALLY,
    Array,
    DeviceModel,
    Levels,
    Piece,
    State,
    Stream,
    ends,
    repeat_plainly,
)

__all__ = ["CLOSED", "LOAD", "SELECT", "STEP", "Joint", "StarDevice"]

#: terminal at the far end of the load resistor
LOAD = "load"
#: terminal that closes the switch in series with it
SELECT = "select"
#: mean voltage of that terminal over a piece of time from which the switch is closed, V
CLOSED = 0.5
#: largest change of the node's voltage in one piece of time, V
STEP = 1e-2

_NAMES = "abcdefgh"
_SHORTEST = 1e-12  # s
_FINEST = 1e-9  # of a piece of time
_CLOSE = 1e-12  # relative: a current that is met
_MOST = 200


class Joint(BaseModel):
    """The section ``[simulation.node]``: how many devices meet, and behind which load."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    devices: Annotated[int, Ge(2), Le(len(_NAMES))] = Field(2, description="Devices at the node.")
    load: Annotated[Ohm, Gt(0)] = Field(4e3, description="Resistor between node and load.")
    switch: bool = Field(False, description="Whether the terminal select joins and parts them.")


class StarDevice:
    """Equal devices that meet at a node; meets `sim_backend.devices.model.DeviceModel`.

    Parameters
    ----------
    model
        Of each device, with two terminals.
    joint
        How many there are, and the load.

    Raises
    ------
    BadInput
        The device has more than two terminals.
    """

    def __init__(self, model: DeviceModel, joint: Joint) -> None:
        if len(model.terminals) != 2:
            raise BadInput(
                f"devices with the terminals {', '.join(model.terminals)} were to meet at a node; "
                "only devices with two terminals can"
            )
        self.model, self.joint = model, joint
        self.terminals = (*_NAMES[: joint.devices], LOAD, *((SELECT,) if joint.switch else ()))
        self.threshold = model.threshold
        self._names = model.fresh(1, Stream(0), spread=False).names

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make one circuit, its devices in the model's initial condition, each with its spread."""
        if devices != 1:
            raise BadInput(f"{devices} circuits of joined devices were asked for; make them alone")
        count = self.joint.devices
        made = [
            self.model.fresh(1, stream, spread=spread, first=first * count + k)
            for k in range(count)
        ]
        names = (*TALLY, *(f"{n}.{name}" for n in self.terminals[:count] for name in self._names))
        values = np.concatenate([np.zeros((len(TALLY), 1)), *(one.values for one in made)])
        return State(names, values, np.concatenate([one.parameters for one in made]), first)

    def advance(
        self,
        state: State,
        levels: Levels,
        duration: float,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take the circuit through straight levels; returns C into each terminal."""
        total = np.zeros((len(self.terminals), 1))
        if duration <= 0:
            return total
        inside = self.devices_of(state)
        lines = [ends(levels.get(name, 0.0)) for name in self._ends]
        g_load = self._load(levels)
        passed, step = 0.0, duration
        v = self._node(inside, [line[0] for line in lines], g_load)
        while passed < duration:
            step = min(step, duration - passed)
            last = step >= duration - passed
            piece = [_part(line, passed / duration, (passed + step) / duration) for line in lines]
            before = [one.values.copy() for one in inside]
            charge = _pass(self.model, inside, piece, (v, v), step, temperature, stream)
            after = self._node(inside, [line[1] for line in piece], g_load, v)
            if abs(after - v) > STEP and step > max(_SHORTEST, _FINEST * duration):
                _restore(inside, before)
                step /= 2
                for one in inside:  # what switches by volts is not followed through its noise
                    one.noise = None
                continue
            if after != v:
                _restore(inside, before)
                charge = _pass(self.model, inside, piece, (v, after), step, temperature, stream)
                after = self._node(inside, [line[1] for line in piece], g_load, v)
            total[: len(inside), 0] += charge
            v = after
            passed = duration if last else passed + step
            step *= 2
        total[len(inside)] = -np.sum(total[: len(inside)])
        self._tell(state, inside, float(total[0, 0]))
        return total

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take the circuit through the same pieces `count` times."""
        (levels, duration), *more = pieces
        if not more and not any(map(any, map(ends, levels.values()))):
            return self.advance(state, levels, duration * count, temperature, stream)
        return repeat_plainly(self, state, pieces, count, temperature, stream)

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        """Return the current into each terminal, A."""
        inside = self.devices_of(state)
        volts = [levels.get(name, 0.0) for name in self._ends]
        v = self._node(inside, volts, self._load(levels))
        into = self._currents(inside, volts, v)
        total = np.zeros((len(self.terminals), 1))
        total[: len(into) + 1, 0] = (*into, -sum(into))
        return total

    def conductance(self, state: State) -> Array:
        """Return dI/dV at the first terminal with all others at ground, S."""
        g = [float(self.model.conductance(one)[0]) for one in self.devices_of(state)]
        whole = sum(g) + self._load({})
        if not whole:
            return np.zeros(1)
        return np.array([g[0] * (whole - g[0]) / whole])

    def describe(self) -> dict[str, Any]:
        """Return what the model says, with the circuit round it."""
        return {**self.model.describe(), "node": self.joint.model_dump()}

    def devices_of(self, state: State) -> list[State]:
        """Return the state of every device, as views: what moves one moves the circuit's."""
        inside: list[State] | None = state.ready.get("devices")
        if inside is None:
            rows, own = len(self._names), len(state.parameters) // self.joint.devices
            inside = [
                State(
                    self._names,
                    state.values[len(TALLY) + k * rows : len(TALLY) + (k + 1) * rows],
                    state.parameters[k * own : (k + 1) * own],
                    state.first * self.joint.devices + k,
                )
                for k in range(self.joint.devices)
            ]
            state.ready["devices"] = inside
        for one in inside:
            one.noise = state.noise
        return inside

    @property
    def _ends(self) -> tuple[str, ...]:
        """Terminals between which current flows: those of the devices, and the load's."""
        return self.terminals[: self.joint.devices + 1]

    def _load(self, levels: Levels) -> float:
        """Return the conductance between node and load, S; none while a switch is open."""
        closed = not self.joint.switch or sum(ends(levels.get(SELECT, 0.0))) / 2 >= CLOSED
        return 1 / self.joint.load if closed else 0.0

    def _currents(self, inside: Sequence[State], volts: Sequence[float], v: float) -> list[float]:
        top, bottom = self.model.terminals
        return [
            float(self.model.current(one, {top: level, bottom: v})[0, 0])
            for one, level in zip(inside, volts, strict=False)
        ]

    def _node(
        self, inside: Sequence[State], volts: Sequence[float], g_load: float, near: float = 0.0
    ) -> float:
        """Return the voltage of the node at these voltages of the terminals; `near` is a guess.

        What flows into the node falls with its voltage, and is nearly a straight line: Newton's
        method with the chord, kept between the lowest and the highest of the terminals.
        """
        felt = volts if g_load else volts[:-1]
        low, high = min(felt), max(felt)
        v, before = min(max(near, low), high), None
        for _ in range(_MOST):
            into = self._currents(inside, volts, v)
            load = (volts[-1] - v) * g_load
            excess = sum(into) + load
            if abs(excess) <= _CLOSE * (sum(map(abs, into)) + abs(load)) or low == high:
                return v
            low, high = (v, high) if excess > 0 else (low, v)
            if before is None:
                slope = -g_load - sum(
                    i / (level - v) for i, level in zip(into, volts, strict=False) if level != v
                )
            else:
                slope = (excess - before[1]) / (v - before[0])
            before = v, excess
            v = v - excess / slope if slope < 0 else (low + high) / 2
            if not low < v < high:
                v = (low + high) / 2
            if v in (low, high):
                return v
        return v

    def _tell(self, state: State, inside: Sequence[State], charge: float) -> None:
        """Keep the truth of the circuit: excursions of all devices, charge into the first."""
        for name in ("positive", "negative"):
            state.row(name)[:] = sum(float(one.row(name)[0]) for one in inside)
        state.row("peak")[:] = max(float(one.row("peak")[0]) for one in inside)
        state.row("charge")[:] += charge
        state.row("throughput")[:] = inside[0].row("throughput")


def _part(line: tuple[float, float], start: float, stop: float) -> tuple[float, float]:
    first, last = line
    return first + (last - first) * start, last if stop >= 1 else first + (last - first) * stop


def _pass(
    model: DeviceModel, inside: Sequence[State], piece: Sequence[tuple[float, float]],
    node: tuple[float, float], duration: float, temperature: float, stream: Stream | None,
) -> Array:  # fmt: skip
    """Take every device through a piece; returns C into each from outside."""
    top, bottom = model.terminals
    moved = [
        float(model.advance(one, {top: line, bottom: node}, duration, temperature, stream)[0, 0])
        for one, line in zip(inside, piece, strict=False)
    ]
    return np.array(moved)


def _restore(inside: Sequence[State], before: Sequence[Array]) -> None:
    for one, values in zip(inside, before, strict=True):
        one.values[:] = values
