"""Accuracy of a captured waveform: what is wrong with all samples alike, and what with each.

A gain error multiplies every sample of a capture by the same number, an offset shifts all of them;
neither shrinks with the number of samples or pulses, and both cancel or add up as the sign of the
waveform says. Noise does shrink. So they are kept apart (JCGM 100:2008, 5.2).
"""

from __future__ import annotations

import math

import msgspec

from labctl.errors import BadInput

__all__ = ["Accuracy", "rectangular"]


class Accuracy(msgspec.Struct, frozen=True):
    """Standard uncertainties of a capture. What is not stated is taken as zero.

    Attributes
    ----------
    gain_v, gain_i
        Of the voltage and current range, as a share of the reading; common to all samples.
    offset_v, offset_i
        Of the ranges, V and A; common to all samples.
    noise_v, noise_i
        Of one sample, V and A; independent from sample to sample.
    timebase
        Of the clock, as a share of the time; common.
    skew
        Of the delay between voltage and current channel, s; common.
    jitter
        Of the width of one pulse, s; independent from pulse to pulse.
    aperture
        Time over which a sample is averaged, s (not an uncertainty, but the cause of one: the
        product of two averages is not the average of the product).
    """

    gain_v: float = 0.0
    gain_i: float = 0.0
    offset_v: float = 0.0
    offset_i: float = 0.0
    noise_v: float = 0.0
    noise_i: float = 0.0
    timebase: float = 0.0
    skew: float = 0.0
    jitter: float = 0.0
    aperture: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise BadInput(f"{name} = {value} was given; uncertainties are finite and not < 0")


def rectangular(limit: float) -> float:
    """Return the standard uncertainty of an error known only to stay within plus or minus a limit.

    A specification is such a limit: limit/sqrt(3) (JCGM 100:2008, 4.3.7).

    Examples
    --------
    >>> round(rectangular(0.0003), 9)
    0.000173205
    """
    return limit / math.sqrt(3)
