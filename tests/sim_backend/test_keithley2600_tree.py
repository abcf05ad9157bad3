"""The rest of the command tree: bits, node, logs, status, panel, network, scripts, prompts."""

from __future__ import annotations

import pytest

from tests.sim_backend.rig import Rig


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("bit.bitand(12, 10)", "8"), ("bit.bitor(12, 10)", "14"), ("bit.bitxor(12, 10)", "6"),
        ("bit.clear(15, 2)", "13"), ("bit.get(10, 4)", "8"), ("bit.getfield(200, 4, 3)", "1"),
        ("bit.set(8, 3)", "12"), ("bit.setfield(15, 2, 3, 0)", "1"), ("bit.toggle(10, 3)", "14"),
        ("bit.test(10, 4)", "true"), ("bit.test(10, 3)", "false"),
        ("node[1].model", "2602B"), ("node[1].smua.OUTPUT_ON", "1"), ("node[2]", "nil"),
        ("node[1].execute('return 6 * 7')", "42"), ("tsplink.node", "1"),
        ("tsplink.state", "offline"), ("digio.readport()", "16383"),
        ("gettimezone()", "+00:00"), ("os.time{year = 2020, month = 1, day = 2}", "1577923200"),
        ("eventlog.count", "0"), ("eventlog.next()", "nil"), ("dataqueue.next()", "nil"),
        ("dataqueue.add(5) and dataqueue.count", "1"), ("fs.cwd()", "/"),
        ("localnode.linefreq", "50"), ("lan.status.port.rawsocket", "5025"),
        ("smua.cal.date == smua.cal.adjustdate", "true"), ("smua.cal.state", "0"),
        ("display.getlastkey()", "0"), ("trigger.generator[2].EVENT_ID > 0", "true"),
        ("makegetter(smua.source, 'rangev')() == smua.source.rangev", "true"),
        ("getmetatable(smua).luatype", "synchronous_table"),
        ("getmetatable(smua.nvbuffer1).luatype", "reading_buffer"),
        ("getmetatable(trigger.timer)", "nil"), ("type(smua) .. string.sub(tostring(smua), 1, 7)",
         "tabletable: "),
    ],
)  # fmt: skip
def test_answers(rig: Rig, expression: str, value: str) -> None:
    rig.send("format.asciiprecision = 16")
    (reply,) = rig.ask(expression)
    try:
        assert float(reply) == float(value)
    except ValueError:
        assert reply == value
    assert rig.codes() == []


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("savebuffer(smua.nvbuffer1, 'csv', '/usb1/x.csv')", 1100),
        ("script.load('/usb1/x.tsp')", 1100),
        ("io.open('/usb1/x')", 1100),
        ("fs.mkdir('/usb1/x')", 1100),
        ("os.remove('/usb1/x')", 1100),
        ("display.inputvalue('+0.00')", 1100),
        ("display.prompt('+0.00', 'V', 'level')", 1100),
        ("display.menu('which', 'a b')", 1100),
        ("display.sendkey(999)", -224),
        ("tspnet.connect('192.0.2.1')", 2401),
        ("tsplink.reset()", 1205),
        ("lan.trigger[1].connect()", 2401),
        ("smua.cal.date = 0", 5011),
        ("smua.source.calibratev(1, 1, 1, 1, 1)", 5011),
        ("smua.measure.calibratei(1, 1, 1, 1, 1)", 5011),
        ("smua.cal.unlock('KI0026XX')", 5011),
        ("setup.save(1)", 1100),
        ("setup.recall(3)", -292),
        ("userstring.get('no')", -292),
        ("bit.set(1, 33)", 1101),
        ("bit.getfield(1, 30, 10)", 1101),
        ("digio.writebit(15, 1)", 1101),
        ("smua.savebuffer(smub.nvbuffer1)", 5033),
        ("os.time{year = 1}", -104),
        ("settimezone(20)", 1101),
        ("serial.baud = 1", -224),
    ],
)
def test_refusals(rig: Rig, message: str, code: int) -> None:
    assert rig.send(message) == []
    assert rig.codes() == [code]


def test_digital_lines(rig: Rig) -> None:
    rig.send("digio.writebit(3, 0) digio.writeprotect = 2 digio.writeport(0)")
    assert rig.number("digio.readport()") == 2
    rig.send("digio.trigger[1].mode = digio.TRIG_FALLING digio.trigger[1].assert()")
    assert rig.ask("digio.trigger[1].wait(1)") == ["true"]
    assert rig.ask("digio.trigger[1].wait(1)") == ["false"]
    rig.send("trigger.timer[1].delay = 1e-3 trigger.timer[1].stimulus = digio.trigger[1].EVENT_ID")
    rig.send("digio.trigger[2].mode = 1 digio.trigger[2].stimulus = trigger.timer[1].EVENT_ID")
    rig.send("digio.trigger[1].assert() delay(0.01)")
    assert rig.ask("digio.trigger[2].wait(0), digio.trigger[2].overrun") == ["true", "false"]
    rig.send("reset()")
    assert rig.number("digio.writeprotect") == 0
    assert rig.codes() == []


def test_generators_start_what_listens_to_them(rig: Rig) -> None:
    rig.send("trigger.blender[1].orenable = true")
    rig.send("trigger.blender[1].stimulus[1] = trigger.generator[1].EVENT_ID")
    rig.send("trigger.generator[1].assert()")
    assert rig.ask("trigger.blender[1].wait(0)") == ["true"]


def test_user_strings_and_settings_are_kept(rig: Rig) -> None:
    rig.send("userstring.add('who', 'me') setup.poweron = 1 gpib.address = 12 settimezone(-3)")
    assert rig.ask("userstring.get('who'), setup.poweron, gpib.address, gettimezone()") == [
        "me", "1.00000e+00", "1.20000e+01", "-03:00",
    ]  # fmt: skip
    rig.send("userstring.delete('who') print(userstring.get('who'))")
    assert rig.codes() == [-292]


def test_the_channels_own_registers(rig: Rig) -> None:
    rig.send("status.measurement.instrument.smua.enable = 2 status.measurement.enable = 8192")
    rig.send("status.measurement.instrument.enable = 2 smua.source.limiti = 1e-5")
    rig.send("smua.source.levelv = 1 smua.source.output = 1 smua.measure.i()")
    assert rig.number("status.measurement.instrument.smua.condition") == 2
    assert rig.number("status.measurement.instrument.smub.condition") == 0
    assert rig.number("status.measurement.condition") == 2 + 8192
    assert int(rig.number("status.condition")) & 1
    rig.send("status.operation.user.condition = 5")
    assert rig.number("status.operation.user.condition") == 5
    rig.send("status.node_enable = 255 status.system2.enable = 6")
    assert rig.number("status.node_enable + status.system2.enable") == 261
    assert rig.codes() == []


def test_buffer_statistics(rig: Rig) -> None:
    rig.send("smua.nvbuffer1.appendmode = 1 smua.nvbuffer1.collectsourcevalues = 1")
    rig.send("smua.source.rangev = 1 smua.source.output = 1")
    for level in (0.1, 0.4, 0.2):
        rig.send(f"smua.source.levelv = {level} smua.measure.v(smua.nvbuffer1)")
    rig.send("s = smua.buffer.getstats(smua.nvbuffer1)")
    assert rig.number("s.n") == 3
    assert rig.number("s.mean") == pytest.approx(0.7 / 3, rel=1e-5)
    assert rig.number("s.stddev") == pytest.approx(0.152753, rel=1e-5)
    assert (rig.number("s.min.reading"), rig.number("s.max.reading")) == pytest.approx((0.1, 0.4))
    assert rig.number("s.max.sourcevalue") == pytest.approx(0.4)
    assert rig.number("smua.buffer.getstats(smua.nvbuffer2).n") == 0
    assert rig.number("smua.nvbuffer1.readings.getreading(2)") == pytest.approx(0.4)
    assert rig.codes() == []


def test_scripts_are_managed(rig: Rig) -> None:
    rig.send("script.newautorun('x = 1', 'first') first.save()")
    assert rig.ask("x, first.autorun, first.name") == ["1.00000e+00", "yes", "first"]
    assert rig.send("for name in script.user.catalog() do print(name) end") == ["first"]
    rig.send("first = nil script.restore('first')")
    assert rig.ask("first.source") == ["x = 1"]
    rig.send("script.delete('first') script.restore('first')")
    assert rig.codes() == [-292]


def test_prompts_say_when_a_script_is_being_loaded(rig: Rig) -> None:
    assert rig.send("localnode.prompts = 1") == ["TSP>"]
    assert rig.send("loadscript one\nx = 1\nendscript") == [">>>>", ">>>>", "TSP>"]
    assert rig.send("smua.source.levelv = 99") == ["TSP?"]


def test_the_load_menu(rig: Rig) -> None:
    rig.send("display.loadmenu.add('mine', 'x = 1')")
    assert rig.ask("display.loadmenu.catalog[1]") == ["mine"]
    rig.send("display.loadmenu.delete('mine') display.loadmenu.delete('mine')")
    assert rig.codes() == [-292]
