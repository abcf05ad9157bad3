"""The virtual 2450 family in the language of a Series 2400."""

from __future__ import annotations

import pytest

from sim_backend.instruments.keithley2450_legacy import emulated
from sim_backend.instruments.keithley2450_models import MODELS
from tests.sim_backend.rig2450 import Rig2450


def test_the_language_comes_into_force_at_the_next_start() -> None:
    rig = Rig2450()
    rig.send("*LANG SCPI2400")
    assert rig.ask("*LANG?") == "SCPI"
    rig.send(":SENS:CURR:PROT 1e-3")
    assert rig.codes() == [-113]
    rig.send("SOUR:VOLT 1;:OUTP ON")
    rig.smu.power_cycle()
    assert rig.ask("*LANG?") == "SCPI2400"
    assert not rig.front.on
    assert rig.ask("SYST:ERR?") == '0,"No error"'
    rig.send("*LANG SCPI")
    rig.smu.power_cycle()
    assert rig.ask("SYST:ERR?") == '0,"No error;0;0 0"'


def test_an_old_program_runs() -> None:
    rig = Rig2450(language="SCPI2400")
    rig.program(
        """
        *RST
        :SOUR:FUNC VOLT;:SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,2,3
        :SENS:FUNC "CURR";:SENS:CURR:PROT 1e-3;:SENS:CURR:NPLC 0.1
        :TRIG:COUN 3;:FORM:ELEM CURR
        :OUTP ON
        """
    )
    assert rig.values(":READ?") == pytest.approx([1e-4, 2e-4, 3e-4])
    assert rig.smu.channel_state()["output"] is True
    assert rig.codes() == []


def test_what_was_added_to_the_old_commands() -> None:
    rig = Rig2450(language="SCPI2400")
    rig.send(":SYST:GPIB:ADDR 24", ":SYST:TLIN 0")
    assert rig.ask(":SYST:GPIB:ADDR?;:SYST:TLIN?") == "24;0"
    assert "MODEL 2450" in rig.ask("*IDN?")
    assert rig.codes() == []


def test_only_the_old_ranges_are_there() -> None:
    rig = Rig2450(language="SCPI2400")
    assert rig.values(":SOUR:CURR:RANG? MIN") == [pytest.approx(1.05e-6)]
    assert rig.values(":SOUR:VOLT:RANG? MIN") == [pytest.approx(0.21)]
    old = emulated(MODELS["2450"], "SCPI2400")
    assert old.spec.v_source[2].offset_error == MODELS["2450"].spec.v_source[3].offset_error


@pytest.mark.parametrize(("model", "language"), [
    (name, language) for name, model in MODELS.items() for language in model.emulates
])  # fmt: skip
def test_each_old_language_answers_every_query(model: str, language: str) -> None:
    rig = Rig2450(model, language=language)
    assert rig.ask("*LANG?") == language
    legacy = rig.smu.legacy
    assert legacy is not None
    assert len(legacy.table()) > 200
    rig.send(":SENS:CURR:PROT 1e-3;:SOUR:VOLT 1;:OUTP ON")
    if language != "SCPI2430":
        assert rig.values(":FORM:ELEM CURR;:READ?") == [pytest.approx(1e-4)]
    assert rig.codes() == []


def test_the_interlock_is_the_output_enable_line() -> None:
    rig = Rig2450(language="SCPI2400")
    rig.send(":OUTP:ENAB ON;:OUTP ON")
    rig.smu.set_interlock(False)
    assert rig.ask(":OUTP?") == "0"
    assert rig.codes() == [802]


def test_an_unknown_language_is_refused() -> None:
    rig = Rig2450()
    rig.send("*LANG BASIC")
    assert rig.codes() == [-224]
