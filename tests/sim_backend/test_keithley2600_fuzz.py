"""Random lines over the whole command tree: nothing escapes or hangs, and the state is legal."""

from __future__ import annotations

import random

import pytest

from sim_backend.instruments.keithley26_family import MODELS
from tests.sim_backend.rig import TIGHT, Rig

#: prints the names of everything below the tables of the instrument
WALK = """
local done = {}
local function walk(name, t, depth)
  if done[t] or depth > 7 then return end
  done[t] = true
  local mt = getmetatable(t)
  local function each(from)
    for key, value in pairs(from) do
      local own = name .. '.' .. tostring(key)
      if type(key) == 'number' then own = name .. '[' .. key .. ']' end
      if type(value) == 'table' then walk(own, value, depth + 1)
      else print((from == (mt and mt.Getters) and 'attribute ' or type(value) .. ' ') .. own) end
    end
  end
  if type(mt) == 'table' and mt.Objects then each(mt.Getters) each(mt.Objects) else each(t) end
end
for _, name in ipairs(NAMES) do if _G[name] then walk(name, _G[name], 0) end end
"""
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
WHOLE = (
    "*IDN?", "*RST", "*CLS", "*OPC?", "*OPC", "*ESE 300", "*ESR?", "*STB?", "*TRG", "*WAI", "abort",
    "loadscript x", "endscript", "loadandrunscript", "x()", "waitcomplete()", "reset()", "run()",
    "smua.trigger.initiate()", "smua.source.output = 1", "smua.abort() smub.abort()",
    "SweepVLinMeasureI(smua, 0, 1, 1e-3, 3)", "print(InitiatePulseTest(1))", "for k", "x = = 1",
    "ConfigPulseVMeasureI(smua, 0, 1, 1, 1e-3, 1e-3, 5, nil, 1)", "error({})", "while true do end",
    "string.find(string.rep('a', 3000), '.-.-.-.-b')", "coroutine.yield()", "smua = 1",
)  # fmt: skip
#: they wait for seconds of the laboratory, or make the reply of the next line longer than needed
LONG = ("string.rep", "lan.restoredefaults", "string.format", "table.concat")


class Fuzz:
    """Makes lines from the names that an instrument tells of itself."""

    def __init__(self, seed: int, model: str = "2602B") -> None:
        self.random = random.Random(seed)
        self.model = model
        rig = self.rig()
        rig.send("NAMES = {" + ", ".join(f"'{name}'" for name in TABLES) + "}")
        told = [line.split(" ", 1) for line in rig.send(" ".join(WALK.split("\n")))]
        assert rig.codes() == []
        self.attributes = [name for kind, name in told if kind == "attribute"]
        self.functions = [name for kind, name in told if kind == "function" and name not in LONG]
        self.constants = [name for kind, name in told if kind == "number"]

    def rig(self) -> Rig:
        return Rig(model=self.model, bounds=TIGHT)

    def value(self) -> str:
        pick = self.random
        kind = pick.random()
        if kind < 0.6:
            return pick.choice(VALUES)
        return pick.choice(self.constants) if kind < 0.8 else repr(pick.uniform(-50, 50))

    def line(self) -> str:
        pick = self.random
        kind = pick.random()
        if kind < 0.45:
            return f"{pick.choice(self.attributes)} = {self.value()}"
        if kind < 0.6:
            return f"print({pick.choice(self.attributes)})"
        if kind < 0.85:
            given = ", ".join(self.value() for _ in range(pick.choice((0, 1, 1, 2, 2, 3, 5))))
            return f"print({pick.choice(self.functions)}({given}))"
        return pick.choice(WHOLE) if kind < 0.95 else self.mutated()

    def mutated(self) -> str:
        pick = self.random
        line = list(f"{pick.choice(self.attributes)} = {self.value()}")
        for _ in range(pick.randrange(1, 4)):
            at = pick.randrange(len(line))
            line[at : at + pick.randrange(2)] = chr(pick.randrange(256)).replace("\n", " ")
        return "".join(line)


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


def fuzz(lines: int, seed: int, model: str) -> None:
    made = Fuzz(seed, model)
    rig = made.rig()
    for k in range(lines):
        rig.smu.write(made.line().encode("latin-1", "replace"))
        rig.smu.replies()
        if k % 200 == 199:
            check_legal(rig)
            rig.smu.close()
            rig = made.rig()
    check_legal(rig)


def test_the_whole_tree_is_in_the_fuzz() -> None:
    made = Fuzz(0)
    assert (len(made.attributes), len(made.functions)) > (500, 400)
    assert "smua.source.levelv" in made.attributes
    assert "smua.trigger.source.listv" in made.functions


@pytest.mark.parametrize("model", ["2602B", "2614B", "2635B", "2601B-PULSE"])
def test_random_lines_leave_a_legal_instrument(model: str) -> None:
    fuzz(800, 1, model)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_a_million_random_lines() -> None:
    models = list(MODELS)
    for seed in range(200):
        fuzz(5000, 1000 + seed, models[seed % len(models)])
