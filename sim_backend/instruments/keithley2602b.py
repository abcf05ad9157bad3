"""The Keithley 2602B in numbers.

Sources, in the marks used below:

[S] Models 2601B, 2602B and 2604B System SourceMeter Instrument Specifications, SPEC-2602B Rev. B,
    February 2014, pages 1 to 11 (23 degC +- 5 degC, 1 year, 1 PLC).
[D] 2600B System SourceMeter SMU Instruments, data sheet, pages 9 to 12 (table of the derating below
    1 PLC as a fraction of the range, current settling, load capacitance).
[C] check: not found in print; a plausible value that is to be replaced when it is known.
"""

from __future__ import annotations

from sim_backend.instruments.specification import ChannelSpec, MeasureRange, SourceRange

__all__ = ["SPEC"]

# 0.1 Hz to 10 Hz peak to peak as printed [S]; six sigma span it
_PEAK_TO_PEAK = 6.0
# programmed 101 %, measured 102 % of the range [D, "Overrange"]
_SOURCE_OVERRANGE, _MEASURE_OVERRANGE = 1.01, 1.02

# derating below 1 PLC, fraction of range [D note 2]
_100MV = ((0.1, 1e-4), (0.01, 8e-4), (0.001, 8e-3))
_VOLTS = ((0.1, 1e-4), (0.01, 7e-4), (0.001, 6e-3))
_100NA = ((0.1, 1e-4), (0.01, 1e-3), (0.001, 1e-2))
_CURRENTS = ((0.1, 1e-4), (0.01, 5e-4), (0.001, 5e-3))
_AMPERES = ((0.1, 1e-4), (0.01, 5e-4), (0.001, 1.1e-2))

# full scale, resolution, gain error, offset error, noise peak to peak, settling [S]
_V_SOURCE = (
    (0.1, 5e-6, 2e-4, 250e-6, 20e-6, 50e-6),
    (1.0, 50e-6, 2e-4, 400e-6, 50e-6, 50e-6),
    (6.0, 50e-6, 2e-4, 1.8e-3, 100e-6, 110e-6),
    (40.0, 500e-6, 2e-4, 12e-3, 500e-6, 150e-6),
)
_I_SOURCE = (
    (100e-9, 2e-12, 6e-4, 100e-12, 5e-12, 20e-3),
    (1e-6, 20e-12, 3e-4, 800e-12, 25e-12, 2e-3),
    (10e-6, 200e-12, 3e-4, 5e-9, 60e-12, 500e-6),
    (100e-6, 2e-9, 3e-4, 60e-9, 3e-9, 150e-6),
    (1e-3, 20e-9, 3e-4, 300e-9, 6e-9, 100e-6),
    (10e-3, 200e-9, 3e-4, 6e-6, 200e-9, 80e-6),
    (100e-3, 2e-6, 3e-4, 30e-6, 600e-9, 80e-6),
    (1.0, 20e-6, 5e-4, 1.8e-3, 70e-6, 80e-6),
    (3.0, 20e-6, 6e-4, 4e-3, 150e-6, 80e-6),
    (10.0, 200e-6, 5e-3, 40e-3, 500e-6, 80e-6),  # noise not given [C]
)
# full scale, resolution, gain error, offset error [S], derating [D], settling
_V_MEASURE = (
    (0.1, 100e-9, 1.5e-4, 150e-6, _100MV, 50e-6),
    (1.0, 1e-6, 1.5e-4, 200e-6, _VOLTS, 50e-6),
    (6.0, 1e-6, 1.5e-4, 1e-3, _VOLTS, 110e-6),
    (40.0, 10e-6, 1.5e-4, 8e-3, _VOLTS, 150e-6),
)
# settling of a current reading after a voltage step: 1 mA [D]; the others are taken to settle as
# the current source of the same range does [C]
_I_MEASURE = (
    (100e-9, 100e-15, 5e-4, 100e-12, _100NA, 20e-3),
    (1e-6, 1e-12, 2.5e-4, 500e-12, _CURRENTS, 2e-3),
    (10e-6, 10e-12, 2.5e-4, 1.5e-9, _CURRENTS, 500e-6),
    (100e-6, 100e-12, 2e-4, 25e-9, _CURRENTS, 150e-6),
    (1e-3, 1e-9, 2e-4, 200e-9, _CURRENTS, 100e-6),
    (10e-3, 10e-9, 2e-4, 2.5e-6, _CURRENTS, 80e-6),
    (100e-3, 100e-9, 2e-4, 20e-6, _CURRENTS, 80e-6),
    (1.0, 1e-6, 3e-4, 1.5e-3, _AMPERES, 80e-6),
    (3.0, 1e-6, 5e-4, 3.5e-3, _AMPERES, 80e-6),
    (10.0, 10e-6, 4e-3, 25e-3, _AMPERES, 80e-6),
)
_PULSE_ONLY = 10.0  # the 10 A range is reached by pulses alone [S, "Pulse characteristics"]


def _source(
    rows: tuple[tuple[float, float, float, float, float, float], ...],
) -> tuple[SourceRange, ...]:
    return tuple(
        SourceRange(
            full_scale=full,
            maximum=full * (1.0 if full == _PULSE_ONLY else _SOURCE_OVERRANGE),
            resolution=resolution,
            gain_error=gain,
            offset_error=offset,
            noise=noise / _PEAK_TO_PEAK,
            settling=settling,
            pulse_only=full == _PULSE_ONLY,
        )
        for full, resolution, gain, offset, noise, settling in rows
    )


Table = tuple[tuple[float, float], ...]


def _measure(
    rows: tuple[tuple[float, float, float, float, Table, float], ...],
    source: tuple[SourceRange, ...],
) -> tuple[MeasureRange, ...]:
    return tuple(
        MeasureRange(
            full_scale=full,
            maximum=full * (1.0 if full == _PULSE_ONLY else _MEASURE_OVERRANGE),
            resolution=resolution,
            gain_error=gain,
            offset_error=offset,
            # the meter's own noise is not printed; a tenth of the source's on that range [C]
            noise=generator.noise / 10,
            derating=derating,
            settling=settling,
            pulse_only=full == _PULSE_ONLY,
        )
        for (full, resolution, gain, offset, derating, settling), generator in zip(
            rows, source, strict=True
        )
    )


_V = _source(_V_SOURCE)
_I = _source(_I_SOURCE)

SPEC = ChannelSpec(
    model="2602B",
    v_source=_V,
    i_source=_I,
    v_measure=_measure(_V_MEASURE, _V),
    i_measure=_measure(_I_MEASURE, _I),
    dc_area=((40.4, 1.01), (6.06, 3.03)),  # [S page 1]
    pulse_area=((40.4, 1.5), (35.35, 1.515), (20.2, 5.05), (6.06, 10.1)),  # [C] outline only
    v_limit_minimum=10e-3,  # [S page 5]
    i_limit_minimum=10e-9,  # [S page 5]
    v_limit_default=40.0,  # reference manual, smuX.source.limitY
    i_limit_default=1.0,
    nplc_minimum=0.001,  # reference manual, smuX.measure.nplc
    nplc_maximum=25.0,
    slew=0.5e6,  # [C] 40 V within the 150 us of [S]
    output_capacitance=300e-12,  # [C]
    maximum_load_capacitance=10e-9,  # [D page 11]
    input_resistance=10e9,  # [D page 10]
    high_impedance=10e9,  # [C] relay open
    trigger_latency=0.0,  # [C] reference manual section 3 only says that there is one
    source="SPEC-2602B Rev. B (February 2014); 2600B data sheet",
)
