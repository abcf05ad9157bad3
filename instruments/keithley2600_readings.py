"""From what a 2600B prints to rows with achieved values and their uncertainty.

What is achieved, and how it is known:

- t: the timer when the sweep started, the delay of the first reading, and the buffer's timestamps
  (1 us, +-100 ppm); middle of the aperture
- v: the programmed level, which the source holds far more accurately than a fast reading of the
  voltage could tell; where the source was limiting, the voltage measured along with the current.
  Of a terminal that is driven by a current: measured
- i: measured. Of a terminal that is driven by a current: the programmed level, for the same reason;
  where the source was limiting, had not come as near to its level by the specified settling time
  as its accuracy is, or did not give what it should, the current measured along with the voltage
- width: the setting of the timer that ended the level; start and end of a level have the same
  latency, so its length is that of the timer (reference manual, section 2, "Pulse sweeps")
- flags: `Flag.COMPLIANCE` from the status of the reading, and where a source of a current gave less
  at a voltage that is as high as its limit; `Flag.OVERRANGE` where the meter
  overflowed (what it read is not a number then); `Flag.UNSETTLED` where so little time had passed
  since the step that, by the specified settling times, more of it may have been left than the
  accuracy of the reading
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from instruments.keithley2600_limits import MICROSECONDS, SETTLED_AT
from instruments.keithley2600_program import Program, Track
from labctl.readings import Flag, Row

__all__ = ["Achieved", "Decoder", "Expected", "Lane"]

_LIMITING = 0x40  # status of a reading (reference manual 2600BS-901-01 Rev. F, page 9-34)
_NONE = Flag(0)
_OVERFLOW = 1e37  # a reading beyond its range is printed as +-9.91e37


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a reading before it is taken."""

    role: str
    level: float  #: programmed, V or A
    u: float  #: its standard uncertainty
    width: float  #: s
    left: float  #: fraction of the step that may be left when the aperture opens


class Achieved(NamedTuple):
    """What a reading says of voltage and current."""

    v: float
    u_v: float
    i: float
    u_i: float
    flags: Flag


class Decoder:
    """Turns the lines of one program into rows, in order.

    Parameters
    ----------
    program
        What is being played.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.tracks = [self.lane(track) for track in program.tracks if track.measured]
        self._held: list[list[float]] = []

    def lane(self, track: Track) -> Lane:
        """Return what makes rows of the readings of one channel."""
        return Lane(self.program, track)

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


class Lane:
    """The readings of one channel."""

    def __init__(self, program: Program, track: Track) -> None:
        self.track, self.nplc = track, program.nplc
        self.expected = [_expected(program, track, k) for k in range(len(track.levels))]
        #: from the start of the first cycle to the middle of its reading, s
        self.first = track.offsets[0] / MICROSECONDS + program.aperture / 2
        self.taken = 0
        self.stamp = 0.0

    def rows(self, values: list[float], t0: float) -> list[Row]:
        """Return what readings of four numbers each make; t0 is the start of the first cycle, s."""
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
        self, expected: Expected, zero: float, i: float, stamp: float, status: float, volts: float
    ) -> Row:
        if abs(i) > _OVERFLOW:
            i = math.nan
        if abs(volts) > _OVERFLOW:
            volts = math.nan
        limiting = bool(int(status) & _LIMITING)
        voltage = self.track.quantity == "v"
        got = (self.of_volts if voltage else self.of_amperes)(expected, i, volts, limiting)
        return Row(
            t=round(zero + stamp, 7),
            terminal=self.track.terminal,
            role=expected.role,
            v_set=expected.level if voltage else math.nan,
            v=got.v,
            i=got.i,
            width=expected.width,
            u_v=got.u_v,
            u_i=got.u_i,
            flags=int(got.flags | Flag.COMPLIANCE if limiting else got.flags),
        )

    def of_volts(self, expected: Expected, i: float, volts: float, limiting: bool) -> Achieved:
        """Return what a reading says where a voltage is sourced."""
        v, u_v = expected.level, expected.u
        if limiting:
            v, u_v = volts, self.track.v_meter.uncertainty(volts, self.nplc)
        bound = self.track.i_meter.bound(i, self.nplc)
        flags = Flag.OVERRANGE if math.isnan(i) else _NONE
        if abs(i) * expected.left > bound:
            flags |= Flag.UNSETTLED
        return Achieved(v, u_v, i, bound / math.sqrt(3.0), flags)

    def of_amperes(self, expected: Expected, i: float, volts: float, limiting: bool) -> Achieved:
        """Return what a reading says where a current is sourced."""
        track, level = self.track, expected.level
        source, bound = track.source.bound(level), track.i_meter.bound(i, self.nplc)
        u_v = track.v_meter.uncertainty(volts, self.nplc)
        flags = Flag.OVERRANGE if math.isnan(volts) else _NONE
        missing = abs(level) * _left(expected.left, volts)
        short = abs(i - level) > source + bound  # it did not give what it should
        if not (limiting or short) and missing <= source:
            return Achieved(volts, u_v, level, expected.u, flags)
        if math.isnan(i):
            flags |= Flag.OVERRANGE
        if short and self._at_limit(volts):
            flags |= Flag.COMPLIANCE
        elif not limiting and (short or missing > bound):
            flags |= Flag.UNSETTLED
        return Achieved(volts, u_v, i, bound / math.sqrt(3.0), flags)

    def _at_limit(self, volts: float) -> bool:
        """Whether a voltage cannot be told from the limit of a source of a current."""
        track = self.track
        return abs(volts) >= track.limit - track.limit_error - track.v_meter.bound(volts, self.nplc)


def _left(left: float, volts: float) -> float:
    """Return the share of a step of a current that may be left, with a voltage across the load.

    A higher voltage than the one that the settling is specified for takes longer to build up.
    """
    return left if not abs(volts) > SETTLED_AT else left ** (SETTLED_AT / abs(volts))


def _expected(program: Program, track: Track, k: int) -> Expected | None:
    role, level = track.roles[k], track.levels[k]
    if role is None:
        return None
    slowest = max(track.source.time_constant, track.meter.time_constant)
    return Expected(
        role=role,
        level=level,
        u=track.source.uncertainty(level),
        width=program.widths[k] / MICROSECONDS,
        left=math.exp(-track.offsets[k] / MICROSECONDS / slowest),
    )
