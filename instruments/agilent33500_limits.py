"""Waveform generators in numbers, and what they can do with a source-meter that reads for them.

Sources, by their mark:

[D] Keysight 33500B and 33600A Series Trueform Waveform Generators, data sheet 5992-2572EN.
[G] Agilent 33500 Series Operating and Service Guide, 33500-90901.
[U] Keysight 81150A and 81160A User's Guide, sections 3.2 to 3.8.
[T] Keysight 33500 and 33600 Series web help, "Waveform Generation Tutorial": 8 to 1 000 000 points.
[C] check: recalled, or not found in print; to be replaced here when it is known.

A generator gives its open-circuit voltage behind 50 Ohm and has no compliance of its own. What
bounds the current is the source-meter at the other end of the device once its limit acts, and
until then the resistance in series.
"""

from __future__ import annotations

from dataclasses import dataclass

from instruments.agilent33500_readers import Reader
from instruments.ranges import Range
from labctl.capability import Limits

__all__ = ["GENERATORS", "RESISTANCE", "TRIGGER_LEVEL", "Generator", "limits_of"]

#: of a generator's output, Ohm [D]
RESISTANCE = 50.0
#: high level of the trigger track, V into an open line [C]
TRIGGER_LEVEL = 4.0
# what a window has to be longer than the shortest aperture, for the grid of the triggers
_SLACK = 1.25


@dataclass(frozen=True, slots=True)
class Generator:
    """What one model is specified to do; voltages are those into an open circuit."""

    name: str
    outputs: int
    level: Range  #: of the output, V
    least: float  #: amplitude, V peak to peak
    grid: float  #: shortest time from point to point, s
    width: float  #: shortest level, full width at half maximum, s
    fewest: int  #: points of a waveform
    points: int  #: most points of a waveform
    cycles: int  #: most repetitions in a burst
    code: int  #: number that stands for the peak
    source: str


# accuracy of a level: 1 % of the amplitude and 1 mV, and of the offset 2 mV and 0.25 % of the
# amplitude, both twice as large into an open circuit [D]; settling from edges of 8.4 ns [C]
_LEVEL_33500 = Range(10.0, 1.5e-2, 6e-3, 30e-9, overrange=1.0)
_SOURCE_33500 = (
    "5992-2572EN; 33500-90901; shortest level, settling and latency of the trigger: check"
)
# 50 mV to 5 V peak to peak into 50 Ohm [U], here about zero; accuracy, settling [C]
_LEVEL_81160 = Range(5.0, 3e-2, 100e-3, 10e-9, overrange=1.0)
_SOURCE_81160 = "81150A and 81160A User's Guide; accuracy, memory, settling, latency: check"


def _models() -> tuple[Generator, ...]:
    # 1 mV peak to peak into 50 Ohm, 4 ns a point [D]; a level of 20 ns is more than two edges of
    # 8.4 ns [C]; bursts of 1 to 100 000 000 cycles [G]
    trueform = [
        Generator(
            name, outputs, _LEVEL_33500, 2e-3, 4e-9, 20e-9, 8, 1_000_000, 100_000_000, 32767,
            _SOURCE_33500,
        )
        for name, outputs in (("33521B", 1), ("33522B", 2))
    ]  # fmt: skip
    pulse = Generator(
        "81160A", 2, _LEVEL_81160, 0.1, 0.4e-9, 4e-9, 2, 128_000, 2_147_483_647, 8191,
        _SOURCE_81160,
    )  # fmt: skip
    return (*trueform, pulse)


#: generators this driver knows, by model
GENERATORS = {model.name: model for model in _models()}


def limits_of(generator: Generator, meter: Reader, frequency: float) -> Limits:
    """Return what a generator and its source-meter can do together.

    Parameters
    ----------
    generator, meter
        The two instruments.
    frequency
        Of the source-meter's power line, Hz.
    """
    return Limits(
        model=generator.name,
        max_v=generator.level.full_scale,
        max_i=meter.model.most_current(generator.level.full_scale),
        min_width=generator.width,
        min_gap=generator.width,
        min_aperture=_SLACK * meter.nplc[0] / frequency,
        resolution=generator.grid,
        max_points=generator.points,
        max_readings=meter.most,
        ramps=True,
        source=f"{generator.source}; read by a {meter.name}: {meter.model.source}",
    )
