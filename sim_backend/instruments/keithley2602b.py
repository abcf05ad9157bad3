"""The Keithley 2602B in numbers.

Sources, in the marks used below:

[S] Models 2601B, 2602B and 2604B System SourceMeter Instrument Specifications, SPEC-2602B Rev. B,
    February 2014, pages 1 to 11 (23 degC +- 5 degC, 1 year, 1 PLC).
[D] 2600B System SourceMeter SMU Instruments, data sheet, pages 9 to 12 (table of the derating below
    1 PLC as a fraction of the range, current settling, load capacitance).
[C] check: not found in print; a plausible value that is to be replaced when it is known.
"""

from __future__ import annotations

from sim_backend.instruments.keithley26_rows import (
    AMPERES,
    CURRENTS,
    LOW_CURRENT,
    LOW_VOLTAGE,
    VOLTS,
    measure,
    source,
)
from sim_backend.instruments.specification import ChannelSpec

__all__ = ["SPEC"]

# full scale, resolution, gain error, offset error, noise peak to peak, settling [S]
_V = source(
    (0.1, 5e-6, 2e-4, 250e-6, 20e-6, 50e-6),
    (1.0, 50e-6, 2e-4, 400e-6, 50e-6, 50e-6),
    (6.0, 50e-6, 2e-4, 1.8e-3, 100e-6, 110e-6),
    (40.0, 500e-6, 2e-4, 12e-3, 500e-6, 150e-6),
)
_I = source(
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
_V_METER = measure(
    _V,
    (0.1, 100e-9, 1.5e-4, 150e-6, LOW_VOLTAGE, 50e-6),
    (1.0, 1e-6, 1.5e-4, 200e-6, VOLTS, 50e-6),
    (6.0, 1e-6, 1.5e-4, 1e-3, VOLTS, 110e-6),
    (40.0, 10e-6, 1.5e-4, 8e-3, VOLTS, 150e-6),
)
# settling of a current reading after a voltage step: 1 mA [D]; the others are taken to settle as
# the current source of the same range does [C]
_I_METER = measure(
    _I,
    (100e-9, 100e-15, 5e-4, 100e-12, LOW_CURRENT, 20e-3),
    (1e-6, 1e-12, 2.5e-4, 500e-12, CURRENTS, 2e-3),
    (10e-6, 10e-12, 2.5e-4, 1.5e-9, CURRENTS, 500e-6),
    (100e-6, 100e-12, 2e-4, 25e-9, CURRENTS, 150e-6),
    (1e-3, 1e-9, 2e-4, 200e-9, CURRENTS, 100e-6),
    (10e-3, 10e-9, 2e-4, 2.5e-6, CURRENTS, 80e-6),
    (100e-3, 100e-9, 2e-4, 20e-6, CURRENTS, 80e-6),
    (1.0, 1e-6, 3e-4, 1.5e-3, AMPERES, 80e-6),
    (3.0, 1e-6, 5e-4, 3.5e-3, AMPERES, 80e-6),
    (10.0, 10e-6, 4e-3, 25e-3, AMPERES, 80e-6),
)

SPEC = ChannelSpec(
    model="2602B",
    v_source=_V,
    i_source=_I,
    v_measure=_V_METER,
    i_measure=_I_METER,
    dc_area=((40.4, 1.01), (6.06, 3.03)),  # [S page 1]
    pulse_area=((40.4, 1.515), (35.35, 5.05), (20.2, 10.1)),  # [C]
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
