"""What the commands have in common: errors as sentences, control from outside, shared options.

A command that installed packages add (an entry point ``labctl.commands``) uses the same, so that it
ends and obeys as labctl's own do. Nothing heavy is imported here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

import typer

from labctl.control import Control, catching_signals, listening
from labctl.errors import LabctlError

__all__ = [
    "Json", "OnOrphan", "Pace", "Seed", "controlled", "saying_errors",
]  # fmt: skip

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Seed = Annotated[int, typer.Option(min=0, help="Fixes random order and virtual devices.")]
Pace = Annotated[float, typer.Option(min=0, help="Virtual seconds in a second; 0 does not wait.")]
OnOrphan = Annotated[
    Literal["stop", "continue"] | None,
    typer.Option(help="Obey standard input; this is what to do when it closes."),
]


@contextmanager
def saying_errors(interrupted: str = "aborted") -> Iterator[None]:
    """Print an error of labctl as sentences and leave with its exit status.

    Parameters
    ----------
    interrupted
        What is said of a second Ctrl-C, or of one that nothing else takes.

    Raises
    ------
    typer.Exit
        In place of the error.
    """
    try:
        yield
    except LabctlError as error:
        for line in [*str(error).splitlines(), *getattr(error, "__notes__", [])]:
            typer.echo(f"labctl: {line}", err=True)
        raise typer.Exit(error.exit_status) from None
    except KeyboardInterrupt:
        typer.echo(f"labctl: {interrupted}", err=True)
        raise typer.Exit(5) from None


@contextmanager
def controlled(on_orphan: Literal["stop", "continue"] | None) -> Iterator[Control]:
    """Yield a control that signals and, where asked for, words on standard input set.

    Parameters
    ----------
    on_orphan
        What to do when standard input closes; None does not listen to it.
    """
    control = Control()
    if on_orphan is not None:
        listening(control, sys.stdin, on_orphan)
    with catching_signals(control):
        yield control
