"""``labctl runs``, ``verify``, ``rerun``, ``annotate``, ``ledger``: what is done with records.

They stand beside the other commands as ones that are imported only when asked for.
"""

from __future__ import annotations

import datetime as dt
import getpass
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from labctl import engine
from labctl.command import Json, controlled, saying_errors
from labctl.condition import parse_condition
from labctl.envelope import Gate, read_sample
from labctl.errors import BadInput
from labctl.export import FORMS, export
from labctl.ledger import Ledger, ledger_lines
from labctl.listing import printable
from labctl.record import Record, read_header
from labctl.remarks import add
from labctl.rerun import compared, rerun
from labctl.run_index import Indexed, Wanted, choose, indexed
from labctl.sample import runs_of, stress_of
from labctl.units import show
from labctl.verification import verify

__all__ = ["annotate", "export_run", "ledger", "rerun_run", "runs", "verify_runs"]

Out = Annotated[Path, typer.Option("--out", help="Where the runs are.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]


def runs(
    words: Annotated[list[str], typer.Argument(help="Words in folder, notes, operator.")] = [],  # noqa: B006 - typer reads it
    protocol: Annotated[str, typer.Option(help="Kind.")] = "",
    device: Annotated[str, typer.Option(help="Site or device.")] = "",
    bench: Annotated[str, typer.Option(help="Name of the bench.")] = "",
    status: Annotated[str, typer.Option(help="done, stopped, aborted, failed, running.")] = "",
    tag: Annotated[str, typer.Option(help="Bears this tag.")] = "",
    since: Annotated[str, typer.Option(help="Begun on or after this day: 2026-11-22.")] = "",
    until: Annotated[str, typer.Option(help="Begun on or before this day.")] = "",
    where: Annotated[str, typer.Option(help='Figures: "index > 20 % and energy < 1 uJ".')] = "",
    out: Out = Path("runs"),
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Read every folder anew.")] = False,
    as_json: Json = False,
) -> None:
    """Find runs by protocol, device, bench, day, tag, words and results."""
    with saying_errors():
        wanted = Wanted(
            protocol, device, "", bench, status, tag, " ".join(words), _day(since),
            _day(until, days=1) if until else float("inf"),
            parse_condition(where) if where else None,
        )  # fmt: skip
        found = choose(indexed(out, rebuild=rebuild), wanted)
        if as_json:
            typer.echo(msgspec.json.encode(found).decode())
            return
        for run in found:
            typer.echo(_line(run))


def _day(text: str, days: int = 0) -> float:
    if not text:
        return 0.0
    try:
        day = dt.date.fromisoformat(text) + dt.timedelta(days=days)
    except ValueError:
        raise BadInput(f'"{text}" is no day; write year, month and day as in 2026-11-22') from None
    return dt.datetime.combine(day, dt.time()).astimezone().timestamp() - 1e-6 * days


def _line(run: Indexed) -> str:
    told = [
        f"{name} {show(value, unit)}"
        for name, (value, unit) in run.figures.items()
        if value is not None and "." not in name
    ][:3]
    mark = "simulated " if run.simulated else ""
    tags = " ".join(f"#{tag}" for tag in run.remarks.tags)
    parts = (run.status, f"{mark}{run.bench}", run.device, ", ".join(told) or run.message, tags)
    return printable("  ".join(part for part in (run.folder, *parts) if part))


def verify_runs(
    folders: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders.")],
    as_json: Json = False,
) -> None:
    """Check that records were not edited and that their figures follow from their readings.

    Exit status 1 when one of them does not hold.
    """
    with saying_errors():
        found = [verify(folder) for folder in folders]
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        for one in found:
            word = f"holds, {one.figures} figures derived again" if one.holds else "DOES NOT HOLD"
            typer.echo(f"{one.folder}: {word}")
            for line in (*one.problems, *one.remarks):
                typer.echo(f"  {line}")
    if not all(one.holds for one in found):
        raise typer.Exit(1)


def rerun_run(
    folder: RunFolder,
    out: Annotated[Path, typer.Option(help="Where the new folder is made.")] = Path("runs"),
    as_json: Json = False,
) -> None:
    """Run the same protocol with the same seed on the same bench again, and compare."""
    with saying_errors():
        with controlled(None) as control:
            record = rerun(folder, engine.Options(out), control)
        told = compared(Record(folder), record)
        if as_json:
            typer.echo(msgspec.json.encode({"run": str(record.folder), "compared": told}).decode())
            return
        typer.echo(f"run {record.folder}")
        for line in told:
            typer.echo(f"  {line}")


def annotate(
    folder: RunFolder,
    text: Annotated[str, typer.Argument(help="A note; with the day and who wrote it.")] = "",
    tag: Annotated[list[str], typer.Option(help="A word; -WORD takes it away.")] = [],  # noqa: B006 - as above
    operator: Annotated[str, typer.Option(help="Who writes; else the login name.")] = "",
) -> None:
    """Note something about a run, beside its record."""
    with saying_errors():
        read_header(folder)  # it is a run
        now = dt.datetime.now().astimezone()
        who = operator or _user()
        remarks = add(folder, text, tuple(tag), f"{now:%Y-%m-%d %H:%M} {who}".rstrip())
        typer.echo("\n".join(part for part in (remarks.note, " ".join(remarks.tags)) if part))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def ledger(
    device: Annotated[str, typer.Argument(help="Site or device, as its runs name it.")] = "",
    sample: Annotated[str, typer.Option(help="Folder of the virtual sample.")] = "",
    out: Out = Path("runs"),
    as_json: Json = False,
) -> None:
    """Show what a device has been through, over all its runs; without a device, all devices."""
    with saying_errors():
        runs = runs_of(Path(sample), out) if sample else indexed(out)
        stress = {
            name: one
            for place in dict.fromkeys(run.sample for run in runs)
            for name, one in _stress(runs, place).items()
            if device in ("", name[0])
        }
        if not stress:
            raise BadInput(f'"{out}" has no run on the device "{device}"; see labctl runs')
        if as_json:
            shown = [{"device": d, "sample": s, **msgspec.to_builtins(one)}
                     for (d, s), one in stress.items()]  # fmt: skip
            typer.echo(msgspec.json.encode(shown).decode())
            return
        for (name, place), one in stress.items():
            typer.echo(" ".join(part for part in (name or "(no device named)", place) if part))
            limits = Gate(read_sample(Path(place)), place, name).lines(one) if place else ()
            for key, text in (*ledger_lines(one), *(("may see", f"{k} {t}") for k, t in limits)):
                typer.echo(f"  {key:13} {text}")


def _stress(runs: list[Indexed], sample: str) -> dict[tuple[str, str], Ledger]:
    found = sorted((run for run in runs if run.sample == sample), key=lambda run: run.started)
    return {(site, sample): one for site, one in stress_of(found).items()}


def export_run(
    folder: RunFolder,
    to: Annotated[str, typer.Option("--to", help=f"One of {', '.join(FORMS)}.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File or folder.")] = None,
    terminal: Annotated[str, typer.Option(help="For device cards: what was driven.")] = "",
) -> None:
    """Write a record for another program and print the files' paths."""
    with saying_errors():
        for path in export(Record(folder), to, output, terminal):
            typer.echo(str(path))
