"""What labctl does in `engine.py`: two protocols and a source whose readings cost nothing.

They reach labctl as those of any other package do: `installed` puts entry points on Python's path.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Literal

from labctl.capability import Identity, Limits, Setup, StopRequest, Violation
from labctl.protocol import Measured, Protocol
from labctl.readings import Row
from labctl.results import Results
from labctl.steps import Play, Steps
from labctl.waveform import Node, pulse, read, rest

__all__ = ["FREE_BENCH", "Rows", "WriteVerify", "check", "connect", "installed"]

CHUNK = 500
FREE_BENCH = """
[instruments.smu]
driver = "benchmark-free"
[terminals]
top = "smu.a"
"""
ENTRY_POINTS = """
[labctl.protocols]
benchmark-rows = engine_cases:Rows
benchmark-write-verify = engine_cases:WriteVerify
[labctl.instruments]
benchmark-free = engine_cases
"""


@contextmanager
def installed() -> Iterator[Path]:
    """Make the protocols and the driver known to labctl; yields a scratch folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "labctl_benchmark-0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: labctl-benchmark\n")
        (folder / "entry_points.txt").write_text(ENTRY_POINTS)
        sys.path.append(name)
        try:
            yield Path(name)
        finally:
            sys.path.remove(name)


class Rows(Protocol):
    """Reads, `train` of them a step, until there are `count`."""

    kind: Literal["benchmark-rows"] = "benchmark-rows"
    count: int = 1000
    train: int = 1000

    def steps(self) -> Steps:
        """Play one train after another."""
        for _ in range(self.count // self.train):
            yield Play(read(0.1, 1e-3) * self.train, 1e-3)

    def analyse(self, record: Measured) -> Results:
        """Find nothing: saving is what is measured."""
        return Results()


class WriteVerify(Protocol):
    """One pulse, one read, and the next amplitude from what was read."""

    kind: Literal["benchmark-write-verify"] = "benchmark-write-verify"
    count: int = 100
    target: float = 3e-4
    compliance: ClassVar[float] = 1e-3

    def steps(self) -> Steps:
        """Push towards the target, up or down."""
        amplitude = 0.5
        for _ in range(self.count):
            readings = yield Play(push(amplitude), self.compliance)
            amplitude = decide(float(readings.g[-1]), self.target)

    def analyse(self, record: Measured) -> Results:
        """Find nothing: deciding is what is measured."""
        return Results()


def push(amplitude: float) -> Node:
    """Return one pulse and one read after it."""
    return pulse(amplitude, 1e-4, measured=False) + rest(2e-4) + read(0.1, 1e-3)


def decide(conductance: float, target: float) -> float:
    """Return the next amplitude, V."""
    return 0.5 if conductance < target else -0.5


class FreeSource:
    """A source whose readings cost as little as those of the peers' examples."""

    limits = Limits("free", 10, 1, 1e-6, 1e-6, 1e-6, 1e-6, 10**9, 10**9, True)

    def __init__(self) -> None:
        self.now = 0.0

    def identify(self) -> Identity:
        """Say that it is no instrument."""
        return Identity("smu", "labctl,free,0,0")

    def snapshot(self) -> dict[str, str]:
        """Report no settings."""
        return {}

    def check(self, play: Play) -> list[Violation]:
        """Allow everything."""
        return []

    def play(self, play: Play, stop: StopRequest) -> Iterator[list[Row]]:
        """Yield a row for each window, in chunks, as a driver does that streams."""
        left = play.waveform.summary().readings
        while left and not stop():
            count = min(CHUNK, left)
            start = self.now
            yield [
                Row(start + k * 1e-3, "top", "read", 0.1, 0.1, 1e-5 * k, 1e-3, 0.0, 0.0, 0)
                for k in range(count)
            ]
            self.now += count * 1e-3
            left -= count

    def make_safe(self) -> None:
        """Have nothing to switch off."""

    def close(self) -> None:
        """Have nothing to close."""


def connect(setup: Setup) -> FreeSource:
    """Return the free source."""
    return FreeSource()


def check(setup: Setup, play: Play) -> list[Violation]:
    """Allow everything."""
    return []
