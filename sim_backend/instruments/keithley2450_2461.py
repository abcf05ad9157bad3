"""The Keithley 2461 in numbers: a 2460 with a digitizer and pulses of 10 A and 100 V.

The marks [S], [R] and [C] are explained in `sim_backend.instruments.keithley2450_specification`;
errors and noises as in `sim_backend.instruments.keithley2450_2460`.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from sim_backend.instruments import keithley2450_2460 as dc
from sim_backend.instruments.keithley2450_specification import (
    PulseArea,
    measure_ranges,
    source_ranges,
)

__all__ = ["MODEL"]

_V_SOURCE = source_ranges(dc.V_SOURCE_ROWS)
# the 10 A range sources 7.35 A in DC [R page 6-98]; errors [C]
_I_SOURCE = source_ranges((*dc.I_SOURCE_ROWS, (10.0, 500e-6, 1.5e-3, 10e-3, 60e-6, 200e-6)))
_I_MEASURE = measure_ranges(
    (*dc.I_MEASURE_ROWS, (10.0, 10e-6, 1.5e-3, 10e-3)), _I_SOURCE, (1.0, 4.0, 5.0, 7.0, 10.0)
)

MODEL = replace(
    dc.MODEL,
    name="2461",
    spec=replace(
        dc.MODEL.spec,
        model="2461",
        v_source=_V_SOURCE,
        i_source=_I_SOURCE,
        i_measure=_I_MEASURE,
        pulse_area=((105.0, 10.5),),  # [R page 6-104]
        source="2461-901-01 Rev. A; errors to be checked against the 2461 data sheet",
    ),
    languages=("SCPI", "TSP", "SCPI2420", "SCPI2430"),  # [C] 2425 and 2440 are not modelled
    emulates=MappingProxyType({"SCPI2420": "2420", "SCPI2430": "2430"}),
    digitizes=True,
    pulse=PulseArea(),
)
