"""A virtual 2450-family instrument over resistors without errors, for tests of the instrument."""

from __future__ import annotations

import pyvisa

from sim_backend.clock import Clock
from sim_backend.instruments.keithley2450_instrument import Keithley2450
from sim_backend.instruments.keithley2450_models import MODELS
from sim_backend.visa import library
from sim_backend.wire.tsp import Bounds
from tests.sim_backend.rig import Resistor, Sample

ADDRESS = "USB0::0x05E6::0x2450::04123456::INSTR"


class Load(Resistor):
    """A resistor behind a meter that overflows where this family does."""

    contact = 0.0
    remote = False

    def set_sense(self, *, remote: bool) -> None:
        self.remote = remote

    def finish(self, mark: tuple[float, float, float], **settings: object) -> Sample:
        sample = super().finish(mark, **settings)  # type: ignore[arg-type]
        v_range, i_range = settings["v_range"], settings["i_range"]
        assert isinstance(v_range, float)
        assert isinstance(i_range, float)
        return sample._replace(
            v_overrange=abs(sample.v) > 1.05 * v_range * (1 + 1e-6),
            i_overrange=abs(sample.i) > 1.05 * i_range * (1 + 1e-6),
        )


class Rig2450:
    """The instrument, its clock and its loads, with short ways to talk to it."""

    def __init__(
        self,
        model: str = "2450",
        conductance: float = 1e-4,
        pace: float = 0.0,
        line: float = 50.0,
        language: str = "SCPI",
        bounds: Bounds | None = None,
    ) -> None:
        self.clock = Clock(pace=pace)
        self.front, self.rear = Load(self.clock, conductance), Load(self.clock, conductance)
        self.smu = Keithley2450(
            MODELS[model],
            {"FRON": self.front, "REAR": self.rear},
            self.clock,
            line_frequency=line,
            language=language,
            bounds=bounds,
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

    def program(self, text: str) -> list[str]:
        """Send a program, a line each, and return the replies."""
        return self.send(*[line.strip() for line in text.strip().splitlines()])

    def codes(self) -> list[int]:
        """Empty the log of errors and return their codes."""
        if self.smu.legacy is not None:
            errors = self.smu.legacy.account.errors
            return [errors.next().code for _ in range(len(errors))]
        log = self.smu.unit.log
        return [log.next(1).code for _ in range(log.count(1))]

    def manager(self) -> pyvisa.ResourceManager:
        """Return a resource manager in which the instrument answers at `ADDRESS`."""
        return pyvisa.ResourceManager(library({ADDRESS: self.smu}, self.clock, latency=1e-3))
