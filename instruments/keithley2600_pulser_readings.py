"""From what the pulser of a 2601B-PULSE prints to rows with achieved values.

As of a source-meter (`instruments.keithley2600_readings`), but voltage and current are both
measured, at the same time, by the pulser's two digitisers. `Flag.UNSETTLED` says that, by the
settling of its edges, more of the step may have been left than the current is accurate to. There is
no compliance: a voltage that is too large ends the step.
"""

from __future__ import annotations

import math

from instruments.keithley2600_program import Track
from instruments.keithley2600_readings import Achieved, Decoder, Expected, Lane
from labctl.readings import Flag

__all__ = ["PulseDecoder"]


class PulseDecoder(Decoder):
    """Turns the lines of one program of the pulser into rows, in order."""

    def lane(self, track: Track) -> Lane:
        """Return what makes rows of the readings of the channel."""
        return _PulseLane(self.program, track)


class _PulseLane(Lane):
    """The readings of the two digitisers."""

    def of_amperes(self, expected: Expected, i: float, volts: float, limiting: bool) -> Achieved:
        """Return what a reading says: both quantities are measured."""
        track, flags = self.track, Flag(0)
        if math.isnan(i) or math.isnan(volts):
            flags |= Flag.OVERRANGE
        bound = track.i_meter.bound(i, self.nplc)
        if abs(expected.level) * expected.left > bound:
            flags |= Flag.UNSETTLED
        u_v = track.v_meter.uncertainty(volts, self.nplc)
        return Achieved(volts, u_v, i, bound / math.sqrt(3.0), flags)
