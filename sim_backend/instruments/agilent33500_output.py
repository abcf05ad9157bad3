"""One output of a 33500 series generator: its settings in force, bursts, and what it drives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from sim_backend.clock import Clock
from sim_backend.fixture import Fixture
from sim_backend.instruments.agilent33500_edges import Edges
from sim_backend.instruments.agilent33500_settings import Settings, wave_of
from sim_backend.instruments.waves import Wave, WaveDrive

__all__ = ["Outlet", "Output"]


class Outlet(NamedTuple):
    """Where the output's cable ends."""

    fixture: Fixture
    drive: WaveDrive
    light: float | None  #: irradiance for 1 V above zero, W/m2; None for a terminal


class Output:
    """One output.

    Parameters
    ----------
    outlet
        What it drives.
    clock
        The laboratory's time.
    seed
        Of its noise.
    ended
        Called when a burst has ended.
    """

    RESISTANCE = 50.0

    def __init__(self, outlet: Outlet, clock: Clock, seed: int, ended: Callable[[], None]) -> None:
        self.outlet, self.clock = outlet, clock
        self.settings = Settings()
        self.edges = Edges(clock)  #: where its cable leads to a trigger input
        self.changed: Callable[[], None] = lambda: None  #: called when it does something else
        self._seed, self._ended = seed, ended
        self._until = 0.0  # when the present burst ends, s
        self.apply()

    @property
    def busy(self) -> bool:
        """Whether a triggered burst is going on."""
        return self.clock.now_s < self._until

    def apply(self) -> None:
        """Put the settings into force; what was going on begins anew."""
        self._force()
        self.changed()

    def _force(self) -> None:
        now, s = self.clock.now_s, self.settings
        self.outlet.fixture.sync()
        self._until = now
        self.edges.stop()
        drive = self.outlet.drive
        if not s.on:
            if self.outlet.light is None:
                drive.let_go(now)  # a relay opens
            else:
                drive.hold(0.0, now)
            return
        waiting = s.burst and (s.trigger in ("BUS", "EXT") or s.burst_mode == "GAT")
        if waiting:
            drive.hold(self._seen(wave_of(s, now, self._seed).idle), now)
        else:
            self._play(now)

    def trigger(self) -> bool:
        """Begin a burst; False when the output does not wait for one."""
        s = self.settings
        if not (s.on and s.burst and s.burst_mode == "TRIG" and s.trigger == "BUS") or self.busy:
            return False
        self.outlet.fixture.sync()
        self._play(self.clock.now_s)
        self.changed()
        return True

    def _play(self, now: float) -> None:
        wave = wave_of(self.settings, now, self._seed)
        if self.outlet.light is not None:
            wave = self._lit(wave)
        self.outlet.drive.play(wave, now)
        self.edges.follow(wave)
        if wave.ends < float("inf"):
            self._until = wave.ends
            self.clock.at(wave.ends, self._ended)

    def _seen(self, volts: float) -> float:
        light = self.outlet.light
        return volts if light is None else max(0.0, volts) * light

    def _lit(self, wave: Wave) -> Wave:
        """Return a wave of irradiances: nothing below zero volts."""
        light = self.outlet.light or 0.0
        shape = tuple(
            (share, max(0.0, wave.offset + wave.scale * level) * light)
            for share, level in wave.shape
        )
        return replace(wave, shape=shape, scale=1.0, offset=0.0)

    def abort(self) -> None:
        """End a burst."""
        if self.busy:
            self.apply()
