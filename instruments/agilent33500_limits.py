"""Waveform generators in numbers, and what the source-meter that reads for them can do.

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

from instruments import keithley2600_limits
from instruments.keithley2600_limits import LEAST_NPLC, TURNAROUND
from instruments.ranges import Range
from labctl.capability import Limits

__all__ = [
    "GENERATORS", "LATENCY", "LEAST_NPLC", "LINES", "METERS", "MOST_NPLC", "MOST_READINGS",
    "RESISTANCE", "SLACK", "TRIGGER_LEVEL", "TURNAROUND", "Generator", "limits_of",
]  # fmt: skip

MOST_NPLC = keithley2600_limits.MOST_NPLC

#: of a generator's output, Ohm [D]
RESISTANCE = 50.0
#: high level of the trigger track, V into an open line [C]
TRIGGER_LEVEL = 4.0
#: from an edge on the source-meter's digital line to the beginning of an aperture, s [C]
LATENCY = 0.0
#: what a window has to be longer than the shortest aperture, for the grid of the triggers, s
SLACK = 5e-6
#: digital lines of a 2600B [M section 8 of 2600BS-901-01]
LINES = 14
#: readings that a dedicated buffer of the source-meter takes with timestamps (SPEC-2602B, page 11)
MOST_READINGS = 60_000

#: source-meters of the 2600B family with a digital port (2600BS-901-01 Rev. F, ``digio``)
METERS = {
    name: model for name, model in keithley2600_limits.MODELS.items() if not name[:4].endswith("4")
}


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


def limits_of(generator: Generator, meter: keithley2600_limits.Model, frequency: float) -> Limits:
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
        max_i=meter.most_current(generator.level.full_scale),
        min_width=generator.width,
        min_gap=generator.width,
        min_aperture=LEAST_NPLC / frequency + SLACK,
        resolution=generator.grid,
        max_points=generator.points,
        max_readings=MOST_READINGS,
        ramps=True,
        source=f"{generator.source}; read by a {meter.name}: {meter.source}",
    )
