"""How far something long is: one JSON file in its folder, replaced as a whole at every change.

Sequences, campaigns and sweeps each have one. What it holds is a `msgspec.Struct` with a field
``version``; a file of another version is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from labctl.errors import BadInput
from labctl.journal import pretty, write_atomically

__all__ = ["keep_standing", "read_standing"]

T = TypeVar("T", bound=msgspec.Struct)


def read_standing(folder: Path, name: str, what: str, kind: type[T]) -> T:
    """Read the file.

    Parameters
    ----------
    folder, name
        Where it is.
    what
        What the folder should be, for an error: "sequence".
    kind
        What the file holds; the default of its field ``version`` is the version that is read.

    Raises
    ------
    BadInput
        There is none, it cannot be read, or it is of a version that this labctl does not know.
    """
    path = folder / name
    try:
        content = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        raise BadInput(f'"{folder}" is not a {what}: it has no {name}') from None
    except (OSError, msgspec.MsgspecError) as error:
        raise BadInput(f'"{path}" cannot be read: {error}; restore it from a copy') from None
    known = next(f.default for f in msgspec.structs.fields(kind) if f.name == "version")
    version = content.get("version", known) if isinstance(content, dict) else None
    if version != known:
        raise BadInput(
            f'"{folder}" is a {what} of version {version}; this labctl reads version {known}, so '
            "go on with it in the labctl that began it"
        )
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise BadInput(f'"{path}" cannot be read: {error}; restore it from a copy') from None


def keep_standing(folder: Path, name: str, value: msgspec.Struct) -> None:
    """Replace the file, so that at any moment it is the old one or the new one.

    Raises
    ------
    RecordFault
        It cannot be written.
    """
    write_atomically(folder / name, pretty(value))
