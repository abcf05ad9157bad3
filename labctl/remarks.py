"""Remarks: what people note about a run, kept beside the record and never in it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from labctl.errors import BadInput
from labctl.journal import pretty, write_atomically

__all__ = ["NOTES", "Remarks", "add", "read_remarks", "write_remarks"]

NOTES = "notes.json"
_LONGEST_TAG = 40


class Remarks(msgspec.Struct, frozen=True):
    """A note, of any length, and tags."""

    note: str = ""
    tags: tuple[str, ...] = ()


def read_remarks(folder: Path) -> Remarks:
    """Return what was noted about a run; nothing where there is no such file or it is damaged."""
    try:
        return msgspec.json.decode((folder / NOTES).read_bytes(), type=Remarks)
    except (OSError, ValueError, msgspec.MsgspecError, RecursionError):
        return Remarks()


def write_remarks(folder: Path, remarks: Remarks) -> None:
    """Replace what was noted about a run.

    Raises
    ------
    RecordFault
        The file cannot be written.
    """
    write_atomically(folder / NOTES, pretty(remarks))


def add(folder: Path, text: str, tags: tuple[str, ...], stamp: str) -> Remarks:
    """Add a paragraph and tags to what was noted.

    Parameters
    ----------
    folder
        The run folder.
    text
        The paragraph; empty for tags alone. A tag that begins with ``-`` is taken away.
    tags
        Single words.
    stamp
        Put before the paragraph: when and by whom.

    Raises
    ------
    BadInput
        Nothing is to be added, or a tag is no word.
    RecordFault
        The file cannot be written.
    """
    if not text and not tags:
        raise BadInput("neither a note nor a tag was given; write a text, or --tag NAME")
    before = read_remarks(folder)
    kept = dict.fromkeys(before.tags)
    for tag in tags:
        word = tag.removeprefix("-")
        if not word or any(c.isspace() for c in word) or len(word) > _LONGEST_TAG:
            raise BadInput(
                f'the tag "{tag}" is not one word of at most {_LONGEST_TAG} letters; '
                "put sentences into the note"
            )
        if tag.startswith("-"):
            kept.pop(word, None)
        else:
            kept[word] = None
    paragraphs = [before.note, f"{stamp}: {text}"] if text else [before.note]
    remarks = Remarks("\n".join(part for part in paragraphs if part), tuple(kept))
    write_remarks(folder, remarks)
    return remarks
