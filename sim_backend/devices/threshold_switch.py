"""An artificial neuron: a threshold switch with a capacitor behind a load resistor.

Integrate: the source charges the capacitor through the load. Fire: past the threshold, and after a
delay, the switch turns on and discharges it. Recover: below the hold voltage it turns off by itself
after a while, and all begins again. The circuit is that of
`sim_backend.devices.threshold_switch_circuit`; with a small load and no capacitance to speak of it
is the bare switch.

Delay and recovery time are log-normal from spike to spike, the threshold is normal round its mean
(C2C) and wanders as 1/f from spike to spike (its age is counted in spikes); all are looked up by
(device, spike). The threshold falls linearly with temperature. A switch that has fired as often as
its life allows is stuck, on or off.

Every event is at its exact moment, however time is cut. Spikes of a constant source that repeat one
another are counted. Where they differ by chance, those beyond 4000 in one piece are counted with
the mean period of the first ones: there a piece cut in two has the same number of spikes on average
only, with a standard deviation below 1e-3 of it (tested). A life ends at its spike all the same. At
rest nothing fires: ten years cost as much as 100 ns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt
from pydantic import Field

from labctl.errors import BadInput
from labctl.kernels import kernels
from labctl.units import Farad, Kelvin, Ohm, Ratio, Second, Unit, Volt
from sim_backend.devices.family import Conditions, Family
from sim_backend.devices.hzo_cycling import repeat_ends
from sim_backend.devices.hzo_switching import Whole
from sim_backend.devices.model import (
    TALLY,
    Array,
    Levels,
    Piece,
    State,
    Stream,
    ends,
)
from sim_backend.devices.parts.fluctuation import octaves, one_over_f
from sim_backend.devices.parts.lattice import lattice_of
from sim_backend.devices.parts.tally import count
from sim_backend.devices.parts.variation import drawn
from sim_backend.devices.parts.wear import Wear, life, sticks_low
from sim_backend.devices.stream import normal_table
from sim_backend.devices.threshold_switch_circuit import ON, Circuit, Draw, Node, pass_line

__all__ = ["FAMILY", "Initial", "Parameters", "ThresholdSwitch"]

PerKelvin = Annotated[float, Unit("1/K")]

_OWN = ("v", "phase", "timer", "direction", "tries", "spikes", "age")
_KERNELS = "sim_backend.devices.kernels.neuron"
_WORTH = 64  # neurons for which compiled code is loaded
_WORTH_TRIES = 5_000  # of all neurons in one piece, for which it is loaded as well
_PLAYED = 4_500  # tries of one piece that are played at most
_BLOCK = 16  # tries whose numbers are looked up together at most
_MOST_DRAWN = 1024  # tries whose numbers are kept
_SLOWEST = 1e6  # spikes, of the 1/f noise of the threshold
_THRESHOLD, _DELAY, _RECOVERY = 0x51, 0x52, 0x53  # in the keys


class Parameters(Wear):
    """The numbers of a neuron."""

    threshold: Annotated[Volt, Gt(0)] = Field(description="of the switch")
    hold: Annotated[Volt, Gt(0)] = Field(description="voltage below which it turns off again")
    off: Annotated[Ohm, Gt(0)] = Field(description="resistance when off")
    on: Annotated[Ohm, Gt(0)] = Field(description="resistance when on")
    load: Annotated[Ohm, Gt(0)] = Field(description="resistor in series")
    capacitance: Annotated[Farad, Gt(0)] = Field(description="parallel to the switch")
    delay: Annotated[Second, Ge(0)] = Field(
        description="from passing the threshold to turning on, median"
    )
    recovery: Annotated[Second, Ge(0)] = Field(
        description="from falling below the hold voltage to turning off, median"
    )
    delay_sigma: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="cycle-to-cycle: sigma of the logarithm of the delay"
    )
    recovery_sigma: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="cycle-to-cycle: sigma of the logarithm of the recovery time"
    )
    cycle_sigma: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="cycle-to-cycle: relative spread of the threshold"
    )
    device_sigma: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="device-to-device: sigma of the logarithm of threshold, hold, resistances"
    )
    read_sigma: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="1/f noise of the threshold from spike to spike: relative, per decade"
    )
    softening: Annotated[PerKelvin, Ge(0)] = Field(
        0.0, description="relative loss of threshold and hold voltage per kelvin"
    )
    reference: Annotated[Kelvin, Gt(0)] = Field(300.0, description="temperature of the numbers")


class Initial(Conditions):
    """A neuron begins off and without charge."""


class ThresholdSwitch:
    """Any number of neurons; meets `sim_backend.devices.model.DeviceModel`.

    Parameters
    ----------
    parameters
        Of all neurons before their spread.
    account
        Where the numbers come from.

    Raises
    ------
    BadInput
        The switch would not turn off, or conduct worse when on.
    """

    terminals = ("top", "bottom")
    _names = (*TALLY, *_OWN)

    def __init__(self, parameters: Parameters, _: Initial, account: Mapping[str, Any]) -> None:
        p = parameters
        if p.hold >= p.threshold or p.on >= p.off:
            raise BadInput(
                f"a switch with a threshold of {p.threshold:g} V, a hold voltage of {p.hold:g} V, "
                f"{p.off:g} Ohm off and {p.on:g} Ohm on was asked for; hold must be below the "
                "threshold, and the resistance lower when on"
            )
        self.parameters = p
        self.threshold = p.threshold
        self._account = dict(account)

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make neurons that have never fired."""
        p, given = self.parameters, stream if spread else None
        numbers = first + np.arange(devices)
        own = drawn([p.threshold, p.hold, p.off, p.on], p.device_sigma, devices, given, first)
        # a wide spread must not make a switch that never turns off
        own[1] = np.minimum(own[1], 0.98 * own[0])
        lives = life(given, numbers, p.life_cycles, p.life_shape)
        low = sticks_low(given, numbers, p.stuck_low).astype(float)
        values = np.zeros((len(self._names), devices))
        return State(self._names, values, np.vstack([own, lives, low]), first)

    def advance(
        self,
        state: State,
        levels: Levels,
        duration: float,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all neurons through straight levels; returns C into each terminal."""
        if not duration > 0:
            return np.zeros((2, state.devices))
        top, bottom = ends(levels.get("top", 0.0)), ends(levels.get("bottom", 0.0))
        first, last = top[0] - bottom[0], top[1] - bottom[1]
        line = first, last, duration
        many = state.devices * self._tries(line)
        worth = state.devices >= _WORTH or many >= _WORTH_TRIES
        fast = kernels(_KERNELS) if worth else None
        if fast is not None:
            charge = self._pass_all(fast, state, line, temperature, stream)
        else:
            passed = partial(self._pass, state, line, temperature, stream)
            charge = np.array([passed(k) for k in range(state.devices)])
        count(state, first, last, self.threshold)
        state.row("age")[:] += duration
        state.row("charge")[:] += charge
        state.row("throughput")[:] += abs(charge)
        return np.array([charge, -charge])

    def _tries(self, line: tuple[float, float, float]) -> float:
        """Return about how many tries of one neuron a straight line takes to play."""
        p = self.parameters
        source = max(abs(line[0]), abs(line[1])) * p.off / (p.off + p.load)
        if source <= p.threshold:
            return 0.0
        charging = p.capacitance * p.load * p.off / (p.load + p.off)
        charging *= math.log((source - p.hold) / (source - p.threshold))
        return min(line[2] / (charging + p.delay + p.recovery), _PLAYED)

    def _same(self, state: State, stream: Stream | None) -> bool:
        """Whether nothing varies from spike to spike."""
        p = self.parameters
        plain = stream is None or not (p.cycle_sigma or p.delay_sigma or p.recovery_sigma)
        return plain and (state.noise is None or not p.read_sigma)

    def _pass_all(
        self,
        fast: ModuleType,
        state: State,
        line: tuple[float, float, float],
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all neurons through a straight line, compiled; returns the charges, C."""
        p, rows = self.parameters, slice(len(TALLY), len(TALLY) + 6)
        threshold, hold, off, on, lives, low = state.parameters
        each, soft = np.ones(state.devices), self._softened(temperature)
        circuits = np.array(
            [p.load * each, p.capacitance * each, off, on, threshold * soft, hold * soft,
             lives, np.where(low > 0, on, off)]
        ).T.copy()  # fmt: skip
        sigmas = (p.cycle_sigma, p.delay_sigma, p.recovery_sigma) if stream else (0.0, 0.0, 0.0)
        periods, words = np.ones(1), np.zeros((state.devices, 1), np.uint64)
        wander = 0.0
        if state.noise is not None and p.read_sigma:
            periods, wander = octaves(1.0, _SLOWEST), p.read_sigma * math.sqrt(math.log10(2.0))
            words = lattice_of(state.noise, state.numbers, len(periods), 0).words
        table = normal_table() if stream is not None and stream.table else np.zeros(0)
        nodes = state.values[rows].T.copy()
        charges: Array = fast.pass_lines(
            nodes, circuits, np.array(line), np.array([*sigmas, wander]),
            np.array([p.delay, p.recovery]), np.uint64(stream.start if stream else 0),
            state.first, words, periods, table, self._same(state, stream),
        )  # fmt: skip
        state.values[rows] = nodes.T
        return charges

    def _pass(
        self,
        state: State,
        line: tuple[float, float, float],
        temperature: float,
        stream: Stream | None,
        k: int,
    ) -> float:
        """Take one neuron through a straight line; returns the charge from the source, C."""
        start, (circuit, stuck) = len(TALLY), self._circuits(state, k, temperature)
        v, phase, timer, side, tries, spikes = state.values[start : start + 6, k].tolist()
        node = Node(v, int(phase), timer, side, int(tries), int(spikes))
        draw = self._kept_draw(circuit.threshold, state, k, stream)
        life = float(state.parameters[4, k])
        charge = pass_line(node, circuit, *line, draw, self._same(state, stream), life, stuck)
        state.values[start : start + 6, k] = (
            node.v, node.phase, node.timer, node.side, node.tries, node.spikes,
        )  # fmt: skip
        return charge

    def _softened(self, temperature: float) -> float:
        """Return the share of threshold and hold voltage at a temperature."""
        p = self.parameters
        return max(1.0 - p.softening * (temperature - p.reference), 0.05)

    def _circuits(self, state: State, k: int, temperature: float) -> tuple[Circuit, Circuit]:
        """Return the numbers of one neuron at a temperature, and those when it is stuck."""
        p, soft = self.parameters, self._softened(temperature)
        threshold, hold, off, on, _, low = state.parameters[:, k].tolist()
        at = on if low else off
        return (
            Circuit(p.load, p.capacitance, off, on, threshold * soft, hold * soft),
            Circuit(p.load, p.capacitance, at, at, math.inf, hold * soft),
        )

    def _kept_draw(self, threshold: float, state: State, k: int, stream: Stream | None) -> Draw:
        """Return what `_draw` does, with the tries of the line before at hand."""
        law = threshold, state.first + k, stream, state.noise
        kept: tuple[Any, Draw] | None = state.ready.get(k)
        if kept is None or kept[0] != law:
            kept = state.ready[k] = (law, self._draw(*law))
        return kept[1]

    def _draw(
        self, threshold: float, number: int, stream: Stream | None, noise: Stream | None
    ) -> Draw:
        """Return what gives threshold, delay and recovery time of a try.

        The numbers of tries to come are looked up together, of twice as many each time.
        """
        found: dict[int, tuple[float, float, float]] = {}
        ahead = 1

        def draw(attempt: int) -> tuple[float, float, float]:
            nonlocal ahead
            if attempt not in found:
                if len(found) >= _MOST_DRAWN:
                    found.clear()
                tries = np.arange(attempt, attempt + ahead, dtype=np.int64)
                rows = self._varied(threshold, number, tries, stream, noise)
                found.update(zip(tries.tolist(), rows, strict=True))
                ahead = min(2 * ahead, _BLOCK)
            return found[attempt]

        return draw

    def _varied(
        self, threshold: float, number: int, tries: Whole, stream: Stream | None,
        noise: Stream | None,
    ) -> list[tuple[float, float, float]]:  # fmt: skip
        """Return threshold, delay and recovery time of some tries of one neuron."""
        p, each = self.parameters, np.ones(len(tries))
        level, delay, recovery = threshold * each, p.delay * each, p.recovery * each
        if noise is not None and p.read_sigma:
            level *= 1.0 + one_over_f(noise, number, tries, p.read_sigma, 1.0, _SLOWEST)
        if stream is not None:
            level *= 1.0 + p.cycle_sigma * stream.normals(number, _THRESHOLD, tries)
            delay *= np.exp(p.delay_sigma * stream.normals(number, _DELAY, tries))
            recovery *= np.exp(p.recovery_sigma * stream.normals(number, _RECOVERY, tries))
        level = np.maximum(level, 0.05 * threshold)
        return list(zip(level.tolist(), delay.tolist(), recovery.tolist(), strict=True))

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all neurons through the same pieces `count` times; of many, both ends are played."""
        return repeat_ends(
            self, state, pieces, count, temperature, stream,
            ("positive", "negative", "tries", "spikes"), ("age",),
        )  # fmt: skip

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        """Return the current through the load at this moment, A."""
        source = levels.get("top", 0.0) - levels.get("bottom", 0.0)
        through = (source - state.row("v")) / self.parameters.load
        return np.array([through, -through])

    def conductance(self, state: State) -> Array:
        """Return the conductances of load and switch in series as the switch is now, S."""
        on = state.row("phase") >= ON
        resistance = np.where(on, state.parameters[3], state.parameters[2])
        conductance: Array = 1.0 / (self.parameters.load + resistance)
        return conductance

    def describe(self) -> dict[str, Any]:
        """Return family, preset, grades and parameters."""
        return self._account


FAMILY = Family(
    name="threshold-switch",
    title="Threshold switch as a neuron",
    summary=(
        "A capacitor charges through a load; past the threshold the switch turns on after a delay "
        "and discharges it, and turns off by itself below the hold voltage: integrate, fire, "
        "recover."
    ),
    parameters=Parameters,
    initial=Initial,
    build=ThresholdSwitch,
)
