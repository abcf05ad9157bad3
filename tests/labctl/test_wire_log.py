"""The wire log: what goes over the wire is kept beside the record, bounded, and only on demand."""

from __future__ import annotations

from pathlib import Path

import pytest

import labctl
from labctl import engine
from labctl.control import Control
from labctl.wire_log import OLDER, WIRE, WireLog, logger_of

SHORT = {"intervals": "10 ms", "repeats": "1", "longest_wait": "1 s"}


def messages(folder: Path) -> list[list[str]]:
    lines = (folder / WIRE).read_text("utf-8").splitlines()
    return [line.split("\t") for line in lines]


def run(tmp_path: Path, control: Control, log: WireLog) -> Path:
    protocol = labctl.catalogue.protocol_from("ppf", SHORT)
    options = engine.Options(tmp_path, started=log.announcing(None))
    return engine.run(protocol, "sim-ftj", options, control).folder


def test_a_run_keeps_what_was_sent_and_answered(tmp_path: Path) -> None:
    control = Control()
    with WireLog(control, wanted=True) as log:
        folder = run(tmp_path, control, log)
    found = messages(folder)
    assert all(len(parts) == 4 for parts in found)
    assert {parts[1] for parts in found} == {"smu"}
    asked = next(k for k, parts in enumerate(found) if parts[2:] == ["sent", "*IDN?"])
    assert found[asked + 1][2] == "answered"
    assert "Model 2602B" in found[asked + 1][3]
    before = (folder / WIRE).stat().st_size
    run(tmp_path, control, log)  # outside the ``with`` nothing is written any more
    assert (folder / WIRE).stat().st_size == before


def test_nothing_is_written_until_the_word_comes(tmp_path: Path) -> None:
    control = Control()
    with WireLog(control) as log:
        log.announcing(None)(tmp_path)
        logger_of("smu").debug("WRITE:%s", "before")
        assert not (tmp_path / WIRE).exists()
        assert control.say("wire on", "")
        logger_of("smu").getChild("Adapter").debug("WRITE:%s", "output = 1")
        logger_of("smu").getChild("Adapter").debug("READ:%s", b"\x00two\nlines\t")
        assert control.say("wire off", "")
        logger_of("smu").debug("WRITE:%s", "after")
    found = [parts[1:] for parts in messages(tmp_path)]
    assert found == [["smu", "sent", "output = 1"], ["smu", "answered", r"\x00two\nlines\t"]]
    assert not control.stopping()


def test_the_log_is_bounded(tmp_path: Path) -> None:
    with WireLog(Control(), wanted=True, most=2000) as log:
        log.announcing(None)(tmp_path)
        for k in range(500):
            logger_of("smu").debug("WRITE:%s", f"command {k}")
    sizes = [(tmp_path / name).stat().st_size for name in (WIRE, OLDER)]
    assert max(sizes) < 2200
    assert messages(tmp_path)[-1][3] == "command 499"


def test_a_long_message_is_cut_and_says_so(tmp_path: Path) -> None:
    with WireLog(Control(), wanted=True) as log:
        log.announcing(None)(tmp_path)
        logger_of("smu").debug("READ:%s", "1," * 3000)
    assert messages(tmp_path)[0][3].endswith("... 2000 more characters")


def test_a_log_that_cannot_be_written_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with WireLog(Control(), wanted=True) as log:
        log.announcing(None)(tmp_path / "nowhere")
        logger_of("smu").debug("WRITE:%s", "one")
        logger_of("smu").debug("WRITE:%s", "two")
    assert caplog.text.count("the wire log is given up") == 1
