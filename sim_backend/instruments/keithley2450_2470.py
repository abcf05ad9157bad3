"""The Keithley 2470 in numbers: 1100 V, 1 A, 20 W.

The marks [S], [R] and [C] are explained in `sim_backend.instruments.keithley2450_specification`.
"""

from __future__ import annotations

from types import MappingProxyType

from sim_backend.instruments.keithley2450 import I_MEASURE_ROWS, I_SOURCE_ROWS, OHMS
from sim_backend.instruments.keithley2450_specification import (
    Model,
    measure_ranges,
    source_ranges,
)
from sim_backend.instruments.specification import ChannelSpec

__all__ = ["MODEL"]

# full scale, resolution, gain error, offset error, rms noise below 10 Hz [S]; settling [C]
_V_SOURCE = source_ranges(
    (
        (200e-3, 5e-6, 1.5e-4, 200e-6, 2e-6, 200e-6),
        (2.0, 50e-6, 2e-4, 300e-6, 10e-6, 200e-6),
        (20.0, 500e-6, 1.5e-4, 2.4e-3, 100e-6, 200e-6),
        (200.0, 5e-3, 1.5e-4, 24e-3, 1e-3, 1e-3),
        (1000.0, 50e-3, 2e-4, 100e-3, 20e-3, 5e-3),
    ),
    {1000.0: 1100.0},
)
# as the 2450's but for the lowest ranges and the noise of the highest [S]
_I_SOURCE = source_ranges(
    (
        (10e-9, 500e-15, 1e-3, 200e-12, 500e-15, 150e-3),
        (100e-9, 5e-12, 6e-4, 250e-12, 500e-15, 10e-3),
        *I_SOURCE_ROWS[2:-1],
        (1.0, 50e-6, 6.7e-4, 900e-6, 10e-6, 200e-6),
    )
)
_V_MEASURE = measure_ranges(
    (
        (200e-3, 100e-9, 1.2e-4, 200e-6),
        (2.0, 1e-6, 1.2e-4, 300e-6),
        (20.0, 10e-6, 1.5e-4, 1e-3),
        (200.0, 100e-6, 1.5e-4, 10e-3),
        (1000.0, 10e-3, 1.5e-4, 50e-3),
    ),
    _V_SOURCE,
    (200e-3,),
)
_I_MEASURE = measure_ranges(
    (
        (10e-9, 10e-15, 1e-3, 250e-12),
        (100e-9, 100e-15, 6e-4, 300e-12),
        *I_MEASURE_ROWS[2:],
    ),
    _I_SOURCE,
    (1.0,),
)

_SPEC = ChannelSpec(
    model="2470",
    v_source=_V_SOURCE,
    i_source=_I_SOURCE,
    v_measure=_V_MEASURE,
    i_measure=_I_MEASURE,
    dc_area=((21.0, 1.05), (210.0, 0.105), (1100.0, 0.021)),  # [S]
    pulse_area=(),
    v_limit_minimum=0.02,  # [C]
    i_limit_minimum=1e-9,  # [C]
    v_limit_default=21.0,  # [C]
    i_limit_default=1.05e-4,  # [C]
    nplc_minimum=0.01,
    nplc_maximum=10.0,
    slew=0.2e6,  # [C] as the 2450
    output_capacitance=300e-12,  # [C]
    maximum_load_capacitance=20e-9,  # [C]
    input_resistance=10e9,  # [S]
    high_impedance=10e9,  # [C]
    trigger_latency=225e-6,  # [C]
    source="2470 data sheet",
)

MODEL = Model(
    name="2470",
    spec=_SPEC,
    # [C] the steps above 180 V
    protection=(2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 140.0, 160.0, 180.0,
                200.0, 400.0, 600.0, 800.0),
    ohms=OHMS,
    auto_delay=(  # [R page 4-45]
        (10e-9, 150e-3, 300e-3, 150e-3, 300e-3),
        (100e-9, 100e-3, 200e-3, 100e-3, 200e-3),
        (1e-6, 3e-3, 20e-3, 3e-3, 20e-3),
        (10e-6, 2e-3, 10e-3, 2e-3, 10e-3),
        (1e-3, 1e-3, 10e-3, 1e-3, 10e-3),
        (100e-3, 1e-3, 5e-3, 1e-3, 5e-3),
        (1.0, 1e-3, 5e-3, 2e-3, 5e-3),
    ),
    languages=("SCPI", "TSP"),  # [C] an emulated Series 2400 is not modelled
    emulates=MappingProxyType({}),
)  # fmt: skip
