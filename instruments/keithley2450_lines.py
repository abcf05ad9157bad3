"""The lines between host and the 2450 family: settings, trigger models and readings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from instruments.keithley2450_limits import AUTO_ZERO_NPLC, LEAST_NPLC
from instruments.keithley2450_program import Program
from instruments.keithley2450_schedule import Step

__all__ = [
    "BUFFER", "DIGITS", "ELEMENTS", "LOOK", "READINGS", "SENSES", "SOURCES", "Look", "Reading",
    "Told", "differing", "list_lines", "model_lines", "parse_error", "parse_look", "parse_readings",
    "parse_told", "range_lines", "read_back",
]  # fmt: skip

#: names of what the driver makes in the instrument
BUFFER, SOURCES, SENSES = "labctl", "labctlS", "labctlM"
#: elements of a reading, in the order of `Reading`
ELEMENTS = "READ,REL,SOUR,SOURSTAT"
READINGS = f':TRAC:DATA? %d,%d,"{BUFFER}",{ELEMENTS}'
#: asked while a trigger model runs
LOOK = f':SYST:ERR:COUN?;:TRAC:ACT? "{BUFFER}";:TRIG:STAT?'
_NO_LEVEL = ":SOUR:VOLT 0"
_RUNNING = ("RUNNING", "WAITING", "PAUSED", "BUILDING")
#: of every number that is sent: a microsecond in eleven days
DIGITS = 12
_AGREES = 1e-6  # of a value that is read back
_SMALLEST_BUFFER = 10  # [R page 6-171]


class Told(NamedTuple):
    """The answer to `read_back`."""

    compliance: float
    i_range: float
    v_range: float
    indexes: float
    capacity: float
    digits: float  #: of a number; no longer `DIGITS` once somebody has reset the instrument
    output: float


class Reading(NamedTuple):
    """One reading as the instrument sends it."""

    i: float
    t: float  #: since the first reading, s
    v: float  #: measured, or programmed where it was not
    status: int  #: of the source


class Look(NamedTuple):
    """The answer to `LOOK`."""

    errors: int
    readings: int
    state: str

    @property
    def running(self) -> bool:
        """Whether the trigger model is out of idle."""
        return self.state in _RUNNING


# -- settings --------------------------------------------------------------------------------------


def range_lines(program: Program, channel: str, *, remote: bool) -> list[str]:
    """Return the lines that select terminals, sensing, ranges and compliance, the output off.

    Parameters
    ----------
    program
        What is to be played.
    channel
        ``front`` or ``rear``.
    remote
        Sense the voltage at the device, with four wires.
    """
    full, meter = f"{program.source.full_scale:.9g}", f"{program.i_meter.full_scale:.9g}"
    limit = f"{program.compliance:.9g}"
    lines = [
        f":ROUT:TERM {'REAR' if channel == 'rear' else 'FRON'};:SENS:CURR:RSEN {int(remote)}",
        # the limit is checked against source and measure range: it is lowered before they change
        f":SENS:FUNC 'CURR';:SENS:CURR:RANG:AUTO ON;:SOUR:VOLT:RANG {full}",
        f":SOUR:VOLT:ILIM {limit};:SENS:CURR:RANG {meter};:SENS:CURR:AZER OFF",
        f":SENS:CURR:NPLC {AUTO_ZERO_NPLC:g};:SENS:AZER:ONCE",
    ]
    if program.pulsed:
        lines.append(
            f":SENS:DIG:FUNC 'CURR';:SENS:DIG:CURR:RANG {meter};:SENS:DIG:CURR:RSEN {int(remote)};"
            f":SOUR:VOLT 0;:SOUR:PULS:VOLT:ILIM {limit};:SOUR:VOLT:READ:BACK ON"
        )
    return lines


def list_lines(program: Program) -> Iterator[str]:
    """Yield the lines that fill configuration lists and make the buffer."""
    yield f':SOUR:CONF:LIST:CRE "{SOURCES}";:SENS:CONF:LIST:CRE "{SENSES}"'
    store = f':SOUR:CONF:LIST:STOR "{SOURCES}";:SENS:CONF:LIST:STOR "{SENSES}"'
    now: tuple[str, ...] = ()
    frequency = program.line_frequency
    for step in program.steps if program.pulsed else (_zero(frequency), *program.steps):
        wanted = _pulse(step) if program.pulsed else _index(step, frequency)
        changed = [line for k, line in enumerate(wanted) if not now or now[k] != line]
        # a line that is the last one to arrive leaves no level behind
        yield ";".join([*changed, store] if program.pulsed else [*changed, store, _NO_LEVEL])
        now = wanted if program.pulsed else (_NO_LEVEL, *wanted[1:])
    size = max(_SMALLEST_BUFFER, program.readings)
    yield f':TRAC:MAKE "{BUFFER}",{size};:TRAC:FILL:MODE ONCE,"{BUFFER}"'


def _zero(frequency: float) -> Step:
    return Step(-1, 0.0, 0.0, 0.0, 0.0, LEAST_NPLC / frequency)


def _index(step: Step, frequency: float) -> tuple[str, ...]:
    return (
        f":SOUR:VOLT {step.v:.9g}",
        f":SOUR:VOLT:DEL:USER1 {step.before:.9g}",
        f":SOUR:VOLT:DEL:USER2 {step.after:.9g}",
        f":SOUR:VOLT:READ:BACK {int(step.back)}",
        f":SENS:CURR:NPLC {step.aperture * frequency:.9g}",
    )


def _pulse(step: Step) -> tuple[str, ...]:
    rate = math.floor(1 / step.aperture + 1e-6)
    return (
        f":SOUR:PULS:VOLT {step.v:.9g}",
        f":SOUR:VOLT:DEL:USER1 {step.before:.9g}",
        f":SOUR:VOLT:DEL:USER2 {step.after:.9g}",
        f":SOUR:VOLT:DEL:USER3 {step.late:.9g}",
        f":SOUR:VOLT:DEL:USER4 {step.rest:.9g}",
        f":SENS:DIG:CURR:SRAT {rate};:SENS:DIG:CURR:APER {step.aperture:.9g}",
    )


# -- trigger models --------------------------------------------------------------------------------


def model_lines(program: Program) -> list[str]:
    """Return the lines that build the trigger model, from an empty one.

    It begins and ends at zero with the output off by itself. A bus trigger ends it between two
    levels. The body of a waveform is one pass through the lists, repeated by a second counter.
    """
    blocks = _pulse_blocks(program) if program.pulsed else _step_blocks(program)
    put = []
    for place, block in enumerate(blocks, 1):
        name, _, rest = block.partition(" ")
        put.append(f":TRIG:BLOC:{name} {place}{',' if rest else ''}{rest}")
    half = len(put) // 2
    return [':TRIG:LOAD "Empty"', ";".join(put[:half]), ";".join(put[half:])]


def _recall(index: int) -> str:
    return f'CONF:REC "{SOURCES}",{index},"{SENSES}",{index}'


def _step_blocks(program: Program) -> list[str]:
    measure = f'MEAS "{BUFFER}",1'
    return [
        f'BUFF:CLE "{BUFFER}"',
        _recall(1),
        "SOUR:STAT ON",
        measure,
        f"DEL:CONS {program.lead:.9g}",
        _recall(2),  # 6: a repetition begins
        "BRAN:ALW 9",
        f'CONF:NEXT "{SOURCES}","{SENSES}"',  # 8: its next step
        "DEL:DYN SOUR1",
        measure,
        "DEL:DYN SOUR2",
        "BRAN:EVEN COMM,15",
        f"BRAN:COUN {len(program.steps)},8",
        f"BRAN:COUN {program.repeats},6",
        _recall(1),  # 15: the end
        measure,
        "SOUR:STAT OFF",
    ]


def _pulse_blocks(program: Program) -> list[str]:
    return [
        f'BUFF:CLE "{BUFFER}"',
        "SOUR:STAT ON",
        f"DEL:CONS {program.lead:.9g}",
        _recall(1),  # 4: a repetition begins
        "BRAN:ALW 7",
        f'CONF:NEXT "{SOURCES}","{SENSES}"',  # 6: its next pulse
        "DEL:DYN SOUR1",
        "SOUR:PULS:STAT ON",
        "DEL:DYN SOUR2",
        f'DIG "{BUFFER}",1',
        "DEL:DYN SOUR3",
        "SOUR:PULS:STAT OFF",
        "DEL:DYN SOUR4",
        "BRAN:EVEN COMM,17",
        f"BRAN:COUN {len(program.steps)},6",
        f"BRAN:COUN {program.repeats},4",
        "SOUR:STAT OFF",  # 17: the end
    ]


# -- answers ---------------------------------------------------------------------------------------


def read_back(program: Program) -> str:
    """Return the query that is asked before the output goes on."""
    limit, sense = (":SOUR:PULS:VOLT", "DIG:") if program.pulsed else (":SOUR:VOLT", "")
    return (
        f"{limit}:ILIM?;:SENS:{sense}CURR:RANG?;:SOUR:VOLT:RANG?;"
        f':SOUR:CONF:LIST:SIZE? "{SOURCES}";:TRAC:POIN? "{BUFFER}";:FORM:ASC:PREC?;:OUTP?'
    )


def differing(program: Program, told: Told) -> str:
    """Say what is not as it was set before a run; empty when everything is.

    Parameters
    ----------
    program
        What was set.
    told
        What was read back.
    """
    if told.output:
        return "the output is on before a run, so somebody else uses the instrument"
    if told.digits != DIGITS:
        return "somebody has brought its settings to their defaults since they were set"
    wanted = {
        "a compliance of %g A": program.compliance,
        "a current range of %g A": program.i_meter.full_scale,
        "a source range of %g V": program.source.full_scale,
        "%g indexes": len(program.steps) + (not program.pulsed),
        "a buffer of %g readings": max(_SMALLEST_BUFFER, program.readings),
    }
    for (text, value), back in zip(wanted.items(), told, strict=False):
        if abs(back - value) > _AGREES * abs(value):
            return f"{text % value} was set and {back:g} read back"
    return ""


def parse_told(line: str) -> Told:
    """Return the answer to `read_back`.

    Raises
    ------
    ValueError
        It is something else.
    """
    fields = line.strip().split(";")
    if len(fields) != len(Told._fields):
        raise ValueError(f"{len(fields)} answers instead of {len(Told._fields)}")
    return Told._make(float(field) for field in fields)


def parse_look(line: str) -> Look:
    """Return the answer to `LOOK`.

    Raises
    ------
    ValueError
        It is something else.
    """
    errors, readings, state, *rest = line.strip().split(";")
    if len(rest) != 2 or not state.isalpha():
        raise ValueError("it is not the state of a trigger model")
    return Look(int(errors), int(readings), state.upper())


def parse_readings(line: str) -> list[Reading]:
    """Return readings of the elements `ELEMENTS`.

    Raises
    ------
    ValueError
        The line is not one of readings.
    """
    texts = line.strip().split(",")
    if len(texts) % 4:
        raise ValueError(f"{len(texts)} values do not make readings of four")
    return [
        Reading(float(i), float(t), float(v), int(status))
        for i, t, v, status in zip(*(texts[k::4] for k in range(4)), strict=True)
    ]


def parse_error(line: str) -> str:
    """Return an entry of the error queue; empty when there was none.

    Examples
    --------
    >>> parse_error('-113,"Undefined header;1;2026/11/22 09:00:00.000"')
    '-113 Undefined header'
    >>> parse_error('0,"No error;0;0 0"')
    ''

    Raises
    ------
    ValueError
        The line is not an entry.
    """
    code, _, text = line.strip().partition(",")
    message = text.strip().strip('"').split(";")[0]
    return f"{int(code)} {message}" if int(code) else ""
