"""What leaves the window: figures, data, reports, pages for the lab book; no Qt here.

Called in the working process, since matplotlib takes its time.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
from collections.abc import Iterator
from html import escape
from pathlib import Path

import msgspec

from gui.names import RECORDS
from gui.results_text import energies, energy_sentence
from gui.styles import POINTS
from labctl import plot
from labctl.errors import BadInput
from labctl.export import export
from labctl.listing import provenance, report_html
from labctl.plot import groups
from labctl.record import Record
from labctl.remarks import read_remarks
from labctl.report import interval_text, metric_text, symbol, value_text, verdict
from labctl.results import Panel

__all__ = ["csv_text", "lab_book_page", "save_data", "save_figure", "save_page", "save_record"]

_STYLE = """
body { font: 10.5pt "DejaVu Sans", Arial, sans-serif; color: #222; margin: 12mm auto;
  max-width: 180mm; }
h1 { font-size: 15pt; margin: 0 0 2mm; } h2 { font-size: 11pt; margin: 5mm 0 1mm; }
table { border-collapse: collapse; } td { padding: 0.5mm 4mm 0.5mm 0; vertical-align: top; }
.faded { color: #666; } .band { background: #E69F00; color: #000; font-weight: bold;
  padding: 1mm 3mm; display: inline-block; }
figure { margin: 3mm 0; } figure svg { width: 100%; height: auto; max-height: 105mm; }
.note { border: 1px solid #bbb; min-height: 25mm; padding: 2mm; white-space: pre-wrap; }
.hand { border-bottom: 1px solid #888; display: inline-block; width: 60mm; }
@media print { body { margin: 0; max-width: none; } @page { size: A4; margin: 15mm; } }
"""


def save_figure(panels: tuple[Panel, ...], simulated: bool, path: str) -> str:
    """Write panels as they are printed; the suffix of the path is the format.

    Raises
    ------
    BadInput
        The format is unknown, matplotlib is missing, or the file cannot be written.
    """
    plot.save(_printable(panels), Path(path), simulated)
    return path


def _printable(panels: tuple[Panel, ...]) -> tuple[Panel, ...]:
    """Turn the kinds of points that only the window knows into those that paper knows."""
    return tuple(
        msgspec.structs.replace(
            panel,
            traces=tuple(
                msgspec.structs.replace(t, kind="points") if t.kind in POINTS else t
                for t in panel.traces
            ),
        )
        for panel in panels
    )


def csv_text(panels: tuple[Panel, ...]) -> str:
    """Return the numbers behind panels: for every trace x, y and, if there are any, its errors.

    The first row names panel and trace, the second the quantity with its unit, in SI.
    """
    columns = [column for panel in panels for column in _columns(panel)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(column[0] for column in columns)
    writer.writerow(column[1] for column in columns)
    for row in itertools.zip_longest(*(column[2] for column in columns)):
        writer.writerow("" if value is None else repr(float(value)) for value in row)
    return out.getvalue()


def _columns(panel: Panel) -> Iterator[tuple[str, str, tuple[float, ...]]]:
    for trace in panel.traces:
        name = ": ".join(part for part in (panel.title, trace.label or trace.kind) if part)
        yield name, _headed(panel.x_label, panel.x_unit), trace.x
        yield name, _headed(panel.y_label, panel.y_unit), trace.y
        if len(trace.y_error) == len(trace.y) and len(trace.y):
            yield name, _headed(f"u({panel.y_label})", panel.y_unit), trace.y_error


def _headed(label: str, unit: str) -> str:
    return f"{label} [{unit}]" if unit not in ("", "1") else label


def save_data(panels: tuple[Panel, ...], path: str) -> str:
    """Write the numbers behind panels as CSV.

    Raises
    ------
    BadInput
        The file cannot be written.
    """
    return _write(Path(path), csv_text(panels))


def save_page(form: str, folder: str, path: str) -> str:
    """Write the ``report`` or the ``page`` for the lab book of a run, as one HTML file.

    Raises
    ------
    BadInput
        It is not a run folder, or the file cannot be written.
    """
    record = Record(folder)
    return _write(Path(path), report_html(record) if form == "report" else lab_book_page(record))


def save_record(folder: str, path: str) -> str:
    """Write a whole run as other programs want it; the suffix of the path is the form.

    Raises
    ------
    BadInput
        It is not a run folder, the suffix is none of `RECORDS`, the form's library is missing, or
        the file cannot be written.
    """
    form = next((form for form, suffix in RECORDS.items() if path.endswith(f".{suffix}")), None)
    if form is None:
        asked = ", ".join(f".{suffix}" for suffix in RECORDS.values())
        raise BadInput(f'"{path}" was asked for; the suffix has to be one of {asked}')
    export(Record(folder), form, Path(path))
    return path


def _write(path: Path, text: str) -> str:
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise BadInput(f'"{path}" cannot be written: {error.strerror}; choose another') from None
    return str(path)


def lab_book_page(record: Record) -> str:
    """Return one page to print and put in: what, on what, the main figure, the numbers, room."""
    results, header = record.results, record.header
    title = record.protocol.title
    found = groups(results.panels)
    main = next((g for g in found if len(g) > 1), found[-1] if found else ())
    band = '<p class="band">SIMULATED</p>' if record.simulated else ""
    figure = ""
    if main:
        svg = plot.render(_printable(main), record.simulated, "svg").decode()
        figure = f"<figure>{svg[svg.index('<svg') :]}</figure>"
    facts = dict(provenance(record)[0][1])
    started = dt.datetime.fromtimestamp(header.started).astimezone()
    rows = "".join(_row(name, facts[name]) for name in ("device", "bench", "operator", "status"))
    numbers = "".join(
        _row(name.replace("_", " "), metric_text(metric), metric.definition)
        for name, metric in results.metrics.items()
    )
    said = "".join(
        f'<p class="faded">{escape(name)}: {escape(energy_sentence(metric))}</p>'
        for name, metric in energies(results).items()
    )
    note = read_remarks(record.folder)
    tags = " ".join(f"#{tag}" for tag in note.tags)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><body>{band}<h1>{escape(title)}</h1>"
        f'<p class="faded">{started:%Y-%m-%d %H:%M} · {escape(str(record.folder))}</p>'
        f"<table>{rows}</table>{figure}<h2>Figures of merit</h2><table>{numbers}</table>{said}"
        f"{_fits(record)}<h2>Notes</h2>"
        f'<div class="note">{escape(" ".join(part for part in (note.note, tags) if part))}</div>'
        '<p>Signed <span class="hand">&nbsp;</span> Date <span class="hand">&nbsp;</span></p>'
        "</body></html>\n"
    )


def _fits(record: Record) -> str:
    """Return the fits that the data determine; the rest is in the report."""
    parts = []
    for name, fit in record.results.fits.items():
        if not fit.identifiable:
            continue
        rows = "".join(
            _row(symbol(key), value_text(value), f"95 %: {interval_text(value)}")
            for key, value in fit.values.items()
        )
        parts.append(f"<tr><td><b>{escape(name.replace('_', ' '))}</b>, {verdict(fit)}</td></tr>")
        parts.append(rows)
    return f"<h2>Fits</h2><table>{''.join(parts)}</table>" if parts else ""


def _row(*cells: str) -> str:
    first, *rest = (escape(cell) for cell in cells)
    last = f'<td class="faded">{rest[1]}</td>' if len(rest) > 1 else ""
    return f"<tr><td>{first}</td><td>{rest[0]}</td>{last}</tr>"
