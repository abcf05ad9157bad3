"""The Python interface: run a protocol, open a record, work a bench by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labctl import catalogue, engine
from labctl.benchfile import read_bench
from labctl.control import Control, catching_signals
from labctl.record import Record
from labctl.units import parse
from labctl.workbench import Bench

__all__ = ["bench", "open", "run"]


def run(
    protocol: str,
    bench: str | Path = "sim-ftj",
    *,
    out: str | Path = "runs",
    seed: int = 0,
    device: str = "",
    sample: str | Path = "",
    fresh: bool = False,
    operator: str = "",
    pace: float = 0.0,
    accept_degraded: bool = False,
    chuck_temperature: float | str | None = None,
    **parameters: Any,
) -> Record:
    """Run a protocol in this process and return its record.

    Parameters
    ----------
    protocol
        A kind such as ``"ppf"``, or a TOML file.
    bench
        Name or file of the bench.
    out
        The run folder is made below this folder.
    seed
        Fixes every random order and, on a virtual bench, the devices.
    device
        Site or device, for the record; on a virtual wafer ``"3,2,1"``: column, row, site.
    sample
        Folder that keeps a virtual sample from run to run, so that yesterday's stress is there
        today; without one every run begins with fresh devices.
    fresh
        Begin with a new device in the sample.
    operator
        Who measures, for the record.
    pace
        Virtual seconds in a second; 0 does not wait.
    accept_degraded
        Play what the instruments can do instead of what they cannot, where they say what that is;
        the record says it too.
    chuck_temperature
        Before the first step, K or as text: ``"330 K"``; None leaves the chuck as it is.
    parameters
        Of the protocol, as numbers in SI or as text: ``width="100 us"``.

    Raises
    ------
    labctl.errors.LabctlError
        See `labctl.engine.run`.
    """
    what = catalogue.protocol_from(protocol, {"seed": seed, **parameters})
    control = Control()
    options = engine.Options(
        Path(out), seed, device, str(sample), fresh, operator, pace, accept_degraded,
        temperature=_kelvin(chuck_temperature),
    )  # fmt: skip
    with catching_signals(control):
        return engine.run(what, bench, options, control)


def _kelvin(value: float | str | None) -> float | None:
    return parse(value, "K") if isinstance(value, str) else value


def open(folder: str | Path) -> Record:  # noqa: A001 - read as labctl.open
    """Open a run folder, live or finished."""
    return Record(folder)


def bench(
    name: str | Path,
    *,
    seed: int = 0,
    pace: float = 0.0,
    state: str | Path | None = None,
    site: str = "",
) -> Bench:
    """Open a bench to work it by hand; use it in a ``with`` statement.

    Parameters
    ----------
    name
        Name or file of the bench.
    seed
        Fixes the virtual devices of a virtual bench.
    pace
        Virtual seconds in a second; 0 does not wait.
    state
        File in which a virtual bench keeps its devices between openings.
    site
        Which device of a virtual wafer is contacted.
    """
    definition, content = read_bench(name)
    where = None if state is None else Path(state)
    return Bench(definition, content, seed=seed, state=where, pace=pace, site=site)
