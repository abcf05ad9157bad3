"""Exports: a record as other programs want it; the record itself stays what it is.

Every form keeps the units and says where it comes from. The layouts are described in
``docs/reference/exports.md``.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from labctl.analysis.card_runs import run_cards
from labctl.analysis.card_set import CardSet
from labctl.dataset import MEANING, TEXT, about, columns_of, library, numbered, to_xarray
from labctl.errors import BadInput
from labctl.journal import pretty
from labctl.listing import printable, provenance, report_html
from labctl.readings import COLUMN_UNITS
from labctl.record import Record
from labctl.results import Results, Table
from labctl.units import show_uncertain

__all__ = ["FORMS", "export"]


def export(record: Record, form: str, to: Path | None = None, terminal: str = "") -> list[Path]:
    """Write a record in another form.

    Parameters
    ----------
    record
        Finished or not.
    form
        One of `FORMS`.
    to
        File, or folder where the form is several files; beside the record unless given.
    terminal
        For device cards: the terminal that was driven and read; the first one unless given.

    Returns
    -------
    list of Path
        The files that were written.

    Raises
    ------
    BadInput
        The form is unknown, its library is missing, the run does not allow it, or the file cannot
        be written.
    """
    if form not in FORMS:
        raise BadInput(f'an export to "{form}" was asked for; allowed are {", ".join(FORMS)}')
    suffix, write = FORMS[form]
    path = to or record.folder / f"export{suffix}"
    try:
        if suffix:
            path.parent.mkdir(parents=True, exist_ok=True)
        return write(record, path, terminal)
    except OSError as error:
        raise BadInput(
            f'"{path}" cannot be written: {error.strerror or error}; name another with --output'
        ) from error


def _saved(path: Path, data: bytes) -> list[Path]:
    """Write a file whole, or leave nothing of it behind."""
    try:
        path.write_bytes(data)
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    return [path]


# -- text ----------------------------------------------------------------------------------------


def _csv(record: Record, path: Path, terminal: str) -> list[Path]:
    """Names with units in one row: what pandas, Excel and Igor read at once."""
    columns = columns_of(record)
    names = [f"{n} ({u})" if (u := COLUMN_UNITS[n]) not in ("", "1") else n for n in columns]
    return _saved(path, _written([names], columns).encode())


def _origin(record: Record, path: Path, terminal: str) -> list[Path]:
    """Long name, unit and comment in three rows, as Origin's import wizard takes them."""
    columns = columns_of(record)
    units = [u if (u := COLUMN_UNITS[n]) not in ("", "1") else "" for n in columns]
    heads = [list(columns), units, [MEANING[name] for name in columns]]
    return _saved(path, _written(heads, columns).encode())


def _written(heads: list[list[str]], columns: dict[str, Any]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows(heads)
    plain = [c.tolist() if isinstance(c, np.ndarray) else c for c in columns.values()]
    writer.writerows(zip(*plain, strict=True))
    return text.getvalue()


def _markdown(record: Record, path: Path, terminal: str) -> list[Path]:
    """Figures of merit, fits, notes and origin as a page for a lab book."""
    results = record.results
    lines = [f"# {record.protocol.title}", ""]
    if record.simulated:
        lines += [f"**SIMULATED** on {_plain(record.header.bench_name)}", ""]
    lines += _figures_of(results)
    lines += [f"- {_plain(note)}" for note in results.notes]
    for name, facts in provenance(record):
        lines += ["", f"## {name}", ""]
        lines += [f"- {_plain(key)}: {_plain(text)}" for key, text in facts]
    return _saved(path, ("\n".join(lines) + "\n").encode())


def _plain(text: str) -> str:
    """Return text from a file as text: one line, with no mark-up and no cell of a table."""
    return escape(" ".join(printable(text).split()), quote=False).replace("|", "\\|")


def _figures_of(results: Results) -> list[str]:
    lines = ["| figure of merit | value | definition |", "|---|---|---|"]
    lines += [
        f"| {_plain(name)} | {_plain(str(metric))} | `{_plain(metric.definition)}` |"
        for name, metric in results.metrics.items()
    ]
    if results.fits:
        lines += ["", "| fit | parameter | value | identifiable |", "|---|---|---|---|"]
    for name, fit in results.fits.items():
        for key, value in fit.values.items():
            told = _plain(show_uncertain(value.value, value.sigma, value.unit))
            sure = "yes" if fit.identifiable else "no"
            lines.append(f"| {_plain(name)} | {_plain(key)} | {told} | {sure} |")
    return [*lines, ""]


def _html(record: Record, path: Path, terminal: str) -> list[Path]:
    return _saved(path, report_html(record).encode())


def _pdf(record: Record, path: Path, terminal: str) -> list[Path]:
    from labctl.plot import render

    return _saved(path, render(record.results.panels, record.simulated, "pdf"))


# -- binary --------------------------------------------------------------------------------------


def _hdf5(record: Record, path: Path, terminal: str) -> list[Path]:
    h5py = library("h5py", "hdf5")
    # made in memory: on a disk that is full its library ends the whole process
    with h5py.File(path.name, "w", driver="core", backing_store=False) as file:
        for name, value in about(record).items():
            file.attrs[name] = json.dumps(value) if isinstance(value, dict) else value
        _hdf5_columns(file.create_group("readings"), columns_of(record))
        _hdf5_steps(file.create_group("steps"), record)
        _hdf5_results(file, record.results)
        _hdf5_tables(file.create_group("tables"), record.results.tables)
        file.flush()
        image = bytes(file.id.get_file_image())
    return _saved(path, image)


def _hdf5_steps(group: Any, record: Record) -> None:
    group["index"] = np.array([step.index for step in record.steps], np.int64)
    group["attempt"] = np.array([step.attempt for step in record.steps], np.int64)
    group["kind"] = [type(step.what).__name__.lower() for step in record.steps]
    group["label"] = [json.dumps(step.label) for step in record.steps]


def _hdf5_results(file: Any, results: Results) -> None:
    metrics = file.create_group("metrics")
    for name, metric in results.metrics.items():
        _hdf5_number(metrics, name, metric.value, metric.sigma, metric.unit)
        metrics[name].attrs["definition"] = metric.definition
        metrics[name].attrs["bound"] = metric.bound
    fits = file.create_group("fits")
    for name, fit in results.fits.items():
        group = fits.create_group(name)
        group.attrs["model"], group.attrs["definition"] = fit.model, fit.definition
        group.attrs["identifiable"], group.attrs["note"] = fit.identifiable, fit.note
        for key, value in fit.values.items():
            _hdf5_number(group, key, value.value, value.sigma, value.unit)


def _hdf5_columns(group: Any, columns: dict[str, Any]) -> None:
    for name, data in columns.items():
        group[name] = data if len(data) else np.array([], float)
        group[name].attrs["units"] = COLUMN_UNITS[name]
        group[name].attrs["long_name"] = MEANING[name]


def _hdf5_number(group: Any, name: str, value: float, sigma: float | None, unit: str) -> None:
    group[name] = value
    group[name].attrs["units"] = unit
    group[name].attrs["sigma"] = np.nan if sigma is None else sigma


def _hdf5_tables(group: Any, tables: tuple[Table, ...]) -> None:
    for number, table in enumerate(tables):
        inner = group.create_group(f"{number:02d}")
        inner.attrs["title"] = table.title
        for k, column in enumerate(table.columns):
            text = any(isinstance(x, str) for x in column.data)
            plain = [
                ("" if x is None else str(x)) if text else (np.nan if x is None else x)
                for x in column.data
            ]
            # a name may hold a slash, which HDF5 takes for a group
            inner[f"{k:02d}"] = plain if text else np.array(plain, float)
            inner[f"{k:02d}"].attrs["name"] = column.name
            inner[f"{k:02d}"].attrs["units"] = column.unit


def _parquet(record: Record, path: Path, terminal: str) -> list[Path]:
    pa = library("pyarrow", "parquet")
    import pyarrow.parquet as pq

    columns = columns_of(record)
    fields = []
    for name, data in columns.items():
        kind = pa.string() if name in TEXT else pa.from_numpy_dtype(data.dtype)
        notes = {"unit": COLUMN_UNITS[name], "meaning": MEANING[name]}
        fields.append(pa.field(name, kind, metadata=notes))
    notes = {"labctl": json.dumps(about(record)), "results": pretty(record.results).decode()}
    table = pa.table(list(columns.values()), schema=pa.schema(fields, metadata=notes))
    image = io.BytesIO()
    pq.write_table(table, image)
    return _saved(path, image.getvalue())


def _netcdf(record: Record, path: Path, terminal: str) -> list[Path]:
    library("h5netcdf", "netcdf")
    made = to_xarray(record)
    made.attrs = {
        name: json.dumps(value) if isinstance(value, dict) else int(value) if value in (True, False)
        else value for name, value in made.attrs.items()
    }  # fmt: skip
    image = io.BytesIO()  # as with HDF5, which it is
    made.to_netcdf(image, engine="h5netcdf")
    return _saved(path, image.getvalue())


# -- simulators ----------------------------------------------------------------------------------


def _cards(record: Record, path: Path, terminal: str, wanted: str) -> list[Path]:
    # a protocol of updates knows better than its rows what was written; others are walked through
    own = getattr(record.protocol, "cards", None)
    found: CardSet = own(record) if own and not terminal else _walked(record, terminal)
    cards = {name: card for name, card in found.cards.items() if card.simulator == wanted}
    if not cards:
        why = "; ".join(f"{name}: {text}" for name, text in found.missing.items())
        raise BadInput(f"the run allows no card for {wanted}: {why}")
    path.mkdir(parents=True, exist_ok=True)
    written = []
    for name, card in cards.items():
        for suffix, text in ((".json", card.json()), (".txt", card.text)):
            written += _saved(path / f"{name}{suffix}", f"{text}\n".encode())
    return written


def _walked(record: Record, terminal: str) -> CardSet:
    _, readings = numbered(record)
    seen = list(dict.fromkeys(row.terminal for row in readings))
    return run_cards(readings, terminal or (seen[0] if seen else ""))


def _neurosim(record: Record, path: Path, terminal: str) -> list[Path]:
    return _cards(record, path, terminal, "neurosim")


def _aihwkit(record: Record, path: Path, terminal: str) -> list[Path]:
    return _cards(record, path, terminal, "aihwkit")


def _crosssim(record: Record, path: Path, terminal: str) -> list[Path]:
    return _cards(record, path, terminal, "crosssim")


_Writer = Callable[[Record, Path, str], list[Path]]

#: suffix (empty: a folder) and writer of each form
FORMS: dict[str, tuple[str, _Writer]] = {
    "csv": (".csv", _csv),
    "origin": ("-origin.csv", _origin),
    "hdf5": (".h5", _hdf5),
    "parquet": (".parquet", _parquet),
    "netcdf": (".nc", _netcdf),
    "markdown": (".md", _markdown),
    "html": (".html", _html),
    "pdf": (".pdf", _pdf),
    "neurosim": ("", _neurosim),
    "aihwkit": ("", _aihwkit),
    "crosssim": ("", _crosssim),
}
