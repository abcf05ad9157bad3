"""The commands of a Segment Arb test, and what is answered (KXCI Programming, section 7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from instruments.keithley4200_limits import MOST_VALUES
from instruments.keithley4200_program import Program, Track
from instruments.keithley4200_segments import Straight

__all__ = ["Point", "no_error", "parse_points", "program_lines", "start_lines"]

_ENTRIES = MOST_VALUES // 2  # of the list of sequences in one command


class Point(NamedTuple):
    """One point of data."""

    v: float
    i: float
    t: float  #: after the beginning of the test, s
    status: int  #: 32 bits (4200A-901-01 Rev. C, page 13-103)


def program_lines(program: Program, *, module: bool) -> Iterator[str]:
    """Yield the commands that set up a test; no output is on yet.

    Parameters
    ----------
    program
        What to play.
    module
        Whether there are 4225-RPMs, which have to be connected to the card.
    """
    yield ":PMU:INIT 1"  # it brings the sample rate to its default, too
    if program.sample:
        yield f":PMU:SAMPLE:RATE {1e8 / program.sample:.9g}"
    for track in program.tracks:
        n = track.number
        if module:
            yield f":PMU:RPM:CONFIGURE PMU1-{n}, 0"
        yield f":PMU:SOURCE:RANGE {n}, {program.source.full_scale:g}"
        yield f":PMU:MEASURE:RANGE {n}, 2, {track.i_meter.full_scale:g}"
        for number, segments in enumerate(program.sequences, 1):
            yield from _sequence(track, number, segments)
        entries = [f"{number}, {loops}" for number, loops in program.playlist]
        yield from _array(":PMU:SARB:WFM:SEQ:LIST", f"{n}", entries, _ENTRIES)


def start_lines(program: Program) -> Iterator[str]:
    """Yield the commands that begin the test."""
    for track in program.tracks:
        yield f":PMU:OUTPUT:STATE {track.number}, 1"
    yield ":PMU:EXECUTE"


def _sequence(track: Track, number: int, segments: Sequence[Straight]) -> Iterator[str]:
    where = f"{track.number}, {number}"
    ends = [{name: (a, b) for name, a, b in s.levels}[track.terminal] for s in segments]
    measured = [segment.measured(track.terminal) for segment in segments]
    arrays = (
        ("TIME", [_seconds(s.ticks) for s in segments]),
        ("STARTV", [f"{a:.9g}" for a, _ in ends]),
        ("STOPV", [f"{b:.9g}" for _, b in ends]),
        ("MEAS:TYPE", [str(min(len(r), 2)) for r in measured]),  # none, spot mean, waveform
        ("MEAS:START", [_seconds(r[0].start) if r else "0" for r in measured]),
        ("MEAS:STOP", [_seconds(r[-1].stop) if r else "0" for r in measured]),
    )
    for key, values in arrays:
        yield from _array(f":PMU:SARB:SEQ:{key}", where, values, MOST_VALUES)


def _array(command: str, where: str, values: Sequence[str], most: int) -> Iterator[str]:
    for at in range(0, len(values), most):
        add = ":ADD" if at else ""
        yield f"{command}{add} {where}, {', '.join(values[at : at + most])}"


def _seconds(ticks: int) -> str:
    """Return ticks of 10 ns as an exact decimal in s."""
    return f"{ticks}E-8"


def no_error(answer: str) -> bool:
    """Whether ``:ERROR:LAST:GET`` tells of no error: it says so in words, or nothing at all."""
    text = answer.strip().lower()
    return not text or text.startswith("no error") or text.endswith("(0)")


def parse_points(answer: str) -> list[Point]:
    """Return the points of a block of data.

    Raises
    ------
    ValueError
        The answer is not one.
    """
    points = []
    for text in answer.strip().strip(";").split(";"):
        if not text.strip():
            continue
        v, i, t, status = text.split(",")
        points.append(Point(float(v), float(i), float(t), int(status, 16)))
    return points
