"""Tripping: time passes on the drives' paths, until a current passes its bound.

Between two bends the device moves in one piece. Its current is looked at where the piece begins and
where it ends; past the bound at the end, the moment of passing is searched for between the two,
keeping what is known to be below. At a constant level it is not looked at again while the mean
current stays the same to `UNSEEN` of the bound. So a current that passes its bound is noticed where
it did so, but for a charge of at most `UNSEEN` of bound times piece just before a bend.

What begins *and* ends within one piece shows in the charge: where the mean current is above
`HIDDEN` of the bound and above both ends, the piece is passed in `PARTS` parts. Less than that
charge, begun and ended within a piece, goes unnoticed.

The moment is found to `RESOLVED` of the limit's response time; without a response time to where the
current is within `sim_backend.compliance.REGULATION` past its bound, or to
`sim_backend.compliance.SHORTEST` where it jumps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from sim_backend.compliance import FLOOR, REGULATION, SHORTEST, Driven, Voltages
from sim_backend.devices.model import Array, Level, ends
from sim_backend.drive import NEVER, Drive

__all__ = ["HIDDEN", "PARTS", "RESOLVED", "UNSEEN", "pass_free", "watch"]

#: share of a limit's response time to which the moment of passing the bound is found
RESOLVED = 0.125
#: change of a mean current, as a share of the bound, at which a current is looked at
UNSEEN = 1e-4
#: mean current of a piece, as a share of the bound, that is looked into
HIDDEN = 0.25
#: parts in which such a piece is passed
PARTS = 16
_ABOVE = 1.25  # mean current over the larger of those at the ends, of a piece that hides something
Passing = Literal["passed", "tripped", "hiding"]

_PAST = 1e-5  # relative, of a current beyond its bound: more than solving for voltages leaves
_EARLY, _HALF = 0.01, 0.5  # shares of what is left of a piece
_FARTHEST = 3.0  # logarithm of current over bound beyond which the search does not distinguish


def pass_free(here: Driven, end: float) -> None:
    """Move to `end`, or to where a current passes its bound if that comes first."""
    watched = _watched(here.drives)
    levels = _lines(here.drives, here.time, end)
    if not watched or not any(levels.values()):
        here.book(levels, here.advance(levels, end), end)
        return
    start = here.time
    if _pass_piece(here, watched, end) == "hiding":
        for k in range(1, PARTS + 1):
            part = end if k == PARTS else start + (end - start) * k / PARTS
            if _pass_piece(here, watched, part, whole=False) == "tripped":
                return


def watch(here: Driven, levels: Voltages) -> None:
    """Let the limits of the drives that are free act where they are passed just now."""
    if watched := _watched(here.drives):
        now: dict[str, Level] = {**levels}
        _trip(here.drives, watched, _excesses(here, watched, now, 0, here.time), here.time)


def _watched(drives: Sequence[Drive]) -> list[int]:
    """Return which drives have a limit that has not noticed anything yet."""
    return [
        k
        for k, drive in enumerate(drives)
        if not drive.clamped and drive.acts_at == NEVER and drive.bound < NEVER
    ]


def _pass_piece(here: Driven, watched: Sequence[int], end: float, *, whole: bool = True) -> Passing:
    """Move in one piece; a whole piece that may hide an excursion of a current is not passed."""
    levels = _lines(here.drives, here.time, end)
    before = _excesses(here, watched, levels, 0, here.time)
    if max(before) > _PAST:
        return _trip(here.drives, watched, before, here.time)
    saved = here.state.values.copy()
    charges = here.advance(levels, end)
    if _quiet(here, watched, levels, charges, end):
        here.book(levels, charges, end)
        return "passed"
    after = _excesses(here, watched, levels, 1, end)
    if max(after) > REGULATION:
        _go_back(here, saved)
        return _approach(here, watched, (max(before), max(after)), end)
    if whole and _hides(here, watched, (before, after), charges, end):
        _go_back(here, saved)
        return "hiding"
    here.book(levels, charges, end)
    return _trip(here.drives, watched, after, end)


def _quiet(
    here: Driven,
    watched: Sequence[int],
    levels: Mapping[str, Level],
    charges: Sequence[float],
    end: float,
) -> bool:
    """Whether, at constant levels, the currents have stayed what they were when looked at last."""
    looked, duration = here.looked, end - here.time
    if looked is None or any(isinstance(level, tuple) for level in levels.values()):
        return False
    for k in watched:
        change = abs(charges[k] / duration - looked[2][k])
        if change > UNSEEN * here.drives[k].bound:
            return False
    here.looked = (end, looked[1], looked[2])
    return True


def _go_back(here: Driven, saved: Array) -> None:
    here.state.values[:] = saved
    here.looked = None


def _hides(
    here: Driven,
    watched: Sequence[int],
    excesses: tuple[Sequence[float], Sequence[float]],
    charges: Sequence[float],
    end: float,
) -> bool:
    """Whether a mean current is considerable and larger than at either end."""
    for k, before, after in zip(watched, *excesses, strict=True):
        mean = abs(charges[k]) / (end - here.time) / (here.drives[k].bound + FLOOR)
        if mean > HIDDEN and mean > _ABOVE * math.exp(max(before, after)):
            return True
    return False


def _approach(
    here: Driven, watched: Sequence[int], excess: tuple[float, float], high: float
) -> Passing:
    """Move to where a current passes its bound, which it has done by `high`; let limits act."""
    f_low, f_high = excess
    responses = [here.drives[k].response for k in watched]
    close = max(SHORTEST, 16 * math.ulp(high), RESOLVED * min(responses))
    saved: Array = here.state.values.copy()
    share = _EARLY  # most devices that pass a bound by far did so early
    while high - here.time > close:
        middle = max(here.time + (high - here.time) * share, math.nextafter(here.time, NEVER))
        levels = _lines(here.drives, here.time, middle)
        charges = here.advance(levels, middle)
        found = _excesses(here, watched, levels, 1, middle)
        if max(found) > REGULATION:
            _go_back(here, saved)
            high, f_high = middle, max(found)
        else:
            here.book(levels, charges, middle)
            if max(found) > _PAST:
                return _trip(here.drives, watched, found, middle)
            saved, f_low = here.state.values.copy(), max(found)
        share = _share(share, f_low, f_high, booked=here.time == middle)
    levels = _lines(here.drives, here.time, high)
    charges = here.advance(levels, high)
    found = _excesses(here, watched, levels, 1, high)
    here.book(levels, charges, high)
    return _trip(here.drives, watched, found, high)


def _share(last: float, f_low: float, f_high: float, *, booked: bool) -> float:
    """Return where in what is left to look next, after having looked at a share of it.

    Early until that was too early; then halves and where a line between the excesses is zero, in
    turn.
    """
    if last == _EARLY and not booked:
        return _EARLY
    if last != _HALF:
        return _HALF
    low, high = max(f_low, -_FARTHEST), min(f_high, _FARTHEST)
    return min(max(-low / (high - low), 0.02), 0.98)


def _lines(drives: Sequence[Drive], start: float, end: float) -> dict[str, Level]:
    levels: dict[str, Level] = {}
    for drive in drives:
        first, last = drive.level(start), drive.level(end)
        levels[drive.terminal] = first if first == last else (first, last)
    return levels


def _excesses(
    here: Driven, watched: Sequence[int], levels: dict[str, Level], side: int, when: float
) -> list[float]:
    """Return ln(current / bound) of the watched drives at one end of a piece."""
    at: Voltages = {name: ends(level)[side] for name, level in levels.items()}
    looked = here.looked
    if side or looked is None or looked[0] != when or looked[1] != at:
        looked = here.looked = (when, at, here.steady_currents(at))
    excesses = []
    for k in watched:
        ratio = abs(looked[2][k]) / (here.drives[k].bound + FLOOR)
        excesses.append(math.log(ratio) if ratio > 0 else -NEVER)
    return excesses


def _trip(
    drives: Sequence[Drive], watched: Sequence[int], excesses: Sequence[float], when: float
) -> Passing:
    """Let the bounds take control that are passed."""
    tripped: Passing = "passed"
    for k, excess in zip(watched, excesses, strict=True):
        if excess > _PAST:
            drives[k].trip(when)
            tripped = "tripped"
    return tripped
