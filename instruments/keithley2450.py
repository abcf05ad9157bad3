"""Keithley 2450, 2460 and 2461 source-meters: trigger models, and pulses of the 2461.

What they can do is in `instruments.keithley2450_limits`; how a waveform becomes indexes of
configuration lists, in `keithley2450_schedule` and `keithley2450_program`; the commands, in
`keithley2450_lines`; how readings come back, in `keithley2450_readings`; the connection, in
`keithley2450_meter` and `keithley2450_mainframe`. This module is what a bench uses: it checks a
step without any connection, and connects.

Every level is timed by the instrument, whatever its length up to hours: each step of the trigger
model recalls a level, two delays, an aperture and whether to measure the voltage, and a counter
repeats the body of a waveform. Each run goes back to zero and switches the output off by itself, so
a host that falls silent leaves nothing on. A 2461 plays levels shorter than such a step (0.65 ms)
as pulses, read by one sample of its digitizer.

A terminal is driven by a voltage, or by a current where a step says so: the configuration lists
then source amperes with a voltage limit, and the voltage is measured.

The instrument has to be set to its native command set, SCPI.

A bench file may give, besides driver, model and address (a terminal is on ``front`` or ``rear``):
``sense`` (``"2-wire"``, the default, or ``"4-wire"``); ``timeout`` (``"10 s"``, the longest wait
for an answer); ``found_on`` (``"safe"``, the default, switches off an output that is on when the
driver connects; ``"leave"`` leaves it until the first step); and for a virtual one ``language``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from instruments.keithley2450_limits import MODELS, limits_of
from instruments.keithley2450_program import Program, Unit, compile_play
from instruments.options import (
    check_options,
    check_single_terminal,
    duration_option,
    known_model,
    recognised,
)
from labctl.capability import Floor, Forecast, Setup, Violation
from labctl.steps import Play

if TYPE_CHECKING:
    from instruments.keithley2450_meter import SourceMeter

__all__ = ["CAPABILITIES", "check", "connect", "forecast", "recognise"]

CAPABILITIES = ("waveforms", "currents")

#: how long to wait for an answer, s; a run is waited for as long as it takes
_TIMEOUT = 10.0
_CHANNELS = ("front", "rear")
_OPTIONS = ("sense", "timeout", "found_on", "language")
_CHOICES = {"sense": ("2-wire", "4-wire"), "found_on": ("safe", "leave")}
#: without a connection the lower mains frequency is assumed, whose shortest aperture is longer
_LINE_FREQUENCY = 50.0


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
        The model, a channel or an option is not one of this family.
    """
    return compile_play(play, _unit(setup)).violations


def recognise(idn: str) -> str | None:
    """Return the model that an answer to ``*IDN?`` tells of; None when it is not of this family."""
    return recognised(idn, MODELS)


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
    # the shortest aperture resolves least
    apertures = sorted(step.aperture for step in program.steps if step.mark)
    floors = tuple(
        Floor(program.terminal, *_floor(program, aperture), aperture) for aperture in apertures[:1]
    )
    duration = program.running + program.trail
    return Forecast(program.mode, program.timing, floors, program.running, duration)


def _floor(program: Program, aperture: float) -> tuple[float, float]:
    """Return the bound on the error of a current near zero, and the range it is known on, A."""
    if program.quantity == "i":  # it is known because it is sourced
        return program.source.bound(0.0), program.source.full_scale
    nplc = aperture * program.line_frequency
    return program.i_meter.bound(0.0, nplc), program.i_meter.full_scale


def connect(setup: Setup) -> SourceMeter:
    """Connect to an instrument of the family and identify it.

    Parameters
    ----------
    setup
        Section of the bench file.

    Raises
    ------
    BadInput
        The model, a channel, an option or the address is not allowed.
    InstrumentFault
        Nobody answers, or another instrument does, or in another language.
    """
    # pymeasure takes half a second to import; checking a step does without it
    from instruments.keithley2450_meter import open_meter

    return open_meter(setup, _unit(setup), duration_option(setup, "timeout", _TIMEOUT))


def _unit(setup: Setup) -> Unit:
    model = known_model(setup, MODELS)
    check_single_terminal(setup, model.name, _CHANNELS)
    check_options(setup, _OPTIONS, _CHOICES)
    limits = limits_of(model, _LINE_FREQUENCY)
    return Unit(model, limits, _LINE_FREQUENCY, setup.channels)
