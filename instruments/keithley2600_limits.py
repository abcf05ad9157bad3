"""The 2600B family in numbers: ranges, accuracy, settling and timing, each with its source.

Sources, by their mark:

[S] Models 2601B, 2602B and 2604B System SourceMeter Instrument Specifications, SPEC-2602B Rev. B,
    February 2014, pages 1 to 11 (23 degC +- 5 degC, 1 year, 1 PLC).
[D] 2600B System SourceMeter SMU Instruments, data sheet, pages 9 to 30.
[M] Series 2600B Reference Manual, 2600BS-901-01 Rev. F, August 2021, section 9; page 2-44 for the
    ranges, of which 100 pA is one of the meter alone; Rev. B, page 4-13 for the operating area of
    a current source.
[P] Model 2601B-PULSE Reference Manual, 2601B-PULSE-901-01, page 4-2: with its pulser disabled it is
    a source-meter of four quadrants; the pulser (`instruments.keithley2600_pulser_limits`) makes
    current pulses only, so that no waveform of voltages can be played with it.
[C] check: recalled, or not found in print; to be replaced here when it is known.

What an accuracy specification says of an error is in `instruments.ranges`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from instruments.ranges import Range
from labctl.capability import Limits

__all__ = [
    "LEAST_AVERAGE", "LEAST_COMPLIANCE", "LEAST_DELAY", "LEAST_NPLC", "MICROSECONDS", "MODELS",
    "MOST_CYCLES", "MOST_DELAY", "MOST_NPLC", "SETTLED_AT", "TURNAROUND", "Model", "limits_of",
]  # fmt: skip

#: whole microseconds in a second: the grid of the trigger timers and of the timestamps [M]
MICROSECONDS = 1_000_000

# what an aperture of 0.1, 0.01 and 0.001 PLC adds to the accuracy, as a fraction of the range
# [D page 10 note 2]; SPEC-2602B calls the same figures a typical fraction of the reading, which is
# never more
_LOW_V = (1e-4, 8e-4, 8e-3)
_V = (1e-4, 7e-4, 6e-3)
_LOW_I = (1e-4, 1e-3, 1e-2)
_I = (1e-4, 5e-4, 5e-3)
_HIGH_I = (1e-4, 5e-4, 1.1e-2)


#: smallest current compliance, A [S page 5]
LEAST_COMPLIANCE = 10e-9
_LEAST_36 = 100e-12  # of the 2634B to 2636B, A [M 9-244]
_LEAST_V_02, _LEAST_V_12 = 10e-3, 20e-3  # smallest voltage limits, V [M 9-244]
#: voltage across the load at which a current source is specified to settle, V [S page 5]; what is
#: parallel to the load is charged by the current, so a higher voltage takes in proportion longer
SETTLED_AT = 1.0


@dataclass(frozen=True, slots=True)
class Model:
    """What one model of the family is specified to do."""

    name: str
    channels: tuple[str, ...]
    v_source: tuple[Range, ...]
    i_source: tuple[Range, ...]
    v_meter: tuple[Range, ...]
    i_meter: tuple[Range, ...]
    area: tuple[tuple[float, float], ...]  #: DC operating area: up to V, at most A
    source: str
    least: float = LEAST_COMPLIANCE  #: smallest compliance, A
    least_limit: float = _LEAST_V_12  #: smallest voltage limit of a current source, V
    lengthen: str = "make the level longer"  #: what to do about a level that is too short

    def most_current(self, v: float) -> float:
        """Return the largest compliance that can be set with this peak level, A."""
        return max((i for limit, i in self.area if abs(v) <= limit), default=0.0)

    def most_limit(self, i: float) -> float:
        """Return the largest voltage limit that can be set on this range of the current source, V.

        The limits end with the largest range, not with what can be sourced on it [M 9-244].
        """
        most = max((v for v, limit in self.area if abs(i) <= limit), default=0.0)
        return min(most, self.v_source[-1].full_scale)


def _ranges(rows: Iterable[tuple[float, ...]], *derating: tuple[float, ...]) -> tuple[Range, ...]:
    table = [*derating, *([derating[-1]] * 20 if derating else [])]
    return tuple(
        Range(row[0], row[1], row[2], row[3], table[k] if table else ())
        for k, row in enumerate(rows)
    )


def _with(extra: tuple[Range, ...], ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    return tuple(sorted((*extra, *ranges), key=lambda r: r.full_scale))


# full scale, gain, offset, settling [S pages 2 and 5; D]. Source and meter of a range settle alike
# [S page 5]; a current reading settles as the current source of its range does ([D page 10]
# confirms it for 1 mA) [C]
_02_V_SOURCE = _ranges(
    [
        (0.1, 2e-4, 250e-6, 50e-6), (1.0, 2e-4, 400e-6, 50e-6),
        (6.0, 2e-4, 1.8e-3, 110e-6), (40.0, 2e-4, 12e-3, 150e-6),
    ]
)  # fmt: skip
_02_V_METER = _ranges(
    [
        (0.1, 1.5e-4, 150e-6, 50e-6), (1.0, 1.5e-4, 200e-6, 50e-6),
        (6.0, 1.5e-4, 1e-3, 110e-6), (40.0, 1.5e-4, 8e-3, 150e-6),
    ],
    _LOW_V, _V,
)  # fmt: skip
_I_SOURCE = _ranges(
    [
        (100e-9, 6e-4, 100e-12, 20e-3), (1e-6, 3e-4, 800e-12, 2e-3), (10e-6, 3e-4, 5e-9, 500e-6),
        (100e-6, 3e-4, 60e-9, 150e-6), (1e-3, 3e-4, 300e-9, 100e-6), (10e-3, 3e-4, 6e-6, 80e-6),
        (100e-3, 3e-4, 30e-6, 80e-6),
    ]
)  # fmt: skip
_02_I_SOURCE = (*_I_SOURCE, *_ranges([(1.0, 5e-4, 1.8e-3, 80e-6), (3.0, 6e-4, 4e-3, 80e-6)]))
# 2611B to 2636B: what is above 100 mA [C]
_12_I_SOURCE = (*_I_SOURCE, *_ranges([(1.0, 5e-4, 1.8e-3, 120e-6), (1.5, 6e-4, 4e-3, 120e-6)]))
_I_METER = _ranges(
    [
        (100e-9, 5e-4, 100e-12, 20e-3), (1e-6, 2.5e-4, 500e-12, 2e-3),
        (10e-6, 2.5e-4, 1.5e-9, 500e-6), (100e-6, 2e-4, 25e-9, 150e-6),
        (1e-3, 2e-4, 200e-9, 100e-6), (10e-3, 2e-4, 2.5e-6, 80e-6), (100e-3, 2e-4, 20e-6, 80e-6),
    ],
    _LOW_I, _I,
)  # fmt: skip
_02_AMPERES = _ranges([(1.0, 3e-4, 1.5e-3, 80e-6), (3.0, 5e-4, 3.5e-3, 80e-6)], _HIGH_I)
_12_AMPERES = _ranges([(1.0, 3e-4, 1.5e-3, 80e-6), (1.5, 5e-4, 3.5e-3, 80e-6)], _HIGH_I)
# 2611B to 2636B: voltage figures [C]
_12_V_SOURCE = _ranges(
    [
        (0.2, 2e-4, 375e-6, 50e-6), (2.0, 2e-4, 600e-6, 50e-6),
        (20.0, 2e-4, 5e-3, 110e-6), (200.0, 2e-4, 50e-3, 700e-6),
    ]
)  # fmt: skip
_12_V_METER = _ranges(
    [
        (0.2, 1.5e-4, 225e-6, 50e-6), (2.0, 2e-4, 350e-6, 50e-6),
        (20.0, 1.5e-4, 5e-3, 110e-6), (200.0, 1.5e-4, 50e-3, 700e-6),
    ],
    _LOW_V, _V,
)  # fmt: skip
# 2634B to 2636B: figures below 10 uA and their settling [C]
_36_LOW = _ranges(
    [
        (1e-9, 1.5e-3, 240e-15, 300e-3), (10e-9, 1.5e-3, 3e-12, 80e-3),
        (100e-9, 6e-4, 40e-12, 20e-3), (1e-6, 2.5e-4, 400e-12, 2e-3),
    ],
    _LOW_I, _LOW_I, _LOW_I, _I,
)  # fmt: skip
_36_I_SOURCE = (
    *_ranges(
        [
            (1e-9, 1.5e-3, 2e-12, 300e-3), (10e-9, 1.5e-3, 5e-12, 80e-3),
            (100e-9, 6e-4, 50e-12, 20e-3), (1e-6, 3e-4, 700e-12, 2e-3),
        ]
    ),
    *_12_I_SOURCE[2:],
)  # fmt: skip
_36_I_METER = _with(_36_LOW, (*_I_METER[2:], *_12_AMPERES))
_36_PICO = _ranges([(100e-12, 1.5e-3, 120e-15, 3.0)], _LOW_I)  # not on the 2634B

_02_AREA = ((40.4, 1.01), (6.06, 3.03))  # [S page 1]
_12_AREA = ((202.0, 0.101), (20.2, 1.515))  # [D page 15]
_02_SOURCE = "SPEC-2602B Rev. B pages 1-11; 2600B data sheet page 10; shortest pulse: check"
_PULSE_SOURCE = f"{_02_SOURCE}; 2601B-PULSE-901-01 page 4-2: a pulser besides, for currents"
_PULSE = "make the level longer: the pulser, which is faster, makes currents and no voltages"
_12_SOURCE = "2600B data sheet page 15; voltage accuracy and shortest pulse: check"
_36_SOURCE = "2600B data sheet; accuracy below 10 uA, voltage accuracy, shortest pulse: check"


def _family() -> Iterable[Model]:
    one, two = ("a",), ("a", "b")
    for name, channels in (("2601B", one), ("2602B", two), ("2604B", two), ("2601B-PULSE", one)):
        meter = (*_I_METER, *_02_AMPERES)
        made = Model(
            name, channels, _02_V_SOURCE, _02_I_SOURCE, _02_V_METER, meter, _02_AREA, _02_SOURCE,
            least_limit=_LEAST_V_02,
        )  # fmt: skip
        yield replace(made, source=_PULSE_SOURCE, lengthen=_PULSE) if "PULSE" in name else made
    for name, channels in (("2611B", one), ("2612B", two), ("2614B", two)):
        meter = (*_I_METER, *_12_AMPERES)
        yield Model(
            name, channels, _12_V_SOURCE, _12_I_SOURCE, _12_V_METER, meter, _12_AREA, _12_SOURCE
        )
    for name, channels in (("2634B", two), ("2635B", one), ("2636B", two)):
        meter = _36_I_METER if name == "2634B" else _with(_36_PICO, _36_I_METER)
        yield Model(
            name, channels, _12_V_SOURCE, _36_I_SOURCE, _12_V_METER, meter, _12_AREA, _36_SOURCE,
            _LEAST_36,
        )  # fmt: skip


#: the models this driver knows; the 10 A range, which only pulses reach, is not used
MODELS = {model.name: model for model in _family()}

#: shortest aperture in power line cycles, and the longest [M 9-234]
LEAST_NPLC, MOST_NPLC = 0.001, 25.0
#: shortest delay of a trigger timer, us [M 9-375]
LEAST_DELAY = 8
#: longest, us [M 9-376]
MOST_DELAY = 100_000_000_000
#: least average of the delays of a timer that has more than one, us (2606B reference manual,
#: 2606B-901-01 Rev. C, page 15-371; not stated for the 2600B)
LEAST_AVERAGE = 50
#: most events of a trigger timer after the first one (0 to 1 048 575) [M 9-375]
MOST_CYCLES = 1_048_576
#: what a cycle of the trigger model takes besides its aperture, us: 12 000 source-measure
#: operations a second at 0.001 PLC are 83 us each [S page 8]
TURNAROUND = 67


def limits_of(model: Model, line_frequency: float) -> Limits:
    """Return what a model can do with a waveform, at the unit's power line frequency in Hz."""
    return Limits(
        model=model.name,
        max_v=model.v_source[-1].source_maximum,
        max_i=max(i for _, i in model.area),
        min_width=100e-6,
        # back at zero to 0.1 % in 50 to 150 us, and the trigger model is ready after 67 us [C]
        min_gap=100e-6,
        min_aperture=LEAST_NPLC / line_frequency,
        resolution=1 / MICROSECONDS,
        max_points=10_000,  # list lengths are bounded by memory alone; this is known to fit [C]
        max_readings=60_000,  # [S page 11]
        ramps=False,
        source=model.source,
    )
