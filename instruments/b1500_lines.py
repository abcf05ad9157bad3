"""The FLEX commands of a program, and what is answered (programming guide, chapters 1 and 4)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from instruments.b1500_limits import APERTURES, AT_ONCE, LONGEST_PAUSE, TICK
from instruments.b1500_program import Program
from instruments.b1500_schedule import Run
from instruments.levels import Level
from instruments.ranges import Range

__all__ = [
    "Datum", "Spot", "aperture_of", "force_line", "i_code", "level_line", "parse_data",
    "parse_error", "parse_forced", "run_lines", "v_code",
]  # fmt: skip

#: by full scale: "limited auto ranging", which never uses a lower range
_V_CODES = {0.5: 5, 2.0: 20, 5.0: 50, 20.0: 200, 40.0: 400, 100.0: 1000}
_STEP = 2e-6  # s, of an aperture in time mode (check)
_UNMEASURED = 20e-6  # s: aperture of a pulse nobody reads
_MOST_PLC = 10
_LEAST_VOLTS = 100e-6  # s: a shorter reading of the voltage is not taken
_DATUM = re.compile(r"([A-Z])([A-Za-z])([A-Z])([+-][\d.]+E[+-]\d+)$")
_ERROR = re.compile(r"([+-]?\d+)(?:,\s*\"?(.*?)\"?)?$")


class Datum(NamedTuple):
    """One value with its header."""

    status: str
    channel: str
    kind: str  #: ``I``, ``V`` or ``T``
    value: float


class Spot(NamedTuple):
    """A level that is timed by commands: the line, and what comes back for it."""

    line: str
    volts: bool  #: whether the voltage is measured first
    apertures: tuple[float, ...]  #: of the readings of the current, s

    @property
    def messages(self) -> int:
        """How many come back: the edge's time stamp, and readings."""
        return 1 + self.volts + len(self.apertures)


def i_code(meter: Range) -> int:
    """Return the code of a fixed range of the ammeter."""
    return -round(20 + math.log10(meter.full_scale))


def v_code(source: Range) -> int:
    """Return the code of a range of the voltage source."""
    return _V_CODES[source.full_scale]


def aperture_of(room: float, frequency: float) -> tuple[str, float]:
    """Return how to ask the high-speed converter for an aperture, and how long it is.

    Parameters
    ----------
    room
        Longest that it may be, s.
    frequency
        Of the mains, Hz.

    Examples
    --------
    >>> aperture_of(0.05, 50.0)
    ('AIT 0,2,2', 0.04)
    >>> aperture_of(0.5e-3, 50.0)
    ('AIT 0,3,0.0005', 0.0005)
    """
    cycles = math.floor(room * frequency + 1e-9)
    if cycles >= 1:
        cycles = min(cycles, _MOST_PLC)
        return f"AIT 0,2,{cycles}", cycles / frequency
    aperture = _timed(room)
    return f"AIT 0,3,{aperture:.9g}", aperture


def _timed(room: float) -> float:
    steps = math.floor(min(max(room, APERTURES[0]), APERTURES[1]) / _STEP + 1e-6)
    return round(steps * _STEP, 9)


def force_line(program: Program, channel: int, level: float, *, timed: bool = True) -> str:
    """Return the command that forces a level, with its compliance, and answers when."""
    name = "TDV" if timed else "DV"
    return f"{name} {channel},{v_code(program.source)},{level:.9g},{program.compliance:.9g}"


def run_lines(program: Program, run: Run, frequency: float) -> tuple[list[str], float]:
    """Return the settings of a run that a trigger begins, and its aperture in s."""
    ch, code, comp = program.channel, v_code(program.source), f"{program.compliance:.9g}"
    spans = [span.length for level in run.levels for span in level.spans]
    level, count = run.levels[0], len(run.levels)
    if run.kind == "pulses":
        aperture = _timed(min([*spans, level.length / 2]) if spans else _UNMEASURED)
        source = (
            f"PV {ch},{code},0,{level.v:.9g},{comp}"
            if count == 1
            else f"PWV {ch},1,{code},0,{level.v:.9g},{level.v:.9g},{count},{comp}"
        )
        times = f"PT 0,{level.length:.7g},{run.period:.7g}"
        return [f"AIT 2,3,{aperture:.9g}", times, source, f"MM {3 if count == 1 else 4},{ch}"], (
            aperture
        )
    if run.kind == "sampling":
        converter, aperture = aperture_of(0.8 * run.period, frequency)
        times = f"MT 0,{run.period:.7g},{run.count},0"
        source = f"MV {ch},{code},0,{level.v:.9g},{comp}"
        return [converter, f"MM 10,{ch}", "ML 1", times, "MSC 1,1", source], aperture
    delay, step = _staircase_times(level)
    converter, aperture = aperture_of(min(level.spans[0].length, step - 0.2e-3), frequency)
    last = run.levels[-1]
    post = 1 if abs(level.v) < abs(last.v) else 2
    source = f"WV {ch},1,{code},{level.v:.9g},{last.v:.9g},{count},{comp}"
    times = f"WT 0,{delay:.7g},{step:.7g}"
    return [converter, f"MM 2,{ch}", times, f"WM 1,{post}", source], aperture


def _staircase_times(level: Level) -> tuple[float, float]:
    """Return delay and step delay of a staircase, s."""
    delay = round(level.spans[0].start / TICK) * TICK
    return round(delay, 7), round(level.length - delay, 7)


def level_line(program: Program, level: Level, frequency: float) -> Spot:
    """Return the commands for a level that is timed by them.

    Parameters
    ----------
    program, level
        What is played.
    frequency
        Of the mains, Hz.
    """
    parts, at, apertures, volts = (
        [force_line(program, program.channel, level.v)],
        AT_ONCE,
        [],
        False,
    )
    for number, span in enumerate(level.spans):
        converter, aperture = aperture_of(span.length, frequency)
        middle = (span.start + span.stop) / 2
        free = middle - aperture / 2 - AT_ONCE - at
        own = _voltage(program, free, aperture) if number == 0 else None
        if own is not None:
            parts += [*_pauses(free - own[1] - AT_ONCE), *own[0]]
            volts = True
        else:
            parts += _pauses(free)
        parts += [converter, f"TTI {program.channel},{i_code(program.i_meter)}"]
        apertures.append(aperture)
        at = max(middle - aperture / 2, at + AT_ONCE) + aperture
    parts += _pauses(level.length - at)
    return Spot(";".join(parts), volts, tuple(apertures))


def _voltage(program: Program, free: float, aperture: float) -> tuple[list[str], float] | None:
    """Return the commands that measure the voltage before the current, where there is time."""
    room = _timed(min(free - 2 * AT_ONCE, aperture, APERTURES[1]))
    if free - 2 * AT_ONCE < _LEAST_VOLTS:
        return None
    asked = f"TTV {program.channel},{-v_code(program.source)}"
    return [f"AIT 0,3,{room:.9g}", asked], room


def _pauses(duration: float) -> Iterator[str]:
    """Yield the commands that let time pass, in its ticks."""
    left = round(duration / TICK) * TICK
    while left > TICK / 2:
        part = min(left, LONGEST_PAUSE)
        yield f"PA {part:.7g}"
        left -= part


def parse_data(line: str) -> list[Datum]:
    """Return the values of a message.

    Raises
    ------
    ValueError
        It is something else.

    Examples
    --------
    >>> parse_data("NAT+1.250000E-02,CAI+1.000000E-03")[1]
    Datum(status='C', channel='A', kind='I', value=0.001)
    """
    found = []
    for text in line.strip().strip(",").split(","):
        match = _DATUM.match(text.strip())
        if match is None:
            raise ValueError(f"{text[:40]!r} is no datum")
        found.append(Datum(match[1], match[2], match[3], float(match[4])))
    return found


def parse_error(line: str) -> str:
    """Return an entry of the error queue as text; empty when it says that there is none.

    Raises
    ------
    ValueError
        It is something else.

    Examples
    --------
    >>> parse_error('+120,"Incorrect parameter value."'), parse_error('+0,"No Error."')
    ('120 Incorrect parameter value.', '')
    """
    match = _ERROR.match(line.strip())
    if match is None:
        raise ValueError(f"{line[:40]!r} is no error")
    code = int(match[1])
    return f"{code} {match[2] or ''}".strip() if code else ""


def parse_forced(line: str) -> tuple[float, float]:
    """Return level and compliance of ``*LRN?`` for a channel that forces a voltage, V and A.

    Raises
    ------
    ValueError
        It does not.
    """
    fields = line.strip().split(",")
    if not fields[0].upper().startswith("DV") or len(fields) < 4:
        raise ValueError(f"{line[:40]!r} is no voltage source")
    return float(fields[2]), float(fields[3])
