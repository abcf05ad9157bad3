"""A B1500A as a waveform source: it starts runs, waits between them, and fetches readings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from instruments.b1500_limits import LEAD
from instruments.b1500_lines import (
    force_line,
    i_code,
    level_line,
    parse_forced,
    run_lines,
)
from instruments.b1500_mainframe import Mainframe, Stopped
from instruments.b1500_program import Program, Unit, compile_play
from instruments.b1500_readings import Taken, first_level, level_rows, run_rows, takings
from instruments.b1500_schedule import Run
from instruments.errors import link_faults, queue_fault, unexpected
from instruments.kept import Kept
from instruments.secured import open_adapter
from labctl.capability import Limits, Setup, StopRequest, Violation
from labctl.errors import InstrumentFault, Refused
from labctl.readings import Row
from labctl.steps import Play

__all__ = ["Analyser", "open_analyser"]

_MOST_LEAD = 50e-3  # s
_RENEWED = 500.0  # s; from 1000 s on a stamp has no tenths of a millisecond (page 3-130)
_AGREES = 2e-3  # of a compliance that is read back


def open_analyser(setup: Setup, unit: Unit, timeout: float, frequency: float) -> Analyser:
    """Open the connection and identify the instrument.

    Parameters
    ----------
    setup
        Section of the bench file.
    unit
        What the instrument is specified to do.
    timeout
        How long to wait for an answer, s.
    frequency
        Of the mains, Hz.

    Raises
    ------
    BadInput
        The address is no VISA address.
    InstrumentFault
        Nobody answers, or another instrument does.
    """
    adapter = open_adapter(setup, timeout)
    try:
        analyser = Analyser(setup, unit, adapter, timeout, frequency)
        leave = setup.options.get("found_on") == "leave"
        analyser.start(leave=leave, looking=setup.looking)
    except BaseException:
        adapter.close()
        raise
    return analyser


class Analyser(Mainframe):
    """A B1500A as a `labctl.capability.WaveformSource`; use `connect` to get one.

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
    frequency
        Of the mains, Hz.
    """

    def __init__(
        self, setup: Setup, unit: Unit, adapter: Any, timeout: float, frequency: float
    ) -> None:
        given = list(setup.options.get("modules", ()))
        modules = {n: given[n - 1] if n <= len(given) else "" for n in unit.channels.values()}
        super().__init__(adapter, setup.name, setup.address, modules, timeout)
        self._unit, self._frequency = unit, frequency
        self._degraded = setup.accept_degraded
        clock = None if setup.laboratory is None else setup.laboratory.clock
        self._now = time.monotonic if clock is None else clock.now
        self._let_pass = _sleep if clock is None else clock.wait
        self._origin = self._now()
        self._zero = 0.0  # of the instrument's timer, on the host's clock
        self._lead = {"levels": LEAD, "trigger": LEAD}  # from a command to what it does, s
        self._compile = Kept(lambda play: compile_play(play, self._unit))

    @property
    def limits(self) -> Limits:
        """What it can do."""
        return self._unit.limits

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
            New readings in order; t is the time since `connect`.

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
        except Stopped:
            return
        except BaseException as error:
            self.safe_after(error)
            raise

    def _carry_out(self, program: Program, stop: StopRequest) -> Iterator[list[Row]]:
        self._prepare(program)
        begun, known = self._timer(), False  # of the waveform, on the instrument's timer
        for run in program.runs:
            begun -= self._renew_timer(stop)
            for rows, began in self._played(program, run, begun + run.start, stop):
                if not known:
                    begun, known = began - run.start, True
                if rows:
                    yield [row._replace(t=round(self._time(row.t), 7)) for row in rows]
        self._wait(begun + program.duration, stop)
        with link_faults(self.name, "switching off"):
            self.write("DZ")
            self.write("CL")
        self._raise_errors("playing a waveform")

    # -- settings -----------------------------------------------------------------------------

    def _prepare(self, program: Program) -> None:
        """Connect the channels at zero, with the compliance read back before any level."""
        channels = sorted(self._unit.channels.values())
        listed = ",".join(map(str, channels))
        meter = f"RI {program.channel},{i_code(program.i_meter)}"
        with link_faults(self.name, "setting it up"):
            self.write(f"FMT 11,0;AZ 0;TSC 1;CN {listed}")
            for channel in channels:
                self.write(force_line(program, channel, 0.0, timed=False))
            if program.channel:
                self.write(f"AAD {program.channel},0;CMM {program.channel},0;{meter}")
                self.write(f"SSR {program.channel},0;FL 0,{program.channel}")
            told = {channel: str(self.ask(f"*LRN? {channel}")).strip() for channel in channels}
        self._raise_errors("setting it up")
        for channel, answer in told.items():
            self._check_forced(program, channel, answer)
        with link_faults(self.name, "setting its timer to zero"):
            self.write("TSR")
        self._zero = self._now()

    def _check_forced(self, program: Program, channel: int, answer: str) -> None:
        try:
            level, compliance = parse_forced(answer)
        except ValueError:
            raise unexpected(self.name, answer, f"the settings of channel {channel}") from None
        if level or abs(compliance - program.compliance) > _AGREES * program.compliance:
            raise InstrumentFault(
                f"{self.name}: 0 V with a compliance of {program.compliance:g} A was set on "
                f"channel {channel} and {level:g} V, {compliance:g} A read back; no level was "
                "forced, so check that nobody else uses the instrument"
            )

    def _raise_errors(self, doing: str) -> None:
        if entries := self.drain():
            raise queue_fault(self.name, entries, doing)

    # -- time ---------------------------------------------------------------------------------

    def _timer(self) -> float:
        """Return about what the instrument's timer shows, s."""
        return self._now() - self._zero

    def _renew_timer(self, stop: StopRequest) -> float:
        """Set the timer to zero where its stamps would lose digits; returns what it showed, s."""
        if self._timer() < _RENEWED:
            return 0.0
        ((stamp,),) = self.answers("TSQ;TSR", 1, 0.0, stop)
        self._zero += stamp.value
        return stamp.value

    def _time(self, stamp: float) -> float:
        """Return the time of a stamp since the driver connected, s."""
        return self._zero + stamp - self._origin

    def _wait(self, until: float, stop: StopRequest) -> None:
        """Wait at zero until a time on the instrument's timer.

        Raises
        ------
        Stopped
            It was asked to stop.
        """
        left = until - self._timer()
        if left > 0:
            self._let_pass(left, stop)
        if stop():
            self.make_safe()
            raise Stopped

    # -- runs ---------------------------------------------------------------------------------

    def _played(
        self, program: Program, run: Run, planned: float, stop: StopRequest
    ) -> Iterator[tuple[list[Row], float]]:
        """Play a run; yields rows with the time at which the run began, on the timer."""
        if run.kind == "levels":
            yield from self._levels(program, run, planned, stop)
            return
        lines, aperture = run_lines(program, run, self._frequency)
        with link_faults(self.name, "setting it up"):
            for line in lines:
                self.write(line)
        self._raise_errors("setting it up")
        self._wait(planned - self._lead["trigger"], stop)
        due = self._timer() + self._lead["trigger"]
        (data,) = self.answers("XE", 1, run.stop - run.start, stop)
        try:
            taken = takings(data)
            rows = list(run_rows(program, run, taken, aperture, self._frequency))
            began = first_level(run, taken, aperture)
        except (ValueError, IndexError):
            raise unexpected(self.name, str(data[:2]), "readings") from None
        if run.kind == "staircase":
            with link_faults(self.name, "going back to zero"):
                self.write(force_line(program, program.channel, 0.0, timed=False))
        self._learn("trigger", began - due)
        yield rows, began

    def _learn(self, what: str, late: float) -> None:
        """Note by how much something began later than was foreseen, s."""
        self._lead[what] = min(max(self._lead[what] + late, 0.0), _MOST_LEAD)

    def _levels(
        self, program: Program, run: Run, planned: float, stop: StopRequest
    ) -> Iterator[tuple[list[Row], float]]:
        """Play levels by one line of commands, which ends at zero by itself.

        The time stamp of each edge tells when the level before it ended.
        """
        self._wait(planned - self._lead["levels"], stop)
        due = self._timer() + self._lead["levels"]
        spots = [level_line(program, level, self._frequency) for level in run.levels]
        line = ";".join([*(s.line for s in spots), force_line(program, program.channel, 0.0)])
        count = sum(spot.messages for spot in spots) + 1
        answers = iter(self.answers(line, count, run.stop - run.start, stop))
        parts = [list(islice(answers, spot.messages)) for spot in spots]
        ends = [part[0][0].value for part in parts[1:]] + [next(answers)[0].value]
        began = parts[0][0][0].value
        self._learn("levels", began - due)
        rows: list[Row] = []
        for level, spot, part, end in zip(run.levels, spots, parts, ends, strict=True):
            volts = part[1][-1] if spot.volts else None
            taken = [Taken(data[0].value, data[-1]) for data in part[1 + spot.volts :]]
            edges = (part[0][0].value, end)
            rows += level_rows(program, level, edges, volts, taken, spot.apertures, self._frequency)
        yield rows, began


def _sleep(duration: float, stop: StopRequest) -> None:
    end = time.monotonic() + duration
    while (left := end - time.monotonic()) > 0 and not stop():
        time.sleep(min(left, 0.05))
