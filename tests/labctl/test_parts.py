"""Files that are carried on in parts: one table to the reader, whatever the size of the parts."""

from __future__ import annotations

import contextlib
import random
import shutil
import threading
import time
import tracemalloc
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl import catalogue, engine
from labctl.control import Control
from labctl.errors import Aborted, BadInput, RecordFault
from labctl.journal import JOURNAL, READINGS, RUN, Header, Journal
from labctl.parts import Cursor, Lines, last_part, part_of, parts, pieces, whole_lines
from labctl.readings import Row
from labctl.record import Record
from labctl.steps import Play
from labctl.tail import Tail
from labctl.verification import verify
from labctl.waveform import read

FEW = {"repeats": 2, "intervals": "10 ms, 30 ms", "restore": "wait", "longest_wait": 2}
READ = Play(read(0.1, 1e-3) * 100, 1e-3)
ROW = Row(1e-3, "top", "read", 0.1, 0.0999, 2.5e-5, 1e-3, 1e-6, 1e-9, 0)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr("labctl.parts.PART", 700)


def run(folder: Path, control: Control | None = None, **options) -> Record:
    protocol = catalogue.protocol_from("ppf", {"seed": 4, **FEW})
    return engine.run(protocol, "direct-ftj", engine.Options(folder, 4, **options), control)


def bodies(folder: Path) -> dict[str, bytes]:
    return {name: whole_lines(folder / name) for name in (JOURNAL, READINGS)}


class TestLines:
    @given(
        lines=st.lists(st.binary(max_size=90), max_size=30),
        size=st.integers(1, 300),
        stops=st.sets(st.integers(0, 29)),
    )
    def test_what_was_written_is_read_whatever_the_parts(
        self, tmp_path_factory, lines, size, stops
    ):
        path = tmp_path_factory.mktemp("parts") / "some.csv"
        wanted = b""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("labctl.parts.PART", size)
            file, cursor, seen = Lines(path), Cursor(path), b""
            for number, line in enumerate(lines):
                whole = line.replace(b"\n", b" ") + b"\n"
                file.append(whole)
                wanted += whole
                if number in stops:  # the writer goes and another one comes
                    file.close()
                    file = Lines(path)
                    seen += cursor.more(100)
            file.close()
        assert whole_lines(path) == wanted == b"".join(pieces(path))
        while data := cursor.more(100):
            seen += data
        assert seen == wanted
        assert (cursor.read, cursor.lines) == (len(wanted), wanted.count(b"\n"))
        assert all(part.read_bytes().endswith(b"\n") for part in parts(path) if lines)
        sizes = [part.stat().st_size for part in parts(path)]
        longest = max((len(line) + 1 for line in lines), default=0)
        assert all(found <= max(size, longest) for found in sizes)

    def test_parts_are_numbered_and_the_last_one_grows(self, tmp_path, small):
        path = tmp_path / "some.csv"
        file = Lines(path)
        for _ in range(4):
            file.append(b"x" * 599 + b"\n")
        file.close()
        assert [part.name for part in parts(path)] == [
            "some.csv", "some.0001.csv", "some.0002.csv", "some.0003.csv",
        ]  # fmt: skip
        assert last_part(path) == part_of(path, 3)
        assert parts(tmp_path / "other.csv") == []

    def test_other_names_are_no_parts(self, tmp_path):
        for name in ("some.csv", "some.1.csv", "some.x.csv", "some.0000.csv", "some.00011.csv"):
            (tmp_path / name).write_text("x\n")
        assert parts(tmp_path / "some.csv") == [tmp_path / "some.csv"]

    def test_a_part_that_is_missing_is_one_sentence(self, tmp_path):
        for number in (0, 1, 3):
            part_of(tmp_path / "some.csv", number).write_text("x\n")
        with pytest.raises(BadInput, match=r"lacks some\.0002\.csv, of which there are later"):
            parts(tmp_path / "some.csv")


class TestRun:
    def test_a_run_in_parts_is_the_run(self, tmp_path, monkeypatch):
        whole = run(tmp_path / "whole")
        monkeypatch.setattr("labctl.parts.PART", 700)
        cut = run(tmp_path / "cut")
        assert len(parts(cut.folder / READINGS)) >= 3
        assert len(parts(cut.folder / JOURNAL)) >= 3
        assert len(parts(whole.folder / READINGS)) == 1
        assert list(cut.readings) == list(whole.readings)
        assert cut.steps == whole.steps
        assert cut.metrics == whole.metrics
        assert whole_lines(cut.folder / READINGS) == (whole.folder / READINGS).read_bytes()
        assert verify(cut.folder).holds

    def test_the_first_part_alone_is_a_table(self, tmp_path, small):
        record = run(tmp_path)
        first = (record.folder / READINGS).read_text().splitlines()
        assert first[0].startswith("# labctl readings")
        assert first[1].startswith("step,t,terminal")

    @pytest.mark.parametrize("name", [READINGS, JOURNAL])
    def test_a_digit_changed_in_any_part_is_seen(self, tmp_path, small, name):
        record = run(tmp_path)
        for part in parts(record.folder / name):
            kept = part.read_bytes()
            at = next(k for k in range(len(kept) // 2, len(kept)) if chr(kept[k]) in "12345678")
            part.write_bytes(kept[:at] + bytes([kept[at] + 1]) + kept[at + 1 :])
            with contextlib.suppress(BadInput):  # it may not even be a record any more
                assert not verify(record.folder).holds, part
            part.write_bytes(kept)
        assert verify(record.folder).holds

    @pytest.mark.parametrize("name", [READINGS, JOURNAL])
    def test_a_part_that_was_lost_is_seen(self, tmp_path, small, name):
        record = run(tmp_path)
        last = last_part(record.folder / name)
        last.unlink()
        assert not verify(record.folder).holds
        part_of(record.folder / name, 1).unlink()
        with pytest.raises(BadInput, match="lacks"):
            verify(record.folder)

    def test_killed_in_any_part_it_is_resumed(self, tmp_path, small):
        """Whatever is on disk at a kill, the resumed run is the whole one.

        The pieces are those that a kill leaves: both files end at some byte of the order in which
        they were written.
        """
        moments: list[Path] = []

        def progress(done, *_):
            moments.append(tmp_path / f"at-{done}")
            (current,) = (tmp_path / "whole").glob("*/*")
            shutil.copytree(current, moments[-1], ignore=shutil.ignore_patterns("lock"))

        whole = run(tmp_path / "whole", progress=progress)
        chance = random.Random(5)
        for folder in moments[:-1]:
            journal = last_part(folder / JOURNAL)
            data = journal.read_bytes()
            if chance.random() < 0.5 and data.endswith(b"\n"):  # in the middle of its last line
                journal.write_bytes(data[: -chance.randrange(1, 40)])
            before = Record(folder)
            doubt, count = before.unfinished, sum(step.last or 0 for step in before.steps[-1:])
            after = engine.resume(folder, "skip" if doubt else "repeat")
            assert after.header.status == "done"
            assert verify(folder).holds
            assert list(after.readings)[:count] == list(whole.readings)[:count]
            assert [step.index for step in after.steps] == list(range(len(whole.steps)))
            if doubt is None:
                np_alike(after, whole)

    def test_an_aborted_and_resumed_run_goes_on_in_its_last_part(self, tmp_path, small):
        control = Control()

        def progress(done, *_):
            if done == 4:
                control.say("abort", "test")

        with pytest.raises(Aborted):
            run(tmp_path, control, progress=progress)
        (folder,) = tmp_path.glob("*/*")
        before = bodies(folder)
        engine.resume(folder, "repeat")
        for name, data in before.items():
            assert whole_lines(folder / name).startswith(data)
        assert verify(folder).holds

    def test_a_viewer_reads_on_from_part_to_part(self, tmp_path, small):
        looks: list[int] = []
        tails: list[Tail] = []

        def progress(*_):
            if not tails:
                (folder,) = tmp_path.glob("*/*")
                tails.append(Tail(folder))
            while tails[0].poll():
                pass
            looks.append(len(tails[0].readings))
            assert list(tails[0].readings) == list(Record(tails[0].folder).readings)

        record = run(tmp_path, progress=progress)
        assert looks == sorted(looks)
        while tails[0].poll():
            pass
        assert tails[0].steps == record.steps
        assert tails[0].analyse() == record.analyse()


def np_alike(one: Record, other: Record) -> None:
    for a, b in zip(one.readings, other.readings, strict=True):
        assert a.i == pytest.approx(b.i, rel=1e-9, abs=1e-24)
        assert a.t == pytest.approx(b.t, rel=1e-9)


def journal_of(folder: Path) -> Journal:
    header = Header(protocol={"kind": "ppf"}, bench={}, bench_name="b", seed=3, simulated=True)
    return Journal(folder, header)


class TestWriter:
    def test_its_memory_does_not_grow_with_the_run(self, tmp_path, monkeypatch):
        monkeypatch.setattr("labctl.parts.PART", 200_000)
        journal = journal_of(tmp_path)
        chunk = [ROW] * 100

        def write(steps: int) -> None:
            for number in range(steps):
                journal.begin(number, 1, READ)
                journal.rows(chunk)
                journal.done()

        write(20)
        tracemalloc.start()
        write(20)
        before = tracemalloc.get_traced_memory()[0]
        write(200)  # 20 000 rows, 2 MB
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        journal.close()
        assert len(parts(tmp_path / READINGS)) > 5
        assert grown < 20_000

    def test_a_resumed_one_takes_no_more_memory_than_a_piece(self, tmp_path, monkeypatch):
        monkeypatch.setattr("labctl.parts._PIECE", 50_000)
        journal = journal_of(tmp_path)
        for number in range(200):
            journal.begin(number, 1, READ)
            journal.rows([ROW] * 100)
            journal.done()
        journal.close()
        size = sum(path.stat().st_size for path in parts(tmp_path / READINGS))
        tracemalloc.start()
        again = Journal(tmp_path, journal.header, 20_000)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        again.close()
        assert size > 1_000_000
        assert most < 500_000

    def test_it_never_waits_for_viewers(self, tmp_path, monkeypatch):
        """Several viewers hold files open, tail and read whole while it writes; each sees all."""
        monkeypatch.setattr("labctl.parts.PART", 50_000)
        journal = journal_of(tmp_path)
        over, faults = threading.Event(), []
        tails = [Tail(tmp_path) for _ in range(3)]
        threads = [watching(partial(tail_on, tail), over, faults) for tail in tails]
        threads.append(watching(partial(read_whole, tmp_path), over, faults))
        with contextlib.ExitStack() as held:
            for name in (JOURNAL, READINGS, RUN):
                held.enter_context((tmp_path / name).open("rb"))
            for number in range(50):
                journal.begin(number, 1, READ)
                journal.rows([ROW] * 100)
                journal.done()
            journal.update(status="done")
            over.set()
            for thread in threads:
                thread.join(60)
        journal.close()
        assert faults == []
        assert [len(tail.readings) for tail in tails] == [5000] * 3
        assert [len(tail.steps) for tail in tails] == [50] * 3

    def test_a_part_that_cannot_be_made_is_a_fault_and_the_last_line_stays_whole(
        self, tmp_path, monkeypatch
    ):
        monkeypatch.setattr("labctl.parts.PART", 2000)
        journal = journal_of(tmp_path)
        journal.begin(0, 1, READ)

        def fill() -> None:
            for _ in range(50):
                journal.rows([ROW] * 10)

        part_of(tmp_path / READINGS, 1).mkdir()  # in the way
        with pytest.raises(RecordFault, match="could not be written"):
            fill()
        part_of(tmp_path / READINGS, 1).rmdir()
        assert whole_lines(tmp_path / READINGS).endswith(b"\n")
        fill()  # with the way free it goes on
        journal.done()
        journal.update(status="done")
        journal.close()
        record = Record(tmp_path)
        assert record.steps[-1].last == len(record.readings)
        assert len(parts(tmp_path / READINGS)) > 10


def watching(look, over: threading.Event, faults: list[Exception]) -> threading.Thread:
    """Start a viewer that looks again and again until it is over."""

    def watch() -> None:
        try:
            while not over.is_set():
                look()
            look()
        except Exception as error:  # noqa: BLE001 - the test tells it
            faults.append(error)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def tail_on(tail: Tail) -> None:
    while tail.poll():
        rows = len(tail.readings)
        assert all(step.last is not None and step.last <= rows for step in tail.steps)


def read_whole(folder: Path) -> None:
    assert len(Record(folder).readings) <= 5000
    time.sleep(0.02)
