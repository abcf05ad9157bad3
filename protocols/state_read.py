"""A read of the state: the conductance at a low level, on the smallest range that shows it."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass

from labctl.readings import Readings
from labctl.steps import Label, Play, Step, StepRecord
from labctl.waveform import read, rest
from protocols.responses import usable

__all__ = ["StateRead", "last_read", "read_state"]

#: current ranges that are tried one after the other, as shares of the compliance: a high
#: resistance is resolved, a low one is read again on a larger range
_RANGES = (1e-3, 1e-1, 1.0)


@dataclass(frozen=True, slots=True)
class StateRead:
    """How a state is read.

    Parameters
    ----------
    level, width
        Of the read, V and s.
    compliance
        Largest current, A; also the largest range.
    pause
        At zero before the read, s; the instrument times it.
    terminal
        Terminal that is driven.
    """

    level: float
    width: float
    compliance: float
    pause: float = 0.0
    terminal: str = "top"


def read_state(how: StateRead, label: Label) -> Generator[Step, Readings, Readings]:
    """Read, on a larger range again where the smaller one could not show the current.

    Parameters
    ----------
    how
        Level, width, ranges.
    label
        Of every step played; the last usable reading of steps with this label is the state.

    Returns
    -------
    Readings
        Of the last step played; one row, unless it was lost.
    """
    look = read(how.level, how.width, terminal=how.terminal)
    waveform = rest(how.pause) + look if how.pause > 0 else look
    found = Readings()
    for share in _RANGES:
        ranges = {how.terminal: how.compliance * share}
        found = yield Play(waveform, how.compliance, ranges, label)
        if len(found) and bool(usable(found).all()):
            break
        waveform = look
    return found


def last_read(steps: Iterable[tuple[StepRecord, Readings]]) -> Readings:
    """Return the last usable reading of some steps; empty where there is none."""
    found = Readings()
    for _, readings in steps:
        good = [row for row, ok in zip(readings, usable(readings), strict=True) if ok]
        if good:
            found = Readings(good[-1:])
    return found
