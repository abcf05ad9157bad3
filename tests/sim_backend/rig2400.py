"""A virtual Series 2400 over resistors without errors, for tests of the instrument."""

from __future__ import annotations

import pyvisa

from sim_backend.clock import Clock
from sim_backend.instruments.keithley2400_instrument import Keithley2400
from sim_backend.instruments.keithley2400_models import MODELS
from sim_backend.visa import library
from tests.sim_backend.rig import Resistor, Sample

ADDRESS = "GPIB0::24::INSTR"


class Load(Resistor):
    """A resistor behind a meter that overflows where a Series 2400 does."""

    def finish(self, mark: tuple[float, float, float], **settings: object) -> Sample:
        sample = super().finish(mark, **settings)  # type: ignore[arg-type]
        v_range, i_range = settings["v_range"], settings["i_range"]
        assert isinstance(v_range, float)
        assert isinstance(i_range, float)
        return sample._replace(
            v_overrange=abs(sample.v) > 1.055 * v_range,
            i_overrange=abs(sample.i) > 1.055 * i_range,
        )


class Rig2400:
    """The instrument, its clock and its loads, with short ways to talk to it."""

    def __init__(
        self, model: str = "2400", conductance: float = 1e-4, pace: float = 0.0, line: float = 50.0
    ) -> None:
        self.clock = Clock(pace=pace)
        self.front, self.rear = Load(self.clock, conductance), Load(self.clock, conductance)
        self.smu = Keithley2400(
            MODELS[model],
            {"FRON": self.front, "REAR": self.rear},
            self.clock,
            line_frequency=line,
        )

    def send(self, *lines: str) -> list[str]:
        """Send lines and return the replies that are ready."""
        for line in lines:
            self.smu.write(line.encode("latin-1") + b"\n")
        replies = [reply.decode("latin-1") for reply in self.smu.replies()]
        assert all(reply.endswith("\n") for reply in replies)
        return [reply[:-1] for reply in replies]

    def ask(self, line: str) -> str:
        """Send a query and return its only reply."""
        (reply,) = self.send(line)
        return reply

    def values(self, line: str) -> list[float]:
        """Send a query and return the numbers of its reply."""
        return [float(part) for part in self.ask(line).split(",")]

    def codes(self) -> list[int]:
        """Empty the error queue and return its codes."""
        errors = self.smu.account.errors
        return [errors.next().code for _ in range(len(errors))]

    def manager(self) -> pyvisa.ResourceManager:
        """Return a resource manager in which the instrument answers at `ADDRESS`."""
        return pyvisa.ResourceManager(library({ADDRESS: self.smu}, self.clock, latency=1e-3))
