"""The Keithley 2410 in numbers.

The marks [S], [U] and [C] are explained in `sim_backend.instruments.keithley2400_specification`.
The voltmeter's errors are as printed; the errors and noise of source and ammeter on the ranges that
the 2400 does not have are to be checked [C].
"""

from __future__ import annotations

from types import MappingProxyType

from sim_backend.instruments.keithley2400_specification import (
    AUTO_DELAY,
    OHMS,
    Model,
    measure_ranges,
    source_ranges,
)
from sim_backend.instruments.specification import ChannelSpec

__all__ = ["MODEL"]

# full scale, resolution, gain error, offset error, noise peak to peak [S], settling: 100 us
# to 0.1 % [C]; the 1 uA and 10 uA ranges [C]
_V_SOURCE = source_ranges(
    (
        (0.2, 5e-6, 2e-4, 600e-6, 5e-6, 100e-6),
        (2.0, 50e-6, 2e-4, 600e-6, 50e-6, 100e-6),
        (20.0, 500e-6, 2e-4, 2.4e-3, 500e-6, 100e-6),
        (1000.0, 50e-3, 2e-4, 100e-3, 20e-3, 500e-6),
    )
)
_I_SOURCE = source_ranges(
    (
        (1e-6, 50e-12, 3.5e-4, 600e-12, 5e-12, 3e-3),
        (10e-6, 500e-12, 3.3e-4, 2e-9, 50e-12, 500e-6),
        (100e-6, 5e-9, 3.1e-4, 20e-9, 500e-12, 100e-6),
        (1e-3, 50e-9, 3.4e-4, 200e-9, 5e-9, 100e-6),
        (20e-3, 500e-9, 4.5e-4, 4e-6, 200e-9, 100e-6),
        (100e-3, 5e-6, 6.6e-4, 20e-6, 500e-9, 100e-6),
        (1.0, 50e-6, 2.7e-3, 900e-6, 5e-6, 100e-6),
    )
)
# full scale, resolution, gain error, offset error [S]
_V_MEASURE = measure_ranges(
    (
        (0.2, 1e-6, 1.2e-4, 300e-6),
        (2.0, 10e-6, 1.2e-4, 300e-6),
        (20.0, 100e-6, 1.5e-4, 1e-3),
        (1000.0, 10e-3, 1.5e-4, 50e-3),
    ),
    _V_SOURCE,
    (0.2,),
)
_I_MEASURE = measure_ranges(
    (
        (1e-6, 10e-12, 2.9e-4, 300e-12),
        (10e-6, 100e-12, 2.7e-4, 700e-12),
        (100e-6, 1e-9, 2.5e-4, 6e-9),
        (1e-3, 10e-9, 2.7e-4, 60e-9),
        (20e-3, 100e-9, 3.5e-4, 1.2e-6),
        (100e-3, 1e-6, 5.5e-4, 6e-6),
        (1.0, 10e-6, 2.2e-3, 570e-6),
    ),
    _I_SOURCE,
    (1.0,),
)

_SPEC = ChannelSpec(
    model="2410",
    v_source=_V_SOURCE,
    i_source=_I_SOURCE,
    v_measure=_V_MEASURE,
    i_measure=_I_MEASURE,
    dc_area=((21.0, 1.05), (1100.0, 0.021)),  # [S]
    pulse_area=(),
    v_limit_minimum=0.2e-3,  # 0.1 % of the range [S]
    i_limit_minimum=1e-9,  # the same
    v_limit_default=21.0,  # [U table 18-6]
    i_limit_default=1.05e-4,
    nplc_minimum=0.01,  # [U table 18-6]
    nplc_maximum=10.0,
    slew=0.5e6,  # [C]
    output_capacitance=300e-12,  # [C]
    maximum_load_capacitance=20e-9,  # [C]
    input_resistance=10e9,  # [S]
    high_impedance=10e9,  # [C] relay open
    trigger_latency=225e-6,  # [U appendix A]
    source="SourceMeter line specifications",
)

MODEL = Model(
    name="2410",
    spec=_SPEC,
    v_protection=(20.0, 40.0, 100.0, 200.0, 300.0, 400.0, 500.0),  # [U page 3-12]
    ohms=MappingProxyType({**OHMS, 200e6: 100e-9}),
    smode="GUAR",  # [U table 18-4]
    auto_delay=AUTO_DELAY,
)
