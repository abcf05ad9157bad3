"""A virtual 2602B over resistors that remember what was done to them: for tests of the instrument.

The resistors have no errors, no noise and no settling, so that what a test sees is what the
instrument did. The real electronics are `sim_backend.analogue`.
"""

from __future__ import annotations

from typing import NamedTuple

import pyvisa

from sim_backend.clock import Clock
from sim_backend.instruments.keithley26_family import MODELS
from sim_backend.instruments.keithley2600 import Keithley2600
from sim_backend.visa import library
from sim_backend.wire.tsp import Bounds

ADDRESS = "TCPIP0::192.0.2.26::INSTR"


class Sample(NamedTuple):
    v: float
    i: float
    limited: bool
    v_overrange: bool
    i_overrange: bool


class Change(NamedTuple):
    """What was programmed when."""

    t: float
    function: str
    level: float
    range: float
    limit: float
    limit_range: float


class Resistor:
    """One channel's electronics over a conductance."""

    def __init__(self, clock: Clock, conductance: float) -> None:
        self.clock, self.g = clock, conductance
        self.on = False
        self.high_impedance = False
        self.changes: list[Change] = []
        self._area = {"v": 0.0, "i": 0.0}  # integrals of voltage and current up to `_since`
        self._since = clock.now_s
        self._asked = Change(0.0, "v", 0.0, 1.0, 1.0, 1.0)

    def _now(self) -> tuple[float, float, bool]:
        """Voltage, current and whether the limit acts."""
        if not self.on:
            return 0.0, 0.0, False
        level, limit = self._asked.level, self._asked.limit
        if self._asked.function == "v":
            i = level * self.g
            if abs(i) <= limit:
                return level, i, False
            return level * limit / abs(i), i * limit / abs(i), True
        v = level / self.g if self.g else float("inf") * level
        if abs(v) <= limit:
            return v, level, False
        return v / abs(v) * limit, limit * self.g * v / abs(v), True

    def _integrate(self) -> None:
        v, i, _ = self._now()
        passed = self.clock.now_s - self._since
        self._area["v"] += v * passed
        self._area["i"] += i * passed
        self._since = self.clock.now_s

    def set_source(
        self, function: str, level: float, range_: float, limit: float, limit_range: float
    ) -> None:
        self._integrate()
        self._asked = Change(self.clock.now_s, function, level, range_, limit, limit_range)
        self.changes.append(self._asked)

    def set_output(self, on: bool, high_impedance: bool = False) -> None:
        self._integrate()
        self.on, self.high_impedance = on, high_impedance

    contact = 0.0

    def adopt(self, spec: object, name: str) -> None:
        self.adopted = name

    def voltages(self) -> tuple[float, float]:
        return self._now()[0], self._now()[0]

    def set_sense(self, *, remote: bool) -> None:
        self.remote = remote

    def begin(self) -> tuple[float, float, float]:
        self._integrate()
        return self.clock.now_s, self._area["v"], self._area["i"]

    def finish(
        self,
        mark: tuple[float, float, float],
        *,
        v_range: float,
        i_range: float,
        nplc: float,
        line_frequency: float,
        autozero: bool,
        sense_remote: bool,
    ) -> Sample:
        self._integrate()
        start, area_v, area_i = mark
        duration = self.clock.now_s - start
        assert duration > 0
        v = (self._area["v"] - area_v) / duration
        i = (self._area["i"] - area_i) / duration
        return Sample(v, i, self.limited, abs(v) > 1.02 * v_range, abs(i) > 1.02 * i_range)

    @property
    def limited(self) -> bool:
        return self._now()[2]

    def levels(self) -> list[tuple[float, float]]:
        """Time and level of each change that changed the level."""
        found: list[tuple[float, float]] = []
        for change in self.changes:
            if not found or found[-1][1] != change.level:
                found.append((change.t, change.level))
        return found


class Rig:
    """The instrument, its clock and its resistors, with short ways to talk to it."""

    def __init__(
        self,
        pace: float = 0.0,
        conductance: float = 1e-4,
        model: str = "2602B",
        **options: object,
    ) -> None:
        self.clock = Clock(pace=pace)
        self.a = Resistor(self.clock, conductance)
        self.b = Resistor(self.clock, conductance)
        both = {"a": self.a, "b": self.b}
        self.smu = Keithley2600(
            model,
            {letter: both[letter] for letter in MODELS[model].channels},
            self.clock,
            **options,  # type: ignore[arg-type]
        )

    def send(self, text: str) -> list[str]:
        """Send a message and return the replies, without their newlines."""
        self.smu.write(text.encode("latin-1"))
        replies = [reply.decode("latin-1") for reply in self.smu.replies()]
        assert all(reply.endswith("\n") for reply in replies)
        return [reply[:-1] for reply in replies]

    def ask(self, expression: str) -> list[str]:
        """Print an expression and return its values as text."""
        (reply,) = self.send(f"print({expression})")
        return reply.split("\t")

    def number(self, expression: str) -> float:
        """Print an expression and return its value."""
        (value,) = self.ask(expression)
        return float(value)

    def manager(self) -> pyvisa.ResourceManager:
        """Return a resource manager in which the instrument answers at `ADDRESS`."""
        return pyvisa.ResourceManager(library({ADDRESS: self.smu}, self.clock, latency=1e-3))

    def codes(self) -> list[int]:
        """Empty the error queue and return its codes."""
        return [self.smu.errors.next().code for _ in range(len(self.smu.errors))]


TIGHT = Bounds(idle=2_000_000, total=20_000_000)
