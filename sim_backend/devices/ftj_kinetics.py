"""One ferroelectric tunnel junction in closed form: the equations of `sim_backend.devices.ftj`.

At a constant level v1, v2 and z are single exponentials, c is a sum of four and a constant, and the
rate of p is a quadratic in c, so that its integral is a sum of products of exponentials: all in
closed form, whatever the duration. What is left:

* The rate of lasting potentiation has a floor of zero. Where c can reach the roots of the
  quadratic, the times at which it does are searched for, and the closed form is taken between them.
* v2 decays with another time where it changes sign: the piece is cut at that time, which is known.
* Where two rates agree to 1e-5 one is shifted by that much (c shifts by less than 1e-5 of v).
* A straight line of the voltage is cut into pieces of at most 20 us or 20 mV (whichever makes
  fewer), each with the mean of its rates. That is exact but for the relaxation on the way (fast
  lines) and the curvature of the rates over 20 mV (slow ones). The state is off by less than 2e-5
  after an edge of 10 us, 3e-4 after a line of 2 V in 1 ms, 1e-5 after a sweep of 0.5 s (tested).
* The charge, an integral of G(t) V(t), is by three Gauss points on pieces of at first 1.7 fastest
  time constants, stretching by half, in which the lasting part moves ln G by at most 0.25. Its
  relative error is about 1e-5 and at most 5e-4 at a constant level, 1e-2 on an edge (tested).
"""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = ["PARAMETERS", "VARIABLES", "Junction"]

#: state variables, in order
VARIABLES = ("p", "v1", "v2", "z", "c")
#: parameters that a device has of its own, in order
PARAMETERS = (
    "u", "uz", "m1p", "m2p", "m1n", "m2n", "mzn", "t1", "t2p", "t2n", "tz", "tc", "vd", "vp", "e0",
    "ka", "al", "lam", "gmin", "gmax",
)  # fmt: skip

_KELVIN = 1.380649e-23 / 1.602176634e-19  # eV/K
_RESONANCE = 1e-5
_PANEL = 1.7  # fastest time constants in the first piece of a charge
_STRETCH = 1.5  # of the following pieces
_MOST_GROWTH = 0.25  # of ln G by the lasting part, in one piece of a charge
_TRACE_TIMES = 15  # times tc until the trace no longer moves
_RAMP_TIME, _RAMP_VOLTAGE = 20e-6, 0.02
_GAUSS = tuple(
    (t, w, t * t * (3 - 2 * t), t * (1 - t) ** 2, t * t * (t - 1))
    for t, w in (
        (0.5 - math.sqrt(0.15), 5 / 18),
        (0.5, 8 / 18),
        (0.5 + math.sqrt(0.15), 5 / 18),
    )
)  # node, weight, and the cubic through (value 1 at the end, slope at the start, slope at the end)


class Conditions(NamedTuple):
    """What all junctions of a set share."""

    reference_width: float  #: s
    reference_voltage: float  #: V
    reference_temperature: float  #: K
    energy_fast: float  #: activation energy of t1, eV
    energy_slow: float  #: activation energy of t2 and tz, eV


class Drive(NamedTuple):
    """Rates at a level of the voltage, 1/s; the sign of `side` is that of the voltage."""

    side: int
    write: float  #: X / w0
    grow: float  #: Y / w0


_REST = Drive(0, 0.0, 0.0)


class Junction:
    """The kinetics of one junction at one temperature; it keeps no state.

    Parameters
    ----------
    values
        In the order of `PARAMETERS`.
    conditions
        Shared by all junctions.
    temperature
        K.
    """

    def __init__(self, values: list[float], conditions: Conditions, temperature: float) -> None:
        named = dict(zip(PARAMETERS, values, strict=True))
        inverse = 1 / temperature - 1 / conditions.reference_temperature
        fast = math.exp(conditions.energy_fast / _KELVIN * inverse)
        slow = math.exp(conditions.energy_slow / _KELVIN * inverse)
        self.u, self.uz = named["u"], named["uz"]
        #: where v1, v2, z go under a positive and a negative voltage
        self.targets = {
            1: (named["m1p"], named["m2p"], 1.0),
            0: (0.0, 0.0, 0.0),
            -1: (-named["m1n"], -named["m2n"], -named["mzn"]),
        }
        self.r1, self.rz = 1 / (named["t1"] * fast), 1 / (named["tz"] * slow)
        self.r2p, self.r2n = 1 / (named["t2p"] * slow), 1 / (named["t2n"] * slow)
        self.rc = 1 / named["tc"]
        self.vd, self.vp = named["vd"], named["vp"]
        self.rate = (named["e0"], named["ka"], named["al"])
        self.lam = named["lam"]
        self.gmin, self.span = named["gmin"], math.log(named["gmax"] / named["gmin"])
        self.width, self.unit = conditions.reference_width, conditions.reference_voltage
        self.roots = _roots(*self.rate)

    def conductance(self, s: list[float]) -> float:
        """Return G of a state, S."""
        return self.gmin * math.exp(self.span * s[0] + s[1] + s[2] + s[3])

    def relaxed(self, conductance: float) -> float:
        """Return the p at which a relaxed junction has this conductance."""
        return math.log(conductance / self.gmin) / self.span

    def driven(self, first: float, last: float, factor: float) -> Drive:
        """Return the rates averaged over a straight line of the voltage of one sign.

        Parameters
        ----------
        first, last
            Ends, V.
        factor
            Cycle-to-cycle variation of all rates.
        """
        start, stop = abs(first) - self.unit, abs(last) - self.unit
        scale = factor / self.width
        return Drive(
            1 if first + last > 0 else -1,
            scale * _mean_exponential(start / self.vd, stop / self.vd),
            scale * _mean_exponential(start / self.vp, stop / self.vp),
        )

    def rest(self, s: list[float], first: float, last: float, duration: float) -> float:
        """Relax below the threshold; returns the charge, C."""
        if first == last == 0.0:
            self._move(s, _REST, self._course(s, _REST), duration)
            return 0.0
        return self._pass(s, _REST, first, last, duration)

    def excite(
        self, s: list[float], first: float, last: float, duration: float, factor: float
    ) -> float:
        """Move under a voltage of one sign above the threshold; returns the charge, C."""
        if first == last:
            return self._pass(s, self.driven(first, last, factor), first, last, duration)
        change = last - first
        pieces = max(
            1, min(math.ceil(duration / _RAMP_TIME), math.ceil(abs(change) / _RAMP_VOLTAGE))
        )
        charge, before = 0.0, first
        for k in range(1, pieces + 1):
            after = last if k == pieces else first + change * (k / pieces)
            drive = self.driven(before, after, factor)
            charge += self._pass(s, drive, before, after, duration / pieces)
            before = after
        return charge

    # one drive ----------------------------------------------------------------------------------

    def _pass(
        self, s: list[float], drive: Drive, first: float, last: float, duration: float
    ) -> float:
        """Move and integrate the current, in pieces that its exponentials allow."""
        panel = _PANEL / (self.u * drive.write + self.r1)
        charge, done, a = 0.0, 0.0, first
        while done < duration:
            step = panel if done + 1.25 * panel < duration else duration - done
            end = done + step
            b = last if end >= duration else first + (last - first) * (end / duration)
            before = s[:]
            part = self._panel(s, drive, a, b, step)
            if self.span * abs(s[0] - before[0]) > _MOST_GROWTH:
                s[:], panel = before, step / 2
                continue
            charge, done, a = charge + part, end, b
            # by the next piece the fast exponentials are less by as much as it may be longer
            panel *= _STRETCH
            if drive.side > 0 and done < _TRACE_TIMES / self.rc:
                panel = min(panel, 0.5 / self.rc)
        return charge

    def _panel(
        self, s: list[float], drive: Drive, first: float, last: float, duration: float
    ) -> float:
        """Move over one piece; returns the integral of G V over it, C."""
        course = self._course(s, drive)
        if course.crossing < duration:
            middle = first + (last - first) * (course.crossing / duration)
            charge = self._panel(s, drive, first, middle, course.crossing)
            s[2] = 0.0
            return charge + self._panel(s, drive, middle, last, duration - course.crossing)
        p, slope = s[0], self._lasting_rate(s[4], drive) * duration
        grown = self._move(s, drive, course, duration)
        if first == last == 0.0:
            return 0.0
        slope_end = self._lasting_rate(s[4], drive) * duration
        (k1, k2, kz, _), ends, (d1, d2, dz) = course.rates, course.ends, course.off
        total, exp = 0.0, math.exp
        for t, weight, value, at_start, at_end in _GAUSS:
            time = duration * t
            passed = grown * value + slope * at_start + slope_end * at_end
            lasting = p * exp(-passed) if drive.side <= 0 else 1.0 - (1.0 - p) * exp(-passed)
            barrier = ends + d1 * exp(-k1 * time) + d2 * exp(-k2 * time) + dz * exp(-kz * time)
            level = first + (last - first) * t
            total += weight * level * exp(self.span * lasting + barrier)
        return self.gmin * total * duration

    def _lasting_rate(self, c: float, drive: Drive) -> float:
        """Return the relative rate of p, -d ln(1-p)/dt or -d ln p/dt, 1/s."""
        e0, ka, al = self.rate
        if drive.side > 0:
            return drive.grow * max(0.0, e0 + ka * c + al * c * c)
        return drive.write * al * c * c if drive.side else 0.0

    def _course(self, s: list[float], drive: Drive) -> _Course:
        """Return the exponentials of v1, v2, z and c from here on, at this drive."""
        _, v1, v2, z, c = s
        write, rc = drive.write, self.rc
        m1, m2, mz = self.targets[drive.side]
        a, az = self.u * write, self.uz * write
        slow = self.r2p if v2 > 0 or (v2 == 0 and m2 > 0) else self.r2n
        k1, k2, kz = a + self.r1, a + slow, az + self.rz
        if min(abs(k1 - rc), abs(k2 - rc), abs(kz - rc)) < _RESONANCE * rc:
            k1, k2, kz = self._apart(k1), self._apart(k2), self._apart(kz)
        end1, end2, endz = a * m1 / k1, a * m2 / k2, az * mz / kz
        d1, d2, dz = v1 - end1, v2 - end2, z - endz
        goal = end1 + end2 - self.lam * endz
        w1, w2, w3 = d1 * rc / (rc - k1), d2 * rc / (rc - k2), -self.lam * dz * rc / (rc - kz)
        crossing = math.log1p(-v2 / end2) / k2 if v2 * end2 < 0 else math.inf
        weights = (w1, w2, w3, c - goal - w1 - w2 - w3)
        off = (d1, d2, dz)
        return _Course((k1, k2, kz, rc), end1 + end2 + endz, off, goal, weights, crossing)

    def _apart(self, rate: float) -> float:
        """Return a rate that differs from that of c by at least the resonance distance."""
        if abs(rate - self.rc) < _RESONANCE * self.rc:
            return self.rc * (1 + _RESONANCE)
        return rate

    def _move(self, s: list[float], drive: Drive, course: _Course, duration: float) -> float:
        """Move the state; returns the relative growth (or loss) of p, the integral of its rate."""
        k1, k2, kz, kc = course.rates
        d1, d2, dz = course.off
        lost = (
            -math.expm1(-k1 * duration),
            -math.expm1(-k2 * duration),
            -math.expm1(-kz * duration),
            -math.expm1(-kc * duration),
        )
        v1, v2, z, c = s[1], s[2], s[3], s[4]
        w1, w2, w3, wc = course.weights
        s[1], s[2], s[3] = v1 - d1 * lost[0], v2 - d2 * lost[1], z - dz * lost[2]
        s[4] = c - w1 * lost[0] - w2 * lost[1] - w3 * lost[2] - wc * lost[3]
        if drive.side > 0:
            low, high = self._reach(v1, v2, z, c, s)
            grown = drive.grow * self._growth(course, lost, duration, low, high)
            s[0] = 1.0 - (1.0 - s[0]) * math.exp(-grown)
        elif drive.side < 0:
            grown = drive.write * self.rate[2] * _moments(course, lost, duration)[1]
            s[0] *= math.exp(-grown)
        else:
            grown = 0.0
        return grown

    def _reach(
        self, v1: float, v2: float, z: float, c: float, s: list[float]
    ) -> tuple[float, float]:
        """Return bounds of c on the way to `s`: between where it was and what drives it."""
        _, a, b, d, _ = s
        low1, high1 = (v1, a) if v1 < a else (a, v1)
        low2, high2 = (v2, b) if v2 < b else (b, v2)
        low3, high3 = (z, d) if z < d else (d, z)
        low, high = low1 + low2 - self.lam * high3, high1 + high2 - self.lam * low3
        return min(low, c), max(high, c)

    def _growth(
        self, course: _Course, lost: _Four, duration: float, low: float, high: float
    ) -> float:
        """Return the integral of max(0, e0 + ka c + al c^2), c known to stay in [low, high], s."""
        e0, ka, al = self.rate
        bottom, top = self.roots
        if low >= top or high <= bottom:
            first, second = _moments(course, lost, duration)
            return e0 * duration + ka * first + al * second
        if low >= bottom and high <= top:
            return 0.0
        total, before = 0.0, 0.0
        done = (0.0, 0.0)
        for time in (*_meetings(course, (bottom, top), duration), duration):
            now = _moments(course, _losses(course, time), time)
            if not bottom < _trace(course, (before + time) / 2) < top:
                total += e0 * (time - before) + ka * (now[0] - done[0]) + al * (now[1] - done[1])
            before, done = time, now
        return max(0.0, total)


_Four = tuple[float, float, float, float]


class _Course(NamedTuple):
    """The state from a moment on, while the drive stays what it is."""

    rates: _Four  #: of v1, v2, z and c, 1/s
    ends: float  #: where v1 + v2 + z goes
    off: tuple[float, float, float]  #: v1, v2, z less where each goes
    goal: float  #: where c goes
    weights: _Four  #: of the four exponentials in c
    crossing: float  #: when v2 changes its sign, s


def _losses(course: _Course, time: float) -> _Four:
    """Return 1 - exp(-k t) of the four exponentials."""
    a, b, c, d = (-math.expm1(-k * time) for k in course.rates)
    return a, b, c, d


def _trace(course: _Course, time: float) -> float:
    """Return c at a time after the start of the course."""
    k1, k2, k3, k4 = course.rates
    w1, w2, w3, w4 = course.weights
    exp = math.exp
    return (
        course.goal
        + w1 * exp(-k1 * time)
        + w2 * exp(-k2 * time)
        + w3 * exp(-k3 * time)
        + w4 * exp(-k4 * time)
    )


def _moments(course: _Course, lost: _Four, duration: float) -> tuple[float, float]:
    """Return the integrals of c and of c^2 over the first `duration` s of a course."""
    k1, k2, k3, k4 = course.rates
    w1, w2, w3, w4 = course.weights
    l1, l2, l3, l4 = lost
    goal = course.goal
    linear = w1 * l1 / k1 + w2 * l2 / k2 + w3 * l3 / k3 + w4 * l4 / k4
    square = (
        w1 * w1 * l1 * (2 - l1) / (2 * k1)
        + w2 * w2 * l2 * (2 - l2) / (2 * k2)
        + w3 * w3 * l3 * (2 - l3) / (2 * k3)
        + w4 * w4 * l4 * (2 - l4) / (2 * k4)
    )
    mixed = (
        w1 * w2 * (l1 + l2 - l1 * l2) / (k1 + k2)
        + w1 * w3 * (l1 + l3 - l1 * l3) / (k1 + k3)
        + w1 * w4 * (l1 + l4 - l1 * l4) / (k1 + k4)
        + w2 * w3 * (l2 + l3 - l2 * l3) / (k2 + k3)
        + w2 * w4 * (l2 + l4 - l2 * l4) / (k2 + k4)
        + w3 * w4 * (l3 + l4 - l3 * l4) / (k3 + k4)
    )
    return (
        goal * duration + linear,
        goal * (goal * duration + 2 * linear) + square + 2 * mixed,
    )


def _meetings(course: _Course, levels: tuple[float, float], duration: float) -> list[float]:
    """Return the times within `duration` at which c meets one of the levels."""
    times, step = [0.0], min(duration / 8, 0.25 / max(course.rates))
    while times[-1] + 1.5 * step < duration:
        times.append(times[-1] + step)
        step = max(step, times[-1] / 4)
    times.append(duration)
    values = [_trace(course, time) for time in times]
    return sorted(
        _meeting(course, level, times[k], times[k + 1])
        for level in levels
        for k in range(len(times) - 1)
        if (values[k] - level) * (values[k + 1] - level) < 0
    )


def _meeting(course: _Course, level: float, low: float, high: float) -> float:
    """Return the time between two others at which c meets a level, by halving."""
    rising = _trace(course, high) > level
    for _ in range(60):
        middle = (low + high) / 2
        if (_trace(course, middle) > level) == rising:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def _mean_exponential(start: float, stop: float) -> float:
    """Return the mean of exp(x) over a straight line of x."""
    change = stop - start
    if change == 0:
        return math.exp(start)
    return math.exp(start) * math.expm1(change) / change


def _roots(e0: float, ka: float, al: float) -> tuple[float, float]:
    """Return the range in which e0 + ka c + al c^2 is negative, empty when there is none."""
    square = ka * ka - 4 * al * e0
    if al <= 0 or square <= 0:
        return math.inf, -math.inf
    return (-ka - math.sqrt(square)) / (2 * al), (-ka + math.sqrt(square)) / (2 * al)
