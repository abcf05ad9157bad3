"""``labctl campaign``: protocols over sites, temperatures and parameters.

It stands beside the other commands as one of those that are imported only when asked for.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from labctl import campaign, engine
from labctl.campaign_results import campaign_report, campaign_results
from labctl.control import Control, catching_signals, listening
from labctl.errors import BadInput, LabctlError, Refused

__all__ = ["run_campaign"]


def run_campaign(
    what: Annotated[Path, typer.Argument(metavar="FILE|FOLDER", help="TOML file, or to resume.")],
    bench: Annotated[str, typer.Option("--bench", "-b", help="Instead of the file's.")] = "",
    check: Annotated[bool, typer.Option("--check", help="Plan it; send nothing.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Only write the report anew.")] = False,
    sample: Annotated[str, typer.Option(help="Folder that keeps a virtual sample.")] = "",
    out: Annotated[Path, typer.Option(help="Where its folder is made.")] = Path("runs"),
    seed: Annotated[int, typer.Option(min=0, help="Instead of the file's.")] = 0,
    pace: Annotated[float, typer.Option(min=0, help="Virtual seconds in a second.")] = 0.0,
    interrupted: Annotated[
        Literal["skip", "repeat", "refuse"],
        typer.Option(help="A step that was not done; refuse leaves it to the file."),
    ] = "refuse",
    on_orphan: Annotated[
        Literal["stop", "continue"] | None,
        typer.Option(help="Obey standard input; this is what to do when it closes."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run sequences over the sites of a wafer, as a TOML file says; or resume its folder."""
    try:
        if check:
            typer.echo("\n".join(_planned(what, bench)))
            return
        folder = what
        if not report:
            control = Control()
            if on_orphan is not None:
                listening(control, sys.stdin, on_orphan)
            options = engine.Options(out, seed, "", sample, pace=pace)
            told = None if as_json else typer.echo
            with catching_signals(control):
                if what.is_dir():
                    folder = campaign.resume(what, interrupted, options, control, told)
                else:
                    folder = campaign.run(what, options, bench, control, told)
        _tell(folder, as_json)
    except LabctlError as error:
        for line in [*str(error).splitlines(), *getattr(error, "__notes__", [])]:
            typer.echo(f"labctl: {line}", err=True)
        raise typer.Exit(error.exit_status) from None


def _planned(path: Path, bench: str) -> list[str]:
    if path.is_dir():
        raise BadInput(f'"{path}" is a folder; a plan is made of a campaign file')
    read = campaign.read_campaign(path)
    found = list(campaign.plans(read, path.parent, bench))
    count = len(campaign.parts(read))
    lines = [f"{name}: {plan.sentence()}" for name, plan in found]
    total = sum(plan.duration for _, plan in found) * count
    size = sum(plan.size for _, plan in found) * count
    lines.append(
        f"{count} parts ({len(read.sites)} sites, {max(1, len(read.temperatures))} temperatures), "
        f"{len(found) * count} runs, {total / 3600:.3g} h without moving and soaking, "
        f"records about {size / 1e6:.3g} MB"
    )
    refused = tuple(violation for _, plan in found for violation in plan.violations)
    if refused:
        raise Refused(refused)
    return lines


def _tell(folder: Path, as_json: bool) -> None:
    progress = campaign.read_progress(folder)
    path = folder / "report.html"
    path.write_text(campaign_report(folder), encoding="utf-8")
    results = campaign_results(folder)
    if as_json:
        told = {
            "campaign": str(folder), "status": progress.status, "message": progress.message,
            "parts": progress.parts, "metrics": results.metrics, "report": str(path),
        }  # fmt: skip
        typer.echo(msgspec.json.encode(told).decode())
        return
    from rich.console import Console

    from labctl.report import terminal

    terminal(msgspec.structs.replace(results, fits={}), Console())
    typer.echo(f"campaign {folder}: {progress.status} {progress.message}".rstrip())
    typer.echo(f"report {path}")
