"""A threshold switch with its capacitor behind a resistor, in closed form between events.

::

    top --- Rs ---+--- node
                  |
              C   |   switch: Roff or Ron
                  |
    bottom -------+

Off, the switch conducts with 1/Roff. When the node has passed the threshold for a delay it turns on
(1/Ron) and the capacitor discharges; once the node is below the hold voltage it turns off again
after a recovery time. With the source on a straight line u = a + s t, time constant
tau = C / (1/Rs + 1/R) and k = R / (R + Rs)::

    v(t) = k (u(t) - s tau) + (v0 - k (a - s tau)) exp(-t / tau)

so the moment of every event is a zero of such a function: a logarithm for a constant source, and
found by halving (to rounding) on a ramp, where v has at most one extremum.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["DELAYED", "OFF", "ON", "RECOVERING", "Circuit", "Curve", "Node", "pass_line"]

OFF, DELAYED, ON, RECOVERING = 0, 1, 2, 3

_HALVINGS = 80
_CLOSE = 1e-12  # relative: at a level, not beyond it
_MOST = 4000  # spikes of one line that are played when each differs
_KEPT = 500  # of these, after the ones that are skipped


class Circuit(NamedTuple):
    """The numbers of one device."""

    series: float  #: Rs, Ohm
    capacitance: float  #: C, F
    off: float  #: Roff, Ohm
    on: float  #: Ron, Ohm
    threshold: float  #: of the node, V
    hold: float  #: of the node, V


@dataclass(slots=True)
class Node:
    """State of one device."""

    v: float  #: of the node, V
    phase: int  #: OFF, DELAYED, ON or RECOVERING
    timer: float  #: until the delay or the recovery is over, s
    side: float  #: sign of the voltage that turned it on
    tries: int  #: times that the threshold was passed
    spikes: int  #: times that it turned on


class Curve(NamedTuple):
    """v(t) = level + slope t + excess exp(-t / tau)."""

    level: float
    slope: float
    excess: float
    tau: float

    def at(self, t: float) -> float:
        """Return the voltage of the node, V."""
        return self.level + self.slope * t + self.excess * math.exp(-t / self.tau)

    def rising(self, t: float) -> float:
        """Return its slope, V/s."""
        return self.slope - self.excess / self.tau * math.exp(-t / self.tau)

    def integral(self, t: float) -> float:
        """Return its integral from 0, V s."""
        gone = -math.expm1(-t / self.tau)
        return self.level * t + self.slope * t * t / 2 + self.excess * self.tau * gone

    def bend(self) -> float:
        """Return when it turns round; 0 for never."""
        if self.slope == 0 or self.excess / (self.slope * self.tau) <= 1:
            return 0.0
        return self.tau * math.log(self.excess / (self.slope * self.tau))

    def crosses(self, level: float, upward: bool, end: float) -> float:
        """Return when it first passes a level in one direction, infinite for not until the end.

        At once, if it begins beyond the level or leaves it in that direction.
        """
        way = 1.0 if upward else -1.0
        start = way * (self.at(0.0) - level)
        close = _CLOSE * abs(level)
        if start > close or (start > -close and way * self.rising(0.0) > 0):
            return 0.0
        bend = self.bend()
        points = (0.0, bend, end) if 0.0 < bend < end else (0.0, end)
        for low, high in itertools.pairwise(points):
            if way * (self.at(high) - level) > 0:
                return self._meeting(level, low, high, way)
        return math.inf

    def _meeting(self, level: float, low: float, high: float, way: float) -> float:
        """Return when it is at a level between two times that have it between them."""
        if self.slope == 0:
            return min(max(-self.tau * math.log((level - self.level) / self.excess), low), high)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if way * (self.at(middle) - level) > 0:
                high = middle
            else:
                low = middle
        return high


def _curve(circuit: Circuit, node: Node, source: float, slope: float) -> Curve:
    resistance = circuit.on if node.phase >= ON else circuit.off
    share = resistance / (resistance + circuit.series)
    tau = circuit.capacitance * share * circuit.series
    level = share * (source - slope * tau)
    return Curve(level, share * slope, node.v - level, tau)


#: gives the threshold, the delay and the recovery time of a try by its number
Draw = Callable[[int], tuple[float, float, float]]


def _never(_: int) -> tuple[float, float, float]:
    """Give the threshold of a switch that is stuck."""
    return math.inf, 0.0, 0.0


def pass_line(
    node: Node, circuit: Circuit, first: float, last: float, duration: float, draw: Draw,
    same: bool, life: float = math.inf, stuck: Circuit | None = None,
) -> float:  # fmt: skip
    """Take one device through a straight line of the source, in place.

    Parameters
    ----------
    node, circuit
        The device.
    first, last
        Source voltage at the ends, V.
    duration
        s.
    draw
        Gives what varies from try to try.
    same
        Nothing varies: at a constant source a spike that repeats another is counted, not played.
        Otherwise, of more than some thousand spikes of a line those in the middle are counted,
        with the mean period and charge of the ones before.
    life, stuck
        Spikes after which it is stuck, and the circuit that it is then.

    Returns
    -------
    float
        Charge that came from the source, C.
    """
    slope = (last - first) / duration
    now, charge = 0.0, 0.0
    marks: list[tuple[float, float, float, int]] = []  # time, charge, voltage, tries
    while now < duration:
        if stuck is not None and node.spikes >= life:
            circuit, stuck, draw = stuck, None, _never
        curve = _curve(circuit, node, first + slope * now, slope)
        step, after = _next(node, circuit, curve, duration - now, draw)
        middle = first + slope * (now + step / 2)
        charge += (middle * step - curve.integral(step)) / circuit.series
        node.v = curve.at(step)
        node.timer = max(0.0, node.timer - step)
        now += step
        if after < 0:
            break
        _enter(node, after, draw, curve.rising(step))
        if after == OFF and slope == 0:
            marks.append((now, charge, node.v, node.tries))
            if (skipped := _repeats(marks, duration, same)) is not None:
                turns, period, each = skipped
                if life - node.spikes < turns:
                    turns = max(math.floor(life - node.spikes), 0)
                now, charge = now + turns * period, charge + turns * each
                node.tries += turns
                node.spikes += turns
                marks = []
    return charge


def _next(node: Node, circuit: Circuit, curve: Curve, left: float, draw: Draw) -> tuple[float, int]:
    """Return how long nothing happens, and the phase that begins then; -1 for none."""
    if node.phase == OFF:
        threshold = draw(node.tries)[0]
        ups = curve.crosses(threshold, True, left), curve.crosses(-threshold, False, left)
        return (min(ups), DELAYED) if min(ups) <= left else (left, -1)
    if node.phase == DELAYED:
        level = node.side * draw(node.tries - 1)[0]
        other, back = curve.crosses(level, node.side < 0, left), OFF
        on = ON
    elif node.phase == ON:
        level = node.side * circuit.hold
        other, back = curve.crosses(level, node.side < 0, left), RECOVERING
        return (other, back) if other <= left else (left, -1)
    else:
        other, back = curve.crosses(node.side * circuit.hold, node.side > 0, left), ON
        on = OFF
    if node.timer <= min(other, left):
        return node.timer, on
    return (other, back) if other <= left else (left, -1)


def _enter(node: Node, phase: int, draw: Draw, rising: float) -> None:
    """Begin a phase."""
    if phase == DELAYED:
        node.side = 1.0 if node.v > 0 else -1.0
        node.timer = draw(node.tries)[1]
        node.tries += 1
    elif phase == RECOVERING:
        node.timer = draw(node.tries - 1)[2]
    elif phase == ON and node.phase == DELAYED:
        node.spikes += 1
    node.phase = phase


def _repeats(
    marks: list[tuple[float, float, float, int]], duration: float, same: bool
) -> tuple[int, float, float] | None:
    """Return turns, period and charge of spikes that need not be played."""
    if len(marks) < 3:
        return None
    if same:
        (t0, q0, v0, n0), (t1, q1, v1, n1) = marks[-2:]
        if n1 - n0 != 1 or abs(v1 - v0) > 1e-12 * max(abs(v1), abs(v0)):
            return None
        turns = math.floor((duration - t1) / (t1 - t0)) - 1
        return (turns, t1 - t0, q1 - q0) if turns > 0 else None
    if len(marks) < _MOST:
        return None
    (t0, q0, _, n0), (t1, q1, _, n1) = marks[0], marks[-1]
    spikes = n1 - n0
    turns = math.floor((duration - t1) / (t1 - t0) * spikes) - _KEPT
    return (turns, (t1 - t0) / spikes, (q1 - q0) / spikes) if turns > 0 else None
