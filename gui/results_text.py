"""Results as text for the window: what a number is, how sure, by which definition; no Qt here."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from urllib.parse import quote

from labctl.analysis.references import BIOLOGY, energy_reference
from labctl.report import formula, interval_text, metric_text, quality, symbol, value_text, verdict
from labctl.results import Fit, Metric, Results
from labctl.units import show

__all__ = ["Tints", "energies", "energy_sentence", "page", "plain_text", "residual_verdict"]

_UNLIKELY = 0.01  # probability of so few changes of sign

#: ink, faded, good, warning, line: colours as ``#rrggbb``
Tints = tuple[str, str, str, str, str]


def page(results: Results, tints: Tints) -> str:
    """Return results as HTML; every number is a link ``copy:`` with its text."""
    parts = [*_metrics(results, tints), *_notes(results, tints), *_fits(results, tints)]
    return "".join(parts)


def _metrics(results: Results, tints: Tints) -> Iterator[str]:
    if not results.metrics:
        return
    yield _heading("Figures of merit")
    yield '<table cellpadding="2" width="100%">'
    for name, metric in results.metrics.items():
        text = metric_text(metric)
        label = escape(name.replace("_", " "))
        yield (
            f'<tr><td width="36%">{label}</td>'
            f"<td>{_number(text, name, tints)}<br>"
            f'<span style="color:{tints[1]};font-size:8pt">{escape(metric.definition)}</span>'
            "</td></tr>"
        )
    yield "</table>"
    for name, metric in energies(results).items():
        said = escape(f"{name}: {energy_sentence(metric)}")
        yield f'<p style="color:{tints[1]}">{said}</p>'


def _fits(results: Results, tints: Tints) -> Iterator[str]:
    if results.fits:
        yield _heading("Fits")
    for name, fit in results.fits.items():
        yield from _fit(name, fit, tints)


def _fit(name: str, fit: Fit, tints: Tints) -> Iterator[str]:
    tint = tints[2] if fit.identifiable else tints[3]
    yield (
        f'<p style="margin-top:10px;margin-bottom:2px"><b>{escape(name.replace("_", " "))}</b> '
        f'<span style="color:{tint}">{verdict(fit)}</span><br>'
        f'<span style="color:{tints[1]};font-size:8pt">{escape(quality(fit))}</span></p>'
    )
    if fit.values:
        yield '<table cellpadding="2" width="100%">'
        for key, value in fit.values.items():
            text = value_text(value)
            yield (
                f'<tr><td width="22%">{escape(symbol(key))}</td>'
                f"<td>{_number(text, symbol(key), tints)}<br>"
                f'<span style="color:{tints[1]};font-size:8pt">'
                f"95 %: {escape(interval_text(value))}</span></td></tr>"
            )
        yield "</table>"
    said = [residual_verdict(fit), formula(fit.note.replace("not identifiable: ", ""))]
    for text in filter(None, said):
        yield f'<p style="margin:2px;color:{tints[3]};font-size:8pt">{escape(text)}</p>'


def _notes(results: Results, tints: Tints) -> Iterator[str]:
    if results.notes:
        yield _heading("What the numbers stand on")
    for note in results.notes:
        yield f'<p style="margin-top:2px;margin-bottom:2px">{escape(formula(note))}</p>'


def _heading(text: str) -> str:
    return f'<p style="margin-top:12px;margin-bottom:4px"><b>{escape(text)}</b></p>'


def _number(text: str, name: str, tints: Tints) -> str:
    link = quote(f"{name} = {text}")
    shown = escape(text).replace(" ", "&nbsp;")
    return f'<a href="copy:{link}" style="color:{tints[0]};text-decoration:none">{shown}</a>'


def residual_verdict(fit: Fit) -> str:
    """Return what the signs of the residuals say, where they say something.

    Examples
    --------
    >>> residual_verdict(Fit("single_decay", "", runs=0.4))
    ''
    """
    if fit.runs is None or fit.runs >= _UNLIKELY:
        return ""
    chance = show(fit.runs, "1", 1) if fit.runs >= 1e-6 else "less than 0.000001"
    return (
        "the residuals stay on one side for long stretches (by chance with probability "
        f"{chance}): the model is not that of the data"
    )


def energies(results: Results) -> dict[str, Metric]:
    """Return the figures of merit that are energies."""
    return {name: metric for name, metric in results.metrics.items() if metric.unit == "J"}


def energy_sentence(metric: Metric) -> str:
    """Return where an energy stands among those reported for devices."""
    known = [
        row.energy_low
        for row in energy_reference()
        if row.energy_low is not None and row.kind == "device"
    ]
    larger = sum(other < metric.value for other in known)
    bound = "an upper bound that is " if metric.bound else ""
    some = f"{larger} of" if larger < len(known) else "all"
    return (
        f"{bound}larger than {some} {len(known)} energies reported for devices, "
        f"{_times(metric.value / BIOLOGY)} the usual figure for biology"
    )


def _times(ratio: float) -> str:
    """Return a ratio in words that are read at a glance."""
    for size, word in ((1e9, " billion"), (1e6, " million"), (1e3, " thousand"), (1.0, "")):
        if ratio >= size:
            return f"{show(ratio / size, '1', 2)}{word} times"
    return f"1/{show(1 / ratio, '1', 2)} of" if ratio > 0 else "none of"


def plain_text(results: Results) -> str:
    """Return the numbers as lines of text, for a lab book."""
    lines = [
        f"{name.replace('_', ' ')} = {metric_text(metric)} ({metric.definition})"
        for name, metric in results.metrics.items()
    ]
    for name, fit in results.fits.items():
        lines.append(f"{name.replace('_', ' ')}: {verdict(fit)}, {quality(fit)}")
        lines += [
            f"  {symbol(key)} = {value_text(value)}, 95 %: {interval_text(value)}"
            for key, value in fit.values.items()
        ]
    return "\n".join([*lines, *(formula(note) for note in results.notes)])
