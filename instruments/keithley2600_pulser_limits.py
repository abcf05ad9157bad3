"""The pulser of a 2601B-PULSE in numbers, each with its source.

Sources, by their mark:

[P] Model 2601B-PULSE Reference Manual, 2601B-PULSE-901-01 Rev. A, April 2020: pages 4-2 to 4-4
    (currents only; protection levels instead of limits), 7-4 (a duty cycle is enforced), 11-213
    (aperture), 11-215 (delay of a measurement), 11-217 (protection of the force terminals).
[E] The maker's examples for it, github.com/tektronix/keithley, Series_2600/2601B_PULSE: 10 A into
    10 V, pulses of 10 us that are read from 9 to 10 us, two digitisers of 1 MS/s.
[C] check: its specifications were not found in print. Plausible values, on the careful side, to be
    replaced here when they are known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from instruments.keithley2600_limits import MICROSECONDS
from instruments.ranges import Range
from labctl.capability import Limits

__all__ = ["PULSERS", "PulseRange", "Pulser"]

#: settling of a current and of its readings to 0.1 %, s: 1.7 us from 10 to 90 % of a single pole,
#: which settles before the 9 us after which [E] reads [C]
_SETTLING = 5.3e-6
#: the aperture that the noise is given at, in line cycles of 50 Hz: 1 us
_MICROSECOND = 1e-6 * 50.0
_SIGMAS = 3.0  # of a noise that a bound holds


@dataclass(frozen=True, slots=True)
class PulseRange(Range):
    """A range of the source, or of a digitiser whose noise grows as the aperture is cut."""

    noise: float = 0.0  #: rms of a reading of 1 us, V or A

    def derated(self, nplc: float) -> float:
        """Return what the noise adds to the bound, for an aperture in line cycles of 50 Hz."""
        return _SIGMAS * self.noise * math.sqrt(_MICROSECOND / nplc)


@dataclass(frozen=True, slots=True)
class Pulser:
    """What the pulser of one model can do."""

    source: tuple[PulseRange, ...]
    v_meter: tuple[PulseRange, ...]
    i_meter: tuple[PulseRange, ...]
    widths: tuple[int, int]  #: shortest and longest pulse, us
    duty: float  #: largest share of a pulse of the time until the next
    apertures: tuple[int, int]  #: shortest and longest, us
    longest_delay: int  #: of a measurement within its pulse, us
    least_limit: float  #: smallest protection of the sense terminals, of their range
    force: tuple[float, float]  #: protection of the force terminals, V
    limits: Limits

    @property
    def most(self) -> float:
        """Largest current, A."""
        return self.source[-1].full_scale

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest voltage at which it can be told to end a pulse, V."""
        return self.least_limit * self.v_meter[0].full_scale, self.v_meter[-1].full_scale

    def rest_after(self, width: int) -> int:
        """Return how long nothing may flow after a pulse, us."""
        return math.ceil(width * (1.0 / self.duty - 1.0) - 1e-9)


def _range(full: float, gain: float, offset: float, noise: float = 0.0) -> PulseRange:
    return PulseRange(full, gain, offset, _SETTLING, overrange=1.0, noise=noise)


_WIDTHS = (10, 500)  # the shortest [E]; the longest [C]
_DUTY = 0.04  # [C] the formula of [P 7-4] is a figure that was not at hand
#: no pulse begins sooner after the end of another, us [C]; the duty cycle asks for more
_LEAST_GAP = 50

_PULSER = Pulser(
    # full scale, gain, offset [C]
    source=(_range(1.0, 1e-3, 2e-3), _range(5.0, 1e-3, 10e-3), _range(10.0, 1e-3, 20e-3)),
    # full scale, gain, offset, noise at 1 us [C]; 10 V [E]
    v_meter=(_range(5.0, 5e-4, 2.5e-3, 2.5e-3), _range(10.0, 5e-4, 5e-3, 5e-3)),
    i_meter=(
        _range(1.0, 1e-3, 1e-3, 1e-3),
        _range(5.0, 1e-3, 5e-3, 5e-3),
        _range(10.0, 1e-3, 10e-3, 10e-3),
    ),
    widths=_WIDTHS,
    duty=_DUTY,
    apertures=(1, 100_000),  # [P 11-213]
    longest_delay=65_000,  # [P 11-215]
    least_limit=0.05,  # [P 4-4]
    force=(2.0, 40.0),  # [P 11-217]
    limits=Limits(
        model="2601B-PULSE pulser",
        max_v=10.0,
        max_i=10.0,
        min_width=_WIDTHS[0] / MICROSECONDS,
        min_gap=_LEAST_GAP / MICROSECONDS,
        min_aperture=1 / MICROSECONDS,
        resolution=1 / MICROSECONDS,
        max_points=10_000,
        max_readings=60_000,
        ramps=False,
        source="2601B-PULSE-901-01 pages 4-4, 11-213 to 11-217; ranges but 10 A and 10 V, "
        "accuracy, settling, longest pulse, duty cycle: check",
    ),
)

#: model -> its pulser
PULSERS: Mapping[str, Pulser] = MappingProxyType({"2601B-PULSE": _PULSER})
