"""Trains: regular pulses, each read just after it, one train after another without a pause."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.errors import BadInput
from labctl.readings import Readings
from labctl.waveform import Node, pulse, read, rest
from protocols.responses import conductances, u_conductances, usable

__all__ = ["Peaks", "Probe", "peaks_of", "series"]

Array = NDArray[np.float64]

_GAP = 200e-6  # between the end of a pulse and the read after it


@dataclass(frozen=True, slots=True)
class Probe:
    """A pulse and the read just after it.

    Parameters
    ----------
    amplitude, width
        Of the pulse, V and s.
    read, read_width
        Of the read, V and s; it begins 200 us after the pulse.
    terminal
        Driven and measured.
    measured
        The current in the pulse is measured too. A source-meter has one aperture for a waveform:
        with the short pulses measured it is so short that the reads are noisy.
    """

    amplitude: float
    width: float
    read: float
    read_width: float
    terminal: str = "top"
    measured: bool = False

    @property
    def waveform(self) -> Node:
        """Pulse, gap and read."""
        spike = pulse(
            self.amplitude, self.width, terminal=self.terminal, measured=self.measured
        )  # fmt: skip
        return spike + rest(_GAP) + read(self.read, self.read_width, terminal=self.terminal)

    @property
    def shortest(self) -> float:
        """Least period of a train, s: two gaps are left for the instrument."""
        return self.width + 2 * _GAP + self.read_width


def series(probe: Probe, trains: Sequence[tuple[float, int]]) -> Node:
    """Return trains one after another, the first pulse of each one period after the one before.

    Parameters
    ----------
    probe
        What is repeated.
    trains
        Rate in Hz and number of pulses of each; repeats stay loops.

    Raises
    ------
    BadInput
        A rate leaves no time for pulse and read.
    """
    one = probe.waveform
    parts: list[Node] = []
    for rate, count in trains:
        if not 0 < rate <= 1 / probe.shortest * (1 + 1e-9):
            raise BadInput(
                f"a rate of {rate:g} Hz was asked for; with pulse and read of "
                f"{probe.shortest:g} s together at most {1 / probe.shortest:.4g} Hz can be played: "
                "shorten the read"
            )
        left = count
        if not parts:
            parts, left = [one], count - 1
        if left:
            parts.append((rest(1 / rate - one.duration) + one) * left)
    return functools.reduce(operator.add, parts)


@dataclass(frozen=True, slots=True)
class Peaks:
    """What was measured at every pulse of a series, in order."""

    t: Array  #: of the reading just after it, s
    i: Array  #: current in the pulse, A; not a number where it was lost or not measured
    u_i: Array
    g: Array  #: conductance just after it, S; not a number where it was lost
    u_g: Array

    def __len__(self) -> int:
        return len(self.t)


def peaks_of(readings: Readings) -> Peaks:
    """Return the responses of a series; pulses without their read at the end are left out."""
    pulses, reads = readings.where(role="pulse"), readings.where(role="read")
    if not len(pulses):
        unknown = np.full(len(reads), np.nan)
        return Peaks(reads.t, unknown, unknown, conductances(reads), u_conductances(reads))
    count = min(len(pulses), len(reads))
    p, r = pulses[:count], reads[:count]
    current = np.where(usable(p), p.i, np.nan)
    return Peaks(r.t, current, p.u_i, conductances(r), u_conductances(r))
