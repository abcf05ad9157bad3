"""A tail reads on from where it was, and to a protocol it is a record."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from labctl import catalogue, engine
from labctl.control import Control
from labctl.errors import Aborted, BadInput
from labctl.journal import JOURNAL, READINGS, RUN
from labctl.record import Record
from labctl.tail import Tail


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    protocol = catalogue.protocol_from("ppf", {"intervals": "10 ms, 30 ms, 100 ms", "repeats": 2})
    options = engine.Options(tmp_path_factory.mktemp("runs"), 1)
    return engine.run(protocol, "direct-ftj", options, Control()).folder


def same(tail: Tail, record: Record) -> None:
    assert list(tail.readings) == list(record.readings)
    assert tail.steps == record.steps
    assert tail.unfinished == record.unfinished
    assert tail.notes == record.notes
    assert tail.header == record.header


def read_whole(folder: Path) -> Tail:
    tail = Tail(folder)
    while tail.poll():
        pass
    return tail


def test_a_finished_run_is_what_the_record_says(folder: Path) -> None:
    tail, record = read_whole(folder), Record(folder)
    same(tail, record)
    assert tail.analyse() == record.analyse()
    for step in record.steps:
        assert list(tail.of(step)) == list(record.of(step))


def test_columns_are_those_of_the_rows(folder: Path) -> None:
    ours, theirs = read_whole(folder).readings, Record(folder).readings
    for name in ("t", "v", "i", "g", "u_i", "width", "v_set", "u_v", "flags"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
    assert list(ours.where(role="read")) == list(theirs.where(role="read"))
    assert list(ours.where(terminal="nowhere")) == []
    assert list(ours[3:9]) == list(theirs[3:9])
    assert ours[-1] == theirs[-1]
    assert ours[2:8][1:3].t.tolist() == theirs.t[3:5].tolist()
    with pytest.raises(IndexError):
        ours[len(ours)]


def test_it_grows_with_the_run_line_by_line_and_byte_by_byte(folder: Path, tmp_path: Path) -> None:
    """Whatever piece of the files is there, the tail holds what a record of it would."""
    live = tmp_path / "live"
    live.mkdir()
    shutil.copy(folder / RUN, live / RUN)
    tail = Tail(live)
    assert not tail.poll()
    whole = {name: (folder / name).read_bytes() for name in (JOURNAL, READINGS)}
    cuts = np.linspace(0, 1, 23)
    for part in cuts:
        for name, data in whole.items():
            (live / name).write_bytes(data[: int(len(data) * part)])
        # a journal that runs ahead of the readings: steps count once their readings are there
        while tail.poll():
            pass
        known = len(tail.readings)
        assert all(step.last is not None and step.last <= known for step in tail.steps)
        assert list(tail.readings) == list(Record(live).readings)
    same(tail, Record(live))


def test_analysis_of_a_part_is_that_of_the_record(folder: Path, tmp_path: Path) -> None:
    live = tmp_path / "live"
    shutil.copytree(folder, live)
    data = (live / JOURNAL).read_bytes()
    (live / JOURNAL).write_bytes(data[: len(data) // 2])
    (live / "results.json").unlink()
    assert read_whole(live).analyse() == Record(live).analyse()


def test_a_long_file_is_taken_in_pieces(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labctl.tail._CHUNK", 700)
    tail, looks = Tail(folder), 0
    while tail.poll():
        looks += 1
    assert looks > 5
    same(tail, Record(folder))


def test_an_aborted_and_resumed_run_goes_on(tmp_path: Path) -> None:
    protocol = catalogue.protocol_from("ppf", {"intervals": "10 ms, 30 ms", "repeats": 3})
    control = Control()

    def progress(done: int, plan: object, now: float) -> None:
        if done == 5:
            control.say("abort", "enough")

    options = engine.Options(tmp_path / "runs", 1, progress=progress)
    with pytest.raises(Aborted):
        engine.run(protocol, "direct-ftj", options, control)
    folder = next(catalogue.run_folders(tmp_path / "runs"))
    tail = read_whole(folder)
    assert tail.header.status == "aborted"
    before = len(tail.steps)
    engine.resume(folder, "repeat", engine.Options(), Control())
    while tail.poll():
        pass
    assert len(tail.steps) > before
    same(tail, Record(folder))


def test_a_vanished_folder_leaves_what_was_read(folder: Path, tmp_path: Path) -> None:
    live = tmp_path / "live"
    shutil.copytree(folder, live)
    tail = read_whole(live)
    rows = len(tail.readings)
    shutil.rmtree(live)
    assert not tail.poll()
    assert tail.gone
    assert len(tail.readings) == rows
    shutil.copytree(folder, live)
    tail.poll()
    assert not tail.gone
    same(tail, Record(live))


def test_another_run_in_the_same_folder_is_read_anew(folder: Path, tmp_path: Path) -> None:
    live = tmp_path / "live"
    shutil.copytree(folder, live)
    tail = read_whole(live)
    protocol = catalogue.protocol_from("ppf", {"intervals": "20 ms", "repeats": 4})
    other = engine.run(protocol, "direct-ftj", engine.Options(tmp_path / "o", 7), Control()).folder
    shutil.rmtree(live)
    shutil.copytree(other, live)
    while tail.poll():
        pass
    same(tail, Record(live))
    assert tail.protocol == protocol


def test_what_is_no_run_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(BadInput, match="not a run folder"):
        Tail(tmp_path)
    live = tmp_path / "live"
    shutil.copytree(folder, live)
    tail = Tail(live)
    (live / JOURNAL).write_bytes(b"no journal\n")
    with pytest.raises(BadInput, match="line 1, is not a journal entry"):
        tail.poll()
