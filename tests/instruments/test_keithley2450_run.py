"""Whole runs on the virtual 2450 and 2461: agreement with the device model, and a failing link.

The runner talks over TCP to a virtual 2450 that this test holds, so that its front panel can be
read afterwards without asking through the link that may be broken.
"""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from labctl import catalogue, engine
from labctl.benchfile import read_bench
from labctl.errors import InstrumentFault, Refused
from labctl.readings import Flag
from labctl.record import Record
from sim_backend.laboratory import open_laboratory
from sim_backend.server import Server, _named

BENCHES = Path(str(importlib.resources.files("benches")))
SIM = BENCHES / "sim-2450.toml"
FEW = {
    "restore": "wait", "longest_wait": 0, "repeats": 1, "intervals": "20 ms, 200 ms",
    "width": "1 ms",
}  # fmt: skip
CURVE = {"repeats": 1, "intervals": "10 ms .. 1 s, 4 log", "amplitude": "0.8 V"}
KINDS = ["mute", "close", "cut", "garbage", "error"]
#: each kind somewhere in a run; with the long tests every kind at every line
STRUCK = [("mute", 0.45), ("close", 0.95), ("cut", 0.45), ("garbage", 0.0), ("error", 0.95)]


def ppf(**values):
    return catalogue.protocol_from("ppf", {**FEW, **values})


def bench_file(tmp_path: Path, source: Path, *changes: tuple[str, str]) -> Path:
    """Write a bench like another with some lines changed, and what is too short accepted."""
    text = source.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    tmp_path.mkdir(parents=True, exist_ok=True)
    path = tmp_path / "bench.toml"
    path.write_text(f"accept_degraded = true\n{text}", "utf-8")
    return path


# -- agreement with the device model ---------------------------------------------------------------


def played(tmp_path: Path, source: Path, **values) -> Record:
    """Run without chance: after another reading the device is brought back in another way."""
    text = re.sub(r"(cycle|device|instrument) = true", r"\1 = false", source.read_text("utf-8"))
    tmp_path.mkdir(parents=True)
    (tmp_path / "source.toml").write_text(text, "utf-8")
    path = bench_file(tmp_path / "as", tmp_path / "source.toml")
    protocol = catalogue.protocol_from("ppf", {**CURVE, **values})
    return engine.run(protocol, path, engine.Options(tmp_path / "runs", 1))


def test_pulses_shorter_than_a_step_agree_with_the_direct_bench(tmp_path):
    """The digitizer of the 2461 reads them; longer ones are compared in `test_agreement`."""
    smu = played(tmp_path / "smu", BENCHES / "sim-2461.toml", width="200 us")
    direct = played(tmp_path / "direct", BENCHES / "direct-ftj.toml", width="200 us")
    assert any("rests of" in said for said in smu.header.plan["degradations"])
    for role in ("pulse", "read"):
        # the first readings of both: later ones depend on how many reads the baseline took
        got, true = (record.readings.where(role=role) for record in (smu, direct))
        bound = 2 * got.u_i[:2] + 2e-3 * np.abs(got.i[:2])
        assert np.all(np.abs(got.i[:2] - true.i[:2]) < bound)
        assert not np.any(got.flags & (Flag.COMPLIANCE | Flag.OVERRANGE))
    for name in ("index", "index_read"):
        assert smu.metrics[name].value == pytest.approx(direct.metrics[name].value, abs=0.02)
    assert smu.simulated


def test_ppf_with_short_pulses_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(Refused) as caught:
        engine.run(ppf(width="100 us"), SIM, engine.Options(tmp_path))
    assert "make the level longer" in str(caught.value)
    assert "2450: levels of 630 us instead of 100 us with --accept-degraded" in str(caught.value)
    assert list(catalogue.run_folders(tmp_path)) == []


def test_the_intervals_of_a_run_are_those_of_the_hardware(tmp_path):
    record = engine.run(ppf(), bench_file(tmp_path, SIM), engine.Options(tmp_path / "runs", 1))
    for step, rows in record.where(part="pair"):
        pulses = rows.where(role="pulse")
        achieved = pulses.t[1] - pulses.t[0] - pulses.width[0]
        # the read between the two, and the rest before it, are longer than was asked for
        assert achieved == pytest.approx(step.label["interval"], abs=2e-3)


# -- faults on the wire ----------------------------------------------------------------------------


@contextmanager
def served(tmp_path, faults=()) -> Iterator[tuple]:
    """Yield (the laboratory, a bench file that reaches it over TCP)."""
    _, content = read_bench(str(SIM))
    simulation = {**content["simulation"], "faults": list(faults)}
    lab = open_laboratory({**content, "simulation": simulation}, 1, None, 0.0)
    with Server(_named(content, lab)) as server:
        known = content["instruments"]["smu"]["address"]
        text = SIM.read_text("utf-8")
        changes = (
            (f'address = "{known}"', f'address = "{server.addresses["smu"]}"\ntimeout = "1 s"'),
            (text[text.index("[simulation]") :],
             '[simulation]\nlaboratory = "served"\nspeed = 1000.0\n'),
        )  # fmt: skip
        yield lab, bench_file(tmp_path, SIM, *changes)
    lab.close()


def wire(lab):
    return lab.visa.port("USB0::0x05E6::0x2450::04123456::INSTR").instrument


@pytest.fixture(scope="module")
def traffic(tmp_path_factory) -> int:
    """How many lines a whole run sends."""
    folder = tmp_path_factory.mktemp("traffic")
    late = {"instrument": "smu", "at": 10**9, "kind": "mute"}
    with served(folder, [late]) as (lab, path):
        engine.run(ppf(), path, engine.Options(folder / "runs"))
        return wire(lab).lines


@pytest.mark.parametrize(("kind", "share"), STRUCK)
def test_a_fault_is_one_sentence_and_leaves_what_was_acknowledged(tmp_path, traffic, kind, share):
    struck(tmp_path, kind, 1 + int(share * (traffic - 1)))


@pytest.mark.long
@pytest.mark.parametrize("part", range(8))
@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_every_line(tmp_path, traffic, kind, part):
    for at in range(1 + part, traffic + 1, 8):
        folder = tmp_path / f"{at}"
        folder.mkdir()
        struck(folder, kind, at)


def struck(tmp_path: Path, kind: str, at: int) -> None:
    """Run with one fault, look, and go on with the run when the link is whole again."""
    fault = {"instrument": "smu", "at": at, "kind": kind, "code": -310}
    said = ""
    with served(tmp_path, [fault]) as (lab, path):
        try:
            engine.run(ppf(), path, engine.Options(tmp_path / "runs"))
        except InstrumentFault as error:
            said = str(error)
            assert "\n" not in said
            assert "smu" in said
        if wire(lab).lines < at:
            return  # how often it is asked how far it is depends on the load of the computer
        # with no link left a run ends at zero volts and off by itself
        lab.clock.advance(10.0)
        state = lab.instruments["smu"].channel_state("front")
        assert not state["output"]
        assert state["level"] == 0
        found = [Record(folder) for folder in catalogue.run_folders(tmp_path / "runs")]
        if not found:
            return  # it struck before there was anything to record
        kept = len(found[0].readings)
        assert all(step.last is None or step.last <= kept for step in found[0].steps)
        if not said:  # what came before the run or after it is no fault of it, but is kept
            told = "-310" if kind == "error" else "settings after the run not read"
            assert any(told in note.text for note in found[0].notes)
            return
        assert found[0].header.status == "failed"
        wire(lab)._mute = False  # somebody has repaired the link
        resumed = engine.resume(found[0].folder, "repeat")
        assert resumed.header.status == "done"
        assert len(resumed.readings) >= kept
