"""A level and a reading over a resistor, without the detour through the device model.

A loop inside the instrument that sets a level and measures, again and again, asks for the same
arithmetic each time: a step that settles in two straight lines (`sim_backend.analogue`), the mean
over an aperture, errors and noise. Over a device without memory it is done here in one go, with the
numbers the ordinary way would have drawn, and the device's tally is brought up to date when
somebody looks (`Fixture.unbooked`). Readings and the device's state agree with the ordinary way to
rounding.

`Ohmic.over` says whether the way is open: one voltage source, output on, over one resistor, and
nothing clamped. A current that would pass the limit closes it before anything has been done.
"""

from __future__ import annotations

import math
from itertools import pairwise

from sim_backend.analogue import LastLevel, SourceMeter
from sim_backend.devices.model import RELEASE, TALLY
from sim_backend.devices.resistor import Resistor
from sim_backend.drive import NEVER
from sim_backend.plans import MeterPlan

__all__ = ["Ohmic"]

_POSITIVE, _NEGATIVE, _SIDE, _CHARGE, _THROUGHPUT, _PEAK = range(len(TALLY))
_VOLTAGE = len(TALLY)  # row of the resistor's own state
_THERMAL = 2 * 1.380649e-23 / 1.602176634e-19  # V/K: twice the thermal voltage
_ELEMENTARY = 1.602176634e-19  # C

Piece = tuple[float, float, float]  #: first and last voltage, V; duration, s


class Ohmic:
    """A source-meter over a resistor.

    Parameters
    ----------
    meter
        The electronics.
    plan
        Of its meter.
    most
        Largest level on the source range, V.
    """

    def __init__(self, meter: SourceMeter, plan: MeterPlan, most: float) -> None:
        self._meter, self._plan = meter, plan
        self._source = source = meter.source_plan()
        self._drive, self._fixture = meter.drive, meter.fixture
        self._clock, self._normal = meter.clock, meter.normal
        conductance, capacitance = meter.fixture.state.parameters[:, 0].tolist()
        self._g, self._c = conductance, capacitance + meter.drive.capacitance
        self._threshold = meter.fixture.model.threshold
        self._ideal, self._noisy = meter.ideal, meter.device_noise
        self._settling = 0.0 if self._ideal else source.range.settling
        self._thermal = _THERMAL * meter.fixture.temperature
        # six sigma inside of where the limit would act
        room = (source.limit / conductance if conductance else NEVER) - abs(source.offset)
        self._most = min(most, (room - 6 * source.noise) / (1 + abs(source.gain)))
        self._source_tau = source.range.time_constant
        self._tau = plan.time_constant * max(0.0, 1.0 - self._settling / plan.settling)
        self._since, self._before, _ = meter.last_level
        values = meter.fixture.state.values[:, 0].tolist()
        self._positive, self._negative, self._side = values[:_CHARGE]
        self._through, self._size, self._peak = values[_CHARGE:_VOLTAGE]
        #: somebody else has looked or moved since: the way has to be asked for again
        self.spent = False
        meter.fixture.unbooked = self.settle

    @classmethod
    def over(cls, meter: SourceMeter, plan: MeterPlan, most: float) -> Ohmic | None:
        """Return the short way for a source-meter, or None where only the long one goes."""
        fixture, drive = meter.fixture, meter.drive
        fixture.sync()
        free = drive.kind == "v" and not (drive.clamped or drive.resistance)
        if not free or drive.acts_at != NEVER or len(fixture.drives) != 1 or not meter.on:
            return None
        if type(fixture.model) is not Resistor or fixture.state.devices != 1:
            return None
        highest = max(abs(drive.v), *(abs(level) for _, level in drive.path))
        if highest * fixture.state.parameters[0, 0] > drive.bound:
            return None
        return cls(meter, plan, most)

    # -- what scripts do ------------------------------------------------------------------------

    def program(self, level: float) -> bool:
        """Program a level now; False, with nothing done, where it might not be reached."""
        if not -self._most <= level <= self._most:
            return False
        now, drive = self._clock.now_s, self._drive
        if now > self._fixture.time:
            self._pass(now)
        self._since = now
        if self._ideal:
            drive.path = ((now, level),)
            return True
        before, source = drive.v, self._source
        level += level * source.gain + source.offset + self._normal() * source.noise
        self._before = self._g * before
        drive.path = self._meter.approach(before, level, self._source_tau)
        return True

    def read(self, aperture: float) -> tuple[float, float] | None:
        """Let an aperture pass; return V and A as shown, or None where it must go the long way."""
        clock = self._clock
        start = clock.now_s
        due = clock.next_event()
        if clock.pace or (due is not None and due <= start + aperture):
            return None
        if start > self._fixture.time:
            self._pass(start)
        clock.now_s = start + aperture
        flux, charge = self._pass(clock.now_s)
        return self._shown(flux / aperture, charge / aperture, start, aperture)

    def _pass(self, end: float) -> tuple[float, float]:
        """Follow the path; return flux (V s) and charge (C)."""
        drive, start = self._drive, self._fixture.time
        path, first = drive.path, drive.v
        if start >= path[-1][0]:
            last = path[-1][1]
            flux = last * (end - start)
        elif len(path) == 3 and start == path[0][0] and end >= path[2][0]:
            (t0, v0), (t1, v1), (t2, last) = path
            flux = (v0 + v1) / 2 * (t1 - t0) + (v1 + last) / 2 * (t2 - t1) + last * (end - t2)
        else:
            last = drive.level(end)
            flux = sum((a + b) / 2 * passed for a, b, passed in self._pieces(start, end))
        self._fixture.time = end
        charge = self._g * flux + self._c * (last - first)
        drive.charge += charge
        drive.flux += flux
        drive.v = last
        through = self._g * flux
        self._through += through
        if first != last:
            self._excurse(first, last)
            if first * last < 0:
                through = self._g * sum(_size(*piece) for piece in self._pieces(start, end))
        self._size += abs(through)
        return flux, charge

    def _shown(self, v: float, i: float, start: float, aperture: float) -> tuple[float, float]:
        """Return what the meter makes of two means (`SourceMeter.finish`)."""
        normal, plan = self._normal, self._plan
        if self._noisy:
            if abs(v) < 1e-3 * self._thermal:
                density = 2.0 * _ELEMENTARY * self._thermal * self._g
            else:
                density = 2.0 * _ELEMENTARY * abs(i) / abs(math.tanh(v / self._thermal))
            i += normal() * math.sqrt(density / (2.0 * aperture))
        if not self._ideal:
            age, tau = start - self._since, self._tau
            if age <= 40 * tau and tau:
                left = -math.exp(-age / tau) * math.expm1(-aperture / tau) * tau / aperture
                i += (self._before - i) * left
            v += v * plan.v_gain + plan.v_offset + normal() * plan.v_noise
            i += i * plan.i_gain + plan.i_offset + normal() * plan.i_noise
        return v, i

    # -- the device's account -------------------------------------------------------------------

    def _excurse(self, first: float, last: float) -> None:
        """Count what begins between two voltages (`sim_backend.devices.model.excursions`)."""
        threshold, side = self._threshold, self._side
        low, high = abs(first), abs(last)
        peak = max(low, high)
        if peak > self._peak:
            self._peak = peak
        if peak <= threshold and not side:
            return
        for level in (first, last):
            if abs(level) > threshold and level * side <= 0:
                side = math.copysign(1.0, level)
                if side > 0:
                    self._positive += 1
                else:
                    self._negative += 1
        if high <= threshold and (first * last <= 0 or min(low, high) < RELEASE * threshold):
            side = 0.0
        self._side = side

    def _pieces(self, start: float, end: float) -> list[Piece]:
        """Return the straight pieces of the path between two times."""
        drive = self._drive
        cuts = [start, *(when for when, _ in drive.path if start < when < end), end]
        levels = [drive.level(when) for when in cuts]
        spans = zip(pairwise(levels), pairwise(cuts), strict=True)
        return [(first, last, after - before) for (first, last), (before, after) in spans]

    def settle(self) -> None:
        """Bring the device's state and the source-meter's memory up to date."""
        self.spent = True
        self._fixture.unbooked = None
        self._fixture.state.values[:, 0] = (
            self._positive, self._negative, self._side,
            self._through, self._size, self._peak, self._drive.v,
        )  # fmt: skip
        self._meter.last_level = LastLevel(self._since, self._before, self._settling)


def _size(first: float, last: float, duration: float) -> float:
    """Return the integral of the magnitude of a straight line."""
    if first * last < 0:
        return (first * first + last * last) / (2 * abs(last - first)) * duration
    return abs(first + last) / 2 * duration
