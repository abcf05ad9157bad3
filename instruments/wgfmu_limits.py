"""The B1530A in numbers: ranges, accuracy, settling and timing, each with its source.

Sources, by their mark:

[M] the 10 ns grid, as printed for the B1530A.
[U] Keysight B1500A User's Guide, Edition 14, table 4-22 on page 4-40: the shortest pulse on each
    current range, and the time to within 0.6 % of the final value after a step of 10 V over a
    resistor behind 20 pF; supplemental data, which are not guaranteed.
[H] ``wgfmu.h`` and the descriptions of its functions: ranges, averaging times, vectors.
[C] check: recalled from the data sheet, or assumed; to be replaced here when it is known.

A WGFMU has no current limit that can be set: its ammeter's range bounds what is read, and the
output gives up to 10 mA [C].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from instruments.keithley4200_limits import Source
from instruments.ranges import Range
from labctl.capability import Limits

__all__ = [
    "LONGEST_AVERAGE", "MODELS", "MOST_CURRENT", "MOST_LOOPS", "MOST_READINGS", "MOST_VECTORS",
    "TICK", "Ammeter", "Model", "limits_of", "source_for",
]  # fmt: skip

TICK = 10e-9  #: s [M]
MOST_CURRENT = 10e-3  #: of the output, A [C]
MOST_VECTORS = 2048  #: of a channel [C]
MOST_LOOPS = 10**12  #: of a sequence [H]
MOST_READINGS = 4_000_000  #: of a channel [C]
LONGEST_AVERAGE = 2_000_000  #: ticks: 20 ms [H]
_EDGE = 3  # ticks: fastest edge that is drawn [C]
_SHORTEST = 1  # tick: a segment [H]
_UNREAD = 10  # ticks: shortest level that nobody measures, and shortest rest [C]
_V_METER = Range(5.0, 1e-3, 5e-3, 100e-9, overrange=1.0)


@dataclass(frozen=True, slots=True)
class Ammeter:
    """One current range."""

    range: Range
    shortest: int  #: pulse in which it measures, ticks [U]


@dataclass(frozen=True, slots=True)
class Model:
    """What a module can do."""

    name: str
    ammeters: tuple[Ammeter, ...]
    volts: tuple[Range, ...]  #: accuracy of the source, by its largest level


#: from the time to within 0.6 % to that within 0.1 %, by one pole
_FINER = math.log(1000.0) / math.log(1 / 0.006)


def _ammeter(full: float, offset: float, shortest: float, settled: float) -> Ammeter:
    return Ammeter(
        Range(full, 1e-3, offset, settled * _FINER, overrange=1.0),
        math.ceil(shortest / TICK - 1e-6),
    )


#: models this driver knows; accuracy [C], times [U]
MODELS = {
    "B1530A": Model(
        "B1530A",
        (
            _ammeter(1e-6, 2e-9, 38.7e-6, 37e-6), _ammeter(10e-6, 10e-9, 6.8e-6, 5.8e-6),
            _ammeter(100e-6, 100e-9, 950e-9, 820e-9), _ammeter(1e-3, 1e-6, 240e-9, 200e-9),
            _ammeter(10e-3, 10e-6, 145e-9, 125e-9),
        ),
        tuple(Range(v, 1e-3, o, 30e-9, overrange=1.0)
              for v, o in ((3.0, 3e-3), (5.0, 5e-3), (10.0, 10e-3))),
    )
}  # fmt: skip


def source_for(model: Model, peak: float) -> Source:
    """Return the source for a waveform by its largest level, V."""
    full = next(r.full_scale for r in model.volts if peak <= r.full_scale * (1 + 1e-9))
    return Source(full, _SHORTEST, _EDGE, _UNREAD, _V_METER)


def limits_of(model: Model) -> Limits:
    """Return what a model can do with a waveform."""
    fastest = model.ammeters[-1].shortest
    return Limits(
        model=model.name,
        max_v=model.volts[-1].full_scale,
        max_i=MOST_CURRENT,
        min_width=fastest * TICK,
        min_gap=_UNREAD * TICK,
        min_aperture=2 * TICK,
        resolution=TICK,
        max_points=MOST_VECTORS,
        max_readings=MOST_READINGS,
        ramps=True,
        source="B1500A User's Guide, Edition 14, table 4-22; wgfmu.h; accuracy, edges and sizes: "
        "check",
    )
