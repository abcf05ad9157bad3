"""Records after the run: seal, verification, rerun, remarks, index, stress ledger."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

import labctl
from labctl import engine
from labctl.condition import parse_condition
from labctl.control import Control
from labctl.errors import Aborted, BadInput
from labctl.ledger import ledgers_of, together
from labctl.record import Record
from labctl.remarks import add, read_remarks
from labctl.rerun import compared, rerun
from labctl.run_index import INDEX, Wanted, choose, indexed
from labctl.verification import verify
from protocols.ppf import PairedPulse

FEW = {"repeats": 1, "intervals": "10 ms, 50 ms", "restore": "wait", "longest_wait": 2}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("made")
    return labctl.run("ppf", bench="direct-ftj", out=out, seed=3, device="D3", **FEW)


@pytest.fixture
def copied(made, tmp_path):
    folder = tmp_path / "runs" / "2026-11-22" / made.folder.name
    shutil.copytree(made.folder, folder)
    return folder


class TestSeal:
    def test_a_record_as_it_was_written_holds(self, made):
        found = verify(made.folder)
        assert found.holds
        assert not found.remarks
        assert found.figures == len(made.metrics) == 5
        assert len(made.header.seal) == 32

    @pytest.mark.parametrize("name", ["readings.csv", "journal.jsonl", "run.json"])
    @pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.8, 0.99])
    def test_a_digit_changed_anywhere_is_seen(self, copied, name, share):
        path = copied / name
        data = bytearray(path.read_bytes())
        at = int(share * len(data))
        while not chr(data[at]).isdigit() or data[at - 1 : at] == b".":
            at = at - 1 if share > 0.5 else at + 1
        data[at] = ord("1") if data[at] != ord("1") else ord("2")
        path.write_bytes(data)
        try:
            found = verify(copied)
        except BadInput:
            return  # it is not even a record any more
        assert not found.holds

    def test_a_reading_taken_out_is_seen(self, copied):
        path = copied / "readings.csv"
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[:5] + lines[6:]))
        assert not verify(copied).holds

    def test_an_interrupted_and_resumed_run_is_sealed_whole(self, tmp_path):
        control, seen = Control(), []

        def progress(*_):
            seen.append(1)
            if len(seen) == 3:
                control.say("abort", "test")

        options = engine.Options(tmp_path, progress=progress)
        with pytest.raises(Aborted):
            engine.run(PairedPulse(**FEW), "direct-ftj", options, control)
        (folder,) = tmp_path.glob("*/*")
        assert verify(folder).problems == ()  # an aborted run is sealed as it stands
        engine.resume(folder, "repeat")
        assert verify(folder).holds
        data = (folder / "journal.jsonl").read_bytes()
        (folder / "journal.jsonl").write_bytes(
            data.replace(b'"kind":"control"', b'"kind":"user"', 1)
        )
        assert any("journal.jsonl, line" in problem for problem in verify(folder).problems)

    def test_figures_that_do_not_follow_from_the_readings_are_named(self, copied):
        path = copied / "results.json"
        content = json.loads(path.read_text())
        content["metrics"]["index"]["value"] += 0.01
        del content["metrics"]["energy"]
        path.write_text(json.dumps(content))
        problems = verify(copied).problems
        assert any(problem.startswith("index: 0.") for problem in problems)
        assert "energy stands only in what the readings give" in problems

    def test_a_record_of_an_older_labctl_says_that_it_has_no_seal(self, copied):
        header = json.loads((copied / "run.json").read_text())
        del header["seal"]
        (copied / "run.json").write_text(json.dumps(header))
        lines = (copied / "journal.jsonl").read_text().splitlines()
        bare = [{k: v for k, v in json.loads(line).items() if k != "chain"} for line in lines]
        text = "\n".join(json.dumps(line, separators=(",", ":")) for line in bare) + "\n"
        (copied / "journal.jsonl").write_text(text)
        found = verify(copied)
        assert found.holds
        assert "no seal" in found.remarks[0]


def test_a_rerun_on_a_virtual_bench_is_the_same_to_the_last_digit(made, tmp_path):
    again = rerun(made.folder, engine.Options(tmp_path))
    assert compared(made, again) == [f"the same {len(made.readings)} readings to the last digit"]
    other = labctl.run("ppf", bench="sim-ftj", out=tmp_path, seed=4, **FEW)
    assert any(line.startswith("index: ") for line in compared(made, other))


def test_a_rerun_on_a_sample_is_refused_since_its_device_has_changed(tmp_path):
    run = labctl.run("ppf", bench="direct-ftj", out=tmp_path, sample=tmp_path / "chip", **FEW)
    with pytest.raises(BadInput, match="not what it was then"):
        rerun(run.folder, engine.Options(tmp_path))


class TestRemarks:
    def test_notes_grow_and_tags_come_and_go(self, copied):
        add(copied, "needle drifted", ("odd",), "2026-11-22 me")
        add(copied, "again", ("good", "-odd"), "2026-11-23 me")
        kept = read_remarks(copied)
        assert kept.note == "2026-11-22 me: needle drifted\n2026-11-23 me: again"
        assert kept.tags == ("good",)
        assert verify(copied).holds  # beside the record, never in it

    @pytest.mark.parametrize(("text", "tag"), [("", ()), ("", ("two words",)), ("", ("-",))])
    def test_what_is_no_remark_is_refused(self, copied, text, tag):
        with pytest.raises(BadInput):
            add(copied, text, tag, "now")

    def test_a_damaged_file_of_notes_is_none(self, copied):
        (copied / "notes.json").write_text("{")
        assert read_remarks(copied).note == ""


class TestIndex:
    def test_runs_are_found_by_what_they_are_and_by_what_came_out(self, copied, tmp_path):
        root = tmp_path / "runs"
        labctl.run("ppf", bench="direct-ftj", out=root, seed=1, amplitude="-1 V", **FEW)
        add(copied, "needle drifted", ("odd",), "me")
        runs = indexed(root)
        assert len(runs) == 2
        assert [run.started for run in runs] == sorted((r.started for r in runs), reverse=True)
        for wanted, count in [
            (Wanted(), 2), (Wanted(device="D3"), 1), (Wanted(tag="odd"), 1),
            (Wanted(kind="stdp"), 0),
            (Wanted(words="NEEDLE me"), 1), (Wanted(status="done", bench="direct-ftj"), 2),
            (Wanted(where=parse_condition("index < 0")), 1), (Wanted(since=4e9), 0),
        ]:  # fmt: skip
            assert len(choose(runs, wanted)) == count, wanted

    def test_it_follows_the_folders_and_can_be_lost(self, copied, tmp_path):
        root = tmp_path / "runs"
        first = indexed(root)
        assert (root / INDEX).exists()
        assert indexed(root) == first == indexed(root, rebuild=True)
        (root / INDEX).write_bytes(b"no database at all")
        assert indexed(root) == first
        add(copied, "", ("new",), "me")
        assert indexed(root)[0].remarks.tags == ("new",)
        (copied / "run.json").write_text("{")
        assert indexed(root)[0].status == "unreadable"
        shutil.rmtree(copied)
        assert indexed(root) == []
        assert indexed(tmp_path / "nowhere") == []


class TestLedger:
    def test_it_counts_what_was_played_and_measured(self, made):
        (one,) = ledgers_of(made).values()
        plays = [step.what for step in made.steps]
        assert one.total_pulses == sum(play.waveform.summary().pulses for play in plays) == 4
        rows = [row for row in made.readings if row.role == "pulse"]
        assert one.energy > sum(abs(row.v * row.i) * row.width for row in rows) > 0
        assert one.peak_v == 1.0
        assert one.peak_i == max(abs(made.readings.i))
        assert one.interrupted == 0

    def test_it_is_carried_over_runs_and_keeps_sites_apart(self, made, tmp_path):
        tour = labctl.run(
            "uniformity", bench="sim-wafer", out=tmp_path, sites="3..4,3,1", cycles=1,
            settings={**FEW, "intervals": "20 ms"},
        )  # fmt: skip
        apart = ledgers_of(tour)
        assert list(apart) == ["3,3,1", "4,3,1"]
        assert all(one.total_pulses == 2 and one.touch_downs == 1 for one in apart.values())
        total = together([*apart.values(), *ledgers_of(made).values()])
        assert total.runs == 3
        assert total.total_pulses == 8
        assert total.charge == pytest.approx(
            sum(one.charge for one in (*apart.values(), *ledgers_of(made).values()))
        )

    def test_a_step_in_doubt_counts_in_full(self, copied):
        lines = (copied / "journal.jsonl").read_bytes().splitlines(keepends=True)
        whole = next(iter(ledgers_of(Record(copied)).values()))
        (copied / "journal.jsonl").write_bytes(b"".join(lines[:-1]))
        cut = next(iter(ledgers_of(Record(copied)).values()))
        assert cut.total_pulses == whole.total_pulses
        assert cut.interrupted == 1


def test_the_commands(copied, tmp_path):
    root = str(tmp_path / "runs")

    def told(*words: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "labctl.cli", *words], capture_output=True, text=True
        )
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    assert "tag-x" in told("annotate", str(copied), "a note", "--tag", "tag-x")
    assert "#tag-x" in told("runs", "--out", root, "--where", "index > 0")
    assert "holds" in told("verify", str(copied))
    assert "pulses        4 (4 pair)" in told("ledger", "D3", "--out", root)
    assert "no run on the device" in told("ledger", "D9", "--out", root, status=2)
    assert "write year, month and day" in told("runs", "--since", "May", "--out", root, status=2)
    path = copied / "readings.csv"
    path.write_bytes(path.read_bytes().replace(b"9", b"8", 1))
    assert "DOES NOT HOLD" in told("verify", str(copied), status=1)
