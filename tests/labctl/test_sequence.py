"""Sequences: conditions on results, one device for all stages, and going on after a break."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl import catalogue, engine, sequence
from labctl.condition import figures, parse_condition
from labctl.control import Control
from labctl.errors import Aborted, BadInput, InstrumentFault
from labctl.journal import Interrupted
from labctl.record import Record
from labctl.verification import verify

PAIR = """protocol = "ppf"
set.repeats = 1
set.restore = "wait"
set.longest_wait = 1
set.compliance = "9 mA"
set.intervals = "10 ms, 50 ms"
"""


def written(tmp_path, *stages: str, head: str = 'bench = "direct-ftj"\n'):
    path = tmp_path / "plan.toml"
    path.write_text(head + "".join(f"[[stage]]\n{stage}" for stage in stages), encoding="utf-8")
    return path


def carried_out(path, tmp_path, **changes):
    told: list[str] = []
    options = engine.Options(tmp_path / "runs", **changes)
    folder = sequence.run(path, options, told=told.append)
    return sequence.read_course(folder), folder, told


def test_stages_follow_each_other_on_one_device(tmp_path):
    path = written(tmp_path, PAIR, PAIR + 'name = "again"\n')
    course, folder, _ = carried_out(path, tmp_path)
    assert course.status == "done"
    assert [entry.run for entry in course.entries] == ["01-ppf", "02-again"]
    first, again = (Record(folder / entry.run) for entry in course.entries)
    # what the first stage has done to the device is there in the second
    assert again.metrics["baseline"].value > 1.01 * first.metrics["baseline"].value
    # the runs of a sequence are found like others
    assert len(list(catalogue.run_folders(tmp_path / "runs"))) == 2


def test_a_condition_on_an_earlier_stage_leaves_one_out_and_says_why(tmp_path):
    path = written(
        tmp_path, PAIR, PAIR + 'name = "b"\nwhen = "ppf.index < 0"\n',
        PAIR + 'name = "c"\nwhen = "ppf.index > 10 % and ppf.energy < 1 uJ"\n',
    )  # fmt: skip
    course, _, told = carried_out(path, tmp_path)
    assert [entry.run for entry in course.entries] == ["01-ppf", "", "03-c"]
    assert any("b: left out, since ppf.index = 0." in line for line in told)


def test_a_stage_is_repeated_until_its_condition_holds_and_no_further(tmp_path):
    path = written(tmp_path, PAIR + 'until = "baseline > 400 uS"\ntimes = 9\n')
    course, folder, _ = carried_out(path, tmp_path)
    values = [Record(folder / entry.run).metrics["baseline"].value for entry in course.entries]
    assert 1 < len(values) < 9
    assert values[-1] > 400e-6 > values[-2]
    assert [entry.held for entry in course.entries] == [False] * (len(values) - 1) + [True]


@pytest.mark.parametrize(
    ("otherwise", "status", "runs"), [("stop", "stopped", 2), ("continue", "done", 3)]
)
def test_a_condition_that_never_holds_ends_the_sequence_or_not(tmp_path, otherwise, status, runs):
    never = PAIR + f'until = "index > 5"\ntimes = 2\notherwise = "{otherwise}"\n'
    course, _, _ = carried_out(written(tmp_path, never, PAIR), tmp_path)
    assert course.status == status
    assert len(course.entries) == runs
    if status == "stopped":
        assert "until index > 5 did not hold, since index = " in course.message


@pytest.mark.parametrize("steps", [1, 3, 5, 8])
def test_a_broken_off_sequence_goes_on_where_it_was(tmp_path, steps):
    path = written(tmp_path, PAIR, PAIR + 'name = "second"\n', PAIR + 'name = "third"\n')
    whole, folder, _ = carried_out(path, tmp_path)
    control = Control()
    seen = []

    def progress(*_):
        seen.append(1)
        if len(seen) == steps:
            control.say("abort", "test")

    options = engine.Options(tmp_path / "broken", progress=progress)
    with pytest.raises(Aborted):
        sequence.run(path, options, control=control)
    (broken,) = (tmp_path / "broken").glob("*/*")
    sequence.resume(broken, "repeat")
    after = sequence.read_course(broken)
    assert after.status == "done"
    assert after.entries == whole.entries
    for entry in whole.entries:
        rows = [Record(place / entry.run).readings for place in (folder, broken)]
        assert [row[1:3] for row in rows[0]] == [row[1:3] for row in rows[1]]
        for name in ("t", "v", "i", "width"):  # the clock goes on from another zero: rounding
            columns = [getattr(found, name) for found in rows]
            np.testing.assert_allclose(*columns, rtol=1e-9)
    with pytest.raises(BadInput, match="has ended"):
        sequence.resume(broken)


@pytest.mark.parametrize("part", ["nothing", "made", "opened"])
def test_a_kill_before_a_run_has_begun_loses_nothing(tmp_path, part):
    path = written(tmp_path, PAIR, PAIR + 'name = "b"\n')
    course, folder, _ = carried_out(path, tmp_path)
    whole = (folder / "02-b" / "readings.csv").read_bytes()
    # as it stands between the entry and the run's own first file; the device has to be as it was
    first, _ = course.entries
    begun = sequence.Entry(1, 1, "02-b")
    path = written(tmp_path, PAIR, PAIR + 'name = "b"\n')
    _, other, _ = carried_out(written(tmp_path, PAIR), tmp_path)
    kept = sequence.read_course(folder)
    content = json.loads((folder / sequence.SEQUENCE).read_text())
    content |= {"status": "running", "sample": sequence.read_course(other).sample}
    content["entries"] = [sequence.msgspec.to_builtins(first), sequence.msgspec.to_builtins(begun)]
    (other / sequence.SEQUENCE).write_text(json.dumps(content))
    if part == "made":
        (other / "02-b").mkdir()
    elif part == "opened":  # the files are there, the header is not
        (other / "02-b").mkdir()
        lines = (folder / "02-b" / "readings.csv").read_bytes().splitlines(keepends=True)
        (other / "02-b" / "readings.csv").write_bytes(b"".join(lines[:2]))
        (other / "02-b" / "journal.jsonl").write_bytes(b"")
    sequence.resume(other)
    after = sequence.read_course(other)
    assert after.entries == kept.entries
    assert (other / "02-b" / "readings.csv").read_bytes() == whole


WRONG = '[[simulation.faults]]\ninstrument = "smu"\nkind = "close"\nat = {}\n'


def faulty(tmp_path, at):
    """Write a bench file whose link is lost at a line; 0 for a sound one."""
    text = catalogue.find_bench("sim-ftj").read_text(encoding="utf-8")
    fault = WRONG.format(at) if at else ""
    (tmp_path / "bench.toml").write_text(f"{text}\n{fault}", encoding="utf-8")


def test_a_run_without_a_step_begins_anew_on_the_mended_bench_file(tmp_path, monkeypatch):
    faulty(tmp_path, 12)
    path = written(tmp_path, PAIR, head='bench = "bench.toml"\n')
    with pytest.raises(InstrumentFault):
        carried_out(path, tmp_path)
    (folder,) = (tmp_path / "runs").glob("*/*")
    monkeypatch.chdir(folder)  # the bench file is found from anywhere
    with pytest.raises(InstrumentFault):  # as it is still wrong: the same run, tried again
        sequence.resume(folder, "repeat")
    assert [run.name for run in catalogue.run_folders(tmp_path / "runs")] == ["01-ppf"]
    faulty(tmp_path, 0)
    told: list[str] = []
    sequence.resume(folder, "repeat", told=told.append)
    assert sequence.read_course(folder).status == "done"
    assert "put aside as 01-ppf-aside" in told[-1]
    aside, run = (Record(folder / name) for name in ("01-ppf-aside", "01-ppf"))
    assert (aside.header.status, run.header.status) == ("failed", "done")
    assert aside.header.bench["simulation"]["faults"]
    assert "faults" not in run.header.bench["simulation"]
    assert any("put aside" in note.text for note in aside.notes)
    assert verify(aside.folder).holds
    assert verify(run.folder).holds


def struck_midway(tmp_path):
    """Return the folder of a sequence whose link was lost in a later step."""
    stage = PAIR.replace("repeats = 1", "repeats = 9")
    path = written(tmp_path, stage, head='bench = "bench.toml"\n')
    for at in range(310, 800, 20):  # the settings are read first, in some three hundred lines
        faulty(tmp_path, at)
        with contextlib.suppress(InstrumentFault):
            carried_out(path, tmp_path / str(at))
        (folder,) = (tmp_path / str(at) / "runs").glob("*/*")
        record = Record(folder / "01-ppf")
        if record.steps and record.unfinished:
            return folder
    raise AssertionError("the link was never lost midway")


def test_a_run_with_a_step_done_keeps_the_bench_of_its_record(tmp_path):
    folder = struck_midway(tmp_path)
    before = Record(folder / "01-ppf")
    faulty(tmp_path, 0)
    with pytest.raises(BadInput, match="--interrupted"):  # nothing is repeated unasked
        sequence.resume(folder)
    with contextlib.suppress(InstrumentFault):  # it strikes again: the bench is the record's
        sequence.resume(folder, "repeat")
    after = Record(folder / "01-ppf")
    assert after.header.bench == before.header.bench
    assert any(isinstance(entry, Interrupted) for entry in after.entries)
    assert not (folder / "01-ppf-aside").exists()


def test_a_file_of_another_version_is_refused(tmp_path):
    _, folder, _ = carried_out(written(tmp_path, PAIR), tmp_path)
    text = (folder / sequence.SEQUENCE).read_text("utf-8")
    (folder / sequence.SEQUENCE).write_text(text.replace('"version": 1', '"version": 9'), "utf-8")
    with pytest.raises(BadInput, match="sequence of version 9; this labctl reads version 1"):
        sequence.resume(folder)


@pytest.mark.parametrize(
    ("stage", "sentence"),
    [
        ('protocol = "ppf"\nwidht = 1\n', 'the key "stage.0.widht" is unknown|widht'),
        ('protocol = "ppf"\ntimes = 3\n', "without until"),
        ('protocol = "ppf"\nwhen = "index >> 3"\n', "cannot be read at"),
        ('protocol = "ppf"\nwhen = "__import__(1)"\n', "cannot be read"),
        ('protocol = "ppv"\n', 'stage ppv: there is no protocol called "ppv"'),
        ('protocol = "ppf"\nset = { width = "1 V" }\n', "stage ppf-2: .*width"),
    ],
)
def test_a_wrong_file_is_one_sentence_and_nothing_is_made(tmp_path, stage, sentence):
    with pytest.raises(BadInput, match=sentence):
        sequence.run(written(tmp_path, PAIR, stage), engine.Options(tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_a_quantity_of_another_unit_is_refused():
    condition = parse_condition("energy < 3 V")
    with pytest.raises(BadInput, match="V"):
        condition.judge({"energy": (1e-9, "J")})


def test_and_binds_closer_than_or_and_what_was_not_found_does_not_hold():
    known = {"a": (1.0, "1"), "b": (2.0, "V")}
    for text, holds in {
        "a > 0 or c > 0 and c < 0": True, "c > 0 or b >= 2 V": True, "a == 1 and b != 2 V": False,
        "c != 3": False, "a<=1": True,
    }.items():  # fmt: skip
        assert parse_condition(text).judge(known).holds is holds, text
    assert "c was not found" in parse_condition("c > 0").judge(known).why


@given(st.text(max_size=40))
def test_any_text_is_a_condition_or_refused(text):
    try:
        condition = parse_condition(text)
    except BadInput:
        return
    with contextlib.suppress(BadInput):  # a quantity that is none
        condition.judge({"a": (1.0, "S")})


def test_the_command(tmp_path):
    path = written(tmp_path, PAIR)
    labctl = [
        sys.executable,
        "-m",
        "labctl.cli",
        "sequence",
        str(path),
        "--out",
        str(tmp_path / "r"),
    ]
    told = subprocess.run([*labctl, "--json"], capture_output=True, text=True, check=True)
    found = json.loads(told.stdout)
    assert found["status"] == "done"
    record = Record(found["runs"][0]["run"])
    assert figures(record.results)["index"][0] == found["runs"][0]["metrics"]["index"]["value"]
    planned = subprocess.run([*labctl, "--check"], capture_output=True, text=True, check=True)
    assert planned.stdout.startswith("ppf: 4 steps")
    wrong = subprocess.run([*labctl[:-3], str(tmp_path)], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "is not a sequence" in wrong.stderr
