"""The virtual Series 2400: settings, readings, compliance, sweeps, limits, pulses, errors."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_backend.instruments.keithley2400_models import MODELS
from sim_backend.laboratory import open_laboratory
from tests.sim_backend.rig2400 import Rig2400

COMPLIANCE, OVP, LIMITED_RANGE, PULSED = 1 << 3, 1 << 4, 1 << 16, 1 << 23


@pytest.fixture
def rig() -> Rig2400:
    return Rig2400()


# -- specifications -------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_tables_ascend(model: str) -> None:
    spec = MODELS[model].spec
    for table in (spec.v_source, spec.i_source, spec.v_measure, spec.i_measure):
        assert [r.full_scale for r in table] == sorted(r.full_scale for r in table)
        assert all(1.05 * r.full_scale <= r.maximum <= 1.1 * r.full_scale for r in table)


def test_cells_of_the_printed_tables() -> None:
    """SPEC-2400 Rev. H: 20 V and 1 mA ranges; user's manual, page A-2: 10 V read on 20 V."""
    spec = MODELS["2400"].spec
    assert spec.v_measure[2].accuracy(10.0, 1.0) == pytest.approx(3e-3)
    milliampere = spec.i_source[3]
    assert milliampere.gain_error * 0.7e-3 + milliampere.offset_error == pytest.approx(438e-9)
    assert spec.v_measure[2].derated(0.1) == pytest.approx(5e-5 * 20)
    assert MODELS["2430"].spec.i_source[-1].pulse_only


# -- defaults, ranges, errors ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        (":SOUR:FUNC?", "VOLT"), (":SOUR:VOLT?", "0.000000E+00"), (":SOUR:DEL:AUTO?", "1"),
        (":SOUR:VOLT:RANG:AUTO?", "1"), (":SENS:CURR:PROT?", "1.050000E-04"),
        (":SENS:VOLT:PROT?", "2.100000E+01"), (":SENS:CURR:NPLC?", "1.00"), (":OUTP?", "0"),
        (":SENS:FUNC:CONC?", "1"), (":SENS:AVER:COUN?", "10"), (":SENS:RES:MODE?", "AUTO"),
        (":TRIG:COUN?", "1"), (":ARM:SOUR?", "IMM"), (":ARM:TIM?", "1.000000E-01"),
        (":FORM:ELEM?", "VOLT,CURR,RES,TIME,STAT"), (":FORM:BORD?", "NORM"),
        (":CALC2:LIM3:UPP?", "1.000000E+00"), (":CALC2:CLIM:MODE?", "GRAD"),
        (":ROUT:TERM?", "FRON"), (":SYST:AZER?", "1"), (":SYST:VERS?", "1996.0"),
        (":SOUR2:TTL?", "15"), (":CALC:MATH:NAME?", '"POWER"'), (":DISP:DIG?", "6"),
        (":SOUR:SWE:RANG?", "BEST"), (":TRIG:OUTP?", "NONE"), (":TRIG:INP?", "SOUR"),
        (":SENS:CURR:NPLC? MAX", "10.00"), (":SOUR:VOLT? MIN", "-2.100000E+02"),
    ],
)  # fmt: skip
def test_defaults_after_a_reset(rig: Rig2400, query: str, answer: str) -> None:
    rig.send("*RST")
    assert rig.ask(query) == answer
    assert rig.codes() == []


def test_the_first_event_is_that_it_was_switched_on(rig: Rig2400) -> None:
    assert rig.ask("*ESR?") == "128"
    assert rig.ask("*ESR?") == "0"


def test_a_preset_differs_from_a_reset_in_the_byte_order(rig: Rig2400) -> None:
    rig.send(":SOUR:VOLT 3;:SYST:PRES")
    assert rig.send(":SOUR:VOLT?;:FORM:BORD?") == ["0.000000E+00;SWAP"]


def test_the_2410_rests_guarded() -> None:
    assert Rig2400("2410").ask(":OUTP:SMOD?") == "GUAR"


@pytest.mark.parametrize(
    ("model", "volts", "amperes"),
    [("2400", 210, 1.05), ("2410", 1100, 1.05), ("2420", 63, 3.15), ("2430", 105, 3.15)],
)
def test_largest_levels(model: str, volts: float, amperes: float) -> None:
    rig = Rig2400(model)
    assert rig.values(":SOUR:VOLT? MAX") == [volts]
    assert rig.values(":SOUR:CURR? MAX") == [pytest.approx(amperes)]
    rig.send(f":SOUR:VOLT {volts}", f":SOUR:VOLT {volts * 1.01}")
    assert rig.codes() == [-222]
    assert rig.values(":SOUR:VOLT?") == [volts]


def test_a_voltage_takes_the_smallest_range_that_holds_it(rig: Rig2400) -> None:
    told = []
    for level in (0.21, 2.1, -2.2, 21.1):
        rig.send(f":SOUR:VOLT {level}")
        told += rig.values(":SOUR:VOLT:RANG?")
    assert told == pytest.approx([0.21, 2.1, 21.0, 210.0])
    rig.send(":SOUR:VOLT:RANG 2", ":SOUR:VOLT 3", ":SOUR:VOLT MAX")
    assert rig.codes() == [-222, -221]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([":READ?"], 803), ([":INIT"], 803), (["*TRG"], -211), ([":FETC?"], -230),
        ([":FOO"], -113), ([":SOUR:VOLT"], -109), ([":SOUR:VOLT 1,2"], -108),
        ([":SENS:CURR:PROT 1", ":SENS:CURR:RANG 1e-3", ":SENS:CURR:PROT 1e-7"], 822),
        ([":SENS:CURR:RANG 1e-3"], 824), ([":SENS:FUNC 'VOLT'", ":SENS:VOLT:RANG 2"], 823),
        ([":SENS:FUNC 'RES'", ":SOUR:VOLT 1"], 825),
        ([":SENS:CURR:PROT 1", ":SOUR:VOLT 100"], 826),
        ([":TRAC:FEED:CONT NEXT", ":TRAC:POIN 5"], 800),
        ([":SOUR:VOLT:MODE LIST", ":SOUR:VOLT 1"], -221),
        ([":ARM:COUN 50", ":TRIG:COUN 51"], -221), ([":TRIG:COUN 2501"], -222),
        ([":SOUR:LIST:VOLT " + ",".join(["1"] * 101)], -223),
        ([":OUTP ON", ":ARM:SOUR BUS", ":READ?"], -214),
        ([":SOUR:SWE:SPAC LOG", ":SOUR:VOLT:STOP 1", ":SOUR:VOLT:MODE SWE", ":OUTP ON", ":INIT"],
         -221),
        ([":CALC:MATH:NAME 'mine'", ":CALC:MATH (VOLT * (CURR)"], 812),
        ([":CALC:MATH:NAME 'mine'", ":CALC:MATH (FOO)"], 805),
        ([":CALC:MATH:NAME 'mine'", ":CALC:MATH (VOLT[1)"], 814),
        ([":CALC:MATH (VOLT)"], 807), ([":CALC:MATH:DEL 'POWER'"], 808),
        ([":SYST:CCH ON"], -241), ([":SOUR:FUNC:SHAP PULS"], -113), ([":STAT:QUE:ENAB 5"], -104),
    ],
)  # fmt: skip
def test_what_is_refused_gets_its_number(rig: Rig2400, lines: list[str], code: int) -> None:
    rig.send(*lines)
    assert rig.codes() == [code]


def test_the_output_is_blocked_by_its_enable_line_and_by_heat(rig: Rig2400) -> None:
    rig.smu.set_enable_line(False)
    rig.send(":OUTP ON")
    assert rig.ask(":OUTP?") == "1"
    rig.send(":OUTP OFF;:OUTP:ENAB ON;:OUTP ON")
    assert rig.send(":OUTP?;:OUTP:ENAB:TRIP?") == ["0;0"]
    assert rig.codes() == [802]
    rig.smu.set_enable_line(True)
    rig.send(":OUTP ON")
    rig.smu.overheat(True)
    assert rig.ask(":OUTP?") == "0"
    assert rig.codes() == [810]
    assert int(rig.ask(":STAT:MEAS:COND?")) & 4096


# -- readings -------------------------------------------------------------------------------------


def test_a_reading_tells_what_was_measured_then_what_was_programmed(rig: Rig2400) -> None:
    rig.send(":SOUR:VOLT 0.5;:OUTP ON")
    v, i, r, t, status = rig.values(":READ?")
    assert (v, i, r) == (0.5, pytest.approx(5e-5), 9.91e37)
    assert t > 0
    # front terminals, ammeter, V-source
    assert int(status) == 1 << 2 | 1 << 12 | 1 << 14
    assert rig.values(":FETC?") == [v, i, r, t, status]
    assert rig.values(":SENS:DATA?") == [v, i, r, t, status]


def test_binary_readings(rig: Rig2400) -> None:
    rig.send(":SOUR:VOLT 0.5;:OUTP ON;:FORM:ELEM VOLT,CURR;:FORM SRE")
    for order, code in (("NORM", ">"), ("SWAP", "<")):
        rig.smu.write(f":FORM:BORD {order};:READ?\n".encode())
        (reply,) = rig.smu.replies()
        assert (reply[:2], reply[-1:]) == (b"#0", b"\n")
        assert struct.unpack(f"{code}2f", reply[2:-1]) == pytest.approx((0.5, 5e-5))


def test_compliance_clamps_and_says_so(rig: Rig2400) -> None:
    rig.send(":SENS:FUNC:ALL;:SENS:RES:MODE MAN;:SENS:CURR:PROT 1e-4;:SOUR:VOLT 5;:OUTP ON")
    v, i, r, _, status = rig.values(":READ?")
    assert (v, i, r) == pytest.approx((1.0, 1e-4, 1e4))
    assert int(status) & COMPLIANCE
    assert not int(status) & LIMITED_RANGE
    assert rig.send(":SENS:CURR:PROT:TRIP?;:SENS:VOLT:PROT:TRIP?") == ["1;0"]
    assert int(rig.ask(":STAT:MEAS:COND?")) & 1 << 14


def test_a_fixed_range_below_the_compliance_limits_by_itself(rig: Rig2400) -> None:
    rig.send(":SENS:CURR:PROT 0.1;:SENS:CURR:RANG 1e-4;:SOUR:VOLT 5;:OUTP ON")
    _, i, _, _, status = rig.values(":READ?")
    assert i == pytest.approx(1.05e-4)
    assert int(status) & LIMITED_RANGE
    assert not int(status) & COMPLIANCE
    rig.send(":SENS:CURR:RANG:AUTO ON")
    _, i, _, _, status = rig.values(":READ?")
    assert i == pytest.approx(5e-4)
    assert not int(status) & (LIMITED_RANGE | COMPLIANCE)


def test_the_voltage_protection_holds_the_source(rig: Rig2400) -> None:
    rig.send(":SOUR:VOLT:PROT 35;:SENS:CURR:PROT 0.1;:SENS:FUNC 'VOLT';:SOUR:VOLT 60;:OUTP ON")
    v, _, _, _, status = rig.values(":READ?")
    assert v == pytest.approx(40)
    assert int(status) & OVP
    assert rig.send(":SOUR:VOLT:PROT?;:SOUR:VOLT:PROT:TRIP?") == ["4.000000E+01;1"]


@pytest.mark.parametrize("ohms", [15.0, 1.5e3, 47e3, 1.8e6])
def test_auto_ohms_find_range_and_current(ohms: float) -> None:
    rig = Rig2400(conductance=1 / ohms)
    rig.send(":SENS:FUNC 'RES';:OUTP ON")
    assert rig.values(":READ?")[2] == pytest.approx(ohms, rel=1e-6)
    assert rig.values(":SENS:RES:RANG?")[0] >= ohms


def test_autorange_goes_down_to_its_lower_limit(rig: Rig2400) -> None:
    rig.send(":SOUR:VOLT 0.05;:OUTP ON")
    rig.send(":READ?")
    assert rig.values(":SENS:CURR:RANG?") == [pytest.approx(1.05e-5)]
    rig.send(":SENS:CURR:RANG:AUTO:LLIM 1e-4", ":READ?")
    assert rig.values(":SENS:CURR:RANG?") == [pytest.approx(1.05e-4)]


def test_time_of_a_reading_follows_aperture_and_autozero(rig: Rig2400) -> None:
    rig.send(":SENS:CURR:RANG 1e-4;:OUTP ON", ":READ?")

    def taken(*lines: str) -> float:
        rig.send(*lines)
        begun = rig.clock.now_s
        rig.send(":READ?")
        return rig.clock.now_s - begun

    assert taken() == pytest.approx(3 * 0.02 + 685e-6)
    assert taken(":SYST:AZER OFF") == pytest.approx(0.02 + 285e-6)
    assert taken(":SENS:CURR:NPLC 0.01") == pytest.approx(200e-6 + 285e-6)
    assert taken(":SENS:AVER ON") == pytest.approx(10 * 200e-6 + 285e-6)
    # a level that changes: latency, configuration, source delay, firmware
    assert taken(":SENS:AVER OFF;:SOUR:DEL 0.5;:SOUR:VOLT 0.1") == pytest.approx(
        0.5 + 275e-6 + 200e-6 + 485e-6
    )


def test_outputs_switched_off_automatically(rig: Rig2400) -> None:
    rig.send(":SOUR:CLE:AUTO ON;:SOUR:VOLT 0.5;:TRIG:COUN 3")
    assert rig.values(":READ?")[1::5] == pytest.approx([5e-5] * 3)
    assert rig.ask(":OUTP?") == "0"


# -- sweeps ---------------------------------------------------------------------------------------


def test_a_list_sweep_into_the_buffer(rig: Rig2400) -> None:
    rig.send(
        "*RST", ":SENS:FUNC:CONC OFF", ":SENS:FUNC 'CURR'", ":SENS:CURR:PROT 1e-3",
        ":SOUR:VOLT:MODE LIST", ":SOUR:LIST:VOLT 1,2,-1", ":SOUR:LIST:VOLT:APP 0.5",
        ":TRIG:COUN 4", ":SOUR:DEL 0.001", ":TRAC:POIN 4;:TRAC:FEED SENS;:TRAC:FEED:CONT NEXT",
        ":FORM:ELEM VOLT,CURR,TIME", ":OUTP ON;:INIT",
    )  # fmt: skip
    data = rig.values(":TRAC:DATA?")
    assert data[0::3] == [1, 2, -1, 0.5]
    assert data[1::3] == pytest.approx([1e-4, 2e-4, -1e-4, 5e-5])
    assert data[2] == 0
    assert [level for _, level in rig.front.levels()][-4:] == [1, 2, -1, 0.5]
    assert rig.send(":SOUR:LIST:VOLT:POIN?;:TRAC:POIN:ACT?;:TRAC:FEED:CONT?") == ["4;4;NEV"]
    assert rig.codes() == []


def test_a_staircase_with_limits(rig: Rig2400) -> None:
    rig.send(
        "*RST", ":SENS:CURR:PROT 1e-2", ":SOUR:VOLT:START 0;STOP 2;STEP 0.5",
        ":SOUR:VOLT:MODE SWE", ":TRIG:COUN 5", ":CALC2:FEED CURR",
        ":CALC2:LIM2:UPP 1.2e-4;LOW 0;STAT ON;UPP:SOUR2 4", ":OUTP ON",
    )  # fmt: skip
    values = rig.values(":READ?")
    assert values[0::5] == pytest.approx([0, 0.5, 1, 1.5, 2])
    # grading: "high limit 2" is code 2 in bits 8 and 9; limits enabled is bit 7
    assert [int(s) >> 8 & 3 for s in values[4::5]] == [0, 0, 0, 2, 2]
    assert all(int(s) & 1 << 7 for s in values[4::5])
    assert rig.send(":CALC2:LIM2:FAIL?;:SOUR2:TTL:ACT?;:SOUR:SWE:POIN?") == ["1;4;5"]
    assert int(rig.ask(":STAT:MEAS?")) & 0b100
    assert rig.values(":CALC2:DATA?") == pytest.approx(values[1::5], abs=1e-9)
    assert rig.codes() == []


def test_a_sweep_downwards_on_a_logarithmic_scale(rig: Rig2400) -> None:
    rig.send(":SOUR:FUNC CURR;:SENS:FUNC 'VOLT';:SOUR:CURR:STAR 1e-6;STOP 1e-4;MODE SWE")
    rig.send(":SOUR:SWE:SPAC LOG;POIN 3;DIR DOWN;:TRIG:COUN 3;:OUTP ON;:FORM:ELEM CURR,VOLT")
    assert rig.values(":READ?")[1::2] == pytest.approx([1e-4, 1e-5, 1e-6])


def test_a_sweep_ends_on_compliance(rig: Rig2400) -> None:
    rig.send(":SENS:CURR:PROT 1e-4;:SOUR:LIST:VOLT 0.5,5,0.5;:SOUR:VOLT:MODE LIST;:TRIG:COUN 3")
    rig.send(":SOUR:SWE:CAB LATE;:OUTP ON")
    assert len(rig.values(":READ?")) == 10
    rig.send(":SOUR:SWE:CAB EARL")
    assert len(rig.values(":READ?")) == 5


def test_a_memory_sweep_recalls_what_was_saved(rig: Rig2400) -> None:
    rig.send(":SENS:CURR:PROT 1e-3;:SOUR:VOLT 1;:SOUR:MEM:SAVE 1;:SOUR:VOLT -2;:SOUR:MEM:SAVE 2")
    rig.send(":SOUR:FUNC CURR;:SENS:FUNC 'VOLT';:SOUR:CURR 1e-5;:SOUR:MEM:SAVE 3")
    rig.send(":SOUR:FUNC MEM;:SOUR:MEM:POIN 3;STAR 1;:TRIG:COUN 3;:OUTP ON;:FORM:ELEM VOLT,CURR")
    assert rig.values(":READ?") == pytest.approx([1, 1e-4, -2, -2e-4, 0.1, 1e-5])
    assert rig.codes() == []


def test_triggered_levels_wait_for_the_trigger(rig: Rig2400) -> None:
    rig.send(":OUTP ON;:SOUR:VOLT 1;:SOUR:VOLT:TRIG 0.5")
    assert rig.send(":SOUR:VOLT?;:SOUR:VOLT:TRIG?") == ["1.000000E+00;5.000000E-01"]
    assert rig.values(":READ?")[0] == 0.5
    assert rig.values(":SOUR:VOLT?") == [0.5]


# -- trigger model --------------------------------------------------------------------------------


def test_commands_wait_while_the_unit_is_out_of_idle(rig: Rig2400) -> None:
    rig.send(":OUTP ON;:TRIG:COUN 5;:TRIG:DEL 0.1", ":INIT")
    assert rig.smu.channel_state()["running"] is True
    begun = rig.clock.now_s
    assert rig.ask(":SOUR:FUNC?") == "VOLT"
    assert rig.clock.now_s - begun > 0.5
    assert rig.smu.channel_state()["running"] is False


def test_a_bus_trigger_is_waited_for_and_an_abort_ends_it(rig: Rig2400) -> None:
    rig.send(":OUTP ON;:ARM:SOUR BUS;:ARM:COUN 2;:INIT;*OPC?")
    assert rig.send("*TRG") == []
    assert rig.send("*TRG") == ["1"]
    rig.send(":INIT;:FETC?", ":ABOR")
    assert rig.ask(":OUTP?") == "1"
    assert rig.codes() == []


def test_an_endless_run_ends_by_an_abort(rig: Rig2400) -> None:
    rig.send(":OUTP ON;:ARM:COUN INF;:INIT")
    rig.clock.advance(5.0)
    assert rig.send(":OUTP?") == []
    rig.send(":ABOR")
    assert rig.ask(":ARM:COUN?") == "+9.900000E+37"


def test_trigger_link_lines_hold_and_release(rig: Rig2400) -> None:
    rig.send(":OUTP ON;:TRIG:SOUR TLIN;ILIN 3;OLIN 4;OUTP SENS;:TRIG:COUN 2;:INIT")
    rig.smu.pulse_trigger_link(2)
    rig.clock.advance(1)
    assert rig.smu.cycle.sample == []
    for _ in range(2):
        rig.smu.pulse_trigger_link(3)
        rig.clock.advance(1)
    assert len(rig.smu.cycle.sample) == 2
    assert [line for _, line in rig.smu.pulses] == [4, 4]


def test_the_timer_spaces_passes(rig: Rig2400) -> None:
    rig.send(":OUTP ON;:ARM:SOUR TIM;TIM 0.5;COUN 3;:SENS:CURR:NPLC 0.1;:FORM:ELEM TIME")
    a, b, c = rig.values(":READ?")
    assert (b - a, c - b) == pytest.approx((0.5, 0.5), abs=0.2)
    assert c - b == pytest.approx(0.5, abs=1e-5)


def test_keys_and_start_of_test(rig: Rig2400) -> None:
    rig.send(":OUTP ON;:ARM:SOUR MAN;:INIT")
    rig.smu.press(20)
    assert len(rig.values(":FETC?")) == 5
    rig.send(":ARM:SOUR PST;:INIT")
    rig.smu.pulse_start_of_test(False)
    assert rig.smu.channel_state()["running"]
    rig.smu.pulse_start_of_test(True)
    assert len(rig.values(":FETC?")) == 5


# -- pulses of the 2430 ---------------------------------------------------------------------------


def test_a_pulse_sweep_on_the_2430() -> None:
    rig = Rig2400("2430", conductance=0.5, line=60.0)
    rig.send(
        "*RST", ":SOUR:FUNC:SHAP PULS", ":SOUR:FUNC CURR", ":SENS:FUNC:CONC OFF",
        ":SENS:FUNC 'VOLT'", ":SENS:VOLT:PROT 20", ":SENS:VOLT:NPLC 0.01", ":SOUR:PULS:WIDT 1E-3",
        ":SOUR:PULS:DEL 0.1", ":SOUR:LIST:CURR 1,2,8", ":SOUR:CURR:MODE LIST", ":TRIG:COUN 3",
        ":FORM:ELEM VOLT,CURR,STAT",
    )  # fmt: skip
    values = rig.values(":READ?")
    assert values[0::3] == pytest.approx([2, 4, 16])
    assert values[1::3] == pytest.approx([1, 2, 8])
    assert all(int(status) & PULSED for status in values[2::3])
    levels = rig.front.levels()
    pulses = [(t, level) for t, level in levels if level]
    ends = [t for t, level in levels if not level and t > pulses[0][0]]
    assert [end - t for (t, _), end in zip(pulses, ends, strict=False)] == pytest.approx([1e-3] * 3)
    assert pulses[1][0] - pulses[0][0] == pytest.approx(1e-3 + 5e-3 + 0.1)
    assert rig.ask(":OUTP?") == "0"
    assert rig.codes() == []


def test_what_pulse_mode_does_not_have() -> None:
    rig = Rig2400("2430")
    rig.send(":SOUR:FUNC:SHAP PULS")
    for line in (":SENS:CURR:RANG:AUTO ON", ":SENS:AVER ON", ":OUTP:SMOD HIMP", ":CONF:CURR",
                 ":MEAS?", ":SENS:RES:OCOM ON", ":SENS:RES:MODE AUTO"):  # fmt: skip
        rig.send(line)
        assert rig.codes() == [831], line
    rig.send(":SENS:CURR:NPLC 1", ":SOUR:PULS:WIDT 1e-4", ":SOUR:PULS:WIDT 6e-3")
    assert rig.codes() == [-222] * 3


# -- calculations, status, setups -----------------------------------------------------------------


def test_mathematics_and_null(rig: Rig2400) -> None:
    rig.send(":SOUR:VOLT 0.5;:SENS:FUNC 'VOLT';:CALC:STAT ON;:OUTP ON", ":READ?")
    assert rig.values(":CALC:DATA?") == pytest.approx([2.5e-5])
    rig.send(":CALC:MATH:NAME 'twice'", ":CALC:MATH (2 * CURR + sin(0) - VOLT^2 * 0)", ":READ?")
    assert rig.values(":CALC:DATA:LAT?") == pytest.approx([1e-4])
    assert '"TWICE"' in rig.ask(":CALC:MATH:CAT?")
    rig.send(":CALC2:FEED CURR;NULL:ACQ;:CALC2:NULL:STAT ON", ":READ?")
    assert rig.values(":CALC2:DATA?") == pytest.approx([0], abs=1e-12)
    assert rig.codes() == []


def test_the_varistor_takes_two_readings(rig: Rig2400) -> None:
    rig.send(":SENS:FUNC 'VOLT','CURR';:CALC:MATH:NAME 'VARALPHA';:CALC:STAT ON")
    rig.send(":SOUR:LIST:VOLT 0.1,1;:SOUR:VOLT:MODE LIST;:TRIG:COUN 2;:OUTP ON", ":READ?")
    assert rig.values(":CALC:DATA?") == pytest.approx([1.0])


def test_status_of_a_buffer_that_fills(rig: Rig2400) -> None:
    rig.send("*CLS;*SRE 1;:STAT:MEAS:ENAB 512;:TRAC:POIN 3;FEED:CONT NEXT;:TRIG:COUN 3;:OUTP ON")
    rig.send(":READ?")
    assert int(rig.ask("*STB?")) & 65 == 65
    assert rig.smu.status_byte() & 65 == 65
    assert int(rig.ask(":STAT:MEAS?")) & 512
    assert int(rig.ask("*STB?")) & 65 == 0
    rig.send(":FORM:SREG HEX")
    assert rig.ask(":STAT:OPER:COND?") == "#H400"


def test_the_queue_takes_what_it_is_told_to(rig: Rig2400) -> None:
    rig.send(":STAT:QUE:DIS (-113)", ":FOO", ":SOUR:VOLT")
    assert rig.ask(":STAT:QUE?") == '-109,"Missing parameter"'
    rig.send(":STAT:QUE:ENAB (+100:+114,-113)", ":OUTP ON;:READ?", ":FOO")
    assert rig.ask(":SYST:ERR:ALL?") == '106,"Reading available",-113,"Undefined header"'
    assert rig.ask(":STAT:QUE:ENAB?") == "(-113,+100:+114)"


def test_setups_are_saved_and_recalled(rig: Rig2400) -> None:
    rig.send(":SOUR:VOLT 2;:SENS:CURR:PROT 1e-3;*SAV 3;*RST;*RCL 3")
    assert rig.send(":SOUR:VOLT?;:SENS:CURR:PROT?") == ["2.000000E+00;1.000000E-03"]
    rig.send("*RCL 1")
    assert rig.send(":SOUR:VOLT?;:FORM:BORD?") == ["0.000000E+00;SWAP"]


def test_the_display_shows_text_and_readings(rig: Rig2400) -> None:
    rig.send(":DISP:TEXT 'hello';:DISP:TEXT:STAT ON;:DISP:WIND2:TEXT:DATA 'world'")
    assert rig.ask(":DISP:DATA?") == '"hello               "'
    rig.send(":DISP:CND")
    assert rig.ask(":DISP:WIND1:DATA?").startswith('"---')
    assert "Vsrc" in rig.ask(":DISP:WIND2:DATA?")


# -- every header, any line -----------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_every_header_is_asked_or_sent_without_a_fault(model: str) -> None:
    """Every query of the table is sent: it answers, or is refused for a stated reason."""
    rig = Rig2400(model)
    table = [command for command in rig.smu.table() if command.query is not None]
    assert len(table) > 200
    for command in table:
        header = command.header.replace("[", "").replace("]", "").replace("SOURce1", "SOURce")
        header = header.replace("SENSe1", "SENSe")
        replies = rig.send(f"{header}?")
        codes = rig.codes()
        assert -113 not in codes, header
        assert replies or set(codes) <= {803, -230, -109}, (header, codes)


WORDS = st.sampled_from(
    [":SOUR", ":VOLT", ":CURR", ":SENS", ":READ", "?", ":INIT", ":ABOR", "*TRG", "*RST", ":OUTP",
     " ON", " OFF", " 1", " 1e-4", " -5", " MAX", " MIN", " DEF", " INF", ";", ":TRAC", ":DATA",
     ":LIST", ":SWE", ":MODE", " LIST", " SWE", ":TRIG", ":COUN", " 3", ":ARM", ":FUNC", " 'RES'",
     " 'VOLT'", ":ALL", ":PROT", ":RANG", ":AUTO", ":MEM", ":SAVE", ":SHAP", " PULS", " MEM",
     ":CALC", ":CALC2", ":LIM2", ":STAT", ":MEAS", ":CONF", ":FETC", ",2,3", " BUS", " TIM",
     ":NPLC", " 10", ":FEED", ":CONT", " NEXT", ":SYST", ":PRES", ":CLE", ":RES", "(", '"']
)  # fmt: skip
MODEL = st.sampled_from(sorted(MODELS))


def legal(rig: Rig2400) -> None:
    state = rig.smu.channel_state()
    most = {"v": 1100.0, "i": 10.5}[state["function"]]
    assert abs(state["level"]) <= most
    assert state["compliance"] > 0
    rig.smu.clear()  # lines that waited for a trigger are forgotten
    rig.send("*RST")
    rig.codes()
    assert rig.ask(":SOUR:FUNC?") == "VOLT"


@settings(max_examples=60, deadline=None)
@given(model=MODEL, lines=st.lists(st.lists(WORDS, max_size=8).map("".join), max_size=12))
def test_no_line_does_harm(model: str, lines: list[str]) -> None:
    rig = Rig2400(model)
    for line in lines:
        rig.send(line)
    legal(rig)


# -- calibration and memory -----------------------------------------------------------------------


def test_calibration_is_locked_and_a_virtual_unit_finds_nothing_to_save(rig: Rig2400) -> None:
    assert rig.send(":CAL:PROT:LOCK?", ":CAL:PROT:DATE?") == ["1", "2025,3,3"]
    rig.send(":CAL:PROT:DATE 2026,2,28", ":CAL:PROT:SAVE", ":CAL:PROT:CODE 'WRONG'")
    assert rig.codes() == [509, 509, -200]
    rig.send(":CAL:PROT:CODE 'KI002400'", ":CAL:PROT:DATE 2026,2,28", ":CAL:PROT:NDUE 2026,2,30")
    assert rig.codes() == [-222]
    assert rig.send(":CAL:PROT:LOCK?", ":CAL:PROT:DATE?") == ["0", "2026,2,28"]
    rig.send(":CAL:PROT:SENS 1", ":CAL:PROT:SOUR 1", ":CAL:PROT:SAVE", ":CAL:PROT:LOCK")
    assert rig.codes() == [507, 505, 502]
    assert rig.ask(":CAL:PROT:COUN?") == "1"


def test_the_memory_is_initialised(rig: Rig2400) -> None:
    rig.send(":CALC:MATH:NAME 'MINE'", ":CALC:MATH (VOLT*2)", ":SOUR:VOLT 3", ":SOUR:MEM:SAVE 7")
    assert "MINE" in rig.ask(":CALC:MATH:CAT?")
    rig.send(":SYST:MEM:INIT", "*RST", "*RCL 2")
    assert "MINE" not in rig.ask(":CALC:MATH:CAT?")
    assert rig.values(":SOUR:VOLT?") == [3.0]
    rig.send("*RST", ":SOUR:MEM:REC 7")
    assert rig.values(":SOUR:VOLT?") == [0.0]


# -- in the laboratory ----------------------------------------------------------------------------


def test_a_2410_on_a_bench_with_all_its_imperfections(tmp_path: Path) -> None:
    bench = {
        "name": "bench",
        "instruments": {
            "smu": {"driver": "keithley2400", "model": "2410", "address": "GPIB0::24::INSTR"}
        },
        "terminals": {"top": "smu.front"},
        "simulation": {
            "laboratory": "virtual",
            "device": {"family": "resistor", "preset": "10k"},
            "noise": {"instrument": True, "cycle": True, "device": True},
        },
    }
    laboratory = open_laboratory(bench, 1, None, 0.0)
    try:
        smu = laboratory.instruments["smu"]
        smu.write(b":SENS:CURR:PROT 1e-3;:SOUR:VOLT 1;:OUTP ON;:FORM:ELEM VOLT,CURR;:READ?\n")
        (reply,) = smu.replies()
        v, i = map(float, reply.split(b","))
        assert v == 1.0
        assert i == pytest.approx(1e-4, rel=0.02)
        assert i != 1e-4
        assert smu.channel_state("front")["output"] is True
    finally:
        laboratory.close()
