"""A B1530A as a waveform source: patterns and sequences through the vendor's library."""

from __future__ import annotations

import heapq
import logging
import math
import time
from collections.abc import Iterator, Sequence
from ctypes import c_double
from itertools import islice
from statistics import fmean
from typing import Any

from instruments.kept import Kept
from instruments.wgfmu_limits import TICK, limits_of
from instruments.wgfmu_program import Event, Program, Unit, compile_play
from instruments.wgfmu_setup import check_ranges, set_up, window_of
from instruments.wgfmu_table import IDLE, Table
from labctl.capability import Identity, Limits, Setup, StopRequest, Violation
from labctl.errors import InstrumentFault, Refused
from labctl.readings import Flag, Row
from labctl.steps import Play

__all__ = ["Module"]

log = logging.getLogger(__name__)

_LOOK = 0.25  # s between two looks whether to stop
_POLL = 5e-3  # s between two questions whether it is over
_AT_ONCE = 4096  # readings fetched at a time


class Module:
    """The module as a `labctl.capability.WaveformSource`; use `instruments.wgfmu.connect`.

    Parameters
    ----------
    setup
        Section of the bench file.
    unit
        What the instrument is specified to do.
    library
        The vendor's library, or a virtual one.
    timeout
        Longest call, s.
    """

    def __init__(self, setup: Setup, unit: Unit, library: Any, timeout: float) -> None:
        self.label, self.name = setup.name, f"{setup.name} ({setup.address})"
        self._address, self._unit, self._timeout = setup.address, unit, timeout
        self._table = Table(library, self.name)
        self._degraded = setup.accept_degraded
        clock = None if setup.laboratory is None else setup.laboratory.clock
        self._now = time.monotonic if clock is None else clock.now
        self._wait = _sleep if clock is None else clock.wait
        self._origin = self._now()
        self._open = False
        self._compile = Kept(lambda play: compile_play(play, self._unit))

    def start(self, *, looking: bool = False) -> None:
        """Open the session, see that the channels are there, and bring them to zero.

        Raises
        ------
        InstrumentFault
            Nobody answers, or a channel is not installed.
        """
        self._table.call("openSession", self._address)
        self._open = True
        there = self._table.channels()
        missing = sorted(set(self._unit.channels.values()) - set(there))
        if missing:
            raise InstrumentFault(
                f"{self.name}: there is no WGFMU channel {missing[0]}; installed are "
                f"{', '.join(map(str, there)) or 'none'}; correct the terminals in the bench file"
            )
        if not looking:
            self._table.call("setTimeout", c_double(max(self._timeout, 1.0)))
            self.make_safe()

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
            Asked four times a second while it plays, and before each chunk is fetched; True aborts,
            and what has been read until then is returned.

        Yields
        ------
        list of Row
            New readings in order.

        Raises
        ------
        Refused
            The step breaks a limit; nothing was sent.
        InstrumentFault
            The library returned an error. The module has been made safe, or a note on the exception
            says what could not.
        """
        compiled = self._compile(play)
        program = compiled.program
        if program is None or not compiled.playable(degraded=self._degraded):
            raise Refused(compiled.violations)
        try:
            yield from self._perform(program, stop)
        except BaseException as error:
            try:
                self.make_safe()
            except InstrumentFault as unsafe:
                error.add_note(str(unsafe))
            raise

    def _perform(self, program: Program, stop: StopRequest) -> Iterator[list[Row]]:
        self._table.call("clear")
        for terminal in program.terminals:
            set_up(self._table, program, terminal, self._unit.channels[terminal])
        for terminal in program.terminals:
            check_ranges(self._table, program, terminal, self._unit.channels[terminal])
        for terminal in program.terminals:
            self._table.call("connect", self._unit.channels[terminal])
        self._table.call("execute")
        begun = self._now() - self._origin
        self._await_end(program, stop)
        yield from self._fetch(program, begun, stop)
        for terminal in program.terminals:
            self._table.call("disconnect", self._unit.channels[terminal])

    # -- running ------------------------------------------------------------------------------

    def _await_end(self, program: Program, stop: StopRequest) -> None:
        """Wait until everything was played, or abort because of a stop request."""
        end = self._now() + program.duration
        late = end + self._timeout
        while True:
            left = end - self._now()
            self._wait(min(max(left, _POLL), _LOOK), stop)
            if stop():
                self._table.call("abort")
                return
            if left > _LOOK:
                continue
            status, _, _ = self._table.status()
            if status in IDLE:
                return
            if self._now() > late:
                raise InstrumentFault(
                    f"{self.name}: status {status} {self._timeout:g} s after the waveform's end; "
                    "look at the instrument"
                )

    def _fetch(self, program: Program, begun: float, stop: StopRequest) -> Iterator[list[Row]]:
        """Yield the readings block by block, in time order."""
        each = [self._rows(program, terminal, begun) for terminal in program.terminals]
        merged = heapq.merge(*each, key=lambda row: row.t)
        while rows := list(islice(merged, _AT_ONCE)):
            yield rows
            if stop():
                return

    def _rows(self, program: Program, terminal: str, begun: float) -> Iterator[Row]:
        """Yield the rows of a terminal, as far as there are values."""
        values = self._values(self._unit.channels[terminal])
        for event in program.events(terminal):
            _, _, points = window_of(event.reading)
            taken = list(islice(values, points))
            if len(taken) < points:
                return  # it was aborted
            yield _row(program, event, taken, begun)

    def _values(self, channel: int) -> Iterator[float]:
        """Yield the values of a channel, fetched in blocks."""
        measured, _ = self._table.numbers("getMeasureValueSize", channel, count=2)
        for offset in range(0, measured, _AT_ONCE):
            count = min(_AT_ONCE, measured - offset)
            _, values = self._table.values(channel, offset, count)
            if len(values) != count:
                raise InstrumentFault(
                    f"{self.name}: {len(values)} readings came where {count} were asked for; "
                    "look at the instrument, then connect again"
                )
            yield from values

    # -- what every source has ----------------------------------------------------------------

    def make_safe(self) -> None:
        """Abort, and bring every channel to zero and off, and see that nothing runs.

        Raises
        ------
        InstrumentFault
            The library returned an error, or something still runs.
        """
        self._table.call("abort")
        self._table.call("initialize")
        status, _, _ = self._table.status()
        if status not in IDLE:
            raise InstrumentFault(
                f"{self.name}: it tells of status {status} after everything was switched off; "
                "switch the instrument off by hand"
            )

    def identify(self) -> Identity:
        """Ask which channels are installed: the library tells no more."""
        listed = ", ".join(map(str, self._table.channels()))
        idn = f"WGFMU channels {listed} behind {self._address}"
        return Identity(self.label, idn, self._unit.model.name, options=listed)

    def snapshot(self) -> dict[str, str]:
        """Return ranges of every channel that is wired, and the status."""
        shot = {"status": str(self._table.status()[0])}
        for channel in self._unit.channels.values():
            for key in ("ForceVoltageRange", "MeasureCurrentRange"):
                (value,) = self._table.numbers(f"get{key}", channel)
                shot[f"{channel} {key}"] = str(value)
        return shot

    def close(self) -> None:
        """Give the session back; never raises."""
        if not self._open:
            return
        self._open = False
        try:
            self._table.call("closeSession")
        except InstrumentFault as error:
            log.warning("%s: closing the session failed: %s", self.name, error)


def _row(program: Program, event: Event, taken: Sequence[float], begun: float) -> Row:
    reading, flags = event.reading, Flag(0)
    meter, i = program.ammeters[reading.terminal].range, fmean(taken)
    if any(not abs(one) <= meter.full_scale * 1.05 for one in taken):
        i, flags = math.nan, flags | Flag.OVERRANGE | Flag.COMPLIANCE
    elif abs(i) > program.compliance:
        flags |= Flag.COMPLIANCE
    bound = meter.bound(i) if not math.isnan(i) else math.nan
    if abs(i) * math.exp(-reading.settled * TICK / meter.time_constant) > bound:
        flags |= Flag.UNSETTLED
    _, average, points = window_of(reading)
    middle = event.start + average * points / 2
    return Row(
        t=round(begun + middle * TICK, 9),
        terminal=reading.terminal,
        role=reading.role,
        v_set=reading.v_set,
        v=reading.v_set,
        i=i,
        width=reading.width * 10 / 1e9,
        u_v=program.source.uncertainty(reading.v_set),
        u_i=bound / math.sqrt(3.0),
        flags=int(flags),
    )


def _sleep(duration: float, _stop: StopRequest) -> None:
    time.sleep(duration)
