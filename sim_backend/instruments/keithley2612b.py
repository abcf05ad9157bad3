"""The Keithley 2611B, 2612B and 2614B in numbers.

Sources, in the marks used below:

[M] Series 2600B Reference Manual, 2600BS-901-01: Rev. F pages 2-44 (ranges, overrange), 9-244
    (limits and their defaults), 10-10 (limits of a current reading, which confirm gain and offset
    of the 1 uA range), Rev. B page 4-13 (operating area).
[D] 2600B System SourceMeter SMU Instruments, data sheet: derating, load capacitance.
[C] check: recalled from the data sheet, not found in print again; to be replaced where it differs.
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

__all__ = ["DC_AREA", "I_METER", "SPEC", "V_METER", "V_SOURCE"]

# full scale [M]; resolution, gain, offset, noise, settling [C]
V_SOURCE = source(
    (0.2, 5e-6, 2e-4, 375e-6, 20e-6, 50e-6),
    (2.0, 50e-6, 2e-4, 600e-6, 50e-6, 50e-6),
    (20.0, 500e-6, 2e-4, 5e-3, 300e-6, 110e-6),
    (200.0, 5e-3, 2e-4, 50e-3, 2e-3, 700e-6),
)
# full scale [M]; up to 1 A as the 2602B prints them, the rest [C]
_I_SOURCE = source(
    (100e-9, 2e-12, 6e-4, 100e-12, 5e-12, 20e-3),
    (1e-6, 20e-12, 3e-4, 800e-12, 25e-12, 2e-3),
    (10e-6, 200e-12, 3e-4, 5e-9, 60e-12, 500e-6),
    (100e-6, 2e-9, 3e-4, 60e-9, 3e-9, 150e-6),
    (1e-3, 20e-9, 3e-4, 300e-9, 6e-9, 100e-6),
    (10e-3, 200e-9, 3e-4, 6e-6, 200e-9, 80e-6),
    (100e-3, 2e-6, 3e-4, 30e-6, 600e-9, 80e-6),
    (1.0, 20e-6, 5e-4, 1.8e-3, 70e-6, 120e-6),
    (1.5, 50e-6, 6e-4, 4e-3, 150e-6, 120e-6),
    (10.0, 200e-6, 5e-3, 40e-3, 500e-6, 120e-6),
)
V_METER = measure(
    V_SOURCE,
    (0.2, 100e-9, 1.5e-4, 225e-6, LOW_VOLTAGE, 50e-6),
    (2.0, 1e-6, 2e-4, 350e-6, VOLTS, 50e-6),
    (20.0, 10e-6, 1.5e-4, 5e-3, VOLTS, 110e-6),
    (200.0, 100e-6, 1.5e-4, 50e-3, VOLTS, 700e-6),
)
# the 1 uA row is confirmed by [M page 10-10]
I_METER = measure(
    _I_SOURCE,
    (100e-9, 100e-15, 5e-4, 100e-12, LOW_CURRENT, 20e-3),
    (1e-6, 1e-12, 2.5e-4, 500e-12, CURRENTS, 2e-3),
    (10e-6, 10e-12, 2.5e-4, 1.5e-9, CURRENTS, 500e-6),
    (100e-6, 100e-12, 2e-4, 25e-9, CURRENTS, 150e-6),
    (1e-3, 1e-9, 2e-4, 200e-9, CURRENTS, 100e-6),
    (10e-3, 10e-9, 2e-4, 2.5e-6, CURRENTS, 80e-6),
    (100e-3, 100e-9, 2e-4, 20e-6, CURRENTS, 80e-6),
    (1.0, 1e-6, 3e-4, 1.5e-3, AMPERES, 120e-6),
    (1.5, 1e-6, 5e-4, 3.5e-3, AMPERES, 120e-6),
    (10.0, 10e-6, 4e-3, 25e-3, AMPERES, 120e-6),
)
DC_AREA = ((202.0, 0.101), (20.2, 1.515))  # [M page 4-13]

SPEC = ChannelSpec(
    model="2612B",
    v_source=V_SOURCE,
    i_source=_I_SOURCE,
    v_measure=V_METER,
    i_measure=I_METER,
    dc_area=DC_AREA,
    pulse_area=((200.0, 1.0), (20.2, 1.515), (5.0, 10.0)),  # [C]
    v_limit_minimum=20e-3,  # [M page 9-244]
    i_limit_minimum=10e-9,  # [M page 9-244]
    v_limit_default=20.0,  # [M page 9-244]
    i_limit_default=100e-3,  # [M page 9-244]
    nplc_minimum=0.001,  # [M] smuX.measure.nplc
    nplc_maximum=25.0,
    slew=0.5e6,  # [C] 200 V within the 700 us
    output_capacitance=300e-12,  # [C]
    maximum_load_capacitance=10e-9,  # [D]
    input_resistance=10e9,  # [D]
    high_impedance=10e9,  # [C] relay open
    trigger_latency=0.0,  # [C]
    source="2600BS-901-01; accuracy and settling: recalled from the 2600B data sheet, to check",
)
