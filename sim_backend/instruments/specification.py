"""What a source-meter channel is specified to do, range by range: data shared by every virtual SMU.

The numbers themselves live in one module a model (`sim_backend.instruments.keithley2602b`), each
with its source; the analogue core turns them into offsets, noise and settling, and the instrument
uses the same tables for what it accepts. All in SI.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["ChannelSpec", "MeasureRange", "SourceRange", "choose_range"]

#: a settling time is quoted to within 0.1 % of the final value: ln(1000) time constants
_TIME_CONSTANTS_TO_SETTLE = math.log(1000.0)
#: an accuracy figure bounds the error; the noise inside it is taken as one sigma of three
_BOUND_IN_SIGMA = 3.0


@dataclass(frozen=True, slots=True)
class SourceRange:
    """One range of the source."""

    full_scale: float  #: nominal full scale, V or A
    maximum: float  #: largest level that can be programmed, V or A
    resolution: float  #: programming resolution, V or A
    gain_error: float  #: accuracy, fraction of the level
    offset_error: float  #: accuracy, constant part, V or A
    noise: float  #: rms noise of the level, 0.1 Hz to 10 Hz, V or A
    settling: float  #: time to within 0.1 % of the final level on a fixed range, s
    pulse_only: bool = False  #: the range exists only for pulses

    @property
    def time_constant(self) -> float:
        """Time constant of a single pole that settles in the time specified, s."""
        return self.settling / _TIME_CONSTANTS_TO_SETTLE


@dataclass(frozen=True, slots=True)
class MeasureRange:
    """One range of the meter."""

    full_scale: float  #: nominal full scale, V or A
    maximum: float  #: largest value that can be shown, V or A
    resolution: float  #: display resolution, V or A
    gain_error: float  #: accuracy at 1 PLC, fraction of the reading
    offset_error: float  #: accuracy at 1 PLC, constant part, V or A
    noise: float  #: rms noise of one reading at 1 PLC, V or A
    #: what a shorter aperture adds to the accuracy: (NPLC, fraction of full scale), NPLC descending
    derating: tuple[tuple[float, float], ...]
    settling: float  #: time to within 0.1 % of the final reading on a fixed range, s
    pulse_only: bool = False  #: the range exists only for pulses

    @property
    def time_constant(self) -> float:
        """Time constant of a single pole that settles in the time specified, s."""
        return self.settling / _TIME_CONSTANTS_TO_SETTLE

    def derated(self, nplc: float) -> float:
        """Return what an aperture of `nplc` line cycles adds to the accuracy, V or A.

        Between the points of the table the growth is a power law; above 1 PLC nothing is added.
        """
        if nplc >= 1.0 or not self.derating:
            return 0.0
        table = self.derating
        if nplc >= table[0][0]:
            # towards 1 PLC the addition vanishes; linear in the logarithm of the aperture
            return self.full_scale * table[0][1] * math.log(nplc) / math.log(table[0][0])
        for (long, little), (short, much) in itertools.pairwise(table):
            if nplc >= short:
                slope = math.log(much / little) / math.log(short / long)
                return float(self.full_scale * little * (nplc / long) ** slope)
        return self.full_scale * table[-1][1]

    def accuracy(self, reading: float, nplc: float) -> float:
        """Return the bound on the error of a reading, V or A."""
        return abs(reading) * self.gain_error + self.offset_error + self.derated(nplc)

    def rms_noise(self, nplc: float) -> float:
        """Return the standard deviation of a single reading, V or A.

        White noise averages down with the aperture; what a short aperture adds beyond that is taken
        from the derating of the accuracy.
        """
        return math.hypot(self.noise / math.sqrt(nplc), self.derated(nplc) / _BOUND_IN_SIGMA)


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """The electronics of one source-meter channel, as data."""

    model: str
    v_source: tuple[SourceRange, ...]
    i_source: tuple[SourceRange, ...]
    v_measure: tuple[MeasureRange, ...]
    i_measure: tuple[MeasureRange, ...]
    #: corners of the DC operating area: up to (voltage, current), V and A
    dc_area: tuple[tuple[float, float], ...]
    #: corners of the extended area that only pulses reach, V and A
    pulse_area: tuple[tuple[float, float], ...]
    v_limit_minimum: float  #: smallest voltage compliance, V
    i_limit_minimum: float  #: smallest current compliance, A
    v_limit_default: float  #: voltage compliance after a reset, V
    i_limit_default: float  #: current compliance after a reset, A
    nplc_minimum: float
    nplc_maximum: float
    slew: float  #: fastest change of the output voltage, V/s
    output_capacitance: float  #: between the terminals, without cables, F
    maximum_load_capacitance: float  #: stable in normal mode, F
    input_resistance: float  #: of the voltmeter, Ohm
    high_impedance: float  #: between the terminals with the output relay open, Ohm
    trigger_latency: float  #: from an event to the source beginning to move, s
    source: str  #: where the numbers come from


def choose_range(
    ranges: Sequence[SourceRange] | Sequence[MeasureRange], value: float, *, pulse: bool = False
) -> float | None:
    """Return the full scale of the smallest range that holds the value, or None when none does."""
    for candidate in ranges:
        if (pulse or not candidate.pulse_only) and abs(value) <= candidate.maximum * (1 + 1e-9):
            return candidate.full_scale
    return None
