"""A 2601B-PULSE as a waveform source: a source-meter, and a pulser where a step suits that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from instruments.errors import link_faults, unexpected
from instruments.keithley2600_limits import MICROSECONDS, Model
from instruments.keithley2600_meter import SourceMeter
from instruments.keithley2600_program import Program
from instruments.keithley2600_pulser import PulseProgram, compile_step
from instruments.keithley2600_pulser_readings import PulseDecoder
from instruments.keithley2600_pulser_script import PULSER_SCRIPT
from instruments.keithley2600_readings import Decoder
from instruments.kept import Kept
from instruments.secured import open_adapter, started
from labctl.capability import Setup, Violation
from labctl.errors import Refused
from labctl.steps import Play

__all__ = ["PulserMeter", "open_pulser"]

_SETTINGS = (
    "enable", "rangei", "rangev", "measure.aperture", "measure.delay", "protect.sensev",
    "protect.sourcev", "protect.tripped",
)  # fmt: skip


def open_pulser(setup: Setup, model: Model, timeout: float, patience: float) -> PulserMeter:
    """Open the connection, identify the instrument and load the functions it needs.

    Parameters
    ----------
    setup
        Section of the bench file.
    model
        What the instrument is specified to do.
    timeout
        How long to wait for an answer, s.
    patience
        How long a program goes on without a word from this computer, s; 0 for ever.

    Raises
    ------
    BadInput
        The address is no VISA address.
    InstrumentFault
        Nobody answers, or another instrument does.
    """
    return started(PulserMeter(setup, model, open_adapter(setup, timeout), patience), setup)


class PulserMeter(SourceMeter):
    """A 2601B-PULSE as a `labctl.capability.WaveformSource`; use `connect` to get one.

    Parameters
    ----------
    setup, model, adapter, patience
        As of `instruments.keithley2600_meter.SourceMeter`.
    """

    def __init__(self, setup: Setup, model: Model, adapter: Any, patience: float) -> None:
        super().__init__(setup, model, adapter, patience)
        use = setup.options.get("pulser", "auto")
        self._degraded = setup.accept_degraded
        self._chosen = Kept(lambda play: compile_step(play, self._unit, use))

    def start(self, *, leave: bool = False, looking: bool = False) -> None:
        """Identify and clear the instrument, and load the functions it needs.

        Parameters
        ----------
        leave
            Leave an output that is on as it is, until the first step; else switch it off.
        looking
            Only identify it.

        Raises
        ------
        InstrumentFault
            Nobody answers, another model does, or it refuses.
        """
        super().start(leave=leave, looking=looking)
        if looking:
            return
        with link_faults(self.name, "loading the functions of its pulser"):
            for line in [*PULSER_SCRIPT.strip().splitlines(), "labctl_pulser()"]:
                self.write(line)
        self.check_errors()

    def check(self, play: Play) -> list[Violation]:
        """Say what stands against playing this, without touching the instrument."""
        return self._chosen(play).violations

    def snapshot(self) -> dict[str, str]:
        """Return every setting worth keeping, as the instrument reports it.

        Raises
        ------
        InstrumentFault
            Nobody answers.
        """
        settings = super().snapshot()
        names = [*(f"smua.pulser.{name}" for name in _SETTINGS), "smua.trigger.source.pulsewidth"]
        with link_faults(self.name, "reading the settings of its pulser"):
            answers = self.ask(f"print({','.join(names)})").strip().split("\t")
        if len(answers) != len(names):
            raise unexpected(self.name, "\t".join(answers), f"{len(names)} settings")
        return settings | dict(zip(names, answers, strict=True))

    def make_safe(self) -> None:
        """Abort, bring every level to zero and every output off, and see that it is so.

        Raises
        ------
        InstrumentFault
            Something could not be made safe, or the error queue had entries that nobody has seen;
            the message says which.
        """
        try:
            super().make_safe()
        finally:
            # the output is off already, or nobody listens
            with link_faults(self.name, "disabling its pulser"):
                self.write("if smua.source.output == 0 then smua.pulser.enable = 0 end")

    def _program(self, play: Play) -> Program:
        chosen = self._chosen(play)
        if chosen.program is None or not chosen.playable(degraded=self._degraded):
            raise Refused(chosen.violations)
        return chosen.program

    def _lines(self, number: int, program: Program) -> Iterator[str]:
        yield from super()._lines(number, program)
        if isinstance(program, PulseProgram):
            yield f"labctl_pulse({number},{{{_fields(program)}}})"

    def _decoder(self, program: Program) -> Decoder:
        return PulseDecoder(program) if isinstance(program, PulseProgram) else Decoder(program)


def _fields(program: PulseProgram) -> str:
    fields = {
        "rangev": program.range_v,
        "force": program.force,
        "aperture": program.aperture,
        "delay": program.delay / MICROSECONDS,
        "width": program.width / MICROSECONDS,
    }
    return ",".join(f"{key}={value:.12g}" for key, value in fields.items())
