"""The Keithley 2430 in numbers.

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
    PulseLimits,
    measure_ranges,
    source_ranges,
)
from sim_backend.instruments.specification import ChannelSpec

__all__ = ["MODEL"]

# full scale, resolution, gain error, offset error, noise peak to peak [S], settling: 100 us
# to 0.1 % [C]; the 10 uA range [C]
_V_SOURCE = source_ranges(
    (
        (0.2, 5e-6, 2e-4, 600e-6, 5e-6, 100e-6),
        (2.0, 50e-6, 2e-4, 600e-6, 50e-6, 100e-6),
        (20.0, 500e-6, 2e-4, 2.4e-3, 500e-6, 100e-6),
        (100.0, 2.5e-3, 2e-4, 12e-3, 2.5e-3, 100e-6),
    )
)
_I_SOURCE = source_ranges(
    (
        (10e-6, 500e-12, 3.3e-4, 2e-9, 50e-12, 500e-6),
        (100e-6, 5e-9, 3.1e-4, 20e-9, 500e-12, 100e-6),
        (1e-3, 50e-9, 3.4e-4, 200e-9, 5e-9, 100e-6),
        (10e-3, 500e-9, 4.5e-4, 2e-6, 50e-9, 100e-6),
        (100e-3, 5e-6, 6.6e-4, 20e-6, 500e-9, 100e-6),
        (1.0, 50e-6, 6.7e-4, 900e-6, 50e-6, 100e-6),
        (3.0, 500e-6, 5.9e-4, 2.8e-3, 50e-6, 100e-6),
        (10.0, 500e-6, 8.9e-4, 5.9e-3, 500e-6, 100e-6),
    ),
    pulse_only=10.0,  # pulse mode alone [U page 5-1]
)
# full scale, resolution, gain error, offset error [S]
_V_MEASURE = measure_ranges(
    (
        (0.2, 1e-6, 1.2e-4, 300e-6),
        (2.0, 10e-6, 1.2e-4, 300e-6),
        (20.0, 100e-6, 1.5e-4, 1e-3),
        (100.0, 1e-3, 1.5e-4, 5e-3),
    ),
    _V_SOURCE,
    (0.2,),
)
_I_MEASURE = measure_ranges(
    (
        (10e-6, 100e-12, 2.7e-4, 700e-12),
        (100e-6, 1e-9, 2.5e-4, 6e-9),
        (1e-3, 10e-9, 2.7e-4, 60e-9),
        (10e-3, 100e-9, 3.5e-4, 600e-9),
        (100e-3, 1e-6, 5.5e-4, 6e-6),
        (1.0, 10e-6, 6.6e-4, 570e-6),
        (3.0, 10e-6, 5.2e-4, 1.71e-3),
        (10.0, 10e-6, 8.2e-4, 1.71e-3),
    ),
    _I_SOURCE,
    (1.0, 3.0, 10.0),
)

_SPEC = ChannelSpec(
    model="2430",
    v_source=_V_SOURCE,
    i_source=_I_SOURCE,
    v_measure=_V_MEASURE,
    i_measure=_I_MEASURE,
    dc_area=((21.0, 3.15), (105.0, 1.05)),  # [S]
    pulse_area=((105.0, 10.5),),  # [U section 5]
    v_limit_minimum=0.2e-3,  # 0.1 % of the range [S]
    i_limit_minimum=10e-9,  # the same
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
    name="2430",
    spec=_SPEC,
    v_protection=(10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0),  # [U page 3-12]
    ohms=MappingProxyType({2.0: 1.0, **OHMS}),
    smode="NORM",  # [U table 18-4]
    auto_delay=AUTO_DELAY,
    pulse=PulseLimits(),
)
