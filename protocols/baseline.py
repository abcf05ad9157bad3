"""Return to baseline: wait for the volatile part, take the lasting part back, and say if it failed.

A pair, a pulse of another interval or another time difference may only be applied to a device that
is where it was. Waiting is adaptive: reads at growing distances until the conductance stands
still. What then remains is lasting, and is taken back by write-verify: short trains of the opposite
polarity until the conductance is below (or above) the target, then an approach from that side with
an amplitude that learns from its own effect.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

from labctl.readings import Readings
from labctl.steps import Label, Play, Step
from labctl.waveform import pulse, read, rest, train

__all__ = ["Baseline", "Learned", "Rested", "read_conductance", "rest_until_still", "restore"]

_READ_WIDTH = 30e-3  # its window, 22.5 ms, holds one power line cycle at 50 Hz
_TRAIN_PERIOD = 20e-3
_FIRST_PAUSE = 2.0  # the next ones are 4, 8, 16 s ...
_WEAKEST, _STRONGEST = 0.05, 1.0  # never beyond what the protocol itself applies
_SLOPE = 4.0  # of ln(effect) against that share, before it is known
_STEEPEST = 30.0  # of the same, once it is known
_NO_EFFECT = 1e-5
_REMEMBERED = 12

Procedure = Generator[Step, Readings, "Rested"]


@dataclass(frozen=True, slots=True)
class Baseline:
    """How a device is brought back.

    Parameters
    ----------
    read
        Read voltage, V.
    compliance
        Largest current of the writing pulses, A.
    amplitude, width
        Of the writing pulses, V and s; the amplitude is only where the search starts.
    within
        Largest relative distance from the target that counts as returned.
    longest_wait
        How long one wait for the conductance to stand still may take, s.
    by
        ``wait`` never writes; ``pulses`` takes a lasting change back.
    tries
        Most trains in one return.
    terminal
        Driven and measured.
    """

    read: float
    compliance: float
    amplitude: float
    width: float
    within: float
    longest_wait: float
    by: Literal["wait", "pulses"] = "pulses"
    tries: int = 30
    terminal: str = "top"


@dataclass(frozen=True, slots=True)
class Rested:
    """Where a return ended."""

    g: float  #: conductance, S
    still: bool  #: it had stopped changing
    returned: bool  #: it is within the tolerance of the target


def read_conductance(
    how: Baseline, pauses: tuple[float, ...] = (0.0,)
) -> Generator[Step, Readings, list[float]]:
    """Read the conductance after each of some pauses, in S.

    Parameters
    ----------
    how
        Read voltage and compliance.
    pauses
        Time at zero volts before each read, s; the instrument times it.

    Returns
    -------
    list of float
        One value for each pause; not a number where no range could show it or it was lost.
    """
    probe = read(how.read, _READ_WIDTH, terminal=how.terminal)
    parts = [rest(pause) + probe if pause else probe for pause in pauses]
    found = [math.nan] * len(pauses)
    # the compliance scaled to the read voltage suits a device that the pulses do not drive into
    # compliance; a lower resistance is read again on the range of the compliance itself
    for current in (how.compliance * min(1.0, abs(how.read / how.amplitude)), how.compliance):
        waveform = functools.reduce(operator.add, parts)
        ranges = {how.terminal: current}
        readings = yield Play(waveform, how.compliance, ranges, {"part": "baseline"})
        if len(readings) == len(parts):
            found[-len(parts) :] = readings.g.tolist()
        if math.isfinite(found[-1]):
            break
        parts = [probe]
    return found


def rest_until_still(how: Baseline, target: float | None) -> Procedure:
    """Wait, reading at growing distances, until nothing changes any more.

    Still means: over the last wait the conductance changed by less than a fifth of the tolerance,
    or, while it is far from the target, by less than a tenth of the way that is left.

    Parameters
    ----------
    how
        Read voltage, tolerance and longest wait.
    target
        Conductance to be within the tolerance of, S; None takes whatever stands still.
    """
    pauses = [min(_FIRST_PAUSE, how.longest_wait)]
    pause = min(2 * _FIRST_PAUSE, how.longest_wait - pauses[0])
    seen = yield from read_conductance(how, (*pauses, pause) if pause > 0 else (*pauses,))
    waited = pauses[0] + pause
    while not (still := _stands_still(seen, target, how)) and waited < how.longest_wait:
        pause = min(2 * pause, how.longest_wait - waited)
        seen += yield from read_conductance(how, (pause,))
        waited += pause
    return Rested(seen[-1], still, target is None or abs(seen[-1] / target - 1) <= how.within)


def _stands_still(seen: list[float], target: float | None, how: Baseline) -> bool:
    if len(seen) < 2:
        return False
    left = abs(_distance(seen[-1], target)) if target is not None else 0.0
    return abs(_distance(seen[-1], seen[-2])) < max(how.within / 5, left / 10)


def restore(how: Baseline, target: float | None, learned: Learned) -> Procedure:
    """Bring the device back to the target and report where it ended.

    Parameters
    ----------
    how
        Means and tolerance.
    target
        Conductance, S; None accepts the present one.
    learned
        What earlier returns have found out about the device; what this one finds is added.
    """
    rested = yield from rest_until_still(how, target)
    if target is None or how.by == "wait":
        return rested
    for _ in range(how.tries):
        if rested.returned or not rested.g > 0:
            break
        error = _distance(rested.g, target)
        sign = -1 if error > 0 else 1
        # downwards a pair of pulses; the last percents upwards by single, gentler ones
        count = 1 if sign > 0 and -error < 2 * how.within else 2
        strength = learned.strength(sign, count, abs(error))
        before = rested.g
        yield _write(how, sign * strength, count)
        rested = yield from rest_until_still(how, target)
        learned.add(sign, count, strength, sign * _distance(rested.g, before))
    return rested


class Learned:
    """What trains of one and two pulses have done to this device, to choose the next one by."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], list[tuple[float, float]]] = {}

    def add(self, sign: int, count: int, strength: float, effect: float) -> None:
        """Remember that a train changed ln G by `effect` in its own direction."""
        if math.isfinite(effect):
            self._seen.setdefault((sign, count), []).append((strength, max(effect, _NO_EFFECT)))

    def strength(self, sign: int, count: int, effect: float) -> float:
        """Return the amplitude, as a share of the protocol's, that should have this effect.

        The effect of a pulse grows about exponentially with its amplitude, so it is interpolated
        in the logarithm between the last trains; until two are known the slope is a guess.
        """
        seen = self._seen.get((sign, count), [])[-_REMEMBERED:]
        if not seen:
            return 0.5
        wanted = math.log(effect)
        near, known = min(seen, key=lambda one: abs(math.log(one[1]) - wanted))
        slopes = [
            math.log(known / other) / (near - strength)
            for strength, other in seen
            if abs(near - strength) > 0.02
        ]
        slope = min(max(slopes[-1], 1.0), _STEEPEST) if slopes else _SLOPE
        step = (wanted - math.log(known)) / slope
        chosen = near + min(max(step, -0.4), 0.4)
        # below a threshold a pulse does nothing, and nothing is no slope to go by
        in_vain = [other for other, known in seen if known < effect / 5]
        if in_vain:
            weak = max(in_vain)
            # where the effect is steep, that much more would be too much
            strong = min((other for other, known in seen if other > weak and known > effect),
                         default=math.inf)  # fmt: skip
            chosen = max(chosen, min(weak + 0.06, (weak + strong) / 2))
        return min(max(chosen, _WEAKEST), _STRONGEST)


def _write(how: Baseline, strength: float, count: int) -> Play:
    amplitude = round(strength * abs(how.amplitude), 4)
    one = pulse(amplitude, how.width, terminal=how.terminal)
    label: Label = {"part": "restore", "amplitude": amplitude}
    # long pulses have a pause as long as they are
    period = max(_TRAIN_PERIOD, 2 * how.width)
    return Play(train(one, period, count), how.compliance, {}, label)


def _distance(g: float, reference: float) -> float:
    """Return ln(g / reference); infinite when one is not a number above zero, as a lost reading."""
    known = 0 < g < math.inf and 0 < reference < math.inf
    return math.log(g / reference) if known else math.inf
