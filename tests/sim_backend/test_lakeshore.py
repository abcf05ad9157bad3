"""Virtual Lake Shore controllers: the commands as they are sent, and the stage behind them."""

from __future__ import annotations

from typing import Any

import pytest
import pyvisa
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.lakeshore.lakeshore3xx import LakeShore3xx

from labctl.errors import BadInput
from sim_backend.laboratory import open_laboratory

ADDRESS = "GPIB0::12::INSTR"


def laboratory_of(model: str = "336", **options: Any) -> Any:
    return open_laboratory(
        {
            "name": "rig",
            "instruments": {
                "stage": {"driver": "lakeshore", "model": model, "address": ADDRESS, **options}
            },
            "terminals": {},
            "simulation": {"device": {"family": "resistor", "preset": "10k"}},
        },
        1, None, 0.0,
    )  # fmt: skip


class Wire:
    """A laboratory and a VISA session to its controller."""

    def __init__(self, laboratory: Any) -> None:
        self.laboratory = laboratory
        self._resource: Any = pyvisa.ResourceManager(laboratory.visa).open_resource(ADDRESS)
        self._resource.read_termination = "\r\n"

    def tell(self, line: str) -> None:
        self._resource.write(line)

    def ask(self, line: str) -> str:
        return str(self._resource.query(line))

    def wait(self, seconds: float) -> None:
        self.laboratory.clock.advance(seconds)


@pytest.fixture
def wire() -> Wire:
    return Wire(laboratory_of())


def test_it_answers_as_the_manual_writes(wire: Wire) -> None:
    assert wire.ask("*IDN?").startswith("LSCI,MODEL336,")
    assert wire.ask("KRDG? A;RDGST? A;HTR? 1") == "+300.000;000;+0.0"
    assert wire.ask("CRDG? B") == "+26.850"
    assert wire.ask("RANGE? 1") == "0"


@pytest.mark.parametrize(
    "line",
    ["RANGE 1,9", "RANGE 3", "SETP 9,300", "KRDG? E", "RAMP 1,1,500", "PID 1,0,1,1", "MOUT 1,101"],
)
def test_a_refused_command_is_an_execution_error(wire: Wire, line: str) -> None:
    wire.tell(line)
    assert int(wire.ask("*ESR?")) & 16
    assert not int(wire.ask("*ESR?"))


def test_an_unknown_command_is_a_command_error(wire: Wire) -> None:
    wire.tell("WARP 9")
    assert int(wire.ask("*ESR?")) & 32


def test_it_heats_overshoots_and_settles(wire: Wire) -> None:
    wire.tell("SETP 1,320;RANGE 1,3")
    seen = []
    for _ in range(300):
        wire.wait(1.0)
        seen.append(float(wire.ask("KRDG? A")))
    assert max(seen) > 320.1
    assert seen[-1] == pytest.approx(320.0, abs=0.05)
    assert wire.laboratory.fixture.temperature == pytest.approx(seen[-1], abs=0.06)
    # at the end the heater makes up for what the link carries away
    assert float(wire.ask("HTR? 1")) == pytest.approx(20 * 0.1, abs=0.3)


def test_a_ramp_says_when_it_is_over(wire: Wire) -> None:
    wire.tell("SETP 1,300;RANGE 1,3;RAMP 1,1,60;SETP 1,310")
    assert wire.ask("RAMPST? 1") == "1"
    wire.wait(5.0)
    assert float(wire.ask("SETP? 1")) == pytest.approx(305.0, abs=0.1)
    wire.wait(6.0)
    assert wire.ask("RAMPST? 1") == "0"


def test_without_heat_the_stage_comes_to_its_base() -> None:
    wire = Wire(laboratory_of(base="77 K"))
    wire.wait(20 / 0.1)  # one time constant
    assert float(wire.ask("KRDG? A")) == pytest.approx(77 + 223 / 2.718, abs=2.0)
    wire.wait(5000.0)
    assert wire.laboratory.fixture.temperature == pytest.approx(77.0, abs=0.1)


def test_an_open_loop_gives_the_power_that_it_was_told(wire: Wire) -> None:
    wire.tell("OUTMODE 1,3,1,0;MOUT 1,1;RANGE 1,3")
    wire.wait(2000.0)
    assert float(wire.ask("KRDG? A")) == pytest.approx(300 + 1.0 / 0.1, abs=0.05)


def test_the_temperature_limit_switches_every_output_off(wire: Wire) -> None:
    wire.tell("TLIMIT A,310;SETP 1,330;RANGE 1,3")
    wire.wait(120.0)
    assert wire.ask("RANGE? 1") == "0"
    assert float(wire.ask("KRDG? A")) < 310


def test_an_alarm_trips_and_is_kept_until_it_is_reset(wire: Wire) -> None:
    wire.tell("ALARM A,1,305,0,0,1,0,0;SETP 1,310;RANGE 1,3")
    wire.wait(60.0)
    assert wire.ask("ALARMST? A") == "1,0"
    wire.tell("RANGE 1,0")
    wire.wait(2000.0)
    assert wire.ask("ALARMST? A") == "1,0"
    wire.tell("ALMRST")
    assert wire.ask("ALARMST? A") == "0,0"


def test_a_331_has_one_heater_without_a_number() -> None:
    wire = Wire(laboratory_of("331"))
    wire.tell("RANGE 2;CSET 1,A,1,0,2;CMODE 1,1")
    assert wire.ask("RANGE?") == "2"
    assert wire.ask("CSET? 1;CMODE? 1") == "A,1,0,2;1"
    wire.tell("RANGE 1,2")
    assert int(wire.ask("*ESR?")) & 16
    wire.tell("TLIMIT A,300")
    assert int(wire.ask("*ESR?")) & 32


def test_pymeasures_own_driver_finds_its_way() -> None:
    laboratory = laboratory_of()
    adapter = VISAAdapter(ADDRESS, visa_library=laboratory.visa, read_termination="\r\n")
    controller = LakeShore3xx(adapter)
    controller.output_1.setpoint = 310
    controller.output_1.range = "high"
    laboratory.clock.advance(200.0)
    assert controller.input_A.kelvin == pytest.approx(310.0, abs=0.1)
    assert controller.output_1.range == "high"


def test_a_wrong_option_is_one_sentence() -> None:
    with pytest.raises(BadInput, match="capacity"):
        laboratory_of(capacity=-1)
