"""Looking at a bench: what VISA sees, who is there, how it is set; and nothing is changed."""

from __future__ import annotations

import json
import tomllib

import pytest
import typer
from typer.testing import CliRunner

from instruments import keithley2400, keithley2450, keithley2600, keithley4200
from labctl.bench_command import bench as command
from labctl.benchfile import define_bench, read_bench
from labctl.catalogue import find_bench
from labctl.errors import InstrumentFault
from labctl.inventory import Seen, identify, propose, scan, snapshot
from labctl.workbench import Bench
from sim_backend.laboratory import open_laboratory

BENCH = {
    "name": "two",
    "instruments": {
        "pulser": {"driver": "keithley2600", "model": "2602B", "address": "GPIB0::26::INSTR"},
        "meter": {"driver": "keithley2400", "model": "2410", "address": "GPIB0::24::INSTR"},
    },
    "terminals": {"top": "pulser.a"},
    "simulation": {"device": {"family": "resistor", "preset": "10k"}},
}


@pytest.fixture
def lab():
    opened = open_laboratory(BENCH, 1, None, 0.0)
    yield opened
    opened.close()


def test_a_scan_names_driver_and_model_of_what_answers(lab):
    seen = {one.address: one for one in scan(lab.visa)}
    assert {(one.driver, one.model) for one in seen.values()} == {
        ("keithley2600", "2602B"), ("keithley2400", "2410"),
    }  # fmt: skip
    assert "2602B" in seen["GPIB0::26::INSTR"].idn


def test_the_proposed_file_is_a_bench_once_it_is_wired(lab):
    text = propose(scan(lab.visa))
    assert "# top = " in text
    wired = text.replace("[terminals]", '[terminals]\ntop = "smu1.a"')
    definition = define_bench(tomllib.loads(wired), "test")
    assert {s.model for s in definition.instruments.values()} == {"2602B", "2410"}
    assert definition.envelope.v == 2.0


def test_analysers_and_temperature_controllers_are_recognised():
    addresses = {"b1500": "GPIB0::17::INSTR", "lakeshore": "GPIB0::12::INSTR"}
    models = {"b1500": "B1500A", "lakeshore": "336"}
    sections = {
        driver: {"driver": driver, "model": models[driver], "address": address}
        for driver, address in addresses.items()
    }
    wired = {"terminals": {"top": "b1500.smu1"}, "simulation": BENCH["simulation"]}
    opened = open_laboratory({"name": "two", "instruments": sections, **wired}, 1, None, 0.0)
    seen = list(scan(opened.visa))
    opened.close()
    assert {(one.driver, one.model) for one in seen} == set(models.items())
    text = propose(seen)
    assert "[instruments.station" in text
    assert text.count("# top = ") == 1  # a controller of temperature has no terminals


def test_what_nobody_knows_is_left_as_a_comment():
    text = propose([Seen("GPIB0::24::INSTR", "ACME,Model 2410,1,1"), Seen("USB0::1::INSTR", "")])
    assert "# GPIB0::24::INSTR: ACME,Model 2410,1,1" in text
    assert "# USB0::1::INSTR: no answer to *IDN?" in text
    assert "driver" not in text


def test_a_scan_finds_a_4200a_whose_messages_end_in_a_null():
    definition, content = read_bench("sim-4200")
    with Bench(definition, content) as bench:
        assert bench.laboratory is not None
        (seen,) = scan(bench.laboratory.visa)
    assert (seen.driver, seen.model) == ("keithley4200", "4200A-SCS")
    assert keithley4200.recognise("KEITHLEY INSTRUMENTS,MODEL 2450,1,1") is None


@pytest.mark.parametrize("driver", [keithley2400, keithley2450, keithley2600])
def test_a_driver_knows_its_own(driver):
    for model in driver.MODELS:
        assert driver.recognise(f"Keithley Instruments Inc., Model {model}, 1, 1") == model
    for other in ("ACME,Model 2410,1,1", "KEITHLEY INSTRUMENTS,MODEL 6517B,1,1", "", "2410"):
        assert driver.recognise(other) is None


def test_identify_tells_options_and_calibration():
    (smu,) = identify("sim-ftj")
    assert (smu.model, smu.calibrated) == ("2602B", "2026-01-01")
    (smu,) = identify("sim-2410")
    assert (smu.model, smu.options) == ("2410", "0")


def test_identify_refuses_a_wrong_model(tmp_path):
    path = tmp_path / "b.toml"
    text = find_bench("sim-2410").read_text("utf-8")
    path.write_text(text.replace('model = "2410"', 'model = "2430"', 1))
    laboratory = define_bench({**tomllib.loads(text)}, "test")
    content = tomllib.loads(path.read_text())
    with (
        pytest.raises(InstrumentFault, match=r"a 2410 was expected but .*2430"),
        Bench(laboratory, content, looking=True),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "on", "channel"),
    [
        ("sim-ftj", b"smua.source.levelv = 0.2 smua.source.output = 1\n", "a"),
        ("sim-2410", b":SOUR:VOLT 0.2;:OUTP ON\n", "front"),
        ("sim-2450", b":SOUR:VOLT 0.2;:OUTP ON\n", "front"),
    ],
)
def test_looking_leaves_an_output_that_is_on_as_it_is(name, on, channel):
    definition, content = read_bench(name)
    with Bench(definition, content) as first:
        assert first.laboratory is not None
        instrument = first.laboratory.instruments["smu"]
        instrument.write(on)
        again = definition.model_copy(update={"simulation": {"laboratory": "served"}})
        again = again.model_copy(update={"visa": first.laboratory.visa})
        with Bench(again, content, looking=True) as looking:
            (identity,) = looking.identify()
            settings = looking.snapshot()["smu"]
        assert identity.model in ("2602B", "2410", "2450")
        level = settings.get("smua.source.levelv") or settings[":SOUR:VOLT"]
        assert float(level) == pytest.approx(0.2)
        state = instrument.channel_state(channel)
        assert state["output"]
        assert state["level"] == 0.2
    assert not instrument.channel_state(channel)["output"]  # leaving the bench itself makes safe


def test_a_snapshot_holds_every_instrument():
    settings = snapshot("sim-ftj")
    assert set(settings) == {"smu"}
    assert len(settings["smu"]) > 20


@pytest.fixture
def cli():
    app = typer.Typer()
    app.command("bench")(command)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def test_the_command(cli, tmp_path):
    assert "MODEL 2410" in cli("identify", "sim-2410").stdout
    assert json.loads(cli("identify", "sim-2410", "--json").stdout)[0]["model"] == "2410"
    path = tmp_path / "settings.json"
    assert cli("snapshot", "sim-2410", "--to", path).stdout.strip() == str(path)
    assert ":SENS:CURR:PROT" in json.loads(path.read_text("utf-8"))["smu"]
    nobody = cli("identify")
    assert nobody.exit_code == 2
    assert "labctl bench identify BENCH" in nobody.stderr
