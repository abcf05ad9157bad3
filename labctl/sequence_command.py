"""``labctl sequence``: protocols one after another, with conditions on their results.

It stands beside the other commands as one of those that are imported only when asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from labctl import engine, sequence
from labctl.command import Json, OnOrphan, Pace, controlled, saying_errors
from labctl.errors import BadInput
from labctl.record import Record
from labctl.sequence_file import check_plans, plans, read_sequence

__all__ = ["run_sequence"]


def run_sequence(
    what: Annotated[Path, typer.Argument(metavar="FILE|FOLDER", help="TOML file, or to resume.")],
    bench: Annotated[str, typer.Option("--bench", "-b", help="Instead of the file's.")] = "",
    check: Annotated[bool, typer.Option("--check", help="Plan each stage; send nothing.")] = False,
    device: Annotated[str, typer.Option(help="Site or device, instead of the file's.")] = "",
    sample: Annotated[str, typer.Option(help="Folder that keeps a virtual sample.")] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin with a new device there.")] = False,
    out: Annotated[Path, typer.Option(help="Where its folder is made.")] = Path("runs"),
    seed: Annotated[int, typer.Option(min=0, help="Instead of the file's.")] = 0,
    pace: Pace = 0.0,
    interrupted: Annotated[
        Literal["skip", "repeat", "refuse"],
        typer.Option(help="On resuming: what to do with a step that was not done."),
    ] = "refuse",
    on_orphan: OnOrphan = None,
    accept_degraded: Annotated[
        bool, typer.Option("--accept-degraded", help="Play what can be played instead.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run protocols one after another on one device, as a TOML file says; or resume its folder."""
    with saying_errors():
        if check:
            typer.echo("\n".join(_planned(what, bench)))
            return
        options = engine.Options(
            out, seed, device, sample, fresh, pace=pace, accept_degraded=accept_degraded
        )
        told = None if as_json else typer.echo
        with controlled(on_orphan) as control:
            if what.is_dir():
                folder = sequence.resume(what, interrupted, options, control, told)
            else:
                folder = sequence.run(what, options, bench, control, told)
        typer.echo(_as_json(folder) if as_json else "\n".join(_summary(folder)))


def _planned(path: Path, bench: str) -> Iterator[str]:
    if path.is_dir():
        raise BadInput(f'"{path}" is a folder; a plan is made of a sequence file')
    found = list(plans(read_sequence(path), path.parent, bench))
    for name, plan in found:
        yield f"{name}: {plan.sentence()}"
    check_plans(found)


def _as_json(folder: Path) -> str:
    course = sequence.read_course(folder)
    runs = [
        {"run": str(folder / entry.run), "metrics": Record(folder / entry.run).metrics}
        for entry in course.entries
        if entry.run
    ]
    told = {"sequence": str(folder), "status": course.status, "message": course.message}
    return msgspec.json.encode(told | {"runs": runs}).decode()


def _summary(folder: Path) -> Iterator[str]:
    course = sequence.read_course(folder)
    for entry in course.entries:
        if entry.run:
            record = Record(folder / entry.run)
            mark = "SIMULATED " if record.simulated else ""
            yield f"{mark}{folder / entry.run}"
            yield from (f"  {name:20} {metric}" for name, metric in record.metrics.items())
    yield f"sequence {folder}: {course.status} {course.message}".rstrip()
