"""The fast pulser of a Keithley 2601B-PULSE in numbers.

Sources, in the marks used below:

[P] Model 2601B-PULSE Reference Manual, 2601B-PULSE-901-01 Rev. A, April 2020: pages 4-4 (protection
    levels), 7-4 (duty cycle), 11-213 (aperture), 11-215 (delay of a measurement), 11-217 (voltage
    of the force terminals).
[E] The maker's examples for it, github.com/tektronix/keithley, Series_2600/2601B_PULSE: 10 A into
    10 V, pulses of 10 us that are read from 9 to 10 us, two digitisers of 1 MS/s, a bias current.
[C] check: the specifications of the pulser were not found in print. These are plausible values
    that are to be replaced when they are known; `instruments.keithley2600_pulser_limits` has the
    same.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

from sim_backend.instruments.keithley2602b import SPEC
from sim_backend.instruments.specification import ChannelSpec, MeasureRange, SourceRange

__all__ = ["PULSER", "Pulser"]


class Pulser(NamedTuple):
    """The fast pulser of a 2601B-PULSE."""

    spec: ChannelSpec  #: its electronics; of its source the lowest ranges are for the bias
    bias: float  #: largest, A
    i_ranges: tuple[float, ...]  #: of pulses, A
    v_ranges: tuple[float, ...]  #: V
    aperture: tuple[float, float]  #: shortest and longest, s
    delay: float  #: longest of a measurement, s
    width: tuple[float, float]  #: shortest and longest pulse, s
    duty: float  #: largest share of the period
    sense: tuple[float, float]  #: protection of the sense terminals, parts of the voltage range
    force: tuple[float, float]  #: protection of the force terminals, V
    headroom: float  #: voltage at which the source itself gives up, V
    response: float  #: time in which a protection ends a pulse, s


#: time to within 0.1 % of a step of the current, s: 1.7 us from 10 to 90 % of a single pole, which
#: settles before the 9 us after which [E] reads [C]
_SETTLING = 5.3e-6
_MICROSECOND = 1e-6 * 50.0  # the shortest aperture in line cycles of 50 Hz
_BIAS = 0.1  # A: range of the current between pulses [C]
_NOTHING = 1e-12  # A


def _source(full: float, gain: float, offset: float, noise: float) -> SourceRange:
    return SourceRange(full, full * 1.01, full * 2e-5, gain, offset, noise, _SETTLING)


def _meter(full: float, gain: float, offset: float, noise: float) -> MeasureRange:
    """Return a range of a digitiser, of which `noise` is the rms noise at 1 us."""
    at_1_plc = noise * math.sqrt(_MICROSECOND)
    return MeasureRange(full, full * 1.02, full * 1e-6, gain, offset, at_1_plc, (), _SETTLING)


_SPEC = replace(
    SPEC,
    model="2601B-PULSE pulser",
    # only what brings the terminals to zero, and what limits a current source that meets no load
    v_source=(_source(10.0, 1e-3, 5e-3, 1e-3), _source(40.0, 1e-3, 20e-3, 1e-3)),
    # full scale, gain error, offset error, noise [C]
    i_source=(
        # a bias of zero is no current at all: [E] leaves laser diodes at it, which an offset in
        # their reverse direction would take to the protection level
        _source(_NOTHING, 0.0, 0.0, 0.0),
        _source(_BIAS, 5e-4, 50e-6, 5e-6),
        _source(1.0, 1e-3, 2e-3, 200e-6),
        _source(5.0, 1e-3, 10e-3, 1e-3),
        _source(10.0, 1e-3, 20e-3, 2e-3),
    ),
    v_measure=(_meter(5.0, 5e-4, 2.5e-3, 2.5e-3), _meter(10.0, 5e-4, 5e-3, 5e-3)),
    i_measure=(
        _meter(1.0, 1e-3, 1e-3, 1e-3),
        _meter(5.0, 1e-3, 5e-3, 5e-3),
        _meter(10.0, 1e-3, 10e-3, 10e-3),
    ),
    slew=1e9,  # A/s and V/s: faster than its edges [C]
    source="2601B-PULSE-901-01; accuracy, noise, settling: check",
)

PULSER = Pulser(
    spec=_SPEC,
    bias=_BIAS,
    i_ranges=(1.0, 5.0, 10.0),  # 10 A [E]; the others [C]
    v_ranges=(5.0, 10.0),  # 10 V [E]; the other [C]
    aperture=(1e-6, 0.1),  # [P 11-213]
    delay=0.065,  # [P 11-215]
    width=(10e-6, 500e-6),  # the shortest [E]; the longest [C]
    duty=0.04,  # [C] the formula of [P 7-4] is a figure that was not at hand
    sense=(0.05, 2.0),  # [P 4-4]
    force=(2.0, 40.0),  # [P 11-217]
    headroom=40.0,  # [C]
    response=3e-6,  # [P 11-217]
)
