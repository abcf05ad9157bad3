"""Keysight B1530A waveform generator and fast measurement unit, by the vendor's library.

What it can do is in `instruments.wgfmu_limits`; how a waveform becomes patterns and sequences, in
`wgfmu_program`; the functions of the library, in `wgfmu_table`; playing, in `wgfmu_module`.

There is no text protocol: the B1530A is driven by a Windows DLL from Keysight, which is loaded when
a bench that names this driver is connected. Without it that connection is refused in one sentence,
and everything else works, planning included. Every step is one execution, timed to 10 ns, which
ends at zero; then the channels are disconnected.

**A WGFMU cannot hold a current.** A step whose compliance is below what its output can give (10 mA)
is refused, unless the bench file says ``accept_degraded = true``: then the compliance chooses the
range of the ammeter, and readings beyond it are flagged. It measures the current alone; rows have
the voltage that was programmed.

A bench file may give, besides driver, model (``"B1530A"``) and address (that of the B1500A):
``library`` (path of ``wgfmu.dll``) and ``timeout`` (``"100 s"``, the longest call). Terminals are
on ``101``, ``102``, ``201``, ...: slot times 100, and the channel of the module. A computer has one
session of the library: no other program may use it meanwhile.
"""

from __future__ import annotations

from typing import Any

from instruments.options import check_options, duration_option, known_model
from instruments.wgfmu_limits import MODELS, TICK
from instruments.wgfmu_module import Module
from instruments.wgfmu_program import Unit, compile_play
from instruments.wgfmu_table import load
from labctl.capability import Floor, Forecast, Setup, Violation
from labctl.errors import BadInput
from labctl.steps import Play

__all__ = ["check", "connect", "forecast"]

_TIMEOUT = 100.0  # s, as the library has it
_OPTIONS = ("library", "timeout")
_CHANNELS = tuple(100 * slot + n for slot in range(1, 11) for n in (1, 2))


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
    for terminal, ammeter in program.ammeters.items():
        spans = [
            reading.stop - reading.start
            for entry in program.entries for segment in entry.segments
            for reading in segment.readings if reading.terminal == terminal
        ]  # fmt: skip
        if spans:
            full, bound = ammeter.range.full_scale, ammeter.range.bound(0.0)
            floors.append(Floor(terminal, bound, full, min(spans) * TICK))
    return Forecast("wgfmu sequence", TICK, tuple(floors), program.duration)


def connect(setup: Setup) -> Module:
    """Load the library, open its session and see that the channels are there.

    Parameters
    ----------
    setup
        Section of the bench file.

    Raises
    ------
    BadInput
        The model, a channel or an option is not allowed, or the library is absent.
    InstrumentFault
        Nobody answers, or a channel is not installed.
    """
    unit, timeout = _unit(setup), duration_option(setup, "timeout", _TIMEOUT)
    laboratory: Any = setup.laboratory
    if laboratory is None:
        library = load(setup.name, str(setup.options.get("library", "")))
    else:
        library = laboratory.instruments[setup.name].library
    module = Module(setup, unit, library, timeout)
    try:
        module.start(looking=setup.looking)
    except BaseException:
        module.close()
        raise
    return module


def _unit(setup: Setup) -> Unit:
    model = known_model(setup, MODELS)
    check_options(setup, _OPTIONS, {})
    for terminal, channel in setup.channels.items():
        if not channel.isdigit() or int(channel) not in _CHANNELS:
            raise BadInput(
                f'{setup.name}: the terminal "{terminal}" is on channel "{channel}"; a '
                f"{model.name} has 101 and 102 in slot 1, 201 and 202 in slot 2, up to 1002"
            )
    return Unit(model, {name: int(channel) for name, channel in setup.channels.items()})
