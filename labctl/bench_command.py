"""``labctl bench``: look at a bench and its instruments.

It stands beside the other commands as one of those that are imported only when asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from labctl import inventory
from labctl.command import Json, saying_errors
from labctl.errors import BadInput

__all__ = ["bench"]


def bench(
    action: Annotated[
        Literal["scan", "identify", "snapshot"], typer.Argument(help="What to do; see below.")
    ],
    name: Annotated[str, typer.Argument(metavar="BENCH", help="Name, or a TOML file.")] = "",
    visa: Annotated[str, typer.Option(help='For scan: a VISA library, as in "@py".')] = "",
    to: Annotated[Path | None, typer.Option(help="Write into this file instead.")] = None,
    as_json: Json = False,
) -> None:
    """Look at a bench and its instruments; nothing is changed.

    scan lists what VISA sees and proposes a bench file; identify asks each instrument of a bench
    for its identity, options and calibration date and refuses a wrong model; snapshot saves every
    setting.
    """
    with saying_errors():
        text = _scanned(visa, as_json) if action == "scan" else _told(action, name, as_json)
        if to is None:
            typer.echo(text)
        else:
            to.write_text(text + "\n", encoding="utf-8")
            typer.echo(str(to))


def _scanned(visa: str, as_json: bool) -> str:
    seen = list(inventory.scan(visa))
    if as_json:
        return msgspec.json.encode(seen).decode()
    return inventory.propose(seen).rstrip()


def _told(action: str, name: str, as_json: bool) -> str:
    if not name:
        raise BadInput(f"no bench was named; write labctl bench {action} BENCH")
    if action == "snapshot":  # a file of settings is JSON in any case
        return msgspec.json.format(msgspec.json.encode(inventory.snapshot(name)).decode())
    found = inventory.identify(name)
    if as_json:
        return msgspec.json.encode(found).decode()
    return "\n".join(
        f"{one.name}: {one.idn}; "
        + (f"options {one.options}; " if one.options else "")
        + f"calibrated {one.calibrated or 'not stated'}"
        for one in found
    )
