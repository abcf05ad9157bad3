"""Chattering: time passes while a current source asks for what a device's current jumps over.

A cell that switches on at a threshold lets little flow below it and much above. A current between
the two holds the voltage at the threshold, where the cell is on for that share of the time which
makes up the current. Its state moves as in that share at a voltage just above, and in the rest at
one just below; how often it goes to and fro makes no difference as long as it is often.
"""

from __future__ import annotations

import math

from sim_backend.compliance import BESIDE, SHORTEST, Driven, Voltages, jumps
from sim_backend.drive import Drive

__all__ = ["chatters", "imposed", "pass_chattering"]

_CHANGE = 0.05  # of the share of the time that it is on, in one piece
_FINEST = 2e-3  # shortest piece, as a share of the time spent so
_MOST = 8.0  # by how much a piece may be longer than the last


def chatters(here: Driven, drives: list[Drive], first: Voltages, end: float) -> bool:
    """Whether the one clamped drive asks for what the device's current jumps over.

    Parameters
    ----------
    here, drives
        The device, and those of its drives that are clamped.
    first
        Voltages now, at the device.
    end
        Until when the drives' paths matter, s.
    """
    still = all(d.level(here.time) == d.level(end) for d in here.drives if not d.clamped)
    return len(drives) == 1 and still and jumps(here, drives[0], first, drives[0].level(here.time))


def pass_chattering(here: Driven, drive: Drive, first: Voltages, end: float) -> None:
    """Move towards `end` with a device that is now on and now off.

    Parameters
    ----------
    here, drive
        The device and its current source.
    first
        Voltages now, at the device.
    end
        Where the piece ends at the latest, s.
    """
    start, saved = here.time, here.state.values.copy()
    name = drive.terminal
    below, above = ({**first, name: first[name] * (1.0 + k * BESIDE)} for k in (-1.0, 1.0))
    least = max(_FINEST * (start - drive.clamped_at), SHORTEST, 16 * math.ulp(start))
    before = _share(here, drive, (below, above), start)
    while True:
        length = end - start
        share = _share(here, drive, (below, above), (start + end) / 2)
        share = min(max(share, 0.0), 1.0)
        off = here.advance(below, start + length * (1.0 - share))
        on = here.advance(above, start + length * share)
        change = abs(_share(here, drive, (below, above), end) - before)
        if change <= _CHANGE or length < 1.5 * least:
            break
        here.state.values[:] = saved
        end = start + max(length * min(0.8 * _CHANGE / change, 0.5), least)
    charges = [a + b for a, b in zip(off, on, strict=True)]
    here.book(first, imposed(here, drive, charges, end), end)
    drive.piece = max(length * min(_CHANGE / (change + 1e-9), _MOST), least)


def _share(here: Driven, drive: Drive, beside: tuple[Voltages, Voltages], when: float) -> float:
    """Return for which share of the time the device has to be on at a time."""
    off, on = (here.steady_current(at, drive) for at in beside)
    return (drive.level(when) - off) / (on - off)


def imposed(here: Driven, drive: Drive, charges: list[float], end: float) -> list[float]:
    """Return the charges of a piece as a current source below its limit imposes them, C.

    Parameters
    ----------
    here, drive
        The device at the beginning of the piece, and the source.
    charges
        That the device's model gave for every drive; devices of three terminals keep the others.
    end
        Of the piece, s.
    """
    charge = (drive.level(here.time) + drive.level(end)) / 2 * (end - here.time)
    if here.two_terminals:  # nothing goes into an optical port
        charges = [-charge if moved else 0.0 for moved in charges]
    return [charge if d is drive else q for d, q in zip(here.drives, charges, strict=True)]
