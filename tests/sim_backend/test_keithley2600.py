"""The virtual 2602B: messages, settings, measurements, buffers, errors, status."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_backend.instruments.keithley2602b import SPEC
from sim_backend.laboratory import open_laboratory
from tests.sim_backend.rig import TIGHT, Rig

OVERFLOW = 9.91e37


@pytest.fixture
def rig() -> Rig:
    return Rig()


# -- common commands and errors ------------------------------------------------------------------


def test_it_says_who_it_is() -> None:
    rig = Rig(serial="4312345")
    assert rig.send("*IDN?") == ["Keithley Instruments Inc., Model 2602B, 4312345, 3.4.1"]
    assert rig.send("*idn?") == rig.send(" *IDN? ")
    assert rig.ask("localnode.model, localnode.serialno, localnode.revision") == [
        "2602B",
        "4312345",
        "3.4.1",
    ]


def test_an_empty_error_queue_answers_so(rig: Rig) -> None:
    assert rig.ask("errorqueue.next()") == [
        "0.00000e+00",
        "Queue Is Empty",
        "0.00000e+00",
        "1.00000e+00",
    ]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("smua.source.levelv = 41", 1101),
        ("smua.source.levelv = -41", 1102),
        ("smua.source.leveli = 3.1", 1101),
        ("smua.source.limiti = 0", 1102),
        ("smua.source.limiti = 1e-9", 1102),
        ("smua.source.limiti = 4", 1101),
        ("smua.source.limitv = 1e-3", 1102),
        ("smua.source.limitv = 50", 1101),
        ("smua.source.rangev = 100", 1101),
        ("smua.source.rangev = 1 smua.source.levelv = 2", 5005),
        ("smua.source.rangev = 40 smua.source.limiti = 2", 5007),
        ("smua.source.levelv = 'much'", -104),
        ("smua.source.levelv = nil", -104),
        ("smua.source.func = 7", -224),
        ("smua.source.output = 3", -224),
        ("smua.measure.nplc = 1e-4", 1102),
        ("smua.measure.nplc = 26", 1101),
        ("smua.measure.count = 0", 1102),
        ("smua.measure.i(smub.nvbuffer1)", 5033),
        ("smua.measure.i(3)", -104),
        ("smua.measure.iv(smua.nvbuffer1, smua.nvbuffer1)", 5040),
        ("smua.measure.overlappedi()", -109),
        ("smua.trigger.source.action = 1 smua.trigger.initiate()", 5059),
        ("smua.trigger.measure.action = 1 smua.trigger.initiate()", 5060),
        ("smua.trigger.source.listv({})", -109),
        ("smua.trigger.source.listv({1, 50})", 1101),
        ("smua.trigger.source.stimulus = 9999", -224),
        ("trigger.timer[1].delay = 0", 1102),
        ("smua.nvbuffer1.timestampresolution = 1e-7", 5047),
        ("delay(-1)", 1102),
        ("format.data = 7", -224),
        ("display.setcursor(3, 1)", 1101),
        ("beeper.beep(1)", -109),
        ("script.delete('nobody')", -292),
        ("smua.colour = 1", -286),
        ("smua.source.levelw = 1", -286),
        ("smua.measure.j()", -286),
        ("trigger.timer[9].delay = 1", -286),
        ("smua.trigger.count = -1", 1102),
        ("x = = 1", -285),
        ("*NOSUCH?", -285),
        ("*ESE", -109),
        ("*CLS 1", -108),
    ],
)
def test_what_it_does_not_accept_is_in_the_queue(rig: Rig, message: str, code: int) -> None:
    assert rig.send(message) == []
    code_said, text, severity, node = rig.ask("errorqueue.next()")
    assert float(code_said) == code
    assert text
    assert (float(severity), float(node)) == (20, 1)
    assert rig.codes() == []


def test_a_refused_value_leaves_the_old_one(rig: Rig) -> None:
    rig.send("smua.source.rangev = 1 smua.source.levelv = 0.5 smua.source.levelv = 2")
    assert rig.number("smua.source.levelv") == 0.5
    rig.send("smua.source.limiti = 1e-3 smua.source.limiti = 0")
    assert rig.number("smua.source.limiti") == 1e-3
    rig.send("smua.source.rangev = 40 smua.source.limiti = 2")
    assert rig.number("smua.source.limiti") == 1e-3


def test_a_script_goes_on_after_an_error_unless_it_is_lua_s_own(rig: Rig) -> None:
    assert rig.send("smua.source.levelv = 99 print('on')") == ["on"]
    assert rig.send("smua.colour = 1 print('on')") == []
    assert rig.codes() == [1101, -286]


def test_a_full_queue_ends_in_overflow(rig: Rig) -> None:
    for _ in range(120):
        rig.send("smua.source.limiti = 0")
    assert rig.number("errorqueue.count") == 100
    assert rig.codes()[-2:] == [1102, -350]
    rig.send("smua.source.limiti = 0")
    rig.send("errorqueue.clear()")
    assert rig.number("errorqueue.count") == 0


def test_standard_events_and_the_status_byte(rig: Rig) -> None:
    assert rig.send("*ESR?") == ["128"]  # power on
    assert rig.send("*ESR?") == ["0"]
    rig.send("*ESE 16")
    rig.send("*SRE 32")
    rig.send("smua.colour = 1")
    assert rig.send("*STB?") == [str(4 | 32 | 64)]
    assert rig.send("*ESR?") == ["16"]
    assert rig.send("*STB?") == ["4"]
    rig.send("*CLS")
    assert rig.send("*STB?") == ["0"]
    assert rig.send("*ESE?") + rig.send("*SRE?") == ["16", "32"]
    rig.send("print(1) print(2)")
    rig.smu.write(b"print(1)")
    assert rig.smu.status_byte() & 16


def test_operation_complete(rig: Rig) -> None:
    rig.send("*CLS")
    assert rig.send("*OPC?") == ["1"]
    rig.send("*OPC")
    assert rig.send("*ESR?") == ["1"]
    rig.send("smua.measure.overlappedi(smua.nvbuffer1)")
    rig.send("*OPC")
    assert rig.send("*ESR?") == ["0"]
    rig.clock.advance(1.0)
    assert rig.send("*ESR?") == ["1"]
    rig.send("smua.measure.overlappedi(smua.nvbuffer1)")
    before = rig.clock.now_s
    assert rig.send("*OPC?") == ["1"]
    assert rig.clock.now_s == pytest.approx(before + 0.02)


def test_reset_brings_back_the_defaults(rig: Rig) -> None:
    rig.send("smua.source.levelv = 3 smua.source.output = 1 smua.measure.nplc = 5")
    rig.send("trigger.timer[2].delay = 4 format.asciiprecision = 3")
    rig.send("*RST")
    assert rig.ask("smua.source.levelv, smua.source.output, smua.measure.nplc") == [
        "0.00000e+00",
        "0.00000e+00",
        "1.00000e+00",
    ]
    assert rig.number("trigger.timer[2].delay") == 10e-6
    assert not rig.a.on


DEFAULTS = {
    "smua.source.func": 1,
    "smua.source.autorangev": 1,
    "smua.source.limiti": 1,
    "smua.source.limitv": 40,
    "smua.source.offmode": 0,
    "smua.source.offlimiti": 1e-3,
    "smua.source.delay": 0,
    "smua.measure.autorangei": 1,
    "smua.measure.nplc": 1,
    "smua.measure.autozero": 2,
    "smua.measure.count": 1,
    "smua.measure.interval": 0,
    "smua.measure.delay": 0,
    "smua.measure.filter.enable": 0,
    "smua.sense": 0,
    "smua.trigger.count": 1,
    "smua.trigger.arm.count": 1,
    "smua.trigger.source.action": 0,
    "smua.trigger.measure.action": 0,
    "smua.trigger.endpulse.action": 1,
    "smua.trigger.endsweep.action": 0,
    "smua.trigger.source.limiti": 0,
    "smua.nvbuffer1.appendmode": 0,
    "smua.nvbuffer1.collecttimestamps": 0,
    "smua.nvbuffer1.timestampresolution": 1e-6,
    "trigger.timer[1].delay": 10e-6,
    "trigger.timer[1].count": 1,
    "format.data": 1,
    "format.asciiprecision": 6,
    "format.byteorder": 1,
    "localnode.linefreq": 50,
    "localnode.prompts": 0,
}


@pytest.mark.parametrize(("attribute", "value"), DEFAULTS.items())
def test_defaults_are_the_manual_s(rig: Rig, attribute: str, value: float) -> None:
    assert rig.number(attribute) == value


# -- source --------------------------------------------------------------------------------------


def test_levels_and_limits_reach_the_terminal_only_with_the_output_on(rig: Rig) -> None:
    rig.send("smua.source.levelv = 0.5 smua.source.limiti = 1e-3")
    assert rig.smu.channel_state("a")["output"] is False
    rig.send("smua.source.output = smua.OUTPUT_ON")
    assert rig.a.on
    last = rig.a.changes[-1]
    assert (last.function, last.level, last.range, last.limit, last.limit_range) == (
        "v", 0.5, 1.0, 1e-3, 1e-3,
    )  # fmt: skip
    assert rig.smu.channel_state("a") | {} == {
        "output": True,
        "function": "v",
        "level": 0.5,
        "limit": 1e-3,
        "limited": False,
        "range": 1.0,
        "limit_function": "i",
        "sweeping": False,
    }
    rig.send("smua.source.output = 0")
    assert not rig.a.on
    assert not rig.b.on


@pytest.mark.parametrize(
    ("level", "range_"), [(0.05, 0.1), (0.101, 0.1), (0.102, 1.0), (-5.0, 6.0), (6.1, 40.0)]
)
def test_source_autorange_takes_the_smallest_range(rig: Rig, level: float, range_: float) -> None:
    rig.send(f"smua.source.levelv = {level}")
    assert rig.number("smua.source.rangev") == range_


def test_a_fixed_range_turns_autorange_off_and_back(rig: Rig) -> None:
    rig.send("smua.source.rangev = 2 smua.source.levelv = 0.01")
    assert rig.number("smua.source.rangev") == 6
    assert rig.number("smua.source.autorangev") == 0
    rig.send("smua.source.autorangev = 1")
    assert rig.number("smua.source.rangev") == 0.1


def test_current_source_with_voltage_compliance(rig: Rig) -> None:
    rig.send("smua.source.func = smua.OUTPUT_DCAMPS smua.source.leveli = 1e-3")
    rig.send("smua.source.limitv = 2 smua.source.output = 1")
    assert rig.number("smua.measure.v()") == pytest.approx(2.0)  # 10 V without a limit
    assert rig.ask("smua.source.compliance") == ["true"]
    assert rig.number("status.measurement.voltage_limit.condition") == 2
    rig.send("smua.source.leveli = 1e-4")
    assert rig.number("smua.measure.v()") == pytest.approx(1.0)
    assert rig.ask("smua.source.compliance") == ["false"]
    assert rig.number("status.measurement.voltage_limit.condition") == 0
    assert rig.codes() == []


def test_power_compliance_lowers_the_limit(rig: Rig) -> None:
    rig.send("smua.source.levelv = 2 smua.source.limiti = 1e-2 smua.source.limitp = 4e-3")
    assert rig.a.changes[-1].limit == pytest.approx(2e-3)
    rig.send("smua.source.limitp = 0")
    assert rig.a.changes[-1].limit == pytest.approx(1e-2)


def test_the_limit_reads_back_what_was_set(rig: Rig) -> None:
    rig.send("smua.source.limiti = 1.234567e-7 format.asciiprecision = 16")
    assert rig.number("smua.source.limiti") == 1.234567e-7
    assert rig.a.changes[-1].limit_range == 1e-6


def test_high_capacitance_mode(rig: Rig) -> None:
    rig.send("smua.source.limiti = 1e-7")
    rig.send("smua.source.highc = smua.ENABLE")
    assert rig.codes() == [1102]
    before = rig.clock.now_s
    rig.send("smua.source.limiti = 1e-3 smua.source.highc = smua.ENABLE")
    assert rig.clock.now_s - before == pytest.approx(10e-3)
    assert rig.ask("smua.measure.autorangei, smua.measure.rangei") == ["2.00000e+00", "1.00000e-03"]
    rig.send("smua.measure.autorangei = 1")
    rig.send("smua.measure.rangei = 1e-6")
    rig.send("smua.source.limiti = 1e-7")
    assert rig.codes() == [5069, 5069, 1102]
    rig.send("smua.source.highc = 0 smua.measure.autorangei = 1 smua.source.limiti = 1e-7")
    assert rig.codes() == []


def test_high_impedance_off(rig: Rig) -> None:
    rig.send("smua.source.output = 1 smua.source.offmode = smua.OUTPUT_HIGH_Z")
    rig.send("smua.source.output = 0")
    assert rig.a.high_impedance


# -- measurement ---------------------------------------------------------------------------------


def test_measurements_take_their_aperture(rig: Rig) -> None:
    rig.send("smua.source.levelv = 1 smua.source.output = 1 smua.measure.autorangei = 0")
    rig.send("smua.measure.rangei = 1e-3 smua.measure.autozero = smua.AUTOZERO_OFF")
    for nplc in (0.001, 0.1, 1, 10):
        rig.send(f"smua.measure.nplc = {nplc}")
        before = rig.clock.now_s
        assert rig.number("smua.measure.i()") == pytest.approx(1e-4)
        assert rig.clock.now_s - before == pytest.approx(nplc / 50)


def test_all_functions_measure(rig: Rig) -> None:
    rig.send("smua.source.levelv = 2 smua.source.output = 1 smua.measure.nplc = 0.1")
    for letter, value in {"v": 2.0, "i": 2e-4, "r": 1e4, "p": 4e-4}.items():
        assert rig.number(f"smua.measure.{letter}()") == pytest.approx(value)
    i, v = map(float, rig.ask("smua.measure.iv()"))
    assert (i, v) == (pytest.approx(2e-4), pytest.approx(2.0))


def test_autozero_takes_two_more_conversions_when_they_are_due(rig: Rig) -> None:
    rig.send("smua.measure.rangei = 1e-3")

    def duration() -> float:
        before = rig.clock.now_s
        rig.send("smua.measure.i()")
        return (rig.clock.now_s - before) / 0.02

    assert duration() == pytest.approx(3)
    assert duration() == pytest.approx(1)
    rig.clock.advance(60.0)
    assert duration() == pytest.approx(3)
    rig.send("smua.measure.nplc = 2")
    assert duration() == pytest.approx(6)
    rig.send("smua.measure.nplc = 1")
    assert duration() == pytest.approx(1)  # kept for the last ten apertures
    rig.send("smua.measure.autozero = smua.AUTOZERO_OFF")
    rig.clock.advance(60.0)
    assert duration() == pytest.approx(1)
    before = rig.clock.now_s
    rig.send("smua.measure.autozero = smua.AUTOZERO_ONCE")
    assert rig.clock.now_s - before == pytest.approx(0.04)


def test_a_reading_beyond_its_range_overflows(rig: Rig) -> None:
    rig.send("smua.source.levelv = 1 smua.source.output = 1 smua.measure.rangei = 1e-5")
    rig.send("format.asciiprecision = 16")
    for letter in "irp":
        assert rig.number(f"smua.measure.{letter}()") == OVERFLOW
    assert rig.number("smua.measure.v()") == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("level", "range_"), [(0.001, 1e-7), (0.01, 1e-6), (0.9, 1e-4), (30.0, 1e-2)]
)
def test_measure_autorange_finds_the_range(rig: Rig, level: float, range_: float) -> None:
    rig.send("smua.measure.nplc = 0.01 smua.source.output = 1")
    for start in (1e-7, 1.0):
        rig.send(f"smua.measure.rangei = {start} smua.measure.autorangei = 1")
        rig.send(f"smua.source.levelv = {level}")
        assert rig.number("smua.measure.i()") == pytest.approx(level * 1e-4)
        assert rig.number("smua.measure.rangei") == range_


def test_the_sourced_quantity_is_measured_on_the_source_range(rig: Rig) -> None:
    rig.send("smua.source.rangev = 6 smua.measure.rangev = 0.1 smua.source.levelv = 5")
    rig.send("smua.source.output = 1")
    assert rig.number("smua.measure.rangev") == 6
    assert rig.number("smua.measure.v()") == pytest.approx(5.0)


def test_delays_and_intervals(rig: Rig) -> None:
    rig.send("smua.measure.nplc = 0.1 smua.measure.rangei = 1e-3 smua.measure.autozero = 0")
    rig.send("smua.measure.delay = 0.5 smua.measure.count = 3 smua.measure.interval = 0.1")
    rig.send("smua.nvbuffer1.collecttimestamps = 1")
    before = rig.clock.now_s
    rig.send("smua.measure.i(smua.nvbuffer1)")
    assert rig.clock.now_s - before == pytest.approx(0.5 + 0.2 + 0.002)
    (reply,) = rig.send("printbuffer(1, 3, smua.nvbuffer1.timestamps)")
    assert [float(text) for text in reply.split(", ")] == pytest.approx([0.0, 0.1, 0.2])
    rig.send("smua.source.delay = 0.25 smua.source.output = 1")
    before = rig.clock.now_s
    rig.send("smua.source.levelv = 0.1")
    assert rig.clock.now_s - before == pytest.approx(0.25)


def test_filter_and_relative_offset(rig: Rig) -> None:
    rig.send("smua.measure.nplc = 0.1 smua.measure.rangei = 1e-3 smua.measure.autozero = 0")
    rig.send("smua.source.levelv = 1 smua.source.output = 1")
    rig.send("smua.measure.filter.count = 5 smua.measure.filter.enable = 1")
    before = rig.clock.now_s
    assert rig.number("smua.measure.i()") == pytest.approx(1e-4)
    assert rig.clock.now_s - before == pytest.approx(5 * 0.002)
    rig.send("smua.measure.filter.type = smua.FILTER_MOVING_AVG")
    rig.send("smua.measure.i() smua.source.levelv = 2")
    assert rig.number("smua.measure.i()") == pytest.approx(1.5e-4)
    rig.send("smua.measure.filter.enable = 0 smua.measure.rel.leveli = 5e-5")
    rig.send("smua.measure.rel.enablei = 1")
    assert rig.number("smua.measure.i()") == pytest.approx(1.5e-4)
    assert rig.codes() == []


def test_overlapped_measurement_goes_on_behind_the_script(rig: Rig) -> None:
    rig.send("smua.source.levelv = 1 smua.source.output = 1 smua.measure.autozero = 0")
    rig.send("smua.measure.count = 10 smua.measure.rangei = 1e-3")
    rig.send("smua.measure.overlappediv(smua.nvbuffer1, smua.nvbuffer2)")
    assert rig.number("smua.nvbuffer1.n") == 0
    assert rig.number("status.operation.measuring.condition") == 2
    rig.send("delay(0.09)")
    assert rig.number("smua.nvbuffer1.n") == 4
    rig.send("smua.measure.i()")
    assert rig.codes() == [5042]
    rig.send("waitcomplete()")
    assert rig.ask("smua.nvbuffer1.n, smua.nvbuffer2.n") == ["1.00000e+01", "1.00000e+01"]
    assert rig.number("status.operation.measuring.condition") == 0
    assert rig.number("smua.nvbuffer2[10]") == pytest.approx(1.0)


def test_two_channels_do_not_see_each_other(rig: Rig) -> None:
    rig.send("smua.source.levelv = 1 smub.source.levelv = 2")
    rig.send("smub.source.output = 1")
    assert (rig.a.on, rig.b.on) == (False, True)
    assert rig.number("smub.measure.i()") == pytest.approx(2e-4)
    assert rig.number("smua.measure.i()") == 0


# -- buffers -------------------------------------------------------------------------------------


def filled(rig: Rig, levels: list[float]) -> None:
    rig.send("smua.nvbuffer1.clear() smua.nvbuffer1.appendmode = 1")
    rig.send("smua.nvbuffer1.collecttimestamps = 1 smua.nvbuffer1.collectsourcevalues = 1")
    rig.send("smua.source.output = 1 smua.measure.rangei = 1e-2 smua.measure.autozero = 0")
    for level in levels:
        rig.send(f"smua.source.levelv = {level} smua.measure.i(smua.nvbuffer1)")


def test_printbuffer_takes_from_each_column_in_turn(rig: Rig) -> None:
    filled(rig, [1.0, 2.0])
    (reply,) = rig.send(
        "printbuffer(1, smua.nvbuffer1.n, smua.nvbuffer1, smua.nvbuffer1.timestamps, "
        "smua.nvbuffer1.sourcevalues)"
    )
    assert reply == ("1.00000e-04, 0.00000e+00, 1.00000e+00, 2.00000e-04, 2.00000e-02, 2.00000e+00")
    (reply,) = rig.send("printbuffer(1, 99, smua.nvbuffer1.measurefunctions)")
    assert reply == "Current, Current"
    (reply,) = rig.send("printbuffer(2, 2, {5, 6, 7}, smua.nvbuffer1)")
    assert reply == "6.00000e+00, 2.00000e-04"


@pytest.mark.parametrize(("data", "code"), [("REAL32", "f"), ("REAL64", "d")])
@pytest.mark.parametrize(("order", "sign"), [("LITTLEENDIAN", "<"), ("BIGENDIAN", ">")])
def test_binary_blocks(rig: Rig, data: str, code: str, order: str, sign: str) -> None:
    filled(rig, [1.0, 2.0, 3.0])
    rig.send(f"format.data = format.{data} format.byteorder = format.{order}")
    rig.smu.write(b"printbuffer(1, 3, smua.nvbuffer1.sourcevalues)")
    (reply,) = rig.smu.replies()
    assert reply[:2] == b"#0"
    assert reply[-1:] == b"\n"
    assert struct.unpack(f"{sign}3{code}", reply[2:-1]) == (1.0, 2.0, 3.0)
    rig.smu.write(b"printnumber(4, 5)")
    (reply,) = rig.smu.replies()
    assert struct.unpack(f"{sign}2{code}", reply[2:-1]) == (4.0, 5.0)


def test_ascii_precision(rig: Rig) -> None:
    filled(rig, [1.0])
    rig.send("format.asciiprecision = 3")
    assert rig.send("printbuffer(1, 1, smua.nvbuffer1) print(1/3)") == ["1.00e-04", "3.33e-01"]


def test_what_a_buffer_holds_is_fixed_while_it_holds_something(rig: Rig) -> None:
    filled(rig, [1.0])
    for attribute in ("appendmode", "collecttimestamps", "collectsourcevalues"):
        rig.send(f"smua.nvbuffer1.{attribute} = 0")
    rig.send("smua.nvbuffer1.timestampresolution = 1e-3")
    assert rig.codes() == [5032] * 4
    rig.send("smua.nvbuffer1.clear() smua.nvbuffer1.timestampresolution = 1e-3")
    assert rig.codes() == []
    assert rig.number("smua.nvbuffer1.timestampresolution") == pytest.approx(0.001024)


def test_without_append_mode_a_measurement_starts_afresh(rig: Rig) -> None:
    rig.send("smua.measure.count = 3 smua.measure.i(smua.nvbuffer1)")
    assert rig.number("smua.nvbuffer1.n") == 3
    rig.send("smua.measure.count = 1 smua.measure.i(smua.nvbuffer1)")
    assert rig.number("smua.nvbuffer1.n") == 1
    rig.send("smua.nvbuffer1.clear() smua.nvbuffer1.appendmode = 1")
    rig.send("for i = 1, 4 do smua.measure.i(smua.nvbuffer1) end")
    assert rig.ask("smua.nvbuffer1.n, smua.nvbuffer1.next") == ["4.00000e+00", "5.00000e+00"]


def test_a_full_buffer_takes_no_more_and_a_window_starts_again(rig: Rig) -> None:
    rig.send("b = smua.makebuffer(3) b.appendmode = 1 b.collectsourcevalues = 1")
    rig.send("smua.measure.nplc = 0.01 smua.source.output = 1")
    rig.send("for i = 1, 5 do smua.source.levelv = i smua.measure.i(b) end")
    assert rig.ask("b.n, b.capacity, b.sourcevalues[3]") == [
        "3.00000e+00",
        "3.00000e+00",
        "3.00000e+00",
    ]
    rig.send("b.clear() b.fillmode = b.FILL_WINDOW b.fillcount = 3")
    rig.send("for i = 1, 5 do smua.source.levelv = i smua.measure.i(b) end")
    assert rig.send("printbuffer(1, 3, b.sourcevalues)") == [
        "4.00000e+00, 5.00000e+00, 3.00000e+00"
    ]
    assert rig.codes() == []


def test_statuses_tell_about_compliance_and_ranges(rig: Rig) -> None:
    filled(rig, [1.0])
    assert int(rig.number("smua.nvbuffer1.statuses[1]")) == 8  # source autorange
    rig.send("smua.source.limiti = 1e-6 smua.sense = 1 smua.measure.i(smua.nvbuffer1)")
    assert int(rig.number("smua.nvbuffer1.statuses[2]")) == 8 | 0x10 | 0x40
    assert rig.ask(
        "smua.nvbuffer1.measureranges[2], smua.nvbuffer1.sourcefunctions[2], "
        "smua.nvbuffer1.sourceoutputstates[2], smua.nvbuffer1.sourceranges[2]"
    ) == ["1.00000e-02", "Voltage", "On", "1.00000e+00"]


def test_measurement_conditions_follow_buffers_and_overflow(rig: Rig) -> None:
    assert rig.number("status.measurement.buffer_available.condition") == 0
    rig.send("smub.source.output = 1 smub.source.levelv = 1 smub.measure.rangei = 1e-6")
    rig.send("smub.measure.i(smub.nvbuffer2)")
    assert rig.number("status.measurement.buffer_available.condition") == 4
    assert rig.number("status.measurement.reading_overflow.condition") == 4
    assert rig.number("status.measurement.condition") == 128 + 256
    rig.send("smub.nvbuffer2.clear() smub.measure.v()")
    assert rig.number("status.measurement.condition") == 0


def test_the_base_timestamp_is_the_date_of_the_first_reading(rig: Rig) -> None:
    rig.clock.advance(100.0)
    filled(rig, [1.0])
    rig.send("format.asciiprecision = 16")
    assert rig.number("smua.nvbuffer1.basetimestamp") == pytest.approx(1767225600 + 100, abs=1e-3)
    assert rig.number("os.time()") == 1767225600 + 100


def test_printing_nothing_is_an_error_and_not_an_answer(rig: Rig) -> None:
    assert rig.send("printbuffer(1, 3, smua.nvbuffer1)") == []
    assert rig.codes() == [4900]
    assert rig.send("printbuffer(1, 3, smua.nvbuffer1.timestamps)") == []
    assert rig.codes() == [4900]


# -- over the real electronics -------------------------------------------------------------------


def test_over_the_analogue_core_readings_are_within_their_specification() -> None:
    laboratory = open_laboratory(
        {
            "name": "check",
            "instruments": {
                "smu": {"driver": "keithley2600", "model": "2602B", "address": "GPIB0::26::INSTR"}
            },
            "terminals": {"top": "smu.a"},
            "simulation": {"device": {"family": "resistor", "preset": "10k"}},
        },
        seed=3,
        state=None,
        pace=0.0,
    )
    smu = laboratory.instruments["smu"]
    smu.write(b"smua.source.rangev = 1 smua.source.levelv = 0.5 smua.source.limiti = 1e-3")
    smu.write(b"smua.measure.rangei = 1e-4 smua.source.output = 1 format.asciiprecision = 16")
    smu.write(b"delay(0.1) print(smua.measure.iv()) print(errorqueue.count)")
    reply, count = smu.replies()
    i, v = map(float, reply.split(b"\t"))
    source, meter = SPEC.v_source[1], SPEC.i_measure[3]
    assert v == pytest.approx(0.5, abs=2 * (0.5 * source.gain_error + source.offset_error))
    assert i == pytest.approx(v / 1e4, abs=2 * (meter.accuracy(i, 1.0) + 2e-4 * v / 1e4 + 4e-8))
    assert i != v / 1e4
    assert float(count) == 0
    laboratory.close()


# -- the rest of the panel -----------------------------------------------------------------------


def test_timer_and_delay(rig: Rig) -> None:
    rig.send("timer.reset() delay(1.2345678)")
    rig.send("format.asciiprecision = 10")
    assert rig.number("timer.measure.t()") == pytest.approx(1.234568, abs=1e-9)


def test_display_and_beeper(rig: Rig) -> None:
    rig.send("display.clear() display.setcursor(1, 3) display.settext('pulse$Nnow')")
    assert rig.smu.display.lines == ["  pulse             ", "now" + " " * 29]
    assert rig.number("display.screen") == 3
    rig.send("beeper.beep(0.1, 1000)")
    assert rig.smu.beeper.last == (0.1, 1000.0)
    assert rig.codes() == []


def test_prompts_and_shown_errors(rig: Rig) -> None:
    assert rig.send("localnode.prompts = 1") == ["TSP>"]
    assert rig.send("smua.source.limiti = 0") == ["TSP?"]
    rig.send("localnode.showerrors = 1")
    assert rig.send("print(1)") == ["1.00000e+00", "TSP>"]
    first, prompt = rig.send("smua.source.limiti = 0")
    assert first.startswith("1102\tParameter too small")
    assert prompt == "TSP>"


def test_the_line_frequency_sets_the_aperture(rig: Rig) -> None:
    rig.send("localnode.linefreq = 60 smua.measure.rangei = 1e-3 smua.measure.autozero = 0")
    before = rig.clock.now_s
    rig.send("smua.measure.i()")
    assert rig.clock.now_s - before == pytest.approx(1 / 60)


# -- scripts -------------------------------------------------------------------------------------


def test_a_script_is_loaded_line_by_line_and_run_by_name(rig: Rig) -> None:
    assert rig.send("loadscript double\nlocal x = ...\nprint(2 * (x or n))\nendscript") == []
    assert rig.send("double(4)") == ["8.00000e+00"]
    assert rig.send("n = 5") + rig.send("double()") + rig.send("double.run()") == [
        "1.00000e+01",
        "1.00000e+01",
    ]
    assert rig.ask("double.name, script.user.scripts.double == double") == ["double", "true"]
    assert rig.send("print(double.source)") == ["local x = ...\nprint(2 * (x or n))"]
    rig.send("script.delete('double')")
    assert rig.ask("script.user.scripts.double") == ["nil"]
    assert rig.codes() == []


def test_a_script_can_be_run_as_soon_as_it_is_loaded(rig: Rig) -> None:
    assert rig.send("loadandrunscript") + rig.send("print('now')") == []
    assert rig.send("endscript") == ["now"]
    assert rig.send("run()") + rig.send("script.run()") == ["now", "now"]


def test_a_script_that_does_not_compile_is_not_kept(rig: Rig) -> None:
    rig.send("loadandrunscript bad\nx = 1\nx = = 2\nendscript")
    _, text, *_ = rig.ask("errorqueue.next()")
    assert text.startswith("TSP Syntax error at line 2: ")
    assert rig.ask("bad") == ["nil"]


def test_a_line_is_a_message_of_its_own(rig: Rig) -> None:
    assert rig.send("x = = 1\nprint(2)\r\n\nprint(3)") == ["2.00000e+00", "3.00000e+00"]
    assert rig.codes() == [-285]


def test_scripts_from_text(rig: Rig) -> None:
    rig.send("s = script.new('print(7)', 'seven') seven()")
    assert rig.send("seven()") == ["7.00000e+00"]
    rig.send("script.new('x = = 1', 'bad')")
    assert rig.codes() == [-285]


# -- waiting and aborting ------------------------------------------------------------------------


def test_waiting_for_what_cannot_come_keeps_the_instrument_busy_until_abort(rig: Rig) -> None:
    rig.send("smua.trigger.source.stimulus = trigger.EVENT_ID")
    assert rig.send("smua.trigger.initiate() waitcomplete() print('over')") == []
    assert rig.send("print(1)") == []
    assert rig.send("abort") == ["1.00000e+00"]
    assert rig.number("status.operation.sweeping.condition") == 0
    assert rig.codes() == []


def test_a_bus_trigger_lets_it_go_on(rig: Rig) -> None:
    rig.send("smua.trigger.source.stimulus = trigger.EVENT_ID")
    assert rig.send("smua.trigger.initiate() waitcomplete() print('over')") == []
    assert rig.send("print(1)") == []
    assert rig.send("*TRG") == ["over", "1.00000e+00"]


def test_waiting_for_a_trigger_times_out(rig: Rig) -> None:
    before = rig.clock.now_s
    assert rig.send("print(trigger.wait(2.5))") == ["false"]
    assert rig.clock.now_s == pytest.approx(before + 2.5)
    rig.send("*TRG")
    assert rig.send("print(trigger.wait(2.5), trigger.wait(1))") == ["true\tfalse"]


def test_a_device_clear_forgets_everything_under_way(rig: Rig) -> None:
    rig.send("smua.trigger.source.stimulus = trigger.EVENT_ID")
    rig.send("smua.trigger.initiate() waitcomplete() print('over')")
    rig.send("print('queued')")
    rig.smu.clear()
    assert rig.send("print(1)") == ["1.00000e+00"]
    rig.send("loadscript half\nprint(1)")
    rig.smu.clear()
    assert rig.send("print(2)") == ["2.00000e+00"]


def test_abort_leaves_output_and_levels(rig: Rig) -> None:
    rig.send("smua.source.levelv = 1 smua.source.output = 1")
    rig.send("smua.measure.rangei = 1e-3 smua.measure.count = 1000")
    rig.send("smua.measure.overlappedi(smua.nvbuffer1)")
    rig.clock.advance(0.1)
    rig.send("abort")
    taken = rig.number("smua.nvbuffer1.n")
    rig.clock.advance(1.0)
    assert rig.number("smua.nvbuffer1.n") == taken > 0
    assert rig.a.on
    assert rig.smu.channel_state("a")["level"] == 1.0


def test_a_runaway_ends_in_an_error() -> None:
    rig = Rig(bounds=TIGHT)
    assert rig.send("while true do end") == []
    assert rig.codes() == [-286]
    assert rig.send("while true do delay(1e-3) end") == []
    assert rig.codes() == [-286]
    assert rig.send("print(1)") == ["1.00000e+00"]


# -- anything ------------------------------------------------------------------------------------

PATHS = (
    "smua.source.levelv", "smua.source.leveli", "smua.source.limiti", "smua.source.limitv",
    "smua.source.rangev", "smua.source.rangei", "smua.source.func", "smua.source.output",
    "smua.source.autorangev", "smua.source.limitp", "smua.measure.rangei", "smua.measure.nplc",
    "smua.measure.autorangei", "smua.measure.count", "smua.trigger.count",
    "smua.trigger.source.limiti", "smua.trigger.endpulse.action", "smua.nvbuffer1.appendmode",
    "trigger.timer[3].delay", "trigger.timer[3].count", "format.data", "format.asciiprecision",
    "status.standard.enable", "display.screen", "smua.nosuch", "nosuch.attribute",
)  # fmt: skip
VALUES = st.one_of(
    st.floats(-50, 50).map(repr),
    st.floats(allow_nan=True).map(lambda x: repr(x).replace("inf", "1/0").replace("nan", "0/0")),
    st.integers(-3, 9).map(str),
    st.sampled_from(
        ["nil", "'x'", "'1'", "{}", "{1,2}", "print", "true", "smua", "smua.nvbuffer1"]
    ),
)
LINES = st.one_of(
    st.tuples(st.sampled_from(PATHS), VALUES).map(lambda row: f"{row[0]} = {row[1]}"),
    st.sampled_from(PATHS).map(lambda path: f"print({path})"),
    st.tuples(
        st.sampled_from(
            ["smua.measure.i", "smua.measure.iv", "smua.measure.overlappedi", "smua.makebuffer",
             "smua.trigger.source.listv", "smua.trigger.source.linearv", "smua.trigger.measure.i",
             "smua.trigger.initiate", "smua.abort", "smua.reset", "printbuffer", "printnumber",
             "waitcomplete", "trigger.timer[1].reset", "trigger.wait", "display.settext",
             "script.new", "script.delete", "errorqueue.next", "smua.nvbuffer1.clear", "opc"]
        ),
        st.lists(VALUES, max_size=4),
    ).map(lambda row: f"{row[0]}({', '.join(row[1])})"),
    st.sampled_from(["*IDN?", "*RST", "*CLS", "*OPC?", "*ESE 300", "*TRG", "abort", "loadscript x",
                     "endscript", "loadandrunscript", "x()", "run()"]),
    st.text(st.characters(max_codepoint=255), max_size=20),
)  # fmt: skip


@given(st.lists(LINES, max_size=12))
def test_any_messages_leave_a_legal_instrument(lines: list[str]) -> None:
    rig = Rig(bounds=TIGHT)
    for line in lines:
        rig.smu.write(line.encode("latin-1", "replace"))
    state = rig.smu.channel_state("a")
    assert math.isfinite(state["level"])
    assert state["limit"] >= 10e-9
    assert abs(state["level"]) <= 40.4
    rig.smu.clear()
    assert rig.send("*RST\nprint(1)") == ["1.00000e+00"]
