"""Figures: panels drawn with matplotlib, alike in reports, files and papers.

Data are points with error bars, fits are lines, residuals stand in small axes below. Potentiation
and depression have one colour each, everywhere; at most four more colours tell traces apart (all of
them from the colour-blind safe set of Okabe and Ito, https://jfly.uni-koeln.de/color). Axes carry
units with the SI prefix that suits the data. A figure made from a simulated bench says so.

Matplotlib is imported when the first figure is drawn, and never through pyplot: there is no window
and no list of figures that grows.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.errors import BadInput
from labctl.results import Panel, Trace
from labctl.scales import Scale, axis_label, literal, scale_for, typeset_unit
from labctl.tiles import draw_tiles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "CATEGORICAL", "DEPRESSION", "FORMATS", "POTENTIATION", "SIMULATED", "Scale", "draw", "groups",
    "render", "save", "scale_for", "typeset_unit",
]  # fmt: skip

Array = NDArray[np.float64]

POTENTIATION = "#D55E00"  #: vermillion
DEPRESSION = "#0072B2"  #: blue
CATEGORICAL = ("#009E73", "#CC79A7", "#56B4E9", "#E69F00")  #: green, purple, sky, orange
SIMULATED = "#B35900"  #: the mark on figures of a virtual bench, dark enough to read on white
_INK = "#222222"
_FADED = "#808080"
_BRANCHES = {"potentiation": POTENTIATION, "depression": DEPRESSION}
_MARKERS = ("o", "s", "^", "D")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 1.5, 1, 1.5)))

#: formats that `save` and `render` write
FORMATS = ("svg", "png", "pdf")

_FONT = 10.5  # pt
_WIDTH, _HEIGHT = 6.4, 4.2  # inches, one group of panels
_RESIDUALS = 0.3  # height of residual axes, in heights of the axes above
_DPI = 160
_MOST_VECTORS = 5000  # points of a trace; more become pixels inside an SVG or PDF


def groups(panels: Sequence[Panel]) -> list[tuple[Panel, ...]]:
    """Return each panel with the residuals that belong below it.

    Residuals of a panel that is not there stand alone.
    """
    titles = {panel.title for panel in panels if not panel.residuals_of}
    found: list[tuple[Panel, ...]] = []
    for panel in panels:
        if panel.residuals_of in titles:
            continue
        below = [p for p in panels if p.residuals_of == panel.title and not panel.residuals_of]
        found.append((panel, *below))
    return found


def draw(panels: Sequence[Panel], simulated: bool) -> Figure:
    """Draw panels into a new figure.

    Parameters
    ----------
    panels
        What to draw; more than two groups of them stand in two columns.
    simulated
        The data come from a virtual bench: the figure is marked so.

    Returns
    -------
    matplotlib.figure.Figure
        With an Agg canvas; it belongs to no window.

    Raises
    ------
    BadInput
        Matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise BadInput(
            'a figure was asked for, but matplotlib is missing: install labctl with "report"'
        ) from None
    found = groups(panels)
    columns = 1 if len(found) <= 2 else 2
    rows = max(1, -(-len(found) // columns))
    with rc_context(_style()):
        figure = Figure(figsize=(_WIDTH * columns, _HEIGHT * rows), layout="constrained")
        FigureCanvasAgg(figure)
        cells = figure.add_gridspec(rows, columns)
        for k, group in enumerate(found):
            _draw_group(figure, cells[k // columns, k % columns], group)
        if simulated:
            _mark(figure)
        return figure


def _style() -> Any:
    """Return settings that hold while a figure is drawn or written; the user's own stay."""
    return {
        "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
        "font.size": _FONT,
        "text.usetex": False,
        "axes.titlesize": _FONT + 0.5,
        "axes.titlelocation": "left",
        "axes.labelsize": _FONT,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": _INK,
        "axes.labelcolor": _INK,
        "text.color": _INK,
        "xtick.color": _INK,
        "ytick.color": _INK,
        "xtick.labelsize": _FONT - 0.5,
        "ytick.labelsize": _FONT - 0.5,
        "axes.formatter.useoffset": False,
        "legend.frameon": False,
        "legend.fontsize": _FONT - 0.5,
        "lines.linewidth": 1.6,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "figure.constrained_layout.w_pad": 0.08,
        "figure.constrained_layout.h_pad": 0.06,
        "svg.hashsalt": "labctl",  # the same figure gives the same file
        "pdf.fonttype": 42,  # text stays text
    }


def _mark(figure: Figure) -> None:
    figure.text(0.995, 0.005, "SIMULATED", ha="right", va="bottom", color=SIMULATED, weight="bold")


def _draw_group(figure: Figure, cell: Any, group: tuple[Panel, ...]) -> None:
    """Draw a panel, and its residuals below on the same abscissa."""
    ratios = [1.0] + [_RESIDUALS] * (len(group) - 1)
    inner = cell.subgridspec(len(group), 1, height_ratios=ratios, hspace=0.04)
    x_values = [x for panel in group for trace in panel.traces for x in trace.x]
    x_log = group[0].x_log and any(x > 0 for x in x_values)
    x_scale = scale_for((x for x in x_values if x > 0 or not x_log), group[0].x_unit, x_log)
    top: Axes | None = None
    for k, panel in enumerate(group):
        axes = figure.add_subplot(inner[k], sharex=top)
        top = top or axes
        if x_log:
            axes.set_xscale("log")
        _draw_panel(axes, panel, x_scale, x_log)
        last = k == len(group) - 1
        axes.tick_params(labelbottom=last)
        if last:
            axes.set_xlabel(axis_label(group[0].x_label, x_scale))
    if x_log and top is not None:
        _plain_decades(top)
    elif top is not None and _counts(group[0]):
        top.locator_params(axis="x", integer=True)


def _counts(panel: Panel) -> bool:
    """Whether the abscissa counts something: there is no cycle 1.5."""
    counted = [x for trace in panel.traces if trace.kind == "points" for x in trace.x]
    return panel.x_unit == "1" and bool(counted) and all(x == round(x) for x in counted)


def _draw_panel(axes: Axes, panel: Panel, x_scale: Scale, x_log: bool) -> None:
    y_values = [y for trace in panel.traces for y in trace.y]
    y_log = panel.y_log and any(y > 0 for y in y_values)
    y_scale = scale_for((y for y in y_values if y > 0 or not y_log), panel.y_unit, y_log)
    if y_log:
        axes.set_yscale("log")
    has_data = any(trace.kind in ("points", "tiles") for trace in panel.traces)
    looks = _looks(panel.traces, has_data)
    for trace, look in zip(panel.traces, looks, strict=True):
        if trace.kind == "tiles":
            draw_tiles(axes, panel, trace, x_scale, y_scale)
            continue
        shown = _shown(trace, x_scale, y_scale, x_log, y_log)
        _draw_trace(axes, trace, shown, look)
    axes.set_ylabel(axis_label(panel.y_label, y_scale))
    if panel.residuals_of:
        axes.axhline(0.0, color=_FADED, linewidth=0.8, zorder=0)
        axes.locator_params(axis="y", nbins=3)
        axes.margins(y=0.15)
    else:
        axes.set_title(literal(panel.title))
        if any(trace.label for trace in panel.traces if trace.kind != "tiles"):
            # to search the best place among many points takes seconds
            axes.legend(loc="best" if len(y_values) <= _MOST_VECTORS else "upper right")


class _Look(NamedTuple):
    colour: str
    marker: str
    dashes: Any


def _looks(traces: Sequence[Trace], has_data: bool) -> list[_Look]:
    """Give every trace a colour, a marker and a dash.

    Beside data a line is a fit: the first one dark and solid, its rivals grey and dashed. Without
    data it is the subject.
    """
    looks, subjects, lines = [], 0, 0
    for trace in traces:
        fit = has_data and trace.kind != "points"
        plain = (_FADED if lines else _INK) if fit else CATEGORICAL[subjects % 4]
        colour = _BRANCHES.get(trace.branch, plain)
        dashes = _DASHES[lines % 4] if fit else "-"
        looks.append(_Look(colour, _MARKERS[subjects % 4], dashes))
        lines += fit
        subjects += not fit and not trace.branch
    return looks


class _Shown(NamedTuple):
    """What of a trace can be shown, in the units of the axes."""

    x: Array
    y: Array
    bars: Array | None


def _shown(trace: Trace, x_scale: Scale, y_scale: Scale, x_log: bool, y_log: bool) -> _Shown:
    """Leave out what has no place on a logarithmic axis or is not finite."""
    count = min(len(trace.x), len(trace.y))
    x = np.array(trace.x[:count], float) * x_scale.factor
    y = np.array(trace.y[:count], float) * y_scale.factor
    good = np.isfinite(x) & np.isfinite(y) & ((x > 0) | (not x_log)) & ((y > 0) | (not y_log))
    if len(trace.y_error) != count or not any(e > 0 for e in trace.y_error):
        return _Shown(x[good], y[good], None)
    bars = np.array(trace.y_error, float) * y_scale.factor
    bars = np.where(np.isfinite(bars) & (bars > 0), bars, 0.0)
    return _Shown(x[good], y[good], bars[good])


def _draw_trace(axes: Axes, trace: Trace, shown: _Shown, look: _Look) -> None:
    label = literal(trace.label) or "_"  # matplotlib leaves such a label out of the legend
    crowded = len(shown.x) > _MOST_VECTORS
    if trace.kind != "points":
        style = "steps-post" if trace.kind == "steps" else "default"
        axes.plot(
            shown.x, shown.y, color=look.colour, linestyle=look.dashes, label=label,
            drawstyle=style, rasterized=crowded, zorder=3,
        )  # fmt: skip
        return
    axes.errorbar(
        shown.x, shown.y, yerr=shown.bars, fmt=look.marker, color=look.colour, label=label,
        markersize=3 if crowded else 5, markeredgewidth=0, elinewidth=1.1, capsize=0, zorder=2,
        rasterized=crowded,
    )  # fmt: skip


def _plain_decades(axes: Axes) -> None:
    """Write 10, 100, 1000 rather than powers, and 20, 50 where there are few of those."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    low, high = axes.get_xlim()
    if low < 1e-3 or high > 1e5:
        return
    plain = FuncFormatter(lambda x, _: f"{x:g}")
    between = FuncFormatter(lambda x, _: f"{x:g}" if f"{x:e}"[0] in "25" else "")
    axes.xaxis.set_major_formatter(plain)
    axes.xaxis.set_minor_formatter(between if high < 40 * low else NullFormatter())


def render(panels: Sequence[Panel], simulated: bool, form: str) -> bytes:
    """Return a figure as the bytes of a file.

    Parameters
    ----------
    panels, simulated
        As for `draw`.
    form
        One of `FORMATS`.

    Raises
    ------
    BadInput
        The format is unknown, or matplotlib is not installed.
    """
    if form not in FORMATS:
        raise BadInput(f'a figure as "{form}" was asked for; allowed are {", ".join(FORMATS)}')
    figure = draw(panels, simulated)  # says so when matplotlib is missing
    from matplotlib import rc_context

    # without a date the same data give the same file
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form)
    file = io.BytesIO()
    with rc_context(_style()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # a box is shown for it
        figure.savefig(file, format=form, dpi=_DPI, metadata=metadata)
    return file.getvalue()


def save(panels: Sequence[Panel], path: Path, simulated: bool) -> None:
    """Write a figure; the format is the suffix of the path.

    Parameters
    ----------
    panels, simulated
        As for `draw`.
    path
        File ending in ``.svg``, ``.png`` or ``.pdf``.

    Raises
    ------
    BadInput
        The suffix is another one, or the file cannot be written.
    """
    content = render(panels, simulated, path.suffix.lstrip(".").lower())
    try:
        path.write_bytes(content)
    except OSError as error:
        raise BadInput(f'the figure "{path}" cannot be written: {error.strerror}') from None
