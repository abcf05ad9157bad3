"""Waveform generators with a reader beside them: the 33500 series and the 81160A.

A generator has fast edges and no meter; a source-meter reads small currents and has no fast edges.
Together they are one waveform source: output 1 of the generator drives the device's top terminal,
a channel of a 2600B, a 2400 or a 2450 holds its other end at zero volts, limits the current and
reads it, and output 2 of the generator, led to the source-meter's trigger port, says when. So
everything within a step is timed by one clock. What they can do is in
`instruments.agilent33500_limits` and `agilent33500_readers`; how a waveform becomes points and
triggers, in `agilent33500_program`; the generator, in `agilent33500_generator`; the source-meters,
in `agilent33500_ammeter`, `agilent33500_ammeter2400` and `agilent33500_ammeter2450`; both together,
in `agilent33500_meter`.

Wiring: output 1 to the device, the device's other end to the channel's HI, all shields to LO;
output 2 to a line of the digital port (2600B, 2450) or of the trigger link (2400), and its shield
to the port's ground. A section of a bench file::

    [instruments.awg]
    driver = "agilent33500"     # or "keysight81160a"
    model = "33522B"
    address = "USB0::0x0957::0x2C07::MY57800001::INSTR"
    series = "0 Ohm"            # of a resistor in series with the device; may be left out

    [instruments.awg.meter]
    driver = "keithley2600"     # or "keithley2400" or "keithley2450"; this one unless given
    model = "2602B"
    address = "GPIB0::26::INSTR"
    channel = "a"               # of the others "front" or "rear"
    line = 1                    # of its digital port, or of the trigger link of a 2400
    terminal = "bottom"         # of the device, that it holds; for a virtual one

    [terminals]
    top = "awg.1"

With an oscilloscope output 1 goes to its channel 1 as well, the device's other end to channel 2,
output 2 to its external trigger input::

    [instruments.awg.meter]
    driver = "keysightdsox"
    model = "DSOX3024T"
    address = "USB0::0x2A8D::0x1766::MY57800002::INSTR"
    shunt = "1 kOhm"            # from channel 2 to ground; its own 50 Ohm where that is left out

What to know of it:

- A pulse may be as short as the generator makes it, but a reading takes the source-meter's aperture
  (20 us at 50 Hz; 200 us of a 2400 or 2450) within its window: shorter pulses are played
  unmeasured, and read after.
- The voltage that a limited level is left with is read where a window has room for a second
  aperture (always on a 2600B); elsewhere it is not a number.
- **A generator has no compliance.** The source-meter's limit acts after the settling time of its
  range; in shorter levels only the 50 Ohm of the output and the resistor in series bound a current.
  A step whose compliance they do not guarantee is refused, unless the bench file accepts it.
- **An oscilloscope limits no current at all**: only 50 Ohm, `series` and `shunt` do. Its eight bits
  are a coarse ammeter, and an honest one: rows state what its data sheet allows.
- The device sees what 50 Ohm and the resistors leave of a level; rows have that voltage.
- Neither instrument can watch the computer. If that falls silent, the burst plays to its end and
  leaves zero volts on the device, with both outputs on.
- Where a waveform does not fit into the memory at the resolution that it needs, intervals are
  rounded to points (the achieved times tell) or the step is refused.

Besides, a section may have ``timeout`` (``"10 s"``, the longest wait for an answer) and
``found_on`` (``"safe"``, the default, switches off an output that is on when the driver connects;
``"leave"`` leaves it until the first step).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Gt
from pydantic import BaseModel, ConfigDict, ValidationError

from instruments.agilent33500_checks import Unit
from instruments.agilent33500_limits import GENERATORS
from instruments.agilent33500_pairing import Pairing, WithMeter, WithScope
from instruments.agilent33500_readers import READERS, Reader
from instruments.agilent33500_reads import Wiring
from instruments.agilent33500_watch import Viewed
from instruments.keysightdsox_limits import SCOPES, Input
from instruments.options import known_model
from labctl.capability import Forecast, Setup, Violation
from labctl.errors import BadInput
from labctl.protocol import explain
from labctl.steps import Play
from labctl.units import Ohm, Second

if TYPE_CHECKING:
    from instruments.agilent33500_meter import GeneratorAndMeter

__all__ = ["check", "connect", "forecast", "recognise"]

#: without a connection the lower mains frequency is assumed, whose shortest aperture is longer
_LINE_FREQUENCY = 50.0
#: driver of an oscilloscope
_SCOPE = "keysightdsox"
#: by which the generator's clock may be off, relative (5992-2572EN)
_CLOCK = 1e-6


class _Meter(BaseModel):
    """The source-meter or the oscilloscope of a section."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    address: str
    driver: str = "keithley2600"
    channel: str = ""
    line: Annotated[int, Ge(1)] = 1
    terminal: str = "bottom"
    shunt: Annotated[Ohm, Gt(0)] | None = None


class _Options(BaseModel):
    """Keys of a section beside driver, model and address; light and irradiance are virtual."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    meter: _Meter
    series: Annotated[Ohm, Ge(0)] = 0.0
    timeout: Annotated[Second, Gt(0)] = 10.0
    found_on: Literal["safe", "leave"] = "safe"
    light: Mapping[str, Any] = {}
    irradiance: Any = None


def check(setup: Setup, play: Play) -> list[Violation]:
    """Say what stands against playing a step, without any connection.

    Parameters
    ----------
    setup
        Section of the bench file.
    play
        The step.

    Raises
    ------
    BadInput
        A model, an output or an option is not allowed.
    """
    return _pairing(setup, _options(setup)).compile(play).violations


def recognise(idn: str) -> str | None:
    """Return the model that an answer to ``*IDN?`` tells of; None when it is not one of these."""
    match = re.search(r"(?:AGILENT|KEYSIGHT)[^,]*,\s*([^,\s]+)", idn, re.IGNORECASE)
    return match[1].upper() if match and match[1].upper() in GENERATORS else None


def forecast(setup: Setup, play: Play) -> Forecast | None:
    """Say how a step would be timed and what its readings resolve; None when it has no program.

    Parameters
    ----------
    setup
        Section of the bench file.
    play
        The step.
    """
    pairing: Pairing = _pairing(setup, _options(setup))
    program = pairing.compile(play).program
    if program is None:
        return None
    read = setup.channels if program.taken else ()
    floors = tuple(pairing.floor(program, terminal) for terminal in read)
    timing = max(program.rounding, _CLOCK * program.duration)
    return Forecast("arbitrary waveform", timing, floors, program.duration)


def connect(setup: Setup) -> GeneratorAndMeter:
    """Connect to both instruments, identify them, and switch their outputs off.

    Parameters
    ----------
    setup
        Section of the bench file.

    Raises
    ------
    BadInput
        A model, an output, an option or an address is not allowed.
    InstrumentFault
        Nobody answers, or another instrument does.
    """
    # pymeasure takes half a second to import; checking a step does without it
    from instruments.agilent33500_meter import open_pair

    options = _options(setup)
    meter, pairing = options.meter, _pairing(setup, options)
    channel = meter.channel
    if isinstance(pairing, WithMeter):
        channel = channel or pairing.unit.meter.channels[0]
    wiring = Wiring(meter.address, channel, meter.line)
    leave = options.found_on == "leave"
    return open_pair(setup, pairing, wiring, options.timeout, leave=leave)


def _options(setup: Setup) -> _Options:
    if "meter" not in setup.options:
        raise BadInput(
            f"{setup.name}: a generator has no meter; give the section a table "
            f"[instruments.{setup.name}.meter] with the model and the address of the source-meter "
            "that holds the other end of the device, or of an oscilloscope"
        )
    try:
        return _Options(**setup.options)
    except ValidationError as error:
        inside = any(len(row["loc"]) > 1 and row["loc"][0] == "meter" for row in error.errors())
        fields = list((_Meter if inside else _Options).model_fields)
        raise BadInput(explain(error, f"instruments.{setup.name}", fields)) from None


def _pairing(setup: Setup, options: _Options) -> WithMeter | WithScope:
    """Return what plays and reads a section's steps.

    Raises
    ------
    BadInput
        A model, an output or an option is not allowed.
    """
    generator, given = known_model(setup, GENERATORS), options.meter
    if given.driver == _SCOPE:
        wired = _input(setup.name, given)
        _check_outputs(setup)
        return WithScope(Viewed(generator, wired, options.series, setup.channels))
    meter = _reader(setup.name, given)
    _check_outputs(setup)
    return WithMeter(Unit(generator, meter, options.series, setup.channels, _LINE_FREQUENCY))


def _check_outputs(setup: Setup) -> None:
    wrong = {name: output for name, output in setup.channels.items() if output != "1"}
    if wrong:
        terminal, output = next(iter(wrong.items()))
        raise BadInput(
            f'{setup.name}: the terminal "{terminal}" is on output "{output}"; it has to be on 1, '
            "because output 2 triggers the readings"
        )
    if len(setup.channels) > 1:
        raise BadInput(f"{setup.name}: output 1 drives one terminal, not {len(setup.channels)}")


def _input(name: str, given: _Meter) -> Input:
    """Return the oscilloscope of a section, and what lies between its channel 2 and ground.

    Raises
    ------
    BadInput
        It is not known, or the current would find no way to ground.
    """
    scope = SCOPES.get(given.model)
    if scope is None:
        raise BadInput(
            f'{name}: the oscilloscope "{given.model}" is not known; there are {", ".join(SCOPES)}'
        )
    if given.channel:
        raise BadInput(
            f'{name}: the meter is on channel "{given.channel}"; an oscilloscope sees the level on '
            "channel 1 and the current on channel 2, so leave channel out"
        )
    if given.shunt is None and not scope.fifty:
        raise BadInput(
            f"{name}: the inputs of a {scope.name} have 1 MOhm and cannot be switched to 50 Ohm; "
            'put a resistor beside channel 2 and name it, shunt = "50 Ohm"'
        )
    return Input(scope, given.shunt)


def _reader(name: str, given: _Meter) -> Reader:
    """Return the source-meter of a section.

    Raises
    ------
    BadInput
        It cannot read for a generator, or has no such channel or line.
    """
    meter = READERS.get(given.model)
    if meter is None or meter.driver != given.driver:
        known = [model for model, reader in READERS.items() if reader.driver == given.driver]
        drivers = sorted({_SCOPE, *(reader.driver for reader in READERS.values())})
        allowed = f"{given.driver} there are {', '.join(known)}" if known else ", ".join(drivers)
        raise BadInput(
            f'{name}: the meter "{given.model}" of the driver "{given.driver}" cannot be triggered '
            f"by a generator; {'of ' if known else 'allowed drivers are '}{allowed}"
        )
    if given.shunt is not None:
        raise BadInput(
            f"{name}: the meter has a shunt, which only an oscilloscope reads across; leave it out"
        )
    if given.channel and given.channel not in meter.channels:
        raise BadInput(
            f'{name}: the meter is on channel "{given.channel}"; a {meter.name} has '
            f"{' and '.join(meter.channels)}"
        )
    if given.line > meter.lines:
        raise BadInput(
            f"{name}: output 2 leads to line {given.line} of the meter; a {meter.name} has lines 1 "
            f"to {meter.lines}"
        )
    return meter
