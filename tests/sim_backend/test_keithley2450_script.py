"""The script language of the virtual 2450 family."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sim_backend.rig2450 import Rig2450


@pytest.fixture
def rig() -> Rig2450:
    return Rig2450(language="TSP")


def pulsing() -> Rig2450:
    return Rig2450("2461", language="TSP")


# -- settings -------------------------------------------------------------------------------------

#: attribute, value that is set, what is printed then; before that the value after a reset
SETTINGS = [
    ("smu.source.func", "smu.FUNC_DC_VOLTAGE", "smu.FUNC_DC_CURRENT"),
    ("smu.source.level", "0", "1.5"),
    ("smu.source.range", "0.02", "20"),
    ("smu.source.autorange", "smu.ON", "smu.OFF"),
    ("smu.source.ilimit.level", "0.000105", "0.001"),
    ("smu.source.vlimit.level", "21", "5"),
    ("smu.source.delay", "0.05", "0.25"),
    ("smu.source.autodelay", "smu.ON", "smu.OFF"),
    ("smu.source.userdelay[3]", "0", "0.5"),
    ("smu.source.highc", "smu.OFF", "smu.ON"),
    ("smu.source.readback", "smu.ON", "smu.OFF"),
    ("smu.source.offmode", "smu.OFFMODE_NORMAL", "smu.OFFMODE_HIGHZ"),
    ("smu.source.protect.level", "smu.PROTECT_NONE", "smu.PROTECT_20V"),
    ("smu.source.output", "smu.OFF", "smu.ON"),
    ("smu.measure.func", "smu.FUNC_DC_CURRENT", "smu.FUNC_DC_VOLTAGE"),
    ("smu.measure.range", "1e-08", "0.001"),
    ("smu.measure.autorange", "smu.ON", "smu.OFF"),
    ("smu.measure.autorangelow", "1e-08", "1e-06"),
    ("smu.measure.nplc", "1", "0.1"),
    ("smu.measure.count", "1", "7"),
    ("smu.measure.sense", "smu.SENSE_2WIRE", "smu.SENSE_4WIRE"),
    ("smu.measure.terminals", "smu.TERMINALS_FRONT", "smu.TERMINALS_REAR"),
    ("smu.measure.unit", "smu.UNIT_AMP", "smu.UNIT_OHM"),
    ("smu.measure.displaydigits", "smu.DIGITS_5_5", "smu.DIGITS_6_5"),
    ("smu.measure.autozero.enable", "smu.ON", "smu.OFF"),
    ("smu.measure.filter.enable", "smu.OFF", "smu.ON"),
    ("smu.measure.filter.count", "10", "5"),
    ("smu.measure.filter.type", "smu.FILTER_REPEAT_AVG", "smu.FILTER_MOVING_AVG"),
    ("smu.measure.rel.enable", "smu.OFF", "smu.ON"),
    ("smu.measure.rel.level", "0", "0.25"),
    ("smu.measure.math.enable", "smu.OFF", "smu.ON"),
    ("smu.measure.math.format", "smu.MATH_PERCENT", "smu.MATH_MXB"),
    ("smu.measure.math.mxb.mfactor", "1", "2.5"),
    ("smu.measure.math.mxb.bfactor", "0", "-1"),
    ("smu.measure.math.percent", "1", "4"),
    ("smu.measure.limit[1].enable", "smu.OFF", "smu.ON"),
    ("smu.measure.limit[2].low.value", "-1", "-3"),
    ("smu.measure.limit[2].high.value", "1", "3"),
    ("smu.measure.limit[1].autoclear", "smu.ON", "smu.OFF"),
    ("smu.measure.limit[1].audible", "smu.AUDIBLE_NONE", "smu.AUDIBLE_FAIL"),
    ("smu.measure.userdelay[5]", "0", "0.125"),
    ("smu.terminals", "smu.TERMINALS_FRONT", "smu.TERMINALS_REAR"),
    ("trigger.timer[2].count", "1", "9"),
    ("trigger.timer[2].delay", "1e-05", "0.5"),
    ("trigger.timer[2].start.generate", "trigger.OFF", "trigger.ON"),
    ("trigger.timer[2].start.stimulus", "trigger.EVENT_NONE", "trigger.EVENT_NOTIFY3"),
    ("trigger.blender[1].orenable", "false", "true"),
    ("trigger.blender[1].stimulus[2]", "trigger.EVENT_NONE", "trigger.EVENT_DIGIO5"),
    ("trigger.digin[4].edge", "trigger.EDGE_FALLING", "trigger.EDGE_RISING"),
    ("trigger.digout[4].logic", "trigger.LOGIC_NEGATIVE", "trigger.LOGIC_POSITIVE"),
    ("trigger.digout[4].pulsewidth", "1e-05", "0.001"),
    ("trigger.digout[4].stimulus", "trigger.EVENT_NONE", "trigger.EVENT_TIMER1"),
    ("trigger.lanin[8].edge", "trigger.EDGE_EITHER", "trigger.EDGE_FALLING"),
    ("trigger.lanout[8].protocol", "lan.PROTOCOL_TCP", "lan.PROTOCOL_UDP"),
    ("trigger.lanout[8].stimulus", "trigger.EVENT_NONE", "trigger.EVENT_LAN2"),
    ("digio.line[1].mode", "digio.MODE_DIGITAL_IN", "digio.MODE_TRIGGER_OUT"),
    ("display.lightstate", "display.STATE_LCD_50", "display.STATE_LCD_OFF"),
    ("display.readingformat", "display.FORMAT_PREFIX", "display.FORMAT_EXPONENT"),
    ("localnode.access", "localnode.ACCESS_FULL", "localnode.ACCESS_EXCLUSIVE"),
    ("gpib.address", "18", "5"),
    ("status.request_enable", "0", "32"),
    ("status.standard.enable", "0", "60"),
    ("status.operation.enable", "0", "512"),
    ("defbuffer2.fillmode", "buffer.FILL_CONTINUOUS", "buffer.FILL_ONCE"),
    ("defbuffer2.logstate", "buffer.ON", "buffer.OFF"),
    ("defbuffer2.capacity", "100000", "5000"),
    ("format.data", "format.ASCII", "format.REAL64"),
    ("format.byteorder", "format.LITTLEENDIAN", "format.BIGENDIAN"),
]


@pytest.mark.parametrize(("name", "usual", "value"), SETTINGS)
def test_an_attribute_is_what_it_was_set_to(
    rig: Rig2450, name: str, usual: str, value: str
) -> None:
    assert rig.ask(f"print({name})") == usual
    rig.send(f"{name} = {value}")
    assert rig.ask(f"print({name})") == value
    assert rig.codes() == []


def test_constants_compare_with_what_is_read(rig: Rig2450) -> None:
    assert rig.ask("print(smu.source.output == smu.OFF, smu.measure.unit == smu.UNIT_AMP)") == (
        "true\ttrue"
    )


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("smu.source.level = 1000", -222),
        ("smu.source.level = 'ten'", -104),
        ("smu.source.level = 0/0", -104),
        ("smu.source.level = 1/0", -222),
        ("smu.source.output = 7", -224),
        ("smu.source.offmode = smu.FILTER_REPEAT_AVG", -224),
        ("smu.measure.func = 'smu.FUNC_DIGITIZE_CURRENT'", -224),
        ("smu.measure.nplc = 11", -222),
        ("smu.measure.read('nowhere')", -104),
        ("smu.measure.read(5)", -104),
        ("smu.source.sweeplinear('a', 0, 1)", -109),
        ("smu.source.sweeplinear(1, 0, 1, 5)", -104),
        ("smu.source.sweeplinear('', 0, 1, 5)", -224),
        ("smu.source.configlist.recall('none')", 2790),
        ("buffer.make(5)", -222),
        ("buffer.make(100, 3)", -104),
        ("buffer.delete(defbuffer1)", 1115),
        ("buffer.save(defbuffer1, '/usb1/a.csv')", -256),
        ("printbuffer(1, 5, defbuffer1)", -222),
        ("printbuffer(1, 5)", -109),
        ("trigger.model.setblock(1, trigger.BLOCK_NONE)", -109),
        ("trigger.model.setblock(1, 'trigger.BLOCK_NONE')", -224),
        ("trigger.model.setblock(64, trigger.BLOCK_NOP)", -222),
        ("trigger.model.load('Nothing')", -224),
        ("trigger.model.initiate()", -221),
        ("digio.line[1].state = 2", -224),
        ("eventlog.post(5)", -104),
        ("delay(-1)", -222),
        ("smu.source.level = ", -285),
        ("smu.nothing.level = 1", -286),
        ("*LANG BASIC", -224),
    ],
)
def test_what_cannot_be_is_refused(rig: Rig2450, line: str, code: int) -> None:
    rig.send(line)
    assert rig.codes() == [code]


# -- measuring ------------------------------------------------------------------------------------


def test_a_reading_is_returned_and_kept(rig: Rig2450) -> None:
    rig.send("smu.source.ilimit.level = 1e-3", "smu.source.level = 2", "smu.source.output = smu.ON")
    assert float(rig.ask("print(smu.measure.read())")) == pytest.approx(2e-4, rel=1e-6)
    assert rig.smu.channel_state()["output"]
    line = "print(defbuffer1.n, defbuffer1[1], defbuffer1.sourcevalues[1], defbuffer1.units[1])"
    assert rig.ask(line) == "1\t0.0002\t2\tAmp DC"
    assert rig.codes() == []


def test_a_reading_comes_with_its_time(rig: Rig2450) -> None:
    rig.send("smu.source.output = smu.ON", "delay(2.5)")
    value, seconds, fraction = rig.ask("print(smu.measure.readwithtime())").split("\t")
    assert float(value) == 0.0
    assert float(seconds) == 1767225602.0
    assert float(fraction) == pytest.approx(0.5, abs=0.2)


def test_a_program_may_loop_over_levels(rig: Rig2450) -> None:
    rig.program("""
        loadscript ramp
        smu.source.ilimit.level = 1e-3
        smu.source.output = smu.ON
        local readings = {}
        for k = 1, 4 do
            smu.source.level = k
            readings[k] = smu.measure.read()
        end
        smu.source.output = smu.OFF
        printbuffer(1, 4, readings)
        endscript
    """)
    assert rig.values("ramp()") == pytest.approx([1e-4, 2e-4, 3e-4, 4e-4], rel=1e-6)
    assert rig.codes() == []


def test_four_wire_relative_offset_and_zero(rig: Rig2450) -> None:
    rig.send("smu.source.level = 1", "smu.source.output = smu.ON", "smu.measure.autozero.once()")
    assert float(rig.ask("print(smu.measure.rel.acquire())")) == pytest.approx(1e-4)
    rig.send("smu.measure.rel.enable = smu.ON")
    assert float(rig.ask("print(smu.measure.read())")) == pytest.approx(0.0, abs=1e-12)


def test_limits_tell_what_failed(rig: Rig2450) -> None:
    rig.send("smu.measure.limit[1].enable = smu.ON", "smu.measure.limit[1].high.value = 1e-5")
    rig.send("smu.source.level = 1", "smu.source.output = smu.ON", "smu.measure.read()")
    assert rig.ask("print(smu.measure.limit[1].fail)") == "smu.FAIL_HIGH"
    rig.send("smu.measure.limit[1].clear()")
    assert rig.ask("print(smu.measure.limit[1].fail)") == "smu.FAIL_NONE"


def test_the_source_limit_and_the_interlock_are_seen(rig: Rig2450) -> None:
    rig.send("smu.source.ilimit.level = 1e-4", "smu.source.level = 5", "smu.source.output = smu.ON")
    assert rig.ask("print(smu.source.ilimit.tripped)") == "smu.ON"
    assert rig.ask("print(smu.interlock.tripped)") == "smu.ON"
    rig.smu.set_interlock(False)
    assert rig.ask("print(smu.interlock.tripped)") == "smu.OFF"
    rig.send("smu.source.output = smu.OFF", "smu.source.level = 100", "smu.source.output = smu.ON")
    assert rig.codes() == [5074]


def test_a_digitizer_has_functions_of_its_own() -> None:
    rig = pulsing()
    rig.send("smu.source.level = 1", "smu.source.output = smu.ON")
    rig.send("smu.digitize.func = smu.FUNC_DIGITIZE_CURRENT", "smu.digitize.samplerate = 1e5")
    rig.send("smu.digitize.count = 50", "smu.digitize.aperture = smu.APERTURE_AUTO")
    assert rig.ask("print(smu.measure.func, smu.digitize.aperture)") == (
        "smu.FUNC_NONE\tsmu.APERTURE_AUTO"
    )
    assert float(rig.ask("print(smu.digitize.read())")) == pytest.approx(1e-4)
    assert rig.ask("print(defbuffer1.n)") == "50"
    assert rig.codes() == []
    rig.send("smu.measure.read()", "smu.measure.nplc = 1")
    assert rig.codes() == [-221, -221]


COLUMNS = [
    "dates", "times", "timestamps", "formattedreadings", "sourceunits", "statuses",
    "sourcestatuses", "seconds", "fractionalseconds", "relativetimestamps",
]  # fmt: skip


# -- buffers --------------------------------------------------------------------------------------


def test_a_buffer_belongs_to_a_variable(rig: Rig2450) -> None:
    rig.send("mine = buffer.make(20)", "smu.measure.count = 5", "smu.measure.read(mine)")
    assert rig.ask("print(mine.n, mine.capacity, mine.startindex, mine.endindex)") == "5\t20\t1\t5"
    assert rig.ask("print(mine[6], mine.readings[0], mine.readings.x)") == "nil\tnil\tnil"
    mean, most, n = rig.ask(
        "s = buffer.getstats(mine) print(s.mean, s.max.reading, s.n)"
    ).split("\t")  # fmt: skip
    assert (float(mean), float(most), n) == (0.0, 0.0, "5")
    rig.send("buffer.clearstats(mine)", "mine.clear()")
    assert rig.ask("print(mine.n)") == "0"
    assert rig.codes() == []
    rig.send("buffer.delete(mine)", "print(mine.n)")
    assert rig.codes() == [1115]


def test_a_writable_buffer_takes_what_a_script_writes(rig: Rig2450) -> None:
    rig.send("b = buffer.make(100, buffer.STYLE_WRITABLE)")
    rig.send("buffer.write.format(b, buffer.UNIT_WATT, 5)", "buffer.write.reading(b, 2.5)")
    assert rig.ask("print(b.readings[1], b.units[1])") == "2.5\tWatt DC"
    assert rig.codes() == []


def test_columns_are_printed_in_turn(rig: Rig2450) -> None:
    rig.send("smu.source.level = 1", "smu.source.output = smu.ON", "smu.measure.count = 2")
    rig.send("smu.measure.read()")
    assert rig.values("printbuffer(1, 2, defbuffer1, defbuffer1.sourcevalues)") == pytest.approx(
        [1e-4, 1.0, 1e-4, 1.0]
    )
    rig.send("format.data = format.REAL64")
    rig.smu.write(b"printbuffer(1, 2, defbuffer1.readings)\n")
    (reply,) = rig.smu.replies()
    assert reply[:2] == b"#0"
    assert len(reply) == 2 + 16 + 1
    rig.send("format.data = format.ASCII", "format.asciiprecision = 3")
    assert rig.ask("printnumber(1 / 3)") == "3.33e-01"
    for column in COLUMNS:
        assert rig.ask(f"printbuffer(1, 1, defbuffer1.{column})")
    assert rig.codes() == []


# -- sweeps, lists and the trigger model ----------------------------------------------------------


def test_a_sweep_runs_behind_the_script(rig: Rig2450) -> None:
    rig.program("""
        b = buffer.make(100)
        smu.source.range = 2
        smu.source.sweeplinear("ramp", 0, 1, 5, 0.01, 1, smu.RANGE_FIXED, smu.OFF, smu.OFF, b)
        trigger.model.initiate()
    """)
    assert rig.ask("print(trigger.model.state())").startswith("trigger.STATE_RUNNING\t")
    assert rig.ask("waitcomplete() print(trigger.model.state())").startswith("trigger.STATE_IDLE")
    assert rig.values("printbuffer(1, b.n, b.sourcevalues)") == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert rig.ask("print(smu.source.configlist.size('ramp'))") == "5"
    assert rig.ask("print(smu.source.configlist.catalog())") == "ramp"
    assert rig.codes() == []


def test_printbuffer_waits_for_readings(rig: Rig2450) -> None:
    rig.send("trigger.model.load('SimpleLoop', 4, 0.5)", "smu.source.output = smu.ON")
    rig.send("trigger.model.initiate()")
    assert rig.values("printbuffer(1, 4, defbuffer1.relativetimestamps)")[-1] > 1.5


@pytest.mark.parametrize(
    "call",
    [
        "sweeplinearstep('s', 0, 1, 0.25)", "sweeplog('s', 0.01, 1, 5)",
        "sweeplinear('s', 0, 1, 5, smu.DELAY_AUTO, 1, smu.RANGE_BEST, smu.ON, smu.OFF, defbuffer2)",
    ],
)  # fmt: skip
def test_every_sweep_gives_its_points(rig: Rig2450, call: str) -> None:
    rig.send(f"smu.source.{call}", "trigger.model.initiate()", "waitcomplete()")
    assert rig.ask("print(defbuffer1.n + defbuffer2.n)") == "5"
    rig.send("defbuffer1.clear()", "defbuffer2.clear()")
    rig.send("smu.source.sweeplist('s', 2)", "trigger.model.initiate()", "waitcomplete()")
    assert rig.ask("print(defbuffer1.n)") == "4"
    assert rig.codes() == []


def test_pulses_run_from_scripts() -> None:
    rig = pulsing()
    rig.send("smu.measure.nplc = 0.01", "smu.source.range = 2", "smu.measure.range = 0.1")
    rig.send("smu.measure.autozero.enable = smu.OFF", "smu.source.readback = smu.OFF")
    rig.send("smu.source.pulsetrain('train', 0, 1, 2e-3, 3, smu.ON, defbuffer1, 1e-3, 1e-3)")
    rig.send("trigger.model.initiate()", "waitcomplete()")
    assert rig.codes() == []
    assert rig.ask("print(defbuffer1.n)") == "3"


def test_blocks_are_set_one_by_one(rig: Rig2450) -> None:
    rig.program("""
        smu.source.configlist.create("levels")
        smu.source.ilimit.level = 1e-3
        for k = 1, 3 do smu.source.level = k smu.source.configlist.store("levels") end
        smu.measure.configlist.create("how")
        smu.measure.configlist.store("how")
        trigger.model.setblock(1, trigger.BLOCK_BUFFER_CLEAR, defbuffer2)
        trigger.model.setblock(2, trigger.BLOCK_SOURCE_OUTPUT, smu.ON)
        trigger.model.setblock(3, trigger.BLOCK_CONFIG_NEXT, "levels")
        trigger.model.setblock(4, trigger.BLOCK_DELAY_CONSTANT, 0.01)
        trigger.model.setblock(5, trigger.BLOCK_MEASURE, defbuffer2, 1)
        trigger.model.setblock(6, trigger.BLOCK_BRANCH_COUNTER, 3, 3)
        trigger.model.setblock(7, trigger.BLOCK_NOTIFY, trigger.EVENT_NOTIFY2)
        trigger.model.setblock(8, trigger.BLOCK_SOURCE_OUTPUT, smu.OFF)
        trigger.model.initiate()
        waitcomplete()
    """)
    assert rig.values("printbuffer(1, 3, defbuffer2.sourcevalues)") == [1.0, 2.0, 3.0]
    assert rig.ask("print(trigger.model.getbranchcount(6))") == "3"
    assert "5) MEASURE BUFFER: defbuffer2 COUNT: 1" in rig.ask(
        "print(trigger.model.getblocklist())"
    )
    assert rig.codes() == []


OTHER_BLOCKS = [
    "BLOCK_NOP", "BLOCK_DELAY_DYNAMIC, trigger.USER_DELAY_M1", "BLOCK_DIGITAL_IO, 3, 7",
    "BLOCK_BRANCH_ALWAYS, 3", "BLOCK_BRANCH_DELTA, 0.1, 3, 2", "BLOCK_BRANCH_ONCE, 4",
    "BLOCK_BRANCH_ON_EVENT, trigger.EVENT_DISPLAY, 3", "BLOCK_BRANCH_ONCE_EXCLUDED, 4",
    "BLOCK_BRANCH_LIMIT_CONSTANT, trigger.LIMIT_INSIDE, -1, 1, 3, 2",
    "BLOCK_BRANCH_LIMIT_DYNAMIC, trigger.LIMIT_ABOVE, 1, 3", "BLOCK_RESET_BRANCH_COUNT, 3",
    "BLOCK_LOG_EVENT, trigger.LOG_INFO1, 'here'", "BLOCK_CONFIG_PREV, 'a'",
    "BLOCK_CONFIG_RECALL, 'a', 1, 'm', 1", "BLOCK_MEASURE, defbuffer1, trigger.COUNT_INFINITE",
    "BLOCK_WAIT, trigger.EVENT_TIMER1, trigger.CLEAR_ENTER, trigger.WAIT_OR, trigger.EVENT_DIGIO1",
]  # fmt: skip


@pytest.mark.parametrize("block", OTHER_BLOCKS)
def test_every_block_can_be_set(rig: Rig2450, block: str) -> None:
    rig.send("smu.source.configlist.create('a')", "smu.source.configlist.store('a')")
    rig.send("smu.measure.configlist.create('m')", "smu.measure.configlist.store('m')")
    rig.send(f"trigger.model.setblock(3, trigger.{block})")
    assert rig.codes() == []
    assert rig.ask("print(trigger.model.getblocklist())").startswith("3) ")


@pytest.mark.parametrize(
    "template",
    [
        "'Empty'", "'SimpleLoop', 3, 0.1, defbuffer1, trigger.READING_MEASURE",
        "'DurationLoop', 1", "'LogicTrigger', 1, 2, 5, trigger.CLEAR_NEVER",
        "'LoopUntilEvent', trigger.EVENT_DISPLAY, 50", "'ConfigList', 'm', 'a'",
        "'GradeBinning', 3, 5, 0, 0, 1, -1", "'SortBinning', 3, 5, 0, 0, 1, -1",
    ],
)  # fmt: skip
def test_every_template_can_be_loaded(rig: Rig2450, template: str) -> None:
    rig.send("smu.source.configlist.create('a')", "smu.source.configlist.store('a')")
    rig.send("smu.measure.configlist.create('m')", "smu.measure.configlist.store('m')")
    rig.send(f"trigger.model.load({template})")
    assert rig.codes() == []


def test_a_model_waits_for_a_trigger_and_can_be_aborted(rig: Rig2450) -> None:
    rig.send("trigger.model.setblock(1, trigger.BLOCK_WAIT, trigger.EVENT_COMMAND)")
    rig.send("trigger.model.initiate()")
    assert rig.ask("print(trigger.model.state())") == "\t".join(
        ["trigger.STATE_WAITING"] * 2 + ["1"]
    )
    rig.send("*TRG")
    assert rig.ask("print(trigger.model.state())").startswith("trigger.STATE_IDLE")
    rig.send("trigger.model.initiate()", "waitcomplete() print('over')")
    assert rig.send("abort") == []
    assert rig.ask("print(trigger.model.state())").startswith("trigger.STATE_ABORTED")


def test_timers_can_be_waited_for(rig: Rig2450) -> None:
    rig.send("trigger.timer[1].delay = 0.5", "trigger.timer[1].enable = trigger.ON")
    rig.send("trigger.timer[1].start.stimulus = trigger.EVENT_COMMAND", "*TRG")
    assert rig.ask("print(trigger.timer[1].wait(0.1), trigger.timer[1].wait(1))") == "false\ttrue"
    rig.send("trigger.timer[1].clear()", "trigger.clear()")
    assert rig.ask("print(trigger.wait(0.1))") == "false"
    rig.send("*TRG")
    assert rig.ask("print(trigger.wait(0.1))") == "true"


# -- the unit -------------------------------------------------------------------------------------


def test_the_log_is_read_in_parts(rig: Rig2450) -> None:
    assert rig.ask("print(eventlog.next())") == "0\tNo error\t0\t0\t0\t0"
    rig.send("eventlog.post('here', eventlog.SEV_WARN)", "smu.source.level = 1e6")
    assert rig.ask("print(eventlog.getcount(), eventlog.getcount(eventlog.SEV_ERROR))") == "2\t1"
    assert rig.ask("print(eventlog.next(eventlog.SEV_WARN))").startswith("1003\tUser: here\t2\t0\t")
    rig.send("eventlog.clear()")
    assert rig.ask("print(eventlog.getcount())") == "0"


def test_events_and_prompts_are_shown(rig: Rig2450) -> None:
    assert rig.send("localnode.prompts = 1") == ["TSP>"]
    shown = rig.send("localnode.showevents = eventlog.SEV_ERROR", "smu.source.level = 1e6")
    assert shown == ["TSP>", "-222\tParameter data out of range\t1\t0", "TSP>"]


def test_lines_display_and_beeper(rig: Rig2450) -> None:
    rig.send("digio.line[2].mode = digio.MODE_DIGITAL_OUT", "digio.line[2].state = 0")
    assert rig.ask("print(digio.line[2].state, digio.readport())") == "digio.STATE_LOW\t61"
    rig.send("digio.writeport(63)")
    rig.send("display.settext(display.TEXT1, 'a \"b\"')", "beeper.beep(0.5, 1000)")
    assert rig.smu.unit.panel.text[1] == 'a "b"'
    rig.send("display.changescreen(display.SCREEN_GRAPH)")
    assert rig.smu.unit.panel.screen == "GRAPH"
    assert rig.smu.unit.panel.beeps == [(1000.0, 0.5)]
    assert rig.codes() == []


def test_the_unit_tells_what_it_is(rig: Rig2450) -> None:
    assert rig.ask("print(localnode.model, localnode.serialno, localnode.linefreq)") == (
        "2450\t04123456\t50"
    )
    assert rig.ask("*IDN?") == "KEITHLEY INSTRUMENTS,MODEL 2450,04123456,1.7.12b"
    rig.send("localnode.settime(2030, 1, 2, 3, 4, 5)")
    assert rig.ask("print(localnode.gettime())") == "1893553445\t0"
    assert rig.codes() == []


def test_registers_follow_mapped_events(rig: Rig2450) -> None:
    rig.send("status.operation.setmap(3, 2731, 2732)", "status.operation.enable = 8")
    rig.send("trigger.model.load('SimpleLoop', 2)", "trigger.model.initiate()")
    assert rig.ask("print(status.operation.condition, status.operation.getmap(3))") == (
        "8\t2731\t2732"
    )
    rig.send("waitcomplete()")
    assert rig.ask("print(status.operation.condition, status.operation.event)") == "0\t8"


def test_completion_is_told(rig: Rig2450) -> None:
    rig.send("trigger.model.load('SimpleLoop', 2)", "trigger.model.initiate()", "*OPC")
    assert rig.ask("*OPC?") == "1"
    assert int(rig.ask("*ESR?")) & 1


def test_a_reset_brings_the_defaults_back(rig: Rig2450) -> None:
    rig.send("smu.source.level = 1", "format.asciiprecision = 3", "reset()")
    assert rig.ask("print(smu.source.level, format.asciiprecision)") == "0\t0"
    rig.send("smu.source.level = 1", "smu.reset()")
    assert rig.ask("print(smu.source.level)") == "0"


def test_the_language_changes_with_the_next_start() -> None:
    rig = Rig2450()
    rig.send("*LANG TSP")
    assert rig.ask("*LANG?") == "SCPI"
    rig.smu.power_cycle()
    assert rig.ask("*LANG?") == "TSP"
    assert rig.ask("print(smu.source.level)") == "0"
    rig.send("*LANG SCPI")
    rig.smu.power_cycle()
    assert float(rig.ask("SOUR:VOLT?")) == 0.0
    assert rig.codes() == []
    rig.smu.close()


def test_a_script_that_does_not_end_is_aborted(rig: Rig2450) -> None:
    rig.smu.interrupt()
    assert rig.send("while true do delay(1) end") == []
    assert rig.ask("print(2)") == "2"


# -- any line -------------------------------------------------------------------------------------

_WORDS = st.sampled_from(
    [
        *[name for name, _, _ in SETTINGS], *[value for _, _, value in SETTINGS], "print(", ")",
        "(", " = ", ",", "'a'", "defbuffer1", "b", "1", "-1", "1e9", "nil", "true", "{}", "0/0",
        "smu.measure.read", "smu.source.sweeplinear", "trigger.model.setblock",
        "trigger.BLOCK_MEASURE", "trigger.model.initiate()", "trigger.model.abort()",
        "trigger.model.load", "'SimpleLoop'", "buffer.make", "buffer.delete", "printbuffer",
        "smu.source.configlist.create", "smu.source.configlist.store", "eventlog.next()", " ",
        "reset()", "waitcomplete()", "*RST", "*CLS", "abort", ";", "\n", "[1]", "display.settext",
    ]
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(_WORDS, max_size=6).map("".join), max_size=8))
def test_no_script_harms_the_instrument(lines: list[str]) -> None:
    rig = Rig2450(language="TSP")
    for line in lines:
        rig.smu.write(line.encode("latin-1", "replace") + b"\n")
        rig.clock.advance(0.05)
        rig.smu.poll()
    rig.smu.write(b"abort\n")
    rig.smu.replies()
    rig.smu.write(b"\nprint(smu.source.level)\n")
    level = rig.smu.unit.chassis.setup.v.level
    assert abs(level) <= 210.0
    assert rig.smu.channel_state()["output"] in (True, False)
    rig.smu.close()
