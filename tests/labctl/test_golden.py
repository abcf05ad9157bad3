"""Golden records of every version open, verify and show the same for ever; what is unknown is not.

How they were made: ``tests/labctl/golden/make.py``.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from labctl import engine
from labctl.errors import BadInput
from labctl.journal import JOURNAL, RECORD_VERSION, RUN
from labctl.record import Record
from labctl.tail import Tail
from labctl.verification import verify
from tests.labctl.golden.make import shown

GOLDEN = Path(__file__).parent / "golden"
FOLDERS = sorted(path for path in GOLDEN.glob("v*/*") if path.is_dir())


@pytest.fixture
def copied(tmp_path):
    folder = tmp_path / "copied"
    shutil.copytree(GOLDEN / f"v{RECORD_VERSION}" / "finished", folder)
    return folder


def changed(folder: Path, **fields: object) -> Path:
    """Put fields into a header."""
    header = json.loads((folder / RUN).read_bytes())
    (folder / RUN).write_text(json.dumps({**header, **fields}))
    return folder


def test_there_are_records_of_every_version():
    for version in range(1, RECORD_VERSION + 1):
        names = {path.name for path in FOLDERS if path.parent.name == f"v{version}"}
        assert {"finished", "aborted", "interrupted"} <= names
        for name in names:
            header = json.loads((GOLDEN / f"v{version}" / name / RUN).read_bytes())
            assert header["version"] == version


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: f"{path.parent.name}-{path.name}")
class TestForEver:
    def test_it_opens_and_shows_the_same(self, folder):
        assert shown(Record(folder)) == folder.with_suffix(".txt").read_text(encoding="utf-8")

    def test_it_verifies(self, folder):
        found = verify(folder)
        assert found.holds
        assert found.figures == (5 if (folder / "results.json").exists() else 0)

    def test_a_viewer_reads_the_same(self, folder):
        tail, record = Tail(folder), Record(folder)
        while tail.poll():
            pass
        assert list(tail.readings) == list(record.readings)
        assert tail.steps == record.steps
        assert tail.notes == record.notes


@pytest.mark.parametrize("version", range(1, RECORD_VERSION + 1))
@pytest.mark.parametrize("name", ["aborted", "interrupted"])
def test_an_unfinished_one_can_be_resumed(version, name, tmp_path):
    folder = tmp_path / name
    shutil.copytree(GOLDEN / f"v{version}" / name, folder)
    kept = list(Record(folder).readings)
    after = engine.resume(folder, "repeat")
    assert after.header.status == "done"
    assert after.header.version == RECORD_VERSION
    assert verify(folder).holds
    assert list(after.readings)[: len(kept)] == kept
    whole = Record(GOLDEN / f"v{version}" / "finished")
    assert len(after.steps) == len(whole.steps)  # of a device that is not the one it was


@pytest.mark.parametrize("version", [0, -1, RECORD_VERSION + 1, 99, "2", None, [1], 1.5])
def test_an_unknown_version_is_refused_in_one_sentence(copied, version):
    with pytest.raises(BadInput, match=r"is a record of version .*; this labctl reads") as caught:
        Record(changed(copied, version=version))
    assert "\n" not in str(caught.value)


def test_an_unknown_field_is_refused_in_one_sentence(copied):
    with pytest.raises(BadInput, match="unknown field `shielding`") as caught:
        Record(changed(copied, shielding="yes"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"event":"done"', b'"event":"nearly"'),
        (b'"event":"done",', b'"event":"done","mood":1,'),
        (b'"type":"play",', b'"type":"play","gain":2,'),
        (b'"type":"segment",', b'"type":"segment","shape":"sine",'),
        (b'"attempt":1', b'"attempt":"first"'),
    ],
)
def test_a_journal_that_says_what_is_unknown_is_refused_in_one_sentence(copied, old, new):
    path = copied / JOURNAL
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(BadInput, match=r"line \d+, is not a journal entry") as caught:
        _ = Record(copied).steps
    assert "\n" not in str(caught.value)
