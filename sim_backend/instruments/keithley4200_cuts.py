"""A measured turn cut into pieces, at whose ends the samples of its windows begin and end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sim_backend.instruments.keithley4200_score import SPOT, Block, Ends, Stretch, Window
from sim_backend.instruments.keithley4200_specification import GRID

__all__ = ["Cut", "Sample", "cuts_of", "points_of"]

_DIGITS = 6  # of a tick: places that agree so far are one


class Sample(NamedTuple):
    """One reading of a window; s after the start of the turn."""

    window: Window
    start: float
    stop: float


class Cut(NamedTuple):
    """A straight piece, and the samples that begin at its start and end at its end."""

    duration: float  #: s
    levels: Mapping[int, Ends]
    opens: tuple[Sample, ...]
    closes: tuple[Sample, ...]


def points_of(window: Window, rate: float) -> int:
    """Return how many readings a window gives at a sample rate."""
    if window.kind == SPOT:
        return 1
    return max(1, round((window.stop - window.start) * GRID * rate))


def cuts_of(block: Block, rate: float) -> tuple[Cut, ...]:
    """Cut a turn at the ends of all its samples.

    Parameters
    ----------
    block
        With windows.
    rate
        Samples a second of a captured waveform.
    """
    opens: dict[float, list[Sample]] = {}
    closes: dict[float, list[Sample]] = {}
    for window in block.windows:
        count = points_of(window, rate)
        step = (window.stop - window.start) / count
        for k in range(count):
            first = round(window.start + k * step, _DIGITS)
            last = round(window.start + (k + 1) * step, _DIGITS)
            sample = Sample(window, first * GRID, last * GRID)
            opens.setdefault(first, []).append(sample)
            closes.setdefault(last, []).append(sample)
    places = sorted(opens.keys() | closes.keys())
    return tuple(
        Cut((last - first) * GRID, levels, tuple(opens.get(first, ())), tuple(closes.get(last, ())))
        for first, last, levels in _pieces(block, places)
    )


def _pieces(block: Block, places: list[float]) -> Iterator[tuple[float, float, Mapping[int, Ends]]]:
    at, k = 0, 0
    for stretch in block.stretches:
        end = at + stretch.ticks
        here: float = at
        while k < len(places) and places[k] <= at:
            k += 1
        while k < len(places) and places[k] < end:
            yield here, places[k], _between(stretch, here - at, places[k] - at)
            here, k = places[k], k + 1
        yield here, end, _between(stretch, here - at, stretch.ticks)
        at = end


def _between(stretch: Stretch, first: float, last: float) -> Mapping[int, Ends]:
    if first == 0 and last == stretch.ticks:
        return stretch.levels
    return {
        channel: None
        if ends is None
        else (_at(ends, first / stretch.ticks), _at(ends, last / stretch.ticks))
        for channel, ends in stretch.levels.items()
    }


def _at(ends: tuple[float, float], share: float) -> float:
    return ends[0] if ends[0] == ends[1] else ends[0] + (ends[1] - ends[0]) * share
