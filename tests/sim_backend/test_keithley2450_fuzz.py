"""Random and spoilt lines on the 2450 family, in SCPI and in TSP: no harm, no hang, all is legal.

Lines are made from the instrument's own table and tables. What runs for more than some simulated
seconds is broken off by an abort, as somebody in front of the real instrument would.
"""

from __future__ import annotations

import math
from functools import cache

import pytest

from sim_backend.instruments.keithley2450_models import MODELS
from tests.sim_backend.fuzzing import Names, ScpiWriter, ScriptWriter, Trail, trail
from tests.sim_backend.rig import TIGHT
from tests.sim_backend.rig2450 import Rig2450

_PATIENCE = 2.0  # s of the laboratory that a line may take
_FRESH = 400  # lines that one instrument is sent
_PARTS, _PART = 10, 100_000  # a million lines
SMALL = 1000

WORDS = (
    "MIN", "MAX", "DEF", "INF", "ON", "OFF", "AUTO", "BEST", "FIX", "LIST", "COMM", "TIM1", "NONE",
    "DIG3", "SLIM1", "NOT1", "BLEN1", "ENT", "AND", "OR", "NEV", "'defbuffer1'", '"a"', '"b"',
    "'VOLT'", '"CURR:DC"', '"RES"', "SOUR", "READ", "REL", "FORM", "0,1,3", "0.1,1,3", "0,1,0.5",
    "0,1,3,BEST", "#H1F", "#B101", "#15hello", "(@1,2)", "'text'", '"open', ":", "?", "1 V", "3 mA",
    "1,2,3,4,5,6,7,8", "1,'defbuffer1',INF", "2,'defbuffer1',5", "3,4,1", "2,1e-3", "IN", "ABOV",
    "WAIT,2,COMM", "1,3,'defbuffer1',READ,SOUR,REL", "OHM", "STAN", "COMP", "FULL", "CONT", "ONCE",
)  # fmt: skip
TEXTS = (
    "defbuffer1", "defbuffer2", "a", "b", "VOLT", "CURR:DC", "RES", "SimpleLoop", "Empty",
    "DurationLoop", "LogicTrigger", "LoopUntilEvent", "SortBinning", "GradeBinning", "ConfigList",
    "", "x" * 300, "\u00b5",
)  # fmt: skip
WHOLE = (
    "INIT", "INIT;*WAI", "ABOR", "*TRG", "*RST", "*CLS", "OUTP ON", "READ?", "*OPC;*OPC?", "*WAI",
    "TRIG:LOAD 'SimpleLoop',3", "TRIG:LOAD 'DurationLoop',0.01", "TRIG:LOAD 'Empty'",
    "TRIG:LOAD 'LogicTrigger',1,2,3", "TRIG:LOAD 'SortBinning',2,5,0,0,1,0",
    "TRIG:LOAD 'LoopUntilEvent',COMM,50", "TRIG:LOAD 'ConfigList','a'", "SOUR:SWE:VOLT:LIN 0,1,3",
    "SOUR:SWE:CURR:LOG 1e-6,1e-3,4", "SOUR:SWE:VOLT:LIN:STEP 0,1,0.5", "SOUR:LIST:VOLT 1,2,0",
    "SOUR:SWE:VOLT:LIST 1,1e-3", "SOUR:PULS:TRA:CURR 0,1e-3,1e-3,3", "TRAC:MAKE 'b',10",
    "SENS:CONF:LIST:CRE 'a'", "SENS:CONF:LIST:STOR 'a'", "SOUR:CONF:LIST:CRE 'a'", "TRIG:RES",
    "TRAC:MAKE 'a',20", "SOUR:CONF:LIST:STOR 'a'", "TRIG:BLOC:MEAS 2,'b',3",
    "TRIG:BLOC:BUFF:CLE 1,'defbuffer1'", "TRIG:BLOC:BRAN:COUN 3,4,1",
    "TRIG:BLOC:BRAN:ALW 4,1", "TRIG:BLOC:WAIT 2,TIM1",
    "TRIG:BLOC:DEL:CONS 2,1e-3", "TRIG:BLOC:MEAS 2,'defbuffer1',INF", "TRIG:BLOC:SOUR:STAT 1,ON",
    "TRAC:DATA? 1,3,'defbuffer1',READ,SOUR,REL,STAT", "FORM REAL;:TRAC:DATA? 1,3",
    "TRIG:TIM1:STAT ON;:TRIG:TIM1:STAR:GEN ON", "SENS:FUNC 'RES'", "SENS:FUNC 'CURR'", "TRIG:PAUS",
    "SOUR:FUNC CURR", "SOUR:FUNC VOLT", "SENS:COUN 5;:MEAS?", "TRAC:TRIG 'b'", "TRIG:STAT?",
    "DIG:FUNC 'VOLT'", "TRAC:FILL:MODE CONT,'b'", "SYST:ERR?;:SYST:EVEN:NEXT?", "*SAV 1", "*RCL 1",
)  # fmt: skip


def legal(rig: Rig2450) -> None:
    """Check that the state is one that a real instrument can be in."""
    source, chassis = rig.smu.unit.source, rig.smu.unit.chassis
    for terminals in ("front", "rear"):
        state = rig.smu.channel_state(terminals)
        assert abs(state["level"]) <= source.largest(state["function"])
        assert state["compliance"] > 0
    for function, setting in (("v", chassis.setup.v), ("i", chassis.setup.i)):
        assert abs(setting.level) <= source.largest(function)
    assert 0 <= rig.smu.status_byte() <= 255
    assert math.isfinite(rig.clock.now_s)


def send(rig: Rig2450, line: str) -> None:
    """Send a line, but break off what takes too long; then let a little time pass."""
    alarm = rig.clock.after(_PATIENCE, rig.smu.interrupt)
    rig.smu.write(line.encode("latin-1", "replace").replace(b"\n", b" ") + b"\n")
    alarm.cancel()
    if not rig.smu.site.admitted:  # a line asked for a password from now on
        rig.smu.write(f"login {rig.smu.site.password}\n".encode("latin-1"))
    rig.clock.advance(0.02)
    rig.smu.poll()
    assert all(reply.endswith(b"\n") for reply in rig.smu.replies())


# -- SCPI -----------------------------------------------------------------------------------------


def is_well(rig: Rig2450) -> None:
    """Clear the instrument and see that it is as good as new."""
    legal(rig)
    rig.smu.clear()
    assert not rig.smu.unit.busy
    rig.send("*RST", "*CLS")
    assert rig.ask("SOUR:FUNC?") == "VOLT"
    assert rig.send("SYST:ERR:COUN?", "OUTP?") == ["0", "0"]


def play(model: str, count: int, seed: int, kept: Trail) -> None:
    """Send that many lines."""
    rig = Rig2450(model)
    assert rig.smu.native is not None
    writer = ScpiWriter(rig.smu.native.table(), seed, WORDS, TEXTS, WHOLE)
    for number in range(count):
        line = writer.line()
        kept.add(line)
        send(rig, line)
        if number % 20 == 0:
            legal(rig)
        if number % _FRESH == _FRESH - 1:
            is_well(rig)
            rig.smu.close()
            rig = Rig2450(model)
    is_well(rig)


@pytest.mark.parametrize("model", MODELS)
def test_scpi_of_all_kinds(model: str) -> None:
    with trail(f"play({model!r}, {SMALL}, 1, kept)") as kept:
        play(model, SMALL, 1, kept)


@pytest.mark.long
@pytest.mark.timeout(540)
@pytest.mark.parametrize("seed", range(100, 100 + _PARTS))
def test_a_million_lines_of_scpi(seed: int) -> None:
    model = list(MODELS)[seed % len(MODELS)]
    with trail(f"play({model!r}, {_PART}, {seed}, kept)") as kept:
        play(model, _PART, seed, kept)


# -- TSP ------------------------------------------------------------------------------------------

TABLES = (
    "smu", "buffer", "defbuffer1", "defbuffer2", "trigger", "digio", "display", "eventlog", "file",
    "format", "fs", "gpib", "lan", "localnode", "script", "status", "timer", "tsplink", "upgrade",
    "userstring", "beeper", "dataqueue", "os", "string", "table", "math", "coroutine", "node",
)  # fmt: skip
#: they make the reply of the next line longer than needed
LONG = ("string.rep", "string.format", "table.concat")
VALUES = (
    "0", "1", "2", "3", "-1", "0.5", "1e-3", "1e-6", "40", "-7e9", "1/0", "0/0", "nil", "true",
    "'x'", "'1'", "'SimpleLoop'", "'a'", "{}", "{1, 2, 3}", "{{}}", "smu", "defbuffer1", "b1",
    "defbuffer1.readings", "print", "trigger.EVENT_TIMER1", "smu.ON", "smu.OFF", "buffer.SAVE_RAW",
    "smu.FUNC_DC_CURRENT", "smu.FUNC_DC_VOLTAGE", "smu.FUNC_RESISTANCE", "trigger.BLOCK_WAIT",
    "trigger.BLOCK_MEASURE_DIGITIZE", "trigger.BLOCK_BRANCH_COUNTER", "trigger.EVENT_COMMAND",
    "trigger.BLOCK_DELAY_CONSTANT", "string.rep('a', 3000)", "function() end",
    "smu.FUNC_DIGITIZE_CURRENT",
)  # fmt: skip
LINES = (
    "*IDN?", "*RST", "*CLS", "*OPC?", "*OPC", "*ESE 300", "*ESR?", "*STB?", "*TRG", "*WAI", "abort",
    "loadscript x", "endscript", "loadandrunscript", "x()", "waitcomplete()", "reset()", "run()",
    "trigger.model.initiate()", "smu.source.output = smu.ON", "trigger.model.abort()", "exit()",
    "smu.source.sweeplinear('a', 0, 1, 3)", "smu.source.sweeplist('a', 1, 1e-3)", "*LANG?",
    "trigger.model.load('SimpleLoop', 3)", "trigger.model.load('DurationLoop', 0.01)",
    "trigger.model.load('LoopUntilEvent', trigger.EVENT_COMMAND, 50)", "b1 = buffer.make(20)",
    "trigger.model.setblock(1, trigger.BLOCK_MEASURE_DIGITIZE, defbuffer1, 3)", "b1 = nil",
    "trigger.model.setblock(2, trigger.BLOCK_BRANCH_COUNTER, 3, 1)", "smu.measure.read(b1)",
    "smu.source.configlist.create('a')", "smu.measure.configlist.create('a')", "for k", "x = = 1",
    "smu.source.configlist.store('a')",
    "printbuffer(1, 3, defbuffer1, defbuffer1.relativetimestamps)",
    "smu.measure.count = 5 print(smu.measure.read())", "error({})", "while true do end",
    "string.find(string.rep('a', 3000), '.-.-.-.-b')", "coroutine.yield()", "smu = 1", "delay(1)",
    "while true do pcall(error) end", "while true do smu.measure.read() end", "printnumber(1, 2)",
    "for k = 1, 1e9 do delay(0.001) end", "x = {} while true do x[#x + 1] = x end",
    "x = string.rep('a', 1e6) for k = 1, 1e3 do x = x .. x end", "setmetatable(_G, nil)",
    "function waitcomplete() end", "coroutine.wrap(function() while true do end end)()",
)  # fmt: skip


@cache
def names(model: str) -> Names:
    """Return what a model has."""
    rig = Rig2450(model, language="TSP")
    found = Names(lambda line: rig.send(line), TABLES, LONG)
    rig.smu.close()
    return found


def speaks(rig: Rig2450) -> None:
    """Clear the instrument and see that it still answers."""
    legal(rig)
    rig.smu.write(b"endscript\nabort\n")
    rig.smu.clear()
    assert not rig.smu.unit.busy
    # not by `print`, to which scripts may have given another meaning; a prompt may follow
    assert rig.send("*LANG?")[0] == "TSP"


def act(model: str, count: int, seed: int, kept: Trail) -> None:
    """Send that many lines of scripts."""
    rig = Rig2450(model, language="TSP", bounds=TIGHT)
    writer = ScriptWriter(names(model), seed, VALUES, LINES)
    for number in range(count):
        line = writer.line()
        kept.add(line)
        send(rig, line)
        if number % 20 == 0:
            legal(rig)
        if number % _FRESH == _FRESH - 1:
            speaks(rig)
            rig.smu.close()
            rig = Rig2450(model, language="TSP", bounds=TIGHT)
    speaks(rig)
    rig.smu.close()


def test_the_whole_tree_is_in_the_fuzz() -> None:
    told = names("2461")
    assert (len(told.attributes), len(told.functions), len(told.constants)) > (270, 270, 100)
    assert "smu.source.level" in told.attributes
    assert "trigger.model.setblock" in told.functions


@pytest.mark.parametrize("model", MODELS)
def test_scripts_of_all_kinds(model: str) -> None:
    with trail(f"act({model!r}, {SMALL}, 1, kept)") as kept:
        act(model, SMALL, 1, kept)


@pytest.mark.long
@pytest.mark.timeout(540)
@pytest.mark.parametrize("seed", range(200, 200 + _PARTS))
def test_a_million_lines_of_scripts(seed: int) -> None:
    model = list(MODELS)[seed % len(MODELS)]
    with trail(f"act({model!r}, {_PART}, {seed}, kept)") as kept:
        act(model, _PART, seed, kept)
