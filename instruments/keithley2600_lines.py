"""The lines between host and a 2600B: programs out, progress and readings back.

The instrument answers a program with these lines, until ``done`` or ``fault``:

- ``labctl running <t0> <errors>``: alive; t0 is the timer when the first cycle started, s, or -1
  before that; errors is the length of the error queue. It is to be answered by `ALIVE`, or the
  instrument ends the program for want of a computer
- ``labctl done <t0> <errors>``: all readings are sent, outputs are off, the trailing rest is over
- ``labctl fault <text>``: refused or failed; outputs are off
- anything else: readings of the next measured channel, ``current, time, status, voltage`` of each
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from instruments.keithley2600_limits import MICROSECONDS
from instruments.keithley2600_program import Program, Track

__all__ = [
    "ALIVE", "LONGEST_BEAT", "LONGEST_LINE", "Status", "parse_status", "play_line", "program_lines",
]  # fmt: skip

#: the answer to a sign of life: a trigger is taken while a script runs
ALIVE = "*TRG"

#: longest line that is sent, characters
LONGEST_LINE = 1000
#: programs up to the first report only at the end, s; longer ones some 2000 times, but every 2 s
_SHORTEST_BEAT, LONGEST_BEAT = 0.2, 2.0
_BEATS = 2000
_READINGS_A_LINE = 250
#: unique timestamps at 1 us: 2^32 us; the resolution is coarsened beyond this, s
_LONGEST_AT_1_US = 4000.0
#: between output on and the first level, s: relay and range settle (check: not specified)
_SETTLE = 1e-3


class Status(NamedTuple):
    """A line in which the instrument says how far it is."""

    word: str  #: ``running``, ``done`` or ``fault``
    t0: float  #: timer at the start of the first cycle, s; negative before it
    errors: int  #: entries in the error queue
    text: str = ""  #: what was wrong


def parse_status(line: str) -> Status | None:
    """Return what a line says of the progress; None for a line of readings.

    Raises
    ------
    ValueError
        The line is neither.

    Examples
    --------
    >>> parse_status("labctl done 1.250000 0")
    Status(word='done', t0=1.25, errors=0, text='')
    """
    if not line.startswith("labctl "):
        return None
    word, _, rest = line[7:].partition(" ")
    if word == "fault":
        return Status(word, -1.0, 0, rest)
    t0, errors = rest.split()
    return Status(word, float(t0), int(errors))


def play_line(number: int, *, fresh: bool) -> str:
    """Return the line that plays a program the instrument has.

    Parameters
    ----------
    number
        Its number.
    fresh
        Somebody may have changed settings since the last program.
    """
    return f"labctl_play({number},{str(fresh).lower()})"


def program_lines(number: int, program: Program, *, remote_sense: bool) -> Iterator[str]:
    """Yield the lines that give a program to the instrument, each of bounded length.

    Parameters
    ----------
    number
        Its number from now on.
    program
        What it is to play.
    remote_sense
        Sense the voltage at the device, with four wires.
    """
    yield f"labctl_new({number},{{{_fields(program, remote_sense)}}})"
    for key, values in _lists(program).items():
        shown = [f"{value:.12g}" for value in values]
        for start, stop in _pieces(shown):
            yield f'labctl_put({number},"{key}",{{{",".join(shown[start:stop])}}})'


def _fields(program: Program, remote_sense: bool) -> str:
    span = program.span / MICROSECONDS
    total = span + (program.lead + program.trail) / MICROSECONDS
    fields = {
        "count": f"{program.cycles}",
        "first": f"{next((k for k, track in enumerate(program.tracks, 1) if track.levels), 1)}",
        "nplc": f"{program.nplc:.9g}",
        "lead": f"{program.lead / MICROSECONDS:.12g}",
        "trail": f"{program.trail / MICROSECONDS:.12g}",
        "span": f"{span:.12g}",
        "beat": f"{min(max(_SHORTEST_BEAT, total / _BEATS), LONGEST_BEAT):.9g}",
        "settle": f"{_SETTLE:.9g}",
        "resolution": f"{_resolution(span):.9g}",
        "chunk": f"{_READINGS_A_LINE}",
        "sense": f"{int(remote_sense)}",
        "measured": "true" if any(track.measured for track in program.tracks) else "false",
        "channels": "{" + ",".join(_channel(track) for track in program.tracks) + "}",
    }
    return ",".join(f"{key}={value}" for key, value in fields.items())


def _channel(track: Track) -> str:
    text = f'smu=smu{track.channel},name="{track.channel}",timer={"ab".index(track.channel) + 3}'
    text += f',sources="{track.quantity}",range={track.source.full_scale:.9g}'
    text += f",limit={track.limit:.9g},meter={track.meter.full_scale:.9g}"
    if track.levels:
        text += f',levels="levels_{track.channel}"'
    if track.offsets:
        text += f',offsets="offsets_{track.channel}"'
    return "{" + text + "}"


def _resolution(span: float) -> float:
    """Return the resolution of the timestamps, s: a power of two microseconds."""
    resolution = 1.0 / MICROSECONDS
    while span / resolution > _LONGEST_AT_1_US * MICROSECONDS:
        resolution *= 2
    return resolution


def _lists(program: Program) -> dict[str, Sequence[float]]:
    lists: dict[str, Sequence[float]] = {}
    if program.cycles:
        lists["periods"] = _delays(program.periods)
        lists["widths"] = _delays(program.widths)
    for track in program.tracks:
        if track.levels:
            lists[f"levels_{track.channel}"] = _uniform(track.levels)
        if track.offsets:
            lists[f"offsets_{track.channel}"] = _delays(track.offsets)
    return lists


def _delays(microseconds: Sequence[int]) -> Sequence[float]:
    return [count / MICROSECONDS for count in _uniform(microseconds)]


def _uniform(values: Sequence[float]) -> Sequence[float]:
    """Return one value where all are the same: lists are played again from their beginning."""
    return values[:1] if len(set(values)) == 1 else values


def _pieces(shown: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of stretches that fit in one line."""
    start, length = 0, 0
    for k, text in enumerate(shown):
        if length + len(text) > LONGEST_LINE - 40:
            yield start, k
            start, length = k, 0
        length += len(text) + 1
    yield start, len(shown)
