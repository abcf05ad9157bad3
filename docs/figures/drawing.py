"""Drawing shared by the scripts of this folder: one look, units on axes, a colour-blind-safe set.

A script measures on a bench and gives back numbers; here they become a picture and a short table.
Start one from the project's folder: ``python -m docs.figures.ftj_history --out pictures``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from labctl.plot import CATEGORICAL, DEPRESSION, POTENTIATION, SIMULATED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["CATEGORICAL", "DEPRESSION", "POTENTIATION", "figure", "label", "present", "save"]

#: what a script gives back: numbers by name, and curves (sequences) to be drawn
Found = Mapping[str, Any]

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
    "axes.prop_cycle": None,  # set in `figure`
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "svg.hashsalt": "labctl",
}
_WIDTH, _HEIGHT, _DPI = 5.4, 3.6, 150


def figure(
    title: str, rows: int = 1, columns: int = 1, *, simulated: bool = True
) -> tuple[Figure, list[Axes]]:
    """Return a new figure and its axes, row by row.

    Parameters
    ----------
    title
        Stands above all axes.
    rows, columns
        Of axes.
    simulated
        The data come from a virtual bench: the figure is marked so.
    """
    import matplotlib as mpl
    from cycler import cycler
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    colours = (POTENTIATION, DEPRESSION, *CATEGORICAL)
    mpl.rcParams.update({**_STYLE, "axes.prop_cycle": cycler(color=colours)})
    made = Figure(figsize=(_WIDTH * columns, _HEIGHT * rows + 0.35), layout="constrained")
    FigureCanvasAgg(made)
    made.suptitle(title, x=0.01, ha="left", fontsize=11.5)
    axes = made.subplots(rows, columns, squeeze=False)
    if simulated:
        made.supxlabel("SIMULATED", x=0.995, ha="right", fontsize=8, color=SIMULATED)
    return made, list(axes.flat)


def label(axes: Axes, x: str, y: str, title: str = "", *, legend: bool = False) -> None:
    """Name both axes, each with its unit in brackets, and optionally the panel."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title)
    if axes.get_xscale() == "log":
        _plain(axes)
    if legend:
        axes.legend()


def _plain(axes: Axes) -> None:
    """Write 0.1, 1, 10 rather than powers on a logarithmic abscissa of a few decades."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    low, high = axes.get_xlim()
    if low > 1e-3 and high < 1e5:
        few = high < 40 * low
        between = FuncFormatter(lambda x, _: f"{x:g}" if f"{x:e}"[0] in "25" else "")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes.xaxis.set_minor_formatter(between if few else NullFormatter())


def save(made: Figure, out: str | Path, name: str) -> list[Path]:
    """Write a figure as PNG and SVG into a folder, which is made; returns both paths."""
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{form}" for form in ("png", "svg")]
    for path in paths:
        date = {"Date": None} if path.suffix == ".svg" else None
        made.savefig(path, dpi=_DPI, metadata=date)
    return paths


def present(
    what: str | None,
    name: str,
    measure: Callable[[], Found],
    draw: Callable[[Found], Figure],
    targets: Mapping[str, str],
    arguments: Sequence[str] | None = None,
) -> None:
    """Be the command line of a script: measure, print the numbers beside their targets, draw.

    Parameters
    ----------
    what
        The script's docstring.
    name
        Of the files written.
    measure, draw
        The script's own.
    targets
        What the source states, in words, by the name of the number.
    arguments
        Of the command line; None for those of this process.
    """
    parser = argparse.ArgumentParser(description=(what or "").strip().split("\n")[0])
    parser.add_argument("--out", default="figures", help="folder for the PNG and the SVG")
    asked = parser.parse_args(arguments)
    found = measure()
    paths = save(draw(found), asked.out, name)
    for line in (*_rows(found, targets), *map(str, paths)):
        sys.stdout.write(f"{line}\n")


def _rows(found: Found, targets: Mapping[str, str]) -> Iterable[str]:
    """Yield a line for every number, its target beside it."""
    numbers = {key: value for key, value in found.items() if np.ndim(value) == 0}
    width = max(map(len, numbers), default=0)
    for key, value in numbers.items():
        shown = f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
        yield f"{key:{width}}  {shown:>11}   {targets.get(key, '')}".rstrip()
