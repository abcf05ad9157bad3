"""Current and charge of one tunnel junction; its way through straight lines of the voltage.

* A line is cut into pieces of at most 20 us or 20 mV (whichever makes fewer; 10 mV below the
  voltage of creep). v1 and v2 go with the mean of W over a piece, which is exact but for the
  relaxation on the way (fast lines) and the curvature over a piece (slow ones). The state is off by
  less than 1e-6 after an edge of 10 us, 1e-5 after a line of 2 V in 1 ms, and 5e-5 after a sweep of
  0.5 s (tested).
* The charge, an integral of the current, is by three Gauss points on panels of at first 1.7 fastest
  time constants, stretching by half, in which the lasting part moves ln G by at most 0.25. Its
  relative error is at most 5e-4 at a constant level, 1e-2 along a line (tested).
"""

from __future__ import annotations

import itertools
import math

from sim_backend.devices.ftj_kinetics import (
    Course,
    Rates,
    Variables,
    begun,
    drifted,
    held,
    led,
    placed,
    relaxed,
)
from sim_backend.devices.model import Levels, ends

__all__ = ["Line", "excited", "flow", "lines_of", "log_conductance", "rested", "shape"]

#: a straight line of the voltage: first, last, duration
Line = tuple[float, float, float]

PANEL = 1.7  # fastest time constants in the first panel of a charge
STRETCH = 1.5  # of the following panels
MOST_GROWTH = 0.25  # of ln G by the lasting part, in one panel of a charge
#: the pieces of a line: s, V, and V below creep
RAMP_TIME, RAMP_VOLTAGE, RAMP_CREEP = 20e-6, 0.02, 0.01
NODES = ((0.5 - math.sqrt(0.15), 5 / 18), (0.5, 8 / 18), (0.5 + math.sqrt(0.15), 5 / 18))


def log_conductance(state: Variables, r: Rates) -> float:
    """Return ln G, G in S."""
    return r.log_gmin + r.span * state[0] + state[1] + state[2] + state[3]


def shape(level: float, r: Rates) -> tuple[float, float]:
    """Return ln |I / G| of thermionic emission, and how much more tunnelling carries, as a ln.

    Both laws begin as ohmic. Above the threshold thermionic emission is exp(2 sqrt(V / V0)), which
    leaves the ohmic line at V0 without a bend; tunnelling is V^2 exp(-fowler / V).
    """
    v = abs(level)
    if v <= r.threshold:
        return math.log(v), math.log1p(r.curve * v * v)
    over = v / r.threshold
    emission = 2.0 * (math.sqrt(over) - 1.0) - math.log(over)
    tunnelling = (
        math.log1p(r.curve * r.threshold * r.threshold)
        + math.log(over)
        + r.fowler * (1.0 / r.threshold - 1.0 / v)
    )
    return math.log(v) + emission, tunnelling - emission


def flow(log_g: float, law: tuple[float, float], r: Rates) -> float:
    """Return |I| of a conductance, A, for what `shape` gives at a level."""
    share = 1.0 / (1.0 + math.exp(r.steep * (r.log_cross - log_g)))
    return math.exp(log_g + law[0] + share * law[1])


def rested(
    state: Variables, first: float, last: float, duration: float, r: Rates
) -> tuple[Variables, float]:
    """Relax below the threshold; returns the state and the charge, C."""
    after = relaxed(state, duration, r)
    if first == 0.0 and last == 0.0:
        return after, 0.0
    p, v1, v2, z, _, _ = state
    k2 = r.r2p if v2 > 0.0 else r.r2n
    course = Course(
        r.r1, 0.0, v1, k2, 0.0, v2, math.inf, k2, 0.0, 0.0, z, 0.0, 0.0, 1.0, 1.0, p,
    )  # fmt: skip
    return after, passed(course, first, last, duration, r)


def excited(
    state: Variables,
    first: float,
    last: float,
    duration: float,
    factor: float,
    loose: float,
    r: Rates,
) -> tuple[Variables, float]:
    """Move under a voltage of one sign above the threshold; returns the state and the charge, C.

    Parameters
    ----------
    state
        At the start.
    first, last
        Ends of the straight line, V.
    duration
        s.
    factor
        Cycle-to-cycle variation of all rates.
    loose
        Share of the domains that are not pinned.
    r
        Numbers of the junction.
    """
    side = 1.0 if first + last > 0.0 else -1.0
    if state[5] * side < 0.0:  # a voltage of the other sign sweeps the screening charge out
        state = (state[0], state[1], state[2], state[3], state[4], 0.0)
    if first == last:
        return piece(state, first, last, duration, factor, loose, r)
    change = last - first
    step = RAMP_VOLTAGE if side * (first + last) > 2.0 * r.creep else RAMP_CREEP
    pieces = min(duration / RAMP_TIME, abs(change) / step)
    count = max(1, math.ceil(pieces * (1.0 - 1e-9)))  # the same whatever the rounding of a time
    charge, before = 0.0, first
    for k in range(1, count + 1):
        after = last if k == count else first + change * (k / count)
        state, part = piece(state, before, after, duration / count, factor, loose, r)
        charge, before = charge + part, after
    return state, charge


def piece(
    state: Variables,
    first: float,
    last: float,
    duration: float,
    factor: float,
    loose: float,
    r: Rates,
) -> tuple[Variables, float]:
    """Move over a short line or any constant level; as `excited`."""
    side = 1.0 if first + last > 0.0 else -1.0
    if first == last:
        dose = held(side * state[5], abs(first), duration, r)
    else:
        dose = led(side * state[5], abs(first), abs(last), duration, r)
    course = begun(state, side, dose, factor, loose, duration, r)
    p, v1, v2, z = placed(course, duration)
    after = (p, v1, v2, z, state[4], side * dose.screen)
    return after, passed(course, first, last, duration, r)


def passed(course: Course, first: float, last: float, duration: float, r: Rates) -> float:
    """Return the charge of a course, C, in panels that its exponentials allow."""
    length = PANEL / course.k1
    if first == last == 0.0:
        return 0.0
    moves = r.span * abs(course.growth) > MOST_GROWTH or (course.mz == 0.0 and duration > r.still)
    if duration <= 1.25 * length and not moves:
        return quadrature(course, 0.0, duration, first, last, r)
    charge, done, level = 0.0, 0.0, first
    before = after = course.p
    while done < duration:
        step = length if done + 1.25 * length < duration else duration - done
        if moves:
            after = at(course, done + step, r)[0]
            if r.span * abs(after - before) > MOST_GROWTH and step > 1e-9 * duration:
                length = step / 2.0
                continue
        end = done + step
        there = last if end >= duration else first + (last - first) * (end / duration)
        charge += quadrature(course, done, step, level, there, r)
        done, level, before = end, there, after
        # by the next panel the fast exponentials are less by as much as it may be longer
        length *= STRETCH
    return charge


def quadrature(
    course: Course, start: float, step: float, first: float, last: float, r: Rates
) -> float:
    """Return the integral of the current over one panel, C."""
    total = 0.0
    law = shape(first, r) if first == last else (0.0, 0.0)
    for node, weight in NODES:
        time = start + node * step
        p, v1, v2, z = drifted(course, time, r) if course.mz == 0.0 else placed(course, time)
        level = first + (last - first) * node
        if first != last:
            if level == 0.0:
                continue
            law = shape(level, r)
        i = flow(r.log_gmin + r.span * p + v1 + v2 + z, law, r)
        total += weight * math.copysign(i, level)
    return total * step


def at(course: Course, time: float, r: Rates) -> tuple[float, float, float, float]:
    """Return p, v1, v2 and z at a time from the start of a course, driven or at rest."""
    if course.mz == 0.0:
        return drifted(course, time, r)
    return placed(course, time)


# -- lines of the voltage --------------------------------------------------------------------------


def lines_of(levels: Levels, duration: float, edges: tuple[float, ...]) -> list[Line]:
    """Return the lines of the voltage across the device, none for no duration.

    They are cut at each of the edges, on both sides of zero, V.
    """
    if duration <= 0:
        return []
    high, low = levels.get("top", 0.0), levels.get("bottom", 0.0)
    if isinstance(high, float) and isinstance(low, float):  # by far the most common
        return [(high - low, high - low, duration)]
    top, bottom = ends(high), ends(low)
    return pieces_of(top[0] - bottom[0], top[1] - bottom[1], duration, edges)


def pieces_of(first: float, last: float, duration: float, edges: tuple[float, ...]) -> list[Line]:
    """Cut a straight line where it passes an edge: (first, last, duration) of each part."""
    if first == last:
        return [(first, last, duration)]
    both = {side * edge for edge in edges for side in (1.0, -1.0)}
    cuts = sorted(((edge - first) / (last - first), edge) for edge in both)
    points = [(0.0, first), *(cut for cut in cuts if 0 < cut[0] < 1), (1.0, last)]
    return [(a, b, (end - start) * duration) for (start, a), (end, b) in itertools.pairwise(points)]
