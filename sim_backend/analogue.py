"""A source-meter channel between its front panel and the terminal: what real electronics add.

One class serves every model; the numbers come from a `ChannelSpec`. What is modelled, and how:

source error
    Each range has a gain and an offset error, drawn once for an instrument from normal
    distributions whose three sigma are the specified accuracy, cut there.
source noise
    Each programmed level carries one draw of the range's low-frequency noise.
settling
    A level is approached like 1 - exp(-t/tau), tau from the specified settling to 0.1 %, and no
    faster than the slew rate. The device sees two straight lines instead of the exponential, from
    (0, 0) over (1.2 tau, 1 - exp(-1.2)) to (2.66 tau, 1): the volt-seconds missing from the step
    are the exponential's exactly, the level is never off by more than 0.11 of the step.
meter
    A reading is the mean over its aperture, with the range's gain and offset error (drawn as
    above) and its noise for this aperture. After a step of the level the meter still follows, with
    the time constant by which the reading's specified settling exceeds the source's.
compliance
    The voltage is reduced until the limit is met (`sim_backend.compliance`). The limit takes one
    time constant of its range to act (illustrative), and the current overshoots for that long: the
    duration of an overshoot more than its height is what a sample feels (Shrestha et al., Analysis
    and control of RRAM overshoot current, IEEE Trans. Electron Devices 65 (1), 2018).
cable
    130 pF, as one of 2 m has (Agilent E5250A User's Guide, page 4-23), taken as not guarded; its
    charge passes the meter whenever the voltage changes.
device noise
    Thermal and shot noise of the device in the bandwidth of the aperture, 1 / (2 aperture):
    S = 2 q I coth(q V / 2 k T), which is 4 k T G without a voltage (Blanter and Buettiker, Phys.
    Rep. 336 (2000), 10.1016/S0370-1573(99)00123-4, for a tunnel junction).

sensing
    What lies between source and device (leads, a probe's contact) is inside the loop with two wires
    and outside of it with four (`SourceMeter.set_sense`).

Not modelled: drift without autozero, mains pick-up, finite resolution of the converters (the noise
is larger).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple, TypeVar

from sim_backend.clock import Clock
from sim_backend.drive import Drive, Path
from sim_backend.fixture import Fixture
from sim_backend.instruments.specification import ChannelSpec, MeasureRange, SourceRange
from sim_backend.plans import (
    MeterPlan,
    RangeErrors,
    SourcePlan,
    device_noise,
    memory,
    meter_plan,
    normals,
)

__all__ = ["ARRIVAL", "Imperfections", "LastLevel", "Mark", "Sample", "SourceMeter"]

_CABLE = 130e-12  # F
_BEND = 1.2  # time constants to the corner of the drawn exponential
_CORNER = 1.0 - math.exp(-_BEND)
#: where the second line ends, in time constants: the two triangles hold one of the step
ARRIVAL = (2.0 - _BEND) / (1.0 - _CORNER)
_PLANS = 64  # settings of a meter whose numbers are kept

Function = Literal["v", "i"]
R = TypeVar("R", SourceRange, MeasureRange)


@dataclass(frozen=True, slots=True)
class Imperfections:
    """Which departures from an ideal source-meter are on."""

    instrument: bool = True  #: errors, noise, settling, slew, limit response, cable
    read: bool = True  #: thermal and shot noise of the device


class Mark(NamedTuple):
    """Where an aperture began."""

    time: float
    charge: float
    flux: float
    limited: float


class Sample(NamedTuple):
    """One reading of both quantities."""

    v: float  #: V
    i: float  #: A
    limited: bool  #: the source was limiting at some time during the aperture
    v_overrange: bool
    i_overrange: bool


class LastLevel(NamedTuple):
    """The programmed level: what a meter that is still settling remembers."""

    since: float  #: when it was programmed, s
    before: float  #: the current before, A
    settling: float  #: specified settling of the source, s


class SourceMeter:
    """One channel, wired to a terminal of a fixture.

    Parameters
    ----------
    spec
        The model's specification.
    fixture
        Where the channel is wired.
    terminal
        The device terminal it drives.
    seed
        Text that fixes errors and noise of this channel.
    session
        Number of times the laboratory was opened: noise differs, errors stay.
    imperfections
        What is switched on.

    Raises
    ------
    BadInput
        The terminal does not exist or is taken.
    """

    def __init__(
        self,
        spec: ChannelSpec,
        fixture: Fixture,
        terminal: str,
        *,
        seed: str = "0",
        session: int = 0,
        imperfections: Imperfections = Imperfections(),
    ) -> None:
        self.spec = spec
        self.fixture = fixture
        self.clock: Clock = fixture.clock
        self.drive: Drive = fixture.connect(terminal)
        self.ideal = not imperfections.instrument
        self.device_noise = imperfections.read
        #: returns one normal number after the other
        self.normal = normals(f"{seed}/noise/{session}")
        self._plans: dict[tuple[float, float, float], MeterPlan] = {}
        self._source_plan: SourcePlan | None = None
        self._asked = (0.0, 0.0, 0.0, 0.0)  # level, range, limit and its range
        self._errors = RangeErrors(seed)
        self.on = False
        self.last_level = LastLevel(self.clock.now_s, 0.0, 0.0)
        if not self.ideal:
            self.drive.capacitance = _CABLE
        self.set_source("v", 0.0, spec.v_source[-1].full_scale, spec.i_limit_minimum, 1e-3)
        self.set_output(False)

    # source -------------------------------------------------------------------------------------

    def set_source(
        self, function: Function, level: float, range_: float, limit: float, limit_range: float
    ) -> None:
        """Program level and limit; they act now if the output is on.

        Parameters
        ----------
        function
            What is sourced: ``v`` or ``i``.
        level
            V or A.
        range_
            Full scale of the source range, V or A.
        limit
            Largest magnitude of the other quantity, A or V.
        limit_range
            Full scale of the range that the limit is regulated on, A or V.
        """
        asked = (level, range_, limit, limit_range)
        if self._source_plan and (asked[1:] != self._asked[1:] or function != self._function):
            self._source_plan = None
        self._function: Function = function
        self._asked = asked
        if self.on:
            self._apply()

    def set_output(self, on: bool, high_impedance: bool = False) -> None:
        """Connect the source, or bring the terminal to zero volts (or let it float)."""
        self.on = on
        if on:
            self._apply()
        elif high_impedance:
            self._begin(0.0)
            self.drive.follow("open", ((self.clock.now_s, 0.0),), math.inf)
        else:
            spec = self.spec.v_source[-1] if self._function != "v" else self._source_range()
            self._begin(spec.settling)
            path = self.approach(self.drive.v, 0.0, spec.time_constant)
            # an output switched off still limits to what it was allowed
            bound = self._asked[2] if self._function == "v" else math.inf
            self.drive.follow("v", path, bound)

    def adopt(self, spec: ChannelSpec, name: str) -> None:
        """Be other electronics, with errors of their own, from now on; the output is off."""
        self.spec, self._errors.name, self._source_plan = spec, name, None
        self._plans.clear()

    def voltages(self) -> tuple[float, float]:
        """Return the voltage that is sensed, and the one at the output, V."""
        return self.fixture.voltages(self.drive)

    @property
    def contact(self) -> float:
        """Resistance between source and device, Ohm."""
        return self.fixture.lead(self.drive)

    def set_sense(self, *, remote: bool) -> None:
        """Sense at the device, over wires that carry no current, or at the source."""
        self.fixture.sense(self.drive, remote=remote)

    @property
    def limited(self) -> bool:
        """Whether the limit is in control now."""
        self.fixture.sync()
        return self.on and self.drive.limiting

    def _ranges(self, function: Function) -> tuple[SourceRange, ...]:
        return self.spec.v_source if function == "v" else self.spec.i_source

    def _source_range(self) -> SourceRange:
        return _nearest(self._ranges(self._function), self._asked[1])

    def source_plan(self) -> SourcePlan:
        """Return what becomes of a level now."""
        if self._source_plan is None:
            _, _, limit, limit_range = self._asked
            spec, other = self._source_range(), _other(self._function)
            limit_spec = _nearest(self._ranges(other), limit_range)
            if self.ideal:
                self._source_plan = SourcePlan(0.0, 0.0, 0.0, limit, 0.0, spec)
            else:
                gain, offset = self._errors.of(f"source {other}", limit_spec)
                self._source_plan = SourcePlan(
                    *self._errors.of(f"source {self._function}", spec),
                    spec.noise,
                    limit + (limit * gain + abs(offset)),
                    limit_spec.time_constant,
                    spec,
                )
        return self._source_plan

    def _apply(self) -> None:
        """Send the drive on its way to the programmed level."""
        plan, level, function = self.source_plan(), self._asked[0], self._function
        self._begin(0.0 if self.ideal else plan.range.settling)
        before = self.drive.v
        if function == "i":
            before = self.drive.level(self.clock.now_s) if self.drive.kind == "i" else 0.0
        if not self.ideal:
            level += level * plan.gain + plan.offset + self.normal() * plan.noise
        self.drive.response = plan.response
        path = self.approach(before, level, plan.range.time_constant)
        self.drive.follow(function, path, plan.limit)

    def _begin(self, settling: float) -> None:
        """Bring the fixture to now and remember the current there before anything changes."""
        self.fixture.sync()
        now = self.clock.now_s
        before = self.fixture.current(self.drive) if settling > 0 else 0.0
        self.last_level = LastLevel(now, before, settling)

    def approach(
        self, before: float, level: float, time_constant: float, *, since: float | None = None
    ) -> Path:
        """Return the way from one level to another, beginning now or at a time."""
        now = self.clock.now_s if since is None else since
        if self.ideal or before == level:
            return ((now, level),)
        tau = max(time_constant, abs(level - before) / self.spec.slew / ARRIVAL)
        corner = (now + _BEND * tau, before + (level - before) * _CORNER)
        return ((now, before), corner, (now + ARRIVAL * tau, level))

    # meter --------------------------------------------------------------------------------------

    def begin(self) -> Mark:
        """Begin an aperture now."""
        self.fixture.sync()
        drive = self.drive
        return Mark(self.clock.now_s, drive.charge, drive.flux, drive.limited)

    def finish(
        self,
        mark: object,
        *,
        v_range: float,
        i_range: float,
        nplc: float,
        line_frequency: float = 50.0,
        autozero: bool = True,
        sense_remote: bool = False,
    ) -> Sample:
        """End an aperture now and return what the meter shows.

        Parameters
        ----------
        mark
            What `begin` returned.
        v_range, i_range
            Full scale of the measurement ranges, V and A.
        nplc
            Aperture in line cycles, for the noise; the mean is taken over the time that passed.
        line_frequency
            Of the mains, Hz.
        autozero, sense_remote
            Accepted for completeness: drift is not modelled, and for sensing see `set_sense`.
        """
        assert isinstance(mark, Mark)
        self.fixture.sync()
        drive, duration = self.drive, self.clock.now_s - mark.time
        if duration > 0:
            v = (drive.flux - mark.flux) / duration
            i = (drive.charge - mark.charge) / duration
        else:
            i, v = self.fixture.current(drive), drive.v
        limited = drive.limiting or drive.limited > mark.limited
        plan = self.meter_plan(v_range, i_range, nplc)
        aperture = duration if duration > 0 else nplc / line_frequency
        if self.device_noise:
            i += self.normal() * self.rms_device(v, i, aperture)
        if not self.ideal:
            level = self.last_level
            left = memory(plan, level.settling, mark.time - level.since, duration)
            i += (level.before - i) * left
            v += v * plan.v_gain + plan.v_offset + self.normal() * plan.v_noise
            i += i * plan.i_gain + plan.i_offset + self.normal() * plan.i_noise
        return Sample(v, i, self.on and limited, abs(v) > plan.v_most, abs(i) > plan.i_most)

    def meter_plan(self, v_range: float, i_range: float, nplc: float) -> MeterPlan:
        """Return what becomes of a reading on these ranges with this aperture."""
        key = (v_range, i_range, nplc)
        plan = self._plans.get(key)
        if plan is None:
            voltmeter = _nearest(self.spec.v_measure, v_range)
            ammeter = _nearest(self.spec.i_measure, i_range)
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            errors = [*map(self._errors.of, ("measure v", "measure i"), (voltmeter, ammeter))]
            self._plans[key] = plan = meter_plan(voltmeter, ammeter, nplc, (*errors[0], *errors[1]))
        return plan

    def rms_device(self, v: float, i: float, aperture: float) -> float:
        """Return the noise current of the device in the bandwidth of an aperture, A."""
        fixture = self.fixture
        conductance = partial(fixture.conductance, self.drive)
        return device_noise(v, i, aperture, fixture.temperature, conductance)


def _other(function: Function) -> Function:
    return "i" if function == "v" else "v"


def _nearest(ranges: Sequence[R], full_scale: float) -> R:
    """Return the range of this full scale, or the smallest that contains it."""
    for candidate in ranges:
        if full_scale <= candidate.full_scale * (1 + 1e-9):
            return candidate
    return ranges[-1]
