"""A sample stage with a heater, a sensor and a controller: it ramps, overshoots and settles.

Heat flows from the heater into the stage and from there over a link to a base at constant
temperature; sample and sensor follow the stage with a lag::

    C dT/dt = P - k (T - T_base),    dT_s/dt = (T - T_s) / lag

The controller's output, in percent of the heater range, is

    P [e + (I / 1000 s) int e dt - t_d dT_s/dt],    t_d = (D / 100) (1000 s / I) / 4

with e = setpoint - T_s in K, cut at 0 and 100 (Lake Shore 331 User's Manual, section 2.7: the form
of the sum; the units of I and D are to be checked). The integral stops while the output is cut.

Capacity, link and lag are those of a small stage (illustrative; a bench file may give its own). The
sample feels the temperature of the sensor to within 0.05 K.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from sim_backend.clock import Clock, Event

__all__ = ["HeatedStage", "Loop", "StageSpec"]

_TICK = 0.25  # s between two updates of the controller
_FELT = 0.05  # K: a smaller change is not passed on to the sample
_STILL = 1e-4  # K: nearer to its base a stage without heat stays where it is


@dataclass(frozen=True, slots=True)
class StageSpec:
    """What the stage is made of."""

    base: float = 300.0  #: what it comes to without heat, K
    capacity: float = 20.0  #: J/K
    link: float = 0.1  #: W/K
    lag: float = 1.0  #: s


@dataclass(slots=True)
class Loop:
    """The settings of the controller."""

    target: float = 300.0  #: setpoint at the end of its ramp, K
    ramping: bool = False
    rate: float = 0.1  #: of the ramp, K/s
    p: float = 50.0  #: percent of the heater range for 1 K
    i: float = 20.0  #: 1000 s over the reset time
    d: float = 0.0  #: percent
    manual: float = 0.0  #: added to the output, percent
    closed: bool = True  #: False: the output is `manual` alone
    power: float = 0.0  #: of the heater range, W; zero switches the heater off


class HeatedStage:
    """The stage.

    Parameters
    ----------
    clock
        The laboratory's time.
    heat
        Gives the sample a temperature, K.
    temperature
        At the beginning, K.
    spec
        What it is made of.
    """

    def __init__(
        self, clock: Clock, heat: Callable[[float], None], temperature: float, spec: StageSpec
    ) -> None:
        self.clock, self.spec, self.loop = clock, spec, Loop(target=temperature)
        self._heat = heat
        self._block = self._sample = self._felt = temperature
        self.setpoint = temperature  #: where the ramp is, K
        self.output = 0.0  #: percent of the heater range
        self.watch: Callable[[], None] = _nothing  #: called at every update of the controller
        self.blind = False  #: the controller has no reading; it gives no heat
        self._sum = 0.0  # of the integral term, percent
        self._at = clock.now_s
        self._event: Event | None = None
        self._schedule()

    @property
    def temperature(self) -> float:
        """Temperature of the sensor now, K."""
        self.update()
        return self._sample

    @property
    def on_its_way(self) -> bool:
        """Whether the setpoint is still ramping."""
        self.update()
        return self.setpoint != self.loop.target

    def aim(self, target: float) -> None:
        """Go to another setpoint, on a ramp where that is switched on, K."""
        self.update()
        self.loop.target = target
        if not self.loop.ramping:
            self.setpoint = target
        self._schedule()

    def supply(self, power: float) -> None:
        """Give the heater a range, W; zero switches it off."""
        self.update()
        if power != self.loop.power:
            self._sum = 0.0
        self.loop.power = power
        self._schedule()

    def update(self) -> None:
        """Bring the stage to the laboratory's time."""
        while (left := self.clock.now_s - self._at) > 1e-9:
            step = min(_TICK, left)
            if self._quiet:
                step = left
            self._step(step)
            self._at += step

    @property
    def _quiet(self) -> bool:
        """Whether nothing changes any more."""
        off = max(abs(self._block - self.spec.base), abs(self._sample - self.spec.base))
        return not self.loop.power and off < _STILL and self.setpoint == self.loop.target

    def _step(self, duration: float) -> None:
        self._ramp(duration)
        spec, before = self.spec, self._sample
        heat = self.output / 100 * self.loop.power
        settled = spec.base + heat / spec.link
        left = math.exp(-duration * spec.link / spec.capacity)
        self._block = settled + (self._block - settled) * left
        self._sample += (self._block - self._sample) * -math.expm1(-duration / spec.lag)
        self._regulate(duration, (self._sample - before) / duration)

    def _ramp(self, duration: float) -> None:
        way = self.loop.target - self.setpoint
        moved = self.loop.rate * duration
        if not self.loop.ramping or abs(way) <= moved:
            self.setpoint = self.loop.target
        else:
            self.setpoint += math.copysign(moved, way)

    def _regulate(self, duration: float, slope: float) -> None:
        """Set the output for the next step."""
        loop = self.loop
        if not loop.power or self.blind:
            self.output = self._sum = 0.0
            return
        if not loop.closed:
            self.output = loop.manual
            return
        error = self.setpoint - self._sample
        grown = self._sum + loop.p * loop.i / 1000 * error * duration
        ahead = loop.d / 100 * 250 / loop.i if loop.i else 0.0
        wanted = loop.p * (error - ahead * slope) + grown + loop.manual
        self.output = min(100.0, max(0.0, wanted))
        if wanted == self.output or (wanted - self.output) * error < 0:
            self._sum = grown

    def _schedule(self) -> None:
        if self._event is not None:
            self._event.cancel()
        self._event = None if self._quiet else self.clock.after(_TICK, self._tick)

    def _tick(self) -> None:
        self.update()
        self.watch()
        if abs(self._sample - self._felt) >= _FELT or self._quiet:
            self._felt = self._sample
            self._heat(self._felt)
        self._schedule()


def _nothing() -> None:
    """Do nothing."""
