"""The command line: what it prints where, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import labctl
from labctl.catalogue import protocol_from, run_folders
from labctl.cli import app
from labctl.control import Control
from labctl.engine import Options, run
from labctl.errors import Aborted
from labctl.waveform import pulse, read, rest

FEW = ["--set", "intervals=10 ms, 100 ms, 1 s", "--set", "repeats=1"]


@pytest.fixture
def cli(tmp_path):
    runner = CliRunner()
    return lambda *words: runner.invoke(app, [str(word) for word in words])


def test_json_is_one_object_and_nothing_else(cli):
    result = cli("run", "ppf", "--bench", "sim-ftj", "--seed", "1", "--json", *FEW)
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert set(shown) == {"run", "metrics", "fits"}
    index = shown["metrics"]["index"]
    assert {"value", "sigma", "unit", "definition"} <= set(index)
    for fit in shown["fits"].values():
        assert {"model", "values", "chi2_reduced", "aicc", "identifiable"} <= set(fit)


def test_a_run_shows_its_table_and_marks_the_simulation(cli):
    result = cli("run", "ppf", *FEW)
    assert result.exit_code == 0, result.output
    assert "SIMULATED: sim-ftj" in result.stdout
    assert "index" in result.stdout
    assert "run runs" in result.stderr


def test_the_same_run_is_shown_fitted_plotted_and_reported(cli, tmp_path):
    folder = json.loads(cli("run", "ppf", "--json", *FEW).stdout)["run"]
    first = cli("show", folder, "--json").stdout
    assert cli("fit", folder, "--json").stdout == first
    assert "status" in cli("show", folder).stdout
    picture = tmp_path / "figures.svg"
    assert cli("plot", folder, "--to", picture).stdout.strip() == str(picture)
    assert "SIMULATED" in picture.read_text()
    report = cli("report", folder).stdout.strip()
    assert "sim-ftj" in Path(report).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["run", "pff"], 2, 'there is no protocol called "pff"; installed are: '),
        (["run", "ppf", "--bench", "nowhere"], 2, 'there is no bench called "nowhere"'),
        (["run", "ppf", "--set", "width=-1 us"], 2, "width"),
        (["run", "ppf", "--set", "width=100 V"], 2, '"100 V" has the unit "V"'),
        (["run", "ppf", "--set", "widht=1"], 2, 'the key "widht" is unknown'),
        (["run", "ppf", "--set", "width"], 2, "write KEY=VALUE"),
        (["run", "ppf", "--set", "intervals=1 ms"], 2, "an interval of 0.001 s"),
        (["run", "none.toml"], 2, "none.toml"),
        (["show", "nowhere"], 2, "not a run folder"),
        (["run", "ppf", "--set", "amplitude=3 V"], 3, "3 V was asked for"),
        (["check", "ppf", "--set", "width=7 us"], 3, "7 us"),
    ],
)
def test_a_refusal_is_one_sentence_and_a_status(cli, words, status, says):
    result = cli(*words)
    assert result.exit_code == status, result.output
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_check_says_how_long_and_how_much_stress(cli):
    result = cli("check", "ppf")
    assert result.exit_code == 0, result.output
    for word in ("simulated", "pulses", "charge", "record", "feasible"):
        assert word in result.stdout


@pytest.mark.parametrize(
    ("what", "name"),
    [("protocols", "ppf"), ("instruments", "keithley2600"), ("devices", "ftj"),
     ("benches", "sim-ftj")],
)  # fmt: skip
def test_lists(cli, what, name):
    assert name in cli("list", what).stdout


def test_describe_gives_fields_units_and_reference(cli):
    text = cli("describe", "ppf").stdout
    assert "10.1002/adma.202412006" in text
    assert "amplitude" in text
    assert "100 us" in text


def test_a_protocol_file_is_a_protocol(cli, workplace):
    path = workplace / "mine.toml"
    path.write_text('kind = "ppf"\nwidth = "200 us"\nrepeats = 1\nintervals = ["10 ms", "1 s"]\n')
    result = cli("run", path, "--json")
    assert result.exit_code == 0, result.output
    folder = json.loads(result.stdout)["run"]
    assert labctl.open(folder).header.protocol["width"] == 2e-4
    path.write_text('kind = "ppf"\nwidth = "200 us"\nrepaets = 1\n')
    result = cli("run", path)
    assert result.exit_code == 2
    assert "mine.toml" in result.stderr
    assert '"repaets" is unknown' in result.stderr


def test_a_run_that_was_broken_off_is_resumed(cli, workplace):
    control = Control()
    options = Options(
        workplace, progress=lambda done, plan, now: done == 3 and control.say("abort", "enough")
    )
    protocol = protocol_from("ppf", {"intervals": "10 ms, 100 ms, 1 s", "repeats": 1})
    with pytest.raises(Aborted):
        run(protocol, "sim-ftj", options, control)
    (folder,) = run_folders(workplace)
    result = cli("resume", folder, "--json")
    assert result.exit_code == 0, result.output
    assert "index" in json.loads(result.stdout)["metrics"]
    again = cli("resume", folder)
    assert again.exit_code == 2
    assert "nothing to resume" in again.stderr


def test_a_bench_is_worked_by_hand(workplace):
    with labctl.bench("sim-ftj", seed=1) as bench:
        rows = bench.play(pulse(0.5, 1e-4) + rest(1e-3) + read(0.1, 1e-3), 1e-3)
        bench.smu.ChA.compliance_current = 1e-7
        assert bench.smu.ChA.compliance_current == pytest.approx(1e-7)
    assert [row.role for row in rows] == ["pulse", "read"]
    assert rows[1].i / rows[1].v == pytest.approx(2e-4, rel=0.3)
