"""From a waveform to the cycles of a trigger model: levels with a width and a place in time.

A cycle is one level, at most one reading on each channel, and the time until the next one starts.
Neighbouring segments at the same levels are one cycle; rests are the time between cycles; a
waveform that repeats one body keeps that body and a count. Times are whole microseconds, the grid
of the timers: rests are rounded to it (never cumulatively), the width of a level never is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from instruments.keithley2600_limits import LEAST_AVERAGE, MICROSECONDS, MOST_CYCLES, MOST_DELAY
from instruments.pieces import TICKS, Body, Findings, Piece, pieces_of, shifted
from labctl.capability import Limits
from labctl.units import show
from labctl.waveform import Window, seconds

__all__ = ["Cycle", "cycles_of"]

#: a level of zero that is only measured starts this long before its reading, us
_LEAD = 20


@dataclass(frozen=True, slots=True)
class Cycle:
    """One level and its readings; times in us after the start of the body."""

    start: int
    width: int
    levels: Mapping[str, float]  #: V or A by terminal; zero where missing
    windows: Mapping[str, Window]  #: by terminal; ticks after `start`

    @property
    def stop(self) -> int:
        """End of the level, us."""
        return self.start + self.width


def cycles_of(body: Body, limits: Limits, found: Findings) -> list[Cycle]:
    """Return the cycles of one repetition, and note what the trigger model cannot play.

    Parameters
    ----------
    body
        A folded waveform without ramps.
    limits
        Of the instrument.
    found
        Violations are added to it; when there are new ones the cycles are of no use.
    """
    if body.node is None:
        return []
    pieces = list(islice(pieces_of(body.node), limits.max_points + 1))
    if len(pieces) > limits.max_points:
        found.add(
            "list length",
            f"a waveform of more than {limits.max_points} levels without a common body",
            f"at most {limits.max_points} in one step",
            "repeat one body with * n, or play the waveform in several steps",
        )
        return []
    cycles = [_cycle(piece, found) for piece in pieces]
    _check_gaps(cycles, body, limits, found)
    _check_counts(cycles, body, limits, found)
    return cycles


def _cycle(piece: Piece, found: Findings) -> Cycle:
    windows = {window.terminal: window for window in piece.windows}
    if len(windows) < len(piece.windows):
        found.add(
            "readings in a level",
            "several readings on one terminal",
            "one for each level and terminal",
            "measure once in each level",
        )
    if any(window.stop > piece.length for window in piece.windows):
        found.add(
            "aperture",
            "a window that ends after its level",
            "a window inside the level",
            "end the window with the level",
        )
    if not piece.levels:
        return _zero_cycle(piece, windows)
    if piece.length % TICKS:
        found.add(
            "time grid",
            f"a level of {seconds(piece.length):.9g} s",
            "a whole number of microseconds",
            "round the width of the level",
        )
    start, width = round(piece.start / TICKS), round(piece.length / TICKS)
    return Cycle(start, width, piece.levels, windows)


def _zero_cycle(piece: Piece, windows: dict[str, Window]) -> Cycle:
    """Return a cycle at zero that is no longer than its readings need.

    The level before and after it is zero as well, so nothing is changed, but the trigger model gets
    the time it needs between this and the neighbouring cycles.
    """
    first = min(window.start for window in windows.values())
    last = max(window.stop for window in windows.values())
    late = max(0, first - _LEAD * TICKS)
    start = round((piece.start + late) / TICKS)
    shift = piece.start - start * TICKS
    moved = {name: shifted(window, shift) for name, window in windows.items()}
    return Cycle(start, max(-(-(last + shift) // TICKS), LEAST_AVERAGE), {}, moved)


def _check_gaps(cycles: Sequence[Cycle], body: Body, limits: Limits, found: Findings) -> None:
    gaps = [later.start - earlier.stop for earlier, later in pairwise(cycles)]
    if body.repeats > 1:
        gaps.append(body.period - cycles[-1].stop + cycles[0].start)
    if gaps and min(gaps) < round(limits.min_gap * MICROSECONDS):
        found.add(
            "gap between levels",
            show(min(gaps) / MICROSECONDS, "s"),
            f"at least {show(limits.min_gap, 's')} at zero",
            "put a rest between the levels; where levels on two terminals overlap, let them begin "
            "and end together",
        )
    if max([*gaps, *(cycle.width for cycle in cycles)]) > MOST_DELAY // 2:
        found.add(
            "timer",
            "a rest or a level of more than 50 000 s between two levels",
            "at most 50 000 s",
            "play the waveform in two steps with a wait between them",
        )


def _check_counts(cycles: Sequence[Cycle], body: Body, limits: Limits, found: Findings) -> None:
    count = len(cycles) * body.repeats
    if count > MOST_CYCLES:
        found.add(
            "trigger count",
            f"{count} levels",
            f"at most {MOST_CYCLES} in one step",
            "play the waveform in several steps",
        )
    elif count > limits.max_readings and any(cycle.windows for cycle in cycles):
        found.add(
            "reading buffer",
            f"{count} levels with some of them measured",
            f"at most {limits.max_readings} in one step",
            "play the waveform in several steps, or measure outside the loop",
        )
