"""The engine on the direct bench: order of things, endings, replay."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from labctl import catalogue, engine
from labctl.control import Control
from labctl.errors import Aborted, BadInput, Refused
from labctl.folder import run_folder
from labctl.protocol import Protocol
from labctl.record import Record
from labctl.results import Results
from labctl.steps import Play, Steps, Wait
from labctl.waveform import pulse, read, rest

BENCH = """
[instruments.device]
driver = "direct"
[terminals]
top = "device.top"
[envelope]
v = "1.5 V"
[simulation]
laboratory = "virtual"
[simulation.device]
family = "ftj"
preset = "bto-nsto"
conductance = "200 uS"
"""


@pytest.fixture
def bench(tmp_path):
    path = tmp_path / "direct.toml"
    path.write_text(BENCH)
    return path


class Counting(Protocol):
    """Ten pulses and reads, a tenth of a second apart; the sixth may be another level."""

    kind: Literal["counting"] = "counting"
    sixth: float = 1.0

    def steps(self) -> Steps:
        for k in range(10):
            level = self.sixth if k == 5 else 1.0
            readings = yield Play(pulse(level, 1e-4) + rest(1e-3) + read(0.1, 1e-3), 1e-2)
            assert len(readings) == 2
            yield Wait(0.1)

    def analyse(self, record: Record) -> Results:
        return Results()


def test_a_run_is_recorded_in_order(bench, tmp_path):
    record = engine.run(Counting(), bench, engine.Options(tmp_path / "runs", seed=4))
    assert record.header.status == "done"
    assert record.simulated
    assert record.header.seed == 4
    assert record.header.laboratory["seed"] == 4
    assert len(record.steps) == 20
    assert record.readings.t.tolist() == sorted(record.readings.t)
    # ten pulses and reads of 2.1 ms with waits of 0.1 s between them
    assert record.readings.t[-1] == pytest.approx(9 * (2.1e-3 + 0.1) + 1.1e-3 + 0.575e-3)
    assert Record(record.folder).header == record.header


def test_what_the_plan_forbids_is_never_begun(bench, tmp_path):
    with pytest.raises(Refused, match=r"1.6 V was asked for, at most 1.5 V"):
        engine.run(Counting(sixth=1.6), bench, engine.Options(tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


class Growing(Protocol):
    """Decides from a reading to go beyond the envelope, which no plan can foresee."""

    kind: Literal["growing"] = "growing"

    def steps(self) -> Steps:
        readings = yield Play(read(0.1, 1e-3), 1e-2)
        # the planner's ideal resistor has 100 uS, the device 200 uS
        yield Play(pulse(1.6 if readings.g[0] > 1.5e-4 else 1.0, 1e-4), 1e-2)

    def analyse(self, record: Record) -> Results:
        return Results()


def test_a_step_beyond_the_envelope_is_refused_when_it_comes(bench, tmp_path):
    with pytest.raises(Refused, match=r"1.6 V"):
        engine.run(Growing(), bench, engine.Options(tmp_path / "runs"))
    (folder,) = catalogue.run_folders(tmp_path / "runs")
    record = Record(folder)
    assert record.header.status == "failed"
    assert [step.index for step in record.steps] == [0]
    assert record.unfinished is None


def test_the_protocols_own_exception_is_what_the_user_sees(bench, tmp_path):
    with pytest.raises(ZeroDivisionError, match="own"):
        engine.run(FailingLate(), bench, engine.Options(tmp_path / "runs"))
    (folder,) = catalogue.run_folders(tmp_path / "runs")
    record = Record(folder)
    assert record.header.status == "failed"
    assert "a mistake of the protocol's own" in record.header.message
    assert len(record.readings) == 10


class FailingLate(Counting):
    """Fails on the bench, not on paper: the planner's readings are not the device's."""

    def steps(self) -> Steps:
        for k in range(10):
            readings = yield Play(pulse(1.0, 1e-4) + rest(1e-3) + read(0.1, 1e-3), 1e-2)
            if k == 4 and readings.g[1] != pytest.approx(1e-4):
                raise ZeroDivisionError("a mistake of the protocol's own")


@pytest.mark.parametrize(("word", "status"), [("stop", "stopped"), ("abort", "aborted")])
def test_a_word_ends_the_run_and_the_record_says_so(bench, tmp_path, word, status):
    control = Control()

    def progress(done, plan, now):
        if done == 7:
            control.say(word, f"ended by {word}")

    options = engine.Options(tmp_path / "runs", progress=progress)
    with pytest.raises(Aborted, match=f"ended by {word}"):
        engine.run(Counting(), bench, options, control)
    (folder,) = catalogue.run_folders(tmp_path / "runs")
    record = Record(folder)
    assert record.header.status == status
    assert len(record.steps) == 7


def test_a_finished_run_is_not_resumed(bench, tmp_path):
    record = engine.run(Counting(), bench, engine.Options(tmp_path / "runs"))
    with pytest.raises(BadInput, match="nothing to resume"):
        engine.resume(record.folder)


@pytest.mark.parametrize("site", ["../x", "a/b", "a\\b", "x\0"])
def test_a_device_name_cannot_leave_the_folder(tmp_path, site):
    with pytest.raises(BadInput, match="not a name"):
        run_folder(tmp_path, "ppf", site)


def test_every_run_has_a_folder_of_its_own(tmp_path):
    folders = {run_folder(Path(tmp_path), "ppf", "D3") for _ in range(5)}
    assert len(folders) == 5
