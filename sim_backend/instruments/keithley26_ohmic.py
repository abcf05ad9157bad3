"""A level and a reading over a resistor, without the detour through the device model.

A loop inside the instrument that sets a level and measures, again and again, asks for the same
arithmetic each time: a step that settles in two straight lines (`sim_backend.analogue`), the mean
over an aperture, errors and noise. Over a device without memory it is done here in one go, with the
numbers the ordinary way would have drawn; drive and device are brought up to date when
somebody looks (`Fixture.unbooked`). Readings and the device's state agree with the ordinary way to
rounding.

`Ohmic.over` says whether the way is open: one voltage source, output on, over one resistor, and
nothing clamped. A current that would pass the limit closes it before anything has been done.
"""

from __future__ import annotations

import math
from itertools import pairwise
from math import sqrt, tanh

from sim_backend.analogue import ARRIVAL, LastLevel, SourceMeter
from sim_backend.devices.model import RELEASE, TALLY
from sim_backend.devices.resistor import Resistor
from sim_backend.drive import NEVER, Path, level_of
from sim_backend.plans import MeterPlan, SourcePlan

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

    #: a dictionary of more than 30 attributes would be searched at each use
    __slots__ = (
        "_aperture", "_arrival", "_before", "_c", "_charge", "_clock", "_drive", "_fixture",
        "_flux", "_fresh", "_from", "_g", "_gentle", "_i_noise", "_i_offset", "_i_ratio", "_ideal",
        "_meter", "_most", "_negative", "_noisy", "_normal", "_path", "_peak", "_positive",
        "_s_noise", "_s_offset", "_s_ratio", "_settling", "_side", "_since", "_size", "_source",
        "_source_tau", "_tau", "_thermal", "_threshold", "_through", "_time", "_to", "_v",
        "_v_noise", "_v_offset", "_v_ratio", "spent",
    )  # fmt: skip

    def __init__(self, meter: SourceMeter, plan: MeterPlan, most: float) -> None:
        self._meter, self._drive, self._fixture = meter, meter.drive, meter.fixture
        self._clock, self._normal = meter.clock, meter.normal
        self._ideal, self._noisy = meter.ideal, meter.device_noise
        self._source = meter.source_plan()
        self._take_up()
        self._take_plans(self._source, plan, most)

    def _take_plans(self, source: SourcePlan, plan: MeterPlan, most: float) -> None:
        """Lay out what the settings come down to."""
        self._s_ratio, self._s_offset = 1 + source.gain, source.offset
        self._s_noise = source.noise
        self._v_ratio, self._v_offset, self._v_noise = 1 + plan.v_gain, plan.v_offset, plan.v_noise
        self._i_ratio, self._i_offset, self._i_noise = 1 + plan.i_gain, plan.i_offset, plan.i_noise
        self._settling = 0.0 if self._ideal else source.range.settling
        # six sigma inside of where the limit would act
        room = (source.limit / self._g if self._g else NEVER) - abs(source.offset)
        self._most = min(most, (room - 6 * source.noise) / (1 + abs(source.gain)))
        self._source_tau = source.range.time_constant
        self._arrival = ARRIVAL * self._source_tau
        self._gentle = self._arrival * self._meter.spec.slew
        self._tau = plan.time_constant * max(0.0, 1.0 - self._settling / plan.settling)
        self._aperture = self._fresh = 0.0

    def _take_up(self) -> None:
        """Take up from the drive and the device where they are."""
        drive, fixture = self._drive, self._fixture
        conductance, capacitance = map(float, fixture.state.parameters[:, 0])
        self._g = conductance
        self._c = capacitance + drive.capacitance
        self._threshold = fixture.model.threshold
        self._thermal = _THERMAL * fixture.temperature
        self._time, self._v = fixture.time, drive.v
        self._charge, self._flux = drive.charge, drive.flux
        #: bends of the path; None while nobody asked for those of the last step
        self._path: Path | None = drive.path
        self._from = self._to = drive.v
        self._since, self._before, _ = self._meter.last_level
        values = fixture.state.values[:, 0].tolist()
        self._positive, self._negative, self._side = values[:_CHARGE]
        self._through, self._size, self._peak = values[_CHARGE:_VOLTAGE]
        #: somebody else has looked or moved since: see `go_on`
        self.spent = False
        fixture.unbooked = self.settle

    @classmethod
    def over(cls, meter: SourceMeter, plan: MeterPlan, most: float) -> Ohmic | None:
        """Return the short way for a source-meter, or None where only the long one goes."""
        return cls(meter, plan, most) if _free(meter) else None

    def go_on(self) -> bool:
        """Go on after somebody has looked, with the same settings; False where that cannot be."""
        conductance, meter = self._g, self._meter
        if not _free(meter) or meter.source_plan() is not self._source:
            return False
        self._take_up()
        return self._g == conductance

    # -- what scripts do ------------------------------------------------------------------------

    def program(self, level: float) -> bool:
        """Program a level now; False, with nothing done, where it might not be reached."""
        if not -self._most <= level <= self._most:
            return False
        now = self._clock.now_s
        if now > self._time:
            self._pass(now)
        self._since = now
        if self._ideal:
            self._path = ((now, level),)
            return True
        before = self._v
        self._from, self._before, self._path = before, self._g * before, None
        self._to = level * self._s_ratio + self._s_offset + self._normal() * self._s_noise
        return True

    def read(self, aperture: float) -> tuple[float, float] | None:
        """Let an aperture pass; return V and A as shown, or None where it must go the long way."""
        clock = self._clock
        start = clock.now_s
        end = start + aperture
        if clock.pace or (clock.due and not clock.free_until(end)):
            return None
        first, last = self._from, self._to
        step, high = last - first, last if last > 0.0 else -last
        if (
            self._path is None and start == self._since  # a step begins here,
            and aperture >= self._arrival and -self._gentle <= step <= self._gentle  # arrives,
            and first * last >= 0.0 and high <= self._threshold and not self._side  # counts nothing
        ):  # fmt: skip
            flux = last * aperture - step * self._source_tau
            through = self._g * flux
            charge = through + self._c * step
            self._through += through
            self._size += through if through > 0.0 else -through
            if high > self._peak:
                self._peak = high
            self._charge += charge
            self._flux += flux
            self._v = last
            clock.now_s = self._time = end
            return self._shown(flux / aperture, charge / aperture, 0.0, aperture)
        if start > self._time:
            self._pass(start)
        clock.now_s = end
        flux, charge = self._pass(end)
        return self._shown(flux / aperture, charge / aperture, start - self._since, aperture)

    def _shown(self, v: float, i: float, age: float, aperture: float) -> tuple[float, float]:
        """Return what the meter makes of two means (`SourceMeter.finish`)."""
        normal = self._normal
        if self._noisy:
            argument = v / self._thermal
            if -1e-3 < argument < 1e-3:
                density = self._thermal * self._g
            else:
                density = abs(i / tanh(argument))
            i += normal() * sqrt(_ELEMENTARY * density / aperture)
        if not self._ideal:
            if age == 0.0 and aperture == self._aperture:
                i += (self._before - i) * self._fresh
            else:
                i += (self._before - i) * self._left(age, aperture)
            v = v * self._v_ratio + self._v_offset + normal() * self._v_noise
            i = i * self._i_ratio + self._i_offset + normal() * self._i_noise
        return v, i

    def _left(self, age: float, aperture: float) -> float:
        """Return which share of a reading is still the current before a step of that age."""
        tau = self._tau
        if aperture != self._aperture:
            self._aperture = aperture
            self._fresh = -math.expm1(-aperture / tau) * tau / aperture if tau else 0.0
        return self._fresh * math.exp(-age / tau) if tau and age <= 40 * tau else 0.0

    def _bends(self) -> Path:
        """Return the path, which a step leaves to be written out by whoever asks."""
        if self._path is None:
            self._path = self._meter.approach(
                self._from, self._to, self._source_tau, since=self._since
            )
        return self._path

    def _pass(self, end: float) -> tuple[float, float]:
        """Follow the path; return flux (V s) and charge (C)."""
        path, start, first = self._bends(), self._time, self._v
        if start >= path[-1][0]:
            last = path[-1][1]
            flux = last * (end - start)
        else:
            pieces = _pieces(path, start, end)
            last = pieces[-1][1]
            flux = sum((a + b) / 2 * passed for a, b, passed in pieces)
        self._time = end
        through = self._g * flux
        charge = through + self._c * (last - first)
        self._charge += charge
        self._flux += flux
        self._v = last
        self._through += through
        if first != last:
            self._excurse(first, last)
            if first * last < 0:
                through = self._g * sum(_size(*piece) for piece in _pieces(path, start, end))
        self._size += abs(through)
        return flux, charge

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

    def settle(self) -> None:
        """Bring drive, device and the source-meter's memory up to date."""
        self.spent = True
        drive, fixture = self._drive, self._fixture
        fixture.unbooked = None
        fixture.time = self._time
        drive.path, drive.v = self._bends(), self._v
        drive.charge, drive.flux = self._charge, self._flux
        fixture.state.values[:, 0] = (
            self._positive, self._negative, self._side,
            self._through, self._size, self._peak, self._v,
        )  # fmt: skip
        self._meter.last_level = LastLevel(self._since, self._before, self._settling)


def _free(meter: SourceMeter) -> bool:
    """Whether one voltage source, output on, is over one resistor, and nothing is clamped."""
    fixture, drive = meter.fixture, meter.drive
    if fixture.unbooked is not None:
        fixture.unbooked()
    free = drive.kind == "v" and not (drive.clamped or drive.resistance)
    if not free or drive.acts_at != NEVER or len(fixture.drives) != 1 or not meter.on:
        return False
    if type(fixture.model) is not Resistor or fixture.state.devices != 1:
        return False
    highest = max(abs(drive.v), *(abs(level) for _, level in drive.path))
    return bool(highest * fixture.state.parameters[0, 0] <= drive.bound)


def _pieces(path: Path, start: float, end: float) -> list[Piece]:
    """Return the straight pieces of a path between two times."""
    cuts = [start, *(when for when, _ in path if start < when < end), end]
    levels = [level_of(path, when) for when in cuts]
    spans = zip(pairwise(levels), pairwise(cuts), strict=True)
    return [(first, last, after - before) for (first, last), (before, after) in spans]


def _size(first: float, last: float, duration: float) -> float:
    """Return the integral of the magnitude of a straight line."""
    if first * last < 0:
        return (first * first + last * last) / (2 * abs(last - first)) * duration
    return abs(first + last) / 2 * duration
