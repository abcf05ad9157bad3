"""The example files run as their first line says; the rows of the science page are whole."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import labctl
from docs.science.page import holds, measured, rows, value_of
from labctl import catalogue
from labctl.assignments import read_assignments
from labctl.benchfile import read_bench

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.toml"))
PAGE = ROOT / "docs" / "reference" / "science.md"


def command_of(path: Path) -> list[str]:
    """Return the words of the command in an example's first line."""
    first = path.read_text("utf-8").splitlines()[0]
    found = re.fullmatch(r"# labctl (run|sequence) (.*)", first)
    assert found, f"{path.name} does not begin with its command"
    return [found[1], *shlex.split(found[2])]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_as_it_says(path, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    verb, file, *options = command_of(path)
    assert (ROOT / file) == path
    if verb == "sequence":
        from labctl import engine, sequence

        folder = sequence.run(path, engine.Options(tmp_path / "runs"))
        assert sequence.read_course(folder).status in ("done", "stopped")
        return
    values = dict(zip(options[0::2], options[1::2], strict=True))
    known = {"--bench": "bench", "--seed": "seed", "--device": "device"}
    named = {known[name]: value for name, value in values.items()}
    seed = int(named.pop("seed", 0))
    record = labctl.run(file, out=tmp_path / "runs", seed=seed, **named)
    assert record.header.status == "done"
    assert record.results.panels
    for metric in record.metrics.values():
        assert metric.definition


def test_every_protocol_has_an_example():
    shown = {
        catalogue.protocol_from(str(path), {}).kind
        for path in EXAMPLES
        if "[[stage" not in path.read_text("utf-8")
    }
    assert set(catalogue.names("protocol")) - {"imported"} <= shown  # which cannot be run


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.id}-{row.run.split()[0]}")
def test_a_row_of_science_can_be_run(row):
    """Its protocol, parameters and bench exist; it is on the page. The run itself is long."""
    words = shlex.split(row.run)
    changes = [words[k + 1] for k, word in enumerate(words) if word in ("--set", "-s")]
    catalogue.protocol_from(words[0], read_assignments(changes))
    read_bench(words[words.index("--bench") + 1] if "--bench" in words else "sim-ftj")
    text = PAGE.read_text("utf-8")
    assert f"labctl run {row.run}" in text
    for shown in row.shown:
        assert f"| `{shown.metric}` |" in text


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.id}-{row.run.split()[0]}")
def test_a_row_of_science_is_reproduced(row):
    found = measured(row.run)
    for shown in row.shown:
        value = value_of(found, shown.metric)
        assert value is not None, shown.metric
        assert holds(shown, value[0]) is not False, (shown, value)
