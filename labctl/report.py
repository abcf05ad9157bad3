"""Reports: the results of a run as one self-contained HTML file, or as a table in the terminal.

Text that came from files (titles, notes, sample names) is escaped. Figures are embedded, nothing is
fetched from anywhere, so a report can be mailed and printed. Values are printed with the digits
their uncertainty deserves; a parameter that the data do not determine is shown as the bound they
do set, never as a number.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from labctl import analysis  # its names are loaded when they are asked for
from labctl.errors import BadInput
from labctl.plot import SIMULATED, groups, render, scale_for
from labctl.results import Column, Fit, Metric, Panel, Results, Table, Value
from labctl.units import show, show_uncertain

if TYPE_CHECKING:
    from rich.console import Console

    from labctl.analysis.definitions import Definition

__all__ = ["Section", "metric_text", "report", "terminal", "typeset", "value_text"]

#: a heading, and (name, text) pairs below it
Section = tuple[str, Sequence[tuple[str, str]]]

_MOST_VECTORS = 20_000  # points of a figure; above, a picture is smaller than its description
_WIDE = 30  # a column that spans more has the unit of its middle
_MICRO = re.compile(r"(?<=\d) u(?=(?:[ACFJKSVWmsΩ]|Hz)\b)")
_GREEK = {"tau": "τ", "alpha": "α", "beta": "β", "gamma": "γ", "theta": "θ", "nu": "ν", "chi": "χ"}
_SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_PLAIN = {
    "σ": "sigma", "±": "+-", "≤": "<=", "≥": ">=", "µ": "u", "Ω": "Ohm", "…": "..",
    "–": "-", "²": "2",
    **{letter: name for name, letter in _GREEK.items()},
    **{chr(small): chr(digit) for digit, small in _SUBSCRIPT.items()},
}  # fmt: skip
_INDEXED = re.compile(r"\b(?:tau|c)\d\b")
_SYMBOL = re.compile(r"([A-Za-z]+)(\d*)")


def typeset(text: str) -> str:
    """Return a printed quantity with ± for +-, ≤ for <=, µ for u and Ω for Ohm.

    Examples
    --------
    >>> typeset("<= 4.1 uOhm")
    '≤ 4.1 µΩ'
    """
    for plain, printed in (("+-", "±"), ("<=", "≤"), (">=", "≥"), ("Ohm", "Ω")):
        text = text.replace(plain, printed)
    return _MICRO.sub(" µ", text)


def symbol(name: str) -> str:
    """Return the name of a parameter as physicists write it: ``tau1`` as τ₁.

    Examples
    --------
    >>> symbol("tau1"), symbol("c2"), symbol("baseline")
    ('τ₁', 'c₂', 'baseline')
    """
    match = _SYMBOL.fullmatch(name)
    if match is None or not (match[1] in _GREEK or len(match[1]) == 1):
        return name
    return _GREEK.get(match[1], match[1]) + match[2].translate(_SUBSCRIPT)


def formula(text: str) -> str:
    """Return a formula or a sentence about one with its symbols set.

    Examples
    --------
    >>> formula("y = c1 exp(-t/tau1); chi2 with 1/sigma^2")
    'y = c₁ exp(-t/τ₁); χ² with 1/σ²'
    """
    text = text.replace("chi2", "χ²").replace("sigma^2", "σ²")
    return _INDEXED.sub(lambda match: symbol(match[0]), typeset(text))


def metric_text(metric: Metric) -> str:
    """Return a figure of merit as it is printed."""
    return typeset(str(metric))


def value_text(value: Value) -> str:
    """Return a fitted parameter as it is printed.

    One whose profile is open on one side is given as the bound on the other, with the probability;
    one that is open on both sides has no number that would mean anything.
    """
    if value.low is None and value.high is None and value.sigma is None:
        return "not determined"
    if value.low is None and value.high is not None:
        return typeset(f"<= {show(value.high, value.unit)}")
    if value.high is None and value.low is not None:
        return typeset(f">= {show(value.low, value.unit)}")
    return typeset(show_uncertain(value.value, value.sigma, value.unit))


def interval_text(value: Value) -> str:
    """Return the 95 % profile interval as it is printed, in one unit."""
    ends = [end for end in (value.low, value.high) if end is not None]
    if not ends:
        return "open"
    scale = scale_for(ends, value.unit)
    width = (max(ends) - min(ends)) * scale.factor / 2
    digits = f".{max(0, 1 - math.floor(math.log10(width)))}f" if width > 0 else ".3g"
    shown = [f"{end * scale.factor:{digits}}" for end in ends]
    if value.low is None:
        return f"open … {shown[0]} {scale.unit}".rstrip()
    if value.high is None:
        return f"{shown[0]} {scale.unit} … open".replace("  ", " ")
    return f"{shown[0]} … {shown[1]} {scale.unit}".rstrip()


def verdict(fit: Fit) -> str:
    """Return in two words what the fit is worth."""
    if not fit.values:
        return "no fit"
    return "identifiable" if fit.identifiable else "not identifiable"


def quality(fit: Fit) -> str:
    """Return reduced chi2, AICc and number of points, those that there are."""
    parts = [f"{fit.points} points"]
    if fit.chi2_reduced is not None:
        parts.append(f"reduced χ² {fit.chi2_reduced:.3g}")
    if fit.aicc is not None:
        parts.append(f"AICc {fit.aicc:.1f}")
    return ", ".join(parts)


def report(
    header_facts: Sequence[Section],
    results: Results,
    title: str,
    simulated: bool,
    preview: Sequence[Panel] = (),
) -> str:
    """Return a report as one HTML document.

    Parameters
    ----------
    header_facts
        Provenance: sections of (name, text).
    results
        Figures of merit, fits, tables, panels and notes.
    title
        What was measured.
    simulated
        The bench was virtual: a band on top and every figure say so.
    preview
        Panels of the waveform, drawn before those of the results.

    Raises
    ------
    BadInput
        jinja2 or matplotlib is not installed (extra ``report``).
    """
    template = _template()
    used = {metric.definition for metric in results.metrics.values()}
    html: str = template.render(
        title=title,
        simulated=simulated,
        notes=results.notes,
        metrics=[_metric(name, metric) for name, metric in results.metrics.items()],
        figures=[_figure(group, simulated) for group in groups([*preview, *results.panels])],
        fits=[_fit(name, fit) for name, fit in results.fits.items()],
        tables=[_table(table) for table in results.tables],
        sections=header_facts,
        definitions=[
            analysis.DEFINITIONS[name] for name in sorted(used) if name in analysis.DEFINITIONS
        ],
    )
    return html


def notebook(results: Results, title: str, *, simulated: bool) -> str:
    """Return figures of merit and fits as a piece of HTML, for a notebook.

    Parameters
    ----------
    results
        What to show.
    title
        What was measured.
    simulated
        The bench was virtual: the title says so.
    """
    mark = f' <b style="color:{SIMULATED}">SIMULATED</b>' if simulated else ""
    rows = [f"<p>{escape(title)}{mark}</p><table>"]
    for name, metric in results.metrics.items():
        cells = (name, metric_text(metric), metric.definition)
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    for name, fit in results.fits.items():
        values = (f"{symbol(key)} {value_text(value)}" for key, value in fit.values.items())
        cells = (name.replace("_", " "), ", ".join(values), verdict(fit))
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    notes = "".join(f"<li>{escape(note)}</li>" for note in results.notes)
    return "".join([*rows, "</table>", f"<ul>{notes}</ul>" if notes else ""])


def _template() -> Any:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise BadInput(
            'a report was asked for, but jinja2 is missing: install labctl with the extra "report"'
        ) from None
    environment = Environment(
        loader=PackageLoader("labctl", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


class _Metric(NamedTuple):
    name: str
    value: str
    formula: str
    id: str


def _metric(name: str, metric: Metric) -> _Metric:
    known: Definition | None = analysis.DEFINITIONS.get(metric.definition)
    if known is None:
        return _Metric(name, metric_text(metric), metric.definition, "")
    return _Metric(name, metric_text(metric), known.formula, known.id)


class _Figure(NamedTuple):
    title: str
    source: str


def _figure(group: tuple[Panel, ...], simulated: bool) -> _Figure:
    """Embed one panel and its residuals, as SVG unless that would be huge."""
    points = sum(len(trace.x) for panel in group for trace in panel.traces)
    form, kind = ("svg", "svg+xml") if points <= _MOST_VECTORS else ("png", "png")
    content = base64.b64encode(render(group, simulated, form)).decode("ascii")
    return _Figure(group[0].title, f"data:image/{kind};base64,{content}")


class _Row(NamedTuple):
    name: str
    value: str
    interval: str
    open: bool


class _Fit(NamedTuple):
    name: str
    definition: str
    rows: list[_Row]
    identifiable: bool
    verdict: str
    quality: str
    note: str


def _fit(name: str, fit: Fit) -> _Fit:
    rows = [
        _Row(symbol(key), value_text(value), interval_text(value), None in (value.low, value.high))
        for key, value in fit.values.items()
    ]
    return _Fit(
        name.replace("_", " "),
        formula(fit.definition),
        rows,
        fit.identifiable,
        verdict(fit),
        quality(fit),
        formula(fit.note.replace("not identifiable: ", "")),  # the verdict beside it says so
    )


class _Column(NamedTuple):
    name: str
    number: bool


class _Table(NamedTuple):
    title: str
    columns: list[_Column]
    rows: list[tuple[str, ...]]


def _table(table: Table) -> _Table:
    columns, cells = [], []
    for column in table.columns:
        heading, shown = _cells(column)
        numeric = any(isinstance(x, int | float) and not isinstance(x, bool) for x in column.data)
        columns.append(_Column(heading, numeric))
        cells.append(shown)
    return _Table(table.title, columns, list(zip(*cells, strict=True)))


def _cells(column: Column) -> tuple[str, list[str]]:
    """Return heading and cells of a column, all in the unit that suits its numbers."""
    numbers = [x for x in column.data if isinstance(x, int | float) and not isinstance(x, bool)]
    wide = min(numbers, default=0) > 0 and max(numbers) > _WIDE * min(numbers)
    scale = scale_for(numbers, column.unit, log=wide)
    heading = f"{column.name} ({scale.unit})" if scale.unit else column.name
    return heading, [_cell(x, scale.factor) for x in column.data]


def _cell(x: float | str | bool | None, factor: float) -> str:
    if x is None:
        return "–"
    if isinstance(x, bool):
        return "yes" if x else "no"
    return x if isinstance(x, str) else f"{x * factor:.4g}"


def terminal(results: Results, console: Console) -> None:
    """Print figures of merit and fits as tables.

    Parameters
    ----------
    results
        What to show; without metrics and fits only the notes are printed.
    console
        Where to.
    """
    if results.metrics:
        rows = [
            (name, metric_text(metric), metric.definition)
            for name, metric in results.metrics.items()
        ]
        _print_grid(console, ("figure of merit", "value", "definition"), rows)
    if results.fits:
        console.print()
        headings = ("fit", "parameters", "AICc", "identifiable")
        _print_grid(console, headings, [_line(name, fit) for name, fit in results.fits.items()])
        console.print()
    for note in results.notes:
        _print(console, note, "yellow")


def _line(name: str, fit: Fit) -> tuple[str, ...]:
    """Return a fit as one row; intervals and notes are in the report."""
    pairs = [f"{symbol(key)} {value_text(value)}" for key, value in fit.values.items()]
    # two to a line fit a terminal of 80 columns beside the rest
    values = "\n".join(", ".join(pairs[k : k + 2]) for k in range(0, len(pairs), 2))
    aicc = "" if fit.aicc is None else f"{fit.aicc:.1f}"
    return name, values or fit.note, aicc, "yes" if fit.identifiable else "no"


def _print_grid(console: Console, headings: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(*headings, box=None, pad_edge=False)
    for row in rows:
        grid.add_row(*(Text(_encodable(cell, console.encoding)) for cell in row))
    console.print(grid)


def _print(console: Console, text: str, style: str) -> None:
    from rich.text import Text

    console.print(Text(_encodable(text, console.encoding), style))


def _encodable(text: str, encoding: str) -> str:
    """Write in plain letters what a terminal of another encoding could not show."""
    try:
        text.encode(encoding)
        return text
    except UnicodeEncodeError:
        for printed, plain in _PLAIN.items():
            text = text.replace(printed, plain)
        return text.encode(encoding, "replace").decode(encoding)
