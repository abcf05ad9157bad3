"""The command line. Thin: every command is a few calls of what the Python interface offers.

Exit status: 0 done, 2 bad input, 3 refused by the planner, 4 instrument or disk fault, 5 aborted.
Modules beyond typer are imported inside the commands, so that ``labctl --help`` is immediate.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from labctl.command import Json, OnOrphan, Pace, Seed, controlled, saying_errors

__all__ = ["main"]


app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich is worth its import for results, not for help
    help="Measure artificial synapses and memristors, on a bench or on a virtual lab.",
)

Bench = Annotated[str, typer.Option("--bench", "-b", help="Name or TOML file of the bench.")]
Changes = Annotated[
    list[str],
    typer.Option("--set", "-s", metavar="KEY=VALUE", help='A parameter, as in width="100 us".'),
]
What = Annotated[str, typer.Argument(metavar="PROTOCOL", help="Name, or a TOML file.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
Degraded = Annotated[
    bool, typer.Option("--accept-degraded", help="Play what the instrument can do instead.")
]
Wire = Annotated[
    bool, typer.Option("--wire-log", help="Write what is sent and answered into the run folder.")
]


@app.command()
def run(
    protocol: What,
    bench: Bench = "sim-ftj",
    changes: Changes = [],  # noqa: B006 - typer reads the default, nothing appends to it
    device: Annotated[str, typer.Option(help="Site or device; on a virtual wafer: 3,2,1.")] = "",
    sample: Annotated[
        str, typer.Option(help="Folder that keeps a virtual sample from run to run.")
    ] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin with a new device there.")] = False,
    temperature: Annotated[str, typer.Option(help="Of the chuck before it begins: 330 K.")] = "",
    out: Annotated[Path, typer.Option(help="Where the run folder is made.")] = Path("runs"),
    seed: Seed = 0,
    pace: Pace = 0.0,
    operator: Annotated[str, typer.Option(help="Who measures, for the record.")] = "",
    on_orphan: OnOrphan = None,
    accept_degraded: Degraded = False,
    report: Annotated[bool, typer.Option("--report", help="Write a report as well.")] = False,
    wire_log: Wire = False,
    as_json: Json = False,
) -> None:
    """Run a protocol on a bench and print its results."""
    with saying_errors():
        from labctl import catalogue, engine
        from labctl.units import parse
        from labctl.wire_log import WireLog

        values = {"seed": seed, **_pairs(changes)}
        what = catalogue.protocol_from(protocol, values)
        with (
            controlled(on_orphan) as control,
            _progress(as_json) as progress,
            WireLog(control, wire_log) as wire,
        ):
            options = engine.Options(
                out, seed, device, sample, fresh, operator, pace, accept_degraded,
                progress, wire.announcing(_announced(as_json)),
                temperature=parse(temperature, "K") if temperature else None,
            )  # fmt: skip
            with _saying_where_else(protocol):
                record = engine.run(what, bench, options, control)
        _print_results(record, as_json, report)


@contextmanager
def _saying_where_else(protocol: str) -> Iterator[None]:
    """Add to a refusal how to find the benches that would do."""
    from labctl.errors import Refused

    try:
        yield
    except Refused as error:
        error.add_note(f'"labctl check {protocol} --all" names the benches whose limits allow it.')
        raise


@app.command()
def resume(
    folder: RunFolder,
    interrupted: Annotated[
        Literal["skip", "repeat", "refuse"],
        typer.Option(help="What to do with a step that had begun and was not done."),
    ] = "refuse",
    pace: Pace = 0.0,
    on_orphan: OnOrphan = None,
    report: Annotated[bool, typer.Option("--report", help="Write a report as well.")] = False,
    wire_log: Wire = False,
    as_json: Json = False,
) -> None:
    """Go on with a run that was broken off.

    What was done is not done again: the recorded readings are replayed up to where it broke off.
    """
    with saying_errors():
        from labctl import engine
        from labctl.wire_log import WireLog

        with (
            controlled(on_orphan) as control,
            _progress(as_json) as progress,
            WireLog(control, wire_log) as wire,
        ):
            options = engine.Options(pace=pace, progress=progress, started=wire.announcing(None))
            record = engine.resume(folder, interrupted, options, control)
        _print_results(record, as_json, report)


@app.command()
def check(
    protocol: What,
    bench: Bench = "sim-ftj",
    changes: Changes = [],  # noqa: B006 - as above
    everywhere: Annotated[bool, typer.Option("--all", help="On every bench there is.")] = False,
    device: Annotated[str, typer.Option(help="What this device has seen is added.")] = "",
    sample: Annotated[str, typer.Option(help="Folder of the sample; its limits count.")] = "",
    out: Annotated[Path, typer.Option(help="Where its runs are.")] = Path("runs"),
    conductance: Annotated[str, typer.Option(help="Expected of the device: 10 uS.")] = "",
    accept_degraded: Degraded = False,
    as_json: Json = False,
) -> None:
    """Plan a run: feasible or why not, who times it, how much stress, what is resolved."""
    with saying_errors():
        from labctl import catalogue, feasibility
        from labctl.errors import Refused
        from labctl.units import parse

        what = catalogue.protocol_from(protocol, _pairs(changes))
        expected = parse(conductance, "S") if conductance else None
        if everywhere:
            typer.echo(feasibility.told_of_all(feasibility.survey(what, expected), as_json))
            return
        limits = (Path(sample), device, out) if sample else None
        verdict = feasibility.examine(what, bench, expected, limits)
        stress = feasibility.stress_so_far(out, device, sample) if device else None
        made = verdict.plan_for(accept_degraded=accept_degraded)
        typer.echo(feasibility.told_of_one(protocol, verdict, made, stress, as_json))
        if made.violations:
            with _saying_where_else(protocol):
                raise Refused(made.violations)


@app.command("list")
def list_(
    what: Annotated[
        Literal["protocols", "instruments", "devices", "benches", "definitions", "runs"],
        typer.Argument(help="What to list."),
    ],
    out: Annotated[Path, typer.Option(help="Where the runs are.")] = Path("runs"),
    as_json: Json = False,
) -> None:
    """List what there is, a line each."""
    with saying_errors():
        import json

        if what == "definitions":  # they bring most of the analysis with them
            from labctl.analysis import definitions

            rows = definitions.rows()
        else:
            from labctl import listing

            rows = listing.rows(what, out)
        if as_json:
            typer.echo(json.dumps(dict(rows)))
            return
        width = max((len(name) for name, _ in rows), default=0)
        for name, text in rows:
            typer.echo(f"{name:{width}}  {text}".rstrip())


@app.command()
def describe(
    name: Annotated[str, typer.Argument(help="A protocol, device, bench or definition.")],
) -> None:
    """Explain a protocol, device, bench or definition."""
    with saying_errors():
        from labctl import listing

        told = listing.describe(name)
        if told is None:
            from labctl.analysis import definitions

            told = definitions.describe(name)
        encoding = sys.stdout.encoding or "utf-8"
        # waveforms are drawn in signs that an old terminal may not have
        typer.echo(told.encode(encoding, "replace").decode(encoding))


@app.command()
def show(folder: RunFolder, as_json: Json = False) -> None:
    """Show what a run folder holds: how it ended, results, notes."""
    with saying_errors():
        from labctl.record import Record

        record = Record(folder)
        if not as_json:
            from labctl.listing import record_lines

            typer.echo("\n".join(record_lines(record)))
        _print_results(record, as_json, report=False)


@app.command()
def fit(
    what: Annotated[Path, typer.Argument(metavar="RUN|FILE", help="A run folder, or a table.")],
    model: Annotated[str, typer.Option(help="Of a table: a model; decays compete else.")] = "",
    x: Annotated[str, typer.Option(help="Of a table: the column x, by name or number.")] = "",
    y: Annotated[str, typer.Option(help="Of a table: the column y.")] = "",
    sigma: Annotated[str, typer.Option(help="Of a table: the uncertainties of y.")] = "",
    baseline: Annotated[str, typer.Option(help="Of a decay: none, free or a number.")] = "none",
    t0: Annotated[float, typer.Option(help="Of power laws: the reference time, s.")] = 1.0,
    as_json: Json = False,
) -> None:
    """Derive a run's results again from its readings, or fit a CSV, Parquet or HDF5 table."""
    with saying_errors():
        if what.is_dir() or not (what.exists() or what.suffix):
            _fit_run(what, [model, x, y, sigma], as_json)
            return
        from labctl.fitting import Options, fit_file

        found = fit_file(what, Options(model, x, y, sigma, baseline, t0))
        if as_json:
            import msgspec

            shown: dict[str, Any] = {"file": found.file, "assumed": found.assumed}
            shown |= {"metrics": found.results.metrics, "fits": found.results.fits}
            shown["notes"] = found.results.notes
            typer.echo(msgspec.json.encode(shown).decode())
            return
        from rich.console import Console

        from labctl.report import terminal

        typer.echo("\n".join([found.file, *(f"  {line}" for line in found.assumed)]))
        terminal(found.results, Console())


def _fit_run(folder: Path, options: list[str], as_json: bool) -> None:
    from labctl.errors import BadInput
    from labctl.record import Record

    if any(options):
        raise BadInput(f'"{folder}" is no file; models and columns are options for a table')
    record = Record(folder)
    if record.header.status != "running":
        record.save_results()
    _print_results(record, as_json, report=False)


@app.command()
def plot(
    folder: RunFolder,
    to: Annotated[Path | None, typer.Option(help="PNG, SVG or PDF file.")] = None,
) -> None:
    """Draw a run's figures into a file and print its path."""
    with saying_errors():
        from labctl.record import Record

        path = to or folder / "figures.png"
        Record(folder).plot(path)
        typer.echo(str(path))


@app.command()
def report(
    folder: RunFolder,
    to: Annotated[Path | None, typer.Option(help="HTML file.")] = None,
) -> None:
    """Write a run's report, one HTML file; print its path."""
    with saying_errors():
        from labctl.record import Record

        typer.echo(str(_write_report(Record(folder), to)))


def main() -> None:
    """Run the command line, with the commands that installed packages add."""
    points = entry_points(group="labctl.commands")
    for point in points:
        # only the one asked for is imported; the others are there to be listed
        wanted = point.name in sys.argv[1:2]
        command = _loaded(point) if wanted else _elsewhere
        app.command(point.name, help=None if wanted else f"From {point.module}.")(command)
    app()


def _loaded(point: EntryPoint) -> Any:
    """Import a command; say in a sentence what is not installed."""
    try:
        return point.load()
    except ImportError as error:
        missing = str(error.name or error).partition(".")[0]
        typer.echo(
            f"labctl: {point.name} cannot be started, for {missing} is not installed; "
            "install labctl with all its extras (in this project: make env)",
            err=True,
        )
        sys.exit(2)


def _elsewhere() -> None:
    """Stand in the list for a command that was not asked for."""


def _announced(quiet: bool) -> Any:
    return None if quiet else lambda folder: typer.echo(f"run {folder}", err=True)


@contextmanager
def _progress(quiet: bool) -> Iterator[Any]:
    """Show a bar with the time left on standard error when that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeRemainingColumn

    now = TextColumn("{task.fields[t]}")
    columns = (*Progress.get_default_columns()[:-1], TimeRemainingColumn(), now)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("measuring", t="")

        def advance(done: int, plan: Any, now: float) -> None:
            bar.update(task, completed=done, total=max(plan.steps, done), t=f"bench {now:.3g} s")

        yield advance


def _print_results(record: Any, as_json: bool, report: bool) -> None:
    if as_json:
        import msgspec

        shown = {"run": str(record.folder), "metrics": record.metrics, "fits": record.fits}
        if report:
            shown["report"] = str(_write_report(record, None))
        typer.echo(msgspec.json.encode(shown).decode())
        return
    from rich.console import Console

    from labctl.report import terminal

    if record.simulated:
        typer.echo(f"SIMULATED: {record.header.bench_name}")
    terminal(record.results, Console())
    if report:
        typer.echo(f"report {_write_report(record, None)}")


def _write_report(record: Any, to: Path | None) -> Path:
    from labctl.listing import report_html

    path = to or record.folder / "report.html"
    path.write_text(report_html(record), encoding="utf-8")
    return path


def _pairs(changes: list[str]) -> dict[str, Any]:
    from labctl.assignments import read_assignments

    return read_assignments(changes)


if __name__ == "__main__":
    main()
