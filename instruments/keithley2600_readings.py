"""From what a 2600B prints to rows with achieved values and their uncertainty.

What is achieved, and how it is known:

- t: the timer when the sweep started, the delay of the first reading, and the buffer's timestamps
  (1 us, +-100 ppm); middle of the aperture
- v: the programmed level, which the source holds far more accurately than a fast reading of the
  voltage could tell; where the source was limiting, the voltage measured along with the current
- width: the setting of the timer that ended the level; start and end of a level have the same
  latency, so its length is that of the timer (reference manual, section 2, "Pulse sweeps")
- flags: `Flag.COMPLIANCE` from the status of the reading; `Flag.OVERRANGE` where the meter
  overflowed (the current is not a number then); `Flag.UNSETTLED` where so little time had passed
  since the step that, by the specified settling times, more of it may have been left than the
  accuracy of the reading
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from instruments.keithley2600_limits import MICROSECONDS
from instruments.keithley2600_program import Program, Track
from labctl.readings import Flag, Row

__all__ = ["Decoder"]

_LIMITING = 0x40  # status of a reading (reference manual 2600BS-901-01 Rev. F, page 9-34)
_OVERFLOW = 1e37  # a reading beyond its range is printed as +-9.91e37


@dataclass(frozen=True, slots=True)
class _Expected:
    """What is known of a reading before it is taken."""

    role: str
    v: float  #: programmed level, V
    u_v: float  #: its standard uncertainty, V
    width: float  #: s
    left: float  #: fraction of the step that may be left when the aperture opens


class Decoder:
    """Turns the lines of one program into rows, in order.

    Parameters
    ----------
    program
        What is being played.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.tracks = [_Lane(program, track) for track in program.tracks if track.measured]
        self._held: list[list[float]] = []

    def hold(self, line: str) -> None:
        """Take a line of readings: of the measured channels in turn.

        Raises
        ------
        ValueError
            The line is not one of readings.
        """
        values = [float(text) for text in line.split(",")]
        if len(values) % 4:
            raise ValueError(f"{len(values)} numbers do not make readings of four")
        self._held.append(values)

    @property
    def missing(self) -> int:
        """How many readings of the whole program have not come, over all channels."""
        return sum(self.program.cycles - lane.taken for lane in self.tracks)

    def rows(self, t0: float) -> list[Row]:
        """Return what the lines held so far make, by time; t0 is the start of the first cycle, s.

        A line waits for the lines of the same readings on the other channels.
        """
        count = len(self.tracks)
        rows: list[Row] = []
        while count and len(self._held) >= count:
            for lane, values in zip(self.tracks, self._held, strict=False):
                rows += lane.rows(values, t0)
            del self._held[:count]
        if count > 1:
            rows.sort(key=lambda row: row.t)
        return rows


class _Lane:
    """The readings of one channel."""

    def __init__(self, program: Program, track: Track) -> None:
        self.track, self.nplc = track, program.nplc
        self.expected = [_expected(program, track, k) for k in range(len(track.levels))]
        #: from the start of the first cycle to the middle of its reading, s
        self.first = track.offsets[0] / MICROSECONDS + program.aperture / 2
        self.taken = 0
        self.stamp = 0.0

    def rows(self, values: list[float], t0: float) -> list[Row]:
        if self.taken == 0:
            self.stamp = values[1]
        zero = t0 + self.first - self.stamp
        rows = []
        for at in range(0, len(values), 4):
            expected = self.expected[self.taken % len(self.expected)]
            self.taken += 1
            if expected is not None:
                rows.append(self._row(expected, zero, *values[at : at + 4]))
        return rows

    def _row(
        self, expected: _Expected, zero: float, i: float, stamp: float, status: float, volts: float
    ) -> Row:
        meter, flags = self.track.i_meter, Flag(0)
        v, u_v = expected.v, expected.u_v
        if abs(i) > _OVERFLOW:
            i, flags = math.nan, flags | Flag.OVERRANGE
        bound = meter.bound(i, self.nplc)
        if int(status) & _LIMITING:
            flags |= Flag.COMPLIANCE
            v = volts if abs(volts) < _OVERFLOW else math.nan
            u_v = self.track.v_meter.uncertainty(v, self.nplc)
        if abs(i) * expected.left > bound:
            flags |= Flag.UNSETTLED
        return Row(
            t=round(zero + stamp, 7),
            terminal=self.track.terminal,
            role=expected.role,
            v_set=expected.v,
            v=v,
            i=i,
            width=expected.width,
            u_v=u_v,
            u_i=bound / math.sqrt(3.0),
            flags=int(flags),
        )


def _expected(program: Program, track: Track, k: int) -> _Expected | None:
    role, v = track.roles[k], track.levels[k]
    if role is None:
        return None
    slowest = max(track.source.time_constant, track.i_meter.time_constant)
    return _Expected(
        role=role,
        v=v,
        u_v=track.source.uncertainty(v),
        width=program.widths[k] / MICROSECONDS,
        left=math.exp(-track.offsets[k] / MICROSECONDS / slowest),
    )
