"""From the data of a 4225-PMU to rows with achieved values and their uncertainty.

What is achieved, and how it is known:

- t: the computer's clock when the test was begun, and the card's timestamps after that: intervals
  within a step are the card's, those between steps the computer's
- v: measured by the card at its output, along with the current; behind 50 Ohm it is less than the
  level that was programmed
- width: the segments' times, whole multiples of 10 ns of the card's clock
- flags: `Flag.OVERRANGE` from the status word (the value is not a number then); `Flag.COMPLIANCE`
  where the source was at its end, and where a current is larger than the step allowed, which a
  pulse card cannot prevent; `Flag.UNSETTLED` where more of the step before may have been left than
  the accuracy of the reading, by the settling time of the range
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from instruments.keithley4200_lines import Point
from instruments.keithley4200_program import Program, Track
from instruments.keithley4200_segments import Reading
from labctl.readings import Flag, Row

__all__ = ["Decoder"]

_V_OVERFLOW, _I_OVERFLOW, _SOURCE = 0x300, 0xC00, 0x1000  # of a status word


class Decoder:
    """Turns points of data into rows; one for each channel of a program.

    Parameters
    ----------
    program
        What was played.
    track
        The channel.
    begun
        When the test was begun, s.
    """

    def __init__(self, program: Program, track: Track, begun: float) -> None:
        self._program, self._track, self._begun = program, track, begun
        self._expected: Iterator[Reading] = program.readings(track.terminal)

    def rows(self, points: Sequence[Point]) -> list[Row]:
        """Return the rows of the next points.

        Raises
        ------
        ValueError
            There are more points than readings were asked for.
        """
        rows = []
        for point in points:
            expected = next(self._expected, None)
            if expected is None:
                raise ValueError("more points came than readings were asked for")
            rows.append(self._row(point, expected))
        return rows

    def _row(self, point: Point, expected: Reading) -> Row:
        meter, flags = self._track.i_meter, Flag(0)
        v, i = point.v, point.i
        if point.status & _V_OVERFLOW:
            v, flags = math.nan, flags | Flag.OVERRANGE
        if abs(i) > self._program.compliance or point.status & (_SOURCE | _I_OVERFLOW):
            flags |= Flag.COMPLIANCE
        if point.status & _I_OVERFLOW:
            i, flags = math.nan, flags | Flag.OVERRANGE
        bound = meter.bound(i) if not math.isnan(i) else math.nan
        left = math.exp(-expected.settled * 10e-9 / meter.time_constant)
        if abs(i) * left > bound:
            flags |= Flag.UNSETTLED
        return Row(
            t=round(self._begun + point.t, 9),
            terminal=expected.terminal,
            role=expected.role,
            v_set=expected.v_set,
            v=v,
            i=i,
            width=expected.width * 10 / 1e9,
            u_v=self._program.source.v_meter.uncertainty(v) if not math.isnan(v) else math.nan,
            u_i=bound / math.sqrt(3.0),
            flags=int(flags),
        )
