"""``labctl import``: a file of another program becomes a run folder.

It stands beside the other commands as one of those that are imported only when asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from labctl.command import Json, saying_errors
from labctl.importing import import_file, parse_map

__all__ = ["import_run"]


def import_run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File of another program.")],
    form: Annotated[
        str,
        typer.Option("--format", help="auto, arc1, arc2, pymeasure, 4200, easyexpert or csv."),
    ] = "auto",
    columns: Annotated[
        str, typer.Option("--map", help="What is where: t=Time,v=Voltage,i=Current,role=read.")
    ] = "",
    device: Annotated[str, typer.Option(help="Its device, or the one wanted of several.")] = "",
    out: Annotated[Path, typer.Option(help="Where the run folder is made.")] = Path("runs"),
    operator: Annotated[str, typer.Option(help="Who imports it.")] = "",
    as_json: Json = False,
) -> None:
    """Make a run folder, marked as imported, from data of another program."""
    with saying_errors():
        record = import_file(file, form, parse_map(columns), device, out, operator)
        chosen, count, steps = record.header.imported["format"], len(record.readings), record.steps
        if as_json:
            shown = {
                "run": str(record.folder),
                "format": chosen,
                "readings": count,
                "steps": len(steps),
            }
            typer.echo(msgspec.json.encode(shown).decode())
            return
        typer.echo(f"run {record.folder}: {count} readings in {len(steps)} steps, read as {chosen}")
        for note in record.notes:
            typer.echo(f"  {note.text}")
