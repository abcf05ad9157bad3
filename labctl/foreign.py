"""Foreign data: what an importer makes of a file before it becomes a record.

Everything in a file is text and numbers that somebody else wrote: nothing of it is executed, no
name from it becomes a path, and words are cleaned before they are kept.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PureWindowsPath

from labctl.readings import Row
from labctl.steps import Label

__all__ = [
    "ROLES", "Foreign", "Part", "clean", "number", "plain_name", "row", "site_name",
    "terminal_name",
]  # fmt: skip

ROLES = ("pulse", "read", "rest")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_LONGEST = 200  # characters of a text that is kept


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of readings that belong together: one device, one measurement."""

    label: Label  #: ``device`` and ``tag`` as far as the file states them
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Foreign:
    """The content of a foreign file."""

    parts: tuple[Part, ...]
    notes: tuple[str, ...]  #: what was assumed or left out, a sentence each
    began: float | None = None  #: seconds since 1970 UTC, where the file states it
    facts: Mapping[str, str] = field(default_factory=dict)  #: what else the file says of itself

    @property
    def devices(self) -> tuple[str, ...]:
        """Devices that the file names, in their order."""
        named = (str(part.label["device"]) for part in self.parts if part.label.get("device"))
        return tuple(dict.fromkeys(named))


def row(
    terminal: str,
    role: str,
    v: float,
    i: float,
    *,
    t: float = math.nan,
    width: float = math.nan,
    v_set: float = math.nan,
) -> Row:
    """Return a reading in SI; what a file does not state is not a number.

    Parameters
    ----------
    terminal, role
        Of the device, and one of `ROLES`.
    v, i
        Level and current, V and A.
    t, width, v_set
        Time and width in s, level asked for in V.
    """
    return Row(t, terminal, role, v_set, v, i, width, math.nan, math.nan, 0)


def number(text: str) -> float:
    """Return a number written in plain digits; not a number for anything else."""
    written = text.strip()
    value = float(written) if _NUMBER.fullmatch(written) else math.nan
    return value if math.isfinite(value) else math.nan


def clean(text: str) -> str:
    r"""Return text without control characters and not longer than a line or two.

    Examples
    --------
    >>> clean("a\x1b[31m b\n")
    'a [31m b'
    """
    shown = "".join(c if c.isprintable() else " " for c in text[: 4 * _LONGEST])
    return " ".join(shown.split())[:_LONGEST]


def plain_name(path: str) -> str:
    r"""Return the last part of a path of any system, cleaned; a folder never remains in it.

    Examples
    --------
    >>> plain_name("../secret/a.csv"), plain_name("C:\\data\\..\\b.csv")
    ('a.csv', 'b.csv')
    """
    name = clean(PureWindowsPath(path).name)
    return name if name.strip(".") else "file"


def site_name(text: str) -> str:
    """Return a device's name as labctl allows it: letters, digits, ``- _ . ,``; empty for none.

    Examples
    --------
    >>> site_name("../die 3/D1")
    'die-3-D1'
    """
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-_.,") else "-" for c in clean(text))
    return re.sub(r"-{2,}", "-", kept.replace("..", "")).strip("-.,")[:60]


def terminal_name(text: str) -> str:
    """Return a terminal's name in letters that a table of readings can hold.

    A table of readings has ``nan`` for a missing number wherever it stands, so no name holds it.

    Examples
    --------
    >>> terminal_name("Anode 1"), terminal_name("nano"), terminal_name("")
    ('Anode-1', 'NANo', 'top')
    """
    kept = re.sub("[,-]+", "-", site_name(text))
    return kept.replace("nan", "NAN").replace("null", "NULL") or "top"
