"""Sweeps: the same points whoever computes them, whole after a break, errors in their line."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import pytest

from labctl import sweep
from labctl.errors import BadInput

FEW = """
protocol = "ppf"
bench = "direct-ftj"
seeds = 2
figures = ["index", "energy"]
[set]
repeats = 1
restore = "wait"
longest_wait = 0
intervals = "20 ms"
[grid]
amplitude = ["0.8 V", "1 V"]
"bench.simulation.device.conductance" = ["100 uS", "200 uS"]
"bench.simulation.noise.cycle" = [true]
"""


def written(tmp_path, text=FEW):
    path = tmp_path / "grid.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    place = tmp_path_factory.mktemp("sweep")
    return sweep.run(written(place), place / "runs", workers=1)


def test_every_point_is_there_with_its_figures(done):
    points = sweep.read_points(done)
    assert [point.index for point in points] == list(range(8))
    assert [point.seed for point in points] == [0, 1] * 4
    assert not any(point.error for point in points)
    # a stronger pulse facilitates more, and another seed is another draw of the cycles
    index = [point.figures["index"][0] for point in points]
    assert index[6] > index[2] > 0
    assert index[0] != index[1]
    rows = list(csv.DictReader((done / sweep.TABLE).read_text("utf-8").splitlines()))
    assert list(rows[0]) == [
        "seed", "amplitude", "bench.simulation.device.conductance", "bench.simulation.noise.cycle",
        "index (1)", "energy (J)", "error",
    ]  # fmt: skip
    assert float(rows[3]["index (1)"]) == index[3]


def test_a_point_computed_by_itself_is_the_one_of_the_sweep(done, tmp_path):
    tasks = list(sweep.tasks(written(tmp_path)))
    assert [task.index for task in tasks] == list(range(8))
    assert sweep.carry_out(tasks[5]) == sweep.read_points(done)[5]


def test_processes_give_the_same_table(done, tmp_path):
    other = sweep.run(written(tmp_path), tmp_path / "runs", workers=2)
    assert (other / sweep.TABLE).read_bytes() == (done / sweep.TABLE).read_bytes()


def test_a_broken_off_sweep_goes_on_with_what_is_missing(done, tmp_path):
    folder = sweep.run(written(tmp_path), tmp_path / "runs", workers=1)
    lines = (folder / sweep.POINTS).read_bytes().splitlines(keepends=True)
    (folder / sweep.POINTS).write_bytes(b"".join(lines[:3]) + lines[3][:20])  # torn by a kill
    (folder / sweep.TABLE).unlink()
    told = []
    sweep.resume(folder, workers=1, told=lambda *counts: told.append(counts))
    assert told[0] == (4, 8)
    assert len(told) == 5
    assert (folder / sweep.TABLE).read_bytes() == (done / sweep.TABLE).read_bytes()


def test_a_point_that_cannot_be_is_a_line_with_its_error(tmp_path):
    text = FEW.replace('["0.8 V", "1 V"]', '["1 V", "0 V", "7 V"]').replace(
        "seeds = 2", "seeds = 1"
    )
    text = text.replace('["100 uS", "200 uS"]', '["200 uS"]').replace("direct-ftj", "sim-ftj")
    points = sweep.read_points(sweep.run(written(tmp_path, text), tmp_path / "runs", workers=1))
    assert [bool(point.error) for point in points] == [False, True, True]
    assert "0 V is no pulse" in points[1].error
    assert "envelope of the sample" in points[2].error


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (('"direct-ftj"', '"keithley2602b"'), "no virtual bench"),
        (('protocol = "ppf"', 'protocol = "ppv"'), "no protocol called"),
        (("repeats = 1", "repeats = 0"), "repeats"),
        (("bench.simulation.device", "bench.simulation.gadget"), 'has no "gadget"'),
        (("seeds = 2", "seeds = 2\nsead = 1"), "sead"),
        (('["0.8 V", "1 V"]', "[]"), "0 points"),
    ],
)
def test_a_wrong_file_is_one_sentence_and_nothing_is_made(tmp_path, change, sentence):
    with pytest.raises(BadInput, match=sentence):
        sweep.run(written(tmp_path, FEW.replace(*change)), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_the_command(tmp_path):
    path = written(tmp_path)
    words = [sys.executable, "-m", "labctl.cli", "sweep", str(path), "--out", str(tmp_path / "r")]
    told = subprocess.run(
        [*words, "--workers", "1", "--json"], capture_output=True, text=True, check=True
    )
    found = json.loads(told.stdout)
    assert found["points"] == 8
    assert found["failed"] == 0
    wrong = subprocess.run([*words[:4], str(tmp_path)], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "is not a sweep" in wrong.stderr


@pytest.mark.long
def test_a_cluster_gives_the_same_table(done, tmp_path):
    """Dask's workers are processes of their own, as on other machines."""
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
    )
    with cluster:
        address = cluster.scheduler_address
        folder = sweep.run(written(tmp_path), tmp_path / "runs", dask=address)
    assert (folder / sweep.TABLE).read_bytes() == (done / sweep.TABLE).read_bytes()


def test_a_cluster_that_is_not_there_is_said(tmp_path):
    pytest.importorskip("distributed")
    with pytest.raises(BadInput, match="no Dask scheduler answers"):
        sweep.run(written(tmp_path), tmp_path / "runs", dask="nonsense://nowhere")
