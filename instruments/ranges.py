"""Ranges of sources and meters, with the accuracy they are specified to have.

An accuracy specification is a bound. Without further knowledge the error is taken as equally likely
anywhere inside it, so that the standard uncertainty is the bound divided by sqrt(3) (JCGM 100:2008,
section 4.3.7).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Range", "range_for"]

#: ln(1000): a settling time is given to within 0.1 % of the final value
_TIME_CONSTANTS_TO_SETTLE = math.log(1000.0)


@dataclass(frozen=True, slots=True)
class Range:
    """One range of a source or a meter, in V or A."""

    full_scale: float
    gain: float  #: accuracy, fraction of the value
    offset: float  #: accuracy, constant part
    settling: float  #: time to within 0.1 % of the final value on a fixed range, s
    derating: tuple[float, ...] = ()  #: fraction of range added at 0.1, 0.01, ... PLC
    overrange: float = 1.01  #: how far above full scale a source can be programmed

    def derated(self, nplc: float) -> float:
        """Return what an aperture of `nplc` power line cycles adds to the bound on the error.

        Between and beyond the figures of the data sheet a power law; nothing from 1 PLC on.
        """
        if not self.derating or nplc >= 1:
            return 0.0
        # the decade of the aperture, or the shortest one that is specified
        decade = min(max(math.floor(-math.log10(nplc) + 1e-12), 1), len(self.derating) - 1)
        longer, shorter = self.derating[decade - 1], self.derating[decade]
        slope = math.log10(longer / shorter)
        return self.full_scale * shorter * math.pow(nplc * 10 ** (decade + 1), slope)

    def bound(self, value: float, nplc: float = 1.0) -> float:
        """Return the specified bound on the error of a value on this range."""
        return self.gain * abs(value) + self.offset + self.derated(nplc)

    def uncertainty(self, value: float, nplc: float = 1.0) -> float:
        """Return the standard uncertainty of a value on this range."""
        return self.bound(value, nplc) / math.sqrt(3.0)

    @property
    def time_constant(self) -> float:
        """Time constant of a single pole that settles in the time specified, s."""
        return self.settling / _TIME_CONSTANTS_TO_SETTLE

    @property
    def source_maximum(self) -> float:
        """Largest level that can be programmed on this range."""
        return self.full_scale * self.overrange


def range_for(ranges: tuple[Range, ...], value: float, *, source: bool = False) -> Range | None:
    """Return the smallest range that holds a value, or None.

    Parameters
    ----------
    ranges
        Ranges in ascending order.
    value
        Level to source, or largest value to read, V or A.
    source
        Allow the overrange of a source; a range to read is chosen by its nominal full scale.
    """
    for candidate in ranges:
        most = candidate.source_maximum if source else candidate.full_scale
        if abs(value) <= most * (1 + 1e-9):
            return candidate
    return None
