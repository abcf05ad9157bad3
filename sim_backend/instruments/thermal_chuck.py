"""A thermal chuck: it ramps to a temperature, and then the wafer has to soak.

Rates and limits are those of a chuck that cools with air (illustrative; a bench file may give its
own). The wafer follows the chuck at once; a soak is the time one waits because a real one does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from sim_backend.clock import Clock, Event

__all__ = ["ThermalChuck", "ThermalSpec", "ThermalState", "celsius", "kelvin"]

_ZERO = 273.15  # K
_STEP = 0.5  # K between two updates of the wafer's temperature


class ThermalState(Enum):
    """What the chuck is doing."""

    UNCONTROLLED = "uncontrolled"
    HEATING = "heating"
    COOLING = "cooling"
    SOAKING = "soaking"
    CONTROLLING = "controlling"


@dataclass(frozen=True, slots=True)
class ThermalSpec:
    """What a chuck can do; K and K/s."""

    lowest: float = 213.15
    highest: float = 573.15
    heating: float = 0.25
    cooling: float = 0.2
    window: float = 0.5  #: within this of its target it is at temperature, K
    soak: float = 60.0  #: default, s


class ThermalChuck:
    """The chuck.

    Parameters
    ----------
    clock
        The laboratory's time.
    heat
        Gives the wafer a temperature, K.
    temperature
        At the beginning, K.
    spec
        What it can do.
    """

    def __init__(
        self, clock: Clock, heat: Callable[[float], None], temperature: float, spec: ThermalSpec
    ) -> None:
        self.clock, self.spec = clock, spec
        self._heat = heat
        self.target = temperature
        self.soak = spec.soak
        self.state = ThermalState.UNCONTROLLED
        self._from, self._since = temperature, clock.now_s
        self._event: Event | None = None

    @property
    def temperature(self) -> float:
        """Temperature now, K."""
        way = self.target - self._from
        moved = self._rate * (self.clock.now_s - self._since)
        return self.target if moved >= abs(way) else self._from + math.copysign(moved, way)

    @property
    def settled(self) -> bool:
        """Whether the target is reached and the soak is over."""
        return self.state in (ThermalState.CONTROLLING, ThermalState.UNCONTROLLED)

    @property
    def soaking_for(self) -> float:
        """What is left of the soak, s; all of it while the chuck is on its way."""
        if self.settled:
            return 0.0
        if self.state is not ThermalState.SOAKING:
            return self.soak
        return max(0.0, self._since + self.soak - self.clock.now_s)

    def allows(self, target: float) -> bool:
        """Whether the chuck reaches a temperature, K."""
        return self.spec.lowest <= target <= self.spec.highest

    def aim(self, target: float) -> None:
        """Go to another temperature, K; returns at once."""
        begin = self.temperature
        self._from, self._since, self.target = begin, self.clock.now_s, target
        if abs(target - begin) <= self.spec.window:
            self._arrive()
        else:
            self.state = ThermalState.HEATING if target > begin else ThermalState.COOLING
            self._schedule()

    def stop(self) -> None:
        """Stay where the temperature is now, without a soak."""
        if self._event is not None:
            self._event.cancel()
        self.target = self._from = self.temperature
        self.state = ThermalState.UNCONTROLLED

    @property
    def _rate(self) -> float:
        return self.spec.heating if self.target > self._from else self.spec.cooling

    def _schedule(self) -> None:
        if self._event is not None:
            self._event.cancel()
        left = abs(self.target - self.temperature)
        self._event = self.clock.after(min(_STEP, left) / self._rate, self._advance)

    def _advance(self) -> None:
        self._heat(self.temperature)
        if abs(self.target - self.temperature) > 1e-9:
            self._schedule()
        else:
            self._arrive()

    def _arrive(self) -> None:
        if self._event is not None:
            self._event.cancel()
        self._heat(self.target)
        self._from, self._since = self.target, self.clock.now_s
        self.state = ThermalState.SOAKING
        self._event = self.clock.after(self.soak, self._soaked)

    def _soaked(self) -> None:
        self.state = ThermalState.CONTROLLING


def celsius(kelvin_: float) -> float:
    """Return a temperature in degrees Celsius."""
    return kelvin_ - _ZERO


def kelvin(celsius_: float) -> float:
    """Return a temperature in K."""
    return celsius_ + _ZERO
