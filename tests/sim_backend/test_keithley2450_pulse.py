"""Pulses and the digitizer of the virtual 2461, and what its relatives do without them."""

from __future__ import annotations

import itertools

import pytest

from tests.sim_backend.rig2450 import Rig2450


@pytest.fixture
def rig() -> Rig2450:
    made = Rig2450("2461")
    made.send("SENS:NPLC 0.01;:SENS:AZER OFF;:SENS:CURR:RANG 1e-3;:SOUR:VOLT:ILIM 1e-3")
    made.send("SOUR:PULS:VOLT:ILIM 1e-3")
    return made


def pulses(rig: Rig2450, level: float) -> list[tuple[float, float]]:
    """When each pulse of a level began and how long it lasted, s."""
    changes = rig.front.levels()
    return [(t, changes[k + 1][0] - t) for k, (t, v) in enumerate(changes[:-1]) if v == level]


def test_a_pulse_train(rig: Rig2450) -> None:
    rig.send('SOUR:PULS:TR:VOLT 0.1, 2, 1e-3, 5, ON, "defbuffer1", 1e-3, 8e-3', "INIT;*WAI")
    assert rig.codes() == []
    found = pulses(rig, 2.0)
    assert len(found) == 5
    assert [width for _, width in found] == pytest.approx([1e-3] * 5, abs=20e-6)
    periods = [b - a for (a, _), (b, _) in itertools.pairwise(found)]
    assert periods == pytest.approx([10e-3] * 4, abs=50e-6)
    assert rig.values("TRAC:DATA? 1, 5") == pytest.approx([2e-4] * 5)
    assert rig.ask("OUTP?;:SOUR:CONF:LIST:CAT?") == "0;VoltPulseTrainList"
    assert {level for _, level in rig.front.levels()[1:-1]} == {0.1, 2.0}


def test_a_train_without_readings_and_one_without_end(rig: Rig2450) -> None:
    rig.send("SOUR:PULS:TRAIN:VOLT 0, 1, 150e-6, 1000, OFF, 'defbuffer1', 0, 850e-6", "INIT;*WAI")
    assert rig.ask("TRAC:ACT?") == "0"
    assert len(pulses(rig, 1.0)) == 1000
    rig.send("SOUR:PULS:TR:VOLT 0, 1, 1e-3, 0, OFF, 'defbuffer1', 0, 9e-3", "INIT")
    rig.clock.advance(1.0)
    assert rig.smu.unit.busy
    rig.send("ABOR")
    assert len(pulses(rig, 1.0)) == pytest.approx(1100, abs=2)


def test_pulse_sweeps(rig: Rig2450) -> None:
    rig.send("SOUR:PULS:SWE:VOLT:LIN 0, 1, 3, 3, 2e-3, ON, 'defbuffer1', 0, 8e-3, 2, 1e-3, 1e-3,"
             "ON, ON", "INIT;*WAI")  # fmt: skip
    once = [1e-4, 2e-4, 3e-4, 2e-4, 1e-4]
    assert rig.values("TRAC:DATA? 1, 10") == pytest.approx(once * 2)
    rig.send("SOUR:PULS:SWE:VOLT:LIN:STEP 0, 1, 2, 0.5, 2e-3", "INIT;*WAI")
    assert rig.values("TRAC:DATA? 1, 3") == pytest.approx([1e-4, 1.5e-4, 2e-4])
    rig.send("SOUR:PULS:SWE:VOLT:LOG 0, 0.1, 10, 3, 2e-3", "INIT;*WAI")
    assert rig.values("TRAC:DATA? 1, 3") == pytest.approx([1e-5, 1e-4, 1e-3])
    assert rig.codes() == []


def test_lists_of_pulses(rig: Rig2450) -> None:
    rig.send("SOUR:PULS:LIST:VOLT 1, 5", "SOUR:PULS:LIST:VOLT:APP 3")
    assert rig.ask("SOUR:PULS:LIST:VOLT:POIN?;:SOUR:PULS:LIST:VOLT?").startswith("3;1.00")
    rig.send("SOUR:PULS:SWE:VOLT:LIST 2e-3, ON, 'defbuffer1', 1, 2, 0, 3e-3, ON", "INIT;*WAI")
    assert rig.values("TRAC:DATA? 1, 6") == pytest.approx([1e-4, 5e-4, 3e-4] * 2)
    rig.program(
        """
        SOUR:CONF:LIST:CRE "mine"
        SOUR:PULS:VOLT 1.17
        SOUR:CONF:LIST:STOR "mine"
        SOUR:PULS:VOLT:LEV 1.27
        SOUR:CONF:LIST:STOR "mine"
        SOUR:PULS:SWE:VOLT:LIST 0.03, OFF, "defbuffer1", 1, 3, 0, .005, ON, "mine"
        INIT
        *WAI
        """
    )
    assert len(pulses(rig, 1.17)) == len(pulses(rig, 1.27)) == 3
    assert rig.codes() == []


def test_a_pulse_of_ten_ampere_and_a_hundred_volt() -> None:
    rig = Rig2450("2461", conductance=0.1)
    rig.send("SENS:NPLC 0.01;:SENS:AZER OFF;:SENS:CURR:RANG 10;:SOUR:VOLT:READ:BACK OFF")
    rig.send("SOUR:PULS:TR:VOLT 0, 100, 1e-3, 3, ON, 'defbuffer1', 0, 0.02, 0.1, 10.2")
    assert rig.codes() == []
    rig.send("INIT;*WAI")
    assert rig.values("TRAC:DATA? 1, 3") == pytest.approx([10.0] * 3)
    rig.send("SOUR:PULS:TR:VOLT 0, 100, 2e-3, 3, ON, 'defbuffer1', 0, 0.1, 0.1, 10.2")  # too long
    rig.send("SOUR:PULS:TR:VOLT 0, 100, 1e-3, 3, ON, 'defbuffer1', 0, 0.01, 0.1, 10.2")  # duty
    rig.send("SOUR:VOLT 100;:SOUR:VOLT:ILIM 5")  # beyond the DC area
    rig.send("SOUR:PULS:TR:VOLT 0, 1, 1e-4, 3")  # too short
    rig.send("SOUR:PULS:TR:VOLT 0, 200, 1e-3, 3")  # too high
    assert rig.codes() == [-221, -221, -221, -222, -222]


def test_a_reading_must_fit_into_the_pulse(rig: Rig2450) -> None:
    rig.send("SENS:NPLC 1", "SOUR:PULS:TR:VOLT 0, 1, 1e-3, 3")
    assert rig.codes() == [-221]


def test_a_train_ends_at_the_limit(rig: Rig2450) -> None:
    rig.send("SOUR:PULS:TR:VOLT 0, 20, 1e-3, 5, ON, 'defbuffer1', 0, 9e-3", "INIT;*WAI")
    assert rig.ask("TRAC:ACT?") == "1"
    rig.send("SOUR:PULS:TR:VOLT 0, 20, 1e-3, 5, ON, 'defbuffer1', 0, 9e-3, 1e-3, 1e-3, OFF", "INIT")
    rig.send("*WAI")
    assert rig.ask("TRAC:ACT?") == "5"


def test_pulse_blocks(rig: Rig2450) -> None:
    rig.send("SOUR:PULS:VOLT 3", "TRIG:BLOC:SOUR:PULS:STAT 1, ON", "TRIG:BLOC:SOUR:STAT 2, ON")
    rig.send("TRIG:BLOC:SOUR:PULS:STAT 3, ON", "TRIG:BLOC:DEL:CONS 4, 1e-3")
    rig.send("TRIG:BLOC:SOUR:PULS:STAT 5, OFF", "TRIG:BLOC:SOUR:STAT 6, OFF", "INIT;*WAI")
    assert len(pulses(rig, 3.0)) == 1  # with the output off there is no pulse
    assert "3) PULSE_OUTPUT OUTPUT: ON" in rig.ask("TRIG:BLOC:LIST?")


# -- digitizer ------------------------------------------------------------------------------------


def test_samples_are_taken_at_the_rate(rig: Rig2450) -> None:
    rig.send('DIG:FUNC "CURR"', "DIG:CURR:RANG 1e-3;SRAT 1e6;APER AUTO", "DIG:COUN 1000")
    rig.send("SOUR:VOLT 1;:OUTP ON")
    assert rig.ask("DIG:FUNC?;:SENS:FUNC?;:DIG:CURR:APER?") == '"CURR";NONE;AUTO'
    start = rig.clock.now_s
    assert rig.values("MEAS:DIG?") == [pytest.approx(1e-4)]
    assert rig.clock.now_s - start == pytest.approx(1e-3)
    times = rig.values("TRAC:DATA? 1, 1000, 'defbuffer1', REL")
    assert times[-1] == pytest.approx(999e-6)
    status = rig.values("FETC? 'defbuffer1', READ, STAT")[1]
    assert int(status) & 4  # the digitizer measured


def test_rate_and_aperture_go_together(rig: Rig2450) -> None:
    rig.send("DIG:VOLT:SRAT 10000;APER 50e-6")
    assert rig.ask("DIG:VOLT:APER?") == "5.000000E-05"
    rig.send("DIG:VOLT:APER 2e-4")
    assert rig.codes() == [-222]
    rig.send("DIG:VOLT:SRAT 1e5")
    assert rig.values("DIG:VOLT:APER?") == [1e-5]
    assert rig.values("DIG:VOLT:SRAT? MAX") == [1e6]


def test_digitize_and_measure_are_kept_apart(rig: Rig2450) -> None:
    rig.send("READ:DIG?", 'DIG:FUNC "VOLT"', "READ?", "TRAC:TRIG")
    assert rig.codes() == [-221, -221, -221]
    rig.send("DIG:COUN 10", "TRAC:TRIG:DIG", "READ:DIG?")
    rig.send("TRIG:BLOC:MEAS 1", "INIT", "TRIG:BLOC:DIG 1, 'defbuffer1', 5", "INIT;*WAI")
    assert rig.ask("TRAC:ACT?") == "25"
    assert rig.codes() == [-221]
    rig.send("TRIG:BLOC:MDIG 1", "INIT;*WAI", 'SENS:FUNC "CURR"', "INIT;*WAI")
    assert rig.ask("TRAC:ACT?") == "27"
    assert rig.ask("MEAS:DIG:VOLT?") is not None
    assert rig.codes() == []


def test_pulses_are_digitized(rig: Rig2450) -> None:
    rig.program(
        """
        DIG:FUNC "CURR"
        DIG:CURR:RANG 1e-3
        DIG:CURR:SRAT 25000
        DIG:COUN 20
        SOUR:PULS:TR:VOLT 1e-3, 3e-3, 10e-3, 3, ON, "defbuffer1", 0, 90e-3, 5e-3, 5e-3
        INIT
        *WAI
        """
    )
    assert rig.codes() == []
    assert rig.ask("TRAC:ACT?") == "60"
    assert rig.values("TRAC:DATA? 1, 60") == pytest.approx([3e-7] * 60)


def test_autocalibration(rig: Rig2450) -> None:
    rig.send("ACAL:LAST:TIME?")
    assert rig.codes() == [-230]
    rig.send("ACAL:RUN")
    assert rig.ask("ACAL:COUN?") == "1"
    assert rig.ask("ACAL:LAST:TIME?").startswith("01/01/2026 00:00:05.")


@pytest.mark.parametrize("model", ["2450", "2460", "2470"])
@pytest.mark.parametrize(
    "line", ["SOUR:PULS:TR:VOLT 0,1,1e-3,3", 'DIG:FUNC "CURR"', "DIG:CURR:SRAT 1e5", "ACAL:RUN"]
)
def test_relatives_do_not_know_what_they_do_not_have(model: str, line: str) -> None:
    rig = Rig2450(model)
    rig.send(line)
    assert rig.codes() == [-113]
