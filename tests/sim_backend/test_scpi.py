"""SCPI headers, paths, parameters and errors, on a small table."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_backend.wire.parameters import Boolean, Bound, Choice, Number, Raw, ScpiError, Text, Whole
from sim_backend.wire.scpi import Command, Interpreter, alternatives


class Bench:
    """An instrument with a few commands that notes what it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self.errors: list[int] = []
        self.level = 0.0
        self.interpreter = Interpreter(self.commands(), lambda code, _: self.errors.append(code))

    def note(self, what: str) -> Any:
        return lambda *arguments: self.heard.append((what, *arguments))

    def set_level(self, value: float | Bound) -> None:
        if isinstance(value, Bound):
            value = {Bound.MINIMUM: -20.0, Bound.MAXIMUM: 20.0}.get(value, 0.0)
        if abs(value) > 20:
            raise ScpiError(-222, "level")
        self.level = value

    def commands(self) -> list[Command]:
        choice = Choice({"VOLTage[:DC]": "v", "CURRent[:DC]": "i"}, repeated=True, quoted=True)
        return [
            Command("*IDN", query=lambda: "a,b,c,d"),
            Command("*RST", self.note("rst")),
            Command(
                "[:SOURce[1]]:VOLTage[:LEVel][:IMMediate][:AMPLitude]",
                self.set_level,
                lambda: f"{self.level:g}",
                (Number(suffix="V"),),
            ),
            Command("[:SOURce[1]]:VOLTage:RANGe", self.note("range"), None, (Number(0, 200),)),
            Command(
                ":CALCulate2:LIMit<n>:STATe", self.note("limit"), lambda n: f"{n}", (Boolean(),)
            ),
            Command(":CALCulate3:STATe", self.note("three"), None, (Boolean(),)),
            Command("[:SENSe[1]]:FUNCtion[:ON]", self.note("function"), None, (choice,)),
            Command(":TRIGger:COUNt", self.note("count"), None, (Whole(1, 2500),)),
            Command(":DISPlay:TEXT", self.note("text"), None, (Text(),)),
            Command(":TRACe:DATA", None, lambda *a: ",".join(map(str, a)), asked=(Raw(),) * 3),
            Command(":SOURce:LIST", self.note("list"), None, (Number(repeated=True),)),
            Command(":NOTHing", self.note("nothing")),
        ]

    def __call__(self, line: str) -> list[Any]:
        return self.interpreter.execute(line)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    "header",
    [
        ":SOURce:VOLTage:LEVel:IMMediate:AMPLitude", ":SOUR:VOLT", "volt", "SOUR1:VOLTAGE:LEV",
        "Source:Volt:Level:Imm", ":volt:ampl", ":SOURCE1:VOLTage:AMPL",
    ],
)  # fmt: skip
def test_long_and_short_forms_with_and_without_what_is_optional(bench: Bench, header: str) -> None:
    bench(f"{header} 5E-1")
    assert bench.level == 0.5
    assert bench(f"{header}?") == ["0.5"]
    assert bench.errors == []


@pytest.mark.parametrize(
    "header", [":SOURC:VOLT", ":SOUR2:VOLT", ":VOLTA", ":VOLT:LEVE", "::VOLT", ":VOLT:", ":", "é"]
)
def test_a_header_that_is_neither_form_is_undefined(bench: Bench, header: str) -> None:
    bench(f"{header} 1")
    assert bench.errors == [-113]
    assert bench.level == 0.0


def test_a_path_goes_on_until_a_colon(bench: Bench) -> None:
    bench(":SOUR:VOLT:LEV 1;RANG 10;:TRIG:COUN 5;*RST;COUN 6")
    assert bench.level == 1.0
    assert bench.heard == [("range", 10.0), ("count", 5), ("rst",), ("count", 6)]
    assert bench.errors == []


def test_empty_units_do_nothing(bench: Bench) -> None:
    bench("")
    bench(" ; ;;  ")
    bench("*RST;")
    assert bench.heard == [("rst",)]
    assert bench.errors == []


def test_queries_answer_in_order(bench: Bench) -> None:
    assert bench("*IDN?;:VOLT 2;VOLT?;*IDN?") == ["a,b,c,d", "2", "a,b,c,d"]
    assert bench(":TRAC:DATA? 1, 5,'a,b;c'") == ["1,5,'a,b;c'"]
    assert bench(":TRAC:DATA?") == [""]


def test_numbers_in_headers_are_handed_on(bench: Bench) -> None:
    bench(":CALC2:LIM3:STAT ON;:CALC2:LIM:STAT 0;:CALC3:STAT 1")
    assert bench.heard == [("limit", 3, True), ("limit", 1, False), ("three", True)]
    assert bench(":CALCULATE2:LIMIT12:STATE?") == ["12"]
    bench(":CALC4:STAT 1")
    assert bench.errors == [-113]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (":VOLT", -109), (":VOLT 1,2", -108), (":VOLT foo", -104), (":VOLT 1 A", -131),
        (":VOLT 'text'", -104), (":TRIG:COUN 0", -222), (":TRIG:COUN 1e99", -222),
        (":VOLT:RANG -1", -222), (":VOLT 21", -222), (":FUNC 'RES'", -224), (":FUNC 5", -104),
        (":DISP:TEXT hello", -104), (":DISP:TEXT 'hello", -151), (":VOLT:RANG?", -113),
        (":TRAC:DATA 1", -113), (":NOTH 1", -108), ("*FOO", -113), ("*RST?", -113),
    ],
)  # fmt: skip
def test_what_is_wrong_gets_its_number(bench: Bench, line: str, code: int) -> None:
    assert bench(line) == []
    assert bench.errors == [code]
    assert bench.heard == []


def test_after_a_misunderstood_unit_the_rest_is_left_out_after_a_refused_one_it_is_not(
    bench: Bench,
) -> None:
    assert bench(":VOLT 99;:VOLT?") == ["0"]
    assert bench(":VOLT 3;:FOO 1;:VOLT 4;:VOLT?") == []
    assert (bench.level, bench.errors) == (3.0, [-222, -113])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0), ("+1.5e-3", 1.5e-3), (".5", 0.5), ("5.", 5.0), ("1 V", 1.0), ("2mV", 2e-3),
        ("3 kV", 3e3), ("#H1F", 31.0), ("#b101", 5.0), ("#q17", 15.0), ("1 E 3", 1e3),
        ("MIN", Bound.MINIMUM), ("maximum", Bound.MAXIMUM), ("Def", Bound.DEFAULT),
    ],
)  # fmt: skip
def test_numbers(text: str, value: object) -> None:
    assert Number(suffix="V").read(text) == value


def test_whole_numbers_are_rounded_and_truth_is_what_does_not_round_to_zero() -> None:
    assert Whole().read("2.6") == 3
    assert [Boolean().read(text) for text in ("on", "OFF", "0.4", "-7")] == [
        True,
        False,
        False,
        True,
    ]


def test_lists_and_choices(bench: Bench) -> None:
    bench(":SOUR:LIST 1,2,-3.5")
    bench(":FUNC 'VOLT:DC',\"curr\"")
    bench(":SENS1:FUNC:ON CURRENT:DC")
    assert bench.heard == [("list", 1.0, 2.0, -3.5), ("function", "v", "i"), ("function", "i")]


def test_a_table_that_is_not_written_as_a_manual_would_is_refused() -> None:
    with pytest.raises(ValueError, match="not written"):
        Interpreter([Command("VOLT")], lambda *_: None)
    with pytest.raises(ValueError, match="not a mnemonic"):
        Interpreter([Command(":volt")], lambda *_: None)
    assert list(alternatives(":A[:B:C]")) == [("A", "B", "C"), ("A",)]


def test_understanding_a_line_does_nothing(bench: Bench) -> None:
    assert bench.interpreter.understands(":VOLT 5;*RST")
    assert not bench.interpreter.understands(":VOLT 5;:WHAT 3")
    assert (bench.heard, bench.errors, bench.level) == ([], [], 0.0)


@given(st.text(max_size=60))
def test_nothing_that_is_sent_raises(line: str) -> None:
    bench = Bench()
    bench(line)
    assert all(isinstance(code, int) and code < 0 for code in bench.errors)
    assert math.isfinite(bench.level)


WORDS = st.sampled_from(
    [":", ";", "VOLT", "SOUR", "?", " ", "1", "1e400", "MAX", "*RST", "'", '"', ",", "(", ")", "-",
     "LIM", "CALC2", "STAT", "#H", "#HG", "ON", "nan", "inf", "\t", "FUNC", "LIST"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=25).map("".join))
def test_nothing_that_nearly_makes_sense_raises(line: str) -> None:
    bench = Bench()
    bench(line)
    assert abs(bench.level) <= 20
