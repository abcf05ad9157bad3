"""The Keithley 2450 in numbers: 200 V, 1 A, 20 W.

The marks [S], [R] and [C] are explained in `sim_backend.instruments.keithley2450_specification`.
"""

from __future__ import annotations

from types import MappingProxyType

from sim_backend.instruments.keithley2450_specification import (
    Model,
    measure_ranges,
    source_ranges,
)
from sim_backend.instruments.specification import ChannelSpec

__all__ = ["I_MEASURE_ROWS", "I_SOURCE_ROWS", "MODEL", "OHMS"]

# full scale, resolution, gain error, offset error, rms noise below 10 Hz [S]; settling: 200 us to
# 0.1 % on the 20 V range [S], the other ranges [C]
_V_SOURCE = source_ranges(
    (
        (20e-3, 500e-9, 1e-3, 200e-6, 1e-6, 200e-6),
        (200e-3, 5e-6, 1.5e-4, 200e-6, 1e-6, 200e-6),
        (2.0, 50e-6, 2e-4, 300e-6, 10e-6, 200e-6),
        (20.0, 500e-6, 1.5e-4, 2.4e-3, 100e-6, 200e-6),
        (200.0, 5e-3, 1.5e-4, 24e-3, 1e-3, 1e-3),
    )
)
I_SOURCE_ROWS = (
    (10e-9, 500e-15, 1e-3, 100e-12, 500e-15, 50e-3),
    (100e-9, 5e-12, 6e-4, 150e-12, 500e-15, 5e-3),
    (1e-6, 50e-12, 2.5e-4, 400e-12, 5e-12, 1.5e-3),
    (10e-6, 500e-12, 2.5e-4, 1.5e-9, 40e-12, 500e-6),
    (100e-6, 5e-9, 2e-4, 15e-9, 400e-12, 200e-6),
    (1e-3, 50e-9, 2e-4, 150e-9, 5e-9, 200e-6),
    (10e-3, 500e-9, 2e-4, 1.5e-6, 40e-9, 200e-6),
    (100e-3, 5e-6, 2.5e-4, 15e-6, 100e-9, 200e-6),
    (1.0, 50e-6, 6.7e-4, 900e-6, 3e-6, 200e-6),
)
_I_SOURCE = source_ranges(I_SOURCE_ROWS)
# full scale, resolution, gain error, offset error [S]
_V_MEASURE = measure_ranges(
    (
        (20e-3, 10e-9, 1e-3, 150e-6),
        (200e-3, 100e-9, 1.2e-4, 200e-6),
        (2.0, 1e-6, 1.2e-4, 300e-6),
        (20.0, 10e-6, 1.5e-4, 1e-3),
        (200.0, 100e-6, 1.5e-4, 10e-3),
    ),
    _V_SOURCE,
    (20e-3, 200e-3),
)
I_MEASURE_ROWS = (
    (10e-9, 10e-15, 1e-3, 50e-12),
    (100e-9, 100e-15, 6e-4, 100e-12),
    (1e-6, 1e-12, 2.5e-4, 300e-12),
    (10e-6, 10e-12, 2.5e-4, 700e-12),
    (100e-6, 100e-12, 2e-4, 6e-9),
    (1e-3, 1e-9, 2e-4, 60e-9),
    (10e-3, 10e-9, 2e-4, 600e-9),
    (100e-3, 100e-9, 2.5e-4, 6e-6),
    (1.0, 1e-6, 3e-4, 500e-6),
)
_I_MEASURE = measure_ranges(I_MEASURE_ROWS, _I_SOURCE, (1.0,))

#: resistance ranges, Ohm, and their default test currents, A [S]
OHMS = MappingProxyType({
    20.0: 0.1, 200.0: 10e-3, 2e3: 1e-3, 20e3: 100e-6, 200e3: 10e-6, 2e6: 1e-6, 20e6: 1e-6,
    200e6: 100e-9,
})  # fmt: skip

_SPEC = ChannelSpec(
    model="2450",
    v_source=_V_SOURCE,
    i_source=_I_SOURCE,
    v_measure=_V_MEASURE,
    i_measure=_I_MEASURE,
    dc_area=((21.0, 1.05), (210.0, 0.105)),  # [S]
    pulse_area=(),
    v_limit_minimum=0.02,  # [R]
    i_limit_minimum=1e-9,  # [R]
    v_limit_default=21.0,  # [R]
    i_limit_default=1.05e-4,  # [R]
    nplc_minimum=0.01,  # [R]
    nplc_maximum=10.0,
    slew=0.2e6,  # [S] 0.2 V/us
    output_capacitance=300e-12,  # [C]
    maximum_load_capacitance=20e-9,  # [S]
    input_resistance=10e9,  # [S]
    high_impedance=10e9,  # [C] relay open
    trigger_latency=225e-6,  # [C]
    source="SPEC-2450 Rev. A",
)

MODEL = Model(
    name="2450",
    spec=_SPEC,
    protection=(2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 140.0, 160.0, 180.0),
    ohms=OHMS,
    auto_delay=(  # [R page 2-111]
        (100e-9, 50e-3, 100e-3, 50e-3, 100e-3),
        (1e-6, 3e-3, 20e-3, 3e-3, 20e-3),
        (10e-6, 2e-3, 10e-3, 2e-3, 10e-3),
        (1e-3, 1e-3, 10e-3, 1e-3, 10e-3),
        (100e-3, 1e-3, 5e-3, 1e-3, 5e-3),
        (1.0, 1e-3, 5e-3, 2e-3, 5e-3),
    ),
    languages=("SCPI", "TSP", "SCPI2400"),
    emulates=MappingProxyType({"SCPI2400": "2400"}),
)
