"""Keithley 2600B source-meters: waveforms of pulses and reads, timed by their own hardware.

What they can do is in `instruments.keithley2600_limits`; how a waveform becomes one program of the
trigger model, in `keithley2600_cycles` and `keithley2600_program`; whether a channel sources volts
or amperes, in `keithley2600_sources`; what runs inside the instrument, in `keithley2600_script`;
how readings come back, in `keithley2600_readings`; the connection, in `keithley2600_meter`,
`keithley2600_mainframe` and `keithley2600_channel`. This module is what a bench uses: it checks a
step without any connection, and connects.

The driver is pymeasure's `Keithley2600` with what it lacks, so everything pymeasure offers can be
used by hand between two steps::

    with labctl.bench("sim-ftj") as bench:
        bench.smu.ChA.apply_voltage(compliance_current=1e-6)
        bench.smu.ChA.source_output = "ON"

A bench file may give, besides driver, model and address: ``sense`` (``"2-wire"``, the default, or
``"4-wire"``); ``timeout`` (``"10 s"``, the longest wait for an answer); ``heartbeat`` (``"10 s"``:
a program that hears nothing from the computer for so long ends at zero volts with the outputs off);
and ``found_on`` (``"safe"``, the default, switches off an output that is on when the driver
connects; ``"leave"`` leaves it until the first step). With a 2601B-PULSE, ``pulser`` says what its
pulser plays (`instruments.keithley2600_pulser`): ``"auto"``, the default, every step of a current
that it can play and that is large enough for its ranges; ``"always"``, every step of a current;
``"never"``, none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from instruments.keithley2600_limits import MICROSECONDS, MODELS, Model, limits_of
from instruments.keithley2600_lines import LONGEST_BEAT
from instruments.keithley2600_program import Program, Track, Unit
from instruments.keithley2600_pulser import PulseProgram, compile_step
from instruments.keithley2600_pulser_limits import PULSERS
from instruments.options import check_options, duration_option, known_model, recognised
from instruments.pieces import Compiled
from labctl.capability import Floor, Forecast, Setup, Violation
from labctl.errors import BadInput
from labctl.steps import Play

if TYPE_CHECKING:
    from instruments.keithley2600_meter import SourceMeter

__all__ = ["CAPABILITIES", "check", "connect", "forecast", "recognise"]

CAPABILITIES = ("waveforms", "currents")

#: how long to wait for an answer, s; while a program runs the instrument speaks every 2 s or less
_TIMEOUT = 10.0
#: how long a program goes on without a word from the computer, s: as long as that waits in turn
_HEARTBEAT = 10.0
_OPTIONS = ("sense", "timeout", "heartbeat", "found_on")
_CHOICES = {"sense": ("2-wire", "4-wire"), "found_on": ("safe", "leave")}
_PULSER = ("auto", "always", "never")
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
    return _compiled(setup, play).violations


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
    program = _compiled(setup, play).program
    if program is None:
        return None
    floors = tuple(
        Floor(track.terminal, *_floor(track, program.nplc), program.aperture)
        for track in program.tracks
        if track.measured
    )
    total = (program.lead + program.span + program.trail) / MICROSECONDS
    patience = _patience(setup)
    alone = min(total, patience + 2 * LONGEST_BEAT) if patience else total
    mode = "pulser" if isinstance(program, PulseProgram) else "trigger model"
    longer = total if total > play.waveform.duration else 0.0
    return Forecast(mode, 1 / MICROSECONDS, floors, alone, longer)


def _compiled(setup: Setup, play: Play) -> Compiled[Program]:
    model = _model(setup)
    unit = Unit(model, limits_of(model, _LINE_FREQUENCY), _LINE_FREQUENCY, setup.channels)
    return compile_step(play, unit, setup.options.get("pulser", "auto"))


def _floor(track: Track, nplc: float) -> tuple[float, float]:
    """Return the bound on the error of a current near zero, and the range it is known on, A."""
    if track.quantity == "i":  # it is known because it is sourced
        return track.source.bound(0.0, nplc), track.source.full_scale
    return track.i_meter.bound(0.0, nplc), track.i_meter.full_scale


def connect(setup: Setup) -> SourceMeter:
    """Connect to a 2600B, identify it and load the functions it needs.

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
    from instruments.keithley2600_meter import open_meter
    from instruments.keithley2600_pulser_meter import open_pulser

    model = _model(setup)
    timeout, patience = duration_option(setup, "timeout", _TIMEOUT), _patience(setup)
    opened = open_pulser if model.name in PULSERS else open_meter
    return opened(setup, model, timeout, patience)


def _patience(setup: Setup) -> float:
    """Return how long a program goes on without a word from the computer, s; 0 for ever.

    A virtual instrument in this process cannot outlive it, and one that is served keeps its own
    time.
    """
    if setup.laboratory is not None:
        return 0.0
    return duration_option(setup, "heartbeat", _HEARTBEAT) * setup.speed


def _model(setup: Setup) -> Model:
    model = known_model(setup, MODELS)
    for terminal, channel in setup.channels.items():
        if channel not in model.channels:
            raise BadInput(
                f'{setup.name}: the terminal "{terminal}" is on channel "{channel}"; '
                f"a {model.name} has {' and '.join(model.channels)}"
            )
    if model.name in PULSERS:
        check_options(setup, (*_OPTIONS, "pulser"), {**_CHOICES, "pulser": _PULSER})
    else:
        check_options(setup, _OPTIONS, _CHOICES)
    return model
