"""Runs over a wafer: moves and heat, broken off and resumed, and the shipped bench."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from labctl import catalogue, engine
from labctl.benchfile import read_bench
from labctl.control import Control
from labctl.errors import InstrumentFault, Stopped
from labctl.protocol import Protocol
from labctl.record import Record
from labctl.results import Results
from labctl.steps import Move, Play, Soak, Steps
from labctl.waveform import pulse, read, rest
from labctl.workbench import Bench

BENCH = """
[instruments.smu]
driver = "keithley2600"
model = "2602B"
address = "GPIB0::26::INSTR"
[instruments.prober]
driver = "velox"
address = "GPIB0::28::INSTR"
check = "50 mV"
soak = "10 s"
[terminals]
top = "smu.a"
[simulation.device]
family = "resistor"
preset = "10k"
[simulation.wafer]
dies = [3, 3]
gradient = ["20 %", 0]
miss = "30 %"
[simulation.noise]
instrument = false
device = false
"""


class Touring(Protocol):
    """A pulse and a read on three dies, then once more at another temperature."""

    kind: Literal["touring"] = "touring"

    def steps(self) -> Steps:
        for site in ("1,1,1", "2,1,1", "3,3,1"):
            yield Move(site)
            yield Play(pulse(0.5, 1e-3) + rest(1e-2) + read(0.1, 20e-3), 1e-2)
        yield Soak(310.0)
        yield Play(read(0.1, 20e-3), 1e-2)

    def analyse(self, record: Record) -> Results:
        return Results()


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    path = tmp_path / "wafer.toml"
    path.write_text(BENCH)
    return path


def reads(record: Record) -> list[float]:
    """Return the currents of all reads, A."""
    return [row.i for row in record.readings.rows if row.role == "read"]


def test_a_protocol_moves_over_the_wafer(bench: Path, tmp_path: Path) -> None:
    record = engine.run(Touring(), bench, engine.Options(out=tmp_path / "runs"))
    assert record.header.status == "done"
    expected = [1e-5 * (1 + 0.2 * x) for x in (-2 / 3, 0, 2 / 3, 2 / 3)]
    assert reads(record) == pytest.approx(expected, rel=1e-2)
    assert [identity.model for identity in record.header.identities] == ["2602B", "Velox"]
    assert "ReadChuckHeights" in record.header.settings["prober"]


@pytest.mark.parametrize("after", [1, 3, 4, 6, 7])
def test_a_tour_that_was_stopped_goes_on_where_it_stood(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    whole = engine.run(Touring(), bench, engine.Options(out=tmp_path / "whole"))
    control, folders = Control(), list[Path]()

    def stop(done: int, *_: Any) -> None:
        if done == after:
            control.say("stop", "enough")

    options = engine.Options(out=tmp_path / "runs", progress=stop, started=folders.append)
    with pytest.raises(Stopped):
        engine.run(Touring(), bench, options, control)
    load = catalogue.load
    monkeypatch.setattr(
        catalogue, "load", lambda kind, name: Touring if name == "touring" else load(kind, name)
    )
    resumed = engine.resume(folders[0])
    assert resumed.header.status == "done"
    assert reads(resumed) == pytest.approx(reads(whole), rel=1e-2)


def test_a_resumed_run_is_as_warm_as_before(bench: Path) -> None:
    definition, content = read_bench(bench)
    with Bench(definition, content) as made:
        made.stand(Soak(320.0))
        made.stand(Move("1,2,1"))
        made.play(read(0.1, 20e-3), 1e-2)
        laboratory: Any = made.laboratory
        assert laboratory.fixture.temperature == pytest.approx(320.0)
        assert str(laboratory.place.site) == "1,2,1"


def test_a_die_without_contact_is_said_with_its_site(bench: Path, tmp_path: Path) -> None:
    bench.write_text(BENCH.replace("30 %", "100 %"))
    folders: list[Path] = []
    options = engine.Options(out=tmp_path / "runs", started=folders.append)
    with pytest.raises(InstrumentFault, match=r"no contact on site 1,1,1 after 3 touch-downs"):
        engine.run(Touring(), bench, options)
    record = Record(folders[0])
    assert record.header.status == "failed"
    assert "no contact on site 1,1,1" in record.header.message
    assert len(record.readings) == 0


def test_the_shipped_bench_contacts_the_device_that_is_asked_for() -> None:
    definition, content = read_bench("sim-wafer")
    found = {}
    for site in ("4,4,1", "2,3,4", "6,5,2"):
        with Bench(definition, content, site=site) as bench:
            found[site] = bench.play(read(0.1, 20e-3), 1e-3)[0].i
            laboratory: Any = bench.laboratory
            assert str(laboratory.place.site) == site
        assert laboratory.instruments["prober"].channel_state()["level"] == "separation"
    assert len(set(found.values())) == 3
    assert all(5e-6 < current < 1e-4 for current in found.values())
