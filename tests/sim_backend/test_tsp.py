"""The TSP engine: Lua in a sandbox that ends."""

from __future__ import annotations

import gc
import math
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_backend.wire.tsp import Bounds, Engine, Node, Refusal, sequence


class Host:
    """An engine and what it did to its host."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.printed: list[str] = []
        self.refusals: list[Refusal] = []
        self.interrupt = False
        self.over = True
        self.value = 0.0
        self.engine = Engine(
            self.printed.append,
            lambda: self.interrupt,
            lambda: 1_800_000_000.25,
            self.refusals.append,
            bounds or Bounds(idle=2_000_000, total=20_000_000),
        )
        self.thing = object()
        self.engine.install(
            [
                Node(
                    "box",
                    getters={"value": lambda: self.value},
                    setters={"value": self._set},
                    calls={
                        "sum": lambda values: sum(sequence(values)),
                        "same": lambda value: value is self.thing,
                        "interrupt": self._interrupt,
                    },
                    arrays={"three": lambda: (1.0, 2.0, 3.0)},
                    makers={"make": lambda name: Node(name, objects={"ONE": 1})},
                    objects={
                        "ON": 1,
                        "inner": Node("box.inner", behind=self.thing, element=lambda key: key * 2),
                    },
                )
            ],
            {"nothing": lambda: None, "two": lambda: (1, 2)},
            {"wait": (lambda *_: self.over, lambda *values: values[-1] if values else None)},
        )

    def _set(self, value: Any) -> None:
        if not isinstance(value, int | float):
            raise Refusal(-104)
        if value > 10:
            raise Refusal(1101, "too much")
        self.value = float(value)

    def _interrupt(self) -> None:
        self.interrupt = True

    def run(self, text: str) -> str:
        return self.engine.run(text).state

    def says(self, text: str) -> list[str]:
        assert self.run(text) == "done"
        printed, self.printed[:] = list(self.printed), []
        return printed


@pytest.fixture
def host() -> Host:
    return Host()


def test_print_joins_with_tabs_and_writes_numbers_in_six_digits(host: Host) -> None:
    assert host.says("print(1, 'a', nil, true, -1/3)") == [
        "1.00000e+00\ta\tnil\ttrue\t-3.33333e-01"
    ]
    assert host.says("print()") == [""]
    assert host.says("print('ä\\0\\255')") == ["ä\0ÿ"]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_print_keeps_as_many_digits_as_it_is_told(value: float) -> None:
    host = Host()
    host.engine.number_format = "%.16e"
    (text,) = host.says(f"print({value!r})")
    assert float(text) == value


def test_language_is_lua_5_1_with_what_older_scripts_use(host: Host) -> None:
    assert host.says("print(table.getn({1, 2, 3}), math.mod(7, 4))") == ["3.00000e+00\t3.00000e+00"]
    assert host.says("t = {1, 2} for k, v in ipairs(t) do print(v) end") == [
        "1.00000e+00",
        "2.00000e+00",
    ]
    assert host.says("print('x' .. 8100, tostring(8100))") == ["x8100\t8100"]


def test_globals_live_on_between_messages(host: Host) -> None:
    host.run("x = 5")
    host.run("function f() return x + 1 end")
    assert host.says("print(f())") == ["6.00000e+00"]


def test_a_remembered_message_runs_anew(host: Host) -> None:
    host.run("n = 0")
    for _ in range(3):
        host.run("n = n + 1")
    assert host.says("print(n)") == ["3.00000e+00"]


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("x = = 1", -285, "TSP Syntax error at line 1: unexpected symbol near '='"),
        ("for", -285, "TSP Syntax error at line 1: '<name>' expected near '<eof>'"),
        ("a.b = 1", -286, "TSP Runtime error at line 1: attempt to index global 'a' (a nil value)"),
        ("error('mine')", -286, "TSP Runtime error at line 1: mine"),
        ("error({})", -286, "TSP Runtime error at line 1: "),
        ("box.colour = 1", -286, "TSP Runtime error at line 1: undefined attribute 'box.colour'"),
        ("box.ON = 1", -286, "TSP Runtime error at line 1: cannot modify attribute 'box.ON'"),
        ("coroutine.yield()", -286, "TSP Runtime error at line 1: attempt to yield from outside"),
    ],
)
def test_errors_say_where_and_what(host: Host, text: str, code: int, said: str) -> None:
    outcome = host.engine.run(text)
    assert (outcome.state, outcome.code) == ("failed", code)
    assert outcome.text.startswith(said)


def test_the_line_of_an_error_in_a_script(host: Host) -> None:
    body, problem = host.engine.compile("x = 1\n\nx.y.z = 2\n")
    assert problem == ""
    assert host.engine.start(body).text.startswith("TSP Runtime error at line 3: ")
    assert host.engine.compile("x = 1\ny = = 2\n")[1].startswith("TSP Syntax error at line 2: ")


def test_tables_show_attributes_functions_constants_and_elements(host: Host) -> None:
    assert host.says("box.value = 3 print(box.value, box.ON, box.inner[4])") == [
        "3.00000e+00\t1.00000e+00\t8.00000e+00"
    ]
    assert host.says("print(box.sum({1, 2, 3.5}), box.same(box.inner), box.same({}))") == [
        "6.50000e+00\ttrue\tfalse"
    ]
    assert host.says("print(table.getn(box.three), box.three[2], type(box.sum))") == [
        "3.00000e+00\t2.00000e+00\tfunction"
    ]
    # a client knows a table by how Lua writes it
    made = "local made = box.make('fresh') print(string.sub(tostring(made), 1, 7), made.ONE)"
    assert host.says(made) == ["table: \t1.00000e+00"]
    assert host.says("print(two())") == ["1.00000e+00\t2.00000e+00"]


def test_tables_carry_what_introspecting_clients_walk(host: Host) -> None:
    assert host.says(
        "m = getmetatable(box) print(m.luatype, type(m.Getters.value), type(m.Setters.value), "
        "m.Objects.ON, type(m.Objects.inner))"
    ) == ["synchronous_table\tfunction\tfunction\t1.00000e+00\ttable"]


def test_a_refusal_is_reported_and_the_script_goes_on(host: Host) -> None:
    assert host.says("box.value = 4 box.value = 11 print(box.value)") == ["4.00000e+00"]
    assert [refusal.code for refusal in host.refusals] == [1101]


@pytest.mark.parametrize(("call", "code"), [("box.same()", -109), ("nothing(1)", -108)])
def test_a_wrong_number_of_arguments_is_a_refusal(host: Host, call: str, code: int) -> None:
    assert host.run(call) == "done"
    assert [refusal.code for refusal in host.refusals] == [code]


def test_not_a_table_is_a_refusal(host: Host) -> None:
    assert host.run("box.sum(3)") == "done"
    assert [refusal.code for refusal in host.refusals] == [-104]


# -- waiting -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrapped",
    [
        "wait(7)",
        "pcall(wait, 7)",
        "xpcall(function() wait(7) end, print)",
        "coroutine.wrap(function() wait(7) end)()",
        "pcall(function() coroutine.wrap(function() pcall(wait, 7) end)() end)",
    ],
)
def test_a_wait_parks_the_script_and_goes_on_where_it_was(host: Host, wrapped: str) -> None:
    host.over = False
    assert host.run(f"local x = 1 {wrapped} print(x)") == "parked"
    assert host.engine.resume().state == "parked"
    assert host.printed == []
    host.over = True
    assert host.engine.resume().state == "done"
    assert host.printed == ["1.00000e+00"]


def test_a_wait_hands_on_its_arguments_and_result(host: Host) -> None:
    assert host.says("print(wait(1, 2, 3))") == ["3.00000e+00"]


def test_coroutines_of_a_script_work(host: Host) -> None:
    assert host.says(
        "co = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) "
        "pcall(function() b = coroutine.yield(b * 2) end) return b end) "
        "print(co(1), co(10), co('end'))"
    ) == ["2.00000e+00\t2.00000e+01\tend"]


def test_protected_calls_catch_what_is_wrong(host: Host) -> None:
    assert host.says("print(pcall(function() return 1, nil, 3 end))") == [
        "true\t1.00000e+00\tnil\t3.00000e+00"
    ]
    assert host.says("print(select('#', pcall(error)))") == ["2.00000e+00"]
    assert host.says(
        "print(xpcall(function() error('k', 0) end, function(m) return m .. '!' end))"
    ) == ["false\tk!"]


# -- bounds --------------------------------------------------------------------------------------

RUNAWAYS = [
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "repeat until pcall(error) and false",
    "coroutine.wrap(function() while true do end end)()",
    "while true do coroutine.wrap(function() while true do end end)() end",
    "local function f() pcall(f) while true do end end f()",
    "while true do xpcall(function() while true do end end, function() while true do end end) end",
    "setmetatable({}, {__index = function(t, k) while true do end end}).x()",
    "table.sort({1, 2, 3, 4}, function() while true do end end)",
    "string.gsub(('a'):rep(100), '.', function() while true do end end)",
]


@pytest.mark.parametrize("text", RUNAWAYS)
def test_a_runaway_is_ended(host: Host, text: str) -> None:
    outcome = host.engine.run(text)
    assert (outcome.state, outcome.code) == ("failed", -286)
    assert "does not come to an end" in outcome.text
    assert host.says("print(1)") == ["1.00000e+00"]


def test_a_script_that_lets_time_pass_may_be_long() -> None:
    host = Host(Bounds(idle=100_000, total=20_000_000))
    host.engine.install([], {"tick": host.engine.time_passed}, {})
    assert host.run("for i = 1, 50000 do tick() end") == "done"
    assert host.run("for i = 1, 500000 do end") == "failed"
    assert host.run("while true do tick() end") == "failed"


@pytest.mark.parametrize(
    "text",
    [
        "local t = {} while true do t[#t + 1] = ('x'):rep(1e6) .. #t end",
        "local s = 'x' while true do s = s .. s end",
        "x = string.rep('x', 1e12)",
        "string.format('%99999d', 1)",
        "local function f() return 1 + f() end f()",
    ],
)
def test_memory_and_stack_are_bounded(host: Host, text: str) -> None:
    assert host.engine.run(text).code in (-225, -286)
    assert host.says("print(1)") == ["1.00000e+00"]


def test_garbage_is_not_mistaken_for_use(host: Host) -> None:
    host.run("local t = {} while true do t[#t + 1] = ('x'):rep(1e6) .. #t end")
    for _ in range(20_000):
        assert host.run("x = {1, 2, 3}") == "done"


def test_an_interrupt_ends_a_script_that_would_not(host: Host) -> None:
    assert (
        host.run("pcall(function() box.interrupt() while true do end end) print('on')") == "stopped"
    )
    assert host.printed == []
    host.interrupt = False
    assert host.says("print(1)") == ["1.00000e+00"]


@pytest.mark.parametrize("text", ["{}()", "pcall({})", "coroutine.wrap({})()", "xpcall({}, print)"])
def test_what_breaks_in_the_host_is_not_the_script_s_to_catch(host: Host, text: str) -> None:
    def broken() -> None:
        raise OSError("the disk is full")

    host.engine.install([], {"broken": broken}, {})
    with pytest.raises(OSError, match="the disk is full"):
        host.engine.run(text.format("broken") + " print('on')")
    assert host.printed == []
    assert host.says("print(1)") == ["1.00000e+00"]


def test_a_closed_engine_gives_everything_back() -> None:
    host = Host()
    gone = weakref.ref(host.engine)
    host.engine.close()
    del host
    gc.collect()
    assert gone() is None


# -- the host ------------------------------------------------------------------------------------

ESCAPES = [
    "io",
    "package",
    "debug",
    "python",
    "require",
    "module",
    "load",
    "loadfile",
    "dofile",
    "getfenv",
    "setfenv",
    "newproxy",
    "string.dump",
    "os.execute",
    "os.remove",
    "os.exit",
    "os.getenv",
    "_G.python",
    "_G.host",
]


@pytest.mark.parametrize("name", ESCAPES)
def test_nothing_that_reaches_the_host_is_there(host: Host, name: str) -> None:
    assert host.says(f"print({name})") == ["nil"]


@pytest.mark.parametrize(
    "text",
    [
        "print(getmetatable(box).Getters.value.__globals__)",
        "print(getmetatable(box).Getters.value['__class__'])",
        "getmetatable(box).Getters.value.x = 1",
        "print(getmetatable(box).Getters.value.__self__.engine)",
        "for k in pairs(getmetatable(box).Getters.value) do print(k) end",
        "print(#getmetatable(box).Getters.value)",
        "loadstring('\\27Lua')()",
        "string.dump(print)",
        "getmetatable(box).Getters.value()('x')",
        "print(setmetatable({}, {__tostring = function() return {} end}))",
    ],
)
def test_attempts_to_look_into_the_host_fail(host: Host, text: str) -> None:
    outcome = host.engine.run(text)
    assert (outcome.state, outcome.code) == ("failed", -286)
    assert host.printed == []


def test_host_functions_do_not_fall_over_strange_arguments(host: Host) -> None:
    for value in ("nil", "{}", "print", "'text'", "0/0", "1/0", "coroutine.create(print)", "box"):
        host.engine.run(f"box.value = {value}")
        host.engine.run(f"box.sum({value})")
    assert host.run("print(1)") == "done"


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_any_text_ends_in_an_outcome(text: str) -> None:
    host = SHARED
    assert host.engine.run(text).state in ("done", "failed", "parked", "stopped")


@given(
    st.lists(
        st.sampled_from(
            ["box", ".", "value", "=", "1", "(", ")", "{", "}", "'a'", "print", "pcall", "wait",
             "coroutine.wrap", "function()", "end", "return", "if", "then", ",", "..", "nil",
             "getmetatable", "setmetatable", "_G", "[", "]", "local x", "for i=1,3 do"]
        ),
        max_size=14,
    )
)  # fmt: skip
def test_any_row_of_words_ends_in_an_outcome(words: list[str]) -> None:
    host = Host()
    assert host.engine.run(" ".join(words)).state in ("done", "failed", "parked", "stopped")


SHARED = Host()


def test_infinities_and_not_a_number_are_printed(host: Host) -> None:
    (text,) = host.says("print(1/0, -1/0, 0/0)")
    positive, negative, neither = text.split("\t")
    assert float(positive) == math.inf
    assert float(negative) == -math.inf
    assert math.isnan(float(neither))
