"""A 4225-PMU as a waveform source: it sends Segment Arb tests and fetches their data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from instruments.errors import queue_fault, unexpected
from instruments.keithley4200_limits import POINTS_AT_ONCE, limits_of
from instruments.keithley4200_lines import parse_points, program_lines, start_lines
from instruments.keithley4200_mainframe import Mainframe, open_adapter
from instruments.keithley4200_program import Program, Unit, compile_play
from instruments.keithley4200_readings import Decoder
from instruments.kept import Kept
from instruments.secured import started
from labctl.capability import Limits, Setup, StopRequest, Violation
from labctl.errors import InstrumentFault, Refused
from labctl.readings import Row
from labctl.steps import Play

__all__ = ["PulseCard", "open_card"]

_LOOK = 0.25  # s between two looks whether to stop
_POLL = 5e-3  # s between two questions whether a test is over


def open_card(setup: Setup, unit: Unit, timeout: float) -> PulseCard:
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
        Nobody answers, or another instrument does.
    """
    return started(PulseCard(setup, unit, open_adapter(setup, timeout), timeout), setup)


class PulseCard(Mainframe):
    """A 4225-PMU as a `labctl.capability.WaveformSource`; use `connect` to get one.

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
        self._degraded = setup.accept_degraded
        clock = None if setup.laboratory is None else setup.laboratory.clock
        self._now = time.monotonic if clock is None else clock.now
        self._wait = _sleep if clock is None else clock.wait
        self._origin = self._now()
        self._compile = Kept(lambda play: compile_play(play, self._unit))

    @property
    def limits(self) -> Limits:
        """What it can do."""
        return limits_of(self._unit.model)

    def check(self, play: Play) -> list[Violation]:
        """Say what stands against playing this, without touching the instrument."""
        return self._compile(play).violations

    def play(self, play: Play, stop: StopRequest) -> Iterator[list[Row]]:
        """Play a step, yielding readings in chunks once it is over.

        Parameters
        ----------
        play
            What to play.
        stop
            Asked four times a second while it plays, and before each chunk is fetched; True aborts
            the test, and what it has read until then is returned.

        Yields
        ------
        list of Row
            New readings in order.

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
            yield from self._perform(program, stop)
        except BaseException as error:
            self.safe_after(error)
            raise

    def _perform(self, program: Program, stop: StopRequest) -> Iterator[list[Row]]:
        if self._left:
            self.reset()
        for line in program_lines(program, module=self._unit.module):
            self.tell(line)
        self._raise_errors("setting up a test")
        for line in start_lines(program):
            self.tell(line)
        begun = self._now() - self._origin
        self._raise_errors("beginning a test")
        stopped = self._await_end(program, stop)
        yield from self._fetch(program, begun, stop, stopped=stopped)
        for track in program.tracks:
            self.tell(f":PMU:OUTPUT:STATE {track.number}, 0")
        self._raise_errors("playing a waveform")

    def _raise_errors(self, doing: str) -> None:
        if entries := self.drain():
            raise queue_fault(self.name, entries, doing)

    def _await_end(self, program: Program, stop: StopRequest) -> bool:
        """Wait until a test is over; True when it was aborted because of a stop request."""
        end = self._now() + program.duration
        late = end + self._timeout
        while True:
            left = end - self._now()
            if left > 0:
                self._wait(min(left, _LOOK), stop)
            if stop():
                self.tell(":PMU:ABORT")
                return True
            if left > _LOOK or (left <= 0 and not self._over(late)):
                continue
            if left <= 0:
                return False

    def _over(self, late: float) -> bool:
        """Whether the test is over; waits a little if not."""
        if not self.number(":PMU:TEST:STATUS?"):
            return True
        if self._now() > late:
            raise InstrumentFault(
                f"{self.name}: a test goes on {self._timeout:g} s longer than its waveform lasts; "
                "look at the front panel"
            )
        self._wait(_POLL, _never)
        return False

    def _fetch(
        self, program: Program, begun: float, stop: StopRequest, *, stopped: bool
    ) -> Iterator[list[Row]]:
        """Yield the data in time order, block by block."""
        tracks = [t for t in program.tracks if next(program.readings(t.terminal), None)]
        counts = {t.number: self.number(f":PMU:DATA:COUNT? {t.number}") for t in tracks}
        decoders = {t.number: Decoder(program, t, begun) for t in tracks}
        if not stopped:
            self._check_counts(program, counts)
        for start in range(0, max(counts.values(), default=0), POINTS_AT_ONCE):
            rows: list[Row] = []
            for number, decoder in decoders.items():
                size = min(POINTS_AT_ONCE, counts[number] - start)
                if size > 0:
                    rows += self._block(decoder, number, start, size)
            if len(tracks) > 1:
                rows.sort(key=_time)
            yield rows
            if stop() and not stopped:
                return

    def _block(self, decoder: Decoder, number: int, start: int, size: int) -> list[Row]:
        answer = self.asked(f":PMU:DATA:GET {number}, {start}, {size}")
        try:
            points = parse_points(answer)
            rows = decoder.rows(points)
        except ValueError:
            raise unexpected(self.name, answer, "readings") from None
        if len(rows) != size:
            raise unexpected(self.name, answer, f"{size} readings")
        return rows

    def _check_counts(self, program: Program, counts: dict[int, int]) -> None:
        for track in program.tracks:
            if track.number not in counts:
                continue
            expected = sum(1 for _ in program.readings(track.terminal))
            if counts[track.number] != expected:
                raise InstrumentFault(
                    f"{self.name}: channel {track.number} has {counts[track.number]} readings "
                    f"instead of {expected}; the test did not end by itself"
                )


def _time(row: Row) -> float:
    return row.t


def _never() -> bool:
    return False


def _sleep(duration: float, _stop: StopRequest) -> None:
    time.sleep(duration)
