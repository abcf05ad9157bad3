"""The reference page of all definitions, made from the registry.

It is written by ``python -m labctl.analysis.definition_page docs/reference/definitions.md``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from labctl.analysis.definitions import DEFINITIONS
from labctl.analysis.formula import Definition

__all__ = ["page"]

_HEAD = """# Definitions

Every figure of merit that labctl reports carries the id of its definition, because published
figures of the same name differ in their formula. A name never stands for two definitions in one
table. `labctl describe ID` prints an entry, `labctl list definitions` all formulas. In a unit, `X`
is that of the data. This page is made from the program:

    python -m labctl.analysis.definition_page docs/reference/definitions.md
"""


def page() -> str:
    """Return the whole registry in Markdown, by quantity and id."""
    parts = [_HEAD]
    heading = ""
    for entry in sorted(DEFINITIONS.values(), key=lambda entry: (_heading(entry), entry.id)):
        if _heading(entry) != heading:
            heading = _heading(entry)
            parts.append(f"## {heading}\n")
        parts.append("\n".join(_section(entry)))
    return "\n".join(parts)


def _heading(entry: Definition) -> str:
    name = entry.quantity or entry.id
    return name[0].upper() + name[1:]


def _section(entry: Definition) -> Iterator[str]:
    yield f"### {entry.id}\n"
    yield f"    {entry.formula}\n"
    yield f"{entry.meaning} Unit: {'none' if entry.unit == '1' else entry.unit}.\n"
    doi = f"[doi:{entry.doi}](https://doi.org/{entry.doi})" if entry.doi else ""
    if entry.source or doi:
        yield f"Source: {', '.join(part for part in (entry.source, doi) if part)}.\n"
    if entry.code:
        yield f"Code: `{entry.code}`.\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8", newline="\n")
