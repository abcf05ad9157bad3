"""String patterns of scripts: the library's results, and an end to what would not come to one."""

from __future__ import annotations

from typing import Any

import lupa.lua51 as lua51  # type: ignore[import-untyped,unused-ignore]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_backend.wire.tsp import Bounds, Engine
from sim_backend.wire.tsp_patterns import PATTERNS

LUA = lua51.LuaRuntime(encoding="latin-1", unpack_returned_tuples=True)
#: calls one function with and without the library; says where they differ
COMPARE: Any = LUA.eval(
    """function(source)
  local plain = {}
  for name, call in pairs(string) do plain[name] = call end
  local _, slow = loadstring(source)(plain, 1e6)
  local function packed(...) return {n = select('#', ...), ...} end
  local function shown(t)
    local parts = {}
    for k = 1, t.n do parts[k] = tostring(t[k]) end
    return table.concat(parts, '|')
  end
  local function all(iterate, text, pattern)
    return pcall(function()
      local parts = {}
      for a, b in iterate(text, pattern) do parts[#parts + 1] = tostring(a) .. tostring(b) end
      return table.concat(parts, ';')
    end)
  end
  return function(name, ...)
    local ours, theirs
    if name == 'gmatch' then
      ours, theirs = packed(all(slow.gmatch, ...)), packed(all(plain.gmatch, ...))
    else
      ours, theirs = packed(pcall(slow[name], ...)), packed(pcall(plain[name], ...))
    end
    if not theirs[1] then return ours[1] and 'should fail' or '' end
    return shown(ours) == shown(theirs) and '' or shown(ours) .. ' and not ' .. shown(theirs)
  end
end"""
)(PATTERNS)

ITEM = st.sampled_from(
    ["a", "b", ".", "%a", "%d", "%s", "[ab]", "[^a]", "[%]a-c]", "%%", "%.", "1"]
)
PIECE = st.one_of(
    st.tuples(ITEM, st.sampled_from(["", "*", "+", "-", "?"])).map("".join),
    st.sampled_from(["%b()", "%f[%a]", "()"]),
)
CAPTURE = st.tuples(st.sampled_from(["({})", "{}"]), PIECE).map(
    lambda pair: pair[0].format(pair[1])
)
PATTERN = st.tuples(
    st.sampled_from(["", "^"]),
    st.lists(CAPTURE, max_size=4).map("".join),
    st.sampled_from(["", "", "%1", "$"]),
).map("".join)
TEXT = st.text("ab1 (x)c.%]", max_size=9)


@given(PATTERN, TEXT, st.sampled_from(["find", "match"]), st.sampled_from([1, 2, -2, 20]))
def test_matches_are_the_library_s(pattern: str, text: str, name: str, start: int) -> None:
    assert COMPARE(name, text, pattern, start) == ""


@given(PATTERN, TEXT, st.sampled_from(["<%0>", "", "%%-", "z"]), st.sampled_from([None, 0, 1, 3]))
def test_replacements_are_the_library_s(pattern: str, text: str, by: str, most: int | None) -> None:
    if most is None:
        assert COMPARE("gsub", text, pattern, by) == ""
    else:
        assert COMPARE("gsub", text, pattern, by, most) == ""


@given(PATTERN.filter(lambda pattern: not pattern.startswith("^")), TEXT)
def test_iteration_is_the_library_s(pattern: str, text: str) -> None:
    assert COMPARE("gmatch", text, pattern) == ""


@pytest.mark.parametrize("pattern", ["[a", "%", "(a", "a)", "%2", "%b", "%f"])
def test_a_malformed_pattern_is_an_error(pattern: str) -> None:
    assert COMPARE("match", "aab", pattern) in ("", "should not fail")


class Script:
    def __init__(self) -> None:
        self.said: list[str] = []
        bounds = Bounds(idle=3_000_000, total=30_000_000)
        self.engine = Engine(self.said.append, lambda: False, lambda: 0.0, lambda _: None, bounds)

    def run(self, text: str) -> tuple[str, int]:
        outcome = self.engine.run(text)
        return outcome.state, outcome.code


@pytest.mark.parametrize(
    "call",
    [
        "string.find(s, '.-.-.-.-.-.-b')",
        "string.match(s, 'a*a*a*a*a*a*a*b')",
        "string.gsub(s, '(a*)(a*)(a*)(a*)b', '')",
        "for _ in string.gmatch(s, '.-.-.-.-.-b') do end",
        "s:find('(.*)(.*)(.*)(.*)%4b')",
        "pcall(string.find, s, '.-.-.-.-.-.-b')",
        "string.find(string.rep('(', 1e5), '%b()%b()')",
    ],
)
def test_a_pattern_that_backtracks_for_ever_is_ended(call: str) -> None:
    script = Script()
    assert script.run(f"s = string.rep('a', 2000) {call} print('on')") == ("failed", -286)
    assert script.said == []


def test_long_texts_can_be_searched() -> None:
    script = Script()
    lines = [
        "s = string.rep('x', 2e4) .. 'needle'",
        "print(string.find(s, 'needle'))",
        "print(string.find(s, 'nee', 1, true))",
        "print(#string.gsub(s, 'x', ''), string.match(s, 'n%a+'))",
        "print(string.find(s, 'x*$'))",
    ]
    for line in lines[:-1]:
        assert script.run(line)[0] == "done"
    assert script.said[0].split("\t")[0] == "2.00010e+04"
    assert script.said[2].split("\t")[1] == "needle"
    much = "string.find(string.rep('x', 1e6), string.rep('x', 1e5) .. 'y', 1, true)"
    assert script.run(much)[0] == "failed"


def test_replacing_by_functions_and_tables_goes_on_in_a_long_text() -> None:
    script = Script()
    script.run("s = string.rep('a1b2', 400)")
    script.run("t, n = string.gsub(s, '(%a+)(%d+)', function(a, b) return b .. a end)")
    script.run("print(string.sub(t, 1, 8), n, (string.gsub(s, '%a+%d+', {a1 = 'X'})) == s)")
    assert script.said == ["1a2b1a2b\t8.00000e+02\tfalse"]
