"""Regulation: time passes while a limit holds a current at its bound.

The device moves in pieces on straight lines of the voltage, each to the voltage that the bound asks
for at its end. That voltage depends on what the piece does to the device; it is found by secants,
kept between a voltage that was too low and one that was too high (`_Balance`), from a guess that
continues the last piece in the logarithm of the time spent clamped: what a limit holds back grows
like that.

How long a piece may be is decided by how much the device changes in it, not by how its current
fluctuates: looks here are without the device's noise. A piece is passed again, shorter, where the
voltage had to change by more than `BEND`, where it came out farther from the guess than `BOW`, or
where the mean current strays by more than `STRAY`; and the next is the longer the more it stayed
below these. No piece is made shorter than `_FINEST` of the time spent clamped or `UNREGULATED` of
the limit's response time: a real limit does not regulate faster either.

What is exact. At the beginning of every piece the steady current is at its bound. A source holds
the mean current, so a piece in which the bound was in control throughout counts with just the
bounding charge, and what the device's noise and the straight line would have made of it is taken
out of the mean voltage, to first order. (So is a change by itself of up to `_JUMP` within a piece:
its moment is known to the piece.) Devices of three terminals keep the charges that their model
gave, but for that of a current source below its limit: it is always that of its current. Where no
voltage lets that flow, see `sim_backend.chattering`. Against tiny pieces, charges, mean voltages
and conductances agree to 2 % (tested; 0.1 % is usual).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from sim_backend.chattering import chatters, imposed, pass_chattering
from sim_backend.compliance import (
    FLOOR,
    REGULATION,
    SHORTEST,
    VOLTAGE,
    Driven,
    Voltages,
    held,
    jumps,
    place,
    turning,
)
from sim_backend.devices.model import Array, Level
from sim_backend.drive import Drive
from sim_backend.tripping import watch

__all__ = ["BEND", "BOW", "STRAY", "UNREGULATED", "pass_held"]

#: change of the logarithm of a clamped voltage in a piece
BEND = 0.12
#: distance of a clamped voltage from where it was expected at the end of a piece, relative
BOW = 0.05
#: of the mean current of a piece from its bound, relative
STRAY = 0.03
#: shortest piece, as a share of the limit's response time
UNREGULATED = 0.25
_FINEST = 2e-3  # shortest piece, as a share of the time spent clamped
_TRIALS = 16  # of the voltages at the end of a piece
_AGREES = REGULATION / 4  # when a voltage is the one asked for
_JUMP = 0.02  # of a voltage at the end of a piece that no trial meets
_TOO_FAR = 8.0  # error of the first trial at which a piece is given up
_REACH = 0.01  # V: how far voltages near zero are tried
_SAFETY, _LEAST, _MOST = 0.8, 1e-3, 8.0  # of the change of a piece's length
_MOST_STRAYED = 0.2  # of a mean current that is taken back to its bound
_STIFFEST = 3.0  # answer of the device that the next piece reckons with
_AFTER = 1e-4  # of the time in which a path comes back to a voltage
_SMALL = 1e-4  # V: changes of less do not bend


@dataclass(slots=True)
class _Piece:
    """A piece that was tried."""

    before: Array  #: the device's state at its beginning
    charges: list[float]
    levels: dict[str, Level]
    base: Voltages  #: at its end, had the device not changed
    guess: Voltages  #: at its end, as expected before
    last: Voltages  #: at its end
    wanted: Voltages  #: at its end, by what the device has become
    error: float = 0.0  #: of the voltages; 1: as large as allowed
    departure: float = math.inf  #: of the mean current; 1: as large as allowed


class _Balance:
    """Search for the voltage at a piece's end that the device, having met it, then asks for."""

    __slots__ = ("above", "before", "below", "stiffness", "width")

    def __init__(self, stiffness: float) -> None:
        self.stiffness = stiffness
        self.before: tuple[float, float] | None = None
        self.below, self.above, self.width = -math.inf, math.inf, math.inf

    def next(self, tried: float, wanted: float) -> float:
        """Return what to try after a voltage has made the device ask for another."""
        lacking = wanted - tried
        if lacking > 0:
            self.below = max(self.below, tried)
        else:
            self.above = min(self.above, tried)
        if self.before is not None and tried != self.before[0]:
            slope = (lacking - self.before[1]) / (tried - self.before[0])
            if slope < 0:
                self.stiffness = min(max(-slope - 1.0, -0.5), 1e6)
        self.before = (tried, lacking)
        found, width = tried + lacking / (1.0 + self.stiffness), self.above - self.below
        slow, self.width = width > self.width / 2, width
        if math.isfinite(width) and (slow or not self.below < found < self.above):
            return (self.below + self.above) / 2
        return found


def pass_held(here: Driven, end: float) -> None:
    """Move towards `end` while some current is held at its bound; at least one drive is clamped."""
    here.looked = None
    first = {drive.terminal: drive.level(here.time) for drive in here.drives}
    if _free(place(here.drives, first, here.time, here.steady_current)):
        return  # begin anew
    clamped = [drive for drive in here.drives if drive.clamped]
    end = _soonest(here, clamped, first, end)
    if chatters(here, clamped, first, end):
        pass_chattering(here, clamped[0], first, end)
        return
    shortest = _shortest(clamped, here.time)
    saved: Array = here.state.values.copy()
    before = math.inf
    while True:
        piece = _try(here, first, end, saved)
        # a departure that is not less in a shorter piece is of what the device stores
        error = max(piece.error, piece.departure if piece.departure < before else 0.0)
        length, before = end - here.time, piece.departure
        if error <= 1 or length < 1.5 * shortest:
            break
        here.state.values[:] = saved
        end = here.time + max(length * min(max(_SAFETY / error, _LEAST), 0.5), shortest)
    _settle(here, piece, end)
    for drive in clamped:
        # below what is allowed, a departure may be noise
        error = piece.error if here.state.noise is not None else error
        change = min(max(_SAFETY / (error + 1e-9), 0.25), _MOST)
        drive.piece = max(length * change, shortest)
    if len(clamped) < len(here.drives):
        watch(here, piece.last)
    _free([d for d in clamped if not d.loaded and _leaves(d, piece.last[d.terminal], end)])


def _soonest(here: Driven, clamped: list[Drive], first: Voltages, end: float) -> float:
    """Return where the next piece ends at the latest, s."""
    for drive in clamped:
        meets = _meets(drive, first[drive.terminal], here.time, end)
        end = min(end, here.time + drive.piece, meets)
    for drive in clamped:
        end = min(end, turning(here, drive, first, end))
    return end


def _shortest(clamped: list[Drive], now: float) -> float:
    """Return the length that no piece goes below, s."""
    since = max(drive.clamped_at for drive in clamped)
    response = max((drive.response for drive in clamped if not drive.loaded), default=0.0)
    return max(_FINEST * (now - since), UNREGULATED * response, SHORTEST, 16 * math.ulp(now))


def _meets(drive: Drive, voltage: float, start: float, end: float) -> float:
    """Return just after when a path comes back to the voltage that is held; `end` for not."""
    before, after = drive.level(start) - voltage, drive.level(end) - voltage
    if drive.kind != "v" or drive.resistance or before * after >= 0:
        return end
    passed = before / (before - after) * (end - start) * (1.0 + _AFTER)
    return min(end, start + max(passed, SHORTEST))


# one piece ---------------------------------------------------------------------------------------


def _try(here: Driven, first: Voltages, end: float, saved: Array) -> _Piece:
    """Advance on straight lines to the voltages that the bounds will ask for at `end`."""
    base = _placed(here, end, first)
    last = guess = _expected(here, base, end)
    search = {d.terminal: _Balance(d.stiffness) for d in here.drives if d.clamped}
    missed = False
    for trial in range(_TRIALS):
        here.state.values[:] = saved
        levels: dict[str, Level] = {name: (v, last[name]) for name, v in first.items()}
        charges = here.advance(levels, end)
        if held(here.drives, first, last, end, here.steady_current):
            wanted = last
            break
        wanted = _placed(here, end, None)
        if _agree(search, last, wanted):
            break
        piece = _Piece(saved, charges, levels, base, guess, last, wanted, _TOO_FAR)
        if trial == 0 and (error := _bend(here, base, wanted)) > _TOO_FAR:
            piece.error = error
            return piece
        last = {
            name: _within(search[name].next(v, wanted[name]), base[name]) if name in search else v
            for name, v in last.items()
        }
        if last == piece.last:
            return piece
    else:
        last, missed = piece.last, True
    for drive in here.drives:
        if drive.clamped:
            drive.stiffness = min(search[drive.terminal].stiffness, _STIFFEST)
    piece = _Piece(saved, charges, levels, base, guess, last, wanted)
    _judge(here, first, piece, end, missed=missed)
    return piece


def _within(voltage: float, base: float) -> float:
    """Return a voltage, or the farthest that is tried from where it would be without a change."""
    reach = 1.5 * BEND * abs(base) + _REACH
    return min(max(voltage, base - reach), base + reach)


def _placed(here: Driven, when: float, known: Voltages | None) -> Voltages:
    """Return the voltages at a time, were the device then as it is now.

    `known` are those of an earlier time at which it was the same.
    """
    levels = {drive.terminal: drive.level(when) for drive in here.drives}
    if known is not None and all(
        drive.level(here.time) == levels[drive.terminal] for drive in here.drives
    ):
        return known
    place(here.drives, levels, when, here.steady_current)
    return levels


def _expected(here: Driven, base: Voltages, end: float) -> Voltages:
    """Return the voltages at the end of a piece if they go on as before."""
    expected = dict(base)
    for drive in here.drives:
        if drive.clamped and drive.slope:
            most = BEND * abs(base[drive.terminal])
            change = drive.slope * _decades(drive, here.time, end)
            expected[drive.terminal] += min(max(change, -most), most)
            if drive.kind == "v" and abs(expected[drive.terminal]) > abs(drive.level(end)):
                expected[drive.terminal] = drive.level(end)
    return expected


def _decades(drive: Drive, start: float, end: float) -> float:
    """Return how many e-folds of the time spent clamped a piece lasts."""
    length = end - start
    return math.log1p(length / max(start - drive.clamped_at, length))


def _agree(clamped: dict[str, _Balance], last: Voltages, wanted: Voltages) -> bool:
    return all(
        abs(wanted[name] - last[name]) <= _AGREES * abs(last[name]) + VOLTAGE for name in clamped
    )


# how good a piece is -----------------------------------------------------------------------------


def _judge(here: Driven, first: Voltages, piece: _Piece, end: float, *, missed: bool) -> None:
    """Say how large the departures of a piece are, as shares of what is allowed."""
    errors, departures = [_bend(here, piece.base, piece.last)], [0.0]
    for drive in here.drives:
        if not drive.clamped:
            continue
        last, wanted = piece.last[drive.terminal], piece.wanted[drive.terminal]
        scale = max(abs(last), abs(wanted)) + _SMALL
        errors.append(math.sqrt(abs(last - piece.guess[drive.terminal]) / (BOW * scale)))
        if missed and abs(wanted - last) > _JUMP * scale:
            errors.append(_TOO_FAR)
        if _leaves(drive, last, end):
            errors.append(_lack(here, drive, piece.last, end))
        else:
            departures.append(_departure(here, drive, first, piece, end) / STRAY)
    piece.error, piece.departure = max(errors), max(departures)


def _departure(here: Driven, drive: Drive, first: Voltages, piece: _Piece, end: float) -> float:
    """Return by how much the mean current of a piece is off because the piece is a straight line.

    On a path that moves, what the device stores goes in besides: there it is the current in the
    middle that tells.
    """
    if drive.level(here.time) != drive.level(end):
        asked = _asked(drive, first, piece.last, here.time, end)
        middle = {name: (v + piece.last[name]) / 2 for name, v in first.items()}
        return abs(abs(here.steady_current(middle, drive)) / asked - 1.0) / 2 if asked else 0.0
    strayed = _strayed(here, drive, first, piece, end)
    if _jumps(here, drive, piece, strayed, end):
        return 0.0  # a shorter piece would come no closer
    if abs(strayed) > STRAY and here.state.noise is not None:
        strayed = _strayed(here, drive, first, _without_noise(here, piece, end), end)
    return abs(strayed)


def _jumps(here: Driven, drive: Drive, piece: _Piece, strayed: float, end: float) -> bool:
    """Whether a piece ends where no voltage lets the current flow that is asked for."""
    return abs(strayed) > STRAY and jumps(here, drive, piece.last, drive.level(end))


def _without_noise(here: Driven, piece: _Piece, end: float) -> _Piece:
    """Return a piece with the charges that it has without the device's noise."""
    after, noise = here.state.values.copy(), here.state.noise
    here.state.values[:], here.state.noise = piece.before, None
    charges = here.advance(piece.levels, end)
    here.state.values[:], here.state.noise = after, noise
    return replace(piece, charges=charges)


def _bend(here: Driven, base: Voltages, last: Voltages) -> float:
    """Return the largest change of a logarithm of a clamped voltage, as a share of `BEND`."""
    most = 0.0
    for drive in here.drives:
        if drive.clamped:
            a, b = base[drive.terminal], last[drive.terminal]
            if a * b < 0:
                a, b = abs(a) + abs(b), 0.0
            most = max(most, abs(math.log((abs(a) + _SMALL) / (abs(b) + _SMALL))))
    return most / BEND


def _leaves(drive: Drive, voltage: float, end: float) -> bool:
    """Whether a clamped voltage source is back on its path."""
    return drive.kind == "v" and not drive.resistance and voltage == drive.level(end)


def _lack(here: Driven, drive: Drive, last: Voltages, end: float) -> float:
    """Return by how much charge a current has fallen below its bound, as a share of the allowed."""
    lack = max(0.0, 1.0 - abs(here.steady_current(last, drive)) / (drive.bound + FLOOR))
    length, since = end - here.time, end - drive.clamped_at
    return math.sqrt(4.0 * lack * length / (REGULATION * since))


def _asked(drive: Drive, first: Voltages, last: Voltages, start: float, end: float) -> float:
    """Return the size of the mean current at which a piece is held, A; 0 where no bound does."""
    ends = first[drive.terminal], last[drive.terminal]
    if drive.kind == "v" and not drive.loaded and not _leaves(drive, ends[1], end):
        return drive.bound
    if drive.kind == "i" and not drive.resistance and max(map(abs, ends)) < drive.bound:
        return abs(drive.level(start) + drive.level(end)) / 2
    return 0.0


def _strayed(here: Driven, drive: Drive, first: Voltages, piece: _Piece, end: float) -> float:
    """Return by how much the mean current of a piece is off, relative; 0 where nothing holds it."""
    asked = _asked(drive, first, piece.last, here.time, end) * (end - here.time)
    if asked <= FLOOR * (end - here.time):
        return 0.0
    return abs(piece.charges[here.drives.index(drive)]) / asked - 1.0


# what a piece counts -----------------------------------------------------------------------------


def _settle(here: Driven, piece: _Piece, end: float) -> None:
    """Add a piece to the sums, its mean current taken to the bound that held it."""
    first = {name: level[0] for name, level in piece.levels.items() if isinstance(level, tuple)}
    lift, charges = 0.0, piece.charges
    held_by = [d for d in here.drives if d.clamped and _asked(d, first, piece.last, here.time, end)]
    if len(held_by) == 1 and here.two_terminals:
        strayed = _strayed(here, held_by[0], first, piece, end)
        if held_by[0].kind == "i":
            charges = imposed(here, held_by[0], charges, end)
        elif abs(strayed) <= _MOST_STRAYED:
            charges = [charge / (1.0 + strayed) for charge in charges]
        if abs(strayed) <= _MOST_STRAYED and not _jumps(here, held_by[0], piece, strayed, end):
            lift = -strayed / (1.0 + strayed) / _exponent(here, held_by[0], piece.last)
    for drive in here.drives:
        if drive.clamped:
            name = drive.terminal
            change = piece.last[name] - piece.base[name]
            drive.slope = change / _decades(drive, here.time, end)
    here.book(piece.levels, charges, end, lift)


def _exponent(here: Driven, drive: Drive, at: Voltages) -> float:
    """Return d ln I / d ln V at a terminal."""
    i = here.steady_current(at, drive)
    higher = here.steady_current({**at, drive.terminal: at[drive.terminal] * 1.01}, drive)
    return max((higher / i - 1.0) / 1e-2, 0.1) if i else 1.0


def _free(drives: list[Drive]) -> bool:
    """Let drives that are on their path follow it again."""
    for drive in drives:
        drive.clamped = False
    return bool(drives)
