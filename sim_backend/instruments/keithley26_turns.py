"""Turns of the trigger model: a long train of equal pulses, passed without playing every pulse.

A sweep that only sources repeats itself: the same levels, timers that start again with the same
delays. When trigger objects and sweeps stand, at the beginning of a list, exactly as they stood at
the beginning of an earlier one, what happened in between will happen again. It is then not played
but counted: the device model takes the turns together (`DeviceModel.repeat`), counters and clock
move on by as many turns.

What is the same and what is not: times, counts and the device's state are those of the turns played
one by one, to rounding. Each turn that is played draws its own noise of the source; the turns
passed together have the levels of the one played before them. Their number doubles (up to
`_MOST_TOGETHER`), so that a train of N turns has about log2 N draws; the mean level of the train
strays by the noise of a single level (some ten millionths of its range) where N draws would have
averaged it away.

Nothing is passed together that measures, that a limit might cut, or that others have a part in:
events of another instrument, a pace, a script whose delay ends before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

from sim_backend.analogue import SourceMeter
from sim_backend.clock import Clock
from sim_backend.devices.model import Level, Piece
from sim_backend.drive import NEVER, Drive, Path, level_of
from sim_backend.fixture import Fixture
from sim_backend.instruments.keithley2600_channel import Channel
from sim_backend.instruments.keithley2600_sweep import Sweep
from sim_backend.instruments.keithley2600_trigger import Blender, Timer
from sim_backend.turns import Kept, bounded, pass_turns

__all__ = ["Turns"]

_FEWEST = 8  # turns left that are worth the trouble
_REMEMBERED = 64  # beginnings of a list among which the present one is looked for
_MOST_CHANGES = 20_000  # of levels in a turn
_ENDLESS = 2**53  # turns
_SPARE = 2  # turns left to be played at the end
_MOST_TOGETHER = 1 << 16  # turns passed at once; by number, since how fast is another matter
_INSTANT = 1e9  # times are compared in nanoseconds: the instrument's own grid is a microsecond

Standing = tuple[object, ...]


class _Beginning(NamedTuple):
    """The instrument at the beginning of a list."""

    time: float
    changes: int  #: of levels, so far
    counters: tuple[int, ...]


class _Change(NamedTuple):
    """A drive sent on another path."""

    time: float
    drive: Drive
    path: Path


class Turns:
    """Watches the sweeps of an instrument, and passes equal turns together.

    Parameters
    ----------
    channels, timers, blenders
        Of the instrument.
    clock
        The laboratory's time.
    reach
        Returns the time up to which the running script lets time pass.
    """

    def __init__(
        self,
        channels: Mapping[str, Channel],
        timers: Iterable[Timer],
        blenders: Iterable[Blender],
        clock: Clock,
        reach: Callable[[], float],
    ) -> None:
        self._channels = list(channels.values())
        self._timers, self._blenders = list(timers), list(blenders)
        self._clock, self._reach = clock, reach
        self._together = 1
        self._given_up = True
        self._known: dict[Standing, _Beginning] = {}
        self._changes: list[_Change] = []
        self._paths: dict[Drive, Path] = {}
        for channel in self._channels:
            channel.sweep.begin_list = self._begin_list
            channel.sweep.started = self._start
            channel.source.applied = self._noting(channel)

    def _noting(self, channel: Channel) -> Callable[[], None]:
        electronics = channel.electronics

        def note() -> None:
            if not self._given_up and isinstance(electronics, SourceMeter):
                drive = electronics.drive
                self._changes.append(_Change(self._clock.now_s, drive, drive.path))

        return note

    def _start(self) -> None:
        """Watch anew: a sweep was started."""
        self._together = 1
        self._forget()

    def _forget(self) -> None:
        self._given_up = False
        self._known.clear()
        self._changes.clear()

    # -- at the beginning of a list -------------------------------------------------------------

    def _begin_list(self, sweep: Sweep) -> None:
        """Look whether the instrument has stood like this before; if so, pass turns together."""
        running = [c.sweep for c in self._channels if c.sweep.running]
        if self._given_up or running[:1] != [sweep]:
            return
        if not self._suitable(running):
            self._given_up = True
            return
        standing, now = self._standing(), self._clock.now_s
        present = _Beginning(now, len(self._changes), self._counters())
        before = self._known.get(standing)
        if before is None:
            if len(self._known) >= _REMEMBERED or len(self._changes) > _MOST_CHANGES:
                self._given_up = True
                return
            if not self._known:
                self._paths = {d: d.path for f in self._fixtures() for d in f.drives}
            self._known[standing] = present
            return
        if not self._pass(before, present):
            self._given_up = True

    def _suitable(self, running: list[Sweep]) -> bool:
        clock = self._clock
        ours = [timer.due for timer in self._timers] + [sweep.due for sweep in running]
        return (
            not clock.pace
            and all(sweep.only_sources for sweep in running)
            and not any(c.busy and not c.sweep.running for c in self._channels)
            and clock.pending() <= {event for event in ours if event is not None}
            and all(
                isinstance(c.electronics, SourceMeter)
                for c in self._channels
                if c.sweep.running or c.source.output
            )
        )

    def _standing(self) -> Standing:
        """Return everything that decides what will happen next, but the counters."""
        now = self._clock.now_s
        return (
            tuple(timer.standing(now, _INSTANT) for timer in self._timers),
            tuple(blender.standing() for blender in self._blenders),
            tuple(channel.sweep.standing(now, _INSTANT) for channel in self._channels),
        )

    def _counters(self) -> tuple[int, ...]:
        """Return what counts down, or 0 for what has no end."""
        timers = [timer.left if timer.count else 0 for timer in self._timers]
        return (*timers, *(channel.sweep.left for channel in self._channels))

    # -- passing --------------------------------------------------------------------------------

    def _pass(self, before: _Beginning, present: _Beginning) -> bool:
        """Pass as many turns together as can be; False when it is not worth another attempt."""
        period = present.time - before.time
        used = [was - now for was, now in zip(before.counters, present.counters, strict=True)]
        left = [now // n for now, n in zip(present.counters, used, strict=True) if n > 0]
        if period <= 0 or min(used) < 0:
            return False
        count = min([*left, self._within_reach(period)]) - _SPARE
        if not _FEWEST <= count < _ENDLESS:
            return False
        fixtures = self._fixtures()
        if not all(_plain(drive) for fixture in fixtures for drive in fixture.drives):
            return False
        pieces = [self._pieces(fixture, before) for fixture in fixtures]
        passed = self._together_at_most(list(zip(fixtures, pieces, strict=True)), count, period)
        if not passed:
            return False
        self._move_on(passed, passed * period, used)
        self._forget()
        self._begin_here()
        return True

    def _begin_here(self) -> None:
        now = self._clock.now_s
        self._paths = {d: d.path for f in self._fixtures() for d in f.drives}
        self._known[self._standing()] = _Beginning(now, 0, self._counters())

    def _within_reach(self, period: float) -> int:
        reach = self._reach() - self._clock.now_s
        return _ENDLESS if reach == NEVER else max(int(reach / period), 0)

    def _fixtures(self) -> list[Fixture]:
        found: list[Fixture] = []
        for channel in self._channels:
            if isinstance(channel.electronics, SourceMeter):
                fixture = channel.electronics.fixture
                if fixture not in found:
                    fixture.sync()
                    found.append(fixture)
        return found

    def _together_at_most(
        self, played: list[tuple[Fixture, list[Piece]]], count: int, period: float
    ) -> int:
        """Pass at most `count` turns; returns how many it were."""
        if not all(bounded(fixture, pieces) for fixture, pieces in played):
            return 0
        together = min(self._together, count)
        while True:
            kept = [Kept.of(fixture) for fixture, _ in played]
            for fixture, pieces in played:
                pass_turns(fixture, pieces, together, fixture.time + together * period)
            if all(bounded(fixture, pieces) for fixture, pieces in played):
                break
            # somewhere on the way a limit was met: go back and pass fewer
            for state in kept:
                state.restore()
            if together == 1:
                return 0
            together //= 2
        self._together = min(2 * together, _MOST_TOGETHER)
        return together

    def _move_on(self, turns: int, duration: float, used: list[int]) -> None:
        """Bring clock, counters and paths to where `turns` turns lead."""
        self._clock.leap(duration)
        for timer, n in zip(self._timers, used, strict=False):
            timer.left -= turns * n
        for channel, n in zip(self._channels, used[len(self._timers) :], strict=True):
            channel.sweep.skip(turns * n)
        for fixture in self._fixtures():
            for drive in fixture.drives:
                drive.path = tuple((when + duration, level) for when, level in drive.path)
        for channel in self._channels:
            electronics = channel.electronics
            if isinstance(electronics, SourceMeter):
                last = electronics.last_level
                electronics.last_level = last._replace(since=last.since + duration)

    def _pieces(self, fixture: Fixture, before: _Beginning) -> list[Piece]:
        """Return the turn that ends now, as the device saw it, in straight pieces."""
        start, end = before.time, self._clock.now_s
        paths = {drive: [(start, self._paths[drive])] for drive in fixture.drives}
        for number, change in enumerate(self._changes):
            if change.drive in paths:
                if number < before.changes:
                    paths[change.drive] = [(start, change.path)]
                else:
                    paths[change.drive].append((change.time, change.path))
        cuts = {start, end}
        for changes in paths.values():
            for when, path in changes:
                cuts.update(t for t in (when, *(bend for bend, _ in path)) if start < t < end)
        times = sorted(cuts)
        return [
            ({d.terminal: _level(paths[d], a, b) for d in fixture.drives}, b - a)
            for a, b in pairwise(times)
        ]


def _plain(drive: Drive) -> bool:
    """Whether a drive is a voltage that nothing limits."""
    return drive.kind == "v" and not (drive.clamped or drive.resistance) and drive.acts_at == NEVER


def _level(changes: list[tuple[float, Path]], first: float, last: float) -> Level:
    """Return the level of a drive over a piece in which no path bends or changes."""
    path = next(path for when, path in reversed(changes) if when <= first)
    a, b = level_of(path, first), level_of(path, last)
    return a if a == b else (a, b)
