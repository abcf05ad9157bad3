"""The lines between host and a Series 2400: settings, runs and readings.

Settings are kept as texts by what they set, so that a step that follows another sends only what
differs. Their order matters where the instrument checks one against another: the compliance must
fit the measurement range (errors 822 and 824) and, with the source range, the output power (826).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from instruments.keithley2400_limits import AT_ONCE, Model, Pulsing
from instruments.keithley2400_program import Program
from instruments.keithley2400_schedule import Run

__all__ = [
    "Reading", "Told", "differing", "go_line", "parse_errors", "parse_readings", "parse_told",
    "read_back", "settings", "wait_line",
]  # fmt: skip

#: by quantity: the word for its function
_FUNCTION = {"v": "VOLT", "i": "CURR"}

_LONGEST_LINE = 900
_AGREES = 2e-3  # of a value that is read back
_LOW = {"v": 1.05e-4, "i": 20.0}  # A or V: a compliance that every source range allows


class Told(NamedTuple):
    """The answer to `READ_BACK`."""

    limit: float
    meter: float  #: range
    source: float  #: range
    nplc: float
    points: float
    triggers: float
    output: float
    time: float
    function: str


class Reading(NamedTuple):
    """One reading as the instrument sends it."""

    v: float
    i: float
    r: float
    t: float
    status: int


def settings(
    program: Program, run: Run, model: Model, channel: str, *, remote: bool
) -> dict[str, list[str]]:
    """Return the lines that bring the instrument to a run, by what they set.

    Parameters
    ----------
    program
        What the run belongs to.
    run
        What is to be run.
    model
        The instrument.
    channel
        ``front`` or ``rear``.
    remote
        Sense the voltage at the device, with four wires.
    """
    cycle = run.cycle
    _, sense = _words(program)
    functions = "'VOLT','CURR'" if cycle.volts else f"'{sense}'"
    lines = {
        "terminals": [f":ROUT:TERM {'REAR' if channel == 'rear' else 'FRON'}"],
        "sense": [f":SYST:RSEN {int(remote)}"],
        "functions": [f":SENS:FUNC:OFF:ALL;:SENS:FUNC {functions}"],
        "ranges": _ranges(program, model.pulsing if run.width else None, model),
        "aperture": [f":SENS:{sense}:NPLC {cycle.nplc:.9g};:SYST:AZER ONCE"],
        "list": _list(program, run.points),
    }
    if run.width:
        lines["pulse"] = [f":SOUR:PULS:WIDT {run.width:.9g}"]
    else:
        lines["hold"] = [f":TRIG:DEL {cycle.hold:.9g}"]
    return lines | {"go": [go_line(program, run)]}


def _words(program: Program) -> tuple[str, str]:
    """Return the words for what is sourced and for what is measured."""
    return _FUNCTION[program.quantity], _FUNCTION["i" if program.quantity == "v" else "v"]


def _ranges(program: Program, pulsing: Pulsing | None, model: Model) -> list[str]:
    level, sense = _words(program)
    source, limit, meter = program.source.full_scale, program.limit, program.meter.full_scale
    if program.quantity == "v":
        most = model.meters()[-1].full_scale
        low, low_meter, low_source = min(limit, most), min(meter, most), source
    else:
        low_source = min(source, model.amperes()[-1].full_scale)
        low = min(limit, model.most_limit(low_source))
        low_meter = min(meter, low)
    steady = (
        f":SOUR:FUNC {level};:SENS:{sense}:RANG:AUTO ON;"
        f":SENS:{sense}:PROT {min(_LOW[program.quantity], low):.9g};"
        f":SOUR:{level}:RANG {low_source:.9g};:SENS:{sense}:PROT {low:.9g};"
        f":SENS:{sense}:RANG {low_meter:.9g}"
    )
    if model.pulsing is None:
        return [steady]
    if pulsing is None:
        return [f":SOUR:FUNC:SHAP DC;:DISP:ENAB ON;{steady}"]
    pulses = (
        f":SOUR:FUNC:SHAP PULS;:DISP:ENAB OFF;:SOUR:{level}:RANG {source:.9g};"
        f":SENS:{sense}:PROT {limit:.9g};:SENS:{sense}:RANG {meter:.9g}"
    )
    return [f":SOUR:FUNC:SHAP DC;{steady}", pulses]


def _list(program: Program, points: tuple[float, ...]) -> list[str]:
    lines, append = [], ""
    level, _ = _words(program)
    for part in _parts([f"{v:.9g}" for v in points]):
        lines.append(f":SOUR:LIST:{level}{append} {part}")
        append = ":APP"
    return lines


def _parts(shown: list[str]) -> Iterator[str]:
    """Yield values in pieces that fit in a command and in a line."""
    part: list[str] = []
    length = 0
    for text in shown:
        if part and (len(part) == AT_ONCE or length + len(text) >= _LONGEST_LINE):
            yield ",".join(part)
            part, length = [], 0
        part.append(text)
        length += len(text) + 1
    yield ",".join(part)


def go_line(program: Program, run: Run) -> str:
    """Return the settings of a run that a wait before it changes as well."""
    level, _ = _words(program)
    timer = f"TIM;:ARM:TIM {run.timer:.9g}" if run.timer else "IMM"
    delay = f":SOUR:PULS:DEL {run.off:.9g}" if run.width else f":SOUR:DEL {run.cycle.delay:.9g}"
    return (
        f":SOUR:{level}:MODE LIST;{delay};:ARM:COUN 1;:TRIG:COUN {len(run.points)};"
        f":ARM:COUN {run.arms};:ARM:SOUR {timer}"
    )


def wait_line(duration: float, *, pulsed: bool, amperes: bool) -> str:
    """Return the line that lets the instrument wait at zero.

    Parameters
    ----------
    duration
        How long, s.
    pulsed
        It is in pulse mode, where the time between pulses is what can be set.
    amperes
        It sources a current.
    """
    delay = ":SOUR:PULS:DEL" if pulsed else ":SOUR:DEL"
    return (
        f":SOUR:{_FUNCTION['i' if amperes else 'v']}:MODE FIX;{delay} {duration:.9g};"
        ":ARM:COUN 1;:TRIG:COUN 1;:ARM:SOUR IMM;:INIT;*OPC?"
    )


def read_back(program: Program) -> str:
    """Return what is asked before the output goes on: what it must be, and the time."""
    level, sense = _words(program)
    return (
        f":SENS:{sense}:PROT?;:SENS:{sense}:RANG?;:SOUR:{level}:RANG?;:SENS:{sense}:NPLC?;"
        f":SOUR:LIST:{level}:POIN?;:TRIG:COUN?;:OUTP?;:SYST:TIME?;:SOUR:FUNC?"
    )


def differing(program: Program, run: Run, told: Told) -> str:
    """Say what is not as it was set before a run; empty when everything is.

    Parameters
    ----------
    program, run
        What was set.
    told
        What was read back.
    """
    if told.output:
        return "the output is on before a run, so somebody else uses the instrument"
    level, _ = _words(program)
    if told.function != level:
        return f"{told.function} and not {level} is sourced"
    unit, limit, sensed = ("V", "compliance", "a current range of %g A")
    if program.quantity == "i":
        unit, limit, sensed = ("A", "voltage limit", "a voltage range of %g V")
    other = "A" if program.quantity == "v" else "V"
    wanted = (
        (f"a {limit} of %g {other}", program.limit, told.limit),
        (sensed, _named(program.meter.full_scale), told.meter),
        (f"a source range of %g {unit}", _named(program.source.full_scale), told.source),
        ("%g PLC", run.cycle.nplc, told.nplc),
        ("%g points", len(run.points), told.points),
        ("%g triggers", len(run.points), told.triggers),
    )
    for text, value, back in wanted:
        if abs(back - value) > _AGREES * abs(value):
            return f"{text % value} was set and {back:g} read back"
    return ""


def _named(full_scale: float) -> float:
    """Return a range as the instrument names it: by what it can source."""
    return 1100.0 if full_scale == 1000.0 else full_scale * 1.05


def parse_told(line: str) -> Told:
    """Return the answer to `READ_BACK`.

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


def parse_readings(line: str) -> list[Reading]:
    """Return readings of five elements each.

    Raises
    ------
    ValueError
        The line is not one of readings.
    """
    values = [float(text) for text in line.split(",")]
    if len(values) % 5:
        raise ValueError(f"{len(values)} numbers do not make readings of five")
    return [
        Reading(v, i, r, t, int(status))
        for v, i, r, t, status in zip(*(values[k::5] for k in range(5)), strict=True)
    ]


def parse_errors(line: str) -> list[str]:
    """Return the entries of an error queue, without the one that says there is none.

    Examples
    --------
    >>> parse_errors('-113,"Undefined header",803,"Not permitted with OUTPUT off"')
    ['-113 Undefined header', '803 Not permitted with OUTPUT off']
    >>> parse_errors('0,"No error"')
    []

    Raises
    ------
    ValueError
        The line is not an error queue.
    """
    fields = line.strip().split(",")
    pairs = zip(fields[0::2], fields[1::2], strict=True)
    return [f"{int(code)} {text.strip(chr(34))}" for code, text in pairs if int(code)]
