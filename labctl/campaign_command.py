"""``labctl campaign``: protocols over sites, temperatures and parameters.

It stands beside the other commands as one of those that are imported only when asked for.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
import typer

from labctl import campaign, engine
from labctl.campaign import Ended
from labctl.campaign_file import plans, read_campaign
from labctl.campaign_map import drawn_map, map_panels
from labctl.campaign_progress import Progress, parts, read_progress
from labctl.campaign_report import campaign_report, in_short, simulated
from labctl.campaign_results import campaign_results
from labctl.command import Json, OnOrphan, Pace, controlled, saying_errors
from labctl.errors import BadInput
from labctl.sequence_file import check_plans

__all__ = ["run_campaign"]


def run_campaign(
    what: Annotated[Path, typer.Argument(metavar="FILE|FOLDER", help="TOML file, or to resume.")],
    bench: Annotated[str, typer.Option("--bench", "-b", help="Instead of the file's.")] = "",
    check: Annotated[bool, typer.Option("--check", help="Plan it; send nothing.")] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Only write the report, of a running one too.")
    ] = False,
    figure: Annotated[
        str, typer.Option("--map", help="Figure shown over the wafer, while it runs: ppf.index.")
    ] = "",
    sample: Annotated[str, typer.Option(help="Folder that keeps a virtual sample.")] = "",
    out: Annotated[Path, typer.Option(help="Where its folder is made.")] = Path("runs"),
    seed: Annotated[int, typer.Option(min=0, help="Instead of the file's.")] = 0,
    pace: Pace = 0.0,
    interrupted: Annotated[
        Literal["skip", "repeat", "refuse"],
        typer.Option(help="A step that was not done; refuse leaves it to the file."),
    ] = "refuse",
    on_orphan: OnOrphan = None,
    as_json: Json = False,
) -> None:
    """Run sequences over the sites of a wafer, as a TOML file says; or resume its folder."""
    with saying_errors():
        if check:
            typer.echo("\n".join(_planned(what, bench)))
            return
        folder = what
        if not report:
            options = engine.Options(out, seed, "", sample, pace=pace)
            with controlled(on_orphan) as control, _watching(as_json, figure) as watch:
                if what.is_dir():
                    folder = campaign.resume(what, interrupted, options, control, *watch)
                else:
                    folder = campaign.run(what, options, bench, control, *watch)
        _tell(folder, as_json, figure)


def _planned(path: Path, bench: str) -> list[str]:
    if path.is_dir():
        raise BadInput(f'"{path}" is a folder; a plan is made of a campaign file')
    read = read_campaign(path)
    found = list(plans(read, path.parent, bench))
    count = len(parts(read))
    lines = [f"{name}: {plan.sentence()}" for name, plan in found]
    total = sum(plan.duration for _, plan in found) * count
    size = sum(plan.size for _, plan in found) * count
    lines.append(
        f"{count} parts ({len(read.sites)} sites, {max(1, len(read.temperatures))} temperatures), "
        f"{len(found) * count} runs, {total / 3600:.3g} h without moving and soaking, "
        f"records about {size / 1e6:.3g} MB"
    )
    check_plans(found)
    return lines


def _tell(folder: Path, as_json: bool, figure: str) -> None:
    progress, results = read_progress(folder), campaign_results(folder)
    path = folder / "report.html"
    path.write_text(campaign_report(folder, results), encoding="utf-8")
    if as_json:
        told = {
            "campaign": str(folder), "status": progress.status, "message": progress.message,
            "parts": progress.parts, "metrics": results.metrics, "report": str(path),
        }  # fmt: skip
        typer.echo(msgspec.json.encode(told).decode())
        return
    from rich.console import Console

    from labctl.plot import save
    from labctl.report import terminal

    # without figures named in the file there are a hundred of them
    shown = results if progress.campaign["figures"] else in_short(results)
    terminal(msgspec.structs.replace(shown, fits={}), Console())
    if figure:
        typer.echo("\n".join(drawn_map(folder, figure)))
        save(map_panels(folder, figure), folder / "map.png", simulated=simulated(folder))
        typer.echo(f"map {folder / 'map.png'}")
    typer.echo(f"campaign {folder}: {progress.status} {progress.message}".rstrip())
    typer.echo(f"report {path}")


class _Watch(NamedTuple):
    """What is told while a campaign runs."""

    told: Callable[[str], None] | None
    ended: Ended | None


@contextmanager
def _watching(as_json: bool, figure: str) -> Iterator[_Watch]:
    """Say lines as they come and, on a terminal, keep the map and the time left below them."""
    if as_json or not sys.stderr.isatty():
        yield _Watch(None if as_json else typer.echo, None)
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    begun = time.monotonic()
    ended_before: list[int] = []
    with Live(console=Console(stderr=True), auto_refresh=False, transient=True) as live:

        def ended(folder: Path, progress: Progress) -> None:
            done = sum(part.status not in ("waiting", "begun") for part in progress.parts)
            ended_before.append(done)
            each = (time.monotonic() - begun) / (done - ended_before[0] + 1)
            left = (len(progress.parts) - done) * each
            lines = drawn_map(folder, figure) if figure else []
            lines.append(f"{done} of {len(progress.parts)} parts, about {_time(left)} left")
            live.update(Text("\n".join(lines)), refresh=True)

        yield _Watch(lambda line: live.console.print(line, markup=False, highlight=False), ended)


def _time(left: float) -> str:
    if left < 90:
        return f"{left:.0f} s"
    return f"{left / 60:.0f} min" if left < 5400 else f"{left / 3600:.1f} h"
