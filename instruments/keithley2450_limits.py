"""The 2450 family in numbers: ranges, accuracy, settling and timing, each with its source.

Sources, by their mark:

[S] Model 2450 specifications, SPEC-2450 Rev. A (July 2013), 23 degC +- 5 degC, 1 year, 1 PLC;
    ranges and accuracy on page 2.
[R] Model 2461 Reference Manual, 2461-901-01 Rev. A (November 2015); 2450-901-01 Rev. B (2013).
[C] check: not found in print, or recalled; to be replaced here when it is known. All errors of the
    2460 and 2461 are so marked, but 0.02 % + 15 uA of their current source on 100 mA [R page 4-19].

The times of one step of a trigger model, autozero off. The sums are those of the reading rates of
[S] at 60 Hz (3130 readings, 1710 source-measure steps a second); how they are shared out is [C]::

    source moves                                                     source moves
      |-- user delay 1 --|-- 152 us --|-- aperture --|-- user delay 2 --|-- 265 us --|
                         timestamp
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from instruments.ranges import Range, range_for
from labctl.capability import Limits

__all__ = [
    "AUTO_ZERO_NPLC", "BLOCK", "CONVERT", "HEAD", "LEAST_NPLC", "LONGEST", "MODELS",
    "MOST_LEVELS", "MOST_LOOPS", "MOST_NPLC", "MOST_READINGS", "RESOLUTION", "SETTING",
    "SETTLED_AT", "TAIL", "Model", "Pulsing", "least_step", "limits_of",
]  # fmt: skip

#: from recalling an index of a configuration list to the source's move, s [S]
SETTING = 265e-6
#: added to every conversion, s [S]
CONVERT = 152e-6
#: one block of the trigger model, s [C]
BLOCK = 1e-6
#: blocks between the source's move and a reading, and between that and the next move, s
HEAD, TAIL = 2 * BLOCK, SETTING + 4 * BLOCK
#: grid of user delays, s [C]
RESOLUTION = 1e-6
#: longest step: two user delays, s [R page 6-92]
LONGEST = 20_000.0
#: aperture in power line cycles [R page 6-68]
LEAST_NPLC, MOST_NPLC = 0.01, 10.0
#: autozero is done with this aperture: below 0.2 line cycles it takes a second longer [R page 6-72]
AUTO_ZERO_NPLC = 1.0
#: indexes of a configuration list that one step may need [C]
MOST_LEVELS = 5_000
#: of a counter in the trigger model [R page 6-191]
MOST_LOOPS = 268_435_455
#: of a reading buffer, the default ones left as they are [R page 6-171]
MOST_READINGS = 6_600_000

#: voltage across the load for which the settling of a current source holds, V; what is parallel to
#: the load is charged by the current, so a higher voltage takes in proportion longer [C]
SETTLED_AT = 1.0

_OVERRANGE = 1.05  # of every source range [S]
_USUAL = (5e-5, 5e-4)  # what 0.1 and 0.01 PLC add, as a fraction of the range [C]
_COARSE = (5e-4, 5e-3)  # the same on the lowest voltage ranges and from 1 A [C]
_LEVEL = 0.8e-3  # s: shortest level whose reading by `labctl.waveform.pulse` is long enough


@dataclass(frozen=True, slots=True)
class Pulsing:
    """Pulses with the digitizer of the 2461 [R pages 6-104 to 6-132]; s."""

    shortest: float = 150e-6  #: pulse
    gap: float = 300e-6  #: between two pulses: recalling the next one
    aperture: tuple[float, float] = (1e-6, 1e-3)  #: of the digitizer
    grid: float = 1e-6  #: of its aperture


@dataclass(frozen=True, slots=True)
class Model:
    """What one model of the family is specified to do."""

    name: str
    v_source: tuple[Range, ...]
    i_source: tuple[Range, ...]
    v_meter: tuple[Range, ...]
    i_meter: tuple[Range, ...]
    area: tuple[tuple[float, float], ...]  #: DC operating area: up to V, at most A
    least_compliance: float  #: A
    least_limit: float  #: smallest voltage limit of the current source, V
    source: str
    pulsing: Pulsing | None = None

    def most_current(self, v: float) -> float:
        """Return the largest compliance that can be set with the source range of a level, A."""
        # the limit is checked against the source range, and not against the level
        fitting = range_for(self.v_source, v, source=True)
        reach = math.inf if fitting is None else fitting.full_scale
        return max((i for limit, i in self.area if reach <= limit), default=0.0)

    def most_limit(self, i: float) -> float:
        """Return the largest voltage limit that can be set on this range of the current source, V.

        The limit is checked against the source range here as well.
        """
        return max((v for v, limit in self.area if i <= limit), default=0.0)


Rows = Iterable[tuple[float, float, float, float]]


def _table(rows: Rows, coarse: tuple[float, ...] = (), *, meter: bool = True) -> tuple[Range, ...]:
    """Return ranges from rows of full scale, gain, offset and settling."""
    return tuple(
        Range(full, gain, offset, settling,
              (_COARSE if full in coarse else _USUAL) if meter else (), _OVERRANGE)
        for full, gain, offset, settling in rows
    )  # fmt: skip


# full scale, gain, offset, settling to 0.1 %: 200 us on 20 V [S], the other ranges [C]
_V_2450 = (
    (20e-3, 1e-3, 200e-6, 200e-6), (0.2, 1.5e-4, 200e-6, 200e-6), (2.0, 2e-4, 300e-6, 200e-6),
    (20.0, 1.5e-4, 2.4e-3, 200e-6), (200.0, 1.5e-4, 24e-3, 1e-3),
)  # fmt: skip
_METER_V_2450 = (
    (20e-3, 1e-3, 150e-6, 200e-6), (0.2, 1.2e-4, 200e-6, 200e-6), (2.0, 1.2e-4, 300e-6, 200e-6),
    (20.0, 1.5e-4, 1e-3, 200e-6), (200.0, 1.5e-4, 10e-3, 1e-3),
)  # fmt: skip
_SOURCE_I_2450 = (
    (10e-9, 1e-3, 100e-12, 50e-3), (100e-9, 6e-4, 150e-12, 5e-3), (1e-6, 2.5e-4, 400e-12, 1.5e-3),
    (10e-6, 2.5e-4, 1.5e-9, 500e-6), (100e-6, 2e-4, 15e-9, 200e-6), (1e-3, 2e-4, 150e-9, 200e-6),
    (10e-3, 2e-4, 1.5e-6, 200e-6), (100e-3, 2.5e-4, 15e-6, 200e-6), (1.0, 6.7e-4, 900e-6, 200e-6),
)  # fmt: skip
_I_2450 = (
    (10e-9, 1e-3, 50e-12, 50e-3), (100e-9, 6e-4, 100e-12, 5e-3), (1e-6, 2.5e-4, 300e-12, 1.5e-3),
    (10e-6, 2.5e-4, 700e-12, 500e-6), (100e-6, 2e-4, 6e-9, 200e-6), (1e-3, 2e-4, 60e-9, 200e-6),
    (10e-3, 2e-4, 600e-9, 200e-6), (100e-3, 2.5e-4, 6e-6, 200e-6), (1.0, 3e-4, 500e-6, 200e-6),
)  # fmt: skip
_V_2460 = (
    (0.2, 1.5e-4, 200e-6, 200e-6), (2.0, 2e-4, 300e-6, 200e-6), (7.0, 1.5e-4, 2.4e-3, 200e-6),
    (10.0, 1.5e-4, 2.4e-3, 200e-6), (20.0, 1.5e-4, 2.4e-3, 200e-6), (100.0, 1.5e-4, 15e-3, 1e-3),
)  # fmt: skip
_METER_V_2460 = (
    (0.2, 1.2e-4, 200e-6, 200e-6), (2.0, 1.2e-4, 300e-6, 200e-6), (7.0, 1.5e-4, 1e-3, 200e-6),
    (10.0, 1.5e-4, 1e-3, 200e-6), (20.0, 1.5e-4, 1e-3, 200e-6), (100.0, 1.5e-4, 5e-3, 1e-3),
)  # fmt: skip
_SOURCE_I_2460 = (
    (1e-6, 2.5e-4, 1e-9, 1.5e-3), (10e-6, 2.5e-4, 1.5e-9, 500e-6), (100e-6, 2e-4, 15e-9, 200e-6),
    (1e-3, 2e-4, 150e-9, 200e-6), (10e-3, 2e-4, 1.5e-6, 200e-6), (100e-3, 2e-4, 15e-6, 200e-6),
    (1.0, 5e-4, 750e-6, 200e-6), (4.0, 1e-3, 3e-3, 200e-6), (5.0, 1e-3, 3e-3, 200e-6),
    (7.0, 1.5e-3, 5e-3, 200e-6),
)  # fmt: skip
_I_2460 = (
    (1e-6, 2.5e-4, 700e-12, 1.5e-3), (10e-6, 2.5e-4, 1e-9, 500e-6), (100e-6, 2e-4, 10e-9, 200e-6),
    (1e-3, 2e-4, 100e-9, 200e-6), (10e-3, 2e-4, 1e-6, 200e-6), (100e-3, 2.5e-4, 10e-6, 200e-6),
    (1.0, 3e-4, 500e-6, 200e-6), (4.0, 5e-4, 2.5e-3, 200e-6), (5.0, 5e-4, 2.5e-3, 200e-6),
    (7.0, 1.5e-3, 5e-3, 200e-6),
)  # fmt: skip
_HIGH_2460 = (1.0, 4.0, 5.0, 7.0)

_SOURCE_2450 = (
    "SPEC-2450 Rev. A; 2450-901-01 Rev. B; accuracy at short apertures, time of a block: check"
)
_SOURCE_2460 = "2461-901-01 Rev. A; accuracy, settling and times: check"


def _series_2460(name: str, pulsing: Pulsing | None) -> Model:
    return Model(
        name,
        _table(_V_2460, meter=False),
        _table(_SOURCE_I_2460, meter=False),
        _table(_METER_V_2460, (0.2,)),
        _table(_I_2460, _HIGH_2460),
        ((7.35, 7.35), (10.5, 5.25), (21.0, 4.2), (105.0, 1.05)),  # [R page 6-94]
        1e-6,  # [R page 6-94]
        0.2,  # [R page 6-94]
        _SOURCE_2460,
        pulsing,
    )


#: the models this driver knows
MODELS = {
    model.name: model
    for model in (
        Model(
            "2450", _table(_V_2450, meter=False), _table(_SOURCE_I_2450, meter=False),
            _table(_METER_V_2450, (20e-3, 0.2)), _table(_I_2450, (1.0,)),
            ((21.0, 1.05), (210.0, 0.105)), 1e-9, 0.02, _SOURCE_2450,
        ),
        _series_2460("2460", None),
        _series_2460("2461", Pulsing()),
    )
}  # fmt: skip


def least_step(line_frequency: float) -> float:
    """Return the shortest step with a reading, s, at a frequency of the mains in Hz."""
    return HEAD + CONVERT + LEAST_NPLC / line_frequency + TAIL


def limits_of(model: Model, line_frequency: float) -> Limits:
    """Return what a model can do with a waveform, at the unit's power line frequency in Hz."""
    pulsing = model.pulsing
    shortest = least_step(line_frequency)
    return Limits(
        model=model.name,
        max_v=model.v_source[-1].source_maximum,
        max_i=max(i for _, i in model.area),
        min_width=_LEVEL if pulsing is None else pulsing.shortest,
        min_gap=shortest if pulsing is None else pulsing.gap,
        min_aperture=LEAST_NPLC / line_frequency if pulsing is None else pulsing.aperture[0],
        resolution=RESOLUTION,
        max_points=MOST_LEVELS,
        max_readings=MOST_READINGS,
        ramps=False,
        source=model.source,
    )
