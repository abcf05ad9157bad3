"""From what an oscilloscope saw to rows with achieved values and their uncertainty.

What is achieved, and how it is known:

- t: the computer's clock when the burst was begun, and the place of the window's points in the
  record from there on: intervals within a step are the oscilloscope's, those between steps the
  computer's
- i: what channel 2 saw, less what it saw at zero volts, through the resistor before it
- v: what channel 1 saw, likewise, less what the current loses in the resistors in series
- width: whole points of the generator's clock
- u_v, u_i: what the gain and the step of eight bits are specified to be wrong by on the scale in
  use, and what is left of the noise in the mean
- flags: `Flag.COMPLIANCE` where the current was larger than was allowed, which nothing prevents;
  `Flag.OVERRANGE` where a point was clipped, without a number; `Flag.UNSETTLED` where the current
  may not have charged the input yet, by the time constant of the resistor and its cable
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from instruments.agilent33500_reads import Raw
from instruments.agilent33500_records import Sight
from instruments.agilent33500_watch import Viewed, Watch
from instruments.keysightdsox_limits import DIVISIONS
from labctl.readings import Flag, Row

__all__ = ["SightDecoder"]

_STRAY = 1e-4  # share of a time by which the two clocks may differ


class SightDecoder:
    """Turns the readings of one step into rows, in order.

    Parameters
    ----------
    program
        What is being played.
    unit
        What plays it.
    begun
        When the burst was begun, s.
    """

    def __init__(self, program: Watch, unit: Viewed, begun: float) -> None:
        self._program, self._unit, self._begun = program, unit, begun
        self._terminal = next(iter(unit.channels), "top")
        self._taken = 0

    def rows(self, readings: Sequence[Raw]) -> list[Row]:
        """Return the rows of the next readings.

        Raises
        ------
        ValueError
            A segment is not where its repetition was: a trigger was lost, or came from elsewhere.
        """
        return [self._row(raw) for raw in readings]

    def _row(self, raw: Raw) -> Row:
        program = self._program
        turn, k = divmod(self._taken, program.taken)
        sight = program.sights[k]
        late = program.late(sight.segment) + turn * program.period
        since = late + (sight.start + sight.stop) / 2
        if abs(raw.stamp - since) > program.apart + _STRAY * since:
            raise ValueError(
                f"reading {self._taken + 1} came {raw.stamp:g} s after the trigger instead of "
                f"{since:g} s"
            )
        self._taken += 1
        t = self._begun + program.marks[0] * program.grid + raw.stamp
        return self._told(raw, sight, round(t, 9))

    def _told(self, raw: Raw, sight: Sight, t: float) -> Row:
        program, behind = self._program, self._unit.behind
        bound, flags = program.i_meter.bound(raw.i), Flag(0)
        if math.isnan(raw.i) or math.isnan(raw.v):
            flags |= Flag.OVERRANGE
        if abs(raw.i) > program.compliance:
            flags |= Flag.COMPLIANCE
        if abs(raw.i) * math.exp(-sight.age / program.i_meter.time_constant) > bound:
            flags |= Flag.UNSETTLED
        u_i = math.hypot(bound / math.sqrt(3.0), self.noise(sight, volts=False))
        u_seen = math.hypot(program.v_meter.uncertainty(raw.v), self.noise(sight, volts=True))
        return Row(
            t=t,
            terminal=self._terminal,
            role=sight.role,
            v_set=sight.v_set,
            v=raw.v - behind * raw.i,
            i=raw.i,
            width=sight.width,
            u_v=math.hypot(u_seen, behind * u_i),
            u_i=u_i,
            flags=int(flags),
        )

    def noise(self, sight: Sight, *, volts: bool) -> float:
        """Return what is left of the noise in the mean of a window and in the zero, V or A."""
        program, unit = self._program, self._unit
        ohms = 1.0 if volts else unit.input.ohms
        meter = program.v_meter if volts else program.i_meter
        rms = unit.input.scope.rms(meter.full_scale * ohms * 2 / DIVISIONS) / ohms
        points = [max(1.0, s / program.apart) for s in (sight.stop - sight.start, program.before)]
        return rms * math.sqrt(sum(1 / n for n in points))
