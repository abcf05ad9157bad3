"""A disk that fills up in the middle of a run: a safe stop, one sentence, nothing lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from labctl import catalogue, engine
from labctl.errors import BadInput, RecordFault
from labctl.export import export
from labctl.parts import parts
from labctl.record import Record
from labctl.verification import verify

FEW = {"repeats": 1, "intervals": "10 ms .. 1 s, 6 log", "baseline": "200 uS", "seed": 3}


@pytest.fixture
def small_disk(tmp_path):
    """Yield a folder on a file system of its own, 64 kB large."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if sys.platform != "linux" or mount is None:
        pytest.skip("only Linux lets a test make a small disk")
    made = subprocess.run([mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False)
    if made.returncode:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def enlarge(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=4m", str(folder)], check=True)


def test_a_full_disk_stops_the_run_safely_and_it_can_be_resumed(small_disk):
    acknowledged = []

    def progress(done, plan, now):
        (path,) = small_disk.glob("*/*/readings.csv")
        acknowledged[:] = path.read_text().splitlines()

    protocol = catalogue.protocol_from("ppf", FEW)
    with pytest.raises(RecordFault, match="the disk is full") as caught:
        engine.run(protocol, "sim-ftj", engine.Options(small_disk, 3, progress=progress))
    assert "\n" not in str(caught.value)
    assert not getattr(caught.value, "__notes__", [])  # everything could be made safe

    (folder,) = catalogue.run_folders(small_disk)
    kept = list(Record(folder).readings)
    for name in ("readings.csv", "journal.jsonl"):
        assert (folder / name).read_bytes().endswith(b"\n")
    lines = (folder / "readings.csv").read_text().splitlines()
    assert lines[: len(acknowledged)] == acknowledged
    assert len(acknowledged) > 10

    enlarge(small_disk)
    after = engine.resume(folder, "repeat")
    assert after.header.status == "done"
    assert list(after.readings)[: len(kept)] == kept
    assert len(list(after.where(part="pair"))) == 6


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    protocol = catalogue.protocol_from("ppf", FEW)
    with pytest.raises(RecordFault, match="choose another place with --out"):
        engine.run(protocol, "sim-ftj", engine.Options(blocked))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("made")
    return engine.run(catalogue.protocol_from("ppf", FEW), "direct-ftj", engine.Options(out, 3))


@pytest.mark.parametrize("form", ["csv", "hdf5", "netcdf"])
def test_an_export_to_a_full_disk_is_one_sentence_and_leaves_nothing(small_disk, made, form):
    """The library of HDF5 ends the process where the disk is full: it never gets to see one."""
    (small_disk / "ballast").write_bytes(bytes(61_440))
    target = small_disk / "export"
    with pytest.raises(BadInput, match="cannot be written: No space left on device") as caught:
        export(made, form, target)
    assert "\n" not in str(caught.value)
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


def test_a_full_disk_at_the_beginning_of_a_part_stops_the_run_as_well(small_disk, monkeypatch):
    monkeypatch.setattr("labctl.parts.PART", 4096)
    protocol = catalogue.protocol_from("ppf", FEW)
    with pytest.raises(RecordFault, match="the disk is full"):
        engine.run(protocol, "direct-ftj", engine.Options(small_disk, 3))
    (folder,) = catalogue.run_folders(small_disk)
    kept = list(Record(folder).readings)
    enlarge(small_disk)
    after = engine.resume(folder, "repeat")
    assert after.header.status == "done"
    assert verify(folder).holds
    assert len(parts(folder / "journal.jsonl")) > 3
    assert list(after.readings)[: len(kept)] == kept
