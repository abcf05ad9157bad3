"""The SMUs of a B1500A in numbers: B1517A (high resolution) and B1511B (medium power).

Sources, in the marks used below:

[P] Agilent B1500A/B1505A Programming Guide, B1500-90010, Edition 11, chapters 1, 2 and 4.
[E] Keysight E5260/E5270 Programming Guide, E5270-90010, Edition 4, page 4-90, whose SMUs have the
    pulse timing of these.
[C] check: recalled from the B1500A data sheet, or assumed; to be replaced when it is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from sim_backend.instruments.specification import ChannelSpec, MeasureRange, SourceRange

__all__ = ["I_CODES", "MODULES", "SAFE_VOLTAGE", "V_CODES"]

SAFE_VOLTAGE = 42.0  #: above it the interlock must be closed, V [C]
#: range of a voltage by its code in a command [P table 4-4]
V_CODES: Mapping[int, float] = {
    5: 0.5, 11: 2.0, 20: 2.0, 50: 5.0, 12: 20.0, 200: 20.0, 13: 40.0, 400: 40.0, 14: 100.0,
    1000: 100.0,
}  # fmt: skip
#: range of a current by its code in a command [P table 4-5]
I_CODES: Mapping[int, float] = {
    code: float(f"1e{code - 20}") for code in range(9, 20)
}  # fmt: skip

# full scale, accuracy of the source and of the meter (gain, offset) [C]; settling to 0.1 % [C]
_V = (
    (0.5, 1.8e-4, 150e-6, 1e-4, 150e-6, 60e-6), (2.0, 1.8e-4, 400e-6, 1e-4, 200e-6, 60e-6),
    (5.0, 1.8e-4, 750e-6, 9e-5, 250e-6, 60e-6), (20.0, 1.8e-4, 3e-3, 9e-5, 900e-6, 60e-6),
    (40.0, 1.8e-4, 6e-3, 1e-4, 1e-3, 100e-6), (100.0, 1.8e-4, 15e-3, 1.2e-4, 2.5e-3, 200e-6),
)  # fmt: skip
_I = (
    (10e-12, 1e-2, 12e-15, 1e-2, 12e-15, 100e-3), (100e-12, 5e-3, 40e-15, 5e-3, 30e-15, 30e-3),
    (1e-9, 3e-3, 300e-15, 2.5e-3, 300e-15, 10e-3), (10e-9, 3e-3, 3e-12, 2.5e-3, 2e-12, 3e-3),
    (100e-9, 1.2e-3, 30e-12, 1e-3, 20e-12, 500e-6), (1e-6, 1.2e-3, 300e-12, 1e-3, 200e-12, 200e-6),
    (10e-6, 7e-4, 3e-9, 5e-4, 2e-9, 100e-6), (100e-6, 7e-4, 15e-9, 5e-4, 20e-9, 60e-6),
    (1e-3, 6e-4, 300e-9, 4e-4, 200e-9, 60e-6), (10e-3, 6e-4, 2e-6, 4e-4, 2e-6, 60e-6),
    (100e-3, 1.2e-3, 20e-6, 6e-4, 20e-6, 60e-6),
)  # fmt: skip
#: what a shorter aperture adds, as a fraction of the range [C]
_DERATING = ((0.1, 2e-5), (0.01, 1e-4), (0.001, 5e-4))
_SIGMAS = 6.0  # the noise is taken as a sixth of the accuracy's offset


def _sources(rows: Iterable[tuple[float, ...]]) -> tuple[SourceRange, ...]:
    return tuple(
        SourceRange(full, full * 1.15, full * 5e-5, gain, offset, offset / _SIGMAS**2, settling)
        for full, gain, offset, _, _, settling in rows
    )


def _meters(rows: Iterable[tuple[float, ...]]) -> tuple[MeasureRange, ...]:
    return tuple(
        MeasureRange(
            full, full * 1.15, full * 1e-6, gain, offset, offset / _SIGMAS, _DERATING, settling
        )
        for full, _, _, gain, offset, settling in rows
    )


def _module(name: str, lowest: float) -> ChannelSpec:
    amperes = [row for row in _I if row[0] >= lowest * 0.99]
    return ChannelSpec(
        model=name,
        v_source=_sources(_V),
        i_source=_sources(amperes),
        v_measure=_meters(_V),
        i_measure=_meters(amperes),
        dc_area=((20.0, 0.1), (40.0, 0.05), (100.0, 0.02)),  # [P tables 4-7, 4-9]
        pulse_area=(),
        v_limit_minimum=0.5e-3,
        i_limit_minimum=amperes[0][0] * 0.01,
        v_limit_default=2.0,
        i_limit_default=100e-6,  # after CN [C]
        nplc_minimum=1e-4,
        nplc_maximum=100.0,
        slew=0.2e6,  # V/s [C]
        output_capacitance=100e-12,
        maximum_load_capacitance=10e-9,
        input_resistance=1e13,
        high_impedance=math.inf,
        trigger_latency=0.0,
        source="B1500A data sheet: check",
    )


#: by the name that ``UNT?`` tells
MODULES: Mapping[str, ChannelSpec] = {
    "B1517A": _module("B1517A", 10e-12),
    "B1511B": _module("B1511B", 1e-9),
}
