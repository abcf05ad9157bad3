"""A device as its surroundings join it: apart from the probes, or behind a switching matrix.

The wrapped model does all the physics. `ApartDevice` is what probes meet that do not touch: an open
circuit, behind which the device rests. `PatchedDevice` puts relays between channels and terminals:

    a node has the mean voltage of its channels (or none where it leads to ground through one)
    I(channel) = (V(channel) - V(node)) / R + I(terminals of the node) / channels of the node

with the resistance R of a closed path. The device's own drop over R is left out: relays have ohms,
devices kiloohms. A channel that leads nowhere carries no current; a terminal that no channel leads
to keeps its own name, so that it can be left floating.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sim_backend.devices.model import (
    Array,
    DeviceModel,
    Level,
    Levels,
    Piece,
    State,
    Stream,
    ends,
    sees_light,
    wavelength_of,
)

__all__ = ["GROUND", "ApartDevice", "Net", "PatchedDevice"]

GROUND = "ground"  #: name of a channel that is at zero volts


class ApartDevice:
    """A model that the probes do not touch; light still reaches it.

    Parameters
    ----------
    model
        The device.
    """

    def __init__(self, model: DeviceModel) -> None:
        self.model = model
        self.terminals = model.terminals
        self.threshold = model.threshold
        self.optical = sees_light(model)

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make devices as the model does."""
        return self.model.fresh(devices, stream, spread=spread, first=first)

    def advance(
        self,
        state: State,
        levels: Levels,
        duration: float,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Let the devices rest; no charge goes in."""
        self.model.advance(state, _light(levels), duration, temperature, stream)
        return self._nothing(state)

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Let the devices rest for as long as the pieces last, `count` times."""
        lit = [(_light(levels), duration) for levels, duration in pieces]
        self.model.repeat(state, lit, count, temperature, stream)
        return self._nothing(state)

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        """Return no current."""
        return self._nothing(state)

    def conductance(self, state: State) -> Array:
        """Return the conductances of the devices themselves, S."""
        return self.model.conductance(state)

    def describe(self) -> dict[str, Any]:
        """Return what the model says."""
        return self.model.describe()

    def _nothing(self, state: State) -> Array:
        return np.zeros((len(self.terminals), state.devices))


class Net(NamedTuple):
    """What closed relays join."""

    channels: tuple[str, ...]  #: sources, `GROUND` among them where it is joined
    terminals: tuple[str, ...]  #: of the device


class PatchedDevice:
    """A model behind a switching matrix: its terminals are the channels.

    Parameters
    ----------
    model
        The device.
    channels
        Every channel of the matrix, joined or not.
    switched
        Terminals of the device that the matrix can reach; the others are wired as they are.
    nets
        What is joined now.
    resistance
        Of a closed path, Ohm.
    """

    def __init__(
        self,
        model: DeviceModel,
        channels: Sequence[str],
        switched: Sequence[str],
        nets: Sequence[Net],
        resistance: float,
    ) -> None:
        self.model, self.nets, self.resistance = model, tuple(nets), resistance
        own = [name for name in channels if name != GROUND]
        self.terminals = (*own, *model.terminals)
        self.threshold = model.threshold
        self.optical = sees_light(model)
        self._own = len(own)
        joined = {name for net in self.nets for name in net.terminals if net.channels}
        #: terminals that no channel leads to
        self.floating = tuple(name for name in switched if name not in joined)
        self._node = {name: net for net in self.nets for name in net.terminals if net.channels}

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make devices as the model does."""
        return self.model.fresh(devices, stream, spread=spread, first=first)

    def advance(
        self,
        state: State,
        levels: Levels,
        duration: float,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take the devices through straight levels; returns C into each channel and terminal."""
        into = self.model.advance(state, self._inside(levels), duration, temperature, stream)
        return self._outside(into, levels, duration)

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take the devices through the same pieces `count` times."""
        inside = [(self._inside(levels), duration) for levels, duration in pieces]
        total = self._outside(self.model.repeat(state, inside, count, temperature, stream), {}, 0.0)
        for levels, duration in pieces:
            nothing = np.zeros((len(self.model.terminals), total.shape[1]))
            total += self._outside(nothing, levels, duration) * count
        return total

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        """Return the current into each channel and terminal at constant levels, A."""
        inside = {name: ends(level)[0] for name, level in self._inside(levels).items()}
        return self._outside(self.model.current(state, inside), levels, 1.0)

    def conductance(self, state: State) -> Array:
        """Return the conductances of the devices themselves, S."""
        return self.model.conductance(state)

    def describe(self) -> dict[str, Any]:
        """Return what the model says."""
        return self.model.describe()

    def _inside(self, levels: Levels) -> dict[str, Level]:
        """Return the levels on the device's own terminals and optical ports."""
        inside = _light(levels)
        for name in self.model.terminals:
            net = self._node.get(name)
            level = levels.get(name, 0.0) if net is None else _mean(levels, net.channels)
            if level != 0.0:
                inside[name] = level
        return inside

    def _outside(self, into: Array, levels: Levels, duration: float) -> Array:
        """Return what goes into every channel and terminal, C for a duration, A for 1 s."""
        total = np.zeros((len(self.terminals), into.shape[1]))
        rows = {name: k for k, name in enumerate(self.terminals)}
        total[self._own :] = into
        for net in self.nets:
            share = [rows[name] for name in net.channels if name != GROUND]
            if not share:
                continue
            middle = sum(ends(_mean(levels, net.channels))) / 2
            drawn = sum(total[self._own + k] for k in self._places(net.terminals))
            for row in share:
                level = sum(ends(levels.get(self.terminals[row], 0.0))) / 2
                through = (level - middle) / self.resistance * duration
                total[row] += through + drawn / len(net.channels)
        for name in self._node:
            total[rows[name]] = 0.0  # it came through a channel
        return total

    def _places(self, names: Sequence[str]) -> list[int]:
        return [self.model.terminals.index(name) for name in names]


def _light(levels: Levels) -> dict[str, Level]:
    return {name: level for name, level in levels.items() if wavelength_of(name) is not None}


def _mean(levels: Levels, names: Sequence[str]) -> Level:
    """Return the mean level of several channels; ground is at zero."""
    if len(names) == 1:
        return levels.get(names[0], 0.0)
    both = [ends(levels.get(name, 0.0)) for name in names]
    first, last = (sum(level[side] for level in both) / len(both) for side in (0, 1))
    return first if first == last else (first, last)
