"""The page of reproduced science: each row of the sources, its command, and what it measured.

The rows stand in the TOML files of this folder. Start it from the project's folder::

    python -m docs.science.page docs/reference/science.md

Every command is run as written, on a virtual bench; several rows may share one.
"""

from __future__ import annotations

import concurrent.futures
import json
import math
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from labctl.results import Fit, Metric
from labctl.units import show, show_uncertain

__all__ = ["Row", "Shown", "main", "measured", "page", "rows"]

FOLDER = Path(__file__).resolve().parent

_HEAD = """# Reproduced science

Rows of the sources that labctl's protocols reproduce, each with the command that does it. The
sources: S0 Liu et al., Nano-Micro Lett. 2026,
[10.1007/s40820-025-02028-0](https://doi.org/10.1007/s40820-025-02028-0); S2 Xia et al., Nano-Micro
Lett. 2025, 17:217; S3 Currie et al., 2026, arXiv 2605.11243; S4 Nie et al., Adv. Mater. 2025,
[10.1002/adma.202412006](https://doi.org/10.1002/adma.202412006).

Everything here was measured on virtual devices: it says that protocol, drivers, models and fits
agree with each other and with the sources, not that a real device would do the same. A presets'
grade (`labctl describe FAMILY/PRESET`) says how close it is to the published device. "as asked"
means: the measured value lies in the range that the target states. The page is made by
`python -m docs.science.page docs/reference/science.md`.
"""


class Shown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One figure of merit beside its target."""

    metric: str  #: a metric, or ``fit.parameter``
    target: str  #: in words
    low: float | None = None  #: SI; what counts as reproduced
    high: float | None = None


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of a source."""

    id: str
    what: str
    target: str
    run: str  #: what follows ``labctl run``
    shown: tuple[Shown, ...]
    note: str = ""


def rows(folder: Path = FOLDER) -> list[Row]:
    """Return the rows of all files, in the order of their ids."""
    found = [
        msgspec.convert(row, Row)
        for path in sorted(folder.glob("*.toml"))
        for row in tomllib.loads(path.read_text("utf-8"))["row"]
    ]
    return sorted(found, key=lambda row: [int(x) for x in re.findall(r"\d+", row.id)])


def measured(command: str) -> dict[str, Any]:
    """Carry out a command and return what ``--json`` prints.

    Raises
    ------
    RuntimeError
        It failed; the text is what it said.
    """
    with tempfile.TemporaryDirectory() as out:
        words = [sys.executable, "-m", "labctl.cli", "run", *shlex.split(command)]
        ended = subprocess.run(
            [*words, "--json", "--out", out], capture_output=True, text=True, encoding="utf-8"
        )
    if ended.returncode:
        raise RuntimeError(f"labctl run {command}: {ended.stderr.strip()}")
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def value_of(found: Mapping[str, Any], name: str) -> tuple[float, float | None, str] | None:
    """Return value, standard uncertainty and unit of a metric or of ``fit.parameter``."""
    metrics = msgspec.convert(found["metrics"], dict[str, Metric])
    if name in metrics:
        metric = metrics[name]
        return metric.value, metric.sigma, metric.unit
    fit_name, _, parameter = name.rpartition(".")
    fits = msgspec.convert(found["fits"], dict[str, Fit])
    if fit_name in fits and parameter in fits[fit_name].values:
        value = fits[fit_name].values[parameter]
        return value.value, value.sigma, value.unit
    return None


def holds(shown: Shown, value: float) -> bool | None:
    """Whether a value is as asked; None where no range is given."""
    if shown.low is None and shown.high is None:
        return None
    low = -math.inf if shown.low is None else shown.low
    high = math.inf if shown.high is None else shown.high
    return low <= value <= high


def page(wanted: Sequence[Row], results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the page as Markdown.

    Parameters
    ----------
    wanted
        The rows.
    results
        What each command has printed.
    """
    return "\n".join(
        [_HEAD, *_index(wanted), *(line for row in wanted for line in _row(row, results))]
    )


def _index(wanted: Sequence[Row]) -> Iterator[str]:
    names = dict.fromkeys(row.id for row in wanted)
    yield ", ".join(f"[{name}](#{name.lower().replace('.', '')})" for name in names)
    yield ""


def _row(row: Row, results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield f'<a id="{row.id.lower().replace(".", "")}"></a>'
    yield ""
    yield f"## {row.id} {row.what}"
    yield ""
    yield f"Stated: {row.target}."
    yield ""
    yield f"    labctl run {row.run}"
    yield ""
    yield "| figure | measured | stated | |"
    yield "|---|---|---|---|"
    for shown in row.shown:
        found = value_of(results[row.run], shown.metric)
        told, verdict = "not found", "missing"
        if found is not None:
            value, sigma, unit = found
            told = show(value, unit) if sigma is None else show_uncertain(value, sigma, unit)
            verdict = {True: "as asked", False: "not as asked", None: ""}[holds(shown, value)]
        yield f"| `{shown.metric}` | {told} | {shown.target} | {verdict} |"
    yield ""
    if row.note:
        yield f"{row.note}"
        yield ""


def main(arguments: Sequence[str]) -> None:
    """Run every command and write the page."""
    wanted = rows()
    commands = list(dict.fromkeys(row.run for row in wanted))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = dict(zip(commands, pool.map(measured, commands), strict=True))
    Path(arguments[0]).write_text(page(wanted, results), "utf-8")
    for line in _failures(wanted, results):
        sys.stdout.write(f"{line}\n")


def _failures(wanted: Iterable[Row], results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for row in wanted:
        for shown in row.shown:
            found = value_of(results[row.run], shown.metric)
            if found is None or holds(shown, found[0]) is False:
                yield f"{row.id} {shown.metric}: {found}, asked {shown.target}"


if __name__ == "__main__":
    main(sys.argv[1:])
