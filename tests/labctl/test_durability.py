"""What a record outlives: clocks that step back, folders that become read-only, second runners."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from labctl import catalogue, engine
from labctl.benchfile import define_bench, read_bench
from labctl.control import Control
from labctl.errors import Aborted, BadInput, InstrumentFault, RecordFault
from labctl.inventory import identify
from labctl.journal import JOURNAL, RUN, Begun, Journal
from labctl.listing import provenance, record_lines
from labctl.lock import FolderLock, holding_instruments, shared_folder
from labctl.record import Record
from labctl.run_index import indexed
from labctl.verification import verify
from labctl.workbench import Bench
from tests.labctl.test_safety import served

FEW = {"repeats": 1, "intervals": "10 ms, 20 ms", "restore": "wait", "longest_wait": 2}
ADDRESS = "TCPIP::192.0.2.7::5025::SOCKET"  # of a network that leads nowhere
NOBODY = 65534  # number of the user without rights
HOLDER = """
import sys, time
from labctl.lock import holding_instruments
with holding_instruments(sys.argv[1:]):
    print("held", flush=True)
    time.sleep(600)
"""


def protocol(**changes):
    return catalogue.protocol_from("ppf", {"seed": 3, **FEW, **changes})


def aborted(bench, out: Path, after: int) -> Path:
    """Return the folder of a run that was broken off after some steps."""
    control = Control()

    def progress(done, *_):
        if done == after:
            control.say("abort", "test")

    with pytest.raises(Aborted):
        engine.run(protocol(), bench, engine.Options(out, 3, progress=progress), control)
    (folder,) = catalogue.run_folders(out)
    return folder


class TestClock:
    """The wall clock is put back while a run goes on: by a time server, or in autumn."""

    def test_times_of_the_run_go_on_and_wall_times_say_what_the_clock_said(
        self, tmp_path, monkeypatch
    ):
        real, calls = time.time, itertools.count()
        clock = lambda: real() - (86_400.0 if next(calls) > 4 else 0.0)  # noqa: E731
        monkeypatch.setattr("labctl.journal.time.time", clock)
        record = engine.run(protocol(), "direct-ftj", engine.Options(tmp_path, 3))
        monkeypatch.undo()
        assert record.header.status == "done"
        assert (np.diff(record.readings.t) > 0).all()
        walls = [entry.wall for entry in record.entries if isinstance(entry, Begun)]
        assert min(np.diff(walls)) < -86_000
        assert record.header.ended < record.header.started
        assert verify(record.folder).holds
        assert [run.status for run in indexed(tmp_path)] == ["done"]
        assert "done" in "\n".join(record_lines(record))

    def test_a_resumed_run_never_goes_back_before_its_last_reading(self, tmp_path, monkeypatch):
        with served(tmp_path) as (_, path):
            folder = aborted(path, tmp_path / "runs", 1)
            before = len(Record(folder).readings)
            real = time.time
            monkeypatch.setattr("labctl.engine.time.time", lambda: real() - 7200.0)
            after = engine.resume(folder, "repeat")
            monkeypatch.undo()
        assert after.header.status == "done"
        assert len(after.readings) > before > 0
        assert (np.diff(after.readings.t) > 0).all()


@contextlib.contextmanager
def read_only(*folders: Path):
    """Take the right to write in folders away, from the superuser as well."""
    if sys.platform == "win32":
        pytest.skip("a folder of Windows has no such bit")
    root = os.geteuid() == 0
    if root:
        hand_over(folders)
    for folder in folders:
        folder.chmod(0o555)
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        for folder in folders:
            folder.chmod(0o755)


def hand_over(folders: tuple[Path, ...]) -> None:
    """Let another user than the superuser own folders with what is in them, and come to them."""
    for folder in folders:
        for path in (folder, *folder.iterdir()):
            os.chown(path, NOBODY, NOBODY)
    for above in folders[0].parents:
        if not above.stat().st_mode & 0o001:
            above.chmod(above.stat().st_mode | 0o011)


class TestReadOnly:
    def test_a_folder_that_becomes_read_only_loses_nothing_and_the_run_is_resumed(self, tmp_path):
        """Files that are open go on; what has to be replaced says so in one sentence."""
        with contextlib.ExitStack() as locked:

            def progress(done, *_):
                if done == 2:
                    (folder,) = catalogue.run_folders(tmp_path)
                    locked.enter_context(read_only(folder))

            options = engine.Options(tmp_path, 3, progress=progress)
            with pytest.raises(RecordFault, match="make the folder writable") as caught:
                engine.run(protocol(), "sim-ftj", options)
        assert "\n" not in str(caught.value)
        (folder,) = catalogue.run_folders(tmp_path)
        before = Record(folder)
        kept = list(before.readings)
        assert before.header.status == "running"
        assert len(before.steps) >= 2
        after = engine.resume(folder, "repeat")
        assert after.header.status == "done"
        assert list(after.readings)[: len(kept)] == kept
        assert verify(folder).holds

    def test_reading_verifying_and_listing_need_no_right_to_write(self, tmp_path):
        record = engine.run(protocol(), "direct-ftj", engine.Options(tmp_path, 3))
        with read_only(record.folder, record.folder.parent, tmp_path):
            assert verify(record.folder).holds
            assert [run.status for run in indexed(tmp_path)] == ["done"]
            with pytest.raises(RecordFault, match="could not be written"):
                Journal(record.folder, record.header, len(record.readings))
            with pytest.raises(RecordFault, match="choose another place with --out"):
                engine.run(protocol(), "direct-ftj", engine.Options(tmp_path / "more"))


class TestOneRunner:
    @pytest.fixture
    def holder(self):
        """Yield a program that holds an instrument."""
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, ADDRESS], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()
        process.wait()
        process.stdout.close()

    def bench(self, tmp_path: Path) -> Path:
        path = tmp_path / "real.toml"
        path.write_text(
            f'[instruments.smu]\ndriver = "keithley2600"\nmodel = "2602B"\naddress = "{ADDRESS}"\n'
            '[terminals]\ntop = "smu.a"\n[envelope]\nv = 2\n'
        )
        return path

    def test_a_second_runner_on_one_instrument_is_refused_in_one_sentence(self, holder, tmp_path):
        path = self.bench(tmp_path)
        for go in (
            lambda: engine.run(protocol(), path, engine.Options(tmp_path / "runs")),
            lambda: identify(str(path)),
        ):
            with pytest.raises(BadInput, match="in use by another labctl") as caught:
                go()
            assert ADDRESS in str(caught.value)
            assert "\n" not in str(caught.value)
        (folder,) = catalogue.run_folders(tmp_path / "runs")
        assert Record(folder).header.status == "failed"
        assert not Record(folder).readings

    def test_a_dead_process_holds_nothing(self, holder):
        holder.kill()
        holder.wait()
        with holding_instruments([ADDRESS.lower()]):
            pass
        assert not [path for path in shared_folder().glob("labctl-*.lock") if held(path)]

    def test_a_failure_to_connect_gives_the_instrument_back(self, tmp_path):
        path = self.bench(tmp_path)
        path.write_text(path.read_text().replace("192.0.2.7::5025", "127.0.0.1::9"))
        definition, content = read_bench(path)
        for _ in range(2):
            with pytest.raises(InstrumentFault):
                Bench(definition, content)

    def test_virtual_benches_in_a_process_of_their_own_do_not_meet(self):
        definition, content = read_bench("sim-ftj")
        with Bench(definition, content), Bench(definition, content):
            pass

    def test_a_run_that_is_being_written_is_not_resumed(self, tmp_path):
        folder = aborted("direct-ftj", tmp_path, 2)
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        with (folder / JOURNAL).open("ab") as file:
            file.write(b'{"event":"no')  # its writer is in the middle of a line
        lock = FolderLock(folder)
        with pytest.raises(BadInput, match="being written by another runner"):
            engine.resume(folder, "repeat")
        lock.release()
        assert (folder / JOURNAL).read_bytes() == before[JOURNAL] + b'{"event":"no'
        assert (folder / RUN).read_bytes() == before[RUN]
        assert engine.resume(folder, "repeat").header.status == "done"


def held(path: Path) -> bool:
    """Whether a lock is of the address of these tests: it is taken away when it is given back."""
    with contextlib.suppress(BadInput), holding_instruments([ADDRESS]):
        return not path.exists()
    return True


class TestSettings:
    def test_settings_after_the_run_are_kept_and_shown(self, tmp_path):
        record = engine.run(protocol(), "sim-ftj", engine.Options(tmp_path, 3))
        header = record.header
        assert header.settings_after.keys() == header.settings.keys()
        before, after = header.settings["smu"], header.settings_after["smu"]
        assert before.keys() == after.keys()
        assert float(after["smua.source.limiti"]) == pytest.approx(1e-3)
        assert float(before["smua.source.limiti"]) != pytest.approx(1e-3)
        # they were asked for once everything was safe
        assert float(after["smua.source.output"]) == float(after["smua.source.levelv"]) == 0
        told = "\n".join(record_lines(record))
        assert "smu.smua.source.limiti" in told
        assert "smua.source.output" not in told  # it is as it was
        assert "Settings that the run changed" in dict(provenance(record))  # so in reports

    def test_they_are_kept_of_an_aborted_run_and_of_the_last_session(self, tmp_path):
        folder = aborted("sim-ftj", tmp_path, 2)
        first = Record(folder).header
        assert first.status == "aborted"
        assert first.settings_after["smu"]
        after = engine.resume(folder, "repeat").header
        assert after.settings == first.settings  # those before the first step
        assert after.settings_after["smu"]

    def test_a_broken_link_leaves_them_out_and_ends_as_ever(self, tmp_path):
        _, content = read_bench("sim-ftj")
        cut = {"instrument": "smu", "kind": "close", "at": 140}
        broken = {**content, "simulation": {**content["simulation"], "faults": [cut]}}
        bench = define_bench(broken, "test")
        with pytest.raises(InstrumentFault):
            engine.begin(protocol(), bench, broken, engine.Options(tmp_path / "runs"))
        (folder,) = catalogue.run_folders(tmp_path / "runs")
        header = Record(folder).header
        assert header.status == "failed"
        assert header.settings_after == {}
        assert verify(folder).problems == ()
