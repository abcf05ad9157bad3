"""Threshold switches with their capacitors, compiled; see `threshold_switch_circuit`.

The same calculation as that of `sim_backend.devices.threshold_switch_circuit.pass_line`, device by
device, with the random numbers of `sim_backend.devices.threshold_switch`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim_backend.devices.kernels.parts import flicker
from sim_backend.devices.kernels.random import absorb, mix, normal

__all__ = ["pass_lines"]

Array = NDArray[np.float64]
Words = NDArray[np.uint64]
#: level, slope, excess and time constant of v(t) = level + slope t + excess exp(-t / tau)
Curve = tuple[float, float, float, float]

_OFF, _DELAYED, _ON, _RECOVERING = 0.0, 1.0, 2.0, 3.0
_V, _PHASE, _TIMER, _SIDE, _TRIES, _SPIKES = 0, 1, 2, 3, 4, 5  # rows of a node
#: of a circuit
_SERIES, _CAPACITANCE, _ROFF, _RON, _THRESHOLD, _HOLD, _LIFE, _STUCK = 0, 1, 2, 3, 4, 5, 6, 7
_GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)
_HALVINGS = 80
_CLOSE = 1e-12
_MOST, _KEPT = 4000, 500
_KEYS = (np.uint64(0x51), np.uint64(0x52), np.uint64(0x53))


@njit(cache=True)
def _at(curve: Curve, t: float) -> float:
    return curve[0] + curve[1] * t + curve[2] * math.exp(-t / curve[3])


@njit(cache=True)
def _rising(curve: Curve, t: float) -> float:
    return curve[1] - curve[2] / curve[3] * math.exp(-t / curve[3])


@njit(cache=True)
def _meeting(curve: Curve, level: float, low: float, high: float, way: float) -> float:
    """Return when a curve is at a level between two times."""
    if curve[1] == 0.0:
        return min(max(-curve[3] * math.log((level - curve[0]) / curve[2]), low), high)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if way * (_at(curve, middle) - level) > 0.0:
            high = middle
        else:
            low = middle
    return high


@njit(cache=True)
def _crosses(curve: Curve, level: float, way: float, end: float) -> float:
    """Return when a curve first passes a level in one direction, infinite for not until the end."""
    start, close = way * (_at(curve, 0.0) - level), _CLOSE * abs(level)
    if start > close or (start > -close and way * _rising(curve, 0.0) > 0.0):
        return 0.0
    bend = 0.0
    if curve[1] != 0.0 and curve[2] / (curve[1] * curve[3]) > 1.0:
        bend = curve[3] * math.log(curve[2] / (curve[1] * curve[3]))
    low = 0.0
    if 0.0 < bend < end:
        if way * (_at(curve, bend) - level) > 0.0:
            return _meeting(curve, level, 0.0, bend, way)
        low = bend
    if way * (_at(curve, end) - level) > 0.0:
        return _meeting(curve, level, low, end, way)
    return math.inf


@njit(cache=True)
def _number(start: np.uint64, device: int, label: np.uint64, attempt: float, table: Array) -> float:
    """Return the normal number of (device, label, try)."""
    if table.shape[0] == 0:
        return normal(absorb(absorb(absorb(start, np.uint64(device)), label), np.uint64(attempt)))
    word = mix(absorb(absorb(start, label), np.uint64(attempt)) + _GOLDEN)
    number: float = table[np.int64((word + np.uint64(device)) & np.uint64(table.shape[0] - 1))]
    return number


@njit(cache=True)
def _level(
    attempt: float, nominal: float, chance: Array, start: np.uint64, device: int, words: Words,
    periods: Array, table: Array,
) -> float:  # fmt: skip
    """Return the threshold of a try."""
    level = nominal
    if chance[3] > 0.0:
        level *= 1.0 + chance[3] * flicker(words, periods, attempt)
    if chance[0] > 0.0:
        level *= 1.0 + chance[0] * _number(start, device, _KEYS[0], attempt, table)
    return max(level, 0.05 * nominal)


@njit(cache=True)
def _spread(
    attempt: float, median: float, sigma: float, start: np.uint64, device: int, label: np.uint64,
    table: Array,
) -> float:  # fmt: skip
    if sigma == 0.0:
        return median
    return median * math.exp(sigma * _number(start, device, label, attempt, table))


@njit(cache=True)
def _next(
    node: Array, circuit: Array, curve: Curve, left: float, level: float
) -> tuple[float, float]:
    """Return how long nothing happens, and the phase that begins then; -1 for none."""
    phase, side = node[_PHASE], node[_SIDE]
    if phase == _OFF:
        first = min(_crosses(curve, level, 1.0, left), _crosses(curve, -level, -1.0, left))
        return (first, _DELAYED) if first <= left else (left, -1.0)
    outward = 1.0 if side > 0.0 else -1.0
    if phase == _ON:
        other = _crosses(curve, side * circuit[_HOLD], -outward, left)
        return (other, _RECOVERING) if other <= left else (left, -1.0)
    if phase == _DELAYED:
        other, back, on = _crosses(curve, side * level, -outward, left), _OFF, _ON
    else:
        other, back, on = _crosses(curve, side * circuit[_HOLD], outward, left), _ON, _OFF
    if node[_TIMER] <= min(other, left):
        return node[_TIMER], on
    return (other, back) if other <= left else (left, -1.0)


@njit(cache=True, error_model="numpy")
def _curve(node: Array, circuit: Array, source: float, slope: float) -> Curve:
    resistance = circuit[_RON] if node[_PHASE] >= _ON else circuit[_ROFF]
    share = resistance / (resistance + circuit[_SERIES])
    tau = circuit[_CAPACITANCE] * share * circuit[_SERIES]
    level = share * (source - slope * tau)
    return level, share * slope, node[_V] - level, tau


@njit(cache=True)
def _skipped(marks: Array, seen: int, duration: float, same: bool) -> float:
    """Return how many spikes need not be played."""
    turns: float = 0.0
    if seen < 3:
        return 0.0
    if same:
        t0, v0, n0 = marks[2, 0], marks[2, 2], marks[2, 3]
        t1, v1, n1 = marks[1, 0], marks[1, 2], marks[1, 3]
        if n1 - n0 != 1.0 or abs(v1 - v0) > 1e-12 * max(abs(v1), abs(v0)):
            return 0.0
        turns = math.floor((duration - t1) / (t1 - t0)) - 1.0
        return max(turns, 0.0)
    if seen < _MOST:
        return 0.0
    span, spikes = marks[1, 0] - marks[0, 0], marks[1, 3] - marks[0, 3]
    turns = math.floor((duration - marks[1, 0]) / span * spikes) - _KEPT
    return max(turns, 0.0)


@njit(cache=True)
def _mark(marks: Array, seen: int, now: float, charge: float, node: Array) -> int:
    """Note the end of a spike; returns how many have been noted."""
    marks[2] = marks[1]
    marks[1, 0], marks[1, 1], marks[1, 2], marks[1, 3] = now, charge, node[_V], node[_TRIES]
    if seen == 0:
        marks[0] = marks[1]
    return seen + 1


@njit(cache=True)
def _worn(circuit: Array) -> Array:
    """Return the circuit of a switch whose life is over: stuck, and never any other."""
    worn = circuit.copy()
    worn[_ROFF] = worn[_RON] = circuit[_STUCK]
    worn[_LIFE] = math.inf
    return worn


@njit(cache=True)
def _one(
    node: Array, circuit: Array, first: float, last: float, duration: float, chance: Array,
    times: Array, start: np.uint64, device: int, words: Words, periods: Array, table: Array,
    same: bool,
) -> float:  # fmt: skip
    """Take one device through a straight line; returns the charge from the source, C."""
    slope, now, charge, seen = (last - first) / duration, 0.0, 0.0, 0
    marks = np.zeros((3, 4))  # first, last and last but one: time, charge, voltage, tries
    attempt, level, nominal = -1.0, 0.0, circuit[_THRESHOLD]
    while now < duration:
        if node[_SPIKES] >= circuit[_LIFE]:
            circuit, nominal, attempt = _worn(circuit), math.inf, -1.0
        curve = _curve(node, circuit, first + slope * now, slope)
        wanted = node[_TRIES] - (1.0 if node[_PHASE] == _DELAYED else 0.0)
        if wanted != attempt and node[_PHASE] <= _DELAYED:
            attempt = wanted
            level = _level(attempt, nominal, chance, start, device, words, periods, table)
        step, after = _next(node, circuit, curve, duration - now, level)
        gone = -math.expm1(-step / curve[3])
        area = curve[0] * step + curve[1] * step * step / 2.0 + curve[2] * curve[3] * gone
        charge += ((first + slope * (now + step / 2.0)) * step - area) / circuit[_SERIES]
        node[_V] = _at(curve, step)
        node[_TIMER] = max(0.0, node[_TIMER] - step)
        now += step
        if after < 0.0:
            break
        _enter(node, after, chance, times, start, device, table)
        if after == _OFF and slope == 0.0:
            seen = _mark(marks, seen, now, charge, node)
            turns, old = _skipped(marks, seen, duration, same), marks[2 if same else 0]
            turns = min(turns, max(np.floor(circuit[_LIFE] - node[_SPIKES]), 0.0))
            if turns > 0.0:
                each, seen = turns / (marks[1, 3] - old[3]), 0
                now, charge = now + each * (now - old[0]), charge + each * (charge - old[1])
                node[_TRIES] += turns
                node[_SPIKES] += turns
    return charge


@njit(cache=True)
def _enter(
    node: Array, phase: float, chance: Array, times: Array, start: np.uint64, device: int,
    table: Array,
) -> None:  # fmt: skip
    """Begin a phase."""
    if phase == _DELAYED:
        node[_SIDE] = 1.0 if node[_V] > 0.0 else -1.0
        node[_TIMER] = _spread(node[_TRIES], times[0], chance[1], start, device, _KEYS[1], table)
        node[_TRIES] += 1.0
    elif phase == _RECOVERING:
        tries = node[_TRIES] - 1.0
        node[_TIMER] = _spread(tries, times[1], chance[2], start, device, _KEYS[2], table)
    elif phase == _ON and node[_PHASE] == _DELAYED:
        node[_SPIKES] += 1.0
    node[_PHASE] = phase


@njit(cache=True)
def pass_lines(
    nodes: Array,
    circuits: Array,
    line: Array,
    chance: Array,
    times: Array,
    start: np.uint64,
    first: int,
    words: Words,
    periods: Array,
    table: Array,
    same: bool,
) -> Array:
    """Take all devices through a straight line of the source.

    Parameters
    ----------
    nodes
        v, phase, timer, side, tries and spikes, shape (devices, 6); changed in place.
    circuits
        Series resistance, capacitance, off, on, threshold and hold voltage, spikes of its life and
        the resistance at which it is stuck then, shape (devices, 8).
    line
        Source voltage at the ends, V, and duration, s.
    chance
        Sigma of threshold, delay and recovery, and amplitude of the 1/f noise of the threshold.
    times
        Median of delay and recovery time, s.
    start, first, table
        First word of the stream, number of the first device, table of normal numbers or empty.
    words, periods
        Of the octaves of the 1/f noise, shapes (devices, octaves) and (octaves,).
    same
        Nothing varies.

    Returns
    -------
    ndarray
        Charge from the source, C, shape (devices,).
    """
    charges = np.empty(nodes.shape[0])
    for d in range(nodes.shape[0]):
        charges[d] = _one(
            nodes[d], circuits[d], line[0], line[1], line[2], chance, times, start, first + d,
            words[d], periods, table, same,
        )  # fmt: skip
    return charges
