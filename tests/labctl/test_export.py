"""Exports: pages, text from folders, and what is refused; round trips stand beside this."""

from __future__ import annotations

import pytest

import labctl
from labctl.errors import BadInput
from labctl.export import FORMS, export
from labctl.record import Record

FEW = {"repeats": 2, "intervals": "10 ms .. 200 ms, 6 log", "restore": "wait", "longest_wait": 1}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    return labctl.run("ppf", bench="sim-ftj", out=out, seed=5, device="D3", **FEW)


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
