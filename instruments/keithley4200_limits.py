"""The 4225-PMU with its 4225-RPMs in numbers: ranges, accuracy, settling and timing.

Sources, by their mark:

[M] Model 4200A-SCS Reference Manual, 4200A-901-01 Rev. C, February 2017, sections 5 and 6.
[P] Model 4200A-SCS Pulse Card User's Manual, 4200A-PMU-900-01 Rev. B, March 2023, section 4.
[K] Model 4200A-SCS KXCI Programming, 4200A-KXCI-907-01 Rev. D, May 2024, section 7.
[C] check: recalled from the 4200A-SCS data sheet, or assumed; to be replaced when it is known.

A pulse card has no current limit that can be set: its measure ranges are not source ranges [M], and
what bounds a current is the output resistance of 50 Ohm [P page 4-19].
"""

from __future__ import annotations

from dataclasses import dataclass

from instruments.ranges import Range
from labctl.capability import Limits

__all__ = [
    "GRID", "LONGEST", "LONGEST_SAMPLE", "MODELS", "MOST_ENTRIES", "MOST_LOOPS", "MOST_SAMPLES",
    "MOST_SEGMENTS", "MOST_SEQUENCES", "MOST_VALUES", "POINTS_AT_ONCE", "RESISTANCE", "Model",
    "Source", "limits_of", "ranges_of",
]  # fmt: skip

#: ticks of a waveform (1 ps) in the card's 10 ns [P page 4-12]
GRID = 10_000
#: longest segment, in those [K 7-52]
LONGEST = 100_000_000
#: from one sample of a waveform to the next, in those: the lowest rate is 1000 in a second [C]
LONGEST_SAMPLE = 100_000
MOST_SAMPLES = 1_000_000  #: of a converter in one test [P page 4-11]
MOST_SEGMENTS = 2048  #: of a channel [P page 4-12]
MOST_SEQUENCES = 512  #: [K 7-40]
MOST_ENTRIES = 512  #: of the list of sequences [C]
MOST_LOOPS = 10**12  #: of one of its entries [K 7-56]
MOST_VALUES = 128  #: in one command [K 7-40]
POINTS_AT_ONCE = 2048  #: of ``:PMU:DATA:GET`` [K 7-7]
RESISTANCE = 50.0  #: of the output, Ohm [P page 4-19]
_MOST_POINTS = 65_536  # of a channel in a test [K 7-24]


@dataclass(frozen=True, slots=True)
class Source:
    """One source range; times in ticks of 10 ns."""

    full_scale: float  #: V
    shortest: int  #: segment
    edge: int  #: fastest transition
    width: int  #: shortest level, full width at half maximum
    v_meter: Range


@dataclass(frozen=True, slots=True)
class Model:
    """What a configuration can do."""

    name: str
    channels: tuple[str, ...]
    sources: tuple[Source, ...]


#: segments of 20 ns and 50 ns [K 7-52]; shortest width and edge of the 10 V range [K 7-20], those
#: of the 40 V range and the accuracy of the voltmeter [C]
_SOURCES = (
    Source(10.0, 2, 2, 4, Range(10.0, 2.5e-3, 10e-3, 30e-9, overrange=1.0)),
    Source(40.0, 5, 10, 15, Range(40.0, 2.5e-3, 20e-3, 30e-9, overrange=1.0)),
)

#: models this driver knows
MODELS = {"4200A-SCS": Model("4225-PMU", ("pmu1", "pmu2"), _SOURCES)}


def _ranges(*rows: tuple[float, float, float, float]) -> tuple[Range, ...]:
    return tuple(Range(*row) for row in rows)


# full scale [M page 6-73], gain, offset, settling [C]
_CARD_10V = _ranges((10e-3, 2.5e-3, 100e-6, 100e-9), (0.2, 2.5e-3, 250e-6, 30e-9))
_MODULE_10V = _ranges(
    (100e-9, 5e-3, 1e-9, 100e-6), (1e-6, 5e-3, 1e-9, 15e-6), (10e-6, 5e-3, 30e-9, 6e-6),
    (100e-6, 5e-3, 100e-9, 750e-9), (1e-3, 5e-3, 1e-6, 250e-9), (10e-3, 5e-3, 10e-6, 100e-9),
)  # fmt: skip
_40V = _ranges(
    (100e-6, 2.5e-3, 1e-6, 6.4e-6), (10e-3, 5e-3, 100e-6, 500e-9), (0.8, 2.5e-3, 3e-3, 500e-9),
)  # fmt: skip


def ranges_of(source: Source, *, module: bool) -> tuple[Range, ...]:
    """Return the ranges of the ammeter on a source range, ascending; `module`: there is an RPM."""
    if source.full_scale > 10:
        return _40V
    return (*_MODULE_10V, _CARD_10V[-1]) if module else _CARD_10V


def limits_of(model: Model) -> Limits:
    """Return what a model can do with a waveform."""
    tick = 10e-9
    return Limits(
        model=model.name,
        max_v=model.sources[-1].full_scale,
        max_i=model.sources[-1].full_scale / RESISTANCE,
        min_width=model.sources[0].width * tick,
        min_gap=model.sources[0].width * tick,
        min_aperture=2 * tick,
        resolution=tick,
        max_points=MOST_SEGMENTS,
        max_readings=_MOST_POINTS,
        ramps=True,
        source="4200A-KXCI-907-01 Rev. D section 7; 4200A-PMU-900-01 Rev. B section 4; accuracy, "
        "settling and timing of the 40 V range: check",
    )
