"""Keithley 2600B source-meters: waveforms of pulses and reads, timed by their own hardware.

What they can do is in `instruments.keithley2600_limits`; how a waveform becomes one program of the
trigger model, in `keithley2600_cycles` and `keithley2600_program`; what runs inside the instrument,
in `keithley2600_script`; how readings come back, in `keithley2600_readings`; the connection, in
`keithley2600_meter`, `keithley2600_mainframe` and `keithley2600_channel`. This module is what a
bench uses: it checks a step without any connection, and connects.

The driver is pymeasure's `Keithley2600` with what it lacks, so everything pymeasure offers can be
used by hand between two steps::

    with labctl.bench("sim-ftj") as bench:
        bench.smu.ChA.apply_voltage(compliance_current=1e-6)
        bench.smu.ChA.source_output = "ON"

A bench file may give, besides driver, model and address: ``sense`` (``"2-wire"``, the default, or
``"4-wire"``) and ``timeout`` (``"10 s"``, the longest wait for an answer).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from instruments.keithley2600_limits import MODELS, Model, limits_of
from instruments.keithley2600_program import Unit, compile_play
from labctl.capability import Setup, Violation
from labctl.errors import BadInput
from labctl.steps import Play
from labctl.units import parse

if TYPE_CHECKING:
    from instruments.keithley2600_meter import SourceMeter

__all__ = ["check", "connect"]

#: how long to wait for an answer, s; while a program runs the instrument speaks every 2 s or less
_TIMEOUT = 10.0
_OPTIONS = ("sense", "timeout")
_SENSES = ("2-wire", "4-wire")
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
    model = _model(setup)
    limits = limits_of(model, _LINE_FREQUENCY)
    compiled = compile_play(play, Unit(model, limits, _LINE_FREQUENCY, setup.channels))
    return compiled if isinstance(compiled, list) else []


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

    return open_meter(setup, _model(setup), _timeout(setup))


def _timeout(setup: Setup) -> float:
    given = setup.options.get("timeout", _TIMEOUT)
    seconds = parse(given, "s") if isinstance(given, str) else float(given)
    if not seconds > 0:
        raise BadInput(f"{setup.name}: timeout = {given!r} is not allowed; give a positive time")
    return seconds


def _model(setup: Setup) -> Model:
    model = MODELS.get(setup.model)
    if model is None:
        raise BadInput(
            f'{setup.name}: the model "{setup.model}" is unknown; allowed are {", ".join(MODELS)}'
        )
    for terminal, channel in setup.channels.items():
        if channel not in model.channels:
            raise BadInput(
                f'{setup.name}: the terminal "{terminal}" is on channel "{channel}"; '
                f"a {model.name} has {' and '.join(model.channels)}"
            )
    unknown = sorted(set(setup.options) - set(_OPTIONS))
    if unknown:
        raise BadInput(
            f'{setup.name}: the key "{unknown[0]}" is unknown; allowed are {", ".join(_OPTIONS)}'
        )
    if setup.options.get("sense", _SENSES[0]) not in _SENSES:
        raise BadInput(
            f'{setup.name}: sense = "{setup.options["sense"]}" is not allowed; '
            f"allowed are {' and '.join(_SENSES)}"
        )
    return model
