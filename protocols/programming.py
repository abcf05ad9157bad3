"""Programming: bring a device to a conductance by pulses, reading it after every one.

Two ways of choosing the next amplitude are offered. A ramp (incremental step pulse programming)
begins weak and grows by a step until the device has passed the target; after a crossing the other
polarity begins half-way to where it last crossed, and the step is halved. A bisection halves the
range of amplitudes after each pulse: upwards where the pulse did too little, downwards where it did
too much. Both decide from verified reads only.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal
from typing import Protocol as Structure

import numpy as np

from labctl.readings import Readings
from labctl.steps import Label, Play, Step
from labctl.waveform import Node, pulse, read, rest
from protocols.responses import conductances

__all__ = [
    "Amplitudes", "Method", "Writing", "Written", "amplitudes_of", "check", "hold", "program",
    "written_pulse",
]  # fmt: skip

Method = Literal["ispp", "bisection"]

_FINEST = 8  # the step of a ramp is never cut below this part of itself
_RESOLVED = 2e-3  # V; a bracket of a bisection that is narrower has to be widened again
_HEADROOM = 2.0  # of the range of a read over the current that is expected

Reading = Generator[Step, Readings, float]


@dataclass(frozen=True, slots=True)
class Writing:
    """How a device is written and read.

    Parameters
    ----------
    method
        ``ispp`` or ``bisection``.
    weakest, step, strongest
        Magnitudes of the amplitudes: the first, the increment of the ramp, the largest, V.
    width
        Of the pulses, s.
    settle
        Rest between a pulse and the read that verifies it, s.
    read, read_width
        Read voltage, V, and its duration, s.
    compliance
        Largest current, A.
    within
        Relative distance from the target that counts as reached.
    tries
        Most pulses for one target.
    raising
        Polarity of the pulses that raise the conductance, +1 or -1.
    terminal
        Which is driven.
    """

    method: Method
    weakest: float
    step: float
    strongest: float
    width: float
    settle: float
    read: float
    read_width: float
    compliance: float
    within: float
    tries: int
    raising: int = 1
    terminal: str = "top"

    def reached(self, g: float, target: float) -> bool:
        """Whether a conductance is within the tolerance of a target, both S."""
        return abs(g / target - 1) <= self.within


@dataclass(frozen=True, slots=True)
class Written:
    """Where programming ended."""

    g: float  #: conductance as verified after the last pulse, S
    pulses: int  #: spent
    reached: bool  #: it is within the tolerance


class Amplitudes(Structure):
    """What chooses the amplitude of the next pulse."""

    def after(self, way: int) -> float:
        """Return a magnitude in V, given whether the device has to rise (+1) or fall (-1)."""

    def again(self) -> None:
        """Begin again gently, since the target had been reached and was left by itself."""


class _Ramp:
    """Growing amplitudes, begun again with half the step at each crossing."""

    def __init__(self, how: Writing) -> None:
        self._how = how
        self._step = how.step
        self._way = 0
        self._level = how.weakest
        self._crossed: dict[int, float] = {}  # magnitude at which each polarity crossed last

    def after(self, way: int) -> float:
        """Go on with the ramp, or begin the other polarity's."""
        how = self._how
        if way == self._way:
            self._level = min(self._level + self._step, how.strongest)
            return self._level
        self.again()
        known = self._crossed.get(way, how.weakest)
        self._way, self._level = way, (how.weakest + known) / 2
        return self._level

    def again(self) -> None:
        """Note where the last ramp ended, and halve the step."""
        if self._way:
            self._crossed[self._way] = self._level
            self._step = max(self._step / 2, self._how.step / _FINEST)
        self._way = 0


class _Bisection:
    """The middle of a bracket of amplitudes, one for each polarity."""

    def __init__(self, how: Writing) -> None:
        self._how = how
        self._way = 0
        self._middle = how.weakest
        self._brackets = dict.fromkeys((1, -1), (how.weakest, how.strongest))

    def after(self, way: int) -> float:
        """Raise the lower end after too little, lower the upper end after too much."""
        how = self._how
        if way == self._way:
            low, high = self._middle, self._brackets[way][1]
            self._brackets[way] = low, high if high - low > _RESOLVED else how.strongest
        else:
            self.again()
        self._way, self._middle = way, sum(self._brackets[way]) / 2
        return self._middle

    def again(self) -> None:
        """Take the last amplitude for the upper end; what is left to go asks for weaker pulses."""
        if self._way:
            high = max(self._middle, self._how.weakest + _RESOLVED)
            self._brackets[self._way] = self._how.weakest, high
        self._way = 0


_METHODS: dict[Method, type[_Ramp] | type[_Bisection]] = {"ispp": _Ramp, "bisection": _Bisection}


def amplitudes_of(how: Writing) -> Amplitudes:
    """Return what chooses the amplitudes for one target."""
    return _METHODS[how.method](how)


def _range(how: Writing, expected: float) -> float:
    """Return the current range for a read of a conductance in S that is expected, A."""
    # two digits do for a range, and keep the last bits of a reading out of the next step
    return min(float(f"{_HEADROOM * abs(how.read * expected):.2g}"), how.compliance)


def written_pulse(how: Writing, amplitude: float) -> Node:
    """Return the pulse of an amplitude with its sign, V."""
    return pulse(amplitude, how.width, terminal=how.terminal)


def check(how: Writing, expected: float, wait: float, label: Label) -> Reading:
    """Read the conductance after a wait, on the range it should need or on the widest.

    Parameters
    ----------
    how
        Read voltage and compliance.
    expected
        Conductance by which the range is chosen, S.
    wait
        Rest before the read, s.
    label
        Of the step.

    Returns
    -------
    float
        S; not a number where no range could show it or the reading was lost.
    """
    probe = read(how.read, how.read_width, terminal=how.terminal)
    waveform: Node = rest(wait) + probe if wait else probe
    g = math.nan
    for current in dict.fromkeys((_range(how, expected), how.compliance)):
        readings = yield Play(waveform, how.compliance, {how.terminal: current}, label)
        found = conductances(readings.where(role="read"))
        g = float(found[-1]) if len(found) else math.nan
        if math.isfinite(g):
            break
        waveform = probe
    return g


def hold(how: Writing, waveform: Node, expected: float, label: Label) -> Reading:
    """Play a rest with reads after it, on the range they should need or on the widest.

    Parameters
    ----------
    how
        Read voltage and compliance.
    waveform
        The rest and the reads.
    expected
        Conductance by which the range is chosen, S; not a number for the widest range.
    label
        Of the step; ``part`` (``hold``) is added.

    Returns
    -------
    float
        Mean of the reads that have a value, S; not a number where none has.
    """
    wide = not math.isfinite(expected)
    current = how.compliance if wide else _range(how, expected)
    readings = yield Play(
        waveform, how.compliance, {how.terminal: current}, {**label, "part": "hold"}
    )
    g = conductances(readings.where(role="read"))
    good = g[np.isfinite(g)]
    return float(np.mean(good)) if len(good) else math.nan


def program(
    how: Writing, target: float, label: Label, amplitudes: Amplitudes
) -> Generator[Step, Readings, Written]:
    """Write and verify until the device is within the tolerance of a target.

    Parameters
    ----------
    how
        Means, tolerance and the most pulses.
    target
        Conductance, S.
    label
        Of every step; ``part`` (``verify`` or ``write``), ``pulse`` and ``amplitude`` are added.
    amplitudes
        What chooses them, as `amplitudes_of` makes it for one target.

    Returns
    -------
    Written
        Where it ended. It ends early where a reading has no value.
    """
    g = yield from check(how, target, 0.0, {**label, "part": "verify", "pulse": 0})
    pulses = 0
    while math.isfinite(g) and not how.reached(g, target) and pulses < how.tries:
        way = 1 if g < target else -1
        amplitude = round(way * how.raising * amplitudes.after(way), 4)
        pulses += 1
        numbered: Label = {**label, "pulse": pulses, "amplitude": amplitude}
        yield Play(written_pulse(how, amplitude), how.compliance, {}, {**numbered, "part": "write"})
        expected = max(g, target)
        g = yield from check(how, expected, how.settle, {**numbered, "part": "verify"})
    return Written(g, pulses, math.isfinite(g) and how.reached(g, target))
