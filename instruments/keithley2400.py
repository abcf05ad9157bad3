"""Keithley 2400, 2410, 2420 and 2430 source-meters: lists in hardware time, pulses of the 2430.

What they can do is in `instruments.keithley2400_limits`; how a waveform becomes lists of equal
steps, in `keithley2400_schedule`, `keithley2400_pulses` and `keithley2400_program`; the commands,
in `keithley2400_lines`; how readings come back, in `keithley2400_readings`; the connection, in
`keithley2400_meter` and `keithley2400_mainframe`. This module is what a bench uses: it checks a
step without any connection, and connects.

Every level is timed by the instrument and ends by itself: each run is a list that goes back to zero
and switches the output off, so a host that falls silent leaves nothing on. What the host times is
the rests that a list of 2500 points cannot hold.

A terminal is driven by a voltage, or by a current where a step says so: the lists are then of
amperes, with a voltage limit, and the voltage is measured.

The driver is pymeasure's `Keithley2400` with its faults worked round, so everything pymeasure
offers can be used by hand between two steps.

A bench file may give, besides driver, model and address (a terminal is on ``front`` or ``rear``):
``sense`` (``"2-wire"``, the default, or ``"4-wire"``); ``timeout`` (``"10 s"``, the longest wait
for an answer); ``timing`` (``"hardware"``, the default, or ``"host"``, which leaves every rest from
0.1 s on to the host); ``found_on`` (``"safe"``, the default, switches off an output that is on when
the driver connects; ``"leave"`` leaves it until the first step); ``tick``, what the instrument
calls a millisecond: ``"0.9765625 ms"``, the default, is that of the real ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from instruments.keithley2400_limits import MODELS, TICK, limits_of
from instruments.keithley2400_program import Program, Unit, compile_play
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
    from instruments.keithley2400_meter import SourceMeter

__all__ = ["CAPABILITIES", "check", "connect", "forecast", "recognise"]

CAPABILITIES = ("waveforms", "currents")

#: how long to wait for an answer, s; a run is waited for as long as it takes
_TIMEOUT = 10.0
_CHANNELS = ("front", "rear")
_OPTIONS = ("sense", "timeout", "timing", "found_on", "tick")
_CHOICES = {
    "sense": ("2-wire", "4-wire"), "timing": ("hardware", "host"), "found_on": ("safe", "leave"),
}  # fmt: skip
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
    measured = sorted((r.cycle for r in program.runs if r.marks), key=lambda cycle: cycle.nplc)
    floors = tuple(
        Floor(program.terminal, *_floor(program, cycle.nplc), cycle.aperture)
        for cycle in measured[:1]
    )
    alone = max((run.duration for run in program.runs), default=0.0)
    duration = max([program.duration, *(run.stop for run in program.runs)])
    return Forecast(program.mode, program.timing, floors, alone, duration)


def _floor(program: Program, nplc: float) -> tuple[float, float]:
    """Return the bound on the error of a current near zero, and the range it is known on, A."""
    if program.quantity == "i":  # it is known because it is sourced
        return program.source.bound(0.0), program.source.full_scale
    return program.i_meter.bound(0.0, nplc), program.i_meter.full_scale


def connect(setup: Setup) -> SourceMeter:
    """Connect to an instrument of the series and identify it.

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
    from instruments.keithley2400_meter import open_meter

    timeout = duration_option(setup, "timeout", _TIMEOUT)
    return open_meter(setup, _unit(setup), timeout, duration_option(setup, "tick", TICK))


def _unit(setup: Setup) -> Unit:
    model = known_model(setup, MODELS)
    check_single_terminal(setup, model.name, _CHANNELS)
    check_options(setup, _OPTIONS, _CHOICES)
    limits = limits_of(model, _LINE_FREQUENCY)
    host = setup.options.get("timing") == "host"
    return Unit(model, limits, _LINE_FREQUENCY, setup.channels, host)
