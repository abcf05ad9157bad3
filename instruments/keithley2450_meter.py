"""A 2450, 2460 or 2461 as a waveform source: trigger models, streamed readings, a clean stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

from instruments.errors import link_faults, queue_fault, unexpected
from instruments.keithley2450_lines import (
    BUFFER,
    DIGITS,
    LOOK,
    READINGS,
    SENSES,
    SOURCES,
    Look,
    Reading,
    differing,
    list_lines,
    model_lines,
    parse_look,
    parse_readings,
    parse_told,
    range_lines,
    read_back,
)
from instruments.keithley2450_mainframe import Mainframe
from instruments.keithley2450_program import Program, Unit, compile_play
from instruments.keithley2450_readings import HOT, Decoder
from instruments.kept import Kept
from instruments.secured import open_adapter, started
from labctl.capability import Limits, Setup, StopRequest, Violation
from labctl.errors import InstrumentFault, Refused
from labctl.readings import Row
from labctl.steps import Play

__all__ = ["SourceMeter", "open_meter"]

_LOOK = 0.25  # s between two looks at a run, and whether to stop
_POLL = 5e-3  # s between two looks when a run should be over
_PAUSE = 20e-3  # s between two looks when a run was asked to end
_ZERO_HOLDS = 600.0  # s after which autozero is done again before a step [C]
_GRACE = 1.0  # s that a stop waits for the level that is on to end
_AT_ONCE = 1000  # readings fetched in one message
_LATE = 0.2  # of its duration that a run may take longer than it should
#: settings that hold for every step; what is not here is as after a reset
_BASE = (
    f":FORM:DATA ASC;:FORM:ASC:PREC {DIGITS};:OUTP:SMOD NORM;:SOUR:FUNC VOLT;:SOUR:VOLT 0;"
    ":SOUR:VOLT:DEL 0;:SOUR:VOLT:RANG:AUTO OFF;:SENS:FUNC 'CURR';:SENS:COUN 1"
)


def open_meter(setup: Setup, unit: Unit, timeout: float) -> SourceMeter:
    """Open the connection and identify the instrument.

    Parameters
    ----------
    setup
        Section of the bench file.
    unit
        What the instrument is specified to do.
    timeout
        How long to wait for an answer, s.

    Raises
    ------
    BadInput
        The address is no VISA address.
    InstrumentFault
        Nobody answers, or another instrument does, or in another language.
    """
    return started(SourceMeter(setup, unit, open_adapter(setup, timeout), timeout), setup)


class SourceMeter(Mainframe):
    """One instrument as a `labctl.capability.WaveformSource`; use `connect` to get one.

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
    """

    def __init__(self, setup: Setup, unit: Unit, adapter: Any, timeout: float) -> None:
        super().__init__(adapter, setup.name, setup.address, unit.model)
        self._unit, self._timeout = unit, timeout
        self._channel = next(iter(setup.channels.values()), "front")
        self._remote = setup.options.get("sense") == "4-wire"
        self._degraded = setup.accept_degraded
        clock = None if setup.laboratory is None else setup.laboratory.clock
        self._now: Callable[[], float] = time.monotonic if clock is None else clock.now
        self._sleep = _sleep if clock is None else clock.wait
        self._origin = self._now()
        self._epoch: tuple[int, float] | None = None  # instrument's second that is this time, s
        self._compile = Kept(lambda play: compile_play(play, self._unit))
        self._loaded: Program | None = None  # what is in the instrument's lists
        self._ranges: list[str] = []
        self._zeroed = self._origin  # when autozero was done
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
            self._unit = self._unit.at(self.number(":SYST:LFR?"))
        self.check_errors()

    def write(self, command: str, **kwargs: Any) -> None:
        """Send a command by hand; the next step then trusts no earlier setting."""
        asks = all("?" in part for part in command.split(";"))
        self._fresh = self._fresh or not asks
        super().write(command, **kwargs)

    def check(self, play: Play) -> list[Violation]:
        """Say what stands against playing this, without touching the instrument."""
        return self._compile(play).violations

    def play(self, play: Play, stop: StopRequest) -> Iterator[list[Row]]:
        """Play a step, yielding readings in chunks while it runs.

        Parameters
        ----------
        play
            What to play.
        stop
            Asked four times a second; True ends the step after the level that is on and makes
            safe.

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
        program = compiled.program
        if program is None or not compiled.playable(degraded=self._degraded):
            raise Refused(compiled.violations)
        try:
            stopped = stop()
            if program.steps and not stopped:
                self._configure(program)
                stopped = yield from self._run(program, stop)
            if stopped or self._waited(program.trail, stop):
                self.make_safe()
        except BaseException as error:
            self.safe_after(error)
            raise

    # -- settings ------------------------------------------------------------------------------

    def _configure(self, program: Program) -> None:
        """Bring the instrument to a program, and see that it is so."""
        ranges = range_lines(program, self._channel, remote=self._remote)
        with link_faults(self.name, "setting it up"):
            if self._fresh:
                super().write("*RST")
                super().write(_BASE)
                self._loaded, self._ranges, self._fresh = None, [], False
            if self._now() - self._zeroed > _ZERO_HOLDS:
                self._ranges = []
            if self._loaded is not program or not self._ranges:
                for line in self._lines(program, ranges):
                    super().write(line)
            self._loaded, self._ranges = program, ranges
            answer = self.ask(read_back(program))
        if entries := self.drain():
            raise queue_fault(self.name, entries, "setting it up")
        try:
            wrong = differing(program, parse_told(answer))
        except ValueError:
            raise unexpected(self.name, answer, "settings") from None
        if wrong:
            raise InstrumentFault(f"{self.name}: {wrong}; nothing was switched on")

    def _lines(self, program: Program, ranges: list[str]) -> Iterator[str]:
        """Yield what has to be sent where another program was before."""
        if self._loaded is not None:
            yield (
                f':TRIG:LOAD "Empty";:TRAC:DEL "{BUFFER}";:SOUR:CONF:LIST:DEL "{SOURCES}";'
                f':SENS:CONF:LIST:DEL "{SENSES}"'
            )
        if ranges != self._ranges:
            self._zeroed = self._now()
            yield from ranges
        yield from list_lines(program)
        yield from model_lines(program)

    # -- running -------------------------------------------------------------------------------

    def _run(self, program: Program, stop: StopRequest) -> Generator[list[Row], None, bool]:
        """Start the trigger model and follow it; returns whether a stop ended it."""
        with link_faults(self.name, "starting a run"):
            super().write(":INIT")
        begun, fetched, stopped = self._now(), 0, False
        decoder: Decoder | None = None
        while True:
            look = self._look(program, begun, stop, stopped=stopped)
            while fetched < look.readings:
                decoder = decoder or Decoder(program, self._zero(begun))
                last = min(look.readings, fetched + _AT_ONCE)
                if rows := decoder.rows(self._readings(fetched + 1, last)):
                    yield rows
                fetched = last
            if stopped or not look.running:
                break
            if stop():
                self._stop_soon()
                stopped = True
        if not stopped and (look.state != "IDLE" or fetched != program.readings):
            raise InstrumentFault(
                f"{self.name}: its trigger model ended as {look.state} with {fetched} readings "
                f"instead of {program.readings}; look at the front panel"
            )
        return stopped

    def _look(self, program: Program, begun: float, stop: StopRequest, *, stopped: bool) -> Look:
        """Wait a little and ask how far a run is.

        Raises
        ------
        InstrumentFault
            It reported an error, or does not end.
        """
        left = begun + program.running - self._now()
        if not stopped:
            self._sleep(min(max(left, _POLL), _LOOK), stop)
        look = self._state("waiting for readings")
        if look.errors:
            raise queue_fault(self.name, self.drain(), "playing a waveform")
        if look.running and left < -self._timeout - _LATE * program.running:
            raise InstrumentFault(
                f"{self.name}: its trigger model runs longer than its waveform lasts; look at the "
                "front panel"
            )
        return look

    def _state(self, doing: str) -> Look:
        with link_faults(self.name, doing):
            answer = self.ask(LOOK)
        try:
            return parse_look(answer)
        except ValueError:
            raise unexpected(self.name, answer, "the state of its trigger model") from None

    def _stop_soon(self) -> None:
        """End a run between two levels, or at once where the present one is long."""
        with link_faults(self.name, "stopping"):
            super().write("*TRG")
        end = self._now() + _GRACE
        while self._now() < end:
            if not self._state("stopping").running:
                return
            self._sleep(_PAUSE, _never)
        with link_faults(self.name, "stopping"):
            super().write(":ABOR")

    def _readings(self, first: int, last: int) -> list[Reading]:
        with link_faults(self.name, "fetching readings"):
            answer = self.ask(READINGS % (first, last))
        try:
            readings = parse_readings(answer)
        except ValueError:
            raise unexpected(self.name, answer, "readings") from None
        if len(readings) != last - first + 1:
            raise unexpected(self.name, answer, f"{last - first + 1} readings")
        if any(reading.status & HOT for reading in readings):
            raise InstrumentFault(
                f"{self.name}: it is too hot; let it cool down and give it air before the next run"
            )
        return readings

    def _zero(self, begun: float) -> float:
        """Return when the first reading of a run began, s since the driver connected.

        The first run ties the instrument's clock to that of the computer; from then on the
        instrument's own timestamps count.
        """
        with link_faults(self.name, "asking for the time of a run"):
            answer = self.ask(f':TRAC:DATA? 1,1,"{BUFFER}",SEC,FRAC')
        try:
            second, fraction = (float(text) for text in answer.split(","))
        except ValueError:
            raise unexpected(self.name, answer, "a time") from None
        if self._epoch is None:
            self._epoch = round(second), begun - self._origin - fraction
        whole, shift = self._epoch
        return (round(second) - whole) + fraction + shift

    def _waited(self, duration: float, stop: StopRequest) -> bool:
        """Let time pass with the output off; True when it was asked to stop."""
        end = self._now() + duration
        while (left := end - self._now()) > 0:
            if stop():
                return True
            self._sleep(min(left, _LOOK), stop)
        return False


def _never() -> bool:
    return False


def _sleep(duration: float, _stop: StopRequest) -> None:
    time.sleep(duration)
