"""``labctl sweep``: one virtual experiment over many parameters and seeds.

It stands beside the other commands as one of those that are imported only when asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from labctl import sweep
from labctl.command import Json, saying_errors

__all__ = ["run_sweep"]


def run_sweep(
    what: Annotated[Path, typer.Argument(metavar="FILE|FOLDER", help="TOML file, or to resume.")],
    out: Annotated[Path, typer.Option(help="Where its folder is made.")] = Path("runs"),
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: one a processor.")] = 0,
    dask: Annotated[str, typer.Option(help="Address of a Dask scheduler: tcp://host:8786.")] = "",
    as_json: Json = False,
) -> None:
    """Carry out a protocol on a virtual bench for every point of a grid; or resume its folder."""
    with saying_errors("aborted; labctl sweep FOLDER carries out the rest"):
        with _progress(as_json) as told:
            if what.is_dir():
                folder = sweep.resume(what, workers, dask, told)
            else:
                folder = sweep.run(what, out, workers, dask, told)
        found = sweep.read_points(folder)
        failed = [point for point in found if point.error]
        if as_json:
            shown = {"sweep": str(folder), "points": len(found), "failed": len(failed)}
            typer.echo(msgspec.json.encode(shown).decode())
            return
        typer.echo(f"sweep {folder}: {len(found)} points, {len(failed)} without figures")
        for point in failed[:3]:
            typer.echo(f"  point {point.index}: {point.error}")
        typer.echo(f"table {folder / sweep.TABLE}")


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("points")
        yield lambda done, total: bar.update(task, completed=done, total=total)
