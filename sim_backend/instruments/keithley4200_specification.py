"""The Keithley 4200A-SCS in numbers: its 4200-SMU, and the 4225-PMU with a 4225-RPM.

Sources, in the marks used below:

[M] Model 4200A-SCS Reference Manual, 4200A-901-01 Rev. C, February 2017, sections 5, 6 and 9.
[P] Model 4200A-SCS Pulse Card User's Manual, 4200A-PMU-900-01 Rev. B, March 2023.
[K] Model 4200A-SCS KXCI Programming, 4200A-KXCI-907-01 Rev. D, May 2024, section 7.
[C] check: recalled from the 4200A-SCS data sheet or assumed; to be replaced when it is known.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim_backend.instruments.specification import ChannelSpec, MeasureRange, SourceRange

__all__ = [
    "GRID", "MOST_POINTS", "MOST_SAMPLES", "OUTPUT_RESISTANCE", "PMU", "RPM_RANGES", "SMU",
    "VOLTAGE_RANGES", "VoltageRange", "current_ranges", "meter_range",
]  # fmt: skip

GRID = 10e-9  #: resolution of every time of a pulse card, s [P]
OUTPUT_RESISTANCE = 50.0  #: of a pulse card, Ohm [P page 4-19]; so with a 4225-RPM (PA-1086)
MOST_POINTS = 65_536  #: readings of a channel that one test can hold [K page 7-24]
MOST_SAMPLES = 1_000_000  #: of a converter in one test [P page 4-11]

_PEAK_TO_PEAK = 6.0  # six sigma span a noise that is printed peak to peak


@dataclass(frozen=True, slots=True)
class VoltageRange:
    """What a pulse card can do on one of its source ranges; times in s."""

    full_scale: float  #: V
    most_current: float  #: into a short circuit, A
    shortest_segment: float
    shortest_width: float
    shortest_edge: float
    shortest_period: float
    shortest_off: float
    accuracy: tuple[float, float]  #: of a voltage reading: gain, offset in V
    noise: float  #: of a voltage reading, V rms


#: by the parameter of ``:PMU:SOURCE:RANGE``; segments 20 ns and 50 ns [K 7-52], pulse timing of the
#: 10 V range [K 7-20]; that of the 40 V range, accuracy and noise [C]
VOLTAGE_RANGES = {
    10.0: VoltageRange(10.0, 0.2, 20e-9, 40e-9, 20e-9, 60e-9, 40e-9, (2.5e-3, 10e-3), 1e-3),
    40.0: VoltageRange(40.0, 0.8, 50e-9, 140e-9, 100e-9, 280e-9, 100e-9, (2.5e-3, 20e-3), 2e-3),
}
LONGEST_SEGMENT = 1.0  # s [K 7-52]
LONGEST_PERIOD = 1.0  # s [K 7-20]
LONGEST_EDGE = 33e-3  # s [K 7-20]

# full scale [M 6-73], gain, offset, noise rms, settling to within the accuracy [C]
_CARD_10V = ((10e-3, 2.5e-3, 100e-6, 15e-6, 100e-9), (0.2, 2.5e-3, 250e-6, 50e-6, 30e-9))
_CARD_40V = (
    (100e-6, 2.5e-3, 1e-6, 75e-9, 6.4e-6),
    (10e-3, 5e-3, 100e-6, 5e-6, 500e-9),
    (0.8, 2.5e-3, 3e-3, 200e-6, 500e-9),
)
_MODULE_10V = (
    (100e-9, 5e-3, 1e-9, 200e-12, 100e-6),
    (1e-6, 5e-3, 1e-9, 2e-9, 15e-6),
    (10e-6, 5e-3, 30e-9, 5e-9, 6e-6),
    (100e-6, 5e-3, 100e-9, 50e-9, 750e-9),
    (1e-3, 5e-3, 1e-6, 300e-9, 250e-9),
    (10e-3, 5e-3, 10e-6, 1.5e-6, 100e-9),
)
#: ranges that a 4225-RPM measures itself, A [M 6-73]
RPM_RANGES = tuple(row[0] for row in _MODULE_10V)
# a range of the same name on the other voltage range is another one: it is told apart by this
_ELSE = 1 + 1e-6


def current_ranges(volts: float, *, module: bool) -> tuple[float, ...]:
    """Return the full scales of the current ranges, A, ascending.

    Parameters
    ----------
    volts
        Source range, 10 or 40 V.
    module
        Whether there is a 4225-RPM.
    """
    if volts != 10.0:
        return tuple(row[0] for row in _CARD_40V)
    return (*RPM_RANGES, _CARD_10V[-1][0]) if module else tuple(row[0] for row in _CARD_10V)


def meter_range(volts: float, amperes: float, *, module: bool) -> float:
    """Return under which full scale the table of the electronics has a current range."""
    if volts != 10.0:
        return amperes * _ELSE
    return amperes if module or amperes > RPM_RANGES[-1] else amperes * _ELSE**2


def _pulse_meters() -> tuple[MeasureRange, ...]:
    rows = [
        *_MODULE_10V,
        _CARD_10V[1],
        *((row[0] * _ELSE, *row[1:]) for row in _CARD_40V),
        (_CARD_10V[0][0] * _ELSE**2, *_CARD_10V[0][1:]),
    ]
    return tuple(_meter(*row) for row in sorted(rows))


def _meter(full: float, gain: float, offset: float, noise: float, settling: float) -> MeasureRange:
    return MeasureRange(full, full * 1.02, full * 1e-5, gain, offset, noise, (), settling)


def _source(
    full: float, step: float, gain: float, offset: float, noise: float, settling: float
) -> SourceRange:
    most = full * 1.05
    return SourceRange(full, most, step, gain, offset, noise / _PEAK_TO_PEAK, settling)


#: electronics of a pulse channel: its meter; what it sources is a waveform behind 50 Ohm
PMU = ChannelSpec(
    model="4225-PMU",
    v_source=tuple(
        SourceRange(r.full_scale, r.full_scale, 1e-3, 5e-3, r.accuracy[1], 0.0, 1e-9)
        for r in VOLTAGE_RANGES.values()
    ),
    i_source=(SourceRange(0.8, 0.8, 1e-6, 5e-3, 0.0, 0.0, 1e-9),),
    v_measure=tuple(
        MeasureRange(r.full_scale, r.full_scale * 1.02, 1e-3, *r.accuracy, r.noise, (), 30e-9)
        for r in VOLTAGE_RANGES.values()
    ),
    i_measure=_pulse_meters(),
    dc_area=((10.0, 0.2), (40.0, 0.8)),
    pulse_area=(),
    v_limit_minimum=0.0,
    i_limit_minimum=0.8,
    v_limit_default=40.0,
    i_limit_default=0.8,
    nplc_minimum=1e-9,
    nplc_maximum=1e3,
    slew=1e9,
    output_capacitance=0.0,
    maximum_load_capacitance=0.0,
    input_resistance=1e12,
    high_impedance=1e12,
    trigger_latency=0.0,
    source="4200A-901-01 Rev. C; 4200A-PMU-900-01 Rev. B; accuracy, noise and settling: check",
)

# full scale, resolution, gain error, offset error, noise peak to peak, settling [C]
_SMU_V_SOURCE = (
    (0.2, 5e-6, 2e-4, 150e-6, 20e-6, 100e-6),
    (2.0, 50e-6, 2e-4, 300e-6, 50e-6, 100e-6),
    (20.0, 500e-6, 2e-4, 1.5e-3, 200e-6, 100e-6),
    (200.0, 5e-3, 2e-4, 15e-3, 2e-3, 500e-6),
)
_SMU_I_SOURCE = (
    (100e-9, 5e-12, 6e-4, 30e-12, 5e-12, 10e-3),
    (1e-6, 50e-12, 6e-4, 200e-12, 25e-12, 2e-3),
    (10e-6, 500e-12, 6e-4, 1.5e-9, 60e-12, 500e-6),
    (100e-6, 5e-9, 3.8e-4, 15e-9, 3e-9, 150e-6),
    (1e-3, 50e-9, 4e-4, 150e-9, 6e-9, 100e-6),
    (10e-3, 500e-9, 4.2e-4, 1.5e-6, 200e-9, 100e-6),
    (100e-3, 5e-6, 5e-4, 15e-6, 600e-9, 100e-6),
)
# full scale, gain error, offset error [C]
_SMU_V_MEASURE = (
    (0.2, 1.2e-4, 100e-6), (2.0, 1.2e-4, 150e-6), (20.0, 1e-4, 1e-3), (200.0, 1.5e-4, 3e-3),
)  # fmt: skip
_SMU_I_MEASURE = (
    (100e-9, 5e-4, 30e-12), (1e-6, 5e-4, 100e-12), (10e-6, 5e-4, 600e-12), (100e-6, 3.3e-4, 3e-9),
    (1e-3, 3.5e-4, 30e-9), (10e-3, 3.7e-4, 300e-9), (100e-3, 4.5e-4, 3e-6),
)  # fmt: skip
_SHORT = ((0.1, 1e-4), (0.01, 1e-3))  # what an aperture below 1 PLC adds, fraction of range [C]


def _measures(
    rows: tuple[tuple[float, float, float], ...], sources: tuple[SourceRange, ...]
) -> tuple[MeasureRange, ...]:
    return tuple(
        MeasureRange(
            full, full * 1.05, full * 1e-6, gain, offset, source.noise / 10, _SHORT, source.settling
        )
        for (full, gain, offset), source in zip(rows, sources, strict=True)
    )


_V = tuple(_source(*row) for row in _SMU_V_SOURCE)
_I = tuple(_source(*row) for row in _SMU_I_SOURCE)

#: a 4200-SMU without a preamplifier
SMU = ChannelSpec(
    model="4200-SMU",
    v_source=_V,
    i_source=_I,
    v_measure=_measures(_SMU_V_MEASURE, _V),
    i_measure=_measures(_SMU_I_MEASURE, _I),
    dc_area=((21.0, 0.105), (210.0, 0.0105)),  # [C]
    pulse_area=(),
    v_limit_minimum=20e-3,  # [C]
    i_limit_minimum=100e-12,  # [C]
    v_limit_default=20.0,
    i_limit_default=0.1,
    nplc_minimum=0.01,
    nplc_maximum=10.0,
    slew=0.2e6,  # [C]
    output_capacitance=300e-12,  # [C]
    maximum_load_capacitance=10e-9,  # [C]
    input_resistance=10e12,  # [C]
    high_impedance=10e12,  # [C]
    trigger_latency=0.0,
    source="4200A-901-01 Rev. C; accuracy, noise and settling: check",
)
