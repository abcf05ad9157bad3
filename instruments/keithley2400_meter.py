"""A Series 2400 as a waveform source: it starts runs, waits between them, and fetches readings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from instruments.errors import link_faults, queue_fault, unexpected
from instruments.keithley2400_lines import (
    Reading,
    Told,
    differing,
    go_line,
    parse_readings,
    parse_told,
    read_back,
    settings,
    wait_line,
)
from instruments.keithley2400_mainframe import Mainframe
from instruments.keithley2400_program import Program, Unit, compile_play
from instruments.keithley2400_readings import first_level, rows_of
from instruments.keithley2400_schedule import Run
from instruments.keithley2400_time import Timestamps
from instruments.kept import Kept
from instruments.secured import open_adapter, started
from labctl.capability import Limits, Setup, StopRequest, Violation
from labctl.errors import InstrumentFault, Refused
from labctl.readings import Row
from labctl.steps import Play

__all__ = ["SourceMeter", "open_meter"]

_POLL = 0.5  # s: how often it is looked whether a run is over, and whether to stop
_LONGEST_WAIT = 900.0  # s: of one wait in the instrument
_SHORTEST_WAIT = 2e-3  # s: a shorter one takes as long by itself
_START = 5e-3  # s: from asking the time to the start of a run, over GPIB (check)
#: settings that hold for every step; what is not here is as after a reset
_BASE = (
    ":SYST:BEEP:STAT OFF;:SYST:TIME:RES:AUTO OFF;:SYST:AZER OFF;:OUTP:SMOD NORM;"
    ":SENS:FUNC:CONC ON;:SENS:RES:MODE MAN;:SENS:AVER OFF;:SENS:CURR:RANG 1E-4;"
    ":SOUR:FUNC VOLT;:SOUR:VOLT 0;"
    ":SOUR:CLE:AUTO ON;:SOUR:CLE:AUTO:MODE TCO"
)


def open_meter(setup: Setup, unit: Unit, timeout: float, tick: float) -> SourceMeter:
    """Open the connection and identify the instrument.

    Parameters
    ----------
    setup
        Section of the bench file.
    unit
        What the instrument is specified to do.
    timeout
        How long to wait for an answer, s.
    tick
        What the instrument calls a millisecond, s.

    Raises
    ------
    BadInput
        The address is no VISA address.
    InstrumentFault
        Nobody answers, or another instrument does.
    """
    return started(SourceMeter(setup, unit, open_adapter(setup, timeout), timeout, tick), setup)


class SourceMeter(Mainframe):
    """A Series 2400 as a `labctl.capability.WaveformSource`; use `connect` to get one.

    Parameters
    ----------
    setup
        Section of the bench file.
    unit
        What the instrument is specified to do.
    adapter
        An open connection.
    timeout
        How long to wait for an answer, s.
    tick
        What the instrument calls a millisecond, s.
    """

    def __init__(self, setup: Setup, unit: Unit, adapter: Any, timeout: float, tick: float) -> None:
        super().__init__(adapter, setup.name, setup.address, unit.model)
        self._unit, self._timeout = unit, timeout
        self._channel = next(iter(setup.channels.values()), "front")
        self._remote = setup.options.get("sense") == "4-wire"
        self._degraded = setup.accept_degraded
        laboratory = setup.laboratory
        host = time.monotonic if laboratory is None else laboratory.clock.now
        self._stamps = Timestamps(tick, host)
        self._compile = Kept(lambda play: compile_play(play, self._unit))
        self._now: dict[str, list[str]] = {}  # what is set, by `settings`
        self._amperes = False  # whether a current is sourced now
        self._fresh = True  # nothing is known of what is set

    @property
    def limits(self) -> Limits:
        """What it can do, at its own power line frequency."""
        return self._unit.limits

    def start(self, *, leave: bool = False, looking: bool = False) -> None:
        """Identify and clear the instrument; see `Mainframe.start`.

        Raises
        ------
        InstrumentFault
            Nobody answers, another model does, or it refuses.
        """
        super().start(leave=leave, looking=looking)
        if looking:
            return
        with link_faults(self.name, "reading its line frequency"):
            frequency = self.number(":SYST:LFR?")
            self.write(":SYST:TIME:RES")
        self._stamps.restart(0.0)
        self._unit = self._unit.at(frequency)
        self.check_errors()

    def write(self, command: str, **kwargs: Any) -> None:
        """Send a command by hand; the next step then trusts no earlier setting."""
        self._fresh = self._fresh or not command.rstrip().endswith("?")
        super().write(command, **kwargs)

    def check(self, play: Play) -> list[Violation]:
        """Say what stands against playing this, without touching the instrument."""
        return self._compile(play).violations

    def play(self, play: Play, stop: StopRequest) -> Iterator[list[Row]]:
        """Play a step, yielding the readings of each run when it is over.

        Parameters
        ----------
        play
            What to play.
        stop
            Asked twice a second; True ends the step and makes safe.

        Yields
        ------
        list of Row
            New readings in order; t is the instrument's time since `connect`.

        Raises
        ------
        Refused
            The step breaks a limit; nothing was sent.
        InstrumentFault
            The instrument reported an error, or did not answer. It has been made safe, or a note on
            the exception says what could not.
        """
        compiled = self._compile(play)
        if compiled.program is None or not compiled.playable(degraded=self._degraded):
            raise Refused(compiled.violations)
        try:
            yield from self._carry_out(compiled.program, stop)
        except BaseException as error:
            self.safe_after(error)
            raise

    def _carry_out(self, program: Program, stop: StopRequest) -> Iterator[list[Row]]:
        stamps = self._stamps
        begun: float | None = None  # of the waveform, s since the driver connected
        for run in program.runs:
            now = self._configure(program, run)
            begun = now if begun is None else begun
            if not self._wait(begun + run.start - run.lead - now - _START, stop):
                return
            readings = self._run(program, run, stop)
            if readings is None:
                return
            if run is program.runs[0]:
                told = [reading.t for reading in readings[: len(run.points)]]
                begun = stamps.zero + first_level(run, told, stamps.tick) - run.start
            if rows := list(rows_of(program, run, readings, stamps.zero, stamps.tick)):
                yield rows
        if begun is None:
            self._begin()
            begun = self._time()
        self._wait(begun + program.duration - self._time(), stop)

    # -- settings ------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Bring the instrument to a known state, where somebody may have changed it."""
        if not self._fresh:
            return
        with link_faults(self.name, "setting it up"):
            super().write("*RST")
            self.reset_data_format()
            super().write(_BASE)
        self._now.clear()
        self._amperes = self._fresh = False

    def _configure(self, program: Program, run: Run) -> float:
        """Bring the instrument to a run, and see that it is so; returns the time."""
        self._begin()
        wanted = settings(program, run, self.model, self._channel, remote=self._remote)
        if wanted["ranges"] != self._now.get("ranges"):
            self._now.clear()  # pulse mode and its end change more than is asked for
        changed = [
            line
            for what, lines in wanted.items()
            if self._now.get(what) != lines
            for line in lines
        ]  # fmt: skip
        with link_faults(self.name, "setting it up"):
            for line in changed:
                super().write(line)
            self._now, self._amperes = wanted, program.quantity == "i"
            answer = self.ask(read_back(program))
        if entries := self.drain():
            raise queue_fault(self.name, entries, "setting it up")
        return self._stamps.now(self._agreed(program, run, answer).time)

    def _agreed(self, program: Program, run: Run, answer: str) -> Told:
        """Return what was read back, if that is what was set and the output is still off."""
        try:
            told = parse_told(answer)
        except ValueError:
            raise unexpected(self.name, answer, "settings") from None
        wrong = differing(program, run, told)
        if wrong:
            raise InstrumentFault(f"{self.name}: {wrong}; nothing was switched on")
        return told

    def _time(self) -> float:
        """Ask for the instrument's time, s since the driver connected."""
        with link_faults(self.name, "asking the time"):
            return self._stamps.now(self.number(":SYST:TIME?"))

    # -- runs ----------------------------------------------------------------------------------

    def _wait(self, duration: float, stop: StopRequest) -> bool:
        """Let the instrument wait at zero; False when it was asked to stop."""
        pulsed = any("PULS" in line for line in self._now.get("ranges", ()))
        while duration > _SHORTEST_WAIT:
            part = min(duration, _LONGEST_WAIT)
            self._now.pop("go", None)  # the next run sets it again
            line = wait_line(part, pulsed=pulsed, amperes=self._amperes)
            if self._started(line, part, stop) is None:
                return False
            duration -= part
        return not self._stopped(stop)

    def _run(self, program: Program, run: Run, stop: StopRequest) -> list[Reading] | None:
        """Start a run and return its readings; None when it was asked to stop."""
        go = go_line(program, run)
        again = "" if "go" in self._now else f"{go};"
        self._now["go"] = [go]
        line = f"{again}:SYST:TIME?;:SYST:TIME:RES;:INIT;*OPC?"
        told = self._started(line, run.duration, stop)
        if told is None:
            return None
        try:
            self._stamps.restart(float(told.split(";")[0]))
        except ValueError:
            raise unexpected(self.name, told, "the time") from None
        # a run that was refused has no readings, and would let the question for them wait in vain
        if entries := self.drain():
            raise queue_fault(self.name, entries, "playing a waveform")
        with link_faults(self.name, "fetching readings"):
            answer = self.ask(":FETC?")
        return self._fetched(run, answer)

    def _fetched(self, run: Run, answer: str) -> list[Reading]:
        try:
            readings = parse_readings(answer)
        except ValueError:
            raise unexpected(self.name, answer, "readings") from None
        if len(readings) != len(run.points) * run.arms:
            raise unexpected(self.name, answer, f"{len(run.points) * run.arms} readings")
        return [one._replace(t=one.t * self._stamps.second) for one in readings]

    def _started(self, line: str, duration: float, stop: StopRequest) -> str | None:
        """Send a line whose answer comes when it is carried out; None when asked to stop.

        The answer is waited for in pieces, so that a stop request is heard.
        """
        with link_faults(self.name, "starting a run"):
            super().write(line)
        connection = self.adapter.connection
        poll = min(_POLL, self._timeout)
        looks = int((duration * 1.1 + self._timeout) / poll) + 1
        connection.timeout = round(poll * 1000)
        try:
            for _ in range(looks):
                if self._stopped(stop):
                    return None
                with link_faults(self.name, "waiting for a run to end"):
                    try:
                        return str(self.read())
                    except VisaIOError as error:
                        if error.error_code != StatusCode.error_timeout:
                            raise
        finally:
            connection.timeout = round(self._timeout * 1000)
        raise InstrumentFault(f"{self.name}: no answer came in time while waiting for a run to end")

    def _stopped(self, stop: StopRequest) -> bool:
        if not stop():
            return False
        self.make_safe()
        return True
