"""A 2600B as a waveform source: it sends programs and takes readings while they run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from instruments.errors import link_faults, queue_fault, unexpected
from instruments.keithley2600_limits import Model, limits_of
from instruments.keithley2600_lines import (
    ALIVE,
    LONGEST_LINE,
    Status,
    parse_status,
    play_line,
    program_lines,
)
from instruments.keithley2600_mainframe import Mainframe
from instruments.keithley2600_program import Program, Unit, compile_play
from instruments.keithley2600_readings import Decoder
from instruments.keithley2600_script import SCRIPT
from instruments.kept import Kept
from instruments.secured import open_adapter, started
from labctl.capability import Limits, Setup, StopRequest, Violation
from labctl.errors import InstrumentFault, Refused
from labctl.readings import Row
from labctl.steps import Play

__all__ = ["SourceMeter", "open_meter"]

_STEPS_KEPT = 64  # programs that the instrument is given to keep
_POINTS_KEPT = 20_000  # levels in all of them
_TRIED = 0.3  # s: a delay that tells whether the instrument's time is ours


class _Stored(NamedTuple):
    """A program and its number in the instrument."""

    program: Program
    number: int


def open_meter(setup: Setup, model: Model, timeout: float, patience: float) -> SourceMeter:
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
    return started(SourceMeter(setup, model, open_adapter(setup, timeout), patience), setup)


class SourceMeter(Mainframe):
    """A 2600B as a `labctl.capability.WaveformSource`; use `connect` to get one.

    Parameters
    ----------
    setup
        Section of the bench file.
    model
        What the instrument is specified to do.
    adapter
        An open connection.
    patience
        How long a program goes on without a word from this computer, s; 0 for ever.
    """

    def __init__(self, setup: Setup, model: Model, adapter: Any, patience: float) -> None:
        super().__init__(adapter, setup.name, setup.address, model)
        self._unit = Unit(model, limits_of(model, 50.0), 50.0, dict(setup.channels))
        self._remote = setup.options.get("sense") == "4-wire"
        self._patience, self._speed = patience, setup.speed
        self._compile = Kept(lambda play: compile_play(play, self._unit), _STEPS_KEPT)
        self._stored: dict[int, _Stored] = {}  # by identity of the program
        self._points = 0
        self._fresh = True

    @property
    def limits(self) -> Limits:
        """What it can do, at its own power line frequency."""
        return self._unit.limits

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
        with link_faults(self.name, "loading its functions"):
            if self._patience and not self._keeps_time():
                self._patience = 0.0
            patience = f"labctl_patience = {self._patience:.9g}"
            for line in [*SCRIPT.strip().splitlines(), "labctl()", patience]:
                self.write(line)
            frequency = self.number("localnode.linefreq")
        limits = limits_of(self.model, frequency)
        self._unit = Unit(self.model, limits, frequency, self._unit.channels)
        self.check_errors()

    def _keeps_time(self) -> bool:
        """Whether time passes for the instrument as it does here.

        A virtual one that is served without a pace is through with a program at once: it cannot
        hear the computer in between, and cannot outlast it either.
        """
        begun = time.monotonic()
        self.number(f"(function() delay({_TRIED:g}) return 1 end)()")
        return time.monotonic() - begun > _TRIED / self._speed / 2

    def write(self, command: str, **kwargs: Any) -> None:
        """Send a command by hand; the next step then trusts no earlier setting."""
        self._fresh = self._fresh or not command.startswith(("print(", "*IDN?"))
        super().write(command, **kwargs)

    def check(self, play: Play) -> list[Violation]:
        """Say what stands against playing this, without touching the instrument."""
        compiled = self._compile(play)
        return compiled if isinstance(compiled, list) else []

    def play(self, play: Play, stop: StopRequest) -> Iterator[list[Row]]:
        """Play a step, yielding readings in chunks while it runs.

        Parameters
        ----------
        play
            What to play.
        stop
            Asked at every sign of life of the instrument; True ends the step and makes safe.

        Yields
        ------
        list of Row
            New readings in order; t is the instrument's timer since `connect`.

        Raises
        ------
        Refused
            The step breaks a limit; nothing was sent.
        InstrumentFault
            The instrument reported an error, or did not answer. It has been made safe, or a note on
            the exception says what could not.
        """
        program = self._program(play)
        try:
            with link_faults(self.name, "sending a program"):
                self._send(program)
            yield from self._readings(program, stop)
        except BaseException as error:
            self._stored.clear()
            self.safe_after(error)
            raise

    def _program(self, play: Play) -> Program:
        compiled = self._compile(play)
        if isinstance(compiled, list):
            raise Refused(compiled)
        return compiled

    def _lines(self, number: int, program: Program) -> Iterator[str]:
        """Yield the lines that give a program to the instrument."""
        return program_lines(number, program, remote_sense=self._remote)

    def _decoder(self, program: Program) -> Decoder:
        """Return what makes rows of its readings."""
        return Decoder(program)

    def _send(self, program: Program) -> None:
        """Give the program to the instrument, unless it has it, and play it."""
        lines: list[str] = []
        stored = self._stored.get(id(program))
        if stored is None:
            lines, stored = self._store(program)
        lines.append(play_line(stored.number, fresh=self._fresh))
        if sum(map(len, lines)) + len(lines) < LONGEST_LINE:
            lines = [" ".join(lines)]
        for line in lines:
            super().write(line)
        self._fresh = False

    def _store(self, program: Program) -> tuple[list[str], _Stored]:
        lines: list[str] = []
        points = self._points + len(program.widths)
        if not self._stored or len(self._stored) >= _STEPS_KEPT or points > _POINTS_KEPT:
            self._stored.clear()
            lines, points = ["labctl_programs = {}"], len(program.widths)
        self._points = points
        stored = _Stored(program, len(self._stored) + 1)
        self._stored[id(program)] = stored
        return [*lines, *self._lines(stored.number, program)], stored

    def _readings(self, program: Program, stop: StopRequest) -> Iterator[list[Row]]:
        decoder, read, name = self._decoder(program), self.adapter.read, self.name
        while not stop():
            with link_faults(name, "waiting for readings"):
                line = read()
            status = self._held(decoder, line)
            if status is None:
                continue
            if status.word == "fault":
                raise queue_fault(name, [status.text, *self.drain()], "playing a waveform")
            if status.word == "running" and self._patience:
                with link_faults(name, "showing that it is there"):
                    super().write(ALIVE)
            if rows := decoder.rows(status.t0):
                yield rows
            if status.errors:
                self._raise_errors(status)
            if status.word == "done":
                self._check_all_came(decoder)
                return
        self.make_safe()

    def _check_all_came(self, decoder: Decoder) -> None:
        if decoder.missing:
            raise InstrumentFault(
                f"{self.name}: {decoder.missing} readings of a waveform that was played did not "
                "arrive; check that nothing else talks to the instrument"
            )

    def _held(self, decoder: Decoder, line: str) -> Status | None:
        """Return what a line says of the progress; readings are put aside, and None returned."""
        try:
            status = parse_status(line)
            if status is None:
                decoder.hold(line)
        except ValueError:
            raise unexpected(self.name, line, "readings") from None
        return status

    def _raise_errors(self, status: Status) -> None:
        """Raise what is in the error queue; a program that runs is broken off, or it would wait."""
        if status.word == "running":
            with link_faults(self.name, "breaking off"):
                self._synchronise()
        raise queue_fault(self.name, self.drain(), "playing a waveform")
