"""Random lines over the whole command tree: nothing escapes or hangs, and the state is legal."""

from __future__ import annotations

from functools import cache

import pytest

from sim_backend.instruments.keithley26_family import MODELS
from tests.sim_backend.fuzzing import Names, ScriptWriter, Trail, trail
from tests.sim_backend.rig import TIGHT, Rig

_FRESH = 200  # lines that one instrument is sent

TABLES = (
    "smua", "smub", "trigger", "status", "format", "display", "beeper", "errorqueue", "timer",
    "localnode", "bit", "eventlog", "dataqueue", "lan", "digio", "tsplink", "tspnet", "userstring",
    "script", "os", "string", "table", "math", "setup", "gpib", "fs",
)  # fmt: skip
VALUES = (
    "0", "1", "2", "-1", "0.5", "1e-3", "1e-6", "40", "-7e9", "1/0", "0/0", "nil", "true", "'x'",
    "'1'", "'$N'", "{}", "{1, 2, 3}", "{{}}", "smua", "smua.nvbuffer1", "print", "smub.nvbuffer2",
    "trigger.timer[1].EVENT_ID", "smua.trigger.ARMED_EVENT_ID", "string.rep('a', 3000)",
)  # fmt: skip
#: pulses of a 2601B-PULSE's pulser
PULSES = (
    "smua.abort() smua.source.output = 0 smua.pulser.enable = 1 smua.pulser.rangei = 1 "
    "smua.trigger.source.listi({0.5, 0, -1}) smua.trigger.source.action = 1 "
    "smua.trigger.source.pulsewidth = 3e-5 smua.source.output = 1 smua.trigger.initiate()"
)
WHOLE = (
    "*IDN?", "*RST", "*CLS", "*OPC?", "*OPC", "*ESE 300", "*ESR?", "*STB?", "*TRG", "*WAI", "abort",
    "loadscript x", "endscript", "loadandrunscript", "x()", "waitcomplete()", "reset()", "run()",
    "smua.trigger.initiate()", "smua.source.output = 1", "smua.abort() smub.abort()",
    "SweepVLinMeasureI(smua, 0, 1, 1e-3, 3)", "print(InitiatePulseTest(1))", "for k", "x = = 1",
    "ConfigPulseVMeasureI(smua, 0, 1, 1, 1e-3, 1e-3, 5, nil, 1)", "error({})", "while true do end",
    "string.find(string.rep('a', 3000), '.-.-.-.-b')", "coroutine.yield()", "smua = 1",
    PULSES,
)  # fmt: skip
#: they wait for seconds of the laboratory, or make the reply of the next line longer than needed
LONG = ("string.rep", "lan.restoredefaults", "string.format", "table.concat")


def rig_of(model: str) -> Rig:
    return Rig(model=model, bounds=TIGHT)


@cache
def names(model: str) -> Names:
    """Return what a model has."""
    rig = rig_of(model)
    found = Names(rig.send, TABLES, LONG)
    assert rig.codes() == []
    rig.smu.close()
    return found


def check_legal(rig: Rig) -> None:
    """The state a front panel shows makes sense, and the instrument answers."""
    for letter, channel in rig.smu.channels.items():
        state = rig.smu.channel_state(letter)
        assert state["function"] in ("v", "i")
        assert abs(state["level"]) <= channel.source.ranges(state["function"])[-1].maximum
        assert state["limit"] > 0
        assert channel.electronics.on == state["output"]
    rig.smu.clear()
    assert any(reply.startswith("Keithley") for reply in rig.send("*IDN?"))


def fuzz(lines: int, seed: int, model: str, kept: Trail) -> None:
    """Send that many lines, to a fresh instrument now and then."""
    writer = ScriptWriter(names(model), seed, VALUES, WHOLE)
    rig = rig_of(model)
    for k in range(lines):
        line = writer.line()
        kept.add(line)
        rig.smu.write(line.encode("latin-1", "replace"))
        rig.smu.replies()
        if k % _FRESH == _FRESH - 1:
            check_legal(rig)
            rig.smu.close()
            rig = rig_of(model)
    check_legal(rig)
    rig.smu.close()


def test_the_whole_tree_is_in_the_fuzz() -> None:
    made = names("2602B")
    assert (len(made.attributes), len(made.functions)) > (500, 400)
    assert "smua.source.levelv" in made.attributes
    assert "smua.trigger.source.listv" in made.functions


@pytest.mark.parametrize("model", ["2602B", "2614B", "2635B", "2601B-PULSE"])
def test_random_lines_leave_a_legal_instrument(model: str) -> None:
    with trail(f"fuzz(800, 1, {model!r}, kept)") as kept:
        fuzz(800, 1, model, kept)


@pytest.mark.long
@pytest.mark.timeout(540)
@pytest.mark.parametrize("seed", range(1000, 1010))
def test_a_million_random_lines(seed: int) -> None:
    """100 000 lines for each of 10 seeds, and each of these models."""
    model = list(MODELS)[seed % len(MODELS)]
    with trail(f"fuzz(100_000, {seed}, {model!r}, kept)") as kept:
        fuzz(100_000, seed, model, kept)


@pytest.mark.long
@pytest.mark.timeout(540)
@pytest.mark.parametrize("seed", range(3))
def test_a_pulser_and_many_random_lines(seed: int) -> None:
    with trail(f"fuzz(50_000, {seed}, '2601B-PULSE', kept)") as kept:
        fuzz(50_000, seed, "2601B-PULSE", kept)
