"""How the state of one tunnel junction moves: the equations of `sim_backend.devices.ftj`.

Plain functions of numbers and tuples. `sim_backend.devices.kernels.junction` compiles these very
functions for arrays, so there is one text of the physics.

Below the threshold v1, v2 and z are single exponentials, c is a sum of four, s one more, and the
decay of p is a hyperbolic tangent: all in closed form, whatever the duration. At a constant level
above it the dose, the integral of what s leaves of X, is an exponential, and p and z are
exponentials of the dose, because c stands still. What is left:

* v2 decays with another time where it changes sign: the moment is known.
* Where two rates agree to 1e-5 one is shifted by that much (c shifts by less than 1e-5 of v).
* Along a straight line of the voltage the dose is exact; v1 and v2 go with the mean of X, so a line
  is taken in pieces (see `sim_backend.devices.ftj_current`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = [
    "FRESH", "PARAMETERS", "STILL", "VARIABLES", "Course", "Dose", "Rates", "Variables", "begun",
    "drifted", "held", "kept", "led", "placed", "relaxed", "written",
]  # fmt: skip

#: state variables, in order
VARIABLES = ("p", "v1", "v2", "z", "c", "s")
#: parameters that a device has of its own, in order
PARAMETERS = (
    "u", "uz", "m1p", "m2p", "m1n", "m2n", "mzn", "t1", "t2p", "t2n", "tz", "tc", "ts", "vd", "vp",
    "e0", "ka", "al", "lam", "gmin", "gmax",
)  # fmt: skip

#: p, v1, v2, z, c, s
Variables = tuple[float, float, float, float, float, float]
FRESH: Variables = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

RESONANT = 1e-6  # of 1 + g ts, below which a line falls just as fast as s
STILL = 1e-7  # largest share of p that decays in a time in which it hardly does
EVEN = 1e-6  # by how much the dose of a short piece of a line becomes less: it does not
LARGEST = 100.0  # exponent of X and Y: some 20 V, where no junction lives


class Rates(NamedTuple):
    """The numbers of one junction at one temperature; rates in 1/s."""

    u: float  #: writing of v1 and v2 at the reference amplitude
    uz: float  #: writing of z at the reference amplitude
    m1p: float
    m2p: float
    m1n: float
    m2n: float
    mzn: float
    r1: float  #: relaxation of v1
    r2p: float  #: of v2 while positive
    r2n: float  #: of v2 while negative
    rz: float  #: of z
    rc: float  #: of c
    ts: float  #: s
    vd: float
    vp: float
    e0: float  #: lasting growth without a trace, at the reference amplitude
    ka: float
    al: float
    lam: float
    log_gmin: float
    span: float  #: ln(gmax / gmin)
    unit: float  #: reference amplitude, V
    rp: float  #: decay of a small lasting polarisation
    bp: float  #: how much faster a full one decays, as an exponent
    still: float  #: time in which the lasting part hardly decays, s
    threshold: float  #: V
    curve: float  #: of direct tunnelling, 1/V2
    fowler: float  #: slope of Fowler-Nordheim tunnelling, V
    log_cross: float  #: ln of the conductance at which both mechanisms carry alike
    steep: float  #: how sharply they take turns
    creep: float  #: voltage below which all is written more slowly, V
    vc: float  #: how fast it does, V


class Dose(NamedTuple):
    """What a piece of a voltage above the threshold does."""

    write: float  #: mean of W
    move: float  #: integral of what s leaves of W, s
    grow: float  #: the same of Y W / X, s
    screen: float  #: s at the end
    ebb: float  #: rate at which the dose becomes less on the way, 1/s


class Course(NamedTuple):
    """State variables from a moment on, while the drive stays what it is."""

    k1: float
    end1: float
    off1: float
    k2: float
    end2: float
    off2: float
    crossing: float  #: when v2 changes its sign, s
    k2_after: float  #: from then on
    end2_after: float
    mz: float  #: where z goes
    off3: float
    write3: float  #: exponent of z over the whole piece
    growth: float  #: exponent of p over the whole piece; below zero it is a loss
    kd: float  #: rate at which the dose ebbs
    dose: float  #: 1 - exp(-kd duration)
    p: float


# -- below the threshold --------------------------------------------------------------------------


def kept(p: float, duration: float, r: Rates) -> float:
    """Return what is left of the lasting part: dp/dt = -(rp / 2 bp) sinh(bp (2 p - 1)).

    tanh(y / 2) with y = bp |2 p - 1| falls exponentially; written so that nothing cancels. In a
    short time it is a straight line, to rounding.
    """
    if duration < r.still:
        return p - 0.5 * r.rp * duration / r.bp * math.sinh(r.bp * (2.0 * p - 1.0))
    y = r.bp * abs(2.0 * p - 1.0)
    turns = r.rp * duration
    if turns == 0.0 or y == 0.0:
        return p
    left, small = math.exp(-turns), math.exp(-y)
    below = -math.expm1(-turns) + small * (1.0 + left)
    after = min(y, math.log1p(-2.0 * left * math.expm1(-y) / below))
    return 0.5 + math.copysign(0.5 * after / r.bp, p - 0.5)


def relaxed(state: Variables, duration: float, r: Rates) -> Variables:
    """Return the state after a time below the threshold."""
    p, v1, v2, z, c, s = state
    k2 = r.r2p if v2 > 0.0 else r.r2n
    e1, e2 = math.exp(-r.r1 * duration), math.exp(-k2 * duration)
    ez, ec = math.exp(-r.rz * duration), math.exp(-r.rc * duration)
    w1, w2 = v1 * r.rc / (r.rc - r.r1), v2 * r.rc / (r.rc - k2)
    wz = -r.lam * z * r.rc / (r.rc - r.rz)
    trace = c * ec + w1 * (e1 - ec) + w2 * (e2 - ec) + wz * (ez - ec)
    screen = s * math.exp(-duration / r.ts) if s != 0.0 else 0.0
    return kept(p, duration, r), v1 * e1, v2 * e2, z * ez, trace, screen


# -- above the threshold --------------------------------------------------------------------------


def written(level: float, r: Rates) -> float:
    """Return W, how much faster a level writes than the reference amplitude."""
    flown = math.exp(min(LARGEST, (max(level, r.creep) - r.unit) / r.vd))
    return flown * math.exp((level - r.creep) / r.vc) if level < r.creep else flown


def held(screen: float, level: float, duration: float, r: Rates) -> Dose:
    """Return the dose of a constant level: X - s falls exponentially."""
    x = math.exp(min(LARGEST, (level - r.unit) / r.vd))
    grow = math.exp(min(LARGEST, (level - r.unit) / r.vp))
    ebb = -math.expm1(-duration / r.ts)
    time, w = max(0.0, 1.0 - screen / x) * r.ts * ebb, written(level, r)
    return Dose(w, w * time, w / x * grow * time, screen + (x - screen) * ebb, 1.0 / r.ts)


def led(screen: float, first: float, last: float, duration: float, r: Rates) -> Dose:
    """Return the dose of a straight line: X - s is a sum of two exponentials.

    With X = X0 exp(g t) and s following it in ts, (X - s) / X = B + C exp(-(g + 1/ts) t), where
    B = g ts / (1 + g ts) and B + C = 1 - s0 / X0. Only what is above zero counts. The line is on
    one side of the voltage of creep, so that W is one exponential.
    """
    g = (last - first) / (r.vd * duration)
    behind = 1.0 + g * r.ts
    if abs(behind) < RESONANT:
        behind = RESONANT
    pace = (last - first) / ((r.vd if first + last > 2.0 * r.creep else r.vc) * duration)
    x0, w0 = math.exp(min(LARGEST, (first - r.unit) / r.vd)), written(first, r)
    y0 = w0 / x0 * math.exp(min(LARGEST, (first - r.unit) / r.vp))
    slope = (last - first) / (r.vp * duration) + pace - g
    b = (behind - 1.0) / behind
    c = 1.0 - screen / x0 - b
    k = behind / r.ts
    start, stop = fresh_part(b, c, k, duration)
    move = w0 * (b * summed(pace, start, stop) + c * summed(pace - k, start, stop))
    grow = y0 * (b * summed(slope, start, stop) + c * summed(slope - k, start, stop))
    after = x0 * math.exp(g * duration) * (1.0 - b - c * math.exp(-k * duration))
    write = w0 * summed(pace, 0.0, duration) / duration
    return Dose(write, max(0.0, move), max(0.0, grow), after, EVEN / duration)


def fresh_part(b: float, c: float, k: float, duration: float) -> tuple[float, float]:
    """Return from when to when b + c exp(-k t) is positive, within a duration."""
    begins, ends = b + c > 0.0, b + c * math.exp(-k * duration) > 0.0
    if begins and ends:
        return 0.0, duration
    if not begins and not ends:
        return 0.0, 0.0
    turn = min(duration, max(0.0, -math.log(-b / c) / k))
    return (0.0, turn) if begins else (turn, duration)


def summed(k: float, start: float, stop: float) -> float:
    """Return the integral of exp(k t) from start to stop."""
    length = stop - start
    if abs(k * length) < 1e-12:
        return length * math.exp(k * start)
    return math.exp(k * start) * math.expm1(k * length) / k


def begun(
    state: Variables,
    side: float,
    dose: Dose,
    factor: float,
    loose: float,
    duration: float,
    r: Rates,
) -> Course:
    """Return the course of a piece above the threshold."""
    p, v1, v2, z, c, _ = state
    up = side > 0.0
    m1, m2, mz = (r.m1p, r.m2p, 1.0) if up else (-r.m1n, -r.m2n, -r.mzn)
    a = r.u * factor * dose.write
    before = r.r2p if v2 > 0.0 or (v2 == 0.0 and up) else r.r2n
    later = r.r2p if up else r.r2n
    k1, k2, k2_after = a + r.r1, a + before, a + later
    end1, end2 = a * m1 / k1, a * m2 / k2
    crossing = math.log1p(-v2 / end2) / k2 if v2 * end2 < 0.0 else math.inf
    trace = r.al * c * c
    gain = max(0.0, r.e0 + r.ka * c + trace)
    growth = dose.grow * gain if up else -dose.move * trace
    return Course(
        k1, end1, v1 - end1, k2, end2, v2 - end2, crossing, k2_after, a * m2 / k2_after,
        mz, z - mz, r.uz * factor * dose.move, growth * factor * loose,
        dose.ebb, -math.expm1(-duration * dose.ebb), p,
    )  # fmt: skip


# -- a course -------------------------------------------------------------------------------------


def placed(course: Course, time: float) -> tuple[float, float, float, float]:
    """Return p, v1, v2 and z at a time from the start of a driven course."""
    (
        k1, end1, off1, k2, end2, off2, crossing, k2_after, end2_after, mz, off3, write3, growth,
        kd, dose, p,
    ) = course  # fmt: skip
    share = -math.expm1(-kd * time) / dose
    if time < crossing:
        v2 = end2 + off2 * math.exp(-k2 * time)
    else:
        v2 = -end2_after * math.expm1(-k2_after * (time - crossing))
    if growth > 0.0:
        p = 1.0 - (1.0 - p) * math.exp(-growth * share)
    elif growth < 0.0:
        p = p * math.exp(growth * share)
    z = mz + off3 * math.exp(-write3 * share)
    return p, end1 + off1 * math.exp(-k1 * time), v2, z


def drifted(course: Course, time: float, r: Rates) -> tuple[float, float, float, float]:
    """Return p, v1, v2 and z at a time from the start of a course at rest."""
    return (
        course.p if time < r.still else kept(course.p, time, r),
        course.off1 * math.exp(-course.k1 * time),
        course.off2 * math.exp(-course.k2 * time),
        course.off3 * math.exp(-r.rz * time),
    )
