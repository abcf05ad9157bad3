"""The virtual 2450 family in its native SCPI: source, measure, buffers, status, any line."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.errors import BadInput
from sim_backend.instruments.keithley2450_models import MODELS
from sim_backend.laboratory import open_laboratory
from tests.sim_backend.rig2450 import Rig2450


@pytest.fixture
def rig() -> Rig2450:
    return Rig2450()


# -- identity, log, status ------------------------------------------------------------------------


def test_it_tells_who_it_is_and_which_language_it_speaks(rig: Rig2450) -> None:
    assert rig.ask("*IDN?") == "KEITHLEY INSTRUMENTS,MODEL 2450,04123456,1.7.12b"
    assert rig.send("*LANG?", "*TST?", "SYST:VERS?", "SYST:LFR?") == ["SCPI", "0", "1996.0", "50"]


def test_errors_come_with_their_kind_and_time(rig: Rig2450) -> None:
    assert rig.ask("SYST:ERR?") == '0,"No error;0;0 0"'
    rig.clock.advance(61.5)
    rig.send("SOUR:VOLT:LEVL 1", "SOUR:VOLT", "SOUR:VOLT 1,2", "SOUR:VOLT 300", "SOUR:FUNC HELLO")
    assert rig.ask("SYST:ERR:COUN?") == "5"
    assert rig.ask("SYST:ERR?") == '-113,"Undefined header;1;2026/01/01 00:01:01.500"'
    assert rig.codes() == [-109, -108, -222, -224]


def test_a_wrong_command_ends_its_line(rig: Rig2450) -> None:
    rig.send("SOUR:VOLT 1;:FOO;:SOUR:VOLT 2")
    assert rig.values("SOUR:VOLT?") == [1.0]
    assert rig.codes() == [-113]


def test_the_log_also_holds_what_is_no_error(rig: Rig2450) -> None:
    rig.send("*CLS", 'SYST:EVEN:POST "hello", WARN', 'SYST:EVEN:POST "bye", ERR')
    assert rig.ask("SYST:EVEN:COUN?") == "2"
    assert rig.ask("SYST:EVEN:COUN? WARN") == "1"
    assert rig.ask("SYST:EVEN:NEXT?").startswith('1003,"User: hello;2;')
    assert rig.ask("SYST:ERR:CODE?") == "1003"
    assert rig.ask("SYST:EVEN:NEXT?") == '0,"No error;0;0 0"'


def test_reading_an_error_passes_over_warnings_before_it(rig: Rig2450) -> None:
    rig.send('SYST:EVEN:POST "w", WARN', "FOO")
    assert rig.ask("SYST:ERR:CODE?") == "-113"
    assert rig.ask("SYST:EVEN:COUN?") == "0"


def test_the_status_byte_follows_log_and_standard_events(rig: Rig2450) -> None:
    assert rig.ask("*ESR?") == "128"
    rig.send("*ESE 32;*SRE 32", "FOO")
    assert rig.ask("*STB?") == "100"
    assert rig.ask("*ESR?") == "32"
    rig.send("*CLS")
    assert rig.ask("*STB?") == "0"
    assert rig.ask("*ESR?") == "0"
    assert rig.ask("*OPC;*ESR?") == "1"


def test_register_bits_follow_the_events_they_are_mapped_to(rig: Rig2450) -> None:
    rig.send("STAT:OPER:MAP 0, 4917, 4916", "STAT:OPER:ENAB 1", 'TRAC:MAKE "ten", 10')
    rig.send('TRIG:LOAD "SimpleLoop", 10, 0, "ten"', "INIT;*WAI")
    assert rig.send("STAT:OPER:MAP? 0", "STAT:OPER:COND?") == ["4917,4916", "1"]
    assert rig.ask("*STB?") == "128"
    rig.send('TRAC:CLE "ten"')
    assert rig.send("STAT:OPER:COND?", "STAT:OPER?", "STAT:OPER?") == ["0", "1", "0"]
    rig.send("STAT:PRES")
    assert rig.ask("STAT:OPER:ENAB?") == "0"
    assert rig.ask("*STB?") == "0"


# -- source ---------------------------------------------------------------------------------------


def test_defaults_of_the_source(rig: Rig2450) -> None:
    asked = "SOUR:FUNC?;:SOUR:VOLT?;:SOUR:VOLT:ILIM?;:SOUR:CURR:VLIM?;:OUTP?;:SOUR:VOLT:PROT?"
    assert rig.ask(asked) == "VOLT;0.000000E+00;1.050000E-04;2.100000E+01;0;NONE"
    asked = "SOUR:VOLT:DEL:AUTO?;:SOUR:VOLT:READ:BACK?;:SOUR:CURR:HIGH:CAP?;:OUTP:VOLT:SMOD?"
    assert rig.ask(asked) == "1;1;0;NORM"
    assert rig.values("SOUR:VOLT? MAX") == [210.0]
    assert rig.values("SOUR:CURR:RANG? MIN") == [10e-9]


def test_the_level_chooses_the_range_while_that_is_automatic(rig: Rig2450) -> None:
    assert rig.send("SOUR:VOLT 3;:SOUR:VOLT:RANG?") == ["2.000000E+01"]
    rig.send("SOUR:VOLT:RANG 2")
    assert rig.codes() == [-221]  # 3 V do not fit
    rig.send("SOUR:VOLT 1.5;:SOUR:VOLT:RANG 2;:SOUR:VOLT 2.2")
    assert rig.codes() == [-222]
    assert rig.send("SOUR:VOLT?;:SOUR:VOLT:RANG:AUTO?") == ["1.500000E+00;0"]


def test_what_is_programmed_reaches_the_terminals(rig: Rig2450) -> None:
    rig.send("SOUR:VOLT 2;:SOUR:VOLT:ILIM 1e-3;:OUTP ON")
    change = rig.front.changes[-1]
    assert (change.function, change.level, change.range, change.limit) == ("v", 2.0, 2.0, 1e-3)
    assert change.limit_range == 1e-3
    rig.send("SOUR:VOLT -0.5")
    assert rig.front.changes[-1].level == -0.5
    rig.send("SENS:CURR:RANG 1e-4")  # a fixed range holds the current where it overflows
    assert rig.front.changes[-1].limit == pytest.approx(1.05e-4 * 1.01)


def test_a_limit_that_does_not_go_with_the_range_is_lowered_with_a_warning(rig: Rig2450) -> None:
    rig.send("SOUR:VOLT:ILIM 1", "SOUR:VOLT 100")
    assert rig.values("SOUR:VOLT:ILIM?") == [pytest.approx(0.105)]
    assert rig.ask("SYST:EVEN:NEXT?").split(";")[1] == "2"
    rig.send("SOUR:VOLT:ILIM 1")
    assert rig.codes() == [-221]


def test_limits_are_told_when_they_act(rig: Rig2450) -> None:
    rig.send("SOUR:VOLT 2;:SOUR:VOLT:ILIM 1e-4;:OUTP ON")
    assert rig.send("SOUR:VOLT:ILIM:TRIP?;:SOUR:CURR:VLIM:TRIP?") == ["1;0"]
    _, status = rig.values('READ? "defbuffer1", READ, SOURSTAT')
    assert int(status) & 32


def test_overvoltage_protection_holds_the_voltage(rig: Rig2450) -> None:
    rig.send("SOUR:VOLT:PROT PROT5;:SOUR:VOLT 10;:SOUR:VOLT:ILIM 1e-2;:OUTP ON")
    assert rig.front.changes[-1].level == 5.0
    assert rig.send("SOUR:VOLT:PROT?;:SOUR:VOLT:PROT:TRIP?") == ["PROT5;1"]
    rig.send("SOUR:VOLT:PROT NONE")
    assert rig.front.changes[-1].level == 10.0


def test_a_high_voltage_needs_the_interlock(rig: Rig2450) -> None:
    rig.smu.set_interlock(False)
    rig.send("SOUR:VOLT 50;:OUTP ON")
    assert rig.send("OUTP?;:OUTP:INT:TRIP?") == ["0;0"]
    assert rig.ask("SYST:ERR?").startswith('5074,"Output blocked by interlock;1;')
    rig.smu.set_interlock(True)
    rig.send("OUTP ON")
    assert rig.front.on
    rig.smu.set_interlock(False)
    assert rig.ask("OUTP?") == "0"
    assert not rig.front.on
    assert rig.codes() == [5074]


def test_a_hot_unit_switches_off(rig: Rig2450) -> None:
    rig.send("OUTP ON")
    rig.smu.overheat(True)
    assert rig.ask("OUTP?") == "0"
    rig.send("OUTP ON")
    assert rig.codes() == [2771, 2771]


def test_output_off_states(rig: Rig2450) -> None:
    rig.send("OUTP:VOLT:SMOD HIMP", "OUTP ON", "OUTP OFF")
    assert rig.front.high_impedance
    rig.send("OUTP:SMOD ZERO", "SOUR:VOLT:ILIM 1e-2", "OUTP ON", "OUTP OFF")
    change = rig.front.changes[-1]
    assert (change.function, change.level, change.limit) == ("v", 0.0, 1e-2)
    assert rig.send("OUTP:CURR:SMOD?;:OUTP:VOLT:SMOD?") == ["ZERO;ZERO"]
    rig.send("SOUR:FUNC CURR;:OUTP:SMOD GUAR", "OUTP ON", "OUTP OFF")
    assert rig.front.changes[-1].function == "i"
    assert rig.codes() == []


def test_the_other_terminals_take_the_output_off(rig: Rig2450) -> None:
    rig.send("SOUR:VOLT 1;:OUTP ON;:ROUT:TERM REAR")
    assert rig.send("OUTP?;:ROUT:TERM?") == ["0;REAR"]
    assert not rig.front.on
    assert rig.front.high_impedance
    rig.send("OUTP ON")
    assert rig.rear.on
    assert rig.smu.channel_state("rear")["output"] is True
    assert rig.smu.channel_state("front")["output"] is False


def test_the_autodelay_goes_with_the_current_range(rig: Rig2450) -> None:
    rig.send("SENS:CURR:RANG 1e-6")
    assert rig.values("SOUR:VOLT:DEL?") == [3e-3]
    rig.send("SOUR:VOLT:HIGH:CAP ON")
    assert rig.values("SOUR:VOLT:DEL?") == [20e-3]
    rig.send("SOUR:VOLT:DEL 0.5")
    assert rig.send("SOUR:VOLT:DEL?;:SOUR:VOLT:DEL:AUTO?") == ["5.000000E-01;0"]


def test_the_source_delay_passes_once_for_each_level(rig: Rig2450) -> None:
    rig.send("SOUR:VOLT:DEL 0.5;:SOUR:VOLT 1;:OUTP ON", "READ?")
    first = rig.clock.now_s
    assert first > 0.5
    rig.send("READ?")
    assert rig.clock.now_s - first < 0.2
    rig.send("SOUR:VOLT 2", "READ?")
    assert rig.clock.now_s - first > 0.6


# -- sense ----------------------------------------------------------------------------------------


def test_voltage_is_sourced_and_current_measured(rig: Rig2450) -> None:
    rig.send("SOUR:VOLT 1;:SOUR:VOLT:ILIM 1e-2;:OUTP ON")
    assert rig.values("READ?") == [pytest.approx(1e-4)]
    assert rig.values("MEAS:VOLT?") == [pytest.approx(1.0)]
    assert rig.ask("SENS:FUNC?") == '"VOLT:DC"'
    assert rig.values('FETC? "defbuffer1", READ, SOUR') == [1.0, 1.0]


def test_current_is_sourced_and_voltage_measured(rig: Rig2450) -> None:
    rig.send('SOUR:FUNC CURR;:SOUR:CURR 1e-4;:SENS:FUNC "VOLT";:OUTP ON')
    assert rig.values("READ?") == [pytest.approx(1.0)]
    assert rig.values("SENS:VOLT:RANG?") == [2.0]


def test_a_resistance_is_measured_by_itself(rig: Rig2450) -> None:
    rig.send('SENS:FUNC "RES";:SENS:RES:RANG:AUTO ON;:OUTP ON')
    assert rig.values("READ?") == [pytest.approx(1e4)]
    assert rig.values("SENS:RES:RANG?") == [20e3]
    state = rig.smu.channel_state()
    assert (state["function"], state["level"]) == ("i", 100e-6)
    rig.send("SENS:RES:OCOM ON")
    assert rig.values("READ?") == [pytest.approx(1e4)]


def test_units_make_resistances_and_powers_of_readings(rig: Rig2450) -> None:
    rig.send("SOUR:VOLT 2;:SOUR:VOLT:ILIM 1e-2;:OUTP ON;:SENS:CURR:UNIT OHM")
    reading = rig.ask('READ? "defbuffer1", READ, UNIT').split(",")
    assert (float(reading[0]), reading[1]) == (pytest.approx(1e4), "Ohm")
    rig.send("SENS:CURR:UNIT WATT")
    assert rig.values("READ?") == [pytest.approx(4e-4)]


def test_a_fixed_range_overflows(rig: Rig2450) -> None:
    rig.send("SENS:CURR:RANG 1e-5;:SOUR:VOLT 1;:OUTP ON")
    assert rig.values("READ?") == [9.9e37]
    assert rig.send("SENS:CURR:RANG:AUTO?;:SENS:CURR:RANG?") == ["0;1.000000E-05"]
    rig.send("SENS:CURR:RANG:AUTO ON")
    assert rig.values("READ?") == [pytest.approx(1e-4)]


def test_autorange_goes_up_and_down_within_its_limits(rig: Rig2450) -> None:
    rig.send("SOUR:VOLT 1;:SOUR:VOLT:ILIM 1e-2;:OUTP ON", "READ?")
    assert rig.values("SENS:CURR:RANG?") == [1e-4]
    rig.send("SOUR:VOLT 0.01", "READ?")
    assert rig.values("SENS:CURR:RANG?") == [1e-6]
    rig.send("SENS:CURR:RANG:AUTO:LLIM 5e-4", "READ?")
    assert rig.send("SENS:CURR:RANG:AUTO:LLIM?;:SENS:CURR:RANG?") == ["1.000000E-03;1.000000E-03"]
    assert rig.values("SENS:CURR:RANG:AUTO:ULIM?") == [1e-2]
    rig.send("SENS:CURR:RANG:AUTO:ULIM 1")
    assert rig.codes() == [-113]  # only resistances have one that can be set


@pytest.mark.parametrize(
    ("program", "conversions"),
    [
        ("SOUR:VOLT:READ:BACK OFF;:SENS:CURR:AZER OFF", 1),
        ("SOUR:VOLT:READ:BACK ON;:SENS:CURR:AZER OFF", 2),
        ("SOUR:VOLT:READ:BACK OFF;:SENS:CURR:AZER OFF;:SENS:CURR:AVER ON", 10),
    ],
)
def test_how_long_a_reading_takes(rig: Rig2450, program: str, conversions: int) -> None:
    rig.send(program, "SENS:CURR:RANG 1e-3;:SENS:CURR:NPLC 0.1;:SOUR:VOLT:DEL 0;:OUTP ON")
    start = rig.clock.now_s
    rig.send("READ?")
    assert rig.clock.now_s - start == pytest.approx(conversions * (2e-3 + 152e-6))
    start = rig.clock.now_s
    rig.send("SENS:CURR:AZER ON", "READ?")
    passed = rig.clock.now_s - start
    assert passed == pytest.approx(conversions * (2e-3 + 152e-6) + 4e-3)


def test_the_moving_filter_averages_over_the_last_readings(rig: Rig2450) -> None:
    rig.send("SENS:CURR:RANG 1e-3;:SENS:CURR:AVER:COUN 2;:SENS:CURR:AVER:TCON MOV")
    rig.send("SENS:CURR:AVER ON;:SOUR:VOLT:ILIM 1e-2;:SOUR:VOLT 1;:OUTP ON", "READ?")
    rig.send("SOUR:VOLT 2")
    assert rig.values("READ?") == [pytest.approx(1.5e-4)]
    assert rig.values("READ?") == [pytest.approx(2e-4)]
    assert rig.ask("SENS:CURR:AVER?;:SENS:CURR:AVER:TCON?;:SENS:CURR:AVER:COUN?") == "1;MOV;2"


def test_a_header_without_a_function_sets_all_measure_functions(rig: Rig2450) -> None:
    rig.send("SENS:NPLC 0.1;:AVER:COUN 7;:AZER OFF")
    asked = "SENS:CURR:NPLC?;:SENS:VOLT:NPLC?;:RES:AVER:COUN?;:VOLT:AZER?"
    assert rig.ask(asked) == "1.000000E-01;1.000000E-01;7;0"


def test_relative_offset_and_math(rig: Rig2450) -> None:
    rig.send("SOUR:VOLT 1;:OUTP ON;:SENS:CURR:REL:ACQ;:SENS:CURR:REL:STAT ON")
    assert rig.values("SENS:CURR:REL?;:READ?".replace(";:READ?", "")) == [pytest.approx(1e-4)]
    assert rig.values("READ?") == [pytest.approx(0.0, abs=1e-12)]
    rig.send("SENS:CURR:REL:STAT OFF;:CALC:CURR:MATH:FORM MXB;MMF 1e4;MBF 3;STAT ON")
    assert rig.values("READ?") == [pytest.approx(4.0)]
    rig.send("CALC:CURR:MATH:FORM REC")
    assert rig.values("READ?") == [pytest.approx(1e4)]
    rig.send("CALC:CURR:MATH:FORM PERC;PERC 5e-5")
    assert rig.values("READ?") == [pytest.approx(100.0)]
    rig.send("SENS:VOLT:REL:ACQ")
    assert rig.codes() == [-221]  # voltage is not what is measured


def test_limit_tests_tell_how_a_reading_failed(rig: Rig2450) -> None:
    rig.send("CALC2:CURR:LIM1:UPP 5e-5;LOW 0;STAT ON;AUD FAIL", "SOUR:VOLT 1;:OUTP ON")
    _, status = rig.values('READ? "defbuffer1", READ, STAT')
    assert int(status) & 128
    assert rig.ask("CALC2:CURR:LIM1:FAIL?") == "HIGH"
    assert rig.smu.unit.panel.beeps
    rig.send("CALC2:CURR:LIM1:CLE:AUTO OFF", "READ?", "SOUR:VOLT -1", "READ?")
    assert rig.ask("CALC2:CURR:LIM1:FAIL?") == "BOTH"
    rig.send("CALC2:CURR:LIM1:CLE")
    assert rig.ask("CALC2:CURR:LIM1:FAIL?") == "NONE"
    rig.send("CALC2:CURR:LIM3:STAT ON")
    assert rig.codes() == [-114]


def test_four_wires_are_used_while_the_output_is_on(rig: Rig2450) -> None:
    rig.send("OUTP ON;:SENS:CURR:RSEN ON")
    assert rig.ask("OUTP?") == "0"  # changing the wires switches off
    rig.send("OUTP ON")
    assert rig.front.remote
    assert int(rig.values('READ? "defbuffer1", READ, SOURSTAT')[1]) & 64
    rig.send("OUTP OFF")
    assert not rig.front.remote


def test_contacts_are_checked() -> None:
    rig = Rig2450("2461")
    rig.send("SYST:CCH?")
    assert rig.codes() == [-221]
    rig.send("SYST:CCH:STAT ON", "SYST:CCH:THR OHM15")
    assert rig.ask("SYST:CCH?;:SYST:CCH:ALL?;:SYST:CCH:THR?") == "1;1,1,1;OHM15"
    rig.front.contact = 20.0
    assert rig.ask("SYST:CCH?;:SYST:CCH:ALL?") == "0;0,1,1"


# -- buffers --------------------------------------------------------------------------------------


def test_readings_go_into_a_buffer_with_everything_about_them(rig: Rig2450) -> None:
    rig.send('TRAC:MAKE "mine", 100', "SENS:COUN 5;:SOUR:VOLT 1;:OUTP ON", 'READ? "mine"')
    assert rig.send('TRAC:ACT? "mine";:TRAC:ACT?;:TRAC:ACT:STAR? "mine";END? "mine"') == ["5;0;1;5"]
    values = rig.values('TRAC:DATA? 1, 5, "mine", READ, SOUR, REL')
    assert values[::3] == pytest.approx([1e-4] * 5)
    assert values[1::3] == pytest.approx([1.0] * 5)
    assert values[2] == 0.0
    assert values[5] > 0.05
    text = rig.ask('TRAC:DATA? 1, 1, "mine", DATE, TIME, FORM, UNIT, SOURUNIT, SEC')
    assert text == "01/01/2026,00:00:00,+100.00000 uA,Amp DC,Volt DC,1767225600"


def test_statistics_of_a_buffer(rig: Rig2450) -> None:
    rig.send("SENS:CURR:RANG 1e-3;:SOUR:VOLT:ILIM 1e-3;:OUTP ON")
    for level in (1, 2, 3):
        rig.send(f"SOUR:VOLT {level}", "TRAC:TRIG")
    asked = "TRAC:STAT:AVER?;MAX?;MIN?;PK2P?;STDD?"
    assert [float(x) for x in rig.ask(asked).split(";")] == pytest.approx(
        [2e-4, 3e-4, 1e-4, 2e-4, 1e-4]
    )
    rig.send("TRAC:STAT:CLE")
    assert rig.values("TRAC:STAT:AVER?") == [0.0]
    assert rig.ask("TRAC:ACT?") == "3"


def test_a_buffer_that_fills_once_discards_and_a_continuous_one_goes_round(rig: Rig2450) -> None:
    rig.send('TRAC:MAKE "ten", 10', "SENS:COUN 12", 'TRAC:TRIG "ten"')
    assert rig.ask('TRAC:ACT? "ten";:TRAC:FILL:MODE? "ten"') == "10;ONCE"
    rig.send('TRAC:FILL:MODE CONT, "ten"', 'TRAC:TRIG "ten"')
    assert rig.ask('TRAC:ACT? "ten";:TRAC:ACT:STAR? "ten";END? "ten"') == "10;3;2"


def test_what_buffers_refuse(rig: Rig2450) -> None:
    rig.send('TRAC:MAKE "b", 10', 'TRAC:MAKE "b", 10')
    assert rig.ask("SYST:ERR?").startswith(
        '1115,"Parameter error: TRACe:MAKE cannot take an existing reading buffer name;1;'
    )
    rig.send('TRAC:MAKE "c", 5', 'TRAC:MAKE "d", 9000000', 'TRAC:DEL "defbuffer1"')
    rig.send('TRAC:DEL "nobody"', "TRAC:DATA? 1, 3", "FETC?", "TRAC:DATA? 1")
    rig.send('TRAC:SAVE "/usb1/x.csv"', 'READ? "defbuffer1", NONSENSE', 'READ? "nobody"')
    expected = [-222, -225, 1115, 1115, -222, -230, -109, -256, 1133, 1115]
    assert rig.codes() == expected


def test_sizes_can_be_changed(rig: Rig2450) -> None:
    assert rig.ask("TRAC:POIN?") == "100000"
    rig.send("TRAC:POIN 20", "TRAC:TRIG")
    assert rig.ask("TRAC:POIN?;:TRAC:ACT?") == "20;1"
    rig.send('TRAC:MAKE "b", 20, COMP', 'TRAC:DEL "b"', 'TRAC:POIN? "b"')
    assert rig.codes() == [1115]


def test_external_data_is_written_into_writable_buffers(rig: Rig2450) -> None:
    rig.program(
        """
        TRAC:MAKE "write2me", 1000, WRITable
        TRAC:WRIT:FORM "write2me", WATT, 4
        TRAC:WRIT:READ "write2me", 1
        TRAC:WRIT:READ "write2me", 2
        """
    )
    assert rig.ask('TRAC:DATA? 1, 2, "write2me", read, unit') == (
        "1.000000E+00,Watt DC,2.000000E+00,Watt DC"
    )
    rig.send('TRAC:MAKE "two", 100, FULLWRIT', 'TRAC:WRIT:READ "two", 1, 7')
    assert rig.values('TRAC:DATA? 1, 1, "two", READ, EXTR') == [1.0, 7.0]
    rig.send('READ? "two"', 'TRAC:WRIT:READ "defbuffer1", 1')
    assert rig.codes() == [1115, 1115]


@pytest.mark.parametrize(("form", "code", "order", "mark"), [
    ("REAL", "d", "SWAP", "<"), ("SRE", "f", "SWAP", "<"), ("REAL", "d", "NORM", ">"),
])  # fmt: skip
def test_binary_formats(rig: Rig2450, form: str, code: str, order: str, mark: str) -> None:
    rig.send("SENS:COUN 3;:SOUR:VOLT 1;:OUTP ON", f"FORM {form};:FORM:BORD {order}")
    rig.smu.write(b"READ?\n")
    (block,) = rig.smu.replies()
    assert block[:2] == b"#0"
    assert struct.unpack(mark + code, block[2:-1])[0] == pytest.approx(1e-4)
    rig.smu.write(b'TRAC:DATA? 1, 3, "defbuffer1", READ, SOUR\n')
    (block,) = rig.smu.replies()
    assert struct.unpack(f"{mark}6{code}", block[2:-1]) == pytest.approx([1e-4, 1.0] * 3)
    rig.send('TRAC:DATA? 1, 3, "defbuffer1", DATE')
    assert rig.codes() == [1133]


def test_the_precision_of_numbers(rig: Rig2450) -> None:
    rig.send("SOUR:VOLT 1.2345678912", "FORM:ASC:PREC 10")
    assert rig.ask("SOUR:VOLT?") == "1.234567891E+00"
    rig.send("*RST")
    assert rig.ask("FORM:ASC:PREC?;:FORM?;:FORM:BORD?") == "0;ASC;SWAP"


# -- setups, lists, site --------------------------------------------------------------------------


def test_setups_are_saved_and_recalled(rig: Rig2450) -> None:
    rig.send("SOUR:VOLT 2;:SOUR:VOLT:ILIM 1e-3;*SAV 3;*RST;*RCL 3")
    assert rig.send("SOUR:VOLT?;:SOUR:VOLT:ILIM?") == ["2.000000E+00;1.000000E-03"]
    rig.send("*RCL 1")
    assert rig.codes() == [-224]


def test_a_reset_leaves_nothing_behind(rig: Rig2450) -> None:
    rig.send('TRAC:MAKE "b", 10', 'SOUR:CONF:LIST:CRE "l"', "SOUR:VOLT 5;:OUTP ON", "*RST")
    assert rig.send("OUTP?;:SOUR:VOLT?;:SOUR:CONF:LIST:CAT?") == ["0;0.000000E+00;"]
    assert rig.send("TRIG:STAT?") == ["EMPTY;EMPTY;0"]
    rig.send('TRAC:ACT? "b"')
    assert rig.codes() == [1115]


def test_configuration_lists(rig: Rig2450) -> None:
    rig.program(
        """
        SOUR:CONF:LIST:CRE "s"
        SOUR:VOLT 1
        SOUR:CONF:LIST:STOR "s"
        SOUR:VOLT 2
        SOUR:CONF:LIST:STOR "s"
        SENS:CONF:LIST:CRE "m"
        SENS:CURR:RANG 1e-3
        SENS:CONF:LIST:STOR "m"
        SENS:FUNC "VOLT"
        SENS:CONF:LIST:STOR "m", 2
        """
    )
    assert rig.ask('SOUR:CONF:LIST:SIZE? "s";CAT?;CAT?') == "2;s;"
    rig.send('SOUR:CONF:LIST:REC "s", 1, "m"')
    assert rig.ask("SOUR:VOLT?;:SENS:FUNC?") == '1.000000E+00;"CURR:DC"'
    rig.send('SENS:CONF:LIST:REC "m", 2, "s", 2')
    assert rig.ask("SOUR:VOLT?;:SENS:FUNC?") == '2.000000E+00;"VOLT:DC"'
    assert "smu.source.level = 2" in rig.ask('SOUR:CONF:LIST:QUER? "s", 2')
    assert "smu.measure.func = smu.FUNC_DC_CURRENT" in rig.ask('SENS:CONF:LIST:QUER? "m", 1, 2')
    rig.send('SOUR:CONF:LIST:DEL "s", 1')
    assert rig.ask('SOUR:CONF:LIST:SIZE? "s"') == "1"
    rig.send('SOUR:CONF:LIST:REC "s", 2', 'SENS:CONF:LIST:DEL "m"', 'SENS:CONF:LIST:REC "m"')
    assert rig.codes() == [2790, 2790]


def test_display_time_and_beeper(rig: Rig2450) -> None:
    rig.send('DISP:CLE;:DISP:SCR SWIPE_USER;:DISP:USER1:TEXT "Batch A122"')
    rig.send(f'DISP:USER2:TEXT "{"x" * 40}"')
    panel = rig.smu.unit.panel
    assert (panel.screen, panel.text) == ("SWIPE_USER", {1: "Batch A122", 2: "x" * 32})
    rig.send("SYST:BEEP 500, 1", "DISP:LIGH:STAT ON100", "DISP:READ:FORM EXP", "DISP:CURR:DIG 4")
    assert panel.beeps == [(500.0, 1.0)]
    assert rig.send("DISP:LIGH:STAT?;:DISP:READ:FORM?;:DISP:CURR:DIG?") == ["ON100;EXP;4"]
    rig.send("SYST:TIME 2014, 8, 29, 11, 30, 30")
    rig.clock.advance(7.0)
    assert rig.ask("SYST:TIME? 1") == "Fri Aug 29 11:30:37 2014"
    assert rig.ask("SYST:TIME?") == "1409311837"
    rig.send("SYST:TIME 2014, 2, 31, 0, 0, 0", "SYST:BEEP 5, 1")
    assert rig.codes() == [-222, -222]


def test_what_the_site_decides_survives_a_reset(rig: Rig2450) -> None:
    rig.send("SYST:GPIB:ADDR 26", 'SYST:COMM:LAN:CONF "MANUAL,192.168.0.1,255.255.240.0"')
    rig.send("SYST:POS SAV1", "*RST")
    assert rig.send("SYST:GPIB:ADDR?;:SYST:POS?") == ["26;SAV1"]
    assert rig.ask("SYST:COMM:LAN:CONF?") == "manual,192.168.0.1,255.255.240.0,0.0.0.0"
    assert rig.ask("SYST:COMM:LAN:MAC?").count(":") == 5
    rig.send('SYST:COMM:LAN:CONF "MANUAL,1.2.3"', 'SCR:RUN "x"')
    assert rig.codes() == [-224, -282]


def test_locked_out_the_password_is_asked_for(rig: Rig2450) -> None:
    rig.send('SYST:PASS:NEW "secret"', "SYST:ACC LOCK", "*IDN?", "login admin")
    assert rig.codes() == [-203, -203]
    assert len(rig.send("login secret", "*IDN?")) == 1
    assert rig.send("logout", "*IDN?") == []
    rig.send("login secret", "SYST:ACC FULL")
    assert rig.ask("SYST:ACC?") == "FULL"


# -- every header, any line -----------------------------------------------------------------------


def asked(header: str) -> str:
    plain = header.replace("[:", "\0").replace("[1]", "").replace("]", "").replace("\0", ":")
    return plain.replace("<n>", "1") + "?"


@pytest.mark.parametrize("model", MODELS)
def test_every_header_is_asked_without_a_fault(model: str) -> None:
    """Every query of the table is sent: it answers, or is refused for a stated reason."""
    rig = Rig2450(model)
    assert rig.smu.native is not None
    table = [command for command in rig.smu.native.table() if command.query is not None]
    assert len(table) > 200
    for command in table:
        replies = rig.send(asked(command.header))
        codes = rig.codes()
        assert replies or set(codes) <= {-109, -221, -230}, (command.header, codes)
        assert bool(replies) is (not codes), command.header


WORDS = st.sampled_from(
    ["SOUR", ":VOLT", ":CURR", ":SENS", "READ", "?", "INIT", "ABOR", "*TRG", "*RST", "OUTP",
     " ON", " OFF", " 1", " 1e-4", " -5", " MAX", " MIN", " DEF", ";", "TRAC", ":DATA", ":LIST",
     ":SWE", ":LIN", ":LOG", ":STEP", " 0,1,3", " 0.1,1,3", " 0,1,0.5", ",0,1,BEST,ON,ON", "TRIG",
     ":COUN", " 3", ":FUNC", ' "RES"', ' "VOLT"', ' "CURR"', ":PROT", ":RANG", ":AUTO", ":ILIM",
     ":CONF", ":CRE", ":STOR", ":REC", ' "a"', ",1", ":BLOC", ":MEAS 1", ":MEAS 2,'defbuffer1',INF",
     ":BRAN", ":ALW 3,1", ":COUN 3,4,1", ":ONCE 2,1", ":LIM:CONS 4,IN,0,1,2", ":DELT 3,1e-3,1",
     ":EVEN 3,TIM1,1", ":WAIT 2,COMM", ":WAIT 2,TIM1,ENT,OR,COMM", ":NOT 1,1", ":SOUR:STAT 1,ON",
     ":LOG:EVEN 5,ERR1,'x'", ":DEL:CONS 2,1e-3", ":DEL:DYN 2,SOUR1", ":LOAD", ' "SimpleLoop",3',
     ' "DurationLoop",0.01', ' "Empty"', ' "LogicTrigger",1,2,3', ' "SortBinning",2,5,0,0,1,0',
     ' "LoopUntilEvent",COMM,50', ":TIM1", ":STIM", " NOT1", ":STAR", ":STAT ON", ":GEN ON",
     ":BLEN1", " DIG3", ":DIG", ":LINE1", ":MODE", " DIG,OUT", " TRIG,IN", "CALC2", ":LIM1",
     ":STAT", ":FAIL", ":UNIT", " OHM", ":PULS", ":TRA", " 0,1,1e-2,3", ":FILL", " CONT",
     "FORM", " REAL", "*WAI", "*OPC?", "SYST", ":ERR", ":TIME", "FETC", ":MAKE", ' "b",10', "(",
     '"', ":DIG:FUNC", ":SRAT", ":NPLC", " 10", ":REL", ":ACQ", ":PAUS", ":RES"]
)  # fmt: skip
MODEL = st.sampled_from(sorted(MODELS))


def legal(rig: Rig2450) -> None:
    state = rig.smu.channel_state()
    most = {"v": 1100.0, "i": 10.5}[state["function"]]
    assert abs(state["level"]) <= most
    assert state["compliance"] > 0
    rig.smu.clear()  # what runs is aborted, lines that wait are forgotten
    rig.send("*RST")
    rig.codes()
    assert rig.ask("SOUR:FUNC?") == "VOLT"
    assert not rig.smu.unit.busy


@settings(max_examples=60, deadline=None)
@given(model=MODEL, lines=st.lists(st.lists(WORDS, max_size=6).map("".join), max_size=12))
def test_no_line_does_harm(model: str, lines: list[str]) -> None:
    rig = Rig2450(model)
    for line in lines:
        rig.send(line)
        rig.clock.advance(0.05)
    legal(rig)


# -- values at the edge ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("SOUR:SWE:VOLT:LOG 1e-300,1e100,3", -221),
        ("SOUR:SWE:VOLT:LIN:STEP 0,1,1e-320", -221),
        ("SOUR:SWE:CURR:LIN:STEP -1e308,1e308,1e-3", -221),
        ("SENS:DIG:VOLT:APER 1e307", -222),
        ("SOUR:VOLT 1e400", -222),
        ("TRAC:WRIT:READ 'own',1,9e307,0.1,3", -222),
        ("TRAC:WRIT:READ 'own',1,1e9,0.1,7e300", -222),
    ],
)
def test_numbers_that_are_too_large_are_refused(line: str, code: int) -> None:
    rig = Rig2450("2461")
    rig.send("TRAC:MAKE 'own',10,WRIT", line)
    assert rig.codes() == [code]


def test_the_range_goes_back_to_that_of_the_limit(rig: Rig2450) -> None:
    rig.send("SOUR:VOLT:ILIM 1e-2", "SOUR:VOLT 1", "OUTP ON", "SENS:FUNC 'CURR'", "READ?")
    assert rig.values("SENS:CURR:RANG?") == [1e-4]
    rig.send("SENS:CURR:RANG:AUTO:REB ON", "READ?")
    assert rig.values("SENS:CURR:RANG?") == [1e-2]
    rig.send("SENS:CURR:RANG 1e-3", "READ?")
    assert rig.values("SENS:CURR:RANG?") == [1e-3]
    assert rig.send("*RST", "SENS:CURR:RANG:AUTO:REB?") == ["0"]


def test_the_trigger_mode_of_the_next_start_is_kept(rig: Rig2450) -> None:
    assert rig.ask("TRIG:CONT?") == "AUTO"
    rig.send("TRIG:CONT REST", "*RST")
    assert rig.ask("TRIG:CONT?") == "REST"


@pytest.mark.parametrize("password", ["", "a b", "secret"])
def test_who_set_a_password_can_log_in_with_it(password: str) -> None:
    rig = Rig2450()
    rig.send(f"SYST:PASS:NEW '{password}'", "SYST:ACC PROT", "logout")
    assert rig.send("*IDN?") == []
    assert len(rig.send(f"login {password}", "*IDN?")) == 1


# -- in the laboratory ----------------------------------------------------------------------------


def bench(**options: object) -> dict[str, object]:
    smu = {"driver": "keithley2450", "model": "2450", "address": "GPIB0::18::INSTR", **options}
    return {
        "name": "bench",
        "instruments": {"smu": smu},
        "terminals": {"top": "smu.front"},
        "simulation": {
            "laboratory": "virtual",
            "device": {"family": "resistor", "preset": "10k"},
            "noise": {"instrument": True, "cycle": True, "device": True},
        },
    }


def test_a_2450_on_a_bench_with_all_its_imperfections(tmp_path: Path) -> None:
    laboratory = open_laboratory(bench(), 1, None, 0.0)
    try:
        smu = laboratory.instruments["smu"]
        smu.write(b'SOUR:VOLT 1;:SOUR:VOLT:ILIM 1e-3;:OUTP ON;:READ? "defbuffer1",READ,SOUR\n')
        (reply,) = smu.replies()
        i, v = map(float, reply.split(b","))
        assert v == pytest.approx(1.0, rel=1e-3)
        assert v != 1.0
        assert i == pytest.approx(1e-4, rel=0.02)
        assert smu.channel_state("front")["output"] is True
    finally:
        laboratory.close()


def test_the_bench_file_chooses_the_language(tmp_path: Path) -> None:
    laboratory = open_laboratory(bench(language="SCPI2400"), 1, None, 0.0)
    try:
        smu = laboratory.instruments["smu"]
        smu.write(b"*LANG?\n")
        assert smu.replies() == [b"SCPI2400\n"]
    finally:
        laboratory.close()
    with pytest.raises(BadInput, match="speaks SCPI, TSP, SCPI2400"):
        open_laboratory(bench(language="FORTRAN"), 1, None, 0.0)
