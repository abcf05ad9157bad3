"""Every export, read back by a foreign reader: values to the last digit, units, attributes."""

from __future__ import annotations

import ast
import base64
import csv
import json
import math
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import msgspec
import numpy as np
import pytest

import labctl
from labctl.dataset import MEANING, TEXT, about, columns_of
from labctl.export import FORMS, export
from labctl.readings import COLUMN_UNITS
from labctl.results import Results

FEW = {"repeats": 2, "intervals": "10 ms .. 200 ms, 6 log", "restore": "wait", "longest_wait": 1}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    return labctl.run("ppf", bench="direct-ftj-noise", out=out, seed=5, device="D3", **FEW)


@pytest.fixture(scope="module")
def expected(run):
    return columns_of(run)


def same(found, wanted):
    """Compare a column: text as text, numbers bit for bit, what is missing in the same places."""
    if isinstance(wanted, list):
        assert [str(x) for x in found] == wanted
    else:
        assert len(wanted)
        np.testing.assert_array_equal(np.asarray(found, wanted.dtype), wanted)


def test_csv_in_pandas(run, expected, tmp_path):
    pd = pytest.importorskip("pandas")
    (path,) = export(run, "csv", tmp_path / "a.csv")
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)  # each pandas rounds as it likes
    heads = [f"{n} ({u})" if (u := COLUMN_UNITS[n]) not in ("", "1") else n for n in expected]
    assert list(frame.columns) == heads
    for head, (name, wanted) in zip(heads, expected.items(), strict=True):
        cells = frame[head].tolist()
        same(cells if name in TEXT else [float(cell) for cell in cells], wanted)


def test_origin_in_plain_csv(run, expected, tmp_path):
    (path,) = export(run, "origin", tmp_path / "a.csv")
    names, units, comments, *body = csv.reader(path.read_text("utf-8").splitlines())
    assert names == list(expected)
    assert units == ["" if (u := COLUMN_UNITS[n]) in ("", "1") else u for n in names]
    assert comments == [MEANING[name] for name in names]
    for name, cells in zip(names, zip(*body, strict=True), strict=True):
        same(cells if name in TEXT else [float(cell) for cell in cells], expected[name])


def test_hdf5_in_h5py(run, expected, tmp_path):
    h5py = pytest.importorskip("h5py")
    (path,) = export(run, "hdf5", tmp_path / "a.h5")
    with h5py.File(path) as file:
        for name, wanted in expected.items():
            data = file["readings"][name]
            same(data.asstr()[:] if name in TEXT else data[:], wanted)
            assert data.attrs["units"] == COLUMN_UNITS[name]
            assert data.attrs["long_name"] == MEANING[name]
        for name, value in about(run).items():
            found = file.attrs[name]
            assert (json.loads(found) if isinstance(value, dict) else found) == value, name
        steps = file["steps"]
        assert steps["index"][:].tolist() == [step.index for step in run.steps]
        assert steps["attempt"][:].tolist() == [step.attempt for step in run.steps]
        assert [json.loads(text) for text in steps["label"].asstr()] == [s.label for s in run.steps]
        assert set(file["metrics"]) == set(run.metrics)
        for name, metric in run.metrics.items():
            number(file["metrics"][name], metric)
            assert file["metrics"][name].attrs["definition"] == metric.definition
            assert bool(file["metrics"][name].attrs["bound"]) is metric.bound
        assert set(file["fits"]) == set(run.fits)
        for name, fit in run.fits.items():
            group = file["fits"][name]
            assert (group.attrs["model"], group.attrs["definition"]) == (fit.model, fit.definition)
            assert (group.attrs["note"], group.attrs["identifiable"]) == (
                fit.note,
                fit.identifiable,
            )
            for key, value in fit.values.items():
                number(group[key], value)


def test_hdf5_tables_in_h5py(run, tmp_path):
    h5py = pytest.importorskip("h5py")
    (path,) = export(run, "hdf5", tmp_path / "a.h5")
    with h5py.File(path) as file:
        for k, table in enumerate(run.results.tables):
            group = file["tables"][f"{k:02d}"]
            assert group.attrs["title"] == table.title
            for j, column in enumerate(table.columns):
                data = group[f"{j:02d}"]
                assert (data.attrs["name"], data.attrs["units"]) == (column.name, column.unit)
                if h5py.check_string_dtype(data.dtype):
                    assert data.asstr()[:].tolist() == ["" if x is None else x for x in column.data]
                else:
                    wanted = [math.nan if x is None else float(x) for x in column.data]
                    np.testing.assert_array_equal(data[:], wanted)


def number(data, wanted):
    """Compare a scalar of an HDF5 file with a metric or a parameter."""
    assert data[()] == wanted.value
    assert data.attrs["units"] == wanted.unit
    sigma = float(data.attrs["sigma"])
    assert math.isnan(sigma) if wanted.sigma is None else sigma == wanted.sigma


def test_parquet_in_pyarrow_and_pandas(run, expected, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    pd = pytest.importorskip("pandas")
    (path,) = export(run, "parquet", tmp_path / "a.parquet")
    table = pq.read_table(path)
    assert table.column_names == list(expected)
    for name, wanted in expected.items():
        column = table[name]
        same(column.to_pylist() if name in TEXT else column.to_numpy(), wanted)
        notes = table.schema.field(name).metadata
        assert notes == {b"unit": COLUMN_UNITS[name].encode(), b"meaning": MEANING[name].encode()}
    assert json.loads(table.schema.metadata[b"labctl"]) == about(run)
    results = msgspec.json.decode(table.schema.metadata[b"results"], type=Results)
    assert results.metrics == run.metrics
    assert results.fits == run.fits
    frame = pd.read_parquet(path)
    for name, wanted in expected.items():
        same(frame[name].tolist() if name in TEXT else frame[name].to_numpy(), wanted)


def test_netcdf_in_xarray_and_h5py(run, expected, tmp_path):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    h5py = pytest.importorskip("h5py")
    (path,) = export(run, "netcdf", tmp_path / "a.nc")
    with xarray.open_dataset(path, engine="h5netcdf") as back:
        assert back.sizes == {"reading": len(run.readings)}
        for name, wanted in expected.items():
            same(list(back[name].to_numpy()) if name in TEXT else back[name].to_numpy(), wanted)
            assert back[name].attrs["units"] == COLUMN_UNITS[name]
            assert back[name].attrs["long_name"] == MEANING[name]
        for name, value in about(run).items():
            found = back.attrs[name]
            assert (json.loads(found) if isinstance(value, dict) else found) == value, name
        metrics = json.loads(back.attrs["metrics"])
        assert {name: m["value"] for name, m in metrics.items()} == {
            name: m.value for name, m in run.metrics.items()
        }
        assert metrics["energy"]["unit"] == "J"
    with h5py.File(path) as file:  # a NetCDF 4 file is an HDF5 file to any other program
        np.testing.assert_array_equal(file["i"][:], expected["i"])
        assert file["i"].attrs["units"] == "A"


def test_a_notebook_gets_a_data_frame_and_a_dataset(run, expected):
    pytest.importorskip("pandas")
    pytest.importorskip("xarray")
    frame, dataset = run.to_dataframe(), run.to_xarray()
    assert list(frame.columns) == list(expected)
    assert frame.attrs["units"] == COLUMN_UNITS
    assert dataset["v"].dims == ("reading",)
    for name, wanted in expected.items():
        for made in (frame[name], dataset[name]):
            same(made.to_numpy().tolist() if name in TEXT else made.to_numpy(), wanted)
        assert dataset[name].attrs == {"units": COLUMN_UNITS[name], "long_name": MEANING[name]}
    assert {name: dataset.attrs[name] for name in about(run)} == about(run)
    wanted = run.metrics["index"]
    assert dataset.attrs["metrics"]["index"] == {
        "value": wanted.value, "sigma": wanted.sigma, "unit": wanted.unit,
        "definition": wanted.definition,
    }  # fmt: skip


# -- pages ---------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The rows of the tables of a page, its pictures, and whether its elements close."""

    VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})

    def __init__(self, text):
        super().__init__()
        self.rows, self.pictures, self.open = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "img":
            self.pictures.append(dict(attrs)["src"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def digits(text):
    """Return the first number of a printed quantity."""
    return float(re.search(r"-?\d+(?:\.\d+)?", text)[0])


def test_html_is_a_page_with_every_figure_and_no_address(run, tmp_path):
    (path,) = export(run, "html", tmp_path / "a.html")
    page = Page(path.read_text("utf-8"))
    assert page.open == []
    for name, metric in run.metrics.items():
        row = next(row for row in page.rows if row and row[0].strip() == name)
        assert digits(row[1]) == digits(str(metric))
    assert page.pictures
    for source in page.pictures:
        kind, _, content = source.partition(";base64,")
        picture = base64.b64decode(content, validate=True)
        if kind == "data:image/svg+xml":
            assert ET.fromstring(picture).tag.endswith("svg")
        else:
            assert picture.startswith(b"\x89PNG")


def test_markdown_is_tables_that_split_at_their_bars(run, tmp_path):
    (path,) = export(run, "markdown", tmp_path / "a.md")
    lines = path.read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if
            line.startswith("| ")]  # fmt: skip
    found = {row[0]: row[1:] for row in rows if len(row) == 3}
    for name, metric in run.metrics.items():
        assert found[name] == [str(metric), f"`{metric.definition}`"]
    parameters = {(row[0], row[1]): row[2] for row in rows if len(row) == 4}
    for name, fit in run.fits.items():
        for key, value in fit.values.items():
            assert digits(parameters[name, key]) == digits(str(value))


def test_pdf_is_a_whole_file(run, tmp_path):
    (path,) = export(run, "pdf", tmp_path / "a.pdf")
    data = path.read_bytes()
    assert data.startswith(b"%PDF-1.")
    assert data.rstrip().endswith(b"%%EOF")
    # the table of its objects is where the end of the file says
    at = int(re.search(rb"startxref\s+(\d+)", data)[1])
    assert data[at : at + 4] == b"xref"
    assert len(re.findall(rb"/Type /Page\b", data)) == 1


def test_a_record_shows_itself_in_a_notebook(run):
    page = Page(run._repr_html_())
    assert page.open == []
    assert {row[0] for row in page.rows if row} >= set(run.metrics)
    assert "SIMULATED" in run._repr_html_()
    assert repr(run).startswith("<ppf on direct-ftj-noise, done: ")


# -- cards of simulators -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def updates(tmp_path_factory):
    out = tmp_path_factory.mktemp("updates")
    return labctl.run("ltp-ltd", bench="direct-ftj", out=out, pulses=10, cycles=2)


def test_the_text_of_a_neurosim_card_is_its_numbers(updates, tmp_path):
    export(updates, "neurosim", tmp_path)
    card = json.loads((tmp_path / "neurosim.json").read_text("utf-8"))
    text = (tmp_path / "neurosim.txt").read_text("utf-8")
    told = dict(re.findall(r"^(\w+) = ([-+.\de]+)", text, re.MULTILINE))
    for name, value in told.items():
        assert float(value) == pytest.approx(card[name], rel=1e-8)
    assert set(told) == set(card) - {"simulator", "model", "notes"}
    reads = [row.i / row.v for row in updates.readings if row.role == "read" and row.v]
    assert min(reads) <= card["minConductance"] < card["maxConductance"] <= max(reads)
    assert card["readVoltage"] == updates.header.protocol["read"]


@pytest.mark.parametrize("name", ["soft_bounds", "linear_step"])
def test_the_text_of_an_aihwkit_card_is_a_call_with_its_numbers(updates, tmp_path, name):
    export(updates, "aihwkit", tmp_path)
    card = json.loads((tmp_path / f"{name}.json").read_text("utf-8"))
    imports, assigned = ast.parse((tmp_path / f"{name}.txt").read_text("utf-8")).body
    assert isinstance(imports, ast.ImportFrom)
    assert imports.names[0].name == assigned.value.func.id == card["model"]
    told = {word.arg: ast.literal_eval(word.value) for word in assigned.value.keywords}
    assert told.keys() == card["parameters"].keys()
    for key, value in told.items():
        assert value == pytest.approx(card["parameters"][key], rel=1e-8)


def test_a_crosssim_table_is_read_with_numpy(updates, tmp_path):
    export(updates, "crosssim", tmp_path)
    card = json.loads((tmp_path / "crosssim.json").read_text("utf-8"))
    lines = (tmp_path / "crosssim.txt").read_text("utf-8").splitlines()
    start = lines.index(next(line for line in lines if line.startswith("dG_increasing")))
    rows = [[float(cell) for cell in line.split(",")] for line in lines[start + 1 : start + 4]]
    for row, wanted in zip(rows, (card["G"], card["CDF"], card["dG_increasing"][0]), strict=True):
        np.testing.assert_allclose(row, wanted, rtol=1e-8)


def test_every_form_has_its_round_trip_here():
    from pathlib import Path

    text = Path(__file__).read_text("utf-8")
    assert all(f'"{form}"' in text for form in FORMS)
