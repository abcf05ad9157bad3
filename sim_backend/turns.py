"""Turns: the same straight pieces again and again, passed at once where no bound is reached.

How many turns are passed at once depends on numbers alone, never on how fast this machine is: a
device that leaves turns out counts the charge of those by that of the ones it plays, so that the
same train cut elsewhere has another charge in its last digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sim_backend.devices.model import Array, Piece, ends
from sim_backend.fixture import Fixture

__all__ = ["Kept", "bounded", "pass_turns"]


class Kept(NamedTuple):
    """A fixture as it was, to go back to."""

    fixture: Fixture
    values: Array
    time: float
    sums: list[tuple[float, float]]

    @classmethod
    def of(cls, fixture: Fixture) -> Kept:
        """Keep a fixture as it is now."""
        sums = [(drive.charge, drive.flux) for drive in fixture.drives]
        return cls(fixture, fixture.state.values.copy(), fixture.time, sums)

    def restore(self) -> None:
        """Make the fixture what it was; the turns since then have not been."""
        self.fixture.state.values[:] = self.values
        self.fixture.time = self.time
        for drive, (charge, flux) in zip(self.fixture.drives, self.sums, strict=True):
            drive.charge, drive.flux = charge, flux


def pass_turns(fixture: Fixture, pieces: Sequence[Piece], count: int, end: float) -> None:
    """Pass `count` turns of straight pieces at once, up to `end`; no bound may be reached.

    Parameters
    ----------
    fixture
        At the time at which the turns begin.
    pieces
        Of one turn, on the terminals of the fixture's drives.
    count
        Number of turns.
    end
        Time at their end, s.

    Raises
    ------
    Stopped
        The device's state was asked to stop (`sim_backend.devices.model.State.stop`); go back.
    """
    moved = fixture.model.repeat(fixture.state, pieces, count, fixture.temperature, fixture.stream)
    flux = dict.fromkeys((drive.terminal for drive in fixture.drives), 0.0)
    for levels, duration in pieces:
        for name, level in levels.items():
            flux[name] += sum(ends(level)) / 2 * duration
    for drive, charge in zip(fixture.drives, fixture.charges(moved), strict=True):
        drive.charge += charge
        drive.flux += flux[drive.terminal] * count
    fixture.time = end


def bounded(fixture: Fixture, pieces: Sequence[Piece]) -> bool:
    """Whether one turn of straight pieces, from here, keeps every current below its bound."""
    state = fixture.state
    saved = state.values.copy()
    try:
        for levels, duration in pieces:
            for side in (0, 1):
                at = {name: ends(level)[side] for name, level in levels.items()}
                for drive in fixture.drives:
                    if abs(fixture.current_at(at, drive)) > drive.bound:
                        return False
                if side == 0:
                    fixture.model.advance(
                        state, levels, duration, fixture.temperature, fixture.stream
                    )
    finally:
        state.values[:] = saved
    return True
