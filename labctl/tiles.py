"""Tiles: a value over two variables as a map of colours, for wafers and for landscapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from labctl.results import Panel, Trace
from labctl.scales import Scale, axis_label, scale_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SEQUENTIAL", "SIGNED", "draw_tiles", "grid"]

Array = NDArray[np.float64]

SEQUENTIAL = (
    "cividis"  #: readable with every kind of colour vision (doi:10.1371/journal.pone.0199239)
)
SIGNED = "RdBu_r"  #: red for more, blue for less, as potentiation and depression
_MOST_WRITTEN = 150  # tiles that carry their number


def grid(trace: Trace) -> tuple[Array, Array, Array]:
    """Return the tiles of a trace as a grid.

    Returns
    -------
    x, y, values
        Distinct abscissae and ordinates in rising order, and the value at each, shape (y, x); not a
        number where there is none. Of several tiles at one place the mean counts.
    """
    count = min(len(trace.x), len(trace.y), len(trace.shade))
    x, column = np.unique(np.array(trace.x[:count], float), return_inverse=True)
    y, row = np.unique(np.array(trace.y[:count], float), return_inverse=True)
    shade = np.array(trace.shade[:count], float)
    good = np.isfinite(shade)
    total, number = np.zeros((len(y), len(x))), np.zeros((len(y), len(x)))
    np.add.at(total, (row[good], column[good]), shade[good])
    np.add.at(number, (row[good], column[good]), 1.0)
    with np.errstate(invalid="ignore"):
        return x, y, np.where(number > 0, total / number, np.nan)


def draw_tiles(axes: Axes, panel: Panel, trace: Trace, x_scale: Scale, y_scale: Scale) -> None:
    """Draw a map of colours with its bar.

    Parameters
    ----------
    axes
        Where to.
    panel
        Says what the colour means and whether zero is its middle.
    trace
        Of the kind ``tiles``.
    x_scale, y_scale
        Of the axes.
    """
    x, y, values = grid(trace)
    known = values[np.isfinite(values)]
    if not len(known):
        return
    scale = scale_for(known.tolist(), panel.shade_unit)
    shown = np.ma.masked_invalid(values * scale.factor)
    most = (float(np.max(np.abs(known))) * scale.factor or 1.0) if panel.signed else None
    mesh = axes.pcolormesh(
        x * x_scale.factor, y * y_scale.factor, shown, shading="nearest", edgecolors="white",
        linewidth=0.6, cmap=SIGNED if panel.signed else SEQUENTIAL,
        vmin=None if most is None else -most, vmax=most,
    )  # fmt: skip
    if panel.downwards:
        axes.invert_yaxis()
    figure = axes.get_figure(root=True)
    if figure is not None:
        bar = figure.colorbar(mesh, ax=axes)
        bar.set_label(axis_label(panel.shade_label, scale))
        bar.outline.set_visible(False)
    if shown.size <= _MOST_WRITTEN and shown.shape[1] <= 10:
        _write(axes, x * x_scale.factor, y * y_scale.factor, shown, mesh)


def _write(axes: Axes, x: Array, y: Array, shown: Array, mesh: object) -> None:
    """Write each value into its tile, dark on light and light on dark."""
    for k, row in enumerate(np.ma.filled(shown, np.nan)):
        for j, value in enumerate(row):
            if not np.isfinite(value):
                continue
            r, g, b, _ = mesh.to_rgba(value)  # type: ignore[attr-defined]
            dark = 0.3 * r + 0.59 * g + 0.11 * b < 0.55
            axes.text(
                x[j], y[k], f"{value:.3g}", ha="center", va="center", fontsize=8,
                color="white" if dark else "#222222",
            )  # fmt: skip
