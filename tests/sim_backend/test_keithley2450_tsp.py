"""The script language of the virtual 2450 family, in programs as its manuals write them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyvisa.resources import MessageBasedResource

from sim_backend.instruments.keithley2450_models import MODELS
from tests.sim_backend.rig2450 import ADDRESS, Rig2450


def unit(model: str = "2450", conductance: float = 1e-4) -> Rig2450:
    return Rig2450(model, conductance, language="TSP")


@pytest.fixture
def rig() -> Rig2450:
    return unit()


def numbers(reply: str) -> list[float]:
    return [float(part) for part in reply.split(",")]


# -- programs -------------------------------------------------------------------------------------


def test_a_linear_sweep(rig: Rig2450) -> None:
    replies = rig.program(
        """
        reset()
        smu.measure.func = smu.FUNC_DC_CURRENT
        smu.measure.autorange = smu.ON
        smu.source.func = smu.FUNC_DC_VOLTAGE
        smu.source.ilimit.level = 10e-3
        smu.source.sweeplinear("SolarCell", 0, 2, 5, 1e-3)
        trigger.model.initiate()
        waitcomplete()
        printbuffer(1, defbuffer1.n, defbuffer1.sourcevalues, defbuffer1.readings)
        print(smu.source.configlist.size("SolarCell"), smu.source.output)
        """
    )
    values = numbers(replies[0])
    assert values[::2] == pytest.approx([0, 0.5, 1, 1.5, 2])
    assert values[1::2] == pytest.approx([0, 5e-5, 1e-4, 1.5e-4, 2e-4])
    assert replies[1:] == ["5\tsmu.OFF"]
    assert rig.codes() == []


@pytest.mark.parametrize(
    ("call", "levels"),
    [
        ('sweeplinear("a", 0, 1, 3)', [0, 0.5, 1]),
        ('sweeplinear("a", 0, 1, 3, smu.DELAY_AUTO, 2)', [0, 0.5, 1, 0, 0.5, 1]),
        (
            'sweeplinear("a", 0, 1, 3, 0, 1, smu.RANGE_FIXED, smu.OFF, smu.ON, defbuffer1)',
            [0, 0.5, 1, 0.5, 0],
        ),
        ('sweeplinearstep("a", 0, 1, 0.25)', [0, 0.25, 0.5, 0.75, 1]),
        ('sweeplog("a", 0.01, 1, 3)', [0.01, 0.1, 1]),
        (
            'sweeplog("a", 1, 0.1, 2, 0, 1, smu.RANGE_BEST, smu.ON, smu.OFF, defbuffer1, 0)',
            [1, 0.1],
        ),
    ],
)
def test_every_sweep_gives_its_levels(rig: Rig2450, call: str, levels: list[float]) -> None:
    rig.send("smu.source.range = 2", "smu.source.ilimit.level = 0.01", f"smu.source.{call}")
    rig.send("trigger.model.initiate() waitcomplete()")
    assert numbers(rig.ask("printbuffer(1, defbuffer1.n, defbuffer1.sourcevalues)")) == (
        pytest.approx(levels)
    )
    assert rig.codes() == []


def test_a_sweep_over_a_list_that_a_script_made(rig: Rig2450) -> None:
    rig.program(
        """
        smu.source.ilimit.level = 0.01
        smu.source.configlist.create("mine")
        list = smu.source.configlist
        for _, v in ipairs({2, 1, 3}) do smu.source.level = v list.store("mine") end
        readings = buffer.make(20)
        smu.source.sweeplist("mine", 2, 1e-3, 2, smu.OFF, readings)
        trigger.model.initiate()
        waitcomplete()
        """
    )
    assert numbers(rig.ask("printbuffer(1, readings.n, readings)")) == pytest.approx(
        [1e-4, 3e-4, 1e-4, 3e-4]
    )
    assert rig.codes() == []


def test_a_trigger_model_of_blocks(rig: Rig2450) -> None:
    rig.program(
        """
        smu.source.level = 1 smu.source.ilimit.level = 0.01 smu.measure.range = 1e-3
        mine = buffer.make(100)
        trigger.model.load("Empty")
        trigger.model.setblock(1, trigger.BLOCK_BUFFER_CLEAR, mine)
        trigger.model.setblock(2, trigger.BLOCK_SOURCE_OUTPUT, smu.ON)
        trigger.model.setblock(3, trigger.BLOCK_DELAY_CONSTANT, 0.1)
        trigger.model.setblock(4, trigger.BLOCK_MEASURE_DIGITIZE, mine, 2)
        trigger.model.setblock(5, trigger.BLOCK_BRANCH_COUNTER, 3, 3)
        trigger.model.setblock(6, trigger.BLOCK_SOURCE_OUTPUT, smu.OFF)
        """
    )
    assert rig.ask("print(trigger.model.state())").startswith("trigger.STATE_BUILDING\t")
    assert rig.ask("print(trigger.model.getblocklist())").split("\n")[3] == (
        "4) MEASURE_DIGITIZE BUFFER: mine COUNT: 2"
    )
    rig.send("trigger.model.initiate()")
    assert rig.ask("print(trigger.model.state())").startswith("trigger.STATE_RUNNING\t")
    rig.send("trigger.model.initiate()")
    assert rig.codes() == [-213]
    assert rig.ask("waitcomplete() print(mine.n, trigger.model.getbranchcount(5))") == "6\t3"
    assert rig.ask("print(trigger.model.state())") == "trigger.STATE_IDLE\ttrigger.STATE_IDLE\t6"
    assert numbers(rig.ask("printbuffer(1, 6, mine)")) == pytest.approx([1e-4] * 6)
    assert rig.codes() == []


def test_a_wait_block_goes_on_with_a_trigger(rig: Rig2450) -> None:
    rig.program(
        """
        key, enter, set = trigger.EVENT_DISPLAY, trigger.CLEAR_ENTER, trigger.model.setblock
        set(1, trigger.BLOCK_WAIT, trigger.EVENT_COMMAND, enter, trigger.WAIT_OR, key)
        trigger.model.setblock(2, trigger.BLOCK_NOTIFY, trigger.EVENT_NOTIFY3)
        trigger.model.setblock(3, trigger.BLOCK_LOG_EVENT, trigger.LOG_INFO2, "went on")
        trigger.timer[1].delay = 0.5
        trigger.timer[1].start.stimulus = trigger.EVENT_NOTIFY3
        trigger.timer[1].enable = 1
        trigger.model.initiate()
        """
    )
    assert rig.ask("print(trigger.model.state())").startswith("trigger.STATE_WAITING")
    assert rig.send("waitcomplete() print(trigger.timer[1].wait(1))") == []
    assert rig.send("*TRG") == ["true"]
    assert rig.clock.now_s == pytest.approx(0.5, abs=1e-3)
    assert rig.ask("print(trigger.timer[1].wait(1))") == "false"
    assert "went on" in rig.ask("eventlog.next(4) print(eventlog.next(4))")


def test_a_configuration_list_is_recalled(rig: Rig2450) -> None:
    rig.program(
        """
        smu.measure.configlist.create("m")
        smu.measure.nplc = 0.1 smu.measure.range = 1e-3
        smu.measure.configlist.store("m")
        smu.measure.configlist.storefunc("m", smu.FUNC_DC_VOLTAGE)
        smu.source.configlist.create("s")
        smu.source.level = 3
        smu.source.configlist.store("s")
        reset_level = 0
        smu.source.level = reset_level smu.measure.nplc = 5
        """
    )
    assert rig.ask('print(smu.measure.configlist.size("m"))') == "2"
    rig.send('smu.measure.configlist.recall("m", 1, "s", 1)')
    assert rig.ask("print(smu.measure.nplc, smu.source.level)") == "0.1\t3"
    rig.send('smu.measure.configlist.recall("m", 2)')
    assert rig.ask("print(smu.measure.func)") == "smu.FUNC_DC_VOLTAGE"
    rows = rig.ask('print(smu.source.configlist.query("s", 1, "\\n"))').split("\n")
    assert "smu.source.level = 3" in rows
    names = "print(smu.source.configlist.catalog(), smu.source.configlist.catalog())"
    assert rig.ask(names) == "s\tnil"
    rig.send('smu.measure.configlist.recall("m", 3)', 'smu.source.configlist.delete("x")')
    assert rig.codes() == [2790, 2790]


def test_compliance_is_told(rig: Rig2450) -> None:
    rig.send("smu.source.level = 2 smu.source.ilimit.level = 1e-4 smu.source.output = smu.ON")
    tripped = "print(smu.source.ilimit.tripped, smu.source.vlimit.tripped)"
    assert rig.ask(tripped) == "smu.ON\tsmu.OFF"
    assert numbers(rig.ask("print(smu.measure.read())")) == pytest.approx([1e-4])
    status = "print(math.mod(math.floor(defbuffer1.sourcestatuses[1] / buffer.STAT_LIMIT), 2))"
    assert rig.ask(status) == "1"
    rig.send("smu.source.protect.level = smu.PROTECT_2V", "smu.source.level = 5")
    protected = "print(smu.source.protect.tripped, smu.source.protect.level)"
    assert rig.ask(protected) == "smu.ON\tsmu.PROTECT_2V"


def test_the_interlock(rig: Rig2450) -> None:
    assert rig.ask("print(smu.interlock.tripped, smu.interlock.enable)") == "smu.ON\tsmu.OFF"
    rig.smu.set_interlock(False)
    assert rig.ask("print(smu.interlock.tripped)") == "smu.OFF"
    rig.send("smu.source.level = 50", "smu.source.output = smu.ON")
    assert rig.ask("print(smu.source.output)") == "smu.OFF"
    assert rig.ask("print(eventlog.next(eventlog.SEV_ERROR))").startswith(
        "5074\tOutput blocked by interlock\t1\t0\t"
    )
    rig.send("smu.source.level = 1", "smu.source.output = smu.ON")
    assert rig.ask("print(smu.source.output)") == "smu.ON"
    rig.send("smu.interlock.enable = smu.ON")  # now no voltage at all may be had
    assert rig.ask("print(smu.source.output)") == "smu.OFF"
    assert rig.codes() == [5074]
    rig.send("reset()")
    assert rig.ask("print(smu.interlock.enable)") == "smu.OFF"


def test_a_pulse_train_of_the_2461() -> None:
    rig = unit("2461", 0.1)
    rig.program(
        """
        smu.source.func = smu.FUNC_DC_VOLTAGE
        smu.source.range = 10 smu.source.ilimit.level = 1 smu.source.pulse.ilimit.level = 1
        smu.measure.func = smu.FUNC_DC_CURRENT smu.measure.range = 1
        smu.measure.nplc = 0.01 smu.measure.autozero.enable = smu.OFF smu.source.readback = smu.OFF
        smu.source.pulsetrain("train", 0, 5, 1e-3, 4, smu.ON, defbuffer1, 0, 0.01)
        trigger.model.initiate()
        waitcomplete()
        """
    )
    assert numbers(rig.ask("printbuffer(1, defbuffer1.n, defbuffer1)")) == pytest.approx([0.5] * 4)
    assert rig.ask("print(smu.source.configlist.catalog())") == "train"
    assert rig.codes() == []


def test_digitizing_on_the_2461() -> None:
    rig = unit("2461", 0.1)
    rig.program(
        """
        smu.source.level = 1 smu.source.ilimit.level = 1 smu.source.output = smu.ON
        smu.digitize.func = smu.FUNC_DIGITIZE_CURRENT
        smu.digitize.range = 1 smu.digitize.samplerate = 100000 smu.digitize.count = 50
        """
    )
    assert rig.ask("print(smu.digitize.aperture, smu.measure.func)") == (
        "smu.APERTURE_AUTO\tsmu.FUNC_NONE"
    )
    assert numbers(rig.ask("print(smu.digitize.read())")) == pytest.approx([0.1])
    assert rig.ask("print(defbuffer1.n, defbuffer1.relativetimestamps[50])") == "50\t0.00049"
    rig.send("print(smu.measure.read())", "smu.measure.nplc = 1", "smu.digitize.aperture = 1")
    assert rig.codes() == [-221, -221, -222]


# -- the two command sets ------------------------------------------------------------------------

#: the same setting in both: SCPI, script
SAME = [
    ("SOUR:FUNC CURR", "smu.source.func = smu.FUNC_DC_CURRENT"),
    ("SOUR:CURR 5e-4", "smu.source.level = 5e-4"),
    ("SOUR:CURR:VLIM 12", "smu.source.vlimit.level = 12"),
    ("SOUR:CURR:DEL 0.01", "smu.source.delay = 0.01"),
    ("SENS:FUNC 'VOLT'", "smu.measure.func = smu.FUNC_DC_VOLTAGE"),
    ("SENS:VOLT:RANG 20", "smu.measure.range = 20"),
    ("SENS:VOLT:NPLC 2", "smu.measure.nplc = 2"),
    ("SENS:VOLT:AVER:COUN 4;:SENS:VOLT:AVER ON",
     "smu.measure.filter.count = 4 smu.measure.filter.enable = smu.ON"),
    ("SENS:VOLT:REL 0.5;:SENS:VOLT:REL:STAT ON",
     "smu.measure.rel.level = 0.5 smu.measure.rel.enable = smu.ON"),
    ("CALC:VOLT:MATH:FORM MXB;:CALC:VOLT:MATH:MMF 3;:CALC:VOLT:MATH:STAT ON",
     "m = smu.measure.math m.format = smu.MATH_MXB m.mxb.mfactor = 3 m.enable = smu.ON"),
    ("SENS:COUN 3", "smu.measure.count = 3"),
    ("OUTP ON", "smu.source.output = smu.ON"),
]  # fmt: skip


def test_both_command_sets_measure_the_same(rig: Rig2450) -> None:
    native = Rig2450()
    for scpi, script in SAME:
        native.send(scpi)
        rig.send(script)
        assert native.smu.unit.chassis.setup == rig.smu.unit.chassis.setup, scpi
    first = float(native.ask("READ?"))
    assert float(rig.ask("print(smu.measure.read())")) == pytest.approx(first)
    assert first == pytest.approx((5.0 - 0.5) * 3)
    kept = [r.smu.unit.buffers.get().between(1, 3) for r in (native, rig)]
    assert kept[0] == kept[1]
    assert native.codes() == rig.codes() == []
    assert native.clock.now_s == rig.clock.now_s


def test_the_language_takes_effect_at_the_next_start() -> None:
    rig = Rig2450()
    rig.send("*LANG TSP")
    rig.smu.power_cycle()
    assert rig.ask("*LANG?") == "TSP"
    assert rig.ask("print(smu.source.level)") == "0"
    rig.send("SOUR:VOLT 1", "*LANG SCPI2400", "*LANG FORTH", "*LANG")
    assert rig.codes() == [-285, -224, -109]
    rig.smu.power_cycle()
    assert rig.ask("*LANG?") == "SCPI2400"


def test_a_session_over_visa(rig: Rig2450) -> None:
    manager = rig.manager()
    session = manager.open_resource(ADDRESS)
    assert isinstance(session, MessageBasedResource)
    assert session.query("print(localnode.model)").strip() == "2450"
    assert session.query("*IDN?").startswith("KEITHLEY INSTRUMENTS,MODEL 2450,")
    session.close()
    manager.close()


# -- buffers --------------------------------------------------------------------------------------


def test_a_buffer_has_the_name_of_its_variable(rig: Rig2450) -> None:
    rig.send("testData = buffer.make(50)")
    assert rig.ask("print(display.activebuffer, testData.capacity)") == "testData\t50"
    rig.send("testData = buffer.make(60, buffer.STYLE_COMPACT)")  # overwrites the first
    assert len(rig.smu.unit.buffers.names()) == 3
    rig.send("local hidden = buffer.make(70) smu.measure.read(hidden)")
    rig.send("display.activebuffer = defbuffer2 buffer.delete(testData)", "print(testData.n)")
    assert rig.codes() == [1115]
    rig.send("buffer.delete(defbuffer1)", "smu.measure.read(7)", "x = buffer.make(2)")
    assert rig.codes() == [1115, -104, -222]
    rig.send("reset()")
    assert rig.smu.unit.buffers.names() == ["defbuffer1", "defbuffer2"]


def test_what_a_buffer_tells_of_its_readings(rig: Rig2450) -> None:
    rig.send("smu.source.level = 1 smu.source.output = 1 smu.measure.count = 3 smu.measure.read()")
    columns = ["units", "sourceunits", "dates", "times", "statuses", "formattedreadings"]
    told = ", ".join(f"defbuffer1.{name}[2]" for name in columns)
    assert rig.ask(f"print({told})").split("\t")[:4] == [
        "Amp DC", "Volt DC", "01/01/2026", "00:00:00",
    ]  # fmt: skip
    assert rig.ask("print(defbuffer1[1], defbuffer1.readings[4])") == "0.0001\tnil"
    assert rig.ask("print(defbuffer1.startindex, defbuffer1.endindex, defbuffer1.n)") == "1\t3\t3"
    told = rig.ask("s = buffer.getstats() print(s.n, s.mean, s.stddev, s.min.reading)")
    assert [float(x) for x in told.split("\t")] == pytest.approx([3, 1e-4, 0, 1e-4], abs=1e-18)
    rig.send("defbuffer1.clear() buffer.clearstats(defbuffer1)")
    assert rig.ask("s = buffer.getstats(defbuffer1) print(s.n, s.mean, s.min)") == "0\tnil\tnil"
    assert rig.codes() == []


def test_buffers_are_set_up(rig: Rig2450) -> None:
    rig.send("defbuffer2.fillmode = buffer.FILL_ONCE defbuffer2.capacity = 10")
    rig.send("for k = 1, 12 do smu.measure.read(defbuffer2) end defbuffer2.logstate = buffer.OFF")
    assert rig.ask("print(defbuffer2.n, defbuffer2.fillmode, defbuffer2.logstate)") == (
        "10\tbuffer.FILL_ONCE\tbuffer.OFF"
    )
    rig.send("defbuffer2.n = 3")
    rig.send('buffer.save(defbuffer1, "/usb1/x.csv")')
    assert rig.codes() == [-286, -256]


def test_data_from_outside_is_written(rig: Rig2450) -> None:
    rig.program(
        """
        w = buffer.make(20, buffer.STYLE_WRITABLE_FULL)
        buffer.write.format(w, buffer.UNIT_WATT, buffer.DIGITS_3_5, buffer.UNIT_SECOND, 4)
        buffer.write.reading(w, 5, 7)
        buffer.write.reading(w, 6, 8, 1770000000, 0.5)
        """
    )
    assert rig.ask("printbuffer(1, 2, w, w.extravalues)") == "5, 7, 6, 8"
    assert rig.ask("print(w.units[1], w.seconds[2], w.fractionalseconds[2])") == (
        "Watt DC\t1770000000\t0.5"
    )
    rig.send("smu.measure.read(w)", "buffer.write.reading(defbuffer1, 1)")
    assert rig.codes() == [1115, 1115]


def test_numbers_are_printed_as_asked(rig: Rig2450) -> None:
    assert rig.ask("printnumber(10, 2.5, -1/3)") == "10, 2.5, -0.33333333333333"
    rig.send("format.asciiprecision = 4")
    assert rig.ask("printnumber(10, 2.5)") == "1.000e+01, 2.500e+00"
    assert rig.ask("print(format.data, 1)") == "format.ASCII\t1.000e+00"
    rig.send("format.data = format.REAL32", "print()", "printbuffer(1, 3, {1, 2, 3})")
    rig.smu.replies()
    rig.smu.write(b"format.byteorder = format.BIGENDIAN printbuffer(2, 3, {1, 2, 3})\n")
    (reply,) = rig.smu.replies()
    assert reply == b"#0" + struct.pack(">2f", 2, 3) + b"\n"
    rig.send("*RST")
    assert rig.ask("printbuffer(1, 3, {1, 2})") == "1, 2, 9.91e+37"
    assert rig.codes() == [-222]
    rig.send("printbuffer(1, 0, defbuffer1)", "printbuffer(1, 2)", "printbuffer(1, 2, 3)")
    assert rig.codes() == [-222, -109, -104]


# -- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("smu.source.level =", -285, "TSP Syntax error at line 1: unexpected symbol near '<eof>'"),
        ("smu.sauce.level = 1", -286, "TSP Runtime error at line 1: attempt to index field"),
        ("smu.source.lvl = 1", -286, "TSP Runtime error at line 1: undefined attribute"),
        ("smu.measure.autorangeup = 1", -286, "TSP Runtime error at line 1: undefined"),
        ("smu.interlock.tripped = smu.ON", -286, "TSP Runtime error at line 1: cannot modify"),
        ("smu.source.level = 300", -222, "Parameter data out of range"),
        ("smu.source.level = 0/0", -104, "Data type error"),
        ("smu.source.level = nil", -109, "Missing parameter"),
        ("smu.source.level = {}", -104, "Data type error"),
        ("smu.source.func = smu.FUNC_RESISTANCE", -224, "Illegal parameter value"),
        ("smu.measure.func = smu.FUNC_DIGITIZE_VOLTAGE", -109, "Missing parameter"),
        ("smu.measure.unit = smu.UNIT_VOLT", -224, "Illegal parameter value"),
        ("smu.source.configlist.store()", -109, "Missing parameter"),
        ("smu.source.configlist.size('a', 2)", -108, "Parameter not allowed"),
        ("smu.source.sweeplinear('a', 0, 1, 1)", -222, "Parameter data out of range"),
        ("smu.source.sweeplog('a', -1, 1, 5)", -221, "Settings conflict"),
        ("smu.source.sweeplist('a')", 2790, "Configuration list, error, does not exist"),
        ("trigger.model.setblock(1, trigger.BLOCK_BRANCH_ALWAYS)", -109, "Missing parameter"),
        ("trigger.model.setblock(64, trigger.BLOCK_NOP)", -222, "Parameter data out of range"),
        ("trigger.model.setblock(1, trigger.BLOCK_SOURCE_PULSE_OUTPUT, 1)", -109, "Missing"),
        ("trigger.model.initiate()", -221, "Settings conflict"),
        ("trigger.model.load('Nothing')", -224, "Illegal parameter value"),
        ("trigger.timer[1].delaylist = {1, 2}", -221, "Settings conflict"),
        ("digio.line[1].state = 1", -221, "Settings conflict"),
        ("display.input.number('how many')", -221, "Settings conflict"),
        ("upgrade.unit()", -256, ""),
        ("localnode.linefreq = 60", -286, "TSP Runtime error at line 1: cannot modify"),
        ("print(localnode.password)", 0, ""),
    ],
)
def test_a_refusal_has_its_number_and_text(
    rig: Rig2450, line: str, code: int, message: str
) -> None:
    rig.send(line)
    event = rig.smu.unit.log.next(1)
    assert event.code == code
    assert event.message.startswith(message)
    assert rig.codes() == []


def test_a_refusal_does_not_end_the_script(rig: Rig2450) -> None:
    assert rig.send("smu.source.level = 300 print('on') error('stop') print('never')") == ["on"]
    assert rig.codes() == [-222, -286]


# -- everything else ------------------------------------------------------------------------------


def test_events_are_read_one_by_one(rig: Rig2450) -> None:
    assert rig.ask("print(eventlog.next())") == "0\tNo error\t0\t0\t0\t0"
    rig.clock.advance(1.25)
    rig.send("eventlog.post('hello', eventlog.SEV_WARN) smu.source.level = 1e6")
    assert rig.ask("print(eventlog.getcount(), eventlog.getcount(eventlog.SEV_ERROR))") == "2\t1"
    assert rig.ask("print(eventlog.next(5))") == (
        "-222\tParameter data out of range\t1\t0\t1767225601\t250000000"
    )
    rig.send("eventlog.post('x', 7)", "eventlog.clear()")
    assert rig.codes() == []


def test_events_and_prompts_follow_each_line(rig: Rig2450) -> None:
    rig.send("localnode.prompts = localnode.ENABLE localnode.showevents = eventlog.SEV_ERROR")
    assert rig.send("smu.source.level = 1e6", "print(1)") == [
        "-222\tParameter data out of range\t1\t0", "TSP>", "1", "TSP>",
    ]  # fmt: skip
    assert rig.send("loadscript one", "print('one')", "endscript", "one()") == [
        ">>>>", ">>>>", "TSP>", "one", "TSP>",
    ]  # fmt: skip


def test_scripts_stay_and_end(rig: Rig2450) -> None:
    assert rig.send("print(1) exit() print(2)", "print(3)") == ["1", "3"]
    rig.send("loadandrunscript", "kept = 7", "endscript")
    rig.send("loadscript other", "print('run')", "endscript", "other.save()")
    assert rig.send("for name in script.catalog() do print(name) end") == ["other"]
    assert rig.send("print(kept, node[1].smu.source.level)", "other.run()") == ["7\t0", "run"]
    assert rig.codes() == []


def test_status_registers(rig: Rig2450) -> None:
    rig.send("status.standard.enable = status.standard.EXE status.request_enable = status.ESB")
    rig.send("print(status.standard.event)", "smu.source.level = 1e6")
    assert rig.smu.status_byte() == 64 + 32 + 4
    rig.smu.replies()
    assert rig.ask("print(status.condition, status.standard.event)") == "100\t16"
    rig.send("status.operation.setmap(0, 2731, 2732) status.operation.enable = 1")
    assert rig.ask("print(status.operation.getmap(0))") == "2731\t2732"
    rig.send("trigger.model.load('SimpleLoop', 2)", "trigger.model.initiate()")
    assert rig.ask("print(status.operation.condition, status.operation.event)") == "1\t1"
    rig.send("opc() waitcomplete()")
    assert rig.ask("print(status.operation.condition, status.standard.event)") == "0\t1"
    rig.send("status.preset()")
    assert rig.send("*ESE?", "*SRE?", "*OPC?", "*TST?") == ["16", "32", "1", "0"]


def test_digital_lines_and_blenders(rig: Rig2450) -> None:
    rig.program(
        """
        digio.line[1].mode = digio.MODE_DIGITAL_OUT
        digio.line[1].state = digio.STATE_HIGH
        digio.line[2].mode = digio.MODE_TRIGGER_OUT
        trigger.digout[2].logic = trigger.LOGIC_POSITIVE
        trigger.digout[2].assert()
        digio.line[3].mode = digio.MODE_TRIGGER_IN
        trigger.blender[1].orenable = true
        trigger.blender[1].stimulus[1] = trigger.EVENT_DIGIO3
        """
    )
    assert rig.ask("print(digio.line[1].state, digio.line[1].mode)") == (
        "digio.STATE_HIGH\tdigio.MODE_DIGITAL_OUT"
    )
    port = rig.smu.unit.port
    assert [line for _, line in port.pulses] == [2]
    port.drive(3, False)
    assert rig.ask("print(trigger.digin[3].wait(0), trigger.blender[1].wait(0))") == "true\ttrue"
    assert rig.ask("print(trigger.blender[1].wait(0.1), trigger.blender[1].orenable)") == (
        "false\ttrue"
    )
    rig.send("digio.line[1].reset() trigger.blender[1].reset()")
    assert rig.ask("print(digio.line[1].mode, trigger.blender[1].stimulus[1])") == (
        "digio.MODE_DIGITAL_IN\ttrigger.EVENT_NONE"
    )
    assert rig.codes() == []


def test_the_lines_of_a_link_without_anybody(rig: Rig2450) -> None:
    assert rig.ask("print(tsplink.line[1].state, tsplink.readport())") == "tsplink.STATE_HIGH\t7"
    rig.send("tsplink.writeport(5)", "trigger.tsplinkout[2].assert()")
    assert rig.codes() == [-221]
    rig.program(
        """
        tsplink.line[2].mode = tsplink.MODE_TRIGGER_OPEN_DRAIN
        trigger.tsplinkout[2].stimulus = trigger.EVENT_COMMAND
        """
    )
    assert rig.send("*TRG", "print(tsplink.readport(), trigger.tsplinkin[2].wait(0))") == [
        "5\ttrue"
    ]
    rig.send("trigger.tsplinkout[2].assert() trigger.tsplinkout[2].assert()")
    assert rig.ask("print(trigger.tsplinkin[2].overrun)") == "true"
    rig.send("tsplink.writeport(0)", "reset()")
    assert rig.codes() == [-221]
    assert rig.ask("print(tsplink.line[2].mode, trigger.tsplinkout[2].stimulus)") == (
        "tsplink.MODE_DIGITAL_OPEN_DRAIN\ttrigger.EVENT_NONE"
    )


def test_the_panel_and_small_things(rig: Rig2450) -> None:
    rig.program(
        """
        display.changescreen(display.SCREEN_READING_TABLE)
        display.lightstate = display.STATE_LCD_25
        display.settext(display.TEXT1, "Hello")
        beeper.beep(0.5, 2400)
        userstring.add("bench", "7") gpib.address = 12
        timer.cleartime() delay(2)
        """
    )
    panel = rig.smu.unit.panel
    assert (panel.text[1], panel.beeps) == ("Hello", [(2400.0, 0.5)])
    told = "print(display.lightstate, userstring.get('bench'), gpib.address, timer.gettime())"
    assert rig.ask(told) == "display.STATE_LCD_25\t7\t12\t2"
    rig.send("localnode.settime(2031, 2, 3, 4, 5, 6)")
    assert rig.ask("print(localnode.gettime())") == "1927857906\t0"
    rig.send("localnode.settime(2031, 2, 33, 4, 5, 6)", "userstring.get('nothing')")
    rig.send("tsplink.initialize()", "lan.ipconfig(lan.MODE_MANUAL, '1.2.3')")
    assert rig.codes() == [-222, -224, 1205, -224]
    rig.send("dataqueue.add(5) dataqueue.add('x')")
    assert rig.ask("print(dataqueue.count, dataqueue.next(), dataqueue.next(), tsplink.state)") == (
        "2\t5\tx\toffline"
    )


def test_a_locked_instrument_asks_for_its_password(rig: Rig2450) -> None:
    rig.send('localnode.password = "open" localnode.access = localnode.ACCESS_PROTECTED')
    assert rig.send("print(1)", "login open", "print(2)") == ["2"]
    assert rig.codes() == [-203]


def test_attributes_of_other_functions(rig: Rig2450) -> None:
    rig.send("smu.measure.setattribute(smu.FUNC_DC_VOLTAGE, smu.ATTR_MEAS_RANGE, 20)")
    rig.send("smu.source.setattribute(smu.FUNC_DC_CURRENT, smu.ATTR_SRC_LIMIT_LEVEL, 3)")
    asked = (
        "smu.measure.getattribute(smu.FUNC_DC_VOLTAGE, smu.ATTR_MEAS_RANGE_AUTO), "
        "smu.source.getattribute(smu.FUNC_DC_CURRENT, smu.ATTR_SRC_LIMIT_LEVEL), "
        "smu.measure.getattribute(smu.FUNC_RESISTANCE, smu.ATTR_MEAS_LIMIT_FAIL_2)"
    )
    assert rig.ask(f"print({asked})") == "smu.OFF\t3\tsmu.FAIL_NONE"
    rig.send("smu.source.setattribute(smu.FUNC_DC_CURRENT, smu.ATTR_SRC_LIMIT_TRIPPED, 1)")
    rig.send("smu.measure.getattribute(smu.FUNC_DC_VOLTAGE, 'nplc')")
    assert rig.codes() == [-221, -224]


def test_autocalibration_and_contacts_of_the_2461() -> None:
    rig = unit("2461")
    rig.send("acal.run() smu.contact.enable = smu.ON smu.contact.threshold = smu.THRESHOLD_2_OHM")
    assert rig.ask("print(acal.count, acal.lastrun.time, smu.contact.check())") == (
        "1\t01/01/2026 00:00:05.000000000\ttrue"
    )
    rig.front.contact = 3.0
    assert rig.ask("print(smu.contact.checkall())") == "false\ttrue\ttrue"
    assert rig.codes() == []


@pytest.mark.parametrize("model", sorted(MODELS))
def test_every_attribute_can_be_set_to_what_it_is(model: str) -> None:
    rig = unit(model)
    walk = """
    function walk(name, node, seen)
      local m = getmetatable(node)
      if type(m) ~= "table" or m.Getters == nil or seen[node] then return end
      seen[node] = true
      for key in pairs(m.Getters) do
        local value = node[key]
        if m.Setters[key] and value ~= nil and key ~= "autorangehigh" then node[key] = value end
      end
      for key, below in pairs(m.Objects) do
        if type(below) == "table" then walk(name .. "." .. key, below, seen) end
      end
    end
    count = {}
    all = {smu.measure, smu.source, smu.interlock, trigger, digio, format, display, defbuffer1}
    for _, node in ipairs(all) do
      walk("", node, count)
    end
    """
    rig.send("loadandrunscript", *walk.splitlines(), "endscript")
    left = [code for code in rig.codes() if code != -221]  # inputs cannot be written
    assert left == []


def test_a_runaway_script_is_aborted(rig: Rig2450) -> None:
    rig.smu.interrupt()
    assert rig.send("while true do smu.measure.read() end") == []
    assert rig.ask("print(2)") == "2"


def test_settings_that_only_some_models_have() -> None:
    rig = unit("2461")
    rig.send("smu.fastrangechange = smu.ON", "trigger.continuous = trigger.CONT_OFF", "reset()")
    told = rig.ask("print(smu.fastrangechange, trigger.continuous, smu.breakdownprotection)")
    assert told == "smu.OFF\ttrigger.CONT_OFF\tnil"
    assert unit("2470").ask("print(smu.breakdownprotection)") == "smu.OFF"


def test_nobody_answers_on_the_network(rig: Rig2450) -> None:
    rig.send("tspnet.timeout = 3", "tspnet.timeout = 99")
    begun = rig.clock.now_s
    assert rig.ask("print(tspnet.connect('192.0.2.9'))") == "nil"
    assert rig.clock.now_s - begun == pytest.approx(3.0)
    rig.send("tspnet.write(1, 'x')", "tspnet.tsp.abort(1)", "tspnet.write()")
    assert rig.codes() == [-222, 2401, 2408, 2408, -109]
    assert rig.ask("reset() print(tspnet.timeout, tspnet.tsp.abortonconnect)") == "20\t1"


# -- any line -------------------------------------------------------------------------------------

_PIECES = st.sampled_from(
    [
        "smu.source.", "smu.measure.", "trigger.", "trigger.model.", "buffer.", "defbuffer1",
        "level", "range", "func", "configlist.store", "sweeplinear", "sweeplinearstep", "setblock",
        "load", "initiate()", "abort()", "make", "write.reading", "capacity", "getattribute",
        "smu.ON", "smu.FUNC_RESISTANCE", "smu.FUNC_DC_CURRENT", "smu.ATTR_MEAS_NPLC",
        "trigger.BLOCK_MEASURE_DIGITIZE", "trigger.BLOCK_WAIT", "trigger.EVENT_TIMER1",
        "trigger.BLOCK_BRANCH_COUNTER", "'SimpleLoop'", "'x'", "printbuffer", "printnumber",
        "timer[1].enable", "timer[1].delay", "display.settext", "localnode.settime",
        "eventlog.next",
        "status.operation.setmap", "userstring.add", "x = ", " = ", "(", ")", ", ", "1", "2", "-1",
        "1e300", "0/0", "1/0", "nil", "true", "{1, 2}", "print", "function() end", "reset()",
        "waitcomplete()", "exit()", " ", "x", "[1]", "*RST", "*TRG", "abort", "*LANG", "endscript",
        "loadscript", "\n", "delay(1)", "smu.source.output", "smu.interlock.enable",
    ]
)  # fmt: skip


def throw(model: str, lines: list[str]) -> None:
    """Send lines to a fresh instrument and see that it is still one."""
    rig = unit(model)
    for line in lines:
        rig.smu.write(line.encode("latin-1", "replace") + b"\n")
        rig.clock.advance(0.02)
        rig.smu.poll()
    rig.smu.write(b"endscript\nabort\n")
    rig.smu.clear()
    assert rig.send("*LANG?") == ["TSP"]  # scripts may have given `print` another meaning
    assert not rig.smu.unit.busy
    assert abs(rig.smu.unit.chassis.setup.v.level) <= rig.smu.unit.source.largest("v")
    rig.smu.close()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["2450", "2461"]), st.lists(st.lists(_PIECES, max_size=9).map("".join)))
def test_no_line_harms_the_instrument(model: str, lines: list[str]) -> None:
    throw(model, lines)
