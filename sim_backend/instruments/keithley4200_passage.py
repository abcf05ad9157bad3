"""A pulse card's channels on a device: straight stretches of a source behind 50 Ohm.

The voltage at the device is where its current meets the load line of the source, at both ends of a
stretch; in between it is straight. Where the device changed so much on the way that the end is
another than foreseen, the stretch is taken in halves. Turns without a measurement are passed
together as far as the device model knows a shorter way and the load line keeps its place.

What a channel's meter sees follows the current with the time constant of its range: a single pole,
integrated in closed form. While a test plays, the fixture is ahead of the laboratory's clock by the
part that has been passed; `Passage.mark` and `Passage.back` undo that for a test that is aborted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sim_backend.analogue import SourceMeter
from sim_backend.devices.model import Array, Level, Piece
from sim_backend.drive import Drive
from sim_backend.fixture import Fixture
from sim_backend.instruments.keithley4200_score import Ends, Stretch
from sim_backend.instruments.keithley4200_specification import GRID, OUTPUT_RESISTANCE

__all__ = ["Line", "Mark", "Passage", "Sums"]

_AGREES = 2e-3  # share of the level by which a foreseen voltage may be wrong
_DRIFTS = 5e-3  # the same, from the first to the last of turns that are passed together
_STAYS = 1e-3  # the same, where those of the first will do for all
_FLOOR = 1e-6  # V: less does not matter
_SOLVED = 1e-9  # V, and the same share of the level: a load line is met
_TRIES = 60  # of the search for a voltage
_PREDICTIONS = 4  # of the voltages at the end of a stretch
_BENDS = 0.1  # change of a voltage under a constant source that is straight enough
_DEEPEST = 16  # halvings of a stretch

_FEWEST = 6  # turns that are worth passing together

Voltages = dict[str, float]
#: voltages at both ends of every stretch of a turn
Corners = list[tuple[Voltages, Voltages]]


class Sums(NamedTuple):
    """Integrals of a channel up to a moment."""

    charge: float  #: of the current as the meter follows it, C
    flux: float  #: of the voltage at the output, V s


@dataclass(slots=True)
class Line:
    """One channel while a test plays."""

    meter: SourceMeter
    tau: float  #: time constant of the current range, s
    #: load-line compensation has found the level: the output is where the level says
    compensated: bool = False
    charge: float = 0.0
    flux: float = 0.0
    shown: float = 0.0  #: current that the meter shows, A
    level: Ends = (0.0, 0.0)  #: source levels of the present stretch

    @property
    def drive(self) -> Drive:
        """What it imposes on its terminal."""
        return self.meter.drive

    @property
    def resistance(self) -> float:
        """Between the source and the device, Ohm: the card's, and the probe's."""
        return self.inside + self.drive.resistance

    @property
    def inside(self) -> float:
        """Between the source and the output, Ohm."""
        return 0.0 if self.compensated else OUTPUT_RESISTANCE

    def take(self, charge: float, duration: float, *, ideal: bool) -> None:
        """Let the meter follow the mean current of a stretch."""
        mean = charge / duration
        if ideal or self.tau <= 0:
            self.charge, self.shown = self.charge + charge, mean
            return
        gone = -math.expm1(-duration / self.tau)
        self.charge += charge + (self.shown - mean) * self.tau * gone
        self.shown += (mean - self.shown) * gone


class Mark(NamedTuple):
    """Device and meters at a moment."""

    time: float
    state: Array
    lines: dict[int, tuple[float, float, float]]
    voltages: Voltages


class Passage:
    """The channels of one card on one device, while a test plays.

    Parameters
    ----------
    fixture
        Where the device is, brought to the moment at which the test begins.
    lines
        By channel; all on this fixture.
    """

    def __init__(self, fixture: Fixture, lines: Mapping[int, Line]) -> None:
        self.fixture = fixture
        self.lines = lines
        fixture.sync()
        own = {line.drive.terminal for line in lines.values()}
        #: what other instruments hold meanwhile
        self._held: Voltages = {
            drive.terminal: drive.v for drive in fixture.drives if drive.terminal not in own
        }
        self._places = {
            channel: fixture.drives.index(line.drive) for channel, line in lines.items()
        }
        #: voltages at the device now; where a source stood at another level they are of no use
        self._now: Voltages = {}
        self._at: dict[int, float | None] = {}
        self._halved = False  # whether the last stretch had to be

    # going back -------------------------------------------------------------------------------

    def mark(self) -> Mark:
        """Remember this moment."""
        lines = {k: (line.charge, line.flux, line.shown) for k, line in self.lines.items()}
        return Mark(self.fixture.time, self.fixture.state.values.copy(), lines, dict(self._now))

    def back(self, mark: Mark) -> None:
        """Return to a moment, as if nothing had been played since."""
        self.fixture.state.values[:] = mark.state
        self.fixture.time = mark.time
        self._now, self._at = dict(mark.voltages), {}
        for channel, (charge, flux, shown) in mark.lines.items():
            line = self.lines[channel]
            line.charge, line.flux, line.shown = charge, flux, shown

    def sums(self, channel: int) -> Sums:
        """Return the integrals of a channel now."""
        line = self.lines[channel]
        return Sums(line.charge, line.flux)

    def hold(self, levels: Mapping[int, float]) -> None:
        """Leave the sources at constant levels, from the fixture's time on."""
        for channel, level in levels.items():
            drive = self.lines[channel].drive
            drive.v = level
            drive.follow("v", ((self.fixture.time, level),), math.inf)

    # one stretch ------------------------------------------------------------------------------

    def pass_stretch(self, levels: Mapping[int, Ends], duration: float, depth: int = 0) -> None:
        """Take device and meters through straight source levels.

        Parameters
        ----------
        levels
            Source levels at both ends by channel, V; None for an open relay.
        duration
            s.
        depth
            How often it was halved already.
        """
        fixture = self.fixture
        self._halved = self._halved and depth > 0
        first = self._start(levels)
        saved = fixture.state.values.copy()
        ends = {channel: pair and pair[1] for channel, pair in levels.items()}
        steady = all(pair is None or pair[0] == pair[1] for pair in levels.values())
        wanted = first if steady else self._placed(ends, first)
        slack = _AGREES * _largest(levels) + _FLOOR
        for _ in range(_PREDICTIONS):
            last = wanted
            moved = self._advance(first, last, duration)
            wanted = self._placed(ends, last)
            good = all(abs(wanted[name] - v) <= slack for name, v in last.items())
            if good or depth >= _DEEPEST:
                break
            fixture.state.values[:] = saved
        bent = steady and not _straight(first, last)
        if depth < _DEEPEST and (bent or not good):
            fixture.state.values[:] = saved
            self._halve(levels, duration, first, depth)
            return
        self._now = wanted
        self._book(levels, moved, duration)
        fixture.time += duration

    def _halve(
        self, levels: Mapping[int, Ends], duration: float, first: Voltages, depth: int
    ) -> None:
        """Take a stretch in halves: the device changes too much on the way."""
        self._halved = True
        self._now, self._at = first, {k: e and e[0] for k, e in levels.items()}
        for half in _halves(levels):
            self.pass_stretch(half, duration / 2, depth + 1)

    def _start(self, levels: Mapping[int, Ends]) -> Voltages:
        begins = {channel: ends and ends[0] for channel, ends in levels.items()}
        if self._at == begins and self._now:
            return self._now
        return self._placed(begins, self._now)

    def _placed(self, at: Mapping[int, float | None], near: Voltages) -> Voltages:
        """Return the voltages at the device for source levels; `near` is a first guess."""
        self._at = dict(at)
        found = {self.lines[k].drive.terminal: (0.0 if e is None else e) for k, e in at.items()}
        if all(e == 0.0 for e in at.values()) and not any(self._held.values()):
            return found
        found |= {name: near[name] for name in found if name in near}
        for _ in range(max(1, len(at))):
            for channel, level in at.items():
                self._meet(self.lines[channel], level, found)
        return found

    def _meet(self, line: Line, level: float | None, found: Voltages) -> None:
        """Put the voltage of one terminal where its current meets the load line."""
        fixture, drive = self.fixture, line.drive
        resistance = line.resistance
        voltages = {**self._held, **found}

        def excess(voltage: float) -> float:
            voltages[drive.terminal] = voltage
            current = fixture.current_at(voltages, drive)
            return current if level is None else voltage + resistance * current - level

        exact = 1e-15 if level is None else _SOLVED * (1.0 + abs(level))
        found[drive.terminal] = _zero(excess, found[drive.terminal], exact)

    def _advance(self, first: Voltages, last: Voltages, duration: float) -> list[float]:
        fixture = self.fixture
        moved = fixture.model.advance(
            fixture.state,
            self._levels(first, last),
            duration,
            fixture.temperature,
            fixture.stream,
        )
        return fixture.charges(moved)

    def _levels(self, first: Voltages, last: Voltages) -> dict[str, Level]:
        """Return straight lines at all terminals, as the device model takes them."""
        levels: dict[str, Level] = dict(self._held)
        for name, begin in first.items():
            levels[name] = begin if begin == last[name] else (begin, last[name])
        return levels

    def _book(self, levels: Mapping[int, Ends], moved: Sequence[float], duration: float) -> None:
        for place, drive in enumerate(self.fixture.drives):
            drive.charge += moved[place]
            if drive.terminal in self._held:
                drive.flux += self._held[drive.terminal] * duration
        for channel, line in self.lines.items():
            ends, charge = levels[channel], moved[self._places[channel]]
            ideal = line.meter.ideal
            if ends is None:
                line.take(0.0, duration, ideal=ideal)
                continue
            flux = (ends[0] + ends[1]) / 2 * duration - line.inside * charge
            line.flux += flux
            line.drive.flux += flux
            cable = line.drive.capacitance * (ends[1] - ends[0])
            line.take(charge + cable, duration, ideal=ideal)

    # many turns -------------------------------------------------------------------------------

    def pass_turns(self, stretches: Sequence[Stretch], count: int) -> int:
        """Pass at most `count` turns in which nothing is measured; returns how many were.

        One turn is played as it is, many more with the device's voltages of that one, then one as
        it is again: if the voltages of the two differ, only the first counts. If they differ a
        little, the many are played once more with the mean of both: what a device does may go
        with the exponential of the voltage.
        """
        corners = self._turn(stretches)
        if count < _FEWEST or corners is None:
            return 1
        mark = self.mark()
        self._repeat(stretches, corners, count - 2)
        late = self._turn(stretches)
        if late is None or not _agree(corners, late, _DRIFTS):
            self.back(mark)
            return 1
        if not _agree(corners, late, _STAYS):
            self.back(mark)
            self._repeat(stretches, _mean(corners, late), count - 2)
            self._turn(stretches)
        return count

    def _turn(self, stretches: Sequence[Stretch]) -> Corners | None:
        """Pass one turn; returns the device's voltages, None when a stretch had to be halved."""
        corners: Corners = []
        simple = True
        for stretch in stretches:
            first = self._start(stretch.levels)
            self.pass_stretch(stretch.levels, stretch.ticks * GRID)
            simple = simple and not self._halved
            corners.append((first, self._now))
        return corners if simple else None

    def _repeat(self, stretches: Sequence[Stretch], corners: Corners, count: int) -> None:
        fixture = self.fixture
        pieces: list[Piece] = [
            (self._levels(first, last), stretch.ticks * GRID)
            for stretch, (first, last) in zip(stretches, corners, strict=True)
        ]
        moved = fixture.model.repeat(
            fixture.state, pieces, count, fixture.temperature, fixture.stream
        )
        charges = fixture.charges(moved)
        for place, drive in enumerate(fixture.drives):
            drive.charge += charges[place]
        fixture.time += sum(stretch.ticks for stretch in stretches) * GRID * count


def _largest(levels: Mapping[int, Ends]) -> float:
    return max((abs(v) for pair in levels.values() if pair is not None for v in pair), default=0.0)


def _straight(first: Voltages, last: Voltages) -> bool:
    """Whether voltages change little enough under a constant source to be straight lines."""
    return all(
        abs(v - first[name]) <= _BENDS * max(abs(v), abs(first[name])) + _FLOOR
        for name, v in last.items()
    )


def _halves(levels: Mapping[int, Ends]) -> tuple[dict[int, Ends], dict[int, Ends]]:
    first: dict[int, Ends] = {}
    second: dict[int, Ends] = {}
    for channel, ends in levels.items():
        if ends is None:
            first[channel] = second[channel] = None
        else:
            middle = (ends[0] + ends[1]) / 2
            first[channel], second[channel] = (ends[0], middle), (middle, ends[1])
    return first, second


def _agree(before: Corners, after: Corners, share: float) -> bool:
    most = max((abs(v) for pair in before for end in pair for v in end.values()), default=0.0)
    return all(
        abs(late[name] - early[name]) <= share * most + _FLOOR
        for one, other in zip(before, after, strict=True)
        for early, late in zip(one, other, strict=True)
        for name in early
    )


def _mean(before: Corners, after: Corners) -> Corners:
    def middle(one: Voltages, other: Voltages) -> Voltages:
        return {name: (v + other[name]) / 2 for name, v in one.items()}

    return [
        (middle(early[0], late[0]), middle(early[1], late[1]))
        for early, late in zip(before, after, strict=True)
    ]


def _zero(excess: Callable[[float], float], guess: float, exact: float) -> float:
    """Return where a rising function is zero: secants first, then between two signs."""
    low, f_low = guess, excess(guess)
    if abs(f_low) <= exact:
        return low
    high = low - f_low if abs(f_low) < 1e3 and exact > 1e-14 else low + math.copysign(0.1, -f_low)
    f_high = excess(high)
    for _ in range(_TRIES):
        if abs(f_high) <= exact or high == low:
            return high
        if f_high == f_low:
            return high
        middle = high - f_high * (high - low) / (f_high - f_low)
        if f_low * f_high < 0 and not min(low, high) < middle < max(low, high):
            middle = (low + high) / 2
        f_middle = excess(middle)
        if f_low * f_high < 0 and f_middle * f_high > 0:  # keep the two signs (Illinois)
            high, f_high, f_low = middle, f_middle, f_low / 2
        else:
            low, f_low, high, f_high = high, f_high, middle, f_middle
    return high
