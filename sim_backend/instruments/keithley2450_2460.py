"""The Keithley 2460 in numbers: 100 V, 7 A, 100 W.

The marks [S], [R] and [C] are explained in `sim_backend.instruments.keithley2450_specification`.
Ranges and operating area are those of the 2461 in DC [R 2461]; all errors and noises are to be
checked against the data sheet [C].
"""

from __future__ import annotations

from types import MappingProxyType

from sim_backend.instruments.keithley2450 import OHMS
from sim_backend.instruments.keithley2450_specification import (
    Model,
    measure_ranges,
    source_ranges,
)
from sim_backend.instruments.specification import ChannelSpec

__all__ = ["AUTO_DELAY", "I_MEASURE_ROWS", "I_SOURCE_ROWS", "MODEL", "V_MEASURE_ROWS",
           "V_SOURCE_ROWS"]  # fmt: skip

# full scale, resolution, gain error, offset error, rms noise, settling [C]
V_SOURCE_ROWS = (
    (200e-3, 5e-6, 1.5e-4, 200e-6, 2e-6, 200e-6),
    (2.0, 50e-6, 2e-4, 300e-6, 10e-6, 200e-6),
    (7.0, 250e-6, 1.5e-4, 2.4e-3, 100e-6, 200e-6),
    (10.0, 250e-6, 1.5e-4, 2.4e-3, 100e-6, 200e-6),
    (20.0, 500e-6, 1.5e-4, 2.4e-3, 100e-6, 200e-6),
    (100.0, 2.5e-3, 1.5e-4, 15e-3, 1e-3, 1e-3),
)
I_SOURCE_ROWS = (
    (1e-6, 50e-12, 2.5e-4, 1e-9, 5e-12, 1.5e-3),
    (10e-6, 500e-12, 2.5e-4, 1.5e-9, 40e-12, 500e-6),
    (100e-6, 5e-9, 2e-4, 15e-9, 400e-12, 200e-6),
    (1e-3, 50e-9, 2e-4, 150e-9, 5e-9, 200e-6),
    (10e-3, 500e-9, 2e-4, 1.5e-6, 40e-9, 200e-6),
    (100e-3, 5e-6, 2e-4, 15e-6, 100e-9, 200e-6),
    (1.0, 50e-6, 5e-4, 750e-6, 3e-6, 200e-6),
    (4.0, 250e-6, 1e-3, 3e-3, 20e-6, 200e-6),
    (5.0, 250e-6, 1e-3, 3e-3, 20e-6, 200e-6),
    (7.0, 250e-6, 1.5e-3, 5e-3, 40e-6, 200e-6),
)
V_MEASURE_ROWS = (
    (200e-3, 100e-9, 1.2e-4, 200e-6),
    (2.0, 1e-6, 1.2e-4, 300e-6),
    (7.0, 10e-6, 1.5e-4, 1e-3),
    (10.0, 10e-6, 1.5e-4, 1e-3),
    (20.0, 10e-6, 1.5e-4, 1e-3),
    (100.0, 100e-6, 1.5e-4, 5e-3),
)
I_MEASURE_ROWS = (
    (1e-6, 1e-12, 2.5e-4, 700e-12),
    (10e-6, 10e-12, 2.5e-4, 1e-9),
    (100e-6, 100e-12, 2e-4, 10e-9),
    (1e-3, 1e-9, 2e-4, 100e-9),
    (10e-3, 10e-9, 2e-4, 1e-6),
    (100e-3, 100e-9, 2.5e-4, 10e-6),
    (1.0, 1e-6, 3e-4, 500e-6),
    (4.0, 10e-6, 5e-4, 2.5e-3),
    (5.0, 10e-6, 5e-4, 2.5e-3),
    (7.0, 10e-6, 1.5e-3, 5e-3),
)
AUTO_DELAY = (  # [R 2461 page 2-131]; the two lowest rows [C]
    (1e-6, 3e-3, 20e-3, 3e-3, 20e-3),
    (10e-6, 2e-3, 10e-3, 2e-3, 10e-3),
    (1e-3, 1e-3, 10e-3, 1e-3, 10e-3),
    (100e-3, 1e-3, 5e-3, 1e-3, 5e-3),
    (10.0, 1e-3, 5e-3, 2e-3, 5e-3),
)
_V_SOURCE = source_ranges(V_SOURCE_ROWS)
_I_SOURCE = source_ranges(I_SOURCE_ROWS)

_SPEC = ChannelSpec(
    model="2460",
    v_source=_V_SOURCE,
    i_source=_I_SOURCE,
    v_measure=measure_ranges(V_MEASURE_ROWS, _V_SOURCE, (200e-3,)),
    i_measure=measure_ranges(I_MEASURE_ROWS, _I_SOURCE, (1.0, 4.0, 5.0, 7.0)),
    # 7 V/7 A, 10 V/5 A, 20 V/4 A, 100 V/1 A, each with 5 % more [R]
    dc_area=((7.35, 7.35), (10.5, 5.25), (21.0, 4.2), (105.0, 1.05)),
    pulse_area=(),
    v_limit_minimum=0.2,  # [R 2461 page 6-94]
    i_limit_minimum=1e-6,  # [R 2461 page 6-94]
    v_limit_default=7.35,  # [R 2461 page 6-94]
    i_limit_default=1.05e-4,  # [R 2461 page 6-94]
    nplc_minimum=0.01,
    nplc_maximum=10.0,
    slew=0.5e6,  # [C]
    output_capacitance=300e-12,  # [C]
    maximum_load_capacitance=20e-9,  # [C]
    input_resistance=10e9,  # [C]
    high_impedance=10e9,  # [C]
    trigger_latency=225e-6,  # [C]
    source="to be checked against the 2460 data sheet",
)

MODEL = Model(
    name="2460",
    spec=_SPEC,
    protection=(2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 80.0),  # [R 2461 page 6-96]
    ohms=MappingProxyType({2.0: 1.0, **OHMS}),  # [R 2461 page 6-65]
    auto_delay=AUTO_DELAY,
    languages=("SCPI", "TSP", "SCPI2400"),
    emulates=MappingProxyType({"SCPI2400": "2420"}),  # [C]
    checks_contacts=True,  # [R 2461 page 6-142]
)
