"""Exports: what is read back is what was measured, to the last digit, with its units."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

import labctl
from labctl.errors import BadInput
from labctl.export import FORMS, export
from labctl.record import Record

FEW = {"repeats": 2, "intervals": "10 ms .. 200 ms, 6 log", "restore": "wait", "longest_wait": 1}
COLUMNS = ("t", "v_set", "v", "i", "width", "u_v", "u_i")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    return labctl.run("ppf", bench="sim-ftj", out=out, seed=5, device="D3", **FEW)


@pytest.mark.parametrize("form", ["csv", "origin"])
def test_text_reads_back_to_the_last_digit(run, tmp_path, form):
    (path,) = export(run, form, tmp_path / "a.csv")
    rows = list(csv.reader(path.read_text("utf-8").splitlines()))
    heads = 3 if form == "origin" else 1
    if form == "origin":
        assert rows[0][:4] == ["step", "t", "terminal", "role"]
        assert rows[1][:4] == ["", "s", "", ""]
        assert "run began" in rows[2][1]
    else:
        assert rows[0][:4] == ["step", "t (s)", "terminal", "role"]
    body = rows[heads:]
    assert len(body) == len(run.readings)
    np.testing.assert_array_equal([float(row[6]) for row in body], run.readings.i)


def test_hdf5_holds_readings_steps_and_results_with_units(run, tmp_path):
    h5py = pytest.importorskip("h5py")
    (path,) = export(run, "hdf5", tmp_path / "a.h5")
    with h5py.File(path) as file:
        for name in COLUMNS:
            np.testing.assert_array_equal(file["readings"][name][:], getattr(run.readings, name))
        assert file["readings/i"].attrs["units"] == "A"
        assert file["readings/terminal"].asstr()[0] == "top"
        assert file.attrs["kind"] == "ppf"
        assert bool(file.attrs["simulated"])
        assert json.loads(file.attrs["header"])["seed"] == 5
        assert json.loads(file["steps/label"].asstr()[0]) == run.steps[0].label
        metric = file["metrics/index"]
        assert metric[()] == run.metrics["index"].value
        assert metric.attrs["definition"] == run.metrics["index"].definition
        fit = file["fits/single_decay"]
        assert fit["tau1"][()] == run.fits["single_decay"].tau1.value
        assert fit["tau1"].attrs["units"] == "s"
        assert file["tables/00"].attrs["title"] == run.results.tables[0].title
        assert file["tables/00/00"][0] == run.results.tables[0].columns[0].data[0]


def test_parquet_keeps_units_in_the_schema(run, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    (path,) = export(run, "parquet", tmp_path / "a.parquet")
    table = pq.read_table(path)
    for name in COLUMNS:
        np.testing.assert_array_equal(table[name].to_numpy(), getattr(run.readings, name))
    assert table.schema.field("u_i").metadata[b"unit"] == b"A"
    about = json.loads(table.schema.metadata[b"labctl"])
    assert about["header"]["protocol"]["kind"] == "ppf"


def test_netcdf_and_xarray(run, tmp_path):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    made = run.to_xarray()
    assert made["i"].attrs["units"] == "A"
    assert made.attrs["metrics"]["index"]["value"] == run.metrics["index"].value
    (path,) = export(run, "netcdf", tmp_path / "a.nc")
    with xarray.open_dataset(path, engine="h5netcdf") as back:
        for name in COLUMNS:
            np.testing.assert_array_equal(back[name].to_numpy(), getattr(run.readings, name))
        assert list(back["role"].to_numpy()[:3]) == [row.role for row in run.readings[:3]]
        assert json.loads(back.attrs["header"])["bench_name"] == "sim-ftj"


def test_pages_say_where_the_numbers_come_from(run, tmp_path):
    (path,) = export(run, "markdown", tmp_path / "a.md")
    text = path.read_text("utf-8")
    assert "**SIMULATED** on sim-ftj" in text
    assert f"| index | {run.metrics['index']} | `ppf-index-in-pulse-current` |" in text
    assert run.header.seal in text
    (path,) = export(run, "html", tmp_path / "a.html")
    assert "SIMULATED" in path.read_text("utf-8")
    (path,) = export(run, "pdf", tmp_path / "deep" / "a.pdf")
    assert path.read_bytes().startswith(b"%PDF")
    shown = run._repr_html_()
    assert "ppf-index-in-pulse-current" in shown
    assert "SIMULATED" in shown


def test_text_from_a_folder_is_never_html(run, tmp_path):
    folder = tmp_path / "evil"
    folder.mkdir()
    for name in ("run.json", "journal.jsonl", "readings.csv"):
        data = (run.folder / name).read_text("utf-8")
        data = data.replace('"operator": "', '"operator": "<script>x</script>')
        (folder / name).write_text(data, "utf-8")
    record = Record(folder)
    assert "<script>x" in record.header.operator
    (path,) = export(record, "html", tmp_path / "a.html")
    assert "<script>x" not in path.read_text("utf-8")
    assert "&lt;script&gt;x" in path.read_text("utf-8")


def test_device_cards(tmp_path):
    run = labctl.run("ltp-ltd", bench="direct-ftj", out=tmp_path, pulses=10, cycles=2)
    for form, name in (
        ("neurosim", "neurosim"),
        ("aihwkit", "soft_bounds"),
        ("crosssim", "crosssim"),
    ):
        written = export(run, form, tmp_path / form)
        assert tmp_path / form / f"{name}.json" in written
        content = json.loads((tmp_path / form / f"{name}.json").read_text("utf-8"))
        assert content["simulator"] == form


def test_what_cannot_be_is_one_sentence(run, tmp_path):
    with pytest.raises(BadInput, match="allowed are csv"):
        export(run, "docx")
    with pytest.raises(BadInput, match=r"no card for neurosim|no conductance read"):
        export(run, "neurosim", tmp_path / "n", "bottom")
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        export(run, "csv", tmp_path / "file" / "a.csv")


def test_every_form_is_in_the_reference():
    from pathlib import Path

    text = (Path(__file__).parents[2] / "docs" / "reference" / "exports.md").read_text("utf-8")
    assert all(f"`{form}`" in text for form in FORMS)
