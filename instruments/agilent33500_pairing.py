"""A generator with a source-meter, and one with an oscilloscope: what differs between the two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from instruments.agilent33500_checks import Unit
from instruments.agilent33500_limits import Generator
from instruments.agilent33500_program import Program, compile_play
from instruments.agilent33500_readings import Decoder
from instruments.agilent33500_reads import Raw
from instruments.agilent33500_sights import SightDecoder
from instruments.agilent33500_watch import Viewed, Watch, compile_watch
from instruments.pieces import Compiled
from labctl.capability import Floor, Limits
from labctl.readings import Row
from labctl.steps import Play

__all__ = ["Decodes", "Pairing", "WithMeter", "WithScope"]


class Decodes(Protocol):
    """Turns the readings of one step into rows, in order."""

    def rows(self, readings: Sequence[Raw]) -> list[Row]:
        """Return the rows of the next readings; raises ValueError where one is out of place."""


class Pairing(Protocol):
    """What a generator does with its reader. Programs are those of its own `compile`."""

    @property
    def generator(self) -> Generator:
        """What plays."""

    @property
    def channels(self) -> Mapping[str, str]:
        """Device terminal -> output of the generator."""

    @property
    def limits(self) -> Limits:
        """What both can do together."""

    @property
    def quiet(self) -> bool:
        """Whether the reader answers nothing while it waits for edges."""

    def compile(self, play: Play) -> Compiled[Any]:
        """Make the program of a step, and say what stands against it."""

    def floor(self, program: Any, terminal: str) -> Floor:
        """Return what the readings of a program resolve."""

    def decoder(self, program: Any, begun: float) -> Decodes:
        """Return what makes rows of the readings of a program that was begun at a time, s."""

    def on_line(self, frequency: float) -> Pairing:
        """Return the same on another power line, Hz."""


@dataclass(frozen=True, slots=True)
class WithMeter:
    """A generator and a source-meter at the device's other end; meets `Pairing`."""

    unit: Unit

    @property
    def generator(self) -> Generator:
        """What plays."""
        return self.unit.generator

    @property
    def channels(self) -> Mapping[str, str]:
        """Device terminal -> output of the generator."""
        return self.unit.channels

    @property
    def limits(self) -> Limits:
        """What both can do together."""
        return self.unit.limits

    @property
    def quiet(self) -> bool:
        """Whether the source-meter answers nothing while it waits for edges."""
        return self.unit.meter.quiet

    def compile(self, play: Play) -> Compiled[Program]:
        """Make the program of a step, and say what stands against it."""
        return compile_play(play, self.unit)

    def floor(self, program: Program, terminal: str) -> Floor:
        """Return what the readings of a program resolve."""
        meter = program.i_meter
        return Floor(terminal, meter.bound(0.0, program.nplc), meter.full_scale, program.aperture)

    def decoder(self, program: Program, begun: float) -> Decodes:
        """Return what makes rows of the readings of a program that was begun at a time, s."""
        return Decoder(program, self.unit, begun)

    def on_line(self, frequency: float) -> WithMeter:
        """Return the same on another power line, Hz."""
        return WithMeter(replace(self.unit, line_frequency=frequency))


@dataclass(frozen=True, slots=True)
class WithScope:
    """A generator and an oscilloscope with a resistor to ground; meets `Pairing`."""

    unit: Viewed

    @property
    def generator(self) -> Generator:
        """What plays."""
        return self.unit.generator

    @property
    def channels(self) -> Mapping[str, str]:
        """Device terminal -> output of the generator."""
        return self.unit.channels

    @property
    def limits(self) -> Limits:
        """What both can do together."""
        return self.unit.limits

    @property
    def quiet(self) -> bool:
        """Its record is there when the burst is over, and not earlier."""
        return False

    def compile(self, play: Play) -> Compiled[Watch]:
        """Make the program of a step, and say what stands against it."""
        return compile_watch(play, self.unit)

    def floor(self, program: Watch, terminal: str) -> Floor:
        """Return what the readings of a program resolve: a step of eight bits, and the noise."""
        shortest = min(program.sights, key=lambda sight: sight.stop - sight.start)
        noise = SightDecoder(program, self.unit, 0.0).noise(shortest, volts=False)
        meter = program.i_meter
        return Floor(
            terminal, meter.bound(0.0) + noise, meter.full_scale, shortest.stop - shortest.start
        )

    def decoder(self, program: Watch, begun: float) -> Decodes:
        """Return what makes rows of the readings of a program that was begun at a time, s."""
        return SightDecoder(program, self.unit, begun)

    def on_line(self, frequency: float) -> WithScope:
        """Return itself: no power line times an oscilloscope."""
        return self
