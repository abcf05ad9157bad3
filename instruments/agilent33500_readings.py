"""From what the source-meter stored to rows with achieved values and their uncertainty.

What is achieved, and how it is known:

- t: the computer's clock when the burst was begun, the place of the first reading in the burst, and
  the source-meter's timestamps from there on, or, where these are as coarse as those of a 2400, the
  places of the triggers: intervals within a step are the instruments', those between steps the
  computer's
- v: the level that the generator gives into an open circuit, less what the current loses in the
  resistance in series; where the source-meter was limiting, less the voltage that it was left with
- width: whole points of the generator's clock
- flags: `Flag.COMPLIANCE` from the status of a reading; `Flag.OVERRANGE` where the ammeter
  overflowed; `Flag.UNSETTLED` where so little time had passed since the level began that, by the
  specified settling time of the range, more of the step may be left than the accuracy of a reading
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from instruments.agilent33500_checks import Unit
from instruments.agilent33500_program import Program, Reading
from instruments.agilent33500_reads import Raw
from labctl.readings import Flag, Row

__all__ = ["Decoder"]

_OVERFLOW = 1e37  # a reading beyond its range is printed as +-9.91e37
_FINE = 1e-3  # s: stamps that may be off by more than this only tell whether a reading was lost


class Decoder:
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

    def __init__(self, program: Program, unit: Unit, begun: float) -> None:
        self._program, self._unit, self._begun = program, unit, begun
        self._terminal = next(iter(unit.channels), "top")
        self._taken = 0
        self._stamp = 0.0

    def rows(self, readings: Sequence[Raw]) -> list[Row]:
        """Return the rows of the next readings.

        Raises
        ------
        ValueError
            A reading is not where its trigger was: one was lost, or one came from elsewhere.
        """
        return [self._row(raw) for raw in readings]

    def _row(self, raw: Raw) -> Row:
        program = self._program
        if self._taken == 0:
            self._stamp = raw.stamp
        turn, k = divmod(self._taken, len(program.readings))
        expected, first = program.readings[k], program.readings[0]
        since = ((expected.at - first.at) + turn * program.points) * program.grid
        after = raw.stamp - self._stamp
        reader = self._unit.meter
        if abs(after - since) > reader.stray + reader.drift * since:
            raise ValueError(
                f"reading {self._taken + 1} came {after:g} s after the first instead of {since:g} s"
            )
        self._taken += 1
        middle = first.at * program.grid + program.early
        later = after if reader.stray < _FINE else since
        return self._told(raw, expected, round(self._begun + middle + later, 9))

    def _told(self, raw: Raw, expected: Reading, t: float) -> Row:
        program, level = self._program, self._unit.generator.level
        meter, flags = program.i_meter, Flag(0)
        i, left = -raw.i, 0.0
        if abs(i) > _OVERFLOW:
            i, flags = math.nan, flags | Flag.OVERRANGE
        bound = meter.bound(i, program.nplc)
        if raw.limited:
            flags |= Flag.COMPLIANCE
            left = raw.v if abs(raw.v) < _OVERFLOW else math.nan
        if abs(i) * math.exp(-expected.age / meter.time_constant) > bound:
            flags |= Flag.UNSETTLED
        return Row(
            t=t,
            terminal=self._terminal,
            role=expected.role,
            v_set=expected.v_set,
            v=expected.v_set - self._unit.resistance * i - left,
            i=i,
            width=expected.width,
            u_v=level.uncertainty(expected.v_set),
            u_i=bound / math.sqrt(3.0),
            flags=int(flags),
        )
