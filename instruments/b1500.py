"""Agilent and Keysight B1500A with SMUs: pulsed sweeps, staircases and sampling in hardware time.

What it can do is in `instruments.b1500_limits`; how a waveform becomes runs, in `b1500_schedule`
and `b1500_program`; the commands, in `b1500_lines`; how readings come back, in `b1500_readings`;
the connection, in `b1500_analyser` and `b1500_mainframe`. This module is what a bench uses: it
checks a step without any connection, and connects.

Equal pulses at equal distances, steps of equal length and samples of a level are timed by the
instrument, to 0.1 ms; pulses last 0.5 ms to 2 s. Everything else is timed by commands, and what was
achieved is told by the instrument's time stamps. One terminal is driven at a time; the others that
are wired are held at zero volts. After every step the output switches are open.

The driver is pymeasure's `AgilentB1500` with its faults worked round, for work by hand between two
steps.

A bench file may give, besides driver, model (``"B1500A"``) and address:

- ``modules``: what is in the slots, from the first one, ``["B1517A", "B1511B"]``; a plan without it
  takes the lesser SMU
- ``line_frequency``: ``"50 Hz"``, the default, or ``"60 Hz"``
- ``timeout``: ``"10 s"``, the longest wait for an answer
- ``found_on``: ``"safe"``, the default, switches off an output that is on when the driver connects;
  ``"leave"`` leaves it until the first step
- ``interlock``: of a virtual one, whether it is closed

Terminals are on ``smu1``, ``smu2``, ...: the SMU in that slot.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from instruments.b1500_limits import MODELS, MODULES, USUAL_MODULE, Module
from instruments.b1500_lines import aperture_of
from instruments.b1500_program import Unit, compile_play
from instruments.options import check_options, duration_option, known_model
from labctl.capability import Floor, Forecast, Setup, Violation
from labctl.errors import BadInput
from labctl.steps import Play
from labctl.units import parse

if TYPE_CHECKING:
    from instruments.b1500_analyser import Analyser

__all__ = ["check", "connect", "forecast", "recognise"]

_TIMEOUT = 10.0  # s; a run is waited for as long as it takes
_OPTIONS = ("modules", "line_frequency", "timeout", "found_on", "interlock")
_CHOICES = {"found_on": ("safe", "leave")}
_FREQUENCIES = (50.0, 60.0)  # Hz
_CHANNEL = re.compile(r"smu([1-9]|10)")


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
        The model, a channel or an option is not one of this instrument.
    """
    return compile_play(play, _unit(setup)).violations


def recognise(idn: str) -> str | None:
    """Return the model that an answer to ``*IDN?`` tells of; None when it is not of this family."""
    match = re.match(r"(?:AGILENT|KEYSIGHT) TECHNOLOGIES,\s*(B1500A)\b", idn, re.IGNORECASE)
    return match[1].upper() if match else None


def forecast(setup: Setup, play: Play) -> Forecast | None:
    """Say how a step would be timed and what its readings resolve; None when it has no program.

    Parameters
    ----------
    setup
        Section of the bench file.
    play
        The step.
    """
    program = compile_play(play, _unit(setup)).program
    if program is None:
        return None
    frequency = _frequency(setup)
    spans = [s.length for run in program.runs for level in run.levels for s in level.spans]
    floors: tuple[Floor, ...] = ()
    if spans:
        _, aperture = aperture_of(min(spans), frequency)  # the shortest resolves least
        bound = program.i_meter.bound(0.0, aperture * frequency)
        floors = (Floor(program.terminal, bound, program.i_meter.full_scale, aperture),)
    # every run goes back to zero by itself
    alone = max((run.stop - run.start for run in program.runs), default=0.0)
    longer = program.runs[-1].late if program.runs else 0.0
    duration = program.duration + longer if longer else 0.0
    return Forecast(program.mode, program.timing, floors, alone, duration)


def connect(setup: Setup) -> Analyser:
    """Connect to a B1500A and identify it.

    Parameters
    ----------
    setup
        Section of the bench file.

    Raises
    ------
    BadInput
        The model, a channel, an option or the address is not allowed.
    InstrumentFault
        Nobody answers, or another instrument does.
    """
    # pymeasure takes half a second to import; checking a step does without it
    from instruments.b1500_analyser import open_analyser

    timeout = duration_option(setup, "timeout", _TIMEOUT)
    return open_analyser(setup, _unit(setup), timeout, _frequency(setup))


def _frequency(setup: Setup) -> float:
    given = setup.options.get("line_frequency", _FREQUENCIES[0])
    frequency = parse(given, "Hz") if isinstance(given, str) else float(given)
    if frequency not in _FREQUENCIES:
        raise BadInput(
            f"{setup.name}: line_frequency = {given!r} is not allowed; give 50 Hz or 60 Hz"
        )
    return frequency


def _unit(setup: Setup) -> Unit:
    model = known_model(setup, MODELS)
    check_options(setup, _OPTIONS, _CHOICES)
    _frequency(setup)
    channels = {}
    for terminal, channel in setup.channels.items():
        match = _CHANNEL.fullmatch(channel)
        if match is None:
            raise BadInput(
                f'{setup.name}: the terminal "{terminal}" is on channel "{channel}"; '
                f"a {model.name} has smu1 to smu{model.slots}, by the slot"
            )
        channels[terminal] = int(match[1])
    return Unit(_module(setup, channels), channels)


def _module(setup: Setup, channels: dict[str, int]) -> Module:
    """Return the least of the SMUs that are wired."""
    given = setup.options.get("modules", ())
    if isinstance(given, str) or any(name not in ("", *MODULES) for name in given):
        raise BadInput(
            f"{setup.name}: modules = {given!r} is not allowed; list what is in the slots, out of "
            f"{', '.join(MODULES)}, with empty text for anything else"
        )
    names = [given[n - 1] if n <= len(given) else USUAL_MODULE for n in channels.values()]
    for (terminal, number), name in zip(channels.items(), names, strict=True):
        if not name:
            raise BadInput(
                f'{setup.name}: the terminal "{terminal}" is on smu{number}, but modules has no '
                "SMU in that slot"
            )
    wired = [MODULES[name] for name in names] or [MODULES[USUAL_MODULE]]
    return max(wired, key=lambda module: module.i_meter[0].full_scale)
