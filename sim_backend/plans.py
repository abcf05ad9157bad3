"""Plans of a source-meter: the numbers that a setting comes down to, and those that chance adds.

`sim_backend.analogue` makes a plan when a setting changes and uses it for every level and every
reading after that.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np

from sim_backend.instruments.specification import MeasureRange, SourceRange

__all__ = [
    "MeterPlan", "RangeErrors", "SourcePlan", "device_noise", "memory", "meter_plan", "normals",
]  # fmt: skip

_BOLTZMANN = 1.380649e-23  # J/K, exact (SI)
_CHARGE = 1.602176634e-19  # C, exact (SI)
_SIGMAS = 3.0  # of a specified accuracy
_BLOCK, _LARGEST_BLOCK = 32, 4096  # pairs of normal numbers that are drawn at once


class SourcePlan(NamedTuple):
    """What becomes of a programmed level, with the present function, ranges and limit."""

    gain: float
    offset: float  #: V or A
    noise: float  #: rms, V or A
    limit: float  #: as it acts, A or V
    response: float  #: time the limit takes to act, s
    range: SourceRange


class MeterPlan(NamedTuple):
    """What becomes of a mean over an aperture, on given ranges: errors, noise, largest reading."""

    v_gain: float
    v_offset: float  #: V
    v_noise: float  #: rms, V
    v_most: float  #: V
    i_gain: float
    i_offset: float  #: A
    i_noise: float  #: rms, A
    i_most: float  #: A
    settling: float  #: of a current reading after a step of the level, s
    time_constant: float  #: by which the meter follows, s


class RangeErrors:
    """Gain and offset errors of an instrument's ranges, the same for ever.

    Each is drawn once from a normal distribution whose three sigma are the specified accuracy, cut
    there.

    Parameters
    ----------
    seed
        Text that fixes them.
    """

    def __init__(self, seed: str) -> None:
        self.name = ""  #: of the electronics, where a channel has several
        self._seed = seed
        self._drawn: dict[tuple[str, float], tuple[float, float]] = {}

    def of(self, what: str, spec: SourceRange | MeasureRange) -> tuple[float, float]:
        """Return the gain (ratio) and offset error of a range of `what`."""
        key = (what := self.name + what, spec.full_scale)
        if key not in self._drawn:
            draw = random.Random(f"{self._seed}/error/{what}/{spec.full_scale!r}")
            self._drawn[key] = (_within(spec.gain_error, draw), _within(spec.offset_error, draw))
        return self._drawn[key]


def _within(bound: float, draw: random.Random) -> float:
    """Draw an error whose three sigma are its bound, cut there."""
    return max(-bound, min(bound, draw.gauss(0.0, bound / _SIGMAS)))


def memory(plan: MeterPlan, settling: float, age: float, duration: float) -> float:
    """Return which share of a reading is still the current before a step of the level.

    Parameters
    ----------
    plan
        Of the meter.
    settling
        Specified settling of the source, s.
    age, duration
        Of the step when the aperture begins, and of the aperture, s.
    """
    tau = plan.time_constant * max(0.0, 1.0 - settling / plan.settling)
    if tau <= 0 or age > 40 * tau or age < 0:
        return 0.0
    left = math.exp(-age / tau)
    if duration > 0:
        left *= -math.expm1(-duration / tau) * tau / duration
    return left


def meter_plan(
    voltmeter: MeasureRange,
    ammeter: MeasureRange,
    nplc: float,
    errors: tuple[float, float, float, float],
) -> MeterPlan:
    """Return the plan of a meter on two ranges.

    Parameters
    ----------
    voltmeter, ammeter
        The ranges.
    nplc
        Aperture in line cycles.
    errors
        Gain and offset error of the voltmeter, then of the ammeter.
    """
    v_gain, v_offset, i_gain, i_offset = errors
    return MeterPlan(
        v_gain, v_offset, voltmeter.rms_noise(nplc), voltmeter.maximum,
        i_gain, i_offset, ammeter.rms_noise(nplc), ammeter.maximum,
        ammeter.settling, ammeter.time_constant,
    )  # fmt: skip


def device_noise(
    v: float, i: float, aperture: float, temperature: float, conductance: Callable[[], float]
) -> float:
    """Return the noise current of a device in the bandwidth of an aperture, rms, A.

    Thermal noise without a voltage, shot noise with one, and what is between (see
    `sim_backend.analogue`).

    Parameters
    ----------
    v, i
        Across and through the device, V and A.
    aperture
        s.
    temperature
        Of the device, K.
    conductance
        Returns that of the device, S; asked for without a voltage.
    """
    thermal = 2.0 * _BOLTZMANN * temperature / _CHARGE  # twice kT/q, V
    if abs(v) < 1e-3 * thermal:
        density = 2.0 * _CHARGE * thermal * abs(conductance())
    else:
        density = 2.0 * _CHARGE * abs(i) / abs(math.tanh(v / thermal))
    return math.sqrt(density / (2.0 * aperture))


def normals(seed: str) -> Callable[[], float]:
    """Return a function that returns the numbers ``random.Random(seed).gauss(0, 1)`` would draw.

    They agree to rounding. Two uniform numbers make two normal ones (Box and Muller, Ann. Math.
    Stat. 29, 610, 1958, 10.1214/aoms/1177706645); a block at once costs a tenth of one after the
    other.
    """
    return chain.from_iterable(_blocks(seed)).__next__


def _blocks(seed: str) -> Iterator[list[float]]:
    _, (*key, position), _ = random.Random(seed).getstate()
    uniform = np.random.RandomState()
    uniform.set_state(("MT19937", np.array(key, np.uint32), position, 0, 0.0))
    pairs = _BLOCK
    while True:
        drawn = uniform.random_sample(2 * pairs).reshape(pairs, 2)
        angle, radius = drawn[:, 0] * math.tau, np.sqrt(-2.0 * np.log(1.0 - drawn[:, 1]))
        block = np.stack([np.cos(angle) * radius, np.sin(angle) * radius], axis=1)
        yield block.ravel().tolist()
        pairs = min(2 * pairs, _LARGEST_BLOCK)
