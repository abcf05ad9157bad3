"""Keithley 4200A-SCS with a 4225-PMU, and 4225-RPMs or not: waveforms as Segment Arb tests.

What it can do is in `instruments.keithley4200_limits`; how a waveform becomes sequences with loops,
in `keithley4200_segments` and `keithley4200_program`; the commands, in `keithley4200_lines`; how
readings come back, in `keithley4200_readings`; the connection, in `keithley4200_meter` and
`keithley4200_mainframe`. This module is what a bench uses: it checks a step without any connection,
and connects.

Every step is one test, timed by the card to 10 ns, which ends at zero; then the outputs go off.
KXCI has to run on the 4200A, by Ethernet.

**A pulse card cannot hold a current.** Its measure ranges are not source ranges, and what bounds a
current is its output resistance of 50 Ohm. A step whose compliance that does not guarantee is
refused, unless the bench file says ``accept_degraded = true``: then the compliance chooses the
measure range, and readings beyond it are flagged. Behind 50 Ohm the device sees less than the level
that was programmed; rows have the voltage that was measured.

The SMUs are pymeasure's `Keithley4200`, for work by hand between two steps.

A bench file may give, besides driver, model (``"4200A-SCS"``) and address: ``rpm`` (``true``, the
default, or ``false`` for a card without 4225-RPMs); ``timeout`` (``"10 s"``, the longest wait for
an answer); ``found_on`` (``"safe"``, the default, breaks off a test that runs when the driver
connects and switches all outputs off; ``"leave"`` leaves it until the first step); and for a
virtual one ``smus``. Terminals are on ``pmu1`` and ``pmu2``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from instruments.keithley4200_limits import MODELS, limits_of
from instruments.keithley4200_program import Unit, compile_play
from instruments.options import check_options, duration_option, known_model
from labctl.capability import Floor, Forecast, Setup, Violation
from labctl.errors import BadInput
from labctl.steps import Play

if TYPE_CHECKING:
    from instruments.keithley4200_meter import PulseCard

__all__ = ["check", "connect", "forecast", "recognise"]

_TIMEOUT = 10.0  # s
_OPTIONS = ("rpm", "timeout", "found_on", "smus", "interface")
_CHOICES = {"interface": ("ethernet",), "found_on": ("safe", "leave")}


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
    return "4200A-SCS" if re.match(r"KEITHLEY.*,\s*KI4200A\b", idn, re.IGNORECASE) else None


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
    floors = []
    for track in program.tracks:
        shortest = program.shortest_reading(track.terminal)
        if shortest is not None:
            meter = track.i_meter
            floors.append(Floor(track.terminal, meter.bound(0.0), meter.full_scale, shortest))
    limits = limits_of(_unit(setup).model)
    return Forecast("segment arb", limits.resolution, tuple(floors), program.duration)


def connect(setup: Setup) -> PulseCard:
    """Connect to a 4200A-SCS and identify it.

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
    from instruments.keithley4200_meter import open_card

    return open_card(setup, _unit(setup), duration_option(setup, "timeout", _TIMEOUT))


def _unit(setup: Setup) -> Unit:
    model = known_model(setup, MODELS)
    check_options(setup, _OPTIONS, _CHOICES)
    for terminal, channel in setup.channels.items():
        if channel not in model.channels:
            raise BadInput(
                f'{setup.name}: the terminal "{terminal}" is on channel "{channel}"; '
                f"a {model.name} has {' and '.join(model.channels)}"
            )
    return Unit(model, setup.options.get("rpm", True) is True, dict(setup.channels))
