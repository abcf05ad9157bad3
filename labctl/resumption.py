"""Resumption: what a runner finds in a folder that another one left, and what becomes of it."""

from __future__ import annotations

from math import nan
from pathlib import Path
from typing import Literal

from labctl.errors import BadInput
from labctl.journal import JOURNAL, READINGS, Journal
from labctl.parts import parts, pieces
from labctl.planner import imagine
from labctl.readings import Flag, Readings, Row
from labctl.record import Record
from labctl.steps import Play, Step, StepRecord

__all__ = ["Handling", "check_resumable", "in_doubt", "mend", "replayed", "settle"]

#: what to do with a step that had begun and was not done
Handling = Literal["skip", "repeat", "refuse"]


def check_resumable(before: Record) -> None:
    """Refuse to go on with a run that is over, or whose sample is gone.

    Raises
    ------
    BadInput
        The run is done, or the folder of its sample is not where it was.
    """
    if before.header.status == "done":
        raise BadInput(f'"{before.folder}" is finished; there is nothing to resume')
    # a run that came to no session may have been killed before it made the folder
    if before.header.sample and before.entries and not Path(before.header.sample).is_dir():
        raise BadInput(
            f'the sample "{before.header.sample}" of "{before.folder}" is not there; bring it '
            "back, for the state of its devices is in it"
        )


def mend(folder: Path) -> int:
    """Cut torn last lines off; return the number of whole rows."""
    counts = []
    for name in (JOURNAL, READINGS):
        path = folder / name
        size = count = 0
        for piece in pieces(path):
            size, count = size + len(piece), count + piece.count(b"\n")
        _cut(path, size)
        counts.append(count)
    return max(0, counts[1] - 2)


def _cut(path: Path, whole: int) -> None:
    """Leave no more of a file than this many bytes; only its last part may have more."""
    found = parts(path)
    torn = sum(part.stat().st_size for part in found) - whole
    if torn > 0:
        with found[-1].open("r+b") as file:
            file.truncate(found[-1].stat().st_size - torn)


def settle(
    before: Record, journal: Journal, handling: Handling
) -> tuple[dict[int, tuple[Step, Readings]], tuple[int, int]]:
    """Decide about the step in doubt.

    Parameters
    ----------
    before
        The record as it was found.
    journal
        Told what became of the step.
    handling
        What the user wants.

    Returns
    -------
    tuple
        What is to be replayed, by the number of its step, and the next (step, attempt).
    """
    doubt = before.unfinished
    at = (len(before.steps), 1)
    if doubt is not None and handling == "repeat":
        journal.interrupted(doubt.index, doubt.attempt, "repeat")
        at = (doubt.index, doubt.attempt + 1)
    elif doubt is not None:
        journal.begin_lost(doubt.index)
        journal.rows(_lost(doubt, Readings(before.readings.rows[doubt.first :])))
        journal.interrupted(doubt.index, doubt.attempt, "skip")
    after = Record(before.folder)
    return {step.index: (step.what, after.of(step)) for step in after.steps}, at


def _lost(step: StepRecord, got: Readings) -> list[Row]:
    """Return rows without values for the windows whose readings never arrived."""
    if not isinstance(step.what, Play):
        return []
    wanted = imagine(step.what, 1.0).rows[len(got) :]
    return [row._replace(t=nan, v=nan, i=nan, flags=int(Flag.LOST)) for row in wanted]


def replayed(index: int, asked: Step, recorded: tuple[Step, Readings]) -> Readings:
    """Return the readings recorded for a step.

    Raises
    ------
    BadInput
        The protocol asks for another step than the one recorded.
    """
    step, readings = recorded
    if step != asked:
        raise BadInput(
            f"step {index} of the protocol is not the one recorded; the protocol has changed since "
            "the run began, so resume it with the labctl that began it"
        )
    return readings


def in_doubt(step: StepRecord, record: Record) -> str:
    """Say what is known of a step that had begun and was not done, and what can be chosen."""
    got = len(record.readings) - step.first
    what = step.what
    expected = what.waveform.summary().readings if isinstance(what, Play) else 0
    label = " ".join(f"{name} {value}" for name, value in step.label.items())
    return (
        f"step {step.index} ({type(what).__name__.lower()}{' ' + label if label else ''}) had "
        f"begun and was not done: {got} of {expected} readings arrived and its pulses may have "
        "reached the device; resume with --interrupted repeat or --interrupted skip"
    )
