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
#: by quantity: the word for its function, and for the limit that goes with sourcing it
_FUNCTION = {"v": "VOLT", "i": "CURR"}
_LIMIT = {"v": "ILIM", "i": "VLIM"}
_UNIT = {"v": "V", "i": "A"}
_RUNNING = ("RUNNING", "WAITING", "PAUSED", "BUILDING")
#: of every number that is sent: a microsecond in eleven days
DIGITS = 12
_AGREES = 1e-6  # of a value that is read back
_SMALLEST_BUFFER = 10  # [R page 6-171]


class Told(NamedTuple):
    """The answer to `read_back`."""

    limit: float  #: of levels, or of pulses
    idle: float  #: limit at zero
    meter: float  #: range
    source: float  #: range
    indexes: float
    capacity: float
    digits: float  #: of a number; no longer `DIGITS` once somebody has reset the instrument
    output: float
    function: str


class Reading(NamedTuple):
    """One reading as the instrument sends it."""

    sensed: float  #: what the meter measures: A where volts are sourced, V where amperes are
    t: float  #: since the first reading, s
    sourced: float  #: measured, or programmed where it was not
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
    full, meter = f"{program.source.full_scale:.9g}", f"{program.meter.full_scale:.9g}"
    level, sense, limit = _words(program)
    limited = f"{program.limit:.9g}"
    lines = [
        f":ROUT:TERM {'REAR' if channel == 'rear' else 'FRON'};:SOUR:FUNC {level}",
        f":SENS:FUNC '{sense}';:SENS:{sense}:RSEN {int(remote)}",
        # the limit is checked against source and measure range: it is lowered before they change
        f":SENS:{sense}:RANG:AUTO ON;:SOUR:{level} 0;:SOUR:{level}:DEL 0",
        f":SOUR:{level}:RANG:AUTO OFF;:SOUR:{level}:RANG {full}",
        f":SOUR:{level}:{limit} {limited};:SENS:{sense}:RANG {meter};:SENS:{sense}:AZER OFF",
        f":SENS:{sense}:NPLC {AUTO_ZERO_NPLC:g};:SENS:AZER:ONCE",
    ]
    if program.pulsed:
        digitize = f":SENS:DIG:{sense}"
        lines += [
            f":SENS:DIG:FUNC '{sense}';{digitize}:RANG {meter};{digitize}:RSEN {int(remote)}",
            f":SOUR:{level} 0;:SOUR:PULS:{level}:{limit} {limited};:SOUR:{level}:READ:BACK ON",
        ]
    return lines


def _words(program: Program) -> tuple[str, str, str]:
    """Return the words for what is sourced, for what is measured, and for its limit."""
    sourced = program.quantity
    return _FUNCTION[sourced], _FUNCTION["i" if sourced == "v" else "v"], _LIMIT[sourced]


def list_lines(program: Program) -> Iterator[str]:
    """Yield the lines that fill configuration lists and make the buffer."""
    yield f':SOUR:CONF:LIST:CRE "{SOURCES}";:SENS:CONF:LIST:CRE "{SENSES}"'
    store = f':SOUR:CONF:LIST:STOR "{SOURCES}";:SENS:CONF:LIST:STOR "{SENSES}"'
    now: tuple[str, ...] = ()
    frequency = program.line_frequency
    level, sense, _ = _words(program)
    none = f":SOUR:{level} 0"
    for step in program.steps if program.pulsed else (_zero(frequency), *program.steps):
        pulse = program.pulsed
        wanted = _pulse(step, level, sense) if pulse else _index(step, level, sense, frequency)
        changed = [line for k, line in enumerate(wanted) if not now or now[k] != line]
        # a line that is the last one to arrive leaves no level behind
        yield ";".join([*changed, store] if program.pulsed else [*changed, store, none])
        now = wanted if program.pulsed else (none, *wanted[1:])
    size = max(_SMALLEST_BUFFER, program.readings)
    yield f':TRAC:MAKE "{BUFFER}",{size};:TRAC:FILL:MODE ONCE,"{BUFFER}"'


def _zero(frequency: float) -> Step:
    return Step(-1, 0.0, 0.0, 0.0, 0.0, LEAST_NPLC / frequency)


def _index(step: Step, level: str, sense: str, frequency: float) -> tuple[str, ...]:
    return (
        f":SOUR:{level} {step.v:.9g}",
        f":SOUR:{level}:DEL:USER1 {step.before:.9g}",
        f":SOUR:{level}:DEL:USER2 {step.after:.9g}",
        f":SOUR:{level}:READ:BACK {int(step.back)}",
        f":SENS:{sense}:NPLC {step.aperture * frequency:.9g}",
    )


def _pulse(step: Step, level: str, sense: str) -> tuple[str, ...]:
    rate = math.floor(1 / step.aperture + 1e-6)
    return (
        f":SOUR:PULS:{level} {step.v:.9g}",
        f":SOUR:{level}:DEL:USER1 {step.before:.9g}",
        f":SOUR:{level}:DEL:USER2 {step.after:.9g}",
        f":SOUR:{level}:DEL:USER3 {step.late:.9g}",
        f":SOUR:{level}:DEL:USER4 {step.rest:.9g}",
        f":SENS:DIG:{sense}:SRAT {rate};:SENS:DIG:{sense}:APER {step.aperture:.9g}",
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
    level, sense, limit = _words(program)
    pulse, digitize = (":PULS", ":DIG") if program.pulsed else ("", "")
    return (
        f":SOUR{pulse}:{level}:{limit}?;:SOUR:{level}:{limit}?;:SENS{digitize}:{sense}:RANG?;"
        f':SOUR:{level}:RANG?;:SOUR:CONF:LIST:SIZE? "{SOURCES}";:TRAC:POIN? "{BUFFER}";'
        ":FORM:ASC:PREC?;:OUTP?;:SOUR:FUNC?"
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
    level, sense, _ = _words(program)
    if told.function != level:
        return f"{told.function} and not {level} is sourced"
    unit, other = _UNIT[program.quantity], "A" if program.quantity == "v" else "V"
    name = {"CURR": "current", "VOLT": "voltage"}[sense]
    limit = "compliance" if program.quantity == "v" else "voltage limit"
    wanted = (
        (f"a {limit} of %g {other}", program.limit, told.limit),
        (f"a {limit} at zero of %g {other}", program.limit, told.idle),
        (f"a {name} range of %g {other}", program.meter.full_scale, told.meter),
        (f"a source range of %g {unit}", program.source.full_scale, told.source),
        ("%g indexes", len(program.steps) + (not program.pulsed), told.indexes),
        ("a buffer of %g readings", max(_SMALLEST_BUFFER, program.readings), told.capacity),
    )
    for text, value, back in wanted:
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
    *numbers, function = fields
    return Told._make([*(float(number) for number in numbers), function.upper()])


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
        Reading(float(sensed), float(t), float(sourced), int(status))
        for sensed, t, sourced, status in zip(*(texts[k::4] for k in range(4)), strict=True)
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
