"""A run that came to nothing begins anew, on the bench file as it is by now.

A run keeps the bench of its record, so that what is resumed is what was begun. But where the bench
file itself was wrong (an address, a model, a fault that a virtual bench was told to have), that
bench would stop it again and again. A run without one step done has nothing to be true to: its
folder is put aside, with a note in it, and another one begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labctl.benchfile import read_bench
from labctl.errors import BadInput
from labctl.journal import Journal
from labctl.record import Record
from labctl.resumption import Handling, mend
from labctl.steps import Play

__all__ = ["begins_anew", "put_aside"]


def begins_anew(record: Record, handling: Handling, bench: str) -> bool:
    """Tell whether a run that was broken off should begin anew instead of being resumed.

    It should where it has no step done, the bench file was changed since, and the user has not said
    otherwise: a waveform that may have reached the device is repeated only where that was asked.

    Parameters
    ----------
    record
        Of a run that is not done.
    handling
        What becomes of a step that had begun.
    bench
        Name or file of the bench on which it would begin.
    """
    doubt = record.unfinished
    if record.steps or (
        doubt is not None and isinstance(doubt.what, Play) and handling != "repeat"
    ):
        return False
    try:
        _, content = read_bench(bench)
    except BadInput:  # it went away since; the record has it still
        return False
    return _said(content) != _said(record.header.bench)


def _said(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a bench file's content without what the command line may have put there."""
    return {name: value for name, value in content.items() if name != "accept_degraded"}


def put_aside(folder: Path) -> Path:
    """End the run in a folder, rename the folder and return its new path; nothing is lost.

    Raises
    ------
    BadInput
        Another runner is writing it.
    RecordFault
        It cannot be written.
    """
    header = Record(folder).header
    journal = Journal(folder, header, mend(folder))
    try:
        journal.note(
            "record", "put aside without a step done: the bench file was changed, and another run "
            "began in its place",
        )  # fmt: skip
        ended = {"status": "failed"} if header.status == "running" else {}
        message = header.message or "its runner was killed before the first step was done"
        journal.update(**ended, message=message)
    finally:
        journal.close()
    return folder.rename(_free(folder))


def _free(folder: Path) -> Path:
    """Return a name beside a folder that nothing has yet."""
    number, name = 1, f"{folder.name}-aside"
    while (folder.parent / name).exists():
        number += 1
        name = f"{folder.name}-aside-{number}"
    return folder.parent / name
